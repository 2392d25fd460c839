"""Where straight code has the inputs of its splits: in memory, in two registers, or in one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import ClassVar

from .layout import Item

Registers = tuple[int, ...]
Highs = dict[int, int]  # registers, by the high byte that they hold
PAIR = 27  # with the one that is needed for a moment
SAVED_UPPER, SAVED_LOWER = (17, 16), tuple(range(15, 1, -1))  # a caller wants them back
# by the number of sums: registers for CPI that nobody wants back, in the order of their use
FREE_UPPER = {1: (18, 19, 20, 21, 22, 23, PAIR), 2: (18, 19, 27), 3: ()}
FREE_LOWER = (0,)
SAVED_BYTES = SAVED_CYCLES = 4  # PUSH and POP
WORTH_OF_BYTES = {"balanced": 1.0, "speed": 0.3}  # of a part of them, beside a part of the cycles
MOST_SBIW = 63  # that SBIW takes from two registers, and ADIW adds
FEW_SMALL = 3  # small limits that are worth a second register
HIGH_BYTES, HIGH_CYCLES = 2, 1  # to bring a byte into a register


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


@dataclass(frozen=True)
class Pair(Seat):
    """In memory, and two registers for a moment, from which SBIW takes a small limit."""

    registers: ClassVar[Registers] = (PAIR,)

    def compare(self, source: int, limit: int) -> str:
        word = "TINYGEN_SEE_SMALL" if is_small(limit) else "TINYGEN_SEE"
        return f"{word}({source}, {limit})"

    def bytes(self, limit: int) -> int:
        return 8 if is_small(limit) else 10


def is_small(limit: int) -> bool:
    """True where SBIW takes it."""
    return 0 <= limit + 1 <= MOST_SBIW


def high_of(limit: int) -> int:
    """High byte of the least number above a limit."""
    return (limit + 1) >> 8


def memory_for(sums: int, limits: Iterable[int]) -> Seat:
    """Of an input that no register keeps, all limits given: with a second register for a moment
    where these are worth it; more sums leave none.
    """
    return Pair() if sums == 1 and sum(map(is_small, limits)) >= FEW_SMALL else Seat()


@dataclass(frozen=True)
class Kept(Seat):
    """Low byte and high byte in registers."""

    setup_bytes: ClassVar[int] = 4
    setup_cycles: ClassVar[int] = 4
    low: int
    high: int
    highs: Highs = field(default_factory=dict)

    @property
    def registers(self) -> Registers:  # type: ignore[override]
        return self.low, self.high

    def keep(self, source: int) -> str:
        return f"TINYGEN_KEEP({self.low}, {self.high}, {source})"

    def compare(self, source: int, limit: int) -> str:
        asked, value = f"{self.low}, {self.high}, {source}, {limit}", high_of(limit)
        if value in self.highs:
            return f"TINYGEN_KEPT_HIGH({asked}, {self.highs[value]})"
        return f"TINYGEN_KEPT({asked})" if value else f"TINYGEN_KEPT_LOW({asked})"

    def bytes(self, limit: int) -> int:
        return 6 if self._held(limit) else 8

    def cycles(self, limit: int) -> int:
        return 3 if self._held(limit) else 4

    def _held(self, limit: int) -> bool:
        """True where a register has the high byte: one is always 0."""
        return not high_of(limit) or high_of(limit) in self.highs


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


@dataclass(frozen=True)
class Seats:
    """Where the inputs are, and high bytes of limits that registers hold."""

    memory: Seat  # of the inputs that no register has
    of: dict[int, Seat] = field(default_factory=dict)
    highs: Highs = field(default_factory=dict)

    def at(self, source: int) -> Seat:
        return self.of.get(source, self.memory)

    @property
    def items(self) -> list[Item]:
        """The words that bring inputs and bytes into registers."""
        inputs = [Item(s.keep(k), s.setup_bytes, cycles=s.setup_cycles) for k, s in self.of.items()]
        return inputs + [
            Item(f"TINYGEN_KEEP_HIGH({r}, {value})", HIGH_BYTES, cycles=HIGH_CYCLES)
            for value, r in self.highs.items()
        ]

    @property
    def registers(self) -> list[int]:
        seats = [self.memory, *self.of.values()]
        return [*(r for seat in seats for r in seat.registers), *self.highs.values()]

    @property
    def saved(self) -> int:
        """How many of them a caller wants back."""
        return saved_of(self.registers)


def saved_of(registers: Iterable[int]) -> int:
    """How many of the registers a caller wants back."""
    return sum(r in SAVED_UPPER or r in SAVED_LOWER for r in registers)


class _Pool:
    """Registers that are left."""

    def __init__(self, sums: int) -> None:
        upper, lower = FREE_UPPER[sums], FREE_LOWER
        # the cheapest first
        self._left = {
            "upper": [*upper, *SAVED_UPPER],
            "lower": [*lower, *SAVED_LOWER],
        }

    def found(self, wanted: Sequence[str]) -> list[int] | None:
        """A register of each kind; None where there are not as many."""
        taken: list[int] = []
        for kind in wanted:
            left = [r for r in self._left[kind] if r not in taken]
            if not left:
                return None
            taken.append(left[0])
        return taken

    @property
    def free(self) -> list[int]:
        """Those for constants that nobody wants back."""
        return [r for r in self._left["upper"] if r not in SAVED_UPPER]

    def take(self, registers: Iterable[int]) -> None:
        for left in self._left.values():
            left[:] = [r for r in left if r not in registers]


def seats_for(demand: Demand, sums: int, worth: tuple[float, float]) -> Seats:
    """The seat of each input that is worth one, then the high bytes that are."""
    memory = memory_for(sums, chain.from_iterable(demand.limits.values()))
    pool = _Pool(sums)
    pool.take(memory.registers)
    seats: dict[int, Seat] = {}

    def gain(source: int, make: _Way) -> float:
        registers = pool.found(make.wanted)
        if registers is None:
            return 0.0
        seat, limits = make(source, demand, registers), demand.limits[source]
        count = saved_of(registers)
        less = sum(memory.bytes(v) - seat.bytes(v) for v in limits)
        less_bytes = less - seat.setup_bytes - SAVED_BYTES * count
        mean = sum(memory.cycles(v) - seat.cycles(v) for v in limits) / len(limits)
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
            break
        make = _ways(demand.limits[-best[1]])[best[2]]
        registers = pool.found(make.wanted)
        assert registers
        seats[-best[1]] = make(-best[1], demand, registers)
        pool.take(registers)
    seats = {k: _moved(seat, pool) for k, seat in sorted(seats.items())}
    highs = _highs(demand, [k for k, s in seats.items() if isinstance(s, Kept)], pool, worth)
    told = {k: replace(s, highs=highs) if isinstance(s, Kept) else s for k, s in seats.items()}
    return Seats(memory, told, highs)


def _moved(seat: Seat, pool: _Pool) -> Seat:
    """With its high byte where nobody wants the register back, if one is left."""
    if not isinstance(seat, Kept) or seat.high not in SAVED_LOWER or not pool.free:
        return seat
    moved = replace(seat, high=pool.free[0])
    pool.take([moved.high])
    return moved


def _highs(
    demand: Demand, kept: Iterable[int], pool: _Pool, worth: tuple[float, float]
) -> dict[int, int]:
    """Registers of high bytes, while there are some that nobody wants back: each saves two bytes
    and a cycle where an input in registers is compared.
    """
    less: defaultdict[int, float] = defaultdict(float)
    for source in kept:
        limits = demand.limits[source]
        for limit in limits:
            if high := high_of(limit):
                less[high] += 2 * worth[0] + demand.visits[source] / len(limits) * worth[1]
    cost = HIGH_BYTES * worth[0] + HIGH_CYCLES * worth[1]
    found = sorted((-gain, value) for value, gain in less.items() if gain > cost)
    return {value: register for (_, value), register in zip(found, pool.free)}


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
