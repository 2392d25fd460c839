"""Fewer sensors make a cheaper device: which inputs to keep, found by leaving them out one by one.

Backward elimination (Guyon and Elisseeff 2003, section 4) on folds of the training rows. The judge
is one small model that sees products of inputs, not the whole search: it ranks inputs, and what
they are worth to the model chosen in the end stands under its ladder.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from ..common.errors import UsageError
from ..data import Dataset
from ..families import FAMILIES, Family, logistic, polynomial, ridge
from .cross_validation import error_scale, fold_cuts, rounded, show_error

TERMS = 12  # of the judge's polynomial: enough for any pair that matters, and quick


@dataclass(frozen=True)
class Kept:
    """The inputs that are left, in their old order, and the judge's error with all of them and with
    these.
    """

    names: tuple[str, ...]
    dropped: tuple[str, ...]  # the least needed one first
    judge: str
    before: float  # mean absolute in the target's unit, or the error rate; over the folds
    after: float

    def note(self, dataset: Dataset) -> str:
        """One line for people."""
        return (
            f"{len(self.dropped)} inputs left out as least needed: {', '.join(self.dropped)}; "
            f"without them a {self.judge} has {show_error(self.after, dataset)} "
            f"instead of {show_error(self.before, dataset)} in the folds"
        )


def most_needed(dataset: Dataset, limit: int) -> Kept:
    """The `limit` inputs whose absence would cost most, by training rows alone. UsageError where
    there are not more.
    """
    names = [q.name for q in dataset.inputs]
    if not 1 <= limit < len(names):
        raise UsageError(
            f"{limit} inputs cannot be kept of {len(names)}: use 1 to {len(names) - 1}"
        )
    family, config = _judge(dataset)
    kept, dropped = tuple(range(len(names))), []
    error = first = _error(dataset, family, config, kept)
    while len(kept) > limit:
        choices = [tuple(c for c in kept if c != gone) for gone in kept]
        with threadpool_limits(1):
            errors = Parallel(n_jobs=-1, prefer="threads")(
                delayed(_error)(dataset, family, config, columns) for columns in choices
            )
        best = int(np.argmin(errors))
        dropped.append(names[kept[best]])
        kept, error = choices[best], errors[best]
    scale = error_scale(dataset)
    return Kept(
        tuple(names[c] for c in kept), tuple(dropped), family.title, first * scale, error * scale
    )


def _judge(dataset: Dataset) -> tuple[Family, object]:
    """A family and its configuration: quick, and no more daring than the split allows."""
    rows = dataset.rows.take(dataset.train)
    root = 2 if not dataset.labels and rows.y.min() >= 0 else 1
    if dataset.labels:
        return FAMILIES["logistic"], logistic.candidates(rows)[-1]
    if dataset.split.by_time:
        return FAMILIES["ridge"], ridge.Config(root, robust=False)
    return FAMILIES["polynomial"], polynomial.Config(TERMS, root)


def _error(dataset: Dataset, family: Family, config, columns: tuple[int, ...]) -> float:
    """Mean raw error over the folds of the judge with some of the inputs; geometric, as folds
    differ in level.
    """
    rows = dataset.rows.only(columns)
    losses = []
    for fit_on, validate in fold_cuts(dataset):
        fitted = family.fit_all(rows.take(fit_on), [config], dataset.split.seed, draft=True)[0]
        unseen = rows.take(validate)
        losses.append(max(unseen.error(rounded(fitted, unseen.x)), 1e-9))
    return float(np.exp(np.log(losses).mean()))
