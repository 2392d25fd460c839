"""Recordings on the virtual boards: every sample once and right, or told as lost; none late."""

import pytest
from recording import compile_recorder, noise, run
from tinygen.host.link import Link
from tinygen.host.port import open_port
from tinygen.host.recorder.timing import TICK_CYCLES, highest_rate
from tinygen.host.virtual.protocol_avr import avr_url
from tinygen.host.virtual.simavr import TO_HOST

from tinygen.common.boards import BOARDS
from tinygen.common.errors import LinkError
from tinygen.common.sensors import find_channels

THREE = "A2,A0,A1"


@pytest.fixture(scope="module")
def firmware(simavr, tmp_path_factory):
    """`firmware(board_id, channels, {file: {before: after}})`: an ELF, compiled once."""
    folder, made = tmp_path_factory.mktemp("recorder"), {}

    def make(board_id="uno", names=THREE, mistakes=None):
        mistakes = mistakes or {}
        key = (board_id, names, str(mistakes))
        if key not in made:
            elf = compile_recorder(folder, board_id, names, mistakes)
            made[key] = elf.rename(folder / f"{len(made)}.elf")
        return made[key]

    return make


def require_right(heard, samples):
    """Every sample once, in order, right, on time to the tick; nothing lost."""
    assert [number for number, _ in heard.rows] == list(range(samples))
    assert (heard.lost, heard.wrong) == ([], [])
    assert 0 <= max(heard.lateness) - min(heard.lateness) < TICK_CYCLES
    got = heard.recording
    assert (got.samples, got.jitter_ticks, got.overruns, got.failure) == (samples, 0, 0, "")


CASES = [("uno", THREE, 100), ("uno", "A0", 1000), ("megaatmega2560", THREE, 500)]


@pytest.mark.parametrize("board_id, names, rate_hz", CASES)
def test_every_sample_is_right_under_noise(firmware, board_id, names, rate_hz):
    heard = run(firmware(board_id, names), board_id, names, rate_hz, 2 * rate_hz, noise(2e-3))
    require_right(heard, 2 * rate_hz)
    assert heard.recording.asked_again and heard.recording.damaged


LONG_SECONDS, LONG_NOISE = 600, 1e-4


@pytest.mark.parametrize("names, rate_hz", [(THREE, 100), ("A0", 1000)])
def test_ten_minutes_under_noise(firmware, level, figures, names, rate_hz):
    if level == "commit":
        pytest.skip("ten simulated minutes: --level release")
    samples = LONG_SECONDS * rate_hz
    heard = run(firmware("uno", names), "uno", names, rate_hz, samples, noise(LONG_NOISE))
    got = heard.recording
    lateness = max(heard.lateness) - min(heard.lateness)
    figures(
        f"recorded {names} {rate_hz} Hz",
        f"{got.samples} samples, {len(heard.wrong)} wrong, {len(heard.lost)} lost (told), "
        f"{got.damaged} frames damaged, asked again {got.asked_again}; lateness {lateness} cycles",
    )
    assert [number for number, _ in heard.rows] == list(range(samples))
    assert heard.wrong == []
    assert got.lost_samples == len(heard.lost)
    assert lateness < TICK_CYCLES and got.jitter_ticks == 0


@pytest.mark.parametrize("names", ["A0", THREE])
def test_the_highest_rate_is_kept(firmware, names):
    uno = BOARDS["uno"]
    rate = highest_rate(find_channels(names, uno), uno)
    require_right(run(firmware("uno", names), "uno", names, rate, int(rate * 0.4)), int(rate * 0.4))


def test_a_slow_rate_takes_several_periods_of_the_timer(firmware):
    heard = run(firmware("uno", "A0"), "uno", "A0", 5, 8)
    assert heard.recording.timing.periods > 1
    require_right(heard, 8)


def test_the_stack_has_room(firmware):
    heard = run(firmware(), "uno", THREE, 500, 100, noise(1e-2))
    assert heard.status.stack_free_bytes > 250


# ---- what goes wrong is told ----


def test_a_sample_that_cannot_be_had_is_told(firmware):
    """Negative control: a damaged frame, and every question for it is lost too."""
    bytes_to_host = []

    def fault(direction, octet, cycle):
        if direction == TO_HOST:
            bytes_to_host.append(octet)
            return b"\x55" if len(bytes_to_host) == 400 else bytes((octet,))
        return b"" if len(bytes_to_host) > 300 else bytes((octet,))

    heard = run(firmware(), "uno", THREE, 500, 500, fault)
    assert heard.wrong == [] and heard.recording.failure == ""
    assert [n for n, _ in heard.rows] == list(range(500))
    ((first, count),) = heard.recording.lost
    assert heard.lost == list(range(first, first + count)) and 0 < count <= 16


def test_a_cut_cable_loses_only_what_the_board_could_not_keep(firmware):
    cut = range(16_000_000, 16_000_000 * 2)

    def fault(direction, octet, cycle):
        return b"" if cycle in cut else bytes((octet,))

    heard = run(firmware("uno", "A0"), "uno", "A0", 1000, 3000, fault)
    assert heard.wrong == []
    ((first, count),) = heard.recording.lost
    assert heard.lost == list(range(first, first + count))
    assert 1000 - 600 - 100 < count < 1000 - 600 + 100  # the ring holds 599


def test_a_wrong_value_and_a_late_sample_are_seen(firmware):
    """Negative control of the comparison and of the lateness: a firmware that is off by one in one
    channel, and whose interrupt takes longer than the time from channel to channel.
    """
    mistakes = {
        "src/tinygen_pins.h": {
            "= (int16_t)ADC;": "= (int16_t)ADC + (done == 1);\n"
            '    for (uint8_t k = 0; k < 250; k++) __asm__ __volatile__("nop");'
        }
    }
    heard = run(firmware(mistakes=mistakes), "uno", THREE, 100, 20)
    assert heard.wrong == list(range(20))
    seen = (max(heard.lateness) - min(heard.lateness)) / TICK_CYCLES
    assert seen > 10 and abs(heard.recording.jitter_ticks - seen) < 3


def test_a_match_whose_flag_is_not_cleared_starts_nothing(firmware, level):
    """The virtual converter starts on the flag's edge only, as the chip's."""
    if level == "commit":
        pytest.skip("one more firmware: --level release")
    stuck = {"src/tinygen_pins.h": {"    TIFR1 = _BV(OCF1B); /* a match": "    /* a match"}}
    heard = run(firmware(mistakes=stuck), "uno", THREE, 100, 20)
    assert "takes no more samples after 0" in heard.recording.failure
    assert heard.rows == []


def test_a_reset_ends_the_recording(firmware):
    def during(link, number):
        if number == 100:
            link.port.board.reset()

    heard = run(firmware("uno", "A0"), "uno", "A0", 1000, 1000, during=during)
    assert "was reset at sample" in heard.recording.failure
    assert heard.recording.samples == len(heard.rows) < 1000
    assert heard.wrong == []


def test_a_program_of_which_a_byte_changed_records_nothing(firmware):
    """The recorder is sealed as the streaming firmware is."""
    channels, uno = find_channels("A0", BOARDS["uno"]), BOARDS["uno"]
    port = open_port(avr_url("uno", firmware("uno", "A0")), uno.baud)
    at = port.board.read_flash(0, 8192).index(b"recorder")  # its name, which nothing depends on
    port.board.write_flash(at, b"R")
    with Link(port, "damaged", channels, uno, None) as link:
        port.board.reset()
        with pytest.raises(LinkError, match="in flash is corrupt"):
            link.hello(2.0)


def test_what_was_taken_until_a_stop_is_kept(firmware):
    heard = run(firmware("uno", "A0"), "uno", "A0", 1000, 0, stop_at=50)
    assert heard.recording.stopped and heard.recording.failure == ""
    assert heard.recording.samples == len(heard.rows) > 50
    assert (heard.wrong, heard.lost) == ([], [])
    assert heard.status.rows == heard.recording.samples
