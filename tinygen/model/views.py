"""What a template needs to know of a node: names, C types from the interval proof, numbers.

A view is a frozen dataclass; its properties are what the macros of its template print. `View` is
for the integer header, `FloatView` for the same model in float arithmetic. Both come from
`codegen`, which walks the chain and hands each node the step it prints.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from .fixedpoint import INT16_MAX, bits_for
from .nodes import Bounds, Node

ACC_TYPES = {16: "int16_t", 24: "tinygen_int24", 32: "int32_t"}
MOST_UP = 3  # bits that a sum is shifted up by, so that whole bytes are left to drop


@dataclass(frozen=True)
class Step:
    """Neighbouring nodes that are printed as one numbered step of the header."""

    nodes: tuple[Node, ...]
    bounds: tuple[Bounds, ...]
    before: Bounds | None  # of what the step reads; None for the model's raw inputs
    name: str  # prefix of every C name
    number: int
    source: str  # the C array that the step reads
    source_type: str  # and the type of its elements
    input_names: tuple[str, ...]
    optimize: str
    static: bool = False  # arrays between steps have addresses of their own
    following: Node | None = None
    scores: bool = False  # those of the classes are asked for, not only the largest one's place

    @property
    def proven(self) -> Bounds:
        """Intervals of the step's result."""
        return self.bounds[-1]

    @property
    def reads_int16(self) -> bool:
        """True where a kernel whose argument is `const int16_t *` may read the source."""
        return self.source_type == "int16_t"

    def front(self, count: int) -> Step:
        """The step of its first nodes alone."""
        after = self.nodes[count] if count < len(self.nodes) else self.following
        return replace(self, nodes=self.nodes[:count], bounds=self.bounds[:count], following=after)

    def element(self, k: int) -> str:
        """What a comment calls element k of the source."""
        return self.input_names[k] if self.before is None else f"element {k}"

    def names(self, width: int) -> tuple[str, ...]:
        """What comments call the elements of a source that has one for each input."""
        if width == len(self.input_names):
            return self.input_names
        return tuple(f"element {k}" for k in range(width))


@dataclass(frozen=True)
class View:
    """A step as its template prints it, by the macros `MACROS_tables` and `MACROS_body`."""

    step: Step
    template: ClassVar[str]  # file in templates/operations, without its ending
    macros: ClassVar[str]

    @property
    def number(self) -> int:
        return self.step.number

    @property
    def source(self) -> str:
        return self.step.source

    @property
    def source_type(self) -> str:
        return self.step.source_type

    @property
    def out(self) -> str:
        """The C array that holds the result."""
        return f"{self.step.nodes[-1].result_letter()}{self.number}"

    @property
    def prefix(self) -> str:
        """Prefix of the names of its tables."""
        return f"{self.step.name}_{self.out}"

    @property
    def type(self) -> str:
        return self.step.proven.c_type

    @property
    def width(self) -> int:
        return len(self.step.proven.low)

    @property
    def range(self) -> str:
        return f"{min(self.step.proven.low)} .. {max(self.step.proven.high)}"

    @property
    def acc_range(self) -> str:
        """Interval of its sums."""
        proven, moved = self.step.proven, self.acc_moved
        return f"{proven.acc_low + moved} .. {proven.acc_high + moved}"

    @property
    def acc_moved(self) -> int:
        """What its sums in C are more than those of the proof."""
        return 0

    @property
    def storage(self) -> str:
        """What stands before the type of an array that holds the result."""
        return "static " if self.step.static and self.width > 1 else ""

    @property
    def slow(self) -> str:
        """Why no quick kernel computes the step; empty where one does, or where there is none."""
        return ""

    @property
    def rom_bytes(self) -> int:
        """Bytes of its tables in flash."""
        return 0


@dataclass(frozen=True)
class SumView(View):
    """A step that sums into `acc`, shifts it, clamps it and stores it."""

    starts_lower: ClassVar[bool] = False  # it takes `lowered` from what its sum starts from
    limits: tuple[int, int]  # what the result is clamped to
    shift: int

    @property
    def acc_bits(self) -> int:
        return self.step.proven.acc_bits

    @property
    def acc_type(self) -> str:
        return ACC_TYPES[self.acc_bits]

    @property
    def shifted(self) -> tuple[int, int]:
        """Interval of the accumulator after the shift."""
        return self.step.proven.acc_low >> self.shift, self.step.proven.acc_high >> self.shift

    @property
    def shifted_type(self) -> str:
        return ACC_TYPES[bits_for(*self.shifted)]

    @property
    def shifted_acc(self) -> str:
        """C for the accumulator after the shift."""
        held = self.step.proven.acc_low, self.step.proven.acc_high
        return right_shift("acc", self.acc_bits, held, self.shift, self.step.optimize)

    @property
    def shift_comment(self) -> str:
        """What the shift comes to, where that is not plain."""
        plain = self.shifted_acc in ("acc", f"(acc >> {self.shift})")
        return "" if plain else f" /* acc / 2^{self.shift} */"

    @property
    def clamp_low(self) -> int | None:
        """The lower limit; None where the proof shows it out of reach."""
        return self.limits[0] if self.shifted[0] < self.limits[0] else None

    @property
    def clamp_high(self) -> int | None:
        return self.limits[1] if self.shifted[1] > self.limits[1] else None

    @property
    def lowered(self) -> int:
        """How much lower its only sum starts, so that the sign tells the result; 0 where it does
        not.
        """
        if not self.starts_lower or self.width > 1:
            return 0
        return lowering(self.limits, self.shift, self.step.proven, self.acc_bits)

    @property
    def acc_moved(self) -> int:
        return -self.lowered


def lowering(limits: tuple[int, int], shift: int, proven: Bounds, bits: int) -> int:
    """The least sum whose result is 1, where all below are 0 and all above 1, as in a model of two
    classes: the sign of a sum that starts so much lower tells the result, for 6 to 12 bytes less
    on an AVR than a comparison. 0 for other limits, and where so many bits have no room for it.
    """
    low, high, one = proven.acc_low >> shift, proven.acc_high >> shift, 1 << shift
    of_two = limits == (0, 1) and low < 0 and high > 1
    return one if of_two and bits_for(proven.acc_low - one, proven.acc_high) <= bits else 0


def right_shift(
    value: str, bits: int, held: tuple[int, int], shift: int, optimize: str = "balanced"
) -> str:
    """C for `value >> shift`: value has so many bits, and its proven interval is `held`.

    An AVR shifts a long by a bit at a time, 7 cycles each, and whole bytes at once. So the bytes
    are dropped first, and the other bits in a narrower type; or, where these are many and the
    interval has room, the value is shifted up until whole bytes are left to drop. Either gives the
    same value. Measured, that takes 20 to 120 cycles less for 10 bytes less to 10 more.
    """
    whole, rest = divmod(shift, 8)
    up, dropped = 8 - rest, 8 * whole + 8
    worth = whole or (up == 1 and optimize != "size") or (up == 2 and optimize == "speed")
    room = 0 < bits_for(held[0] << up, held[1] << up) <= bits
    if worth and room and up <= MOST_UP and dropped < bits:
        return f"(({value} * {1 << up}) >> {dropped})"
    narrower = max(bits - 8 * whole, 16)
    saves = narrower < bits and (optimize != "size" or narrower == 16 < bits - 8 or rest == 1)
    if rest and saves:
        return f"(({ACC_TYPES[narrower]})({value} >> {8 * whole}) >> {rest})"
    return f"({value} >> {shift})" if shift else value


@dataclass(frozen=True)
class FloatStep:
    """A node where it stands in its chain."""

    proven: Bounds
    previous: Node | None
    following: Node | None
    name: str  # prefix of every C name
    number: int
    source: str  # the C array that the node reads
    columns: int  # and its length


@dataclass(frozen=True)
class FloatView:
    """A node in float arithmetic, printed by the macros `float_tables` and `float_body`."""

    step: FloatStep
    template: ClassVar[str]
    whole: ClassVar[bool] = False  # its result is a whole number

    @property
    def out(self) -> str:
        return f"v{self.step.number}"

    @property
    def prefix(self) -> str:
        return f"{self.step.name}_{self.out}"

    @property
    def name(self) -> str:
        return self.step.name

    @property
    def source(self) -> str:
        return self.step.source

    @property
    def columns(self) -> int:
        return self.step.columns

    @property
    def width(self) -> int:
        return len(self.step.proven.low)


@dataclass(frozen=True)
class FloatSumView(FloatView):
    """A node whose results are clamped to limits, where the proof shows them within reach."""

    limits: tuple[int, int]
    shift: int

    @property
    def clamp_low(self) -> float | None:
        reached = self.step.proven.acc_low >> self.shift < self.limits[0]
        return self.limits[0] if reached else None

    @property
    def clamp_high(self) -> float | None:
        reached = self.step.proven.acc_high >> self.shift > self.limits[1]
        return self.limits[1] if reached else None


def fit_int16(values: tuple[int, ...]) -> bool:
    """True where all values are within -32767 .. 32767."""
    return all(abs(v) <= INT16_MAX for v in values)


def signed(value: int, bits: int) -> int:
    """The signed number with the same bits."""
    return value - (1 << bits) if value >> (bits - 1) else value
