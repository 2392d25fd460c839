"""Compiles a generated header with the host's compiler and runs rows through it."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tinygen.codegen.emit import render_header, runtime
from tinygen.model.model import Model

STRICT = [
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wconversion",
    "-Wsign-conversion",
    "-Wshadow",
    "-Wundef",
    "-Werror",
]
SANITIZE = ["-O1", "-fsanitize=undefined,address", "-fno-sanitize-recover=all"]
# the quick linker where there is one: half of what a small program with the sanitizers costs
LINK = ["-lm", *(["-fuse-ld=gold"] if shutil.which("ld.gold") else [])]
LANGUAGES = {"c99": ("gcc", "c", "-std=c99"), "c++11": ("g++", "cpp", "-std=c++11")}

MAIN = r"""
#include <stdio.h>
#include "NAME.h"
int main(void)
{
    int16_t x[INPUTS_OF_MODEL];
    while (fread(x, sizeof x, 1, stdin) == 1) {
        int16_t y[VALUES];
        FILL
        fwrite(y, sizeof y, 1, stdout);
    }
    return 0;
}
"""


def fill(model: Model) -> str:
    """C that writes all numbers of an answer into y."""
    if model.scores:
        return "NAME_scores(x, y + 1); y[0] = NAME_class(y + 1);"
    return "NAME_predict_all(x, y);" if model.more else "y[0] = NAME_predict(x);"


def compile_header(
    model: Model, folder: Path, language: str = "c99", header: str | None = None, flags=SANITIZE
) -> Path:
    """Path of a program that reads int16 rows and writes int16 answers."""
    compiler, suffix, standard = LANGUAGES[language]
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is missing: apt install g++")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{model.name}.h").write_text(header or render_header(model))
    for file, text in runtime().items():
        (folder / file).write_text(text)
    source = folder / f"main.{suffix}"
    source.write_text(
        MAIN.replace("FILL", fill(model))
        .replace("NAME", model.name)
        .replace("VALUES", str(model.values_per_row))
        .replace("INPUTS_OF_MODEL", f"{model.name.upper()}_INPUTS")
    )
    program = folder / f"{model.name}-{suffix}"
    done = subprocess.run(
        [compiler, standard, *STRICT, *flags, str(source), "-o", str(program), *LINK],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return program


def run_rows(program: Path, rows: np.ndarray, values: int = 1) -> np.ndarray:
    """Answers of the compiled header, int64 of shape (n,), or (n, values) with several numbers."""
    done = subprocess.run([str(program)], input=rows.astype("<i2").tobytes(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    answers = np.frombuffer(done.stdout, dtype="<i2").astype(np.int64)
    return answers if values == 1 else answers.reshape(-1, values)
