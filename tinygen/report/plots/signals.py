"""Recordings with what was decided of them, and what frequencies they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import FuncFormatter, NullFormatter

from .svg import BLUE, DASHES, INK, LOOKS, MUTED, ORANGE, PAPER, SERIES, Plot, draw, in_legend, tidy

POINTS = 400  # across a drawing: of each the least and the greatest sample are drawn
COLOURS = (*SERIES, MUTED, INK)
LEAST_SHARE = 1e-5  # of the largest amplitude, that a spectrum reaches down to
NAMED = 0.05  # of a drawing's width: a run that is as wide has its number in it


@dataclass(frozen=True)
class Strip:
    """A number after each sample, drawn under the channels: a class, or 0 for what is marked;
    -1 is none.
    """

    title: str
    numbers: np.ndarray  # (samples,)
    marks: bool = False  # in ink, without numbers


@dataclass(frozen=True)
class Distances:
    """How far out each window of a guard lies, and from where on it is unusual."""

    seconds: np.ndarray  # (windows,) where each ends
    values: np.ndarray  # (windows,) of each window alone
    level: float
    unit: str


def course(
    name: str,
    samples: np.ndarray,
    channels: Sequence[str],
    rate_hz: float,
    strips: Sequence[Strip],
    alt: str,
    distances: Distances | None = None,
) -> Plot:
    """Channels over time, physical (samples, channels) with NaN in gaps; under them the distances
    of a guard's windows, and strips.
    """
    step = max(1, len(samples) // POINTS)
    filled = np.full((-len(samples) % step, samples.shape[1]), np.nan)
    blocks = np.concatenate([samples, filled]).reshape(-1, step, samples.shape[1])
    at = np.arange(len(blocks)) * step / rate_hz
    low, high = np.fmin.reduce(blocks, axis=1), np.fmax.reduce(blocks, axis=1)

    def paint(axes) -> None:
        top, *below = np.atleast_1d(axes)
        lines = []
        for k in range(len(channels)):
            colour = COLOURS[k % len(COLOURS)]
            top.fill_between(at, low[:, k], high[:, k], color=colour, lw=0.8)
            lines += top.plot([], [], color=colour, ls=DASHES[k // len(COLOURS) % len(DASHES)])
        top.figure.legend(
            lines, in_legend(channels), loc="outside upper left", ncols=4, handlelength=1.2
        )
        top.set(xlabel="s", xlim=(0, max(len(samples), 1) / rate_hz))
        if distances:
            _distances(below[0], distances, top.get_xlim())
        for place, strip in zip(below[bool(distances) :], strips):
            _strip(place, strip, rate_hz, top.get_xlim())

    rows = 1 + bool(distances) + len(strips)
    height = 2.4 + 0.8 * len(strips) + 1.8 * bool(distances)
    tall = [3, *([2] if distances else []), *([1] * len(strips))]
    return draw(name, alt, height, paint, rows=rows, tall=tall)


def _distances(axes, found: Distances, limits: tuple[float, float]) -> None:
    axes.plot(found.seconds, found.values, color=BLUE, marker=".", ms=3, lw=0.8)
    axes.axhline(found.level, color=ORANGE, lw=1.2, ls="--")
    axes.annotate("alarm", (limits[1], found.level), ha="right", va="bottom", fontsize=10)
    axes.set(xlim=limits, yscale="symlog", ylabel=found.unit or "distance")
    axes.set_ylim(0, 1.6 * max(found.level, *found.values, 1e-9))
    axes.yaxis.set_major_formatter(FuncFormatter(tidy))


def _strip(axes, strip: Strip, rate_hz: float, limits: tuple[float, float]) -> None:
    """Runs of one number, each in the look of its class."""
    numbers = strip.numbers
    for run in np.split(np.arange(len(numbers)), np.flatnonzero(np.diff(numbers)) + 1):
        if not len(run) or (value := int(numbers[run[0]])) < 0:
            continue
        colour, hatch = (INK, "") if strip.marks else LOOKS[value % len(LOOKS)]
        left, width = run[0] / rate_hz, len(run) / rate_hz
        axes.barh([0], [width], left=left, color=colour, hatch=hatch)
        if not strip.marks and width > NAMED * limits[1]:
            box = {"facecolor": PAPER, "edgecolor": "none", "pad": 1}
            middle = left + width / 2
            axes.text(middle, 0, str(value + 1), ha="center", va="center", fontsize=9, bbox=box)
    axes.set(yticks=[], ylabel=strip.title, xlim=limits)
    axes.grid(False)


def spectrum(
    name: str, hertz: np.ndarray, powers: Sequence[tuple[str, np.ndarray]], unit: str, alt: str
) -> Plot:
    """Amplitude by frequency, a line for each class."""

    def paint(axes) -> None:
        lines = []
        for k, (_, power) in enumerate(powers):
            look = {"color": COLOURS[k % len(COLOURS)], "ls": DASHES[k % len(DASHES)]}
            lines += axes.plot(hertz, power, lw=1.2, **look)
        most = max((float(np.nanmax(power)) for _, power in powers), default=1.0)
        axes.set(xlabel="Hz", ylabel=unit, yscale="log", ylim=(most * LEAST_SHARE, most * 2))
        axes.yaxis.set_major_formatter(FuncFormatter(tidy))
        axes.yaxis.set_minor_formatter(NullFormatter())
        labels = in_legend([label for label, _ in powers])
        axes.figure.legend(lines, labels, loc="outside upper left", ncols=3, handlelength=2.4)

    return draw(name, alt, 2.8, paint)
