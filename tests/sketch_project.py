"""A small PlatformIO project: a sketch that stands in for the firmware."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tinygen.codegen.emit import firmware_text
from tinygen.common.boards import BOARDS, Board, render_platformio_ini

UNO, MEGA, LEONARDO = BOARDS["uno"], BOARDS["megaatmega2560"], BOARDS["leonardo"]
WITH_FIRMWARE = {name: board for name, board in BOARDS.items() if board.has_firmware}
EVERY_BOARD = pytest.mark.parametrize("board", WITH_FIRMWARE.values(), ids=list(WITH_FIRMWARE))
FIRST_OF_CHIP = {board.mcu: name for name, board in reversed(WITH_FIRMWARE.items())}


def skip_its_chips_others(board: Board, level: str) -> None:
    """One board of each chip at a commit: what tells the others apart (pins, the bootloader's part
    of the flash, how it is loaded) is in test_boards and test_load_board.
    """
    if level == "commit" and FIRST_OF_CHIP[board.mcu] != board.pio_id:
        pytest.skip(f"{FIRST_OF_CHIP[board.mcu]} has the same chip: --level release")


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
void setup() { Serial.begin(TINYGEN_BAUD); pinMode(TINYGEN_RED_PIN, OUTPUT);
               Serial.print(where()); }
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
