"""When a classifier is not sure: the least lead of its best score, for a wanted rate of errors.

The limit is chosen on rows that the scores were not fitted to. They count as answered from the
largest lead downwards for as long as the part of wrong ones stays within the rate, with one more
wrong row than there is (conformal risk control, Angelopoulos et al. 2022): a handful of rows that
happen to be right proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..fixedpoint import NOT_SURE


@dataclass(frozen=True)
class Answered:
    """Rows, how many of them are answered, and how many of these wrongly."""

    rows: int
    answered: int
    wrong: int

    @staticmethod
    def of(answer: np.ndarray, y: np.ndarray) -> Answered:
        """Of answers (n,) that may be NOT_SURE, and the true classes (n,)."""
        named = answer != NOT_SURE
        return Answered(len(y), int(named.sum()), int((named & (answer != y)).sum()))

    @property
    def share_not_sure(self) -> float:
        """Part of the rows that are not answered."""
        return 1 - self.answered / self.rows

    @property
    def error(self) -> float:
        """Part of the answered rows that is wrong; 0 where none is answered."""
        return self.wrong / max(self.answered, 1)

    @property
    def words(self) -> str:
        """ "answers 143 of 200 rows, 4.20% of them wrongly"."""
        if not self.answered:
            return f"answers none of {self.rows:,} rows"
        return f"answers {self.answered:,} of {self.rows:,} rows, {self.error:.2%} of them wrongly"


def leads_of(scores: np.ndarray) -> np.ndarray:
    """How far the best of each row's scores (n, classes) is ahead of the next one, (n,)."""
    two = np.sort(scores, axis=1)[:, -2:]
    lead: np.ndarray = two[:, 1] - two[:, 0]
    return lead


def least_lead(leads: np.ndarray, wrong: np.ndarray, rate: float) -> float | None:
    """The smallest lead from which on (wrong + 1) / (rows + 1) is at most `rate`; None where no
    lead is large enough.
    """
    order = np.argsort(-leads, kind="stable")
    leads, mistakes = leads[order], np.cumsum(wrong[order])
    rows = np.arange(1, len(leads) + 1)
    last_of_equals = np.append(leads[1:] < leads[:-1], True)
    good = last_of_equals & ((mistakes + 1) / (rows + 1) <= rate)
    return float(leads[good][-1]) if good.any() else None
