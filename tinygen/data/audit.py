"""What is in a table before anything is trained on it: what would spoil a model, how much, and what
to type.

    audit_csv(csv, target) -> Audit

Every check is one function that yields findings; scipy and scikit-learn bring the statistics.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.stats import ks_2samp
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import RidgeClassifier, RidgeCV
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ..commands.pipeline import units_of
from ..common.errors import TinygenError
from ..report.words import table as grid
from . import dataset as data
from .dataset import Dataset, Table
from .reference import longest_run

SEVERITIES = ("high", "medium", "low")
CODES = (-1, -99, -200, -999, -9999, 99, 999, 9999, 65535)  # what loggers write for "no value"
CODE_TIMES = 3  # occurrences, at least
STUCK_ROWS = 12  # equal values in a row
DRIFT_KS, STRONG_DRIFT_KS = 0.3, 0.5
OUTLIER_SPREADS = 5  # interquartile ranges beyond the quartiles
SHORTCUT, REDUNDANT = 0.98, 0.98  # part of the variance, or of the rows, that others tell
GAP_RATIO = 1.3  # error on later rows over that on random ones
RARE = 0.02  # of the rows in the upper half of the target's range, or in a class
SAMPLE, MOST_REDUNDANT = 1500, 20  # rows and inputs that the search for redundancy looks at
REFERENCE = re.compile(r"\bGT\b|ground.?truth|reference|\bref\b", re.IGNORECASE)


@dataclass(frozen=True)
class Finding:
    """One thing to know before training."""

    severity: str  # of SEVERITIES
    kind: str  # "shortcut", "missing", ...
    columns: tuple[str, ...]
    what: str  # what was seen and how much
    effect: str  # what it does to the model
    advice: str  # what to type


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

    def plain(self) -> dict:
        """Plain JSON values."""
        return asdict(self)


def audit_csv(
    csv: Path,
    target: str,
    inputs=None,
    drop=(),
    missing=("-200",),
    unit=(),
    split="random",
    seed=0,
    task="auto",
    progress=print,
) -> Audit:
    """The audit of a CSV file for a target; the choice of columns and rows is that of `train`."""
    table = data.load(csv, missing=missing)
    return audit(table, target, inputs, drop, split, seed, units_of(unit), task, progress)


def audit(
    table: Table,
    target: str,
    inputs=None,
    drop=(),
    split="random",
    seed=0,
    units=None,
    task="auto",
    progress=lambda text: None,
) -> Audit:
    """The audit of a table: the rows that `prepare` gives, and what `prepare` left out."""

    def rows(split: str) -> Dataset:
        return data.prepare(table, target, inputs, drop, split, seed, units=units, task=task)

    dataset = rows(split)
    findings: list[Finding] = []
    for check in (
        missing_values,
        hidden_codes,
        references,
        shortcuts,
        redundant,
        stuck,
        drifting,
        outliers,
        balance,
        repeated,
        clock,
        unitless,
    ):
        progress(f"looking for {check.__name__.replace('_', ' ')}")
        findings += check(table, dataset)
    progress("random against later rows")
    findings += optimism(dataset, rows)
    ordered = sorted(findings, key=lambda f: SEVERITIES.index(f.severity))
    return Audit(
        table.path_name,
        table.sha256,
        dataset.target.name,
        table.rows_read,
        len(dataset.x),
        tuple(_column(table, q) for q in (*dataset.inputs, dataset.target)),
        tuple(ordered),
        dataset.notes,
    )


def _column(table: Table, quantity) -> Column:
    values = table.columns[quantity.name]
    if np.isnan(values).all():  # class labels
        return Column(
            quantity.name, "", 0, quantity.minimum, quantity.minimum, quantity.maximum, 1.0
        )
    low, middle, high = (float(f(values)) for f in (np.nanmin, np.nanmedian, np.nanmax))
    return Column(
        quantity.name, quantity.unit, int(np.isnan(values).sum()), low, middle, high, quantity.scale
    )


# ---- one function per check ----


def missing_values(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Columns whose gaps cost rows."""
    few = []
    for quantity in dataset.inputs:
        share = float(np.isnan(table.columns[quantity.name]).mean())
        if share < 0.05:
            few += [quantity.name] if share else []
            continue
        yield Finding(
            "high" if share >= 0.3 else "medium" if share >= 0.1 else "low",
            "missing",
            (quantity.name,),
            f"{quantity.name} lacks {share:.0%} of its values ({_codes(table)})",
            "every row without it is lost to training, and the board gives no answer to it",
            _drop(quantity.name),
        )
    if few:
        yield Finding(
            "low",
            "missing",
            tuple(few),
            f"{len(few)} columns lack less than 5 % of their values ({_codes(table)})",
            "these rows are lost to training, and the board gives no answer to them",
            "nothing, if such rows may be lost",
        )


def _codes(table: Table) -> str:
    return " or ".join(
        [
            "empty",
            *(f"{code:g}" if isinstance(code, float) else str(code) for code in table.missing),
        ]
    )


def hidden_codes(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Values that look like codes for "no value" and were taken for readings."""
    for quantity in (*dataset.inputs, dataset.target):
        values = table.columns[quantity.name]
        for code in (c for c in CODES if np.sum(values == c) >= CODE_TIMES):
            others = values[~np.isnan(values) & (values != code)]
            spread = np.quantile(others, 0.99) - np.quantile(others, 0.01) if len(others) else 0.0
            distance = max(others.min() - code, code - others.max()) if len(others) else 0.0
            if distance > 0.5 * spread > 0:
                yield Finding(
                    "high",
                    "code",
                    (quantity.name,),
                    f"{quantity.name} is {code} in {int(np.sum(values == code))} rows, far from all other values",
                    "a code for 'no value' is learned as a reading and stretches the range of the 16-bit input",
                    f"--missing {code}",
                )


def references(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Inputs that a laboratory has and a street device has not."""
    for name in (q.name for q in dataset.inputs if REFERENCE.search(q.name)):
        yield Finding(
            "high",
            "reference",
            (name,),
            f"{name} is named as a reference analyser's reading",
            "a device in the street does not have it: the error shown could never be reached there",
            _drop(name),
        )


def shortcuts(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Inputs that nearly determine the target by themselves."""
    x, y = _training(dataset)
    tree = DecisionTreeClassifier if dataset.labels else DecisionTreeRegressor
    for i, quantity in enumerate(dataset.inputs):
        score = float(
            cross_val_score(tree(max_leaf_nodes=64, random_state=0), x[:, [i]], y, cv=3).mean()
        )
        if score >= SHORTCUT:
            yield Finding(
                "high",
                "shortcut",
                (quantity.name,),
                f"{quantity.name} alone tells {score:.2%} of {dataset.target.name} "
                f"({'rows' if dataset.labels else 'variance'})",
                "the model learns one formula: if the target was computed from this column, "
                "it is a copy and no prediction",
                f"{_drop(quantity.name)} to see what the other sensors can do",
            )


def redundant(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Inputs that one or two others determine; a group is named once."""
    x, _ = _training(dataset)
    inputs = range(min(x.shape[1], MOST_REDUNDANT)) if x.shape[1] > 1 else ()
    x, named, groups = x[np.linspace(0, len(x) - 1, min(SAMPLE, len(x))).astype(int)], [], []
    for i in inputs:
        others = [k for k in range(x.shape[1]) if k != i]
        forest = ExtraTreesRegressor(20, min_samples_leaf=2, random_state=0).fit(
            x[:, others], x[:, i]
        )
        best = [others[k] for k in np.argsort(-forest.feature_importances_, kind="stable")[:2]]
        score = float(
            cross_val_score(
                ExtraTreesRegressor(30, random_state=0), x[:, best], x[:, i], cv=3
            ).mean()
        )
        groups.append((score, i, best))
    for score, i, best in sorted(groups, key=lambda group: -group[0]):
        if score >= REDUNDANT and not any({i, *best} & seen for seen in named):
            named.append({i, *best})
            name, others = dataset.inputs[i].name, [dataset.inputs[k].name for k in best]
            yield Finding(
                "medium",
                "redundant",
                (name, *others),
                f"{name} follows from {' and '.join(others)} ({score:.1%} of its variance)",
                "it costs flash, cycles and a reading and tells little new",
                _drop(name),
            )


def stuck(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Sensors that repeat one value for long."""
    for quantity in (*dataset.inputs, dataset.target):
        values = table.columns[quantity.name]
        there = values[~np.isnan(values)]
        run = longest_run(there)
        if run >= STUCK_ROWS and len(np.unique(there)) > 20 and run > 0.002 * len(there):
            yield Finding(
                "medium",
                "stuck",
                (quantity.name,),
                f"{quantity.name} keeps one value for {run} rows in a row",
                "a sensor that hangs teaches the model that this value goes with anything",
                "empty these cells in the file",
            )


def drifting(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Columns whose last 30 % look unlike the first 70 %."""
    order = (
        np.arange(len(dataset.x))
        if dataset.time is None
        else np.argsort(dataset.time, kind="stable")
    )
    cut = int(0.7 * len(order))
    for quantity, values in zip(
        (*dataset.inputs, dataset.target), np.column_stack([dataset.x, dataset.y])[order].T
    ):
        distance = float(ks_2samp(values[:cut], values[cut:], method="asymp").statistic)
        if distance >= DRIFT_KS:
            early, late = (
                float(quantity.to_physical(np.median(part)))
                for part in (values[:cut], values[cut:])
            )
            yield Finding(
                "high" if distance >= STRONG_DRIFT_KS else "medium",
                "drift",
                (quantity.name,),
                f"{quantity.name} drifts: its median goes from {early:g} to {late:g} {quantity.unit}".rstrip()
                + f" in the last 30 % (KS {distance:.2f})",
                "a model trained on early rows meets readings it has hardly seen",
                f"--split time, and {_drop(quantity.name)} if it gets worse",
            )


def outliers(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Values far beyond the quartiles."""
    for quantity, values in zip(
        (*dataset.inputs, dataset.target), np.column_stack([dataset.x, dataset.y]).T
    ):
        low, high = np.quantile(values, [0.25, 0.75])
        beyond = int(
            np.sum(
                (values < low - OUTLIER_SPREADS * (high - low))
                | (values > high + OUTLIER_SPREADS * (high - low))
            )
        )
        if beyond and high > low and not dataset.labels:
            yield Finding(
                "low",
                "outlier",
                (quantity.name,),
                f"{quantity.name} has {beyond} values more than {OUTLIER_SPREADS} quartile spreads out",
                "they stretch the range that 16 bits must cover and pull the fit",
                "look at them; empty the cells if they are faults",
            )


def balance(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Classes, or the upper half of the target's range, with few rows."""
    name = dataset.target.name
    if dataset.labels:
        for label, count in zip(
            dataset.labels, np.bincount(dataset.y, minlength=len(dataset.labels))
        ):
            if count < RARE * len(dataset.y):
                yield Finding(
                    "medium",
                    "balance",
                    (name,),
                    f"class {label} has {count} of {len(dataset.y)} rows",
                    "a model may never answer it and still look good",
                    "add rows of this class",
                )
        return
    middle = (dataset.y.min() + dataset.y.max()) / 2
    share = float(np.mean(dataset.y > middle))
    if share < RARE:
        yield Finding(
            "medium",
            "balance",
            (name,),
            f"only {share:.1%} of the rows lie in the upper half of {name}, "
            f"above {float(dataset.target.to_physical(middle)):g}",
            "high values are learned from few rows, and they are what an alarm is for",
            "look at the false and missed alarms, not at the mean error",
        )


def repeated(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Rows equal to an earlier one."""
    if dataset.duplicates_removed:
        share = dataset.duplicates_removed / max(1, dataset.rows_read - dataset.rows_dropped)
        yield Finding(
            "medium" if share > 0.05 else "low",
            "duplicates",
            (),
            f"{dataset.duplicates_removed} rows repeat another one in all used columns",
            "a row in both train and test would be remembered, not predicted",
            "nothing: they are removed before the split",
        )


def clock(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Gaps and steps back in time."""
    if table.time is None:
        yield Finding(
            "low",
            "time",
            (),
            "no column has a date in every row",
            "random rows flatter where readings follow each other",
            "keep the rows in order and try --split time",
        )
        return
    steps = np.diff(table.time).astype(np.int64)
    usual = max(1, int(np.median(np.abs(steps)))) if len(steps) else 1
    if gaps := int(np.sum(steps > 1.5 * usual)):
        yield Finding(
            "low",
            "time",
            table.time_names,
            f"{gaps} gaps in a series of one row per {usual} s, the longest {int(steps.max())} s",
            "what happened meanwhile is unknown to the model",
            "nothing, unless a season is missing",
        )
    if back := int(np.sum(steps < 0)):
        yield Finding(
            "medium",
            "time",
            table.time_names,
            f"the time goes back {back} times",
            "the clock was set or files were joined: order means little",
            "sort the file by time",
        )


def unitless(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Columns without a unit."""
    if names := tuple(
        q.name for q in (*dataset.inputs, dataset.target) if not q.unit and not dataset.labels
    ):
        yield Finding(
            "low",
            "unit",
            names,
            f"{len(names)} columns have no unit: {', '.join(names[:6])}{', ..' if len(names) > 6 else ''}",
            "the header says less than it could",
            f'--unit "{names[0]}=UNIT"',
        )


def optimism(dataset: Dataset, rows) -> Iterator[Finding]:
    """How much better random test rows look than later ones, by ridge on the training rows."""
    try:
        errors = [_ridge_error(rows(split)) for split in ("random", "time")]
    except TinygenError:
        return  # one of the splits cannot be had, for example without a class
    if min(errors) > 0 and errors[1] > GAP_RATIO * errors[0]:
        kind, unit = (
            ("error rate", "")
            if dataset.labels
            else ("mean absolute error", f" {dataset.target.unit}".rstrip())
        )
        yield Finding(
            "high",
            "optimism",
            (),
            f"a ridge baseline has a {kind} of {errors[0]:.3g}{unit} on random rows "
            f"and {errors[1]:.3g}{unit} on the last 30 %",
            f"figures of a random split flatter by {errors[1] / errors[0]:.1f} times "
            "what the device will do next season",
            "--split time",
        )


def _ridge_error(dataset: Dataset) -> float:
    """Mean absolute error in the target's unit, or error rate, on the test rows."""
    x, y = dataset.x.astype(float), dataset.y
    model = make_pipeline(StandardScaler(), RidgeClassifier() if dataset.labels else RidgeCV())
    answer = model.fit(x[dataset.train], y[dataset.train]).predict(x[dataset.test])
    if dataset.labels:
        return float(np.mean(answer != y[dataset.test]))
    return float(np.abs(answer - y[dataset.test]).mean() * dataset.target.scale)


def _training(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Training rows in a fixed shuffled order, so that folds are random."""
    order = np.random.default_rng(0).permutation(dataset.train)
    return dataset.x[order].astype(float), dataset.y[order]


def _drop(name: str) -> str:
    return f'--drop "{name}"'


# ---- text ----


def text(result: Audit) -> str:
    """The columns, then each finding: what, what it does, what to type."""
    rows = [
        [c.name, c.unit or "-", c.missing, c.minimum, c.median, c.maximum, f"{c.step:g}"]
        for c in result.columns
    ]
    lines = [f"note: {note}" for note in result.notes]
    lines += [
        f"{result.source}: {result.rows_read:,} rows, {result.rows_usable:,} usable for {result.target} (the last line)",
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
    counts = ", ".join(f"{sum(f.severity == s for f in result.findings)} {s}" for s in SEVERITIES)
    return "\n".join([*lines, "", f"findings: {counts}"])
