"""One program that holds many models and asks each for its test rows, in a loop.

What the compiler makes of a kernel depends on what it knows around the call, so that a model alone
in a function proves little: here `NAME_self_test` is inlined into `main` or not, as the compiler
likes, and `NAME_again` keeps other values alive across the calls and changes one input of a row in
memory at a time.
"""

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from elftools.elf.elffile import ELFFile
from tinygen.host.virtual.simavr import SimBoard

from tinygen.codegen.emit import render_header, runtime, vectors

RUN_CYCLES = 2_000_000_000
LANGUAGES = {"c": ("avr-gcc", "-std=gnu99"), "cpp": ("avr-g++", "-std=gnu++11")}
START = """/* Counts for each model how many of its rows are answered wrongly. */
#include <avr/io.h>
"""
AGAIN = """
static int16_t {name}_row[{upper}_INPUTS];

/* Wrong rows among the test rows, last first; between two, one input after the other changes. */
static uint8_t {name}_again(volatile uint16_t *noise)
{{
    uint16_t a = *noise, b = *noise, c = *noise, d = *noise, e = *noise, f = *noise, g = *noise;
    uint8_t wrong = 0;
    int16_t sum = 0;
    for (uint8_t row = {upper}_VECTORS; row-- > 0;) {{
        for (uint8_t i = 0; i < {upper}_INPUTS; ++i) {{
            sum += {name}_predict({name}_row);
            {name}_row[i] = TINYGEN_READ_I16(&{name}_vector_inputs[row][i]);
        }}
        const int16_t y = {name}_predict({name}_row);
        a += b; b ^= c; c += d; d ^= e; e += f; f ^= g; g += a;
        wrong += y != TINYGEN_READ_I16(&{name}_vector_outputs[row]);
    }}
    *noise = a ^ b ^ c ^ d ^ e ^ f ^ g ^ (uint16_t)sum;
    return wrong;
}}
"""
MAIN = """
volatile uint8_t wrong[{models}][2], done;
volatile uint16_t noise;

int main(void)
{{
{calls}
    done = 1;
    for (;;) {{
    }}
}}
"""


@dataclass(frozen=True)
class Compiler:
    """One AVR compiler."""

    gcc: Path
    version: str


def program(models) -> dict[str, str]:
    """The files of the program, main.c among them: file -> text. No two models share a name."""
    texts, main, calls = dict(runtime()), [START], []
    for place, model in enumerate(models):
        texts |= {f"{model.name}.h": render_header(model), **vectors(model)}
        main.append(f'#include "{model.name}_vectors.h"\n')
        calls += [
            f"    wrong[{place}][0] = {model.name}_self_test();",
            f"    wrong[{place}][1] = {model.name}_again(&noise);",
        ]
    main += [AGAIN.format(name=model.name, upper=model.name.upper()) for model in models]
    return {
        **texts,
        "main.c": "".join(main) + MAIN.format(models=len(models), calls="\n".join(calls)),
    }


def variants(models, goals) -> list:
    """Every model for every goal of --optimize that gives a text of its own, under its own name."""
    found = {}
    for model in models:
        for goal in goals:
            found.setdefault(
                render_header(replace(model, optimize=goal)),
                replace(model, name=f"{model.name}_{goal}", optimize=goal),
            )
    return list(found.values())


def compiled(
    texts: dict[str, str], compiler: Compiler, language: str, flags, board, folder: Path
) -> Path:
    """The linked program; a compiler message fails the test."""
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        (folder / file).write_text(text)
    name, standard = LANGUAGES[language]
    source, elf = f"main.{language}", folder / "main.elf"
    (folder / source).write_text(texts["main.c"])
    command = [
        compiler.gcc.with_name(compiler.gcc.name.replace("avr-gcc", name)),
        f"-mmcu={board.mcu}",
        standard,
        "-Wall",
        "-Wextra",
        "-Werror",
        *flags,
        source,
        "-o",
        elf.name,
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return elf


def wrong_answers(elf: Path, models, board) -> dict[str, tuple[int, int]]:
    """Model -> rows answered wrongly in its self-test and in the second loop, if any."""
    with open(elf, "rb") as stream:
        symbols = {
            s.name: s["st_value"] & 0xFFFF
            for s in ELFFile(stream).get_section_by_name(".symtab").iter_symbols()
        }
    with SimBoard(board, elf) as chip:
        assert chip.run_until(
            lambda sim: sim.read_memory(symbols["done"], 1) == b"\1", RUN_CYCLES, 200_000
        )
        counts = chip.read_memory(symbols["wrong"], 2 * len(models))
    found = {
        model.name: (counts[2 * place], counts[2 * place + 1]) for place, model in enumerate(models)
    }
    return {name: pair for name, pair in found.items() if any(pair)}
