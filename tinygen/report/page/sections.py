"""The parts of the report's page: which plots, tables and words stand in each, in the page's order.

    sections(dossier) -> (Section, ...)

Words come from figures.py and report.py, drawings from plots.py; html.py puts them into markup.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...codegen.chain import constant_bytes
from ...commands.explain import CAVEAT
from ...data.audit import Finding
from ...model.alarm_threshold import Confusion
from ...model.fixedpoint import MISSING
from ...model.model import Model
from ...search.conversion import conversion_lines
from ..words import (
    alarms,
    baseline_table,
    cell,
    growth,
    ladder_table,
    ladder_title,
    learned_table,
    level,
    red_above,
    rung_name,
    test_error,
    with_unit,
)
from . import plots
from .dossier import Dossier, Tests
from .figures import (
    MOST_WEAK,
    conversion_table,
    converted,
    faults_table,
    milliseconds,
    sentence_of,
    weak_parts,
    weak_words,
)
from .plots import Plot
from .runs import LOST, Run
from .slices import Slice, by_time, by_truth, misses

WORST_ROWS = 6
MONTHS = 75  # days of a stream from which on its time axis names months


@dataclass(frozen=True)
class Table:
    """A table as it stands in the page."""

    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]  # columns that are set flush right
    marked: int | None = None  # the row that is chosen


@dataclass(frozen=True)
class Drawing:
    """A plot with its caption."""

    plot: Plot
    caption: str


@dataclass(frozen=True)
class Section:
    """One part of the page."""

    id: str
    title: str
    lead: str = ""
    drawings: tuple[Drawing, ...] = ()
    tables: tuple[Table, ...] = ()
    folded: tuple[Table, ...] = ()  # shown when asked for
    points: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()  # of the audit
    columns: int = 2  # drawings side by side where there is room


def sections(d: Dossier) -> tuple[Section, ...]:
    """The parts of the page, in its order; what could not be had is left out."""
    made = [
        *(_error_sections(d, d.tests) if d.tests else ()),
        _ladder_section(d),
        _alarm_section(d),
        _sensitivity_section(d),
        _dependence_section(d),
        _cost_section(d),
        _conversion_section(d),
        _run_section(d),
        _failure_section(d),
        _data_section(d),
    ]
    return tuple(section for section in made if section)


def make_table(
    caption: str, headers: list[str], rows: list[list], marked: int | None = None
) -> Table:
    """A table of plain values, formatted as everywhere else."""
    numeric = tuple(
        all(isinstance(row[k], (int, float)) or row[k] == "-" for row in rows)
        and any(row[k] != "-" for row in rows)
        for k in range(len(headers))
    )
    return Table(
        caption, tuple(headers), tuple(tuple(map(cell, row)) for row in rows), numeric, marked
    )


def _axis(model: Model) -> str:
    return f"{model.output.name} [{model.output.unit}]" if model.output.unit else model.output.name


def _error_label(model: Model) -> str:
    """What an axis of errors is called."""
    return (
        "error rate"
        if model.labels
        else f"mean error [{model.output.unit}]"
        if model.output.unit
        else "mean error"
    )


# ---- errors ----


def _error_sections(d: Dossier, tests: Tests) -> Iterator[Section]:
    yield _confusion(d, tests) if d.model.labels else _predicted_section(d, tests)
    yield _range_section(d, tests)
    if not d.model.labels:
        yield _histogram(d, tests)


def _predicted_section(d: Dossier, tests: Tests) -> Section:
    """Answers against truth, and the rows that are furthest off."""
    model = d.model
    y, answers = (model.output.to_physical(v) for v in (tests.y, tests.answers))
    limits, words = (None, None), ""
    if model.threshold is not None:
        limits, words = (
            (float(model.output.to_physical(raw)) for raw in (model.level, model.threshold)),
            level(model),
        )
    return Section(
        "predicted",
        "Predicted against true",
        f"Each dot is one of {len(tests):,} test rows; on the line, answer and truth are equal.",
        (Drawing(plots.predicted(y, answers, _axis(model), *limits, words), ""),),
        tables=(_worst_table(d, tests),),
        columns=1,
    )


def _range_section(d: Dossier, tests: Tests) -> Section:
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
        f"The {'error rate' if d.model.labels else 'mean absolute error'} for {len(parts)} {what}: "
        "largest, "
        f"{with_unit(worst.error, d.model)} ({worst.name})."
    )
    labels = [s.name.removesuffix(f" {unit}") if unit else s.name for s in parts]
    return plots.bars(
        name,
        labels,
        [s.error for s in parts],
        xlabel,
        _error_label(d.model),
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

    def shown(raw, form: str = "g") -> str:
        return format(float(model.output.to_physical(raw)), form)

    rows = [
        [str(tests.lines[k]), shown(tests.y[k]), shown(tests.answers[k]), shown(off[k], "+g")]
        for k in worst
    ]
    unit = f", in {model.output.unit}" if model.output.unit else ""
    return make_table(
        f"The {len(rows)} test rows with the largest errors{unit}",
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
    plot = plots.histogram(errors, model.output.scale, model.output.unit, alt)
    return Section(
        "histogram",
        "How large the errors are",
        alt,
        (Drawing(plot, ""),),
        tables=(make_table("The error is at most", ["", "error"], rows),),
        columns=1,
    )


def _alarm_section(d: Dossier) -> Section | None:
    model = d.model
    if model.threshold is None:
        return None
    lead = f"{red_above(model)}, green at it or below. On the test rows: {alarms(model)}."
    learned = ()
    if "learned_alarm" in model.training:
        learned = (
            make_table(
                "At the level, and at the learned threshold; "
                "training rows as answered by models that were fitted without them",
                *learned_table(model),
            ),
        )
    if not d.tests:
        return Section("alarm", "Alarms", lead, tables=learned)
    found = Confusion.of(model.alarm(d.tests.answers), model.beyond(d.tests.y))
    rows = [
        ["truly above", found.right, found.missed],
        ["at it or below", found.false, found.quiet],
    ]
    points = (
        f"{found.missed / max(1, found.right + found.missed):.1%} of the rows above the level are "
        "missed",
        f"{found.false / max(1, found.right + found.false):.1%} of the alarms are false",
    )
    return Section(
        "alarm",
        "Alarms",
        lead,
        points=points,
        tables=(
            make_table(
                f"Test rows: truth at the alarm level {level(model)}, and the LED",
                ["", "red", "green"],
                rows,
            ),
            *learned,
        ),
    )


def _failure_section(d: Dossier) -> Section | None:
    if not d.tests:
        return None
    parts = weak_parts(d)[:MOST_WEAK]
    lead = (
        "Parts of the test rows where the error is more than one and a half times that of all, "
        "beyond chance:"
        if parts
        else "No part of the test rows stands out: not by value, not by time, not by a sensor's lowest or highest readings."
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


# ---- ladder, sensors ----


def _ladder_section(d: Dossier) -> Section | None:
    if not d.ladder:
        return None
    found, model = d.ladder, d.model
    least = (1.0 if model.labels else model.output.scale) / model.training["rows_test"] / 2
    rungs = [
        (r.model.family, r.cost.flash_bytes, max(test_error(r.model), least)) for r in found.rungs
    ]
    alt = (
        f"{len(rungs)} models from {rungs[0][1]:,} to {rungs[-1][1]:,} bytes of flash with their "
        "errors on the test rows; "
        f"chosen: {rung_name(model)} with {d.rung.cost.flash_bytes:,} bytes and "
        f"{with_unit(test_error(model), model)}."
    )
    if any(test_error(r.model) < least for r in found.rungs):
        alt += " An error of 0 is drawn at half of what one row makes."
    beside = [(b.name, max(b.error, least)) for b in found.comparators]
    plot = plots.ladder(
        rungs, found.chosen, beside, found.budget.flash_bytes, _error_label(model), alt
    )
    limits = [
        f"{limit:,} {what}"
        for limit, what in (
            (found.budget.flash_bytes, "bytes of flash"),
            (found.budget.ram_bytes, "bytes of RAM"),
            (found.budget.cycles, "cycles"),
        )
        if limit is not None
    ]
    lead = (
        "Every model that was compiled and simulated. The choice fell on training rows and "
        "measured cost"
        f"{', within ' + ', '.join(limits) if limits else ''}; the test rows are shown, they did "
        "not choose."
    )
    folded = [make_table(ladder_title(found), *ladder_table(found), marked=found.chosen)]
    if found.comparators:
        folded.append(
            make_table(
                "Baselines: what else could predict the target, in float on a computer",
                *baseline_table(found.comparators, model),
            )
        )
    return Section(
        "ladder",
        "Error against flash",
        lead,
        (Drawing(plot, alt),),
        tables=(_ends_table(d),),
        folded=tuple(folded),
        columns=1,
    )


def _ends_table(d: Dossier) -> Table:
    """The chosen rung beside the smallest, the quickest, and the one with the least error in the
    folds.
    """
    rungs = d.ladder.rungs
    named = {
        "chosen": d.rung,
        "smallest": min(rungs, key=lambda r: r.cost.flash_bytes),
        "quickest": min(rungs, key=lambda r: r.cost.cycles_max),
        "least error in folds": min(rungs, key=lambda r: r.error),
    }
    rows = [
        [
            name,
            rung_name(r.model),
            r.cost.flash_bytes,
            r.cost.cycles_max,
            with_unit(test_error(r.model), d.model),
        ]
        for name, r in named.items()
    ]
    return make_table(
        "The chosen model, and the ends of the ladder",
        ["", "model", "flash B", "cycles", "on test rows"],
        rows,
        marked=0,
    )


def _sensitivity_section(d: Dossier) -> Section | None:
    if not d.sensitivities:
        return None
    ordered = sorted(d.sensitivities, key=lambda s: -s.share)
    words = ", ".join(f"{s.name} {s.share:.0%}" for s in ordered[:3])
    alt = f"Shares of the answers' movement, largest first: {words}."
    plot = plots.sensitivity(
        [s.name for s in ordered],
        [s.share for s in ordered],
        [s.low for s in ordered],
        [s.high for s in ordered],
        alt,
    )
    worth = {} if not d.ladder else dict(d.ladder.sensors)
    headers = ["sensor", "share", "eight of ten rows", *(["error without it"] if worth else [])]
    rows = [
        [
            s.name,
            f"{s.share:.0%}",
            f"{s.low:.0%} .. {s.high:.0%}",
            *([growth(worth[s.name]) if s.name in worth else "-"] if worth else []),
        ]
        for s in ordered
    ]
    points = (
        (
            "Error without it: how the error on the training folds changes "
            "when the model is trained without that sensor.",
        )
        if worth
        else ()
    )
    return Section(
        "sensitivity",
        "What each sensor contributes",
        CAVEAT,
        (Drawing(plot, "The lines span eight of ten rows."),),
        tables=(make_table("Shares of the answers' movement", headers, rows),),
        points=points,
        columns=1,
    )


def _dependence_section(d: Dossier) -> Section:
    model = d.model
    drawings = []
    for k, c in enumerate(d.curves):
        q, x = c.quantity, c.quantity.to_physical(c.raw)
        alt = f"{'Share of each class among the answers' if model.labels else 'Answer of the integer model'} against {q.name}"
        if not model.labels:
            top = int(np.argmax(c.mean))
            alt += (
                f": on average {with_unit(float(c.mean[0]), model)} at {x[0]:g}, "
                f"{with_unit(float(c.mean[-1]), model)} at {x[-1]:g}, "
                f"highest {with_unit(float(c.mean[top]), model)} at {x[top]:g}"
            )
        plot = plots.dependence(
            f"curve{k}",
            c,
            x,
            f"{q.name} [{q.unit}]" if q.unit else q.name,
            "share of answers" if model.labels else _axis(model),
            model.labels,
            alt + ".",
        )
        drawings.append(Drawing(plot, ""))
    words = (
        ""
        if model.labels
        else (
            "Dashed: the mean over training rows, shaded: eight of ten of them. "
            "Solid: one row, whose steps are those of the integers. "
        )
    )
    return Section(
        "curves",
        "How the answer follows each sensor",
        "The integer model itself, asked over the whole accepted range with the other sensors as "
        "in training rows. "
        f"{words}Dotted: the ends of the trained range.",
        tuple(drawings),
    )


# ---- cost ----


def _cost_section(d: Dossier) -> Section | None:
    if not d.firmware:
        return None
    f, board, model = d.firmware, d.firmware.board, d.model
    constants = min(constant_bytes(model), f.model_flash_bytes)
    flash = [
        ("model: constants", constants),
        ("model: code", f.model_flash_bytes - constants),
        ("wire, alarm, Arduino core", f.flash_bytes - f.model_flash_bytes),
    ]
    ram = [
        ("model: static", f.model_ram_bytes),
        ("wire, alarm, Arduino core", f.ram_bytes - f.model_ram_bytes),
        ("stack, deepest", f.stack_bytes),
    ]
    drawings = [
        _bar("flash", flash, f"bytes of flash, of {board.flash_bytes:,}"),
        _bar("ram", ram, f"bytes of RAM, of {board.ram_bytes:,}"),
        _bar(
            "cycles",
            [(step.name, step.cycles) for step in d.steps],
            "cycles on average, by the steps in the header",
        ),
    ]
    lead = (
        f"The firmware for the {board.title}, compiled and measured on the simulated chip. "
        f"An answer takes {f.cycles_median:,} cycles, at most {f.cycles_max:,}: "
        f"{milliseconds(f.cycles_max, board.f_cpu_hz)}. The steps are those that the header's "
        "comments number."
    )
    return Section("cost", "Where flash, RAM and cycles went", lead, tuple(drawings))


def _bar(name: str, parts: list[tuple[str, int]], unit: str) -> Drawing:
    total = sum(value for _, value in parts)
    alt = f"{total:,} {unit}: " + ", ".join(f"{part} {value:,}" for part, value in parts) + "."
    return Drawing(
        plots.shares(name, parts, alt, unit.split()[0].rstrip(",")), f"{total:,} {unit}."
    )


def _conversion_section(d: Dossier) -> Section:
    if not d.verdict:
        return Section("conversion", "Integers against float", converted(d))
    told = conversion_lines(d.verdict)[:-1]
    names = {"worst row": "Worst row: ", "alarms": "Alarm decisions: "}
    points = [
        names["worst row" if line.startswith("worst") else "alarms"] + line[11:]
        for line in told
        if line.startswith(("worst row", "alarms"))
    ]
    return Section(
        "conversion",
        "Integers against float",
        converted(d),
        tables=(
            make_table(
                f"The same model in both, on the {d.verdict.board.title}; {d.verdict.rows:,} test "
                "rows, "
                f"{d.verdict.differing:,} answers differ",
                *conversion_table(d),
            ),
        ),
        points=tuple(points),
    )


# ---- stream, data ----


def _run_section(d: Dossier) -> Section | None:
    if not d.run:
        return None
    run, model = d.run, d.model
    wrong, lost = (sum(word == what for word in run.verdicts) for what in ("WRONG", "LOST"))
    lead = (
        f"{run.name}: {len(run):,} rows, {wrong:,} wrong, {lost:,} lost, "
        f"{int(np.maximum(run.tries - 1, 0).sum()):,} sent again."
    )
    if run.truth is not None:
        lead += " It is the training file itself: most of its rows were seen in training."
    drawings = []
    if np.isfinite(run.latency_ms).any():
        known = run.latency_ms[np.isfinite(run.latency_ms)]
        half, most = np.quantile(known, [0.5, 0.99])
        alt = (
            f"From sending a row to its answer: half within {half:.3g} ms, 99 % within {most:.3g} "
            "ms, "
            f"at most {known.max():.3g} ms."
        )
        drawings.append(
            Drawing(plots.counts("latency", known, "from sending to answer [ms]", alt), alt)
        )
    if (run.cycles > 0).any():
        cycles = run.cycles[run.cycles > 0]
        alt = (
            f"The board's own stopwatch: an answer takes {int(np.median(cycles)):,} cycles, "
            f"at most {int(cycles.max()):,}, interrupts included."
        )
        drawings.append(
            Drawing(plots.counts("stopwatch", cycles, "cycles, by the board's stopwatch", alt), alt)
        )
    if model.threshold is not None:
        drawings.append(_timeline(run, model))
    return Section("run", "A stream through the board", lead, tuple(drawings))


def _timeline(run: Run, model: Model) -> Drawing:
    lanes = [
        ("red LED", run.red == 1),
        ("both dark", (run.red == 0) & (run.green == 0)),
        ("lost", run.red == LOST),
    ]
    words = f"Red LED in {int((run.red == 1).sum()):,} rows"
    if run.truth is not None:
        known = run.truth != MISSING
        above = known & model.beyond(run.truth)
        lanes = [
            (f"above {level(model)}", above),
            lanes[0],
            ("LED differs", known & (run.raw != MISSING) & (above != (run.red == 1))),
            *lanes[1:],
        ]
        words += (
            f"; truth above {level(model)} in {int(above.sum()):,}; "
            f"they differ in {int(lanes[2][1].sum()):,} rows that have both"
        )
    lanes = [lane for k, lane in enumerate(lanes) if k < 2 or lane[1].any()]
    words += f"; both LEDs dark in {int(((run.red == 0) & (run.green == 0)).sum()):,}."
    if run.time is not None and (np.diff(run.time).astype(np.int64) > 0).all():
        x = run.time.astype("datetime64[s]").astype(np.int64) / 86400
        return Drawing(plots.timeline(lanes, x, "", _month_ticks(run.time), words), words)
    return Drawing(
        plots.timeline(lanes, np.arange(len(run), dtype=float), "row of the stream", None, words),
        words,
    )


def _month_ticks(time: np.ndarray) -> tuple[list[float], list[str]]:
    """At most five marks at starts of months, or at days."""
    days = (time[-1] - time[0]).astype("timedelta64[D]").astype(int)
    unit = "M" if days > MONTHS else "D"
    marks = np.arange(
        time[0].astype(f"datetime64[{unit}]") + 1, time[-1].astype(f"datetime64[{unit}]") + 1
    )
    marks = marks[:: max(1, -(-len(marks) // 5))]
    return [float(m.astype("datetime64[s]").astype(np.int64) / 86400) for m in marks], [
        str(m) for m in marks
    ]


def _data_section(d: Dossier) -> Section | None:
    if not d.audit:
        return None
    audit = d.audit
    columns = [
        [c.name, c.unit or "-", c.missing, c.minimum, c.median, c.maximum, f"{c.step:g}"]
        for c in audit.columns
    ]
    lead = (
        f"{audit.source}: {audit.rows_read:,} rows, {audit.rows_usable:,} usable. "
        f"Findings: {audit.counts}."
    )
    table = make_table(
        "Columns", ["column", "unit", "missing", "lowest", "median", "highest", "step"], columns
    )
    return Section(
        "data",
        "The data, looked at before training",
        lead,
        findings=audit.findings,
        folded=(table,),
    )
