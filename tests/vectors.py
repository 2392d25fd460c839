"""One table of frames, digests and refusals: Python and C are both held against it.

The bytes are literal, so that neither side can agree with itself only. Model id 1234ABCD, three
inputs, session 7 unless a line says otherwise.
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
    """Bytes that may hold anything, and what a decoder makes of them: names of FRAMES, or error
    codes.
    """

    name: str
    data: bytes
    events: tuple


@dataclass(frozen=True)
class Refused:
    """An undamaged frame and what a board with INPUTS inputs in SESSION says of it: (0, 0) takes
    it.
    """

    name: str
    wire: bytes
    code: int
    detail: int


def _hex(text: str) -> bytes:
    return bytes.fromhex(text)


FRAMES = (
    Wire("hello", 1, 0, 0, b"", _hex("00 a5 84 a5 a5 a5 93 ca 00")),
    Wire(
        "hello to our model",
        1,
        0,
        1,
        _hex("cd ab 34 12"),
        _hex("00 a5 84 a5 a4 a1 68 0e 91 b7 d4 4c 00"),
    ),
    Wire(
        "info",
        2,
        7,
        0,
        _hex("01 00 03 08 06 02 cd ab 34 12 90 d0 03 00 00 00 01 00 02 00 05 00 02")
        + b"uno".ljust(20, b"\0")
        + b"benzene".ljust(31, b"\0"),
        _hex(
            "00 a5 87 a2 a5 ef a4 a5 a6 ad a3 a7 68 0e 91 b7 35 75 a6 a5 a5 a5 a4 a5 a7 a5 a0 a5 "
            "a7 d0 cb ca"
            "a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 c7 c0 cb df c0 cb c0 a5 a5 a5 a5 "
            "a5 a5 a5 a5"
            "a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 d0 b0 00"
        ),
    ),
    Wire(
        "row 136, -1, 0",
        3,
        7,
        9,
        _hex("88 00 ff ff 00 00"),
        _hex("00 a5 86 a2 ac a3 2d a5 5a 5a a5 a5 df 12 00"),
    ),
    Wire(
        "row with a missing value",
        3,
        7,
        255,
        _hex("88 00 00 80 00 01"),
        _hex("00 a5 86 a2 5a a3 2d a5 a5 25 a5 a4 b1 52 00"),
    ),
    Wire(
        "result 119, green, clamped",
        4,
        7,
        9,
        _hex("01 02 77 00 0b 0a d4 00 00 00"),
        _hex("00 a5 81 a2 ac af a4 a7 d2 a5 ae af 71 a5 a5 a5 4f b4 00"),
    ),
    Wire(
        "result without a prediction",
        4,
        7,
        255,
        _hex("02 00 00 80 0b 0a 00 00 00 00"),
        _hex("00 a5 81 a2 5a af a7 a5 a5 25 ae af a5 a5 a5 a5 27 83 00"),
    ),
    Wire("status, asked", 5, 0, 3, b"", _hex("00 a5 80 a5 a6 a5 17 92 00")),
    Wire(
        "status, told",
        5,
        7,
        3,
        _hex("bd 05 00 00 00 00 00 00 03 00 01 00 40 06 32 ef 00 00 08 01"),
        _hex(
            "00 a5 80 a2 a6 b1 18 a0 a5 a5 a5 a5 a5 a5 a6 a5 a4 a5 e5 a3 97 4a a5 a5 ad a4 d4 fa 00"
        ),
    ),
    Wire("bad fcs", 6, 7, 0, _hex("01 00"), _hex("00 a5 83 a2 a5 a7 a4 a5 0c 53 00")),
    Wire("wrong session", 6, 8, 9, _hex("05 07"), _hex("00 a5 83 ad ac a7 a0 a2 4c d3 00")),
    Wire(
        "record 60,000 samples at 100 Hz",
        7,
        7,
        4,
        _hex("01 00 1f 4e 01 00 60 ea 00 00"),
        _hex("00 a5 82 a2 a1 af a4 a5 ba eb a4 a5 c5 4f a5 a5 94 b3 00"),
    ),
    Wire(
        "two samples of three channels, the second without one value",
        8,
        7,
        4,
        _hex("00 00 02 00 39 ff 01 00 02 00 00 00 00 02 00 00 ff 03 ff 01 01 00 00 80"),
        _hex(
            "00 a5 8d a2 a1 bd a5 a5 a7 a5 9c 5a a4 a5 a7 a5 a5 a5 a5 a7 a5 a5 5a a6 5a a4 a4 a5 "
            "a5 25 44 5b 00"
        ),
    ),
    Wire(
        "row that has five keys in it",
        3,
        7,
        0xA5,
        _hex("a9 a8 a7 a6 a5 0a"),
        _hex("00 aa 89 ad 0f ac 03 02 0d 0c 0f a0 21 3b 00"),
    ),
    Wire(
        "longest, one byte again and again",
        3,
        1,
        1,
        b"\x07" * 248,
        _hex("00 a5 86 a4 a4 5d") + b"\xa2" * 248 + _hex("ec 78 00"),
    ),
    Wire(
        "longest, only zeros",
        3,
        1,
        2,
        bytes(248),
        _hex("00 a5 86 a4 a7 5d") + b"\xa5" * 248 + _hex("d5 9c 00"),
    ),
    Wire(
        "longest, 249 keys are taken",
        3,
        7,
        10,
        bytes((*range(0xA5, 256), *range(1, 0x9E))),
        _hex("00 9e bd 99 94 66")
        + bytes(value ^ 0x9E for value in (*range(0xA5, 256), *range(1, 0x9E)))
        + _hex("85 a8 00"),
    ),
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
    Stream(
        "last zero lost: both frames in one", _HELLO[:-1] + _ROW[1:] + _HELLO, (BAD_FCS, "hello")
    ),
    Stream("one bit of the payload", _ROW[:6] + _hex("2c") + _ROW[7:], (BAD_FCS,)),
    Stream("one bit of the fcs", _ROW[:-2] + _hex("13 00"), (BAD_FCS,)),
    Stream("one bit of the key", _hex("00 a4") + _ROW[2:], (BAD_FCS,)),
    Stream("the key lost", _hex("00") + _ROW[2:], (BAD_FCS,)),
    Stream("the key doubled", _hex("00 a5") + _ROW[1:], (BAD_FCS,)),
    Stream("a byte doubled", _ROW[:6] + _hex("2d") + _ROW[6:], (BAD_FCS,)),
    Stream("a byte turned into a delimiter", _ROW[:6] + _hex("00") + _ROW[7:], (BAD_FCS, BAD_FCS)),
    Stream(
        "fcs of another model", _hex("00 a5 86 a2 ac a3 2d a5 5a 5a a5 a5 de 12 00"), (BAD_FCS,)
    ),
    Stream("only a key", _hex("00 a5 00"), (BAD_FCS,)),
    Stream("five bytes of body, right fcs", _hex("00 a5 84 a2 ac 47 ea 00"), (BAD_FCS,)),
    Stream(
        "hello under two other keys",
        _hex("00 01 20 01 01 01 37 6e 00 00 ff de ff ff ff c9 90 00"),
        ("hello", "hello"),
    ),
    Stream("version 2", _hex("00 a5 e4 a5 a5 a5 77 53 00"), (BAD_VERSION,)),
    Stream("len says 1, there are none", _hex("00 a5 84 a5 a5 a4 1a db 00"), (BAD_LEN,)),
    Stream(
        "255 bytes of body, right fcs",
        _hex("00 a5 84 a4 a5 5c") + b"\x84" * 249 + _hex("f2 42 00"),
        (BAD_FCS,),
    ),
    Stream("a thousand bytes without a zero", b"\0" + b"\xff" * 1000 + _HELLO, (BAD_FCS, "hello")),
)

REFUSALS = (
    Refused("hello to anyone", _HELLO, 0, 0),
    Refused("hello to us", BY_NAME["hello to our model"].wire, 0, 0),
    Refused(
        "hello to another model", _hex("00 a5 84 a5 a4 a1 68 0e 91 b6 5d 5d 00"), WRONG_MODEL, 0
    ),
    Refused("hello of three bytes", _hex("00 a5 84 a5 a4 a6 68 0e 91 1f 32 00"), BAD_LEN, 0),
    Refused("row for us", _ROW, 0, 0),
    Refused(
        "row of session 8", _hex("00 a5 86 ad ac a3 2d a5 5a 5a a5 a5 f7 84 00"), WRONG_SESSION, 8
    ),
    Refused("row of two values", _hex("00 a5 86 a2 ac a1 2d a5 5a 5a 75 13 00"), BAD_LEN, 6),
    Refused("status for us", BY_NAME["status, asked"].wire, 0, 0),
    Refused("status, told", BY_NAME["status, told"].wire, BAD_LEN, 0),
    Refused("info, as a board says", BY_NAME["info"].wire, BAD_TYPE, 2),
    Refused("result, as a board says", BY_NAME["result 119, green, clamped"].wire, BAD_TYPE, 4),
    Refused("record", BY_NAME["record 60,000 samples at 100 Hz"].wire, BAD_TYPE, 7),
    Refused("type 0", _hex("00 a5 85 a5 a4 a5 f0 cf 00"), BAD_TYPE, 0),
    Refused("type 31", _hex("00 a5 9a a5 a4 a5 a8 be 00"), BAD_TYPE, 31),
)

# raw row -> Fletcher-16; the second and third show that 00 and FF bytes count alike, as Fletcher's
# do
DIGESTS = (
    ((), 0x0000),
    ((0, 0), 0x0000),
    ((-1, -1), 0x0000),
    ((1, 2, 3), 0x1406),
    ((136, -1, 0), 0x3388),
    ((136, -32768, 256), 0xB50A),
    ((32767,) * 124, 0xD9C1),
)

# ---- version 3: a board of two models, MODEL_ID with three inputs and OTHER_ID with two ----

OTHER_ID = 0x0BADCAFE

MODELS_FRAMES = (
    Wire("hello", 1, 0, 0, b"", _hex("00 a5 c4 a5 a5 a5 24 dc 00")),
    Wire("hello to model 1", 1, 0, 1, _hex("01 fe"), _hex("00 a5 c4 a5 a4 a7 a4 5b 9a 7f 00")),
    Wire(
        "info of model 1",
        2,
        7,
        0,
        _hex("03 00 02 08 08 02 fe ca ad 0b 90 d0 03 00 00 00 01 00 02 00 05 00 02")
        + b"uno".ljust(20, b"\0")
        + b"traffic".ljust(31, b"\0")
        + _hex("04 03 01 02"),
        _hex(
            "00 a5 c7 a2 a5 eb a6 a5 a7 ad ad a7 5b 6f 08 ae 35 75 a6 a5 a5 a5 a4 a5 a7 a5 a0 a5 "
            "a7 d0 cb ca"
        )
        + b"\xa5" * 17
        + _hex("d1 d7 c4 c3 c3 cc c6")
        + b"\xa5" * 24
        + _hex("a1 a6 a4 a7 f3 3d 00"),
    ),
    Wire(
        "row for model 0",
        3,
        7,
        9,
        _hex("00 ff 88 00 ff ff 00 00"),
        _hex("00 a5 c6 a2 ac ad a5 5a 2d a5 5a 5a a5 a5 29 e7 00"),
    ),
    Wire(
        "row for model 1",
        3,
        7,
        10,
        _hex("01 fe 88 00 ff ff"),
        _hex("00 a5 c6 a2 af a3 a4 5b 2d a5 5a 5a 20 ba 00"),
    ),
    Wire(
        "result of model 1, four numbers",
        4,
        7,
        10,
        _hex("01 fe 01 02 01 00 0b 0a d4 00 00 00 05 00 07 00 f9 ff"),
        _hex("00 a5 c1 a2 af b7 a4 5b a4 a7 a4 a5 ae af 71 a5 a5 a5 a0 a5 a2 a5 5c 5a d3 4f 00"),
    ),
    Wire("status, asked", 5, 0, 3, b"", _hex("00 a5 c0 a5 a6 a5 a0 84 00")),
)
MODELS_BY_NAME = {frame.name: frame for frame in MODELS_FRAMES}

# frames of version 3 that are damaged, or of another version
MODELS_DAMAGED = (
    ("a row for model 0 with the number of model 1",
     _hex("00 a5 c6 a2 ac ad a4 5b 2d a5 5a 5a a5 a5 43 f9 00"), BAD_FCS),
    ("a row for a model 2", _hex("00 a5 c6 a2 ac ad a7 58 2d a5 5a 5a a5 a5 cd 31 00"), BAD_FCS),
    ("a number and another complement",
     _hex("00 a5 c6 a2 ac ad a5 5b 2d a5 5a 5a a5 a5 fc 78 00"), BAD_FCS),
    ("a row of version 1", _ROW, BAD_FCS),
    ("a hello of version 1", _HELLO, BAD_VERSION),
)  # fmt: skip

MODELS_REFUSALS = (  # by a board whose model 0 is asked
    Refused("hello to anyone", MODELS_BY_NAME["hello"].wire, 0, 0),
    Refused("hello to model 1", MODELS_BY_NAME["hello to model 1"].wire, 0, 0),
    Refused("hello to a model 2", _hex("00 a5 c4 a5 a4 a7 a7 58 69 67 00"), WRONG_MODEL, 0),
    Refused(
        "hello to another model", _hex("00 a5 c4 a5 a4 a1 5b 6f 08 a9 31 28 00"), WRONG_MODEL, 0
    ),
    Refused("row for model 0", MODELS_BY_NAME["row for model 0"].wire, 0, 0),
    Refused("row of two values", _hex("00 a5 c6 a2 ac a3 a5 5a 2d a5 5a 5a 16 07 00"), BAD_LEN, 8),
    Refused(
        "row of session 8",
        _hex("00 a5 c6 ad ac ad a5 5a 2d a5 5a 5a a5 a5 65 fb 00"),
        WRONG_SESSION,
        8,
    ),
    Refused("status for us", MODELS_BY_NAME["status, asked"].wire, 0, 0),
)
