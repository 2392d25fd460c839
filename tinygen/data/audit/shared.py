"""What the checks share."""

from __future__ import annotations

import numpy as np

from ...model.fixedpoint import Quantity
from ..dataset import Dataset


def shuffled_training(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Training rows in a fixed shuffled order, so that folds are random."""
    order = np.random.default_rng(0).permutation(dataset.train)
    return dataset.x[order].astype(float), dataset.y[order]


def without(quantity: Quantity) -> str:
    """What leaves an input out."""
    made = quantity.derivation
    if made and made.part:
        return f"leave {made.part} out of --time-inputs"
    return drop_option(quantity.name)


def drop_option(name: str) -> str:
    return f'--drop "{name}"'
