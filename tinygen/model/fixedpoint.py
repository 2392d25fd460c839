"""Integer arithmetic shared by the model and its C twin, `firmware/include/tinygen_fixed.h`.

One rounding rule, stated here and used everywhere: **round half up**, that is
`round_shift(a, s) = floor(a / 2**s + 1/2)`. In C it is `(a + (1 << (s - 1))) >> s` with an
arithmetic shift, which every compiler tinygen targets performs (a compile-time check in the
runtime header says so). Ties: 0.5 -> 1, -0.5 -> 0, -1.5 -> -1.

Inputs and outputs carry a *decimal* scale, the data's own resolution: `physical = raw * scale`
with `zero_point = 0`, so 13.6 with scale 0.1 is exactly 136. Only an input whose own steps do not
fit int16 so (counts around 8.4 million) has an offset, and where that is not enough a free scale.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

INT8_MAX = 127
INT16_MAX = 32767
# steps of a quantity from 0 to its ends, at most: exact as a double
EXACT_STEPS = 2**53
SCALES = 1e-12, 1e12  # least and largest raw step, in the quantity's unit
RAW_MIN, RAW_MAX = -INT16_MAX, INT16_MAX  # the range of a raw value on the wire
MARGIN = 8  # part of the trained span accepted beyond each end
MISSING = -32768  # the wire's mark for "no value"
NOT_SURE = -1  # the answer of a classifier whose best class is too little ahead
Integer = TypeVar("Integer", int, NDArray[np.int64])


# parts of a row's time, and their least and greatest value; Monday is weekday 0
TIME_PARTS = {"hour": (0.0, 23.0), "weekday": (0.0, 6.0), "month": (1.0, 12.0)}


@dataclass(frozen=True)
class Derivation:
    """What the host makes an input of: 1 where a column holds `label` and 0 where it holds another
    of `labels`, or a part of the row's time. Missing where the column is, or holds anything else.
    """

    columns: tuple[str, ...]  # ("colour",); of a time ("Date", "Time") or one name
    part: str = ""  # of TIME_PARTS; "" for a category
    label: str = ""  # "red", of a category
    labels: tuple[str, ...] = ()  # all that the model knows: ("green", "red")
    order: str = ""  # of a time such as 07/02/2025: whether the "day" or the "month" came first

    @property
    def range(self) -> tuple[float, float]:
        """Least and greatest value."""
        return TIME_PARTS[self.part] if self.part else (0.0, 1.0)


@dataclass(frozen=True)
class Quantity:
    """One physical quantity and how the board stores it: `physical = offset + raw * scale`."""

    name: str  # "RH"
    unit: str  # "%"
    scale: float  # 0.1: one raw step, the data's own resolution
    minimum: float  # smallest physical value seen in training
    maximum: float  # largest physical value seen in training
    offset: float = 0.0  # physical value of raw 0; 0 wherever the data's own steps fit int16
    derivation: Derivation | None = None  # what it is made of; None: it is a column itself

    @cached_property
    def raw_minimum(self) -> int:
        return int(self.to_raw(self.minimum))

    @cached_property
    def raw_maximum(self) -> int:
        return int(self.to_raw(self.maximum))

    @cached_property
    def limits(self) -> tuple[int, int]:
        """Raw interval the model accepts: the trained range and an eighth of its span on each side.

        A little beyond the trained range a smooth model still extrapolates well; further out the
        board saturates the reading and flags the answer. What is made of a category or a time has
        its own range, and nothing lies beyond.
        """
        if self.derivation:
            return self.raw_minimum, self.raw_maximum
        margin = -((self.raw_minimum - self.raw_maximum) // MARGIN)
        return max(self.raw_minimum - margin, RAW_MIN), min(self.raw_maximum + margin, RAW_MAX)

    def plain(self) -> dict[str, Any]:
        """Plain JSON values; an offset of 0 is not told, nor that nothing is derived, nor that no
        order of day and month is known.
        """
        plain = asdict(self)
        if self.derivation and not self.derivation.order:
            del plain["derivation"]["order"]
        return {key: v for key, v in plain.items() if key not in ("offset", "derivation") or v}

    def to_raw(self, physical: ArrayLike) -> NDArray[np.int64]:
        """Raw int64 values, rounded half up; NaN becomes MISSING; beyond int16 it saturates."""
        values = np.asarray(physical, dtype=np.float64)
        # 9 digits absorb the binary error of a decimal division: 0.15 / 0.1 is a tie, as written
        steps = np.floor(np.round((values - self.offset) / self.scale, 9) + 0.5)
        raw = np.clip(
            np.nan_to_num(steps, nan=0.0, posinf=RAW_MAX, neginf=RAW_MIN), RAW_MIN, RAW_MAX
        )
        return np.where(np.isnan(values), MISSING, raw).astype(np.int64)

    def words(self, physical: float) -> str:
        """A value in `unit` as text: with six digits, or where an offset asks for more with those
        of the step.
        """
        if not self.offset:
            return f"{physical:.6g}"
        return f"{physical:.{max(0, min(9, math.ceil(-math.log10(self.scale) - 1e-9)))}f}"

    def difference(self, raw: ArrayLike) -> NDArray[np.float64]:
        """What a difference of raw values is in `unit`: an offset is none of it."""
        return replace(self, offset=0.0).to_physical(raw)

    def to_physical(self, raw: ArrayLike) -> NDArray[np.float64]:
        """Physical values in `unit`, as float64 rounded to the digits the scale has."""
        values: NDArray[np.float64] = np.asarray(raw, dtype=np.float64)
        if self.offset:
            return self.offset + self.difference(raw)
        inverse = 1.0 / self.scale
        # dividing by 10 gives the float nearest to a decimal; multiplying by 0.1 does not
        if inverse > 1 and np.isclose(inverse, round(inverse)):
            return values / round(inverse)
        return values * self.scale


def round_shift(value: Integer, shift: int) -> Integer:
    """`value / 2**shift`, rounded half up: the one rounding rule."""
    return value if shift == 0 else (value + (1 << (shift - 1))) >> shift


def bits_for(low: int, high: int) -> int:
    """Narrowest accumulator of 16, 24 or 32 bits that holds [low, high]; 0 if none does."""
    for bits in (16, 24, 32):
        if -(1 << (bits - 1)) <= low and high < (1 << (bits - 1)):
            return bits
    return 0
