"""Anomaly guards: is this row unlike those seen before? Trained on rows alone, there is no target.

    guard(x, inputs) -> Model        alarm where a row is farther out than nearly all training rows
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .errors import UsageError
from .families import FAMILIES, Rows, box, mahalanobis
from .fixedpoint import INT16_MAX, RAW_MAX, RAW_MIN, Quantity
from .model import Model
from .train import plain_config

TRIM = 0.01              # part of the rows, the farthest ones, that does not shape the usual range
LEAST_SPAN = 8           # raw steps beyond a range of a single value that are told apart
OUTPUTS = {"box": Quantity("readings outside", "", 1.0, 0.0, 0.0),
           "mahalanobis": Quantity("squared distance", "deviations^2", 1 / mahalanobis.PARTS, 0.0, 0.0)}


def guard(x: np.ndarray, inputs: tuple[Quantity, ...], family: str = "mahalanobis", alarms: float = 0.001, name: str = "guard") -> Model:
    """A guard for raw rows x of shape (n, inputs) whose alarm at most the part `alarms` of them sets off.

    alarms: 0 .. 0.5. Raises UsageError for another value or an unknown guard.
    """
    if family not in OUTPUTS:
        raise UsageError(f"guard '{family}' is unknown: use {' or '.join(OUTPUTS)}")
    if not 0 <= alarms <= 0.5:
        raise UsageError(f"part of alarms {alarms} is out of range: it must lie within 0 .. 0.5")
    kind, rows = FAMILIES[family], Rows(np.asarray(x, dtype=np.int64), np.zeros(len(x), dtype=np.int64), tuple(inputs), OUTPUTS[family])
    # each end of each interval may leave out its share of the alarms, so that one reading outside is one
    config = box.Config(alarms / (2 * len(inputs))) if family == "box" else mahalanobis.Config(TRIM)
    nodes = kind.lower(kind.fit(rows, config, 0), rows)
    bare = Model(name, family, tuple(map(_wide, rows.inputs)), rows.output, nodes)
    answers = bare.answer(rows.x)
    # the alarm is *above* the threshold: "higher" leaves at most that part of the rows there
    threshold = 0 if family == "box" else min(int(np.quantile(answers, 1 - alarms, method="higher")), INT16_MAX - 1)
    output = replace(rows.output, maximum=float(rows.output.to_physical(answers.max())))
    facts = {"rows_train": len(rows.x), "config": plain_config(config), "alarms": float(alarms)}
    return replace(bare, output=output, threshold=threshold, training=facts)


def _wide(q: Quantity) -> Quantity:
    """The quantity with its trained range once more on each side: readings out there are what a guard is for.

    The board saturates what lies beyond the accepted range, and must not saturate it into the usual one.
    """
    more = max(q.raw_maximum - q.raw_minimum, LEAST_SPAN)
    low, high = (int(np.clip(raw, RAW_MIN, RAW_MAX)) for raw in (q.raw_minimum - more, q.raw_maximum + more))
    return replace(q, minimum=float(q.to_physical(low)), maximum=float(q.to_physical(high)))
