"""A recording, and all recordings of a source with their two sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ...model.fixedpoint import MISSING, Quantity
from ..dataset import Finding, Provenance
from .sides import parts_of


@dataclass(frozen=True)
class Recording:
    """Samples that one sensor took one after the other, at one rate."""

    name: str  # "walk.csv", or "3 of motions.csv" where a file holds several
    label: str  # "" where there are no labels
    group: str  # stays on one side of every split; its own name without groups
    raw: np.ndarray  # int64 (n, channels); MISSING where a sample is missing or was lost
    part: str = ""  # its place in the file: "lines 2..3001"

    @property
    def whole(self) -> np.ndarray:
        """bool (n,): the samples without a missing value."""
        return ~(self.raw == MISSING).any(axis=1)

    @property
    def longest(self) -> int:
        """Samples of its longest stretch without a missing one."""
        edges = np.flatnonzero(np.diff(np.concatenate([[False], self.whole, [False]])))
        return int(np.diff(edges.reshape(-1, 2), axis=1).max(initial=0))


@dataclass(frozen=True)
class Recordings:
    """Recordings of the same channels at one rate, and which of them train and test."""

    channels: tuple[Quantity, ...]  # range over the training recordings
    rate_hz: float
    recordings: tuple[Recording, ...]  # in the order of the files and of their rows
    labels: tuple[str, ...]  # numbers by size, then texts by spelling; () without classes
    train: tuple[int, ...]  # positions in `recordings`, ascending
    test: tuple[int, ...]  # none of them in `train`; a copy of a test recording is in neither
    provenance: Provenance
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    seed: int = 0

    @property
    def training(self) -> tuple[Recording, ...]:
        return tuple(self.recordings[k] for k in self.train)

    @property
    def tested(self) -> tuple[Recording, ...]:
        return tuple(self.recordings[k] for k in self.test)

    @property
    def grouped(self) -> bool:
        """True where a group may hold several recordings."""
        return any(recording.group != recording.name for recording in self.recordings)

    def counts(self, side: Iterable[int]) -> dict[str, int]:
        """How many recordings of each class are among these positions."""
        found = Counter(self.recordings[k].label if self.labels else "" for k in side)
        return {label: found[label] for label in self.labels or ("",)}

    def seconds(self, side: Iterable[int]) -> float:
        """How long the recordings at these positions are together, lost samples left out."""
        return sum(int(self.recordings[k].whole.sum()) for k in side) / self.rate_hz

    def fold_parts(self, k: int = 5) -> list[tuple[int, ...]]:
        """The training recordings in at most k parts: groups whole, classes spread over them."""
        labels = [recording.label for recording in self.training]
        groups = [recording.group for recording in self.training]
        return [tuple(self.train[i] for i in part) for part in parts_of(labels, groups, k)]

    def noted(self, *notes: str) -> Recordings:
        """The same with more notes."""
        return replace(self, notes=(*self.notes, *notes))
