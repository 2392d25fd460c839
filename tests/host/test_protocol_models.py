"""Version 3 of the wire format, of a board with several models: the number of a model and its check
sum, in Python and in C.
"""

import subprocess
from itertools import combinations

import pytest
import vectors
from test_protocol import frame_of
from test_protocol_c import c_events, c_table, compile_c
from tinygen.host import protocol
from tinygen.host.framing import bound_to
from tinygen.host.protocol import MODELS_VERSION, Code, Damage, Decoder, Foreign, encode, parse

from tinygen.codegen.emit import firmware_text

IDS = (vectors.MODEL_ID, vectors.OTHER_ID)
SEEDS = {number: protocol.model_seed(model_id) for number, model_id in enumerate(IDS)}
ROW, OTHER_ROW = (vectors.MODELS_BY_NAME[f"row for model {k}"] for k in (0, 1))
DEFINED = (
    "#define TINYGEN_PROTOCOL_VERSION 3u\n#define TINYGEN_MODELS 2\n"
    f"#define TINYGEN_BINDING(number) ((number) == 0 ? {SEEDS[0] ^ 0xFFFF}u "
    f": (number) == 1 ? {SEEDS[1] ^ 0xFFFF}u : 0u)\n"
)
HEADER = DEFINED + firmware_text("include/tinygen_protocol.h")
DAMAGED = pytest.mark.parametrize(
    "data, code",
    [v[1:] for v in vectors.MODELS_DAMAGED],
    ids=[v[0] for v in vectors.MODELS_DAMAGED],
)


def decode(data: bytes, seeds=SEEDS) -> list:
    return Decoder(version=MODELS_VERSION, seeds=seeds).process(data)


def seed_for(vector: vectors.Wire) -> int:
    return SEEDS.get(vector.payload[0] if vector.payload else 0, 0)


# ---- the table ----


@pytest.mark.parametrize("vector", vectors.MODELS_FRAMES, ids=lambda v: v.name)
def test_frame(vector):
    assert encode(frame_of(vector), seed_for(vector), MODELS_VERSION) == vector.wire
    assert decode(vector.wire) == [frame_of(vector)]


def test_what_a_host_says():
    told = vectors.MODELS_BY_NAME
    assert protocol.hello(0, version=3) == told["hello"].wire
    assert protocol.hello(1, version=3, number=1) == told["hello to model 1"].wire
    assert protocol.encode_row(7, 9, (136, -1, 0), SEEDS[0], 3) == ROW.wire
    assert protocol.encode_row(7, 10, (136, -1), SEEDS[1], 3, 1) == OTHER_ROW.wire


def test_what_a_board_says():
    info = parse(frame_of(vectors.MODELS_BY_NAME["info of model 1"]), MODELS_VERSION)
    assert (info.protocol, info.number, info.models, info.model) == (3, 1, 2, "traffic")
    assert (info.inputs, info.values, info.leds, info.payload_max) == (2, 4, 3, 8)
    frame = frame_of(vectors.MODELS_BY_NAME["result of model 1, four numbers"])
    assert parse(frame, MODELS_VERSION).values == (1, 5, 7, -7)
    assert protocol.result_bytes(4, MODELS_VERSION) == len(frame.payload)


@pytest.mark.parametrize("place", [(2, 2), (0, 0), (1, 9)])
def test_an_impossible_place_among_the_models_is_refused(place):
    frame = frame_of(vectors.MODELS_BY_NAME["info of model 1"])
    wrong = protocol.Frame(frame.kind, 7, 0, frame.payload[:-2] + bytes(place))
    assert parse(wrong, MODELS_VERSION) == Foreign(
        wrong, f"INFO with model {place[0]} of {place[1]}"
    )


@DAMAGED
def test_damage(data, code):
    assert decode(data) == [Damage(Code(code))]


def test_a_frame_of_another_version_tells_which():
    for version, heard in ((1, 3), (2, 3), (3, 1)):
        decoder = Decoder(version=version)
        decoder.process(protocol.hello(0, version=heard))
        assert decoder.other_version == heard


def test_a_row_for_a_model_that_the_receiver_lacks_is_damaged():
    assert decode(OTHER_ROW.wire, {0: SEEDS[0]}) == [Damage(Code.BAD_FCS)]
    assert decode(OTHER_ROW.wire, {1: SEEDS[0]}) == [Damage(Code.BAD_FCS)]


# ---- damage that is looked for ----


def flipped(wire: bytes, bits) -> bytes:
    data = bytearray(wire)
    for bit in bits:
        data[bit // 8] ^= 1 << bit % 8
    return bytes(data)


def accepted(wire: bytes, patterns) -> list:
    """The patterns of flipped bits that leave a frame which is not the one that was sent."""
    (sent,) = decode(wire)
    found = []
    for bits in patterns:
        whole = [e for e in decode(flipped(wire, bits)) if not isinstance(e, Damage)]
        found += [bits] * (whole not in ([], [sent]))
    return found


@pytest.mark.parametrize("wire", [ROW.wire, OTHER_ROW.wire], ids=["model 0", "model 1"])
def test_no_flip_of_one_or_two_bits_passes(wire):
    bits = range(8, 8 * (len(wire) - 1))
    assert accepted(wire, [(bit,) for bit in bits]) == []
    assert accepted(wire, combinations(bits, 2)) == []


def test_a_number_that_would_pass_for_another_is_known_beforehand():
    """Negative control: of two models that `bound_to` does not tell apart, a row for one whose
    number is replaced is a row for the other. Such two are refused when a firmware is made.
    """
    assert bound_to(0, IDS[0]) != bound_to(1, IDS[1])
    gap = bound_to(0, IDS[0]) ^ bound_to(1, 0)
    twin = {0: SEEDS[0], 1: protocol.model_seed(gap)}
    assert bound_to(1, gap) == bound_to(0, IDS[0])
    number = [bit for byte in (6, 7) for bit in (8 * byte,)]  # lowest bits of number, complement
    forged = flipped(ROW.wire, number)
    assert decode(forged) == [Damage(Code.BAD_FCS)]
    (frame,) = decode(forged, twin)
    assert frame.payload[:2] == b"\x01\xfe"


# ---- C ----


def compiled(folder, header=HEADER):
    table = c_table(vectors.MODELS_FRAMES, vectors.MODELS_REFUSALS, "TINYGEN_PLAIN_SEED")
    return compile_c(folder, header=header, table=table)


def stream_of_damage() -> bytes:
    data = b"".join(data for _, data, _ in vectors.MODELS_DAMAGED)
    for wire in (ROW.wire, OTHER_ROW.wire):
        for bits in combinations(range(8 * 4, 8 * 9), 2):
            data += flipped(wire, bits) + b"\0"
    return data


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("models"))


def test_c_against_the_table(program):
    done = subprocess.run([program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_c_and_python_agree_on_damage(program):
    data = stream_of_damage()
    assert c_events(program, data) == decode(data)


MUTANTS = {
    "number not in the check sum": (
        "p->crc ^= TINYGEN_BINDING(p->body[TINYGEN_HEAD_BYTES]);",
        "p->crc ^= 0;",
    ),
    "one model's value for all": ("TINYGEN_BINDING(frame[TINYGEN_PAYLOAD_AT])", "1u"),
    "complement not checked": ("(from[0] ^ from[1]) == 0xFFu", "from[1] != 0"),
    "number of no model": ("from[0] < TINYGEN_MODELS", "from[0] < 9"),
    "row without its number": ("len != 2u * inputs + TINYGEN_NUMBER_BYTES", "len < 2u * inputs"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_header_is_caught(tmp_path, name):
    before, after = MUTANTS[name]
    assert before in HEADER
    flawed = compiled(tmp_path, HEADER.replace(before, after))
    table = subprocess.run([flawed], capture_output=True, timeout=60)
    data = stream_of_damage()
    assert table.returncode != 0 or c_events(flawed, data) != decode(data)
