"""The verdict on a conversion: is accuracy lost, and is it worthwhile?

Accuracy is judged on the test rows, the float model as it was fitted against the integer model as
the chip computes it. Cost is measured on the simulated chip: the integer model against the same
chain of nodes in soft float (`float_model.render_float`), both compiled alone with the same
options. The float model is charged with the library's float routines, some 0.5 to 0.9 KB; a program
that uses float elsewhere has them anyway.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...codegen.float_model import render_float
from ...common.boards import Board
from ...common.errors import DoesNotFit
from ...common.tables import six_digits
from ...data import Dataset
from ...fitting.weighted import margin
from ...model.model import Model
from ...target.bare import BareChip, ModelCost, measure_cost
from ..cross_validation import IMMATERIAL

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
    # of a model judged against its float form's own answers: their mean absolute deviation
    own_spread: float | None = None

    @property
    def imported(self) -> bool:
        """True for somebody else's model, which is not fitted again."""
        return "converted" in self.model.training

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
) -> Conversion:
    """The verdict on `model`, the integer form of the float model that answered `floats` on the
    test rows.

    floats: raw outputs, one per test row; rounded here to whole steps, as the integer model's are.
    integer: cost of the integer model if it is known already.
    """
    x = dataset.x[dataset.test][:, dataset.columns_of(model.inputs)]
    y, floats, answers = (
        dataset.y[dataset.test],
        np.floor(np.asarray(floats) + 0.5).astype(np.int64),
        model.decided.answer(x),
    )
    scale = 1.0 if model.labels else dataset.target.scale
    theirs, ours = (_errors(a, y, model) for a in (floats, answers))
    float_cost, gap = _in_float(model.decided, board, x[:CHIP_ROWS])
    return Conversion(
        model,
        board,
        len(y),
        six_digits(float(theirs.mean()) * scale),
        six_digits(float(ours.mean()) * scale),
        int((answers != floats).sum()),
        _worst(model, dataset, x, floats, answers),
        _decisions(model, y, floats, answers),
        integer or measure_cost(model, board),
        float_cost,
        gap,
        six_digits(margin(ours - theirs) * scale),
    )


def of_original(verdict: Conversion, dataset: Dataset, own: bool) -> Conversion:
    """The verdict on somebody else's model. own: the test rows' targets are its own answers."""
    y = dataset.y[dataset.test]
    scale = 1.0 if dataset.labels else dataset.target.scale
    spread = six_digits(np.abs(y - np.median(y)).mean() * scale) if own else None
    return replace(verdict, own_spread=spread)


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
