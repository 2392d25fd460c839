"""Least squares for models that are linear in their parameters, in the target's own unit.

The model predicts `v = T . coef`, the target is `y = g(v)` with g the identity, a square or a
cube (`Root`), and what counts is |y - y_true|. The loss is pseudo-Huber in y, a smooth absolute
error, minimised by Gauss-Newton with iteratively reweighted least squares (Huber and Ronchetti,
Robust Statistics, 2nd ed., section 7.8). Its Hessian then serves to round the coefficients
jointly: `integer_descent` is coordinate descent on the same quadratic over the integers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..model.fixedpoint import INT16_MAX, Quantity
from ..model.nodes import UINT16_MAX, Node
from ..model.operations.exp2 import Exp2
from ..model.operations.power import Power
from .weighted import Counts, mean, median

Floats = NDArray[np.float64]
HUBER_PART = 0.1  # residuals below this part of the target's spread count squared
ITERATIONS = 25
REACH = 2.5  # steps that joint rounding may move a coefficient from its exact value


@dataclass(frozen=True)
class Root:
    """Target transform `v = c * y**(1/degree)` on raw outputs, in the scale that `Power` undoes.

    Degree 0 is the logarithm `v = 4096 * log2(y)` of outputs not below 1, which `Exp2` undoes: the
    limit of ever higher roots (Box and Cox 1964).
    """

    degree: int  # 1: identity, 2: square root, 3: cube root, 0: logarithm
    fine: bool = False  # of a square root: its steps have half the size

    @property
    def constant(self) -> float:
        if self.fine:
            return 512.0
        constants: dict[int, float] = {0: Exp2.octave, 1: 1.0, 2: 256.0, 3: 2.0 ** (32 / 3)}
        return constants[self.degree]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The integer nodes that undo the transform."""
        if self.degree in (0, 1):
            return () if self.degree else (Exp2(),)
        return (Power(self.degree, self.fine),)

    def forward(self, y: ArrayLike) -> Floats:
        raw: Floats = np.asarray(y, dtype=np.float64)
        if self.degree == 1:
            return raw
        if self.degree == 0:
            raw = self.constant * np.log2(np.maximum(raw, 1.0))
        else:
            raw = self.constant * np.maximum(raw, 0.0) ** (1 / self.degree)
        return raw

    def backward(self, v: ArrayLike) -> Floats:
        sums: Floats = np.asarray(v, dtype=np.float64)
        if self.degree == 0:
            sums = 2.0 ** np.clip(sums / self.constant, 0.0, 15.0)
        elif self.degree != 1:
            sums = (np.maximum(sums, 0.0) / self.constant) ** self.degree
        return sums

    def slope(self, v: ArrayLike) -> Floats:
        """dy/dv, kept away from zero so that a start at v = 0 can move."""
        u: Floats = np.asarray(v, dtype=np.float64)
        if self.degree == 1:
            return np.ones_like(u)
        if self.degree == 0:
            u = self.backward(u) * np.log(2) / self.constant
        else:
            u = np.maximum(u / self.constant, 1e-3)
            u = self.degree * u ** (self.degree - 1) / self.constant
        return u

    def limits(self, output: Quantity) -> tuple[int, int]:
        """Interval of v that the accepted outputs need, within what the next node takes."""
        low, high = output.limits
        if self.degree == 1:
            return low, high
        most = min(int(np.ceil(self.forward(high))), UINT16_MAX if self.degree else Exp2.most)
        while self.nodes[0].apply(np.array([[most]]))[0, 0] > INT16_MAX:
            most -= 1  # rounded up, the largest outputs would not fit 16 bits
        return 0, most


@dataclass(frozen=True)
class LinearFit:
    """Coefficients (k,) and intercept, and the Hessian (k + 1, k + 1) of the loss there, intercept
    last.
    """

    coef: np.ndarray
    intercept: float
    hessian: np.ndarray


def fit_linear(
    terms: np.ndarray,
    y: np.ndarray,
    root: Root,
    ridge: float = 1e-6,
    penalty: np.ndarray | None = None,
    robust: bool = True,
    counts: Counts = None,
) -> LinearFit:
    """Coefficients of `v = terms . coef + intercept` of least pseudo-Huber error of g(v) against y.

    terms: float (n, k); ridge: relative to each column's mean square; penalty: optional (k, k)
    matrix added to the Hessian, relative to its mean diagonal (smoothness of neighbouring nodes).
    Not `robust`: plain least squares of v against the transformed target, in one step.
    counts: how much each row counts, float (n,); None, all the same.
    """
    y = np.asarray(y, dtype=np.float64)
    counted = np.ones(len(y)) if counts is None else counts / counts.mean()
    columns = np.column_stack([terms, np.ones(len(y))])
    delta = HUBER_PART * max(mean(np.abs(y - median(y, counts)), counts), 1e-9)
    shrink, smooth = _penalties(columns, ridge, penalty, counts)
    target = root.forward(y)
    slope, weights = root.slope(target) if robust else np.ones(len(y)), counted
    best, kept = np.inf, LinearFit(np.zeros(len(shrink) - 1), 0.0, shrink)
    for _ in range(ITERATIONS if robust else 1):
        regular, gradient = _normal_equations(columns, target, slope, weights, shrink, smooth)
        update = np.linalg.lstsq(regular, gradient, rcond=None)[0]
        v = columns @ update
        residual = root.backward(v) - y
        bend = np.sqrt(1 + (residual / delta) ** 2)
        loss = mean(bend - 1, counts)
        if loss > best * (1 - 1e-5):
            break
        best, kept = loss, LinearFit(update[:-1], float(update[-1]), regular)
        slope = root.slope(v)
        target, weights = v - residual / slope, counted / bend
    return kept


def _normal_equations(
    columns: np.ndarray,
    target: np.ndarray,
    slope: np.ndarray,
    weights: np.ndarray,
    shrink: np.ndarray,
    smooth: np.ndarray,
) -> tuple[Floats, Floats]:
    """Regularised Hessian and gradient of the weighted squares of target - columns . coef."""
    jacobian = columns * (slope * np.sqrt(weights))[:, None]
    hessian = jacobian.T @ jacobian / len(target)
    ridge = shrink * np.mean(slope**2 * weights)
    regular: Floats = hessian + ridge + smooth * np.mean(np.diag(hessian))
    return regular, jacobian.T @ (target * slope * np.sqrt(weights)) / len(target)


def _penalties(
    columns: np.ndarray, ridge: float, penalty: np.ndarray | None, counts: Counts
) -> tuple[Floats, Floats]:
    """What is added to the Hessian, the intercept spared: ridge, and smoothness."""
    shrink: Floats = np.diag(np.append(ridge * mean(columns[:, :-1] ** 2, counts) + 1e-12, 0.0))
    smooth = np.zeros_like(shrink)
    if penalty is not None:
        smooth[:-1, :-1] = penalty
    return shrink, smooth


def without_free(hessian: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Hessian of the rest when the `free` parameters (bool) always adapt: a Schur complement."""
    kept, gone = np.flatnonzero(~free), np.flatnonzero(free)
    cross = hessian[np.ix_(kept, gone)]
    block = hessian[np.ix_(gone, gone)] + 1e-12 * np.eye(len(gone)) * max(np.trace(hessian), 1e-300)
    reduced: Floats = hessian[np.ix_(kept, kept)] - cross @ np.linalg.solve(block, cross.T)
    return reduced


def integer_descent(
    exact: np.ndarray,
    hessian: np.ndarray,
    limit: int,
    gradient: np.ndarray | None = None,
    sweeps: int = 30,
) -> np.ndarray:
    """Integers q within +-limit that minimise `gradient . (q - exact) + (q - exact)' hessian (q -
    exact) / 2`.

    Starts from plain rounding and moves one coordinate at a time to its best integer given the
    others, until nothing improves. No coordinate goes further than REACH from its exact value: the
    quadratic knows the loss only nearby, and along its flat directions a net would be led astray.
    """
    whole = np.clip(np.floor(exact + 0.5), -limit, limit)
    least, most = (
        np.maximum(np.ceil(exact - REACH), -limit),
        np.minimum(np.floor(exact + REACH), limit),
    )
    least, most = np.minimum(least, whole), np.maximum(most, whole)
    gradient = hessian @ (whole - exact) + (0.0 if gradient is None else gradient)
    diagonal = np.maximum(np.diag(hessian), 1e-300)
    for _ in range(sweeps):
        moved = False
        for k in range(len(whole)):
            best = np.clip(np.floor(whole[k] - gradient[k] / diagonal[k] + 0.5), least[k], most[k])
            if best != whole[k]:
                gradient += hessian[:, k] * (best - whole[k])
                whole[k], moved = best, True
        if not moved:
            break
    return whole.astype(np.int64)
