"""Anomaly guards: is this row unlike those seen before? Trained on rows alone, there is no target.

guard(x, inputs) -> Model           alarm where a row is farther out than nearly all training rows
guard_of(readings, ...) -> Model    the same, judged on rows it was not fitted to
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..common.errors import UsageError
from ..data import Dataset, Rows, reference
from ..families import FAMILIES, guards
from ..model.fixedpoint import RAW_MAX, RAW_MIN, Quantity
from ..model.model import Model
from .cross_validation import plain_config

LEAST_SPAN = 8  # raw steps beyond a range of a single value that are told apart


def guard(
    x: np.ndarray,
    inputs: tuple[Quantity, ...],
    family: str = "mahalanobis",
    alarms: float = 0.001,
    name: str = "guard",
) -> Model:
    """A guard for raw rows x of shape (n, inputs) whose alarm at most the part `alarms` of them
    sets off.

    alarms: 0 .. 0.5. Raises UsageError for another value or an unknown guard.
    """
    known = guards()
    if family not in known:
        raise UsageError(f"guard '{family}' is unknown: use {' or '.join(sorted(known))}")
    if not 0 <= alarms <= 0.5:
        raise UsageError(f"part of alarms {alarms} is out of range: it must lie within 0 .. 0.5")
    kind, rows = (
        FAMILIES[family],
        Rows(
            np.asarray(x, dtype=np.int64),
            np.zeros(len(x), dtype=np.int64),
            tuple(inputs),
            known[family].output,
        ),
    )
    config = known[family].config(alarms, len(inputs))
    nodes = kind.lower(kind.fit(rows, config, 0), rows)
    bare = Model(name, family, tuple(map(wide, rows.inputs)), rows.output, nodes)
    answers = bare.answer(rows.x)
    threshold = known[family].threshold(answers, alarms)
    output = replace(rows.output, maximum=float(rows.output.to_physical(answers.max())))
    facts = {"rows_train": len(rows.x), "config": plain_config(config), "alarms": float(alarms)}
    return replace(bare, output=output, threshold=threshold, training=facts)


def wide(q: Quantity) -> Quantity:
    """The quantity with its trained range once more on each side: readings out there are what a
    guard is for.

    The board saturates what lies beyond the accepted range, and must not saturate it into the usual
    one. What is made of a category or a time has no value out there.
    """
    if q.derivation:
        return q
    more = max(q.raw_maximum - q.raw_minimum, LEAST_SPAN)
    low, high = (
        int(np.clip(raw, RAW_MIN, RAW_MAX)) for raw in (q.raw_minimum - more, q.raw_maximum + more)
    )
    return replace(q, minimum=float(q.to_physical(low)), maximum=float(q.to_physical(high)))


def guard_of(rows: Dataset, family: str, alarms: float, name: str) -> Model:
    """A guard for the training rows, with what the model file tells of all rows."""
    bare = guard(rows.x[rows.train], rows.inputs, family, alarms, name)
    return replace(bare, training={**bare.training, **_facts(bare, rows)})


def _facts(model: Model, rows: Dataset) -> dict:
    """What the model file tells of the rows, and how many of them set the guard off."""
    answers = model.answer(rows.x)
    alarm = model.alarm(answers)
    known = reference.sketch(
        [q.name for q in (*model.inputs, model.output)],
        np.column_stack([rows.x, answers])[rows.train],
        alarm[rows.train],
        rows.provenance.rows_dropped / rows.provenance.rows_read,
        None if rows.split.by_time else rows.train,
    )
    return {
        **rows.facts(),
        "alarms_train": int(alarm[rows.train].sum()),
        "alarms_test": int(alarm[rows.test].sum()),
        "baseline": known.plain(),
    }
