"""What a search looks for."""

from __future__ import annotations

from dataclasses import dataclass

from ...common.boards import Board
from ...model.alarm_threshold import AlarmCost
from ...target.build import NO_LIMITS, Budget


@dataclass(frozen=True)
class SearchRequest:
    """What a search looks for: everything but the rows."""

    name: str  # prefix of the C names
    board: Board
    family: str = "auto"
    threshold: float | None = None  # alarm above this level, in the target's unit
    budget: Budget = NO_LIMITS
    optimize: str | None = None  # what the C is written for, one of OPTIMIZE; None: as needed
    alarm_cost: AlarmCost | None = None  # what mistakes of the alarm cost
    alarm_below: float | None = None  # alarm below this level, in the target's unit
    scores: bool = False  # answers carry the score of each class
    reject: float | None = None  # part of the answers that may be wrong; others are "not sure"
    # True: the chosen model is wanted, not a ladder. Candidates that cannot be chosen are left out,
    # and without a budget nothing is compiled: the bytes of its tables stand for a model's cost
    choice_only: bool = False
    error_bars: int | None = None  # per cent of the references that the bars of a number cover

    @property
    def unlimited(self) -> bool:
        """Whether every model may be chosen: no budget, no scores, which not all families have."""
        return self.budget == NO_LIMITS and not self.scores and self.reject is None

    @property
    def compiles(self) -> bool:
        """Whether costs are measured on the chip."""
        return not self.choice_only or self.budget != NO_LIMITS
