"""Training of nets by an iterated local search: the luck of a start decides little."""

import dataclasses

import numpy as np
import pytest
from family_models import street
from search_rows import made_up

from tinygen.families import FAMILIES, mlp
from tinygen.fitting import gauss_newton
from tinygen.fitting.gauss_newton import (
    Problem,
    curvature,
    kicked,
    ladder,
    loss_of,
    random_net,
    train_net,
)
from tinygen.fitting.least_squares import Root
from tinygen.search.cross_validation import thinning_notes

SEEDS = range(6)


@pytest.fixture(scope="module")
def problem() -> Problem:
    rows = street()
    frame = mlp._standardised(rows, mlp.logs_of(rows.inputs, False))
    z = frame.standardised(rows.x).astype(np.float32)
    return Problem(z, rows.y.astype(float), Root(2), None)


@pytest.fixture(scope="module")
def plain(problem) -> list:
    """A net of six units from each of several starts."""
    return [train_net(random_net(problem, (6,), [seed, 1]), problem, 120) for seed in SEEDS]


def test_kicks_leave_less_to_luck(problem, plain):
    better = [kicked(net, problem, 10, [k])[-1] for k, net in enumerate(plain)]
    before, after = (np.array([net.loss for net in nets]) for nets in (plain, better))
    assert (after <= before).all() and np.ptp(after) < np.ptp(before)
    assert np.allclose(after, [loss_of(net, problem) for net in better])


def test_no_kick_and_kicks_that_fail_leave_the_net(problem, plain, monkeypatch):
    net = plain[0]
    (found,) = kicked(net, problem, 0, [0])
    assert found is net
    monkeypatch.setattr(gauss_newton, "KICK_STEPS", 0)
    (found,) = kicked(net, problem, 3, [0])
    assert found is net


def test_the_net_that_is_best_as_integers_is_taken(problem, plain):
    """In whatever order they come; by float loss, as a control, it would be another one."""
    rows = street()
    frame = dataclasses.replace(
        mlp._standardised(rows, mlp.logs_of(rows.inputs, False)), root=problem.root
    )
    poor = random_net(problem, (1,), [0])
    nets = [
        dataclasses.replace(plain[0], loss=plain[0].loss + 1),
        dataclasses.replace(poor, loss=0.0),
    ]
    for some in (nets, nets[::-1]):
        assert mlp._best_rounded(some, frame, rows) is nets[0]
    assert min(nets, key=lambda net: net.loss) is nets[1]
    assert mlp._best_rounded(nets[1:], frame, rows) is nets[1]


def test_the_same_seed_kicks_the_same_units(problem, plain):
    once, again, other = (kicked(plain[1], problem, 2, [seed])[-1] for seed in (5, 5, 6))
    assert (once.flat() == again.flat()).all() and not np.array_equal(once.flat(), other.flat())


def test_a_kick_moves_some_units_of_each_layer_and_not_the_output(problem):
    net = random_net(problem, (40, 30), [0])
    moved = gauss_newton._moved_at_random(net, np.random.default_rng(0))
    for layer in range(2):
        still = (net.weights[layer] == moved.weights[layer]).all(axis=0)
        assert 0.5 < still.mean() < 0.9
    assert (net.weights[2] == moved.weights[2]).all() and net.biases[2] == moved.biases[2]


def test_training_ends_where_the_best_loss_is_out_of_reach(problem, monkeypatch):
    """With a loss within reach, as a control, it goes on."""
    steps = []
    gradient = gauss_newton._Point.gradient
    monkeypatch.setattr(
        gauss_newton._Point, "gradient", lambda self: steps.append(1) or gradient(self)
    )
    start = random_net(problem, (6,), [3, 1])
    hopeless = train_net(start, problem, 60, best=1e-9)
    few = len(steps)
    steps.clear()
    train_net(start, problem, 60, best=hopeless.loss)
    assert few == min(gauss_newton.HOPELESS) < len(steps)


def test_many_rows_are_thinned_and_the_net_is_finished_on_all(problem, monkeypatch):
    """What is trained on some of the rows only, as a control, is no minimum of all."""
    monkeypatch.setattr(gauss_newton, "MOST_ROWS", 60)
    some = problem.thinned([0, 1], 60)
    assert len(some.y) == 60 < len(problem.y)
    unfinished = train_net(random_net(some, (4,), [0]), some, 80)
    net = gauss_newton.finished(unfinished, some, problem)
    assert loss_of(net, problem) < loss_of(unfinished, problem)
    assert gauss_newton.finished(unfinished, problem, problem) is unfinished
    pruned = ladder(problem, (4,), 6, 0)[4]
    assert np.isclose(pruned.loss, loss_of(pruned, problem))


def test_what_is_thinned_is_told(monkeypatch):
    dataset = made_up()
    assert thinning_notes("auto", dataset) == ()
    monkeypatch.setitem(FAMILIES, "mlp", dataclasses.replace(mlp.FAMILY, most_rows=100))
    assert thinning_notes("auto", dataset) == (
        "ReLU net: trained on 100 of 320 training rows, finished on all",
    )
    assert thinning_notes("ridge", dataset) == ()


def test_each_size_of_a_ladder_is_a_minimum(problem):
    nets = ladder(problem, (3, 5), 8, 0, kicks=2)
    assert {size: net.sizes[1] for size, net in nets.items()} == {3: 3, 5: 5}
    for net in nets.values():
        gradient, hessian = curvature(net, problem)
        step = gauss_newton.newton_step(hessian + 1e-6 * np.eye(len(hessian)), gradient)
        assert step is not None and gradient @ step < 0.02 * net.loss
