"""What a stream leaves behind while it runs: one line per row, and the raw bytes of both
directions.

Every line is one write of the operating system: whoever ends the program, Ctrl-C or SIGKILL, leaves
whole lines. One can be torn alone where it crosses a page of the file, between whose two parts
Linux looks for SIGKILL.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ..common.errors import UsageError
from ..model.fixedpoint import MISSING
from ..model.signals.any_model import AnyModel
from .check import Expected
from .link import TO_BOARD
from .protocol import Flag, Pin
from .stream import RowReply

HEADER = (
    "row",
    "raw",
    "physical",
    "flags",
    "red",
    "green",
    "cycles",
    "tries",
    "expected_raw",
    "verdict",
    "latency_ms",
)
CLASS_LEDS = ("third", "fourth")  # more columns where classes have LEDs of their own
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
_Self = TypeVar("_Self", bound="Lines")  # typing.Self is of Python 3.11


class Lines:
    """A text file to which whole lines are added, at once."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        except OSError as error:
            raise UsageError(
                f"output '{path}' cannot be written ({error.strerror}): choose another file"
            ) from None
        self.path = path
        self._size = 0  # bytes, of whole lines

    def add(self, line: str) -> None:
        """Writes one line; UsageError where the disk is full, and no part of the line stays."""
        data = line.encode("utf-8")
        written = 0
        try:
            while written < len(data):  # a nearly full disk takes a part; only the next write fails
                written += os.write(self._file, data[written:])
            self._size += len(data)
        except OSError as error:
            with suppress(OSError):  # a device has no length
                os.ftruncate(self._file, self._size)
            raise UsageError(
                f"output '{self.path}' cannot be written ({error.strerror}): "
                "what was streamed so far is in it; make room and stream again"
            ) from None

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._file)


class RowFile(Lines):
    """The rows of a stream: CSV, or JSON lines where the name ends in .jsonl. `meaning` tells what
    a raw answer means, `model` names the numbers behind it.
    """

    def __init__(
        self,
        path: Path,
        meaning: Callable[[int], float | str | None],
        model: AnyModel | None = None,
    ) -> None:
        super().__init__(path)
        behind = model.value_names[1:] if model else ()
        self.more = tuple(f"raw {n}" for n in behind) if model and model.more else behind
        self.leds = CLASS_LEDS[: max(0, model.class_leds - 2)] if model else ()
        self.header = (*HEADER, *self.leds, *self.more)
        self.meaning = meaning
        self.as_json = path.suffix in JSON_SUFFIXES
        if not self.as_json:
            self._line(self.header)

    def row(self, reply: RowReply, difference: str, expected: Expected) -> None:
        """Adds one reply and how it differs from what it should be."""
        values = self._values(reply, difference, _number(expected.prediction[reply.index]))
        if self.as_json:
            self.add(json.dumps(dict(zip(self.header, values))) + "\n")
        else:
            self._line(values)

    def _line(self, values: Iterable[object]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(values)
        self.add(line.getvalue())

    def _values(
        self, reply: RowReply, difference: str, expected: int | None
    ) -> list[float | str | None]:
        if (got := reply.result) is None:
            nothing: list[float | str | None] = [None] * 6
            behind: list[None] = [None] * (len(self.leds) + len(self.more))
            return [reply.index, *nothing, reply.tries, expected, "LOST", None, *behind]
        return [
            reply.index,
            _number(got.prediction),
            self.meaning(got.prediction),
            "+".join(str(flag.name) for flag in Flag if flag in got.flags) or "OK",
            int(Pin.RED in got.pins),
            int(Pin.GREEN in got.pins),
            got.cycles,
            reply.tries,
            expected,
            "WRONG" if difference else "OK",
            round(1000 * reply.latency_s, 3),
            *(int(pin in got.pins) for pin, _ in zip((Pin.THIRD, Pin.FOURTH), self.leds)),
            *map(_number, got.more),
        ]


def _number(raw: int) -> int | None:
    return None if raw == MISSING else raw


class RawLog(Lines):
    """Every byte on the wire: seconds, direction (> to the board, < to the host), hexadecimal. Made
    to be a Link's tap.
    """

    def __call__(self, direction: str, seconds: float, data: bytes) -> None:
        self.add(f"{seconds:.6f} {'>' if direction == TO_BOARD else '<'} {data.hex(' ')}\n")
