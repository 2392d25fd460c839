"""How many answers should decide: chosen on the answers to recordings that were held back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...model.signals.signal_model import MOST_VOTES, answers_to_change, voted

ENOUGH = 0.005  # part of the windows that a shorter vote may get wrong on top


def runs_of(recording: np.ndarray, places: np.ndarray) -> list[np.ndarray]:
    """The places, in their order, recording by recording."""
    order = np.argsort(recording[places], kind="stable")
    cuts = np.flatnonzero(np.diff(recording[places][order])) + 1
    return np.split(order, cuts)


@dataclass(frozen=True)
class Vote:
    """How the last answers decide."""

    votes: int
    lead: int  # by which another class must be ahead

    @property
    def answers(self) -> int:
        """Answers in a row until it changes."""
        return answers_to_change(self.votes, self.lead)


def votes_between(least: int, most: int) -> list[Vote]:
    """Majorities of an odd number of answers, and unanimity of as many as these need to change: the
    fastest first. With one number of answers only its majority.
    """
    most = max(min(most, MOST_VOTES), least)
    majorities = [Vote(votes, 1) for votes in range(least, most + 1, 2)]
    if least == most:
        return majorities
    unanimous = [Vote(vote.answers, vote.answers) for vote in majorities if vote.votes > 1]
    return sorted((*majorities, *unanimous), key=lambda vote: (vote.answers, vote.lead))


def chosen_vote(
    answers: np.ndarray,
    truth: np.ndarray,
    runs: Sequence[np.ndarray],
    classes: int,
    tried: Sequence[Vote],
) -> tuple[Vote, float]:
    """(vote, part of wrong decisions): the fastest vote, of those tried, that is about as good as
    the best one. Windows before a vote is complete count too.
    """
    wrong = {}
    for vote in tried:
        decided = np.empty_like(answers)
        for run in runs:
            decided[run] = voted(answers[run], vote.votes, classes, vote.lead)
        wrong[vote] = float(np.mean(decided != truth))
    enough = min(wrong.values()) + ENOUGH
    fastest = min(vote.answers for vote, error in wrong.items() if error <= enough)
    best = min((v for v in tried if v.answers == fastest), key=lambda v: (wrong[v], v.lead))
    return best, wrong[best]
