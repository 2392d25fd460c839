"""From a table to a data set: which columns and rows, as raw integers, split in train and test.

prepare(table, target) -> Dataset        the rows that are complete in the used columns
readings(table) -> Dataset               the same of rows without a target, for guards
rows_for(inputs, table)                  the raw rows that an existing model reads from a table
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..common.errors import DataError, show
from ..model.fixedpoint import RAW_MAX, Quantity
from .columns import (
    all_inputs,
    clip_notes,
    input_of,
    is_classification,
    label_notes,
    named_inputs,
    quantity_of,
    require_readings,
    scale_notes,
    step_of,
    with_classes,
    with_flags,
)
from .dataset import Dataset, Provenance, Rows, Split
from .splits import groups_of, split_fraction, split_rows, split_table, truth_table
from .table import Table, require_column, require_numbers

MINIMUM_ROWS = 20  # complete and different; fewer cannot be split into train and test with sense
MINIMUM_CLASS_ROWS = 5  # training rows of each class


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
    fraction = split_fraction(split, seed, test_fraction)
    target = require_column(table, target)
    table, flag_notes = with_flags(table, target)
    labels: tuple[str, ...] = ()
    notes = list(table.notes)
    if is_classification(table, target, task):
        plain, (table, labels) = table, with_classes(table, target)
        notes += label_notes(plain, target, labels) if task == "auto" else []
    require_readings(table, target)
    names, left_out = (
        all_inputs(table, target, drop)
        if inputs is None
        else named_inputs(table, target, inputs, drop)
    )
    notes += left_out + [note for note in flag_notes if any(show(name) in note for name in names)]
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
    if not rows.split.together:
        cells = len(np.unique(rows.raw[:, :-1], axis=0))
        notes.append(
            f"all {cells} combinations of input values are in the file: a truth table, every one "
            "of them is trained"
        )
    notes += clip_notes(table, rows.rows, rows.quantities)
    notes += scale_notes(table, rows.quantities) + _costly_column(table, rows)
    units = {require_column(table, name): unit for name, unit in (units or {}).items()}
    *columns, output = rows.seen({**table.units, **units})
    found = Rows(rows.raw[:, :-1], rows.raw[:, -1], tuple(columns), output, labels)
    return Dataset(found, rows.split, _provenance(table, rows), tuple(notes))


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
    fraction = split_fraction(split, seed, None)
    table, flag_notes = with_flags(table)
    names, notes = (
        all_inputs(table, None, drop) if inputs is None else named_inputs(table, None, inputs, drop)
    )
    if not names:
        raise DataError(
            f"{table.path_name} leaves no input: name numeric columns with --inputs, or drop fewer"
        )
    rows = _select(table, names, split, seed, fraction, target=False)
    units = {require_column(table, name): unit for name, unit in (units or {}).items()}
    columns, none = rows.seen({**table.units, **units}), np.zeros(len(rows.raw), dtype=np.int64)
    found = Rows(rows.raw, none, columns, Quantity("", "", 1.0, 0.0, 0.0))
    notes = [*table.notes, *flag_notes, *notes, *clip_notes(table, rows.rows, rows.quantities)]
    notes += scale_notes(table, rows.quantities)
    return Dataset(found, rows.split, _provenance(table, rows), tuple(notes))


def _provenance(table: Table, rows: _Selection) -> Provenance:
    return Provenance(
        source=table.path_name,
        sha256=table.sha256,
        rows_read=table.rows_read,
        rows_dropped=table.rows_read - len(rows.rows),
        repeated=len(rows.raw) - len(np.unique(rows.raw, axis=0)),
        missing=table.missing,
        lines=table.file_rows[rows.rows],
        time=None if table.time is None else table.time[rows.rows],
    )


def _require_every_class(rows: _Selection, labels: tuple[str, ...]) -> None:
    """Refuse a class that the training rows hardly know, if there are classes."""
    if not labels:
        return
    counts = np.bincount(rows.raw[rows.split.train, -1], minlength=len(labels))
    for label, count in zip(labels, counts):
        if count < MINIMUM_CLASS_ROWS:
            raise DataError(
                f"class {show(label)} of {show(rows.quantities[-1].name)} has {count} training "
                "rows, at least "
                f"{MINIMUM_CLASS_ROWS} are needed: add rows, "
                f"or give {show(label)} to --missing to leave its rows out"
            )


# ---------------------------------------------------------------------------------------- rows


@dataclass(frozen=True)
class _Selection:
    """The rows that stay for one choice of columns, the target last."""

    quantities: list[Quantity]  # their range is that of the column
    rows: np.ndarray  # those without a missing value: positions in the table
    raw: np.ndarray  # int64 (rows, columns)
    split: Split  # of positions in `raw`

    def constant_inputs(self) -> list[str]:
        """Names of the inputs that have one value in all training rows."""
        return [q.name for q, spread in zip(self.quantities[:-1], self._spread()) if spread == 0]

    def require_variation(self) -> None:
        for i, spread in enumerate(self._spread()):
            if spread == 0:
                kind = "target" if i == len(self.quantities) - 1 else "input"
                raise DataError(
                    f"{kind} {show(self.quantities[i].name)} is constant in the "
                    f"{len(self.split.train)} training "
                    "rows: there is nothing to learn from it, choose another column"
                )

    def _spread(self) -> np.ndarray:
        return np.ptp(self.raw[self.split.train], axis=0)

    def seen(self, units: Mapping[str, str]) -> tuple[Quantity, ...]:
        """The quantities with their units and the range of the training rows."""
        low, high = self.raw[self.split.train].min(axis=0), self.raw[self.split.train].max(axis=0)
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
    target: bool = True,
) -> _Selection:
    """Complete rows of the named columns, split in two; the last column is the target, if any."""
    absent = _absent(table, names)
    rows = np.flatnonzero(~absent.any(axis=1))
    worst = int(np.argmax(absent.sum(axis=0)))
    lacking = f"column {show(names[worst])} is missing in {absent[:, worst].sum()} rows"
    _require_rows(table, len(rows), lacking, least=1)
    quantities = [input_of(table, name) for name in names]
    if target:
        quantities[-1] = quantity_of(table, names[-1])
    stored = [np.clip(table.columns[q.name][rows], q.minimum, q.maximum) for q in quantities]
    raw = np.column_stack([q.to_raw(values) for q, values in zip(quantities, stored)])
    if target and (cells := truth_table(raw[:, :-1])) is not None:
        return _Selection(quantities, rows, raw, split_table(cells, seed, fraction))
    _require_rows(table, len(rows), lacking)
    different = len(np.unique(raw, axis=0)) if target else len(rows)
    _require_rows(table, different, f"{len(rows) - different} of them are duplicates")
    time = None if table.time is None else table.time[rows]
    groups = groups_of(raw[:, :-1]) if target else np.arange(len(raw))
    parts = split_rows(table.path_name, time, raw, groups, split, seed, fraction)
    return _Selection(quantities, rows, raw, parts)


def _absent(table: Table, names: Sequence[str]) -> np.ndarray:
    """bool (n, names): where a value is missing."""
    return np.column_stack([np.isnan(table.columns[name]) for name in names])


def _require_rows(table: Table, rows: int, reason: str, least: int = MINIMUM_ROWS) -> None:
    if rows < least:
        usable = f", {rows} of them usable ({reason})" if rows < table.rows_read else ""
        raise DataError(
            f"{table.path_name} has {table.rows_read} rows{usable}: "
            f"at least {MINIMUM_ROWS} are needed, add rows or leave a column out"
        )


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
        f"column {show(rows.quantities[worst].name)} alone costs {regained[worst]} rows with a "
        "missing value: "
        f"without it {len(rows.rows) + regained[worst]} rows are complete"
    ]


# ------------------------------------------------------------------------ rows for a given model


def rows_for(inputs: Sequence[Quantity], table: Table) -> tuple[np.ndarray, tuple[str, ...]]:
    """Raw int64 (n, inputs) of every row of `table`, in the model's order, and notes on what
    changed.

    Columns are found by name, in any order. A missing, NaN or infinite value is MISSING (-32768);
    beyond int16 it saturates at +-32767. Raises DataError for an absent column or a text cell.
    """
    table, _ = with_flags(table)
    raw = np.empty((table.rows_read, len(inputs)), dtype=np.int64)
    notes: list[str] = []
    for i, quantity in enumerate(inputs):
        name = require_column(table, quantity.name)
        require_numbers(table, name)
        values = np.where(np.isinf(table.columns[name]), np.nan, table.columns[name])
        limit = (
            2 * RAW_MAX * quantity.scale
        )  # saturates all the same; 1e308 / 0.1 would overflow first
        raw[:, i] = quantity.to_raw(
            np.clip(values, quantity.offset - limit, quantity.offset + limit)
        )
        notes += _row_notes(quantity, table, name, values)
    return raw, tuple(notes)


def _row_notes(quantity: Quantity, table: Table, name: str, values: np.ndarray) -> Iterator[str]:
    if table.units[name] and quantity.unit and table.units[name] != quantity.unit:
        yield (
            f"column {show(name)} is in {show(table.units[name])}, "
            f"the model was trained in {show(quantity.unit)}"
        )
    if missing := int(np.isnan(values).sum()):
        yield f"column {show(name)}: {missing} of {table.rows_read} values are missing"
    if beyond := int(np.sum(np.abs(values - quantity.offset) >= (RAW_MAX + 0.5) * quantity.scale)):
        yield (
            f"column {show(name)}: {beyond} values lie beyond "
            f"{quantity.offset + RAW_MAX * quantity.scale:g} "
            "and saturate there"
        )
    if step_of(table.decimals[name]) < quantity.scale * 0.999:
        yield f"column {show(name)}: values are rounded to the model's step of {quantity.scale:g}"
