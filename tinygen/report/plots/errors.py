"""Answers against truth, errors by part and by size."""

from __future__ import annotations

import numpy as np
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.ticker import FuncFormatter, MaxNLocator

from .svg import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    Plot,
    draw,
    tidy,
)

COLUMNS = 20  # of a histogram, on each side of 0


def _dots(axes, x: np.ndarray, y: np.ndarray, colour: str, size: float, alpha: float) -> None:
    """Points as one outline: thousands of them stay some kilobytes."""
    points = np.unique(np.column_stack([x, y]).astype(float), axis=0)
    vertices = np.repeat(points, 2, axis=0)
    vertices[1::2, 0] += 1e-4 * np.ptp(points[:, 0])  # a line of no length would be left out
    outline = Outline(vertices, np.tile([Outline.MOVETO, Outline.LINETO], len(points)))
    outline.should_simplify = False
    axes.add_patch(
        PathPatch(
            outline, fill=False, edgecolor=colour, linewidth=size, capstyle="round", alpha=alpha
        )
    )
    axes.update_datalim(points)


def predicted(
    y: np.ndarray,
    answers: np.ndarray,
    quantity: str,
    ends: list[tuple[float, float]],
    wrong: np.ndarray,
    words: str,
) -> Plot:
    """Answers against true values in the output's unit. ends: alarm levels of the truth, and the
    thresholds of the answers that belong to them; wrong: bool (n,), false and missed alarms.
    """

    def paint(axes) -> None:
        diagonal = [min(y.min(), answers.min()), max(y.max(), answers.max())]
        axes.plot(diagonal, diagonal, color=MUTED, linewidth=1)
        _dots(axes, y[~wrong], answers[~wrong], BLUE, 2.6, 0.5)
        if ends:
            _alarm_lines(axes, ends, words, y[wrong], answers[wrong])
        axes.autoscale_view()
        axes.grid(True, axis="both")
        axes.set(xlabel=f"true {quantity}", ylabel="answer of the integer model")

    alt = (
        f"Answers of the integer model against true {quantity} for {len(y):,} test rows; on "
        "the diagonal they are equal."
    )
    return draw("predicted", alt, 3.9, paint)


def _alarm_lines(
    axes, ends: list[tuple[float, float]], words: str, y: np.ndarray, answers: np.ndarray
) -> None:
    """Each (level, threshold), and the rows where one is passed and not the other."""
    for level, threshold in ends:
        axes.axvline(level, color=ORANGE, linewidth=1, linestyle="--")
        axes.axhline(threshold, color=ORANGE, linewidth=1, linestyle="--")
    if len(y):
        axes.plot(
            y,
            answers,
            "x",
            color=ORANGE,
            markersize=5,
            markeredgewidth=1.4,
            label="false or missed alarm",
        )
    axes.plot([], [], color=ORANGE, linewidth=1, linestyle="--", label=f"alarm level {words}")
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=2,
        borderaxespad=0.1,
        handlelength=1.4,
    )


def bars(
    name: str,
    labels: list[str],
    values: list[float],
    xlabel: str,
    ylabel: str,
    alt: str,
    overall: float,
    every: int = 1,
    weak: tuple[int, ...] = (),
) -> Plot:
    """Errors of parts of the rows as columns, the overall error as a line; parts that are worse
    than chance are hatched.
    """

    def paint(axes) -> None:
        places = np.arange(len(values))
        columns = axes.bar(places, values, color=BLUE, width=0.78)
        for k in weak:
            columns[k].set(facecolor=ORANGE, hatch="///")
        axes.axhline(
            overall, color=INK, linewidth=1.2, linestyle="--", label=f"all rows: {overall:.4g}"
        )
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.1)
        axes.set_xticks(
            places[::every], labels[::every], rotation=40, ha="right", rotation_mode="anchor"
        )
        axes.yaxis.set_major_formatter(FuncFormatter(tidy))
        axes.margins(x=0.01)
        axes.set_ylim(0, max(axes.get_ylim()[1], overall * 1.05) if max(values) > 0 else 1)
        axes.set(xlabel=xlabel, ylabel=ylabel)

    return draw(name, alt, 3.3, paint)


def histogram(errors: np.ndarray, step: float, unit: str, alt: str) -> Plot:
    """How often which signed error comes, in columns of whole steps; the outermost rows are
    gathered in the end columns.
    """

    def paint(axes) -> None:
        reach = max(step, float(np.abs(np.quantile(errors, [0.005, 0.995])).max()))
        half = max(2, round(reach / step))
        wide = (
            2 * (half // COLUMNS) + 1
        )  # an odd number of steps: the middle column is centred at 0
        count = -(-(2 * half + 1) // wide) // 2 * 2 + 1
        edges = (np.arange(count + 1) - count / 2) * wide * step
        counts, _ = np.histogram(np.clip(errors, edges[0] + step / 4, edges[-1] - step / 4), edges)
        axes.bar(
            edges[:-1],
            counts,
            width=np.diff(edges),
            align="edge",
            color=BLUE,
            edgecolor=PAPER,
            linewidth=0.4,
        )
        axes.axvline(0, color=INK, linewidth=1)
        axes.xaxis.set_major_formatter(FuncFormatter(tidy))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(tidy))
        axes.set(xlabel=f"answer minus truth{f' [{unit}]' if unit else ''}", ylabel="test rows")

    return draw("histogram", alt, 2.9, paint)
