"""The integer operations: each one by hand, and the interval proof against what really happens."""

import dataclasses

import numpy as np
import pytest
from random_models import random_models

from tinygen.common.errors import ModelError
from tinygen.model.fixedpoint import MISSING, Quantity, bits_for, round_shift
from tinygen.model.nodes import Bounds, from_dict, to_dict
from tinygen.model.operations.argmax import Argmax
from tinygen.model.operations.dense import Dense
from tinygen.model.operations.exp2 import Exp2
from tinygen.model.operations.forest import Forest
from tinygen.model.operations.leaf_lines import LeafLines
from tinygen.model.operations.log2 import Log2
from tinygen.model.operations.lookup import Curve
from tinygen.model.operations.monomials import Monomials
from tinygen.model.operations.outside import Outside
from tinygen.model.operations.power import Power
from tinygen.model.operations.scale import Calibrate, Scale

MODELS = random_models()


def rows(*values):
    return np.array(values, dtype=np.int64)


@pytest.mark.parametrize(
    "value, shift, expected",
    [
        (1, 1, 1),
        (-1, 1, 0),
        (-3, 1, -1),
        (3, 1, 2),
        (127, 8, 0),
        (128, 8, 1),
        (-128, 8, 0),
        (-129, 8, -1),
        (5, 0, 5),
    ],
)
def test_one_rounding_rule_half_up(value, shift, expected):
    assert round_shift(value, shift) == expected


def test_scale_saturates_below_and_above_and_rounds_half_up():
    node = Scale((100,), (32768,), 16, 255, 128)  # half a step per raw step
    assert node.apply(rows([-32768], [100], [101], [102], [611], [32767]))[:, 0].tolist() == [
        -128,
        -128,
        -127,
        -127,
        127,
        127,
    ]


@pytest.mark.parametrize(
    "gain, offset, values",
    [
        (4096, 0, {-7: -7, 0: 0, 500: 500, 501: 500, -401: -400}),  # no change but for the limits
        (4096, 2048, {0: 1, -1: 0}),  # half a step is rounded up
        (4096, 2047, {0: 0, -1: -1}),
        (2048, 0, {3: 2, -3: -1}),
        (8192, -4096 * 100, {60: 20, 50: 0}),
    ],
)
def test_calibrate_is_gain_and_offset_rounded_half_up(gain, offset, values):
    node = Calibrate(gain, offset, -400, 500)
    found = node.apply(rows(*([v] for v in values)))
    assert found[:, 0].tolist() == [*values.values()]


def test_calibrate_proves_the_widest_sums_of_a_live_one():
    widest = Calibrate(4096, 0, 0, 65535, 1).bounds(Bounds((0,), (65535,)))
    assert (widest.low, widest.high, widest.acc_bits) == ((0,), (65535,), 32)
    assert widest.acc_high == 65535 * 8192 + 2**29 - 1 + 2048
    plain = Calibrate(4096, 0, 0, 65535).bounds(Bounds((3,), (77,)))
    assert (plain.low, plain.high) == ((3,), (77,))


def test_curve_interpolates_between_nodes_and_is_flat_beyond():
    curve = Curve(0, 10, 2, (0, 100, -100))
    assert curve.apply(rows(-5, 10, 11, 12, 14, 16, 99)).tolist() == [0, 0, 25, 50, 100, 0, -50]


def test_coarse_curve_drops_what_eight_bits_of_fraction_cannot_hold():
    curve = Curve(0, 0, 10, (0, 1024))
    assert curve.apply(rows(0, 3, 4, 1023)).tolist() == [0, 0, 4, 1020]


def test_dense_adds_bias_rounds_and_clamps():
    node = Dense(((2, -3),), (10,), 1, 0, 100)
    assert node.apply(rows([0, 0], [1, 0], [0, 4], [1000, 0]))[:, 0].tolist() == [5, 6, 0, 100]


def test_monomials_bring_every_degree_to_one_scale():
    node = Monomials(((0,), (0, 1), (0, 1, 1)), 7)
    assert node.apply(rows([-128, 64])).tolist() == [[-16384, -8192, -4096]]


@pytest.mark.parametrize(
    "degree, y", [(2, 0), (2, 1), (2, 150), (2, 32766), (3, 1), (3, 1479), (3, 32000)]
)
def test_power_undoes_the_root_to_within_one_step(degree, y):
    constant = {2: 256.0, 3: 2 ** (32 / 3)}[degree]
    v = round(constant * y ** (1 / degree))
    assert abs(int(Power(degree).apply(rows([v]))[0, 0]) - y) <= 1


@pytest.mark.parametrize("y", [0, 1, 150, 151, 16383])
def test_a_fine_square_undoes_a_root_in_steps_of_half_the_size(y):
    v = round(512 * y**0.5)
    fine = Power(2, fine=True)
    assert int(fine.apply(rows([v]))[0, 0]) == y
    assert np.diff(fine.apply(rows(*([v] for v in range(65535))))[:, 0]).max() == 1


def test_the_file_of_a_plain_power_does_not_tell_that_it_is_none():
    assert Power(2).plain() == {"degree": 2}
    fine = Power(2, fine=True)
    assert Power.from_plain(fine.plain()) == fine


def test_log2_keeps_its_precision_and_passes_other_inputs():
    x = np.arange(1, 32768)
    got = Log2((0,)).apply(np.column_stack([x, -x]))
    assert np.abs(got[:, 0] / 2048 - np.log2(x)).max() < 0.004
    assert (got[:, 1] == -x).all()
    assert Log2((0,)).apply(rows([0], [-32768])).tolist() == [[0], [0]]


def test_exp2_keeps_its_precision_and_never_falls():
    v = np.arange(15 << 12)
    got = Exp2().apply(v[:, None])[:, 0]
    exact = 2.0 ** (v / 4096)
    assert (np.abs(got - exact) <= 0.5 + 2e-4 * exact).all()
    assert (np.diff(got) >= 0).all()


def test_forest_goes_left_at_the_limit_and_sums_trees():
    node = Forest(((0, 10, -1, -2), (1, 0, -3, -1)), ((5,), (7,), (1,)), (0, 1), (100,), -999, 999)
    assert node.apply(rows([10, 0], [11, 1]))[:, 0].tolist() == [106, 112]


def test_a_leaf_answers_its_own_line_rounded():
    node = LeafLines(((0, 10, -2, -1),), ((1, 2), (-3, 0)), (7, 100), 1, -999, 999)
    assert node.apply(rows([10, 9], [11, 9]))[:, 0].tolist() == [35, 18]  # 70 / 2, 36 / 2


def test_argmax_takes_the_first_of_equals():
    assert Argmax().apply(rows([1, 3, 3], [0, 0, 0]))[:, 0].tolist() == [1, 0]


def test_outside_counts_inputs_beyond_their_interval():
    assert Outside((0, 0), (10, 10)).apply(rows([0, 10], [-1, 11]))[:, 0].tolist() == [0, 2]


@pytest.mark.parametrize("name", MODELS)
def test_no_value_leaves_its_proven_interval(name):
    model = MODELS[name]
    values = model.sample_rows(4000, seed=3)
    for node, proven in zip(model.nodes, model.bounds):
        values = node.apply(values)
        assert (values >= proven.low).all() and (values <= proven.high).all()


@pytest.mark.parametrize(
    "name", [n for n, m in MODELS.items() if any(isinstance(k, Dense) for k in m.nodes)]
)
def test_no_running_sum_leaves_its_proven_interval(name):
    model = MODELS[name]
    values = model.sample_rows(2000, seed=4)
    for node, proven in zip(model.nodes, model.bounds):
        if isinstance(node, Dense):
            for row, start in zip(node.weights, node.start):
                sums = start + np.cumsum(values * np.array(row), axis=1)
                assert sums.min() >= proven.acc_low and sums.max() <= proven.acc_high
        values = node.apply(values)


def test_the_dense_bound_is_reached_so_it_is_not_loose():
    node = Dense(((127, -127),), (0,), 0, -32767, 32767)
    proven = node.bounds(Bounds((-128, -128), (127, 127)))
    assert proven.acc_high == 127 * 127 + 127 * 128
    assert int((rows([127, -128]) @ np.array([127, -127]))[0]) == proven.acc_high


def test_the_running_sum_counts_not_only_the_total():
    node = Dense(((127, -127),), (0,), 0, -32767, 32767)
    assert node.bounds(Bounds((250, 250), (255, 255))).acc_high == 127 * 255


@pytest.mark.parametrize(
    "low, high, bits",
    [
        (-32768, 32767, 16),
        (-32769, 0, 24),
        (0, 32768, 24),
        (0, 1 << 23, 32),
        (0, (1 << 31) - 1, 32),
        (0, 1 << 31, 0),
    ],
)
def test_narrowest_accumulator(low, high, bits):
    assert bits_for(low, high) == bits


def test_a_sum_that_no_accumulator_holds_is_refused():
    node = Dense(((32767, 32767, 32767),), (0,), 16, -32767, 32767)
    with pytest.raises(ModelError, match="beyond 32 bits"):
        _ = node.bounds(Bounds((-32768,) * 3, (32767,) * 3)).acc_bits


@pytest.mark.parametrize("name", MODELS)
def test_nodes_survive_json(name):
    for node in MODELS[name].nodes:
        assert from_dict(to_dict(node)) == node


@pytest.mark.parametrize(
    "plain",
    [
        {"op": "evil"},
        {"op": "power"},
        {"op": "power", "degree": 2.5},
        {"op": "power", "degree": "2"},
        "text",
        None,
        {"op": "lookup", "curves": [7], "total": True},
        {"op": "dense", "weights": [["x"]], "bias": [0], "shift": 0, "low": 0, "high": 1},
    ],
)
def test_foreign_nodes_are_refused(plain):
    with pytest.raises(ModelError):
        from_dict(plain)


def test_a_forest_that_never_ends_is_refused():
    loop = Forest(((0, 1, 0, -1),), ((0,),), (0,), (0,), -1, 1)
    with pytest.raises(ModelError, match="child stands after its parent"):
        loop.bounds(Bounds((0,), (1,)))


def test_quantity_is_exact_in_the_datas_own_resolution():
    tenths = Quantity("T", "degC", 0.1, -1.9, 44.6)
    assert tenths.to_raw([13.6, 0.15, -0.05, np.nan, 1e9]).tolist() == [136, 2, 0, MISSING, 32767]
    assert tenths.to_physical(136) == 13.6
    every = np.arange(-32767, 32768)
    assert (tenths.to_raw(tenths.to_physical(every)) == every).all()


def test_every_node_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Power(2).degree = 3
