"""From a table to a data set: which columns and rows, as raw integers, split in train and test.

prepare(table, target) -> Dataset        the rows that are complete in the used columns
readings(table) -> Dataset               the same of rows without a target, for guards
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..common.errors import DataError, show
from ..common.tables import counted
from ..model.fixedpoint import Quantity
from .columns import (
    MOST_CODES,
    all_inputs,
    is_classification,
    label_notes,
    named_inputs,
    require_an_input,
    require_readings,
    with_classes,
)
from .dataset import Dataset, Provenance, Rows, Split
from .derived import (
    sources,
    spelling_notes,
    untrained_labels,
    with_derived,
    without_label,
)
from .splits import as_codes, groups_of, split_fraction, split_rows, split_table, truth_table
from .steps import clip_notes, input_of, output_of, scale_notes
from .table import Table, number_words, require_column, require_numbers, require_times

MINIMUM_ROWS = 20  # complete and different; fewer cannot be split into train and test with sense
MINIMUM_CLASS_ROWS = 5  # training rows of each class


NO_TARGET = Quantity("", "", 1.0, 0.0, 0.0)


def prepare(
    table: Table,
    target: str,
    inputs: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    split: str = "random",
    seed: int = 0,
    test_fraction: float | None = None,
    units: Mapping[str, str] | None = None,
    task: str = "auto",
    categories: Sequence[str] = (),
    time_inputs: Sequence[str] = (),
    beside: Sequence[str] = (),
) -> Dataset:
    """The rows of `table` complete in the used columns, as raw integers, split in train and test.

    inputs: column names; None: all of numbers or of few labels but the target, `drop` and dates.
    split: "random" (seeded, test = 0.2 of the rows) or "time" (the last 0.3 test).
    units: units by column name, before those of the table.
    categories: input columns whose numbers are codes. time_inputs: parts of the rows' time that are
    inputs as well, of `TIME_PARTS`. beside: further targets of the same rows; each one's data set,
    with the others beside it, has the same inputs and the same split.
    task: "regression" or "classification"; "auto" takes a target of texts for class labels, numbers
    for a quantity. DataError for columns or rows that cannot be used, UsageError for settings.
    """
    parts = split, seed, split_fraction(split, seed, test_fraction)
    target = require_column(table, target)
    table, made_notes = _derived(table, target, categories, time_inputs)
    with_unit = number_words(table, target)
    table, labels, told = _classed(table, target, task)
    require_readings(table, target, _or_classes(table, target))
    targets = [*(require_column(table, name) for name in beside), target]
    names, left_out = _chosen(table, targets, inputs, drop, time_inputs)
    notes = [*table.notes, *table.time_notes, *told, *left_out]
    notes += [made_notes[n] for n in sources(table, names) if n in made_notes]
    table, rows, dropped = _varied(table, names, targets, inputs is None, parts, left_out)
    rows.require_variation()
    _require_every_class(rows, labels, with_unit)
    notes += [*dropped, *_row_notes(table, rows, labels)]
    return rows.dataset(table, units, labels, notes)


def _derived(
    table: Table, target: str | None, categories: Sequence[str], parts: Sequence[str]
) -> tuple[Table, dict[str, str]]:
    require_times(table, parts)
    return with_derived(table, target, categories, parts)


def _classed(table: Table, target: str, task: str) -> tuple[Table, tuple[str, ...], Sequence[str]]:
    """The table with class indices in the target's column, the classes' labels and notes on them;
    the table as it is, no labels and no notes where the target is a quantity.
    """
    if not is_classification(table, target, task):
        return table, (), ()
    classed, labels = with_classes(table, target)
    told = label_notes(table, target, labels) if task == "auto" else []
    return classed, labels, [*told, *spelling_notes(target, labels)]


def _or_classes(table: Table, target: str) -> str:
    """What a target of few numbers and texts may be as well."""
    few = target in table.labels and len(table.spellings.get(target, ())) <= MOST_CODES
    return "; --task classification takes its texts and numbers for classes" if few else ""


def _all_units(table: Table, units: Mapping[str, str] | None) -> dict[str, str]:
    """The unit of each column: those that are given before those of the table."""
    given = {require_column(table, name): unit for name, unit in (units or {}).items()}
    return {**table.units, **given}


def _row_notes(table: Table, rows: _Selection, labels: tuple[str, ...]) -> list[str]:
    """What must be known of the rows that are used, and of their split."""
    tested = rows.raw[rows.split.test, -1]
    notes = [
        f"no test row has class {show(label)}: its rows have few different inputs, which train "
        "together"
        for k, label in enumerate(labels)
        if not (tested == k).any()
    ]
    if rows.split.by_time and table.time is None:
        notes.append(
            "no column has a date in every row: the order of rows is taken as the order of time"
        )
    if not rows.split.together:
        cells = len(np.unique(rows.inputs, axis=0))
        one_target = len(np.unique(rows.raw, axis=0)) == cells
        notes.append(
            f"all {cells} combinations of input values are in the file: "
            f"{'a truth table, every one' if one_target else 'every one'} of them is trained"
        )
    notes += clip_notes(table, rows.rows, rows.quantities)
    return [*notes, *scale_notes(table, rows.quantities), *_costly_column(table, rows)]


def readings(
    table: Table,
    inputs: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    split: str = "random",
    seed: int = 0,
    units: Mapping[str, str] | None = None,
    categories: Sequence[str] = (),
    time_inputs: Sequence[str] = (),
    target: str = "",
    classes: bool = False,
    beside: Sequence[str] = (),
) -> Dataset:
    """The rows of `table` that are complete in the used columns, without a target: `y` is 0
    everywhere. With `target` that column is `y`, numbers or `classes`; it is not judged.

    Arguments and errors as those of `prepare`. A column that never moves stays: it is news when it
    does. So do equal rows, because how common a row is makes it usual.
    """
    fraction = split_fraction(split, seed, None)
    wanted = require_column(table, target) if target else None
    table, made_notes = _derived(table, wanted, categories, time_inputs)
    table, labels = with_classes(table, wanted) if wanted and classes else (table, ())
    if wanted:
        require_numbers(table, wanted)
    targets = [*(require_column(table, name) for name in beside), wanted] if wanted else []
    names, left_out = _chosen(table, targets, inputs, drop, time_inputs)
    require_an_input(table, names, left_out)
    rows = _select(table, [*names, *targets], split, seed, fraction, len(targets))
    made = [made_notes[n] for n in sources(table, names) if n in made_notes]
    notes = [*table.notes, *table.time_notes, *made, *left_out]
    notes += clip_notes(table, rows.rows, rows.quantities)
    notes += scale_notes(table, rows.quantities)
    return rows.dataset(table, units, labels, notes)


def _chosen(
    table: Table,
    targets: Sequence[str],
    inputs: Sequence[str] | None,
    drop: Sequence[str],
    time_inputs: Sequence[str],
) -> tuple[list[str], list[str]]:
    """The input columns, and a note on each that was left out unasked."""
    if inputs is None:
        names, notes = all_inputs(table, targets, drop)
    else:
        names, notes = named_inputs(table, targets, inputs, drop)
    return [*names, *(part for part in time_inputs if part not in names)], notes


def _varied(
    table: Table,
    names: list[str],
    targets: list[str],
    unasked: bool,
    parts: tuple[str, int, float],
    left_out: Sequence[str],
) -> tuple[Table, _Selection, list[str]]:
    """The table, the rows of the named inputs that differ among the training rows, and notes:
    without labels that these do not have, and if the inputs were chosen `unasked` without constant
    ones. What is left out may give rows back, or cost some, so that they are split anew.
    """
    notes: list[str] = []
    while True:
        require_an_input(table, names, [*left_out, *notes], f" for target {show(targets[-1])}")
        rows = _select(table, [*names, *targets], *parts, len(targets))
        if strange := untrained_labels(table, rows.quantities, rows.rows[rows.split.train]):
            for name in strange:
                made, lost = table.derived[name], int(np.nansum(table.columns[name]))
                table = without_label(table, name)
                notes.append(
                    f"label {show(made.label)} of column {show(made.columns[0])} is in no training "
                    f"row: it stays unknown, left out with its {counted(lost, 'row')}"
                )
            names = [name for name in names if name not in strange]
        elif unasked and (constant := rows.constant_inputs()):
            notes += [
                f"column {show(name)} left out: it is constant in the training rows"
                for name in constant
            ]
            names = [name for name in names if name not in constant]
        else:
            return table, rows, notes


def _provenance(table: Table, rows: _Selection) -> Provenance:
    return Provenance(
        source=table.path_name,
        sha256=table.sha256,
        rows_read=table.rows_read,
        rows_dropped=table.rows_read - len(rows.rows),
        repeated=len(rows.raw) - len(np.unique(rows.raw, axis=0)),
        missing=table.missing,
        lines=table.file_rows[rows.rows],
        files=None if table.file_names is None else table.file_names[rows.rows],
        time=None if (time := table.settled_time) is None else time[rows.rows],
        date_order=table.date_order,
    )


def _require_every_class(rows: _Selection, labels: tuple[str, ...], with_unit: str) -> None:
    """Refuse a class that the training rows hardly know, if there are classes: they may be numbers
    `with_unit`, which are the reason then.
    """
    if not labels:
        return
    counts = np.bincount(rows.raw[rows.split.train, -1], minlength=len(labels))
    for label, count in zip(labels, counts):
        if count < MINIMUM_CLASS_ROWS and with_unit:
            raise DataError(f"column {show(rows.quantities[-1].name)}: {with_unit}")
        if count < MINIMUM_CLASS_ROWS:
            raise DataError(
                f"class {show(label)} of {show(rows.quantities[-1].name)} has {count} training "
                "rows, at least "
                f"{MINIMUM_CLASS_ROWS} are needed: add rows, "
                f"or give {show(label)} to --missing to leave its rows out"
            )


# ---------------------------------------------------------------------------------------- rows


@dataclass(frozen=True)
class _Selection:
    """The rows that stay for one choice of columns, the targets last."""

    quantities: list[Quantity]  # their range is that of the column
    rows: np.ndarray  # those without a missing value: positions in the table
    raw: np.ndarray  # int64 (rows, columns)
    split: Split  # of positions in `raw`
    targets: int

    @property
    def inputs(self) -> np.ndarray:
        return self.raw[:, : self.raw.shape[1] - self.targets]

    def dataset(
        self,
        table: Table,
        units: Mapping[str, str] | None,
        labels: tuple[str, ...],
        notes: Sequence[str],
    ) -> Dataset:
        """The data set of the last target; without a target `y` is 0 everywhere."""
        columns, count = self.seen(_all_units(table, units)), self.inputs.shape[1]
        y, output = np.zeros(len(self.raw), dtype=np.int64), NO_TARGET
        if self.targets:
            y, output = self.raw[:, -1], columns[-1]
        beside = tuple(q.name for q in columns[count:-1])
        source = replace(_provenance(table, self), beside=beside)
        found = Rows(self.inputs, y, columns[:count], output, labels)
        return Dataset(found, self.split, source, tuple(notes))

    def constant_inputs(self) -> list[str]:
        """Names of the inputs that have one value in all training rows."""
        return [
            q.name
            for q, spread in zip(self.quantities, self._spread()[: self.inputs.shape[1]])
            if not spread
        ]

    def require_variation(self) -> None:
        for i, spread in enumerate(self._spread()):
            if spread == 0:
                kind = "input" if i < self.inputs.shape[1] else "target"
                raise DataError(
                    f"{kind} {show(self.quantities[i].name)} is constant in the "
                    f"{len(self.split.train)} training "
                    "rows: there is nothing to learn from it, choose another column"
                )

    def _spread(self) -> np.ndarray:
        return np.ptp(self.raw[self.split.train], axis=0)

    def seen(self, units: Mapping[str, str]) -> tuple[Quantity, ...]:
        """The quantities with their units and the range of the training rows."""
        low, high = self.raw[self.split.train].min(axis=0), self.raw[self.split.train].max(axis=0)
        return tuple(
            replace(
                q,
                unit=units[q.name],
                minimum=float(q.to_physical(a)),
                maximum=float(q.to_physical(b)),
            )
            if not q.derivation
            else q
            for q, a, b in zip(self.quantities, low, high)
        )


def _select(
    table: Table,
    names: Sequence[str],
    split: str,
    seed: int,
    fraction: float,
    targets: int = 1,
) -> _Selection:
    """Complete rows of the named columns, split in two; the last ones are the targets, if any."""
    read = sources(table, names)
    absent = _absent(table, [*read.values()])
    rows = np.flatnonzero(~absent.any(axis=1))
    worst = int(np.argmax(absent.sum(axis=0)))
    lacking = (
        f"column {show([*read][worst])} is missing in {counted(absent[:, worst].sum(), 'row')}"
    )
    _require_rows(table, len(rows), lacking, least=1)
    inputs = len(names) - targets
    quantities = [input_of(table, name) for name in names[:inputs]]
    quantities += [output_of(table, name) for name in names[inputs:]]
    stored = [np.clip(table.columns[q.name][rows], q.minimum, q.maximum) for q in quantities]
    raw = np.column_stack([q.to_raw(values) for q, values in zip(quantities, stored)])
    if targets and (cells := truth_table(as_codes(raw, quantities[:inputs]))) is not None:
        return _Selection(quantities, rows, raw, split_table(cells, seed, fraction), targets)
    _require_rows(table, len(rows), lacking)
    different = len(np.unique(raw, axis=0)) if targets else len(rows)
    _require_rows(table, different, f"{len(rows) - different} of them are duplicates")
    if split == "time":
        table.require_time_order()
    time = None if table.time is None else table.time[rows]
    groups = groups_of(raw[:, :inputs]) if targets else np.arange(len(raw))
    parts = split_rows(table.path_name, time, raw, groups, split, seed, fraction)
    return _Selection(quantities, rows, raw, parts, targets)


def _absent(table: Table, names: Sequence[str]) -> np.ndarray:
    """bool (n, names): where a value is missing."""
    return np.column_stack([np.isnan(table.columns[name]) for name in names])


def _require_rows(table: Table, rows: int, reason: str, least: int = MINIMUM_ROWS) -> None:
    if rows < least:
        usable = f", {rows} of them usable ({reason})" if rows < table.rows_read else ""
        # without that column its rows would be complete; no column makes more rows, or other ones
        step = " or leave a column out" if usable and "is missing" in reason else ""
        raise DataError(
            f"{table.path_name} has {counted(table.rows_read, 'row')}{usable}: "
            f"at least {MINIMUM_ROWS} are needed, add rows{step}"
        )


def _costly_column(table: Table, rows: _Selection) -> list[str]:
    """A note on the input without which most rows could be kept, if they are a tenth of the file or
    more.
    """
    read = sources(table, [q.name for q in rows.quantities])
    absent = _absent(table, [*read.values()])
    # rows in which one column alone is missing
    regained = absent[absent.sum(axis=1) == 1][:, : -rows.targets].sum(axis=0)
    worst = int(np.argmax(regained))
    if regained[worst] * 10 < table.rows_read:
        return []
    return [
        f"column {show([*read][worst])} alone costs {regained[worst]} rows with a "
        "missing value: "
        f"without it {len(rows.rows) + regained[worst]} rows are complete"
    ]
