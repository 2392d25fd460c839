"""The raw rows that an existing model reads from a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..common.errors import DataError, show
from ..common.tables import counted
from ..model.fixedpoint import RAW_MAX, Quantity
from .cells import TwoReadings, two_readings
from .derived import spoken, with_inputs
from .steps import step_of
from .table import Table, require_column, require_numbers


def rows_for(inputs: Sequence[Quantity], table: Table) -> tuple[np.ndarray, tuple[str, ...]]:
    """Raw int64 (n, inputs) of every row of `table`, in the model's order, and notes on what
    changed.

    Columns are found by name, in any order. A missing, NaN or infinite value is MISSING (-32768);
    beyond int16 it saturates at +-32767. Raises DataError for an absent column or a text cell.
    """
    table = with_inputs(table, inputs)
    raw = np.empty((table.rows_read, len(inputs)), dtype=np.int64)
    notes: dict[str, None] = {}
    for i, quantity in enumerate(inputs):
        name = require_column(table, quantity.name)
        require_numbers(table, name)
        for found in () if quantity.derivation else table.two_readings.get(name, ()):
            _require_one_reading(quantity, found)
        values = np.where(np.isinf(table.columns[name]), np.nan, table.columns[name])
        limit = (
            2 * RAW_MAX * quantity.scale
        )  # saturates all the same; 1e308 / 0.1 would overflow first
        raw[:, i] = quantity.to_raw(
            np.clip(values, quantity.offset - limit, quantity.offset + limit)
        )
        notes.update(dict.fromkeys(_row_notes(quantity, table, name, values)))
    return raw, tuple(notes)


def require_units(inputs: Sequence[Quantity], table: Table) -> None:
    """DataError where a column says another unit than the model has, for what would be learned
    wrongly from it. A column that says none passes.
    """
    for quantity in inputs:
        if quantity.derivation:
            continue
        if other := _other_unit(quantity, table, require_column(table, quantity.name)):
            raise DataError(f"{other}: convert it, or correct the unit in the header")


def _other_unit(quantity: Quantity, table: Table, name: str) -> str:
    """What a column's unit is, where the model has another; "" where it is the same or unknown."""
    if not table.units[name] or not quantity.unit or table.units[name] == quantity.unit:
        return ""
    return (
        f"column {show(name)} is in {show(table.units[name])}, "
        f"the model was trained in {show(quantity.unit)}"
    )


def decimals_by_range(quantity: Quantity, decimal: float, grouped: float) -> bool | None:
    """Whether the training rows take 7.563 for its reading with `decimal`s or for the `grouped`
    one; None where they do not tell.
    """
    low, high = quantity.minimum, quantity.maximum
    fits, grouped_fits = low <= decimal <= high, low <= grouped <= high
    # whole numbers in training: three decimals are not to be expected, wherever they lie
    if fits == grouped_fits or (fits and quantity.scale >= 1):
        return None
    return fits


def unsettled(quantity: Quantity, cell: str, decimal: float, grouped: float) -> DataError:
    """The error for a cell with two readings of which nothing tells the right one."""
    low, high = (quantity.words(end) for end in (quantity.minimum, quantity.maximum))
    return DataError(
        f"column {show(quantity.name)}: {show(cell)} may be {grouped:.10g} or {decimal:.10g}, and "
        f"the training rows ({low} .. {high} in steps of {quantity.scale:g}) do not tell "
        "which: write numbers without separators of thousands, or with more or fewer "
        "than three decimals"
    )


def _require_one_reading(quantity: Quantity, found: TwoReadings) -> None:
    """DataError where the training rows read a column's 7.563 otherwise than its file does, or
    neither of them tells. So no row is one number in a file and another one on standard input.
    """
    cells = [(text, *doubt[1:]) for text in found.texts if (doubt := two_readings(text))]
    told = [decimals_by_range(quantity, decimal, grouped) for _, decimal, grouped in cells]
    against = [cell for cell, by_range in zip(cells, told) if by_range is (not found.decimal)]
    if against:
        cell, decimal, grouped = against[0]
        file, rows = (decimal, grouped) if found.decimal else (grouped, decimal)
        raise DataError(
            f"column {show(quantity.name)}: {show(cell)} is {file:.10g} by the rest of the file "
            f"and {rows:.10g} by the training rows: write numbers without separators of "
            "thousands, or with more or fewer than three decimals"
        )
    if cells and not found.settled and found.decimal not in told:
        raise unsettled(quantity, *cells[0])


def _row_notes(quantity: Quantity, table: Table, name: str, values: np.ndarray) -> Iterator[str]:
    if made := quantity.derivation:
        if missing := int(np.isnan(values).sum()):
            known = f" or none of {spoken(made.labels)}" if made.labels else ""
            yield (
                f"column {show(' and '.join(made.columns))}: {missing} of "
                f"{counted(table.rows_read, 'value')} {'is' if missing == 1 else 'are'} "
                f"missing{known}"
            )
        return
    if other := _other_unit(quantity, table, name):
        yield other
    if missing := int(np.isnan(values).sum()):
        read = counted(table.rows_read, "value")
        verb = "is" if missing == 1 else "are"
        yield f"column {show(name)}: {missing:,} of {read} {verb} missing"
    if beyond := int(np.sum(np.abs(values - quantity.offset) >= (RAW_MAX + 0.5) * quantity.scale)):
        yield (
            f"column {show(name)}: {counted(beyond, 'value')} {'lies' if beyond == 1 else 'lie'} "
            f"beyond {quantity.offset + RAW_MAX * quantity.scale:g} "
            f"and {'saturates' if beyond == 1 else 'saturate'} there"
        )
    if step_of(table.decimals[name]) < quantity.scale * 0.999:
        yield f"column {show(name)}: values are rounded to the model's step of {quantity.scale:g}"
