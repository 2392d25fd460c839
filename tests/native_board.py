"""The real firmware compiled for the host behind a pyserial-like port: for tests of the link that
need many rows.

Time is simulated: a byte takes 10 bits of the wire, an answer is instant. `fault(direction, data)
-> data` changes what goes over the wire.
"""

import ctypes
import itertools
import shutil
import subprocess
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from host_c import LINK
from tinygen.host.link import TO_BOARD, TO_HOST, Link
from tinygen.host.opening import wait_for_info

from tinygen.codegen.emit import emit_project
from tinygen.model.model import Model

NATIVE = Path(__file__).parent / "c" / "native"
RED_PIN, GREEN_PIN = 12, 13
FLAGS = [
    "-std=c++11",
    "-O1",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-shared",
    "-fPIC",
    '-DTINYGEN_BOARD="uno"',
    f"-DTINYGEN_RED_PIN={RED_PIN}",
    f"-DTINYGEN_GREEN_PIN={GREEN_PIN}",
    "-DTINYGEN_THIRD_PIN=11",
    "-DTINYGEN_FOURTH_PIN=10",
    "-DTINYGEN_BAUD=250000L",
]

Fault = Callable[[str, bytes], bytes]
COPIES = itertools.count()  # a library of the same name is the one that is loaded already


def compile_board(model: Model, folder: Path, flags: tuple = (), **edits: dict[str, str]) -> Path:
    """Path of the firmware of `model` as a library.

    `main={before: after}` and `protocol={...}` put mistakes into main.cpp and tinygen_protocol.h,
    for negative controls.
    """
    emit_project(model, folder)
    return compile_project(folder, flags, **edits)


def compile_project(folder: Path, flags: tuple = (), **edits: dict[str, str]) -> Path:
    """The same of a project that is there."""
    if not shutil.which("g++"):
        pytest.skip("g++ is missing: apt install g++")
    edit(folder / "src" / "main.cpp", edits.get("main", {}))
    edit(folder / "include" / "tinygen_protocol.h", edits.get("protocol", {}))
    library = folder / "board.so"
    done = subprocess.run(
        [
            "g++",
            *FLAGS,
            *flags,
            f"-I{NATIVE}",
            f"-I{folder / 'include'}",
            str(folder / "src" / "main.cpp"),
            str(NATIVE / "board.cpp"),
            "-o",
            str(library),
            *LINK,
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return library


def edit(source: Path, edits: dict[str, str]) -> None:
    """Replaces text that must be there."""
    text = source.read_text()
    for before, after in edits.items():
        assert before in text, f"{source.name} no longer has: {before}"
        text = text.replace(before, after)
    source.write_text(text)


class NativeBoard:
    """A port whose other end is the firmware."""

    baudrate = 250_000
    timeout = 0.01

    def __init__(
        self, library: Path, session: int = 1, fault: Fault = lambda direction, data: data
    ) -> None:
        self.library = library
        self.fault = fault
        self.now = self.latest = 0.0  # seconds
        self.dead_until = 0.0  # a bootloader, or an unplugged cable
        self.gone: Exception | None = None  # raised by every access
        self.written: list[bytes] = []
        self.is_open = True
        self.to_host: deque[tuple[float, int]] = deque()
        self.wire_free = {TO_BOARD: 0.0, TO_HOST: 0.0}
        self.session = session - 1
        # what Link.clock() looks for
        self.board = SimpleNamespace(board=SimpleNamespace(f_cpu_hz=16_000_000))
        self.boot(0.0)

    def boot(self, silent_seconds: float, cause: int = 2) -> None:
        """Presses reset; the board says nothing for a while, then INFO. A fresh copy of the library
        is a fresh RAM.
        """
        copy = self.library.with_name(f"{self.library.stem}-{next(COPIES)}.so")
        shutil.copy(self.library, copy)
        self.code = ctypes.CDLL(str(copy))
        copy.unlink()
        self.session = (self.session + 1) % 256
        self.dead_until = self.now + silent_seconds
        self.to_host.clear()
        self.code.board_boot(self.session, cause)
        self._collect(self.dead_until)

    def leds(self) -> tuple[int, int]:
        """(red, green)"""
        return self.code.board_pin(RED_PIN), self.code.board_pin(GREEN_PIN)

    def write(self, data: bytes) -> int:
        self._alive()
        self.written.append(bytes(data))
        wire = self.fault(TO_BOARD, bytes(data))
        start = max(self.now, self.wire_free[TO_BOARD])
        self.wire_free[TO_BOARD] = end = start + len(wire) * 10 / self.baudrate
        if end >= self.dead_until:
            for at in range(0, len(wire), 100):
                part = wire[at : at + 100]
                self._run(part, end)
            self._collect(end)
        return len(data)

    def read(self, size: int = 1) -> bytes:
        self._alive()
        end = self.now + self.timeout
        if len(self.to_host) >= size and self.to_host[size - 1][0] <= end:
            self.now = max(self.now, self.to_host[size - 1][0])
        else:
            self.now = end
        content = bytearray()
        while self.to_host and self.to_host[0][0] <= self.now and len(content) < size:
            content.append(self.to_host.popleft()[1])
        self._tick()
        return bytes(content)

    @property
    def in_waiting(self) -> int:
        self._alive()
        return sum(at <= self.now for at, _ in self.to_host)

    @property
    def cts(self) -> bool:
        return True

    def close(self) -> None:
        self.is_open = False

    def _alive(self) -> None:
        self.board.cycle = int(self.now * 16_000_000)
        if self.gone:
            raise self.gone

    def _tick(self) -> None:
        """Time goes on for the firmware as well."""
        self.board.cycle = int(self.now * 16_000_000)
        if self.now >= self.dead_until:
            self._run(b"", self.now)
            self._collect(self.now)

    def _run(self, data: bytes, at: float) -> None:
        self.latest = max(
            self.latest, at
        )  # written bytes arrive ahead of `now`; the chip's clock never goes back
        self.code.board_run(data, len(data), int(self.latest * 1000))

    def _collect(self, at: float) -> None:
        buffer = ctypes.create_string_buffer(1000)
        while taken := self.code.board_take(buffer, 1000):
            for octet in self.fault(TO_HOST, buffer.raw[:taken]):
                self.wire_free[TO_HOST] = max(at, self.wire_free[TO_HOST]) + 10 / self.baudrate
                self.to_host.append((self.wire_free[TO_HOST], octet))


def native_link(board: NativeBoard, model: Model) -> Link:
    """An open link to a native board."""
    board.board.cycle = 0
    link = Link(board, "native", model, None, None)
    wait_for_info(link, 5.0)
    return link
