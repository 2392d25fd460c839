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


def train(dataset: Dataset, family: str = "auto", max_constant_bytes: int | None = None,
          progress: Callable[[str], None] | None = None) -> Trained:
    """The best candidate of `family` ("auto": of all families) by cross-validation.

    Raises UsageError for an unknown family or a budget that no candidate meets.
    """
    rows = training_rows(dataset)
    tasks = [(kind, config) for kind in _families(family) for config in kind.candidates(rows)]
    if progress:
        progress(f"cross-validating {len(tasks)} candidates on {len(rows.y)} training rows")
    scores = Parallel(n_jobs=-1, prefer="threads")(delayed(_score)(dataset, rows, kind, config) for kind, config in tasks)
    chosen = choose(scores, max_constant_bytes)
    kind = FAMILIES[chosen.family]
    return Trained(kind, chosen.config, kind.fit(rows, chosen.config, dataset.seed), tuple(scores))


def training_rows(dataset: Dataset) -> Rows:
    """The rows that fitting may see."""
    return Rows(dataset.x[dataset.train], dataset.y[dataset.train], dataset.inputs, dataset.target)


def choose(scores: list[Score], max_constant_bytes: int | None = None) -> Score:
    """The smallest candidate within one standard error of the best one that meets the budget."""
    affordable = [s for s in scores if max_constant_bytes is None or s.constant_bytes <= max_constant_bytes]
    if not affordable:
        least = min(s.constant_bytes for s in scores)
        raise UsageError(f"no candidate fits {max_constant_bytes} bytes of constants: the smallest needs {least}, raise the budget")
    best = min(affordable, key=lambda s: (s.error, s.constant_bytes))
    near = [s for s in affordable if s.error <= best.error + best.standard_error]
    return min(near, key=lambda s: (s.constant_bytes, s.error))


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
