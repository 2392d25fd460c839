"""Room 1: reading tables, choosing rows, splitting them, and the rows a finished model reads."""

import io
import time
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygen.common.errors import WRONG_USE, DataError, UsageError
from tinygen.data import dataset as data
from tinygen.data import table
from tinygen.data.dataset import folds, load, prepare, rows_for
from tinygen.data.table import read
from tinygen.model.fixedpoint import MISSING, Quantity

TASK_A = (
    "CO(GT)",
    "PT08.S1(CO)",
    "PT08.S2(NMHC)",
    "PT08.S3(NOx)",
    "PT08.S4(NO2)",
    "PT08.S5(O3)",
    "T",
    "RH",
    "AH",
)
TASK_B = ("PT08.S1(CO)", "PT08.S3(NOx)", "PT08.S4(NO2)", "PT08.S5(O3)", "T", "RH", "AH")
TASK_C = TASK_A[1:]


def parse(content, missing=(-200,)):
    """The table in a text or bytes."""
    return read(
        io.BytesIO(content.encode() if isinstance(content, str) else content), "rows.csv", missing
    )


def refused(call, *parts, error=DataError):
    """The call fails with one line that contains all parts, and the exit code of wrong use."""
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert caught.value.exit_code == WRONG_USE
    assert "\n" not in message and message.isprintable() and len(message) < 600
    for part in parts:
        assert part in message, message


def grid(rows=40, header="a,b,y", line=lambda i: f"{i},{i * i % 17},{3 * i}"):
    """A small good CSV text of distinct rows."""
    return "\n".join([header, *(line(i) for i in range(rows))]) + "\n"


def equal(one, other):
    """Whether two tables hold the same numbers under the same names."""
    return one.names == other.names and all(
        np.array_equal(one.columns[n], other.columns[n], equal_nan=True) for n in one.names
    )


# ---------------------------------------------------------------------------------- the real file


def test_real_file_is_read_as_it_stands(air_quality):
    rows = load(air_quality)
    assert (rows.rows_read, rows.blank_rows, len(rows.names), rows.unnamed) == (9357, 114, 15, 0)
    assert rows.time_names == ("Date", "Time")
    assert rows.time[0] == np.datetime64("2004-03-10T18:00:00") and rows.time[-1] == np.datetime64(
        "2005-04-04T14:00:00"
    )
    assert (np.diff(rows.time).astype(int) == 3600).all()
    assert (rows.file_rows[0], rows.file_rows[-1]) == (2, 9358)
    assert rows.columns["CO(GT)"][0] == 2.6 and rows.columns["AH"][0] == 0.7578
    missing = {name: int(np.isnan(rows.columns[name]).sum()) for name in TASK_C}
    assert set(missing.values()) == {366} and np.isnan(rows.columns["NMHC(GT)"]).sum() == 8443
    assert (
        np.isnan(np.column_stack([rows.columns[n] for n in rows.names[2:]])).any(axis=1).sum()
        == 8530
    )
    assert (rows.units["C6H6(GT)"], rows.units["T"], rows.units["RH"]) == ("ug/m3", "degC", "%")


@pytest.mark.parametrize(
    "target, inputs, complete, test_random, test_time",
    [
        ("C6H6(GT)", TASK_A, 7344, 1469, 2203),
        ("C6H6(GT)", TASK_B, 8991, 1798, 2697),
        ("NO2(GT)", TASK_C, 7393, 1479, 2218),
        ("NOx(GT)", TASK_C, 7396, 1479, 2219),
    ],
)
def test_real_tasks_have_their_known_rows(
    air_quality, target, inputs, complete, test_random, test_time
):
    rows = load(air_quality)
    for split, tests in (("random", test_random), ("time", test_time)):
        dataset = prepare(rows, target, inputs, split=split)
        assert (len(dataset.x), len(dataset.test), len(dataset.train)) == (
            complete,
            tests,
            complete - tests,
        )
        assert (dataset.rows_dropped, dataset.duplicates_removed) == (9357 - complete, 0)
        scales = {"CO(GT)": 0.1, "T": 0.1, "RH": 0.1, "AH": 0.0001, "C6H6(GT)": 0.1}
        assert [q.scale for q in (*dataset.inputs, dataset.target)] == [
            scales.get(n, 1.0) for n in (*inputs, target)
        ]


def test_raw_values_of_the_real_file_are_exact(air_quality):
    """Every raw integer, written with its scale's decimals, is the number that stands in the file."""
    dataset = prepare(load(air_quality), "C6H6(GT)", TASK_A)
    lines = air_quality.read_text().splitlines()
    titles = lines[0].split(";")
    decimals = {1.0: 0, 0.1: 1, 0.0001: 4}
    for row in range(0, len(dataset.x), 97):
        cells = dict(zip(titles, lines[dataset.file_rows[row] - 1].split(";")))
        for quantity, raw in zip(
            (*dataset.inputs, dataset.target), (*dataset.x[row], dataset.y[row])
        ):
            assert int(raw) == round(
                float(cells[quantity.name].replace(",", ".")) * 10 ** decimals[quantity.scale]
            )


def test_article_task_by_dropping_columns(air_quality):
    rows = load(air_quality)
    dropped = prepare(rows, "C6H6(GT)", drop=("NMHC(GT)", "NOx(GT)", "NO2(GT)"))
    named = prepare(rows, "C6H6(GT)", TASK_A)
    assert (
        dropped.inputs == named.inputs
        and np.array_equal(dropped.x, named.x)
        and np.array_equal(dropped.test, named.test)
    )
    assert "column 'CO(GT)' alone costs 1647 rows" in " ".join(named.notes)


def test_real_file_is_read_quickly(air_quality):
    def seconds():
        start = time.process_time()
        prepare(load(air_quality), "C6H6(GT)", TASK_A)
        return time.process_time() - start

    assert min(seconds() for _ in range(3)) < 0.5


# ------------------------------------------------------------------------------ forms of CSV files

NUMBERS = (
    "naïve,b,when\n1.5,-2,2024-01-01 00:00\n2.25,3e2,2024-01-01 01:00\n-200,4,2024-01-01 02:00\n"
)
EUROPEAN = (
    "naïve;b;when\n1,5;-2;2024-01-01 00:00\n2,25;3e2;2024-01-01 01:00\n-200;4;2024-01-01 02:00\n"
)
FORMS = {
    "utf-8": NUMBERS.encode(),
    "bom": b"\xef\xbb\xbf" + NUMBERS.encode(),
    "utf-16": NUMBERS.encode("utf-16"),
    "utf-16 big": b"\xfe\xff" + NUMBERS.encode("utf-16-be"),
    "utf-16-le without mark": NUMBERS.encode("utf-16-le"),
    "utf-16-be without mark": NUMBERS.encode("utf-16-be"),
    "latin-1": NUMBERS.encode("latin-1"),
    "crlf": NUMBERS.replace("\n", "\r\n").encode(),
    "cr": NUMBERS.replace("\n", "\r").encode(),
    "no last line end": NUMBERS.rstrip().encode(),
    "tabs": NUMBERS.replace(",", "\t").encode(),
    "tabs, decimal comma": EUROPEAN.replace(";", "\t").encode(),
    "semicolons": NUMBERS.replace(",", ";").encode(),
    "semicolons, decimal comma": EUROPEAN.encode(),
    "quotes": "".join(
        ",".join(f'"{c}"' for c in line.split(",")) + "\n" for line in NUMBERS.splitlines()
    ).encode(),
    "quoted decimal comma": b'na\xc3\xafve,b,when\n"1,5",-2,2024-01-01 00:00\n"2,25",3e2,2024-01-01 01:00\n'
    b"-200,4,2024-01-01 02:00\n",
    "spaces": NUMBERS.replace(",", " , ").encode(),
    "blank rows": NUMBERS.replace("\n", "\n,,\n\n").encode(),
    "trailing empty columns": NUMBERS.replace("\n", ",,\n").encode(),
    "trailing empty cells, not in the header": NUMBERS.replace("\n", ",,\n")
    .replace("when,,", "when")
    .encode(),
    "trailing zeros": NUMBERS.replace("1.5,", "1.500,").encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_numbers_from_every_form(form):
    rows = parse(FORMS[form])
    assert equal(rows, parse(NUMBERS))
    assert rows.names == ("naïve", "b", "when") and rows.rows_read == 3 and rows.unnamed == 0
    assert rows.decimals["naïve"] == 2 and rows.decimals["b"] == 0
    assert rows.columns["naïve"][:2].tolist() == [1.5, 2.25] and np.isnan(rows.columns["naïve"][2])
    assert rows.columns["b"].tolist() == [-2.0, 300.0, 4.0]
    assert rows.time[1] == np.datetime64("2024-01-01T01:00")


def test_latin_1_may_end_in_half_a_utf_8_character():
    assert parse(b"a,b\n1,2\n3,\xe9").texts["b"].text == "é"


def test_the_comparison_of_forms_can_fail():
    assert not equal(parse(NUMBERS), parse(NUMBERS.replace("2.25", "2.26")))
    assert not equal(parse(NUMBERS), parse(NUMBERS.replace("-200", "-199")))


def test_delimiter_by_agreement_of_header_and_row():
    assert parse("T, degC;RH, %;x\n1;2;3\n").names == ("T, degC", "RH, %", "x")
    assert parse("a;b,c\n1;2\n").names == ("a", "b,c")
    assert parse('"a;b",c\n1,2\n').names == ("a;b", "c")
    assert parse("only\n1\n").names == ("only",)


def test_decimal_mark_is_one_for_the_file():
    rows = parse("a;b;clock\n1,5;2;18.00\n2,5;3;19.00\n")
    assert rows.columns["a"].tolist() == [1.5, 2.5] and rows.texts["clock"].text == "18.00"
    assert parse("a;b\n1;2\n3;4\n").columns["a"].tolist() == [1.0, 3.0]
    late = "a;b\n" + "1;2\n" * 2500 + "1,25;3\n"
    assert parse(late).columns["a"][-1] == 1.25 and parse(late).decimals["a"] == 2
    later = "a;b\n1,5;2\n" + "1;2\n" * 1500 + "1.5;2\n" * 3
    assert parse(later).texts["a"] == table.TextCells(
        3, 1503, "1.5"
    )  # a later block does not change the mark
    assert parse("a;b\n1,5;1.5\n2,5;2\n").texts["b"].text == "1.5"
    assert parse('a,b\n"1,5",1.5\n"2,5",2\n').texts["a"].text == "1,5"
    assert parse("a;b;c\n1,5;18.00;1\n2;19.00;2,5\n3;20.00;3\n").columns["a"].tolist() == [
        1.5,
        2.0,
        3.0,
    ]


def test_thousands_are_not_taken_for_decimals():
    rows = parse('a,b\n"1,500",2\n"2,750",3\n')
    assert rows.texts["a"].text == "1,500" and rows.texts["a"].count == 2
    assert parse('a,b\n"0,758",2\n').columns["a"][0] == 0.758


def test_missing_cells_and_codes():
    rows = parse("a,b\n-200,1\n-200.0,2\nNaN,3\n,4\nn/a,5\n7,6\n")
    assert np.isnan(rows.columns["a"][:5]).all() and rows.columns["a"][5] == 7.0
    coded = parse("a,b\n-200,1\n999,2\nERR,3\n7,4\n", missing=("999", "ERR", "nan"))
    assert coded.missing == (999.0, "ERR") and coded.columns["a"][[0, 3]].tolist() == [-200.0, 7.0]
    assert np.isnan(coded.columns["a"][1:3]).all() and "a" not in coded.texts
    assert parse("a,b\n-200,1\n", missing=()).columns["a"][0] == -200.0


@pytest.mark.parametrize(
    "text, value, decimals",
    [
        ("13.60", 13.6, 1),
        ("100", 100.0, 0),
        ("1e3", 1000.0, 0),
        ("1.50e-2", 0.015, 3),
        ("+4.", 4.0, 0),
        (".5", 0.5, 1),
        ("0.000", 0.0, 0),
        ("1e-999", 0.0, 300),
    ],
)
def test_numbers_and_their_decimal_places(text, value, decimals):
    rows = parse(f"a,b\n{text},1\n")
    assert (rows.columns["a"][0], rows.decimals["a"]) == (value, decimals)


@pytest.mark.parametrize(
    "text", ["1_000", "٣", "0x10", "1 2", "1.2.3", "--1", "1e", "e5", "12°", "$4", "1.5f", "True"]
)
def test_what_is_not_a_number_is_text(text):
    rows = parse(f"a,b\n{text},1\n")
    assert rows.texts["a"] == table.TextCells(1, 2, text) and np.isnan(rows.columns["a"][0])


def test_units_from_the_header_and_from_the_description():
    rows = parse("temp [degC],p [hPa],T\n1,2,3\n")
    assert rows.names == ("temp", "p", "T") and rows.units == {"temp": "degC", "p": "hPa", "T": ""}
    twice = parse("temp [degC],temp [degF]\n1,2\n")
    assert twice.names == ("temp [degC]", "temp [degF]") and twice.units["temp [degF]"] == "degF"
    assert table.require_column(rows, "temp [degC]") == "temp"


def test_unnamed_columns_are_counted_if_they_hold_something():
    rows = parse(",a,b,\n0,1,2,\n1,3,4,\n")
    assert rows.names == ("a", "b") and rows.unnamed == 1


@pytest.mark.parametrize(
    "header, cells, expected",
    [
        ("Date;Time;a", "10/03/2004;18.00.00;1", "2004-03-10T18:00:00"),
        ("time;a;date", "18:30;1;10.03.2004", "2004-03-10T18:30:00"),
        ("when;a;b", "2004-03-10T18:00:00Z;1;2", "2004-03-10T18:00:00"),
        ("when;a;b", "2004-03-10 18:00:00.250+02:00;1;2", "2004-03-10T16:00:00"),
        ("a;b;day", "1;2;2004/3/9", "2004-03-09T00:00:00"),
        ("a;b;day", "1;2;03/13/2004", "2004-03-13T00:00:00"),
    ],
)
def test_times_that_are_recognised(header, cells, expected):
    assert parse(f"{header}\n{cells}\n").time.tolist() == [np.datetime64(expected).item()]


def test_a_row_without_a_date_means_file_order():
    rows = parse("when,a,b\n2024-01-02,1,2\n" * 1 + "2024-01-02,1,2\n" * 1500 + ",1,2\n")
    assert rows.time is None and rows.time_names == ("when",)
    assert parse("a,b\n2024,1\n2025,2\n").time is None  # a year is a number, not a date
    assert parse("when,b\n31/02/2024,1\n").time is None


# ------------------------------------------------------------------------- files that are no tables


@pytest.mark.parametrize(
    "content, parts",
    [
        (b"", ["rows.csv is empty"]),
        (b"\n\n   \n", ["rows.csv has no content"]),
        (b"\xef\xbb\xbf", ["no content"]),
        (b"a,b\n", ["a header but no rows"]),
        (b"a,b\n1,2\n3\x00,4\n", ["row 3", "NUL"]),
        (b"\x00" * 4096, ["NUL"]),
        (b"a,b\n1,2\n1,2,3\n", ["row 3 has 3 cells, the header has 2"]),
        (b"a,b\n1,2\n\n3\n", ["row 4 has 1 cells, the header has 2"]),
        (b'a,b\n1,2\n"3,4\n5,6\n', ["row 4", "quotes"]),
        (b'a,b\n1,"2"3\n', ["row 2", "quotes"]),
        (b"1,2\n3,4\n", ["row 1 holds numbers only"]),
        (b"1,5;2\n3;4\n", ["row 1 holds numbers only"]),
        (b"a,b,a\n1,2,3\n", ["columns 1 and 3 are both named 'a'"]),
        (b"a [V],a [V]\n1,2\n", ["columns 1 and 2 are both named 'a [V]'"]),
        (b"a" * 300 + b",b\n1,2\n", ["300 characters", "limit is 200"]),
        (b"\xff\xfea\x00,\x00b\x00\n\x00\x00\xd8", ["utf-16"]),
        (b",".join(b"c%d" % i for i in range(1500)) + b"\n", ["1500 columns", "limit is 1000"]),
    ],
    ids=lambda value: value[:12] if isinstance(value, bytes) else "",
)
def test_files_that_are_no_tables(content, parts):
    refused(lambda: parse(content), *parts)


def test_too_many_cells(monkeypatch):
    monkeypatch.setattr(table, "MAXIMUM_CELLS", 3000)
    parse("a,b\n" + "1,2\n" * 1500)
    refused(
        lambda: parse("a,b\n" + "1,2\n" * 1501),
        "more than 3000 cells",
        "row 1502",
        "keep fewer rows",
    )


def test_files_that_are_not_there(tmp_path):
    (tmp_path / "sensors.csv").write_text(grid())
    refused(
        lambda: load(tmp_path / "sensor.csv"),
        "sensor.csv does not exist",
        "'sensors.csv' beside it",
    )
    refused(lambda: load(tmp_path / "no" / "x.csv"), "does not exist")
    refused(lambda: load(tmp_path), "is a folder")
    refused(lambda: load("/dev/zero"), "not a regular file")
    refused(lambda: load(tmp_path / ("x" * 300)), "cannot be read")
    refused(lambda: load(tmp_path / "a\x1b[31m\nb.csv"), r"a\x1b[31m\nb.csv does not exist")
    assert load(tmp_path / "sensors.csv").path_name == "sensors.csv"


def test_one_line_of_100_megabytes_stays_out_of_memory(tmp_path):
    path = tmp_path / "long.csv"
    with path.open("wb") as stream:
        stream.write(b"a,b\n")
        for _ in range(100):
            stream.write(b"1" * 1_000_000)
    tracemalloc.start()
    refused(lambda: load(path), "row 2 is longer than 1048576 characters")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000


def test_an_open_quote_stays_out_of_memory():
    refused(lambda: parse(b'a,b\n1,"2\n' + b"3,4\n" * 100_000), "field limit", "quotes")


PIECES = [
    "",
    "nan",
    "inf",
    "1e400",
    "1e-400",
    "1e308",
    "5e-324",
    "9" * 30,
    "-200",
    "text",
    "\x00",
    '"',
    '""',
    ",",
    ";",
    "\t",
    "\n",
    "\r",
    "1,5",
    "1.5",
    "\u202e",
    "\x1b[0m",
    "31/12/2024",
    "0001-01-01T00:00:00+14:00",
    "[",
    "]",
]
DAMAGE = st.lists(
    st.tuples(st.integers(0, 700), st.sampled_from([0, 0, 1, 1, 20]), st.sampled_from(PIECES)),
    max_size=6,
)


@pytest.mark.filterwarnings("error")
@settings(max_examples=300, derandomize=True, deadline=None)
@given(DAMAGE, st.sampled_from(["utf-8", "utf-16", "utf-16-le", "latin-1"]))
def test_a_damaged_table_is_read_or_refused_in_one_line(damage, encoding):
    text = grid(
        40, "when,a [V],b,y", lambda i: f"2024-01-{i % 28 + 1:02},{i / 10},{i * i % 17},{3 * i}"
    )
    for position, length, piece in damage:
        text = text[:position] + piece + text[position + length :]
    try:
        rows = parse(text.encode(encoding, "replace"))
        raw, _ = rows_for([Quantity("a", "V", 0.1, 0.0, 4.0)], rows)
        finite = np.isfinite(rows.columns["a"])
        assert (raw[~finite] == MISSING).all() and (np.abs(raw[finite]) <= 32767).all()
        dataset = prepare(rows, "y")
        assert max(np.abs(dataset.x).max(), np.abs(dataset.y).max()) <= 32767
    except DataError as error:
        assert str(error).isprintable() and len(str(error)) < 400


# ------------------------------------------------------------------------------------- what is used


def test_rows_are_dropped_by_the_used_columns_only():
    rows = parse(
        grid(
            60, "a,b,c,y", lambda i: f"{i},{'' if i < 5 else i * i},{-200 if i % 2 else i},{3 * i}"
        )
    )
    used = prepare(rows, "y", ["a", "b"])
    assert (used.rows_read, used.rows_dropped, len(used.x)) == (60, 5, 55)
    assert prepare(rows, "y", ["a", "b", "c"]).rows_dropped == 33
    assert "column 'c' alone costs 28 rows" in " ".join(prepare(rows, "y").notes)
    assert used.file_rows[0] == 7 and used.x[0].tolist() == [5, 25] and used.y[0] == 15


def test_inputs_keep_the_order_asked_for():
    dataset = prepare(parse(grid()), "y", ["b", "a"])
    assert [q.name for q in dataset.inputs] == ["b", "a"] and dataset.x[5].tolist() == [8, 5]


def test_all_others_leaves_out_what_is_no_reading_and_says_so():
    header = ",when,site,empty,fixed,a,b,time,y"
    rows = parse(
        grid(40, header, lambda i: f"{i},2024-01-{i % 28 + 1:02},north,,7,{i},{i * i},{i},{3 * i}")
    )
    dataset = prepare(rows, "y")
    assert [q.name for q in dataset.inputs] == ["a", "b"] and dataset.rows_dropped == 0
    notes = "\n".join(dataset.notes)
    for part in (
        "'when' left out: it is a date",
        "'site' left out: it holds text",
        "'empty' left out: all its values",
        "'fixed' left out: it is constant",
        "'time' left out: it is a date",
        "1 columns without a name",
    ):
        assert part in notes


def test_a_constant_column_gives_its_lost_rows_back():
    rows = parse(grid(60, "a,b,y", lambda i: f"{i},{'' if i < 30 else 5},{3 * i}"))
    dataset = prepare(rows, "y")
    assert [q.name for q in dataset.inputs] == ["a"] and dataset.rows_dropped == 0


def test_columns_that_do_not_serve():
    rows = parse(
        grid(
            40,
            "a,b,fixed,none,y,t",
            lambda i: f"{i},{i if i else 'bad' + chr(27)},7,,{3 * i},2024-01-01",
        )
    )
    refused(lambda: prepare(rows, "z"), "no column 'z'", "nearest")
    refused(lambda: prepare(rows, "Y2"), "no column 'Y2'", "nearest of its 6 columns is 'y'")
    refused(lambda: prepare(rows, "y", ["a", "nine"]), "no column 'nine'", "'none'")
    refused(lambda: prepare(rows, "y", drop=["fixd"]), "no column 'fixd'", "'fixed'")
    refused(
        lambda: prepare(rows, "y", ["a", "b"]),
        "row 2, column 'b'",
        r"'bad\x1b' is not a number",
        "--missing",
    )
    refused(
        lambda: prepare(rows, "y"), "row 2, column 'b'"
    )  # one text does not make it a text column
    refused(lambda: prepare(rows, "b", ["a"]), "row 2, column 'b'")
    refused(lambda: prepare(rows, "y", ["a", "y"]), "'y' is the target and an input")
    refused(lambda: prepare(rows, "y", ["a", "a"]), "'a' is named 2 times")
    refused(lambda: prepare(rows, "y", ["a", "fixed"]), "input 'fixed' is constant")
    refused(lambda: prepare(rows, "fixed", ["a"]), "target 'fixed' is constant")
    refused(
        lambda: prepare(rows, "y", ["none"]), "0 of them usable", "column 'none' is missing in 40"
    )
    refused(lambda: prepare(rows, "none", ["a"]), "0 of them usable", "column 'none'")
    refused(lambda: prepare(rows, "t", ["a"]), "row 2, column 't'", "'2024-01-01' is not a number")
    refused(lambda: prepare(rows, "y", []), "no input for target 'y'")
    refused(
        lambda: prepare(rows, "y", drop=["a", "b", "fixed", "none", "t"]), "no input for target 'y'"
    )
    refused(lambda: prepare(rows, "y", ["a"], drop=["b"]), "exclude each other", error=UsageError)
    assert [q.name for q in prepare(rows, "y", ["a"]).inputs] == ["a"]


@pytest.mark.parametrize("text", ["inf", "-Infinity", "1e400"])
def test_infinite_values_are_refused_and_nan_is_missing(text):
    rows = parse(grid(40, line=lambda i: f"{i},{text if i == 9 else i * i},{3 * i}"))
    refused(lambda: prepare(rows, "y", ["a", "b"]), "row 11, column 'b'", "infinite")
    refused(lambda: prepare(rows, "b", ["a"]), "row 11, column 'b'")
    assert len(prepare(rows, "y", ["a"]).x) == 40
    assert (
        prepare(
            parse(grid(40, line=lambda i: f"{i},{'nan' if i == 9 else i * i},{3 * i}")), "y"
        ).rows_dropped
        == 1
    )


def test_too_few_rows():
    refused(lambda: prepare(parse(grid(19)), "y"), "19 rows: at least 20")
    assert len(prepare(parse(grid(20)), "y").x) == 20
    refused(
        lambda: prepare(parse(grid(19) + grid(19).split("\n", 1)[1]), "y"),
        "38 rows, 19 of them usable",
        "19 of them are duplicates",
    )
    refused(lambda: prepare(parse(grid(20)), "y", test_fraction=0.9), "2 training", "at least 10")
    refused(lambda: prepare(parse(grid(20)), "y", test_fraction=0.01), "0 test rows")
    one_moment = parse(grid(40, "when,a,y", lambda i: f"2024-01-01,{i},{3 * i}"))
    refused(lambda: prepare(one_moment, "y", split="time"), "0 test rows")


def test_settings_that_do_not_exist():
    rows = parse(grid())
    refused(
        lambda: prepare(rows, "y", split="chrono"), "'chrono'", "random or time", error=UsageError
    )
    refused(lambda: prepare(rows, "y", seed=-1), "seed -1", error=UsageError)
    for fraction in (0.0, 1.0, float("nan")):
        refused(
            lambda: prepare(rows, "y", test_fraction=fraction), "between 0 and 1", error=UsageError
        )
    refused(lambda: folds(prepare(rows, "y"), 1), "1 folds", error=UsageError)
    refused(lambda: folds(prepare(rows, "y"), 17), "17 folds", error=UsageError)


def test_units_given_come_first():
    dataset = prepare(parse(grid(header="a [V],b [degC],y")), "y", units={"a": "mV", "y": "ppm"})
    assert [q.unit for q in (*dataset.inputs, dataset.target)] == ["mV", "degC", "ppm"]
    refused(lambda: prepare(parse(grid()), "y", units={"c": "V"}), "no column 'c'")


# -------------------------------------------------------------------------------------------- scale


@pytest.mark.parametrize(
    "largest, decimals, scale",
    [
        (13.6, 1, 0.1),
        (2040.0, 0, 1.0),
        (32767.0, 0, 1.0),
        (32767.4, 1, 1.0),
        (32767.5, 1, 10.0),
        (32768.0, 0, 10.0),
        (3276.7, 1, 0.1),
        (3276.8, 1, 1.0),
        (101325.0, 0, 10.0),
        (0.0, 3, 0.001),
        (1e300, 0, 1e296),
        (1e10, 300, 1e6),
    ],
)
def test_scale_is_the_resolution_or_what_fits(largest, decimals, scale):
    assert data.scale_for(largest, decimals) == scale
    assert np.floor(largest / scale + 0.5) <= 32767


def test_a_coarser_scale_is_noted():
    rows = parse(grid(40, line=lambda i: f"{101325 + 13 * i},{i / 100},{3 * i}.50"))
    dataset = prepare(rows, "y")
    assert [q.scale for q in (*dataset.inputs, dataset.target)] == [10.0, 0.01, 0.1]
    assert "column 'a' is stored in steps of 10 instead of its own 1" in dataset.notes[0]
    assert dataset.x[1].tolist() == [10134, 1] and dataset.y[1] == 35  # 101338, 0.01, 3.50
    assert prepare(parse(grid()), "y").notes == ()


def test_ranges_are_those_of_the_training_rows():
    for split in ("random", "time"):
        dataset = prepare(
            parse(grid(50, line=lambda i: f"{i / 10},{i * i % 17},{3 * i}")), "y", split=split
        )
        for quantity, column in zip((*dataset.inputs, dataset.target), (*dataset.x.T, dataset.y)):
            trained = column[dataset.train]
            assert (quantity.raw_minimum, quantity.raw_maximum) == (trained.min(), trained.max())
    assert dataset.inputs[0].maximum == 3.4  # by time, the largest values are in the test rows


# ------------------------------------------------------------------------------------------- splits


def keys(dataset, index):
    return set(map(tuple, np.column_stack([dataset.x, dataset.y])[index].tolist()))


@pytest.mark.parametrize("split", ["random", "time"])
def test_train_and_test_share_no_row(split):
    text = grid(40) + grid(30).split("\n", 1)[1] + grid(50).split("\n", 1)[1]
    dataset = prepare(parse(text), "y", split=split)
    assert (
        dataset.rows_read,
        dataset.rows_dropped,
        dataset.duplicates_removed,
        len(dataset.x),
    ) == (120, 0, 70, 50)
    assert sorted([*dataset.train, *dataset.test]) == list(range(50))
    assert not keys(dataset, dataset.train) & keys(dataset, dataset.test)
    assert dataset.file_rows.tolist() == [*range(2, 42), *range(112, 122)]


def test_the_check_for_shared_rows_can_fail():
    dataset = prepare(parse(grid(40)), "y")
    doubled = replace(dataset, x=np.concatenate([dataset.x] * 2), y=np.concatenate([dataset.y] * 2))
    assert keys(doubled, dataset.train) & keys(doubled, dataset.train + 40)


def test_equal_readings_with_another_target_are_no_duplicates():
    rows = parse(grid(40, "a,y", lambda i: f"{i // 2},{i}"))
    assert prepare(rows, "y").duplicates_removed == 0


def test_random_split_depends_on_the_seed_only():
    rows = parse(grid(100))
    one, again, other = (
        prepare(rows, "y", seed=3),
        prepare(rows, "y", seed=3),
        prepare(rows, "y", seed=4),
    )
    assert np.array_equal(one.test, again.test) and not np.array_equal(one.test, other.test)
    assert len(one.test) == 20 and (np.diff(one.test) > 0).all() and (np.diff(one.train) > 0).all()
    assert len(prepare(rows, "y", test_fraction=0.33).test) == 33


def shuffled_days(rows=90):
    """Rows of different days, not in their order in the file; column a counts the days."""
    order = np.random.default_rng(1).permutation(rows)
    return parse(
        grid(
            rows,
            "when,a,y",
            lambda i: f"{np.datetime64('2024-01-01') + order[i]},{order[i]},{3 * order[i]}",
        )
    )


def test_time_split_follows_the_clock_not_the_file():
    dataset = prepare(shuffled_days(), "y", split="time")
    assert dataset.x[dataset.train, 0].tolist() == list(range(63)) and dataset.x[
        dataset.test, 0
    ].tolist() == list(range(63, 90))
    assert dataset.time[dataset.train].max() < dataset.time[dataset.test].min()
    random = prepare(shuffled_days(), "y")
    assert (
        random.time[random.train].max() > random.time[random.test].min()
    )  # the check above can fail


def test_time_split_without_dates_follows_the_file_and_says_so():
    dataset = prepare(parse(grid(100)), "y", split="time")
    assert dataset.train.tolist() == list(range(70)) and dataset.test.tolist() == list(
        range(70, 100)
    )
    assert "order of rows" in dataset.notes[0]
    assert not prepare(shuffled_days(), "y", split="time").notes[1:]


def test_rows_of_one_moment_stay_on_one_side():
    rows = parse(grid(100, "when,a,y", lambda i: f"2024-01-{i // 8 + 1:02},{i},{3 * i}"))
    dataset = prepare(rows, "y", split="time")
    assert (len(dataset.train), len(dataset.test)) == (72, 28)


def test_random_folds_validate_each_training_row_once():
    dataset = prepare(parse(grid(103)), "y", seed=5)
    pairs = folds(dataset, 5)
    assert (
        len(pairs) == 5 and sorted(np.concatenate([v for _, v in pairs])) == dataset.train.tolist()
    )
    for fit_on, validate in pairs:
        assert not set(fit_on) & set(validate) and set(fit_on) | set(validate) == set(dataset.train)
        assert not set(validate) & set(dataset.test)
    assert [v.tolist() for _, v in pairs] == [v.tolist() for _, v in folds(dataset, 5)]
    assert all(
        validate[-1] - validate[0] > 50 for _, validate in pairs
    )  # shuffled, not blocks of about 20


def test_time_folds_roll_forward():
    dataset = prepare(shuffled_days(), "y", split="time")
    pairs = folds(dataset, 4)
    assert len(pairs) == 4
    for fit_on, validate in pairs:
        assert dataset.time[fit_on].max() < dataset.time[validate].min()
        assert set(fit_on) | set(validate) <= set(dataset.train)
    assert [len(fit_on) for fit_on, _ in pairs] == [13, 26, 39, 51] and sum(
        len(v) for _, v in pairs
    ) == 50


# --------------------------------------------------------------------------- rows for a given model

MODEL = (Quantity("T", "degC", 0.1, 0.0, 40.0), Quantity("RH", "%", 0.1, 0.0, 100.0))


def test_rows_are_found_by_name_in_any_order():
    expected = [[136, 489], [-5, 477]]
    for text in ("T,RH\n13.6,48.9\n-0.5,47.7\n", "x;RH [%];T [degC]\n;48,9;13,6\nq;47,7;-0,5\n"):
        raw, notes = rows_for(MODEL, parse(text))
        assert raw.dtype == np.int64 and raw.tolist() == expected and notes == ()


@pytest.mark.parametrize("column", [0, 1])
@pytest.mark.parametrize(
    "cell, raw",
    [
        ("", MISSING),
        ("NaN", MISSING),
        ("inf", MISSING),
        ("-inf", MISSING),
        ("-200", MISSING),
        ("-200.0", MISSING),
        ("NA", MISSING),
        ("1e999", MISSING),
        ("-1e999", MISSING),
        ("3276.7", 32767),
        ("3276.8", 32767),
        ("-3276.7", -32767),
        ("-3276.8", -32767),
        ("-3276.85", -32767),
        ("1e9", 32767),
        ("-1e9", -32767),
        ("0", 0),
        ("-0.05", 0),
        ("0.05", 1),
        ("40.1", 401),
    ],
)
def test_each_cell_on_each_column(column, cell, raw):
    cells = ["20.0", "50.0"]
    cells[column] = cell
    answer, notes = rows_for(MODEL, parse(f"T,RH\n{','.join(cells)}\n"))
    expected = [200, 500]
    expected[column] = raw
    assert answer.tolist() == [expected]
    assert bool(notes) == (
        raw == MISSING or cell in ("-0.05", "0.05") or abs(float(cell)) >= 3276.75
    )


@pytest.mark.parametrize(
    "text, parts",
    [
        ("T\n1\n", ["no column 'RH'", "nearest of its 1 columns is 'T'"]),
        ("T,rh\n1,2\n", ["no column 'RH'", "'rh'"]),
        ("T,RH,T\n1,2,3\n", ["both named 'T'"]),
        ("T,RH\n1,2\nwarm,3\n", ["row 3, column 'T'", "'warm'"]),
        ("T,RH\n1,2\n1,2,3\n", ["row 3 has 3 cells"]),
        ("T,RH\n1\n", ["row 2 has 1 cells"]),
    ],
)
def test_tables_that_do_not_fit_the_model(text, parts):
    refused(lambda: rows_for(MODEL, parse(text)), *parts)


def test_notes_say_what_changed():
    _, notes = rows_for(MODEL, parse("T [degF],RH\n1.25,\n9999,-200\n"))
    text = "\n".join(notes)
    for part in (
        "'T' is in 'degF', the model was trained in 'degC'",
        "'T': 1 values lie beyond 3276.7",
        "'T': values are rounded to the model's step of 0.1",
        "'RH': 2 of 2 values are missing",
    ):
        assert part in text


def test_a_data_sets_own_rows_come_back(air_quality):
    rows = load(air_quality)
    dataset = prepare(rows, "C6H6(GT)", TASK_B)
    raw, _ = rows_for(dataset.inputs, rows)
    assert np.array_equal(raw[dataset.file_rows - 2], dataset.x)
    assert (raw == MISSING).any(axis=1).sum() == 366
