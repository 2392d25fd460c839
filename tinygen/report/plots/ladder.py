"""Error against flash: every model of a ladder, and the baselines beside them."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import FuncFormatter

from .svg import (
    INK,
    MUTED,
    PAPER,
    PURPLE,
    SERIES,
    Plot,
    draw,
    tidy,
)

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
        _rungs(axes, rungs, chosen)
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


def _rungs(axes, rungs: list[tuple[str, int, float]], chosen: int) -> None:
    """A mark for each rung, of its family's form, and a ring around the chosen one."""
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
