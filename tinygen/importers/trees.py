"""Sums of trees: thresholds on the integer grid of the inputs, leaves in whole steps.

The accepted raw values of an input are finitely many. What a tree does with each of them, behind
the curves in front of it and as its library compares (float32, below or at most), is looked up; the
integer threshold is the last value that goes left. So the integer tree takes the same branch as the
float tree for every accepted row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..common.errors import QuantizeError, show
from ..fitting.trees import leaf_steps
from ..model.fixedpoint import INT8_MAX, INT16_MAX
from ..model.nodes import MAX_WIDTH, Node
from ..model.operations.argmax import Argmax
from ..model.operations.forest import MAX_TREE_DEPTH, Forest
from .calibration import Answer, Calibration, Lowered
from .graph import SAME, Columns, Floats, Tree, TreeSum

MOST_RUNS = 4  # changes of side that a curve in front of a split may make over its input
Split = tuple[int, int, int, int]


@dataclass(frozen=True)
class RawTree:
    """A tree over raw inputs, split k = (input, last raw value that goes left, left, right); a
    child below 0 is leaf -1 - child. `values`: float (leaves, outputs).
    """

    splits: tuple[Split, ...]
    values: Floats

    def leaf_of(self, x: np.ndarray) -> np.ndarray:
        """The leaf of each raw row."""
        at = np.full(len(x), 0 if self.splits else -1)
        splits, rows = np.array(self.splits, dtype=np.int64).reshape(-1, 4), np.arange(len(x))
        while (inner := at >= 0).any():
            s = splits[at[inner]]
            at[inner] = np.where(x[rows[inner], s[:, 0]] <= s[:, 1], s[:, 2], s[:, 3])
        return -1 - at


def lower_trees(before: Columns | None, trees: TreeSum, rows: Calibration) -> Lowered:
    """The integer form of trees over curves of single inputs."""
    raw = raw_trees(before, trees, rows)
    found = lower_raw(raw, trees.base, rows)
    return Lowered(found.nodes, found.bound, found.margin, same_leaves=True)


def raw_trees(before: Columns | None, trees: TreeSum, rows: Calibration) -> list[RawTree]:
    """The trees with their thresholds on the raw grid; branches that no accepted row takes are
    left out.
    """
    seen = {}
    for column in sorted({int(c) for t in trees.trees for c in t.column}):
        source = before.sources[column] if before else column
        curve = before.curves[column] if before else SAME
        seen[column] = _Seen(source, rows, curve.name, trees.seen(rows.on_grid(source, curve)))
    return [_raw_tree(tree, trees.strict, seen) for tree in trees.trees]


@dataclass(frozen=True)
class _Seen:
    """What a comparison sees of every raw value of an input."""

    source: int
    rows: Calibration
    curve: str
    values: Floats

    def runs(self, threshold: float, strict: bool) -> tuple[bool, list[int]]:
        """Whether the lowest raw value goes left, and the last raw value of each run of values
        that go the same way, but for the last run.
        """
        left = self.values < threshold if strict else self.values <= threshold
        ends = self.rows.grid(self.source)[:-1][left[1:] != left[:-1]]
        if len(ends) > MOST_RUNS:
            raise QuantizeError(
                f"{self.curve} of input {show(self.rows.inputs[self.source].name)} rises and falls "
                f"{len(ends)} times in front of trees: train the trees on the input itself, they "
                "need no such curve"
            )
        return bool(left[0]), ends.tolist()


def _raw_tree(tree: Tree, strict: bool, seen: dict[int, _Seen]) -> RawTree:
    splits: list[Split] = []
    kept: dict[int, int] = {}

    def walk(at: int, depth: int) -> int:
        """Place of what stands for the node `at`: it is a leaf where no accepted row splits."""
        if at < 0:
            return -1 - kept.setdefault(-1 - at, len(kept))
        if depth > MAX_TREE_DEPTH:
            raise QuantizeError(
                f"a tree has more than {MAX_TREE_DEPTH} levels: train it with a lower max_depth"
            )
        left, ends = seen[int(tree.column[at])].runs(float(tree.threshold[at]), strict)
        sides = [int(tree.left[at]), int(tree.right[at])]
        return grow(sides if left else sides[::-1], seen[int(tree.column[at])].source, ends, depth)

    def grow(sides: list[int], source: int, ends: list[int], depth: int) -> int:
        """The first run goes to the first side, the next one to the other, and so on."""
        if not ends:
            return walk(sides[0], depth + 1)
        place = len(splits)
        splits.append((source, ends[0], 0, 0))
        left = walk(sides[0], depth + 1)
        splits[place] = source, ends[0], left, grow(sides[::-1], source, ends[1:], depth + 1)
        return place

    walk(0 if len(tree.column) else -1, 0)
    return RawTree(tuple(splits), tree.values[list(kept)])


# ---- leaves in whole steps ----


def lower_raw(trees: Sequence[RawTree], base: Floats, rows: Calibration) -> Lowered:
    """The nodes that add up the leaves of trees over raw inputs, and what that can change."""
    answer = rows.answer
    if len(trees) == 1:
        return _one_tree(trees[0], base, answer)
    if len(trees) > MAX_WIDTH:
        raise QuantizeError(
            f"{len(trees)} trees, the integer model adds up at most {MAX_WIDTH}: train with fewer "
            "and larger ones"
        )
    choices = _numbers if answer.head.kind == "value" else _scores
    best: Lowered | None = None
    least = np.inf
    for found in choices(trees, base, answer):
        difference = rows.difference(found.nodes)
        if best is None or difference < least:
            best, least = found, difference
        if difference <= rows.tolerance or rows.is_hidden(found.nodes, difference):
            return found
    assert best is not None
    return best


def _one_tree(tree: RawTree, base: Floats, answer: Answer) -> Lowered:
    """Every leaf holds its answer."""
    values = tree.values + base
    if answer.head.kind == "value":
        exact = answer.exact(values[:, 0])
        whole = answer.whole(exact)
        bound = float(np.abs(whole - exact).max())
    else:
        whole, bound = answer.head.answers(values).astype(int), 0.0
    # the sum starts from 0: limits on the same side of it would be checked for nothing
    low, high = min(int(whole.min()), 0), max(int(whole.max()), 0)
    node = forest([tree], [whole[:, None]], (0,), low, high)
    return Lowered((node,), bound, 0.0)


def _numbers(trees: Sequence[RawTree], base: Floats, answer: Answer) -> Iterator[Lowered]:
    """Leaves in whole steps; their sum in raw steps."""
    exact = [t.values[:, 0] / answer.step for t in trees]
    start = (float(base[0]) - answer.offset) / answer.step
    for steps in leaf_steps(exact, start):
        off = [w * steps.unit - v for w, v in zip(steps.leaves, exact)]
        low, high = (steps.start - start + sum(end(e) for e in off) for end in (np.min, np.max))
        leaves = [w[:, None] for w in steps.leaves]
        sums = forest(trees, leaves, (steps.bias,), -INT16_MAX, INT16_MAX)
        nodes = sums, steps.dense(answer.low, answer.high)
        yield Lowered(nodes, float(max(abs(low), abs(high))) + 0.5)


def _scores(trees: Sequence[RawTree], base: Floats, answer: Answer) -> Iterator[Lowered]:
    """Leaves as int8, then as int16; only the order of the sums counts."""
    largest = [float(np.abs(t.values).max(initial=0)) for t in trees]
    for limit, step in (
        (INT8_MAX, max(largest) / INT8_MAX),
        (0, sum(largest) / (INT16_MAX - 2 * 255)),
    ):
        step = max(step, 1e-300)
        room = INT16_MAX - (limit or 1) * len(trees)
        step = max(step, float(np.abs(base).max()) / max(room, 1000))
        leaves = [np.floor(t.values / step + 0.5).astype(int) for t in trees]
        bias = np.floor(base / step + 0.5).astype(int)
        errors = sum(np.abs(w * step - t.values).max(axis=0) for w, t in zip(leaves, trees))
        margin = float((errors + np.abs(bias * step - base)).max())
        margin *= 1 if answer.head.kind == "sign" else 2  # two scores may move towards each other
        yield Lowered(_decided(trees, leaves, bias.tolist(), answer), None, margin)


def _decided(trees, leaves, bias, answer: Answer) -> tuple[Node, ...]:
    if answer.head.kind == "sign":
        return (forest(trees, leaves, bias, 0, 1),)
    return (
        forest(trees, leaves, bias, -INT16_MAX, INT16_MAX),
        Argmax(),
        *owners(answer.head.owner),
    )


def owners(owner: Sequence[int]) -> tuple[Node, ...]:
    """A table from the place of the largest value to its class, where there are more values."""
    from ..model.operations.lookup import Curve, Lookup

    if not owner:
        return ()
    return (Lookup((Curve(0, 0, 0, (*map(int, owner), int(owner[-1]))),), False),)


def forest(
    trees: Sequence[RawTree], leaves: Sequence[np.ndarray], bias, low: int, high: int
) -> Forest:
    """The node; equal leaves are stored once."""
    rows: dict[tuple[int, ...], int] = {}
    splits: list[Split] = []
    roots: list[int] = []
    for tree, values in zip(trees, leaves):
        place = [rows.setdefault(tuple(row), len(rows)) for row in values.tolist()]
        base = len(splits)
        roots.append(base if tree.splits else -1 - place[0])
        for source, limit, *children in tree.splits:
            left, right = (base + c if c >= 0 else -1 - place[-1 - c] for c in children)
            splits.append((source, limit, left, right))
    if len(splits) > INT16_MAX or len(rows) > INT16_MAX:
        raise QuantizeError(
            f"the trees have {len(splits):,} splits and {len(rows):,} different leaves, at most "
            f"{INT16_MAX:,} can be told apart: train fewer or smaller trees"
        )
    return Forest(tuple(splits), tuple(rows), tuple(roots), tuple(map(int, bias)), low, high)
