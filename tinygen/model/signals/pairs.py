"""Features of two streams: how much they go together in a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..nodes import Integers, integers, within
from .accumulators import (
    MODULUS,
    Accumulator,
    deviation_squares,
    joint_deviation,
    largest_deviation,
    largest_squares,
    signed,
    towards_zero,
)
from .features import Feature, Frame, Totals, feature
from .streams import Interval, floor_root

CORRELATION_ONE = 127  # a correlation of 1


@dataclass(frozen=True)
class _OfTwo(Feature):
    first: int
    second: int

    @property
    def sources(self) -> tuple[int, ...]:
        return self.first, self.second

    def moved(self, places: Mapping[int, int]) -> Feature:
        return replace(self, first=places[self.first], second=places[self.second])

    def unit_step(self, steps: Sequence[float]) -> float:
        return 0.0


@feature
@dataclass(frozen=True)
class Correlation(_OfTwo):
    """Correlation of two streams within the window, -127 .. 127; 0 where one of them is still."""

    kind: ClassVar[str] = "correlation"

    def needs(self) -> tuple[Accumulator, ...]:
        return (
            Accumulator("product", self.sources),
            *(Accumulator("sum", (place,)) for place in self.sources),
            *(Accumulator("squares", (place,)) for place in self.sources),
        )

    def bounds(self, frame: Frame) -> Interval:
        for place in self.sources:
            most = largest_deviation(frame.inside[place], frame.samples)
            within("correlation: sum of squares", [most], 0, MODULUS // 2 - 1)
        return -CORRELATION_ONE, CORRELATION_ONE

    def values(self, totals: Totals, frame: Frame) -> Integers:
        product, *sums = (totals[need] for need in self.needs())
        joint = joint_deviation(product, (sums[0], sums[1]), frame.samples)
        roots = [
            floor_root(deviation_squares(squares, total, frame.samples))
            for squares, total in zip(sums[2:], sums[:2])
        ]
        return _part(joint, roots[0] * roots[1] // CORRELATION_ONE)

    @classmethod
    def fits(cls, inside: Sequence[Interval], samples: int) -> bool:
        return all(largest_deviation(each, samples) < MODULUS // 2 for each in inside)

    def words(self, names: Sequence[str]) -> str:
        return f"correlation of {names[0]} and {names[1]}"


@feature
@dataclass(frozen=True)
class Likeness(_OfTwo):
    """How alike two streams without an offset are: sum of their products by the squares of the
    first, -127 .. 127. With the second a delay of the first it is the autocorrelation.
    """

    kind: ClassVar[str] = "likeness"

    def needs(self) -> tuple[Accumulator, ...]:
        return Accumulator("product", self.sources), Accumulator("squares", (self.first,))

    def bounds(self, frame: Frame) -> Interval:
        for place in self.sources:
            most = largest_squares(frame.inside[place], frame.samples)
            within("likeness: sum of squares", [most], 0, MODULUS // 2 - 1)
        return -CORRELATION_ONE, CORRELATION_ONE

    def values(self, totals: Totals, frame: Frame) -> Integers:
        product, squares = (totals[need] for need in self.needs())
        return _part(signed(product), squares // CORRELATION_ONE)

    @classmethod
    def fits(cls, inside: Sequence[Interval], samples: int) -> bool:
        return all(largest_squares(each, samples) < MODULUS // 2 for each in inside)

    def words(self, names: Sequence[str]) -> str:
        return f"likeness of {names[0]} to {names[1]}"


def _part(numerator: Integers, one: Integers) -> Integers:
    """Quotient towards 0 within -127 .. 127; 0 where the divisor is 0."""
    found = towards_zero(numerator, np.maximum(one, 1))
    clipped = np.clip(found, -CORRELATION_ONE, CORRELATION_ONE)
    return integers(np.where(one == 0, 0, clipped))
