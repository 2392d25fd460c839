"""Times in a form that is not read: numbers since some day, years of two digits."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ...common.errors import DataError, show
from .table import Table

TIMED = re.compile(r"(date|time|day|when|ts|stamp|excel|serial)", re.IGNORECASE)
SHORT_YEAR = re.compile(r"\s*\d{1,2}([-/.])\d{1,2}\1\d{2}(?!\d)")
EPOCHS = {  # numbers that are times, from 1968 (2001) to 2119 (2096)
    "days since 1900, as Excel stores dates": (25_000, 80_000),
    "seconds since 1970": (1e9, 4e9),
    "milliseconds since 1970": (1e12, 4e12),
}


def require_times(table: Table, parts: Sequence[str]) -> None:
    """DataError where the parts of the rows' time are asked for and the only times are in a form
    that is not read: it names the column and the form.
    """
    if not parts or table.time_names:
        return
    for name in table.names:
        if form := _unread_time(table, name):
            raise DataError(
                f"{table.path_name}, column {show(name)} holds {form}, which is not read as a "
                f"time, and {parts[0]} is a part of it: write dates such as 2026-03-01 14:00"
            )


def _unread_time(table: Table, name: str) -> str:
    """The form of times that a column holds and that is not read; "" for none."""
    values = table.columns[name]
    values = values[np.isfinite(values)]
    if name in table.texts:
        text = table.texts[name].text
        return f"years of two digits ({show(text)})" if SHORT_YEAR.match(text) else ""
    if not len(values):
        return ""
    low, high = values.min(), values.max()
    for form, (first, last) in EPOCHS.items():
        if first <= low <= high <= last and (low >= 1e9 or TIMED.match(name)):
            return f"{form} ({values[0]:.15g})"
    return ""
