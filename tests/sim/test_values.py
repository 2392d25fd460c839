"""Answers of several numbers on the virtual Uno and Mega, and on the native firmware: every row,
every number, every LED; and what a checker sees when one is wrong.
"""

from dataclasses import replace

import numpy as np
import pytest
from family_models import street, street_model
from native_board import NativeBoard, compile_board, native_link
from tinygen.host.check import check, expect
from tinygen.host.protocol import Flag, Pin
from tinygen.host.stream import stream
from tinygen.host.virtual.protocol_avr import avr_url

from tinygen.codegen.emit import emit_project
from tinygen.commands.stream import stream_rows
from tinygen.common.boards import BOARDS
from tinygen.common.errors import LinkError
from tinygen.model.fixedpoint import MISSING, NOT_SURE
from tinygen.model.outputs import side_by_side

PLAIN = street_model("forest", "classification")
TARGETS = side_by_side(
    [
        street_model("polynomial", "regression"),
        replace(
            street_model("ridge", "regression"),
            threshold=None,
            output=replace(street_model("ridge", "regression").output, name="gas 2"),
        ),
    ],
    street().inputs,
)
SURE = replace(PLAIN, scores=True, sure_margin=60)
CHIPS = ("uno", "megaatmega2560")


def rows_of(model, n: int = 400) -> np.ndarray:
    """Rows inside, at and outside the accepted range; every 50th lacks a value."""
    rows = model.sample_rows(n, 1)
    rows[7::50, 1] = MISSING
    return rows


@pytest.fixture(scope="module")
def program(firmware_elf, tmp_path_factory):
    """`program(model, board_id)` gives the URL of a virtual board that runs its firmware."""
    folder = tmp_path_factory.mktemp("values")

    def make(model, board_id: str) -> str:
        board = BOARDS[board_id]
        return avr_url(board_id, firmware_elf(emit_project(model, folder, [board]), board))

    return make


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    """`native(model, mistakes)` gives an open link to its firmware on this computer."""

    made = {}

    def make(model, mistakes=()):
        key = model.model_id, *mistakes
        if key not in made:
            folder = tmp_path_factory.mktemp("native")
            made[key] = compile_board(model, folder, main=dict([mistakes] if mistakes else ()))
        return native_link(NativeBoard(made[key]), model)

    return make


def verdict(link, model, rows, expected=None):
    return check(stream(link, rows.tolist()), expected or expect(model, rows))


@pytest.mark.parametrize("board_id", CHIPS)
def test_a_board_answers_every_number(program, board_id):
    rows = rows_of(SURE)
    url, board = program(SURE, board_id), BOARDS[board_id]
    streamed = stream_rows(SURE, rows, url, board, progress=lambda words: None)
    assert streamed.good and streamed.verdict.passed and streamed.pins_right
    got = np.array([reply.result.values for reply in streamed.replies])
    assert np.array_equal(got, SURE.answers(rows))
    assert streamed.verdict.not_sure == (got[:, 0] == NOT_SURE).sum() > 0
    dark = [not r.result.pins for r in streamed.replies]
    assert dark == [bool(r.result.flags & (Flag.MISSING | Flag.NOT_SURE)) for r in streamed.replies]
    lit = {r.result.pins for r in streamed.replies}
    assert lit == {Pin(0), Pin.RED, Pin.GREEN, Pin.THIRD}


@pytest.mark.parametrize("board_id", CHIPS)
def test_a_board_answers_every_target(program, board_id):
    rows = rows_of(TARGETS)
    url, board = program(TARGETS, board_id), BOARDS[board_id]
    streamed = stream_rows(TARGETS, rows, url, board, progress=lambda words: None)
    assert streamed.good
    got = np.array([reply.result.values for reply in streamed.replies])
    assert np.array_equal(got, TARGETS.answers(rows)) and got.shape == (400, 2)


def test_two_targets_in_the_wrong_order_are_seen(native):
    swapped = side_by_side(
        [TARGETS.singles[1], replace(TARGETS.singles[0], threshold=None)], TARGETS.inputs
    )
    rows = rows_of(TARGETS, 60)
    link = native(TARGETS)
    assert verdict(link, TARGETS, rows).passed
    assert verdict(native(TARGETS), TARGETS, rows, expect(swapped, rows)).wrong > 30


def test_one_number_off_by_one_is_seen(native):
    rows = rows_of(SURE, 60)
    right = expect(SURE, rows)
    assert verdict(native(SURE), SURE, rows, right).passed
    for place in range(3):
        more = [list(numbers) for numbers in right.more]
        more[20][place] += 1
        found = verdict(native(SURE), SURE, rows, replace(right, more=tuple(map(tuple, more))))
        assert (found.wrong, found.led_wrong) == (1, 0)
        assert found.first_difference.startswith(f"row 20: number {place + 2} ")


@pytest.mark.parametrize(
    "before, after, wrong",
    [
        ("(uint16_t)values[i]", "(uint16_t)values[MODEL_VALUES - i]", True),  # in another order
        ("(uint16_t)INT16_MIN : (", "(uint16_t)values[i] : (", True),
        ("flags |= TINYGEN_NOT_SURE;", "flags |= 0;", True),
        ("class_leds_show(y);", "class_leds_show(y == 2 ? 1 : y);", False),
        ("dark || model_not_sure(y) ||", "dark || y <= 0 ||", False),
    ],
)
def test_a_mistake_in_the_firmware_is_seen(native, before, after, wrong):
    rows = rows_of(SURE, 100)
    link = native(SURE, (before, after))
    found = verdict(link, SURE, rows)
    if wrong:
        assert found.wrong + found.lost > 0
    else:
        assert found.wrong == found.lost == 0 and found.led_wrong > 0


def test_board_and_host_of_two_versions_tell_each_other(native):
    """A host of one number meets a board of several, and the other way round."""
    for board, host in ((SURE, PLAIN), (PLAIN, SURE)):
        link = native(board)
        with pytest.raises(LinkError, match="speaks another version of the protocol"):
            native_link(link.port, host)
    assert (native(SURE).info.protocol, native(PLAIN).info.protocol) == (2, 1)
    info = native(SURE).info
    assert (info.values, info.leds, native(PLAIN).info.values) == (4, 3, 1)
