"""Features of a bank of bands: the strongest one, and where the middle of the power is.

Each is worked out from the sums of squares of the bands, from the lowest to the highest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..nodes import Integers, integers, within
from .accumulators import MODULUS, Accumulator, largest_squares
from .features import Feature, Frame, Totals, feature
from .streams import Interval

MOST_BANDS = 8
PARTS = 16  # of a band, in which a centroid is told
SQUARE_BITS = 21  # of the largest sum of squares in a centroid: 16 * (0 + .. + 7) * 2**21 < 2**30


@dataclass(frozen=True)
class _OfBands(Feature):
    bands: tuple[int, ...]

    @property
    def sources(self) -> tuple[int, ...]:
        return self.bands

    @classmethod
    def of(cls, *places: int) -> Feature:
        return cls(places)

    @classmethod
    def fits(cls, inside: Sequence[Interval], samples: int) -> bool:
        return all(largest_squares(each, samples) < MODULUS for each in inside)

    def moved(self, places: Mapping[int, int]) -> Feature:
        return replace(self, bands=tuple(places[band] for band in self.bands))

    def needs(self) -> tuple[Accumulator, ...]:
        return tuple(Accumulator("squares", (band,)) for band in self.bands)

    def unit_step(self, steps: Sequence[float]) -> float:
        return 0.0

    def _check(self, frame: Frame) -> int:
        """How many bands there are; ModelError where a sum of squares might not fit."""
        within(f"{self.kind}: bands", [len(self.bands)], 2, MOST_BANDS)
        most = max(largest_squares(frame.inside[band], frame.samples) for band in self.bands)
        within(f"{self.kind}: sum of squares", [most], 0, MODULUS - 1)
        return len(self.bands)

    def _squares(self, totals: Totals) -> Integers:
        """int64 (bands, windows, recordings)."""
        return np.stack([totals[kept] for kept in self.needs()])


@feature
@dataclass(frozen=True)
class Strongest(_OfBands):
    """Place of the band with the greatest power, from 0; the lowest of several."""

    kind: ClassVar[str] = "strongest"

    def bounds(self, frame: Frame) -> Interval:
        return 0, self._check(frame) - 1

    def values(self, totals: Totals, frame: Frame) -> Integers:
        return integers(self._squares(totals).argmax(axis=0))

    def words(self, names: Sequence[str]) -> str:
        return f"strongest of {len(names)} bands ({names[0]}, and up)"


@feature
@dataclass(frozen=True)
class Centroid(_OfBands):
    """Mean place of the bands, weighted by their power, in steps of 1/16, rounded down; 0 where
    there is no power. With octaves it is the spectral centroid on a logarithmic scale.
    """

    kind: ClassVar[str] = "centroid"

    def bounds(self, frame: Frame) -> Interval:
        return 0, PARTS * (self._check(frame) - 1)

    def values(self, totals: Totals, frame: Frame) -> Integers:
        squares = self._squares(totals)
        shift = np.maximum(_bits(squares.max(axis=0)) - SQUARE_BITS, 0)
        power = squares >> shift
        moment = PARTS * np.tensordot(np.arange(len(power)), power, axes=1)
        total = power.sum(axis=0)
        return integers(np.where(total, moment // np.maximum(total, 1), 0))

    def words(self, names: Sequence[str]) -> str:
        return f"centroid of {len(names)} bands ({names[0]}, and up)"


def _bits(values: Integers) -> Integers:
    """Bits of integers from 0 to 2**32: exact in double precision."""
    return np.frexp(values.astype(np.float64))[1].astype(np.int64)
