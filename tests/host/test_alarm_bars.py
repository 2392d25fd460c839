"""Error bars at work: the firmware compiled for the host has dark LEDs where the bar leaves the
alarm open, and its state then is the twin's, with a hysteresis and without.
"""

from dataclasses import replace

import numpy as np
import pytest
from native_board import NativeBoard, compile_board, native_link
from random_models import random_models
from tinygen.host.check import START, Alarm, check, expect
from tinygen.host.protocol import Flag, Pin
from tinygen.host.stream import stream

from tinygen.model.confidence.error_bars import ErrorBars
from tinygen.model.fixedpoint import MISSING

PLAIN = replace(random_models()["linear_wide"], threshold=None)
ROWS = PLAIN.sample_rows(1500, 3)
LOW, HIGH = np.percentile(PLAIN.predict(ROWS), (35, 65)).astype(int).tolist()
HALF = (HIGH - LOW) // 3
BARS = ErrorBars.of(90, [HALF] * 9)
MODELS = {
    "above": replace(PLAIN, threshold=HIGH, bars=BARS),
    "below": replace(PLAIN, alarm_below=LOW, bars=BARS),
    "outside": replace(PLAIN, threshold=HIGH, alarm_below=LOW, bars=BARS),
    "none": replace(PLAIN, bars=BARS),
}
DELAYS = ("-DTINYGEN_ALARM_HYSTERESIS=20", "-DTINYGEN_ALARM_DEBOUNCE=1")


def rows_at_the_ends(model) -> np.ndarray:
    """Rows whose answers are next to where the bar begins to leave an alarm open, and others."""
    answers = PLAIN.predict(ROWS)
    ends = [end for end in (model.threshold, model.alarm_below) if end is not None]
    edges = [end + step for end in ends for step in (-HALF, HALF)]
    near = [ROWS[np.argsort(np.abs(answers - edge), kind="stable")[:12]] for edge in edges]
    rows = np.vstack([*near, ROWS[:400]])
    rows = np.random.default_rng(4).permutation(rows)
    rows[5::60, 0] = MISSING
    return rows


def verdict_of(library, model, rows):
    with native_link(NativeBoard(library), model) as link:
        expected = expect(model, rows, Alarm.of(model, link.info))
        return check(stream(link, rows), expected), expected


@pytest.mark.parametrize("flags", [(), DELAYS], ids=["plain", "delays"])
@pytest.mark.parametrize("side", MODELS)
def test_leds_are_dark_where_the_bar_leaves_it_open(side, flags, tmp_path):
    model, rows = MODELS[side], rows_at_the_ends(MODELS[side])
    verdict, expected = verdict_of(compile_board(model, tmp_path, flags), model, rows)
    assert verdict.passed and verdict.rows == len(rows)
    answers = model.answer(rows)
    present = answers != MISSING
    assert verdict.unsure == model.unsure(answers[present]).sum()
    dark = np.array([pins == Pin(0) for pins in expected.pins])
    assert (dark[present] == model.unsure(answers[present])).all() and dark[~present].all()
    assert (verdict.unsure > 40) == (side != "none")
    assert Flag.NOT_SURE not in Flag(sum(set(expected.flags)))  # the wire is as without bars


@pytest.mark.parametrize(
    "changes",
    [
        {"main": {"|| model_unsure(y)": ""}},
        {"main": {"|| model_unsure(y)": "|| (model_unsure(y) && y > M_HIGH)"}},
        {"main": {"|| model_unsure(y)": "|| model_unsure(y + 1)"}},
    ],
)
def test_wrong_leds_are_seen(changes, tmp_path):
    model, rows = MODELS["outside"], rows_at_the_ends(MODELS["outside"])
    changes = {"main": {k: v.replace("M_HIGH", str(HIGH)) for k, v in changes["main"].items()}}
    verdict, _ = verdict_of(compile_board(model, tmp_path, **changes), model, rows)
    assert verdict.led_wrong > 0 and verdict.wrong == 0


@pytest.mark.parametrize("step", [-1, 1])
def test_another_half_width_is_another_model(step, tmp_path):
    """The board says which model it has: bars of another width are not taken for these."""
    model = MODELS["above"]
    other = replace(model, bars=replace(BARS, half_width=HALF + step))
    with pytest.raises(Exception, match="model"):
        verdict_of(compile_board(model, tmp_path), other, rows_at_the_ends(model))


def test_an_unsure_answer_changes_no_state():
    alarm = Alarm(100, hysteresis=10, debounce=1, half_width=30)
    assert alarm.light(START, 130, Flag(0)) == (START, Pin(0))
    asked, pins = alarm.light(START, 131, Flag(0))
    assert (asked, pins) == ((False, 1), Pin.GREEN)
    assert alarm.light(asked, 71, Flag(0)) == (asked, Pin(0))
    assert alarm.light(asked, 500, Flag(0)) == ((True, 0), Pin.RED)
    assert [alarm.unsure(y) for y in (70, 71, 130, 131)] == [False, True, True, False]
    below = Alarm(None, below=100, half_width=30)
    assert [below.unsure(y) for y in (69, 70, 129, 130)] == [False, True, True, False]
