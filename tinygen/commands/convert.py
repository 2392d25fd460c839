"""`tinygen convert`: somebody's fitted model as a tiny integer model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.boards import find_board
from ..common.errors import UsageError, plain
from ..common.files import require_file_place
from ..common.progress import Progress, silent
from ..common.tables import counted
from ._limits import alarm_levels, budgeted, trust_pickle_option
from ._made import manifested
from ._options import (
    FILE,
    Selection,
    board_option,
    model_out,
    name_from,
    name_option,
    require_room,
    selected_data,
)
from ._show import of_model, of_rows, progress, shows
from ._spec import FromSpec

if TYPE_CHECKING:
    from ..common.boards import Board
    from ..data import Dataset, Table
    from ..importers import Converted
    from ..importers.files import Opened
    from ..model.model import Model
    from ..target.bare import ModelCost
    from ..target.build import Budget


@dataclass(frozen=True)
class ConvertRequest:
    """Which model is to be converted, with which rows, for which chip, and where to put it."""

    source: Path
    rows: Selection
    out: Path
    threshold: float | None = None  # alarm above this level, in the answer's unit
    alarm_below: float | None = None  # alarm below this level
    name: str | None = None  # prefix of every C name; None: from `out`
    board: str = "uno"
    budget: Budget | None = None
    trust_pickle: bool = False


@dataclass(frozen=True)
class ConvertedModel:
    """A model just converted and saved."""

    path: Path
    model: Model
    library: str  # that the original was made with
    notes: tuple[str, ...]
    verdict: tuple[str, ...]  # lines: what conversion to integers lost and saved

    def text(self) -> str:
        """The model, what is proven of it, and the verdict."""
        model, facts = self.model, self.model.training
        names = ", ".join(q.name for q in model.inputs)
        lines = [
            *(f"note: {note}" for note in self.notes),
            f"model    {self.path}: {facts['converted']['from']} of {self.library}, inputs {names}",
            _rows_line(model),
        ]
        lines += _written(model)
        return "\n".join(lines) + "\n" + self.judged()

    def judged(self) -> str:
        """What is proven of the model, and the verdict."""
        from ..report.words import alarm_words

        model, facts = self.model, self.model.training["converted"]
        lines = [f"steps    {_reference(facts['reference'])}", f"proof    {_proof(model)}"]
        if model.band:
            lines.append(f"alarm    {alarm_words(model)}")
        return "\n".join(lines) + "\n\n" + "\n".join(self.verdict)

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            **of_model(self.path, self.model),
            "library": self.library,
            **of_rows(self.model),
            **self.plain_figures(),
        }

    def plain_figures(self) -> dict[str, Any]:
        """What is known of the conversion, plain JSON values."""
        facts = self.model.training
        return {
            "metrics": facts["metrics"],
            "converted": facts["converted"],
            "notes": list(self.notes),
            "verdict": facts["verdict"],
        }


@dataclass(frozen=True)
class ConvertedOutputs:
    """A model of several outputs, just converted and saved."""

    model: Model
    each: tuple[ConvertedModel, ...]  # as if each output were a model of its own

    def text(self) -> str:
        """The model, then what is known of each output."""
        from ..report.words import together

        first, model = self.each[0], self.model
        notes = dict.fromkeys(note for one in self.each for note in one.notes)
        lines = [
            *(f"note: {note}" for note in notes),
            f"model    {first.path}: {model.training['converted']['from']} of {first.library}, "
            f"{len(model.outputs)} outputs, inputs {', '.join(q.name for q in model.inputs)}",
            _rows_line(model),
            f"together {together(model)}",
            *_written(model),
        ]
        parts = ["\n".join(lines)]
        for k, one in enumerate(self.each, 1):
            name = plain(one.model.output.name)
            parts.append(f"output   {k} of {len(self.each)}: {name}\n{one.judged()}")
        return "\n\n".join(parts)

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            **of_model(self.each[0].path, self.model),
            "library": self.each[0].library,
            **of_rows(self.model),
            "together": self.model.training["together"],
            "outputs": [
                {"name": one.model.output.name, **one.plain_figures()} for one in self.each
            ],
        }


def _rows_line(model: Model) -> str:
    facts = model.training
    return (
        f"rows     {facts['rows_train']:,} to calibrate, {facts['rows_test']:,} to judge "
        f"({facts['split']} split), which the original may have been fitted on; "
        f"{facts['rows_read']:,} read: {facts['rows_dropped']:,} incomplete"
    )


def _written(model: Model) -> list[str]:
    """What the C is written for, if that was chosen."""
    if model.optimize == "balanced":
        return []
    return [f"written  for {model.optimize}, which suits this model and the budget best"]


def _reference(checked: dict[str, Any]) -> str:
    """How the float steps compare with the original."""
    if "bit_equal" in checked:
        return (
            "the integers are those of the original, bit-equal to TFLite's reference kernels on "
            f"{checked['bit_equal']:,} of {checked['rows']:,} rows"
        )
    if "differing" in checked:
        few = f" but {checked['differing']} of" if checked["differing"] else ""
        return f"the float steps name the original's class in all{few} {checked['rows']:,} rows"
    return (
        f"the float steps are within {checked['largest_difference']:.2g} of the original's own "
        f"answers on {checked['rows']:,} rows"
    )


def _proof(model: Model) -> str:
    """What is proven for every row within the accepted ranges."""
    from ..report.words import with_unit

    found, parts = model.training["converted"], []
    if found["same_leaves"]:
        parts.append("the integer trees take the float trees' branches on every accepted row")
    if found["bound"] == 0 and model.labels:
        parts.append("every class is the float model's")
    elif found["bound"] is not None:
        parts.append(
            f"no answer is farther than {with_unit(found['bound'], model)} from the float one, "
            "held within the output's range"
        )
    if found["margin"]:
        parts.append(
            f"no class changes where the float scores are {found['margin']:.3g} or more from a tie"
        )
    if not parts:
        parts.append("no bound is known for this kind of model")
    return "; ".join([*parts, _measured(model)])


def _measured(model: Model) -> str:
    """What the integers change on the rows that they were calibrated on."""
    from ..report.words import with_unit

    found = model.training["converted"]["measured"]
    if model.labels:
        return f"on the rows to calibrate {found['changed']:.2%} have another class"
    mean, largest = (with_unit(found[key], model) for key in ("mean", "largest"))
    return f"on the rows to calibrate {mean} on average, {largest} at most"


def convert(
    request: ConvertRequest, progress: Progress = silent
) -> ConvertedModel | ConvertedOutputs:
    """Converts a model file and saves the integer model; the file is written only when everything
    went well.
    """
    from ..codegen.emit import check_prefix
    from ..importers import converted_each
    from ..importers.files import open_model
    from ..model.parts import check_name

    chip = find_board(request.board)
    name = check_prefix(check_name(request.name or name_from(request.out)))
    require_file_place(request.out)
    opened = open_model(request.source, request.trust_pickle)
    datasets = _datasets(opened, request.rows)
    progress("converting to integers")
    targets = [_targets(dataset) for dataset in datasets] if request.rows.target else None
    levels = request.threshold, request.alarm_below
    found = converted_each(opened.floats, datasets, name, levels, opened.predict, targets)
    inputs = {q.name for one in found for q in one.model.inputs}
    require_room(len(inputs), "train the model on fewer columns")
    progress(f"compiling and simulating for {chip.title}")
    each, model = _afforded(found, chip, request.budget)
    model.save(request.out)
    models = model.singles if model.more else (model,)
    told = tuple(
        ConvertedModel(request.out, one, opened.library, (*own.dataset.notes, *own.notes), lines)
        for one, own, lines in zip(models, found, each)
    )
    return ConvertedOutputs(model, told) if model.more else told[0]


def _afforded(
    found: list[Converted], chip: Board, budget: Budget | None
) -> tuple[list[tuple[str, ...]], Model]:
    """The verdict's lines for each output, and the model; UsageError where it costs too much."""
    from ..importers.budget import affordable, written
    from ..search.several import joined_model, together_facts
    from ..target.bare import measure_cost
    from ..target.build import NO_LIMITS

    if len(found) == 1:
        model, lines = _judged(*affordable(found[0], chip, budget), chip)
        return [lines], model
    limits = budget or NO_LIMITS
    model, cost = written(joined_model([one.model for one in found]), chip, limits)
    together = together_facts(model, cost, chip, limits)
    each = []
    for one in found:
        alone = replace(one.model, optimize=model.optimize)
        each.append(_judged(replace(one, model=alone), measure_cost(alone, chip), chip))
    model = joined_model([model for model, _ in each])
    facts = {**model.training, "together": together}
    return [lines for _, lines in each], replace(model, training=facts)


def _datasets(opened: Opened, rows: Selection) -> list[Dataset]:
    """The rows for each output; UsageError where there is not one target for each."""
    outputs, table = len(opened.floats.singles), rows.table()
    if not rows.target:
        return [_rows(opened, rows, table)] * outputs
    named = rows.target, *rows.beside
    if len(named) != outputs:
        raise UsageError(
            f"the model answers with {counted(outputs, 'number')}, {len(named)} --target are "
            "given: name a column for each, in its order"
        )
    if outputs == 1:
        return [_rows(opened, rows, table)]
    return [_rows(opened, one, table) for one in rows.each(table, "regression")]


def _rows(opened: Opened, rows: Selection, table: Table) -> Dataset:
    """The rows in the model's columns: by its own names, those of --inputs, or in file order."""
    wanted = opened.floats.inputs
    classes = bool(opened.floats.head.labels)
    if rows.inputs is None and opened.named:
        rows = rows.only(wanted)
    dataset = rows.readings(table, rows.target, classes)
    if len(dataset.inputs) != len(wanted):
        named = ", ".join(q.name for q in dataset.inputs[:12])
        raise UsageError(
            f"the model reads {len(wanted)} columns, {table.path_name} gives "
            f"{len(dataset.inputs)} ({named}): name them in the model's order with --inputs"
        )
    if rows.inputs is None and not opened.named:
        named = ", ".join(q.name for q in dataset.inputs)
        return dataset.noted(
            f"the model does not name its inputs: it reads {named}, in the order of the file "
            "(--inputs says another)"
        )
    return dataset


def _targets(dataset: Dataset) -> Any:
    """Targets as the original knows them: numbers or labels."""
    import numpy as np

    if dataset.labels:
        return np.array(dataset.labels, dtype=object)[dataset.y]
    return dataset.target.to_physical(dataset.y)


def _judged(found: Converted, cost: ModelCost, chip: Board) -> tuple[Model, tuple[str, ...]]:
    """The model with the verdict among its facts, and the verdict's lines."""
    from ..report.words import beaten
    from ..search.comparators import constant_answer
    from ..search.conversion import (
        conversion_facts,
        conversion_lines,
        judge_conversion,
        of_original,
    )
    from ..target.proof import proof_lines, prove_answers

    dataset, model = found.dataset, found.model
    own = model.training["converted"]["own_answers"]
    verdict = judge_conversion(model, dataset, found.answers[dataset.test], chip, cost)
    verdict = of_original(verdict, dataset, own)
    proof = prove_answers(model, chip)
    told = {**model.training, "verdict": conversion_facts(verdict), "proof": proof}
    model = replace(model, training=told)
    lines = [*conversion_lines(verdict), *proof_lines(proof, chip)]
    if not own:
        lines += [
            f"but        {doubt}; check that it reads the right columns, in its units"
            for doubt in beaten(model, 0, [constant_answer(dataset)])
        ]
    return model, tuple(lines)


@click.command("convert", cls=FromSpec)
@click.argument("source", type=FILE, metavar="MODEL")
@selected_data
@alarm_levels("the answer's unit")
@name_option
@board_option
@budgeted
@trust_pickle_option
@model_out
@shows
@manifested
def command(**options):
    """Turn a fitted model into a tiny integer model.

    MODEL is a scikit-learn pipeline saved with skops.io.dump, a forest of XGBoost or LightGBM, an
    ONNX graph or a TFLite net, told by its content; scalers fold into what follows. The rows
    calibrate ranges and steps and judge what the conversion changed.

    \b
    Example:
      tinygen convert benzene.skops --data AirQualityUCI.csv --target "C6H6(GT)" -o benzene.json
    """
    with progress() as say:
        return convert(ConvertRequest(**options), say)
