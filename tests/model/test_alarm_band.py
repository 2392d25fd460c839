"""Alarms below a threshold and outside a band: levels to raw steps, the model file, the header, the
learned thresholds, the words.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from host_c import compile_header, run_rows
from random_models import random_models
from sealed import sealed

from tinygen.codegen.emit import render_header
from tinygen.codegen.float_model import render_float
from tinygen.common.errors import ModelError, QuantizeError
from tinygen.model.alarm_threshold import (
    NO_ALARM,
    AlarmBand,
    AlarmCost,
    Confusion,
    check_levels,
    learned,
)
from tinygen.model.fixedpoint import RAW_MAX, RAW_MIN, Quantity
from tinygen.model.model import from_json
from tinygen.report import words
from tinygen.search.quantization import raw_band

PLAIN = replace(random_models()["linear8"], threshold=None, training={})
BELOW, OUTSIDE = replace(PLAIN, alarm_below=40), replace(PLAIN, threshold=150, alarm_below=40)
HOUSE = Path(__file__).parent.parent / "golden" / "house"
GAS = Quantity("gas", "ppm", 0.1, 0.0, 50.0)


# ---- levels become raw steps ----


@pytest.mark.parametrize("level", [3, 3.04, 3.06, -0.05, 0, 29.9, 3276.7, -3276.7])
def test_a_raw_step_is_an_alarm_where_its_physical_value_is_beyond_the_level(level):
    steps = np.arange(RAW_MIN, RAW_MAX + 1)
    tenths = steps / 10
    assert (raw_band(GAS, threshold=level).left_by(steps) == (tenths > level)).all()
    assert (raw_band(GAS, alarm_below=level).left_by(steps) == (tenths < level)).all()


def test_ends_are_no_alarm_and_no_alarm_is_false():
    band = AlarmBand(-3, 5)
    assert band.left_by([-4, -3, 0, 5, 6]).tolist() == [True, False, False, False, True]
    assert AlarmBand(low=RAW_MIN) and not AlarmBand(low=RAW_MIN).left_by([RAW_MIN]).any()
    assert not NO_ALARM and not NO_ALARM.left_by([RAW_MIN, RAW_MAX]).any()
    sides = [NO_ALARM.side, AlarmBand(high=0).side, AlarmBand(low=0).side, band.side]
    assert sides == ["", "above", "below", "outside"]


@pytest.mark.parametrize(
    "threshold, below, said",
    [
        (3, 15, "below 15 ppm and above 3 ppm leaves no band"),
        (3, 3, "leaves no band between: the level below must be the smaller one"),
        (3.08, 3.02, "too narrow for steps of 0.1 ppm: move them apart"),
        (3.05, 2.95, "too narrow"),
        (None, float("nan"), "alarm_below nan is not a number"),
        (None, 1e9, r"alarm_below 1e\+09 ppm is raw 10000000000, beyond int16"),
    ],
)
def test_levels_that_cannot_be_are_refused(threshold, below, said):
    with pytest.raises(QuantizeError, match=said):
        raw_band(GAS, threshold, below)


# ---- the model file ----


@pytest.mark.parametrize("model", [BELOW, OUTSIDE], ids=["below", "outside"])
def test_a_model_file_keeps_the_alarm(model):
    plain = json.loads(model.to_json())
    assert plain["alarm_below"] == 40 and from_json(model.to_json()) == model
    ids = {m.model_id for m in (PLAIN, BELOW, OUTSIDE, replace(OUTSIDE, alarm_below=None))}
    assert len(ids) == 4  # host and board must not take one for another
    answers = np.arange(RAW_MIN, RAW_MAX + 1)
    high = RAW_MAX if model.threshold is None else model.threshold
    assert (model.alarm(answers) == ((answers < 40) | (answers > high))).all()


def test_a_model_without_it_has_the_file_that_it_always_had():
    assert "alarm_below" not in json.loads(PLAIN.to_json())
    text = (HOUSE / "numbers" / "station.json").read_text()
    assert "alarm_below" not in text and from_json(text).to_json() == text


@pytest.mark.parametrize(
    "edit, said",
    [
        ({"alarm_below": True}, "alarm_below is true, not an integer"),
        ({"alarm_below": 1.5}, "alarm_below is 1.5, not an integer"),
        ({"alarm_below": "40"}, 'alarm_below is "40", not an integer'),
        ({"alarm_below": 32768}, "alarm_below 32768 is beyond int16"),
        ({"alarm_below": -32768}, "alarm_below -32768 is beyond int16"),
        ({"alarm_below": 150}, "alarm_below 150 is not below threshold 150"),
        ({"alarm_below": 200}, "alarm_below 200 is not below threshold 150"),
        ({"alarm_below": None}, "content and hash differ"),
        ({"alarm_above": 3}, "unknown part"),
        ({"training": {"learned_alarm": {"level_below": 150}}}, "150 is not below threshold 150"),
        ({"training": {"learned_alarm": {"level_below": 10**9}}}, "1000000000 is beyond int16"),
        ({"training": {"learned_alarm": {"level_below": "x"}}}, "level_below is .x., not"),
    ],
)
def test_an_edited_file_is_refused_in_one_line(edit, said):
    with pytest.raises(ModelError, match=said) as refused:
        from_json(sealed({**json.loads(OUTSIDE.to_json()), **edit}))
    assert "\n" not in str(refused.value)


def test_classes_have_no_alarm_below():
    votes = replace(random_models()["votes"], threshold=None)
    labels = tuple(f"class {k}" for k in range(votes.bounds[-1].high[0] + 1))
    plain = json.loads(replace(votes, labels=labels).to_json())
    with pytest.raises(ModelError, match="this model names classes"):
        from_json(sealed({**plain, "alarm_below": 1}))


# ---- the header ----


def test_the_header_says_both_thresholds_and_computes_the_same(tmp_path):
    text = render_header(OUTSIDE)
    assert "#define LINEAR8_THRESHOLD 150 /* 15 ug/m3: alarm when output > threshold */" in text
    assert "#define LINEAR8_ALARM_BELOW 40 /* 4 ug/m3: alarm when output < this */" in text
    assert "_THRESHOLD" not in render_header(BELOW) and "_BELOW 40 " in render_header(BELOW)
    assert "_ALARM_BELOW" not in render_header(replace(OUTSIDE, alarm_below=None))
    assert "#define LINEAR8_ALARM_BELOW 40\n" in render_float(BELOW)
    rows = OUTSIDE.sample_rows(500, 2)
    assert (run_rows(compile_header(OUTSIDE, tmp_path), rows) == OUTSIDE.predict(rows)).all()


# ---- learned thresholds ----


def noisy(n: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 60, n)
    return truth + np.floor(rng.normal(0, 6, n) + 0.5).astype(int), truth


def test_below_is_above_with_every_sign_turned():
    answers, truth = noisy(400)
    for cost in (AlarmCost(5, 1), AlarmCost(1, 1), AlarmCost(1, 20)):
        below = learned(cost, AlarmBand(low=20), answers, truth)
        above = learned(cost, AlarmBand(high=-20), -answers, -truth)
        assert below.band == AlarmBand(low=-above.band.high) and below.learned == above.learned
        assert below.at_level == above.at_level


@pytest.mark.parametrize("cost", ["5:1", "1:1", "1:20", "0.3:0.7"])
def test_no_other_band_is_cheaper(cost):
    cost, levels = AlarmCost.parse(cost), AlarmBand(20, 40)
    answers, truth = noisy(150, 3)
    found, beyond = learned(cost, levels, answers, truth), levels.left_by(truth)
    ends = range(answers.min() - 1, answers.max() + 2)
    prices = {
        (low, high): Confusion.of((answers < low) | (answers > high), beyond).cost(cost)
        for low in ends
        for high in ends
        if low < high
    }
    price = found.learned.cost(cost)
    assert price == pytest.approx(min(prices.values())) and price < found.at_level.cost(cost)
    assert prices[found.band.low, found.band.high] == pytest.approx(price)


def test_without_mistakes_the_levels_stay():
    truth = np.arange(60)
    for levels in (AlarmBand(20, 40), AlarmBand(low=20)):
        assert learned(AlarmCost(50, 1), levels, truth, truth).band == levels
    # all rows would rather be alarms: the band still has two ends, the low one below the high one
    found = learned(AlarmCost(1000, 1), AlarmBand(20, 21), np.full(9, 30), np.full(9, 50)).band
    assert found.low < found.high and found.left_by(30)


def test_answers_beyond_16_bits_price_no_threshold_that_a_board_cannot_have():
    answers, truth = np.array([50, 40_000]), np.array([50, 50])
    assert learned(AlarmCost(1, 1000), AlarmBand(high=100), answers, truth).band.high == RAW_MAX
    assert learned(AlarmCost(1, 1000), AlarmBand(low=-100), -answers, -truth).band.low == RAW_MIN


def test_a_learned_band_is_kept_and_told():
    answers, truth = noisy(300, 1)
    found = learned(AlarmCost(6, 1), AlarmBand(20, 40), answers, truth)
    facts = {**found.plain(), "test_at_level": vars(found.at_level)}
    model = replace(
        PLAIN,
        threshold=found.band.high,
        alarm_below=found.band.low,
        training={"learned_alarm": {**facts, "test_learned": vars(found.learned)}},
    )
    assert from_json(model.to_json()) == model
    assert (model.levels, model.band) == (AlarmBand(20, 40), found.band) and found.band.low > 20
    assert facts["offset_below"] == found.band.low - 20 and facts["offset"] == found.band.high - 40
    assert (model.beyond([19, 20, 40, 41]) == [True, False, False, True]).all()
    header = render_header(model)
    assert "the alarm level is 2, a miss costs 6" in header and "level is 4, a miss" in header
    text = "\n".join(words.learned_alarm(model))
    lit = f"outside {found.band.low / 10:g} .. {found.band.high / 10:g} ug/m3"
    assert "its thresholds were learned" in text and text.count(lit) == 2
    assert text.count("outside 2 .. 4 ug/m3") == 2
    assert words.red(model).startswith("The alarm levels are 2 .. 4 ug/m3; a miss costs 6")
    assert words.red(model).endswith(f"the thresholds were learned, red LED {lit}")


# ---- words ----


@pytest.mark.parametrize(
    "model, alarm, green",
    [
        (replace(OUTSIDE, alarm_below=None), "above 15 ug/m3", "green at it or below"),
        (BELOW, "below 4 ug/m3", "green at it or above"),
        (OUTSIDE, "outside 4 .. 15 ug/m3", "green at either end or between"),
    ],
)
def test_words(model, alarm, green):
    assert (words.alarm_words(model), words.green(model)) == (alarm, green)
    assert words.red(model) == f"Red LED {alarm}"


def test_the_level_of_classes_has_a_class_above_it():
    labels = "dry", "ok", "wet"
    for level in (0, 1, None):
        check_levels(labels, AlarmBand(None, level), 2)
    for level in (-1, 2, 7):
        with pytest.raises(ModelError, match=r"0 dry, 1 ok, 2 wet; use 0 \.\. 1"):
            check_levels(labels, AlarmBand(None, level), 2)
    with pytest.raises(ModelError, match="alarm_below"):
        check_levels(labels, AlarmBand(0, None), 2)
    check_levels((), AlarmBand(-9, 7), -3)  # numbers, all of them negative
    check_levels(labels, AlarmBand(None, 7), 9)  # answers that are no class: told elsewhere
