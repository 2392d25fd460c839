"""A tinygen board at the end of a serial port, found and proved to be the right one.

Nothing waits for ever, and nothing sleeps a fixed time: opening is over when the board has said who
it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TypeVar

import serial

from ..common.boards import BOARDS, Board
from ..common.errors import LinkError
from ..common.tables import counted
from .opening import BOOT_SECONDS, HELLO_EVERY_SECONDS, wait_for_info
from .port import PORT_ERRORS, WRITE_SECONDS, LinkLost, PortError, open_port, opener, reason
from .protocol import (
    MODELS_VERSION,
    Damage,
    Decoder,
    Foreign,
    Frame,
    Info,
    Program,
    Reply,
    Status,
    Trait,
    encode_row,
    frame_bytes,
    hello,
    model_seed,
    parse,
    result_bytes,
    row_bytes,
    status_request,
    version_for,
)

__all__ = ["HELLO_EVERY_SECONDS", "Link", "LinkLost", "open_link"]

OPEN_SECONDS = 8.0  # to wait for INFO in all; a Mega's bootloader takes up to 2 s
REOPEN_EVERY_SECONDS = 0.2  # tries to find a board again that was unplugged
ANSWER_SECONDS = 1.0
DEFAULT_BAUD = BOARDS["uno"].baud

TO_BOARD, TO_HOST = "to_board", "to_host"
Tap = Callable[[str, float, bytes], None]  # direction, seconds on the link's clock, raw bytes
_Wanted = TypeVar("_Wanted", Info, Status)
Kinds = type | tuple[type, ...]  # of replies


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
        self.model_version = version_for(model.values_per_row, model.remembers)  # of it alone
        self.speak(self.model_version)
        self.info: Info  # of the session that is running; set before open_link returns
        self.heard_at = float("-inf")  # clock() at the last undamaged frame
        self.bytes_seen = 0
        self.next_seq = 0  # of the next new row; goes on from one stream to the next
        self.reopen_port: Callable[[], serial.SerialBase]  # opens the same board's port anew
        self._simulator = getattr(port, "board", None)

    def speak(self, version: int) -> None:
        """Goes on in a version of the protocol: the model's own, or that of a board of several."""
        self.version = version
        self.number = 0  # of the model, among those of the board
        self.others: dict[int, Info] = {}  # what a board with several says of its other models
        self._others_booted = False  # the board was reset, and has told of another model first
        inputs, values = len(self.model.inputs), self.model.values_per_row
        self.row_bytes = frame_bytes(row_bytes(inputs, version))  # on the wire
        self.answer_bytes = frame_bytes(result_bytes(values, version))
        self.decoder = self.new_decoder()

    def new_decoder(self) -> Decoder:
        """A decoder that has heard nothing yet."""
        return Decoder(self.seed, version=self.version, seeds={self.number: self.seed})

    @property
    def greeting(self) -> bytes:
        """The frame that asks for INFO; of a board with several models for that of ours."""
        several = self.version == MODELS_VERSION
        return hello(1, self.model.model_id if several else None, self.version)

    def send_row(self, seq: int, row: Sequence[int]) -> None:
        """Hands one row of raw values to the port."""
        self.send(encode_row(self.session, seq, row, self.seed, self.version, self.number))

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
        return self._ask(self.greeting, Info, seconds)

    def status(self, seconds: float = ANSWER_SECONDS) -> Status:
        """The board's counters; LinkError when they do not come within `seconds`."""
        return self._ask(status_request(1, self.version), Status, seconds)

    def adopt(self, info: Info) -> None:
        """Goes on in the session of `info`; LinkError if it is another board or model."""
        self._require(info)
        self.info, self.number = info, info.number
        self.decoder.seeds = {self.number: self.seed}

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
                return wait_for_info(self, max(BOOT_SECONDS, end - time.monotonic()))
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
        said = parse(event, self.version)
        return self._of_ours(event, said) if isinstance(said, Info) else said

    def _of_ours(self, frame: Frame, info: Info) -> Reply:
        """INFO of the link's model. A board with several tells of its first after a reset: then it
        is asked for ours, and what it answers is as if it had told so unasked.
        """
        if self.version != MODELS_VERSION:
            return info
        if info.model_id == self.model.model_id:
            booted, self._others_booted = self._others_booted, False
            return replace(info, seq=0) if booted else info
        self.others[info.number] = info
        if info.booted:
            self._others_booted = True
            self.send(self.greeting)
        return Foreign(frame, "INFO of another model")

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
        wait_for_info(link, timeout)
    except BaseException:
        link.close()
        raise
    return link
