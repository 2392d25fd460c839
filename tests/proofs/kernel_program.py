"""The C program that runs a compiled kernel, translated back to C, beside its C twin."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from avr_as_c import PRELUDE, SIZES, Code, as_c
from kernel_cases import OUT, OUT_BYTES, TABLE, Case, X

from tinygen.codegen.emit import runtime

NAMES = {"i8": "int8_t", "u8": "uint8_t", "i16": "int16_t", "u16": "uint16_t", "i32": "int32_t"}
NAMES |= {"i24": "tinygen_int24", "": "void", "ptr": "const int8_t *"}
RETURNED = {"": "void", "ptr": "u16"}
PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tinygen_fixed.h"
#define TABLE %(table)d
#define X %(x)d
#define OUT %(out)d
static u8 twin[%(out_bytes)d];
static uint32_t first, stride, noise = 1;
static uint32_t rnd(void)
{
    noise ^= noise << 13; noise ^= noise >> 17; noise ^= noise << 5;
    return noise;
}
static void put16(u8 *at, uint32_t value) { at[0] = (u8)value; at[1] = (u8)(value >> 8); }
static void put_input(u8 *at, uint32_t k, int width, uint32_t value)
{
    if (width == 1) at[k] = (u8)value; else put16(at + 2 * k, value);
}
/* a bias of two or three bytes */
static void put_bias(u8 *at, int bytes, uint32_t value)
{
    put16(at, value);
    if (bytes == 3) at[2] = (u8)(value >> 16);
}
/* random rows of units, their inputs and shares */
static void scatter(uint32_t units, int bias, uint32_t n, uint32_t share)
{
    for (uint32_t u = 0; u < units; ++u)
        put_bias(flash + TABLE + (uint32_t)bias * u, bias, rnd() %% 30000 - 15000);
    for (uint32_t k = 0; k < units * (n + share); ++k)
        flash[TABLE + (uint32_t)bias * units + k] = (u8)rnd();
}
/* a random tree of this depth at most; the place behind it */
static uint32_t grow(uint32_t at, uint32_t depth, uint32_t many, uint32_t far, uint32_t leaf)
{
    uint32_t left = depth > 1 && rnd() & 1, right = depth > 1 && rnd() & 1;
    uint32_t turned = left == right ? left && rnd() & 1 : left, first = left && right;
    flash[at] = (u8)(turned << 7 | !first << 6 | (!left && !right) << 5);
    flash[at + many] = (u8)(many ? rnd() : flash[at] | (rnd() & 0x1F));
    put16(flash + at + 1 + many, rnd());
    uint32_t side = at + 3 + many + (first ? 1 + far : 0);
    uint32_t end = first ? grow(side, depth - 1, many, far, leaf) : side + leaf;
    end += first && far ? rnd() %% 600 : 0;
    if (first && far) put16(flash + side - 2, end - side);
    else if (first) flash[side - 1] = (u8)(end - side);
    return left || right ? grow(end, depth - 1, many, far, leaf) : end + leaf;
}
static const uint32_t corners[] = {0, 1, 2, 127, 128, 255, 256, 4095, 4096, 0x7FFE, 0x7FFF, 0x8000,
                                   0x8001, 0xFF00, 0xFF7F, 0xFFFE, 0xFFFF};
static const uint32_t corners32[] = {0, 1, 0xFF, 0xFFFF, 0xFF00FF, 0x7FFFFF, 0x800000, 0xFFFFFF,
                                     0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
#define EACH(a) for (uint32_t a = first; a < 65536; a += stride)
#define ALL(a) for (uint32_t a = 0; a < 65536; ++a)
#define BYTES(a) for (uint32_t a = 0; a < 256; ++a)
#define OF(list, a) for (uint32_t place_##a = 0, a; \\
    place_##a < sizeof list / sizeof *list && (a = list[place_##a], 1); ++place_##a)
#define CORNER(a) OF(corners, a)
#define CORNER32(a) OF(corners32, a)
#define AS_TWIN memcpy(twin, mem + OUT, sizeof twin)
#define SAME(...) do { ++tried; if (CALL(__VA_ARGS__)) return 0; } while (0)
static uint64_t tried;
"""


def c_type(parameter: str) -> str:
    """Of a wrapper's parameter on the AVR."""
    kind, _, held = parameter.partition(" ")
    return NAMES[kind] if not held else f"{'' if kind == 'out' else 'const '}{held} *"


def call(case: Case) -> str:
    return case.called or f"{case.name}({', '.join(f'p{k}' for k in range(len(case.parameters)))})"


def arguments(case: Case) -> tuple[list[str], list[str], list[str]]:
    """C of the arguments: scalars by name, what the AVR's function gets, and what its twin gets."""
    scalars, there, here = [], [], []
    places = {"table": ("flash", "TABLE"), "x": ("mem", "X"), "out": ("twin", "OUT")}
    for parameter in case.parameters:
        kind, _, held = parameter.partition(" ")
        if held:
            array, place = places[kind]
            at = array if kind == "out" else f"{array} + {place}"
            there.append(place)
            here.append(f"({c_type(parameter)})({at})")
        else:
            scalars.append(f"s{len(scalars)}")
            there.append(scalars[-1])
            here.append(f"({NAMES[parameter]}){scalars[-1]}")
    return scalars, there, here


def wanted(case: Case, here: list[str]) -> str:
    """C of what the twin gives, as the bytes that it has on the AVR."""
    twin = call(case)
    for k in reversed(range(len(here))):
        twin = re.sub(rf"\bp{k}\b", here[k], twin)
    if not case.returns:
        return f"({twin}, 0)"
    if case.returns == "ptr":
        return f"(uint64_t)({twin} - (const int8_t *)flash)"
    return f"(uint64_t)(uint32_t){twin} & 0x{(1 << 8 * SIZES[case.returns]) - 1:X}u"


MAIN = """
static function *avr;
static int differs({given})
{{
    uint64_t got = avr({there});
    uint64_t want = {want};
    return got != want{written};
}}
#define CALL(...) differs(__VA_ARGS__)
static int equal(void)
{{
{body}
    return 1;
}}
int main(int argc, char **argv)
{{
    first = (uint32_t)atoi(argv[1]);
    stride = (uint32_t)atoi(argv[argc - 1]);
    for (size_t k = 0; k < sizeof functions / sizeof *functions; ++k) {{
        avr = functions[k];
        noise = 1 + first;
        memset(flash, 0xFF, sizeof flash); /* so that nothing that strays ends in the right place */
        memset(mem + OUT, 0, sizeof twin);
        memset(twin, 0, sizeof twin);
        printf("%d", equal());
    }}
    printf(" %llu\\n", (unsigned long long)tried);
}}
"""


def program(case: Case, codes: list[Code]) -> str:
    """C of a program that prints for each of the functions whether it was equal throughout."""
    kinds = tuple("u16" if " " in p else p for p in case.parameters)
    returns = RETURNED.get(case.returns, case.returns)
    scalars, there, here = arguments(case)
    names = [f"avr_{k}" for k in range(len(codes))]
    facts = {"table": TABLE, "x": X, "out": OUT, "out_bytes": OUT_BYTES}
    return "\n".join(
        [
            PRELUDE + PROGRAM % facts,
            *(as_c(code, name, returns, kinds) for code, name in zip(codes, names)),
            f"typedef uint64_t function({', '.join('uint32_t' for _ in kinds)});",
            f"static function *const functions[] = {{{', '.join(names)}}};",
            MAIN.format(
                given=", ".join(f"uint32_t {s}" for s in scalars) or "void",
                there=", ".join(there),
                want=wanted(case, here),
                written=" || memcmp(mem + OUT, twin, sizeof twin)" * ("out" in case.kinds),
                body=case.body,
            ),
        ]
    )


def compiled(case: Case, codes: list[Code], folder: Path, level: str = "-O2") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in runtime().items():
        (folder / name).write_text(text)
    (folder / "proof.c").write_text(program(case, codes))
    words = ["gcc", level, "-fwrapv", "-w", "proof.c", "-o", "proof"]
    subprocess.run(words, cwd=folder, check=True)
    return folder / "proof"


def outcome(program: Path, first: int, stride: int) -> tuple[str, int]:
    """A "1" for each function that was equal throughout, and how many choices were tried."""
    done = subprocess.run(
        [program, str(first), str(stride)], capture_output=True, text=True, check=True
    )
    equal, tried = done.stdout.split()
    return equal, int(tried)
