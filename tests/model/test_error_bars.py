"""Error bars: the half-width of held-out errors, the rule that follows references, the file."""

import json
from dataclasses import asdict, replace
from fractions import Fraction

import numpy as np
import pytest
from family_models import street_model
from sealed import sealed

from tinygen.common.errors import ModelError, QuantizeError, UsageError
from tinygen.model.alarm_threshold import AlarmBand
from tinygen.model.confidence.error_bars import LEVELS, ErrorBars, per_cent
from tinygen.model.fixedpoint import RAW_MAX
from tinygen.model.model import from_json
from tinygen.model.outputs import side_by_side

PLAIN = street_model("ridge", "regression")
BARS = ErrorBars(90, 54, 0, 36, 4)
MODEL = replace(PLAIN, bars=BARS)


@pytest.mark.parametrize("level", [50, 80, 90, 95, 99])
@pytest.mark.parametrize("n", [99, 100, 101, 357])
def test_the_half_width_is_the_least_that_covers_enough(level, n):
    """Counted, not computed: of n errors and one beyond them all, the level's part lies within."""
    errors = np.random.default_rng(n).integers(0, 60, n)
    half = ErrorBars.of(level, errors).half_width
    wanted = Fraction(level, 100) * (n + 1)
    assert (errors <= half).sum() >= wanted > (errors <= half - 1).sum()


MAPIE = {  # half-widths of SplitConformalRegressor in mapie 1.6.0, by (rows, per cent)
    (99, 50): 1533,
    (99, 90): 2733,
    (99, 98): 2896,
    (100, 50): 1743,
    (100, 90): 2867,
    (100, 98): 2987,
    (357, 50): 1440,
    (357, 90): 2678,
    (357, 98): 2943,
}


@pytest.mark.parametrize("n, level", MAPIE)
def test_the_half_width_is_that_of_another_library(n, level):
    errors = np.random.default_rng(n).integers(0, 3000, n)
    assert ErrorBars.of(level, errors).half_width == MAPIE[n, level]


def test_fresh_rows_lie_within_as_often_as_asked():
    """The guarantee over many draws of both: within level .. level + 1 / (n + 1)."""
    rng = np.random.default_rng(1)
    within = [
        np.mean(rng.exponential(4000, 400).astype(int) <= ErrorBars.of(90, drawn).half_width)
        for drawn in rng.exponential(4000, (600, 99)).astype(int)
    ]
    assert 0.9 - 0.004 < np.mean(within) < 0.91 + 0.004  # three standard errors of the mean


def test_steps_are_as_the_level_and_in_proportion():
    for level in range(LEVELS[0], LEVELS[1] + 1):
        for half in (0, 1, 5, 31, 32, 300, 9000, RAW_MAX):
            bars = ErrorBars.of(level, [half] * 100)
            assert bars.up * (100 - level) == bars.down * level
            assert bars.half_width == half and bars.start >> bars.shift == half
            assert bars.most >= 4 * half or not bars.shift
    assert ErrorBars.of(90, [54] * 9) == BARS
    assert ErrorBars.of(90, [5] * 9) == ErrorBars(90, 5, 8, 918, 102)


def test_a_step_up_after_a_miss_and_down_after_a_hit():
    state = BARS.after(BARS.start, 100, 155)
    assert state == 90 and BARS.after(90, 100, 10) == 86
    assert BARS.after(2, 0, 1) == 2 and BARS.after(RAW_MAX - 1, -RAW_MAX, RAW_MAX) == RAW_MAX - 1
    found = BARS.followed([0, 0, 0, 0], [55, 80, -91, 0], [True, False, True, True])
    assert found.tolist() == [54, 90, 90, 126]


@pytest.mark.parametrize("level", [80, 90, 95])
def test_the_rule_covers_as_often_as_asked_whatever_comes(level):
    """Errors that grow and shrink twentyfold, and a bar that begins at the wrong place."""
    rng = np.random.default_rng(level)
    n = 4000
    wide = 50 * (1 + 19 * np.sin(np.arange(n) / 400) ** 2)
    y = rng.normal(0, wide).astype(int)
    bars = ErrorBars.of(level, np.abs(rng.normal(0, 50, 500).astype(int)))
    inside = np.abs(y) <= bars.followed(np.zeros(n, int), y, np.ones(n, bool))
    fixed = np.abs(y) <= bars.half_width
    assert abs(inside.mean() - level / 100) < 0.01 < level / 100 - fixed.mean() - 0.3


@pytest.mark.parametrize("band", [(None, 20), (20, None), (5, 20), (19, 20)])
def test_unsure_where_the_bar_has_both_in_it(band):
    """Against every value of the bar, one by one."""
    band, raw = AlarmBand(*band), np.arange(-60, 90)
    for reach in (0, 1, 2, 7, 40):
        alarms = [band.left_by(np.arange(y - reach, y + reach + 1)) for y in raw]
        both = [found.any() and not found.all() for found in alarms]
        assert band.straddled_by(raw, reach).tolist() == both
        assert any(both) == (reach > 0)
    assert not AlarmBand().straddled_by(raw, 9).any()


def test_a_model_says_where_it_is_unsure():
    raw = np.arange(-400, 1400)
    assert not PLAIN.unsure(raw).any()
    assert MODEL.unsure(raw).sum() == 2 * BARS.half_width
    assert not replace(MODEL, threshold=None).unsure(raw).any()


def test_too_few_or_too_large_errors_are_refused():
    with pytest.raises(QuantizeError, match=r"error bars of 90 % need 9 rows .* there are 8"):
        ErrorBars.of(90, [1] * 8)
    with pytest.raises(QuantizeError, match="error bars of 99 % need 99 rows"):
        ErrorBars.of(99, [1] * 98)
    with pytest.raises(QuantizeError, match="90 % of the errors reach 32768 steps"):
        ErrorBars.of(90, [RAW_MAX + 1] * 9)


@pytest.mark.parametrize("level", [0, 0.49, 0.995, 0.905, 1, 90, float("nan"), float("inf"), -0.9])
def test_a_level_that_is_none_is_refused(level):
    with pytest.raises(UsageError, match=r"0\.5 \.\. 0\.99 in whole hundredths") as refused:
        per_cent(level)
    assert "\n" not in str(refused.value)
    assert [per_cent(v) for v in (0.5, 0.9, 0.95, 0.99, 0.57)] == [50, 90, 95, 99, 57]


def test_the_file_keeps_them_and_the_id_covers_them():
    assert from_json(MODEL.to_json()) == MODEL and "bars" not in json.loads(PLAIN.to_json())
    wider = replace(MODEL, bars=replace(BARS, half_width=55))
    assert len({PLAIN.model_id, MODEL.model_id, wider.model_id}) == 3


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"level": 100}, "error bars of 100 %"),
        ({"half_width": -1}, "a half-width of -1 steps"),
        ({"half_width": 32768}, "a half-width of 32768 steps"),
        ({"half_width": 128, "shift": 8}, "a half-width of 128 steps with 8 bits"),
        ({"shift": 4}, "a half-width of 54 steps with 4 bits"),
        ({"up": 35}, "steps of 35 up and 4 down are not as 90 to 10"),
        ({"up": 0, "down": 0}, "steps of 0 up and 0 down are not within int16"),
        ({"up": 36000, "down": 4000}, "steps of 36000 up"),
        ({"up": "36"}, r'bars.up is "36", not an integer'),
        ({"half_width": True}, "bars.half_width is true, not an integer"),
        ({"wide": 1}, "bars has an unknown part"),
    ],
)
def test_a_changed_file_is_refused_in_one_line(changes, said):
    plain = json.loads(MODEL.to_json())
    with pytest.raises(ModelError, match=said) as refused:
        from_json(sealed({**plain, "bars": {**asdict(BARS), **changes}}))
    assert "\n" not in str(refused.value)


def test_bars_are_for_one_number():
    with pytest.raises(ModelError, match="for a model whose answer is one number"):
        replace(MODEL, labels=("low", "high"), threshold=None)
    with pytest.raises(ModelError, match="for a model whose answer is one number"):
        side_by_side([MODEL, replace(PLAIN, threshold=None)], PLAIN.inputs)
