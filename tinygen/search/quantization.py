"""Room 3, quantize: the integer model of a trained one, and what the conversion cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np

from ..common.errors import QuantizeError, UsageError, show
from ..common.tables import six_digits
from ..data import Dataset
from ..data.reference import Reference, Sketch, sketch
from ..fitting.class_scores import score_chain
from ..fitting.error_bars import held_out
from ..fitting.fitted import Fitted, Scoring
from ..model.alarm_threshold import AlarmBand, Confusion, LearnedAlarm
from ..model.confidence.error_bars import per_cent, rows_needed
from ..model.confidence.not_sure import Answered, leads_of, least_lead
from ..model.fixedpoint import NOT_SURE, RAW_MAX, RAW_MIN, Quantity
from ..model.model import Model
from ..model.nodes import Integers, integers
from ..model.operations.argmax import Argmax
from ..model.operations.dense import Dense
from ..model.operations.forest import Forest
from .cross_validation import FOLDS, Trained, fold_cuts, plain_config, rounded

INT32 = -(2**31), 2**31 - 1


def quantize(
    trained: Trained,
    dataset: Dataset,
    name: str = "model_1",
    threshold: float | None = None,
    learned: LearnedAlarm | None = None,
    alarm_below: float | None = None,
    scores: bool = False,
    sketches: Sequence[Sketch] | None = None,
) -> Model:
    """The integer model of a `Trained` on a `Dataset`, with its figures on the test rows as
    training facts.

    threshold, alarm_below: alarm levels in the target's unit; an output above the first or below
    the second is an alarm. learned: the raw thresholds to use in their place. scores: the answers
    carry the score of each class; QuantizeError where there is none. sketches: `input_sketches`,
    where several models come from the same rows.
    """
    columns = list(trained.fitted.columns)
    nodes = trained.family.lower(trained.fitted, dataset.training)
    limits = [dataset.inputs[c].limits for c in columns]
    if scores and (nodes := score_chain(nodes, limits) or ()) == ():
        raise QuantizeError(f"family '{trained.family.name}' names a class without scores")
    band = learned.band if learned else raw_band(dataset.target, threshold, alarm_below)
    bare = Model(
        name,
        trained.family.name,
        tuple(dataset.inputs[c] for c in columns),
        dataset.target,
        nodes,
        band.high,
        dataset.labels,
        {"learned_alarm": learned.plain()} if learned else {},
        alarm_below=band.low,
        scores=scores,
    )
    told = facts(bare, trained, dataset, sketches)
    if learned:
        told["learned_alarm"] = {**learned.plain(), **on_test_rows(bare, columns, dataset)}
    return replace(bare, training=told)


def on_test_rows(model: Model, columns: list[int], dataset: Dataset) -> dict:
    """Confusions of the test rows: with the alarm levels as thresholds, and with the learned
    ones.
    """
    answer, truth = (
        model.answer(dataset.x[dataset.test][:, columns]),
        model.beyond(dataset.y[dataset.test]),
    )
    return {
        "test_at_level": asdict(Confusion.of(model.beyond(answer), truth)),
        "test_learned": asdict(Confusion.of(model.alarm(answer), truth)),
    }


def facts(
    model: Model, trained: Trained, dataset: Dataset, sketches: Sequence[Sketch] | None = None
) -> dict:
    """What the model file tells of the making of a `Trained`'s integer form."""
    x = dataset.x[dataset.test]
    floats = rounded(trained.fitted, x) if len(x) else np.zeros(0)
    columns = list(trained.fitted.columns)
    return facts_of(model, columns, plain_config(trained.config), floats, dataset, sketches)


def facts_of(
    model: Model,
    columns: list[int],
    config: dict,
    floats: np.ndarray,
    dataset: Dataset,
    sketches: Sequence[Sketch] | None = None,
) -> dict:
    """What the model file tells of its making: rows, split, source, and, where there are test rows,
    figures on them. columns: the inputs that the model uses; floats: the float model's raw answers
    to the test rows; sketches: as for `quantize`.
    """
    weighting = dataset.provenance.weighting
    return {
        "rows_train": len(dataset.train),
        **dataset.facts(),
        "config": config,
        "candidate_inputs": [q.name for q in dataset.inputs],
        **(figures_on_test_rows(model, columns, floats, dataset) if len(dataset.test) else {}),
        **({"weighting": weighting} if weighting else {}),
        "baseline": training_baseline(model, columns, dataset, sketches).plain(),
    }


def figures_on_test_rows(
    model: Model, columns: list[int], floats: np.ndarray, dataset: Dataset
) -> dict:
    """Figures on the test rows, and mistakes of the alarm there."""
    x, y = dataset.x[dataset.test], dataset.y[dataset.test]
    answer = model.answer(x[:, columns])
    alarm, truth = model.alarm(answer), model.beyond(y)
    return {
        "metrics": class_metrics(answer, floats, y, dataset.labels)
        if dataset.labels
        else metrics(answer, floats, y, dataset.target.scale),
        "alarm": {"false": int((alarm & ~truth).sum()), "missed": int((~alarm & truth).sum())},
    }


def training_baseline(
    model: Model,
    columns: list[int],
    dataset: Dataset,
    sketches: Sequence[Sketch] | None = None,
) -> Reference:
    """What the training rows look like to the model: its inputs, then its answers. sketches: as for
    `quantize`.
    """
    x = dataset.x[dataset.train][:, columns]
    answer = model.answer(x)
    return sketch(
        [q.name for q in (*model.inputs, model.output)],
        np.column_stack([x, answer]),
        model.alarm(answer) if model.band else None,
        dataset.provenance.rows_dropped / max(dataset.provenance.rows_read, 1),
        _places(dataset),
        [sketches[c] for c in columns] if sketches else (),
    )


def input_sketches(dataset: Dataset) -> tuple[Sketch, ...]:
    """What the training rows look like, input by input."""
    names, rows = [q.name for q in dataset.inputs], dataset.x[dataset.train]
    return sketch(names, rows, None, 0.0, _places(dataset)).sketches


def _places(dataset: Dataset) -> np.ndarray | None:
    """Where the training rows stand among all rows; None where one is behind the other."""
    return None if dataset.split.by_time else dataset.train


def metrics(answer, floats, y, scale: float) -> dict:
    """Errors of raw answers, and of the float model's, in the output's unit; R2 is 1 for a perfect
    model.
    """
    error, spread = answer - y, (y - y.mean()) ** 2
    return {
        "mae": six_digits(np.abs(error).mean() * scale),
        "float_mae": six_digits(np.abs(floats - y).mean() * scale),
        "rmse": six_digits(np.sqrt((error**2).mean()) * scale),
        "r2": six_digits(1 - (error**2).sum() / max(spread.sum(), 1e-12)),
    }


def class_metrics(answer, floats, y, labels: tuple[str, ...]) -> dict:
    """Figures of class answers: parts of the rows, and the confusion matrix, a row per true class.

    The recall of a class without test rows is None.
    """
    confusion = np.zeros((len(labels), len(labels)), dtype=int)
    np.add.at(confusion, (y, answer), 1)
    right, rows = confusion.diagonal(), confusion.sum(axis=1)
    return {
        "accuracy": six_digits((answer == y).mean()),
        "error_rate": six_digits((answer != y).mean()),
        "float_error_rate": six_digits((floats != y).mean()),
        "confusion": confusion.tolist(),
        "recall": {
            label: six_digits(r / n) if n else None for label, r, n in zip(labels, right, rows)
        },
    }


def _ends(q: Quantity) -> str:
    """The least and the greatest value that 16 bits hold."""
    most = RAW_MAX * q.scale
    return f"{q.offset - most:g} .. {q.offset + most:g}" if q.offset else f"+-{most:g}"


def raw_band(
    target: Quantity, threshold: float | None = None, alarm_below: float | None = None
) -> AlarmBand:
    """The raw outputs that are no alarm, for alarm levels in the target's unit; QuantizeError where
    a level is no number within int16, or no whole step lies between the two.
    """
    # above 15.04 and above 15.0 are the same in steps of 0.1, and so are below 15.04 and below 15.1
    high = None if threshold is None else _raw_level(target, "threshold", threshold, np.floor, 1e-9)
    low = (
        None
        if alarm_below is None
        else _raw_level(target, "alarm_below", alarm_below, np.ceil, -1e-9)
    )
    if low is None or high is None or low < high:
        return AlarmBand(low, high)
    assert alarm_below is not None and threshold is not None
    unit = f" {target.unit}".rstrip()
    wrong = (
        f"leaves a band too narrow for steps of {target.scale:g}{unit}: move them apart"
        if alarm_below < threshold
        else "leaves no band between: the level below must be the smaller one"
    )
    raise QuantizeError(
        f"an alarm below {alarm_below:g}{unit} and above {threshold:g}{unit} {wrong}"
    )


def alarm_notes(dataset: Dataset, band: AlarmBand) -> tuple[str, ...]:
    """That all training rows are alarms, or none, where that is so: a level in another unit, or one
    that the figures tell nothing of.
    """
    y, target = dataset.y[dataset.train], dataset.target
    alarms = int(band.left_by(y).sum())
    if dataset.labels or not band or 0 < alarms < len(y):
        return ()
    ends = [target.words(float(target.to_physical(raw))) for raw in (y.min(), y.max())]
    unit = f" {target.unit}".rstrip()
    return (
        f"alarm: {'every' if alarms else 'no'} training row is one, its {show(target.name)} is "
        f"{' .. '.join(ends)}{unit}: the figures tell nothing of it (check the level and its unit)",
    )


def _raw_level(target: Quantity, name: str, level: float, whole, slack: float) -> int:
    """A level in whole raw steps; QuantizeError where it is no number within int16."""
    if not np.isfinite(level):
        raise QuantizeError(
            f"{name} {level} is not a number: give the alarm level in the target's unit"
        )
    raw = int(whole((level - target.offset) / target.scale + slack))
    if not RAW_MIN <= raw <= RAW_MAX:
        raise QuantizeError(
            f"{name} {level:g}{target.unit and ' '}{target.unit} is raw {raw}, beyond "
            "int16: "
            f"use one within {_ends(target)}"
        )
    return raw


def require_scores(dataset: Dataset, scores: bool, rate: float | None) -> None:
    """UsageError where scores, or a wanted rate of wrong answers, make no sense for a data set."""
    if scores and not dataset.labels:
        raise UsageError(
            f"--scores is for classes, the target '{dataset.target.name}' is a number: leave it out"
        )
    if rate is None:
        return
    if not 0 < rate < 1:
        raise UsageError(
            f"reject {rate:g} is no part of the answers that may be wrong: give one such as 0.05"
        )
    if not dataset.labels:
        raise UsageError(
            f"reject is for classes, the target '{dataset.target.name}' is a number: leave it out"
        )
    if len(dataset.train) < 2 * FOLDS:
        raise UsageError(
            f"reject needs {2 * FOLDS} training rows or more, there are {len(dataset.train)}"
        )


def with_reject(model: Model, trained: Trained, dataset: Dataset, rate: float) -> Model:
    """The model with its `sure_margin`, and among its facts what that does; QuantizeError where no
    margin keeps the rate.

    Each fold's float model answers training rows that it was not fitted to. The limit on its lead
    becomes one on integer scores by the factor between both on all training rows.
    """
    fitted, columns = trained.fitted, list(trained.fitted.columns)
    assert isinstance(fitted, Scoring)
    leads, answers, y = _unseen(trained, dataset)
    limit = least_lead(leads, answers != y, rate)
    if limit is None:
        raise QuantizeError(
            f"no lead of the best class keeps wrong answers within {rate:.2%}: use a larger rate"
        )
    x, test = dataset.x[dataset.train], dataset.test
    whole = leads_of(model.values(x[:, columns])[:, 1:])
    exact = leads_of(fitted.class_scores(x))
    factor = float(exact @ whole) / max(float(exact @ exact), 1e-12)
    most = max(model.bounds[-2].high) - min(model.bounds[-2].low)
    sure = replace(model, sure_margin=int(np.clip(np.ceil(limit * factor - 1e-9), 1, most)))
    told = {
        "rate": rate,
        "unseen": asdict(Answered.of(np.where(leads >= limit, answers, NOT_SURE), y)),
        "test": asdict(Answered.of(sure.predict(dataset.x[test][:, columns]), dataset.y[test])),
    }
    baseline = training_baseline(sure, columns, dataset).plain()
    return replace(sure, training={**model.training, "reject": told, "baseline": baseline})


def require_bars(dataset: Dataset, level: float | None) -> int | None:
    """The level of error bars in per cent, None where none are wanted; UsageError where they make
    no sense for a data set.
    """
    if level is None:
        return None
    whole = per_cent(level)
    if dataset.labels:
        raise UsageError(
            f"error bars are for a number, the target '{dataset.target.name}' has classes: use "
            "--reject for classes"
        )
    rows = sum(len(unseen) for _, unseen in held_out(dataset))
    if rows < (least := rows_needed(whole)):
        raise UsageError(
            f"error bars of {level:g} need {least} training rows that a fit has not seen, there "
            f"are {rows}: take a lower level, or more rows"
        )
    return whole


def held_out_errors(trained: Trained, partial: list[Fitted], dataset: Dataset) -> Integers:
    """Absolute raw errors of the integer models of `partial` on the training rows that each was
    fitted without: as `held_out` says.
    """
    errors = []
    for fitted, (fit_on, unseen) in zip(partial, held_out(dataset), strict=True):
        columns = list(fitted.columns)
        model = Model(
            "held_out",
            trained.family.name,
            tuple(dataset.inputs[c] for c in columns),
            dataset.target,
            trained.family.lower(fitted, dataset.rows.take(fit_on)),
        )
        errors.append(np.abs(model.answer(dataset.x[unseen][:, columns]) - dataset.y[unseen]))
    return integers(np.concatenate(errors))


def _unseen(trained: Trained, dataset: Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Leads, answers and true classes of rows that a fold's float model was not fitted to."""
    leads, answers, truth = [], [], []
    for fit_on, validate in fold_cuts(dataset):
        rows, unseen = dataset.rows.take(fit_on), dataset.rows.take(validate)
        fitted = trained.family.fit_all(rows, [trained.config], dataset.split.seed, draft=True)[0]
        leads.append(leads_of(fitted.class_scores(unseen.x)))  # type: ignore[attr-defined]
        answers.append(fitted.predict(unseen.x))
        truth.append(unseen.y)
    return np.concatenate(leads), np.concatenate(answers), np.concatenate(truth)


def class_scores(model: Model, raw: np.ndarray) -> np.ndarray | None:
    """What the chip compares to name a class, (n, classes), for raw rows; None where it compares
    nothing, as a decision tree.

    Of two classes there is one sum, and class 1 is answered where it is above 0: half a step is
    taken off, so that a sum of 0 speaks for class 0.
    """
    values, last = model.saturate(raw)[0], model.nodes[-1]
    for node in model.nodes[:-1]:
        values = node.apply(values)
    if isinstance(last, Argmax):
        return values
    if not isinstance(last, Dense | Forest) or len(model.labels) > 2:
        return None
    sums = replace(last, low=INT32[0], high=INT32[1]).apply(values)[:, 0]
    if sums.min(initial=0) >= 0 and sums.max(initial=0) <= 1:
        return None
    return np.column_stack([np.zeros(len(sums)), sums - 0.5])
