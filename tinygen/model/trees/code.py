"""Decision trees in the words of tinygen_trees.h, and what they take on an AVR: bytes, cycles."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count

from ..fixedpoint import INT16_MAX
from ..nodes import UINT16_MAX
from .gains import leaves_of, splits_of
from .placed import Part, is_last, placed
from .seats import high_of
from .tree import MAX_DEPTH, Leaf, Split, Tree

MAX_INPUT = 31  # that LDD reaches from x
MAX_LEAF = 255  # largest value of a leaf in one byte, the smallest one is 0
SLOTS = 6  # inputs that registers hold
REACH_BYTES = 4000  # of RCALL and RJMP, to either side; the instruction itself takes some
# bytes and cycles of the words; TINYGEN_ABOVE_FAR takes two bytes and a cycle more
ABOVE, HELD_ABOVE, HIGH_ABOVE = (10, 7.5), (8, 4.5), (6, 3.5)
END_BYTES = 6
SUM_CYCLES = 19  # for each value of a row
# the same of a split, of a tree and of what stands around the trees, in each form
STREAM_COST = (4.4, 36), (3, 30), (210, 60)
BRANCHES_COST = (15.5, 7.5), (0, 4), (110, 60)
AROUND_CODE = (110, 60)
MORE_FLASH = 2.0  # times that of streams that a quicker form may take
LITTLE_FLASH = 1.25  # times that of another form
PAYS = 0.9  # part of flash times cycles that it must come down to
HOLD_COST = 8, 8  # bytes and cycles to load both bytes, save a register and restore it
HELD_LESS, HELD_END_LESS = (2, 3), (0, 2)  # of a split, and of one with two leaves
FIRST_LOW = 18  # register of the first slot
ZERO = 1  # the register that is 0
MOVED = range(8, 16)  # registers for high bytes that a caller wants back
# bytes and cycles that bring a high byte into a register; a split that finds it takes 2 and 1 less
HIGH_COST, MOVED_COST, HIGH_LESS = (2, 1), (8, 6), 2
# what a cycle of the mean way is worth: flash times cycles of large forests are least with 1.5
BYTES_PER_CYCLE = {"balanced": 1.5, "speed": 20.0}
SHORT_END_CYCLES = 4  # more than those of an end of its own


@dataclass(frozen=True)
class Cost:
    """Bytes of flash, and cycles of the longest way, as estimated."""

    bytes: float
    cycles: float

    @property
    def product(self) -> float:
        return self.bytes * self.cycles

    def pays(self, beside: Cost) -> bool:
        """True where flash times cycles come down enough for the flash that it takes more."""
        return self.bytes <= MORE_FLASH * beside.bytes and self.product <= PAYS * beside.product

    def earns_its_flash(self, beside: Cost) -> bool:
        """True where flash times cycles come down enough, or it takes little more flash."""
        return self.bytes <= LITTLE_FLASH * beside.bytes or self.pays(beside)


def cost_of(
    form: tuple[tuple[float, float], ...], trees: Sequence[Tree], leaf_bytes: int = 1, sums: int = 1
) -> Cost:
    """Of trees in another form, STREAM_COST or BRANCHES_COST, with so many bytes for each leaf and
    so many sums.
    """
    split, tree, around = form
    splits, levels = sum(t.splits for t in trees), sum(t.depth for t in trees)
    return Cost(
        (split[0] + leaf_bytes - 1) * splits + tree[0] * len(trees) + around[0],
        split[1] * levels + (tree[1] + SUM_CYCLES * (sums - 1)) * len(trees) + around[1],
    )


@dataclass(frozen=True)
class Words:
    """Names of the words that depend on what a leaf is, and what they take."""

    leaf: str
    leaves: str
    ends: str
    held_end: str
    leaf_bytes: int
    leaves_bytes: int
    held_end_bytes: int
    shared_bytes: int  # of the calls and the ends
    leaf_cycles: float  # with the call and the return of the tree
    leaves_cycles: float


NARROW = Words("LEAF", "LEAVES", "ENDS", "HELD_END", 4, 6, 28, 34, 12, 40)
WIDE = Words("LEAF2", "LEAVES2", "ENDS2", "HELD_END2", 6, 8, 30, 36, 13, 43)
ROWS = Words("ROW", "ROWS", "ROW_ENDS", "HELD_ROW_END", 6, 8, 28, 68, 23, 53)


@dataclass(frozen=True)
class TreeCode:
    """The words of trees whose leaves are numbers, or rows of numbers."""

    trees: tuple[Tree, ...]  # of one value for each leaf: the number, or where its row starts
    least: int  # value of a leaf that is written as 0
    words: Words
    rows: tuple[tuple[int, ...], ...] = ()  # different leaves of several values
    rate: float = BYTES_PER_CYCLE["balanced"]

    @classmethod
    def of(cls, trees: Sequence[Tree], goal: str = "balanced") -> TreeCode | None:
        """None where the words cannot say it: an input too far behind x, too many bytes for a jump
        or for a place in the table.
        """
        kept = tuple(map(without_ends, trees))
        leaves = [leaf.values for tree in kept for leaf in leaves_of(tree)]
        if len(leaves[0]) > 1:
            rows = tuple(dict.fromkeys(leaves))
            places: dict[tuple[int, ...], tuple[int, ...]]
            places = {row: (k * len(row),) for k, row in enumerate(rows)}
            told = tuple(_with_leaves(tree, places) for tree in kept)
            code = cls(told, 0, ROWS, rows, BYTES_PER_CYCLE[goal])
        else:
            least, most = min(leaves)[0], max(leaves)[0]
            words = WIDE if most - least > MAX_LEAF else NARROW
            code = cls(kept, least, words, rate=BYTES_PER_CYCLE[goal])
        inputs = [split.source for tree in kept for split in splits_of(tree)]
        fits = (
            max(inputs, default=0) <= MAX_INPUT
            and max(code.bytes_around) <= REACH_BYTES
            and code.row_bytes <= UINT16_MAX
        )
        return code if fits else None

    @property
    def row_bytes(self) -> int:
        """Bytes of the table of leaves."""
        return sum(map(len, self.rows))

    @cached_property
    def held(self) -> dict[int, int]:
        """Slot of each input that registers hold: those whose bytes and cycles are worth it."""
        less: defaultdict[int, float] = defaultdict(float)
        for tree in self.trees:
            for split, share in _visits(tree, 1.0):
                cost = HELD_END_LESS if is_last(split) else HELD_LESS
                less[split.source] += cost[0] + self.rate * share * cost[1]
        worth = sorted((-of, k) for k, of in less.items() if of > self._worth(HOLD_COST))
        return {k: slot for slot, (_, k) in enumerate(worth[:SLOTS])}

    @cached_property
    def highs(self) -> dict[int, int]:
        """Registers of the high bytes that most splits of held inputs ask for: of those that slots
        leave, then of others that a caller wants back, where bytes and cycles are worth it.
        """
        asked: Counter[int] = Counter()
        visits: defaultdict[int, float] = defaultdict(float)
        for tree in self.trees:
            for split, share in _visits(tree, 1.0):
                if split.source in self.held and not is_last(split):
                    asked[high_of(split.limit)] += 1
                    visits[high_of(split.limit)] += share
        del asked[0]
        worth = {h: HIGH_LESS * n + self.rate * visits[h] for h, n in asked.items()}
        often = sorted((-less, high) for high, less in worth.items())
        free = range(FIRST_LOW + len(self.held), FIRST_LOW + SLOTS)
        found = {0: ZERO}
        more = () if self.rows else MOVED  # their sums and table take registers
        for register, cost in (*((r, HIGH_COST) for r in free), *((r, MOVED_COST) for r in more)):
            if often and -often[0][0] > self._worth(cost):
                found[often.pop(0)[1]] = register
        return found

    def _worth(self, cost: tuple[float, float]) -> float:
        """Of bytes and cycles, in bytes."""
        return cost[0] + self.rate * cost[1]

    @property
    def moved(self) -> int:
        """High bytes in registers that a caller wants back."""
        return sum(register in MOVED for register in self.highs.values())

    @cached_property
    def quick_ends(self) -> frozenset[int]:
        """Held inputs whose last splits are asked often enough for an end of their own."""
        visits: defaultdict[int, float] = defaultdict(float)
        for tree in self.trees:
            for split, share in _visits(tree, 1.0):
                if split.source in self.held and is_last(split):
                    visits[split.source] += share
        more = self.words.held_end_bytes - END_BYTES
        worth = self.rate * SHORT_END_CYCLES
        return frozenset(k for k, share in visits.items() if worth * share > more)

    def _above(self, split: Split) -> tuple[int, float]:
        """Bytes and cycles of a comparison and its branch."""
        if split.source not in self.held:
            return ABOVE
        return HIGH_ABOVE if high_of(split.limit) in self.highs else HELD_ABOVE

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """Inputs of last splits."""
        last = (s.source for tree in self.trees for s in splits_of(tree) if is_last(s))
        return tuple(sorted(set(last)))

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The trees as their bytes stand."""
        return tuple(placed(tree, self._own_bytes) for tree in self.trees)

    def _own_bytes(self, tree: Tree) -> int:
        if not isinstance(tree, Split):
            return self.words.leaf_bytes
        return self.words.leaves_bytes if is_last(tree) else self._above(tree)[0]

    @cached_property
    def in_front(self) -> int:
        """Trees in front of the calls: all that RCALL reaches, else half of the bytes."""
        sizes = [part.size for part in self.parts]
        if sum(sizes) + self._middle <= REACH_BYTES:
            return len(sizes)
        return next(k for k in range(len(sizes) + 1) if 2 * sum(sizes[:k]) >= sum(sizes))

    @cached_property
    def bytes_around(self) -> tuple[int, int]:
        """Bytes in front of the calls and behind them, each with the calls and the ends."""
        sizes = [part.size for part in self.parts]
        front = sum(sizes[: self.in_front])
        return front + self._middle, sum(sizes) - front + self._middle

    @property
    def _middle(self) -> int:
        """Bytes of the calls and the ends."""
        quick = self.words.held_end_bytes
        ends = sum(quick if k in self.quick_ends else END_BYTES for k in self.ends)
        kept = 4 * len(self.held) + HIGH_COST[0] * (len(self.highs) - 1 + self.moved)
        return self.words.shared_bytes + kept + 2 * len(self.trees) + ends

    def hold_words(self) -> list[str]:
        """What brings inputs and high bytes into registers."""
        words = [f"TINYGEN_HOLD({slot}, {k})" for k, slot in self.held.items()]
        for high, register in self.highs.items():
            if register != ZERO:
                word = "TINYGEN_MOVE_HIGH" if register in MOVED else "TINYGEN_KEEP_HIGH"
                words.append(f"{word}({register}, {high})")
        return words

    def end_words(self) -> list[str]:
        """The ends that the trees share."""
        return [f"TINYGEN_{self.words.ends}", *map(self._end_word, self.ends)]

    def _end_word(self, source: int) -> str:
        if source not in self.held:
            return f"TINYGEN_END({source})"
        word = self.words.held_end if source in self.quick_ends else "SHORT_END"
        return f"TINYGEN_{word}({self.held[source]}, {source})"

    @property
    def cost(self) -> Cost:
        """What it takes on an ATmega328P, whose jumps and calls are all short."""
        own = sum(self.bytes_around) - self._middle + self.row_bytes
        highs = len(self.highs) + MOVED_COST[1] * self.moved
        cycles = len(self.held) * HOLD_COST[1] + highs + sum(map(self._cycles, self.trees))
        sums = SUM_CYCLES * len(self.trees) * (len(self.rows[0]) if self.rows else 0)
        return Cost(own + AROUND_CODE[0], cycles + sums + AROUND_CODE[1])

    def _cycles(self, tree: Tree) -> float:
        if not isinstance(tree, Split):
            return self.words.leaf_cycles
        if is_last(tree):
            return self.words.leaves_cycles
        return self._above(tree)[1] + max(self._cycles(tree.left), self._cycles(tree.right))

    def lines(self, first: int, last: int) -> list[str]:
        """The words of trees first .. last - 1."""
        found = []
        for k in range(first, last):
            part = self.parts[k]
            places = (f"{k}_{place}" for place in count())
            if part.right_first:
                start = f"TINYGEN_TREE_BEHIND({k})", f"TINYGEN_TREE_STARTS({k})"
            else:
                start = f"TINYGEN_TREE({k})", ""
            found += [start[0], *self._words(part, places, 1, start[1]), "TINYGEN_TREE_END"]
        return found

    def _above_word(self, split: Split, place: str, far: bool) -> str:
        asked, slot = f"{split.source}, {split.limit}, {place}", self.held.get(split.source)
        above = "ABOVE_FAR" if far else "ABOVE"
        if slot is None:
            return f"TINYGEN_{above}({asked})"
        if (high := self.highs.get(high_of(split.limit))) is None:
            return f"TINYGEN_HELD_{above}({slot}, {asked})"
        return f"TINYGEN_HIGH_{above}({high}, {slot}, {asked})"

    def _words(self, part: Part, places: Iterator[str], level: int, start: str) -> Iterator[str]:
        """start: the word in front of the first comparison, which may be empty."""
        indent, starts = "  " * min(level, MAX_DEPTH), [start] if start else []
        if part.sides is None:
            yield from [*starts, indent + self._last_word(part.tree)]
            return
        left, right = part.sides
        place = next(places)
        aside = self._words(right, places, level + 1, f"{indent}TINYGEN_PLACE({place})")
        assert isinstance(part.tree, Split)
        if part.right_first:
            yield from aside
        yield from [*starts, indent + self._above_word(part.tree, place, part.far)]
        yield from self._words(left, places, level + 1, "")
        yield from aside

    def _last_word(self, tree: Tree) -> str:
        """Of a leaf, or of a split with two leaves."""
        values = ", ".join(str(leaf.values[0] - self.least) for leaf in leaves_of(tree))
        if not isinstance(tree, Split):
            return f"TINYGEN_{self.words.leaf}({values})"
        return f"TINYGEN_{self.words.leaves}({tree.source}, {tree.limit}, {values})"


def without_ends(tree: Tree) -> Tree:
    """The tree without splits at the end of int16, which no reading is above: the words compare
    with limit + 1.
    """
    if not isinstance(tree, Split):
        return tree
    left = without_ends(tree.left)
    if tree.limit == INT16_MAX:
        return left
    return Split(tree.source, tree.limit, left, without_ends(tree.right))


def _with_leaves(tree: Tree, places: dict[tuple[int, ...], tuple[int, ...]]) -> Tree:
    """The tree with other values in its leaves."""
    if isinstance(tree, Leaf):
        return Leaf(places[tree.values])
    assert isinstance(tree, Split)
    left, right = (_with_leaves(side, places) for side in (tree.left, tree.right))
    return Split(tree.source, tree.limit, left, right)


def _visits(tree: Tree, share: float) -> Iterator[tuple[Split, float]]:
    """Each split with the part of the rows that come there, if half of them go to each side."""
    if isinstance(tree, Split):
        yield tree, share
        yield from _visits(tree.left, share / 2)
        yield from _visits(tree.right, share / 2)
