"""Undoes a logarithm taken of the target."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import ClassVar

from ..nodes import Bounds, Integers, Node, integers, operation, within
from ..views import FloatStep, FloatView, Step, View


@operation
@dataclass(frozen=True)
class Exp2(Node):
    """`round(2**(v / 4096))` for v in 0..61439.

    With v / 4096 = k + f, 2**f is 1 + f - f (1 - f) (0.305 + 0.077 f), 16 bits wide.
    """

    op: ClassVar[str] = "exp2"
    letter: ClassVar[str] = "y"
    octave: ClassVar[int] = 4096  # steps of the input
    most: ClassVar[int] = 15 * octave - 1  # largest input

    def apply(self, values: Integers) -> Integers:
        f = (values & 4095) << 4
        bulge = f * (-f & 0xFFFF) >> 16
        mantissa = 32768 + (f >> 1) - (bulge * (20000 + (f * 5050 >> 16)) >> 17)
        return integers(((mantissa >> (14 - (values >> 12))) + 1) >> 1)

    def bounds(self, inside: Bounds) -> Bounds:
        # ascending for every v, which the tests go through
        within("exp2: inputs", [len(inside.low)], 1, 1)
        within("exp2: input", (*inside.low, *inside.high), 0, self.most)
        low, high = (self.apply(integers(ends)).tolist() for ends in (inside.low, inside.high))
        return Bounds(tuple(low), tuple(high))

    def view(self, step: Step) -> Exp2View:
        return Exp2View(step)

    def float_view(self, step: FloatStep) -> Exp2FloatView:
        return Exp2FloatView(step)


@dataclass(frozen=True)
class Exp2View(View):
    template: ClassVar[str] = "exp2"
    macros: ClassVar[str] = "exp2"


@dataclass(frozen=True)
class Exp2FloatView(FloatView):
    template: ClassVar[str] = "exp2"
    per_step: ClassVar[float] = log(2) / Exp2.octave
