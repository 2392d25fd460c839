"""The picture of a run: each generator's front, error against flash and against cycles."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.figure import Figure

from .measure import Point
from .verdicts import measured_only

LOOKS = {  # of each series: colour, mark
    "tinygen, found in the rows": ("#0b5fa5", "o"),
    "tinygen, converted": ("#56a3d9", "s"),
    "emlearn": ("#c8500a", "^"),
    "m2cgen": ("#4a7f2a", "v"),
    "micromlgen": ("#8a5fb0", "D"),
    "everywhereml": ("#b03060", "P"),
    "sklearn2c": ("#8c6d1f", "X"),
    "float C": ("#555555", "."),
}
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tinygen",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def series_of(point: Point) -> str:
    if not point.ours:
        return point.package
    return "tinygen, converted" if point.fitted else "tinygen, found in the rows"


def own_front(points: Sequence[Point], cost: str) -> list[tuple[int, float]]:
    """(cost, error) of those that no other of the series beats, by cost; a test without one wrong
    row is not on a logarithmic axis and left out.
    """
    kept: list[tuple[int, float]] = []
    for p in sorted(measured_only(points), key=lambda p: (getattr(p, cost), p.error)):
        if p.error > 0 and (not kept or p.error < kept[-1][1]):
            kept.append((getattr(p, cost), p.error))
    return kept


def picture(tasks: Mapping[str, Sequence[Point]], units: Mapping[str, str]) -> str:
    """SVG text, the same bytes for the same points: a row for each task."""
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        figure = Figure(figsize=(8, 2.3 * len(tasks) + 0.6), layout="constrained")
        grid = figure.subplots(len(tasks), 2, squeeze=False, sharey="row")
        for row, (task, points) in zip(grid, tasks.items()):
            for axes, cost in zip(row, ("flash_bytes", "cycles_max")):
                _fronts(axes, points, cost)
            row[0].set_ylabel(f"{task}: error" + (f", {units[task]}" if units[task] else ""))
        for axes, words in zip(grid[-1], ("flash, bytes", "worst cycles")):
            axes.set_xlabel(words)
        handles = {h.get_label(): h for axes in grid.flat for h in axes.get_lines()}
        shown = [handles[name] for name in LOOKS if name in handles]
        figure.legend(handles=shown, loc="outside lower center", ncols=4)
        text = io.StringIO()
        meta = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(text, format="svg", metadata=meta, facecolor="white")
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def _fronts(axes, points: Sequence[Point], cost: str) -> None:
    for name, (colour, mark) in LOOKS.items():
        kept = own_front([p for p in points if p.fitted or p.ours if series_of(p) == name], cost)
        if kept:
            axes.plot(*zip(*kept), mark + "-", color=colour, label=name, markersize=4, linewidth=1)
    axes.set(xscale="log", yscale="log")
    axes.grid(True, which="major", color="#dddddd", linewidth=0.6)
