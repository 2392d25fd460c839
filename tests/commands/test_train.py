"""What is refused when it is typed, what Ctrl-C keeps, and which commands start quickly."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from tinygen.codegen.emit import render_header
from tinygen.commands import train as training
from tinygen.commands._options import Selection
from tinygen.commands.predict import predict
from tinygen.commands.train import TrainRequest, train
from tinygen.common.boards import BOARDS
from tinygen.common.errors import UsageError
from tinygen.common.files import ladder_path
from tinygen.model.model import load
from tinygen.report.words import level
from tinygen.search.ladder import load_ladders
from tinygen.target.bare import measure_cost

QUICK = 1.0  # seconds of CPU that a command which trains nothing may take


@pytest.fixture
def weather(tmp_path):
    """Rows whose class follows from one column."""
    rows = (f"{i},{i * 7 % 31},{'wet' if i > 70 else 'dry'}" for i in range(160))
    (tmp_path / "weather.csv").write_text("\n".join(["a,b,kind", *rows, ""]))
    return tmp_path


def asked(folder, **options) -> TrainRequest:
    rows = Selection(folder / "weather.csv", options.pop("target", "kind"))
    return TrainRequest(rows, folder / "m.json", family="tree", **options)


def test_costs_of_an_alarm_are_for_numbers(weather):
    with pytest.raises(UsageError, match="--alarm-cost is for a target of numbers, 'kind'"):
        train(asked(weather, threshold=0, alarm_cost="5:1"))


def test_the_header_states_what_no_row_can_exceed(simavr, weather):
    """Of the text that was measured: of one for another goal nothing is known."""
    model = train(asked(weather)).model
    cost = measure_cost(model, BOARDS["uno"])
    told = (
        f" * m_predict, compiled with -Os for the Arduino Uno: {cost.flash_bytes} bytes of flash,\n"
        f" * {cost.stack_bytes} of stack, at most {cost.cycles_max:,} cycles in the function "
        "itself, which no row can exceed.\n"
    )
    assert told in render_header(model) and cost.cycles_seen <= cost.cycles_max
    assert "m_predict, compiled" not in render_header(model.optimized_for("speed"))
    verdict = model.training["verdict"]
    seen_only = {k: v for k, v in verdict["integer"].items() if k != "cycles_seen"}
    facts = {**model.training, "verdict": {**verdict, "integer": seen_only}}
    assert "m_predict, compiled" not in render_header(replace(model, training=facts))


@pytest.mark.parametrize("threshold", [None, 0])
def test_an_alarm_below_is_for_numbers(weather, threshold):
    with pytest.raises(UsageError, match="--alarm-below is for a target of numbers, 'kind' has"):
        train(asked(weather, threshold=threshold, alarm_below=0))


def test_an_alarm_outside_a_band_is_told_and_predicted(simavr, weather):
    rows = (f"{i},{i * 7 % 31},{2 * i % 160}" for i in range(160))
    (weather / "weather.csv").write_text("\n".join(["a,b,c", *rows, ""]))
    found = train(asked(weather, target="c", threshold=100, alarm_below=20))
    model, facts = found.model, found.model.training["alarm"]
    assert "alarm    outside 20 .. 100: " in found.text() and set(facts) == {"false", "missed"}
    assert all(b.false_alarms is not None for b in found.comparators)
    answers = predict(weather / "m.json", weather / "weather.csv", weather / "out.csv").raw
    told = [line.split(",")[-1] for line in (weather / "out.csv").read_text().splitlines()]
    assert told == ["alarm", *("1" if a < 20 or a > 100 else "0" for a in answers)]
    assert {"0", "1"} < set(told) and model.alarm(answers).sum() == told.count("1")


@pytest.mark.parametrize(
    "levels, told",
    [
        ({"threshold": 158}, "no training row is one"),  # the level itself is none
        ({"threshold": 157}, ""),
        ({"threshold": -1}, "every training row is one"),
        ({"alarm_below": 0}, "no training row is one"),
        ({"alarm_below": 159}, "every training row is one"),
        ({"threshold": 900, "alarm_below": 20}, ""),
    ],
)
def test_a_level_that_no_row_or_every_row_is_beyond_is_told(weather, levels, told):
    rows = (f"{i},{i * 7 % 31},{2 * i % 160}" for i in range(160))
    (weather / "weather.csv").write_text("\n".join(["a,b,c [K]", *rows, ""]))
    notes = training.rows_to_learn(asked(weather, target="c", **levels), print).notes
    found = [note for note in notes if note.startswith("alarm: ")]
    assert len(found) == bool(told) and all(f"{told}, its 'c' is 0 .. 158 K: " in n for n in found)


@pytest.mark.parametrize("threshold", [-1, 1, 7])
def test_a_class_without_another_above_it_is_no_level(weather, threshold):
    with pytest.raises(UsageError, match=r"the classes are 0 dry, 1 wet; use 0 \.\. 0"):
        train(asked(weather, threshold=threshold))


def test_the_level_of_classes_is_a_class(simavr, weather):
    found = train(asked(weather, threshold=0))
    assert level(found.model) == "class 'dry'" and "alarm    above class 'dry':" in found.text()


def test_ctrl_c_after_the_search_keeps_the_model(simavr, weather, monkeypatch):
    def stopped(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "judged", stopped)
        found = train(asked(weather))
    assert load(weather / "m.json") == found.model and training.SKIPPED in found.notes
    assert load_ladders(ladder_path(weather / "m.json"))[0] == found.ladder
    assert f"note: {training.SKIPPED}" in found.text() and found.plain()["baselines"] == []
    whole = train(asked(weather))  # control: what was left out is there without Ctrl-C
    assert whole.plain()["baselines"] and training.SKIPPED not in whole.notes
    assert load(weather / "m.json") == whole.model


def test_the_time_of_a_row_is_kept(simavr, weather):
    made = train(asked(weather, target="b"))
    rows = ["t,a", *(f"2024-01-01 0{i}:00:00,{i}" for i in range(9)), ""]
    (weather / "new.csv").write_text("\n".join(rows))
    predict(made.path, weather / "new.csv", weather / "out.csv")
    head, first, *_ = (weather / "out.csv").read_text().splitlines()
    assert head == "time,raw,b,flag" and first.startswith("2024-01-01T00:00:00,")


LOADED = """
import json, sys, time
from tinygen.cli import main
try:
    main()
except SystemExit as end:
    heavy = [name for name in ("sklearn", "matplotlib") if name in sys.modules]
    print(json.dumps([end.code, heavy, time.process_time()]), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "words", [["boards"], ["predict", "m.json", "weather.csv"], ["emit", "m.json", "-o", "lib"]]
)
def test_what_trains_nothing_starts_quickly(simavr, weather, words):
    train(asked(weather))
    code, heavy, seconds = started(weather, words)
    assert (code, heavy) == (0, []) and seconds <= QUICK


def test_what_trains_nothing_loads_no_library_of_training(simavr, weather):
    train(asked(weather))
    for words in (
        ["pick", "m.search.json", "1", "-o", "p.json"],
        ["card", "m.json", "-o", "card.md"],
    ):
        assert started(weather, words)[:2] == [0, []]
    control = ["card", "m.json", "--data", "weather.csv", "-o", "card.md"]
    assert started(weather, control)[:2] == [0, ["sklearn"]]  # the audit of the rows needs it


def started(folder, words) -> list:
    """Exit code of a command, which heavy libraries it loaded, and its seconds of CPU."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return json.loads(done.stderr.splitlines()[-1])
