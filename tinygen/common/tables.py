"""Tables and numbers as every command prints them."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO

from .errors import plain

WIDTH = 100_000  # tables are never cut: a narrow terminal wraps them itself


def table(headers: list[str], rows: list[list], title: str | None = None) -> str:
    """A plain table; columns whose cells are numbers are set flush right."""
    from rich.console import Console  # 50 ms that help and completion do not wait for
    from rich.table import Table

    grid = Table(
        title=title, title_justify="left", box=None, pad_edge=False, header_style="", title_style=""
    )
    for index, header in enumerate(headers):
        numeric = all(isinstance(row[index], (int, float, Decimal)) for row in rows)
        grid.add_column(plain(header), justify="right" if numeric else "left", no_wrap=True)
    for row in rows:
        grid.add_row(*map(cell, row))
    target = StringIO()
    Console(
        file=target, width=WIDTH, color_system=None, markup=False, emoji=False, highlight=False
    ).print(grid)
    return "\n".join(line.rstrip() for line in target.getvalue().splitlines())


def counted(number: int, what: str) -> str:
    """A number and what is counted: "1 column", "2,013 columns", for regular plurals."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def six_digits(value: float) -> float:
    """A figure as files keep it: enough to compare, and the same text on every machine."""
    return float(f"{value:.6g}")


def cell(value: object) -> str:
    """A value as it stands in every table: thousands with commas, four significant digits of a
    float, all of a Decimal, a text on one line.
    """
    if isinstance(value, (int, Decimal)):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else plain(value)
