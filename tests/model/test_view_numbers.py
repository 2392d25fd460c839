"""What the views of operations decide and count: each number by another way."""

import re
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from random_models import forest

from tinygen.codegen.chain import chain_views, float_views
from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import Model
from tinygen.model.nodes import Bounds
from tinygen.model.operations.argmax import Argmax, Median, Neighbours
from tinygen.model.operations.dense import Dense
from tinygen.model.operations.dense_kernels import ReluNetView
from tinygen.model.operations.log2 import Log2, LogScaleView
from tinygen.model.operations.lookup import Curve, Lookup, LookupSquareView
from tinygen.model.operations.monomials import Monomials
from tinygen.model.operations.power import Power
from tinygen.model.operations.scale import Scale
from tinygen.model.trees.code import STREAM_COST, TreeCode, cost_of
from tinygen.model.trees.views import ClassView, MixedView, StraightView, StreamView
from tinygen.model.views import ACC_TYPES, right_shift

SCALE = Scale((-7, 300), (60_001, 77), 16, 4095, 2048)


def model(*nodes, inputs=1, **changed):
    quantities = tuple(Quantity(f"x{k}", "", 1.0, 0.0, 100.0) for k in range(inputs))
    output = Quantity("y", "", 1.0, 0.0, 100.0)
    return Model("made", "made", quantities, output, nodes, **changed)


def views(made):
    return chain_views(made, [q.name for q in made.inputs])


def test_factor_and_offset_are_the_scaling_without_its_rounding():
    factor, offset = SCALE.frame
    x = np.stack([np.arange(-7, 4000), np.arange(300, 4307)], axis=1)
    exact = factor * x + offset
    assert np.abs(SCALE.apply(x) - exact).max() <= 0.5
    assert (exact[0] == -2048).all() and (exact[-1] > -2044).all()


def test_the_highest_value_of_a_scaling_is_the_first_that_reaches_the_top():
    made = model(SCALE, Dense(((1, 1),), (0,), 0, -9, 9), inputs=2)
    limits = float_views(made)[0].limits
    assert [low for low, _ in limits] == [-7, 300]
    for (low, high), factor in zip(limits, SCALE.multiplier):
        assert (high - low) * factor >= SCALE.top << SCALE.shift or high == 32767
        assert (high - 1 - low) * factor < SCALE.top << SCALE.shift
    assert limits[1][1] == 32767 and limits[0][1] < 32767  # one is reached, one is not


@pytest.mark.parametrize(
    ("shift", "multiplier", "top", "kernel"),
    [
        (8, 255, 255, "tinygen_scale_bytes"),
        (8, 256, 255, None),  # no byte
        (16, 60_000, 4095, "tinygen_scale_words"),
        (8, 256, 4095, "tinygen_widen_words"),
        (8, 255, 4095, None),
        (16, 60_000, 255, None),
        (16, 60_000, 4094, None),
    ],
)
def test_a_scaling_that_has_a_kernel_is_printed_as_its_call(shift, multiplier, top, kernel):
    node = Scale((0, 5), (multiplier,) * 2, shift, top, (top + 1) // 2)
    wide = Dense(((1000, 1),), (0,), 0, -9, 9)  # no kernel computes both at once
    first, _ = views(model(node, wide, inputs=2))
    assert first.kernel == node.kernel == kernel


def test_a_sum_of_no_products_has_no_intermediate():
    within = Bounds((-128, -3), (5, 128))
    alone = Monomials(((0,), (1,)), 7).bounds(within)
    assert (alone.acc_low, alone.acc_high) == (0, 0)
    product = Monomials(((0, 1),), 7).bounds(within)
    assert (product.acc_low, product.acc_high) == (-128 * 128, 128 * 128)


@pytest.mark.parametrize(("size", "leaf_bytes"), [(3, 3), (300, 6)])
def test_rows_of_leaves_are_code_where_that_is_worth_its_flash(size, leaf_bytes):
    """Three scores: code takes leaves of a byte each, and is beside streams of three bytes."""
    told = set()
    for trees in (1, 2, 4, 6, 8):
        node = forest(np.random.default_rng(trees), 4, trees, 4, 3, size)
        made = model(node, Argmax(), inputs=4, labels=("a", "b", "c"), scores=True)
        grown = tuple(node.tree(root) for root in node.roots)
        code = TreeCode.of(grown) if leaf_bytes == 3 else None
        pays = bool(code and code.cost.pays(cost_of(STREAM_COST, grown, leaf_bytes, 3)))
        told.add((pays, type(views(made)[0]).__name__))
    code_too = {(True, "RowCodeView")} if leaf_bytes == 3 else set()
    assert told == code_too | {(False, "StreamView")}


@pytest.mark.parametrize(
    ("goal", "kind"), [("balanced", StreamView), ("size", StreamView), ("speed", MixedView)]
)
def test_the_first_levels_of_a_large_tree_are_printed_only_for_speed(goal, kind):
    """Of a tree that reads too many inputs for the words of code."""
    node = forest(np.random.default_rng(1), 40, 1, 8, 1, 100)
    assert type(views(model(node, inputs=40, optimize=goal))[0]) is kind


@pytest.mark.parametrize(("value", "leaf_bytes"), [(127, 1), (128, 2)])
def test_rows_of_neighbours_take_their_bytes(value, leaf_bytes):
    """Weights, a bias of four bytes, and a value of each of five sums."""
    near = Neighbours(((1, 2), (3, 4), (5, 6)), (0, 0, 0), 1, ((value,) * 5,) * 3)
    scale = Scale((0, 0), (10, 10), 8, 255, 128)
    made = model(scale, near, Argmax(), inputs=2, labels=tuple("abcde"))
    assert views(made)[1].rom_bytes == 3 * (2 + 4 + 5 * leaf_bytes)


@pytest.mark.parametrize("goal", ["balanced", "speed"])
def test_straight_code_is_of_more_than_a_few_splits(goal):
    """Of fewer where several trees have a score for each class: they would be streams."""
    for trees, depth, outputs, straight in ((1, 4, 1, 0), (1, 5, 1, 1), (2, 2, 1, 0), (2, 2, 2, 1)):
        node = forest(np.random.default_rng(1), 4, trees, depth, outputs, 100)
        end = (Argmax(),) if outputs > 1 else ()
        made = model(node, *end, inputs=4, optimize=goal, labels=tuple("ab" * (outputs > 1)))
        assert (type(views(made)[0]) in (StraightView, ClassView)) == straight


@pytest.mark.parametrize("weights", [(1, 1, 1, 1, 1), (3, 1, 1, 1), (9, 2, 4), (1, 1), (5,)])
def test_a_median_is_found_in_so_many_passes_and_no_fewer(weights):
    """In the worst order of the elements, counted one by one."""
    node = Median(weights)
    half = (sum(weights) + 1) // 2
    assert node.half == half
    needed = [
        next(k + 1 for k in range(len(order)) if sum(order[: k + 1]) >= half)
        for order in permutations(weights)
    ]
    assert node.most_passes == max(needed)


def net(units, columns, optimize):
    """A hidden layer that the kernels compute, of int16 inputs."""
    scale = Scale((0,) * columns, (1000,) * columns, 16, 4095, 2048)
    hidden = Dense(((1,) * columns,) * units, (0,) * units, 8, 0, 32767, 8)
    last = Dense(((1,) * units,), (0,), 8, -99, 99)
    return model(scale, hidden, last, inputs=columns, optimize=optimize)


@pytest.mark.parametrize(
    ("units", "columns", "size"),
    # of 8 inputs a unit takes 159 cycles in pairs and 147 in fours, idle ones among them
    [(2, 8, 2), (3, 8, 4), (4, 8, 4), (5, 8, 2), (6, 8, 2), (7, 8, 4), (9, 8, 2), (11, 8, 4)]
    # 24 in fours, 3,528; 22 in pairs, 3,498; and of 47 inputs 20 take what 18 take
    + [(21, 8, 2), (23, 8, 4), (17, 47, 2), (17, 48, 4)]
    # seven inputs in registers: 114 a unit, and 124 for all; fours: 132.25
    + [(2, 7, 2), (4, 7, 4), (7, 7, 1), (20, 7, 1)],
)
def test_units_are_computed_together_as_that_is_quickest(units, columns, size):
    """Counted by hand from the kernels' cycles."""
    (layer,) = [v for v in views(net(units, columns, "speed")) if type(v) is ReluNetView]
    assert layer.size == size
    assert layer.groups == -(-units // size)


@pytest.mark.parametrize(
    ("weight", "last", "together"),
    [(1, 1, True), (1, 32_767, True), (127, 1, True), (127, 32_767, True), (128, 1, False)],
)
def test_a_layer_and_its_one_output_are_one_kernel_by_the_layers_own_sums(weight, last, together):
    """Of int8 weights and sums of 24 bits; what the output sums is another matter."""
    made = net(2, 8, "balanced")
    scale, hidden, out = made.nodes
    hidden = replace(hidden, weights=((weight,) * 8,) * 2)
    out = replace(out, weights=((last, last),), shift=16)
    kinds = [type(v).__name__ for v in views(replace(made, nodes=(scale, hidden, out)))]
    assert kinds == ["ScaleView", *(["ReluNetView"] if together else ["DenseView"] * 2)]


def test_sums_of_32_bits_are_no_layer_of_the_kernels():
    made = net(2, 100, "balanced")
    scale, hidden, out = made.nodes
    wide = replace(hidden, weights=((127,) * 100,) * 2)  # 127 * 2048 * 100 is above 2^23
    for layer, together in ((hidden, True), (wide, False)):
        found = replace(made, nodes=(scale, layer, out))
        assert (found.bounds[1].acc_bits <= 24) == together and found.bounds[2].acc_bits <= 24
        assert any(type(v) is ReluNetView for v in views(found)) == together


@pytest.mark.parametrize(
    ("rows", "weights", "alone"), [(1, 127, True), (1, 128, False), (2, 127, False)]
)
def test_one_row_of_bytes_weighs_what_is_scaled(rows, weights, alone):
    """Then the logarithms before it are a step of their own: no array stands between."""
    scale = Scale((0,) * 2, (60_000,) * 2, 16, 4095, 2048)
    first = Dense(((weights, 1),) * rows, (0,) * rows, 8, -99, 99)
    last = () if rows == 1 else (Dense(((1,) * rows,), (0,), 0, -99, 99),)
    assert first.weighs_scaled() == alone
    kinds = [type(v) for v in views(model(Log2((0,)), scale, first, *last, inputs=2))]
    assert (kinds[0] is LogScaleView) == (not alone)


def test_pairs_are_worth_their_code_from_eight_units_on():
    for units, size in ((7, 1), (8, 2), (9, 2)):
        (layer,) = [v for v in views(net(units, 8, "balanced")) if type(v) is ReluNetView]
        assert layer.size == size
    (layer,) = [v for v in views(net(8, 8, "size")) if type(v) is ReluNetView]
    assert layer.size == 1


def layer(units, columns, optimize):
    """The view of a hidden layer of 8-bit inputs with two scores behind it."""
    scale = Scale((0,) * columns, (255,) * columns, 8, 255, 128)
    hidden = Dense(((1,) * columns,) * units, (0,) * units, 8, 0, 32767, 8)
    last = Dense(((1,) * units,) * 2, (0, 1), 8, -99, 99)
    nodes = (scale, hidden, last, Argmax())
    return views(model(*nodes, inputs=columns, optimize=optimize, labels=("a", "b")))[1]


def test_the_sums_of_units_of_bytes_are_told_as_their_kernel_has_them():
    """From 0 for a unit of -128: 8,192 more than the node's own, which would fit 16 bits."""
    scale = Scale((0,) * 7, (255,) * 7, 8, 255, 128)
    hidden = Dense(((30,) * 7,) * 3, (2000,) * 3, 6, -128, 127)
    last = Dense(((1,) * 3,) * 2, (0, 1), 8, -99, 99)
    made = model(scale, hidden, last, Argmax(), inputs=7, labels=("a", "b"))
    view = views(made)[1]
    assert made.bounds[1].acc_high < 2**15
    assert (view.acc_range, view.acc_bits) == ("-16656 .. 36894", 24)


@pytest.mark.parametrize(
    ("units", "columns", "optimize", "size"),
    # 14 cycles an input and 25 a unit; in pairs 11.5 and 22, in fours 10.25 and 19. Pairs save 216
    # cycles of 12 units of 6 inputs, 186 with an input less, and are no option for size
    [(12, 6, "balanced", 2), (12, 5, "balanced", 1), (12, 6, "size", 1)]
    # with an idle unit they save 881 of 7,305 cycles, 179 of 3,115, and cost 281
    + [(15, 33, "balanced", 2), (7, 30, "balanced", 1), (3, 67, "balanced", 1)]
    # alone, in pairs and in fours: 195, 201, 234; 273, 268, 234; 117, 134, 117
    + [(5, 1, "speed", 1), (7, 1, "speed", 4), (3, 1, "speed", 1)]
    # 604, 502, 445; 302, 251, 445; 755, 753, 890
    + [(4, 9, "speed", 4), (2, 9, "speed", 2), (5, 9, "speed", 2)],
)
def test_units_of_a_layer_are_computed_together_where_that_is_worth_its_code(
    units, columns, optimize, size
):
    """Counted by hand from the kernels' cycles; idle units have a place as well."""
    view = layer(units, columns, optimize)
    assert view.size == size
    assert view.places == -(-units // size) * size
    assert view.layer_bytes == view.places * (columns + 2)


@pytest.mark.parametrize(
    ("width", "columns", "optimize", "form", "counters"),
    [
        (4, (0, 2), "balanced", "statements", None),
        (5, (0, 2), "balanced", "loop", "uint8_t i = 0, logs = 5"),
        (2, (1,), "size", "loop", "uint8_t i = 0, logs = 2"),
        (20, (0, 2), "speed", "statements", None),
        (8, (7,), "balanced", "loop", "uint8_t i = 0, logs = 128"),
        (9, (8,), "balanced", "loop", "uint16_t i = 0, logs = 256"),
        (16, (15,), "balanced", "loop", "uint16_t i = 0, logs = 32768"),
        (17, (16,), "balanced", "places", None),  # a bit too many
        (17, tuple(range(17)), "balanced", "loop", "uint16_t i = 0"),
    ],
)
def test_logarithms_are_a_loop_over_bits_while_a_word_has_one_for_each(
    width, columns, optimize, form, counters
):
    last = Dense(((1,) * width,), (0,), 0, -99, 99)
    view = views(model(Log2(columns), last, inputs=width, optimize=optimize))[0]
    assert view.form == form
    assert form != "loop" or view.counters == counters


ROOT = Lookup((Curve(0, 0, 4, (0, 300, 500)),), True)


@pytest.mark.parametrize("power", [Power(2), Power(2, fine=True)])
@pytest.mark.parametrize(
    ("lookup", "fused"),
    [
        (ROOT, True),
        (replace(ROOT, bias=7), True),  # into the table
        (replace(ROOT, total=False), False),
        (replace(ROOT, curves=ROOT.curves * 2), False),
        (replace(ROOT, curves=(replace(ROOT.curves[0], table=(0, 30000)),), bias=9000), False),
        (replace(ROOT, low=1), False),
        (replace(ROOT, high=499), False),
    ],
)
def test_a_table_and_a_square_are_one_step_where_nothing_stands_between(lookup, power, fused):
    made = model(lookup, power)
    assert [type(v) is LookupSquareView for v in views(made)] == ([True] if fused else [False] * 2)


def test_a_table_and_a_cube_are_two_steps():
    assert [type(v) is LookupSquareView for v in views(model(ROOT, Power(3)))] == [False] * 2


UP = re.compile(r"\(\(v \* (\d+)\) >> (\d+)\)")
NARROWER = re.compile(r"\(\((\w+)\)\(v >> (\d+)\) >> (\d+)\)")
PLAIN = re.compile(r"\(v >> (\d+)\)")
WIDTHS = {name: bits for bits, name in ACC_TYPES.items()}


def shifted(text: str, value: int, bits: int) -> int:
    """What C makes of a text; no value on the way leaves its type."""

    def held(number: int, width: int) -> int:
        assert -(2 ** (width - 1)) <= number < 2 ** (width - 1), (text, value)
        return number

    if found := UP.fullmatch(text):
        return held(value * int(found[1]), bits) >> int(found[2])
    if found := NARROWER.fullmatch(text):
        return held(value >> int(found[2]), WIDTHS[found[1]]) >> int(found[3])
    found = PLAIN.fullmatch(text)
    assert found or text == "v", text
    return value >> int(found[1]) if found else value


@pytest.mark.parametrize("goal", ["size", "balanced", "speed"])
@pytest.mark.parametrize("bits", [16, 24, 32])
def test_a_shift_by_whole_bytes_and_bits_is_the_shift(bits, goal):
    """Of every interval around a power of two, at its ends, beside them and around 0."""
    for shift in range(min(bits, 25)):
        for room in range(bits):
            low, high = -(2 ** (bits - 1 - room)), 2 ** (bits - 1 - room) - 1
            text = right_shift("v", bits, (low, high), shift, goal)
            for value in (v for v in (low, low + 1, -1, 0, 1, high - 1, high) if low <= v <= high):
                assert shifted(text, value, bits) == value >> shift


@pytest.mark.parametrize(
    ("bits", "room", "shift", "goal", "text"),
    [
        (32, 2, 14, "size", "((v * 4) >> 16)"),
        (32, 1, 14, "size", "(v >> 14)"),
        (32, 1, 14, "balanced", "((tinygen_int24)(v >> 8) >> 6)"),
        (32, 0, 21, "size", "((int16_t)(v >> 16) >> 5)"),
        (32, 1, 7, "balanced", "((v * 2) >> 8)"),
        (32, 1, 7, "size", "(v >> 7)"),
        (32, 2, 6, "balanced", "(v >> 6)"),
        (24, 2, 6, "speed", "((v * 4) >> 8)"),
        (24, 0, 10, "balanced", "((int16_t)(v >> 8) >> 2)"),
        (24, 0, 10, "size", "(v >> 10)"),
        (32, 0, 16, "size", "(v >> 16)"),
        (24, 9, 0, "speed", "v"),
    ],
)
def test_a_shift_is_written_as_it_is_quickest(bits, room, shift, goal, text):
    held = -(2 ** (bits - 1 - room)), 2 ** (bits - 1 - room) - 1
    assert right_shift("v", bits, held, shift, goal) == text
