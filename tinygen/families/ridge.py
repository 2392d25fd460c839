"""Ridge regression: one coefficient per input, on the target or on its square or cube root.

With logarithms of inputs and target the same fit is a power law, see `power`.

The coefficients weigh the inputs as they are, in 8 bits where that adds no error to speak of, else
in 16. Where the inputs' steps differ too much for that, each is brought to a common range first:
the 16-bit multiplier then absorbs what rounding its coefficient to int8 lost, or that has 16 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..data import Rows
from ..fitting import weighted
from ..fitting.least_squares import Root, fit_linear
from ..fitting.lowering import (
    FEW_STEPS,
    HIDDEN,
    TOLERANCE,
    Logs,
    apply_all,
    exact_products,
    finest_scaled,
    lean_of,
    logs_of,
    narrowest,
    scale_inputs,
    whole_sums,
    without_lean,
)
from ..model.nodes import Node, any_int16, bounds_behind
from ..model.operations.dense import Dense
from ..model.operations.scale import Scale
from . import Family

RIDGE = 1e-4
HALF_STEP = 0.5  # raw: a mean error above it can be seen in the answers
INPUT_BITS = 12  # of the scaled inputs; 8 would save 6 cycles an input and cost accuracy


@dataclass(frozen=True)
class Config:
    root: int  # 1 identity, 2 square root, 3 cube root, 0 logarithm of the target
    robust: bool  # least absolute error in the target's unit, or plain least squares of its root
    logs: bool = False  # logarithms of the inputs that span octaves


@dataclass(frozen=True)
class Linear:
    """`v = coef . x + intercept` on raw inputs or their logarithms, `y = g(v)`."""

    columns: tuple[int, ...]
    coef: np.ndarray
    intercept: float
    root: Root
    logs: Logs

    def sums(self, x: np.ndarray) -> np.ndarray:
        """v of shape (n,)."""
        return self.logs.forward(x) @ self.coef + self.intercept

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.root.backward(self.sums(x))


def candidates(rows: Rows) -> list[Config]:
    roots = (1, 2, 3) if rows.y.min() >= 0 else (1,)
    return [Config(root, robust) for root in roots for robust in (True, False)]


def safe(rows: Rows) -> Config:
    """On the root of the target, on the target itself where that can be negative."""
    return Config(2 if rows.y.min() >= 0 else 1, robust=False)


def judge_of_rows(rows: Rows) -> Config:
    """Robust, on the cube root of the target where that exists."""
    return Config(3 if rows.y.min() >= 0 else 1, robust=True)


def fit(rows: Rows, config: Config, seed: int = 0) -> Linear:
    logs = logs_of(rows.inputs, config.logs)
    x = logs.forward(rows.x)
    mean = weighted.mean(x, rows.weights)
    # a sensor that never moved gets no say
    spread = np.where(np.ptp(x, axis=0) > 0, weighted.deviation(x, rows.weights), 1.0)
    root = Root(config.root)
    fitted = fit_linear(
        (x - mean) / spread, rows.y, root, RIDGE, robust=config.robust, counts=rows.weights
    )
    coef = fitted.coef / spread
    return Linear(tuple(range(x.shape[1])), coef, fitted.intercept - float(coef @ mean), root, logs)


def lower(fitted: Linear, rows: Rows) -> tuple[Node, ...]:
    predicted = fitted.predict(rows.x)
    answers = np.floor(predicted + 0.5)
    float_error = rows.error(answers)
    if min(high - low for low, high in fitted.logs.limits) >= FEW_STEPS:
        float_error = max(float_error, rows.error(predicted))
    elif float_error < HALF_STEP:  # every answer that differs shows: keep to the float answers
        return narrowest(
            _chains(fitted, rows, answers), rows.x, answers, TOLERANCE * float_error, rows.weights
        )
    return narrowest(_chains(fitted, rows, answers), rows.x, rows.y, float_error, rows.weights)


def _chains(fitted: Linear, rows: Rows, answers: np.ndarray) -> Iterator[tuple[Node, ...]]:
    """Sums of the inputs as they are, and of inputs in one range; none has a mean error. answers:
    those of the float model, rounded.
    """
    root, sums, most = fitted.root, fitted.sums(rows.x), HIDDEN * rows.error(answers)
    v = np.clip(sums, *root.limits(rows.output))

    def centred(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        return without_lean(nodes, lean_of(nodes, rows, root, v), rows, root, v)

    middle, gram = _moments(fitted, rows, sums)
    for nodes, coarse in _unscaled(fitted, rows, middle, gram):
        nodes = centred(nodes)
        changed = np.abs(apply_all(nodes, rows.x)[:, 0] - answers)
        if not coarse or np.average(changed, weights=rows.weights) <= most:
            yield nodes
    scale = scale_inputs(fitted.logs.limits, INPUT_BITS, exact=True, widen=True)
    yield centred(_chain(fitted, rows, *exact_products(fitted.coef, scale)))
    if wide := finest_scaled(fitted.coef, fitted.intercept, gram, scale):
        yield centred(_chain(fitted, rows, scale, *wide))


def _moments(fitted: Linear, rows: Rows, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means (k,) of what is weighed, and mean products (k, k) in the answer's steps."""
    x = apply_all(fitted.logs.nodes, rows.x).astype(np.float64)
    middle = weighted.mean(x, rows.weights)
    moved = (x - middle) * fitted.root.slope(sums)[:, None]
    gram = np.cov(moved.T, aweights=rows.weights, ddof=0).reshape(len(middle), -1)
    return middle, gram


def _unscaled(
    fitted: Linear, rows: Rows, middle: np.ndarray, gram: np.ndarray
) -> Iterator[tuple[tuple[Node, ...], bool]]:
    """Chains that weigh the inputs, or their logarithms, as they are; whether they are coarse."""
    front, root = fitted.logs.nodes, fitted.root
    inside = bounds_behind(front, any_int16(len(middle)))
    reach = np.maximum(-np.array(inside.low), np.array(inside.high)).astype(np.float64)
    low, high = root.limits(rows.output)
    found = list(whole_sums(fitted.coef, fitted.intercept, reach, gram))
    for weights, shift in found:
        lost = fitted.coef - weights / 2.0**shift
        bias = int(np.floor((fitted.intercept + lost @ middle) * 2**shift + 0.5))
        dense = Dense((tuple(weights.tolist()),), (bias,), shift, low, high)
        yield (*front, dense, *root.nodes), shift < found[-1][1]


def _chain(
    fitted: Linear, rows: Rows, scale: Scale, weights: np.ndarray, shift: int
) -> tuple[Node, ...]:
    # u = (x - low) m / 2^s - zero: what the intercept must make up for
    step = np.array(scale.multiplier) / 2.0**scale.shift
    offset = weights @ (np.array(scale.low) * step + scale.zero) / 2.0**shift
    low, high = fitted.root.limits(rows.output)
    bias = int(np.floor((fitted.intercept + offset) * 2**shift + 0.5))
    return (
        *fitted.logs.nodes,
        scale,
        Dense((tuple(int(w) for w in weights),), (bias,), shift, low, high),
        *fitted.root.nodes,
    )


FAMILY = Family(
    "ridge",
    "linear model",
    candidates,
    fit,
    lower,
    size=lambda config: None,
    roles={
        "safe": safe,
        "few rows": lambda rows: Config(1, robust=True),
        "judge rows": judge_of_rows,
    },
)
