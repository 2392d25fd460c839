"""A float model becomes a chain of integer nodes: the form of its simplified steps decides how."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..common.errors import QuantizeError
from ..model.fixedpoint import Quantity
from ..model.operations.activation import Activation
from ..model.operations.exp2 import Exp2
from .calibration import Answer, Calibration, Lowered, first_close
from .graph import Affine, Columns, Curve, FloatModel, Products, Step, TreeSum, apply_all
from .layers import domain, lower_layers
from .simplify import restricted, simplified, used_inputs
from .squares import separate
from .sums import contributions, lower_curves, lower_line, lower_steps, table_of
from .trees import RawTree, lower_raw, lower_trees

LINK_SPAN = 14  # bits of the value in front of a curve of the answer
LINK_BITS = (4, 5, 6, 7, 8)  # of the number of that table's cells


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
        case (*_, Affine() | TreeSum(), Columns() as curves) if len(curves.curves) == 1:
            return first_close(_linked(steps[:-1], curves.curves[0], rows), rows)
        case (TreeSum() as trees,):
            return lower_trees(None, trees, rows)
        case (Columns() as before, TreeSum() as trees):
            return lower_trees(before, trees, rows)
        case (*_, TreeSum()):
            raise QuantizeError(
                f"trees behind {steps[-2].kind} would not branch as in float: train them on the "
                "columns themselves"
            )
        case (Affine() as sums,) if not sums.matrix.any():  # a model that looks at nothing
            return lower_raw([RawTree((), np.zeros((1, len(sums.offset))))], sums.offset, rows)
        case (Affine() as sums,) if rows.answer.head.kind == "value":
            return lower_line(sums, rows)
        case (Columns() as before,) | (Columns() as before, Affine()):
            return _lower_columns(before, steps, rows)
        case (Products() as products, Affine() as sums) if len(sums.offset) == 1 and (
            apart := separate(products, sums)
        ):
            return _lower_columns(apart[0], apart, rows)
        case (*_, Affine()):
            return lower_layers(steps, rows)
    kinds = ", then ".join(step.kind for step in steps)
    raise QuantizeError(f"{kinds} have no integer form: end the model in weighted sums")


def _linked(steps: tuple[Step, ...], curve: Curve, rows: Calibration) -> Iterator[Lowered]:
    """One value, and a curve of it: a power of two, or tables of more and more nodes."""
    answer, inner = rows.answer, apply_all(steps, rows.physical)
    if answer.head.kind != "value":
        raise QuantizeError(f"a class behind {curve.name} has no integer form: leave it out")

    def front(grid: Answer) -> Lowered:
        return _lowered(steps, replace(rows, values=inner, answer=grid))

    if curve.name == "exp" and not answer.offset:
        octaves = np.log(2) / Exp2.octave
        found = front(Answer(answer.head, octaves, float(np.log(answer.step)), 0, Exp2.most))
        yield replace(found, nodes=(*found.nodes, Exp2()), bound=None)
    low, high = domain(curve, inner, 0.5 / max(answer.high - answer.low, 1))
    for bits in LINK_BITS:
        span = 1 << LINK_SPAN
        grid = np.arange(span + 1)
        found = front(Answer(answer.head, (high - low) / span, low, 0, span))
        values = answer.exact(curve.function(low + grid * (high - low) / span))
        table = table_of(0, grid, values, (1 << bits) + 1)
        node = Activation(table.origin, table.step_bits, table.table)
        yield replace(found, nodes=(*found.nodes, node), bound=None)


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
