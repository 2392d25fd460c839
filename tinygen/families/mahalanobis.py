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
ZERO = 1 << BITS
FEW_STEPS = 8  # raw steps per deviation: a mean to a whole step is then wrong by up to 1/16 of it
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
    # a reading far below the mean must still be above the lowest int16
    reach = np.minimum(REACH, (fitted.mean - RAW_MIN) / fitted.deviation)
    if reach.min() < LEAST_REACH:
        name = rows.inputs[int(np.argmin(reach))].name
        raise QuantizeError(
            f"input '{name}' lies within {LEAST_REACH} standard deviations of raw {RAW_MIN}: "
            "store it in coarser steps"
        )
    few = fitted.deviation.min() < FEW_STEPS
    scale = _centred(fitted, reach) if few else _fine(fitted, reach)
    steps = fitted.deviation * np.array(scale.multiplier) / 2**scale.shift  # of u per deviation
    exact = PARTS / steps**2 * (_mean_share(fitted, scale, rows) if few else 1.0)
    limit = SMALL if exact.max() <= 16 * exact.min() else WIDE
    shift = int(np.floor(np.log2(limit / exact.max())))
    weights = np.floor(exact * 2.0**shift + 0.5).astype(int)
    width = len(weights)
    return (
        scale,
        Monomials(tuple((k, k) for k in range(width)), BITS),
        Dense((tuple(weights.tolist()),), (0,), shift, 0, INT16_MAX),
    )


def threshold(answers: np.ndarray, alarms: float) -> int:
    """The alarm is *above* it: "higher" leaves at most that part of the rows there."""
    return min(int(np.quantile(answers, 1 - alarms, method="higher")), INT16_MAX - 1)


def _fine(fitted: Distance, reach: np.ndarray) -> Scale:
    """Each input in steps of a part of its deviation, around its mean to a raw step."""
    multiplier = np.floor(ZERO / (reach * fitted.deviation) * 65536 + 0.5)
    multiplier = np.clip(multiplier, 1, UINT16_MAX).astype(int)
    low = np.floor(fitted.mean - ZERO * 65536 / multiplier + 0.5)
    return _scale(low, multiplier, 16)


def _centred(fitted: Distance, reach: np.ndarray) -> Scale:
    """The same for inputs of few raw steps: widened, and around the mean to a part of a step.

    The lowest reading is whole; the multiplier brings the mean, a fraction, to zero.
    """
    low = np.floor(fitted.mean - reach * fitted.deviation)
    multiplier = np.clip(np.floor(ZERO * 256 / (fitted.mean - low) + 0.5), 1, UINT16_MAX)
    # of a wide input the multiplier is a small number: then it is the lowest reading that adapts
    multiplier += fitted.mean - ZERO * 256 / multiplier < RAW_MIN
    wide = reach * fitted.deviation > ZERO
    low = np.where(wide, np.floor(fitted.mean - ZERO * 256 / multiplier + 0.5), low)
    return _scale(low, multiplier.astype(int), 8)


def _mean_share(fitted: Distance, scale: Scale, rows: Rows) -> np.ndarray:
    """Mean square of each input before rounding, in parts of that after it: of few values all may
    be rounded the same way. 1 for an input that never moved.
    """
    steps = np.array(scale.multiplier) / 2**scale.shift
    before = (((rows.x - fitted.mean) * steps) ** 2).mean(axis=0)
    after = (scale.apply(rows.x).astype(np.float64) ** 2).mean(axis=0)
    return np.where(after > 0, before / np.where(after > 0, after, 1.0), 1.0)


def _scale(low: np.ndarray, multiplier: np.ndarray, shift: int) -> Scale:
    low = np.clip(low, RAW_MIN, INT16_MAX).astype(int)
    return Scale(tuple(low.tolist()), tuple(multiplier.tolist()), shift, 2 * ZERO - 1, ZERO)


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
