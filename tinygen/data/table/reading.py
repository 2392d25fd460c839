"""An open file as a table of named number columns, before anything is chosen or dropped.

    read_table(stream) -> Table

How a file is understood, in this order (nothing is guessed from the machine's locale):

1. Encoding: a byte-order mark decides; else a zero byte beside the first character means UTF-16;
   else UTF-8; a file that is not UTF-8 is Latin-1.
2. Delimiter: what a first line `sep=;` says; else the first of tab, `;`, `,`, `|` that splits the
   header and the first row into equally many cells, at least two; else runs of spaces, if they do
   and nothing else splits the header; else the one that splits the header into most cells. Lines
   that start with # are no rows (#N/A and the like are cells), nor are titles above the header, nor
   the header once more. Cells written name:value are a table as well.
3. Decimal mark, once for the whole file: in the first block of rows where a number has one, each
   column votes for the mark most of its numbers have. A tie goes to the comma, unless it is the
   delimiter: a column of clock times such as 18.00 must not outvote 13,6. A number with the other
   mark counts as text. Where the comma is the delimiter, "1,500" in quotes may be 1500 and votes
   for none. Then each column's own texts may show groups of three digits (7.563 beside 955, 7 563,4
   or 7'563.4), another decimal mark, or % behind every number; where 7.563 may be either, the file
   is refused.
4. A cell is a number, missing (empty, `NaN`, `NA`, ..., or a missing code), or text. A number is a
   missing code if it was given as one, or if it stands alone in several columns, as -200 does in
   the UCI file; then a note says so.

The whole file passes through in blocks of rows: memory is bounded by MAXIMUM_CELLS, not by the
file. The csv module splits the rows; pandas would read them in one call, but says neither in which
row a text stands nor how many decimal places a number was written with, and both are needed.
"""

from __future__ import annotations

import io
import itertools
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any, BinaryIO

import numpy as np

from ...common.errors import DataError, plain
from ..cells import MAXIMUM_LABELS, Column, Style, decimal_mark, missing_codes
from ..layout import (
    FileRows,
    cells_at_least,
    fingerprint,
    layout_of,
    lines,
    require_header,
    split_unit,
    unique_names,
)
from ..timestamps import TimeReader, time_readers, times_of
from .table import Table

MAXIMUM_CELLS = 16_000_000  # 128 MB of float64
BLOCK_ROWS = 1000  # rows converted at once
HEAD_LINES = 40  # in which the layout is seen
CODES = (-200, -99, -999, -9999, 9999, 65535)  # what loggers write for "no value"
CODE_TIMES, CODE_VALUES = 3, 20  # occurrences of a code, and other values beside it, at least

# Columns of the UCI Air Quality file (dataset 360), which has no units in its header.
AIR_QUALITY_UNITS = {
    "CO(GT)": "mg/m3",
    "NMHC(GT)": "ug/m3",
    "C6H6(GT)": "ug/m3",
    "NOx(GT)": "ppb",
    "NO2(GT)": "ug/m3",
    "PT08.S1(CO)": "",
    "PT08.S2(NMHC)": "",
    "PT08.S3(NOx)": "",
    "PT08.S4(NO2)": "",
    "PT08.S5(O3)": "",
    "T": "degC",
    "RH": "%",
    "AH": "",
}


def read_table(
    stream: BinaryIO,
    name: str,
    missing: Sequence[float | str] | None = None,
    skip_bad: bool = False,
) -> Table:
    """The table in a seekable byte stream; `name` stands for it in messages. Raises DataError."""
    name = plain(name)
    sha256, encoding = fingerprint(stream, name)
    if (least := cells_at_least(stream)) > MAXIMUM_CELLS:  # seconds instead of minutes
        raise DataError(
            f"{name} has more than {MAXIMUM_CELLS} cells (at least {least}): keep fewer rows, or "
            "only the columns you use"
        )
    stream.seek(0)
    text = io.TextIOWrapper(stream, encoding=encoding, newline="")
    try:
        codes = missing_codes(missing or ())
        styles: Sequence[Style] = []
        table, found = _read_table(text, name, codes, sha256, styles, skip_bad)
        if found != styles:
            text.seek(0)
            table = replace(
                _read_table(text, name, codes, sha256, found, skip_bad)[0],
                doubts=table.doubts,
                two_readings=table.two_readings,
            )
        return table if missing is not None else without_codes(table)
    except UnicodeDecodeError as error:
        raise DataError(f"{name} is not valid {encoding} text: save it as UTF-8") from error
    finally:
        text.detach()


def _read_table(
    text: io.TextIOBase,
    name: str,
    missing: tuple[float | str, ...],
    sha256: str,
    styles: Sequence[Style],
    skip_bad: bool,
) -> tuple[Table, Sequence[Style]]:
    """The table, its columns read in these styles, or where there are none in that of the file; and
    the styles that the columns turn out to have.
    """
    rest = lines(text, name)
    head = list(itertools.islice(rest, HEAD_LINES))
    rows = FileRows(itertools.chain(head, rest), layout_of(head), name, skip_bad)
    titles = unique_names(rows.header, name)
    columns = [Column(title, style) for title, style in zip_longest(titles, styles)]
    file_rows, times, mark = array("q"), time_readers([c.name for c in columns]), None
    while block := list(itertools.islice(rows, BLOCK_ROWS)):
        cells_by_column = list(zip(*(cells for _, cells in block)))
        mark = mark or decimal_mark(cells_by_column, rows.layout.delimiter)
        if not file_rows:
            require_header(rows.header, cells_by_column, name)
        times = [reader for reader in times if reader.add(cells_by_column)]
        numbers = [row for row, _ in block]
        for column, cells in zip(columns, cells_by_column):
            column.add(cells, numbers, Style(mark or "."), missing)
        file_rows.extend(numbers)
        require_cells(name, len(file_rows), len(columns), f"row {numbers[-1]}")
    if not file_rows:
        raise DataError(f"{name} has a header but no rows below it: add rows of readings")
    found = styles or _styles(columns, Style(mark or "."))  # settles the columns' doubts as well
    units = _units(rows.header, columns)
    facts = {**_by_column(columns), **_by_row(rows, file_rows, times)}
    table = Table(path_name=name, units=units, missing=missing, sha256=sha256, **facts)
    return table, found


def _by_row(rows: FileRows, numbers: array, readers: list[TimeReader]) -> dict[str, Any]:
    """What a table holds of its rows, all of them read, by the names of its fields."""
    times = times_of(readers)
    return {
        "time_names": next(iter(times), ()),
        "times": times,
        "file_rows": np.frombuffer(numbers, dtype=np.int64),
        "rows_read": len(numbers),
        "blank_rows": rows.blank,
        "notes": tuple(rows.notes),
    }


def _by_column(columns: Sequence[Column]) -> dict[str, Any]:
    """What a table holds of columns whose cells are all read, by the names of its fields."""
    named = [column for column in columns if column.name]
    return {
        "names": tuple(column.name for column in named),
        "unnamed": sum(not column.name and column.holds_something for column in columns),
        "columns": {column.name: np.frombuffer(column.values) for column in named},
        "decimals": {column.name: column.decimals for column in named},
        "texts": {column.name: column.text for column in named if column.text},
        "labels": {column.name: column.labels.values() for column in named if column.is_labelled},
        "spellings": {
            column.name: column.spellings
            for column in named
            if len(column.spellings) <= MAXIMUM_LABELS
        },
        "met": frozenset().union(*(column.codes for column in columns)),
        "two_readings": {c.name: (c.evidence.read,) for c in named if c.evidence.read},
        "doubts": {column.name: column.evidence.doubt for column in named if column.evidence.doubt},
    }


def require_cells(name: str, rows: int, columns: int, place: str) -> None:
    """DataError for more cells than memory is meant for; `place` tells where the rows have got."""
    if rows * columns > MAXIMUM_CELLS:
        raise DataError(
            f"{name} has more than {MAXIMUM_CELLS} cells ({place}, {columns} columns): "
            "keep fewer rows, or only the columns you use"
        )


def _styles(columns: Sequence[Column], file: Style) -> Sequence[Style]:
    """The style of each column; none where all are those of the file."""
    marked = [column for column in columns if column.evidence.marks[file.mark]]
    found = [
        column.evidence.style(file, any(other is not column for other in marked))
        for column in columns
    ]
    return found if any(style != file for style in found) else []


def without_codes(table: Table) -> Table:
    """The table with NaN where it has a code that its columns show to mean "no value"."""
    stated = [(code, names) for code in CODES if len(names := stated_code(table.columns, code)) > 1]
    notes = tuple(
        f"{code} stands far outside all other values of {len(names)} columns: taken for 'no value' "
        f"(--missing {code} says the same, --missing none takes it for a reading)"
        for code, names in stated
    )
    columns = {
        name: np.where(np.isin(values, [code for code, _ in stated]), np.nan, values)
        for name, values in table.columns.items()
    }
    codes = (*table.missing, *(float(code) for code, _ in stated))
    return (
        replace(table, columns=columns, missing=codes, notes=(*table.notes, *notes))
        if stated
        else table
    )


def stated_code(columns: Mapping[str, np.ndarray], code: float) -> list[str]:
    """The columns in which the code repeats and stands alone: outside all other values, of which
    there are many, and much farther from them than any two of them from each other.
    """
    names = []
    for name, values in columns.items():
        others = np.unique(values[np.isfinite(values) & (values != code)])
        if np.sum(values == code) < CODE_TIMES or len(others) < CODE_VALUES:
            continue
        distance = max(others[0] - code, code - others[-1])
        low, high = others[len(others) // 100], others[-1 - len(others) // 100]
        if distance > 0.5 * (high - low) and distance > np.diff(others).max():
            names.append(name)
    return names


def _units(header: Sequence[str], columns: Sequence[Column]) -> dict[str, str]:
    known = AIR_QUALITY_UNITS if any(title.startswith("PT08.S") for title in header) else {}
    return {
        column.name: split_unit(title)[1] or known.get(column.name, column.unit)
        for title, column in zip(header, columns)
        if column.name
    }
