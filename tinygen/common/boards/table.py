"""The table of boards."""

from __future__ import annotations

from .board import Board

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
NANO_EVERY_PORTS = (
    "PC5 PC4 PA0 PF5 PC6 PB2 PF4 PA1 PE3 PB0 PB1 PE0 PE1 PE2 PD3 PD2 PD1 PD0 PF2 PF3 PD4 PD5"
)
# PA0 is the programmer's
TINY1614_PORTS = "- PA1 PA2 PA3 PA4 PA5 PA6 PA7 PB0 PB1 PB2 PB3"
TINY3217_PORTS = (
    "- PA1 PA2 PA3 PA4 PA5 PA6 PA7 PB0 PB1 PB2 PB3 PB4 PB5 PB6 PB7 PC0 PC1 PC2 PC3 PC4 PC5"
)
PRO_MICRO_PORTS = "PD2 PD3 PD1 PD0 PD4 PC6 PD7 PE6 PB4 PB5 PB6 - - - PB3 PB1 PB2 - PF7 PF6 PF5 PF4"


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


def _tiny1(pio_id: str, title: str, flash_bytes: int, pin_ports: str) -> Board:
    """A chip of the ATtiny 1-series. Its datasheet: 2 KB of RAM; 20 MHz without the prescaler."""
    return Board(
        pio_id,
        title,
        fqbn="",
        mcu=pio_id,
        f_cpu_hz=20_000_000,
        flash_bytes=flash_bytes,
        ram_bytes=2_048,
        red_pin=1,
        green_pin=2,
        more_pins=(3, 4),
        pin_ports=pin_ports,
        baud=0,
        protocol="",
        upload_speed=0,
        usb_ids=(),
        serial="none",
        modern=True,
        simulator="",
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
    Board(  # boards.txt of the Arduino megaAVR core 1.8.8; its flash is not divided: no bootloader
        pio_id="nano_every",
        title="Arduino Nano Every",
        fqbn="arduino:megaavr:nona4809",
        mcu="atmega4809",
        f_cpu_hz=16_000_000,
        flash_bytes=49_152,
        ram_bytes=6_144,
        red_pin=12,
        green_pin=13,
        more_pins=(11, 10),
        pin_ports=NANO_EVERY_PORTS,
        baud=0,
        protocol="jtag2updi",
        upload_speed=115_200,
        serial="core",
        usb_ids=((0x2341, 0x0058),),
        modern=True,
        simulator="yasimavr",
    ),
    _tiny1("attiny1614", "ATtiny1614 chip", 16_384, TINY1614_PORTS),
    _tiny1("attiny3217", "ATtiny3217 chip", 32_768, TINY3217_PORTS),
)
