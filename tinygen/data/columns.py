"""Which columns of a table are inputs and target, and how each is stored: classes, raw steps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..common.choices import TASKS
from ..common.errors import DataError, UsageError, show
from ..common.tables import counted
from ..model.fixedpoint import EXACT_STEPS, MARGIN, RAW_MAX, Quantity
from .cells import LABEL_WORDS, MAXIMUM_LABELS
from .derived import made_of, why_no_category, written
from .table import Table, require_column, require_finite, require_numbers, unit_words

LEAST_STEPS = 4096  # over the range of an input: 12 bits
CROWDED = 0.05  # of the rows that a coarse step may round into one value
OUTLIERS = 0.001  # of the rows
ROOM = 1.25  # ranges that an output's steps hold, so that answers may lie a little beyond
MOST_PLACES = 6  # decimal places that count as the own resolution of values without a text
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
        words = unit_words(table, target)
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
    if reason := _beyond_a_double(table, name):
        raise DataError(f"{table.path_name}, column {show(name)}: {reason}")


def _beyond_a_double(table: Table, name: str) -> str:
    """That neighbours among a column's numbers are no longer told apart; "" where they are."""
    values = table.columns[name][np.isfinite(table.columns[name])]
    largest = max(values, key=abs, default=0.0)
    if abs(largest) <= EXACT_STEPS * input_of(table, name).scale:
        return ""
    return (
        f"it holds numbers such as {largest:.0f}, beyond 2**53, where whole "
        "numbers are no longer told apart: leave the leading digits out of the file"
    )


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
            notes.append(f"column {show(name)} left out: {reason}")
            continue
        require_readings(table, name)
        names.append(name)
    return names, notes


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
        if words := unit_words(table, name):
            return words
        text, reason = table.texts[name], why_no_category(table, name)
        todo = "" if name in table.labels else ": write plain numbers there if they are readings"
        return (
            f"it holds text, {reason or 'and numbers: --categories takes both for labels'}; "
            f"the first is {show(text.text)} in row {text.row}{todo}"
        )
    if not values:
        return "all its values are missing"
    if reason := _beyond_a_double(table, name):
        return reason
    if counts_on(table, name):
        return "it counts rows or time, --inputs takes it all the same"
    return ""


def counts_on(table: Table, name: str) -> bool:
    """True for a row counter or a clock: such a name, or times since 1970, and values that rise
    from row to row, or would in another order of the rows.
    """
    values = table.columns[name]
    values = values[np.isfinite(values)]
    if name in table.texts or len(values) < 2 or (values % 1).any():
        return False
    rising = (np.diff(values) >= 0).mean() >= RISING and values[-1] > values[0]
    low, high, different = values.min(), values.max(), len(np.unique(values))
    if any(unit <= low <= high <= 4 * unit for unit in EPOCHS):
        return bool(rising or different > len(values) / 2)
    shuffled = different == len(values) == high - low + 1
    return bool((rising or shuffled) and COUNTER.fullmatch(name))


# -------------------------------------------------------------------------------------- steps


def quantity_of(table: Table, name: str) -> Quantity:
    """The column with the resolution it was written in, or a coarser one that fits int16. Its range
    is all that the column holds, or can hold where it is made of another.
    """
    if made := table.derived.get(name):
        low, high = made.range
        return Quantity(name, "", 1.0, low, high, derivation=made)
    there = table.columns[name][~np.isnan(table.columns[name])]
    low, high = (float(there.min()), float(there.max())) if len(there) else (np.nan, np.nan)
    return Quantity(name, "", scale_for(max(-low, high), table.decimals[name]), low, high)


def input_of(table: Table, name: str) -> Quantity:
    """The same for an input: where its own steps do not fit int16, they do with an offset, or
    within the range of nearly all rows, or a free scale fits that range best. Its range is what is
    stored; values beyond it are clipped.
    """
    quantity, step = quantity_of(table, name), step_of(table.decimals[name])
    if quantity.scale <= step:
        return quantity
    return _finer(quantity, step, table.columns[name], *_usual_range(table.columns[name]))


def output_of(table: Table, name: str) -> Quantity:
    """The same for the target: its range is all that the column holds, for no answer is an outlier,
    and an eighth of it on each side stays free for answers beyond.
    """
    quantity, step = quantity_of(table, name), step_of(table.decimals[name])
    if quantity.scale <= step:
        return quantity
    return _finer(quantity, step, table.columns[name], quantity.minimum, quantity.maximum, ROOM)


def _finer(
    quantity: Quantity, step: float, values: np.ndarray, low: float, high: float, room: float = 1.0
) -> Quantity:
    """The quantity of values that are written in steps of `step`, with an offset, so that `room`
    times its range fits int16 in steps as fine as can be.
    """
    if room * (high - low) / step <= 2 * RAW_MAX:
        scale = step
    else:
        crowded = crowding(quantity, values) > CROWDED * len(values)
        if (high - low) / quantity.scale >= LEAST_STEPS and not crowded:
            return quantity
        scale = float(f"{room * (high - low) / (2 * RAW_MAX - 2):.3g}") * 1.001
        scale = float(f"{scale:.4g}")
    # raw values of 0 and more where they fit: roots and logarithms stay possible
    start = low if room * (high - low) <= RAW_MAX * scale else (low + high) / 2
    offset = float(f"{np.floor(start / scale) * scale:.12g}")
    return Quantity(quantity.name, "", scale, low, high, offset)


def decimal_quantity(
    name: str, values: np.ndarray, own: bool = True, room: float = 1.0
) -> Quantity:
    """The quantity of finite float values that were never a text.

    With `own`, in the decimal places that the values have, if they are few; else in LEAST_STEPS or
    more over the range. With an offset where such steps do not fit int16 without one.
    """
    low, high = float(values.min()), float(values.max())
    step = step_of(_places(values, own))
    quantity = Quantity(name, "", decimal_scale(values, own), low, high)
    if low == high or quantity.scale <= step:
        return quantity
    return _finer(quantity, step, values, low, high, room)


def decimal_scale(values: np.ndarray, own: bool = True) -> float:
    """The same step, or the next coarser power of ten with which the values fit int16."""
    return scale_for(float(np.abs(values).max()), _places(values, own))


def _places(values: np.ndarray, own: bool) -> int:
    for places in range(MOST_PLACES + 1 if own else 0):
        steps = values * 10.0**places
        if (np.abs(steps - np.round(steps)) <= np.minimum(1e-9 * np.abs(steps), 1e-3)).all():
            return places
    span = float(np.ptp(values)) or (0.0 if own else float(np.abs(values).max()))
    return int(np.ceil(np.log10(LEAST_STEPS / span))) if span else MOST_PLACES


def crowding(quantity: Quantity, values: np.ndarray) -> int:
    """How many more values the quantity rounds into one raw value than were equal before."""
    there = values[np.isfinite(values)]
    rounded = np.unique(quantity.to_raw(there), return_counts=True)[1].max()
    return int(rounded - np.unique(there, return_counts=True)[1].max())


def _usual_range(values: np.ndarray) -> tuple[float, float]:
    """The range of 99.9 % of the values, and of all others that lie within an eighth of its span
    beyond it: what is farther out is an outlier.
    """
    there = np.sort(values[np.isfinite(values)])
    beyond = min(int(np.ceil(OUTLIERS / 2 * len(there))), (len(there) - 1) // 2)
    low, high = there[beyond], there[-1 - beyond]
    room = (high - low) / MARGIN
    inside = there[(there >= low - room) & (there <= high + room)]
    return float(inside[0]), float(inside[-1])


def step_of(decimals: int) -> float:
    return float(
        f"1e{-decimals}"
    )  # the float nearest to the decimal, which 10.0 ** -k is not always


def scale_for(largest: float, decimals: int) -> float:
    """10**-decimals, or the next coarser power of ten at which +-`largest` fits 32767 steps."""
    while largest / step_of(decimals) >= RAW_MAX + 0.5:
        decimals -= 1
    return step_of(decimals)


def clip_notes(table: Table, rows: np.ndarray, quantities: Sequence[Quantity]) -> list[str]:
    """Which of the rows hold a value beyond the range that is stored."""
    notes = []
    for q in quantities:
        values = table.columns[q.name][rows]
        beyond = np.flatnonzero((values < q.minimum) | (values > q.maximum))
        if len(beyond):
            lines = ", ".join(table.row_name(row) for row in rows[beyond[:5]].tolist())
            more = ", .." if len(beyond) > 5 else ""
            one = len(beyond) == 1
            notes.append(
                f"column {show(q.name)}: {counted(len(beyond), 'value')} "
                f"{'lies' if one else 'lie'} far beyond {q.minimum:g} .. {q.maximum:g} and "
                f"{'is' if one else 'are'} clipped, the board flags such a reading "
                f"(row{'' if one else 's'} {lines}{more})"
            )
    return notes


def scale_notes(table: Table, quantities: Sequence[Quantity]) -> list[str]:
    return [
        f"column {show(q.name)} is stored in steps of {q.scale:g} instead of its own "
        f"{step_of(table.decimals[q.name]):g}: "
        f"its values {q.minimum:g} .. {q.maximum:g} must fit 16 bits, "
        f"{q.raw_maximum - q.raw_minimum + 1:,} of 65,536 steps are used{_crowd_words(table, q)}"
        for q in quantities
        if q.scale > step_of(table.decimals[q.name])
    ]


def _crowd_words(table: Table, q: Quantity) -> str:
    """What a coarse step costs, and what would not; "" where it costs nothing."""
    values = table.columns[q.name][np.isfinite(table.columns[q.name])]
    if (crowded := crowding(q, np.clip(values, q.minimum, q.maximum))) <= CROWDED * len(values):
        return ""
    instead = "their logarithm" if values.min() > 0 else "a smaller range"
    return (
        f"; {crowded} of {len(values)} values become one with others, a column of {instead} would "
        "keep them apart"
    )
