"""A float model becomes a chain of integer nodes: the form of its simplified steps decides how."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..common.errors import QuantizeError
from ..model.fixedpoint import Quantity
from .calibration import Answer, Calibration, Lowered
from .graph import Affine, Columns, FloatModel, Products, Step, TreeSum
from .layers import lower_layers
from .simplify import restricted, simplified, used_inputs
from .sums import contributions, lower_curves, lower_line, lower_steps
from .trees import lower_trees


def lower(
    model: FloatModel, inputs: tuple[Quantity, ...], x: np.ndarray, answer: Answer
) -> tuple[tuple[int, ...], Lowered]:
    """The inputs that the model uses, and its nodes over these. x: raw rows of all inputs."""
    steps = simplified(model.steps, len(inputs))
    used = used_inputs(steps, len(inputs))
    steps = restricted(steps, used, len(inputs))
    kept = tuple(inputs[k] for k in used)
    rows = Calibration(kept, x[:, list(used)], np.zeros((0, 0)), answer)
    rows = replace(rows, values=model.values(_all(inputs, x)))
    return used, _lowered(steps, rows)


def _all(inputs: tuple[Quantity, ...], x: np.ndarray) -> np.ndarray:
    return np.stack([q.to_physical(x[:, k]) for k, q in enumerate(inputs)], axis=1)


def _lowered(steps: tuple[Step, ...], rows: Calibration) -> Lowered:
    match steps:
        case (TreeSum() as trees,):
            return lower_trees(None, trees, rows)
        case (Columns() as before, TreeSum() as trees):
            return lower_trees(before, trees, rows)
        case (*_, TreeSum()):
            raise QuantizeError(
                f"trees behind {steps[-2].kind} would not branch as in float: train them on the "
                "columns themselves"
            )
        case (Affine() as sums,) if rows.answer.head.kind == "value":
            return lower_line(sums, rows)
        case (Columns() as before,) | (Columns() as before, Affine()):
            return _lower_columns(before, steps, rows)
        case (*_, Affine() | Products()):
            return lower_layers(steps, rows)
    kinds = ", then ".join(step.kind for step in steps)
    raise QuantizeError(f"{kinds} have no integer form: end the model in weighted sums")


def _lower_columns(before: Columns, steps: tuple[Step, ...], rows: Calibration) -> Lowered:
    """Sums of functions of single inputs."""
    sums = steps[1] if len(steps) > 1 else None
    assert sums is None or isinstance(sums, Affine)
    outputs = len(before.sources) if sums is None else len(sums.offset)
    base = np.zeros(outputs) if sums is None else sums.offset
    parts = contributions(before, sums, rows)
    stairs = lower_steps(parts, base, rows)
    if stairs:
        return stairs
    if outputs == 1:
        return lower_curves(parts[0], float(base[0]), rows)
    ends = sums or Affine(np.eye(outputs), np.zeros(outputs))
    return lower_layers((before, ends), rows)
