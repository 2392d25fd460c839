"""The door: a float model and rows become an integer model, and what is known of the change."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..common.errors import ModelError, QuantizeError, UsageError, show
from ..common.tables import six_digits
from ..data import Dataset
from ..data.steps import ROOM, decimal_quantity
from ..model.fixedpoint import Quantity
from ..model.model import Model
from ..model.nodes import Node, prove
from ..model.parts import check_name
from ..search.quantization import alarm_notes, facts_of, raw_band
from ..search.several import joined_model
from .calibration import (
    Answer,
    Calibration,
    Lowered,
    dataset_of,
    numbers_of,
    physical,
    rows_of,
    target_of,
    targets_of,
)
from .graph import FloatModel, Head, family_of, margins
from .lower import lower
from .readers import float_model

LEAST_LEVELS = 256  # answers that a target's own step must tell apart, or a finer one is taken
AGREE = 1e-5  # part of the answers' spread that float32 sums may be off
ROUNDED = 0.1  # the same, or a part of the rows, where the original rounds between its layers
MOST_ANSWER = 1e36  # beyond, it is no number in 32-bit floats, which the tables in C reckon with
TIED = 1e-9  # part of the scores' spread below which two are tied
Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Converted:
    """A model of somebody else in integers."""

    model: Model
    floats: FloatModel
    lowered: Lowered
    columns: tuple[int, ...]  # the data set's inputs that the model reads
    answers: np.ndarray  # float raw answers to all rows of the data set, or classes
    dataset: Dataset  # its target and labels are those of the model
    notes: tuple[str, ...]


def convert(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    name: str = "model_1",
    threshold: float | None = None,
    alarm_below: float | None = None,
    input_scales: Any = None,
) -> Model:
    """The integer model of a fitted estimator: what `TinyRegressor(...).model_` is of a trained
    one.

    X: rows (n, columns) of physical values, an array or a DataFrame; they calibrate ranges and
    steps, so give what the board will see. A column "gas [ppm]" has the unit ppm. y: their targets:
    the answer's step is theirs, and of a Series its name and unit; without them it is that of the
    estimator's own answers. threshold, alarm_below: an answer above the first or below the second
    is an alarm. input_scales: raw step of each column, by name or in order. QuantizeError names
    what cannot be converted, UsageError an estimator that is not fitted or rows that do not fit it.

    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> X, y = load_diabetes(return_X_y=True, scaled=False)
    >>> convert(Ridge().fit(X, y), X, y).nodes[-1].op
    'dense'
    """
    floats = float_model(estimator)
    rows, names = rows_of(X, floats.inputs)
    levels, outputs = (threshold, alarm_below), len(floats.singles)
    targets = targets_of(y, rows, outputs)
    if targets and not floats.head.labels:
        targets = [numbers_of(one) for one in targets]
    told = targets[0] if targets and not floats.head.labels else None
    dataset = dataset_of(rows, names, input_scales, target_of(getattr(y, "name", None), told))
    found = converted_each(
        floats, [dataset] * outputs, name, levels, predict_of(estimator), targets
    )
    return joined_model([one.model for one in found])


def converted_each(
    floats: FloatModel,
    datasets: Sequence[Dataset],
    name: str,
    alarm: tuple[float | None, float | None] = (None, None),
    reference: Predict | None = None,
    targets: Sequence[np.ndarray] | None = None,
) -> list[Converted]:
    """As `converted`, for each output of a float model: the data sets differ in their target alone,
    `targets` has one array for each. The alarm is that of the first output.
    """
    singles, found = floats.singles, []
    for k, (one, dataset) in enumerate(zip(singles, datasets)):
        told = reference
        if reference and len(singles) > 1:
            told = partial(_column, reference, k)
        wanted, levels = None if targets is None else targets[k], (None, None) if k else alarm
        found.append(converted(one, dataset, name, levels, told, wanted))
    return found


def _column(reference: Predict, k: int, x: np.ndarray) -> np.ndarray:
    """Answer k of several."""
    answers: np.ndarray = np.asarray(reference(x))[:, k]
    return answers


def converted(
    floats: FloatModel,
    dataset: Dataset,
    name: str,
    alarm: tuple[float | None, float | None] = (None, None),
    reference: Predict | None = None,
    targets: np.ndarray | None = None,
) -> Converted:
    """The integer form of a float model, calibrated on the training rows of a data set.

    The data set's inputs are the float model's, in its order; its target is not looked at. alarm:
    the levels above and below which an answer is one. reference: what the original library answers
    to physical rows; the float model must say the same. targets: what the rows should have been
    answered, physical values or labels (n,); without them the float model's own answers.
    """
    check_name(name)
    x = physical(dataset.inputs, dataset.x)
    values = floats.values(x)
    _require_numbers(floats, values)
    told = None if reference is None else _told(floats, np.asarray(reference(x)))
    checked = _compared(floats, values, told, floats.decided(x))
    mine = _answers(floats, values, told)
    labels, (chain, why) = floats.head.labels, _own_chain(floats, dataset)
    output = _output(floats, mine, dataset, targets, chain)
    raw_targets = _raw_targets(floats, mine, output, targets)
    dataset = dataset.with_rows(y=raw_targets, output=output, labels=labels)
    used, lowered = _lowered(floats, mine, dataset, output, chain, targets is not None)
    band = raw_band(output, *alarm)
    inputs, family = tuple(dataset.inputs[k] for k in used), family_of(floats.kind)
    end: dict[str, Any] = {"threshold": band.high, "labels": labels, "alarm_below": band.low}
    bare = Model(name, family, inputs, output, lowered.nodes, **end)
    answers = mine if labels else (mine - output.offset) / output.scale
    notes = (*floats.notes, *lowered.notes, *why, *alarm_notes(dataset, band))
    facts = _facts(bare, used, lowered, answers, dataset)
    if chain and told is not None:
        checked = {"rows": len(x), "bit_equal": _equal(bare, dataset, told)}
    # own_answers: the errors are against the original's answers
    facts["converted"] |= {"from": floats.kind, "own_answers": targets is None}
    facts["converted"] |= {"reference": checked, "notes": list(notes)}
    return Converted(replace(bare, training=facts), floats, lowered, used, answers, dataset, notes)


def _lowered(
    floats: FloatModel,
    mine: np.ndarray,
    dataset: Dataset,
    output: Quantity,
    chain: tuple[Node, ...],
    told: bool,
) -> tuple[tuple[int, ...], Lowered]:
    """The inputs that are used, and the integer form; the original's own where it is kept. told:
    the data set's target is what the rows should have been answered.
    """
    answer, x = Answer.of(floats.head, output), dataset.x[dataset.train]
    if not chain:
        targets = dataset.y[dataset.train].astype(np.float64) if told else None
        used, found = lower(floats, dataset.inputs, x, answer, targets)
        if floats.rounded:  # what is proven is proven of steps that are near the original only
            found = replace(found, bound=None, margin=None)
        return used, found
    wanted = mine[dataset.train].astype(np.float64)[:, None]
    if floats.head.labels:  # a row of scores for each class index
        wanted = np.where(wanted == np.arange(len(floats.head.labels)), 1.0, 0.0)
        answer = replace(answer, head=Head("largest", floats.head.labels))
    rows = Calibration(dataset.inputs, x, wanted, answer)
    every = tuple(range(len(dataset.inputs)))
    return every, Lowered(chain, measured=rows.measured(rows.gaps(chain)))


def _own_chain(floats: FloatModel, dataset: Dataset) -> tuple[tuple[Node, ...], tuple[str, ...]]:
    """The original's own integers where it has some and they can be kept, and a note where not."""
    if floats.integers is None:
        return (), ()
    try:
        chain = floats.integers.chain(dataset.inputs)
        prove(chain, len(dataset.inputs))
    except (QuantizeError, ModelError) as error:
        return (), (
            f"the model's own integers are not kept, since {error}: its weights are quantized anew",
        )
    return chain, ()


def _equal(model: Model, dataset: Dataset, told: np.ndarray) -> int:
    """Rows that the integers answer exactly as the original does."""
    mine = model.answer(dataset.x)
    if model.labels:
        names = [str(v) for v in told.tolist()]
        return int((np.array(model.labels)[mine] == np.array(names)).sum())
    raw = (told.astype(np.float64) - model.output.offset) / model.output.scale
    return int((np.floor(raw + 0.5) == mine).sum())


def _require_numbers(floats: FloatModel, values: np.ndarray) -> None:
    bad = ~(np.abs(values) <= MOST_ANSWER).all(axis=1)
    if bad.any():
        raise QuantizeError(
            f"the float model answers {int(bad.sum())} of {len(values)} rows with no number or one "
            f"beyond {MOST_ANSWER:g} (row {int(np.argmax(bad)) + 1} is the first): leave them out"
        )


def _told(floats: FloatModel, answers: np.ndarray) -> np.ndarray:
    """The original's answers (n,); QuantizeError where it has more than were read."""
    if answers.size != len(answers):
        raise QuantizeError(
            f"{floats.kind} answers {answers.size // len(answers)} numbers, of which one can be "
            "read: convert a model for each"
        )
    return answers.ravel()


def _compared(
    floats: FloatModel, values: np.ndarray, told: np.ndarray | None, decided: np.ndarray
) -> dict[str, Any]:
    """How far the float model is from the original on the rows; QuantizeError where it is another
    model on those that are decided: nothing that was misread goes on.
    """
    if told is None:
        return {}
    mine = floats.head.answers(values)
    if not floats.head.labels:
        gap = np.where(decided, np.abs(told.astype(np.float64) - mine), 0.0)
        spread = max(float(np.ptp(mine)), float(np.abs(mine).max()), 1e-300)
        # a step of a tree apart, where a value lies on a threshold, is no misreading
        if floats.rounded and np.median(gap) <= ROUNDED * spread:
            pass
        elif np.median(gap) > AGREE * spread or (gap > AGREE * spread).mean() > 0.01:
            raise QuantizeError(_misread(floats, float(gap.max())))
        return {"rows": len(told), "largest_difference": float(f"{gap.max():.3g}")}
    names = np.array(floats.head.labels)
    differ = names[mine] != np.array([str(v) for v in told.tolist()])
    untied = differ & decided & (margins(floats, values) > TIED)
    if untied.mean() > (ROUNDED if floats.rounded else 0.005):
        raise QuantizeError(_misread(floats, float(untied.sum())))
    return {"rows": len(told), "differing": int(differ.sum())}


def _answers(floats: FloatModel, values: np.ndarray, told: np.ndarray | None) -> np.ndarray:
    """Numbers or class indices that the model is to answer: those of the original where it rounds
    between its layers, for then the float steps are near them only.
    """
    if not floats.rounded or told is None:
        return floats.head.answers(values)
    if not floats.head.labels:
        return told.astype(np.float64)
    place = {label: k for k, label in enumerate(floats.head.labels)}
    return np.array([place[str(v)] for v in told.tolist()], dtype=np.int64)


def _misread(floats: FloatModel, gap: float) -> str:
    return (
        f"the steps read from {floats.kind} differ from its own predict by {gap:.3g}: this version "
        "of its library is not known, report it with the model"
    )


# ---- the answer's grid ----


def _output(
    floats: FloatModel,
    answers: np.ndarray,
    dataset: Dataset,
    targets: np.ndarray | None,
    chain: tuple[Node, ...],
) -> Quantity:
    """What the model answers: steps as fine as its target's, or finer where those are few."""
    if floats.head.labels:
        return Quantity("class", "", 1.0, 0.0, len(floats.head.labels) - 1.0)
    if chain and floats.integers:
        return floats.integers.output(dataset.target)
    known = answers[dataset.train]
    if targets is not None:
        known = np.concatenate([known, targets[dataset.train]])
    target = dataset.target
    found = decimal_quantity(target.name or floats.answer, known, own=False, room=ROOM)
    if target.name and target.scale > found.scale and np.ptp(known) / target.scale >= LEAST_LEVELS:
        low, high = float(known.min()), float(known.max())
        return replace(target, minimum=low, maximum=high)
    return replace(found, unit=target.unit)


def _raw_targets(
    floats: FloatModel, mine: np.ndarray, output: Quantity, targets: np.ndarray | None
) -> np.ndarray:
    """What the rows should have been answered, raw or as class indices."""
    if targets is None:
        return mine.astype(np.int64) if floats.head.labels else output.to_raw(mine)
    if not floats.head.labels:
        return output.to_raw(targets)
    place = {label: k for k, label in enumerate(floats.head.labels)}
    names = {t: _label(t, place) for t in set(targets.tolist())}
    strange = sorted(set(names.values()) - set(place))
    if strange:
        raise UsageError(
            f"the target has the class {show(strange[0])}, which the model does not know: its "
            f"classes are {', '.join(map(show, list(place)[:8]))}: write them so, or leave the "
            "target out"
        )
    return np.array([place[names[t]] for t in targets.tolist()], dtype=np.int64)


def _label(target: Any, labels: Iterable[str]) -> str:
    """The label of a target; a truth value or a float may be that of a whole number."""
    if str(target) in labels or not isinstance(target, bool | float) or target != target // 1:
        return str(target)
    return str(int(target)) if str(int(target)) in labels else str(target)


def _facts(
    model: Model, used: tuple[int, ...], lowered: Lowered, answers: np.ndarray, dataset: Dataset
) -> dict[str, Any]:
    """What the model file tells of every model, and of the difference to the float one."""
    floats = np.floor(answers[dataset.test] + 0.5).astype(np.int64)
    bound = None if lowered.bound is None else lowered.bound * model.output.scale
    return {
        **facts_of(model, list(used), {}, floats, dataset),
        "converted": {
            "bound": None if bound is None else six_digits(bound),
            "margin": None if lowered.margin is None else six_digits(lowered.margin),
            "same_leaves": lowered.same_leaves,
            "measured": {key: six_digits(v) for key, v in lowered.measured.items()},
        },
    }


# ---- what the library is called with ----


def predict_of(estimator: Any) -> Predict:
    """The estimator's own predict, for physical rows in its columns."""
    names = getattr(estimator, "feature_names_in_", None)

    def predict(x: np.ndarray) -> np.ndarray:
        with warnings.catch_warnings():  # of names that are missing: the columns are in order
            warnings.simplefilter("ignore", UserWarning)
            try:
                return np.asarray(estimator.predict(x if names is None else _frame(x, list(names))))
            except Exception as error:  # whatever a broken file made of an estimator
                why = f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
        name = type(estimator).__name__
        raise QuantizeError(f"{name} does not answer the rows ({why}): fit it anew on such rows")

    return predict


def _frame(x: np.ndarray, names: list[str]) -> Any:
    """Rows with column names, for an estimator that was fitted on such; without pandas the rows."""
    try:
        from pandas import DataFrame
    except ImportError:
        return x
    return DataFrame(x, columns=names)
