"""Model tree: a shallow decision tree with ridge regression in each leaf (Quinlan 1992).

A row takes a few comparisons and one dot product: much quicker than a net of that size. Splits are
those behind which two ridge regressions on the target or its root are best, not two means: sums
over the rows of each bin of an input tell all of them (Gama 2004). The best split of all leaves
comes next, so that a smaller tree is the start of a larger one. Then each leaf is fitted in the
target's own unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..data import Rows
from ..fitting.least_squares import Root, fit_linear
from ..fitting.lowering import ACC_ROOM, LINEAR_SHIFT, narrowest, scale_inputs
from ..fitting.trees import Split, Trees
from ..fitting.weighted import Counts, deviation, mean, total
from ..model.fixedpoint import INT16_MAX
from ..model.nodes import Node
from ..model.operations.leaf_lines import LeafLines
from . import Family

LEAVES = (2, 3, 4, 6, 8, 12, 16)
BINS = 32  # of an input: limits are their ends
RIDGE = 1.0  # rows that speak against each coefficient of a leaf
LEAST_ROWS = 30  # of a leaf, and so many for each of its inputs:
ROWS_PER_INPUT = 3
MOST_LEVELS = 12  # that the C code nests
INPUT_BITS = 12  # of inputs whose steps differ too much for one step of the weights


@dataclass(frozen=True)
class Config:
    leaves: int
    root: int  # 1 identity, 2 square root of the target


@dataclass(frozen=True)
class ModelTree:
    """`v = coef[k] . x + intercept[k]` in leaf k on raw inputs, `y = g(v)`."""

    columns: tuple[int, ...]
    tree: Trees  # one
    coef: np.ndarray  # (leaves, inputs)
    intercept: np.ndarray
    root: Root
    limits: tuple[int, int]  # of the answers, which a line leaves outside of its leaf

    def predict(self, x: np.ndarray) -> np.ndarray:
        leaf = self.tree.leaf_of(x)[:, 0]
        v = (self.coef[leaf] * x).sum(axis=1) + self.intercept[leaf]
        return np.clip(self.root.backward(v), *self.limits)


def candidates(rows: Rows) -> list[Config]:
    count, least = total(len(rows.y), rows.weights), _least_rows(rows)
    roots = (1, 2) if rows.y.min() >= 0 else (1,)
    return [Config(n, root) for n in LEAVES if n * least <= count for root in roots]


def _least_rows(rows: Rows) -> int:
    return max(LEAST_ROWS, ROWS_PER_INPUT * rows.x.shape[1])


def fit(rows: Rows, config: Config, seed: int = 0) -> ModelTree:
    return fit_many(rows, [config], seed)[0]


def fit_many(
    rows: Rows, configs: list[Config], seed: int = 0, draft: bool = False
) -> list[ModelTree]:
    """As `fit`. Trees of one root are stages of one growth, which ends where no split helps."""
    found = {}
    for degree in {c.root for c in configs}:
        most = max(c.leaves for c in configs if c.root == degree)
        found[degree] = list(_Growth(rows, Root(degree)).stages(most))
    return [found[c.root][min(c.leaves, len(found[c.root])) - 1] for c in configs]


@dataclass(frozen=True)
class _Leaf:
    """A leaf while the tree grows."""

    rows: np.ndarray  # positions
    parent: tuple[int, int] | None  # the split above it, and its side: 2 or 3
    level: int
    line: np.ndarray  # coefficients of raw inputs, then the intercept
    gain: float  # of its best split; 0 where there is none
    source: int
    limit: int


class _Growth:
    """Grows a tree on training rows."""

    def __init__(self, rows: Rows, root: Root) -> None:
        self._rows, self._root = rows, root
        self._least = _least_rows(rows)
        self._counts = np.ones(len(rows.y)) if rows.weights is None else rows.weights
        v = root.forward(rows.y)
        target = (v - mean(v, rows.weights)) / max(float(deviation(v, rows.weights)), 1e-9)
        columns = np.column_stack([_standard(rows.x, rows.weights), np.ones(len(v)), target])
        self._columns = columns * np.sqrt(self._counts)[:, None]
        shrink = np.full(columns.shape[1] - 1, RIDGE)
        shrink[-1] = 1e-9
        self._shrink = np.diag(shrink)
        self._limits = [_quantiles(column, self._counts) for column in rows.x.T]
        codes = [np.searchsorted(limits, c) for limits, c in zip(self._limits, rows.x.T)]
        self._codes = np.column_stack(codes).astype(np.uint8)

    def stages(self, most: int) -> Iterator[ModelTree]:
        """Trees of 1, 2, 3 leaves and so on."""
        leaves = [self._leaf(np.arange(len(self._rows.y)), None, 0)]
        splits: list[list[int]] = []
        yield self._tree(splits, leaves)
        while len(leaves) < most:
            k = int(np.argmax([leaf.gain for leaf in leaves]))
            parted = leaves[k]
            if parted.gain <= 0:
                return
            place, above = len(splits), self._rows.x[parted.rows, parted.source] > parted.limit
            splits.append([parted.source, parted.limit, -1 - k, -1 - len(leaves)])
            if parted.parent:
                splits[parted.parent[0]][parted.parent[1]] = place
            left, right = (
                self._leaf(parted.rows[side], (place, at), parted.level + 1)
                for side, at in ((~above, 2), (above, 3))
            )
            leaves[k] = left
            leaves.append(right)
            yield self._tree(splits, leaves)

    def _tree(self, splits: list[list[int]], leaves: list[_Leaf]) -> ModelTree:
        lines = np.array([leaf.line for leaf in leaves])
        kept = tuple((a, b, c, d) for a, b, c, d in splits)
        tree = Trees((kept,), (0,), len(leaves))
        every = tuple(range(self._rows.x.shape[1]))
        limits = self._rows.output.limits
        return ModelTree(every, tree, lines[:, :-1], lines[:, -1], self._root, limits)

    def _leaf(self, at: np.ndarray, parent: tuple[int, int] | None, level: int) -> _Leaf:
        best = (0.0, 0, 0)
        if level < MOST_LEVELS and self._counts[at].sum() >= 2 * self._least:
            best = max(self._best_limit(at, source) for source in range(len(self._limits)))
        return _Leaf(at, parent, level, self._line(at), *best)

    def _line(self, at: np.ndarray) -> np.ndarray:
        """Coefficients and intercept on raw inputs, of least error of y."""
        rows = self._rows.take(at)
        middle, spread = mean(rows.x, rows.weights), _spread(rows.x, rows.weights)
        width = rows.x.shape[1]
        fitted = fit_linear(
            (rows.x - middle) / spread,
            rows.y,
            self._root,
            penalty=np.eye(width) * RIDGE / max(float(self._counts[at].sum()), 1.0),
            counts=rows.weights,
        )
        coef = fitted.coef / spread
        line: np.ndarray = np.append(coef, fitted.intercept - coef @ middle)
        return line

    def _best_limit(self, at: np.ndarray, source: int) -> tuple[float, int, int]:
        """(gain, input, limit) of the best split at an input; a gain of 0 where none is allowed."""
        codes, limits = self._codes[at, source], self._limits[source]
        order = np.argsort(codes, kind="stable")
        ends = np.searchsorted(codes[order], np.arange(len(limits)), side="right")
        parts = np.split(order, ends)
        squares = np.array([c.T @ c for c in (self._columns[at[part]] for part in parts)])
        counts = np.cumsum([self._counts[at[part]].sum() for part in parts])
        sums = np.cumsum(squares, axis=0)
        whole, left = sums[-1], sums[:-1]
        enough = (counts[:-1] >= self._least) & (counts[-1] - counts[:-1] >= self._least)
        if not enough.any():
            return 0.0, source, 0
        rest = self._rest(left[enough]) + self._rest(whole - left[enough])
        best = int(rest.argmin())
        gain = float(self._rest(whole[None])[0] - rest[best])
        return max(gain, 0.0), source, int(limits[enough.nonzero()[0][best]])

    def _rest(self, squares: np.ndarray) -> np.ndarray:
        """Squared error that ridge regression leaves, from products of columns (k, n, n)."""
        a, c = squares[:, :-1, :-1] + self._shrink, squares[:, :-1, -1]
        explained = (c * np.linalg.solve(a, c[:, :, None])[:, :, 0]).sum(axis=1)
        left: np.ndarray = squares[:, -1, -1] - explained
        return left


def _quantiles(column: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Ends of BINS bins of equal weight, those that are equal once."""
    order = np.argsort(column, kind="stable")
    below = np.cumsum(counts[order])
    places = np.searchsorted(below, np.arange(1, BINS) / BINS * below[-1])
    ends: np.ndarray = np.unique(column[order][places])
    return ends


def _spread(x: np.ndarray, counts: Counts) -> np.ndarray:
    """Deviation of each input; 1 of one that never moves, which gets no say."""
    still: np.ndarray = np.where(np.ptp(x, axis=0) > 0, deviation(x, counts), 1.0)
    return np.maximum(still, 1e-9)


def _standard(x: np.ndarray, counts: Counts) -> np.ndarray:
    standard: np.ndarray = (x - mean(x, counts)) / _spread(x, counts)
    return standard


def lower(fitted: ModelTree, rows: Rows) -> tuple[Node, ...]:
    error = rows.error(np.floor(fitted.predict(rows.x) + 0.5))
    return narrowest(_chains(fitted, rows), rows.x, rows.y, error, rows.weights)


def _chains(fitted: ModelTree, rows: Rows) -> Iterator[tuple[Node, ...]]:
    """On raw inputs; and on inputs of one range, whose coefficients are of one size."""
    splits = fitted.tree.trees[0] or ((0, min(int(rows.x[0, 0]), INT16_MAX - 1), -1, -1),)
    node = _node(fitted, splits, fitted.coef, fitted.intercept, rows, INT16_MAX + 1)
    yield (node, *fitted.root.nodes)
    scale = scale_inputs([q.limits for q in rows.inputs], INPUT_BITS, exact=True, widen=True)
    factor, offset = scale.frame
    coef = fitted.coef / factor
    most = scale.top - scale.zero - 1
    grid = scale.apply(np.array([[split[1]] * len(factor) for split in splits]))
    moved = tuple(
        (source, min(int(row[source]), most), left, right)
        for (source, _, left, right), row in zip(splits, grid)
    )
    intercept = fitted.intercept - coef @ offset
    node = _node(fitted, moved, coef, intercept, rows, scale.zero)
    yield (scale, node, *fitted.root.nodes)


def _node(
    fitted: ModelTree,
    splits: tuple[Split, ...],
    coef: np.ndarray,
    intercept: np.ndarray,
    rows: Rows,
    reach: int,
) -> LeafLines:
    """The node for inputs within +-reach, its weights in the finest step that fits 32 bits."""
    size = max(float(np.abs(coef).max()), 1e-12)
    sums = max(float((np.abs(coef).sum(axis=1) * reach + np.abs(intercept)).max()), 1e-12)
    room = min(INT16_MAX / size, ACC_ROOM / sums)
    shift = int(np.clip(np.floor(np.log2(room)), 0, LINEAR_SHIFT))
    whole, bias = (np.floor(v * 2.0**shift + 0.5).astype(int) for v in (coef, intercept))
    low, high = fitted.root.limits(rows.output)
    weights = tuple(map(tuple, whole.tolist()))
    return LeafLines(splits, weights, tuple(bias.tolist()), shift, low, high)


FAMILY = Family(
    "model_tree",
    "tree of linear models",
    candidates,
    fit,
    lower,
    fit_many,
    size=lambda config: config.leaves,
    under_drift=False,
    together=lambda config: config.root,
    least_bytes=lambda config, inputs: 100 + config.leaves * (inputs + 4),
)
