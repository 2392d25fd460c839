"""Filters: streams that remember more than the last samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..nodes import Integers, integers, within
from .streams import Interval, OfOne, difference_within, stream

FRACTION = 8  # bits behind the point of a running mean
COEFFICIENT_BITS = 14  # behind the point of a band's coefficients
BAND_LIMIT = (1 << 13) - 1  # largest value inside a band filter, either sign


@stream
@dataclass(frozen=True)
class Level(OfOne):
    """Running mean: each sample moves it by 1 / 2**slowness of the distance."""

    slowness: int

    kind: ClassVar[str] = "level"
    remembers: ClassVar[bool] = True

    def bounds(self, inside: Sequence[Interval]) -> Interval:
        _slow(self.slowness, self.kind)
        return inside[0]

    def apply(self, values: Sequence[Integers]) -> Integers:
        return _running_mean(values[0], self.slowness) >> FRACTION

    def words(self, names: Sequence[str], rate_hz: float) -> str:
        return f"level of {names[0]} over {2**self.slowness / rate_hz:.3g} s"


@stream
@dataclass(frozen=True)
class Ripple(OfOne):
    """A sample less the running mean that it has moved already: what is left without the offset."""

    slowness: int
    shift: int = 0

    kind: ClassVar[str] = "ripple"
    remembers: ClassVar[bool] = True

    def bounds(self, inside: Sequence[Interval]) -> Interval:
        _slow(self.slowness, self.kind)
        return difference_within(inside[0], self.shift, self.kind)

    def apply(self, values: Sequence[Integers]) -> Integers:
        level = _running_mean(values[0], self.slowness) >> FRACTION
        return integers((values[0] - level) >> self.shift)

    def unit_step(self, steps: Sequence[float]) -> float:
        return steps[0] * (1 << self.shift)

    def words(self, names: Sequence[str], rate_hz: float) -> str:
        return f"ripple of {names[0]}"


@stream
@dataclass(frozen=True)
class Tracker(OfOne):
    """Follows the median without sorting: one step up where a sample is above it, one step down
    where it is below. A single spike moves it by one step.
    """

    step: int

    kind: ClassVar[str] = "tracker"
    remembers: ClassVar[bool] = True

    def bounds(self, inside: Sequence[Interval]) -> Interval:
        within("tracker: step", [self.step], 1, 1024)
        low, high = inside[0]
        return low - self.step, high + self.step

    def apply(self, values: Sequence[Integers]) -> Integers:
        (x,) = values
        found, at = np.empty_like(x), x[0].copy()
        for row, sample in zip(found, x):
            at += self.step * np.sign(sample - at)
            row[:] = at
        return found

    def words(self, names: Sequence[str], rate_hz: float) -> str:
        return f"robust level of {names[0]}"


@stream
@dataclass(frozen=True)
class Band(OfOne):
    """Band-pass filter of second order (biquad, constant peak gain of 1).

    y = (b0 * (x - x[-2]) + a1 * y[-1] - a2 * y[-2]) / 2**14, rounded, and saturated. The source is
    shifted by `gain` first, left where positive, so that it uses the 13 bits there are.
    R. Bristow-Johnson, Cookbook formulae for audio equalizer biquad filter coefficients.
    """

    b0: int
    a1: int
    a2: int
    gain: int
    edges: tuple[int, int]  # in mHz, for people: the coefficients decide

    kind: ClassVar[str] = "band"
    remembers: ClassVar[bool] = True

    def bounds(self, inside: Sequence[Interval]) -> Interval:
        one = 1 << COEFFICIENT_BITS
        within("band: b0 and a2", [self.b0, self.a2], 0, one)
        within("band: a1", [self.a1], 1 - 2 * one, 2 * one - 1)
        within("band: gain", [self.gain], -8, 13)
        within("band: edges", [len(self.edges)], 2, 2)
        low, high = inside[0]
        spread = _shifted(high, self.gain) - _shifted(low, self.gain)
        within("band: spread of the source", [spread], 0, BAND_LIMIT)
        # so the sum fits int32 also when it is multiplied by 4, before its upper 16 bits are taken:
        # 4 * ((b0 + |a1| + a2) * BAND_LIMIT + 2**13) < 4 * 2**16 * 2**13 = 2**31
        return -BAND_LIMIT, BAND_LIMIT

    def apply(self, values: Sequence[Integers]) -> Integers:
        x: Integers = _shifted(values[0], self.gain)
        found = np.empty_like(x)
        before = earlier = x[0]
        y1 = y2 = np.zeros_like(before)
        for row, sample in zip(found, x):
            total = self.b0 * (sample - earlier) + self.a1 * y1 - self.a2 * y2
            y = np.clip(
                (total + (1 << (COEFFICIENT_BITS - 1))) >> COEFFICIENT_BITS, -BAND_LIMIT, BAND_LIMIT
            )
            row[:] = y
            earlier, before, y2, y1 = before, sample, y1, y
        return found

    def unit_step(self, steps: Sequence[float]) -> float:
        return math.ldexp(steps[0], -self.gain)

    def words(self, names: Sequence[str], rate_hz: float) -> str:
        low, high = self.edges
        return f"{low / 1000:.3g} to {high / 1000:.3g} Hz of {names[0]}"


def design_band(
    source: int, low_hz: float, high_hz: float, rate_hz: float, inside: Interval
) -> Band:
    """The band-pass filter with these edges (-3 dB), for a source within an interval."""
    centre = math.sqrt(low_hz * high_hz)
    w = 2 * math.pi * centre / rate_hz
    alpha = math.sin(w) * (high_hz - low_hz) / (2 * centre)
    one = 1 << COEFFICIENT_BITS
    b0, a1, a2 = alpha / (1 + alpha), 2 * math.cos(w) / (1 + alpha), (1 - alpha) / (1 + alpha)
    spread, gain = max(inside[1] - inside[0], 1), 0
    while spread << (gain + 1) < BAND_LIMIT and gain < 8:
        gain += 1
    while _shifted(inside[1], gain) - _shifted(inside[0], gain) > BAND_LIMIT:
        gain -= 1
    edges = round(1000 * low_hz), round(1000 * high_hz)
    return Band(source, round(b0 * one), round(a1 * one), round(a2 * one), gain, edges)


def _running_mean(x: Integers, slowness: int) -> Integers:
    """With `FRACTION` bits behind the point; it starts at the first sample."""
    found, at = np.empty_like(x), x[0] << FRACTION
    for row, sample in zip(found, x):
        at = at + (((sample << FRACTION) - at) >> slowness)
        row[:] = at
    return found


def _slow(slowness: int, kind: str) -> None:
    within(f"{kind}: slowness", [slowness], 1, 15)


def _shifted(value: Any, gain: int) -> Any:
    return value << gain if gain >= 0 else value >> -gain
