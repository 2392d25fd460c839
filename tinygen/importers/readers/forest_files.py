"""Files of XGBoost and LightGBM: held to limits, then read by treelite, which also answers.

Treelite trusts the counts in a file and follows its children wherever they lead; both are looked
at before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...common.errors import ModelError
from ...common.packages import needed
from ..graph import FloatModel, TreeSum, apply_all
from . import broken, require_sound
from .forests import part_of, quiet, require_known
from .xgboost_files import best_of, content_of, names_in

MOST_BYTES = 16_000_000  # of a file: more than all splits that a chip tells apart
MOST_PARTS = 500_000  # lists and objects
MOST_COUNT = 50_000  # columns, trees, nodes of a tree
MOST_OUTPUTS = 255  # classes and targets
OUTPUTS = (b"num_class", b"num_target", b"num_tree_per_iteration", b"size_leaf_vector")
XGBOOST, LIGHTGBM = "load_xgboost_model", "load_lightgbm_model"  # treelite's readers
FORESTS = {XGBOOST: "XGBoost", LIGHTGBM: "LightGBM"}
COUNTS = rb"num_(?:class|target|feature|nodes|leaves|cat|trees|parallel_tree|tree_per_iteration)"
COUNT = {  # a count in the text of LightGBM, in JSON, and in UBJSON, where its length comes first
    "text": re.compile(rb"^(" + COUNTS + rb"|max_feature_idx)=\s*\+?(\d+)", re.MULTILINE),
    "json": re.compile(rb'"(' + COUNTS + rb'|size_leaf_vector)"\s*:\s*"?\s*\+?(\d+)'),
    "ubj": re.compile(
        rb"(" + COUNTS + rb"|size_leaf_vector)S?(?:[iU].|I..|l.{4}|L.{8})(\d+)", re.DOTALL
    ),
}
NEGATIVE = re.compile(rb"^(" + COUNTS + rb"|max_feature_idx)=\s*-", re.MULTILINE)
CHILDREN = re.compile(rb"^(?:left|right)_child=([-+ \d]*)", re.MULTILINE)
TREE = re.compile(rb"^Tree=\d+", re.MULTILINE)  # of LightGBM's text
ESCAPED = re.compile(rb"\\u00[2-7]")  # a letter that nobody escapes could hide a count
Predict = Callable[[np.ndarray], np.ndarray]


def kind_of(head: bytes) -> str:
    """The name of treelite's reader for a file of XGBoost or LightGBM that begins so; "" for
    another one.
    """
    if head.startswith(b"tree\nversion="):
        return LIGHTGBM
    if head.startswith(b"{") and b"learner" in head:
        return XGBOOST
    return ""


def open_forest(path: Path) -> tuple[FloatModel, Predict, str, bool]:
    """The float model of a file (JSON, UBJSON or LightGBM's text) that `kind_of` knows, what
    treelite answers, its version, and whether the columns have names. ModelError where the file is
    broken or beyond a limit.
    """
    treelite = needed("treelite", "forests", "a forest of XGBoost or LightGBM")
    data = path.read_bytes()
    kind = kind_of(data)
    try:
        _require_small(data)
        content = content_of(data, _form_of(data)) if kind == XGBOOST else {}
        used, notes = best_of(content) if content else (content, ())
        names = names_in(content) if content else _names(data)
    except ModelError as error:
        raise ModelError(f"model file '{path}' cannot be read: {error}") from None
    try:
        if used is content:
            model = quiet(getattr(treelite.frontend, kind), path)
        else:
            model = quiet(treelite.frontend.from_xgboost_json, json.dumps(used))
    except treelite.TreeliteError as error:
        raise broken(path, error) from None
    part = part_of(model).after((), notes)
    assert part.head is not None
    columns = names or tuple(f"x{k}" for k in range(model.num_feature))
    require_sound(part, len(columns), FORESTS[kind])
    floats = FloatModel(FORESTS[kind], columns, part.steps, part.head, part.notes)

    def predict(x: np.ndarray) -> np.ndarray:
        rows = x.astype(model.get_tree_accessor(0).get_field("threshold").dtype)
        told = treelite.gtil.predict(model, rows, pred_margin=True)
        return told_of(floats, np.asarray(told, dtype=np.float64).reshape(len(x), -1))

    return floats, predict, f"treelite {treelite.__version__}", bool(names)


def told_of(floats: FloatModel, sums: np.ndarray) -> np.ndarray:
    """The answers, numbers or labels, for the forest's sums."""
    values = apply_all([s for s in floats.steps if not isinstance(s, TreeSum)], sums)
    answers = floats.head.answers(values)
    return np.array(floats.head.labels)[answers] if floats.head.labels else answers


def _form_of(data: bytes) -> str:
    if not data.startswith(b"{"):
        return "text"
    return "json" if data[1:].lstrip()[:1] == b'"' else "ubj"


def _require_small(data: bytes) -> None:
    """ModelError where the file asks for more than a forest of a small board needs."""
    if len(data) > MOST_BYTES:
        raise ModelError(
            f"it has {len(data):,} bytes, at most {MOST_BYTES:,} are read: train fewer or smaller "
            "trees"
        )
    parts = data.count(b"[") + data.count(b"{")
    if parts > MOST_PARTS:
        raise ModelError(f"it has {parts:,} lists and objects, at most {MOST_PARTS:,} are read")
    form = _form_of(data)
    for name, count in COUNT[form].findall(data):
        most = MOST_OUTPUTS if name in OUTPUTS else MOST_COUNT
        if len(count) > 9 or int(count) > most:
            told = count[:20].decode()
            raise ModelError(f"its {name.decode()} is {told}, at most {most:,} are read")
    if form == "json" and ESCAPED.search(data):
        raise ModelError("it spells plain letters as escapes, which no library writes")
    if form == "text":
        require_known(data.decode("utf-8", "replace"))
        _require_trees(data)


def _require_trees(data: bytes) -> None:
    """ModelError where a child of LightGBM's text does not stand behind its parent, or where trees
    are missing at the end.
    """
    sizes = re.search(rb"^tree_sizes=(.*)$", data, re.MULTILINE)
    trees, stated = len(TREE.findall(data)), len(sizes[1].split()) if sizes else 0
    if trees < max(stated, 1) or not re.search(rb"^end of trees", data, re.MULTILINE):
        raise ModelError(f"it is cut, with {trees:,} trees of {max(stated, 1):,}: save it anew")
    negative = NEGATIVE.search(data)
    if negative:
        raise ModelError(f"its {negative[1].decode()} is below 0: save it anew")
    for row in CHILDREN.findall(data):
        try:
            child = np.array(row.split(), dtype=np.int64)
        except (ValueError, OverflowError):
            raise ModelError("a child of a split is no number") from None
        if (child < -1 - len(child)).any():
            raise ModelError("a split of it leads to a leaf that there is not: save it anew")
        if ((child >= 0) & (child <= np.arange(len(child)))).any() or (child >= len(child)).any():
            raise ModelError("a tree of it is none: a child stands before its parent")


def _names(data: bytes) -> tuple[str, ...]:
    """The names of the columns in LightGBM's text; () where it has none of its own."""
    line = re.search(rb"^feature_names=(.*)$", data, re.MULTILINE)
    found = line[1].decode("utf-8", "replace").split() if line else []
    return () if all(re.fullmatch(r"Column_\d+", name) for name in found) else tuple(found)
