"""Each kernel in assembly answers what its C twin answers, over all of its operands.

The compiled kernel is translated back to C instruction by instruction (`avr_as_c`), and both run on
this computer: 2^32 pairs take a minute. A commit tries some of the outer operands, all of the inner
ones; `--level release` all. The translation itself is compared with the simulator's chip by the
kernels' other tests, which run them there.
"""

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from avr_as_c import Code, functions
from kernel_cases import CASES, Case
from kernel_program import NAMES, c_type, call, compiled, outcome

from tinygen.codegen.emit import runtime
from tinygen.target.bound.decode import Instruction

STRIDE = 8191  # of the outer operand in a sample: 0, 8191, ..., 65528


@pytest.fixture(scope="session")
def kernels(toolchain, tmp_path_factory) -> dict[str, Code]:
    """The compiled kernels by name, each in a function of its own."""
    folder = tmp_path_factory.mktemp("kernels")
    lines = ['#include "tinygen_fixed.h"', "int main(void) { for (;;); }"]
    for case in CASES:
        given = ", ".join(f"{c_type(p)} p{k}" for k, p in enumerate(case.parameters))
        lines.append(
            f"__attribute__((noinline, used)) {NAMES[case.returns]} k_{case.name}({given})"
        )
        lines.append(f"{{ {'return ' if case.returns else ''}{call(case)}; }}")
    for name, text in runtime().items():
        (folder / name).write_text(text)
    (folder / "kernels.c").write_text("\n".join(lines) + "\n")
    words = [toolchain.avr_gcc, "-mmcu=atmega328p", "-Os", "-std=gnu99", "kernels.c", "-o", "k.elf"]
    subprocess.run(words, cwd=folder, check=True)
    found = functions(folder / "k.elf", lambda name: name.startswith("k_tinygen_"))
    return {code.name[2:]: code for code in found}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_kernel_equals_its_twin(case, kernels, level, tmp_path):
    program = compiled(case, [kernels[case.name]], tmp_path, "-O1" if level == "commit" else "-O2")
    if level == "commit":
        equal, tried = outcome(program, 0, STRIDE)
        assert equal == "1" and tried
        return
    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        for equal, tried in pool.map(lambda k: outcome(program, k, cores), range(cores)):
            assert equal == "1" and tried


# --- negative controls -------------------------------------------------------------------------


# An instruction that takes no account of a carry or a sign, or branches the other way
LOSES = {"adc": "add", "sbc": "sub", "sbci": "subi", "cpc": "cp", "ror": "lsr", "asr": "lsr"}
LOSES |= {"mul": "mulsu", "mulsu": "mul", "muls": "mul", "fmul": "mul", "inc": "dec"}
LOSES |= {"brbs": "brbc", "brbc": "brbs", "sbrs": "sbrc", "sbrc": "sbrs"}
FRAME = ("push", "pop", "ret", "in", "out", "rcall", "bset", "bclr")


def mutants(code: Code) -> dict[str, Code]:
    """The function with one instruction changed: left out, or one that loses a carry or a sign in
    its place. What only keeps registers on the stack is left alone.
    """
    found = {}
    for at, (place, one) in enumerate(code.instructions):
        if one.name in FRAME:
            continue
        others = [Instruction("nop", words=one.words)]
        if one.name in LOSES:
            others.append(one._replace(name=LOSES[one.name]))
        for other in others:
            changed = (*code.instructions[:at], (place, other), *code.instructions[at + 1 :])
            found[f"{at}: {one.name} -> {other.name}"] = replace(code, instructions=changed)
    return found


HELD = range(2, 8)  # inputs in registers
# Kernel -> changes that no operand can show, and why.
HARMLESS = {
    # no int16 is below this literal
    "above_minus_32768": {"sbci -> subi", "eor -> nop"},
    "above_32767": {"brbc -> nop"},  # an int16 is at most this one: the distance is 0 either way
    "above_0": {"sbci -> subi"},  # a low byte of 0 leaves no borrow
    "above_256": {"sbci -> subi"},
    "square": {"sbci -> nop"},  # no square ends in the byte 255, where a carry would go on
    # the same; and of values below 2^15 the high byte is below 128, so that its products are, too
    "interpolate_square": {"sbci -> nop", "mul -> mulsu", "adc -> nop", "adc -> add"},
    "interpolate_high": {"mul -> mulsu", "adc -> nop", "adc -> add"},
    "log2": {"and -> nop"},  # whether there is a high byte: without, bit by bit to the same place
    "curves": {"eor -> nop"},  # the byte is 0: what it held was shifted out of it
    # `called` adds where the row went, in C around the kernel
    "scale_byte": {"sbc -> sub", "eor -> nop"},
    "scale_word": {"sbc -> sub", "eor -> nop"},
    "widen_word": {"sbc -> sub", "eor -> nop"},
    # a byte is cleared once more than a share of eight bits needs, a sign is tested that is known
    **{f"relu_held_{n}_w8_{acc}": {"eor -> nop", "and -> nop"} for n in HELD for acc in (24, 32)},
    # the same; the unit is not negative: the sign of its high byte's product is 0
    **{
        f"relu_held_{n}_w16_32": {"eor -> nop", "and -> nop", "mulsu -> mul", "sbc -> sub"}
        for n in HELD
    },
    # the unit is not negative: the sign of its high byte's product is 0
    **{
        f"relu_{kind}_{x}_w16_32": {"mulsu -> mul", "sbc -> sub"}
        for kind in ("net", "pairs", "quads")
        for x in ("s8", "u8", "s16")
    },
    # a fine sum that is negative is left alone: the sign that a shift keeps is 0
    **{
        f"fine_{kind}_{shift}_{operands}": ({"asr -> lsr"} if shift == 4 else set())
        | ({"mulsu -> mul", "sbc -> sub"} if operands == "w16_32" else set())
        for kind in ("net", "pairs", "quads")
        for shift in (1, 4)
        for operands in ("w8_24", "w8_32", "w16_32")
    },
}
FEW = ("tinygen_high_round", "tinygen_scale_words", "tinygen_leaf", "tinygen_dot_s16_w8_24")


def survivors(case: Case, code: Code, folder: Path) -> list[str]:
    """The changes that no choice of operands of a sample shows."""
    changed = mutants(code)
    equal, _ = outcome(compiled(case, list(changed.values()), folder, "-O1"), 0, STRIDE)
    return [name for name, one in zip(changed, equal, strict=True) if one == "1"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_changed_instruction_is_seen(case, kernels, level, tmp_path):
    if level == "commit" and case.name not in FEW:
        pytest.skip("every instruction of every kernel: --level release")
    harmless = HARMLESS.get(case.name.removeprefix("tinygen_"), set())
    seen = [name.partition(": ")[2] for name in survivors(case, kernels[case.name], tmp_path)]
    assert set(seen) <= harmless


def test_every_kernel_in_assembly_has_a_case(toolchain, tmp_path):
    """But those for trees that are code, which tests/codegen/test_tree_code.py runs."""
    for name, text in runtime().items():
        (tmp_path / name).write_text(text)
    (tmp_path / "all.c").write_text('#include "tinygen_fixed.h"\n')
    words = [toolchain.avr_gcc, "-mmcu=atmega328p", "-Os", "-E", "-P", "all.c"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    text = re.sub(r"__result; *__asm__", "", done.stdout)  # avr-libc's pgm_read_byte
    parts = re.split(r"static inline [\w \*]*?\b(tinygen_\w+)\(", text)
    written = {name for name, body in zip(parts[1::2], parts[2::2]) if "__asm__" in body}
    assert written and written == {c.name for c in CASES if "above" not in c.name}
