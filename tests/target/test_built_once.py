"""The files that tests of a run share: the one of these sources, and of no others."""

from dataclasses import replace

import built_once
import pytest
from random_models import random_models
from sketch_project import MEGA, SKETCH, UNO

from tinygen.codegen.emit import runtime
from tinygen.common.errors import BuildError
from tinygen.target import avr_gcc, bare
from tinygen.target.bare import measure_cost

MODEL = random_models()["linear8"]


@pytest.fixture
def builds(monkeypatch):
    """Every run of PlatformIO."""
    seen, real = [], built_once.run_pio
    monkeypatch.setattr(built_once, "run_pio", lambda *a: seen.append(a) or real(*a))
    return seen


def test_a_firmware_is_built_once_and_another_source_is_another_program(
    make_project, builds, toolchain, tmp_path
):
    project = make_project()
    first = built_once.firmware(project.directory, UNO, toolchain, tmp_path)
    assert built_once.firmware(project.directory, UNO, toolchain, tmp_path) == first
    made = project.directory / ".pio" / "build" / "uno" / "firmware.elf"
    assert len(builds) == 1 and first.read_bytes() == made.read_bytes()
    make_project(sketch=SKETCH.replace("& 63", "& 31"))
    other = built_once.firmware(project.directory, UNO, toolchain, tmp_path)
    assert len(builds) == 2 and other.read_bytes() != first.read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "file", ["platformio.ini", "src/main.cpp", "src/seal.py", "include/table.h"]
)
def test_every_file_of_a_build_counts(make_project, file):
    """Negative control: a program of before would be taken for a changed file's."""
    directory = make_project().directory
    before = built_once.fingerprint(directory, (), built_once.READ_BY_A_BUILD)
    path = directory / file
    path.write_text(path.read_text() + "\n")
    assert built_once.fingerprint(directory, (), built_once.READ_BY_A_BUILD) != before


def test_a_firmware_that_does_not_compile_is_not_kept(make_project, toolchain, tmp_path):
    project = make_project(sketch="#error not this one\n")
    with pytest.raises(AssertionError, match="not this one"):
        built_once.firmware(project.directory, UNO, toolchain, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """Every run of the compiler, where none has been before."""
    seen, real = [], avr_gcc._run.__wrapped__
    run = lambda *words: seen.append(words) or real(*words)
    monkeypatch.setattr(avr_gcc, "_run", built_once.compiler(run, tmp_path))
    return seen


def test_a_bare_program_is_compiled_once_and_measured_each_time(runs, simavr):
    first = measure_cost(MODEL, UNO)
    assert len(runs) in (1, 2)  # the program without a model may be known from before
    del runs[:]
    assert measure_cost(MODEL, UNO) == first and not runs


@pytest.mark.parametrize("change", ["model", "board", "options", "runtime"])
def test_another_bare_program_is_compiled(runs, simavr, monkeypatch, change):
    """Negative control: a program of before would hide a mistake of now."""
    measure_cost(MODEL, UNO)
    del runs[:]
    model, board, options = MODEL, UNO, ()
    if change == "model":
        model = replace(MODEL, threshold=None, name="other")
    if change == "board":
        board = MEGA
    if change == "options":
        options = ("-O2",)
    if change == "runtime":
        texts = {name: text + "/* */\n" for name, text in runtime().items()}
        monkeypatch.setattr(bare, "runtime", lambda *_: texts)
    measure_cost(model, board, options=options)
    assert len(runs) in (1, 2)


def test_a_program_that_does_not_compile_is_compiled_again(runs, simavr):
    for _ in range(2):
        with pytest.raises(BuildError, match="does not compile"):
            measure_cost(MODEL, UNO, header="#error not this one\n")
    assert len(runs) == 2
