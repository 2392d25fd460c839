"""Trees one behind the other as straight code: no call and no table, sums in registers.

A leaf adds to the sums and jumps to the next tree; the leaf that a tree's sum starts from adds
nothing, and a split may jump over all of the tree to get there. Inputs that many rows ask for stay
in registers, and those whose limits lie close together take one register and one byte a limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from .code import MAX_INPUT, Cost, without_ends
from .layout import Item, Layout
from .seats import MEMORY, Demand, Seat, seats_for
from .tree import Leaf, Split, Tree

Row = tuple[int, ...]  # values of a leaf
MOST_VOTES = 127  # trees whose votes, counted twice, fit a byte
UNIT = 127  # of a vote: the largest value of a leaf of 8 bits
MOST_SUMS = 3  # that registers hold, beside votes
MOST_CLASSES = MOST_SUMS + 1
MOST_TURNED = 64  # splits of a tree whose every split is tried either way
TALLY = {2: (26, None, 14), 3: (36, None, 20)}  # bytes and cycles of the votes' sum
AROUND = (20, 20)  # around the trees
CLASS_CODE = (50, 35)  # bytes and cycles around the trees of classes


@dataclass(frozen=True)
class Gain:
    """What a leaf adds: to each sum, or one vote of a class."""

    adds: Row
    vote: int | None = None  # place of the votes, from 0

    @property
    def nothing(self) -> bool:
        return self.vote is None and not any(self.adds)

    @property
    def bytes(self) -> int:
        return 2 if self.vote is not None else 4 * sum(map(bool, self.adds))

    @property
    def cycles(self) -> int:
        return self.bytes // 2

    @property
    def words(self) -> list[Item]:
        if self.vote is not None:
            return [Item(f"TINYGEN_VOTE({self.vote + 1})", 2, cycles=1)]
        return [
            Item(f"TINYGEN_GAIN({k}, {v})", 4, cycles=2) for k, v in enumerate(self.adds, 1) if v
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

    @property
    def size(self) -> int:
        return sum(gain.bytes for tree in self.of for gain in tree.values())

    @classmethod
    def one(cls, trees: Sequence[Tree], bias: int) -> Gains:
        """Of trees whose leaves have one value."""
        return cls._apart(trees, (bias,), lambda row: row)

    @classmethod
    def classes(cls, trees: Sequence[Tree], bias: Row) -> Gains:
        """Of trees whose leaves have a score for each class, where the order is what counts."""
        voted = len(bias) > 2 and len(trees) <= MOST_VOTES
        ways = [cls._voted(trees, bias, r) for r in range(len(bias))] if voted else []
        for r in range(len(bias)):
            start = tuple(b - bias[r] for k, b in enumerate(bias) if k != r)
            apart = cls._apart(trees, start, lambda row, r=r: _less(row, r))
            ways.append(cls(apart.start, apart.of, r))
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
        return cls(start, tuple(of), reference, votes=True)


def _less(row: Sequence[int], reference: int) -> Row:
    return tuple(v - row[reference] for k, v in enumerate(row) if k != reference)


@dataclass(frozen=True)
class StraightCode:
    """The words of trees, one behind the other."""

    trees: tuple[Tree, ...]
    gains: Gains
    seats: dict[int, Seat] = field(hash=False)
    saved: int  # registers that a caller wants back
    worth: tuple[float, float] = (0.0, 0.0)  # of a byte and of a cycle; (0, 0): not looked at

    @classmethod
    def of(cls, trees: Sequence[Tree], gains: Gains, goal: str) -> StraightCode | None:
        """None where the words cannot say it: an input too far behind x, too many bytes to jump
        over.
        """
        kept = tuple(map(without_ends, trees))
        inputs = {split.source for tree in kept for split in splits_of(tree)}
        if max(inputs, default=0) > MAX_INPUT:
            return None
        demand = cls(kept, gains, {}, 0).demand
        worth = demand.worth(goal)
        code = cls(kept, gains, *seats_for(demand, len(gains.start), worth), worth)
        return code if code.layout.fits else None

    @property
    def demand(self) -> Demand:
        """How often the longest ways ask for each input, and all limits of it."""
        visits: Counter[int] = Counter()
        limits: dict[int, list[int]] = {}
        for tree, gains in zip(self.trees, self.gains.of):
            for split in splits_of(tree):
                limits.setdefault(split.source, []).append(split.limit)
            while isinstance(tree, Split):
                visits[tree.source] += 1
                tree = max((tree.left, tree.right), key=lambda side: self._cycles(side, gains))
        return Demand(visits, limits, self.layout.bytes, self._tree_cycles)

    def seat(self, split: Split) -> Seat:
        return self.seats.get(split.source, MEMORY)

    def _cycles(self, tree: Tree, gains: dict[Row, Gain]) -> int:
        """Of the longest way; each jump counts one more than going on."""
        if isinstance(tree, Leaf):
            gain = gains[tree.values]
            return 0 if gain.nothing else gain.cycles + 2
        assert isinstance(tree, Split)
        left, right = self._cycles(tree.left, gains), self._cycles(tree.right, gains)
        longer = max(left, right)
        return self.seat(tree).cycles(tree.limit) + max(longer, min(left, right) + 1)

    @property
    def _tree_cycles(self) -> int:
        return sum(self._cycles(*each) for each in zip(self.trees, self.gains.of))

    @property
    def cost(self) -> Cost:
        """What it takes on an ATmega328P."""
        around = AROUND if len(self.gains.start) == 1 else CLASS_CODE
        return Cost(
            self.layout.bytes + 4 * self.saved + around[0],
            self.layout.cycles + 4 * self.saved + around[1],
        )

    @cached_property
    def layout(self) -> Layout:
        """The words in their order."""
        items = [
            Item(s.keep(k), s.setup_bytes, cycles=s.setup_cycles) for k, s in self.seats.items()
        ]
        for number, gains in enumerate(self.gains.of):
            items += self._tree_items(number, gains)
        return Layout((*items, *self._tally))

    @property
    def _tally(self) -> list[Item]:
        count = len(self.gains.start)
        return [Item(f"TINYGEN_TALLY_{count}", *TALLY[count])] if self.gains.votes else []

    def _tree_items(self, number: int, gains: dict[Row, Gain]) -> list[Item]:
        """A tree in the order that is worth most: each split may be turned, if that pays."""
        tree = self.trees[number]
        turned: frozenset[Split] = frozenset()
        best = _TreeWords(self, number, gains, turned).of(tree)
        if not any(self.worth) or tree.splits > MOST_TURNED:
            return best
        least = self._worth_of(best)
        for split in splits_of(tree):
            other = turned ^ {split}
            items = _TreeWords(self, number, gains, other).of(tree)
            if (worth := self._worth_of(items)) < least:
                least, turned, best = worth, other, items
        return best

    def _worth_of(self, items: list[Item]) -> float:
        layout = Layout(items)
        return self.worth[0] * layout.bytes + self.worth[1] * layout.cycles

    @property
    def registers(self) -> list[str]:
        """All that the words change but the sums and votes."""
        used = sorted({0, *(r for seat in self.seats.values() for r in seat.registers)})
        return [f"r{r}" for r in used]


class _TreeWords:
    """Puts the parts of one tree in their order."""

    def __init__(
        self,
        code: StraightCode,
        number: int,
        gains: dict[Row, Gain],
        turned: frozenset[Split],
    ) -> None:
        self._code, self._gains, self._number, self._turned = code, gains, number, turned
        self._next = f"{number + 1}"
        self._places: dict[Tree, str] = {}  # by which jumps reach a part, there already or later
        self._there: set[Tree] = set()
        self._items: list[Item] = []

    def of(self, tree: Tree) -> list[Item]:
        waiting = [tree]
        while waiting:
            part = waiting.pop()
            if part not in self._there:
                waiting += self._run(part, last=not waiting)
        if self._items and self._items[-1].jump == ("go", self._next):
            self._items.pop()
        return [*self._items, Item.place(self._next)]

    def _run(self, part: Tree, last: bool) -> list[Tree]:
        """Words from a part on to the end of a leaf; tells what they jump to, the last one that
        has to come first.
        """
        later: list[Tree] = []
        while True:
            if part in self._there:
                self._items += self._again(part, last and not later)
                break
            if self._ends(part):
                self._items.append(Item.go(self._next))
                break
            self._there.add(part)
            self._items.append(Item.place(self._place(part)))
            if isinstance(part, Leaf):
                self._items += [*self._gains[part.values].words, Item.go(self._next)]
                break
            assert isinstance(part, Split)
            part, aside = self._step(part)
            if not self._ends(aside):
                later.append(aside)
        return later

    def _again(self, part: Tree, last: bool) -> list[Item]:
        """What is there already: a jump, or a copy at the end of the tree if it is as short."""
        if isinstance(part, Leaf) and last and self._gains[part.values].bytes <= 2:
            return [*self._gains[part.values].words, Item.go(self._next)]
        return [Item.go(self._places[part])]

    def _step(self, split: Split) -> tuple[Tree, Tree]:
        """Words of a split; the side that goes on and the one that is jumped to."""
        on, aside = split.left, split.right
        if self._before(aside, on) != (split in self._turned):
            on, aside = aside, on
        seat, which = self._code.seat(split), "ABOVE" if aside is split.right else "BELOW"
        place = self._next if self._ends(aside) else self._place(aside)
        compare = seat.compare(split.source, split.limit)
        own = seat.bytes(split.limit) - 2, None, seat.cycles(split.limit) - 1
        self._items.append(Item(compare, *own))
        self._items.append(Item.branch(f"{which}{seat.kind}", place))
        return on, aside

    def _before(self, one: Tree, other: Tree) -> bool:
        """True where `one` should go on: what is there already, or nothing, is jumped to."""
        return self._rank(one) > self._rank(other)

    def _rank(self, side: Tree) -> tuple[bool, bool, int]:
        new = not self._ends(side) and side not in self._there
        return new, isinstance(side, Split), self._code._cycles(side, self._gains)

    def _ends(self, part: Tree) -> bool:
        """True for the leaf that adds nothing."""
        return isinstance(part, Leaf) and self._gains[part.values].nothing

    def _place(self, part: Tree) -> str:
        return self._places.setdefault(part, f"{self._number}_{len(self._places)}")


def leaves_of(tree: Tree) -> Iterator[Leaf]:
    if isinstance(tree, Leaf):
        yield tree
    elif isinstance(tree, Split):
        yield from leaves_of(tree.left)
        yield from leaves_of(tree.right)


def splits_of(tree: Tree) -> Iterator[Split]:
    if isinstance(tree, Split):
        yield tree
        yield from splits_of(tree.left)
        yield from splits_of(tree.right)
