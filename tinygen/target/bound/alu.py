"""Arithmetic of bytes of which only a set of possible values is known.

A value is an int: 0 .. 255 where it is known, else OPEN plus a bit for each possible value; ANY is
a byte of which nothing is known. A flag is 0, 1, or EITHER. Flags of an operation are listed in the
order C Z N V S H of the status register; None: the operation leaves the flag as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

OPEN = 1 << 256
ANY = (OPEN << 1) - 1
EITHER = 2
C, Z, N, V, S, H, T, I = range(8)  # noqa: E741 - the data sheet's names
MOST_PAIRS = 1024  # operands are looked at one by one up to so many pairs, else as if unknown
SUMS = frozenset({"add", "adc", "sub", "sbc"})
USE_CARRY = frozenset({"adc", "sbc", "rol", "ror", "sbc_self"})
# an operation on one register twice is another operation on one
SELF = {
    "add": "lsl",
    "adc": "rol",
    "sub": "sub_self",
    "cp": "sub_self",
    "eor": "eor_self",
    "and": "tst",
    "or": "tst",
    "sbc": "sbc_self",
    "cpc": "sbc_self",
}
Result = tuple[int, tuple[int | None, ...]]  # value, flags


def bits_of(value: int) -> int:
    """The set of possible values as a mask of 256 bits."""
    return 1 << value if value < 256 else value ^ OPEN


def of_bits(bits: int) -> int:
    """The value of a set that is not empty."""
    return bits.bit_length() - 1 if bits & (bits - 1) == 0 else bits | OPEN


@cache
def members(value: int) -> tuple[int, ...]:
    """The possible values, ascending."""
    if value < 256:
        return (value,)
    return tuple(k for k in range(256) if value >> k & 1)


def either(a: int, b: int) -> int:
    """A value that is one of two."""
    return a if a == b else bits_of(a) | bits_of(b) | OPEN


def either_flag(a: int, b: int) -> int:
    return a if a == b else EITHER


def _sum(a: int, b: int, c: int) -> Result:
    r = a + b + c
    y = r & 255
    n, v = y >> 7, ((a ^ y) & (b ^ y)) >> 7
    return y, (r >> 8, int(y == 0), n, v, n ^ v, ((a & 15) + (b & 15) + c) >> 4)


def _difference(a: int, b: int, c: int) -> Result:
    r = a - b - c
    y = r & 255
    n, v = y >> 7, ((a ^ b) & (a ^ y)) >> 7
    return y, (int(r < 0), int(y == 0), n, v, n ^ v, int((a & 15) - (b & 15) - c < 0))


def _logic(y: int, carry: int | None = None) -> Result:
    return y, (carry, int(y == 0), y >> 7, 0, y >> 7, None)


def _right(a: int, top: int) -> Result:
    y, c, n = a >> 1 | top << 7, a & 1, top
    return y, (c, int(y == 0), n, n ^ c, c, None)


def _step(a: int, by: int, overflow: int) -> Result:
    y = (a + by) & 255
    n, v = y >> 7, int(y == overflow)
    return y, (None, int(y == 0), n, v, n ^ v, None)


KINDS = {
    "add": _sum,
    "adc": _sum,
    "sub": _difference,
    "sbc": _difference,
    "and": lambda a, b, c: _logic(a & b),
    "or": lambda a, b, c: _logic(a | b),
    "eor": lambda a, b, c: _logic(a ^ b),
    "lsl": lambda a, b, c: _sum(a, a, 0),
    "rol": lambda a, b, c: _sum(a, a, c),
    "sub_self": lambda a, b, c: _difference(0, 0, 0),
    "eor_self": lambda a, b, c: _logic(0),
    "tst": lambda a, b, c: _logic(a),
    "sbc_self": lambda a, b, c: _difference(0, 0, c),
    "com": lambda a, b, c: _logic(255 - a, 1),
    "neg": lambda a, b, c: _difference(0, a, 0),
    "inc": lambda a, b, c: _step(a, 1, 0x80),
    "dec": lambda a, b, c: _step(a, -1, 0x7F),
    "asr": lambda a, b, c: _right(a, a >> 7),
    "lsr": lambda a, b, c: _right(a, 0),
    "ror": lambda a, b, c: _right(a, c),
    "swap": lambda a, b, c: ((a >> 4 | a << 4) & 255, (None,) * 6),
}


def _over(name: str, a: Iterable[int], b: Iterable[int], carry: Iterable[int]) -> Result:
    """What an operation gives over all operands."""
    apply = KINDS[name]
    bits, flags = 0, None
    for x in a:
        for y in b:
            for c in carry:
                value, told = apply(x, y, c)
                bits |= 1 << value
                if flags is None:
                    flags = told
                elif flags != told:
                    flags = tuple(p if p == q else EITHER for p, q in zip(flags, told))
    assert flags is not None
    return of_bits(bits), flags


@cache
def operate(name: str, a: int, b: int = 0, carry: int = 0) -> Result:
    """An operation of KINDS; `carry` counts where USE_CARRY has it. Z is of this byte alone."""
    if name in SUMS and (a == ANY or b == ANY) and min(a, b) not in (0, 255):
        return ANY, (EITHER,) * 6
    x, y = members(a), members(b)
    if len(x) * len(y) > MOST_PAIRS:
        return ANY, (EITHER,) * 6 if name in SUMS else (None, EITHER, EITHER, 0, EITHER, None)
    return _over(name, x, y, (0, 1) if carry == EITHER else (carry,))


@cache
def where(name: str, k: int, turned: bool, kept: bool, flag: int) -> tuple[int, int]:
    """Sets of a register's values for which a flag can be (0, 1) after an operation on it.

    k: the other operand, known; turned: it is the first; kept: the register still has the operand,
    as after a comparison, else the result.
    """
    found = [0, 0]
    for operand in range(256):
        value, flags = KINDS[name](*((k, operand) if turned else (operand, k)), 0)
        told = flags[flag]
        assert told is not None
        found[told] |= 1 << (operand if kept else value)
    return found[0], found[1]


MULTIPLY = {
    "mul": (False, False, 0),
    "muls": (True, True, 0),
    "mulsu": (True, False, 0),
    "fmul": (False, False, 1),
    "fmuls": (True, True, 1),
    "fmulsu": (True, False, 1),
}


def multiply(name: str, a: int, b: int) -> tuple[int, int, int, int]:
    """(low byte, high byte, C, Z) of a product."""
    if a == 0 or b == 0:
        return 0, 0, 0, 1
    if a > 255 or b > 255:
        return ANY, ANY, EITHER, EITHER
    signed_a, signed_b, shift = MULTIPLY[name]
    x = a - 256 * (signed_a and a > 127)
    y = b - 256 * (signed_b and b > 127)
    product = x * y & 0xFFFF
    carry, product = product >> 15, product << shift & 0xFFFF
    return product & 255, product >> 8, carry, int(product == 0)
