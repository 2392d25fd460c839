"""Rows that a header must answer right everywhere."""

from __future__ import annotations

import numpy as np

from ...model.fixedpoint import MISSING, RAW_MAX, RAW_MIN
from ...model.model import Model
from ...model.operations.argmax import Trees
from ...model.operations.forest import Forest
from ...model.operations.outside import Outside

EXTREMES = (MISSING, RAW_MIN, -1, 0, 1, RAW_MAX)


def proof_rows(model: Model, n: int, seed: int = 0) -> np.ndarray:
    """n seeded raw rows, int64 of shape (n, inputs): at most a quarter each around the model's own
    thresholds and of the extremes of int16, the mark for a missing value among them; the rest as
    `model.sample_rows` draws them, corners of the accepted ranges first.
    """
    rng = np.random.default_rng(seed)
    rows = np.array(model.sample_rows(n, seed), dtype=np.int64)
    quarter, inputs = n // 4, len(model.inputs)
    extremes = rng.choice(EXTREMES, size=(quarter, inputs))
    sides = np.array(_sides(model), dtype=np.int64).reshape(-1, 2)
    chosen = sides[rng.permutation(len(sides))[:quarter]]
    last = n - quarter - len(chosen)
    rows[np.arange(last, last + len(chosen)), chosen[:, 0]] = chosen[:, 1]
    rows[n - quarter :] = extremes
    return rows


def _sides(model: Model) -> list[tuple[int, int]]:
    """(input, value) one below, at and one above each limit that inputs are compared with."""
    limits: list[tuple[int, int]] = []
    every = (tuple(range(len(model.inputs))),)
    parts = zip(model.singles, model.places) if model.more else zip((model,), every)
    for one, places in parts:
        node = one.nodes[0]
        if isinstance(node, (Forest, Trees)):
            limits += [(places[split[0]], split[1]) for split in node.splits]
        elif isinstance(node, Outside):
            limits += [
                (places[i], v) for i, pair in enumerate(zip(node.low, node.high)) for v in pair
            ]
    near = [(i, v + d) for i, v in limits for d in (-1, 0, 1)]
    return sorted({(i, v) for i, v in near if MISSING <= v <= RAW_MAX})
