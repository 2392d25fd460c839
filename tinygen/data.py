"""Room 1, data: from a CSV file to the integer rows that everything after it works on.

    load(path) -> Table                      the file as it stands, by column names
    prepare(table, target) -> Dataset        complete rows as raw integers, split in train and test
    folds(dataset, k)                        (train, validation) index pairs inside the training rows
    rows_for(inputs, table)                  the raw rows an existing model reads from a table

How a file is understood, in this order (nothing is guessed from the machine's locale):

1. Encoding: a byte-order mark decides; else a zero byte beside the first character means UTF-16;
   else UTF-8; a file that is not UTF-8 is Latin-1.
2. Delimiter: the first of tab, `;`, `,` that splits the header and the first row into equally
   many cells, at least two; if none does, the one that splits the header into most cells.
3. Decimal mark, once for the whole file: in the first block of rows where a number has one, the
   mark that most numbers have; on a tie the point. A number with the other mark counts as text.
4. A cell is a number, missing (empty, `NaN`, `NA`, ..., or a missing code such as -200), or text.
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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tinygen.errors import DataError, UsageError
from tinygen.fixedpoint import RAW_MAX, Quantity

MINIMUM_ROWS = 20                  # complete rows; fewer cannot be split into train and test with sense
MAXIMUM_LINE = 1 << 20             # characters; keeps a file without line ends out of memory
MAXIMUM_COLUMNS = 1000
MAXIMUM_CELLS = 16_000_000         # 128 MB of float64
BLOCK_ROWS = 1000                  # rows converted at once

DELIMITERS = "\t;,"
MISSING_WORDS = frozenset(("", "nan", "na", "n/a", "#n/a", "null", "none", "-", "?"))
INFINITY = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
TIME_NAMES = frozenset(("date", "time", "datetime", "date time", "date_time", "timestamp"))

# Columns of the UCI Air Quality file (dataset 360), which has no units in its header.
AIR_QUALITY_UNITS = {
    "CO(GT)": "mg/m3", "NMHC(GT)": "ug/m3", "C6H6(GT)": "ug/m3", "NOx(GT)": "ppb", "NO2(GT)": "ug/m3",
    "PT08.S1(CO)": "", "PT08.S2(NMHC)": "", "PT08.S3(NOx)": "", "PT08.S4(NO2)": "", "PT08.S5(O3)": "",
    "T": "degC", "RH": "%", "AH": "",
}


@dataclass(frozen=True)
class TextCells:
    """The cells of one column that are neither number nor missing."""

    count: int
    row: int           # file row of the first one; the header is row 1
    text: str          # the first one, as written


@dataclass(frozen=True)
class Table:
    """A CSV file as read: n rows, every named column, nothing dropped but blank rows."""

    path_name: str                     # file name without its folder
    names: tuple[str, ...]             # unique, in file order, without a unit in brackets
    columns: dict[str, np.ndarray]     # float64 (n,); NaN where missing or text, infinite where the file says so
    decimals: dict[str, int]           # decimal places the column's numbers carry: 13.60 -> 1
    units: dict[str, str]              # "" where unknown
    texts: dict[str, TextCells]        # only columns that have text in them
    time: np.ndarray | None            # datetime64[s] (n,), from `time_names`; None if no column has dates throughout
    time_names: tuple[str, ...]        # ("Date", "Time") or one name or ()
    file_rows: np.ndarray              # int64 (n,): the row's line in the file; the header is row 1
    rows_read: int                     # n
    blank_rows: int                    # rows without any content, not counted in n
    missing: tuple[float | str, ...]   # the missing codes that were replaced by NaN
    sha256: str                        # of the file's bytes


@dataclass(frozen=True)
class Dataset:
    """Complete rows as raw integers (`physical = raw * scale`), and which of them train and test."""

    inputs: tuple[Quantity, ...]       # minimum and maximum over the training rows
    target: Quantity
    x: np.ndarray                      # int64 (n, inputs), raw, in file order
    y: np.ndarray                      # int64 (n,), raw
    train: np.ndarray                  # int64 indices into x: in file order, or in time order for split "time"
    test: np.ndarray                   # the same; train and test share no index and no equal row
    split: str                         # "random" or "time"
    seed: int
    time: np.ndarray | None            # datetime64[s] (n,)
    file_rows: np.ndarray              # int64 (n,), lines in the file
    rows_read: int                     # rows of the file
    rows_dropped: int                  # of them, with a missing value in a used column
    duplicates_removed: int            # of the rest, equal to an earlier row in inputs and target
    missing: tuple[float | str, ...]
    source: str                        # file name
    sha256: str
    notes: tuple[str, ...] = ()        # one line each: what was left out or coarsened, and why


# ---------------------------------------------------------------------------------------- load

def load(path: Path | str, missing: Sequence[float | str] = (-200,)) -> Table:
    """The table in the CSV file `path`; numbers or words in `missing` become NaN.

    Raises DataError where there is no such file or it is not a table.
    """
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path} is a folder: give the CSV file in it")
    if not path.exists():
        raise DataError(f"{path} does not exist: check the path{_similar_file(path)}")
    if not path.is_file():
        raise DataError(f"{path} is not a regular file: save the rows to a file first")
    try:
        with path.open("rb") as stream:
            return read(stream, path.name, missing)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def read(stream: BinaryIO, name: str, missing: Sequence[float | str] = (-200,)) -> Table:
    """The table in a seekable byte stream; `name` stands for it in messages. Raises DataError."""
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
    """The sha256 of all bytes and the name of the encoding."""
    digest, utf8 = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")()
    encoding = None
    while block := stream.read(1 << 20):
        digest.update(block)
        if encoding is None:
            encoding = _encoding_by_start(block)
        if encoding == "utf-8-sig":
            try:
                utf8.decode(block)
            except UnicodeDecodeError:
                encoding = "latin-1"
    if encoding is None:
        raise DataError(f"{name} is empty: it needs a header and at least {MINIMUM_ROWS} rows")
    return digest.hexdigest(), encoding


def _encoding_by_start(block: bytes) -> str:
    if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(block) > 1 and (block[0] == 0) != (block[1] == 0):
        return "utf-16-be" if block[0] == 0 else "utf-16-le"
    return "utf-8-sig"


def _missing_codes(missing: Iterable[float | str]) -> tuple[float | str, ...]:
    """The codes with those written as text turned into numbers where they are numbers."""
    return tuple(code if (number := _number(str(code).strip(), ".")) is None else number[0] for code in missing)


def _lines(text: io.TextIOBase, name: str) -> Iterator[str]:
    """The lines with their ends, none longer than MAXIMUM_LINE, none with a NUL."""
    for row in itertools.count(1):
        line = text.readline(MAXIMUM_LINE + 1)
        if not line:
            return
        if len(line) > MAXIMUM_LINE:
            raise DataError(f"{name} row {row} is longer than {MAXIMUM_LINE} characters: this is not a CSV table")
        if "\0" in line:
            raise DataError(f"{name} row {row} contains a NUL character: this is not a CSV text file, export it again")
        yield line


def _read_table(text: io.TextIOBase, name: str, missing: tuple[float | str, ...], sha256: str) -> Table:
    lines = _lines(text, name)
    head = list(itertools.islice(lines, 20))
    rows = _Rows(itertools.chain(head, lines), _delimiter(head), name)
    columns = [_Column(title) for title in _unique_names(rows.header, name)]
    file_rows, time, mark = array("q"), None, None
    while block := list(itertools.islice(rows, BLOCK_ROWS)):
        cells_by_column = list(zip(*(cells for _, cells in block)))
        mark = mark or _decimal_mark(cells_by_column)
        time = time or _TimeReader.find([column.name for column in columns], cells_by_column)
        time.add(cells_by_column)
        numbers = [row for row, _ in block]
        for column, cells in zip(columns, cells_by_column):
            column.add(cells, numbers, mark or ".", missing)
        file_rows.extend(numbers)
        if len(file_rows) * len(columns) > MAXIMUM_CELLS:
            raise DataError(f"{name} has more than {MAXIMUM_CELLS} cells (row {numbers[-1]}, {len(columns)} columns): "
                            "keep fewer rows, or only the columns you use")
    if not file_rows:
        raise DataError(f"{name} has a header but no rows: it needs at least {MINIMUM_ROWS}")
    named = [column for column in columns if column.name]
    return Table(
        path_name=name, names=tuple(column.name for column in named),
        columns={column.name: np.frombuffer(column.values) for column in named},
        decimals={column.name: column.decimals for column in named},
        units=_units(rows.header, columns),
        texts={column.name: column.text for column in named if column.text},
        time=time.values(), time_names=time.names,
        file_rows=np.frombuffer(file_rows, dtype=np.int64), rows_read=len(file_rows),
        blank_rows=rows.blank, missing=missing, sha256=sha256)


def _delimiter(head: Sequence[str]) -> str:
    """The delimiter by rule 2 at the top of this file."""
    def first_two(delimiter: str) -> list[list[str]]:
        rows = (cells for cells in csv.reader(head, delimiter=delimiter) if any(cells))
        return list(itertools.islice(rows, 2))

    split = {delimiter: first_two(delimiter) for delimiter in DELIMITERS}
    for delimiter, rows in split.items():
        if len(rows) == 2 and len(rows[0]) == len(rows[1]) > 1:
            return delimiter
    return max(DELIMITERS, key=lambda delimiter: len(split[delimiter][0]) if split[delimiter] else 0)


class _Rows:
    """Iterator over (file row, cells) of the rows with content; counts the blank ones.

    Each row has as many cells as the header; empty cells beyond it are cut off.
    """

    def __init__(self, lines: Iterator[str], delimiter: str, name: str):
        self.reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
        self.name = name
        self.header: list[str] = []
        self.blank = 0
        self.header = [title.strip() for title in next(self, (0, []))[1]]
        if not self.header:
            raise DataError(f"{name} has no content: it needs a header and at least {MINIMUM_ROWS} rows")
        if len(self.header) > MAXIMUM_COLUMNS:
            raise DataError(f"{name} has {len(self.header)} columns, the limit is {MAXIMUM_COLUMNS}: keep those you use")
        self.blank = 0

    def __iter__(self):
        return self

    def __next__(self) -> tuple[int, list[str]]:
        try:
            for cells in self.reader:
                if any(map(str.strip, cells)):
                    return self.reader.line_num, self._fit(cells)
                self.blank += 1
        except csv.Error as error:
            raise DataError(f"{self.name} row {self.reader.line_num}: {error}: check the quotes") from error
        raise StopIteration

    def _fit(self, cells: list[str]) -> list[str]:
        width = len(self.header)
        if not width or len(cells) == width:
            return cells
        if len(cells) < width or any(map(str.strip, cells[width:])):
            raise DataError(f"{self.name} row {self.reader.line_num} has {len(cells)} cells, the header has {width}: "
                            "mend the row, or quote cells that contain the delimiter")
        return cells[:width]


def _unique_names(header: Sequence[str], name: str) -> list[str]:
    """Column names: the titles without a unit in brackets, unless only the unit tells two apart; "" where unnamed."""
    if all(_number(title, ".") or _number(title, ",") for title in header if title):
        raise DataError(f"{name} row 1 holds numbers only: the first row must name the columns")
    short = [_split_unit(title)[0] for title in header]
    names = [title if short.count(bare) > 1 else bare for title, bare in zip(header, short)]
    for title in names:
        if title and names.count(title) > 1:
            first, second = [i + 1 for i, other in enumerate(names) if other == title][:2]
            raise DataError(f"{name}: columns {first} and {second} are both named {_show(title)}: rename one of them")
    return names


def _split_unit(title: str) -> tuple[str, str]:
    """("temp", "degC") from "temp [degC]"; the unit is "" where the title has none."""
    match = re.fullmatch(r"(.*\S)\s*\[([^\[\]]*)\]", title)
    return (match[1], match[2].strip()) if match else (title, "")


def _units(header: Sequence[str], columns: Sequence["_Column"]) -> dict[str, str]:
    known = AIR_QUALITY_UNITS if any(title.startswith("PT08.S") for title in header) else {}
    return {column.name: _split_unit(title)[1] or known.get(column.name, "")
            for title, column in zip(header, columns) if column.name}


# --------------------------------------------------------------------------------- single cells

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_WITH_MARK = re.compile(r"\s*[+-]?\d*([.,])\d+([eE][+-]?\d{1,3})?\s*", re.ASCII)


def _number(text: str, mark: str) -> tuple[float, int] | None:
    """Value and decimal places of a number written with decimal mark `mark`; None if it is not one."""
    if mark == ",":
        text = text.replace(".", "?").replace(",", ".")
    if not _NUMBER.fullmatch(text):
        return None
    return float(text), max(0, -Decimal(text).normalize().as_tuple().exponent)


def _decimal_mark(cells_by_column: Iterable[Sequence[str]]) -> str | None:
    """The mark that most numbers in these cells have, the point on a tie; None if none has one."""
    commas = points = 0
    for cells in cells_by_column:
        marks = [match[1] for cell in cells if (match := _WITH_MARK.fullmatch(cell))]
        commas += marks.count(",")
        points += marks.count(".")
    if not commas + points:
        return None
    return "," if commas > points else "."


class _Column:
    """One column while it is read."""

    def __init__(self, name: str):
        self.name = name
        self.values = array("d")
        self.decimals = 0
        self.text: TextCells | None = None

    def add(self, cells: Sequence[str], file_rows: Sequence[int], mark: str, missing: tuple[float | str, ...]) -> None:
        """Append a block of cells; each distinct text is looked at once."""
        known = {cell: self._value(cell.strip(), mark, missing) for cell in set(cells)}
        texts = [i for i, cell in enumerate(cells) if known[cell] is None]
        if texts:
            first = self.text or TextCells(0, file_rows[texts[0]], cells[texts[0]])
            self.text = replace(first, count=first.count + len(texts))
        self.values.extend(np.nan if known[cell] is None else known[cell] for cell in cells)

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


# ----------------------------------------------------------------------------------------- time

_CLOCK = r"(?P<hour>\d{1,2})[:.](?P<minute>\d\d)(?:[:.](?P<second>\d\d)(?:[.,]\d+)?)?\s*(?P<zone>Z|[+-]\d\d:?\d\d)?"
# Day before month first: the UCI file has 10/03/2004 for 10 March; month first only if that cannot be.
_DATE_ORDERS = tuple(re.compile(rf"{date}(?:[T ]\s*{_CLOCK})?", re.ASCII) for date in (
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})",
    r"(?P<day>\d{1,2})[-/.](?P<month>\d{1,2})[-/.](?P<year>\d{4})",
    r"(?P<month>\d{1,2})[-/.](?P<day>\d{1,2})[-/.](?P<year>\d{4})"))
_EPOCH = datetime(1970, 1, 1)


def _seconds(text: str, order: re.Pattern) -> int | None:
    """Seconds since 1970 (UTC if the text has a zone, else local); None if it is not a date in this order."""
    match = order.fullmatch(text)
    if not match:
        return None
    parts = match.groupdict()
    try:
        moment = datetime(*(int(parts[key] or 0) for key in ("year", "month", "day", "hour", "minute", "second")))
    except ValueError:
        return None
    zone = (parts["zone"] or "Z").replace(":", "")
    offset = 0 if zone == "Z" else int(zone[0] + "1") * (int(zone[1:3]) * 60 + int(zone[3:5]))
    return (moment - timedelta(minutes=offset) - _EPOCH) // timedelta(seconds=1)


@dataclass
class _TimeReader:
    """The time of each row, from a `Date` and a `Time` column or from the first column of dates."""

    names: tuple[str, ...]
    indices: tuple[int, ...]
    order: re.Pattern | None
    seconds: array = field(default_factory=lambda: array("q"))

    @classmethod
    def find(cls, names: Sequence[str], cells_by_column: Sequence[Sequence[str]]) -> "_TimeReader":
        """The reader whose columns hold dates throughout the given block of rows."""
        lower = [name.casefold() for name in names]
        pair = [(lower.index("date"), lower.index("time"))] if {"date", "time"} <= set(lower) else []
        for indices in pair + [(i,) for i in range(len(names))]:
            for order in _DATE_ORDERS:
                reader = cls(tuple(names[i] for i in indices), indices, order)
                if all(_seconds(text, order) is not None for text in reader._texts(cells_by_column)):
                    return reader
        return cls((), (), None)

    def _texts(self, cells_by_column: Sequence[Sequence[str]]) -> Iterator[str]:
        return (" ".join(cells).strip() for cells in zip(*(cells_by_column[i] for i in self.indices)))

    def add(self, cells_by_column: Sequence[Sequence[str]]) -> None:
        if self.order is None:
            return
        seconds = [_seconds(text, self.order) for text in self._texts(cells_by_column)]
        if None in seconds:
            self.order = None     # one row without a date: the order of rows is the file's
        else:
            self.seconds.extend(seconds)

    def values(self) -> np.ndarray | None:
        return np.frombuffer(self.seconds, dtype=np.int64).astype("datetime64[s]") if self.order else None


# ------------------------------------------------------------------------------------- messages

def _show(text: str) -> str:
    """The text in quotes, at most 40 characters, control and bidirectional characters escaped."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _similar_file(path: Path) -> str:
    near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*") if p.is_file()], 1)
    return f"; there is {_show(near[0])} beside it" if near else ""


def require_column(table: Table, name: str) -> str:
    """The column's name in the table, for `name` with or without its unit; DataError names the nearest."""
    for candidate in (name, name.strip(), _split_unit(name.strip())[0]):
        if candidate in table.columns:
            return candidate
    folded = {known.casefold(): known for known in table.names}
    nearest = folded[difflib.get_close_matches(name.casefold(), folded, 1, 0.0)[0]]
    raise DataError(f"{table.path_name} has no column {_show(name)}: the nearest is {_show(nearest)} "
                    f"of {len(table.names)} columns")


def _require_numbers(table: Table, name: str, finite: bool = True) -> None:
    """Refuse a column with text (and with infinite values, if `finite`), naming the first such cell."""
    if text := table.texts.get(name):
        raise DataError(f"{table.path_name} row {text.row}, column {_show(name)}: {_show(text.text)} is not a number "
                        f"({text.count} such cells): mend it, leave it empty, or give it to --missing")
    infinite = np.flatnonzero(np.isinf(table.columns[name]))
    if finite and infinite.size:
        raise DataError(f"{table.path_name} row {table.file_rows[infinite[0]]}, column {_show(name)}: the value is "
                        f"infinite ({infinite.size} such cells): mend it, or leave it empty to drop the row")


# ------------------------------------------------------------------------------------- prepare

def prepare(table: Table, target: str, inputs: Sequence[str] | None = None, drop: Sequence[str] = (),
            split: str = "random", seed: int = 0, test_fraction: float | None = None,
            units: Mapping[str, str] | None = None) -> Dataset:
    """The rows of `table` that are complete in the used columns, as raw integers, split in train and test.

    inputs: column names; None means every numeric column but the target, `drop` and dates.
    split: "random" (seeded, test = 0.2 of the rows) or "time" (the last 0.3 test).
    units: units by column name, before those of the table.
    Raises DataError for columns or rows that cannot be used, UsageError for an unknown split.
    """
    if split not in ("random", "time"):
        raise UsageError(f"split {_show(split)} is unknown: use random or time")
    fraction = {"random": 0.2, "time": 0.3}[split] if test_fraction is None else test_fraction
    if not 0.0 < fraction < 1.0:
        raise UsageError(f"test fraction {fraction} is out of range: it must lie between 0 and 1")
    target = require_column(table, target)
    _require_numbers(table, target)
    if inputs is None:
        names, notes = _all_inputs(table, target, drop)
    else:
        names, notes = _named_inputs(table, target, inputs, drop), []
    return _build(table, target, names, notes, inputs is None, split, seed, fraction, units or {})


def _named_inputs(table: Table, target: str, inputs: Sequence[str], drop: Sequence[str]) -> list[str]:
    if drop:
        raise UsageError("--inputs and --drop exclude each other: give one of them")
    names = [require_column(table, name) for name in inputs]
    for name in names:
        if name == target:
            raise DataError(f"column {_show(name)} is the target and an input: take it out of --inputs")
        if names.count(name) > 1:
            raise DataError(f"column {_show(name)} is named {names.count(name)} times as an input: name it once")
        _require_numbers(table, name)
    return names


def _all_inputs(table: Table, target: str, drop: Sequence[str]) -> tuple[list[str], list[str]]:
    """The usable columns in file order, and a note on each that was left out unasked."""
    dropped = {require_column(table, name) for name in drop}
    names, notes = [], []
    for name in table.names:
        if name in dropped or name == target:
            continue
        if reason := _unusable(table, name):
            notes.append(f"column {_show(name)} left out: {reason}")
            continue
        _require_numbers(table, name)
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


def _build(table: Table, target: str, inputs: list[str], notes: list[str], may_drop: bool,
           split: str, seed: int, fraction: float, units: Mapping[str, str]) -> Dataset:
    if not inputs:
        raise DataError(f"{table.path_name} leaves no input for target {_show(target)}: "
                        "name numeric columns with --inputs, or drop fewer")
    complete = _complete_rows(table, [*inputs, target])
    known_units = {**table.units, **{require_column(table, name): unit for name, unit in units.items()}}
    quantities, scale_notes = _quantities(table, [*inputs, target], known_units)
    raw = np.column_stack([q.to_raw(table.columns[q.name][complete]) for q in quantities])
    order = _row_order(table, complete) if split == "time" else np.arange(len(complete))
    first = _first_of_equals(raw, order)
    raw, rows = raw[first], complete[first]
    _require_rows(table, len(rows), f"{len(complete) - len(rows)} are duplicates")
    time = None if table.time is None else table.time[rows]
    train, test = _split_by_time(time, len(rows), fraction) if split == "time" else _split_random(len(rows), fraction, seed)

    constant = [q.name for q, low, high in zip(quantities, raw[train].min(axis=0), raw[train].max(axis=0)) if low == high]
    if target in constant:
        raise DataError(f"target {_show(target)} is constant in the {len(train)} training rows: there is nothing to learn")
    if constant and not may_drop:
        raise DataError(f"input {_show(constant[0])} is constant in the {len(train)} training rows: take it out of --inputs")
    if constant:
        notes = notes + [f"column {_show(name)} left out: it is constant in the training rows" for name in constant]
        inputs = [name for name in inputs if name not in constant]
        return _build(table, target, inputs, notes, may_drop, split, seed, fraction, units)

    seen = [_seen(q, raw[train, i]) for i, q in enumerate(quantities)]
    return Dataset(
        inputs=tuple(seen[:-1]), target=seen[-1], x=raw[:, :-1], y=raw[:, -1], train=train, test=test,
        split=split, seed=seed, time=time, file_rows=table.file_rows[rows], rows_read=table.rows_read,
        rows_dropped=table.rows_read - len(complete), duplicates_removed=len(complete) - len(rows),
        missing=table.missing, source=table.path_name, sha256=table.sha256,
        notes=tuple(notes + scale_notes + _costly_column(table, inputs, target, len(complete))))


def _complete_rows(table: Table, names: Sequence[str]) -> np.ndarray:
    """Indices of the rows without a missing value in these columns; at least MINIMUM_ROWS."""
    absent = np.column_stack([np.isnan(table.columns[name]) for name in names])
    rows = np.flatnonzero(~absent.any(axis=1))
    worst = int(np.argmax(absent.sum(axis=0)))
    _require_rows(table, len(rows), f"column {_show(names[worst])} is missing in {absent[:, worst].sum()}")
    return rows


def _require_rows(table: Table, rows: int, reason: str) -> None:
    if rows < MINIMUM_ROWS:
        raise DataError(f"{table.path_name} has {rows} usable rows of {table.rows_read} ({reason}), "
                        f"at least {MINIMUM_ROWS} are needed: add rows or drop columns")


def _costly_column(table: Table, inputs: Sequence[str], target: str, complete: int) -> list[str]:
    """A note on the input without which most rows could be kept, if they are a tenth of the file or more."""
    absent = np.column_stack([np.isnan(table.columns[name]) for name in [*inputs, target]])
    alone = absent & (absent.sum(axis=1) == 1)[:, None]
    regained = alone[:, :-1].sum(axis=0)
    worst = int(np.argmax(regained))
    if regained[worst] * 10 < table.rows_read:
        return []
    return [f"column {_show(inputs[worst])} alone costs {regained[worst]} rows with a missing value: "
            f"without it {complete + regained[worst]} rows are complete"]


def _quantities(table: Table, names: Sequence[str], units: Mapping[str, str]) -> tuple[list[Quantity], list[str]]:
    """A quantity for each column, with the column's own resolution where it fits int16, and notes where it does not."""
    quantities, notes = [], []
    for name in names:
        largest = float(np.nanmax(np.abs(table.columns[name])))
        fine, scale = _power(table.decimals[name]), scale_for(largest, table.decimals[name])
        if scale > fine:
            notes.append(f"column {_show(name)} is stored in steps of {scale:g} instead of its own {fine:g}: "
                         f"{largest:g} must fit {RAW_MAX} steps")
        quantities.append(Quantity(name, units[name], scale, 0.0, 0.0))
    return quantities, notes


def _power(decimals: int) -> float:
    return float(f"1e{-decimals}")     # the float nearest to the decimal, which 10.0 ** -k is not always


def scale_for(largest: float, decimals: int) -> float:
    """10**-decimals, or the next coarser power of ten at which +-`largest` fits 32767 steps."""
    while largest / _power(decimals) >= RAW_MAX + 0.5:
        decimals -= 1
    return _power(decimals)


def _seen(quantity: Quantity, raw: np.ndarray) -> Quantity:
    return replace(quantity, minimum=float(quantity.to_physical(raw.min())), maximum=float(quantity.to_physical(raw.max())))


# --------------------------------------------------------------------------------------- splits

def _row_order(table: Table, rows: np.ndarray) -> np.ndarray:
    """Positions in `rows` from the earliest to the latest; file order where times are equal or unknown."""
    return np.arange(len(rows)) if table.time is None else np.argsort(table.time[rows], kind="stable")


def _first_of_equals(raw: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Positions of the rows that equal no row before them in `order`, ascending.

    Both splits use it, so that no test row was seen in training: a log written twice, or a sensor
    that is stuck, would else be tested on what it was trained with.
    """
    _, first = np.unique(raw[order], axis=0, return_index=True)
    return np.sort(order[first])


def _split_random(rows: int, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(train, test): disjoint ascending indices; test has round(fraction * rows)."""
    shuffled = np.random.default_rng(seed).permutation(rows)
    cut = round(fraction * rows)
    return np.sort(shuffled[cut:]), np.sort(shuffled[:cut])


def _split_by_time(time: np.ndarray | None, rows: int, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """(train, test): indices in time order; every row of test is later than every row of train."""
    order = np.arange(rows) if time is None else np.argsort(time, kind="stable")
    cut = rows - round(fraction * rows)
    while time is not None and 0 < cut < rows and time[order[cut]] == time[order[cut - 1]]:
        cut += 1      # rows of one moment belong to one side
    return order[:cut], order[cut:]


def folds(dataset: Dataset, k: int = 5) -> list[tuple[np.ndarray, np.ndarray]]:
    """k pairs (train, validation) of indices into `dataset.x`, all of them training rows.

    Split "random": each training row is validated once, in one of k shuffled folds.
    Split "time": rolling folds; each trains on all blocks before the one it validates.
    """
    if not 2 <= k <= len(dataset.train) // 2:
        raise UsageError(f"{k} folds of {len(dataset.train)} training rows: use 2 to {len(dataset.train) // 2}")
    if dataset.split == "time":
        blocks = np.array_split(dataset.train, k + 1)
        return [(np.concatenate(blocks[:i]), blocks[i]) for i in range(1, k + 1)]
    shuffled = np.random.default_rng(dataset.seed).permutation(dataset.train)
    blocks = [np.sort(block) for block in np.array_split(shuffled, k)]
    return [(np.sort(np.concatenate(blocks[:i] + blocks[i + 1:])), blocks[i]) for i in range(k)]


# -------------------------------------------------------------------------- rows for a given model

def rows_for(inputs: Sequence[Quantity], table: Table) -> tuple[np.ndarray, tuple[str, ...]]:
    """Raw int64 (n, inputs) of every row of `table`, in the model's order, and notes on what changed.

    Columns are found by name, in any order. A missing, NaN or infinite value is MISSING (-32768);
    beyond int16 it saturates at +-32767. Raises DataError for an absent column or a text cell.
    """
    raw, notes = np.empty((table.rows_read, len(inputs)), dtype=np.int64), []
    for i, quantity in enumerate(inputs):
        name = require_column(table, quantity.name)
        _require_numbers(table, name, finite=False)
        values = np.where(np.isinf(table.columns[name]), np.nan, table.columns[name])
        raw[:, i] = quantity.to_raw(values)
        notes += _row_notes(quantity, table, name, values)
    return raw, tuple(notes)


def _row_notes(quantity: Quantity, table: Table, name: str, values: np.ndarray) -> Iterator[str]:
    if missing := int(np.isnan(values).sum()):
        yield f"column {_show(name)}: {missing} of {table.rows_read} values are missing"
    if beyond := int(np.sum(np.abs(values) >= (RAW_MAX + 0.5) * quantity.scale)):
        yield f"column {_show(name)}: {beyond} values lie beyond {RAW_MAX * quantity.scale:g} and saturate there"
    if _power(table.decimals[name]) < quantity.scale * 0.999:
        yield f"column {_show(name)}: values are rounded to the model's step of {quantity.scale:g}"
