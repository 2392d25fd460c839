"""What the training rows looked like, in about a hundred bytes per quantity: `monitor` compares
later rows with it.

    sketch(columns) -> Reference

Of each quantity: its deciles, the longest run of one value, and how far the training rows' own
windows lay from all training rows. Neighbouring rows resemble each other and seasons come and go,
so a week is never a random sample of the year; a window is suspicious only beyond what training
windows of its length did.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..common.errors import ModelError
from ..model.signals.any_model import AnyModel

BINS = 10
SMALLEST_WINDOW = 16  # rows
OWN_WINDOWS = 8  # training windows without overlap, at least, for a length to be judged by them
STEPS = 16  # own windows start every sixteenth of their length
PSI_FLOOR = 0.5  # rows that an empty bin counts as, so that the logarithm exists


@dataclass(frozen=True)
class Sketch:
    """One quantity in the training rows."""

    name: str
    knots: tuple[int, ...]  # raw deciles, each once, the maximum not among them
    share: tuple[float, ...]  # of the training rows at or below each knot
    run: int  # longest run of one value, rows
    ks: tuple[float, ...]  # largest Kolmogorov-Smirnov distance of an own window, per length
    psi: tuple[float, ...]  # largest population stability index of an own window, per length

    def counts(self, raw: np.ndarray) -> np.ndarray:
        """Rows in each bin between the knots, int64 (knots + 1,)."""
        return np.bincount(
            np.searchsorted(self.knots, raw, side="left"), minlength=len(self.knots) + 1
        )

    def distances(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Kolmogorov-Smirnov distance at the knots, and population stability index, of counts (...,
        bins).
        """
        return distances(np.array(self.share), counts)


@dataclass(frozen=True)
class Reference:
    """The training rows: one sketch per input, then one of the model's output."""

    rows: int
    lengths: tuple[int, ...]  # of the own windows, rows
    sketches: tuple[Sketch, ...]
    missing: float  # share of the file's rows that lacked a value
    alarm: float | None  # share of the training rows above the threshold; None without one
    alarm_own: tuple[float, ...]  # largest difference from it in an own window, per length

    def plain(self) -> dict:
        """Plain JSON, as it is kept in the model file."""
        return json.loads(
            json.dumps(asdict(self))
        )  # lists where there are tuples, as a file gives them back


def sketch(
    names: Sequence[str],
    raw: np.ndarray,
    alarms: np.ndarray | None,
    missing: float,
    places: np.ndarray | None = None,
    known: Sequence[Sketch] = (),
) -> Reference:
    """The reference of raw training rows (n, names) in the order of the file; alarms: bool (n,), or
    None. places: where each row stands among all rows, of which some test: int (n,), rising; None,
    one behind the other. A window covers as many rows as a log's does, whichever of them trained.
    known: what this function made of the first columns of the same rows.
    """
    places = np.arange(len(raw)) if places is None else places
    lengths = own_lengths(len(raw))
    windows = [_windows(places, length) for length in lengths]
    others = list(zip(names, np.asarray(raw).T))[len(known) :]
    sketches = (*known, *(_sketch(name, raw, places, windows) for name, raw in others))
    share, own = None, list[float]()
    if alarms is not None:
        share = _figure(np.mean(alarms))
        for window, sums in zip(windows, _sums(np.asarray(alarms)[:, None], windows)):
            rates = sums[:, 0] / np.diff(window)[:, 0]
            own.append(_figure(np.abs(rates - np.mean(alarms)).max()))
    return Reference(len(raw), lengths, sketches, _figure(missing), share, tuple(own))


def read(plain: Any) -> Reference:
    """The reference that `plain` was; ModelError if a model file has none or a damaged one."""

    def tuples(fields: dict) -> dict:
        return {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}

    try:
        sketches = tuple(Sketch(**tuples(fields)) for fields in plain["sketches"])
        return Reference(**{**tuples(plain), "sketches": sketches})
    except (TypeError, KeyError, AttributeError):
        raise ModelError(
            "the model keeps no baseline of its training rows: train it again with this version"
        ) from None


def missing_codes(model: AnyModel) -> tuple[float | str, ...]:
    """What meant "no value" in the training file, and therefore in the rows that follow."""
    return tuple(model.training.get("missing", (-200,)))


def own_lengths(rows: int) -> tuple[int, ...]:
    """Powers of two from SMALLEST_WINDOW, as long as OWN_WINDOWS of them fit."""
    return tuple(1 << k for k in range(4, 20) if SMALLEST_WINDOW <= 1 << k <= rows // OWN_WINDOWS)


def longest_run(values: np.ndarray, places: np.ndarray | None = None) -> int:
    """Length of the longest run of equal neighbours; 0 without values. places: as in `sketch`."""
    if not len(values):
        return 0
    places = np.arange(len(values)) if places is None else places
    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
    ends = np.append(starts[1:], len(values)) - 1
    return int((places[ends] - places[starts]).max()) + 1


def distances(share: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kolmogorov-Smirnov distance at the knots, and population stability index, of counts (...,
    bins).

    share: of the training rows at or below each knot (bins - 1,).
    """
    rows = counts.sum(axis=-1, keepdims=True)
    ks = np.abs(np.cumsum(counts, axis=-1)[..., :-1] / rows - share).max(axis=-1, initial=0.0)
    expected = np.maximum(np.diff(share, prepend=0.0, append=1.0), 1e-3)
    seen = np.maximum(counts, PSI_FLOOR) / rows
    return ks, ((seen - expected) * np.log(seen / expected)).sum(axis=-1)


def _sketch(name: str, raw: np.ndarray, places: np.ndarray, windows: list[np.ndarray]) -> Sketch:
    deciles = np.quantile(raw, np.arange(1, BINS) / BINS, method="inverted_cdf")
    knots = np.unique(deciles[deciles < raw.max()]).astype(np.int64)
    share = np.round(np.searchsorted(np.sort(raw), knots, side="right") / len(raw), 4)
    bins = np.eye(len(knots) + 1)[np.searchsorted(knots, raw, side="left")]
    own = [distances(share, sums) for sums in _sums(bins, windows)]
    return Sketch(
        name,
        tuple(knots.tolist()),
        tuple(share.tolist()),
        longest_run(raw, places),
        tuple(_figure(ks.max()) for ks, _ in own),
        tuple(_figure(psi.max()) for _, psi in own),
    )


def _windows(places: np.ndarray, length: int) -> np.ndarray:
    """The training rows in each window of `length` places, from and up to, int (windows, 2). A
    window starts every sixteenth of its length; those with few training rows are left out.
    """
    span = int(places[-1]) + 1
    starts = np.arange(0, max(span - length, 0) + 1, max(1, length // STEPS))
    found = np.searchsorted(places, np.column_stack([starts, starts + length]))
    return found[np.diff(found)[:, 0] >= length * len(places) / span / 2]


def _sums(values: np.ndarray, windows: list[np.ndarray]) -> list[np.ndarray]:
    """Sums of the columns of values over the rows of each window, (windows, columns) a length."""
    total = np.vstack([np.zeros(values.shape[1]), np.cumsum(values, axis=0)])
    return [total[window[:, 1]] - total[window[:, 0]] for window in windows]


def _figure(value: float) -> float:
    return float(f"{value:.3g}")
