"""What is known of a chip at one place of a program, and what one instruction makes of it.

Stores through pointers of which nothing is known are taken to leave pushed bytes alone, as they do
in a C program without an overflow; all else that is known of RAM they make unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from .alu import ANY, EITHER, SELF, USE_CARRY, C, N, S, V, Z, multiply, operate
from .alu import bits_of, either, either_flag, members, of_bits, where
from .decode import Instruction

SPL, SPH, SREG, RAMPZ = 0x3D, 0x3E, 0x3F, 0x3B  # I/O addresses, the same on all classic chips
X, Y, ZP = 26, 28, 30
MOST_COPIES = 7
CARRY = 32  # a carry beside registers 0 .. 31 in `State.nonzero`


class Unbounded(Exception):
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
        "r", "f", "sp", "high", "rampz", "ram", "pushed", "calls", "told", "nonzero", "cycles",
        "lowest", "top", "compared", "decided", "held", "copies",
        "copied",
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
            self.copied = _registers(self.copies)
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
            self.copied = _registers(self.copies)
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
        self.put(to, value)
        if value > 255 and to != source:
            self.copies = (*self.copies[-MOST_COPIES:], (to, source))
            self.copied = _registers(self.copies)

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

    def push(self, value: int) -> None:
        if self.high is not None:
            raise Unbounded("writes the stack pointer's low byte before its high byte")
        self.ram.pop(self.sp, None)
        self.pushed[self.sp] = value
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


# ---- what the flags tell ---------------------------------------------------------------------


def assume(state: State, flag: int, value: int) -> bool:
    """Takes in that a flag has a value; False if it cannot have it."""
    if state.f[flag] != EITHER:
        return state.f[flag] == value
    state.f[flag] = value
    if state.compared:
        state.decided = state.compared, flag, value
        state.held = _registers(state.compared)
    told = state.told
    if told is None or flag not in told.flags:
        return True
    if told.high >= 0:
        return _assume_word(state, told, flag, value)
    possible = where(told.name, told.k, told.turned, told.kept, flag)[value]
    return narrow(state, told.register, possible)


def narrow(state: State, register: int, possible: int) -> bool:
    """Takes in that a register has a value of a set of bits; False if it has none of them."""
    bits = bits_of(state.r[register]) & possible
    if not bits:
        return False
    state.r[register] = value = of_bits(bits)
    if state.copied >> register & 1:
        for pair in state.copies:
            if register in pair:
                state.r[pair[0]] = state.r[pair[1]] = value
    return not state.nonzero or state.tighten()


def _not_zero(state: State, low: int, high: int) -> bool:
    """Takes in that a number of two bytes is not 0, and its copies; False if it is."""
    found = [1 << low | 1 << high]
    for to, source in state.copies:
        for other, twin in state.copies:
            if (source, twin) == (low, high):
                found.append(1 << to | 1 << other)
            elif (to, other) == (low, high):
                found.append(1 << source | 1 << twin)
    state.nonzero = (*state.nonzero, *found)
    return state.tighten()


@cache
def _registers(compared: tuple[tuple[int, int], ...]) -> int:
    """The registers of a comparison, as bits."""
    bits = 0
    for pair in compared:
        for register in pair:
            bits |= 1 << register if register >= 0 else 0
    return bits


@cache
def _high_bytes(least: int, most: int, turn: int) -> int:
    return sum(1 << (b ^ turn) for b in range(least, most + 1))


def _assume_word(state: State, told: Compared, flag: int, value: int) -> bool:
    """The same of two bytes that were compared with a constant."""
    k = told.k | told.high_k << 8
    turn = 0x8000 if flag == S else 0  # the order of signed numbers
    limit = k ^ turn
    if flag == Z:
        if value == 1:
            return narrow(state, told.register, 1 << told.k) and narrow(
                state, told.high, 1 << told.high_k
            )
        least, most = 0, 0xFFFF
    elif told.turned:  # limit - x < 0
        least, most = (limit + 1, 0xFFFF) if value else (0, limit)
    else:
        least, most = (0, limit - 1) if value else (limit, 0xFFFF)
    if least > most:
        return False
    if not narrow(state, told.high, _high_bytes(least >> 8, most >> 8, turn >> 8)):
        return False
    no_zero = k == 0 if flag == Z else not least <= turn <= most
    return not no_zero or _not_zero(state, told.register, told.high)


# ---- one instruction -------------------------------------------------------------------------

Step = Callable[[State, Instruction, Machine], None]
RESULT = frozenset({Z, N})  # flags that depend on the result alone
ALL = frozenset({C, Z, N, V, S})
LOGIC = frozenset({"and", "or", "eor", "tst", "com"})
CONSTANT = {"subi": "sub", "sbci": "sbc", "andi": "and", "ori": "or", "cpi": "cp"}
SHIFTS = frozenset({"lsl", "rol", "lsr", "ror"})


def _flags(s: State, flags: tuple[int | None, ...], chained: bool) -> None:
    f = s.f
    for k in range(6):
        told = flags[k]
        if told is not None:
            if k == Z and chained and told != 0:
                before = f[Z]
                told = before if told == 1 else (0 if before == 0 else EITHER)
            f[k] = told


def _shifted(places: int, name: str, a: int, carry_written: bool) -> int:
    """What a set of `nonzero` becomes by an operation on register a; a shift moves bits to the
    carry. 0: nothing is left of it.
    """
    mine, carry = places >> a & 1, places >> CARRY
    through = name in ("rol", "ror")
    if name in SHIFTS and (mine or (carry and through)):
        if carry and not through:
            return 0
        return places & ~(1 << CARRY) | 1 << a | 1 << CARRY
    return 0 if mine or (carry and carry_written) else places


def _keep_nonzero(s: State, kind: str, a: int, carry_written: bool) -> None:
    kept = (_shifted(n, kind, a, carry_written) for n in s.nonzero)
    s.nonzero = tuple(n for n in kept if n)


def _told(s: State, name: str, a: int, x: int, b: int, y: int, compares: bool) -> Compared | None:
    """What the flags will tell of a register after name(a, b) with values x and y."""
    base = {"cp": "sub", "cpc": "sbc"}.get(name, name)
    if compares:
        if y < 256:
            return Compared(a, base, y, False, True, ALL)
        if x < 256 and b >= 0:
            return Compared(b, base, x, True, True, ALL)
        return None
    if base in LOGIC:
        return Compared(a, "tst", 0, False, False, frozenset({Z, N, S}))
    if base in ("sub", "add") and y < 256:
        return Compared(a, base, y, False, False, ALL)
    if base in ("inc", "dec"):
        return Compared(a, base, 0, False, False, frozenset({Z, N, V, S}))
    return Compared(a, "tst", 0, False, False, frozenset({N}) if "sbc" in base else RESULT)


def _chained(s: State, a: int, x: int, b: int, y: int) -> Compared | None:
    """The same after cpc, the second of two comparisons."""
    first = s.told
    if first is None or first.high >= 0 or not first.kept or first.name != "sub":
        return None
    if first.turned and x < 256 and b >= 0:
        high, k = b, x
    elif not first.turned and y < 256:
        high, k = a, y
    else:
        return None
    flags = frozenset({C, Z, S})
    return Compared(first.register, "sub", first.k, first.turned, True, flags, high, k)


def _arithmetic(s: State, name: str, a: int, b: int, constant: int) -> None:
    """An operation on register a and register b, or a constant where b is below 0."""
    compares = name in ("cp", "cpc")
    kind = {"cp": "sub", "cpc": "sbc"}.get(name, name)
    x = s.r[a]
    if a == b:
        kind = SELF[name]
        y = 0
    else:
        y = s.r[b] if b >= 0 else constant
    value, flags = operate(kind, x, y, s.f[C] if kind in USE_CARRY else 0)
    if a == b:
        told = None if compares else _told(s, kind, a, x, -1, 0, False)
    elif name == "cpc":
        told = _chained(s, a, x, b, y)
    else:
        told = _told(s, name, a, x, b, y, compares)
    if s.nonzero and kind != "tst":
        _keep_nonzero(s, kind, 33 if compares else a, flags[C] is not None)
    _flags(s, flags, kind in ("sbc", "sbc_self"))
    if compares:
        _compare(s, name, (a if x > 255 else -1 - x, (b if b >= 0 else 0) if y > 255 else -1 - y))
    else:
        if kind != "tst":
            if s.held >> a & 1:
                s.forget()
            if s.copied >> a & 1:
                s.copies = tuple(pair for pair in s.copies if a not in pair)
                s.copied = _registers(s.copies)
        s.compared = ()
        s.r[a] = value
        if s.nonzero and not s.tighten():
            s.nonzero = ()  # no chip gets here: what follows can only count too much
    s.told = told


def _compare(s: State, name: str, pair: tuple[int, int]) -> None:
    """Keeps what cp, cpi or cpc compares; what has been decided before needs no deciding."""
    s.compared = (*s.compared, pair) if name == "cpc" and s.compared else (pair,)
    if name == "cpc" and len(s.compared) == 1:
        s.compared = ()  # of bytes below it nothing is known
    s.held = _registers(s.compared)
    if s.decided:
        s.held |= _registers(s.decided[0])
        compared, flag, value = s.decided
        if compared == s.compared and s.f[flag] == EITHER:
            s.f[flag] = value


def _two(name: str) -> Step:
    return lambda s, i, m: _arithmetic(s, name, i.a, i.b, 0)


def _with_constant(name: str) -> Step:
    return lambda s, i, m: _arithmetic(s, name, i.a, -1, i.b)


def _one(name: str) -> Step:
    return lambda s, i, m: _arithmetic(s, name, i.a, -1, 0)


def _swap(s: State, i: Instruction, m: Machine) -> None:
    s.put(i.a, operate("swap", s.r[i.a])[0])


def _mov(s: State, i: Instruction, m: Machine) -> None:
    s.copy_register(i.a, i.b)


def _movw(s: State, i: Instruction, m: Machine) -> None:
    s.copy_register(i.a, i.b)
    s.copy_register(i.a + 1, i.b + 1)


def _ldi(s: State, i: Instruction, m: Machine) -> None:
    s.put(i.a, i.b)


def _multiply(s: State, i: Instruction, m: Machine) -> None:
    low, high, carry, zero = multiply(i.name, s.r[i.a], s.r[i.b])
    s.put(0, low)
    s.put(1, high)
    s.f[C], s.f[Z] = carry, zero
    s.compared = ()
    s.told = None
    s.carry_written()


def _word(sign: int) -> Step:
    def run(s: State, i: Instruction, m: Machine) -> None:
        """ADIW, SBIW."""
        before = s.pair(i.a)
        s.compared = ()
        s.carry_written()
        if before is None and i.b == 0:
            _test_word(s, i.a)
            return
        if before is None:
            s.put_pair(i.a, None)
            s.f[C] = s.f[Z] = s.f[N] = s.f[V] = s.f[S] = EITHER
            s.told = None
            return
        after = before + sign * i.b
        s.put_pair(i.a, after & 0xFFFF)
        n, top = after >> 15 & 1, before >> 15
        v = n & ~top if sign > 0 else top & ~n
        s.f[C], s.f[Z], s.f[N] = int(not 0 <= after <= 0xFFFF), int(after & 0xFFFF == 0), n
        s.f[V], s.f[S] = v & 1, n ^ v & 1
        s.told = None

    return run


def _test_word(s: State, low: int) -> None:
    """The flags of two registers of which not all is known; of zero added to them."""
    may_be_zero = all(0 in members(value) for value in s.r[low : low + 2])
    negative = operate("tst", s.r[low + 1])[1][N]
    assert negative is not None
    s.f[C] = s.f[V] = 0
    s.f[Z] = EITHER if may_be_zero else 0
    s.f[N] = s.f[S] = negative
    s.told = Compared(low, "sub", 0, False, True, frozenset({Z}), low + 1, 0)


def _pointer(name: str) -> tuple[int, int, int]:
    """(register, step before, step after) of a load or store by a pointer."""
    return {"x": X, "y": Y, "z": ZP}[name.strip("+")[-1]], -("-" in name), int("+" in name)


LOADS = ("ldd_y", "ldd_z", "ld_x", "ld_x+", "ld_-x", "ld_y+", "ld_-y", "ld_z+", "ld_-z")
STORES = tuple(name.replace("ld", "st", 1) for name in LOADS)
POINTERS = {name: _pointer(name) for name in LOADS + STORES}


def address(s: State, i: Instruction) -> int | None:
    """The data address that a load or store reaches, where it is known."""
    if i.name not in POINTERS:
        return i.b
    pointer, before, _ = POINTERS[i.name]
    at = s.pair(pointer)
    return None if at is None else at + before + i.b & 0xFFFF


def _moved(s: State, i: Instruction) -> None:
    """A pointer after a load or a store that moves it."""
    if i.name in POINTERS:
        pointer, before, after = POINTERS[i.name]
        if before or after:
            at = s.pair(pointer)
            s.put_pair(pointer, None if at is None else at + before + after & 0xFFFF)


def _load(s: State, i: Instruction, m: Machine) -> None:
    at = address(s, i)
    _moved(s, i)
    s.put(i.a, s.load(at))


def _store(s: State, i: Instruction, m: Machine) -> None:
    at = address(s, i)
    s.store(at, s.r[i.a], m)
    _moved(s, i)


def _push(s: State, i: Instruction, m: Machine) -> None:
    s.push(s.r[i.a])


def _pop(s: State, i: Instruction, m: Machine) -> None:
    s.put(i.a, s.pop())


def _lpm(s: State, i: Instruction, m: Machine) -> None:
    at = s.pair(ZP)
    if at is not None and i.name[0] == "e":
        at = None if s.rampz > 255 else at | s.rampz << 16
    value = m.flash[at] if at is not None and at < len(m.flash) else ANY
    if i.name.endswith("+"):
        after = None if at is None else at + 1
        s.put_pair(ZP, None if after is None else after & 0xFFFF)
        if i.name[0] == "e":
            s.rampz = ANY if after is None else after >> 16
    s.put(0 if i.name.endswith("_0") else i.a, value)


def _in(s: State, i: Instruction, m: Machine) -> None:
    port = i.b
    known = {SPL: s.sp & 255, SPH: s.sp >> 8, RAMPZ: s.rampz}
    s.put(i.a, known.get(port, ANY))


def _out(s: State, i: Instruction, m: Machine) -> None:
    port, value = i.b, s.r[i.a]
    if port in (SPL, SPH):
        if value > 255:
            raise Unbounded("sets the stack pointer to a place that is not known")
        if port == SPH:  # GCC writes it first
            s.high = value
        else:
            s.set_sp((s.sp >> 8 if s.high is None else s.high) << 8 | value)
            s.high = None
    elif port == RAMPZ:
        s.rampz = value
    elif port == SREG:
        s.f = [EITHER] * 8
        s.compared = ()
        s.told = None
        s.carry_written()


def _bset(value: int) -> Step:
    def run(s: State, i: Instruction, m: Machine) -> None:
        """SEC, CLC, SEI and so on."""
        s.f[i.a] = value
        s.compared = ()
        if i.a == C:
            s.carry_written()
        if s.told and i.a in s.told.flags:
            s.told = None

    return run


def _bst(s: State, i: Instruction, m: Machine) -> None:
    seen = {v >> i.b & 1 for v in members(s.r[i.a])} if s.r[i.a] != ANY else {0, 1}
    s.f[6] = EITHER if len(seen) == 2 else seen.pop()


def _bld(s: State, i: Instruction, m: Machine) -> None:
    value, bit = s.r[i.a], s.f[6]
    found = {v & ~(1 << i.b) | t << i.b for v in members(value) for t in ((0, 1) if bit == 2 else (bit,))}
    s.put(i.a, of_bits(sum(1 << v for v in found)))


def _nothing(s: State, i: Instruction, m: Machine) -> None:
    """Changes nothing that is looked at."""


STEPS: dict[str, Step] = {
    **{name: _two(name) for name in ("add", "adc", "sub", "sbc", "and", "or", "eor", "cp", "cpc")},
    **{name: _with_constant(kind) for name, kind in CONSTANT.items()},
    **{name: _one(name) for name in ("com", "neg", "inc", "dec", "asr", "lsr", "ror")},
    **dict.fromkeys(("mul", "muls", "mulsu", "fmul", "fmuls", "fmulsu"), _multiply),
    **dict.fromkeys(("lpm", "lpm+", "lpm_0", "elpm", "elpm+", "elpm_0"), _lpm),
    **dict.fromkeys(("lds", *LOADS), _load),
    **dict.fromkeys(("sts", *STORES), _store),
    **dict.fromkeys(("nop", "wdr", "sbi", "cbi"), _nothing),
    "swap": _swap,
    "mov": _mov,
    "movw": _movw,
    "ldi": _ldi,
    "adiw": _word(1),
    "sbiw": _word(-1),
    "push": _push,
    "pop": _pop,
    "in": _in,
    "out": _out,
    "bset": _bset(1),
    "bclr": _bset(0),
    "bst": _bst,
    "bld": _bld,
}  # fmt: skip
