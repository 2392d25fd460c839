"""What the leaves of trees add to sums in registers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from .layout import Item
from .tree import Leaf, Split, Tree

Row = tuple[int, ...]  # values of a leaf
MOST_VOTES = 127  # trees whose votes, counted twice, fit a byte
UNIT = 127  # of a vote: the largest value of a leaf of 8 bits
MOST_SMALL = 63  # that ADIW and SBIW add to the first sum and take from it
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
        if self.low:
            return Item(f"TINYGEN_GAIN_LOW({number}, {value})", 2, cycles=1)
        if _is_small(number, value):
            word = "TINYGEN_GAIN_SMALL" if value > 0 else "TINYGEN_LOSS_SMALL"
            return Item(f"{word}({abs(value)})", 2, cycles=2)
        return Item(f"TINYGEN_GAIN({number}, {value})", 4, cycles=2)


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
        sums = [leaf.values[0] + bias for leaf in leaves_of(trees[0])]
        low = len(trees) == 1 and _one_high_byte(sums)
        return cls._apart(trees, (bias,), lambda row: row, low)

    @classmethod
    def of_one(cls, start: int, leaves: dict[Row, Gain]) -> Gains:
        """Of one tree: what leaves the high byte of the sum as it is adds to the low one alone."""
        low = _one_high_byte([start, *(start + gain.adds[0] for gain in leaves.values())])
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
    def _apart(
        cls, trees: Sequence[Tree], start: Row, values: Callable[[Row], Row], low: bool = False
    ) -> Gains:
        """Each tree starts from the leaf that leaves the others the least to add."""
        of = []
        for tree in trees:
            found = Counter(values(leaf.values) for leaf in leaves_of(tree))
            usual = _cheapest(found, low)
            start = tuple(s + u for s, u in zip(start, usual))
            of.append(
                {leaf.values: _beside(values(leaf.values), usual, low) for leaf in leaves_of(tree)}
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


def _is_small(number: int, value: int) -> bool:
    """True for what ADIW and SBIW add to a sum: the first one is in registers that they take."""
    return number == 1 and abs(value) <= MOST_SMALL


def _one_high_byte(sums: Sequence[int]) -> bool:
    return len({value >> 8 for value in sums}) == 1


def _cheapest(found: Counter[Row], low: bool) -> Row:
    """The values to start from, so that all leaves together take the fewest bytes."""

    def size(usual: Row) -> int:
        total = 0
        for row, count in found.items():
            adds = [(k, v - u) for k, (v, u) in enumerate(zip(row, usual), 1) if v != u]
            short = sum(low or _is_small(k, value) for k, value in adds)
            total += count * (4 * len(adds) - 2 * short + JUMP_BYTES * bool(adds))
        return total

    return min((row for row, _ in found.most_common()), key=size)


def _beside(row: Row, start: Row, low: bool) -> Gain:
    """What is left to add for `row`, beside what a sum starts from."""
    return Gain(tuple(v - s for v, s in zip(row, start)), low=low)


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
