"""Words of flash as instructions of the classic AVR, by the tables of Microchip's "AVR Instruction
Set Manual" (DS40002198), with the cycles of its AVRe and AVRe+ columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

# d and r registers, K constants, q displacements, A I/O addresses, b bits, s flags, k distances
ENCODINGS = """
nop    0000000000000000
movw   00000001ddddrrrr
muls   00000010ddddrrrr
mulsu  000000110ddd0rrr
fmul   000000110ddd1rrr
fmuls  000000111ddd0rrr
fmulsu 000000111ddd1rrr
cpc    000001rdddddrrrr
sbc    000010rdddddrrrr
add    000011rdddddrrrr
cpse   000100rdddddrrrr
cp     000101rdddddrrrr
sub    000110rdddddrrrr
adc    000111rdddddrrrr
and    001000rdddddrrrr
eor    001001rdddddrrrr
or     001010rdddddrrrr
mov    001011rdddddrrrr
cpi    0011KKKKddddKKKK
sbci   0100KKKKddddKKKK
subi   0101KKKKddddKKKK
ori    0110KKKKddddKKKK
andi   0111KKKKddddKKKK
ldd_z  10q0qq0ddddd0qqq
ldd_y  10q0qq0ddddd1qqq
std_z  10q0qq1ddddd0qqq
std_y  10q0qq1ddddd1qqq
lds    1001000ddddd0000
ld_z+  1001000ddddd0001
ld_-z  1001000ddddd0010
lpm    1001000ddddd0100
lpm+   1001000ddddd0101
elpm   1001000ddddd0110
elpm+  1001000ddddd0111
ld_y+  1001000ddddd1001
ld_-y  1001000ddddd1010
ld_x   1001000ddddd1100
ld_x+  1001000ddddd1101
ld_-x  1001000ddddd1110
pop    1001000ddddd1111
sts    1001001ddddd0000
st_z+  1001001ddddd0001
st_-z  1001001ddddd0010
st_y+  1001001ddddd1001
st_-y  1001001ddddd1010
st_x   1001001ddddd1100
st_x+  1001001ddddd1101
st_-x  1001001ddddd1110
push   1001001ddddd1111
com    1001010ddddd0000
neg    1001010ddddd0001
swap   1001010ddddd0010
inc    1001010ddddd0011
asr    1001010ddddd0101
lsr    1001010ddddd0110
ror    1001010ddddd0111
dec    1001010ddddd1010
bset   100101000sss1000
bclr   100101001sss1000
ijmp   1001010000001001
eijmp  1001010000011001
ret    1001010100001000
reti   1001010100011000
icall  1001010100001001
eicall 1001010100011001
sleep  1001010110001000
break  1001010110011000
wdr    1001010110101000
lpm_0  1001010111001000
elpm_0 1001010111011000
spm    1001010111101000
spm_z+ 1001010111111000
jmp    1001010kkkkk110k
call   1001010kkkkk111k
adiw   10010110KKddKKKK
sbiw   10010111KKddKKKK
cbi    10011000AAAAAbbb
sbic   10011001AAAAAbbb
sbi    10011010AAAAAbbb
sbis   10011011AAAAAbbb
mul    100111rdddddrrrr
in     10110AAdddddAAAA
out    10111AAdddddAAAA
rjmp   1100kkkkkkkkkkkk
rcall  1101kkkkkkkkkkkk
ldi    1110KKKKddddKKKK
brbs   111100kkkkkkksss
brbc   111101kkkkkkksss
bld    1111100ddddd0bbb
bst    1111101ddddd0bbb
sbrc   1111110ddddd0bbb
sbrs   1111111ddddd0bbb
"""
LONG = frozenset({"lds", "sts", "jmp", "call"})  # two words
UPPER = frozenset({"cpi", "sbci", "subi", "ori", "andi", "ldi", "muls"})  # on r16 to r31
EIGHT = frozenset({"mulsu", "fmul", "fmuls", "fmulsu"})  # on r16 to r23
BRANCHES = frozenset({"brbs", "brbc"})
SKIPS = frozenset({"cpse", "sbrc", "sbrs", "sbic", "sbis"})
CALLS = frozenset({"call", "rcall", "icall", "eicall"})
RETURNS = frozenset({"ret", "reti"})
JUMPS = frozenset({"jmp", "rjmp", "ijmp", "eijmp"})
PRODUCTS = frozenset({"mul", "muls", "mulsu", "fmul", "fmuls", "fmulsu"})
TWO = PRODUCTS | {
    "adiw",
    "sbiw",
    "push",
    "pop",
    "lds",
    "sts",
    "sbi",
    "cbi",
    "rjmp",
    "ijmp",
    "eijmp",
}
OTHERS = {"jmp": 3, "call": 4, "rcall": 3, "icall": 3, "eicall": 3, "ret": 4, "reti": 4}
THREE = ("lpm", "elpm")
MEMORY = ("ld_", "ldd_", "st_", "std_")


class Instruction(NamedTuple):
    """One instruction. a: register, flag, I/O address or word address to go to; b: register,
    constant, bit, displacement, or data address.
    """

    name: str
    a: int = 0
    b: int = 0
    words: int = 1
    cycles: int = 1  # not skipping, not branching, of a chip whose return address has two bytes


class _Encoding(NamedTuple):
    name: str
    mask: int
    value: int
    fields: tuple[tuple[str, tuple[int, ...]], ...]  # letter, its bits from the highest


def _encoding(line: str) -> _Encoding:
    name, bits = line.split()
    letters = sorted(set(bits) - set("01"))
    return _Encoding(
        name,
        int("".join("01"[bit in "01"] for bit in bits), 2),
        int("".join(bit if bit in "01" else "0" for bit in bits), 2),
        tuple((x, tuple(15 - k for k, bit in enumerate(bits) if bit == x)) for x in letters),
    )


_TABLE = [_encoding(line) for line in ENCODINGS.strip().splitlines()]


@cache
def _find(word: int) -> tuple[str, dict[str, int]] | None:
    for name, mask, value, fields in _TABLE:
        if word & mask == value:
            found = {}
            for letter, bits in fields:
                number = 0
                for bit in bits:
                    number = number << 1 | word >> bit & 1
                found[letter] = number
            return name, found
    return None


def _signed(number: int, bits: int) -> int:
    return number - (number >> bits - 1 << bits)


def cycles_of(name: str) -> int:
    """Cycles of an instruction that neither skips nor branches; two bytes of return address."""
    if name in TWO or name.startswith(MEMORY):
        return 2
    if name.startswith(THREE):
        return 3
    return OTHERS.get(name, 1)


def decode(word: int, following: int, place: int) -> Instruction | None:
    """The instruction of `word` at word address `place`; None where the chip knows none.

    following: the word behind it, which belongs to an instruction of two words.
    """
    found = _find(word)
    if found is None:
        return None
    name, f = found
    a, b = _operands(name, f, following, place)
    return Instruction(name, a, b, 2 if name in LONG else 1, cycles_of(name))


def _operands(name: str, f: dict[str, int], following: int, place: int) -> tuple[int, int]:
    if name in ("jmp", "call"):
        return f["k"] << 16 | following, 0
    if name in ("rjmp", "rcall"):
        return place + 1 + _signed(f["k"], 12), 0
    if name in BRANCHES:
        return f["s"], place + 1 + _signed(f["k"], 7)
    if name in ("lds", "sts"):
        return f["d"], following
    if name in ("adiw", "sbiw"):
        return 24 + 2 * f["d"], f["K"]
    if name == "movw":
        return 2 * f["d"], 2 * f["r"]
    if name in ("in", "out"):
        return f["d"], f["A"]
    offset = 16 if name in UPPER or name in EIGHT else 0
    first = f["d"] + offset if "d" in f else f.get("A", f.get("s", 0))
    if "r" in f:
        return first, f["r"] + offset
    return first, f.get("K", f.get("q", f.get("b", 0)))


def sweep(code: bytes, start: int) -> Iterator[tuple[int, Instruction | None]]:
    """(byte address, instruction) of everything in `code`, whose first byte is at `start`."""
    at = 0
    while at + 1 < len(code):
        word = int.from_bytes(code[at : at + 2], "little")
        following = int.from_bytes(code[at + 2 : at + 4], "little")
        found = decode(word, following, (start + at) // 2)
        yield start + at, found
        at += 2 * found.words if found else 2
