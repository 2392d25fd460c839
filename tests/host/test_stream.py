"""The stream against the real firmware: a clean wire and a bad one; nothing wrong is accepted."""

import random
from dataclasses import replace

import pytest
from native_board import NativeBoard, compile_board, native_link
from native_rows import MODEL, OTHER, Noise, rows_of, run
from tinygen.host import protocol
from tinygen.host.check import check, expect
from tinygen.host.protocol import Flag, Pin
from tinygen.host.stream import TRIES, stream

from tinygen.common.errors import UsageError
from tinygen.model.fixedpoint import MISSING

# ---- a clean wire ----


@pytest.mark.parametrize("window", [1, 2, 5])
def test_every_row_is_right(firmware, window):
    rows = rows_of(1000)
    verdict = run(NativeBoard(firmware), rows, window=window)
    assert verdict.passed and verdict.rows == 1000, verdict
    assert (verdict.missing, verdict.retries, verdict.first_difference) == (20, 0, None)
    assert 200 < verdict.clamped < 400 and 100 < verdict.red < 900


def test_info_and_status(firmware):
    rows = rows_of(100)
    with native_link(NativeBoard(firmware), MODEL) as link:
        assert (link.info.model, link.info.board, link.info.inputs) == ("linear16", "uno", 7)
        assert link.info.window == 128 // protocol.frame_bytes(14) and link.info.baud == 250_000
        list(stream(link, rows.tolist()))
        link.send(protocol.hello(9, OTHER.model_id))
        status = link.status()
        assert (status.rows, status.refused, status.fcs_errors, status.overruns) == (100, 1, 0, 0)
        assert status.uptime_ms == pytest.approx(link.clock() * 1000, abs=50)


def test_leds_and_exactly_at_the_limit(firmware):
    """Red above the threshold only; a row exactly at it is green."""
    candidates = MODEL.sample_rows(401, 3)
    answers = MODEL.predict(candidates)
    at = candidates[answers == MODEL.threshold][0]
    above = candidates[answers > MODEL.threshold][0]
    missing = at.copy()
    missing[3] = MISSING
    board = NativeBoard(firmware)
    with native_link(board, MODEL) as link:
        assert board.leds() == (0, 0)
        for row, leds, flag in (
            (above, (1, 0), Flag(0)),
            (at, (0, 1), Flag(0)),
            (missing, (0, 0), Flag.MISSING),
            (at, (0, 1), Flag(0)),
        ):
            (reply,) = stream(link, [row.tolist()])
            assert board.leds() == leds and reply.result.flags & Flag.MISSING == flag
            assert reply.result.pins == Pin(leds[0] * Pin.RED | leds[1] * Pin.GREEN)


def test_leds_go_dark_when_rows_stop(firmware):
    board = NativeBoard(firmware)
    with native_link(board, MODEL) as link:
        list(stream(link, rows_of(5).tolist()))
        assert sum(board.leds()) == 1
        link.receive(4.9)
        assert sum(board.leds()) == 1
        link.receive(0.2)
        assert board.leds() == (0, 0)


def test_rows_are_taken_as_they_are_needed(firmware):
    """A stream of days must not be read into memory first."""
    taken = []
    with native_link(NativeBoard(firmware), MODEL) as link:
        replies = stream(
            link, (taken.append(i) or row for i, row in enumerate(rows_of(300).tolist())), window=3
        )
        next(replies)
        assert len(taken) <= 5
        assert [reply.index for reply in replies] == list(range(1, 300))


def test_window_and_tries_are_checked(firmware):
    with native_link(NativeBoard(firmware), MODEL) as link:
        for window in (0, 6):
            with pytest.raises(UsageError, match=f"window {window} is not within 1 .. 5"):
                stream(link, [], window=window)
        with pytest.raises(UsageError, match="0 tries"):
            stream(link, [], tries=0)
        assert list(stream(link, [])) == []


# ---- a bad wire ----


NOISE = [
    ({kind: rate}, rate)
    for kind in ("flip", "drop", "insert", "double")
    for rate in (1e-4, 1e-3, 1e-2)
]


@pytest.mark.parametrize(
    "kind, rate", NOISE, ids=lambda v: "-".join(map(str, v.items())) if isinstance(v, dict) else ""
)
def test_noise_both_ways(firmware, kind, rate):
    """No wrong answer, ever; what is lost is said to be; at 1e-4 nothing is lost after five
    tries.
    """
    rows = rows_of(1500, seed=5)
    noise = Noise(7, **kind)
    board = NativeBoard(firmware, fault=noise)
    with native_link(board, MODEL) as link:
        noise.on = True
        verdict = check(stream(link, rows.tolist(), timeout=0.02), expect(MODEL, rows))
    assert (verdict.wrong, verdict.led_wrong, verdict.rows) == (0, 0, 1500), verdict
    assert verdict.retries > 0
    assert verdict.lost == 0 or rate == 1e-2


def test_without_a_check_sum_the_noise_test_fails(tmp_path):
    """Negative control: a board that takes damaged rows gives wrong answers, and the test above
    would see them.
    """
    library = compile_board(MODEL, tmp_path, protocol={" || p->crc != TINYGEN_RESIDUE": ""})
    rows, noise = rows_of(1500, seed=5), Noise(7, flip=1e-3)
    with native_link(NativeBoard(library, fault=noise), MODEL) as link:
        noise.on = True
        replies = list(stream(link, rows.tolist(), timeout=0.02))
        damaged_rows = sum(reply.tries > 1 for reply in replies)
        accepted = link.status().rows
    # the digest still keeps wrong answers from the host, so count what the board itself believed
    assert damaged_rows and accepted > 1500 + damaged_rows // 4


def test_one_bad_row_does_not_cost_the_next(firmware):
    """After each kind of damage the very next frame is answered."""
    good = protocol.encode_row(1, 200, rows_of(1)[0].tolist(), protocol.model_seed(MODEL.model_id))
    rng = random.Random(3)
    for trial in range(2000):
        bad = bytearray(good)
        at = rng.randrange(len(bad))
        match trial % 6:
            case 0:
                bad[at] ^= 1 << rng.randrange(8)
            case 1:
                del bad[at]
            case 2:
                bad.insert(at, rng.randrange(256))
            case 3:
                del bad[at:]
            case 4:
                bad[at : at + 4] = rng.randbytes(4)
            case 5:
                bad = bytearray(rng.randbytes(rng.randrange(1, 90)))
        if trial % 100 == 0:
            board = NativeBoard(firmware)
            link = native_link(board, MODEL)
        link.send(bytes(bad) + good)
        replies = [r for r in link.receive_for(0.01, type(None)) if isinstance(r, protocol.Result)]
        assert replies and all(r.seq == 200 for r in replies), (trial, bytes(bad).hex())


def test_a_lost_row_is_said_to_be_lost(firmware):
    """The wire swallows every sending of row 4; the others are right."""
    rows, seed = rows_of(20), protocol.model_seed(MODEL.model_id)
    swallowed = protocol.encode_row(1, 4, rows[4].tolist(), seed)
    board = NativeBoard(firmware, fault=lambda direction, data: b"" if data == swallowed else data)
    with native_link(board, MODEL) as link:
        replies = list(stream(link, rows.tolist()))
    verdict = check(replies, expect(MODEL, rows))
    assert [reply.index for reply in replies] == list(range(20))
    assert (verdict.lost, verdict.wrong, verdict.passed) == (1, 0, False)
    assert (
        replies[4].lost
        and replies[4].tries == TRIES
        and verdict.first_difference == "row 4: lost (no answer)"
    )
    assert board.written.count(swallowed) == TRIES


def test_a_row_changed_on_its_way_past_the_check_sum_is_not_accepted(firmware):
    """The digest tells: here the wire carries another row with a valid check sum, once."""
    rows, seed = rows_of(6), protocol.model_seed(MODEL.model_id)
    sent = protocol.encode_row(1, 2, rows[2].tolist(), seed)
    forged = protocol.encode_row(1, 2, rows[3].tolist(), seed)
    forgeries = iter([forged])
    board = NativeBoard(
        firmware, fault=lambda direction, data: next(forgeries, data) if data == sent else data
    )
    with native_link(board, MODEL) as link:
        replies = list(stream(link, rows.tolist()))
    assert check(replies, expect(MODEL, rows)).passed
    assert replies[2].tries == 2


MISTAKES = {
    "clamps one step too early": {"row[i] > highest": "row[i] >= highest - 1"},
    "alarm at the limit": {
        "model_alarm(&alarm_state, y)": (
            f"tinygen_alarm_step(&alarm_state, y, {MODEL.threshold - 1})"
        )
    },
    "LEDs swapped": {
        "show(alarm_state.red, !alarm_state.red)": "show(!alarm_state.red, alarm_state.red)"
    },
    "green stays lit for a missing value": {
        "        show(false, false);\n    } else": "        show(false, true);\n    } else"
    },
    "missing values are predicted": {"if (read_row(row)) {": "if (read_row(row) && false) {"},
    "no clamping": {"if (clamp_row(row))": "if (false)"},
    "clamps in silence": {"flags = TINYGEN_CLAMPED": "flags = 0"},
    "prediction one too high": {
        "return model_predict(row)": "return (int16_t)(model_predict(row) + 1)"
    },
    "answers the row before": {
        "answer_row();\n        send": (
            "static bool odd; odd = !odd; if (odd) answer_row();\n        send"
        )
    },
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_firmware_is_caught(tmp_path, name):
    """Negative control of the whole check."""
    flags = ("-Wno-unused-function", "-Wno-unused-but-set-variable")
    verdict = run(
        NativeBoard(compile_board(MODEL, tmp_path, flags, main=MISTAKES[name])), rows_of(300)
    )
    assert not verdict.passed and verdict.first_difference, verdict
    leds_only = name in (
        "alarm at the limit",
        "LEDs swapped",
        "green stays lit for a missing value",
    )
    assert (
        (verdict.led_wrong > 0 and verdict.wrong == 0)
        if leds_only
        else verdict.wrong + verdict.lost > 0
    )


def test_one_coefficient_changed_by_one_is_caught(firmware):
    """The twin of another model fails on the board's answers."""
    scale, dense, power = MODEL.nodes
    weights = list(map(list, dense.weights))
    weights[0][2] += 1
    twin = replace(MODEL, nodes=(scale, replace(dense, weights=tuple(map(tuple, weights))), power))
    rows = rows_of(300)
    with native_link(NativeBoard(firmware), MODEL) as link:
        replies = list(stream(link, rows.tolist()))
    assert check(replies, expect(MODEL, rows)).passed
    assert check(replies, expect(twin, rows)).wrong > 50
