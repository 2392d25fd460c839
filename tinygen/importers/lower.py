"""A float model becomes a chain of integer nodes: the form of its simplified steps decides how."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial

import numpy as np

from ..common.errors import QuantizeError
from ..model.fixedpoint import Quantity
from ..model.nodes import Node
from ..model.operations.activation import Activation
from ..model.operations.exp2 import Exp2
from .calibration import Answer, Calibration, Choice, Lowered, domain, first_close, physical
from .graph import (
    Affine,
    Columns,
    Curve,
    FloatModel,
    Floats,
    Neighbours,
    Products,
    Step,
    TreeMedian,
    TreeSum,
    apply_all,
)
from .layers import lower_behind
from .ranks import lower_median, lower_neighbours, lower_scores
from .simplify import loosened, restricted, simplified, used_inputs
from .squares import separate
from .sums import contributions, lower_curves, lower_line, lower_steps, table_of
from .trees import RawTree, lower_raw, lower_trees

VISIBLE = 0.01  # part of the rows' classes, or of the answers' spread, that is worth a note
LOST = 0.1  # the same, from where on it is another model
LINK_SPAN = 14  # bits of the value in front of a curve of the answer
LINK_BITS = (4, 5, 6, 7, 8)  # of the number of that table's cells
ENDS = Affine | TreeSum | TreeMedian | Neighbours  # what gives the answer, or a curve follows


def lower(
    model: FloatModel,
    inputs: tuple[Quantity, ...],
    x: np.ndarray,
    answer: Answer,
    targets: Floats | None = None,
) -> tuple[tuple[int, ...], Lowered]:
    """The inputs that the model uses, and its nodes over these. x: raw rows of all inputs;
    targets: what the rows should be answered, raw or as class indices.
    """
    steps = simplified(model.steps, len(inputs))
    if model.rounded:
        steps = simplified(loosened(steps, physical(inputs, x)), len(inputs))
    used = used_inputs(steps, len(inputs))
    steps = restricted(steps, used, len(inputs))
    kept = tuple(inputs[k] for k in used)
    rows = Calibration(kept, x[:, list(used)], model.values(physical(inputs, x)), answer, targets)
    if answer.head.labels:
        near = (3 * x + np.random.default_rng(0).permutation(x)) // 4
        values = model.values(physical(inputs, near))
        between = replace(rows, x=near[:, list(used)], values=values, targets=None)
        rows = replace(rows, between=between)
    return used, _faithful(_lowered(steps, rows), rows)


def _faithful(found: Lowered, rows: Calibration) -> Lowered:
    """The same with a note where it differs visibly from the float model on the rows;
    QuantizeError where it is another model.
    """
    spread = 1.0
    if rows.answer.head.kind == "value":
        spread = max(float(rows.floats.std()), 1.0)
    gaps = rows.gaps(found.nodes)
    difference = float(gaps.mean())
    part = difference / spread if difference > rows.tolerance else 0.0  # rounding is no change
    words = "of the rows another class" if rows.answer.head.labels else "of the answers' spread"
    if part > LOST:
        raise QuantizeError(
            f"the integers would change {part:.0%} {words}: its numbers differ too much in size, "
            "scale the columns before the model is fitted, or use `tinygen distil`"
        )
    found = replace(found, measured=rows.measured(gaps))
    if part <= VISIBLE:
        return found
    return replace(found, notes=(*found.notes, f"the integers change {part:.1%} {words}"))


def _lowered(steps: tuple[Step, ...], rows: Calibration) -> Lowered:
    match steps:
        case (*_, step, Columns() as curves) if isinstance(step, ENDS) and len(curves.curves) == 1:
            return first_close(_linked(steps[:-1], curves.curves[0], rows), rows)
        case (TreeSum() as trees,):
            return lower_trees(None, trees, rows)
        case (Columns() as before, TreeSum() as trees):
            return lower_trees(before, trees, rows)
        case (*front, TreeSum() as trees):
            return lower_behind(front, rows, partial(lower_trees, None, trees))
        case (TreeMedian() as trees,):
            return lower_median(None, trees, rows)
        case (Columns() as before, TreeMedian() as trees):
            return lower_median(before, trees, rows)
        case (*front, TreeMedian() as trees):
            return lower_behind(front, rows, partial(lower_median, None, trees))
        case (*front, Affine(), Neighbours()):
            return lower_neighbours(steps, rows)
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
            return lower_scores(steps, rows)
    kinds = ", then ".join(step.kind for step in steps)
    raise QuantizeError(f"{kinds} have no integer form: end the model in weighted sums")


def _linked(steps: tuple[Step, ...], curve: Curve, rows: Calibration) -> Iterator[Choice]:
    """One value, and a curve of it: a power of two, or tables of more and more nodes."""
    answer, inner = rows.answer, apply_all(steps, rows.physical)
    if answer.head.kind != "value":
        raise QuantizeError(f"a class behind {curve.name} has no integer form: leave it out")

    @cache  # the tables all stand on one grid
    def inside(grid: Answer) -> Lowered:
        return _lowered(steps, replace(rows, values=inner, answer=grid, targets=None))

    def behind(grid: Answer, node: Node) -> Lowered:
        found = inside(grid)
        return replace(found, nodes=(*found.nodes, node), bound=None)

    if curve.name == "exp" and not answer.offset:
        octaves = np.log(2) / Exp2.octave
        grid = Answer(answer.head, octaves, float(np.log(answer.step)), 0, Exp2.most)
        yield partial(behind, grid, Exp2())
    low, high = domain(curve, inner, 0.5 / max(answer.high - answer.low, 1))
    span = 1 << LINK_SPAN
    places = np.arange(span + 1)
    values = answer.exact(curve.function(low + places * (high - low) / span))
    for bits in LINK_BITS:
        table = table_of(0, places, values, (1 << bits) + 1)
        node = Activation(table.origin, table.step_bits, table.table)
        yield partial(behind, Answer(answer.head, (high - low) / span, low, 0, span), node)


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
    return lower_scores((before, ends), rows)
