"""Recordings without a board: the timer's settings, the file, the frames, and what a host asks."""

from collections import deque
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import pytest
import vectors
from tinygen.host import samples
from tinygen.host.framing import Frame, Kind
from tinygen.host.protocol import Decoder, Foreign, Samples, parse
from tinygen.host.recorder.recording import record
from tinygen.host.recorder.recording_file import RecordingFile
from tinygen.host.recorder.timing import TICK_CYCLES, Timing, highest_rate, timing

from tinygen.common.boards import BOARDS
from tinygen.common.errors import UsageError
from tinygen.common.sensors import find_channels

UNO = BOARDS["uno"]
THREE, ONE = find_channels("A0,A1,A2", UNO), find_channels("A0", UNO)

# ---- frames ----


def frame_of(name):
    (frame,) = Decoder().process(vectors.BY_NAME[name].wire)
    return frame


def test_frames_say_what_they_should():
    wire = vectors.BY_NAME["record 60,000 samples at 100 Hz"].wire
    assert samples.start(7, 4, 19_999, 1, 60_000) == wire
    got = parse(frame_of("two samples of three channels, the second without one value"))
    values = (512, 0, 1023, 511, 1, -32768)
    assert got == Samples(7, 4, 131_072, 130_873, 2, 0, values)


@pytest.mark.parametrize("size", [0, 11, 13, 15])
def test_samples_of_another_length_are_foreign(size):
    assert isinstance(parse(Frame(Kind.SAMPLES, 7, 4, bytes(size))), Foreign)


def test_an_echo_is_named():
    foreign = parse(frame_of("record 60,000 samples at 100 Hz"))
    assert "echo" in foreign.reason


# ---- timing ----


@pytest.mark.parametrize("rate", [0.25, 1, 3.2, 5, 50, 100, 200, 250, 400, 1000, 2500])
def test_usual_rates_are_exact(rate):
    plan = timing(rate, ONE, UNO)
    assert Fraction(plan.f_cpu_hz, plan.cycles) == Fraction(str(rate))
    assert 256 <= plan.ticks <= 65_536 and 1 <= plan.periods <= 65_535


def test_another_rate_is_as_near_as_the_ticks_are():
    plan = timing(44.1, ONE, UNO)
    assert abs(plan.cycles - 16e6 / 44.1) <= TICK_CYCLES / 2


@pytest.mark.parametrize(
    "plan, number, text",
    [
        (Timing(20_000, 1, 16_000_000), 1234, "12.34"),
        (Timing(2000, 1, 16_000_000), 7, "0.007"),
        (Timing(62_500, 32, 16_000_000), 3, "3"),
        (Timing(769, 1, 16_000_000), 3, "0.0011535"),
        (Timing(45_351, 1, 16_000_000), 1_000_000, "22675.5000000"),
    ],
)
def test_times_are_exact(plan, number, text):
    assert plan.seconds(number) == text
    assert Fraction(text) == Fraction(number * plan.cycles, plan.f_cpu_hz)


def test_a_rate_that_cannot_be_is_refused_with_the_highest():
    assert int(highest_rate(ONE, UNO)) == 7812
    assert int(highest_rate(THREE, UNO)) == 2604
    with pytest.raises(UsageError, match=r"too fast for 3 channels of the Arduino Uno.*2,604 Hz"):
        timing(2700, THREE, UNO)
    with pytest.raises(UsageError, match="at 9,600 baud: at most 315 Hz"):
        timing(1000, ONE, replace(UNO, baud=9600))
    with pytest.raises(UsageError, match="too slow: at least"):
        timing(1e-6, ONE, UNO)


# ---- channels ----


@pytest.mark.parametrize(
    "names, message",
    [
        ("A6", r"the Arduino Uno has no channel 'A6': use A0 \.\. A5 or adxl345 or mpu6050"),
        ("A0,,A1", "no channel ''"),
        ("A0,a0", "named twice"),
        ("D3", "no channel 'D3'"),
    ],
)
def test_channels_that_are_not_there(names, message):
    with pytest.raises(UsageError, match=message):
        find_channels(names, UNO)


def test_a_board_without_pins_to_record():
    with pytest.raises(UsageError, match="Leonardo cannot record"):
        find_channels("A0", BOARDS["leonardo"])


def test_other_channels_are_another_firmware():
    ids = {find_channels(names, UNO).model_id for names in ("A0", "A1", "A0,A1", "A1,A0")}
    assert len(ids) == 4
    assert find_channels("a0, A1", UNO) == find_channels("A0,A1", UNO)


# ---- the file ----


def test_the_next_free_number(tmp_path):
    (tmp_path / "still-02.csv").write_text("mine")
    paths = []
    for _ in range(3):
        with RecordingFile(tmp_path, "still") as file:
            file.begin(["A0"])
            file.row("0.00", (512,))
            file.row("0.01", None)
            paths.append(file.keep().name)
    assert paths == ["still-01.csv", "still-03.csv", "still-04.csv"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*paths, "still-02.csv"])
    text = "t [s],A0,label\n0.00,512,still\n0.01,,still\n"
    assert (tmp_path / "still-03.csv").read_text() == text


def test_a_lost_sample_of_several_channels_has_empty_cells(tmp_path):
    with RecordingFile(tmp_path, None) as file:
        file.begin([channel.title for channel in THREE.channels])
        file.row("0.000", None)
        path = file.keep()
    assert path.name == "recording-01.csv"
    assert path.read_text() == "t [s],A0,A1,A2\n0.000,,,\n"


def test_a_file_that_is_not_kept_leaves_nothing(tmp_path):
    with pytest.raises(ValueError):
        with RecordingFile(tmp_path, None) as file:
            file.begin(["A0"])
            file.row("0.000", (1,))
            raise ValueError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("label", ["", "../up", "a/b", "a,b", '"', "x" * 80, "\n"])
def test_labels_that_cannot_be_names(tmp_path, label):
    with pytest.raises(UsageError, match="cannot be a file's name"):
        RecordingFile(tmp_path, label)


# ---- what the host does with frames that come in any order ----


class Board:
    """A link whose board says what a test tells it to."""

    def __init__(self, *said):
        self.said, self.asked, self.now = deque(said), [], 0.0
        self.name, self.session, self.next_seq, self.baud = "fake", 7, 4, 250_000
        self.decoder, self.version = SimpleNamespace(damaged=0), 1

    def clock(self):
        return self.now

    def send(self, data):
        (frame,) = Decoder().process(data)
        self.asked.append(samples.RECORD.unpack(frame.payload))

    def receive(self, seconds):
        self.now += 0.02
        return [self.said.popleft()] if self.said else []


def said(first, *values, oldest=0, unsent=0, session=7, seq=4):
    return Samples(session, seq, first, oldest, unsent, 0, values)


def rows_of(board, count):
    rows = []
    got = record(board, 1, Timing(2000, 1, 16_000_000), count, lambda n, v: rows.append((n, v)))
    return got, rows


def test_a_gap_is_asked_for_and_filled():
    board = Board(said(0), said(0, 5, 6), said(4, 9), said(2, 7, 8))
    got, rows = rows_of(board, 5)
    assert rows == [(0, (5,)), (1, (6,)), (2, (7,)), (3, (8,)), (4, (9,))]
    assert board.asked == [(1, 1999, 1, 5), (2, 2, 0, 2)]  # START, AGAIN: two samples from 2 on
    assert (got.lost, got.asked_again) == ((), 1)


def test_what_the_board_no_longer_keeps_is_lost_at_its_place():
    board = Board(said(0), said(0, 5), said(4, 9, oldest=3, unsent=2), said(3, 8))
    got, rows = rows_of(board, 5)
    assert rows == [(0, (5,)), (1, None), (2, None), (3, (8,)), (4, (9,))]
    assert (got.lost, got.overruns, got.lost_samples) == (((1, 2),), 2, 2)


def test_samples_that_come_twice_count_once():
    board = Board(said(0), said(0, 5, 6), said(0, 5, 6), said(1, 6, 7), said(3, 8))
    assert rows_of(board, 4)[1] == [(0, (5,)), (1, (6,)), (2, (7,)), (3, (8,))]


def test_frames_of_another_recording_or_session_do_not_count():
    board = Board(said(0), said(0, 1, seq=3), said(0, 2, session=6), said(0, 5))
    assert rows_of(board, 1)[1] == [(0, (5,))]


def test_a_number_that_cannot_be_yet_does_not_count():
    board = Board(said(0), said(4_000_000, 1), said(0, 5))
    got, rows = rows_of(board, 1)
    assert (got.samples, rows) == (1, [(0, (5,))])


def test_a_sensor_without_a_value_is_told():
    got, rows = rows_of(Board(said(0), said(0, 5, -32768, 7)), 3)
    assert rows == [(0, (5,)), (1, None), (2, (7,))]
    assert (got.missing, got.lost_samples) == (((1, 1),), 1)


def test_a_board_that_never_sends_it_again_does_not_hold_up_the_rest():
    board = Board(said(0), said(0, 5), said(2, 7), *[said(3)] * 400)
    got, rows = rows_of(board, 3)
    assert rows == [(0, (5,)), (1, None), (2, (7,))] and got.lost == ((1, 1),)


def test_silence_ends_it_and_what_came_is_kept():
    got, rows = rows_of(Board(said(0), said(0, 5)), 9)
    assert rows == [(0, (5,))] and "fell silent at sample 1" in got.failure
