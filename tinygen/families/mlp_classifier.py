"""Small ReLU net for classes: one hidden layer of int8 weights, then int8 class scores.

As in `mlp`, each hidden unit has its own scale and drops the lowest byte of its sum. A unit's
weights are rounded jointly on its block of the Gauss-Newton Hessian of the softmax loss; the class
scores are then fitted again to the integer activations.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from ..data import Rows
from ..fitting import class_scores as scores
from ..fitting.class_scores import Frame, Scores
from ..fitting.least_squares import integer_descent, without_free
from ..fitting.lowering import scalings
from ..fitting.nets.rounding import WEIGHT_MAX, Form
from ..fitting.weighted import Counts, deviation, mean, total
from ..model.fixedpoint import INT16_MAX
from ..model.nodes import any_int16, bounds_behind
from ..model.operations.dense import Dense, is_relu_layer
from ..model.operations.scale import Scale
from . import Family

SIZES = (2, 4, 8, 12, 16, 24)
DECAYS = (1.0, 3.0)
STARTS, TRIED = 8, 100  # nets, and steps of each before the best one goes on
TRIED_ROWS = 3000  # that tell which one is best
STEPS, FEW = 400, 40  # of that one, and of a net that goes on without some inputs
IDLE = 0.05  # log-odds, a standard deviation over the rows: units that move scores apart by less


@dataclass(frozen=True)
class Config:
    hidden: int
    decay: float  # weight of squared weights, summed, against the summed cross-entropy


@dataclass(frozen=True)
class FittedNet:
    """A float net on standardised inputs: scores of relu(weights . z + bias)."""

    columns: tuple[int, ...]
    frame: Frame
    weights: np.ndarray  # (inputs, hidden)
    bias: np.ndarray
    scores: Scores
    decay: float

    def activations(self, x: np.ndarray) -> np.ndarray:
        return np.maximum(self.frame.z(x) @ self.weights + self.bias, 0)

    def predict(self, x):
        return self.scores.classes(self.activations(x))

    def class_scores(self, x):
        return self.scores.of(self.activations(x))


def candidates(rows: Rows) -> list[Config]:
    return [Config(size, decay) for size, decay in product(SIZES, DECAYS)]


def fit(rows: Rows, config: Config, seed: int = 0) -> FittedNet:
    frame, width = Frame.of(rows), rows.x.shape[1]
    if (rows.y == rows.y[0]).all():  # a fold may have one class only
        only = scores.only_class(int(rows.y[0]), config.hidden, len(rows.labels))
        return FittedNet(
            tuple(range(width)),
            frame,
            np.zeros((width, config.hidden)),
            np.zeros(config.hidden),
            only,
            config.decay,
        )
    seen, y = np.unique(rows.y, return_inverse=True)
    outputs, z = 1 if len(seen) == 2 else len(seen), frame.z(rows.x)
    best = _best_start(z, y, outputs, config, rows.weights, seed)
    loss = _loss(z, y, outputs, config.decay, rows.weights)
    weights, bias, coef, intercept = _busy(z, rows.weights, *scores.descend(loss, best, STEPS))
    found = scores.of_all_classes(coef, intercept, seen, len(rows.labels))
    return FittedNet(tuple(range(width)), frame, weights, bias, found, config.decay)


def without(fitted: FittedNet, rows: Rows, kept: tuple[int, ...], seed: int) -> FittedNet:
    """A net that is trained on without some inputs: rows hold the others."""
    if len(np.unique(rows.y)) < len(rows.labels):
        return fit(rows, Config(len(fitted.bias), fitted.decay), seed)
    frame, old = Frame.of(rows), fitted.scores
    start = [fitted.weights[list(kept)], fitted.bias, old.coef, old.intercept]
    loss = _loss(frame.z(rows.x), rows.y, len(old.intercept), fitted.decay, rows.weights)
    weights, bias, coef, intercept = scores.descend(loss, start, FEW)
    return FittedNet(
        tuple(range(len(kept))), frame, weights, bias, Scores(coef, intercept), fitted.decay
    )


def _best_start(
    z: np.ndarray, y: np.ndarray, outputs: int, config: Config, counts: Counts, seed: int
) -> list[np.ndarray]:
    """The net of several that has the least loss after a few steps."""
    decay = config.decay
    if len(z) > TRIED_ROWS:
        some = np.sort(np.random.default_rng(seed).choice(len(z), TRIED_ROWS, replace=False))
        decay *= TRIED_ROWS / len(z)
        z, y, counts = z[some], y[some], None if counts is None else counts[some]
    loss = _loss(z, y, outputs, decay, counts)
    starts = _starts(z.shape[1], config.hidden, outputs, seed)
    return min((scores.descend(loss, s, TRIED) for s in starts), key=lambda net: loss(*net)[0])


def _starts(inputs: int, hidden: int, outputs: int, seed: int) -> list[list[np.ndarray]]:
    """Random weights (inputs, hidden), biases, class scores (outputs, hidden) and intercepts
    (Glorot and Bengio 2010) of several nets.
    """
    rng = np.random.default_rng(seed)
    sizes = ((inputs, hidden), (hidden,), (outputs, hidden), (outputs,))
    reach = [np.sqrt(6 / (inputs + hidden))] * 2 + [np.sqrt(6 / (hidden + outputs))] * 2
    return [
        [rng.uniform(-bound, bound, size) for bound, size in zip(reach, sizes)]
        for _ in range(STARTS)
    ]


def _loss(z: np.ndarray, y: np.ndarray, outputs: int, decay: float, counts: Counts) -> scores.Loss:
    """Cross-entropy plus decay, and its slope, of what `_starts` has."""
    part = decay / total(len(y), counts)

    def loss(weights, bias, coef, intercept):
        before = z @ weights + bias
        active = np.maximum(before, 0)
        value, error = scores.cross_entropy(Scores(coef, intercept).of(active), y, outputs, counts)
        back = (error @ coef) * (before > 0)
        value += part / 2 * ((weights**2).sum() + (coef**2).sum())
        return value, (
            z.T @ back + part * weights,
            back.sum(axis=0),
            error.T @ active + part * coef,
            error.sum(axis=0),
        )

    return loss


def _busy(
    z: np.ndarray,
    counts: Counts,
    weights: np.ndarray,
    bias: np.ndarray,
    coef: np.ndarray,
    intercept: np.ndarray,
) -> tuple[np.ndarray, ...]:
    """What `_trained` gives, without the units that its decay, or a start without slope, has left
    idle: a third of them where a net has more than its rows need. The intercepts take over what
    those add on average.
    """
    active = np.maximum(z @ weights + bias, 0)
    apart = np.ptp(coef, axis=0) if len(coef) > 1 else np.abs(coef[0])
    effect = apart * deviation(active, counts)
    busy = effect >= min(IDLE, effect.max())
    intercept = intercept + coef[:, ~busy] @ mean(active, counts)[~busy]
    return weights[:, busy], bias[busy], coef[:, busy], intercept


def lower(fitted: FittedNet, rows: Rows):
    return scores.as_decided(_chains(fitted, rows), rows, *_in_float(fitted, rows))


def coarser(fitted: FittedNet, rows: Rows):
    """As a rule of inputs of 8 bits where `lower` needs 12: two thirds of the cycles."""
    return scores.coarser_than_decided(_chains(fitted, rows), rows, *_in_float(fitted, rows))


def _in_float(fitted: FittedNet, rows: Rows) -> tuple[float, float]:
    """Error rate and cross-entropy of the float model."""
    loss = fitted.scores.loss(fitted.activations(rows.x), rows.y, rows.weights)
    return rows.error(fitted.predict(rows.x)), loss


def _chains(fitted: FittedNet, rows: Rows):
    """(chain, cross-entropy), by input scaling, then with int16 class scores."""
    y, counts = rows.y, rows.weights
    decay = fitted.decay / total(len(y), counts)
    for limit in (WEIGHT_MAX, INT16_MAX):
        for scale in scalings(rows):
            for hidden, step in _hidden_layers(fitted, rows, scale):
                values = hidden.apply(scale.apply(rows.x))
                refitted = scores.fit_scores(values * step, y, fitted.scores, decay, counts)
                inside = bounds_behind((scale, hidden), any_int16(len(scale.low)))
                for whole, adapted in scores.rounded_scores(
                    refitted.seen_through(step, np.zeros(len(step))), values, y, limit, counts
                ):
                    yield (
                        (scale, hidden, *scores.decision_nodes(whole, inside)),
                        adapted.loss(values, y, counts),
                    )


def _hidden_layers(fitted: FittedNet, rows: Rows, scale: Scale):
    """The integer hidden layer; before it, where its sums take more than 24 bits, one whose sums do
    not.
    """
    wide = _hidden_layer(fitted, rows, scale)
    inside = bounds_behind((scale,), any_int16(len(scale.low)))
    if not is_relu_layer(wide[0], inside.c_type, wide[0].bounds(inside)):
        yield _hidden_layer(fitted, rows, scale, scale.zero)
    yield wide


def _hidden_layer(
    fitted: FittedNet, rows: Rows, scale: Scale, reach: int | None = None
) -> tuple[Dense, np.ndarray]:
    """The integer hidden layer, and the float activation that one step of each unit stands for. Its
    sums fit 24 bits for inputs within -reach .. reach.
    """
    gain, offset = fitted.frame.through(scale)
    exact, bias = (
        fitted.weights * gain[:, None],
        fitted.bias + offset @ fitted.weights,
    )  # on the integers u
    active, form = fitted.activations(rows.x), Form(reach=reach)
    steps = form.steps(exact, bias, active.max(axis=0))
    u = np.column_stack([scale.apply(rows.x), np.ones(len(rows.x))])
    weights, biases = [], []
    shares = 1.0 if rows.weights is None else (rows.weights / rows.weights.mean())[:, None]
    for unit, need in enumerate((_need(fitted, active) * shares).T):
        hessian = (u * (need * (active[:, unit] > 0))[:, None]).T @ u / len(u)
        hessian[np.diag_indices_from(hessian)] += 1e-3 * np.trace(hessian) / len(hessian) + 1e-12
        free = np.arange(len(hessian)) == len(hessian) - 1
        whole = integer_descent(
            exact[:, unit] * steps[unit], without_free(hessian, free), WEIGHT_MAX
        )
        change = whole / steps[unit] - exact[:, unit]
        adapted = bias[unit] - hessian[-1, :-1] @ change / hessian[-1, -1]
        weights.append(whole)
        biases.append(adapted * steps[unit])
    hidden = form.node(np.column_stack(weights), np.array(biases))
    return hidden, 2.0**form.shift / steps


def _need(fitted: FittedNet, active: np.ndarray) -> np.ndarray:
    """Curvature of the loss over each unit's activation in each row, (n, hidden)."""
    from scipy.special import softmax

    p = softmax(fitted.scores.of(active), axis=1)[:, -len(fitted.scores.coef) :]
    coef = fitted.scores.coef
    return p @ coef**2 - (p @ coef) ** 2


FAMILY = Family(
    "mlp_classifier",
    "ReLU net for classes",
    candidates,
    fit,
    lower,
    size=lambda config: config.hidden,
    coarser=coarser,
    without=without,
    under_drift=False,
    tasks=("classification",),
)
