"""`tinygen explain`: what each sensor adds to the model's answers."""

from __future__ import annotations

from dataclasses import dataclass
from math import log10
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..common.errors import DataError, UsageError, plain
from ..common.progress import Progress, silent
from ..common.tables import counted, table
from ._options import FILE, model_argument
from ._show import progress_on_terminal, shows
from ._spec import FromSpec

if TYPE_CHECKING:
    import numpy as np

    from ..data import Table
    from ..model.model import Model
    from ..report.shapley import RowExplanation, Sensitivity


@dataclass(frozen=True)
class Explanation:
    """Contributions to one answer, if a row was named, and the sensors' overall sensitivities."""

    model: Model
    background: str  # where the background rows come from
    sensitivities: tuple[Sensitivity, ...]
    row: RowExplanation | None = None
    notes: tuple[str, ...] = ()

    def plain(self) -> dict:
        """Plain JSON values; fractions as text and as numbers in the output's unit."""
        from ..report.shapley import CAVEAT

        scale, origin = _scale(self.model), self.model.output.offset
        row = (
            None
            if self.row is None
            else {
                "row": self.row.row,
                "answer": origin + self.row.answer * scale,
                "label": self.row.label,
                "clamped": self.row.clamped,
                "base": origin + float(self.row.base) * scale,
                "base_raw": str(self.row.base),
                "contributions": [
                    {
                        "name": c.name,
                        "reading": float(q.to_physical(c.raw)),
                        "value": float(c.value) * scale,
                        "raw": str(c.value),
                    }
                    for c, q in zip(self.row.contributions, self.model.inputs)
                ],
            }
        )
        return {
            "model": self.model.name,
            "unit": _unit(self.model),
            "background": self.background,
            "row": row,
            "sensitivity": {
                s.name: {"share": s.share, "low": s.low, "high": s.high} for s in self.sensitivities
            },
            "caveat": CAVEAT,
            "notes": list(self.notes),
        }

    def text(self) -> str:
        """The row's answer as a sum that adds up as printed, the sensitivities and the caveat."""
        from ..report.shapley import CAVEAT

        return f"{self.told()}\n{CAVEAT}"

    def told(self) -> str:
        """The row's answer and the sensitivities."""
        lines = [f"note: {note}" for note in self.notes]
        if self.row:
            lines += [_row_text(self, self.row), ""]
        rows = [
            [s.name, f"{s.share:.2f}", f"{s.low:.2f} .. {s.high:.2f}", "#" * round(40 * s.share)]
            for s in sorted(self.sensitivities, key=lambda s: -s.share)
        ]
        lines += [
            "sensitivity: each sensor's part of what moves the answer, 0 .. 1 "
            f"(background: {self.background})",
            table(["sensor", "part", "in 8 of 10 rows", ""], rows),
            "",
        ]
        return "\n".join(lines)


@dataclass(frozen=True)
class Explanations:
    """The same for each output of a model of several."""

    each: tuple[Explanation, ...]

    def plain(self) -> dict:
        """Plain JSON values."""
        return {"outputs": {one.model.output.name: one.plain() for one in self.each}}

    def text(self) -> str:
        """One output after the other; the caveat once."""
        from ..report.shapley import CAVEAT

        parts = [
            f"output {k} of {len(self.each)}: {plain(one.model.output.name)}\n{one.told()}\n"
            for k, one in enumerate(self.each, 1)
        ]
        return "\n".join([*parts, CAVEAT])


def _row_text(result: Explanation, row: RowExplanation) -> str:
    from ..report.shapley import rounded_parts

    unit = _unit(result.model)
    ordered = sorted(
        zip(row.contributions, result.model.inputs), key=lambda pair: -abs(pair[0].value)
    )
    steps = rounded_parts([row.base, *(c.value for c, _ in ordered)])
    step, digits = _tenth(result.model)
    origin = result.model.output.offset
    shown = [f"{n * step:+.{digits}f}" for n in steps]
    rows = [["mean of the background", "", f"{origin + steps[0] * step:.{digits}f}"]]
    rows += [
        [c.name, f"{q.words(float(q.to_physical(c.raw)))} {q.unit}".rstrip(), part]
        for (c, q), part in zip(ordered, shown[1:])
    ]
    what = (
        f"answered '{plain(row.label)}': from the part of the background rows with this answer to 1"
        if row.label
        else f"{result.model.output.name}{unit and f' [{unit}]'}"
    )
    total = f"{origin + row.answer * 10 * step:.{digits}f}"
    beyond = ["a reading lies beyond the accepted range and was saturated"] if row.clamped else []
    return "\n".join(
        [
            f"row {row.row}, {what}",
            table(["", "reading", "part"], [*rows, ["answer, the sum", "", total]]),
            *beyond,
        ]
    )


def _tenth(model: Model) -> tuple[float, int]:
    """A tenth of the output's raw step, and the digits it is printed with."""
    step = _scale(model) / 10
    return step, max(0, round(-log10(step)))


def _scale(model: Model) -> float:
    return 1.0 if model.labels else model.output.scale


def _unit(model: Model) -> str:
    return "" if model.labels else model.output.unit


def explain(
    model: Path, csv: Path | None = None, row: int | None = None, progress: Progress = silent
) -> Explanation | Explanations:
    """Explains line `row` of a CSV file, and the model as a whole: on the training rows if it is
    the training file, else on the file's rows; without a file on deciles of the training rows. Of
    several outputs each.
    """
    from .. import data
    from ..data.reference import missing_codes
    from ..model.model import load

    twin = load(model)
    if csv is None and row is not None:
        raise UsageError(f"--row {row} needs a file: name the CSV after the model")
    rows = None if csv is None else data.load_table(csv, missing=missing_codes(twin))
    each = tuple(_explained(one, rows, row, progress) for one in twin.singles)
    return Explanations(each) if twin.more else each[0]


def _explained(twin: Model, rows: Table | None, row: int | None, progress: Progress) -> Explanation:
    """Explains a model of one output."""
    from .. import data
    from ..report import shapley
    from ..report.background import background_of

    if rows is None:
        known = background_of(twin)
        parts = shapley.sensitivities(twin, known.rows, progress)
        return Explanation(twin, known.words, parts)
    raw, notes = data.rows_for(twin.inputs, rows)
    known = background_of(twin, rows)
    if len(known.rows) < shapley.FEWEST_ROWS:
        raise DataError(
            f"{rows.path_name} has {counted(len(known.rows), 'row')} without a missing value, "
            f"at least {shapley.FEWEST_ROWS} are needed as background"
        )
    one = None
    if row is not None:
        background = shapley.spread_over(known.rows, shapley.MOST_BACKGROUND)
        one = shapley.explain(twin, _reading(raw, rows.file_rows, row), background, row)
    parts = shapley.sensitivities(twin, known.rows, progress)
    return Explanation(twin, known.words, parts, one, notes)


def _reading(raw: np.ndarray, file_rows: np.ndarray, row: int) -> np.ndarray:
    """The raw reading in a line of the file; an error where there is none or a value is missing."""
    from ..model.fixedpoint import MISSING

    place = (file_rows == row).nonzero()[0]
    if not len(place):
        raise UsageError(
            f"row {row} is not in the file: its rows are lines {file_rows[0]} to {file_rows[-1]}, "
            "the header is line 1"
        )
    if (raw[place[0]] == MISSING).any():
        raise DataError(f"row {row} lacks a value, the board gives no answer to it: choose another")
    return raw[place[0]]


@click.command("explain", cls=FromSpec)
@model_argument
@click.argument("csv", required=False, type=FILE, metavar="[CSV]")
@click.option(
    "--row",
    type=click.IntRange(1),
    metavar="N",
    help="Line of CSV to explain, as an editor counts: the header is line 1, the first row 2. "
    "(`row` in what `stream -o` writes counts the rows from 0.)",
)
@shows
def command(model, csv, row):
    """Tell what each sensor adds to the model's answers.

    The parts are exact Shapley values of the integer model; for one row they add up to the answer.
    They are taken against the training rows if CSV is the training file, as in the report, else
    against the rows of CSV. Without CSV the deciles of the training rows serve.

    \b
    Example:
      tinygen explain benzene.json AirQualityUCI.csv --row 100
    """
    with progress_on_terminal(f"explaining {model}") as say:
        return explain(model, csv, row, say)
