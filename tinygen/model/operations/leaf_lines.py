"""A decision tree with a weighted sum of the inputs in each leaf: one dot product for every row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import ClassVar

import numpy as np

from ..fixedpoint import INT16_MAX
from ..nodes import (
    INT32_MAX,
    MAX_WIDTH,
    Bounds,
    Integers,
    Node,
    clamped,
    integers,
    need,
    operation,
    within,
)
from ..trees.tree import FEW_INPUTS, MAX_DEPTH, Form, Stream, Tree
from ..views import FloatStep, FloatSumView, Step, SumView, signed
from .dense import MAX_SHIFT, sums_within
from .forest import Forest
from .weight_rows import short_type

BRANCHES = 4  # most splits printed as if and else; more take fewer bytes as a stream


@operation
@dataclass(frozen=True)
class LeafLines(Node):
    """`y = clamp(round((bias[k] + weights[k] . x) / 2**shift), low, high)`, k the leaf of x.

    splits: as those of `Forest`, the first one is the root; leaf k is named -1 - k. weights: a row
    of int16 for each leaf; bias: int32.
    """

    op: ClassVar[str] = "leaf_lines"
    letter: ClassVar[str] = "s"
    takes_any_int16: ClassVar[bool] = True
    splits: tuple[tuple[int, int, int, int], ...]
    weights: tuple[tuple[int, ...], ...]
    bias: tuple[int, ...]
    shift: int
    low: int
    high: int

    @property
    def places(self) -> Forest:
        """The tree alone: the place of the leaf."""
        count = len(self.bias)
        return Forest(self.splits, tuple((k,) for k in range(count)), (0,), (0,), 0, count - 1)

    @property
    def start(self) -> tuple[int, ...]:
        """What each leaf's sum starts from: the bias with the rounding constant added."""
        return tuple(b + ((1 << self.shift) >> 1) for b in self.bias)

    def apply(self, values: Integers) -> Integers:
        leaf = self.places.apply(values)[:, 0]
        acc = (integers(self.weights)[leaf] * values).sum(axis=1) + integers(self.start)[leaf]
        return integers(np.clip(acc >> self.shift, self.low, self.high))[:, None]

    def bounds(self, inside: Bounds) -> Bounds:
        within("leaf_lines: leaves", [len(self.bias)], 1, MAX_WIDTH)
        need(len(self.weights) == len(self.bias), "leaf_lines: one row of weights per bias")
        need(
            all(len(row) == len(inside.low) for row in self.weights),
            "leaf_lines: one weight per input",
        )
        self.places.bounds_as(self.op, inside)
        for source, limit, *_ in self.splits:  # a compiler warns of a comparison that is no choice
            ends = inside.low[source], inside.high[source] - 1
            within("leaf_lines: limit of a split", [limit], *ends)
        within("leaf_lines: levels", [self.places.tree(0).depth], 1, MAX_DEPTH)
        within("leaf_lines: weights", chain(*self.weights), -INT16_MAX, INT16_MAX)
        within("leaf_lines: shift", [self.shift], 0, MAX_SHIFT)
        within("leaf_lines: bias", self.bias, -INT32_MAX, INT32_MAX)
        acc = sums_within(self.weights, self.start, inside)
        return clamped((self.low, self.high), 1, acc, self.op, self.shift)

    def view(self, step: Step) -> LeafLinesView:
        tree = self.places.tree(0)
        stream = form = None
        if step.reads_int16 and step.optimize != "speed" and len(self.splits) > BRANCHES:
            form = Form(8, any(source >= FEW_INPUTS for source, *_ in self.splits))
            numbers = tuple((signed(k, 8),) for k in range(len(self.bias)))
            stream = replace(self.places, leaves=numbers).tree(0).stream(form)
        return LeafLinesView(step, (self.low, self.high), self.shift, self, tree, form, stream)

    def float_view(self, step: FloatStep) -> LeafLinesFloatView:
        return LeafLinesFloatView(step, (self.low, self.high), self.shift, self)


@dataclass(frozen=True)
class LeafLinesView(SumView):
    """The tree as if and else or as a byte stream, and the dot product of its leaf."""

    template: ClassVar[str] = "leaf_lines"
    macros: ClassVar[str] = "lines"
    node: LeafLines
    tree: Tree
    form: Form | None
    stream: Stream | None  # None: as if and else

    acc_bits: ClassVar[int] = 32  # of the kernel

    @property
    def columns(self) -> int:
        return len(self.node.weights[0])

    @property
    def dot(self) -> str:
        return f"tinygen_dot_{short_type(self.step)}_w16_32"

    @property
    def rows(self) -> list[str]:
        return ["{" + ",".join(f" {w:6d}" for w in row) + " }," for row in self.node.weights]

    @property
    def starts(self) -> tuple[int, ...]:
        return self.node.start

    @property
    def rom_bytes(self) -> int:
        return len(self.starts) * (2 * self.columns + 4) + (self.stream.size if self.stream else 0)


@dataclass(frozen=True)
class LeafLinesFloatView(FloatSumView):
    """If and else, and a plain sum."""

    template: ClassVar[str] = "leaf_lines"
    node: LeafLines

    @property
    def tree(self) -> Tree:
        return self.node.places.tree(0)

    @property
    def rows(self) -> list[list[float]]:
        """Bias, then weights, of each leaf."""
        unit = 2.0**-self.node.shift
        return [
            [unit * b, *(unit * w for w in row)]
            for b, row in zip(self.node.bias, self.node.weights)
        ]
