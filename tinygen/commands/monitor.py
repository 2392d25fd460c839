"""Watching a model at work: do the rows of a log still look like the rows the model was trained on?

    monitor_csv(model, log) -> Monitoring

Each window of rows is compared with the baseline in the model file (tinygen/data/reference.py). A
distance counts as drift where it exceeds both what chance does to that many random rows and, by a
margin, what the training rows' own windows of that length did: hours follow each other, and 500 of
them in one log hold as much news as perhaps 20 random rows of the year. `Figure.effective_rows`
says how much.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.stats import binom, chi2

from .. import data
from ..common.errors import DataError, UsageError
from ..common.files import require_file_place, write_whole
from ..common.jinja import environment
from ..common.text import markdown as in_markdown
from ..data import reference as baselines
from ..data.reference import Baseline, Sketch, longest_run
from ..model.fixedpoint import MISSING
from ..model.model import Model, load
from ..report.words import table
from .pipeline import missing_codes

CHANCE = 0.001  # of a random window to exceed one limit
OWN_MARGIN = 1.15  # a new window may lie so much further out than the training rows' own
PSI_LIMIT = 0.25  # the customary "the population has changed"
RANGE_LIMIT = 0.05  # share of values outside the trained range
MISSING_LIMIT = 0.1  # share of missing values, or three times the training file's
SHORTEST_STUCK = 6  # equal values in a row that are no news
DEFAULT_WINDOW = 64  # rows, where the training rows were too few to say
MOST_LINES = 20  # windows named one by one in the text
CHECKS = {  # and how a table heads them
    "ks": "KS",
    "psi": "PSI",
    "range": "beyond range",
    "missing": "missing",
    "stuck": "equal in a row",
    "alarm": "alarm rate +-",
    "board": "board wrong",
}


@dataclass(frozen=True)
class Figure:
    """One check of one quantity in one window."""

    check: str  # a key of CHECKS
    quantity: str
    value: float
    limit: float
    effective_rows: float | None = None  # KS: random rows that would vary as much

    @property
    def violated(self) -> bool:
        return self.value > self.limit

    @property
    def part(self) -> float:
        """The value as a part of its limit: above 1, a violation."""
        return self.value / max(self.limit, 1e-9)


@dataclass(frozen=True)
class Window:
    """Neighbouring rows of the log."""

    first: int  # lines of the file
    last: int
    rows: int
    when: str  # "2004-03-10 .. 2004-03-21"; "" without dates
    figures: tuple[Figure, ...]

    @property
    def violations(self) -> tuple[Figure, ...]:
        return tuple(f for f in self.figures if f.violated)

    def words(self) -> str:
        """What is beyond a limit, or "good"."""
        return (
            ", ".join(
                f"{f.quantity} {f.check} {_show(f.value)} > {_show(f.limit)}"
                for f in self.violations
            )
            or "good"
        )


@dataclass(frozen=True)
class Monitoring:
    """A log against a model's baseline, window by window."""

    model: Model
    log: str
    window: int  # rows
    windows: tuple[Window, ...]
    notes: tuple[str, ...] = ()
    by_board: bool = False  # a board's answers, else the twin's

    @property
    def good(self) -> bool:
        return not any(window.violations for window in self.windows)

    def worst(self) -> list[Figure]:
        """Of each check and quantity the window nearest to its limit, or furthest beyond it."""
        worst: dict[tuple[str, str], Figure] = {}
        for figure in (f for window in self.windows for f in window.figures):
            key = figure.check, figure.quantity
            if key not in worst or figure.part > worst[key].part:
                worst[key] = figure
        return list(worst.values())

    def plain(self) -> dict:
        """Plain JSON values."""
        return {
            "model": self.model.name,
            "id": f"{self.model.model_id:08x}",
            "log": self.log,
            "window": self.window,
            "windows": [_plain(w) for w in self.windows],
            "violated": sum(bool(w.violations) for w in self.windows),
            "notes": list(self.notes),
            "passed": self.good,
        }


def monitor_csv(
    model: Path, log: Path, window: int | None = None, files: dict[str, Path | None] | None = None
) -> Monitoring:
    """Compares a log of the model's inputs with its training rows, and writes the `files` that are
    asked for.
    """
    twin, files = load(model), files or {}
    require_places(files)
    rows = data.load_table(log, missing=missing_codes(twin))
    raw, notes = data.rows_for(twin.inputs, rows)
    result = monitor(twin, raw, window, rows.path_name, rows.file_rows, rows.time, notes)
    write_files(result, files)
    return result


def require_places(files: dict[str, Path | None]) -> None:
    """UsageError where one of the files cannot be written."""
    for path in filter(None, files.values()):
        require_file_place(path)


def write_files(result: Monitoring, files: dict[str, Path | None]) -> None:
    """Writes the files of these kinds: prometheus, json_lines, markdown, html; each whole or not at
    all.
    """
    texts = {"prometheus": prometheus_text, "json_lines": lines, "markdown": markdown, "html": html}
    for kind, path in files.items():
        if path:
            write_whole(path, texts[kind](result))


def monitor(
    model: Model,
    raw: np.ndarray,
    window: int | None = None,
    log: str = "rows",
    file_rows: np.ndarray | None = None,
    time: np.ndarray | None = None,
    notes: Sequence[str] = (),
) -> Monitoring:
    """Compares raw rows (n, inputs), in the order they came, with the model's baseline in windows
    of `window` rows.
    """
    window = checked_window(model, window)
    if len(raw) < baselines.SMALLEST_WINDOW:
        raise DataError(
            f"{log} has {len(raw)} rows, at least {baselines.SMALLEST_WINDOW} are needed: collect "
            "more"
        )
    columns = np.column_stack([raw, model.answer(raw)])
    cuts = [*range(0, max(len(raw) - window // 2, 1), window), len(raw)]
    lines_of = np.arange(len(raw)) + 2 if file_rows is None else file_rows
    windows = tuple(
        Window(
            int(lines_of[a]),
            int(lines_of[b - 1]),
            b - a,
            "" if time is None else f"{_day(time[a])} .. {_day(time[b - 1])}",
            judge(model, columns[a:b]),
        )
        for a, b in zip(cuts, cuts[1:])
    )
    return Monitoring(model, log, window, windows, tuple(notes))


def checked_window(model: Model, window: int | None) -> int:
    """Rows of a window, the longest useful number where None is given; UsageError where they are
    too few.
    """
    known = baselines.read(model.training.get("baseline"))
    window = default_window(known) if window is None else window
    if window < baselines.SMALLEST_WINDOW:
        raise UsageError(
            f"a window of {window} rows says nothing: use {baselines.SMALLEST_WINDOW} or more"
        )
    return window


def judge(model: Model, columns: np.ndarray, board_wrong: int | None = None) -> tuple[Figure, ...]:
    """Every check of one window of raw rows (n, inputs + 1), the answer last.

    board_wrong: rows that the board answered otherwise than the twin, or not at all; None where no
    board answered.
    """
    known = baselines.read(model.training.get("baseline"))
    board = () if board_wrong is None else (Figure("board", model.output.name, board_wrong, 0),)
    return (*_figures(model, known, columns), *board)


def default_window(known: Baseline) -> int:
    """Rows of a window: the longest one that the training rows can be judged by."""
    return max(known.lengths, default=DEFAULT_WINDOW)


# ---- the figures of one window ----


def _figures(model: Model, known: Baseline, columns: np.ndarray):
    for sketch, values in zip(known.sketches, columns.T):
        there = values[values != MISSING]
        if len(there) >= baselines.SMALLEST_WINDOW // 2:
            yield from _distances(known, sketch, there, len(values))
    for quantity, sketch, values in zip(model.inputs, known.sketches, columns.T):
        there = values[values != MISSING]
        outside = (
            np.mean((there < quantity.raw_minimum) | (there > quantity.raw_maximum))
            if len(there)
            else 0.0
        )
        yield Figure("range", quantity.name, float(outside), RANGE_LIMIT)
        yield Figure(
            "missing",
            quantity.name,
            1 - len(there) / len(values),
            max(MISSING_LIMIT, 3 * known.missing),
        )
        yield Figure(
            "stuck", quantity.name, longest_run(there), max(SHORTEST_STUCK, 2 * sketch.run)
        )
    answers = columns[:, -1][columns[:, -1] != MISSING]
    if known.alarm is not None and len(answers):
        yield _alarm_change(
            known, float(model.alarm(answers).mean()), len(answers), model.output.name
        )


def _distances(known: Baseline, sketch: Sketch, values: np.ndarray, rows: int):
    """Both distances of the values that are there, in a window of `rows` rows."""
    ks, psi = sketch.distances(sketch.counts(values))
    n, bins = len(values), len(sketch.share) + 1
    # P(distance of n random rows > d) <= 2 exp(-2 n d^2): Dvoretzky, Kiefer and Wolfowitz, with
    # Massart's constant
    limit = max(np.sqrt(np.log(2 / CHANCE) / (2 * n)), OWN_MARGIN * _own(known, sketch.ks, rows))
    yield Figure(
        "ks", sketch.name, float(ks), float(limit), float(np.log(2 / CHANCE) / (2 * limit**2))
    )
    by_chance = (
        chi2.ppf(1 - CHANCE, max(bins - 1, 1)) / n
    )  # n * PSI is about chi-square distributed
    yield Figure(
        "psi",
        sketch.name,
        float(psi),
        float(max(PSI_LIMIT, by_chance, OWN_MARGIN * _own(known, sketch.psi, rows))),
    )


def _alarm_change(known: Baseline, share: float, n: int, name: str) -> Figure:
    low, high = binom.ppf([CHANCE / 2, 1 - CHANCE / 2], n, known.alarm) / n
    by_chance = max(known.alarm - low, high - known.alarm)
    return Figure(
        "alarm",
        name,
        abs(share - known.alarm),
        float(max(by_chance + 0.5 / n, OWN_MARGIN * _own(known, known.alarm_own, n))),
    )


def _own(known: Baseline, per_length: tuple[float, ...], rows: int) -> float:
    """What the training rows' own windows of at most `rows` reached; 0 where there is no such
    length.
    """
    return next(
        (
            own
            for length, own in zip(reversed(known.lengths), reversed(per_length))
            if length <= rows
        ),
        0.0,
    )


def _day(moment: np.datetime64) -> str:
    return str(moment.astype("datetime64[D]"))


# ---- text, JSON lines, Markdown, Prometheus ----


def text(result: Monitoring) -> str:
    """The worst figures of each quantity, the windows beyond a limit, and the verdict."""
    bad = [w for w in result.windows if w.violations]
    lines_ = [f"note: {note}" for note in result.notes]
    lines_ += [
        f"{result.log}: {len(result.windows)} windows of {result.window} rows, {len(bad)} beyond a "
        "limit",
        "",
        _worst_table(result),
    ]
    lines_ += (
        [
            "",
            *(
                f"rows {w.first} .. {w.last}{w.when and f' ({w.when})'}: {w.words()}"
                for w in bad[:MOST_LINES]
            ),
        ]
        if bad
        else []
    )
    lines_ += [f"and {len(bad) - MOST_LINES} more windows"] if len(bad) > MOST_LINES else []
    return "\n".join([*lines_, "", _verdict(result)])


def _worst_table(result: Monitoring) -> str:
    """A line per quantity: of each check the worst window's value and the limit, "!" beyond it."""
    checks, rows = _worst(result)
    return "\n".join(
        [
            "worst window of each check, value / limit:",
            table(["quantity", *checks], [[name, *map(_against, found)] for name, found in rows]),
        ]
    )


def _worst(result: Monitoring) -> tuple[list[str], list[tuple[str, list[Figure | None]]]]:
    """Heads of the checks that were made, and per quantity the worst figure of each."""
    worst = {(f.quantity, f.check): f for f in result.worst()}
    checks = [check for check in CHECKS if any(check == there for _, there in worst)]
    return (
        [CHECKS[check] for check in checks],
        [
            (name, [worst.get((name, check)) for check in checks])
            for name in dict.fromkeys(name for name, _ in worst)
        ],
    )


def _against(figure: Figure | None) -> str:
    return (
        "-"
        if figure is None
        else f"{_show(figure.value)} / {_show(figure.limit)}{' !' if figure.violated else ''}"
    )


def _show(value: float) -> str:
    return f"{value:.3g}"


def _verdict(result: Monitoring) -> str:
    if result.good:
        return "PASS: the rows look like the training rows"
    return "DRIFT: the rows do not look like the training rows; check the sensors named, or train again with newer rows"


def _plain(window: Window) -> dict:
    return {
        "first": window.first,
        "last": window.last,
        "rows": window.rows,
        "when": window.when,
        "violations": [f"{f.check} {f.quantity}" for f in window.violations],
        "figures": [asdict(f) for f in window.figures],
    }


def lines(result: Monitoring) -> str:
    """One JSON object per window and line."""
    head = {"model": result.model.name, "id": f"{result.model.model_id:08x}", "log": result.log}
    return "".join(
        json.dumps({**head, **_plain(window)}, allow_nan=False) + "\n" for window in result.windows
    )


def markdown(result: Monitoring) -> str:
    """A summary for a wiki page or a pull request."""
    rows = [
        f"| {w.first} .. {w.last} | {w.when or '-'} | {in_markdown(w.words())} |"
        for w in result.windows
    ]
    return "\n".join(
        [
            f"# {in_markdown(result.model.name)}: {in_markdown(result.log)}",
            "",
            f"**{_verdict(result)}**",
            "",
            "| rows | dates | beyond a limit |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def html(result: Monitoring) -> str:
    """The same summary as one page that needs nothing else: readable on a phone, light and dark."""
    checks, found = _worst(result)
    rows = [
        {
            "name": name,
            "cells": [{"text": _against(f), "bad": bool(f and f.violated)} for f in figures],
        }
        for name, figures in found
    ]
    return (
        environment("html")
        .get_template("report/monitor.html.j2")
        .render(
            model=result.model.name,
            log=result.log,
            verdict=_verdict(result),
            good=result.good,
            checks=checks,
            rows=rows,
            window=result.window,
            windows=[
                {
                    "rows": f"{w.first} .. {w.last}",
                    "when": w.when,
                    "bad": bool(w.violations),
                    "words": w.words(),
                    "bar": min(round(50 * part), 100),
                    "part": f"{100 * part:.0f} %" if part <= 2 else "over 200 %",
                }
                for w, part in (
                    (w, max((f.part for f in w.figures), default=0.0)) for w in result.windows
                )
            ],
            notes=result.notes,
        )
    )


def prometheus_text(result: Monitoring) -> str:
    """The newest window as gauges, in Prometheus' text format 0.0.4, for node_exporter's textfile
    collector.
    """
    newest, model = result.windows[-1], _label(result.model.name)
    metrics = {
        "tinygen_monitor_value": ("What a check found in the newest window", "value"),
        "tinygen_monitor_limit": ("The most that a check allows", "limit"),
    }
    out = []
    for name, (what, field) in metrics.items():
        out += [f"# HELP {name} {what}.", f"# TYPE {name} gauge"]
        out += [
            f'{name}{{model="{model}",check="{f.check}",quantity="{_label(f.quantity)}"}} {float(getattr(f, field))!r}'
            for f in newest.figures
        ]
    totals = {
        "tinygen_monitor_rows": ("Rows of the newest window", newest.rows),
        "tinygen_monitor_violations": (
            "Checks beyond their limit in the newest window",
            len(newest.violations),
        ),
        "tinygen_monitor_windows": ("Windows of the log", len(result.windows)),
        "tinygen_monitor_windows_violated": (
            "Windows beyond a limit",
            sum(bool(w.violations) for w in result.windows),
        ),
    }
    for name, (what, value) in totals.items():
        out += [
            f"# HELP {name} {what}.",
            f"# TYPE {name} gauge",
            f'{name}{{model="{model}"}} {value}',
        ]
    return "\n".join(out) + "\n"


def _label(words: str) -> str:
    return words.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
