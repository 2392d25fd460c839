"""scikit-learn estimators: estimators whose `predict` gives, bit for bit, what the chip answers.

    TinyClassifier(max_flash=1000).fit(X, y).export("iris/")

Every input and the output is stored as an int16 in decimal steps: the column's own decimal places
where they fit, else 12 bits or more over its range.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ..codegen.emit import emit_library
from ..common.boards import find_board
from ..data import Dataset, Provenance, Rows, Split
from ..data.columns import scale_for
from ..model.fixedpoint import Quantity
from ..target.bare import ModelCost, measure_cost
from ..target.build import Budget
from .cross_validation import rank
from .finalists import SearchRequest
from .model_search import find_best
from .quantization import raw_threshold

MOST_PLACES = 6  # decimal places that count as a column's own resolution
LEAST_STEPS = 4096  # over the range of a column without one: 12 bits
SEED_LIMIT = 2**31 - 1
BUDGET_ARGUMENTS = "max_flash, max_ram or max_cycles"


def decimal_scale(values: np.ndarray, own: bool = True) -> float:
    """A power of ten as the raw step of finite float values, so that they fit int16.

    With `own`, the decimal places the values have, if they are few; else LEAST_STEPS or more over
    the range, or as many as int16 allows for values far from zero.
    """
    largest, span = float(np.abs(values).max()), float(np.ptp(values))
    for places in range(MOST_PLACES + 1 if own else 0):
        steps = values * 10.0**places
        if (np.abs(steps - np.round(steps)) <= np.minimum(1e-9 * np.abs(steps), 1e-3)).all():
            return scale_for(largest, places)
    if not span:
        return scale_for(largest, MOST_PLACES)
    return scale_for(largest, int(np.ceil(np.log10(LEAST_STEPS / span))))


class _Tiny(BaseEstimator):
    """What both estimators share; `_target` and `_meaning` differ.

    family: "auto" or one family's name. max_flash, max_ram (with stack) and max_cycles: budget of
    the model alone on `board`, compiled and simulated; without one nothing is compiled, and of
    models as good as the best one that with the smallest tables is taken. threshold: alarm above
    this output. input_scales: raw step of each input, by name or in order; None finds
    them. name: prefix of the C names.
    """

    def __init__(
        self,
        family="auto",
        *,
        max_flash=None,
        max_ram=None,
        max_cycles=None,
        board="uno",
        threshold=None,
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
        self.input_scales = input_scales
        self.random_state = random_state
        self.name = name

    def fit(self, X, y):
        """Finds, fits and rounds a model. Sets `model_` (the integer Model), `columns_` (inputs it
        reads), `candidates_`.
        """
        X, y = validate_data(
            self,
            X,
            y,
            dtype=np.float64,
            ensure_min_samples=2,
            y_numeric=isinstance(self, RegressorMixin),
        )
        names = list(
            map(str, getattr(self, "feature_names_in_", [f"x{k}" for k in range(X.shape[1])]))
        )
        inputs = tuple(
            Quantity(name, "", scale, float(column.min()), float(column.max()))
            for name, scale, column in zip(names, self._scales(names, X), X.T)
        )
        target, raw, labels = self._target(y)
        dataset = _dataset(
            inputs,
            target,
            np.column_stack([q.to_raw(c) for q, c in zip(inputs, X.T)]),
            raw,
            labels,
            self._seed(),
        )
        if self.threshold is not None:
            raw_threshold(target, self.threshold)  # raises now, not after the training
        self.candidates_ = rank(dataset, self.family)
        rung = find_best(dataset, self._request(), self.candidates_, options=BUDGET_ARGUMENTS)[1]
        self.model_ = rung.model
        self.columns_ = tuple(inputs.index(q) for q in rung.model.inputs)
        return self

    def predict(self, X):
        """What the chip answers to rows X of physical values; inputs beyond their accepted range
        saturate.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        raw = [q.to_raw(X[:, column]) for q, column in zip(self.model_.inputs, self.columns_)]
        return self._meaning(self.model_.answer(np.column_stack(raw)))

    def export(self, directory) -> list[Path]:
        """Writes the C header, an example and test vectors: an Arduino library. Returns the
        paths.
        """
        check_is_fitted(self)
        return emit_library(self.model_, Path(directory))

    def cost(self, board: str = "uno") -> ModelCost:
        """Flash, RAM, stack and cycles of the model alone, compiled for a board and simulated."""
        check_is_fitted(self)
        return measure_cost(self.model_, find_board(board))

    def _scales(self, names: list[str], X: np.ndarray) -> list[float]:
        given = self.input_scales
        if given is None:
            return [decimal_scale(column) for column in X.T]
        if isinstance(given, Mapping):
            return [
                float(given.get(name, 0) or decimal_scale(column))
                for name, column in zip(names, X.T)
            ]
        if not isinstance(given, Collection) or len(given) != len(names):
            raise ValueError(
                f"input_scales must be a mapping by name or a sequence of {len(names)} steps, got "
                f"{given!r}"
            )
        return [float(scale) for scale in given]

    def _seed(self) -> int:
        if isinstance(self.random_state, np.random.RandomState):
            return int(self.random_state.randint(SEED_LIMIT))
        return 0 if self.random_state is None else int(self.random_state)

    def _request(self) -> SearchRequest:
        return SearchRequest(
            self.name,
            find_board(self.board),
            self.family,
            self.threshold,
            Budget(self.max_flash, self.max_ram, self.max_cycles),
            choice_only=True,
        )


class TinyRegressor(RegressorMixin, _Tiny):
    """Predicts a quantity as an 8-bit Arduino does. `predict` gives float64 in steps of
    `model_.output.scale`.
    """

    def _target(self, y: np.ndarray) -> tuple[Quantity, np.ndarray, tuple[str, ...]]:
        target = Quantity(
            "y", "", decimal_scale(y.astype(np.float64), own=False), float(y.min()), float(y.max())
        )
        return target, target.to_raw(y), ()

    def _meaning(self, raw: np.ndarray) -> np.ndarray:
        return self.model_.output.to_physical(raw)


class TinyClassifier(ClassifierMixin, _Tiny):
    """Names a class as an 8-bit Arduino does. `classes_` holds the labels, the chip answers their
    indices.
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


def _dataset(
    inputs, target: Quantity, x: np.ndarray, y: np.ndarray, labels: tuple[str, ...], seed: int
) -> Dataset:
    """All rows as training rows."""
    places = np.arange(len(x))
    return Dataset(
        Rows(x, y, inputs, target, labels),
        Split(places, places[:0], seed=seed),
        Provenance("fit", rows_read=len(x)),
    )
