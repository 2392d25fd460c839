"""Decision trees in the words of tinygen_trees.h, and what they take on an AVR: bytes, cycles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count

from .fixedpoint import INT16_MAX
from .trees import MAX_DEPTH, Leaf, Place, Split, Tree

MAX_INPUT = 31  # that LDD reaches from x
MAX_LEAF = 255  # largest value of a leaf in one byte, the smallest one is 0
SLOTS = 6  # inputs that registers hold
NEAR_BYTES = 126  # that BRGE jumps over
REACH_BYTES = 4000  # of RCALL and RJMP, to either side; the instruction itself takes some
# bytes and cycles of the words; TINYGEN_ABOVE_FAR takes two bytes and a cycle more
ABOVE, HELD_ABOVE = (10, 7.5), (8, 4.5)
LEAF, LEAVES = (4, 12.0), (6, 40.0)  # with the call and the return of the tree
LEAF2, LEAVES2 = (6, 13.0), (8, 43.0)
END_BYTES, HELD_END_BYTES, SHARED_BYTES = 6, 28, 34  # the last two take 2 more for words with a 2
# the same of a split, of a tree and of what stands around the trees, in each form
STREAM_COST = (5, 31), (3, 30), (210, 60)  # and a byte for each split with leaves of two
BRANCHES_COST = (15.5, 7.5), (0, 4), (110, 60)
AROUND_CODE = (110, 60)
MORE_FLASH = 2.0  # times that of streams that a quicker form may take
PAYS = 0.9  # part of flash times cycles that it must come down to
HOLD_CYCLES = 14.0  # to load both bytes, save a register and restore it; and 22 bytes
HELD_END_CYCLES = 6.0  # fewer than those of an end whose input is in memory


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


def cost_of(form: tuple[tuple[float, float], ...], trees: Sequence[Tree], more: int = 0) -> Cost:
    """Of trees in another form, STREAM_COST or BRANCHES_COST; more: bytes of a split on top."""
    split, tree, around = form
    splits, levels = sum(t.splits for t in trees), sum(t.depth for t in trees)
    return Cost(
        (split[0] + more) * splits + tree[0] * len(trees) + around[0],
        split[1] * levels + tree[1] * len(trees) + around[1],
    )


@dataclass(frozen=True)
class TreeCode:
    """The words of trees whose leaves have one value each."""

    trees: tuple[Tree, ...]
    least: int  # value of a leaf that is written as 0
    wide: bool  # a leaf's value takes two bytes

    @classmethod
    def of(cls, trees: Sequence[Tree]) -> TreeCode | None:
        """None where the words cannot say it: an input too far behind x, a tree too deep for the
        page, too many bytes for a jump.
        """
        kept = tuple(map(without_ends, trees))
        values = [leaf.values[0] for tree in kept for leaf in _leaves(tree)]
        inputs = [split.source for tree in kept for split in _splits(tree)]
        code = cls(kept, min(values), max(values) - min(values) > MAX_LEAF)
        fits = (
            max(inputs, default=0) <= MAX_INPUT
            and max(tree.depth for tree in kept) <= MAX_DEPTH
            and max(code.bytes_around) <= REACH_BYTES
        )
        return code if fits else None

    @cached_property
    def held(self) -> dict[int, int]:
        """Slot of each input that registers hold: those that many rows ask for."""
        saved: dict[int, float] = {}
        for tree in self.trees:
            for split, share in _visits(tree, 1.0):
                less = HELD_END_CYCLES if _ends(split) else ABOVE[1] - HELD_ABOVE[1]
                saved[split.source] = saved.get(split.source, 0.0) + share * less
        worth = sorted((-cycles, k) for k, cycles in saved.items() if cycles > HOLD_CYCLES)
        return {k: slot for slot, (_, k) in enumerate(worth[:SLOTS])}

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """Inputs of last splits."""
        last = (s.source for tree in self.trees for s in _splits(tree) if _ends(s))
        return tuple(sorted(set(last)))

    @cached_property
    def in_front(self) -> int:
        """Trees in front of the calls: half of the bytes."""
        sizes = [self.size(tree) for tree in self.trees]
        return next(k for k in range(len(sizes) + 1) if 2 * sum(sizes[:k]) >= sum(sizes))

    @cached_property
    def bytes_around(self) -> tuple[int, int]:
        """Bytes in front of the calls and behind them, each with the calls and the ends."""
        sizes = [self.size(tree) for tree in self.trees]
        front = sum(sizes[: self.in_front])
        return front + self._middle, sum(sizes) - front + self._middle

    @property
    def _middle(self) -> int:
        """Bytes of the calls and the ends."""
        more = 2 * self.wide
        ends = sum(HELD_END_BYTES + more if k in self.held else END_BYTES for k in self.ends)
        return SHARED_BYTES + more + 4 * len(self.held) + 2 * len(self.trees) + ends

    def end_words(self) -> list[str]:
        """The ends that the trees share."""
        two, held = "2" if self.wide else "", self.held
        return [f"TINYGEN_ENDS{two}"] + [
            f"TINYGEN_HELD_END{two}({held[k]}, {k})" if k in held else f"TINYGEN_END({k})"
            for k in self.ends
        ]

    @property
    def cost(self) -> Cost:
        """What it takes on an ATmega328P, whose jumps and calls are all short."""
        own = sum(self.bytes_around) - self._middle
        cycles = len(self.held) * HOLD_CYCLES + sum(map(self._cycles, self.trees))
        return Cost(own + AROUND_CODE[0], cycles + AROUND_CODE[1])

    def _cycles(self, tree: Tree) -> float:
        if not isinstance(tree, Split):
            return (LEAF2 if self.wide else LEAF)[1]
        if _ends(tree):
            return (LEAVES2 if self.wide else LEAVES)[1]
        own = HELD_ABOVE[1] if tree.source in self.held else ABOVE[1]
        return own + max(self._cycles(tree.left), self._cycles(tree.right))

    def size(self, tree: Tree) -> int:
        """Bytes of a tree."""
        if not isinstance(tree, Split):
            return (LEAF2 if self.wide else LEAF)[0]
        if _ends(tree):
            return (LEAVES2 if self.wide else LEAVES)[0]
        left, right = self.size(tree.left), self.size(tree.right)
        own = HELD_ABOVE[0] if tree.source in self.held else ABOVE[0]
        return own + 2 * (left > NEAR_BYTES) + left + right

    def lines(self, first: int, last: int) -> list[str]:
        """The words of trees first .. last - 1."""
        found = []
        for k in range(first, last):
            found.append(f"TINYGEN_TREE({k})")
            places = (f"{k}_{place}" for place in count())
            found += [f"  {line}" for line in self._words(self.trees[k], places)]
            found.append("TINYGEN_TREE_END")
        return found

    def _words(self, tree: Tree, places: Iterator[str]) -> Iterator[str]:
        two = "2" if self.wide else ""
        if isinstance(tree, Leaf):
            yield f"TINYGEN_LEAF{two}({tree.values[0] - self.least})"
            return
        assert isinstance(tree, Split)
        asked = f"{tree.source}, {tree.limit}"
        if _ends(tree):
            values = (leaf.values[0] - self.least for leaf in _leaves(tree))
            yield f"TINYGEN_LEAVES{two}({asked}, {', '.join(map(str, values))})"
            return
        place, slot = next(places), self.held.get(tree.source)
        far = "_FAR" if self.size(tree.left) > NEAR_BYTES else ""
        if slot is None:
            yield f"TINYGEN_ABOVE{far}({asked}, {place})"
        else:
            yield f"TINYGEN_HELD_ABOVE{far}({slot}, {asked}, {place})"
        yield from (f"  {line}" for line in self._words(tree.left, places))
        yield f"TINYGEN_PLACE({place})"
        yield from (f"  {line}" for line in self._words(tree.right, places))


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


def _ends(split: Split) -> bool:
    """True where both sides are leaves."""
    return split.left.is_leaf and split.right.is_leaf


def _splits(tree: Tree) -> Iterator[Split]:
    if isinstance(tree, Split):
        yield tree
        yield from _splits(tree.left)
        yield from _splits(tree.right)


def _leaves(tree: Tree) -> Iterator[Leaf]:
    assert not isinstance(tree, Place)
    if isinstance(tree, Leaf):
        yield tree
    else:
        yield from _leaves(tree.left)
        yield from _leaves(tree.right)


def _visits(tree: Tree, share: float) -> Iterator[tuple[Split, float]]:
    """Each split with the part of the rows that come there, if half of them go to each side."""
    if isinstance(tree, Split):
        yield tree, share
        yield from _visits(tree.left, share / 2)
        yield from _visits(tree.right, share / 2)
