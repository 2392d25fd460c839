"""What a program must know of a board, and where its LEDs may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..errors import UsageError

ROLES = ("red", "green", "third", "fourth")  # of LEDs
MOST_OFF = 0.025  # of two rates on one line: 115,200 of 16 MHz is 2.1 % off, and works
FASTEST_BAUD = 1_000_000  # at 2,000,000 a byte comes every 80 cycles


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
    # "none": nothing to stream by; "core": the firmware is not made for its Arduino core
    analog_pins: int = 0  # A0 on, which are the converter's inputs 0 on; 0: nothing is recorded
    modern: bool = False  # AVR 0- or 1-series: other registers, flash in the data space as well
    simulator: str = "simavr"  # that runs the chip; "": none that is known here

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
        return self.serial in ("uart", "usb")

    @property
    def alone_because(self) -> str:
        """Why it gets no firmware, as a predicate."""
        if self.serial == "core":
            return f"has an Arduino core that the firmware is not made for ({self.fqbn})"
        return "has no serial port"

    @property
    def streams_simulated(self) -> bool:
        """True if the virtual board runs its whole firmware; where it cannot, the chip still runs
        the model alone.
        """
        return self.serial == "uart"

    def made_baud(self, baud: int) -> float:
        """Bits per second that its serial port makes of a rate: a UART divides the clock by 8 and a
        whole number of 1 .. 4096 (firmware/include/tinygen_chip.h).
        """
        if self.serial != "uart":
            return baud
        divider = max((self.f_cpu_hz // 4 // baud - 1) // 2 + 1, 1)
        return self.f_cpu_hz / 8 / min(divider, 4096)


def at_baud(board: Board, baud: int | None) -> Board:
    """The board with its rows at another rate; UsageError for one that its serial port does not
    make, or that its firmware does not keep up with.
    """
    if baud is None:
        return board
    made = board.made_baud(baud)
    off = abs(made / baud - 1)
    usual = "take 115200, 250000, 500000 or 1000000"
    if off > MOST_OFF:
        raise UsageError(
            f"--baud {baud}: the {board.title} makes {made:,.0f} of it, {100 * off:.1f} % off, and "
            f"{100 * MOST_OFF:g} % is the most that a line bears: {usual}"
        )
    if board.serial == "uart" and baud > FASTEST_BAUD:
        raise UsageError(
            f"--baud {baud}: the firmware keeps up with {FASTEST_BAUD:,} at most: {usual}"
        )
    return replace(board, baud=baud)


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
            else f"it {board.alone_because}"
            if board.serial == "core"
            else "it has no serial port at all"
        )
        raise UsageError(
            f"board '{board.pio_id}' cannot be streamed to in the simulator, {why}; `tinygen "
            "train --board "
            f"{board.pio_id}` measures the model on its simulated chip"
        )
    return board
