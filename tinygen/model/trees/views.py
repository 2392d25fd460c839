"""Decision trees as their template prints them: branches, code, byte streams, arrays."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import ClassVar, Protocol

from ..views import FloatSumView, SumView, View
from .code import TreeCode
from .straight import StraightCode
from .tree import Form, Place, Split, Stream, Tree

Split4 = tuple[int, int, int, int]
REGISTERS_WIDTH = 66  # columns of their names, behind the longest word that takes them


class Forest(Protocol):
    """What views ask of the node whose trees they print."""

    @property
    def splits(self) -> tuple[Split4, ...]: ...
    @property
    def leaves(self) -> tuple[tuple[int, ...], ...]: ...
    @property
    def roots(self) -> tuple[int, ...]: ...
    @property
    def bias(self) -> tuple[int, ...]: ...
    @property
    def leaf_bits(self) -> int: ...


@dataclass(frozen=True)
class TreesView(SumView):
    """Trees whose leaves are added to sums."""

    template: ClassVar[str] = "forest"
    starts_lower: ClassVar[bool] = True
    node: Forest

    @property
    def bias(self) -> tuple[int, ...]:
        """What the sums start from."""
        return tuple(b - self.lowered for b in self.node.bias)

    @property
    def outputs(self) -> int:
        return len(self.node.bias)


@dataclass(frozen=True)
class BranchesView(TreesView):
    """A few splits, printed as nested if and else."""

    macros: ClassVar[str] = "branches"
    trees: tuple[Tree, ...]

    @property
    def splits(self) -> int:
        return sum(tree.splits for tree in self.trees)


@dataclass(frozen=True)
class CodeView(TreesView):
    """Trees in the words of tinygen_trees.h, as a function of their own."""

    macros: ClassVar[str] = "code"
    code: TreeCode

    @property
    def trees(self) -> int:
        return len(self.code.trees)

    @property
    def start(self) -> int:
        """What the sum starts with: the bias, and the least value of every tree's leaf."""
        return self.bias[0] + self.trees * self.code.least

    @property
    def in_front(self) -> list[str]:
        return self.code.lines(0, self.code.in_front)

    @property
    def behind(self) -> list[str]:
        lines = self.code.lines(self.code.in_front, self.trees)
        return ["TINYGEN_TREES_BEHIND", *lines] if lines else []

    @property
    def holds(self) -> list[str]:
        return self.code.hold_words()

    @property
    def calls(self) -> list[str]:
        return [f"TINYGEN_CALL({k})" for k in range(self.trees)]

    @property
    def ends(self) -> list[str]:
        return self.code.end_words()

    @property
    def slots(self) -> int:
        return len(self.code.held)


@dataclass(frozen=True)
class RowCodeView(CodeView):
    """The same with several sums, and the rows that are added to them."""

    macros: ClassVar[str] = "rows"

    @property
    def rows(self) -> list[str]:
        return [", ".join(map(str, row)) + "," for row in self.code.rows]

    @property
    def rom_bytes(self) -> int:
        return self.code.row_bytes


class _Straight:
    """Words of straight code."""

    code: StraightCode

    @property
    def trees(self) -> int:
        return len(self.code.trees)

    @property
    def start(self) -> tuple[int, ...]:
        return self.code.gains.start

    @property
    def lines(self) -> list[str]:
        return self.code.layout.lines

    @property
    def end(self) -> str:
        """What the last word has in its name."""
        return f"{len(self.start)}" + "_HEAPS" * bool(self.code.heap)

    @property
    def registers(self) -> str:
        """Those that change, as C strings; lines of so many as fit."""
        names = ", ".join(f'"{r}"' for r in self.code.registers)
        return textwrap.fill(names, REGISTERS_WIDTH, subsequent_indent=8 * " ")


@dataclass(frozen=True)
class StraightView(_Straight, TreesView):
    """Trees of one sum as straight code, which starts from the bias that this view has."""

    macros: ClassVar[str] = "straight"
    code: StraightCode


@dataclass(frozen=True)
class ClassView(_Straight, View):
    """Trees of a score for each class as straight code, and the largest of the sums."""

    template: ClassVar[str] = "forest"
    macros: ClassVar[str] = "class"
    node: Forest
    code: StraightCode

    @property
    def type(self) -> str:
        return "uint8_t"

    @property
    def outputs(self) -> int:
        return len(self.node.bias)

    @property
    def reference(self) -> int:
        return self.code.gains.reference

    @property
    def votes(self) -> bool:
        return self.code.gains.votes

    def score(self, k: int) -> str:
        """C for the sum of class k less that of the reference."""
        if k == self.reference:
            return "0"
        return f"(int16_t)tinygen_gained{k + (k < self.reference)}"


@dataclass(frozen=True)
class StreamView(TreesView):
    """Trees as byte streams, and where each starts."""

    macros: ClassVar[str] = "streams"
    form: Form
    streams: tuple[Stream, ...]

    @property
    def trees(self) -> int:
        return len(self.streams)

    @property
    def kernel(self) -> str:
        """What walks a stream."""
        return self.form.kernel

    @property
    def row_bytes(self) -> int:
        """Bytes of a leaf."""
        return self.leaf_bytes * self.outputs

    @property
    def leaf_bits(self) -> int:
        return self.node.leaf_bits

    @property
    def leaf_bytes(self) -> int:
        return self.node.leaf_bits // 8

    @property
    def read_leaf(self) -> str:
        """C name of what reads a value of a leaf."""
        return "TINYGEN_READ_I8" if self.leaf_bytes == 1 else "tinygen_word"

    @property
    def adds_bytes(self) -> bool:
        """True where one kernel adds a leaf's values to the sums."""
        return self.leaf_bits == 8 and self.acc_bits == 16

    @property
    def rows(self) -> list[str]:
        return [row for stream in self.streams for row in stream.rows]

    @property
    def bytes(self) -> int:
        return sum(stream.size for stream in self.streams)

    @property
    def starts(self) -> list[int]:
        """Place of each stream's first byte."""
        return [sum(s.size for s in self.streams[:k]) for k in range(len(self.streams))]

    @property
    def start_bits(self) -> int:
        return 8 if self.starts[-1] <= 255 else 16

    @property
    def rom_bytes(self) -> int:
        return self.bytes + self.trees * self.start_bits // 8


@dataclass(frozen=True)
class MixedView(StreamView):
    """The first levels of each tree as nested if and else, and the byte streams they lead to."""

    macros: ClassVar[str] = "mixed"
    tops: tuple[Split | Place, ...] = ()

    @property
    def rom_bytes(self) -> int:
        return self.bytes


class _Splits:
    """The splits as both views print them."""

    node: Forest

    @property
    def table(self) -> tuple[Split4, ...]:
        """The splits; one that nobody reaches where there is none."""
        return self.node.splits or ((0, 0, 0, 0),)

    @property
    def splits(self) -> int:
        return len(self.table)

    @property
    def roots(self) -> tuple[int, ...]:
        return self.node.roots


@dataclass(frozen=True)
class ForestView(_Splits, TreesView):
    """Trees as arrays that name their places."""

    macros: ClassVar[str] = "forest"

    @property
    def leaves(self) -> int:
        return len(self.node.leaves)

    @property
    def trees(self) -> int:
        return len(self.node.roots)

    @property
    def slow(self) -> str:
        return "its trees are arrays"

    @property
    def child_bits(self) -> int:
        return 8 if max(len(self.node.splits), self.leaves) <= 127 else 16

    @property
    def leaf_bits(self) -> int:
        return self.node.leaf_bits

    @property
    def inputs(self) -> list[int]:
        return [split[0] for split in self.table]

    @property
    def thresholds(self) -> list[int]:
        return [split[1] for split in self.table]

    @property
    def children(self) -> list[str]:
        return [f"{{{split[2]},{split[3]}}}" for split in self.table]

    @property
    def leaf_values(self) -> list[str]:
        return ["{" + ",".join(map(str, row)) + "}" for row in self.node.leaves]

    @property
    def rom_bytes(self) -> int:
        child, leaf = self.child_bits // 8, self.leaf_bits // 8
        return (
            (3 + 2 * child) * self.splits + leaf * self.leaves * self.outputs + child * self.trees
        )


@dataclass(frozen=True)
class ForestFloatView(_Splits, FloatSumView):
    """The arrays, with thresholds and leaf values in float."""

    template: ClassVar[str] = "forest"
    node: Forest

    @property
    def bias(self) -> tuple[int, ...]:
        return self.node.bias

    @property
    def leaves(self) -> tuple[tuple[int, ...], ...]:
        return self.node.leaves

    @property
    def child_bits(self) -> int:
        return 8 if max(self.splits, len(self.leaves)) <= 127 else 16
