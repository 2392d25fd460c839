"""Nets whose hidden sums would take more than 24 bits are scaled so that they do not: the kernels
for 24 bits are twice as quick. Nets that fit stay as they are.
"""

from dataclasses import replace

import numpy as np
import pytest
from family_models import configs_of, rows_of, street

from tinygen.families import FAMILIES, mlp, mlp_classifier
from tinygen.fitting import lowering
from tinygen.fitting.least_squares import Root
from tinygen.fitting.lowering import scale_inputs
from tinygen.fitting.nets import rounding
from tinygen.fitting.nets.gauss_newton import Problem, random_net
from tinygen.model.fixedpoint import INT16_MAX
from tinygen.model.model import Model
from tinygen.model.nodes import prove
from tinygen.model.operations.dense import Dense, has_kernel
from tinygen.model.operations.scale import Scale


def nearly_constant_unit(monkeypatch) -> mlp.FittedNet:
    """A net in which one unit hardly depends on its inputs: as large as its weights become, its
    bias is far larger. Nothing trains it away.
    """
    for module in (mlp, rounding):
        monkeypatch.setattr(module, "train_net", lambda net, *_: net)
    rows = street()
    frame = mlp._standardised(rows, mlp.logs_of(rows.inputs, False))
    z = frame.standardised(rows.x).astype(np.float32)
    net = random_net(Problem(z, rows.y.astype(float), Root(2), None), (6,), [1, 2])
    weights, biases = net.weights[0].copy(), net.biases[0].copy()
    weights[:, 2], biases[2] = (1e-5, -2e-6, 5e-6), 1.5
    net = replace(net, weights=(weights, *net.weights[1:]), biases=(biases, *net.biases[1:]))
    return replace(frame, net=net, root=Root(2))


def layers_fit(nodes, inputs: int) -> list[bool]:
    """For each hidden layer whether the quick kernels take it."""
    proven = prove(nodes, inputs)
    layers = [(n, *ends) for n, *ends in zip(nodes[1:], proven, proven[1:]) if isinstance(n, Dense)]
    hidden = [layer for layer in layers if layer[0].is_relu or layer[0].is_in_bytes]
    return [has_kernel(node, inside.c_type, ends) for node, inside, ends in hidden]


@pytest.fixture
def inputs_of_12_bits(monkeypatch):
    """As of readings that span few raw steps."""
    monkeypatch.setattr(mlp, "NARROW_STEPS", 10**6)


def test_a_net_is_scaled_into_24_bits(monkeypatch, inputs_of_12_bits):
    fitted, rows = nearly_constant_unit(monkeypatch), street()
    assert layers_fit(mlp.lower(fitted, rows), 3) == [True]
    errors = [rows.error(chain(fitted, rows, narrow)) for narrow in (True, False)]
    assert errors[0] < 1.05 * errors[1]  # a unit that is nearly constant needs no fine weights


def chain(fitted, rows, narrow: bool) -> np.ndarray:
    """Answers of the net's first round, with or without the limit."""
    front, linear = next(iter(mlp._rounds(fitted, rows, narrow)))
    last = mlp.output_row(linear, fitted.root, rows.output, 16)
    return mlp.apply_all((*front, last, *fitted.root.nodes), rows.x)[:, 0]


def test_without_the_limit_the_same_net_leaves_24_bits(monkeypatch, inputs_of_12_bits):
    fitted, rows = nearly_constant_unit(monkeypatch), street()
    monkeypatch.setattr(mlp, "_sums_fit", lambda *_: True)
    assert layers_fit(mlp.lower(fitted, rows), 3) == [False]


def test_a_unit_of_bytes_that_hardly_depends_on_them_stays_within_int16(monkeypatch):
    fitted, rows = nearly_constant_unit(monkeypatch), street()
    nodes = mlp.lower(fitted, rows)
    assert layers_fit(nodes, 3) == [True]
    assert nodes[0].zero == 128 and nodes[1].bias_shift == 0
    assert max(prove(nodes, 3)[1].high) > 30_000  # no finer than it may be
    assert rows.error(mlp.apply_all(nodes, rows.x)[:, 0]) < 1.05 * rows.error(
        fitted.predict(rows.x)
    )


@pytest.mark.parametrize("shift, inputs", [(1, 8), (4, 64)])
def test_steps_of_a_fine_sum_leave_room_for_its_bias(shift, inputs):
    """All weights are equal, so that the sum and not a weight is what limits them."""
    form = rounding.Form(shift, 128, fine=True)
    weights, bias = np.ones((inputs, 2)), np.array([500.0, -500.0])
    steps = form.steps(weights, bias, np.ones(2))
    most = steps * (bias + 128 * inputs)
    assert most[0] == pytest.approx(rounding.ROOM * form.room)
    node = form.node(np.floor(weights * steps + 0.5).astype(int), bias * steps)
    assert node.bias == tuple(np.floor(bias * steps + 0.5).astype(int).tolist())
    scale = Scale((0,) * inputs, (8,) * inputs, 8, 255, 128)
    assert layers_fit((scale, node), inputs) == [True]


def test_units_that_a_second_layer_reads_are_bytes():
    rows = street()
    fitted = FAMILIES["mlp"].fit(rows, mlp.Config((6, 4), 2), 0)
    nodes = mlp.lower(fitted, rows)
    first, second = (n for n in nodes if isinstance(n, Dense) and len(n.bias) > 1)
    assert (first.low, first.high, second.shift) == (-128, 127, rounding.MANY_SHIFT)
    assert layers_fit(nodes, 3) == [True, True]
    units = mlp.apply_all(nodes[: nodes.index(first) + 1], rows.x)
    assert np.median(units.max(axis=0)) > 0  # most use half of their range, 0 is its middle
    assert rows.error(mlp.apply_all(nodes, rows.x)[:, 0]) < 1.05 * rows.error(
        fitted.predict(rows.x)
    )


@pytest.mark.parametrize("spoilt, highest", [(0.0, [127, INT16_MAX]), (np.inf, [127])])
def test_units_are_int16_where_bytes_spoil_the_net(spoilt, highest, monkeypatch):
    rows = street()
    fitted = FAMILIES["mlp"].fit(rows, mlp.Config((6, 4), 2), 0)
    monkeypatch.setattr(mlp, "SPOILT", spoilt)
    firsts = [nodes[1] for nodes in mlp._chains(fitted, rows)]
    assert list(dict.fromkeys(first.high for first in firsts)) == highest
    assert all(layers_fit(nodes, 3) == [True, True] for nodes in mlp._chains(fitted, rows))


@pytest.mark.parametrize("bias", [-1e9, 1e9])
@pytest.mark.parametrize("weight", [-127, 127])
def test_no_sum_of_bytes_leaves_the_kernel(weight, bias):
    """Of as many inputs as have 8 bits."""
    inputs = rounding.MOST_FINE
    scale = Scale((0,) * inputs, (8,) * inputs, 8, 255, 128)
    form = rounding.forms_behind(scale, 2, narrow=False)[0]
    node = form.node(np.full((inputs, 2), weight), np.full(2, bias))
    assert layers_fit((scale, node), inputs) == [True]
    assert node.is_in_bytes


@pytest.mark.parametrize("alike, taken", [(0.0, 2), (0.002, 2), (0.004, 1), (0.006, 0)])
def test_a_cheaper_chain_is_taken_that_is_hardly_worse(alike, taken):
    """Where none is within the tolerance of the float model's error."""
    chains = [(Dense(((1,),), (bias,), 0, 0, INT16_MAX),) for bias in (202, 201, 200)]
    x, y = np.full((9, 1), 1000), np.full(9, 800)
    assert lowering.narrowest(chains, x, y, 390.0, alike=alike) == chains[taken]
    assert lowering.narrowest(chains, x, y, 401.0, alike=alike) == chains[0]


def test_a_net_that_fits_is_rounded_once(monkeypatch):
    rows, asked = street(), []
    family = FAMILIES["mlp"]
    fitted = family.fit(rows, configs_of(family, rows, 0.0), 0)
    rounds = mlp._rounds
    monkeypatch.setattr(
        mlp, "_rounds", lambda *a, **narrow: asked.append(narrow) or rounds(*a, **narrow)
    )
    assert layers_fit(mlp.lower(fitted, rows), 3) == [True]
    assert asked == [{"words": False}]


@pytest.fixture(scope="module")
def pixels():
    """140 inputs of 12 bits, two classes that a net tells apart."""
    rng = np.random.default_rng(3)
    x = rng.integers(0, 4000, (300, 140))
    y = (np.abs(x[:, :20].sum(axis=1) - 40000) > 3500).astype(int)
    return rows_of(x, y, ("near", "far"))


def test_a_net_for_classes_with_many_wide_inputs_stays_in_24_bits(pixels, monkeypatch):
    """Its weights of 8 bits times 140 inputs of 12 bits would not."""
    scale = scale_inputs([q.limits for q in pixels.inputs], 12)
    monkeypatch.setattr(mlp_classifier, "scalings", lambda rows: [scale])
    fitted = mlp_classifier.fit(pixels, mlp_classifier.Config(4, 1.0))
    narrow, wide = (hidden for hidden, _ in mlp_classifier._hidden_layers(fitted, pixels, scale))
    assert (layers_fit((scale, narrow), 140), layers_fit((scale, wide), 140)) == ([True], [False])
    nodes = mlp_classifier.lower(fitted, pixels)
    model = Model("m", "m", pixels.inputs, pixels.output, nodes, labels=pixels.labels)
    assert pixels.error(model.predict(pixels.x)) <= 0.02 + pixels.error(fitted.predict(pixels.x))
