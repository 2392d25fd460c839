"""The generated headers: clean for two compilers, narrow, and two models in one program."""

import re
import subprocess

import numpy as np
import pytest
from host_c import LANGUAGES, STRICT
from signal_host import compile_texts, texts
from signal_models import recording, signal_models

from tinygen.model.fixedpoint import MISSING

MOST_COLUMNS = 120
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


@pytest.mark.parametrize("name", signal_models())
def test_no_line_is_too_long_and_no_line_ends_in_blanks(name):
    for file, text in texts(signal_models()[name]).items():
        if not file.startswith("tinygen_"):
            lines = text.splitlines()
            assert max(map(len, lines)) <= MOST_COLUMNS, max(lines, key=len)
            assert not [line for line in lines if line != line.rstrip()]
            assert "\n\n\n" not in text


@pytest.mark.parametrize("name", signal_models())
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
