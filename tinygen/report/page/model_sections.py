"""The parts of the page on the model: ladder, sensors, cost, conversion to integers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...codegen.chain import constant_bytes
from ...common.tables import counted
from ...model.model import Model
from ...search.conversion import conversion_lines
from ...search.ladder import Ladder, limits_in_words
from ...target.build import Firmware
from ...target.power import CAPACITY_MAH, CURRENTS, SUPPLIES, awake_cycles, battery
from ..dossier.figures import (
    conversion_table,
    converted,
    milliseconds,
)
from ..dossier.gather import Curve, Dossier
from ..ladder import (
    baseline_table,
    growth,
    ladder_table,
    ladder_title,
    rung_name,
    slow_rungs,
)
from ..plots import ladder as ladder_plots
from ..plots import runs as run_plots
from ..plots import sensors as sensor_plots
from ..shapley import CAVEAT, Sensitivity
from ..words import test_error, value, with_unit
from .section import Drawing, Section, Table, axis_label, error_label, make_table


def ladder_section(d: Dossier) -> Section | None:
    if not d.ladder:
        return None
    found, model = d.ladder, d.model
    limits = limits_in_words(found.budget, ",")
    lead = (
        "Models that were compiled and simulated: the best of each family, and each one to which "
        "no other is equal in flash, cycles, inputs and error. The choice fell on training rows "
        "and measured cost"
        f"{', within ' + limits if limits else ''}; the test rows are shown, they did "
        "not choose."
    )
    lines = slow_rungs(found)
    lead = " ".join((lead, *(f"{line[0].upper()}{line[1:]}." for line in lines)))
    headers, rows = ladder_table(found)
    marked = next(k for k, row in enumerate(rows) if row[0])
    folded = [make_table(ladder_title(found), headers, rows, marked=marked)]
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
        (_ladder_drawing(found, model),),
        tables=(_ends_table(found, model),),
        folded=tuple(folded),
        columns=1,
    )


def _ladder_drawing(found: Ladder, model: Model) -> Drawing:
    """Error against flash of every rung, and the baselines' errors beside."""
    chosen = found.rungs[found.chosen]
    least = (1.0 if model.labels else model.output.scale) / model.training["rows_test"] / 2
    rungs = [
        (r.model.family, r.cost.flash_bytes, max(test_error(r.model), least)) for r in found.rungs
    ]
    alt = (
        f"{len(rungs)} models from {rungs[0][1]:,} to {rungs[-1][1]:,} bytes of flash with their "
        "errors on the test rows; "
        f"chosen: {rung_name(model)} with {chosen.cost.flash_bytes:,} bytes and "
        f"{with_unit(test_error(model), model)}."
    )
    if any(test_error(r.model) < least for r in found.rungs):
        alt += " An error of 0 is drawn at half of what one row makes."
    beside = [(b.name, max(b.error, least)) for b in found.comparators]
    plot = ladder_plots.ladder(
        rungs, found.chosen, beside, found.budget.flash_bytes, error_label(model), alt
    )
    return Drawing(plot, alt)


def _ends_table(ladder: Ladder, model: Model) -> Table:
    """The chosen rung beside the smallest, the quickest, and the one with the least error in the
    folds.
    """
    rungs = ladder.rungs
    named = {
        "chosen": rungs[ladder.chosen],
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
            with_unit(test_error(r.model), model),
        ]
        for name, r in named.items()
    ]
    return make_table(
        "The chosen model, and the ends of the ladder",
        ["", "model", "flash B", "cycles", "on test rows"],
        rows,
        marked=0,
    )


def sensitivity_section(d: Dossier) -> Section | None:
    if not d.sensitivities:
        return None
    ordered = sorted(d.sensitivities, key=lambda s: -s.share)
    words = ", ".join(f"{s.name} {s.share:.0%}" for s in ordered[:3])
    alt = f"Shares of the answers' movement, largest first: {words}."
    plot = sensor_plots.sensitivity(
        [s.name for s in ordered],
        [s.share for s in ordered],
        [s.low for s in ordered],
        [s.high for s in ordered],
        alt,
    )
    worth = {} if not d.ladder else dict(d.ladder.sensors)
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
        tables=(_shares_table(ordered, worth),),
        points=points,
        columns=1,
    )


def _shares_table(ordered: list[Sensitivity], worth: dict[str, float]) -> Table:
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
    return make_table("Shares of the answers' movement", headers, rows)


def dependence_section(d: Dossier) -> Section:
    model = d.model
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
        tuple(_curve_drawing(k, c, model) for k, c in enumerate(d.curves)),
    )


def _curve_drawing(number: int, c: Curve, model: Model) -> Drawing:
    """The answer against one sensor."""
    q, x = c.quantity, c.quantity.to_physical(c.raw)
    shown = (
        "Share of each class among the answers" if model.labels else "Answer of the integer model"
    )
    alt = f"{shown} against {q.name}"
    if not model.labels:
        top = int(np.argmax(c.mean))
        alt += (
            f": on average {value(float(c.mean[0]), model)} at {q.words(x[0])}, "
            f"{value(float(c.mean[-1]), model)} at {q.words(x[-1])}, "
            f"highest {value(float(c.mean[top]), model)} at {q.words(x[top])}"
        )
    plot = sensor_plots.dependence(
        f"curve{number}",
        c,
        x,
        f"{q.name} [{q.unit}]" if q.unit else q.name,
        "share of answers" if model.labels else axis_label(model),
        model.labels,
        alt + ".",
    )
    return Drawing(plot, "")


def cost_section(d: Dossier) -> Section | None:
    if not d.firmware:
        return None
    f, board, model = d.firmware, d.firmware.board, d.model
    assert f.stack_bytes is not None and f.cycles_max is not None, "simavr runs the page's board"
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
        f"An answer takes {f.cycles_median:,} cycles, at most {f.cycles_max:,}"
        f"{'' if f.cycles_seen is None else ' by its code'}: "
        f"{milliseconds(f.cycles_max, board.f_cpu_hz)}. The steps are those that the header's "
        "comments number."
    )
    on_battery = (_battery(d.firmware, len(model.inputs)),) if board.mcu in CURRENTS else ()
    return Section("cost", "Where flash, RAM and cycles went", lead, tuple(drawings), on_battery)


EVERY_S = (0.1, 1.0, 60.0)  # seconds between decisions, in the table
MANY_DAYS = 3650  # no cell lasts longer by itself


def _battery(firmware: Firmware, inputs: int) -> Table:
    """What the chip alone would draw, asleep between readings."""
    assert firmware.cycles_max is not None
    awake, mcu = awake_cycles(firmware.cycles_max, inputs), firmware.board.mcu
    rows = [
        [
            supply.words,
            f"{every:g}",
            f"{1000 * b.awake_s:.3g}",
            f"{100 * b.duty:.2g} %",
            f"{b.charge_uc:.3g}",
            f"{b.mean_ua:.3g}",
            f"{b.days:,.0f}" if b.days < MANY_DAYS else f"over {MANY_DAYS:,}",
        ]
        for supply in SUPPLIES
        for every in EVERY_S
        for b in (battery(mcu, awake, every, supply),)
    ]
    caption = (
        f"On a battery, an estimate: the {mcu.upper().replace('ATMEGA', 'ATmega')} alone, without "
        "sensors, LEDs and the rest of a board; asleep by its watchdog between readings, as the "
        f"sketch NAME_analog is. Awake: start-up, {counted(inputs, 'analog reading')}, the model. "
        f"{CAPACITY_MAH:,.0f} mAh. Typical currents: {CURRENTS[mcu].source}."
    )
    headers = ["supply", "every s", "awake ms", "awake", "uC awake", "mean uA", "days"]
    return make_table(caption, headers, rows)


def _bar(name: str, parts: Sequence[tuple[str, int]], unit: str) -> Drawing:
    total = sum(value for _, value in parts)
    alt = f"{total:,} {unit}: " + ", ".join(f"{part} {value:,}" for part, value in parts) + "."
    return Drawing(
        run_plots.shares(name, parts, alt, unit.split()[0].rstrip(",")), f"{total:,} {unit}."
    )


def conversion_section(d: Dossier) -> Section:
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
                f"The same model in both, on the {d.verdict.board.title}; {d.verdict.rows:,} "
                "test rows, "
                f"{d.verdict.differing:,} answers differ",
                *conversion_table(d.verdict),
            ),
        ),
        points=tuple(points),
    )
