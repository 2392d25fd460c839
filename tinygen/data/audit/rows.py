"""Checks of the rows as a whole: drift, rare classes, repeats, the clock, a split that flatters."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ...common.errors import TinygenError, plain
from ...common.tables import counted
from ..dataset import Dataset, Finding
from ..table import Table
from ..timestamps import NAME_THE_ORDER
from .shared import without

DRIFT_KS, STRONG_DRIFT_KS = 0.3, 0.5
GAP_RATIO = 1.3  # error on later rows over that on random ones
CHANCE = 0.01  # that rows without order are said to flatter
RARE = 0.02  # of the rows in the upper half of the target's range, or in a class


def drifting(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Columns whose last 30 % look unlike the first 70 %."""
    from scipy.stats import ks_2samp

    order = (
        np.arange(len(dataset.x))
        if dataset.provenance.time is None
        else np.argsort(dataset.provenance.time, kind="stable")
    )
    cut = int(0.7 * len(order))
    columns = [*dataset.x.T, *([] if dataset.labels else [dataset.y])]
    for quantity, values in zip((*dataset.inputs, dataset.target), columns):
        values = values[order]
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
                f"{quantity.name} drifts: {_move(early, late, quantity.unit)} in the last 30 % "
                f"(KS {distance:.2f})",
                "a model trained on early rows meets readings it has hardly seen",
                ("" if dataset.split.by_time else "--split time, and ")
                + (
                    "collect rows until its whole range has come"
                    if quantity is dataset.target
                    else f"{without(quantity)} if it gets worse"
                ),
            )


def _move(early: float, late: float, unit: str) -> str:
    """From where to where a median goes, with as many digits as tell the two apart."""
    if early == late:
        return f"its values spread otherwise around {early:g} {unit}".rstrip()
    digits = next(n for n in range(6, 18) if f"{early:.{n}g}" != f"{late:.{n}g}")
    return f"its median goes from {early:.{digits}g} to {late:.{digits}g} {unit}".rstrip()


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
                    f"class {plain(label)} has {count} of {len(dataset.y)} rows",
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


def sorted_by_class(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """A file in which each class stands in one block."""
    changes = int((np.diff(dataset.y) != 0).sum()) if dataset.labels else 0
    if dataset.labels and changes < 2 * len(dataset.labels):
        yield Finding(
            "high",
            "sorted",
            (dataset.target.name,),
            f"the rows stand sorted by {dataset.target.name}, in {changes + 1} blocks",
            "whatever drifts from row to row (a clock, warming up, the mounting) tells the class, "
            "and neighbours of every test row were trained",
            "record each class several times, and test on a recording of its own",
        )


def repeated(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Rows equal to an earlier one."""
    if dataset.provenance.repeated:
        share = dataset.provenance.repeated / max(
            1, dataset.provenance.rows_read - dataset.provenance.rows_dropped
        )
        yield Finding(
            "medium" if share > 0.05 else "low",
            "duplicates",
            (),
            f"{counted(dataset.provenance.repeated, 'row')} "
            f"repeat{'s' * (dataset.provenance.repeated == 1)} another one in all used columns",
            "they count as often as they occur, on one side of the split: a model tested on rows "
            "that it was trained with would remember, not predict",
            "nothing, if they were measured; if the log was written twice, one copy of it",
        )


def clock(table: Table, dataset: Dataset) -> Iterator[Finding]:
    """Gaps and steps back in time."""
    if table.time_notes:
        yield Finding(
            "low",
            "time",
            table.time_names,
            table.times[table.time_names].doubt(),
            "gaps, steps back and what changes with time are not looked for in the dates",
            NAME_THE_ORDER,
        )
        return
    if table.time is None:
        yield Finding(
            "low",
            "time",
            (),
            "no column has a date in every row",
            "random rows flatter where readings follow each other",
            "keep the rows in order" + ("" if dataset.split.by_time else " and try --split time"),
        )
        return
    yield from _steps(table, np.diff(table.time).astype(np.int64))


def _steps(table: Table, steps: np.ndarray) -> Iterator[Finding]:
    """Gaps and steps back among seconds from row to row, int64 (n - 1,)."""
    usual = max(1, int(np.median(np.abs(steps)))) if len(steps) else 1
    if gaps := int(np.sum(steps > 1.5 * usual)):
        yield Finding(
            "low",
            "time",
            table.time_names,
            f"{counted(gaps, 'gap')} in a series of one row per {usual} s, "
            f"the longest {int(steps.max())} s",
            "what happened meanwhile is unknown to the model",
            "nothing, unless a season is missing",
        )
    if back := int(np.sum(steps < 0)):
        yield Finding(
            "medium",
            "time",
            table.time_names,
            f"the time goes back {counted(back, 'time')}",
            "the clock was set or files were joined: order means little",
            "sort the file by time",
        )


def optimism(dataset: Dataset, rows: Callable[[str], Dataset]) -> Iterator[Finding]:
    """How much better random test rows look than later ones, by ridge on the training rows; nothing
    where the test rows are the later ones.
    """
    if dataset.split.by_time:
        return
    try:
        usual, late = (_ridge_errors(rows(split)) for split in ("random", "time"))
    except TinygenError:
        return  # one of the splits cannot be had, for example without a class
    errors = float(usual.mean()), float(late.mean())
    if 0 < errors[0] * GAP_RATIO < errors[1] and _beyond_chance(usual, late, bool(dataset.labels)):
        kind, unit = (
            ("an error rate", "")
            if dataset.labels
            else ("a mean absolute error", f" {dataset.target.unit}".rstrip())
        )
        yield Finding(
            "high",
            "optimism",
            (),
            f"a ridge baseline has {kind} of {errors[0]:.3g}{unit} on random rows "
            f"and {errors[1]:.3g}{unit} on the last 30 %",
            f"figures of a random split flatter by {errors[1] / errors[0]:.1f} times "
            "what the device will do next season",
            "--split time",
        )


def _beyond_chance(usual: np.ndarray, late: np.ndarray, classes: bool) -> bool:
    """Whether the mean error of later rows is larger by more than chance does to so many rows:
    Welch's test on absolute errors, Fisher's exact test on wrong classes.
    """
    from scipy.stats import fisher_exact, ttest_ind

    if min(len(usual), len(late)) < 2:
        return False
    if classes:
        counts = [[part.sum(), len(part) - part.sum()] for part in (late, usual)]
        return bool(fisher_exact(counts, alternative="greater").pvalue < CHANCE)
    found = ttest_ind(late, usual, equal_var=False, alternative="greater")
    return bool(found.pvalue < CHANCE)


def _ridge_errors(dataset: Dataset) -> np.ndarray:
    """Of each test row the absolute error in the target's unit, or whether its class is wrong."""
    from sklearn.linear_model import RidgeClassifier, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = dataset.x.astype(float), dataset.y
    model = make_pipeline(StandardScaler(), RidgeClassifier() if dataset.labels else RidgeCV())
    answer = model.fit(x[dataset.train], y[dataset.train]).predict(x[dataset.test])
    if dataset.labels:
        return answer != y[dataset.test]
    return np.abs(answer - y[dataset.test]) * dataset.target.scale
