"""What each sensor does to the answers."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from .svg import (
    BLUE,
    DASHES,
    INK,
    MUTED,
    ORANGE,
    SERIES,
    Plot,
    draw,
    in_legend,
    tidy,
)


def sensitivity(
    names: list[str], shares: list[float], lows: list[float], highs: list[float], alt: str
) -> Plot:
    """Shares of the answers' movement, with the spread from row to row as a line."""

    def paint(axes) -> None:
        places = np.arange(len(names))[::-1]
        axes.barh(places, shares, color=BLUE, height=0.62)
        axes.hlines(places, lows, highs, color=INK, linewidth=1.4)
        for ends in (lows, highs):
            axes.plot(ends, places, "|", color=INK, markersize=7)
        axes.set_yticks(places, [_short(name, 20) for name in names])
        axes.grid(False, axis="y")
        axes.grid(True, axis="x")
        axes.set(
            xlabel="share of the answers' movement", xlim=(0, max(1e-6, max(highs + shares)) * 1.04)
        )

    return draw("sensitivity", alt, 1.0 + 0.34 * len(names), paint)


def dependence(
    name: str, curve, x: np.ndarray, xlabel: str, ylabel: str, labels: tuple[str, ...], alt: str
) -> Plot:
    """A `Curve`: the integer model's mean answer against one sensor, and its steps for one row;
    shaded: eight of ten rows.
    """

    def paint(axes) -> None:
        for end in (curve.quantity.minimum, curve.quantity.maximum):
            axes.axvline(end, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)))
        if labels:
            _shares(axes, x, curve, labels)
        else:
            _mean_and_row(axes, x, curve)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(FuncFormatter(tidy))
        axes.set(xlabel=xlabel, ylabel=ylabel)

    return draw(name, alt, 2.7, paint)


def _shares(axes, x: np.ndarray, curve, labels: tuple[str, ...]) -> None:
    """The part of the answers that each class has."""
    for k, label in enumerate(labels):
        axes.step(
            x,
            curve.mean[:, k],
            where="mid",
            color=SERIES[k % 4],
            linestyle=DASHES[k % 4],
            linewidth=1.6,
            label=in_legend([_short(label, 16)])[0],
        )
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=3,
        borderaxespad=0.1,
        columnspacing=0.9,
        handlelength=1.2,
    )
    axes.set_ylim(-0.03, 1.03)


def _mean_and_row(axes, x: np.ndarray, curve) -> None:
    """The mean answer with its spread, and one row's."""
    axes.fill_between(x, curve.low, curve.high, step="mid", color=BLUE, alpha=0.18, linewidth=0)
    axes.step(x, curve.one, where="mid", color=ORANGE, linewidth=1.1, label="one row")
    axes.plot(x, curve.mean, color=BLUE, linewidth=1.8, linestyle="--", label="mean")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.1)


def _short(text: str, most: int) -> str:
    """A name that leaves room for the plot, of characters that an SVG may hold."""
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= most else text[: most - 1] + "\u2026"
