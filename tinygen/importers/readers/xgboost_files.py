"""What a file of XGBoost says beside its trees: the names of its columns, and how many rounds its
own predict uses.
"""

from __future__ import annotations

from typing import Any

from ...common.errors import ModelError, QuantizeError
from ...common.files import json_of
from .ubjson import ubjson_of

MISSHAPEN = (KeyError, TypeError, ValueError, IndexError, AttributeError)
LINEAR = (
    "XGBoost with booster='gblinear' cannot be converted, it has no trees: fit scikit-learn's "
    "ElasticNet or LogisticRegression in its place"
)


def content_of(data: bytes, form: str) -> dict[str, Any]:
    """The content of a file of XGBoost, form "json" or "ubj". ModelError where it is none,
    QuantizeError where it is of no trees.
    """
    try:
        content: dict[str, Any] = json_of(data) if form == "json" else ubjson_of(data)
        booster = content["learner"]["gradient_booster"]["name"]
    except MISSHAPEN as error:
        raise ModelError(f"it is no model of XGBoost ({type(error).__name__}: {error})") from None
    if booster == "gblinear":
        raise QuantizeError(LINEAR)
    return content


def names_in(content: dict[str, Any]) -> tuple[str, ...]:
    """The names of the columns; () where the file has none. ModelError where they are no list."""
    names = content["learner"].get("feature_names") or []
    if not isinstance(names, list):
        raise ModelError("its feature_names are no list: save it anew")
    return tuple(map(str, names))


def best_of(content: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The content with the rounds that XGBoost's own predict uses, and a note where these are not
    all: the same object where nothing is left out. ModelError where the counts are no such.
    """
    learner = content["learner"]
    try:
        booster, told = learner["gradient_booster"], learner.get("attributes") or {}
        best = told.get("best_iteration")
        ends = [] if best is None else _ends(learner)
        used = rounds_used(best, len(ends) - 1)
        if used is None:
            return content, ()
        if "scikit_learn" not in told:  # a Booster, whose predict uses all rounds
            return content, (all_rounds_note(used, len(ends) - 1),)
        cut = {**learner, "gradient_booster": _cut(booster, ends[: used + 1])}
    except MISSHAPEN as error:
        raise ModelError(f"its rounds are none ({type(error).__name__}: {error})") from None
    return {**content, "learner": cut}, (best_note(used, len(ends) - 1),)


def rounds_used(best: Any, rounds: int) -> int | None:
    """How many of the rounds predict uses after early stopping; None for all of them."""
    if best is None or int(best) + 1 >= rounds:
        return None
    if int(best) < 0:
        raise ValueError(f"best_iteration is {int(best)}")
    return int(best) + 1


def best_note(used: int, rounds: int) -> str:
    return (
        f"training stopped early: the first {used} of {rounds} rounds are converted, up to the "
        "best one, as XGBoost's own predict uses them"
    )


def all_rounds_note(used: int, rounds: int) -> str:
    return (
        f"training stopped early, but the file was saved from a Booster, whose predict uses all "
        f"{rounds} rounds, and so does this model: save booster[:{used}] to convert the best ones"
    )


def _trees_of(booster: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = booster.get("gbtree", booster)["model"]
    return found


def _ends(learner: dict[str, Any]) -> list[int]:
    """How many trees there are before each round and after the last one."""
    model = _trees_of(learner["gradient_booster"])
    if "iteration_indptr" in model:
        return list(map(int, model["iteration_indptr"]))
    told = learner["learner_model_param"]
    groups = max(int(told.get(name, 0)) for name in ("num_class", "num_target")) or 1
    each = groups * max(int(model["gbtree_model_param"].get("num_parallel_tree", 1)), 1)
    return list(range(0, len(model["trees"]) + 1, each))


def _cut(booster: dict[str, Any], ends: list[int]) -> dict[str, Any]:
    """The booster with the rounds that end so."""
    model, kept = _trees_of(booster), ends[-1]
    parameters = {**model["gbtree_model_param"], "num_trees": str(kept)}
    model = {**model, "gbtree_model_param": parameters}
    model |= {name: model[name][:kept] for name in ("trees", "tree_info")}
    if "iteration_indptr" in model:
        model["iteration_indptr"] = ends
    if "gbtree" not in booster:
        return {**booster, "model": model}
    dropped = {"weight_drop": booster["weight_drop"][:kept]}
    return {**booster, "gbtree": {**booster["gbtree"], "model": model}, **dropped}
