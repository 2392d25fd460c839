"""Floats to integers: the pieces that families share when they lower a fitted model to nodes.

Coefficients become int8 with a power-of-two step; they are rounded together, not one by one
(`integer_descent`); where int8 loses more than `TOLERANCE` of the error, int16 is used instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..common.errors import ModelError
from ..data import Rows
from ..model.fixedpoint import INT8_MAX, INT16_MAX, MARGIN, Quantity
from ..model.nodes import UINT16_MAX, Node, prove
from ..model.operations.dense import Dense
from ..model.operations.log2 import Log2
from ..model.operations.scale import Scale
from .least_squares import Floats, LinearFit, Root, integer_descent, without_free

TOLERANCE = 0.005  # part of the float model's error that int8 may add before int16 is taken
# part of an error that independent noise may have and add no more than TOLERANCE to it
HIDDEN = (2 * TOLERANCE) ** 0.5
FEW_STEPS = 64  # an input that spans fewer raw steps uses less than a quarter of 8 bits
LOG_SPAN = 3  # an input that spans less gains nothing by a logarithm
MAX_SHIFT = 22  # keeps the rounding constant and a 16-bit result within 32-bit sums
LINEAR_SHIFT = 20  # of a sum of scaled inputs
SUM_ROOM = 0.97 * 2**23  # of a hidden unit's sum, before its weights are rounded
ACC_ROOM = 2**30  # that the weighted sum of scaled inputs may reach: half of 32 bits, for the bias


def steps_in_24_bits(weights: Floats, bias: Floats, reach: int) -> Floats:
    """Steps of a sum per unit of its float value, (units,), that keep the sums of a hidden layer in
    24 bits, for which there are quick kernels; rounded weights have room.

    weights: (inputs, units), per step of an integer input; bias: (units,); reach: how far from 0 an
    integer input can be.
    """
    farthest = np.abs(bias) + np.abs(weights).sum(axis=0) * reach
    steps: Floats = SUM_ROOM / np.maximum(farthest, 1e-9)
    return steps


def bias_in_24_bits(weights: np.ndarray, reach: int) -> np.ndarray:
    """The largest biases, (units,), of 2**8 steps each, beside integer weights (inputs, units)."""
    room = 2**23 - 1 - 128 - np.abs(weights).sum(axis=0) * reach
    most: np.ndarray = np.maximum(room, 0) >> 8
    return most


@dataclass(frozen=True)
class Logs:
    """Which inputs a model sees as their logarithm; their limits there."""

    columns: tuple[int, ...]
    limits: tuple[tuple[int, int], ...]  # of every input, what passes as it is included

    @property
    def nodes(self) -> tuple[Node, ...]:
        return (Log2(self.columns),) if self.columns else ()

    def forward(self, x: np.ndarray) -> Floats:
        """Float inputs (n, k) with exact logarithms, in the node's steps."""
        seen, columns = np.array(x, dtype=np.float64), list(self.columns)
        seen[:, columns] = Log2.octave * np.log2(np.maximum(seen[:, columns], 1.0))
        return seen


def logs_of(inputs: tuple[Quantity, ...], wanted: bool = True) -> Logs:
    """Logarithms of the inputs that are positive and span more than LOG_SPAN to one, where `wanted`
    at all.
    """
    columns = tuple(
        k
        for k, q in enumerate(inputs)
        if wanted and q.raw_minimum > 0 and q.raw_maximum > LOG_SPAN * q.raw_minimum
    )
    limits = [q.limits for q in inputs]
    for k in columns:
        low, high = (
            Log2.octave * np.log2(v) for v in (inputs[k].raw_minimum, inputs[k].raw_maximum)
        )
        margin = (high - low) / MARGIN
        limits[k] = max(int(np.floor(low - margin)), 0), int(np.ceil(high + margin))
    return Logs(columns, tuple(limits))


def scale_inputs(
    limits: Sequence[tuple[int, int]], bits: int, exact: bool = False, widen: bool = False
) -> Scale:
    """Node that maps each interval (low, high) of `limits`, one per input, onto `bits` bits around
    zero.

    Up to 8 bits an 8-bit multiplier serves, which is smaller and faster; it may leave part of the
    range unused. `exact` asks for 16-bit multipliers all the same. Where an interval has fewer raw
    steps than that, it is made wider only if `widen` asks for it; one of few steps by a whole
    number, so that nothing is rounded.
    """
    top = (1 << bits) - 1
    widen = widen and min(most - least for least, most in limits) < top
    shift = 8 if widen or (not exact and bits <= 8) else 16
    most_multiplier = UINT16_MAX if widen else (1 << shift) - 1
    low, multiplier = [], []
    for least, most in limits:
        span = max(most - least, 1)
        whole = min(top // span, most_multiplier >> shift) << shift
        low.append(least)
        multiplier.append(
            whole
            if widen and span < FEW_STEPS
            else min(max((top << shift) // span, 1), most_multiplier)
        )
    return Scale(tuple(low), tuple(multiplier), shift, top, 1 << (bits - 1))


def scalings(rows: Rows) -> list[Scale]:
    """Scale nodes worth trying, the cheapest first: one low and multiplier for all inputs, one for
    each, 12 bits.

    One for all needs no table in C. It serves where it keeps single raw steps, or at least half of
    each input's own resolution. An input of few raw steps is widened as well, so that its
    coefficient is of the size of the others'.
    """
    low, high = np.array([q.limits for q in rows.inputs]).T
    span, width = int(high.max() - low.min()), len(low)
    multiplier = int(np.clip((255 << 8) // max(span, 1), 1, 255))
    shared = Scale((int(low.min()),) * width, (multiplier,) * width, 8, 255, 128)
    few = (high - low).min() < FEW_STEPS
    each = [
        scale_inputs([q.limits for q in rows.inputs], bits, widen=widen)
        for bits in (8, 12)
        for widen in ((False, True) if few else (False,))
    ]
    return [shared, *each] if multiplier == 255 or 2 * (high - low).min() >= span else each


def exact_products(coef: np.ndarray, scale: Scale) -> tuple[Scale, Floats, int]:
    """For coefficients of raw inputs: a scaling that holds what rounding to int8 lost, int8
    weights, and their shift.
    """
    unit = 2.0**scale.shift
    per_unit = coef * unit / np.array(scale.multiplier)  # coefficient of each scaled input
    largest = max(np.abs(per_unit).max(), 1e-12)
    shift = int(np.clip(np.floor(np.log2(127 / largest)), 0, LINEAR_SHIFT))
    # away from zero, so that the multiplier only shrinks and its 16 bits and the range still hold
    weights = np.sign(per_unit) * np.ceil(np.abs(per_unit) * 2.0**shift - 1e-9)
    exact = np.where(weights == 0, 1, coef * unit * 2.0**shift / np.where(weights == 0, 1, weights))
    multiplier = np.clip(np.floor(exact + 0.5), 1, UINT16_MAX).astype(int)
    return replace(scale, multiplier=tuple(multiplier.tolist())), weights, shift


def whole_sums(
    coef: Floats, start: float, reach: Floats, gram: Floats
) -> Iterator[tuple[NDArray[np.int64], int]]:
    """Weights of inputs as they are, rounded together, and the shift of their sum: of 8 bits; of 16
    bits and whole bytes to drop, which costs an AVR nothing; of 16 bits in the finest steps.

    coef: (k,); start: what the sum is added to; reach: (k,), how far from 0 an input can be, for
    which the sum fits 32 bits; gram: (k, k), mean products of the inputs without their means.
    Nothing where the inputs' coefficients are too large.
    """
    largest = max(float(np.abs(coef).max()), 1e-12)
    sums = max(float(np.abs(coef) @ reach + abs(start)), 1e-12)
    told = set()
    for limit, whole_bytes in ((INT8_MAX, False), (INT16_MAX, True), (INT16_MAX, False)):
        shift = int(np.floor(np.log2(min(limit / largest, ACC_ROOM / sums))))
        shift = min(shift, LINEAR_SHIFT)
        if whole_bytes:
            shift -= shift % 8
        if shift >= 0 and (limit, shift) not in told:
            told.add((limit, shift))
            yield integer_descent(coef * 2.0**shift, gram, limit), shift


def finest_scaled(
    coef: Floats, start: float, gram: Floats, scale: Scale
) -> tuple[NDArray[np.int64], int] | None:
    """Weights of 16 bits behind a scaling, and their shift; coef, start and gram are those of the
    inputs as they are.
    """
    factor, offset = scale.frame
    inner, reach = coef / factor, np.full(len(coef), float(scale.zero))
    moved = float(start - inner @ offset)
    found = list(whole_sums(inner, moved, reach, gram * np.outer(factor, factor)))
    return found[-1] if found else None


def apply_all(nodes: Iterable[Node], raw: np.ndarray) -> np.ndarray:
    """Values behind a chain of nodes, int64 (n, width)."""
    for node in nodes:
        raw = node.apply(raw)
    return raw


def output_row(fit: LinearFit, root: Root, output: Quantity, weight_bits: int = 8) -> Dense:
    """The Dense node `v = coef . t + intercept` with jointly rounded coefficients.

    The step is the finest power of two that the largest coefficient allows, and the intercept is
    chosen again after rounding, so that the weighted mean error stays zero.
    """
    limit = (1 << (weight_bits - 1)) - 1
    largest = max(np.abs(fit.coef).max(initial=0.0), 1e-12)
    shift = int(np.clip(np.floor(np.log2(limit / largest)), 0, MAX_SHIFT))
    free = np.arange(len(fit.hessian)) == len(fit.coef)  # the intercept adapts
    weights = integer_descent(fit.coef * 2.0**shift, without_free(fit.hessian, free), limit)
    change = weights / 2.0**shift - fit.coef
    intercept = fit.intercept - fit.hessian[-1, :-1] @ change / max(fit.hessian[-1, -1], 1e-300)
    low, high = root.limits(output)
    bias = int(np.floor(intercept * 2**shift + 0.5))
    return Dense((tuple(weights.tolist()),), (bias,), shift, low, high)


def lean_of(nodes: tuple[Node, ...], rows: Rows, root: Root, v: np.ndarray) -> float:
    """Mean answer on the rows less that of the float sums `v`, raw."""
    answers = apply_all(nodes, rows.x)[:, 0]
    return float(np.average(answers - root.backward(v), weights=rows.weights))


def without_lean(
    nodes: tuple[Node, ...], lean: float, rows: Rows, root: Root, v: np.ndarray
) -> tuple[Node, ...]:
    """A chain that ends in a `Dense` of one row and the root's nodes, its bias moved against a mean
    error.
    """
    at = len(nodes) - len(root.nodes) - 1
    dense = nodes[at]
    assert isinstance(dense, Dense)
    slope = np.average(root.slope(v), weights=rows.weights)
    bias = dense.bias[0] - int(np.floor(lean / slope * 2**dense.shift + 0.5))
    return (*nodes[:at], replace(dense, bias=(bias,)), *nodes[at + 1 :])


def mean_error(
    nodes: tuple[Node, ...], x: np.ndarray, y: np.ndarray, counts: np.ndarray | None = None
) -> float:
    """Mean absolute raw error of a chain on rows, each counted as `counts` says."""
    return float(np.average(np.abs(apply_all(nodes, x)[:, 0] - y), weights=counts))


def narrowest(
    choices: Iterable[tuple[Node, ...]],
    x: np.ndarray,
    y: np.ndarray,
    float_error: float,
    counts: np.ndarray | None = None,
    alike: float = 0.0,
) -> tuple[Node, ...]:
    """The first chain whose error on the training rows is within TOLERANCE, else the first one that
    is worse than the best one by no more than the part `alike`.

    `choices` yields chains from the cheapest to the most exact one; one that cannot be bounded is
    passed over, unless nothing else is left.
    """
    found, unproven = list[tuple[float, tuple[Node, ...]]](), list[tuple[Node, ...]]()
    for nodes in choices:
        try:
            prove(nodes, x.shape[1])
        except ModelError:
            unproven.append(nodes)
            continue
        found.append((mean_error(nodes, x, y, counts), nodes))
        if found[-1][0] <= float_error * (1 + TOLERANCE):
            return nodes
    if not found:
        return next(iter(unproven), ())
    most = min(error for error, _ in found) * (1 + alike)
    return next(nodes for error, nodes in found if error <= most)
