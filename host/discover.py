"""Which serial ports have a board we know: by USB vendor and product id and by what the board says;
never by the port's name.

A board whose USB bridge many others have as well (CH340, FT232, CP2102) is known by the board id in
its INFO alone.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

import serial
from serial.tools import list_ports

from ..common.boards import BOARDS, Board
from ..common.errors import LinkError
from .protocol import MODELS_VERSION, VALUES_VERSION, VERSION, Decoder, Frame, Info, hello, parse

# FTDI FT232R; WCH CH340, CH341; Silicon Labs CP2102: on Nanos, Pro Minis' cables and many other
# things.
BRIDGES = {(0x0403, 0x6001), (0x1A86, 0x7523), (0x1A86, 0x5523), (0x10C4, 0xEA60)}
PROBE_SECONDS = 4.0  # opening resets the board; its bootloader takes up to 2 s of it
ASK_AFTER_SECONDS = 2.5  # a bootloader would read the question
ASK_AGAIN_SECONDS = 0.5
BAUD = BOARDS["uno"].baud


class NoBoard(LinkError):
    """No board is plugged in: a reason to skip, where two of them are an error."""


@dataclass(frozen=True)
class Port:
    """A serial port that may have a board behind it."""

    device: str  # "/dev/ttyACM0", "COM3"
    usb_id: tuple[int, int]
    serial_number: str  # "" where the device has none
    location: str  # of the USB socket: tells two boards without a serial number apart
    board: Board | None  # None: a bridge, INFO must tell

    def __str__(self) -> str:
        what = self.board.pio_id if self.board else "unknown board behind a USB bridge"
        vendor, product = self.usb_id
        return (
            f"{self.device} ({what}, USB {vendor:04X}:{product:04X}, "
            f"serial number {self.serial_number or 'none'}, at {self.location or '?'})"
        )


def ports() -> list[Port]:
    """Every port that has a board of ours or a bridge, in the order of their names."""
    return [
        Port(
            port.device, (port.vid, port.pid), port.serial_number or "", port.location or "", board
        )
        for port in sorted(list_ports.comports(), key=lambda p: p.device)
        if (board := board_of((port.vid, port.pid))) or (port.vid, port.pid) in BRIDGES
    ]


def board_of(usb_id: tuple[int, int]) -> Board | None:
    """The board with this USB id; None where no board is known by it."""
    return next((board for board in BOARDS.values() if usb_id in board.usb_ids), None)


def plugged_in() -> dict[str, tuple[str, ...]]:
    """Board id -> ports whose USB id is one of the board's."""
    found: dict[str, tuple[str, ...]] = {}
    for port in ports():
        if port.board:
            found[port.board.pio_id] = (*found.get(port.board.pio_id, ()), port.device)
    return found


def only_board() -> tuple[Board, str]:
    """The one board that is plugged in, and its port; NoBoard where there is none, LinkError where
    there are more.

    A board known by its USB id goes before bridges; of these, only one whose board answers with its
    id counts.
    """
    known = [(port, port.board) for port in ports() if port.board]
    found = known or [
        (port, board)
        for port in ports()
        if port.board is None and (board := board_behind(port.device))
    ]
    if len(found) == 1:
        port, board = found[0]
        return board, port.device
    bridges = [port for port in ports() if port.board is None]
    names = "; ".join(str(port) for port, _ in found) or "none by its USB id" + "".join(
        f"; {port} says nothing" for port in bridges
    )
    raise (LinkError if found else NoBoard)(
        f"port auto needs exactly one known board plugged in, found {names}: "
        "name its port, or use the simulator"
    )


def board_behind(device: str) -> Board | None:
    """The board that the firmware at `device` names; None where no tinygen firmware answers."""
    try:
        info = ask(device)
    except (OSError, serial.SerialException):
        return None
    return BOARDS.get(info.board) if info else None


def ask(device: str, seconds: float = PROBE_SECONDS) -> Info | None:
    """What the board at `device` says of itself, whatever its model; None after `seconds` without
    an answer. Of a board with several models it is what it says of one.
    """
    with closing(_told(device, seconds)) as told:
        return next(told, None)


def ask_each(device: str, seconds: float = PROBE_SECONDS) -> list[Info]:
    """What the board at `device` says of each of its models, in the order of their numbers; as far
    as it has told within `seconds`.
    """
    found: dict[int, Info] = {}
    with closing(_told(device, seconds)) as told:
        for info in told:
            found[info.number] = info
            if len(found) == info.models:
                break
    return [found[number] for number in sorted(found)]


def _told(device: str, seconds: float) -> Generator[Info, None, None]:
    """Each INFO as it comes; one that tells of several models has the next one asked for. Before
    it the question is asked once: a bootloader without a program reads it.
    """
    decoders = {v: Decoder(version=v) for v in (VERSION, VALUES_VERSION, MODELS_VERSION)}
    question = b"".join(hello(1, version=version) for version in decoders)
    start, ask_at, heard = time.monotonic(), ASK_AFTER_SECONDS, False
    with serial.serial_for_url(device, BAUD, timeout=0.05, exclusive=True) as port:
        while (now := time.monotonic() - start) < seconds:
            if now > ask_at:
                port.write(question)
                ask_at = now + ASK_AGAIN_SECONDS if heard else seconds
            data = port.read(max(1, port.in_waiting))
            for version, decoder in decoders.items():
                for event in decoder.process(data):
                    if isinstance(event, Frame) and isinstance(said := parse(event, version), Info):
                        yield said
                        following = (said.number + 1) % said.models
                        question = hello(1, version=version, number=following)
                        heard, ask_at = True, now
