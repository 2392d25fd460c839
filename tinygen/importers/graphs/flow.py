"""What a tensor of a graph holds for one row: float steps from the inputs, and a shape.

A row's values are kept flat, the last axis fastest. Whatever is linear in them becomes a matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from ...common.errors import QuantizeError
from ...model.nodes import MAX_WIDTH
from ..graph import (
    EXP,
    LOGISTIC,
    RELU,
    TANH,
    Affine,
    Columns,
    Curve,
    FloatModel,
    Floats,
    Head,
    Products,
    Step,
    TreeSum,
    each,
    pick,
    straight,
)
from ..readers import labels_of
from ..simplify import as_affine, beside, simplified, width_of

MOST_WIDE = 1024  # values of a row in one tensor
MOST_NUMBERS = 6_000_000  # of all matrices of a graph
SAME_SCORE = 1e-12  # part of a coefficient that counts as none
RISING = (LOGISTIC, TANH, EXP)  # curves that do not change which value is the largest


@dataclass(frozen=True)
class Flow:
    """A tensor of numbers."""

    inputs: int  # columns of the graph
    steps: tuple[Step, ...]
    shape: tuple[int, ...]  # of a row
    order: bool = False  # only the order of the values is that of the tensor's: behind a softmax

    def __post_init__(self) -> None:
        if self.width > MOST_WIDE:
            raise QuantizeError(
                f"a row has {self.width:,} values there, at most {MOST_WIDE:,} are read: use a "
                "shorter window or fewer filters"
            )

    @property
    def width(self) -> int:
        return prod(self.shape)

    def then(self, step: Step, shape: Sequence[int] | None = None) -> Flow:
        """The flow behind one more step; two of sums become one at once."""
        steps, shape = self.steps, self.shape if shape is None else tuple(map(int, shape))
        if steps and isinstance(step, Affine) and isinstance(steps[-1], Affine):
            first = steps[-1]
            offset = step.matrix @ first.offset + step.offset
            return replace(
                self, steps=(*steps[:-1], Affine(step.matrix @ first.matrix, offset)), shape=shape
            )
        return replace(self, steps=(*steps, step), shape=shape)

    def sums(self, matrix: Floats, offset: Any, shape: Sequence[int]) -> Flow:
        """Weighted sums of the row's values; `offset` is broadcast over `shape`."""
        start = np.broadcast_to(np.asarray(offset, dtype=np.float64), shape).ravel()
        return self.then(Affine(np.asarray(matrix, dtype=np.float64), start.copy()), shape)

    def curve(self, curve: Curve) -> Flow:
        """The same curve for every value."""
        return self.then(each(self.width, curve))

    def curves(self, curves: Sequence[Curve]) -> Flow:
        return self.then(Columns(tuple(range(self.width)), tuple(curves)))

    def picked(self, places: Any) -> Flow:
        """Some of the values; `places` is an array of flat places, its shape the new one."""
        places = np.asarray(places)
        flat = places.ravel().tolist()
        same = flat == list(range(self.width))
        return replace(self, shape=places.shape) if same else self.then(pick(flat), places.shape)

    def ordered(self) -> Flow:
        """What has the same order as these values, as the shares of classes have."""
        return replace(self, order=True)

    def shares(self) -> Flow:
        """Behind a softmax; QuantizeError where it is not over all values of a row."""
        if len(self.shape) != 1 or self.width < 2:
            raise QuantizeError("it is not over all values of a row: use it on one axis of classes")
        return self.ordered()

    def reshaped(self, shape: Sequence[int]) -> Flow:
        return replace(self, shape=tuple(map(int, shape)))

    @property
    def places(self) -> np.ndarray:
        """The flat place of every value, in the row's shape."""
        return np.arange(self.width).reshape(self.shape)


@dataclass(frozen=True)
class Quantized:
    """A tensor of small integers: `flow` is what they stand for, `(integer - zero) * scale`."""

    flow: Flow
    scale: float
    zero: int

    def less(self, zero: float) -> Flow:
        """The integers themselves, less `zero`."""
        return self.flow.curves([straight(1 / self.scale, self.zero - zero)] * self.flow.width)

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.flow.steps


@dataclass(frozen=True)
class Label:
    """A tensor with the name of a class."""

    inputs: int
    steps: tuple[Step, ...]
    head: Head


def text_of(value: Any) -> str:
    """A text of a file, which holds it as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def finished(value: Flow | Label | None, columns: tuple[str, ...], kind: str) -> FloatModel:
    """The model whose answer is the value: a class, the largest of a softmax's shares, a number;
    None stands for a constant.
    """
    if value is None:
        raise QuantizeError("the graph answers the same for every row: there is nothing to convert")
    if isinstance(value, Flow) and value.order:
        value = named(value, range(value.width))
    steps = evened(simplified(value.steps, len(columns)), len(columns))
    require_sound(steps, len(columns))
    if any(isinstance(s, Columns) and len(s.sources) == 0 for s in steps):
        raise QuantizeError("the graph answers no number: export it anew")
    return FloatModel(kind, columns, steps, value.head if isinstance(value, Label) else Head())


def together(flows: Sequence[Flow]) -> tuple[Flow, list[slice]]:
    """One flat flow with the values of several, and where each one's stand."""
    first = flows[0]
    common = 0
    while all(len(f.steps) > common for f in flows) and all(
        f.steps[common] is first.steps[common] for f in flows
    ):
        common += 1
    before = first.steps[:common]
    width = width_of(before, first.inputs)
    steps, places = beside([f.steps[common:] for f in flows], width)
    return Flow(first.inputs, (*before, *steps), (places[-1].stop,)), places


def of_pair(one: Flow, two: Flow, operation: str) -> Flow:
    """Element by element the sum ("add"), the difference ("sub") or the product ("mul") of two
    flows, whose shapes may be broadcast.
    """
    shape = np.broadcast_shapes(one.shape, two.shape)
    one, two = (f.picked(np.broadcast_to(f.places, shape)) for f in (one, two))
    both, (first, second) = together([one, two])
    unit = np.eye(one.width)
    if operation == "mul":
        pairs = zip(range(first.start, first.stop), range(second.start, second.stop))
        return both.then(Products(tuple(pairs)), shape)
    return both.sums(np.hstack([unit, unit if operation == "add" else -unit]), 0.0, shape)


# ---- classes ----


def named(flow: Flow, classes: Any) -> Label:
    """The class of the largest value, the first of equals; QuantizeError where it is none."""
    labels = labels_of(classes)
    if flow.width != len(labels):
        raise QuantizeError(f"{flow.width} scores for {len(labels)} classes decide nothing")
    steps = flow.steps
    while steps and isinstance(steps[-1], Columns) and _rises(steps[-1].shared):
        steps = steps[:-1]
    if len(labels) > 2:
        return Label(flow.inputs, _centred(steps, flow.inputs), Head("largest", labels))
    score = Affine(np.array([[-1.0, 1.0]]), np.zeros(1))
    return signed(Flow(flow.inputs, _without_logistic((*steps, score)), (1,)), labels)


def _rises(curve: Curve | None) -> bool:
    """True where the largest value stays the largest; limits make equals of some at most."""
    return curve in RISING or (curve is not None and curve.held is not None)


def _centred(steps: tuple[Step, ...], inputs: int) -> tuple[Step, ...]:
    """The steps without what all scores have in common, which decides nothing: |x|^2 of a nearest
    centre.
    """
    done = simplified(steps, inputs)
    if not isinstance(done[-1], Affine):
        return done
    matrix = done[-1].matrix - done[-1].matrix.mean(axis=0)
    least = SAME_SCORE * np.abs(done[-1].matrix).max(axis=0)
    matrix = np.where(np.abs(matrix) <= least, 0.0, matrix)
    offset = done[-1].offset - done[-1].offset.mean()
    if len(done) > 1 and isinstance(done[-2], Products):
        kept = np.flatnonzero(matrix.any(axis=0)).tolist() or [0]
        terms = Products(tuple(done[-2].terms[k] for k in kept))
        return simplified((*done[:-2], terms, Affine(matrix[:, kept], offset)), inputs)
    return (*done[:-1], Affine(matrix, offset))


def signed(flow: Flow, classes: Any) -> Label:
    """Class 1 where the only value is above 0, else class 0."""
    return Label(flow.inputs, flow.steps, Head("sign", labels_of(classes)))


def _without_logistic(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The same sign without the logistic function that the only value goes through, if one."""
    at = [k for k, s in enumerate(steps) if isinstance(s, Columns) and s.curves == (LOGISTIC,)]
    if not at:
        return steps
    behind = simplified(steps[at[-1] + 1 :], 1)
    line = as_affine(behind[0], 1) if len(behind) == 1 else None
    if line is None or line.matrix.shape != (1, 1) or line.matrix[0, 0] <= 0:
        return steps
    share = -float(line.offset[0] / line.matrix[0, 0])  # above it the sum is above 0
    if not 0 < share < 1:
        return steps
    return (*steps[: at[-1]], Affine(np.ones((1, 1)), np.array([-np.log(share / (1 - share))])))


# ---- maxima ----


def maximum(flow: Flow, groups: np.ndarray) -> Flow:
    """The largest value of each group: max(a, b) = b + relu(a - b). groups: flat places, (groups,
    members); -1 stands for none. An element that waits is relu(b) - relu(-b), or relu(b) alone
    where it cannot be below 0.
    """
    if flow.steps and isinstance(flow.steps[-1], Columns) and flow.steps[-1].shared is RELU:
        found = maximum(replace(flow, steps=flow.steps[:-1]), groups)  # the order is kept
        return found.curve(RELU)
    while groups.shape[1] > 1:
        half = (groups.shape[1] + 1) // 2
        one, two = groups[:, :half], groups[:, half:]
        two = np.hstack([two, np.full((len(two), half - two.shape[1]), -1)])
        flow = _larger(flow, one.ravel(), two.ravel())
        groups = np.arange(flow.width).reshape(-1, half)
    return flow.picked(groups[:, 0])


def _larger(flow: Flow, one: np.ndarray, two: np.ndarray) -> Flow:
    """The larger one of each pair of places, -1 for none."""
    unit = np.eye(flow.width)
    rows: list[Floats] = []
    mixed = np.zeros((len(one), 3 * len(one)))
    for k, (a, b) in enumerate(zip(one.tolist(), two.tolist())):
        a, b = (b, a) if a < 0 else (a, b)
        kept = unit[b] if b >= 0 else unit[a]
        at = len(rows)
        rows += [kept, -kept]
        mixed[k, at : at + 2] = 1.0, -1.0
        if b >= 0:
            rows.append(unit[a] - unit[b])
            mixed[k, at + 2] = 1.0
    wide = flow.sums(np.array(rows), 0.0, (len(rows),)).curve(RELU)
    return wide.sums(mixed[:, : len(rows)], 0.0, (len(one),))


def evened(steps: Sequence[Step], inputs: int) -> tuple[Step, ...]:
    """The steps with one curve for all of a layer: where some values wait beside a ReLU, a value
    is relu(x) - relu(-x).
    """
    found: list[Step] = []
    for step in steps:
        mixed = isinstance(step, Columns) and found and step.shared is None and step.lines is None
        if isinstance(step, Columns) and mixed and all(c.line or c is RELU for c in step.curves):
            found += _with_relus(step, width_of(found, inputs))
        else:
            found.append(step)
    return simplified(found, inputs)


def _with_relus(step: Columns, width: int) -> list[Step]:
    rows: list[Floats] = []
    ends: list[list[tuple[int, float]]] = []
    offset = np.zeros(len(step.curves))
    for k, (source, curve) in enumerate(zip(step.sources, step.curves)):
        unit = np.eye(width)[source]
        if curve is RELU:
            ends.append([(len(rows), 1.0)])
            rows.append(unit)
            continue
        gain, offset[k] = curve.line or (1.0, 0.0)
        ends.append([(len(rows), gain), (len(rows) + 1, -gain)])
        rows += [unit, -unit]
    matrix = np.zeros((len(ends), len(rows)))
    for k, parts in enumerate(ends):
        for place, value in parts:
            matrix[k, place] = value
    return [
        Affine(np.array(rows), np.zeros(len(rows))),
        each(len(rows), RELU),
        Affine(matrix, offset),
    ]


# ---- limits ----


def numbers_of(steps: Sequence[Step]) -> int:
    """Numbers that the steps hold."""
    return sum(s.matrix.size for s in steps if isinstance(s, Affine))


def require_sound(steps: Sequence[Step], inputs: int) -> None:
    """QuantizeError where a layer is wider than the integer model has, or a number is none."""
    for k, step in enumerate(steps):
        wide = width_of(steps[: k + 1], inputs)
        if wide > MAX_WIDTH and not isinstance(step, Products):
            raise QuantizeError(
                f"a layer has {wide} values, the integer model has at most {MAX_WIDTH} in one: "
                "use a shorter window, fewer filters or fewer units"
            )
        parts: list[Any] = []
        if isinstance(step, Affine):
            parts = [step.matrix, step.offset]
        elif isinstance(step, TreeSum):
            parts = [step.base, *(t.values for t in step.trees)]
            if any(np.isnan(t.threshold).any() for t in step.trees):
                parts.append(np.array([np.nan]))
        elif isinstance(step, Columns):
            parts = [np.array(c.line) for c in step.curves if c.line]
        if not all(np.isfinite(p).all() for p in parts):
            raise QuantizeError("the graph holds a number that is none (NaN or infinite): fit anew")
