"""Made-up rows that a square of two inputs explains."""

import numpy as np

from tinygen.common.boards import BOARDS
from tinygen.data import Dataset, Provenance, Rows, Split
from tinygen.model.fixedpoint import Quantity

UNO = BOARDS["uno"]


def made_up(split: str = "random", rows: int = 400, noise: float = 3.0, seed: int = 0) -> Dataset:
    """y = (0.02 a + 0.01 b)**2 + noise, and an input c that says nothing."""
    rng = np.random.default_rng(seed)
    x = rng.integers(100, 1000, size=(rows, 3))
    y = np.floor((0.02 * x[:, 0] + 0.01 * x[:, 1]) ** 2 + rng.normal(0, noise, rows) + 20.5).astype(
        np.int64
    )
    order = np.arange(rows)
    train, test = (
        (order[: int(0.7 * rows)], order[int(0.7 * rows) :])
        if split == "time"
        else (order[rows // 5 :], order[: rows // 5])
    )
    quantities = tuple(
        Quantity(n, "V", 0.01, float(x[train, k].min()) / 100, float(x[train, k].max()) / 100)
        for k, n in enumerate("abc")
    )
    target = Quantity("y", "ug/m3", 0.1, y[train].min() / 10, y[train].max() / 10)
    return Dataset(
        Rows(x, y, quantities, target),
        Split(train, test, split),
        Provenance("made up", rows_read=rows, missing=(-200,), lines=np.arange(2, rows + 2)),
    )
