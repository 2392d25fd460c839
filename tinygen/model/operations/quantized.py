"""The layer that rounds as TensorFlow Lite does."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..fixedpoint import INT16_MAX
from ..nodes import (
    INT32_MAX,
    MAX_WIDTH,
    Bounds,
    Integers,
    Node,
    fits_int16,
    integers,
    need,
    operation,
    prefix_bounds,
    within,
)
from ..views import FloatStep, FloatSumView, Step, View
from .weight_rows import WideRows

MOST_SUM = 2**29 - 1  # four times it fits 32 bits


@operation
@dataclass(frozen=True)
class QuantizedDense(Node):
    """`y = clamp(round(acc * multiplier / 2**(32 + shift)) + zero, low, high)` with `acc = bias +
    weights . x`: the single rounding of TFLite's reference kernels for int8, bit for bit.

    weights: rows of int8 or int16 integers; rows of one number weigh element k of as many inputs.
    bias: int32, multiplier: 0 .. 2**31 - 1 and shift: 1 .. 30, each per row.
    """

    op: ClassVar[str] = "quantized_dense"
    letter: ClassVar[str] = "q"
    takes_any_int16: ClassVar[bool] = True
    twice: ClassVar[bool] = False
    weights: tuple[tuple[int, ...], ...]
    bias: tuple[int, ...]
    multiplier: tuple[int, ...]
    shift: tuple[int, ...]
    zero: int
    low: int
    high: int

    @property
    def elementwise(self) -> bool:
        return len(self.weights[0]) == 1

    @property
    def weight_bits(self) -> int:
        return 8 if all(abs(w) <= 127 for row in self.weights for w in row) else 16

    def apply(self, values: Integers) -> Integers:
        weights = integers(self.weights)
        acc = values * weights[:, 0] if self.elementwise else values @ weights.T
        found = self.rounded(acc + integers(self.bias)) + self.zero
        return integers(np.clip(found, self.low, self.high))

    def rounded(self, acc: Integers) -> Integers:
        """The sums times their factors."""
        high = (acc * integers(self.multiplier)) >> 32
        return integers(((high >> (integers(self.shift) - 1)) + 1) >> 1)

    def bounds(self, inside: Bounds) -> Bounds:
        rows = len(self.weights)
        within(f"{self.op}: rows", [rows], 1, MAX_WIDTH)
        need(
            rows == len(self.bias) == len(self.multiplier) == len(self.shift),
            f"{self.op}: a bias, multiplier and shift per row",
        )
        width = len(inside.low) if rows != len(inside.low) or not self.elementwise else 1
        need(all(len(row) == width for row in self.weights), f"{self.op}: one weight per input")
        fits_int16(inside, self.op)
        within(f"{self.op}: weights", chain(*self.weights), -INT16_MAX, INT16_MAX)
        within(f"{self.op}: bias", self.bias, -INT32_MAX, INT32_MAX)
        within(f"{self.op}: multiplier", self.multiplier, 0, INT32_MAX)
        within(f"{self.op}: shift", self.shift, 1, 30)
        within(f"{self.op}: zero", [self.zero], -128, 127)
        need(-128 <= self.low <= self.high <= 127, f"{self.op}: low and high are int8")
        acc_low, acc_high = min(self.bias), max(self.bias)
        for k, (row, start) in enumerate(zip(self.weights, self.bias)):
            places = [k] if self.elementwise and len(inside.low) > 1 else range(len(inside.low))
            ends = [sorted((w * inside.low[p], w * inside.high[p])) for w, p in zip(row, places)]
            low, high = prefix_bounds(start, [e[0] for e in ends], [e[1] for e in ends])
            acc_low, acc_high = min(acc_low, low), max(acc_high, high)
        return Bounds((self.low,) * rows, (self.high,) * rows, acc_low, acc_high)

    def view(self, step: Step) -> QuantizedDenseView:
        return QuantizedDenseView(step, self)

    def float_view(self, step: FloatStep) -> QuantizedDenseFloatView:
        return QuantizedDenseFloatView(step, (self.low, self.high), 0, self)


@operation
@dataclass(frozen=True)
class QuantizedConv(QuantizedDense):
    """The same rounded as TFLite's kernels of convolutions do: `acc * multiplier / 2**31` half up,
    then that by `2**(shift + 1)` half away from 0. Sums within 29 bits.
    """

    op: ClassVar[str] = "quantized_conv"
    twice: ClassVar[bool] = True

    def rounded(self, acc: Integers) -> Integers:
        once = ((4 * acc * integers(self.multiplier) >> 32) + 1) >> 1
        return integers((((once - (once < 0)) >> integers(self.shift)) + 1) >> 1)

    def bounds(self, inside: Bounds) -> Bounds:
        found = super().bounds(inside)
        within("quantized_conv: sums", (found.acc_low, found.acc_high), -MOST_SUM, MOST_SUM)
        return found


@dataclass(frozen=True)
class QuantizedDenseView(WideRows, View):
    """A loop over the rows, with one 32 x 32 bit product each."""

    template: ClassVar[str] = "dense"
    macros: ClassVar[str] = "quantized"
    node: QuantizedDense

    @property
    def divisor(self) -> str:
        """What the comment says of the sums' factor."""
        return "2^31, rounded, / 2^(shift + 1)" if self.node.twice else "2^(32 + shift)"

    @property
    def plus_zero(self) -> str:
        return f"{'-' if self.node.zero < 0 else '+'} {abs(self.node.zero)}"

    @property
    def place(self) -> str:
        """Where a row's inputs start."""
        before = self.step.before
        inputs = len(self.step.input_names) if before is None else len(before.low)
        return f"{self.source} + i" if self.node.elementwise and inputs > 1 else self.source

    @property
    def rom_bytes(self) -> int:
        return self.weight_bytes + 9 * self.rows


@dataclass(frozen=True)
class QuantizedDenseFloatView(FloatSumView):
    """Plain sums of the same coefficients; a row of one number is spread over the inputs."""

    template: ClassVar[str] = "dense"
    node: QuantizedDense

    @property
    def gains(self) -> NDArray[np.float64]:
        shift = np.array(self.node.shift, dtype=np.float64) + 32
        return np.array(self.node.multiplier, dtype=np.float64) / 2.0**shift

    @property
    def weights(self) -> list[list[float]]:
        weights = np.array(self.node.weights, dtype=np.float64) * self.gains[:, None]
        if self.node.elementwise and self.columns > 1:
            weights = np.diag(weights[:, 0])
        rows: list[list[float]] = weights.tolist()
        return rows

    @property
    def bias(self) -> list[float]:
        found: list[float] = (np.array(self.node.bias) * self.gains + self.node.zero).tolist()
        return found

    @property
    def clamp_low(self) -> float | None:
        return self.node.low

    @property
    def clamp_high(self) -> float | None:
        return self.node.high
