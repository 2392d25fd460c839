"""Models in a moment, without a compiler: one candidate of one family, fitted and rounded."""

import numpy as np

from tinygen.data import Dataset
from tinygen.families import FAMILIES
from tinygen.model.model import Model
from tinygen.search.cross_validation import Trained
from tinygen.search.quantization import quantize

HARD_INPUTS = ("PT08.S1(CO)", "PT08.S3(NOx)", "PT08.S4(NO2)", "PT08.S5(O3)", "T", "RH", "AH")


def quick_model(
    dataset: Dataset, kind: str = "ridge", threshold: float | None = None, place: int = 0
) -> Model:
    """Candidate number `place` of a family."""
    family, rows = FAMILIES[kind], dataset.training
    config = family.candidates(rows)[place]
    return quantize(
        Trained(family, config, family.fit_all(rows, [config], 0)[0]), dataset, "quick", threshold
    )


def seen_by(model: Model, dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    """The columns of raw rows that the model reads."""
    return dataset.x[rows][:, dataset.columns_of(model.inputs)]
