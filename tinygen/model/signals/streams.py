"""Streams: one number per sample, of that sample and of the past since the last start.

A stream reads the channels or streams before it, by their place. Its state is set by the first
sample after a start, so that no filter rings for an offset that was always there. The C text of a
kind is the macro of its name in `templates/signals/streams.h.j2`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, TypeVar

import numpy as np

from ..fixedpoint import INT16_MAX, RAW_MIN
from ..nodes import Integers, frozen, integers, need, within

Interval = tuple[int, int]


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
        """Least and greatest value for sources within these intervals; the front end refuses what
        leaves int16. ModelError where another rule is broken.
        """

    @abstractmethod
    def apply(self, values: Sequence[Integers]) -> Integers:
        """Its values, int64 (samples, recordings), for those of its sources."""

    @abstractmethod
    def words(self, names: Sequence[str], rate_hz: float) -> str:
        """What it is, for people: `names` are those of its sources."""

    def unit_step(self, steps: Sequence[float]) -> float:
        """What a step of it is in the channels' unit, for the steps of its sources; 0: no unit."""
        return steps[0]

    @abstractmethod
    def moved(self, places: Mapping[int, int]) -> Stream:
        """The same where its sources have other places."""

    def plain(self) -> dict[str, Any]:
        """Plain JSON values, `kind` first."""
        names = (one.name for one in fields(self))  # type: ignore[arg-type]
        return {"kind": self.kind, **{name: getattr(self, name) for name in names}}


Kind = TypeVar("Kind", bound=type[Stream])
STREAMS: dict[str, type[Stream]] = {}


def stream(kind: Kind) -> Kind:
    """Registers a kind of stream under its name."""
    STREAMS[kind.kind] = kind
    return kind


@dataclass(frozen=True)
class OfOne(Stream):
    source: int

    @property
    def sources(self) -> tuple[int, ...]:
        return (self.source,)

    def moved(self, places: Mapping[int, int]) -> Stream:
        return replace(self, source=places[self.source])


@stream
@dataclass(frozen=True)
class Coarse(OfOne):
    """The same in steps of 2**shift, rounded down: where a square of it would be too large."""

    shift: int

    kind: ClassVar[str] = "coarse"

    def bounds(self, inside: Sequence[Interval]) -> Interval:
        within("coarse: shift", [self.shift], 1, 15)
        low, high = inside[0]
        return low >> self.shift, high >> self.shift

    def apply(self, values: Sequence[Integers]) -> Integers:
        return values[0] >> self.shift

    def unit_step(self, steps: Sequence[float]) -> float:
        return steps[0] * (1 << self.shift)

    def words(self, names: Sequence[str], rate_hz: float) -> str:
        return names[0]


@stream
@dataclass(frozen=True)
class Change(OfOne):
    """Difference to the sample before, 0 at the start; shifted right where 16 bits ask for it."""

    shift: int = 0

    kind: ClassVar[str] = "change"
    remembers: ClassVar[bool] = True

    def bounds(self, inside: Sequence[Interval]) -> Interval:
        return difference_within(inside[0], self.shift, self.kind)

    def apply(self, values: Sequence[Integers]) -> Integers:
        (x,) = values
        return np.diff(x, axis=0, prepend=x[:1]) >> self.shift

    def unit_step(self, steps: Sequence[float]) -> float:
        return steps[0] * (1 << self.shift)

    def words(self, names: Sequence[str], rate_hz: float) -> str:
        return f"change of {names[0]}"


@stream
@dataclass(frozen=True)
class Size(OfOne):
    """Absolute value."""

    kind: ClassVar[str] = "size"

    def bounds(self, inside: Sequence[Interval]) -> Interval:
        low, high = inside[0]
        return max(low, -high, 0), max(-low, high)

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

    def moved(self, places: Mapping[int, int]) -> Stream:
        return replace(self, axes=tuple(places[axis] for axis in self.axes))

    def bounds(self, inside: Sequence[Interval]) -> Interval:
        within("magnitude: axes", [len(self.axes)], 2, 8)
        within("magnitude: shift", [self.shift], 0, 15)
        squares = sum(
            max((low >> self.shift) ** 2, (high >> self.shift) ** 2) for low, high in inside
        )
        return 0, math.isqrt(squares)  # squares below 2**30 where it fits int16

    def apply(self, values: Sequence[Integers]) -> Integers:
        return floor_root(integers(sum((x >> self.shift) ** 2 for x in values)))

    def unit_step(self, steps: Sequence[float]) -> float:
        return steps[0] * (1 << self.shift)

    def words(self, names: Sequence[str], rate_hz: float) -> str:
        return f"magnitude of {', '.join(names)}"


@stream
@dataclass(frozen=True)
class Delay(OfOne):
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
class Crossing(OfOne):
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

    def unit_step(self, steps: Sequence[float]) -> float:
        return 0.0

    def words(self, names: Sequence[str], rate_hz: float) -> str:
        return f"crossings of {self.level} by {names[0]}"


@stream
@dataclass(frozen=True)
class Above(OfOne):
    """1 where a sample is above a level: one edge of a histogram."""

    level: int

    kind: ClassVar[str] = "above"

    def bounds(self, inside: Sequence[Interval]) -> Interval:
        within("above: level", [self.level], RAW_MIN, INT16_MAX)
        return 0, 1

    def apply(self, values: Sequence[Integers]) -> Integers:
        return (values[0] > self.level).astype(np.int64)

    def unit_step(self, steps: Sequence[float]) -> float:
        return 0.0

    def words(self, names: Sequence[str], rate_hz: float) -> str:
        return f"samples of {names[0]} above {self.level}"


@stream
@dataclass(frozen=True)
class Turn(OfOne):
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

    def unit_step(self, steps: Sequence[float]) -> float:
        return 0.0

    def words(self, names: Sequence[str], rate_hz: float) -> str:
        return f"turns of {names[0]}"


def stream_of(plain: dict[str, Any]) -> Stream:
    """The stream that `plain` told."""
    return part_of(STREAMS, "stream", plain)


Part = TypeVar("Part")


def part_of(kinds: Mapping[str, type[Part]], what: str, plain: dict[str, Any]) -> Part:
    """The member of a registry that `plain` told; ModelError unless each field is an integer, or a
    list of them where it is a tuple.
    """
    kind = kinds.get(plain.get("kind", ""))
    need(kind is not None, f"a {what} of one of the kinds {', '.join(kinds)}")
    assert kind is not None
    told = {key: frozen(value) for key, value in plain.items() if key != "kind"}
    for one in fields(kind):  # type: ignore[arg-type]
        several, value = str(one.type).startswith("tuple"), told.get(one.name)
        if one.name in told:
            need(isinstance(value, tuple) == several, f"{one.name} of a {what}, as it is written")
            for number in value if isinstance(value, tuple) else (value,):
                whole(number, f"{one.name} of a {what}")
    return kind(**told)


def whole(value: Any, what: str) -> int:
    """`value` where it is an integer; ModelError otherwise."""
    need(type(value) is int, f"{what}, a whole number")
    return int(value)


def floor_root(squares: Integers) -> Integers:
    """The root of integers below 2**52, rounded down: exact there in double precision."""
    return np.floor(np.sqrt(squares.astype(np.float64))).astype(np.int64)


def needed_shift(low: int, high: int) -> int:
    """1 where the difference of two values in an interval does not fit int16, else 0."""
    return int(high - low > INT16_MAX)


def difference_within(inside: Interval, shift: int, kind: str) -> Interval:
    low, high = inside
    within(f"{kind}: shift", [shift], 0, 1)
    return (low - high) >> shift, (high - low) >> shift
