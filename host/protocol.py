"""What frames mean: every payload, its ranges, and what a host may ask. Pure, no I/O.

Version 1 is of boards that answer with one number, version 2 of those with several, version 3 of
boards with several models.

The twin of firmware/include/tinygen_protocol.h together with framing.py, which this module offers
as well; both are held against tests/vectors.py.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntFlag
from typing import Any, Protocol, TypeVar

from ..common.tables import counted
from .framing import (
    BETWEEN_MAX,
    BODY_MAX,
    FRAME_OVERHEAD,
    HEAD_BYTES,
    INPUTS_MAX,
    MODELS_MAX,
    MODELS_VERSION,
    NUMBER_BYTES,
    PAYLOAD_MAX,
    PLAIN_SEED,
    RESIDUE,
    VALUES_VERSION,
    VERSION,
    Code,
    Damage,
    Decoder,
    Frame,
    Kind,
    crc_register,
    digest,
    enclose,
    encode,
    encode_row,
    fcs,
    frame_bytes,
    hello,
    model_seed,
    row_bytes,
    seed_of,
    status_request,
    version_for,
)
from .samples import READERS, Calibration, Samples

__all__ = [
    "BETWEEN_MAX",
    "BODY_MAX",
    "ERR",
    "FRAME_OVERHEAD",
    "HEAD_BYTES",
    "INFO",
    "INPUTS_MAX",
    "MISSING_RAW",
    "MODELS_MAX",
    "MODELS_VERSION",
    "PAYLOAD_MAX",
    "PLAIN_SEED",
    "RESIDUE",
    "RESULT",
    "STATUS",
    "VALUES_MAX",
    "VALUES_VERSION",
    "VERSION",
    "Calibration",
    "Code",
    "Damage",
    "Decoder",
    "Flag",
    "Foreign",
    "Frame",
    "Info",
    "Kind",
    "Pin",
    "Program",
    "Refusal",
    "Reply",
    "Result",
    "Samples",
    "Status",
    "Trait",
    "crc_register",
    "digest",
    "enclose",
    "encode",
    "encode_row",
    "fcs",
    "frame_bytes",
    "hello",
    "model_seed",
    "parse",
    "printable",
    "result_bytes",
    "row_bytes",
    "seed_of",
    "status_request",
    "version_for",
]

WINDOW_MAX = 127  # rows unanswered: half the sequence numbers, so that an old answer is told apart
MISSING_RAW = -32768
NOT_SURE_RAW = -1
VALUES_MAX = 50  # numbers in one answer, which the firmware's ring for answers must hold
LEDS = 2  # of a board of version 1
LEDS_MAX = 4


class Program(Protocol):
    """What a board may run: a Model, or what stands for one."""

    @property
    def model_id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def inputs(self) -> tuple[Any, ...]: ...
    @property
    def values_per_row(self) -> int: ...
    @property
    def remembers(self) -> bool: ...


class Flag(IntFlag):
    """What is special about a RESULT."""

    CLAMPED = 1  # an input was outside the accepted range and was brought to its end
    MISSING = 2  # an input has no value: no prediction, all LEDs dark
    NOT_SURE = 4  # version 2: no class is far enough ahead, all LEDs dark


class Pin(IntFlag):
    """LED pins, read back."""

    RED = 1  # with an LED for each class that of class 0, and so on
    GREEN = 2
    THIRD = 4  # version 2
    FOURTH = 8  # version 2


class Trait(IntFlag):
    """What is special about a board, in INFO."""

    CORRUPT = 1  # the program or a table in flash is not what was built
    EMPTY = 2  # built without its model, to measure what the model costs
    DARK_OUTSIDE = 4  # its LEDs are dark for a row outside of the accepted range
    CALIBRATED = 8  # it answers with gain and offset from its EEPROM
    FOREIGN = 16  # what its EEPROM holds is not for this model, and not used


@dataclass(frozen=True)
class Info:
    """What a board says of itself."""

    session: int
    seq: int
    protocol: int
    traits: Trait
    inputs: int  # values per row
    window: int  # rows that may be unanswered
    payload_max: int  # longest payload it takes, bytes
    reset_cause: int  # the chip's MCUSR; 0 where a bootloader cleared it
    model_id: int  # 32 bits
    baud: int
    overruns: int  # bytes lost since its reset, at most 65535
    framing_errors: int
    fcs_errors: int  # frames damaged since its reset, at most 65535
    hysteresis: int  # raw steps from the threshold inwards at which an alarm ends
    debounce: int  # answers in a row, after the first, that a change of the LEDs needs
    board: str  # printable ASCII, as all text here
    model: str
    values: int = 1  # numbers in an answer; version 1 has one
    leds: int = LEDS  # LED pins that its answers read back
    number: int = 0  # version 3: of this model, among so many
    models: int = 1

    @property
    def booted(self) -> bool:
        """True if nobody asked: a board says it once, after each reset."""
        return self.seq == 0


@dataclass(frozen=True)
class Result:
    """The board's answer to one row."""

    session: int
    seq: int
    flags: Flag
    pins: Pin  # the LED pins read back after they were set
    # raw int16; MISSING_RAW with Flag.MISSING, or with NOT_SURE before a signal's first window ends
    prediction: int
    digest: int  # Fletcher-16 of the inputs the model was given
    cycles: int  # as the chip measured them, interrupts included
    more: tuple[int, ...] = ()  # version 2: the numbers behind the prediction, raw int16

    @property
    def values(self) -> tuple[int, ...]:
        """All numbers of the answer."""
        return (self.prediction, *self.more)


@dataclass(frozen=True)
class Status:
    """The board's counters since its reset."""

    session: int
    seq: int
    rows: int
    overruns: int
    framing_errors: int
    fcs_errors: int
    refused: int  # undamaged frames it answered with ERR
    stack_free_bytes: int  # never touched by the stack
    uptime_ms: int
    reset_cause: int
    pins: Pin


@dataclass(frozen=True)
class Refusal:
    """ERR: the board did not do what was asked."""

    session: int
    seq: int  # of the refused frame; 0 for BAD_FCS and OVERRUN
    code: Code
    detail: int  # its meaning depends on the code


@dataclass(frozen=True)
class Foreign:
    """An undamaged frame that no board should send: an echo, or a value out of range."""

    frame: Frame
    reason: str


Reply = Info | Result | Status | Refusal | Samples | Calibration | Foreign

INFO = struct.Struct("<6BIIHHHHB20s31s")
RESULT = struct.Struct("<BBhHI")
STATUS = struct.Struct("<IHHHHHIBB")
MORE_INFO = struct.Struct("<BB")  # behind INFO in version 2: values, LED pins
PLACE = struct.Struct("<BB")  # and behind that in version 3: the model's number, models
ERR = struct.Struct("<BB")


def result_bytes(values: int, version: int = VERSION) -> int:
    """Bytes of payload of a RESULT with so many numbers."""
    return RESULT.size + row_bytes(values - 1, version)


# ---- meaning ----


def parse(frame: Frame, version: int = VERSION) -> Reply:
    """What a board of a version says with `frame`; every field is checked to be in its range."""
    reader = _READERS.get(frame.kind)
    if (of_some := READERS.get(frame.kind)) and (found := of_some(frame)):
        return found
    if reader is None:
        echo = frame.kind in (Kind.HELLO, Kind.ROW, Kind.RECORD, Kind.CALIBRATE)
        return Foreign(frame, "an echo of a host's frame" if echo else f"unknown type {frame.kind}")
    layout, read = reader
    more, payload = b"", frame.payload
    if version == MODELS_VERSION and frame.kind == Kind.RESULT:
        payload = payload[NUMBER_BYTES:]  # the decoder has looked at them
    if version != VERSION and frame.kind in (Kind.INFO, Kind.RESULT):
        payload, more = payload[: layout.size], payload[layout.size :]
    kind, size = Kind(frame.kind).name, len(payload)
    if size != layout.size:
        return Foreign(frame, f"{kind} with {size} bytes of payload, not {layout.size}")
    try:
        said = read(frame, version, *layout.unpack(payload))
        return said if version == VERSION else _with_more(said, more, version)
    except ValueError as error:
        return Foreign(frame, f"{kind} with {error}")


def _with_more(said: Reply, more: bytes, version: int) -> Reply:
    """INFO and RESULT of version 2 or 3, with what stands behind the fields of version 1."""
    if isinstance(said, Info):
        size = MORE_INFO.size + (PLACE.size if version == MODELS_VERSION else 0)
        if len(more) != size:
            raise ValueError(f"{len(more)} bytes behind its names, not {size}")
        values, leds = MORE_INFO.unpack(more[: MORE_INFO.size])
        if not 1 <= values <= VALUES_MAX or not LEDS <= leds <= LEDS_MAX:
            raise ValueError(f"{values} values, {leds} LEDs")
        said = replace(said, values=values, leds=leds)
        if version != MODELS_VERSION:
            return said
        number, models = PLACE.unpack(more[MORE_INFO.size :])
        if not number < models <= MODELS_MAX:
            raise ValueError(f"model {number} of {models}")
        return replace(said, number=number, models=models)
    if isinstance(said, Result):
        if not 0 <= len(more) <= 2 * VALUES_MAX - 2 or len(more) % 2:
            raise ValueError(f"{len(more)} bytes behind its cycles")
        found = struct.unpack(f"<{len(more) // 2}h", more)
        missing = Flag.MISSING in said.flags
        if any((value == MISSING_RAW) != missing for value in found):
            raise ValueError(f"values {found} and flags {int(said.flags)}")
        return replace(said, more=found)
    return said


def _read_info(frame: Frame, version: int, spoken: int, traits: int, *rest: Any) -> Info:
    *numbers, board, model = rest
    fields: tuple[Any, ...] = (*numbers, printable(board), printable(model))
    info = Info(frame.session, frame.seq, spoken, _flags(Trait, traits), *fields)
    if (
        not 1 <= info.inputs <= INPUTS_MAX
        or not 1 <= info.window <= WINDOW_MAX
        or info.payload_max > PAYLOAD_MAX
    ):
        raise ValueError(
            f"{counted(info.inputs, 'input')}, window {info.window}, "
            f"longest payload {info.payload_max}"
        )
    return info


def _read_result(
    frame: Frame, version: int, flags: int, pins: int, prediction: int, digest: int, cycles: int
) -> Result:
    known = _KNOWN[version]
    result = Result(
        frame.session,
        frame.seq,
        _flags(Flag, flags, known[0]),
        _flags(Pin, pins, known[1]),
        prediction,
        digest,
        cycles,
    )
    unsure, missing = Flag.NOT_SURE in result.flags, Flag.MISSING in result.flags
    if unsure and (missing or prediction not in (NOT_SURE_RAW, MISSING_RAW)):
        raise ValueError(f"prediction {prediction} and flags {flags}")
    if not unsure and (prediction == MISSING_RAW) != missing:
        raise ValueError(f"prediction {prediction} and flags {flags}")
    return result


def _read_status(frame: Frame, version: int, *rest: int) -> Status:
    *counters, pins = rest
    fields: tuple[Any, ...] = (*counters, _flags(Pin, pins, _KNOWN[version][1]))
    return Status(frame.session, frame.seq, *fields)


def _read_err(frame: Frame, version: int, code: int, detail: int) -> Refusal:
    return Refusal(frame.session, frame.seq, Code(code), detail)


# version -> flags and pins that have a meaning in it
_KNOWN = {
    VERSION: (Flag.CLAMPED | Flag.MISSING, Pin.RED | Pin.GREEN),
    VALUES_VERSION: (sum(Flag), sum(Pin)),
    MODELS_VERSION: (sum(Flag), sum(Pin)),
}
_READERS: dict[int, tuple[struct.Struct, Callable[..., Reply]]] = {
    Kind.INFO: (INFO, _read_info),
    Kind.RESULT: (RESULT, _read_result),
    Kind.STATUS: (STATUS, _read_status),
    Kind.ERR: (ERR, _read_err),
}

_Flags = TypeVar("_Flags", bound=IntFlag)


def _flags(family: type[_Flags], value: int, known: int | None = None) -> _Flags:
    """`value` as flags; ValueError for a bit that has no meaning."""
    if value & ~(sum(family) if known is None else known):
        raise ValueError(f"{family.__name__.lower()} bits {value:#04x}")
    return family(value)


def printable(text: bytes) -> str:
    """Text from a board, up to its first 00; what is not printable ASCII shows as '?'."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "?" for byte in text.split(b"\0")[0])
