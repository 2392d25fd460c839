"""Rows that show a split in the wrong place."""

from collections.abc import Iterator

import numpy as np

from tinygen.model.fixedpoint import INT16_MAX
from tinygen.model.model import Model

ENDS = (-INT16_MAX - 1, -INT16_MAX, -1, 0, 1, INT16_MAX)


def rows_at_splits(made: Model) -> np.ndarray:
    """Random rows, rows that come to each split with its limit and one more, and the ends of
    int16, no reading among them; of a model that begins with its trees.
    """
    sides = list(_sides(made))
    found = np.resize(made.sample_rows(400, seed=1), (len(sides), len(made.inputs)))
    for row, (lows, highs, source, value) in zip(found, sides):
        np.clip(row, lows, highs, out=row)
        row[source] = value
    ends = np.random.default_rng(2).choice(ENDS, (100, len(made.inputs)))
    return np.concatenate([made.sample_rows(200), found, ends])


def _sides(made: Model) -> Iterator[tuple[np.ndarray, np.ndarray, int, int]]:
    """Of each split that rows come to: between what the inputs are there, which one it asks for,
    and a value of that on either side.
    """
    node, inputs = made.nodes[0], len(made.inputs)
    waiting = [(at, np.full(inputs, ENDS[0]), np.full(inputs, ENDS[-1])) for at in node.roots]
    while waiting:
        at, lows, highs = waiting.pop()
        if at < 0:
            continue
        source, limit, left, right = node.splits[at]
        below, above = min(limit, highs[source]), max(limit + 1, lows[source])
        if lows[source] <= below:
            yield lows, highs, source, below
            waiting.append((left, lows, _with(highs, source, below)))
        if above <= highs[source]:
            yield lows, highs, source, above
            waiting.append((right, _with(lows, source, above), highs))


def _with(values: np.ndarray, place: int, value: int) -> np.ndarray:
    changed = values.copy()
    changed[place] = value
    return changed
