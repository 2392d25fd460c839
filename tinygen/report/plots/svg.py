"""Plots as SVG text that takes its colours from the page: the same bytes for the same numbers, in
light and dark.

draw(name, alt, height, paint) -> Plot: the drawing, and a sentence for those who do not see it.
Matplotlib draws with stand-in colours, which become CSS variables; text stays text. A drawing is
360 wide, as a phone is, so that nothing shrinks there.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from ...common.text import page

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
WIDTH = 5.0  # inches, 360 of the drawing's units
STYLE: dict[Any, Any] = {  # keys: matplotlib lists them since 3.11, earlier ones take any str
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

    def renamed(self, front: str) -> Plot:
        """The same drawing with other ids, so that it can stand beside one of its name; what is
        written in it is no tag and stays as it is.
        """
        ids = re.compile(r'( id="|url\(#|xlink:href="#)')
        svg = re.sub(r"<[^<>]+>", lambda tag: ids.sub(rf"\g<1>{front}-", tag[0]), self.svg)
        return Plot(svg, self.alt)


def draw(
    name: str,
    alt: str,
    height: float,
    paint: Callable,
    columns: int = 1,
    rows: int = 1,
    tall: Sequence[float] = (),
) -> Plot:
    """A plot of `height` inches that `paint(axes)` fills. name: makes the ids in it unlike those of
    other plots. tall: how high each row is beside the others.
    """
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # of glyphs that the measuring font lacks: the browser has them
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        paint(figure.subplots(rows, columns, height_ratios=tall or [1] * rows))
        text = io.StringIO()
        figure.savefig(
            text,
            format="svg",
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    return Plot(_for_page(text.getvalue(), name, alt), alt)


def in_legend(names: Iterable[str]) -> list[str]:
    """Names as a legend takes them: matplotlib leaves those out that begin with "_"."""
    return [f" {name}" if name.startswith("_") else name for name in names]


def _for_page(svg: str, name: str, alt: str) -> str:
    """Matplotlib's SVG file as an element of a page, with the page's colours and font."""
    svg, alt = page(svg[svg.index("<svg") :].strip()), page(alt)
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
