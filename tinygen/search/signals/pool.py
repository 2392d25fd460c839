"""All features that could be computed of some channels: what a search chooses from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from itertools import combinations

from ...common.errors import ModelError
from ...data.recordings import WindowSpec
from ...model.fixedpoint import Quantity
from ...model.signals import FrontEnd, pairs, spectrum
from ...model.signals import features as feature
from ...model.signals import filters as filtering
from ...model.signals import streams as stream
from ...model.signals.features import Feature, Frame
from ...model.signals.front_end import proven
from ...model.signals.streams import Interval, Stream

SETTLING_S = 0.5  # time of the running mean that a ripple is measured from
HIGHEST_BAND = 0.45  # of the rate: upper edge of the highest octave
OCTAVES = 5
LAGS = (1, 2, 3, 5, 8)
AXES = 3  # neighbouring channels of one unit that make a vector
MOST_PAIRED = 6  # channels up to which each pair is correlated
MOST_FEATURES = 250  # of the pool
# kinds of features whose code is small
LEAN = (feature.Mean, feature.Least, feature.Greatest, feature.Range, feature.Trend, feature.Total)


class Pool:
    """Streams and features as they are added; what the proof refuses is left out."""

    def __init__(
        self, channels: Sequence[Quantity], rate_hz: float, spec: WindowSpec, lean: bool = False
    ) -> None:
        self.channels, self.rate_hz, self.spec, self.lean = channels, rate_hz, spec, lean
        self.inside: list[Interval] = [q.limits for q in channels]
        self.streams: list[Stream] = []
        self.features: list[Feature] = []

    def stream(self, one: Stream) -> int:
        """The place of a stream, which is added where it is new."""
        if one in self.streams:
            return len(self.channels) + self.streams.index(one)
        self.inside.append(proven(one, self.inside))
        self.streams.append(one)
        return len(self.inside) - 1

    def feature(self, kind: type[Feature], *places: int) -> None:
        """Adds a feature of streams, which are made coarse as far as it needs."""
        if self.lean and kind not in LEAN:
            return
        window = self.spec.window
        shift = feature.shift_for(kind, [self.inside[place] for place in places], window)
        if shift:
            places = tuple(self.stream(stream.Coarse(place, shift)) for place in places)
        one = kind.of(*places)
        try:
            one.bounds(Frame(window, window // self.spec.pane, tuple(self.inside)))
        except ModelError:
            return
        if one not in self.features and len(self.features) < MOST_FEATURES:
            self.features.append(one)

    def front_end(self) -> FrontEnd:
        pane = self.spec.pane
        return FrontEnd(
            tuple(q.limits for q in self.channels),
            pane,
            self.spec.window // pane,
            self.spec.hop // pane,
            tuple(self.streams),
            tuple(self.features),
        )


def candidate_front(
    channels: Sequence[Quantity], rate_hz: float, spec: WindowSpec, lean: bool = False
) -> FrontEnd:
    """The front end with every feature that is worth trying; `lean`: of those whose code is small,
    without products and roots.
    """
    pool = Pool(channels, rate_hz, spec, lean)
    ripples = [_of_channel(pool, c) for c in range(len(channels))]
    if lean:
        return pool.front_end()
    for axes in _vectors(channels):
        _of_vector(pool, tuple(ripples[c] for c in axes))
    if len(channels) <= MOST_PAIRED:
        for first, second in combinations(range(len(channels)), 2):
            pool.feature(pairs.Correlation, first, second)
    return pool.front_end()


def _of_channel(pool: Pool, channel: int) -> int:
    """Adds the features of a channel; returns the place of its ripple."""
    shift = stream.needed_shift(*pool.inside[channel])
    ripple = pool.stream(_ripple(pool, channel))
    change = pool.stream(stream.Change(channel, shift))
    for kind in (feature.Mean, feature.Least, feature.Greatest, feature.Range):
        pool.feature(kind, channel)
    pool.feature(feature.Rms, ripple)  # a deviation from the mean takes twice the code
    pool.feature(feature.Trend, channel)
    pool.feature(feature.Mean, pool.stream(stream.Size(change)))
    pool.feature(feature.Rms, change)
    pool.feature(feature.Mean, pool.stream(stream.Size(ripple)))
    pool.feature(feature.Total, pool.stream(stream.Crossing(ripple, 0)))
    pool.feature(feature.Total, pool.stream(stream.Turn(channel)))
    if pool.lean:
        return ripple
    bands = [pool.stream(band) for band in _bands(pool, channel)]
    for band in bands:
        pool.feature(feature.Rms, band)
    if len(bands) > 1:
        pool.feature(spectrum.Centroid, *bands[::-1])
        pool.feature(spectrum.Strongest, *bands[::-1])
    for lag in LAGS:
        if lag < pool.spec.window // 4:
            pool.feature(pairs.Likeness, ripple, pool.stream(stream.Delay(ripple, lag)))
    return ripple


def _ripple(pool: Pool, channel: int) -> Stream:
    slowness = min(max(round(math.log2(pool.rate_hz * SETTLING_S)), 1), 12)
    return filtering.Ripple(channel, slowness, stream.needed_shift(*pool.inside[channel]))


def _bands(pool: Pool, channel: int) -> list[Stream]:
    """Octaves from the highest frequency down, as far as a window holds two periods of one."""
    found: list[Stream] = []
    high = pool.rate_hz * HIGHEST_BAND
    lowest = 2 * pool.rate_hz / pool.spec.window
    while len(found) < OCTAVES and high / 2 >= lowest:
        inside = pool.inside[channel]
        found.append(filtering.design_band(channel, high / 2, high, pool.rate_hz, inside))
        high /= 2
    return found


def _vectors(channels: Sequence[Quantity]) -> list[tuple[int, ...]]:
    """Neighbouring channels, three each, that have one unit and one step."""
    found, place = [], 0
    while place + AXES <= len(channels):
        axes = channels[place : place + AXES]
        if len({(q.unit, q.scale) for q in axes}) == 1:
            found.append(tuple(range(place, place + AXES)))
            place += AXES
        else:
            place += 1
    return found


def _of_vector(pool: Pool, ripples: tuple[int, ...]) -> None:
    length = None
    for shift in range(3):  # three axes of 16 bits need two
        with suppress(ModelError):
            length = length or pool.stream(stream.Magnitude(ripples, shift))
    if length is None:
        return
    for kind in (feature.Mean, feature.Deviation, feature.Greatest):
        pool.feature(kind, length)


def guard_front(channels: Sequence[Quantity], rate_hz: float, spec: WindowSpec) -> FrontEnd:
    """The front end of a guard, which has no labels to choose by: of each channel how strong its
    ripple is, in all and octave by octave, how often it crosses its mean, and where that is.
    """
    pool = Pool(channels, rate_hz, spec)
    for channel in range(len(channels)):
        ripple = pool.stream(_ripple(pool, channel))
        pool.feature(feature.Mean, channel)
        pool.feature(feature.Rms, ripple)
        pool.feature(feature.Total, pool.stream(stream.Crossing(ripple, 0)))
        if len(channels) <= AXES:
            for band in _bands(pool, channel):
                pool.feature(feature.Rms, pool.stream(band))
    return pool.front_end()
