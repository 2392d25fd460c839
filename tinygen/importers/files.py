"""Model files: what they are is told by their content, never by their name, and nothing in one is
run.
"""

from __future__ import annotations

import importlib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..common.errors import ModelError, TinygenError, UsageError, show
from ..common.packages import needed
from .convert import Predict, predict_of
from .graph import FloatModel
from .readers import broken, class_name, float_model

MOST_BYTES = 50_000_000  # of a model file
MOST_UNPACKED = 100_000_000  # of what an archive unpacks to
SCHEMA = "schema.json"
MOST_ENTRIES = 20_000  # files in it
MOST_SCHEMA, MOST_PARTS = 12_000_000, 200_000  # bytes, and lists and objects, of its schema
HEAD = 400  # bytes that tell what a file is
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
            return SCHEMA in archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return False


def _is_pickle(head: bytes, path: Path) -> bool:
    return head.startswith(PICKLES)


def _open_skops(path: Path, trust_pickle: bool) -> Opened:
    return _opened(path, _load_skops(path, trust_pickle))


def _load_skops(path: Path, trust_pickle: bool) -> Any:
    skops = needed("skops.io", "skops", "a skops file")
    _require_small(path)
    try:
        strange = sorted(set(skops.get_untrusted_types(file=path)) - TRUSTED)
    except Exception as error:
        raise broken(path, error) from None
    if strange:
        raise ModelError(
            f"model file '{path}' holds {', '.join(map(show, strange[:3]))}, which is not among "
            "the types that are trusted: convert the fitted object itself with tinygen.convert"
        )
    try:
        return skops.load(path, trusted=sorted(TRUSTED))
    except Exception as error:
        raise broken(path, error) from None


def _require_small(path: Path) -> None:
    """ModelError where a skops file unpacks to more than a model of a small board needs."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len(entries) > MOST_ENTRIES:
            raise ModelError(
                f"model file '{path}' holds {len(entries):,} files, at most {MOST_ENTRIES:,} are "
                "read"
            )
        unpacked = sum(info.file_size for info in entries)
        if unpacked > MOST_UNPACKED:
            raise ModelError(
                f"model file '{path}' unpacks to {unpacked:,} bytes, at most {MOST_UNPACKED:,} "
                "are read"
            )
        size = archive.getinfo(SCHEMA).file_size
        if size > MOST_SCHEMA:
            raise ModelError(
                f"model file '{path}' has a schema of {size:,} bytes, at most {MOST_SCHEMA:,} are "
                "read: fit a smaller model"
            )
        try:
            schema = archive.read(SCHEMA)
        except Exception as error:
            raise broken(path, error) from None
    parts = schema.count(b"[") + schema.count(b"{")
    if parts > MOST_PARTS:
        raise ModelError(
            f"model file '{path}' has a schema of {parts:,} parts, at most {MOST_PARTS:,} are "
            "read: fit a smaller model"
        )


def _opened(path: Path, estimator: Any) -> Opened:
    try:
        return opened(estimator)
    except TinygenError:
        raise
    except Exception as error:  # whatever a broken file makes of an estimator
        raise broken(path, error) from None


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
        raise broken(path, error) from None


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
    from .readers.forest_files import kind_of

    return kind_of(head) != ""


def _open_forest(path: Path, trust_pickle: bool) -> Opened:
    from .readers.forest_files import open_forest

    return Opened(*open_forest(path))


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
