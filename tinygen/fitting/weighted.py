"""Mean, deviation and median of rows that count differently, how many rows they stand for, and
how far a mean may be off by chance.

`counts` is how much each row counts, float (n,), 0 or more and not all 0; None: all the same. A row
of weight 2 counts as the row written twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64] | None
BLOCKS = 30  # of neighbouring rows, whose means are compared
CHANCE = 0.05  # that a mean which is 0 is said to be above it


def mean(values: np.ndarray, counts: Counts) -> Any:
    """Mean over the rows of values (n, ...): a number, or an array without the first axis."""
    return np.average(values, axis=0, weights=counts)


def deviation(values: np.ndarray, counts: Counts) -> Any:
    """Standard deviation over the rows of values (n, ...), as `mean`."""
    if counts is None:
        return values.std(axis=0)
    return np.sqrt(mean((values - mean(values, counts)) ** 2, counts))


def median(values: np.ndarray, counts: Counts) -> float:
    """Median of values (n,): the mean of the two middle ones where the weight splits in halves."""
    if counts is None or not counts.any():
        return float(np.median(values))
    order = np.argsort(values, kind="stable")
    below = np.cumsum(counts[order])
    middle = [np.searchsorted(below, below[-1] / 2, side) for side in ("left", "right")]
    return float(values[order][np.minimum(middle, len(values) - 1)].mean())


def margin(values: np.ndarray, confidence: float = 0.95) -> float:
    """Half the confidence interval of the mean of values (n,), by Student's t; of a single value
    its own size, for it tells nothing of others.
    """
    from scipy.stats import t

    if len(values) < 2:
        return float(np.abs(values).sum())
    deviation = values.std(ddof=1) / np.sqrt(len(values))
    return float(t.ppf((1 + confidence) / 2, len(values) - 1) * deviation)


def above_zero(values: np.ndarray) -> bool:
    """True where the mean of values (n,) is above 0 beyond chance: Student's t test of the means of
    blocks of neighbouring rows, for rows in time order are not independent.
    """
    from scipy.stats import ttest_1samp

    if len(values) < 2:
        return False
    blocks = np.array([b.mean() for b in np.array_split(values, min(BLOCKS, len(values)))])
    if np.ptp(blocks) == 0:
        return bool(blocks[0] > 0)
    return bool(ttest_1samp(blocks, 0.0, alternative="greater").pvalue < CHANCE)


def total(rows: int, counts: Counts) -> float:
    """How many rows of weight 1 the rows count as."""
    return float(rows if counts is None else counts.sum())
