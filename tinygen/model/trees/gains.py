"""What the leaves of trees add to sums in registers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from .layout import Item
from .seats import MOST_SBIW
from .tree import Leaf, Split, Tree

Row = tuple[int, ...]  # values of a leaf
MOST_VOTES = 127  # trees whose votes, counted twice, fit a byte
UNIT = 127  # of a vote: the largest value of a leaf of 8 bits
JUMP_BYTES = 2  # behind a leaf that adds something


@dataclass(frozen=True)
class Gain:
    """What a leaf adds: to each sum, or one vote of a class."""

    adds: Row
    vote: int | None = None  # place of the votes, from 0
    low: bool = False  # no carry: the high byte of the sum stays

    @property
    def nothing(self) -> bool:
        return self.vote is None and not any(self.adds)

    @cached_property
    def bytes(self) -> int:
        return sum(word.bytes for word in self.words)

    @cached_property
    def cycles(self) -> int:
        return sum(word.cycles for word in self.words)

    @cached_property
    def words(self) -> list[Item]:
        if self.vote is not None:
            return [Item(f"TINYGEN_VOTE({self.vote + 1})", 2, cycles=1)]
        return [self._word(k, v) for k, v in enumerate(self.adds, 1) if v]

    def _word(self, number: int, value: int) -> Item:
        """Adds a value to a sum."""
        size = _bytes(number, value, self.low)
        if self.low:
            return Item(f"TINYGEN_GAIN_LOW({number}, {value})", size, cycles=1)
        if size == 2:
            word = "TINYGEN_GAIN_SMALL" if value > 0 else "TINYGEN_LOSS_SMALL"
            return Item(f"{word}({abs(value)})", size, cycles=2)
        return Item(f"TINYGEN_GAIN({number}, {value})", size, cycles=2)


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
        low = len(trees) == 1 and _one_high_byte(
            leaf.values[0] + bias for leaf in leaves_of(trees[0])
        )
        return cls._apart(trees, (bias,), lambda row: row, low)

    @classmethod
    def of_one(cls, start: int, adds: Iterable[int]) -> Gains:
        """Of one tree whose leaves are what they add: to the low byte alone where the high one
        stays.
        """
        rows = [(value,) for value in adds]
        low = _one_high_byte((start, *(start + value for (value,) in rows)))
        return cls((start,), ({row: Gain(row, low=low) for row in rows},))

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
    def _apart(
        cls, trees: Sequence[Tree], start: Row, values: Callable[[Row], Row], low: bool = False
    ) -> Gains:
        """Each tree starts from the leaf that leaves the others the least to add."""
        of = []
        for tree in trees:
            found = Counter(leaf.values for leaf in leaves_of(tree))
            told = {row: values(row) for row in found}
            usual = _cheapest([(told[row], count) for row, count in found.most_common()], low)
            start = tuple(s + u for s, u in zip(start, usual))
            of.append(
                {
                    row: Gain(tuple(v - u for v, u in zip(told[row], usual)), low=low)
                    for row in found
                }
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


def _bytes(number: int, value: int, low: bool) -> int:
    """What adds a value to a sum; the first one is in registers that ADIW and SBIW take."""
    return 2 if low or (number == 1 and abs(value) <= MOST_SBIW) else 4


def _one_high_byte(sums: Iterable[int]) -> bool:
    """True where all sums differ in their low byte alone."""
    return len({value >> 8 for value in sums}) == 1


def _cheapest(rows: Sequence[tuple[Row, int]], low: bool) -> Row:
    """Which of the rows, each with how often it is there, leaves the fewest bytes to add where one
    starts from it; the first of equals. Each leaf counts as if it had words of its own.
    """

    def size(usual: Row) -> int:
        total = 0
        for row, count in rows:
            if row != usual:
                adds = (v - u for v, u in zip(row, usual))
                words = sum(_bytes(k, v, low) for k, v in enumerate(adds, 1) if v)
                total += count * (words + JUMP_BYTES)
        return total

    return min((row for row, _ in rows), key=size)


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
