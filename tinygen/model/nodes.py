"""What every integer operation has: arithmetic, proven intervals, a JSON form, a view for C.

A model is a chain of nodes. A node maps a vector of integers to a vector of integers. Each kind of
node is an operation with a file of its own in `operations/` and a template of the same name. This
module holds what they share: `Node`, `Bounds`, the registry and the proof of a whole chain.

The first node of every chain takes any int16, so that no reading is unsafe.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.errors import ModelError
from .fixedpoint import INT16_MAX, bits_for

if TYPE_CHECKING:
    from .views import FloatStep, FloatView, Step, View

MAX_WIDTH = 255  # of inputs, outputs, trees, curves: loop counters and indices in C are uint8_t
UINT16_MAX = 65535
INT32_MAX = 2**31 - 1
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Bounds:
    """Intervals proven for one node: per output element, and over all its intermediates."""

    low: tuple[int, ...]
    high: tuple[int, ...]
    acc_low: int = 0
    acc_high: int = 0

    @property
    def acc_bits(self) -> int:
        """16, 24 or 32: the narrowest accumulator that holds every intermediate."""
        bits = bits_for(self.acc_low, self.acc_high)
        if not bits:
            raise ModelError(
                f"an intermediate can reach {self.acc_low} .. {self.acc_high}, beyond 32 bits: "
                "use smaller coefficients or narrower input ranges"
            )
        return bits

    @property
    def c_type(self) -> str:
        """Narrowest C type of the output vector."""
        low, high = min(self.low), max(self.high)
        for name, least, most in (
            ("int8_t", -128, 127),
            ("uint8_t", 0, 255),
            ("int16_t", -32768, INT16_MAX),
            ("uint16_t", 0, UINT16_MAX),
        ):
            if least <= low and high <= most:
                return name
        raise ModelError(f"a value can reach {low} .. {high}, beyond 16 bits: scale it down")


class Node(ABC):
    """One operation of a chain: a frozen dataclass of integers and nested tuples of integers."""

    op: ClassVar[str]  # its name in a model file
    letter: ClassVar[str]  # its result's name in C, before the step's number
    takes_any_int16: ClassVar[bool] = False  # a chain may start with it
    folds_scale: ClassVar[bool] = False  # its float form takes in the factors of a Scale before it

    @abstractmethod
    def apply(self, values: Integers) -> Integers:
        """What the C code computes, row by row: (rows, inputs) -> (rows, outputs)."""

    @abstractmethod
    def bounds(self, inside: Bounds) -> Bounds:
        """Intervals of every output and intermediate for inputs `inside`; ModelError where a rule
        of the integer model is broken.
        """

    @abstractmethod
    def view(self, step: Step) -> View:
        """What the templates need to print it in integers."""

    @abstractmethod
    def float_view(self, step: FloatStep) -> FloatView:
        """What the templates need to print it in float arithmetic."""

    def weighs_scaled(self) -> bool:
        """True where one kernel does this and the Scale before it, without an array."""
        return False

    def result_letter(self) -> str:
        return self.letter

    def plain(self) -> dict[str, Any]:
        """Plain JSON values of its fields."""
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Node:
        """The node with these fields; TypeError or ModelError where they are not as written."""
        return cls(**{key: frozen(value) for key, value in plain.items()})


Kind = TypeVar("Kind", bound=type[Node])
Maker = Callable[["Step"], "View | None"]
NODES: dict[str, type[Node]] = {}  # operation by its name, filled by `operations/`
FUSED: list[tuple[tuple[type[Node], ...], Maker]] = []  # chains that one kernel computes


def operation(kind: Kind) -> Kind:
    """Registers a kind of node under its `op`."""
    if kind.op in NODES:
        raise ValueError(f"two operations are called {kind.op!r}")
    NODES[kind.op] = kind
    return kind


def fused(*kinds: type[Node]) -> Callable[[Maker], Maker]:
    """Registers the view of neighbouring nodes that one kernel computes; it may decline with None.

    The longest chain is tried first.
    """

    def register(maker: Maker) -> Maker:
        FUSED.append((kinds, maker))
        FUSED.sort(key=lambda entry: -len(entry[0]))
        return maker

    return register


def prove(nodes: tuple[Node, ...], inputs: int) -> tuple[Bounds, ...]:
    """Proven intervals of a chain for any int16 inputs, one `Bounds` per node; ModelError where the
    proof fails.
    """
    within("inputs", [inputs], 1, MAX_WIDTH)
    inside = any_int16(inputs)
    proven = []
    for node in nodes:
        inside = node.bounds(inside)
        within(f"{node.op}: outputs", [len(inside.low)], 1, MAX_WIDTH)
        _ = inside.acc_bits, inside.c_type  # raise where no type is wide enough
        proven.append(inside)
    return tuple(proven)


def any_int16(width: int) -> Bounds:
    """Intervals of so many values of which nothing is known but their type."""
    return Bounds((-INT16_MAX - 1,) * width, (INT16_MAX,) * width)


def bounds_behind(nodes: Iterable[Node], inside: Bounds) -> Bounds:
    """Intervals of the values behind nodes that read values within `inside`."""
    for node in nodes:
        inside = node.bounds(inside)
    return inside


def prefix_bounds(start: int, low: list[int], high: list[int]) -> tuple[int, int]:
    """Interval that holds the running sum at every step, not only at the end."""
    least = most = a = b = start
    for down, up in zip(low, high):
        a, b = a + down, b + up
        least, most = min(least, a), max(most, b)
    return least, most


def clamped(
    limits: tuple[int, int], width: int, acc: tuple[int, int], op: str, shift: int = 0
) -> Bounds:
    """Bounds after the accumulator's interval is shifted and clamped to `limits`."""
    (low, high), (acc_low, acc_high) = limits, acc
    need(low <= high, f"{op}: low <= high")
    least = min(max(low, acc_low >> shift), high)
    most = max(min(high, acc_high >> shift), low)
    return Bounds((least,) * width, (most,) * width, acc_low, acc_high)


def need(good: bool, rule: str) -> None:
    """ModelError with the rule that a node breaks."""
    if not good:
        raise ModelError(f"the model breaks a rule of the integer model: {rule}")


def within(what: str, values: Iterable[int], low: int, high: int) -> None:
    """ModelError that names `what`, the first value outside the interval, and the interval."""
    for value in values:
        if not low <= value <= high:  # the text only then: a proof looks at many thousands
            need(False, f"{what} within {low} .. {high}, not {value}")


def fits_int16(inside: Bounds, op: str) -> None:
    """ModelError where an input, which C reads as int16_t, can be larger: uint16_t becomes
    negative there.
    """
    within(f"{op}: inputs", [max(inside.high)], -INT16_MAX - 1, INT16_MAX)


def integers(values: ArrayLike) -> Integers:
    return np.asarray(values, dtype=np.int64)


def frozen(value: object) -> Any:
    """Integers and nested tuples of integers; ModelError for anything else."""
    if isinstance(value, (list, tuple)):
        return tuple(frozen(v) for v in value)
    if isinstance(value, (bool, int)):
        return value
    raise ModelError(f"a node holds {str(value)[:40]!r}: only integers are allowed")


def to_dict(node: Node) -> dict[str, Any]:
    """Plain JSON values of one node, `op` first."""
    return {"op": node.op, **node.plain()}


def from_dict(plain: object) -> Node:
    """The node that `to_dict` wrote; ModelError if a field is missing, unknown, no integer."""
    op = plain.get("op") if isinstance(plain, dict) else None
    kind = NODES.get(op) if isinstance(op, str) else None
    if kind is None or not isinstance(plain, dict):
        raise ModelError(f"unknown node {str(plain)[:40]!r}: one of {', '.join(NODES)}")
    try:
        return kind.from_plain({key: value for key, value in plain.items() if key != "op"})
    except (TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"node {op!r} is not as written by tinygen: {error}") from None
