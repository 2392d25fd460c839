"""All that is known of one trained model, gathered in one place: what the report and the card are
made from.

    gather(path, csv, run) -> Dossier

Nothing is trained or chosen here. What the model file and the ladder beside it keep is read; with
the CSV file the test rows are found again, which the file's hash and the stored error prove to be
the same rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ... import data
from ...codegen.emit import emit_project
from ...common.boards import BOARDS
from ...common.errors import BuildError, CheckError, EmitError, ModelError, UsageError
from ...common.files import ladder_path, read_words
from ...common.progress import Progress, silent
from ...data import Dataset, Table
from ...data.audit import SEVERITIES, Audit, audit
from ...data.dataset import Finding, findings_in
from ...data.reference import missing_codes
from ...model.fixedpoint import Quantity
from ...model.model import Model, load
from ...search.conversion import Conversion, read_conversion
from ...search.ladder import Ladder, Rung, load_ladders
from ...search.quantization import class_metrics, metrics
from ...target.build import Firmware, build_firmware, build_program
from ...target.toolchain import ensure, need_simavr
from ..background import (
    background_of,
    is_training_file,
    training_choices,
    training_dataset,
    training_rows,
)
from ..shapley import MOST_INPUTS, Sensitivity, sensitivities, spread_over
from ..words import is_converted
from .profile import StepCycles, profile
from .runs import Run, read_run

BOARD = "uno"  # whose firmware is weighed, and runs in the page
OTHERS = ("megaatmega2560",)  # whose firmware the page can load into a real board as well
CURVE_POINTS = 360  # readings at which a curve is asked
BACKGROUND = 50  # rows that the other sensors take their readings from


@dataclass(frozen=True)
class Tests:
    """The test rows, which the model has never seen, and its answers to them."""

    dataset: Dataset
    x: np.ndarray  # int64 (n, inputs of the model), raw
    y: np.ndarray  # int64 (n,), raw; with labels class indices
    answers: np.ndarray  # int64 (n,), raw
    clamped: np.ndarray  # bool (n,): a reading lies beyond the accepted range
    lines: np.ndarray  # int64 (n,), lines of the file
    time: np.ndarray | None  # datetime64[s] (n,)

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Curve:
    """What the integer model answers on average when one sensor is set to each reading in turn."""

    quantity: Quantity
    raw: np.ndarray  # int64 (k,): readings over the whole accepted range
    mean: np.ndarray  # (k,) in the output's unit; for classes (k, classes): part of the answers
    low: np.ndarray  # tenth percentile over the background rows; for classes as `mean`
    high: np.ndarray  # ninetieth
    one: np.ndarray  # for one row alone, whose steps no mean smooths


@dataclass(frozen=True)
class Dossier:
    """A model, its origin, its errors and its costs. What could not be had is None, and `gaps` says
    why.
    """

    model: Model
    ladder: Ladder | None
    verdict: Conversion | None
    sensitivities: tuple[Sensitivity, ...]
    curves: tuple[Curve, ...]
    tests: Tests | None = None
    audit: Audit | None = None
    run: Run | None = None
    firmware: Firmware | None = None
    programs: dict[str, str] = field(default_factory=dict)  # Intel HEX by board; `firmware` first
    steps: tuple[StepCycles, ...] = ()  # of an inference on the firmware's board
    note: str = ""  # the user's words
    gaps: tuple[str, ...] = ()  # one line each: what is left out, and what to type
    outputs: tuple[Dossier, ...] = ()  # of a model of several: each as a model of its own

    @property
    def each(self) -> tuple[Dossier, ...]:
        """The dossier of every output; of a model of one output its own."""
        return self.outputs or (self,)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What `train` found in the rows, and what else the audit does, where the file is given."""
        if self.outputs:
            found = dict.fromkeys(f for one in self.outputs for f in one.findings)
            return tuple(sorted(found, key=lambda f: SEVERITIES.index(f.severity)))
        kept = findings_in(self.model.training)
        known = {(f.kind, f.columns) for f in kept}
        others = self.audit.findings if self.audit else ()
        every = [*kept, *(f for f in others if (f.kind, f.columns) not in known)]
        return tuple(sorted(every, key=lambda f: SEVERITIES.index(f.severity)))

    @property
    def rung(self) -> Rung | None:
        """The model's own rung of the ladder."""
        return self.ladder.rungs[self.ladder.chosen] if self.ladder else None


def gather(
    path: Path,
    csv: Path | Sequence[Path] | None = None,
    run: Path | None = None,
    note: Path | None = None,
    with_board: bool = True,
    progress: Progress = silent,
    what: str = "report",
) -> Dossier:
    """The dossier of a model file. csv: the file it was trained on; run: of `tinygen stream -o`;
    what: it is for, in messages.
    """
    model = _trained_model(path, what)
    ladders, gaps = _ladders(path, model)
    words = read_words(note, "note").strip() if note else ""
    table = _training_table(model, csv) if csv else None
    if not csv:
        gaps += (
            "errors row by row and the audit of the data need the training file: "
            f"add --data {model.training.get('source', 'CSV')}",
        )
    streamed = read_run(run, model, table) if run else None
    each = tuple(
        _of_output(one, ladder, table, progress) for one, ladder in zip(model.singles, ladders)
    )
    gaps += tuple(dict.fromkeys(gap for one in each for gap in one.gaps))
    firmware, programs, steps, why = _board(model, with_board, progress)
    d = each[0]
    if model.more:
        d = Dossier(model, None, None, (), (), audit=d.audit, outputs=each)
    gaps += (why,) if why else ()
    return replace(
        d, run=streamed, firmware=firmware, programs=programs, steps=steps, note=words, gaps=gaps
    )


def _of_output(
    model: Model, ladder: Ladder | None, table: Table | None, progress: Progress
) -> Dossier:
    """What is known of one output, as a model of its own."""
    tests = test_rows(model, table) if table else None
    found = _audit(model, table, progress) if table else None
    progress("asking the integer model what each sensor does")
    background = background_of(model).rows if tests is None else training_rows(model, tests.dataset)
    parts, too_many = _sensitivities(model, background)
    return Dossier(
        model,
        ladder,
        read_conversion(model),
        parts,
        tuple(curve(model, i, background) for i in range(len(model.inputs))),
        tests,
        found,
        gaps=(too_many,) if too_many else (),
    )


def _trained_model(path: Path, what: str) -> Model:
    """The model of a file; UsageError for one without errors on test rows."""
    model = load(path)
    if "metrics" not in model.training:
        why = "it was converted from Python" if is_converted(model) else "a guard has none"
        raise UsageError(
            f"model '{model.name}' ({model.family}) keeps no errors on test rows, as {why}: a "
            f"{what} is for models that `tinygen train` or `tinygen convert` wrote; see "
            "`tinygen explain` and `tinygen monitor`"
        )
    return model


def _ladders(path: Path, model: Model) -> tuple[tuple[Ladder | None, ...], tuple[str, ...]]:
    """The ladder of each output beside a model file, its own rung the chosen one, or why there are
    none.
    """
    place, none = ladder_path(path), (None,) * len(model.singles)
    again = (
        f"the ladder, the baselines and the spread over the folds need {place.name} beside the "
        "model: "
        "keep what `tinygen train` writes"
    )
    if not place.is_file():
        return none, (again,)
    ladders = load_ladders(place)
    found = [_with_own_rung(ladder, one) for ladder, one in zip(ladders, model.singles)]
    if len(ladders) != len(none) or None in found:
        return none, (
            f"{place.name} is of another training, model {model.model_id:08x} is not in it: its "
            "ladder is left out",
        )
    return tuple(found), ()


def _with_own_rung(ladder: Ladder, model: Model) -> Ladder | None:
    """The ladder with the model's rung as the chosen one; None where it has none. The name is that
    of the whole model.
    """
    own = [
        k
        for k, rung in enumerate(ladder.rungs)
        if replace(rung.model, name=model.name).model_id == model.model_id
    ]
    if not own:
        return None
    return replace(ladder, chosen=ladder.chosen if ladder.chosen in own else own[0])


# ---- rows ----


def _training_table(model: Model, csv: Path | Sequence[Path]) -> Table:
    """The table of a CSV file; UsageError where it is not the one that the model was trained on."""
    table = data.load_tables(csv, missing_codes(model), target=model.output.name)
    stated = model.training.get("sha256")
    if stated is None:
        raise ModelError(
            "the model does not say which file it was trained on: train it again with this version"
        )
    if not is_training_file(model, table):
        raise UsageError(
            f"'{table.path_name}' has sha256 {table.sha256[:12]}.., the model was trained on "
            f"{model.training['source']} "
            f"with {stated[:12]}..: give that file; other rows are judged by `tinygen monitor` "
            "and `tinygen predict`"
        )
    return data.as_trained(table, model.inputs, model.training.get("date_order", ""))


def test_rows(model: Model, table: Table) -> Tests:
    """The rows that were kept from the training; ModelError where the stored error is not found on
    them again.
    """
    facts = model.training
    dataset = training_dataset(model, table)
    x, y = dataset.x[dataset.test][:, dataset.columns_of(model.inputs)], dataset.y[dataset.test]
    answers = model.decided.answer(x)
    found = (
        class_metrics(answers, answers, y, model.labels)
        if model.labels
        else metrics(answers, answers, y, model.output.scale)
    )
    key = "error_rate" if model.labels else "mae"
    if len(y) != facts["rows_test"] or found[key] != facts["metrics"][key]:
        raise ModelError(
            f"the {facts['rows_test']} test rows with error {facts['metrics'][key]} are not "
            "found again "
            f"in {table.path_name} ({len(y)} rows, {found[key]}): train it again with this version"
        )
    lines, time = dataset.provenance.lines, dataset.provenance.time
    assert lines is not None, "rows of a table know their lines"
    return Tests(
        dataset,
        x,
        y,
        answers,
        model.saturate(x)[1],
        lines[dataset.test],
        None if time is None else time[dataset.test],
    )


def _audit(model: Model, table: Table, progress: Progress) -> Audit:
    units = {
        q.name: q.unit
        for q in (*model.inputs, *(() if model.labels else (model.output,)))
        if q.unit
    }
    return audit(
        table, model.output.name, units=units, progress=progress, **training_choices(model)
    )


# ---- what the integer model does ----


def curve(model: Model, place: int, rows: np.ndarray) -> Curve:
    """Partial dependence on input `place`, over its limits, against raw rows (n, inputs)."""
    quantity, background = model.inputs[place], spread_over(rows, BACKGROUND)
    low, high = quantity.limits
    raw = np.unique(
        np.linspace(low, high, min(CURVE_POINTS, high - low + 1)).round().astype(np.int64)
    )
    mixed = np.repeat(background[None], len(raw), axis=0)
    mixed[:, :, place] = raw[:, None]
    answers = model.decided.answer(mixed.reshape(-1, len(model.inputs)))
    answers = answers.reshape(len(raw), len(background))
    if model.labels:
        share = np.stack([(answers == k).mean(axis=1) for k in range(len(model.labels))], axis=1)
        return Curve(quantity, raw, share, share, share, share)
    physical = model.output.to_physical(answers)
    tenth, ninetieth = np.quantile(physical, [0.1, 0.9], axis=1)
    middle = int(np.argsort(physical.mean(axis=0), kind="stable")[len(background) // 2])
    return Curve(
        quantity,
        raw,
        physical.mean(axis=1),
        tenth,
        ninetieth,
        physical[:, middle],
    )


# ---- the firmware ----


def _sensitivities(model: Model, background: np.ndarray) -> tuple[tuple[Sensitivity, ...], str]:
    """What each sensor contributes, or why that is left out."""
    if len(model.inputs) <= MOST_INPUTS:
        return sensitivities(model, background), ""
    return (), (
        f"sensitivities are exact for at most {MOST_INPUTS} inputs, this model has "
        f"{len(model.inputs)}"
    )


def _board(
    model: Model, wanted: bool, progress: Progress
) -> tuple[Firmware | None, dict[str, str], tuple[StepCycles, ...], str]:
    """As `_firmware`, or why the board that runs in the page is left out."""
    if not wanted:
        reason = "--no-board was given"
    elif any(q.offset for q in model.inputs):
        reason = "its sliders know no offsets"
    else:
        return _firmware(model, progress)
    return None, {}, (), f"the board is left out: {reason}"


def _firmware(
    model: Model, progress: Progress
) -> tuple[Firmware | None, dict[str, str], tuple[StepCycles, ...], str]:
    """The model's firmware for the Uno, the programs for it and for other boards, its steps, or
    the reason why there is none. Nothing is installed.
    """
    board, *others = boards = [BOARDS[name] for name in (BOARD, *OTHERS)]
    try:
        need_simavr(ensure(install=False))
        with tempfile.TemporaryDirectory(prefix="tinygen-") as folder:
            project = emit_project(model, Path(folder), boards)
            firmware = build_firmware(project, board, progress=progress)
            programs = {board.pio_id: firmware.hex.read_text(encoding="ascii")}
            for other in others:
                elf = build_program(Path(folder), other, progress)
                programs[other.pio_id] = elf.with_suffix(".hex").read_text(encoding="ascii")
            return firmware, programs, profile(model, board), ""
    except (BuildError, CheckError, EmitError) as error:
        return (
            None,
            {},
            (),
            f"the running {board.title} and its firmware's cost are left out: {error}",
        )
