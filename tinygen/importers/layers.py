"""Any other chain of steps, layer by layer: nets, polynomials, kernels, class scores.

A `Wire` is what the integer nodes so far give on the rows, and how each element stands for a float:
`value = gain * element + offset`. Every layer of sums takes the frame of its input into its
coefficients and rounds them jointly (`integer_descent`) on the Gram matrix of the rows, so that
what one coefficient loses its neighbours make up for. No bound is proven; the rows measure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ..common.errors import QuantizeError
from ..fitting.class_scores import Scores, decision_nodes
from ..fitting.least_squares import integer_descent
from ..fitting.lowering import ACC_ROOM, scale_inputs
from ..model.fixedpoint import INT8_MAX, INT16_MAX, Quantity
from ..model.nodes import Bounds, Integers, Node, any_int16
from ..model.operations.activation import Activation
from ..model.operations.dense import MAX_SHIFT, Dense
from ..model.operations.lookup import Lookup
from ..model.operations.monomials import Monomials
from ..model.operations.scale import Scale
from .calibration import ROOM, Answer, Calibration, Choice, Lowered, domain
from .graph import RELU, STEP, Affine, Columns, Curve, Floats, Products, Step
from .simplify import expand, width_of
from .squares import squared
from .sums import score_margin, step_layer, table_of
from .trees import owners

PRODUCT_BITS = 7  # of the factors of a product: squares fit int16
FACTOR = (1 << PRODUCT_BITS) - 1
LAYER_SHIFT = 8  # of a hidden layer that the runtime's kernels compute
NONE = 1e-200  # stands for a row of zeros: what is divided by it stays a number
MOST_JOINT = 96  # inputs of a layer whose coefficients are rounded jointly
RIDGE = 1e-6
STILL = 1e-6  # part of what a sum's parts add up to that is no change of it


@dataclass(frozen=True)
class Precision:
    """How finely a chain is rounded."""

    bits: int  # of the inputs; 16: as they are
    limit: int  # of the coefficients
    nodes: int  # of a table
    table_bits: int  # of what a table gives

    @property
    def top(self) -> int:
        """Largest value of a table."""
        return (1 << (self.table_bits - 1)) - 1


# one sum of the inputs as they are
UNSCALED = tuple(Precision(16, limit, 0, 0) for limit in (INT8_MAX, INT16_MAX))
# the cheapest first
PRECISIONS = (
    Precision(8, INT8_MAX, 17, 8),
    Precision(12, INT8_MAX, 33, 8),
    Precision(12, INT16_MAX, 65, 12),
    Precision(12, INT16_MAX, 129, 15),
)


@dataclass(frozen=True)
class Wire:
    """Integer nodes, their elements on the rows, and the floats that those stand for."""

    nodes: tuple[Node, ...]
    inside: Bounds
    values: Integers  # (n, elements)
    gain: Floats  # (elements,)
    offset: Floats
    exact: Floats  # (n, elements): what the float model has here

    def behind(self, node: Node, gain: Floats, offset: Floats, exact: Floats) -> Wire:
        """The wire behind one more node."""
        return Wire(
            (*self.nodes, node),
            node.bounds(self.inside),
            node.apply(self.values),
            np.asarray(gain, dtype=np.float64),
            np.asarray(offset, dtype=np.float64),
            exact,
        )


Way = Callable[[Sequence[Step], Calibration, Precision], Lowered]  # lowers at one precision


def choices(steps: Sequence[Step], rows: Calibration, way: Way) -> Iterator[Choice]:
    """The chain at rising precision; products of inputs, whose factors have 8 bits, at last as
    tables of squares.
    """
    first = steps[0]
    if isinstance(first, Products):
        for precision in (PRECISIONS[0], PRECISIONS[2]):
            yield partial(way, steps, rows, precision)
        steps = squared(first, steps[1], rows) + list(steps[2:])
    if isinstance(first, Affine) and len(first.offset) == len(steps) == 1:
        for precision in UNSCALED:
            yield partial(way, steps, rows, precision)
    for precision in PRECISIONS:
        if not isinstance(first, Products) or precision.limit > INT8_MAX:
            yield partial(way, steps, rows, precision)


def before_sums(
    steps: Sequence[Step], rows: Calibration, precision: Precision
) -> tuple[Wire, Affine]:
    """Integer nodes up to the last step, and that step, which are sums."""
    wire, left = _first(list(steps), rows, precision)
    while len(left) > 1:
        wire, left = _next(wire, left, precision)
    assert isinstance(left[0], Affine)
    return wire, left[0]


def lowered(steps: Sequence[Step], rows: Calibration, precision: Precision) -> Lowered:
    """The chain at one precision."""
    wire, last = before_sums(steps, rows, precision)
    answer = rows.answer
    if answer.head.kind == "value":
        return Lowered((*wire.nodes, _number(wire, last, answer, precision.limit)))
    last = compared(last) if answer.head.kind == "largest" else last
    whole = whole_scores(wire, last, precision.limit)
    nodes = (*wire.nodes, *decision_nodes(whole, wire.inside), *owners(answer.head.owner))
    if len(steps) > 1:
        return Lowered(nodes)
    *front, dense = nodes[: len(wire.nodes) + 1]
    scale = front[0] if front else None
    assert scale is None or isinstance(scale, Scale)
    assert isinstance(dense, Dense)
    step = score_step(wire, last, precision.limit)
    return Lowered(nodes, margin=score_margin(scale, dense, last, step, rows))


def lower_behind(
    front: Sequence[Step], rows: Calibration, trees: Callable[[Calibration], Lowered]
) -> Lowered:
    """Trees behind other steps: these in as many bits as there are, then what `trees` lowers over
    them. A value close to a threshold may take the other branch.
    """
    steps = list(front) if isinstance(front[-1], Affine) else [*front, _same(front, rows)]
    if isinstance(steps[0], Products):
        steps = squared(steps[0], steps[1], rows) + steps[2:]
    wire, left = _first(steps, rows, PRECISIONS[-1])
    while len(left) > 1:
        wire, left = _next(wire, left, PRECISIONS[-1])
    wire = _linear_layer(wire, left[0])
    behind = replace(rows, inputs=_as_inputs(wire), x=wire.values)
    found = trees(behind)
    return Lowered((*wire.nodes, *found.nodes))


def _same(front: Sequence[Step], rows: Calibration) -> Affine:
    width = width_of(front, len(rows.inputs))
    return Affine(np.eye(width), np.zeros(width))


def _linear_layer(wire: Wire, sums: Step) -> Wire:
    """Sums in as many of 16 bits as the rows' values leave room for."""
    assert isinstance(sums, Affine)
    exact = wire.exact @ sums.matrix.T + sums.offset
    middle = (exact.max(axis=0) + exact.min(axis=0)) / 2
    moved = Affine(sums.matrix, sums.offset - middle)
    half = ROOM * np.ptp(exact, axis=0) / 2
    still = half <= STILL * _reach(wire, sums)  # an element that hardly moves asks for no bits
    half = np.where(still, half.max(initial=0) or 1.0, half)
    room = np.minimum(INT16_MAX / _largest(wire, moved), ACC_ROOM / _reach(wire, moved))
    # one shift for all: a few elements that cannot fill 16 bits must not cost the others theirs
    usual = float(np.median(room * half)) / INT16_MAX
    shift = int(np.clip(np.floor(np.log2(max(usual, 1.0))), 0, MAX_SHIFT - 2))
    steps = np.minimum(INT16_MAX * 2.0**shift / half, room)
    weights, constants = whole_rows(wire, moved, steps, INT16_MAX)
    bias = tuple(np.floor(constants + 0.5).astype(int).tolist())
    node = Dense(weights, bias, shift, -INT16_MAX, INT16_MAX)
    return wire.behind(node, 2.0**shift / steps, middle, exact)


def _as_inputs(wire: Wire) -> tuple[Quantity, ...]:
    """The wire's elements as if they were raw inputs."""
    ends = zip(wire.gain, wire.offset, wire.inside.low, wire.inside.high)
    return tuple(
        Quantity(f"sum {k}", "", float(g), float(o + g * low), float(o + g * high), float(o))
        for k, (g, o, low, high) in enumerate(ends)
    )


def _raw(rows: Calibration) -> Wire:
    gain = np.array([q.scale for q in rows.inputs])
    offset = np.array([q.offset for q in rows.inputs])
    return Wire((), any_int16(len(rows.inputs)), rows.x, gain, offset, rows.physical)


def _first(steps: list[Step], rows: Calibration, precision: Precision) -> tuple[Wire, list[Step]]:
    """Raw inputs on a common range, or tables of them; and the steps that are left."""
    raw, first = _raw(rows), steps[0]
    if isinstance(first, Columns) and first.lines is None:
        small = len(steps) > 1 and isinstance(steps[1], Products)
        top = FACTOR if small else precision.top
        if made := step_layer(first, rows, top):
            node, gain = made
            return raw.behind(node, gain, 0 * gain, first.apply(raw.exact)), steps[1:]
        return _tables(raw, first, rows, precision.nodes, top), steps[1:]
    if precision in UNSCALED:
        return raw, steps
    bits = PRODUCT_BITS + 1 if isinstance(first, Products) else precision.bits
    limits = [q.limits for q in rows.inputs]
    scale = scale_inputs(limits, bits, widen=True)
    factor, offset = scale.frame
    gain = raw.gain / factor
    return raw.behind(scale, gain, raw.offset - gain * offset, raw.exact), steps


def _tables(wire: Wire, step: Columns, rows: Calibration, nodes: int, top: int) -> Wire:
    """A table for each function of a raw input, its values within +-top."""
    curves, gains, offsets = [], [], []
    for source, curve in zip(step.sources, step.curves):
        values = rows.on_grid(source, curve)
        offset = float(values.max() + values.min()) / 2
        gain = max(float(np.ptp(values)) / 2 / top, 1e-300)
        curves.append(table_of(source, rows.grid(source), (values - offset) / gain, nodes, top))
        gains.append(gain)
        offsets.append(offset)
    return wire.behind(
        Lookup(tuple(curves), False), np.array(gains), np.array(offsets), step.apply(wire.exact)
    )


def _next(wire: Wire, steps: list[Step], precision: Precision) -> tuple[Wire, list[Step]]:
    """The wire behind the next layer, and the steps that are left."""
    step, after = steps[:2]
    if isinstance(step, Affine) and isinstance(after, Columns) and (curve := after.shared):
        layer = {RELU: _relu_layer, STEP: _step_layer}.get(curve)
        if layer:
            return layer(wire, step, precision), steps[2:]
        return _curve_layer(wire, step, curve, precision), steps[2:]
    if isinstance(step, Products) and isinstance(after, Affine):
        wire, sums = _products(wire, step, after)
        return wire, [sums, *steps[2:]]
    raise QuantizeError(
        f"{step.kind} in front of {after.kind} have no integer form: leave one of them out"
    )


# ---- layers of sums ----


def whole_rows(
    wire: Wire, sums: Affine, steps: Floats, limit: int
) -> tuple[tuple[tuple[int, ...], ...], Floats]:
    """Integer coefficients of `sums`, row k in 1 / steps[k] of a value, and the float constants
    that keep the mean over the rows.
    """
    matrix = sums.matrix * wire.gain
    exact = matrix * steps[:, None]
    whole = np.clip(np.floor(exact + 0.5), -limit, limit)
    u = wire.values.astype(np.float64)
    centred = u - u.mean(axis=0)
    gram = centred.T @ centred / len(u)
    gram[np.diag_indices_from(gram)] += RIDGE * max(float(np.trace(gram)) / len(gram), 1e-12)
    if len(gram) <= MOST_JOINT:
        whole = np.array([integer_descent(row, gram, limit) for row in exact], dtype=np.float64)
    truth = wire.exact @ sums.matrix.T + sums.offset
    constants = (truth * steps).mean(axis=0) - (u @ whole.T).mean(axis=0)
    rows = tuple(tuple(int(w) for w in row) for row in whole)
    return rows, constants


def _largest(wire: Wire, sums: Affine) -> Floats:
    """Largest coefficient of each row on the wire's integers."""
    return np.maximum(np.abs(sums.matrix * wire.gain).max(axis=1), NONE)


def _reach(wire: Wire, sums: Affine) -> Floats:
    """Largest sum of each row's parts, in values."""
    most = np.maximum(np.abs(wire.inside.low), np.abs(wire.inside.high))
    return np.maximum(np.abs(sums.matrix * wire.gain) @ most, NONE)


def _relu_layer(wire: Wire, sums: Affine, precision: Precision) -> Wire:
    """Sums and the ReLU behind them; each unit has a scale of its own."""
    exact = np.maximum(wire.exact @ sums.matrix.T + sums.offset, 0.0)
    limit = min(precision.limit, 2047)
    shift = LAYER_SHIFT if limit <= INT8_MAX else LAYER_SHIFT + 4
    room = (INT16_MAX << shift) / np.maximum(ROOM * exact.max(axis=0), 1e-300)
    steps = np.minimum(limit / _largest(wire, sums), room)
    steps = np.minimum(steps, ACC_ROOM / _reach(wire, sums))
    weights, constants = whole_rows(wire, sums, steps, limit)
    bias = np.floor(constants / 2.0**LAYER_SHIFT + 0.5)
    bias = np.clip(bias, -INT16_MAX, INT16_MAX) if limit <= INT8_MAX else bias
    node = Dense(
        weights, tuple(bias.astype(int).tolist()), shift, 0, INT16_MAX, bias_shift=LAYER_SHIFT
    )
    return wire.behind(node, 2.0**shift / steps, np.zeros(len(steps)), exact)


def _step_layer(wire: Wire, sums: Affine, precision: Precision) -> Wire:
    """1 where a sum is above 0, else 0."""
    exact = STEP.function(wire.exact @ sums.matrix.T + sums.offset)
    limit = precision.limit
    steps = np.minimum(limit / _largest(wire, sums), ACC_ROOM / _reach(wire, sums))
    weights, constants = whole_rows(wire, sums, steps, limit)
    node = Dense(weights, tuple(np.floor(constants + 0.5).astype(int).tolist()), 0, 0, 1)
    return wire.behind(node, np.ones(len(steps)), np.zeros(len(steps)), exact)


def _curve_layer(wire: Wire, sums: Affine, curve: Curve, precision: Precision) -> Wire:
    """Sums on a common scale, and one table for all of them."""
    before = wire.exact @ sums.matrix.T + sums.offset
    top = precision.top
    low, high = domain(curve, before, 0.5 / top)
    largest, limit = _largest(wire, sums).max(), precision.limit
    for step_bits in range(8, 1, -1):
        span = (precision.nodes - 1) << step_bits
        scale = span / (high - low)
        room = min(limit / (largest * scale), ACC_ROOM / (_reach(wire, sums).max() * scale))
        if room >= 1:
            break
    shift = int(np.clip(np.floor(np.log2(max(room, 1.0))), 0, MAX_SHIFT - 2))
    weights, constants = whole_rows(
        wire, sums, np.full(len(sums.offset), scale * 2.0**shift), INT16_MAX
    )
    origin = int(np.floor(low * scale))
    bias = tuple(np.floor(constants + 0.5).astype(int).tolist())
    wire = wire.behind(
        Dense(weights, bias, shift, origin, origin + span),
        np.full(len(bias), 1 / scale),
        np.zeros(len(bias)),
        before,
    )
    grid = np.arange(origin, origin + span + 1)
    values = curve.function(grid / scale)
    offset = float(values.max() + values.min()) / 2
    gain = max(float(np.ptp(values)) / 2 / top, 1e-300)
    table = table_of(0, grid, (values - offset) / gain, precision.nodes, top)
    return wire.behind(
        Activation(table.origin, table.step_bits, table.table),
        np.full(len(bias), gain),
        np.full(len(bias), offset),
        curve.function(before),
    )


def _products(wire: Wire, step: Products, sums: Affine) -> tuple[Wire, Affine]:
    """The products of the elements, and the same sums of them."""
    terms, mixed = expand(step.terms, np.diag(wire.gain), wire.offset)
    kept = [k for k, term in enumerate(terms) if term]
    one = np.array([0.0 if term else 1.0 for term in terms])
    node = Monomials(tuple(terms[k] for k in kept), PRODUCT_BITS)
    unit = np.array([2.0 ** (PRODUCT_BITS * (len(terms[k]) - 2)) for k in kept])
    exact = Products(node.terms).apply((wire.exact - wire.offset) / wire.gain)
    matrix = sums.matrix @ mixed
    folded = Affine(matrix[:, kept], sums.offset + matrix @ one)
    return wire.behind(node, unit, np.zeros(len(kept)), exact), folded


# ---- the answer ----


def compared(scores: Affine) -> Affine:
    """The scores without what all have in common, which decides nothing between them."""
    mean = scores.matrix.mean(axis=0), scores.offset.mean()
    return Affine(scores.matrix - mean[0], scores.offset - mean[1])


def score_step(wire: Wire, sums: Affine, limit: int) -> float:
    """How many whole steps of the integer scores a score of 1 has."""
    return float(min(limit / _largest(wire, sums).max(), ACC_ROOM / _reach(wire, sums).max()))


def whole_scores(wire: Wire, sums: Affine, limit: int) -> Scores:
    """The scores in whole steps."""
    step = score_step(wire, sums, limit)
    weights, constants = whole_rows(wire, sums, np.full(len(sums.offset), step), limit)
    bias = np.clip(np.floor(constants + 0.5), -ACC_ROOM, ACC_ROOM).astype(np.int64)
    return Scores(np.array(weights, dtype=np.int64), bias)


def _number(wire: Wire, sums: Affine, answer: Answer, limit: int) -> Dense:
    """One sum in steps of the answer."""
    moved = Affine(sums.matrix, sums.offset - answer.offset)
    largest, reach = _largest(wire, moved)[0], _reach(wire, moved)[0] + abs(moved.offset[0])
    room = min(limit / largest, ACC_ROOM / reach) * answer.step
    shift = int(np.clip(np.floor(np.log2(room)), 0, MAX_SHIFT - 2))
    weights, constants = whole_rows(wire, moved, np.array([2.0**shift / answer.step]), INT16_MAX)
    bias = int(np.floor(constants[0] + 0.5))
    return Dense(weights, (bias,), shift, answer.low, answer.high)
