"""Frames of versions 1 to 3 on the wire: the key, the head and the check sum. Pure, no I/O.

The lower half of the twin of firmware/include/tinygen_protocol.h, where the frame is drawn and the
rules are numbered; what the frames mean is in protocol.py. `Decoder` takes any bytes: damage is an
event, never an exception.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

VERSION = 1  # of boards that answer with one number
VALUES_VERSION = 2  # of boards that answer with several
MODELS_VERSION = 3  # of boards with several models
MODELS_MAX = 8  # on one board
NUMBER_BYTES = 2  # of version 3 before a row or an answer: the model's number, its complement
HEAD_BYTES = 4  # vt, session, seq, len
BODY_MAX = 254  # one less than there are keys
BETWEEN_MAX = BODY_MAX + 1  # between two 00: key and body
PAYLOAD_MAX = BODY_MAX - HEAD_BYTES - 2
INPUTS_MAX = PAYLOAD_MAX // 2
INPUTS_BESIDE = (PAYLOAD_MAX - NUMBER_BYTES) // 2  # of a model beside another one
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


def is_bound(vt: int, version: int) -> bool:
    """True for a frame whose check sum is also of the model, where `version` is spoken."""
    return vt >> 5 == version and vt & 0x1F in (Kind.ROW, Kind.RESULT)


def seed_of(vt: int, seed: int, version: int = VERSION) -> int:
    """The CRC's start for a frame whose first byte is `vt`, where `version` is spoken."""
    return seed if version != MODELS_VERSION and is_bound(vt, version) else PLAIN_SEED


def register_of(body: bytes, seed: int, version: int) -> int:
    """The CRC register after a body, or its beginning. seed: `model_seed` of the model, which in
    version 3 comes in behind its number.
    """
    if version != MODELS_VERSION or not is_bound(body[0], version):
        return crc_register(body, seed_of(body[0], seed, version))
    head = HEAD_BYTES + NUMBER_BYTES
    return crc_register(body[head:], crc_register(body[:head]) ^ seed ^ PLAIN_SEED)


def number_field(number: int) -> bytes:
    """The number of a model, 0 .. MODELS_MAX - 1, as it stands before its rows and answers."""
    return bytes((number, number ^ 0xFF))


def bound_to(number: int, model_id: int) -> int:
    """What a model's number and id make of the CRC: of two models on one board it has to differ,
    or a frame for one would pass for the other's where all bits of its number are wrong.
    """
    return crc_register(number_field(number), 0) ^ model_seed(model_id)


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


def encode(frame: Frame, seed: int = PLAIN_SEED, version: int = VERSION) -> bytes:
    """The frame as it goes over the wire, both zeros included. seed: `model_seed` of the model that
    a row or an answer is for.
    """
    if len(frame.payload) > PAYLOAD_MAX:
        raise ValueError(f"payload of {len(frame.payload)} bytes: a frame holds {PAYLOAD_MAX}")
    vt = version << 5 | frame.kind
    body = bytes((vt, frame.session, frame.seq, len(frame.payload))) + frame.payload
    body += (register_of(body, seed, version) ^ 0xFFFF).to_bytes(2, "little")
    return enclose(body)


def version_for(values: int, remembers: bool = False) -> int:
    """The version that a board speaks whose answers have so many numbers; `remembers`: its rows are
    the samples of a signal.
    """
    return VERSION if values == 1 and not remembers else VALUES_VERSION


def row_bytes(inputs: int, version: int = VERSION) -> int:
    """Bytes of payload of a ROW with so many values."""
    return 2 * inputs + (NUMBER_BYTES if version == MODELS_VERSION else 0)


def frame_bytes(payload: int) -> int:
    """Bytes on the wire of a frame with `payload` bytes of payload."""
    return payload + FRAME_OVERHEAD


# ---- what a host says ----


def encode_row(
    session: int, seq: int, row: Sequence[int], seed: int, version: int = VERSION, number: int = 0
) -> bytes:
    """One row of raw int16 values, MISSING_RAW where there is none; of version 3 for the model of
    that number.
    """
    payload = struct.pack(f"<{len(row)}h", *row)
    if version == MODELS_VERSION:
        payload = number_field(number) + payload
    return encode(Frame(Kind.ROW, session, seq, payload), seed, version)


def hello(
    seq: int = 0, model_id: int | None = None, version: int = VERSION, number: int | None = None
) -> bytes:
    """Asks who is there; with a model id, a board without that model answers WRONG_MODEL; with a
    number, of version 3, it tells of that one of its models.
    """
    payload = b"" if model_id is None else model_id.to_bytes(4, "little")
    payload = payload if number is None else number_field(number)
    return encode(Frame(Kind.HELLO, 0, seq, payload), version=version)


def status_request(seq: int = 0, version: int = VERSION) -> bytes:
    """The question for the counters."""
    return encode(Frame(Kind.STATUS, 0, seq), version=version)


# ---- what came ----


class Decoder:
    """Frames out of a stream of bytes that may be anything."""

    def __init__(
        self,
        seed: int = PLAIN_SEED,
        body_max: int = BODY_MAX,
        version: int = VERSION,
        seeds: Mapping[int, int] | None = None,
    ) -> None:
        self.seed = seed  # model_seed(id) of the model both sides should have
        self.seeds = seeds or {}  # of version 3: by the number of the model
        self.body_max = body_max
        self.version = version  # the one that is spoken
        self.other_version: int | None = None  # of the last undamaged frame that spoke another
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
        seed = self._seed_for(body)
        if seed is None or register_of(body, seed, self.version) != RESIDUE:
            return Damage(Code.BAD_FCS)
        if body[0] >> 5 != self.version:
            self.other_version = body[0] >> 5
            return Damage(Code.BAD_VERSION)
        if len(body) > self.body_max or body[3] != len(body) - HEAD_BYTES - 2:
            return Damage(Code.BAD_LEN)
        return Frame(body[0] & 0x1F, body[1], body[2], body[HEAD_BYTES:-2])

    def _seed_for(self, body: bytes) -> int | None:
        """The seed of the model that a frame is for; None where it names none that is known."""
        if self.version != MODELS_VERSION or not is_bound(body[0], self.version):
            return self.seed
        number, complement = body[HEAD_BYTES : HEAD_BYTES + NUMBER_BYTES]
        return self.seeds.get(number) if number ^ complement == 0xFF else None
