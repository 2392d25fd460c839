"""Streams: one number per sample, of that sample and of the past since the last start.

A stream reads the channels or streams before it, by their place. Its state is set by the first
sample after a start, so that no filter rings for an offset that was always there. The C text of a
kind is the macro of its name in `templates/signals/streams.h.j2`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar

import numpy as np

from ..fixedpoint import INT16_MAX, RAW_MIN
from ..nodes import Integers, frozen, need, within

Interval = tuple[int, int]
FRACTION = 8  # bits behind the point of a running mean
COEFFICIENT_BITS = 14  # behind the point of a band's coefficients
BAND_LIMIT = (1 << 13) - 1  # largest value inside a band filter, either sign
ROOT_LIMIT = 2**32 - 1  # largest sum of squares


class Stream(ABC):
    """One number per sample: a frozen dataclass of integers and tuples of integers."""

    kind: ClassVar[str]  # its name in a model file and in the templates
    remembers: ClassVar[bool] = False  # keeps something from sample to sample

    @property
    @abstractmethod
    def sources(self) -> tuple[int, ...]:
        """Places of what it reads: channels first, then streams."""

    @abstractmethod
    def bounds(self, inside: Sequence[Interval]) -> Interval:
        """Least and greatest value for sources within these intervals; ModelError where a rule is
        broken.
        """

    @abstractmethod
    def apply(self, values: Sequence[Integers]) -> Integers:
        """Its values, int64 (samples, recordings), for those of its sources."""

    @abstractmethod
    def words(self, names: Sequence[str], rate_hz: float) -> str:
        """What it is, for people: `names` are those of its sources."""

    def step(self, steps: Sequence[float]) -> float:
        """What a step of it is in the channels' unit, for the steps of its sources; 0: no unit."""
        return steps[0]

    def plain(self) -> dict[str, Any]:
        """Plain JSON values, `kind` first."""
        return {"kind": self.kind, **{f.name: getattr(self, f.name) for f in fields(self)}}  # type: ignore[arg-type]


Kind = TypeVar("Kind", bound=type[Stream])
STREAMS: dict[str, type[Stream]] = {}


def stream(kind: Kind) -> Kind:
    """Registers a kind of stream under its name."""
    STREAMS[kind.kind] = kind
    return kind


@dataclass(frozen=True)
class _OfOne(Stream):
    source: int

    @property
    def sources(self) -> tuple[int, ...]:
        return (self.source,)


@stream
@dataclass(frozen=True)
class Coarse(_OfOne):
    """The same in steps of 2**shift, rounded down: where a square of it would be too large."""

    shift: int

    kind: ClassVar[str] = "coarse"

    def bounds(self, inside: Sequence[Interval]) -> Interval:
        within("coarse: shift", [self.shift], 1, 15)
        low, high = inside[0]
        return low >> self.shift, high >> self.shift

    def apply(self, values: Sequence[Integers]) -> Integers:
        return values[0] >> self.shift

    def step(self, steps: Sequence[float]) -> float:
        return steps[0] * 2**self.shift

    def words(self, names: Sequence[str], rate_hz: float) -> str:
        return names[0]


@stream
@dataclass(frozen=True)
class Change(_OfOne):
    """Difference to the sample before, 0 at the start; shifted right where 16 bits ask for it."""

    shift: int = 0

    kind: ClassVar[str] = "change"
    remembers: ClassVar[bool] = True

    def bounds(self, inside: Sequence[Interval]) -> Interval:
        return _difference(inside[0], self.shift, self.kind)

    def apply(self, values: Sequence[Integers]) -> Integers:
        (x,) = values
        return np.diff(x, axis=0, prepend=x[:1]) >> self.shift

    def step(self, steps: Sequence[float]) -> float:
        return steps[0] * 2**self.shift

    def words(self, names: Sequence[str], rate_hz: float) -> str:
        return f"change of {names[0]}"


@stream
@dataclass(frozen=True)
class Level(_OfOne):
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
class Ripple(_OfOne):
    """A sample less the running mean that it has moved already: what is left without the offset."""

    slowness: int
    shift: int = 0

    kind: ClassVar[str] = "ripple"
    remembers: ClassVar[bool] = True

    def bounds(self, inside: Sequence[Interval]) -> Interval:
        _slow(self.slowness, self.kind)
        return _difference(inside[0], self.shift, self.kind)

    def apply(self, values: Sequence[Integers]) -> Integers:
        level = _running_mean(values[0], self.slowness) >> FRACTION
        return (values[0] - level) >> self.shift

    def step(self, steps: Sequence[float]) -> float:
        return steps[0] * 2**self.shift

    def words(self, names: Sequence[str], rate_hz: float) -> str:
        return f"ripple of {names[0]}"


@stream
@dataclass(frozen=True)
class Tracker(_OfOne):
    """Follows the median without sorting: one step up where a sample is above it, one step down
    where it is below. A single spike moves it by one step.
    """

    step: int

    kind: ClassVar[str] = "tracker"
    remembers: ClassVar[bool] = True

    def bounds(self, inside: Sequence[Interval]) -> Interval:
        within("tracker: step", [self.step], 1, 1024)
        low, high = inside[0]
        within("tracker: values", [low - self.step, high + self.step], RAW_MIN, INT16_MAX)
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
class Size(_OfOne):
    """Absolute value."""

    kind: ClassVar[str] = "size"

    def bounds(self, inside: Sequence[Interval]) -> Interval:
        low, high = inside[0]
        most = max(-low, high)
        within("size: values", [most], 0, INT16_MAX)
        return max(low, -high, 0), most

    def apply(self, values: Sequence[Integers]) -> Integers:
        return np.abs(values[0])

    def words(self, names: Sequence[str], rate_hz: float) -> str:
        return f"size of {names[0]}"


@stream
@dataclass(frozen=True)
class Magnitude(Stream):
    """Length of the vector of several axes: the root of the sum of their squares, rounded down."""

    axes: tuple[int, ...]
    shift: int = 0

    kind: ClassVar[str] = "magnitude"

    @property
    def sources(self) -> tuple[int, ...]:
        return self.axes

    def bounds(self, inside: Sequence[Interval]) -> Interval:
        within("magnitude: axes", [len(self.axes)], 2, 8)
        within("magnitude: shift", [self.shift], 0, 15)
        squares = sum(
            max((low >> self.shift) ** 2, (high >> self.shift) ** 2) for low, high in inside
        )
        within("magnitude: sum of squares", [squares], 0, ROOT_LIMIT)
        most = math.isqrt(squares)
        within("magnitude: values", [most], 0, INT16_MAX)
        return 0, most

    def apply(self, values: Sequence[Integers]) -> Integers:
        return floor_root(sum((x >> self.shift) ** 2 for x in values))

    def step(self, steps: Sequence[float]) -> float:
        return steps[0] * 2**self.shift

    def words(self, names: Sequence[str], rate_hz: float) -> str:
        return f"magnitude of {', '.join(names)}"


@stream
@dataclass(frozen=True)
class Band(_OfOne):
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
        low, high = inside[0]
        spread = _shifted(high, self.gain) - _shifted(low, self.gain)
        within("band: spread of the source", [spread], 0, BAND_LIMIT)
        # what is added up is multiplied by 4 before its upper 16 bits are taken
        most = self.b0 * spread + (abs(self.a1) + self.a2) * BAND_LIMIT + one // 2
        within("band: sum", [4 * most], 0, 2**31 - 1)
        return -BAND_LIMIT, BAND_LIMIT

    def apply(self, values: Sequence[Integers]) -> Integers:
        x = _shifted(values[0], self.gain)
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

    def step(self, steps: Sequence[float]) -> float:
        return steps[0] * 2.0**-self.gain

    def words(self, names: Sequence[str], rate_hz: float) -> str:
        low, high = self.edges
        return f"{low / 1000:.3g} to {high / 1000:.3g} Hz of {names[0]}"


@stream
@dataclass(frozen=True)
class Delay(_OfOne):
    """The sample `lag` samples ago; the first one until there are so many."""

    lag: int

    kind: ClassVar[str] = "delay"
    remembers: ClassVar[bool] = True

    def bounds(self, inside: Sequence[Interval]) -> Interval:
        within("delay: lag", [self.lag], 1, 64)
        return inside[0]

    def apply(self, values: Sequence[Integers]) -> Integers:
        (x,) = values
        lag = min(self.lag, len(x))
        return np.concatenate([np.repeat(x[:1], lag, axis=0), x[: len(x) - lag]])

    def words(self, names: Sequence[str], rate_hz: float) -> str:
        return f"{names[0]} {self.lag} samples before"


@stream
@dataclass(frozen=True)
class Crossing(_OfOne):
    """1 where a sample is on another side of a level than the one before: above it, or not."""

    level: int = 0

    kind: ClassVar[str] = "crossing"
    remembers: ClassVar[bool] = True

    def bounds(self, inside: Sequence[Interval]) -> Interval:
        within("crossing: level", [self.level], RAW_MIN, INT16_MAX)
        return 0, 1

    def apply(self, values: Sequence[Integers]) -> Integers:
        above = (values[0] > self.level).astype(np.int64)
        return np.abs(np.diff(above, axis=0, prepend=above[:1]))

    def step(self, steps: Sequence[float]) -> float:
        return 0.0

    def words(self, names: Sequence[str], rate_hz: float) -> str:
        return f"crossings of {self.level} by {names[0]}"


@stream
@dataclass(frozen=True)
class Above(_OfOne):
    """1 where a sample is above a level: one edge of a histogram."""

    level: int

    kind: ClassVar[str] = "above"

    def bounds(self, inside: Sequence[Interval]) -> Interval:
        within("above: level", [self.level], RAW_MIN, INT16_MAX)
        return 0, 1

    def apply(self, values: Sequence[Integers]) -> Integers:
        return (values[0] > self.level).astype(np.int64)

    def step(self, steps: Sequence[float]) -> float:
        return 0.0

    def words(self, names: Sequence[str], rate_hz: float) -> str:
        return f"samples of {names[0]} above {self.level}"


@stream
@dataclass(frozen=True)
class Turn(_OfOne):
    """1 where a rising stretch ends or a falling one: a peak or a valley. Equal samples are part of
    the stretch.
    """

    kind: ClassVar[str] = "turn"
    remembers: ClassVar[bool] = True

    def bounds(self, inside: Sequence[Interval]) -> Interval:
        return 0, 1

    def apply(self, values: Sequence[Integers]) -> Integers:
        (x,) = values
        found, last, heading = np.zeros_like(x), x[0], np.zeros_like(x[0])
        for row, sample in zip(found, x):
            way = np.sign(sample - last)
            row[:] = way * heading < 0
            heading, last = np.where(way != 0, way, heading), sample
        return found

    def step(self, steps: Sequence[float]) -> float:
        return 0.0

    def words(self, names: Sequence[str], rate_hz: float) -> str:
        return f"turns of {names[0]}"


def stream_of(plain: dict[str, Any]) -> Stream:
    """The stream that `plain` told."""
    kind = STREAMS.get(plain.get("kind", ""))
    need(kind is not None, f"a stream of one of the kinds {', '.join(STREAMS)}")
    assert kind is not None
    return kind(**{k: frozen(v) for k, v in plain.items() if k != "kind"})


def floor_root(squares: Integers) -> Integers:
    """The root of integers below 2**52, rounded down: exact there in double precision."""
    return np.floor(np.sqrt(squares.astype(np.float64))).astype(np.int64)


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


def needed_shift(low: int, high: int) -> int:
    """1 where the difference of two values in an interval does not fit int16, else 0."""
    return int(high - low > INT16_MAX)


def _shifted(value: Any, gain: int) -> Any:
    return value << gain if gain >= 0 else value >> -gain


def _running_mean(x: Integers, slowness: int) -> Integers:
    """With `FRACTION` bits behind the point; it starts at the first sample."""
    found, at = np.empty_like(x), x[0] << FRACTION
    for row, sample in zip(found, x):
        at = at + (((sample << FRACTION) - at) >> slowness)
        row[:] = at
    return found


def _difference(inside: Interval, shift: int, kind: str) -> Interval:
    low, high = inside
    within(f"{kind}: shift", [shift], 0, 1)
    reach = (high - low) >> shift
    within(f"{kind}: values", [reach], 0, INT16_MAX)
    return -((high - low + shift) >> shift), reach


def _slow(slowness: int, kind: str) -> None:
    within(f"{kind}: slowness", [slowness], 1, 15)
