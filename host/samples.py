"""Frames of a board that records: what a host commands, and samples. Pure, no I/O.

The other half of the twin is in firmware/include/tinygen_protocol.h; protocol.py offers the rest.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from .framing import Frame, Kind, encode

RECORD = struct.Struct("<HHHI")
SAMPLES = struct.Struct("<IIHH")
FRAME_VALUES = 48  # raw values in the longest frame of samples


class Command(IntEnum):
    """What RECORD asks for."""

    STOP = 0
    START = 1
    AGAIN = 2


@dataclass(frozen=True)
class Samples:
    """Samples that follow each other, or none: then `first` is the next that will be new."""

    session: int
    seq: int  # of the START that they answer
    first: int  # number of the first one, from 0
    oldest: int  # the board keeps this one and all after it, to send them again
    unsent: int  # samples that were overwritten before they were sent, modulo 65536
    late: int  # largest lateness of a sample so far, in ticks of the timer
    values: tuple[int, ...]  # raw int16, all channels of one sample after the other


def start(session: int, seq: int, top: int, periods: int, samples: int) -> bytes:
    """Begins a recording: a sample every `periods` periods of `top` + 1 ticks; `samples` of them, 0
    for no end.
    """
    return _record(session, seq, Command.START, top, periods, samples)


def again(session: int, seq: int, first: int, count: int) -> bytes:
    """Asks for samples that did not come."""
    return _record(session, seq, Command.AGAIN, count, 0, first)


def stop(session: int, seq: int) -> bytes:
    """Ends a recording; what was taken is still sent."""
    return _record(session, seq, Command.STOP, 0, 0, 0)


def _record(session: int, seq: int, *fields: int) -> bytes:
    return encode(Frame(Kind.RECORD, session, seq, RECORD.pack(*fields)))


def read_samples(frame: Frame) -> Samples | None:
    """What a frame of kind SAMPLES holds; None where its length is not one."""
    more = frame.payload[SAMPLES.size :]
    if len(frame.payload) < SAMPLES.size or len(more) % 2:
        return None
    first, oldest, unsent, late = SAMPLES.unpack(frame.payload[: SAMPLES.size])
    values = struct.unpack(f"<{len(more) // 2}h", more)
    return Samples(frame.session, frame.seq, first, oldest, unsent, late, values)
