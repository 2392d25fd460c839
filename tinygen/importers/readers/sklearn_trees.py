"""scikit-learn's trees and their sums: bagged, boosted, voting, isolating."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...common.errors import QuantizeError
from ..graph import EXP, Floats, Head, Tree, TreeMedian, TreeSum, each
from . import Part, classifier, reader
from .sklearn_columns import NO_VALUE

OUTLIER = ("1", "-1")  # labels of an outlier detector: the usual row first


def tree_of(e: Any, values: Floats, columns: Sequence[int] | None = None) -> Tree:
    """The tree of a fitted sklearn tree, with `values` (nodes, outputs) for its leaves. columns:
    the columns of its own it was trained on.
    """
    t = e.tree_
    inner = t.children_left >= 0
    number = np.where(inner, np.cumsum(inner) - 1, -np.cumsum(~inner))
    column = t.feature[inner].astype(np.int64)
    if columns is not None:
        column = np.asarray(columns, dtype=np.int64)[column]
    return Tree(
        column,
        t.threshold[inner].astype(np.float64),
        number[t.children_left[inner]],
        number[t.children_right[inner]],
        np.asarray(values, dtype=np.float64)[~inner],
    )


def _shares(e: Any) -> Floats:
    """Class shares of every node, (nodes, classes)."""
    values = e.tree_.value[:, 0, :]
    return values / values.sum(axis=1, keepdims=True)


def _numbers(e: Any) -> Floats:
    return e.tree_.value[:, :, 0]


def _votes(trees: Sequence[Tree], classes: Any, single: bool = True) -> Part:
    """Class shares added up; of two classes what the second has more than the first."""
    if len(classes) == 2:
        trees = [_with(t, t.values[:, 1:2] - t.values[:, 0:1]) for t in trees]
    width = trees[0].values.shape[1]
    part = classifier((TreeSum(tuple(trees), np.zeros(width), single),), classes, width, "share")
    return replace(part, total=float(len(trees)))


def _with(tree: Tree, values: Floats) -> Tree:
    return replace(tree, values=values)


def _require_one_answer(e: Any) -> None:
    if getattr(e, "n_outputs_", 1) != 1 and hasattr(e, "classes_"):
        raise QuantizeError(
            f"{type(e).__name__} names {e.n_outputs_} classes at once: convert one for each"
        )


@reader("DecisionTreeRegressor", "ExtraTreeRegressor")
def tree(e: Any, columns: tuple[str, ...]) -> Part:
    one = tree_of(e, _numbers(e))
    return Part((TreeSum((one,), np.zeros(one.values.shape[1]), single=True),), Head())


@reader("DecisionTreeClassifier", "ExtraTreeClassifier")
def tree_classifier(e: Any, columns: tuple[str, ...]) -> Part:
    _require_one_answer(e)
    return _votes([tree_of(e, _shares(e))], e.classes_)


@reader("RandomForestRegressor", "ExtraTreesRegressor")
def forest(e: Any, columns: tuple[str, ...]) -> Part:
    trees = tuple(tree_of(t, _numbers(t) / len(e.estimators_)) for t in e.estimators_)
    return Part(
        (TreeSum(trees, np.zeros(trees[0].values.shape[1]), single=True, mean=True),), Head()
    )


@reader("RandomForestClassifier", "ExtraTreesClassifier")
def forest_classifier(e: Any, columns: tuple[str, ...]) -> Part:
    _require_one_answer(e)
    return _votes([tree_of(t, _shares(t)) for t in e.estimators_], e.classes_)


@reader("BaggingRegressor")
def bagging(e: Any, columns: tuple[str, ...]) -> Part:
    return _bagged(e, columns, Head())


@reader("BaggingClassifier")
def bagging_classifier(e: Any, columns: tuple[str, ...]) -> Part:
    return _bagged(e, columns, None)


def _bagged(e: Any, columns: tuple[str, ...], head: Head | None) -> Part:
    if not all(hasattr(t, "tree_") for t in e.estimators_):
        raise QuantizeError(
            f"{type(e).__name__} of {type(e.estimators_[0]).__name__} cannot be converted: bag "
            "decision trees"
        )
    chosen = list(zip(e.estimators_, e.estimators_features_))
    if head:
        trees = tuple(tree_of(t, _numbers(t) / len(chosen), f) for t, f in chosen)
        return Part((TreeSum(trees, np.zeros(1), single=True, mean=True),), head)
    shares = []
    for t, f in chosen:
        whole = np.zeros((t.tree_.node_count, len(e.classes_)))
        whole[:, np.asarray(t.classes_, dtype=int)] = _shares(t)
        shares.append(tree_of(t, whole, f))
    return _votes(shares, e.classes_)


# ---- boosted ----


@reader("GradientBoostingRegressor")
def boosting(e: Any, columns: tuple[str, ...]) -> Part:
    return Part((_boosted(e, columns),), Head())


@reader("GradientBoostingClassifier")
def boosting_classifier(e: Any, columns: tuple[str, ...]) -> Part:
    step = _boosted(e, columns)
    width = len(step.base)
    return classifier((step,), e.classes_, width, "logistic" if width == 1 else "softmax")


def _boosted(e: Any, columns: tuple[str, ...]) -> TreeSum:
    if e.init_ != "zero" and not type(e.init_).__name__.startswith("Dummy"):
        raise QuantizeError(
            f"{type(e).__name__} starts from a {type(e.init_).__name__}: leave init=None"
        )
    start = np.asarray(e._raw_predict_init(np.zeros((1, len(columns)), dtype=np.float32)))[0]
    trees = [
        _placed(tree_of(t, e.learning_rate * _numbers(t)), k, len(start))
        for stage in e.estimators_
        for k, t in enumerate(stage)
    ]
    return TreeSum(tuple(trees), start.astype(np.float64), single=True)


def _placed(tree: Tree, place: int, width: int) -> Tree:
    """The tree's value for one of several outputs, 0 for the others."""
    values = np.zeros((len(tree.values), width))
    values[:, place] = tree.values[:, 0]
    return _with(tree, values)


@reader("HistGradientBoostingRegressor")
def hist_boosting(e: Any, columns: tuple[str, ...]) -> Part:
    links = {"IdentityLink": (), "LogLink": (each(1, EXP),)}
    return Part((_hist(e), *links[type(e._loss.link).__name__]), Head(), notes=_missing(e))


@reader("HistGradientBoostingClassifier")
def hist_boosting_classifier(e: Any, columns: tuple[str, ...]) -> Part:
    step = _hist(e)
    width = len(step.base)
    part = classifier((step,), e.classes_, width, "logistic" if width == 1 else "softmax")
    return part.after((), _missing(e))


def _missing(e: Any) -> tuple[str, ...]:
    return (NO_VALUE,) if any(_saw_missing(p.nodes) for s in e._predictors for p in s) else ()


def _saw_missing(nodes: Any) -> bool:
    """Whether a split has learned where a missing value goes: without any scikit-learn sends it to
    the larger side.
    """
    inner = nodes[nodes["is_leaf"] == 0]
    left, right = (nodes["count"][inner[side].astype(np.int64)] for side in ("left", "right"))
    return bool((inner["missing_go_to_left"] != (left > right)).any())


def _hist(e: Any) -> TreeSum:
    kinds = getattr(e, "is_categorical_", None)
    if kinds is not None and np.any(kinds):  # such columns also stand before all others
        raise QuantizeError(
            f"{type(e).__name__}(categorical_features=...) cannot be converted: give the "
            "categories as numbers, or as columns of 0 and 1"
        )
    start = np.asarray(e._baseline_prediction, dtype=np.float64).ravel()
    trees = [
        _placed(_hist_tree(p.nodes), k, len(start))
        for stage in e._predictors
        for k, p in enumerate(stage)
    ]
    return TreeSum(tuple(trees), start)


def _hist_tree(nodes: Any) -> Tree:
    leaf = nodes["is_leaf"].astype(bool)
    number = np.where(~leaf, np.cumsum(~leaf) - 1, -np.cumsum(leaf))
    inner = nodes[~leaf]
    return Tree(
        inner["feature_idx"].astype(np.int64),
        inner["num_threshold"].astype(np.float64),
        number[inner["left"].astype(np.int64)],
        number[inner["right"].astype(np.int64)],
        nodes["value"][leaf].astype(np.float64)[:, None],
    )


def _require_boosted_trees(e: Any) -> None:
    if not all(hasattr(t, "tree_") for t in e.estimators_):
        raise QuantizeError(
            f"{type(e).__name__} of {type(e.estimators_[0]).__name__} cannot be converted: boost "
            "decision trees"
        )


@reader("AdaBoostRegressor")
def ada_boost(e: Any, columns: tuple[str, ...]) -> Part:
    """The weighted median of the trees."""
    _require_boosted_trees(e)
    trees = tuple(tree_of(t, _numbers(t)) for t in e.estimators_)
    weights = np.asarray(e.estimator_weights_[: len(trees)], dtype=np.float64)
    kept = np.flatnonzero(weights > 0)
    if not len(kept):  # scikit-learn then answers what the lowest tree does
        raise QuantizeError("AdaBoostRegressor gives all its trees the weight 0: fit anew")
    return Part((TreeMedian(tuple(trees[k] for k in kept), weights[kept]),), Head())


@reader("AdaBoostClassifier")
def ada_boost_classifier(e: Any, columns: tuple[str, ...]) -> Part:
    """SAMME: each tree has a weighted vote."""
    _require_boosted_trees(e)
    trees, classes = [], len(e.classes_)
    for t, weight in zip(e.estimators_, e.estimator_weights_):
        best = np.searchsorted(e.classes_, t.classes_)[_shares(t).argmax(axis=1)]
        vote = np.full((t.tree_.node_count, classes), -weight / (classes - 1))
        vote[np.arange(len(best)), best] = weight
        trees.append(tree_of(t, vote))
    return replace(_votes(trees, e.classes_), link="")


@reader("IsolationForest")
def isolation(e: Any, columns: tuple[str, ...]) -> Part:
    """An outlier is a row that is alone after few splits: the sum of its depths is small."""
    trees = [
        tree_of(t, -_depths(t)[:, None], f) for t, f in zip(e.estimators_, e.estimators_features_)
    ]
    whole = len(e.estimators_) * float(_usual_depth(np.array([e._max_samples]))[0])
    base = np.array([-whole * np.log2(-float(e.offset_))])
    return Part((TreeSum(tuple(trees), base, single=True),), Head("sign", OUTLIER))


def _depths(e: Any) -> Floats:
    """Depth of every node, and what the rows that it holds would take on average."""
    t = e.tree_
    depth = np.zeros(t.node_count)
    for k in range(t.node_count):  # a child stands after its parent
        for child in (t.children_left[k], t.children_right[k]):
            if child >= 0:
                depth[child] = depth[k] + 1
    return depth + _usual_depth(t.n_node_samples)


def _usual_depth(rows: Any) -> Floats:
    """Mean depth of an unsuccessful search in a binary tree of so many rows (Liu et al. 2008)."""
    n = np.asarray(rows, dtype=np.float64)
    many = 2.0 * (np.log(np.maximum(n - 1, 1)) + np.euler_gamma) - 2.0 * (n - 1) / np.maximum(n, 1)
    return np.where(n <= 1, 0.0, np.where(n == 2, 1.0, many))
