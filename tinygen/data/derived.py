"""Inputs that are made of other columns: 1 and 0 of words such as true and false; of a category one
input of 0 and 1 for each label; the hour, weekday and month of the rows' time.

    with_derived(table, target, ...) -> Table     columns that may become inputs
    with_inputs(table, inputs) -> Table           columns that a model's inputs are made of

A label that is not known, and an empty cell, is a missing value in all inputs of its column.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from ..common.errors import DataError, UsageError, plain, show
from ..model.fixedpoint import TIME_PARTS, Derivation, Quantity
from .cells import MAXIMUM_LABELS, number_of
from .table import Table, number_words, require_column
from .timestamps import NAME_THE_ORDER

FLAGS = (("false", "true"), ("no", "yes"), ("off", "on"), ("low", "high"), ("closed", "open"))
MOST_LABELS = 16  # of a category
LABEL_ROWS = 2  # rows for each label, on average: with fewer it is a name


def with_derived(
    table: Table,
    target: str | None = None,
    categories: Sequence[str] = (),
    parts: Sequence[str] = (),
) -> tuple[Table, dict[str, str]]:
    """The table with what may be made of its columns, and by column a note on what was unasked.

    categories: columns that hold codes; those of few texts are categories anyway. parts: of
    TIME_PARTS. Raises UsageError for what cannot be asked for, DataError for what cannot be made.
    """
    asked = [require_column(table, name) for name in categories]
    if target is not None and target in asked:
        raise UsageError(f"column {show(target)} is the target: leave it out of --categories")
    table, notes = _with_flags(table, [*asked, target])
    for name in table.names:
        if name in asked:
            table = _with_category(table, name, _required_labels(table, name))
        elif name != target and _holds_words(table, name) and not why_no_category(table, name):
            labels = labels_of(table, name)
            table = _with_category(table, name, labels)
            note = (
                f"column {show(name)} is a category, one input for each of its {len(labels)} "
                f"labels ({spoken(labels)}): any other label is a missing reading"
            )
            hints = (*spelling_notes(name, labels), number_words(table, name))
            notes[name] = "; ".join((note, *filter(None, hints)))
    return _with_parts(table, parts), notes


def with_inputs(table: Table, inputs: Sequence[Quantity], target: str = "") -> Table:
    """The table with a column for each input that is made of another one, and flags as numbers but
    for the target's.

    Raises DataError for an absent column, or where no column has the rows' time.
    """
    made = {q.name: q.derivation for q in inputs if q.derivation}
    table = as_trained(table, inputs)
    for name, derivation in made.items():
        table = _with_column(table, name, derivation)
    return _with_flags(table, [target, *(d.columns[0] for d in made.values())])[0]


def as_trained(table: Table, inputs: Iterable[Quantity], order: str = "") -> Table:
    """The table whose rows have the time that a model's inputs are made of, in the order of day and
    month that was found in training, or in `order`, where the table itself shows none.

    Raises DataError where it shows another than `order`.
    """
    parts = [q.derivation for q in inputs if q.derivation and q.derivation.part]
    for made in parts:
        if made.columns in table.times:
            table = replace(table, time_names=made.columns)
    table = table.in_date_order(order)
    for made in parts:
        times = {n: times.or_in_order(made.order) for n, times in table.times.items()}
        table = replace(table, times=times)
    return table


def untrained_labels(
    table: Table, quantities: Sequence[Quantity], trained: np.ndarray
) -> list[str]:
    """The derived columns of labels that no training row has, of the categories that are used.
    trained: places of these rows in the table.
    """
    names = [name for q in quantities if q.derivation for name in q.derivation.columns]
    return [
        made
        for name in dict.fromkeys(names)
        for made in made_of(table, name)
        if not (table.columns[made][trained] == 1).any()
    ]


def without_label(table: Table, name: str) -> Table:
    """The table without the label that the derived column `name` stands for: in its rows a value is
    missing, as it is later in rows with a label that is not known.
    """
    gone = table.derived[name]
    kept = tuple(label for label in gone.labels if label != gone.label)
    lost = table.columns[name] == 1
    columns = {n: values for n, values in table.columns.items() if n != name}
    derived = {n: made for n, made in table.derived.items() if n != name}
    for other in set(made_of(table, gone.columns[0])) - {name}:
        columns[other] = np.where(lost, np.nan, columns[other])
        derived[other] = replace(derived[other], labels=kept)
    return replace(table, columns=columns, derived=derived)


def made_of(table: Table, name: str) -> list[str]:
    """The columns that are made of a category, one a label; [] for another column."""
    return [n for n, made in table.derived.items() if made.labels and made.columns == (name,)]


def sources(table: Table, names: Iterable[str]) -> dict[str, str]:
    """What the columns are read from, and one of the columns for each: the values of all that are
    made of one are missing together.
    """
    found: dict[str, str] = {}
    for name in names:
        made = table.derived.get(name)
        found.setdefault(" and ".join(made.columns) if made else name, name)
    return found


# ---------------------------------------------------------------------------------- flags


def _with_flags(table: Table, but: Sequence[str | None]) -> tuple[Table, dict[str, str]]:
    """The table with 1 and 0 where a column, other than those in `but`, says true and false, and a
    note on each such column.
    """
    columns, decimals, texts = dict(table.columns), dict(table.decimals), dict(table.texts)
    notes = {}
    for name, labels in table.labels.items():
        words = [text.casefold() for text in labels.texts]
        pair = next((pair for pair in FLAGS if set(words) <= set(pair)), None)
        if pair is None or name in but or not np.isnan(table.columns[name]).all():
            continue
        values = np.array([float(pair.index(word)) for word in words])
        columns[name] = np.where(labels.codes < 0, np.nan, values[labels.codes])
        decimals[name] = 0
        texts.pop(name, None)
        notes[name] = f"column {show(name)}: {pair[1]} is taken for 1, {pair[0]} for 0"
    return replace(table, columns=columns, decimals=decimals, texts=texts), notes


# ---------------------------------------------------------------------------------- categories


def labels_of(table: Table, name: str) -> tuple[str, ...]:
    """The labels of a column: numbers by size, then texts by spelling."""
    values = table.columns[name]
    numbers = [written(v) for v in np.unique(values[np.isfinite(values)])[: MAXIMUM_LABELS + 1]]
    return (*numbers, *(sorted(table.labels[name].texts) if name in table.labels else ()))


def why_no_category(table: Table, name: str) -> str:
    """Why a column is none; "" where it can be one."""
    labels = labels_of(table, name)
    if name in table.dated:
        return "a date or time"
    if name in table.texts and name not in table.labels:
        return f"more than {MAXIMUM_LABELS} different ones"
    if len(labels) < 2:
        return f"one label only ({spoken(labels)})" if labels else "no value"
    if len(labels) > MOST_LABELS:
        return f"{len(labels)} labels, a category has at most {MOST_LABELS}"
    there = np.isfinite(table.columns[name])
    if name in table.labels:
        there = there | (table.labels[name].codes >= 0)
    if (rows := int(there.sum())) < LABEL_ROWS * len(labels):
        return f"{len(labels)} labels in {rows} rows: names, and no category"
    return ""


def spoken(labels: Sequence[str]) -> str:
    """The labels in one line, whatever they hold."""
    return ", ".join(plain(label)[:40] for label in labels)


def _required_labels(table: Table, name: str) -> tuple[str, ...]:
    if reason := why_no_category(table, name):
        todo = ["leave it out of --categories", *filter(None, [number_words(table, name)])]
        raise DataError(f"column {show(name)} is no category ({reason}): {'; '.join(todo)}")
    return labels_of(table, name)


def spelling_notes(name: str, labels: Sequence[str]) -> list[str]:
    """That labels of a column are told apart by capitals and spaces alone."""
    known: dict[str, str] = {}
    for label in labels:
        first = known.setdefault("".join(label.casefold().split()), label)
        if first != label:
            return [
                f"labels {show(first)} and {show(label)} of column {show(name)} differ in capitals "
                "or spaces only, and are two: write them alike if they are one"
            ]
    return []


def _holds_words(table: Table, name: str) -> bool:
    """True for a column of texts and nothing else."""
    return name in table.texts and bool(np.isnan(table.columns[name]).all())


def written(value: float) -> str:
    """A number in as few digits as tell it apart."""
    return f"{value:.0f}" if float(value).is_integer() else repr(float(value))


def _with_category(table: Table, name: str, labels: tuple[str, ...]) -> Table:
    for label in labels:
        derived = f"{name}={' '.join(plain(label).split())}"
        if derived in table.columns:
            raise DataError(
                f"{table.path_name} has a column {show(derived)}, and label {show(label)} of "
                f"column {show(name)} would have this name: rename one of them"
            )
        table = _with_column(table, derived, Derivation((name,), label=label, labels=labels))
    return table


def label_place(made: Derivation, text: str, number: float | None) -> int:
    """The place of a cell among the labels, by its text or its number; -1 where it is none."""
    if text in made.labels:
        return made.labels.index(text)
    known = [number_of(label, ".") for label in made.labels]
    same = [k for k, label in enumerate(known) if label and label[0] == number]
    return same[0] if same else -1


def _codes(table: Table, made: Derivation) -> np.ndarray:
    """The place of each row's label in `made.labels`, int64 (n,); -1 where it is none of them.

    Raises DataError where the column has so many texts that they are not kept.
    """
    name = require_column(table, made.columns[0])
    if name in table.texts and name not in table.labels:
        raise DataError(
            f"{table.path_name}, column {show(name)}: more than {MAXIMUM_LABELS} different texts, "
            f"the model knows {len(made.labels)} labels: {spoken(made.labels)}"
        )
    codes = np.full(table.rows_read, -1, dtype=np.int64)
    for place, label in enumerate(made.labels):
        if number := number_of(label, "."):
            codes[table.columns[name] == number[0]] = place
    if name in table.labels:
        texts, own = table.labels[name].texts, table.labels[name].codes
        places = [made.labels.index(text) if text in made.labels else -1 for text in texts]
        codes = np.where(own >= 0, np.array(places)[own], codes)
    return codes


# ---------------------------------------------------------------------------------- time


def _with_parts(table: Table, parts: Sequence[str]) -> Table:
    for part in parts:
        if parts.count(part) > 1:
            raise UsageError(f"time input {show(part)} is given twice: name each once")
        if part not in TIME_PARTS:
            raise UsageError(f"time input {show(part)} is unknown: use {', '.join(TIME_PARTS)}")
        if part in table.columns:
            raise DataError(
                f"{table.path_name} has a column {show(part)}: leave {part} out of --time-inputs, "
                "or rename the column"
            )
        order = table.times[table.time_names].order if table.time_names else ""
        table = _with_column(table, part, Derivation(table.time_names, part, order=order))
    return table


def part_of(moments: np.ndarray, part: str) -> np.ndarray:
    """A part of each moment, datetime64[s] (n,), as float64 (n,); NaN where there is none."""
    days = moments.astype("datetime64[D]")
    if part == "hour":
        found = (moments - days).astype(np.int64) // 3600
    elif part == "weekday":
        found = (days.astype(np.int64) + 3) % 7  # the first day of 1970 was a Thursday
    else:
        found = moments.astype("datetime64[M]").astype(np.int64) % 12 + 1
    return np.where(np.isnat(moments), np.nan, found)


def _part_values(table: Table, made: Derivation) -> np.ndarray:
    """The part of each row's time, float64 (n,); DataError where the table does not tell it."""
    if not table.times:
        raise DataError(
            f"{table.path_name} has no column with the rows' time, and {made.part} is a part "
            "of it: add one with dates such as 2026-03-01 14:00"
        )
    if made.columns not in table.times:
        wanted, *there = (show(" and ".join(names)) for names in (made.columns, *table.times))
        raise DataError(
            f"{table.path_name} has no times in column {wanted}, and the model makes {made.part} "
            f"of it; there are times in {', '.join(there)}: name that column {wanted} if it is the "
            "same clock"
        )
    times = table.times[made.columns]
    values = [part_of(moments, made.part) for moments in times.candidates()]
    if not np.array_equal(values[0], values[-1], equal_nan=True):
        raise DataError(
            f"{table.path_name}: {times.doubt()}, and {made.part} depends on it: {NAME_THE_ORDER}"
        )
    return values[0]


def _with_column(table: Table, name: str, made: Derivation) -> Table:
    """The table with one column more."""
    if made.part:
        values = _part_values(table, made)
    else:
        codes = _codes(table, made)
        values = np.where(codes < 0, np.nan, codes == made.labels.index(made.label))
    return replace(
        table,
        columns={**table.columns, name: values},
        decimals={**table.decimals, name: 0},
        units={**table.units, name: ""},
        texts={n: text for n, text in table.texts.items() if n != name},
        doubts={n: doubt for n, doubt in table.doubts.items() if n != name},
        derived={**table.derived, name: made},
    )
