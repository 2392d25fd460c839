"""What a board says, field by field: each range has an end, and each version its own fields."""

import struct

import pytest
from tinygen.host import protocol
from tinygen.host.protocol import (
    INFO,
    LEDS,
    LEDS_MAX,
    MODELS_VERSION,
    NOT_SURE_RAW,
    RESULT,
    STATUS,
    VALUES_MAX,
    VALUES_VERSION,
    WINDOW_MAX,
    Flag,
    Foreign,
    Frame,
    Kind,
    Pin,
    Trait,
    parse,
    printable,
    result_bytes,
)

ONE = protocol.VERSION
NUMBER = bytes((1, 254))


def info(inputs=3, window=8, longest=8, traits=0, more=b"") -> Frame:
    fields = (1, traits, inputs, window, longest, 2, 77, 250_000, 1, 2, 3, 4, 5, b"uno", b"m")
    return Frame(Kind.INFO, 9, 0, INFO.pack(*fields) + more)


def result(flags=0, pins=2, prediction=5, more=b"", number=b"") -> Frame:
    return Frame(Kind.RESULT, 9, 1, number + RESULT.pack(flags, pins, prediction, 7, 8) + more)


def refused(frame: Frame, version: int = ONE) -> str:
    """Why; empty where the frame is taken."""
    said = parse(frame, version)
    return said.reason if isinstance(said, Foreign) else ""


def test_numbers_of_the_format():
    assert (LEDS, LEDS_MAX, VALUES_MAX, WINDOW_MAX) == (2, 4, 50, 127)
    assert (NOT_SURE_RAW, protocol.MISSING_RAW) == (-1, -32768)
    assert (INFO.size, RESULT.size, STATUS.size) == (74, 10, 20)
    assert [int(flag) for flag in (*Flag, *Pin, *Trait)] == [1, 2, 4, 1, 2, 4, 8, 1, 2, 4, 8, 16]
    assert (result_bytes(1), result_bytes(3)) == (10, 14)
    assert result_bytes(3, MODELS_VERSION) == 16


@pytest.mark.parametrize(
    "parts, good",
    [
        ({"inputs": 1}, True),
        ({"inputs": 0}, False),
        ({"inputs": protocol.INPUTS_MAX}, True),
        ({"inputs": protocol.INPUTS_MAX + 1}, False),
        ({"window": 0}, False),
        ({"window": 1}, True),
        ({"window": 127}, True),
        ({"window": 128}, False),
        ({"longest": protocol.PAYLOAD_MAX}, True),
        ({"longest": protocol.PAYLOAD_MAX + 1}, False),
        ({"traits": 31}, True),
        ({"traits": 32}, False),
    ],
)
def test_ranges_of_what_a_board_is(parts, good):
    assert bool(refused(info(**parts))) != good
    if good:
        said = parse(info(**parts))
        assert (said.board, said.model, said.baud, said.booted) == ("uno", "m", 250_000, True)
        assert (said.values, said.leds, said.number, said.models) == (1, 2, 0, 1)


@pytest.mark.parametrize(
    "values, leds, good",
    [(1, 2, True), (0, 2, False), (50, 4, True), (51, 4, False), (1, 1, False), (1, 5, False)],
)
def test_values_and_leds_of_version_2(values, leds, good):
    frame = info(more=bytes((values, leds)))
    assert bool(refused(frame, VALUES_VERSION)) != good
    if good:
        said = parse(frame, VALUES_VERSION)
        assert (said.values, said.leds, said.models) == (values, leds, 1)
    assert refused(info(more=bytes(3)), VALUES_VERSION) == (
        "INFO with 3 bytes behind its names, not 2"
    )


@pytest.mark.parametrize(
    "number, models, good", [(0, 1, True), (1, 2, True), (2, 2, False), (7, 8, True), (0, 9, False)]
)
def test_a_place_among_the_models(number, models, good):
    frame = info(more=bytes((1, 2, number, models)))
    assert bool(refused(frame, MODELS_VERSION)) != good
    if good:
        said = parse(frame, MODELS_VERSION)
        assert (said.number, said.models) == (number, models)
    assert "not 4" in refused(info(more=bytes((1, 2))), MODELS_VERSION)


def test_numbers_behind_the_prediction():
    for n in (0, 1, VALUES_MAX - 1):
        more = struct.pack(f"<{n}h", *range(n))
        assert parse(result(more=more), VALUES_VERSION).values == (5, *range(n))
        assert parse(result(more=more, number=NUMBER), MODELS_VERSION).more == tuple(range(n))
    assert refused(result(more=bytes(2 * VALUES_MAX)), VALUES_VERSION)
    assert refused(result(more=bytes(3)), VALUES_VERSION) == "RESULT with 3 bytes behind its cycles"
    lacking = struct.pack("<2h", -32768, 4)
    assert (
        refused(result(more=lacking), VALUES_VERSION)
        == "RESULT with values (-32768, 4) and flags 0"
    )
    gone = struct.pack("<2h", -32768, -32768)
    assert parse(result(2, 0, -32768, gone), VALUES_VERSION).more == (-32768, -32768)
    assert refused(result(more=bytes(2)))  # version 1 has none


def test_flags_and_pins_of_each_version():
    for flags, pins, version, good in (
        *((3, 0, ONE, True), (4, 0, ONE, False), (0, 3, ONE, True), (0, 4, ONE, False)),
        *((0, 15, VALUES_VERSION, True), (0, 16, VALUES_VERSION, False)),
        (8, 0, VALUES_VERSION, False),
    ):
        frame = result(flags, pins, -32768 if flags & 2 else 5)
        assert bool(refused(frame, version)) != good, (flags, pins, version)
    unsure = result(4, 0, NOT_SURE_RAW)
    assert parse(unsure, VALUES_VERSION).flags == Flag.NOT_SURE
    assert parse(result(4, 0, -32768), VALUES_VERSION).prediction == -32768
    assert refused(result(4, 0, 0), VALUES_VERSION) == "RESULT with prediction 0 and flags 4"
    assert refused(result(6, 0, -32768), VALUES_VERSION)


def test_a_status_and_a_refusal_of_every_version():
    status = STATUS.pack(1, 2, 3, 4, 5, 6, 7, 8, 3)
    for version in (ONE, VALUES_VERSION, MODELS_VERSION):
        said = parse(Frame(Kind.STATUS, 9, 1, status), version)
        assert (said.rows, said.refused, said.uptime_ms, said.pins) == (1, 5, 7, Pin(3))
        assert parse(Frame(Kind.ERR, 9, 1, b"\x01\x02"), version).detail == 2
        assert refused(Frame(Kind.STATUS, 9, 1, status + b"\0"), version) == (
            "STATUS with 21 bytes of payload, not 20"
        )
    assert refused(Frame(Kind.STATUS, 9, 1, STATUS.pack(*[0] * 8, 4)))
    assert refused(Frame(Kind.HELLO, 9, 1, b"")) == "an echo of a host's frame"
    assert refused(Frame(30, 9, 1, b"")) == "unknown type 30"


def test_text_ends_at_its_first_zero():
    assert printable(b"uno\0junk") == "uno" and printable(b" ~\x1f\x7f\xff\0") == " ~???"
