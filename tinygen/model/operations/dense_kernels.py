"""Dot products beside the plain layer: kernels of whole linear models and small networks, which
store no scaled input and no unit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from ..nodes import fused
from ..views import Step, SumView, signed
from .dense import Dense, is_relu_layer
from .hidden_units import (
    NET_CYCLES,
    Grouped,
    group_lines,
    has_fine_sums,
    table_bytes,
    unit_lines,
)
from .scale import Scale
from .weight_rows import short_type

PAIRED = 8  # units from which on pairs of them are worth their code
HELD_INPUTS = range(2, 8)  # that registers of an AVR hold
KERNELS = {1: "net", 2: "pairs", 4: "quads"}  # by units computed at a time


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
    starts_lower: ClassVar[bool] = True
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
        zero = self.scale.zero * sum(self.output.weights[0])
        return self.output.start[0] - zero - self.lowered


@fused(Dense, Dense)
def relu_net(step: Step) -> ReluNetView | None:
    """A hidden layer and the one output that it feeds: each unit is added at once."""
    layer, output = step.nodes
    assert isinstance(layer, Dense)
    assert isinstance(output, Dense)
    if not is_relu_layer(layer, step.source_type, step.bounds[0]) or len(output.bias) != 1:
        return None
    return ReluNetView(step, (output.low, output.high), output.shift, layer, output)


@dataclass(frozen=True)
class ReluNetView(SumView, Grouped):
    """One to four units at a time; a last group is filled up with units that are always 0."""

    template: ClassVar[str] = "dense"
    macros: ClassVar[str] = "net"
    starts_lower: ClassVar[bool] = True
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
        groups = self.cycles(self._quickest, NET_CYCLES)
        return self.step.optimize == "speed" and fits and cycles < groups

    @property
    def fine(self) -> bool:
        return has_fine_sums(self.hidden_layer)

    @property
    def _quickest(self) -> int:
        return self.quickest((2, 4), NET_CYCLES)

    @property
    def size(self) -> int:
        if self.held:
            return 1
        if self.step.optimize == "speed":
            return self._quickest
        return 2 if self.step.optimize == "balanced" and self.units >= PAIRED else 1

    @property
    def weight_bits(self) -> int:
        return self.output.weight_bits

    @property
    def rom_bytes(self) -> int:
        return table_bytes(self.hidden_layer, self.size, self.weight_bits // 8)

    @property
    def acc_bits(self) -> int:
        return 32 if self.weight_bits == 16 else max(self.step.proven.acc_bits, 24)

    @property
    def kernel(self) -> str:
        ends = f"w{self.weight_bits}_{self.acc_bits}"
        if self.held:
            return f"tinygen_relu_held_{self.columns}_{ends}"
        if self.fine:
            return f"tinygen_fine_{KERNELS[self.size]}_{self.hidden_layer.shift}_{ends}"
        return f"tinygen_relu_{KERNELS[self.size]}_{short_type(self.step)}_{ends}"

    @property
    def start(self) -> int:
        return self.output.start[0] - self.lowered

    @property
    def hidden(self) -> str:
        return f"h{self.number}"

    @property
    def hidden_sum(self) -> str:
        """How the comment writes a unit before its ReLU."""
        if self.fine:
            return f"(bias + weights . {self.source}) / 2^{self.hidden_layer.shift}"
        return f"(bias * 2^8 + weights . {self.source}) / 2^8"

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
        shares = [self._share(v) for v in self.output.weights[0]]
        if self.size > 1:
            idle = [self._share(0)] * (self.groups * self.size - self.units)
            return group_lines(self.hidden_layer, self.size, [*shares, *idle])
        layer = held_layer(self.hidden_layer) if self.held else self.hidden_layer
        return [
            line for k, share in enumerate(shares) for line in unit_lines(layer, k, f"   {share}")
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
