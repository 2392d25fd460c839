"""Room 2, train: the family and size that predict best, chosen on training rows only.

Every candidate of every family is cross-validated: shuffled folds for a random split, rolling
folds for a split by time. The smallest candidate within one standard error of the best one wins
(Breiman et al., Classification and Regression Trees, 1984, section 3.4.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

import numpy as np
from joblib import Parallel, delayed

from .data import Dataset, folds
from .errors import UsageError
from .families import FAMILIES, Family, Fitted, Rows
from .model import Model
from .views import constant_bytes

FOLDS = 5
IMMATERIAL = 0.02        # raw output steps of mean error that are not worth a byte


@dataclass(frozen=True)
class Score:
    """One candidate's figures on the training rows."""

    family: str
    config: Any
    error: float              # mean absolute error over the folds, raw
    standard_error: float     # of that mean, raw
    constant_bytes: int       # tables of the integer model fitted to all training rows


@dataclass(frozen=True)
class Trained:
    """The chosen float model, fitted to all training rows, and every score it was chosen by."""

    family: Family
    config: Any
    fitted: Fitted
    scores: tuple[Score, ...]


def train(dataset: Dataset, family: str = "auto", affordable: Callable[[Trained], bool] | None = None,
          progress: Callable[[str], None] | None = None) -> Trained:
    """The best candidate of `family` ("auto": of all families) by cross-validation that is affordable.

    Raises UsageError for an unknown family, or where no candidate is affordable.
    """
    rows = training_rows(dataset)
    tasks = [(kind, config) for kind in _families(family) for config in kind.candidates(rows)]
    if progress:
        progress(f"cross-validating {len(tasks)} candidates on {len(rows.y)} training rows")
    scores = Parallel(n_jobs=-1, prefer="threads")(delayed(_score)(dataset, rows, kind, config) for kind, config in tasks)
    left = list(scores)
    while left:
        score = choose(left)
        kind = FAMILIES[score.family]
        trained = Trained(kind, score.config, kind.fit(rows, score.config, dataset.seed), tuple(scores))
        if affordable is None or affordable(trained):
            return trained
        left.remove(score)
    raise UsageError(f"none of {len(scores)} candidates fits the budget: the smallest has "
                     f"{min(s.constant_bytes for s in scores)} bytes of constants alone; raise --max-flash, --max-ram or --max-cycles")


def training_rows(dataset: Dataset) -> Rows:
    """The rows that fitting may see."""
    return Rows(dataset.x[dataset.train], dataset.y[dataset.train], dataset.inputs, dataset.target)


def choose(scores: list[Score]) -> Score:
    """The smallest candidate that is as good as the best one.

    As good means: within one standard error, or by less than a fiftieth of a raw output step, which
    is far below what the label itself resolves.
    """
    best = min(scores, key=lambda s: (s.error, s.constant_bytes))
    enough = best.error + max(best.standard_error, IMMATERIAL)
    return min((s for s in scores if s.error <= enough), key=lambda s: (s.constant_bytes, s.error))


def _families(name: str) -> list[Family]:
    if name == "auto":
        return list(FAMILIES.values())
    if name not in FAMILIES:
        raise UsageError(f"family '{name}' is unknown: use auto, {', '.join(sorted(FAMILIES))}")
    return [FAMILIES[name]]


def _score(dataset: Dataset, rows: Rows, family: Family, config: Any) -> Score:
    everything = Rows(dataset.x, dataset.y, dataset.inputs, dataset.target)
    errors = []
    for fit_on, validate in folds(dataset, FOLDS):
        fitted = family.fit(everything.take(fit_on), config, dataset.seed)
        errors.append(np.abs(rounded(fitted, dataset.x[validate]) - dataset.y[validate]).mean())
    fitted = family.fit(rows, config, dataset.seed)
    nodes = family.lower(fitted, rows)
    size = constant_bytes(Model("m", family.name, tuple(dataset.inputs[c] for c in fitted.columns), dataset.target, nodes))
    return Score(family.name, config, float(np.mean(errors)), float(np.std(errors) / np.sqrt(FOLDS)), size)


def rounded(fitted: Fitted, x: np.ndarray) -> np.ndarray:
    """Float predictions rounded to whole raw steps: the output's resolution is part of the model."""
    return np.floor(fitted.predict(x) + 0.5)
