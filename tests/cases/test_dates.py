"""Dates whose day and month could be either: what settles the order, and what needs it settled."""

import csv
import json
from datetime import datetime, timedelta

import numpy as np
import pytest
from quick import quick_model
from sealed import sealed
from tables import parse, refused

from tinygen.commands._live_rows import text_rows
from tinygen.commands.predict import predict
from tinygen.common.errors import ModelError, UsageError
from tinygen.data import load_tables, prepare, rows_for
from tinygen.data.audit import audit
from tinygen.model.model import from_json, load
from tinygen.report.background import training_dataset
from tinygen.report.drift import monitor

US, EUROPE = "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M"
JULY_2 = datetime(2025, 7, 2, 10)


def log(form, start=datetime(2025, 1, 1, 10), rows=60, step=timedelta(days=5), name="when"):
    """A text with one row a step; 60 rows of five days show the order of day and month."""
    times = [start + step * i for i in range(rows)]
    lines = [
        f"{t.strftime(form)},{10 + i % 13},{t.month * 10 + i % 13}\n" for i, t in enumerate(times)
    ]
    return f"{name},temp,y\n{''.join(lines)}"


def july(form, **options):
    """Nine days from the second of July on, each of which may be a day in another month."""
    return log(form, JULY_2, 9, timedelta(days=1), **options)


def month_model(form=US, order="", text=None, parts=("month",)):
    table = parse(text or log(form)).in_date_order(order)
    return quick_model(prepare(table, "y", time_inputs=list(parts)))


def months(model, text):
    place = [q.name for q in model.inputs].index("month")
    return rows_for(model.inputs, parse(text))[0][:, place].tolist()


# ---- the evidence of the whole column ----


@pytest.mark.parametrize("form", [US, EUROPE, "%m-%d-%Y %I:%M %p", "%d.%m.%Y %I:%M %p"])
@pytest.mark.parametrize("late", [0, 999, 1000, 2500])
def test_one_date_settles_the_column_wherever_it_stands(form, late):
    days = [datetime(2025, 7, 2 + i % 9, 10) for i in range(3000)]
    days[late] = datetime(2025, 7, 31, 10)
    table = parse("when,y\n" + "".join(f"{day.strftime(form)},{i}\n" for i, day in enumerate(days)))
    assert table.time.tolist() == days and not table.time_notes


def test_a_column_may_begin_after_a_thousand_empty_cells():
    rows = [f",{i}\n" for i in range(1500)] + ["13/07/2025,1\n", "07/02/2025,2\n"]
    moments = parse("when,y\n" + "".join(rows)).moments
    assert np.isnat(moments[:1500]).all()
    assert moments[1500:].astype(str).tolist() == ["2025-07-13T00:00:00", "2025-02-07T00:00:00"]


def test_half_days_do_not_settle_it():
    table = parse(july("%m/%d/%Y %I:%M %p"))
    assert table.time_notes and table.time[0] == np.datetime64("2025-02-07T10:00:00")


def test_dates_that_are_the_same_both_ways_need_no_order():
    table = parse("when,y\n" + "".join(f"07/07/2025 {h:02d}:00,{h}\n" for h in range(20)))
    assert not table.time_notes and table.time[3] == np.datetime64("2025-07-07T03:00")


def test_a_column_with_both_orders_is_told_and_not_used():
    text = log(US, rows=40) + log(EUROPE, rows=40).split("\n", 1)[1]
    assert "column 'when' has both orders" in parse(text).time_notes[0]
    refused(lambda: prepare(parse(text), "y", time_inputs=["month"]), "both orders", "'01/16/2025")


# ---- nothing settles it ----


def test_nothing_settles_it_and_a_note_says_what_was_taken():
    text = log(EUROPE, datetime(2025, 3, 4), 60, timedelta(hours=1))  # 4, 5 and 6 March
    dataset = prepare(parse(text), "y")
    told = [note for note in dataset.notes if "read as day/month" in note]
    assert len(told) == 1 and "column 'when'" in told[0] and "--date-order" in told[0]
    assert "2025-03-04 or 2025-04-03" in told[0]
    assert dataset.provenance.time is None
    clock = [f for f in audit(parse(text), "y").findings if f.kind == "time"]
    assert len(clock) == 1 and "2025-03-04 or 2025-04-03" in clock[0].line


def test_but_what_depends_on_it_is_refused():
    table = parse(log(EUROPE, datetime(2025, 3, 4), 60, timedelta(hours=1)))
    for part in ("month", "weekday"):
        refused(
            lambda: prepare(table, "y", time_inputs=[part]), f"{part} depends on it", "--date-order"
        )
    hours = prepare(table, "y", ["temp"], time_inputs=["hour"])
    assert hours.x[:, 1].tolist() == [k % 24 for k in range(60)]
    assert hours.inputs[1].derivation.order == ""


def test_a_split_by_time_is_refused_where_the_orders_differ():
    days = [datetime(2025, 1 + k % 2, 1 + k // 2 % 12, k) for k in range(24)]
    rows = "".join(f"{t.strftime(EUROPE)},{i},{3 * i}\n" for i, t in enumerate(days))
    table = parse("when,temp,y\n" + rows)
    refused(lambda: prepare(table, "y", split="time"), "split by time depends on it")
    given = prepare(table.in_date_order("day"), "y", split="time")
    last = np.argsort(np.array(days, dtype="datetime64[s]"))[-len(given.test) :]
    assert sorted(given.test.tolist()) == sorted(last.tolist())
    # hours of two days come in the same order either way
    prepare(parse(log(EUROPE, datetime(2025, 3, 4), 40, timedelta(hours=1))), "y", split="time")


def test_a_given_order_is_followed_unless_the_dates_show_the_other():
    assert parse(july(US)).in_date_order("month").time[0] == np.datetime64(JULY_2)
    assert parse(july(US)).in_date_order("day").time[0] == np.datetime64("2025-02-07T10:00")
    refused(lambda: parse(log(US)).in_date_order("day"), "'01/16/2025 10:00' has the month first")
    assert parse(log("%Y-%m-%d")).in_date_order("month").time[0] == np.datetime64("2025-01-01")


# ---- several files ----


def test_files_of_one_table_agree(tmp_path):
    (tmp_path / "june.csv").write_text(july(US))
    (tmp_path / "year.csv").write_text(log(US))
    for names in (("june.csv", "year.csv"), ("year.csv", "june.csv")):
        table = load_tables([tmp_path / name for name in names])
        assert np.datetime64(JULY_2) in table.time and not table.time_notes
        assert (table.time >= np.datetime64("2025-01-01")).all()
    (tmp_path / "other.csv").write_text(log(EUROPE))
    table = load_tables([tmp_path / "year.csv", tmp_path / "other.csv"])
    refused(lambda: prepare(table, "y", time_inputs=["month"]), "both orders")
    (tmp_path / "iso.csv").write_text(log("%Y-%m-%d %H:%M"))
    table = load_tables([tmp_path / "iso.csv", tmp_path / "year.csv"])
    assert (table.time[:60] == table.time[60:]).all()


# ---- a model and its rows ----


@pytest.mark.parametrize("form, order", [(US, "month"), (EUROPE, "day")])
def test_a_model_keeps_the_order_of_its_training(form, order, tmp_path):
    model = month_model(form)
    model.save(tmp_path / "m.json")
    again = load(tmp_path / "m.json")
    assert {q.derivation.order for q in again.inputs if q.derivation} == {order}
    assert months(again, july(form)) == [7] * 9
    assert set(months(again, log(US))) == set(months(again, log(EUROPE))) == set(range(1, 11))


def test_a_model_without_an_order_loads_and_refuses_what_it_cannot_know():
    model = month_model("%Y-%m-%d %H:%M")
    plain = json.loads(model.to_json())
    assert "order" not in plain["inputs"][1]["derivation"]
    refused(lambda: months(from_json(model.to_json()), july(US)), "month depends on it")
    assert months(model, july("%Y-%m-%d %H:%M")) == [7] * 9
    plain["inputs"][1]["derivation"]["order"] = "week"
    with pytest.raises(ModelError, match=r"derivation\.order"):
        from_json(sealed(plain))


def test_lines_as_they_come_have_the_order_of_the_training():
    inputs = month_model(US).inputs
    place = [q.name for q in inputs].index("month")
    for text, wanted in [(july(US), [7] * 9), ("when,temp\n16/07/2025,1\n02/07/2025,1\n", [7, 7])]:
        rows = text_rows(iter(text.splitlines()), inputs, ())
        assert [row[place] for row in rows] == wanted


def test_an_order_that_was_given_is_found_again_with_the_model():
    text = log(EUROPE, datetime(2025, 3, 4), 60, timedelta(hours=1))
    model = month_model(text=text, order="month", parts=("hour", "weekday"))
    assert model.training["date_order"] == "month"
    again = training_dataset(model, parse(text))
    first = prepare(parse(text).in_date_order("month"), "y", time_inputs=["hour", "weekday"])
    assert (again.x == first.x).all()


# ---- which column ----


def two_clocks(rows=40):
    """The same rows with the clock of Greenwich before that of the place, eight hours ahead."""
    times = [datetime(2025, 7, 2) + timedelta(hours=i) for i in range(rows)]
    lines = [f"{t - timedelta(hours=8)},{t},{i % 13},{t.hour}\n" for i, t in enumerate(times)]
    return f"utc,local,temp,y\n{''.join(lines)}"


def test_the_column_that_was_trained_on_is_taken_wherever_it_stands():
    text = log("%Y-%m-%d %H:%M", rows=48, step=timedelta(hours=1), name="local")
    model = month_model(text=text, parts=("hour",))
    raw, _ = rows_for(model.inputs, parse(two_clocks()))
    place = [q.name for q in model.inputs].index("hour")
    assert raw[:, place].tolist() == [i % 24 for i in range(40)]
    line = next(text_rows(iter(two_clocks().splitlines()), model.inputs, ()))
    assert line.tolist() == raw[0].tolist()


def test_another_column_is_refused_and_both_are_named():
    model = month_model(text=log("%Y-%m-%d %H:%M", step=timedelta(hours=7)), parts=("hour",))
    refused(
        lambda: rows_for(model.inputs, parse(two_clocks())),
        "no times in column 'when'",
        "times in 'utc', 'local'",
    )
    plain = json.loads(model.to_json())
    plain["inputs"][1]["derivation"]["columns"] = ["nowhere"]
    own = parse(log("%Y-%m-%d %H:%M", step=timedelta(hours=7)))
    refused(lambda: rows_for(from_json(sealed(plain)).inputs, own), "'nowhere'", "'when'")


def test_no_column_of_dates_is_a_category():
    lines = two_clocks().splitlines()
    text = "\n".join(f"{line},{line[:10] if i else 'day'}" for i, line in enumerate(lines)) + "\n"
    dataset = prepare(parse(text), "y")
    assert [q.name for q in dataset.inputs] == ["temp"]
    assert "column 'day' left out: it is a date or time" in " ".join(dataset.notes)


def test_a_time_input_is_named_once():
    refused(
        lambda: prepare(parse(log(US)), "y", time_inputs=["hour", "hour"]),
        "time input 'hour' is given twice",
        error=UsageError,
    )


# ---- predict -o ----


def test_predict_keeps_the_time_row_by_row(tmp_path):
    month_model(US).save(tmp_path / "m.json")
    lines = july(US).splitlines()
    lines[3] = ",11,0"
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    predict(tmp_path / "m.json", tmp_path / "rows.csv", tmp_path / "out.csv")
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    times = [f"2025-07-{day:02d}T10:00:00" for day in range(2, 11)]
    times[2] = ""
    assert [row["time"] for row in rows] == times
    assert [row["flag"] for row in rows] == ["OK"] * 2 + ["MISSING"] + ["OK"] * 6


def test_predict_tells_how_it_read_the_times_that_it_writes(tmp_path):
    quick_model(prepare(parse(log(US)), "y")).save(tmp_path / "m.json")
    (tmp_path / "rows.csv").write_text(july(US))
    places = (tmp_path / "m.json", tmp_path / "rows.csv", tmp_path / "out.csv")
    assert any("read as day/month" in note for note in predict(*places).notes)
    assert not predict(*places, "month").notes
    assert "2025-07-02T10:00:00" in (tmp_path / "out.csv").read_text()


def test_monitor_names_its_windows_by_the_days_that_are_known():
    model = month_model(US)
    raw = rows_for(model.inputs, parse(log(US)))[0]
    table = parse(log(US).replace("01/01/2025 10:00", ""))
    days = [w.when for w in monitor(model, raw, 30, time=table.moments).windows]
    assert days == ["2025-01-06 .. 2025-05-26", "2025-05-31 .. 2025-10-23"]
