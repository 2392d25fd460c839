"""What a part of the page is made of: words, tables and drawings."""

from __future__ import annotations

from dataclasses import dataclass

from ...common.tables import cell
from ...data.audit import Finding
from ...model.model import Model
from ..plots.svg import Plot


@dataclass(frozen=True)
class Table:
    """A table as it stands in the page."""

    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]  # columns that are set flush right
    marked: int | None = None  # the row that is chosen


@dataclass(frozen=True)
class Drawing:
    """A plot with its caption."""

    plot: Plot
    caption: str


@dataclass(frozen=True)
class Section:
    """One part of the page."""

    id: str
    title: str
    lead: str = ""
    drawings: tuple[Drawing, ...] = ()
    tables: tuple[Table, ...] = ()
    folded: tuple[Table, ...] = ()  # shown when asked for
    points: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()  # of the audit
    columns: int = 2  # drawings side by side where there is room


def make_table(
    caption: str, headers: list[str], rows: list[list], marked: int | None = None
) -> Table:
    """A table of plain values, formatted as everywhere else."""
    numeric = tuple(
        all(isinstance(row[k], (int, float)) or row[k] == "-" for row in rows)
        and any(row[k] != "-" for row in rows)
        for k in range(len(headers))
    )
    return Table(
        caption, tuple(headers), tuple(tuple(map(cell, row)) for row in rows), numeric, marked
    )


def axis_label(model: Model) -> str:
    return f"{model.output.name} [{model.output.unit}]" if model.output.unit else model.output.name


def error_label(model: Model) -> str:
    """What an axis of errors is called."""
    return (
        "error rate"
        if model.labels
        else f"mean error [{model.output.unit}]"
        if model.output.unit
        else "mean error"
    )
