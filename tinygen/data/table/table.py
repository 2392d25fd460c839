"""A table of named columns, and what may be asked of one."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np

from ...common.errors import DataError, show
from ...common.tables import counted
from ...model.fixedpoint import Derivation
from ..cells import LABEL_WORDS, TextCells, TextLabels, TwoReadings, hexadecimal, unit_of
from ..layout import MAXIMUM_NAME, split_unit
from ..timestamps import NAME_THE_ORDER, RowTimes


@dataclass(frozen=True)
class Table:
    """A CSV file as read: n rows, every named column, nothing dropped but blank rows."""

    path_name: str  # file name without its folder
    names: tuple[str, ...]  # unique, in file order, without a unit in brackets
    unnamed: int  # columns that hold something but have no name, and so are left out
    columns: dict[
        str, np.ndarray
    ]  # float64 (n,); NaN where missing or text, infinite where the file says so
    decimals: dict[str, int]  # decimal places the column's numbers carry: 13.60 -> 1
    units: dict[str, str]  # "" where unknown
    texts: dict[str, TextCells]  # only columns that have text in them
    labels: dict[str, TextLabels]  # of them, those with at most MAXIMUM_LABELS different texts
    spellings: dict[str, dict[float, str]]  # numbers as written, of columns with few of them
    doubts: dict[str, str]  # columns that can be read in two ways, and both of them
    time_names: tuple[
        str, ...
    ]  # the columns that have the rows' time: ("Date", "Time") or one name or ()
    times: dict[tuple[str, ...], RowTimes]  # by such columns: the times that all of them have
    file_rows: np.ndarray  # int64 (n,): the row's line in the file; the header is row 1
    rows_read: int  # n
    blank_rows: int  # rows without any content, not counted in n
    missing: tuple[float | str, ...]  # the missing codes that were replaced by NaN
    met: frozenset[float | str]  # of them, those that a cell was; and what is missing anyway
    sha256: str  # of the file's bytes
    notes: tuple[str, ...] = ()  # one line each: what was taken for what, unasked
    files: tuple[tuple[str, int], ...] = ()  # of several files: the name and rows of each
    two_readings: dict[str, tuple[TwoReadings, ...]] = field(default_factory=dict)  # one a file
    derived: dict[str, Derivation] = field(default_factory=dict)  # columns made of others

    def noting_unmet_codes(self) -> Table:
        """The table with a note on missing codes that no cell is: a slip of the keyboard, or a
        device that was quiet.
        """
        unmet = [code for code in self.missing if code not in self.met | LABEL_WORDS]
        words = ", ".join(code if isinstance(code, str) else f"{code:g}" for code in unmet)
        note = f"no cell of {self.path_name} is {words}, as --missing says: is it written so?"
        return replace(self, notes=(*self.notes, note)) if unmet else self

    @property
    def moments(self) -> np.ndarray | None:
        """datetime64[s] (n,), NaT where a row has no date; None without a column of dates."""
        return self.times[self.time_names].moments if self.time_names else None

    @property
    def time(self) -> np.ndarray | None:
        """The same; None where a row has no date: the order of rows is the file's."""
        moments = self.moments
        return None if moments is None or np.isnat(moments).any() else moments

    @property
    def settled_time(self) -> np.ndarray | None:
        """The same; None as well where nothing settles the order of day and month."""
        return None if self.time_notes else self.time

    @property
    def date_order(self) -> str:
        """The order of day and month that was asked for; "" where none was."""
        return self.times[self.time_names].given if self.time_names else ""

    @property
    def dated(self) -> frozenset[str]:
        """All columns that hold dates or the clock times beside them."""
        return frozenset(name for names in self.times for name in names)

    @property
    def time_notes(self) -> tuple[str, ...]:
        """What must be told of the time: that nothing settles the order of day and month."""
        doubt = self.times[self.time_names].doubt() if self.time_names else ""
        told = f"{doubt}: read as day/month, {NAME_THE_ORDER}"
        return (told,) if doubt else ()

    def in_date_order(self, order: str) -> Table:
        """The table with dates such as 07/02/2025 read in an order of DATE_ORDERS; as it is for "".

        Raises DataError where the rows' time shows the other order.
        """
        times = {
            names: times.in_order(order) if names == self.time_names else times.or_in_order(order)
            for names, times in self.times.items()
        }
        return replace(self, times=times)

    def require_time_order(self) -> None:
        """DataError where the order of rows in time depends on what nothing settles."""
        if not self.time_names:
            return
        times = self.times[self.time_names]
        orders = [np.argsort(moments, kind="stable") for moments in times.candidates()]
        if not np.array_equal(orders[0], orders[-1]):
            raise DataError(
                f"{self.path_name}: {times.doubt()}, and the split by time depends on it: "
                f"{NAME_THE_ORDER}"
            )

    @property
    def file_names(self) -> np.ndarray | None:
        """The name of each row's file (n,); None of one file."""
        if not self.files:
            return None
        names, rows = zip(*self.files)
        return np.repeat(np.array(names), rows)

    def row_name(self, index: int) -> str:
        """A row's line in the file; with several files, which file as well."""
        row = str(self.file_rows[index])
        if not self.files:
            return row
        ends = np.cumsum([rows for _, rows in self.files])
        return f"{row} of {self.files[int(np.searchsorted(ends, index, 'right'))][0]}"


def known_as(name: str, known: Collection[str]) -> str | None:
    """The one of `known` that `name` is, with or without its unit; None where it is none."""
    candidates = (name, name.strip(), split_unit(name.strip())[0])
    return next((candidate for candidate in candidates if candidate in known), None)


def require_column(table: Table, name: str) -> str:
    """The column's name in the table, for `name` with or without its unit; DataError names the
    nearest.
    """
    found = known_as(name, table.columns)
    if found is not None:
        return found
    folded = {known.casefold(): known for known in table.names}
    nearest = folded[difflib.get_close_matches(name[:MAXIMUM_NAME].casefold(), folded, 1, 0.0)[0]]
    few = "its only column" if len(folded) == 1 else f"the nearest of its {len(folded)} columns"
    raise DataError(f"{table.path_name} has no column {show(name)}: {few} is {show(nearest)}")


def number_words(table: Table, name: str) -> str:
    """That the texts of a column are numbers with a unit behind them, or hexadecimal ones, and what
    to do; "" where they are not.
    """
    if name not in table.texts:
        return ""
    first = table.texts[name].text
    texts = table.labels[name].texts if name in table.labels else (first,)
    if all(hexadecimal(text) is not None for text in texts):
        return (
            f"hexadecimal such as {show(first)} is not read as a number: write decimal numbers "
            f"({hexadecimal(first)}) if they are readings"
        )
    units = sorted({unit_of(text) for text in texts})
    if "" in units or "%" in units:  # a column of percents is read; in part of one they may be /100
        return ""
    if len(units) > 1:
        return (
            f"the cells carry different units ({', '.join(units[:4])}), the first is {show(first)}:"
            f' convert them to one and write numbers only (--unit "{name}={units[0]}")'
        )
    return (
        f"the cells carry a unit, the first is {show(first)}: remove it from the cells "
        f'(--unit "{name}={units[0]}")'
    )


def require_numbers(table: Table, name: str, instead: str = "") -> None:
    """Refuse a column with text in it, naming the first such cell, or one with two readings;
    `instead`: what else may be done with the text.
    """
    if doubt := table.doubts.get(name):
        raise DataError(f"{table.path_name}, column {show(name)}: {doubt}")
    if text := table.texts.get(name):
        place = f"{text.file or table.path_name} row {text.row}, column {show(name)}"
        if words := number_words(table, name):
            raise DataError(f"{place}: {words}")
        raise DataError(
            f"{place}: {show(text.text)} is not a number ({counted(text.count, 'such cell')}): "
            f"mend it, leave it empty, or give it to --missing{instead}"
        )


def require_finite(table: Table, name: str) -> None:
    """Refuse a column with infinite values in it, naming the first such cell."""
    rows = np.flatnonzero(np.isinf(table.columns[name]))
    if rows.size:
        raise DataError(
            f"{table.path_name} row {table.row_name(int(rows[0]))}, column {show(name)}: the value "
            f"is infinite ({counted(rows.size, 'such cell')}): mend it, or leave it empty to drop "
            "the row"
        )
