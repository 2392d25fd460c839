"""The front end: streams, panes and features; the row of features of every window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..fixedpoint import MISSING, RAW_MAX, RAW_MIN, Quantity
from ..nodes import MAX_WIDTH, Integers, need, within
from .accumulators import Accumulator, signed
from .features import MOST_SAMPLES, Feature, Frame, feature_of, halves
from .streams import Interval, Stream, stream_of, whole

MOST_PANES = 32  # of a window
MOST_CHANNELS = 32


@dataclass(frozen=True)
class Windows:
    """The windows of one recording, in their order."""

    ends: Integers  # (windows,): place of the last sample of each
    features: Integers  # (windows, features)

    def __len__(self) -> int:
        return len(self.ends)


@dataclass(frozen=True)
class FrontEnd:
    """What is computed from samples, and when a row of features is ready."""

    limits: tuple[Interval, ...]  # of each channel: samples beyond are brought to its end
    pane: int  # samples
    panes: int  # of a window
    stride: int  # panes from one window to the next
    streams: tuple[Stream, ...]
    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        within("channels", [len(self.limits)], 1, MOST_CHANNELS)
        for low, high in self.limits:
            within("limits of a channel", [low, high], RAW_MIN, RAW_MAX)
            need(low <= high, "limits of a channel: low <= high")
        within("samples of a window", [self.window], 2, MOST_SAMPLES)
        within("panes of a window", [self.panes], 1, MOST_PANES)
        within("panes between windows", [self.stride], 1, self.panes)
        within("streams", [len(self.inside)], 1, MAX_WIDTH)
        within("features", [len(self.features)], 1, MAX_WIDTH)
        twice = len(set(self.streams)) < len(self.streams) or len(set(self.features)) < len(
            self.features
        )
        need(not twice, "no stream and no feature twice")
        _ = self.bounds

    @property
    def window(self) -> int:
        """Samples of a window."""
        return self.pane * self.panes

    @property
    def hop(self) -> int:
        """Samples from one window to the next."""
        return self.pane * self.stride

    @cached_property
    def inside(self) -> tuple[Interval, ...]:
        """Proven interval of each channel and stream."""
        found = list(self.limits)
        for stream in self.streams:
            need(
                all(0 <= place < len(found) for place in stream.sources), "sources before a stream"
            )
            found.append(proven(stream, found))
        return tuple(found)

    @cached_property
    def frame(self) -> Frame:
        return Frame(self.window, self.panes, self.inside)

    @cached_property
    def bounds(self) -> tuple[Interval, ...]:
        """Proven interval of each feature; ModelError where the proof fails."""
        for one in self.features:
            need(all(0 <= k < len(self.inside) for k in one.sources), "sources of a feature")
        return tuple(one.bounds(self.frame) for one in self.features)

    @cached_property
    def accumulators(self) -> tuple[Accumulator, ...]:
        """What the features need, each once: sums, then squares, products, least and greatest."""
        order = ("sum", "squares", "product", "least", "greatest")
        found = {kept for one in self.features for kept in one.needs()}
        return tuple(sorted(found, key=lambda kept: (order.index(kept.kind), kept)))

    def names(self, channels: Sequence[Quantity], rate_hz: float) -> tuple[str, ...]:
        """What each channel and stream is, for people."""
        found = [q.name for q in channels]
        for stream in self.streams:
            found.append(stream.words([found[place] for place in stream.sources], rate_hz))
        return tuple(found)

    def feature_names(self, channels: Sequence[Quantity], rate_hz: float) -> tuple[str, ...]:
        """What each feature is, for people."""
        names = self.names(channels, rate_hz)
        return tuple(one.words([names[place] for place in one.sources]) for one in self.features)

    def feature_steps(self, steps: Sequence[float]) -> tuple[float, ...]:
        """What a step of each feature is in the channels' unit; 0 where it has none. `steps` are
        those of the channels.
        """
        found = list(steps)
        for stream in self.streams:
            found.append(stream.unit_step([found[place] for place in stream.sources]))
        return tuple(
            one.unit_step([found[place] for place in one.sources]) for one in self.features
        )

    def run(self, recordings: Sequence[Integers]) -> list[Windows]:
        """The windows of each recording, raw int64 (samples, channels), from a start before it.

        A sample with a missing value is no part of any window: the next one starts anew.
        """
        pieces = [_pieces(raw) for raw in recordings]
        found = iter(
            self._unbroken([raw[a:b] for raw, cut in zip(recordings, pieces) for a, b in cut])
        )
        joined = []
        for cut in pieces:
            parts = [(start, next(found)) for start, _ in cut]
            joined.append(
                Windows(
                    np.concatenate(
                        [start + part.ends for start, part in parts] or [np.zeros(0, np.int64)]
                    ),
                    np.concatenate(
                        [part.features for _, part in parts]
                        or [np.zeros((0, len(self.features)), np.int64)]
                    ),
                )
            )
        return joined

    def _unbroken(self, pieces: list[Integers]) -> list[Windows]:
        """The windows of pieces without a missing sample."""
        counts = [self._windows_in(len(piece)) for piece in pieces]
        used = [k for k, count in enumerate(counts) if count]
        empty = Windows(np.zeros(0, np.int64), np.zeros((0, len(self.features)), np.int64))
        found = [empty] * len(pieces)
        if not used:
            return found
        features = self._features(self._streams([pieces[k] for k in used]))
        for column, k in enumerate(used):
            ends = (np.arange(counts[k]) * self.stride + self.panes) * self.pane - 1
            found[k] = Windows(ends, features[: counts[k], column])
        return found

    def _windows_in(self, samples: int) -> int:
        whole = samples // self.pane
        return 0 if whole < self.panes else (whole - self.panes) // self.stride + 1

    def _streams(self, pieces: list[Integers]) -> list[Integers]:
        """Channels and streams, int64 (samples, pieces); a short piece repeats its last sample."""
        longest = max(map(len, pieces))
        padded = np.stack([p[np.minimum(np.arange(longest), len(p) - 1)] for p in pieces], axis=1)
        values = [np.clip(padded[:, :, c], low, high) for c, (low, high) in enumerate(self.limits)]
        for stream in self.streams:
            values.append(stream.apply([values[place] for place in stream.sources]))
        return values

    def _features(self, values: list[Integers]) -> Integers:
        """int64 (windows, pieces, features)."""
        totals: dict[Accumulator, Integers] = {}
        for kept in self.accumulators:
            panes = kept.of_panes(values, self.pane)
            totals[kept] = kept.of_windows(panes, self.panes)[:: self.stride]
            if kept.kind == "sum" and self.panes % 2 == 0:
                half = signed(kept.of_windows(panes, self.panes // 2))
                later = half[self.panes // 2 :] - half[: len(half) - self.panes // 2]
                totals[halves(kept)] = later[:: self.stride]
        return np.stack([one.values(totals, self.frame) for one in self.features], axis=-1)

    def only(self, keep: Sequence[int]) -> FrontEnd:
        """The same with some of the features, by their place, and the streams that these need."""
        channels, kept = len(self.limits), [self.features[k] for k in keep]
        needed: set[int] = set()
        waiting = [place for one in kept for place in one.sources]
        while waiting:
            place = waiting.pop()
            if place >= channels and place not in needed:
                needed.add(place)
                waiting += self.streams[place - channels].sources
        order = sorted(needed)
        moved = {
            **{c: c for c in range(channels)},
            **{p: channels + k for k, p in enumerate(order)},
        }
        return replace(
            self,
            streams=tuple(self.streams[place - channels].moved(moved) for place in order),
            features=tuple(one.moved(moved) for one in kept),
        )

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "limits": [list(ends) for ends in self.limits],
            "pane": self.pane,
            "panes": self.panes,
            "stride": self.stride,
            "streams": [one.plain() for one in self.streams],
            "features": [one.plain() for one in self.features],
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> FrontEnd:
        """The front end that `plain` told; ModelError where it cannot be."""
        return cls(
            tuple((whole(low, "a limit"), whole(high, "a limit")) for low, high in plain["limits"]),
            whole(plain["pane"], "pane"),
            whole(plain["panes"], "panes"),
            whole(plain["stride"], "stride"),
            tuple(map(stream_of, plain["streams"])),
            tuple(map(feature_of, plain["features"])),
        )


def proven(stream: Stream, inside: Sequence[Interval]) -> Interval:
    """Interval of a stream behind these; ModelError where the proof fails."""
    ends = stream.bounds([inside[place] for place in stream.sources])
    within(f"{stream.kind}: values", ends, RAW_MIN, RAW_MAX)
    return ends


def _pieces(raw: Integers) -> list[tuple[int, int]]:
    """Start and end of every stretch without a missing sample."""
    whole = np.concatenate([[False], ~(raw == MISSING).any(axis=1), [False]])
    edges = np.flatnonzero(whole[1:] != whole[:-1])
    return list(zip(edges[::2].tolist(), edges[1::2].tolist()))
