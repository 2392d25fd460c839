"""Ensembles of trees in ONNX: the operators of ai.onnx.ml 1, 3 and 5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...common.errors import ModelError, QuantizeError, show
from ..graph import Floats, Tree, TreeSum
from ..readers.sklearn_columns import NO_VALUE
from .flow import Flow, Label, named, signed, text_of
from .onnx_graph import Call, operator
from .onnx_models import class_names, row_of, transformed

MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "MEMBER")
SWAPPED = ("BRANCH_GTE", "BRANCH_GT")  # where the condition holds for large values
BELOW = ("BRANCH_LT", "BRANCH_GTE")  # a value at the threshold is on the side of large ones
MOST_SPLITS = 500_000


@dataclass(frozen=True)
class Splits:
    """Splits of all trees: where the condition of split k holds, on to `true[k]`, else to
    `false[k]`; a place below 0 is leaf -1 - place.
    """

    column: np.ndarray
    threshold: Floats
    mode: Sequence[str]
    true: np.ndarray
    false: np.ndarray
    single: bool  # compared as float32

    def tree(self, root: int, leaves: Floats, width: int) -> Tree:
        """The tree that starts at a place. leaves: (leaves, outputs)."""
        order: list[int] = []
        place: dict[int, int] = {}
        ends: dict[int, int] = {}
        waiting = [root]
        while waiting:
            at = waiting.pop()
            if at < 0:
                ends.setdefault(-1 - at, len(ends))
                continue
            if at in place:
                raise ModelError("a node of its trees has two parents: the trees are cyclic")
            place[at] = len(order)
            order.append(at)
            waiting += [int(self.false[at]), int(self.true[at])]
        chosen = np.array(order, dtype=np.int64)
        number = lambda at: place[at] if at >= 0 else -1 - ends[-1 - at]
        true, false = ([number(int(v)) for v in side[chosen]] for side in (self.true, self.false))
        modes = [self.mode[k] for k in order]
        swapped = np.array([m in SWAPPED for m in modes], dtype=bool)
        if any(m not in MODES[:4] for m in modes):
            raise QuantizeError("its trees split by equality: train them on numbers")
        columns = self.column[chosen]
        if len(columns) and not (columns.min() >= 0 and columns.max() < width):
            raise ModelError(f"its trees read column {int(columns.max())} of {width}")
        return Tree(
            columns.astype(np.int64),
            self._at_most(chosen, modes),
            np.where(swapped, false, true).astype(np.int64),
            np.where(swapped, true, false).astype(np.int64),
            leaves[list(ends)],
        )

    def _at_most(self, chosen: np.ndarray, modes: list[str]) -> Floats:
        """Thresholds of "at most": the next smaller number where the mode is "below"."""
        kind = np.float32 if self.single else np.float64
        limits = self.threshold[chosen].astype(kind)
        below = np.array([m in BELOW for m in modes], dtype=bool)
        return np.where(below, np.nextafter(limits, kind(-np.inf)), limits).astype(np.float64)


def _texts(values: Sequence[Any]) -> list[str]:
    return list(map(text_of, values))


def _require_few(count: int) -> None:
    if count > MOST_SPLITS:
        raise QuantizeError(
            f"its trees have {count:,} nodes, at most {MOST_SPLITS:,} are read: train fewer"
        )


def _trees(call: Call, prefix: str, outputs: int, width: int) -> TreeSum:
    """The trees of the operators whose nodes have an id in their tree. prefix: of their leaves."""
    ids = list(zip(call.attributes["nodes_treeids"], call.attributes["nodes_nodeids"]))
    _require_few(len(ids))
    modes = _texts(call.attributes["nodes_modes"])
    leaf = np.array([m == "LEAF" for m in modes])
    number = np.where(leaf, -np.cumsum(leaf), np.cumsum(~leaf) - 1).tolist()
    at = dict(zip(ids, number))
    if len(at) < len(ids) or not len(modes) == len(ids):
        raise ModelError("two nodes of its trees have the same number: export it anew")
    inner = np.flatnonzero(~leaf)
    sides = []
    for name in ("nodes_truenodeids", "nodes_falsenodeids"):
        children = call.attributes[name]
        found = [at.get((ids[k][0], children[k])) for k in inner.tolist()]
        if None in found:
            raise ModelError("a node of its trees names a child that is none: export it anew")
        sides.append(np.array(found, dtype=np.int64))
    exact = call["nodes_values_as_tensor"] is not None
    limits = call.numbers("nodes_values_as_tensor" if exact else "nodes_values")
    columns = np.asarray(call.attributes["nodes_featureids"], dtype=np.int64)
    values = _leaf_values(call, prefix, at, int(leaf.sum()), outputs)
    splits = Splits(
        columns[inner],
        limits[inner],
        [modes[k] for k in inner],
        sides[0],
        sides[1],
        _single(call, exact),
    )
    roots: dict[int, int] = {}
    for (tree, _), place in zip(ids, number):  # the first node of each tree
        roots.setdefault(tree, place)
    return _summed(call, splits, list(roots.values()), values, width)


def _single(call: Call, exact: bool) -> bool:
    return not exact or np.asarray(call["nodes_values_as_tensor"]).dtype == np.float32


def _leaf_values(call: Call, prefix: str, at: dict, leaves: int, outputs: int) -> Floats:
    values = np.zeros((leaves, outputs))
    name = f"{prefix}_weights"
    weights = call.numbers(f"{name}_as_tensor" if call[f"{name}_as_tensor"] is not None else name)
    trees, nodes, places = (
        call.attributes[f"{prefix}_{part}"] for part in ("treeids", "nodeids", "ids")
    )
    for tree, node, place, weight in zip(trees, nodes, places, weights.tolist()):
        leaf = at[tree, node]
        if leaf >= 0 or not 0 <= place < outputs:
            raise ModelError("a weight of its trees belongs to no leaf or no output")
        values[-1 - leaf, place] += weight
    return values


def _summed(call: Call, splits: Splits, roots: list[int], values: Floats, width: int) -> TreeSum:
    """The trees as a sum, or as a mean where the operator says so."""
    kind = call["aggregate_function"]
    kind = {0: "AVERAGE", 1: "SUM"}.get(kind, str(kind)) if isinstance(kind, int) else None
    kind = kind or call.text("aggregate_function", "SUM")
    if kind not in ("SUM", "AVERAGE"):
        raise QuantizeError(f"it takes the {show(kind)} of its trees: train trees that add up")
    if kind == "AVERAGE":
        values = values / len(roots)
    trees = tuple(splits.tree(root, values, width) for root in roots)
    base = np.zeros(values.shape[1])
    given = call["base_values_as_tensor"]
    given = call["base_values"] if given is None else given
    if given is not None and len(given):
        base = np.broadcast_to(np.asarray(given, dtype=np.float64), base.shape).copy()
    if any(call["nodes_missing_value_tracks_true"] or ()):
        call.attributes["notes"] = (NO_VALUE,)
    return TreeSum(trees, base, splits.single, mean=kind == "AVERAGE")


@operator("TreeEnsembleRegressor")
def regressor(call: Call) -> Flow:
    flow, targets = row_of(call), int(call.attributes.get("n_targets", 1))
    return transformed(flow.then(_trees(call, "target", targets, flow.width), (targets,)), call)


@operator("TreeEnsembleClassifier")
def classifier(call: Call) -> tuple[Label, Flow]:
    """The largest sum; of two classes with one sum its sign, or whether it is above a half where
    no weight is below 0.
    """
    flow, classes = row_of(call), class_names(call)
    used = sorted(set(call.attributes["class_ids"]))
    if len(classes) != 2 or len(used) != 1:
        sums = flow.then(_trees(call, "class", len(classes), flow.width), (len(classes),))
        return named(sums, classes), sums.ordered()
    call.attributes["class_ids"] = [0] * len(call.attributes["class_ids"])
    base = call["base_values"]
    if base is not None and len(base) == 2:
        call.attributes["base_values"] = base[1:]
    trees = _trees(call, "class", 1, flow.width)
    positive = all(float(t.values.min(initial=0)) >= 0 for t in trees.trees)
    score = flow.then(TreeSum(trees.trees, trees.base - 0.5 * positive, trees.single), (1,))
    both = score.sums(np.array([[-1.0], [1.0]]), 0.0, (2,))
    return signed(score, classes), both.ordered()


@operator("TreeEnsemble")
def ensemble(call: Call) -> Flow:
    """The one operator of ai.onnx.ml 5, whose leaves have lists of their own."""
    flow, targets = row_of(call), int(call.attributes.get("n_targets", 1))
    splits = np.asarray(call.attributes["nodes_splits"])
    _require_few(len(splits))
    sides = []
    for name in ("true", "false"):
        to = np.asarray(call.attributes[f"nodes_{name}nodeids"], dtype=np.int64)
        leaf = np.asarray(call.attributes[f"nodes_{name}leafs"], dtype=bool)
        sides.append(np.where(leaf, -1 - to, to))
    owners = np.asarray(call.attributes["leaf_targetids"], dtype=np.int64)
    weights = np.asarray(call.attributes["leaf_weights"], dtype=np.float64)
    values = np.zeros((len(owners), targets))
    values[np.arange(len(owners)), owners] = weights
    modes = [MODES[int(m)] for m in np.asarray(call.attributes["nodes_modes"]).ravel()]
    columns = np.asarray(call.attributes["nodes_featureids"], dtype=np.int64)
    single = splits.dtype == np.float32
    found = Splits(columns, splits.astype(np.float64), modes, sides[0], sides[1], single)
    for side in sides:
        if len(side) and (side.max() >= len(splits) or side.min() < -len(owners)):
            raise ModelError("a node of its trees names a child that is none: export it anew")
    roots = [int(r) for r in call.attributes["tree_roots"]]
    if roots and not 0 <= min(roots) <= max(roots) < len(splits):
        raise ModelError("a tree starts at a node that is none: export it anew")
    post = call.attributes.get("post_transform", 0)
    names = {0: "NONE", 1: "SOFTMAX", 2: "LOGISTIC", 3: "SOFTMAX_ZERO", 4: "PROBIT"}
    sums = flow.then(_summed(call, found, roots, values, flow.width), (targets,))
    if post in (1, 3) and targets > 1:
        return sums.ordered()
    return transformed(sums, Call(call.op, (), {"post_transform": names.get(post, str(post))}))
