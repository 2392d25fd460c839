"""`tinygen record`: samples of a board's sensors into a CSV file."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.boards import Board, find_board, require_simulated
from ..common.errors import COULD_NOT_RUN, LinkError, UsageError
from ..common.files import require_folder_place
from ..common.process import told_to_end
from ..common.progress import Progress, silent
from ..common.sensors import ChannelSet, find_channels
from ..common.tables import counted
from ._limits import NumberRange, baud_option
from ._options import FILE, board_option
from ._record_plain import RecordedLines, Wanted, how_it_ended, record_plain
from ._show import progress, shows
from ._spec import FromSpec

POSITIVE = NumberRange(min=0, min_open=True)

if TYPE_CHECKING:
    from ..host.link import Link
    from ..host.recorder.recording import Recording
    from ..host.recorder.timing import Timing
    from ..host.virtual.sensors.played import Played


@dataclass(frozen=True)
class Recorded:
    """A recording and its file."""

    wanted: Wanted
    board: Board
    channels: ChannelSet
    recording: Recording
    path: Path | None  # None: nothing was recorded

    @property
    def exit_code(self) -> int:
        if self.recording.failure:
            return COULD_NOT_RUN
        return 1 if self.recording.lost_samples else 0

    def text(self) -> str:
        """Samples, losses, jitter and the file."""
        got = self.recording
        names = ", ".join(channel.name for channel in self.channels.channels)
        lines = [
            f"{self.board.title}: {counted(got.samples, 'sample')} of {names} at "
            f"{got.timing.rate_hz:g} Hz, {got.seconds:g} s",
            f"{got.lost_samples:,} lost{_places(got)}; asked again {got.asked_again:,} times, "
            f"{got.damaged:,} damaged frames, {got.overruns:,} overwritten on the board",
            f"largest lateness of a sample: {got.jitter_ticks} ticks of "
            f"{1e6 * 8 / self.board.f_cpu_hz:g} us",
        ]
        asked = self.wanted.rate_hz or 0.0
        if abs(got.timing.rate_hz - asked) > 1e-9 * asked:
            lines.append(
                f"note: {asked:g} Hz is no whole number of the timer's ticks: "
                f"{got.timing.rate_hz:.6f} Hz were taken"
            )
        return "\n".join([*lines, *how_it_ended(got, self.path)])

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        got = self.recording
        return {
            "file": str(self.path) if self.path else None,
            "board": self.board.pio_id,
            "channels": [channel.name for channel in self.channels.channels],
            "label": self.wanted.label,
            "rate_hz": got.timing.rate_hz,
            "samples": got.samples,
            "seconds": got.seconds,
            "lost": [list(piece) for piece in got.lost],
            "no_value": [list(piece) for piece in got.missing],
            "overruns": got.overruns,
            "jitter_ticks": got.jitter_ticks,
            "asked_again": got.asked_again,
            "damaged_frames": got.damaged,
            "stopped": got.stopped,
            "failure": got.failure,
        }


def _places(got: Recording) -> str:
    """Where samples are lost, the first few places."""
    pieces = sorted((*got.lost, *got.missing))
    if not pieces:
        return ""
    shown = [f"{first}" if n == 1 else f"{first} .. {first + n - 1}" for first, n in pieces[:5]]
    more = f" and {len(pieces) - 5} more places" if len(pieces) > 5 else ""
    return f" (empty cells at sample {', '.join(shown)}{more})"


def record_somehow(
    wanted: Wanted, plain: bool, out: Path, progress: Progress
) -> Recorded | RecordedLines:
    """By our firmware, or the lines of the board's own."""
    return record_plain(wanted, out, progress) if plain else record(wanted, out, progress)


def record(wanted: Wanted, out: Path, progress: Progress = silent) -> Recorded:
    """Records into the folder `out`, one file more; builds the recording firmware, and loads it
    where the board does not run it yet.
    """
    from ..host import discover
    from ..host.recorder.recording import record as run
    from ..host.recorder.recording_file import RecordingFile
    from ..host.recorder.timing import timing

    rate_hz = wanted.rate_hz
    if not wanted.channels or rate_hz is None:
        missing = "--rate" if wanted.channels else "--channels"
        raise UsageError(f"{missing} is missing: say which pins, and how many samples a second")
    board = find_board(wanted.board)
    if wanted.port == "auto":
        board, port = discover.only_board()
        wanted = replace(wanted, port=port)
    board = replace(board, baud=wanted.baud or board.baud)
    channels = find_channels(wanted.channels, board)
    require_folder_place(out)
    plan = timing(rate_hz, channels, board)
    file = RecordingFile(out, wanted.label)
    with ExitStack() as opened:
        if wanted.port == "sim":
            link, samples = _simulated(wanted, board, channels, plan, opened, progress)
        else:
            link, samples = _on_a_board(wanted, board, channels, opened, progress), 0
        if wanted.seconds is not None:
            samples = max(1, round(wanted.seconds * plan.rate_hz))
        opened.enter_context(file)
        file.begin([channel.title for channel in channels.channels])

        def sink(number: int, values: tuple[int, ...] | None) -> None:
            file.row(plan.seconds(number), values)

        with told_to_end() as told:
            got = run(link, len(channels.channels), plan, samples, sink, told, progress)
        return Recorded(wanted, board, channels, got, file.keep() if got.samples else None)


def _on_a_board(
    wanted: Wanted, board: Board, channels: ChannelSet, opened: ExitStack, progress: Progress
) -> Link:
    """A link to a board that runs the recording firmware, loaded where it runs another program."""
    from ..host.link import open_link
    from ..host.port import PortError
    from ..target.build import build_recorder, load_project

    if wanted.played or wanted.simulated:
        raise UsageError("--from and --simulate are for --port sim: leave them out")
    try:
        return opened.enter_context(open_link(wanted.port, channels, board))
    except PortError:
        raise
    except LinkError as error:
        progress(f"loading the recording firmware: {error}")
    with tempfile.TemporaryDirectory(prefix="tinygen-") as folder:
        firmware = build_recorder(channels, board, Path(folder) / "project", progress)
        load_project(firmware.directory, board, wanted.port, progress)
    return opened.enter_context(open_link(wanted.port, channels, board))


def _simulated(
    wanted: Wanted,
    board: Board,
    channels: ChannelSet,
    plan: Timing,
    opened: ExitStack,
    progress: Progress,
) -> tuple[Link, int]:
    """A link to the virtual board, whose sensors measure what is asked for, and how many samples
    that has.
    """
    from ..host.link import open_link
    from ..host.virtual.protocol_avr import avr_url
    from ..target.build import build_recorder

    require_simulated(board)
    played = _measured(wanted, channels, plan)
    folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="tinygen-"))
    firmware = build_recorder(channels, board, Path(folder) / "project", progress)
    url = avr_url(board.pio_id, firmware.elf)
    link = opened.enter_context(open_link(url, channels, board))
    played.connect(link.port.board, channels)  # type: ignore[attr-defined]  # the virtual board's
    return link, round(played.seconds * plan.rate_hz)


def _measured(wanted: Wanted, channels: ChannelSet, plan: Timing) -> Played:
    """What the virtual board's sensors measure."""
    from ._played import from_file, from_machine

    if (wanted.played is None) == (wanted.simulated is None):
        raise UsageError(
            "the virtual board measures a file or a machine: give --from FILE.csv or "
            "--simulate motor:normal"
        )
    if wanted.played:
        return from_file(wanted.played, channels, plan.rate_hz)
    machine = wanted.simulated or ""
    return from_machine(machine, channels, plan.rate_hz, wanted.seconds, wanted.seed)


@click.command("record", cls=FromSpec)
@click.option(
    "--port",
    required=True,
    metavar="sim|PORT|auto",
    help="The virtual board, a serial port, or the one board plugged in.",
)
@click.option(
    "--channels",
    default="",
    metavar="A0,A1,..|SENSOR",
    help="Analog pins, or one sensor on the I2C bus; with --plain names for the columns.",
)
@click.option("--rate", "rate_hz", type=POSITIVE, metavar="HZ", help="Samples a second.")
@click.option("--seconds", type=POSITIVE, metavar="S", help="How long; default: until Ctrl-C.")
@click.option(
    "--plain",
    is_flag=True,
    help="Record the lines of numbers that the board's own sketch prints; nothing is loaded.",
)
@click.option("--label", metavar="NAME", help="What is recorded: the file's name and a column.")
@board_option
@baud_option
@click.option(
    "--from",
    "played",
    type=FILE,
    metavar="FILE.csv",
    help="Virtual board: its sensors measure the columns of this file.",
)
@click.option(
    "--simulate",
    "simulated",
    metavar="motor:STATE",
    help="Virtual board: its sensors are at a motor that is normal, unbalanced or off.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the simulated machine.")
@click.option(
    "-o", "--out", type=FILE, required=True, metavar="DIR", help="Folder for the CSV file."
)
@shows
def command(out, plain, **options):
    """Record samples of a board's sensors into a CSV file.

    The recording firmware is built, and loaded where the board runs another program. The file is
    DIR/NAME-01.csv, or the next free number. Every sample is written once; one that is lost has
    empty cells and is told. Exit code 1 where one is.

    \b
    Example:
      tinygen record --port /dev/ttyACM0 --channels A0,A1,A2 --rate 100 --label normal -o motor/
    """
    wanted = Wanted(**options)
    with progress() as say:
        return record_somehow(wanted, plain, out, say)
