"""The report of a model of signals, as one page.

    render_signals(model, ladder, recordings) -> the page's text

Equal inputs give equal bytes. The markup is that of every report (templates/report), which escapes
what it is given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import __version__
from ..common.boards import BOARDS
from ..common.errors import ModelError
from ..common.files import json_of
from ..common.jinja import environment, source
from ..common.tables import counted
from ..data.recordings import Recordings
from ..model.signals import SignalModel
from ..target.power import CURRENTS, SUPPLIES, sampling_ma
from .dossier.figures import Doubt, Figure
from .page.html import script_hash
from .page.section import Section, Table, make_table
from .page.signal_board import settings_of
from .page.webboard import script
from .signal_drawings import recordings_section, spectra_section
from .signals import alarm_words, vote_of


def render_signals(
    model: SignalModel,
    ladder: dict[str, Any] | None,
    recordings: Recordings | None,
    program: str | None = None,
    gaps: tuple[str, ...] = (),
) -> str:
    """The whole page. ladder: the plain JSON that `train` left beside the model; recordings: those
    that it was trained on and tested with, to draw and play them; program: the firmware as Intel
    HEX, to run it; gaps: what else the page lacks, and why.
    """
    board = settings_of(model, program, recordings) if program else None
    running = script() if program else ""
    return (
        environment("html")
        .get_template("report/page.html.j2")
        .render(
            title=f"{model.name}: {model.output.name}",
            model=model,
            headline=headline(model),
            figures=figures(model),
            doubts=doubts(model),
            gaps=(*left_out(ladder, recordings), *gaps),
            sections=_sections(model, ladder, recordings),
            card=_card(model),
            board=board,
            script=running,
            script_hash=script_hash(running),
            style=source("report/page.css"),
            version=__version__,
            identity=f"{model.model_id:08x}",
        )
    )


def _sections(
    model: SignalModel, ladder: dict[str, Any] | None, recordings: Recordings | None
) -> list[Section]:
    """The parts of the page, in its order."""
    drawn: list[Section | None] = []
    if recordings is not None:
        drawn = [recordings_section(model, recordings), spectra_section(model, recordings)]
    shown = [errors_section(model), *drawn, features_section(model)]
    shown += [_ladder(ladder)] if ladder else []
    return [section for section in shown if section]


def left_out(ladder: dict[str, Any] | None, recordings: Recordings | None) -> tuple[str, ...]:
    """What the page lacks, and what would give it."""
    gaps = {
        "the recordings are not drawn: give them with --data": recordings,
        "the ladder is left out: no .search.json stands beside the model": ladder,
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
        wrong = f"{found['error_rate']:.1%}"
        told = [Figure("windows", "Windows wrong", wrong, "unseen recordings")]
    if "forest" in found:
        large = f"{found['forest']['error_rate']:.1%}"
        told.append(
            Figure("forest", "The same by a large float forest", large, "on the same features")
        )
    return (
        *told,
        *_costs(found),
        Figure("window", "Window", f"{model.window_s:.3g} s", f"every {model.hop_s:.3g} s"),
        Figure("rate", "Samples a second", f"{model.rate_hz:.6g}", "of each channel"),
    )


def _costs(found: dict[str, Any]) -> list[Figure]:
    """What it takes on its board, as far as the model tells: older ones do not name the board, and
    guards told no cost.
    """
    told = []
    known = BOARDS.get(found.get("board", ""))
    where = "of the board trained for"
    if known:
        where = f"{known.title}, {known.f_cpu_hz / 1e6:g} MHz"
    if "cycles_sample" in found:
        told += [
            Figure(
                "cycles",
                "Cycles of a sample",
                f"{found['cycles_sample']:,}",
                f"{found['cycles_window']:,} where a window ends",
            ),
            Figure("load", "Load of the processor", f"{found['load']:.1%}", where),
        ]
    if known:
        ram = found["ram_bytes"] + found["stack_bytes"]
        told += [
            Figure(
                "flash",
                "Bytes of flash",
                f"{found['flash_bytes']:,}",
                f"of {known.flash_bytes:,}, {known.title}",
            ),
            Figure(
                "ram",
                "Bytes of RAM with stack",
                f"{ram:,}",
                f"of {known.ram_bytes:,}, {known.title}",
            ),
        ]
    if known and known.mcu in CURRENTS:
        current = sampling_ma(known.mcu, found["load"], SUPPLIES[0])
        note = f"an estimate: the chip alone at {SUPPLIES[0].words}, idle between samples"
        told.append(Figure("current", "Current", f"{current:.2g} mA", note))
    return told


def doubts(model: SignalModel) -> list[Doubt]:
    """What speaks against relying on it."""
    found = model.training["signals"]
    if not model.labels:
        return []
    told = []
    if "random_windows" in found:
        leak = found["random_windows"]["error_rate"]
        told.append(
            Doubt(
                f"with windows split at random the error would look like {leak:.1%}: windows of "
                "one recording are alike, do not believe that figure",
                "errors",
            )
        )
    if "forest" in found and found["forest"]["error_rate"] + 0.02 < found["error_rate"]:
        told.append(Doubt("a large forest on the same features is better", "errors"))
    if found["recordings_test"] < 10:
        told.append(
            Doubt(f"only {counted(found['recordings_test'], 'recording')} tested it", "errors")
        )
    return told


def errors_section(model: SignalModel) -> Section:
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
        return Section("errors", "Alarms", f"{alarm_words(model)}.", tables=(table,))
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


def features_section(model: SignalModel) -> Section:
    """What is computed of each window."""
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
    headers, rows = channel_rows(model)
    return [
        {
            "title": "Channels",
            "text": "",
            "pairs": [],
            "headers": headers,
            "rows": rows,
            "points": [],
        }
    ]


def channel_rows(model: SignalModel) -> tuple[list[str], list[list[str]]]:
    """Headers and rows of the table of channels."""
    rows = [
        [q.name, q.unit or "-", f"{q.scale:g}", f"{q.minimum:g} .. {q.maximum:g}"]
        for q in model.channels
    ]
    return ["channel", "unit", "step", "range in training"], rows


def ladder_beside(path: Path) -> dict[str, Any] | None:
    """The plain JSON of a ladder of signals; None where there is no such file. ModelError for a
    damaged one.
    """
    if not path.is_file():
        return None
    try:
        plain = json_of(path.read_text(encoding="ascii"))
        _ladder(plain)
        return plain
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"search file '{path}' is not as `tinygen train` writes it ({error}): train again"
        ) from None
