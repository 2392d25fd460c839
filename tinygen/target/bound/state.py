"""What is known of a chip at one place of a program, and what one instruction makes of it.

Stores through pointers of which nothing is known are taken to leave return addresses and saved
registers alone, as they do in C that leaves no array; all else that is known of RAM they make
unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ...common.errors import CheckError
from .alu import ANY, EITHER, C, bits_of, either, of_bits

MOST_COPIES = 8
CARRY = 32  # a carry beside registers 0 .. 31 in `State.nonzero`


class Unbounded(CheckError):
    """No bound can be given; the message says where and why."""


@dataclass(frozen=True)
class Machine:
    """What the walk has to know of a chip and its program."""

    flash: bytes
    return_bytes: int
    ram_start: int
    mark: int  # I/O address of GPIOR0
    stack_top: int  # where the stack pointer begins


@dataclass(frozen=True)
class Compared:
    """What the flags tell of registers: those of `name` with `k`, as in alu.where. high: of two
    bytes, the second comparison, with high and its constant."""

    register: int
    name: str
    k: int
    turned: bool
    kept: bool
    flags: frozenset[int]
    high: int = -1
    high_k: int = 0


class State:
    """Registers, flags, stack pointer, known bytes of RAM; and the most cycles on the way here."""

    __slots__ = (
        "calls",
        "compared",
        "copied",
        "copies",
        "cycles",
        "decided",
        "f",
        "held",
        "high",
        "lowest",
        "nonzero",
        "pushed",
        "r",
        "ram",
        "rampz",
        "sp",
        "told",
        "top",
    )  # fmt: skip

    def __init__(self, sp: int) -> None:
        self.r = [ANY] * 32
        self.r[1] = 0  # as GCC keeps it between functions
        self.f = [EITHER] * 8
        self.sp = self.lowest = self.top = sp  # top: at the first mark
        self.high: int | None = None  # of a stack pointer of which the low byte is not yet written
        self.rampz = ANY
        self.ram: dict[int, int] = {}
        self.pushed: dict[int, int] = {}
        self.calls: tuple[tuple[int, int, int], ...] = ()  # (stack pointer before, to, back to)
        self.told: Compared | None = None
        # sets of registers and the carry, as bits; in each of them one or more is not 0
        self.nonzero: tuple[int, ...] = ()
        self.cycles = 0
        # what the flags compare: pairs of registers or, below 0, -1 - constants; lowest bytes first
        self.compared: tuple[tuple[int, int], ...] = ()
        # the last comparison that a branch has decided, its flag and that flag's value
        self.decided: tuple[tuple[tuple[int, int], ...], int, int] | None = None
        self.held = 0  # the registers in both, as bits
        self.copies: tuple[tuple[int, int], ...] = ()  # registers of which one holds the other's
        self.copied = 0  # these registers, as bits

    def copy(self) -> State:
        new: State = State.__new__(State)
        new.r, new.f = self.r[:], self.f[:]
        new.sp, new.high, new.lowest, new.rampz = self.sp, self.high, self.lowest, self.rampz
        new.ram, new.pushed = self.ram.copy(), self.pushed.copy()
        new.calls, new.told, new.nonzero = self.calls, self.told, self.nonzero
        new.cycles, new.top = self.cycles, self.top
        new.compared, new.decided, new.held = self.compared, self.decided, self.held
        new.copies, new.copied = self.copies, self.copied
        return new

    def key(self) -> tuple:
        """All that is known, to be compared."""
        return (
            tuple(self.r), tuple(self.f), self.rampz, self.nonzero, self.told,
            self.decided, self.copies, frozenset(self.ram.items()), frozenset(self.pushed.items()),
        )  # fmt: skip

    def join(self, other: State, widen: bool = False) -> bool:
        """Takes in another state at the same place and depth of the stack; True if less is known
        now than before. widen: what differs becomes unknown.
        """
        before = self.key()
        self.nonzero = self._common(other) if self.nonzero or other.nonzero else ()
        meet = _unknown if widen else either
        self.r = [a if a == b else meet(a, b) for a, b in zip(self.r, other.r)]
        self.f = [a if a == b else EITHER for a, b in zip(self.f, other.f)]
        self.rampz = either(self.rampz, other.rampz)
        for one, two in ((self.ram, other.ram), (self.pushed, other.pushed)):
            if one != two:
                for at in [at for at in one if at not in two]:
                    del one[at]
                for at in one:
                    one[at] = meet(one[at], two[at])
        if self.told != other.told:
            self.told = None
        if (self.compared, self.decided) != (other.compared, other.decided):
            self.compared, self.decided, self.held = (), None, 0
        if self.copies != other.copies:
            self.copies = tuple(pair for pair in self.copies if pair in other.copies)
            self.copied = registers_of(self.copies)
        self.top = max(self.top, other.top)
        self.cycles = max(self.cycles, other.cycles)
        self.lowest = min(self.lowest, other.lowest)
        return self.key() != before

    # ---- registers -------------------------------------------------------------------------------

    def put(self, register: int, value: int) -> None:
        """A register that something new is written to."""
        self.r[register] = value
        if self.nonzero:
            self.nonzero = tuple(n for n in self.nonzero if not n >> register & 1)
        if self.copied >> register & 1:
            self.copies = tuple(pair for pair in self.copies if register not in pair)
            self.copied = registers_of(self.copies)
        if self.told and register in (self.told.register, self.told.high):
            self.told = None
        if self.held >> register & 1:
            self.forget()

    def forget(self) -> None:
        """Comparisons, as one of their registers is written to."""
        self.compared, self.decided, self.held = (), None, 0

    def pair(self, low: int) -> int | None:
        """The value of two registers, where it is known."""
        a, b = self.r[low], self.r[low + 1]
        return a | b << 8 if a < 256 and b < 256 else None

    def put_pair(self, low: int, value: int | None) -> None:
        self.put(low, ANY if value is None else value & 255)
        self.put(low + 1, ANY if value is None else value >> 8 & 255)

    def carry_written(self) -> None:
        """What is known of the carry is no more."""
        if self.nonzero:
            self.nonzero = tuple(n for n in self.nonzero if not n >> CARRY)

    def copy_register(self, to: int, source: int) -> None:
        """MOV; of unknown registers it is kept that they are equal."""
        value = self.r[source]
        if to == source:
            return
        self.put(to, value)
        if self.nonzero:
            more = [n ^ 1 << source | 1 << to for n in self.nonzero if n >> source & 1]
            self.nonzero = (*self.nonzero, *more)[-MOST_COPIES:]
        if value > 255:
            self.copies = (*self.copies[1 - MOST_COPIES :], (to, source))
            self.copied = registers_of(self.copies)

    def _is_zero(self, place: int) -> int:
        """1 where a register or the carry is 0, 0 where it is not, EITHER."""
        value = self.f[C] if place == CARRY else self.r[place]
        if place == CARRY:
            return (1, 0, EITHER)[value]
        if value < 256:
            return int(value == 0)
        return EITHER if value & 1 else 0

    def _common(self, other: State) -> tuple[int, ...]:
        """What of `nonzero` holds in both states."""
        mine = [n for n in self.nonzero if n in other.nonzero or other._holds(n)]
        theirs = [n for n in other.nonzero if n not in self.nonzero and self._holds(n)]
        return (*mine, *theirs)

    def _holds(self, places: int) -> bool:
        return any(places >> place & 1 and self._is_zero(place) == 0 for place in range(33))

    def tighten(self) -> bool:
        """Draws conclusions from `nonzero`; False if it cannot be true."""
        kept = []
        for places in self.nonzero:
            if self._holds(places):
                continue
            left = [p for p in range(33) if places >> p & 1 and self._is_zero(p) == EITHER]
            if not left:
                return False
            if len(left) > 1:
                kept.append(sum(1 << p for p in left))
            elif left[0] == CARRY:
                self.f[C] = 1
            else:
                self.r[left[0]] = of_bits(bits_of(self.r[left[0]]) & ~1)
        self.nonzero = tuple(kept)
        return True

    # ---- memory ----------------------------------------------------------------------------------

    def load(self, at: int | None) -> int:
        if at is None:
            return ANY
        found = self.pushed.get(at)
        return self.ram.get(at, ANY) if found is None else found

    def store(self, at: int | None, value: int, machine: Machine) -> None:
        if at is None:
            self.ram.clear()
        elif at >= machine.ram_start:
            self.pushed.pop(at, None)
            if value == ANY:
                self.ram.pop(at, None)
            else:
                self.ram[at] = value

    def push(self, value: int, kept: bool) -> None:
        """kept: no pointer leads to it, as to a saved register or a return address."""
        if self.high is not None:
            raise Unbounded("writes the stack pointer's low byte before its high byte")
        self.ram.pop(self.sp, None)
        self.pushed.pop(self.sp, None)
        (self.pushed if kept else self.ram)[self.sp] = value
        self.sp -= 1
        self.lowest = min(self.lowest, self.sp)

    def pop(self) -> int:
        self.sp += 1
        value = self.load(self.sp)
        self.pushed.pop(self.sp, None)
        self.ram.pop(self.sp, None)
        while self.calls and self.calls[-1][0] <= self.sp:
            self.calls = self.calls[:-1]
        return value

    def set_sp(self, sp: int) -> None:
        """A stack pointer that a function has computed."""
        if sp > self.sp:
            for known in (self.ram, self.pushed):
                for at in [at for at in known if self.sp < at <= sp]:
                    del known[at]
        self.sp = sp
        self.lowest = min(self.lowest, sp)
        while self.calls and self.calls[-1][0] <= sp:
            self.calls = self.calls[:-1]


def _unknown(a: int, b: int) -> int:
    return a if a == b else ANY


@cache
def registers_of(compared: tuple[tuple[int, int], ...]) -> int:
    """The registers of a comparison, as bits."""
    bits = 0
    for pair in compared:
        for register in pair:
            bits |= 1 << register if register >= 0 else 0
    return bits
