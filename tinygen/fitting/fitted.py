"""What a family's fit gives back."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np


class Fitted(Protocol):
    """A fitted float model."""

    @property
    def columns(self) -> tuple[int, ...]:
        """Which of the rows' inputs it uses, in this order."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Float raw outputs (n,) for raw inputs (n, all inputs); of a classifier class indices."""


@runtime_checkable
class Scoring(Protocol):
    """A fitted classifier that compares scores."""

    def class_scores(self, x: np.ndarray) -> np.ndarray:
        """Float scores (n, classes) for raw inputs (n, all inputs); the largest names the class."""
