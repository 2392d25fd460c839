"""A CSV file as a table of named number columns, before anything is chosen or dropped.

    load(path) -> Table

How a file is understood, in this order (nothing is guessed from the machine's locale):

1. Encoding: a byte-order mark decides; else a zero byte beside the first character means UTF-16;
   else UTF-8; a file that is not UTF-8 is Latin-1.
2. Delimiter: the first of tab, `;`, `,` that splits the header and the first row into equally
   many cells, at least two; if none does, the one that splits the header into most cells.
3. Decimal mark, once for the whole file: in the first block of rows where a number has one, each
   column votes for the mark most of its numbers have. A tie goes to the comma, unless it is the
   delimiter: a column of clock times such as 18.00 must not outvote 13,6. A number with the other
   mark counts as text. Where the comma is the delimiter, "1,500" in quotes may be 1500 and votes
   for none.
4. A cell is a number, missing (empty, `NaN`, `NA`, ..., or a missing code such as -200), or text.

The whole file passes through in blocks of rows: memory is bounded by MAXIMUM_CELLS, not by the
file. The csv module splits the rows; pandas would read them in one call, but says neither in which
row a text stands nor how many decimal places a number was written with, and both are needed.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import hashlib
import io
import itertools
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..common.errors import DataError, plain

MAXIMUM_LINE = 1 << 20  # characters; keeps a file without line ends out of memory
MAXIMUM_COLUMNS = 1000
MAXIMUM_CELLS = 16_000_000  # 128 MB of float64
MAXIMUM_NAME = 200  # characters of a column name
MAXIMUM_LABELS = 100  # different texts of a column that may be class labels
BLOCK_ROWS = 1000  # rows converted at once

DELIMITERS = "\t;,"
MISSING_WORDS = frozenset(("", "nan", "na", "n/a", "#n/a", "null", "none", "-", "?"))
INFINITY = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)

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


@dataclass(frozen=True)
class TextCells:
    """The cells of one column that are neither number nor missing."""

    count: int
    row: int  # file row of the first one; the header is row 1
    text: str  # the first one, as written


@dataclass(frozen=True)
class TextLabels:
    """A column's texts as class labels."""

    texts: tuple[str, ...]  # each one once, without space around it, in order of appearance
    codes: np.ndarray  # int64 (n,): place in `texts`; -1 where the cell holds no text


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
    time_names: tuple[
        str, ...
    ]  # the columns that start with dates: ("Date", "Time") or one name or ()
    time: np.ndarray | None  # datetime64[s] (n,) from them; None if a row has no date
    file_rows: np.ndarray  # int64 (n,): the row's line in the file; the header is row 1
    rows_read: int  # n
    blank_rows: int  # rows without any content, not counted in n
    missing: tuple[float | str, ...]  # the missing codes that were replaced by NaN
    sha256: str  # of the file's bytes


# ---------------------------------------------------------------------------------------- load


def load(path: Path | str, missing: Sequence[float | str] = (-200,)) -> Table:
    """The table in the CSV file `path`; numbers or words in `missing` become NaN.

    Raises DataError where there is no such file or it is not a table.
    """
    path = Path(path)
    try:
        _require_file(path)
        with path.open("rb") as stream:
            return read(stream, path.name, missing)
    except OSError as error:
        raise DataError(
            f"{plain(path)} cannot be read ({error.strerror}): check the path and its permissions"
        ) from error


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{plain(path)} is a folder: give the CSV file in it")
    if not path.exists():
        raise DataError(f"{plain(path)} does not exist: check the path{_similar_file(path)}")
    if not path.is_file():
        raise DataError(f"{plain(path)} is not a regular file: save the rows to a file first")


def read(stream: BinaryIO, name: str, missing: Sequence[float | str] = (-200,)) -> Table:
    """The table in a seekable byte stream; `name` stands for it in messages. Raises DataError."""
    name = plain(name)
    sha256, encoding = _fingerprint(stream, name)
    stream.seek(0)
    text = io.TextIOWrapper(stream, encoding=encoding, newline="")
    try:
        return _read_table(text, name, _missing_codes(missing), sha256)
    except UnicodeDecodeError as error:
        raise DataError(f"{name} is not valid {encoding} text: save it as UTF-8") from error
    finally:
        text.detach()


def _fingerprint(stream: BinaryIO, name: str) -> tuple[str, str]:
    """The sha256 of all bytes, and the encoding by rule 1."""
    digest, utf8 = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")()
    start = block = stream.read(1 << 20)
    if not start:
        raise DataError(f"{name} is empty: it needs a header and rows")
    encoding = _utf16(start) or "utf-8-sig"
    while block:
        digest.update(block)
        following = stream.read(1 << 20)
        if encoding == "utf-8-sig" and not _decodes(utf8, block, final=not following):
            encoding = "latin-1"
        block = following
    return digest.hexdigest(), encoding


def _utf16(start: bytes) -> str | None:
    """The kind of UTF-16 that a file with this start is written in; None if it is another encoding."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(start) > 1 and (start[0] == 0) != (start[1] == 0):
        return "utf-16-be" if start[0] == 0 else "utf-16-le"
    return None


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, final: bool) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _missing_codes(missing: Iterable[float | str]) -> tuple[float | str, ...]:
    """The codes as numbers where they are numbers, else as words; without what is missing anyway."""
    texts = [str(code).strip() for code in missing]
    return tuple(
        number[0] if (number := _number(text, ".")) else text
        for text in texts
        if text.casefold() not in MISSING_WORDS
    )


def _lines(text: io.TextIOBase, name: str) -> Iterator[str]:
    """The lines with their ends, none longer than MAXIMUM_LINE, none with a NUL."""
    for row in itertools.count(1):
        line = text.readline(MAXIMUM_LINE + 1)
        if not line:
            return
        if len(line) > MAXIMUM_LINE:
            raise DataError(
                f"{name} row {row} is longer than {MAXIMUM_LINE} characters: this is not a CSV table"
            )
        if "\0" in line:
            raise DataError(
                f"{name} row {row} contains a NUL character: this is not a CSV text file, export it again"
            )
        yield line


def _read_table(
    text: io.TextIOBase, name: str, missing: tuple[float | str, ...], sha256: str
) -> Table:
    lines = _lines(text, name)
    head = list(itertools.islice(lines, 20))
    rows = _Rows(itertools.chain(head, lines), _delimiter(head), name)
    columns = [_Column(title) for title in _unique_names(rows.header, name)]
    file_rows, time, mark = array("q"), None, None
    while block := list(itertools.islice(rows, BLOCK_ROWS)):
        cells_by_column = list(zip(*(cells for _, cells in block)))
        mark = mark or _decimal_mark(cells_by_column, rows.delimiter)
        time = time or _TimeReader.find([column.name for column in columns], cells_by_column)
        time.add(cells_by_column)
        numbers = [row for row, _ in block]
        for column, cells in zip(columns, cells_by_column):
            column.add(cells, numbers, mark or ".", missing)
        file_rows.extend(numbers)
        if len(file_rows) * len(columns) > MAXIMUM_CELLS:
            raise DataError(
                f"{name} has more than {MAXIMUM_CELLS} cells (row {numbers[-1]}, {len(columns)} columns): "
                "keep fewer rows, or only the columns you use"
            )
    if not file_rows:
        raise DataError(f"{name} has a header but no rows below it: add rows of readings")
    named = [column for column in columns if column.name]
    return Table(
        path_name=name,
        names=tuple(column.name for column in named),
        unnamed=sum(not column.name and column.holds_something for column in columns),
        columns={column.name: np.frombuffer(column.values) for column in named},
        decimals={column.name: column.decimals for column in named},
        units=_units(rows.header, columns),
        texts={column.name: column.text for column in named if column.text},
        labels={
            column.name: column.labels.values()
            for column in named
            if column.labels.few and column.text
        },
        time_names=time.names,
        time=time.values(),
        file_rows=np.frombuffer(file_rows, dtype=np.int64),
        rows_read=len(file_rows),
        blank_rows=rows.blank,
        missing=missing,
        sha256=sha256,
    )


def _delimiter(head: Sequence[str]) -> str:
    """The delimiter by rule 2, from the first lines of the file."""
    split = {delimiter: _first_two_rows(head, delimiter) for delimiter in DELIMITERS}
    for delimiter, rows in split.items():
        if len(rows) == 2 and len(rows[0]) == len(rows[1]) > 1:
            return delimiter
    return max(
        DELIMITERS, key=lambda delimiter: len(split[delimiter][0]) if split[delimiter] else 0
    )


def _first_two_rows(head: Sequence[str], delimiter: str) -> list[list[str]]:
    try:
        return list(
            itertools.islice(
                (cells for cells in csv.reader(head, delimiter=delimiter) if any(cells)), 2
            )
        )
    except csv.Error:
        return []  # the reader of the whole file says which row is broken


class _Rows:
    """Iterator over (file row, cells) of the rows with content; counts the blank ones.

    Each row has as many cells as the header; empty cells beyond it are cut off.
    """

    def __init__(self, lines: Iterator[str], delimiter: str, name: str):
        self.reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
        self.delimiter, self.name = delimiter, name
        self.blank = 0
        self.header: list[str] = []
        self.header = [title.strip() for title in next(self, (0, []))[1]]
        if not self.header:
            raise DataError(f"{name} has no content: it needs a header and rows")
        if len(self.header) > MAXIMUM_COLUMNS:
            raise DataError(
                f"{name} has {len(self.header)} columns, the limit is {MAXIMUM_COLUMNS}: keep those you use"
            )

    def __iter__(self):
        return self

    def __next__(self) -> tuple[int, list[str]]:
        try:
            for cells in self.reader:
                if any(map(str.strip, cells)):
                    return self.reader.line_num, self._fit(cells)
                self.blank += 1
        except csv.Error as error:
            raise DataError(
                f"{self.name} row {self.reader.line_num}: {error}: check the quotes"
            ) from error
        raise StopIteration

    def _fit(self, cells: list[str]) -> list[str]:
        width = len(self.header)
        if not width or len(cells) == width:
            return cells
        if len(cells) < width or any(map(str.strip, cells[width:])):
            raise DataError(
                f"{self.name} row {self.reader.line_num} has {len(cells)} cells, the header has {width}: "
                "mend the row, or quote cells that contain the delimiter"
            )
        return cells[:width]


def _unique_names(header: Sequence[str], name: str) -> list[str]:
    """Column names: the titles without a unit in brackets, unless only the unit tells two apart; ""
    where unnamed.
    """
    if all(_number(title, ".") or _number(title, ",") for title in header if title):
        raise DataError(f"{name} row 1 holds numbers only: the first row must name the columns")
    if long := [title for title in header if len(title) > MAXIMUM_NAME]:
        raise DataError(
            f"{name} row 1: the column name {show(long[0])} has {len(long[0])} characters, "
            f"the limit is {MAXIMUM_NAME}: shorten it"
        )
    short = [split_unit(title)[0] for title in header]
    names = [title if short.count(bare) > 1 else bare for title, bare in zip(header, short)]
    for title in names:
        if title and names.count(title) > 1:
            first, second = [i + 1 for i, other in enumerate(names) if other == title][:2]
            raise DataError(
                f"{name}: columns {first} and {second} are both named {show(title)}: rename one of them"
            )
    return names


def split_unit(title: str) -> tuple[str, str]:
    """("temp", "degC") from "temp [degC]"; the unit is "" where the title has none."""
    match = re.fullmatch(r"(.*\S)\s*\[([^\[\]]*)\]", title)
    return (match[1], match[2].strip()) if match else (title, "")


def _units(header: Sequence[str], columns: Sequence[_Column]) -> dict[str, str]:
    known = AIR_QUALITY_UNITS if any(title.startswith("PT08.S") for title in header) else {}
    return {
        column.name: split_unit(title)[1] or known.get(column.name, "")
        for title, column in zip(header, columns)
        if column.name
    }


# --------------------------------------------------------------------------------- single cells

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_WITH_MARK = re.compile(r"\s*[+-]?\d*([.,])\d+([eE][+-]?\d{1,3})?\s*", re.ASCII)
_THOUSANDS = re.compile(r"\s*[+-]?[1-9]\d{0,2},\d{3}\s*", re.ASCII)


def _number(text: str, mark: str) -> tuple[float, int] | None:
    """Value and decimal places of a number written with decimal mark `mark`; None if it is not one."""
    if mark == ",":
        text = text.replace(".", "?").replace(",", ".")
    if not _NUMBER.fullmatch(text):
        return None
    if "e" in text or "E" in text:
        places = max(0, -Decimal(text).normalize().as_tuple().exponent)
    else:
        places = len(text.partition(".")[2].rstrip("0"))
    return float(text), min(places, 300)  # 1e-300 is still a normal float


def _decimal_mark(cells_by_column: Iterable[Sequence[str]], delimiter: str) -> str | None:
    """The mark by rule 3 in a block of cells; None if no number has one."""
    votes = Counter()
    for cells in cells_by_column:
        marks = Counter(
            match[1]
            for cell in cells
            if (match := _WITH_MARK.fullmatch(cell))
            and not (delimiter == "," and _THOUSANDS.fullmatch(cell))
        )
        votes.update(mark for mark, _ in marks.most_common(1))
    if not votes:
        return None
    return "," if votes[","] + (delimiter != ",") > votes["."] and votes[","] else "."


class _Column:
    """One column while it is read."""

    def __init__(self, name: str):
        self.name = name
        self.values = array("d")
        self.decimals = 0
        self.text: TextCells | None = None
        self.labels = _Labels()

    def add(
        self,
        cells: Sequence[str],
        file_rows: Sequence[int],
        mark: str,
        missing: tuple[float | str, ...],
    ) -> None:
        """Append a block of cells; each distinct text is looked at once."""
        known = {cell: self._value(cell.strip(), mark, missing) for cell in set(cells)}
        texts = [i for i, cell in enumerate(cells) if known[cell] is None]
        if texts:
            first = self.text or TextCells(0, file_rows[texts[0]], cells[texts[0]])
            self.text = replace(first, count=first.count + len(texts))
        self.labels.add(cells, known)
        self.values.extend(np.nan if known[cell] is None else known[cell] for cell in cells)

    @property
    def holds_something(self) -> bool:
        return self.text is not None or not np.isnan(np.frombuffer(self.values)).all()

    def _value(self, text: str, mark: str, missing: tuple[float | str, ...]) -> float | None:
        """A number, NaN where missing, None for text."""
        if text.casefold() in MISSING_WORDS or text in missing:
            return np.nan
        if INFINITY.fullmatch(text):
            return float(text)
        number = _number(text, mark)
        if number is None:
            return None
        value, decimals = number
        if value in missing:
            return np.nan
        self.decimals = max(self.decimals, decimals)
        return value


class _Labels:
    """The different texts of one column while it is read; it gives up where there are too many for
    classes.
    """

    def __init__(self):
        self.places: dict[str, int] = {}
        self.codes = array("b")

    @property
    def few(self) -> bool:
        return len(self.places) <= MAXIMUM_LABELS

    def add(self, cells: Sequence[str], known: Mapping[str, float | None]) -> None:
        """Append a block of cells; `known` is None for those that are texts."""
        if not self.few:
            return
        for cell in dict.fromkeys(cells):
            if known[cell] is None:
                self.places.setdefault(cell.strip(), len(self.places))
        if self.few:
            self.codes.extend(
                -1 if known[cell] is not None else self.places[cell.strip()] for cell in cells
            )
        else:
            self.codes = array("b")  # a byte a row is worth keeping for labels only

    def values(self) -> TextLabels:
        return TextLabels(
            tuple(self.places), np.frombuffer(self.codes, dtype=np.int8).astype(np.int64)
        )


# ----------------------------------------------------------------------------------------- time

_CLOCK = r"(?P<hour>\d{1,2})[:.](?P<minute>\d\d)(?:[:.](?P<second>\d\d)(?:[.,]\d+)?)?\s*(?P<zone>Z|[+-]\d\d:?\d\d)?"
# Day before month first: the UCI file has 10/03/2004 for 10 March; month first only if that cannot
# be.
_DATE_ORDERS = tuple(
    re.compile(rf"{date}(?:[T ]\s*{_CLOCK})?", re.ASCII)
    for date in (
        r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})",
        r"(?P<day>\d{1,2})[-/.](?P<month>\d{1,2})[-/.](?P<year>\d{4})",
        r"(?P<month>\d{1,2})[-/.](?P<day>\d{1,2})[-/.](?P<year>\d{4})",
    )
)
_EPOCH = datetime(1970, 1, 1)


def _seconds(text: str, order: re.Pattern) -> int | None:
    """Seconds since 1970 (UTC if the text has a zone, else local); None if it is not a date in this
    order.
    """
    match = order.fullmatch(text)
    if not match:
        return None
    parts = match.groupdict()
    zone = (parts["zone"] or "Z").replace(":", "")
    east = (
        0 if zone == "Z" else int(zone[0] + "1") * (int(zone[1:3]) * 60 + int(zone[3:5]))
    )  # minutes
    try:
        moment = datetime(
            *(int(parts[key] or 0) for key in ("year", "month", "day", "hour", "minute", "second"))
        )
    except ValueError:
        return None
    return (moment - _EPOCH) // timedelta(seconds=1) - 60 * east


@dataclass
class _TimeReader:
    """The time of each row, from a `Date` and a `Time` column or from the first column of dates."""

    names: tuple[str, ...]
    indices: tuple[int, ...]
    order: re.Pattern | None
    seconds: array = field(default_factory=lambda: array("q"))

    @classmethod
    def find(cls, names: Sequence[str], cells_by_column: Sequence[Sequence[str]]) -> _TimeReader:
        """The reader whose columns hold dates throughout the given block of rows."""
        lower = [name.casefold() for name in names]
        pair = (
            [(lower.index("date"), lower.index("time"))] if {"date", "time"} <= set(lower) else []
        )
        for indices in pair + [(i,) for i in range(len(names))]:
            for order in _DATE_ORDERS:
                reader = cls(tuple(names[i] for i in indices), indices, order)
                if all(
                    _seconds(text, order) is not None for text in reader._texts(cells_by_column)
                ):
                    return reader
        return cls((), (), None)

    def _texts(self, cells_by_column: Sequence[Sequence[str]]) -> Iterator[str]:
        return (
            " ".join(cells).strip() for cells in zip(*(cells_by_column[i] for i in self.indices))
        )

    def add(self, cells_by_column: Sequence[Sequence[str]]) -> None:
        if self.order is None:
            return
        seconds = [_seconds(text, self.order) for text in self._texts(cells_by_column)]
        if None in seconds:
            self.order = None  # one row without a date: the order of rows is the file's
        else:
            self.seconds.extend(seconds)

    def values(self) -> np.ndarray | None:
        return (
            np.frombuffer(self.seconds, dtype=np.int64).astype("datetime64[s]")
            if self.order
            else None
        )


# ------------------------------------------------------------------------------------- messages


def show(text: str) -> str:
    """The text in quotes and on one line, at most 40 characters of it."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _similar_file(path: Path) -> str:
    near = difflib.get_close_matches(
        path.name, [p.name for p in path.parent.glob("*") if p.is_file()], 1
    )
    return f"; there is {show(near[0])} beside it" if near else ""


# -------------------------------------------------------------------------------------- columns


def require_column(table: Table, name: str) -> str:
    """The column's name in the table, for `name` with or without its unit; DataError names the
    nearest.
    """
    for candidate in (name, name.strip(), split_unit(name.strip())[0]):
        if candidate in table.columns:
            return candidate
    folded = {known.casefold(): known for known in table.names}
    nearest = folded[difflib.get_close_matches(name[:MAXIMUM_NAME].casefold(), folded, 1, 0.0)[0]]
    raise DataError(
        f"{table.path_name} has no column {show(name)}: the nearest of its {len(table.names)} columns "
        f"is {show(nearest)}"
    )


def require_numbers(table: Table, name: str) -> None:
    """Refuse a column with text in it, naming the first such cell."""
    if text := table.texts.get(name):
        raise DataError(
            f"{table.path_name} row {text.row}, column {show(name)}: {show(text.text)} is not a number "
            f"({text.count} such cells): mend it, leave it empty, or give it to --missing"
        )


def require_finite(table: Table, name: str) -> None:
    """Refuse a column with infinite values in it, naming the first such cell."""
    rows = np.flatnonzero(np.isinf(table.columns[name]))
    if rows.size:
        raise DataError(
            f"{table.path_name} row {table.file_rows[rows[0]]}, column {show(name)}: the value is infinite "
            f"({rows.size} such cells): mend it, or leave it empty to drop the row"
        )
