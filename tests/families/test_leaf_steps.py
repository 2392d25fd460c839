"""Leaves in whole steps: what their sum stands for, and how wide it is."""

import numpy as np
import pytest

from tinygen.fitting.trees import leaf_steps
from tinygen.model.fixedpoint import INT8_MAX, INT16_MAX


def trees(count, size, seed=0):
    """Leaves of trees, each around a place of its own, and what they are added to."""
    rng = np.random.default_rng(seed)
    middle = rng.normal(0, 3 * size, count)
    return [size * rng.uniform(-1, 1, 8) + m for m in middle], float(rng.normal(0, size))


@pytest.mark.parametrize("size", [0.001, 0.3, 1.0, 20.0, 127.0, 900.0, 9000.0])
@pytest.mark.parametrize("count", [2, 16, 24])
def test_steps_say_what_the_leaves_said(count, size):
    values, start = trees(count, size)
    exact = start + sum(v[0] for v in values)
    for steps in leaf_steps(values, start):
        whole = steps.bias + sum(int(w[0]) for w in steps.leaves)
        dense = steps.dense(-INT16_MAX, INT16_MAX)
        off = (dense.weights[0][0] * whole + dense.bias[0]) / 2**dense.shift - exact
        assert abs(off) <= (count + 1) * steps.unit / 2
        reach = abs(steps.bias) + sum(int(np.abs(w).max()) for w in steps.leaves)
        assert reach <= INT16_MAX


def test_the_first_steps_are_a_power_of_two_and_of_bytes():
    values, start = trees(16, 300.0)
    first, second, third = leaf_steps(values, start)
    assert first.weight * 2**first.shift == first.weight == 4  # 300 in at most 126.5 steps
    assert first.offset == 0  # taken into the sum
    for steps in (first, second):
        assert max(np.abs(w).max() for w in steps.leaves) <= INT8_MAX
    assert first.unit / 2 < second.unit < first.unit
    assert second.offset != 0
    assert third.unit < second.unit / 16
    assert third.weight == 1


@pytest.mark.parametrize("reach", [100.0, 126.4, 126.6, 127.0, 130.0, 253.0, 254.0])
def test_bytes_hold_the_leaves_whatever_is_left_of_the_start(reach):
    for start in np.arange(0, 2, 0.25):
        first, second, _ = leaf_steps([np.array([-reach, reach])] * 2, start)
        for steps in (first, second):
            assert max(np.abs(w).max() for w in steps.leaves) <= INT8_MAX


def test_rounding_the_bias_loses_nothing():
    """One tree: its leaves take in what is left of the start."""
    values = [np.array([-100.25, 100.25])]
    for start in np.arange(0, 2, 0.25):
        steps = next(leaf_steps(values, start))
        assert steps.unit == 1
        assert abs(steps.bias + steps.leaves[0] - (values[0] + start)).max() <= 0.5


def test_a_start_that_does_not_fit_the_sum_stands_behind_it():
    values, _ = trees(4, 0.5)
    steps = next(leaf_steps(values, 30000.0))
    assert steps.bias == 0
    assert steps.offset / 2**steps.shift == pytest.approx(
        30000 + sum((v.min() + v.max()) / 2 for v in values), abs=steps.unit
    )


def test_leaves_that_are_all_alike_have_a_step():
    for steps in leaf_steps([np.array([3.0, 3.0]), np.array([2.0])], 1.0):
        assert steps.unit > 0
        assert steps.start + sum(w[0] for w in steps.leaves) * steps.unit == pytest.approx(
            6.0, abs=0.01
        )
