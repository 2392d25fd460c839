"""Class scores in integers: linear scores on integer values, the largest of which names the class.

Two classes need one row only: class 1 where its sum is above 0. The step of the coefficients is
free, since only the order of scores counts, but all rows must share it. Coefficients are rounded
jointly on the Hessian of the softmax loss (Boehning 1992) while the intercepts adapt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.errors import ModelError
from ..data import Rows
from ..model.fixedpoint import INT16_MAX, bits_for
from ..model.nodes import Bounds, Node, bounds_behind, prefix_bounds, prove
from ..model.operations.argmax import Argmax
from ..model.operations.dense import Dense
from ..model.operations.forest import Forest
from ..model.operations.scale import Scale
from .least_squares import integer_descent, without_free
from .lowering import TOLERANCE, apply_all
from .weighted import Counts, deviation, mean

Loss = Callable[..., tuple[float, Sequence[np.ndarray]]]  # of arrays: value and derivatives
UNSEEN = -60.0  # score of a class without training rows: its probability is 1e-26
LOSS_TOLERANCE = 0.02  # part of the float model's cross-entropy that integers may add
# Cross-entropy that does not count: ln 10 of it for one row in a thousand is what a wrong answer
# given with a probability of 0.9 costs.
LEAST_LOSS = 2e-3
COARSE = 0.25  # part of the float model's error and cross-entropy that coarser integers may add


@dataclass(frozen=True)
class Scores:
    """`score = coef . t + intercept` of each class, shape (classes, values) and (classes,); one row
    for two classes.
    """

    coef: np.ndarray
    intercept: np.ndarray

    def of(self, t: np.ndarray) -> np.ndarray:
        """Scores (n, classes); for two classes the first one's are 0."""
        scores = t @ self.coef.T + self.intercept
        return scores if len(self.coef) > 1 else np.column_stack([np.zeros(len(t)), scores])

    def classes(self, t: np.ndarray) -> np.ndarray:
        """The class of each row, int64 (n,)."""
        found: NDArray[np.int64] = self.of(t).argmax(axis=1)
        return found

    def loss(self, t: np.ndarray, y: np.ndarray, counts: Counts = None) -> float:
        """Mean cross-entropy against class indices y."""
        return cross_entropy(self.of(t), y, 1, counts)[0]

    def seen_through(self, gain: np.ndarray, offset: np.ndarray) -> Scores:
        """The same scores as a function of u, where t = gain * u + offset."""
        return Scores(self.coef * gain, self.intercept + self.coef @ offset)


def of_all_classes(
    coef: np.ndarray, intercept: np.ndarray, seen: np.ndarray, classes: int
) -> Scores:
    """Scores of classes 0 .. classes - 1 from those of the classes `seen`; the others are never
    answered.
    """
    if len(seen) == classes:
        return Scores(coef, intercept)
    if len(seen) == 2:
        coef, intercept = np.vstack([0 * coef, coef]), np.append(0.0, intercept)
    whole = Scores(np.zeros((classes, coef.shape[1])), np.full(classes, UNSEEN))
    whole.coef[seen], whole.intercept[seen] = coef, intercept
    return whole


def fitted_scores(
    estimator: Any, t: np.ndarray, y: np.ndarray, classes: int, counts: Counts = None
) -> Scores:
    """Scores by an sklearn linear classifier; rows of one class only, as a fold may have, need no
    fit.
    """
    if (y == y[0]).all():
        return only_class(int(y[0]), t.shape[1], classes)
    estimator.fit(t, y, sample_weight=counts)
    return of_all_classes(estimator.coef_, estimator.intercept_, estimator.classes_, classes)


def only_class(seen: int, width: int, classes: int) -> Scores:
    """Scores that answer one class whatever the values are."""
    if classes == 2:
        return Scores(np.zeros((1, width)), np.array([-UNSEEN if seen else UNSEEN]))
    return Scores(np.zeros((classes, width)), np.where(np.arange(classes) == seen, 0.0, UNSEEN))


def cross_entropy(
    values: np.ndarray, y: np.ndarray, rows: int, counts: Counts = None
) -> tuple[float, np.ndarray]:
    """Mean cross-entropy of score values (n, classes) against class indices, and its derivative
    over the last `rows` of them.
    """
    error, totals = shares_and_totals(values)
    error[np.arange(len(y)), y] -= 1
    losses = totals - values[np.arange(len(y)), y]
    parts = error[:, -rows:]
    parts = parts / len(y) if counts is None else parts * (counts / counts.sum())[:, None]
    return float(mean(losses, counts)), parts


def shares_and_totals(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """softmax (n, classes) and logsumexp (n,) of finite score values, bit for bit SciPy's, from one
    exponential: their wrappers take most of a step on few rows.
    """
    top = values.max(axis=1, keepdims=True)
    exponentials = np.exp(values - top)
    largest = values == top
    ties = largest.sum(axis=1, dtype=np.float64)
    others = np.where(largest, 0.0, exponentials).sum(axis=1)
    totals = np.log1p(others / ties) + np.log(ties) + top[:, 0]
    return exponentials / exponentials.sum(axis=1, keepdims=True), totals


def descend(loss: Loss, start: list[np.ndarray], steps: int) -> list[np.ndarray]:
    """Arrays that minimise a loss, from a start, by L-BFGS (Liu and Nocedal 1989)."""
    from scipy.optimize import minimize

    ends = np.cumsum([part.size for part in start])[:-1]

    def split(flat: np.ndarray) -> list[np.ndarray]:
        return [part.reshape(first.shape) for part, first in zip(np.split(flat, ends), start)]

    def flat_loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, derivatives = loss(*split(flat))
        return value, np.concatenate([part.ravel() for part in derivatives])

    flat = np.concatenate([part.ravel() for part in start])
    return split(
        minimize(flat_loss, flat, jac=True, method="L-BFGS-B", options={"maxiter": steps}).x
    )


def fit_scores(
    t: np.ndarray, y: np.ndarray, start: Scores, decay: float, counts: Counts = None
) -> Scores:
    """Scores of least mean cross-entropy on values t, plus decay / 2 * coef**2."""

    def loss(coef: np.ndarray, intercept: np.ndarray) -> tuple[float, Sequence[np.ndarray]]:
        value, error = cross_entropy(Scores(coef, intercept).of(t), y, len(coef), counts)
        return value + decay / 2 * (coef**2).sum(), (error.T @ t + decay * coef, error.sum(axis=0))

    return Scores(*descend(loss, [start.coef, start.intercept], 500))


def rounded_scores(
    scores: Scores, values: np.ndarray, y: np.ndarray, limit: int, counts: Counts = None
) -> list[tuple[Scores, Scores]]:
    """Integer scores for integer `values`, by plain and by joint rounding, each with the float
    scores it stands for.
    """
    step = np.abs(scores.coef).max() / limit or 1.0
    plain = np.floor(scores.coef / step + 0.5)
    found = []
    for whole in (plain, _joint(scores, values, step, limit, counts)):
        adapted = _with_intercepts(Scores(whole * step, scores.intercept), values, y, counts)
        found.append(
            (
                Scores(
                    whole.astype(np.int64),
                    np.floor(adapted.intercept / step + 0.5).astype(np.int64),
                ),
                adapted,
            )
        )
    return found


def _joint(
    scores: Scores, values: np.ndarray, step: float, limit: int, counts: Counts
) -> np.ndarray:
    """Coefficients in whole steps, rounded together on the Hessian of the loss, which standardised
    values keep well conditioned.
    """
    from scipy.special import softmax

    spread = np.maximum(deviation(values, counts), 1e-9)
    centered = np.column_stack([(values - mean(values, counts)) / spread, np.ones(len(values))])
    rows, width = scores.coef.shape[0], centered.shape[1]
    p = softmax(scores.of(values), axis=1)[:, -rows:]
    blocks = np.empty((rows, width, rows, width))
    for a in range(rows):
        for b in range(rows):
            weight = p[:, a] * ((a == b) - p[:, b])
            weight = weight if counts is None else weight * (counts / counts.mean())
            blocks[a, :, b, :] = (centered * weight[:, None]).T @ centered / len(values)
    hessian = blocks.reshape(rows * width, -1)
    # rows that are decided beyond doubt leave no curvature; the ridge then stands for plain
    # rounding
    hessian[np.diag_indices_from(hessian)] += 1e-4 * np.trace(hessian) / len(hessian) + 1e-9
    free = np.tile(np.arange(width) == width - 1, rows)
    scale = np.tile(spread, rows) * step
    reduced = without_free(hessian, free) * np.outer(scale, scale)
    return integer_descent((scores.coef / step).ravel(), reduced, limit).reshape(scores.coef.shape)


def _with_intercepts(scores: Scores, values: np.ndarray, y: np.ndarray, counts: Counts) -> Scores:
    """The scores with the intercepts that fit their coefficients best."""
    part, rows = Scores(scores.coef, np.zeros_like(scores.intercept)).of(values), len(scores.coef)

    def loss(intercept: np.ndarray) -> tuple[float, Sequence[np.ndarray]]:
        value, error = cross_entropy(
            part + np.append(np.zeros(part.shape[1] - rows), intercept), y, rows, counts
        )
        return value, [error.sum(axis=0)]

    return Scores(scores.coef, *descend(loss, [scores.intercept], 500))


def decision_nodes(whole: Scores, inside: Bounds) -> tuple[Node, ...]:
    """Integer nodes that answer the class of the largest integer score, for values within `inside`.

    For two classes the one sum is clamped to 0 .. 1. Otherwise sums are shifted down to 16 bits,
    which the proof shows to be enough without a clamp.
    """
    weights, bias = tuple(map(tuple, whole.coef.tolist())), tuple(whole.intercept.tolist())
    if len(weights) == 1:
        return (Dense(weights, bias, 0, 0, 1),)
    shift = 0
    while bits_for(*_reach(weights, bias, inside, shift)) != 16:
        shift += 1
    return (Dense(weights, bias, shift, -INT16_MAX - 1, INT16_MAX), Argmax())


def score_chain(
    nodes: tuple[Node, ...], limits: Sequence[tuple[int, int]]
) -> tuple[Node, ...] | None:
    """A chain that gives the same classes, and ends in the largest of one int16 score per class;
    None where the chain compares nothing, as a decision tree.

    Of two classes there is one sum, and class 1 is answered where it is above 0: the scores are
    then 0 and the sum, rounded up to 16 bits, so that it is above 0 for the same rows. It has as
    many bits as inputs within their `limits` need; of others it is clamped.
    """
    before, last = nodes[:-1], nodes[-1]
    low, high = zip(*limits)
    inside = bounds_behind(before, Bounds(low, high))
    if isinstance(last, Argmax):
        fits = min(inside.low) >= -INT16_MAX and max(inside.high) <= INT16_MAX
        return nodes if fits else None
    if not isinstance(last, Dense | Forest) or (last.low, last.high) != (0, 1):
        return None
    acc = last.bounds(inside)
    if acc.acc_low >= 0 and acc.acc_high <= 1:
        return None
    wide = replace(last, low=-INT16_MAX, high=INT16_MAX)
    if isinstance(wide, Dense):
        if wide.shift or wide.bias_shift:
            return None
        shift = 0
        while bits_for(acc.acc_low >> shift, (acc.acc_high >> shift) + 1) != 16:
            shift += 1
        up = (1 << shift) - 1 - ((1 << shift) >> 1)  # to round up, where Dense rounds to nearest
        wide = replace(wide, bias=(wide.bias[0] + up,), shift=shift)
    return (*before, wide, Dense(((0,), (1,)), (0, 0), 0, -INT16_MAX, INT16_MAX), Argmax())


def _reach(
    weights: tuple[tuple[int, ...], ...], bias: tuple[int, ...], inside: Bounds, shift: int
) -> tuple[int, int]:
    """Smallest and largest of all sums after the shift."""
    half = (1 << shift) >> 1
    ends = [
        [sorted((w * a, w * b)) for w, a, b in zip(row, inside.low, inside.high)] for row in weights
    ]
    reach = [
        prefix_bounds(b + half, [e[0] for e in row], [e[1] for e in row])
        for row, b in zip(ends, bias)
    ]
    return min(r[0] for r in reach) >> shift, max(r[1] for r in reach) >> shift


@dataclass(frozen=True)
class Frame:
    """How a classifier sees raw inputs: z = (x - mean) / spread, with x held within the accepted
    limits.
    """

    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, rows: Rows) -> Frame:
        """Centred and scaled by the standard deviation; a nearly constant input by part of its
        range instead.
        """
        low, high = np.array([q.limits for q in rows.inputs], dtype=np.float64).T
        spread = np.maximum(deviation(rows.x, rows.weights), (high - low) / 8)
        return cls(low, high, mean(rows.x, rows.weights), np.where(spread > 0, spread, 1.0))

    def z(self, x: np.ndarray) -> np.ndarray:
        """Float inputs (n, k) of raw rows."""
        inputs: NDArray[np.float64] = (np.clip(x, self.low, self.high) - self.mean) / self.spread
        return inputs

    def through(self, scale: Scale) -> tuple[np.ndarray, np.ndarray]:
        """gain, offset: z = gain * u + offset for the values u that the integer node gives."""
        step = 2.0**scale.shift / np.array(scale.multiplier)
        return step / self.spread, (
            np.array(scale.low) + scale.zero * step - self.mean
        ) / self.spread


def as_decided(
    choices: Iterable[tuple[tuple[Node, ...], float]],
    rows: Rows,
    float_error: float,
    float_loss: float,
) -> tuple[Node, ...]:
    """The first chain that decides the training rows as well as the float model does, else the best
    one.

    `choices` yields (chain, cross-entropy), the cheapest first. On a few hundred rows the error
    rate alone hardly tells two chains apart; the cross-entropy shows what a coarse scaling costs.
    One that cannot be bounded is passed over, unless nothing else is left.
    """
    best, unproven = list[tuple[Node, ...]](), list[tuple[Node, ...]]()
    best_figure = (np.inf, np.inf)
    for nodes, loss in choices:
        if (found := _error(nodes, rows)) is None:
            unproven.append(nodes)
            continue
        error = max(found, float_error)
        if (error, loss) < best_figure:
            best, best_figure = [nodes], (error, loss)
        if _is_within(error, loss, float_error, float_loss, TOLERANCE, LOSS_TOLERANCE):
            break
    return next(iter(best or unproven), ())


def coarser_than_decided(
    choices: Iterable[tuple[tuple[Node, ...], float]],
    rows: Rows,
    float_error: float,
    float_loss: float,
) -> tuple[Node, ...]:
    """The first chain that decides the training rows no more than COARSE worse than the float
    model; () where there is none, and where one in front of it decides them as well as that.
    """
    for nodes, loss in choices:
        if (error := _error(nodes, rows)) is None:
            continue
        if _is_within(error, loss, float_error, float_loss, TOLERANCE, LOSS_TOLERANCE):
            break
        if _is_within(error, loss, float_error, float_loss, COARSE, COARSE):
            return nodes
    return ()


def _error(nodes: tuple[Node, ...], rows: Rows) -> float | None:
    """Error rate on the rows; None for a chain that cannot be bounded."""
    try:
        prove(nodes, rows.x.shape[1])
    except ModelError:
        return None
    return rows.error(apply_all(nodes, rows.x)[:, 0])


def _is_within(
    error: float, loss: float, float_error: float, float_loss: float, more: float, more_loss: float
) -> bool:
    """True where an error rate and a cross-entropy are at most so much, as parts, above others."""
    most_loss = float_loss * (1 + more_loss) + LEAST_LOSS
    return error <= float_error * (1 + more) and loss <= most_loss
