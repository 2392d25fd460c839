"""Models of every family, trained on small tables: tests parametrised over FAMILIES get their
models here.
"""

from functools import cache

import numpy as np
from threadpoolctl import threadpool_limits

from tinygen.data import Rows
from tinygen.families import FAMILIES, Family
from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import Model

KINDS = ("clean", "dusty", "foul")
# (family, task) for everything that a family says it can do
TASKS = [(name, task) for name, family in FAMILIES.items() for task in family.tasks]


def rows_of(x: np.ndarray, y: np.ndarray, labels: tuple[str, ...] = ()) -> Rows:
    """Training rows of raw values; every quantity's range is what the rows have."""
    x, y = np.asarray(x, dtype=np.int64), np.asarray(y, dtype=np.int64)
    quantities = tuple(
        Quantity(f"sensor {i}", "", 1.0, float(c.min()), float(c.max())) for i, c in enumerate(x.T)
    )
    output = (
        Quantity("kind", "", 1.0, 0.0, len(labels) - 1.0)
        if labels
        else Quantity("gas", "ug/m3", 0.1, y.min() / 10, y.max() / 10)
    )
    return Rows(x, y, quantities, output, labels)


@cache
def street(task: str = "regression") -> Rows:
    """400 made-up rows in the manner of a street station: a gas that three sensors see, with noise,
    or its class.
    """
    rng = np.random.default_rng(7)
    gas, heat, damp = (
        rng.gamma(2.5, 40.0, 400),
        rng.integers(-50, 450, 400),
        rng.integers(92, 888, 400),
    )
    sensor = 300 + 30 * np.sqrt(gas) * (1 + damp / 4000) - heat / 4
    x, y = np.column_stack([sensor, heat, damp]), np.maximum(gas + rng.normal(0, 3, 400), 0)
    return (
        rows_of(x, np.digitize(y, (60, 120)), KINDS) if task == "classification" else rows_of(x, y)
    )


def configs_of(family: Family, rows: Rows, pick: float):
    """One of a family's configurations: the one at `pick` of the list, 0 the first and 1 the
    last.
    """
    configs = family.candidates(rows)
    return configs[round(pick * (len(configs) - 1))]


def fitted_model(family: str, rows: Rows, pick: float = 0.5) -> Model:
    """The integer model of one of a family's candidates."""
    kind = FAMILIES[family]
    with threadpool_limits(1):  # small matrices: threads would only wait for each other
        fitted = kind.fit(rows, configs_of(kind, rows, pick), 0)
    threshold = None if rows.labels else int(np.median(rows.y))
    return Model(
        "m",
        family,
        tuple(rows.inputs[c] for c in fitted.columns),
        rows.output,
        kind.lower(fitted, rows),
        threshold,
        rows.labels,
    )


@cache
def street_model(family: str, task: str) -> Model:
    """The middle candidate of a family, fitted to the made-up rows."""
    return fitted_model(family, street(task))
