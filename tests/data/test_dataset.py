"""Rows of a table: the real file, what is used of it, scales, and rows for a given model."""

import csv
import time

import numpy as np
import pytest
from tables import TASK_A, TASK_B, TASK_C, grid, parse, refused

from tinygen.common.errors import DataError, ModelError, UsageError
from tinygen.data import audit as audits
from tinygen.data import folds, load_table, prepare, rows_for
from tinygen.data.steps import scale_for
from tinygen.model.fixedpoint import MISSING, Quantity

MOST_TIMES = 40  # the time of splitting a file; 20 were measured

# ---------------------------------------------------------------------------------- the real file


def test_real_file_is_read_as_it_stands(air_quality):
    rows = load_table(air_quality)
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
    rows = load_table(air_quality)
    for split, tests in (("random", test_random), ("time", test_time)):
        dataset = prepare(rows, target, inputs, split=split)
        assert (len(dataset.x), len(dataset.test), len(dataset.train)) == (
            complete,
            tests,
            complete - tests,
        )
        assert (dataset.provenance.rows_dropped, dataset.provenance.repeated) == (
            9357 - complete,
            0,
        )
        scales = {"CO(GT)": 0.1, "T": 0.1, "RH": 0.1, "AH": 0.0001, "C6H6(GT)": 0.1}
        assert [q.scale for q in (*dataset.inputs, dataset.target)] == [
            scales.get(n, 1.0) for n in (*inputs, target)
        ]


def test_raw_values_of_the_real_file_are_exact(air_quality):
    """Every raw integer, written with its scale's decimals, is the number that stands in the
    file.
    """
    dataset = prepare(load_table(air_quality), "C6H6(GT)", TASK_A)
    lines = air_quality.read_text().splitlines()
    titles = lines[0].split(";")
    decimals = {1.0: 0, 0.1: 1, 0.0001: 4}
    for row in range(0, len(dataset.x), 97):
        cells = dict(zip(titles, lines[dataset.provenance.lines[row] - 1].split(";")))
        for quantity, raw in zip(
            (*dataset.inputs, dataset.target), (*dataset.x[row], dataset.y[row])
        ):
            assert int(raw) == round(
                float(cells[quantity.name].replace(",", ".")) * 10 ** decimals[quantity.scale]
            )


def test_article_task_by_dropping_columns(air_quality):
    rows = load_table(air_quality)
    dropped = prepare(rows, "C6H6(GT)", drop=("NMHC(GT)", "NOx(GT)", "NO2(GT)"))
    named = prepare(rows, "C6H6(GT)", TASK_A)
    assert (
        dropped.inputs == named.inputs
        and np.array_equal(dropped.x, named.x)
        and np.array_equal(dropped.test, named.test)
    )
    assert "column 'CO(GT)' alone costs 1647 rows" in " ".join(named.notes)


def test_real_file_is_read_quickly(air_quality):
    """In times of what only splitting it into cells takes, on whatever machine."""

    def seconds(work):
        start = time.process_time()
        work()
        return time.process_time() - start

    def split():
        with open(air_quality, newline="") as stream:
            return list(csv.reader(stream, delimiter=";"))

    def read():
        return prepare(load_table(air_quality), "C6H6(GT)", TASK_A)

    assert min(seconds(read) for _ in range(3)) < MOST_TIMES * min(seconds(split) for _ in range(3))


# ------------------------------------------------------------------------------------- what is used


def test_rows_are_dropped_by_the_used_columns_only():
    rows = parse(
        grid(
            60, "a,b,c,y", lambda i: f"{i},{'' if i < 5 else i * i},{-200 if i % 2 else i},{3 * i}"
        )
    )
    used = prepare(rows, "y", ["a", "b"])
    assert (used.provenance.rows_read, used.provenance.rows_dropped, len(used.x)) == (60, 5, 55)
    assert prepare(rows, "y", ["a", "b", "c"]).provenance.rows_dropped == 33
    assert "column 'c' alone costs 28 rows" in " ".join(prepare(rows, "y").notes)
    assert used.provenance.lines[0] == 7 and used.x[0].tolist() == [5, 25] and used.y[0] == 15


def test_inputs_keep_the_order_asked_for():
    dataset = prepare(parse(grid()), "y", ["b", "a"])
    assert [q.name for q in dataset.inputs] == ["b", "a"] and dataset.x[5].tolist() == [8, 5]


def test_all_others_leaves_out_what_is_no_reading_and_says_so():
    header = ",when,site,empty,fixed,a,b,time,y"
    rows = parse(
        grid(40, header, lambda i: f"{i},2024-01-{i % 28 + 1:02},north,,7,{i},{i * i},{i},{3 * i}")
    )
    dataset = prepare(rows, "y")
    assert [q.name for q in dataset.inputs] == ["a", "b"] and dataset.provenance.rows_dropped == 0
    notes = "\n".join(dataset.notes)
    for part in (
        "'when' left out: it is a date",
        "'site' left out: it holds text",
        "'empty' left out: all its values",
        "'fixed' left out: it is constant",
        "'time' left out: it is a date",
        "1 column without a name",
    ):
        assert part in notes


def test_a_constant_column_gives_its_lost_rows_back():
    rows = parse(grid(60, "a,b,y", lambda i: f"{i},{'' if i < 30 else 5},{3 * i}"))
    dataset = prepare(rows, "y")
    assert [q.name for q in dataset.inputs] == ["a"] and dataset.provenance.rows_dropped == 0


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
        ).provenance.rows_dropped
        == 1
    )


@pytest.mark.parametrize("text", ["inf", "-inf", "9" * 400])
def test_a_column_that_is_infinite_throughout_is_refused_where_it_is_read(text):
    rows = parse(grid(40, line=lambda i: f"{i},{text},{3 * i}"))
    refused(lambda: prepare(rows, "y"), "row 2, column 'b'", "infinite (40 such cells)")
    assert [q.name for q in prepare(rows, "y", ["a"]).inputs] == ["a"]
    assert audits.audit(rows, "y", ["a"]).findings is not None


def test_too_few_rows():
    refused(lambda: prepare(parse(grid(19)), "y"), "19 rows: at least 20 are needed, add rows")
    with pytest.raises(DataError) as told:
        prepare(parse(grid(19)), "y")
    assert str(told.value).endswith("add rows")  # no column to leave out would help
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
    assert scale_for(largest, decimals) == scale
    assert np.floor(largest / scale + 0.5) <= 32767


def test_a_coarser_scale_is_noted():
    rows = parse(grid(40, line=lambda i: f"{i / 100},{3 * i}.50,{101325 + 13000 * i}"))
    dataset = prepare(rows, "y")
    assert [q.scale for q in (*dataset.inputs, dataset.target)] == [0.01, 0.1, 100.0]
    assert "column 'y' is stored in steps of 100 instead of its own 1" in dataset.notes[0]
    assert "5,071 of 65,536 steps are used" in dataset.notes[0]
    assert dataset.x[1].tolist() == [1, 35] and dataset.y[1] == 1143  # 0.01, 3.50, 114325
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
        ("T\n1\n", ["no column 'RH'", "its only column is 'T'"]),
        ("T,rh\n1,2\n", ["no column 'RH'", "'rh'"]),
        ("T,RH,T\n1,2,3\n", ["both named 'T'"]),
        ("T,RH\n1,2\nwarm,3\n", ["row 3, column 'T'", "'warm'"]),
        ("T,RH\n1,2\n1,2,3\n", ["row 3 has 3 cells"]),
        ("T,RH\n1\n", ["row 2 has 1 cell,"]),
    ],
)
def test_tables_that_do_not_fit_the_model(text, parts):
    refused(lambda: rows_for(MODEL, parse(text)), *parts)


def test_notes_say_what_changed():
    _, notes = rows_for(MODEL, parse("T [degF],RH\n1.25,\n9999,-200\n"))
    text = "\n".join(notes)
    for part in (
        "'T' is in 'degF', the model was trained in 'degC'",
        "'T': 1 value lies beyond 3276.7 and saturates there",
        "'T': values are rounded to the model's step of 0.1",
        "'RH': 2 of 2 values are missing",
    ):
        assert part in text
    _, notes = rows_for(MODEL, parse("T [degC],RH\n9999,40\n9999,\n1.2,50\n"))
    text = "\n".join(notes)
    assert "'T': 2 values lie beyond 3276.7 and saturate there" in text
    assert "'RH': 1 of 3 values is missing" in text


def test_a_data_sets_own_rows_come_back(air_quality):
    rows = load_table(air_quality)
    dataset = prepare(rows, "C6H6(GT)", TASK_B)
    raw, _ = rows_for(dataset.inputs, rows)
    assert np.array_equal(raw[dataset.provenance.lines - 2], dataset.x)
    assert (raw == MISSING).any(axis=1).sum() == 366


def test_an_input_that_the_rows_have_not_is_named():
    dataset = prepare(parse(grid(40)), "y")
    gone = Quantity("gone", "", 1.0, 0.0, 1.0)
    with pytest.raises(ModelError, match="the model reads 'gone', which is none of the columns"):
        dataset.columns_of([dataset.inputs[0], gone])


@pytest.mark.parametrize(
    "first, step, left_out",
    [
        (20250105, 1, True),  # YYYYMMDD, up to a 28th of its month
        (202501052300, 1, True),  # with hhmm
        (20250105230000, 1, True),  # with hhmmss
        (20251305, 1, False),  # no month
        (19250105, 1, False),  # a reading: of another century
        (202501052370, 1, False),  # no minute
    ],
)
def test_dates_that_are_written_as_one_number_are_no_input(first, step, left_out):
    rows = parse(grid(24, line=lambda i: f"{i * i % 7},{first + step * i},{3 * i}"))
    names = [q.name for q in prepare(rows, "y").inputs]
    assert names == (["a"] if left_out else ["a", "b"])
    assert [q.name for q in prepare(rows, "y", ["a", "b"]).inputs] == ["a", "b"]
