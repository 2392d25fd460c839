"""Alarm options of the firmware, compiled for the host: hysteresis, debounce, dark outside; LEDs
stay checked exactly.
"""

from dataclasses import replace

import numpy as np
import pytest
from native_board import NativeBoard, compile_board, native_link
from native_rows import Noise
from random_models import random_models
from tinygen.host import protocol
from tinygen.host.check import START, Alarm, Lights, check, expect
from tinygen.host.protocol import Flag, Pin, Result
from tinygen.host.stream import RowReply, stream

from tinygen.model.fixedpoint import MISSING

MODEL = random_models()["linear_wide"]
LOW, MIDDLE = (int(p) for p in np.percentile(MODEL.predict(MODEL.sample_rows(4000, 1)), (30, 50)))
MODEL = replace(MODEL, threshold=MIDDLE)
STEPS = MIDDLE - LOW  # raw, of the hysteresis used here
OPTIONS = {
    "hysteresis": (f"-DTINYGEN_ALARM_HYSTERESIS={STEPS}",),
    "debounce": ("-DTINYGEN_ALARM_DEBOUNCE=2",),
    "both": (f"-DTINYGEN_ALARM_HYSTERESIS={STEPS}", "-DTINYGEN_ALARM_DEBOUNCE=1"),
    "dark outside": ("-DTINYGEN_ALARM_DARK_OUTSIDE=1",),
    "all": (
        f"-DTINYGEN_ALARM_HYSTERESIS={STEPS}",
        "-DTINYGEN_ALARM_DEBOUNCE=3",
        "-DTINYGEN_ALARM_DARK_OUTSIDE=1",
    ),
}


@pytest.fixture(scope="module")
def firmware(tmp_path_factory):
    made = {}

    def make(name: str, **edits):
        key = name, str(edits)
        if key not in made:
            made[key] = compile_board(
                MODEL, tmp_path_factory.mktemp("alarm"), OPTIONS[name], **edits
            )
        return made[key]

    return make


def near_rows(n: int, seed: int = 1) -> np.ndarray:
    """Rows whose answers cross both ends of the hysteresis often, with missing values and values
    outside between them.
    """
    rng, rows = np.random.default_rng(seed), MODEL.sample_rows(4000, seed)
    above = MODEL.answer(rows) - MODEL.threshold
    kinds = [rows[above > 0], rows[above <= -STEPS], rows[(above <= 0) & (above > -STEPS)]]
    near = np.array(
        [
            kinds[kind][rng.integers(len(kinds[kind]))]
            for kind in rng.choice(3, n, p=(0.4, 0.4, 0.2))
        ]
    )
    near[9::25, 3] = MISSING
    near[4::17, 1] = 32767
    return near


def run(library, rows, fault=lambda direction, data: data, resets=()):
    board = NativeBoard(library, fault=fault)
    with native_link(board, MODEL) as link:
        if isinstance(fault, Noise):
            fault.on = True
        expected, replies = expect(MODEL, rows, Alarm.of(MODEL, link.info)), []
        for reply in stream(link, rows.tolist(), timeout=0.02):
            replies.append(reply)
            if reply.index in resets:
                board.boot(0.05)
    return expected, replies, check(replies, expected)


@pytest.mark.parametrize("name", OPTIONS)
def test_leds_are_as_the_twin_says(firmware, name):
    rows = near_rows(600)
    expected, replies, verdict = run(firmware(name), rows)
    assert verdict.passed, verdict
    assert expected.pins != expect(MODEL, rows).pins  # the option matters on these rows
    assert tuple(reply.result.pins for reply in replies) == expected.pins


def test_an_alarm_that_remembers_takes_one_row_at_a_time(firmware):
    with native_link(NativeBoard(firmware("debounce")), MODEL) as link:
        assert (link.info.window, link.info.debounce, link.info.hysteresis) == (1, 2, 0)
    with native_link(NativeBoard(firmware("dark outside")), MODEL) as link:
        assert link.info.window > 1 and protocol.Trait.DARK_OUTSIDE in link.info.traits


@pytest.mark.parametrize("name", ["both", "all"])
def test_noise_resets_and_retries_do_not_change_the_alarm(firmware, name):
    rows = near_rows(1500)
    _, _, verdict = run(
        firmware(name), rows, Noise(3, flip=5e-4, drop=1e-3), resets=(100, 101, 700)
    )
    assert (verdict.wrong, verdict.led_wrong) == (0, 0) and verdict.retries > 100, verdict


def test_lost_rows_leave_both_possibilities(firmware):
    """Half of the rows get lost, on their way there or back: the LEDs of the others still fit."""
    rows = near_rows(800)
    _, _, verdict = run(firmware("all"), rows, Noise(4, flip=6e-3))
    assert verdict.lost > 50 and (verdict.wrong, verdict.led_wrong) == (0, 0), verdict


def test_the_same_row_sent_again_counts_once(firmware):
    """Ten times the same frame is one answer above the threshold, not enough for an alarm with
    debounce 2.
    """
    above = MODEL.sample_rows(401, 3)
    above = above[MODEL.answer(above) > MODEL.threshold][0].tolist()
    board = NativeBoard(firmware("debounce"))
    with native_link(board, MODEL) as link:
        for seq, leds in ((1, (0, 1)), (2, (0, 1)), (3, (1, 0))):
            for _ in range(10):
                link.send(protocol.encode_row(link.session, seq, above, link.seed))
                list(link.receive_for(0.01, protocol.Result))
            assert board.leds() == leds


def check_sum(seq: int, row: list[int]) -> bytes:
    """The check sum in the frame of a row of session 1."""
    seed = protocol.model_seed(MODEL.model_id)
    (body,) = protocol.Decoder(seed).process(protocol.encode_row(1, seq, row, seed))
    head = bytes((protocol.VERSION << 5 | body.kind, body.session, body.seq, len(body.payload)))
    return protocol.fcs(head + body.payload, seed).to_bytes(2, "little")


def counted(library, frames) -> int:
    """Rows, all above the threshold, that the alarm counted: with a debounce of 2 the third lights
    the red LED.
    """
    board = NativeBoard(library)
    with native_link(board, MODEL) as link:
        for counted, (seq, row) in enumerate(frames):
            link.send(protocol.encode_row(link.session, seq, row, link.seed))
            list(link.receive_for(0.01, protocol.Result))
            if board.leds() == (1, 0):
                return counted + 1
    return 0


def alarming_rows() -> list[list[int]]:
    rows = MODEL.sample_rows(4000, 1)
    return rows[MODEL.answer(rows) > MODEL.threshold].tolist()


def same_check_sum() -> tuple[list[int], list[int]]:
    """Two rows whose frames, numbered 1 and 2, have the same check sum."""
    first = {check_sum(1, row): row for row in alarming_rows()}
    return next(
        (first[found], row) for row in alarming_rows() if (found := check_sum(2, row)) in first
    )


BY_SUM_ALONE = {"seq == last_seq": "(seq == last_seq || true)"}
BY_NUMBER_ALONE = {"fcs == last_fcs": "(fcs == last_fcs || true)"}


@pytest.mark.parametrize(
    "mistake, lights_at", [({}, 3), (BY_SUM_ALONE, 0)], ids=["right", "by its check sum alone"]
)
def test_another_row_with_the_same_check_sum_counts(firmware, mistake, lights_at):
    """One row in 65,536 has the check sum of the one before: its alarm must not be skipped."""
    before, behind = same_check_sum()
    frames = [(1, before), (2, behind), (3, before)]
    assert check_sum(1, before) == check_sum(2, behind) and before != behind
    assert counted(firmware("debounce", main=mistake), frames) == lights_at


@pytest.mark.parametrize(
    "mistake, lights_at", [({}, 3), (BY_NUMBER_ALONE, 0)], ids=["right", "by its number alone"]
)
def test_another_row_with_the_same_number_counts(firmware, mistake, lights_at):
    """Another host may begin where the last one ended, on a board that its port did not reset."""
    one, other = alarming_rows()[:2]
    frames = [(0, one), (0, other), (0, one)]
    assert counted(firmware("debounce", main=mistake), frames) == lights_at


def test_a_row_of_the_next_stream_counts(firmware):
    """Three streams of one row over the same link are three rows, whatever they hold, and the
    checks know what the ones before left of the alarm.
    """
    board = NativeBoard(firmware("debounce"))
    above = alarming_rows()[0]
    with native_link(board, MODEL) as link:
        seen, lights = [], Lights(Alarm.of(MODEL, link.info))
        expected = expect(MODEL, [above], lights.alarm)
        for _ in range(3):
            assert check(stream(link, [above]), expected, lights).passed
            seen.append(board.leds())
        assert not check(stream(link, [above]), expected).passed  # a fresh board would be green
    assert seen == [(0, 1), (0, 1), (1, 0)]


@pytest.mark.parametrize(
    "mistake",
    [
        {"= REMEMBERS && row_again()": "= (row_again(), false)"},
        {"model_alarm(&alarm_state, y);": f"alarm_state.red = y > {MODEL.threshold};"},
    ],
)
def test_a_wrong_alarm_is_caught(firmware, mistake):
    """Negative control: an alarm that counts a row twice, or forgets, differs from the twin."""
    rows = near_rows(1500)
    assert (
        run(firmware("both", main=mistake), rows, Noise(3, flip=5e-4, drop=1e-3))[2].led_wrong > 0
    )


def test_the_alarm_by_hand():
    alarm = Alarm(threshold=100, hysteresis=10, debounce=1)
    state, seen = START, []
    for answer in (101, 100, 101, 101, 95, 91, 90, 91, 90, 90):
        state = alarm.step(state, answer)
        seen.append(state[0])
    assert seen == [False, False, False, True, True, True, True, True, True, False]
    assert alarm.light(state, MISSING, Flag.MISSING) == (state, Pin(0))
    assert Alarm(None, 10, 1).light(START, 32000, Flag(0)) == (START, Pin.GREEN)


def test_states_that_do_not_fit_are_forgotten():
    """After a lost row both states are possible; the next answer tells which, and then the LEDs are
    exact again.
    """
    expected = expect(MODEL, near_rows(40), Alarm(MODEL.threshold, debounce=1))
    replies = [
        RowReply(i, Result(1, i, *parts, 9), 1, 0.1)
        for i, parts in enumerate(
            zip(expected.flags, expected.pins, expected.prediction, expected.digest)
        )
    ]
    lost = [*replies[:10], RowReply(10, None, 5, 0.1), *replies[11:]]
    assert check(lost, expected).led_wrong == 0
    wrong = replace(lost[30], result=replace(lost[30].result, pins=Pin.RED | Pin.GREEN))
    assert check([*lost[:30], wrong, *lost[31:]], expected).led_wrong == 1
