"""`tinygen report`: a model and all that is known of it on one page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.files import require_file_place, write_whole
from ..common.progress import Progress, silent
from ._options import FILE, Files, model_argument
from ._show import progress, shows
from ._spec import FromSpec

if TYPE_CHECKING:
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
            *(f"left out: {gap}" for gap in d.gaps),
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
) -> Reported:
    """Writes the page of a model file, whole or not at all."""
    from ..report.dossier.figures import figures
    from ..report.dossier.gather import gather
    from ..report.page.html import render

    require_file_place(out)
    dossier = gather(model, csv, run, note, with_board, progress)
    progress("drawing")
    write_whole(out, render(dossier))
    return Reported(dossier, out, figures(dossier))


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
