"""One table of frames, digests and refusals: Python and C are both held against it.

The bytes are literal, so that neither side can agree with itself only. Model id 1234ABCD, three inputs,
session 7 unless a line says otherwise.
"""

from dataclasses import dataclass

MODEL_ID = 0x1234ABCD
INPUTS = 3
SESSION = 7


@dataclass(frozen=True)
class Wire:
    """One frame and its bytes."""

    name: str
    kind: int
    session: int
    seq: int
    payload: bytes
    wire: bytes


@dataclass(frozen=True)
class Stream:
    """Bytes that may hold anything, and what a decoder makes of them: names of FRAMES, or error codes."""

    name: str
    data: bytes
    events: tuple


@dataclass(frozen=True)
class Refused:
    """An undamaged frame and what a board with INPUTS inputs in SESSION says of it: (0, 0) takes it."""

    name: str
    wire: bytes
    code: int
    detail: int


def _hex(text: str) -> bytes:
    return bytes.fromhex(text)


FRAMES = (
    Wire("hello", 1, 0, 0, b"", _hex("00 02 21 01 01 03 36 6f 00")),
    Wire("hello to our model", 1, 0, 1, _hex("cd ab 34 12"), _hex("00 02 21 09 01 04 cd ab 34 12 71 e9 00")),
    Wire("info", 2, 7, 0,
         _hex("01 00 03 08 06 02 cd ab 34 12 90 d0 03 00 00 00 01 00 02 00 05 00 02") + b"uno".ljust(20, b"\0")
         + b"benzene".ljust(31, b"\0"),
         _hex("00 03 22 07 03 4a 01 0c 03 08 06 02 cd ab 34 12 90 d0 03 01 01 02 01 02 02 02 05 05 02 75 6e 6f"
              "01 01 01 01 01 01 01 01 01 01 01 01 01 01 01 01 08 62 65 6e 7a 65 6e 65 01 01 01 01 01 01 01 01"
              "01 01 01 01 01 01 01 01 01 01 01 01 01 01 01 03 75 15 00")),
    Wire("row 136, -1, 0", 3, 7, 9, _hex("88 00 ff ff 00 00"), _hex("00 06 23 07 09 06 88 03 ff ff 01 03 7a b7 00")),
    Wire("row with a missing value", 3, 7, 255, _hex("88 00 00 80 00 01"),
         _hex("00 06 23 07 ff 06 88 01 02 80 04 01 14 f7 00")),
    Wire("result 119, green, clamped", 4, 7, 9, _hex("01 02 77 00 0b 0a d4 00 00 00"),
         _hex("00 08 24 07 09 0a 01 02 77 04 0b 0a d4 01 01 03 ea 11 00")),
    Wire("result without a prediction", 4, 7, 255, _hex("02 00 00 80 0b 0a 00 00 00 00"),
         _hex("00 06 24 07 ff 0a 02 01 04 80 0b 0a 01 01 01 03 82 26 00")),
    Wire("status, asked", 5, 0, 3, b"", _hex("00 02 25 02 03 03 b2 37 00")),
    Wire("status, told", 5, 7, 3, _hex("bd 05 00 00 00 00 00 00 03 00 01 00 40 06 32 ef 00 00 08 01"),
         _hex("00 07 25 07 03 14 bd 05 01 01 01 01 01 02 03 02 01 05 40 06 32 ef 01 05 08 01 71 5f 00")),
    Wire("bad fcs", 6, 7, 0, _hex("01 00"), _hex("00 03 26 07 03 02 01 03 a9 f6 00")),
    Wire("wrong session", 6, 8, 9, _hex("05 07"), _hex("00 09 26 08 09 02 05 07 e9 76 00")),
    Wire("longest, no zero in it", 3, 1, 1, b"\x07" * 248, _hex("00 ff 23 01 01 f8") + b"\x07" * 248 + _hex("49 dd 00")),
    Wire("longest, only zeros", 3, 1, 2, bytes(248), _hex("00 05 23 01 02 f8") + b"\x01" * 247 + _hex("03 70 39 00")),
)
BY_NAME = {frame.name: frame for frame in FRAMES}

_ROW = BY_NAME["row 136, -1, 0"].wire
_HELLO = BY_NAME["hello"].wire
BAD_FCS, BAD_LEN, BAD_TYPE, BAD_VERSION, WRONG_SESSION, WRONG_MODEL = 1, 2, 3, 4, 5, 6

STREAMS = (
    Stream("nothing", b"", ()),
    Stream("empty frames", bytes(5), ()),
    Stream("two frames", _ROW + _HELLO, ("row 136, -1, 0", "hello")),
    Stream("two frames that share a zero", _ROW + _HELLO[1:], ("row 136, -1, 0", "hello")),
    Stream("no end yet", _ROW[:-1], ()),
    Stream("cut short, the next frame is whole", _ROW[:9] + _HELLO, (BAD_FCS, "hello")),
    Stream("first zero lost", _HELLO + _ROW[1:], ("hello", "row 136, -1, 0")),
    Stream("noise before a frame", _hex("55 aa 13 37") + _ROW, (BAD_FCS, "row 136, -1, 0")),
    Stream("last zero lost: both frames in one", _HELLO[:-1] + _ROW[1:] + _HELLO, (BAD_FCS, "hello")),
    Stream("one bit of the payload", _ROW[:6] + _hex("89") + _ROW[7:], (BAD_FCS,)),
    Stream("one bit of the fcs", _ROW[:-2] + _hex("b6 00"), (BAD_FCS,)),
    Stream("a byte doubled", _ROW[:6] + _hex("88") + _ROW[6:], (BAD_FCS,)),
    Stream("fcs of another model", _hex("00 06 23 07 09 06 88 03 ff ff 01 03 7b b7 00"), (BAD_FCS,)),
    Stream("an empty body", _hex("00 01 00"), (BAD_FCS,)),
    Stream("only a length", _hex("00 05 00"), (BAD_FCS,)),
    Stream("all there, but the last piece claims one byte more", _hex("00 02 21 01 01 04 36 6f 00"), (BAD_FCS,)),
    Stream("five bytes of body", _hex("00 06 21 07 09 36 6f 00"), (BAD_FCS,)),
    Stream("version 2", _hex("00 02 41 01 01 03 d2 f6 00"), (BAD_VERSION,)),
    Stream("len says 1, there are none", _hex("00 02 21 01 04 01 bf 7e 00"), (BAD_LEN,)),
    Stream("a full piece and a needless empty one", BY_NAME["longest, no zero in it"].wire[:-1] + _hex("01 00"),
           ("longest, no zero in it",)),
    Stream("255 bytes of body", b"\0\xff" + b"\x21" * 254 + _hex("02 21 00"), (BAD_FCS,)),
    Stream("a thousand bytes without a zero", b"\0" + b"\xff" * 1000 + _HELLO, (BAD_FCS, "hello")),
)

REFUSALS = (
    Refused("hello to anyone", _HELLO, 0, 0),
    Refused("hello to us", BY_NAME["hello to our model"].wire, 0, 0),
    Refused("hello to another model", _hex("00 02 21 09 01 04 cd ab 34 13 f8 f8 00"), WRONG_MODEL, 0),
    Refused("hello of three bytes", _hex("00 02 21 08 01 03 cd ab 34 ba 97 00"), BAD_LEN, 0),
    Refused("row for us", _ROW, 0, 0),
    Refused("row of session 8", _hex("00 06 23 08 09 06 88 03 ff ff 01 03 52 21 00"), WRONG_SESSION, 8),
    Refused("row of two values", _hex("00 06 23 07 09 04 88 05 ff ff d0 b6 00"), BAD_LEN, 6),
    Refused("status for us", BY_NAME["status, asked"].wire, 0, 0),
    Refused("status, told", BY_NAME["status, told"].wire, BAD_LEN, 0),
    Refused("info, as a board says", BY_NAME["info"].wire, BAD_TYPE, 2),
    Refused("result, as a board says", BY_NAME["result 119, green, clamped"].wire, BAD_TYPE, 4),
    Refused("type 0", _hex("00 02 20 02 01 03 55 6a 00"), BAD_TYPE, 0),
    Refused("type 31", _hex("00 02 3f 02 01 03 0d 1b 00"), BAD_TYPE, 31),
)

# raw row -> Fletcher-16; the second and third show that 00 and FF bytes count alike, as Fletcher's do
DIGESTS = (
    ((), 0x0000),
    ((0, 0), 0x0000),
    ((-1, -1), 0x0000),
    ((1, 2, 3), 0x1406),
    ((136, -1, 0), 0x3388),
    ((136, -32768, 256), 0xB50A),
    ((32767,) * 124, 0xD9C1),
)
