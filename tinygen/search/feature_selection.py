"""Fewer sensors make a cheaper device: which inputs to keep, found by leaving them out one by one,
and what each input of a model is worth.

Backward elimination (Guyon and Elisseeff 2003, section 4) on folds of the training rows. The judge
is one small model that sees products of inputs, not the whole search: it ranks inputs, and what
they are worth to the model chosen in the end stands under its ladder.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..common.errors import UsageError
from ..common.tables import counted
from ..data import Dataset
from ..families import FAMILIES, Family, with_role
from ..model.fixedpoint import Quantity
from ..model.model import Model
from .cross_validation import (
    Candidate,
    error_scale,
    fold_cuts,
    plain_config,
    rounded,
    show_error,
)
from .workers import run_all


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
            f"{counted(len(self.dropped), 'input')} left out as least needed: "
            f"{', '.join(self.dropped)}; "
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
    kept: tuple[int, ...] = tuple(range(len(names)))
    dropped: list[str] = []
    error = first = _error(dataset, family, config, kept)
    while len(kept) > limit:
        choices = [tuple(c for c in kept if c != gone) for gone in kept]
        errors = run_all(lambda columns: _error(dataset, family, config, columns), choices)
        best = int(np.argmin(errors))
        dropped.append(names[kept[best]])
        kept, error = choices[best], errors[best]
    scale = error_scale(dataset)
    return Kept(
        tuple(names[c] for c in kept), tuple(dropped), family.title, first * scale, error * scale
    )


def _judge(dataset: Dataset) -> tuple[Family, object]:
    """A family and its configuration: quick, and no more daring than the split allows."""
    rows = dataset.training
    drifts = dataset.split.by_time and not dataset.labels
    role = "safe" if drifts else "judge inputs"
    family = with_role(role, rows.task)[0]
    return family, family.roles[role](rows)


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


def sensor_worth(
    dataset: Dataset, model: Model, ranked: list[Candidate]
) -> tuple[tuple[str, float], ...]:
    """(sensor, growth) for each input of a model, the labels of a category together: the part by
    which its error grows when it is fitted without it.

    Fitted and judged on folds of the training rows: all of them where they run in time, else one.
    Empty for a model of a single input, and for families whose configuration names an input.
    """
    candidate = next(
        c
        for c in ranked
        if c.family == model.family and plain_config(c.config) == model.training["config"]
    )
    family = FAMILIES[candidate.family]
    used: dict[str, tuple[int, ...]] = {}
    for q in model.inputs:
        used[_sensor(q)] = tuple(
            k for k, p in enumerate(dataset.inputs) if _sensor(p) == _sensor(q)
        )
    if len(used) < 2 or not family.any_inputs:
        return ()
    cuts = fold_cuts(dataset) if dataset.split.by_time else fold_cuts(dataset)[:1]

    def errors(without: tuple[int, ...]) -> np.ndarray:
        rows = dataset.rows.only(tuple(k for k in range(len(dataset.inputs)) if k not in without))
        fits = [
            family.fit_all(rows.take(fit_on), [candidate.config], dataset.split.seed, draft=True)[0]
            for fit_on, _ in cuts
        ]
        return np.array(
            [max(rows.take(v).error(rounded(f, rows.x[v])), 1e-9) for f, (_, v) in zip(fits, cuts)]
        )

    base, *others = run_all(errors, ((), *used.values()))
    return tuple(
        (name, float(np.exp(np.log(other / base).mean()) - 1)) for name, other in zip(used, others)
    )


def _sensor(q: Quantity) -> str:
    """What an input is read from: its own column, or the column of its category."""
    return q.derivation.columns[0] if q.derivation and q.derivation.labels else q.name
