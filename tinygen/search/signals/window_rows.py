"""Recordings as rows of features, one a window; windows of one recording stay on one side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...data.dataset import Dataset, Rows, Split
from ...data.recordings import Recordings
from ...model.fixedpoint import Quantity
from ...model.signals import FrontEnd, Windows

FOLDS = 5


@dataclass(frozen=True)
class WindowRows:
    """Windows of all recordings, one after the other, as a data set of features."""

    dataset: Dataset
    recording: np.ndarray  # int64 (windows,): of each window
    windows: tuple[Windows, ...]  # of each recording

    def only(self, keep: tuple[int, ...]) -> WindowRows:
        """The same with some of the features, by their place."""
        dataset = replace(self.dataset, rows=self.dataset.rows.only(keep))
        windows = tuple(replace(w, features=w.features[:, keep]) for w in self.windows)
        return replace(self, dataset=dataset, windows=windows)


def rows_of(recordings: Recordings, front: FrontEnd, output: Quantity, seed: int) -> WindowRows:
    """The windows of recordings as the front end sees them, with folds of whole groups."""
    windows = front.run([one.raw for one in recordings.recordings])
    counts = [len(w) for w in windows]
    recording = np.repeat(np.arange(len(windows)), counts)
    x = np.concatenate([w.features for w in windows])
    labels = recordings.labels
    classes = [labels.index(one.label) if labels else 0 for one in recordings.recordings]
    train = np.flatnonzero(np.isin(recording, recordings.train))
    test = np.flatnonzero(np.isin(recording, recordings.test))
    cuts = tuple(
        (train[~np.isin(recording[train], part)], train[np.isin(recording[train], part)])
        for part in recordings.fold_parts(FOLDS)
    )
    inputs = feature_quantities(recordings.channels, recordings.rate_hz, front, x[train])
    rows = Rows(x, np.repeat(classes, counts), inputs, output, labels)
    split = Split(train, test, "recordings", seed, False, cuts)
    dataset = Dataset(rows, split, recordings.provenance, recordings.notes)
    return WindowRows(dataset, recording, tuple(windows))


def feature_quantities(
    channels: Sequence[Quantity], rate_hz: float, front: FrontEnd, x: np.ndarray
) -> tuple[Quantity, ...]:
    """The features as inputs of a model, with the range of the windows x (windows, features)."""
    names = front.feature_names(channels, rate_hz)
    steps = front.feature_steps([q.scale for q in channels])
    units = {q.unit for q in channels}
    unit = units.pop() if len(units) == 1 else ""
    return tuple(
        Quantity(name, unit if step else "", step or 1.0, *_ends(x[:, k], step or 1.0))
        for k, (name, step) in enumerate(zip(names, steps))
    )


def _ends(raw: np.ndarray, step: float) -> tuple[float, float]:
    return float(raw.min() * step), float(raw.max() * step)
