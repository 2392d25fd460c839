"""The boards tinygen knows. One entry in BOARDS (table.py) adds a board; everything else is derived
from it.

Derived: the environments of `platformio.ini`, the board files of the local PlatformIO platform
(together with the Arduino core's `boards.txt`), the pins and the clock of the virtual board.
"""

from .board import ROLES, Board, at_baud, require_simulated, with_pins
from .names import find_board
from .platformio import core_properties, pio_board_file, render_platformio_ini
from .table import BOARDS

__all__ = [
    "BOARDS",
    "ROLES",
    "Board",
    "at_baud",
    "core_properties",
    "find_board",
    "pio_board_file",
    "render_platformio_ini",
    "require_simulated",
    "with_pins",
]
