"""The verdict on a conversion: is accuracy lost, and is it worthwhile?

Accuracy is judged on the test rows, the float model as it was fitted against the integer model as
the chip computes it. Cost is measured on the simulated chip: the integer model against the same
chain of nodes in soft float (`float_model.render_float`), both compiled alone with the same
options. The float model is charged with the library's float routines, some 0.5 to 0.9 KB; a program
that uses float elsewhere has them anyway.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from ..codegen.float_model import render_float
from ..common.boards import BOARDS, Board
from ..common.errors import DoesNotFit, ModelError
from ..common.tables import counted
from ..data import Dataset
from ..fitting.weighted import margin
from ..model.model import Model
from ..target.bare import BareChip, ModelCost, measure_cost
from .cross_validation import IMMATERIAL

TOLERANCE = 0.005  # part of the error, or of the rows of a classifier, that counts as nothing lost
BAD = 0.05  # the same, from where on the model should not be used as it is
EQUAL = 0.05  # sizes and times this close count as the same
FEW_ROWS = 100  # test rows; where there are fewer, a loss is said with their number
CHIP_ROWS = 64  # test rows on which the float program is compared with the integer model


@dataclass(frozen=True)
class Row:
    """One test row in physical values (labels for classes), for people to look at."""

    line: int | str | None  # of the file, "12 of b.csv" of several; None without a file
    inputs: tuple[tuple[str, float], ...]
    true: float | str
    float_answer: float | str
    integer_answer: float | str


@dataclass(frozen=True)
class Decisions:
    """Alarm decisions that the conversion changed."""

    changed: int
    spoilt: int  # right in float, wrong in integers
    mended: int  # the other way round


@dataclass(frozen=True)
class Conversion:
    """What conversion to integers lost and what it saved, on one board."""

    model: Model
    board: Board
    rows: int  # test rows
    # mean absolute, in the output's unit; of a classifier the part of rows answered wrongly
    float_error: float
    integer_error: float
    differing: int  # rows that the two answer differently
    worst: Row | None  # where they differ most; None if they never do
    alarms: Decisions | None  # None without a threshold
    integer_cost: ModelCost
    float_cost: ModelCost | None  # None where the float model does not fit the board
    float_gap: (
        int | None
    )  # raw steps: farthest that the float program is from the integer model on test rows
    # half the interval of 95 % around the mean difference of the two errors, row by row, in their
    # unit; 0 where the two never differ, and in files of versions that did not know it
    margin: float = 0.0
    imported: bool = False  # somebody else's model, which is not fitted again
    # of a model judged against its float form's own answers: their mean absolute deviation
    own_spread: float | None = None

    @property
    def loss(self) -> float:
        """Part of the float model's error that conversion added, 0.01 = 1 %; of a classifier part
        of the rows. Against its own answers the float model has no error: part of their spread.
        """
        if self.model.labels:
            return self.integer_error - self.float_error
        if self.own_spread is not None:
            return self.integer_error / max(self.own_spread, self.model.output.scale)
        step = self.model.output.scale / max(
            self.rows, 1
        )  # the least error above none, should float have none
        return (self.integer_error - self.float_error) / max(self.float_error, step)

    @property
    def immaterial(self) -> bool:
        """True if the error grew by so little of the data's own step that the rows cannot tell."""
        return (
            not self.model.labels
            and self.integer_error - self.float_error < IMMATERIAL * self.model.output.scale
        )

    @property
    def by_chance(self) -> bool:
        """True if the rows are too few, or differ too rarely, to tell the difference from none."""
        return 0 < self.margin >= abs(self.integer_error - self.float_error)

    @property
    def smaller(self) -> float:
        """Flash of the float model in sizes of the integer one; only where the float model fits."""
        assert self.float_cost
        return self.float_cost.flash_bytes / max(self.integer_cost.flash_bytes, 1)

    @property
    def faster(self) -> float:
        """Worst time of the float model in times of the integer one; only where the float model
        fits.
        """
        assert self.float_cost
        return self.float_cost.cycles_max / max(self.integer_cost.cycles_max, 1)


def judge_conversion(
    model: Model,
    dataset: Dataset,
    floats: np.ndarray,
    board: Board,
    integer: ModelCost | None = None,
    imported: bool = False,
    own: bool = False,
) -> Conversion:
    """The verdict on `model`, the integer form of the float model that answered `floats` on the
    test rows.

    floats: raw outputs, one per test row; rounded here to whole steps, as the integer model's are.
    integer: cost of the integer model if it is known already. imported: the float model is somebody
    else's. own: the test rows' targets are the float model's own answers.
    """
    names = [q.name for q in dataset.inputs]
    x = dataset.x[dataset.test][:, [names.index(q.name) for q in model.inputs]]
    y, floats, answers = (
        dataset.y[dataset.test],
        np.floor(np.asarray(floats) + 0.5).astype(np.int64),
        model.answer(x),
    )
    scale = 1.0 if model.labels else dataset.target.scale
    float_cost, gap = _in_float(model, board, x[:CHIP_ROWS])
    return Conversion(
        model,
        board,
        len(y),
        _figure(_error(floats, y, model) * scale),
        _figure(_error(answers, y, model) * scale),
        int((answers != floats).sum()),
        _worst(model, dataset, x, floats, answers),
        _decisions(model, y, floats, answers),
        integer or measure_cost(model, board),
        float_cost,
        gap,
        _figure(margin(_errors(answers, y, model) - _errors(floats, y, model)) * scale),
        imported,
        _figure(np.abs(y - np.median(y)).mean() * scale) if own else None,
    )


def _error(answers: np.ndarray, y: np.ndarray, model: Model) -> float:
    return float(_errors(answers, y, model).mean())


def _errors(answers: np.ndarray, y: np.ndarray, model: Model) -> np.ndarray:
    """Of each row: its absolute error, raw, or 1 for a wrong class."""
    return (answers != y).astype(float) if model.labels else np.abs(answers - y)


def _worst(
    model: Model, dataset: Dataset, x: np.ndarray, floats: np.ndarray, answers: np.ndarray
) -> Row | None:
    """The row whose answers differ most; of equals the one with the larger integer error, then the
    first.
    """
    y = dataset.y[dataset.test]
    distance = np.abs(answers - floats)
    if not distance.any():
        return None
    k = int(np.lexsort((-np.abs(answers - y), -distance))[0])
    values = tuple((q.name, float(q.to_physical(v))) for q, v in zip(model.inputs, x[k]))
    spoken = (
        model.labels[v] if model.labels else float(model.output.to_physical(v))
        for v in (y[k], floats[k], answers[k])
    )
    return Row(dataset.provenance.line(int(dataset.test[k])), values, *spoken)


def _decisions(
    model: Model, y: np.ndarray, floats: np.ndarray, answers: np.ndarray
) -> Decisions | None:
    if not model.band:
        return None
    changed = model.alarm(floats) != model.alarm(answers)
    right = model.alarm(answers) == model.beyond(y)
    return Decisions(
        int(changed.sum()), int((changed & ~right).sum()), int((changed & right).sum())
    )


def _in_float(model: Model, board: Board, x: np.ndarray) -> tuple[ModelCost | None, int | None]:
    """Cost of the same model in float, and its largest raw distance from the integer model on
    rows.
    """
    header = render_float(model)
    try:
        cost = measure_cost(model, board, header=header)
    except DoesNotFit:
        return None, None
    with BareChip(model, board, header, timed=False) as chip:
        return cost, int(np.abs(chip.predict(x) - model.predict(x)).max(initial=0))


# ---- words and numbers ----


def conversion_sentence(v: Conversion) -> str:
    """The verdict in one plain sentence."""
    if v.float_cost is None:
        return (
            f"{_accuracy_words(v)}, and the same model in float does not fit the {v.board.title}: "
            f"{_advice(v, True, True)}"
        )
    return (
        f"{_accuracy_words(v)} and is {_cost_words(v)}: "
        f"{_advice(v, v.smaller > 1 + EQUAL, v.faster > 1 + EQUAL)}"
    )


def _accuracy_words(v: Conversion) -> str:
    if v.own_spread is not None:
        return f"The integer model {_own_words(v)}"
    if v.model.labels:
        more = round((v.integer_error - v.float_error) * v.rows)
        words = (
            f"gets {abs(more)} {'more' if more > 0 else 'fewer'} of {v.rows:,} rows wrong"
            f"{', which is within chance,' if v.by_chance else ''}"
            if more
            else "loses no accuracy"
        )
    elif abs(v.loss) < 0.0005:
        words = "loses no accuracy"
    elif v.loss < 0:
        words = f"is by chance {_percent(-v.loss)} more accurate on these rows"
    elif v.by_chance and v.loss > TOLERANCE:
        words = (
            f"answers {v.differing:,} of {v.rows:,} rows differently, with no loss of accuracy "
            "beyond chance,"
        )
    else:
        few = f" on {counted(v.rows, 'row')}" if v.rows < FEW_ROWS else ""
        words = f"loses {_percent(v.loss)} of accuracy{few}"
    if v.loss > TOLERANCE and v.immaterial and not v.by_chance:
        words += (
            f", {(v.integer_error - v.float_error) / v.model.output.scale:.2g} of the data's own "
            "step,"
        )
    if v.alarms and v.alarms.spoilt > v.alarms.mended:
        words += f", spoils {v.alarms.spoilt - v.alarms.mended} of {v.rows:,} alarm decisions"
    return f"The integer model {words}"


def _own_words(v: Conversion) -> str:
    """Accuracy where the float model's own answers are what is asked for."""
    if v.model.labels:
        return f"names another class in {v.differing} of {v.rows:,} rows"
    if v.loss < 0.0005:
        return "answers as the float model"
    return f"differs from the float model by {_percent(v.loss)} of the answers' spread"


def _cost_words(v: Conversion) -> str:
    size, time = (
        _ratio_words(v.smaller, "smaller", "larger"),
        _ratio_words(v.faster, "faster", "slower"),
    )
    return f"{size} and {time} than the same model in float"


def _ratio_words(ratio: float, better: str, worse: str) -> str:
    if abs(ratio - 1) <= EQUAL:
        return f"not {better}"
    times, word = (ratio, better) if ratio > 1 else (1 / ratio, worse)
    return f"{times:.0f} times {word}" if times >= 9.5 else f"{times:.2g} times {word}"


def _advice(v: Conversion, smaller: bool, faster: bool) -> str:
    if not (smaller or faster):
        return "converting it is not worthwhile."
    loss = 0.0 if v.immaterial else v.loss
    if loss > BAD and v.by_chance:
        return f"{_saving(smaller, faster)}, and compare both on more rows."
    if loss > BAD:
        step = (
            "`tinygen distil` trains a small one on its answers"
            if v.imported
            else "take another row of the ladder or more input bits"
        )
        return f"do not use it as it is, {step}."
    if loss > TOLERANCE and not v.by_chance:
        return "convert it where the saving matters more than the error."
    return f"{_saving(smaller, faster)}."


def _saving(smaller: bool, faster: bool) -> str:
    if smaller and faster:
        return "convert it"
    return f"convert it where {'flash' if smaller else 'time'} is short"


def _percent(part: float) -> str:
    return f"{100 * part:.2g} %" if abs(part) < 0.1 else f"{100 * part:.0f} %"


def difference_words(v: Conversion) -> str:
    """By how much the integer model's error differs: "+20.00 %, within chance"."""
    return f"{100 * v.loss:+.2f} %{', within chance' if v.by_chance else ''}"


def conversion_lines(v: Conversion) -> list[str]:
    """The verdict as text."""
    unit = f" {v.model.output.unit}" if v.model.output.unit and not v.model.labels else ""
    kind = "of the rows wrong" if v.model.labels else "mean absolute error"
    kind = f"{kind}, against the float model's own answers," if v.own_spread is not None else kind
    text = [
        f"accuracy   float {v.float_error:.4g}{unit}, integer {v.integer_error:.4g}{unit} {kind} "
        f"on {counted(v.rows, 'test row')} ({difference_words(v)}); "
        f"{counted(v.differing, 'answer')} differ{'s' if v.differing == 1 else ''}"
    ]
    if v.worst:
        inputs = {q.name: q for q in v.model.inputs}
        values = ", ".join(f"{name} {inputs[name].words(value)}" for name, value in v.worst.inputs)
        true, floating, integer = (
            w if isinstance(w, str) else v.model.output.words(w)
            for w in (v.worst.true, v.worst.float_answer, v.worst.integer_answer)
        )
        place = "" if v.worst.line is None else f"line {v.worst.line}: "
        text.append(
            f"worst row  {place}true {true}, float {floating}, integer {integer}{unit}; {values}"
        )
    if v.alarms:
        text.append(
            f"alarms     {v.alarms.changed} of {v.rows:,} decisions changed: {v.alarms.spoilt} "
            "worsened, "
            f"{v.alarms.mended} corrected"
        )
    text.append(f"integer    {_cost_line(v.integer_cost)}")
    text.append(
        f"float      {_cost_line(v.float_cost)}, float routines included"
        if v.float_cost
        else f"float      does not fit the {v.board.title}"
    )
    return [*text, f"verdict    {conversion_sentence(v)}"]


def _cost_line(cost: ModelCost) -> str:
    return (
        f"{cost.flash_bytes:,} bytes of flash, {cost.ram_bytes + cost.stack_bytes:,} of RAM with "
        "stack, "
        f"{cost.cycles_max:,} cycles at most"
    )


def conversion_facts(v: Conversion) -> dict:
    """The verdict as plain JSON, numbers to six significant digits: what the model file keeps."""
    return {
        "board": v.board.pio_id,
        "rows": v.rows,
        "float_error": _figure(v.float_error),
        "integer_error": _figure(v.integer_error),
        "difference": _figure(v.integer_error - v.float_error),
        "loss": _figure(v.loss),
        "margin": _figure(v.margin),
        "differing": v.differing,
        "worst": None
        if v.worst is None
        else {
            **asdict(v.worst),
            "inputs": {name: _figure(value) for name, value in v.worst.inputs},
        },
        "alarms": None if v.alarms is None else asdict(v.alarms),
        "integer": asdict(v.integer_cost),
        "float": None if v.float_cost is None else asdict(v.float_cost),
        "float_gap": v.float_gap,
        "smaller": None if v.float_cost is None else _figure(v.smaller),
        "faster": None if v.float_cost is None else _figure(v.faster),
        "sentence": conversion_sentence(v),
        **({"imported": True, "own_spread": v.own_spread} if v.imported else {}),
    }


def read_conversion(model: Model) -> Conversion | None:
    """The verdict that a model file keeps, or None where none was given (a rung that `pick`
    took).
    """
    plain = model.training.get("verdict")
    if plain is None:
        return None
    try:
        worst = plain["worst"] and Row(
            **{**plain["worst"], "inputs": tuple(plain["worst"]["inputs"].items())}
        )
        return Conversion(
            model,
            BOARDS[plain["board"]],
            plain["rows"],
            plain["float_error"],
            plain["integer_error"],
            plain["differing"],
            worst,
            plain["alarms"] and Decisions(**plain["alarms"]),
            ModelCost(**plain["integer"]),
            plain["float"] and ModelCost(**plain["float"]),
            plain["float_gap"],
            plain.get("margin", 0.0),
            plain.get("imported", False),
            plain.get("own_spread"),
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise ModelError(
            f"the verdict in the model file is not as tinygen writes it ({error}): train it again"
        ) from None


def _figure(value: float) -> float:
    return float(f"{value:.6g}")
