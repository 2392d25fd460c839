"""Where a model is wrong: its error in parts of the test rows, and with a sensor that fails.

slices(model, tests) -> the parts
weak(parts) -> those that are worse than chance explains
sensor_faults(model, tests) -> the error with each sensor held at an end of its range
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...model.fixedpoint import Quantity
from ...model.model import Model
from .gather import Tests

RANGES = 8  # parts of the true values with about equally many rows
MOST_PERIODS = 14
DAYS_OF_MONTHS = 75  # from this span on, periods are calendar months
FEWEST_ROWS = 20  # that a part is judged by
WORSE = 1.5  # times the overall error
SIGMAS = 3.0  # and so many standard errors beyond it


@dataclass(frozen=True)
class Slice:
    """A part of the test rows."""

    kind: str  # "true value", "time", "sensor"
    name: str  # "2.1 .. 3.8 ug/m3", "2004-03"
    rows: int
    error: float  # mean absolute, in the output's unit; for classes the error rate
    bias: float  # mean of answer minus truth; 0 for classes
    spread: float  # standard error of `error`
    middle: float  # of the true values, or the number of the period

    @property
    def judged(self) -> bool:
        """True if there are rows enough to say anything."""
        return self.rows >= FEWEST_ROWS


@dataclass(frozen=True)
class Fault:
    """The error when one sensor is stuck at an end of what the board accepts."""

    name: str
    low_error: float  # held at its lowest accepted reading
    high_error: float


def misses(model: Model, y: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Signed errors in the output's unit; for classes 1 where the answer is wrong."""
    return (answers != y).astype(float) if model.labels else (answers - y) * model.output.scale


def slices(model: Model, tests: Tests) -> tuple[Slice, ...]:
    """The test rows by true value, by time, and by each sensor's lowest, middle and highest
    readings.
    """
    return (*by_truth(model, tests), *by_time(model, tests), *by_sensor(model, tests))


def by_truth(model: Model, tests: Tests) -> tuple[Slice, ...]:
    """Parts by the true value with about equally many rows, or by class."""
    if model.labels:
        return tuple(
            s
            for k, label in enumerate(model.labels)
            if (s := _slice(model, tests, tests.y == k, "true value", label, k))
        )
    cuts = np.unique(np.quantile(tests.y, np.arange(1, RANGES) / RANGES, method="inverted_cdf"))
    parts = np.searchsorted(cuts, tests.y, side="left")
    physical = model.output.to_physical(tests.y)

    def part(rows: np.ndarray) -> Slice | None:
        return _slice(
            model,
            tests,
            rows,
            "true value",
            _span(physical[rows], model.output),
            float(np.median(physical[rows])),
        )

    return tuple(s for k in np.unique(parts) if (s := part(parts == k)))


def by_time(model: Model, tests: Tests) -> tuple[Slice, ...]:
    """Calendar months, or equally long periods where the rows span less; empty without dates."""
    if tests.time is None:
        return ()
    first, last = tests.time.min(), tests.time.max()
    days = (last - first).astype("timedelta64[D]").astype(int)
    unit = (
        "M"
        if DAYS_OF_MONTHS <= days <= 31 * MOST_PERIODS * 2
        else "Y"
        if days > DAYS_OF_MONTHS
        else "D"
    )
    period = tests.time.astype(f"datetime64[{unit}]").astype(np.int64)
    width = 1 if unit != "D" else max(1, -(-days // MOST_PERIODS))
    period = (period - period.min()) // width
    found = []
    for k in np.unique(period):
        start = tests.time[period == k].min().astype(f"datetime64[{unit}]")
        found.append(_slice(model, tests, period == k, "time", str(start), float(k)))
    return tuple(s for s in found if s)


def by_sensor(model: Model, tests: Tests) -> tuple[Slice, ...]:
    """Each sensor's lowest and highest tenth, and readings beyond its trained range."""
    found = []
    for quantity, column in zip(model.inputs, tests.x.T):
        low, high = np.quantile(column, [0.1, 0.9], method="inverted_cdf")
        shown = [quantity.words(float(quantity.to_physical(end))) for end in (low, high)]
        unit = f" {quantity.unit}".rstrip()
        words = {
            f"{quantity.name} is {shown[0]}{unit} or below": column <= low,
            f"{quantity.name} is {shown[1]}{unit} or above": column >= high,
            f"{quantity.name} is beyond its trained range": (column < quantity.raw_minimum)
            | (column > quantity.raw_maximum),
        }
        found += [
            s
            for name, rows in words.items()
            if (s := _slice(model, tests, rows, "sensor", name, 0.0))
        ]
    return tuple(found)


def weak(parts: tuple[Slice, ...], overall: float) -> tuple[Slice, ...]:
    """The parts whose error is well above the overall one and beyond chance, worst first."""
    bad = [
        s
        for s in parts
        if s.judged and s.error > WORSE * overall and s.error - overall >= SIGMAS * s.spread
    ]
    return tuple(sorted(bad, key=lambda s: -s.error))


def sensor_faults(model: Model, tests: Tests) -> tuple[Fault, ...]:
    """Each sensor's ends of the accepted range for its readings: what a broken wire does."""

    def error(place: int, raw: int) -> float:
        x = tests.x.copy()
        x[:, place] = raw
        return float(np.abs(misses(model, tests.y, model.decided.answer(x))).mean())

    return tuple(
        Fault(q.name, *(error(i, end) for end in q.limits)) for i, q in enumerate(model.inputs)
    )


def _slice(
    model: Model, tests: Tests, rows: np.ndarray, kind: str, name: str, middle: float
) -> Slice | None:
    """The part, or None where there is no row of it."""
    if not rows.any():
        return None
    signed = misses(model, tests.y[rows], tests.answers[rows])
    sizes = np.abs(signed)
    return Slice(
        kind,
        name,
        len(sizes),
        float(sizes.mean()),
        0.0 if model.labels else float(signed.mean()),
        float(sizes.std() / np.sqrt(len(sizes))),
        middle,
    )


def _span(values: np.ndarray, quantity: Quantity) -> str:
    low, high = (quantity.words(float(end)) for end in (values.min(), values.max()))
    return f"{low if low == high else f'{low} .. {high}'} {quantity.unit}".rstrip()
