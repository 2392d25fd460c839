"""Where the sides of a split stand: every branch reaches its side, or is told that it does not."""

from collections.abc import Iterator

import numpy as np
import pytest

from tinygen.model.trees.placed import NEAR_BACK, NEAR_BYTES, Part, is_last, placed
from tinygen.model.trees.tree import Leaf, Split, Tree


def grown(rng, leaves: int) -> Tree:
    if leaves == 1:
        return Leaf((0,))
    left = int(np.clip(round(leaves * rng.beta(2, 2)), 1, leaves - 1))
    return Split(0, 0, grown(rng, left), grown(rng, leaves - left))


def own_bytes(tree: Tree) -> int:
    if isinstance(tree, Leaf):
        return 4
    return 6 if is_last(tree) else 10


def branches(part: Part, at: int = 0) -> Iterator[tuple[Part, int]]:
    """Each split that branches, and the bytes from behind its branch to where its right side
    starts. at: where the part begins.
    """
    if part.sides is None:
        return
    left, right = part.sides
    behind = at + part.before + own_bytes(part.tree) + 2 * part.far  # where the left side starts
    first = at if part.right_first else behind + left.size  # where the right side begins
    yield part, first + right.before - behind
    yield from branches(left, behind)
    yield from branches(right, first)


@pytest.mark.parametrize("leaves", [2, 12, 24, 64, 200])
def test_every_branch_is_as_long_as_it_has_to_be(leaves):
    rng = np.random.default_rng(leaves)
    for _ in range(200):
        part = placed(grown(rng, leaves), own_bytes)
        for split, distance in branches(part):
            assert split.far or -NEAR_BACK <= distance <= NEAR_BYTES


def test_all_that_can_be_mixed_is():
    """A right side in front, behind a left one, of a part that itself starts with its split."""
    rng, found = np.random.default_rng(1), set()
    for _ in range(300):
        for split, _distance in branches(placed(grown(rng, 60), own_bytes)):
            found.add((split.right_first, split.sides[1].right_first, split.far))
    assert {(False, True, False), (True, True, False), (True, False, False)} <= found
