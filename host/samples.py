"""Frames that some boards know: samples of one that records, the recalibration of one that takes
it. Pure, no I/O.

The other half of the twin is in firmware/include/tinygen_protocol.h; protocol.py offers the rest.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from .framing import Frame, Kind, encode

RECORD = struct.Struct("<HHHI")
SAMPLES = struct.Struct("<IIHH")
CALIBRATION = struct.Struct("<HHiI")
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


class CalibrationCommand(IntEnum):
    """What CALIBRATE asks for."""

    TELL = 0
    SET = 1
    UNDO = 2


class CalibrationState(IntEnum):
    """What a board says of the recalibration in its EEPROM."""

    NONE = 0
    IN_FORCE = 1
    FOREIGN = 2  # of another model: not used
    UNUSABLE = 3  # out of range: not used


@dataclass(frozen=True)
class Calibration:
    """What a board has in its EEPROM."""

    session: int
    seq: int
    state: CalibrationState
    gain: int  # in 1/4096, as model.operations.scale.Calibrate has it
    offset: int  # in 1/4096 of a step
    model_id: int  # of the model that it is for, 32 bits


def calibrate(
    session: int,
    seq: int,
    version: int,
    command: CalibrationCommand,
    gain: int,
    offset: int,
    model_id: int,
) -> bytes:
    """Asks a board with that model for its recalibration, sets it, or takes it back."""
    payload = CALIBRATION.pack(command, gain, offset, model_id)
    return encode(Frame(Kind.CALIBRATE, session, seq, payload), version=version)


def read_calibration(frame: Frame) -> Calibration | None:
    """What a frame of kind CALIBRATION holds; None where that cannot be."""
    if len(frame.payload) != CALIBRATION.size:
        return None
    state, gain, offset, model_id = CALIBRATION.unpack(frame.payload)
    if state not in list(CalibrationState):
        return None
    return Calibration(frame.session, frame.seq, CalibrationState(state), gain, offset, model_id)


READERS: dict[int, Callable[[Frame], Samples | Calibration | None]] = {
    Kind.SAMPLES: read_samples,
    Kind.CALIBRATION: read_calibration,
}
