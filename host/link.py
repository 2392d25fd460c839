"""A tinygen board at the end of a serial port, found and proved to be the right one.

Nothing waits for ever, and nothing sleeps a fixed time: opening is over when the board has said who
it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

import serial

from ..common.boards import BOARDS, Board
from ..common.errors import LinkError
from ..common.tables import counted
from .port import PORT_ERRORS, WRITE_SECONDS, PortError, may_reset, open_port, opener, reason
from .protocol import (
    INFO,
    Code,
    Damage,
    Decoder,
    Foreign,
    Frame,
    Info,
    Program,
    Refusal,
    Reply,
    Status,
    Trait,
    frame_bytes,
    hello,
    model_seed,
    parse,
    result_bytes,
    status_request,
    version_for,
)

OPEN_SECONDS = 8.0  # to wait for INFO in all; a Mega's bootloader takes up to 2 s
BOOT_SECONDS = 2.5  # no word to a board that may be in its bootloader: it would read it
QUIET_SECONDS = 0.5  # the same on a port that cannot have reset the board
HELLO_EVERY_SECONDS = 0.25
REOPEN_EVERY_SECONDS = 0.2  # tries to find a board again that was unplugged
PROBE_SECONDS = 0.08  # for an answer at another baud rate, on top of the wire's time
OWN_SECONDS = 0.25  # the same for the port's own rate: it must really be silent
GIBBERISH_BYTES = (
    8  # so many without a frame: a program speaks, at another rate; no bootloader speaks unasked
)
GIBBERISH_SECONDS = 0.1  # how long it may still become a frame, on top of the wire's time
PROBE_BAUDS = (250_000, 115_200, 500_000, 1_000_000, 57_600, 38_400, 19_200, 9_600)
ANSWER_SECONDS = 1.0
DEFAULT_BAUD = BOARDS["uno"].baud

TO_BOARD, TO_HOST = "to_board", "to_host"
Tap = Callable[[str, float, bytes], None]  # direction, seconds on the link's clock, raw bytes
_Wanted = TypeVar("_Wanted", Info, Status)
Kinds = type | tuple[type, ...]  # of replies


class LinkLost(LinkError):
    """The board was there and is gone: unplugged, silent, or taken away. It may come back."""


class Link:
    """An open port whose board runs the expected model. Made by `open_link`; closes itself as a
    context manager.
    """

    def __init__(
        self,
        port: serial.SerialBase,
        name: str,
        model: Program,
        board: Board | None,
        tap: Tap | None,
    ) -> None:
        self.port = port
        self.name = name
        self.model = model
        self.board = board
        self.tap = tap
        self.seed = model_seed(model.model_id)
        self.version = version_for(model.values_per_row, model.remembers)
        self.answer_bytes = frame_bytes(result_bytes(model.values_per_row))  # on the wire
        self.decoder = self.new_decoder()
        self.info: Info  # of the session that is running; set before open_link returns
        self.heard_at = float("-inf")  # clock() at the last undamaged frame
        self.bytes_seen = 0
        self.next_seq = 0  # of the next new row; goes on from one stream to the next
        self.reopen_port: Callable[[], serial.SerialBase]  # opens the same board's port anew
        self._simulator = getattr(port, "board", None)

    def new_decoder(self) -> Decoder:
        """A decoder that has heard nothing yet."""
        return Decoder(self.seed, version=self.version)

    def clock(self) -> float:
        """Seconds of the time the board lives in: simulated behind avr://, else the host's
        monotonic clock.
        """
        simulator = self._simulator
        return simulator.cycle / simulator.board.f_cpu_hz if simulator else time.monotonic()

    @property
    def baud(self) -> int:
        """Bits per second, 10 of them a byte."""
        return self.port.baudrate

    @property
    def session(self) -> int:
        """Boot number that the board's answers carry, 0 .. 255."""
        return self.info.session

    def send(self, data: bytes) -> None:
        """Hands bytes to the port; LinkError when it takes none for WRITE_SECONDS, or is gone."""
        with self._port_errors():
            self.port.write(data)
        if self.tap:
            self.tap(TO_BOARD, self.clock(), data)

    def receive(self, seconds: float) -> list[Reply | Damage]:
        """What the board said, as soon as that is anything; empty after `seconds` of nothing."""
        end = self.clock() + seconds
        while True:
            events = self.decoder.process(self._read())
            if events or self.clock() >= end:
                return [self._hear(event) for event in events]

    def hello(self, seconds: float = ANSWER_SECONDS) -> Info:
        """INFO, asked anew and checked; LinkError when it does not come within `seconds`."""
        return self._ask(hello(1, version=self.version), Info, seconds)

    def status(self, seconds: float = ANSWER_SECONDS) -> Status:
        """The board's counters; LinkError when they do not come within `seconds`."""
        return self._ask(status_request(1, self.version), Status, seconds)

    def adopt(self, info: Info) -> None:
        """Goes on in the session of `info`; LinkError if it is another board or model."""
        self._require(info)
        self.info = info

    def reopen(self, seconds: float) -> None:
        """Finds a board again that is gone; LinkLost when it has not come back within `seconds` of
        the host's time.
        """
        end = time.monotonic() + seconds
        while True:
            self.close()
            try:
                self.port = self.reopen_port()
                self._simulator = getattr(self.port, "board", None)
                self.decoder = self.new_decoder()
                return _wait_for_info(self, max(BOOT_SECONDS, end - time.monotonic()))
            except (LinkLost, PortError) as error:
                if time.monotonic() >= end:
                    raise LinkLost(
                        f"the board at {self.name} did not come back within {seconds:g} s ({error})"
                    ) from None
            time.sleep(REOPEN_EVERY_SECONDS)

    def close(self) -> None:
        """Gives the port back; safe to call twice."""
        with suppress(OSError, serial.SerialException):  # an unplugged port has nothing to give
            self.port.close()

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _ask(self, question: bytes, wanted: type[_Wanted], seconds: float) -> _Wanted:
        end = self.clock() + seconds
        while self.clock() < end:
            self.send(question)
            for reply in self.receive_for(HELLO_EVERY_SECONDS, wanted):
                if isinstance(reply, Info):
                    self.adopt(reply)
                if isinstance(reply, wanted):
                    return reply
        raise LinkError(
            f"the board at {self.name} gave no {wanted.__name__.upper()} within {seconds:g} s: "
            "reset it and try again"
        )

    def receive_for(self, seconds: float, wanted: Kinds) -> Iterator[Reply | Damage]:
        """Everything the board says within `seconds`, ending early after one reply of type
        `wanted`.
        """
        end = self.clock() + seconds
        while (left := end - self.clock()) > 0:
            for reply in self.receive(left):
                yield reply
                if isinstance(reply, wanted):
                    return

    def _read(self) -> bytes:
        """Bytes that have come, or come within POLL_SECONDS; at best a whole RESULT at a time."""
        missing = self.answer_bytes - (self.decoder.partial + 1 if self.decoder.partial else 0)
        with self._port_errors():
            waiting = self.port.in_waiting  # type: ignore[attr-defined]  # the stubs lack it
            data = self.port.read(max(waiting, missing, 1))
        if data:
            self.bytes_seen += len(data)
            if self.tap:
                self.tap(TO_HOST, self.clock(), data)
        return data

    def _hear(self, event: Frame | Damage) -> Reply | Damage:
        if isinstance(event, Damage):
            return event
        self.heard_at = self.clock()
        return parse(event, self.version)

    def _require(self, info: Info) -> None:
        where = f"the board at {self.name}"
        if info.protocol != self.version:
            raise LinkError(
                f"{where} speaks version {info.protocol} of the protocol, this tinygen version "
                f"{self.version}: build and load its firmware again"
            )
        if Trait.EMPTY in info.traits:
            raise LinkError(
                f"{where} runs a firmware without a model, made to measure sizes: "
                "load the one built beside it"
            )
        if info.model_id != self.model.model_id or info.inputs != len(self.model.inputs):
            raise LinkError(
                f"{where} runs model '{info.model}' ({info.model_id:08X}, "
                f"{counted(info.inputs, 'input')}), "
                f"not '{self.model.name}' ({self.model.model_id:08X}, {len(self.model.inputs)} "
                "inputs): load it with `tinygen build --upload`"
            )
        if info.values != self.model.values_per_row:
            raise LinkError(
                f"{where} answers with {info.values} numbers, model '{self.model.name}' has "
                f"{self.model.values_per_row}: load it with `tinygen build --upload`"
            )
        if Trait.CORRUPT in info.traits:
            raise LinkError(
                f"{where} says that its model's table in flash is corrupt: load the firmware again"
            )
        if self.board and info.board != self.board.pio_id:
            raise LinkError(
                f"{where} runs a firmware for '{info.board}', not '{self.board.pio_id}': "
                "name the right one with --board"
            )

    @contextmanager
    def _port_errors(self) -> Iterator[None]:
        try:
            yield
        except serial.SerialTimeoutException:
            raise LinkLost(
                f"port {self.name} takes no more bytes since {WRITE_SECONDS:g} s: reset the board"
            ) from None
        except PORT_ERRORS as error:
            raise LinkLost(
                f"lost the board at {self.name} ({reason(error)}): plug it in and stream again"
            ) from None


def open_link(
    port: str,
    model: Program,
    board: Board | None = None,
    baud: int | None = None,
    timeout: float = OPEN_SECONDS,
    tap: Tap | None = None,
) -> Link:
    """A link to the board at `port` that runs `model`, at the board's baud rate unless `baud` is
    given.

    Waits at most `timeout` seconds, in the board's time, for its INFO. LinkError in one line: no
    such port, port taken, silent board, foreign device, other model, other board, other protocol
    version.
    """
    baud = baud or (board.baud if board else DEFAULT_BAUD)
    link = Link(open_port(port, baud), port, model, board, tap)
    link.reopen_port = opener(port, baud)
    try:
        _wait_for_info(link, timeout)
    except BaseException:
        link.close()
        raise
    return link


def _wait_for_info(link: Link, timeout: float) -> None:
    """Adopts the board's INFO: the one it sends after the reset that opening causes, or one asked
    for.
    """
    start = link.clock()
    end, ask_at = (
        start + timeout,
        start + (BOOT_SECONDS if may_reset(link.port) else QUIET_SECONDS),
    )
    heard: list[Reply | Damage] = []
    asked = probed = False
    before = link.bytes_seen
    while (now := link.clock()) < end:
        if now >= ask_at:
            if asked and not probed and _gibberish(link.bytes_seen - before, heard, 1):
                probed = True
                _name_baud(link)
            link.send(hello(1, version=link.version))
            asked, ask_at = (
                True,
                link.clock()
                + (HELLO_EVERY_SECONDS if probed else GIBBERISH_SECONDS + _info_seconds(link.baud)),
            )
        for reply in link.receive(max(0.0, min(ask_at, end) - link.clock())):
            if isinstance(reply, Info):
                return link.adopt(reply)
            heard.append(reply)
            del heard[:-100]  # a babbling device must not fill the memory
        if not asked and _gibberish(link.bytes_seen - before, heard, GIBBERISH_BYTES):
            ask_at = min(ask_at, link.clock() + GIBBERISH_SECONDS + _info_seconds(link.baud))
    raise (
        LinkError(_why_no_info(link, heard, timeout, probed))
        if heard or link.bytes_seen > before
        else LinkLost(_silence(link, timeout))
    )


def _gibberish(seen: int, heard: list[Reply | Damage], at_least: int) -> bool:
    """True if so many bytes have come, and no frame."""
    return seen >= at_least and all(
        isinstance(reply, Damage) and reply.code == Code.BAD_FCS for reply in heard
    )


def _info_seconds(baud: int) -> float:
    """Seconds that HELLO and INFO take on the wire."""
    return (1 + frame_bytes(0) + frame_bytes(INFO.size)) * 10 / baud


def _name_baud(link: Link) -> None:
    """LinkError if the board talks at another rate."""
    asked = link.baud
    if baud := _probe_bauds(link):
        raise LinkError(
            f"the board at {link.name} talks at {baud} baud, not {asked}: give --baud {baud}, "
            "or build and load its firmware again"
        )


def _why_no_info(link: Link, heard: list[Reply | Damage], timeout: float, probed: bool) -> str:
    if any(isinstance(reply, Foreign) and "echo" in reply.reason for reply in heard):
        return f"the device at {link.name} only echoes what it is sent: it is no tinygen board"
    if Damage(Code.BAD_VERSION) in heard or any(
        isinstance(r, Refusal) and r.code == Code.BAD_VERSION for r in heard
    ):
        return (
            f"the board at {link.name} speaks another version of the protocol: "
            "build and load its firmware again"
        )
    if not probed:
        _name_baud(link)
    return (
        f"the device at {link.name} sends bytes, but no tinygen frame at {link.baud} baud within "
        f"{timeout:g} s: give the firmware's rate with --baud, or load a tinygen firmware"
    )


def _silence(link: Link, timeout: float) -> str:
    return (
        f"no answer from {link.name} within {timeout:g} s at {link.baud} baud: "
        "is it the right port, and does the board run a tinygen firmware?"
    )


def _probe_bauds(link: Link) -> int | None:
    """The rate, of those that are usual, at which the board answers HELLO and at its own it does
    not; the port's is as it was.
    """
    asked = link.baud
    found = next((baud for baud in PROBE_BAUDS if baud != asked and _answers(link, baud)), None)
    if found and _answers(link, asked, OWN_SECONDS):
        found = None  # a port without a rate (a pseudo-terminal, USB in the chip) answers at any
    link.port.baudrate = asked
    link.decoder = link.new_decoder()
    return found


def _answers(link: Link, baud: int, seconds: float = PROBE_SECONDS) -> bool:
    """True if HELLO at this rate is answered, within `seconds` on top of the wire's time."""
    try:
        link.port.baudrate = baud
        link.decoder = link.new_decoder()
        link.send(b"\0" + hello(1, version=link.version))
        return any(
            isinstance(reply, Info)
            for reply in link.receive_for(seconds + _info_seconds(baud), Info)
        )
    except PORT_ERRORS + (LinkError, ValueError):
        return False  # a rate that this port cannot do
