"""The verdict: each kind of difference is seen, counted once, and named."""

from dataclasses import replace

import numpy as np
import pytest
from random_models import random_models
from tinygen.host import protocol
from tinygen.host.check import check, expect
from tinygen.host.protocol import Flag, Pin, Result
from tinygen.host.stream import RowReply

from tinygen.model.fixedpoint import MISSING

MODEL = random_models()["linear16"]
LOW, HIGH = zip(*(q.limits for q in MODEL.inputs))


def right_replies(raw) -> list[RowReply]:
    """What a faultless board answers."""
    expected = expect(MODEL, raw)
    results = [
        Result(1, i % 256, *parts, 100 + i)
        for i, parts in enumerate(
            zip(expected.flags, expected.pins, expected.prediction, expected.digest)
        )
    ]
    return [RowReply(i, result, 1, 0.01 * (i + 1)) for i, result in enumerate(results)]


def change(replies: list[RowReply], index: int, **fields) -> list[RowReply]:
    """The same replies, one of them answered differently."""
    reply = replies[index]
    return [
        *replies[:index],
        replace(reply, result=replace(reply.result, **fields)),
        *replies[index + 1 :],
    ]


@pytest.fixture
def raw():
    rows = MODEL.sample_rows(50, 9)
    rows[20, 3] = MISSING
    return rows


def test_all_right(raw):
    verdict = check(right_replies(raw), expect(MODEL, raw))
    assert verdict.passed and verdict.first_difference is None
    assert (
        verdict.rows,
        verdict.wrong,
        verdict.lost,
        verdict.retries,
        verdict.led_wrong,
        verdict.missing,
    ) == (50, 0, 0, 0, 0, 1)
    assert (verdict.seconds, verdict.rows_per_s) == (0.5, 100.0)
    assert (verdict.cycles_median, verdict.cycles_max) == (
        125,
        149,
    )  # the row without a prediction does not count


def test_what_is_expected():
    at = MODEL.sample_rows(400, 1)
    limit = int(MODEL.predict(at)[300])
    model = replace(MODEL, threshold=limit)
    rows = np.array(
        [at[300], HIGH, np.add(HIGH, 1), np.subtract(LOW, 1), [MISSING] * 7, [MISSING, *HIGH[1:]]]
    )
    expected = expect(model, rows)
    assert expected.flags == (
        Flag(0),
        Flag(0),
        Flag.CLAMPED,
        Flag.CLAMPED,
        Flag.MISSING,
        Flag.MISSING,
    )
    assert (
        expected.prediction[0] == limit and expected.pins[0] == Pin.GREEN
    )  # exactly at the limit is no alarm
    assert expect(replace(MODEL, threshold=limit - 1), rows).pins[0] == Pin.RED
    assert expected.prediction[4:] == (MISSING, MISSING) and expected.pins[4:] == (Pin(0), Pin(0))
    assert expected.digest[2] == expected.digest[1] == protocol.digest(HIGH) and expected.digest[
        3
    ] == protocol.digest(LOW)
    assert expected.digest[4] == protocol.digest([MISSING] * 7)
    assert expect(replace(MODEL, threshold=None), rows).pins[:4] == (Pin.GREEN,) * 4
    assert all(type(value) is int for value in expected.prediction + expected.digest)


@pytest.mark.parametrize(
    "fields, wrong, led_wrong, text",
    [
        ({"prediction": -7}, 1, 0, "row 5: prediction -7, the twin says "),
        ({"digest": 0x10000}, 1, 0, "row 5: digest 65536, the twin says "),
        ({"flags": Flag.MISSING}, 1, 0, "row 5: flags MISSING, the twin says "),
        ({"pins": Pin.RED | Pin.GREEN}, 0, 1, "row 5: LEDs RED+GREEN, should be "),
        ({"pins": Pin(0)}, 0, 1, "row 5: LEDs dark, should be "),
        ({"prediction": -7, "digest": 0x10000, "pins": Pin(0)}, 1, 1, "row 5: prediction -7"),
    ],
)
def test_one_difference_is_seen(raw, fields, wrong, led_wrong, text):
    verdict = check(change(right_replies(raw), 5, **fields), expect(MODEL, raw))
    assert (verdict.wrong, verdict.led_wrong, verdict.lost, verdict.passed) == (
        wrong,
        led_wrong,
        0,
        False,
    )
    assert verdict.first_difference.startswith(text)


def test_a_missing_value_must_be_flagged_and_dark(raw):
    replies = right_replies(raw)
    assert not check(change(replies, 20, flags=Flag(0), prediction=3), expect(MODEL, raw)).passed
    lit = check(change(replies, 20, pins=Pin.GREEN), expect(MODEL, raw))
    assert (lit.led_wrong, lit.first_difference) == (1, "row 20: LEDs GREEN, should be dark")


def test_lost_rows(raw):
    expected, replies = expect(MODEL, raw), right_replies(raw)
    lost = [*replies[:7], RowReply(7, None, 5, 1.0, "no answer"), *replies[8:]]
    verdict = check(lost, expected)
    assert (verdict.lost, verdict.retries, verdict.wrong, verdict.passed) == (1, 4, 0, False)
    assert verdict.first_difference == "row 7: lost (no answer)"
    cut = check(replies[:30], expected)
    assert (cut.lost, cut.passed, cut.first_difference) == (20, False, "row 30: lost (no reply)")
    assert check(iter([]), expected).lost == 50
    assert check([], expect(MODEL, raw[:0])).passed is False  # nothing was shown


def test_replies_out_of_order_are_fine_and_doubles_are_not(raw):
    expected, replies = expect(MODEL, raw), right_replies(raw)
    assert check(reversed(replies), expected).passed
    doubled = check([*replies[:30], replies[3], *replies[31:]], expected)
    assert (doubled.lost, doubled.first_difference) == (1, "row 3: lost (answered twice)")
    assert check([*replies[:49], replace(replies[49], index=99)], expected).lost == 1
