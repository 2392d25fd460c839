"""Where straight code has the inputs of its splits: in memory, in two registers, or in one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

Registers = tuple[int, ...]
SAVED_UPPER, SAVED_LOWER = (17, 16), tuple(range(15, 1, -1))  # a caller wants them back
# by the number of sums: registers for CPI that nobody wants back, in the order of their use
FREE_UPPER = {1: (18, 19, 20, 21, 22, 23, 27), 2: (18, 19, 27), 3: ()}
FREE_LOWER = (0,)
SAVED_BYTES = SAVED_CYCLES = 4  # PUSH and POP
WORTH_OF_BYTES = {"balanced": 1.0, "speed": 0.3}  # of a part of them, beside a part of the cycles
ZERO_HIGH = 1, 2  # cycle and bytes less where the high byte of a limit is 0


@dataclass(frozen=True)
class Seat:
    """In memory: both bytes are loaded for every comparison."""

    kind: ClassVar[str] = ""
    setup_bytes: ClassVar[int] = 0
    setup_cycles: ClassVar[int] = 0
    registers: ClassVar[Registers] = ()

    def keep(self, source: int) -> str:
        raise NotImplementedError("what is in memory is not kept")

    def compare(self, source: int, limit: int) -> str:
        return f"TINYGEN_SEE({source}, {limit})"

    def bytes(self, limit: int) -> int:
        """Of a comparison with its branch."""
        return 10

    def cycles(self, limit: int) -> int:
        """The same where the branch is not taken."""
        return 7


MEMORY = Seat()


@dataclass(frozen=True)
class Kept(Seat):
    """Low byte and high byte in registers."""

    setup_bytes: ClassVar[int] = 4
    setup_cycles: ClassVar[int] = 4
    low: int
    high: int

    @property
    def registers(self) -> Registers:  # type: ignore[override]
        return self.low, self.high

    def keep(self, source: int) -> str:
        return f"TINYGEN_KEEP({self.low}, {self.high}, {source})"

    def compare(self, source: int, limit: int) -> str:
        word = "TINYGEN_KEPT_LOW" if self._zero(limit) else "TINYGEN_KEPT"
        return f"{word}({self.low}, {self.high}, {source}, {limit})"

    def bytes(self, limit: int) -> int:
        return 6 if self._zero(limit) else 8

    def cycles(self, limit: int) -> int:
        return 3 if self._zero(limit) else 4

    @staticmethod
    def _zero(limit: int) -> bool:
        return (limit + 1) >> 8 == 0


@dataclass(frozen=True)
class Clamped(Seat):
    """One byte: how far the input is above the least limit, at most 255."""

    kind: ClassVar[str] = "_BYTE"
    setup_bytes: ClassVar[int] = 18
    setup_cycles: ClassVar[int] = 11
    register: int
    start: int  # the input that is 0

    @property
    def registers(self) -> Registers:  # type: ignore[override]
        return (self.register,)

    def keep(self, source: int) -> str:
        return f"TINYGEN_CLAMP({self.register}, {source}, {self.start})"

    def compare(self, source: int, limit: int) -> str:
        return f"TINYGEN_IN_BYTE({self.register}, {limit + 1 - self.start}, {source}, {limit})"

    def bytes(self, limit: int) -> int:
        return 4

    def cycles(self, limit: int) -> int:
        return 2


@dataclass(frozen=True)
class SameHigh(Clamped):
    """One byte: the low one where the high one is that of all limits, else 0 or 255."""

    setup_bytes: ClassVar[int] = 14
    setup_cycles: ClassVar[int] = 9

    def keep(self, source: int) -> str:
        return f"TINYGEN_SAME_HIGH({self.register}, {source}, {self.start >> 8})"


@dataclass(frozen=True)
class Demand:
    """What straight code asks of its inputs."""

    visits: Counter[int]  # of each input, on the longest way through all trees
    limits: dict[int, list[int]]
    bytes: int  # with all inputs in memory
    cycles: int

    def worth(self, goal: str) -> tuple[float, float]:
        """Of a byte and of a cycle, as part of all of them."""
        return WORTH_OF_BYTES[goal] / max(self.bytes, 1), 1 / max(self.cycles, 1)


class _Pool:
    """Registers that are left."""

    def __init__(self, sums: int) -> None:
        self._upper, self._lower = list(FREE_UPPER[sums]), list(FREE_LOWER)
        self._saved_upper, self._saved_lower = list(SAVED_UPPER), list(SAVED_LOWER)

    def lists(self, wanted: str) -> Iterator[list[int]]:
        """Those that a register may come from, the cheapest first."""
        if wanted == "upper":
            yield from (self._upper, self._saved_upper)
        else:
            yield from (self._lower, self._saved_lower)

    def saved(self, wanted: Sequence[str]) -> int | None:
        """How many of the wanted ones a caller wants back; None where there are not as many."""
        count, taken = 0, Counter(wanted)
        for kind, number in taken.items():
            free, saved = self.lists(kind)
            if number > len(free) + len(saved):
                return None
            count += max(number - len(free), 0)
        return count

    def take(self, wanted: Sequence[str]) -> list[int]:
        return [next(found for found in self.lists(kind) if found).pop(0) for kind in wanted]


def seats_for(demand: Demand, sums: int, worth: tuple[float, float]) -> tuple[dict[int, Seat], int]:
    """The seat of each input that is worth one, and how many registers have to be saved."""
    pool, saved = _Pool(sums), 0
    seats: dict[int, Seat] = {}

    def gain(source: int, make: _Way) -> float:
        count = pool.saved(make.wanted)
        if count is None:
            return 0.0
        seat, limits = make(source, demand, (0, 0)), demand.limits[source]
        less = sum(MEMORY.bytes(v) - seat.bytes(v) for v in limits)
        less_bytes = less - seat.setup_bytes - SAVED_BYTES * count
        mean = sum(MEMORY.cycles(v) - seat.cycles(v) for v in limits) / len(limits)
        less_cycles = mean * demand.visits[source] - seat.setup_cycles - SAVED_CYCLES * count
        return worth[0] * less_bytes + worth[1] * less_cycles

    while True:
        ways = [
            (gain(source, make), -source, number)
            for source in demand.limits.keys() - seats.keys()
            for number, make in enumerate(_ways(demand.limits[source]))
        ]
        best = max(ways, default=(0.0, 0, 0))
        if best[0] <= 0:
            return dict(sorted(seats.items())), saved
        make = _ways(demand.limits[-best[1]])[best[2]]
        saved += pool.saved(make.wanted) or 0
        seats[-best[1]] = make(-best[1], demand, pool.take(make.wanted))


@dataclass(frozen=True)
class _Way:
    """A kind of seat, and the registers that it wants."""

    kind: type[Seat]
    wanted: tuple[str, ...]

    def __call__(self, source: int, demand: Demand, registers: Sequence[int]) -> Seat:
        limits = demand.limits[source]
        if self.kind is Kept:
            return Kept(registers[0], registers[1])
        start = min(limits) if self.kind is Clamped else (min(limits) + 1) >> 8 << 8
        return self.kind(registers[0], start)  # type: ignore[call-arg]


def _ways(limits: Sequence[int]) -> list[_Way]:
    """Those that are right for limits."""
    found = [_Way(Kept, ("upper", "lower"))]
    low, high = min(limits) + 1, max(limits) + 1
    if low >> 8 == high >> 8 and low & 255:  # 0 stands for all that is below
        found.append(_Way(SameHigh, ("upper",)))
    elif high - low <= 254:
        found.append(_Way(Clamped, ("upper",)))
    return found
