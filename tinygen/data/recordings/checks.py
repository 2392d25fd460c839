"""What to know of recordings before training on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...common.errors import show
from ...common.tables import counted
from ..dataset import SEVERITIES, Finding
from .recording import Recording, Recordings

CLIPPED_RUN = 3  # neighbouring samples at the end of a channel's range
CLIPPED = 0.001  # of the samples, in such runs
PILE = 4  # times as many samples at the end as at the value beside it
DIFFERENT = 16  # values of a channel whose end can be told from its usual values
STILL = 10  # samples of a recording in which an axis that lives moves
APART = 5.0  # times the spread within groups that lies between them
LENGTHS = 5.0  # times as long is one class as another
WARN, SERIOUS = "medium", "high"


def findings_of(recordings: Recordings) -> tuple[Finding, ...]:
    """The findings on the recordings that train or test, the gravest first."""
    used = [recordings.recordings[k] for k in sorted({*recordings.train, *recordings.test})]
    found: list[Finding] = []
    for c, quantity in enumerate(recordings.channels):
        for check in PER_CHANNEL:
            if one := check(quantity.name, [_there(r.raw[:, c]) for r in used], used):
                found.append(one)
    found += _uneven_classes(recordings, used)
    return tuple(sorted(found, key=lambda f: SEVERITIES.index(f.severity)))


def _there(values: np.ndarray) -> np.ndarray:
    return values[values != np.iinfo(np.int16).min]


def _clipping(name: str, values: list[np.ndarray], used: Sequence[Recording]) -> Finding | None:
    every = np.concatenate(values)
    levels, counts = np.unique(every, return_counts=True)
    if len(levels) < DIFFERENT:
        return None
    for end, beside in ((-1, -2), (0, 1)):
        in_runs = [_in_runs(v == levels[end], CLIPPED_RUN) for v in values]
        share = sum(in_runs) / len(every)
        if share > CLIPPED and counts[end] > PILE * counts[beside]:
            worst = used[int(np.argmax([n / max(len(v), 1) for n, v in zip(in_runs, values)]))]
            return Finding(
                SERIOUS if share > 10 * CLIPPED else WARN,
                "clipping",
                (name,),
                f"channel {show(name)} is clipped: {share:.1%} of its samples stand in runs at its "
                f"{'greatest' if end else 'least'} value, most in {worst.name}",
                "what shakes harder looks the same",
                "set a wider range of the sensor and record again",
            )
    return None


def _in_runs(flags: np.ndarray, least: int) -> int:
    """How many of the flags stand in runs of at least so many."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    lengths = np.diff(edges.reshape(-1, 2), axis=1)
    return int(lengths[lengths >= least].sum())


def _stuck(name: str, values: list[np.ndarray], used: Sequence[Recording]) -> Finding | None:
    still = [k for k, v in enumerate(values) if len(v) >= STILL and not np.ptp(v)]
    if not still:
        return None
    if len(still) == len(values):
        return Finding(
            SERIOUS,
            "dead channel",
            (name,),
            f"channel {show(name)} moves in no recording",
            "it tells nothing and costs memory",
            f'check its cable, or --drop "{name}"',
        )
    part = used[still[0]]
    return Finding(
        SERIOUS if len(still) > len(values) / 10 else WARN,
        "stuck axis",
        (name,),
        f"channel {show(name)} stands still in {len(still)} of {len(values)} recordings, "
        f"the first is {part.name} ({part.part})",
        "a model may take the standstill for a sign of the class",
        f'check its cable and leave these recordings out, or --drop "{name}"',
    )


def _counting(name: str, values: list[np.ndarray], used: Sequence[Recording]) -> Finding | None:
    long = [v for v in values if len(v) >= STILL]
    if not long or not all((np.diff(v) >= 0).all() and np.ptp(v) for v in long):
        return None
    return Finding(
        SERIOUS,
        "counter",
        (name,),
        f"channel {show(name)} never falls within a recording",
        "it may be a time or a counter, which no sensor tells on the board",
        f'--time "{name}" if it is a time, else --drop "{name}"',
    )


def _offset(name: str, values: list[np.ndarray], used: Sequence[Recording]) -> Finding | None:
    means = np.array([v.mean() if len(v) else np.nan for v in values])
    groups: dict[str, list[int]] = {}
    for k, recording in enumerate(used):
        groups.setdefault(recording.group, []).append(k)
    several = [members for members in groups.values() if len(members) > 1]
    if len(several) < 3:
        return None
    within = np.sqrt(np.mean([np.var(means[m], ddof=1) for m in several]))
    between = np.std([means[m].mean() for m in several], ddof=1)
    if not between > APART * max(within, 0.5):  # half a raw step
        return None
    return Finding(
        WARN,
        "offset by group",
        (name,),
        f"the mean of channel {show(name)} differs {between / max(within, 0.5):.1f} times as much "
        "between groups as within them",
        "it tells which group a window is from, as a sensor mounted otherwise does",
        f'mount and zero the sensors alike, or compare with --drop "{name}"',
    )


def _uneven_classes(recordings: Recordings, used: Sequence[Recording]) -> list[Finding]:
    length = {
        label: sum(len(r.raw) for r in used if r.label == label) for label in recordings.labels
    }
    if len(length) < 2:
        return []
    low, high = min(length, key=length.__getitem__), max(length, key=length.__getitem__)
    if length[high] <= LENGTHS * length[low]:
        return []
    seconds = {label: n / recordings.rate_hz for label, n in length.items()}
    return [
        Finding(
            "low",
            "uneven classes",
            (),
            f"class {show(low)} has {seconds[low]:.4g} s of recordings, class {show(high)} "
            f"{seconds[high]:.4g} s",
            "a model errs more often on the rare class",
            f"record more of {show(low)}",
        )
    ]


def without_label(source: str, column: str, pieces: int, rows: int, first: str) -> Finding:
    """That the label column is empty in some recordings."""
    return Finding(
        WARN,
        "no label",
        (column,),
        f"{source}, column {show(column)} is empty in {counted(pieces, 'recording')} "
        f"({counted(rows, 'row')}), the first is {first}",
        "they are left out",
        "write their label, or delete these rows",
    )


def copies(names: Sequence[str], originals: Sequence[str]) -> Finding:
    """That recordings which would train equal recordings that test."""
    return Finding(
        SERIOUS,
        "copied recording",
        (),
        f"{counted(len(names), 'recording')} to train on equal one that tests: {names[0]} is "
        f"{originals[0]}",
        "the copy is left out of the training",
        "delete one of the two",
    )


Check = Callable[[str, list[np.ndarray], Sequence[Recording]], Finding | None]
PER_CHANNEL: tuple[Check, ...] = (_clipping, _stuck, _counting, _offset)
