"""The whole loop on the virtual Uno and Mega: rows in, predictions, flags, digests and LEDs out,
bit for bit.
"""

import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from native_board import edit
from random_models import random_models
from tinygen.host import protocol
from tinygen.host.check import Alarm, check, expect
from tinygen.host.link import open_link
from tinygen.host.protocol import RESULT, Flag, Pin, frame_bytes
from tinygen.host.stream import stream
from tinygen.host.virtual.protocol_avr import avr_url

from tinygen.codegen.emit import emit_project
from tinygen.commands.stream import stream_rows
from tinygen.common.boards import BOARDS
from tinygen.common.errors import CheckError, LinkError
from tinygen.model.fixedpoint import MISSING
from tinygen.target.bench import Connection

STOPWATCH_CYCLES = range(10)  # what the chip's own measurement adds to the model's cycles


def with_threshold_in_the_middle(model):
    """The model with a threshold that some rows hit exactly."""
    return replace(model, threshold=int(np.median(model.predict(model.sample_rows(401, 3)))))


MODEL = with_threshold_in_the_middle(random_models()["linear16"])
BAUDS = {"uno": 500_000, "megaatmega2560": 250_000}


@pytest.fixture(scope="module")
def firmware(firmware_elf, tmp_path_factory):
    """`firmware(board_id, {before: after}, model)`: (board, ELF) of MODEL or another one, with
    mistakes put into main.cpp.
    """
    folder = tmp_path_factory.mktemp("loop")  # one, so that the Arduino core is compiled once

    def make(board_id: str, mistakes: dict[str, str] | None = None, model=MODEL):
        board = replace(BOARDS[board_id], baud=BAUDS[board_id])
        project = emit_project(model, folder, [board])
        edit(folder / "src" / "main.cpp", mistakes or {})
        return board, firmware_elf(project, board)

    return make


@pytest.fixture(params=BAUDS)
def link(request, firmware):
    """An open link to each virtual board."""
    board, elf = firmware(request.param)
    with open_link(avr_url(board.pio_id, elf), MODEL, board) as opened:
        yield opened


SWAPPED = {  # a board whose LEDs are swapped, and which does not know it
    "digitalWrite(TINYGEN_RED_PIN, red);": "digitalWrite(TINYGEN_RED_PIN, green);",
    "digitalWrite(TINYGEN_GREEN_PIN, green);": "digitalWrite(TINYGEN_GREEN_PIN, red);",
    "digitalRead(TINYGEN_RED_PIN) ? TINYGEN_PIN_RED": "digitalRead(TINYGEN_RED_PIN) ? 2",
    "digitalRead(TINYGEN_GREEN_PIN) ? TINYGEN_PIN_GREEN": "digitalRead(TINYGEN_GREEN_PIN) ? 1",
}


@pytest.mark.parametrize("mistakes", [{}, SWAPPED], ids=["right", "swapped"])
def test_the_simulator_looks_at_the_pins_itself(firmware, mistakes):
    """Negative control: what the board says of its LEDs is right for each row, what they do is
    not.
    """
    board, elf = firmware("uno", mistakes)
    rows, url = MODEL.sample_rows(20, 1), avr_url(board.pio_id, elf)
    streamed = stream_rows(MODEL, rows, url, board, progress=lambda words: None)
    assert streamed.verdict.passed
    assert (streamed.pins_right, streamed.good) == (not mistakes, not mistakes)
    with open_link(url, MODEL, board) as link:
        list(stream(link, rows.tolist()))
        connection = Connection(SimpleNamespace(board=board), link, MODEL)
        if mistakes:
            with pytest.raises(CheckError, match="the simulator sees"):
                connection.leds()
        else:
            assert connection.leds() in (Pin.RED, Pin.GREEN)


# what is true of one board's link is true of the other's: the slower tests run on one
UNO_ONLY = pytest.mark.parametrize("link", ["uno"], indirect=True)


def rows_of(n: int, seed: int = 1) -> np.ndarray:
    """Rows inside, at and outside the accepted range; every 50th lacks a value."""
    rows = MODEL.sample_rows(n, seed)
    rows[7::50, seed % 7] = MISSING
    return rows


def verdict_of(board, elf, rows, model=MODEL):
    with open_link(avr_url(board.pio_id, elf), MODEL, board) as link:
        return check(stream(link, rows.tolist()), expect(model, rows))


# ---- the loop ----


def test_every_row_is_right(link):
    rows = rows_of(1500)
    verdict = check(stream(link, rows.tolist()), expect(MODEL, rows))
    assert verdict.passed and (verdict.rows, verdict.retries, verdict.missing) == (1500, 0, 30), (
        verdict
    )
    assert verdict.clamped > 250 and 250 < verdict.red < 1250
    status = link.status()
    assert (
        status.rows,
        status.overruns,
        status.framing_errors,
        status.fcs_errors,
        status.refused,
    ) == (1500, 0, 0, 0, 0)


def test_the_pins_are_what_the_board_says(link):
    """The simulator's own view of the pins against the threshold, row by row; exactly at it is
    green.
    """
    candidates = MODEL.sample_rows(401, 3)
    answers = MODEL.predict(candidates)
    order = np.argsort(np.abs(answers - MODEL.threshold))[:60]
    rows = candidates[order]
    rows[[10, 30], 2] = MISSING
    assert (MODEL.answer(rows) == MODEL.threshold).sum() >= 1
    simulator = link.port.board
    assert simulator.leds() == (0, 0)
    for reply, answer in zip(stream(link, rows.tolist(), window=1), MODEL.answer(rows).tolist()):
        lit = (0, 0) if answer == MISSING else (1, 0) if answer > MODEL.threshold else (0, 1)
        assert simulator.leds() == lit
        assert reply.result.pins == Pin(lit[0] * Pin.RED | lit[1] * Pin.GREEN)
        assert (Flag.MISSING in reply.result.flags) == (answer == MISSING)


@UNO_ONLY
def test_leds_go_dark_when_rows_stop(link):
    """Five seconds after the last row; not earlier."""
    list(stream(link, rows_of(5).tolist()))
    link.receive(4.9)
    assert sum(link.port.board.leds()) == 1
    link.receive(0.2)
    assert link.port.board.leds() == (0, 0) and link.status().pins == Pin(0)


def test_the_chip_measures_what_the_simulator_measures(link):
    """The chip's stopwatch adds its own few cycles, and the interrupts that hit; nothing else."""
    rows = rows_of(300)
    replies = list(stream(link, rows.tolist(), window=1))
    measured = [r.result.cycles for r in replies if Flag.MISSING not in r.result.flags]
    exact = link.port.board.inferences
    assert len(measured) == len(exact)
    quiet = [(chip, true.cycles) for chip, true in zip(measured, exact) if not true.interrupted]
    apart = [chip - true for chip, true in quiet]
    # an interrupt may hit the stopwatch itself, outside of the model
    assert (
        len(quiet) > 250
        and sum(cycles in STOPWATCH_CYCLES for cycles in apart) > 0.98 * len(quiet)
        and min(apart) >= 0
    )


def test_the_stack_mark_is_the_simulators(link):
    list(stream(link, rows_of(100).tolist()))
    simulator = link.port.board
    variables = simulator.variables_end
    assert (
        link.status().stack_free_bytes
        == simulator.chip.ram_end + 1 - variables - simulator.stack_bytes
    )


# ---- faults ----


def test_resets_on_the_way(link):
    rows, rng, replies = rows_of(400), random.Random(4), []
    session = link.session
    resets = set(rng.sample(range(400), 10))
    for reply in stream(link, rows.tolist()):
        replies.append(reply)
        if reply.index in resets:
            link.port.board.run(rng.randrange(20_000))
            link.port.board.reset()
    assert check(replies, expect(MODEL, rows)).passed
    assert link.session == (session + 10) % 256 and link.info.reset_cause == 2


@UNO_ONLY
@pytest.mark.parametrize("kind", ["flip", "drop", "insert"])
def test_noise_on_the_wire(link, kind):
    rng, rows = random.Random(8), rows_of(400, seed=2)

    def fault(direction: str, octet: int, cycle: int) -> bytes:
        if rng.random() > 2e-3:
            return bytes((octet,))
        return {
            "flip": bytes((octet ^ 1 << rng.randrange(8),)),
            "drop": b"",
            "insert": bytes((octet, rng.randrange(256))),
        }[kind]

    link.port.board.fault = fault
    verdict = check(stream(link, rows.tolist(), timeout=0.02), expect(MODEL, rows))
    link.port.board.fault = None
    assert (verdict.wrong, verdict.led_wrong, verdict.lost) == (0, 0, 0) and verdict.retries > 0, (
        verdict
    )
    assert link.status().fcs_errors > 0


def test_a_wrong_baud_rate_is_counted(firmware):
    """Bytes of another rate are framing errors and damaged frames, never rows; then the right rate
    works.
    """
    board, elf = firmware("uno")
    with open_link(avr_url("uno", elf), MODEL, board) as link:
        link.port.baudrate = board.baud * 7 // 10
        for row in rows_of(40).tolist():
            link.send(protocol.encode_row(link.session, 1, row, link.seed))
        link.receive(0.2)
        link.port.baudrate = board.baud
        link.receive(0.2)
        status = link.status()
        assert status.rows == 0 and status.framing_errors > 0 and status.fcs_errors > 0


@pytest.mark.parametrize("baud", [9600, 57_600, 115_200, 250_000, 1_000_000])
def test_the_boards_rate_is_named(firmware, figures, baud):
    """The port is opened at another rate than the firmware's: within 3 s one line names the right
    one.
    """
    board, elf = firmware("uno")
    times = []
    with pytest.raises(
        LinkError, match=f"talks at {board.baud} baud, not {baud}: give --baud {board.baud}"
    ):
        open_link(
            avr_url("uno", elf),
            MODEL,
            board,
            baud=baud,
            tap=lambda direction, seconds, data: times.append(seconds),
        )
    assert times[-1] < 3
    figures(
        f"opened at {baud} baud",
        f"the firmware's {board.baud} named after {times[-1]:.2f} s of the board's time",
    )


# ---- speed ----


def test_rows_per_second(link, record_property):
    """At least 90 % of what the busier direction of the wire allows, with the board's own
    window.
    """
    rows = rows_of(1000)
    verdict = check(stream(link, rows.tolist()), expect(MODEL, rows))
    limit = link.baud / 10 / max(frame_bytes(2 * len(MODEL.inputs)), frame_bytes(RESULT.size))
    record_property("rows_per_s", round(verdict.rows_per_s))
    record_property("wire_limit", round(limit))
    assert verdict.passed and verdict.rows_per_s > 0.9 * limit, (verdict.rows_per_s, limit)


# ---- negative controls ----


def test_one_coefficient_changed_by_one_is_caught(firmware):
    scale, dense, power = MODEL.nodes
    weights = list(map(list, dense.weights))
    weights[0][2] += 1
    twin = replace(MODEL, nodes=(scale, replace(dense, weights=tuple(map(tuple, weights))), power))
    verdict = verdict_of(*firmware("uno"), rows_of(300), twin)
    assert verdict.wrong > 50 and not verdict.passed


MISTAKES = {
    "LEDs swapped": {
        "digitalWrite(TINYGEN_RED_PIN, red)": "digitalWrite(TINYGEN_GREEN_PIN, red)",
        "digitalWrite(TINYGEN_GREEN_PIN, green)": "digitalWrite(TINYGEN_RED_PIN, green)",
    },
    "pins say what was asked": {
        "digitalRead(TINYGEN_RED_PIN)": "lit",
        "digitalRead(TINYGEN_GREEN_PIN)": "lit",
    },
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_firmware_is_caught(firmware, name):
    verdict = verdict_of(*firmware("uno", MISTAKES[name]), rows_of(300))
    assert verdict.led_wrong > 0 and verdict.wrong == 0 and not verdict.passed


# ---- alarms below a threshold and outside a band ----

LOW, HIGH = (int(p) for p in np.percentile(MODEL.predict(MODEL.sample_rows(401, 3)), (40, 60)))
SIDES = {
    "uno": replace(MODEL, threshold=None, alarm_below=LOW),
    "megaatmega2560": replace(MODEL, threshold=HIGH, alarm_below=LOW),
}
STEPS = (HIGH - LOW) // 3  # raw, of the hysteresis


@pytest.mark.parametrize("board_id", SIDES)
def test_an_alarm_on_another_side_is_right_in_every_row(firmware, board_id):
    """With hysteresis, rows that repeat and rows that lack a value; and the check notices one step
    (negative control).
    """
    include, model = '#include "tinygen_alarm.h"', SIDES[board_id]
    option = {include: f"#define TINYGEN_ALARM_HYSTERESIS {STEPS}\n{include}"}
    board, elf = firmware(board_id, option, model)
    rows = rows_of(800)
    near = np.argsort(np.abs(MODEL.predict(rows) - LOW))[:200]
    rows = np.vstack([rows, rows[near], rows[np.repeat(near[:20], 3)]])
    with open_link(avr_url(board.pio_id, elf), model, board) as link:
        alarm = Alarm.of(model, link.info)
        replies = list(stream(link, rows.tolist()))
    assert (alarm.hysteresis, alarm.below, alarm.threshold) == (STEPS, LOW, model.threshold)
    verdict = check(replies, expect(model, rows, alarm))
    assert verdict.passed and verdict.missing > 10 and 100 < verdict.red < len(rows) - 100, verdict
    for other in (replace(alarm, below=LOW + 1), replace(alarm, hysteresis=STEPS - 1)):
        assert check(replies, expect(model, rows, other)).led_wrong > 0
