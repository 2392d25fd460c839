"""`tinygen record --plain`: the lines that a user's own sketch prints into a CSV file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.errors import COULD_NOT_RUN, UsageError
from ..common.files import require_folder_place
from ..common.process import told_to_end
from ..common.progress import Progress, silent
from ..common.tables import counted

if TYPE_CHECKING:
    from ..host.recorder.plain import PlainRecording
    from ..host.recorder.recording import Recording

BAUD = 115_200  # of most sketches that print much
RATE_IS_OFF = 0.02  # part by which lines may come faster or slower than --rate says


@dataclass(frozen=True)
class Wanted:
    """What is to be recorded. channels and rate_hz may be left out for the lines of a sketch."""

    port: str
    channels: str = ""
    rate_hz: float | None = None
    seconds: float | None = None  # None: until Ctrl-C, or to the end of a file that is played
    label: str | None = None
    board: str = "uno"
    baud: int | None = None  # None: the board's usual rate
    played: Path | None = None  # CSV file that the virtual board's sensors measure
    simulated: str | None = None  # machine that they are at, such as "motor:normal"
    seed: int = 0


@dataclass(frozen=True)
class RecordedLines:
    """The lines of a sketch, and their file."""

    wanted: Wanted
    columns: tuple[str, ...]
    recording: PlainRecording
    path: Path | None  # None: nothing was recorded

    @property
    def exit_code(self) -> int:
        if self.recording.failure:
            return COULD_NOT_RUN
        return 1 if self.recording.dropped else 0

    def text(self) -> str:
        """Lines, what was dropped, the rate and the file."""
        got, rate = self.recording, self.wanted.rate_hz
        lines = [
            f"{counted(got.samples, 'row')} of {', '.join(self.columns)}, {got.seconds:g} s; "
            f"{got.lines_per_s:.4g} lines a second came"
        ]
        if got.dropped:
            empty = ", their rows have empty cells" if rate else ""
            lines.append(
                f"{counted(got.dropped, 'line')} dropped as torn or garbled{empty}: "
                f"{'; '.join(got.examples)}"
            )
        if rate and got.lines_per_s and abs(got.lines_per_s / rate - 1) > RATE_IS_OFF:
            lines.append(
                f"note: --rate says {rate:g} a second; if the sketch does not know better, time is "
                "wrong by as much"
            )
        return "\n".join([*lines, *how_it_ended(got, self.path)])

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        got = self.recording
        return {
            "file": str(self.path) if self.path else None,
            "channels": list(self.columns),
            "label": self.wanted.label,
            "samples": got.samples,
            "dropped": got.dropped,
            "seconds": got.seconds,
            "lines_per_s": round(got.lines_per_s, 3),
            "stopped": got.stopped,
            "failure": got.failure,
        }


def how_it_ended(got: PlainRecording | Recording, path: Path | None) -> list[str]:
    """The last lines of a recording: why it ended, where it does not say so itself, and its
    file.
    """
    told = []
    if got.failure:
        told.append(f"ended early: {got.failure}")
    elif got.stopped:
        told.append("stopped: what was recorded until then is kept")
    return [*told, f"written to {path}" if path else "nothing was written"]


def record_plain(wanted: Wanted, out: Path, progress: Progress = silent) -> RecordedLines:
    """Records into the folder `out`, one file more; the board keeps its program."""
    from ..host import discover
    from ..host.recorder.plain import NAME, open_lines, record_lines
    from ..host.recorder.recording_file import RecordingFile

    if wanted.port == "sim" or wanted.played or wanted.simulated:
        raise UsageError("--plain is for a sketch on a real board: give its --port")
    names = [name.strip() for name in wanted.channels.split(",")] if wanted.channels else []
    if bad := [name for name in names if not NAME.fullmatch(name)]:
        raise UsageError(f"'{bad[0]}' cannot be a column's name: use letters, digits and '_'")
    require_folder_place(out)
    file = RecordingFile(out, wanted.label)
    port = discover.only_board()[1] if wanted.port == "auto" else wanted.port
    columns: list[str] = []

    def begin(titles: tuple[str, ...]) -> None:
        columns.extend(titles)
        file.begin(titles)

    rate, seconds = wanted.rate_hz, wanted.seconds
    with open_lines(port, wanted.baud or BAUD) as lines, file, told_to_end() as told:
        got = record_lines(lines, names, rate, seconds, begin, file.row, told, progress)
        return RecordedLines(wanted, tuple(columns), got, file.keep() if got.samples else None)
