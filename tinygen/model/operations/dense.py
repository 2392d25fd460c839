"""A layer of dot products; dense_kernels.py has those that one kernel computes with a neighbour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..fixedpoint import INT16_MAX, bits_for
from ..nodes import (
    INT32_MAX,
    MAX_WIDTH,
    Bounds,
    Integers,
    Node,
    clamped,
    fits_int16,
    integers,
    need,
    operation,
    prefix_bounds,
    within,
)
from ..views import FloatStep, FloatSumView, Step, SumView, fit_int16
from .hidden_units import (
    LAYER_CYCLES,
    Grouped,
    group_lines,
    has_fine_sums,
    table_bytes,
    unit_lines,
)
from .one_product import ProductView
from .scale import Scale
from .weight_rows import WeightRows, short_type

MAX_SHIFT = 24
FINE_SHIFTS = (1, 4)  # that kernels have for fine sums of int8 inputs
BYTE_SHIFT = 6  # of those whose units are bytes
INT8 = (-128, 127)
WORTH_PAIRS = 200  # cycles that pairs of a layer's units must save: their code takes 40 to 60 bytes
LAYERS = {1: "layer", 2: "layer_pairs", 4: "layer_quads"}  # by units computed at a time


@operation
@dataclass(frozen=True)
class Dense(Node):
    """`y = clamp(round((bias << bias_shift) + weights . x) / 2**shift, low, high)`; low = 0 is a
    ReLU, and so are limits of -128 and 127 in a hidden layer, whose zero is -128.

    weights: rows of int8 (|w| <= 127) or int16 (|w| <= 32767) integers; bias int32 per row.
    """

    op: ClassVar[str] = "dense"
    letter: ClassVar[str] = "s"
    takes_any_int16: ClassVar[bool] = True
    folds_scale: ClassVar[bool] = True
    weights: tuple[tuple[int, ...], ...]
    bias: tuple[int, ...]
    shift: int
    low: int
    high: int
    bias_shift: int = 0

    @property
    def weight_bits(self) -> int:
        return 8 if all(abs(w) <= 127 for row in self.weights for w in row) else 16

    @property
    def start(self) -> tuple[int, ...]:
        """What each accumulator starts from: the bias with the rounding constant added."""
        half = (1 << self.shift) >> 1
        return tuple((b << self.bias_shift) + half for b in self.bias)

    def weighs_scaled(self) -> bool:
        """True for one row of int8, which the kernels of linear models weigh."""
        return len(self.bias) == 1 and self.weight_bits == 8

    @property
    def is_relu(self) -> bool:
        return self.low == 0 and len(self.bias) > 1

    @property
    def is_in_bytes(self) -> bool:
        """True of several rows that are clamped to int8."""
        return (self.low, self.high) == INT8 and len(self.bias) > 1

    @property
    def lift(self) -> int:
        """What a kernel adds to each sum, so that the lower limit is at 0."""
        return -self.low << self.shift

    def result_letter(self) -> str:
        return "h" if self.is_relu or self.is_in_bytes else self.letter

    def apply(self, values: Integers) -> Integers:
        acc = values @ integers(self.weights).T + integers(self.start)
        return integers(np.clip(acc >> self.shift, self.low, self.high))

    def bounds(self, inside: Bounds) -> Bounds:
        need(len(self.weights) == len(self.bias), "dense: one bias per row")
        need(
            all(len(row) == len(inside.low) for row in self.weights), "dense: one weight per input"
        )
        fits_int16(inside, self.op)
        within("dense: rows", [len(self.weights)], 1, MAX_WIDTH)
        within("dense: weights", chain(*self.weights), -INT16_MAX, INT16_MAX)
        within("dense: shift", [self.shift], 0, MAX_SHIFT)
        within("dense: bias_shift", [self.bias_shift], 0, 16)
        within("dense: bias", [b << self.bias_shift for b in self.bias], -INT32_MAX, INT32_MAX)
        acc = sums_within(self.weights, self.start, inside)
        # C does not define a shift by the width of what is shifted
        bits = bits_for(*acc) or 32
        within(f"dense: shift of a sum of {bits} bits", [self.shift], 0, bits - 1)
        return clamped((self.low, self.high), len(self.bias), acc, self.op, self.shift)

    def view(self, step: Step) -> DenseView | ProductView:
        if len(self.bias) == len(self.weights[0]) == 1:
            (weight,), (start,) = self.weights[0], self.start
            return ProductView(step, (self.low, self.high), self.shift, weight, start)
        return DenseView(step, (self.low, self.high), self.shift, self)

    def float_view(self, step: FloatStep) -> DenseFloatView:
        return DenseFloatView(step, (self.low, self.high), self.shift, self)


def sums_within(
    weights: Sequence[Sequence[int]], start: Sequence[int], inside: Bounds
) -> tuple[int, int]:
    """Interval that holds every running sum of every row."""
    acc_low, acc_high = min(start), max(start)
    for row, first in zip(weights, start):
        ends = [sorted((w * a, w * b)) for w, a, b in zip(row, inside.low, inside.high)]
        low, high = prefix_bounds(first, [e[0] for e in ends], [e[1] for e in ends])
        acc_low, acc_high = min(acc_low, low), max(acc_high, high)
    return acc_low, acc_high


def has_kernel(node: Dense, source_type: str, proven: Bounds) -> bool:
    """True where the hand-written kernels compute this hidden layer, byte for byte.

    source_type: C type of its inputs; proven: of its own values and sums.
    """
    return is_relu_layer(node, source_type, proven) or is_byte_layer(node, source_type, proven)


def is_relu_layer(node: Dense, source_type: str, proven: Bounds) -> bool:
    """The same of a layer whose units are int16, which may have one output that takes them in."""
    return (
        len(node.bias) > 1
        and node.low == 0
        and node.high == INT16_MAX
        and node.weight_bits == 8
        and proven.acc_bits <= 24
        and (_drops_a_byte(node) or _is_fine(node, source_type, proven))
    )


def _drops_a_byte(node: Dense) -> bool:
    return node.shift == node.bias_shift == 8 and all(abs(b) <= INT16_MAX for b in node.bias)


def is_byte_layer(node: Dense, source_type: str, proven: Bounds) -> bool:
    """The same of a layer whose units are bytes: its kernel's sums have room for two more bits."""
    up = 8 - BYTE_SHIFT
    least, most = proven.acc_low + node.lift, proven.acc_high + node.lift
    return (
        node.is_in_bytes
        and node.weight_bits == 8
        and _is_in_single_steps(node, source_type, (BYTE_SHIFT,))
        and bits_for(least << up, most << up) in (16, 24)
    )


def _is_fine(node: Dense, source_type: str, proven: Bounds) -> bool:
    """True where units never leave int16."""
    return (
        _is_in_single_steps(node, source_type, FINE_SHIFTS)
        and proven.acc_high >> node.shift <= INT16_MAX
    )


def _is_in_single_steps(node: Dense, source_type: str, shifts: Sequence[int]) -> bool:
    """True for a layer of int8 inputs, its bias in single steps of the sum."""
    return source_type == "int8_t" and node.shift in shifts and node.bias_shift == 0


@dataclass(frozen=True)
class DenseView(WeightRows, SumView, Grouped):
    """A layer kernel, or a dot product for each row."""

    template: ClassVar[str] = "dense"
    macros: ClassVar[str] = "dense"
    starts_lower: ClassVar[bool] = True
    node: Dense

    @property
    def has_kernel(self) -> bool:
        return has_kernel(self.node, self.source_type, self.step.proven)

    @property
    def slow(self) -> str:
        hidden = self.node.is_relu or self.node.is_in_bytes
        if not hidden or self.has_kernel:
            return ""
        if self.weight_bits > 8:
            return "a hidden layer's weights take 16 bits"
        wide = self.step.proven.acc_bits > 24
        return f"a hidden layer's {'sums take 32 bits' if wide else 'scale is not 2^8'}"

    @property
    def units(self) -> int:
        return self.rows

    @property
    def size(self) -> int:
        if self.step.optimize == "speed":
            return self.quickest((1, 2, 4), LAYER_CYCLES)
        gain = self.cycles(1, LAYER_CYCLES) - self.cycles(2, LAYER_CYCLES)
        return 2 if self.step.optimize == "balanced" and gain >= WORTH_PAIRS else 1

    @property
    def places(self) -> int:
        """Of the array of results, in which the idle units of a last group have one as well."""
        return self.groups * self.size if self.has_kernel else self.rows

    @property
    def named(self) -> list[tuple[int, str]]:
        """Coefficient and name of each input, of one sum of the model's inputs."""
        if self.rows > 1 or self.step.before is not None:
            return []
        return list(zip(self.node.weights[0], self.step.names(self.columns)))

    @property
    def layer(self) -> str:
        if has_fine_sums(self.node):
            kind = "byte" if self.node.is_in_bytes else "fine"
            return f"tinygen_{kind}_{LAYERS[self.size]}_{self.node.shift}"
        return f"tinygen_relu_{LAYERS[self.size]}_{short_type(self.step)}"

    @property
    def layer_rows(self) -> list[str]:
        if self.size > 1:
            return group_lines(self.node, self.size)
        return [line for k in range(self.rows) for line in unit_lines(self.node, k)]

    @property
    def layer_bytes(self) -> int:
        return table_bytes(self.node, self.size)

    @property
    def type(self) -> str:
        if not self.has_kernel:
            return self.step.proven.c_type
        return "int8_t" if self.node.is_in_bytes else "int16_t"

    @property
    def bias_shift(self) -> int:
        return self.node.bias_shift

    @property
    def relu(self) -> bool:
        return self.node.is_relu or self.zero > 0

    @property
    def zero(self) -> int:
        """What a byte kernel takes from its units."""
        return -self.node.low if self.node.is_in_bytes and self.has_kernel else 0

    @property
    def acc_moved(self) -> int:
        return (self.node.lift if self.zero else 0) - self.lowered

    @property
    def biases(self) -> tuple[int, ...]:
        """What the bias table holds: with the rounding constant, unless a shift comes before it."""
        return self.node.bias if self.node.bias_shift else self.node.start

    @property
    def bias_bits(self) -> int:
        return 16 if fit_int16(self.biases) else 32

    @property
    def bias_unit(self) -> int:
        return 1 << self.node.bias_shift

    @property
    def half(self) -> int:
        """The rounding constant."""
        return (1 << self.node.shift) >> 1

    @property
    def start(self) -> int:
        """What the only accumulator starts from."""
        return self.node.start[0] - self.lowered

    @property
    def acc_bits(self) -> int:
        """Width of the narrowest kernel that exists for these operands."""
        if self.weight_bits == 16:
            return 32
        if self.zero:
            return 24
        proven = self.step.proven.acc_bits
        return max(proven, 24) if self.source_type == "int16_t" else proven

    @property
    def dot(self) -> str:
        return f"tinygen_dot_{short_type(self.step)}_w{self.weight_bits}_{self.acc_bits}"

    @property
    def rom_bytes(self) -> int:
        if self.has_kernel:
            return self.layer_bytes
        per_bias = 0 if self.rows == 1 else self.bias_bits // 8
        return self.weight_bytes + per_bias * self.rows


@dataclass(frozen=True)
class DenseFloatView(FloatSumView):
    """Plain sums; behind a Scale the coefficients take its factors and offsets in."""

    template: ClassVar[str] = "dense"
    node: Dense

    @property
    def folded(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coefficients and biases."""
        weights = np.array(self.node.weights, dtype=np.float64) / 2**self.node.shift
        bias = np.array(self.node.bias, dtype=np.float64)
        bias = bias * 2.0 ** (self.node.bias_shift - self.node.shift)
        if not isinstance(self.step.previous, Scale):
            return weights, bias
        factor, offset = self.step.previous.frame
        return weights * factor, bias + weights @ offset

    @property
    def weights(self) -> list[list[float]]:
        rows: list[list[float]] = self.folded[0].tolist()
        return rows

    @property
    def bias(self) -> list[float]:
        biases: list[float] = self.folded[1].tolist()
        return biases

    @property
    def clamp_low(self) -> float | None:
        return 0 if self.saturates_at_int16 else super().clamp_low

    @property
    def clamp_high(self) -> float | None:
        return None if self.saturates_at_int16 else super().clamp_high

    @property
    def saturates_at_int16(self) -> bool:
        """A hidden layer's upper limit, which only the integers need."""
        return self.node.is_relu and self.node.high == INT16_MAX
