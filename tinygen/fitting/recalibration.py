"""Gain and offset of a model's output from a few reference readings, shrunken towards no change.

recalibrate(model, x, y, hours) -> Recalibration

Sensors age. What they add to the output is looked for in the domain that the model was fitted in,
before a last square, cube or power of two. The readings are few and close together, and what is
wrong with one hour's answer is mostly wrong with the next one's as well: residuals are taken to be
correlated, half of their variance over hours and half over weeks. So a day of hours tells little
more than one reading, and readings on different days tell most. Their variance is at least that of
the training rows which a fit had not seen: readings of one hour or one week vary too little.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.errors import DataError, show
from ..common.tables import counted
from ..model.fixedpoint import RAW_MAX, RAW_MIN
from ..model.model import Model
from ..model.nodes import Integers, to_dict
from ..model.operations.exp2 import Exp2
from ..model.operations.power import Power
from ..model.operations.scale import Calibrate
from ..model.outputs import (
    PROOF,
    RECALIBRATED,
    UNSEEN,
    calibrated,
    place_of,
    require_numbers,
    without_calibration,
)
from .last_layer import coefficients, layer_of, spans_of, terms_of, with_layer
from .least_squares import Floats, Root
from .lowering import apply_all

# Constants were chosen inside of training periods only: benchmarks/README.md, recalibrate.py.
HOURS, WEEKS = 6.0, 336.0  # of the residuals' two correlation times, in hours; equal variances
NUGGET = 0.01  # part of the variance that even two readings at the same time do not share
BEYOND_CHANCE = 1.2  # a mean residual in its standard errors; below it nothing is changed
LEVEL_VARIANCE = 2.0  # a priori, of the mean residual: in variances of the residuals
GAIN_VARIANCE = 0.1  # a priori, of the slope: the same, per variance of the answers
WEIGHT_VARIANCE = 0.5  # a priori, of a weight of the last layer: the same, per SPREAD of its term
SPREAD = 6  # part of a term's whole range that counts as its standard deviation: a sixth
REFIT_ROWS, REFIT_DAYS = 100, 7  # that a last layer is fitted again to, at least
BLOCKS = 4  # of neighbouring readings that are left out, one after another
LEAST_ROWS = 8  # two of each block
MOST_ROWS = 1000  # that are fitted, evenly spaced ones of more: n**3 operations
MOST_DAYS = 60  # that are looked ahead for how many a decision needs
ROUNDING = 1 / 12  # variance that residuals have at least, in steps**2
UNIT = Calibrate.unit


@dataclass(frozen=True)
class Drift:
    """What residuals say: `r = level + slope * (v - centre)`, shrunken."""

    level: float
    slope: float
    centre: float
    evidence: float  # the mean residual in its standard errors
    independent: float  # how many independent readings tell as much
    # of the last layer's terms t: `+ weights . (t - middle)`; () where it is not fitted again
    weights: tuple[float, ...] = ()
    middle: tuple[float, ...] = ()

    @property
    def beyond_chance(self) -> bool:
        return self.evidence > BEYOND_CHANCE

    @property
    def gain(self) -> int:
        return int(np.clip(np.floor((1 + self.slope) * UNIT + 0.5), *Calibrate.gains))

    @property
    def possible(self) -> bool:
        """True where no gain beyond those that a model can have is asked for. A last layer that is
        fitted again has no such limits.
        """
        least, most = Calibrate.gains
        return bool(self.weights or least <= (1 + self.slope) * UNIT <= most)

    @property
    def offset(self) -> int:
        """So that the answer at the centre moves by the level, whatever rounding did to the
        gain.
        """
        exact = UNIT * (self.centre + self.level) - self.gain * self.centre
        most = Calibrate.most_offset
        return int(np.clip(np.floor(exact + 0.5), -most, most))


@dataclass(frozen=True)
class Recalibration:
    """What the readings ask for, and what it does to them. Errors are mean absolute, in the
    output's unit.
    """

    base: Model  # without any recalibration
    drift: Drift
    rows: int  # readings that were used
    days: float  # from the first to the last
    error_before: float  # on all readings
    left_out_after: float  # of each block by what the other blocks ask for; before: the same rows
    days_needed: int | None  # of one reading a day, for a drift of this size; None: more than 60

    @property
    def accepted(self) -> bool:
        """True where it helps beyond chance, and the model can have what is asked for."""
        helps = self.drift.beyond_chance and self.left_out_after < self.error_before
        return helps and self.drift.possible

    @cached_property
    def model(self) -> Model:
        """The recalibrated model; the base where that is refused."""
        return _adjusted(self.base, self.drift) if self.accepted else self.base

    @property
    def reason(self) -> str:
        """Why it is refused; "" where it is not."""
        if self.accepted:
            return ""
        if self.drift.beyond_chance and not self.drift.possible:
            least, most = (end / UNIT for end in Calibrate.gains)
            return (
                f"the readings ask for a gain of {1 + self.drift.slope:.3g}, and {least:g} to "
                f"{most:g} is what a model can have: are they in the model's units?"
            )
        if self.drift.beyond_chance:
            return (
                f"it does not help readings that were left out: {self.left_out_after:.4g}, "
                f"{self.error_before:.4g} without"
            )
        return (
            f"chance explains what the answers are off by: {self.drift.evidence:.2f} standard "
            f"errors, {BEYOND_CHANCE} are needed"
        )


def recalibrate(
    model: Model, x: Integers, y: Integers, hours: Floats, refit: bool = True
) -> Recalibration:
    """What raw rows x (n, inputs) with raw references y (n,) ask for; hours (n,), ascending, say
    when they were read. Any recalibration that the model has is left out first. `refit`: the last
    layer may be fitted again, where there are rows enough and what was left out says so.

    DataError for fewer than LEAST_ROWS rows. No value of x or y is MISSING.
    """
    require_numbers(model)
    if len(y) < LEAST_ROWS:
        raise DataError(
            f"{counted(len(y), 'complete reading')}: at least {LEAST_ROWS} are needed, better one "
            "a day for three weeks"
        )
    base = without_calibration(model)
    if len(y) > MOST_ROWS:
        kept = np.linspace(0, len(y) - 1, MOST_ROWS).astype(int)
        x, y, hours = x[kept], y[kept], hours[kept]
    readings, days = _Readings.of(base, x, y, hours), float(hours[-1] - hours[0]) / 24
    forms = [False]
    if refit and len(y) >= REFIT_ROWS and days >= REFIT_DAYS and layer_of(base):
        forms.append(True)
    left_out, form = min((readings.left_out(form), form) for form in forms)
    drift = readings.drift(np.arange(len(y)), form)
    error = _error(base, x, y)
    return Recalibration(base, drift, len(y), days, error, left_out, _days_needed(drift))


def require_answerable(base: Model, x: Integers, y: Integers) -> None:
    """DataError where most readings are none of the model's: inputs beyond their accepted ranges,
    or references beyond every answer. That is another unit or another column, and no drift.
    """
    low, high = base.bounds[-1].low[0], base.bounds[-1].high[0]
    checks = [(base.output, y, (low, high), "all that the model can answer")]
    accepted = "which the model accepts"
    checks += [(q, column, q.limits, accepted) for q, column in zip(base.inputs, x.T)]
    for quantity, raw, ends, what in checks:
        beyond = int(((raw < ends[0]) | (raw > ends[1])).sum())
        if 2 * beyond <= len(y):
            continue
        first, last = (quantity.words(float(quantity.to_physical(end))) for end in ends)
        unit = f" {quantity.unit}" * bool(quantity.unit)
        raise DataError(
            f"column {show(quantity.name)}: {beyond} of {counted(len(y), 'reading')} lie beyond "
            f"{first} .. {last}{unit}, {what}: check that the column and its unit are right"
        )


def with_facts(found: Recalibration) -> Model:
    """The recalibrated model, whose file tells of the readings."""
    facts: dict[str, Any] = {
        "rows": found.rows,
        "days": round(found.days, 3),
        "error": found.error_before,
        "error_left_out": found.left_out_after,
    }
    if found.drift.weights and (layer := layer_of(found.base)):
        facts["layer"] = to_dict(layer)  # which --undo puts back
    kept = dict(found.model.training)
    if PROOF in kept:
        facts[PROOF] = kept.pop(PROOF)  # of the model before, which --undo puts back
    return replace(found.model, training={**kept, RECALIBRATED: facts})


@dataclass(frozen=True)
class _Readings:
    """Reference readings, and the answers to them where gain and offset act."""

    base: Model
    x: Integers
    y: Integers
    hours: Floats
    v: Floats  # answers, in the domain of the fit
    residuals: Floats  # what is missing from them there
    terms: Floats  # (n, weights), of the last layer; (n, 0) where there is none to fit again
    spans: Floats  # (weights,), how far each can reach
    least_variance: float  # that residuals are taken to have

    @classmethod
    def of(cls, base: Model, x: Integers, y: Integers, hours: Floats) -> _Readings:
        place = place_of(base)
        v = apply_all(base.nodes[:place], base.saturate(x)[0])[:, 0].astype(np.float64)
        terms, spans = np.empty((len(y), 0)), np.empty(0)
        if layer_of(base):
            terms, spans = terms_of(base, x), spans_of(base)
        unseen = float(base.training.get(UNSEEN, 0.0))
        least = max(unseen * unseen, ROUNDING)
        return cls(base, x, y, hours, v, root_of(base).forward(y) - v, terms, spans, least)

    def drift(self, kept: NDArray[np.int64], refit: bool) -> Drift:
        """Of the readings at these places: generalized least squares with a prior, then shrunken by
        what chance explains (James and Stein 1961, positive part).
        """
        v, r = self.v[kept], self.residuals[kept]
        inverse = np.linalg.inv(_correlation(self.hours[kept]))
        ones, centre = np.ones(len(v)), float(v.mean())
        weight = float(ones @ inverse @ ones)
        level = float(ones @ inverse @ r) / weight
        left = r - level
        variance = max(float(left @ inverse @ left) / (len(v) - 1), self.least_variance)
        evidence = abs(level) / float(np.sqrt(variance / weight))
        if not evidence > BEYOND_CHANCE:
            return Drift(0.0, 0.0, centre, evidence, weight)
        spread = max(float(v.std()), 1.0)
        columns, prior = [ones, (v - centre) / spread], [LEVEL_VARIANCE, GAIN_VARIANCE]
        middle, spans = self.terms[kept].mean(axis=0), self.spans / SPREAD
        if refit:
            columns += [*((self.terms[kept] - middle) / spans).T]
            prior += [WEIGHT_VARIANCE] * len(spans)
        design = np.column_stack(columns)
        normal = design.T @ inverse @ design + np.diag(1 / np.array(prior))
        found = np.linalg.solve(normal, design.T @ inverse @ r)
        found = found * (1 - (BEYOND_CHANCE / evidence) ** 2)
        layer = (tuple(found[2:] / spans), tuple(middle)) if refit else ()
        return Drift(found[0], found[1] / spread, centre, evidence, weight, *layer)

    def left_out(self, refit: bool) -> float:
        """Mean absolute error of blocks of neighbouring readings, each answered by what the other
        blocks ask for.
        """
        places, total = np.arange(len(self.y)), 0.0
        for block in np.array_split(places, BLOCKS):
            drift = self.drift(np.setdiff1d(places, block), refit)
            model = _adjusted(self.base, drift)
            total += _error(model, self.x[block], self.y[block]) * len(block)
        return total / len(self.y)


def _adjusted(base: Model, drift: Drift) -> Model:
    if not drift.beyond_chance:
        return base
    layer = layer_of(base) if drift.weights else None
    if layer is None:
        return calibrated(base, drift.gain, drift.offset)
    change = np.array(drift.weights)
    weights, bias = coefficients(layer)
    moved = drift.level - drift.slope * drift.centre - float(change @ drift.middle)
    slope = 1 + drift.slope
    return with_layer(base, weights * slope + change, bias * slope + moved)


def root_of(model: Model) -> Root:
    """The transform that the model's last nodes undo."""
    last = model.nodes[-1]
    if isinstance(last, Power):
        return Root(last.degree, last.fine)
    return Root(0 if isinstance(last, Exp2) else 1)


def unseen_spread(model: Model, answers: Integers, y: Integers) -> float:
    """Root mean square of what answers (n,) to rows that a fit had not seen are off by, where gain
    and offset act: what `recalibrate` takes for chance at least. Below 2**16: a float answer beyond
    the range of raw values counts as the board gives it, clamped.
    """
    root, given = root_of(model), np.clip(answers, RAW_MIN, RAW_MAX)
    return float(np.sqrt(np.mean((root.forward(y) - root.forward(given)) ** 2)))


def _error(model: Model, x: Integers, y: Integers) -> float:
    """Mean absolute error of what the board answers, in the output's unit."""
    return float(model.output.difference(np.abs(model.answer(x) - y)).mean())


def _correlation(hours: Floats) -> Floats:
    """Of the residuals of readings at these hours, (n, n)."""
    apart = np.abs(hours[:, None] - hours[None, :])
    shared = 0.5 * np.exp(-apart / HOURS) + 0.5 * np.exp(-apart / WEEKS)
    found: Floats = (1 - NUGGET) * shared + NUGGET * np.eye(len(hours))
    return found


def independent_readings(hours: Floats) -> float:
    """How many independent readings tell as much of a mean as those at these hours (n,)."""
    return float(np.linalg.inv(_correlation(np.asarray(hours, dtype=np.float64))).sum())


def _days_needed(drift: Drift) -> int | None:
    """Days of one reading a day that tell a drift of this size from chance; None where MOST_DAYS
    do not.
    """
    if not drift.evidence:
        return None
    wanted = drift.independent * (BEYOND_CHANCE / drift.evidence) ** 2
    for days in range(LEAST_ROWS, MOST_DAYS + 1):
        if independent_readings(np.arange(0.0, 24.0 * days, 24.0)) > wanted:
            return days
    return None
