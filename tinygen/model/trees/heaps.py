"""Parts of one tree as data behind a call: every split of a part has its place, and no byte tells
where its sides start.

A part of n levels is a call and 2**n - 1 splits of three bytes, each in front of its two sides,
then its leaves; the fewer levels of a side are filled with splits whose sides are equal. A leaf is
one byte where all leaves of the tree are told by one, else two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate

from ..fixedpoint import INT16_MAX
from .gains import Gains, leaves_of, splits_of
from .layout import Item
from .tree import Heap, Leaf, Split, Tree

MOST_LEVELS = 4  # ADIW moves over the 37 bytes of a side of four levels
MAX_INPUT = 127  # whose place in x one byte tells
MOST_SPREAD = 255  # between leaves of one byte
HEAD_CYCLES, LEVEL_CYCLES, END_CYCLES = 12, 21, 7  # of a part of fewer levels than another, and all
HEAD_BYTES, LEVEL_BYTES, END_BYTES = 10, 24, 6
MORE_BYTES = 14  # of head and level where flash is more than 64 KB
COMPARED = 8.5, 6  # bytes and cycles of a split that is compared in code, as guessed
LEAF_COST = 6, 4
PLACE = "heap"
SLACKS = range(0, 61, 15)  # cycles beyond those of the quickest plan


def heap_item(heap: Heap) -> Item:
    """The word of a part, which ends the tree."""
    word = "TINYGEN_HEAP" if heap.leaf == 1 else "TINYGEN_HEAP2"
    text = f"{word}({heap.levels}, {_data(heap.tree, heap.levels, heap.leaf)})"
    size, cycles = heap_bytes(heap.levels, heap.leaf), heap_cycles(heap.levels, heap.leaf)
    return Item(text, size, ("call", PLACE), 0, cycles)


def heap_bytes(levels: int, leaf: int) -> int:
    """With the call, and a byte to make it even."""
    return (3 + leaf) << levels


def heap_cycles(levels: int, leaf: int) -> int:
    """From the call to the end of the tree."""
    return HEAD_CYCLES + LEVEL_CYCLES * levels + END_CYCLES + 3 * (leaf - 1)


def with_walk(items: list[Item], largest: Heap) -> list[Item]:
    """The items of one tree, and what walks its parts and goes on behind it, as near to the middle
    as nothing falls through to it.
    """
    levels, leaf = largest.levels, largest.leaf
    size = (HEAD_BYTES + LEVEL_BYTES) * levels + 2 * (levels - 1) + END_BYTES + 2 * (leaf - 1)
    word = "TINYGEN_HEAPS" if leaf == 1 else "TINYGEN_HEAPS2"
    start = Item(f"{word}({levels})", size, ("place", PLACE), more=MORE_BYTES * levels)
    walk = [start, Item.go("1")]
    ends = [0, *accumulate(item.bytes for item in items)]
    after = [k + 1 for k, item in enumerate(items) if item.kind in ("go", "call")]
    middle = min(after, key=lambda k: abs(2 * ends[k] - ends[-1]))
    return [*items[:middle], *walk, *items[middle:]]


def plans(tree: Split, bias: int) -> Iterator[tuple[Tree, Gains]]:
    """Ways to have parts of a tree as data, the quickest first, and what their leaves add."""
    if max(split.source for split in splits_of(tree)) > MAX_INPUT:
        return
    values = [leaf.values[0] for leaf in leaves_of(tree)]
    leaf = 1 if max(values) - min(values) <= MOST_SPREAD else 2
    least = min(values) if leaf == 1 else 0
    told = _less(tree, least)
    gains = Gains.of_one(bias + least, [v - least for v in values])
    seen = set()
    most = COMPARED[1] * (tree.depth - 1) + heap_cycles(1, leaf)
    for slack in SLACKS:
        found = _fewest(told, most + slack, leaf)
        if found and largest_heap(found[1]) and found[1] not in seen:
            seen.add(found[1])
            yield found[1], gains


def _fewest(tree: Tree, most: float, leaf: int) -> tuple[float, Tree] | None:
    """The fewest bytes within so many cycles, and the parts; None where these do not suffice."""
    if isinstance(tree, Leaf):
        return (LEAF_COST[0], tree) if most >= LEAF_COST[1] else None
    assert isinstance(tree, Split)
    ways: list[tuple[float, Tree]] = []
    levels = tree.depth
    if levels <= MOST_LEVELS and heap_cycles(levels, leaf) <= most:
        ways.append((heap_bytes(levels, leaf), Heap(levels, leaf, tree)))
    left, right = (_fewest(t, most - COMPARED[1], leaf) for t in (tree.left, tree.right))
    if left and right:
        sides = replace(tree, left=left[1], right=right[1])
        ways.append((COMPARED[0] + left[0] + right[0], sides))
    return min(ways, key=lambda way: way[0], default=None)


def largest_heap(part: Tree) -> Heap | None:
    """Of those in a tree."""
    if isinstance(part, Split):
        sides = [h for h in map(largest_heap, (part.left, part.right)) if h]
        return max(sides, key=lambda heap: heap.levels, default=None)
    return part if isinstance(part, Heap) else None


def _less(tree: Tree, base: int) -> Tree:
    if isinstance(tree, Leaf):
        return Leaf((tree.values[0] - base,))
    assert isinstance(tree, Split)
    return replace(tree, left=_less(tree.left, base), right=_less(tree.right, base))


def _data(tree: Tree, levels: int, leaf: int) -> str:
    """The words of a tree with all its levels."""
    source, limit, left, right = 0, INT16_MAX, tree, tree
    if isinstance(tree, Split):
        source, limit, left, right = tree.source, tree.limit, tree.left, tree.right
    if levels == 1:
        assert isinstance(left, Leaf) and isinstance(right, Leaf)
        word = "TINYGEN_TWO" if leaf == 1 else "TINYGEN_TWO2"
        return f"{word}({source}, {limit}, {left.values[0]}, {right.values[0]})"
    sides = f"{_data(left, levels - 1, leaf)}, {_data(right, levels - 1, leaf)}"
    return f"TINYGEN_FORK({source}, {limit}, {sides})"
