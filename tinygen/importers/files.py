"""Model files: what they are is told by their content, never by their name, and nothing in one is
run.
"""

from __future__ import annotations

import importlib
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..common.errors import ModelError, TinygenError, UsageError, show
from ..common.packages import needed
from .convert import Predict, predict_of
from .graph import FloatModel, TreeSum, apply_all
from .readers import class_name, float_model

MOST_BYTES = 50_000_000  # of a model file
MOST_UNPACKED = 100_000_000  # of what an archive unpacks to
HEAD = 16  # bytes that tell what a file is
FOREST_HEAD = 400  # the same of a forest
FORESTS = {"load_xgboost_model": "XGBoost", "load_lightgbm_model": "LightGBM"}
# how pickles begin, plain or compressed as joblib does it
ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
PICKLES = (b"\x80", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x5d\x00\x00", b"ZF", *ZLIB)
# What a skops file may hold beside what skops itself trusts: classes that only keep numbers.
TRUSTED = frozenset(
    (
        "collections.OrderedDict",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMRegressor",
        "numpy.dtype",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "scipy.interpolate._bsplines.BSpline",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.feature_selection._univariate_selection.chi2",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.feature_selection._univariate_selection.f_regression",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
        "xgboost.core.Booster",
        "xgboost.sklearn.XGBClassifier",
        "xgboost.sklearn.XGBRegressor",
    )
)


@dataclass(frozen=True)
class Opened:
    """A model from a file."""

    floats: FloatModel
    predict: Predict  # what the library that made it answers
    library: str  # "scikit-learn 1.9.1"
    named: bool  # the inputs have names that a table can be searched for


def open_model(path: Path, trust_pickle: bool = False) -> Opened:
    """The model in a file. ModelError where it is none that is read, UsageError for a pickle
    without `trust_pickle`.
    """
    path = Path(path)
    return _matching(path)(path, trust_pickle)


def open_estimator(path: Path, trust_pickle: bool = False) -> Any:
    """The estimator in a skops file or a pickle as it was saved, whether or not it can be
    converted; of another file what only has `predict`. Errors as those of `open_model`.
    """
    path = Path(path)
    opener = _matching(path)
    load = LOADERS.get(opener)
    return load(path, trust_pickle) if load else opener(path, trust_pickle)


def _matching(path: Path) -> Opener:
    """What opens the file, by its content."""
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"model file '{path}' does not exist or is no file: check the path")
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise ModelError(f"model file '{path}' has {size:,} bytes, at most {MOST_BYTES:,} are read")
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    for matches, opener in OPENERS:
        if matches(head, path):
            return opener
    raise ModelError(
        f"'{path}' is no model file that is known: save a scikit-learn model with "
        "skops.io.dump(model, 'model.skops'), a net as ONNX or TFLite"
    )


def _is_skops(head: bytes, path: Path) -> bool:
    if not head.startswith(b"PK"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return "schema.json" in archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return False


def _is_pickle(head: bytes, path: Path) -> bool:
    return head.startswith(PICKLES)


def _open_skops(path: Path, trust_pickle: bool) -> Opened:
    return _opened(path, _load_skops(path, trust_pickle))


def _load_skops(path: Path, trust_pickle: bool) -> Any:
    skops = needed("skops.io", "skops", "a skops file")
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(info.file_size for info in archive.infolist())
    if unpacked > MOST_UNPACKED:
        raise ModelError(
            f"model file '{path}' unpacks to {unpacked:,} bytes, at most {MOST_UNPACKED:,} are read"
        )
    try:
        strange = sorted(set(skops.get_untrusted_types(file=path)) - TRUSTED)
    except Exception as error:
        raise _broken(path, error) from None
    if strange:
        raise ModelError(
            f"model file '{path}' holds {', '.join(map(show, strange[:3]))}, which is not among "
            "the types that are trusted: convert the fitted object itself with tinygen.convert"
        )
    try:
        return skops.load(path, trusted=sorted(TRUSTED))
    except Exception as error:
        raise _broken(path, error) from None


def _opened(path: Path, estimator: Any) -> Opened:
    try:
        return opened(estimator)
    except TinygenError:
        raise
    except Exception as error:  # whatever a broken file makes of an estimator
        raise _broken(path, error) from None


def _broken(path: Path, error: Exception) -> ModelError:
    return ModelError(
        f"model file '{path}' cannot be read ({type(error).__name__}: {str(error)[:120]}): save "
        "it anew with the versions that are installed here"
    )


def _open_pickle(path: Path, trust_pickle: bool) -> Opened:
    return _opened(path, _load_pickle(path, trust_pickle))


def _load_pickle(path: Path, trust_pickle: bool) -> Any:
    if not trust_pickle:
        raise UsageError(
            f"'{path}' is a pickle, and loading one runs the code in it: save the model with "
            "skops.io.dump(model, 'model.skops'), or give --trust-pickle if you made it yourself"
        )
    import joblib

    try:
        return joblib.load(path)
    except Exception as error:
        raise _broken(path, error) from None


def opened(estimator: Any) -> Opened:
    """A fitted estimator, as `open_model` gives it."""
    package = class_name(estimator).split(".")[0]
    version = getattr(importlib.import_module(package), "__version__", "")
    library = {"sklearn": "scikit-learn"}.get(package, package)
    return Opened(
        float_model(estimator),
        predict_of(estimator),
        f"{library} {version}".rstrip(),
        getattr(estimator, "feature_names_in_", None) is not None,
    )


def _is_forest(head: bytes, path: Path) -> bool:
    return _forest_kind(path) != ""


def _forest_kind(path: Path) -> str:
    """The name of treelite's reader for a file of XGBoost or LightGBM; "" for another one."""
    with path.open("rb") as stream:
        start = stream.read(FOREST_HEAD)
    if start.startswith(b"tree\nversion="):
        return "load_lightgbm_model"
    if start.startswith(b"{") and b"learner" in start:
        return "load_xgboost_model"
    return ""


def _open_forest(path: Path, trust_pickle: bool) -> Opened:
    """A file of XGBoost (JSON or UBJSON) or LightGBM (text); the reference is treelite's own."""
    from .readers.forests import ZERO_MISSING, part_of

    treelite = needed("treelite", "forests", "a forest of XGBoost or LightGBM")
    kind = _forest_kind(path)
    names = _forest_names(path, kind)
    try:
        model = getattr(treelite.frontend, kind)(path)
    except treelite.TreeliteError as error:
        raise _broken(path, error) from None
    if ZERO_MISSING.encode() in path.read_bytes():
        raise ModelError(f"model file '{path}' takes 0 for a missing value: train it without")
    part = part_of(model)
    assert part.head is not None
    columns = names or tuple(f"x{k}" for k in range(model.num_feature))
    floats = FloatModel(FORESTS[kind], columns, part.steps, part.head, part.notes)

    def predict(x: np.ndarray) -> np.ndarray:
        shape = (len(x), -1)
        told = treelite.gtil.predict(model, x.astype(_float_type(model)), pred_margin=True)
        return told_of(floats, np.asarray(told, dtype=np.float64).reshape(shape))

    return Opened(floats, predict, f"treelite {treelite.__version__}", bool(names))


def _float_type(model: Any) -> Any:
    return model.get_tree_accessor(0).get_field("threshold").dtype


def told_of(floats: FloatModel, sums: np.ndarray) -> np.ndarray:
    """The answers, numbers or labels, for the forest's sums."""
    values = apply_all([s for s in floats.steps if not isinstance(s, TreeSum)], sums)
    answers = floats.head.answers(values)
    return np.array(floats.head.labels)[answers] if floats.head.labels else answers


def _forest_names(path: Path, kind: str) -> tuple[str, ...]:
    """The names of the columns that the file was trained on; () where it has none."""
    if kind == "load_lightgbm_model":
        with path.open(encoding="utf-8", errors="replace") as stream:
            line = next((row for row in stream if row.startswith("feature_names=")), "")
        names = tuple(line.partition("=")[2].split())
        return () if all(re.fullmatch(r"Column_\d+", name) for name in names) else names
    if path.read_bytes()[1:2] in (b'"', b" ", b"\n"):
        try:
            return tuple(map(str, json.loads(path.read_bytes())["learner"]["feature_names"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            return ()
    return ()


def _is_onnx(head: bytes, path: Path) -> bool:
    from .graphs.onnx_file import is_onnx

    return is_onnx(head, path)


def _open_onnx(path: Path, trust_pickle: bool) -> Opened:
    from .graphs.onnx_file import open_onnx

    return Opened(*open_onnx(path))


def _is_tflite(head: bytes, path: Path) -> bool:
    from .graphs.tflite_file import is_tflite

    return is_tflite(head)


def _open_tflite(path: Path, trust_pickle: bool) -> Opened:
    from .graphs.tflite_file import open_tflite

    return Opened(*open_tflite(path))


Matches = Callable[[bytes, Path], bool]
Opener = Callable[[Path, bool], Opened]
OPENERS: list[tuple[Matches, Opener]] = [  # what a file is taken for: the first that matches
    (_is_skops, _open_skops),
    (_is_tflite, _open_tflite),
    (_is_forest, _open_forest),
    (_is_pickle, _open_pickle),
    (_is_onnx, _open_onnx),
]
LOADERS: dict[Opener, Callable[[Path, bool], Any]] = {
    _open_skops: _load_skops,
    _open_pickle: _load_pickle,
}
