"""Where the two sides of each split stand, so that BRGE reaches them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .tree import Leaf, Split, Tree

NEAR_BYTES = 126  # that BRGE jumps over
NEAR_BACK = 128  # from behind it back to where it goes


@dataclass(frozen=True)
class Part:
    """A tree, or a part of one, whose first comparison may stand behind its right side."""

    tree: Tree
    before: int  # bytes in front of the first comparison
    behind: int  # and from there on
    far: bool = False  # BRGE does not reach the right side
    sides: tuple[Part, Part] | None = None

    @property
    def size(self) -> int:
        return self.before + self.behind

    @property
    def right_first(self) -> bool:
        return self.before > 0


def placed(tree: Tree, own: Callable[[Tree], int]) -> Part:
    """The tree in the fewest bytes; `own` tells those of a leaf, of a split with two leaves, and
    of the comparison and branch of another split.
    """
    return min(_ways(tree, own), key=lambda part: part.size)


def is_last(split: Split) -> bool:
    """True where both sides are leaves."""
    return split.left.is_leaf and split.right.is_leaf


def _ways(tree: Tree, own: Callable[[Tree], int]) -> tuple[Part, ...]:
    """The shortest one that starts with its comparison, then the shortest with the right side in
    front. The left side always follows the comparison, and starts with its own.
    """
    if isinstance(tree, Leaf) or (isinstance(tree, Split) and is_last(tree)):
        return (Part(tree, 0, own(tree)),)
    assert isinstance(tree, Split)
    size, left = own(tree), _ways(tree.left, own)[0]
    forward, backward = [], []
    for right in _ways(tree.right, own):
        far = left.size + right.before > NEAR_BYTES
        forward.append(Part(tree, 0, size + 2 * far + left.size + right.size, far, (left, right)))
        far = right.behind + size > NEAR_BACK
        backward.append(Part(tree, right.size, size + 2 * far + left.size, far, (left, right)))
    return tuple(min(parts, key=lambda part: part.size) for parts in (forward, backward))
