"""Decision trees: printed as branches, as byte streams, or as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, product
from math import inf
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
    clamped,
    fits_int16,
    integers,
    need,
    operation,
    prefix_bounds,
    within,
)
from ..trees.code import BRANCHES_COST, STREAM_COST, Cost, TreeCode, cost_of
from ..trees.straight import MOST_CLASSES, StraightCode, straight_codes, without_implied
from ..trees.tree import FEW_INPUTS, MAX_DEPTH, Form, Leaf, Split, Stream, Tree
from ..trees.views import (
    BranchesView,
    ClassView,
    CodeView,
    ForestFloatView,
    ForestView,
    MixedView,
    RowCodeView,
    StraightView,
    StreamView,
    TreesView,
)
from ..views import FloatStep, Step, View

BRANCHES = {"balanced": 16, "size": 12, "speed": 1024}  # most splits printed as if and else
TREE_BRANCHES = 64  # the same of one tree; below them a larger one goes on as byte streams
MAX_TREE_DEPTH = 255  # of any tree; views walk it recursively


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
    takes_any_int16: ClassVar[bool] = True
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
        return self.bounds_as(self.op, inside)

    def bounds_as(self, op: str, inside: Bounds) -> Bounds:
        """The bounds; a broken rule is told as one of operation `op`, which is made of trees."""
        outputs = len(self.bias)
        fits_int16(inside, op)
        within(f"{op}: outputs", [outputs], 1, MAX_WIDTH)
        within(f"{op}: trees", [len(self.roots)], 1, MAX_WIDTH)
        within(f"{op}: splits", [len(self.splits)], 0, INT16_MAX)  # places are int16_t in C
        within(f"{op}: leaves", [len(self.leaves)], 1, INT16_MAX)
        within(f"{op}: bias", self.bias, -INT32_MAX, INT32_MAX)
        need(all(len(leaf) == outputs for leaf in self.leaves), f"{op}: one leaf value per output")
        need(all(len(split) == 4 for split in self.splits), f"{op}: four numbers per split")
        within(f"{op}: leaf values", chain(*self.leaves), -INT16_MAX, INT16_MAX)
        within(f"{op}: input of a split", [s[0] for s in self.splits], 0, len(inside.low) - 1)
        within(f"{op}: thresholds", [s[1] for s in self.splits], -INT16_MAX, INT16_MAX)
        acc_low, acc_high = min(self.bias), max(self.bias)
        spans = [self._leaf_span(op, root) for root in self.roots]
        for k, start in enumerate(self.bias):
            low, high = prefix_bounds(start, [s[0][k] for s in spans], [s[1][k] for s in spans])
            acc_low, acc_high = min(acc_low, low), max(acc_high, high)
        return clamped((self.low, self.high), outputs, (acc_low, acc_high), op)

    def _leaf_span(self, op: str, root: int) -> tuple[list[int], list[int]]:
        """Smallest and largest leaf value per output of a tree; checks that it is one."""
        pending, found = [(root, 0)], []
        for _ in range(2 * len(self.splits) + 2):  # leaves may be shared, splits not
            if not pending:
                break
            at, depth = pending.pop()
            within(f"{op}: depth of a tree", [depth], 0, MAX_TREE_DEPTH)
            if at >= 0:
                need(
                    at < len(self.splits) and all(c < 0 or c > at for c in self.splits[at][2:]),
                    f"{op}: a child stands after its parent",
                )
                pending += [(child, depth + 1) for child in self.splits[at][2:]]
            else:
                need(-1 - at < len(self.leaves), f"{op}: a leaf exists")
                found.append(self.leaves[-1 - at])
        need(not pending and bool(found), f"{op}: every tree is a tree")
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

    def _reached(self, step: Step) -> tuple[Tree, ...]:
        """The trees; of values of 8 bits without splits that their intervals decide, of which a
        compiler warns.
        """
        trees = tuple(self.tree(root) for root in self.roots)
        if step.reads_int16 or step.before is None:
            return trees
        known = dict(enumerate(zip(step.before.low, step.before.high)))
        return tuple(without_implied(tree, known) for tree in trees)

    def view(self, step: Step) -> View:
        """Few splits as if and else; trees of int16 inputs as straight code, as if and else or as
        code where that pays, else as streams, large ones that have to be quick with their first
        levels as if and else; others as arrays.
        """
        limits, trees = (self.low, self.high), self._reached(step)
        one = len(self.bias) == 1
        if one and (code := self._straight(step, trees)):
            return StraightView(step, limits, 0, self, code)
        quick = step.optimize == "speed" and TREE_BRANCHES * len(trees) <= BRANCHES["speed"]
        if one and self._printable(trees, step.optimize):
            return BranchesView(step, limits, 0, self, trees)
        if step.reads_int16:
            if found := self._worth(step, trees):
                return found
            if one and quick and (mixed := self._mixed(step, trees)):
                return mixed
            if streams := self._streams(step, trees):
                return streams
        return ForestView(step, limits, 0, self)

    def _forms(self) -> tuple[Form, Form]:
        """How streams may be written, the shortest form first."""
        many = any(split[0] >= FEW_INPUTS for split in self.splits)
        return Form(self.leaf_bits, many), Form(self.leaf_bits, many, far=True)

    def _streams(self, step: Step, trees: tuple[Tree, ...]) -> StreamView | None:
        """None for more bytes than can be numbered."""
        for form in self._forms():
            streams = tuple(s for t in trees if (s := t.whole(form)))
            if len(streams) == len(trees) and sum(s.size for s in streams) <= UINT16_MAX:
                return StreamView(step, (self.low, self.high), 0, self, form, streams)
        return None

    def worth_straight(self, step: Step) -> bool:
        """True for trees that straight code may be worth it for: more than a few splits, or several
        trees of classes, of inputs of 16 bits, and sums of them.
        """
        return (
            step.optimize != "size"
            and step.reads_int16
            and (len(self.splits) > BRANCHES["balanced"] or len(self.bias) > 1 < len(self.roots))
            and step.bounds[0].acc_bits <= 16
        )

    def _straight(self, step: Step, trees: tuple[Tree, ...]) -> StraightCode | None:
        """Straight code, where no other form is quicker or worth more."""
        if not self.worth_straight(step):
            return None
        quick, sums = step.optimize == "speed", len(self.bias)
        streams = cost_of(STREAM_COST, trees, self.leaf_bits // 8 * sums, sums)

        def worth(cost: Cost) -> float:
            return cost.cycles if quick else cost.product

        starts = TreesView(step, (self.low, self.high), 0, self).bias
        least = min(map(worth, self._other_costs(step, trees)), default=inf)
        codes = [
            code
            for code in straight_codes(trees, starts, step.optimize)
            if worth(code.cost) <= least and (quick or code.cost.pays(streams))
        ]
        codes.sort(key=lambda code: worth(code.cost))
        worthy = (c for c in codes if quick or all(c.cost.earns_its_flash(o.cost) for o in codes))
        return next(worthy, None)

    def _other_costs(self, step: Step, trees: tuple[Tree, ...]) -> list[Cost]:
        """Of trees as code behind calls, and as if and else, where these can say them."""
        sums = len(self.bias)
        own = TreeCode.of(trees, step.optimize) if sums == 1 or self.leaf_bits == 8 else None
        found = [own.cost] if own else []
        if sums == 1 and self._printable(trees, "speed"):
            kept = [without_implied(tree, {}) for tree in trees]  # the compiler sees that as well
            found.append(cost_of(BRANCHES_COST, kept))
        return found

    def class_view(self, step: Step) -> ClassView | None:
        """The step of scores and of the largest of them as straight code, where it pays."""
        sums = len(self.bias)
        spread = step.bounds[0].acc_high - step.bounds[0].acc_low
        if not 2 <= sums <= MOST_CLASSES or spread > INT16_MAX:
            return None
        if self.low > step.bounds[0].acc_low or self.high < step.bounds[0].acc_high:
            return None  # scores are clamped
        code = self._straight(step.front(1), self._reached(step))
        return ClassView(step, self, code) if code else None

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
        sums = len(self.bias)
        if step.optimize == "size" or step.proven.acc_bits > 16:
            return None
        code = TreeCode.of(trees, step.optimize) if sums == 1 or self.leaf_bits == 8 else None
        if code is None:
            return None
        limits, own = (self.low, self.high), code.cost
        as_code = (CodeView if sums == 1 else RowCodeView)(step, limits, 0, self, code)
        if step.optimize == "speed":
            return as_code
        streams = cost_of(STREAM_COST, trees, self.leaf_bits // 8 * sums, sums)
        branches = cost_of(BRANCHES_COST, trees)
        quicker = branches.product < own.product and branches.pays(streams)
        if sums == 1 and quicker and self._printable(trees, "speed"):
            return BranchesView(step, limits, 0, self, trees)
        return as_code if own.pays(streams) else None

    def _mixed(self, step: Step, trees: tuple[Tree, ...]) -> MixedView | None:
        """As many levels as if and else as TREE_BRANCHES allows, and streams behind them; None
        where these are too long.
        """
        for levels, form in product(reversed(range(1, TREE_BRANCHES.bit_length())), self._forms()):
            places: dict[Stream, int] = {}
            cut = (t.top(levels, form, places) for t in trees)
            tops = tuple(t for t in cut if t is not None)
            if len(tops) == len(trees):
                limits = self.low, self.high
                return MixedView(step, limits, 0, self, form, tuple(places), tops)
        return None

    def float_view(self, step: FloatStep) -> ForestFloatView:
        return ForestFloatView(step, (self.low, self.high), 0, self)
