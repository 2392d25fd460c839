"""Mean, deviation and median of rows that count differently, and how many rows they stand for.

`counts` is how much each row counts, float (n,), 0 or more and not all 0; None: all the same. A row
of weight 2 counts as the row written twice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64] | None


def mean(values: np.ndarray, counts: Counts) -> NDArray[np.float64]:
    """Mean over the rows of values (n, ...)."""
    found: NDArray[np.float64] = np.average(values, axis=0, weights=counts)
    return found


def deviation(values: np.ndarray, counts: Counts) -> NDArray[np.float64]:
    """Standard deviation over the rows of values (n, ...)."""
    if counts is None:
        return np.asarray(values.std(axis=0))
    return np.sqrt(mean((values - mean(values, counts)) ** 2, counts))


def median(values: np.ndarray, counts: Counts) -> float:
    """Median of values (n,): the mean of the two middle ones where the weight splits in halves."""
    if counts is None or not counts.any():
        return float(np.median(values))
    order = np.argsort(values, kind="stable")
    below = np.cumsum(counts[order])
    middle = [np.searchsorted(below, below[-1] / 2, side) for side in ("left", "right")]
    return float(values[order][np.minimum(middle, len(values) - 1)].mean())


def total(rows: int, counts: Counts) -> float:
    """How many rows of weight 1 the rows count as."""
    return float(rows if counts is None else counts.sum())
