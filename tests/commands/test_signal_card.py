"""The card of a model of signals, and what is said where a command takes rows only."""

import json
from dataclasses import replace

import pytest
from signal_board_model import COST, MODEL

from tinygen.model.fixedpoint import Quantity
from tinygen.model.signals.any_model import load_any

CLASSES = {
    "recordings_train": 4,
    "recordings_test": 2,
    "windows_train": 9,
    "windows_test": 6,
    "error_rate": 0.25,
    "window_error_rate": 0.5,
    "recordings_wrong": 1,
    "confusion": [[3, 0, 0], [0, 1, 2], [0, 0, 0]],
    "random_windows": {"error_rate": 0.01},
    "recordings": [
        {"name": "desk", "label": "still", "decided": "still", "windows": 3, "wrong": 0},
        {"name": "a|b", "label": "high", "decided": "moving", "windows": 3, "wrong": 2},
    ],
}
USUAL = {
    "alarms_per_day": 2.0,
    "hours_learned": 1.0,
    "recordings": [
        {"name": "calm", "label": "ok", "learned": True, "windows": 9, "alarms": 1},
        {"name": "loud", "label": "", "learned": False, "windows": 9, "alarms": 8},
    ],
}


@pytest.fixture
def models(tmp_path, monkeypatch):
    """motor.json names classes, guard.json is a guard."""
    monkeypatch.chdir(tmp_path)
    labels = ("still", "high", "moving")
    window = replace(MODEL.window_model, labels=labels)
    named = replace(MODEL, window_model=window).with_facts(signals={**CLASSES, **COST})
    named.save(tmp_path / "motor.json")
    distance = Quantity("distance", "deviations", 1.0, 0.0, 2.0)
    alarm = replace(MODEL.window_model, labels=(), threshold=1, output=distance)
    guard = replace(MODEL, window_model=alarm, votes=1).with_facts(signals={**USUAL, **COST})
    guard.save(tmp_path / "guard.json")
    return tmp_path


def test_the_card_tells_what_training_left_in_the_file(run, models):
    (models / "own.txt").write_text("- on the lathe only\n")
    done = run("card motor.json --note own.txt -o CARD.md")
    assert done.code == 0 and done.out.endswith("written to CARD.md\n")
    card = (models / "CARD.md").read_text()
    model = load_any(models / "motor.json")
    for line in (
        "1 of 2 unseen recordings are named right, and 75.0% of their windows",
        f"| model id | {model.model_id:08x} |",
        "| decides | state: still, high, moving |",
        "| signals | 2 channels at 200 Hz: a, b |",
        "- on the lathe only",
        "| mean of a | - | 0 | 1023 |",
        "| Windows wrong | 25.0% | unseen recordings |",
        "| Bytes of flash | 1,234 | of 32,256, Arduino Uno |",
        "| high | 0 | 1 | 2 |",
        r"| a\|b | high | moving | 3 | 2 |",
        "- only 2 recordings tested it",
    ):
        assert line in card, line
    told = json.loads(run("card motor.json -o AGAIN.md --json").out)
    titles = [line[3:] for line in card.splitlines() if line.startswith("## ")]
    assert [title for title in titles if title != "Note by the user"] == told["parts"]
    assert (models / "AGAIN.md").read_text() != card


def test_a_guards_card_tells_its_alarm(run, models):
    assert run("card guard.json -o CARD.md").code == 0
    card = (models / "CARD.md").read_text()
    alarm = "1 window farther out than 1 deviations; asked for at most 2 false alarms a day"
    assert f"- Its alarm: {alarm}." in card and "| loud | - | no | 9 | 8 |" in card
    assert "What to know first" not in card and "None" not in card


@pytest.mark.parametrize(
    "line, words",
    [
        ("explain motor.json", "`tinygen report` and `card` tell what it does"),
        ("monitor motor.json rows.csv", "`tinygen report` and `card` tell what it does"),
        ("recalibrate motor.json rows.csv", "`predict`, `emit`, `export`"),
        ("card motor.json --data rows.csv -o CARD.md", "`tinygen report` draws its recordings"),
    ],
)
def test_what_takes_rows_only_says_so_with_the_next_step(run, models, line, words):
    (models / "rows.csv").write_text("a,b\n1,2\n")
    done = run(line)
    assert done.code == 2 and done.out == "" and done.err.count("\n") == 1
    assert "of signals" in done.err and words in done.err
    assert not (models / "CARD.md").exists()
