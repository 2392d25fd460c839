"""`tinygen recalibrate`: gain and offset from a few reference readings, into a file or a board."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.errors import DataError, UsageError
from ..common.files import require_file_place
from ..common.tables import counted
from ._options import FILE, MODEL, date_order_option, model_argument
from ._show import shows
from ._spec import FromSpec

if TYPE_CHECKING:
    from ..fitting.recalibration import Recalibration
    from ..model.model import Model
    from ..model.nodes import Integers


@dataclass(frozen=True)
class Readings:
    """Complete rows with a reference, the earliest first."""

    x: Integers
    y: Integers
    hours: Any  # float64 (n,), from the first one
    answers: Integers  # of the model without recalibration
    incomplete: int  # rows that were left out
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Recalibrated:
    """What reference readings ask for, and what became of it."""

    found: Recalibration
    readings: Readings
    path: Path | None  # the file written, if any
    model: Path

    @property
    def exit_code(self) -> int:
        return 0 if self.found.accepted else 1

    def text(self) -> str:
        """The readings, the errors, the change; one line where it is refused."""
        from ..model.operations.scale import Calibrate
        from ..report.words import with_unit

        found, model = self.found, self.found.base
        if not found.accepted:
            return f"refused: {found.reason}{self._more_days()}"
        error, left_out = (with_unit(e, model) for e in (found.error_before, found.left_out_after))
        lines = [f"note: {note}" for note in self.readings.notes]
        lines += [
            f"readings  {counted(found.rows, 'row')} over {found.days:.1f} days, as telling as "
            f"{found.drift.independent:.1f} independent ones; "
            f"{self.readings.incomplete:,} incomplete",
            f"error     {error} as it is; {left_out} where blocks of neighbouring readings were "
            "left out and answered by what the others ask for",
            f"change    gain {found.drift.gain / Calibrate.unit:.4f}, {self._moves()}; "
            f"{found.drift.evidence:.1f} standard errors",
        ]
        done = f"written to {self.path}" if self.path else "nothing is written without -o or --port"
        return "\n".join([*lines, done])

    def _more_days(self) -> str:
        """What would decide."""
        if self.found.drift.beyond_chance:
            return ""
        days = self.found.days_needed
        if days is None:
            return "; if there is a drift, it is small"
        return f"; one reading a day for {days} days tells a drift of this size"

    def _moves(self) -> str:
        """What the lowest and the highest answer become."""
        from ..report.words import value

        answers = self.readings.answers
        ends = self.readings.x[[answers.argmin(), answers.argmax()]]
        pairs = zip(self.found.base.answer(ends), self.found.model.answer(ends))
        told = (
            " becomes ".join(
                value(float(self.found.base.output.to_physical(v)), self.found.base) for v in pair
            )
            for pair in pairs
        )
        return ", ".join(told)

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        found = self.found
        return {
            "model": str(self.model),
            "accepted": found.accepted,
            "reason": found.reason,
            "rows": found.rows,
            "incomplete": self.readings.incomplete,
            "days": round(found.days, 3),
            "independent": round(found.drift.independent, 3),
            "evidence": round(found.drift.evidence, 3),
            "days_needed": found.days_needed,
            "error": found.error_before,
            "error_left_out": found.left_out_after,
            "unit": found.base.output.unit,
            "gain": found.drift.gain,
            "offset": found.drift.offset,
            "id": f"{found.model.model_id:08x}",
            "written": None if self.path is None else str(self.path),
            "notes": list(self.readings.notes),
        }


@dataclass(frozen=True)
class Undone:
    """A model without its recalibration."""

    model: Model
    path: Path

    def text(self) -> str:
        """Where it is."""
        return f"without recalibration: written to {self.path}"

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"written": str(self.path), "id": f"{self.model.model_id:08x}"}


def recalibrate(
    model: Path,
    csv: Path,
    out: Path | None = None,
    date_order: str = "",
    hours_apart: float | None = None,
) -> Recalibrated:
    """What the reference readings of a CSV file ask of a model; written to `out` where that helps
    beyond chance. hours_apart: of readings without a time, an hour where it is not said.
    """
    from ..fitting import recalibration
    from ..model.model import load
    from ..model.outputs import require_numbers, without_calibration

    if out:
        require_file_place(out)
    twin = load(model)
    require_numbers(twin)
    readings = readings_of(without_calibration(twin), csv, date_order, hours_apart)
    found = recalibration.recalibrate(twin, readings.x, readings.y, readings.hours)
    if out and found.accepted:
        recalibration.with_facts(found).save(out)
    return Recalibrated(found, readings, out if found.accepted else None, model)


def readings_of(
    model: Model, csv: Path, date_order: str = "", hours_apart: float | None = None
) -> Readings:
    """The complete rows of a CSV file that has a model's inputs and its output."""
    import numpy as np

    from .. import data
    from ..data.reference import missing_codes
    from ..model.fixedpoint import MISSING

    table = data.load_tables(csv, missing_codes(model), target=model.output.name)
    table = data.as_trained(table, model.inputs, date_order)
    raw, notes = data.rows_for((*model.inputs, model.output), table)
    if table.time is not None and hours_apart is None:
        notes = (*table.time_notes, *notes)
        hours = (table.time - table.time.min()).astype(np.int64) / 3600
    elif table.moments is not None and hours_apart is None:
        raise DataError(
            f"{table.path_name}: a row has no time: fill it in, or say how far readings are apart "
            "with --hours-apart"
        )
    else:
        told = f"no column of times: readings are taken to be {hours_apart or 1:g} h apart"
        notes = notes if hours_apart else (*notes, f"{told} (--hours-apart)")
        hours = np.arange(len(raw)) * (hours_apart or 1.0)
    order = np.argsort(hours, kind="stable")
    complete = order[(raw[order] != MISSING).all(axis=1)]
    x, y = raw[complete][:, :-1], raw[complete][:, -1]
    answers = model.answer(x)
    return Readings(x, y, hours[complete], answers, len(raw) - len(complete), notes)


def undo(model: Path, out: Path) -> Undone:
    """Writes a model as it was before it was recalibrated."""
    from ..model.model import load
    from ..model.outputs import without_calibration

    require_file_place(out)
    twin = load(model)
    base = without_calibration(twin)
    if base is twin:
        raise UsageError(f"model file '{model}' has no recalibration to undo")
    base.save(out)
    return Undone(base, out)


@click.command("recalibrate", cls=FromSpec)
@model_argument
@click.argument("csv", type=FILE, metavar="ROWS.csv", required=False)
@click.option("-o", "--out", type=FILE, metavar=MODEL, help="Model file to write.")
@click.option("--undo", "undone", is_flag=True, help="Take the recalibration back.")
@click.option(
    "--hours-apart",
    type=click.FloatRange(0, min_open=True),
    metavar="H",
    help="Hours from reading to reading, where no column has their time; default: 1.",
)
@date_order_option
@shows
def command(model, csv, out, undone, hours_apart, date_order):
    """Correct a model that drifts, by readings with a reference.

    ROWS.csv has the model's inputs and, in the column of its output, what a reference instrument
    said. Gain and offset come out, shrunken towards no change. Exit code 1, and nothing written,
    where they do not help beyond chance: 24 readings on 24 days tell twice as much as 24 hours.

    \b
    Example:
      tinygen recalibrate no2.json reference.csv -o no2_march.json
      tinygen recalibrate no2_march.json --undo -o no2.json
    """
    if undone:
        if csv or not out:
            raise UsageError("--undo takes a model and -o, no rows")
        return undo(model, out)
    if not csv:
        raise UsageError("name the file of reference readings, or take one back with --undo")
    return recalibrate(model, csv, out, date_order or "", hours_apart)
