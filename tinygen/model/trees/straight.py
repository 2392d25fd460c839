"""Trees one behind the other as straight code: sums in registers, and no call but to what one tree
has as data.

A leaf adds to the sums and jumps to the next tree; the leaf that a tree's sum starts from adds
nothing, and a split may jump over all of the tree to get there. Inputs that many rows ask for stay
in registers, and those whose limits lie close together take one register and one byte a limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from ..fixedpoint import INT16_MAX
from .code import MAX_INPUT, Cost, without_ends
from .gains import Gain, Gains, Row, splits_of
from .heaps import heap_cycles, heap_item, largest_heap, plans, with_walk
from .layout import Item, Layout
from .seats import Demand, Seat, Seats, memory_for, seats_for
from .tree import Heap, Leaf, Split, Tree

MOST_SUMS = 3  # that registers hold, beside votes
MOST_CLASSES = MOST_SUMS + 1
TALLY = {2: (26, None, 14), 3: (36, None, 20)}  # bytes and cycles of the votes' sum
MOST_TURNED = 32  # splits of a tree whose every split is tried either way
# bytes and cycles around the trees of one sum, and of so many less one class
AROUND = {False: {1: (0, 11)}, True: {1: (14, 21), 2: (32, 28), 3: (50, 35)}}


@lru_cache(maxsize=8)
def straight_codes(trees: tuple[Tree, ...], bias: Row, goal: str) -> tuple[StraightCode, ...]:
    """Code of trees whose leaves have a value for each bias; of more than one the order of the sums
    is what counts. One tree may have parts as data. () where the words cannot say it, and for trees
    that ask nothing.
    """
    of = Gains.of_numbers(trees, bias[0]) if len(bias) == 1 else Gains.of_scores(trees, bias)
    kept = tuple(without_implied(without_ends(tree), {}) for tree in trees)
    if not any(isinstance(tree, Split) for tree in kept):
        return ()
    codes = [StraightCode.of(kept, of, goal)]
    if len(kept) == len(bias) == 1 and isinstance(kept[0], Split):
        codes += [StraightCode.of((part,), told, goal) for part, told in plans(kept[0], bias[0])]
    return tuple(code for code in codes if code)


@dataclass(frozen=True)
class StraightCode:
    """The words of trees, one behind the other."""

    trees: tuple[Tree, ...]
    gains: Gains
    seats: Seats
    worth: tuple[float, float] = (0.0, 0.0)  # of a byte and of a cycle; (0, 0): not looked at

    @classmethod
    def of(cls, trees: Sequence[Tree], gains: Gains, goal: str) -> StraightCode | None:
        """None where the words cannot say it: an input too far behind x, too many bytes to jump
        over.
        """
        splits = [split for tree in trees for split in splits_of(tree)]
        if max((split.source for split in splits), default=0) > MAX_INPUT:
            return None
        memory = memory_for(len(gains.start), [split.limit for split in splits])
        demand = cls(tuple(trees), gains, Seats(memory)).demand
        worth = demand.worth(goal)
        code = cls(tuple(trees), gains, seats_for(demand, len(gains.start), worth), worth)
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
        return self.seats.at(split.source)

    def _cycles(self, tree: Tree, gains: dict[Row, Gain]) -> int:
        """Of the longest way; each jump counts one more than going on."""
        if isinstance(tree, Leaf):
            gain = gains[tree.values]
            return 0 if gain.nothing else gain.cycles + 2
        if isinstance(tree, Heap):
            return heap_cycles(tree.levels, tree.leaf)
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
        around = AROUND[self.gains.scores][len(self.gains.start)]
        return Cost(
            self.layout.bytes + 4 * self.seats.saved + around[0],
            self.layout.cycles + 4 * self.seats.saved + around[1],
        )

    @cached_property
    def layout(self) -> Layout:
        """The words in their order."""
        items = self.seats.items
        for number, gains in enumerate(self.gains.of):
            items += self._tree_items(number, gains)
        if self.heap:
            items = with_walk(items, self.heap)
        return Layout((*items, *self._tally))

    @property
    def heap(self) -> Heap | None:
        """The largest part that is data; of one tree alone."""
        return largest_heap(self.trees[0])

    @property
    def _tally(self) -> list[Item]:
        count = len(self.gains.start)
        return [Item(f"TINYGEN_TALLY_{count}", *TALLY[count])] if self.gains.votes else []

    def _tree_items(self, number: int, gains: dict[Row, Gain]) -> list[Item]:
        """A tree in the order that is worth most: each split may be turned, if that pays."""
        tree = self.trees[number]
        turned: frozenset[int] = frozenset()
        keys = keys_of(tree)
        best = _TreeWords(self, number, gains, keys, turned).of(tree)
        if not any(self.worth) or tree.splits > MOST_TURNED:
            return best
        least = self._worth_of(best)
        for split in splits_of(tree):
            other = turned ^ {keys[id(split)]}
            items = _TreeWords(self, number, gains, keys, other).of(tree)
            if (worth := self._worth_of(items)) < least:
                least, turned, best = worth, other, items
        return best

    def _worth_of(self, items: list[Item]) -> float:
        layout = Layout(items)
        return self.worth[0] * layout.bytes + self.worth[1] * layout.cycles

    @property
    def registers(self) -> list[str]:
        """All that the words change but the sums and votes."""
        used = sorted({0, *self.seats.registers})
        return [f"r{r}" for r in used]


class _TreeWords:
    """Puts the parts of one tree in their order."""

    def __init__(
        self,
        code: StraightCode,
        number: int,
        gains: dict[Row, Gain],
        keys: dict[int, int],
        turned: frozenset[int],
    ) -> None:
        self._code, self._gains, self._number = code, gains, number
        self._keys, self._turned = keys, turned
        self._next = f"{number + 1}"
        self._places: dict[int, str] = {}  # by which jumps reach a part, there already or later
        self._there: set[int] = set()
        self._items: list[Item] = []

    def of(self, tree: Tree) -> list[Item]:
        """The words of the tree, and the place of the next one."""
        waiting = [tree]
        while waiting:
            part = waiting.pop()
            if self._keys[id(part)] not in self._there:
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
            if self._keys[id(part)] in self._there:
                self._items += self._again(part, last and not later)
                break
            if self._ends(part):
                self._items.append(Item.go(self._next))
                break
            self._there.add(self._keys[id(part)])
            self._items.append(Item.place(self._place(part)))
            if isinstance(part, Leaf):
                self._items += [*self._gains[part.values].words, Item.go(self._next)]
                break
            if isinstance(part, Heap):
                self._items.append(heap_item(part))
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
        return [Item.go(self._places[self._keys[id(part)]])]

    def _step(self, split: Split) -> tuple[Tree, Tree]:
        """Words of a split; the side that goes on and the one that is jumped to."""
        on, aside = split.left, split.right
        if self._before(aside, on) != (self._keys[id(split)] in self._turned):
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
        new = not self._ends(side) and self._keys[id(side)] not in self._there
        return new, isinstance(side, Split), self._code._cycles(side, self._gains)

    def _ends(self, part: Tree) -> bool:
        """True for the leaf that adds nothing."""
        return isinstance(part, Leaf) and self._gains[part.values].nothing

    def _place(self, part: Tree) -> str:
        return self._places.setdefault(self._keys[id(part)], f"{self._number}_{len(self._places)}")


def without_implied(tree: Tree, known: Mapping[int, tuple[int, int]]) -> Tree:
    """The tree without splits that those above them decide, or whose sides are equal. known: least
    and largest value that an input has there.
    """
    if not isinstance(tree, Split):
        return tree
    low, high = known.get(tree.source, (-INT16_MAX - 1, INT16_MAX))
    if high <= tree.limit:
        return without_implied(tree.left, known)
    if low > tree.limit:
        return without_implied(tree.right, known)
    left = without_implied(tree.left, {**known, tree.source: (low, tree.limit)})
    right = without_implied(tree.right, {**known, tree.source: (tree.limit + 1, high)})
    if left == right:
        return left
    return Split(tree.source, tree.limit, left, right)


def keys_of(tree: Tree) -> dict[int, int]:
    """A number of each part, by its `id`; equal parts have the same one."""
    numbers: dict[tuple[object, ...], int] = {}
    found: dict[int, int] = {}

    def number(part: Tree) -> int:
        own: tuple[object, ...] = (part,)
        if isinstance(part, Split):
            own = (part.source, part.limit, number(part.left), number(part.right))
        found[id(part)] = numbers.setdefault(own, len(numbers))
        return found[id(part)]

    number(tree)
    return found
