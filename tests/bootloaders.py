"""The boards' own bootloaders, in an otherwise empty virtual board."""

import subprocess
from pathlib import Path

from tinygen.host.virtual.simavr import SimBoard

from tinygen.common.boards import BOARDS

# of the bootloader; what lies below is for the program
STARTS = {"uno": 0x7C00, "nanoatmega328": 0x7800, "megaatmega2560": 0x3E000}
OPTIBOOT_FLAGS = (
    "-Os",
    "-w",
    "-DLED_START_FLASHES=3",
    "-DBAUD_RATE=115200",
    "-Wl,--section-start=.text=0x7c00",
    "-Wl,--section-start=.version=0x7ffe",
    "-Wl,--relax",
    "-nostartfiles",
    "-nostdlib",
)


def uno_bootloader(tools, folder: Path) -> Path:
    """Optiboot, from the source in the Arduino core. Debian's optiboot_atmega328.hex is 532 bytes
    and linked for 512.
    """
    source = tools.avr_core / "bootloaders" / "optiboot" / "optiboot.c"
    elf = folder / "optiboot.elf"
    command = [
        tools.avr_gcc,
        "-mmcu=atmega328p",
        "-DF_CPU=16000000L",
        *OPTIBOOT_FLAGS,
        source,
        "-o",
        elf,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return elf


def old_nano_bootloader(tools, folder: Path) -> Path:
    return tools.avr_core / "bootloaders" / "atmega" / "ATmegaBOOT_168_atmega328.hex"


def mega_bootloader(tools, folder: Path) -> Path:
    return tools.avr_core / "bootloaders" / "stk500v2" / "stk500boot_v2_mega2560.hex"


BOOTLOADERS = {
    "uno": uno_bootloader,
    "nanoatmega328": old_nano_bootloader,
    "megaatmega2560": mega_bootloader,
}


def empty_chip(name: str, tools, folder: Path) -> SimBoard:
    """A board with nothing in it but its bootloader, from which it starts."""
    return SimBoard(BOARDS[name], BOOTLOADERS[name](tools, folder), start=STARTS[name])
