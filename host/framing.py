"""Frames of versions 1 and 2 on the wire: the key, the head and the check sum. Pure, no I/O.

The lower half of the twin of firmware/include/tinygen_protocol.h, where the frame is drawn and the
rules are numbered; what the frames mean is in protocol.py. `Decoder` takes any bytes: damage is an
event, never an exception.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

VERSION = 1  # of boards that answer with one number
VALUES_VERSION = 2  # of boards that answer with several
HEAD_BYTES = 4  # vt, session, seq, len
BODY_MAX = 254  # one less than there are keys
BETWEEN_MAX = BODY_MAX + 1  # between two 00: key and body
PAYLOAD_MAX = BODY_MAX - HEAD_BYTES - 2
FRAME_OVERHEAD = 9  # 00, key, head, fcs, 00
FIRST_KEY = 0xA5
PLAIN_SEED = 0xFFFF
RESIDUE = 0xF0B8  # CRC register after an undamaged body, fcs included


class Kind(IntEnum):
    """Type of a frame."""

    HELLO = 1
    INFO = 2
    ROW = 3
    RESULT = 4
    STATUS = 5
    ERR = 6
    RECORD = 7
    SAMPLES = 8
    CALIBRATE = 9
    CALIBRATION = 10


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
    NO_SENSOR = 10
    BAD_CALIBRATION = 11


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


def seed_of(vt: int, seed: int, version: int = VERSION) -> int:
    """The CRC's start for a frame whose first byte is `vt`, where `version` is spoken."""
    bound = vt >> 5 == version and vt & 0x1F in (Kind.ROW, Kind.RESULT)
    return seed if bound else PLAIN_SEED


# ---- frames ----


def enclose(body: bytes) -> bytes:
    """`body`, at most BODY_MAX bytes, as it goes over the wire (rules 1 and 2), both zeros
    included.
    """
    key = next(key for key in _KEYS if key not in body)
    return bytes((0, key, *(byte ^ key for byte in body), 0))


_KEYS = (*range(FIRST_KEY, 256), *range(1, FIRST_KEY))


def encode(frame: Frame, seed: int = PLAIN_SEED, version: int = VERSION) -> bytes:
    """The frame as it goes over the wire, both zeros included."""
    if len(frame.payload) > PAYLOAD_MAX:
        raise ValueError(f"payload of {len(frame.payload)} bytes: a frame holds {PAYLOAD_MAX}")
    vt = version << 5 | frame.kind
    body = bytes((vt, frame.session, frame.seq, len(frame.payload))) + frame.payload
    body += fcs(body, seed_of(vt, seed, version)).to_bytes(2, "little")
    return enclose(body)


def frame_bytes(payload: int) -> int:
    """Bytes on the wire of a frame with `payload` bytes of payload."""
    return payload + FRAME_OVERHEAD


class Decoder:
    """Frames out of a stream of bytes that may be anything."""

    def __init__(
        self, seed: int = PLAIN_SEED, body_max: int = BODY_MAX, version: int = VERSION
    ) -> None:
        self.seed = seed  # model_seed(id) of the model both sides should have
        self.body_max = body_max
        self.version = version  # the one that is spoken
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
        if crc_register(body, seed_of(body[0], self.seed, self.version)) != RESIDUE:
            return Damage(Code.BAD_FCS)
        if body[0] >> 5 != self.version:
            return Damage(Code.BAD_VERSION)
        if len(body) > self.body_max or body[3] != len(body) - HEAD_BYTES - 2:
            return Damage(Code.BAD_LEN)
        return Frame(body[0] & 0x1F, body[1], body[2], body[HEAD_BYTES:-2])
