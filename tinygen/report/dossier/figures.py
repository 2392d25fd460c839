"""The figures of a model as words: the one place where the page, the card and the `report` command
take them from.

Numbers are written by the functions of words.py and search/conversion.py, which the terminal uses
too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ...common.boards import BOARDS, Board
from ...common.tables import counted
from ...model.confidence.not_sure import Answered
from ...model.model import Model
from ...search.conversion import Conversion, conversion_sentence, difference_words
from ...target.bare import ModelCost
from ..ladder import rung_name
from ..words import (
    alarm_words,
    alarms,
    beaten,
    covered,
    judged_rows,
    promise,
    reach,
    test_error,
    with_unit,
)
from .gather import Dossier
from .slices import Slice, sensor_faults, slices, weak

SAME_BYTES = 16  # of flash, by which the model alone and in the firmware may differ
MOST_WEAK, MOST_DOUBTS = 8, 3  # weak parts that are named, and that the verdict warns of


@dataclass(frozen=True)
class Figure:
    """One figure with its name."""

    key: str
    label: str
    value: str
    note: str = ""  # what it was measured on


def figures(d: Dossier) -> tuple[Figure, ...]:
    """The key figures, the ones a customer asks for first; of several outputs those of each."""
    if not d.outputs:
        return (*errors_of(d), *_costs(d))
    each = [
        replace(figure, key=f"{figure.key}-{k}", label=f"{one.model.output.name}: {figure.label}")
        for k, one in enumerate(d.outputs, 1)
        for figure in errors_of(one)
    ]
    return (*each, *_costs(d))


def errors_of(d: Dossier) -> tuple[Figure, ...]:
    """The errors of one output, and its alarm."""
    model, facts = d.model, d.model.training
    found = [
        Figure(
            "error",
            "Error rate" if model.labels else "Mean absolute error",
            with_unit(test_error(model), model),
            f"{facts['rows_test']:,} test rows, {split_words(model)}",
        )
    ]
    if d.rung and d.rung.folds:
        found.append(
            Figure(
                "folds",
                "The same in cross-validation",
                with_unit(float(np.mean(d.rung.folds)), model),
                spread(d.rung.folds, model),
            )
        )
    if not model.labels:
        found.append(
            Figure(
                "rmse",
                "Root mean square error",
                with_unit(facts["metrics"]["rmse"], model),
                f"R2 {facts['metrics']['r2']:.4f}",
            )
        )
    if model.band:
        found.append(Figure("alarm", "Alarms", alarms(model), alarm_words(model)))
    if "reject" in facts:
        found += _not_sure(model)
    if model.bars:
        found.append(_bars(model))
    return tuple(found)


def _not_sure(model: Model) -> Iterator[Figure]:
    """How often a classifier that may be not sure is, and how it errs where it is sure."""
    told = model.training["reject"]
    seen = Answered(**told["test"])
    note = f"the best class leads by less than {model.sure_margin}"
    yield Figure("not_sure", "Not sure", f"{seen.share_not_sure:.2%} of the test rows", note)
    wrong = f"{seen.error:.2%}" if seen.answered else "-"
    yield Figure(
        "sure_error",
        "Error of the sure rows",
        wrong,
        f"{seen.answered:,} test rows; wanted {told['rate']:.2%} at most",
    )


def _bars(model: Model) -> Figure:
    """The half-width of the error bars, and what part of the test rows it covers."""
    assert model.bars is not None, "only a model with error bars is asked for them"
    seen = "".join(
        f"; {words}: {found.share:.2%} of the test rows" for words, found in covered(model)
    )
    note = f"for {model.bars.level}% of the references{seen}"
    return Figure("bars", "Half-width of the error bars", reach(model), note)


def _measured(d: Dossier) -> tuple[ModelCost, Board] | None:
    """The model's cost and the board it was measured on; None where neither ladder nor verdict is
    kept.
    """
    if d.ladder and d.rung:
        return d.rung.cost, BOARDS[d.ladder.board]
    if cost := d.model.training.get("together") if d.outputs else None:
        numbers = {name: n for name, n in cost.items() if name not in ("board", "optimize")}
        return ModelCost(**numbers), BOARDS[cost["board"]]
    return (d.verdict.integer_cost, d.verdict.board) if d.verdict else None


def measured_on(d: Dossier) -> str:
    """The board that the costs were measured on; "" where none are known."""
    found = _measured(d)
    return found[1].title if found else ""


def _costs(d: Dossier) -> Iterator[Figure]:
    measured = _measured(d)
    if measured is None:
        return
    cost, board = measured
    yield Figure(
        "flash",
        "Flash",
        counted(cost.flash_bytes, "byte"),
        f"of {board.flash_bytes:,} on the {board.title}",
    )
    yield Figure(
        "ram",
        "RAM with stack",
        counted(cost.ram_with_stack, "byte"),
        f"of {board.ram_bytes:,}",
    )
    yield Figure(
        "cycles",
        "Time for an answer",
        milliseconds(cost.cycles_max, board.f_cpu_hz),
        cost.most_cycles,
    )


def milliseconds(cycles: int, f_cpu_hz: int) -> str:
    """Cycles as a time: "0.222 ms"."""
    return f"{1000 * cycles / f_cpu_hz:.3g} ms"


def spread(folds: tuple[float, ...], model: Model) -> str:
    """How the error varies over the folds of the training rows."""
    return (
        f"{with_unit(min(folds), model)} to {with_unit(max(folds), model)} in "
        f"{counted(len(folds), 'fold')} of the training rows"
    )


def split_words(model: Model) -> str:
    """What the test rows are, for people."""
    return "the last 30 % in time" if model.training["split"] == "time" else "chosen at random"


def headline(d: Dossier) -> str:
    """The model in one plain sentence."""
    model, by_key = d.model, {f.key: f for f in figures(d)}
    joint = " of " if model.labels else ", on "
    errors = [f.value for f in figures(d) if f.key.partition("-")[0] == "error"]
    words = _promises(d, errors) + joint + judged_rows(model)
    if alarm := by_key.get("alarm") or by_key.get("alarm-1"):
        words += f", with {alarm.value} alarms {alarm.note}"
    if measured := _measured(d):
        words += (
            f"; takes {by_key['flash'].value} of flash and {by_key['cycles'].value} for an "
            f"answer on the {measured[1].title}"
        )
    return words + "."


def _promises(d: Dossier, errors: list[str]) -> str:
    """What the errors say of each output."""
    if not d.outputs:
        return promise(d.model, errors[0])
    each = [f"{one.model.output.name} to within {e}" for one, e in zip(d.outputs, errors)]
    facts = d.model.training.get("converted", {})
    start = f"Answers as the original {facts['from']}:" if facts.get("own_answers") else "Predicts"
    return f"{start} {', '.join(each[:-1])} and {each[-1]} on average"


def converted(d: Dossier) -> str:
    """What conversion to integers did, in one sentence."""
    if d.verdict:
        return conversion_sentence(d.verdict)
    return (
        "No verdict on the conversion is kept for this rung of the ladder: train with a "
        "budget that leads to it."
    )


@dataclass(frozen=True)
class Doubt:
    """One reason to look before relying on the model."""

    text: str
    place: str  # id of the page's section that tells more


def doubts(d: Dossier) -> tuple[Doubt, ...]:
    """What speaks against the model: weak parts of the rows, serious findings in the data, a
    baseline that does better.
    """
    found = [*_found_in_data(d), *_wrong_in_stream(d)]
    if not d.outputs:
        return (*_weak_rows(d), *found, *_changed_size(d), *_beaten(d))
    each = [
        Doubt(f"{one.model.output.name}: {doubt.text}", f"{doubt.place}-{k}")
        for k, one in enumerate(d.outputs, 1)
        for doubt in (*_weak_rows(one), *_beaten(one))
    ]
    return (*each, *found)


def _weak_rows(d: Dossier) -> Iterator[Doubt]:
    for part in weak_parts(d)[:MOST_DOUBTS] if d.tests else ():
        place = "failures" if part.kind == "sensor" else "range"
        yield Doubt(sentence_of(weak_words(part, d)), place)


def _found_in_data(d: Dossier) -> Iterator[Doubt]:
    for found in d.findings:
        if found.severity == "high":
            yield Doubt(sentence_of(f"{found.what}: {found.effect}"), "data")


def _wrong_in_stream(d: Dossier) -> Iterator[Doubt]:
    if d.run and not d.run.good:
        bad = sum(word != "OK" for word in d.run.verdicts)
        yield Doubt(
            f"{bad:,} of {len(d.run):,} streamed rows were not answered as the model answers",
            "run",
        )


def _changed_size(d: Dossier) -> Iterator[Doubt]:
    """A model whose firmware is another one than when it was trained."""
    if d.firmware and d.ladder and d.rung and d.ladder.board == d.firmware.board.pio_id:
        then, now = d.rung.cost.flash_bytes, d.firmware.model_flash_bytes
        if abs(now - then) > SAME_BYTES:
            yield Doubt(
                f"The model took {then:,} bytes of flash when it was trained and takes "
                f"{now:,} now: "
                "compiler or generator have changed, train it again",
                "cost",
            )


def _beaten(d: Dossier) -> Iterator[Doubt]:
    """Baselines that are no larger and do better, or as well without an input."""
    if d.ladder and d.rung:
        for words in beaten(d.model, d.rung.cost.flash_bytes, d.ladder.comparators):
            yield Doubt(sentence_of(words), "ladder")


def weak_parts(d: Dossier) -> tuple[Slice, ...]:
    """Parts of the test rows where the model is worse than chance explains, worst first."""
    assert d.tests is not None, "only a dossier with test rows is asked for its weak parts"
    return weak(slices(d.model, d.tests), test_error(d.model))


def weak_words(part: Slice, d: Dossier) -> str:
    """One weak part as a sentence without its full stop."""
    where = {
        "true value": f"where {d.model.output.name} is {part.name}",
        "time": f"in {part.name}",
        "sensor": f"where {part.name}",
    }[part.kind]
    overall = test_error(d.model)
    ratio = (
        f"{part.error / overall:.1f} times the error of all"
        if overall
        else "where all others are right"
    )
    bias = (
        f", on average {with_unit(abs(part.bias), d.model)} too "
        f"{'high' if part.bias > 0 else 'low'}"
        if abs(part.bias) > part.error / 2
        else ""
    )
    return (
        f"{where}: {with_unit(part.error, d.model)} on {counted(part.rows, 'row')}, {ratio}{bias}"
    )


def sentence_of(words: str) -> str:
    """The words with a capital letter at their beginning."""
    return words[:1].upper() + words[1:]


def inputs_table(model: Model) -> tuple[list[str], list[list]]:
    """Headers and rows of the inputs: units, trained and accepted ranges."""
    rows = []
    for q in model.inputs:
        low, high = (q.words(float(q.to_physical(raw))) for raw in q.limits)
        rows.append(
            [
                q.name,
                q.unit or "-",
                f"{q.words(q.minimum)} .. {q.words(q.maximum)}",
                f"{low} .. {high}",
                f"{q.scale:g}",
            ]
        )
    return ["input", "unit", "trained on", "accepted", "step"], rows


def faults_table(d: Dossier) -> tuple[list[str], list[list]]:
    """Headers and rows: the error with one sensor stuck at an end of its accepted range."""
    assert d.tests is not None, "only a dossier with test rows is asked for its faults"
    rows = [
        [f.name, with_unit(f.low_error, d.model), with_unit(f.high_error, d.model)]
        for f in sensor_faults(d.model, d.tests)
    ]
    return ["sensor", "stuck low", "stuck high"], rows


def conversion_table(v: Conversion) -> tuple[list[str], list[list]]:
    """Headers and rows: the integer model beside the same model in float."""
    rows: list[list] = [
        [
            "error on the test rows",
            with_unit(v.float_error, v.model),
            with_unit(v.integer_error, v.model),
            difference_words(v),
        ]
    ]
    if v.float_cost:
        pairs = (
            ("flash [bytes]", v.float_cost.flash_bytes, v.integer_cost.flash_bytes),
            (
                "RAM with stack [bytes]",
                v.float_cost.ram_with_stack,
                v.integer_cost.ram_with_stack,
            ),
            ("cycles at most", v.float_cost.cycles_max, v.integer_cost.cycles_max),
        )
        rows += [
            [
                name,
                old,
                new,
                f"{old / new:.2g} times less" if new and old >= new else f"{new - old:+,}",
            ]
            for name, old, new in pairs
        ]
    return ["", "in float", "in integers", "difference"], rows


def model_line(d: Dossier) -> str:
    """Family and configuration."""
    return rung_name(d.model)
