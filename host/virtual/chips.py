"""The AVR chips a virtual board may carry: memory limits and register addresses, from their
datasheets.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...common.errors import LinkError

# The same data addresses on every chip below that has them (ATmega328P datasheet, "Register
# Summary"; the others' likewise).
MCUSR = 0x54
UCSR0A, UCSR0B, UCSR0C, UBRR0L, UBRR0H, UDR0 = 0xC0, 0xC1, 0xC2, 0xC4, 0xC5, 0xC6
U2X, DOR = 1 << 1, 1 << 3  # in UCSR0A
RXEN, UCSZ2 = 1 << 4, 1 << 2  # in UCSR0B
FORMAT_MASK, FORMAT_8N1 = 0xF6, 0x06  # in UCSR0C: all but the stop bits and the clock edge
POWER_ON, EXTERNAL = 1 << 0, 1 << 1  # in MCUSR


@dataclass(frozen=True)
class Chip:
    """Limits of one chip: bytes of flash, first and last address of RAM, address of PINx for each
    port.

    `uart`: it has a UART 0, which is the virtual board's serial line.
    """

    name: str
    flash_bytes: int
    ram_start: int
    ram_end: int
    ports: dict[str, int]
    gpior0: int = 0x3E
    uart: bool = True
    eeprom_bytes: int = 1024
    match_b: int = 0  # interrupt vector of timer 1's compare match B; 0: it starts no converter


_SMALL = {"B": 0x23, "C": 0x26, "D": 0x29}
_MIDDLE = {"A": 0x20, **_SMALL}
_LARGE = {
    "A": 0x20,
    "B": 0x23,
    "C": 0x26,
    "D": 0x29,
    "E": 0x2C,
    "F": 0x2F,
    "G": 0x32,
    "H": 0x100,
    "J": 0x103,
    "K": 0x106,
    "L": 0x109,
}

CHIPS = {
    chip.name: chip
    for chip in (
        Chip("atmega168p", 16_384, 0x100, 0x4FF, _SMALL, eeprom_bytes=512, match_b=12),
        Chip("atmega328", 32_768, 0x100, 0x8FF, _SMALL, match_b=12),
        Chip("atmega328p", 32_768, 0x100, 0x8FF, _SMALL, match_b=12),
        Chip("atmega644p", 65_536, 0x100, 0x10FF, _MIDDLE, eeprom_bytes=2048, match_b=14),
        Chip("atmega1284p", 131_072, 0x100, 0x40FF, _MIDDLE, eeprom_bytes=4096, match_b=14),
        Chip("atmega1280", 131_072, 0x200, 0x21FF, _LARGE, eeprom_bytes=4096, match_b=18),
        Chip("atmega2560", 262_144, 0x200, 0x21FF, _LARGE, eeprom_bytes=4096, match_b=18),
        Chip(
            "atmega32u4", 32_768, 0x100, 0xAFF, {port: _LARGE[port] for port in "BCDEF"}, uart=False
        ),
        Chip(
            "attiny85", 8_192, 0x60, 0x25F, {"B": 0x36}, gpior0=0x31, uart=False, eeprom_bytes=512
        ),
    )
}


def chip(name: str) -> Chip:
    """The chip called `name` as avr-gcc's -mmcu spells it; LinkError with the known ones."""
    if name not in CHIPS:
        raise LinkError(f"no virtual chip '{name}': known are {', '.join(sorted(CHIPS))}")
    return CHIPS[name]
