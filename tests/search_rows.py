"""Made-up rows that a square of two inputs explains."""

import dataclasses

import numpy as np

from tinygen.common.boards import BOARDS
from tinygen.data import Dataset
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
    fields = {f.name: None for f in dataclasses.fields(Dataset)}
    return Dataset(
        **{
            **fields,
            "inputs": quantities,
            "target": target,
            "x": x,
            "y": y,
            "train": train,
            "test": test,
            "split": split,
            "seed": 0,
            "rows_read": rows,
            "rows_dropped": 0,
            "duplicates_removed": 0,
            "missing": (-200,),
            "source": "made up",
            "sha256": "0" * 64,
            "notes": (),
            "file_rows": order,
            "labels": (),
        }
    )
