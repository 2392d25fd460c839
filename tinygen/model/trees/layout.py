"""Words of assembly in their order, and which of their branches are too long for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

NEAREST, FARTHEST = -126, 128  # bytes from a branch to its place, 63 words from what is behind it
REACH = 4000  # the same of RJMP, with room for what is around it


@dataclass(frozen=True)
class Item:
    """A word: its text, its bytes, and where it goes to."""

    text: str
    bytes: int = 0
    jump: tuple[str, str] | None = None  # what kind of word, and the place
    cycles: int = 0  # where it does not jump
    jumping: int = 0  # where it does

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
    def far(self) -> Item:
        text = self.text.replace("TINYGEN_IF(", "TINYGEN_IF_FAR(", 1)
        return Item(text, 4, self.jump, 2, 3)


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
            items = [item.far if k in far else item for k, item in enumerate(items)]
        return tuple(items)

    def _too_far(self, items: Sequence[Item]) -> set[int]:
        return {
            k
            for k, distance in self.distances(items)
            if items[k].kind == "branch" and items[k].bytes == 2
            if not NEAREST <= distance <= FARTHEST
        }

    @staticmethod
    def distances(items: Sequence[Item]) -> list[tuple[int, int]]:
        """Of each jump: its number, and the bytes from its start to its place."""
        starts, at = [], 0
        for item in items:
            starts.append(at)
            at += item.bytes
        places = {i.jump[1]: s for i, s in zip(items, starts) if i.jump and i.kind == "place"}
        return [
            (k, places[item.jump[1]] - starts[k])
            for k, item in enumerate(items)
            if item.jump and item.kind != "place"
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
        """True where RJMP reaches all places."""
        return all(abs(distance) <= REACH for _, distance in self.distances(self.items))

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
