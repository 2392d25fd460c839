"""Guard: how many readings lie outside their usual interval. Trained without a target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..nodes import Outside
from . import Family, Rows


@dataclass(frozen=True)
class Config:
    left_out: float          # part of the training rows beyond each end of an interval


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
    low, high = np.quantile(rows.x, [config.left_out, 1 - config.left_out], axis=0)
    return Box(tuple(range(rows.x.shape[1])), np.ceil(low).astype(int), np.floor(high).astype(int))


def lower(fitted: Box, rows: Rows):
    return (Outside(tuple(fitted.low.tolist()), tuple(fitted.high.tolist())),)


FAMILY = Family("box", "count of readings outside their interval", candidates, fit, lower, tasks=("guard",))
