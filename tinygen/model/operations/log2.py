"""Logarithms of inputs that span several octaves."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import ClassVar

import numpy as np

from ..nodes import Bounds, Integers, Node, fits_int16, fused, integers, need, operation, within
from ..views import FloatStep, FloatView, Step, View
from .scale import Scale, ScaleView

LOOP = 5  # elements from which on a loop is shorter than a statement for each
MOST_BITS = 16  # that a loop shifts to know which inputs become logarithms
# kernel of all inputs -> that of one
WORDS = {
    "tinygen_scale_bytes": "tinygen_scale_byte",
    "tinygen_scale_words": "tinygen_scale_word",
    "tinygen_widen_words": "tinygen_widen_word",
}


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
    takes_any_int16: ClassVar[bool] = True
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


class _Logarithms:
    """What the loop over inputs is printed from, of which some become logarithms."""

    step: Step
    source: str

    @property
    def columns(self) -> tuple[int, ...]:
        node = self.step.nodes[0]
        assert isinstance(node, Log2)
        return node.columns

    @property
    def elements(self) -> int:
        return len(self.step.bounds[0].low)

    @property
    def all_of_them(self) -> bool:
        return len(self.columns) == self.elements

    @property
    def counters(self) -> str:
        """What the loop starts with: a bit for each input tells whether it becomes a logarithm."""
        bits = sum(1 << k for k in self.columns)
        start = f"uint{8 if self.elements <= 8 else MOST_BITS}_t i = 0"
        return start if self.all_of_them else f"{start}, logs = {bits}"

    @property
    def next(self) -> str:
        return "++i" if self.all_of_them else "++i, logs >>= 1"

    @property
    def function(self) -> str:
        """The kernel of one logarithm."""
        return "tinygen_log2_short" if self.step.optimize == "size" else "tinygen_log2"

    @property
    def value(self) -> str:
        """Element i."""
        logarithm = f"{self.function}({self.source}[i])"
        return logarithm if self.all_of_them else f"logs & 1 ? {logarithm} : {self.source}[i]"

    @property
    def names(self) -> list[str]:
        return [self.step.element(k) for k in self.columns]


@dataclass(frozen=True)
class Log2View(_Logarithms, View):
    template: ClassVar[str] = "log2"
    macros: ClassVar[str] = "log2"
    node: Log2

    @property
    def logarithms(self) -> list[bool]:
        """For each element whether it becomes its logarithm."""
        return [k in self.node.columns for k in range(self.width)]

    @property
    def form(self) -> str:
        """A statement for each element, which is quickest, and as short for few; else one loop, or
        where a bit for each element would be too many, a second one over places.
        """
        if self.step.optimize == "speed" or (
            self.step.optimize == "balanced" and self.width < LOOP
        ):
            return "statements"
        return "loop" if self.all_of_them or self.width <= MOST_BITS else "places"

    @property
    def rom_bytes(self) -> int:
        return len(self.columns) if self.form == "places" else 0


@fused(Log2, Scale)
def scaled_logarithms(step: Step) -> LogScaleView | None:
    """Inputs of a net or of a linear model: no logarithm is ever stored."""
    logarithms, scale = step.nodes
    assert isinstance(logarithms, Log2)
    assert isinstance(scale, Scale)
    if step.following is not None and step.following.weighs_scaled():
        return None
    few = len(logarithms.columns) == len(scale.low) or len(scale.low) <= MOST_BITS
    return LogScaleView(step, scale) if few and scale.kernel in WORDS else None


@dataclass(frozen=True)
class LogScaleView(_Logarithms, ScaleView):
    template: ClassVar[str] = "log2"
    macros: ClassVar[str] = "scaled"

    @property
    def uniform(self) -> bool:
        """False: what are logarithms and what are readings hardly ever have one range."""
        return False

    @property
    def word(self) -> str:
        """The kernel of one input."""
        return WORDS[self.node.kernel or ""]


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
