"""What is in a table before anything is trained on it: what would spoil a model, how much, and what
to type.

    audit(table, target) -> Audit

Every check is one function that yields findings; scipy and scikit-learn bring the statistics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal

import numpy as np

from ...common.progress import Progress, silent
from ...common.tables import table as text_table
from ...model.fixedpoint import Quantity
from ..dataset import SEVERITIES, Dataset, Finding
from ..derived import with_inputs
from ..prepare import prepare
from ..splits import groups_of, split_fraction, split_rows
from ..table import Table
from .columns import (
    beyond,
    counters,
    hidden_codes,
    long_form,
    missing_values,
    outliers,
    redundant,
    references,
    shortcuts,
    stuck,
    unitless,
)
from .rows import balance, clock, drifting, optimism, repeated, sorted_by_class

__all__ = ["SEVERITIES", "Audit", "Column", "Finding", "audit", "high_findings"]

CHECKS = {  # and what each looks for, in the words of the progress
    long_form: "a log with one reading a row",
    missing_values: "missing values",
    beyond: "numbers that no model can keep",
    hidden_codes: "codes for no value",
    references: "inputs that only a laboratory has",
    shortcuts: "inputs that give the target away",
    counters: "row counters",
    redundant: "inputs that follow from others",
    stuck: "stuck sensors",
    drifting: "drift",
    outliers: "outliers",
    balance: "rare values and classes",
    sorted_by_class: "rows sorted by class",
    repeated: "repeated rows",
    clock: "gaps and steps back in time",
    unitless: "columns without a unit",
}


LARGE, FINE = 1e4, 0.01  # values, and parts of them, that four significant digits are too few for
QUICK = (long_form, hidden_codes, references, shortcuts, counters, sorted_by_class, drifting)


@dataclass(frozen=True)
class Column:
    """One used column: figures over the values that are there."""

    name: str
    unit: str
    missing: int
    minimum: float
    median: float
    maximum: float
    step: float  # resolution

    @property
    def shown(self) -> tuple[float | Decimal, ...]:
        """Lowest, median and highest value: with the digits of the step where four significant ones
        do not tell them from their neighbours.
        """
        ends = self.minimum, self.median, self.maximum
        largest = max(map(abs, ends))
        if largest < LARGE and self.maximum - self.minimum > FINE * largest:
            return ends
        places = max(0, -Decimal(f"{self.step:.1g}").adjusted())
        return tuple(Decimal(f"{end:.{places}f}") for end in ends)


@dataclass(frozen=True)
class Audit:
    """A table looked at with one target in mind; the findings are ordered by severity."""

    source: str
    sha256: str
    target: str
    rows_read: int
    rows_usable: int  # complete in the used columns and not repeated
    columns: tuple[Column, ...]  # the inputs, then the target
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def counts(self) -> str:
        """How many findings there are of each severity: "0 high, 2 medium, 1 low"."""
        return ", ".join(
            f"{sum(f.severity == severity for f in self.findings)} {severity}"
            for severity in SEVERITIES
        )

    def text(self) -> str:
        """The columns, then each finding: what, what it does, what to type."""
        rows = [[c.name, c.unit or "-", c.missing, *c.shown, f"{c.step:g}"] for c in self.columns]
        heads = ["column", "unit", "missing", "lowest", "median", "highest", "step"]
        lines = [
            *(f"note: {note}" for note in self.notes),
            f"{self.source}: {self.rows_read:,} rows, {self.rows_usable:,} usable for "
            f"{self.target} (the last line)",
            "",
            text_table(heads, rows),
            "",
        ]
        for finding in self.findings:
            lines += [
                f"{finding.severity:7}{finding.what}",
                f"       effect: {finding.effect}",
                f"       do:     {finding.advice}",
            ]
        return "\n".join([*lines, "", f"findings: {self.counts}"])

    def plain(self) -> dict:
        """Plain JSON values."""
        return asdict(self)


def audit(
    table: Table,
    target: str,
    inputs: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    split: str = "random",
    seed: int = 0,
    units: Mapping[str, str] | None = None,
    task: str = "auto",
    categories: Sequence[str] = (),
    time_inputs: Sequence[str] = (),
    progress: Progress = silent,
    beside: Sequence[str] = (),
) -> Audit:
    """The audit of a table: the rows that `prepare` gives, and what `prepare` left out."""
    rest = {"units": units, "task": task, "categories": categories, "time_inputs": time_inputs}
    rest["beside"] = beside

    def rows(split: str) -> Dataset:
        return prepare(table, target, inputs, drop, split, seed, **rest)  # type: ignore[arg-type]

    dataset = rows(split)
    complete = with_inputs(table, dataset.inputs, dataset.target.name)
    findings: list[Finding] = []
    for check, what in CHECKS.items():
        progress(f"looking for {what}")
        findings += check(complete, dataset)
    progress("comparing random test rows with later ones")
    findings += optimism(dataset, lambda kind: dataset if kind == split else rows(kind))
    ordered = sorted(findings, key=lambda f: SEVERITIES.index(f.severity))
    return Audit(
        table.path_name,
        table.sha256,
        dataset.target.name,
        table.rows_read,
        len(dataset.x),
        tuple(_column(complete, q) for q in (*dataset.inputs, dataset.target)),
        tuple(ordered),
        dataset.notes,
    )


def high_findings(table: Table, dataset: Dataset) -> tuple[Finding, ...]:
    """What must be known before any figure on these rows is believed; in a second, for `train`."""
    table = with_inputs(table, dataset.inputs, dataset.target.name)
    checks = QUICK if dataset.target.name else (hidden_codes, counters)
    found = [finding for check in checks for finding in check(table, dataset)]
    if dataset.target.name and dataset.split.together and not dataset.split.by_time:
        found += optimism(dataset, lambda kind: dataset if kind == "random" else _by_time(dataset))
    return tuple(finding for finding in found if finding.severity == "high")


def _by_time(dataset: Dataset) -> Dataset:
    """The same rows, split by time."""
    raw, source = np.column_stack([dataset.x, dataset.y]), dataset.provenance
    seed, groups = dataset.split.seed, groups_of(dataset.x)
    part = split_fraction("time", seed, None)
    split = split_rows(source.source, source.time, raw, groups, "time", seed, part)
    return replace(dataset, split=split)


def _column(table: Table, quantity: Quantity) -> Column:
    values = table.columns[quantity.name]
    if np.isnan(values).all():  # class labels
        return Column(
            quantity.name, "", 0, quantity.minimum, quantity.minimum, quantity.maximum, 1.0
        )
    low, middle, high = (float(f(values)) for f in (np.nanmin, np.nanmedian, np.nanmax))
    return Column(
        quantity.name, quantity.unit, int(np.isnan(values).sum()), low, middle, high, quantity.scale
    )
