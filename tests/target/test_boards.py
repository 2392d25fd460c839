"""Every board against the Arduino core's own files, and platformio.ini against the table of
boards.
"""

import configparser
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tinygen.commands.boards import list_boards
from tinygen.common.boards import (
    BOARDS,
    core_properties,
    find_board,
    pio_board_file,
    render_platformio_ini,
    require_simulated,
)
from tinygen.common.errors import UsageError

ROOT = Path(__file__).parents[2]
EVERY_BOARD = pytest.mark.parametrize(
    "board", [b for b in BOARDS.values() if b.has_firmware], ids=lambda b: b.pio_id
)
OTHER_MAKERS = {
    "sparkfun_promicro16"
}  # their chips and bootloaders are those of an Arduino, their USB ids are not

SAMPLE = """
# uno.build.mcu=comment
uno.name=Arduino UNO
uno.build.mcu=atmega328p
unowifi.build.mcu=atmega4809
mega.build.board=AVR_MEGA
mega.menu.cpu.atmega2560=ATmega2560
mega.menu.cpu.atmega2560.build.mcu=atmega2560
mega.menu.cpu.atmega2560.build.board=AVR_MEGA2560
mega.menu.cpu.atmega1280.build.mcu=atmega1280
"""


def core_disagreements(board, boards_txt: str) -> list[str]:
    """The fields in which `board` differs from boards.txt."""
    core = core_properties(boards_txt, board.fqbn)
    expected = {
        "mcu": core["build.mcu"],
        "f_cpu_hz": int(core["build.f_cpu"].rstrip("L")),
        "flash_bytes": int(core["upload.maximum_size"]),
        "ram_bytes": int(core["upload.maximum_data_size"]),
        "protocol": core["upload.protocol"],
        "upload_speed": int(core["upload.speed"]),
        "usb_ids": tuple(
            (int(core[f"vid.{n}"], 16), int(core[f"pid.{n}"], 16))
            for n in range(20)
            if f"vid.{n}" in core
        ),
    }
    return [
        name
        for name, value in expected.items()
        if getattr(board, name) != value
        and (name, board.pio_id) not in {("usb_ids", other) for other in OTHER_MAKERS}
    ]


def port_of_pin(pins_arduino_h: str, pin: int) -> str:
    """ "PB4": where the variant's tables put an Arduino pin."""

    def table(name: str, entry: str) -> list[str]:
        body = pins_arduino_h.split(f"{name}[]", 1)[1].split("};", 1)[0]
        return re.findall(entry, re.sub(r"//.*|/\*.*?\*/", "", body))

    ports = table("digital_pin_to_port_PGM", r"\bP[A-L]\b")
    bits = table("digital_pin_to_bit_mask_PGM", r"_BV\(\s*(\d)\s*\)")
    return ports[pin] + bits[pin]


@pytest.fixture(scope="module")
def boards_txt(toolchain) -> str:
    return (toolchain.avr_core / "boards.txt").read_text(encoding="utf-8", errors="replace")


@EVERY_BOARD
def test_board_agrees_with_boards_txt(board, boards_txt):
    assert core_disagreements(board, boards_txt) == []


def test_a_wrong_field_is_seen(boards_txt):
    wrong = replace(BOARDS["uno"], flash_bytes=32_768, protocol="wiring", usb_ids=())
    assert core_disagreements(wrong, boards_txt) == ["flash_bytes", "protocol", "usb_ids"]


@EVERY_BOARD
def test_pins_agree_with_the_variant(board, toolchain, boards_txt):
    variant = core_properties(boards_txt, board.fqbn)["build.variant"]
    path = toolchain.avr_core / "variants" / variant / "pins_arduino.h"
    pins = path.read_text(errors="replace")
    if base := re.search(r'#include "(\.\..*)"', pins):
        pins = (path.parent / base[1]).read_text(errors="replace")
    known = {k: port for k, port in enumerate(board.pin_ports.split()) if port != "-"}
    assert {k: port_of_pin(pins, k) for k in known} == known and len(known) >= 18
    assert port_of_pin(pins, board.red_pin - 1) != board.red_port
    assert {board.red_pin, board.green_pin, *board.more_pins} <= set(board.free_pins)


def test_core_properties_apply_the_menu():
    assert core_properties(SAMPLE, "arduino:avr:uno") == {
        "name": "Arduino UNO",
        "build.mcu": "atmega328p",
    }
    assert core_properties(SAMPLE, "arduino:avr:mega:cpu=atmega2560") == {
        "build.board": "AVR_MEGA2560",
        "build.mcu": "atmega2560",
    }
    assert core_properties(SAMPLE, "arduino:avr:nano") == {}


@EVERY_BOARD
def test_board_file_has_what_pio_asks_for(board, boards_txt):
    content = pio_board_file(board, boards_txt)
    core = core_properties(boards_txt, board.fqbn)
    assert content["build"]["extra_flags"] == f"-DARDUINO_{core['build.board']}"
    assert content["build"]["variant"] == core["build.variant"]
    assert content["upload"]["maximum_size"] == board.flash_bytes
    assert content["build"]["hwids"] == [
        [f"0x{vendor:04X}", f"0x{product:04X}"] for vendor, product in board.usb_ids
    ]


def test_board_with_usb_in_the_chip_gets_its_flags(boards_txt):
    content = pio_board_file(BOARDS["leonardo"], boards_txt)
    assert (
        content["build"]["usb_vid"] == "0x2341"
        and content["build"]["usb_product"] == "Arduino Leonardo"
    )
    assert content["upload"]["use_1200bps_touch"] and content["upload"]["wait_for_upload_port"]
    promicro = pio_board_file(BOARDS["sparkfun_promicro16"], boards_txt)["build"]
    assert (promicro["usb_vid"], promicro["usb_pid"]) == (
        "0x1B4F",
        "0x9206",
    )  # it must not call itself a Leonardo
    uno = pio_board_file(BOARDS["uno"], boards_txt)
    assert not uno["upload"]["use_1200bps_touch"] and "usb_vid" not in uno["build"]


def test_registry_of_boards_is_consistent():
    for name, board in BOARDS.items():
        assert name == board.pio_id
        assert board.red_pin != board.green_pin and board.red_port != board.green_port
        assert len({board.red_pin, board.green_pin, *board.more_pins}) == 4
        assert len(set(board.led_ports)) == 4
    every_id = [pair for board in BOARDS.values() for pair in board.usb_ids]
    assert len(every_id) == len(set(every_id))  # a plugged-in board is never two boards


def test_committed_platformio_ini_is_the_rendered_one():
    committed = (ROOT / "platformio.ini").read_text(encoding="ascii")
    assert committed == render_platformio_ini(
        BOARDS.values(),
        "firmware/src",
        "firmware/include",
        ["; the model of the last `make demo`", "-Idemo/include"],
    )


def test_platformio_ini_has_two_environments_a_board():
    ini = configparser.ConfigParser(interpolation=None)
    ini.read_string(render_platformio_ini(BOARDS.values()))
    for board in (b for b in BOARDS.values() if b.has_firmware):
        assert ini[f"env:{board.pio_id}"]["board"] == board.pio_id
        assert f"-DTINYGEN_RED_PIN={board.red_pin}" in ini[f"env:{board.pio_id}"]["build_flags"]
        assert ini[f"env:{board.pio_id}_empty"]["extends"] == f"env:{board.pio_id}"
        assert "-DTINYGEN_EMPTY_PREDICTOR" in ini[f"env:{board.pio_id}_empty"]["build_flags"]
    assert ini["platformio"]["default_envs"].split(", ") == ["uno", "megaatmega2560"]
    assert not any("attiny85" in section for section in ini)


@pytest.mark.parametrize(
    "name, words",
    [
        ("leonardo", "its serial port is USB in the chip: give its real port"),
        ("attiny85", "it has no serial port at all"),
    ],
)
def test_a_board_that_cannot_be_simulated_says_so_in_one_line(name, words):
    with pytest.raises(
        UsageError, match=f"board '{name}' cannot be streamed to in the simulator, {words}"
    ) as raised:
        require_simulated(BOARDS[name])
    assert "\n" not in str(raised.value)
    assert require_simulated(BOARDS["uno"]) is BOARDS["uno"]


def test_the_list_of_boards_tells_what_each_can():
    rows = {line.split()[0]: line for line in list_boards().text().splitlines()[1:]}
    assert set(rows) == set(BOARDS)
    for name, words in (
        ("uno", "UART, simulated too"),
        ("leonardo", "USB, not simulated"),
        ("attiny85", "nothing: model alone"),
        ("nano_every", "nothing: model alone  yasimavr"),
        ("attiny3217", "nothing: model alone  no simulator"),
    ):
        assert words in rows[name]


@pytest.mark.parametrize("board", [b for b in BOARDS.values() if b.modern], ids=lambda b: b.pio_id)
def test_sizes_of_newer_chips_are_the_compilers(board, toolchain, tmp_path):
    def disagrees(flash_bytes, ram_bytes) -> bool:
        (tmp_path / "sizes.c").write_text(
            "#include <avr/io.h>\n"
            f'_Static_assert(PROGMEM_SIZE == {flash_bytes}, "flash");\n'
            f'_Static_assert(INTERNAL_SRAM_SIZE == {ram_bytes}, "RAM");\n'
        )
        command = [toolchain.avr_gcc, f"-mmcu={board.mcu}", "-fsyntax-only", tmp_path / "sizes.c"]
        return subprocess.run(command, capture_output=True).returncode != 0

    assert not disagrees(board.flash_bytes, board.ram_bytes)
    assert disagrees(board.flash_bytes, board.ram_bytes + 1)


@pytest.mark.parametrize(
    "name, advice",
    [
        ("nanoevery", "the nearest is 'nano_every' (atmega4809), `tinygen boards` lists all"),
        ("Leonrado", "the nearest is 'leonardo' (atmega32u4), `tinygen boards` lists all"),
        ("mega2560", "the nearest is 'megaatmega2560' (atmega2560), `tinygen boards` lists all"),
        ("unoo", "the nearest is 'uno' (atmega328p), `tinygen boards` lists all"),
        (
            "nano",
            "is it 'nanoatmega328' (atmega328p) or 'nanoatmega328new' (atmega328p) or 'nano_every' "
            "(atmega4809)? `tinygen boards` lists all",
        ),
        # other chips, however alike their names are
        ("attiny84", "`tinygen boards` lists all"),
        ("attiny1616", "`tinygen boards` lists all"),
        ("atmega4808", "`tinygen boards` lists all"),
        ("megaatmega1280", "`tinygen boards` lists all"),
        ("nanoatmega168", "`tinygen boards` lists all"),
        ("nano_33_iot", "`tinygen boards` lists all"),
        ("uno_r4_minima", "`tinygen boards` lists all"),
        ("uno_wifi_rev2", "`tinygen boards` lists all"),
        ("x", "`tinygen boards` lists all"),
    ],
)
def test_an_unknown_board_is_never_advised_another_chip(name, advice):
    with pytest.raises(UsageError) as raised:
        find_board(name)
    assert str(raised.value) == f"board '{name}' is unknown: {advice}"


def test_the_nano_every_says_what_it_lacks():
    with pytest.raises(
        UsageError, match="it has an Arduino core that the firmware is not made for"
    ):
        require_simulated(BOARDS["nano_every"])
