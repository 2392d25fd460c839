"""Readers: one small function for each class of estimator, found by the class's name.

A reader gets the fitted estimator and gives a `Part`. The table of what is supported (`supported`)
is made from this registry. Nothing of scikit-learn is imported before an estimator is read.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...common.errors import ModelError, QuantizeError, UsageError, show
from ..graph import Affine, Columns, FloatModel, Head, Neighbours, Step, TreeMedian, TreeSum
from ..simplify import width_of

# what a class without a reader comes closest to by what it does, not by its name
NEAREST = {
    "GaussianProcessRegressor": "SVR with few support vectors",
    "GaussianProcessClassifier": "SVC with few support vectors",
    "KernelRidge": "SVR with few support vectors",
    "Normalizer": "StandardScaler",
    "DBSCAN": "KMeans",
    "HDBSCAN": "KMeans",
    "BisectingKMeans": "KMeans",
    "OneHotEncoder": "KBinsDiscretizer",
    "CountVectorizer": "columns of numbers",
    "KNNImputer": "SimpleImputer",
    "StackingRegressor": "VotingRegressor",
    "StackingClassifier": "VotingClassifier",
    "RegressorChain": "MultiOutputRegressor",
    "OneVsOneClassifier": "OneVsRestClassifier",
    "RadiusNeighborsRegressor": "KNeighborsRegressor",
    "RadiusNeighborsClassifier": "KNeighborsClassifier",
    "MultiTaskElasticNet": "ElasticNet",
    "MultiTaskElasticNetCV": "ElasticNetCV",
    "MultiTaskLasso": "Lasso",
    "MultiTaskLassoCV": "LassoCV",
    "LocalOutlierFactor": "IsolationForest",
    "OneClassSVM": "EllipticEnvelope",
    "SGDOneClassSVM": "EllipticEnvelope",
}


@dataclass(frozen=True)
class Part:
    """What a reader found: steps, and for a predictor what their last values mean.

    link: how the values of a classifier become probabilities: "logistic" of the only value,
    "softmax", or "share" where they are some already; "" where they are none.
    """

    steps: tuple[Step, ...]
    head: Head | None = None  # None: a transformer
    link: str = ""
    notes: tuple[str, ...] = ()
    total: float = 1.0  # "share": what the shares add up to

    def after(self, before: Sequence[Step], notes: Sequence[str] = ()) -> Part:
        """The part behind other steps."""
        return replace(self, steps=(*before, *self.steps), notes=(*notes, *self.notes))


Reader = Callable[[Any, tuple[str, ...]], Part]
MOST_COLUMNS = 50_000  # that a model may state: names are made for each
READERS: dict[str, Reader] = {}  # "sklearn.StandardScaler" -> its reader


def reader(*names: str, package: str = "sklearn") -> Callable[[Reader], Reader]:
    """Registers a function `read(estimator, columns) -> Part` for classes of a package; `columns`
    are the names of the columns that the estimator reads.
    """
    return registers(READERS, [f"{package}.{name}" for name in names])


def registers(table: dict[str, Any], names: Sequence[str]) -> Callable[[Any], Any]:
    """Decorates the function that `table` has for each of the names; no name has two."""

    def register(function: Any) -> Any:
        for name in names:
            if table.setdefault(name, function) is not function:
                raise ValueError(f"two functions are for {name}")
        return function

    return register


def supported() -> tuple[str, ...]:
    """The classes that can be read, "sklearn.Ridge" and so on, sorted."""
    return tuple(sorted(READERS))


def read(estimator: Any, columns: Sequence[str]) -> Part:
    """The steps of a fitted estimator over the columns; QuantizeError names what cannot be read."""
    name = require_readable(estimator)
    part = READERS[name](estimator, tuple(columns))
    _require_finite(part.steps, name)
    return part


def require_readable(estimator: Any) -> str:
    """The registered name of a fitted estimator's class."""
    name = class_name(estimator)
    if name not in READERS:
        raise QuantizeError(_unknown(estimator, name))
    _require_fitted(estimator)
    return name


def class_name(estimator: Any) -> str:
    return _name_of(type(estimator))


def _name_of(kind: type) -> str:
    return f"{kind.__module__.split('.')[0]}.{kind.__name__}"


def _unknown(estimator: Any, name: str) -> str:
    if isinstance(estimator, type):
        return f"{show(estimator.__name__)} is a class: give a fitted object of it"
    above = [kind.__name__ for kind in type(estimator).__mro__ if _name_of(kind) in READERS]
    close = NEAREST.get(name.rpartition(".")[2]) or next(iter(above), None)
    step = f"the nearest is {close}" if close else "use one of the list in the documentation"
    return (
        f"{show(name)} cannot be converted, it is none of the {len(READERS)} classes that are "
        f"read: {step}"
    )


def _require_fitted(estimator: Any) -> None:
    """UsageError for an estimator that was not: those of all libraries say it in sklearn's way."""
    if class_name(estimator).startswith("sklearn.") or hasattr(estimator, "__sklearn_is_fitted__"):
        from sklearn.exceptions import NotFittedError
        from sklearn.utils.validation import check_is_fitted

        try:
            check_is_fitted(estimator)
        except NotFittedError:
            raise UsageError(
                f"{type(estimator).__name__} is not fitted: call its fit first, then convert it"
            ) from None


def broken(path: Path, error: Exception) -> ModelError:
    """What is said of a file that a library does not read; without the times that some put in."""
    words = re.sub(r"^\[[\d:]+\] \S+: (Check failed: )?", "", " ".join(str(error).split()))
    return ModelError(
        f"model file '{path}' cannot be read ({type(error).__name__}: {words[:120]}): save it anew "
        "with the versions that are installed here"
    )


def require_sound(part: Part, width: int, name: str) -> None:
    """QuantizeError where a number of the steps is none, or they do not fit each other."""
    _require_finite(part.steps, name)
    _require_chain(part.steps, width)


def _require_finite(steps: Sequence[Step], name: str) -> None:
    """QuantizeError where a number of the model is none."""
    numbers: list[Any] = []
    for step in steps:
        if isinstance(step, Affine):
            numbers += [step.matrix, step.offset]
        elif isinstance(step, TreeSum):
            numbers += [step.base, *_tree_numbers(step)]
        elif isinstance(step, TreeMedian):
            numbers += [step.weights, *_tree_numbers(step)]
        elif isinstance(step, Neighbours):
            numbers += [step.targets]
        elif isinstance(step, Columns):
            numbers += [np.array(c.line) for c in step.curves if c.line]
    if not all(np.isfinite(part).all() for part in numbers):
        raise QuantizeError(f"{show(name)} holds a number that is none (NaN or infinite): fit anew")


def _tree_numbers(step: TreeSum | TreeMedian) -> list[Any]:
    numbers = [t.values for t in step.trees]
    return numbers + [np.where(np.isnan(t.threshold), np.nan, 0) for t in step.trees]


def _require_chain(steps: Sequence[Step], width: int) -> None:
    """QuantizeError where a step reads an element that the one before it does not give."""
    for step in steps:
        if isinstance(step, Affine):
            good = step.matrix.shape == (len(step.offset), width)
        elif isinstance(step, TreeSum | TreeMedian):
            read = [t.column for t in step.trees if len(t.column)]
            good = all(c.min() >= 0 and c.max() < width for c in read)
            good &= all(t.values.shape[1] == width_of([step], width) for t in step.trees)
        elif isinstance(step, Neighbours):
            good = len(step.targets) == width
        elif isinstance(step, Columns):
            good = all(0 <= s < width for s in step.sources)
        else:
            good = all(0 <= k < width for term in getattr(step, "terms", ()) for k in term)
        if not good:
            raise QuantizeError(
                f"the model's {step.kind} do not fit the {width} numbers in front of them: fit it "
                "anew"
            )
        width = width_of([step], width)


def column_names(estimator: Any) -> tuple[str, ...]:
    """The names of the columns that an estimator was fitted on; x0, x1 .. where it had none."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        return tuple(map(str, names))
    first = estimator
    while hasattr(first, "steps") and not hasattr(first, "n_features_in_"):
        first = first.steps[0][1]
    count = getattr(first, "n_features_in_", None)
    if count is None:
        raise UsageError(f"{type(estimator).__name__} does not say how many columns it reads")
    if not 0 < int(count) <= MOST_COLUMNS:
        raise QuantizeError(
            f"{type(estimator).__name__} reads {int(count):,} columns, at most {MOST_COLUMNS:,} "
            "are read: fit it on fewer"
        )
    return tuple(f"x{k}" for k in range(int(count)))


def float_model(estimator: Any, columns: Sequence[str] | None = None) -> FloatModel:
    """The float form of a fitted predictor."""
    require_readable(estimator)
    names = tuple(columns) if columns is not None else column_names(estimator)
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            part = read(estimator, names)
        except np.exceptions.ComplexWarning:
            raise QuantizeError(
                f"{type(estimator).__name__} holds complex numbers: fit it anew on real ones"
            ) from None
    if part.head is None:
        raise QuantizeError(
            f"{type(estimator).__name__} only transforms: put a regressor or classifier behind it"
        )
    _require_chain(part.steps, len(names))
    kind = estimator
    while hasattr(kind, "steps"):
        kind = kind.steps[-1][1]
    return FloatModel(type(kind).__name__, names, part.steps, part.head, part.notes)


def labels_of(classes: Any) -> tuple[str, ...]:
    """Labels as text; QuantizeError for one class only, and for two classes of one name."""
    labels = tuple(str(c) for c in np.asarray(classes).ravel().tolist())
    if len(labels) < 2:
        raise QuantizeError(
            f"the classifier knows the class {show(labels[0] if labels else '')} only: it has "
            "nothing to decide, fit it on rows of two or more"
        )
    repeated = [label for k, label in enumerate(labels) if label in labels[:k]]
    if repeated:
        raise QuantizeError(f"two classes are called {show(repeated[0])}: name them apart")
    return labels


def classifier(steps: Sequence[Step], classes: Any, width: int, link: str = "") -> Part:
    """A part that names a class: by the sign of one value, or the largest of several."""
    kind = "sign" if width == 1 else "largest"
    return Part(tuple(steps), Head(kind, labels_of(classes)), link)


for _module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_module}")
