"""The samples that an existing model of signals reads, from files of recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...model.fixedpoint import MISSING, Quantity
from ..model_rows import rows_for
from ..table import load_table
from .files import recording_files


@dataclass(frozen=True)
class Samples:
    """Files of recordings one after the other, as a model of signals takes them."""

    # int64 (n, channels); before each file stands a row without values: the model begins anew there
    raw: np.ndarray
    files: tuple[tuple[str, int], ...]  # name and rows of each
    notes: tuple[str, ...]  # on what changed

    @property
    def own(self) -> np.ndarray:
        """True for the rows of the files, bool (n,)."""
        found = np.ones(len(self.raw), dtype=bool)
        found[np.cumsum([0, *(rows + 1 for _, rows in self.files[:-1])])] = False
        return found

    @property
    def file_names(self) -> np.ndarray | None:
        """The name of each own row's file; None of one file."""
        if len(self.files) == 1:
            return None
        names, rows = zip(*self.files)
        return np.repeat(np.array(names), rows)


def samples_for(
    channels: Sequence[Quantity],
    sources: Path | str | Sequence[Path | str],
    missing: Sequence[float | str],
) -> Samples:
    """The rows of the files, in the model's order of channels. Raises DataError as `rows_for`
    does.
    """
    start = np.full((1, len(channels)), MISSING, dtype=np.int64)
    parts, files, notes = [], [], {}
    for path in recording_files(sources)[0]:
        raw, told = rows_for(channels, load_table(path, missing))
        parts += [start, raw]
        files.append((path.name, len(raw)))
        notes.update(dict.fromkeys(told))
    return Samples(np.concatenate(parts), tuple(files), tuple(notes))
