"""scikit-learn's estimators that are made of others: chains, columns side by side, votes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ...common.errors import QuantizeError
from ..graph import (
    LOGISTIC,
    SAME,
    STEP,
    Affine,
    Curve,
    Floats,
    Head,
    Step,
    TreeSum,
    each,
    pick,
    straight,
)
from ..simplify import beside, width_of
from . import Part, labels_of, read, reader
from .sklearn_columns import FUNCTIONS


@reader("Pipeline")
def pipeline(e: Any, columns: tuple[str, ...]) -> Part:
    steps: list[Step] = []
    notes: list[str] = []
    named = [s for s in e.steps if s[1] not in (None, "passthrough")]
    if not named:
        raise QuantizeError("the Pipeline has no step that does something")
    *front, (_, last) = named
    for name, step in front:
        part = read(step, columns)
        if part.head:
            raise QuantizeError(
                f"step '{name}' of the Pipeline is a {type(step).__name__}, which predicts, with "
                "another step behind it: only transformers can stand there"
            )
        steps += part.steps
        notes += part.notes
        width = width_of(part.steps, len(columns))
        columns = tuple(f"x{k}" for k in range(width))
    return read(last, columns).after(steps, notes)


@reader("ColumnTransformer")
def column_transformer(e: Any, columns: tuple[str, ...]) -> Part:
    branches: list[tuple[Step, ...]] = []
    notes: list[str] = []
    for name, step, _ in e.transformers_:
        places = list(e._transformer_to_input_indices[name])
        if step == "drop" or not places:
            continue
        part = _branch(e, name, step, tuple(columns[k] for k in places))
        branches.append((pick(places), *part.steps))
        notes += part.notes
    if not branches:
        raise QuantizeError("the ColumnTransformer keeps no column: nothing is left to decide from")
    return Part(beside(branches, len(columns))[0], notes=tuple(notes))


@reader("FeatureUnion")
def union(e: Any, columns: tuple[str, ...]) -> Part:
    kept = [(name, step) for name, step in e.transformer_list if step != "drop"]
    if not kept:
        raise QuantizeError("the FeatureUnion keeps no column: nothing is left to decide from")
    parts = [_branch(e, name, step, columns) for name, step in kept]
    notes = [note for part in parts for note in part.notes]
    return Part(beside([p.steps for p in parts], len(columns))[0], notes=tuple(notes))


def _branch(e: Any, name: str, step: Any, columns: tuple[str, ...]) -> Part:
    """A transformer beside others, with its weight among them."""
    part = Part((each(len(columns), SAME),)) if step == "passthrough" else read(step, columns)
    weight = (e.transformer_weights or {}).get(name)
    if weight is None:
        return part
    scaled = each(width_of(part.steps, len(columns)), straight(float(weight), 0.0))
    return replace(part, steps=(*part.steps, scaled))


@reader("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV")
def search(e: Any, columns: tuple[str, ...]) -> Part:
    return read(e.best_estimator_, columns)


@reader("FrozenEstimator")
def frozen(e: Any, columns: tuple[str, ...]) -> Part:
    return read(e.estimator, columns)


@reader("TransformedTargetRegressor")
def transformed_target(e: Any, columns: tuple[str, ...]) -> Part:
    if getattr(e, "_training_dim", 1) > 1:
        raise QuantizeError(
            "a TransformedTargetRegressor of several targets cannot be converted: fit one for "
            "each, in a MultiOutputRegressor"
        )
    part, back = read(e.regressor_, columns), e.transformer_
    function = getattr(back, "inverse_func", None)
    if getattr(back, "inv_kw_args", None):
        raise QuantizeError(
            "TransformedTargetRegressor with inv_kw_args cannot be converted: use an inverse_func "
            "that needs none"
        )
    if type(back).__name__ == "StandardScaler":
        spread = back.scale_[0] if back.scale_ is not None else 1.0
        centre = back.mean_[0] if back.mean_ is not None else 0.0
        curve = straight(float(spread), float(centre))
    elif type(back).__name__ == "FunctionTransformer" and function is None:
        curve = SAME
    elif type(back).__name__ == "FunctionTransformer":
        name = getattr(function, "__name__", "")
        if name not in FUNCTIONS or function is not getattr(np, name):
            raise QuantizeError(
                f"TransformedTargetRegressor(inverse_func={name or function!r}) cannot be "
                f"converted: use one of numpy's {', '.join(FUNCTIONS)}"
            )
        curve = Curve(name, function)
    else:
        curve = Curve(f"inverse {type(back).__name__}", partial(_inverse, back))
    return Part((*part.steps, each(1, curve)), part.head, notes=part.notes)


def _inverse(transformer: Any, x: Floats) -> Floats:
    flat = np.asarray(x, dtype=np.float64)
    return np.asarray(transformer.inverse_transform(flat[:, None]))[:, 0]


# ---- votes ----


def _weights(e: Any, count: int) -> Floats:
    """What each member counts; a weight stands for each that was named, the dropped ones too."""
    weights = np.ones(count)
    if e.weights is not None:
        kept = [weight for weight, (_, m) in zip(e.weights, e.estimators) if m != "drop"]
        weights = np.asarray(kept, dtype=np.float64)
    return weights / weights.sum()


def _notes(parts: Sequence[Part]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(note for part in parts for note in part.notes))


@reader("VotingRegressor")
def voting(e: Any, columns: tuple[str, ...]) -> Part:
    parts = [read(member, columns) for member in e.estimators_]
    steps, _ = beside([p.steps for p in parts], len(columns))
    mean = Affine(_weights(e, len(parts))[None, :], np.zeros(1))
    return Part((*steps, mean), Head(), notes=_notes(parts))


@reader("MultiOutputRegressor")
def several_outputs(e: Any, columns: tuple[str, ...]) -> Part:
    parts = [read(member, columns) for member in e.estimators_]
    return Part(beside([p.steps for p in parts], len(columns))[0], Head(), notes=_notes(parts))


@reader("VotingClassifier")
def voting_classifier(e: Any, columns: tuple[str, ...]) -> Part:
    """The largest mean of the members' probabilities, or of their votes."""
    parts = [read(member, columns) for member in e.estimators_]
    say = _shares if e.voting == "soft" else _vote
    branches = [say(p, type(m).__name__) for p, m in zip(parts, e.estimators_)]
    steps, places = beside(branches, len(columns))
    weights = _weights(e, len(parts))
    width = places[-1].stop
    mean = np.zeros((places[0].stop - places[0].start, width))
    for place, weight in zip(places, weights):
        mean[:, place] = weight * np.eye(len(mean))
    two = len(mean) == 1  # the second one's share, above a half
    head = Head("sign" if two else "largest", labels_of(e.classes_))
    last = Affine(mean, np.full(len(mean), -0.5 * two))
    return Part((*steps, last), head, "share", _notes(parts))


def _shares(part: Part, name: str) -> tuple[Step, ...]:
    """The probability of class 1, or of every class."""
    if part.link == "logistic":
        return (*part.steps, each(1, LOGISTIC))
    if part.link == "share":
        binary = part.head is not None and part.head.kind == "sign"
        gain = (0.5 if binary else 1.0) / part.total
        width = width_of(part.steps, 0)
        return (*part.steps, Affine(gain * np.eye(width), np.full(width, 0.5 * binary)))
    raise QuantizeError(
        f"the probabilities of {name} have no integer form that can be averaged: use "
        "VotingClassifier(voting='hard'), or two classes"
    )


def _vote(part: Part, name: str) -> tuple[Step, ...]:
    """1 for the class that a member names, else 0; of two classes for the second."""
    *front, last = part.steps
    assert part.head is not None
    if isinstance(last, TreeSum) and len(last.trees) == 1:
        (tree,) = last.trees
        best = part.head.answers(tree.values + last.base)
        width = 1 if part.head.kind == "sign" else tree.values.shape[1]
        votes = best[:, None] if width == 1 else np.eye(width)[best]
        voter = replace(tree, values=votes.astype(np.float64))
        one = TreeSum((voter,), np.zeros(width), last.single)
        return (*front, one)
    if part.head.kind == "sign" and not isinstance(last, TreeSum):
        return (*part.steps, each(1, STEP))
    raise QuantizeError(
        f"the vote of {name} among others has no integer form: use VotingClassifier(voting='soft'),"
        " or decision trees"
    )


@reader("OneVsRestClassifier")
def one_vs_rest(e: Any, columns: tuple[str, ...]) -> Part:
    parts = [read(member, columns) for member in e.estimators_]
    if any(p.head is None or p.head.kind != "sign" for p in parts):
        raise QuantizeError("OneVsRestClassifier of these estimators cannot be converted")
    if len(parts) == 1:
        return Part(parts[0].steps, Head("sign", labels_of(e.classes_)), notes=parts[0].notes)
    steps, _ = beside([p.steps for p in parts], len(columns))
    return Part(steps, Head("largest", labels_of(e.classes_)), notes=_notes(parts))


@reader("CalibratedClassifierCV")
def calibrated(e: Any, columns: tuple[str, ...]) -> Part:
    """Sigmoids of the scores; of one sigmoid a class only its order counts."""
    branches = [_calibrated(c, columns) for c in e.calibrated_classifiers_]
    labels = labels_of(e.classes_)
    binary = len(labels) == 2
    head = Head("sign" if binary else "largest", labels)
    notes = _notes([b for b, _ in branches])
    if len(branches) == 1:
        part, sums = branches[0]
        return Part((*part.steps, sums), head, "logistic" if binary else "", notes)
    if not binary:
        raise QuantizeError(
            "CalibratedClassifierCV of three or more classes averages what it has divided by its "
            "sum: use ensemble=False"
        )
    chains = [(*part.steps, sums, each(1, LOGISTIC)) for part, sums in branches]
    steps, _ = beside(chains, len(columns))
    mean = Affine(np.full((1, len(branches)), 1 / len(branches)), np.array([-0.5]))
    return Part((*steps, mean), head, notes=notes)


def _calibrated(one: Any, columns: tuple[str, ...]) -> tuple[Part, Affine]:
    """The classifier's scores, and the sums whose logistic function is each class's share."""
    if one.method != "sigmoid":
        raise QuantizeError(
            f"CalibratedClassifierCV(method='{one.method}') cannot be converted: use 'sigmoid'"
        )
    part = read(one.estimator, columns)
    if not hasattr(one.estimator, "decision_function"):
        raise QuantizeError(
            f"CalibratedClassifierCV of {type(one.estimator).__name__}, which has no "
            "decision_function, cannot be converted: calibrate a linear model or boosted trees"
        )
    gain = np.array([-float(c.a_) for c in one.calibrators])
    offset = np.array([-float(c.b_) for c in one.calibrators])
    return part, Affine(np.diag(gain), offset)
