"""From scikit-learn's decision trees to one `Forest` node, and leaves in whole steps.

Inputs are integers, so `x <= t` is `x <= floor(t)`: a tree loses nothing by conversion. Only inputs
that a split looks at are kept, and equal leaves are stored once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data import Rows
from ..model.fixedpoint import INT8_MAX, INT16_MAX
from ..model.nodes import Integers
from ..model.operations.dense import Dense
from ..model.operations.forest import Forest
from .least_squares import Floats
from .weighted import total

MAX_SHIFT = 14  # raw values times 2**14 fit 30 bits
Split = tuple[int, int, int, int]


@dataclass(frozen=True)
class Trees:
    """Trees with leaves numbered through: leaf k of tree t is column `first_leaf[t] + k` of
    `places`.
    """

    # per tree (input, limit, left, right); child < 0 is leaf -1 - child
    trees: tuple[tuple[Split, ...], ...]
    first_leaf: tuple[int, ...]
    leaves: int  # of all trees

    @property
    def columns(self) -> tuple[int, ...]:
        """Inputs that some split looks at; the first input where there is none."""
        return tuple(sorted({split[0] for tree in self.trees for split in tree})) or (0,)

    def leaf_of(self, x: np.ndarray) -> np.ndarray:
        """The leaf each row ends in, int64 (n, trees), counted over all trees."""
        return np.column_stack(
            [_walk(tree, x) + first for tree, first in zip(self.trees, self.first_leaf)]
        )

    def shares(self, x: np.ndarray) -> np.ndarray:
        """1.0 where a row ends in a leaf, else 0.0: float64 (n, leaves)."""
        places, shares = self.leaf_of(x), np.zeros((len(x), self.leaves))
        shares[np.arange(len(x))[:, None], places] = 1.0
        return shares

    def node(self, values: np.ndarray, bias: Iterable[float], low: int, high: int) -> Forest:
        """The node that adds up integer leaf values of shape (leaves, outputs), for x restricted to
        `columns`.
        """
        place = {column: k for k, column in enumerate(self.columns)}
        rows: dict[tuple[int, ...], int] = {}
        leaf = [
            rows.setdefault(tuple(row), len(rows))
            for row in np.asarray(values).astype(int).tolist()
        ]
        splits: list[Split] = []
        roots: list[int] = []
        for tree, first in zip(self.trees, self.first_leaf):
            base = len(splits)
            child = [
                (base + c) if c >= 0 else -1 - leaf[first - 1 - c]
                for split in tree
                for c in split[2:]
            ]
            roots.append(base if tree else -1 - leaf[first])
            splits += [
                (place[s[0]], s[1], child[2 * k], child[2 * k + 1]) for k, s in enumerate(tree)
            ]
        return Forest(
            tuple(splits), tuple(rows), tuple(roots), tuple(int(b) for b in bias), low, high
        )


@dataclass(frozen=True)
class LeafSteps:
    """Leaves of trees that are added up, in whole steps of `weight / 2**shift` raw:
    `answer = (weight * (bias + sum of leaves) + offset) / 2**shift`.
    """

    leaves: tuple[Integers, ...]  # of each tree
    bias: int
    weight: int
    shift: int
    offset: int

    @property
    def unit(self) -> float:
        return float(self.weight / 2**self.shift)

    @property
    def start(self) -> float:
        """What the leaves are added to, raw."""
        return float(self.bias * self.unit + self.offset / 2**self.shift)

    def dense(self, low: int, high: int) -> Dense:
        """The node behind the sum of the leaves."""
        return Dense(((self.weight,),), (self.offset,), self.shift, low, high)


def leaf_steps(values: Sequence[Floats], start: float) -> Iterator[LeafSteps]:
    """Leaves around the middle of each tree: of 8 bits in a step that is a power of two, which
    costs next to nothing; of 8 bits in the finest step; of 16 bits. Their sum fits 16 bits.

    values: of each tree, (leaves,), raw; start: what their sum is added to, raw.
    """
    middle = [float(v.min() + v.max()) / 2 for v in values]
    reach = [float(np.ptp(v)) / 2 for v in values]
    start += sum(middle)
    moved = [v - m for v, m in zip(values, middle)]
    # half a step of room: the first tree takes in what rounding the bias loses
    yield _in_powers_of_two(moved, start, max(reach) / (INT8_MAX - 0.5))
    yield _in_finest_steps(moved, start, max(reach) / INT8_MAX)
    yield _in_powers_of_two(moved, start, sum(reach) / (INT16_MAX - len(values)))


def _in_powers_of_two(moved: list[Floats], start: float, least: float) -> LeafSteps:
    """In steps of the first power of two from `least` on; `start` is taken into the sum, unless it
    does not fit there.
    """
    power = int(np.clip(np.ceil(np.log2(max(least, 1e-9))), -MAX_SHIFT, MAX_SHIFT))
    unit, weight, shift = 2.0**power, 2 ** max(power, 0), max(-power, 0)
    bias = int(np.floor(start / unit + 0.5))
    first = moved[0] + start - bias * unit
    leaves = tuple(np.floor(v / unit + 0.5).astype(np.int64) for v in (first, *moved[1:]))
    if abs(bias) + sum(int(np.abs(v).max()) for v in leaves) <= INT16_MAX:
        return LeafSteps(leaves, bias, weight, shift, 0)
    return LeafSteps(leaves, 0, weight, shift, bias * weight)


def _in_finest_steps(moved: list[Floats], start: float, least: float) -> LeafSteps:
    shift = int(np.clip(np.floor(np.log2(INT8_MAX / max(least, 1e-9))), 0, MAX_SHIFT))
    weight = max(int(np.ceil(least * 2**shift)), 1)
    leaves = tuple(np.floor(v * 2**shift / weight + 0.5).astype(np.int64) for v in moved)
    return LeafSteps(leaves, 0, weight, shift, int(np.floor(start * 2**shift + 0.5)))


def least_leaf(least: int, rows: Rows) -> dict[str, Any]:
    """scikit-learn's arguments by which a leaf stands on `least` rows, or on rows of that weight.

    The fraction is a hair less, since its product with the whole weight is rounded.
    """
    if rows.weights is None:
        return {"min_samples_leaf": least}
    share = least / total(len(rows.y), rows.weights) * (1 - 1e-9)
    return {"min_weight_fraction_leaf": min(share, 0.5)}


def from_sklearn(estimators: Iterable[Any]) -> tuple[Trees, np.ndarray]:
    """The trees of fitted sklearn trees (their `tree_`), and their leaves' values, float64 (leaves,
    outputs).

    A node stands after its parent there, and so it does here.
    """
    trees: list[tuple[Split, ...]] = []
    first_leaf: list[int] = []
    values: list[np.ndarray] = []
    for tree in (estimator.tree_ for estimator in estimators):
        inner = tree.children_left >= 0
        number = np.where(inner, np.cumsum(inner) - 1, -np.cumsum(~inner))  # split k, or -1 - leaf
        limits = np.floor(tree.threshold[inner]).astype(int)
        columns = (
            tree.feature[inner],
            limits,
            number[tree.children_left[inner]],
            number[tree.children_right[inner]],
        )
        trees.append(tuple((int(c), int(t), int(a), int(b)) for c, t, a, b in zip(*columns)))
        first_leaf.append(sum(map(len, values)))
        values.append(tree.value[~inner].reshape((~inner).sum(), -1))
    return Trees(tuple(trees), tuple(first_leaf), sum(map(len, values))), np.concatenate(values)


def _walk(tree: tuple[Split, ...], x: np.ndarray) -> np.ndarray:
    """Leaf within the tree for each row."""
    at = np.full(len(x), 0 if tree else -1)
    splits = np.array(tree, dtype=np.int64).reshape(-1, 4)
    rows = np.arange(len(x))
    while (inner := at >= 0).any():
        split = splits[at[inner]]
        at[inner] = np.where(x[rows[inner], split[:, 0]] <= split[:, 1], split[:, 2], split[:, 3])
    return -1 - at
