"""Recordings with what was decided of them, and what frequencies they hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import FuncFormatter, NullFormatter

from .svg import DASHES, INK, LOOKS, MUTED, SERIES, Plot, draw, tidy

POINTS = 400  # across a drawing: of each the least and the greatest sample are drawn


def course(
    name: str,
    samples: np.ndarray,
    channels: Sequence[str],
    rate_hz: float,
    bands: Sequence[tuple[str, np.ndarray]],
    alt: str,
) -> Plot:
    """Channels over time, physical (samples, channels), and under them bands of numbers, such as
    the decision after each sample; -1 is none.
    """
    seconds = np.arange(len(samples)) / rate_hz
    step = max(1, len(samples) // POINTS)
    whole = len(samples) // step * step

    def paint(axes) -> None:
        top, *below = axes
        for k, channel in enumerate(channels[: len(SERIES)]):
            blocks = samples[:whole, k].reshape(-1, step)
            at = seconds[:whole:step]
            top.fill_between(at, blocks.min(axis=1), blocks.max(axis=1), color=SERIES[k], lw=0.8)
            top.plot([], [], color=SERIES[k], label=channel)
        top.figure.legend(loc="outside upper left", ncols=4, handlelength=1.2)
        top.set(xlabel="s")
        for place, (title, numbers) in zip(below, bands):
            cuts = np.flatnonzero(np.diff(numbers)) + 1
            for run in np.split(np.arange(len(numbers)), cuts):
                value = int(numbers[run[0]])
                if value >= 0:
                    colour, hatch = LOOKS[value % len(LOOKS)]
                    width = len(run) / rate_hz
                    place.barh([0], [width], left=run[0] / rate_hz, color=colour, hatch=hatch)
            place.set(yticks=[], ylabel=title, xlim=top.get_xlim())
            place.grid(False)

    return draw(name, alt, 2.4 + 0.8 * len(bands), paint, rows=1 + len(bands))


def spectrum(
    name: str, hertz: np.ndarray, powers: Sequence[tuple[str, np.ndarray]], unit: str, alt: str
) -> Plot:
    """Amplitude by frequency, a line for each class."""

    def paint(axes) -> None:
        for k, (label, power) in enumerate(powers):
            look = {"color": (*SERIES, MUTED, INK)[k % 6], "ls": DASHES[k % len(DASHES)]}
            axes.plot(hertz, power, label=label, lw=1.2, **look)
        axes.set(xlabel="Hz", ylabel=unit, yscale="log")
        axes.yaxis.set_major_formatter(FuncFormatter(tidy))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.figure.legend(loc="outside upper left", ncols=3, handlelength=2.4)

    return draw(name, alt, 2.8, paint)
