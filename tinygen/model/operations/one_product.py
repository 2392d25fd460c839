"""A sum of one product: no table and no loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..fixedpoint import INT8_MAX, bits_for
from ..views import SumView


@dataclass(frozen=True)
class ProductView(SumView):
    """A Dense of one weight for one value, such as the step of a forest's leaves."""

    template: ClassVar[str] = "dense"
    macros: ClassVar[str] = "product"
    weight: int
    start: int

    @property
    def acc_bits(self) -> int:
        """Width that the product has room in, and what it is added to."""
        proven = self.step.proven
        low, high = proven.acc_low - self.start, proven.acc_high - self.start
        return bits_for(min(low, proven.acc_low), max(high, proven.acc_high))

    @property
    def formula(self) -> str:
        """What the step computes, the rounding constant added to the bias."""
        text = self.source if self.weight == 1 else f"{self.weight} * {self.source}"
        if self.start:
            text += f" {'-' if self.start < 0 else '+'} {abs(self.start)}"
        if not self.shift:
            return text
        return f"{f'({text})' if self.start or self.weight != 1 else text} / 2^{self.shift}"

    @property
    def product(self) -> str:
        """C for it, in the accumulator's type."""
        x, w = f"{self.source}[0]", self.weight
        if w == 1:
            return f"({self.acc_type}){x}"
        if w > 0 and w & (w - 1) == 0:  # compilers shift
            return f"({self.acc_type})(({self.acc_type}){x} * {w})"
        if abs(w) > INT8_MAX:
            return f"({self.acc_type})((int32_t){x} * {w})"
        if self.source_type == "int16_t":
            return f"({self.acc_type})tinygen_times_s16_w8({x}, {w})"
        return f"({self.acc_type})((int16_t){x} * {w})"
