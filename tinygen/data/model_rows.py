"""The raw rows that an existing model reads from a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..common.errors import show
from ..model.fixedpoint import RAW_MAX, Quantity
from .columns import step_of
from .derived import spoken, with_inputs
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
        values = np.where(np.isinf(table.columns[name]), np.nan, table.columns[name])
        limit = (
            2 * RAW_MAX * quantity.scale
        )  # saturates all the same; 1e308 / 0.1 would overflow first
        raw[:, i] = quantity.to_raw(
            np.clip(values, quantity.offset - limit, quantity.offset + limit)
        )
        notes.update(dict.fromkeys(_row_notes(quantity, table, name, values)))
    return raw, tuple(notes)


def _row_notes(quantity: Quantity, table: Table, name: str, values: np.ndarray) -> Iterator[str]:
    if made := quantity.derivation:
        if missing := int(np.isnan(values).sum()):
            known = f" or none of {spoken(made.labels)}" if made.labels else ""
            yield (
                f"column {show(' and '.join(made.columns))}: {missing} of {table.rows_read} values "
                f"are missing{known}"
            )
        return
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
