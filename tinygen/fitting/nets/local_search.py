"""Which nets are trained: pruned from larger ones, and bettered by an iterated local search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .gauss_newton import Net, Problem, new_units, random_net, train_net

MOST_ROWS = 20_000  # that a net is pruned and bettered on; it is finished on all
FINISH = 20  # steps of that
# part of the units that a kick moves, and by how much of each weight: of nine choices the best on
# the training rows of two tasks
KICKED, KICK = 0.6, 0.2
KICK_STEPS = 40
# parameters beyond which there are fewer tries: the largest net of one layer, 24 units, has 241 for
# eight inputs
QUICK = 242
TAUGHT = 0.3  # part of a target that other nets' answers make up
# steps before the best start is picked; of two layers after that, and of a net without an input
SCREEN, TRAIN = 10, 40


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
        start = _moved_at_random(revived(best, problem, rng), rng)
        trained = train_net(start, problem, KICK_STEPS, best=best.loss)
        if trained.loss < best.loss:
            found.append(trained)
    return found


def revived(net: Net, problem: Problem, rng: np.random.Generator) -> Net:
    """The net with new random units, unused as yet, in place of those that answer 0 to every row:
    without a slope anywhere these learn nothing. Of a second layer they were one unit in six.
    """
    weights, biases = [w.copy() for w in net.weights], [b.copy() for b in net.biases]
    values = problem.z
    for k, (w, b) in enumerate(zip(weights[:-1], biases)):
        active = np.maximum(values @ w + b, 0)
        dead = ~active.any(axis=0)
        w[:, dead], b[dead] = new_units(values, int(dead.sum()), rng)
        weights[k + 1][dead] = 0.0
        active[:, dead] = np.maximum(values @ w[:, dead] + b[dead], 0)
        values = active
    return replace(net, weights=tuple(weights), biases=tuple(biases))


def found_deep(
    problem: Problem, hidden: tuple[int, ...], seed: int, starts: int, kicks: int
) -> list[Net]:
    """The best of several random nets with two hidden layers, trained, and each better one that
    local search found from there.
    """
    net = train_net(_best_start(problem, hidden, [seed], starts), problem, TRAIN)
    return kicked(net, problem, kicks, [seed, *hidden])


def _best_start(problem: Problem, hidden: tuple[int, ...], seed: list[int], starts: int) -> Net:
    """The best of several random nets after their first steps."""
    drawn = (random_net(problem, hidden, [*seed, k]) for k in range(starts))
    nets = [train_net(net, problem, SCREEN) for net in drawn]
    return min(nets, key=lambda net: net.loss)


def tries(most: int, least: int, parameters: int) -> int:
    """Fewer tries for a larger net: a step costs as the square of its parameters."""
    share = min((QUICK / parameters) ** 2, 1.0)
    return max(round(most * share), least)


def taught(problem: Problem, nets: list[Net]) -> np.ndarray:
    """Whole targets (n,) between the references and the nets' mean answer, which has less noise
    than the references and less chance than one net (Hinton, Vinyals and Dean 2015).

    For a net of their shape, on held-back training rows: 1.3 % less error where noise decides; up
    to 4 % more where the mean is what one such net cannot say.
    """
    answers = [problem.root.backward(net.output(problem.z)) for net in nets]
    blend: np.ndarray = (1 - TAUGHT) * problem.y + TAUGHT * np.mean(answers, axis=0)
    return np.floor(blend + 0.5)


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
    starts, steps, repair, polish = (2, 20, 4, 20) if draft else (3, 35, 8, 55)
    net = train_net(_best_start(early, (top,), [seed, 0], starts), early, steps)
    found = {}
    while net.sizes[1] > min(sizes):
        net = train_net(without_one_unit(net, early), early, repair)
        if net.sizes[1] in sizes:
            net = train_net(net, some, polish)
            net = kicked(net, some, kicks, [seed, net.sizes[1]])[-1]
            found[net.sizes[1]] = finished(net, some, problem)
    return found
