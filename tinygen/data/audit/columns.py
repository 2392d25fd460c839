"""Checks of single columns: what would spoil an input or the target, and how much."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from ...common.tables import counted
from ...model.fixedpoint import Quantity
from ..columns import counts_on, left_out_note
from ..dataset import Dataset, Finding
from ..derived import sources
from ..reference import longest_run
from ..steps import beyond_numbers
from ..table import Table
from .shared import drop_option, shuffled_training, without

# what loggers and drivers write for "no value": -127 is a DS18B20 that does not answer
CODES = (-1, -99, -99.9, -127, -200, -999, -999.9, -9999, -32768, 99, 999, 9999, 32767, 65535)
CODE_TIMES = 3  # occurrences, at least
STUCK_ROWS = 12  # equal values in a row
OUTLIER_SPREADS = 5  # interquartile ranges beyond the quartiles
SHORTCUT, REDUNDANT = 0.98, 0.98  # part of the variance, or of the rows, that others tell
SAMPLE, MOST_REDUNDANT = 1500, 20  # rows and inputs that the search for redundancy looks at
HOPELESS = 0.9  # part that a few trees tell of what many cannot tell REDUNDANT of
FEW_TREES, TREES = 8, 30
LONG_NAMES = re.compile(
    r"_?(entity|sensor|device|field|variable|metric|parameter|measurement|measurand|channel|topic)"
    r"([_ ]?(id|name))?",
    re.IGNORECASE,
)
LONG_VALUES = re.compile(r"_?(state|value|val|reading|payload)s?", re.IGNORECASE)
REFERENCE = re.compile(r"\bGT\b|ground.?truth|reference|\bref\b", re.IGNORECASE)


def missing_values(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Columns whose gaps cost rows."""
    few, inputs = [], {q.name: q for q in dataset.inputs}
    for name, column in sources(table, list(inputs)).items():
        share = float(np.isnan(table.columns[column]).mean())
        if share < 0.05:
            few += [name] if share else []
            continue
        yield Finding(
            "high" if share >= 0.3 else "medium" if share >= 0.1 else "low",
            "missing",
            (name,),
            f"{name} lacks {share:.0%} of its values ({_codes(table)})",
            "every row without it is lost to training, and the board gives no answer to it",
            _without_source(inputs[column], name),
        )
    if few:
        yield Finding(
            "low",
            "missing",
            tuple(few),
            f"{counted(len(few), 'column')} with less than 5 % of the values missing "
            f"({_codes(table)})",
            "these rows are lost to training, and the board gives no answer to them",
            "nothing, if such rows may be lost",
        )


def _without_source(quantity: Quantity, source: str) -> str:
    """What leaves out all that is made of a source: a category goes by the name of its column."""
    made = quantity.derivation
    return without(quantity) if made and made.part else drop_option(source)


def _codes(table: Table) -> str:
    return " or ".join(
        [
            "empty",
            *(f"{code:g}" if isinstance(code, float) else str(code) for code in table.missing),
        ]
    )


def beyond(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Columns that were left out for numbers that no model can keep."""
    for name in table.names:
        reason = beyond_numbers(table, name)
        if reason and left_out_note(name, reason) in dataset.notes:
            what, advice = reason.rsplit(": ", 1)
            yield Finding(
                "high",
                "beyond",
                (name,),
                f"{name} is left out: {what}",
                "the model cannot learn from this column, and one faulty cell may be the reason",
                advice,
            )


def long_form(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """A log with one reading a row: a column of sensors' names beside one of their readings."""
    made = {q.derivation.columns if q.derivation else (q.name,) for q in dataset.inputs}
    named = [q.derivation for q in dataset.inputs if q.derivation and q.derivation.labels]
    if not named or len(made - {table.time_names}) > 1:
        return
    names, target = named[0].columns[0], dataset.target.name
    if LONG_NAMES.fullmatch(names) or LONG_VALUES.fullmatch(target):
        yield Finding(
            "high",
            "long",
            (names, target),
            f"one reading a row: {names} names the sensor, {target} is what it read",
            "the name of a sensor is all that the model gets, and it answers that sensor's mean",
            "pivot it to one column per sensor, one row per time",
        )


def hidden_codes(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Values that look like codes for "no value" and were taken for readings."""
    for quantity in (*dataset.inputs, *([dataset.target] if dataset.target.name else [])):
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
                    f"{quantity.name} is {code} in {int(np.sum(values == code))} rows, far from "
                    "all other values",
                    "a code for 'no value' is learned as a reading and stretches the range of the "
                    "16-bit input",
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
            drop_option(name),
        )


def shortcuts(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Inputs that nearly determine the target by themselves."""
    from sklearn.model_selection import cross_val_score
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    x, y = shuffled_training(dataset)
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
                f"{without(quantity)} to see what the other sensors can do",
            )


def counters(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Inputs that count on by one from row to row."""
    for i, quantity in enumerate(dataset.inputs):
        steps = np.diff(dataset.x[:, i])
        if counts_on(table, quantity.name) or (steps[0] and (steps == steps[0]).all()):
            yield Finding(
                "high",
                "counter",
                (quantity.name,),
                f"{quantity.name} counts on from row to row",
                "it tells where a row stands in the file, and nothing of a row to come",
                without(quantity),
            )


def redundant(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Inputs that one or two others determine; a group is named once."""
    from sklearn.ensemble import ExtraTreesRegressor

    x, _ = shuffled_training(dataset)
    inputs = range(min(x.shape[1], MOST_REDUNDANT)) if x.shape[1] > 1 else ()
    x = x[np.linspace(0, len(x) - 1, min(SAMPLE, len(x))).astype(int)]
    groups: list[tuple[float, int, list[int]]] = []
    named: list[set[int]] = []
    for i in inputs:
        others = [k for k in range(x.shape[1]) if k != i and not _of_one(dataset, i, k)]
        if not others:
            continue
        forest = ExtraTreesRegressor(20, min_samples_leaf=2, random_state=0).fit(
            x[:, others], x[:, i]
        )
        with np.errstate(invalid="ignore"):  # trees without a gain: 0 / 0, in the order of columns
            worth = np.nan_to_num(forest.feature_importances_)
        best = [others[k] for k in np.argsort(-worth, kind="stable")[:2]]
        groups.append((_told(x[:, best], x[:, i]), i, best))
    for score, i, best in sorted(groups, key=lambda group: -group[0]):
        if score >= REDUNDANT and not any({i, *best} & seen for seen in named):
            named.append({i, *best})
            name, tellers = dataset.inputs[i].name, [dataset.inputs[k].name for k in best]
            yield Finding(
                "medium",
                "redundant",
                (name, *tellers),
                f"{name} follows from {' and '.join(tellers)} ({score:.1%} of its variance)",
                "it costs flash, cycles and a reading and tells little new",
                without(dataset.inputs[i]),
            )


def _told(x, y) -> float:
    """Part of the variance of y (n,) that x (n, k) tells in three folds; of what a few trees on one
    fold are far from telling, by these alone.
    """
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.model_selection import KFold, cross_val_score

    few, many = (ExtraTreesRegressor(trees, random_state=0) for trees in (FEW_TREES, TREES))
    folds = KFold(3)
    first = float(cross_val_score(few, x, y, cv=[next(folds.split(x))])[0])
    return first if first < HOPELESS else float(cross_val_score(many, x, y, cv=folds).mean())


def _of_one(dataset: Dataset, i: int, k: int) -> bool:
    """True for two inputs of one category: each follows from the others by its nature."""
    one, other = (dataset.inputs[n].derivation for n in (i, k))
    return bool(one and other and one.labels and one.columns == other.columns)


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
                f"{quantity.name} has {counted(beyond, 'value')} more than "
                f"{OUTLIER_SPREADS} quartile spreads out",
                "they stretch the range that 16 bits must cover and pull the fit",
                "look at them; empty the cells if they are faults",
            )


def unitless(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Columns without a unit."""
    if names := tuple(
        q.name
        for q in (*dataset.inputs, dataset.target)
        if not q.unit and not q.derivation and not dataset.labels
    ):
        yield Finding(
            "low",
            "unit",
            names,
            f"{counted(len(names), 'column')} without a unit: "
            f"{', '.join(names[:6])}{', ..' if len(names) > 6 else ''}",
            "the header says less than it could",
            f'--unit "{names[0]}=UNIT"',
        )
