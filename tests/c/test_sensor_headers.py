"""The drivers of sensors compile by themselves, without a warning, as C99 and C++11."""

import subprocess

import pytest

from tinygen.codegen.emit import firmware_text
from tinygen.common.sensors import SENSORS

STRICT = "-Os -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Werror"
LANGUAGES = {"c": "-std=c99", "c++": "-std=c++11"}
USE = """#include "tinygen_{name}.h"
int main(void)
{{
    int16_t sample[{channels}];
    return {name}_begin() + {name}_read(sample);
}}
"""


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", SENSORS)
def test_a_driver_needs_nothing_but_itself(toolchain, tmp_path, name, language):
    for header in ("twi", name):
        path = tmp_path / f"tinygen_{header}.h"
        path.write_text(firmware_text(f"sensors/{path.name}"))
    source = tmp_path / "use.c"
    source.write_text(USE.format(name=name, channels=len(SENSORS[name].channels)))
    words = [*STRICT.split(), LANGUAGES[language], "-mmcu=atmega328p", "-DF_CPU=16000000UL"]
    done = subprocess.run(
        [toolchain.avr_gcc, *words, "-x", language, source, "-o", tmp_path / "use.elf"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
