"""A table of samples cut into recordings: where what a row belongs to changes, and where time does
not go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...common.errors import DataError, show
from ...common.tables import counted
from ..columns import spelled
from ..table import Table
from .clock import Clock
from .files import Samples

PAUSE_S, PAUSE_PERIODS = 1.0, 20  # a longer pause, whichever is longer, ends a recording


@dataclass(frozen=True)
class Piece:
    """Rows that follow each other in one recording."""

    start: int  # first row of the table
    end: int  # behind the last one
    name: str
    group: str
    label: str = ""
    tests: str = ""  # its value in the column of --test


@dataclass(frozen=True)
class Keys:
    """What the rows belong to, as texts (n,); "" where the cell is empty."""

    label: np.ndarray
    recording: np.ndarray
    group: np.ndarray
    test: np.ndarray


def texts_of(samples: Samples, name: str) -> np.ndarray:
    """The cells of a column as str (n,), numbers as the file writes them; "" where missing."""
    table = samples.table
    if name in table.texts and name not in table.labels:
        words = {word for word in table.missing if isinstance(word, str)}
        return np.array(["" if text in words else text for text in samples.texts((name,))])
    values = table.columns[name]
    different, codes = np.unique(values, return_inverse=True)
    words_of = np.array(["" if np.isnan(v) else spelled(table, name, float(v)) for v in different])
    texts = words_of[codes.reshape(-1)].astype(object)
    if name in table.labels:
        labels = table.labels[name]
        there = labels.codes >= 0
        texts[there] = np.array(labels.texts, dtype=object)[labels.codes[there]]
    return texts.astype(str)


def keys_of(samples: Samples, columns: Mapping[str, str]) -> Keys:
    """The keys from the columns for "label", "recording", "group" and "test", "" for none."""
    nothing = np.full(samples.table.rows_read, "")

    def texts(use: str) -> np.ndarray:
        return texts_of(samples, columns[use]) if columns[use] else nothing

    label = np.array(samples.labels)[samples.file] if samples.labels else texts("label")
    for use in ("recording", "group"):
        if columns[use] and (empty := np.flatnonzero(texts(use) == "")).size:
            raise DataError(
                f"{samples.table.path_name}, column {show(columns[use])} is empty in "
                f"{counted(len(empty), 'row')}, the first is row "
                f"{samples.table.row_name(int(empty[0]))}: every sample needs a value for --{use}"
            )
    return Keys(label, texts("recording"), texts("group"), texts("test"))


def pieces_of(
    samples: Samples, keys: Keys, clock: Clock | None, numbered: bool, grouped: bool
) -> tuple[list[Piece], list[str]]:
    """The recordings of a table, and notes on where time cut them. numbered: a column numbers them;
    grouped: a column groups them.
    """
    file = samples.file
    starts = np.append(True, file[1:] != file[:-1])
    for key in (keys.label, keys.recording, keys.group, keys.test):
        starts[1:] |= key[1:] != key[:-1]
    notes: list[str] = []
    if clock:
        alone = len(samples.paths) == 1 and not numbered
        cuts, notes = _cuts(samples, clock, np.flatnonzero(starts), alone, numbered)
        starts[cuts] = True
    edges = [*np.flatnonzero(starts).tolist(), len(starts)]
    spans = list(pairwise(edges))
    names = _names(samples, [a for a, _ in spans], keys, numbered)
    groups = _groups(samples, [a for a, _ in spans], names, keys, numbered, grouped)
    return [
        Piece(a, b, name, group, str(keys.label[a]), str(keys.test[a]))
        for (a, b), name, group in zip(spans, names, groups)
    ], notes


def _cuts(
    samples: Samples, clock: Clock, starts: np.ndarray, alone: bool, numbered: bool
) -> tuple[list[int], list[str]]:
    """Rows at which time ends a recording, and what to tell of them: it goes back to the start, or
    in a file of its own pauses. DataError where it goes back otherwise.
    """
    back, paused = [], []
    for a, b in zip(starts.tolist(), [*starts[1:].tolist(), len(clock.seconds)]):
        steps = np.diff(clock.seconds[a:b])
        rising = steps[steps > 0]
        longest = max(PAUSE_S, PAUSE_PERIODS * float(np.median(rising)) if len(rising) else 0.0)
        first = a
        for k in np.flatnonzero((steps < 0) | (alone & (steps > longest))) + a + 1:
            if steps[k - a - 1] > 0:
                paused.append(int(k))
            elif numbered or clock.seconds[k] > clock.seconds[first] + longest:
                raise _backwards(samples, clock, int(k))
            else:
                back.append(int(k))
            first = k
    notes = []
    table = samples.table
    for rows, what in ((back, "goes back to its start"), (paused, "pauses")):
        if rows:
            notes.append(
                f"{clock.words} {what} at {counted(len(rows), 'row')}, the first is row "
                f"{table.row_name(rows[0])}: a new recording begins there"
            )
    return back + paused, notes


def _backwards(samples: Samples, clock: Clock, row: int) -> DataError:
    before, after = clock.seconds[row - 1], clock.seconds[row]
    return DataError(
        f"{samples.table.path_name} row {samples.table.row_name(row)}, {clock.words}: time goes "
        f"backwards by {before - after:.6g} s within a recording: sort the rows by time, or number "
        f'the recordings (--recording), or --drop "{clock.columns[0]}" with --rate HZ'
    )


def _names(samples: Samples, starts: list[int], keys: Keys, numbered: bool) -> list[str]:
    files = samples.file[starts].tolist()
    count = Counter(files)
    numbers = [(f, str(keys.recording[a])) for f, a in zip(files, starts)]
    own = numbered and len(set(numbers)) == len(numbers)
    seen: Counter[int] = Counter()
    names = []
    for file, (_, number) in zip(files, numbers):
        seen[file] += 1
        place = number if own else str(seen[file])
        single = count[file] == 1
        names.append(samples.names[file] if single else f"{place} of {samples.names[file]}")
    return names


def _groups(
    samples: Samples,
    starts: list[int],
    names: list[str],
    keys: Keys,
    numbered: bool,
    grouped: bool,
) -> list[str]:
    """The group of each recording: that of the column, else its own name, or that of its first
    part where one recording is in several.
    """
    if grouped:
        return [str(keys.group[a]) for a in starts]
    if not numbered and len(samples.paths) == 1:
        return list(names)
    first: dict[tuple, str] = {}
    found = []
    for a, name in zip(starts, names):
        key = int(samples.file[a]), *(str(k[a]) for k in (keys.recording, keys.label, keys.test))
        found.append(first.setdefault(key, name))
    return found


def lines_of(table: Table, piece: Piece) -> str:
    """Where a recording stands in its file."""
    return f"lines {table.file_rows[piece.start]}..{table.file_rows[piece.end - 1]}"
