"""The float form of somebody's model: steps over a vector of floats, then what the last values
mean. Nothing here knows where the model came from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..common.errors import QuantizeError
from ..model.fixedpoint import Quantity
from ..model.nodes import Node

Floats = NDArray[np.float64]
EQUAL = 1e-9  # part of the largest sum that two may differ by, and are equal
LARGEST_DEGREE = 3  # of a product: what the integer model has an operation for


@dataclass(frozen=True)
class Curve:
    """A function of one number, the same as its author computes it, rounding included."""

    name: str  # "log1p", "quantile map"
    function: Callable[[Floats], Floats]
    line: tuple[float, float] | None = None  # gain and offset where it is a straight line
    held: tuple[float, float] | None = None  # it only holds numbers within these
    chain: tuple[Curve, ...] = ()  # the curves that it was made from, where it has several

    def then(self, after: Curve) -> Curve:
        """`after(self(x))`."""
        if self is SAME or after is SAME:
            return after if self is SAME else self
        line = None
        if self.line and after.line:
            line = self.line[0] * after.line[0], self.line[1] * after.line[0] + after.line[1]
        first, second = self.function, after.function
        name = self.name if after.line else after.name
        return Curve(name, lambda x: second(first(x)), line, None, (*self.parts, *after.parts))

    @property
    def parts(self) -> tuple[Curve, ...]:
        """The curves that do the same one behind the other."""
        return self.chain or (self,)


def straight(gain: float, offset: float) -> Curve:
    """The line `gain * x + offset`."""
    return Curve("line", lambda x: x * gain + offset, (float(gain), float(offset)))


def constant(value: float) -> Curve:
    return Curve("line", lambda x: np.full(np.shape(x), float(value)), (0.0, float(value)))


def hold(low: float, high: float) -> Curve:
    """Numbers within low .. high."""
    return Curve("clip", lambda x: np.clip(x, low, high), held=(low, high))


SAME = Curve("line", lambda x: x, (1.0, 0.0))
RELU = Curve("relu", lambda x: np.maximum(x, 0.0))
TANH = Curve("tanh", np.tanh)
LOGISTIC = Curve("logistic", lambda x: 0.5 * (1.0 + np.tanh(0.5 * np.asarray(x))))
STEP = Curve("step", lambda x: (np.asarray(x) > 0).astype(np.float64))
EXP = Curve("exp", lambda x: np.exp(np.minimum(x, 700.0)))


class Step:
    """From vectors to vectors: (n, inputs) -> (n, outputs)."""

    kind: ClassVar[str]

    def apply(self, values: Floats) -> Floats:
        raise NotImplementedError


@dataclass(frozen=True)
class Columns(Step):
    """Functions of single elements: output k is `curves[k]` of element `sources[k]`."""

    kind: ClassVar[str] = "functions of single columns"
    sources: tuple[int, ...]
    curves: tuple[Curve, ...]

    def apply(self, values: Floats) -> Floats:
        with np.errstate(all="ignore"):  # a logarithm of what is not positive is the model's
            return np.stack(
                [c.function(values[:, s]) for s, c in zip(self.sources, self.curves)], 1
            )

    @property
    def lines(self) -> tuple[Floats, Floats] | None:
        """Gain and offset of every output; None where one is no line."""
        lines = [c.line for c in self.curves if c.line is not None]
        if len(lines) < len(self.curves):
            return None
        gain, offset = np.array(lines).T
        return gain, offset

    @property
    def shared(self) -> Curve | None:
        """The only curve, where all elements pass it in their order; None otherwise."""
        alike = all(c is self.curves[0] for c in self.curves)
        return self.curves[0] if alike and self.sources == tuple(range(len(self.curves))) else None


def each(count: int, curve: Curve) -> Columns:
    """The same curve for every element."""
    return Columns(tuple(range(count)), (curve,) * count)


def pick(sources: Sequence[int]) -> Columns:
    """Some of the elements, in a new order."""
    return Columns(tuple(int(s) for s in sources), (SAME,) * len(sources))


@dataclass(frozen=True)
class Affine(Step):
    """`matrix . x + offset`; matrix (outputs, inputs)."""

    kind: ClassVar[str] = "weighted sums"
    matrix: Floats
    offset: Floats

    def apply(self, values: Floats) -> Floats:
        return values @ self.matrix.T + self.offset


@dataclass(frozen=True)
class Products(Step):
    """Products of elements: each term names its factors, none for the constant 1."""

    kind: ClassVar[str] = "products"
    terms: tuple[tuple[int, ...], ...]

    def apply(self, values: Floats) -> Floats:
        return np.stack([np.prod(values[:, list(t)], axis=1) for t in self.terms], axis=1)


@dataclass(frozen=True)
class Tree:
    """A decision tree: split k sends x to `left[k]` where `x[column[k]]` is at most (with
    `strict`: below) `threshold[k]`. A child below 0 is leaf `-1 - child`; `values` is (leaves,
    outputs). A tree without splits is leaf 0.
    """

    column: NDArray[np.int64]
    threshold: Floats
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    values: Floats

    def __post_init__(self) -> None:
        """QuantizeError where it is no tree: a child must stand after its parent."""
        place = np.arange(len(self.column))
        for child in (self.left, self.right):
            inner = child >= 0
            good = np.where(
                inner, (child > place) & (child < len(place)), -child <= len(self.values)
            )
            if len(child) != len(place) or not good.all():
                raise QuantizeError(
                    "a tree of the model is none, a child stands before its parent: fit it anew"
                )

    def leaf_of(self, values: Floats, strict: bool) -> NDArray[np.int64]:
        """The leaf of each row."""
        at = np.full(len(values), 0 if len(self.column) else -1)
        rows = np.arange(len(values))
        while (inner := at >= 0).any():
            k = at[inner]
            x, t = values[rows[inner], self.column[k]], self.threshold[k]
            at[inner] = np.where(x < t if strict else x <= t, self.left[k], self.right[k])
        return -1 - at


@dataclass(frozen=True)
class TreeSum(Step):
    """The leaves' values of all trees, added to `base`, shape (outputs,)."""

    kind: ClassVar[str] = "trees"
    trees: tuple[Tree, ...]
    base: Floats
    single: bool = False  # the values are compared as float32
    strict: bool = False  # left means below the threshold, not at most
    mean: bool = False  # the trees are alike: some of them, scaled up, stand for all

    def first(self, count: int) -> TreeSum:
        """The first trees alone, scaled up where they stand for all."""
        scale = len(self.trees) / count if self.mean else 1.0
        trees = tuple(replace(t, values=t.values * scale) for t in self.trees[:count])
        return replace(self, trees=trees)

    def seen(self, values: Floats) -> Floats:
        """The values as its comparisons see them."""
        return values.astype(np.float32).astype(np.float64) if self.single else values

    def leaves_of(self, values: Floats) -> NDArray[np.int64]:
        """The leaf of each row in each tree, (n, trees)."""
        seen = self.seen(values)
        return np.stack([t.leaf_of(seen, self.strict) for t in self.trees], axis=1)

    def apply(self, values: Floats) -> Floats:
        leaves = self.leaves_of(values)
        parts = (t.values[leaves[:, k]] for k, t in enumerate(self.trees))
        return sum(parts, np.tile(self.base, (len(values), 1)))


@dataclass(frozen=True)
class TreeMedian(Step):
    """The weighted median of what trees of one output each answer, compared as float32: the
    smallest answer such that the trees that answer no more have half of all weights or more.
    weights: above 0, shape (trees,).
    """

    kind: ClassVar[str] = "a median of trees"
    trees: tuple[Tree, ...]
    weights: Floats

    @property
    def apart(self) -> TreeSum:
        """The trees, to be asked one by one."""
        return TreeSum(self.trees, np.zeros(1), single=True)

    def first(self, count: int) -> TreeMedian:
        """The first trees alone."""
        return TreeMedian(self.trees[:count], self.weights[:count])

    def apply(self, values: Floats) -> Floats:
        leaves = self.apart.leaves_of(values)
        told = np.stack([t.values[leaves[:, k], 0] for k, t in enumerate(self.trees)], axis=1)
        order = np.argsort(told, axis=1)
        reached = np.cumsum(self.weights[order], axis=1) >= 0.5 * self.weights.sum()
        place = np.take_along_axis(order, reached.argmax(axis=1)[:, None], axis=1)
        return np.take_along_axis(told, place, axis=1)


@dataclass(frozen=True)
class Neighbours(Step):
    """Mean of the rows of `targets` that belong to the `count` largest elements, the first ones of
    equals; targets (elements, outputs).
    """

    kind: ClassVar[str] = "neighbours"
    count: int
    targets: Floats

    def apply(self, values: Floats) -> Floats:
        nearest = np.argsort(-values, axis=1, kind="stable")[:, : self.count]
        return self.targets[nearest].mean(axis=1)

    def decided(self, values: Floats) -> NDArray[np.bool_]:
        """Whether the last neighbour is nearer than the next one, (n,)."""
        order = np.sort(values, axis=1)[:, ::-1]
        if self.count == order.shape[1]:
            return np.ones(len(order), dtype=bool)
        slack = EQUAL * np.maximum(np.abs(order).max(axis=1), 1e-300)
        return order[:, self.count - 1] - order[:, self.count] > slack


@dataclass(frozen=True)
class Head:
    """What the last values mean.

    "value": numbers; "largest": the label of the largest, the first of equals; "sign": label 1
    where the only value is above 0, else label 0.
    """

    kind: str = "value"
    labels: tuple[str, ...] = ()
    owner: tuple[int, ...] = ()  # "largest": the label of each value, where there are more values

    def answers(self, values: Floats) -> NDArray:
        """Numbers (n,), of several outputs (n, outputs), or class indices (n,)."""
        if self.kind == "sign":
            return (values[:, 0] > 0).astype(np.int64)
        if self.kind == "largest":
            best = values.argmax(axis=1)
            return np.array(self.owner)[best] if self.owner else best
        return values[:, 0] if values.shape[1] == 1 else values


class Integers:
    """The integers of a model that is quantized already."""

    def chain(self, inputs: Sequence[Quantity]) -> tuple[Node, ...]:
        """The same integers over raw inputs; QuantizeError where they cannot be kept."""
        raise NotImplementedError

    def output(self, target: Quantity) -> Quantity:
        """What the last node's integers stand for, where they are no class."""
        raise NotImplementedError


@dataclass(frozen=True)
class FloatModel:
    """Somebody's model: steps over physical values of the inputs."""

    kind: str  # its family in a model file: "LinearRegression"
    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    head: Head = Head()
    notes: tuple[str, ...] = ()  # one line each: what differs from the original, and where
    rounded: bool = False  # the original rounds between its layers: these steps are near it only
    integers: Integers | None = None  # the original's own, where they can be kept
    answer: str = "y"  # what its answer is called where the rows do not tell

    @property
    def singles(self) -> tuple[FloatModel, ...]:
        """A model of each output alone, where there are several numbers."""
        count = 1
        if self.head.kind == "value":
            count = self.values(np.ones((1, len(self.inputs)))).shape[1]
        if count == 1:
            return (self,)
        return tuple(
            replace(self, steps=_only(self.steps, k), integers=None, answer=f"{self.answer}{k}")
            for k in range(count)
        )

    def values(self, x: Floats) -> Floats:
        """The last step's values, float (n, outputs), for rows x (n, inputs)."""
        return apply_all(self.steps, x)

    def decided(self, x: Floats) -> NDArray[np.bool_]:
        """Whether an order of what is equal, which libraries leave open, does not matter to each
        row: no two neighbours are as far as the last one that counts.
        """
        sure, values = np.ones(len(x), dtype=bool), np.asarray(x, dtype=np.float64)
        for step in self.steps:
            if isinstance(step, Neighbours):
                sure &= step.decided(values)
            values = step.apply(values)
        return sure

    def predict(self, x: Floats) -> NDArray:
        """Float answers (n,), or class indices."""
        return self.head.answers(self.values(x))


def apply_all(steps: Sequence[Step], values: Floats) -> Floats:
    values = np.asarray(values, dtype=np.float64)
    for step in steps:
        values = step.apply(values)
    return values


def _only(steps: tuple[Step, ...], k: int) -> tuple[Step, ...]:
    """The steps that give value k of the last one alone."""
    *front, last = steps
    if isinstance(last, Affine):
        return *front, Affine(last.matrix[k : k + 1], last.offset[k : k + 1])
    if isinstance(last, TreeSum):
        alone = [replace(t, values=t.values[:, k : k + 1]) for t in last.trees]
        speaking = tuple(t for t in alone if t.values.any()) or tuple(alone[:1])
        return *front, replace(last, trees=speaking, base=last.base[k : k + 1])
    if isinstance(last, Columns):
        return *front, Columns((last.sources[k],), (last.curves[k],))
    return *steps, pick([k])


def family_of(kind: str) -> str:
    """The name of a class as a model file has it: MLPRegressor is mlp_regressor."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind)
    return words.lower()[:40]


def margins(floats: FloatModel, values: np.ndarray) -> np.ndarray:
    """How far each row is from a tie of its scores, in parts of their spread."""
    spread = max(float(np.abs(values).max()), 1e-300)
    if floats.head.kind == "sign":
        return np.abs(values[:, 0]) / spread
    order = np.sort(values, axis=1)
    return (order[:, -1] - order[:, -2]) / spread
