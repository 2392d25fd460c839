"""Undoes a root taken of the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..fixedpoint import round_shift
from ..nodes import UINT16_MAX, Bounds, Integers, Node, integers, operation, within
from ..views import FloatStep, FloatView, Step, View

ROOTS = {2: "square", 3: "cube"}


@operation
@dataclass(frozen=True)
class Power(Node):
    """`round(v**2 / 2**16)` or `round((v**2 >> 16) * v / 2**16)` for v in 0..65535.

    Degree 2 undoes `v = 256 * sqrt(y)`, degree 3 `v = 2**(32/3) * cbrt(y)`.
    """

    op: ClassVar[str] = "power"
    letter: ClassVar[str] = "y"
    degree: int

    def apply(self, values: Integers) -> Integers:
        product = values * values
        if self.degree == 3:
            product = (product >> 16) * values
        return integers(round_shift(product, 16))

    def bounds(self, inside: Bounds) -> Bounds:
        within("power: degree", [self.degree], min(ROOTS), max(ROOTS))
        within("power: inputs", [len(inside.low)], 1, 1)
        within("power: input", (*inside.low, *inside.high), 0, UINT16_MAX)
        high = tuple(int(self.apply(integers([[h]]))[0, 0]) for h in inside.high)
        # products are uint32_t in C: 65535**2 + 2**15 < 2**32
        return Bounds(tuple(int(self.apply(integers([[a]]))[0, 0]) for a in inside.low), high)

    def view(self, step: Step) -> PowerView:
        return PowerView(step, ROOTS[self.degree])

    def float_view(self, step: FloatStep) -> PowerFloatView:
        return PowerFloatView(step, self.degree)


@dataclass(frozen=True)
class PowerView(View):
    template: ClassVar[str] = "power"
    macros: ClassVar[str] = "power"
    root: str  # "square" or "cube"


@dataclass(frozen=True)
class PowerFloatView(FloatView):
    template: ClassVar[str] = "power"
    degree: int

    @property
    def unit(self) -> float:
        """What one step of the power is worth."""
        return 2.0 ** (-16 * (self.degree - 1))
