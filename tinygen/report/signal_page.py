"""The report of a model of signals, as one page.

    render_signals(model, ladder, recordings) -> the page's text

Equal inputs give equal bytes. The markup is that of every report (templates/report), which escapes
what it is given.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..common.errors import ModelError
from ..common.jinja import environment, source
from ..common.tables import counted
from ..data.recordings import Recording, Recordings
from ..model.fixedpoint import MISSING
from ..model.signals import SignalModel
from .dossier.figures import Doubt, Figure
from .page.html import script_hash
from .page.section import Drawing, Section, Table, make_table
from .plots.signals import course, spectrum
from .signals import vote_of

MOST_DRAWN = 8  # recordings, those that went wrong first
BLOCK = 256  # samples of a spectrum


def render_signals(
    model: SignalModel, ladder: dict[str, Any] | None, recordings: Recordings | None
) -> str:
    """The whole page. ladder: the plain JSON that `train` left beside the model; recordings: those
    that it was trained on and tested with, to draw them.
    """
    sections: list[Section | None] = [_errors(model), _features(model)]
    if recordings is not None:
        sections[1:1] = [_recordings(model, recordings), _spectra(model, recordings)]
    if ladder is not None:
        sections.append(_ladder(ladder))
    return (
        environment("html")
        .get_template("report/page.html.j2")
        .render(
            title=f"{model.name}: {model.output.name}",
            model=model,
            headline=headline(model),
            figures=figures(model),
            doubts=doubts(model),
            gaps=left_out(ladder, recordings),
            sections=[section for section in sections if section],
            card=_card(model),
            board=None,
            script="",
            script_hash=script_hash(""),
            style=source("report/page.css"),
            version=__version__,
            identity=f"{model.model_id:08x}",
        )
    )


def left_out(ladder: dict[str, Any] | None, recordings: Recordings | None) -> tuple[str, ...]:
    """What the page lacks, and what would give it."""
    gaps = {
        "drawings of the recordings: give them with --data": recordings,
        "the ladder: no .search.json stands beside the model": ladder,
    }
    return tuple(gap for gap, there in gaps.items() if there is None)


def headline(model: SignalModel) -> str:
    """The verdict in a sentence."""
    found = model.training["signals"]
    if not model.labels:
        return f"A guard: {model.votes} unusual windows in a row set it off."
    tests = found["recordings_test"]
    return (
        f"{tests - found['recordings_wrong']} of {counted(tests, 'unseen recording')} are named "
        f"right, and {1 - found['error_rate']:.1%} of their windows; a change is decided after "
        f"{model.latency_s:.3g} s."
    )


def figures(model: SignalModel) -> tuple[Figure, ...]:
    """The key figures."""
    found = model.training["signals"]
    told = []
    if model.labels:
        forest = found["forest"]
        told = [
            Figure("windows", "windows wrong", f"{found['error_rate']:.1%}", "unseen recordings"),
            Figure(
                "forest",
                "a large float forest",
                f"{forest['error_rate']:.1%}",
                "on the same features",
            ),
            Figure(
                "cycles",
                "cycles a sample",
                f"{found['cycles_sample']:,}",
                f"{found['cycles_window']:,} where a window ends",
            ),
            Figure("load", "of the processor", f"{found['load']:.1%}", "of the board trained for"),
        ]
    return (
        *told,
        Figure("window", "window", f"{model.window_s:.3g} s", f"every {model.hop_s:.3g} s"),
        Figure("rate", "samples a second", f"{model.rate_hz:.6g}", "of each channel"),
    )


def doubts(model: SignalModel) -> list[Doubt]:
    """What speaks against relying on it."""
    found = model.training["signals"]
    if not model.labels:
        return []
    leak = found["random_windows"]["error_rate"]
    told = [
        Doubt(
            f"with windows split at random the error would look like {leak:.1%}: windows of one "
            "recording are alike, do not believe that figure",
            "errors",
        )
    ]
    if found["forest"]["error_rate"] + 0.02 < found["error_rate"]:
        told.append(Doubt("a large forest on the same features is better", "errors"))
    if found["recordings_test"] < 10:
        told.append(
            Doubt(f"only {counted(found['recordings_test'], 'recording')} tested it", "errors")
        )
    return told


def _errors(model: SignalModel) -> Section:
    """Confusion, and every recording that tests."""
    found = model.training["signals"]
    if not model.labels:
        rows = [
            [
                r["name"],
                r["label"] or "-",
                "yes" if r["learned"] else "no",
                r["windows"],
                r["alarms"],
            ]
            for r in found["recordings"]
        ]
        headers = ["recording", "label", "learned", "windows", "alarms"]
        table = make_table("Alarms by recording", headers, rows)
        return Section("errors", "Alarms", tables=(table,))
    confusion = make_table(
        "Windows of each class, by what was decided",
        ["class", *model.labels],
        [[label, *row] for label, row in zip(model.labels, found["confusion"])],
    )
    each = make_table(
        "Every recording that tests",
        ["recording", "class", "decided as", "windows", "wrong"],
        [
            [r["name"], r["label"], r["decided"], r["windows"], r["wrong"]]
            for r in sorted(found["recordings"], key=lambda r: -r["wrong"])
        ],
    )
    lead = (
        f"{counted(found['recordings_train'], 'recording')} to train, "
        f"{found['recordings_test']} to test; each window alone "
        f"{found['window_error_rate']:.1%} wrong, after the vote {found['error_rate']:.1%}."
    )
    return Section("errors", "Unseen recordings", lead, tables=(confusion, each))


def _recordings(model: SignalModel, recordings: Recordings) -> Section:
    """The recordings that test, those with the most wrong windows first."""
    found = []
    for one in recordings.tested:
        decided = model.predict(_raw_of(model, recordings, one))
        truth = model.labels.index(one.label) if one.label in model.labels else -1
        known = decided != MISSING
        wrong = int((known & (decided != truth)).sum()) if model.labels else int(known.sum())
        found.append((wrong, one, decided, truth))
    found.sort(key=lambda entry: -entry[0])
    drawings = []
    for k, (_, one, decided, truth) in enumerate(found[:MOST_DRAWN]):
        shown = np.where(decided == MISSING, -1, decided)
        if not model.labels:
            shown = np.where(shown >= 0, model.window_model.alarm(decided).astype(int), -1)
        bands = [("decided", shown)]
        if truth >= 0:
            bands.insert(0, ("label", np.full(len(decided), truth)))
        values = _physical(recordings, one)
        alt = f"{one.name}, {one.label or 'no label'}: channels over time, and what was decided."
        names = [q.name for q in recordings.channels]
        plot = course(f"recording{k}", values, names, model.rate_hz, bands, alt)
        drawings.append(Drawing(plot, f"{one.name}: {one.label or 'no label'}"))
    more = len(found) - len(drawings)
    key = ", ".join(f"{k + 1} {label}" for k, label in enumerate(model.labels))
    lead = "Wrong ones first; colours and hatches follow the classes in their order: " + key
    told = [lead] if model.labels else []
    told += [f"{counted(more, 'recording')} more not drawn"] if more else []
    return Section("recordings", "The recordings", "; ".join(told), tuple(drawings))


def _spectra(model: SignalModel, recordings: Recordings) -> Section | None:
    """Amplitude by frequency of the channels that are used, by class."""
    block = min(BLOCK, *(one.longest for one in recordings.recordings))
    if block < 8:
        return None
    hertz = np.fft.rfftfreq(block, 1 / model.rate_hz)[1:]
    drawings = []
    for channel in model.used_channels[:4]:
        q = model.channels[channel]
        powers = []
        for label in model.labels or ("all",):
            alike = [r for r in recordings.recordings if not model.labels or r.label == label]
            powers.append((label, _amplitude(recordings, alike, channel, block)))
        alt = f"Amplitude of {q.name} by frequency, one line a class."
        plot = spectrum(f"spectrum{channel}", hertz, powers, q.unit or "steps", alt)
        drawings.append(Drawing(plot, f"{q.name}: mean amplitude by frequency"))
    return Section("spectrum", "Frequencies", drawings=tuple(drawings))


def _amplitude(
    recordings: Recordings, alike: list[Recording], channel: int, block: int
) -> np.ndarray:
    """Root of the mean power over blocks of the recordings, without the mean."""
    total, count = np.zeros(block // 2), 1e-12
    for one in alike:
        values = np.nan_to_num(_physical(recordings, one)[:, channel])
        blocks = values[: len(values) // block * block].reshape(-1, block)
        if len(blocks):
            centred = blocks - blocks.mean(axis=1, keepdims=True)
            power = np.abs(np.fft.rfft(centred * np.hanning(block), axis=1)) ** 2
            total += power[:, 1:].sum(axis=0)[: len(total)]
            count += len(blocks)
    return np.sqrt(total / count) * 4 / block + 1e-9


def _features(model: SignalModel) -> Section:
    names = model.front.feature_names(model.channels, model.rate_hz)
    rows = [
        [name, q.unit or "-", q.minimum, q.maximum]
        for name, q in zip(names, model.window_model.inputs)
    ]
    table = make_table("Features of a window", ["feature", "unit", "from", "to"], rows)
    return Section("features", "What is computed", tables=(table,))


def _ladder(plain: dict[str, Any]) -> Section:
    rows = [
        [
            rung["model"]["window_model"]["family"],
            len(rung["model"]["front"]["features"]),
            vote_of(rung["model"]["votes"], rung["model"]["lead"]),
            f"{rung['error']:.2%}",
            rung["cost"]["flash_bytes"],
            rung["cost"]["ram_bytes"] + rung["cost"]["stack_bytes"],
            rung["cost"]["cycles_sample"],
            rung["cost"]["cycles_window"],
            f"{rung['cost']['load']:.1%}",
        ]
        for rung in plain["rungs"]
    ]
    headers = ["model", "features", "vote", "error in folds", "flash B", "RAM B"]
    headers += ["cycles a sample", "where a window ends", "load"]
    table: Table = make_table("The ladder", headers, rows, plain["chosen"])
    return Section("ladder", "What else there was", tables=(table,))


def _card(model: SignalModel) -> list[dict[str, Any]]:
    """What is known of the model, as pairs."""
    channels = [
        [q.name, q.unit or "-", f"{q.scale:g}", f"{q.minimum:g} .. {q.maximum:g}"]
        for q in model.channels
    ]
    return [
        {
            "title": "Channels",
            "text": "",
            "pairs": [],
            "headers": ["channel", "unit", "step", "range in training"],
            "rows": channels,
            "points": [],
        }
    ]


def _raw_of(model: SignalModel, recordings: Recordings, one: Recording) -> np.ndarray:
    """A recording in the model's steps."""
    values = _physical(recordings, one)
    return np.column_stack([q.to_raw(values[:, c]) for c, q in enumerate(model.channels)])


def _physical(recordings: Recordings, one: Recording) -> np.ndarray:
    """Physical values, (samples, channels); NaN where one is missing."""
    columns = [q.to_physical(one.raw[:, c]) for c, q in enumerate(recordings.channels)]
    return np.where(one.raw == MISSING, np.nan, np.column_stack(columns))


def ladder_beside(path: Path) -> dict[str, Any] | None:
    """The plain JSON of a ladder of signals; None where there is no such file. ModelError for a
    damaged one.
    """
    if not path.is_file():
        return None
    try:
        plain = json.loads(path.read_text(encoding="ascii"))
        _ladder(plain)
        return plain
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"search file '{path}' is not as `tinygen train` writes it ({error}): train again"
        ) from None
