"""Small forests: boosted trees or bagged ones.

Quantities: gradient boosting (Friedman 2001); the leaf values of all trees are then fitted once
more together (global refinement, Ren et al. 2015), which few trees need most. Two classes: boosted
trees, class 1 where their sum is above 0. More classes: a random forest (Breiman 2001) whose leaves
vote with coarse probabilities, so that many leaves are equal and stored once.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from ..data import Rows
from ..fitting import class_scores as scores
from ..fitting.class_scores import Scores
from ..fitting.least_squares import Root, fit_linear
from ..fitting.lowering import narrowest
from ..fitting.trees import Trees, from_sklearn, leaf_steps, least_leaf
from ..fitting.weighted import total
from ..model.fixedpoint import INT8_MAX, INT16_MAX
from ..model.operations.argmax import Argmax
from . import Family

if TYPE_CHECKING:
    from sklearn.ensemble import GradientBoostingRegressor

SIZES = ((8, 4), (8, 8), (16, 4), (16, 8), (24, 8), (24, 16))  # trees, leaves of each
LEAST_LEAVES = 8  # of a tree of a quantity: of fewer a linear model is smaller and errs less
FIRST_LEAVES = 8  # of the largest trees of forests that wait for no others
VOTE = 15  # a leaf without doubt gives its class this many votes
LEAST_ROWS = 5  # training rows of a leaf of a quantity
RATE = 0.3  # learning rate: few trees must take large steps
REFIT_ROWS = 50  # training rows that speak for a boosted leaf value when all are fitted again
LOSS_DECAY = 1e-3  # penalty on squared leaf values of class scores


@dataclass(frozen=True)
class Config:
    trees: int
    leaves: int


@dataclass(frozen=True)
class FittedForest:
    """Trees, and the value of each leaf for each output; `kind` says what the sums mean."""

    columns: tuple[int, ...]
    trees: Trees
    values: np.ndarray  # (leaves, outputs)
    intercept: np.ndarray  # (outputs,)
    kind: str  # "quantity": the raw answer; "sign": class 1 above 0; "votes": class of the largest

    def sums(self, x):
        """What the trees add up to, (n, outputs)."""
        return self.values[self.trees.leaf_of(x)].sum(axis=1) + self.intercept

    def class_scores(self, x):
        sums = self.sums(x)
        return sums if self.kind == "votes" else np.column_stack([np.zeros(len(sums)), sums])

    def predict(self, x):
        sums = self.sums(x)
        if self.kind == "votes":
            return sums.argmax(axis=1)
        return sums[:, 0] if self.kind == "quantity" else (sums[:, 0] > 0).astype(int)


def candidates(rows: Rows) -> list[Config]:
    count = total(len(rows.y), rows.weights)
    least = 0 if rows.labels else LEAST_LEAVES
    return [
        Config(trees, leaves) for trees, leaves in SIZES if least <= leaves and leaves * 8 <= count
    ]


def fit(rows: Rows, config: Config, seed: int = 0) -> FittedForest:
    if len(rows.labels) > 2:
        return _votes(rows, config, seed)
    if rows.labels:
        return _sign(rows, config, seed)
    return _refitted(rows, config, _boosted(rows, config.trees, config.leaves, seed))


def fit_many(
    rows: Rows, configs: list[Config], seed: int = 0, draft: bool = False
) -> list[FittedForest]:
    """As `fit`. Quantities of equal leaves come from one boosting: its first trees are those of a
    smaller one.
    """
    if rows.labels:
        return [fit(rows, config, seed) for config in configs]
    boosted = {
        leaves: _boosted(rows, max(c.trees for c in configs if c.leaves == leaves), leaves, seed)
        for leaves in sorted({c.leaves for c in configs})
    }
    return [_refitted(rows, config, boosted[config.leaves]) for config in configs]


def _boosted(rows: Rows, trees: int, leaves: int, seed: int) -> GradientBoostingRegressor:
    from sklearn.ensemble import GradientBoostingRegressor

    return GradientBoostingRegressor(
        n_estimators=trees,
        max_leaf_nodes=leaves,
        max_depth=None,
        learning_rate=RATE,
        **least_leaf(LEAST_ROWS, rows),
        loss="huber",
        random_state=seed,
    ).fit(rows.x, rows.y, rows.weights)


def _refitted(rows: Rows, config: Config, boosted: GradientBoostingRegressor) -> FittedForest:
    """The first trees of a boosting, all their leaf values fitted once more together."""
    trees, values = from_sklearn(boosted.estimators_[: config.trees, 0])
    first = next(islice(boosted.staged_predict(rows.x), config.trees - 1, None))
    change = fit_linear(
        trees.shares(rows.x),
        rows.y - first,
        Root(1),
        1e-9,
        penalty=np.eye(trees.leaves)
        * REFIT_ROWS
        * config.leaves
        / total(len(rows.y), rows.weights),
        counts=rows.weights,
    )
    start = float(boosted.init_.constant_.ravel()[0])
    return FittedForest(
        trees.columns,
        trees,
        RATE * values + change.coef[:, None],
        np.array([start + change.intercept]),
        "quantity",
    )


def _sign(rows: Rows, config: Config, seed: int) -> FittedForest:
    from sklearn.ensemble import GradientBoostingClassifier

    if (rows.y == rows.y[0]).all():  # a fold may have one class only
        only = scores.only_class(int(rows.y[0]), 1, 2)
        return FittedForest((0,), Trees(((),), (0,), 1), only.coef.T, only.intercept, "sign")
    boosted = GradientBoostingClassifier(
        n_estimators=config.trees,
        max_leaf_nodes=config.leaves,
        max_depth=None,
        learning_rate=RATE,
        random_state=seed,
    ).fit(rows.x, rows.y, rows.weights)
    trees, _ = from_sklearn(boosted.estimators_[:, 0])
    start = Scores(np.zeros((1, trees.leaves)), np.zeros(1))
    found = scores.fit_scores(trees.shares(rows.x), rows.y, start, LOSS_DECAY, rows.weights)
    return FittedForest(trees.columns, trees, found.coef.T, found.intercept, "sign")


def _votes(rows: Rows, config: Config, seed: int) -> FittedForest:
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(
        config.trees, max_leaf_nodes=config.leaves * 2, random_state=seed, n_jobs=1
    ).fit(rows.x, rows.y, rows.weights)
    trees, share = from_sklearn(forest.estimators_)
    votes = np.zeros((trees.leaves, len(rows.labels)))
    votes[:, forest.classes_.astype(int)] = share / share.sum(axis=1, keepdims=True)
    return FittedForest(
        trees.columns, trees, np.floor(votes * VOTE + 0.5), np.zeros(len(rows.labels)), "votes"
    )


def lower(fitted: FittedForest, rows: Rows):
    if fitted.kind == "votes":
        largest = VOTE * len(fitted.trees.trees)
        return (fitted.trees.node(fitted.values, fitted.intercept, 0, largest), Argmax())
    if fitted.kind == "quantity":
        error = rows.error(fitted.predict(rows.x))
        x = rows.x[:, fitted.columns]
        return narrowest(_quantity_chains(fitted, rows), x, rows.y, error, rows.weights)
    # sums of the second fit 16 bits as well
    limits = INT8_MAX, INT16_MAX // len(fitted.trees.trees)
    shares, exact = fitted.trees.shares(rows.x), Scores(fitted.values.T, fitted.intercept)
    y, counts = rows.y, rows.weights
    chains = (
        ((fitted.trees.node(whole.coef.T, whole.intercept, 0, 1),), adapted.loss(shares, y, counts))
        for limit in limits
        for whole, adapted in scores.rounded_scores(exact, shares, y, limit, counts)
    )
    return scores.as_decided(
        chains,
        rows.only(fitted.columns),
        rows.error(fitted.predict(rows.x)),
        exact.loss(shares, y, counts),
    )


def _quantity_chains(fitted: FittedForest, rows: Rows):
    """Leaves in whole steps; a Dense node of one weight brings their sum to raw values."""
    of_trees = np.split(fitted.values[:, 0], fitted.trees.first_leaf[1:])
    for steps in leaf_steps(of_trees, float(fitted.intercept[0])):
        leaves = np.concatenate(steps.leaves)[:, None]
        sums = fitted.trees.node(leaves, (steps.bias,), -INT16_MAX, INT16_MAX)
        yield sums, steps.dense(*rows.output.limits)


FAMILY = Family(
    "forest",
    "small forest",
    candidates,
    fit,
    lower,
    fit_many,
    size=lambda config: (config.trees, config.leaves),
    under_drift=False,
    loads_sklearn=True,
    waits=lambda config: config.leaves > FIRST_LEAVES,
    # steps: on made-up ones forests of 16 leaves had a third to a half less error than those of 8
    may_gain=lambda least: least.get("tree", np.inf) <= least["forest"],
    tasks=("regression", "classification"),
    together=lambda config: config.leaves,
    least_bytes=lambda config, inputs: 3 * config.trees * config.leaves,
    least_cycles=lambda config, inputs: 2 * config.trees,  # most of them may have one leaf
)
