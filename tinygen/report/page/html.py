"""The report as one page: no network, no font, no script but the running board's.

    render(dossier) -> the page's text

Equal inputs give equal bytes. What stands in the page comes from sections.py, figures.py and
card.py; markup from templates/report, which escapes everything that it is given.
"""

from __future__ import annotations

import base64
import hashlib

from ... import __version__
from ...common.jinja import environment, source
from ..dossier.figures import doubts, figures, headline
from ..dossier.gather import Dossier
from ..words import title
from .card import card_views
from .sections import sections
from .webboard import script, settings


def render(d: Dossier) -> str:
    """The whole page."""
    program = script() if d.programs else ""
    board = settings(d) if d.programs else None
    return (
        environment("html")
        .get_template("report/page.html.j2")
        .render(
            title=title(d.model),
            model=d.model,
            headline=headline(d),
            figures=figures(d),
            doubts=doubts(d),
            gaps=d.gaps,
            sections=sections(d),
            card=card_views(d),
            board=board,
            script=program,
            script_hash=script_hash(program),
            style=source("report/page.css"),
            version=__version__,
            identity=f"{d.model.model_id:08x}",
        )
    )


def script_hash(text: str) -> str:
    """What a content security policy calls a script by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode(
        "ascii"
    )
