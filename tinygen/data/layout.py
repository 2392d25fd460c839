"""From the bytes of a file to rows of cells: encoding, delimiter, quotes, rows of one width."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from ..common.errors import DataError, show
from .cells import number_of

MAXIMUM_LINE = 1 << 20  # characters; keeps a file without line ends out of memory
MAXIMUM_COLUMNS = 1000
MAXIMUM_NAME = 200  # characters of a column name
DELIMITERS = "\t;,"


def fingerprint(stream: BinaryIO, name: str) -> tuple[str, str]:
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


def cells_at_least(stream: BinaryIO) -> int:
    """A number of cells that the file surely has, counted without reading one; 0 where that cannot
    be told: with quotes a cell may hold a line, and UTF-16 has other bytes.

    Lines that are blank, hold only delimiters or begin with a comment are no rows of cells.
    """
    rows, columns, last = -1, 1, b""  # the header is no row
    stream.seek(0)
    while block := stream.read(1 << 20):
        if b'"' in block or b"\0" in block:
            return 0
        block = block.replace(b"\r", b"")
        if not last:
            columns = _columns_at_least(block)
        joined = last + block
        rows += block.count(b"\n") - sum(joined.count(b"\n" + no_row) for no_row in NO_ROW)
        last = block[-1:] or last
    return max(rows, 0) * columns


NO_ROW = (b"\n", b";", b",", b"\t", b"#", b" ")


def _columns_at_least(block: bytes) -> int:
    """Fewest columns that the file's first lines can have, whatever their delimiter is; a decimal
    comma is none that the header has as well.
    """
    header, *lines = [line for line in block.split(b"\n")[:1000] if line.strip()] or [b""]
    counts = [
        min(header.count(mark), sorted(line.count(mark) for line in lines)[len(lines) // 2])
        for mark in (b"\t", b";", b",")
        if lines
    ]
    return 1 + min(filter(None, counts), default=0)


def _utf16(start: bytes) -> str | None:
    """The kind of UTF-16 that a file with this start is written in; None if it is another
    encoding.
    """
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


def lines(text: io.TextIOBase, name: str) -> Iterator[str]:
    """The lines with their ends, none longer than MAXIMUM_LINE, none with a NUL."""
    for row in itertools.count(1):
        line = text.readline(MAXIMUM_LINE + 1)
        if not line:
            return
        if len(line) > MAXIMUM_LINE:
            raise DataError(
                f"{name} row {row} is longer than {MAXIMUM_LINE} characters: this is not a CSV "
                "table"
            )
        if "\0" in line:
            raise DataError(
                f"{name} row {row} contains a NUL character: this is not a CSV text file, export "
                "it again"
            )
        yield line


def delimiter(head: Sequence[str]) -> str:
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


class FileRows:
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
                f"{name} has {len(self.header)} columns, the limit is {MAXIMUM_COLUMNS}: keep "
                "those you use"
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
                f"{self.name} row {self.reader.line_num} has {len(cells)} cells, the header has "
                f"{width}: "
                "mend the row, or quote cells that contain the delimiter"
            )
        return cells[:width]


def unique_names(header: Sequence[str], name: str) -> list[str]:
    """Column names: the titles without a unit in brackets, unless only the unit tells two apart; ""
    where unnamed.
    """
    if all(number_of(title, ".") or number_of(title, ",") for title in header if title):
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
                f"{name}: columns {first} and {second} are both named {show(title)}: rename one of "
                "them"
            )
    return names


def split_unit(title: str) -> tuple[str, str]:
    """("temp", "degC") from "temp [degC]"; the unit is "" where the title has none."""
    match = re.fullmatch(r"(.*\S)\s*\[([^\[\]]*)\]", title)
    return (match[1], match[2].strip()) if match else (title, "")
