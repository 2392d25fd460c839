"""The programs that tests of a run share: the one of these sources, and of no others."""

import firmware_elf
import pytest
from firmware_elf import built_once
from sketch_project import SKETCH, UNO


@pytest.fixture
def builds(monkeypatch):
    """Every run of PlatformIO."""
    seen, real = [], firmware_elf.run_pio
    monkeypatch.setattr(firmware_elf, "run_pio", lambda *a: seen.append(a) or real(*a))
    return seen


def test_a_program_is_built_once_and_another_source_is_another_program(
    make_project, builds, toolchain, tmp_path
):
    project = make_project()
    first = built_once(project.directory, UNO, toolchain, tmp_path)
    assert built_once(project.directory, UNO, toolchain, tmp_path) == first and len(builds) == 1
    made = project.directory / ".pio" / "build" / "uno" / "firmware.elf"
    assert first.read_bytes() == made.read_bytes()
    make_project(sketch=SKETCH.replace("& 63", "& 31"))
    other = built_once(project.directory, UNO, toolchain, tmp_path)
    assert len(builds) == 2 and other.read_bytes() != first.read_bytes()
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".elf", ".elf"]


@pytest.mark.parametrize(
    "file", ["platformio.ini", "src/main.cpp", "src/seal.py", "include/table.h"]
)
def test_every_file_of_a_build_counts(make_project, toolchain, file):
    """Negative control: a program of before would be taken for a changed file's."""
    project = make_project()
    before = firmware_elf.fingerprint(project.directory, toolchain)
    path = project.directory / file
    path.write_text(path.read_text() + "\n")
    assert firmware_elf.fingerprint(project.directory, toolchain) != before


def test_a_program_that_does_not_compile_is_not_kept(make_project, toolchain, tmp_path):
    project = make_project(sketch="#error not this one\n")
    with pytest.raises(AssertionError, match="not this one"):
        built_once(project.directory, UNO, toolchain, tmp_path)
    assert not list(tmp_path.iterdir())
