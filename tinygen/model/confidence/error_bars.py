"""Error bars: how far references lie from the answers, and a rule that follows reference readings.

    ErrorBars.of(90, errors)            the half-width that 90 % of held-out errors do not exceed
    bars.after(state, answer, y)        the rule's state after one reference reading

The half-width is the split-conformal quantile (Vovk et al. 2005; Lei et al. 2018): of n errors of
rows that no fit has seen the ceil((n + 1) * level)-th smallest. Where new rows are like those,
whatever their distribution, at least that part of the references lies within.

Where they drift it fails, and the rule takes over: a step up after a miss, one down after a hit,
as level : 1 - level. Over many readings that part of them lies within, for any sequence (the
quantile tracking of Angelopoulos, Candes and Tibshirani 2023, after Gibbs and Candes 2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...common.errors import ModelError, QuantizeError, UsageError
from ..fixedpoint import RAW_MAX

LEVELS = 50, 99  # per cent
# Up and down together, as a part of the first half-width; chosen inside of training periods only:
# benchmarks/README.md, error_bars.py
STEPS = 0.8
FINE = 8  # bits after the point of the state of a narrow bar
NARROW = 31  # raw steps; in fine steps there is room for four times as much


@dataclass(frozen=True)
class ErrorBars:
    """The half-width beside each answer, and the steps of the rule that adapts it."""

    level: int  # per cent of the references that should lie within answer +- half-width
    half_width: int  # raw steps of the output, before any reference reading
    shift: int  # the rule's state counts in 2**-shift of a raw step
    up: int  # added to the state where a reference lies beyond the bar
    down: int  # taken from it where one does not

    def __post_init__(self) -> None:
        least, most = LEVELS
        if not least <= self.level <= most:
            raise ModelError(f"error bars of {self.level} %: a level within {least} .. {most}")
        if self.shift not in (0, FINE) or not 0 <= self.half_width << self.shift <= RAW_MAX:
            raise ModelError(
                f"a half-width of {self.half_width} steps with {self.shift} bits after the point "
                f"is not within 0 .. {RAW_MAX}"
            )
        # with steps of at most RAW_MAX no sum of the rule in C leaves 16 bits unnoticed
        if not 1 <= self.down <= self.up <= RAW_MAX:
            raise ModelError(f"steps of {self.up} up and {self.down} down are not within int16")
        if self.up * (100 - self.level) != self.down * self.level:
            raise ModelError(
                f"steps of {self.up} up and {self.down} down are not as {self.level} to "
                f"{100 - self.level}"
            )

    @classmethod
    def of(cls, level: int, errors: ArrayLike, steps: float = STEPS) -> ErrorBars:
        """From the absolute raw errors (n,) of rows that no fit has seen; QuantizeError where they
        are too few for the level, or too large for int16. steps: up and down together, as a part
        of the half-width.
        """
        sorted_errors = np.sort(np.asarray(errors))
        n = len(sorted_errors)
        place = -(-(n + 1) * level // 100)  # the ceiling, in integers
        if place > n:
            raise QuantizeError(
                f"error bars of {level} % need {rows_needed(level)} rows that no fit has seen, "
                f"there are {n}: take a lower level, or more rows"
            )
        half_width = int(sorted_errors[place - 1])
        if half_width > RAW_MAX:
            raise QuantizeError(
                f"{level} % of the errors reach {half_width} steps, and a bar {RAW_MAX} at most: "
                "take a lower level, or a target in coarser steps"
            )
        shift = FINE if half_width <= NARROW else 0
        common = gcd(level, 100 - level)
        up, down = level // common, (100 - level) // common
        # at most STEPS of RAW_MAX, so that each of both fits
        times = max(1, round(steps * (max(half_width, 1) << shift) / (up + down)))
        return cls(level, half_width, shift, up * times, down * times)

    @property
    def start(self) -> int:
        """The rule's state before any reference reading."""
        return self.half_width << self.shift

    @property
    def most(self) -> int:
        """The largest half-width that the rule can reach."""
        return RAW_MAX >> self.shift

    def after(self, state: int, answer: int, reference: int) -> int:
        """The state after a reference reading of the moment of an answer, both raw: the twin of
        NAME_reference. A step that would leave 0 .. RAW_MAX is not taken.
        """
        beyond = abs(reference - answer) > state >> self.shift
        following = state + self.up if beyond else state - self.down
        return following if 0 <= following <= RAW_MAX else state

    def followed(
        self, answers: ArrayLike, references: ArrayLike, told: ArrayLike
    ) -> NDArray[np.int64]:
        """The half-width at each of n rows in the order of time, raw. told: bool (n,), the rows
        whose reference the rule is told, after the bar of that row was given.
        """
        state, found = self.start, []
        for answer, reference, tell in zip(
            np.asarray(answers).tolist(), np.asarray(references).tolist(), np.asarray(told)
        ):
            found.append(state >> self.shift)
            if tell:
                state = self.after(state, answer, reference)
        return np.array(found, dtype=np.int64)


@dataclass(frozen=True)
class Covered:
    """Rows, and how many of their references the bars cover."""

    rows: int
    inside: int
    unsure: int  # of the rows: the bar leaves open whether they are an alarm
    readings: int = 0  # of the rows, whose reference the rule was told
    narrowest: int = 0  # half-width, raw
    widest: int = 0

    @property
    def share(self) -> float:
        """Part of the references that lies within."""
        return self.inside / max(self.rows, 1)


class BarFacts(TypedDict, total=False):
    """What the training facts tell of error bars."""

    rows: int  # that were held out
    test: Covered  # of the test rows, by the bars as they are
    followed: Covered  # the same where the rule is told one reference a day


def rows_needed(level: int) -> int:
    """The least number of held-out rows for a level in per cent: one of them may lie beyond."""
    return -(-level // (100 - level))


def per_cent(level: float) -> int:
    """A level such as 0.9 in per cent; UsageError where it is no whole one within LEVELS."""
    whole = round(100 * level) if np.isfinite(level) else 0
    least, most = LEVELS
    if not least <= whole <= most or abs(100 * level - whole) > 1e-9:
        raise UsageError(
            f"error bars of {level:g} are none: give the part of the references that should lie "
            f"within, {least / 100:g} .. {most / 100:g} in whole hundredths, such as 0.9"
        )
    return whole
