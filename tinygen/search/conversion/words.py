"""The verdict on a conversion in words."""

from __future__ import annotations

from ...common.tables import counted
from .judge import Conversion

TOLERANCE = 0.005  # part of the error, or of the rows of a classifier, that counts as nothing lost
BAD = 0.05  # the same, from where on the model should not be used as it is
EQUAL = 0.05  # sizes and times this close count as the same
FEW_ROWS = 100  # test rows; where there are fewer, a loss is said with their number


def conversion_sentence(v: Conversion) -> str:
    """The verdict in one plain sentence."""
    if v.float_cost is None:
        return (
            f"{_error_words(v)}, and the same model in float does not fit the {v.board.title}: "
            f"{_advice(v, True, True)}"
        )
    return (
        f"{_error_words(v)} and is {_cost_words(v)}: "
        f"{_advice(v, v.smaller > 1 + EQUAL, v.faster > 1 + EQUAL)}"
    )


def _error_words(v: Conversion) -> str:
    if v.own_spread is not None:
        return f"The integer model {_own_words(v)}"
    within = ", which is within chance," if v.by_chance else ""
    if v.model.labels:
        more = round((v.integer_error - v.float_error) * v.rows)
        words = (
            f"gets {abs(more)} {'more' if more > 0 else 'fewer'} of {v.rows:,} rows wrong{within}"
            if more
            else "loses no accuracy"
        )
    elif abs(v.loss) < 0.0005:
        words = "loses no accuracy"
    elif v.loss < 0:
        chance = "by chance " if v.by_chance else ""
        words = f"makes {chance}{_percent(-v.loss)} smaller errors on these rows"
    elif v.by_chance and v.loss > TOLERANCE:
        words = (
            f"answers {v.differing:,} of {v.rows:,} rows differently, with no loss of accuracy "
            "beyond chance,"
        )
    else:
        few = f" on {counted(v.rows, 'row')}" if v.rows < FEW_ROWS else ""
        words = f"makes {_percent(v.loss)} larger errors{few}{within}"
    if v.loss > TOLERANCE and v.immaterial and not v.by_chance:
        words += (
            f", {(v.integer_error - v.float_error) / v.model.output.scale:.2g} of the data's own "
            "step,"
        )
    if v.alarms and v.alarms.spoilt > v.alarms.mended:
        more = v.alarms.spoilt - v.alarms.mended
        words = f"{words.rstrip(',')}, spoils {more} of {v.rows:,} alarm decisions"
    return f"The integer model {words}"


def _own_words(v: Conversion) -> str:
    """The same where the float model's own answers are what is asked for."""
    if v.model.labels:
        return f"names another class in {v.differing} of {v.rows:,} rows"
    if v.loss < 0.0005:
        return "answers as the float model"
    return f"differs from the float model by {_percent(v.loss)} of the answers' spread"


def _cost_words(v: Conversion) -> str:
    size, time = (
        _ratio_words(v.smaller, "smaller", "larger"),
        _ratio_words(v.faster, "faster", "slower"),
    )
    return f"{size} and {time} than the same model in float"


def _ratio_words(ratio: float, better: str, worse: str) -> str:
    if abs(ratio - 1) <= EQUAL:
        return f"not {better}"
    times, word = (ratio, better) if ratio > 1 else (1 / ratio, worse)
    return f"{times:.0f} times {word}" if times >= 9.5 else f"{times:.2g} times {word}"


def _advice(v: Conversion, smaller: bool, faster: bool) -> str:
    if not (smaller or faster):
        return "converting it is not worthwhile."
    loss = 0.0 if v.immaterial else v.loss
    if loss > BAD and v.by_chance:
        return f"{_saving(smaller, faster)}, and compare both on more rows."
    if loss > BAD:
        step = (
            "`tinygen distil` trains a small one on its answers"
            if v.imported
            else "take another row of the ladder (`tinygen pick`) or another --family"
        )
        return f"do not use it as it is, {step}."
    if loss > TOLERANCE and not v.by_chance:
        return "convert it where the saving matters more than the error."
    return f"{_saving(smaller, faster)}."


def _saving(smaller: bool, faster: bool) -> str:
    if smaller and faster:
        return "convert it"
    return f"convert it where {'flash' if smaller else 'time'} is short"


def _percent(part: float) -> str:
    return f"{100 * part:.2g} %" if abs(part) < 0.1 else f"{100 * part:.0f} %"


def difference_words(v: Conversion) -> str:
    """By how much the integer model's error differs: "+20.00 %, within chance" of numbers, of
    classes, whose error is a percentage itself, "+1.00 points". From the float model's own answers
    it differs as it is counted, by no chance.
    """
    unit = "points" if v.model.labels else "%"
    chance = v.by_chance and v.own_spread is None
    return f"{100 * v.loss:+.2f} {unit}{', within chance' if chance else ''}"


def conversion_lines(v: Conversion) -> list[str]:
    """The verdict as text."""
    unit = f" {v.model.output.unit}" if v.model.output.unit and not v.model.labels else ""
    kind = "of the rows wrong" if v.model.labels else "mean absolute"
    kind = f"{kind}, against the float model's own answers," if v.own_spread is not None else kind
    text = [
        f"error      float {v.float_error:.4g}{unit}, integer {v.integer_error:.4g}{unit} {kind} "
        f"on {counted(v.rows, 'test row')} ({difference_words(v)}); "
        f"{counted(v.differing, 'answer')} differ{'s' if v.differing == 1 else ''}"
    ]
    if v.worst:
        inputs = {q.name: q for q in v.model.inputs}
        values = ", ".join(f"{name} {inputs[name].words(value)}" for name, value in v.worst.inputs)
        true, floating, integer = (
            w if isinstance(w, str) else v.model.output.words(w)
            for w in (v.worst.true, v.worst.float_answer, v.worst.integer_answer)
        )
        place = "" if v.worst.line is None else f"line {v.worst.line}: "
        text.append(
            f"worst row  {place}true {true}, float {floating}, integer {integer}{unit}; {values}"
        )
    if v.alarms:
        text.append(
            f"alarms     {v.alarms.changed} of {v.rows:,} decisions changed: {v.alarms.spoilt} "
            "worsened, "
            f"{v.alarms.mended} corrected"
        )
    text.append(f"integer    {v.integer_cost.words}")
    text.append(
        f"float      {v.float_cost.words}, float routines included"
        if v.float_cost
        else f"float      does not fit the {v.board.title}"
    )
    return [*text, f"verdict    {conversion_sentence(v)}"]
