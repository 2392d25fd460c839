"""The rows that a model is explained against: its training rows wherever they can be had.

    background_of(model, table) -> Background

`explain` and the report ask here, so that both say the same of one model and one file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data import Dataset, Table, as_trained, prepare, rows_for
from ..data import reference as baselines
from ..model.fixedpoint import MISSING
from ..model.model import Model
from .shapley import MOST_BACKGROUND


@dataclass(frozen=True)
class Background:
    """Raw rows (n, inputs of the model) without a missing value, and where they come from."""

    rows: np.ndarray
    words: str


def background_of(model: Model, table: Table | None = None) -> Background:
    """The training rows of the file that the model was trained on; the complete rows of another
    file, or of a guard's; without a file the deciles that the model keeps.
    """
    if table is None:
        return Background(decile_rows(model), "independent deciles of the training rows")
    if is_training_file(model, table):
        rows = training_rows(model, training_dataset(model, table))
        return Background(rows, f"training rows of {table.path_name}")
    raw = rows_for(model.inputs, table)[0]
    return Background(raw[(raw != MISSING).all(axis=1)], f"rows of {table.path_name}")


def is_training_file(model: Model, table: Table) -> bool:
    """True for the file that `train` was given; a guard keeps no split that can be found again."""
    facts = model.training
    return "metrics" in facts and facts.get("sha256") == table.sha256


def training_dataset(model: Model, table: Table) -> Dataset:
    """The rows and the split of the training, from the file it was done with."""
    table = as_trained(table, model.inputs, model.training.get("date_order", ""))
    return prepare(table, model.output.name, **training_choices(model))


def training_choices(model: Model) -> dict[str, Any]:
    """How the training took its rows from the file: arguments of `prepare` and of `audit`."""
    facts = model.training
    return {
        "inputs": facts["candidate_inputs"],
        "split": facts["split"],
        "seed": facts["seed"],
        "task": "classification" if model.labels else "regression",
        "categories": facts.get("categories", ()),
        "time_inputs": facts.get("time_inputs", ()),
        "beside": facts.get("beside", ()),
    }


def training_rows(model: Model, dataset: Dataset) -> np.ndarray:
    """The readings of a data set's training rows that the model sees, raw (n, inputs)."""
    return dataset.x[dataset.train][:, dataset.columns_of(model.inputs)]


def decile_rows(model: Model) -> np.ndarray:
    """Raw rows from the baseline in the model file: each input's deciles, shuffled independently by
    a fixed seed.
    """
    rng, sketches = (
        np.random.default_rng(0),
        baselines.read(model.training.get("baseline")).sketches,
    )
    return np.column_stack(
        [
            rng.choice(s.knots or (q.raw_minimum,), MOST_BACKGROUND)
            for s, q in zip(sketches, model.inputs)
        ]
    )
