"""One finding of the audit, and what the checks share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..dataset import Dataset

SEVERITIES = ("high", "medium", "low")


@dataclass(frozen=True)
class Finding:
    """One thing to know before training."""

    severity: str  # of SEVERITIES
    kind: str  # "shortcut", "missing", ...
    columns: tuple[str, ...]
    what: str  # what was seen and how much
    effect: str  # what it does to the model
    advice: str  # what to type

    @property
    def line(self) -> str:
        """What was seen, what it does and what to type, as a note."""
        return f"{self.what}: {self.effect} ({self.advice})"


def shuffled_training(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Training rows in a fixed shuffled order, so that folds are random."""
    order = np.random.default_rng(0).permutation(dataset.train)
    return dataset.x[order].astype(float), dataset.y[order]


def drop_option(name: str) -> str:
    return f'--drop "{name}"'
