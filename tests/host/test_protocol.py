"""The wire format in Python: the table of vectors, damage, and what a board says."""

import random
import struct
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

SEED = protocol.model_seed(vectors.MODEL_ID)


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
    text = (Path(__file__).parents[2] / "docs" / "wire-format.md").read_text()
    worked = [
        bytes.fromhex(line[27:])
        for line in text.split("## Worked bytes")[1].splitlines()
        if line[27:30] == "00 "
    ]
    known = {vector.wire for vector in (*vectors.FRAMES, *vectors.MODELS_FRAMES)}
    assert len(worked) == 7 and set(worked) <= known
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
        (Kind.ERR, b"\x0c\0"),
        (Kind.CALIBRATION, bytes(11)),
        (Kind.CALIBRATION, b"\4" + bytes(11)),  # a state that does not exist
        (Kind.CALIBRATE, bytes(12)),
        (Kind.INFO, bytes(74)),
        (Kind.INFO, bytes(71)),
    ],
)
def test_parse_refuses_what_no_board_may_say(kind, payload):
    assert isinstance(parse(Frame(kind, 1, 2, payload)), Foreign)


def test_text_from_a_board_is_harmless():
    assert protocol.printable(b"\x1b[2Jevil\r\n\xe2\x80\xae\0hidden") == "?[2Jevil?????"
