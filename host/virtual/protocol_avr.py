"""pyserial's door to the virtual board: serial.serial_for_url("avr://uno/path/to/firmware.elf",
baudrate=115200).

The host part is a board of tinygen.common.boards or a chip name; the rest is the firmware's
absolute path, percent-encoded where needed (`avr_url` writes it). All times are simulated: read()
runs the board until the bytes are there or the timeout has passed on the board's own clock, so a
run is the same on every machine. Asking in_waiting again when nothing new is there costs 100
simulated microseconds, so that a polling program gets on. The board itself is the attribute
`board`. Raising DTR resets it, as it does on an Uno.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from serial import PARITY_NONE, STOPBITS_ONE, SerialException
from serial.serialutil import EIGHTBITS, PortNotOpenError, SerialBase

from ...common.boards import BOARDS
from ...common.errors import LinkError, TinygenError
from .chips import CHIPS
from .simavr import BoardLike, SimBoard

POLL_SECONDS = 100e-6


class AvrPortError(LinkError, SerialException):
    """The URL names no board or no firmware; also a SerialException, for programs that know only
    pyserial.
    """


@dataclass(frozen=True)
class GenericBoard:
    """A chip on no particular board: no LEDs."""

    pio_id: str
    mcu: str
    f_cpu_hz: int = 16_000_000
    red_port: str = ""
    green_port: str = ""
    baud: int = 115_200


def avr_url(board_id: str, firmware: Path | str) -> str:
    """The URL of a virtual board that runs `firmware`."""
    return f"avr://{board_id}{quote(str(Path(firmware).absolute()))}"


def find_board(name: str) -> BoardLike:
    """The board called `name`, or the first with the chip called `name`."""
    if name in BOARDS:
        return BOARDS[name]
    for board in BOARDS.values():
        if board.mcu == name:
            return board
    if name in CHIPS:
        return GenericBoard(name, name)
    raise AvrPortError(
        f"no virtual board '{name}': known are {', '.join(sorted({*BOARDS, *CHIPS}))}"
    )


def parse_url(url: str) -> tuple[BoardLike, Path]:
    """(board, firmware path) of an avr:// URL; AvrPortError in one line."""
    scheme, _, rest = url.partition("://")
    name, slash, path = rest.partition("/")
    if scheme.lower() != "avr" or not slash or not path:
        raise AvrPortError(
            f"'{url}' is not a virtual board: write avr://BOARD/path/to/firmware.elf"
        )
    board = find_board(name)
    for candidate in (Path("/" + unquote(path)), Path("/" + path)):
        if candidate.is_file():
            return board, candidate
    raise AvrPortError(f"no firmware file /{unquote(path)}: build it first")


class Serial(SerialBase):
    """A serial port whose other end is a simulated board."""

    # SerialBase sets these; its stubs do not name them
    _port: str | None
    _baudrate: int
    _bytesize: int
    _parity: str
    _stopbits: float
    _timeout: float | None
    _dtr_state: bool

    def open(self) -> None:
        """Switch the board on."""
        if self._port is None:
            raise AvrPortError("no avr:// URL given")
        if self.is_open:
            raise SerialException("port is already open")
        board, firmware = parse_url(self._port)
        try:
            self.board = SimBoard(board, firmware, baud=self._baudrate)
            self._reconfigure_port()
        except TinygenError as error:
            raise AvrPortError(str(error)) from error
        self._dtr_seen = self._dtr_state
        self._seen_waiting = 0  # what in_waiting said last
        self.is_open = True

    def close(self) -> None:
        """Switch the board off; what it counted stays readable."""
        if self.is_open:
            self.is_open = False
            self.board.close()

    def from_url(self, url: str) -> None:
        """Not used: `port` keeps the whole URL."""

    def _reconfigure_port(self) -> None:
        if (self._bytesize, self._parity, self._stopbits) != (EIGHTBITS, PARITY_NONE, STOPBITS_ONE):
            raise AvrPortError("the virtual board speaks 8N1 only")
        self.board.baud = self._baudrate

    def _cycles(self, seconds: float | None) -> int:
        """Simulated cycles of a timeout; no timeout is a very long one."""
        return 1 << 62 if seconds is None else int(seconds * self.board.board.f_cpu_hz)

    def _need_open(self) -> None:
        if not self.is_open:
            raise PortNotOpenError()

    @property
    def in_waiting(self) -> int:
        """Bytes that have arrived. Asking for nothing new lets 100 simulated microseconds pass."""
        self._need_open()
        if self.board.in_waiting <= self._seen_waiting:
            self.board.run(self._cycles(POLL_SECONDS))
        self._seen_waiting = self.board.in_waiting
        return self._seen_waiting

    @property
    def out_waiting(self) -> int:
        """Bytes still to be sent."""
        self._need_open()
        return self.board.out_waiting

    def read(self, size: int = 1) -> bytes:
        """Up to `size` bytes within the timeout, in simulated seconds."""
        self._need_open()
        self._seen_waiting = 0
        timeout = self._timeout if self._timeout != 0 else POLL_SECONDS
        return self.board.read(size, self._cycles(timeout))

    def write(self, data: Any) -> int:
        """Queue bytes for the wire; gives their number."""
        self._need_open()
        content = bytes(data)
        self.board.write(content)
        return len(content)

    def flush(self) -> None:
        """Run until everything written has gone over the wire."""
        self._need_open()
        while self.board.out_waiting:
            self.board.run(self._cycles(POLL_SECONDS))

    def reset_input_buffer(self) -> None:
        """Forget what has arrived."""
        self._need_open()
        self._seen_waiting = 0
        self.board.discard_input()

    def reset_output_buffer(self) -> None:
        """Forget what has not begun to go over the wire."""
        self._need_open()
        self.board.discard_output()

    def _update_dtr_state(self) -> None:
        if self._dtr_state and not self._dtr_seen:
            self.board.reset()
        self._dtr_seen = self._dtr_state

    def _update_rts_state(self) -> None:
        """RTS is not connected on an Uno."""

    def _update_break_state(self) -> None:
        """A break is not simulated."""

    cts = property(lambda self: True)
    dsr = property(lambda self: True)
    ri = property(lambda self: False)
    cd = property(lambda self: False)
