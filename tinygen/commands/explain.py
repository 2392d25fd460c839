"""Why the model says what it says: each sensor's contribution to an answer, as exact Shapley
values.

    explain_csv(model, csv, row) -> Explanation

The integer model itself is asked, for all 2**n coalitions of sensors: those in the coalition keep
the row's readings, the others take those of background rows. Sums of integers make the values; the
contributions and the background's mean add up to the answer as fractions, not nearly as floats do.
The `shap` library computes the same in floats (a test compares the two) and needs 300 MB of
compilers. Shapley (1953); Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions",
NIPS 2017.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import factorial, floor
from pathlib import Path

import numpy as np

from .. import data
from ..common.errors import DataError, UsageError
from ..data import reference as baselines
from ..model.fixedpoint import MISSING
from ..model.model import Model, load
from ..report.words import table
from .pipeline import missing_codes

MOST_INPUTS = 12  # 4096 coalitions
EVALUATIONS = 1_000_000  # predictions for the sensitivity: some seconds
MOST_BACKGROUND = 50  # rows
MOST_ROWS = 40  # explained for the sensitivity
FEWEST_ROWS = 2
CAVEAT = (
    "This tells what the model does with its sensors, not what causes what: sensors that move "
    "together share "
    "their credit, and the background mixes readings that may never occur together."
)


Progress = Callable[[str], None]


def _silent(text: str) -> None:
    """Nobody asked how far it is."""


@dataclass(frozen=True)
class Contribution:
    """What one sensor's reading adds to the background's mean answer."""

    name: str
    raw: int  # the reading
    value: Fraction  # raw steps of the output


@dataclass(frozen=True)
class RowExplanation:
    """One answer, taken apart: `base` and the contributions add up to `answer` exactly."""

    row: int  # line of the file
    answer: int  # raw; for classes 1, "the answer is this class"
    label: str  # of the answer, for classes; else ""
    base: Fraction  # mean answer to the background rows
    contributions: tuple[Contribution, ...]
    clamped: bool  # a reading beyond the accepted range was saturated


@dataclass(frozen=True)
class Sensitivity:
    """How much of the answers' movement comes from one sensor, 0 .. 1; the sensors' shares add up
    to 1.
    """

    name: str
    share: float
    low: float  # tenth percentile over the rows
    high: float  # ninetieth


@dataclass(frozen=True)
class Explanation:
    """Contributions to one answer, if a row was named, and the sensors' overall sensitivities."""

    model: Model
    background: str  # where the background rows come from
    sensitivities: tuple[Sensitivity, ...]
    row: RowExplanation | None = None
    notes: tuple[str, ...] = ()

    def plain(self) -> dict:
        """Plain JSON values; fractions as text and as numbers in the output's unit."""
        scale = _scale(self.model)
        row = (
            None
            if self.row is None
            else {
                "row": self.row.row,
                "answer": self.row.answer * scale,
                "label": self.row.label,
                "clamped": self.row.clamped,
                "base": float(self.row.base) * scale,
                "base_raw": str(self.row.base),
                "contributions": [
                    {
                        "name": c.name,
                        "reading": float(q.to_physical(c.raw)),
                        "value": float(c.value) * scale,
                        "raw": str(c.value),
                    }
                    for c, q in zip(self.row.contributions, self.model.inputs)
                ],
            }
        )
        return {
            "model": self.model.name,
            "unit": _unit(self.model),
            "background": self.background,
            "row": row,
            "sensitivity": {
                s.name: {"share": s.share, "low": s.low, "high": s.high} for s in self.sensitivities
            },
            "caveat": CAVEAT,
            "notes": list(self.notes),
        }


def explain_csv(
    model: Path, csv: Path | None = None, row: int | None = None, progress: Progress = _silent
) -> Explanation:
    """Explains line `row` of a CSV file, and the model as a whole on its rows; without a file on
    the baseline's deciles.
    """
    twin = load(model)
    if csv is None:
        if row is not None:
            raise UsageError(f"--row {row} needs a file: name the CSV after the model")
        return Explanation(
            twin,
            "independent deciles of the training rows",
            sensitivities(twin, decile_rows(twin), progress),
        )
    rows = data.load_table(csv, missing=missing_codes(twin))
    raw, notes = data.rows_for(twin.inputs, rows)
    complete = raw[(raw != MISSING).all(axis=1)]
    if len(complete) < FEWEST_ROWS:
        raise DataError(
            f"{rows.path_name} has {len(complete)} rows without a missing value, "
            f"at least {FEWEST_ROWS} are needed as background"
        )
    one = (
        None
        if row is None
        else explain(
            twin, _reading(raw, rows.file_rows, row), spread_over(complete, MOST_BACKGROUND), row
        )
    )
    return Explanation(
        twin, f"rows of {rows.path_name}", sensitivities(twin, complete, progress), one, notes
    )


def explain(
    model: Model, reading: np.ndarray, background: np.ndarray, row: int = 0
) -> RowExplanation:
    """The exact contributions to the answer to one raw reading (inputs,), against raw background
    rows (n, inputs).
    """
    answer = int(_answers(model, reading[None])[0])
    totals = _coalitions(model, reading, background, answer)
    values = shapley(totals, len(model.inputs), len(background))
    parts = tuple(
        Contribution(q.name, int(x), value) for q, x, value in zip(model.inputs, reading, values)
    )
    label = model.labels[answer] if model.labels else ""
    return RowExplanation(
        row,
        1 if label else answer,
        label,
        Fraction(int(totals[0]), len(background)),
        parts,
        bool(model.saturate(reading[None])[1][0]),
    )


def shapley(totals: np.ndarray, players: int, divisor: int = 1) -> list[Fraction]:
    """Shapley values of a game: totals[mask] is `divisor` times the worth of the coalition with
    these bits.
    """
    masks = np.arange(1 << players)
    sizes = sum((masks >> i) & 1 for i in range(players))
    weights = np.array([factorial(size) * factorial(players - size - 1) for size in range(players)])
    values = []
    for i in range(players):
        without = masks[(masks >> i) & 1 == 0]
        # at most 12! * 2 * 32767 * 50 < 2**51: exact in int64
        gained = int((weights[sizes[without]] * (totals[without | 1 << i] - totals[without])).sum())
        values.append(Fraction(gained, factorial(players) * divisor))
    return values


def sensitivities(
    model: Model, rows: np.ndarray, progress: Progress = _silent
) -> tuple[Sensitivity, ...]:
    """Each sensor's part of all contributions to the answers to these raw rows, with its spread
    from row to row.
    """
    background = spread_over(rows, MOST_BACKGROUND)
    affordable = EVALUATIONS // (len(background) << min(len(model.inputs), MOST_INPUTS))
    asked = spread_over(rows, min(MOST_ROWS, max(FEWEST_ROWS, affordable)))
    sizes = np.empty((len(asked), len(model.inputs)))
    for k, reading in enumerate(asked):
        progress(f"explaining rows: {k + 1} of {len(asked)}")
        sizes[k] = [abs(float(c.value)) for c in explain(model, reading, background).contributions]
    sums = sizes.sum(axis=1, keepdims=True)
    shares = sizes[sums[:, 0] > 0] / sums[sums[:, 0] > 0]
    if not len(shares):
        return tuple(Sensitivity(q.name, 0.0, 0.0, 0.0) for q in model.inputs)
    overall, (low, high) = sizes.sum(axis=0) / sizes.sum(), np.quantile(shares, [0.1, 0.9], axis=0)
    return tuple(
        Sensitivity(q.name, float(s), float(a), float(b))
        for q, s, a, b in zip(model.inputs, overall, low, high)
    )


def decile_rows(model: Model) -> np.ndarray:
    """Raw rows from the baseline in the model file: each input's deciles, shuffled independently by
    a fixed seed.
    """
    rng, sketches = (
        np.random.default_rng(0),
        baselines.read(model.training.get("baseline")).sketches,
    )
    return np.column_stack(
        [
            rng.choice(s.knots or (q.raw_minimum,), MOST_BACKGROUND)
            for s, q in zip(sketches, model.inputs)
        ]
    )


def spread_over(rows: np.ndarray, most: int) -> np.ndarray:
    """At most `most` of the rows, evenly spaced."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, most).round().astype(int))]


def _coalitions(
    model: Model, reading: np.ndarray, background: np.ndarray, answer: int
) -> np.ndarray:
    """Sum over the background rows of the answers, for each coalition; for classes of how often it
    is `answer`.
    """
    inputs = len(model.inputs)
    if inputs > MOST_INPUTS:
        raise UsageError(
            f"model '{model.name}' has {inputs} inputs, at most {MOST_INPUTS} can be explained "
            "exactly: "
            "train it with fewer (--inputs)"
        )
    member = (np.arange(1 << inputs)[:, None] >> np.arange(inputs)) & 1 == 1
    mixed = np.where(member[:, None, :], reading, background[None])
    answers = _answers(model, mixed.reshape(-1, inputs)).reshape(len(member), len(background))
    return (answers == answer if model.labels else answers).sum(axis=1)


def _answers(model: Model, raw: np.ndarray) -> np.ndarray:
    return model.predict(model.saturate(raw)[0])


def _reading(raw: np.ndarray, file_rows: np.ndarray, row: int) -> np.ndarray:
    place = np.flatnonzero(file_rows == row)
    if not len(place):
        raise UsageError(
            f"row {row} is not in the file: its rows are lines {file_rows[0]} to {file_rows[-1]}, "
            "the header is line 1"
        )
    if (raw[place[0]] == MISSING).any():
        raise DataError(f"row {row} lacks a value, the board gives no answer to it: choose another")
    return raw[place[0]]


# ---- text ----


def text(result: Explanation) -> str:
    """The row's answer as a sum that adds up as printed, the sensitivities and the caveat."""
    lines = [f"note: {note}" for note in result.notes]
    if result.row:
        lines += [_row_text(result), ""]
    rows = [
        [s.name, f"{s.share:.2f}", f"{s.low:.2f} .. {s.high:.2f}", "#" * round(40 * s.share)]
        for s in sorted(result.sensitivities, key=lambda s: -s.share)
    ]
    lines += [
        "sensitivity: each sensor's part of what moves the answer, 0 .. 1 (background: "
        f"{result.background})",
        table(["sensor", "part", "in 8 of 10 rows", ""], rows),
        "",
        CAVEAT,
    ]
    return "\n".join(lines)


def _row_text(result: Explanation) -> str:
    row, unit = result.row, _unit(result.model)
    ordered = sorted(
        zip(row.contributions, result.model.inputs), key=lambda pair: -abs(pair[0].value)
    )
    steps = rounded_parts([row.base, *(c.value for c, _ in ordered)])
    step, digits = _tenth(result.model)
    shown = [f"{n * step:+.{digits}f}" for n in steps]
    rows = [["mean of the background", "", shown[0][1:] if steps[0] >= 0 else shown[0]]]
    rows += [
        [c.name, f"{q.to_physical(c.raw):g} {q.unit}".rstrip(), part]
        for (c, q), part in zip(ordered, shown[1:])
    ]
    what = (
        f"answered '{row.label}': the part of the background that is"
        if row.label
        else f"{result.model.output.name}{unit and f' [{unit}]'}"
    )
    total = f"{row.answer * 10 * step:.{digits}f}"
    beyond = ["a reading lies beyond the accepted range and was saturated"] if row.clamped else []
    return "\n".join(
        [
            f"row {row.row}, {what}",
            table(["", "reading", "part"], [*rows, ["answer, the sum", "", total]]),
            *beyond,
        ]
    )


def rounded_parts(values: list[Fraction]) -> list[int]:
    """Tenths of a step near the values, which add up exactly as the values do; their sum is a whole
    step.
    """
    tenths = [10 * value for value in values]
    parts = [floor(tenth) for tenth in tenths]
    short = int(sum(tenths)) - sum(parts)
    largest = sorted(range(len(parts)), key=lambda i: (parts[i] - tenths[i], i))[:short]
    return [part + (i in largest) for i, part in enumerate(parts)]


def _tenth(model: Model) -> tuple[float, int]:
    """A tenth of the output's raw step, and the digits it is printed with."""
    step = _scale(model) / 10
    return step, max(0, round(-np.log10(step)))


def _scale(model: Model) -> float:
    return 1.0 if model.labels else model.output.scale


def _unit(model: Model) -> str:
    return "" if model.labels else model.output.unit
