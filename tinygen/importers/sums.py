"""Sums of functions of single inputs: straight lines, curves, steps.

Each input takes one of finitely many raw values, and what the integer model adds for it depends on
that value alone. So the largest difference from the float sum is known exactly: the sum of each
input's own largest difference. `spread_of` adds them up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import permutations

import numpy as np

from ..families.lookup import hats
from ..fitting.lowering import exact_products, finest_scaled, scale_inputs, whole_sums
from ..model.fixedpoint import INT16_MAX
from ..model.nodes import Integers, Node
from ..model.operations.dense import Dense
from ..model.operations.forest import Forest
from ..model.operations.lookup import Curve as Table
from ..model.operations.lookup import Lookup
from ..model.operations.scale import Scale
from .calibration import Answer, Calibration, Choice, Lowered, first_close
from .graph import Affine, Columns, Floats
from .trees import RawTree, forest, lower_raw

INPUT_BITS = 12  # of the scaled inputs of a linear model
MOST_RUNS = 64  # pieces of a function that is made of steps
FEW_RUNS = 8  # the same of an input of few raw values, where everything is made of steps
NODES = (9, 17, 33, 65, 127, 255)  # of each curve's table
FIT_POINTS = 4096  # of an input's raw values that a table is fitted to
SMOOTH = 1e-6


def lower_line(sums: Affine, rows: Calibration) -> Lowered:
    """One weighted sum of the inputs that answers a number."""
    answer = rows.answer
    scale = np.array([q.scale for q in rows.inputs])
    start = np.array([q.offset for q in rows.inputs])
    coef = sums.matrix[0] * scale / answer.step
    offset = (float(sums.offset[0] + sums.matrix[0] @ start) - answer.offset) / answer.step
    return first_close(_lines(coef, offset, rows), replace(rows, part=0.0))


def _lines(coef: Floats, offset: float, rows: Calibration) -> Iterator[Choice]:
    """Of the inputs as they are, then of scaled ones."""
    limits, one = [q.limits for q in rows.inputs], partial(_line, coef, offset, rows)
    reach = np.full(len(coef), INT16_MAX + 1.0)
    gram = np.cov(rows.x.T, ddof=0).reshape(len(coef), -1)
    for weights, shift in whole_sums(coef, offset, reach, gram):
        yield partial(one, None, weights, shift)
    scale = scale_inputs(limits, INPUT_BITS, exact=True, widen=True)
    yield partial(one, *exact_products(coef, scale))
    if wide := finest_scaled(coef, offset, gram, scale):
        yield partial(one, scale, *wide)


def _line(
    coef: Floats,
    offset: float,
    rows: Calibration,
    scale: Scale | None,
    weights: np.ndarray,
    shift: int,
) -> Lowered:
    """The nodes; the bias halves the largest difference that the roundings leave."""
    grids = [rows.grid(k) for k in range(len(rows.inputs))]
    unit = 2.0**-shift
    parts = [
        (w * unit * u - c * x).astype(np.float64)
        for w, c, x, u in zip(weights, coef, grids, _scaled(scale, grids))
    ]
    low, high = spread_of(parts)
    bias = int(np.floor((offset - (low + high) / 2) / unit + 0.5))
    left = abs(bias * unit - offset + (low + high) / 2) + (high - low) / 2
    row = tuple(int(w) for w in weights)
    node = Dense((row,), (bias,), shift, rows.answer.low, rows.answer.high)
    return Lowered((scale, node) if scale else (node,), float(left) + 0.5)


def _scaled(scale: Scale | None, grids: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """What the node makes of every raw value of each input."""
    if scale is None:
        yield from grids
        return
    for k, grid in enumerate(grids):
        one = Scale((scale.low[k],), (scale.multiplier[k],), scale.shift, scale.top, scale.zero)
        yield one.apply(grid[:, None])[:, 0]


def spread_of(parts: Sequence[Floats]) -> tuple[float, float]:
    """Least and largest sum of one value from each part."""
    return float(sum(p.min() for p in parts)), float(sum(p.max() for p in parts))


def score_margin(
    scale: Scale | None, dense: Dense, sums: Affine, step: float, rows: Calibration
) -> float:
    """How far from a tie the float scores have to be, so that the integer ones name the same class:
    `dense` has `step` times the scores.
    """
    grids = [rows.grid(k) for k in range(len(rows.inputs))]
    scaled = list(_scaled(scale, grids))
    exact = [step * q.to_physical(x) for q, x in zip(rows.inputs, grids)]
    low, high = [], []
    for whole, bias, row, offset in zip(dense.weights, dense.bias, sums.matrix, sums.offset):
        parts = [w * u - c * x for w, u, c, x in zip(whole, scaled, row, exact)]
        least, most = spread_of(parts)
        low.append(least + bias - step * float(offset))
        high.append(most + bias - step * float(offset))
    if len(low) == 1:
        return max(1 - low[0], high[0], 0.0) / step
    # two sums that differ by more than what a shift drops still differ behind it
    pairs = permutations(range(len(low)), 2)
    return max(high[j] - low[k] + 2**dense.shift for k, j in pairs) / step


# ---- curves ----


def contributions(before: Columns, sums: Affine | None, rows: Calibration) -> list[list[Floats]]:
    """What each input adds to each sum, at every raw value it may have: [sum][input]."""
    if sums is None:
        sums = Affine(np.eye(len(before.sources)), np.zeros(len(before.sources)))
    curves = [rows.on_grid(s, c) for s, c in zip(before.sources, before.curves)]
    found = []
    for row in sums.matrix:
        parts = [np.zeros(len(rows.grid(k))) for k in range(len(rows.inputs))]
        for source, weight, curve in zip(before.sources, row, curves):
            if weight:
                parts[source] = parts[source] + weight * curve
        found.append(parts)
    return found


def lower_steps(parts: list[list[Floats]], base: Floats, rows: Calibration) -> Lowered | None:
    """Sums of functions that are constant but for a few steps, as one tree for each input; None
    where some function is something else.
    """
    trees = stairs(parts, rows)
    return lower_raw(trees, base, rows) if trees else None


def step_layer(before: Columns, rows: Calibration, top: int) -> tuple[Forest, Floats] | None:
    """Functions of single inputs that are made of steps, each within +-top, and what one of these
    is worth; None where some function is something else.
    """
    trees = stairs(contributions(before, None, rows), rows)
    if not trees:
        return None
    gain = np.max([np.abs(t.values).max(axis=0) for t in trees], axis=0) / top
    gain = np.maximum(gain, 1e-300)
    leaves = [np.floor(t.values / gain + 0.5).astype(int) for t in trees]
    return forest(trees, leaves, [0] * len(gain), -top, top), gain


def stairs(parts: list[list[Floats]], rows: Calibration) -> list[RawTree]:
    """A tree for each input, with what it adds to every sum; [] where some function has many
    steps.
    """
    trees = []
    for k in range(len(rows.inputs)):
        values = np.stack([sums[k] for sums in parts], axis=1)
        starts = np.flatnonzero((np.diff(values, axis=0) != 0).any(axis=1)) + 1
        if len(starts) >= min(MOST_RUNS, max(FEW_RUNS, len(values) // 4)):
            return []
        ends = rows.grid(k)[starts] - 1
        trees.append(_stairs(k, ends.tolist(), values[[0, *starts.tolist()]]))
    return trees


def _stairs(source: int, ends: list[int], values: Floats) -> RawTree:
    """A balanced tree over the last raw value of each run but the last one."""
    splits: list[tuple[int, int, int, int]] = []

    def grow(first: int, last: int) -> int:
        if first == last:
            return -1 - first
        middle, place = (first + last) // 2, len(splits)
        splits.append((source, ends[middle], 0, 0))
        left = grow(first, middle)
        splits[place] = (source, ends[middle], left, grow(middle + 1, last))
        return place

    grow(0, len(ends))
    return RawTree(tuple(splits), values)


def lower_curves(parts: list[Floats], base: float, rows: Calibration) -> Lowered:
    """One sum of curves: a table for each input."""
    return first_close(_curves(parts, base, rows), rows)


def _curves(parts: list[Floats], base: float, rows: Calibration) -> Iterator[Choice]:
    answer = rows.answer
    value = answer.head.kind == "value"
    low, high = spread_of(parts)
    reach = max(high - low, 1e-300)
    step = answer.step if value else reach / INT16_MAX
    start = (base - (answer.offset if value else 0.0)) / step
    exact = [p / step for p in parts]
    # as many bits behind the point as the sum of all tables leaves room for
    fine = int(np.clip(np.floor(np.log2(0.9 * INT16_MAX * step / reach)), 0, 8)) if value else 0
    for nodes in NODES:
        for bits in sorted({0, fine}):
            yield partial(_tables, exact, start, step, rows, nodes, bits)


def _tables(
    exact: list[Floats], start: float, step: float, rows: Calibration, nodes: int, bits: int
) -> Lowered:
    unit, answer = 2.0**-bits, rows.answer
    tables, differences, middle = [], [], 0.0
    for k, values in enumerate(exact):
        centre = float(values.min() + values.max()) / 2
        middle += centre
        table = table_of(k, rows.grid(k), (values - centre) / unit, nodes)
        tables.append(table)
        differences.append(table.apply(rows.grid(k)) * unit - (values - centre))
    low, high = spread_of(differences)
    bias = int(np.floor((start + middle - (low + high) / 2) / unit + 0.5))
    left = abs(bias * unit - start - middle + (low + high) / 2) + (high - low) / 2
    chain = _sum_nodes(tuple(tables), bias, bits, answer)
    if answer.head.kind == "value":
        return Lowered(chain, float(left) + (0.5 if bits else 0.0))
    return Lowered(chain, None, float(left) * step)


def _sum_nodes(tables: tuple[Table, ...], bias: int, bits: int, answer: Answer) -> tuple[Node, ...]:
    if answer.head.kind == "sign":
        return (Lookup(tables, True, bias, 0, 1),)
    if not bits:
        return (Lookup(tables, True, bias, answer.low, answer.high),)
    return (
        Lookup(tables, True, 0, -INT16_MAX, INT16_MAX),
        Dense(((1,),), (bias,), bits, answer.low, answer.high),
    )


def table_of(
    source: int, grid: np.ndarray, values: Floats, nodes: int, top: int = INT16_MAX
) -> Table:
    """The table of at most `nodes` nodes that is closest to the values over the grid of an input.

    Least squares on the hat functions of the grid; a straight piece between few nodes is exact.
    """
    low, high = int(grid[0]), int(grid[-1])
    step_bits, some, shares, normal = _basis(low, high, nodes)
    fitted = np.linalg.lstsq(normal, shares.T @ values[some] / len(some), rcond=None)[0]
    whole = np.clip(np.floor(fitted + 0.5), -top, top).astype(int)
    return Table(source, low, step_bits, tuple(whole.tolist()))


@lru_cache(maxsize=4)
def _basis(low: int, high: int, nodes: int) -> tuple[int, Integers, Floats, Floats]:
    """Of the grid low .. high: bits between two nodes, the places that are fitted, their shares in
    each hat, and the normal equations' matrix. The curves of one input share it.
    """
    step_bits = int(np.clip(np.ceil(np.log2(max(high - low, 1) / (nodes - 1))), 0, 14))
    count = ((high - low) >> step_bits) + 2
    some = np.unique(np.linspace(0, high - low, FIT_POINTS).astype(int))
    shares = hats(low + some, low, step_bits, count)
    second = np.diff(np.eye(count), n=2, axis=0)
    normal = shares.T @ shares / len(some) + SMOOTH / count * second.T @ second
    return step_bits, some, shares, normal
