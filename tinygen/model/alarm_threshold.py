"""When to light the red LED if a missed alarm and a false one cost differently.

    AlarmCost.parse("5:1")                       a miss costs as much as five false alarms
    learned(cost, level, answers, truth) -> LearnedAlarm

A model's errors near the alarm level are missed and false alarms. Lighting the LED a little below
the level trades one for the other. How much is read off answers to training rows by models that
were fitted without them (the folds of cross-validation): the raw threshold whose mistakes cost
least.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..common.errors import UsageError

MOST_COST = 1000.0


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
    """The threshold that costs least on training rows, and both confusions there."""

    cost: AlarmCost
    level: int  # raw: a reference above it should be an alarm
    threshold: int  # raw: an answer above it is one
    # of answers to training rows by models that did not see them, with the level as threshold
    at_level: Confusion
    learned: Confusion  # the same with the learned threshold

    def plain(self) -> dict[str, Any]:
        """Plain JSON, as it is kept in the model file."""
        return {**asdict(self), "offset": self.threshold - self.level}


def learned(cost: AlarmCost, level: int, answers: np.ndarray, truth: np.ndarray) -> LearnedAlarm:
    """The raw threshold for raw answers (n,) to unseen rows, whose reference is `truth` (n,).

    Of equally cheap thresholds the one nearest to the level; the level itself where nothing is
    cheaper.
    """
    beyond = truth > level
    tried = np.unique(np.append(answers, level))
    # rows at or below a threshold are quiet: those that had to be alarms are missed, the rest of
    # the others is false
    missed = np.searchsorted(np.sort(answers[beyond]), tried, side="right")
    false = (~beyond).sum() - np.searchsorted(np.sort(answers[~beyond]), tried, side="right")
    price = cost.miss * missed + cost.false * false
    best = int(min(zip(price, np.abs(tried - level), tried))[2])
    return LearnedAlarm(
        cost,
        level,
        best,
        Confusion.of(answers > level, beyond),
        Confusion.of(answers > best, beyond),
    )
