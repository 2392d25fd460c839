"""What the leaves of trees add to sums in registers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from .layout import Item
from .tree import Leaf, Split, Tree

Row = tuple[int, ...]  # values of a leaf
MOST_VOTES = 127  # trees whose votes, counted twice, fit a byte
UNIT = 127  # of a vote: the largest value of a leaf of 8 bits


@dataclass(frozen=True)
class Gain:
    """What a leaf adds: to each sum, or one vote of a class."""

    adds: Row
    vote: int | None = None  # place of the votes, from 0
    low: bool = False  # no carry: the high byte of the sum stays

    @property
    def nothing(self) -> bool:
        return self.vote is None and not any(self.adds)

    @property
    def bytes(self) -> int:
        if self.vote is not None:
            return 2
        return (2 if self.low else 4) * sum(map(bool, self.adds))

    @property
    def cycles(self) -> int:
        return self.bytes // 2

    @property
    def words(self) -> list[Item]:
        if self.vote is not None:
            return [Item(f"TINYGEN_VOTE({self.vote + 1})", 2, cycles=1)]
        word, size = ("TINYGEN_GAIN_LOW", 2) if self.low else ("TINYGEN_GAIN", 4)
        return [
            Item(f"{word}({k}, {v})", size, cycles=size // 2)
            for k, v in enumerate(self.adds, 1)
            if v
        ]


@dataclass(frozen=True)
class Gains:
    """What the leaves of trees add, and what the sums start from.

    Of several classes the sums are those of the others less that of class `reference`. votes: a
    tree counts for the reference unless it says otherwise; a vote for another one is UNIT more for
    all others and UNIT once more for itself.
    """

    start: Row
    of: tuple[dict[Row, Gain], ...]  # of each tree, by the values of its leaves
    reference: int = 0
    votes: bool = False
    scores: bool = False  # of classes, where only their order counts

    @property
    def size(self) -> int:
        return sum(gain.bytes for tree in self.of for gain in tree.values())

    @classmethod
    def of_numbers(cls, trees: Sequence[Tree], bias: int) -> Gains:
        """Of trees whose leaves have one value."""
        of = cls._apart(trees, (bias,), lambda row: row)
        return of.of_one(of.start[0], of.of[0]) if len(trees) == 1 else of

    @classmethod
    def of_one(cls, start: int, leaves: dict[Row, Gain]) -> Gains:
        """Of one tree: what leaves the high byte of the sum as it is adds to the low one alone."""
        low = all((start + gain.adds[0]) >> 8 == start >> 8 for gain in leaves.values())
        return cls((start,), ({row: replace(gain, low=low) for row, gain in leaves.items()},))

    @classmethod
    def of_scores(cls, trees: Sequence[Tree], bias: Row) -> Gains:
        """Of trees whose leaves have a score for each class, where the order is what counts."""
        voted = len(bias) > 2 and len(trees) <= MOST_VOTES
        ways = [cls._voted(trees, bias, r) for r in range(len(bias))] if voted else []
        for r in range(len(bias)):
            start = tuple(b - bias[r] for k, b in enumerate(bias) if k != r)
            apart = cls._apart(trees, start, partial(_less, reference=r))
            ways.append(cls(apart.start, apart.of, r, scores=True))
        return min(ways, key=lambda way: way.size)

    @classmethod
    def _apart(cls, trees: Sequence[Tree], start: Row, values: Callable[[Row], Row]) -> Gains:
        """Each tree starts from its most frequent leaf."""
        of = []
        for tree in trees:
            found = Counter(leaf.values for leaf in leaves_of(tree))
            usual = values(found.most_common(1)[0][0])
            start = tuple(s + u for s, u in zip(start, usual))
            of.append(
                {row: Gain(tuple(v - u for v, u in zip(values(row), usual))) for row in found}
            )
        return cls(start, tuple(of))

    @classmethod
    def _voted(cls, trees: Sequence[Tree], bias: Row, reference: int) -> Gains:
        others = [k for k in range(len(bias)) if k != reference]
        of = []
        for tree in trees:
            gains = {}
            for row in {leaf.values: None for leaf in leaves_of(tree)}:
                gain = Gain(tuple(v + UNIT for v in _less(row, reference)))
                if sum(map(bool, row)) == 1 and max(row) == UNIT and row[reference] == 0:
                    gain = Gain((0,) * len(others), others.index(row.index(UNIT)))
                gains[row] = gain
            of.append(gains)
        start = tuple(bias[k] - bias[reference] - UNIT * len(trees) for k in others)
        return cls(start, tuple(of), reference, votes=True, scores=True)


def _less(row: Sequence[int], reference: int) -> Row:
    return tuple(v - row[reference] for k, v in enumerate(row) if k != reference)


def leaves_of(tree: Tree) -> Iterator[Leaf]:
    if isinstance(tree, Leaf):
        yield tree
    elif isinstance(tree, Split):
        yield from leaves_of(tree.left)
        yield from leaves_of(tree.right)


def splits_of(tree: Tree) -> Iterator[Split]:
    """Those that are not data."""
    if isinstance(tree, Split):
        yield tree
        yield from splits_of(tree.left)
        yield from splits_of(tree.right)
