"""Which columns of a table are inputs and target, and how each is stored: classes, raw steps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..common.choices import TASKS
from ..common.errors import DataError, UsageError, show
from ..common.tables import counted
from .cells import LABEL_WORDS, MAXIMUM_LABELS
from .derived import made_of, why_no_category, written
from .steps import beyond_numbers
from .table import Table, number_words, require_column, require_finite, require_numbers

MOST_CODES = 10  # different values of a target that counts its classes from 0 or 1
FEW_CODES = 5  # of one that numbers them otherwise
CODE_ROWS = 5  # rows of each
EPOCHS = (1e9, 1e12, 1e15, 1e18)  # 2001 in s, ms, us, ns since 1970; four times that is 2096
MOST_REASONS = 2  # why a column is no input, in one line
RISING = 0.95  # of the steps from row to row of a counter; some are set back
COUNTER = re.compile(
    r"(id|idx|index|#|n|nr|no|num|number|record|entry|count(er)?"
    r"|(row|sample|line|seq|sequence|frame)([ _]?(id|idx|index|no|nr|num|number))?"
    r"|t|ts|t[ _]?(s|ms|us)|(time|clock|date|epoch|unix|uptime|elapsed|seconds|milli|micro|ms)\w*)",
    re.IGNORECASE,
)
TIME_NAMES = frozenset(("date", "time", "datetime", "date time", "date_time", "timestamp"))

# ------------------------------------------------------------------------------------- classes


def is_classification(table: Table, target: str, task: str) -> bool:
    """What `task` says; for "auto", whether every value of the target is a text and not a date, or
    it holds few whole numbers as codes of classes do.
    """
    if task not in TASKS:
        raise UsageError(f"task {show(task)} is unknown: use auto, regression or classification")
    if task != "auto":
        return task == "classification"
    if target in table.dated:
        return False
    return _holds_texts(table, target) or holds_codes(table, target)


def _holds_texts(table: Table, name: str) -> bool:
    return name in table.labels and bool(np.isnan(table.columns[name]).all())


def holds_codes(table: Table, name: str) -> bool:
    """True where a column of numbers reads like class codes: whole, few, each of them often."""
    values = table.columns[name]
    values, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    if not 2 <= len(values) <= MOST_CODES or name in table.texts or counts.min() < CODE_ROWS:
        return False
    numbered = values[0] in (0, 1) and values[-1] - values[0] == len(values) - 1
    return bool((values % 1 == 0).all()) and (numbered or len(values) <= FEW_CODES)


def label_notes(table: Table, target: str, labels: tuple[str, ...]) -> list[str]:
    """What was taken for class labels unasked: words that may mean "no value", whole numbers."""
    words = [label for label in labels if label.casefold() in LABEL_WORDS]
    notes = [
        f"{show(word)} in column {show(target)} is a class: --missing {word} leaves its rows out"
        for word in words
    ]
    if labels and not table.labels.get(target) and holds_codes(table, target):
        notes.append(
            f"column {show(target)} holds {len(labels)} whole numbers only: taken for class codes, "
            "--task regression takes them for a quantity"
        )
    return notes


def with_classes(table: Table, target: str) -> tuple[Table, tuple[str, ...]]:
    """The table with class indices as its target column, and their labels: numbers by size, then
    texts by spelling.
    """
    require_finite(table, target)
    if target in table.texts and target not in table.labels:
        words = number_words(table, target)
        raise DataError(
            f"column {show(target)}: {words}"
            if words
            else f"column {show(target)} holds more than {MAXIMUM_LABELS} different texts: "
            "choose a column of class labels"
        )
    numbers = table.columns[target]
    values = np.unique(numbers[~np.isnan(numbers)])
    texts = sorted(table.labels[target].texts) if target in table.labels else []
    if len(values) + len(texts) > MAXIMUM_LABELS:
        raise DataError(
            f"column {show(target)} has {len(values) + len(texts)} different values, "
            f"at most {MAXIMUM_LABELS} classes are possible: choose another column, or task "
            "regression"
        )
    classes = np.where(
        np.isnan(numbers), np.nan, np.searchsorted(values, numbers).astype(np.float64)
    )
    if texts:
        places = np.array([len(values) + texts.index(text) for text in table.labels[target].texts])
        codes = table.labels[target].codes
        classes = np.where(codes >= 0, places[codes], classes)
    return replace(
        table,
        columns={**table.columns, target: classes},
        decimals={**table.decimals, target: 0},
        texts={name: text for name, text in table.texts.items() if name != target},
    ), (*(spelled(table, target, value) for value in values), *texts)


def spelled(table: Table, name: str, value: float) -> str:
    """A number of the column as the file writes it."""
    return table.spellings.get(name, {}).get(value, written(value))


# ------------------------------------------------------------------------------------- inputs


def require_readings(table: Table, name: str, instead: str = "") -> None:
    require_numbers(table, name, instead)
    require_finite(table, name)
    if reason := beyond_numbers(table, name):
        raise DataError(f"{table.path_name}, column {show(name)}: {reason}")


def named_inputs(
    table: Table, targets: Sequence[str], inputs: Sequence[str], drop: Sequence[str]
) -> tuple[list[str], list[str]]:
    if drop:
        raise UsageError("--inputs and --drop exclude each other: give one of them")
    named = [require_column(table, name) for name in inputs]
    names = [made for name in named for made in made_of(table, name) or [name]]
    for name in names:
        if name in targets:
            which = "the target" if len(targets) == 1 else "a target"
            raise DataError(f"column {show(name)} is {which} and an input: take it out of --inputs")
        if names.count(name) > 1:
            raise DataError(
                f"column {show(name)} is named {names.count(name)} times as an input: name it once"
            )
        require_readings(table, name)
    return names, []


def all_inputs(
    table: Table, targets: Sequence[str], drop: Sequence[str]
) -> tuple[list[str], list[str]]:
    """The usable columns in file order, and a note on each that was left out unasked."""
    dropped = {require_column(table, name) for name in drop}
    for name in targets:
        if name in dropped:
            which = "the target" if len(targets) == 1 else "a target"
            raise UsageError(f"column {show(name)} is {which}: leave it out of --drop")
    names: list[str] = []
    notes = [f"{counted(table.unnamed, 'column')} without a name left out"] * bool(table.unnamed)
    for name in table.names:
        if name in dropped or name in targets:
            continue
        if made := made_of(table, name):
            names += [label for label in made if label not in dropped]
            continue
        if reason := _unusable(table, name):
            notes.append(left_out_note(name, reason))
            continue
        require_readings(table, name)
        names.append(name)
    return names, notes


def left_out_note(name: str, reason: str) -> str:
    """What is said of a column that is no input though nobody asked to leave it out."""
    return f"column {show(name)} left out: {reason}"


def require_an_input(
    table: Table, names: Sequence[str], left_out: Sequence[str], purpose: str = ""
) -> None:
    """Refuse to go on without an input, and say why the first columns are none."""
    if not names:
        more = f"; and {len(left_out) - MOST_REASONS} more" if len(left_out) > MOST_REASONS else ""
        why = "; ".join(left_out[:MOST_REASONS]) + more
        raise DataError(
            f"{table.path_name} leaves no input{purpose}{f' ({why})' if why else ''}: "
            "name columns of numbers with --inputs, or drop fewer"
        )


def _unusable(table: Table, name: str) -> str:
    """Why the column is no sensor reading; "" if it may be one."""
    if name in table.dated or name.casefold() in TIME_NAMES:
        return "it is a date or time"
    values = int(np.sum(~np.isnan(table.columns[name])))
    if name in table.texts and table.texts[name].count >= values:
        if words := number_words(table, name):
            return words
        text, reason = table.texts[name], why_no_category(table, name)
        todo = "" if name in table.labels else ": write plain numbers there if they are readings"
        return (
            f"it holds text, {reason or 'and numbers: --categories takes both for labels'}; "
            f"the first is {show(text.text)} in row {text.row}{todo}"
        )
    if not values:
        return "all its values are missing"
    if reason := beyond_numbers(table, name):
        return reason
    if counts_on(table, name):
        return "it counts rows or time, --inputs takes it all the same"
    return ""


def counts_on(table: Table, name: str) -> bool:
    """True for a row counter or a clock: such a name, times since 1970 or dates written as one
    number, and values that rise from row to row, or would in another order of the rows.
    """
    values = table.columns[name]
    values = values[np.isfinite(values)]
    if name in table.texts or len(values) < 2 or (values % 1).any():
        return False
    rising = (np.diff(values) >= 0).mean() >= RISING and values[-1] > values[0]
    low, high, different = values.min(), values.max(), len(np.unique(values))
    if any(unit <= low <= high <= 4 * unit for unit in EPOCHS) or _dates(values):
        return bool(rising or different > len(values) / 2)
    shuffled = different == len(values) == high - low + 1
    return bool((rising or shuffled) and COUNTER.fullmatch(name))


def _dates(values: np.ndarray) -> bool:
    """True where all whole numbers are dates of YYYYMMDD, with hhmm or hhmmss behind them or
    without.
    """
    for behind in (0, 4, 6):
        days, rest = np.divmod(values, 10.0**behind)
        times = np.floor(rest / 10.0 ** max(behind - 4, 0))
        parts = days // 10_000, days // 100 % 100, days % 100, times // 100, times % 100
        limits = (1990, 2099), (1, 12), (1, 31), (0, 23), (0, 59)
        if all(
            (low <= part).all() and (part <= high).all() for part, (low, high) in zip(parts, limits)
        ):
            return True
    return False
