"""NAME.h, the C header of a model."""

from __future__ import annotations

import re
import zlib
from dataclasses import asdict

from .. import __version__
from ..common.boards import BOARDS
from ..common.jinja import environment
from ..common.text import comment, identifiers
from ..model.alarm_threshold import AlarmCost
from ..model.fixedpoint import NOT_SURE, Quantity
from ..model.model import Model
from ..model.signals.any_model import AnyModel
from ..model.views import View
from .chain import Printed, chain_views, constant_bytes, printed
from .names import check_prefix
from .units import categories, class_names, input_units, label_bytes, unit_of


def render_header(model: Model) -> str:
    """Text of NAME.h: C99 and C++11, needs only `runtime()` beside it."""
    name = check_prefix(model.name)
    chains = _chains(model)
    last, classes = model.bounds[-1], class_names(model)
    parts = [[printed(step, step.macros) for step in steps] for steps in chains]
    nodes = [node for part in parts for node in part]
    return (
        environment("c")
        .get_template("header.h.j2")
        .render(
            version=__version__,
            name=name,
            upper=name.upper(),
            family=comment(", ".join(dict.fromkeys(one.family for one in model.singles))),
            inputs=[quantity_view(q) for q in model.inputs],
            input_table=_input_table(model),
            seen=_seen(model),
            made=_made(model),
            categories=categories(model),
            output=quantity_view(model.output),
            output_bounds={"low": last.low[0], "high": last.high[0]},
            labels=[comment(label) for label in model.labels],
            reading="(physical - from)" if any(q.offset for q in model.inputs) else "physical",
            units=input_units(model),
            answer=unit_of(model.output, "OUTPUT"),
            classes=classes,
            label_rows=len(classes) + 1,
            label_bytes=label_bytes(classes),
            example=_example(model.inputs[0]),
            constant_bytes=constant_bytes(model),
            facts=[*_facts(model), *_recalibrated(model), *_taken(model)],
            model_id=model.model_id,
            threshold=_end_of_band(model, model.threshold, model.levels.high),
            alarm_below=_end_of_band(model, model.alarm_below, model.levels.low),
            nodes=nodes,
            tables_id=_tables_id(model, nodes, classes),
            **_answer_view(model, chains, parts),
        )
    )


def _chains(model: Model) -> list[list[View]]:
    """The steps of each output."""
    names = [[comment(q.name) for q in one.inputs] for one in model.singles]
    return [chain_views(*each, alone=not model.more) for each in zip(model.singles, names)]


def _tables_id(model: Model, nodes: list[Printed], classes: list) -> int:
    """CRC-32 of what the shared tables of the header hold, their comments left out."""
    tables = [re.sub(r"/\*.*?\*/", "", node.tables, flags=re.DOTALL) for node in nodes]
    ranges = [q.limits for q in model.inputs]
    return zlib.crc32(repr((tables, ranges, classes)).encode("utf-8"))


def _answer_view(model: Model, chains: list[list[View]], parts: list[list[Printed]]) -> dict:
    """What the functions that answer are printed from. The last step of a model with scores reads
    them.
    """
    steps = chains[0]
    told = {
        "outputs": _output_views(model, chains, parts) if model.more else [],
        "result": steps[-1].out,
        "scores": model.scores,
        "sure_margin": model.sure_margin,
        "not_sure": NOT_SURE,
        "bars": _bars_view(model),
        "static_arrays": any("    static " in step.body for step in parts[0]),
    }
    if not model.scores:
        return told
    low, high = min(model.bounds[-2].low), max(model.bounds[-2].high)
    return {
        **told,
        "score_array": steps[-2].out,
        "score_bounds": {"low": low, "high": high},
        "most_margin": high - low,
    }


def _bars_view(model: Model) -> dict | None:
    """What the error bars are printed from; None without bars."""
    bars = model.bars
    if bars is None:
        return None
    physical = _number(float(model.output.difference(bars.half_width)))
    upper, band = model.name.upper(), model.band
    above = [] if band.high is None else [f"{upper}_THRESHOLD"]
    below = [] if band.low is None else [f"({upper}_ALARM_BELOW - 1)"]
    return {
        **asdict(bars),
        "start": bars.start,
        "most": bars.most,
        "physical": physical,
        "borders": above + below,  # an alarm begins or ends behind each
    }


def _output_views(model: Model, chains: list[list[View]], parts: list[list[Printed]]) -> list[dict]:
    """The outputs of a model of several."""
    names = identifiers([q.name for q in model.outputs], "OUTPUT")
    return [
        {
            **quantity_view(one.output),
            "unit_of": unit_of(one.output, name),
            "raw_low": one.bounds[-1].low[0],
            "raw_high": one.bounds[-1].high[0],
            "reads": "" if reads == (*range(len(model.inputs)),) else reads,
            "nodes": part,
            "result": steps[-1].out,
        }
        for name, one, reads, steps, part in zip(names, model.singles, model.places, chains, parts)
    ]


def alarm_view(model: AnyModel) -> dict | None:
    """Kind of alarm, its C function and the macros that this takes; None without an alarm."""
    band, upper = model.band, model.name.upper()
    low, high = f"{upper}_ALARM_BELOW", f"{upper}_THRESHOLD"
    if not band:
        return None
    step, ends = {
        "above": ("tinygen_alarm_step", high),
        "below": ("tinygen_alarm_below", low),
        "outside": ("tinygen_alarm_outside", f"{low}, {high}"),
    }[band.side]
    return {"kind": band.side, "step": step, "ends": ends, "low": low, "high": high}


def _end_of_band(model: Model, raw: int | None, level: int | None) -> dict | None:
    """One threshold, and why it stands there if that is not the alarm level; None without one."""
    if raw is None or level is None:
        return None
    why = ""
    if level != raw:
        cost = AlarmCost(**model.training["learned_alarm"]["cost"])
        why = f"; the alarm level is {_level(model, level)}, {cost.words}"
    return {"raw": raw, "physical": _level(model, raw), "why": why}


def quantity_view(q: Quantity) -> dict:
    return {
        "name": comment(q.name),
        "unit": comment(q.unit),
        "step": _number(q.scale),
        "origin": f"{q.offset:.12g}" if q.offset else "",
        "low": q.limits[0],
        "high": q.limits[1],
        "minimum": _shown(q, q.minimum),
        "maximum": _shown(q, q.maximum),
    }


def _seen(model: Model) -> str:
    """What the rows were for: nobody here trained somebody else's model."""
    return "calibrated" if "converted" in model.training else "trained"


def _input_table(model: Model) -> str:
    """The header's table of inputs, in columns as wide as they need."""
    rows = [("", "raw, accepted", f"{_seen(model)} on", "unit", "step", "name")]
    rows += [
        (
            f"x[{i}]",
            f"{v['low']} .. {v['high']}",
            f"{v['minimum']} .. {v['maximum']}",
            v["unit"] or "-",
            v["step"] + (f" from {v['origin']}" if v["origin"] else ""),
            v["name"],
        )
        for i, v in enumerate(map(quantity_view, model.inputs))
    ]
    widths = [max(len(row[k]) for row in rows) for k in range(6)]
    return "\n".join(
        " *   " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows
    )


TIME_WORDS = {
    "hour": "hour: 0 .. 23 of the clock that the training rows tell; UTC where they name a zone.",
    "weekday": "weekday: 0 Monday .. 6 Sunday, which is (tm_wday + 6) % 7 of a C time.",
    "month": "month: 1 January .. 12 December.",
}


def _made(model: Model) -> list[str]:
    """Lines on the inputs that are made of a category or of the time; none without such inputs."""
    name = model.name
    lines = []
    for category in categories(model):
        lines += [
            f"{category.column} is a category: of its inputs one is 1, the others are 0, or all of",
            f"them are INT16_MIN, no reading. {name}_set_{category.name}() sets them.",
        ]
    parts = [q.derivation.part for q in model.inputs if q.derivation and q.derivation.part]
    lines += [TIME_WORDS[part] for part in parts]
    return ["", *lines] if lines else []


def _example(q: Quantity) -> str:
    middle = q.raw_minimum + (q.raw_maximum - q.raw_minimum) // 2
    unit = f" {comment(q.unit)}" if q.unit else ""
    value = float(q.to_physical(middle))
    return f"{comment(q.name)} of {_shown(q, value)}{unit} is raw {middle}"


def _facts(model: Model) -> list[str]:
    """Lines on how good the model is, where its training facts say so."""
    metrics, rows = model.training.get("metrics", {}), comment(model.training.get("rows_test"))
    if "converted" in model.training and not model.more:
        return _facts_of_original(model, metrics, rows) if metrics else _changed(model)
    if "error_rate" in metrics:
        return [
            "",
            f"Names {metrics['error_rate']:.2%} of {rows} test rows wrongly "
            f"({comment(model.training['split'])} split); "
            f"before conversion to integers {metrics['float_error_rate']:.2%}.",
        ]
    if "mae" not in metrics:
        return []
    if model.more:
        return _facts_of_each(model, rows)
    unit = f" {comment(model.output.unit)}" if model.output.unit else ""
    return [
        "",
        f"Mean absolute error on {rows} test rows "
        f"({comment(model.training['split'])} split): {metrics['mae']:.4g}{unit}; "
        f"before conversion to integers {metrics['float_mae']:.4g}.",
    ]


def _recalibrated(model: Model) -> list[str]:
    """Lines on a recalibration, which came after those figures."""
    if not (told := model.training.get("recalibrated")):
        return []
    unit = f" {comment(model.output.unit)}" if model.output.unit else ""
    return [
        "",
        f"Recalibrated on {told['rows']} readings over {told['days']:.1f} days: their error was",
        f"{told['error']:.4g}{unit}, and {told['error_left_out']:.4g} where they were left out.",
    ]


def _taken(model: Model) -> list[str]:
    """Lines on what a call takes, where this very text was measured."""
    facts = model.training.get("together" if model.more else "verdict") or {}
    cost = facts if model.more else facts.get("integer", {})
    measured = facts.get("optimize") == model.optimize and "recalibrated" not in model.training
    if not measured or "cycles_seen" not in cost:  # without it the most is no bound
        return []
    return [
        "",
        f"{model.name}_predict, compiled with -Os for the {BOARDS[facts['board']].title}: "
        f"{cost['flash_bytes']:,d} bytes of flash,",
        f"{cost['stack_bytes']:,d} of stack, at most {cost['cycles_max']:,d} cycles in the "
        "function itself, which no row can exceed.",
    ]


def _facts_of_each(model: Model, rows: str) -> list[str]:
    """The same of several outputs."""
    source = model.training.get("converted", {})
    lines = ["", f"Mean absolute error on {rows} test rows, and before conversion to integers:"]
    if source:
        own = source.get("own_answers")
        known = "compared on" if own else "which may have been fitted on these"
        lines = [
            "",
            f"Made from a fitted {comment(source.get('from'))}, {known} {rows} rows;",
            "mean difference to its answers:" if own else "mean absolute error, and its own:",
        ]
    for one in model.singles:
        if found := one.training.get("metrics"):
            unit = f" {comment(one.output.unit)}" if one.output.unit else ""
            before = "" if source.get("own_answers") else f", {found['float_mae']:.4g}"
            lines.append(f"  {comment(one.output.name)} {found['mae']:.4g}{unit}{before}")
    return lines


def _level(model: Model, raw: int) -> str:
    return _shown(model.output, float(model.output.to_physical(raw)))


def _facts_of_original(model: Model, metrics: dict, rows: str) -> list[str]:
    """The same of somebody else's model, whose original may have been fitted on the test rows."""
    facts, unit = model.training["converted"], f" {comment(model.output.unit)}".rstrip()
    source = comment(facts.get("from"))
    if facts.get("own_answers"):
        told = (
            f"names another class in {metrics['error_rate']:.2%} of {rows} rows"
            if model.labels
            else f"differs from it by {metrics['mae']:.4g}{unit} on average, on {rows} rows"
        )
        return ["", f"Made from a fitted {source}: {told}."]
    told = (
        f"{metrics['error_rate']:.2%} of {rows} rows wrong, the original "
        f"{metrics['float_error_rate']:.2%}"
        if model.labels
        else f"mean absolute error {metrics['mae']:.4g}{unit} on {rows} rows, the original's "
        f"{metrics['float_mae']:.4g}"
    )
    return ["", f"Made from a fitted {source}: {told};", "it may have been fitted on these rows."]


def _changed(model: Model) -> list[str]:
    """What the conversion changed on the rows that it was given, where none were kept to judge."""
    facts, unit = model.training["converted"], f" {comment(model.output.unit)}".rstrip()
    source, rows = comment(facts["from"]), f"{comment(model.training['rows_train'])} rows"
    found = facts.get("measured")
    if not found:
        return ["", f"Made from a fitted {source}."]
    if model.labels:
        return [
            "",
            f"Made from a fitted {source}: names another class in {found['changed']:.2%} of",
            f"the {rows} that it was calibrated on.",
        ]
    return [
        "",
        f"Made from a fitted {source}: differs from it by {found['mean']:.4g}{unit} on average,",
        f"{found['largest']:.4g}{unit} at most, on the {rows} that it was calibrated on.",
    ]


def _shown(q: Quantity, value: float) -> str:
    """A value of a quantity; in full steps where it stands far from zero."""
    return q.words(value) if q.offset else _number(value)


def _number(value) -> str:
    value = float(value)
    return f"{value:.6g}" if abs(value) < 1e6 else f"{value:.10g}"
