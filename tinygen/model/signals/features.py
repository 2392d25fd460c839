"""Features: one integer per window, worked out from the accumulators of its panes.

The C text of a kind is the macro of its name in `templates/signals/features.h.j2`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, TypeVar

from ..fixedpoint import INT16_MAX
from ..nodes import Integers, need, within
from .accumulators import (
    MODULUS,
    Accumulator,
    deviation_squares,
    largest_deviation,
    largest_squares,
    signed,
    towards_zero,
)
from .streams import Interval, floor_root, part_of

MOST_SAMPLES = 32767  # of a window
Totals = Mapping[Accumulator, Integers]  # of each window, int64 (windows, recordings)


@dataclass(frozen=True)
class Frame:
    """What a feature is computed in: the window, and the interval of each stream."""

    samples: int  # of a window
    panes: int  # of a window
    inside: tuple[Interval, ...]


class Feature(ABC):
    """One integer per window: a frozen dataclass of integers."""

    kind: ClassVar[str]  # its name in a model file and in the templates

    @property
    @abstractmethod
    def sources(self) -> tuple[int, ...]:
        """Places of the streams that it is about."""

    @abstractmethod
    def needs(self) -> tuple[Accumulator, ...]:
        """Accumulators that it is worked out from."""

    @abstractmethod
    def bounds(self, frame: Frame) -> Interval:
        """Least and greatest value; ModelError where an intermediate might not fit."""

    @abstractmethod
    def values(self, totals: Totals, frame: Frame) -> Integers:
        """Its values, int64 (windows, recordings)."""

    @abstractmethod
    def words(self, names: Sequence[str]) -> str:
        """What it is, for people: `names` are those of its sources."""

    def unit_step(self, steps: Sequence[float]) -> float:
        """What a step of it is in the channels' unit, for the steps of its sources; 0: no unit."""
        return steps[0]

    @abstractmethod
    def moved(self, places: Mapping[int, int]) -> Feature:
        """The same where its sources have other places."""

    @classmethod
    def fits(cls, inside: Sequence[Interval], samples: int) -> bool:
        """True if no intermediate leaves its type, for streams within these intervals."""
        return True

    @classmethod
    def of(cls, *places: int) -> Feature:
        """The feature of streams at these places."""
        return cls(*places)

    def plain(self) -> dict[str, Any]:
        """Plain JSON values, `kind` first."""
        names = (one.name for one in fields(self))  # type: ignore[arg-type]
        return {"kind": self.kind, **{name: getattr(self, name) for name in names}}


Kind = TypeVar("Kind", bound=type[Feature])
FEATURES: dict[str, type[Feature]] = {}


def feature(kind: Kind) -> Kind:
    """Registers a kind of feature under its name."""
    FEATURES[kind.kind] = kind
    return kind


@dataclass(frozen=True)
class _OfOne(Feature):
    source: int

    @property
    def sources(self) -> tuple[int, ...]:
        return (self.source,)

    def moved(self, places: Mapping[int, int]) -> Feature:
        return replace(self, source=places[self.source])


@feature
@dataclass(frozen=True)
class Mean(_OfOne):
    """Mean over the window, rounded towards 0."""

    kind: ClassVar[str] = "mean"

    def needs(self) -> tuple[Accumulator, ...]:
        return (Accumulator("sum", self.sources),)

    def bounds(self, frame: Frame) -> Interval:
        return frame.inside[self.source]

    def values(self, totals: Totals, frame: Frame) -> Integers:
        return towards_zero(signed(totals[self.needs()[0]]), frame.samples)

    def words(self, names: Sequence[str]) -> str:
        return f"mean of {names[0]}"


@feature
@dataclass(frozen=True)
class Total(_OfOne):
    """Sum over the window, of a stream that counts events."""

    kind: ClassVar[str] = "total"

    def needs(self) -> tuple[Accumulator, ...]:
        return (Accumulator("sum", self.sources),)

    def bounds(self, frame: Frame) -> Interval:
        low, high = (frame.samples * end for end in frame.inside[self.source])
        within("total: values", [low, high], -INT16_MAX, INT16_MAX)
        return low, high

    def values(self, totals: Totals, frame: Frame) -> Integers:
        return signed(totals[self.needs()[0]])

    def unit_step(self, steps: Sequence[float]) -> float:
        return 0.0

    def words(self, names: Sequence[str]) -> str:
        return f"count of {names[0]}"


@feature
@dataclass(frozen=True)
class Rms(_OfOne):
    """Root of the mean square, rounded down."""

    kind: ClassVar[str] = "rms"

    def needs(self) -> tuple[Accumulator, ...]:
        return (Accumulator("squares", self.sources),)

    def bounds(self, frame: Frame) -> Interval:
        most = largest_squares(frame.inside[self.source], frame.samples)
        within("rms: sum of squares", [most], 0, MODULUS - 1)
        return 0, math.isqrt(most // frame.samples)

    def values(self, totals: Totals, frame: Frame) -> Integers:
        return floor_root(totals[self.needs()[0]] // frame.samples)

    @classmethod
    def fits(cls, inside: Sequence[Interval], samples: int) -> bool:
        return largest_squares(inside[0], samples) < MODULUS

    def words(self, names: Sequence[str]) -> str:
        return f"rms of {names[0]}"


@feature
@dataclass(frozen=True)
class Deviation(_OfOne):
    """Standard deviation within the window, rounded down."""

    kind: ClassVar[str] = "deviation"

    def needs(self) -> tuple[Accumulator, ...]:
        return (
            Accumulator("squares", self.sources),
            Accumulator("sum", self.sources),
        )

    def bounds(self, frame: Frame) -> Interval:
        most = largest_deviation(frame.inside[self.source], frame.samples)
        within("deviation: sum of squares", [most], 0, MODULUS - 1)
        return 0, math.isqrt(most // frame.samples)

    def values(self, totals: Totals, frame: Frame) -> Integers:
        squares, total = (totals[need] for need in self.needs())
        return floor_root(deviation_squares(squares, total, frame.samples) // frame.samples)

    @classmethod
    def fits(cls, inside: Sequence[Interval], samples: int) -> bool:
        return largest_deviation(inside[0], samples) < MODULUS

    def words(self, names: Sequence[str]) -> str:
        return f"deviation of {names[0]}"


@feature
@dataclass(frozen=True)
class Least(_OfOne):
    """Smallest value of the window."""

    kind: ClassVar[str] = "least"

    def needs(self) -> tuple[Accumulator, ...]:
        return (Accumulator("least", self.sources),)

    def bounds(self, frame: Frame) -> Interval:
        return frame.inside[self.source]

    def values(self, totals: Totals, frame: Frame) -> Integers:
        return totals[self.needs()[0]]

    def words(self, names: Sequence[str]) -> str:
        return f"minimum of {names[0]}"


@feature
@dataclass(frozen=True)
class Greatest(_OfOne):
    """Largest value of the window."""

    kind: ClassVar[str] = "greatest"

    def needs(self) -> tuple[Accumulator, ...]:
        return (Accumulator("greatest", self.sources),)

    def bounds(self, frame: Frame) -> Interval:
        return frame.inside[self.source]

    def values(self, totals: Totals, frame: Frame) -> Integers:
        return totals[self.needs()[0]]

    def words(self, names: Sequence[str]) -> str:
        return f"maximum of {names[0]}"


@feature
@dataclass(frozen=True)
class Range(_OfOne):
    """Largest less smallest value."""

    kind: ClassVar[str] = "range"

    def needs(self) -> tuple[Accumulator, ...]:
        return (Accumulator("greatest", self.sources), Accumulator("least", self.sources))

    def bounds(self, frame: Frame) -> Interval:
        low, high = frame.inside[self.source]
        within("range: values", [high - low], 0, INT16_MAX)
        return 0, high - low

    def values(self, totals: Totals, frame: Frame) -> Integers:
        most, least = (totals[need] for need in self.needs())
        return most - least

    @classmethod
    def fits(cls, inside: Sequence[Interval], samples: int) -> bool:
        return inside[0][1] - inside[0][0] <= INT16_MAX

    def words(self, names: Sequence[str]) -> str:
        return f"range of {names[0]}"


@feature
@dataclass(frozen=True)
class Trend(_OfOne):
    """Mean of the later half of the window less that of the earlier half, rounded towards 0."""

    kind: ClassVar[str] = "trend"

    def needs(self) -> tuple[Accumulator, ...]:
        return (Accumulator("sum", self.sources),)

    def bounds(self, frame: Frame) -> Interval:
        need(frame.panes % 2 == 0, "trend: an even number of panes in a window")
        low, high = frame.inside[self.source]
        within("trend: values", [high - low], 0, INT16_MAX)
        return low - high, high - low

    def values(self, totals: Totals, frame: Frame) -> Integers:
        return towards_zero(signed(totals[halves(self.needs()[0])]), frame.samples // 2)

    @classmethod
    def fits(cls, inside: Sequence[Interval], samples: int) -> bool:
        return inside[0][1] - inside[0][0] <= INT16_MAX

    def words(self, names: Sequence[str]) -> str:
        return f"trend of {names[0]}"


def halves(total: Accumulator) -> Accumulator:
    """The key of what a sum of the later half is more than that of the earlier half."""
    return Accumulator("halves", total.sources)


def feature_of(plain: dict[str, Any]) -> Feature:
    """The feature that `plain` told."""
    return part_of(FEATURES, "feature", plain)


def shift_for(kind: type[Feature], inside: Sequence[Interval], samples: int) -> int:
    """Least shift of its streams with which no intermediate of a feature leaves its type."""
    shift = 0
    while not kind.fits([(low >> shift, high >> shift) for low, high in inside], samples):
        shift += 1
    return shift
