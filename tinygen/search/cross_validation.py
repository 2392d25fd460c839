"""Room 2, train: every candidate of every family, judged on training rows only.

Random split: shuffled k-fold cross-validation; the candidates' mean error decides.

Split by time: drifting sensors make yesterday's folds a poor judge of tomorrow, and all usual rules
choose models that lose to plain ridge on the hold-out. So ridge regression on the root of the
target is the safe model, and another one replaces it only if it is better in *every* one of ten
folds, half of them with time running backwards, and by at least `DRIFT_GAIN` on average.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ..common.errors import UsageError
from ..common.tables import counted
from ..data import Dataset, Rows, folds
from ..families import FAMILIES, Family, fit_all, with_role
from ..fitting.fitted import Fitted
from ..fitting.weighted import total
from .workers import as_completed

FOLDS = 5
CUTS = (0.3, 0.4, 0.5, 0.6, 0.7)  # where the rolling folds end, as parts of the training rows
AHEAD = 3 / 7  # validation rows per fitting row, as in the real hold-out
LEARNS = {  # by what a family can do
    "regression": "numbers",
    "classification": "classes",
    "guard": "what is usual, without a target (`tinygen guard`)",
}
DRIFT_GAIN = 0.05  # mean gain over the safe model that is worth leaving it
AS_GOOD = 0.01  # part of the best error that a smaller model may be worse
# times the best error of all that a family may have for its larger models to be tried where any
# may be chosen: they have seldom a quarter less than its smaller ones
CATCHES_UP = 1.4
# validated rows from which on the first fold tells what is in vain
TELLING_ROWS = 500
IMMATERIAL = 0.02  # raw output steps of mean error that are not worth a byte
IMMATERIAL_ROWS = (
    1.5  # training rows that a classifier may get wrong on top: chance decides about one
)


@dataclass(frozen=True)
class Candidate:
    """A family's configuration and its mean raw error, or error rate, on each fold."""

    family: str
    config: Any
    losses: tuple[float, ...]
    # raw answers to the validation rows, fold by fold
    unseen: np.ndarray | None = field(default=None, compare=False, repr=False)

    @property
    def error(self) -> float:
        """Mean over the folds, raw."""
        return float(np.mean(self.losses))


@dataclass(frozen=True)
class Trained:
    """A float model fitted to all training rows."""

    family: Family
    config: Any
    fitted: Fitted


def plain_config(config: Any) -> dict:
    """A configuration as plain JSON values: what a model file and a ladder keep of it."""
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in asdict(config).items()
    }


def families(name: str, dataset: Dataset) -> list[Family]:
    """The families to try; UsageError for an unknown name."""
    if name != "auto" and name not in FAMILIES:
        raise UsageError(f"family '{name}' is unknown: use auto, {', '.join(sorted(FAMILIES))}")
    task = dataset.rows.task
    if name == "auto":
        return [
            f
            for f in FAMILIES.values()
            if task in f.tasks and (f.under_drift or not dataset.split.by_time)
        ]
    if task not in FAMILIES[name].tasks:
        raise UsageError(
            f"family '{name}' learns {' and '.join(LEARNS[own] for own in FAMILIES[name].tasks)}, "
            f"and the target '{dataset.target.name}' holds {LEARNS[task]}: "
            f"use {', '.join(n for n, f in FAMILIES.items() if task in f.tasks)} or auto"
        )
    return [FAMILIES[name]]


def cross_validate(
    dataset: Dataset,
    kinds: list[Family],
    progress: Callable[[str], None] | None = None,
    flash_bytes: int | None = None,
    cycles: int | None = None,
    unlimited: bool = False,
) -> list[Candidate]:
    """Every candidate of `kinds` with its losses. Ctrl-C ends it early and keeps the complete
    candidates.

    flash_bytes, cycles: candidates that are known to need more are not tried, unless all do.
    unlimited: every candidate may be chosen, so those that cannot be the best are not tried.
    """
    rows = dataset.training
    jobs = _jobs(kinds, rows, flash_bytes, cycles) or _jobs(kinds, rows)
    if not jobs:
        raise _nothing_to_try(kinds, rows)
    cuts, say = fold_cuts(dataset), progress or (lambda text: None)
    waiting = {j: c for j, c in jobs.items() if any(map(FAMILIES[j[0]].waits, c))}
    first, found = {j: c for j, c in jobs.items() if j not in waiting}, dict[tuple, tuple]()
    rivals, whole = {j: c for j, c in first.items() if FAMILIES[j[0]].in_vain}, True
    if not dataset.split.by_time and len(cuts[0][1]) >= TELLING_ROWS and len(rivals) > 1:
        whole = _until_interrupted(found, dataset, rivals, cuts, say, 1)
        first = _not_in_vain(first, _errors(_candidates(found, rivals, 1)))
    whole = whole and _until_interrupted(found, dataset, first, cuts, say)
    tried = _candidates(found, first, len(cuts))
    if whole:
        most = _catches_up(tried, dataset) if unlimited and not dataset.split.by_time else np.inf
        second = _worth_trying(waiting, _errors(tried), most)
        _until_interrupted(found, dataset, second, cuts, say)
        tried += _candidates(found, second, len(cuts))
    if not tried:
        raise KeyboardInterrupt
    return tried


def _candidates(found: dict, jobs: dict, cuts: int) -> list[Candidate]:
    """Those of jobs of which all folds are done."""
    return [
        Candidate(
            job[0],
            config,
            tuple(float(found[job, cut][0][k]) for cut in range(cuts)),
            np.concatenate([found[job, cut][1][k] for cut in range(cuts)]),
        )
        for job, configs in jobs.items()
        if all((job, cut) in found for cut in range(cuts))
        for k, config in enumerate(configs)
    ]


def _catches_up(tried: list[Candidate], dataset: Dataset) -> float:
    """The raw error of a family's small models from which on its larger ones are in vain."""
    scale, least = error_scale(dataset), min((c.error for c in tried), default=np.inf)
    return as_good_as(CATCHES_UP * least * scale, dataset) / scale


def _errors(tried: list[Candidate]) -> dict[str, dict[Any, float]]:
    """Family -> configuration -> raw error."""
    errors: dict[str, dict] = {name: {} for name in FAMILIES}
    for candidate in tried:
        errors[candidate.family][candidate.config] = candidate.error
    return errors


def _not_in_vain(jobs: dict, errors: dict) -> dict:
    """The jobs with a configuration that the errors in one fold do not tell to be in vain."""
    return {
        job: configs
        for job, configs in jobs.items()
        if not (vain := FAMILIES[job[0]].in_vain)
        or any(not vain(config, errors[job[0]]) for config in configs)
    }


def _worth_trying(jobs: dict, errors: dict, most: float) -> dict:
    """The waiting jobs of families that err at most `most` or may gain far more than usual, with a
    configuration that their family's errors do not tell to be in vain.
    """
    least = {name: min(own.values()) for name, own in errors.items() if own}
    return {
        job: configs
        for job, configs in jobs.items()
        if (least.get(job[0], 0.0) <= most or FAMILIES[job[0]].may_gain(least))
        and any(FAMILIES[job[0]].worth_trying(c, errors[job[0]]) for c in configs)
    }


def _until_interrupted(
    found: dict,
    dataset: Dataset,
    jobs: dict,
    cuts: list,
    say: Callable[[str], None],
    most: int | None = None,
) -> bool:
    """Adds (job, fold) -> (losses, answers) of all jobs to `found`, or of those before Ctrl-C, and
    returns whether it were all. most: folds, where the first ones are enough.
    """
    work = [
        (dataset, job, configs, cut, k)
        for k, cut in enumerate(cuts[:most])
        for job, configs in jobs.items()
        if (job, k) not in found
    ]
    before, total, steps = len(found), sum(map(len, jobs.values())), len(work)
    try:
        here = lambda item: FAMILIES[item[1][0]].loads_sklearn
        for job, cut, losses, unseen in as_completed(_fold_losses, work, here):
            found[job, cut] = losses, unseen
            say(
                f"cross-validating {counted(total, 'candidate')}: {len(found) - before} of {steps} "
                f"steps{best_so_far(found, dataset, len(cuts))}"
            )
    except KeyboardInterrupt:
        return False
    return True


def _nothing_to_try(kinds: list[Family], rows: Rows) -> UsageError:
    """A family may find nothing to do: no input that spans octaves, too few rows for two leaves."""
    names = " or ".join(f"'{kind.name}'" for kind in kinds)
    others = [
        f.name
        for f in FAMILIES.values()
        if rows.task in f.tasks and f not in kinds and f.candidates(rows)
    ]
    return UsageError(
        f"family {names} has no model for these {counted(len(rows.y), 'training row')} with "
        f"{counted(len(rows.inputs), 'input')}: use {', '.join(others) or 'more rows'}"
    )


def _jobs(
    kinds: list[Family], rows: Rows, flash_bytes: int | None = None, cycles: int | None = None
) -> dict[tuple[str, int], list]:
    """(family, number) -> configurations to fit together; those that are known to need more flash
    or cycles are left out.
    """
    jobs = {}
    for kind in kinds:
        configs = [
            config
            for config in kind.candidates(rows)
            if kind.may_fit(config, len(rows.inputs), flash_bytes, cycles)
        ]
        for number, alike in enumerate(kind.fits_of(configs) if kind.fit_many else [configs]):
            if alike:
                jobs[kind.name, number] = alike
    return jobs


def _fold_losses(dataset: Dataset, job: tuple[str, int], configs: list, cut, index: int):
    """(job, fold, mean raw error of each configuration, its raw answers to the validation rows) of
    one fold.
    """
    fit_on, validate = cut
    fitted = fit_all(job[0], dataset.rows.take(fit_on), configs, dataset.split.seed, draft=True)
    unseen = dataset.rows.take(validate)
    answers = [rounded(f, unseen.x) for f in fitted]
    return job, index, [unseen.error(a) for a in answers], answers


def best_so_far(found: dict, dataset: Dataset, folds: int) -> str:
    """The job whose best configuration has the least mean error, of the jobs that all folds are
    done of: it never gets worse. "" before there is one.
    """
    losses: dict[tuple, list] = {}
    for (job, _), (per_config, _) in found.items():
        losses.setdefault(job, []).append(per_config)
    means = {
        job: np.min(np.mean(per_fold, axis=0))
        for job, per_fold in losses.items()
        if len(per_fold) == folds
    }
    if not means:
        return ""
    best = min(means, key=lambda job: means[job])
    return f", best so far {best[0]} with {show_error(means[best] * error_scale(dataset), dataset)}"


def error_scale(dataset: Dataset) -> float:
    """What a raw error is multiplied by to be in the target's unit; 1 for an error rate."""
    return 1.0 if dataset.labels else dataset.target.scale


def as_good_as(best: float, dataset: Dataset) -> float:
    """The largest error that counts as good as `best`, both in the target's unit or error rates."""
    immaterial = (
        IMMATERIAL_ROWS / total(len(dataset.train), dataset.training.weights)
        if dataset.labels
        else IMMATERIAL * dataset.target.scale
    )
    return best + max(AS_GOOD * best, immaterial)


def row_losses(candidates: list[Candidate], dataset: Dataset) -> dict[Candidate, np.ndarray]:
    """For each candidate, of each validated row, in the rows' own order: raw error, or whether its
    class was wrong, times how much the row counts. Empty where no folds were made.
    """
    judged = {c: c.unseen for c in candidates if c.unseen is not None}
    if not judged:
        return {}
    validated = np.concatenate([validate for _, validate in fold_cuts(dataset)])
    truth, counts = dataset.y[validated], dataset.rows.weights
    shares = 1.0 if counts is None else counts[validated] / max(counts[validated].mean(), 1e-12)
    order, most = np.argsort(validated, kind="stable"), 1 if dataset.labels else np.inf
    return {
        c: (np.minimum(np.abs(unseen - truth), most) * shares)[order]
        for c, unseen in judged.items()
    }


def show_error(error: float, dataset: Dataset) -> str:
    """An error with its unit, an error rate in percent."""
    return f"{error:.2%} wrong" if dataset.labels else f"{error:.4g} {dataset.target.unit}".rstrip()


def fold_cuts(dataset: Dataset) -> list[tuple[np.ndarray, np.ndarray]]:
    """(fit, validate) indices of every fold, none of them a test row."""
    if dataset.split.cuts is not None:
        return list(dataset.split.cuts)
    return drift_folds(dataset.train) if dataset.split.by_time else folds(dataset, FOLDS)


def drift_folds(order: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Expanding folds over rows in time order, forwards and backwards, each with a validation part
    behind it.

    Drift has no preferred direction for the choice of a model's form, and the reverse folds show
    seasons as "future" that otherwise come only once.
    """
    cuts = []
    for rows in (order, order[::-1]):
        for part in CUTS:
            end = int(part * len(rows))
            cuts.append((rows[:end], rows[end : min(len(rows), int(end * (1 + AHEAD)))]))
    return cuts


def safe_candidate(candidates: list[Candidate], dataset: Dataset) -> Candidate | None:
    """The plain model of the role "safe", if among the candidates."""
    rows = dataset.training
    safe = [(f.name, f.roles["safe"](rows)) for f in with_role("safe", rows.task)]
    return next((c for c in candidates if (c.family, c.config) in safe), None)


def rank(
    dataset: Dataset,
    family: str,
    progress: Callable[[str], None] | None = None,
    flash_bytes: int | None = None,
    cycles: int | None = None,
    unlimited: bool = False,
) -> list[Candidate]:
    """The candidates of a family, or of all for "auto", in the order in which they may be chosen.

    With fewer rows than two for each fold nothing can be compared: then what its family takes for
    few rows, or all candidates in their family's order. flash_bytes, cycles, unlimited: as
    `cross_validate` takes them.
    """
    kinds = families(family, dataset)
    if len(dataset.train) >= 2 * FOLDS:
        limits = flash_bytes, cycles, unlimited
        return preferred(cross_validate(dataset, kinds, progress, *limits), dataset)
    rows = dataset.training
    simple = [
        Candidate(kind.name, kind.roles["few rows"](rows), (0.0,))
        for kind in with_role("few rows", rows.task)
        if kind in kinds
    ]
    found = simple or [Candidate(k.name, c, (0.0,)) for k in kinds for c in k.candidates(rows)]
    if not found:
        raise _nothing_to_try(kinds, rows)
    return found


def preferred(candidates: list[Candidate], dataset: Dataset) -> list[Candidate]:
    """The candidates in the order in which they may be chosen; those that must not be chosen are
    left out.
    """
    safe = safe_candidate(candidates, dataset) if dataset.split.by_time else None
    if safe is None:
        return sorted(candidates, key=lambda c: c.error)
    logs = {c: np.log(np.maximum(c.losses, 1e-12)) for c in candidates}
    gain = {c: logs[safe] - logs[c] for c in candidates}
    winners = [c for c in candidates if (gain[c] > 0).all() and gain[c].mean() >= DRIFT_GAIN]
    return sorted(winners, key=lambda c: -gain[c].mean()) + [safe]


def rounded(fitted: Fitted, x: np.ndarray) -> np.ndarray:
    """Float predictions rounded to whole raw steps: the output's resolution is part of the
    model.
    """
    return np.floor(fitted.predict(x) + 0.5)
