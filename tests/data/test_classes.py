"""Targets that are classes: which columns count as such, their labels, and what is refused."""

import json
import re

import numpy as np
import pytest
from tables import grid, parse, refused

from tinygen.codegen.emit import render_header
from tinygen.commands._live_rows import text_rows
from tinygen.commands._options import Selection
from tinygen.commands._show import json_of
from tinygen.commands.predict import meaning, predict
from tinygen.commands.train import TrainRequest, train
from tinygen.common.errors import UsageError
from tinygen.data import folds, prepare, rows_for
from tinygen.data.cells import MAXIMUM_LABELS, unit_of
from tinygen.model.fixedpoint import MISSING, Quantity

KINDS = ("wet", "dry", "Dry", "10", "9")


def of_kinds(kinds, rows=60, header="a,b,kind"):
    return parse(grid(rows, header, lambda i: f"{i},{i * i % 17},{kinds[i % len(kinds)]}"))


def test_texts_make_classes_sorted_by_spelling():
    dataset = prepare(of_kinds(("wet", " dry ", "Dry")), "kind")
    assert dataset.labels == ("Dry", "dry", "wet")
    assert dataset.y.tolist() == [(2, 1, 0)[i % 3] for i in range(60)]
    target = dataset.target
    assert (target.name, target.unit, target.scale, target.minimum, target.maximum) == (
        "kind",
        "",
        1.0,
        0.0,
        2.0,
    )


def test_a_missing_label_costs_its_row_only():
    dataset = prepare(of_kinds(("wet", "dry", "")), "kind")
    assert (len(dataset.x), dataset.provenance.rows_dropped) == (40, 20)


def test_numbers_are_a_quantity_unless_the_task_says_otherwise():
    assert prepare(of_kinds(("9", "10", "2.5")), "kind").labels == ()
    rows = of_kinds(("9", "10", "2.0"))
    assert prepare(rows, "kind", task="regression").labels == ()
    dataset = prepare(rows, "kind", task="classification")
    assert dataset.labels == ("2.0", "9", "10") and dataset.y[:3].tolist() == [1, 2, 0]


def test_numbers_and_texts_together_need_the_task():
    rows = of_kinds(KINDS, 100)
    refused(lambda: prepare(rows, "kind"), "'wet' is not a number", "--task classification")
    dataset = prepare(rows, "kind", task="classification")
    assert dataset.labels == ("9", "10", "Dry", "dry", "wet")
    assert [dataset.labels[k] for k in dataset.y[:5]] == list(KINDS)


def test_texts_are_no_quantity():
    refused(
        lambda: prepare(of_kinds(("wet", "dry")), "kind", task="regression"),
        "'wet' is not a number",
    )


def test_dates_are_no_classes():
    rows = parse(grid(60, "a,when", lambda i: f"{i},2024-01-0{1 + i % 3}"))
    refused(lambda: prepare(rows, "when"), "'2024-01-01' is not a number")


def test_too_many_values_are_no_classes():
    names = [f"k{i}" for i in range(MAXIMUM_LABELS + 1)]
    assert len(prepare(of_kinds(names[:-1], 2000), "kind").labels) == MAXIMUM_LABELS
    refused(
        lambda: prepare(of_kinds(names, 2000), "kind", task="classification"),
        f"more than {MAXIMUM_LABELS} different texts",
    )
    refused(
        lambda: prepare(parse(grid(300)), "a", task="classification"),
        "300 different values",
        f"at most {MAXIMUM_LABELS}",
    )


def test_texts_beyond_the_first_block_of_rows_are_counted():
    rows = of_kinds(("wet", "dry"), 2500)
    assert rows.labels["kind"].texts == ("wet", "dry") and len(rows.labels["kind"].codes) == 2500
    late = parse(
        grid(2500, "a,b,kind", lambda i: f"{i},{i * i % 17},{'rare' if i >= 2400 else 'usual'}")
    )
    assert (late.labels["kind"].codes == (np.arange(2500) >= 2400)).all()


def test_a_rare_class_is_refused_and_can_be_left_out():
    text = grid(60, "a,kind", lambda i: f"{i},{'typo' if i == 30 else ('wet', 'dry')[i % 2]}")
    refused(
        lambda: prepare(parse(text), "kind"),
        "class 'typo' of 'kind' has 1 training rows, at least 5",
        "--missing",
    )
    assert prepare(parse(text, (-200, "typo")), "kind").labels == ("dry", "wet")


def test_one_class_only_is_refused():
    refused(lambda: prepare(of_kinds(("wet",)), "kind"), "target 'kind' is constant")


def test_an_infinite_value_is_no_class():
    refused(lambda: prepare(of_kinds(("1", "inf")), "kind", task="classification"), "infinite")


def test_tasks_that_do_not_exist():
    refused(
        lambda: prepare(parse(grid()), "y", task="clustering"),
        "'clustering'",
        "regression or classification",
        error=UsageError,
    )


def test_splits_and_folds_are_those_of_numbers():
    """Which rows train and test does not depend on what the target is."""
    words, numbers = of_kinds(("c", "b", "a")), of_kinds(("3", "2", "1"))
    one, other = prepare(words, "kind", seed=3), prepare(numbers, "kind", seed=3)
    assert (one.train == other.train).all() and (one.test == other.test).all()
    assert all((a[0] == b[0]).all() for a, b in zip(folds(one), folds(other)))


# ---- from CSV to labels ----


@pytest.fixture(scope="module")
def weather(simavr, tmp_path_factory):
    """(file, trained model): wet is what has a large `a`; the tree needs one look."""
    folder = tmp_path_factory.mktemp("classes")
    file = folder / "weather.csv"
    file.write_text(
        grid(120, "a,b,kind", lambda i: f"{i},{i * 7 % 31},{'wet' if i > 70 else 'dry'}"),
        encoding="ascii",
    )
    return file, train(
        TrainRequest(Selection(file, "kind"), folder / "weather.json", family="tree")
    )


def test_training_speaks_of_classes(weather):
    _, trained = weather
    text, plain = trained.text(), json.loads(json_of(trained))
    assert trained.model.labels == ("dry", "wet") and "the ladder: error rate" in text
    assert re.search(r"error +\d\.\d\d% of the test rows wrong", text) and re.search(
        r"dry +\S+ +\d+ dry", text
    )
    assert (
        plain["metrics"]["error_rate"] <= 0.1
        and sum(map(sum, plain["metrics"]["confusion"])) == plain["rows_test"] == 24
    )


def test_predictions_are_labels(weather):
    file, trained = weather
    (file.parent / "new.csv").write_text("b,a\n3,5\n3,115\n3,\n", encoding="ascii")
    predicted = predict(trained.path, file.parent / "new.csv", file.parent / "out.csv")
    assert (file.parent / "out.csv").read_text().splitlines() == [
        "raw,kind,flag",
        "0,dry,OK",
        "1,wet,OK",
        ",,MISSING",
    ]
    assert json.loads(json_of(predicted))["label"] == ["dry", "wet", None]
    assert "3 rows: 2 predicted, 1 dry, 1 wet; 1 with a missing value" in predicted.text()


def test_a_class_that_does_not_exist_is_shown_as_its_number(weather):
    """A board that is wrong may answer anything."""
    model = weather[1].model
    assert [meaning(model, raw) for raw in (0, 1, 2, -1, MISSING)] == [
        "dry",
        "wet",
        "2",
        "-1",
        "",
    ]


def test_the_header_names_classes_and_errors(weather):
    text = render_header(weather[1].model)
    assert "Classifies kind from 1 sensor reading." in text and " *   1 = wet" in text
    assert re.search(r"Names \d\.\d\d% of 24 test rows wrongly \(random split\)", text)


@pytest.mark.parametrize("rows", [60, 300])  # of more than 100 different texts the first is known
@pytest.mark.parametrize("task", ["auto", "regression", "classification"])
def test_numbers_with_a_unit_are_no_classes(rows, task):
    """A scale that writes `145.0 g` is told to write numbers, as a target and as an input."""
    lines = [f"{i * 7 % 31},{100 + i / 2:.1f} g,{i}" for i in range(rows)]
    table = parse("\n".join(["a,weight,b", *lines]) + "\n")
    words = """the cells carry a unit, the first is '100.0 g': remove it from the cells"""
    refused(lambda: prepare(table, "weight", task=task), words, '(--unit "weight=g")')
    assert any(words in note for note in prepare(table, "b").notes)
    refused(lambda: prepare(table, "b", inputs=["a", "weight"]), words)


@pytest.mark.parametrize("mark, delimiter", [(".", ","), (",", ";")])
def test_a_minus_sign_is_a_minus(mark, delimiter):
    """U+2212, as spreadsheets and papers write it; all numbers of a column may have it."""
    lines = [f"\u2212{i}.5|\u2212{i % 9}|{i}".replace(".", mark) for i in range(30)]
    text = "\n".join(["a|b|y", *lines]).replace("|", delimiter) + "\n"
    table = parse(text)
    assert table.columns["a"].tolist() == [-i - 0.5 for i in range(30)] and not table.texts
    quantity = Quantity("a", "", 0.5, -40.0, 0.0)
    read = [int(row[0]) for row in text_rows(iter(text.splitlines()), (quantity,), ())]
    assert read == rows_for((quantity,), table)[0][:, 0].tolist() == [-2 * i - 1 for i in range(30)]


def test_a_column_of_text_names_its_first_such_cell():
    lines = [f"{i},w{i},{3 * i}" for i in range(40)]
    notes = prepare(parse("\n".join(["a,b,y", *lines]) + "\n"), "y").notes
    assert notes[0].endswith("; the first is 'w0' in row 2")


def test_so_are_numbers_in_two_units():
    lines = [f"{i % 31},{1000 + i} g" if i % 2 else f"{i % 31},1.{i:03} kg" for i in range(60)]
    table = parse("\n".join(["a,weight", *lines]) + "\n")
    refused(
        lambda: prepare(table, "weight"), "carry different units (g, kg)", "convert them to one"
    )


def test_few_labels_with_a_unit_stay_classes():
    """`5V` and `12V` name a supply, and no text of a few digits is a number with a unit."""
    lines = [f"{i % 31},{'5V' if i % 3 else '12V'},{i % 7}" for i in range(60)]
    assert prepare(parse("\n".join(["a,supply,b", *lines]) + "\n"), "supply").labels == (
        "12V",
        "5V",
    )
    texts = ("12", "0x0A8A", "A4", "1e5", "2025-01-06", "01:00 AM", "5 3", "wet", "")
    assert [unit_of(text) for text in texts] == [""] * 9
    texts = ("23 °C", "-1.5V", "20 %", "3 m/s²", "1 240,0 l/min", "7 ug/m3")
    assert [unit_of(text) for text in texts] == ["°C", "V", "%", "m/s²", "l/min", "ug/m3"]
