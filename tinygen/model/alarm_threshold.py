"""When the red LED is lit: above a threshold, below one, or outside a band between two.

    AlarmBand(low, high)                         the raw outputs that are no alarm
    AlarmCost.parse("5:1")                       a miss costs as much as five false alarms
    learned(cost, levels, answers, truth) -> LearnedAlarm

A model's errors near the alarm level are missed and false alarms. Lighting the LED a little before
the level trades one for the other. How much is read off answers to training rows by models that
were fitted without them (the folds of cross-validation): the raw thresholds whose mistakes cost
least.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from operator import add, itemgetter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.errors import ModelError, UsageError
from .fixedpoint import RAW_MAX, RAW_MIN

MOST_COST = 1000.0


@dataclass(frozen=True)
class AlarmBand:
    """The raw outputs that are no alarm: low .. high, both included. None: no end on that side.

    ModelError where an end is beyond int16, or the low one is not below the high one.
    """

    low: int | None = None
    high: int | None = None

    def __post_init__(self) -> None:
        for name, end in (("alarm_below", self.low), ("threshold", self.high)):
            if end is not None and not RAW_MIN <= end <= RAW_MAX:
                raise ModelError(
                    f"{name} {end} is beyond int16: choose one within {RAW_MIN} .. {RAW_MAX} raw"
                )
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ModelError(
                f"alarm_below {self.low} is not below threshold {self.high}: "
                "every output would be an alarm"
            )

    def __bool__(self) -> bool:
        """True where there is an alarm at all."""
        return self.low is not None or self.high is not None

    @property
    def side(self) -> str:
        """Where an alarm is: "above" or "below" its threshold, or "outside" the two; "" without."""
        if self.low is None:
            return "" if self.high is None else "above"
        return "below" if self.high is None else "outside"

    def left_by(self, raw: ArrayLike) -> NDArray[np.bool_]:
        """True where a raw value lies outside; exactly at an end is inside."""
        values = np.asarray(raw)
        beyond = np.zeros(values.shape, dtype=bool)
        if self.low is not None:
            beyond = beyond | (values < self.low)
        if self.high is not None:
            beyond = beyond | (values > self.high)
        return beyond

    def straddled_by(self, raw: ArrayLike, reach: ArrayLike) -> NDArray[np.bool_]:
        """True where some of the values raw - reach .. raw + reach lie outside and some inside."""
        low, high = np.subtract(raw, reach), np.add(raw, reach)
        both = np.zeros(low.shape, dtype=bool)
        if self.low is not None:
            both = both | ((low < self.low) & (high >= self.low))
        if self.high is not None:
            both = both | ((high > self.high) & (low <= self.high))
        return both


NO_ALARM = AlarmBand()


def check_levels(labels: Sequence[str], band: AlarmBand, most: int) -> None:
    """ModelError where classes have an alarm that none of them, or each of them, would be. Nothing
    is said where an answer can be no class at all (`most`, the largest): that is another mistake.
    """
    if not labels:
        return
    if band.low is not None:
        raise ModelError("alarm_below is for an output of numbers, this model names classes")
    last = len(labels) - 2
    if band.high is None or most >= len(labels) or 0 <= band.high <= last:
        return
    named = ", ".join(f"{k} {label}" for k, label in enumerate(labels))
    raise ModelError(
        f"threshold {band.high} is no class with another above it: the classes are "
        f"{named[:200]}; use 0 .. {last}"
    )


@dataclass(frozen=True)
class AlarmCost:
    """What mistakes cost, in any one unit."""

    miss: float
    false: float

    @classmethod
    def parse(cls, text: str) -> AlarmCost:
        """From MISS:FALSE, "5:1"; UsageError for anything that is not two numbers above 0."""
        try:
            miss, false = (float(part) for part in text.split(":"))
        except ValueError:
            raise UsageError(
                f"--alarm-cost '{text}' is not MISS:FALSE: write for example --alarm-cost 5:1"
            ) from None
        if not (0 < miss <= MOST_COST and 0 < false <= MOST_COST):
            raise UsageError(
                f"--alarm-cost '{text}' is out of range: "
                f"both costs lie above 0 and are at most {MOST_COST:g}"
            )
        return cls(miss, false)

    def __str__(self) -> str:
        return f"{self.miss:g}:{self.false:g}"

    @property
    def words(self) -> str:
        return f"a miss costs {self.miss:g}, a false alarm {self.false:g}"


@dataclass(frozen=True)
class Confusion:
    """Alarms against what the reference says, in rows."""

    right: int  # alarms that had to be
    missed: int
    false: int
    quiet: int  # neither alarm nor cause

    @classmethod
    def of(cls, alarm: np.ndarray, truth: np.ndarray) -> Confusion:
        """Of bool (n,) arrays."""
        return cls(
            *(
                int(np.sum(both))
                for both in (alarm & truth, ~alarm & truth, alarm & ~truth, ~alarm & ~truth)
            )
        )

    def cost(self, cost: AlarmCost) -> float:
        """What the mistakes cost together."""
        return cost.miss * self.missed + cost.false * self.false


@dataclass(frozen=True)
class LearnedAlarm:
    """The thresholds that cost least on training rows, and both confusions there."""

    cost: AlarmCost
    levels: AlarmBand  # raw: a reference outside should be an alarm
    band: AlarmBand  # raw: an answer outside is one
    # of answers to training rows by models that did not see them, with the levels as thresholds
    at_level: Confusion
    learned: Confusion  # the same with the learned thresholds

    def plain(self) -> dict[str, Any]:
        """Plain JSON, as it is kept in the model file; only the ends that the alarm has."""
        levels, band = self.levels, self.band
        low = {"level_below": levels.low, "alarm_below": band.low}
        high = {"level": levels.high, "threshold": band.high}
        offsets = {}
        if levels.high is not None and band.high is not None:
            offsets["offset"] = band.high - levels.high
        if levels.low is not None and band.low is not None:
            offsets["offset_below"] = band.low - levels.low
        return {
            "cost": asdict(self.cost),
            **({} if levels.high is None else high),
            **({} if levels.low is None else low),
            "at_level": asdict(self.at_level),
            "learned": asdict(self.learned),
            **offsets,
        }


def learned(
    cost: AlarmCost, levels: AlarmBand, answers: np.ndarray, truth: np.ndarray
) -> LearnedAlarm:
    """The raw thresholds for raw answers (n,) to unseen rows, whose reference is `truth` (n,).

    Of equally cheap thresholds those nearest to the levels; the levels themselves where nothing is
    cheaper.
    """
    beyond = levels.left_by(truth)
    answers = np.clip(answers, RAW_MIN, RAW_MAX)  # those of floats, a board has 16 bits
    band = _cheapest(cost, levels, answers, beyond)
    return LearnedAlarm(
        cost,
        levels,
        band,
        Confusion.of(levels.left_by(answers), beyond),
        Confusion.of(band.left_by(answers), beyond),
    )


def _cheapest(
    cost: AlarmCost, levels: AlarmBand, answers: np.ndarray, beyond: np.ndarray
) -> AlarmBand:
    """The cheapest band with the ends that `levels` has."""
    if levels.low is None:
        assert levels.high is not None, "an alarm has an end at least"
        return AlarmBand(high=min(_priced(cost, levels.high, answers, beyond))[2])
    # an alarm below is one above with every sign turned
    turned = _priced(cost, -levels.low, -answers, beyond)
    lows = [(price, steps, -raw) for price, steps, raw in turned]
    if levels.high is None:
        return AlarmBand(low=min(lows)[2])
    return _cheapest_pair(lows, _priced(cost, levels.high, answers, beyond))


def _priced(
    cost: AlarmCost, level: int, answers: np.ndarray, beyond: np.ndarray
) -> list[tuple[float, int, int]]:
    """(price, steps from the level, raw threshold) of each threshold of an alarm above."""
    tried = np.unique(np.append(answers, level)).astype(np.int64)
    # rows at or below a threshold are quiet: those that had to be alarms are missed, the rest of
    # the others is false
    missed = np.searchsorted(np.sort(answers[beyond]), tried, side="right")
    false = (~beyond).sum() - np.searchsorted(np.sort(answers[~beyond]), tried, side="right")
    price = cost.miss * missed + cost.false * false
    return list(zip(price.tolist(), np.abs(tried - level).tolist(), tried.tolist()))


def _cheapest_pair(
    lows: list[tuple[float, int, int]], highs: list[tuple[float, int, int]]
) -> AlarmBand:
    """The low end and the high end above it that cost least together.

    Their prices add up: a row is at or above the low end, at or below the high one, or both. Rows
    that had to be alarms are counted once too often, the same number for every pair.
    """
    lows = sorted(lows, key=itemgetter(2))
    best = list(accumulate(lows, min))  # of the low ends so far
    raws = [raw for _, _, raw in lows]
    pairs = ((best[k - 1], high) for high in highs if (k := bisect_left(raws, high[2])))
    low, high = min(pairs, key=lambda pair: tuple(map(add, *pair)))
    return AlarmBand(low[2], high[2])
