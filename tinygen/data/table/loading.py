"""Tables from paths: a file, several of one kind, or a folder with one file per class."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path

from ...common.errors import DataError, plain, show
from .joining import CLASS, stacked, with_classes_of_files
from .reading import read_table, require_cells, without_codes
from .table import Table


def load_table(
    path: Path | str, missing: Sequence[float | str] | None = None, skip_bad: bool = False
) -> Table:
    """The table in the CSV file `path`; numbers or words in `missing` become NaN. A folder is a
    table as well: one file per class, whose names are the labels in a column `class`.

    missing: None takes a number for "no value" only where the file says so beyond doubt, see
    `stated_code`. Raises DataError where there is no such file or it is not a table.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return _load_classes(path, missing, skip_bad)
    except OSError as error:
        raise _unreadable(path, error) from error
    return _load_file(path, missing, skip_bad)


def load_tables(
    paths: Path | str | Sequence[Path | str],
    missing: Sequence[float | str] | None = None,
    skip_bad: bool = False,
    target: str = "",
) -> Table:
    """The rows of one file, or of several of one kind in the order of the paths, as one table. With
    the target `class` and no such column, the name of each row's file is its class.

    Arguments and errors as those of `load_table`; DataError as well where the columns differ, or
    where a path is given twice.
    """
    files = [Path(path) for path in ([paths] if isinstance(paths, (str, Path)) else paths)]
    if len(files) == 1:
        return load_table(files[0], missing, skip_bad)
    require_files_once(files, "rows")
    return _load_several(files, missing, skip_bad, labelled=target == CLASS)


def require_files_once(files: Sequence[Path], what: str) -> None:
    """DataError where one of several files is a folder, or given twice; `what` is in them."""
    places = [os.path.realpath(path) for path in files]
    for path, place in zip(files, places):
        if os.path.isdir(place):
            raise DataError(f"{plain(path)} is a folder: give it alone, or several files")
        if places.count(place) > 1:
            raise DataError(f"{plain(path)} is given twice: its {what} would count twice")


def _load_classes(folder: Path, missing: Sequence[float | str] | None, skip_bad: bool) -> Table:
    """The rows of all CSV files in a folder, each with the name of its file as its class."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.casefold() in (".csv", ".txt"))
    if len(paths) < 2:
        raise DataError(
            f"{plain(folder)} is a folder with {len(paths)} CSV files: give one file, or a folder "
            "with one file per class"
        )
    return _load_several(paths, missing, skip_bad, True, plain(folder.resolve().name))


def _load_several(
    paths: Sequence[Path],
    missing: Sequence[float | str] | None,
    skip_bad: bool,
    labelled: bool,
    name: str = "",
) -> Table:
    # a code for "no value" is one in all files, or in none: it is looked for in all rows together
    tables = [_load_file(path, missing or (), skip_bad) for path in paths]
    rows = sum(table.rows_read for table in tables)
    files = f"{rows} rows of {len(tables)} files"
    require_cells(name or plain(paths[0].name), rows, len(tables[0].names), files)
    table = stacked(tables, name)
    if labelled and (name or CLASS not in table.names):
        labels = [plain(path.stem) for path in paths]
        table = with_classes_of_files(table, [t.rows_read for t in tables], labels)
    return table if missing is not None else without_codes(table)


def _load_file(path: Path, missing: Sequence[float | str] | None, skip_bad: bool) -> Table:
    try:
        _require_file(path)
        with path.open("rb") as stream:
            return read_table(stream, path.name, missing, skip_bad)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"{plain(path)} cannot be read ({error.strerror}): check the path and its permissions"
    )


def _require_file(path: Path) -> None:
    if not path.exists():
        raise DataError(f"{plain(path)} does not exist: check the path{_similar_file(path)}")
    if not path.is_file():
        raise DataError(f"{plain(path)} is not a regular file: save the rows to a file first")


def _similar_file(path: Path) -> str:
    near = difflib.get_close_matches(
        path.name, [p.name for p in path.parent.glob("*") if p.is_file()], 1
    )
    return f"; there is {show(near[0])} beside it" if near else ""
