"""A decision tree as nested splits, and as the bytes that `tinygen_leaf` walks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .fixedpoint import INT16_MAX
from .views import signed

MAX_DEPTH = 12  # levels of nested branches that fit a screen
MAX_SKIP = 255  # bytes of a split's left side in a stream
SPLITS = {  # by whether its left and its right side are leaves
    (False, False): "TINYGEN_SPLIT",
    (True, False): "TINYGEN_SPLIT_LEFT_LEAF",
    (False, True): "TINYGEN_SPLIT_RIGHT_LEAF",
    (True, True): "TINYGEN_SPLIT_LEAVES",
}


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

    def stream(self, bits: int, level: int = 0) -> Stream:
        values = [str(v) if bits == 8 else f"TINYGEN_BYTES({v})" for v in self.values]
        return Stream(bits // 8 * len(values), ("  " * level + ", ".join(values) + ",",))

    def top(self, levels: int, bits: int, places: dict[Stream, int]) -> Split | Place | None:
        """A split whose two sides are this leaf, for a stream starts with a split."""
        return Split(0, INT16_MAX, self, self).top(0, bits, places)


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

    def top(self, levels: int, bits: int, places: dict[Stream, int]) -> Split | Place | None:
        """The first levels, and behind them where the streams of the rest start, which are added to
        `places`; None where one is too long.
        """
        if levels:
            left, right = (t.top(levels - 1, bits, places) for t in (self.left, self.right))
            return Split(self.source, self.limit, left, right) if left and right else None
        stream = self.stream(bits)
        if stream is None:
            return None
        return Place(places.setdefault(stream, sum(s.size for s in places)))

    def stream(self, bits: int, level: int = 0) -> Stream | None:
        """None where a left side is too long to skip, or the tree too deep."""
        left, right = self.left.stream(bits, level + 1), self.right.stream(bits, level + 1)
        if left is None or right is None or left.size > MAX_SKIP or level > MAX_DEPTH:
            return None
        head = (
            f"{'  ' * level}{SPLITS[self.left.is_leaf, self.right.is_leaf]}({self.source}), "
            f"TINYGEN_BYTES({self.limit}), {signed(left.size, 8)},"
        )
        return Stream(4 + left.size + right.size, (head, *left.rows, *right.rows))


@dataclass(frozen=True)
class Place:
    """Where the stream starts that a tree goes on with."""

    start: int
    is_leaf: ClassVar[bool] = True
    depth: ClassVar[int] = 0
    splits: ClassVar[int] = 0

    def top(self, levels: int, bits: int, places: dict[Stream, int]) -> Place:
        return self

    def stream(self, bits: int, level: int = 0) -> None:
        """It is one already, of a part that is no longer here."""


Tree = Leaf | Split | Place
