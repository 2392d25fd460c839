"""Files as loggers, spreadsheets and serial monitors write them: read, or refused in one line."""

import json

import pytest
from tables import grid, parse, refused

from tinygen.common.errors import DataError
from tinygen.data import prepare, read_table

PLAIN = grid(
    60, "gas,temp,co2", lambda i: f"{100 + i * 37 % 400},{20 + i * i % 17}.5,{300 + 2 * i}"
)
HEADER, *ROWS = PLAIN.splitlines()
SEMI = PLAIN.replace(",", ";")


def same(text, name="rows.csv"):
    """Whether the text holds the rows of PLAIN; its table."""
    table, plain = parse(text), parse(PLAIN)
    assert table.names == plain.names and not table.texts
    for column in plain.names:
        assert table.columns[column].tolist() == plain.columns[column].tolist()
    return table


@pytest.mark.parametrize(
    "text",
    [
        SEMI,
        "sep=;\n" + SEMI,
        "\ufeffsep=;\n" + SEMI,
        PLAIN.replace(",", "|"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", " "),
        PLAIN.replace(",", "   "),
        "# logger 7, firmware 2.1\n# started 2026-03-01; room 4\n" + SEMI,
        PLAIN.replace(ROWS[30], "# battery changed\n" + ROWS[30]),
    ],
)
def test_delimiters_and_comments(text):
    assert same(text).notes == ()


@pytest.mark.parametrize(
    "text, note",
    [
        ("Room log\n\nSerial number;4711\n" + SEMI, "lines 1 to 3 are no rows"),
        (PLAIN.replace(ROWS[30], HEADER + "\n" + ROWS[30]), "the header stands again in 1 row:"),
        (
            "".join(
                ",".join(f"{n}:{v}" for n, v in zip(HEADER.split(","), row.split(","))) + "\n"
                for row in ROWS
            ),
            "name:value",
        ),
    ],
)
def test_what_is_no_row_is_said(text, note):
    table = same(text)
    assert note in table.notes[0] and note in prepare(table, "co2").notes[0]


def test_lines_keep_their_numbers():
    table = parse("Room log\n\nSerial number;4711\n" + SEMI)
    assert table.file_rows[0] == 5
    pairs = "a:1,b:2\n" * 3
    assert parse(pairs).file_rows.tolist() == [1, 2, 3]


@pytest.mark.parametrize("row", ["186.8,51.3,30.6,red", "200.1,55.3,55.3,red"])
def test_no_header_is_refused(row):
    text = (
        row
        + "\n"
        + "".join(f"{i}.5,{i * 7 % 60},{i},{'red' if i % 2 else 'dry'}\n" for i in range(40))
    )
    refused(lambda: parse(text), "row 1 reads like a row of values", "names of the columns")


def test_wavelengths_are_names():
    assert parse("410,435,kind\n" + "1,2,ripe\n3,4,raw\n" * 20).names == ("410", "435", "kind")


def torn(places):
    return "\n".join([HEADER, *(r[:5] if i in places else r for i, r in enumerate(ROWS))]) + "\n"


def read(text, **options):
    import io

    return read_table(io.BytesIO(text.encode()), "rows.csv", None, **options)


def test_torn_lines_are_told_in_one_run_and_can_be_left_out():
    refused(lambda: read(torn({10, 30, 40})), "row 12 has", "3 such rows: 12, 32, 42")
    table = read(torn({10, 30}), skip_bad=True)
    assert table.rows_read == 58 and "2 rows do not fit" in table.notes[0]
    refused(lambda: read(torn(set(range(4, 40, 3))), skip_bad=True), "at most 5%")


def test_chinese_names_and_other_alphabets():
    named = PLAIN.replace("gas", "\u6c14\u4f53").replace("temp", "\u6e29\u5ea6")
    assert parse(named.encode("gbk")).names == ("\u6c14\u4f53", "\u6e29\u5ea6", "co2")
    assert parse(named.encode("utf-16")).names == ("\u6c14\u4f53", "\u6e29\u5ea6", "co2")
    assert (
        parse(PLAIN.replace("gas", "na\u00efve \u00b0C").encode("latin-1")).names[0]
        == "na\u00efve \u00b0C"
    )
    russian = PLAIN.replace("gas", "\u0433\u0430\u0437\u044b").encode("cp1251")
    refused(lambda: parse(russian), "neither UTF-8", "save it as UTF-8")


@pytest.mark.parametrize(
    "content, what",
    [
        (b"PK\x03\x04 workbook", "Excel"),
        (b"\x1f\x8b\x08 gzip", "compressed"),
        (b"@relation room\n@attribute gas numeric\n@data\n1\n", "ARFF"),
        (b"% made by hand\n\n@RELATION room\n", "ARFF"),
        (json.dumps([{"gas": 1}]).encode(), "JSON"),
        (b"1 1:100.5 2:0.00 3:7\n2 1:3 2:4 3:7\n", "svmlight"),
        (b"<html><table>", "HTML"),
    ],
)
def test_other_formats_are_named(content, what):
    refused(lambda: parse(content), what, "not a CSV table")


def test_names_may_hold_commas_and_line_ends():
    table = parse(PLAIN.replace("gas,temp", '"Gas\n(counts)","Temp, inside"'))
    assert table.names == ("Gas (counts)", "Temp, inside", "co2")


def test_noise_of_a_boot_loader_is_refused():
    with pytest.raises(DataError, match="row 1"):
        parse(b"\x00\xff\xfeets Jun  8 2016\r\n" + PLAIN.encode())


def test_a_footer_is_named_with_its_row():
    """A spreadsheet's mean below the rows would be one more row; it is not left out in silence."""
    footer = PLAIN + "Average,24.1,320\n"
    refused(lambda: prepare(parse(footer), "co2"), "row 62", "'Average' is not a number")
