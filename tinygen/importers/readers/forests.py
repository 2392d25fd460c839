"""Forests of XGBoost and LightGBM, read by treelite: fitted estimators and model files."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import numpy as np

from ...common.errors import ModelError, QuantizeError, show
from ...common.files import json_of
from ...common.packages import needed
from ..graph import EXP, LOGISTIC, Floats, Head, Step, Tree, TreeSum, each
from . import Part, classifier, reader
from .sklearn_columns import NO_VALUE, plain_code
from .xgboost_files import LINEAR, best_note, rounds_used

BELOW, AT_MOST = 2, 3  # treelite's codes of "<" and "<="
STRANGE = {  # what a model of LightGBM says of itself: why it cannot be read
    "zero_as_missing: 1": ("zero_as_missing", "takes 0 for a missing value: train it without"),
    "\nis_linear=1": (
        "linear_tree",
        "has a line in each leaf, and only numbers are read: train it without",
    ),
}


@reader("XGBRegressor", "XGBRFRegressor", "XGBClassifier", "XGBRFClassifier", package="xgboost")
def xgboost(e: Any, columns: tuple[str, ...]) -> Part:
    treelite = needed("treelite", "forests", "a forest of XGBoost")
    booster, missing = e.get_booster(), getattr(e, "missing", None)
    if json_of(booster.save_config())["learner"]["gradient_booster"]["name"] == "gblinear":
        raise QuantizeError(LINEAR)
    if missing is not None and missing == missing:
        raise QuantizeError(
            f"{type(e).__name__}(missing={plain_code(missing)}) takes {plain_code(missing)} for a "
            "missing value: fit it with NaN in its place, and leave such rows out here"
        )
    rounds = booster.num_boosted_rounds()
    used = rounds_used(booster.attr("best_iteration"), rounds)
    notes = () if used is None else (best_note(used, rounds),)
    booster = booster if used is None else booster[:used]
    model = _loaded(treelite, treelite.frontend.from_xgboost, booster)
    return _part_of_fitted(e, model).after((), notes)


@reader("LGBMRegressor", "LGBMClassifier", package="lightgbm")
def lightgbm(e: Any, columns: tuple[str, ...]) -> Part:
    """Its text has the rounds up to the best one, which are those that its predict uses."""
    treelite = needed("treelite", "forests", "a forest of LightGBM")
    if e.get_params().get("pred_early_stop") and hasattr(e, "classes_"):
        raise QuantizeError(
            f"{type(e).__name__}(pred_early_stop=True) leaves out trees for some rows: fit it "
            "without"
        )
    try:
        require_known(e.booster_.model_to_string())
    except ModelError as error:
        raise QuantizeError(f"{type(e).__name__} cannot be converted: {error}") from None
    model = _loaded(treelite, treelite.frontend.from_lightgbm, e.booster_)
    return _part_of_fitted(e, model)


def require_known(text: str) -> None:
    """ModelError where a model of LightGBM, as text, answers in a way that is not read."""
    for sign, (name, why) in STRANGE.items():
        if sign in text:
            raise ModelError(f"with {name}=true it {why}")


def quiet(load: Callable[[Any], Any], source: Any) -> Any:
    """What treelite loads, without the lines that it prints."""
    with redirect_stdout(io.StringIO()):
        return load(source)


def _loaded(treelite: Any, load: Callable[[Any], Any], booster: Any) -> Any:
    """The booster as treelite has it; QuantizeError where it does not read it."""
    try:
        return quiet(load, booster)
    except treelite.TreeliteError as error:
        why = " ".join(str(error).split())[:120]
        raise QuantizeError(
            f"treelite does not read this {type(booster).__module__.split('.')[0]} model ({why}): "
            "train it with fewer options of its own"
        ) from None


def _part_of_fitted(e: Any, model: Any) -> Part:
    """The steps of a fitted regressor or classifier, whichever its objective makes likelier."""
    classes = getattr(e, "classes_", None)
    part = part_of(model, classes, numbers=classes is None)
    if classes is not None and part.head is not None and not part.head.labels:
        raise QuantizeError(
            f"{type(e).__name__} with the objective {show(str(e.objective))} cannot be converted: "
            "train it with the objective that it takes by itself"
        )
    return part


def part_of(model: Any, classes: Any = None, numbers: bool = False) -> Part:
    """The steps of a treelite model; classes: labels of its classes, 0, 1 .. where None. numbers:
    it answers with a share where it could name a class.
    """
    header = model.get_header_accessor()
    post = str(header.get_field("postprocessor"))
    outputs = int(header.get_field("num_class")[0])
    if int(header.get_field("num_target")[0]) != 1:
        raise QuantizeError("a forest of several targets cannot be converted: train one for each")
    step = _sums(model, header, outputs)
    notes = _missing(model)
    if post in ("softmax", "multiclass_ova", "identity_multiclass"):
        labels = np.arange(outputs) if classes is None else classes
        return classifier((step,), labels, outputs, "softmax").after((), notes)
    two = int(header.get_field("task_type")[0]) == 0 and not numbers
    if post == "sigmoid" and (classes is not None or two):
        labels = np.arange(2) if classes is None else classes
        return classifier((step,), labels, 1, "logistic").after((), notes)
    curves: dict[str, tuple[Step, ...]] = {
        "identity": (),
        "exponential": (each(1, EXP),),
        "sigmoid": (each(1, LOGISTIC),),
    }
    if post not in curves:
        raise QuantizeError(
            f"a forest whose answer is {show(post)} of its sum cannot be converted: train it with "
            "a squared error, a count or classes as its objective"
        )
    return Part((step, *curves[post]), Head(), notes=notes)


def _sums(model: Any, header: Any, outputs: int) -> TreeSum:
    places, count = header.get_field("class_id"), model.num_tree
    scale = 1 / count if int(header.get_field("average_tree_output")[0]) else 1.0
    found = [
        _tree(model.get_tree_accessor(k), int(places[k]), outputs, scale) for k in range(count)
    ]
    codes = {code for _, codes in found for code in codes}
    if len(codes) > 1 or codes - {BELOW, AT_MOST}:
        raise QuantizeError("the forest compares in more than one way, which is not known")
    single = model.get_tree_accessor(0).get_field("threshold").dtype == np.float32
    base = np.broadcast_to(header.get_field("base_scores").astype(np.float64), (outputs,))
    return TreeSum(tuple(t for t, _ in found), base.copy(), single, codes == {BELOW}, scale != 1.0)


def _tree(tree: Any, place: int, outputs: int, scale: float) -> tuple[Tree, set[int]]:
    """A tree, and the codes of its comparisons."""
    if tree.get_field("has_categorical_split")[0]:
        raise QuantizeError(
            "a forest with categorical columns cannot be converted: give the categories as "
            "numbers, or as columns of 0 and 1"
        )
    left, right = tree.get_field("cleft"), tree.get_field("cright")
    inner = left >= 0
    number = np.where(inner, np.cumsum(inner) - 1, -np.cumsum(~inner))
    return Tree(
        tree.get_field("split_index")[inner].astype(np.int64),
        tree.get_field("threshold")[inner].astype(np.float64),
        number[left[inner]],
        number[right[inner]],
        _leaves(tree, ~inner, place, outputs, scale),
    ), set(tree.get_field("cmp")[inner].tolist())


def _leaves(tree: Any, leaf: Any, place: int, outputs: int, scale: float) -> Floats:
    """Values of the leaves, (leaves, outputs)."""
    vector = tree.get_field("leaf_vector")
    if len(vector):
        return vector.astype(np.float64).reshape(-1, outputs) * scale
    values = np.zeros((int(leaf.sum()), outputs))
    values[:, place] = tree.get_field("leaf_value")[leaf].astype(np.float64) * scale
    return values


def _missing(model: Any) -> tuple[str, ...]:
    """A note where the forest has learned what to do with a missing value: boards answer none."""
    trees = (model.get_tree_accessor(k) for k in range(model.num_tree))
    learned = any(
        len(set(t.get_field("default_left")[t.get_field("cleft") >= 0].tolist())) > 1 for t in trees
    )
    return (NO_VALUE,) if learned else ()
