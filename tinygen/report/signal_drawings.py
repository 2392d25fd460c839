"""What the report of a model of signals draws: recordings with decisions, and spectra.

Only recordings that were not trained on are drawn; of a guard those that it has not learned from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..common.tables import counted
from ..data.recordings import Recording, Recordings
from ..model.fixedpoint import MISSING
from ..model.signals import SignalModel
from ..model.signals.filters import COEFFICIENT_BITS, Band
from .page.section import Drawing, Section
from .plots.signals import Distances, Strip, course, spectrum

MOST_DRAWN = 8  # recordings, those that went wrong first
MOST_CHANNELS = 6  # in a drawing, those that the model uses first
MOST_SPECTRA = 8
BLOCK, LEAST_BLOCK = 256, 8  # samples of a spectrum


@dataclass(frozen=True)
class _Shown:
    """A recording, and what the model makes of it."""

    one: Recording
    raw: np.ndarray  # (samples, channels) in the model's steps
    values: np.ndarray  # physical (samples, channels); NaN in gaps
    decided: np.ndarray  # (samples,) raw; MISSING before the first window
    wrong: np.ndarray  # bool (samples,): what is decided there is wrong, or an alarm
    ends: np.ndarray  # (windows,) samples
    alone: np.ndarray  # (windows,) the answer to each alone
    unusual: int  # windows whose decision is wrong, or an alarm


def recordings_section(model: SignalModel, recordings: Recordings) -> Section:
    """The recordings that were not learned from, with decisions; those that went wrong first."""
    shown = [_of(model, recordings, one) for one in _unlearned(model, recordings)]
    chosen = _in_turn(shown)[:MOST_DRAWN]
    drawings = [_course(model, recordings, one, k) for k, one in enumerate(chosen)]
    told = []
    if model.labels:
        key = ", ".join(f"{k + 1} {label}" for k, label in enumerate(model.labels))
        told = [
            f"Wrong ones first. The numbers are the classes: {key}. Black marks the time in which "
            "a wrong decision stood: the window before it went wrong"
        ]
    else:
        told = [
            "Recordings that the guard has not learned from, the distance of each window against "
            "the level of an alarm; black marks alarms"
        ]
    if more := len(shown) - len(chosen):
        told.append(f"{counted(more, 'recording')} more not drawn")
    if len(model.channels) > MOST_CHANNELS:
        told.append(
            f"{counted(len(model.channels) - MOST_CHANNELS, 'channel')} more of each not drawn"
        )
    return Section("recordings", "The recordings", "; ".join(told) + ".", tuple(drawings))


def chosen_recordings(
    model: SignalModel, recordings: Recordings, most: int
) -> list[tuple[Recording, np.ndarray]]:
    """Those that are drawn first, with their samples in the model's steps."""
    shown = [_of(model, recordings, one) for one in _unlearned(model, recordings)]
    return [(one.one, one.raw) for one in _in_turn(shown)[:most]]


def _unlearned(model: SignalModel, recordings: Recordings) -> Sequence[Recording]:
    """The recordings that test; of a guard all that it has not learned from."""
    if model.labels:
        return recordings.tested
    facts = model.training["signals"]["recordings"]
    learned = {(r["name"], r["label"]) for r in facts if r["learned"]}
    return [one for one in recordings.recordings if (one.name, one.label) not in learned]


def _in_turn(shown: list[_Shown]) -> list[_Shown]:
    """Those with the most wrong windows first; of each label one before the second of any, so that
    a guard's page shows what stays quiet as well.
    """
    ordered = sorted(shown, key=lambda one: -one.unusual)
    places: dict[str, int] = {}
    turns = []
    for one in ordered:
        places[one.one.label] = places.get(one.one.label, 0) + 1
        turns.append(places[one.one.label])
    order = sorted(range(len(ordered)), key=lambda k: (turns[k], -ordered[k].unusual))
    return [ordered[k] for k in order]


def _of(model: SignalModel, recordings: Recordings, one: Recording) -> _Shown:
    values = physical(recordings, one)
    raw = np.column_stack([q.to_raw(values[:, c]) for c, q in enumerate(model.channels)])
    (windows,) = model.windows([raw])
    decided = model.predict(raw)
    known = decided != MISSING
    if model.labels:
        truth = model.labels.index(one.label) if one.label in model.labels else -1
        wrong = known & (decided != truth)
    else:
        wrong = known & model.alarm(decided)
    return _Shown(
        one,
        raw,
        values,
        decided,
        wrong,
        windows.ends,
        model.window_answers(windows),
        int(wrong[windows.ends].sum()),
    )


def _course(model: SignalModel, recordings: Recordings, shown: _Shown, place: int) -> Drawing:
    one, decided = shown.one, shown.decided
    used = model.used_channels
    columns = [*used, *(c for c in range(len(model.channels)) if c not in used)][:MOST_CHANNELS]
    columns = sorted(columns)
    label = one.label or "no label"
    marked = Strip("wrong" if model.labels else "alarm", np.where(shown.wrong, 0, -1), marks=True)
    strips, distances = [marked], None
    if model.labels:
        truth = model.labels.index(one.label) if one.label in model.labels else -1
        answers = np.where(decided == MISSING, -1, decided)
        strips = [Strip("label", np.full(len(decided), truth)), Strip("decided", answers)]
        strips += [marked] if shown.unusual else []
    else:
        distances = _distances(model, shown)
    alt = f"{one.name}, {label}: channels over time, and what was decided."
    names = [model.channels[c].name for c in columns]
    plot = course(
        f"recording{place}",
        shown.values[:, columns],
        names,
        model.rate_hz,
        strips,
        alt,
        distances,
    )
    what = "wrong" if model.labels else "an alarm"
    windows = f"{shown.unusual} of {counted(len(shown.ends), 'window')} {what}"
    return Drawing(plot, f"{one.name}: {label}; {windows}")


def _distances(model: SignalModel, shown: _Shown) -> Distances:
    """Of each window alone, in the output's unit."""
    assert model.threshold is not None, "a guard is fitted with a threshold"
    return Distances(
        (shown.ends + 1) / model.rate_hz,
        np.asarray(model.output.to_physical(shown.alone), dtype=float),
        float(model.output.to_physical(model.threshold)),
        model.output.unit,
    )


# ---- frequencies ----


def spectra_section(model: SignalModel, recordings: Recordings) -> Section | None:
    """Amplitude by frequency of the channels that are used, by class, over the recordings that were
    not learned from; and behind the filters that the model has. None where all are too short.
    """
    whole = [one for one in _unlearned(model, recordings) if one.longest >= LEAST_BLOCK]
    if not whole:
        return None
    block = min(BLOCK, *(one.longest for one in whole))
    hertz = np.fft.rfftfreq(block, 1 / model.rate_hz)[1:]
    before, behind = [], []
    for channel in model.used_channels:
        q = model.channels[channel]
        powers = [
            (label or "no label", amplitude(_column(recordings, alike, channel), block))
            for label, alike in _by_label(model, whole)
        ]
        before.append((q, f"{q.name}: mean amplitude by frequency", powers))
        for band in _bands(model, channel):
            passed = response(band, hertz, model.rate_hz)
            words = f"behind the filter: {band.words([q.name], model.rate_hz)}"
            behind.append((q, words, [(label, power * passed) for label, power in powers]))
    drawings = [
        Drawing(
            spectrum(f"spectrum{k}", hertz, lines, q.unit or "steps", f"{words}, a line a class."),
            words,
        )
        for k, (q, words, lines) in enumerate([*before, *behind][:MOST_SPECTRA])
    ]
    lead = "Of the recordings that were not learned from"
    if more := len(before) + len(behind) - len(drawings):
        lead += f"; {more} more not drawn"
    return Section("spectrum", "Frequencies", f"{lead}.", tuple(drawings))


def _column(recordings: Recordings, some: list[Recording], channel: int) -> list[np.ndarray]:
    return [physical(recordings, one)[:, channel] for one in some]


def _by_label(model: SignalModel, whole: list[Recording]) -> list[tuple[str, list[Recording]]]:
    """The recordings of each label that there is, in the model's order of classes."""
    labels = model.labels or dict.fromkeys(one.label for one in whole)
    groups = [(label, [one for one in whole if one.label == label]) for label in labels]
    return [(label, alike) for label, alike in groups if alike]


def _bands(model: SignalModel, channel: int) -> list[Band]:
    """The filters of a channel."""
    bands = [one for one in model.front.streams if isinstance(one, Band)]
    return [band for band in bands if band.sources == (channel,)]


def response(band: Band, hertz: np.ndarray, rate_hz: float) -> np.ndarray:
    """What a filter leaves of the amplitude at each frequency, 0 .. 1."""
    z = np.exp(-2j * np.pi * hertz / rate_hz)
    b0, a1, a2 = (c / (1 << COEFFICIENT_BITS) for c in (band.b0, band.a1, band.a2))
    return np.abs(b0 * (1 - z**2) / (1 - a1 * z + a2 * z**2))


def amplitude(signals: Sequence[np.ndarray], block: int) -> np.ndarray:
    """Amplitude of a sine at each frequency above 0: root of the mean power over blocks without a
    gap, each without its mean. NaN where no block is whole.
    """
    total, count, fade = np.zeros(block // 2), 0, np.hanning(block)
    for values in signals:
        gaps = np.flatnonzero(np.isnan(values))
        for part in np.split(values, gaps):
            part = part[np.isnan(part[:1]).sum() :]
            blocks = part[: len(part) // block * block].reshape(-1, block)
            centred = blocks - blocks.mean(axis=1, keepdims=True)
            power = np.abs(np.fft.rfft(centred * fade, axis=1)) ** 2
            total += power[:, 1:].sum(axis=0)
            count += len(blocks)
    return np.sqrt(total / count) * 2 / fade.sum() + 1e-9 if count else np.full(block // 2, np.nan)


def physical(recordings: Recordings, one: Recording) -> np.ndarray:
    """Physical values, (samples, channels); NaN where one is missing."""
    columns = [q.to_physical(one.raw[:, c]) for c, q in enumerate(recordings.channels)]
    return np.where(one.raw == MISSING, np.nan, np.column_stack(columns))
