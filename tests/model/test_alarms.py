"""The learned alarm threshold: cheapest on training rows, kept in the model, the same in C and on
the LED.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
from search_rows import UNO, made_up

from tinygen.codegen.emit import render_header
from tinygen.common.errors import UsageError
from tinygen.model.alarm_threshold import AlarmBand, AlarmCost, Confusion, learned
from tinygen.model.model import from_json
from tinygen.report.words import learned_alarm, red, rows_used
from tinygen.search.cross_validation import (
    FAMILIES,
    Trained,
    cross_validate,
    fold_cuts,
)
from tinygen.search.finalists import SearchRequest
from tinygen.search.model_search import find_ladder
from tinygen.search.quantization import quantize
from tinygen.target.build import Budget

LEVEL = 300
LEVELS = AlarmBand(high=LEVEL)


def noisy(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(100, 500, n)
    return truth + np.floor(rng.normal(0, 30, n) + 0.5).astype(int), truth


def test_no_other_threshold_is_cheaper():
    answers, truth = noisy(500)
    for cost in (AlarmCost(5, 1), AlarmCost(1, 1), AlarmCost(1, 20)):
        found = learned(cost, LEVELS, answers, truth)
        prices = {
            t: Confusion.of(answers > t, truth > LEVEL).cost(cost)
            for t in range(answers.min() - 2, answers.max() + 2)
        }
        assert found.learned.cost(cost) == min(prices.values()) == prices[found.band.high]
        assert all(
            abs(t - LEVEL) >= abs(found.band.high - LEVEL)
            for t in prices
            if prices[t] == min(prices.values()) and t in answers
        )
        assert found.at_level == Confusion.of(answers > LEVEL, truth > LEVEL)


def test_it_pays_on_fresh_rows_and_moves_the_way_the_costs_say():
    fresh, truth = noisy(seed=1)
    for cost, sign in ((AlarmCost(5, 1), -1), (AlarmCost(1, 5), 1)):
        found = learned(cost, LEVELS, *noisy())
        before, after = (
            Confusion.of(fresh > t, truth > LEVEL).cost(cost) for t in (LEVEL, found.band.high)
        )
        assert np.sign(found.band.high - LEVEL) == sign and after < 0.8 * before


def test_without_mistakes_the_level_stays():
    _, truth = noisy()
    assert learned(AlarmCost(50, 1), LEVELS, truth, truth).band.high == LEVEL
    assert (
        learned(AlarmCost(3, 1), LEVELS, np.full(5, 7), np.full(5, 8)).band.high == LEVEL
    )  # no row above it at all


@pytest.mark.parametrize(
    "text", ["5", "5:", "a:b", "0:1", "1:-1", "1:2:3", "nan:1", "1:inf", "1:2000"]
)
def test_a_wrong_cost_is_refused(text):
    with pytest.raises(UsageError, match="--alarm-cost"):
        AlarmCost.parse(text)
    assert AlarmCost.parse("5:0.5") == AlarmCost(5, 0.5)


@pytest.fixture(scope="module")
def shifted():
    """A model with a learned threshold, the same one without, and its data set."""
    dataset = made_up(rows=1500, noise=25.0)
    family = FAMILIES["polynomial"]
    candidate = min(cross_validate(dataset, [family]), key=lambda c: c.error)
    truth = dataset.y[np.concatenate([validate for _, validate in fold_cuts(dataset)])]
    found = learned(AlarmCost(6, 1), LEVELS, candidate.unseen, truth)
    trained = Trained(family, candidate.config, family.fit(dataset.training, candidate.config, 0))
    return (
        quantize(trained, dataset, "gas", 30.0, found),
        quantize(trained, dataset, "gas", 30.0),
        dataset,
        found,
    )


def test_every_row_was_answered_by_a_model_that_did_not_see_it(shifted):
    _, _, dataset, found = shifted
    assert sum(vars(found.at_level).values()) == len(dataset.train)


def test_the_model_alarms_by_the_threshold_and_is_judged_by_the_level(shifted):
    model, plain, dataset, found = shifted
    assert (plain.threshold, plain.levels.high, model.levels.high, model.threshold) == (
        LEVEL,
        LEVEL,
        LEVEL,
        found.band.high,
    )
    assert (
        found.band.high < LEVEL and model.model_id != plain.model_id
    )  # the board must know which one it has
    answer, y = model.answer(dataset.x[dataset.test]), dataset.y[dataset.test]
    alarm, truth = answer > model.threshold, y > LEVEL
    assert model.training["alarm"] == {
        "false": int((alarm & ~truth).sum()),
        "missed": int((~alarm & truth).sum()),
    }
    assert model.training["alarm"]["missed"] < plain.training["alarm"]["missed"]
    kept = model.training["learned_alarm"]
    assert (
        kept["offset"] == found.band.high - LEVEL
        and kept["test_learned"]["missed"] == model.training["alarm"]["missed"]
    )
    assert kept["test_at_level"]["missed"] == plain.training["alarm"]["missed"]
    assert from_json(model.to_json()) == model and "learned_alarm" not in plain.training


def test_the_header_says_where_its_threshold_comes_from(shifted):
    model, plain, _, _ = shifted
    line = next(
        line
        for line in render_header(model).splitlines()
        if "_THRESHOLD" in line and "define" in line
    )
    assert (
        f"GAS_THRESHOLD {model.threshold} /*" in line
        and "the alarm level is 30, a miss costs 6, a false alarm 1" in line
    )
    assert "costs" not in render_header(plain)


def test_the_text_shows_both_confusions(shifted):
    text = "\n".join(learned_alarm(shifted[0]))
    kept = shifted[0].training["learned_alarm"]
    assert (
        "a miss costs 6, a false alarm 1" in text
        and text.count("training rows") == 3
        and text.count("test rows") == 2
    )
    assert str(kept["learned"]["missed"]) in text and "above 30 ug/m3" in text


def test_every_rung_of_a_ladder_learns_its_own(simavr):
    dataset = made_up(rows=400, noise=25.0)
    ladder = find_ladder(
        dataset, SearchRequest("m", UNO, "ridge", 30.0, Budget(), alarm_cost=AlarmCost(6, 1))
    )
    assert all(
        r.model.levels.high == LEVEL
        and r.model.training["learned_alarm"]["cost"] == {"miss": 6, "false": 1}
        for r in ladder.rungs
    )
    json.dumps(ladder.model.training["learned_alarm"], allow_nan=False)
    # a model without facts is judged by its threshold
    assert replace(ladder.model, training={}).levels.high == ladder.model.threshold


def test_the_report_tells_level_and_threshold_apart(shifted):
    model, plain, _dataset, _found = shifted
    assert red(plain) == "Red LED above 30 ug/m3"
    assert f"red LED above {model.threshold / 10:g} ug/m3" in red(
        model
    ) and "The alarm level is 30 ug/m3" in red(model)
    assert "implausible" not in rows_used(model)
    weighed = replace(model, training={**model.training, "weighting": {"robust": {"left_out": 7}}})
    assert "7 with an implausible target" in rows_used(weighed)
