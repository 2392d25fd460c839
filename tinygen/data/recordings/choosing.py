"""The sides of recordings as they were asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ...common.errors import DataError, show
from ..cells import number_of
from .cutting import Piece
from .request import RecordingRequest
from .sides import natural, require_sides, sides_by_class, sides_by_group

MOST_NAMED = 8  # values that a message lists


def choose_sides(
    pieces: Sequence[Piece], request: RecordingRequest, labelled: bool, step: str
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Positions of the recordings that train and that test, each ascending. `step`: a column that
    may number recordings, "" for none.
    """
    if request.test:
        test, by = _by_value(pieces, *request.test_values), f"with --test {show(request.test)}"
        why = "choose other values of --test"
    elif request.group:
        groups = [piece.group for piece in pieces]
        if len(set(groups)) < 2:
            raise DataError(
                f"column {show(request.group)} holds one group only ({show(groups[0])}), and a "
                "split needs two: record another, or leave out --group"
            )
        test, by = sides_by_group(groups, request.seed), f"with --group {show(request.group)}"
        why = "move the groups that test with --seed, or name them with --test"
    else:
        test, by = _by_class(pieces, request.seed, labelled, step), ""
        why = f"record another{_split(step)}"
    sides = tuple(np.flatnonzero(side).tolist() for side in (~test, test))
    train, tests = tuple(sides[0]), tuple(sides[1])
    labels = [piece.label if labelled else "" for piece in pieces]
    require_sides(labels, train, tests, by, why)
    _require_apart(pieces, test, by)
    return train, tests


def _split(step: str) -> str:
    return f", or split it with --recording {show(step) if step else 'COLUMN'}"


def _by_value(pieces: Sequence[Piece], column: str, values: tuple[str, ...]) -> np.ndarray:
    found = [piece.tests for piece in pieces]
    for value in values:
        if not any(_equal(value, other) for other in found):
            there = sorted({text for text in found if text}, key=natural)
            listed = ", ".join(there[:MOST_NAMED]) + (", .." if len(there) > MOST_NAMED else "")
            raise DataError(
                f"--test: no recording has {show(value)} in column {show(column)}: it holds "
                f"{listed or 'nothing'}"
            )
    return np.array([any(_equal(value, other) for value in values) for other in found])


def _equal(one: str, other: str) -> bool:
    numbers = [number_of(text, ".") for text in (one, other)]
    if numbers[0] and numbers[1]:
        return numbers[0][0] == numbers[1][0]
    return one == other


def _by_class(pieces: Sequence[Piece], seed: int, labelled: bool, step: str) -> np.ndarray:
    """Every third recording of each class; one that is in several parts counts once."""
    labels = {piece.group: piece.label for piece in pieces}
    count = Counter(labels.values())
    for label, recordings in count.items():
        if labelled and recordings == 1:
            raise DataError(
                f"one recording of class {show(label)}: record another{_split(step)}, since a "
                "split needs two"
            )
    if len(labels) == 1:
        raise DataError(
            f"one recording only: record another{_split(step)}, since a split needs two"
        )
    groups = [*labels]
    sides = dict(zip(groups, sides_by_class([labels[group] for group in groups], seed)))
    return np.array([sides[piece.group] for piece in pieces])


def _require_apart(pieces: Sequence[Piece], test: np.ndarray, by: str) -> None:
    tested = {piece.group for piece, tests in zip(pieces, test) if tests}
    for piece, tests in zip(pieces, test):
        if not tests and piece.group in tested:
            raise DataError(
                f"{show(piece.group)} has recordings on both sides {by}: choose values of --test "
                "that keep its recordings together"
            )
