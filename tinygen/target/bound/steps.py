"""What one instruction makes of a state."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from .alu import ANY, EITHER, C, either, members, of_bits, operate
from .arithmetic import ARITHMETIC, Step
from .decode import Instruction
from .state import Machine, State, Unbounded

SPL, SPH, SREG, RAMPZ = 0x3D, 0x3E, 0x3F, 0x3B  # I/O addresses, the same on all classic chips
X, Y, ZP = 26, 28, 30
MOST_PLACES = 64  # that a pointer may lead to; of more nothing is known
# what a function saves of its caller; GCC pushes others to reserve room for variables
SAVED = frozenset({*range(2, 18), 28, 29})


def _swap(s: State, i: Instruction, m: Machine) -> None:
    s.put(i.a, operate("swap", s.r[i.a])[0])


def _mov(s: State, i: Instruction, m: Machine) -> None:
    s.copy_register(i.a, i.b)


def _movw(s: State, i: Instruction, m: Machine) -> None:
    s.copy_register(i.a, i.b)
    s.copy_register(i.a + 1, i.b + 1)


def _ldi(s: State, i: Instruction, m: Machine) -> None:
    s.put(i.a, i.b)


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


def _addresses(s: State, i: Instruction) -> Sequence[int] | None:
    """The few data addresses of which a load or store reaches one; None where there are many."""
    if i.name not in POINTERS:
        return (i.b,)
    pointer, before, _ = POINTERS[i.name]
    low, high = s.r[pointer], s.r[pointer + 1]
    if low < 256 and high < 256:
        return ((low | high << 8) + before + i.b & 0xFFFF,)
    if ANY in (low, high):
        return None
    lows, highs = members(low), members(high)
    if len(lows) * len(highs) > MOST_PLACES:
        return None
    return [(a | b << 8) + before + i.b & 0xFFFF for b in highs for a in lows]


def _moved(s: State, i: Instruction) -> None:
    """A pointer after a load or a store that moves it."""
    if i.name not in POINTERS:
        return
    pointer, before, after = POINTERS[i.name]
    if before or after:
        low, flags = operate("add" if after else "sub", s.r[pointer], 1)
        assert flags[C] is not None
        high, _ = operate("adc" if after else "sbc", s.r[pointer + 1], 0, flags[C])
        s.put(pointer, low)
        s.put(pointer + 1, high)


def _load(s: State, i: Instruction, m: Machine) -> None:
    places = _addresses(s, i)
    value = reduce(either, map(s.load, places)) if places else ANY
    _moved(s, i)
    s.put(i.a, value)


def _store(s: State, i: Instruction, m: Machine) -> None:
    places = _addresses(s, i)
    if places and len(places) == 1:
        s.store(places[0], s.r[i.a], m)
    elif places:
        for at in places:
            if at in s.ram:  # it keeps its value or gets the new one
                s.store(at, either(s.ram[at], s.r[i.a]), m)
    else:
        s.store(None, ANY, m)
    _moved(s, i)


def _push(s: State, i: Instruction, m: Machine) -> None:
    s.push(s.r[i.a], i.a in SAVED)


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
    found = {
        v & ~(1 << i.b) | t << i.b for v in members(value) for t in ((0, 1) if bit == 2 else (bit,))
    }
    s.put(i.a, of_bits(sum(1 << v for v in found)))


def _nothing(s: State, i: Instruction, m: Machine) -> None:
    """Changes nothing that is looked at."""


STEPS: dict[str, Step] = {
    **ARITHMETIC,
    **dict.fromkeys(("lpm", "lpm+", "lpm_0", "elpm", "elpm+", "elpm_0"), _lpm),
    **dict.fromkeys(("lds", *LOADS), _load),
    **dict.fromkeys(("sts", *STORES), _store),
    **dict.fromkeys(("nop", "wdr", "sbi", "cbi"), _nothing),
    "swap": _swap,
    "mov": _mov,
    "movw": _movw,
    "ldi": _ldi,
    "push": _push,
    "pop": _pop,
    "in": _in,
    "out": _out,
    "bset": _bset(1),
    "bclr": _bset(0),
    "bst": _bst,
    "bld": _bld,
}  # fmt: skip
