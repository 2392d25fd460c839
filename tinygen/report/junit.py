"""A stream's verdict as JUnit XML, for a CI server."""

from __future__ import annotations

from xml.etree import ElementTree

from ..common.errors import plain
from ..common.tables import counted


def junit_xml(result) -> str:
    """JUnit XML of a stream: one test case per promise, with the figures as properties."""
    verdict = result.verdict
    cases = {
        "answers equal the integer twin": verdict.wrong,
        "no row lost": verdict.lost,
        "LEDs follow the threshold": verdict.led_wrong,
    }
    if result.pins_right is not None:
        cases["LED pins seen by the simulator"] = int(not result.pins_right)
    suite = ElementTree.Element(
        "testsuite",
        name=f"tinygen stream {result.model.name}",
        tests=str(len(cases)),
        failures=str(sum(map(bool, cases.values()))),
        errors="0",
        time=f"{verdict.seconds:.3f}",
    )
    properties = ElementTree.SubElement(suite, "properties")
    figures = {
        "board": result.board.pio_id,
        "model_id": f"{result.model.model_id:08x}",
        **result.plain(),
    }
    for name, value in figures.items():
        ElementTree.SubElement(properties, "property", name=name, value=plain(value))
    for name, failures in cases.items():
        case = ElementTree.SubElement(
            suite, "testcase", classname=f"tinygen.{result.model.name}", name=name
        )
        if failures:
            ElementTree.SubElement(
                case,
                "failure",
                message=plain(f"{counted(failures, 'row')}; {verdict.first_difference or ''}"),
            )
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
