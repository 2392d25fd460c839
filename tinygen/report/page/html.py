"""The report as one page: no network, no font, no script but the running board's.

    report(model, out, csv, run, note) -> Reported
    render(dossier) -> the page's text

Equal inputs give equal bytes. What stands in the page comes from sections.py, figures.py and
card.py; markup from templates/report, which escapes everything that it is given.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ... import __version__
from ...common.files import require_file_place, write_whole
from ...common.jinja import environment, source
from .card import card, card_views
from .card import text as card_text
from .dossier import Dossier, gather
from .figures import Figure, doubts, figures, headline
from .sections import sections
from .webboard import script, settings

__all__ = ["Reported", "card", "card_text", "render", "report", "sections", "text"]


@dataclass(frozen=True)
class Reported:
    """A report that was written."""

    dossier: Dossier
    path: Path
    figures: tuple[Figure, ...] = field(default=())

    def plain(self) -> dict:
        """Plain JSON values."""
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
    csv: Path | None = None,
    run: Path | None = None,
    note: Path | None = None,
    with_board: bool = True,
    progress: Callable[[str], None] = lambda text: None,
) -> Reported:
    """Writes the page of a model file, whole or not at all."""
    require_file_place(out)
    dossier = gather(model, csv, run, note, with_board, progress)
    progress("drawing")
    write_whole(out, render(dossier))
    return Reported(dossier, out, figures(dossier))


def text(result: Reported) -> str:
    """What the command prints: the page's first lines."""
    d = result.dossier
    width = max(len(f.label) for f in result.figures)
    lines = [
        headline(d),
        "",
        *(
            f"{f.label:{width}}  {f.value}{f' ({f.note})' if f.note else ''}"
            for f in result.figures
        ),
        "",
        *(f"note: {doubt.text}" for doubt in doubts(d)),
        *(f"left out: {gap}" for gap in d.gaps),
    ]
    return "\n".join([*lines, f"written to {result.path}"])


def render(d: Dossier) -> str:
    """The whole page."""
    program = script() if d.program else ""
    board = settings(d) if d.program else None
    return (
        environment("html")
        .get_template("report/page.html.j2")
        .render(
            title=f"{d.model.name}: {d.model.output.name}",
            model=d.model,
            headline=headline(d),
            figures=figures(d),
            doubts=doubts(d),
            gaps=d.gaps,
            sections=sections(d),
            card=card_views(d),
            board=board,
            script=program,
            script_hash=_hash(program),
            style=source("report/page.css"),
            version=__version__,
            identity=f"{d.model.model_id:08x}",
        )
    )


def _hash(text: str) -> str:
    """What a content security policy calls a script by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode(
        "ascii"
    )
