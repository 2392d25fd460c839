"""Options of the commands that take recordings, and what they are handed on as."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.errors import UsageError
from ._options import (
    COLUMNS,
    SEED,
    TASK,
    Selection,
    selected_by,
    targets,
)

if TYPE_CHECKING:
    from ..data.recordings import Recordings, WindowSpec


@dataclass(frozen=True)
class RecordingSelection:
    """Which recordings are meant, and how windows are cut from them."""

    sources: tuple[Path, ...]  # a folder, a file or several files
    window: str = ""  # "2s"; "": rows, and no recordings
    hop: str | None = None  # None: half a window
    target: str = ""  # column of labels; "": the names of files tell them
    rate_hz: float | None = None
    time: str = ""
    recording: str = ""
    group: str = ""
    test: str = ""  # COL=V1,V2
    inputs: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()
    units: dict[str, str] | None = None
    missing: tuple[str, ...] | None = None
    seed: int = 0
    skip_bad: bool = False

    @classmethod
    def of(cls, rows: Selection, windows: dict[str, Any], target: str) -> RecordingSelection:
        """The recordings that options on rows and those on windows mean; UsageError for one that
        only rows have.
        """
        for option, given in (
            ("--categories", rows.categories),
            ("--time-inputs", rows.time_inputs),
            ("--date-order", rows.date_order),
            ("--split time", rows.split != "random"),
            ("--task", rows.task != "auto"),
            ("a second --target", rows.beside),
        ):
            if given:
                raise for_rows(option)
        return cls(
            (rows.csv, *rows.more),
            target=target,
            inputs=rows.inputs,
            drop=rows.drop,
            units=rows.units,
            missing=rows.missing,
            seed=rows.seed,
            skip_bad=rows.skip_bad,
            **windows,
        )

    @property
    def asked(self) -> dict[str, Any]:
        """What tells how the sources were read, and nothing of where they are: a model keeps it."""
        names = ("target", "rate_hz", "time", "recording", "group", "test", "inputs", "drop")
        found = {
            name: getattr(self, name) for name in (*names, "units", "missing", "seed", "skip_bad")
        }
        return {key: value for key, value in found.items() if value}

    def load(self, labelled: bool = True) -> tuple[Recordings, WindowSpec]:
        """The recordings that hold a window, and the windows at their rate. labelled: False for a
        guard, which needs no labels.
        """
        from ..data.recordings import RecordingRequest, load_recordings, window_spec, with_windows

        request = RecordingRequest(
            self.sources,
            self.target,
            labelled,
            self.rate_hz,
            self.time,
            self.recording,
            self.group,
            self.test,
            self.inputs,
            self.drop,
            self.units,
            self.missing,
            self.seed,
            self.skip_bad,
        )
        recordings = load_recordings(request)
        spec = window_spec(self.window, self.hop, recordings.rate_hz)
        return with_windows(recordings, spec), spec


def _column(option: str, words: str):
    return click.option(option, default="", metavar="COL", help=words)


WINDOWS = (
    click.option(
        "--window",
        metavar="TIME",
        help="Length of a window, as 2s, 500ms or 100samples: the rows are samples of recordings.",
    ),
    click.option(
        "--hop", metavar="TIME", help="From one window to the next; default: half a window."
    ),
    click.option(
        "--rate",
        "rate_hz",
        type=float,
        metavar="HZ",
        help="Samples per second; default: as the column of times tells.",
    ),
    _column("--time", "Column of times; default: found by its name."),
    _column("--recording", "Column that numbers recordings."),
    _column("--group", "Column of persons or machines: none is trained and tested both."),
    click.option(
        "--test",
        default="",
        metavar="COL=V,..",
        help="Test on the recordings with these values; default: every third group, or every third "
        "recording of each class.",
    ),
)
NAMES = ("window", "hop", "rate_hz", "time", "recording", "group", "test")


def windowed(function):
    """Adds what says how recordings are told apart and cut, as one `windows`, by name."""

    @wraps(function)
    def command(**options):
        asked = {name: options.pop(name) for name in NAMES}
        asked["window"] = asked["window"] or ""
        return function(windows=asked, **options)

    for option in reversed(WINDOWS):
        command = option(command)
    return command


def for_rows(option: str) -> UsageError:
    """The error for an option that recordings do not have."""
    return UsageError(f"{option} is for rows, --window asks for recordings: leave it out")


def refuse_window_options(windows: dict[str, Any]) -> None:
    """UsageError for the first option on recordings, where rows are meant."""
    for name, value in windows.items():
        if value:
            option = f"--{name.removesuffix('_hz')}"
            raise UsageError(f"{option} is for recordings: give --window as well, such as 1s")


ROWS_TARGET = targets(
    "Column to predict; given again, one model answers all of them, each a number. Of recordings: "
    "column of labels, by default the names of the files.",
    required=False,
)


def selected_rows_or_recordings(function):
    """Adds CSV... and what says which of its columns and rows are meant, as one `rows`, and how
    they are recordings, as `windows`.
    """
    return selected_by(windowed(function), (ROWS_TARGET, *COLUMNS, TASK, SEED))
