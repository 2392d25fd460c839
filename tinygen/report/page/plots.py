"""Plots as SVG text that takes its colours from the page: the same bytes for the same numbers, in
light and dark.

Each function returns a `Plot`: the drawing, and a sentence for those who do not see it. Matplotlib
draws with stand-in colours, which become CSS variables; text stays text. A drawing is 360 wide, as
a phone is, so that nothing shrinks there.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.ticker import FuncFormatter, MaxNLocator

INK, MUTED, LINE, PAPER = "#010201", "#010202", "#010203", "#010204"
BLUE, ORANGE, GREEN, PURPLE = "#010205", "#010206", "#010207", "#010208"
VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    LINE: "line",
    PAPER: "paper",
    BLUE: "blue",
    ORANGE: "orange",
    GREEN: "green",
    PURPLE: "purple",
}
# of parts: told apart without colour
LOOKS = (
    (BLUE, ""),
    (ORANGE, "///"),
    (GREEN, "..."),
    (PURPLE, "xxx"),
    (MUTED, ""),
    (BLUE, "\\\\\\"),
)
SERIES = (BLUE, ORANGE, GREEN, PURPLE)
DASHES = ("-", "--", ":", "-.")
COLUMNS = 20  # of a histogram, on each side of 0
WIDTH = 5.0  # inches, 360 of the drawing's units
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tinygen",
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.labelsize": 11,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "legend.fontsize": 10.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "hatch.color": PAPER,
    "hatch.linewidth": 1.0,
}


@dataclass(frozen=True)
class Plot:
    """One drawing."""

    svg: str
    alt: str  # what it shows, in a sentence


def draw(name: str, alt: str, height: float, paint: Callable, columns: int = 1) -> Plot:
    """A plot of `height` inches that `paint(axes)` fills. name: makes the ids in it unlike those of
    other plots.
    """
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # of glyphs that the measuring font lacks: the browser has them
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        paint(figure.subplots(1, columns))
        text = io.StringIO()
        figure.savefig(
            text,
            format="svg",
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    return Plot(_for_page(text.getvalue(), name, alt), alt)


def _for_page(svg: str, name: str, alt: str) -> str:
    """Matplotlib's SVG file as an element of a page, with the page's colours and font."""
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(
        r"<(metadata|style)\b.*?</\1>", "", svg, flags=re.DOTALL
    )  # its style would be the whole page's
    svg = re.sub(r' (?:width|height)="[0-9.]+pt"', "", svg, count=2)
    svg = re.sub(r' (?:d|x|y|transform|viewBox)="[^"]*"', lambda m: _two_digits(m[0]), svg).replace(
        "\n", " "
    )
    used = set(re.findall(r'(?:url\(#|xlink:href="#)([^)"]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", svg)
    svg = re.sub(r'(url\(#|xlink:href="#)', rf"\g<1>{name}-", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    svg = (
        svg.replace("font-family: 'DejaVu Sans'; ", "")
        .replace("; font-family: 'DejaVu Sans'", "")
        .replace("'DejaVu Sans'", "inherit")
    )
    return re.sub(r"> +<", "><", re.sub(r"  +", " ", svg)).replace(
        "<svg ", f'<svg role="img" aria-label="{_attribute(alt)}" ', 1
    )


def _two_digits(places: str) -> str:
    """Coordinates to a hundredth; what is written in a plot is no attribute and stays as it is."""
    return re.sub(r"-?\d+\.\d{3,}", lambda m: f"{float(m[0]):.2f}".rstrip("0").rstrip("."), places)


def _attribute(text: str) -> str:
    return (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    )


def tidy(value: float, _=None) -> str:
    """A tick's number: 1,200 and 0.05, never 1e-05."""
    if value and abs(value) < 1e-3:
        return f"{value:.0e}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"


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


# ---- errors ----


def predicted(
    y: np.ndarray,
    answers: np.ndarray,
    quantity: str,
    level: float | None,
    threshold: float | None,
    words: str,
) -> Plot:
    """Answers against true values in the output's unit. level: truth above it asks for an alarm;
    threshold: answers above it give one.
    """

    def paint(axes) -> None:
        ends = [min(y.min(), answers.min()), max(y.max(), answers.max())]
        axes.plot(ends, ends, color=MUTED, linewidth=1)
        wrong = np.zeros(len(y), bool) if level is None else (answers > threshold) != (y > level)
        _dots(axes, y[~wrong], answers[~wrong], BLUE, 2.6, 0.5)
        if level is not None:
            axes.axvline(level, color=ORANGE, linewidth=1, linestyle="--")
            axes.axhline(threshold, color=ORANGE, linewidth=1, linestyle="--")
            if wrong.any():
                axes.plot(
                    y[wrong],
                    answers[wrong],
                    "x",
                    color=ORANGE,
                    markersize=5,
                    markeredgewidth=1.4,
                    label="false or missed alarm",
                )
            axes.plot(
                [], [], color=ORANGE, linewidth=1, linestyle="--", label=f"alarm level {words}"
            )
            axes.legend(
                loc="lower right",
                bbox_to_anchor=(1, 1),
                ncols=2,
                borderaxespad=0.1,
                handlelength=1.4,
            )
        axes.autoscale_view()
        axes.grid(True, axis="both")
        axes.set(xlabel=f"true {quantity}", ylabel="answer of the integer model")

    alt = f"Answers of the integer model against true {quantity} for {len(y):,} test rows; on the diagonal they are equal."
    return draw("predicted", alt, 3.9, paint)


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


# ---- the ladder ----

FAMILY_MARKS = ("o", "s", "^", "D", "v", "h", "p", "*", "<", ">")


def ladder(
    rungs: list[tuple[str, int, float]],
    chosen: int,
    baselines: list[tuple[str, float]],
    flash_limit: int | None,
    ylabel: str,
    alt: str,
) -> Plot:
    """(family, flash bytes, error) of every rung; lines of the baselines and of the budget."""

    def paint(axes) -> None:
        families = list(dict.fromkeys(family for family, _, _ in rungs))
        for k, family in enumerate(families):
            own = [(flash, error) for name, flash, error in rungs if name == family]
            axes.plot(
                *zip(*own),
                FAMILY_MARKS[k % len(FAMILY_MARKS)],
                color=SERIES[k % len(SERIES)],
                markersize=6.5,
                linestyle="none",
                markeredgecolor=PAPER,
                markeredgewidth=0.6,
                label=family,
            )
        _, flash, error = rungs[chosen]
        axes.plot(
            [flash],
            [error],
            "o",
            markersize=14,
            markerfacecolor="none",
            markeredgecolor=INK,
            markeredgewidth=1.6,
            label="chosen",
        )
        axes.set(
            xscale="log", yscale="log", xlabel="flash of the model alone [bytes]", ylabel=ylabel
        )
        _baselines(axes, baselines)
        if flash_limit is not None:
            axes.axvline(
                flash_limit,
                color=PURPLE,
                linewidth=1.4,
                linestyle="-.",
                label=f"budget, {flash_limit:,} bytes",
            )
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(tidy))
            axis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
        _enough_ticks(axes.xaxis)
        _enough_ticks(axes.yaxis)
        axes.minorticks_off()
        axes.grid(True, axis="both")
        axes.figure.legend(
            loc="outside lower center", ncols=3, columnspacing=1.0, handletextpad=0.3
        )

    return draw("ladder", alt, 5.0, paint)


def _baselines(axes, baselines: list[tuple[str, float]]) -> None:
    """A line for each baseline, its name at the right; names that would lie on each other move
    apart.
    """
    left, right = axes.get_xlim()
    axes.set_xlim(left, right * (right / left) ** 0.6 if baselines else right)  # room for the names
    shown = [(name, error) for name, error in sorted(baselines, key=lambda b: b[1]) if error > 0]
    for _, error in shown:
        axes.axhline(error, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)))
    low, high = np.log10(axes.get_ylim())
    gap, last = (high - low) * 0.055, -np.inf
    for name, error in shown:
        place = max(np.log10(error), last + gap)
        last = place
        axes.annotate(
            name,
            (1.0, 10**place),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            color=MUTED,
            fontsize=9.5,
        )


def _enough_ticks(axis) -> None:
    """Ticks of a logarithmic axis at 1, 2 and 5 of each decade, or at fewer where there are many
    decades.
    """
    low, high = np.log10(axis.get_view_interval())
    steps = (1, 2, 5) if high - low <= 1.7 else (1, 3) if high - low <= 3.4 else (1,)
    ticks = [
        step * 10.0**decade
        for decade in range(int(np.floor(low)), int(np.ceil(high)))
        for step in steps
    ]
    inside = [t for t in ticks if low <= np.log10(t) <= high]
    if len(inside) >= 2:
        axis.set_ticks(inside)


# ---- what the sensors do ----


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
            for k, label in enumerate(labels):
                axes.step(
                    x,
                    curve.mean[:, k],
                    where="mid",
                    color=SERIES[k % 4],
                    linestyle=DASHES[k % 4],
                    linewidth=1.6,
                    label=_short(label, 16),
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
        else:
            axes.fill_between(
                x, curve.low, curve.high, step="mid", color=BLUE, alpha=0.18, linewidth=0
            )
            axes.step(x, curve.one, where="mid", color=ORANGE, linewidth=1.1, label="one row")
            axes.plot(x, curve.mean, color=BLUE, linewidth=1.8, linestyle="--", label="mean")
            axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.1)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(FuncFormatter(tidy))
        axes.set(xlabel=xlabel, ylabel=ylabel)

    return draw(name, alt, 2.7, paint)


def _short(text: str, most: int) -> str:
    """A name that leaves room for the plot, of characters that an SVG may hold."""
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= most else text[: most - 1] + "\u2026"


# ---- cost, stream ----


def shares(name: str, parts: list[tuple[str, float]], alt: str, xlabel: str) -> Plot:
    """One bar, cut in parts; its parts are named in the legend with their values, in their order."""

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
