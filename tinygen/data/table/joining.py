"""Several tables as one: their rows one below the other."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...common.errors import DataError, show
from ..cells import MAXIMUM_LABELS, TextCells, TextLabels, TwoReadings
from ..timestamps import joined
from .table import Table

CLASS = "class"  # the column with the labels of files
MOST_NAMED = 3  # files that the name of a joined table tells


def stacked(tables: Sequence[Table], name: str = "") -> Table:
    """The rows of tables with the same columns, those of the first table first. `name` stands for
    them in messages; by default the names of the files do.

    Raises DataError where a column is in one of them only, or in two units.
    """
    for table in tables[1:]:
        _require_alike(tables[0], table)
    first, names = tables[0], tables[0].names
    times = {
        columns: joined([table.times[columns] for table in tables])
        for columns in first.times
        if all(columns in table.times for table in tables)
    }
    return replace(
        first,
        path_name=name or _name_of(tables),
        columns={n: np.concatenate([table.columns[n] for table in tables]) for n in names},
        decimals={n: max(table.decimals[n] for table in tables) for n in names},
        units={n: next((t.units[n] for t in tables if t.units[n]), "") for n in names},
        texts={n: _texts(tables, n) for n in names if any(n in table.texts for table in tables)},
        labels={n: labels for n in names if (labels := _labels(tables, n))},
        spellings={n: written for n in names if (written := _spellings(tables, n))},
        doubts={n: table.doubts[n] for table in tables for n in table.doubts},
        two_readings={n: found for n in names if (found := _two_readings(tables, n))},
        time_names=first.time_names if first.time_names in times else (),
        times=times,
        file_rows=np.concatenate([table.file_rows for table in tables]),
        files=tuple(pair for t in tables for pair in t.files or ((t.path_name, t.rows_read),)),
        rows_read=sum(table.rows_read for table in tables),
        blank_rows=sum(table.blank_rows for table in tables),
        missing=tuple(dict.fromkeys(code for table in tables for code in table.missing)),
        met=frozenset().union(*(table.met for table in tables)),
        sha256=hashlib.sha256("".join(table.sha256 for table in tables).encode()).hexdigest(),
        notes=tuple(dict.fromkeys(note for table in tables for note in table.notes)),
    )


def with_classes_of_files(table: Table, sizes: Sequence[int], labels: Sequence[str]) -> Table:
    """The table with a column `class` that holds the label of each row's file.

    sizes: rows of each file. Raises DataError where that name is taken.
    """
    if CLASS in table.names:
        raise DataError(f"{table.path_name}: there is a column {show(CLASS)} already: rename it")
    codes = np.repeat(np.arange(len(sizes)), sizes)
    return replace(
        table,
        names=(*table.names, CLASS),
        columns={**table.columns, CLASS: np.full(len(codes), np.nan)},
        decimals={**table.decimals, CLASS: 0},
        units={**table.units, CLASS: ""},
        texts={**table.texts, CLASS: TextCells(len(codes), 2, labels[0])},
        labels={**table.labels, CLASS: TextLabels(tuple(labels), codes)},
    )


def _require_alike(first: Table, table: Table) -> None:
    if odd := sorted(set(table.names) ^ set(first.names)):
        raise DataError(
            f"{table.path_name} and {first.path_name} have different columns: "
            f"{show(odd[0])} is in one of them only"
        )
    for name in first.names:
        units = [t.units[name] for t in (first, table)]
        if all(units) and units[0] != units[1]:
            raise DataError(
                f"{table.path_name}: column {show(name)} is in {show(units[1])}, in "
                f"{first.path_name} in {show(units[0])}: convert one of them"
            )


def _name_of(tables: Sequence[Table]) -> str:
    names = [table.path_name for table in tables]
    if len(names) > MOST_NAMED:
        names = [*names[: MOST_NAMED - 1], f"{len(names) - MOST_NAMED + 1} more files"]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _texts(tables: Sequence[Table], name: str) -> TextCells:
    found = [(t.path_name, t.texts[name]) for t in tables if name in t.texts]
    file, first = found[0]
    count = sum(text.count for _, text in found)
    return replace(first, count=count, file=first.file or file)


def _labels(tables: Sequence[Table], name: str) -> TextLabels | None:
    """The texts of a column over all tables; None where one has texts that are too many."""
    if any(name in table.texts and name not in table.labels for table in tables):
        return None
    parts = [
        table.labels.get(name) or TextLabels((), np.full(table.rows_read, -1, dtype=np.int64))
        for table in tables
    ]
    texts = tuple(dict.fromkeys(text for part in parts for text in part.texts))
    if not 0 < len(texts) <= MAXIMUM_LABELS:
        return None
    codes = []
    for part in parts:
        place = np.array([*(texts.index(text) for text in part.texts), -1])
        codes.append(place[part.codes])  # -1, no text, is the last place
    return TextLabels(texts, np.concatenate(codes))


def _spellings(tables: Sequence[Table], name: str) -> dict[float, str]:
    """Numbers as written, where they are few in all tables together."""
    if any(name not in table.spellings for table in tables):
        return {}
    found: dict[float, str] = {}
    for table in tables:
        found = {**table.spellings[name], **found}
    return found if len(found) <= MAXIMUM_LABELS else {}


def _two_readings(tables: Sequence[Table], name: str) -> tuple[TwoReadings, ...]:
    return tuple(found for table in tables for found in table.two_readings.get(name, ()))
