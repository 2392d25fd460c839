"""The firmware's parser and dispatcher under libFuzzer with address and undefined-behaviour
sanitizers, and what it visits.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from native_board import FLAGS, NATIVE, edit
from native_rows import MODEL, OTHER
from needs import unavailable
from tinygen.host.framing import number_field

from tinygen.codegen.emit import emit_project
from tinygen.codegen.projects.together import emit_together
from tinygen.common.boards import find_board
from tinygen.model.fixedpoint import MISSING

C = Path(__file__).parents[1] / "c"
CORPUS = C / "corpus"
SEVERAL = "of two models"
RUNS = {"commit": 500_000, "release": 250_000_000}  # of each board
LONGEST = {"commit": 64, "release": 128}  # bytes of an input
HYSTERESIS = 3  # raw steps
BOARDS = {
    "plain": [],
    "remembering": [
        f"-DTINYGEN_ALARM_HYSTERESIS={HYSTERESIS}",
        "-DTINYGEN_ALARM_DEBOUNCE=2",
        "-DTINYGEN_ALARM_DARK_OUTSIDE=1",
    ],
}
FEATURES = (
    "-use_counters=0"  # how often an edge is taken does not count: that would take twice the time
)
# half of the pieces are whole frames, so that comparisons need not be traced: that would take half
# of the time
SANITIZE = [
    "-g",
    "-O2",
    "-fsanitize=fuzzer,address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-sanitize-coverage=trace-cmp",
]
COVER = ["-O0", "-fsanitize=fuzzer", "-fprofile-instr-generate", "-fcoverage-mapping"]
RUNTIME_SOURCES = ("src/main.cpp", "include/tinygen_protocol.h", "include/tinygen_alarm.h")


def compile_fuzzer(
    folder: Path, board: str = "plain", flags: list[str] = SANITIZE, **mistakes: dict[str, str]
) -> Path:
    """Path of the fuzzer; `main={before: after}` and `protocol=...` put mistakes into the
    firmware.
    """
    if not shutil.which("clang++"):
        unavailable("clang++ is missing: apt install clang")
    if board == SEVERAL:
        emit_together([MODEL, OTHER], folder, [find_board("uno")])
    else:
        emit_project(MODEL, folder)
    edit(folder / "src" / "main.cpp", mistakes.get("main", {}))
    edit(folder / "include" / "tinygen_protocol.h", mistakes.get("protocol", {}))
    common = [flag for flag in FLAGS if flag not in ("-shared", "-fPIC", "-O1")]
    done = subprocess.run(
        [
            "clang++",
            *flags,
            "-Wno-unknown-attributes",
            *BOARDS.get(board, []),
            *common,
            f"-I{NATIVE}",
            f"-I{folder / 'include'}",
            f"-I{folder / 'src'}",
            str(C / "fuzz_firmware.cpp"),
            str(NATIVE / "board.cpp"),
            "-o",
            str(folder / "fuzz"),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder / "fuzz"


# ---- inputs made by hand ----

WHOLE, BOUND, BURST = 1, 2, 0xE0  # as in fuzz_firmware.cpp
DAMAGED_FLASH, SETUP, BUSY, OUT_OF_REACH = 1, 2, 4, 8
HELLO, ROW, STATUS = 0x21, 0x23, 0x25


def piece(content: bytes, how: int = 0, seconds: int = 0) -> bytes:
    return bytes((how | seconds << 2, len(content))) + content


def frame(
    vt: int, payload: bytes = b"", session: int = 7, length: int | None = None, **options
) -> bytes:
    """A piece that becomes a frame."""
    body = bytes((vt, session, 1, len(payload) if length is None else length)) + payload
    return piece(body, WHOLE | (BOUND if vt == ROW else 0) | options.pop("how", 0), **options)


def rows(n: int) -> dict[str, list[bytes]]:
    """Payloads of `n` rows that the model accepts, of each kind of answer."""
    some = MODEL.sample_rows(4000, 3)
    some = some[(MODEL.saturate(some)[0] == some).all(axis=1)]
    answers, ends = MODEL.predict(some), MODEL.threshold - HYSTERESIS
    kinds = {
        "red": answers > MODEL.threshold,
        "between": (answers <= MODEL.threshold) & (answers > ends),
        "green": answers <= ends,
    }
    return {name: [payload(row) for row in some[chosen][:n]] for name, chosen in kinds.items()}


def payload(row) -> bytes:
    return b"".join(int(value).to_bytes(2, "little", signed=True) for value in row)


def inputs_by_hand() -> list[bytes]:
    """One input for each thing that a host may say or suffer."""
    row, limits, model_id = (
        rows(20),
        [q.limits for q in MODEL.inputs],
        MODEL.model_id.to_bytes(4, "little"),
    )
    red, between, green = (
        [frame(ROW, content) for content in row[name]] for name in ("red", "between", "green")
    )
    odd_rows = [
        frame(ROW, payload(values))
        for values in (
            [low - 1 for low, _ in limits],
            [high + 1 for _, high in limits],
            [MISSING] * len(limits),
        )
    ]
    # digests whose sum, and whose sum of sums, is 255 before it becomes 0: as sent, because a value
    # is missing
    odd_rows += [
        frame(ROW, payload([MISSING, value] + [0] * (len(limits) - 2))) for value in (0x7F, 0x0B00)
    ]
    talk = b"".join(
        [
            red[0],
            green[0],
            *odd_rows,
            frame(HELLO),
            frame(HELLO, model_id),
            frame(HELLO, bytes(4)),
            frame(HELLO, bytes(3)),
            frame(STATUS),
            frame(STATUS, bytes(2)),
            frame(0x22),
            frame(0x24),
            frame(0x3F),
            frame(0x41),
            frame(ROW, row["red"][0], session=8),
            frame(ROW, row["red"][0][2:]),
            frame(ROW, row["red"][0] * 2),
            frame(HELLO, length=5),
            piece(bytes(3)),
            piece(b"\0\xa5\0"),
            *[piece(b"\xff" * 100)] * 3,
            piece(b"\0"),
            piece(bytes((*range(0xA5, 256), *range(1, 20))), WHOLE),
        ]
    )
    alarm = b"".join(
        [*red[:5], *between[:5], *green[:2], *red[5:7], *green[2:8], *red[7:12], *[green[8]] * 3]
    )
    damage = piece(b"\1\2\0")
    return [
        b"\0",
        bytes((SETUP,)),
        bytes((SETUP | DAMAGED_FLASH,)) + talk,
        bytes((SETUP | OUT_OF_REACH,)) + talk,
        bytes((SETUP,)) + talk,
        bytes((BUSY,)) + red[0],
        b"\0" + alarm,
        b"\0" + red[0] + piece(b"", seconds=6) + green[0] + frame(STATUS, seconds=7),
        b"\0" + frame(ROW, row["red"][0], how=BURST) + red[1],
        b"\0" + damage * 2 + piece(b"\1\0", seconds=1) + damage + red[0] + damage * 2,
    ]


def inputs_of_several() -> list[bytes]:
    """The same for a board of two models, with frames of version 3."""
    hello, row, bound = 0x61, 0x63, WHOLE | BOUND
    first, other = (payload(model.sample_rows(1)[0]) for model in (MODEL, OTHER))
    fields = [number_field(0), number_field(1), number_field(2), b"\1\1"]
    talk = b"".join(frame(hello, field) for field in (b"", *fields, bytes(3)))
    talk += b"".join(frame(hello, model.model_id.to_bytes(4, "little")) for model in (MODEL, OTHER))
    pieces = [
        piece(bytes((row, 7, 1, len(field + values))) + field + values, bound)
        for field in fields
        for values in (first, other, b"")
    ]
    return [bytes((SETUP,)) + talk, b"\0" + b"".join(pieces), b"\0" + b"".join(pieces[::-1])]


def corpus(folder: Path, by_hand: list[bytes] | None = None) -> Path:
    """The inputs made by hand and those in the repository, in one folder."""
    shutil.copytree(CORPUS, folder / "corpus")
    for number, data in enumerate(by_hand or inputs_by_hand()):
        (folder / "corpus" / f"by_hand_{number}").write_bytes(data)
    return folder / "corpus"


# ---- no findings ----


def fuzz(
    program: Path, runs: int, *options: str, by_hand: list[bytes] | None = None
) -> tuple[int, str]:
    """(exit code, log) of a run; what it finds stays beside the program."""
    (program.parent / "found").mkdir()
    done = subprocess.run(
        [
            program,
            "found",
            corpus(program.parent, by_hand),
            f"-runs={runs}",
            *options,
            "-seed=1",
            "-print_final_stats=1",
        ],
        capture_output=True,
        text=True,
        cwd=program.parent,
        timeout=60 + runs / 20_000,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("board", BOARDS)
def test_no_input_breaks_the_firmware(tmp_path, figures, level, board):
    code, log = fuzz(
        compile_fuzzer(tmp_path, board), RUNS[level], f"-max_len={LONGEST[level]}", FEATURES
    )
    assert code == 0, log[-3000:]
    runs, rate = (
        int(re.search(rf"stat::{name}: +(\d+)", log)[1])
        for name in ("number_of_executed_units", "average_exec_per_sec")
    )
    assert runs >= RUNS[level]
    figures(
        f"libFuzzer, {board} alarm",
        f"{runs:,} runs under ASan and UBSan, {rate:,} a second: 0 findings",
    )


def test_no_input_breaks_a_firmware_of_several_models(tmp_path, figures, level):
    if level == "commit":
        pytest.skip("one more fuzzer, of a board of two models: --level release")
    code, log = fuzz(
        compile_fuzzer(tmp_path, SEVERAL),
        RUNS[level] // 10,
        f"-max_len={LONGEST[level]}",
        FEATURES,
        by_hand=inputs_of_several(),
    )
    assert code == 0, log[-3000:]
    figures("libFuzzer, two models", f"{RUNS[level] // 10:,} runs under ASan and UBSan: 0 findings")


def test_a_number_that_is_no_model_s_is_found(tmp_path, level):
    """Negative control: a parser that takes any number reads behind the table of models."""
    if level == "commit":
        pytest.skip("one more fuzzer, of a board of two models: --level release")
    flawed = {"from[0] < TINYGEN_MODELS && ": ""}
    program = compile_fuzzer(tmp_path, SEVERAL, protocol=flawed)
    code, log = fuzz(program, 1_000_000, by_hand=inputs_of_several())
    assert code != 0 and ("ERROR: AddressSanitizer" in log or "runtime error: " in log), log[-2000:]


@pytest.mark.parametrize(
    "mistake",
    [
        {"protocol": {"if (p->size < TINYGEN_BODY_MAX)\n": "if (p->size < 255u)\n"}},
        {"main": {"tinygen_get16(from + 2 * i)": "tinygen_get16(from + 20 * i)"}},
    ],
    ids=["writes beyond", "reads beyond"],
)
def test_an_access_beyond_a_buffer_is_found(tmp_path, mistake):
    """Negative control: each of these is found within seconds."""
    code, log = fuzz(compile_fuzzer(tmp_path, **mistake), 1_000_000, "-max_len=64")
    assert code != 0 and ("ERROR: AddressSanitizer" in log or "runtime error: " in log), log[-2000:]


# ---- every branch is visited ----


def branches(folder: Path, board: str, **mistakes) -> dict[tuple[str, str], bool]:
    """(file and place of a branch, its side) -> visited, for the corpus."""
    for tool in ("llvm-profdata", "llvm-cov"):
        if not shutil.which(tool):
            unavailable(f"{tool} is missing: apt install llvm")
    folder.mkdir()
    program = compile_fuzzer(folder, board, COVER, **mistakes)
    for command in (
        [program, *sorted(corpus(folder).iterdir())],
        ["llvm-profdata", "merge", "-sparse", "default.profraw", "-o", "profile"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
        assert done.returncode == 0, done.stderr[-2000:]
    found = {}
    for source in RUNTIME_SOURCES:
        shown = subprocess.run(
            [
                "llvm-cov",
                "show",
                "-show-branches=count",
                program,
                "-instr-profile=profile",
                folder / source,
            ],
            capture_output=True,
            text=True,
            cwd=folder,
            check=True,
        ).stdout
        for place, *counts in re.findall(
            r"Branch \((\d+:\d+)\): \[True: ([^,]+), False: ([^\]]+)\]", shown
        ):
            for side, count in zip(("true", "false"), counts):
                at = f"{source}:{place}", side
                found[at] = found.get(at, False) or count != "0"
    return found


def unvisited(folder: Path, **mistakes) -> tuple[int, list]:
    """(sides of branches in all, those that no board takes)."""
    both = [branches(folder / board, board, **mistakes) for board in BOARDS]
    visited = {at: any(one.get(at, False) for one in both) for one in both for at in one}
    return len(visited), [at for at, seen in visited.items() if not seen]


def test_every_branch_of_parser_and_dispatcher_is_visited(tmp_path, figures):
    """Branches whose condition is a constant on a board (an option of the alarm) count where they
    are none.
    """
    total, left = unvisited(tmp_path)
    assert left == [] and total > 140, left
    figures(
        "branches, corpus",
        f"{total} of {total} sides of main.cpp, tinygen_protocol.h and tinygen_alarm.h visited",
    )


def test_an_unvisited_branch_is_named(tmp_path):
    """Negative control: a branch that nothing reaches."""
    _, left = unvisited(
        tmp_path,
        main={
            "    rows_answered++;\n": "    if (++rows_answered == 123456789UL) rows_answered = 0;\n"
        },
    )
    assert [side for _, side in left] == ["true"] and left[0][0].startswith("src/main.cpp")
