"""Products of scaled inputs, and the kernel that sums them as a sparse polynomial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

import numpy as np

from ..fixedpoint import round_shift
from ..nodes import Bounds, Integers, Node, fused, integers, operation, within
from ..views import FloatStep, FloatView, Step, SumView, View, right_shift
from .dense import Dense
from .scale import Scale, ScaleView

MAX_PLACES = 255  # places in an array that a byte can name


@operation
@dataclass(frozen=True)
class Monomials(Node):
    """Products of one to three scaled inputs, all brought to `2 * input_bits` fractional steps.

    With |u| <= 2**bits: degree 1 gives `u << bits`, degree 2 `u * v`, degree 3
    `round(u * v * w / 2**bits)`.
    """

    op: ClassVar[str] = "monomials"
    letter: ClassVar[str] = "t"
    terms: tuple[tuple[int, ...], ...]
    bits: int

    def apply(self, values: Integers) -> Integers:
        return np.stack([self._term(values, term) for term in self.terms], axis=1)

    def _term(self, values: Integers, term: tuple[int, ...]) -> Integers:
        first = values[:, term[0]]
        if len(term) == 1:
            return integers(first << self.bits)
        product = first * values[:, term[1]]
        if len(term) == 2:
            return integers(product)
        return integers(round_shift(product * values[:, term[2]], self.bits))

    def bounds(self, inside: Bounds) -> Bounds:
        within("monomials: degree", map(len, self.terms), 1, 3)
        within("monomials: source", chain(*self.terms), 0, len(inside.low) - 1)
        within("monomials: bits", [self.bits], 1, 7)  # so that a square fits int16
        largest = 1 << self.bits
        within("monomials: inputs", (*inside.low, *inside.high), -largest, largest)
        low, high, widest = [], [], 0
        for term in self.terms:
            a, b = inside.low[term[0]], inside.high[term[0]]
            for k, index in enumerate(term[1:]):
                a, b = _product_interval(
                    a, b, inside.low[index], inside.high[index], square=index == term[0] and k == 0
                )
                widest = max(widest, abs(a), abs(b))
                if k:
                    widest += 1 << (self.bits - 1)
                    a, b = round_shift(a, self.bits), round_shift(b, self.bits)
            low.append(a << self.bits if len(term) == 1 else a)
            high.append(b << self.bits if len(term) == 1 else b)
        return Bounds(tuple(low), tuple(high), -widest, widest)

    def view(self, step: Step) -> MonomialsView:
        return MonomialsView(step, self)

    def float_view(self, step: FloatStep) -> MonomialsFloatView:
        return MonomialsFloatView(step, self)


def _product_interval(a: int, b: int, c: int, d: int, square: bool) -> tuple[int, int]:
    ends = (a * c, a * d, b * c, b * d)
    return (0 if square and a <= 0 <= b else min(ends)), max(ends)


@dataclass(frozen=True)
class MonomialsView(View):
    """One assignment per term; multiplication instead of << keeps negative values defined."""

    template: ClassVar[str] = "monomials"
    macros: ClassVar[str] = "monomials"
    node: Monomials

    @property
    def terms(self) -> tuple[tuple[int, ...], ...]:
        return self.node.terms

    @property
    def unit(self) -> int:
        return 1 << self.node.bits

    def cube(self, term: Sequence[int]) -> str:
        """C for a product of three inputs, rounded."""
        a, b, c = (f"{self.source}[{k}]" for k in term)
        product = f"((int32_t)({a} * {b}) * {c} + {self.unit >> 1})"
        held = self.step.proven.acc_low, self.step.proven.acc_high
        return right_shift(product, 32, held, self.node.bits, self.step.optimize)


@dataclass(frozen=True)
class MonomialsFloatView(FloatView):
    template: ClassVar[str] = "monomials"
    node: Monomials

    @property
    def terms(self) -> list[tuple[tuple[int, ...], float]]:
        """Inputs and factor of each term."""
        factor = {1: 2.0**self.node.bits, 2: 1.0, 3: 2.0**-self.node.bits}
        return [(term, factor[len(term)]) for term in self.node.terms]


@fused(Scale, Monomials, Dense)
def terms(step: Step) -> TermsView | None:
    """A sparse polynomial up to degree 2: one loop over its terms, no product is ever stored."""
    scale, monomials, output = step.nodes
    assert isinstance(scale, Scale)
    assert isinstance(monomials, Monomials)
    assert isinstance(output, Dense)
    if (
        step.optimize == "speed"
        or scale.kernel != "tinygen_scale_bytes"
        or not step.reads_int16
        or len(output.bias) != 1
        or max(map(len, monomials.terms)) > 2
        or len(scale.low) >= MAX_PLACES
    ):
        return None
    limits = output.low, output.high
    return TermsView(step, limits, output.shift, scale, monomials, output)


@dataclass(frozen=True)
class TermsView(SumView):
    """Scaled inputs with one more element, by which a term of one input is a product too."""

    template: ClassVar[str] = "monomials"
    macros: ClassVar[str] = "terms"
    starts_lower: ClassVar[bool] = True
    scale_node: Scale
    monomials: Monomials
    output: Dense

    @property
    def scale(self) -> ScaleView:
        return ScaleView(self.step.front(1), self.scale_node, spare=1)

    @property
    def number(self) -> int:
        return self.step.number + 1

    @property
    def source(self) -> str:
        return self.scale.out

    @property
    def one(self) -> int:
        """Place of that element."""
        return len(self.scale_node.low)

    @property
    def one_value(self) -> int:
        return -(1 << self.monomials.bits)

    @property
    def weight_bits(self) -> int:
        return self.output.weight_bits

    @property
    def acc_bits(self) -> int:
        return 32 if self.weight_bits == 16 else max(self.step.proven.acc_bits, 24)

    @property
    def kernel(self) -> str:
        return f"tinygen_terms_w{self.weight_bits}_{self.acc_bits}"

    @property
    def start(self) -> int:
        return self.output.start[0] - self.lowered

    @property
    def terms(self) -> list[tuple[int, int, int]]:
        """Two places and the coefficient of their product."""
        return [
            (t[0], t[1], w) if len(t) == 2 else (t[0], self.one, -w)
            for t, w in zip(self.monomials.terms, self.output.weights[0])
        ]

    @property
    def table_bytes(self) -> int:
        return (2 + self.weight_bits // 8) * len(self.monomials.terms)

    @property
    def rom_bytes(self) -> int:
        return self.scale.rom_bytes + self.table_bytes
