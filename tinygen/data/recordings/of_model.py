"""The samples that an existing model of signals reads, from files of recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...model.fixedpoint import MISSING, Quantity
from ..model_rows import rows_for
from ..table import load_table
from .files import recording_files


def samples_for(
    channels: Sequence[Quantity],
    sources: Path | str | Sequence[Path | str],
    missing: Sequence[float | str],
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Raw int64 (n, channels) of the files one after the other, in the model's order of channels,
    and notes on what changed. Before each file stands one sample without values: the model begins
    anew there. Raises DataError as `rows_for` does.
    """
    start = np.full((1, len(channels)), MISSING, dtype=np.int64)
    parts, notes = [], {}
    for path in recording_files(sources)[0]:
        raw, told = rows_for(channels, load_table(path, missing))
        parts += [start, raw]
        notes.update(dict.fromkeys(told))
    return np.concatenate(parts), tuple(notes)
