"""What any board must do, through tinygen's own pytest plugin: simulated by default, real with
`--board auto`.

These are the tests a lab runs on each kind of board it has: pytest tests/hil --board auto
--require-board
"""

from dataclasses import replace

import numpy as np
import pytest
from tinygen.host.check import check, expect
from tinygen.host.protocol import Pin

from tinygen.model.fixedpoint import MISSING
from tinygen.target.pytest_plugin import targets

ROWS = 400


def with_gaps(model, seed: int) -> np.ndarray:
    """Rows inside, at and beyond the accepted ranges; every 25th lacks a value."""
    rows = model.sample_rows(ROWS, seed)
    rows[5::25, seed % len(model.inputs)] = MISSING
    return rows


def test_the_board_is_the_one_asked_for(board):
    assert board.info.board == board.board.pio_id and board.info.model_id == board.model.model_id
    assert board.info.inputs == len(board.model.inputs) and board.info.window >= 1


def test_every_row_is_right(stream, model):
    verdict = stream(with_gaps(model, 1)).verdict
    assert verdict.passed and (verdict.rows, verdict.missing) == (ROWS, ROWS // 25), verdict
    assert verdict.clamped > 0 and 0 < verdict.red < ROWS


def test_a_wrong_twin_is_seen(board, model):
    """The same replies against answers one higher: the check must reject every row that has a
    prediction.
    """
    rows = model.sample_rows(50, 2)
    replies = board.stream(rows).replies
    wanted = expect(model, rows)
    wrong = replace(wanted, prediction=tuple(raw + 1 for raw in wanted.prediction))
    assert check(replies, wanted).passed and check(replies, wrong).wrong == 50


def test_leds_are_dark_red_green_and_dark_again(stream, leds, model):
    rows = model.sample_rows(401, 3)
    answers = model.predict(rows)
    assert leds() == Pin(0)
    for row, lit in ((rows[np.argmax(answers)], Pin.RED), (rows[np.argmin(answers)], Pin.GREEN)):
        assert stream([row]).verdict.passed and leds() == lit
    gap = rows[0].copy()
    gap[0] = MISSING
    assert stream([gap]).verdict.passed and leds() == Pin(0)


@pytest.mark.needs("led_history")
def test_no_led_is_lit_between_rows(board, model):
    rows = model.sample_rows(100, 4)
    assert board.stream(rows).verdict.passed
    lit = [Pin(0), *(Pin.RED if alarm else Pin.GREEN for alarm in model.alarm(model.predict(rows)))]
    assert board.led_history() == [
        state for state, before in zip(lit, [None, *lit]) if state != before
    ]


def test_the_board_counts_what_it_answered(board, model):
    board.stream(model.sample_rows(60, 5))
    status = board.link.status()
    assert (status.rows, status.overruns, status.refused) == (
        60,
        0,
        0,
    ) and status.stack_free_bytes > 64


@pytest.mark.hil
def test_a_real_board_and_its_cable(board, model):
    verdict = board.stream(model.sample_rows(2000, 6)).verdict
    assert verdict.passed and verdict.retries <= 20, verdict


@pytest.mark.sim
def test_the_default_is_simulated(board, request):
    assert board.bench.target.simulated and board.bench.target.spec in targets(request.config)
