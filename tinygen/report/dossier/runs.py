"""A stream that was recorded: what `tinygen stream -o` wrote, read again and held against the
model.

read_run(path, model, table) -> Run
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ... import data
from ...common.errors import DataError
from ...common.files import json_of
from ...data import Table
from ...host.record import HEADER, JSON_SUFFIXES
from ...model.fixedpoint import MISSING
from ...model.model import Model

DARK, LOST = 0, -1


@dataclass(frozen=True)
class Run:
    """The rows of a stream, in their order."""

    name: str  # of the file
    raw: np.ndarray  # int64 (n,): the board's answers; MISSING where it gave none
    red: np.ndarray  # int64 (n,): 1 lit, 0 dark, LOST
    green: np.ndarray
    cycles: np.ndarray  # int64 (n,): the board's own stopwatch; 0 without a prediction
    tries: np.ndarray  # int64 (n,)
    verdicts: tuple[str, ...]  # "OK", "WRONG", "LOST"
    latency_ms: np.ndarray  # float (n,) from the first sending to the answer; NaN where lost
    truth: (
        np.ndarray | None
    )  # int64 (n,), raw target of the same rows, MISSING where none; None without the file
    time: np.ndarray | None  # datetime64[s] (n,)

    def __len__(self) -> int:
        return len(self.raw)

    @property
    def good(self) -> bool:
        """True if every row was answered as the integer model answers."""
        return all(word == "OK" for word in self.verdicts)


def read_run(path: Path, model: Model, table: Table | None = None) -> Run:
    """The stream in a file; DataError where it is none, or its expected answers are not the model's
    to the table's rows.
    """
    rows = _rows(path)
    columns = {name: [row.get(name) for row in rows] for name in HEADER}
    raw, expected = (_integers(path, columns[name], MISSING) for name in ("raw", "expected_raw"))
    red, green = (_integers(path, columns[name], LOST) for name in ("red", "green"))
    truth = time = None
    if table is not None and len(table.file_rows) == len(rows):
        inputs, _ = data.rows_for(model.inputs, table)
        if not np.array_equal(model.answers(inputs)[:, 0], expected):
            raise DataError(
                f"run '{path}' expects other answers than model {model.model_id:08x} gives to "
                f"{table.path_name}: "
                "stream that file with this model again"
            )
        truth, time = _truth(model, table), table.settled_time
    return Run(
        path.name,
        raw,
        red,
        green,
        _integers(path, columns["cycles"], 0),
        _integers(path, columns["tries"], 0),
        tuple(map(str, columns["verdict"])),
        _seconds(path, columns["latency_ms"]),
        truth,
        time,
    )


def _rows(path: Path) -> list[dict]:
    """One dictionary per row of the file, CSV or JSON lines."""
    what = f"run '{path}' is not what `tinygen stream -o` writes"
    try:
        if path.exists() and not path.is_file():
            raise DataError(f"{what}: it is not a regular file")
        text = path.read_text(encoding="utf-8")
        rows = (
            [json_of(line) for line in text.splitlines()]
            if path.suffix in JSON_SUFFIXES
            else list(csv.DictReader(text.splitlines()))
        )
    except OSError as error:
        raise DataError(
            f"run '{path}' cannot be read ({error.strerror}): name what `tinygen stream -o` wrote"
        ) from None
    except (ValueError, csv.Error):
        raise DataError(f"{what}: stream again") from None
    absent = [
        name for name in HEADER if not rows or not isinstance(rows[0], dict) or name not in rows[0]
    ]
    if absent:
        raise DataError(f"{what}, it has no '{absent[0]}': stream again")
    if [str(row.get("row")) for row in rows] != [str(k) for k in range(len(rows))]:
        raise DataError(f"{what}, its rows are not numbered 0 to {len(rows) - 1}: stream again")
    return rows


def _integers(path: Path, values: list, without: int) -> np.ndarray:
    """A column of whole numbers; `without` where there is none."""
    try:
        return np.array(
            [without if value in (None, "") else int(value) for value in values], dtype=np.int64
        )
    except (TypeError, ValueError):
        raise DataError(
            f"run '{path}' holds a value that is no whole number: stream again"
        ) from None


def _seconds(path: Path, values: list) -> np.ndarray:
    """A column of times; NaN where there is none."""
    try:
        return np.array([np.nan if value in (None, "") else float(value) for value in values])
    except (TypeError, ValueError):
        raise DataError(f"run '{path}' holds a time that is no number: stream again") from None


def _truth(model: Model, table: Table) -> np.ndarray | None:
    """The target of every row of the file, raw; None for classes."""
    if model.labels or model.output.name not in table.columns:
        return None
    return model.output.to_raw(table.columns[model.output.name])
