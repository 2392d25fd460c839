"""A decision tree as nested splits, and as the bytes that `tinygen_leaf` walks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..fixedpoint import INT16_MAX
from ..nodes import UINT16_MAX
from ..views import signed

MAX_DEPTH = 12  # levels of nested branches that fit a screen
MAX_SKIP = 255  # bytes of the first of two sides that one byte tells
FEW_INPUTS = 32  # that the byte of a split can name beside its kind
SPLITS = {  # by the leaves among its sides, and whether the right one stands first
    (0, False): "TINYGEN_SPLIT",
    (0, True): "TINYGEN_RIGHT_FIRST",
    (1, False): "TINYGEN_LEAF_FIRST",
    (1, True): "TINYGEN_RIGHT_LEAF_FIRST",
    (2, False): "TINYGEN_TWO_LEAVES",
}


@dataclass(frozen=True)
class Form:
    """How streams are written."""

    bits: int  # of each value of a leaf
    many: bool = False  # inputs have a byte of their own
    far: bool = False  # two bytes tell how long a side is

    @property
    def kernel(self) -> str:
        return "tinygen_leaf" + "_many" * self.many + "_far" * self.far

    @property
    def most(self) -> int:
        """Bytes of a side that can be told."""
        return UINT16_MAX if self.far else MAX_SKIP


@dataclass(frozen=True)
class Stream:
    """A tree, or a part of one, as the bytes that tinygen_leaf walks."""

    size: int  # bytes
    rows: tuple[str, ...]


@dataclass(frozen=True)
class Leaf:
    """The end of a tree: one value per output."""

    values: tuple[int, ...]
    is_leaf: ClassVar[bool] = True
    depth: ClassVar[int] = 0
    splits: ClassVar[int] = 0

    def stream(self, form: Form, level: int = 0) -> Stream | None:
        """None where it is too long to be stepped over."""
        values = [str(v) if form.bits == 8 else f"TINYGEN_BYTES({v})" for v in self.values]
        size = form.bits // 8 * len(values)
        if size > form.most:
            return None
        return Stream(size, (_indent(level) + ", ".join(values) + ",",))

    def whole(self, form: Form) -> Stream | None:
        """A split whose two sides are this leaf, for a stream starts with a split."""
        return Split(0, INT16_MAX, self, self).stream(form)

    def top(self, levels: int, form: Form, places: dict[Stream, int]) -> Split | Place | None:
        """A split whose two sides are this leaf, for a stream starts with a split."""
        return Split(0, INT16_MAX, self, self).top(0, form, places)


@dataclass(frozen=True)
class Split:
    """An inner node: to the left when the input is at most `limit`."""

    source: int
    limit: int
    left: Tree
    right: Tree
    is_leaf: ClassVar[bool] = False

    @property
    def depth(self) -> int:
        return 1 + max(self.left.depth, self.right.depth)

    @property
    def splits(self) -> int:
        return 1 + self.left.splits + self.right.splits

    def top(self, levels: int, form: Form, places: dict[Stream, int]) -> Split | Place | None:
        """The first levels, and behind them where the streams of the rest start, which are added to
        `places`; None where one is too long.
        """
        if levels:
            left, right = (t.top(levels - 1, form, places) for t in (self.left, self.right))
            return Split(self.source, self.limit, left, right) if left and right else None
        stream = self.stream(form)
        if stream is None:
            return None
        return Place(places.setdefault(stream, sum(s.size for s in places)))

    def whole(self, form: Form) -> Stream | None:
        return self.stream(form)

    def stream(self, form: Form, level: int = 0) -> Stream | None:
        """The shorter side first, a leaf before a split; None where it is too long to be told."""
        left, right = self.left.stream(form, level + 1), self.right.stream(form, level + 1)
        if left is None or right is None:
            return None
        leaves = self.left.is_leaf + self.right.is_leaf
        turned = self.right.is_leaf if leaves == 1 else not leaves and right.size < left.size
        first, second = (right, left) if turned else (left, right)
        kind = SPLITS[leaves, turned]
        head = [f"{kind}(0), {signed(self.source, 8)}" if form.many else f"{kind}({self.source})"]
        head.append(f"TINYGEN_BYTES({self.limit})")
        if not leaves:
            if first.size > form.most:
                return None
            head.append(f"TINYGEN_BYTES({first.size})" if form.far else str(signed(first.size, 8)))
        size = 3 + form.many + (0 if leaves else 1 + form.far) + first.size + second.size
        return Stream(size, (f"{_indent(level)}{', '.join(head)},", *first.rows, *second.rows))


def _indent(level: int) -> str:
    return "  " * min(level, MAX_DEPTH)


@dataclass(frozen=True)
class Place:
    """Where the stream starts that a tree goes on with."""

    start: int
    is_leaf: ClassVar[bool] = True
    depth: ClassVar[int] = 0
    splits: ClassVar[int] = 0

    def top(self, levels: int, form: Form, places: dict[Stream, int]) -> Place:
        return self

    def stream(self, form: Form, level: int = 0) -> None:
        """It is one already, of a part that is no longer here."""

    whole = stream


@dataclass(frozen=True)
class Heap:
    """A part of so many levels as data, with leaves of so many bytes: see heaps.py."""

    levels: int
    leaf: int
    tree: Tree
    is_leaf: ClassVar[bool] = True
    depth: ClassVar[int] = 0
    splits: ClassVar[int] = 0

    def top(self, levels: int, form: Form, places: dict[Stream, int]) -> None:
        """It is data of another kind."""

    def stream(self, form: Form, level: int = 0) -> None:
        """It is data of another kind."""

    whole = stream


Tree = Leaf | Split | Place | Heap
