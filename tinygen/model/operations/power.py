"""Undoes a root taken of the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..fixedpoint import round_shift
from ..nodes import UINT16_MAX, Bounds, Integers, Node, integers, operation, within
from ..views import FloatStep, FloatView, Step, View

ROOTS = {2: "square", 3: "cube"}
FINE = 18  # bits that a fine square drops


@operation
@dataclass(frozen=True)
class Power(Node):
    """`round(v**2 / 2**16)` or `round((v**2 >> 16) * v / 2**16)` for v in 0..65535.

    Degree 2 undoes `v = 256 * sqrt(y)`, degree 3 `v = 2**(32/3) * cbrt(y)`. A fine square,
    `round(v**2 / 2**18)`, undoes `v = 512 * sqrt(y)`.
    """

    op: ClassVar[str] = "power"
    letter: ClassVar[str] = "y"
    degree: int
    fine: bool = False

    def plain(self) -> dict[str, Any]:
        return super().plain() if self.fine else {"degree": self.degree}

    def apply(self, values: Integers) -> Integers:
        product = values * values
        if self.fine:
            return integers(round_shift(product, FINE))
        if self.degree == 3:
            product = (product >> 16) * values
        return integers(round_shift(product, 16))

    def bounds(self, inside: Bounds) -> Bounds:
        within("power: degree", [self.degree], min(ROOTS), 2 if self.fine else max(ROOTS))
        within("power: inputs", [len(inside.low)], 1, 1)
        # the upper half of 65535**2 has no room for what rounds a fine square
        within("power: input", (*inside.low, *inside.high), 0, UINT16_MAX - self.fine)
        high = tuple(int(self.apply(integers([[h]]))[0, 0]) for h in inside.high)
        # products are uint32_t in C: 65535**2 + 2**15 < 2**32
        return Bounds(tuple(int(self.apply(integers([[a]]))[0, 0]) for a in inside.low), high)

    def view(self, step: Step) -> PowerView:
        return PowerView(step, ROOTS[self.degree], self.fine)

    def float_view(self, step: FloatStep) -> PowerFloatView:
        return PowerFloatView(step, self.degree, self.fine)


@dataclass(frozen=True)
class PowerView(View):
    template: ClassVar[str] = "power"
    macros: ClassVar[str] = "power"
    root: str  # "square" or "cube"
    fine: bool


@dataclass(frozen=True)
class PowerFloatView(FloatView):
    template: ClassVar[str] = "power"
    degree: int
    fine: bool

    @property
    def unit(self) -> float:
        """What one step of the power is worth."""
        return 2.0 ** (-FINE if self.fine else -16 * (self.degree - 1))
