"""The audit of a CSV file, and its text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..data import load_table
from ..data.audit import Audit, audit
from ..report.words import table as grid
from .pipeline import units_of


def audit_csv(
    csv: Path,
    target: str,
    inputs=None,
    drop=(),
    missing=None,
    unit=(),
    split="random",
    seed=0,
    task="auto",
    progress: Callable[[str], None] = print,
) -> Audit:
    """The audit of a CSV file for a target; the choice of columns and rows is that of `train`."""
    table = load_table(csv, missing)
    return audit(table, target, inputs, drop, split, seed, units_of(unit), task, progress)


def text(result: Audit) -> str:
    """The columns, then each finding: what, what it does, what to type."""
    rows = [
        [c.name, c.unit or "-", c.missing, c.minimum, c.median, c.maximum, f"{c.step:g}"]
        for c in result.columns
    ]
    lines = [f"note: {note}" for note in result.notes]
    lines += [
        f"{result.source}: {result.rows_read:,} rows, {result.rows_usable:,} usable for "
        f"{result.target} (the last line)",
        "",
        grid(["column", "unit", "missing", "lowest", "median", "highest", "step"], rows),
        "",
    ]
    for finding in result.findings:
        lines += [
            f"{finding.severity:7}{finding.what}",
            f"       effect: {finding.effect}",
            f"       do:     {finding.advice}",
        ]
    return "\n".join([*lines, "", f"findings: {result.counts}"])
