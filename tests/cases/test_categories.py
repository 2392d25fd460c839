"""Categories and parts of the time as inputs: what they are made of, what is missing, what is
refused.
"""

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from heating_rows import HEADER, HOURS, MODES, START, heating, with_strangers
from quick import quick_model
from sealed import sealed
from tables import grid, parse, refused

from tinygen.codegen.emit import render_header
from tinygen.common.errors import ModelError, UsageError
from tinygen.data import prepare, readings, rows_for
from tinygen.data.audit import audit
from tinygen.data.derived import part_of
from tinygen.families import FAMILIES
from tinygen.model.fixedpoint import MISSING
from tinygen.model.model import from_json, load
from tinygen.search.cross_validation import Candidate
from tinygen.search.feature_selection import sensor_worth
from tinygen.search.guard import guard_of

OPTIONS = {"categories": ["zone"], "time_inputs": ["hour", "weekday", "month"]}


@pytest.fixture(scope="module")
def dataset():
    return prepare(parse(heating()), "power", **OPTIONS)


@pytest.fixture(scope="module")
def model(dataset):
    return quick_model(dataset)


def test_each_label_is_an_input(dataset):
    names = [q.name for q in dataset.inputs]
    labels = ["mode=boost", "mode=eco", "mode=normal", "zone=3", "zone=7", "zone=12"]
    assert names == ["temp", *labels, "hour", "weekday", "month"]
    lines = [line.split(",") for line in heating().splitlines()[1:]]
    for i, line in enumerate(lines):
        known = dict(zip(names, dataset.x[i].tolist()))
        wanted = {f"mode={line[2]}", f"zone={line[3]}"}
        assert {name for name in labels if known[name]} == wanted
        when = START + timedelta(hours=HOURS * i)
        assert [known[part] for part in ("hour", "weekday", "month")] == [
            when.hour,
            when.weekday(),
            when.month,
        ]
    assert [q.limits for q in dataset.inputs[1:]] == [(0, 1)] * 6 + [(0, 23), (0, 6), (1, 12)]
    said = "column 'mode' is a category, one input for each of its 3 labels (boost, eco, normal)"
    assert any(said in note for note in dataset.notes)


def test_they_help(model):
    """The rule is linear in all of them, so that a line tells it; without them it cannot."""
    text = heating(seed=16)
    raw, _ = rows_for(model.inputs, parse(text))
    truth = np.array([float(line.split(",")[-1]) for line in text.splitlines()[1:]])
    errors = np.abs(model.output.to_physical(model.answer(raw)) - truth)
    assert errors.mean() < 6
    alone = quick_model(prepare(parse(heating()), "power", ["temp"]))
    assert alone.training["metrics"]["mae"] > 100


def test_time_and_codes_are_inputs_only_when_they_are_asked_for():
    dataset = prepare(parse(heating()), "power")
    names = ["temp", "mode=boost", "mode=eco", "mode=normal", "zone"]
    assert [q.name for q in dataset.inputs] == names
    named = prepare(parse(heating()), "power", ["mode"], time_inputs=["hour"])
    assert [q.name for q in named.inputs] == [*names[1:4], "hour"]
    dropped = prepare(parse(heating()), "power", drop=["mode=eco", "zone"])
    assert [q.name for q in dropped.inputs] == ["temp", "mode=boost", "mode=normal"]


def test_what_is_not_known_is_missing_in_every_input_of_its_column(model):
    text = heating(change=with_strangers)
    raw, notes = rows_for(model.inputs, parse(text))
    names = [q.name for q in model.inputs]
    made = {
        start: [k for k, n in enumerate(names) if n.startswith(start)] for start in ("mo", "zo")
    }
    made["mo"] = [k for k in made["mo"] if names[k] != "month"]
    time = [names.index(part) for part in ("hour", "weekday", "month")]
    for i, row in enumerate(raw):
        lost = {1: made["mo"], 4: made["zo"], 7: time}.get(i % 9, [])
        assert [k for k in range(len(names)) if row[k] == MISSING] == lost
        for columns in made.values():
            assert columns == lost or row[columns].sum() == 1, "never a row of zeros alone"
    assert (model.answer(raw) == MISSING).tolist() == [i % 9 in (1, 4, 7) for i in range(len(raw))]
    assert "column 'mode': 45 of 400 values are missing or none of boost, eco, normal" in notes


def test_rows_alone_are_read_as_in_the_file(model):
    """A label's place does not depend on which others a file holds."""
    lines = heating(40, change=with_strangers).splitlines()
    whole, _ = rows_for(model.inputs, parse("\n".join(lines) + "\n"))
    for line, row in zip(lines[1:], whole):
        alone = HEADER + "\n" + line + "\n"
        if line.startswith(","):  # a file without any time has no column of it
            refused(lambda: rows_for(model.inputs, parse(alone)), "no column with the rows' time")
        else:
            assert rows_for(model.inputs, parse(alone))[0].tolist() == [row.tolist()]


def test_labels_of_test_rows_alone_stay_unknown():
    def rare(i, cells):
        return [*cells[:2], "defrost" if i == 5 else cells[2], *cells[3:]]

    for seed in range(40):
        dataset = prepare(parse(heating(change=rare)), "power", seed=seed)
        labels = next(q.derivation.labels for q in dataset.inputs if q.derivation)
        if "defrost" in labels:
            assert 5 in dataset.provenance.lines[dataset.train] - 2
        else:
            break
    assert labels == tuple(sorted(MODES)) and dataset.provenance.rows_dropped == 1
    assert any(
        "label 'defrost' of column 'mode' is in no training row: it stays unknown, left out with "
        "its 1 row" in note
        for note in dataset.notes
    )


def test_a_truth_table_of_categories():
    """Six cells, each of them known: not refused for too few different rows."""
    lines = ["colour,size,y"]
    for colour, a in (("red", 1), ("green", 5), ("blue", 2)):
        lines += [f"{colour},{size},{a * b}" for size, b in ((0, 3), (1, 4))] * 4
    dataset = prepare(parse("\n".join(lines) + "\n"), "y", task="regression")
    assert len(dataset.inputs) == 4 and any("truth table" in note for note in dataset.notes)


@pytest.mark.parametrize(
    "cell, reason",
    [
        (lambda i: f"unit{i % 17}", "it holds text, 17 labels, a category has at most 16"),
        (lambda i: f"s{i}" if i < 12 else "", "12 labels in 12 rows: names, and no category"),
        (lambda i: f"s{i}", "more than 100 different ones"),
        (lambda i: "north", "one label only (north)"),
        (lambda i: "err" if i % 2 else f"{i % 4}", "and numbers: --categories takes both"),
    ],
)
def test_texts_that_are_no_category_are_left_out_and_said(cell, reason):
    text = grid(120, "a,b,site,y", lambda i: f"{i},{i * i % 17},{cell(i)},{3 * i}")
    dataset = prepare(parse(text), "y")
    assert [q.name for q in dataset.inputs] == ["a", "b"]
    assert any("column 'site' left out" in note and reason in note for note in dataset.notes)


def test_words_and_numbers_are_labels_where_that_is_asked_for():
    text = grid(90, "a,site,y", lambda i: f"{i},{('err', '1', '2')[i % 3]},{3 * i}")
    dataset = prepare(parse(text), "y", categories=["site"])
    assert [q.name for q in dataset.inputs] == ["a", "site=1", "site=2", "site=err"]
    assert dataset.x[:6, 1:].tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]] * 2


def test_what_cannot_be_made_is_refused():
    text = heating()
    refused(lambda: prepare(parse(text), "power", categories=["temp"]), "'temp' is no category (")
    refused(
        lambda: prepare(parse(text), "power", time_inputs=["year"]),
        "'year' is unknown: use hour, weekday, month",
        error=UsageError,
    )
    refused(
        lambda: prepare(parse(text), "power", categories=["power"]), "the target", error=UsageError
    )
    refused(
        lambda: prepare(parse(grid()), "y", time_inputs=["hour"]), "no column with the rows' time"
    )
    hour = text.replace("temp [degC]", "hour")
    refused(lambda: prepare(parse(hour), "power", time_inputs=["hour"]), "has a column 'hour'")
    taken = text.replace("temp [degC]", "mode=eco")
    refused(lambda: prepare(parse(taken), "power"), "label 'eco'", "rename one")
    many = "\n".join([HEADER, *(f"2026-01-01 00:00,1,m{i},3,5" for i in range(101))]) + "\n"
    inputs = prepare(parse(text), "power").inputs
    refused(lambda: rows_for(inputs, parse(many)), "more than 100 different texts", "boost, eco")
    refused(lambda: rows_for(inputs, parse(text.replace("mode", "state"))), "no column 'mode'")


def test_parts_of_the_time():
    moments = [datetime(1969, 12, 31, 23, 59), datetime(2024, 2, 29, 0, 0), datetime(2026, 11, 29)]
    times = np.array([*moments, None], dtype="datetime64[s]")
    for part, words in (("hour", "hour"), ("weekday", "weekday"), ("month", "month")):
        wanted = [getattr(m, words)() if part == "weekday" else getattr(m, words) for m in moments]
        found = part_of(times, part)
        assert found[:3].tolist() == wanted and np.isnan(found[3])


def test_the_model_file_keeps_them(model, tmp_path):
    path = Path(tmp_path / "heat.json")
    model.save(path)
    again = load(path)
    assert again.inputs == model.inputs and again.model_id == model.model_id
    assert again.training["categories"] == ["mode", "zone"]
    assert again.training["time_inputs"] == ["hour", "weekday", "month"]


def test_the_audit_knows_them():
    found = audit(parse(heating()), "power", **OPTIONS)
    assert [c.name for c in found.columns][1:4] == ["mode=boost", "mode=eco", "mode=normal"]
    assert all(c.missing == 0 and c.maximum == 1 for c in found.columns[1:7])
    assert not [f for f in found.findings if f.kind in ("missing", "redundant", "unit")]


@pytest.mark.parametrize(
    "place, value, words",
    [
        ("columns", [], "derivation.columns is a list of 0, not the column it is made of"),
        ("columns", ["mode", "zone"], "derivation.columns is a list of 2"),
        ("columns", "mode", 'derivation.columns is "mode", not a list'),
        ("part", "year", 'derivation.part is "year", not one of hour, weekday, month'),
        ("part", "hour", 'derivation.label is "boost", not one of its labels'),
        ("label", "turbo", 'derivation.label is "turbo", not one of its labels'),
        ("label", 5, "derivation.label is 5, not text"),
        ("labels", [], 'derivation.label is "boost", not one of its labels'),
        ("labels", ["boost", "boost"], 'derivation.labels has "boost" twice'),
        ("labels", ["boost", "eco"], "derivation.labels is a list of 3, not what others of its"),
        ("colour", 1, 'derivation has an unknown part "colour"'),
    ],
)
def test_a_changed_derivation_is_refused_in_one_line(model, place, value, words):
    plain = json.loads(model.to_json())
    assert plain["inputs"][1]["name"] == "mode=boost"
    plain["inputs"][1]["derivation"][place] = value
    refused(lambda: from_json(sealed(plain)), words, error=ModelError)


@pytest.mark.parametrize(
    "name, times, words",
    [
        ("Date", lambda i: 45663 + i / 144, "days since 1900, as Excel stores dates (45663"),
        ("ts", lambda i: 1736121600000 + 600000 * i, "milliseconds since 1970 (1736121600000)"),
        ("t", lambda i: 1736121600 + 600 * i, "seconds since 1970 (1736121600)"),
        (
            "Zeit",
            lambda i: f"06.01.25 {i // 6:02}:{i % 6}0",
            "years of two digits ('06.01.25 00:00')",
        ),
    ],
)
def test_a_time_in_a_form_that_is_not_read_is_named(name, times, words):
    lines = [f"{times(i)},{i * 7 % 31},{i}" for i in range(60)]
    table = parse("\n".join([f"{name},temp,y", *lines]) + "\n")
    told = f"column '{name}' holds {words}"
    refused(lambda: prepare(table, "y", time_inputs=["hour"]), told, "2026-03-01 14:00")
    refused(lambda: readings(table, time_inputs=["hour"]), told)
    assert len(prepare(table, "y").x) == 60
    plain = parse(
        "\n".join(["adc,temp,y", *(f"{30000 + i},{i % 7},{i}" for i in range(60))]) + "\n"
    )
    refused(lambda: prepare(plain, "y", time_inputs=["hour"]), "no column with the rows' time")


@pytest.mark.parametrize("one, other, key", [(2, 1, "label"), (3, 1, "label"), (8, 7, "part")])
def test_two_inputs_are_not_made_alike(model, one, other, key):
    """Two inputs of one label: the label that none stands for would be a row of zeros."""
    plain = json.loads(model.to_json())
    taken = plain["inputs"][other]["derivation"][key]
    plain["inputs"][one]["derivation"][key] = taken
    words = f'inputs[{one}].derivation is "{taken}", not another one than that of inputs[{other}]'
    if key == "part":  # its range would be another one as well
        for end in ("minimum", "maximum"):
            plain["inputs"][one][end] = plain["inputs"][other][end]
    refused(lambda: from_json(sealed(plain)), words, error=ModelError)


@pytest.mark.parametrize("place, value", [("maximum", 2.0), ("scale", 0.5), ("offset", 1.0)])
@pytest.mark.parametrize("at", [1, 7])
def test_so_is_a_range_that_it_cannot_have(model, at, place, value):
    plain = json.loads(model.to_json())
    plain["inputs"][at][place] = value
    refused(lambda: from_json(sealed(plain)), "in steps of 1", error=ModelError)


def test_an_output_is_not_derived(model):
    plain = json.loads(model.to_json())
    plain["output"]["derivation"] = plain["inputs"][1]["derivation"]
    refused(lambda: from_json(sealed(plain)), "part of an input only", error=ModelError)


def test_a_guard_reads_them_too(tmp_path):
    text = heating().replace("power", "heat")
    rows = readings(parse(text), categories=["zone"], time_inputs=["hour"])
    for family in ("mahalanobis", "box"):
        guard_of(rows, family, 0.001, "watch").save(tmp_path / "watch.json")
        guard = load(tmp_path / "watch.json")
        strange = heating(90, 3, with_strangers).replace("power", "heat")
        raw, _ = rows_for(guard.inputs, parse(strange))
        lost = [i % 9 in (1, 4, 7) for i in range(90)]
        assert (guard.answer(raw) == MISSING).tolist() == lost


def test_the_worth_of_a_category_is_that_of_all_its_labels(dataset):
    config = FAMILIES["ridge"].candidates(dataset.training)[0]
    model = quick_model(dataset)
    worth = dict(sensor_worth(dataset, model, [Candidate("ridge", config, (0.0,))]))
    assert list(worth) == ["temp", "mode", "zone", "hour", "weekday", "month"]
    assert worth["mode"] > 5 and worth["zone"] > 5 and worth["weekday"] < 1


def test_labels_may_hold_anything(tmp_path):
    """Line ends, colours for a terminal, other scripts, very long ones: in a line of its own."""
    labels = ("a\nb", "\x1b[31mred", "\u6e29 \u202e", "x" * 150)
    quoted = [f'"{label}"' for label in labels]
    text = grid(80, "a,mode,y", lambda i: f"{i},{quoted[i % 4]},{3 * i}")
    dataset = prepare(parse(text), "y")
    assert {q.derivation.label for q in dataset.inputs[1:]} == {label.strip() for label in labels}
    said = "\n".join([q.name for q in dataset.inputs] + list(dataset.notes))
    assert len(said.splitlines()) == len(dataset.inputs) + len(dataset.notes)
    assert "\x1b" not in said and "\u202e" not in said
    model = quick_model(dataset)
    model.save(tmp_path / "odd.json")
    raw, _ = rows_for(load(tmp_path / "odd.json").inputs, parse(text))
    assert (raw[:, 1:].sum(axis=1) == 1).all()
    assert render_header(model).isascii()
