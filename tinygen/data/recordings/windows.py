"""Durations as samples, and windows that are made of panes."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import product

from ...common.errors import DataError, UsageError, show
from ...common.tables import counted
from .recording import Recordings
from .sides import require_sides

MOST_PANES = 16  # of a window
LEAST_SAMPLES, MOST_SAMPLES = 2, 32767  # of a window
DURATION = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*(s|sec|seconds?|ms|us|min|samples?)\s*")
SECONDS = {"us": 1e-6, "ms": 1e-3, "min": 60.0}  # others: s


@dataclass(frozen=True)
class WindowSpec:
    """How windows are cut, in samples."""

    window: int
    hop: int  # from one window to the next
    pane: int  # block of which window and hop are multiples
    notes: tuple[str, ...] = ()  # what was rounded

    @property
    def panes(self) -> int:
        """Of a window."""
        return self.window // self.pane

    @property
    def stride(self) -> int:
        """Panes from one window to the next."""
        return self.hop // self.pane


def parse_duration(text: str, rate_hz: float) -> int:
    """Samples of a duration "2s", "500 ms", "0.5 s" or "100 samples" at this rate, rounded to the
    nearest whole one, half up. UsageError for another text or less than one sample.
    """
    match = DURATION.fullmatch(text)
    if not match:
        raise UsageError(f"{show(text)} is no duration: write for example 2s, 500ms or 100samples")
    value, unit = float(match[1]), match[2]
    exact = value if unit.startswith("sample") else value * SECONDS.get(unit, 1.0) * rate_hz
    if (samples := math.floor(round(exact, 6) + 0.5)) < 1:
        raise UsageError(
            f"{text.strip()} is {exact:.2g} samples at {rate_hz:.6g} Hz: give one sample or more"
        )
    return samples


def window_spec(window: str, hop: str | None, rate_hz: float) -> WindowSpec:
    """The windows of these durations; without a hop half a window. A window has at most MOST_PANES
    panes: where a common block of both needs more, both are rounded, and a note says how.
    """
    size = parse_duration(window, rate_hz)
    step = parse_duration(hop, rate_hz) if hop else max(1, size // 2)
    if not LEAST_SAMPLES <= size <= MOST_SAMPLES:
        raise UsageError(
            f"--window {window} is {counted(size, 'sample')} at {rate_hz:.6g} Hz: "
            f"{LEAST_SAMPLES} to {MOST_SAMPLES} are possible"
        )
    if step > size:
        raise UsageError(
            f"--hop {hop} is {step} samples, longer than the window of {size}: samples between "
            "windows would be lost, give a hop of at most the window"
        )
    if not hop and size % 2:
        size += 1  # two halves
        step = size // 2
    wanted = parse_duration(window, rate_hz), parse_duration(hop, rate_hz) if hop else step
    if size // math.gcd(size, step) > MOST_PANES:
        size, step = _rounded(size, step)
    pane = math.gcd(size, step)
    return WindowSpec(size, step, pane, _rounding(window, hop, wanted, (size, step), rate_hz))


def _rounded(size: int, step: int) -> tuple[int, int]:
    """The nearest window and hop of at most MOST_PANES panes."""

    def off(found: tuple[int, int]) -> tuple[float, int]:
        worse = abs(found[0] - size) / size + abs(found[1] - step) / step
        return round(worse, 9), found[0] // math.gcd(*found)

    blocks = {(n, max(1, round(size / n) + more)) for n in range(1, MOST_PANES + 1)
              for more in (-1, 0, 1)}  # fmt: skip
    ways = [
        (n * pane, s * pane)
        for (n, pane), s in product(sorted(blocks), range(1, MOST_PANES + 1))
        if s <= n and LEAST_SAMPLES <= n * pane <= MOST_SAMPLES
    ]
    return min(ways, key=off)


def _rounding(
    window: str,
    hop: str | None,
    wanted: tuple[int, int],
    found: tuple[int, int],
    rate_hz: float,
) -> tuple[str, ...]:
    named = (("window", window), ("hop", hop or "half the window"))
    why = "two halves of whole samples" if not hop else f"at most {MOST_PANES} equal panes a window"
    return tuple(
        f"{name} {text}: {counted(b, 'sample')} ({b / rate_hz:.4g} s) instead of {a}, for {why}"
        for (name, text), a, b in zip(named, wanted, found)
        if a != b
    )


def with_windows(recordings: Recordings, spec: WindowSpec) -> Recordings:
    """The recordings without those that hold no window; a note names them. DataError where none is
    left, or a class loses one of its sides.
    """
    longest = [recording.longest for recording in recordings.recordings]
    sides = {*recordings.train, *recordings.test}
    short = [k for k in sorted(sides) if longest[k] < spec.window]
    if not short:
        return recordings.noted(*spec.notes)
    worst = min(short, key=lambda k: longest[k])
    told = f"{recordings.recordings[worst].name} has {_length(longest[worst], recordings.rate_hz)}"
    window = _length(spec.window, recordings.rate_hz)
    train, test = (
        tuple(k for k in side if k not in short) for side in (recordings.train, recordings.test)
    )
    _require_left(recordings, train, test, f"a window of {window} is longer: {told}")
    losses = Counter(recordings.recordings[k].label for k in short)
    classes = ", ".join(f"{n} of class {show(label)}" for label, n in losses.items() if label)
    note = (
        f"{counted(len(short), 'recording')} shorter than a window of {window} left out: {told}"
        f"{f' ({classes})' if classes else ''}"
    )
    return replace(recordings, train=train, test=test).noted(*spec.notes, note)


def _require_left(
    recordings: Recordings, train: tuple[int, ...], test: tuple[int, ...], told: str
) -> None:
    step = "give a shorter --window"
    if not train and not test:
        raise DataError(f"{told}, the shortest of {len(recordings.recordings)}, and no other "
                        f"recording is long enough: {step}")  # fmt: skip
    labels = [recording.label for recording in recordings.recordings]
    try:
        require_sides(labels, train, test, "", step)
    except DataError as error:
        raise DataError(f"{told}; without it {error}") from None


def _length(samples: int, rate_hz: float) -> str:
    return f"{samples} samples ({samples / rate_hz:.4g} s)"
