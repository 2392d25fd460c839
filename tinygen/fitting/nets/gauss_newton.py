"""Training of tiny ReLU nets by damped Gauss-Newton (Levenberg 1944, Marquardt 1963).

Loss: mean pseudo-Huber error of g(v) against y in the target's own unit, as in `least_squares`,
plus weight decay. For nets of 50 to 400 weights the normal matrix is small, and a step is one
matrix product; a hundred steps reach what first-order methods need thousands for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import ceil

import numpy as np

from ..least_squares import HUBER_PART, Root
from ..weighted import deviation, mean, median

DECAY = 3e-4  # small enough to cost no accuracy, large enough to make rounding harmless
DAMPING = (1e-2, 1e-7)  # first and least damping, relative to the Hessian's diagonal
EARLY_ROWS = (
    2000  # that nets are drafted and pruned on: as good as all, at half the time (measured)
)
# that tell a step's curvature, at least and per parameter: with more it is no better (measured)
CURVING_ROWS, CURVING_SHARE = 1200, 7
# part of the loss that ten steps must gain, or training ends: down to a seventh of it the nets are
# no better, and take a sixth more time (measured)
GAIN = 2e-3
# steps after a kick -> part by which the loss may then be above the best one
HOPELESS = {8: 0.08, 16: 0.03, 25: 0.015}
HOPE = 1.5  # times the gain of the last five steps that all steps to come may gain after a kick


@dataclass(frozen=True)
class Net:
    """A ReLU net on standardised inputs: `v = center + spread * (W_k relu(... W_1 z + b_1 ...) +
    b_k)`.
    """

    weights: tuple[np.ndarray, ...]  # each (inputs of the layer, units)
    biases: tuple[np.ndarray, ...]
    center: float
    spread: float
    loss: float = np.inf

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, hidden units of each layer, 1."""
        return (self.weights[0].shape[0], *(w.shape[1] for w in self.weights))

    def layers(self, z: np.ndarray) -> list[np.ndarray]:
        """Inputs, activations of each hidden layer, and the output before it is scaled."""
        values = [z]
        for k, (w, b) in enumerate(zip(self.weights, self.biases)):
            z = z @ w + b
            if k < len(self.weights) - 1:
                z = np.maximum(z, 0)
            values.append(z)
        return values

    def output(self, z: np.ndarray) -> np.ndarray:
        """v of shape (n,)."""
        return self.layers(z)[-1][:, 0] * self.spread + self.center

    def flat(self) -> np.ndarray:
        """All parameters, layer by layer: weights, then biases."""
        return np.concatenate(
            [part for w, b in zip(self.weights, self.biases) for part in (w.ravel(), b)]
        )

    def with_flat(self, flat: np.ndarray) -> Net:
        """The same net with other parameters."""
        weights, biases, at = [], [], 0
        for w, b in zip(self.weights, self.biases):
            weights.append(flat[at : at + w.size].reshape(w.shape))
            biases.append(flat[at + w.size : at + w.size + b.size])
            at += w.size + b.size
        return replace(self, weights=tuple(weights), biases=tuple(biases))


@dataclass(frozen=True)
class Problem:
    """What a net is trained on: standardised inputs (n, k), raw targets (n,) and the target
    transform.
    """

    z: np.ndarray
    y: np.ndarray
    root: Root
    counts: np.ndarray | None = None  # float (n,): how much each row counts; None, all the same

    def thinned(self, seed: list[int], most: int = EARLY_ROWS) -> Problem:
        """At most so many of the rows, drawn at random and kept in order."""
        if len(self.y) <= most:
            return self
        drawn = np.sort(np.random.default_rng(seed).permutation(len(self.y))[:most])
        counts = None if self.counts is None else self.counts[drawn]
        return Problem(self.z[drawn], self.y[drawn], self.root, counts)

    @cached_property
    def columns(self) -> np.ndarray:
        """The inputs with rows last and a row of ones below, float32 (k + 1, n)."""
        columns = np.ones((self.z.shape[1] + 1, len(self.z)), np.float32)
        columns[:-1] = self.z.T
        return columns

    def curving(self, parameters: int) -> slice:
        """The rows that a step's Hessian is made of: every one, or every second, and so on. A
        gradient and a loss are always of all rows (Roosta-Khorasani and Mahoney 2019).
        """
        enough = max(CURVING_ROWS, CURVING_SHARE * parameters)
        return slice(None, None, ceil(len(self.y) / enough))

    @cached_property
    def delta(self) -> float:
        """Residuals below this count squared, above it absolutely; raw."""
        return HUBER_PART * max(
            float(mean(np.abs(self.y - median(self.y, self.counts)), self.counts)), 1e-9
        )

    @cached_property
    def root_counts(self) -> np.ndarray | float:
        """Root of how much each row counts against the mean row, float (n,) or 1.0."""
        return 1.0 if self.counts is None else np.sqrt(self.counts / self.counts.mean())


def random_net(problem: Problem, hidden: tuple[int, ...], seed: int | list[int]) -> Net:
    """He weights (He et al. 2015); the kink of each hidden unit passes through a training row, so
    no unit starts dead.
    """
    rng, values = np.random.default_rng(seed), problem.z
    v = problem.root.forward(problem.y)
    spread = float(max(deviation(v, problem.counts), 1e-9))
    weights, biases = [], []
    for units in hidden:
        w, b = new_units(values, units, rng)
        weights.append(w)
        biases.append(b)
        values = np.maximum(values @ w + b, 0)
    weights.append(rng.normal(size=(hidden[-1], 1)) * np.sqrt(2 / hidden[-1]) * 0.3)
    biases.append(np.zeros(1))
    return Net(tuple(weights), tuple(biases), float(mean(v, problem.counts)), spread)


def new_units(
    values: np.ndarray, units: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Random weights (k, units) and biases (units,) of hidden units that read `values` (n, k)."""
    w = rng.normal(size=(values.shape[1], units)) * np.sqrt(2 / values.shape[1])
    kinks = values[rng.integers(len(values), size=units)]
    return w, -(kinks * w.T).sum(axis=1)


def loss_of(net: Net, problem: Problem) -> float:
    return _Point(net, problem).loss


class _Point:
    """Loss of a net, and its gradient and Gauss-Newton Hessian on demand. Its arrays hold rows
    last, so that each inner loop is long; the many of them are float32, whose rounding is far below
    what a row's chance adds.
    """

    def __init__(self, net: Net, problem: Problem):
        self.net, self.problem = net, problem
        self.flat, self.decay = net.flat(), _decay(net)
        # of each layer: what enters it with ones below, float32 (inputs + 1, n), and its weights
        # with the biases below, as `flat` holds them
        self.values, self.layers = [problem.columns], _layers(self.flat, net.sizes)
        for layer in self.layers[:-1]:
            active = np.ones((layer.shape[1] + 1, len(problem.y)), np.float32)
            sums = np.matmul(layer.T, self.values[-1], out=active[:-1])
            np.maximum(sums, 0, out=sums)
            self.values.append(active)
        self.v = (self.layers[-1].T @ self.values[-1])[0] * net.spread + net.center
        self.residual = problem.root.backward(self.v) - problem.y
        self.bend = np.sqrt(1 + (self.residual / problem.delta) ** 2)
        self.loss = float(
            np.average(self.bend - 1, weights=problem.counts) * HUBER_PART
            + 0.5 * self.decay @ self.flat**2
        )

    def gradient(self) -> np.ndarray:
        """Of the loss over `net.flat()`, from every row."""
        parts = []
        back = (self.slope * self.root_weight**2 * self.residual).astype(np.float32)[None, :]
        for k in range(len(self.layers) - 1, -1, -1):
            parts.append((self.values[k] @ back.T).ravel())
            if k:
                back = self._through(k, back, slice(None))
        gradient: np.ndarray = np.concatenate(parts[::-1]) + self.decay * self.flat
        return gradient

    def hessian(
        self, some: slice, first: int = 0, jacobian: np.ndarray | None = None
    ) -> np.ndarray:
        """Gauss-Newton Hessian from some of the rows, over the parameters from `first` on, which
        begins a row of a layer; `jacobian` is memory to work in, float32 (parameters, rows).
        """
        root_weight, end = self.root_weight[some], len(self.flat) - first
        share = np.sqrt(len(self.problem.y) / len(root_weight))
        back = (self.slope[some] * root_weight * share).astype(np.float32)[None, :]
        if jacobian is None:
            jacobian = np.empty((end, back.shape[1]), np.float32)
        for k in range(len(self.layers) - 1, -1, -1):
            rows, units = self.layers[k].shape
            seen = min(rows, end // units)
            place = jacobian[end - seen * units : end].reshape(seen, units, -1)
            before = self.values[k][rows - seen :, some]
            np.multiply(np.ascontiguousarray(before)[:, None, :], back, out=place)
            end -= seen * units
            if not end:
                break
            back = self._through(k, back, some)
        hessian: np.ndarray = (jacobian @ jacobian.T).astype(np.float64)
        hessian[np.diag_indices_from(hessian)] += self.decay[first:]
        return hessian

    def _through(self, k: int, back: np.ndarray, some: slice) -> np.ndarray:
        """What a layer hands back to the sums of the one before it."""
        before = self.values[k][:-1, some]
        handed: np.ndarray = self.layers[k][:-1] @ back
        np.multiply(handed, before > 0, out=handed)
        return handed

    @cached_property
    def slope(self) -> np.ndarray:
        """dy of the answer over d of the output before it is scaled, (n,)."""
        slope: np.ndarray = self.problem.root.slope(self.v) * self.net.spread
        return slope

    @cached_property
    def root_weight(self) -> np.ndarray:
        """Root of what a row's squared residual counts: d(loss)/dr is HUBER_PART * r / (delta**2 *
        bend), and so is its reweighted second derivative but for r.
        """
        root: np.ndarray = np.sqrt(HUBER_PART / (len(self.problem.y) * self.bend))
        return root / self.problem.delta * self.problem.root_counts


def _layers(flat: np.ndarray, sizes: tuple[int, ...]) -> list[np.ndarray]:
    """The parameters of each layer, float32 (inputs + 1, units), the biases below the weights."""
    found, at = [], 0
    for inputs, units in pairwise(sizes):
        end = at + (inputs + 1) * units
        found.append(flat[at:end].reshape(inputs + 1, units).astype(np.float32))
        at = end
    return found


def _decay(net: Net) -> np.ndarray:
    return np.concatenate(
        [
            part
            for w, b in zip(net.weights, net.biases)
            for part in (np.full(w.size, DECAY), np.zeros(b.size))
        ]
    )


def train_net(net: Net, problem: Problem, steps: int, first: int = 0, best: float = np.inf) -> Net:
    """The net after at most `steps` damped steps of the parameters from `first` on, which begins a
    row of a layer. Training ends early where a loss of `best` is out of reach.
    """
    point, damping, history = _Point(net, problem), DAMPING[0], []
    some = problem.curving(len(point.flat))
    jacobian = np.empty((len(point.flat) - first, len(problem.y[some])), np.float32)
    for _ in range(steps):
        gradient = point.gradient()[first:]
        hessian = point.hessian(some, first, jacobian)
        undamped = hessian.diagonal().copy()
        for _ in range(9):
            np.fill_diagonal(hessian, undamped + damping * (undamped + 1e-9))
            candidate = _moved(point, hessian, gradient, first)
            if candidate is not None and candidate.loss < point.loss:
                break
            damping *= 4
        else:
            break
        point, damping = candidate, max(damping / 3, DAMPING[1])
        history.append(point.loss)
        if _hopeless(history, best):
            break
        if len(history) > 10 and history[-10] - history[-1] < GAIN * history[-1]:
            break
    return replace(point.net, loss=point.loss)


def _hopeless(history: list[float], best: float) -> bool:
    """True where the losses of the steps so far tell that `best` is out of reach."""
    above = history[-1] - best
    if above > best * HOPELESS.get(len(history), np.inf):
        return True
    return len(history) > 5 and above > HOPE * (history[-6] - history[-1])


def _moved(point: _Point, hessian: np.ndarray, gradient: np.ndarray, first: int) -> _Point | None:
    """The point one Newton step on; None where rounding has made the Hessian indefinite."""
    step = newton_step(hessian, gradient)
    if step is None:
        return None
    flat = point.flat.copy()
    flat[first:] -= step
    return _Point(point.net.with_flat(flat), point.problem)


def newton_step(hessian: np.ndarray, gradient: np.ndarray) -> np.ndarray | None:
    """hessian**-1 @ gradient, bit for bit SciPy's cho_solve, whose wrappers cost three times as
    much as a small solution; None where the Hessian is not positive definite.
    """
    from scipy.linalg.lapack import dpotrf, dpotrs

    factor, indefinite = dpotrf(hessian, clean=0)
    return None if indefinite else dpotrs(factor, gradient)[0]


def curvature(net: Net, problem: Problem, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and Gauss-Newton Hessian of the loss over `net.flat()` from `first` on, which begins
    a row of a layer, from every row.
    """
    point = _Point(net, problem)
    return point.gradient()[first:], point.hessian(slice(None), first)
