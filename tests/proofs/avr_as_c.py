"""Functions of linked AVR code as C that a fast computer runs: what a kernel in assembly answers to
all of its operands can be asked there, billions of times.

Each instruction becomes a statement on 32 variables of eight bits, six flags and two arrays, by the
"AVR Instruction Set Manual" (DS40002198). No instruction is left out in silence: one that is not
known here is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile

from tinygen.target.bound.decode import Instruction, decode

STEPS = 5_000  # jumps back after which a function counts as hung; only a broken one is
SAVED = (*range(2, 18), 28, 29)  # registers that a call must leave alone (avr-gcc's ABI)
FLAGS = "cznvsht"
INTERRUPTS = 7  # the flag that no kernel asks for
PRELUDE = """
#include <stdint.h>
static uint8_t mem[65536], flash[65536];
static uint32_t calls;
typedef uint8_t u8;
#define PAIR(low) ((uint16_t)(r[low] | r[low + 1] << 8))
#define SET(low, value) do { uint16_t both = (uint16_t)(value); r[low] = (u8)both; \\
    r[low + 1] = (u8)(both >> 8); } while (0)
#define SIGN s = n ^ v
#define LOGIC(res) do { z = (res) == 0; n = (res) >> 7; v = 0; SIGN; } while (0)
#define ADD(d, b, carry) do { u8 x = r[d], y = (b), res = (u8)(x + y + (carry)); \\
    h = ((x & y) | (x & ~res) | (y & ~res)) >> 3 & 1; \\
    c = (u8)((x & y) | (x & ~res) | (y & ~res)) >> 7; \\
    v = (u8)((x & y & ~res) | (~x & ~y & res)) >> 7; n = res >> 7; z = res == 0; SIGN; \\
    r[d] = res; } while (0)
#define SUB(store, a, b, carry, keep) do { u8 x = (a), y = (b), res = (u8)(x - y - (carry)); \\
    h = (u8)((~x & y) | (y & res) | (res & ~x)) >> 3 & 1; \\
    c = (u8)((~x & y) | (y & res) | (res & ~x)) >> 7; \\
    v = (u8)((x & ~y & ~res) | (~x & y & res)) >> 7; n = res >> 7; \\
    z = res == 0 && (keep); SIGN; store; } while (0)
#define PRODUCT(p) do { uint16_t made = (uint16_t)(p); c = made >> 15; z = made == 0; \\
    SET(0, made); } while (0)
#define DOUBLED(p) do { uint16_t made = (uint16_t)(p); c = made >> 15; \\
    made = (uint16_t)(made << 1); z = made == 0; SET(0, made); } while (0)
#define SHIFTED(d, out, res) do { u8 to = (u8)(res); c = (out); r[d] = to; z = to == 0; \\
    n = to >> 7; v = n ^ c; SIGN; } while (0)
"""
# name -> C of one instruction; {a}, {b}: its operands, {B}: PAIR's place for displacements
WORDS: dict[str, str] = {
    "nop": "",
    "movw": "r[{a}] = r[{b}]; r[{a} + 1] = r[{b} + 1];",
    "mov": "r[{a}] = r[{b}];",
    "ldi": "r[{a}] = {b};",
    "add": "ADD({a}, r[{b}], 0);",
    "adc": "ADD({a}, r[{b}], c);",
    "sub": "SUB(r[{a}] = res, r[{a}], r[{b}], 0, 1);",
    "subi": "SUB(r[{a}] = res, r[{a}], {b}, 0, 1);",
    "sbc": "SUB(r[{a}] = res, r[{a}], r[{b}], c, z);",
    "sbci": "SUB(r[{a}] = res, r[{a}], {b}, c, z);",
    "cp": "SUB((void)res, r[{a}], r[{b}], 0, 1);",
    "cpi": "SUB((void)res, r[{a}], {b}, 0, 1);",
    "cpc": "SUB((void)res, r[{a}], r[{b}], c, z);",
    "and": "r[{a}] &= r[{b}]; LOGIC(r[{a}]);",
    "andi": "r[{a}] &= {b}; LOGIC(r[{a}]);",
    "or": "r[{a}] |= r[{b}]; LOGIC(r[{a}]);",
    "ori": "r[{a}] |= {b}; LOGIC(r[{a}]);",
    "eor": "r[{a}] ^= r[{b}]; LOGIC(r[{a}]);",
    "com": "r[{a}] = (u8)~r[{a}]; LOGIC(r[{a}]); c = 1;",
    "neg": "SUB(r[{a}] = res, 0, r[{a}], 0, 1);",
    "swap": "r[{a}] = (u8)(r[{a}] << 4 | r[{a}] >> 4);",
    "inc": "{{ u8 to = ++r[{a}]; v = to == 0x80; n = to >> 7; z = to == 0; SIGN; }}",
    "dec": "{{ u8 to = --r[{a}]; v = to == 0x7F; n = to >> 7; z = to == 0; SIGN; }}",
    "asr": "SHIFTED({a}, r[{a}] & 1, (int8_t)r[{a}] >> 1);",
    "lsr": "SHIFTED({a}, r[{a}] & 1, r[{a}] >> 1);",
    "ror": "SHIFTED({a}, r[{a}] & 1, r[{a}] >> 1 | c << 7);",
    "mul": "PRODUCT(r[{a}] * r[{b}]);",
    "muls": "PRODUCT((int8_t)r[{a}] * (int8_t)r[{b}]);",
    "mulsu": "PRODUCT((int8_t)r[{a}] * r[{b}]);",
    "fmul": "DOUBLED(r[{a}] * r[{b}]);",
    "fmuls": "DOUBLED((int8_t)r[{a}] * (int8_t)r[{b}]);",
    "fmulsu": "DOUBLED((int8_t)r[{a}] * r[{b}]);",
    "adiw": "{{ uint16_t x = PAIR({a}), to = (uint16_t)(x + {b}); SET({a}, to); z = to == 0;"
    " n = to >> 15; v = (~x & to) >> 15 & 1; c = (x & ~to) >> 15 & 1; SIGN; }}",
    "sbiw": "{{ uint16_t x = PAIR({a}), to = (uint16_t)(x - {b}); SET({a}, to); z = to == 0;"
    " n = to >> 15; v = (x & ~to) >> 15 & 1; c = (~x & to) >> 15 & 1; SIGN; }}",
    "push": "mem[sp--] = r[{a}];",
    "pop": "r[{a}] = mem[++sp];",
    "lds": "r[{a}] = mem[{b}];",
    "sts": "mem[{b}] = r[{a}];",
    "lpm_0": "r[0] = flash[PAIR(30)];",
    "lpm": "r[{a}] = flash[PAIR(30)];",
    "lpm+": "{{ uint16_t at = PAIR(30); r[{a}] = flash[at]; SET(30, at + 1); }}",
    "bst": "t = r[{a}] >> {b} & 1;",
    "bld": "r[{a}] = (u8)((r[{a}] & ~(1 << {b})) | t << {b});",
    "ret": "goto done;",
}
for letter, low in (("x", 26), ("y", 28), ("z", 30)):
    at = f"uint16_t at = PAIR({low});"
    WORDS |= {
        f"ld_{letter}": f"r[{{a}}] = mem[PAIR({low})];",
        f"ld_{letter}+": f"{{{{ {at} r[{{a}}] = mem[at]; SET({low}, at + 1); }}}}",
        f"ld_-{letter}": f"{{{{ {at} SET({low}, at - 1); r[{{a}}] = mem[(uint16_t)(at - 1)]; }}}}",
        f"st_{letter}": f"mem[PAIR({low})] = r[{{a}}];",
        f"st_{letter}+": f"{{{{ {at} mem[at] = r[{{a}}]; SET({low}, at + 1); }}}}",
        f"st_-{letter}": f"{{{{ {at} SET({low}, at - 1); mem[(uint16_t)(at - 1)] = r[{{a}}]; }}}}",
        f"ldd_{letter}": f"r[{{a}}] = mem[(uint16_t)(PAIR({low}) + {{b}})];",
        f"std_{letter}": f"mem[(uint16_t)(PAIR({low}) + {{b}})] = r[{{a}}];",
    }
SKIPS = {
    "cpse": "r[{a}] == r[{b}]",
    "sbrc": "!(r[{a}] >> {b} & 1)",
    "sbrs": "(r[{a}] >> {b} & 1)",
}
SIZES = {"u8": 1, "i8": 1, "u16": 2, "i16": 2, "i24": 3, "u32": 4, "i32": 4}


@dataclass(frozen=True)
class Code:
    """One function of a linked program."""

    name: str
    instructions: tuple[tuple[int, Instruction], ...]  # word address, instruction


def functions(elf: Path, wanted: Callable[[str], bool]) -> list[Code]:
    """The functions of a program whose names are wanted, without calls of others."""
    with open(elf, "rb") as stream:
        file = ELFFile(stream)
        text = file.get_section_by_name(".text")
        code, start = text.data(), text["sh_addr"]
        found = [
            _function(s.name, code, start, s["st_value"], s["st_size"])
            for s in file.get_section_by_name(".symtab").iter_symbols()
            if s["st_info"]["type"] == "STT_FUNC" and wanted(s.name)
        ]
    return sorted(found, key=lambda one: one.name)


def _function(name: str, code: bytes, start: int, at: int, size: int) -> Code:
    words = [
        int.from_bytes(code[k : k + 2], "little") for k in range(at - start, at - start + size, 2)
    ]
    place, end, found = at // 2, at // 2 + len(words), []
    while place < end:
        here = place - at // 2
        following = words[here + 1] if here + 1 < len(words) else 0
        one = decode(words[here], following, place)
        assert one, f"{name}: no instruction at {2 * place:#x}"
        found.append((place, one))
        place += one.words
    return Code(name, tuple(found))


def as_c(code: Code, name: str, returns: str, arguments: tuple[str, ...]) -> str:
    """C of a function `name` that takes the arguments, and gives the result and 1 << 40 for each
    rule of the calling convention that it breaks.
    """
    given = ", ".join(f"uint32_t a{k}" for k in range(len(arguments)))
    lines = [f"static uint64_t {name}({given or 'void'})", "{"]
    lines += ["    u8 r[32] = {0}, c, z, n, v, s, h, t;"]
    lines += ["    c = z = n = v = s = h = t = ++calls & 1;  /* on entry a flag may be either */"]
    lines += [f"    uint16_t sp = 0x08FF; uint32_t steps = {STEPS}; uint64_t broken = 0;"]
    lines += [f"    r[{k}] = {0xA0 + k};" for k in range(2, 32)]
    free = 26
    for k, kind in enumerate(arguments):
        free -= (SIZES[kind] + 1) // 2 * 2
        lines += [f"    r[{free + b}] = (u8)(a{k} >> {8 * b});" for b in range(SIZES[kind])]
    lines += [f"    const u8 kept{k} = r[{k}];" for k in SAVED]  # an argument's, some of them
    lines += _statements(code)
    lines += ["done:"]
    lines += [f"    broken += r[{k}] != kept{k};" for k in SAVED]
    lines += ["    broken += (r[1] != 0) + (sp != 0x08FF);", "    (void)h; (void)t;"]
    first = 24 if SIZES.get(returns, 0) <= 2 else 22
    parts = [f"(uint64_t)r[{first + b}] << {8 * b}" for b in range(SIZES.get(returns, 0))]
    lines += [f"    return {' | '.join(parts) or '(uint64_t)0'} | broken << 40;", "}"]
    return "\n".join(lines) + "\n"


def _statements(code: Code) -> list[str]:
    """A labelled statement for each instruction."""
    places = {place for place, _ in code.instructions}
    lines = []
    for index, (place, one) in enumerate(code.instructions):
        lines.append(f"L{place}: {_statement(code, index, one, place, places)};")
    return lines


def _statement(code: Code, index: int, one: Instruction, place: int, places: set[int]) -> str:
    if one.name in SKIPS:
        over = code.instructions[index + 1][1].words
        return f"if ({SKIPS[one.name].format(a=one.a, b=one.b)}) goto L{place + 1 + over}"
    if one.name in ("brbs", "brbc", "rjmp", "jmp"):
        to = one.a if one.name in ("rjmp", "jmp") else one.b
        assert to in places, f"{code.name}: a jump out of the function, to {2 * to:#x}"
        back = f"if (!--steps) {{ broken += 64; goto done; }} goto L{to};" if to <= place else ""
        go = f"{{ {back or f'goto L{to};'} }}"
        if one.name in ("rjmp", "jmp"):
            return go
        return f"if ({'' if one.name == 'brbs' else '!'}{FLAGS[one.a]}) {go}"
    if one.name in ("in", "out"):
        return _special(one)
    if one == Instruction("rcall", place + 1, 0, 1, one.cycles):
        return "sp -= 2"  # two bytes of stack, by a call of what follows
    if one.name in ("bset", "bclr"):
        return "" if one.a == INTERRUPTS else f"{FLAGS[one.a]} = {int(one.name == 'bset')}"
    assert one.name in WORDS, f"{code.name}: no C for {one}"
    return WORDS[one.name].format(a=one.a, b=one.b)


def _special(one: Instruction) -> str:
    """Reading and writing of the stack pointer and the flags; those of the compiler's own are kept
    while it sets the stack pointer, and it needs none of them then.
    """
    if one.b == 0x3F:
        flags = " | ".join(f"{flag} << {k}" for k, flag in enumerate(FLAGS))
        return f"r[{one.a}] = (u8)({flags})" if one.name == "in" else ""
    low = {0x3D: True, 0x3E: False}[one.b]
    if one.name == "in":
        return f"r[{one.a}] = (u8)(sp{'' if low else ' >> 8'})"
    kept, put = ("0xFF00", f"r[{one.a}]") if low else ("0x00FF", f"r[{one.a}] << 8")
    return f"sp = (uint16_t)((sp & {kept}) | {put})"
