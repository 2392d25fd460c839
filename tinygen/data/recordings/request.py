"""What is asked for: where the recordings are and what their columns mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...common.errors import UsageError, show


@dataclass(frozen=True)
class RecordingRequest:
    """Where recordings are, what their columns mean, and which of them test."""

    source: Path | str | Sequence[Path | str]  # a file, several, or a folder of them
    target: str = ""  # column of labels; "": the names of files or of their folders tell them
    labelled: bool = True  # False, for a guard: no labels are needed
    rate_hz: float | None = None  # samples per second; None: the time column tells
    time: str = ""  # column of times; "": found by its name
    recording: str = ""  # column that numbers recordings
    group: str = ""  # column of persons, machines or the like: one side of every split
    test: str = ""  # COL=V1,V2: the recordings that test; "": every third
    inputs: Sequence[str] | None = None  # channels; None: every other column of numbers
    drop: Sequence[str] = ()
    units: Mapping[str, str] | None = None  # by column
    missing: Sequence[float | str] | None = None  # codes for "no value"
    seed: int = 0
    skip_bad: bool = False  # rows that do not fit the header are left out

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UsageError(f"seed {self.seed} is negative: use 0 or more")
        if self.rate_hz is not None and not 0 < self.rate_hz < float("inf"):
            raise UsageError(f"--rate {self.rate_hz:g} is no rate: give samples per second above 0")
        if self.test and not all(self.test_values):
            raise UsageError(
                f"--test {show(self.test)} is not COLUMN=VALUE,VALUE: write for example "
                '--test "part=test"'
            )

    @property
    def test_values(self) -> tuple[str, tuple[str, ...]]:
        """The column of --test and its values."""
        column, _, values = self.test.rpartition("=")
        return column.strip(), tuple(v.strip() for v in values.split(",") if v.strip())
