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
from ..views import FloatStep, FloatSumView, Step, SumView, signed

BRANCHES = {"balanced": 16, "size": 12, "speed": 64}  # most splits printed as if and else
MAX_DEPTH = 12  # levels of nested branches that fit a screen
MAX_TREE_DEPTH = 255  # of any tree; views walk it recursively
MAX_SPLIT_INPUT = 63  # inputs that a split of a stream can name
MAX_SKIP = 255  # bytes of a split's left side in a stream
SPLITS = {  # by whether its left and its right side are leaves
    (False, False): "TINYGEN_SPLIT",
    (True, False): "TINYGEN_SPLIT_LEFT_LEAF",
    (False, True): "TINYGEN_SPLIT_RIGHT_LEAF",
    (True, True): "TINYGEN_SPLIT_LEAVES",
}


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

    def view(self, step: Step) -> BranchesView | StreamView | ForestView:
        """Few splits as if and else, trees of int16 inputs as streams, others as arrays."""
        limits, trees = (self.low, self.high), tuple(self.tree(root) for root in self.roots)
        if (
            len(self.bias) == 1
            and len(self.splits) <= BRANCHES[step.optimize]
            and max(tree.depth for tree in trees) <= MAX_DEPTH
        ):
            return BranchesView(step, limits, 0, self, trees)
        streams = [tree.stream(self.leaf_bits) for tree in trees]
        if (
            step.reads_int16
            and all(root >= 0 for root in self.roots)
            and all(split[0] <= MAX_SPLIT_INPUT for split in self.splits)
            and None not in streams
        ):
            return StreamView(step, limits, 0, self, tuple(s for s in streams if s))
        return ForestView(step, limits, 0, self)

    def float_view(self, step: FloatStep) -> ForestFloatView:
        return ForestFloatView(step, (self.low, self.high), 0, self)


@dataclass(frozen=True)
class Stream:
    """A tree, or a part of one, as the bytes that tinygen_leaf walks."""

    size: int  # bytes
    rows: tuple[str, ...]


@dataclass(frozen=True)
class Leaf:
    """The end of a tree: one value per output."""

    values: tuple[int, ...]
    is_leaf: ClassVar[bool] = True
    depth: ClassVar[int] = 0

    def stream(self, bits: int, level: int = 0) -> Stream:
        values = [str(v) if bits == 8 else f"TINYGEN_BYTES({v})" for v in self.values]
        return Stream(bits // 8 * len(values), ("  " * level + ", ".join(values) + ",",))


@dataclass(frozen=True)
class Split:
    """An inner node: to the left when the input is at most `limit`."""

    source: int
    limit: int
    left: Tree
    right: Tree
    is_leaf: ClassVar[bool] = False

    @property
    def depth(self) -> int:
        return 1 + max(self.left.depth, self.right.depth)

    def stream(self, bits: int, level: int = 0) -> Stream | None:
        """None where a left side is too long to skip, or the tree too deep."""
        left, right = self.left.stream(bits, level + 1), self.right.stream(bits, level + 1)
        if left is None or right is None or left.size > MAX_SKIP or level > MAX_DEPTH:
            return None
        head = (
            f"{'  ' * level}{SPLITS[self.left.is_leaf, self.right.is_leaf]}({self.source}), "
            f"TINYGEN_BYTES({self.limit}), {signed(left.size, 8)},"
        )
        return Stream(4 + left.size + right.size, (head, *left.rows, *right.rows))


Tree = Leaf | Split


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
    def rows(self) -> list[str]:
        return [row for stream in self.streams for row in stream.rows]

    @property
    def bytes(self) -> int:
        return sum(stream.size for stream in self.streams)

    @property
    def starts(self) -> list[int]:
        """Place of each tree's first byte."""
        return [sum(s.size for s in self.streams[:k]) for k in range(self.trees)]

    @property
    def start_bits(self) -> int:
        return 8 if self.starts[-1] <= 255 else 16

    @property
    def rom_bytes(self) -> int:
        return self.bytes + self.trees * self.start_bits // 8


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
