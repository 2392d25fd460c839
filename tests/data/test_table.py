"""Reading tables: every form of CSV file, and one line where a file is no table."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import equal, grid, parse, refused

from tinygen.common.errors import DataError
from tinygen.data import load_table, prepare, rows_for
from tinygen.data.cells import TextCells
from tinygen.data.table import reading, require_column
from tinygen.data.table.joining import stacked
from tinygen.model.fixedpoint import MISSING, Quantity

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
    "quoted decimal comma": (
        b'na\xc3\xafve,b,when\n"1,5",-2,2024-01-01 00:00\n"2,25",3e2,2024-01-01 01:00\n'
        b"-200,4,2024-01-01 02:00\n"
    ),
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
    assert parse(later).texts["a"] == TextCells(
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


def test_a_code_that_no_cell_is_is_told():
    text = "a;b\n-999,0;1\nERR;2\n7,5;none\n"
    for codes, told in (
        (("-999", "ERR"), ()),
        (("none",), ()),  # the word for "no number is one"
        (("-99", "err", "-999"), ("no cell of rows.csv is -99, err, as --missing says: is it",)),
    ):
        notes = parse(text, missing=codes).noting_unmet_codes().notes
        assert len(notes) == len(told) and all(map(str.startswith, notes, told)), notes
    both = stacked([parse(text, missing=("ERR",)), parse("a;b\n1;2\n", missing=("ERR",))])
    assert both.noting_unmet_codes().notes == ()


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
    assert rows.texts["a"] == TextCells(1, 2, text) and np.isnan(rows.columns["a"][0])


def test_units_from_the_header_and_from_the_description():
    rows = parse("temp [degC],p [hPa],T\n1,2,3\n")
    assert rows.names == ("temp", "p", "T") and rows.units == {"temp": "degC", "p": "hPa", "T": ""}
    twice = parse("temp [degC],temp [degF]\n1,2\n")
    assert twice.names == ("temp [degC]", "temp [degF]") and twice.units["temp [degF]"] == "degF"
    assert require_column(rows, "temp [degC]") == "temp"


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
        (b"a,b\n1,2\n\n3\n", ["row 4 has 1 cell, the header has 2"]),
        (b'a,b\n1,2\n"3,4\n5,6\n', ["row 3", "quotes"]),
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
    monkeypatch.setattr(reading, "MAXIMUM_CELLS", 3000)
    for header, place in (('"a",b\n', "row 1502"), ("a,b\n", "at least 3002")):
        parse(header + "1,2\n" * 1500)
        refused(
            lambda: parse(header + "1,2\n" * 1501),
            "more than 3000 cells",
            place,
            "keep fewer rows",
        )


def test_files_that_are_not_there(tmp_path):
    (tmp_path / "sensors.csv").write_text(grid())
    refused(
        lambda: load_table(tmp_path / "sensor.csv"),
        "sensor.csv does not exist",
        "'sensors.csv' beside it",
    )
    refused(lambda: load_table(tmp_path / "no" / "x.csv"), "does not exist")
    refused(lambda: load_table(tmp_path), "is a folder")
    refused(lambda: load_table("/dev/zero"), "not a regular file")
    refused(lambda: load_table(tmp_path / ("x" * 300)), "cannot be read")
    refused(lambda: load_table(tmp_path / "a\x1b[31m\nb.csv"), r"a\x1b[31m\nb.csv does not exist")
    assert load_table(tmp_path / "sensors.csv").path_name == "sensors.csv"


def test_one_line_of_100_megabytes_stays_out_of_memory(tmp_path):
    path = tmp_path / "long.csv"
    with path.open("wb") as stream:
        stream.write(b"a,b\n")
        for _ in range(100):
            stream.write(b"1" * 1_000_000)
    tracemalloc.start()
    refused(lambda: load_table(path), "row 2 is longer than 1048576 characters")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000


def test_an_open_quote_stays_out_of_memory():
    refused(lambda: parse(b'a,b\n1,"2\n' + b"3,4\n" * 100_000), "field limit", "quotes")


@pytest.mark.parametrize("closing", ["", '7,"8",9\n'])
def test_an_open_quote_is_told_where_it_opens(closing):
    """And not in the last row, or in the one whose quote ends it."""
    text = "a,b,c\n" + "1,2,3\n" * 30 + '1,"2,3\n' + "4,5,6\n" * 30 + closing
    refused(lambda: parse(text.encode()), "row 32: ", "check the quotes")


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
