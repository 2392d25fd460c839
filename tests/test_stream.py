"""Streams into the real firmware, compiled for the host: every row is right, flagged or lost,
whatever the wire does.
"""

import errno
import os
import pty
import random
import socket
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import serial
from native_board import NativeBoard, compile_board, native_link
from random_models import random_models
from tinygen.host import protocol
from tinygen.host.check import check, expect
from tinygen.host.link import TO_BOARD, TO_HOST, open_link
from tinygen.host.protocol import Flag, Frame, Kind, Pin, encode
from tinygen.host.stream import TRIES, stream

from tinygen.common.errors import LinkError, UsageError
from tinygen.model.fixedpoint import MISSING


def with_threshold_in_the_middle(model):
    """The model with a threshold that some rows hit exactly."""
    return replace(model, threshold=int(np.median(model.predict(model.sample_rows(401, 3)))))


MODEL = with_threshold_in_the_middle(random_models()["linear16"])
OTHER = with_threshold_in_the_middle(random_models()["lookup_square"])


@pytest.fixture(scope="session")
def firmware(tmp_path_factory):
    return compile_board(MODEL, tmp_path_factory.mktemp("native"))


def rows_of(n: int, seed: int = 1) -> np.ndarray:
    """Rows inside, at and outside the accepted range; every 50th lacks a value."""
    rows = MODEL.sample_rows(n, seed)
    rows[7::50, seed % 7] = MISSING
    return rows


def run(board: NativeBoard, rows, **options):
    with native_link(board, MODEL) as link:
        return check(stream(link, rows.tolist(), **options), expect(MODEL, rows))


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


class Noise:
    """Flips, drops, inserts and doubles bytes, each with its own probability; off while the link
    opens.
    """

    def __init__(
        self, seed: int, flip: float = 0, drop: float = 0, insert: float = 0, double: float = 0
    ) -> None:
        self.rng = random.Random(seed)
        self.flip, self.drop, self.insert, self.double = flip, drop, insert, double
        self.on = False

    def __call__(self, direction: str, data: bytes) -> bytes:
        if not self.on:
            return data
        out = bytearray()
        for octet in data:
            if self.rng.random() < self.drop:
                continue
            if self.rng.random() < self.insert:
                out.append(self.rng.randrange(256))
            for bit in range(8):
                if self.flip and self.rng.random() < self.flip:
                    octet ^= 1 << bit
            out.append(octet)
            if self.rng.random() < self.double:
                out.append(octet)
        return bytes(out)


NOISE = [
    ({kind: rate}, rate)
    for kind in ("flip", "drop", "insert", "double")
    for rate in (1e-4, 1e-3, 1e-2)
]


@pytest.mark.parametrize(
    "kind, rate", NOISE, ids=lambda v: "-".join(map(str, v.items())) if isinstance(v, dict) else ""
)
def test_noise_both_ways(firmware, kind, rate):
    """No wrong answer, ever; what is lost is said to be; at 1e-4 nothing is lost after five tries."""
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
    "alarm at the limit": {"y, MODEL_THRESHOLD);": "y, MODEL_THRESHOLD - 1);"},
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
        "answer_row();\n        send": "static bool odd; odd = !odd; if (odd) answer_row();\n        send"
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


# ---- resets and silence ----


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
        pytest.raises(LinkError, match="lost the board at native .*plug it in"),
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
        pytest.raises(LinkError, match="runs model 'lookup_square' .* not 'linear16'"),
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


# ---- opening ----


class Device:
    """A device behind a pty, in a thread: `answer(bytes) -> bytes`; `greeting` is said at once."""

    def __init__(self, answer=lambda data: b"", greeting=b"") -> None:
        self.master, slave = pty.openpty()
        self.name = os.ttyname(slave)
        import tty

        tty.setraw(slave)
        self.slave = slave
        self.answer = answer
        self.heard = bytearray()
        os.write(self.master, greeting)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        try:
            while data := os.read(self.master, 1000):
                self.heard += data
                os.write(self.master, self.answer(data))
        except OSError:
            pass

    def close(self) -> None:
        os.close(self.slave)
        self.thread.join(2)
        os.close(self.master)


def info_frame(**changes) -> bytes:
    """INFO as a board with MODEL says it, with some fields changed."""
    fields = (
        dict(
            protocol=1,
            traits=0,
            inputs=7,
            window=5,
            payload_max=14,
            cause=2,
            model_id=MODEL.model_id,
            baud=115200,
            overruns=0,
            framing=0,
            fcs=0,
            hysteresis=0,
            debounce=0,
            board=b"uno",
            model=b"linear16",
        )
        | changes
    )
    return encode(Frame(Kind.INFO, 3, 1, protocol.INFO.pack(*fields.values())))


@pytest.fixture
def device():
    made = []

    def make(*arguments, **options) -> Device:
        made.append(Device(*arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_opens_through_a_pty(device):
    """The board behind a pty has no DTR; INFO comes only because it is asked for."""
    board = device(lambda data: info_frame() if protocol.hello(1) in data else b"")
    with open_link(board.name, MODEL, timeout=3) as link:
        assert link.info.session == 3 and link.session == 3


def test_a_port_without_a_rate_is_not_said_to_have_another_one(device):
    """A pseudo-terminal answers at every rate: a few stray bytes before the first INFO do not make
    it a wrong rate.
    """
    asked = []
    board = device(
        lambda data: (
            asked.append(data)
            or (
                b"\x13\x37"
                if len(asked) < 2
                else info_frame()
                if protocol.hello(1) in data
                else b""
            )
        )
    )
    with open_link(board.name, MODEL, timeout=5) as link:
        assert link.info.session == 3 and link.baud == 250_000 and len(asked) > 2


def test_opens_through_a_socket():
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = server.accept()
        with connection:
            time.sleep(0.2)  # pyserial forgets what comes while it opens
            connection.sendall(b"\x00noise" + info_frame())
            while connection.recv(100):
                pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with open_link(f"socket://127.0.0.1:{server.getsockname()[1]}", MODEL, timeout=3) as link:
        assert link.info.model == "linear16"
    thread.join(2)
    server.close()


def version_2(data: bytes) -> bytes:
    body = bytes((2 << 5 | Kind.ERR, 0, 0, 2, 4, 2))
    body += protocol.fcs(body).to_bytes(2, "little")
    return protocol.enclose(body)


ANSWERS = {
    "silent": (
        lambda data: b"",
        "no answer from {port} within 0.8 s at 115200 baud: is it the right port",
    ),
    "echo": (
        lambda data: data,
        "the device at {port} only echoes what it is sent: it is no tinygen board",
    ),
    "foreign": (
        lambda data: b"OK\r\n",
        "the device at {port} sends bytes, but no tinygen frame at 115200 baud within 0.8 s",
    ),
    "babbling": (
        lambda data: b"\x00\x11\x22" * 3000,
        "the device at {port} sends bytes, but no tinygen frame",
    ),
    "another version": (version_2, "the board at {port} speaks another version of the protocol"),
    "version in INFO": (
        lambda data: info_frame(protocol=2),
        "speaks version 2 of the protocol, this tinygen version 1",
    ),
    "another model": (
        lambda data: info_frame(model_id=7, model=b"\x1b[31mevil"),
        "runs model '?[31mevil' (00000007, 7 inputs), not 'linear16'",
    ),
    "other inputs": (lambda data: info_frame(inputs=6), "6 inputs), not 'linear16'"),
    "another board": (
        lambda data: info_frame(board=b"megaatmega2560"),
        "runs a firmware for 'megaatmega2560', not 'uno'",
    ),
    "empty": (lambda data: info_frame(traits=2), "a firmware without a model"),
    "corrupt": (lambda data: info_frame(traits=1), "its model's table in flash is corrupt"),
    "nonsense": (lambda data: info_frame(window=0), "sends bytes, but no tinygen frame"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_the_wrong_device_gets_one_clear_line(device, case):
    from tinygen.common.boards import BOARDS

    answer, message = ANSWERS[case]
    port = device(answer)
    with pytest.raises(LinkError) as caught:
        open_link(port.name, MODEL, replace(BOARDS["uno"], baud=115200), timeout=0.8)
    text = str(caught.value)
    assert message.format(port=port.name) in text and "\n" not in text and "\x1b" not in text
    assert ": " in text  # says what to do next


def test_a_port_that_is_taken(device):
    board = device(lambda data: info_frame())
    with open_link(board.name, MODEL, timeout=3):
        with pytest.raises(LinkError, match=f"port {board.name} is taken by another program"):
            open_link(board.name, MODEL, timeout=1)
    open_link(board.name, MODEL, timeout=3).close()  # and free again


@pytest.mark.parametrize(
    "port, message",
    [
        ("/dev/ttyDOESNOTEXIST", "port /dev/ttyDOESNOTEXIST does not exist"),
        ("wrong://x", "'wrong://x' is no port that pyserial knows"),
        ("socket://127.0.0.1:1", "port socket://127.0.0.1:1 "),
        ("avr://uno/no/such/firmware.elf", "no firmware file /no/such/firmware.elf"),
        ("avr://nano99/x.elf", "no virtual board 'nano99'"),
        ("/etc/hostname", "port /etc/hostname does not open"),
    ],
)
def test_a_port_that_does_not_open(port, message):
    with pytest.raises(LinkError) as caught:
        open_link(port, MODEL, timeout=1)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_no_word_to_a_bootloader(firmware):
    """A port with modem lines may have reset the board: nothing is sent while its bootloader
    listens.
    """
    board = NativeBoard(firmware)
    board.boot(1.5)
    with native_link(board, MODEL):
        assert board.written == [] and board.now >= 1.5


def test_a_tap_sees_both_directions(firmware):
    seen = []
    board = NativeBoard(firmware)
    with native_link(board, MODEL) as link:
        link.tap = lambda direction, seconds, data: seen.append((direction, seconds, data))
        list(stream(link, rows_of(3).tolist()))
    assert b"".join(d for way, _, d in seen if way == TO_BOARD) == b"".join(board.written)
    assert [
        e.seq
        for e in protocol.Decoder(link.seed).process(
            b"".join(d for way, _, d in seen if way == TO_HOST)
        )
    ] == [0, 1, 2]
    assert sorted(s for _, s, _ in seen) == [s for _, s, _ in seen]
