"""The boards tinygen knows. One entry in BOARDS adds a board; everything else is derived from it.

Derived: the environments of `platformio.ini`, the board files of the local PlatformIO platform
(together with the Arduino core's `boards.txt`), the pins and the clock of the virtual board.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import UsageError
from .jinja import environment


@dataclass(frozen=True)
class Board:
    """One Arduino board: what a program must know to build for it, load it and watch it."""

    pio_id: str  # PlatformIO's name of the board, ours too: "uno"
    title: str  # the name on the box
    fqbn: str  # name in the core's boards.txt, as arduino-cli spells it; "": not in it
    mcu: str  # as avr-gcc's -mmcu and simavr spell it
    f_cpu_hz: int
    flash_bytes: int  # for the program; the bootloader's share is taken off
    ram_bytes: int
    red_pin: int  # Arduino pin numbers of the two LEDs
    green_pin: int
    red_port: str  # the same pins as port and bit: "PB4"
    green_port: str
    more_pins: tuple[int, int]  # of a third and a fourth LED, where each class has one
    more_ports: tuple[str, str]
    baud: int  # of the row stream, 8N1; 250,000 divides 16 MHz exactly
    protocol: str  # the bootloader's, in avrdude's word
    upload_speed: int  # baud of the bootloader
    usb_ids: tuple[
        tuple[int, int], ...
    ]  # (vendor, product) that identify the board when plugged in; () with a common bridge
    serial: str = "uart"  # "uart": UART 0, simulated too; "usb": in the chip itself;
    # "none": nothing to stream by

    @property
    def led_ports(self) -> tuple[str, ...]:
        """Port and bit of every LED: red, green, the third, the fourth."""
        return (self.red_port, self.green_port, *self.more_ports)

    @property
    def has_firmware(self) -> bool:
        """True if rows can be streamed to it; without a serial port there is the model alone,
        called by the user's program.
        """
        return self.serial != "none"

    @property
    def streams_simulated(self) -> bool:
        """True if the virtual board runs its whole firmware; where it cannot, the chip still runs
        the model alone.
        """
        return self.serial == "uart"


def _nano(pio_id: str, title: str, fqbn: str, upload_speed: int) -> Board:
    """A small board with an ATmega328P and a USB bridge that many others have as well."""
    return Board(
        pio_id,
        title,
        fqbn,
        mcu="atmega328p",
        f_cpu_hz=16_000_000,
        flash_bytes=30_720,
        ram_bytes=2_048,
        red_pin=12,
        green_pin=13,
        red_port="PB4",
        green_port="PB5",
        more_pins=(11, 10),
        more_ports=("PB3", "PB2"),
        baud=250_000,
        protocol="arduino",
        upload_speed=upload_speed,
        usb_ids=(),
    )


def _registry(*boards: Board) -> dict[str, Board]:
    return {board.pio_id: board for board in boards}


# Sizes, protocol, speed and USB ids: boards.txt of the Arduino AVR core 1.8.7; pins to ports: its
# variants/*/pins_arduino.h. Tests compare every entry with both files.
BOARDS: dict[str, Board] = _registry(
    Board(
        pio_id="uno",
        title="Arduino Uno",
        fqbn="arduino:avr:uno",
        mcu="atmega328p",
        f_cpu_hz=16_000_000,
        flash_bytes=32_256,
        ram_bytes=2_048,
        red_pin=12,
        green_pin=13,
        red_port="PB4",
        green_port="PB5",
        more_pins=(11, 10),
        more_ports=("PB3", "PB2"),
        baud=250_000,
        protocol="arduino",
        upload_speed=115_200,
        usb_ids=(
            (0x2341, 0x0043),
            (0x2341, 0x0001),
            (0x2A03, 0x0043),
            (0x2341, 0x0243),
            (0x2341, 0x006A),
        ),
    ),
    Board(
        pio_id="megaatmega2560",
        title="Arduino Mega 2560",
        fqbn="arduino:avr:mega:cpu=atmega2560",
        mcu="atmega2560",
        f_cpu_hz=16_000_000,
        flash_bytes=253_952,
        ram_bytes=8_192,
        red_pin=52,
        green_pin=53,
        red_port="PB1",
        green_port="PB0",
        more_pins=(51, 50),
        more_ports=("PB2", "PB3"),
        baud=250_000,
        protocol="wiring",
        upload_speed=115_200,
        usb_ids=(
            (0x2341, 0x0010),
            (0x2341, 0x0042),
            (0x2A03, 0x0010),
            (0x2A03, 0x0042),
            (0x2341, 0x0210),
            (0x2341, 0x0242),
        ),
    ),
    _nano(
        "nanoatmega328",
        "Arduino Nano (old bootloader)",
        "arduino:avr:nano:cpu=atmega328old",
        57_600,
    ),
    _nano("nanoatmega328new", "Arduino Nano", "arduino:avr:nano:cpu=atmega328", 115_200),
    _nano(
        "pro16MHzatmega328", "Arduino Pro Mini 16 MHz", "arduino:avr:pro:cpu=16MHzatmega328", 57_600
    ),
    Board(
        pio_id="leonardo",
        title="Arduino Leonardo",
        fqbn="arduino:avr:leonardo",
        mcu="atmega32u4",
        f_cpu_hz=16_000_000,
        flash_bytes=28_672,
        ram_bytes=2_560,
        red_pin=12,
        green_pin=13,
        red_port="PD6",
        green_port="PC7",
        more_pins=(11, 10),
        more_ports=("PB7", "PB6"),
        baud=115_200,
        protocol="avr109",
        upload_speed=57_600,
        serial="usb",
        usb_ids=((0x2341, 0x0036), (0x2341, 0x8036), (0x2A03, 0x0036), (0x2A03, 0x8036)),
    ),
    Board(  # a Leonardo of another maker, with fewer pins led out
        pio_id="sparkfun_promicro16",
        title="SparkFun Pro Micro 16 MHz",
        fqbn="arduino:avr:leonardo",
        mcu="atmega32u4",
        f_cpu_hz=16_000_000,
        flash_bytes=28_672,
        ram_bytes=2_560,
        red_pin=8,
        green_pin=9,
        red_port="PB4",
        green_port="PB5",
        more_pins=(10, 16),
        more_ports=("PB6", "PB2"),
        baud=115_200,
        protocol="avr109",
        upload_speed=57_600,
        serial="usb",
        usb_ids=((0x1B4F, 0x9205), (0x1B4F, 0x9206)),
    ),
    Board(  # ATtiny85 datasheet: 8 KB of flash, 512 bytes of RAM, no MUL, no UART
        pio_id="attiny85",
        title="ATtiny85 chip",
        fqbn="",
        mcu="attiny85",
        f_cpu_hz=8_000_000,
        flash_bytes=8_192,
        ram_bytes=512,
        red_pin=0,
        green_pin=1,
        red_port="PB0",
        green_port="PB1",
        more_pins=(3, 4),
        more_ports=("PB3", "PB4"),
        baud=0,
        protocol="",
        upload_speed=0,
        serial="none",
        usb_ids=(),
    ),
)


def render_platformio_ini(
    boards: Iterable[Board],
    src_dir: str = "src",
    include_dir: str = "include",
    extra_flags: Iterable[str] = (),
) -> str:
    """The text of platformio.ini: for each board with a firmware one environment, and one with an
    empty predictor.
    """
    template = environment("c").get_template("platformio.ini.j2")
    return template.render(
        boards=[b for b in boards if b.has_firmware],
        src_dir=src_dir,
        include_dir=include_dir,
        extra_flags=list(extra_flags),
    )


def core_properties(boards_txt: str, fqbn: str) -> dict[str, str]:
    """The properties `boards.txt` gives one board, its menu choices applied: {"build.mcu": ...}.

    `fqbn` is "vendor:architecture:board[:menu=choice,...]". Empty when the file lacks the board.
    """
    _, _, board, *options = fqbn.split(":")
    lines = (line.partition("=") for line in boards_txt.splitlines() if not line.startswith("#"))
    prefix = board + "."
    flat = {
        key[len(prefix) :].strip(): value.strip()
        for key, _, value in lines
        if key.startswith(prefix)
    }
    chosen: dict[str, str] = {}
    for option in options[0].split(",") if options else ():
        menu = "menu.{}.{}.".format(*option.split("="))
        chosen |= {key[len(menu) :]: value for key, value in flat.items() if key.startswith(menu)}
    return {key: value for key, value in flat.items() if not key.startswith("menu.")} | chosen


def pio_board_file(board: Board, boards_txt: str) -> dict:
    """PlatformIO's description of `board` (the content of boards/ID.json), from `boards.txt`."""
    core = core_properties(boards_txt, board.fqbn)
    usb = {}
    if "build.vid" in core:  # a chip with USB of its own: it must know what to call itself
        own = (int(core["build.vid"], 16), int(core["build.pid"], 16))
        vendor, product = own if own in board.usb_ids else board.usb_ids[-1]
        usb = {
            "usb_vid": f"0x{vendor:04X}",
            "usb_pid": f"0x{product:04X}",
            "usb_product": board.title,
        }
    return {
        "name": board.title,
        "vendor": "Arduino",
        "url": "https://www.arduino.cc",
        "frameworks": ["arduino"],
        "build": {
            "core": core["build.core"].split(":")[-1],
            "variant": core["build.variant"].split(":")[-1],
            "mcu": board.mcu,
            "f_cpu": f"{board.f_cpu_hz}L",
            "extra_flags": f"-DARDUINO_{core['build.board']}",
            **usb,
            "hwids": [[f"0x{vendor:04X}", f"0x{product:04X}"] for vendor, product in board.usb_ids],
        },
        "upload": {
            "maximum_size": board.flash_bytes,
            "maximum_ram_size": board.ram_bytes,
            "protocol": board.protocol,
            "speed": board.upload_speed,
            "require_upload_port": True,
            "use_1200bps_touch": core.get("upload.use_1200bps_touch") == "true",
            "wait_for_upload_port": core.get("upload.wait_for_upload_port") == "true",
        },
    }


def find_board(board: str) -> Board:
    """The board with this PlatformIO id; UsageError with the nearest one otherwise."""
    if board not in BOARDS:
        nearest = next(
            (known for known in BOARDS if known.startswith(board.lower())),
            difflib.get_close_matches(board, BOARDS, 1, 0.0)[0],
        )
        raise UsageError(
            f"board '{board}' is unknown: the nearest is '{nearest}', `tinygen boards` lists all"
        )
    return BOARDS[board]


def require_simulated(board: Board) -> Board:
    """The board, if the virtual board runs its firmware; UsageError otherwise."""
    if not board.streams_simulated:
        why = (
            "its serial port is USB in the chip: give its real port"
            if board.has_firmware
            else "it has no serial port at all"
        )
        raise UsageError(
            f"board '{board.pio_id}' cannot be streamed to in the simulator, {why}; `tinygen "
            "train --board "
            f"{board.pio_id}` measures the model on its simulated chip"
        )
    return board
