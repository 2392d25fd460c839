"""Ridge regression: one int8 coefficient per input, on the target or on its square or cube root.

With logarithms of inputs and target the same fit is a power law, see `power`.

The 16-bit multiplier that brings an input to a common range also absorbs what rounding its
coefficient to int8 lost, so a linear model keeps practically all of its float accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..data import Rows
from ..fitting.least_squares import Root, fit_linear
from ..fitting.lowering import Logs, logs_of, scale_inputs
from ..model.nodes import UINT16_MAX
from ..model.operations.dense import Dense
from . import Family

RIDGE = 1e-4
INPUT_BITS = 12  # of the scaled inputs; 8 would save 6 cycles an input and cost accuracy


@dataclass(frozen=True)
class Config:
    root: int  # 1 identity, 2 square root, 3 cube root of the target
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

    def predict(self, x):
        return self.root.backward(self.logs.forward(x) @ self.coef + self.intercept)


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
    mean, spread = (
        x.mean(axis=0),
        np.where(np.ptp(x, axis=0) > 0, x.std(axis=0), 1.0),
    )  # a sensor that never moved gets no say
    root = Root(config.root)
    fitted = fit_linear(
        (x - mean) / spread, rows.y, root, RIDGE, robust=config.robust, counts=rows.weights
    )
    coef = fitted.coef / spread
    return Linear(tuple(range(x.shape[1])), coef, fitted.intercept - float(coef @ mean), root, logs)


def lower(fitted: Linear, rows: Rows):
    return _chain(fitted, rows, INPUT_BITS)


def _chain(fitted: Linear, rows: Rows, bits: int):
    scale = scale_inputs(fitted.logs.limits, bits, exact=True)
    per_unit = fitted.coef * 65536 / np.array(scale.multiplier)  # coefficient of each scaled input
    largest = max(np.abs(per_unit).max(), 1e-12)
    shift = int(np.clip(np.floor(np.log2(127 / largest)), 0, 20))
    # away from zero, so that the multiplier only shrinks and its 16 bits and the range still hold
    weights = np.sign(per_unit) * np.ceil(np.abs(per_unit) * 2.0**shift - 1e-9)
    exact = np.where(
        weights == 0, 1, fitted.coef * 65536 * 2.0**shift / np.where(weights == 0, 1, weights)
    )
    multiplier = np.clip(np.floor(exact + 0.5), 1, UINT16_MAX).astype(int)
    scale = replace(scale, multiplier=tuple(multiplier.tolist()))
    # u = (x - low) m / 2^16 - zero: what the intercept must make up for
    offset = weights @ (np.array(scale.low) * multiplier / 65536 + scale.zero) / 2.0**shift
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
