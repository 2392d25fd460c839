"""From the bytes of a file to rows of cells: encoding, delimiter, quotes, rows of one width."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from ..common.errors import DataError, show
from ..common.tables import counted
from .cells import number_of

MAXIMUM_LINE = 1 << 20  # characters; keeps a file without line ends out of memory
MAXIMUM_COLUMNS = 1000
MAXIMUM_NAME = 200  # characters of a column name
DELIMITERS = "\t;,|"
LATIN_RUN = 2  # letters above 127 that follow each other in a word of a Latin alphabet
MOST_BAD = 0.05  # of the rows that may be left out because they do not fit
MOST_PLACES = 20  # rows named in a message
COMMENT = re.compile(  # a first cell that a spreadsheet writes for an error or ##### is none
    r"#(?!((N/A|DIV/0!|NAME\?|NULL!|NUM!|REF!|VALUE!)(\s|[;,|]|$)|#+\s*[\t;,|]))", re.IGNORECASE
)

RULER = re.compile(
    r"[\s|+:=-]*(-{3,}|={3,})[\s|+:=-]*"
)  # between header and rows of a printed table
CLOCK = re.compile(r"\ufeff?\d\d:\d\d:\d\d\.\d{3} -> ?")  # what the Arduino IDE puts before a line


def fingerprint(stream: BinaryIO, name: str) -> tuple[str, str]:
    """The sha256 of all bytes, and the encoding by rule 1."""
    digest, utf8 = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")()
    start = block = stream.read(1 << 20)
    if not start:
        raise DataError(f"{name} is empty: it needs a header and rows")
    _require_text(start, name)
    encoding = _utf16(start) or "utf-8-sig"
    while block:
        digest.update(block)
        following = stream.read(1 << 20)
        if encoding == "utf-8-sig" and not _decodes(utf8, block, final=not following):
            encoding = _eight_bits(block, name)
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


OTHER_FORMATS = (  # how a file starts that is something else, what it is, and what to do
    (rb"PK\x03\x04", "an Excel workbook or another zip file", "save its sheet as CSV"),
    (rb"\xd0\xcf\x11\xe0", "an old Excel workbook", "save its sheet as CSV"),
    (rb"\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd", "compressed", "unpack it first"),
    (rb"PAR1|\x89HDF|SQLite format 3", "a database or binary table", "export it as CSV"),
    (rb"\s*%PDF", "a PDF", "export the table as CSV"),
    (rb"\s*[\[{]", "JSON", "write one column per name and one line per row, as CSV"),
    (
        rb"(?i)(\s*%[^\n]*\n|\s)*@relation",
        "ARFF",
        "write the attributes' names, then what follows @data",
    ),
    (rb"\s*<", "HTML or XML", "export the table as CSV"),
    (rb"\S+ 1:\S+ \d+:", "in svmlight's format", "write one column per index, as CSV"),
)


def _require_text(start: bytes, name: str) -> None:
    for form, what, step in OTHER_FORMATS:
        if re.match(form, start):
            raise DataError(f"{name} is {what}, not a CSV table: {step}")


def _utf16(start: bytes) -> str | None:
    """The kind of UTF-16 that a file with this start is written in; None if it is another
    encoding.
    """
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    zeros = start[:64].count(0) * 3 > len(start[:64])
    if zeros and (start[0] == 0) != (start[1] == 0):
        return "utf-16-be" if start[0] == 0 else "utf-16-le"
    return None


def _eight_bits(block: bytes, name: str) -> str:
    """The encoding of text that is not UTF-8: Chinese where bytes above 127 come in pairs of common
    characters, Latin-1 where they stand alone. Raises DataError for other alphabets: their letters
    would be others.
    """
    runs = re.findall(rb"[\x80-\xff]+", block)[:-1] or re.findall(rb"[\x80-\xff]+", block)
    if all(re.fullmatch(rb"([\xa1-\xd7][\xa1-\xfe])+", run) for run in runs):
        return "gb18030"
    if max(map(len, runs), default=0) > LATIN_RUN:
        raise DataError(f"{name} is neither UTF-8 nor Latin-1 nor GBK text: save it as UTF-8")
    return "latin-1"


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
        if row > 1 and not line.strip("\0\r\n"):  # a logger without power leaves zeros behind
            yield "\n"
            continue
        if len(line) > MAXIMUM_LINE:
            raise DataError(
                f"{name} row {row} is longer than {MAXIMUM_LINE} characters: this is not a CSV "
                "table"
            )
        if "\0" in line:
            raise DataError(
                f"{name} row {row} contains a NUL character: delete the row if the log was cut off "
                "there, else this is no CSV text file, export it again"
            )
        yield line


@dataclass(frozen=True)
class Layout:
    """How the lines of a file hold rows of cells."""

    delimiter: str
    start: int = 0  # lines above the header, which are titles
    spaces: bool = False  # runs of spaces delimit
    names: tuple[str, ...] = ()  # cells are written name:value, and no line is a header
    note: str = ""
    clock: bool = False  # a serial monitor's clock stands before each line

    def clean(self, rest: Iterable[str]) -> Iterator[str]:
        """The lines as the csv module is to read them; one that holds no row is blank."""
        if self.names:
            yield self.delimiter.join(self.names) + "\n"
        for number, line in enumerate(rest):
            line = CLOCK.sub("", line) if self.clock else line
            if number < self.start or _holds_no_row(line):
                yield "\n"
            elif self.names:
                cells = [cell.partition(":")[2].strip() for cell in _pairs(line)]
                yield self.delimiter.join(cells) + "\n"
            else:
                yield "\t".join(line.split()) + "\n" if self.spaces else line


def layout_of(head: Sequence[str]) -> Layout:
    """The layout of a file with these first lines, by rule 2."""
    clocked = [line for line in head if line.strip()]
    if len(clocked) > 1 and all(map(CLOCK.match, clocked[:-1])):  # the last may be cut off
        bare = layout_of([CLOCK.sub("", line) for line in head])
        note = "each line begins with a serial monitor's clock, HH:MM:SS.mmm ->: left out"
        return replace(bare, clock=True, note="; ".join(filter(None, (note, bare.note))))
    told = re.fullmatch(r"\ufeff?sep=(.)\s*", head[0], re.IGNORECASE) if head else None
    if told:
        return Layout(told[1], 1)
    rows = [(i, line) for i, line in enumerate(head) if line.strip() and not _holds_no_row(line)]
    if names := _names(line for _, line in rows):
        return Layout("\t", names=names, note="cells are written name:value, there is no header")
    widths = {mark: [len(cells) for cells in _cells(rows, mark)] for mark in DELIMITERS}
    for mark, found in widths.items():
        if len(found) > 1 and found[0] == found[1] > 1:
            return Layout(mark)
    words = [len(line.split()) for _, line in rows]
    single = len(words) > 1 and all(found[:1] == [1] for found in widths.values())
    if single and words[0] > 1 and len(set(words[:-1])) == 1:
        return Layout("\t", spaces=True)
    for mark, found in widths.items():
        for k in range(1, len(found) - 2):
            if found[k] == found[k + 1] == found[k + 2] > max(1, *found[:k]) and len(rows) > k:
                start = rows[k][0]
                if not any(map(_is_number, next(csv.reader([rows[k][1]], delimiter=mark)))):
                    title = f"lines 1 to {start} are no rows: left out"
                    return Layout(mark, start, note=title)
    return Layout(max(DELIMITERS, key=lambda mark: widths[mark][0] if widths[mark] else 0))


def _holds_no_row(line: str) -> bool:
    return bool(COMMENT.match(line) or RULER.fullmatch(line))


def _cells(rows: Sequence[tuple[int, str]], mark: str) -> list[list[str]]:
    try:
        lines = [line for _, line in rows]
        return [cells for cells in csv.reader(lines, delimiter=mark) if any(cells)]
    except csv.Error:
        return []  # the reader of the whole file says which row is broken


def _pairs(line: str) -> list[str]:
    return [pair for pair in re.split(r"[,;\t ]+(?=[^:,;\t ]+\s*:)", line.strip()) if pair]


def _names(rows: Iterable[str]) -> tuple[str, ...]:
    """The names of cells written name:value, if the first lines are written so; else ()."""
    seen = []
    for line in rows:
        pairs = [pair.partition(":") for pair in _pairs(line)]
        if not all(name and _is_number(value.strip()) for name, _, value in pairs):
            return ()
        seen.append(tuple(name.strip() for name, _, _ in pairs))
    alike = len(seen) > 1 and len(set(seen[:-1])) == 1
    return seen[0] if alike and all(not _is_number(name) for name in seen[0]) else ()


def _is_number(text: str) -> bool:
    return bool(number_of(text.strip(), ".") or number_of(text.strip(), ","))


class FileRows:
    """Iterator over (file row, cells) of the rows with content; counts the others.

    Each row has as many cells as the header; empty cells beyond it are cut off. Rows that do not
    fit are remembered, and refused together at the end, or left out with `skip_bad`.
    """

    def __init__(self, lines: Iterable[str], layout: Layout, name: str, skip_bad: bool = False):
        self.reader = csv.reader(
            layout.clean(lines), delimiter=layout.delimiter, strict=True, skipinitialspace=True
        )
        self.layout, self.name, self.skip_bad = layout, name, skip_bad
        self.blank = self.headers = self.good = 0
        self.bad: list[tuple[int, int]] = []  # file row, cells
        self.header: list[str] = []
        self.header = [" ".join(title.split()) for title in next(self, (0, []))[1]]
        if not self.header:
            raise DataError(f"{name} has no content: it needs a header and rows")
        if len(self.header) > MAXIMUM_COLUMNS:
            raise DataError(
                f"{name} has {len(self.header)} columns, the limit is {MAXIMUM_COLUMNS}: keep "
                "those you use"
            )

    def __iter__(self) -> FileRows:
        return self

    def __next__(self) -> tuple[int, list[str]]:
        began = self.reader.line_num
        try:
            for cells in self.reader:
                began = self.reader.line_num  # of the next row, whatever quotes do to it
                row = self.reader.line_num - bool(self.layout.names)
                if not any(map(str.strip, cells)):
                    self.blank += 1
                elif self.header and [cell.strip() for cell in cells] == self.header:
                    self.headers += 1
                elif fitting := self._fit(row, cells):
                    self.good += 1
                    return row, fitting
        except csv.Error as error:
            at_end = str(error).startswith("unexpected end")
            said = "a quote opens, and nothing closes it" if at_end else error
            row = began + 1 - bool(self.layout.names)
            raise DataError(f"{self.name} row {row}: {said}: check the quotes") from error
        self._require_good()
        raise StopIteration

    @property
    def notes(self) -> list[str]:
        """One line each: what was no row."""
        notes = [self.layout.note] if self.layout.note else []
        if self.headers:
            notes.append(f"the header stands again in {counted(self.headers, 'row')}: left out")
        if self.bad:
            verbs = ("does", "is") if len(self.bad) == 1 else ("do", "are")
            notes.append(
                f"{counted(len(self.bad), 'row')} {verbs[0]} not fit the header and {verbs[1]} "
                f"left out: {self._places}"
            )
        return notes

    def _fit(self, row: int, cells: list[str]) -> list[str]:
        """The cells in the header's width; none of a row that does not fit."""
        width = len(self.header)
        if not width or len(cells) == width:
            return cells
        if len(cells) < width or any(map(str.strip, cells[width:])):
            self.bad.append((row, len(cells)))
            return []
        return cells[:width]

    def _require_good(self) -> None:
        if not self.bad or (self.skip_bad and len(self.bad) <= MOST_BAD * self.good):
            return
        row, cells = self.bad[0]
        more = f" ({len(self.bad)} such rows: {self._places})" if len(self.bad) > 1 else ""
        step = "mend the row, or quote cells that contain the delimiter"
        if len(self.bad) > self.good and self.layout.delimiter == "," and cells > len(self.header):
            step = "if commas are decimal marks as well, write ; between cells, else mend the rows"
        elif self.skip_bad:
            step = f"--skip-bad leaves out at most {MOST_BAD:.0%} of the rows, mend them"
        elif len(self.bad) <= MOST_BAD * self.good:
            step += "; --skip-bad leaves it out"
        raise DataError(
            f"{self.name} row {row} has {counted(cells, 'cell')}, the header has "
            f"{len(self.header)}{more}: {step}"
        )

    @property
    def _places(self) -> str:
        rows = ", ".join(str(row) for row, _ in self.bad[:MOST_PLACES])
        return rows + (", .." if len(self.bad) > MOST_PLACES else "")


def unique_names(header: Sequence[str], name: str) -> list[str]:
    """Column names: the titles without a unit in brackets, unless only the unit tells two apart; ""
    where unnamed.
    """
    if all(_is_number(title) for title in header if title):
        raise DataError(f"{name} row 1 holds numbers only: the first row must name the columns")
    if long := [title for title in header if len(title) > MAXIMUM_NAME]:
        raise DataError(
            f"{name} row 1: the column name {show(long[0])} has {len(long[0])} characters, "
            f"the limit is {MAXIMUM_NAME}: shorten it"
        )
    short = [split_unit(title)[0] for title in header]
    names = [title if short.count(bare) > 1 else bare for title, bare in zip(header, short)]
    for title in names:
        if title and names.count(title) > 1 and _is_number(title):
            raise DataError(_values_said(header, name))
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


def require_header(
    header: Sequence[str], cells_by_column: Sequence[Sequence[str]], name: str
) -> None:
    """Refuse a first row of values: numbers in it, and a text that comes again in its column."""
    again = any(
        title and not _is_number(title) and title in map(str.strip, cells)
        for title, cells in zip(header, cells_by_column)
    )
    if again and any(map(_is_number, header)):
        raise DataError(_values_said(header, name))


def _values_said(header: Sequence[str], name: str) -> str:
    values = ", ".join(header[:4]) + (", .." if len(header) > 4 else "")
    return (
        f"{name} row 1 reads like a row of values ({show(values)}): put a row with the names of "
        "the columns above it"
    )
