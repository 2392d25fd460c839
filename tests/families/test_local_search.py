"""Training of nets by an iterated local search: the luck of a start decides little."""

import dataclasses

import numpy as np
import pytest
from family_models import rows_of, street
from search_rows import made_up

from tinygen.families import FAMILIES, mlp
from tinygen.fitting.least_squares import Root
from tinygen.fitting.nets import gauss_newton, local_search
from tinygen.fitting.nets.gauss_newton import Problem, curvature, loss_of, random_net, train_net
from tinygen.fitting.nets.local_search import kicked, ladder, revived
from tinygen.search.model_search import thinning_notes
from tinygen.search.workers import in_processes

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


def test_kicks_better_every_net(problem, plain):
    """From the best start to the worst one, which is a minimum of its own."""
    better = [kicked(net, problem, 10, [k])[-1] for k, net in enumerate(plain)]
    before, after = (np.array([net.loss for net in nets]) for nets in (plain, better))
    assert (after <= before).all() and after.mean() < 0.99 * before.mean()
    assert np.allclose(after, [loss_of(net, problem) for net in better])


def test_no_kick_and_kicks_that_fail_leave_the_net(problem, plain, monkeypatch):
    net = plain[0]
    (found,) = kicked(net, problem, 0, [0])
    assert found is net
    monkeypatch.setattr(local_search, "KICK_STEPS", 0)
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
        assert mlp._best_rounded(some, frame, rows).net is nets[0]
    assert min(nets, key=lambda net: net.loss) is nets[1]
    assert mlp._best_rounded(nets[1:], frame, rows).net is nets[1]


def test_a_net_that_was_rounded_to_be_chosen_is_not_rounded_again(problem, plain, monkeypatch):
    """On other rows it is, and one that was not chosen among several."""
    rows = street()
    frame = dataclasses.replace(
        mlp._standardised(rows, mlp.logs_of(rows.inputs, False)), root=problem.root
    )
    fitted, alone = mlp._best_rounded(plain[:2], frame, rows), mlp._best_rounded(plain, frame, rows)
    nodes, anew = mlp.lower(fitted, street()), dataclasses.replace(fitted, rounded=None)
    assert nodes == mlp.lower(anew, rows) and alone.rounded is not None
    assert mlp._best_rounded(plain[:1], frame, rows).rounded is None
    monkeypatch.setattr(mlp, "narrowest", lambda *arguments: ())
    some = rows.take(np.arange(len(rows.y) - 1))
    assert mlp.lower(fitted, rows) == nodes and mlp.lower(fitted, some) == ()


@pytest.mark.parametrize("hidden", [(4,), (4, 3)])
def test_the_chosen_net_is_bettered_and_never_worse(hidden, monkeypatch):
    """Without a further start and without a kick, as a control, it stays what it is."""
    rows = street()
    fitted = mlp.fit(rows, mlp.Config(hidden, 2), 1)
    found, judge = mlp.better(fitted, rows, 1, {}, in_processes)
    again, _ = mlp.better(fitted, rows, 1, {}, in_processes)
    assert judge is rows
    assert found.net.sizes == fitted.net.sizes and found.net.loss < fitted.net.loss
    assert np.array_equal(found.net.flat(), again.net.flat())
    monkeypatch.setattr(mlp, "WAYS", 0)
    monkeypatch.setattr(mlp, "_last_kicks", lambda net: 0)
    assert mlp.better(fitted, rows, 1, {}, in_processes)[0].net is fitted.net


def noisy(seed: int):
    """Rows of a smooth quantity with noise, and what it is without."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 1000, (400, 3))
    exact = 20 + x[:, 0] / 10 + (x[:, 1] / 80) ** 2 + 80 * np.exp(-x[:, 2] / 250)
    return rows_of(x, np.maximum(exact + rng.normal(0, 25, 400), 0)), exact


def test_where_noise_decides_a_net_is_taught_and_nearer_to_the_truth(monkeypatch):
    """What nets like it answer on average has less noise than the references."""
    monkeypatch.setattr(mlp, "_last_kicks", lambda net: 20)
    errors = []
    for seed in range(2):
        rows, exact = noisy(seed)
        fitted = mlp.fit(rows, mlp.Config((6,), 2), seed)
        alike = {mlp.Config((3,), 2): 1.02, mlp.Config((6,), 2): 1.0}
        plain, _ = mlp.better(fitted, rows, seed, {}, in_processes)
        learner, judge = mlp.better(fitted, rows, seed, alike, in_processes)
        assert 0 < np.abs(judge.y - rows.y).mean() < np.abs(exact - rows.y).mean()
        errors.append([np.abs(f.predict(rows.x) - exact).mean() for f in (plain, learner)])
    assert np.mean(errors, axis=0)[1] < 0.99 * np.mean(errors, axis=0)[0]


def test_noise_decides_where_half_the_units_are_nearly_as_good():
    small, deep, whole = mlp.Config((4,), 2), mlp.Config((3, 2), 2), mlp.Config((10,), 2)
    near, far = mlp.NEARLY, mlp.NEARLY + 0.01
    for half, found in ((small, near), (deep, near), (small, far), (mlp.Config((6,), 2), 1.0)):
        told = mlp._size_hardly_counts(whole, {half: found, whole: 1.0})
        assert told == (found == near)
    assert not mlp._size_hardly_counts(whole, {small: 1.0})


def test_a_large_net_is_tried_to_better_less_often(problem):
    """A step of four times the parameters costs sixteen times as much."""
    small, large, huge = (random_net(problem, (units,), [0]) for units in (8, 90, 3000))
    assert mlp._last_kicks(small) == mlp.LAST_KICKS
    assert mlp.LEAST_LAST < mlp._last_kicks(large) < mlp.LAST_KICKS
    assert mlp._last_kicks(huge) == mlp.LEAST_LAST


def test_fewer_rows_tell_the_curvature_of_a_smaller_net(problem):
    """All of them where they are few."""
    assert problem.curving(10) == slice(None, None, 1)
    many = Problem(np.zeros((6000, 1)), np.zeros(6000), problem.root)
    assert many.curving(10).step == 5 and many.curving(400).step == 3


@pytest.mark.parametrize("hidden", [(5,), (4, 3)])
def test_part_of_the_parameters_has_part_of_the_curvature(problem, hidden):
    """From each row of each layer on; the gradient is that of the loss."""
    net = train_net(random_net(problem, hidden, [0]), problem, 10)
    gradient, hessian = curvature(net, problem)
    first = 0
    for layer in net.weights:
        for _ in range(layer.shape[0] + 1):
            part, whole = curvature(net, problem, first)
            assert np.allclose(part, gradient[first:], rtol=1e-4, atol=1e-7)
            assert np.allclose(whole, hessian[first:, first:], rtol=1e-4, atol=1e-6)
            first += layer.shape[1]
    assert first == len(gradient)
    steps = 1e-3 * np.eye(first)
    slopes = [
        (
            loss_of(net.with_flat(net.flat() + s), problem)
            - loss_of(net.with_flat(net.flat() - s), problem)
        )
        / 2e-3
        for s in steps
    ]
    assert np.corrcoef(slopes, gradient)[0, 1] > 0.999


def test_only_what_may_move_does(problem, plain):
    first = plain[0].weights[0].size
    net = random_net(problem, (6,), [5, 1])
    trained = train_net(net, problem, 20, first)
    assert trained.loss < loss_of(net, problem)
    assert np.array_equal(trained.weights[0], net.weights[0])
    assert not np.array_equal(trained.biases[0], net.biases[0])


def test_the_same_seed_kicks_the_same_units(problem, plain):
    once, again, other = (kicked(plain[1], problem, 2, [seed])[-1] for seed in (5, 5, 6))
    assert (once.flat() == again.flat()).all() and not np.array_equal(once.flat(), other.flat())


def test_a_kick_moves_some_units_of_each_layer_and_not_the_output(problem):
    net = random_net(problem, (40, 30), [0])
    moved = local_search._moved_at_random(net, np.random.default_rng(0))
    for layer in range(2):
        still = (net.weights[layer] == moved.weights[layer]).all(axis=0)
        assert 0.2 < still.mean() < 0.6
    assert (net.weights[2] == moved.weights[2]).all() and net.biases[2] == moved.biases[2]


def dead(net, problem) -> int:
    return sum(int((~(h > 0).any(axis=0)).sum()) for h in net.layers(problem.z)[1:-1])


def test_no_unit_starts_dead(problem):
    assert not any(dead(random_net(problem, (12, 30), [seed]), problem) for seed in SEEDS)


def test_dead_units_are_replaced_and_no_answer_changes(problem):
    net = random_net(problem, (12, 8), [0])
    for layer, units in ((0, [3, 7]), (1, [0, 5])):
        net.biases[layer][units] = -1e6
    assert dead(net, problem) >= 4
    alive = revived(net, problem, np.random.default_rng(1))
    assert not dead(alive, problem)
    assert np.array_equal(alive.output(problem.z), net.output(problem.z))
    again = revived(alive, problem, np.random.default_rng(2))
    assert np.array_equal(again.flat(), alive.flat())


def test_dead_units_are_put_to_use(problem):
    """Half the units of a net's second layer are dead: after kicks some work, and it is better."""
    net = random_net(problem, (8, 8), [0])
    net.biases[1][:4] = -1e6
    net = train_net(net, problem, 60)
    assert dead(net, problem) >= 4
    better = kicked(net, problem, 6, [0])[-1]
    assert dead(better, problem) < dead(net, problem) and better.loss < 0.98 * net.loss


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


def test_what_is_out_of_reach():
    """A loss that falls too slowly, and one that is far above the best one after some steps."""
    falling = [2.0, 1.8, 1.6, 1.5, 1.4, 1.3]
    assert not gauss_newton._hopeless(falling, 0.5) and gauss_newton._hopeless(falling, 0.2)
    assert not gauss_newton._hopeless(falling[:5], 0.2)
    eighth = [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 1.1]
    assert gauss_newton._hopeless(eighth, 1.0) and not gauss_newton._hopeless(eighth, 1.05)


def test_many_rows_are_thinned_and_the_net_is_finished_on_all(problem, monkeypatch):
    """What is trained on some of the rows only, as a control, is no minimum of all."""
    monkeypatch.setattr(local_search, "MOST_ROWS", 60)
    some = problem.thinned([0, 1], 60)
    assert len(some.y) == 60 < len(problem.y)
    unfinished = train_net(random_net(some, (4,), [0]), some, 80)
    net = local_search.finished(unfinished, some, problem)
    assert loss_of(net, problem) < loss_of(unfinished, problem)
    assert local_search.finished(unfinished, problem, problem) is unfinished
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
    """Training it on gains next to nothing; one that was only pruned, as a control, gains."""
    nets = ladder(problem, (3, 5), 8, 0, kicks=2)
    assert {size: net.sizes[1] for size, net in nets.items()} == {3: 3, 5: 5}

    def gain(net):
        return 1 - train_net(net, problem, 100).loss / loss_of(net, problem)

    assert max(map(gain, nets.values())) < 1e-3
    assert gain(local_search.without_one_unit(nets[5], problem)) > 1e-2
