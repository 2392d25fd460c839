"""Which rows train, which test, and which validate in a fold of the training rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..common.errors import DataError, UsageError, show
from ..model.fixedpoint import Quantity
from .dataset import Dataset, Split

MINIMUM_TRAINING_ROWS = 10
TABLE_CELLS = 20  # a truth table has fewer; so few different inputs cannot be split with sense
TABLE_COPIES = 10  # training rows of each of its cells, at least
COPY_ROWS = (
    10  # neighbouring rows that are found again, in the same order: the log was written twice
)


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


def groups_of(x: np.ndarray) -> np.ndarray:
    """The group of equal rows that each row of x (n, columns) is in, int64 (n,): 0, 1, ... in order
    of their first row.
    """
    _, first, group = np.unique(x, axis=0, return_index=True, return_inverse=True)
    place = np.empty(len(first), dtype=np.int64)
    place[np.argsort(first, kind="stable")] = np.arange(len(first))
    return place[group.reshape(-1)]


def split_rows(
    source: str,
    time: np.ndarray | None,
    raw: np.ndarray,
    groups: np.ndarray,
    kind: str,
    seed: int,
    fraction: float,
) -> Split:
    """The split of raw rows (n, columns); positions ascend if random, else they are in time order.

    Random: the rows of a group go to one side. Rows with equal inputs are one, for a model that has
    seen an input in training is tested on what it remembers. By time: what was seen early may come
    again, as it will on the device; but where no clock tells, a block written twice counts once.

    source: what messages call the rows; time: datetime64[s] (n,), or None. Raises DataError for too
    few rows.
    """
    if kind == "random":
        train, test = _random_sides(groups, round(fraction * len(raw)), seed)
    else:
        order = time_order(time, np.arange(len(raw)), kind)
        order = order if time is not None else order[~_copied(raw)]
        cut = _end_of_moment(time, order, len(order) - round(fraction * len(order)))
        train, test = order[:cut], order[cut:]
    if len(train) < MINIMUM_TRAINING_ROWS or not len(test):
        raise DataError(
            f"{source}: the {kind} split leaves {len(train)} training and {len(test)} test rows, "
            f"at least {MINIMUM_TRAINING_ROWS} and 1 are needed: add rows or split otherwise"
        )
    return Split(train, test, kind, seed)


def _random_sides(groups: np.ndarray, tests: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(train, test): whole groups in a seeded order are taken for the test as long as they fit."""
    if not groups.any():
        groups = np.arange(len(groups))  # inputs that never move: the caller leaves them out
    sizes = np.bincount(groups)
    chosen, free = np.zeros(len(sizes), dtype=bool), tests
    for group in np.random.default_rng(seed).permutation(len(sizes)):
        if sizes[group] <= free:
            chosen[group] = True
            free -= sizes[group]
        if not free:
            break
    if tests and not chosen.any():
        chosen[sizes.argmin()] = True
    test = chosen[groups]
    return np.flatnonzero(~test), np.flatnonzero(test)


def _copied(raw: np.ndarray) -> np.ndarray:
    """bool (n,): rows in a block that stands earlier as well, in the same order.

    COPY_ROWS neighbours, not all of them alike: coarse sensors repeat single rows, but not these.
    """
    groups = groups_of(raw)
    origin = np.unique(groups, return_index=True)[1][groups]  # the first row that equals it
    offset = np.arange(len(raw)) - origin
    starts = np.flatnonzero(np.append(True, np.diff(offset) != 0))
    copied = np.zeros(len(raw), dtype=bool)
    for start, end in zip(starts, np.append(starts[1:], len(raw))):
        if offset[start] and end - start >= COPY_ROWS:
            copied[start:end] = len(np.unique(origin[start:end])) > COPY_ROWS // 2
    return copied


def truth_table(x: np.ndarray) -> np.ndarray | None:
    """The group of each raw row x (n, inputs) if no other readings than these can come: few values
    an input, none missing between the least and the greatest, and all combinations of them.
    """
    values = [np.unique(column) for column in x.T]
    cells = math.prod(len(v) for v in values)
    if not 1 < cells < TABLE_CELLS or any(np.ptp(v) != len(v) - 1 for v in values):
        return None
    groups = groups_of(x)
    return groups if groups.max() + 1 == cells else None


def as_codes(raw: np.ndarray, inputs: Sequence[Quantity]) -> np.ndarray:
    """Raw rows (n, inputs) with one column for each category, the place of its label, instead of
    one for each label.
    """
    columns: dict[object, np.ndarray] = {}
    for quantity, values in zip(inputs, raw.T):
        made = quantity.derivation
        if made and made.labels:
            place = values * made.labels.index(made.label)
            columns[made.columns] = columns.get(made.columns, 0) + place
        else:
            columns[quantity.name] = values
    return np.column_stack([*columns.values()])


def split_table(cells: np.ndarray, seed: int, fraction: float) -> Split:
    """The split of a truth table's rows: each cell is trained, and tested on rows of its own where
    it has enough; a table without repeats is tested on itself.
    """
    order = np.random.default_rng(seed).permutation(len(cells))
    ranks = np.empty(len(cells), dtype=np.int64)
    for cell in range(cells.max() + 1):
        members = order[cells[order] == cell]
        ranks[members] = np.arange(len(members)) - round(fraction * len(members))
    train, test = np.flatnonzero(ranks >= 0), np.flatnonzero(ranks < 0)
    copies = -(-TABLE_COPIES // int(np.bincount(cells[train]).min()))
    train = np.repeat(train, copies)
    return Split(train, test if len(test) else np.arange(len(cells)), seed=seed, together=False)


def _end_of_moment(time: np.ndarray | None, rows: np.ndarray, cut: int) -> int:
    """The cut moved on so far that rows of one moment (many stations, one clock) stay on one
    side.
    """
    while time is not None and 0 < cut < len(rows) and time[rows[cut]] == time[rows[cut - 1]]:
        cut += 1
    return cut


def folds(dataset: Dataset, k: int = 5) -> list[tuple[np.ndarray, np.ndarray]]:
    """k pairs (train, validation) of indices into `dataset.x`, all of them training rows.

    Split "random": each training row is validated once, in one of k shuffled folds; rows with equal
    inputs in the same one.
    Split "time": rolling folds; each trains on all blocks before the one it validates.
    """
    if not 2 <= k <= len(dataset.train) // 2:
        raise UsageError(
            f"{k} folds of {len(dataset.train)} training rows: use 2 to {len(dataset.train) // 2}"
        )
    if dataset.split.by_time:
        blocks = np.array_split(dataset.train, k + 1)
        return [(np.concatenate(blocks[:i]), blocks[i]) for i in range(1, k + 1)]
    groups = groups_of(dataset.x[dataset.train]) if dataset.split.together else None
    blocks = fold_blocks(dataset.train, groups, dataset.split.seed, k)
    return [
        (np.sort(np.concatenate(blocks[:i] + blocks[i + 1 :])), b) for i, b in enumerate(blocks)
    ]


def fold_blocks(rows: np.ndarray, groups: np.ndarray | None, seed: int, k: int) -> list[np.ndarray]:
    """At most k shuffled blocks of the rows, each group whole in one; row by row without groups, or
    where these are so large that less than two blocks would come of it.
    """
    own = np.arange(len(rows))
    groups = own if groups is None else groups
    order = np.random.default_rng(seed).permutation(groups.max() + 1)
    ends = np.cumsum(np.bincount(groups)[order])
    limits = np.cumsum([len(part) for part in np.array_split(own, k)])
    block = np.empty(len(order), dtype=np.int64)
    block[order] = np.searchsorted(limits, ends)
    blocks = [np.sort(rows[block[groups] == i]) for i in range(k)]
    filled = [b for b in blocks if len(b)]
    return filled if len(filled) > 1 else fold_blocks(rows, None, seed, k)
