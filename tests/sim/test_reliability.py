"""Noise, resets, and hosts that do not wait, on the simulated chip."""

import random

import pytest
from test_loop import BAUDS, MODEL, firmware, rows_of  # noqa: F401 - a fixture
from tinygen.host import protocol
from tinygen.host.check import check, expect
from tinygen.host.link import Link, open_link
from tinygen.host.protocol import Code, Refusal, Result
from tinygen.host.stream import stream
from tinygen.host.virtual.protocol_avr import avr_url
from tinygen.host.virtual.simavr import SimBoard

from tinygen.common.errors import LinkError

BOTH = pytest.mark.parametrize("board_id", BAUDS)
ROWS = {"commit": 500, "release": 10_000}


# ---- noise ----


def noise(kind: str, rate: float, seed: int):
    """A fault for the virtual board; `rate` is per bit for flips, per byte for the others."""
    rng = random.Random(seed)

    def fault(direction: str, octet: int, cycle: int) -> bytes:
        if kind == "flip":
            for bit in range(8):
                octet ^= (rng.random() < rate) << bit
            return bytes((octet,))
        if rng.random() >= rate:
            return bytes((octet,))
        return {
            "change": bytes((rng.randrange(256),)),
            "drop": b"",
            "insert": bytes((rng.randrange(256), octet)),
            "double": bytes((octet, octet)),
        }[kind]

    return fault


@BOTH
@pytest.mark.parametrize("kind", ["flip", "drop", "insert", "double"])
def test_noise_both_ways(firmware, figures, level, board_id, kind):  # noqa: F811
    """A commit: flips on both boards, the others on the Uno; a fifth of the rows at the highest
    rate, where most of them are sent until they are given up.
    """
    if level == "commit" and kind != "flip" and board_id != "uno":
        pytest.skip("each kind on each board: --level release")
    board, elf = firmware(board_id)
    for rate in (1e-4, 1e-3, 1e-2):
        few = level == "commit" and rate == 1e-2
        rows = rows_of(ROWS[level] // 5 if few else ROWS[level], seed=2)
        expected = expect(MODEL, rows)
        with open_link(avr_url(board_id, elf), MODEL, board) as link:
            link.port.board.fault = noise(kind, rate, seed=8)
            replies = list(stream(link, rows.tolist(), timeout=0.01))
        verdict = check(replies, expected)
        assert [reply.index for reply in replies] == list(range(len(rows)))
        assert (verdict.wrong, verdict.led_wrong) == (0, 0) and (
            verdict.lost == 0 or rate > 1e-4
        ), verdict
        figures(
            f"ELF, {board_id}, {kind} {rate:g}",
            f"{len(rows):,} rows: 0 wrong, {verdict.lost} lost and reported, "
            f"{verdict.retries:,} retries",
        )


def test_the_demo_under_noise(firmware, figures, level):  # noqa: F811
    """7,344 rows, 1,500 at a commit, while one byte in a thousand is changed, both ways: none
    wrong, none lost in silence.
    """
    board, elf = firmware("uno")
    rows = rows_of(1500 if level == "commit" else 7344, seed=6)
    with open_link(avr_url("uno", elf), MODEL, board) as link:
        link.port.board.fault = noise("change", 1e-3, seed=9)
        replies = list(stream(link, rows.tolist(), timeout=0.01))
    verdict = check(replies, expect(MODEL, rows))
    assert [reply.index for reply in replies] == list(range(len(rows)))
    assert (verdict.wrong, verdict.led_wrong) == (0, 0) and verdict.lost == sum(
        reply.lost for reply in replies
    ), verdict
    figures(
        f"{len(rows):,} rows, 1e-3 bytes",
        f"0 wrong, {verdict.lost} lost and reported, {verdict.retries} retries",
    )


# ---- resets ----


class Bootloader:
    """What stands before the program after `press`: for some time the board is silent or babbles,
    and swallows what it is sent.

    The chip's clock goes on, its program does not run: nothing is simulated but the line.
    """

    def __init__(self, board: SimBoard, seed: int) -> None:
        self.board, self.rng, self.until, self.babbles = board, random.Random(seed), 0, False
        self.run_to = board._run_to
        board._run_to = self._run_to

    def press(self, seconds: float, babbles: bool) -> None:
        """The reset button."""
        self.until, self.babbles = (
            self.board.cycle + int(seconds * self.board.board.f_cpu_hz) + 1,
            babbles,
        )

    def _run_to(self, target: int) -> None:
        core, line = self.board._core, self.board._line
        while self.until and core.cycle < target:
            core.cycle = min(target, self.until, core.cycle + 20_000)
            self.board.discard_output()
            if self.babbles and self.rng.random() < 0.3:
                line.inbox += self.rng.randbytes(3)
            if core.cycle == self.until:
                self.until = 0
                self.board.reset()
            if len(line.inbox) >= line.wake_at:
                return
        self.run_to(target)


@BOTH
def test_resets_at_random_cycles(firmware, figures, level, board_id):  # noqa: F811
    """Each reset is a new session; every row is answered, once in the log, and soon after the board
    is back.
    """
    board, elf = firmware(board_id)
    resets = 100 if level == "commit" else 2000
    rng, rows, log, sessions = random.Random(3), rows_of(12 * resets), [], set()
    with open_link(avr_url(board_id, elf), MODEL, board) as link:
        bootloader, slowest, back_at = Bootloader(link.port.board, 4), 0.0, None
        for reply in stream(link, rows.tolist()):
            log.append(reply)
            if reply.index % 12 == 6:
                sessions.add(link.session)
                link.port.board.run(rng.randrange(30_000))
                seconds = rng.choice((0.0, rng.uniform(0.3, 2.0)))
                bootloader.press(seconds, rng.random() < 0.5)
                back_at = link.clock() + seconds
            elif back_at and not reply.lost and reply.result.session not in sessions:
                slowest, back_at = max(slowest, link.clock() - back_at), None
    verdict = check(log, expect(MODEL, rows))
    assert (verdict.wrong, verdict.led_wrong) == (0, 0) and [reply.index for reply in log] == list(
        range(len(rows))
    ), verdict
    # a board that goes silent in the moment of an answer and is away for just five tries
    assert verdict.lost <= resets // 50
    assert len(sessions) == min(resets, 256) and slowest < 1.0
    figures(
        f"resets, {board_id}",
        f"{resets} at random cycles, half with 0.3 .. 2 s of silence or garbage, {len(rows):,} "
        "rows: "
        f"0 wrong, {verdict.lost} lost and reported, answers again at most {slowest * 1000:.0f} ms "
        "after the program's start",
    )


def test_a_stream_that_answers_a_row_twice_is_seen(firmware):  # noqa: F811
    """Negative control: a log with one row twice, and one with a row left out, do not pass."""
    board, elf = firmware("uno")
    rows = rows_of(30)
    with open_link(avr_url("uno", elf), MODEL, board) as link:
        log = list(stream(link, rows.tolist()))
    assert check(log, expect(MODEL, rows)).passed
    assert (
        check([*log, log[7]], expect(MODEL, rows)).first_difference
        and not check(log[:7] + log[8:], expect(MODEL, rows)).passed
    )


def test_a_program_that_hangs_is_reset(firmware, figures):  # noqa: F811
    """The watchdog of the Uno: an endless loop at one row costs a second, and the cause is told."""
    hang = {"rows_answered++;": "if (++rows_answered == 5 && reset_cause != 8) for (;;) {}"}
    board, elf = firmware("uno", hang)
    rows = rows_of(20)
    with open_link(avr_url("uno", elf), MODEL, board) as link:
        verdict = check(stream(link, rows.tolist()), expect(MODEL, rows))
        assert verdict.passed and verdict.seconds < 2.0 and link.status().reset_cause == 8, verdict
        figures(
            "watchdog, uno",
            f"an endless loop is over after {verdict.seconds:.2f} s, all {len(rows)} rows answered",
        )


def test_without_a_watchdog_the_stream_ends(firmware):  # noqa: F811
    """Negative control, and what a Mega does: silence, which the host reports within bounded
    time.
    """
    hang = {"rows_answered++;": "if (++rows_answered == 5) for (;;) {}"}
    board, elf = firmware("megaatmega2560", hang)
    with (
        open_link(avr_url("megaatmega2560", elf), MODEL, board) as link,
        pytest.raises(LinkError, match="fell silent at row"),
    ):
        list(stream(link, rows_of(20).tolist()))


# ---- a host that does not wait, or does not read ----

BURSTS = {"commit": 10, "release": 200}


def burst(link: Link, rng: random.Random, rows) -> list:
    """Ten to thirty frames without a pause, questions with long answers among them; everything the
    board says.
    """
    frames = []
    for seq, row in enumerate(rows[: rng.randrange(10, 31)].tolist()):
        if rng.random() < 0.4:
            frames.append(protocol.hello(200))
        frames.append(protocol.encode_row(link.session, seq, row, link.seed))
    link.send(b"".join(frames))
    return list(link.receive_for(0.25, type(None)))


def flow(link: Link, bursts: int, seed: int) -> tuple[int, int]:
    """(rows answered, bytes lost) in bursts; each answer is right, each loss is counted and told,
    and the LEDs go on.
    """
    rng, answered, lost = random.Random(seed), 0, 0
    for trial in range(bursts):
        rows = rows_of(30, seed=trial)
        expected = expect(MODEL, rows)
        said = burst(link, rng, rows)
        results = [r for r in said if isinstance(r, Result)]
        told = [r.detail for r in said if isinstance(r, Refusal) and r.code == Code.OVERRUN]
        for result in results:
            index = result.seq
            assert (result.prediction, result.digest, result.pins) == (
                expected.prediction[index],
                expected.digest[index],
                expected.pins[index],
            )
        assert results and link.port.board.leds() == tuple(
            int(pin in results[-1].pins) for pin in (protocol.Pin.RED, protocol.Pin.GREEN)
        )
        now = link.status().overruns
        assert bool(told) == (now != lost) and (not told or told[-1] == now % 256), (
            trial,
            told,
            lost,
            now,
        )
        answered, lost = answered + len(results), now
        assert check(stream(link, rows[:3].tolist()), expect(MODEL, rows[:3])).passed
    return answered, lost


@BOTH
def test_a_host_that_ignores_the_window(firmware, figures, level, board_id):  # noqa: F811
    board, elf = firmware(board_id)
    with open_link(avr_url(board_id, elf), MODEL, board) as link:
        answered, lost = flow(link, BURSTS[level], 6)
    assert lost > 0
    figures(
        f"window ignored, {board_id}",
        f"{BURSTS[level]} bursts: {answered:,} rows answered and right, {lost:,} bytes lost, "
        "all counted and told; the next rows right, LEDs as told",
    )


def test_a_loss_that_is_not_told_is_seen(firmware):  # noqa: F811
    """Negative control: a firmware that counts what it loses and keeps quiet about it."""
    board, elf = firmware("uno", {"    send_error(TINYGEN_OVERRUN, (uint8_t)overruns, 0);\n": ""})
    with open_link(avr_url("uno", elf), MODEL, board) as link, pytest.raises(AssertionError):
        flow(link, 10, 6)


@BOTH
def test_a_host_that_never_reads(firmware, figures, board_id):  # noqa: F811
    """Two hundred rows whose answers nobody takes: every row is computed, the LEDs follow, after
    each the right one is lit.
    """
    board, elf = firmware(board_id)
    rows = rows_of(200, seed=4)
    expected = expect(MODEL, rows)
    with open_link(avr_url(board_id, elf), MODEL, board) as link:
        simulated: SimBoard = link.port.board
        for seq, row in enumerate(rows.tolist()):
            link.send(protocol.encode_row(link.session, seq, row, link.seed))
            simulated.run(32_000)
            pins = expected.pins[seq]
            assert simulated.leds() == (
                int(protocol.Pin.RED in pins),
                int(protocol.Pin.GREEN in pins),
            ), seq
        answers = [
            reply for reply in link.receive_for(0.3, type(None)) if isinstance(reply, Result)
        ]
        status = link.status()
    assert (len(answers), status.rows, status.overruns) == (200, 200, 0)
    figures(
        f"never read, {board_id}", "200 rows computed, the right LED lit after each, 0 bytes lost"
    )
