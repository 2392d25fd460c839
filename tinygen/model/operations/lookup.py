"""Piecewise-linear curves on single inputs, and the kernels for many curves and for a root's."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np

from ..fixedpoint import INT16_MAX, round_shift
from ..nodes import (
    INT32_MAX,
    MAX_WIDTH,
    UINT16_MAX,
    Bounds,
    Integers,
    Node,
    clamped,
    fits_int16,
    frozen,
    fused,
    integers,
    operation,
    prefix_bounds,
    within,
)
from ..views import FloatStep, FloatSumView, Step, SumView, fit_int16, signed
from .power import Power

LARGEST_TABLE = 257  # nodes of any curve
MAX_NODES = 127  # nodes of a curve in a list of curves
WORTH = {"balanced": 5, "size": 4, "speed": 256}  # fewest curves that are worth a loop


@dataclass(frozen=True)
class Curve:
    """One piecewise-linear function on a uniform grid: node k stands at `origin + (k <<
    step_bits)`.

    The place between two nodes is an 8-bit fraction: one hardware multiplication, one rounding.
    """

    source: int
    origin: int
    step_bits: int
    table: tuple[int, ...]

    @property
    def reach(self) -> int:
        """Largest distance from the origin that is interpolated; beyond it the curve is flat."""
        return ((len(self.table) - 1) << self.step_bits) - 1

    def apply(self, x: Integers) -> Integers:
        distance = np.clip(x - self.origin, 0, self.reach)
        position = (
            distance << (8 - self.step_bits)
            if self.step_bits <= 8
            else distance >> (self.step_bits - 8)
        )
        cell, fraction = position >> 8, position & 255
        table = integers(self.table)
        rise = (table[cell + 1] - table[cell]) * fraction
        return integers(table[cell] + round_shift(rise, 8))

    @property
    def steepest(self) -> int:
        """Largest step between neighbouring nodes, raw."""
        return max(abs(b - a) for a, b in zip(self.table, self.table[1:]))


def within_limits(curve: Curve, op: str) -> None:
    """ModelError where a curve is none that the kernels can walk."""
    within(f"{op}: step_bits", [curve.step_bits], 0, 14)
    # a place on the grid is 16 bits in C: the cell in the high byte, then the fraction
    within(f"{op}: nodes of a curve", [len(curve.table)], 2, LARGEST_TABLE)
    within(f"{op}: raw steps the grid spans", [curve.reach], 0, UINT16_MAX)
    within(f"{op}: origin", [curve.origin], -INT16_MAX, INT16_MAX)
    within(f"{op}: table", curve.table, -INT16_MAX, INT16_MAX)
    within(f"{op}: difference of neighbouring nodes", [curve.steepest], 0, INT16_MAX)


@operation
@dataclass(frozen=True)
class Lookup(Node):
    """Curves on single inputs; with `total` their sum plus `bias`, clamped to [low, high]."""

    op: ClassVar[str] = "lookup"
    letter: ClassVar[str] = "f"
    takes_any_int16: ClassVar[bool] = True
    curves: tuple[Curve, ...]
    total: bool
    bias: int = 0
    low: int = -INT16_MAX
    high: int = INT16_MAX

    def plain(self) -> dict[str, Any]:
        curves = [{f.name: getattr(c, f.name) for f in fields(c)} for c in self.curves]
        return {**super().plain(), "curves": curves}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Lookup:
        values = {key: frozen(value) for key, value in plain.items() if key != "curves"}
        curves = ({key: frozen(v) for key, v in curve.items()} for curve in plain["curves"])
        return cls(curves=tuple(Curve(**curve) for curve in curves), **values)

    def apply(self, values: Integers) -> Integers:
        parts = np.stack([curve.apply(values[:, curve.source]) for curve in self.curves], axis=1)
        if not self.total:
            return parts
        total = parts.sum(axis=1, keepdims=True) + self.bias
        return integers(np.clip(total, self.low, self.high))

    def bounds(self, inside: Bounds) -> Bounds:
        fits_int16(inside, self.op)
        within("lookup: number of curves", [len(self.curves)], 1, MAX_WIDTH)
        within("lookup: bias", [self.bias], -INT32_MAX, INT32_MAX)
        for curve in self.curves:
            within("lookup: source", [curve.source], 0, len(inside.low) - 1)
            within_limits(curve, self.op)
        low = [min(curve.table) for curve in self.curves]
        high = [max(curve.table) for curve in self.curves]
        # the product inside tinygen_interpolate is 24 bits wide: 32767 * 255 + 128 < 2**23
        if not self.total:
            return Bounds(tuple(low), tuple(high))
        return clamped((self.low, self.high), 1, prefix_bounds(self.bias, low, high), self.op)

    def view(self, step: Step) -> LookupView | CurvesView:
        limits = self.low, self.high
        if (
            self.total
            and len(self.curves) >= WORTH[step.optimize]
            and step.reads_int16
            and step.proven.acc_bits <= 24
            and all(c.step_bits >= 1 and len(c.table) <= MAX_NODES for c in self.curves)
        ):
            return CurvesView(step, limits, 0, self)
        return LookupView(step, limits, 0, self.with_bias_in_a_table())

    def with_bias_in_a_table(self) -> Lookup:
        """The same node without a bias, where the first table holds it: a curve, shifted."""
        first = self.curves[0]
        table = tuple(v + self.bias for v in first.table)
        if not self.total or not self.bias or not fit_int16(table):
            return self
        return replace(self, curves=(replace(first, table=table), *self.curves[1:]), bias=0)

    def float_view(self, step: FloatStep) -> LookupFloatView:
        return LookupFloatView(step, (self.low, self.high), 0, self)


@dataclass(frozen=True)
class OnCurve:
    """What templates ask of a curve itself, integer or float."""

    curve: Curve

    @property
    def source(self) -> int:
        return self.curve.source

    @property
    def origin(self) -> int:
        return self.curve.origin

    @property
    def reach(self) -> int:
        return self.curve.reach

    @property
    def table(self) -> tuple[int, ...]:
        return self.curve.table


@dataclass(frozen=True)
class CurveView(OnCurve):
    """One curve: its table, and the place on its grid."""

    name: str  # of its table
    what: str  # what its input is called
    most: int  # largest value of its input

    @property
    def step(self) -> int:
        """Distance of two nodes, raw."""
        return 1 << self.curve.step_bits

    @property
    def left(self) -> int:
        """How far a distance is shifted to the left, to have 8 bits of fraction."""
        return max(8 - self.curve.step_bits, 0)

    @property
    def right(self) -> int:
        return max(self.curve.step_bits - 8, 0)

    @property
    def overflows(self) -> bool:
        """True where the shift could overflow: the distance is clamped before it."""
        return (self.most - self.curve.origin) << self.left > UINT16_MAX

    @property
    def last_cell(self) -> int:
        return len(self.curve.table) - 2

    @property
    def last_fraction(self) -> int:
        return (self.curve.reach << self.left) & 255


@dataclass(frozen=True)
class LookupView(SumView):
    """A table and a call per curve."""

    template: ClassVar[str] = "lookup"
    macros: ClassVar[str] = "lookup"
    node: Lookup

    @property
    def curves(self) -> list[CurveView]:
        before = self.step.before
        return [
            CurveView(
                c,
                f"{self.prefix}_{k}",
                self.step.element(c.source),
                INT16_MAX if before is None else before.high[c.source],
            )
            for k, c in enumerate(self.node.curves)
        ]

    @property
    def total(self) -> bool:
        return self.node.total

    @property
    def bias(self) -> int:
        return self.node.bias if self.node.total else 0

    @property
    def rom_bytes(self) -> int:
        return 2 * sum(len(curve.table) for curve in self.node.curves)


@fused(Lookup, Power)
def lookup_square(step: Step) -> LookupSquareView | None:
    """One table, then the square of its value, without a stop between."""
    lookup, power = step.nodes
    assert isinstance(lookup, Lookup)
    assert isinstance(power, Power)
    node = lookup.with_bias_in_a_table()
    table = node.curves[0].table
    if (
        power.degree != 2
        or not node.total
        or len(node.curves) != 1
        or node.bias
        or min(table) < node.low
        or max(table) > node.high
    ):
        return None
    return LookupSquareView(step, (node.low, node.high), 0, node, power.fine)


@dataclass(frozen=True)
class LookupSquareView(LookupView):
    macros: ClassVar[str] = "square"
    fine: bool

    @property
    def inner(self) -> str:
        """Interval of the root."""
        return f"{self.step.bounds[0].acc_low} .. {self.step.bounds[0].acc_high}"


@dataclass(frozen=True)
class CurvesView(SumView):
    """Many curves that are added: one loop over their descriptions."""

    template: ClassVar[str] = "lookup"
    macros: ClassVar[str] = "curves"
    node: Lookup

    @property
    def curves(self) -> list[CurveView]:
        element = self.step.element
        return [CurveView(c, "", element(c.source), INT16_MAX) for c in self.node.curves]

    @property
    def words(self) -> int:
        return sum(4 + len(c.table) for c in self.node.curves)

    @property
    def rom_bytes(self) -> int:
        return 2 * self.words

    @property
    def heads(self) -> list[str]:
        """The four words before the nodes of each."""
        return [
            f"TINYGEN_CURVE({c.source}, {c.step_bits}), {c.origin}, "
            f"{signed(c.reach, 16)}, {2 * len(c.table)},"
            for c in self.node.curves
        ]

    @property
    def acc_bits(self) -> int:
        return 24

    @property
    def bias(self) -> int:
        return self.node.bias


@dataclass(frozen=True)
class FloatCurve(OnCurve):
    """One curve, its table of floats indexed by integers."""

    @property
    def step_bits(self) -> int:
        return self.curve.step_bits

    @property
    def mask(self) -> int:
        return (1 << self.curve.step_bits) - 1

    @property
    def per_step(self) -> float:
        return 2.0**-self.curve.step_bits


@dataclass(frozen=True)
class LookupFloatView(FloatSumView):
    template: ClassVar[str] = "lookup"
    node: Lookup

    @property
    def curves(self) -> list[FloatCurve]:
        return [FloatCurve(c) for c in self.node.curves]

    @property
    def total(self) -> bool:
        return self.node.total

    @property
    def bias(self) -> int:
        return self.node.bias

    @property
    def source_is_float(self) -> bool:
        return self.step.previous is not None

    @property
    def clamp_low(self) -> float | None:
        return super().clamp_low if self.node.total else None

    @property
    def clamp_high(self) -> float | None:
        return super().clamp_high if self.node.total else None
