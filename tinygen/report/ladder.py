"""The ladder and the baselines, as tables for the terminal and the page."""

from __future__ import annotations

from typing import Any

from ..codegen.chain import slow_steps
from ..common.tables import table
from ..model.model import Model
from ..search.ladder import Ladder
from .words import test_error

MOST_GROWTH = 100  # times, of an error without a sensor


def ladder_text(found: Ladder, hint: bool = True) -> str:
    """The ladder as a table, the chosen rung marked, and what each of its sensors is worth; `hint`:
    and how to take another rung.
    """
    lines = [ladder_title(found), table(*ladder_table(found))]
    lines += slow_rungs(found)
    if found.sensors:
        lines.append(
            "error without one sensor: "
            + ", ".join(f"{name} {growth(part)}" for name, part in found.sensors)
        )
    if hint and len(found.rungs) > 1:
        lines.append(
            "take another one with `tinygen pick`: its file is the model's, ending in .search.json"
        )
    return "\n".join(lines)


def slow_rungs(found: Ladder) -> list[str]:
    """A line for each rung that takes more cycles than it might, and why."""
    reasons = ((number, slow_steps(rung.model)) for number, rung in enumerate(found.rungs, 1))
    return [f"no. {number} has no quick kernel: {', '.join(why)}" for number, why in reasons if why]


def growth(part: float) -> str:
    """By which part an error grows: "+9%"; where there was hardly any error before, how large the
    part is says nothing.
    """
    return f"{round(part, 2) + 0.0:+.0%}" if part < MOST_GROWTH else f"over {MOST_GROWTH} times"


def ladder_title(found: Ladder) -> str:
    """What the ladder's table shows."""
    unit = found.model.output.unit
    error = (
        "error rate" if found.model.labels else f"mean absolute error{f' [{unit}]' if unit else ''}"
    )
    return f"the ladder: {error}, and the model alone on {found.board} (RAM with stack)"


def ladder_table(found: Ladder) -> tuple[list[str], list[list]]:
    """Headers and rows of the ladder's table."""
    named = bool(found.model.band)
    headers = [
        "",
        "no.",
        "model",
        "inputs",
        "error in folds",
        "on test rows",
        *(["false", "missed"] if named else []),
        "flash B",
        "RAM B",
        "cycles",
    ]
    return headers, [_line(found, place, named) for place in range(len(found.rungs))]


def _line(found: Ladder, place: int, named: bool) -> list:
    """One row of the table."""
    rung = found.rungs[place]
    alarm = rung.model.training["alarm"]
    return [
        "->" if place == found.chosen else "",
        place + 1,
        rung_name(rung.model),
        len(rung.model.inputs),
        rung.error,
        test_error(rung.model),
        *([alarm["false"], alarm["missed"]] if named else []),
        rung.cost.flash_bytes,
        rung.ram_bytes,
        rung.cost.cycles_max,
    ]


def rung_name(model: Model) -> str:
    """Family and configuration in a few words: "polynomial, terms 6, root 2"."""
    config = model.training.get("config", {})
    coarser = ["coarser"] if model.training.get("coarser") else []
    goal = [] if model.optimize == "balanced" else [f"for {model.optimize}"]
    return ", ".join(
        [
            model.family,
            *(_setting(key, value) for key, value in config.items() if value is not False),
            *coarser,
            *goal,
        ]
    )


def _setting(key: str, value) -> str:
    """One entry of a configuration; a switch that is on by its name alone."""
    if key == "root" and value == 0:
        return "logarithm"
    name = key.replace("_", " ")
    return (
        name
        if value is True
        else f"{name} {'-'.join(map(str, value)) if isinstance(value, (list, tuple)) else value}"
    )


def beside(baselines, model: Model) -> str:
    """The baselines as a table: what else could predict the target."""
    return table(*baseline_table(baselines, model)) if baselines else ""


def baseline_table(baselines, model: Model) -> tuple[list[str], list[list]]:
    """Headers and rows of the baselines' table."""
    named = bool(model.band)
    rows = [
        [
            b.name,
            b.error,
            *([b.false_alarms, b.missed_alarms] if named else []),
            f"{b.bytes:,}" if b.bytes is not None else "-",
            b.needs,
        ]
        for b in baselines
    ]
    headers = [
        "baseline",
        "on test rows",
        *(["false", "missed"] if named else []),
        "bytes of floats",
        "also needs",
    ]
    return headers, rows


def plain_ladder(found: Ladder) -> dict[str, Any]:
    """Plain JSON values."""
    rungs = [
        {
            "family": r.model.family,
            "config": r.model.training.get("config", {}),
            "coarser": r.model.training.get("coarser", False),
            "error": r.error,
            "test_error": test_error(r.model),
            "alarm": r.model.training["alarm"],
            "optimize": r.model.optimize,
            "flash_bytes": r.cost.flash_bytes,
            "ram_bytes": r.ram_bytes,
            "cycles_max": r.cost.cycles_max,
            "cycles_seen": r.cost.cycles_seen,
        }
        for r in found.rungs
    ]
    return {
        "board": found.board,
        "chosen": found.chosen + 1,
        "rungs": rungs,
        "sensors": dict(found.sensors),
    }
