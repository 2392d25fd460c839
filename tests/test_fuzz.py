"""The firmware's parser and dispatcher under libFuzzer with address and undefined-behaviour sanitizers."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from needs import unavailable
from native_board import FLAGS, NATIVE, edit
from test_stream import MODEL

from tinygen.emit import emit_project

C = Path(__file__).parent / "c"
CORPUS = C / "corpus"
SECONDS = {"commit": 20, "release": 1800}
SANITIZE = ["-g", "-O2", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all", "-Wno-unknown-attributes"]


def compile_fuzzer(folder: Path, flawed: str = "src/main.cpp", mistakes: dict[str, str] = {}) -> Path:
    """Path of the fuzzer; `mistakes` go into the file `flawed`."""
    if not shutil.which("clang++"):
        unavailable("clang++ is missing: apt install clang")
    emit_project(MODEL, folder)
    edit(folder / flawed, mistakes)
    flags = [flag for flag in FLAGS if flag not in ("-shared", "-fPIC", "-O1")]
    done = subprocess.run(["clang++", *SANITIZE, *flags, f"-I{NATIVE}", f"-I{folder / 'include'}", f"-I{folder / 'src'}",
                           str(C / "fuzz_firmware.cpp"), str(NATIVE / "board.cpp"), "-o", str(folder / "fuzz")],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "fuzz"


def fuzz(program: Path, seconds: int) -> tuple[int, str]:
    """(exit code, log) of a run that starts from the corpus in the repository, and keeps what it finds elsewhere."""
    found = program.with_name("found")
    found.mkdir(exist_ok=True)
    done = subprocess.run([program, found, CORPUS, f"-max_total_time={seconds}", "-max_len=400", "-seed=1", "-print_final_stats=1"],
                          capture_output=True, text=True, cwd=program.parent, timeout=seconds + 120)
    return done.returncode, done.stderr


def test_no_input_breaks_the_firmware(tmp_path, figures, level):
    code, log = fuzz(compile_fuzzer(tmp_path), SECONDS[level])
    assert code == 0, log[-3000:]
    runs = int(re.search(r"number_of_executed_units: (\d+)", log)[1])
    figures("libFuzzer, ASan, UBSan", f"{runs:,} runs in {SECONDS[level]} s, 0 findings")
    assert runs > 20_000


@pytest.mark.parametrize("flawed, before, after", [
    ("include/tinygen_protocol.h", "if (p->size < TINYGEN_BODY_MAX)\n", "if (p->size < 255u)\n"),
    ("src/main.cpp", "tinygen_get16(from + 2 * i)", "tinygen_get16(from + 20 * i)"),
], ids=["writes beyond", "reads beyond"])
def test_an_access_beyond_a_buffer_is_found(tmp_path, flawed, before, after):
    """Negative control: each of these is found within seconds."""
    code, log = fuzz(compile_fuzzer(tmp_path, flawed, {before: after}), 30)
    assert code != 0 and ("ERROR: AddressSanitizer" in log or "runtime error: " in log), log[-2000:]
