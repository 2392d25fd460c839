"""Watching a model at work: do the rows of a log still look like the rows the model was trained on?

    monitor(model, raw) -> Monitoring

Each window of rows is compared with the reference in the model file (data/reference.py). A
distance counts as drift where it exceeds both what chance does to that many random rows and, by a
margin, what the training rows' own windows of that length did: hours follow each other, and 500 of
them in one log hold as much news as perhaps 20 random rows of the year. `Check.effective_rows`
says how much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.stats import binom, chi2

from ..common.errors import DataError, UsageError, plain
from ..common.tables import counted, table
from ..data.reference import SMALLEST_WINDOW, Reference, Sketch, longest_run, read
from ..fitting.error_bars import covered, one_a_day
from ..model.confidence.error_bars import Covered
from ..model.fixedpoint import MISSING
from ..model.model import Model
from .words import covered_words

CHANCE = 0.001  # of a random window to exceed one limit
OWN_MARGIN = 1.15  # a new window may lie so much further out than the training rows' own
PSI_LIMIT = 0.25  # the customary "the population has changed"
RANGE_LIMIT = 0.05  # share of values outside the trained range, but for one
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
class Check:
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
    figures: tuple[Check, ...]

    @property
    def violations(self) -> tuple[Check, ...]:
        return tuple(f for f in self.figures if f.violated)

    def words(self) -> str:
        """What is beyond a limit, or "good"."""
        return (
            ", ".join(
                f"{plain(f.quantity)} {f.check} {f.value:.3g} > {f.limit:.3g}"
                for f in self.violations
            )
            or "good"
        )

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "first": self.first,
            "last": self.last,
            "rows": self.rows,
            "when": self.when,
            "violations": [f"{f.check} {f.quantity}" for f in self.violations],
            "figures": [asdict(f) for f in self.figures],
        }


@dataclass(frozen=True)
class Monitoring:
    """A log against a model's reference, window by window."""

    model: Model
    log: str
    window: int  # rows
    windows: tuple[Window, ...]
    notes: tuple[str, ...] = ()
    by_board: bool = False  # a board's answers, else the twin's
    # what error bars cover of the rows with a reference: as they are, told one a day
    covered: tuple[tuple[str, Covered], ...] = ()

    @property
    def rows(self) -> int:
        """Rows of a window; of the only one those that came, which may be fewer or more."""
        return self.windows[0].rows if len(self.windows) == 1 else self.window

    @property
    def good(self) -> bool:
        return not any(window.violations for window in self.windows)

    @property
    def exit_code(self) -> int:
        return 0 if self.good else 1

    @property
    def verdict(self) -> str:
        """Whether the rows look like the training rows, and what to do where they do not."""
        if self.good:
            return "PASS: the rows look like the training rows"
        return (
            "DRIFT: the rows do not look like the training rows; check the sensors named, "
            "or train again with newer rows"
        )

    def worst(self) -> list[Check]:
        """Of each check and quantity the window nearest to its limit, or furthest beyond it."""
        worst: dict[tuple[str, str], Check] = {}
        for figure in (f for window in self.windows for f in window.figures):
            key = figure.check, figure.quantity
            if key not in worst or figure.part > worst[key].part:
                worst[key] = figure
        return list(worst.values())

    def worst_of_quantities(self) -> tuple[list[str], list[tuple[str, list[Check | None]]]]:
        """Heads of the checks that were made, and per quantity the worst window's check of each."""
        worst = {(f.quantity, f.check): f for f in self.worst()}
        checks = [check for check in CHECKS if any(check == there for _, there in worst)]
        names = dict.fromkeys(name for name, _ in worst)
        return (
            [CHECKS[check] for check in checks],
            [(name, [worst.get((name, check)) for check in checks]) for name in names],
        )

    @property
    def bars_lines(self) -> list[str]:
        """What the error bars cover, a line each; [] without bars or references."""
        bars = self.model.bars
        return [
            f"error bars {how}: {covered_words(self.model, found)}, {bars.level}% are asked for"
            for how, found in self.covered
            if bars
        ]

    def text(self) -> str:
        """The worst figures of each quantity, the windows beyond a limit, and the verdict."""
        bad = [w for w in self.windows if w.violations]
        checks, rows = self.worst_of_quantities()
        lines = [
            *(f"note: {note}" for note in self.notes),
            *self.bars_lines,
            f"{self.log}: {counted(len(self.windows), 'window')} of {counted(self.rows, 'row')}, "
            f"{len(bad)} beyond a limit",
            "",
            "worst window of each check, value / limit:",
            table(["quantity", *checks], [[name, *map(against, found)] for name, found in rows]),
        ]
        if bad:
            lines.append("")
        for w in bad[:MOST_LINES]:
            lines.append(f"rows {w.first} .. {w.last}{w.when and f' ({w.when})'}: {w.words()}")
        if len(bad) > MOST_LINES:
            lines.append(f"and {len(bad) - MOST_LINES} more windows")
        return "\n".join([*lines, "", self.verdict])

    def plain(self) -> dict:
        """Plain JSON values."""
        return {
            "model": self.model.name,
            "id": f"{self.model.model_id:08x}",
            "log": self.log,
            "window": self.window,
            "windows": [w.plain() for w in self.windows],
            "violated": sum(bool(w.violations) for w in self.windows),
            **({"error_bars": {how: asdict(c) for how, c in self.covered}} if self.covered else {}),
            "notes": list(self.notes),
            "passed": self.good,
        }


def against(check: Check | None) -> str:
    """A value and its limit, "!" beyond it; "-" where there was no such check."""
    if check is None:
        return "-"
    return f"{check.value:.3g} / {check.limit:.3g}{' !' if check.violated else ''}"


def monitor(
    model: Model,
    raw: np.ndarray,
    window: int | None = None,
    log: str = "rows",
    file_rows: np.ndarray | None = None,
    time: np.ndarray | None = None,
    notes: Sequence[str] = (),
    references: np.ndarray | None = None,
) -> Monitoring:
    """Compares raw rows (n, inputs), in the order they came, with the model's reference in windows
    of `window` rows. references: raw (n,), MISSING where there is none, for the error bars.
    """
    window = checked_window(model, window)
    if len(raw) < SMALLEST_WINDOW:
        raise DataError(
            f"{log} has {counted(len(raw), 'row')}, at least {SMALLEST_WINDOW} are needed: "
            "collect more"
        )
    columns = np.column_stack([raw, model.answer(raw)])
    cuts = [*range(0, max(len(raw) - window // 2, 1), window), len(raw)]
    lines_of = np.arange(len(raw)) + 2 if file_rows is None else file_rows
    windows = tuple(
        Window(
            int(lines_of[a]),
            int(lines_of[b - 1]),
            b - a,
            "" if time is None else _days(time[a:b]),
            judge(model, columns[a:b]),
        )
        for a, b in pairwise(cuts)
    )
    covered = () if references is None else _covered(model, columns[:, -1], references, time)
    return Monitoring(model, log, window, windows, tuple(notes), covered=covered)


def _covered(
    model: Model, answers: np.ndarray, references: np.ndarray, time: np.ndarray | None
) -> tuple[tuple[str, Covered], ...]:
    """What the model's error bars cover of the rows that have an answer and a reference."""
    there = (answers != MISSING) & (references != MISSING)
    if model.bars is None or not there.any():
        return ()
    answers, references = answers[there], references[there]
    found = [("as they are", covered(model, answers, references))]
    if time is not None and (readings := one_a_day(time[there])).any():
        told = covered(model, answers, references, readings)
        found.append(("told a reference a day", told))
    return tuple(found)


def checked_window(model: Model, window: int | None) -> int:
    """Rows of a window, the longest useful number where None is given; UsageError where they are
    too few.
    """
    known = read(model.training.get("baseline"))
    window = default_window(known) if window is None else window
    if window < SMALLEST_WINDOW:
        raise UsageError(f"a window of {window} rows says nothing: use {SMALLEST_WINDOW} or more")
    return window


def judge(model: Model, columns: np.ndarray, board_wrong: int | None = None) -> tuple[Check, ...]:
    """Every check of one window of raw rows (n, inputs + 1), the answer last.

    board_wrong: rows that the board answered otherwise than the twin, or not at all; None where no
    board answered.
    """
    known = read(model.training.get("baseline"))
    board = () if board_wrong is None else (Check("board", model.output.name, board_wrong, 0),)
    return (*_figures(model, known, columns), *board)


def default_window(known: Reference) -> int:
    """Rows of a window: the longest one that the training rows can be judged by."""
    return max(known.lengths, default=DEFAULT_WINDOW)


# ---- the figures of one window ----


def _figures(model: Model, known: Reference, columns: np.ndarray):
    for sketch, values in zip(known.sketches, columns.T):
        there = values[values != MISSING]
        if len(there) >= SMALLEST_WINDOW // 2:
            yield from _distances(known, sketch, there, len(values))
    for quantity, sketch, values in zip(model.inputs, known.sketches, columns.T):
        there = values[values != MISSING]
        outside = (
            np.mean((there < quantity.raw_minimum) | (there > quantity.raw_maximum))
            if len(there)
            else 0.0
        )
        one = 1 / max(len(there), 1)  # a single value beyond is no news, however short the window
        yield Check("range", quantity.name, float(outside), max(RANGE_LIMIT, one))
        yield Check(
            "missing",
            quantity.name,
            1 - len(there) / len(values),
            max(MISSING_LIMIT, 3 * known.missing),
        )
        yield Check("stuck", quantity.name, longest_run(there), max(SHORTEST_STUCK, 2 * sketch.run))
    answers = columns[:, -1][columns[:, -1] != MISSING]
    if known.alarm is not None and len(answers):
        yield _alarm_change(
            known,
            known.alarm,
            float(model.alarm(answers).mean()),
            len(answers),
            model.output.name,
        )


def _distances(known: Reference, sketch: Sketch, values: np.ndarray, rows: int):
    """Both distances of the values that are there, in a window of `rows` rows."""
    ks, psi = sketch.distances(sketch.counts(values))
    n, bins = len(values), len(sketch.share) + 1
    # P(distance of n random rows > d) <= 2 exp(-2 n d^2): Dvoretzky, Kiefer and Wolfowitz, with
    # Massart's constant
    limit = max(np.sqrt(np.log(2 / CHANCE) / (2 * n)), OWN_MARGIN * _own(known, sketch.ks, rows))
    yield Check(
        "ks", sketch.name, float(ks), float(limit), float(np.log(2 / CHANCE) / (2 * limit**2))
    )
    by_chance = (
        chi2.ppf(1 - CHANCE, max(bins - 1, 1)) / n
    )  # n * PSI is about chi-square distributed
    yield Check(
        "psi",
        sketch.name,
        float(psi),
        float(max(PSI_LIMIT, by_chance, OWN_MARGIN * _own(known, sketch.psi, rows))),
    )


def _alarm_change(known: Reference, usual: float, share: float, n: int, name: str) -> Check:
    low, high = binom.ppf([CHANCE / 2, 1 - CHANCE / 2], n, usual) / n
    by_chance = max(usual - low, high - usual)
    return Check(
        "alarm",
        name,
        abs(share - usual),
        float(max(by_chance + 0.5 / n, OWN_MARGIN * _own(known, known.alarm_own, n))),
    )


def _own(known: Reference, per_length: tuple[float, ...], rows: int) -> float:
    """What the training rows' own windows of at most `rows` reached; where all are longer, the
    shortest ones; 0 where there are none.
    """
    return next(
        (
            own
            for length, own in zip(reversed(known.lengths), reversed(per_length))
            if length <= rows
        ),
        next(iter(per_length), 0.0),
    )


def _days(moments: np.ndarray) -> str:
    """The first and the last day of a window's rows; "" where no row has a time."""
    known = moments[~np.isnat(moments)].astype("datetime64[D]")
    return f"{known[0]} .. {known[-1]}" if known.size else ""
