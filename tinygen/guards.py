"""Anomaly guards: is this row unlike those seen before? Trained on rows alone, there is no target.

    guard(x, inputs) -> Model        alarm where a row is farther out than nearly all training rows
"""

from __future__ import annotations

import numpy as np

from .errors import UsageError
from .families import FAMILIES, Rows
from .families.mahalanobis import PARTS
from .fixedpoint import INT16_MAX, Quantity
from .model import Model
from .train import plain_config

OUTPUTS = {"box": Quantity("readings outside", "", 1.0, 0.0, 0.0),
           "mahalanobis": Quantity("squared distance", "deviations^2", 1 / PARTS, 0.0, 0.0)}


def guard(x: np.ndarray, inputs: tuple[Quantity, ...], family: str = "mahalanobis", alarms: float = 0.001, name: str = "guard") -> Model:
    """A guard for raw rows x of shape (n, inputs) whose alarm at most the part `alarms` of them sets off.

    alarms: 0 .. 0.5. Raises UsageError for another value or an unknown guard.
    """
    if family not in OUTPUTS:
        raise UsageError(f"guard '{family}' is unknown: use {' or '.join(OUTPUTS)}")
    if not 0 <= alarms <= 0.5:
        raise UsageError(f"part of alarms {alarms} is out of range: it must lie within 0 .. 0.5")
    kind, rows = FAMILIES[family], Rows(np.asarray(x, dtype=np.int64), np.zeros(len(x), dtype=np.int64), tuple(inputs), OUTPUTS[family])
    config = kind.candidates(rows)[-1]
    nodes = kind.lower(kind.fit(rows, config), rows)
    bare = Model(name, family, rows.inputs, rows.output, nodes)
    answers = bare.answer(rows.x)
    highest = float(rows.output.to_physical(answers.max()))
    # of an alarm *above* the threshold, "higher" leaves at most that part of the rows above it
    threshold = min(int(np.quantile(answers, 1 - alarms, method="higher")), INT16_MAX - 1)
    return Model(name, family, rows.inputs, Quantity(rows.output.name, rows.output.unit, rows.output.scale, 0.0, highest), nodes,
                 threshold, training={"rows_train": len(rows.x), "config": plain_config(config), "alarms": float(alarms)})
