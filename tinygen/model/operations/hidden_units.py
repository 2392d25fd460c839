"""Units of hidden layers, one, two or four at a time: what they cost, and the tables of their
kernels.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .dense import Dense

WEIGHTS = 12  # of a unit that stand in a line of a table
WIDE = 14  # weights of a group of units in a line
TOGETHER = {1: "", 2: "two", 4: "four"}
# per int16 input and unit, and per input of 8 bits, by the units computed at a time
CYCLES = {1: 20, 2: 16.5, 4: 14.75}
BYTE_CYCLES = {1: 14, 2: 11.5, 4: 10.25}
# of a unit beside its inputs: of a layer that stores it, of a net that adds it to the output
LAYER_CYCLES = {1: 25, 2: 22, 4: 19}
NET_CYCLES = {1: 29, 2: 27, 4: 29}


class Grouped:
    """What the view of a hidden layer tells of units that a kernel computes together."""

    @property
    @abstractmethod
    def units(self) -> int: ...

    @property
    @abstractmethod
    def columns(self) -> int: ...

    @property
    @abstractmethod
    def source_type(self) -> str: ...

    @property
    @abstractmethod
    def size(self) -> int:
        """Units that are computed at a time: 1, 2 or 4."""

    @property
    def groups(self) -> int:
        return groups_of(self.units, self.size)

    @property
    def together(self) -> str:
        """`size` as a word, empty for one at a time."""
        return TOGETHER[self.size]

    def cycles(self, size: int, beside: Mapping[int, float]) -> float:
        """Of `size` units at a time, idle ones among them; beside: of a unit beside its inputs."""
        per_input = CYCLES if self.source_type == "int16_t" else BYTE_CYCLES
        idle_too = groups_of(self.units, size) * size
        return idle_too * (per_input[size] * self.columns + beside[size])

    def quickest(self, sizes: Iterable[int], beside: Mapping[int, float]) -> int:
        """The first of the sizes that take fewest cycles."""
        return min(sizes, key=lambda size: self.cycles(size, beside))


def has_fine_sums(node: Dense) -> bool:
    """Of a hidden layer that a kernel computes: True where the bias is in single steps of the
    sum.
    """
    return node.bias_shift == 0


def unit_lines(node: Dense, row: int, share: str = "") -> list[str]:
    """A unit's row in a kernel's table, in lines: its bias, its weights, its share in an output."""
    width = max(len(str(b)) for b in kernel_biases(node))
    weights = [f" {w:4d}," for w in node.weights[row]]
    lines = ["".join(weights[k : k + WEIGHTS]) for k in range(0, len(weights), WEIGHTS)]
    lines[0] = f"{bias_text(node, row, width)},{lines[0]}"
    lines[-1] += share
    return lines


def kernel_biases(node: Dense) -> tuple[int, ...]:
    """A hidden layer's biases as its kernel's table holds them; what rounds a fine sum is in
    them, and what lifts a unit's lower limit to 0.
    """
    return tuple(b + node.lift for b in node.start) if has_fine_sums(node) else node.bias


def bias_bytes(node: Dense) -> int:
    return 3 if has_fine_sums(node) else 2


def bias_text(node: Dense, row: int | None, width: int = 0) -> str:
    """A unit's bias in a kernel's table, 0 for no unit."""
    macro = "TINYGEN_3_BYTES" if has_fine_sums(node) else "TINYGEN_BYTES"
    return f"{macro}({0 if row is None else kernel_biases(node)[row]:{width}d})"


def groups_of(units: int, size: int) -> int:
    """Groups of `size` units; the last one is filled up with idle units."""
    return -(-units // size)


def table_bytes(node: Dense, size: int, share: int = 0) -> int:
    """Of a layer's table; share: bytes of each unit's share in an output."""
    columns = len(node.weights[0])
    return size * groups_of(len(node.bias), size) * (columns + bias_bytes(node) + share)


def group_lines(node: Dense, size: int, shares: Sequence[str] = ()) -> list[str]:
    """The table of units `size` at a time, in lines: their biases, their weights for each input in
    turn, their shares in an output, those of idle units with them.
    """
    units = len(node.bias)
    groups = [range(at, min(at + size, units)) for at in range(0, units, size)]
    return [line for group in groups for line in _group_lines(node, group, size, shares)]


def _group_lines(node: Dense, units: range, size: int, shares: Sequence[str]) -> list[str]:
    places: list[int | None] = [*units, *[None] * (size - len(units))]
    idle = f", and {size - len(units)} idle (always 0)" if len(units) < size else ""
    inputs = [
        "".join(f" {0 if k is None else row[k]:4d}," for k in places) for row in zip(*node.weights)
    ]
    biases = [f"{bias_text(node, k)}," for k in places]
    wide = WIDE // size
    lines = [
        f"/* units {', '.join(str(k + 1) for k in units)}{idle} */",
        *(" ".join(biases[k : k + 2]) for k in range(0, size, 2)),
        *("  ".join(inputs[k : k + wide]) for k in range(0, len(inputs), wide)),
    ]
    told = shares[units.start : units.start + size]
    return [*lines, " " + " ".join(told)] if told else lines
