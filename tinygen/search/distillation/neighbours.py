"""Rows drawn around the rows of a data set, for a teacher to label.

Sensors move together: a row of uniformly drawn readings is none that a board will see, and what a
student learns there says nothing about its error. A row between two near ones is.
"""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors

NEAREST = 5  # rows one of which a row is mixed with
FEW_LEVELS = 12  # a column of so many values is a switch or a setting: there is nothing between
JITTER = 1  # raw steps: what a sensor's own rounding may move


def rows_between(x: np.ndarray, times: int, seed: int) -> np.ndarray:
    """Raw rows near those of x (n, inputs), int64 (n * times, inputs), in the order of x.

    Each lies at a random place between a row and one of its NEAREST others, moved by at most
    JITTER steps and held within the ranges of x. A column of few values has one of the two rows'.
    """
    many = np.repeat(np.arange(len(x)), times)
    if len(x) < 2:
        return x[many]
    rng = np.random.default_rng(seed)
    spread = np.maximum(x.std(axis=0), 1.0)
    search = NearestNeighbors(n_neighbors=min(NEAREST, len(x) - 1)).fit(x / spread)
    near = search.kneighbors(return_distance=False)
    other = near[many, rng.integers(near.shape[1], size=len(many))]
    part = rng.uniform(size=(len(many), 1))
    mixed = np.floor(x[many] + part * (x[other] - x[many]) + 0.5).astype(np.int64)
    mixed += rng.integers(-JITTER, JITTER + 1, size=mixed.shape)
    few = np.array([len(np.unique(column)) <= FEW_LEVELS for column in x.T])
    mixed[:, few] = np.where(part < 0.5, x[many], x[other])[:, few]
    return np.clip(mixed, x.min(axis=0), x.max(axis=0))
