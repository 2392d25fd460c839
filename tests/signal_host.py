"""A model of signals compiled by the host's compiler, sample by sample."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from host_c import LANGUAGES, SANITIZE, STRICT

from tinygen.codegen.emit import runtime
from tinygen.codegen.signals.header import signal_headers
from tinygen.model.signals import SignalModel

MAIN = r"""
#include <stdio.h>
#include "NAME.h"
int main(void)
{
    int16_t x[UPPER_CHANNELS];
    NAME_start();
    while (fread(x, sizeof x, 1, stdin) == 1) {
        const int16_t ready = NAME_push(x);
        const int16_t result = NAME_result();
        fwrite(&result, sizeof result, 1, stdout);
        fwrite(&ready, sizeof ready, 1, stdout);
        fwrite(NAME_features(), 2, UPPER_FEATURES, stdout);
    }
    return 0;
}
"""


@dataclass(frozen=True)
class Answers:
    """What the twin or the C code answers to one recording."""

    results: np.ndarray  # (samples,): the decision after each
    ends: np.ndarray  # (windows,)
    features: np.ndarray  # (windows, features)

    def differences(self, other: "Answers") -> str:
        """What is not the same, for people; empty where everything is."""
        if not np.array_equal(self.ends, other.ends):
            return "windows end elsewhere"
        if not np.array_equal(self.features, other.features):
            wrong = np.unique(np.nonzero(self.features != other.features)[1])
            return f"features {wrong.tolist()} differ"
        return "" if np.array_equal(self.results, other.results) else "decisions differ"


def of_twin(model: SignalModel, samples: np.ndarray) -> Answers:
    (windows,) = model.windows([samples])
    return Answers(model.predict(samples), windows.ends, windows.features)


def texts(model: SignalModel) -> dict[str, str]:
    return {**signal_headers(model), **runtime(model)}


def compile_texts(
    files: dict[str, str], main: str, folder: Path, language: str = "c99", flags=SANITIZE
) -> Path:
    """Path of the program."""
    compiler, suffix, standard = LANGUAGES[language]
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is missing: apt install g++")
    folder.mkdir(parents=True, exist_ok=True)
    source, program = folder / f"main.{suffix}", folder / f"program-{suffix}"
    for file, text in {**files, source.name: main}.items():
        (folder / file).write_text(text)
    done = subprocess.run(
        [compiler, standard, *STRICT, *flags, str(source), "-o", str(program)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return program


def main_of(model: SignalModel, text: str = MAIN) -> str:
    return text.replace("NAME", model.name).replace("UPPER", model.name.upper())


def compile_signals(model: SignalModel, folder: Path, language="c99", flags=SANITIZE) -> Path:
    return compile_texts(texts(model), main_of(model), folder, language, flags)


def of_host(program: Path, model: SignalModel, samples: np.ndarray) -> Answers:
    """What the program answers; a finding of the sanitizers fails."""
    done = subprocess.run(
        [str(program)], input=samples.astype("<i2").tobytes(), capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    width = 2 + len(model.front.features)
    found = np.frombuffer(done.stdout, dtype="<i2").astype(np.int64).reshape(-1, width)
    ends = np.flatnonzero(found[:, 1])
    return Answers(found[:, 0], ends, found[ends, 2:])
