"""`tinygen recalibrate`: gain and offset from a few reference readings, into a file or a board."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.errors import DataError, UsageError
from ..common.files import require_file_place
from ..common.tables import counted
from ._limits import NumberRange, baud_option
from ._options import FILE, MODEL, board_option, date_order_option, model_argument
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
    beyond: int  # rows with an input beyond its accepted range, clamped as on the board
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Request:
    """Which model, by what, and where to; or what is to be taken back where."""

    model: Path
    csv: Path | None = None
    out: Path | None = None  # a model file
    port: str | None = None  # of a board, or "auto"
    board: str = "uno"
    baud: int | None = None
    undone: bool = False
    hours_apart: float | None = None  # of readings without a time; None: an hour
    date_order: str = ""


OLD_BARS = "bars      as they were: their half-width is older than this change"


@dataclass(frozen=True)
class Recalibrated:
    """What reference readings ask for, and what became of it."""

    found: Recalibration
    readings: Readings
    request: Request
    places: tuple[str, ...]  # what was written: a file, a board

    @property
    def exit_code(self) -> int:
        return 0 if self.found.accepted else 1

    def text(self) -> str:
        """What was assumed; then the readings, the errors, the change, or a line on why not."""
        from ..report.words import with_unit

        found, model = self.found, self.found.base
        notes = [f"note: {note}" for note in self.readings.notes]
        if not found.accepted:
            return "\n".join([*notes, f"refused: {found.reason}{self._more_days()}"])
        error, left_out = (with_unit(e, model) for e in (found.error_before, found.left_out_after))
        return "\n".join(
            [
                *notes,
                f"readings  {counted(found.rows, 'row')} over {found.days:.1f} days, as telling as "
                f"{found.drift.independent:.1f} independent ones; "
                f"{self.readings.incomplete:,} incomplete, {self.readings.beyond:,} beyond the "
                "accepted range",
                f"error     {error} as it is; {left_out} where blocks of neighbouring readings "
                "were left out and answered by what the others ask for",
                f"change    {self._what()}, {self._moves()}; "
                f"{found.drift.evidence:.1f} standard errors",
                *([OLD_BARS] * bool(model.bars)),
                *(f"written to {place}" for place in self.places),
                *(["nothing is written without -o or --port"] * (not self.places)),
            ]
        )

    def _what(self) -> str:
        """What is changed in the model."""
        from ..model.operations.scale import Calibrate

        drift = self.found.drift
        if drift.weights:
            return f"last layer fitted again ({counted(len(drift.weights), 'weight')})"
        return f"gain {drift.gain / Calibrate.unit:.4f}"

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
        found, drift = self.found, self.found.drift
        return {
            "model": str(self.request.model),
            "accepted": found.accepted,
            "reason": found.reason,
            "rows": found.rows,
            "incomplete": self.readings.incomplete,
            "beyond": self.readings.beyond,
            "days": round(found.days, 3),
            "independent": round(drift.independent, 3),
            "evidence": round(drift.evidence, 3),
            "days_needed": found.days_needed,
            "error": found.error_before,
            "error_left_out": found.left_out_after,
            "unit": found.base.output.unit,
            "refitted": bool(drift.weights),
            "gain": None if drift.weights else drift.gain,
            "offset": None if drift.weights else drift.offset,
            "id": f"{found.model.model_id:08x}",
            "written": list(self.places),
            "notes": list(self.readings.notes),
        }


@dataclass(frozen=True)
class Undone:
    """A model or a board without its recalibration."""

    place: str

    def text(self) -> str:
        """Where it is."""
        return f"recalibration taken back: {self.place}"

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"undone": self.place}


def recalibrate(request: Request) -> Recalibrated | Undone:
    """What the reference readings of a CSV file ask of a model; written to a file or into a board
    where that helps beyond chance. Or takes a recalibration back.
    """
    from ..fitting import recalibration
    from ..model.model import load
    from ..model.outputs import require_numbers, without_calibration

    if request.out:
        require_file_place(request.out)
    twin = load(request.model)
    require_numbers(twin)
    base = without_calibration(twin)
    if request.port and base is not twin:
        raise UsageError(
            f"model file '{request.model}' is recalibrated, a board's model is not: take it back "
            "with --undo -o BASE.json, and give BASE.json"
        )
    if request.undone:
        return _undo(request, twin, base)
    readings = _readings(base, request)
    rows = readings.x, readings.y, readings.hours
    recalibration.require_answerable(base, readings.x, readings.y)
    found = recalibration.recalibrate(base, *rows, refit=not request.port)
    places = []
    if found.accepted and request.out:
        recalibration.with_facts(found).save(request.out)
        places.append(str(request.out))
    if found.accepted and request.port:
        places.append(_told(request, base, (found.drift.gain, found.drift.offset)))
    return Recalibrated(found, readings, request, tuple(places))


def _undo(request: Request, twin: Model, base: Model) -> Undone:
    """Takes a recalibration back, of a file into another one, or of a board."""
    if request.port:
        return Undone(_told(request, base, None))
    if base is twin:
        raise UsageError(f"model file '{request.model}' has no recalibration to undo")
    assert request.out, "asked for with --undo"
    base.save(request.out)
    return Undone(f"written to {request.out}")


def _told(request: Request, model: Model, change: tuple[int, int] | None) -> str:
    """Tells a board gain and offset, or to forget them; which board that was."""
    from ..common.boards import find_board
    from ..host import calibration, discover
    from ..host.link import open_link

    chip, port = find_board(request.board), request.port or ""
    if port == "auto":
        chip, port = discover.only_board()
    with open_link(port, model, chip, request.baud) as link:
        if change:
            calibration.set_to(link, *change)
        else:
            calibration.undo(link)
        return f"the EEPROM of the {chip.title} at {link.name}"


def _readings(model: Model, request: Request) -> Readings:
    """The complete rows of a CSV file that has a model's inputs and its output."""
    import numpy as np

    from .. import data
    from ..data.reference import missing_codes
    from ..model.fixedpoint import MISSING

    assert request.csv, "asked for with rows"
    hours_apart, target = request.hours_apart, model.output.name
    table = data.load_tables(request.csv, missing_codes(model), target=target)
    table = data.as_trained(table, model.inputs, request.date_order)
    data.require_units((*model.inputs, model.output), table)
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
    answers, beyond = model.answer(x), int(model.saturate(x)[1].sum())
    return Readings(x, y, hours[complete], answers, len(raw) - len(complete), beyond, notes)


@click.command("recalibrate", cls=FromSpec)
@model_argument
@click.argument("csv", type=FILE, metavar="ROWS.csv", required=False)
@click.option("-o", "--out", type=FILE, metavar=MODEL, help="Model file to write.")
@click.option("--port", metavar="PORT|auto", help="Board to tell, see `build --recalibrate`.")
@board_option
@baud_option
@click.option("--undo", "undone", is_flag=True, help="Take the recalibration back.")
@click.option(
    "--hours-apart",
    type=NumberRange(0, min_open=True),
    metavar="H",
    help="Hours from reading to reading, where no column has their time; default: 1.",
)
@date_order_option
@shows
def command(model, csv, date_order, **options):
    """Correct a model that drifts, by readings with a reference.

    ROWS.csv has the model's inputs and, in the column of its output, what a reference instrument
    said. Gain and offset come out, shrunken towards no change. Exit code 1, and nothing written,
    where they do not help beyond chance: 24 readings on 24 days tell twice as much as 24 hours.

    \b
    Example:
      tinygen recalibrate no2.json reference.csv -o no2_march.json
      tinygen recalibrate no2.json reference.csv --port /dev/ttyACM0
      tinygen recalibrate no2.json --undo --port /dev/ttyACM0
    """
    request = Request(model, csv, date_order=date_order or "", **options)
    if request.port == "sim":
        raise UsageError("--port sim: a virtual board forgets what it is told, use -o NEW.json")
    if request.undone and (csv or bool(request.out) == bool(request.port)):
        raise UsageError("--undo takes a model and -o NEW.json or --port PORT, and no rows")
    if not request.undone and not csv:
        raise UsageError("name the file of reference readings, or take one back with --undo")
    return recalibrate(request)
