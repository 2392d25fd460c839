"""docs/misra.md lists what the MISRA add-on and the compilers report, each with its reason."""

import re
import subprocess
from pathlib import Path

import pytest
from compilers import COMPILERS
from misra import STORED, findings, texts
from needs import need

from tinygen.codegen.emit import emit_project
from tinygen.common.boards import BOARDS
from tinygen.model.model import load

PAGE = (Path(__file__).parents[2] / "docs" / "misra.md").read_text(encoding="utf-8")
WARNING = re.compile(r"\[-W(?:error=)?([a-z0-9+-]+)")


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return texts()


def rows(head: str) -> list[list[str]]:
    """The cells of the table under this first line."""
    table = PAGE.split(head)[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("| ").split(" | ")] for row in table]


def listed() -> dict[str, set[str]]:
    """What the page lists: rule -> where."""
    misra = rows("| rule | what it asks for | where | why it is not kept |")
    others = rows("| word | where | why it stays |")
    pairs = [(row[0], row[2]) for row in misra] + [(row[0], row[1]) for row in others]
    return {rule: set(where.split(", ")) for rule, where in pairs}


def test_every_row_of_the_page_has_a_reason():
    tables = ("| rule | what it asks for", "| word | where |", "| warning | of |")
    for head in tables:
        found = rows(next(line for line in PAGE.splitlines() if line.startswith(head)))
        assert found and all(len(row) == len(found[0]) and all(row) for row in found)


def test_the_page_lists_what_cppcheck_reports(files, level, tmp_path):
    if level == "commit":
        pytest.skip("12 seconds of cppcheck: --level release")
    assert findings(files, tmp_path) == listed()


# A kind of its own each: an octal number, no default, a recursion, a division by zero
FAULTS = {
    "7.1": "static inline int16_t f(void) { return 010; }",
    "16.4": "static inline void f(int16_t a) { switch (a) { case 1: break; } }",
    "17.2": "static inline void f(void) { f(); }",
    "zerodiv": "static inline int16_t f(void) { return 1 / 0; }",
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_new_kind_is_seen(kind, level, tmp_path):
    if level == "commit":
        pytest.skip("with the report itself: --level release")
    reported = findings({"main.c": f"#include <stdint.h>\n{FAULTS[kind]}\n"}, tmp_path)
    assert kind in reported and kind not in listed()


def messages(compiler: str, files: dict[str, str], folder: Path, off) -> set[str]:
    """The warnings that the compiler gives, without those that are switched off."""
    need(compiler)
    _, suffix, flags = COMPILERS[compiler]
    for name, text in files.items():
        (folder / name).write_text(text)
    source = folder / f"all.{suffix}"
    source.write_text(files["main.c"] + "int main(void) { return 0; }\n")
    words = [compiler, *flags, *(f"-Wno-{name}" for name in off), "-O1", "-S", "-o", "/dev/null"]
    done = subprocess.run([*words, source.name], cwd=folder, capture_output=True, text=True)
    return set(WARNING.findall(done.stderr)) or ({done.stderr} if done.returncode else set())


def switched_off(maker: str) -> list[str]:
    """The names that the page gives for a maker's compilers."""
    return [row[0].removeprefix("-W") for row in rows("| warning | of | why |") if maker in row[1]]


@pytest.mark.parametrize("compiler", COMPILERS)
def test_compilers_have_nothing_to_say(compiler, files, level, tmp_path):
    if level == "commit" and compiler != "gcc":
        pytest.skip("other compilers: --level release")
    assert messages(compiler, files, tmp_path, switched_off(COMPILERS[compiler][0])) == set()


def test_each_warning_that_is_off_has_something_to_say(files, level, tmp_path):
    if level == "commit":
        pytest.skip("every compiler without its exceptions: --level release")
    for maker in ("Clang", "GCC"):
        ours = [name for name, (by, _, _) in COMPILERS.items() if by == maker]
        seen = set().union(*(messages(name, files, tmp_path, []) for name in ours))
        assert seen == set(switched_off(maker)) and seen


@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_warning_is_seen(compiler, tmp_path):
    """An int lost in a cast, for the compiler that is there."""
    text = "#include <stdint.h>\nint16_t f(int32_t a);\nint16_t f(int32_t a) { return a; }\n"
    found = messages(compiler, {"main.c": text}, tmp_path, switched_off(COMPILERS[compiler][0]))
    assert any("conversion" in name for name in found)


# What `pio check` gives to cppcheck (platformio/check/tools/cppcheck.py), for the Uno
PIO = "cppcheck --quiet --error-exitcode=3 --inline-suppr --platform=unspecified --language=c++"
PIO += " --enable=warning,style,performance,portability --std=c++11 -Iinclude -DARDUINO=10808"
PIO += " -DF_CPU=16000000L -D__AVR_ATmega328P__ -D__AVR__ -DARDUINO_AVR_UNO -DARDUINO_ARCH_AVR"
PIO += " --template={id};{file};{message}"


def pio_check(folder: Path) -> list[str]:
    """The word and file of each remark on a project."""
    need("cppcheck")
    words = [*PIO.split(), "src/main.cpp"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=1800)
    return [";".join(line.split(";")[:2]) for line in done.stderr.splitlines()]


def test_pio_check_has_nothing_new_to_say(level, tmp_path):
    if level == "commit":
        pytest.skip("cppcheck over the firmware: --level release")
    emit_project(load(STORED / "mlp-regression.json"), tmp_path, [BOARDS["uno"]])
    assert pio_check(tmp_path) == ["badBitmaskCheck;src/main.cpp"]
    assert "`badBitmaskCheck` in `main.cpp`" in PAGE
    main = tmp_path / "src" / "main.cpp"
    main.write_text(main.read_text() + "int wrong(int *p) { if (!p) { return *p; } return 0; }\n")
    assert any("nullPointer" in one for one in pio_check(tmp_path))
