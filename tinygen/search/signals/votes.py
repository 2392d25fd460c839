"""How many answers should decide: chosen on the answers to recordings that were held back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...model.signals.signal_model import MOST_VOTES, voted

ENOUGH = 0.005  # part of the windows that a shorter vote may get wrong on top


def runs_of(recording: np.ndarray, places: np.ndarray) -> list[np.ndarray]:
    """The places, in their order, recording by recording."""
    order = np.argsort(recording[places], kind="stable")
    cuts = np.flatnonzero(np.diff(recording[places][order])) + 1
    return np.split(order, cuts)


def chosen_votes(
    answers: np.ndarray,
    truth: np.ndarray,
    runs: Sequence[np.ndarray],
    classes: int,
    between: tuple[int, int],
) -> tuple[int, float]:
    """(votes, part of wrong decisions): the shortest vote, of every other number of answers
    between two, that is about as good as the best one. Windows before a vote is complete count too.
    """
    wrong, (least, most) = {}, between
    for votes in range(least, max(min(most, MOST_VOTES), least) + 1, 2):
        decided = np.empty_like(answers)
        for run in runs:
            decided[run] = voted(answers[run], votes, classes)
        wrong[votes] = float(np.mean(decided != truth))
    enough = min(wrong.values()) + ENOUGH
    votes = next(v for v, error in wrong.items() if error <= enough)
    return votes, wrong[votes]
