"""The virtual board behind a pseudo-terminal, in real time: a serial port for any program, as it
is.

    with PtyBoard(BOARDS["uno"], Path("firmware.elf")) as board:
        serial.Serial(board.port, 115200)

Opening the port resets the board, as DTR does on an Uno; the first quarter of a second belongs to
the "bootloader", which swallows what it is sent. A program that chose another baud rate than the
firmware gets garbled bytes. Where the same result in every run matters more than real time, use
avr:// instead.

From a shell: python -m tinygen.host.virtual.pty_board uno firmware.elf [--link uno.port]
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import os
import select
import struct
import sys
import threading
import time
import tty
from contextlib import ExitStack
from pathlib import Path

from ...common.errors import LinkError, TinygenError
from .simavr import BoardLike, Fault, SimBoard

SLICE_SECONDS = 0.0005  # of simulated time between two looks at the host
BOOT_SECONDS = 0.25  # from the opening of the port to the start of the program
LATE_SECONDS = 0.05  # a busy machine slows the board down, rather than let it race afterwards
HOST_BUFFER_BYTES = 16_384  # for a host that does not read; what is beyond is lost
LINE_BYTES = 64  # as many bytes are taken from the host ahead of the wire
TCGETS2, TERMIOS2 = 0x802C542A, struct.Struct("=4IB19s2I")  # Linux asm-generic/ioctls.h, termbits.h


class PtyBoard:
    """A simulated board with a serial port of its own, alive inside of a `with` block.

    `port` is the port's path, or `link`, a symbolic link to it, when one is wanted that stays the
    same. `image` may be a real bootloader: then `start` is its address, and `boot_seconds` is 0,
    because it takes its own time. An error of the board (a crash of its program) closes the port
    and is raised at the end of the block.
    """

    def __init__(
        self,
        board: BoardLike,
        image: Path | str,
        *,
        link: Path | None = None,
        fault: Fault | None = None,
        boot_seconds: float = BOOT_SECONDS,
        start: int = 0,
    ) -> None:
        self.board = SimBoard(board, image, fault=fault, start=start)
        self.lost_bytes = 0  # the host did not read them in time
        self.slowest_seconds = 0.0  # how far the board fell behind real time at worst
        self._boot_seconds = boot_seconds
        self._slice = int(SLICE_SECONDS * board.f_cpu_hz)
        self._link = link
        self._to_host = b""
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(
            target=self._live, name=f"virtual {board.pio_id}", daemon=True
        )

    def __enter__(self) -> PtyBoard:
        with ExitStack() as undo:
            undo.callback(self.board.close)
            self._master, terminal = os.openpty()
            undo.callback(os.close, self._master)
            tty.setraw(terminal)
            self.terminal = os.ttyname(terminal)
            os.close(terminal)
            os.set_blocking(self._master, False)
            self._users = _Users(self.terminal)
            undo.callback(self._users.close)
            if self._link:
                _make_link(self._link, self.terminal)
            self._undo = undo.pop_all()  # from now on the thread's to do, at its end
        self.port = str(self._link or self.terminal)
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._link and os.path.lexists(self._link) and os.readlink(self._link) == self.terminal:
            os.unlink(self._link)
        if self._failure and error is None:
            raise self._failure

    # ---- the board's own thread ----

    def _live(self) -> None:
        try:
            self._run()
        except BaseException as error:
            self._failure = error
        finally:
            self._undo.close()  # a program that still has the port open sees it vanish

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        started = time.monotonic() - self.board.seconds
        while not self._stop.is_set():
            if self._users.came():
                self._boot()
                started = time.monotonic() - self.board.seconds
            if self._users.count:
                self._exchange(any(event & select.POLLIN for _, event in poll.poll(0)))
            else:
                self.board.discard_input()  # nobody listens
            self.board.run(self._slice)
            started += self._keep_time(started)

    def _keep_time(self, started: float) -> float:
        """Sleep while the board is ahead; the seconds by which the start moves where it is
        hopelessly behind.
        """
        ahead = self.board.seconds - (time.monotonic() - started)
        if ahead > 0:
            time.sleep(ahead)
        self.slowest_seconds = max(self.slowest_seconds, -ahead)
        return -ahead if ahead < -LATE_SECONDS else 0.0

    def _boot(self) -> None:
        """Reset the board and start its program after the bootloader's time, during which its clock
        stands still.
        """
        self._stop.wait(self._boot_seconds)
        while self._read_host():  # swallowed by the bootloader
            pass
        self._to_host = b""
        self.board.discard_output()
        self.board.discard_input()
        self.board.reset()

    def _exchange(self, readable: bool) -> None:
        """Carry bytes between host and wire, at the baud rate the program has set by now."""
        baud = host_baud(self._master)
        if baud and baud != self.board.baud:
            self.board.baud = baud
        if readable and self.board.out_waiting < LINE_BYTES:
            self.board.write(self._read_host())
        self._to_host += self.board.read()
        if self._to_host:
            self._write_host()

    def _read_host(self) -> bytes:
        try:
            return os.read(self._master, LINE_BYTES)
        except OSError:  # nothing there, or closed in this moment
            return b""

    def _write_host(self) -> None:
        try:
            self._to_host = self._to_host[os.write(self._master, self._to_host) :]
        except BlockingIOError:
            self.lost_bytes += max(0, len(self._to_host) - HOST_BUFFER_BYTES)
            self._to_host = self._to_host[:HOST_BUFFER_BYTES]


class _Users:
    """How many programs have a file open, by inotify: a hang-up on the pty would not show a quick
    close and open.
    """

    OPEN, CLOSE = 0x20, 0x08 | 0x10  # IN_OPEN, IN_CLOSE_WRITE and _NOWRITE (Linux inotify.h)
    EVENT = struct.Struct("=iIII")  # watch, mask, cookie, length of a name that files do not have

    def __init__(self, path: str) -> None:
        self.count = 0
        libc = ctypes.CDLL(None, use_errno=True)
        self._events = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if (
            self._events < 0
            or libc.inotify_add_watch(self._events, path.encode(), self.OPEN | self.CLOSE) < 0
        ):
            raise LinkError(f"cannot watch {path}: {os.strerror(ctypes.get_errno()).lower()}")

    def came(self) -> bool:
        """True when the first program has opened the file since the last call."""
        came = False
        for _, mask, _, _ in self.EVENT.iter_unpack(self._read()):
            came |= bool(mask & self.OPEN and not self.count)
            self.count += bool(mask & self.OPEN) - bool(mask & self.CLOSE)
        return came

    def _read(self) -> bytes:
        try:
            return os.read(self._events, 4096)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        """Stop watching."""
        os.close(self._events)


def host_baud(terminal: int) -> int:
    """Baud rate the other side of a pseudo-terminal has set, 0 where the system does not tell."""
    try:
        fields = TERMIOS2.unpack(fcntl.ioctl(terminal, TCGETS2, bytes(TERMIOS2.size)))
    except OSError:
        return 0
    return int(fields[-1])


def _make_link(link: Path, target: str) -> None:
    """Point `link` to `target`; a link that is there already is replaced, any other file is not."""
    if os.path.lexists(link) and not link.is_symlink():
        raise LinkError(
            f"{link} is in the way and no symbolic link: choose another name for the port"
        )
    temporary = Path(f"{link}.{os.getpid()}")
    try:
        temporary.symlink_to(target)
        temporary.replace(link)
    except OSError as error:
        raise LinkError(f"port link {link}: {(error.strerror or str(error)).lower()}") from error


def main() -> int:
    """Keep a virtual board alive until Ctrl-C; prints its port."""
    from .protocol_avr import find_board

    parser = argparse.ArgumentParser(
        prog="python -m tinygen.host.virtual.pty_board",
        description="A virtual board behind a serial port",
    )
    parser.add_argument("board", help="uno, megaatmega2560 or a chip's name")
    parser.add_argument("firmware", type=Path, help=".elf or .hex")
    parser.add_argument("--link", type=Path, help="a path for the port that stays the same")
    arguments = parser.parse_args()
    try:
        with PtyBoard(
            find_board(arguments.board), arguments.firmware, link=arguments.link
        ) as board:
            print(board.port, flush=True)
            board._thread.join()
    except TinygenError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
