"""The grid of estimators: every generator gets each of them, fitted once to the training rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import converted_models as models
import numpy as np

from tinygen.data import Dataset

from .tasks import Task


@dataclass(frozen=True)
class Configuration:
    """A kind of estimator and its size."""

    kind: str
    depth: int = 0  # of a tree, of each tree of a forest
    trees: int = 0
    units: int = 0
    quick: bool = False  # in a quick run as well

    @property
    def title(self) -> str:
        return {
            "tree": f"tree, depth {self.depth}",
            "forest": f"forest, {self.trees} of depth {self.depth}",
            "net": f"net, {self.units} units",
            "linear": "linear",
        }[self.kind]


CONFIGURATIONS = (
    Configuration("tree", 4),
    Configuration("tree", 6, quick=True),
    Configuration("tree", 8),
    Configuration("tree", 10),
    Configuration("forest", 4, 5),
    Configuration("forest", 6, 10),
    Configuration("net", units=8, quick=True),
    Configuration("net", units=16),
    Configuration("linear", quick=True),
)


@dataclass(frozen=True)
class Sized(models.Task):
    """A task as the fitting functions of converted_models.py take it."""

    data: Dataset = field(kw_only=True)

    @property
    def dataset(self) -> Dataset:  # type: ignore[override]
        return self.data


def fit(task: Task, size: Configuration) -> models.Fitted:
    """The estimator, fitted with a seed to the training rows."""
    data = task.dataset
    sized = Sized(
        task.name,
        bool(data.labels),
        size.depth,
        (size.trees, size.depth),
        size.units,
        data=data,
    )
    x, y = data.x[data.train].astype(float), data.y[data.train]
    return models.FIT[size.kind](sized, x, y)


def counts(fitted: models.Fitted, rows: np.ndarray) -> tuple[int, float]:
    """Weights of an estimator, and the splits that an answer to one of the rows asks, on average;
    what a kind has not is 0.
    """
    plain: Any = fitted.plain
    if fitted.kind == "net":
        return sum(w.size for w in plain.coefs_), 0.0
    if fitted.kind == "linear":
        return int(np.size(plain.coef_)), 0.0
    trees = np.ravel(plain.estimators_) if fitted.kind == "forest" else [plain]
    x = rows.astype(np.float32)
    # a path counts its leaf
    return 0, float(sum(t.decision_path(x).getnnz() / len(x) - 1 for t in trees))
