"""`tinygen data`: what is in a table before anything is trained on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ..common.progress import Progress, silent
from ._options import Selection, selected_rows
from ._show import progress, shows
from ._spec import FromSpec

if TYPE_CHECKING:
    from ..data import Table
    from ..data.audit import Audit


@dataclass(frozen=True)
class Audits:
    """The audit of a file for each of several targets."""

    each: tuple[Audit, ...]

    def text(self) -> str:
        """One after the other."""
        return "\n\n".join(audit.text() for audit in self.each)

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"targets": [audit.plain() for audit in self.each]}


def audit(rows: Selection, progress: Progress = silent) -> Audit | Audits:
    """The audit of a CSV file for its target or targets; the choice of columns and rows is that of
    `train`.
    """
    table = rows.table()
    if not rows.beside:
        return _audit_for(rows, table, progress)
    return Audits(tuple(_audit_for(one, table, progress) for one in rows.each(table)))


def _audit_for(rows: Selection, table: Table, progress: Progress) -> Audit:
    from ..data import audit as audits

    return audits.audit(
        table,
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
        rows.beside,
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
