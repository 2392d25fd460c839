"""From what is asked for to recordings: the room's door."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...common.errors import DataError, show
from ...model.fixedpoint import MISSING, Quantity
from ..cells import MAXIMUM_LABELS, number_of
from ..columns import all_inputs, named_inputs, require_an_input
from ..dataset import Finding, Provenance
from ..steps import clip_notes, input_of, scale_notes
from ..table import Table, require_column
from .checks import copies, findings_of, without_label
from .choosing import choose_sides
from .clock import Clock, find_clock
from .cutting import Piece, keys_of, lines_of, pieces_of
from .files import Samples, read_samples
from .rate import Timing, common_rate, timing_of, with_gaps
from .recording import Recording, Recordings
from .request import RecordingRequest

STEPPING = 50  # rows for each change of a column that may number recordings


def load_recordings(request: RecordingRequest) -> Recordings:
    """The recordings of a file, of several or of a folder, at one rate, split in train and test.

    A folder holds one file per recording, whose label its name tells (walk-01.csv), or the folder
    it is in, or a column. In a file a recording begins where its label, number or group changes
    from one row to the next, or where time goes back to its start or pauses.
    Raises DataError for files that cannot be used, UsageError for settings.
    """
    samples = read_samples(request)
    columns = _columns(samples.table, request)
    clock = _clock(samples, request, columns)
    keys = keys_of(samples, columns)
    pieces, notes = pieces_of(
        samples, keys, clock, bool(columns["recording"]), bool(columns["group"])
    )
    kept, missing_labels = _labelled(samples, pieces, request, columns["target"])
    labels = _classes(samples, kept, request)
    times = [_seconds(samples.table, clock, piece) for piece in kept]
    timings = [None if t is None else timing_of(t) for t in times]
    sizes = [piece.end - piece.start for piece in kept]
    rate, told = common_rate(
        [p.name for p in kept], timings, sizes, clock, request.rate_hz, samples.table.path_name
    )
    channels, left_out = _channels(samples.table, request, columns, clock)
    cut = _Cut(samples, columns, kept, timings, channels)
    notes = [*samples.table.notes, *told, *notes, *left_out]
    return cut.recordings(request, rate, labels, notes, missing_labels)


def _columns(table: Table, request: RecordingRequest) -> dict[str, str]:
    """The column of each use, by its name in the table; "" for none."""
    named = {
        "target": request.target,
        "recording": request.recording,
        "group": request.group,
        "test": request.test_values[0],
    }
    columns = {use: require_column(table, name) if name else "" for use, name in named.items()}
    return {**columns, "label": columns["target"]}


def _clock(samples: Samples, request: RecordingRequest, columns: dict[str, str]) -> Clock | None:
    table = samples.table
    units = {require_column(table, name): unit for name, unit in (request.units or {}).items()}
    other = [*request.drop, *(request.inputs or ())]
    used = [*columns.values(), *(require_column(table, name) for name in other)]
    return find_clock(samples, request.time, request.rate_hz, used, units)


def _seconds(table: Table, clock: Clock | None, piece: Piece) -> np.ndarray | None:
    """The times of a recording's rows, those between two where a row has none."""
    if clock is None:
        return None
    seconds = clock.seconds[piece.start : piece.end]
    there = np.flatnonzero(~np.isnan(seconds))
    if not len(there):
        raise DataError(
            f"{piece.name} ({lines_of(table, piece)}), {clock.words}: no row has a time: leave "
            f'the recording out, or --drop "{clock.columns[0]}" with --rate HZ'
        )
    return np.interp(np.arange(len(seconds)), there, seconds[there])


# --------------------------------------------------------------------------------------- labels


def _labelled(
    samples: Samples, pieces: list[Piece], request: RecordingRequest, target: str
) -> tuple[list[Piece], tuple[Finding, ...]]:
    """The recordings that have a label, and a finding on the others, where labels are needed."""
    if not request.labelled or not target:
        return pieces, ()
    kept = [piece for piece in pieces if piece.label]
    empty = [piece for piece in pieces if not piece.label]
    table = samples.table
    if not kept:
        raise DataError(
            f"{table.path_name}, column {show(target)} is empty in all rows: write the label of "
            "each sample there, or name another column with --target"
        )
    if not empty:
        return kept, ()
    rows = sum(piece.end - piece.start for piece in empty)
    first = f"{empty[0].name} ({lines_of(table, empty[0])})"
    return kept, (without_label(table.path_name, target, len(empty), rows, first),)


def _classes(
    samples: Samples, pieces: Sequence[Piece], request: RecordingRequest
) -> tuple[str, ...]:
    """The labels: numbers by size, then texts by spelling."""
    if not request.labelled:
        return ()

    def size(label: str) -> tuple[int, float, str]:
        number = number_of(label, ".") or number_of(label, ",")
        return (0, number[0], label) if number else (1, 0.0, label)

    labels = tuple(sorted({piece.label for piece in pieces}, key=size))
    source = samples.table.path_name
    by = f"column {show(request.target)}" if request.target else samples.labelled_by
    if len(labels) > MAXIMUM_LABELS:
        raise DataError(
            f"{source}: {by} give{'s' * bool(request.target)} {len(labels)} different labels, at "
            f"most {MAXIMUM_LABELS} classes are possible: name the column of labels with --target"
        )
    if len(labels) < 2:
        raise DataError(
            f"{source}: {by} tell{'s' * bool(request.target)} one label only ({show(labels[0])}): "
            "add recordings of another class, name the column of labels with --target, or train "
            "a guard"
        )
    return labels


# -------------------------------------------------------------------------------------- channels


def _channels(
    table: Table, request: RecordingRequest, columns: dict[str, str], clock: Clock | None
) -> tuple[list[Quantity], list[str]]:
    """The channels with their units and steps, and a note on each column left out unasked."""
    used = list(dict.fromkeys(name for name in columns.values() if name))
    beside = [*used, *(clock.columns if clock else ())]
    if request.inputs is None:
        names = [require_column(table, name) for name in request.drop]
        drop = [name for name in names if name not in beside]
        chosen, notes = all_inputs(table, beside, drop)
    else:
        chosen, notes = named_inputs(table, beside, request.inputs, request.drop)
    require_an_input(table, chosen, notes)
    given = {require_column(table, name): unit for name, unit in (request.units or {}).items()}
    units = {**table.units, **given}
    return [replace(input_of(table, name), unit=units[name]) for name in chosen], notes


def _stepping(table: Table, channels: Sequence[Quantity]) -> str:
    """A channel that changes in few rows, as one that numbers recordings does; "" for none."""
    for quantity in channels:
        values = table.columns[quantity.name]
        changes = int((values[1:] != values[:-1]).sum())
        if 0 < changes <= len(values) // STEPPING:
            return quantity.name
    return ""


# ------------------------------------------------------------------------------------ recordings


@dataclass(frozen=True)
class _Cut:
    """The recordings of a table before they are integers."""

    samples: Samples
    columns: dict[str, str]
    pieces: list[Piece]
    timings: list[Timing | None]
    channels: list[Quantity]

    def recordings(
        self,
        request: RecordingRequest,
        rate: float,
        labels: tuple[str, ...],
        notes: list[str],
        findings: tuple[Finding, ...],
    ) -> Recordings:
        table, channels = self.samples.table, self.channels
        raw = self._raw()
        step = _stepping(table, channels)
        train, test = choose_sides(self.pieces, request, bool(labels), step)
        train, twice = _without_copies(self.pieces, raw, train, test)
        rows = np.concatenate([np.arange(p.start, p.end) for p in self.pieces])
        notes = [*notes, *clip_notes(table, rows, channels), *scale_notes(table, channels)]
        kept, more = self._moving(raw, train, unasked=request.inputs is None)
        recordings = tuple(
            Recording(piece.name, piece.label, piece.group, values[:, kept], lines_of(table, piece))
            for piece, values in zip(self.pieces, raw)
        )
        ranged = _ranged([channels[c] for c in kept], [recordings[k] for k in train])
        source = self._provenance(len(rows))
        found = Recordings(
            ranged, rate, recordings, labels, train, test, source, (*notes, *more), (), request.seed
        )
        findings = (*findings, *twice, *findings_of(found), *_steps(step))
        return replace(
            found.noted(*(finding.line for finding in findings)),
            findings=findings,
            provenance=replace(source, findings=findings),
        )

    def _raw(self) -> list[np.ndarray]:
        """Each recording's samples as raw integers, gaps filled."""
        columns = self.samples.table.columns
        stored = np.column_stack(
            [q.to_raw(np.clip(columns[q.name], q.minimum, q.maximum)) for q in self.channels]
        )
        return [
            with_gaps(stored[piece.start : piece.end], timing)
            for piece, timing in zip(self.pieces, self.timings)
        ]

    def _moving(
        self, raw: Sequence[np.ndarray], train: Sequence[int], unasked: bool
    ) -> tuple[list[int], list[str]]:
        """Places of the channels, and a note on each that was chosen unasked and never moves in the
        training recordings.
        """
        every = np.concatenate([raw[k] for k in train])
        ends = [_ends(column) for column in every.T]
        still = [c for c, (low, high) in enumerate(ends) if unasked and low == high]
        notes = [
            f"column {show(self.channels[c].name)} left out: it is constant in the training "
            "recordings"
            for c in still
        ]
        kept = [c for c in range(len(ends)) if c not in still]
        require_an_input(self.samples.table, [self.channels[c].name for c in kept], notes)
        return kept, notes

    def _provenance(self, rows: int) -> Provenance:
        table = self.samples.table
        return Provenance(
            source=table.path_name,
            sha256=table.sha256,
            rows_read=table.rows_read,
            rows_dropped=table.rows_read - rows,
            missing=table.missing,
        )


def _ends(column: np.ndarray) -> tuple[int, int]:
    there = column[column != MISSING]
    return (int(there.min()), int(there.max())) if len(there) else (0, 0)


def _ranged(channels: Sequence[Quantity], training: Sequence[Recording]) -> tuple[Quantity, ...]:
    """The channels with the range of the training recordings."""
    found = []
    for c, quantity in enumerate(channels):
        low, high = _ends(np.concatenate([recording.raw[:, c] for recording in training]))
        least, most = (float(quantity.to_physical(end)) for end in (low, high))
        found.append(replace(quantity, minimum=least, maximum=most))
    return tuple(found)


def _without_copies(
    pieces: Sequence[Piece],
    raw: Sequence[np.ndarray],
    train: tuple[int, ...],
    test: tuple[int, ...],
) -> tuple[tuple[int, ...], tuple[Finding, ...]]:
    """The training recordings that equal none that tests."""
    tested = {raw[k].tobytes(): k for k in test if len(raw[k]) > 1}
    twice = [k for k in train if raw[k].tobytes() in tested]
    if not twice:
        return train, ()
    kept = tuple(k for k in train if k not in twice)
    lost = {pieces[k].label for k in twice} - {pieces[k].label for k in kept}
    names = [pieces[k].name for k in twice]
    originals = [pieces[tested[raw[k].tobytes()]].name for k in twice]
    if lost or not kept:
        label = Counter(pieces[k].label for k in twice).most_common(1)[0][0]
        raise DataError(
            f"{names[0]} is a copy of {originals[0]}, which tests, and no other recording of "
            f"class {show(label)} is left to train on: record another"
        )
    return kept, (copies(names, originals),)


def _steps(column: str) -> list[Finding]:
    if not column:
        return []
    return [
        Finding(
            "medium",
            "channel in steps",
            (column,),
            f"column {show(column)} changes in few rows only and is taken for a channel",
            "it may number recordings, machines or settings, which no sensor tells on the board",
            f'--group "{column}", --recording "{column}" or --drop "{column}"',
        )
    ]
