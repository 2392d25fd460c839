"""Training of tiny ReLU nets by damped Gauss-Newton (Levenberg 1944, Marquardt 1963).

Loss: mean pseudo-Huber error of g(v) against y in the target's own unit, as in `leastsquares`, plus
weight decay. For nets of 50 to 400 weights the normal matrix is small, and a step is one matrix
product; a hundred steps reach what first-order methods need thousands for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import ceil

import numpy as np

from .least_squares import HUBER_PART, Root
from .weighted import deviation, mean, median

DECAY = 3e-4  # small enough to cost no accuracy, large enough to make rounding harmless
DAMPING = (1e-2, 1e-7)  # first and least damping, relative to the Hessian's diagonal
EARLY_ROWS = (
    2000  # that nets are drafted and pruned on: as good as all, at half the time (measured)
)
CURVING_ROWS = 2500  # that tell a step's curvature: with all rows it is no better (measured)
MOST_ROWS = 20_000  # that a net is pruned and bettered on; it is finished on all
FINISH = 30  # steps of that
GAIN = 1e-4  # part of the loss that ten steps must gain, or training ends
KICKED, KICK = 0.3, 0.7  # part of the units that a kick moves, and by how much of each weight
KICK_STEPS = 60
# steps after a kick -> part by which the loss may then be above the best one
HOPELESS = {8: 0.08, 16: 0.03, 25: 0.015}


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
        """The inputs with rows last, float64 (k, n)."""
        return np.ascontiguousarray(self.z.T, dtype=np.float64)

    @property
    def curving(self) -> slice:
        """The rows that a step's Hessian is made of: every one, or every second, and so on. A
        gradient and a loss are always of all rows (Roosta-Khorasani and Mahoney 2019).
        """
        return slice(None, None, ceil(len(self.y) / CURVING_ROWS))

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
    """He weights (He et al. 2015); each first-layer kink passes through a training row, so no unit
    starts dead.
    """
    rng = np.random.default_rng(seed)
    sizes = (problem.z.shape[1], *hidden, 1)
    v = problem.root.forward(problem.y)
    spread = float(max(deviation(v, problem.counts), 1e-9))
    weights, biases = [], []
    for k, (inputs, units) in enumerate(pairwise(sizes)):
        last = k == len(sizes) - 2
        w = rng.normal(size=(inputs, units)) * np.sqrt(2 / inputs) * (0.3 if last else 1.0)
        kinks = problem.z[rng.integers(len(problem.z), size=units)] if k == 0 else None
        weights.append(w)
        biases.append(-(kinks * w.T).sum(axis=1) if k == 0 else np.zeros(units))
    return Net(tuple(weights), tuple(biases), float(mean(v, problem.counts)), spread)


def loss_of(net: Net, problem: Problem) -> float:
    return _Point(net, problem).loss


class _Point:
    """Loss of a net, and its gradient and Gauss-Newton Hessian on demand. Its arrays hold rows
    last, so that each inner loop is long.
    """

    def __init__(self, net: Net, problem: Problem):
        self.net, self.problem = net, problem
        self.values = [problem.columns]
        for k, (w, b) in enumerate(zip(net.weights, net.biases), 1):
            sums = w.T @ self.values[-1] + b[:, None]
            self.values.append(np.maximum(sums, 0, out=sums) if k < len(net.weights) else sums)
        v = self.values[-1][0] * net.spread + net.center
        self.slope = problem.root.slope(v) * net.spread
        self.residual = problem.root.backward(v) - problem.y
        self.bend = np.sqrt(1 + (self.residual / problem.delta) ** 2)
        self.flat, self.decay = net.flat(), _decay(net)
        self.loss = float(
            np.average(self.bend - 1, weights=problem.counts) * HUBER_PART
            + 0.5 * self.decay @ self.flat**2
        )

    def gradient(self) -> np.ndarray:
        """Of the loss over `net.flat()`, from every row."""
        net, parts = self.net, []
        back = (self.slope * self.root_weight**2 * self.residual)[None, :]
        for k in range(len(net.weights) - 1, -1, -1):
            before = self.values[k]
            parts += [back.sum(axis=1), (before @ back.T).ravel()]
            if k:
                back = (net.weights[k] @ back) * (before > 0)
        gradient: np.ndarray = np.concatenate(parts[::-1]) + self.decay * self.flat
        return gradient

    def hessian(self, some: slice, jacobian: np.ndarray | None = None) -> np.ndarray:
        """Gauss-Newton Hessian from some of the rows; `jacobian` is memory to work in, float32
        (parameters, rows).
        """
        net, end = self.net, len(self.flat)
        root_weight = self.root_weight[some]
        share = np.sqrt(len(self.problem.y) / len(root_weight))
        back = (self.slope[some] * root_weight * share)[None, :]
        if jacobian is None:
            jacobian = np.empty((end, back.shape[1]), np.float32)
        for k in range(len(net.weights) - 1, -1, -1):
            before, (inputs, units) = self.values[k][:, some], net.weights[k].shape
            back32 = back.astype(np.float32)
            jacobian[end - units : end] = back32
            end -= units * (inputs + 1)
            place = jacobian[end : end + units * inputs].reshape(inputs, units, -1)
            np.multiply(before.astype(np.float32)[:, None, :], back32, out=place)
            if k:
                back = (net.weights[k] @ back) * (before > 0)
        hessian: np.ndarray = (jacobian @ jacobian.T).astype(np.float64)
        hessian[np.diag_indices_from(hessian)] += self.decay
        return hessian

    @cached_property
    def root_weight(self) -> np.ndarray:
        """Root of what a row's squared residual counts: d(loss)/dr is HUBER_PART * r / (delta**2 *
        bend), and so is its reweighted second derivative but for r.
        """
        root: np.ndarray = np.sqrt(HUBER_PART / (len(self.problem.y) * self.bend))
        return root / self.problem.delta * self.problem.root_counts


def _decay(net: Net) -> np.ndarray:
    return np.concatenate(
        [
            part
            for w, b in zip(net.weights, net.biases)
            for part in (np.full(w.size, DECAY), np.zeros(b.size))
        ]
    )


def train_net(
    net: Net,
    problem: Problem,
    steps: int,
    free: np.ndarray | None = None,
    best: float = np.inf,
) -> Net:
    """The net after at most `steps` damped steps; `free` (bool per parameter): which may move.
    Training ends early where a loss of `best` is out of reach.
    """
    point, damping, history = _Point(net, problem), DAMPING[0], []
    some = problem.curving
    jacobian = np.empty((len(point.flat), len(problem.y[some])), np.float32)
    movable = slice(None) if free is None else free
    for _ in range(steps):
        gradient, hessian = point.gradient(), point.hessian(some, jacobian)
        if free is not None:
            gradient, hessian = gradient[free], hessian[np.ix_(free, free)]
        undamped = hessian.diagonal().copy()
        for _ in range(9):
            np.fill_diagonal(hessian, undamped + damping * (undamped + 1e-9))
            candidate = _moved(point, hessian, gradient, movable)
            if candidate is not None and candidate.loss < point.loss:
                break
            damping *= 4
        else:
            break
        point, damping = candidate, max(damping / 3, DAMPING[1])
        history.append(point.loss)
        if point.loss > best * (1 + HOPELESS.get(len(history), np.inf)):
            break
        if len(history) > 20 and history[-10] - history[-1] < GAIN * history[-1]:
            break
    return replace(point.net, loss=point.loss)


def _moved(
    point: _Point, hessian: np.ndarray, gradient: np.ndarray, movable: slice | np.ndarray
) -> _Point | None:
    """The point one Newton step on; None where rounding has made the Hessian indefinite."""
    step = newton_step(hessian, gradient)
    if step is None:
        return None
    flat = point.flat.copy()
    flat[movable] -= step
    return _Point(point.net.with_flat(flat), point.problem)


def newton_step(hessian: np.ndarray, gradient: np.ndarray) -> np.ndarray | None:
    """hessian**-1 @ gradient, bit for bit SciPy's cho_solve, whose wrappers cost three times as
    much as a small solution; None where the Hessian is not positive definite.
    """
    from scipy.linalg.lapack import dpotrf, dpotrs

    factor, indefinite = dpotrf(hessian, clean=0)
    return None if indefinite else dpotrs(factor, gradient)[0]


def curvature(net: Net, problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and Gauss-Newton Hessian of the loss over `net.flat()`, from every row."""
    point = _Point(net, problem)
    return point.gradient(), point.hessian(slice(None))


def without_one_unit(net: Net, problem: Problem) -> Net:
    """A net with one hidden layer less its least needed unit, the others taking over by least
    squares.

    Optimal brain surgeon on the output layer (Hassibi and Stork 1993).
    """
    hidden = net.layers(problem.z)[1]
    slope = problem.root.slope(net.output(problem.z))
    design = (
        np.column_stack([hidden, np.ones(len(hidden))])
        * (slope / slope.mean() * problem.root_counts)[:, None]
    )
    inverse = np.linalg.inv(design.T @ design / len(hidden) + 1e-7 * np.eye(design.shape[1]))
    output = np.append(net.weights[1][:, 0], net.biases[1])
    least = int(np.argmin(output[:-1] ** 2 / np.diag(inverse)[:-1]))
    output = output - inverse[:, least] / inverse[least, least] * output[least]
    keep = np.arange(hidden.shape[1]) != least
    return replace(
        net,
        weights=(net.weights[0][:, keep], output[:-1][keep][:, None]),
        biases=(net.biases[0][keep], output[-1:]),
    )


def kicked(net: Net, problem: Problem, tries: int, seed: list[int]) -> list[Net]:
    """The net, and each better one of an iterated local search (Lourenco, Martin and Stutzle 2003):
    some units of the best net so far are moved at random, and it is trained anew.

    A net of few units has many local minima. A fresh start finds one of them; near a good one are
    better ones.
    """
    rng, found = np.random.default_rng(seed), [net]
    for _ in range(tries):
        best = found[-1]
        trained = train_net(_moved_at_random(best, rng), problem, KICK_STEPS, best=best.loss)
        if trained.loss < best.loss:
            found.append(trained)
    return found


def finished(net: Net, some: Problem, problem: Problem) -> Net:
    """A net that was trained on some of the rows, trained on all of them."""
    return net if some is problem else train_net(net, problem, FINISH)


def _moved_at_random(net: Net, rng: np.random.Generator) -> Net:
    """The net with the weights and biases of some hidden units changed."""
    weights, biases = list(net.weights), list(net.biases)
    for layer in range(len(weights) - 1):
        some = rng.random(weights[layer].shape[1]) < KICKED
        weights[layer] = weights[layer] * (1 + KICK * some * rng.normal(size=weights[layer].shape))
        biases[layer] = biases[layer] * (1 + KICK * some * rng.normal(size=weights[layer].shape[1]))
    return replace(net, weights=tuple(weights), biases=tuple(biases))


def ladder(
    problem: Problem,
    sizes: tuple[int, ...],
    top: int,
    seed: int,
    kicks: int = 0,
    draft: bool = False,
) -> dict[int, Net]:
    """Nets with one hidden layer of each of `sizes`, pruned from one of `top` units.

    Costs little more than a few fits, and at each size gives better nets than direct training does.
    kicks: tries to better each net before the next smaller one comes from it. A draft is pruned on
    part of the rows, and polished less.
    """
    some = problem.thinned([seed, 1], MOST_ROWS)
    early = problem.thinned([seed, 0]) if draft else some
    repair, polish = (6, 30) if draft else (12, 80)
    drafts = [train_net(random_net(early, (top,), [seed, 0, k]), early, 15) for k in range(3)]
    net = train_net(min(drafts, key=lambda n: n.loss), early, 50)
    found = {}
    while net.sizes[1] > min(sizes):
        net = train_net(without_one_unit(net, early), early, repair)
        if net.sizes[1] in sizes:
            net = train_net(net, some, polish)
            net = kicked(net, some, kicks, [seed, net.sizes[1]])[-1]
            found[net.sizes[1]] = finished(net, some, problem)
    return found
