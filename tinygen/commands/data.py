"""`tinygen data`: what is in a table before anything is trained on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..common.progress import Progress, silent
from ._options import Selection, selected_rows
from ._show import progress, shows
from ._spec import FromSpec

if TYPE_CHECKING:
    from ..data.audit import Audit


def audit(rows: Selection, progress: Progress = silent) -> Audit:
    """The audit of a CSV file for a target; the choice of columns and rows is that of `train`."""
    from ..data import audit as audits

    return audits.audit(
        rows.table(),
        rows.target,
        rows.inputs,
        rows.drop,
        rows.split,
        rows.seed,
        rows.units,
        rows.task,
        rows.categories,
        rows.time_inputs,
        progress,
    )


@click.command("data", cls=FromSpec)
@selected_rows
@shows
def command(rows):
    """Look at the rows of CSV before training on them.

    Missing codes, shortcut and redundant columns, drift, stuck sensors, gaps: what it is, what it
    does to a model, what to type.

    \b
    Example:
      tinygen data AirQualityUCI.csv --target "C6H6(GT)"
    """
    with progress() as say:
        return audit(rows, say)
