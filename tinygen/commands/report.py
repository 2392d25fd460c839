"""`tinygen report`: a model and all that is known of it on one page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.errors import UsageError
from ..common.files import ladder_path, require_apart, require_file_place, write_whole
from ..common.progress import Progress, silent
from ._options import FILE, Files, model_argument
from ._show import progress, shows
from ._spec import FromSpec

if TYPE_CHECKING:
    from ..data.recordings import Recordings
    from ..model.signals import SignalModel
    from ..report.dossier.figures import Figure
    from ..report.dossier.gather import Dossier


@dataclass(frozen=True)
class Reported:
    """A report that was written."""

    dossier: Dossier
    path: Path
    figures: tuple[Figure, ...] = ()

    def text(self) -> str:
        """The page's first lines."""
        from ..report.dossier.figures import doubts, headline

        d = self.dossier
        width = max(len(f.label) for f in self.figures)
        lines = [
            headline(d),
            "",
            *(
                f"{f.label:{width}}  {f.value}{f' ({f.note})' if f.note else ''}"
                for f in self.figures
            ),
            "",
            *(f"note: {doubt.text}" for doubt in doubts(d)),
            *(f"note: {gap}" for gap in d.gaps),
        ]
        return "\n".join([*lines, f"written to {self.path}"])

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        from ..report.dossier.figures import doubts, headline

        model = self.dossier.model
        return {
            "report": str(self.path),
            "name": model.name,
            "id": f"{model.model_id:08x}",
            "headline": headline(self.dossier),
            "figures": {f.key: {"value": f.value, "note": f.note} for f in self.figures},
            "doubts": [d.text for d in doubts(self.dossier)],
            "left_out": list(self.dossier.gaps),
        }


def report(
    model: Path,
    out: Path,
    csv: Files | None = None,
    run: Path | None = None,
    note: Path | None = None,
    with_board: bool = True,
    progress: Progress = silent,
) -> Reported | ReportedSignals:
    """Writes the page of a model file, whole or not at all."""
    from ..model.signals import SignalModel
    from ..model.signals.any_model import load_any
    from ..report.dossier.figures import figures
    from ..report.dossier.gather import gather
    from ..report.page.html import render

    require_file_place(out)
    require_apart({"the ladder of MODEL.json": ladder_path(model)}, {"-o": out})
    if isinstance(twin := load_any(model), SignalModel):
        if run or note:
            given = "--run" if run else "--note"
            raise UsageError(
                f"{given} is for a model of rows, '{model}' is of signals: leave it out"
            )
        return report_signals(twin, model, out, csv, with_board, progress)
    dossier = gather(model, csv, run, note, with_board, progress)
    progress("drawing")
    write_whole(out, render(dossier))
    return Reported(dossier, out, figures(dossier))


@dataclass(frozen=True)
class ReportedSignals:
    """A report of a model of signals that was written."""

    model: SignalModel
    path: Path
    gaps: tuple[str, ...] = ()  # what the page lacks, and what would give it

    def text(self) -> str:
        """The page's first lines."""
        from ..report.signal_page import doubts, figures, headline

        told = figures(self.model)
        width = max(len(f.label) for f in told)
        lines = [f"{f.label:{width}}  {f.value} ({f.note})" for f in told]
        lines += ["", *(f"note: {doubt.text}" for doubt in doubts(self.model))]
        lines += [f"note: {gap}" for gap in self.gaps]
        return "\n".join([headline(self.model), "", *lines, "", f"written to {self.path}"])

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        from ..report.signal_page import doubts, figures, headline

        return {
            "report": str(self.path),
            "name": self.model.name,
            "id": f"{self.model.model_id:08x}",
            "headline": headline(self.model),
            "figures": {f.key: {"value": f.value, "note": f.note} for f in figures(self.model)},
            "doubts": [doubt.text for doubt in doubts(self.model)],
            "left_out": list(self.gaps),
        }


def report_signals(
    model: SignalModel,
    path: Path,
    out: Path,
    csv: Files | None,
    with_board: bool = True,
    progress: Progress = silent,
) -> ReportedSignals:
    """Writes the page of a model of signals; `csv`: the recordings that it was trained on."""
    from ..report.page.signal_board import program_of
    from ..report.signal_page import ladder_beside, left_out, render_signals

    recordings = _recordings(model, csv) if csv else None
    ladder = ladder_beside(ladder_path(path))
    program, why = program_of(model, progress) if with_board else (None, "")
    gaps = (why,) if why else ()
    progress("drawing")
    write_whole(out, render_signals(model, ladder, recordings, program, gaps))
    return ReportedSignals(model, out, (*left_out(ladder, recordings), *gaps))


def _recordings(model: SignalModel, csv: Files) -> Recordings:
    """Those that it was trained on; UsageError for channels in other units."""
    from ..data.recordings import RecordingRequest, load_recordings

    asked = model.training.get("asked", {})
    sources = (csv,) if isinstance(csv, Path) else tuple(csv)
    names = tuple(q.name for q in model.channels)  # by name, in the model's order
    asked = {**asked, "inputs": names, "drop": ()}
    recordings = load_recordings(RecordingRequest(sources, **asked))
    for own, other in zip(model.channels, recordings.channels):
        if (own.name, own.unit) != (other.name, other.unit):
            raise UsageError(
                f"channel '{other.name}' is in {other.unit or 'no unit'}, the model's "
                f"'{own.name}' in {own.unit or 'no unit'}: give those it was trained on"
            )
    return recordings


@click.command("report", cls=FromSpec)
@model_argument
@click.option(
    "--data",
    type=FILE,
    multiple=True,
    metavar="CSV",
    help="The file it was trained on, given again for each further one: errors row by row, and the "
    "data's audit.",
)
@click.option(
    "--run",
    type=FILE,
    metavar="STREAM",
    help="What `tinygen stream -o` wrote: latency, and LEDs against truth.",
)
@click.option("--note", type=FILE, metavar="FILE", help="Your own words, for the model card.")
@click.option(
    "--no-board",
    is_flag=True,
    help="Leave out the firmware that runs in the page; no compiler is needed then.",
)
@click.option("-o", "--out", type=FILE, required=True, metavar="REPORT.html", help="Page to write.")
@shows
def command(model, out, data, run, note, no_board):
    """Show a model and all that is known of it on one page.

    The page is one file, needs no network, and opens on a phone as well. The ladder is the one that
    `train` left beside the model.

    \b
    Example:
      tinygen report benzene.json --data AirQualityUCI.csv -o benzene.html
    """
    with progress() as say:
        return report(model, out, data, run, note, not no_board, say)
