"""`tinygen monitor`: do the rows of a log look like the training rows?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..common.errors import UsageError
from ._limits import NumberRange, baud_option, seconds_option
from ._options import (
    FILE,
    board_option,
    model_argument,
)
from ._show import progress, progress_on_terminal, shows
from ._spec import FromSpec

if TYPE_CHECKING:
    from ..report.drift import Monitoring

STDIN = Path("-")


def monitor(
    model: Path, log: Path, window: int | None = None, files: dict[str, Path | None] | None = None
) -> Monitoring:
    """Compares a log of the model's inputs with its training rows, and writes the `files` that are
    asked for.
    """
    from .. import data
    from ..data.reference import missing_codes
    from ..model.model import load
    from ..model.outputs import require_one_output
    from ..report import drift
    from ..report.monitor_files import require_places, write_files

    twin, files = require_one_output(load(model), "monitor"), files or {}
    require_places(files)
    rows = data.as_trained(data.load_table(log, missing=missing_codes(twin)), twin.inputs)
    raw, notes = data.rows_for(twin.inputs, rows)
    notes = (*rows.time_notes, *notes)  # the windows are named by their days
    references = None
    if twin.bars and twin.output.name in rows.columns:
        references = data.rows_for((twin.output,), rows)[0][:, 0]
    result = drift.monitor(
        twin, raw, window, rows.path_name, rows.file_rows, rows.moments, notes, references
    )
    write_files(result, files)
    return result


def _refuse_live_options() -> None:
    """UsageError where a file is judged with what is for rows that come live."""
    context = click.get_current_context()
    for name in ("rows", "seconds", "pace", "reconnect", "baud"):
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise UsageError(
                f"--{name} is for live rows: give --port as well, or - in place of the file"
            )


@click.command("monitor", cls=FromSpec)
@model_argument
@click.argument("log", type=FILE, metavar="LOG.csv|-")
@click.option(
    "--window",
    type=click.IntRange(1),
    metavar="ROWS",
    help="Rows judged together; default: as many as the training rows can tell of.",
)
@click.option(
    "--prometheus",
    type=FILE,
    metavar="FILE",
    help="Write the newest window as Prometheus text.",
)
@click.option("--json-lines", type=FILE, metavar="FILE", help="Write one JSON object per window.")
@click.option("--markdown", type=FILE, metavar="FILE", help="Write a Markdown summary.")
@click.option("--html", type=FILE, metavar="FILE", help="Write the summary as one HTML page.")
@click.option(
    "--port",
    metavar="sim|PORT|auto",
    help="A board answers the rows, and its answers are watched, live.",
)
@board_option
@click.option("--rows", type=click.IntRange(1), metavar="N", help="Live: stop after so many rows.")
@click.option(
    "--seconds",
    type=NumberRange(0, min_open=True),
    metavar="S",
    help="Live: stop after so many seconds; Ctrl-C stops as well.",
)
@seconds_option("--pace", "Live: from row to row; default: as they come.")
@seconds_option("--reconnect", "Live: wait so long for a board that was unplugged.")
@baud_option
@shows
def command(model, log, window, port, board, rows, seconds, pace, reconnect, baud, **files):
    """Compare the rows of LOG.csv with the training rows.

    Distribution, range, missing values, stuck sensors and alarm rate, window by window. Exit code 1
    where a window differs by more than chance and the training rows' own windows explain. Of a
    model with error bars, where the log has references in its output's column: how many of them lie
    within. With
    --port a board answers the rows; `-` reads rows from standard input as they come. Both judge
    each window at once.

    \b
    Example:
      tinygen monitor benzene.json last_month.csv --html drift.html
      read_sensors | tinygen monitor benzene.json - --port /dev/ttyACM0 --prometheus benzene.prom
    """
    if port is None and log != STDIN:
        _refuse_live_options()
        with progress_on_terminal(f"comparing {log} with the training rows"):
            return monitor(model, log, window, files)
    from ._live import Plan, monitor_live

    plan = Plan(rows, seconds, pace, reconnect, baud)
    with progress() as say:
        return monitor_live(model, log, port, board, window, plan, files, say)
