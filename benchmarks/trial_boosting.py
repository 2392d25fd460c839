"""Boosting on histograms for tree_trials.py: trees that share splits, and oblivious ones.

Limits are quantiles of the training rows. A tree is either grown leaf by leaf, the best split
first, where a split that no tree has used yet pays for its input and its limit (the penalty of
ToaD, in parts of the best gain at the root); or it is oblivious: all splits of a level are one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

BINS = 32
LEAST_ROWS = 5  # of a leaf
RIDGE = 1.0  # that a leaf's value shrinks by, in rows
HUBER = 0.9  # quantile of the errors from which on they count as that large
KEPT = 1e-12


@dataclass(frozen=True)
class Shape:
    """What the trees of a boosting look like."""

    size: int  # leaves; of oblivious trees levels
    rate: float
    oblivious: bool = False
    penalty: float = 0.0  # for a new limit, and once more for a new input

    @property
    def words(self) -> str:
        """For the name of a configuration."""
        return f"{self.size} {'levels' if self.oblivious else 'leaves'}, rate {self.rate}" + (
            f", penalty {self.penalty}" if self.penalty else ""
        )


@dataclass(frozen=True)
class Grown:
    """A tree as the leaf of every training and every other row, and its leaves' values."""

    values: np.ndarray
    leaf: np.ndarray  # of the training rows
    other: np.ndarray
    splits: tuple[tuple[int, int], ...]  # (input, limit), of an oblivious tree one a level


def limits_of(x: np.ndarray) -> list[np.ndarray]:
    """For each input the values that a split may let pass."""
    parts = np.linspace(0, 1, BINS + 1)[1:-1]
    cuts = [np.unique(np.quantile(column, parts, method="lower")) for column in x.T]
    return [c[c < column.max()] for c, column in zip(cuts, x.T)]


class Boosting:
    """Rounds of trees on whole rows, one tree a round or one for each class."""

    def __init__(self, x: np.ndarray, y: np.ndarray, classes: int, other: np.ndarray) -> None:
        self._limits = limits_of(x)
        self._codes, self._others = self._binned(x), self._binned(other)
        self._y, self.classes = y, classes
        self.outputs = 1 if classes <= 2 else classes
        start = [float(np.median(y))] if not classes else [0.0] * self.outputs
        self.start = np.array(start)

    def _binned(self, x: np.ndarray) -> np.ndarray:
        codes = [np.searchsorted(c, column) for c, column in zip(self._limits, x.T)]
        return np.stack(codes, axis=1)

    def rounds(self, shape: Shape, count: int) -> Iterator[list[Grown]]:
        """The trees of each round."""
        sums = np.tile(self.start, (len(self._y), 1))
        used: set[tuple[int, int]] = set()
        for _ in range(count):
            slopes, weights = self._slopes(sums)
            trees = []
            for k in range(self.outputs):
                grow = self._oblivious if shape.oblivious else self._leafwise
                tree = grow(shape, slopes[:, k], weights[:, k], used)
                used.update(tree.splits)
                sums[:, k] += tree.values[tree.leaf]
                trees.append(tree)
            yield trees

    def _slopes(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What each row pulls at, and how much it counts, for each output."""
        if not self.classes:
            errors = self._y[:, None] - sums
            most = max(float(np.quantile(np.abs(errors), HUBER)), KEPT)
            return np.clip(errors, -most, most), np.ones_like(errors)
        if self.outputs == 1:
            p = 1 / (1 + np.exp(-sums))
            return self._y[:, None] - p, np.maximum(p * (1 - p), KEPT)
        p = np.exp(sums - sums.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        return np.eye(self.outputs)[self._y] - p, np.maximum(p * (1 - p), KEPT)

    def _gains(self, at: np.ndarray, nodes: int, rows: np.ndarray, pull, weight) -> np.ndarray:
        """Gain (nodes, inputs, limits) of every split of rows that stand in nodes; -inf where a
        side has too few.
        """
        inputs = self._codes.shape[1]
        place = (at[:, None] * inputs + np.arange(inputs)) * BINS + self._codes[rows]
        sums = []
        for each in (pull[rows], weight[rows], np.ones(len(rows))):
            flat = np.bincount(place.ravel(), np.repeat(each, inputs), nodes * inputs * BINS)
            sums.append(flat.reshape(nodes, inputs, BINS))
        g, h, n = (np.cumsum(s, axis=2)[:, :, :-1] for s in sums)
        all_g, all_h, all_n = (s.sum(axis=2, keepdims=True) for s in sums)

        def worth(pulls, weights):
            return pulls**2 / (weights + RIDGE)

        gain = worth(g, h) + worth(all_g - g, all_h - h) - worth(all_g, all_h)
        enough = (n >= LEAST_ROWS) & (all_n - n >= LEAST_ROWS)
        return np.where(enough, gain, -np.inf)

    def _fees(self, penalty: float, best: float, used: set[tuple[int, int]]) -> np.ndarray | float:
        """What each (input, limit) costs on top."""
        if not penalty:
            return 0.0
        fees = np.full((self._codes.shape[1], BINS - 1), penalty * best)
        inputs = {source for source, _ in used}
        fees[[k for k in range(len(fees)) if k not in inputs]] *= 2
        for split in used:
            fees[split] = 0.0
        return fees

    def _finished(self, shape, leaf, other, splits, pull, weight) -> Grown:
        count = int(max(leaf.max(), other.max(initial=0))) + 1
        g, h = np.bincount(leaf, pull, count), np.bincount(leaf, weight, count)
        return Grown(shape.rate * g / (h + RIDGE), leaf, other, tuple(splits))

    def _oblivious(self, shape: Shape, pull, weight, used) -> Grown:
        leaf, other = np.zeros(len(pull), int), np.zeros(len(self._others), int)
        splits: list[tuple[int, int]] = []
        rows = np.arange(len(pull))
        for level in range(shape.size):
            gain = self._gains(leaf, 1 << level, rows, pull, weight)
            total = np.where(np.isfinite(gain), gain, 0.0).sum(axis=0)
            fees = self._fees(shape.penalty, float(total.max()), used | set(splits))
            source, limit = divmod(int((total - fees).argmax()), BINS - 1)
            splits.append((source, limit))
            leaf = 2 * leaf + (self._codes[:, source] > limit)
            other = 2 * other + (self._others[:, source] > limit)
        return self._finished(shape, leaf, other, splits, pull, weight)

    def _leafwise(self, shape: Shape, pull, weight, used) -> Grown:
        leaf, other = np.zeros(len(pull), int), np.zeros(len(self._others), int)
        splits: list[tuple[int, int]] = []
        best: dict[int, tuple[float, int, int]] = {}
        root = None
        waiting = [0]
        while len(splits) < shape.size - 1:
            for node in waiting:
                rows = np.flatnonzero(leaf == node)
                gain = self._gains(np.zeros(len(rows), int), 1, rows, pull, weight)[0]
                root = float(gain.max()) if root is None else root
                gain = gain - self._fees(shape.penalty, max(root, 0.0), used | set(splits))
                source, limit = divmod(int(gain.argmax()), BINS - 1)
                best[node] = float(gain[source, limit]), source, limit
            node = max(best, key=lambda k: best[k][0])
            found, source, limit = best.pop(node)
            if found <= 0:
                break
            splits.append((source, limit))
            new = len(splits)
            leaf = np.where((leaf == node) & (self._codes[:, source] > limit), new, leaf)
            other = np.where((other == node) & (self._others[:, source] > limit), new, other)
            waiting = [node, new]
        return self._finished(shape, leaf, other, splits, pull, weight)
