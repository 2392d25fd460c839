"""What a lowering needs besides the float model: the rows, the inputs' grids, the answer's grid,
and when integers are close enough.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.errors import ModelError, QuantizeError, UsageError, show
from ..data import Dataset, Provenance, Rows, Split
from ..data.layout import split_unit
from ..data.prepare import NO_TARGET
from ..data.steps import decimal_quantity, given_steps
from ..fitting.lowering import apply_all
from ..model.fixedpoint import Quantity
from ..model.nodes import Integers, Node, prove
from .graph import Curve, Floats, Head

CLOSE = 0.35  # raw steps of mean difference that do not count: rounding alone gives a quarter
HALF = 0.51  # the same where all answers are nearly one
CLOSE_PART = 0.0025  # of the spread of the float answers: the same
# What is lost in the float model's own error: so much of the error, and of the spread, or of the
# rows whose class may change; and what it may add to the error. Noise of a twentieth adds an eighth
# of a per cent.
HIDDEN_PART, HIDDEN_SPREAD, HIDDEN_ROWS, MORE_ERROR = 0.05, 0.01, 0.004, 0.0025
ROOM = 1.25  # how far beyond the rows' largest value a hidden element may go
CHANGED = 0.0005  # part of the rows whose class may change
CHANGED_BETWEEN = 0.0025  # the same of points between them, which stand for rows to come


@dataclass(frozen=True)
class Answer:
    """The grid of the answer: value = offset + step * integer, integers within low .. high."""

    head: Head
    step: float
    offset: float
    low: int
    high: int

    @classmethod
    def of(cls, head: Head, output: Quantity) -> Answer:
        return cls(head, output.scale, output.offset, *output.limits)

    def exact(self, values: Floats) -> Floats:
        """Numbers in steps, not rounded, held within what rounds to low .. high."""
        return np.clip((values - self.offset) / self.step, self.low - 0.5, self.high + 0.5)

    def whole(self, exact: Floats) -> NDArray[np.int64]:
        """The same rounded."""
        return np.clip(np.floor(exact + 0.5), self.low, self.high).astype(np.int64)


@dataclass(frozen=True)
class Calibration:
    """Raw rows of the inputs that are used, and the float model's answers to them."""

    inputs: tuple[Quantity, ...]
    x: Integers  # raw (n, inputs)
    values: Floats  # (n, outputs): what the head reads
    answer: Answer
    targets: Floats | None = None  # what the rows should be answered, raw or classes (n,)
    part: float = CLOSE_PART  # of the spread of float numbers: a mean difference that is none
    # of a classifier: points between the rows; those it was fitted to may all be far from a tie
    between: Calibration | None = None

    @cached_property
    def physical(self) -> Floats:
        return physical(self.inputs, self.x)

    @cached_property
    def floats(self) -> NDArray[np.float64]:
        """What the chain should give: steps of the answer, not rounded, or classes."""
        if self.answer.head.kind == "value":
            return self.answer.exact(self.values[:, 0])
        return self.answer.head.answers(self.values).astype(np.float64)

    @cached_property
    def tolerance(self) -> float:
        """Mean difference from `floats` that counts as none."""
        if self.answer.head.kind == "value":
            spread = float(self.floats.std())
            return max(CLOSE if spread >= 1 else HALF, self.part * spread)
        return CHANGED

    def gaps(self, nodes: Iterable[Node]) -> Floats:
        """How far a chain's answer to each row is from `floats`, raw; of classes 1 where it is
        another one.
        """
        found = apply_all(nodes, self.x)[:, 0]
        if self.answer.head.kind == "value":
            return np.abs(found - self.floats)
        return (found != self.floats).astype(np.float64)

    def difference(self, nodes: Iterable[Node]) -> float:
        """Mean difference of a chain's answers, raw, or the part of rows with another class."""
        return float(self.gaps(nodes).mean())

    def close(self, nodes: tuple[Node, ...]) -> tuple[bool, float]:
        """Whether a chain is as good as the float model, and how far it is from that."""
        found = self.difference(nodes)
        if self.between is None or self.answer.head.kind == "value":
            return found <= self.tolerance or self.is_hidden(nodes, found), found
        more = self.between.difference(nodes)
        good = found <= self.tolerance and more <= CHANGED_BETWEEN
        return good or self.is_hidden(nodes, max(found, more)), found + more

    def is_hidden(self, nodes: Iterable[Node], difference: float) -> bool:
        """Whether a chain's `difference` from the float model is lost in that model's own error,
        where the targets of the rows are known.
        """
        if self.targets is None:
            return False
        most = HIDDEN_ROWS
        if self.answer.head.kind == "value":
            most = HIDDEN_SPREAD * float(self.floats.std())
        error = self._error(self.floats)
        if difference > min(HIDDEN_PART * error, most):
            return False
        return self._error(apply_all(nodes, self.x)[:, 0]) <= (1 + MORE_ERROR) * error

    def _error(self, answers: np.ndarray) -> float:
        """Mean absolute error on the rows, raw, or the part of them with a wrong class."""
        if self.answer.head.kind == "value":
            return float(np.abs(answers - self.targets).mean())
        return float((answers != self.targets).mean())

    def measured(self, gaps: Floats) -> dict[str, float]:
        """Mean and largest difference on the rows, in the answer's unit; of classes the part of
        rows with another one.
        """
        if self.answer.head.kind != "value":
            return {"changed": float(gaps.mean())}
        gaps = gaps * self.answer.step
        return {"mean": float(gaps.mean()), "largest": float(gaps.max())}

    def grid(self, k: int) -> Integers:
        """Every raw value that input k may have."""
        return self.grids[k]

    @cached_property
    def grids(self) -> tuple[Integers, ...]:
        """The same of all inputs."""
        limits = (q.limits for q in self.inputs)
        return tuple(np.arange(low, high + 1, dtype=np.int64) for low, high in limits)

    def on_grid(self, k: int, curve: Curve) -> Floats:
        """The curve at every raw value of input k; where it is no number, that of the nearest."""
        with np.errstate(all="ignore"):
            values = np.asarray(curve.function(self.inputs[k].to_physical(self.grid(k))))
        return held(np.asarray(values, dtype=np.float64), curve.name, self.inputs[k].name)


def physical(inputs: Iterable[Quantity], x: Integers) -> Floats:
    """Raw rows as the float model reads them."""
    return np.stack([q.to_physical(x[:, k]) for k, q in enumerate(inputs)], axis=1)


def held(values: Floats, curve: str, name: str) -> Floats:
    """The values with the nearest finite one in place of those that are none."""
    good = np.flatnonzero(np.isfinite(values))
    if not len(good):
        raise QuantizeError(f"{curve} of input '{name}' is no number anywhere in its range")
    if len(good) == len(values):
        return values
    here = np.arange(len(values))
    place = np.clip(np.searchsorted(good, here), 0, len(good) - 1)
    before = np.maximum(place - 1, 0)
    nearer = np.abs(good[before] - here) < np.abs(good[place] - here)
    return values[np.where(nearer, good[before], good[place])]


def domain(curve: Curve, values: Floats, slack: float) -> tuple[float, float]:
    """The interval that a table of the curve must cover: that of the values, more at each end while
    the curve does not run away there, less where it has come to rest within `slack` of its range.
    """
    low, high = float(values.min()), float(values.max())
    width = max(high - low, 1e-9)

    def heights(start: float, end: float) -> Floats:
        return held(curve.function(np.linspace(start, end, 2001)), curve.name, "the sums")

    usual = max(float(np.ptp(heights(low, high))), 1e-300)
    for end in (-1, 1):
        for more in (0.25, 0.05, 0.01):
            wider = (low - more * width, high) if end < 0 else (low, high + more * width)
            if np.ptp(heights(*wider)) <= ROOM * usual:
                low, high = wider
                break
    places, found = np.linspace(low, high, 2001), heights(low, high)
    moved = slack * usual
    active = np.flatnonzero(
        (np.abs(found - found[0]) > moved) & (np.abs(found - found[-1]) > moved)
    )
    if not len(active):
        return low, max(high, low + 1e-9)
    return float(places[max(active[0] - 1, 0)]), float(places[min(active[-1] + 1, 2000)])


@dataclass(frozen=True)
class Lowered:
    """The integer form of a float model."""

    nodes: tuple[Node, ...]
    bound: float | None = None  # raw steps that an answer can differ from the float one, proven
    # of classes: the least distance of the float scores from a tie that integers cannot cross
    margin: float | None = None
    same_leaves: bool = False  # the integer trees branch as the float ones on every accepted row
    notes: tuple[str, ...] = ()
    measured: dict[str, float] = field(default_factory=dict)  # on the rows it was calibrated on


Choice = Callable[[], Lowered]


def first_close(choices: Iterable[Choice], rows: Calibration) -> Lowered:
    """The first of `choices`, cheapest first, that is as good as the float model on the rows, else
    the closest one; what cannot be bounded in 32 bits is passed over.
    """
    best: Lowered | None = None
    least, reason = np.inf, ""
    for choice in choices:
        try:
            found = choice()
            prove(found.nodes, len(rows.inputs))
        except ModelError as error:
            reason = reason or str(error)
            continue
        close, difference = rows.close(found.nodes)
        if difference < least:
            best, least = found, difference
        if close:
            break
    if best is None:
        raise QuantizeError(f"the model cannot be bounded in 32 bits ({reason})")
    return best


# ---- what the library is called with ----


def rows_of(X: Any, columns: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Physical rows in the estimator's columns, and what these are called."""
    if hasattr(X, "toarray"):
        raise UsageError("X is sparse, the board reads every column: give X.toarray()")
    names = columns
    if hasattr(X, "columns"):
        X, names = _by_name(X, columns)
    try:
        rows = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError("X holds something that is no number: give rows of numbers") from None
    if rows.ndim != 2 or rows.shape[1] != len(columns):
        raise UsageError(
            f"X has the shape {rows.shape}, the model reads {len(columns)} columns: give rows "
            f"(n, {len(columns)})"
        )
    if len(rows) < 2:
        raise UsageError(f"X has {len(rows)} rows: give 2 or more, as many as you have")
    return rows, names


def _by_name(X: Any, columns: tuple[str, ...]) -> tuple[Any, tuple[str, ...]]:
    """The estimator's columns of a DataFrame; as they stand where it was fitted without names.
    LightGBM has a line in place of every space.
    """
    places = {str(name): k for k, name in enumerate(X.columns)}
    places = {**{re.sub(r"\s", "_", name): k for name, k in places.items()}, **places}
    if columns == tuple(f"x{k}" for k in range(len(columns))) and not set(columns) <= set(places):
        return X, tuple(map(str, X.columns))
    missing = [name for name in columns if name not in places]
    if missing:
        raise UsageError(
            f"X has no column {show(missing[0])}, which the model was fitted on: give X its names"
        )
    chosen = [places[name] for name in columns]
    return X.iloc[:, chosen], tuple(str(X.columns[k]) for k in chosen)


def targets_of(y: Any, rows: np.ndarray, outputs: int) -> list[np.ndarray] | None:
    """The targets of each output, (n,)."""
    if y is None:
        return None
    targets = np.asarray(y)
    wanted = f"one for each{f' and each of the {outputs} outputs' if outputs > 1 else ''}"
    if targets.size != len(rows) * outputs or len(targets) != len(rows):
        raise UsageError(f"y has {targets.size} values for {len(rows)} rows: give {wanted}")
    return list(targets.reshape(len(rows), outputs).T)


def numbers_of(targets: np.ndarray) -> np.ndarray:
    """Targets of numbers, float (n,)."""
    try:
        numbers = targets.astype(np.float64)
    except (TypeError, ValueError):
        numbers = np.array([np.nan])
    if not np.isfinite(numbers).all():
        raise UsageError("y holds a value that is no number: leave its rows out")
    return numbers


def target_of(title: Any, targets: np.ndarray | None) -> Quantity:
    """What a Series of numbers is called, in its own steps; no target for one without a name."""
    name, unit = split_unit(title.strip()) if isinstance(title, str) else ("", "")
    if targets is None or not name:
        return NO_TARGET
    return replace(decimal_quantity(name, targets), unit=unit)


def _with_units(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Names and units of columns; as they are where two have the same name without its unit."""
    parts = [split_unit(name) for name in names]
    return parts if len(dict(parts)) == len(parts) else [(name, "") for name in names]


def dataset_of(
    rows: np.ndarray, names: tuple[str, ...], scales: Any, target: Quantity = NO_TARGET
) -> Dataset:
    """All rows as training rows; y is not known yet."""
    if not np.isfinite(rows).all():
        raise UsageError("X holds NaN or infinite values: leave those rows out")
    parts = _with_units(names)
    given = given_steps(scales, [name for name, _ in parts])
    inputs = tuple(
        replace(decimal_quantity(n, c), unit=unit)
        if s is None
        else Quantity(n, unit, s, float(c.min()), float(c.max()))
        for (n, unit), s, c in zip(parts, given, rows.T)
    )
    raw = np.column_stack([q.to_raw(c) for q, c in zip(inputs, rows.T)])
    places = np.arange(len(rows))
    return Dataset(
        Rows(raw, np.zeros(len(rows), dtype=np.int64), inputs, target),
        Split(places, places[:0]),
        Provenance("fit", rows_read=len(rows)),
    )
