"""Seeded random models, one per kind of node chain: every template and every C type is reached."""

from dataclasses import replace
from functools import cache

import numpy as np

from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import Model
from tinygen.model.operations.activation import Activation
from tinygen.model.operations.argmax import Argmax, Median, Neighbours, Trees
from tinygen.model.operations.dense import Dense
from tinygen.model.operations.exp2 import Exp2
from tinygen.model.operations.forest import Forest
from tinygen.model.operations.leaf_lines import LeafLines
from tinygen.model.operations.log2 import Log2
from tinygen.model.operations.lookup import Curve, Lookup
from tinygen.model.operations.monomials import Monomials
from tinygen.model.operations.outside import Outside
from tinygen.model.operations.power import Power
from tinygen.model.operations.quantized import QuantizedConv, QuantizedDense
from tinygen.model.operations.scale import Calibrate, Scale

OUTPUT = Quantity("y", "ug/m3", 0.1, 0.0, 50.0)


def inputs(n: int) -> tuple[Quantity, ...]:
    return tuple(
        Quantity(f"sensor {i}", "", 1.0, -300.0 - 40 * i, 900.0 + 100 * i) for i in range(n)
    )


def scale(quantities, top: int, zero: int) -> Scale:
    spans = [q.raw_maximum - q.raw_minimum for q in quantities]
    shift = 8 if top <= 255 else 16
    multipliers = tuple(min((1 << shift) - 1, (top << shift) // s) for s in spans)
    return Scale(tuple(q.raw_minimum for q in quantities), multipliers, shift, top, zero)


def scale_of(spans, top: int, zero: int) -> Scale:
    """Scale with 16-bit multipliers for elements that span the given (low, high)."""
    return Scale(
        tuple(low for low, _ in spans),
        tuple(min(65535, (top << 16) // (high - low)) for low, high in spans),
        16,
        top,
        zero,
    )


def widened(spans) -> Scale:
    """Scale to 12 bits of inputs around 0 that span so many raw steps, few ones among them."""
    return Scale(
        tuple(-(span // 2) for span in spans),
        tuple(min(max((4095 << 8) // span, 1), 65535) for span in spans),
        8,
        4095,
        2048,
    )


def uniform(n: int, low: int, multiplier: int, shift: int, top: int, zero: int) -> Scale:
    """Scale of n inputs of one range."""
    return Scale((low,) * n, (multiplier,) * n, shift, top, zero)


def dense(rng, rows, columns, shift, low, high, limit=127, bias=3000, bias_shift=0) -> Dense:
    weights = rng.integers(-limit, limit + 1, size=(rows, columns)).tolist()
    return Dense(
        tuple(map(tuple, weights)),
        tuple(rng.integers(-bias, bias + 1, rows).tolist()),
        shift,
        low,
        high,
        bias_shift,
    )


def quantized(rng, rows, columns, shift, zero, limit=127, kind=QuantizedDense) -> QuantizedDense:
    return kind(
        tuple(tuple(row) for row in rng.integers(-limit, limit + 1, (rows, columns)).tolist()),
        tuple(rng.integers(-9000, 9000, rows).tolist()),
        tuple(rng.integers(2**30, 2**31, rows).tolist()),
        tuple(int(s) for s in rng.integers(shift, shift + 3, rows)),
        zero,
        -128,
        127,
    )


def neighbours(rng, rows, columns, count, limit, values) -> Neighbours:
    weights = rng.integers(-limit, limit + 1, (rows, columns)).tolist()
    bias = rng.integers(-limit, limit + 1, rows).tolist()
    return Neighbours(tuple(map(tuple, weights)), tuple(bias), count, tuple(map(tuple, values)))


def curve(rng, source: int, nodes: int, step_bits: int, size: int = 9000) -> Curve:
    return Curve(
        source,
        int(rng.integers(-500, 500)),
        step_bits,
        tuple(rng.integers(-size, size, nodes).tolist()),
    )


def tree(rng, inputs_n: int, depth: int, outputs: int, base: int, leaf_base: int, size: int):
    """Splits and leaves of one full tree whose indices start at `base` and `leaf_base`."""
    inner = 2**depth - 1
    splits = []
    for k in range(inner):
        children = [
            base + c if c < inner else -1 - (leaf_base + c - inner) for c in (2 * k + 1, 2 * k + 2)
        ]
        splits.append((int(rng.integers(inputs_n)), int(rng.integers(-400, 1200)), *children))
    return splits, rng.integers(-size, size, size=(2**depth, outputs)).tolist()


def forest(rng, inputs_n, trees, depth, outputs, size) -> Forest:
    splits, leaves, roots = [], [], []
    for _ in range(trees):
        roots.append(len(splits))
        more_splits, more_leaves = tree(
            rng, inputs_n, depth, outputs, len(splits), len(leaves), size
        )
        splits += more_splits
        leaves += more_leaves
    return Forest(
        tuple(splits),
        tuple(map(tuple, leaves)),
        tuple(roots),
        tuple(rng.integers(-99, 99, outputs).tolist()),
        -30000,
        30000,
    )


def repeated(node: Forest, times: int) -> Forest:
    """Its trees so many times, each time with limits that are one more."""
    splits: list[tuple[int, int, int, int]] = []
    roots: list[int] = []
    for k in range(times):
        first = len(splits)
        roots += [root + first for root in node.roots]
        for source, limit, *sides in node.splits:
            left, right = (side + first if side >= 0 else side for side in sides)
            splits.append((source, limit + k, left, right))
    return replace(node, splits=tuple(splits), roots=tuple(roots))


def grafted(node: Forest) -> Forest:
    """Its second tree stands in place of the first leaf of the first one."""
    first, second, *others = node.roots
    at = next(k for k in range(first, second) if node.splits[k][2] < 0)
    source, limit, _, right = node.splits[at]
    splits = (*node.splits[:at], (source, limit, second, right), *node.splits[at + 1 :])
    return replace(node, splits=splits, roots=(first, *others))


def lines(rng, inputs_n, depth, shift, limit, low=-32767, most=1200) -> LeafLines:
    """A full tree with a weighted sum in each leaf."""
    splits = [(s[0], s[1] % most, *s[2:]) for s in tree(rng, inputs_n, depth, 1, 0, 0, 1)[0]]
    weights = rng.integers(-limit, limit + 1, (2**depth, inputs_n)).tolist()
    bias = rng.integers(-(10**7), 10**7, 2**depth).tolist()
    high = -low or 46340
    return LeafLines(tuple(splits), tuple(map(tuple, weights)), tuple(bias), shift, low, high)


def trees_apart(summed: Forest) -> Trees:
    return Trees(summed.splits, tuple(v for (v,) in summed.leaves), summed.roots)


@cache
def random_models(seed: int = 0) -> dict[str, Model]:
    """Name -> model; together they use every node, input type, weight width and accumulator."""
    rng = np.random.default_rng(seed)
    q1, q3, q7 = inputs(1), inputs(3), inputs(7)
    chains = {
        "lookup_square": (q1, Lookup((curve(rng, 0, 15, 7),), True, 200, 0, 46340), Power(2)),
        "lookup_fine": (q1, Lookup((curve(rng, 0, 40, 4, 16000),), True, -5, -32767, 32767)),
        "additive": (
            q3,
            Lookup(
                tuple(curve(rng, i, 9, 6 + 2 * i) for i in range(3)), True, 100, 0, 60000 - 13660
            ),
            Power(3),
        ),
        "additive_wide": (
            q7,
            Lookup(
                tuple(curve(rng, i, 5 + 3 * i, 13 - 2 * i, 16000) for i in range(7)),
                True,
                -70000,
                -32767,
                32767,
            ),
        ),
        "linear8": (q7, scale(q7, 255, 128), dense(rng, 1, 7, 2, 0, 46340), Power(2)),
        "linear_narrow": (
            q3,
            scale(q3, 255, 128),
            dense(rng, 1, 3, 0, -32000, 32000, limit=40, bias=900),
        ),
        "linear_unsigned": (
            q3,
            scale(q3, 255, 0),
            dense(rng, 1, 3, 3, -32000, 32000, limit=40, bias=900),
        ),
        "linear16": (
            q7,
            scale(q7, 4095, 2048),
            dense(rng, 1, 7, 7, 0, 46340, bias=100000),
            Power(2),
        ),
        "linear_wide": (
            q7,
            scale(q7, 32767, 16384),
            dense(rng, 1, 7, 16, -32767, 32767, limit=8000, bias=100000),
        ),
        "linear_long": (
            q7,
            scale(q7, 32767, 16384),
            dense(rng, 1, 7, 16, -32767, 32767, limit=127, bias=10**7),
        ),
        "linear_bytes_long": (
            q7,
            scale(q7, 255, 128),
            replace(dense(rng, 1, 7, 9, -32767, 32767), bias=(8_400_000,)),
        ),
        "unsigned_wide": (
            q3,
            scale(q3, 255, 0),
            dense(rng, 2, 3, 8, -32000, 32000, limit=9000),
            Argmax(),
        ),
        "polynomial": (
            q3,
            scale(q3, 255, 128),
            Monomials(((0,), (1, 1), (0, 2), (1, 2, 2), (0, 0, 0), (2,)), 7),
            dense(rng, 1, 6, 6, 0, 40000, bias=10**6),
            Power(3),
        ),
        "squares": (
            q3,
            scale(q3, 255, 128),
            Monomials(((0,), (1,), (0, 0), (1, 2), (2, 2)), 7),
            dense(rng, 1, 5, 8, -32767, 32767, limit=60),
        ),
        "squares_long": (
            q7,
            scale(q7, 255, 128),
            Monomials(tuple((i, j) for i in range(7) for j in range(i, 7)), 7),
            dense(rng, 1, 28, 10, 0, 46340, bias=10**7),
            Power(2),
        ),
        "squares_wide": (
            q3,
            scale(q3, 255, 128),
            Monomials(((0, 1), (2,), (2, 2)), 7),
            dense(rng, 1, 3, 16, -32767, 32767, limit=30000),
        ),
        "mlp": (
            q7,
            scale(q7, 255, 128),
            dense(rng, 16, 7, 8, 0, 255),
            dense(rng, 1, 16, 4, 0, 46340),
            Power(2),
        ),
        "mlp_signed": (
            q7,
            scale(q7, 255, 128),
            dense(rng, 8, 7, 9, 0, 127, bias=90000),
            dense(rng, 1, 8, 3, -32767, 32767, limit=900),
        ),
        "mlp_layer": (
            q7,
            scale(q7, 255, 128),
            dense(rng, 16, 7, 8, 0, 32767, bias=200, bias_shift=8),
            dense(rng, 1, 16, 2, 0, 46340),
            Power(2),
        ),
        "mlp_layer16": (
            q7,
            scale(q7, 2047, 1024),
            dense(rng, 12, 7, 8, 0, 32767, bias=2000, bias_shift=8),
            dense(rng, 6, 12, 8, 0, 32767, limit=40, bias=2000, bias_shift=8),
            dense(rng, 1, 6, 6, -32767, 32767),
        ),
        "mlp_unsigned": (
            q7,
            scale(q7, 255, 0),
            dense(rng, 5, 7, 8, 0, 32767, bias=200, bias_shift=8),
            dense(rng, 1, 5, 0, -32767, 32767),
        ),
        "mlp_even": (
            q7,
            scale(q7, 255, 128),
            dense(rng, 7, 7, 8, 0, 32767, bias=20000, bias_shift=8),
            dense(rng, 1, 7, 9, -32767, 32767),
        ),
        "mlp_long": (
            q7,
            scale(q7, 4095, 2048),
            dense(rng, 9, 7, 8, 0, 32767, bias=20000, bias_shift=8),
            dense(rng, 1, 9, 10, -32767, 32767, bias=10**7),
        ),
        "mlp_wide": (
            q7,
            scale(q7, 255, 128),
            dense(rng, 9, 7, 8, 0, 32767, bias=20000, bias_shift=8),
            dense(rng, 1, 9, 16, -32767, 32767, limit=20000, bias=10**7),
        ),
        "mlp_wide16": (
            q7,
            scale(q7, 4095, 2048),
            dense(rng, 9, 7, 8, 0, 32767, bias=9000, bias_shift=8),
            dense(rng, 1, 9, 16, -32767, 32767, limit=20000, bias=10**7),
        ),
        "mlp_unsigned_wide": (
            q3,
            scale(q3, 255, 0),
            dense(rng, 4, 3, 8, 0, 32767, bias=20000, bias_shift=8),
            dense(rng, 1, 4, 12, -32767, 32767, limit=20000),
        ),
        "mlp_unsigned_long": (
            q3,
            scale(q3, 255, 0),
            dense(rng, 4, 3, 8, 0, 32767, bias=30000, bias_shift=8),
            replace(dense(rng, 1, 4, 9, -32767, 32767), bias=(8_400_000,)),
        ),
        "mlp_two": (
            q7,
            scale(q7, 255, 0),
            dense(rng, 6, 7, 4, 0, 32767),
            dense(rng, 5, 6, 9, 0, 32767, bias=4000, bias_shift=5),
            dense(rng, 1, 5, 9, 0, 32767, limit=127),
        ),
        "table_mlp": (
            q3,
            Lookup(tuple(curve(rng, i, 9, 8, 120) for i in range(3)), False),
            dense(rng, 5, 3, 3, 0, 1000),
            dense(rng, 3, 5, 6, -32000, 32000),
            Argmax(),
        ),
        "softmax": (q7, scale(q7, 255, 128), dense(rng, 4, 7, 4, -32768, 32767), Argmax()),
        "forest": (q3, forest(rng, 3, 5, 4, 1, 3000)),
        "votes": (q3, forest(rng, 3, 3, 3, 4, 100), Argmax()),
        "branches": (q3, forest(rng, 3, 2, 2, 1, 3000)),
        "tree_deep": (q3, forest(rng, 3, 1, 7, 1, 100)),
        "tree_bytes": (
            q3,
            scale(q3, 255, 128),
            replace(
                forest(rng, 3, 2, 3, 1, 100),
                splits=tuple(
                    (s[0], s[1] // 10, *s[2:]) for s in forest(rng, 3, 2, 3, 1, 100).splits
                ),
            ),
        ),
        "stump": (q1, forest(rng, 1, 1, 1, 1, 500)),
        "guard": (
            q7,
            Outside(tuple(-100 - 10 * i for i in range(7)), tuple(700 + 20 * i for i in range(7))),
        ),
        "logarithms": (
            q3,
            Log2((0, 2)),
            scale_of(((0, 30720), (-500, 900), (0, 30720)), 4095, 2048),
            dense(rng, 1, 3, 4, 0, 61439, bias=10**5),
            Exp2(),
        ),
        "mlp_logarithms": (
            q7,
            Log2((1, 3, 6)),
            scale_of([(14000 * (k in (1, 3, 6)), 24000) for k in range(7)], 4095, 2048),
            dense(rng, 8, 7, 8, 0, 32767, bias=2000, bias_shift=8),
            dense(rng, 1, 8, 9, 0, 46340, bias=10**5),
            Power(2),
        ),
        "linear16_long": (
            q7,
            scale(q7, 4095, 2048),
            dense(rng, 1, 7, 9, -32767, 32767, bias_shift=12),
        ),
        "linear16_one": (q1, scale(q1, 4095, 2048), Dense(((-127,),), (90000,), 3, -32767, 32767)),
        "mlp_widened": (
            q7,
            widened((30, 200, 900, 2500, 9000, 20000, 60000)),
            dense(rng, 8, 7, 8, 0, 32767, bias=2000, bias_shift=8),
            dense(rng, 1, 8, 6, 0, 46340, bias=10**5),
            Power(2),
        ),
        "linear_widened": (
            q3,
            replace(widened((40, 700, 1500)), top=32767, zero=16384),
            dense(rng, 1, 3, 16, -32767, 32767, limit=8000, bias=100000),
        ),
        "linear12_widened": (
            q3,
            widened((13, 3, 60000)),
            dense(rng, 1, 3, 13, -32767, 32767, limit=9000, bias=100000),
        ),
        "logistic_widened": (
            q3,
            replace(widened((13, 3, 60000)), top=255, zero=128),
            dense(rng, 3, 3, 4, -32768, 32767),
            Argmax(),
        ),
        "squares_widened": (
            q3,
            replace(widened((13, 30, 60000)), top=255, zero=128),
            Monomials(((0,), (1, 1), (0, 2), (1, 2), (2, 2)), 7),
            dense(rng, 1, 5, 8, -32767, 32767, limit=60),
        ),
        "mlp_curve": (
            q7,
            scale(q7, 255, 128),
            dense(rng, 9, 7, 4, -32767, 32767),
            Activation(-2048, 8, tuple(rng.integers(-127, 127, 17).tolist())),
            dense(rng, 5, 9, 2, -32767, 32767),
            Activation(-900, 5, tuple(rng.integers(-900, 900, 65).tolist())),
            dense(rng, 1, 5, 9, -32767, 32767),
        ),
        "curve_of_inputs": (
            q3,
            scale(q3, 255, 128),
            Activation(-128, 10, (-30000, -500)),
            dense(rng, 1, 3, 9, -32767, 32767),
        ),
        "quantized": (
            q3,
            QuantizedDense(
                ((16384,), (16384,), (4096,)),
                tuple(rng.integers(-(10**6), 10**6, 3).tolist()),
                (1610612736, 1073741824, 2147483647),
                (14, 15, 12),
                -3,
                -128,
                127,
            ),
            quantized(rng, 5, 3, 4, 7),
            quantized(rng, 1, 5, 5, -11),
        ),
        "quantized_classes": (
            q3,
            quantized(rng, 3, 3, 9, 0, limit=32767),
            Argmax(),
        ),
        "quantized_one": (
            q1,
            quantized(rng, 7, 1, 3, 4, limit=12),  # of one input, no row for each
            quantized(rng, 1, 7, 5, -9),
        ),
        "quantized_windows": (
            q3,
            quantized(rng, 9, 3, 3, -20, limit=9, kind=QuantizedConv),
            quantized(rng, 2, 9, 6, 5, kind=QuantizedConv),
            Dense(((17, -9),), (3,), 0, -32767, 32767),
        ),
        "neighbours": (
            q3,
            scale(q3, 4095, 2048),
            neighbours(rng, 9, 3, 4, 30000, rng.integers(-8000, 8000, (9, 1)).tolist()),
            Dense(((9001,),), (-(10**6),), 15, -32767, 32767),
        ),
        "near_votes": (
            q3,
            forest(rng, 3, 4, 3, 2, 3),  # of few values: many sums are equal
            neighbours(rng, 6, 2, 3, 2, np.eye(3, dtype=int)[[0, 2, 1, 1, 0, 2]].tolist()),
            Argmax(),
        ),
        "median": (
            q3,
            trees_apart(forest(rng, 3, 5, 3, 1, 900)),
            Median((700, 65535, 1, 30000, 34833)),
        ),
        # with six inputs in registers, and trees whose right side stands in front; of fewer trees,
        # straight code is worth its flash
        "tree_code": (q7, repeated(grafted(forest(rng, 7, 16, 4, 1, 120)), 3)),
        "votes_code": (q7, forest(rng, 7, 9, 4, 3, 120), Argmax()),
        "recalibrated_square": (
            q3,
            scale(q3, 255, 128),
            dense(rng, 1, 3, 0, 0, 46340, bias=30000),
            Calibrate(4506, -9_000_001, 0, 46340),
            Power(2),
        ),
        "recalibrated_wide": (
            q3,
            scale(q3, 255, 0),
            dense(rng, 1, 3, 0, 0, 65535, limit=99, bias=9000),
            Calibrate(3001, -20_000 * 4096, -32767, 32767),
        ),
        "recalibrated_live": (
            q1,
            Lookup((curve(rng, 0, 15, 7),), True, 200, -20000, 30000),
            Calibrate(2048, Calibrate.most_offset // 9, -20000, 30000, 1),
        ),
        "uniform_bytes": (
            q7,
            uniform(7, -300, 57, 8, 255, 128),
            dense(rng, 4, 7, 4, -32768, 32767),
            Argmax(),
        ),
        "uniform_words": (
            q7,
            uniform(7, -900, 60001, 16, 4095, 2048),
            dense(rng, 9, 7, 8, 0, 32767, bias=2000, bias_shift=8),
            dense(rng, 1, 9, 9, -32767, 32767),
        ),
        "uniform_widened": (
            q3,
            uniform(3, -9, 300, 8, 4095, 2048),
            dense(rng, 5, 3, 8, 0, 32767, bias=2000, bias_shift=8),
            dense(rng, 1, 5, 9, -32767, 32767),
        ),
        "uniform_unsigned": (
            q3,
            uniform(3, -300, 57, 8, 255, 0),
            dense(rng, 1, 3, 3, -32000, 32000, limit=40, bias=900),
        ),
        "logarithms_all": (
            q3,
            Log2((0, 1, 2)),
            scale_of(((0, 30720),) * 3, 4095, 2048),
            dense(rng, 5, 3, 8, 0, 32767, bias=2000, bias_shift=8),
            dense(rng, 1, 5, 9, -32767, 32767),
        ),
        "logarithms_stored": (
            q7,
            Log2((1, 3, 6)),
            scale_of([(14000 * (k in (1, 3, 6)), 24000) for k in range(7)], 255, 128),
            dense(rng, 1, 7, 4, -32767, 32767),
        ),
        "logarithms_of_many": (
            inputs(20),
            Log2((0, 17, 19)),
            scale_of([(14000 * (k in (0, 17, 19)), 24000) for k in range(20)], 4095, 2048),
            dense(rng, 1, 20, 9, -32767, 32767, bias=10**5),
        ),
        "code_alone": (q7, forest(rng, 7, 1, 6, 1, 120)),  # with parts as data
        "rows_of_five": (q7, forest(rng, 7, 6, 4, 5, 120), Argmax()),  # more than registers hold
        "lines": (q3, lines(rng, 3, 2, 16, 20000)),
        "lines_square": (q7, scale(q7, 4095, 2048), lines(rng, 7, 1, 12, 9000, 0), Power(2)),
        "lines_stream": (q7, lines(rng, 7, 3, 14, 9000)),
        "lines_of_bytes": (q3, scale(q3, 255, 128), lines(rng, 3, 3, 7, 30000, most=99)),
        "fine": (
            q7,
            scale(q7, 255, 128),
            dense(rng, 16, 7, 1, 0, 32767, limit=60, bias=10000),
            dense(rng, 1, 16, 5, 0, 46340),
            Power(2),
        ),
        "fine_few": (
            q3,
            scale(q3, 255, 128),
            dense(rng, 5, 3, 1, 0, 32767, bias=16000),
            dense(rng, 1, 5, 9, -32767, 32767, bias=10**7),
        ),
        "fine_wide": (
            q7,
            scale(q7, 255, 128),
            dense(rng, 9, 7, 1, 0, 32767, limit=60, bias=10000),
            dense(rng, 1, 9, 16, -32767, 32767, limit=20000, bias=10**7),
        ),
        "fine_layer": (
            q7,
            scale(q7, 255, 128),
            dense(rng, 11, 7, 4, 0, 32767, bias=90000),
            dense(rng, 8, 11, 8, 0, 32767, limit=60, bias=2000, bias_shift=8),
            dense(rng, 1, 8, 6, -32767, 32767),
        ),
        "fine_units": (
            q7,
            scale(q7, 255, 128),
            dense(rng, 6, 7, 1, 0, 32767, limit=60, bias=10000),
            dense(rng, 3, 6, 7, -32767, 32767),
            Argmax(),
        ),
        "fine_of_many": (
            inputs(20),
            scale(inputs(20), 255, 128),
            dense(rng, 10, 20, 4, 0, 32767, bias=90000),
            dense(rng, 1, 10, 9, -32767, 32767),
        ),
        "fine_of_many_wide": (
            inputs(20),
            scale(inputs(20), 255, 128),
            dense(rng, 4, 20, 4, 0, 32767, bias=90000),
            dense(rng, 1, 4, 16, -32767, 32767, limit=20000, bias=10**7),
        ),
        "fine_logarithms": (
            q7,
            Log2((1, 3, 6)),
            Scale((0, 14000, 0, 14000, 0, 0, 14000), (5, 6, 7, 8, 200, 255, 9), 8, 255, 128),
            dense(rng, 8, 7, 1, 0, 32767, limit=60, bias=10000),
            dense(rng, 1, 8, 6, 0, 46340, bias=10**5),
            Power(2),
        ),
        "layer_of_many": (
            inputs(20),
            scale(inputs(20), 255, 128),
            dense(rng, 15, 20, 8, 0, 32767, bias=2000, bias_shift=8),
            dense(rng, 5, 15, 8, -32767, 32767),
            Argmax(),
        ),
        "bytes_of_units": (
            q7,
            scale(q7, 255, 128),
            dense(rng, 11, 7, 6, -128, 127, bias=20000),
            dense(rng, 9, 11, 4, 0, 32767, bias=90000),
            dense(rng, 1, 9, 9, -32767, 32767),
        ),
        "bytes_alone": (
            q3,
            scale(q3, 255, 128),
            dense(rng, 6, 3, 6, -128, 127, bias=9000),
            Argmax(),
        ),
        "bytes_of_wide_sums": (  # that no kernel has
            q3,
            scale(q3, 255, 128),
            dense(rng, 5, 3, 6, -128, 127, bias=2**22),
            dense(rng, 1, 5, 1, -32767, 32767),
        ),
        "small_units": (  # which fit a byte, and are int16
            q3,
            scale(q3, 255, 128),
            dense(rng, 4, 3, 4, 0, 32767, limit=3, bias=20),
            dense(rng, 5, 4, 4, 0, 32767),
            dense(rng, 3, 5, 6, -128, 127),
            dense(rng, 1, 3, 2, -32767, 32767),
        ),
        "readings": (  # weighed as they are
            q7,
            dense(rng, 1, 7, 12, 0, 46340, limit=9000, bias=10**8),
            Power(2),
        ),
        "readings_in_bytes": (q3, dense(rng, 1, 3, 6, -32767, 32767, limit=40, bias=90000)),
        "readings_of_classes": (q3, dense(rng, 3, 3, 9, -32768, 32767), Argmax()),
        "products": (  # one value times one weight, of every kind
            q1,
            Lookup((curve(rng, 0, 15, 7, 16000),), True, 0, -32767, 32767),
            Dense(((-3,),), (1000,), 1, -32767, 32767),
            Dense(((1,),), (0,), 0, -32767, 32767),
            Dense(((1,),), (5,), 3, -2000, 2000),
            Dense(((16,),), (0,), 0, -32767, 32767),
            Dense(((64,),), (9000,), 6, -32767, 32767),
            Dense(((-77,),), (70000,), 9, -32767, 32767),
            Dense(((9001,),), (-1000000,), 15, -32767, 32767),
            Dense(((127,),), (50,), 9, -128, 127),
            Dense(((-100,),), (-3000,), 5, 0, 255),
            Dense(((101,),), (-9000,), 1, -32767, 32767),
        ),
        "lookup_fine_square": (
            q1,
            Lookup((Curve(0, -300, 7, tuple(rng.integers(0, 32768, 15).tolist())),), True, 0, 0),
            Power(2, fine=True),
        ),
        "fine_square": (
            q7,
            scale(q7, 255, 128),
            dense(rng, 1, 7, 2, 0, 65534),
            Power(2, fine=True),
        ),
    }
    return {
        name: Model(name, name, chain[0], OUTPUT, chain[1:], 150) for name, chain in chains.items()
    }
