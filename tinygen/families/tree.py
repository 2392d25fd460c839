"""One decision tree: a few comparisons, exact in integers.

Regression trees are grown on squared error and answer the median of a leaf's training rows, which
is what the absolute error asks for. Classification trees answer the class index itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..data import Rows
from ..fitting.trees import Trees, from_sklearn, least_leaf
from ..fitting.weighted import median, total
from . import Family

LEAVES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)
LEAST_ROWS = {"regression": 5, "classification": 1}  # training rows of a leaf
MEAN_ROWS = 8  # training rows per leaf that a size worth trying has


@dataclass(frozen=True)
class Config:
    leaves: int


@dataclass(frozen=True)
class FittedTree:
    """A tree and the answer of each of its leaves, raw or class index."""

    columns: tuple[int, ...]
    trees: Trees
    answers: np.ndarray

    def predict(self, x):
        return self.answers[self.trees.leaf_of(x)[:, 0]]


def candidates(rows: Rows) -> list[Config]:
    count = total(len(rows.y), rows.weights)
    return [
        Config(leaves) for leaves in LEAVES if leaves == LEAVES[0] or leaves * MEAN_ROWS <= count
    ]


def fit(rows: Rows, config: Config, seed: int = 0) -> FittedTree:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    kind = DecisionTreeClassifier if rows.labels else DecisionTreeRegressor
    estimator = kind(
        max_leaf_nodes=config.leaves, random_state=seed, **least_leaf(LEAST_ROWS[rows.task], rows)
    ).fit(rows.x, rows.y, rows.weights)
    trees, values = from_sklearn([estimator])
    if rows.labels:
        answers = estimator.classes_[values.argmax(axis=1)]
    else:
        leaf = trees.leaf_of(rows.x)[:, 0]
        parts = [rows.take(leaf == k) for k in range(trees.leaves)]
        answers = np.array([median(part.y, part.weights) for part in parts])
    return FittedTree(trees.columns, trees, answers)


def lower(fitted: FittedTree, rows: Rows):
    answers = np.floor(fitted.answers + 0.5).astype(int)
    return (fitted.trees.node(answers[:, None], (0,), int(answers.min()), int(answers.max())),)


FAMILY = Family(
    "tree",
    "decision tree",
    candidates,
    fit,
    lower,
    size=lambda config: config.leaves,
    loads_sklearn=True,
    tasks=("regression", "classification"),
    least_bytes=lambda config, inputs: 4 * config.leaves,
)
