"""The generated headers: clean for two compilers, narrow, and two models in one program."""

import re
import subprocess
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from host_c import LANGUAGES, STRICT
from signal_host import compile_texts, texts
from signal_models import PLANS, recording, signal_models

from tinygen.model.fixedpoint import MISSING

MOST_COLUMNS = 120
RAM = 0x800000  # where addresses of data begin, in an AVR's ELF file
FIRST, SECOND = "wide_slow", "one_sided"
TWO = r"""
#include <stdio.h>
#include "wide_slow.h"
#include "one_sided.h"
int main(void)
{
    int16_t x[3];
    wide_slow_start();
    one_sided_start();
    while (fread(x, sizeof x, 1, stdin) == 1) {
        int16_t y[2];
        wide_slow_push(x);
        one_sided_push(x);
        y[0] = wide_slow_result();
        y[1] = one_sided_result();
        fwrite(y, sizeof y, 1, stdout);
    }
    return 0;
}
"""


@pytest.mark.parametrize("name", PLANS)
def test_no_line_is_too_long_and_no_line_ends_in_blanks(name):
    for file, text in texts(signal_models()[name]).items():
        if not file.startswith("tinygen_"):
            lines = text.splitlines()
            assert max(map(len, lines)) <= MOST_COLUMNS, max(lines, key=len)
            assert not [line for line in lines if line != line.rstrip()]
            assert "\n\n\n" not in text


@pytest.mark.parametrize("name", PLANS)
def test_macros_and_names_are_those_of_the_model(name):
    for file, text in texts(signal_models()[name]).items():
        if not file.startswith("tinygen_"):
            for macro in re.findall(r"^ *# *define +(\w+)", text, re.M):
                assert macro.startswith(name.upper() + "_"), macro
            for made in re.findall(r"^(?:TINYGEN_TABLE|static|\}) .*?(\w+)[\[;(]", text, re.M):
                assert made.startswith(name + "_"), made


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_models_in_one_program(language, tmp_path):
    first, second = (signal_models()[name] for name in (FIRST, SECOND))
    program = compile_texts(
        {**texts(first), **texts(second)}, TWO, tmp_path, language, flags=["-O0"]
    )
    samples = np.concatenate([recording(m.front, 2, 3) for m in (first, second)])
    found = subprocess.run([program], input=samples.astype("<i2").tobytes(), capture_output=True)
    answers = np.frombuffer(found.stdout, dtype="<i2").reshape(-1, 2)
    assert (answers == np.stack([first.predict(samples), second.predict(samples)], axis=1)).all()
    assert (samples == MISSING).any()


def test_the_chips_compiler_has_nothing_to_say(toolchain, tmp_path):
    """Where int has 16 bits other conversions are narrow."""
    for name in (FIRST, SECOND, "offset"):
        model = signal_models()[name]
        for file, text in texts(model).items():
            (tmp_path / file).write_text(text)
        (tmp_path / f"{name}.c").write_text(
            f'#include "{name}.h"\nint main(void) {{ return {name}_push({name}_features()); }}\n'
        )
        done = subprocess.run(
            [toolchain.avr_gcc, "-mmcu=atmega328p", "-std=c99", "-Os", *STRICT, "-c", f"{name}.c"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr


# ---- in several files of one program ----

OTHER = '#include "{name}.h"\n' + "".join(
    f"{kind} {{name}}_other_{what};\n{kind} {{name}}_other_{what}\n{{{{ {does} }}}}\n"
    for kind, what, does in (
        ("void", "push(const int16_t *x)", "{name}_push(x);"),
        ("int16_t", "result(void)", "return {name}_result();"),
    )
)
DECLARED = "void {name}_other_push(const int16_t *x);\nint16_t {name}_other_result(void);\n"
APART = (
    "#include <stdint.h>\n"
    + DECLARED.format(name=FIRST)
    + TWO.replace(f'#include "{FIRST}.h"\n', "")
    .replace(f"    {FIRST}_start();\n", "")
    .replace(f"{FIRST}_push", f"{FIRST}_other_push")
    .replace(f"{FIRST}_result", f"{FIRST}_other_result")
)
BOTH = f"""#include "{FIRST}.h"
{DECLARED.format(name=FIRST)}
int main(void)
{{
    {FIRST}_other_push({FIRST}_features());
    return {FIRST}_push({FIRST}_features()) + {FIRST}_other_result();
}}
"""


def linked(command, files, folder):
    """The compiler's run over the C files, linked to `program`."""
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (folder / file).write_text(text)
    sources = [file for file in files if file.endswith(".c")]
    words = [*command, *STRICT, *sources, "-o", "program"]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("flags", [[], ["-DTINYGEN_SHARED"]], ids=["apart", "shared"])
def test_two_models_in_two_files(flags, tmp_path):
    """One in each; the second file has the first as well, with a memory of its own."""
    first, second = (signal_models()[name] for name in (FIRST, SECOND))
    again = f'#include "{FIRST}.h"\nint16_t spare(void);\nint16_t spare(void)\n'
    again += f"{{\n    return {FIRST}_push({FIRST}_features());\n}}\n"
    files = {**texts(first), **texts(second), "main.c": APART, "spare.c": again}
    files["other.c"] = OTHER.format(name=FIRST)
    done = linked(["gcc", "-std=c99", *flags], files, tmp_path)
    assert done.returncode == 0, done.stderr
    samples = np.concatenate([recording(m.front, 2, 3) for m in (first, second)])
    samples = samples[: 40 * first.front.window]
    found = subprocess.run(
        [tmp_path / "program"], input=samples.astype("<i2").tobytes(), capture_output=True
    )
    answers = np.frombuffer(found.stdout, dtype="<i2").reshape(-1, 2)
    assert (answers == np.stack([first.predict(samples), second.predict(samples)], axis=1)).all()


def test_shared_tables_of_signals_stand_in_flash_once(toolchain, tmp_path):
    model = signal_models()[FIRST]
    files = {
        **texts(model),
        "other.c": OTHER.format(name=FIRST),
        "main.c": BOTH,
    }
    counts = {}
    for shared in ("", "-DTINYGEN_SHARED"):
        command = [toolchain.avr_gcc, "-mmcu=atmega328p", "-std=c99", "-Os", "-fdata-sections"]
        command += ["-Wl,--gc-sections", "-ffunction-sections", *filter(None, [shared])]
        done = linked(command, files, tmp_path / f"with{shared}")
        assert done.returncode == 0, done.stderr
        with open(tmp_path / f"with{shared}" / "program", "rb") as stream:
            symbols = list(ELFFile(stream).get_section_by_name(".symtab").iter_symbols())
        flash = [s for s in symbols if s["st_info"]["type"] == "STT_OBJECT" and s["st_value"] < RAM]
        counts[shared] = Counter(s.name for s in flash if s.name.startswith(f"{FIRST}_"))
    assert len(counts[""]) > 3 and max(counts[""].values()) == 2
    assert set(counts["-DTINYGEN_SHARED"]) == set(counts[""])
    assert set(counts["-DTINYGEN_SHARED"].values()) == {1}


def test_two_models_of_signals_of_one_name_are_not_mixed_up(tmp_path):
    """Apart each file has its own; shared the linker refuses, for one would answer as the other."""
    model = signal_models()[FIRST]
    other = replace(model, votes=1)  # its model of a window is the same
    elsewhere = {f"else_{f}" if f == f"{FIRST}.h" else f: t for f, t in texts(other).items()}
    files = {**texts(model), **elsewhere}
    files["other.c"] = OTHER.format(name=FIRST).replace(f'"{FIRST}.h"', f'"else_{FIRST}.h"')
    files["main.c"] = BOTH
    assert linked(["gcc", "-std=c99"], files, tmp_path / "apart").returncode == 0
    done = linked(["gcc", "-std=c99", "-DTINYGEN_SHARED"], files, tmp_path / "shared")
    assert done.returncode and f"multiple definition of `tinygen_tables_of_{FIRST}'" in done.stderr
