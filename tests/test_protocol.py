"""The wire format: Python and C against one table, against each other on any bytes, and against
noise.
"""

import random
import shutil
import struct
import subprocess
from functools import reduce
from itertools import combinations
from operator import xor
from pathlib import Path

import pytest
import vectors
from hypothesis import given, settings
from hypothesis import strategies as st
from tinygen.host import protocol
from tinygen.host.protocol import (
    Code,
    Damage,
    Decoder,
    Foreign,
    Frame,
    Kind,
    Refusal,
    encode,
    parse,
)

from tinygen.codegen.emit import firmware_text

SEED = protocol.model_seed(vectors.MODEL_ID)
STRICT = [
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wconversion",
    "-Wsign-conversion",
    "-Wshadow",
    "-Wundef",
    "-Werror",
]
SANITIZE = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def frame_of(vector: vectors.Wire) -> Frame:
    return Frame(vector.kind, vector.session, vector.seq, vector.payload)


def decode(data: bytes) -> list:
    return Decoder(SEED).process(data)


# ---- the table, in Python ----


@pytest.mark.parametrize("vector", vectors.FRAMES, ids=lambda v: v.name)
def test_frame(vector):
    assert encode(frame_of(vector), SEED) == vector.wire
    assert decode(vector.wire) == [frame_of(vector)]
    assert len(vector.wire) == protocol.frame_bytes(len(vector.payload))
    assert vector.wire.count(0) == 2


@pytest.mark.parametrize("vector", vectors.STREAMS, ids=lambda v: v.name)
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_stream(vector, step):
    decoder, events = Decoder(SEED), []
    for at in range(0, len(vector.data), step):
        events += decoder.process(vector.data[at : at + step])
    assert events == [
        frame_of(vectors.BY_NAME[e]) if isinstance(e, str) else Damage(Code(e))
        for e in vector.events
    ]
    assert decoder.damaged == sum(not isinstance(e, str) for e in vector.events)


@pytest.mark.parametrize("row, expected", vectors.DIGESTS)
def test_digest(row, expected):
    assert protocol.digest(row) == expected


def test_crc_check_value():
    assert (
        protocol.fcs(b"123456789") == 0x906E
    )  # catalogue of CRC algorithms: CRC-16/IBM-SDLC, alias X-25


# ---- the table, in C ----


def c_bytes(data: bytes) -> str:
    return '(const uint8_t *)"' + "".join(f"\\x{byte:02x}" for byte in data) + '"'


def c_table() -> str:
    """tests/vectors.py as vectors.h."""
    frames = [
        f'    {{"{v.name}", {v.kind}, {v.session}, {v.seq}, {c_bytes(v.payload)}, {len(v.payload)}, '
        f"{c_bytes(v.wire)}, {len(v.wire)}}},"
        for v in vectors.FRAMES
    ]
    refusals = [
        f'    {{"{v.name}", {c_bytes(v.wire)}, {len(v.wire)}, {v.code}, {v.detail}}},'
        for v in vectors.REFUSALS
    ]
    digests = [
        f"    {{{{{', '.join(map(str, row)) or '0'}}}, {len(row)}, {value}}},"
        for row, value in vectors.DIGESTS
    ]
    return "\n".join(
        [
            f"#define VECTOR_MODEL_ID 0x{vectors.MODEL_ID:08X}UL",
            f"#define VECTOR_INPUTS {vectors.INPUTS}",
            f"#define VECTOR_SESSION {vectors.SESSION}",
            "static const struct frame_vector { const char *name; uint8_t kind, session, seq; const uint8_t *payload;",
            "    uint8_t len; const uint8_t *wire; size_t wire_len; } frame_vectors[] = {",
            *frames,
            "};",
            "static const struct refusal_vector { const char *name; const uint8_t *wire; size_t wire_len;",
            "    uint8_t code, detail; } refusal_vectors[] = {",
            *refusals,
            "};",
            "static const struct { int16_t row[124]; uint8_t inputs; uint16_t digest; } digest_vectors[] = {",
            *digests,
            "};",
            "",
        ]
    )


def compile_c(
    folder: Path, compiler="gcc", language="c", standard="-std=c99", header: str | None = None
) -> Path:
    """Path of tests/c/test_protocol.c as a program."""
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is missing: apt install g++")
    (folder / "vectors.h").write_text(c_table())
    (folder / "tinygen_protocol.h").write_text(
        header or firmware_text("include/tinygen_protocol.h")
    )
    program = folder / f"test_protocol_{language}"
    source = Path(__file__).parent / "c" / "test_protocol.c"
    done = subprocess.run(
        [
            compiler,
            "-x",
            language,
            standard,
            *STRICT,
            *SANITIZE,
            f"-I{folder}",
            str(source),
            "-o",
            str(program),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return program


@pytest.fixture(scope="module")
def c_program(tmp_path_factory) -> Path:
    return compile_c(tmp_path_factory.mktemp("protocol"))


@pytest.mark.parametrize(
    "compiler, language, standard", [("gcc", "c", "-std=c99"), ("g++", "c++", "-std=c++11")]
)
def test_c_against_the_table(tmp_path, compiler, language, standard):
    done = subprocess.run(
        [compile_c(tmp_path, compiler, language, standard)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout
        == f"{4 * len(vectors.FRAMES) + 4 * len(vectors.REFUSALS) + len(vectors.DIGESTS)} checks\n"
    )


MUTANTS = {
    "no length check": ("p->body[3] != p->size - (TINYGEN_HEAD_BYTES + 2u)", "0"),
    "no version check": ("(p->body[0] & 0xE0u) != TINYGEN_PROTOCOL_VERSION << 5", "0"),
    "no fcs check": (" || p->crc != TINYGEN_RESIDUE", ""),
    "key not taken off": ("octet ^ p->key", "octet ^ 0xA5u"),
    "first key always": ("return key;", "return TINYGEN_FIRST_KEY;"),
    "a key that was passed": ("            i = 0;\n", ""),
    "key of the frame before": ("p->size = p->key = 0", "p->size = 0"),
    "seed of one model for all": ("(TINYGEN_PROTOCOL_VERSION << 5);\n    return", "0;\n    return"),
    "wrong polynomial": ("(uint16_t)(low << 3)", "(uint16_t)(low << 2)"),
    "no inversion": ("(uint16_t)~crc", "crc"),
    "session not checked": ("tinygen_session(p) != session", "session == 0"),
    "row of any length": ("len != 2u * inputs", "len < inputs"),
    "model in hello ignored": ("tinygen_get32(tinygen_payload(p)) != model_id", "model_id == 0"),
    "a corrupt board predicts": ("corrupt ? (uint8_t)TINYGEN_MODEL_CORRUPT : 0u", "0u * corrupt"),
    "digest keeps 255": ("sum == 255u ? 0u", "sum == 255u ? 255u"),
    "digest forgets the sums": ("tinygen_add255(sums, sum)", "tinygen_add255(sums, 0)"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_header_is_caught(tmp_path, name):
    """Negative control: each of these mistakes must fail the table or the comparison on damaged
    bytes.
    """
    before, after = MUTANTS[name]
    header = firmware_text("include/tinygen_protocol.h")
    assert before in header
    flawed = compile_c(tmp_path, header=header.replace(before, after))
    table = subprocess.run([flawed], capture_output=True, timeout=60)
    data = b"".join(v.data + b"\0" for v in vectors.STREAMS) + damaged_bytes(random.Random(1), 300)
    assert table.returncode != 0 or c_events(flawed, data) != decode(data)


# ---- C and Python on any bytes ----


def c_events(program: Path, data: bytes) -> list:
    done = subprocess.run(
        [program, "decode"], input=data, capture_output=True, check=True, timeout=60
    )
    events = []
    for line in done.stdout.decode().splitlines():
        code, _, body = line.partition(" ")
        head = bytes.fromhex(body)
        events.append(
            Frame(head[0] & 31, head[1], head[2], head[4:]) if body else Damage(Code(int(code)))
        )
    return events


def damaged_bytes(rng: random.Random, frames: int) -> bytes:
    """Frames of all kinds, some of them damaged in some way, and noise between them."""
    out = bytearray()
    for _ in range(frames):
        payload = bytes(
            rng.choice((0, 0, 1, 127, 128, 255, rng.randrange(256)))
            for _ in range(rng.choice((0, 2, 6, 16, 60, 248)))
        )
        wire = bytearray(
            encode(Frame(rng.randrange(32), rng.randrange(256), rng.randrange(256), payload), SEED)
        )
        at = rng.randrange(len(wire))
        match rng.randrange(8):
            case 0:
                wire[at] ^= 1 << rng.randrange(8)
            case 1:
                del wire[at]
            case 2:
                wire.insert(at, rng.randrange(256))
            case 3:
                wire[at:] = b""
            case 4:
                wire += rng.randbytes(rng.randrange(400))
            case 5:
                wire[:0] = bytes((rng.randrange(1, 256),)) * rng.randrange(1, 600)
        out += wire
    return bytes(out)


def test_c_and_python_agree_on_damaged_streams(c_program):
    data = damaged_bytes(random.Random(20), 4000)
    events = decode(data)
    assert c_events(c_program, data) == events
    assert (
        sum(isinstance(e, Frame) for e in events) > 500
        and sum(isinstance(e, Damage) for e in events) > 500
    )


def test_c_and_python_agree_on_noise(c_program):
    data = random.Random(21).randbytes(200_000)
    events = decode(data)
    assert c_events(c_program, data) == events
    # a random body passes a 16-bit check sum once in 65,536 frames, and must then still have the
    # right length
    assert [e for e in events if e != Damage(Code.BAD_FCS)] == []


# ---- the decoder survives anything ----


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=600)))
def test_decoder_takes_any_bytes(chunks):
    decoder = Decoder(SEED)
    for chunk in chunks:
        for event in decoder.process(chunk):
            if isinstance(event, Frame):
                parse(event)
    last = vectors.FRAMES[0]
    assert decoder.process(b"\0" + last.wire)[-1] == frame_of(last)


@settings(max_examples=500, deadline=None)
@given(
    st.builds(
        Frame, st.integers(0, 31), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=248)
    ),
    st.integers(0, 0xFFFF),
)
def test_every_frame_comes_back(frame, seed):
    wire = encode(frame, seed)
    assert Decoder(seed).process(wire) == [frame]
    assert wire[0] == wire[-1] == 0 and 0 not in wire[1:-1]


def test_a_payload_too_long_is_refused():
    with pytest.raises(ValueError, match="249"):
        encode(Frame(Kind.ROW, 0, 0, bytes(249)))


def test_decoder_memory_is_bounded():
    decoder = Decoder(SEED)
    for _ in range(100):
        decoder.process(b"\xff" * 100_000)
    assert len(decoder._piece) <= protocol.BETWEEN_MAX + 1


# ---- damage: every flip of one and two bits ----


@pytest.mark.parametrize("inputs", [1, 8, 12])
def test_no_flip_of_one_or_two_bits_is_accepted(inputs):
    """All flips of 1 bit and of 2 bits, delimiters included; `make release-check` has more rows."""
    rng = random.Random(inputs)
    row = struct.pack(
        f"<{inputs}h",
        *(rng.choice((0, 1, 136, -1, -32768, rng.randrange(-32768, 32768))) for _ in range(inputs)),
    )
    sent = Frame(Kind.ROW, 7, 9, row)
    wire = int.from_bytes(encode(sent, SEED), "big")
    size = protocol.frame_bytes(len(row))
    accepted = 0
    for flips in [(a,) for a in range(8 * size)] + list(combinations(range(8 * size), 2)):
        flipped = wire
        for bit in flips:
            flipped ^= 1 << bit
        # framed by zeros, as a receiver finds it on a busy line
        for event in decode(b"\0" + flipped.to_bytes(size, "big") + b"\0"):
            accepted += isinstance(event, Frame) and event != sent
    assert accepted == 0


def test_no_flip_of_the_key_and_of_another_bit_can_pass():
    """The proof of docs/wire-format.md, for every length: the CRC sees it, or `len` is wrong."""
    # what one bit does to the register
    seen = [
        [protocol.crc_register(bytes((1 << bit,)) + bytes(behind), 0) for bit in range(8)]
        for behind in range(protocol.BODY_MAX)
    ]
    unseen = []
    for size in range(protocol.HEAD_BYTES + 2, protocol.BODY_MAX + 1):
        singles = {seen[size - 1 - at][bit]: (at, bit) for at in range(size) for bit in range(8)}
        for bit in range(8):
            key = reduce(xor, (of_byte[bit] for of_byte in seen[:size]))  # this bit of every byte
            assert key != 0
            if key in singles:
                unseen.append((size, bit, singles[key]))
    assert {size for size, _, _ in unseen} == {
        223,
        249,
    }  # odd: `len` is even, and so is every body of version 1
    assert all(
        place != (3, bit) for _, bit, place in unseen
    )  # and this other bit is not the one that mends `len`


# ---- the document ----


def test_the_worked_bytes_of_the_document():
    text = (Path(__file__).parent.parent / "docs" / "wire-format.md").read_text()
    worked = [
        bytes.fromhex(line[27:])
        for line in text.split("## Worked bytes")[1].splitlines()
        if line[27:30] == "00 "
    ]
    known = {vector.wire for vector in vectors.FRAMES}
    assert len(worked) == 5 and set(worked) <= known
    assert all(f"| {code.value} | {code.name} |" in text for code in Code)
    assert all(f"| {kind.value} | {kind.name} |" in text for kind in Kind)


# ---- what a board says ----


def test_parse_reads_every_answer():
    info = parse(frame_of(vectors.BY_NAME["info"]))
    assert (info.model_id, info.inputs, info.window, info.baud) == (vectors.MODEL_ID, 3, 8, 250_000)
    assert (info.board, info.model, info.framing_errors, info.fcs_errors) == (
        "uno",
        "benzene",
        1,
        2,
    )
    assert (info.hysteresis, info.debounce) == (5, 2)
    result = parse(frame_of(vectors.BY_NAME["result 119, green, clamped"]))
    assert (result.prediction, result.digest, result.cycles) == (119, 0x0A0B, 212)
    assert result.flags == protocol.Flag.CLAMPED and result.pins == protocol.Pin.GREEN
    status = parse(frame_of(vectors.BY_NAME["status, told"]))
    assert (status.rows, status.fcs_errors, status.refused, status.stack_free_bytes) == (
        1469,
        3,
        1,
        1600,
    )
    assert (status.uptime_ms, status.reset_cause, status.pins) == (61234, 8, protocol.Pin.RED)
    assert parse(frame_of(vectors.BY_NAME["wrong session"])) == Refusal(8, 9, Code.WRONG_SESSION, 7)


@pytest.mark.parametrize(
    "kind, payload",
    [
        (Kind.HELLO, b""),
        (Kind.ROW, bytes(6)),
        (0, b""),
        (31, b""),
        (Kind.RESULT, protocol.RESULT.pack(4, 0, 1, 0, 0)),  # a flag that has no meaning
        (Kind.RESULT, protocol.RESULT.pack(0, 4, 1, 0, 0)),  # a pin that does not exist
        (
            Kind.RESULT,
            protocol.RESULT.pack(0, 1, -32768, 0, 0),
        ),  # no prediction, and nothing missing
        (Kind.RESULT, protocol.RESULT.pack(2, 0, 5, 0, 0)),  # a prediction from a missing value
        (Kind.RESULT, bytes(9)),
        (Kind.RESULT, bytes(11)),
        (Kind.STATUS, b""),
        (Kind.ERR, b"\0\0"),
        (Kind.ERR, b"\x0a\0"),
        (Kind.INFO, bytes(74)),
        (Kind.INFO, bytes(71)),
    ],
)
def test_parse_refuses_what_no_board_may_say(kind, payload):
    assert isinstance(parse(Frame(kind, 1, 2, payload)), Foreign)


def test_text_from_a_board_is_harmless():
    assert protocol.printable(b"\x1b[2Jevil\r\n\xe2\x80\xae\0hidden") == "?[2Jevil?????"
