"""How many inputs lie outside their usual interval: the guard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..fixedpoint import INT16_MAX
from ..nodes import Bounds, Integers, Node, fits_int16, integers, need, operation, within
from ..views import FloatStep, FloatView, Step, View


@operation
@dataclass(frozen=True)
class Outside(Node):
    """Number of inputs outside their interval [low, high]."""

    op: ClassVar[str] = "outside"
    letter: ClassVar[str] = "count"
    takes_any_int16: ClassVar[bool] = True
    low: tuple[int, ...]
    high: tuple[int, ...]

    def apply(self, values: Integers) -> Integers:
        out = (values < integers(self.low)) | (values > integers(self.high))
        return integers(out.sum(axis=1, keepdims=True))

    def bounds(self, inside: Bounds) -> Bounds:
        need(len(self.low) == len(self.high) == len(inside.low), "outside: one interval per input")
        fits_int16(inside, self.op)
        within("outside: lowest usual value", self.low, -INT16_MAX, INT16_MAX)
        within("outside: highest usual value", self.high, -INT16_MAX, INT16_MAX)
        need(all(a <= b for a, b in zip(self.low, self.high)), "outside: low <= high")
        return Bounds((0,), (len(self.low),))

    def view(self, step: Step) -> OutsideView:
        return OutsideView(step, self)

    def float_view(self, step: FloatStep) -> OutsideFloatView:
        return OutsideFloatView(step, self)


@dataclass(frozen=True)
class OutsideView(View):
    template: ClassVar[str] = "outside"
    macros: ClassVar[str] = "outside"
    node: Outside

    @property
    def type(self) -> str:
        return "uint8_t"

    @property
    def inputs(self) -> list[tuple[int, int, str]]:
        """Lowest and highest usual value and name of each."""
        low, high = self.node.low, self.node.high
        return list(zip(low, high, self.step.names(len(low))))

    @property
    def rom_bytes(self) -> int:
        return 4 * len(self.node.low)


@dataclass(frozen=True)
class OutsideFloatView(FloatView):
    template: ClassVar[str] = "outside"
    whole: ClassVar[bool] = True
    node: Outside

    @property
    def intervals(self) -> list[tuple[int, int]]:
        return list(zip(self.node.low, self.node.high))
