"""scikit-learn estimators: estimators whose `predict` gives, bit for bit, what the chip answers.

Inputs and output are stored as int16 in decimal steps: the column's own decimal places where they
fit, else 12 bits or more over its range.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ..codegen.emit import emit_library
from ..common.boards import find_board
from ..common.errors import ModelError, UsageError
from ..data import Dataset, Provenance, Rows, Split
from ..data.steps import ROOM, decimal_quantity, given_steps
from ..fitting.pipeline import steps_before
from ..fitting.temperature import temperature
from ..model.fixedpoint import NOT_SURE, Quantity
from ..model.model import load as load_model
from ..target.bare import ModelCost, measure_cost
from ..target.build import Budget
from .cross_validation import rank
from .finalists import SearchRequest
from .model_search import find_best
from .quantization import class_scores, raw_band, require_scores
from .sample_weights import counted_rows
from .several import fit_each

BUDGET_ARGUMENT = "max_{}"
MODEL = """family : "auto" or one family's name.
    max_flash, max_ram, max_cycles : bytes, bytes with stack, cycles per answer
        Budget of the model alone on `board`, compiled and simulated. Without one nothing is
        compiled, and of models as good as the best one that with the smallest tables is taken.
    board : PlatformIO's name of the board that the budget is for."""
REST = """input_scales : raw step of each input, by name or in order; None finds them.
    random_state : seed of folds and fits.
    name : prefix of the C names."""


class _Tiny(BaseEstimator):
    """What both estimators share; `_target` and `_meaning` differ."""

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if cls.__doc__:
            cls.__doc__ = cls.__doc__.replace("{model}", MODEL).replace("{rest}", REST)

    def __init__(
        self,
        family="auto",
        *,
        max_flash=None,
        max_ram=None,
        max_cycles=None,
        board="uno",
        threshold=None,
        alarm_below=None,
        reject=None,
        input_scales=None,
        random_state=0,
        name="model_1",
    ):
        self.family = family
        self.max_flash = max_flash
        self.max_ram = max_ram
        self.max_cycles = max_cycles
        self.board = board
        self.threshold = threshold
        self.alarm_below = alarm_below
        self.reject = reject
        self.input_scales = input_scales
        self.random_state = random_state
        self.name = name

    def fit(self, X, y, sample_weight=None):
        """Finds, fits and rounds a model for rows X (n, inputs) of physical values and targets y.

        sample_weight: how much each row counts, float (n,) of 0 or more, in fits, folds and errors.
        Whole numbers are the same as repeated rows; of others only the ratios matter.

        Sets `model_` (the integer Model), `columns_` (inputs it reads), `candidates_` (what was
        compared, best first) and `steps_before_` (names of a Pipeline's steps that change X).
        """
        self.steps_before_ = steps_before(self)
        numeric = isinstance(self, RegressorMixin)
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2, y_numeric=numeric)
        weights = None
        if sample_weight is not None:
            kept, weights = counted_rows(sample_weight, len(X))
            X, y = X[kept], y[kept]
        dataset = self._rows(X, y, weights)
        if dataset.labels and self.alarm_below is not None:
            raise UsageError("alarm_below is for TinyRegressor: classes take a threshold only")
        require_scores(dataset, False, self.reject)
        raw_band(dataset.target, self.threshold, self.alarm_below)  # raises now, not later
        request = self._request()
        self.candidates_ = rank(dataset, self.family, unlimited=request.unlimited)
        rung = find_best(dataset, request, self.candidates_, option=BUDGET_ARGUMENT)[1]
        self.model_, self._spent = rung.model, rung.cost
        self.columns_ = tuple(dataset.columns_of(rung.model.inputs))
        if dataset.labels:
            self._judge_scores(dataset)
        return self

    def _rows(self, X: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> Dataset:
        """All rows in raw steps, as training rows."""
        given = getattr(self, "feature_names_in_", [f"x{k}" for k in range(X.shape[1])])
        names = list(map(str, given))
        inputs = tuple(map(self._input, names, given_steps(self.input_scales, names), X.T))
        target, raw_y, labels = self._target(y)
        raw = np.column_stack([q.to_raw(column) for q, column in zip(inputs, X.T)])
        places = np.arange(len(raw))
        span = {} if weights is None else {"least": weights.min(), "most": weights.max()}
        facts = {name: float(f"{value:.3g}") for name, value in span.items()}
        return Dataset(
            Rows(raw, raw_y, inputs, target, labels, weights),
            Split(places, places[:0], seed=self._seed()),
            Provenance(
                "fit", rows_read=len(raw), weighting={"sample_weight": facts} if facts else {}
            ),
        )

    def predict(self, X):
        """What the chip answers to rows X of physical values, saturated to the accepted ranges; of
        classes the best one, also where it is not sure.
        """
        raw = self._raw(X)  # first: it raises NotFittedError
        return self._meaning(self.model_.decided.answer(raw))

    def _raw(self, X) -> np.ndarray:
        """Raw rows of the model's inputs, int64 (n, inputs of the model)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        raw = [q.to_raw(X[:, column]) for q, column in zip(self.model_.inputs, self.columns_)]
        return np.column_stack(raw)

    def export(self, directory) -> list[Path]:
        """Writes the C header, an example and test vectors: an Arduino library. Returns the
        paths.

        UsageError where the model was fitted behind other steps of a Pipeline: the C would lack
        them.
        """
        check_is_fitted(self)
        if self.steps_before_:
            raise UsageError(
                f"the C code would lack the Pipeline's steps before this one "
                f"({', '.join(self.steps_before_)}): fit {type(self).__name__} on the rows as the "
                "sensors give them, it scales its inputs itself"
            )
        return emit_library(self.model_, Path(directory))

    def save(self, path) -> None:
        """Writes the fitted model as a model file, which the command line reads as well; `load`
        brings the estimator back.
        """
        check_is_fitted(self)
        state = {
            "kind": type(self).__name__,
            "parameters": {k: v for k, v in self.get_params().items() if _is_kept(k, v)},
            "columns": list(self.columns_),
            "inputs": self.n_features_in_,
            "names": [str(name) for name in getattr(self, "feature_names_in_", ())],
            "steps_before": list(self.steps_before_),
            **self._own_state(),
        }
        told = {**self.model_.training, "estimator": state}
        replace(self.model_, training=told).save(Path(path))

    @classmethod
    def load(cls, path):
        """The fitted estimator that `save` wrote. ModelError for another file."""
        model = load_model(Path(path))
        state = model.training.get("estimator", {})
        if state.get("kind") != cls.__name__:
            raise ModelError(
                f"model file '{path}' was not saved by a {cls.__name__}: "
                "use `tinygen.model.model.load` for the model alone"
            )
        loaded = cls(**state["parameters"])
        loaded.model_ = model
        loaded.columns_, loaded.n_features_in_ = tuple(state["columns"]), state["inputs"]
        loaded.steps_before_ = tuple(state["steps_before"])
        if state["names"]:
            loaded.feature_names_in_ = np.array(state["names"], dtype=object)
        if model.labels:
            loaded._take_state(state)
        return loaded

    def _own_state(self) -> dict:
        return {}

    def cost(self, board: str = "uno") -> ModelCost:
        """Flash, RAM, stack and cycles of the model alone, compiled for a board and simulated."""
        check_is_fitted(self)
        return measure_cost(self.model_, find_board(board))

    @staticmethod
    def _input(name: str, scale: float | None, values: np.ndarray) -> Quantity:
        if scale is None:
            return decimal_quantity(name, values)
        return Quantity(name, "", scale, float(values.min()), float(values.max()))

    def _seed(self) -> int:
        if isinstance(self.random_state, np.random.RandomState):
            return int(self.random_state.randint(2**31 - 1))
        return 0 if self.random_state is None else int(self.random_state)

    def _request(self) -> SearchRequest:
        return SearchRequest(
            self.name,
            find_board(self.board),
            self.family,
            self.threshold,
            Budget(self.max_flash, self.max_ram, self.max_cycles),
            alarm_below=self.alarm_below,
            scores=self.reject is not None,
            reject=self.reject,
            choice_only=True,
        )


class TinyRegressor(RegressorMixin, _Tiny):
    """Predicts a quantity as an 8-bit Arduino does. `predict` gives float64 in steps of
    `model_.output.scale`.

    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True, scaled=False)
    >>> sugar = TinyRegressor(family="ridge", name="sugar").fit(X, y)
    >>> sugar.predict(X[:2]).shape
    (2,)
    >>> bool(sugar.score(X, y) > 0.4)
    True

    Then `sugar.export("sugar/")` writes the Arduino library, `sugar.cost("uno")` measures it and
    `sugar.save("sugar.json")` keeps it. Parameters:

    {model}
    threshold : alarm above this output, in the unit of y.
    alarm_below : alarm below this output, in the unit of y; with threshold, outside the band.
    reject : None; it is for classes.
    {rest}
    """

    def fit(self, X, y, sample_weight=None):
        """As of one target; y (n, k) of several gives one model of k outputs, each with a chain of
        its own, and `candidates_` is a list for each.
        """
        shape = np.asarray(y).shape
        if len(shape) < 2 or shape[1] < 2:
            return super().fit(X, y, sample_weight)
        self.steps_before_ = steps_before(self)
        validate_data(self, X, dtype=np.float64)
        fits, self.model_ = fit_each(self, X, y, sample_weight)
        self.candidates_ = [one.candidates_ for one in fits]
        known = {q.name: c for one in fits for c, q in zip(one.columns_, one.model_.inputs)}
        self.columns_ = tuple(known[q.name] for q in self.model_.inputs)
        return self

    def _target(self, y: np.ndarray) -> tuple[Quantity, np.ndarray, tuple[str, ...]]:
        target = decimal_quantity("y", y.astype(np.float64), own=False, room=ROOM)
        return target, target.to_raw(y), ()

    def _meaning(self, raw: np.ndarray) -> np.ndarray:
        if not self.model_.more:
            return self.model_.output.to_physical(raw)
        columns = zip(self.model_.outputs, raw.T)
        return np.column_stack([q.to_physical(column) for q, column in columns])


class TinyClassifier(ClassifierMixin, _Tiny):
    """Names a class as an 8-bit Arduino does. `classes_` holds the labels, the chip answers their
    indices.

    >>> from sklearn.datasets import load_wine
    >>> X, y = load_wine(return_X_y=True)
    >>> wine = TinyClassifier(family="tree", name="wine").fit(X, y)
    >>> bool(wine.score(X, y) > 0.9)
    True

    Then `wine.export("wine/")` writes the Arduino library. Parameters:

    {model}
    threshold : alarm above this index of a class.
    alarm_below : None; classes have no alarm below.
    reject : part of the answers that may be wrong; the chip says "not sure" to other rows.
    {rest}
    """

    def _target(self, y: np.ndarray) -> tuple[Quantity, np.ndarray, tuple[str, ...]]:
        check_classification_targets(y)
        self.classes_, index = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                "TinyClassifier needs samples of 2 classes or more, y holds one class only"
            )
        return (
            Quantity("class", "", 1.0, 0.0, len(self.classes_) - 1.0),
            index.astype(np.int64).ravel(),
            tuple(map(str, self.classes_)),
        )

    def _meaning(self, raw: np.ndarray) -> np.ndarray:
        return self.classes_[raw]

    def _judge_scores(self, dataset: Dataset) -> None:
        """`temperature_`: the factor on the scores by which the training rows are likeliest; None
        without scores.
        """
        rows = dataset.training
        scores = class_scores(self.model_, rows.x[:, list(self.columns_)])
        self.temperature_ = None if scores is None else temperature(scores, rows.y, rows.weights)

    @available_if(lambda self: _has_scores(self))
    def predict_proba(self, X):
        """Probability of each class, float (n, classes): softmax of the integer scores that the
        chip compares, times `temperature_`.

        The chip itself knows the scores' order only. Families without scores (a decision tree)
        lack this method.
        """
        raw = self._raw(X)  # first: it raises NotFittedError
        return softmax(class_scores(self.model_, raw) * self.temperature_, axis=1)

    @available_if(lambda self: _has_scores(self))
    def decision_function(self, X):
        """The integer scores that the chip compares, (n, classes); of two classes how far the
        second is ahead, (n,).
        """
        raw = self._raw(X)  # first: it raises NotFittedError
        scores = class_scores(self.model_, raw)
        return scores if scores.shape[1] > 2 else scores[:, 1] - scores[:, 0]

    def sure(self, X):
        """Where the chip answers what `predict` says, bool (n,); elsewhere, with `reject`, it says
        that it is not sure.
        """
        raw = self._raw(X)
        return self.model_.answer(raw) != NOT_SURE

    def _own_state(self) -> dict:
        return {
            "classes": self.classes_.tolist(),
            "classes_type": self.classes_.dtype.str,
            "temperature": self.temperature_,
        }

    def _take_state(self, state: dict) -> None:
        self.temperature_, kind = state["temperature"], state["classes_type"]
        self.classes_ = np.array(state["classes"], dtype=object if kind == "|O" else kind)


def _has_scores(estimator: TinyClassifier) -> bool:
    if getattr(estimator, "temperature_", 1.0) is None:
        raise AttributeError(
            f"family '{estimator.model_.family}' names a class without scores: predict_proba "
            "needs another family, such as logistic"
        )
    return True


def _is_kept(name: str, value) -> bool:
    """True for what JSON gives back as it was; what came later is told where it is given."""
    try:
        unused = name in ("alarm_below", "reject") and value is None
        return not unused and json.loads(json.dumps(value)) == value
    except (TypeError, ValueError):
        return False


def asked(X, y, classes: bool, parameters: Mapping) -> tuple[Dataset, SearchRequest]:
    """Rows X (n, inputs) of physical values and targets y as an estimator takes them, and what one
    with these parameters looks for.
    """
    taker = (TinyClassifier if classes else TinyRegressor)(**parameters)
    X, y = validate_data(taker, X, y, dtype=np.float64, ensure_min_samples=2, y_numeric=not classes)
    return taker._rows(X, y, None), taker._request()
