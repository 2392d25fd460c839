"""Builds: sizes, the same bytes everywhere, other boards and compilers, errors."""

import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from random_models import random_models
from sketch_project import SKETCH, UNO, WITH_FIRMWARE, write_project

from tinygen.codegen.emit import emit_project
from tinygen.common.boards import BOARDS
from tinygen.common.errors import BuildError
from tinygen.target import avr_gcc
from tinygen.target import build as b
from tinygen.target.platformio_core import local_core_dir

ROOT = Path(__file__).parents[2]


# ---- sizes ----


@pytest.mark.parametrize("name", WITH_FIRMWARE)
def test_sizes_are_those_of_avr_size(built, toolchain, name):
    firmware = built(name)
    answer = subprocess.run(
        [str(toolchain.avr_gcc.with_name("avr-size")), str(firmware.elf)],
        capture_output=True,
        text=True,
        check=True,
    )
    text, data, bss = map(int, answer.stdout.splitlines()[1].split()[:3])
    assert (firmware.flash_bytes, firmware.ram_bytes) == (text + data, data + bss)


@pytest.mark.parametrize("name", WITH_FIRMWARE)
def test_model_alone_costs_its_table_and_a_little_code(built, name):
    assert 64 <= built(name).model_flash_bytes <= 64 + 40
    assert built(name).model_ram_bytes == 0


@pytest.mark.parametrize("name", WITH_FIRMWARE)
def test_hex_holds_the_flash_of_the_elf(built, name):
    firmware = built(name)
    counts = [
        int(line[1:3], 16) for line in firmware.hex.read_text().splitlines() if line[7:9] == "00"
    ]
    assert sum(counts) == firmware.flash_bytes


# ---- the same bytes everywhere ----


def test_same_bytes_in_another_folder(built, tmp_path, monkeypatch):
    """Another place, with a space and a letter beyond ASCII, compiled anew; the sketch keeps
    __FILE__ of a header.
    """
    monkeypatch.setattr(b, "measure_firmware", lambda *arguments: None)
    monkeypatch.setattr(avr_gcc, "build_cache", lambda *arguments: None)
    again = b.build_firmware(write_project(tmp_path / "Eigene Entwürfe" / "zwei"), UNO)
    for kind in ("elf", "hex"):
        assert getattr(again, kind).read_bytes() == getattr(built("uno"), kind).read_bytes()
    content = again.elf.read_bytes()
    assert b"table.h" in content  # so the sketch does hold a file name,
    assert str(again.elf.parents[3]).encode() not in content  # but no folder


def test_a_changed_source_is_compiled_whatever_another_project_built(toolchain, tmp_path):
    """Another sketch gives other bytes, and projects share compiled files, not the notes of what
    was built from what.
    """

    def hex_of(name: str, sketch: str = SKETCH) -> bytes:
        elf = b.build_program(write_project(tmp_path / name, sketch).directory, UNO)
        return elf.with_suffix(".hex").read_bytes()

    changed = SKETCH.replace("& 63", "& 31")
    old, other = hex_of("one"), hex_of("two", changed)
    assert hex_of("one", changed) == other != old


def test_second_build_changes_nothing(make_project, toolchain):
    project = make_project()
    first = b.build_firmware(project, UNO)
    written = first.elf.stat().st_mtime_ns
    assert b.build_firmware(project, UNO) == first
    assert first.elf.stat().st_mtime_ns == written


def test_cache_folder_with_a_space_serves(make_project, toolchain, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGEN_CACHE", str(tmp_path / "my cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(b, "was_set_up", lambda: True)  # do not fetch the compiler for this
    assert b.read_size(b.build_program(make_project().directory, UNO)).flash_bytes > 0
    assert not (tmp_path / "home" / ".platformio").exists()


def test_builds_without_any_network(make_project, toolchain):
    """In an empty network namespace, so that not even a look-up of a name could succeed."""
    alone = ["unshare", "--net", "--map-root-user"]
    if (
        not shutil.which("unshare")
        or subprocess.run([*alone, "true"], capture_output=True).returncode
    ):
        pytest.skip("no unprivileged network namespaces on this machine")
    project = make_project()
    program = textwrap.dedent("""
        import socket, sys
        from pathlib import Path
        from types import SimpleNamespace
        from tinygen.common.boards import BOARDS
        from tinygen.target import build
        try:
            socket.create_connection(("192.0.2.1", 80), 1)
            sys.exit("there is a network")
        except OSError:
            build.measure_firmware = lambda *arguments: None
            build.was_set_up = lambda: True
            project = SimpleNamespace(directory=Path(sys.argv[1]))
            print(build.build_firmware(project, BOARDS["uno"]).flash_bytes)
    """)
    done = subprocess.run(
        [*alone, sys.executable, "-c", program, str(project.directory)],
        capture_output=True,
        text=True,
        timeout=50,
    )  # PlatformIO would try for 61 s
    assert done.returncode == 0 and int(done.stdout) > 0, done.stderr


# ---- other boards, other compilers ----


def with_core_dir(toolchain, core_dir):
    return lambda *arguments, **options: replace(toolchain, core_dir=core_dir)


def test_one_entry_adds_a_board(toolchain, level, tmp_path, monkeypatch):
    """A commit makes a core folder in the next test; what it holds of a board is in test_boards."""
    if level == "commit":
        pytest.skip("a whole core compiled anew: --level release")
    board = replace(
        UNO, pio_id="ethernet", title="Arduino Ethernet", fqbn="arduino:avr:ethernet", usb_ids=()
    )
    monkeypatch.setitem(BOARDS, board.pio_id, board)
    monkeypatch.setattr(b, "measure_firmware", lambda *arguments: None)
    made = local_core_dir(toolchain.avr_core, toolchain.avr_gcc.parent.parent, tmp_path / "cache")
    monkeypatch.setattr(b, "ensure", with_core_dir(toolchain, made))
    assert b.build_firmware(write_project(tmp_path / "project"), board).model_flash_bytes >= 64


def test_compiler_of_path_serves_as_well(toolchain, tmp_path, monkeypatch):
    """Debian's GCC 5.4 where the pinned 7.3 cannot be had; the figures differ, so the version is
    told.
    """
    on_path = shutil.which("avr-gcc")
    if not on_path:
        pytest.skip("no avr-gcc on PATH: apt install gcc-avr")
    monkeypatch.setattr(b, "measure_firmware", lambda *arguments: None)
    made = local_core_dir(
        toolchain.avr_core, Path(on_path).resolve().parent.parent, tmp_path / "cache"
    )
    monkeypatch.setattr(b, "ensure", with_core_dir(toolchain, made))
    project = emit_project(random_models()["linear8"], tmp_path / "project")
    assert b.build_firmware(project, UNO).model_flash_bytes > 0


def test_project_of_the_checkout_builds_with_the_demos_model(toolchain, tmp_path):
    """`pio run` beside the sources, after `make demo` has written demo/."""
    shutil.copytree(ROOT / "firmware", tmp_path / "firmware")
    shutil.copy(ROOT / "platformio.ini", tmp_path)
    emit_project(random_models()["linear8"], tmp_path / "demo")
    elf, empty = b.compile_project(tmp_path, UNO, toolchain, lambda text: None)
    assert b.read_size(elf).flash_bytes > b.read_size(empty).flash_bytes


# ---- errors ----

BROKEN = [  # sketch, what the message must begin with, and hold
    (
        SKETCH.replace("predict(Serial.read())", "predikt(1)"),
        "src/main.cpp:11: ",
        "'predikt' was not declared",
    ),
    (
        "#include <Arduino.h>\n#include <absent.h>\nvoid setup() {}\nvoid loop() {}\n",
        "src/main.cpp:2: ",
        "absent.h: No such file or directory",
    ),
    (
        "#include <Arduino.h>\nvoid absent();\nvoid setup() { absent(); }\nvoid loop() {}\n",
        "undefined reference to `absent()'",
        "(building for Arduino Uno; ",
    ),
]


@pytest.mark.parametrize(
    "sketch, beginning, needle", BROKEN, ids=["undeclared", "no header", "not linked"]
)
def test_compiler_error_is_one_line_and_the_log_is_kept(
    make_project, toolchain, sketch, beginning, needle
):
    project = make_project(sketch)
    with pytest.raises(BuildError) as raised:
        b.build_firmware(project, UNO)
    message = str(raised.value)
    assert message.startswith(beginning) and "\n" not in message
    log = project.directory / "build-uno.log"
    assert f"whole log: {log}" in message and needle in message and "FAILED" in log.read_text()


def test_folder_without_a_project(tmp_path, toolchain):
    with pytest.raises(BuildError, match=r"no platformio.ini.*tinygen build"):
        b.build_firmware(SimpleNamespace(directory=tmp_path), UNO)


def test_log_without_any_error_line_gives_its_last_words():
    assert b.compiler_error("one\n\n=====\nlast words\n\n=== 2 failed in 1 s ===\n") == "last words"


def test_build_that_does_not_end_is_ended(make_project, toolchain, monkeypatch):
    monkeypatch.setattr(avr_gcc, "BUILD_SECONDS", 0.2)
    with pytest.raises(BuildError, match=r"no end after 0.2 s"):
        b.build_firmware(make_project(), UNO)
