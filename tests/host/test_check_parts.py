"""The parts of the verdict by themselves: alarm, expectations, words, and pins over time."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from test_check import MODEL, change, right_replies
from tinygen.host.check import (
    SETTLE_CYCLES,
    START,
    Alarm,
    Checker,
    Expected,
    Lights,
    answer_difference,
    check,
    distinct,
    expect,
    led_difference,
    lit,
)
from tinygen.host.protocol import Flag, Pin, Result, Trait
from tinygen.host.stream import RowReply
from tinygen.host.virtual.simavr import PinChange

from tinygen.model.fixedpoint import MISSING

BOARD = SimpleNamespace(led_ports=("PB4", "PB5"))
PLAIN = Flag(0)


def result(prediction=1, pins=Pin.GREEN, flags=PLAIN, session=1, more=(), cycles=9) -> Result:
    return Result(session, 0, flags, pins, prediction, 5, cycles, more)


def expected(predictions, alarm=None, **parts) -> Expected:
    """Of plain rows whose digest is 5."""
    n = len(predictions)
    plain = (tuple(predictions), (Flag(0),) * n, (5,) * n, (Pin.GREEN,) * n)
    return Expected(*plain, alarm or Alarm(0), **parts)


# --- the alarm -----------------------------------------------------------------------------------


def test_an_alarm_takes_what_the_board_says():
    model = SimpleNamespace(
        threshold=9, alarm_below=2, class_leds=0, bars=SimpleNamespace(half_width=4)
    )
    info = SimpleNamespace(hysteresis=3, debounce=2, traits=Trait.DARK_OUTSIDE)
    assert Alarm.of(model, info) == Alarm(9, 3, 2, True, 2, 0, 4)
    info.traits, model.bars, model.class_leds = Trait(0), None, 3
    assert Alarm.of(model, info) == Alarm(9, 3, 2, False, 2, 3, 0)


@pytest.mark.parametrize(
    "alarm, answers, red",
    [
        (Alarm(10), (10, 11, 10), (False, True, False)),
        (Alarm(None, below=10), (10, 9, 10), (False, True, False)),
        (Alarm(10, hysteresis=2), (11, 9, 8, 9), (True, True, False, False)),
        (Alarm(None, 2, below=10), (9, 11, 12, 11), (True, True, False, False)),
        (Alarm(10, debounce=1), (11, 11, 9, 11, 9, 9), (False, True, True, True, True, False)),
        (Alarm(20, below=10), (10, 20, 21, 15, 9), (False, False, True, False, True)),
        (Alarm(None), (9, -9), (False, False)),
    ],
)
def test_steps_of_an_alarm(alarm, answers, red):
    state, seen = START, []
    for answer in answers:
        state = alarm.step(state, answer)
        seen.append(bool(state[0]))
    assert tuple(seen) == red


@pytest.mark.parametrize(
    "alarm, unsure",
    [
        (Alarm(10, half_width=2), {9, 10, 11, 12}),
        (Alarm(None, below=10, half_width=2), {8, 9, 10, 11}),
        (Alarm(12, below=10, half_width=1), {9, 10, 12, 13}),
        (Alarm(10), set()),
        (Alarm(None), set()),
    ],
)
def test_a_bar_that_holds_both_is_unsure(alarm, unsure):
    assert {answer for answer in range(20) if alarm.unsure(answer)} == unsure
    dark = {a for a in range(20) if alarm.light(START, a, Flag(0))[1] == Pin(0)}
    assert dark == unsure


def test_rows_without_an_answer_to_show():
    alarm = Alarm(10, dark_outside=True)
    red = alarm.step(START, 11)
    for flags in (Flag.MISSING, Flag.NOT_SURE, Flag.CLAMPED, Flag.CLAMPED | Flag.NOT_SURE):
        assert alarm.light(red, 1, flags) == (red, Pin(0))
    assert alarm.light(red, 11, Flag(0)) == (red, Pin.RED)
    assert Alarm(10).light(red, 1, Flag.CLAMPED)[1] == Pin.GREEN
    three = Alarm(10, class_leds=3)
    assert [three.light(START, k, Flag(0))[1] for k in range(3)] == [Pin(1), Pin(2), Pin(4)]


# --- what is expected ----------------------------------------------------------------------------


def test_a_classifier_that_is_not_sure():
    rows = MODEL.sample_rows(6, 1)
    answers = np.array([[0], [-1], [2], [MISSING], [-1], [1]])
    for margin, flags in ((3, {1, 4}), (None, set())):
        model = SimpleNamespace(
            **{
                n: getattr(MODEL, n) for n in ("threshold", "alarm_below", "class_leds", "saturate")
            },
            bars=None,
            remembers=False,
            sure_margin=margin,
            values_per_row=1,
            answers=lambda raw: answers,
        )
        found = expect(model, rows)
        assert {k for k, flag in enumerate(found.flags) if Flag.NOT_SURE in flag} == flags
        assert found.anew is None and found.begun_at(3) is found
        assert found.more == () and len(found) == 6


def test_a_board_that_forgets_begins_anew():
    rows = np.zeros((5, 7), dtype=np.int64)
    model = SimpleNamespace(
        **{n: getattr(MODEL, n) for n in ("threshold", "alarm_below", "class_leds", "saturate")},
        bars=None,
        remembers=True,
        sure_margin=None,
        values_per_row=2,
        answers=lambda raw: np.column_stack([np.r_[MISSING, np.arange(1, len(raw))]] * 2),
    )
    found = expect(model, rows)
    assert found.prediction == (MISSING, 1, 2, 3, 4)
    assert found.flags[0] & Flag.NOT_SURE and not found.flags[1] & Flag.NOT_SURE
    assert found.more == ((MISSING,), (1,), (2,), (3,), (4,))
    later = found.begun_at(3)
    assert later.prediction == (MISSING, 1, 2, MISSING, 1)
    assert later.more == ((MISSING,), (1,), (2,), (MISSING,), (1,))
    assert later.flags[3] & Flag.NOT_SURE and later.digest == found.digest


def test_rows_whose_bar_is_open_are_counted():
    found = expected((9, 10, 30, 12), Alarm(10, half_width=2))
    assert found.unsure == 3
    missing = replace(found, flags=(Flag.MISSING, *found.flags[1:]))
    assert missing.unsure == 2
    assert check([], missing).unsure == 2


# --- differences ---------------------------------------------------------------------------------


def test_words_of_a_difference():
    wanted = expected((7,), more=((8, 9),))
    assert answer_difference(result(7, more=(8, 9)), wanted, 0) == ""
    assert answer_difference(result(7, more=(8, 4)), wanted, 0) == "number 3 4, the twin says 9"
    assert answer_difference(result(7, more=(8,)), wanted, 0) == "2 numbers, the twin has 3"
    assert answer_difference(result(MISSING), expected((7,)), 0) == (
        "prediction MISSING, the twin says 7"
    )
    both = result(7, flags=Flag.CLAMPED | Flag.NOT_SURE)
    words = answer_difference(both, expected((7,)), 0)
    assert words == "flags CLAMPED+NOT_SURE, the twin says OK"
    assert led_difference(result(), {Pin.GREEN}) == ""
    words = led_difference(result(pins=Pin.RED | Pin.GREEN), {Pin.GREEN, Pin.RED})
    assert words == "LEDs RED+GREEN, should be RED or GREEN"


def test_what_a_verdict_counts():
    rows = MODEL.sample_rows(50, 9)
    rows[20, 3] = MISSING
    wanted, replies = expect(MODEL, rows), right_replies(rows)
    verdict = check([replace(replies[0], tries=0), *replies[1:]], wanted)
    assert verdict.retries == 0 and verdict.clamped == sum(Flag.CLAMPED in f for f in wanted.flags)
    assert verdict.red == 0
    assert check(change(change(replies, 5, pins=Pin.RED), 7, pins=Pin(3)), wanted).red == 2
    assert (verdict.not_sure, verdict.unsure) == (0, 0)
    assert check(reversed(replies), wanted).seconds == 0.5
    two = change(change(replies, 5, prediction=-7), 9, digest=1 << 16)
    assert check(two, wanted).first_difference.startswith("row 5: prediction")
    assert check(two, wanted).wrong == 2
    nothing = check([], wanted)
    assert (nothing.rows_per_s, nothing.cycles_median, nothing.cycles_max) == (0.0, None, None)
    assert nothing.first_difference == "row 0: lost (no reply)"
    part = check(replies[:25], wanted)
    assert part.rows_per_s == 25 / 0.25
    assert (part.cycles_median, part.cycles_max) == (111, 124)


def test_a_reply_is_judged_as_it_comes():
    checker = Checker(expected((1, 2)))
    assert checker.add(RowReply(0, result(1, Pin.RED), 1, 0.1)) == ""
    assert checker.add(RowReply(0, result(1, Pin.RED), 1, 0.2)) == "lost (answered twice)"
    assert checker.add(RowReply(1, result(3, Pin.RED), 1, 0.3)).startswith("prediction 3")
    verdict = checker.verdict()
    assert (verdict.wrong, verdict.lost, verdict.first_difference) == (
        *(1, 0),
        "row 0: lost (answered twice)",
    )


def test_lights_that_a_reset_or_a_lost_row_leaves_open():
    alarm = Alarm(10, debounce=1)
    lights = Lights(alarm)
    assert lights.allowed(11, Flag(0), result(11)) == {Pin.GREEN}
    assert lights.allowed(11, Flag(0), result(11, Pin.RED)) == {Pin.RED}
    assert lights.allowed(11, Flag(0), result(11, session=2)) == {Pin.GREEN}  # another session
    assert lights.allowed(11, Flag(0), result(11, session=2), anew=True) == {Pin.RED, Pin.GREEN}
    lights = Lights(alarm)
    lights.lost.append((11, Flag(0)))
    assert lights.allowed(11, Flag(0), result(11, Pin.RED)) == {Pin.RED, Pin.GREEN}
    assert lights.lost == [] and lights.states == {(True, 0)}


# --- pins over time ------------------------------------------------------------------------------


def test_states_that_lasted():
    def at(cycle, pin, level):
        return PinChange(10_000 + cycle, pin, level)

    red, green = BOARD.led_ports
    assert lit([], BOARD) == [Pin(0)]
    changes = [at(0, red, 1), at(9, "PD1", 1), at(SETTLE_CYCLES + 1, red, 0)]
    assert lit(changes, BOARD) == [Pin(0), Pin.RED, Pin(0)]
    again = [at(0, red, 1), at(2 * SETTLE_CYCLES, red, 1)]
    assert lit(again, BOARD) == [Pin(0), Pin.RED]
    assert lit([at(0, red, 1), at(SETTLE_CYCLES, red, 0)], BOARD) == [Pin(0)]
    both = [at(0, red, 1), at(5 * SETTLE_CYCLES, green, 1), at(9 * SETTLE_CYCLES, red, 0)]
    assert lit(both, BOARD) == [Pin(0), Pin.RED, Pin.RED | Pin.GREEN, Pin.GREEN]
    assert distinct([Pin.RED, Pin.RED, Pin(0), Pin.RED]) == [Pin.RED, Pin(0), Pin.RED]
