"""Whatever the compiler makes of a kernel, the answers are the twin's.

A commit runs every model in the programs of COMMIT, six of the grid's 48: each level, and each
pair of a language, a compiler, and link-time optimisation or none. -Os in C is in test_chip.
`--level release` runs the whole grid: -O0, -Og, -O1, -O2, -O3, -Os, each with and without -flto, in
C and in C++, by GCC 7.3 (PlatformIO, Arduino) and GCC 5.4 (Debian).
"""

import itertools
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from every_model import LANGUAGES, Compiler, compiled, program, variants, wrong_answers
from needs import unavailable
from random_models import random_models

from tinygen.codegen.emit import render_header, runtime
from tinygen.common.boards import BOARDS
from tinygen.common.choices import OPTIMIZE
from tinygen.model.model import Model, load

MEGA = BOARDS["megaatmega2560"]  # all models in a few programs: 256 KB of flash
HOUSE = Path(__file__).parent.parent / "golden" / "house"
TOGETHER = 24  # models in one program: their tables stay within 64 KB
LEVELS = ("-O0", "-Og", "-O1", "-O2", "-O3", "-Os")
GRID = list(itertools.product(LEVELS, ("", "-flto"), LANGUAGES, ("7.3", "5.4")))
COMMIT = {
    ("-O0", "", "c", "7.3"),
    ("-Og", "-flto", "c", "7.3"),
    ("-O1", "", "cpp", "5.4"),
    ("-O2", "-flto", "c", "5.4"),
    ("-O3", "", "cpp", "7.3"),
    ("-Os", "-flto", "cpp", "7.3"),
}
FEW = (
    "linear16",
    "squares",
    "mlp_layer",
    "softmax",
    "additive_wide",
    "votes",
    "tree_code",
    "votes_code",
)


@cache
def all_models() -> list[Model]:
    """Every random model and one of each family, for each goal that gives a text of its own."""
    families = [
        replace(load(path), name=path.stem.replace("-", "_")[:20])
        for path in sorted(HOUSE.glob("*-*.json"))
    ]
    return variants([*random_models().values(), *families], OPTIMIZE)


@pytest.fixture(scope="session")
def compilers(simavr) -> dict[str, Compiler]:
    """The compiler that tinygen uses, and the distribution's."""
    found = {}
    for gcc in (simavr.avr_gcc, shutil.which("avr-gcc")):
        if gcc:
            version = subprocess.run(
                [gcc, "-dumpversion"], capture_output=True, text=True, check=True
            ).stdout.strip()
            found[version.rpartition(".")[0]] = Compiler(Path(gcc), version)
    return found


def compiler(compilers, version: str) -> Compiler:
    if version not in compilers:
        unavailable(f"no avr-gcc {version}: apt install gcc-avr is 5.4, tinygen setup installs 7.3")
    return compilers[version]


def wrong(texts, models, one: Compiler, language: str, flags, folder) -> dict[str, tuple[int, int]]:
    return wrong_answers(compiled(texts, one, language, flags, MEGA, folder), models, MEGA)


@pytest.mark.parametrize(
    "optimisation, lto, language, version",
    GRID,
    ids=[" ".join(filter(None, case)) for case in GRID],
)
def test_every_model_is_right(optimisation, lto, language, version, compilers, level, tmp_path):
    if level == "commit" and (optimisation, lto, language, version) not in COMMIT:
        pytest.skip("whole grid of compilers and levels: --level release")
    flags = [optimisation, *([lto] if lto else [])]
    every = all_models()
    for place in range(0, len(every), TOGETHER):
        models = every[place : place + TOGETHER]
        texts = program(models)
        assert (
            wrong(
                texts, models, compiler(compilers, version), language, flags, tmp_path / str(place)
            )
            == {}
        )


def test_the_commits_programs_have_one_of_each_kind_and_of_each_pair():
    assert set(GRID) >= COMMIT
    for kind, values in enumerate(zip(*GRID)):
        assert {case[kind] for case in COMMIT} == set(values)
    for one, other in itertools.combinations(range(1, 4), 2):
        pairs = {(case[one], case[other]) for case in GRID}
        assert {(case[one], case[other]) for case in COMMIT} == pairs


@pytest.mark.parametrize("place", ["before", "behind"])
@pytest.mark.parametrize("goal", ["O0", "O1", "O2", "O3"])
def test_a_pragma_in_the_sketch_changes_no_answer(goal, place, compilers, level, tmp_path):
    """A commit: each place of it with each compiler, and each level once."""
    if level == "commit" and (goal in ("O0", "O3")) == (place == "behind"):
        pytest.skip("each level in each place: --level release")
    few = variants([random_models()[name] for name in FEW], ["balanced", "speed"])
    pragma, texts = f'#pragma GCC optimize ("{goal}")\n', program(few)
    head, main = texts["main.c"].split("\nstatic int16_t", 1)
    texts["main.c"] = (
        pragma + head + "\nstatic int16_t" + main
        if place == "before"
        else head + "\n" + pragma + "static int16_t" + main
    )
    for version, language in (("7.3", "cpp"), ("5.4", "c")):
        assert (
            wrong(texts, few, compiler(compilers, version), language, ["-Os"], tmp_path / version)
            == {}
        )


# --- whatever surrounds a call -----------------------------------------------------------------

CROWDED = """
#include <avr/io.h>
#include "{name}.h"

extern volatile uint32_t noise;
extern int16_t row[{upper}_INPUTS];
uint16_t elsewhere(uint16_t, uint32_t);
int16_t words(uint16_t p, uint32_t q);
int16_t longs(uint32_t p, uint32_t q, uint32_t r);
uint16_t calls(uint16_t p, uint32_t q);

#if CALLER == 0
int16_t words(uint16_t p, uint32_t q)
{{
    uint16_t a = (uint16_t)noise, b = (uint16_t)noise, c = (uint16_t)noise, d = (uint16_t)noise;
    uint16_t e = (uint16_t)noise, f = (uint16_t)noise, g = (uint16_t)noise, h = (uint16_t)noise;
    int16_t y = {name}_predict(row);
    a += b; b ^= c; c += d; d ^= e; e += f; f ^= g; g += a; h ^= b;
    noise = a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ p ^ q;
    return y;
}}
#elif CALLER == 1
int16_t longs(uint32_t p, uint32_t q, uint32_t r)
{{
    uint32_t a = noise, b = noise, c = noise, d = noise;
    int16_t y = 0;
    for (uint8_t k = 0; k < 5; ++k) {{
        y = (int16_t)(y + {name}_predict(row));
        a += b; b ^= c; c += d; d ^= a;
        row[0] = (int16_t)a;
    }}
    noise = a ^ b ^ c ^ d ^ p ^ q ^ r;
    return y;
}}
#else
uint16_t calls(uint16_t p, uint32_t q)
{{
    uint16_t a = elsewhere(p, q), b = elsewhere(a, q), c = elsewhere(b, q), d = elsewhere(c, q);
    for (uint8_t k = 0; k < 9; ++k) {{
        int16_t x[{upper}_INPUTS];
        for (uint8_t i = 0; i < {upper}_INPUTS; ++i) {{
            x[i] = (int16_t)elsewhere(a, q);
        }}
        a = elsewhere(a, (uint32_t)({name}_predict(x) + b));
        b += c; c ^= d; d += a;
    }}
    return a ^ b ^ c ^ d;
}}
#endif
"""
TIGHT = (
    "squares_wide",
    "mlp_layer",
    "mlp_long",
    "mlp_wide",
    "mlp_wide16",
    "mlp_unsigned_wide",
    "linear16",
    "linear_wide",
    "tree_code",
    "votes_code",
    "code_alone",
    "rows_of_five",
)


def refused(model, one: Compiler, language: str, optimisation: str, folder, headers) -> list[str]:
    """The first error of each crowded caller that the compiler gives up on."""
    name, standard = LANGUAGES[language]
    for file, text in {
        **headers,
        f"{model.name}.h": render_header(model),
        f"user.{language}": CROWDED.format(name=model.name, upper=model.name.upper()),
    }.items():
        (folder / file).write_text(text)
    errors = []
    for caller in range(3):
        done = subprocess.run(
            [
                one.gcc.with_name(one.gcc.name.replace("avr-gcc", name)),
                "-mmcu=atmega328p",
                standard,
                optimisation,
                f"-DCALLER={caller}",
                "-c",
                f"user.{language}",
                "-o",
                "user.o",
            ],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        errors += [line for line in done.stderr.splitlines() if " error: " in line][:1]
    return errors


@pytest.mark.parametrize("version", ["7.3", "5.4"])
def test_every_model_compiles_inside_of_a_crowded_function(version, compilers, level, tmp_path):
    """A commit: the kernels with the most operands, by one compiler at -Os and by the other at
    -O2; a release: all, everywhere.
    """
    every = level == "release"
    quick = {"7.3": ("-Os",), "5.4": ("-O2",)}
    models = (
        all_models() if every else variants([random_models()[name] for name in TIGHT], OPTIMIZE)
    )
    for model in models:
        for optimisation in LEVELS[1:] if every else quick[version]:
            for language in LANGUAGES if every else ("c",):
                assert (
                    refused(
                        model,
                        compiler(compilers, version),
                        language,
                        optimisation,
                        tmp_path,
                        runtime(),
                    )
                    == []
                )


# --- negative controls -------------------------------------------------------------------------


def mutated(right: str, mistaken: str) -> dict[str, str]:
    """The runtime's headers with one piece of text replaced wherever it stands."""
    changed = {name: text.replace(right, mistaken) for name, text in runtime().items()}
    assert changed != runtime()
    return changed


@pytest.mark.parametrize(
    "right, mistaken, flags",
    [
        ("__asm__ __volatile__(", "__asm__(", ["-O3"]),
        ('"memory"', '"cc"', ["-Os"]),
    ],
    ids=["volatile", "memory"],
)
def test_an_operand_that_is_not_told_is_seen(right, mistaken, flags, compilers, tmp_path):
    models = variants(
        [random_models()[name] for name in ("linear16", "squares", "mlp_layer", "linear8")],
        ["balanced"],
    )
    texts = program(models) | mutated(right, mistaken)
    assert wrong(texts, models, compiler(compilers, "7.3"), "c", flags, tmp_path)


def test_a_kernel_that_finds_no_registers_is_seen(compilers, tmp_path):
    (model,) = variants([random_models()["squares_wide"]], ["balanced"])
    headers = mutated("register const int8_t *in __asm__(place) = u;", "const int8_t *in = u;")
    assert (
        "SIMPLE_LD_REGS"
        in refused(model, compiler(compilers, "7.3"), "c", "-Os", tmp_path, headers)[0]
    )
