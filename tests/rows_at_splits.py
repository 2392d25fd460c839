"""Rows that show a split in the wrong place."""

import numpy as np

from tinygen.model.fixedpoint import INT16_MAX
from tinygen.model.model import Model

ENDS = (-INT16_MAX - 1, -INT16_MAX, -1, 0, 1, INT16_MAX)


def rows_at_splits(made: Model) -> np.ndarray:
    """Random rows, the ends of int16, no reading among them, and rows on every limit and beside
    it; of a model that begins with its trees.
    """
    splits = np.array(made.nodes[0].splits)
    count = 3 * len(splits)
    found = np.resize(made.sample_rows(400, seed=1), (count, len(made.inputs)))
    at = np.arange(count) // 3
    beside = splits[at, 1] + np.arange(count) % 3 - 1
    found[np.arange(count), splits[at, 0]] = np.clip(beside, ENDS[0], ENDS[-1])
    ends = np.random.default_rng(2).choice(ENDS, (100, len(made.inputs)))
    return np.concatenate([made.sample_rows(200), found, ends])
