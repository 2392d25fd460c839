"""Samples into a board that loses some, is reset or loses its power: a healthy board passes, and
what it must answer then is not guessed.
"""

from dataclasses import replace

import pytest
from native_board import NativeBoard, compile_board, native_link
from signal_board_model import MODEL, course, samples
from tinygen.host import protocol
from tinygen.host.check import check, expect
from tinygen.host.link import TO_BOARD
from tinygen.host.stream import stream

from tinygen.model.fixedpoint import MISSING

RAW = course(300)  # without a sample that is missing: nothing makes the model begin anew
EXPECTED = expect(MODEL, RAW)


@pytest.fixture(scope="module")
def signal_firmware(tmp_path_factory):
    return compile_board(MODEL, tmp_path_factory.mktemp("native"))


def told(board, event, at: tuple[int, ...], raw=RAW, **options):
    """Replies to a stream in which `event` happens after these rows."""
    with native_link(board, MODEL) as link:
        link.reopen_port = lambda: board
        replies = []
        for reply in stream(link, raw.tolist(), **options):
            replies.append(reply)
            if reply.index in at:
                event()
    return replies


def test_a_second_stream_does_not_remember_the_first(signal_firmware):
    with native_link(NativeBoard(signal_firmware), MODEL) as link:
        for _ in range(2):
            assert check(stream(link, RAW[:77].tolist()), expect(MODEL, RAW[:77])).passed


def test_a_reset_on_the_way_is_no_fault_of_the_board(signal_firmware):
    board = NativeBoard(signal_firmware, session=255)
    replies = told(board, lambda: board.boot(0.05), (75, 76, 190))
    verdict = check(replies, EXPECTED)
    assert verdict.passed and [r.index for r in replies if r.anew] == [0, 76, 77, 191]
    unaware = check([replace(reply, anew=False) for reply in replies], EXPECTED)
    assert unaware.wrong > 10  # the reset did change answers


def test_power_that_comes_back_with_the_same_session(signal_firmware):
    board = NativeBoard(signal_firmware)

    def power_on() -> None:
        board.session -= 1
        board.boot(0.0)

    replies = told(board, power_on, (75,))
    assert check(replies, EXPECTED).passed
    assert [r.index for r in replies if r.anew] == [0, 76]


def test_a_lost_sample_is_told_and_the_model_begins_anew(signal_firmware):
    """The board has taken row 120, but no answer to it comes."""
    board, fault = NativeBoard(signal_firmware), {"deaf": False}
    seed = protocol.model_seed(MODEL.model_id)

    def mute(direction: str, data: bytes) -> bytes:
        if direction == TO_BOARD:
            fault["deaf"] = protocol.encode_row(1, 121, RAW[120].tolist(), seed, 2)[4:] in data
        return b"" if fault["deaf"] and direction != TO_BOARD else data

    board.fault = mute
    replies = told(board, lambda: None, ())
    verdict = check(replies, EXPECTED)
    assert [r.index for r in replies if r.lost] == [120]
    assert (verdict.lost, verdict.wrong, verdict.led_wrong) == (1, 0, 0)
    assert [r.index for r in replies if r.anew] == [0, 121]
    assert check([replace(r, anew=False) for r in replies], EXPECTED).wrong > 3


def test_a_cable_that_comes_back_to_a_board_that_was_not_reset(signal_firmware):
    """Its session may be an old one by chance: the row on its way waits for a gap."""
    board = NativeBoard(signal_firmware)
    read, broken = board.read, []

    def breaks(size: int = 1) -> bytes:
        if len(board.written) == 101 and not broken:
            broken.append(True)
            raise OSError(5, "Input/output error")
        return read(size)

    board.read = breaks
    replies = told(board, lambda: None, (), reconnect=5.0)
    assert broken and check(replies, EXPECTED).passed
    assert len([r for r in replies if r.anew]) == 2


def test_a_board_that_answers_no_gap_is_not_believed(signal_firmware):
    """What it remembers stays unknown: its answers are lost, not right by luck."""
    board = NativeBoard(signal_firmware)
    decoder = protocol.Decoder(protocol.model_seed(MODEL.model_id), version=2)
    blank = bytes.fromhex("0080") * 2

    def refuses(direction: str, data: bytes) -> bytes:
        frames = decoder.process(data) if direction == TO_BOARD else ()
        return b"" if any(getattr(f, "payload", b"") == blank for f in frames) else data

    board.fault = refuses
    replies = told(board, lambda: None, (), RAW[:5])
    assert all(r.lost for r in replies)
    assert "not known" in replies[0].reason


def test_rows_with_a_gap_of_their_own(signal_firmware):
    raw = samples()
    replies = told(NativeBoard(signal_firmware), lambda: None, (), raw)
    verdict = check(replies, expect(MODEL, raw))
    assert verdict.passed and verdict.missing == (raw == MISSING).any(axis=1).sum() == 2
