"""Between models whose folds differ by no more than chance the smaller one is chosen."""

import dataclasses
import itertools

import numpy as np
import pytest
from search_rows import made_up

from tinygen.fitting.lowering import scale_inputs
from tinygen.fitting.weighted import above_zero
from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import Model
from tinygen.model.operations.dense import Dense
from tinygen.search.cross_validation import Candidate, fold_cuts, row_losses
from tinygen.search.ladder import Rung, choose
from tinygen.target.bare import ModelCost
from tinygen.target.build import NO_LIMITS, Budget

ROWS = 600
INPUT = Quantity("x", "V", 1.0, 0.0, 0.0, 100.0)
MODEL = Model(
    "m", "ridge", (INPUT,), INPUT, (scale_inputs([(0, 100)], 8), Dense(((1,),), (0,), 0, 0, 100))
)


def rung(flash_bytes: int, row_losses: np.ndarray, training_error: float = 0.0) -> Rung:
    cost = ModelCost(flash_bytes, 0, 0, 100, 100)
    return Rung(MODEL, row_losses.mean(), cost, (), (), training_error, row_losses)


def losses(mean: float, seed: int, shared: np.ndarray | float = 0.0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=ROWS)
    return mean + 5.0 + shared + noise - noise.mean()


def alarms(draw, trials: int = 200) -> float:
    return np.mean([above_zero(draw(np.random.default_rng(seed))) for seed in range(trials)])


def test_equal_means_are_told_apart_as_often_as_chance_allows():
    assert 0.02 < alarms(lambda rng: rng.normal(size=200)) < 0.08
    assert 0.02 < alarms(lambda rng: rng.normal(size=12)) < 0.08


def test_a_real_difference_is_seen():
    assert alarms(lambda rng: rng.normal(0.3, 1, size=300)) > 0.95
    assert alarms(lambda rng: rng.normal(-0.3, 1, size=300)) == 0


def test_neighbours_in_time_are_not_counted_as_so_many_rows():
    """The test over single rows, as a control, sees a difference where there is none."""
    from scipy.stats import ttest_1samp

    def drifting(rng):
        return np.repeat(rng.normal(size=60), 20)

    assert alarms(drifting) < 0.1
    single = [
        ttest_1samp(drifting(np.random.default_rng(k)), 0.0, alternative="greater").pvalue < 0.05
        for k in range(200)
    ]
    assert np.mean(single) > 0.3


@pytest.mark.parametrize(
    "values, above", [([], False), ([1.0], False), ([0.0] * 50, False), ([1.0] * 50, True)]
)
def test_few_rows_and_equal_rows(values, above):
    assert above_zero(np.array(values)) is above


def test_the_smaller_model_is_chosen_where_chance_explains_the_difference():
    large, small = rung(2008, losses(0.0, 1)), rung(74, losses(0.06, 2))
    assert small.error > large.error * 1.01  # more than is immaterial
    for rungs in itertools.permutations((large, small)):
        assert choose(list(rungs), NO_LIMITS, made_up()) is small


def test_the_larger_one_where_the_rows_tell_them_apart():
    """The same two errors; but the rows are hard or easy for both, and the pairs differ less. With
    the pairs broken, as a control, the rows tell nothing.
    """
    hard = np.random.default_rng(3).normal(size=ROWS)
    large, small = rung(2008, losses(0.0, 1) * 0.1 + hard), rung(74, losses(0.6, 2) * 0.1 + hard)
    broken = np.random.default_rng(5).permutation(large.row_losses)
    assert np.isclose(small.error - large.error, 0.06)
    assert not above_zero(small.row_losses - broken)
    assert choose([small, large], NO_LIMITS, made_up()) is large


def test_a_budget_buys_the_better_one():
    large = rung(2008, losses(0.0, 1), training_error=1.0)
    small = rung(74, losses(0.06, 2), training_error=2.0)
    assert choose([small, large], Budget(flash_bytes=3000), made_up()) is large


def test_no_model_is_chosen_that_is_larger_than_a_better_one():
    """A noisy model differs from the best one by chance, a steady one beyond it; the steady one is
    smaller and better.
    """
    noise = np.random.default_rng(4).normal(size=ROWS)
    best = rung(900, np.full(ROWS, 5.0))
    steady, noisy = rung(90, best.row_losses + 0.06), rung(100, best.row_losses + 0.07)
    noisy = dataclasses.replace(noisy, row_losses=noisy.row_losses + noise - noise.mean())
    assert not above_zero(noisy.row_losses - best.row_losses)
    assert choose([noisy, steady, best], NO_LIMITS, made_up()) is best


def test_losses_are_in_the_rows_order_and_weighted():
    dataset = made_up()
    places = np.concatenate([validate for _, validate in fold_cuts(dataset)])
    found = row_losses([Candidate("ridge", None, (0.0,), dataset.y[places] + places)], dataset)
    assert found.keys() and (next(iter(found.values())) == np.sort(places)).all()
    half = np.where(np.arange(len(dataset.y)) % 2, 3.0, 1.0)
    weighted = dataset.with_rows(weights=half)
    found = row_losses([Candidate("ridge", None, (0.0,), dataset.y[places] + 4.0)], weighted)
    expected = 4.0 * half[np.sort(places)] / half[np.sort(places)].mean()
    assert np.allclose(next(iter(found.values())), expected)
    assert row_losses([Candidate("ridge", None, (0.0,))], dataset) == {}
