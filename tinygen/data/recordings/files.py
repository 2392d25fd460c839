"""From paths to one table of all samples, with the label that the place of each file tells."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...common.errors import DataError, UsageError, plain, show
from ...common.files import TABLES
from ..cells import MISSING_WORDS, number_of
from ..layout import FileRows, fingerprint, layout_of, lines
from ..table import Table, load_table, read_table
from ..table.joining import stacked
from ..table.loading import require_files_once
from ..table.reading import HEAD_LINES, require_cells, without_codes
from .request import RecordingRequest
from .sides import natural

TRAILING = re.compile(r"[\s_.\-()#]*\d+[\s_.\-()]*$")


@dataclass(frozen=True)
class Samples:
    """The rows of all files, one file below the other."""

    table: Table
    paths: tuple[Path, ...]
    names: tuple[str, ...]  # of each file, below the folder that was given
    labels: tuple[str, ...]  # that the place of each file tells; () where a column does
    headers: tuple[str, ...]  # of each file: a header that it has not; "" where it has its own
    labelled_by: str = ""  # "the names of the files" or "the folders"

    @property
    def file(self) -> np.ndarray:
        """int64 (n,): the file of each row."""
        sizes = [rows for _, rows in self.table.files] or [self.table.rows_read]
        return np.repeat(np.arange(len(sizes)), sizes)

    def texts(self, columns: Sequence[str]) -> list[str]:
        """The cells of these columns as written, joined by a space, in the order of the rows; ""
        where one of them is empty or a word for "no value".
        """
        return [text for k in range(len(self.paths)) for text in self._texts_of(k, columns)]

    def _texts_of(self, k: int, columns: Sequence[str]) -> Iterator[str]:
        with _opened(self.paths[k], self.headers[k]) as stream:
            _, encoding = fingerprint(stream, self.names[k])
            stream.seek(0)
            text = io.TextIOWrapper(stream, encoding=encoding, newline="")
            rest = lines(text, self.names[k])
            head = list(itertools.islice(rest, HEAD_LINES))
            rows = FileRows(itertools.chain(head, rest), layout_of(head), self.names[k], True)
            titles = [title.split("[")[0].strip() for title in rows.header]
            places = [
                rows.header.index(c) if c in rows.header else titles.index(c) for c in columns
            ]
            for _, cells in rows:
                found = [cells[place].strip() for place in places]
                there = not any(cell.casefold() in MISSING_WORDS for cell in found)
                yield " ".join(found) if there else ""


def read_samples(request: RecordingRequest) -> Samples:
    """The samples of a file, of several or of a folder of them. DataError where a file is no table
    or has other columns than the first, or where labels are asked for and nothing tells them.
    """
    paths, names = recording_files(request.source)
    headers = tuple(_missing_header(path) for path in paths)
    # a code for "no value" is one in all files, or in none: it is looked for in all rows together
    codes = request.missing if request.missing is not None else ()
    tables = []
    for path, name, header in zip(paths, names, headers):
        table = _read(path, header, codes, request.skip_bad)
        tables.append(replace(table, path_name=name))
        rows = sum(table.rows_read for table in tables)
        require_cells(names[0], rows, len(tables[0].names), f"{rows} rows of {len(tables)} files")
    table = tables[0] if len(tables) == 1 else stacked(tables, _folder_name(request.source))
    if any(headers):
        count = sum(map(bool, headers))
        note = f"{count} of {len(headers)} files have no header: their columns are c1, c2, .."
        table = replace(table, notes=(*table.notes, note))
    asked = request.missing is not None
    table = table.noting_unmet_codes() if asked else without_codes(table)
    labels: tuple[str, ...] = ()
    by = ""
    if not request.target:
        # a guard needs no labels, but may ask for the usual recordings by theirs
        with nullcontext() if request.labelled else suppress(DataError):
            labels, by = _labels_of(table.path_name, names, table)
    return Samples(table, paths, names, labels, headers, by)


def recording_files(
    source: Path | str | Sequence[Path | str],
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """The files of a source, and what messages call each; those of a folder in natural order."""
    given = [Path(source)] if isinstance(source, (str, Path)) else [Path(path) for path in source]
    if not given:
        raise UsageError("no file is given: give CSV files, or a folder of them")
    if len(given) == 1 and given[0].is_dir():
        return _in_folder(given[0])
    require_files_once(given, "samples")
    return tuple(given), tuple(plain(path.name) for path in given)


def _in_folder(folder: Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    try:
        found = [p for p in folder.rglob("*") if p.suffix.casefold() in TABLES and p.is_file()]
    except OSError as error:
        raise DataError(f"{plain(folder)} cannot be read ({error.strerror})") from error
    inside = {path: path.relative_to(folder) for path in found}
    hidden = {p for p, short in inside.items() if any(part[0] == "." for part in short.parts)}
    paths = sorted(set(found) - hidden, key=lambda path: natural(inside[path].as_posix()))
    if not paths:
        raise DataError(
            f"{plain(folder)} holds no CSV file: give a folder with one file per recording"
        )
    return tuple(paths), tuple(plain(inside[path].as_posix()) for path in paths)


def _folder_name(source: Path | str | Sequence[Path | str]) -> str:
    single = isinstance(source, (str, Path))
    return plain(Path(source).resolve().name) if single else ""  # type: ignore[arg-type]


def _labels_of(source: str, names: Sequence[str], table: Table) -> tuple[tuple[str, ...], str]:
    """The label of each file, by its folder where there are sub-folders, else by its name."""
    below = ["/" in name for name in names]
    if any(below) and not all(below):
        raise DataError(
            f"{source} holds files ({show(names[below.index(False)])}) and sub-folders "
            f"({show(names[below.index(True)])}): put every file in the folder of its class, or "
            "name the column of labels with --target"
        )
    by = "the folders" if any(below) else "the names of the files"
    stems = [name.split("/")[0] if any(below) else Path(name).stem for name in names]
    labels = tuple(stem if any(below) else TRAILING.sub("", stem) for stem in stems)
    if "" in labels:
        raise DataError(
            f"{source}: the file name {show(names[labels.index('')])} tells no label: name files "
            "like walk-01.csv, put them in one folder per class, or give --target COLUMN"
        )
    if len(names) == 1:
        columns = ", ".join(map(show, table.names[:6]))
        raise DataError(
            f"{source} is one file, and nothing tells the labels: name their column with --target "
            f"(it has {columns}), or give a folder with one file per recording"
        )
    return labels, by


# ------------------------------------------------------------------------- files without a header


def _read(path: Path, header: str, codes: Sequence[float | str], skip_bad: bool) -> Table:
    if not header:
        return load_table(path, codes, skip_bad)
    with _opened(path, header) as stream:
        table = read_table(stream, path.name, codes, skip_bad)
    return replace(table, file_rows=table.file_rows - 1)


def _opened(path: Path, header: str):
    """The file's bytes, below the header that it has not."""
    if not header:
        return path.open("rb")
    return io.BytesIO(header.encode() + b"\n" + path.read_bytes().removeprefix(b"\xef\xbb\xbf"))


def _missing_header(path: Path) -> str:
    """The header "c1,c2,.." for a file whose first row holds numbers only; "" where it has one."""
    try:
        with path.open("rb") as stream:
            start = stream.read(1 << 14)
    except OSError:
        return ""  # the reader says what is wrong
    if b"\0" in start:
        return ""
    head = start.decode("utf-8-sig", "replace").splitlines(keepends=True)[:HEAD_LINES]
    if not head:
        return ""
    rows = FileRows(iter(head[:1]), layout := layout_of(head), path.name)
    numbers = all(number_of(c.strip(), ".") or number_of(c.strip(), ",") for c in rows.header if c)
    if not numbers or layout.names or layout.start:
        return ""
    mark = " " if layout.spaces else layout.delimiter
    clock = "00:00:00.000 -> " if layout.clock else ""
    return clock + mark.join(f"c{k}" for k in range(1, len(rows.header) + 1))
