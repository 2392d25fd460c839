"""What an instruction reads and writes, as sets of bits: registers 0 .. 31, then the carry, the
other flags of arithmetic, T, and RAMPZ.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from .decode import BRANCHES, Instruction
from .steps import POINTERS, ZP

CARRY, FLAGS, TRANSFER, RAMPZ_BIT = (1 << k for k in range(32, 36))
CELLS = 36  # bytes of RAM come from this bit on
NUMBERS = CARRY | FLAGS


class Effects(NamedTuple):
    """Bits that an instruction reads, and those it writes."""

    reads: int
    writes: int


def _pair(low: int) -> int:
    return 3 << low


def _register(number: int) -> int:
    """Its bit; none where the operand is no register: words of a table read as a jump, far back."""
    return 1 << number if 0 <= number < 32 else 0


def _arithmetic(i: Instruction) -> Effects | None:
    a, name = _register(i.a), i.name
    if name in ("add", "sub", "adc", "sbc", "and", "or", "eor", "cp", "cpc"):
        reads = a | 1 << i.b | (NUMBERS if name in ("adc", "sbc", "cpc") else 0)
        if i.a == i.b and name in ("sub", "eor"):
            reads = 0
    elif name in ("subi", "sbci", "cpi", "andi", "ori"):
        reads = a | (NUMBERS if name == "sbci" else 0)
    elif name in ("com", "neg", "inc", "dec", "asr", "lsr", "ror"):
        reads = a | (CARRY if name == "ror" else 0)
    else:
        return None
    flags = FLAGS if name in ("and", "or", "eor", "andi", "ori", "inc", "dec") else NUMBERS
    return Effects(reads, flags | (0 if name in ("cp", "cpc", "cpi") else a))


@cache
def effects(i: Instruction) -> Effects:
    """Of the registers and flags; a load's or store's byte of RAM is the caller's to add."""
    if found := _arithmetic(i):
        return found
    name, a = i.name, _register(i.a)
    if name in POINTERS:
        pointer, before, after = POINTERS[name]
        moves = _pair(pointer) if before or after else 0
        if name.startswith("ld"):
            return Effects(_pair(pointer), a | moves)
        return Effects(_pair(pointer) | a, moves)
    if name in BRANCHES:
        return Effects((CARRY, *(FLAGS,) * 5, TRANSFER, 0)[i.a], 0)
    if "lpm" in name:
        far = RAMPZ_BIT if name[0] == "e" else 0
        moves = _pair(ZP) | far if name.endswith("+") else 0
        return Effects(_pair(ZP) | far, (1 if name.endswith("_0") else a) | moves)
    if "mul" in name:
        return Effects(a | 1 << i.b, 3 | NUMBERS)
    return OTHERS[name](i) if name in OTHERS else Effects(0, 0)


OTHERS = {
    "mov": lambda i: Effects(1 << i.b, 1 << i.a),
    "movw": lambda i: Effects(_pair(i.b), _pair(i.a)),
    "ldi": lambda i: Effects(0, 1 << i.a),
    "swap": lambda i: Effects(1 << i.a, 1 << i.a),
    "adiw": lambda i: Effects(_pair(i.a), _pair(i.a) | NUMBERS),
    "sbiw": lambda i: Effects(_pair(i.a), _pair(i.a) | NUMBERS),
    "lds": lambda i: Effects(0, 1 << i.a),
    "sts": lambda i: Effects(1 << i.a, 0),
    "push": lambda i: Effects(1 << i.a, 0),
    "pop": lambda i: Effects(0, 1 << i.a),
    "in": lambda i: Effects(0, 1 << i.a),
    "out": lambda i: Effects(1 << i.a, RAMPZ_BIT if i.b == 0x3B else 0),
    "bst": lambda i: Effects(1 << i.a, TRANSFER),
    "bld": lambda i: Effects(1 << i.a | TRANSFER, 1 << i.a),
    "sbrc": lambda i: Effects(1 << i.a, 0),
    "sbrs": lambda i: Effects(1 << i.a, 0),
    "cpse": lambda i: Effects(1 << i.a | 1 << i.b, 0),
    "ijmp": lambda i: Effects(_pair(ZP), 0),
    "icall": lambda i: Effects(_pair(ZP), 0),
}
