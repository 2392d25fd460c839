"""What a lowering needs besides the float model: the rows, the inputs' grids, the answer's grid,
and when integers are close enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..common.errors import ModelError, QuantizeError
from ..fitting.lowering import apply_all
from ..model.fixedpoint import Quantity
from ..model.nodes import Integers, Node, prove
from .graph import Curve, Floats, Head

CLOSE = 0.35  # raw steps of mean difference that do not count: rounding alone gives a quarter
CLOSE_PART = 0.0025  # of the spread of the float answers: the same
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
            return max(CLOSE, CLOSE_PART * float(self.floats.std()))
        return CHANGED

    def difference(self, nodes: Iterable[Node]) -> float:
        """Mean difference of a chain's answers, raw, or the part of rows with another class."""
        found = apply_all(nodes, self.x)[:, 0]
        if self.answer.head.kind == "value":
            return float(np.abs(found - self.floats).mean())
        return float((found != self.floats).mean())

    def close(self, nodes: tuple[Node, ...]) -> tuple[bool, float]:
        """Whether a chain is as good as the float model, and how far it is from that."""
        found = self.difference(nodes)
        if self.between is None or self.answer.head.kind == "value":
            return found <= self.tolerance, found
        more = self.between.difference(nodes)
        return found <= self.tolerance and more <= CHANGED_BETWEEN, found + more

    def measured(self, nodes: Iterable[Node]) -> dict[str, float]:
        """Mean and largest difference of a chain's answers on the rows, in the answer's unit; of
        classes the part of rows with another one.
        """
        found = apply_all(nodes, self.x)[:, 0]
        if self.answer.head.kind != "value":
            return {"changed": float((found != self.floats).mean())}
        gap = np.abs(found - self.floats) * self.answer.step
        return {"mean": float(gap.mean()), "largest": float(gap.max())}

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


@dataclass(frozen=True)
class Lowered:
    """The integer form of a float model."""

    nodes: tuple[Node, ...]
    kind: str  # what the largest difference rests on: "sum", "trees", or "" where none is proven
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
