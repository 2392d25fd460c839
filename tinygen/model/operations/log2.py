"""Logarithms of inputs that span several octaves."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import ClassVar

import numpy as np

from ..nodes import Bounds, Integers, Node, fits_int16, integers, need, operation, within
from ..views import FloatStep, FloatView, Step, View


@operation
@dataclass(frozen=True)
class Log2(Node):
    """Base-2 logarithm of some inputs, 2048 steps an octave; the other inputs pass. Values below 1
    count as 1.

    With x = 2**k * (1 + t), log2(1 + t) is t + t (1 - t) (216 - 80 t) / 512; the error stays within
    0.004.
    """

    op: ClassVar[str] = "log2"
    letter: ClassVar[str] = "l"
    saturates: ClassVar[bool] = True
    octave: ClassVar[int] = 2048  # steps of the result
    most: ClassVar[int] = 15 * octave  # above log2 of every int16
    columns: tuple[int, ...]

    def apply(self, values: Integers) -> Integers:
        values, columns = np.array(values), list(self.columns)
        values[:, columns] = self._log(np.maximum(values[:, columns], 1))
        return values

    @staticmethod
    def _log(x: Integers) -> Integers:
        octave = np.frexp(x.astype(np.float64))[1].astype(np.int64) - 1  # exact: x is below 2**53
        mantissa = x << (15 - octave)
        t = (mantissa >> 7) & 255
        bulge = t * (-t & 255) >> 7
        return integers(
            octave * Log2.octave
            + ((mantissa & 0x7FFF) >> 4)
            + (bulge * (216 - (t >> 2) - (t >> 4)) >> 7)
        )

    def bounds(self, inside: Bounds) -> Bounds:
        within("log2: columns", self.columns, 0, len(inside.low) - 1)
        need(
            list(self.columns) == sorted(set(self.columns)) and bool(self.columns),
            "log2: columns ascend",
        )
        fits_int16(inside, self.op)
        kept = [k not in self.columns for k in range(len(inside.low))]
        return Bounds(
            tuple(a if passes else 0 for a, passes in zip(inside.low, kept)),
            tuple(b if passes else self.most for b, passes in zip(inside.high, kept)),
        )

    def view(self, step: Step) -> Log2View:
        return Log2View(step, self)

    def float_view(self, step: FloatStep) -> Log2FloatView:
        return Log2FloatView(step, self)


@dataclass(frozen=True)
class Log2View(View):
    template: ClassVar[str] = "log2"
    macros: ClassVar[str] = "log2"
    node: Log2

    @property
    def logarithms(self) -> list[bool]:
        """For each element whether it becomes its logarithm."""
        return [k in self.node.columns for k in range(self.width)]

    @property
    def names(self) -> list[str]:
        return [self.step.element(k) for k in self.node.columns]


@dataclass(frozen=True)
class Log2FloatView(FloatView):
    template: ClassVar[str] = "log2"
    node: Log2

    @property
    def logarithms(self) -> list[bool]:
        return [k in self.node.columns for k in range(self.width)]

    @property
    def per_octave(self) -> float:
        return self.node.octave / log(2)
