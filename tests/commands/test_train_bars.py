"""`train --error-bars`: which rows make the bars, what is told, and what is refused."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from tinygen.commands._options import Selection
from tinygen.commands.train import TrainRequest, train
from tinygen.common.boards import BOARDS
from tinygen.common.errors import UsageError
from tinygen.data import load_table, prepare
from tinygen.fitting.error_bars import covered, held_out, one_a_day
from tinygen.model.model import load
from tinygen.search.finalists import SearchRequest
from tinygen.search.model_search import find_ladder

ROWS = 600


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """A line with noise, every three hours, and a class."""
    rng, path = np.random.default_rng(3), tmp_path_factory.mktemp("bars") / "rows.csv"
    lines = ["when,a,b,gas [ppb],kind"]
    for k in range(ROWS):
        when = datetime(2025, 1, 1) + timedelta(hours=3 * k)
        a, b = rng.integers(0, 1000), rng.integers(0, 300)
        gas = 0.3 * a + 0.1 * b + rng.normal(0, 10)
        lines.append(f"{when.isoformat()},{a},{b},{gas:.1f},{'high' if gas > 200 else 'low'}")
    path.write_text("\n".join([*lines, ""]))
    return path


def asked(rows, target="gas", split="random", **options) -> TrainRequest:
    selection = Selection(rows, target, inputs=("a", "b"), split=split)
    options = {"error_bars": 0.9, "family": "ridge", **options}
    return TrainRequest(selection, rows.parent / "gas.json", **options)


def test_what_train_says_is_what_the_file_has(rows, simavr):
    found = train(asked(rows, split="time", threshold=150))
    model, told = found.model, found.model.training["error_bars"]
    assert load(rows.parent / "gas.json") == model and model.bars.level == 90
    assert told["rows"] == 126  # three tenths of 420
    test, followed = told["test"], told["followed"]
    assert test["rows"] == followed["rows"] == 180 and followed["readings"] == 23
    assert test["narrowest"] == test["widest"] == model.bars.half_width
    assert followed["narrowest"] < model.bars.half_width < followed["widest"]
    dataset = prepare(load_table(rows), "gas", inputs=("a", "b"), split="time")
    answers, y = model.answer(dataset.x[dataset.test]), dataset.y[dataset.test]
    half = model.bars.half_width
    assert test["inside"] == (np.abs(answers - y) <= half).sum() and 0 < test["unsure"] < 60
    assert test["unsure"] == model.unsure(answers).sum()
    text = found.text()
    assert f"bars     +- {half / 10:.4g} ppb for 90% of the references, from 126 training" in text
    assert f"as they are: {test['inside'] / 180:.2%} of 180 rows within; alarm unsure in" in text
    assert "told a reference a day: " in text and " ppb to " in text
    plain = json.loads(json.dumps(found.plain()))["error_bars"]
    assert plain["half_width"] == half and plain["physical"] == half / 10
    assert plain["test"] == test and plain["level"] == 90


def bars_of(dataset):
    request = SearchRequest("gas", BOARDS["uno"], "ridge", choice_only=True, error_bars=90)
    ladder = find_ladder(dataset, request)
    return ladder.model.bars, ladder.model.training["error_bars"]


@pytest.mark.parametrize("split", ["random", "time"])
def test_no_test_row_has_a_part_in_the_bars(rows, split):
    dataset = prepare(load_table(rows), "gas", inputs=("a", "b"), split=split)
    moved = np.array(dataset.y)
    moved[dataset.test] += 3000
    bars, told = bars_of(dataset)
    again, lost = bars_of(dataset.with_rows(y=moved))
    assert bars == again and told["test"]["inside"] > 0.8 * told["test"]["rows"]
    assert lost["test"]["inside"] == 0  # negative control: they are looked at for the figures
    train_too = np.array(dataset.y)
    train_too[dataset.train[-40:]] += 3000
    assert bars_of(dataset.with_rows(y=train_too))[0] != bars


def test_rows_that_are_held_out_were_not_fitted_to(rows):
    for split in ("random", "time"):
        dataset = prepare(load_table(rows), "gas", inputs=("a", "b"), split=split)
        cuts = held_out(dataset)
        for fit_on, unseen in cuts:
            assert not set(fit_on) & set(unseen) and {*fit_on, *unseen} <= set(dataset.train)
    assert [len(unseen) for _, unseen in cuts] == [126] and cuts[0][0].max() < cuts[0][1].min()
    every = np.concatenate([unseen for _, unseen in held_out(replace_split(dataset))])
    assert sorted(every) == sorted(dataset.train)  # few rows: each is held out once


def replace_split(dataset):
    return replace(dataset, split=replace(dataset.split, kind="random"))


def test_with_many_rows_a_part_of_them_is_enough(rows):
    dataset = prepare(load_table(rows), "gas", inputs=("a", "b"))
    many = np.arange(9000)
    large = replace(
        dataset.with_rows(x=np.column_stack([many, many]), y=many),
        split=replace(dataset.split, train=many, test=many[:0]),
    )
    assert [len(unseen) for _, unseen in held_out(large)] == [1800]


def test_a_reading_a_day_at_changing_hours():
    time = np.datetime64("2025-03-01T05", "s") + np.arange(500) * np.timedelta64(3600, "s")
    told = one_a_day(time, 1)
    days = time[told].astype("datetime64[D]")
    assert told.sum() == 22 == len(set(days.tolist())) and (told != one_a_day(time, 2)).any()
    hours = (time[told] - days).astype("timedelta64[h]").astype(int)
    assert len(set(hours.tolist())) > 8
    assert not one_a_day(np.full(5, np.datetime64("NaT", "s"))).any()


def test_nobody_told_leaves_the_bar(rows):
    model = replace(load_bars(rows), threshold=None)
    answers = np.array([100, 100, 100])
    found = covered(model, answers, answers + [0, model.bars.half_width, 9999])
    assert (found.rows, found.inside, found.unsure, found.readings) == (3, 2, 0, 0)
    assert found.narrowest == found.widest == model.bars.half_width and found.share == 2 / 3


def load_bars(rows):
    dataset = prepare(load_table(rows), "gas", inputs=("a", "b"))
    request = SearchRequest("gas", BOARDS["uno"], "ridge", choice_only=True, error_bars=90)
    return find_ladder(dataset, request).model


@pytest.mark.parametrize(
    "options, said",
    [
        ({"error_bars": 0.0}, "error bars of 0 are none: give the part"),
        ({"error_bars": 1.0}, "error bars of 1 are none"),
        ({"error_bars": float("nan")}, "error bars of nan are none"),
        ({"target": "kind"}, "the target 'kind' has classes: use --reject for classes"),
        ({"target": ("gas", "b"), "error_bars": 0.9}, "--error-bars is for a model of one number"),
    ],
)
def test_what_makes_no_sense_is_refused(rows, options, said, simavr):
    target = options.pop("target", "gas")
    request = asked(rows, target, **options)
    if isinstance(target, tuple):
        selection = Selection(rows, target[0], inputs=("a",), beside=target[1:])
        request = replace(request, rows=selection)
    with pytest.raises(UsageError, match=said) as refused:
        train(request)
    assert "\n" not in str(refused.value)


def test_too_few_rows_are_refused(rows):
    few = rows.parent / "few.csv"
    few.write_text("\n".join([*rows.read_text().splitlines()[:61], ""]))
    with pytest.raises(
        UsageError, match=r"0\.99 need 99 training rows that a fit has not seen, there are 48"
    ):
        train(asked(few, error_bars=0.99))
