"""`tinygen predict`: the integer twin's answers to the rows of a CSV file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.errors import plain
from ..common.files import require_file_place, write_csv
from ..common.tables import counted
from ._options import FILE, Files, csvs_argument, model_argument
from ._show import progress_on_terminal, shows
from ._spec import FromSpec

if TYPE_CHECKING:
    import numpy as np

    from ..model.model import Model


@dataclass(frozen=True)
class Predictions:
    """The twin's answers to the rows of a file."""

    model: Model
    raw: np.ndarray  # int64 (n,); MISSING where a value was missing
    clamped: np.ndarray  # bool (n,): an input was saturated
    notes: tuple[str, ...]
    path: Path | None

    def text(self) -> str:
        """How many rows were answered, and with what."""
        from ..model.fixedpoint import MISSING

        missing = self.raw == MISSING
        good = self.raw[~missing]
        spread = f", {_spread(self.model, good)}" if good.size else ""
        lines = [f"note: {note}" for note in self.notes]
        lines.append(
            f"{counted(len(self.raw), 'row')}: {good.size:,} predicted{spread}; "
            f"{int(missing.sum()):,} with a missing value, "
            f"{int(self.clamped.sum()):,} beyond the accepted range"
        )
        if self.path:
            lines.append(f"written to {self.path}")
        return "\n".join(lines)

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        from ..model.fixedpoint import MISSING

        answers = [None if raw == MISSING else int(raw) for raw in self.raw]
        output, labels = self.model.output, self.model.labels
        if labels:
            meaning: dict[str, Any] = {"label": [None if r is None else labels[r] for r in answers]}
        else:
            physical = [None if r is None else float(output.to_physical(r)) for r in answers]
            meaning = {"physical": physical, "unit": output.unit}
        return {
            "rows": len(answers),
            "missing": answers.count(None),
            "clamped": int(self.clamped.sum()),
            "raw": answers,
            **meaning,
            "notes": list(self.notes),
        }


def _spread(model: Model, raw: np.ndarray) -> str:
    """What the answers are: how many of each class, or the smallest and the largest."""
    import numpy as np

    from ..report.words import value

    if model.labels:
        counts = zip(model.labels, np.bincount(raw))
        return ", ".join(f"{n:,} {plain(label)}" for label, n in counts if n)
    return " .. ".join(
        value(float(model.output.to_physical(v)), model) for v in (raw.min(), raw.max())
    )


def predict(model: Path, csv: Files, out: Path | None) -> Predictions:
    """The integer twin's answers to the rows of a CSV file, or of several of one kind."""
    from .. import data
    from ..data.reference import missing_codes
    from ..model.fixedpoint import MISSING
    from ..model.model import load

    twin = load(model)
    if out:
        require_file_place(out)
    table = data.load_tables(csv, missing_codes(twin))
    raw, notes = data.rows_for(twin.inputs, table)
    answers, clamped = twin.answer(raw), twin.saturate(raw)[1] & ~(raw == MISSING).any(axis=1)
    found = Predictions(twin, answers, clamped, notes, out)
    if out:
        write_csv(out, *_columns(found, table.file_names, table.time))
    return found


def _columns(
    found: Predictions, files: np.ndarray | None, time: np.ndarray | None
) -> tuple[list[str], Iterator[list]]:
    """Headers and lines of the file: the rows' file where there are several, their time where they
    have one, the answer, its flag, and the alarm where the model has one.
    """
    from ..model.fixedpoint import MISSING

    model, answers = found.model, found.raw.tolist()
    unit = f" [{model.output.unit}]" if model.output.unit else ""
    columns: dict[str, Iterable] = {} if files is None else {"file": files}
    if time is not None:
        columns["time"] = time.astype(str)
    columns["raw"] = ("" if r == MISSING else r for r in answers)
    columns[model.output.name + unit] = (meaning(model, r) for r in answers)
    columns["flag"] = (
        "MISSING" if r == MISSING else "CLAMPED" if clamped else "OK"
        for r, clamped in zip(answers, found.clamped)
    )
    if model.band:
        alarms = model.alarm(found.raw).tolist()
        columns["alarm"] = ("" if r == MISSING else int(alarm) for r, alarm in zip(answers, alarms))
    return list(columns), map(list, zip(*columns.values()))


def meaning(model: Model, raw: int) -> str:
    """What a raw answer means: a number in the output's unit, or a class label; "" for none."""
    from ..model.fixedpoint import MISSING

    if raw == MISSING:
        return ""
    if 0 <= raw < len(model.labels):  # a board that is wrong may name a class that does not exist
        return model.labels[raw]
    return model.output.words(float(model.output.to_physical(raw)))


@click.command("predict", cls=FromSpec)
@model_argument
@csvs_argument
@click.option("-o", "--out", type=FILE, metavar="OUT.csv", help="Write one line per row here.")
@shows
def command(model, csvs, out):
    """Answer the rows of CSV on this computer, as the board will.

    The integer twin gives the raw answer of the C code, bit for bit, and what it means in the
    output's unit; with an alarm level, whether it is an alarm (1 or 0). A time in CSV is kept. CSV
    may be several files of one kind.

    \b
    Example:
      tinygen predict benzene.json AirQualityUCI.csv -o answers.csv
    """
    with progress_on_terminal(f"predicting the rows of {csvs[0]}"):
        return predict(model, csvs, out)
