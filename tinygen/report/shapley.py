"""Why the model says what it says: each sensor's contribution to an answer, as exact Shapley
values.

    explain(model, reading, background) -> RowExplanation
    sensitivities(model, rows) -> (Sensitivity, ...)

The integer model itself is asked, for all 2**n coalitions of sensors: those in the coalition keep
the row's readings, the others take those of background rows. Sums of integers make the values; the
contributions and the background's mean add up to the answer as fractions, not nearly as floats do.
The `shap` library computes the same in floats (a test compares the two) and needs 300 MB of
compilers. Shapley (1953); Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions",
NIPS 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import factorial, floor

import numpy as np

from ..common.errors import UsageError
from ..common.progress import Progress, silent
from ..model.model import Model

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
    sizes = sum(((masks >> i) & 1 for i in range(players)), np.zeros_like(masks))
    weights = np.array([factorial(size) * factorial(players - size - 1) for size in range(players)])
    values = []
    for i in range(players):
        without = masks[(masks >> i) & 1 == 0]
        # at most 12! * 2 * 32767 * 50 < 2**51: exact in int64
        gained = int((weights[sizes[without]] * (totals[without | 1 << i] - totals[without])).sum())
        values.append(Fraction(gained, factorial(players) * divisor))
    return values


def sensitivities(
    model: Model, rows: np.ndarray, progress: Progress = silent
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
    return model.decided.predict(model.saturate(raw)[0])


def rounded_parts(values: list[Fraction]) -> list[int]:
    """Tenths of a step near the values, which add up exactly as the values do; their sum is a whole
    step.
    """
    tenths = [10 * value for value in values]
    parts = [floor(tenth) for tenth in tenths]
    short = int(sum(tenths)) - sum(parts)
    largest = sorted(range(len(parts)), key=lambda i: (parts[i] - tenths[i], i))[:short]
    return [part + (i in largest) for i, part in enumerate(parts)]
