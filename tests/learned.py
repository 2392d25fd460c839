"""The integer model that a family's best candidate becomes, without a compiler; and its true
error.
"""

import numpy as np
from tables import parse

from tinygen.data import Dataset, prepare, rows_for
from tinygen.families import FAMILIES
from tinygen.model.model import Model
from tinygen.search.cross_validation import Trained, cross_validate, families, preferred
from tinygen.search.quantization import quantize


def learned(text: str, target: str, family: str = "tree", **choice) -> tuple[Model, Dataset]:
    """The model of a CSV text's rows, and the rows."""
    dataset = prepare(parse(text), target, **choice)
    best = preferred(cross_validate(dataset, families(family, dataset)), dataset)[0]
    kind = FAMILIES[best.family]
    fitted = kind.fit_all(dataset.training, [best.config], 0)[0]
    return quantize(Trained(kind, best.config, fitted), dataset, "learned"), dataset


def true_error(model: Model, text: str, target: str) -> float:
    """Part of the rows of another CSV text answered wrongly, or the mean absolute error."""
    names, *lines = [line.split(",") for line in text.splitlines()]
    place = [name.split(" [")[0] for name in names].index(target)
    answers = model.answer(rows_for(model.inputs, parse(text))[0])
    if model.labels:
        return float(np.mean([model.labels[a] != row[place] for a, row in zip(answers, lines)]))
    truth = np.array([float(row[place]) for row in lines])
    return float(np.abs(model.output.to_physical(answers) - truth).mean())
