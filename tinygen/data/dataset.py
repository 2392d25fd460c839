"""Room 1, data: from a CSV file to the integer rows that everything after it works on.

load(path) -> Table                      the file as it stands, by column names
                                         (tinygen/data/table.py)
prepare(table, target) -> Dataset        complete rows as raw integers, split in train and test
readings(table) -> Dataset               the same of rows without a target, for guards
folds(dataset, k)                        (train, validation) index pairs inside the training rows
rows_for(inputs, table)                  the raw rows an existing model reads from a table
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..common.choices import TASKS
from ..common.errors import DataError, UsageError
from ..model.fixedpoint import RAW_MAX, Quantity
from .table import (
    MAXIMUM_LABELS,
    Table,
    load,
    require_column,
    require_finite,
    require_numbers,
    show,
)

__all__ = ["Dataset", "Table", "folds", "load", "prepare", "readings", "rows_for"]

MINIMUM_ROWS = 20  # complete and distinct; fewer cannot be split into train and test with sense
MINIMUM_TRAINING_ROWS = 10
MINIMUM_CLASS_ROWS = 5  # training rows of each class
TIME_NAMES = frozenset(("date", "time", "datetime", "date time", "date_time", "timestamp"))


@dataclass(frozen=True)
class Dataset:
    """Complete rows as raw integers (`physical = raw * scale`), and which of them train and test."""

    inputs: tuple[Quantity, ...]  # minimum and maximum over the training rows
    target: Quantity
    x: np.ndarray  # int64 (n, inputs), raw, in file order
    y: np.ndarray  # int64 (n,), raw; with labels class indices
    train: np.ndarray  # int64 indices into x: in file order, or in time order for split "time"
    test: np.ndarray  # the same; train and test share no index and no equal row
    split: str  # "random" or "time"
    seed: int
    time: np.ndarray | None  # datetime64[s] (n,)
    file_rows: np.ndarray  # int64 (n,), lines in the file
    rows_read: int  # rows of the file
    rows_dropped: int  # of them, with a missing value in a used column
    duplicates_removed: int  # of the rest, equal to an earlier row in inputs and target
    missing: tuple[float | str, ...]
    source: str  # file name
    sha256: str
    notes: tuple[str, ...] = ()  # one line each: what was left out or coarsened, and why
    labels: tuple[str, ...] = ()  # classification: the label of class 0, 1, ...
    weights: np.ndarray | None = (
        None  # float (n,): how much each row counts in training; None, all the same
    )
    weighting: dict = field(default_factory=dict)  # how the weights were made, plain JSON


# ------------------------------------------------------------------------------------- prepare


def prepare(
    table: Table,
    target: str,
    inputs: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    split: str = "random",
    seed: int = 0,
    test_fraction: float | None = None,
    units: Mapping[str, str] | None = None,
    task: str = "auto",
) -> Dataset:
    """The rows of `table` that are complete in the used columns, as raw integers, split in train
    and test.

    inputs: column names; None means every numeric column but the target, `drop` and dates.
    split: "random" (seeded, test = 0.2 of the rows) or "time" (the last 0.3 test).
    units: units by column name, before those of the table.
    task: "regression" or "classification"; "auto" takes a target of texts for class labels, numbers
    for a quantity. Raises DataError for columns or rows that cannot be used, UsageError for
    settings that do not exist.
    """
    fraction = _test_fraction(split, seed, test_fraction)
    target = require_column(table, target)
    labels: tuple[str, ...] = ()
    if _is_classification(table, target, task):
        table, labels = _with_classes(table, target)
    _require_readings(table, target)
    names, notes = (
        _all_inputs(table, target, drop)
        if inputs is None
        else _named_inputs(table, target, inputs, drop)
    )
    rows = _select(table, [*names, target], split, seed, fraction)
    _require_an_input(table, names, target)
    while inputs is None and (constant := rows.constant_inputs()):
        notes += [
            f"column {show(name)} left out: it is constant in the training rows"
            for name in constant
        ]
        names = [name for name in names if name not in constant]
        _require_an_input(table, names, target)
        rows = _select(
            table, [*names, target], split, seed, fraction
        )  # anew: they may have cost rows
    rows.require_variation()
    _require_every_class(rows, labels)
    if split == "time" and table.time is None:
        notes.append(
            "no column has a date in every row: the order of rows is taken as the order of time"
        )
    notes += _scale_notes(table, rows.quantities) + _costly_column(table, rows)
    units = {require_column(table, name): unit for name, unit in (units or {}).items()}
    quantities = rows.seen({**table.units, **units})
    return Dataset(
        inputs=quantities[:-1],
        target=quantities[-1],
        x=rows.raw[:, :-1],
        y=rows.raw[:, -1],
        train=rows.train,
        test=rows.test,
        split=split,
        seed=seed,
        time=None if table.time is None else table.time[rows.rows],
        file_rows=table.file_rows[rows.rows],
        rows_read=table.rows_read,
        rows_dropped=table.rows_read - rows.complete,
        duplicates_removed=rows.complete - len(rows.rows),
        missing=table.missing,
        source=table.path_name,
        sha256=table.sha256,
        notes=tuple(notes),
        labels=labels,
    )


def readings(
    table: Table,
    inputs: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    split: str = "random",
    seed: int = 0,
    units: Mapping[str, str] | None = None,
) -> Dataset:
    """The rows of `table` that are complete in the used columns, without a target: `y` is 0
    everywhere.

    Arguments and errors as those of `prepare`. A column that never moves stays: it is news when it
    does. So do equal rows, because how common a row is makes it usual.
    """
    fraction = _test_fraction(split, seed, None)
    names, notes = (
        _all_inputs(table, None, drop)
        if inputs is None
        else _named_inputs(table, None, inputs, drop)
    )
    if not names:
        raise DataError(
            f"{table.path_name} leaves no input: name numeric columns with --inputs, or drop fewer"
        )
    rows = _select(table, names, split, seed, fraction, distinct=False)
    units = {require_column(table, name): unit for name, unit in (units or {}).items()}
    return Dataset(
        inputs=rows.seen({**table.units, **units}),
        target=Quantity("", "", 1.0, 0.0, 0.0),
        x=rows.raw,
        y=np.zeros(len(rows.raw), dtype=np.int64),
        train=rows.train,
        test=rows.test,
        split=split,
        seed=seed,
        time=None if table.time is None else table.time[rows.rows],
        file_rows=table.file_rows[rows.rows],
        rows_read=table.rows_read,
        rows_dropped=table.rows_read - rows.complete,
        duplicates_removed=rows.complete - len(rows.rows),
        missing=table.missing,
        source=table.path_name,
        sha256=table.sha256,
        notes=(*notes, *_scale_notes(table, rows.quantities)),
    )


def _test_fraction(split: str, seed: int, fraction: float | None) -> float:
    if split not in ("random", "time"):
        raise UsageError(f"split {show(split)} is unknown: use random or time")
    if seed < 0:
        raise UsageError(f"seed {seed} is negative: use 0 or more")
    if fraction is None:
        return 0.2 if split == "random" else 0.3
    if not 0.0 < fraction < 1.0:
        raise UsageError(f"test fraction {fraction} is out of range: it must lie between 0 and 1")
    return fraction


# ------------------------------------------------------------------------------------- classes


def _is_classification(table: Table, target: str, task: str) -> bool:
    """What `task` says; for "auto", whether every value of the target is a text and not a date."""
    if task not in TASKS:
        raise UsageError(f"task {show(task)} is unknown: use auto, regression or classification")
    if task != "auto":
        return task == "classification"
    return (
        target in table.labels
        and target not in table.time_names
        and bool(np.isnan(table.columns[target]).all())
    )


def _with_classes(table: Table, target: str) -> tuple[Table, tuple[str, ...]]:
    """The table with class indices as its target column, and their labels: numbers by size, then
    texts by spelling.
    """
    require_finite(table, target)
    if target in table.texts and target not in table.labels:
        raise DataError(
            f"column {show(target)} holds more than {MAXIMUM_LABELS} different texts: "
            "choose a column of class labels"
        )
    numbers = table.columns[target]
    values = np.unique(numbers[~np.isnan(numbers)])
    texts = sorted(table.labels[target].texts) if target in table.labels else []
    if len(values) + len(texts) > MAXIMUM_LABELS:
        raise DataError(
            f"column {show(target)} has {len(values) + len(texts)} different values, "
            f"at most {MAXIMUM_LABELS} classes are possible: choose another column, or task regression"
        )
    classes = np.where(
        np.isnan(numbers), np.nan, np.searchsorted(values, numbers).astype(np.float64)
    )
    if texts:
        places = np.array([len(values) + texts.index(text) for text in table.labels[target].texts])
        codes = table.labels[target].codes
        classes = np.where(codes >= 0, places[codes], classes)
    return replace(
        table,
        columns={**table.columns, target: classes},
        decimals={**table.decimals, target: 0},
        texts={name: text for name, text in table.texts.items() if name != target},
    ), (*(f"{value:g}" for value in values), *texts)


def _require_every_class(rows: _Selection, labels: tuple[str, ...]) -> None:
    """Refuse a class that the training rows hardly know, if there are classes."""
    counts = np.bincount(rows.raw[rows.train, -1], minlength=len(labels)) if labels else []
    for label, count in zip(labels, counts):
        if count < MINIMUM_CLASS_ROWS:
            raise DataError(
                f"class {show(label)} of {show(rows.quantities[-1].name)} has {count} training rows, at least "
                f"{MINIMUM_CLASS_ROWS} are needed: add rows, "
                f"or give {show(label)} to --missing to leave its rows out"
            )


def _require_readings(table: Table, name: str) -> None:
    require_numbers(table, name)
    require_finite(table, name)


def _named_inputs(
    table: Table, target: str, inputs: Sequence[str], drop: Sequence[str]
) -> tuple[list[str], list[str]]:
    if drop:
        raise UsageError("--inputs and --drop exclude each other: give one of them")
    names = [require_column(table, name) for name in inputs]
    for name in names:
        if name == target:
            raise DataError(
                f"column {show(name)} is the target and an input: take it out of --inputs"
            )
        if names.count(name) > 1:
            raise DataError(
                f"column {show(name)} is named {names.count(name)} times as an input: name it once"
            )
        _require_readings(table, name)
    return names, []


def _all_inputs(table: Table, target: str, drop: Sequence[str]) -> tuple[list[str], list[str]]:
    """The usable columns in file order, and a note on each that was left out unasked."""
    dropped = {require_column(table, name) for name in drop}
    names, notes = [], [f"{table.unnamed} columns without a name left out"] if table.unnamed else []
    for name in table.names:
        if name in dropped or name == target:
            continue
        if reason := _unusable(table, name):
            notes.append(f"column {show(name)} left out: {reason}")
            continue
        _require_readings(table, name)
        names.append(name)
    return names, notes


def _unusable(table: Table, name: str) -> str:
    """Why the column is no sensor reading; "" if it may be one."""
    if name in table.time_names or name.casefold() in TIME_NAMES:
        return "it is a date or time"
    values = int(np.sum(~np.isnan(table.columns[name])))
    if name in table.texts and table.texts[name].count >= values:
        return "it holds text"
    if not values:
        return "all its values are missing"
    return ""


# ---------------------------------------------------------------------------------------- rows


@dataclass(frozen=True)
class _Selection:
    """The rows that stay for one choice of columns, the target last."""

    quantities: list[Quantity]  # their range is not known yet
    complete: int  # rows without a missing value
    rows: np.ndarray  # of them, those kept: positions in the table
    raw: np.ndarray  # int64 (kept, columns)
    train: np.ndarray  # positions in `raw`
    test: np.ndarray

    def constant_inputs(self) -> list[str]:
        """Names of the inputs that have one value in all training rows."""
        return [q.name for q, spread in zip(self.quantities[:-1], self._spread()) if spread == 0]

    def require_variation(self) -> None:
        for i, spread in enumerate(self._spread()):
            if spread == 0:
                kind = "target" if i == len(self.quantities) - 1 else "input"
                raise DataError(
                    f"{kind} {show(self.quantities[i].name)} is constant in the {len(self.train)} training "
                    "rows: there is nothing to learn from it, choose another column"
                )

    def _spread(self) -> np.ndarray:
        return np.ptp(self.raw[self.train], axis=0)

    def seen(self, units: Mapping[str, str]) -> tuple[Quantity, ...]:
        """The quantities with their units and the range of the training rows."""
        low, high = self.raw[self.train].min(axis=0), self.raw[self.train].max(axis=0)
        return tuple(
            replace(
                q,
                unit=units[q.name],
                minimum=float(q.to_physical(a)),
                maximum=float(q.to_physical(b)),
            )
            for q, a, b in zip(self.quantities, low, high)
        )


def _require_an_input(table: Table, names: Sequence[str], target: str) -> None:
    if not names:
        raise DataError(
            f"{table.path_name} leaves no input for target {show(target)}: "
            "name numeric columns with --inputs, or drop fewer"
        )


def _select(
    table: Table,
    names: Sequence[str],
    split: str,
    seed: int,
    fraction: float,
    distinct: bool = True,
) -> _Selection:
    """Complete rows of the named columns (the target last), each once if they are to be `distinct`,
    split in two.
    """
    complete = _complete_rows(table, names)
    quantities = [_quantity(table, name) for name in names]
    raw = np.column_stack([q.to_raw(table.columns[q.name][complete]) for q in quantities])
    kept = (
        _first_of_equals(raw, _time_order(table, complete, split))
        if distinct
        else np.arange(len(raw))
    )
    rows, raw = complete[kept], raw[kept]
    _require_rows(table, len(rows), f"{len(complete) - len(rows)} of them are duplicates")
    train, test = _split(table, rows, split, seed, fraction)
    return _Selection(quantities, len(complete), rows, raw, train, test)


def _complete_rows(table: Table, names: Sequence[str]) -> np.ndarray:
    """Indices of the rows without a missing value in these columns; at least MINIMUM_ROWS."""
    absent = _absent(table, names)
    rows = np.flatnonzero(~absent.any(axis=1))
    worst = int(np.argmax(absent.sum(axis=0)))
    _require_rows(
        table, len(rows), f"column {show(names[worst])} is missing in {absent[:, worst].sum()} rows"
    )
    return rows


def _absent(table: Table, names: Sequence[str]) -> np.ndarray:
    """bool (n, names): where a value is missing."""
    return np.column_stack([np.isnan(table.columns[name]) for name in names])


def _require_rows(table: Table, rows: int, reason: str) -> None:
    if rows < MINIMUM_ROWS:
        usable = f", {rows} of them usable ({reason})" if rows < table.rows_read else ""
        raise DataError(
            f"{table.path_name} has {table.rows_read} rows{usable}: "
            f"at least {MINIMUM_ROWS} are needed, add rows or leave a column out"
        )


def _quantity(table: Table, name: str) -> Quantity:
    """The column with the resolution it was written in, or a coarser one that fits int16."""
    return Quantity(name, "", scale_for(_largest(table, name), table.decimals[name]), 0.0, 0.0)


def _largest(table: Table, name: str) -> float:
    return float(np.nanmax(np.abs(table.columns[name])))


def _step(decimals: int) -> float:
    return float(
        f"1e{-decimals}"
    )  # the float nearest to the decimal, which 10.0 ** -k is not always


def scale_for(largest: float, decimals: int) -> float:
    """10**-decimals, or the next coarser power of ten at which +-`largest` fits 32767 steps."""
    while largest / _step(decimals) >= RAW_MAX + 0.5:
        decimals -= 1
    return _step(decimals)


def _scale_notes(table: Table, quantities: Sequence[Quantity]) -> list[str]:
    return [
        f"column {show(q.name)} is stored in steps of {q.scale:g} instead of its own {_step(table.decimals[q.name]):g}: "
        f"its largest value {_largest(table, q.name):g} must fit {RAW_MAX} steps"
        for q in quantities
        if q.scale > _step(table.decimals[q.name])
    ]


def _costly_column(table: Table, rows: _Selection) -> list[str]:
    """A note on the input without which most rows could be kept, if they are a tenth of the file or
    more.
    """
    absent = _absent(table, [q.name for q in rows.quantities])
    regained = absent[absent.sum(axis=1) == 1][:, :-1].sum(
        axis=0
    )  # rows in which one column alone is missing
    worst = int(np.argmax(regained))
    if regained[worst] * 10 < table.rows_read:
        return []
    return [
        f"column {show(rows.quantities[worst].name)} alone costs {regained[worst]} rows with a missing value: "
        f"without it {rows.complete + regained[worst]} rows are complete"
    ]


# --------------------------------------------------------------------------------------- splits


def _time_order(table: Table, rows: np.ndarray, split: str) -> np.ndarray:
    """Positions in `rows`, the earliest first; in file order for a random split or without dates."""
    if split == "random" or table.time is None:
        return np.arange(len(rows))
    return np.argsort(table.time[rows], kind="stable")


def _first_of_equals(raw: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Positions of the rows that equal no row before them in `order`, ascending.

    Both splits use it, so that no test row was seen in training: a log written twice, or a sensor
    that is stuck, would else be tested on what it was trained with.
    """
    _, first = np.unique(raw[order], axis=0, return_index=True)
    return np.sort(order[first])


def _split(
    table: Table, rows: np.ndarray, split: str, seed: int, fraction: float
) -> tuple[np.ndarray, np.ndarray]:
    """(train, test): positions in `rows`; ascending if random, else in time order."""
    tests = round(fraction * len(rows))
    if split == "random":
        order = np.random.default_rng(seed).permutation(len(rows))
        train, test = np.sort(order[tests:]), np.sort(order[:tests])
    else:
        order = _time_order(table, rows, split)
        cut = _end_of_moment(table.time, rows[order], len(rows) - tests)
        train, test = order[:cut], order[cut:]
    if len(train) < MINIMUM_TRAINING_ROWS or not len(test):
        raise DataError(
            f"{table.path_name}: the {split} split leaves {len(train)} training and {len(test)} test rows, "
            f"at least {MINIMUM_TRAINING_ROWS} and 1 are needed: add rows or split otherwise"
        )
    return train, test


def _end_of_moment(time: np.ndarray | None, rows: np.ndarray, cut: int) -> int:
    """The cut moved on so far that rows of one moment (many stations, one clock) stay on one side."""
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
    if dataset.split == "time":
        blocks = np.array_split(dataset.train, k + 1)
        return [(np.concatenate(blocks[:i]), blocks[i]) for i in range(1, k + 1)]
    shuffled = np.random.default_rng(dataset.seed).permutation(dataset.train)
    blocks = [np.sort(block) for block in np.array_split(shuffled, k)]
    return [(np.sort(np.concatenate(blocks[:i] + blocks[i + 1 :])), blocks[i]) for i in range(k)]


# ------------------------------------------------------------------------ rows for a given model


def rows_for(inputs: Sequence[Quantity], table: Table) -> tuple[np.ndarray, tuple[str, ...]]:
    """Raw int64 (n, inputs) of every row of `table`, in the model's order, and notes on what
    changed.

    Columns are found by name, in any order. A missing, NaN or infinite value is MISSING (-32768);
    beyond int16 it saturates at +-32767. Raises DataError for an absent column or a text cell.
    """
    raw, notes = np.empty((table.rows_read, len(inputs)), dtype=np.int64), []
    for i, quantity in enumerate(inputs):
        name = require_column(table, quantity.name)
        require_numbers(table, name)
        values = np.where(np.isinf(table.columns[name]), np.nan, table.columns[name])
        limit = (
            2 * RAW_MAX * quantity.scale
        )  # saturates all the same; 1e308 / 0.1 would overflow first
        raw[:, i] = quantity.to_raw(np.clip(values, -limit, limit))
        notes += _row_notes(quantity, table, name, values)
    return raw, tuple(notes)


def _row_notes(quantity: Quantity, table: Table, name: str, values: np.ndarray) -> Iterator[str]:
    if table.units[name] and quantity.unit and table.units[name] != quantity.unit:
        yield f"column {show(name)} is in {show(table.units[name])}, the model was trained in {show(quantity.unit)}"
    if missing := int(np.isnan(values).sum()):
        yield f"column {show(name)}: {missing} of {table.rows_read} values are missing"
    if beyond := int(np.sum(np.abs(values) >= (RAW_MAX + 0.5) * quantity.scale)):
        yield f"column {show(name)}: {beyond} values lie beyond {RAW_MAX * quantity.scale:g} and saturate there"
    if _step(table.decimals[name]) < quantity.scale * 0.999:
        yield f"column {show(name)}: values are rounded to the model's step of {quantity.scale:g}"
