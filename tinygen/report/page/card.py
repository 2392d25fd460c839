"""Model card and data sheet: what a model is, where it comes from, what it is for and where it
fails, as Markdown.

    markdown(dossier) -> the Markdown file
    card_views(dossier) -> the parts, for the Markdown file and for the page

Nothing in it is written by hand but the text that --note brings. After Mitchell et al., "Model
Cards for Model Reporting" (2019), and Gebru et al., "Datasheets for Datasets" (2021).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy

from ... import __version__
from ...common.jinja import environment
from ...common.tables import cell, counted
from ...data import sources as datasets
from ...model.model import Model
from ..dossier.figures import (
    MOST_WEAK,
    converted,
    errors_of,
    faults_table,
    figures,
    headline,
    inputs_table,
    measured_on,
    model_line,
    split_words,
    weak_parts,
    weak_words,
)
from ..dossier.gather import Dossier
from ..words import (
    alarm_words,
    alarms,
    covered,
    green,
    is_converted,
    reach,
    recalibrated,
    red,
    rows_used,
    test_error,
    title,
    with_unit,
)

LICENCES = {
    datasets.SHA256: 'CC BY 4.0; UCI Machine Learning Repository, data set 360, "Air Quality"; '
    "S. De Vito, E. Massera, M. Piga, L. Martinotto, G. Di Francia, "
    "Sensors and Actuators B 129 (2008) 750-757"
}
NO_SAFETY = "It is no safety device and no reference instrument; nobody has certified it."
CANNOT = (
    "It knows its sensors' readings of one moment and nothing else: no trend, no place, "
    "no season that is not among its inputs.",
    NO_SAFETY,
    "A reading beyond the accepted range is brought to its end and flagged; a missing one gives "
    "no answer, "
    "and both LEDs stay dark.",
)


@dataclass(frozen=True)
class Part:
    """One heading of the card and what stands under it, in this order."""

    title: str
    text: str = ""
    pairs: tuple[tuple[str, str], ...] = ()
    headers: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    points: tuple[str, ...] = ()


def markdown(d: Dossier) -> str:
    """The card as Markdown."""
    template = environment("markdown").get_template("card.md.j2")
    return template.render(title=title(d.model), headline=headline(d), parts=card_views(d))


# ---- the parts ----


def card_views(d: Dossier) -> tuple[Part, ...]:
    """The parts of the card, in their order."""
    parts = (
        _about(d),
        note_part(d.note),
        _use(d),
        _inputs(d),
        _data(d),
        *(part for one in d.each for part in _of_output(d, one)),
        _cost(d),
        _versions(d),
    )
    return tuple(part for part in parts if part)


def _of_output(d: Dossier, one: Dossier) -> tuple[Part, ...]:
    """Figures and failures of an output; their titles name it where there are several."""
    parts = _metrics(one), _failures(one)
    if not d.outputs:
        return parts
    name = one.model.output.name
    return tuple(replace(part, title=f"{part.title}: {name}") for part in parts)


def _named(d: Dossier, one: Dossier, words: str) -> str:
    """The words, behind the output's name where there are several."""
    return f"{one.model.output.name}: {words}" if d.outputs else words


def _predicts(m: Model) -> str:
    if m.labels:
        return f"{m.output.name}: {', '.join(m.labels)}"
    unit = f" in {m.output.unit}" if m.output.unit else ""
    return f"{m.output.name}{unit}, in steps of {m.output.scale:g}"


def _about(d: Dossier) -> Part:
    m = d.model
    return Part(
        "Model",
        pairs=(
            ("name", m.name),
            ("model id", f"{m.model_id:08x}, checked in every row on the wire"),
            ("kind", "; ".join(_named(d, one, model_line(one)) for one in d.each)),
            ("predicts", "; ".join(_predicts(one.model) for one in d.each)),
            ("arithmetic", "integers only; no sum can overflow, proven for every input"),
            *([("recalibrated", told)] if (told := recalibrated(m)) else []),
        ),
    )


def note_part(note: str) -> Part | None:
    """The user's words; None where there are none."""
    lines = (line.strip(" -*") for line in note.splitlines() if line.strip())
    return Part("Note by the user", points=tuple(lines)) if note else None


def _use(d: Dossier) -> Part:
    m = d.model
    uses = [
        f"Intended use: an answer for each row of {len(m.inputs)} sensor readings, on an 8-bit "
        "board, in the ranges below."
    ]
    if m.band:
        whose = f", by {m.output.name} alone" if m.more else ""
        uses.append(f"{red(m)}, {green(m)}{whose}.")
    if "reject" in m.training:
        uses.append(
            f'It answers "not sure" where the best class leads by less than {m.sure_margin}: '
            "all LEDs are dark then, and whatever acts on its answers must know what to do. The "
            "margin was chosen on training rows that a fit had not seen, for at most "
            f"{m.training['reject']['rate']:.2%} wrong answers."
        )
    if m.bars:
        uses.append(_bars_words(m, m.bars.level))
    return Part("Intended use and limits", points=(*uses, *CANNOT))


def _bars_words(m: Model, level: int) -> str:
    """What the error bars promise, what they cover of the test rows, and what shows them."""
    seen = "; ".join(f"{found.share:.2%} with the bars {words}" for words, found in covered(m))
    return (
        f"{level}% of the references should lie within its answer {reach(m)}."
        + (f" So many of the test rows do: {seen}." if seen else "")
        + (" Both LEDs are dark where the bar leaves the alarm open." if m.band else "")
    )


def _inputs(d: Dossier) -> Part:
    headers, rows = inputs_table(d.model)
    return Part("Inputs", headers=tuple(headers), rows=tuple(tuple(map(str, row)) for row in rows))


def _data(d: Dossier) -> Part:
    facts = d.model.training
    codes = (f"{m:g}" if isinstance(m, float) else str(m) for m in facts["missing"])
    pairs = [
        ("source", facts["source"]),
        ("sha256", facts["sha256"]),
        ("licence", LICENCES.get(facts["sha256"], "not known to tinygen: say it with --note")),
        ("rows", rows_used(d.model)),
        ("test rows", f"{split_words(d.model)}, seed {facts['seed']}"),
        ("no value", ", ".join(["empty", *codes])),
        ("columns offered", ", ".join(facts["candidate_inputs"])),
    ]
    if weights := weights_words(facts.get("weighting", {})):
        pairs.append(("weights of training rows", weights))
    tests = d.each[0].tests
    if tests and tests.dataset.provenance.time is not None:
        time = tests.dataset.provenance.time.astype("datetime64[D]")
        pairs.append(("dates", f"{time.min()} to {time.max()}"))
    points = tuple(f"{f.severity}: {f.what}; {f.effect}" for f in d.findings if f.severity != "low")
    return Part("Data sheet", pairs=tuple(pairs), points=points)


def weights_words(facts: dict) -> str:
    """How the training rows were weighed; "" if all count the same."""
    words = []
    if robust := facts.get("robust"):
        words.append(
            f"{robust['left_out']:,} left out as faulty, {robust['less_than_half']:,} count less "
            "than half"
        )
    if balance := facts.get("balance"):
        words.append(
            f"the rarer the level the more, {balance['least']:g} to {balance['most']:g} times"
        )
    if given := facts.get("sample_weight"):
        words.append(f"given with the rows, {given['least']:g} to {given['most']:g} times")
    return "; ".join(words)


def _found(m: Model) -> Iterator[tuple[str, int, int]]:
    """Of each class its label, how many of its test rows were found, and how many there are."""
    for k, label in enumerate(m.labels):
        counts = m.training["metrics"]["confusion"][k]
        yield label, counts[k], sum(counts)


def _unfound(m: Model) -> Iterator[str]:
    """What no test row tells: that a class is never found, or has no test row."""
    for label, found, rows in _found(m):
        if not rows:
            yield f"No test row is of class {label}: whether it is found is not known."
        elif not found:
            yield f"Class {label} is never found: 0 of {counted(rows, 'test row')}."


def _metrics(d: Dossier) -> Part:
    rows = [(f.label, f.value, f.note) for f in errors_of(d)]
    rows += [
        (f"found: {label}", f"{found / n:.2%}" if n else "-", f"{found:,} of {counted(n, 'row')}")
        for label, found, n in _found(d.model)
    ]
    if d.ladder:
        rows += [
            (f"baseline: {b.name}", with_unit(b.error, d.model), "the same test rows")
            for b in d.ladder.comparators
        ]
    return Part("Figures", headers=("figure", "value", "on"), rows=tuple(rows))


def _failures(d: Dossier) -> Part:
    if not d.tests:
        unfound = tuple(_unfound(d.model))
        others = "Others were not looked for" if unfound else "Not looked for"
        text = f"{others}: this needs the training file, --data."
        return Part("Known failures", text=text, points=unfound)
    headers, faults = faults_table(d)
    beyond = int(d.tests.clamped.sum())
    points = [
        *_unfound(d.model),
        *(f"Worse {weak_words(s, d)}." for s in weak_parts(d)[:MOST_WEAK]),
        f"{beyond:,} of {len(d.tests):,} test rows {'has' if beyond == 1 else 'have'} a reading "
        "beyond the accepted range.",
    ]
    if d.model.band:
        points.append(f"Alarms {alarm_words(d.model)} on the test rows: {alarms(d.model)}.")
    lead = (
        "Error over the test rows with one sensor stuck at an end of its accepted range; all "
        "rows as they are: "
        f"{with_unit(test_error(d.model), d.model)}."
    )
    return Part(
        "Known failures",
        text=lead,
        headers=tuple(headers),
        rows=tuple(map(tuple, faults)),
        points=tuple(points),
    )


def _cost(d: Dossier) -> Part:
    rows = [(f.label, f.value, f.note) for f in figures(d) if f.key in ("flash", "ram", "cycles")]
    if d.firmware:
        f = d.firmware
        rows.append(
            (
                "whole firmware",
                f"{cell(f.flash_bytes)} bytes of flash, {cell(f.ram_bytes)} of RAM",
                f.board.title,
            )
        )
    board = measured_on(d)
    return Part(
        "Cost" + (f" on the {board}" if board else ""),
        text=" ".join(_named(d, one, converted(one)) for one in d.each),
        headers=("what", "value", "of"),
        rows=tuple(rows),
    )


def _versions(d: Dossier) -> Part:
    return Part(
        "Made with",
        pairs=(
            *versions(),
            (
                "made by",
                f"tinygen card; tinygen {'convert' if is_converted(d.model) else 'train'} with "
                f"seed {d.model.training['seed']} makes the model again",
            ),
        ),
    )


def versions() -> tuple[tuple[str, str], ...]:
    """What is installed, by name."""
    return (
        ("tinygen", __version__),
        ("numpy", numpy.__version__),
        ("scikit-learn", version("scikit-learn")),
    )


def card_gaps(d: Dossier) -> tuple[str, ...]:
    """What is missing in the card; the board is never part of it."""
    return tuple(gap for gap in d.gaps if not gap.startswith("the board is left out"))
