"""Training rows as a family sees them, and what a family's fit gives back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ..model.fixedpoint import Quantity


@dataclass(frozen=True)
class Rows:
    """Training rows as a family sees them: raw integers and what they stand for."""

    x: np.ndarray  # int64 (n, inputs), raw
    y: np.ndarray  # int64 (n,), raw
    inputs: tuple[Quantity, ...]
    output: Quantity
    labels: tuple[
        str, ...
    ] = ()  # classification: the label of class 0, 1, ...; y holds class indices
    weights: np.ndarray | None = (
        None  # float (n,), 0 or more: how much each row counts; None, all the same
    )

    @property
    def task(self) -> str:
        """What a family must be able to do with these rows; a guard is asked for by name only."""
        return "classification" if self.labels else "regression"

    def error(self, predicted: np.ndarray) -> float:
        """What a family is judged by: the error rate of classes, else the mean absolute error."""
        return float(
            np.average(
                predicted != self.y if self.labels else np.abs(predicted - self.y),
                weights=self.weights,
            )
        )

    def spread(self) -> float:
        """Sum of squared deviations of the target from its mean, raw**2; 0 where no row counts."""
        counts = np.ones(len(self.y)) if self.weights is None else self.weights
        return (
            float((counts * (self.y - np.average(self.y, weights=counts)) ** 2).sum())
            if counts.any()
            else 0.0
        )

    def only(self, columns: tuple[int, ...]) -> Rows:
        """The same rows with some of the inputs."""
        return replace(self, x=self.x[:, columns], inputs=tuple(self.inputs[c] for c in columns))

    def take(self, index) -> Rows:
        """Some of the rows."""
        return replace(
            self,
            x=self.x[index],
            y=self.y[index],
            weights=None if self.weights is None else self.weights[index],
        )


class Fitted(Protocol):
    """A fitted float model."""

    columns: tuple[int, ...]  # which of the rows' inputs it uses, in this order

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Float raw outputs (n,) for raw inputs (n, all inputs); of a classifier class indices."""
