"""Results as text for people and as plain JSON for programs; every number comes from the result
itself.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from rich.console import Console
from rich.table import Table

from ..common.boards import Board
from ..common.errors import plain
from ..model.alarm_threshold import AlarmCost, Confusion
from ..model.fixedpoint import MISSING
from ..model.model import Model
from ..target.build import Firmware

MOST_GROWTH = 100  # times, of an error without a sensor
WIDTH = 250  # tables are never cut: a narrow terminal wraps them itself


def table(headers: list[str], rows: list[list], title: str | None = None) -> str:
    """A plain table; columns whose cells are numbers are set flush right."""
    grid = Table(
        title=title, title_justify="left", box=None, pad_edge=False, header_style="", title_style=""
    )
    for index, header in enumerate(headers):
        numeric = all(isinstance(row[index], (int, float)) for row in rows)
        grid.add_column(header, justify="right" if numeric else "left", no_wrap=True)
    for row in rows:
        grid.add_row(*map(cell, row))
    target = StringIO()
    Console(
        file=target, width=WIDTH, color_system=None, markup=False, emoji=False, highlight=False
    ).print(grid)
    return "\n".join(line.rstrip() for line in target.getvalue().splitlines())


def cell(value) -> str:
    """A value as it stands in every table: thousands with commas, four significant digits."""
    return (
        f"{value:,}"
        if isinstance(value, int)
        else f"{value:.4g}"
        if isinstance(value, float)
        else str(value)
    )


def with_unit(value: float, model: Model) -> str:
    """An error or a level in the output's unit; of a classifier, a part of the rows in per cent."""
    return f"{value:.2%}" if model.labels else f"{value:.4g} {model.output.unit}".rstrip()


# ---- train ----


def trained(result) -> str:
    model, facts = result.model, result.model.training
    metrics, lines = facts["metrics"], [f"note: {note}" for note in result.notes]
    lines += [
        f"model    {result.path}: {model.family}, inputs {', '.join(q.name for q in model.inputs)}",
        f"rows     {rows_used(model)}",
        *(_class_errors(metrics) if model.labels else _errors(metrics, model)),
    ]
    if model.threshold is not None:
        lines.append(f"alarm    above {level(model)}: {alarms(model)}")
    if "learned_alarm" in facts:
        lines += learned_alarm(model)
    parts = [
        "\n".join(lines),
        "\n".join(result.verdict),
        ladder(result.ladder),
        beside(result.comparators, model),
    ]
    return "\n\n".join(part for part in parts if part)


def learned_alarm(model: Model) -> list[str]:
    """Where the threshold went for the costs stated, and the confusions at the level and at the
    threshold.
    """
    return [
        f"         its threshold was learned: {learned_for(model)}",
        table(*learned_table(model)),
        "         (training rows: as answered by models that were fitted without them)",
    ]


def learned_for(model: Model) -> str:
    """What the mistakes of an alarm were said to cost."""
    return AlarmCost(**model.training["learned_alarm"]["cost"]).words


def learned_table(model: Model) -> tuple[list[str], list[list]]:
    """Headers and rows of the confusions at the level and at the learned threshold."""
    facts, unit = model.training["learned_alarm"], model.output
    cost, rows = AlarmCost(**facts["cost"]), []
    for where, raw, key in (
        ("training rows", "level", "at_level"),
        ("training rows", "threshold", "learned"),
        ("test rows", "level", "test_at_level"),
        ("test rows", "threshold", "test_learned"),
    ):
        lit, found = with_unit(float(unit.to_physical(facts[raw])), model), Confusion(**facts[key])
        rows.append(
            [
                where,
                f"above {lit}",
                found.right,
                found.missed,
                found.false,
                found.quiet,
                f"{found.cost(cost):g}",
            ]
        )
    return ["", "red LED", "right alarms", "missed", "false", "quiet", "cost"], rows


def rows_used(model: Model) -> str:
    """How many rows trained and tested, and what became of the others."""
    facts = model.training
    return (
        f"{facts['rows_train']:,} train, {facts['rows_test']:,} test ({facts['split']} split); "
        f"of {facts['rows_read']:,} read {facts['rows_dropped']:,} lack a value, "
        f"{facts.get('repeated', facts.get('duplicates_removed', 0)):,} repeat another"
        + (
            f", {facts['weighting']['robust']['left_out']:,} have a target beyond belief"
            if "robust" in facts.get("weighting", {})
            else ""
        )
    )


def level(model: Model) -> str:
    """The alarm level with its unit."""
    return with_unit(float(model.output.to_physical(model.level)), model)


def red_above(model: Model) -> str:
    """Where the red LED lights, and why there if that is not the alarm level."""
    if "learned_alarm" not in model.training:
        return f"Red LED above {level(model)}"
    lit = with_unit(float(model.output.to_physical(model.threshold)), model)
    return f"The alarm level is {level(model)}; {learned_for(model)}: the threshold was learned, red LED above {lit}"


def alarms(model: Model) -> str:
    """False and missed alarms on the test rows."""
    found = model.training["alarm"]
    return f"{found['false']} false, {found['missed']} missed"


def beside(baselines, model: Model) -> str:
    """The baselines as a table: what else could predict the target."""
    return table(*baseline_table(baselines, model)) if baselines else ""


def baseline_table(baselines, model: Model) -> tuple[list[str], list[list]]:
    """Headers and rows of the baselines' table."""
    named = model.threshold is not None
    rows = [
        [
            b.name,
            b.error,
            *([b.false_alarms, b.missed_alarms] if named else []),
            f"{b.bytes:,}" if b.bytes is not None else "-",
            b.needs,
        ]
        for b in baselines
    ]
    headers = [
        "baseline",
        "on test rows",
        *(["false", "missed"] if named else []),
        "bytes of floats",
        "needs besides",
    ]
    return headers, rows


def _errors(metrics: dict, model: Model) -> list[str]:
    return [
        f"error    {with_unit(metrics['mae'], model)} mean absolute on the test rows; "
        f"float model {with_unit(metrics['float_mae'], model)}",
        f"         rmse {with_unit(metrics['rmse'], model)}, R2 {metrics['r2']:.4f}",
    ]


def _class_errors(metrics: dict) -> list[str]:
    """Error rate, and for each class what its test rows were taken for."""
    labels = list(metrics["recall"])
    taken = [
        [
            label,
            recall if recall is not None else "-",
            ", ".join(f"{n} {other}" for n, other in zip(row, labels) if n),
        ]
        for (label, recall), row in zip(metrics["recall"].items(), metrics["confusion"])
    ]
    return [
        f"error    {metrics['error_rate']:.2%} of the test rows wrong; float model {metrics['float_error_rate']:.2%}",
        table(["class", "found", "its rows were answered as"], taken),
    ]


def test_error(model: Model) -> float:
    """The figure on the test rows: the error rate of classes, else the mean absolute error in the
    output's unit.
    """
    return model.training["metrics"]["error_rate" if model.labels else "mae"]


def ladder(found) -> str:
    """The ladder as a table, the chosen rung marked, and what each of its sensors is worth."""
    lines = [ladder_title(found), table(*ladder_table(found))]
    if found.sensors:
        lines.append(
            "error without one sensor: "
            + ", ".join(f"{name} {growth(part)}" for name, part in found.sensors)
        )
    if len(found.rungs) > 1:
        lines.append(
            "take another one with `tinygen pick`: its file is the model's, ending in .search.json"
        )
    return "\n".join(lines)


def growth(part: float) -> str:
    """By which part an error grows: "+9%"; where there was hardly any error before, how large the
    part is says nothing.
    """
    return f"{part:+.0%}" if part < MOST_GROWTH else f"over {MOST_GROWTH} times"


def ladder_title(found) -> str:
    """What the ladder's table shows."""
    unit = found.model.output.unit
    error = (
        "error rate" if found.model.labels else f"mean absolute error{f' [{unit}]' if unit else ''}"
    )
    return f"the ladder: {error}, and the model alone on {found.board} (RAM with stack)"


def ladder_table(found) -> tuple[list[str], list[list]]:
    """Headers and rows of the ladder's table."""
    named = found.model.threshold is not None
    headers = [
        "",
        "no.",
        "model",
        "inputs",
        "error in folds",
        "on test rows",
        *(["false", "missed"] if named else []),
        "flash B",
        "RAM B",
        "cycles",
    ]
    rows = [
        [
            "->" if k == found.chosen else "",
            k + 1,
            rung_name(r.model),
            len(r.model.inputs),
            r.error,
            test_error(r.model),
            *(
                [r.model.training["alarm"]["false"], r.model.training["alarm"]["missed"]]
                if named
                else []
            ),
            r.cost.flash_bytes,
            r.ram_bytes,
            r.cost.cycles_max,
        ]
        for k, r in enumerate(found.rungs)
    ]
    return headers, rows


def rung_name(model: Model) -> str:
    """Family and configuration in a few words: "polynomial, terms 6, root 2"."""
    config = model.training.get("config", {})
    goal = [] if model.optimize == "balanced" else [f"for {model.optimize}"]
    return ", ".join(
        [
            model.family,
            *(_setting(key, value) for key, value in config.items() if value is not False),
            *goal,
        ]
    )


def _setting(key: str, value) -> str:
    """One entry of a configuration; a switch that is on by its name alone."""
    if key == "root" and value == 0:
        return "logarithm"
    name = key.replace("_", " ")
    return (
        name
        if value is True
        else f"{name} {'-'.join(map(str, value)) if isinstance(value, (list, tuple)) else value}"
    )


def predicted(result) -> str:
    missing = result.raw == MISSING
    good = result.raw[~missing]
    spread = f", {_spread(result.model, good)}" if good.size else ""
    lines = [f"note: {note}" for note in result.notes]
    lines.append(
        f"{len(result.raw):,} rows: {good.size:,} predicted{spread}; {int(missing.sum()):,} with a missing value, "
        f"{int(result.clamped.sum()):,} beyond the accepted range"
    )
    if result.path:
        lines.append(f"written to {result.path}")
    return "\n".join(lines)


def _spread(model: Model, raw: np.ndarray) -> str:
    """What the answers are: how many of each class, or the smallest and the largest."""
    if model.labels:
        return ", ".join(f"{n:,} {label}" for label, n in zip(model.labels, np.bincount(raw)) if n)
    return " .. ".join(
        with_unit(float(model.output.to_physical(v)), model) for v in (raw.min(), raw.max())
    )


def emitted(result) -> str:
    return "\n".join(str(path) for path in result.paths)


# ---- build and boards ----


def built(firmware: Firmware) -> str:
    board = firmware.board
    lines = [
        f"{board.title}: {firmware.elf}",
        f"firmware     flash {firmware.flash_bytes:,} of {board.flash_bytes:,} bytes, "
        f"RAM {firmware.ram_bytes:,} of {board.ram_bytes:,} bytes",
        f"model alone  flash {firmware.model_flash_bytes:,} bytes, RAM {firmware.model_ram_bytes:,} bytes",
    ]
    if firmware.cycles_median is not None:
        lines.append(
            f"inference    {firmware.cycles_median:,} cycles, at most {firmware.cycles_max:,} "
            f"({firmware.cycles_max / board.f_cpu_hz * 1e6:.1f} us at {board.f_cpu_hz / 1e6:g} MHz); "
            + (
                "the model alone on the simulated chip"
                if firmware.stack_bytes is None
                else f"whole firmware's stack {firmware.stack_bytes:,} bytes"
            )
        )
    return "\n".join(lines)


SERIAL_WORDS = {
    "uart": "UART, simulated too",
    "usb": "USB, not simulated",
    "none": "nothing: model alone",
}


def boards(result) -> str:
    rows = [
        [
            b.pio_id,
            b.title,
            b.mcu,
            b.flash_bytes,
            b.ram_bytes,
            f"D{b.red_pin} red, D{b.green_pin} green",
            SERIAL_WORDS[b.serial],
            ", ".join(result.plugged_in.get(b.pio_id, ())) or "-",
        ]
        for b in result.boards
    ]
    return table(
        ["board", "title", "chip", "flash", "RAM", "LEDs", "rows come by", "plugged in at"], rows
    )


def initiated(result) -> str:
    return "\n".join(
        [
            *map(str, result.paths),
            "",
            "its rows are simulated: put yours in their place, change the Makefile, run `make model`",
            f"now: cd {result.directory} && pytest",
        ]
    )


def tools(result) -> str:
    rows = [[name, str(value)] for name, value in asdict(result).items()]
    return table(["piece", "where"], rows)


# ---- stream and demo ----


def streamed(result) -> str:
    verdict = result.verdict
    lines = [f"note: {note}" for note in result.notes]
    lines += [
        f"{result.board.title}: {verdict.rows:,} rows, {verdict.wrong:,} wrong, {verdict.lost:,} lost, "
        f"{verdict.led_wrong:,} LED errors, {verdict.retries:,} retries; {verdict.rows_per_s:,.0f} rows/s",
        f"{result.wire}; {verdict.rows_per_s / result.wire.limit:.0%} of it was used, "
        f"held up by {result.wire.bottleneck(verdict, result.plan.pace)}",
        f"{verdict.missing:,} rows with a missing value (flagged, LEDs dark), "
        f"{verdict.clamped:,} beyond the accepted range (flagged)",
    ]
    if result.pins_right is not None:
        lines.append(
            f"LED pins as the simulator saw them: {'right' if result.pins_right else 'WRONG'}"
        )
    if verdict.first_difference:
        lines.append(f"first difference: {verdict.first_difference}")
    if result.path:
        lines.append(f"written to {result.path}")
    return "\n".join([*lines, _word(result.good)])


def _word(good: bool) -> str:
    return "PASS: the board answers what the model answers" if good else "FAIL"


def demonstrated(result) -> str:
    rows = [
        [
            f.board.title,
            s.verdict.rows,
            s.verdict.wrong,
            s.verdict.lost,
            s.verdict.led_wrong,
            f.model_flash_bytes,
            f.model_ram_bytes,
            f.cycles_max,
            round(s.verdict.rows_per_s),
            "PASS" if s.good else "FAIL",
        ]
        for f, s in result.runs
    ]
    headers = [
        "board",
        "rows",
        "wrong",
        "lost",
        "LED errors",
        "model flash B",
        "RAM B",
        "cycles",
        "rows/s",
        "verdict",
    ]
    return "\n".join(
        [
            result.source,
            "",
            trained(result.trained),
            "",
            table(headers, rows),
            "",
            *[s.verdict.first_difference for _, s in result.runs if s.verdict.first_difference],
            _word(result.good),
            f"everything is in {result.directory}/",
        ]
    )


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
        **_streamed(result),
    }
    for name, value in figures.items():
        ElementTree.SubElement(properties, "property", name=name, value=plain(value))
    for name, failures in cases.items():
        case = ElementTree.SubElement(
            suite, "testcase", classname=f"tinygen.{result.model.name}", name=name
        )
        if failures:
            ElementTree.SubElement(
                case, "failure", message=plain(f"{failures} rows; {verdict.first_difference or ''}")
            )
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


# ---- JSON ----


def as_json(result) -> str:
    """One JSON object with a line per key, so that people can read it as well."""
    values = _PLAIN.get(type(result).__name__, lambda r: r.plain())(result)
    return (
        "{\n"
        + ",\n".join(
            f" {json.dumps(key)}: {json.dumps(value, allow_nan=False)}"
            for key, value in values.items()
        )
        + "\n}"
    )


def _trained(result) -> dict:
    facts = result.model.training
    return {
        "model": str(result.path),
        "name": result.model.name,
        "family": result.model.family,
        "id": f"{result.model.model_id:08x}",
        "inputs": [q.name for q in result.model.inputs],
        "rows_train": facts["rows_train"],
        "rows_test": facts["rows_test"],
        "split": facts["split"],
        "metrics": facts["metrics"],
        "alarm": facts["alarm"],
        "learned_alarm": facts.get("learned_alarm"),
        "weighting": facts.get("weighting"),
        "notes": list(result.notes),
        "ladder": _ladder(result.ladder),
        "verdict": facts.get("verdict"),
        "baselines": [asdict(b) for b in result.comparators],
    }


def _ladder(found) -> dict:
    rungs = [
        {
            "family": r.model.family,
            "config": r.model.training.get("config", {}),
            "error": r.error,
            "test_error": test_error(r.model),
            "alarm": r.model.training["alarm"],
            "optimize": r.model.optimize,
            "flash_bytes": r.cost.flash_bytes,
            "ram_bytes": r.ram_bytes,
            "cycles_max": r.cost.cycles_max,
        }
        for r in found.rungs
    ]
    return {
        "board": found.board,
        "chosen": found.chosen + 1,
        "rungs": rungs,
        "sensors": dict(found.sensors),
    }


def _predicted(result) -> dict:
    meaning = (
        {"label": [None if r == MISSING else result.model.labels[r] for r in result.raw]}
        if result.model.labels
        else {
            "physical": [
                None if r == MISSING else float(result.model.output.to_physical(r))
                for r in result.raw
            ],
            "unit": result.model.output.unit,
        }
    )
    return {
        "rows": len(result.raw),
        "missing": int((result.raw == MISSING).sum()),
        "clamped": int(result.clamped.sum()),
        "raw": [None if r == MISSING else int(r) for r in result.raw],
        **meaning,
        "notes": list(result.notes),
    }


def _built(firmware: Firmware) -> dict:
    values = {name: getattr(firmware, name) for name in firmware.__dataclass_fields__}
    return {
        name: value.pio_id
        if isinstance(value, Board)
        else str(value)
        if isinstance(value, Path)
        else value
        for name, value in values.items()
    }


def _boards(result) -> dict:
    return {
        "boards": [
            {**asdict(b), "ports": list(result.plugged_in.get(b.pio_id, ()))} for b in result.boards
        ]
    }


def _streamed(result) -> dict:
    verdict = result.verdict
    return {
        "rows": verdict.rows,
        "wrong": verdict.wrong,
        "lost": verdict.lost,
        "retries": verdict.retries,
        "led_wrong": verdict.led_wrong,
        "rows_per_s": round(verdict.rows_per_s, 1),
        "wire_rows_per_s": round(result.wire.limit, 1),
        "bottleneck": result.wire.bottleneck(verdict, result.plan.pace),
        "missing": verdict.missing,
        "clamped": verdict.clamped,
        "red": verdict.red,
        "cycles_median": verdict.cycles_median,
        "cycles_max": verdict.cycles_max,
        "pins_right": result.pins_right,
        "first_difference": verdict.first_difference,
        "passed": result.good,
    }


_PLAIN = {
    "Streamed": _streamed,
    "Demonstration": lambda r: {
        "source": r.source,
        "train": _trained(r.trained),
        "directory": str(r.directory),
        "passed": r.good,
        "boards": [{**_streamed(s), **_built(f)} for f, s in r.runs],
    },
    "TrainedModel": _trained,
    "Predictions": _predicted,
    "Emitted": lambda r: {"files": [str(path) for path in r.paths]},
    "Firmware": _built,
    "BoardList": _boards,
    "Made": lambda r: {
        "directory": str(r.directory),
        "model_id": f"{r.model.model_id:08x}",
        "boards": [b.pio_id for b in r.boards],
        "files": [str(path) for path in r.paths],
    },
    "Toolchain": lambda r: {
        name: None if value is None else str(value) for name, value in asdict(r).items()
    },
}
