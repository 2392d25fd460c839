"""`tinygen card`: model card and data sheet as Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.errors import UsageError
from ..common.files import read_words, require_file_place, write_whole
from ..common.progress import Progress, silent
from ._options import FILE, Files, model_argument
from ._show import progress, shows
from ._spec import FromSpec

if TYPE_CHECKING:
    from ..model.signals import SignalModel
    from ..report.dossier.gather import Dossier


@dataclass(frozen=True)
class Carded:
    """A card that was written."""

    dossier: Dossier
    path: Path

    def text(self) -> str:
        """The headline, and what the card lacks."""
        from ..report.dossier.figures import headline
        from ..report.page.card import card_gaps

        gaps = [f"note: {gap}" for gap in card_gaps(self.dossier)]
        return "\n".join([headline(self.dossier), *gaps, f"written to {self.path}"])

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        from ..report.page.card import card_views

        return {
            "card": str(self.path),
            "name": self.dossier.model.name,
            "id": f"{self.dossier.model.model_id:08x}",
            "parts": [part.title for part in card_views(self.dossier)],
            "left_out": list(self.dossier.gaps),
        }


@dataclass(frozen=True)
class CardedSignals:
    """A card of a model of signals that was written."""

    model: SignalModel
    path: Path

    def text(self) -> str:
        """The headline."""
        from ..report.signal_page import headline

        return f"{headline(self.model)}\nwritten to {self.path}"

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        from ..report.signal_card import card_parts

        return {
            "card": str(self.path),
            "name": self.model.name,
            "id": f"{self.model.model_id:08x}",
            "parts": [part.title for part in card_parts(self.model)],
            "left_out": [],
        }


def card(
    model: Path,
    out: Path,
    csv: Files | None = None,
    note: Path | None = None,
    progress: Progress = silent,
) -> Carded | CardedSignals:
    """Writes the card of a model file, whole or not at all."""
    from ..model.signals import SignalModel
    from ..model.signals.any_model import load_any
    from ..report.dossier.gather import gather
    from ..report.page.card import markdown

    require_file_place(out)
    if isinstance(twin := load_any(model), SignalModel):
        if csv:
            raise UsageError(
                f"--data is for a model of rows, '{model}' is of signals: leave it out, "
                "`tinygen report` draws its recordings"
            )
        from ..report import signal_card  # with the drawings of its page

        words = read_words(note, "note").strip() if note else ""
        write_whole(out, signal_card.markdown(twin, words))
        return CardedSignals(twin, out)
    dossier = gather(model, csv, None, note, with_board=False, progress=progress, what="card")
    write_whole(out, markdown(dossier))
    return Carded(dossier, out)


@click.command("card", cls=FromSpec)
@model_argument
@click.option(
    "--data",
    type=FILE,
    multiple=True,
    metavar="CSV",
    help="The file it was trained on, given again for each further one: where the model fails, and "
    "the data's audit.",
)
@click.option("--note", type=FILE, metavar="FILE", help="Your own words.")
@click.option(
    "-o", "--out", type=FILE, required=True, metavar="CARD.md", help="Markdown file to write."
)
@shows
def command(model, out, data, note):
    """Write the model card and data sheet as Markdown.

    Source, licence, rows, inputs, figures, known failures, cost: all of it is measured or read,
    nothing written by hand.

    \b
    Example:
      tinygen card benzene.json --data AirQualityUCI.csv -o CARD.md
    """
    with progress() as say:
        return card(model, out, data, note, say)
