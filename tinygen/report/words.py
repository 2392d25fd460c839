"""What a model file says, in words; every number comes from the file itself."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..common.boards import BOARDS
from ..common.errors import plain
from ..common.tables import counted, six_digits, table
from ..model.alarm_threshold import AlarmBand, AlarmCost, Confusion
from ..model.confidence.error_bars import Covered
from ..model.confidence.not_sure import Answered
from ..model.model import Model
from ..model.outputs import RECALIBRATED
from ..model.signals.any_model import AnyModel

if TYPE_CHECKING:
    from ..search.comparators import Comparator


def is_converted(model: Model) -> bool:
    """True for somebody else's model, of which nobody here knows what it was fitted on."""
    return "converted" in model.training


def title(model: Model) -> str:
    """The model and what it answers."""
    return f"{model.name}: {', '.join(q.name for q in model.outputs)}"


def judged_rows(model: Model) -> str:
    """The test rows, and what they prove."""
    rows = f"{model.training['rows_test']:,} rows"
    if is_converted(model):
        return f"{rows} that it was not calibrated on, but the original may have been fitted on"
    return f"{rows} that it has never seen"


def promise(model: Model, error: str) -> str:
    """What the error on the test rows says of the model."""
    facts = model.training.get("converted", {})
    if facts.get("own_answers"):
        original = f"the original {facts['from']}"
        if model.labels:
            return f"Names another {model.output.name} than {original} in {error}"
        return f"Answers as {original} does to within {error} on average"
    if model.labels:
        return f"Names {model.output.name} wrongly in {error}"
    if recalibrated(model):
        return f"Predicted {model.output.name} to within {error} on average before recalibration"
    return f"Predicts {model.output.name} to within {error} on average"


def recalibrated(model: Model) -> str:
    """By how many readings a model was recalibrated, and their errors; "" for others."""
    if not (told := model.training.get(RECALIBRATED)):
        return ""
    errors = (with_unit(told[name], model) for name in ("error", "error_left_out"))
    what = "the last layer fitted again" if "layer" in told else "gain and offset"
    return (
        f"{what}, by {counted(told['rows'], 'reading')} over {told['days']:.1f} days; their error "
        f"was {next(errors)}, and {next(errors)} where they were left out"
    )


def with_unit(value: float, model: AnyModel) -> str:
    """An error or a level in the output's unit; of a classifier, a part of the rows in per cent."""
    return f"{value:.2%}" if model.labels else f"{value:.4g} {model.output.unit}".rstrip()


def value(physical: float, model: AnyModel) -> str:
    """A value of the output, no difference of two, in its unit."""
    if not model.output.offset:
        return with_unit(physical, model)
    return f"{model.output.words(physical)} {model.output.unit}".rstrip()


def test_error(model: Model) -> float:
    """The figure on the test rows: the error rate of classes, else the mean absolute error in the
    output's unit.
    """
    return model.training["metrics"]["error_rate" if model.labels else "mae"]


def together(model: Model) -> str:
    """What all outputs of a model cost as one."""
    cost = model.training["together"]
    return (
        f"{cost['flash_bytes']:,} bytes of flash, {cost['ram_bytes'] + cost['stack_bytes']:,} of "
        f"RAM with stack, {cost['cycles_max']:,} cycles at most on the "
        f"{BOARDS[cost['board']].title}"
    )


def beaten(model: Model, flash_bytes: int, baselines: Iterable[Comparator]) -> list[str]:
    """What does as well without looking at an input, else what does better and is no larger."""
    own, found = test_error(model), []
    for b in baselines:
        error = with_unit(b.error, model)
        # a model file keeps six digits of its own error
        theirs = six_digits(b.error)
        if b.constant and theirs <= own:
            return [
                f"no better than always answering the {b.name} (error {error}): the inputs tell "
                f"this model nothing of {model.output.name}"
            ]
        better = own - theirs > _chance(model) and error != with_unit(own, model)
        if better and b.bytes is not None and b.bytes <= flash_bytes:
            found.append(f"{b.name} does better on the test rows, {error}")
    return found


def _chance(model: Model) -> float:
    """How far an error may lie below the model's own and say nothing: of numbers the standard error
    of its mean absolute error, of classes five rows, for six of six that differ would fall one way
    by a coin in one of 32 times.
    """
    facts = model.training["metrics"]
    rows = max(model.training["rows_test"], 1)
    if model.labels:
        return 5.5 / rows
    return math.sqrt(max(facts.get("rmse", 0.0) ** 2 - facts["mae"] ** 2, 0.0) / rows)


def learned_alarm(model: Model) -> list[str]:
    """Where the thresholds went for the costs stated, and the confusions at the levels and at the
    thresholds.
    """
    both = model.band.side == "outside"
    return [
        f"         its threshold{'s were' if both else ' was'} learned: {learned_for(model)}",
        table(*learned_table(model)),
        "         (training rows: as answered by models that were fitted without them)",
    ]


def learned_for(model: Model) -> str:
    """What the mistakes of an alarm were said to cost."""
    return AlarmCost(**model.training["learned_alarm"]["cost"]).words


def learned_table(model: Model) -> tuple[list[str], list[list]]:
    """Headers and rows of the confusions at the levels and at the learned thresholds."""
    facts = model.training["learned_alarm"]
    cost, rows = AlarmCost(**facts["cost"]), []
    for where, band, key in (
        ("training rows", model.levels, "at_level"),
        ("training rows", model.band, "learned"),
        ("test rows", model.levels, "test_at_level"),
        ("test rows", model.band, "test_learned"),
    ):
        found = Confusion(**facts[key])
        rows.append(
            [
                where,
                f"{model.band.side} {_level(band, model)}",
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
        f"{facts['rows_read']:,} read: {facts['rows_dropped']:,} incomplete, "
        f"{counted(facts.get('repeated', facts.get('duplicates_removed', 0)), 'duplicate')}"
        + (
            f", {facts['weighting']['robust']['left_out']:,} with an implausible target"
            if "robust" in facts.get("weighting", {})
            else ""
        )
    )


def level(model: Model) -> str:
    """The alarm level with its unit, or both; of a classifier, the last class without an alarm."""
    return _level(model.levels, model)


def _level(band: AlarmBand, model: AnyModel) -> str:
    ends = [end for end in (band.low, band.high) if end is not None]
    if model.labels:
        return f"class '{plain(model.labels[ends[0]])}'"
    if len(ends) == 1:
        return value(float(model.output.to_physical(ends[0])), model)
    if model.output.offset:
        low, high = (model.output.words(float(model.output.to_physical(end))) for end in ends)
        return f"{low} .. {high} {model.output.unit}".rstrip()
    low, high = (f"{float(model.output.to_physical(end)):.4g}" for end in ends)
    return f"{low} .. {high} {model.output.unit}".rstrip()


def alarm_words(model: Model) -> str:
    """Where a true value should be an alarm: "above 15 ug/m3", "outside 3 .. 15 ug/m3"."""
    return f"{model.band.side} {level(model)}"


def led_words(model: AnyModel) -> str:
    """Where the red LED lights: as `alarm_words`, or at the learned thresholds."""
    return f"{model.band.side} {_level(model.band, model)}"


def green(model: AnyModel) -> str:
    """Where the green LED lights."""
    return {
        "above": "green at it or below",
        "below": "green at it or above",
        "outside": "green at either end or between",
    }[model.band.side]


def red(model: Model) -> str:
    """Where the red LED lights, and why there if that is not the alarm level."""
    if "learned_alarm" not in model.training:
        return f"Red LED {alarm_words(model)}"
    both = model.band.side == "outside"
    return (
        f"The alarm level{'s are' if both else ' is'} {level(model)}; {learned_for(model)}: the "
        f"threshold{'s were' if both else ' was'} learned, red LED {led_words(model)}"
    )


def not_sure(model: Model) -> list[str]:
    """Lines on how often a classifier that may be not sure answers; none for other models."""
    if "reject" not in model.training:
        return []
    told = model.training["reject"]
    return [
        f"not sure where the best class leads by less than {model.sure_margin} "
        f"(for {told['rate']:.2%} wrong answers)",
        f"         rows left out of a fit: {Answered(**told['unseen']).words}",
        f"         test rows: {Answered(**told['test']).words}",
    ]


def reach(model: Model, raw: int | None = None) -> str:
    """A half-width in the output's unit, "+- 2.7 ug/m3"; None: the model's own."""
    assert model.bars is not None, "only a model with error bars has a half-width"
    half = model.bars.half_width if raw is None else raw
    return f"+- {with_unit(float(model.output.difference(half)), model)}"


def covered(model: Model) -> list[tuple[str, Covered]]:
    """What the error bars cover of the test rows, as they are and where the rule follows a reading
    a day; [] where that was not looked at.
    """
    told = model.training.get("error_bars", {})
    kinds = {"test": "as they are", "followed": "told a reference a day"}
    return [(words, Covered(**told[kind])) for kind, words in kinds.items() if kind in told]


def covered_words(model: Model, found: Covered) -> str:
    """How many rows lie within, and how many alarms are left open."""
    unsure = f"; alarm unsure in {found.unsure:,}" if model.band else ""
    return f"{found.share:.2%} of {counted(found.rows, 'row')} within{unsure}"


def error_bars(model: Model) -> list[str]:
    """Lines on the error bars and what they cover; none for a model without."""
    if model.bars is None:
        return []
    rows = model.training.get("error_bars", {}).get("rows")
    source = f", from {counted(rows, 'training row')} that a fit had not seen" if rows else ""
    lines = [f"bars     {reach(model)} for {model.bars.level}% of the references{source}"]
    for words, found in covered(model):
        ends = f", {reach(model, found.narrowest)} to {reach(model, found.widest)[3:]}"
        widths = ends if found.readings else ""
        lines.append(f"         test rows, bars {words}: {covered_words(model, found)}{widths}")
    return lines


def alarms(model: Model) -> str:
    """False and missed alarms on the test rows."""
    found = model.training["alarm"]
    return f"{found['false']} false, {found['missed']} missed"
