"""What a row that is not plain becomes, from the cell of a CSV file to the board's answer: refused,
or flagged, never a plain OK.

Through the reader, the link and the real firmware, compiled for this computer; every case stands on
each of the model's columns.
"""

import io
import random
import subprocess
import sys
from decimal import Decimal, InvalidOperation

import pytest
from native_board import NativeBoard, native_link
from native_rows import MODEL, firmware  # noqa: F401 - a fixture
from tinygen.host.check import check, expect
from tinygen.host.protocol import MISSING_RAW, Flag, Pin
from tinygen.host.stream import stream

from tinygen.common.errors import DataError
from tinygen.data import read_table, rows_for

NAMES = [quantity.name for quantity in MODEL.inputs]
PLAIN = [str(sum(quantity.limits) // 2 or 1) for quantity in MODEL.inputs]
CODES = ("-200",)  # that mean "no value" here
GENERATED = {"commit": 2000, "release": 100_000}

NO_VALUE = [
    "",
    " ",
    "NA",
    "na",
    "N/A",
    "#N/A",
    "NaN",
    "nan",
    "NAN",
    "null",
    "NULL",
    "None",
    "-",
    "?",
    "-200",
    "-200.0",
    "-2e2",
    "inf",
    "-inf",
    "+inf",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1e999",
]
TEXT = [
    "warm",
    "12 degC",
    "1_000",
    "0x10",
    "1.2.3",
    "--5",
    "5%",
    "true",
    "N.A.",
    "#REF!",
    "1;2",
    "nan5",
    "٣",
    "½",
    "47.1%",
    "#####",
]


def beyond(quantity) -> list[str]:
    """Numbers outside the range the model accepts, and beyond int16."""
    low, high = quantity.limits
    return [
        str(low - 1),
        str(high + 1),
        f"{low - 1}.0",
        f"{high + 1}e0",
        str(3 * low),
        str(3 * high),
        "32767",
        "-32767",
        "32768",
        "-32768",
        "-32769",
        "40000",
        "-40000",
        "65535",
        "65536",
        "1e9",
        "-1e9",
        "2147483648",
        "1e300",
        "-1e300",
    ]


def within(quantity) -> list[str]:
    """Numbers that are as good as any: both ends of the range, zero, and ways to write them."""
    low, high = quantity.limits
    return [
        str(low),
        str(high),
        "0",
        "-0",
        "+1",
        "1.0",
        "1e0",
        "0.4",
        " 7 ",
        str(low + 1),
        str(high - 1),
    ]


def cells_for(column: int, cells: list[str]) -> str:
    """A CSV text with one row for each cell, in that column; the other columns hold plain
    values.
    """
    rows = [[*PLAIN[:column], f'"{cell}"', *PLAIN[column + 1 :]] for cell in cells]
    return "\n".join(map(",".join, [NAMES, *rows])) + "\n"


def raw_of(text: str):
    return rows_for(MODEL.inputs, read_table(io.BytesIO(text.encode()), "rows.csv", missing=CODES))[
        0
    ]


def results(board, raw) -> list:
    """The board's answers; each equals the twin's."""
    with native_link(board, MODEL) as link:
        replies = list(stream(link, raw.tolist()))
    assert check(replies, expect(MODEL, raw)).passed
    return [reply.result for reply in replies]


@pytest.mark.parametrize("column", range(len(NAMES)), ids=NAMES)
def test_each_case_on_each_column(firmware, figures, column):  # noqa: F811
    quantity = MODEL.inputs[column]
    missing, clamped = NO_VALUE, beyond(quantity)
    answers = results(NativeBoard(firmware), raw_of(cells_for(column, missing + clamped)))
    for cell, answer in zip(missing, answers):
        assert (answer.flags, answer.prediction, answer.pins) == (
            Flag.MISSING,
            MISSING_RAW,
            Pin(0),
        ), cell
    for cell, answer in zip(clamped, answers[len(missing) :]):
        assert answer.flags == Flag.CLAMPED and answer.pins != Pin(0), cell
    for cell in TEXT:  # beside a plain number: a column of 5% or true alone says what it means
        with pytest.raises(DataError, match=r"row 2, column 'sensor \d'"):
            raw_of(cells_for(column, [cell, "1"]))
    cases = len(missing) + len(clamped) + len(TEXT)
    figures(
        f"rows, column {column}",
        f"{cases} cases: {len(missing)} flagged MISSING, {len(clamped)} flagged CLAMPED, "
        f"{len(TEXT)} refused by name, 0 plain OK",
    )


@pytest.mark.parametrize("column", range(len(NAMES)), ids=NAMES)
def test_a_plain_row_is_plain(firmware, column):  # noqa: F811
    """Control: what is inside of the range has no flag, ends included."""
    cells = within(MODEL.inputs[column])
    assert {
        answer.flags for answer in results(NativeBoard(firmware), raw_of(cells_for(column, cells)))
    } == {Flag(0)}


def header_cases() -> list[tuple[str, str, str]]:
    """(name, CSV text, part of the message) of tables whose columns are not the model's; each on
    each column.
    """
    cases = []
    for column, name in enumerate(NAMES):
        others = [*NAMES[:column], *NAMES[column + 1 :]]
        values = ",".join(PLAIN)
        cases += [
            (
                f"{name} absent",
                f"{','.join(others)}\n{','.join(PLAIN[1:])}\n",
                f"no column '{name}'",
            ),
            (
                f"{name} misspelt",
                f"{','.join(NAMES).replace(name, name.replace('s', 'z', 1))}\n{values}\n",
                f"no column '{name}'",
            ),
            (
                f"{name} in capitals",
                f"{','.join(NAMES).replace(name, name.upper())}\n{values}\n",
                f"no column '{name}'",
            ),
            (f"{name} twice", f"{','.join([*NAMES, name])}\n{values},1\n", f"both named '{name}'"),
            (
                f"{name} twice, another absent",
                f"{','.join([*others[1:], name, name])}\n{values}\n",
                f"both named '{name}'",
            ),
            (
                f"row cut at {name}",
                f"{','.join(NAMES)}\n{values}\n{','.join(PLAIN[: column + 1])}\n"
                if column < len(NAMES) - 1
                else f"{','.join(NAMES)}\n{values}\n{','.join(PLAIN[1:])}\n",
                "1 cell, the header has 7" if not column else "cells, the header has 7",
            ),
            (
                f"row with {column + 1} cells too many",
                f"{','.join(NAMES)}\n{values}\n{values}{',1' * (column + 1)}\n",
                "cells, the header has 7",
            ),
        ]
    return cases


def test_columns_that_are_not_the_models(figures):
    cases = header_cases()
    for name, text, part in cases:
        with pytest.raises(DataError) as caught:
            raw_of(text)
        assert part in str(caught.value) and "\n" not in str(caught.value), name
    figures(
        "rows, columns",
        f"{len(cases)} tables with absent, misspelt, doubled columns and rows too short or too "
        "long: "
        "all refused by name",
    )


def test_another_order_of_columns_gives_the_same_rows():
    """Columns are found by name: every order, and a column more, is the same row; it is never read
    by place.
    """
    plain = raw_of(f"{','.join(NAMES)}\n{','.join(PLAIN)}\n").tolist()
    rng = random.Random(4)
    for _ in range(50):
        order = rng.sample(range(len(NAMES)), len(NAMES))
        assert (
            raw_of(
                f"{','.join(NAMES[i] for i in order)},more\n"
                f"{','.join(PLAIN[i] for i in order)},text\n"
            ).tolist()
            == plain
        )
    assert (
        raw_of(f"{','.join(reversed(NAMES))}\n{','.join(PLAIN)}\n").tolist() != plain
    )  # and the order does matter


# ---- generated ----


def any_cell(rng: random.Random) -> str:
    """A cell as files may have it: mostly numbers of all sizes, sometimes none."""
    return rng.choice(
        (
            lambda: str(rng.randrange(-1500, 1500)),
            lambda: f"{rng.uniform(-1500, 1500):.{rng.randrange(6)}f}",
            lambda: f"{rng.uniform(-9, 9):.3f}e{rng.randrange(-6, 12)}",
            lambda: str(rng.randrange(-70_000, 70_000)),
            lambda: rng.choice(NO_VALUE),
        )
    )()


def kind_of(cells: list[str]) -> Flag:
    """What the flags must be, from the texts alone: computed with decimals, without the reader."""
    missing = clamped = False
    for cell, quantity in zip(cells, MODEL.inputs):
        try:
            value = Decimal(cell)
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite() or value == -200 or abs(value) > Decimal("1.8e308"):
            missing = True
        else:
            low, high = quantity.limits
            clamped |= not low - Decimal("0.5") <= value < high + Decimal("0.5")
    return Flag.MISSING if missing else Flag.CLAMPED if clamped else Flag(0)


def test_generated_rows(firmware, figures, level):  # noqa: F811
    """No row with a cell that is no value in range is a plain OK, whatever the others are."""
    rng, n = random.Random(9), GENERATED[level]
    rows = [[any_cell(rng) if rng.random() < 0.15 else plain for plain in PLAIN] for _ in range(n)]
    raw = raw_of("\n".join(map(",".join, [NAMES, *rows])) + "\n")
    answers, expected = results(NativeBoard(firmware), raw), [kind_of(row) for row in rows]
    wrong = [
        (row, answer.flags, flags)
        for row, answer, flags in zip(rows, answers, expected)
        if answer.flags != flags
    ]
    assert not wrong, wrong[:3]
    counts = {flag: expected.count(flag) for flag in (Flag(0), Flag.CLAMPED, Flag.MISSING)}
    assert min(counts.values()) > n / 20
    figures(
        "rows, generated",
        f"{n:,}: {counts[Flag.CLAMPED]:,} CLAMPED and {counts[Flag.MISSING]:,} MISSING, all "
        "flagged; "
        f"{counts[Flag(0)]:,} plain",
    )


# ---- files of any size ----

BIG = {"commit": 20_000_000, "release": 1_000_000_000}  # bytes
# VmHWM, not getrusage: the latter remembers how large the process was that started this one
READ = """
import sys
from pathlib import Path
from tinygen.common.errors import DataError
from tinygen.data import load_table
try:
    print(load_table(sys.argv[1]).rows_read, "rows")
except DataError as error:
    print(error)
lines = Path("/proc/self/status").read_text().splitlines()
peak = next(line for line in lines if line.startswith("VmHWM"))
print(int(peak.split()[1]) // 1024)
"""


def test_a_big_file_is_read_or_refused_in_little_memory(tmp_path, figures, level):
    """A gigabyte: one line says that it is too many cells, and the memory stays below 200 MB."""
    block = ("13.6,48.9,0.7578,1046,1360,1268,-200,11.9\n" * 25_000).encode()
    path, size = tmp_path / "big.csv", 0
    with path.open("wb") as file:
        file.write(b"a,b,c,d,e,f,g,h\n")
        while size < BIG[level]:
            size += file.write(block)
    done = subprocess.run(
        [sys.executable, "-c", READ, path], capture_output=True, text=True, timeout=300
    )
    path.unlink()
    said, megabytes = done.stdout.splitlines()
    assert (
        said.startswith("big.csv has more than 16000000 cells (at least ")
        if size > 400_000_000
        else said == f"{size // len(block) * 25_000} rows"
    )
    assert int(megabytes) < 200
    figures(
        f"a file of {size // 1_000_000} MB",
        f"{said}; {megabytes} MB of memory at most, interpreter included",
    )


@pytest.mark.parametrize(
    "mistake",
    [
        {"flags = TINYGEN_CLAMPED": "flags = 0"},
        {"if (read_row(row)) {": "if (read_row(row) && false) {"},
    ],
    ids=["clamps in silence", "predicts what is missing"],
)
def test_a_board_that_says_ok_is_caught(tmp_path, mistake):
    """Negative control."""
    from native_board import compile_board

    flawed = compile_board(
        MODEL, tmp_path, ("-Wno-unused-function", "-Wno-unused-but-set-variable"), main=mistake
    )
    with pytest.raises(AssertionError):
        results(NativeBoard(flawed), raw_of(cells_for(2, [*beyond(MODEL.inputs[2]), *NO_VALUE])))
