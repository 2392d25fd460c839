"""Compiles the small AVR programs of this folder."""

import subprocess
from dataclasses import replace
from pathlib import Path

import tinygen.host

from tinygen.common.boards import BOARDS

HERE = Path(__file__).parent
VECTORS = {  # the two chips name their first UART's interrupts differently
    "atmega328p": ("USART_RX_vect", "USART_UDRE_vect"),
    "atmega2560": ("USART0_RX_vect", "USART0_UDRE_vect"),
}


def compile_avr(avr_gcc: Path, folder: Path, source: str, board, **defines: object) -> Path:
    """The ELF of `source` for the board's chip; a compiler message fails the test."""
    tags = "-".join(f"{name}{value}" for name, value in sorted(defines.items()))
    elf = folder / f"{Path(source).stem}-{board.mcu}-{tags}.elf"
    if not elf.exists():
        rx, udre = VECTORS.get(board.mcu, ("none", "none"))
        command = [
            avr_gcc,
            f"-mmcu={board.mcu}",
            f"-DF_CPU={board.f_cpu_hz}UL",
            "-Os",
            "-std=gnu99",
            "-Wall",
            "-Wextra",
            "-Werror",
            f"-DUSART_RX_VECTOR={rx}",
            f"-DUSART_UDRE_VECTOR={udre}",
            *(f"-D{name}={value}" for name, value in defines.items()),
            "-o",
            elf,
            HERE / source,
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return elf


# the C programs beside this file speak 115,200 baud, whatever our firmware does
UNO, MEGA = (replace(BOARDS[name], baud=115_200) for name in ("uno", "megaatmega2560"))
SECOND = 16_000_000
BAUDS = {  # baud: (UBRR, U2X) at 16 MHz, datasheet table 20-12
    9600: (103, 0),
    57600: (34, 1),
    115200: (16, 1),
    250000: (7, 1),
    500000: (3, 1),
}
TEXT = bytes((7 * i + (i >> 8)) & 0xFF for i in range(4000))

tinygen.host.register()


def answers(board, cycles=SECOND):
    """What arrives within `cycles`."""
    board.run(cycles)
    return board.read()
