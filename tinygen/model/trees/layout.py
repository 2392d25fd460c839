"""Words of assembly in their order, and which of their branches are too long for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, chain

NEAREST, FARTHEST = -126, 128  # bytes from a branch to its place, 63 words from what is behind it
REACH = 4000  # the same of RJMP, with room for what is around it
VIA = "_via"  # in the names of places that are jumps to another place


@dataclass(frozen=True)
class Item:
    """A word: its text, its bytes, and where it goes to."""

    text: str
    bytes: int = 0
    jump: tuple[str, str] | None = None  # what kind of word, and the place
    cycles: int = 0  # where it does not jump
    jumping: int = 0  # where it does
    more: int = 0  # bytes that it takes more on chips of more flash

    @classmethod
    def place(cls, name: str) -> Item:
        return cls(f"TINYGEN_PLACE({name})", 0, ("place", name))

    @classmethod
    def go(cls, name: str) -> Item:
        return cls(f"TINYGEN_GO_ON({name})", 2, ("go", name), 0, 2)

    @classmethod
    def branch(cls, which: str, name: str) -> Item:
        return cls(f"TINYGEN_IF({which}, {name})", 2, ("branch", name), 1, 2)

    @property
    def kind(self) -> str:
        return self.jump[0] if self.jump else ""

    @property
    def target(self) -> str:
        """The place that it is about."""
        return self.jump[1] if self.jump else ""

    @property
    def nearest(self) -> int:
        """Bytes to the farthest place in front of it that it reaches."""
        return NEAREST if self.kind == "branch" and self.bytes == 2 else -REACH

    @property
    def farthest(self) -> int:
        return FARTHEST if self.kind == "branch" and self.bytes == 2 else REACH

    def to(self, name: str) -> Item:
        """The same to another place."""
        text = self.text.removesuffix(f"{self.target})") + f"{name})"
        return replace(self, text=text, jump=(self.kind, name))

    @property
    def far(self) -> Item:
        text = self.text.replace("TINYGEN_IF(", "TINYGEN_IF_FAR(", 1)
        return Item(text, 4, self.jump, 2, 3)


def _starts(items: Sequence[Item]) -> list[int]:
    """Where each item starts on the chip where they take most."""
    return [0, *accumulate(item.bytes + item.more for item in items)]


def _way(items: Sequence[Item], starts: Sequence[int], k: int, distance: int) -> int | None:
    """The number of a jump to the place of item k that this one reaches, and which is nearer to it;
    None where there is none, or where item k goes by way of another one already.
    """
    item = items[k]
    if VIA in item.target:
        return None
    return next(
        (
            j
            for j, other in enumerate(items)
            if other.jump == ("go", item.target)
            and item.nearest <= starts[j] - starts[k] <= item.farthest
            and abs(starts[k] + distance - starts[j]) < abs(distance)
        ),
        None,
    )


@dataclass(frozen=True)
class Layout:
    """Items whose branches are written as long as they have to be; places nobody goes to are
    left out.
    """

    given: Sequence[Item]

    @cached_property
    def items(self) -> tuple[Item, ...]:
        asked = {i.jump[1] for i in self.given if i.jump and i.kind != "place"}
        items = [i for i in self.given if i.kind != "place" or (i.jump and i.jump[1] in asked)]
        while far := self._too_far(items):
            mended = self._mended(items, far)
            if mended == items:
                break
            items = mended
        return tuple(items)

    def _too_far(self, items: Sequence[Item]) -> dict[int, int]:
        """Distances of the jumps that do not reach their places, by number."""
        return {
            k: distance
            for k, distance in self.distances(items)
            if not items[k].nearest <= distance <= items[k].farthest
        }

    def _mended(self, items: list[Item], far: dict[int, int]) -> list[Item]:
        """The same with each of the jumps by way of another one to its place that it reaches, or as
        a long branch, which takes two bytes more.
        """
        starts = _starts(items)
        found, names = list(items), dict[int, str]()
        before = sum(VIA in item.target for item in items if item.kind == "place")
        for k, distance in far.items():
            via = _way(items, starts, k, distance)
            if via is not None:
                name = f"{items[k].target}{VIA}{before + len(names)}"
                found[k] = items[k].to(names.setdefault(via, name))
            elif items[k].kind == "branch":
                found[k] = items[k].far
        placed = ([Item.place(names[k]), i] if k in names else [i] for k, i in enumerate(found))
        return list(chain.from_iterable(placed))

    @staticmethod
    def distances(items: Sequence[Item]) -> list[tuple[int, int]]:
        """Of each jump: its number, and the bytes from its start to its place."""
        starts = _starts(items)
        places = {i.jump[1]: s for i, s in zip(items, starts) if i.jump and i.kind == "place"}
        return [
            (k, places[item.jump[1]] - starts[k])
            for k, item in enumerate(items)
            if item.jump and item.kind != "place" and item.jump[1] in places
        ]

    @cached_property
    def cycles(self) -> int:
        """Of the longest way from the first item to behind the last one."""
        at = {i.jump[1]: k for k, i in enumerate(self.items) if i.jump and i.kind == "place"}
        found: dict[int, int] = {}

        def longest(start: int) -> int:
            if start not in found:
                own = most = 0
                for k in range(start, len(self.items)):
                    item = self.items[k]
                    if item.kind == "call":  # it ends the tree
                        most = max(most, own + item.jumping)
                        break
                    if item.jumping and item.jump:
                        most = max(most, own + item.jumping + longest(at[item.jump[1]]))
                    if item.kind == "go":
                        break
                    own += item.cycles
                else:
                    most = max(most, own)
                found[start] = most
            return found[start]

        return longest(0)

    @property
    def fits(self) -> bool:
        """True where all jumps reach their places."""
        return not self._too_far(self.items)

    @property
    def bytes(self) -> int:
        return sum(item.bytes for item in self.items)

    @property
    def lines(self) -> list[str]:
        """A comparison and its branch on one line; what a place is for is indented."""
        found: list[str] = []
        for before, item in zip((None, *self.items), self.items):
            if item.kind == "branch" and before is not None:
                found[-1] += f" {item.text}"
            else:
                found.append(item.text if item.kind == "place" else f"  {item.text}")
        return found
