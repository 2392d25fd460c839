"""Boards that reset, fall silent or change under a stream."""

import errno
import random
from dataclasses import replace

import pytest
import serial
from native_board import NativeBoard, compile_board, native_link
from native_rows import MODEL, OTHER, rows_of
from tinygen.host import protocol
from tinygen.host.check import check, expect
from tinygen.host.link import TO_HOST
from tinygen.host.stream import stream

from tinygen.common.errors import LinkError


def test_a_fresh_board_remembers_nothing(firmware):
    """Each native board is a RAM of its own, also where an earlier one is gone."""
    for _ in range(60):
        with native_link(NativeBoard(firmware), MODEL) as link:
            assert link.status().rows == 0
            list(stream(link, rows_of(1).tolist()))


def test_an_answer_from_before_a_reset_is_not_used(firmware):
    """Ahead of each answer comes one of the session before: same number, same digest, other LEDs
    and prediction.
    """
    seed = protocol.model_seed(MODEL.model_id)
    decoder = protocol.Decoder(seed)

    def before(direction: str, data: bytes) -> bytes:
        late = b""
        for frame in decoder.process(data) if direction == TO_HOST else ():
            if frame.kind == protocol.Kind.RESULT and frame.session:
                flags, _, raw, digest, cycles = protocol.RESULT.unpack(frame.payload)
                payload = protocol.RESULT.pack(flags, 0, raw ^ 1, digest, cycles)
                late += protocol.encode(
                    replace(frame, session=frame.session - 1, payload=payload), seed
                )
        return late + data

    rows = rows_of(100)
    with native_link(NativeBoard(firmware, fault=before), MODEL) as link:
        verdict = check(stream(link, rows.tolist()), expect(MODEL, rows))
    assert verdict.passed, verdict


@pytest.mark.parametrize("silent_seconds", [0.0, 0.05, 0.3, 2.0])
def test_a_reset_on_the_way_costs_no_row(firmware, silent_seconds):
    rows = rows_of(300)
    board = NativeBoard(firmware, session=255)
    with native_link(board, MODEL) as link:
        replies = []
        for reply in stream(link, rows.tolist()):
            replies.append(reply)
            if reply.index in (50, 51, 200):
                board.boot(silent_seconds)
        assert link.session == 2  # 255, 0, 1, 2
    verdict = check(replies, expect(MODEL, rows))
    assert verdict.passed, verdict
    assert max(reply.at_s for reply in replies) < 3 * silent_seconds + 2


def test_a_bootloader_that_babbles(firmware):
    """Garbage while the board starts anew: no wrong answer, no row lost."""
    rows, rng = rows_of(100), random.Random(2)
    board = NativeBoard(firmware)
    with native_link(board, MODEL) as link:
        replies = []
        for reply in stream(link, rows.tolist()):
            replies.append(reply)
            if reply.index == 40:
                board.boot(1.0)
                board.to_host.extendleft((board.now, octet) for octet in rng.randbytes(500))
    assert check(replies, expect(MODEL, rows)).passed


def test_a_board_that_never_comes_back(firmware):
    """The rows before are answered, then one clear line, within bounded time."""
    rows = rows_of(100)
    board = NativeBoard(firmware)
    replies = []
    with (
        native_link(board, MODEL) as link,
        pytest.raises(LinkError, match="fell silent at row 31: check cable"),
    ):
        for reply in stream(link, rows.tolist(), window=1):
            replies.append(reply)
            if reply.index == 30:
                board.boot(1e6)
    assert len(replies) == 31 and board.now < 10
    assert check(replies, expect(MODEL, rows)).lost == 69


def test_a_board_that_resets_at_every_row(firmware):
    board = NativeBoard(firmware)
    row = rows_of(1)[0].tolist()
    with native_link(board, MODEL) as link:
        poison = protocol.encode_row(link.session, 0, row, link.seed)[6:20]
        write = board.write
        board.write = lambda data: (
            (board.boot(0.01), len(data))[1] if poison in data else write(data)
        )
        with pytest.raises(LinkError, match="was reset 6 times at row 0: check its power supply"):
            list(stream(link, [row]))


@pytest.mark.parametrize(
    "error",
    [
        serial.SerialException("device disconnected"),
        OSError(errno.EIO, "Input/output error"),
        TypeError("'NoneType' object cannot be interpreted as an integer"),
    ],
    ids=type,
)
def test_an_unplugged_cable(firmware, error):
    board = NativeBoard(firmware)
    rows, replies = rows_of(100), []
    with (
        native_link(board, MODEL) as link,
        pytest.raises(LinkError, match=r"lost the board at native .*plug it in"),
    ):
        for reply in stream(link, rows.tolist(), window=1):
            replies.append(reply)
            if reply.index == 30:
                board.gone = error
    assert len(replies) == 31 and not board.is_open


def test_another_model_after_a_reset(firmware, tmp_path):
    """Somebody loads another firmware while rows are streamed."""
    board = NativeBoard(firmware)
    other = compile_board(OTHER, tmp_path)
    with (
        native_link(board, MODEL) as link,
        pytest.raises(LinkError, match=r"runs model 'lookup_square' .* not 'linear16'"),
    ):
        for reply in stream(link, rows_of(100).tolist()):
            if reply.index == 30:
                board.library = other
                board.boot(0.5)


def test_a_host_that_ignores_the_window(firmware):
    """The board loses bytes, says so, and goes on."""
    seed = protocol.model_seed(MODEL.model_id)
    board = NativeBoard(firmware)
    with native_link(board, MODEL) as link:
        burst = b"".join(
            protocol.encode_row(link.session, i, row.tolist(), seed)
            for i, row in enumerate(rows_of(10))
        )
        board.code.board_run(burst, len(burst), 0)
        board._collect(board.now)
        replies = list(link.receive_for(0.5, type(None)))
        overruns = [
            r
            for r in replies
            if isinstance(r, protocol.Refusal) and r.code == protocol.Code.OVERRUN
        ]
        assert overruns and overruns[-1].detail == (len(burst) - 128) % 256
        assert link.status().overruns == len(burst) - 128
        rows = rows_of(50)
        assert check(stream(link, rows.tolist()), expect(MODEL, rows)).passed


def test_noise_is_not_answered_by_a_storm(firmware):
    board = NativeBoard(firmware)
    with native_link(board, MODEL) as link:
        link.send(b"\x55\x00" * 5000)
        refusals = [r for r in link.receive_for(1.0, type(None)) if isinstance(r, protocol.Refusal)]
        assert 1 <= len(refusals) <= 1 + int(board.now * 10) + 1
        assert link.status().fcs_errors == 5000
