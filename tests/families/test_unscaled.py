"""Linear models that weigh their inputs as they are: in how many bits, and when they do not."""

import numpy as np
import pytest
from family_models import rows_of

from tinygen.families import FAMILIES, logistic, ridge
from tinygen.fitting.last_layer import layer_of, with_layer
from tinygen.fitting.lowering import HIDDEN, apply_all, whole_sums
from tinygen.model.model import Model
from tinygen.model.nodes import INT32_MAX, prove
from tinygen.model.operations.dense import Dense

RNG = np.random.default_rng(8)
X = RNG.integers(-400, 1000, (700, 4))
LINE = X @ (0.31, -1.27, 0.5, 0.04) + 900


LINEAR = ridge.Config(1, robust=True)


def lowered(x, y, config=LINEAR):
    """A fitted ridge regression, its nodes and the rows."""
    rows = rows_of(x, np.floor(np.asarray(y) + 0.5))
    fitted = ridge.fit(rows, config)
    return fitted, ridge.lower(fitted, rows), rows


def test_noise_leaves_bytes_enough():
    fitted, nodes, rows = lowered(X, LINE + RNG.normal(0, 150, len(X)))
    assert [node.op for node in nodes] == ["dense"]
    assert nodes[0].weight_bits == 8
    floats = np.floor(fitted.predict(rows.x) + 0.5)
    changed = np.abs(apply_all(nodes, rows.x)[:, 0] - floats).mean()
    assert 0 < changed <= HIDDEN * rows.error(floats)


def test_less_noise_takes_16_bits_and_drops_whole_bytes():
    _, nodes, _ = lowered(X, LINE + RNG.normal(0, 12, len(X)))
    assert nodes[0].weight_bits == 16
    assert nodes[0].shift == 8


def test_coarse_coefficients_must_change_the_answers_little(monkeypatch):
    """Whatever that does to the error, which may be better by chance."""
    monkeypatch.setattr(ridge, "narrowest", lambda chains, *_: next(chains))
    fitted, nodes, rows = lowered(X, LINE + RNG.normal(0, 12, len(X)))
    floats = np.floor(fitted.predict(rows.x) + 0.5)
    changed = np.abs(apply_all(nodes, rows.x)[:, 0] - floats).mean()
    assert nodes[0].weight_bits == 16
    assert changed <= HIDDEN * rows.error(floats)


def test_no_noise_takes_the_finest_steps():
    fitted, nodes, rows = lowered(X, LINE)
    assert nodes[0].weight_bits == 16
    assert nodes[0].shift % 8
    floats = np.floor(fitted.predict(rows.x) + 0.5)
    assert (apply_all(nodes, rows.x)[:, 0] != floats).mean() <= 0.03


def test_inputs_whose_steps_differ_too_much_are_scaled():
    x = np.column_stack([X[:, 0] % 2, RNG.integers(-32000, 32000, len(X))])
    fitted, nodes, rows = lowered(x, 9000 * x[:, 0] + 0.02 * x[:, 1])
    assert [node.op for node in nodes] == ["scale", "dense"]
    floats = np.floor(fitted.predict(rows.x) + 0.5)
    assert rows.error(apply_all(nodes, rows.x)[:, 0]) <= rows.error(floats) + 0.25


def test_logarithms_are_weighed_as_they_are():
    x = np.abs(X) + 1
    y = 300 * x[:, 0] ** 0.7 / x[:, 1] ** 0.2 + RNG.normal(0, 300, len(X))
    fitted, nodes, rows = lowered(x, np.maximum(y, 1), ridge.Config(0, True, logs=True))
    assert [node.op for node in nodes] == ["log2", "dense", "exp2"]
    floats = rows.error(np.floor(fitted.predict(rows.x) + 0.5))
    assert rows.error(apply_all(nodes, rows.x)[:, 0]) <= 1.005 * floats


@pytest.mark.parametrize("size", [1e-6, 0.01, 1.0, 60.0, 4000.0, 1e5])
def test_no_sum_leaves_32_bits(size):
    coef = size * RNG.normal(size=7)
    found = list(whole_sums(coef, 1000.0, np.full(7, 32768.0), np.eye(7)))
    assert bool(found) == (size < 1e5)  # one step of an input is 100,000 steps of the answer
    for weights, shift in found:
        node = Dense((tuple(weights.tolist()),), (1000 << shift,), shift, -32767, 32767)
        (bounds,) = prove((node,), 7)
        assert max(-bounds.acc_low, bounds.acc_high) <= INT32_MAX
        # as fine as 8 or 16 bits and the sum allow
        assert np.abs(weights / 2.0**shift - coef).max() <= 2.5 / 2**shift


@pytest.mark.parametrize("classes", [2, 3])
def test_two_classes_need_no_scaling(classes):
    y = np.digitize(LINE, np.quantile(LINE, np.arange(1, classes) / classes))
    rows = rows_of(X, y, tuple("abc"[:classes]))
    fitted = logistic.fit(rows, logistic.Config(1.0))
    nodes = FAMILIES["logistic"].lower(fitted, rows)
    first = "dense" if classes == 2 else "scale"
    assert nodes[0].op == first
    assert (apply_all(nodes, rows.x)[:, 0] != fitted.predict(rows.x)).mean() <= 0.005


def test_another_last_layer_keeps_the_answers_of_readings_far_from_zero():
    """Half a step of a coefficient times a pressure of 10,000 raw steps is no small change."""
    x = np.column_stack([RNG.integers(9800, 10300, 300), RNG.integers(-30, 30, 300)])
    rows = rows_of(x, x[:, 0] - 10000 + 900 * x[:, 1])
    fitted = ridge.fit(rows, LINEAR)
    model = Model("m", "ridge", rows.inputs, rows.output, ridge.lower(fitted, rows))
    moved = with_layer(model, np.array([0.7071, 900.33]), -9100.0)
    assert layer_of(moved).weights != layer_of(model).weights
    exact = np.clip(x @ (0.7071, 900.33) - 9100.0, *rows.output.limits)
    assert abs((moved.predict(x) - exact).mean()) <= 1
