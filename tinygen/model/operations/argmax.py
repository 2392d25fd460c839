"""What an order tells: the largest element, what the largest sums stand for, a median of trees."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import ClassVar

import numpy as np

from ..fixedpoint import INT16_MAX
from ..nodes import (
    INT32_MAX,
    MAX_WIDTH,
    UINT16_MAX,
    Bounds,
    Integers,
    Node,
    fits_int16,
    integers,
    need,
    operation,
    within,
)
from ..trees.views import ForestFloatView, ForestView
from ..views import FloatStep, FloatView, Step, View
from .dense import sums_within
from .forest import Forest
from .weight_rows import WideRows


@operation
@dataclass(frozen=True)
class Argmax(Node):
    """Index of the largest element; the first one where several are equal."""

    op: ClassVar[str] = "argmax"
    letter: ClassVar[str] = "best"

    def apply(self, values: Integers) -> Integers:
        return integers(np.argmax(values, axis=1)[:, None])

    def bounds(self, inside: Bounds) -> Bounds:
        return Bounds((0,), (len(inside.low) - 1,))

    def view(self, step: Step) -> ArgmaxView:
        assert step.before is not None  # raw inputs have no scores
        return ArgmaxView(step, len(step.before.low))

    def float_view(self, step: FloatStep) -> ArgmaxFloatView:
        return ArgmaxFloatView(step)


@dataclass(frozen=True)
class ArgmaxView(View):
    template: ClassVar[str] = "argmax"
    macros: ClassVar[str] = "argmax"
    scores: int

    @property
    def type(self) -> str:
        return "uint8_t"


@dataclass(frozen=True)
class ArgmaxFloatView(FloatView):
    template: ClassVar[str] = "argmax"
    whole: ClassVar[bool] = True


@operation
@dataclass(frozen=True)
class Neighbours(Node):
    """Sum of the rows of `values` that belong to the `count` largest sums `bias + weights . x`; of
    equal sums the first ones are taken.

    weights: int8 or int16, a row for each sum; bias: int32; values: int16, a row for each sum.
    """

    op: ClassVar[str] = "neighbours"
    letter: ClassVar[str] = "near"
    weights: tuple[tuple[int, ...], ...]
    bias: tuple[int, ...]
    count: int
    values: tuple[tuple[int, ...], ...]

    @property
    def weight_bits(self) -> int:
        return 8 if all(abs(w) <= 127 for row in self.weights for w in row) else 16

    def apply(self, values: Integers) -> Integers:
        sums = values @ integers(self.weights).T + integers(self.bias)
        order = np.argsort(-sums, axis=1, kind="stable")[:, : self.count]
        return integers(integers(self.values)[order].sum(axis=1))

    def bounds(self, inside: Bounds) -> Bounds:
        rows = len(self.weights)
        within("neighbours: rows", [rows], 1, MAX_WIDTH)
        need(rows == len(self.bias) == len(self.values), "neighbours: a bias and values per row")
        need(
            all(len(row) == len(inside.low) for row in self.weights),
            "neighbours: one weight per input",
        )
        need(len(set(map(len, self.values))) == 1, "neighbours: values of one length")
        fits_int16(inside, self.op)
        within("neighbours: weights", chain(*self.weights), -INT16_MAX, INT16_MAX)
        within("neighbours: bias", self.bias, -INT32_MAX, INT32_MAX)
        within("neighbours: count", [self.count], 1, rows)
        within("neighbours: values", chain(*self.values), -INT16_MAX, INT16_MAX)
        columns = [sorted(column) for column in zip(*self.values)]
        # the running sum of any rows in any order lies between those of one sign
        low = tuple(sum(v for v in c[: self.count] if v < 0) for c in columns)
        high = tuple(sum(v for v in c[-self.count :] if v > 0) for c in columns)
        return Bounds(low, high, *sums_within(self.weights, self.bias, inside))

    def view(self, step: Step) -> NeighboursView:
        return NeighboursView(step, self)

    def float_view(self, step: FloatStep) -> NeighboursFloatView:
        return NeighboursFloatView(step, self)


@dataclass(frozen=True)
class NeighboursView(WideRows, View):
    """One pass over the rows that keeps the largest sums in their order."""

    template: ClassVar[str] = "neighbours"
    macros: ClassVar[str] = "neighbours"
    node: Neighbours

    @property
    def value_bits(self) -> int:
        return 8 if all(abs(v) <= 127 for v in chain(*self.node.values)) else 16

    @property
    def value_rows(self) -> list[str]:
        return [f"{{{', '.join(map(str, row))}}}" for row in self.node.values]

    @property
    def rom_bytes(self) -> int:
        return self.weight_bytes + self.rows * (4 + self.value_bits // 8 * self.width)


@dataclass(frozen=True)
class NeighboursFloatView(FloatView):
    template: ClassVar[str] = "neighbours"
    node: Neighbours


@operation
@dataclass(frozen=True)
class Trees(Node):
    """The leaf of every decision tree, one after the other. splits and roots are those of `Forest`;
    a leaf is one int16.
    """

    op: ClassVar[str] = "trees"
    letter: ClassVar[str] = "t"
    takes_any_int16: ClassVar[bool] = True
    splits: tuple[tuple[int, int, int, int], ...]
    leaves: tuple[int, ...]
    roots: tuple[int, ...]

    @property
    def summed(self) -> Forest:
        """The trees, added up."""
        leaves = tuple((v,) for v in self.leaves)
        return Forest(self.splits, leaves, self.roots, (0,), -INT16_MAX, INT16_MAX)

    def apply(self, values: Integers) -> Integers:
        alone = (replace(self.summed, roots=(root,)) for root in self.roots)
        return np.hstack([tree.apply(values) for tree in alone])

    def bounds(self, inside: Bounds) -> Bounds:
        self.summed.bounds_as(self.op, inside)  # its rules
        one = (replace(self.summed, roots=(root,)) for root in self.roots)
        alone = [tree.bounds_as(self.op, inside) for tree in one]
        return Bounds(tuple(b.acc_low for b in alone), tuple(b.acc_high for b in alone))

    def view(self, step: Step) -> TreesView:
        return TreesView(step, (-INT16_MAX, INT16_MAX), 0, self.summed)

    def float_view(self, step: FloatStep) -> TreesFloatView:
        return TreesFloatView(step, (-INT16_MAX, INT16_MAX), 0, self.summed)


@dataclass(frozen=True)
class TreesView(ForestView):
    """Arrays that name their places."""

    template: ClassVar[str] = "trees"
    macros: ClassVar[str] = "trees"


@dataclass(frozen=True)
class TreesFloatView(ForestFloatView):
    """The arrays; `width` is that of a leaf."""

    template: ClassVar[str] = "trees"

    @property
    def width(self) -> int:
        return 1


@operation
@dataclass(frozen=True)
class Median(Node):
    """Weighted median: the smallest element such that those that are no larger have half of all
    weights or more. weights: 1 .. 65535, one for each element.
    """

    op: ClassVar[str] = "median"
    letter: ClassVar[str] = "mid"
    weights: tuple[int, ...]

    @property
    def half(self) -> int:
        """Half of all weights, rounded up."""
        return (sum(self.weights) + 1) // 2

    @property
    def most_passes(self) -> int:
        """So many of the lightest elements have half of all weights, and no row needs more."""
        return int(np.searchsorted(np.cumsum(sorted(self.weights)), self.half)) + 1

    def apply(self, values: Integers) -> Integers:
        order = np.argsort(values, axis=1, kind="stable")
        reached = np.cumsum(integers(self.weights)[order], axis=1) >= self.half
        place = np.take_along_axis(order, reached.argmax(axis=1)[:, None], axis=1)
        return integers(np.take_along_axis(values, place, axis=1))

    def bounds(self, inside: Bounds) -> Bounds:
        need(len(self.weights) == len(inside.low), "median: one weight per element")
        within("median: weights", self.weights, 1, UINT16_MAX)  # 255 of them fit 24 bits
        return Bounds((min(inside.low),), (max(inside.high),))

    def view(self, step: Step) -> MedianView:
        return MedianView(step, self)

    def float_view(self, step: FloatStep) -> MedianFloatView:
        return MedianFloatView(step, self)


@dataclass(frozen=True)
class MedianView(View):
    template: ClassVar[str] = "median"
    macros: ClassVar[str] = "median"
    node: Median

    @property
    def rom_bytes(self) -> int:
        return 2 * len(self.node.weights)


@dataclass(frozen=True)
class MedianFloatView(FloatView):
    template: ClassVar[str] = "median"
    node: Median
