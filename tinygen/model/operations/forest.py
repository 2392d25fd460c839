"""Decision trees: printed as branches, as byte streams, or as arrays."""

from __future__ import annotations

from dataclasses import dataclass
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
    fits_int16,
    integers,
    need,
    operation,
    prefix_bounds,
    within,
)
from ..tree_code import BRANCHES_COST, STREAM_COST, TreeCode, cost_of
from ..trees import MAX_DEPTH, Leaf, Place, Split, Stream, Tree
from ..views import FloatStep, FloatSumView, Step, SumView, View

BRANCHES = {"balanced": 16, "size": 12, "speed": 1024}  # most splits printed as if and else
TREE_BRANCHES = 64  # the same of one tree; below them a larger one goes on as byte streams
MAX_TREE_DEPTH = 255  # of any tree; views walk it recursively
MAX_SPLIT_INPUT = 63  # inputs that a split of a stream can name


@operation
@dataclass(frozen=True)
class Forest(Node):
    """Sum of decision trees per output: `y = clamp(bias + sum of leaf values, low, high)`.

    `split[k]` is (input, threshold, left, right): go left when x <= threshold. An index below 0
    is leaf `-1 - index` of `leaves`, whose row holds one int16 per output. `roots` starts each
    tree.
    """

    op: ClassVar[str] = "forest"
    letter: ClassVar[str] = "s"
    saturates: ClassVar[bool] = True
    splits: tuple[tuple[int, int, int, int], ...]
    leaves: tuple[tuple[int, ...], ...]
    roots: tuple[int, ...]
    bias: tuple[int, ...]
    low: int
    high: int

    def apply(self, values: Integers) -> Integers:
        leaves, splits = integers(self.leaves), integers(self.splits).reshape(-1, 4)
        total = np.tile(integers(self.bias), (len(values), 1))
        rows = np.arange(len(values))
        for root in self.roots:
            at = np.full(len(values), root)
            while (inner := at >= 0).any():
                split = splits[at[inner]]
                left = values[rows[inner], split[:, 0]] <= split[:, 1]
                at[inner] = np.where(left, split[:, 2], split[:, 3])
            total += leaves[-1 - at]
        return np.clip(total, self.low, self.high)

    def bounds(self, inside: Bounds) -> Bounds:
        outputs = len(self.bias)
        fits_int16(inside, self.op)
        within("forest: outputs", [outputs], 1, MAX_WIDTH)
        within("forest: trees", [len(self.roots)], 1, MAX_WIDTH)
        within("forest: splits", [len(self.splits)], 0, INT16_MAX)  # places are int16_t in C
        within("forest: leaves", [len(self.leaves)], 1, INT16_MAX)
        within("forest: bias", self.bias, -INT32_MAX, INT32_MAX)
        need(all(len(leaf) == outputs for leaf in self.leaves), "forest: one leaf value per output")
        need(all(len(split) == 4 for split in self.splits), "forest: four numbers per split")
        within("forest: leaf values", chain(*self.leaves), -INT16_MAX, INT16_MAX)
        within("forest: input of a split", [s[0] for s in self.splits], 0, len(inside.low) - 1)
        within("forest: thresholds", [s[1] for s in self.splits], -INT16_MAX, INT16_MAX)
        acc_low, acc_high = min(self.bias), max(self.bias)
        spans = [self._leaf_span(root) for root in self.roots]
        for k, start in enumerate(self.bias):
            low, high = prefix_bounds(start, [s[0][k] for s in spans], [s[1][k] for s in spans])
            acc_low, acc_high = min(acc_low, low), max(acc_high, high)
        return clamped((self.low, self.high), outputs, (acc_low, acc_high), self.op)

    def _leaf_span(self, root: int) -> tuple[list[int], list[int]]:
        """Smallest and largest leaf value per output of a tree; checks that it is one."""
        pending, found = [(root, 0)], []
        for _ in range(2 * len(self.splits) + 2):  # leaves may be shared, splits not
            if not pending:
                break
            at, depth = pending.pop()
            within("forest: depth of a tree", [depth], 0, MAX_TREE_DEPTH)
            if at >= 0:
                need(
                    at < len(self.splits) and all(c < 0 or c > at for c in self.splits[at][2:]),
                    "forest: a child stands after its parent",
                )
                pending += [(child, depth + 1) for child in self.splits[at][2:]]
            else:
                need(-1 - at < len(self.leaves), "forest: a leaf exists")
                found.append(self.leaves[-1 - at])
        need(not pending and bool(found), "forest: every tree is a tree")
        columns = list(zip(*found))
        return [min(c) for c in columns], [max(c) for c in columns]

    @property
    def leaf_bits(self) -> int:
        """Narrowest type that holds every leaf value."""
        return 8 if all(abs(v) <= 127 for row in self.leaves for v in row) else 16

    def tree(self, at: int) -> Tree:
        """The tree from place `at` on."""
        if at < 0:
            return Leaf(self.leaves[-1 - at])
        source, limit, left, right = self.splits[at]
        return Split(source, limit, self.tree(left), self.tree(right))

    def view(self, step: Step) -> View:
        """Few splits as if and else; trees of int16 inputs as if and else or as code where that
        pays, else as streams, one that is too long for a stream or has to be quick as if and else
        in front of streams; others as arrays.
        """
        limits, trees = (self.low, self.high), tuple(self.tree(root) for root in self.roots)
        one = len(self.bias) == 1
        quick = step.optimize == "speed" and TREE_BRANCHES * len(trees) <= BRANCHES["speed"]
        if one and self._printable(trees, step.optimize):
            return BranchesView(step, limits, 0, self, trees)
        if one and step.reads_int16 and (found := self._worth(step, trees)):
            return found
        if (
            not step.reads_int16
            or any(root < 0 for root in self.roots)
            or any(split[0] > MAX_SPLIT_INPUT for split in self.splits)
        ):
            return ForestView(step, limits, 0, self)
        if one and quick and (mixed := self._mixed(step, trees, quick)):
            return mixed
        streams = tuple(s for t in trees if (s := t.stream(self.leaf_bits)))
        if len(streams) == len(trees):
            return StreamView(step, limits, 0, self, streams)
        mixed = self._mixed(step, trees, False) if one else None
        return mixed or ForestView(step, limits, 0, self)

    def _printable(self, trees: tuple[Tree, ...], goal: str) -> bool:
        """True for trees that are short enough to be read as if and else."""
        return (
            len(self.splits) <= BRANCHES[goal]
            and max(tree.splits for tree in trees) <= TREE_BRANCHES
            and max(tree.depth for tree in trees) <= MAX_DEPTH
        )

    def _worth(self, step: Step, trees: tuple[Tree, ...]) -> CodeView | BranchesView | None:
        """The form that is worth its flash beside streams, or the quickest; None where neither is
        or small is what counts.
        """
        code = TreeCode.of(trees) if step.proven.acc_bits == 16 else None
        if step.optimize == "size" or code is None:
            return None
        limits, own = (self.low, self.high), code.cost
        as_code = CodeView(step, limits, 0, self, code)
        if step.optimize == "speed":
            return as_code
        streams = cost_of(STREAM_COST, trees, self.leaf_bits // 8 - 1)
        branches = cost_of(BRANCHES_COST, trees)
        quicker = branches.product < own.product and branches.pays(streams)
        if quicker and self._printable(trees, "speed"):
            return BranchesView(step, limits, 0, self, trees)
        return as_code if own.pays(streams) else None

    def _mixed(self, step: Step, trees: tuple[Tree, ...], quick: bool) -> MixedView | None:
        """As few levels as if and else as leave streams behind them, or as many as TREE_BRANCHES
        allows; None where even these do not.
        """
        found = None
        for levels in range(1, TREE_BRANCHES.bit_length()):
            places: dict[Stream, int] = {}
            cut = (t.top(levels, self.leaf_bits, places) for t in trees)
            tops = tuple(t for t in cut if t is not None)
            if len(tops) == len(trees):
                found = MixedView(step, (self.low, self.high), 0, self, tuple(places), tops)
                if not quick:
                    break
        return found

    def float_view(self, step: FloatStep) -> ForestFloatView:
        return ForestFloatView(step, (self.low, self.high), 0, self)


@dataclass(frozen=True)
class BranchesView(SumView):
    """A few splits, printed as nested if and else."""

    template: ClassVar[str] = "forest"
    macros: ClassVar[str] = "branches"
    node: Forest
    trees: tuple[Tree, ...]

    @property
    def splits(self) -> int:
        return len(self.node.splits)

    @property
    def bias(self) -> int:
        return self.node.bias[0]


@dataclass(frozen=True)
class CodeView(SumView):
    """Trees in the words of tinygen_trees.h, as a function of their own."""

    template: ClassVar[str] = "forest"
    macros: ClassVar[str] = "code"
    node: Forest
    code: TreeCode

    @property
    def trees(self) -> int:
        return len(self.code.trees)

    @property
    def start(self) -> int:
        """What the sum starts with: the bias, and the least value of every tree's leaf."""
        return self.node.bias[0] + self.trees * self.code.least

    @property
    def in_front(self) -> list[str]:
        return self.code.lines(0, self.code.in_front)

    @property
    def behind(self) -> list[str]:
        return self.code.lines(self.code.in_front, self.trees)

    @property
    def holds(self) -> list[str]:
        return [f"TINYGEN_HOLD({slot}, {k})" for k, slot in self.code.held.items()]

    @property
    def calls(self) -> list[str]:
        return [f"TINYGEN_CALL({k})" for k in range(self.trees)]

    @property
    def ends(self) -> list[str]:
        return self.code.end_words()

    @property
    def slots(self) -> int:
        return len(self.code.held)


@dataclass(frozen=True)
class StreamView(SumView):
    """Trees as byte streams, and where each starts."""

    template: ClassVar[str] = "forest"
    macros: ClassVar[str] = "streams"
    node: Forest
    streams: tuple[Stream, ...]

    @property
    def trees(self) -> int:
        return len(self.streams)

    @property
    def outputs(self) -> int:
        return len(self.node.bias)

    @property
    def bias(self) -> tuple[int, ...]:
        return self.node.bias

    @property
    def leaf_bits(self) -> int:
        return self.node.leaf_bits

    @property
    def leaf_bytes(self) -> int:
        return self.node.leaf_bits // 8

    @property
    def adds_bytes(self) -> bool:
        """True where one kernel adds a leaf's values to the sums."""
        return self.leaf_bits == 8 and self.acc_bits == 16

    @property
    def rows(self) -> list[str]:
        return [row for stream in self.streams for row in stream.rows]

    @property
    def bytes(self) -> int:
        return sum(stream.size for stream in self.streams)

    @property
    def starts(self) -> list[int]:
        """Place of each stream's first byte."""
        return [sum(s.size for s in self.streams[:k]) for k in range(len(self.streams))]

    @property
    def start_bits(self) -> int:
        return 8 if self.starts[-1] <= 255 else 16

    @property
    def rom_bytes(self) -> int:
        return self.bytes + self.trees * self.start_bits // 8


@dataclass(frozen=True)
class MixedView(StreamView):
    """The first levels of each tree as nested if and else, and the byte streams they lead to."""

    macros: ClassVar[str] = "mixed"
    tops: tuple[Split | Place, ...] = ()

    @property
    def rom_bytes(self) -> int:
        return self.bytes


class _Splits:
    """The splits as both views print them."""

    node: Forest

    @property
    def table(self) -> tuple[tuple[int, int, int, int], ...]:
        """The splits; one that nobody reaches where there is none."""
        return self.node.splits or ((0, 0, 0, 0),)

    @property
    def splits(self) -> int:
        return len(self.table)

    @property
    def roots(self) -> tuple[int, ...]:
        return self.node.roots

    @property
    def bias(self) -> tuple[int, ...]:
        return self.node.bias


@dataclass(frozen=True)
class ForestView(_Splits, SumView):
    """Trees as arrays that name their places."""

    template: ClassVar[str] = "forest"
    macros: ClassVar[str] = "forest"
    node: Forest

    @property
    def leaves(self) -> int:
        return len(self.node.leaves)

    @property
    def trees(self) -> int:
        return len(self.node.roots)

    @property
    def outputs(self) -> int:
        return len(self.node.bias)

    @property
    def child_bits(self) -> int:
        return 8 if max(len(self.node.splits), self.leaves) <= 127 else 16

    @property
    def leaf_bits(self) -> int:
        return self.node.leaf_bits

    @property
    def inputs(self) -> list[int]:
        return [split[0] for split in self.table]

    @property
    def thresholds(self) -> list[int]:
        return [split[1] for split in self.table]

    @property
    def children(self) -> list[str]:
        return [f"{{{split[2]},{split[3]}}}" for split in self.table]

    @property
    def leaf_values(self) -> list[str]:
        return ["{" + ",".join(map(str, row)) + "}" for row in self.node.leaves]

    @property
    def rom_bytes(self) -> int:
        child, leaf = self.child_bits // 8, self.leaf_bits // 8
        return (
            (3 + 2 * child) * self.splits + leaf * self.leaves * self.outputs + child * self.trees
        )


@dataclass(frozen=True)
class ForestFloatView(_Splits, FloatSumView):
    """The arrays, with thresholds and leaf values in float."""

    template: ClassVar[str] = "forest"
    node: Forest

    @property
    def leaves(self) -> tuple[tuple[int, ...], ...]:
        return self.node.leaves

    @property
    def child_bits(self) -> int:
        return 8 if max(self.splits, len(self.leaves)) <= 127 else 16
