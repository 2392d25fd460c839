"""Nested choices of features, ranked by what they tell of recordings that were held back.

A forest is fitted to four of five parts of the training recordings. On the fifth each feature is
shuffled in turn: how much less sure the forest is of the right class is what the feature is worth
there. A quarter of the features, those worth least, is left out, and so on (recursive elimination;
Guyon and others 2002, with the permutation importance of Breiman 2001). Importance within the
training rows would prefer what tells recordings apart, not classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..workers import in_processes
from .window_rows import WindowRows

if TYPE_CHECKING:
    from sklearn.tree import ExtraTreeClassifier

KEPT = 0.75
LEAST = 3
TREES = 60
LEAF = 2
MOST_ROWS = 4000  # windows that a forest is fitted to


@dataclass(frozen=True)
class FeatureChoice:
    """Some of the features, by their place, and the part of held-back windows a forest gets
    wrong with them.
    """

    places: tuple[int, ...]
    error: float


def nested_choices(rows: WindowRows, say: Callable[[str], None]) -> list[FeatureChoice]:
    """Choices from all features down to the fewest."""
    seed = rows.dataset.split.seed
    places = _varied(rows)
    found = []
    while True:
        say(f"ranking {len(places)} features")
        worth, error = _judged(rows, places, seed)
        found.append(FeatureChoice(places, error))
        if len(places) <= LEAST:
            return found
        left = max(LEAST, int(len(places) * KEPT))
        best = np.argsort(-worth, kind="stable")[:left]
        places = tuple(places[k] for k in np.sort(best))


def _varied(rows: WindowRows) -> tuple[int, ...]:
    """Features that differ among the training windows, the first of those that are alike."""
    x = rows.dataset.training.x
    _, first = np.unique(x, axis=1, return_index=True)
    return tuple(k for k in np.sort(first).tolist() if np.ptp(x[:, k]))


def _judged(rows: WindowRows, places: tuple[int, ...], seed: int) -> tuple[np.ndarray, float]:
    """(what each feature is worth, part of wrong windows), over the folds."""
    x, y = rows.dataset.rows.x[:, places], rows.dataset.rows.y
    cuts = rows.dataset.split.cuts or ()
    folds = in_processes(_on_fold, [(x, y, cut, seed + k) for k, cut in enumerate(cuts)])
    found = [fold for fold in folds if fold is not None]
    if not found:
        return np.zeros(len(places)), 1.0
    worth = np.sum([worth for worth, _ in found], axis=0)
    return worth, float(np.mean([error for _, error in found]))


def _on_fold(
    x: np.ndarray, y: np.ndarray, cut: tuple[np.ndarray, np.ndarray], seed: int
) -> tuple[np.ndarray, float] | None:
    """The same on one fold; None where it holds no class that was fitted."""
    rng = np.random.default_rng(seed)
    fit, held = cut
    if len(fit) > MOST_ROWS:
        fit = np.sort(rng.choice(fit, MOST_ROWS, replace=False))
    classes = np.unique(y[fit])
    held = held[np.isin(y[held], classes)]
    if not len(held):
        return None
    values, target = x.astype(np.float32), np.searchsorted(classes, y)
    trees = [_tree(values[fit], target[fit], int(rng.integers(2**31))) for _ in range(TREES)]
    right, values = target[held], values[held]
    shares = [tree.predict_proba(values, check_input=False) for tree in trees]
    asked = [set(tree.tree_.feature.tolist()) for tree in trees]
    before, worth = sum(shares) / TREES, np.zeros(x.shape[1])
    rows = np.arange(len(right))
    for k in range(x.shape[1]):
        shuffled = values.copy()
        shuffled[:, k] = rng.permutation(shuffled[:, k])
        after = (  # a tree that does not ask for the feature answers as before
            tree.predict_proba(shuffled, check_input=False) if k in features else share
            for tree, features, share in zip(trees, asked, shares)
        )
        worth[k] = (before[rows, right] - (sum(after) / TREES)[rows, right]).mean()
    return worth, float(np.mean(before.argmax(axis=1) != right))


def _tree(x: np.ndarray, y: np.ndarray, seed: int) -> ExtraTreeClassifier:
    """One of the forest's trees, for float32 rows: a forest of scikit-learn starts threads of its
    own.
    """
    from sklearn import config_context
    from sklearn.tree import ExtraTreeClassifier

    with config_context(skip_parameter_validation=True):
        tree = ExtraTreeClassifier(min_samples_leaf=LEAF, random_state=seed)
        return tree.fit(x, y, check_input=False)
