"""Lines of numbers that a user's own sketch prints, `Serial.println("1,2,3")`, as a recording.

Such lines have no check sum and no number. A line that is torn or garbled so that it shows is
dropped and told, never repaired; a digit that is lost inside of a number does not show.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import serial

from ...common.errors import LinkError, UsageError, show
from ...common.progress import Progress, silent
from ..port import PORT_ERRORS, open_port, reason
from .recording import Stop

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*( ?\[[ -~]+\])?")
MILLIS = ("millis", "ms", "t_ms", "time_ms")  # names of a column of the board's milliseconds
WRAP_MS = 1 << 32
PAUSE_SECONDS = 0.3  # in a line: what came before belongs to a program that was reset
SILENCE_SECONDS = 5.0  # without a line of numbers; a bootloader takes up to 2 s
LINE_MAX = 1000  # characters
EXAMPLES = 3

Begin = Callable[[tuple[str, ...]], None]  # the columns' titles, before the first row
Row = Callable[[str, Sequence[str] | None], None]  # time in seconds, cells; None: dropped


@dataclass(frozen=True)
class PlainRecording:
    """What became of the lines."""

    samples: int  # rows written, dropped ones among them where the time is counted
    dropped: int  # lines that are no row
    examples: tuple[str, ...]  # the first of them, for people
    seconds: float  # of the recording, by its own time
    lines_per_s: float  # as they came, by the clock; 0.0 with fewer than two
    stopped: bool = False
    failure: str = ""


class Lines:
    """A port that a program prints lines to. A context manager."""

    def __init__(self, port: serial.SerialBase, name: str) -> None:
        self.port, self.name = port, name
        self._simulator = getattr(port, "board", None)
        self._piece, self._piece_at = b"", self.clock()
        # the first line came without a pause: the program ran before the port was opened
        self.first_is_cut: bool | None = None

    def clock(self) -> float:
        """Seconds of the time the board lives in."""
        simulator = self._simulator
        return simulator.seconds if simulator else time.monotonic()

    def read(self) -> list[str]:
        """Lines that have ended since the last call, without their ends; what is no ASCII in them
        shows as U+FFFD.
        """
        try:
            data = self.port.read(max(1, self.port.in_waiting))  # type: ignore[attr-defined]
        except PORT_ERRORS as error:
            raise LinkError(
                f"lost the board at {self.name} ({reason(error)}): plug it in and record again"
            ) from None
        now = self.clock()
        if data and self.first_is_cut is None:
            self.first_is_cut = now - self._piece_at < PAUSE_SECONDS
        if data and self._piece and now - self._piece_at > PAUSE_SECONDS:
            data = b"\xff\n" + data  # it ends, as no line of numbers
        *ended, self._piece = (self._piece + data).split(b"\n")
        self._piece = self._piece[: LINE_MAX + 1]
        if data:
            self._piece_at = now
        return [line[:LINE_MAX].decode("ascii", "replace").strip() for line in ended]

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *error: object) -> None:
        self.port.close()


def open_lines(port: str, baud: int) -> Lines:
    """The port, opened; LinkError in one line where it does not."""
    return Lines(open_port(port, baud), port)


def record_lines(
    lines: Lines,
    names: Sequence[str],
    rate_hz: float | None,
    seconds: float | None,
    begin: Begin,
    row: Row,
    stop: Stop = lambda: False,
    progress: Progress = silent,
) -> PlainRecording:
    """Records rows until there are `seconds` of them, or `stop`.

    names: of the columns; without any a header line names them, else they are c1, c2, ... Time is
    counted with `rate_hz`, else a column of the board's milliseconds tells it. LinkError where no
    line of numbers comes at all.
    """
    return _Reader(lines, names, rate_hz, seconds, begin, row, progress).run(stop)


@dataclass
class _Reader:
    """The state of one recording of lines."""

    lines: Lines
    names: Sequence[str]
    rate_hz: float | None
    seconds: float | None
    begin: Begin
    row: Row
    progress: Progress
    begun: bool = False  # the columns are known, and the file is there
    first: bool = True  # no line yet: the next may lack its beginning
    written: int = 0
    dropped: list[str] = field(default_factory=list)
    drops: int = 0
    millis: int = -1  # place of the column of milliseconds
    last_ms: int = -1
    passed_ms: int = 0
    good_at: float = 0.0
    first_at: float = 0.0
    good: int = 0  # lines of numbers

    def run(self, stop: Stop) -> PlainRecording:
        stopped, failure = False, ""
        self.good_at = self.lines.clock()
        try:
            while not self._enough() and not (stopped := stop()):
                for line in self.lines.read():
                    if line and not self._enough():
                        self._take(line)
                self._require_life()
        except LinkError as error:
            if not self.begun:
                raise
            failure = str(error)
        between = self.good_at - self.first_at
        rate = (self.good - 1) / between if self.good > 1 and between > 0 else 0.0
        examples, length = tuple(self.dropped), self._length()
        return PlainRecording(self.written, self.drops, examples, length, rate, stopped, failure)

    def _length(self) -> float:
        return self.written / self.rate_hz if self.rate_hz else self.passed_ms / 1000

    def _enough(self) -> bool:
        return self.seconds is not None and self.begun and self._length() >= self.seconds

    def _require_life(self) -> None:
        if self.lines.clock() - self.good_at > SILENCE_SECONDS:
            seen = f"lines such as {self.dropped[0]}" if self.dropped else "nothing"
            raise LinkError(
                f"the board at {self.lines.name} prints no lines of numbers for "
                f"{SILENCE_SECONDS:g} s, but {seen}: check the port, --baud and the sketch"
            )

    def _take(self, line: str) -> None:
        cells = [cell.strip() for cell in line.split(",")]
        numbers = all(map(NUMBER.fullmatch, cells))
        cut, self.first = self.first and self.lines.first_is_cut, False
        fits = numbers and len(cells) == len(self.names or cells)
        if not self.begun and not numbers and all(map(NAME.fullmatch, cells)):
            self.names = self.names or cells  # a header line
        elif fits and not cut:
            self._number(line, cells)
        else:
            self._drop(line)

    def _drop(self, line: str) -> None:
        self.drops += 1
        self.dropped += [show(line)] * (len(self.dropped) < EXAMPLES)
        if self.begun and self.rate_hz:  # its time is known, its values are not
            self._write(None)

    def _number(self, line: str, cells: list[str]) -> None:
        if not self.begun:
            self._begin(len(cells))
        if self.millis >= 0 and not self._pass(cells[self.millis]):
            return self._drop(line)
        self.good_at = self.lines.clock()
        self.first_at = self.first_at or self.good_at
        self.good += 1
        self._write([cell for k, cell in enumerate(cells) if k != self.millis])
        return None

    def _begin(self, width: int) -> None:
        self.names = self.names or [f"c{k + 1}" for k in range(width)]
        if not self.rate_hz:
            lowered = [name.split("[")[0].strip().lower() for name in self.names]
            self.millis = next((k for k, n in enumerate(lowered) if n in MILLIS), -1)
            if self.millis < 0 or width < 2:
                raise UsageError(
                    f"the lines have no column of milliseconds (one of {', '.join(MILLIS)}, in a "
                    "header line or in --channels): give the sketch's --rate"
                )
        self.begin(tuple(name for k, name in enumerate(self.names) if k != self.millis))
        self.begun = True

    def _pass(self, cell: str) -> bool:
        """Moves the time on to a number of milliseconds; False where it is none."""
        if not cell.isdigit() or int(cell) >= WRAP_MS:
            return False
        now = int(cell)
        if self.last_ms >= 0:
            step = (now - self.last_ms) % WRAP_MS
            if step > WRAP_MS // 2:
                raise LinkError(
                    f"the board at {self.lines.name} was reset, its milliseconds went from "
                    f"{self.last_ms} to {now}: check its power supply and record again"
                )
            self.passed_ms += step
        self.last_ms = now
        return True

    def _write(self, cells: Sequence[str] | None) -> None:
        if self.rate_hz:
            text = _seconds(self.written, self.rate_hz)
        else:
            text = f"{self.passed_ms // 1000}.{self.passed_ms % 1000:03d}"
        self.row(text, cells)
        self.written += 1
        self.progress(f"recording: {self.written:,} lines")


def _seconds(number: int, rate_hz: float) -> str:
    """Time of a sample, with as many decimals as its rate needs, at most six."""
    step = 1 / Fraction(str(rate_hz))
    decimals = next((d for d in range(6) if (step * 10**d).denominator == 1), 6)
    return f"{float(number * step):.{decimals}f}"
