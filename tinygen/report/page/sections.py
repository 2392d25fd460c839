"""The parts of the report's page, in the page's order.

    sections(dossier) -> (Section, ...)

Words come from the dossier's figures, drawings from plots/; html.py puts them into markup.
"""

from __future__ import annotations

from ..dossier.gather import Dossier
from .data_sections import data_section, run_section
from .error_sections import alarm_section, error_sections, failure_section
from .model_sections import (
    conversion_section,
    cost_section,
    dependence_section,
    ladder_section,
    sensitivity_section,
)
from .section import Section


def sections(d: Dossier) -> tuple[Section, ...]:
    """The parts of the page, in its order; what could not be had is left out."""
    made = [
        *(error_sections(d, d.tests) if d.tests else ()),
        ladder_section(d),
        alarm_section(d),
        sensitivity_section(d),
        dependence_section(d),
        cost_section(d),
        conversion_section(d),
        run_section(d),
        failure_section(d),
        data_section(d),
    ]
    return tuple(section for section in made if section)
