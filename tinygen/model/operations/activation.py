"""One piecewise-linear curve for every element: tanh, the logistic function, a kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..fixedpoint import INT16_MAX
from ..nodes import Bounds, Integers, Node, fits_int16, integers, operation
from ..views import FloatStep, FloatView, Step, View
from .lookup import Curve, CurveView, FloatCurve, within_limits


@operation
@dataclass(frozen=True)
class Activation(Node):
    """Every element through the same table, whose node k stands at `origin + (k << step_bits)`."""

    op: ClassVar[str] = "activation"
    letter: ClassVar[str] = "a"
    origin: int
    step_bits: int
    table: tuple[int, ...]

    @property
    def curve(self) -> Curve:
        return Curve(0, self.origin, self.step_bits, self.table)

    def apply(self, values: Integers) -> Integers:
        return integers(self.curve.apply(values))

    def bounds(self, inside: Bounds) -> Bounds:
        fits_int16(inside, self.op)
        within_limits(self.curve, self.op)
        width = len(inside.low)
        return Bounds((min(self.table),) * width, (max(self.table),) * width)

    def view(self, step: Step) -> ActivationView:
        return ActivationView(step, self)

    def float_view(self, step: FloatStep) -> ActivationFloatView:
        return ActivationFloatView(step, self)


@dataclass(frozen=True)
class ActivationView(View):
    """A table, and a loop over the elements."""

    template: ClassVar[str] = "activation"
    macros: ClassVar[str] = "activation"
    node: Activation

    @property
    def curve(self) -> CurveView:
        before = self.step.before
        most = INT16_MAX if before is None else max(before.high)
        return CurveView(self.node.curve, self.prefix, "", most)

    @property
    def rom_bytes(self) -> int:
        return 2 * len(self.node.table)


@dataclass(frozen=True)
class ActivationFloatView(FloatView):
    template: ClassVar[str] = "activation"
    node: Activation

    @property
    def curve(self) -> FloatCurve:
        return FloatCurve(self.node.curve)
