"""A project becomes a firmware: sizes, budgets, errors in one line, the same bytes wherever it is
built.
"""

import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from random_models import random_models

from tinygen.codegen.emit import emit_project, firmware_text
from tinygen.common.boards import BOARDS, render_platformio_ini
from tinygen.common.errors import BuildError, CheckError, UsageError
from tinygen.target import build as b
from tinygen.target.platformio_core import local_core_dir

ROOT = Path(__file__).parent.parent
UNO, MEGA, LEONARDO = BOARDS["uno"], BOARDS["megaatmega2560"], BOARDS["leonardo"]
WITH_FIRMWARE = {name: board for name, board in BOARDS.items() if board.has_firmware}
EVERY_BOARD = pytest.mark.parametrize("board", WITH_FIRMWARE.values(), ids=list(WITH_FIRMWARE))

# A sketch that stands in for the firmware: its "model" is a table of known size and a
# multiplication.
SKETCH = """
#include <Arduino.h>
#include "table.h"
#ifdef TINYGEN_EMPTY_PREDICTOR
static int16_t predict(int16_t x) { return x; }
#else
static int16_t predict(int16_t x) { return x ^ pgm_read_byte(&table[x & 63]); }
#endif
void setup() { Serial.begin(TINYGEN_BAUD); pinMode(TINYGEN_RED_PIN, OUTPUT); Serial.print(where()); }
void loop() { Serial.println(predict(Serial.read())); }
"""
TABLE = """
#include <avr/pgmspace.h>
static inline const char *where(void) { return __FILE__; }
static const uint8_t table[%d] PROGMEM = { 1, 2, 3 };
"""


def write_project(directory: Path, sketch: str = SKETCH, table_bytes: int = 64):
    """A small project in `directory`."""
    for name, text in {
        "platformio.ini": render_platformio_ini(BOARDS.values()),
        "src/main.cpp": sketch,
        "src/seal.py": firmware_text("src/seal.py"),
        "include/table.h": TABLE % table_bytes,
    }.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return SimpleNamespace(directory=directory, model=None)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory) -> Path:
    """One folder for many projects, so that the Arduino core is compiled once; its name has a
    space.
    """
    return tmp_path_factory.mktemp("work shop")


@pytest.fixture
def make_project(workshop, monkeypatch):
    """`make_project(...)`: a small project; measuring is left out, the sketch speaks no protocol."""
    monkeypatch.setattr(b, "measure", lambda *arguments: None)
    for log in workshop.glob("*.log"):
        log.unlink()
    return lambda *arguments, **options: write_project(workshop, *arguments, **options)


@pytest.fixture(scope="module")
def built(toolchain, tmp_path_factory):
    """The sketch, built once for each board, in a folder of its own."""
    project = write_project(tmp_path_factory.mktemp("built"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(b, "measure", lambda *arguments: None)
        return {name: b.build(project, board) for name, board in WITH_FIRMWARE.items()}


# ---- sizes ----


@pytest.mark.parametrize("name", WITH_FIRMWARE)
def test_sizes_are_those_of_avr_size(built, toolchain, name):
    firmware = built[name]
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
    assert 64 <= built[name].model_flash_bytes <= 64 + 40
    assert built[name].model_ram_bytes == 0


@pytest.mark.parametrize("name", WITH_FIRMWARE)
def test_hex_holds_the_flash_of_the_elf(built, name):
    firmware = built[name]
    counts = [
        int(line[1:3], 16) for line in firmware.hex.read_text().splitlines() if line[7:9] == "00"
    ]
    assert sum(counts) == firmware.flash_bytes


# ---- the same bytes everywhere ----


def test_same_bytes_in_another_folder(built, tmp_path, monkeypatch):
    """Another place, with a space and a letter beyond ASCII; the sketch keeps __FILE__ of a header."""
    monkeypatch.setattr(b, "measure", lambda *arguments: None)
    again = b.build(write_project(tmp_path / "Eigene Entwürfe" / "zwei"), UNO)
    for kind in ("elf", "hex"):
        assert getattr(again, kind).read_bytes() == getattr(built["uno"], kind).read_bytes()
    content = again.elf.read_bytes()
    assert b"table.h" in content  # so the sketch does hold a file name,
    assert str(again.elf.parents[3]).encode() not in content  # but no folder


def test_another_sketch_gives_other_bytes(built, make_project):
    other = b.build(make_project(sketch=SKETCH.replace("& 63", "& 31")), UNO)
    assert other.hex.read_bytes() != built["uno"].hex.read_bytes()


def test_second_build_changes_nothing(make_project, toolchain):
    project = make_project()
    first = b.build(project, UNO)
    written = first.elf.stat().st_mtime_ns
    assert b.build(project, UNO) == first
    assert first.elf.stat().st_mtime_ns == written


def test_cache_folder_with_a_space_serves(make_project, toolchain, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGEN_CACHE", str(tmp_path / "my cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(b, "was_set_up", lambda: True)  # do not fetch the compiler for this
    assert b.build(make_project(), UNO).flash_bytes > 0
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
        from tinygen import build
        from tinygen.boards import BOARDS
        try:
            socket.create_connection(("192.0.2.1", 80), 1)
            sys.exit("there is a network")
        except OSError:
            build.measure = lambda *arguments: None
            build.was_set_up = lambda: True
            print(build.build(SimpleNamespace(directory=Path(sys.argv[1])), BOARDS["uno"]).flash_bytes)
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


def test_one_entry_adds_a_board(toolchain, tmp_path, monkeypatch):
    board = replace(
        UNO, pio_id="ethernet", title="Arduino Ethernet", fqbn="arduino:avr:ethernet", usb_ids=()
    )
    monkeypatch.setitem(BOARDS, board.pio_id, board)
    monkeypatch.setattr(b, "measure", lambda *arguments: None)
    made = local_core_dir(toolchain.avr_core, toolchain.avr_gcc.parent.parent, tmp_path / "cache")
    monkeypatch.setattr(b, "ensure", with_core_dir(toolchain, made))
    assert b.build(write_project(tmp_path / "project"), board).model_flash_bytes >= 64


def test_compiler_of_path_serves_as_well(toolchain, tmp_path, monkeypatch):
    """Debian's GCC 5.4 where the pinned 7.3 cannot be had; the figures differ, so the version is
    told.
    """
    on_path = shutil.which("avr-gcc")
    if not on_path:
        pytest.skip("no avr-gcc on PATH: apt install gcc-avr")
    monkeypatch.setattr(b, "measure", lambda *arguments: None)
    made = local_core_dir(
        toolchain.avr_core, Path(on_path).resolve().parent.parent, tmp_path / "cache"
    )
    monkeypatch.setattr(b, "ensure", with_core_dir(toolchain, made))
    project = emit_project(random_models()["linear8"], tmp_path / "project")
    assert b.build(project, UNO).model_flash_bytes > 0


def test_project_of_the_checkout_builds_with_the_demos_model(toolchain, tmp_path):
    """`pio run` beside the sources, after `make demo` has written demo/."""
    shutil.copytree(ROOT / "firmware", tmp_path / "firmware")
    shutil.copy(ROOT / "platformio.ini", tmp_path)
    emit_project(random_models()["linear8"], tmp_path / "demo")
    elf, empty = b._compile(tmp_path, UNO, toolchain, lambda text: None)
    assert b.read_size(elf).flash_bytes > b.read_size(empty).flash_bytes


# ---- errors ----

BROKEN = [  # sketch, what the message must begin with, and hold
    (
        SKETCH.replace("predict(Serial.read())", "predikt(1)"),
        "src/main.cpp:10: ",
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
        b.build(project, UNO)
    message = str(raised.value)
    assert message.startswith(beginning) and "\n" not in message
    log = project.directory / "build-uno.log"
    assert f"whole log: {log}" in message and needle in message and "FAILED" in log.read_text()


def test_folder_without_a_project(tmp_path, toolchain):
    with pytest.raises(BuildError, match="no platformio.ini.*tinygen build"):
        b.build(SimpleNamespace(directory=tmp_path), UNO)


def test_log_without_any_error_line_gives_its_last_words():
    assert b.compiler_error("one\n\n=====\nlast words\n\n=== 2 failed in 1 s ===\n") == "last words"


def test_build_that_does_not_end_is_ended(make_project, toolchain, monkeypatch):
    monkeypatch.setattr(b, "BUILD_SECONDS", 0.2)
    with pytest.raises(BuildError, match="no end after 0.2 s"):
        b.build(make_project(), UNO)


# ---- budgets ----


def test_program_over_the_boards_flash_says_by_how_much(make_project, toolchain):
    project = make_project(table_bytes=32_256)
    sketch = project.directory / "src" / "main.cpp"
    sketch.write_text(SKETCH.replace("x & 63", "(uint16_t)x % sizeof table"))
    with pytest.raises(CheckError, match="bytes of flash, Arduino Uno has 32256") as raised:
        b.build(project, UNO)
    elf = project.directory / ".pio" / "build" / "uno" / "firmware.elf"
    assert f"{b.read_size(elf).flash_bytes - 32_256} too many" in str(raised.value)
    assert b.build(project, MEGA).model_flash_bytes > 32_256  # the Mega has room


def test_program_over_the_boards_ram_says_by_how_much(make_project, toolchain):
    greedy = "static volatile uint8_t buffer[2048];\n" + SKETCH.replace(
        "{ Serial.begin", "{ buffer[7] = 1; Serial.begin"
    )
    with pytest.raises(
        CheckError, match=r"program needs \d+ bytes of RAM, Arduino Uno has 2048: \d+ too many"
    ):
        b.build(make_project(sketch="#include <stdint.h>\n" + greedy), UNO)


def test_program_that_does_not_even_link_is_over_the_budget(make_project, toolchain):
    """More than the linker's 128 KB region of this chip family."""
    many = "".join(f"static const uint8_t t{n}[32000] PROGMEM = {{ {n} }};\n" for n in range(1, 6))
    use = "+".join(f"pgm_read_byte(&t{n}[x])" for n in range(1, 6))
    sketch = SKETCH.replace("#ifdef", many + "#ifdef", 1).replace(
        "pgm_read_byte(&table[x & 63])", use
    )
    with pytest.raises(CheckError, match=r"does not fit Arduino Uno: .* overflows by \d+ bytes"):
        b.build(make_project(sketch=sketch), UNO)


COST = b.Cost(stack_bytes=50, cycles_median=200, cycles_max=240)


@pytest.mark.parametrize(
    "budget, message",
    [
        (
            b.Budget(flash_bytes=199),
            "model needs 200 bytes of flash, the budget is 199: 1 too many; raise --max-flash",
        ),
        (
            b.Budget(ram_bytes=4),
            "model needs 6 bytes of ram, the budget is 4: 2 too many; raise --max-ram",
        ),
        (
            b.Budget(cycles=100),
            "model needs 240 cycles, the budget is 100: 140 too many; raise --max-cycles",
        ),
    ],
)
def test_model_over_the_users_budget(budget, message):
    with pytest.raises(CheckError, match=message):
        b.check_budget(b.Size(200, 6), COST, budget)
    b.check_budget(b.Size(200, 6), COST, b.Budget(flash_bytes=200, ram_bytes=6, cycles=240))
    b.check_budget(b.Size(200, 6), COST, b.Budget())


def test_cycle_budget_without_a_simulator_is_no_pass():
    with pytest.raises(BuildError, match="needs the virtual board"):
        b.check_budget(b.Size(1, 0), None, b.Budget(cycles=10))


def test_budget_reaches_the_build(make_project, toolchain):
    project = make_project()
    with pytest.raises(CheckError, match=r"model needs \d+ bytes of flash, the budget is 10"):
        b.build(project, UNO, b.Budget(flash_bytes=10))
    assert b.build(project, UNO, b.Budget(flash_bytes=200)).model_flash_bytes <= 200


# ---- the real firmware ----


@pytest.fixture(scope="module")
def real(simavr, tmp_path_factory):
    """A project with the real firmware and a model of seven inputs, warnings made errors."""
    project = emit_project(random_models()["linear8"], tmp_path_factory.mktemp("real"))
    ini = project.directory / "platformio.ini"
    strict = ini.read_text().replace("-Wall -Wextra", "-Wall -Wextra -Werror")
    assert "-Werror" in strict
    ini.write_text(strict)
    return project


@EVERY_BOARD
def test_real_firmware_is_measured_on_the_virtual_board(real, board, simavr):
    firmware = b.build(real, board)
    assert 0 < firmware.model_flash_bytes < firmware.flash_bytes <= board.flash_bytes
    assert (
        firmware.stack_bytes is None
        or 0 < firmware.stack_bytes < board.ram_bytes - firmware.ram_bytes
    )
    assert (firmware.stack_bytes is not None) == board.streams_simulated
    assert (
        7 * 10 < firmware.cycles_median <= firmware.cycles_max < 16_384
    )  # 7 products, no float, no clock tick
    assert b.build(real, board) == firmware  # to the cycle
    if board.streams_simulated:
        empty = firmware.elf.parents[1] / f"{board.pio_id}_empty" / "firmware.elf"
        bare = b.measure(real, board, empty, simavr, lambda text: None)
        assert bare.cycles_max < 30  # a call and a return


def test_the_model_costs_the_same_cycles_with_and_without_the_firmware(real, simavr):
    """What a board whose firmware cannot be simulated is told, against one where both can."""
    with_firmware = b.build(real, UNO)
    alone = b._measure_model(real.model, UNO)
    assert (
        abs(with_firmware.cycles_median - alone.cycles_median) <= 4
    )  # another register allocation around the call
    assert abs(with_firmware.cycles_max - alone.cycles_max) <= 4 and alone.stack_bytes is None


def test_a_chip_without_a_serial_port_gets_no_firmware(tmp_path):
    with pytest.raises(
        UsageError, match="board 'attiny85' has no serial port and gets no firmware: `tinygen emit`"
    ):
        b.build(SimpleNamespace(directory=tmp_path, model=None), BOARDS["attiny85"])


def test_firmware_that_does_not_speak_is_an_error(make_project, simavr, monkeypatch):
    project = make_project(sketch="#include <Arduino.h>\nvoid setup() {}\nvoid loop() {}\n")
    project.model = random_models()["linear8"]
    elf = b.build(project, UNO).elf
    monkeypatch.undo()  # the stand-in of `measure`
    with pytest.raises(BuildError, match="the firmware for Arduino Uno gave no INFO within 2 s"):
        b.measure(project, UNO, elf, simavr, lambda text: None)


def test_without_a_simulator_nothing_is_measured(real, toolchain):
    assert (
        b.measure(real, UNO, Path("no.elf"), replace(toolchain, simavr_library=None), print) is None
    )


# ---- loading a board ----


@pytest.fixture
def avrdude_stand_in(tmp_path, monkeypatch, toolchain):
    """`stand_in(body)`: an avrdude on PATH that notes its arguments, one a line; returns the note."""

    def make(body: str = "") -> Path:
        folder, note = tmp_path / "bin", tmp_path / "note"
        folder.mkdir()
        (folder / "avrdude").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{note}"\n{body}\n')
        (folder / "avrdude").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:" + os.environ["PATH"])
        return note

    return make


@pytest.mark.parametrize(
    "board",
    [board for board in WITH_FIRMWARE.values() if board.serial == "uart"],
    ids=lambda b: b.pio_id,
)
def test_upload_calls_the_uploader_as_the_board_needs(make_project, avrdude_stand_in, board):
    note = avrdude_stand_in()
    project = make_project()
    b.upload(project, board, "/dev/tty a")
    words = note.read_text().splitlines()
    assert words[:11] == [
        "-p",
        board.mcu,
        "-c",
        board.protocol,
        "-b",
        str(board.upload_speed),
        "-D",
        "-P",
        "/dev/tty a",
        *words[9:11],
    ]
    kind, path = words[-1].removesuffix(":i").rsplit(":", 1)
    assert (
        kind == "flash:w"
        and (project.directory / path).resolve()
        == (project.directory / ".pio" / "build" / board.pio_id / "firmware.hex").resolve()
    )


def test_a_board_with_usb_in_the_chip_is_touched_and_waited_for(make_project, avrdude_stand_in):
    """Its bootloader is another USB device: without it there is nothing to load."""
    note = avrdude_stand_in()
    with pytest.raises(
        BuildError,
        match="Leonardo at /dev/ttyX was not loaded: .*Couldn't find a board on the selected port",
    ):
        b.upload(make_project(), LEONARDO, "/dev/ttyX")
    assert not note.exists()


def test_uploader_that_fails_is_named_with_its_reason(make_project, avrdude_stand_in):
    avrdude_stand_in(
        'echo "avrdude: ser_open(): can\'t open device \\"/dev/ttyX\\": No such file or directory" >&2; exit 1'
    )
    project = make_project()
    with pytest.raises(BuildError) as raised:
        b.upload(project, UNO, "/dev/ttyX")
    message = str(raised.value)
    assert message.startswith(
        "Arduino Uno at /dev/ttyX was not loaded: ser_open(): can't open device"
    )
    assert (
        "\n" not in message and "can't open" in (project.directory / "upload-uno.log").read_text()
    )


def test_uploader_that_hangs_is_ended(make_project, avrdude_stand_in, monkeypatch):
    avrdude_stand_in("sleep 60")
    project = make_project()
    b.build(project, UNO)
    monkeypatch.setattr(b, "UPLOAD_SECONDS", 3)
    with pytest.raises(BuildError, match="no answer in 3 s"):
        b.upload(project, UNO, "/dev/ttyX")


def test_missing_uploader_is_named(make_project, toolchain, monkeypatch):
    monkeypatch.setattr(b, "ensure", lambda *arguments, **options: replace(toolchain, avrdude=None))
    with pytest.raises(BuildError, match="no avrdude on this machine"):
        b.upload(make_project(), UNO, "/dev/ttyX")
