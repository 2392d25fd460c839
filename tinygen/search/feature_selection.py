"""Fewer sensors make a cheaper device: which inputs to keep, found by leaving them out one by one,
and what each input of a model is worth.

Backward elimination (Guyon and Elisseeff 2003, section 4) on folds of the training rows. The judge
is one small model that sees products of inputs, not the whole search: it ranks inputs, and what
they are worth to the model chosen in the end stands under its ladder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..common.errors import UsageError
from ..common.tables import counted
from ..data import Dataset
from ..families import FAMILIES, Family, fit_all, with_role
from ..fitting.fitted import Fitted
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
from .workers import in_processes, one_thread

Cuts = list[tuple[np.ndarray, np.ndarray]]  # (fit, validate) of each fold


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
    cuts = fold_cuts(dataset)

    def errors(choices: list[tuple[int, ...]]) -> list[float]:
        work = [(dataset, cuts, family.name, config, columns) for columns in choices]
        return [_mean(losses) for losses in in_processes(_judged, work)]

    error = first = errors([kept])[0]
    while len(kept) > limit:
        choices = [tuple(c for c in kept if c != gone) for gone in kept]
        found = errors(choices)
        best = int(np.argmin(found))
        dropped.append(names[kept[best]])
        kept, error = choices[best], found[best]
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


def _mean(losses: np.ndarray) -> float:
    """Geometric, as folds differ in level."""
    return float(np.exp(np.log(losses).mean()))


def sensor_worth(
    dataset: Dataset, model: Model, ranked: list[Candidate]
) -> tuple[tuple[str, float], ...]:
    """(sensor, growth) for each input of a model, the labels of a category together: the part by
    which its error grows without it.

    Fitted and judged on folds of the training rows: all of them where they run in time, else one.
    Where its family can do that, one fit goes on, once with all inputs and once without each;
    training alone must not look like a gain. Else each fit starts anew. Empty for a model of a
    single input, and for families whose configuration names an input.
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
    asked, every = (dataset, cuts, family.name, candidate.config), tuple(range(len(dataset.inputs)))
    with one_thread():
        whole = _drafts(*asked, every) if family.without else None
    left = [every, *(tuple(k for k in every if k not in gone) for gone in used.values())]
    base, *others = in_processes(_judged, [(*asked, columns, whole) for columns in left])
    return tuple((name, _mean(losses / base) - 1) for name, losses in zip(used, others))


def _drafts(
    dataset: Dataset, cuts: Cuts, name: str, config: Any, columns: tuple[int, ...]
) -> list[Fitted]:
    """A family's configuration with some of the inputs, fitted for each fold."""
    rows, seed = dataset.rows.only(columns), dataset.split.seed
    return [fit_all(name, rows.take(fit), [config], seed, draft=True)[0] for fit, _ in cuts]


def _judged(
    dataset: Dataset,
    cuts: Cuts,
    name: str,
    config: Any,
    columns: tuple[int, ...],
    whole: list[Fitted] | None = None,
) -> np.ndarray:
    """Raw error on each fold, (folds,), of a family's configuration with some of the inputs.

    whole: fits with all inputs, which go on with these.
    """
    rows, go_on, seed = dataset.rows.only(columns), FAMILIES[name].without, dataset.split.seed
    if whole is not None and go_on:
        fits = [go_on(f, rows.take(fit), columns, seed) for f, (fit, _) in zip(whole, cuts)]
    else:
        fits = _drafts(dataset, cuts, name, config, columns)
    unseen = [rows.take(validate) for _, validate in cuts]
    losses = [some.error(rounded(fit, some.x)) for fit, some in zip(fits, unseen)]
    return np.maximum(losses, 1e-9)


def _sensor(q: Quantity) -> str:
    """What an input is read from: its own column, or the column of its category."""
    return q.derivation.columns[0] if q.derivation and q.derivation.labels else q.name
