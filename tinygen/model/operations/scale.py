"""Gains and offsets: of raw inputs, to one common range; of an output, to recalibrate it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..fixedpoint import INT16_MAX, round_shift
from ..nodes import (
    UINT16_MAX,
    Bounds,
    Integers,
    Node,
    clamped,
    fits_int16,
    integers,
    need,
    operation,
    within,
)
from ..views import FloatStep, FloatSumView, FloatView, Step, SumView, View

# (shift, bits of the multipliers, top, zero) -> kernel with one table; other scalings print a loop
KERNELS = {
    (8, 8, 255, 128): "tinygen_scale_bytes",
    (16, 16, 4095, 2048): "tinygen_scale_words",
    (8, 16, 4095, 2048): "tinygen_widen_words",
}


@operation
@dataclass(frozen=True)
class Scale(Node):
    """`u = min((x - low) * multiplier / 2**shift, top) - zero`, rounded half up.

    x below `low` counts as `low`. Multipliers are 1..65535, top is at most 32767. Shift 16 only
    narrows a range; shift 8 widens one of few raw steps as well, and in 8 bits where all
    multipliers fit.
    """

    op: ClassVar[str] = "scale"
    letter: ClassVar[str] = "u"
    takes_any_int16: ClassVar[bool] = True
    low: tuple[int, ...]
    multiplier: tuple[int, ...]
    shift: int
    top: int
    zero: int

    @property
    def multiplier_bits(self) -> int:
        return 8 if self.shift == 8 and max(self.multiplier) <= 255 else 16

    @property
    def kernel(self) -> str | None:
        """The runtime's kernel for this scaling, if it has one."""
        return KERNELS.get((self.shift, self.multiplier_bits, self.top, self.zero))

    @property
    def frame(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Factor and offset of each input: `u = factor * x + offset`, without rounding."""
        factor = np.array(self.multiplier) / 2**self.shift
        return factor, -np.array(self.low) * factor - self.zero

    def apply(self, values: Integers) -> Integers:
        distance = np.maximum(values - integers(self.low), 0)
        scaled = round_shift(distance * integers(self.multiplier), self.shift)
        return integers(np.minimum(scaled, self.top) - self.zero)

    def bounds(self, inside: Bounds) -> Bounds:
        need(
            len(self.low) == len(self.multiplier) == len(inside.low),
            "scale: one low and multiplier per input",
        )
        fits_int16(inside, self.op)
        need(self.shift in (8, 16), f"scale: shift 8 or 16, not {self.shift}")
        within("scale: multiplier", self.multiplier, 1, UINT16_MAX)
        within("scale: top", [self.top], 0, INT16_MAX)
        within("scale: zero", [self.zero], 0, self.top)
        within("scale: low", self.low, -INT16_MAX, INT16_MAX)
        # products are unsigned in C, 24 or 32 bits wide: 65534 * 65535 + 2**15 < 2**32
        width = len(self.low)
        return Bounds((-self.zero,) * width, (self.top - self.zero,) * width)

    def view(self, step: Step) -> ScaleView:
        return ScaleView(step, self)

    def float_view(self, step: FloatStep) -> ScaleFloatView:
        return ScaleFloatView(step, self)


@dataclass(frozen=True)
class ScaleView(View):
    """A kernel over one table, or a loop over two."""

    template: ClassVar[str] = "scale"
    macros: ClassVar[str] = "scale"
    node: Scale
    spare: int = 0  # elements of the result that a later step fills

    @property
    def uniform(self) -> bool:
        """True where several inputs have one low and one multiplier: constants, not a table."""
        return self.width > 1 and len(set(zip(self.node.low, self.node.multiplier))) == 1

    @property
    def kernel(self) -> str | None:
        return self.node.kernel if self.step.reads_int16 else None

    @property
    def in_place(self) -> bool:
        """True where the result takes its source's place: nobody reads it unscaled."""
        return self.step.before is not None and self.source_type == self.type == "int16_t"

    @property
    def slots(self) -> int:
        return self.width + self.spare

    @property
    def what(self) -> str:
        return "raw value" if self.step.before is None else self.source

    @property
    def bits(self) -> int:
        return self.node.multiplier_bits

    @property
    def function(self) -> str:
        return f"tinygen_{'scale' if self.bits == self.node.shift else 'widen'}{self.bits}"

    @property
    def rom_bytes(self) -> int:
        return 0 if self.uniform else (2 + self.bits // 8) * self.width

    @property
    def inputs(self) -> list[tuple[int, int, str]]:
        """Low, multiplier and name of each."""
        return list(zip(self.node.low, self.node.multiplier, self.step.names(self.width)))


@dataclass(frozen=True)
class ScaleFloatView(FloatView):
    """Clamps, and a factor and an offset where no Dense behind takes them in."""

    template: ClassVar[str] = "scale"
    node: Scale

    @property
    def value_type(self) -> str:
        return "float" if self.step.previous else "int16_t"

    @property
    def limits(self) -> list[tuple[int, int]]:
        """Lowest and highest raw value; the highest is the first whose scaled one is `top`."""
        node = self.node
        highest = [
            min(low - (-(node.top << node.shift) // m), INT16_MAX)
            for low, m in zip(node.low, node.multiplier)
        ]
        return list(zip(node.low, highest))

    @property
    def frame(self) -> list[tuple[float, float]]:
        """Factor and offset of each input; empty where the next node folds them in."""
        folds = self.step.following is not None and self.step.following.folds_scale
        return [] if folds else list(zip(*self.node.frame))


@operation
@dataclass(frozen=True)
class Calibrate(Node):
    """`w = clamp(round((v * gain + offset) / 2**12), low, high)` of one value v.

    gain is 2048..8192, 4096 for none; offset in 1/4096 of a step of v, below 2**29 on either side.
    With `live` 1 both are variables of the program, which start as they are given here.
    """

    op: ClassVar[str] = "calibrate"
    letter: ClassVar[str] = "c"
    shift: ClassVar[int] = 12
    unit: ClassVar[int] = 1 << shift  # the gain that changes nothing
    gains: ClassVar[tuple[int, int]] = 2048, 8192
    most_offset: ClassVar[int] = 2**29 - 1
    gain: int
    offset: int
    low: int
    high: int
    live: int = 0

    def apply(self, values: Integers) -> Integers:
        sums = values * self.gain + self.offset
        return integers(np.clip(round_shift(sums, self.shift), self.low, self.high))

    def bounds(self, inside: Bounds) -> Bounds:
        within("calibrate: inputs", [len(inside.low)], 1, 1)
        within("calibrate: gain", [self.gain], *self.gains)
        within("calibrate: offset", [self.offset], -self.most_offset, self.most_offset)
        within("calibrate: live", [self.live], 0, 1)
        gains = self.gains if self.live else (self.gain,)
        most = self.most_offset
        offsets = (-most, most) if self.live else (self.offset,)
        half = (1 << self.shift) >> 1
        products = [v * gain for v in (inside.low[0], inside.high[0]) for gain in gains]
        sums = [product + offset + half for product in products for offset in offsets]
        # of 16 bits: 65535 * 8192 + 2**29 + 2**11 < 2**31
        found = clamped((self.low, self.high), 1, (min(sums), max(sums)), self.op, self.shift)
        return replace(found, acc_low=min(*products, *sums), acc_high=max(*products, *sums))

    def view(self, step: Step) -> CalibrateView:
        return CalibrateView(step, (self.low, self.high), self.shift, self)

    def float_view(self, step: FloatStep) -> CalibrateFloatView:
        return CalibrateFloatView(step, (self.low, self.high), self.shift, self)


@dataclass(frozen=True)
class CalibrateView(SumView):
    template: ClassVar[str] = "calibrate"
    macros: ClassVar[str] = "calibrate"
    node: Calibrate

    @property
    def variable(self) -> str:
        """What holds gain and offset of one that is live."""
        return f"{self.step.name}_calibration"

    @property
    def half(self) -> int:
        """What rounds."""
        return (1 << self.shift) >> 1


@dataclass(frozen=True)
class CalibrateFloatView(FloatSumView):
    template: ClassVar[str] = "calibrate"
    node: Calibrate

    @property
    def gain(self) -> float:
        return self.node.gain / Calibrate.unit

    @property
    def offset(self) -> float:
        return self.node.offset / Calibrate.unit
