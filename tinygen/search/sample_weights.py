"""How much each training row counts: against faulty reference readings, and for rare high values.

    weighed(dataset, robust, balance) -> Dataset      the same rows with weights, those beyond doubt
                                                      faulty left out
    counted_rows(sample_weight, rows) -> places, weights        from weights that a caller gives

Robust. A reference analyser that hangs, or a label on the wrong row, shows as an answer far from
what the sensors tell. So every training row is predicted by models that did not see it, and the
distance is counted in the usual distance at that level (a scaled median of absolute distances, MAD:
half of the rows could be faulty before it breaks). A row counts fully while that is nothing
special, beyond by Tukey's biweight (Beaton and Tukey 1974); with these weights the models are
fitted again, ROUNDS times in all. Bounded: a row counts between 0 and 1, however far off it is;
beyond CUT usual distances it is left out.

Balance. High values are rare, and an average error hardly sees them. Each row counts by the inverse
root of how common its level is, at most MOST_BALANCE times the median row.

Only training rows are looked at, and only training rows are weighed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from ..common.errors import UsageError
from ..data import Dataset, Rows
from ..data.splits import fold_blocks, groups_of
from ..families import Family, with_role
from .workers import one_thread

Progress = Callable[[str], None]
Judge = Callable[[Rows, int], Callable[[np.ndarray], np.ndarray]]  # fit(rows, seed) -> predict
ROUNDS = 3
# usual distances (standard deviations, were they normal) up to which a row counts fully, and
# nothing
USUAL, CUT = 4.0, 8.0
MAD_TO_DEVIATION = 1.4826  # of a normal distribution
LEVELS = 12  # of the prediction, at which the usual distance is asked
LEVEL_ROWS = 40  # rows of a level, at least
FOLDS = 5
SUSPECT = 0.5  # a row that counts less is named in the note
BINS = 20  # of the target's range, for how common a level is
MOST_BALANCE = 10.0
MOST_REPEATS = 10  # times the rows that whole weights may add up to and be taken as repeats


def weighed(
    dataset: Dataset,
    robust: bool = False,
    balance: bool = False,
    progress: Progress = lambda text: None,
) -> Dataset:
    """The data set with row weights, and a note on them; itself where neither is asked for.

    Raises UsageError for classes: their rows have no distance.
    """
    if not (robust or balance):
        return dataset
    if dataset.labels:
        option = "--robust" if robust else "--balance"
        raise UsageError(
            f"{option} weighs rows by a quantity, the target '{dataset.target.name}' holds "
            "classes: "
            f"leave {option} out"
        )
    notes, kept, trust = [], dataset.train, np.ones(len(dataset.train))
    facts: dict[str, dict[str, float]] = {}
    if robust:
        trust = trust_in_rows(dataset.rows.take(dataset.train), dataset.split.seed, progress)
        kept, notes = dataset.train[trust > 0], [_trust_note(trust)]
        facts["robust"] = {
            "left_out": int((trust == 0).sum()),
            "less_than_half": int(((trust > 0) & (trust < SUSPECT)).sum()),
        }
        trust = trust[trust > 0]
    if balance:
        rarity = balance_weights(dataset.y[kept])
        trust, facts["balance"] = (
            trust * rarity,
            {"least": float(f"{rarity.min():.3g}"), "most": float(f"{rarity.max():.3g}")},
        )
        notes.append(
            f"balanced: a training row counts {rarity.min():.2g} to {rarity.max():.2g} times, "
            "the rarer its level the more"
        )
    return _with_weights(dataset, kept, trust, facts).noted(*notes, ERRORS_NOTE)


def _with_weights(
    dataset: Dataset, kept: np.ndarray, trust: np.ndarray, facts: dict[str, dict[str, float]]
) -> Dataset:
    """The training rows `kept`, each counted as `trust` says; the target's range is theirs."""
    weights = np.ones(len(dataset.y))
    weights[kept] = trust / trust.mean()
    low, high = dataset.y[kept].min(), dataset.y[kept].max()
    target = replace(
        dataset.target,
        minimum=float(dataset.target.to_physical(low)),
        maximum=float(dataset.target.to_physical(high)),
    )
    return replace(
        dataset.with_rows(output=target, weights=weights),
        split=replace(dataset.split, train=kept),
        provenance=replace(dataset.provenance, weighting=facts),
    )


ERRORS_NOTE = (
    "the error in folds counts rows by these weights, the error on the test rows counts them all "
    "the "
    "same"
)


def _trust_note(trust: np.ndarray) -> str:
    gone, less = int((trust == 0).sum()), int(((trust > 0) & (trust < SUSPECT)).sum())
    return (
        f"robust: {gone} of {len(trust)} training rows left out, their target is beyond what "
        "their inputs tell; "
        f"{less} more count less than half"
    )


# ---- given by the caller ----


def counted_rows(sample_weight, rows: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Which of `rows` rows to train on, int64, and how much each of these counts; None, the same.

    A row of weight 0 is left out. Whole numbers are repeats: the row is taken that often, exactly
    as if it stood there, unless that makes MOST_REPEATS times the rows. Other weights say how much
    rows count against each other; only their ratios matter. Raises ValueError for weights that are
    not one finite number of 0 or more for each row, or all 0.
    """
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.ndim == 0:
        weights = np.full(rows, weights)
    if weights.shape != (rows,):
        raise ValueError(
            f"sample_weight has shape {weights.shape}, X has {rows} rows: give one weight per row"
        )
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        raise ValueError(
            f"sample_weight of row {wrong[0]} is {weights[wrong[0]]:g}: give finite numbers of 0 "
            "or more"
        )
    kept = np.flatnonzero(weights)
    if not len(kept):
        raise ValueError("every sample weight is zero: give the rows that count more than 0")
    whole = (weights == np.floor(weights)).all()
    if whole and weights.sum() <= MOST_REPEATS * rows:
        return np.repeat(kept, weights[kept].astype(np.int64)), None
    return kept, weights[kept] if whole else weights[kept] / weights[kept].mean()


# ---- trust ----


def trust_in_rows(rows: Rows, seed: int = 0, progress: Progress = lambda text: None) -> np.ndarray:
    """Weight of each row, float (n,), 0 .. 1, from how far its target is from what other rows let
    expect.
    """
    trust, fits, steps = np.ones(len(rows.y)), judges(), count(1)
    total = (len(fits) + ROUNDS - 1) * FOLDS

    def fitted() -> None:
        progress(f"asking which training rows can be trusted: {next(steps)} of {total} steps")

    for _ in range(ROUNDS):
        with one_thread():
            found = {fit: _expected(rows, trust, fit, seed, fitted) for fit in fits}
        best = min(found, key=lambda fit: np.median(np.abs(rows.y - found[fit])))
        expected, fits = found[best], [best]
        distance = np.abs(rows.y - expected)
        trust = biweight(distance / usual_distance(expected, distance))
    return trust


def biweight(distance: np.ndarray) -> np.ndarray:
    """Bounded weight of distances in usual ones: 1 up to USUAL, then Tukey's biweight, 0 from CUT
    on.
    """
    part = np.clip((distance - USUAL) / (CUT - USUAL), 0, 1)
    return (1 - part**2) ** 2


def usual_distance(expected: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Standard deviation by MAD at the level of each row, raw steps, at least one: errors may grow
    with the level.
    """
    order = np.argsort(expected, kind="stable")
    parts = np.array_split(order, int(np.clip(len(order) // LEVEL_ROWS, 1, LEVELS)))
    centers = [float(np.median(expected[part])) for part in parts]
    deviations = [max(MAD_TO_DEVIATION * float(np.median(distance[part])), 1.0) for part in parts]
    return np.interp(expected, centers, deviations)


def _expected(
    rows: Rows, trust: np.ndarray, fit: Judge, seed: int, fitted: Callable[[], None]
) -> np.ndarray:
    """Each row's target as predicted by a model fitted without it, raw."""
    rows, expected = replace(rows, weights=trust), np.empty(len(rows.y))
    for block in fold_blocks(np.arange(len(rows.y)), groups_of(rows.x), seed, FOLDS):
        others = np.setdiff1d(np.arange(len(rows.y)), block)
        expected[block] = fit(rows.take(others[trust[others] > 0]), seed)(rows.x[block])
        fitted()
    return expected


def judges() -> list[Judge]:
    """Of the rows: the one counts that is nearest to them in the median. On equal medians the
    earlier one does.
    """
    return [*(partial(_of_family, family) for family in with_role("judge rows")), _boosting]


def _of_family(family: Family, rows: Rows, seed: int):
    return family.fit(rows, family.roles["judge rows"](rows), 0).predict


def _boosting(rows: Rows, seed: int):
    estimator = HistGradientBoostingRegressor(
        loss="absolute_error", random_state=seed, early_stopping=False
    )
    return estimator.fit(rows.x, rows.y, sample_weight=rows.weights).predict


# ---- balance ----


def balance_weights(y: np.ndarray) -> np.ndarray:
    """Weight of each row, float (n,), mean 1: the inverse root of its level's share, held below
    MOST_BALANCE medians.
    """
    bins = np.clip(((y - y.min()) * BINS) // max(int(y.max() - y.min()), 1), 0, BINS - 1)
    counts = np.convolve(
        np.bincount(bins, minlength=BINS), [0.25, 0.5, 0.25], mode="same"
    )  # a bin is no cliff
    weights = 1 / np.sqrt(np.maximum(counts[bins], 1.0))
    weights = np.minimum(weights, MOST_BALANCE * np.median(weights))
    return weights / weights.mean()
