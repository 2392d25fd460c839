"""The CSV file of a recording: whole, under the next free number of its label."""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

from ...common.errors import UsageError
from ...common.files import new_mode, require_folder_place
from ..record import Lines

LABEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,60}")
UNLABELLED = "recording"
TIME = "t [s]"


class RecordingFile:
    """Rows go into a hidden file beside the others; `keep` gives it its name. What is not kept at
    the end of the `with` block is gone.
    """

    def __init__(self, folder: Path, label: str | None) -> None:
        if label is not None and not LABEL.fullmatch(label):
            raise UsageError(
                f"label '{label}' cannot be a file's name: use letters, digits, '_', '-', '.'"
            )
        require_folder_place(folder)
        self.folder, self.label = folder, label
        self._columns = 0
        self._lines: Lines | None = None

    def __enter__(self) -> RecordingFile:
        return self

    def begin(self, titles: Sequence[str]) -> None:
        """Makes the file, with the titles of the channels' columns."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.folder, prefix=".tinygen-", suffix=".csv")
        except OSError as error:
            raise UsageError(
                f"output '{self.folder}' cannot be written ({error.strerror}): choose "
                "another folder"
            ) from None
        os.close(handle)
        os.chmod(name, new_mode())
        self._lines, self._columns = Lines(Path(name)), len(titles)
        self._add([TIME, *titles, *(["label"] if self.label is not None else [])])

    def row(self, seconds: str, values: Sequence[object] | None) -> None:
        """Adds a sample; one without values has empty cells."""
        label = [self.label] if self.label is not None else []
        self._add([seconds, *(values or [""] * self._columns), *label])

    def _add(self, cells: Sequence[object]) -> None:
        assert self._lines is not None  # behind `begin`
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(cells)
        self._lines.add(line.getvalue())

    def keep(self) -> Path:
        """Gives the file the next free name, LABEL-01.csv, and returns it."""
        assert self._lines is not None
        for number in count(1):
            path = self.folder / f"{self.label or UNLABELLED}-{number:02d}.csv"
            try:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))  # nobody else's now
            except FileExistsError:
                continue
            os.replace(self._lines.path, path)
            return path
        raise AssertionError  # numbers do not end

    def __exit__(self, *error: object) -> None:
        if self._lines is not None:
            self._lines.__exit__()
            with suppress(OSError):
                self._lines.path.unlink()
