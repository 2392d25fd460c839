"""What a model file says, in words; every number comes from the file itself."""

from __future__ import annotations

from ..common.tables import counted, table
from ..model.alarm_threshold import AlarmCost, Confusion
from ..model.model import Model


def with_unit(value: float, model: Model) -> str:
    """An error or a level in the output's unit; of a classifier, a part of the rows in per cent."""
    return f"{value:.2%}" if model.labels else f"{value:.4g} {model.output.unit}".rstrip()


def test_error(model: Model) -> float:
    """The figure on the test rows: the error rate of classes, else the mean absolute error in the
    output's unit.
    """
    return model.training["metrics"]["error_rate" if model.labels else "mae"]


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
        f"{facts['rows_read']:,} read: {facts['rows_dropped']:,} incomplete, "
        f"{counted(facts.get('repeated', facts.get('duplicates_removed', 0)), 'duplicate')}"
        + (
            f", {facts['weighting']['robust']['left_out']:,} with an implausible target"
            if "robust" in facts.get("weighting", {})
            else ""
        )
    )


def level(model: Model) -> str:
    """The alarm level with its unit; of a classifier, the last class without an alarm."""
    raw = model.level
    assert raw is not None, "only a model with an alarm is asked for its level"
    if model.labels:
        return f"class '{model.labels[raw]}'"
    return with_unit(float(model.output.to_physical(raw)), model)


def red_above(model: Model) -> str:
    """Where the red LED lights, and why there if that is not the alarm level."""
    if "learned_alarm" not in model.training:
        return f"Red LED above {level(model)}"
    assert model.threshold is not None, "a learned alarm has a threshold"
    lit = with_unit(float(model.output.to_physical(model.threshold)), model)
    return (
        f"The alarm level is {level(model)}; {learned_for(model)}: the threshold was learned, "
        f"red LED above {lit}"
    )


def alarms(model: Model) -> str:
    """False and missed alarms on the test rows."""
    found = model.training["alarm"]
    return f"{found['false']} false, {found['missed']} missed"
