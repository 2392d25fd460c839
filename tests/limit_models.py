"""Seeded random models beyond the sizes that training makes, up to the proof's own limits.

What is drawn is a chain; what the proof refuses is drawn again. Tables stay within what a board's
flash holds, since a larger one is refused where it is compiled.
"""

from functools import cache

import numpy as np

from tinygen.common.errors import ModelError
from tinygen.model.fixedpoint import INT16_MAX, Quantity
from tinygen.model.model import Model
from tinygen.model.nodes import MAX_WIDTH, Bounds, Node, prove
from tinygen.model.operations.activation import Activation
from tinygen.model.operations.argmax import Argmax, Median, Neighbours, Trees
from tinygen.model.operations.dense import Dense
from tinygen.model.operations.exp2 import Exp2
from tinygen.model.operations.forest import MAX_TREE_DEPTH, Forest
from tinygen.model.operations.leaf_lines import LeafLines
from tinygen.model.operations.log2 import Log2
from tinygen.model.operations.lookup import LARGEST_TABLE, Curve, Lookup
from tinygen.model.operations.monomials import Monomials
from tinygen.model.operations.outside import Outside
from tinygen.model.operations.power import Power
from tinygen.model.operations.quantized import QuantizedConv, QuantizedDense
from tinygen.model.operations.scale import Calibrate, Scale
from tinygen.model.trees.tree import MAX_DEPTH

OUTPUT = Quantity("y", "ug/m3", 0.1, 0.0, 50.0)
WIDTHS = (1, 2, 3, 7, 8, 31, 63, 64, 65, 127, 128, 129, 200, MAX_WIDTH)
TABLE_BYTES = 12_000
GOALS = ("balanced", "size", "speed")
TRIES = 500


@cache
def limit_model(seed: int) -> Model:
    """The first chain of this seed that the proof accepts and that ends in one int16."""
    rng = np.random.default_rng(seed)
    for _ in range(TRIES):
        inputs = int(rng.choice(WIDTHS))
        try:
            nodes = _recalibrated(_chain(rng, inputs, seed), inputs, seed)
            prove(nodes, inputs)
            quantities = tuple(_quantity(rng, k) for k in range(inputs))
            goal = str(rng.choice(GOALS))
            return Model("limit", "x", quantities, OUTPUT, nodes, 150, optimize=goal)
        except ModelError:
            continue
    raise AssertionError(f"seed {seed}: none of {TRIES} chains passes the proof")


def _quantity(rng, k: int) -> Quantity:
    low, high = np.sort(rng.integers(-INT16_MAX, INT16_MAX + 1, 2)).tolist()
    return Quantity(f"s{k}", "", 1.0, float(low), float(high))


def _chain(rng, inputs: int, seed: int) -> tuple[Node, ...]:
    """A first node, up to two behind it, and what brings the last one to one value."""
    inside = Bounds((-INT16_MAX - 1,) * inputs, (INT16_MAX,) * inputs)
    nodes: list[Node] = []
    makers = [FIRST[rng.integers(len(FIRST))]]
    if np.random.default_rng((seed, 6)).random() < 0.15:  # apart, so that other seeds stay as known
        makers = [_lines] if rng.random() < 0.5 else [_scale, _lines]
    makers += [LATER[k] for k in rng.integers(len(LATER), size=rng.integers(0, 3))]
    for make in makers:
        nodes.append(make(rng, inside))
        inside = nodes[-1].bounds(inside)
    if len(inside.low) > 1 and rng.random() < 0.2:
        nodes.append(RANKS[rng.integers(len(RANKS))](rng, inside))
        inside = nodes[-1].bounds(inside)
    if len(inside.low) > 1:
        nodes.append(Argmax() if rng.random() < 0.4 else _dense(rng, inside, rows=1))
    elif rng.random() < 0.4:
        nodes.append(Power(int(rng.integers(2, 4))) if rng.random() < 0.6 else Exp2())
    return tuple(nodes)


def _recalibrated(nodes: tuple[Node, ...], inputs: int, seed: int) -> tuple[Node, ...]:
    """Some of the chains with a gain and an offset up to their limits, before a root is undone."""
    rng = np.random.default_rng((seed, 1))
    place = len(nodes) - isinstance(nodes[-1], (Power, Exp2))
    inside = prove(nodes[:place], inputs)[-1]
    if len(inside.low) > 1 or isinstance(nodes[-1], Argmax) or rng.random() < 0.7:
        return nodes
    most = Calibrate.most_offset
    gain = int(rng.choice((*Calibrate.gains, rng.integers(*Calibrate.gains))))
    offset = int(rng.choice((-most, most, rng.integers(-most, most), rng.integers(-9999, 9999))))
    node = Calibrate(gain, offset, inside.low[0], inside.high[0], int(rng.integers(2)))
    return (*nodes[:place], node, *nodes[place:])


def _scale(rng, inside: Bounds) -> Scale:
    width, shift = len(inside.low), int(rng.choice((8, 16)))
    top, zero = ((255, 128), (255, 0), (4095, 2048), (INT16_MAX, 16384), (1, 0))[rng.integers(5)]
    most = int(rng.choice((255, 65535)))
    return Scale(
        tuple(rng.integers(-INT16_MAX, INT16_MAX + 1, width).tolist()),
        tuple(rng.integers(1, most + 1, width).tolist()),
        shift,
        top,
        zero,
    )


def _lookup(rng, inside: Bounds) -> Lookup:
    curves = int(rng.choice(WIDTHS))
    nodes = int(rng.choice([n for n in (2, 3, 127, 128, LARGEST_TABLE) if n * curves < 6000]))
    steps = [bits for bits in range(15) if (nodes - 1) << bits <= 65536]
    size = int(rng.choice((99, 16000)))
    low, high = np.sort(rng.integers(-INT16_MAX, INT16_MAX + 1, 2)).tolist()
    return Lookup(
        tuple(
            Curve(
                int(rng.integers(len(inside.low))),
                int(rng.integers(-INT16_MAX, INT16_MAX + 1)),
                int(rng.choice(steps)),
                tuple(rng.integers(-size, size + 1, nodes).tolist()),
            )
            for _ in range(curves)
        ),
        bool(rng.random() < 0.7),
        int(rng.integers(-(2**23), 2**23) if rng.random() < 0.3 else rng.integers(-999, 999)),
        low if rng.random() < 0.7 else 0,
        high if rng.random() < 0.7 else 46340,
    )


def _forest(rng, inside: Bounds) -> Forest:
    outputs = int(rng.choice((1, 1, 1, 2, 5, 20, MAX_WIDTH)))
    trees = int(rng.choice((1, 2, 127, 128, 129, MAX_WIDTH)))
    splits_n = int(rng.integers(1, 12)) if trees > 2 else int(rng.choice((1, 60, 128, 500)))
    stairs = trees <= 2 and splits_n <= MAX_TREE_DEPTH and rng.random() < 0.3
    leaves_n = max(min(trees * (splits_n + 1), TABLE_BYTES // (4 * outputs)), 2)
    splits, roots = [], []
    for _ in range(trees):
        if rng.random() < 0.05:
            roots.append(-1 - int(rng.integers(leaves_n)))
            continue
        base = len(splits)
        roots.append(base)
        ends = [[None, None] for _ in range(splits_n)]
        for k in range(1, splits_n):  # each split hangs from a free side of one before it
            above = [(i, s) for i in range(k) for s in (0, 1) if ends[i][s] is None]
            i, s = above[-1] if stairs else above[rng.integers(len(above))]
            ends[i][s] = base + k
        for sides in ends:
            left, right = (
                -1 - int(rng.integers(leaves_n)) if side is None else side for side in sides
            )
            source = int(rng.choice((0, len(inside.low) - 1, rng.integers(len(inside.low)))))
            splits.append((source, int(rng.integers(-INT16_MAX, INT16_MAX + 1)), left, right))
    size = int(rng.choice((100, 3000)))
    return Forest(
        tuple(splits),
        tuple(map(tuple, rng.integers(-size, size + 1, (leaves_n, outputs)).tolist())),
        tuple(roots),
        tuple(rng.integers(-(2**20), 2**20, outputs).tolist()),
        int(rng.choice((-INT16_MAX, 0))),
        INT16_MAX,
    )


def _lines(rng, inside: Bounds) -> LeafLines:
    """Stairs or bushes; each split hangs from a leaf that a later one may part again."""
    width, leaves_n = len(inside.low), int(rng.choice((1, 2, 3, 9, 40, MAX_WIDTH)))
    leaves_n = min(leaves_n, max(TABLE_BYTES // (2 * width + 4), 1))
    splits, levels, parents = [], [0], [None]
    while len(levels) < leaves_n:
        k = int(rng.choice(np.flatnonzero(np.array(levels) < MAX_DEPTH)))
        if parents[k]:
            splits[parents[k][0]][parents[k][1]] = len(splits)
        source = int(rng.integers(width))
        limit = int(
            rng.integers(inside.low[source], max(inside.high[source], inside.low[source] + 1))
        )
        parents[k], parents[len(levels) :] = (len(splits), 2), [(len(splits), 3)]
        splits.append([source, limit, -1 - k, -1 - len(levels)])
        levels[k] += 1
        levels.append(levels[k])
    most = int(rng.choice((1, 127, max(65000 // width, 1))))
    return LeafLines(
        tuple(map(tuple, splits)) or ((0, inside.low[0], -1, -1),),
        tuple(map(tuple, rng.integers(-most, most + 1, (leaves_n, width)).tolist())),
        tuple(rng.integers(-(2**20), 2**20, leaves_n).tolist()),
        int(rng.integers(0, 25)),
        int(rng.choice((-INT16_MAX, 0))),
        INT16_MAX,
    )


def _outside(rng, inside: Bounds) -> Outside:
    ends = np.sort(rng.integers(-INT16_MAX, INT16_MAX + 1, (2, len(inside.low))), axis=0)
    return Outside(*map(tuple, ends.tolist()))


def _log2(rng, inside: Bounds) -> Log2:
    width = len(inside.low)
    count = int(rng.integers(1, width + 1))
    return Log2(tuple(sorted(rng.choice(width, count, replace=False).tolist())))


def _monomials(rng, inside: Bounds) -> Monomials:
    width, degree = len(inside.low), int(rng.integers(1, 4))
    largest = max(map(abs, (*inside.low, *inside.high)))
    bits = min(max(int(largest - 1).bit_length(), 1), 7)
    count = int(rng.choice(WIDTHS))
    return Monomials(
        tuple(
            tuple(rng.integers(width, size=rng.integers(1, degree + 1)).tolist())
            for _ in range(count)
        ),
        bits,
    )


def _dense(rng, inside: Bounds, rows: int | None = None) -> Dense:
    width = len(inside.low)
    rows = rows or int(rng.choice([n for n in WIDTHS if n * width <= TABLE_BYTES // 2]))
    limit, bias_shift = int(rng.choice((1, 127, INT16_MAX))), int(rng.choice((0, 0, 8, 16)))
    relu = rng.random() < 0.4
    most = (2**31 - 1 >> bias_shift) if rng.random() < 0.2 else 30000
    return Dense(
        tuple(map(tuple, rng.integers(-limit, limit + 1, (rows, width)).tolist())),
        tuple(rng.integers(-most, most + 1, rows).tolist()),
        8 if relu and bias_shift == 8 else int(rng.integers(0, 25)),
        0 if relu else int(rng.integers(-INT16_MAX - 1, 1)),
        int(rng.choice((INT16_MAX, 255, 46340))),
        bias_shift,
    )


def _activation(rng, inside: Bounds) -> Activation:
    nodes = int(rng.choice((2, 17, LARGEST_TABLE)))
    most = int(rng.choice((100, INT16_MAX // 2)))  # neighbours differ by at most int16
    table = tuple(rng.integers(-most, most + 1, nodes).tolist())
    return Activation(int(rng.integers(-INT16_MAX, INT16_MAX)), int(rng.integers(0, 9)), table)


def _quantized(rng, inside: Bounds) -> QuantizedDense:
    width = len(inside.low)
    rows = int(rng.choice([n for n in WIDTHS if n * width <= TABLE_BYTES // 2]))
    elementwise = rng.random() < 0.3
    rows, width = (width, 1) if elementwise else (rows, width)
    limit, most = int(rng.choice((1, 127, INT16_MAX))), int(rng.choice((30000, 2**31 - 1)))
    kind = QuantizedConv if rng.random() < 0.5 else QuantizedDense
    return kind(
        tuple(map(tuple, rng.integers(-limit, limit + 1, (rows, width)).tolist())),
        tuple(rng.integers(-most, most + 1, rows).tolist()),
        tuple(rng.integers(0, 2**31, rows).tolist()),
        tuple(rng.integers(1, 31, rows).tolist()),
        int(rng.integers(-128, 128)),
        -128,
        127,
    )


def _neighbours(rng, inside: Bounds) -> Neighbours:
    width, outputs = len(inside.low), int(rng.choice((1, 2, 7, 26)))
    rows = int(rng.choice([n for n in WIDTHS if n * (width + outputs) <= TABLE_BYTES // 2]))
    count = int(rng.choice((1, rows, rng.integers(1, rows + 1))))
    limit, most = int(rng.choice((1, 127, INT16_MAX))), int(rng.choice((1, INT16_MAX // count)))
    return Neighbours(
        tuple(map(tuple, rng.integers(-limit, limit + 1, (rows, width)).tolist())),
        tuple(rng.integers(-30000, 30001, rows).tolist()),
        count,
        tuple(map(tuple, rng.integers(-most, most + 1, (rows, outputs)).tolist())),
    )


def _trees(rng, inside: Bounds) -> Trees:
    summed = _forest(rng, inside)
    return Trees(summed.splits, tuple(row[0] for row in summed.leaves), summed.roots)


def _median(rng, inside: Bounds) -> Median:
    return Median(tuple(rng.integers(1, 65536, len(inside.low)).tolist()))


FIRST = (_scale, _scale, _lookup, _forest, _outside, _log2, _quantized, _trees)
LATER = (_dense, _dense, _dense, _monomials, _scale, _lookup, _forest, _activation)
RANKS = (_neighbours, _median)
