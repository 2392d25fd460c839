"""Dot products beside the plain layer: kernels of whole linear models and small networks, which
store no scaled input and no unit, and the layer that rounds as TensorFlow Lite does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    fused,
    integers,
    need,
    operation,
    prefix_bounds,
    within,
)
from ..views import FloatStep, FloatSumView, Step, SumView, View, signed
from .dense import Dense, WideRows, is_relu_layer, short_type, unit_row
from .scale import Scale

PAIRED = 8  # units from which on pairs of them are worth their code
HELD_INPUTS = range(2, 8)  # that registers of an AVR hold
KERNELS = {1: "net", 2: "pairs", 4: "quads"}  # by units computed at a time
KERNEL_CYCLES = {2: 16.5, 4: 14.75}  # per int16 input and unit
MOST_SUM = 2**29 - 1  # four times it fits 32 bits
TOGETHER = {1: "", 2: "two", 4: "four"}


@fused(Scale, Dense)
def linear(step: Step) -> LinearView | None:
    """Scaled inputs and the one row that weighs them: each input is added at once."""
    scale, output = step.nodes
    assert isinstance(scale, Scale)
    assert isinstance(output, Dense)
    if (
        scale.kernel != "tinygen_scale_words"
        or not step.reads_int16
        or len(output.bias) != 1
        or output.weight_bits != 8
    ):
        return None
    return LinearView(step, (output.low, output.high), output.shift, scale, output)


@dataclass(frozen=True)
class LinearView(SumView):
    """`zero` of the scaling moves into the start.

    The proven interval holds for these sums too: both ways every share's interval holds 0, so that
    the partial sums lie between the same two ends.
    """

    template: ClassVar[str] = "dense"
    macros: ClassVar[str] = "linear"
    scale: Scale
    output: Dense

    @property
    def inputs(self) -> int:
        return len(self.scale.low)

    @property
    def rom_bytes(self) -> int:
        return 5 * self.inputs

    @property
    def rows(self) -> list[tuple[int, int, int, str]]:
        """Low, multiplier, coefficient and name of each input."""
        scale, (weights,) = self.scale, self.output.weights
        return list(zip(scale.low, scale.multiplier, weights, self.step.names(self.inputs)))

    @property
    def scale_shift(self) -> int:
        return self.scale.shift

    @property
    def top(self) -> int:
        return self.scale.top

    @property
    def acc_bits(self) -> int:
        return max(self.step.proven.acc_bits, 24)

    @property
    def kernel(self) -> str:
        return f"tinygen_linear_w8_{self.acc_bits}"

    @property
    def start(self) -> int:
        return self.output.start[0] - self.scale.zero * sum(self.output.weights[0])


@fused(Dense, Dense)
def relu_net(step: Step) -> ReluNetView | None:
    """A hidden layer and the one output that it feeds: each unit is added at once."""
    layer, output = step.nodes
    assert isinstance(layer, Dense)
    assert isinstance(output, Dense)
    if not is_relu_layer(layer, step.bounds[0]) or len(output.bias) != 1:
        return None
    return ReluNetView(step, (output.low, output.high), output.shift, layer, output)


@dataclass(frozen=True)
class ReluNetView(SumView):
    """One to four units at a time; a last group is filled up with units that are always 0."""

    template: ClassVar[str] = "dense"
    macros: ClassVar[str] = "net"
    hidden_layer: Dense
    output: Dense

    @property
    def units(self) -> int:
        return len(self.hidden_layer.bias)

    @property
    def columns(self) -> int:
        return len(self.hidden_layer.weights[0])

    @property
    def held(self) -> bool:
        """True where the inputs stay in registers, and that is the quickest."""
        fits = short_type(self.step) == "s16" and self.columns in HELD_INPUTS
        # each with what it takes to load, and to save and restore the registers
        cycles = self.units * (12 * self.columns + 30) + 17 * self.columns + 5
        groups = min(map(self.group_cycles, (2, 4)))
        return self.step.optimize == "speed" and fits and cycles < groups

    def group_cycles(self, size: int) -> float:
        """Of so many units at a time, idle ones among them."""
        return -(-self.units // size) * size * (KERNEL_CYCLES[size] * self.columns + 29)

    @property
    def size(self) -> int:
        """How many units are computed at a time: 1, 2 or 4."""
        if self.held:
            return 1
        if self.step.optimize == "speed":
            return min((4, 2), key=self.group_cycles)
        return 2 if self.step.optimize == "balanced" and self.units >= PAIRED else 1

    @property
    def groups(self) -> int:
        return -(-self.units // self.size)

    @property
    def together(self) -> str:
        """`size` as a word, empty for one at a time."""
        return TOGETHER[self.size]

    @property
    def weight_bits(self) -> int:
        return self.output.weight_bits

    @property
    def rom_bytes(self) -> int:
        return self.size * self.groups * (self.columns + 2 + self.weight_bits // 8)

    @property
    def acc_bits(self) -> int:
        return 32 if self.weight_bits == 16 else max(self.step.proven.acc_bits, 24)

    @property
    def kernel(self) -> str:
        ends = f"{short_type(self.step)}_w{self.weight_bits}_{self.acc_bits}"
        if self.held:
            return f"tinygen_relu_held_{self.columns}_w{self.weight_bits}_{self.acc_bits}"
        return f"tinygen_relu_{KERNELS[self.size]}_{ends}"

    @property
    def start(self) -> int:
        return self.output.start[0]

    @property
    def hidden(self) -> str:
        return f"h{self.number}"

    @property
    def hidden_range(self) -> str:
        proven = self.step.bounds[0]
        return f"{min(proven.low)} .. {max(proven.high)}"

    @property
    def hidden_sums(self) -> str:
        proven = self.step.bounds[0]
        return f"{proven.acc_low} .. {proven.acc_high}"

    @property
    def rows(self) -> list[str]:
        """Rows of the table: biases, coefficients of each input in turn, shares in the output."""
        shares = self.output.weights[0]
        if self.size == 1:
            layer = held_layer(self.hidden_layer) if self.held else self.hidden_layer
            return [f"{unit_row(layer, k)}   {self._share(v)}" for k, v in enumerate(shares)]
        return [row for at in range(0, self.units, self.size) for row in self._group(at)]

    def _group(self, at: int) -> list[str]:
        layer, together = self.hidden_layer, self.size
        units = range(at, min(at + together, self.units))
        idle = [0] * (together - len(units))
        columns = [[layer.weights[k][i] for k in units] + idle for i in range(self.columns)]
        biases = [layer.bias[k] for k in units] + idle
        inputs = ["".join(f" {w:4d}," for w in column) for column in columns]
        shares = [self.output.weights[0][k] for k in units] + idle
        wide = 16 // together
        return [
            f"/* units {', '.join(str(k + 1) for k in units)} */ "
            + " ".join(f"TINYGEN_BYTES({bias})," for bias in biases),
            *("  ".join(inputs[k : k + wide]) for k in range(0, len(inputs), wide)),
            " " + " ".join(self._share(share) for share in shares),
        ]

    def _share(self, value: int) -> str:
        return f"TINYGEN_BYTES({value})," if self.weight_bits == 16 else f"{value:4d},"


def held_layer(layer: Dense) -> Dense:
    """The layer as tinygen_relu_held_* reads it: the top bit of each weight turned, and 2**7 times
    their sum taken from the bias, in 16 bits.
    """
    sums = [b - 128 * sum(row) for b, row in zip(layer.bias, layer.weights)]
    bias = tuple(signed(b & 0xFFFF, 16) for b in sums)
    turned = tuple(tuple(signed(w + 128, 8) for w in row) for row in layer.weights)
    return replace(layer, weights=turned, bias=bias)


# ---- as TensorFlow Lite rounds ----


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
    saturates: ClassVar[bool] = True
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
