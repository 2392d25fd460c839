"""Raw rows from lines of CSV text as they come, each cell read without the rest of its column.

    text_rows(lines, inputs, missing) -> Iterator[row]

What a file's column shows, the lines to come cannot: whether 7.563 is a number with three decimals
or 7563, and whether 03/04/2026 is in March or April. The cells that came before tell, else the
range and the step of the training rows do, or the order of day and month in their dates; where they
do not, the row is refused.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ..common.choices import DATE_ORDERS
from ..common.errors import DataError, show
from ..data.cells import single_number, two_readings
from ..data.derived import label_place, part_of
from ..data.layout import split_unit
from ..data.model_rows import decimals_by_range, unsettled
from ..data.timestamps import moments_of
from ..model.fixedpoint import Quantity

NONE = float("nan")
Codes = frozenset[float | str]


def text_rows(
    lines: Iterator[str], inputs: tuple[Quantity, ...], missing: Sequence[float | str]
) -> Iterator[np.ndarray]:
    """Raw rows of CSV lines as they come. A cell that is no number counts as missing: the monitor
    says so.

    Raises DataError where the first line lacks a column, and for a cell that can be read in two
    ways.
    """
    head = next(lines, "")
    mark = max("\t;,", key=head.count)
    names = [split_unit(cell)[0] for cell in _cells(head, mark)]
    readers = [_reader(q, names, frozenset(missing), mark) for q in inputs]
    for line in lines:
        if line.strip():
            cells = _cells(line, mark)
            cells += [""] * (len(names) - len(cells))
            values = [read(cells) for read in readers]
            yield np.array([int(q.to_raw(v)) for q, v in zip(inputs, values)], dtype=np.int64)


def _cells(line: str, delimiter: str) -> list[str]:
    """The cells of one line, as in a file; none where its quotes are broken."""
    try:
        found = csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True)
        return [cell.strip() for cell in next(found, [])]
    except csv.Error:
        return []


def _reader(
    quantity: Quantity, names: Sequence[str], codes: Codes, delimiter: str
) -> Callable[[Sequence[str]], float]:
    """What gives an input's value from the cells of a row; NaN where it is missing."""
    made = quantity.derivation
    columns = made.columns if made else (quantity.name,)
    for name in columns:
        if name not in names:
            raise DataError(
                f"the first line of the rows names no column '{name}': begin with a line of "
                "column names"
            )
    places = [names.index(name) for name in columns]
    if made is None:
        numbers = _Numbers(quantity, codes, delimiter)
        return lambda cells: numbers.value(cells[places[0]])
    if made.part:
        times = _Times(columns, made.part, made.order)
        return lambda cells: times.value([cells[place] for place in places])
    wanted = made.labels.index(made.label)

    def of_label(cells: Sequence[str]) -> float:
        cell = cells[places[0]]
        number = single_number(cell, delimiter)
        if cell in codes or (number and number[0] in codes):
            return NONE
        place = label_place(made, cell, number and number[0])
        return NONE if place < 0 else float(place == wanted)

    return of_label


class _Numbers:
    """The cells of one input, and what its marks have turned out to be."""

    def __init__(self, quantity: Quantity, codes: Codes, delimiter: str):
        self.quantity, self.codes, self.delimiter = quantity, codes, delimiter
        self.is_decimal: dict[str, bool] = {}  # by mark: whether decimals or groups follow it
        self.by_range: dict[str, str] = {}  # by mark: the cell that the training rows settled

    def value(self, cell: str) -> float:
        """The cell's number; NaN for none, for a code and for what is no number."""
        percent = self.quantity.unit == "%"
        if doubt := two_readings(cell, percent):
            value: float | None = self._settled(cell, *doubt)
        else:
            number = single_number(cell, self.delimiter, percent)
            value = number and number[0]
            self._learn(cell, value)
        if value is None or cell in self.codes or value in self.codes or not np.isfinite(value):
            return NONE
        return value

    def _learn(self, cell: str, value: float | None) -> None:
        """7.5 shows that decimals follow a point, 1.234.567 that groups do, 7.563,4 both."""
        marks = sorted((mark for mark in ".," if mark in cell), key=cell.rindex)
        if value is None or not marks:
            return
        self._learn_mark(marks[-1], cell.count(marks[-1]) == 1, cell)
        if len(marks) > 1:
            self._learn_mark(marks[0], False, cell)

    def _learn_mark(self, mark: str, is_decimal: bool, cell: str) -> None:
        """DataError where the training rows said otherwise of an earlier cell."""
        if mark in self.by_range and self.is_decimal[mark] != is_decimal:
            raise DataError(
                f"column {show(self.quantity.name)}: {show(cell)} contradicts how "
                f"{show(self.by_range[mark])} before it was read by the training rows: write "
                "numbers without separators of thousands"
            )
        self.is_decimal[mark] = is_decimal

    def _settled(self, cell: str, mark: str, decimal: float, grouped: float) -> float:
        """One of the two readings of a cell; DataError where nothing tells which."""
        if mark not in self.is_decimal:
            told = decimals_by_range(self.quantity, decimal, grouped)
            if told is None:
                raise unsettled(self.quantity, cell, decimal, grouped)
            self.is_decimal[mark], self.by_range[mark] = told, cell
        return decimal if self.is_decimal[mark] else grouped


class _Times:
    """The times of rows, and the order of day and month that they turned out to have."""

    def __init__(self, columns: Sequence[str], part: str, trained: str):
        self.columns, self.part = columns, part
        self.order, self.shown = trained, False  # the lines themselves count for more

    def value(self, cells: Sequence[str]) -> float:
        """The part of a time; NaN for none."""
        text = " ".join(cells).strip() if all(cells) else ""
        found = moments_of(text)
        if not found:
            return NONE
        if len(found) == 1 and not self.shown and (order := next(iter(found))) in DATE_ORDERS:
            self.order, self.shown = order, True
        if self.order in found:
            found = {self.order: found[self.order]}
        values = {float(part_of(np.array([moment]), self.part)[0]) for moment in found.values()}
        if len(values) > 1:
            days = " or ".join(str(moment)[:10] for moment in found.values())
            raise DataError(
                f"column {show(' and '.join(self.columns))}: {show(text)} may be {days}: write the "
                "year first"
            )
        return values.pop()
