"""Shares of a cost, and what a stream through the board looked like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from .svg import (
    BLUE,
    INK,
    LOOKS,
    ORANGE,
    PAPER,
    PURPLE,
    Plot,
    draw,
    tidy,
)


def shares(name: str, parts: Sequence[tuple[str, float]], alt: str, xlabel: str) -> Plot:
    """One bar, cut in parts; its parts are named in the legend with their values, in order."""

    def paint(axes) -> None:
        left = 0.0
        for (label, value), (colour, hatch) in zip(parts, LOOKS * (len(parts) // len(LOOKS) + 1)):
            axes.barh(
                [0],
                [value],
                left=left,
                color=colour,
                hatch=hatch,
                height=0.6,
                label=f"{label}: {value:,}",
            )
            left += value
        axes.set(xlabel=xlabel, yticks=[], xlim=(0, left), ylim=(-0.4, 0.4))
        axes.grid(False)
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(FuncFormatter(tidy))
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.figure.legend(loc="outside upper left", ncols=1, handlelength=1.4)

    return draw(name, alt, 1.05 + 0.24 * len(parts), paint)


def counts(name: str, values: np.ndarray, xlabel: str, alt: str) -> Plot:
    """How often which value comes; the outermost rows are gathered in the end columns."""

    def paint(axes) -> None:
        shown = np.clip(values, *np.quantile(values, [0.002, 0.998]))
        axes.hist(
            shown,
            np.histogram_bin_edges(shown, bins=min(40, max(1, len(np.unique(shown))))),
            color=BLUE,
            edgecolor=PAPER,
            linewidth=0.4,
        )
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(FuncFormatter(tidy))
        axes.yaxis.set_major_formatter(FuncFormatter(tidy))
        axes.set(xlabel=xlabel, ylabel="rows")

    return draw(name, alt, 2.7, paint)


def timeline(
    lanes: list[tuple[str, np.ndarray]],
    x: np.ndarray,
    xlabel: str,
    ticks: tuple[list[float], list[str]] | None,
    alt: str,
) -> Plot:
    """Lanes one below the other, each dark where its rows are set."""

    def paint(axes) -> None:
        for k, (_, rows) in enumerate(lanes):
            starts, ends = _runs(rows)
            width = np.append(x, 2 * x[-1] - x[-2] if len(x) > 1 else x[-1] + 1)
            axes.broken_barh(
                [(width[a], width[b] - width[a]) for a, b in zip(starts, ends)],
                (-k - 0.34, 0.68),
                facecolor=(INK, ORANGE, PURPLE, BLUE)[k % 4],
                edgecolor=(INK, ORANGE, PURPLE, BLUE)[k % 4],
                linewidth=0.3,
            )
        axes.set_yticks([-k for k in range(len(lanes))], [name for name, _ in lanes])
        axes.set(xlabel=xlabel, xlim=(x[0], x[-1]), ylim=(-len(lanes) + 0.4, 0.6))
        axes.tick_params(axis="y", length=0)
        axes.grid(False)
        if ticks:
            axes.set_xticks(*ticks)
        else:
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.xaxis.set_major_formatter(FuncFormatter(tidy))

    return draw("timeline", alt, 0.8 + 0.42 * len(lanes), paint)


def _runs(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and one past the last index of every run of set rows."""
    edges = np.diff(np.concatenate([[0], rows.astype(np.int8), [0]]))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
