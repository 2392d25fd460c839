"""The parts of the report's page, in the page's order.

    sections(dossier) -> (Section, ...)

Words come from the dossier's figures, drawings from plots/; html.py puts them into markup.
"""

from __future__ import annotations

from dataclasses import replace

from ..dossier.gather import Dossier
from .data_sections import data_section, run_section
from .error_sections import (
    alarm_section,
    bars_section,
    error_sections,
    failure_section,
    reject_section,
)
from .model_sections import (
    conversion_section,
    cost_section,
    dependence_section,
    ladder_section,
    sensitivity_section,
)
from .section import Section


def sections(d: Dossier) -> tuple[Section, ...]:
    """The parts of the page, in its order; what could not be had is left out. Of several outputs
    those of each stand together, in front of what all share.
    """
    if not d.outputs:
        made = _in_order(d)
    else:
        each = [
            _numbered(section, k, one.model.output.name)
            for k, one in enumerate(d.outputs, 1)
            for section in _in_order(replace(one, audit=None))
            if section and section.id != "data"
        ]
        made = [*each, cost_section(d), run_section(d), data_section(d)]
    return tuple(section for section in made if section)


def _in_order(d: Dossier) -> list[Section | None]:
    return [
        *(error_sections(d, d.tests) if d.tests else ()),
        ladder_section(d),
        alarm_section(d),
        reject_section(d),
        bars_section(d),
        sensitivity_section(d),
        dependence_section(d),
        cost_section(d),
        conversion_section(d),
        run_section(d),
        failure_section(d),
        data_section(d),
    ]


def _numbered(section: Section, number: int, name: str) -> Section:
    """The section of one output of several: its name in the title, its number in every id."""
    drawings = tuple(
        replace(drawing, plot=drawing.plot.renamed(f"o{number}")) for drawing in section.drawings
    )
    return replace(
        section,
        id=f"{section.id}-{number}",
        title=f"{name}: {section.title[:1].lower()}{section.title[1:]}",
        drawings=drawings,
    )
