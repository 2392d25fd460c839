"""The parts of the page on a stream through the board and on the training data."""

from __future__ import annotations

import numpy as np

from ...common.tables import counted
from ...model.fixedpoint import MISSING
from ...model.model import Model
from ..dossier.gather import Dossier
from ..dossier.runs import LOST, Run
from ..plots import runs as run_plots
from ..words import alarm_words
from .section import Drawing, Section, make_table

MONTHS = 75  # days of a stream from which on its time axis names months


def run_section(d: Dossier) -> Section | None:
    if not d.run:
        return None
    run, model = d.run, d.model
    wrong, lost = (sum(word == what for word in run.verdicts) for what in ("WRONG", "LOST"))
    lead = (
        f"{run.name}: {counted(len(run), 'row')}, {wrong:,} wrong, {lost:,} lost, "
        f"{int(np.maximum(run.tries - 1, 0).sum()):,} sent again."
    )
    if run.truth is not None:
        lead += " It is the training file itself: most of its rows were seen in training."
    drawings = []
    if np.isfinite(run.latency_ms).any():
        known = run.latency_ms[np.isfinite(run.latency_ms)]
        half, most = np.quantile(known, [0.5, 0.99])
        alt = (
            f"From sending a row to its answer: half within {half:.3g} ms, 99 % within "
            f"{most:.3g} ms, "
            f"at most {known.max():.3g} ms."
        )
        drawings.append(
            Drawing(run_plots.counts("latency", known, "from sending to answer [ms]", alt), alt)
        )
    if (run.cycles > 0).any():
        cycles = run.cycles[run.cycles > 0]
        alt = (
            f"The board's own stopwatch: an answer takes {int(np.median(cycles)):,} cycles, "
            f"at most {int(cycles.max()):,}, interrupts included."
        )
        drawings.append(
            Drawing(
                run_plots.counts("stopwatch", cycles, "cycles, by the board's stopwatch", alt), alt
            )
        )
    if model.band:
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
        asked = known & model.beyond(run.truth)
        lanes = [
            (alarm_words(model), asked),
            lanes[0],
            ("LED differs", known & (run.raw != MISSING) & (asked != (run.red == 1))),
            *lanes[1:],
        ]
        words += (
            f"; truth {alarm_words(model)} in {int(asked.sum()):,}; "
            f"they differ in {int(lanes[2][1].sum()):,} rows that have both"
        )
    lanes = [lane for k, lane in enumerate(lanes) if k < 2 or lane[1].any()]
    words += f"; both LEDs dark in {int(((run.red == 0) & (run.green == 0)).sum()):,}."
    if run.time is not None and (np.diff(run.time).astype(np.int64) > 0).all():
        x = run.time.astype("datetime64[s]").astype(np.int64) / 86400
        return Drawing(run_plots.timeline(lanes, x, "", _month_ticks(run.time), words), words)
    return Drawing(
        run_plots.timeline(
            lanes, np.arange(len(run), dtype=float), "row of the stream", None, words
        ),
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


def data_section(d: Dossier) -> Section | None:
    title = "The data, looked at before training"
    if not d.audit:
        lead = "What `train` found in its rows."
        return Section("data", title, lead, findings=d.findings) if d.findings else None
    audit = d.audit
    columns = [
        [c.name, c.unit or "-", c.missing, c.minimum, c.median, c.maximum, f"{c.step:g}"]
        for c in audit.columns
    ]
    lead = (
        f"{audit.source}: {audit.rows_read:,} rows, {audit.rows_usable:,} usable. Findings: "
        f"{audit.counts}."
    )
    table = make_table(
        "Columns", ["column", "unit", "missing", "lowest", "median", "highest", "step"], columns
    )
    return Section(
        "data",
        title,
        lead,
        findings=d.findings,
        folded=(table,),
    )
