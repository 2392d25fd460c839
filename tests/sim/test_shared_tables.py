"""A header in two files of one program: its tables are in flash once, where TINYGEN_SHARED asks."""

import itertools
import re
import subprocess
from dataclasses import replace

import pytest
from elftools.elf.elffile import ELFFile
from every_model import LANGUAGES, program, wrong_answers
from random_models import random_models
from test_compilers import compiler, compilers  # noqa: F401 -- a fixture

from tinygen.codegen.chain import constant_bytes
from tinygen.codegen.emit import render_header
from tinygen.common.boards import BOARDS

GOALS = {"mlp": "balanced", "forest": "size", "lookup_fine": "balanced", "votes": "size"}
MODELS = [  # of trees as bytes: straight code has no tables
    replace(random_models()[name], name=name, optimize=goal) for name, goal in GOALS.items()
]
OTHER = """
int16_t other_{name}(const int16_t *x);
int16_t other_{name}(const int16_t *x)
{{
    return {name}_predict(x) + TINYGEN_READ_I16(&{name}_range[0][0]);
}}
"""
RAM = 0x800000  # where addresses of data begin, in an AVR's ELF file
SECTIONS = ("-Os", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections")
GRID = list(itertools.product(("7.3", "5.4"), LANGUAGES, ("uno", "megaatmega2560"), ("", "-flto")))
COMMIT = {
    ("7.3", "c", "uno", ""),
    ("7.3", "cpp", "megaatmega2560", "-flto"),
    ("5.4", "cpp", "megaatmega2560", ""),
}


def two_files(models) -> dict[str, str]:
    """The program of `every_model`, and a second file that uses all of its headers as well."""
    texts = program(models)
    includes = "".join(f'#include "{model.name}.h"\n' for model in models)
    other = "".join(OTHER.format(name=model.name) for model in models)
    calls = "".join(f"    noise += other_{model.name}({model.name}_row);\n" for model in models)
    declared = "".join(f"int16_t other_{model.name}(const int16_t *x);\n" for model in models)
    main = texts["main.c"].replace(
        "\nint main(void)\n{\n", f"\n{declared}\nint main(void)\n{{\n{calls}"
    )
    return texts | {"main.c": main, "other.c": includes + other}


def linked(texts, one, language, flags, board, folder) -> subprocess.CompletedProcess:
    """The compiler's run over main and, if there, other."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = []
    for file, text in texts.items():
        if file.endswith(".c"):
            file = f"{file[:-2]}.{language}"
            sources.append(file)
        (folder / file).write_text(text)
    name, standard = LANGUAGES[language]
    gcc = one.gcc.with_name(one.gcc.name.replace("avr-gcc", name))
    command = [gcc, f"-mmcu={board.mcu}", standard, "-Wall", "-Wextra", "-Werror", *SECTIONS]
    command += [*filter(None, flags), *sources, "-o", "main.elf"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def built(texts, *how):
    """The linked program; a compiler message fails the test."""
    done = linked(texts, *how)
    assert done.returncode == 0, done.stderr
    return how[-1] / "main.elf"


def tables(elf) -> dict[str, set[int]]:
    """Name of each of the models' tables -> where copies of it stand in flash."""
    with open(elf, "rb") as stream:
        symbols = list(ELFFile(stream).get_section_by_name(".symtab").iter_symbols())
    found: dict[str, set[int]] = {}
    for symbol in symbols:
        # C++ has a prefix for local names, link-time optimisation a number behind them
        name = re.sub(r"^_ZL\d+", "", symbol.name).split(".")[0]
        ours = any(name.startswith(f"{model.name}_") for model in MODELS)
        data = symbol["st_info"]["type"] == "STT_OBJECT" and symbol["st_value"] < RAM
        if ours and data and "_vector_" not in name:
            found.setdefault(name, set()).add(symbol["st_value"])
    return found


def flash_bytes(elf) -> int:
    with open(elf, "rb") as stream:
        return len(ELFFile(stream).get_section_by_name(".text").data())


@pytest.mark.parametrize(
    "version, language, board, lto", GRID, ids=[" ".join(filter(None, case)) for case in GRID]
)
def test_shared_tables_stand_in_flash_once(
    compilers,  # noqa: F811
    level,
    version,
    language,
    board,
    lto,
    tmp_path,
):
    if level == "commit" and (version, language, board, lto) not in COMMIT:
        pytest.skip("both compilers in every way: --level release")
    one, chip, elfs = compiler(compilers, version), BOARDS[board], {}
    for shared in ("", "-DTINYGEN_SHARED"):
        how = (one, language, (lto, shared), chip, tmp_path / f"two{shared}")
        elfs[shared] = built(two_files(MODELS), *how)
        assert wrong_answers(elfs[shared], MODELS, chip) == {}
    apart, once = tables(elfs[""]), tables(elfs["-DTINYGEN_SHARED"])
    assert len(once) > 8 and {len(places) for places in once.values()} == {1}
    if not lto:  # which may inline what is not shared, and drop its name
        assert set(once) == set(apart)
        twice = {name for name, places in apart.items() if len(places) == 2}
        assert twice == {name for name in once if not name.endswith("_range")}
    tables_bytes = sum(map(constant_bytes, MODELS))
    saved = flash_bytes(elfs[""]) - flash_bytes(elfs["-DTINYGEN_SHARED"])
    assert saved == tables_bytes if not lto else saved >= tables_bytes
    # and the header in one file costs nothing, shared or not
    for shared in ("", "-DTINYGEN_SHARED"):
        how = (one, language, (lto, shared), chip, tmp_path / f"one{shared}")
        elfs[shared] = built(program(MODELS), *how)
    assert flash_bytes(elfs[""]) == flash_bytes(elfs["-DTINYGEN_SHARED"])


def test_the_commit_has_one_of_each_kind():
    for kind, values in enumerate(zip(*GRID)):
        assert {case[kind] for case in COMMIT} == set(values)


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_models_of_one_name_are_not_mixed_up(compilers, language, tmp_path):  # noqa: F811
    """Apart each file has its own; shared the linker refuses, for one would answer as the other."""
    one, chip, model = compiler(compilers, "7.3"), BOARDS["uno"], MODELS[0]
    dense = model.nodes[-2]
    moved = replace(dense, weights=(tuple(-w for w in dense.weights[0]), *dense.weights[1:]))
    nodes = tuple(moved if node is dense else node for node in model.nodes)
    texts = two_files(MODELS[:1])
    texts["elsewhere.h"] = render_header(replace(model, nodes=nodes))
    texts["other.c"] = texts["other.c"].replace(f"{model.name}.h", "elsewhere.h")
    assert built(texts, one, language, (), chip, tmp_path / "apart")
    done = linked(texts, one, language, ("-DTINYGEN_SHARED",), chip, tmp_path / "shared")
    assert (
        done.returncode
        and f"multiple definition of `tinygen_tables_of_{model.name}'" in done.stderr
    )
