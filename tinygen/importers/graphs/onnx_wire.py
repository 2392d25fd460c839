"""How large a protobuf message gets in memory, told from its bytes alone.

A message of a few megabytes can stand for gigabytes of objects. This walks its fields by the
schema and counts them before anything is built.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from ...common.errors import ModelError

MOST_ONNX = 24_000_000  # bytes of a file
START = (b"\x08", b"\x3a", b"\x12", b"\x42")  # of the fields that a file may begin with
GRAPH = 7  # the number of the graph's field
MOST_MESSAGES = 60_000
MOST_FIELDS = 3_000_000
MOST_DEEP = 16
MOST_RUN = 1000  # numbers in one match, which keeps a state for each
MESSAGE = 11  # protobuf's code of a field that holds a message
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Broken(ValueError):
    """The bytes are no message."""


class Counter:
    """Counts messages and fields of one file."""

    def __init__(self, data: bytes) -> None:
        self.data, self.messages, self.fields = data, 0, 0

    def walk(self, kind: Any, at: int, end: int, deep: int) -> None:
        """One message of `kind` (a protobuf descriptor); ModelError beyond a limit."""
        self.messages += 1
        if self.messages > MOST_MESSAGES or deep > MOST_DEEP:
            raise ModelError(
                f"the file holds more than {MOST_MESSAGES:,} messages, or deeper ones than "
                f"{MOST_DEEP}: it is no model for a small board"
            )
        inner = _messages_of(kind)
        while at < end:
            tag, start = self.number(at)
            number, wire = tag >> 3, tag & 7
            if wire == BYTES:
                length, start = self.number(start)
                if start + length > end:
                    raise Broken("a field is longer than the file")
                if number in inner:
                    self.walk(inner[number], start, start + length, deep + 1)
                self._count(1)
                at = start + length
            elif wire in (VARINT, FIXED64, FIXED32):
                run = _run_of(self.data[at:start], wire).match(self.data, at, end)
                if run is None:
                    raise Broken("a number is cut off")
                self._count((run.end() - at) // (2 if wire == VARINT else 5))
                at = run.end()
            else:
                raise Broken(f"a field has the wire type {wire}")

    def _count(self, more: int) -> None:
        self.fields += more
        if self.fields > MOST_FIELDS:
            raise ModelError(
                f"the file holds more than {MOST_FIELDS:,} numbers outside its tensors: it is no "
                "model for a small board"
            )

    def number(self, at: int) -> tuple[int, int]:
        """A varint, and where it ends."""
        value = shift = 0
        for place in range(at, min(at + 10, len(self.data))):
            byte = self.data[place]
            value |= (byte & 127) << shift
            if byte < 128:
                return value, place + 1
            shift += 7
        raise Broken("a number is cut off")


@cache
def _messages_of(kind: Any) -> dict[int, Any]:
    return {f.number: f.message_type for f in kind.fields if f.type == MESSAGE}


@cache
def _run_of(tag: bytes, wire: int) -> re.Pattern[bytes]:
    """Numbers under the same tag, one behind the other: lists of a tree's nodes are such."""
    value = {
        VARINT: rb"[\x80-\xff]{0,9}[\x00-\x7f]",
        FIXED64: rb"[\x00-\xff]{8}",
        FIXED32: rb"[\x00-\xff]{4}",
    }[wire]
    return re.compile(b"(?:" + re.escape(tag) + value + b"){1,%d}" % MOST_RUN, re.DOTALL)


def require_small(data: bytes, kind: Any) -> None:
    """ModelError where the bytes are no message of `kind` or too many of them."""
    try:
        Counter(data).walk(kind, 0, len(data), 0)
    except Broken as error:
        raise ModelError(f"it is no protobuf message ({error})") from None


def is_onnx(head: bytes, path: Path) -> bool:
    """True for a protobuf message that has a graph where ONNX has it."""
    if not head.startswith(START):
        return False
    with path.open("rb") as stream:
        data = stream.read(MOST_ONNX + 1)
    counter, at = Counter(data), 0
    try:
        while at < len(data):
            tag, at = counter.number(at)
            if tag == GRAPH << 3 | 2:
                return True
            if tag & 7 == 2:
                length, at = counter.number(at)
                at += length
            elif tag & 7 == 0:
                _, at = counter.number(at)
            else:
                return False
    except Broken:
        return False
    return False
