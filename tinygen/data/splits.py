"""Which rows train, which test, and which validate in a fold of the training rows."""

from __future__ import annotations

import numpy as np

from ..common.errors import DataError, UsageError, show
from .dataset import Dataset, Split

MINIMUM_TRAINING_ROWS = 10


def split_fraction(kind: str, seed: int, fraction: float | None) -> float:
    """The part of the rows that tests: `fraction`, or the usual one of a split of that kind.

    Raises UsageError for a kind, a seed or a fraction that does not exist.
    """
    if kind not in ("random", "time"):
        raise UsageError(f"split {show(kind)} is unknown: use random or time")
    if seed < 0:
        raise UsageError(f"seed {seed} is negative: use 0 or more")
    if fraction is None:
        return 0.2 if kind == "random" else 0.3
    if not 0.0 < fraction < 1.0:
        raise UsageError(f"test fraction {fraction} is out of range: it must lie between 0 and 1")
    return fraction


def time_order(time: np.ndarray | None, rows: np.ndarray, kind: str) -> np.ndarray:
    """Positions in `rows`, the earliest first; in file order for a random split or without
    dates.
    """
    if kind == "random" or time is None:
        return np.arange(len(rows))
    return np.argsort(time[rows], kind="stable")


def first_of_equals(raw: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Positions of the rows that equal no row before them in `order`, ascending.

    Both splits use it, so that no test row was seen in training: a log written twice, or a sensor
    that is stuck, would else be tested on what it was trained with.
    """
    _, first = np.unique(raw[order], axis=0, return_index=True)
    return np.sort(order[first])


def split_rows(
    source: str, time: np.ndarray | None, rows: int, kind: str, seed: int, fraction: float
) -> Split:
    """The split of so many rows; positions ascend if random, else they are in time order.

    source: what messages call the rows; time: datetime64[s] (rows,), or None. Raises DataError for
    too few rows.
    """
    tests = round(fraction * rows)
    if kind == "random":
        order = np.random.default_rng(seed).permutation(rows)
        train, test = np.sort(order[tests:]), np.sort(order[:tests])
    else:
        order = time_order(time, np.arange(rows), kind)
        cut = _end_of_moment(time, order, rows - tests)
        train, test = order[:cut], order[cut:]
    if len(train) < MINIMUM_TRAINING_ROWS or not len(test):
        raise DataError(
            f"{source}: the {kind} split leaves {len(train)} training and {len(test)} test rows, "
            f"at least {MINIMUM_TRAINING_ROWS} and 1 are needed: add rows or split otherwise"
        )
    return Split(train, test, kind, seed)


def _end_of_moment(time: np.ndarray | None, rows: np.ndarray, cut: int) -> int:
    """The cut moved on so far that rows of one moment (many stations, one clock) stay on one
    side.
    """
    while time is not None and 0 < cut < len(rows) and time[rows[cut]] == time[rows[cut - 1]]:
        cut += 1
    return cut


def folds(dataset: Dataset, k: int = 5) -> list[tuple[np.ndarray, np.ndarray]]:
    """k pairs (train, validation) of indices into `dataset.x`, all of them training rows.

    Split "random": each training row is validated once, in one of k shuffled folds.
    Split "time": rolling folds; each trains on all blocks before the one it validates.
    """
    if not 2 <= k <= len(dataset.train) // 2:
        raise UsageError(
            f"{k} folds of {len(dataset.train)} training rows: use 2 to {len(dataset.train) // 2}"
        )
    if dataset.split.by_time:
        blocks = np.array_split(dataset.train, k + 1)
        return [(np.concatenate(blocks[:i]), blocks[i]) for i in range(1, k + 1)]
    shuffled = np.random.default_rng(dataset.split.seed).permutation(dataset.train)
    blocks = [np.sort(block) for block in np.array_split(shuffled, k)]
    return [(np.sort(np.concatenate(blocks[:i] + blocks[i + 1 :])), blocks[i]) for i in range(k)]
