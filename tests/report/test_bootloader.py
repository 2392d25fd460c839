"""The page's loader against the boards' own bootloaders in the simulator, and its view of a board
that streams: without a browser, which tests/report/test_real_board.py has.
"""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bootloaders import empty_chip
from node_line import node
from random_models import random_models
from tinygen.host import protocol
from tinygen.host.check import expect
from tinygen.host.virtual.image import load_hex
from tinygen.host.virtual.simavr import TO_BOARD, SimBoard

from tinygen.codegen.emit import emit_project
from tinygen.common.boards import BOARDS
from tinygen.model.fixedpoint import MISSING

SOURCES = Path(__file__).parents[2] / "web" / "src"
NEW = {"protocol": "arduino", "baud": 115_200, "room": 32_256}
OLD = {"protocol": "arduino", "baud": 57_600, "room": 30_720}
MEGA = {"protocol": "wiring", "baud": 115_200, "room": 253_952}
SMALL = np.random.default_rng(1).bytes(700)  # six pages of an Uno
LARGE = np.random.default_rng(2).bytes(600)  # three of a Mega
FOUND = {
    "uno": ("ATmega328P", NEW, SMALL),
    "nanoatmega328": ("ATmega328P", OLD, SMALL),
    "megaatmega2560": ("ATmega2560", MEGA, LARGE),
}
MODEL = replace(random_models()["linear8"], threshold=150)


def record(address: int, data: bytes, kind: int = 0) -> str:
    """A line of Intel HEX."""
    body = bytes([len(data), address >> 8, address & 255, kind]) + data
    return f":{body.hex()}{-sum(body) & 255:02x}".upper()


def hex_of(program: bytes) -> str:
    """A program from address 0 on as Intel HEX."""
    pieces = [record(at, program[at : at + 16]) for at in range(0, len(program), 16)]
    return "\n".join([*pieces, record(0, b"", 1), ""])


def programs(*ways: dict) -> list[dict]:
    """For both chips, to be loaded by these ways; without one by all."""
    small, large = [NEW, OLD], [MEGA]
    if ways:
        small, large = ([way for way in known if way in ways] for known in (small, large))
    return [
        {"mcu": "atmega328p", "program": hex_of(SMALL), "ways": small},
        {"mcu": "atmega2560", "program": hex_of(LARGE), "ways": large},
    ]


@pytest.fixture
def chip(request, simavr, tmp_path):
    with empty_chip(getattr(request, "param", "uno"), simavr, tmp_path) as board:
        yield board


@pytest.mark.parametrize("chip", FOUND, indirect=True)
def test_the_bootloader_takes_the_program(chip, level):
    """A commit asks the right bootloader at once; the whole search is longer."""
    name, way, program = FOUND[chip.board.pio_id]
    told = node(chip, programs=programs(*([way] if level == "commit" else [])))
    assert told == ("done", {"chip": name, "baud": way["baud"], "bytes": len(program)})
    rest = -len(program) % 128
    assert chip.read_flash(0, len(program) + rest) == program + b"\xff" * rest


def test_a_program_is_replaced(chip):
    """What was there is erased, also where the new one has ones."""
    chip.write_flash(0, bytes(2048))
    assert node(chip, programs=programs(NEW))[0] == "done"
    assert chip.read_flash(0, len(SMALL)) == SMALL


def test_one_flipped_bit_in_flash_is_seen(chip):
    """A cell is worn out: it reads 0 from the moment on that its page is written."""
    address, run = SMALL.index(0xFF if 0xFF in SMALL else max(SMALL)), chip.read

    def worn(*arguments):
        heard = run(*arguments)
        if chip.read_flash(address, 1)[0] == SMALL[address]:
            chip.write_flash(address, bytes([SMALL[address] & ~0x80]))
        return heard

    chip.read = worn
    wanted = f"{SMALL[address] & 0x7F:02x} at address {address}, not {SMALL[address]:02x}"
    said, words = node(chip, programs=programs(NEW))
    assert said == "trouble" and wanted in words and "\n" not in words


def test_a_wrong_chip_is_named_and_nothing_is_written(chip):
    only = [{**programs()[1], "ways": [NEW]}]
    said, words = node(chip, programs=only)
    assert (said, words) == (
        "trouble",
        "this board has an ATmega328P (signature 1e 95 0f), the page has programs for ATmega2560: "
        "nothing was written",
    )
    assert chip.read_flash(0, 1024) == b"\xff" * 1024


def test_a_program_that_does_not_fit_is_not_written(chip):
    small = [{**programs()[0], "ways": [{**NEW, "room": 699}]}]
    said, words = node(chip, programs=small)
    assert said == "trouble" and "700 bytes" in words and "room for 699" in words
    assert chip.read_flash(0, 1024) == b"\xff" * 1024


@pytest.mark.parametrize("chip", ["uno", "megaatmega2560"], indirect=True)
def test_a_line_that_dies_on_the_way_is_told(chip):
    """From the third page on no byte comes back."""
    way, sent = FOUND[chip.board.pio_id][1], bytearray()

    def fault(direction, byte, cycle):
        if direction == TO_BOARD:
            sent.append(byte)
        return b"" if direction != TO_BOARD and len(sent) > 400 else bytes([byte])

    chip.fault = fault
    assert node(chip, programs=programs(way)) == ("trouble", "the board does not answer")


def test_hex_files_are_read_as_avrdude_reads_them(tmp_path):
    """Gaps, and addresses beyond 64 KB by either kind of record."""
    pieces = [
        record(0, b"\x01\x02\x03\x04"),
        record(0x10, b"\xaa\xbb"),
        record(0, b"\x10\x00", 2),  # from 0x1000 * 16 on
        record(0, b"\x05\x06"),
        record(0, b"\x00\x01", 4),  # from 0x0001 << 16 on
        record(8, b"\x07"),
        record(0, b"", 1),
    ]
    text = "\n".join(pieces)
    path = tmp_path / "gaps.hex"
    path.write_text(text)
    wanted = bytearray(b"\xff" * 0x10009)
    for address, content in load_hex(path):
        wanted[address : address + len(content)] = content
    said, got = node(None, hex=text)
    assert said == "done" and bytes(got) == bytes(wanted) and wanted[0x10008] == 7
    assert node(None, hex=text.replace("AABB", "AABC"))[0] == "bug"  # the page's own file is broken


def test_chips_are_known_by_the_signatures_of_avr_libc(toolchain):
    rows = re.findall(r"\['([\da-f ]+)', '(\w+)', (\d+)\]", (SOURCES / "avr_chips.js").read_text())
    assert len(rows) == 10
    for signature, name, page in rows:
        done = subprocess.run(
            [toolchain.avr_gcc, f"-mmcu={name.lower()}", "-E", "-dM", "-include", "avr/io.h", "-"],
            input="",
            capture_output=True,
            text=True,
            check=True,
        )
        known = dict(re.findall(r"#define (SIGNATURE_\d|SPM_PAGESIZE) \(?(\w+)", done.stdout))
        bytes_ = [int(known[f"SIGNATURE_{k}"], 16) for k in range(3)]
        assert " ".join(f"{byte:02x}" for byte in bytes_) == signature, name
        assert known["SPM_PAGESIZE"].rstrip("UL") == page, name


# ---- a board that streams ----


def settings(**changes) -> dict:
    return {"id": MODEL.model_id, "version": 1, "baud": BOARDS["uno"].baud, **changes}


@pytest.fixture(scope="module")
def elf(simavr, firmware_elf, tmp_path_factory):
    uno = BOARDS["uno"]
    return firmware_elf(emit_project(MODEL, tmp_path_factory.mktemp("linear"), [uno]), uno)


def test_answers_of_a_real_board_are_read_right(elf):
    """Readings inside and outside of the range, a missing one, and an answer that gets lost."""
    rows = MODEL.sample_rows(40, 3)
    rows[::9, 1] = MISSING
    wanted = expect(MODEL, rows)
    heard = []

    def lossy(direction, byte, cycle):
        if direction != TO_BOARD:
            heard.append(byte)
        return b"" if direction != TO_BOARD and len(heard) == 200 else bytes([byte])

    with SimBoard(BOARDS["uno"], elf, fault=lossy) as board:
        said, got = node(board, settings=settings(), rows=rows.tolist())
    assert said == "done" and len(heard) > 400, got
    assert [a["raw"] for a in got] == list(wanted.prediction)
    assert [a["digest"] for a in got] == list(wanted.digest)
    assert [a["pins"] for a in got] == [int(pins) for pins in wanted.pins]
    assert [(a["clamped"], a["missing"]) for a in got] == [
        (protocol.Flag.CLAMPED in f, protocol.Flag.MISSING in f) for f in wanted.flags
    ]


def test_another_program_is_not_taken_for_the_page_s(elf):
    with SimBoard(BOARDS["uno"], elf) as board:
        said, words = node(board, settings=settings(id=MODEL.model_id ^ 1), rows=[])
    assert said == "trouble" and "not the one of this page" in words


def test_a_silent_board_is_told(simavr):
    """Nothing but erased flash would crash the simulator: it runs in circles."""
    with SimBoard(BOARDS["uno"]) as board:
        board.write_flash(0, b"\xff\xcf")  # rjmp to itself
        said, words = node(board, settings=settings(), rows=[])
    assert said == "trouble" and "says nothing at 250000 baud" in words
