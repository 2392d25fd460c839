"""Guard: squared distance of a row from the usual one, each input counted in its standard
deviations.

The Mahalanobis distance (1936) with a diagonal covariance, `sum(((x - mean) / deviation)**2)`, in
sixteenths. Trained without a target. An input counts up to REACH deviations; beyond, it saturates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..common.errors import QuantizeError
from ..data import Rows
from ..model.fixedpoint import INT16_MAX, RAW_MIN, Quantity
from ..model.nodes import UINT16_MAX
from ..model.operations.dense import Dense
from ..model.operations.monomials import Monomials
from ..model.operations.scale import Scale
from . import Family, Guard

PARTS = 16  # output steps per squared deviation
TRIM = 0.01  # part of the rows, the farthest ones, that does not shape the usual range
REACH, LEAST_REACH = 8, 3
BITS = 7  # scaled inputs are int8: 16 steps per deviation
SMALL, WIDE = 127, 2047  # limits of the weights: int8, and what 64 inputs can add up in 32 bits


@dataclass(frozen=True)
class Config:
    # part of the training rows, the farthest ones, that is left out of mean and deviation
    trim: float


@dataclass(frozen=True)
class Distance:
    """Mean and standard deviation of each input, raw."""

    columns: tuple[int, ...]
    mean: np.ndarray
    deviation: np.ndarray

    def predict(self, x):
        return PARTS * (((x - self.mean) / self.deviation) ** 2).sum(axis=1)


def candidates(rows: Rows) -> list[Config]:
    return [Config(trim) for trim in (0.0, TRIM)]


def fit(rows: Rows, config: Config, seed: int = 0) -> Distance:
    first = _distance(rows.x)
    if not config.trim:
        return first
    far = first.predict(rows.x)
    return _distance(rows.x[far <= np.quantile(far, 1 - config.trim)])


def _distance(x: np.ndarray) -> Distance:
    # one raw step is the least deviation: an input that never moved is unusual as soon as it does
    return Distance(tuple(range(x.shape[1])), x.mean(axis=0), np.maximum(x.std(axis=0), 1.0))


def lower(fitted: Distance, rows: Rows):
    zero = 1 << BITS
    # a reading far below the mean must still be above the lowest int16
    reach = np.minimum(REACH, (fitted.mean - RAW_MIN) / fitted.deviation)
    if reach.min() < LEAST_REACH:
        name = rows.inputs[int(np.argmin(reach))].name
        raise QuantizeError(
            f"input '{name}' lies within {LEAST_REACH} standard deviations of raw {RAW_MIN}: "
            "store it in coarser steps"
        )
    multiplier = np.clip(
        np.floor(zero / (reach * fitted.deviation) * 65536 + 0.5), 1, UINT16_MAX
    ).astype(int)
    low = np.clip(
        np.floor(fitted.mean - zero * 65536 / multiplier + 0.5), RAW_MIN, INT16_MAX
    ).astype(int)
    steps = fitted.deviation * multiplier / 65536  # of u per deviation
    exact = PARTS / steps**2
    limit = SMALL if exact.max() <= 16 * exact.min() else WIDE
    shift = int(np.floor(np.log2(limit / exact.max())))
    weights = np.floor(exact * 2.0**shift + 0.5).astype(int)
    width = len(low)
    return (
        Scale(tuple(low.tolist()), tuple(multiplier.tolist()), 16, 2 * zero - 1, zero),
        Monomials(tuple((k, k) for k in range(width)), BITS),
        Dense((tuple(weights.tolist()),), (0,), shift, 0, INT16_MAX),
    )


def threshold(answers: np.ndarray, alarms: float) -> int:
    """The alarm is *above* it: "higher" leaves at most that part of the rows there."""
    return min(int(np.quantile(answers, 1 - alarms, method="higher")), INT16_MAX - 1)


FAMILY = Family(
    "mahalanobis",
    "squared distance from the usual row",
    candidates,
    fit,
    lower,
    tasks=("guard",),
    guard=Guard(
        Quantity("squared distance", "deviations^2", 1 / PARTS, 0.0, 0.0),
        config=lambda alarms, inputs: Config(TRIM),
        threshold=threshold,
    ),
)
