"""The boards tinygen knows. One entry in BOARDS adds a board; everything else is derived from it.

Derived: the environments of `platformio.ini`, the board files of the local PlatformIO platform
(together with the Arduino core's `boards.txt`), the pins and the clock of the virtual board.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from .errors import UsageError
from .jinja import environment

# Port and bit of each Arduino pin, from 0 on: the variants' pins_arduino.h; "-" is not led out.
SMALL_PORTS = "PD0 PD1 PD2 PD3 PD4 PD5 PD6 PD7 PB0 PB1 PB2 PB3 PB4 PB5 PC0 PC1 PC2 PC3 PC4 PC5"
MEGA_PORTS = (
    "PE0 PE1 PE4 PE5 PG5 PE3 PH3 PH4 PH5 PH6 PB4 PB5 PB6 PB7 PJ1 "
    "PJ0 PH1 PH0 PD3 PD2 PD1 PD0 PA0 PA1 PA2 PA3 PA4 PA5 PA6 PA7 "
    "PC7 PC6 PC5 PC4 PC3 PC2 PC1 PC0 PD7 PG2 PG1 PG0 PL7 PL6 PL5 "
    "PL4 PL3 PL2 PL1 PL0 PB3 PB2 PB1 PB0 PF0 PF1 PF2 PF3 PF4 PF5 "
    "PF6 PF7 PK0 PK1 PK2 PK3 PK4 PK5 PK6 PK7"
)
LEONARDO_PORTS = (
    "PD2 PD3 PD1 PD0 PD4 PC6 PD7 PE6 PB4 PB5 PB6 PB7 PD6 PC7 PB3 "
    "PB1 PB2 PB0 PF7 PF6 PF5 PF4 PF1 PF0"
)
PRO_MICRO_PORTS = "PD2 PD3 PD1 PD0 PD4 PC6 PD7 PE6 PB4 PB5 PB6 - - - PB3 PB1 PB2 - PF7 PF6 PF5 PF4"
ROLES = ("red", "green", "third", "fourth")  # of LEDs


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
    more_pins: tuple[int, int]  # of a third and a fourth LED, where each class has one
    pin_ports: str  # port and bit of each Arduino pin from 0 on, "PD0 PD1"; "-" is not led out
    baud: int  # of the row stream, 8N1; 250,000 divides 16 MHz exactly
    protocol: str  # the bootloader's, in avrdude's word
    upload_speed: int  # baud of the bootloader
    usb_ids: tuple[
        tuple[int, int], ...
    ]  # (vendor, product) that identify the board when plugged in; () with a common bridge
    serial: str = "uart"  # "uart": UART 0, simulated too; "usb": in the chip itself;
    # "none": nothing to stream by
    analog_pins: int = 0  # A0 on, which are the converter's inputs 0 on; 0: nothing is recorded

    @property
    def leds(self) -> dict[str, int]:
        """Pin of the LED of each role."""
        return dict(zip(ROLES, (self.red_pin, self.green_pin, *self.more_pins)))

    @property
    def led_ports(self) -> tuple[str, ...]:
        """Port and bit of every LED: red, green, the third, the fourth."""
        ports = self.pin_ports.split()
        return tuple(ports[pin] for pin in self.leds.values())

    @property
    def red_port(self) -> str:
        return self.led_ports[0]

    @property
    def green_port(self) -> str:
        return self.led_ports[1]

    @property
    def serial_pins(self) -> tuple[int, ...]:
        """Pins that carry the rows."""
        return (0, 1) if self.serial == "uart" else ()

    @property
    def free_pins(self) -> tuple[int, ...]:
        """Pins that an LED may be at."""
        every = enumerate(self.pin_ports.split())
        return tuple(k for k, port in every if port != "-" and k not in self.serial_pins)

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
        more_pins=(11, 10),
        pin_ports=SMALL_PORTS,
        baud=250_000,
        protocol="arduino",
        upload_speed=upload_speed,
        usb_ids=(),
        analog_pins=8,
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
        more_pins=(11, 10),
        pin_ports=SMALL_PORTS,
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
        analog_pins=6,
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
        more_pins=(51, 50),
        pin_ports=MEGA_PORTS,
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
        analog_pins=16,
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
        more_pins=(11, 10),
        pin_ports=LEONARDO_PORTS,
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
        more_pins=(10, 16),
        pin_ports=PRO_MICRO_PORTS,
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
        more_pins=(3, 4),
        pin_ports="PB0 PB1 PB2 PB3 PB4",
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
    models: bool = True,
) -> str:
    """The text of platformio.ini: for each board with a firmware one environment, and one with an
    empty predictor; without that one where the program has no model.
    """
    template = environment("c").get_template("platformio.ini.j2")
    return template.render(
        boards=[b for b in boards if b.has_firmware],
        src_dir=src_dir,
        include_dir=include_dir,
        extra_flags=list(extra_flags),
        models=models,
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


def with_pins(board: Board, pins: Mapping[str, int], leds: int = 2) -> Board:
    """The board with its LEDs at other pins, by role; `leds` of the roles are in use. UsageError
    for a pin that the board lacks or that carries the rows, or for two LEDs at one.
    """
    for role, pin in pins.items():
        if pin in board.serial_pins:
            raise UsageError(_not_there(board, role, pin, "carries the rows"))
        if pin not in board.free_pins:
            raise UsageError(_not_there(board, role, pin, "is none that it leads out"))
    placed = {**board.leds, **pins}
    for place, role in enumerate(ROLES):
        others = [other for other in ROLES[:place] if placed[other] == placed[role]]
        if others and role not in pins and place >= leds:  # nothing lights it: it makes room
            placed[role] = board.leds[others[0]]
        elif others:
            raise UsageError(
                f"the {others[0]} and the {role} LED are both at pin {placed[role]} of the "
                f"{board.title}: give {role} another with --{role}-pin or pins.{role}"
            )
    red, green, third, fourth = placed.values()
    return replace(board, red_pin=red, green_pin=green, more_pins=(third, fourth))


def _not_there(board: Board, role: str, pin: int, why: str) -> str:
    return (
        f"the {role} LED cannot be at pin {pin} of the {board.title}, which {why}: use one of "
        f"{_ranges(board.free_pins)}"
    )


def _ranges(numbers: tuple[int, ...]) -> str:
    """ "2 .. 10, 14 .. 16": ascending numbers, neighbours together."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(f"{p[0]} .. {p[-1]}" if len(p) > 1 else str(p[0]) for p in parts)


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
