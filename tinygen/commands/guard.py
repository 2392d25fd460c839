"""`tinygen guard`: a model that sets an alarm off for rows unlike those it has seen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.boards import find_board
from ..common.choices import GUARDS
from ..common.files import require_file_place
from ..common.progress import Progress, silent
from ._limits import NumberRange
from ._made import manifested
from ._options import (
    Selection,
    board_option,
    model_out,
    name_from,
    name_notes,
    name_option,
    require_room,
    selected_readings,
)
from ._recordings import refuse_window_options, windowed
from ._show import of_model, progress, shows
from ._signals import guard_signals, guard_training, votes_option
from ._spec import FromSpec

if TYPE_CHECKING:
    from ..model.model import Model
    from ..target.bare import ModelCost


ALARMS = 0.001  # part of the usual rows, where the user does not say


@dataclass(frozen=True)
class GuardRequest:
    """What is to be guarded, on which chip, and where to put it."""

    rows: Selection
    out: Path
    family: str = "mahalanobis"
    alarms: float = ALARMS  # most of the usual rows that may set it off, 0 .. 0.5
    name: str | None = None  # prefix of every C name; None: from `out`
    board: str = "uno"


@dataclass(frozen=True)
class Guarded:
    """A guard just fitted and saved."""

    path: Path
    model: Model
    board: str  # of the cost: its id
    cost: ModelCost
    notes: tuple[str, ...]

    @property
    def threshold(self) -> float:
        """The distance above which it alarms, in the output's unit."""
        assert self.model.threshold is not None, "a guard is fitted with a threshold"
        return float(self.model.output.to_physical(self.model.threshold))

    def text(self) -> str:
        """The guard in a few lines."""
        from ..report.words import with_unit

        model, facts = self.model, self.model.training
        names = ", ".join(q.name for q in model.inputs)
        level = with_unit(self.threshold, model)
        return "\n".join(
            [
                *(f"note: {note}" for note in self.notes),
                f"guard    {self.path}: {model.family}, inputs {names}",
                f"rows     {facts['rows_train']:,} to learn what is usual, "
                f"{facts['rows_test']:,} to try it ({facts['split']} split); "
                f"{facts['rows_read']:,} read: {facts['rows_dropped']:,} incomplete",
                f"alarm    above {level}: "
                f"set off by {facts['alarms_train']:,} of {facts['rows_train']:,} rows it learned "
                f"from and {facts['alarms_test']:,} of the {facts['rows_test']:,} others",
                f"cost     the model alone on {self.board}: {self.cost.words}",
            ]
        )

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        facts = self.model.training
        return {
            **of_model(self.path, self.model),
            "threshold": self.threshold,
            **{
                key: facts[key]
                for key in (
                    "rows_train",
                    "rows_test",
                    "split",
                    "alarms",
                    "alarms_train",
                    "alarms_test",
                )
            },
            "board": self.board,
            "cost": asdict(self.cost),
            "notes": list(self.notes),
        }


def guard(request: GuardRequest, progress: Progress = silent) -> Guarded:
    """Fits a guard to a CSV file's rows and saves it; the file is written only when everything went
    well.
    """
    from ..codegen.emit import check_prefix
    from ..data.audit import high_findings
    from ..model.parts import check_name
    from ..search.guard import guard_of
    from ..target.bare import measure_cost

    chip = find_board(request.board)
    name = check_prefix(check_name(request.name or name_from(request.out)))
    require_file_place(request.out)
    table = request.rows.table()
    rows = request.rows.readings(table)
    require_room(len(rows.inputs), "name them with --inputs, or --drop some")
    rows = rows.noted(*name_notes(request.name, request.out))
    rows = rows.with_findings(high_findings(table, rows))
    model = guard_of(rows, request.family, request.alarms, name)
    progress(f"compiling and simulating for {chip.title}")
    measured = measure_cost(model, chip)
    model.save(request.out)
    return Guarded(request.out, model, chip.pio_id, measured, rows.notes)


@click.command("guard", cls=FromSpec)
@selected_readings
@windowed
@click.option(
    "--target",
    "labels_in",
    default="",
    metavar="COL",
    help="Recordings: column of labels, see --normal.",
)
@click.option(
    "--normal",
    multiple=True,
    metavar="LABEL",
    help="Recordings: label of the usual ones, may be given again; default: all are usual.",
)
@click.option(
    "--alarms-per-day",
    type=NumberRange(0.001, 86_400),
    metavar="N",
    help="Recordings: most false alarms a day; default: 1.",
)
@votes_option("windows in a row that must be unusual; default: 3.")
@click.option(
    "--family",
    type=click.Choice(GUARDS),
    default="mahalanobis",
    show_default=True,
    help="Squared distance from the usual row, or the usual interval of each reading.",
)
@click.option(
    "--alarms",
    type=NumberRange(0, 0.5),
    metavar="PART",
    help=f"Most of the usual rows that may set it off; default: {ALARMS:g}.",
)
@name_option
@board_option
@model_out
@shows
@manifested
def command(windows, alarms_per_day, normal, labels_in, votes, **options):
    """Fit a guard to the rows of CSV: red LED for rows unlike them.

    No target is needed. The model file serves as one that `train` wrote: emit, build, stream,
    predict, monitor. With --window the rows are samples of recordings, and windows are guarded.

    \b
    Example:
      tinygen guard AirQualityUCI.csv --inputs "PT08.S1(CO),PT08.S5(O3),T,RH" -o guard.json
      tinygen guard recordings/ --window 1s --normal ok --alarms-per-day 1 -o motor.json
    """
    with progress() as say:
        if windows.get("window"):
            asked = {"alarms_per_day": alarms_per_day or 1.0, "normal": normal, "votes": votes}
            return guard_signals(guard_training(windows, labels_in, asked, options), say)
        refuse_window_options(
            windows
            | {"alarms-per-day": alarms_per_day, "normal": normal, "votes": votes}
            | {"target": labels_in}
        )
        if options["alarms"] is None:
            options["alarms"] = ALARMS
        return guard(GuardRequest(**options), say)
