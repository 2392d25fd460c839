"""A header with the runtime inside: it needs no file, holds nothing that is not used, answers what
the twin answers, and goes together with others of its kind.
"""

import re
import subprocess
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from every_model import MAIN, START, Compiler, compiled, wrong_answers
from exported import every_model, flipped, row_models
from host_c import LINK, STRICT
from needs import need

from tinygen.codegen.chain import constant_bytes
from tinygen.codegen.emit import render_header, runtime
from tinygen.codegen.exports import check_rows, checked
from tinygen.codegen.parts import SIGNAL_RUNTIME, firmware_text
from tinygen.codegen.stripped.header import alone
from tinygen.codegen.stripped.items import Branch, negated, read_all
from tinygen.codegen.stripped.reach import condition_of, possible, settings_of
from tinygen.common.boards import BOARDS
from tinygen.model.fixedpoint import MISSING, NOT_SURE
from tinygen.target.avr_gcc import read_size

ROWS = 600
UNO, MEGA = BOARDS["uno"], BOARDS["megaatmega2560"]
SYNTAX = {"g++": ("g++", "-std=c++11", "-xc++"), "clang": ("clang", "-std=c99", "-xc")}
RUN = """
static int {name}_run(void)
{{
    int16_t x[{upper}_INPUTS];
    for (int n = 0; n < {rows}; ++n) {{
        if (fread(x, sizeof x, 1, stdin) != 1) {{
            return 1;
        }}
        int16_t y = {name}_predict(x);
        fwrite(&y, sizeof y, 1, stdout);
    }}
    return 0;
}}
"""


@cache
def files_of(name: str) -> dict[str, str]:
    """NAME.h and NAME_vectors.h."""
    return checked(every_model()[name])


def header_of(name: str) -> str:
    return files_of(name)[f"{name}.h"]


@pytest.fixture(scope="module")
def all_headers(tmp_path_factory):
    """A folder of all headers, and main.c, which includes all of them and checks each."""
    folder = tmp_path_factory.mktemp("headers")
    for name in every_model():
        for file, text in files_of(name).items():
            (folder / file).write_text(text)
    lines = [f'#include "{name}_vectors.h"' for name in every_model()]
    checks = " + ".join(f"({name}_self_test() != 0)" for name in every_model())
    text = "\n".join([*lines, f"int main(void)\n{{\n    return {checks};\n}}\n"])
    (folder / "main.c").write_text(text)
    return folder


@pytest.mark.parametrize("compiler", SYNTAX)
def test_headers_of_all_models_stand_in_one_file(compiler, all_headers):
    need(compiler)
    command = [*SYNTAX[compiler], *STRICT, "-fsyntax-only", "main.c"]
    done = subprocess.run(command, cwd=all_headers, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:3000]


def test_and_each_passes_its_check_there(all_headers):
    need("gcc")
    command = ["gcc", "-std=c99", *STRICT, "-O0", "main.c", "-o", "main", *LINK]
    done = subprocess.run(command, cwd=all_headers, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:3000]
    assert subprocess.run([all_headers / "main"]).returncode == 0


def answers(models, rows, folder) -> list[np.ndarray]:
    """What the headers answer to raw rows, all in one program."""
    need("gcc")
    folder.mkdir()
    text = ["#include <stdio.h>\n"]
    for model in models:
        (folder / f"{model.name}.h").write_text(checked(model)[f"{model.name}.h"])
        text.append(f'#include "{model.name}.h"\n')
        text.append(RUN.format(name=model.name, upper=model.name.upper(), rows=ROWS))
    calls = " || ".join(f"{m.name}_run()" for m in models)
    (folder / "main.c").write_text(f"{''.join(text)}int main(void)\n{{\n    return {calls};\n}}\n")
    command = ["gcc", "-std=c99", *STRICT, "-O0", "main.c", "-o", "main", *LINK]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:3000]
    fed = b"".join(r.astype("<i2").tobytes() for r in rows)
    ran = subprocess.run([folder / "main"], input=fed, capture_output=True, check=True)
    found = np.frombuffer(ran.stdout, dtype="<i2").astype(np.int64)
    return np.split(found, len(models))


def test_every_header_answers_what_the_twin_answers(tmp_path):
    models = list(row_models().values())
    rows = [model.sample_rows(ROWS, seed=3) for model in models]
    for some in rows:
        some[5:9, 0] = MISSING
    found = answers(models, rows, tmp_path / "all")
    for model, some, got in zip(models, rows, found):
        assert (got == model.values(some)[:, 0]).all(), model.name


def test_a_changed_number_is_seen(tmp_path):
    models = [row_models()[name] for name in ("linear16", "mlp", "votes", "forest", "squares")]
    rows = [model.sample_rows(ROWS, seed=3) for model in models]
    for model, some, got in zip(
        models, rows, answers(list(map(flipped, models)), rows, tmp_path / "all")
    ):
        assert (got != model.values(some)[:, 0]).any(), model.name


# ---- nothing is left over ----


def public(header: str, name: str) -> list[str]:
    """The functions that a program may call and need not, and those behind macros for it."""
    own = re.findall(rf"^static (?:inline )?(?:const )?\w+ \*?({name}\w*)\(", header, re.M)
    offered = ("tinygen_raw", "tinygen_physical", "tinygen_in_reach")
    return [*own, *(f for f in offered if f" {f}(" in header)]


def used_up(header: str, name: str) -> str:
    """A program that takes the address of each public function; what else the header defines is
    static, not inline, so that a compiler tells what nobody calls.
    """
    bare = re.sub("static (?:inline|TINYGEN_INLINE)", "static", header)
    bare = bare.replace("(noinline, unused)", "(noinline)")
    users = ", ".join(f"(void (*)(void)){f}" for f in public(bare, name))
    return f"{bare}\nvoid (*const users[])(void) = {{ {users} }};\n"


LEFT_OVER = ["-Wall", "-Wextra", "-Werror", "-Wunused-function", "-Wno-cast-function-type"]
LEFT_OVER += ["-Wno-unused-variable", "-Wno-unused-const-variable"]  # NAME_range is for sketches


def complaints(text: str, command, folder) -> str:
    (folder / "one.c").write_text(text)
    done = subprocess.run(
        [*command, *LEFT_OVER, "one.c"], cwd=folder, capture_output=True, text=True
    )
    return done.stderr


# this computer; chips with assembly, with tables beyond the reach of LPM, without a multiplier
TARGETS = ("host", "atmega328p", "atmega2560", "attiny85")


@pytest.mark.parametrize("name", every_model())
def test_no_function_is_left_unused(name, toolchain, tmp_path, level):
    """On each target for every model at a release, on one of them at a commit."""
    need("clang")
    turn = list(every_model()).index(name) % len(TARGETS)
    for target in TARGETS if level == "release" else TARGETS[turn : turn + 1]:
        gcc = [toolchain.avr_gcc, f"-mmcu={target}", "-std=gnu99", "-Os", "-S", "-o", "one.s"]
        command = ["clang", "-std=c99", "-fsyntax-only"] if target == "host" else gcc
        assert not complaints(used_up(header_of(name), name), command, tmp_path), target


def test_the_whole_runtime_is_seen_as_left_over(tmp_path, monkeypatch):
    """Negative control: names of everything there is."""
    need("clang")
    texts = {file: firmware_text(f"include/{file}") for file in SIGNAL_RUNTIME}
    model = row_models()["mlp"]
    whole = alone(render_header(model), {}, texts, [" ".join(texts.values())])
    clang = ["clang", "-std=c99", "-fsyntax-only"]
    assert "unused function 'tinygen_curves'" in complaints(used_up(whole, "mlp"), clang, tmp_path)


def test_a_header_holds_little_of_the_runtime():
    inside = {
        name: set(re.findall(r"#define (TINYGEN_\w+)", header_of(name)))
        for name in ("branches", "linear8", "mlp")
    }
    assert not {n for n in inside["branches"] if re.search("DOT|RELU|TREES|CURVE|ASM", n)}
    assert "TINYGEN_HAS_DOT_S8_W8_24" in inside["linear8"]
    assert not {n for n in inside["mlp"] if re.search("CURVE|TREES|LEAF|LOG2", n)}
    whole = sum(len(text) for text in runtime().values())
    for name in inside:
        own = len(render_header(row_models()[name]))
        assert len(header_of(name)) - own < whole / 4, name


@pytest.mark.parametrize("name", every_model())
def test_it_is_text_as_other_headers_are(name):
    header = header_of(name)
    assert '#include "' not in header and header.isascii() and header.endswith("\n")
    named = set(re.findall(r"tinygen_\w+\.h", header))
    assert named <= {"tinygen_fixed.h"}  # in its #error
    for line in header.splitlines():
        assert len(line) <= 120 and line == line.rstrip()


# ---- on the chip ----

ON_CHIP = ("linear16", "polynomial", "mlp", "votes", "unsure", "several", "forest", "additive_wide")


@pytest.mark.parametrize("board", [UNO, MEGA], ids=["uno", "mega"])
def test_the_chip_passes_every_check_and_fails_a_changed_one(board, simavr, tmp_path):
    models = [row_models()[name] for name in ON_CHIP]
    wrong = replace(flipped(row_models()["mlp"]), name="changed")
    right = replace(row_models()["mlp"], name="changed")
    texts = {file: text for name in ON_CHIP for file, text in files_of(name).items()}
    texts |= checked(right)
    texts["changed.h"] = checked(wrong)["changed.h"]
    names = [*ON_CHIP, "changed"]
    calls = [f"    wrong[{k}][0] = {name}_self_test();" for k, name in enumerate(names)]
    includes = [f'#include "{name}_vectors.h"\n' for name in names]
    main = MAIN.format(models=len(names), calls="\n".join(calls)).replace(
        "volatile uint16_t noise;\n", ""
    )
    texts["main.c"] = "".join([START, *includes, main])
    compiler = Compiler(simavr.avr_gcc, "")
    flags = ["-Os", "-ffunction-sections", "-Wl,--gc-sections"]
    elf = compiled(texts, compiler, "c", flags, board, tmp_path)
    found = wrong_answers(elf, [*models, right], board)
    assert set(found) == {"changed"}, found


CODE = '#include "NAME.h"\nint16_t run(const int16_t *x)\n{\n    return NAME_predict(x);\n}\n'


@pytest.mark.parametrize("name", ["polynomial", "mlp", "additive_wide", "votes_code"])
def test_the_machine_code_is_that_of_the_library(name, toolchain, tmp_path):
    found = []
    for kind, texts in (
        ("alone", {f"{name}.h": header_of(name)}),
        ("beside", {f"{name}.h": render_header(row_models()[name]), **runtime()}),
    ):
        (tmp_path / kind).mkdir()
        for file, text in {**texts, "run.c": CODE.replace("NAME", name)}.items():
            (tmp_path / kind / file).write_text(text)
        words = [toolchain.avr_gcc, "-mmcu=atmega328p", "-std=gnu99", "-Os", "-c", "run.c"]
        subprocess.run(words, cwd=tmp_path / kind, check=True)
        with open(tmp_path / kind / "run.o", "rb") as stream:
            sections = list(ELFFile(stream).iter_sections())
            found.append({s.name: s.data() for s in sections if s["sh_flags"] & SH_FLAGS.SHF_ALLOC})
    assert found[0] == found[1] and len(found[0][".text"]) > 50


# ---- together ----


def test_another_version_is_refused(tmp_path):
    need("gcc")
    first, second = header_of("mlp"), header_of("linear8")
    version = re.search(r"TINYGEN_INSIDE (0x\w+)", second)[1]
    for text in (first + second, first + second.replace(version, "0x12345678UL")):
        done = subprocess.run(
            ["gcc", "-xc", "-std=c99", "-fsyntax-only", "-"],
            input=text,
            capture_output=True,
            text=True,
        )
        assert (done.returncode == 0) == (version in second and "0x12345678" not in text)
    assert "of two versions of tinygen" in done.stderr


def test_a_header_with_the_runtime_beside_it_is_told_apart(tmp_path):
    need("gcc")
    for file, text in runtime().items():
        (tmp_path / file).write_text(text)
    text = render_header(row_models()["linear8"]) + header_of("mlp")
    done = subprocess.run(
        ["gcc", "-xc", "-std=c99", "-fsyntax-only", "-I", tmp_path, "-"],
        input=text,
        capture_output=True,
        text=True,
    )
    assert done.returncode and "export all models in the same way" in done.stderr


PART = """#include "{first}.h"
#include "{second}.h"
int part_{k}(void);
int part_{k}(void)
{{
    static const int16_t x[{upper}_INPUTS] = {{0}};
    return {first}_predict(x) + {second}_predict(x);
}}
"""
BOTH = "int part_0(void);\nint part_1(void);\nint main(void) { return part_0() - part_1(); }\n"


def test_several_files_of_a_program_share_two_models(toolchain, tmp_path):
    """In whatever order they include them; with TINYGEN_SHARED the tables are there once."""
    for name in ("votes", "forest"):
        (tmp_path / f"{name}.h").write_text(header_of(name))
    for k, (first, second) in enumerate((("votes", "forest"), ("forest", "votes"))):
        part = PART.format(first=first, second=second, upper=first.upper(), k=k)
        (tmp_path / f"part{k}.c").write_text(part)
    (tmp_path / "main.c").write_text(BOTH)
    sizes = {}
    for mcu in ("atmega328p", "atmega2560"):
        for flags in ((), ("-DTINYGEN_SHARED",)):
            words = [toolchain.avr_gcc, f"-mmcu={mcu}", "-Os", "-std=gnu99", *flags]
            words += ["-Wall", "-Wextra", "-Werror", "-ffunction-sections", "-fdata-sections"]
            words += ["-Wl,--gc-sections", "part0.c", "part1.c", "main.c", "-o", "main.elf"]
            done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            sizes[mcu, flags] = read_size(tmp_path / "main.elf").flash_bytes
        tables = sum(constant_bytes(row_models()[name]) for name in ("votes", "forest"))
        saved = sizes[mcu, ()] - sizes[mcu, ("-DTINYGEN_SHARED",)]
        assert saved >= tables - 2, sizes  # an odd table is followed by a byte of padding


# ---- the parts ----


def test_settings_are_those_that_can_be():
    texts = {file: firmware_text(f"include/{file}") for file in SIGNAL_RUNTIME}
    settings = settings_of(read_all(texts, ["tinygen_fixed.h"]))
    assert [dict(s) for s in settings] == [
        {"TINYGEN_ASM": True, "TINYGEN_TREES_ASM": True},
        {"TINYGEN_ASM": False, "TINYGEN_TREES_ASM": True},
        {"TINYGEN_ASM": False, "TINYGEN_TREES_ASM": False},
    ]
    assert condition_of(settings, settings) == ""
    assert condition_of(settings[:1], settings) == "TINYGEN_ASM"
    assert condition_of(settings[1:], settings) == "!TINYGEN_ASM"
    assert condition_of(settings[1:2], settings) == "!TINYGEN_ASM && TINYGEN_TREES_ASM"


def test_a_branch_knows_what_holds_inside():
    other = Branch(1, 1, "", ("TINYGEN_ASM",))
    assert other.whole == "!TINYGEN_ASM" and negated(negated("A")) == "A"
    assert not possible((other,), (("TINYGEN_ASM", True),))
    assert possible((other,), (("TINYGEN_ASM", False),))


def test_macros_that_define_functions_are_written_out():
    text = (
        "#ifndef A_H\n#define A_H\n"
        "#define ADD(name, type, ...) \\\n    static type name##_add(type a) \\\n    { \\\n"
        '        return a + f(__VA_ARGS__, "a, name"); /* name */ \\\n    }\n'
        "ADD(tinygen_one, int, 1, (2, 3))\nADD(tinygen_two, long, g(x, y),\n    4)\n#endif\n"
    )
    one, two = read_all({"a.h": text}, ["a.h"])[1:]
    assert (one.defines, two.defines) == ("tinygen_one_add", "tinygen_two_add")
    assert 'return a + f(1, (2, 3), "a, name"); /* name */' in one.text
    assert 'return a + f(g(x, y), 4, "a, name");' in two.text


# ---- the rows of a check ----


@pytest.mark.parametrize("name", row_models())
def test_a_check_has_corners_a_missing_value_and_every_answer(name):
    model = row_models()[name]
    rows = check_rows(model)
    low, high = np.array([q.limits for q in model.inputs]).T
    assert (rows == MISSING).any() and (rows == MISSING).all(axis=1).any() and len(rows) <= 64
    for corner in (low, high):
        assert (rows == corner).all(axis=1).any()
    some = model.values(model.sample_rows(2000, seed=2))[:, 0]
    seen = set(model.values(rows)[:, 0].tolist())
    if model.labels:
        assert set(some.tolist()) <= seen
        assert model.sure_margin is None or NOT_SURE in seen
    else:
        assert set(model.alarm(some)) <= set(model.alarm(np.array(sorted(seen))))


STORED = r"return\b|static |TINYGEN_LOCAL "
LOCAL_ARRAY = re.compile(rf"^ +(?!{STORED})(?:const )?\w+ \w+(?:\[[^\]]*\])+(?: = .*)?;$", re.M)
STRUCT = re.compile(r"^(?:typedef )?struct.*?^\}", re.M | re.S)


def test_no_array_of_a_function_is_on_the_stack_of_an_stm8():
    """Whose compiler lays one over another. Negative control: the header of several files."""
    for name in every_model():
        for text in files_of(name).values():
            assert not LOCAL_ARRAY.findall(STRUCT.sub("", text)), name
            assert "TINYGEN_LOCAL" not in "".join(STRUCT.findall(text)), name
            for pointer in re.findall(r"[(]&(\w+_row),", text):
                assert f"    TINYGEN_LOCAL const int8_t *{pointer};" in text, name
    assert LOCAL_ARRAY.search(render_header(every_model()["mlp"]))
