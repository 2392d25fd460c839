"""The wire format in C: the table of vectors, and C against Python on any bytes."""

import random
import shutil
import subprocess
from pathlib import Path

import pytest
import vectors
from host_c import LINK, STRICT
from test_protocol import SEED, decode
from tinygen.host.protocol import (
    Code,
    Damage,
    Frame,
    encode,
)

from tinygen.codegen.emit import firmware_text

SANITIZE = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


# ---- the table, in C ----


def c_bytes(data: bytes) -> str:
    return '(const uint8_t *)"' + "".join(f"\\x{byte:02x}" for byte in data) + '"'


def c_table(
    of=vectors.FRAMES, refused=vectors.REFUSALS, seed="TINYGEN_SEED(VECTOR_MODEL_ID)"
) -> str:
    """tests/vectors.py as vectors.h."""
    frames = [
        "    "
        f'{{"{v.name}", {v.kind}, {v.session}, {v.seq}, {c_bytes(v.payload)}, {len(v.payload)}, '
        f"{c_bytes(v.wire)}, {len(v.wire)}}},"
        for v in of
    ]
    refusals = [
        f'    {{"{v.name}", {c_bytes(v.wire)}, {len(v.wire)}, {v.code}, {v.detail}}},'
        for v in refused
    ]
    digests = [
        f"    {{{{{', '.join(map(str, row)) or '0'}}}, {len(row)}, {value}}},"
        for row, value in vectors.DIGESTS
    ]
    return "\n".join(
        [
            f"#define VECTOR_MODEL_ID 0x{vectors.MODEL_ID:08X}UL",
            f"#define VECTOR_SEED {seed}",
            f"#define VECTOR_INPUTS {vectors.INPUTS}",
            f"#define VECTOR_SESSION {vectors.SESSION}",
            "static const struct frame_vector { const char *name; uint8_t kind, session, seq; "
            "const uint8_t *payload;",
            "    uint8_t len; const uint8_t *wire; size_t wire_len; } frame_vectors[] = {",
            *frames,
            "};",
            "static const struct refusal_vector { const char *name; const uint8_t *wire; size_t "
            "wire_len;",
            "    uint8_t code, detail; } refusal_vectors[] = {",
            *refusals,
            "};",
            "static const struct { int16_t row[124]; uint8_t inputs; uint16_t digest; } "
            "digest_vectors[] = {",
            *digests,
            "};",
            "",
        ]
    )


def compile_c(
    folder: Path,
    compiler="gcc",
    language="c",
    standard="-std=c99",
    header: str | None = None,
    table: str | None = None,
) -> Path:
    """Path of tests/c/test_protocol.c as a program."""
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is missing: apt install g++")
    (folder / "vectors.h").write_text(table or c_table())
    (folder / "tinygen_protocol.h").write_text(
        header or firmware_text("include/tinygen_protocol.h")
    )
    program = folder / f"test_protocol_{language}"
    source = Path(__file__).parents[1] / "c" / "test_protocol.c"
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
            *LINK,
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
