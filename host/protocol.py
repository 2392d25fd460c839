"""What the wire carries, version 1: frames, their check sum, and the meaning of every payload.
Pure, no I/O.

The twin of firmware/include/tinygen_protocol.h, where the frame is drawn and the rules are
numbered; both are held against tests/vectors.py. `Decoder` takes any bytes: damage is an event,
never an exception.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag

VERSION = 1
HEAD_BYTES = 4  # vt, session, seq, len
BODY_MAX = 254  # one less than there are keys
BETWEEN_MAX = BODY_MAX + 1  # between two 00: key and body
PAYLOAD_MAX = BODY_MAX - HEAD_BYTES - 2
INPUTS_MAX = PAYLOAD_MAX // 2
FRAME_OVERHEAD = 9  # 00, key, head, fcs, 00
FIRST_KEY = 0xA5
PLAIN_SEED = 0xFFFF
RESIDUE = 0xF0B8  # CRC register after an undamaged body, fcs included
MISSING_RAW = -32768


class Kind(IntEnum):
    """Type of a frame."""

    HELLO = 1
    INFO = 2
    ROW = 3
    RESULT = 4
    STATUS = 5
    ERR = 6


class Code(IntEnum):
    """Why a board refuses a frame."""

    BAD_FCS = 1
    BAD_LEN = 2
    BAD_TYPE = 3
    BAD_VERSION = 4
    WRONG_SESSION = 5
    WRONG_MODEL = 6
    OVERRUN = 7
    BUSY = 8
    MODEL_CORRUPT = 9


class Flag(IntFlag):
    """What is special about a RESULT."""

    CLAMPED = 1  # an input was outside the accepted range and was brought to its end
    MISSING = 2  # an input has no value: no prediction, both LEDs dark


class Pin(IntFlag):
    """LED pins, read back."""

    RED = 1
    GREEN = 2


class Trait(IntFlag):
    """What is special about a board, in INFO."""

    CORRUPT = 1  # the program or a table in flash is not what was built
    EMPTY = 2  # built without its model, to measure what the model costs
    DARK_OUTSIDE = 4  # its LEDs are dark for a row outside of the accepted range


@dataclass(frozen=True)
class Frame:
    """One undamaged frame; `kind` is a plain number because a newer sender may use types we do not
    know.
    """

    kind: int  # 0 .. 31, see Kind
    session: int  # 0 .. 255, the board's boot number
    seq: int  # 0 .. 255
    payload: bytes = b""  # at most PAYLOAD_MAX bytes


@dataclass(frozen=True)
class Damage:
    """A frame that is not one: BAD_FCS, BAD_VERSION or BAD_LEN."""

    code: Code


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
    hysteresis: int  # raw steps below the threshold at which an alarm ends
    debounce: int  # answers in a row, after the first, that a change of the LEDs needs
    board: str  # printable ASCII, as all text here
    model: str


@dataclass(frozen=True)
class Result:
    """The board's answer to one row."""

    session: int
    seq: int
    flags: Flag
    pins: Pin  # the LED pins read back after they were set
    prediction: int  # raw int16; MISSING_RAW with Flag.MISSING
    digest: int  # Fletcher-16 of the inputs the model was given
    cycles: int  # as the chip measured them, interrupts included


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


Reply = Info | Result | Status | Refusal | Foreign

INFO = struct.Struct("<6BIIHHHHB20s31s")
RESULT = struct.Struct("<BBhHI")
STATUS = struct.Struct("<IHHHHHIBB")
ERR = struct.Struct("<BB")


# ---- check sums ----


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x8408 if byte & 1 else 0)
    return byte


_CRC = tuple(_crc_of(byte) for byte in range(256))


def crc_register(data: bytes, seed: int = PLAIN_SEED) -> int:
    """CRC-16/X-25's register after `data`, not yet inverted."""
    crc = seed
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc


def fcs(data: bytes, seed: int = PLAIN_SEED) -> int:
    """The 16-bit frame check sum; 0x906E for b"123456789"."""
    return crc_register(data, seed) ^ 0xFFFF


def model_seed(model_id: int) -> int:
    """Where the CRC starts in ROW and RESULT frames of a model (rule 4)."""
    return PLAIN_SEED ^ model_id & 0xFFFF ^ model_id >> 16


_BOUND = frozenset(VERSION << 5 | kind for kind in (Kind.ROW, Kind.RESULT))


def seed_of(vt: int, seed: int) -> int:
    """The CRC's start for a frame whose first byte is `vt`."""
    return seed if vt in _BOUND else PLAIN_SEED


def digest(row: Sequence[int]) -> int:
    """Fletcher-16 over the little-endian bytes of raw int16 values: (sum of sums) << 8 | sum, both
    mod 255.
    """
    total = sums = 0
    for byte in struct.pack(f"<{len(row)}h", *row):
        total += byte
        sums += total
    return sums % 255 << 8 | total % 255


# ---- frames ----


def enclose(body: bytes) -> bytes:
    """`body`, at most BODY_MAX bytes, as it goes over the wire (rules 1 and 2), both zeros
    included.
    """
    key = next(key for key in _KEYS if key not in body)
    return bytes((0, key, *(byte ^ key for byte in body), 0))


_KEYS = (*range(FIRST_KEY, 256), *range(1, FIRST_KEY))


def encode(frame: Frame, seed: int = PLAIN_SEED) -> bytes:
    """The frame as it goes over the wire, both zeros included."""
    if len(frame.payload) > PAYLOAD_MAX:
        raise ValueError(f"payload of {len(frame.payload)} bytes: a frame holds {PAYLOAD_MAX}")
    vt = VERSION << 5 | frame.kind
    body = bytes((vt, frame.session, frame.seq, len(frame.payload))) + frame.payload
    body += fcs(body, seed_of(vt, seed)).to_bytes(2, "little")
    return enclose(body)


def encode_row(session: int, seq: int, row: Sequence[int], seed: int) -> bytes:
    """One row of raw int16 values, MISSING_RAW where there is none."""
    return encode(Frame(Kind.ROW, session, seq, struct.pack(f"<{len(row)}h", *row)), seed)


def hello(seq: int = 0, model_id: int | None = None) -> bytes:
    """The question who is there; with a model id, a board with another model answers WRONG_MODEL."""
    return encode(
        Frame(Kind.HELLO, 0, seq, b"" if model_id is None else model_id.to_bytes(4, "little"))
    )


def status_request(seq: int = 0) -> bytes:
    """The question for the counters."""
    return encode(Frame(Kind.STATUS, 0, seq))


def frame_bytes(payload: int) -> int:
    """Bytes on the wire of a frame with `payload` bytes of payload."""
    return payload + FRAME_OVERHEAD


class Decoder:
    """Frames out of a stream of bytes that may be anything."""

    def __init__(self, seed: int = PLAIN_SEED, body_max: int = BODY_MAX) -> None:
        self.seed = seed  # model_seed(id) of the model both sides should have
        self.body_max = body_max
        self.damaged = 0  # events of kind Damage so far
        self._piece = bytearray()  # since the last 00; what is longer than a frame is cut

    @property
    def partial(self) -> int:
        """Bytes of a frame that has begun and not ended."""
        return len(self._piece)

    def process(self, data: bytes) -> list[Frame | Damage]:
        """What was completed by `data`."""
        events: list[Frame | Damage] = []
        *ended, rest = data.split(b"\0")
        for piece in ended:
            self._keep(piece)
            if self._piece:
                events.append(self._judge(bytes(self._piece)))
                self._piece.clear()
        self._keep(rest)
        self.damaged += sum(isinstance(event, Damage) for event in events)
        return events

    def _keep(self, piece: bytes) -> None:
        self._piece += piece[: BETWEEN_MAX + 1 - len(self._piece)]

    def _judge(self, piece: bytes) -> Frame | Damage:
        """The verdict on what stood between two zeros, in the order of rule 6."""
        key, *masked = piece
        body = bytes(byte ^ key for byte in masked)
        if not HEAD_BYTES + 2 <= len(body) <= BODY_MAX:
            return Damage(Code.BAD_FCS)
        if crc_register(body, seed_of(body[0], self.seed)) != RESIDUE:
            return Damage(Code.BAD_FCS)
        if body[0] >> 5 != VERSION:
            return Damage(Code.BAD_VERSION)
        if len(body) > self.body_max or body[3] != len(body) - HEAD_BYTES - 2:
            return Damage(Code.BAD_LEN)
        return Frame(body[0] & 0x1F, body[1], body[2], body[HEAD_BYTES:-2])


# ---- meaning ----


def parse(frame: Frame) -> Reply:
    """What a board says with `frame`; every field is checked to be in its range."""
    reader = _READERS.get(frame.kind)
    if reader is None:
        return Foreign(
            frame,
            "an echo of a host's frame"
            if frame.kind in (Kind.HELLO, Kind.ROW)
            else f"unknown type {frame.kind}",
        )
    layout, read = reader
    if len(frame.payload) != layout.size:
        return Foreign(
            frame,
            f"{Kind(frame.kind).name} with {len(frame.payload)} bytes of payload, not {layout.size}",
        )
    try:
        return read(frame, *layout.unpack(frame.payload))
    except ValueError as error:
        return Foreign(frame, f"{Kind(frame.kind).name} with {error}")


def _read_info(
    frame: Frame,
    protocol,
    traits,
    inputs,
    window,
    payload_max,
    cause,
    model_id,
    baud,
    overruns,
    framing,
    damaged,
    hysteresis,
    debounce,
    board,
    model,
) -> Info:
    if not 1 <= inputs <= INPUTS_MAX or not 1 <= window <= 127 or payload_max > PAYLOAD_MAX:
        raise ValueError(f"{inputs} inputs, window {window}, longest payload {payload_max}")
    return Info(
        frame.session,
        frame.seq,
        protocol,
        _flags(Trait, traits),
        inputs,
        window,
        payload_max,
        cause,
        model_id,
        baud,
        overruns,
        framing,
        damaged,
        hysteresis,
        debounce,
        printable(board),
        printable(model),
    )


def _read_result(frame: Frame, flags, pins, prediction, row_digest, cycles) -> Result:
    result = Result(
        frame.session,
        frame.seq,
        _flags(Flag, flags),
        _flags(Pin, pins),
        prediction,
        row_digest,
        cycles,
    )
    if (result.prediction == MISSING_RAW) != (Flag.MISSING in result.flags):
        raise ValueError(f"prediction {prediction} and flags {flags}")
    return result


def _read_status(
    frame: Frame, rows, overruns, framing, damaged, refused, stack_free, uptime, cause, pins
) -> Status:
    return Status(
        frame.session,
        frame.seq,
        rows,
        overruns,
        framing,
        damaged,
        refused,
        stack_free,
        uptime,
        cause,
        _flags(Pin, pins),
    )


def _read_err(frame: Frame, code, detail) -> Refusal:
    return Refusal(frame.session, frame.seq, Code(code), detail)


_READERS = {
    Kind.INFO: (INFO, _read_info),
    Kind.RESULT: (RESULT, _read_result),
    Kind.STATUS: (STATUS, _read_status),
    Kind.ERR: (ERR, _read_err),
}


def _flags(family: type[IntFlag], value: int) -> IntFlag:
    """`value` as flags; ValueError for a bit that has no meaning."""
    if value & ~sum(family):
        raise ValueError(f"{family.__name__.lower()} bits {value:#04x}")
    return family(value)


def printable(text: bytes) -> str:
    """Text from a board, up to its first 00, with everything but printable ASCII as '?': it may be
    hostile.
    """
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "?" for byte in text.split(b"\0")[0])
