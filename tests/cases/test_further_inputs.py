"""Inputs that nobody had written for the product: each is read as it is meant, or refused in one
line that says what to do.
"""

import datetime

import numpy as np
import pytest
from tables import parse, refused

from tinygen.common.errors import DataError
from tinygen.data import prepare
from tinygen.data.audit import high_findings

ROWS = 60
RNG = np.random.default_rng(11)
ADC = RNG.integers(0, 1024, ROWS).tolist()
TEMP = [f"{value:.1f}" for value in RNG.normal(20, 5, ROWS)]
Y = [f"{0.3 * a + 2 * float(t):.1f}" for a, t in zip(ADC, TEMP)]
BASE = [f"{a},{t},{y}" for a, t, y in zip(ADC, TEMP, Y)]
BOTH = ["adc", "temp"]


def text(line=lambda i: BASE[i], header="adc,temp,y", rows=ROWS):
    return "\n".join([header, *map(line, range(rows)), ""])


def moment(i):
    begun = datetime.datetime(2026, 3, 28, 12) + datetime.timedelta(minutes=15 * i)
    return f"{begun.isoformat()}{'+01:00' if i < 30 else '+02:00'}"


def wide_digit(text):
    return "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in text)


PLAIN = text()
SEMI = PLAIN.replace(",", ";").replace(".", ",")
RULER = "+-----+------+-----+"
READ = {  # content, inputs, words of the notes; the target is y
    "comma decimals with exponents": (
        text(lambda i: f"{ADC[i] / 1000:.3E};{TEMP[i]};{Y[i]}".replace(".", ","), "v;temp;y"),
        ["v", "temp"],
        "",
    ),
    "a delimiter at each row's end": (text(lambda i: BASE[i] + ","), BOTH, ""),
    "an index without a name": (
        text(lambda i: f"{i},{BASE[i]}", ",adc,temp,y"),
        BOTH,
        "1 column without a name left out",
    ),
    "remarks over two lines": (
        text(lambda i: BASE[i] + (',"open,\nshut"' if i % 9 == 0 else ","), "adc,temp,y,notes"),
        BOTH,
        "'notes' left out",
    ),
    "carriage returns alone": (PLAIN.replace("\n", "\r"), BOTH, ""),
    "zeros behind the last row": (PLAIN + "\0" * 512, BOTH, ""),
    "zeros between rows": (PLAIN.replace(BASE[30], "\0" * 64 + "\n" + BASE[30]), BOTH, ""),
    "UTF-16 without its mark": (PLAIN.encode("utf-16-le"), BOTH, ""),
    "times with offsets": (
        text(lambda i: f"{moment(i)},{BASE[i]}", "when,adc,temp,y"),
        BOTH,
        "'when' left out: it is a date",
    ),
    "microseconds since 1970": (
        text(lambda i: f"{1_700_000_000_000_000 + i * 10**6},{BASE[i]}", "stamp,adc,temp,y"),
        BOTH,
        "'stamp' left out: it counts",
    ),
    "nanoseconds since 1970": (
        text(lambda i: f"{1_700_000_000_000_000_000 + i * 10**9},{BASE[i]}", "stamp,adc,temp,y"),
        BOTH,
        "'stamp' left out: it counts",
    ),
    "serial numbers beyond a double": (
        text(lambda i: f"{9_007_199_254_740_993 + ADC[i]},{BASE[i]}", "serial,adc,temp,y"),
        BOTH,
        "beyond 2**53",
    ),
    "such numbers below zero, one missing": (
        text(
            lambda i: f"{'' if i == 3 else -9_007_199_254_740_993 - ADC[i]},{BASE[i]}",
            "serial,adc,temp,y",
        ),
        BOTH,
        "it holds -9007199254",
    ),
    "one cell beyond all numbers": (
        text(lambda i: f"{'1e308' if i == 17 else i},{BASE[i]}", "far,adc,temp,y"),
        BOTH,
        "column 'far' left out: it holds 1e+308 in row 19 (1 such cell), beyond 2**53",
    ),
    "numbers beyond all steps": (
        text(lambda i: f"{i % 40 + 1}e300,{BASE[i]}", "far,adc,temp,y"),
        BOTH,
        "column 'far' left out: its numbers, up to 4e+301 in row 41, would be kept in steps of",
    ),
    "hexadecimal, of many texts": (
        text(lambda i: f"0x{64 + i % 60:02X},{BASE[i]}", "code,adc,temp,y"),
        BOTH,
        "column 'code' left out: hexadecimal such as '0x40' is not read as a number: write decimal "
        "numbers (64) if they are readings",
    ),
    "hexadecimal, of few texts": (
        text(lambda i: f"{('0x10', '0x1f')[i % 2]},{BASE[i]}", "code,adc,temp,y"),
        ["code=0x10", "code=0x1f", *BOTH],
        "any other label is a missing reading; hexadecimal such as '0x10' is not read as a number: "
        "write decimal numbers (16) if they are readings",
    ),
    "minutes and seconds": (
        text(lambda i: f"{i:02d}:17.5,{BASE[i]}", "on,adc,temp,y", ROWS),
        BOTH,
        "'on' left out: it holds text",
    ),
    "ranges are categories": (
        text(lambda i: f"{'low-mid' if ADC[i] < 512 else '512-1023'},{TEMP[i]},{Y[i]}"),
        ["adc=512-1023", "adc=low-mid", "temp"],
        "is a category",
    ),
    "categories that differ in capitals": (
        text(lambda i: f"{['Door', 'door ', 'hall'][i % 3]},{BASE[i]}", "where,adc,temp,y"),
        ["where=Door", "where=door", "where=hall", *BOTH],
        "labels 'Door' and 'door' of column 'where' differ in capitals or spaces only",
    ),
    "quoted cells with decimal commas": (
        text(lambda i: ",".join(f'"{cell.replace(".", ",")}"' for cell in BASE[i].split(","))),
        BOTH,
        "",
    ),
    "zeros and signs in front": (
        text(lambda i: f"{ADC[i]:06d},+{TEMP[i]},{Y[i]}"),
        BOTH,
        "",
    ),
    "a table of Markdown": (
        "| adc | temp | y |\n|-----|:----:|--:|\n"
        + "".join(f"| {row.replace(',', ' | ')} |\n" for row in BASE),
        BOTH,
        "",
    ),
    "a table that a database prints": (
        f"{RULER}\n| adc | temp | y |\n{RULER}\n"
        + "".join(f"| {row.replace(',', ' | ')} |\n" for row in BASE)
        + RULER,
        BOTH,
        "",
    ),
    "a serial monitor with its clock": (
        text(lambda i: f"12:00:{i:02d}.250 -> {BASE[i]}", "12:00:00.000 -> adc,temp,y"),
        BOTH,
        "each line begins with a serial monitor's clock",
    ),
    "the same with name:value": (
        "".join(f"12:00:{i:02d}.250 -> adc:{ADC[i]},temp:{TEMP[i]},y:{Y[i]}\n" for i in range(60)),
        BOTH,
        "name:value",
    ),
    "units in Latin-1": (
        text(header="adc,temp [\u00b0C],y [\u00b5g/m\u00b3]").encode("latin-1"),
        BOTH,
        "",
    ),
    "a target that lacks every third value": (
        text(lambda i: BASE[i] if i % 3 else f"{ADC[i]},{TEMP[i]},"),
        BOTH,
        "",
    ),
    "texts of more kinds than a category has": (
        text(lambda i: f"{wide_digit(str(i * 37))},{TEMP[i % 60]},{i % 41}.{i % 7}", rows=150),
        ["temp"],
        "write plain numbers there if they are readings",
    ),
    "hexadecimal counts": (
        text(lambda i: f"0x{i * 37:04X},{TEMP[i % 60]},{i % 41}.{i % 7}", rows=150),
        ["temp"],
        "hexadecimal such as",
    ),
}
REFUSED = {  # content, target, words of the refusal
    "units in the cells": (text(lambda i: f"{BASE[i]} ppm"), "y", ["'y'", "carry a unit", "ppm"]),
    "a name twice": (text(lambda i: f"1,{BASE[i]}", "temp,adc,temp,y"), "y", ["columns 1 and 3"]),
    "the nearest name": (text(header="adc,temp,CO2 (ppm)"), "co2", ["'CO2 (ppm)'"]),
    "infinity": (PLAIN.replace(BASE[0], f"inf,{TEMP[0]},{Y[0]}"), "y", ["'adc'", "infinite"]),
    "overload of a meter": (
        PLAIN.replace(BASE[0], f"OL,{TEMP[0]},{Y[0]}"),
        "y",
        ["'OL' is not a number", "--missing"],
    ),
    "some percents": (
        PLAIN.replace(BASE[0], f"{BASE[0]}%"),
        "y",
        ["row 2", "is not a number"],
    ),
    "hexadecimal among numbers": (
        text(lambda i: f"{'0x1f' if i == 4 else i},{TEMP[i]},{Y[i]}"),
        "y",
        ["row 6, column 'adc'", "hexadecimal such as '0x1f' is not read", "(31)"],
    ),
    "a target in hexadecimal": (
        text(lambda i: f"{ADC[i]},{TEMP[i]},0x{i:x}"),
        "y",
        ["column 'y'", "hexadecimal such as '0x0' is not read", "(0)"],
    ),
    "one target beyond all numbers": (
        text(lambda i: f"{ADC[i]},{TEMP[i]},{'1e308' if i == 17 else Y[i]}"),
        "y",
        ["column 'y'", "it holds 1e+308 in row 19 (1 such cell)", "mend it, leave it empty"],
    ),
    "a row cut off by zeros": (
        PLAIN.replace(BASE[30], f"{ADC[30]},2\0\0"),
        "y",
        ["row 32", "NUL", "delete the row"],
    ),
    "inputs that never move": (
        text(lambda i: f"512,20.0,{Y[i]}"),
        "y",
        ["'adc' left out: it is constant", "'temp' left out: it is constant", "--inputs"],
    ),
    "numbers beyond a double": (
        text(lambda i: f"{ADC[i]},{TEMP[i]},{9_007_199_254_740_993 + ADC[i]}"),
        "y",
        ["column 'y'", "beyond 2**53", "leading digits"],
    ),
    "decimal commas between commas": (
        text(lambda i: BASE[i].replace(".", ",")),
        "y",
        ["row 2 has 5 cells", "if commas are decimal marks as well, write ;"],
    ),
    "rows that mostly do not fit": (
        PLAIN.replace("\n", "\n1,2\n"),
        "y",
        ["has 2 cells, the header has 3", "mend the row"],
    ),
    "a header alone": ("adc,temp,y\n", "y", ["no rows below it"]),
    "blank lines alone": ("\n\n  \n", "y", ["has no content"]),
    "a table of a web page": ("<html><body><table>" + PLAIN, "y", ["HTML"]),
    "one JSON object a line": ('{"adc": 1, "y": 2}\n' * 60, "y", ["JSON", "as CSV"]),
}


@pytest.mark.parametrize("name", READ)
def test_it_is_read(name):
    content, inputs, words = READ[name]
    table = parse(content)
    dataset = prepare(table, "y")
    assert [q.name for q in dataset.inputs] == inputs and words in "; ".join(dataset.notes)
    if inputs == BOTH:
        plain = parse(PLAIN)
        same = ~np.isnan(table.columns["y"])
        assert table.rows_read == ROWS
        for column in (*BOTH, "y"):
            assert table.columns[column][same].tolist() == plain.columns[column][same].tolist()


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(name):
    content, target, words = REFUSED[name]
    refused(lambda: prepare(parse(content), target), *words)
    if name == "rows that mostly do not fit":
        with pytest.raises(DataError) as caught:
            parse(content)
        assert "--skip-bad" not in str(caught.value)


def test_labels_that_differ_in_capitals():
    states = ("On", "on ", "OFF", "off")
    kind = text(lambda i: f"{ADC[i]},{TEMP[i]},{states[2 * (ADC[i] > 500) + i % 2]}")
    (note,) = prepare(parse(kind), "y").notes
    assert note.startswith("labels 'OFF' and 'off' of column 'y' differ in capitals")
    assert not prepare(parse(kind.lower().replace("on ", "on")), "y").notes


@pytest.mark.parametrize(
    "content, words",
    [
        (text(lambda i: f"{BASE[i]},{Y[i]}", "adc,temp,y_raw,y"), "y_raw alone tells"),
        (text(lambda i: f"{ADC[i] if i < 30 else 0},{TEMP[i]},{Y[i]}"), "adc drifts"),
        (text(lambda i: BASE[i] if i % 9 else f"{ADC[i]},-127.0,{Y[i]}"), "temp is -127 in"),
        (text(lambda i: f"{BASE[i]},{7 * i}", "adc,temp,y,pulse"), "pulse counts on"),
    ],
    ids=["a copy of the target", "a sensor that dies", "a sensor without answer", "a counter"],
)
def test_it_is_said_before_training(content, words):
    table = parse(content)
    assert any(words in found.what for found in high_findings(table, prepare(table, "y")))
