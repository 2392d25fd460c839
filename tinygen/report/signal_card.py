"""Model card of a model of signals: what it hears and decides, where it was wrong, what it costs.

    markdown(model) -> the Markdown file

The figures are those that training left in the model file; the parts are rendered as in the card of
every model.
"""

from __future__ import annotations

from ..common.jinja import environment
from ..common.tables import counted
from ..model.signals import SignalModel
from .page.card import NO_SAFETY, Part, note_part, versions
from .page.section import Section
from .signal_page import channel_rows, doubts, errors_section, features_section, figures, headline
from .signals import alarm_words, described


def markdown(model: SignalModel, note: str = "") -> str:
    """The card as Markdown; note: the user's words."""
    template = environment("markdown").get_template("card.md.j2")
    title = f"{model.name}: {model.output.name}"
    return template.render(title=title, headline=headline(model), parts=card_parts(model, note))


def card_parts(model: SignalModel, note: str = "") -> tuple[Part, ...]:
    """The parts of the card, in their order."""
    headers, rows = channel_rows(model)
    parts = (
        _about(model),
        note_part(note),
        _use(model),
        Part("Channels", headers=tuple(headers), rows=tuple(map(tuple, rows))),
        *_of_section(features_section(model)),
        _figures(model),
        *_of_section(errors_section(model)),
        Part("What to know first", points=tuple(doubt.text for doubt in doubts(model))),
        Part("Made with", pairs=(*versions(), ("made by", "tinygen card"))),
    )
    return tuple(part for part in parts if part and part != Part(part.title))


def _about(model: SignalModel) -> Part:
    window = model.window_model
    decides = ", ".join(model.labels) if model.labels else "whether a window is usual"
    return Part(
        "Model",
        pairs=(
            ("name", model.name),
            ("model id", f"{model.model_id:08x}"),
            ("kind", f"signals; {window.family} on features of a window"),
            ("decides", f"{model.output.name}: {decides}"),
            *map(_pair, described(model)[:2]),
            ("arithmetic", "integers only; no sum can overflow, proven for every sample"),
        ),
    )


def _pair(line: str) -> tuple[str, str]:
    """A line of the terminal as its first word and the rest."""
    word, told = line.split(maxsplit=1)
    return word, told


def _use(model: SignalModel) -> Part:
    uses = [
        f"Intended use: a decision every {model.hop_s:.4g} s on "
        f"{counted(len(model.channels), 'channel')} at {model.rate_hz:.6g} Hz, in the ranges below."
    ]
    if not model.labels:
        uses.append(f"Its alarm: {alarm_words(model)}.")
    limits = (
        "It knows the samples of its window and the decisions before it, and nothing else.",
        NO_SAFETY,
        "A sample with a missing value is no part of any window: the next one starts anew.",
    )
    return Part("Intended use and limits", points=(*uses, *limits))


def _figures(model: SignalModel) -> Part:
    rows = tuple((f.label, f.value, f.note) for f in figures(model))
    return Part("Figures", headers=("figure", "value", "on"), rows=rows)


def _of_section(section: Section) -> list[Part]:
    """The tables of a section of the page, the first one below its words."""
    return [
        Part(table.caption, text=section.lead * (k == 0), headers=table.headers, rows=table.rows)
        for k, table in enumerate(section.tables)
        if table.rows
    ]
