"""Guard: how many readings lie outside their usual interval. Trained without a target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..data import Rows
from ..model.fixedpoint import Quantity
from ..model.operations.outside import Outside
from . import Family, Guard


@dataclass(frozen=True)
class Config:
    left_out: float  # at most this part of the training rows lies beyond each end of an interval


@dataclass(frozen=True)
class Box:
    """The usual interval of each input, raw."""

    columns: tuple[int, ...]
    low: np.ndarray
    high: np.ndarray

    def predict(self, x):
        return ((x < self.low) | (x > self.high)).sum(axis=1)


def candidates(rows: Rows) -> list[Config]:
    return [Config(part) for part in (0.0, 0.001, 0.01)]


def fit(rows: Rows, config: Config, seed: int = 0) -> Box:
    low = np.quantile(rows.x, config.left_out, axis=0, method="lower")
    high = np.quantile(rows.x, 1 - config.left_out, axis=0, method="higher")
    return Box(tuple(range(rows.x.shape[1])), low.astype(int), high.astype(int))


def lower(fitted: Box, rows: Rows):
    return (Outside(tuple(fitted.low.tolist()), tuple(fitted.high.tolist())),)


FAMILY = Family(
    "box",
    "count of readings outside their interval",
    candidates,
    fit,
    lower,
    tasks=("guard",),
    guard=Guard(
        Quantity("readings outside", "", 1.0, 0.0, 0.0),
        # each end of each interval may leave out its share of the alarms, so that one reading
        # outside is one
        config=lambda alarms, inputs: Config(alarms / (2 * inputs)),
        threshold=lambda answers, alarms: 0,
    ),
)
