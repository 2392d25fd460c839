"""The parts of the page on errors: by row, by range, by size, alarms, weak spots."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...common.tables import counted
from ...model.alarm_threshold import Confusion
from ...model.confidence.error_bars import Covered
from ...model.confidence.not_sure import Answered
from ...model.model import Model
from ..dossier.figures import (
    MOST_WEAK,
    faults_table,
    sentence_of,
    weak_parts,
    weak_words,
)
from ..dossier.gather import Dossier, Tests
from ..dossier.slices import Slice, by_time, by_truth, misses
from ..plots import errors as error_plots
from ..plots.svg import Plot
from ..words import (
    alarms,
    covered,
    green,
    learned_table,
    level,
    reach,
    recalibrated,
    red,
    test_error,
    with_unit,
)
from .section import Drawing, Section, Table, axis_label, error_label, make_table

WORST_ROWS = 6


def error_sections(d: Dossier, tests: Tests) -> Iterator[Section]:
    yield _confusion(d, tests) if d.model.labels else predicted_section(d, tests)
    yield range_section(d, tests)
    if not d.model.labels:
        yield _histogram(d, tests)


def predicted_section(d: Dossier, tests: Tests) -> Section:
    """Answers against truth, and the rows that are furthest off."""
    model = d.model
    y, answers = (model.output.to_physical(v) for v in (tests.y, tests.answers))
    levels, band = model.levels, model.band
    ends = [
        (float(model.output.to_physical(truth)), float(model.output.to_physical(lit)))
        for truth, lit in ((levels.low, band.low), (levels.high, band.high))
        if truth is not None and lit is not None
    ]
    wrong = model.alarm(tests.answers) != model.beyond(tests.y)
    words = level(model) if band else ""
    return Section(
        "predicted",
        "Predicted against true",
        f"Each dot is one of {len(tests):,} test rows; on the line, answer and truth are equal.",
        (Drawing(error_plots.predicted(y, answers, axis_label(model), ends, wrong, words), ""),),
        tables=(_worst_table(d, tests),),
        columns=1,
    )


def range_section(d: Dossier, tests: Tests) -> Section:
    """Errors by true value or class, and by time."""
    parts, periods, unit = by_truth(d.model, tests), by_time(d.model, tests), d.model.output.unit
    name, words = (
        ("class", "By true class.")
        if d.model.labels
        else ("true value", "By true value, in parts with about equally many rows.")
    )
    axis = f"{name} [{unit}]" if unit and not d.model.labels else name
    drawings = [Drawing(_bars("range", parts, d, axis, f"parts of the rows by {name}"), words)]
    if periods:
        drawings.append(Drawing(_bars("time", periods, d, "", "periods"), "By time."))
    return Section(
        "range",
        "Error by range and by time",
        "Hatched: worse than one and a half times the error of all rows, and beyond chance.",
        tuple(drawings),
        folded=(_slice_table((*parts, *periods), d),),
    )


def _bars(name: str, parts: tuple[Slice, ...], d: Dossier, xlabel: str, what: str) -> Plot:
    """Columns of the parts' errors."""
    weak, unit = weak_parts(d), d.model.output.unit
    worst = max(parts, key=lambda s: s.error)
    alt = (
        f"The {'error rate' if d.model.labels else 'mean absolute error'} for {len(parts)} "
        f"{what}: largest, "
        f"{with_unit(worst.error, d.model)} ({worst.name})."
    )
    labels = [s.name.removesuffix(f" {unit}") if unit else s.name for s in parts]
    return error_plots.bars(
        name,
        labels,
        [s.error for s in parts],
        xlabel,
        error_label(d.model),
        alt,
        test_error(d.model),
        weak=tuple(k for k, s in enumerate(parts) if s in weak),
    )


def _slice_table(parts: tuple[Slice, ...], d: Dossier) -> Table:
    rows = [[s.name, s.rows, s.error, *([] if d.model.labels else [s.bias])] for s in parts]
    return make_table(
        "The same as numbers",
        ["part", "rows", "error", *([] if d.model.labels else ["bias"])],
        rows,
    )


def _worst_table(d: Dossier, tests: Tests) -> Table:
    """The test rows that the model is furthest off on."""
    model, off = d.model, tests.answers - tests.y
    worst = np.lexsort((tests.lines, -np.abs(off)))[:WORST_ROWS]

    def place(k: int) -> int | str | None:
        return tests.dataset.provenance.line(int(tests.dataset.test[k]))

    def shown(raw) -> str:
        return model.output.words(float(model.output.to_physical(raw)))

    rows = [
        [
            str(place(k)),
            shown(tests.y[k]),
            shown(tests.answers[k]),
            format(float(model.output.difference(off[k])), "+g"),
        ]
        for k in worst
    ]
    unit = f", in {model.output.unit}" if model.output.unit else ""
    return make_table(
        f"The {counted(len(rows), 'test row')} with the largest errors{unit}",
        ["line", "true", "answer", "error"],
        rows,
    )


def _confusion(d: Dossier, tests: Tests) -> Section:
    """For classes: what each class's rows were taken for."""
    labels, metrics = d.model.labels, d.model.training["metrics"]
    found = {
        label: f"{recall:.2%}" if recall is not None else "-"
        for label, recall in metrics["recall"].items()
    }
    rows = [[label, *counts, found[label]] for label, counts in zip(labels, metrics["confusion"])]
    return Section(
        "predicted",
        "Predicted against true",
        f"What the {len(tests):,} test rows of each class were answered as.",
        tables=(
            make_table(
                "Rows: the true class; columns: the answer.", ["true class", *labels, "found"], rows
            ),
        ),
    )


def _histogram(d: Dossier, tests: Tests) -> Section:
    model, errors = d.model, misses(d.model, tests.y, tests.answers)
    sizes, bias = np.abs(errors), float(errors.mean())

    def within(part: float) -> str:
        return with_unit(float(np.quantile(sizes, part)), model)

    alt = (
        f"Half of the answers lie within {within(0.5)} of the truth, 95 % within {within(0.95)}; "
        f"on average they are {with_unit(abs(bias), model)} too {'high' if bias > 0 else 'low'}."
    )
    rows = [[f"{part:.0%} of the rows", within(part)] for part in (0.5, 0.8, 0.9, 0.95, 0.99)] + [
        ["all rows", within(1)]
    ]
    plot = error_plots.histogram(errors, model.output.scale, model.output.unit, alt)
    return Section(
        "histogram",
        "How large the errors are",
        alt,
        (Drawing(plot, ""),),
        tables=(make_table("The error is at most", ["", "error"], rows),),
        columns=1,
    )


def alarm_section(d: Dossier) -> Section | None:
    model = d.model
    if not model.band:
        return None
    side, both = model.band.side, model.band.side == "outside"
    lead = f"{red(model)}, {green(model)}. On the test rows: {alarms(model)}."
    learned = _learned_tables(model, "s" if both else "")
    if not d.tests:
        return Section("alarm", "Alarms", lead, tables=learned)
    found = Confusion.of(model.alarm(d.tests.answers), model.beyond(d.tests.y))
    rows = [
        [f"truly {side}", found.right, found.missed],
        [green(model).removeprefix("green "), found.false, found.quiet],
    ]
    points = (
        f"{found.missed / max(1, found.right + found.missed):.1%} of the rows {side} the "
        f"level{'s' if both else ''} are missed",
        f"{found.false / max(1, found.right + found.false):.1%} of the alarms are false",
    )
    return Section(
        "alarm",
        "Alarms",
        lead,
        points=points,
        tables=(
            make_table(
                f"Test rows: truth at the alarm level{'s' if both else ''} {level(model)}, and the "
                "LED",
                ["", "red", "green"],
                rows,
            ),
            *learned,
        ),
    )


def reject_section(d: Dossier) -> Section | None:
    """Of a classifier that may be not sure: how often it is, and how it errs elsewhere."""
    if "reject" not in d.model.training:
        return None
    told = d.model.training["reject"]
    rows = []
    for where, key in (("left out of a fit", "unseen"), ("test rows", "test")):
        seen = Answered(**told[key])
        wrong = f"{seen.error:.2%}" if seen.answered else "-"
        rows.append([where, seen.rows, f"{seen.share_not_sure:.2%}", seen.answered, wrong])
    seen = Answered(**told["test"])
    return Section(
        "not-sure",
        "Where it is not sure",
        f'The answer is "not sure" where the score of the best class leads by less than '
        f"{d.model.sure_margin}. On the test rows it is so in {seen.share_not_sure:.2%} of them.",
        points=(
            "The margin is the smallest lead from which on at most "
            f"{told['rate']:.2%} of the answers are wrong, counted with one wrong row more than "
            "there was. It was chosen on training rows, each answered by a fit that had not seen "
            "it; the test rows had no part in it.",
            "On the board all LEDs are dark for such a row, and the answer is flagged.",
        ),
        tables=(
            make_table(
                "The rows that chose the margin, and the test rows",
                ["rows", "how many", "not sure", "answered", "of these wrong"],
                rows,
            ),
        ),
    )


def bars_section(d: Dossier) -> Section | None:
    """Of a model with error bars: how wide they are and how many test rows they cover."""
    model, bars = d.model, d.model.bars
    if bars is None:
        return None
    told = model.training.get("error_bars", {})
    source = (
        f"the {told['rows']:,} training rows that were held out of a fit of the same configuration"
        if "rows" in told
        else "rows that were held out of a fit"
    )
    points = [
        f"The half-width is that of {source}; the test rows had no part in it.",
        "It holds for rows like the training rows. Where the sensors drift it does not, unless "
        f"{model.name}_reference() is told what a reference reads, about once a day and not always "
        f"at the same hour: a step of {bars.up} up after a miss, of {bars.down} down after a hit"
        f"{', in 1/256 of a raw step' if bars.shift else ', in raw steps'}.",
    ]
    if recalibrated(model):
        points.append(
            "The half-width is older than the model's recalibration, and knows none of it."
        )
    if model.band:
        points.append(
            "On the board both LEDs are dark where the bar leaves open whether it is an alarm."
        )
    rows = [
        [words, found.rows, f"{found.share:.2%}", _widths(model, found)]
        + ([found.unsure] if model.band else [])
        for words, found in covered(model)
    ]
    headers = ["bars", "test rows", "within", "half-width"] + ["alarm unsure"] * bool(model.band)
    caption = f"The test rows, of which {bars.level}% should lie within"
    return Section(
        "bars",
        "Error bars",
        f"{bars.level}% of the references should lie within the answer {reach(model)}.",
        points=tuple(points),
        tables=(make_table(caption, headers, rows),) if rows else (),
    )


def _widths(model: Model, found: Covered) -> str:
    """The half-width that test rows had, or the narrowest and the widest."""
    ends = dict.fromkeys(reach(model, end) for end in (found.narrowest, found.widest))
    return " to ".join(ends).replace(" to +- ", " to ")


def _learned_tables(model: Model, plural: str) -> tuple[Table, ...]:
    """The confusions at the level and at the learned threshold, where one was learned."""
    if "learned_alarm" not in model.training:
        return ()
    caption = (
        f"At the level{plural}, and at the learned threshold{plural}; "
        "training rows as answered by models that were fitted without them"
    )
    return (make_table(caption, *learned_table(model)),)


def failure_section(d: Dossier) -> Section | None:
    if not d.tests:
        return None
    parts = weak_parts(d)[:MOST_WEAK]
    lead = (
        "Parts of the test rows where the error is more than one and a half times that of all, "
        "beyond chance:"
        if parts
        else "No part of the test rows stands out: not by value, not by time, not by a sensor's "
        "lowest or highest readings."
    )
    table = make_table(
        "Error with one sensor stuck at an end of its accepted range, as with a broken wire",
        *faults_table(d),
    )
    return Section(
        "failures",
        "Where it fails",
        lead,
        tables=(table,),
        points=tuple(sentence_of(weak_words(s, d)) for s in parts),
    )
