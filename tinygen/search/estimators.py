"""scikit-learn's face: estimators whose `predict` gives, bit for bit, what the chip answers.

    TinyClassifier(max_flash=1000).fit(X, y).export("iris/")

Every input and the output is stored as an int16 in decimal steps: the column's own decimal places
where they fit, else 12 bits or more over its range.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ..codegen.chain import constant_bytes
from ..codegen.emit import emit_library
from ..common.boards import BOARDS
from ..common.errors import ModelError, QuantizeError, UsageError
from ..data import Dataset, Provenance, Rows, Split
from ..data.columns import scale_for
from ..families import FAMILIES
from ..model.fixedpoint import Quantity
from ..model.model import Model
from ..target import bare as costs
from ..target.build import Budget
from .cross_validation import (
    FOLDS,
    Candidate,
    as_good_as,
    cross_validate,
    error_scale,
    families,
    plain_config,
    preferred,
)
from .quantize import raw_threshold
from .search import Rung, within

MOST_PLACES = 6  # decimal places that count as a column's own resolution
LEAST_STEPS = 4096  # over the range of a column without one: 12 bits
NEAR_EQUALS = 4  # models compared by size when their errors are as good as equal
SEED_LIMIT = 2**31 - 1


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
    the model alone on `board`, compiled and simulated; without one nothing is compiled. threshold:
    alarm above this output. input_scales: raw step of each input, by name or in order; None finds
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
        self.candidates_ = _ranked(dataset, self.family)
        self.model_, self.columns_ = self._smallest(dataset)
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

    def cost(self, board: str = "uno") -> costs.ModelCost:
        """Flash, RAM, stack and cycles of the model alone, compiled for a board and simulated."""
        check_is_fitted(self)
        return costs.measure(self.model_, _board(board))

    def _scales(self, names: list[str], X: np.ndarray) -> list[float]:
        given = self.input_scales
        if given is None:
            return [decimal_scale(column) for column in X.T]
        if isinstance(given, Mapping):
            return [
                float(given.get(name, 0) or decimal_scale(column))
                for name, column in zip(names, X.T)
            ]
        if not np.iterable(given) or len(given) != len(names):
            raise ValueError(
                f"input_scales must be a mapping by name or a sequence of {len(names)} steps, got "
                f"{given!r}"
            )
        return [float(scale) for scale in given]

    def _seed(self) -> int:
        if isinstance(self.random_state, np.random.RandomState):
            return int(self.random_state.randint(SEED_LIMIT))
        return 0 if self.random_state is None else int(self.random_state)

    def _smallest(self, dataset: Dataset) -> tuple[Model, tuple[int, ...]]:
        """The smallest model within the budget among those as good as the best one within it, and
        its input columns.
        """
        budget, found, enough, failure = (
            Budget(self.max_flash, self.max_ram, self.max_cycles),
            [],
            np.inf,
            None,
        )
        scale = error_scale(dataset)
        limit = None if self.threshold is None else raw_threshold(dataset.target, self.threshold)
        for candidate in self.candidates_:
            if candidate.error > enough or len(found) == NEAR_EQUALS:
                break
            try:
                model, columns = self._lowered(dataset, candidate, limit)
            except (ModelError, QuantizeError) as error:
                failure = error  # it cannot be bounded: the next one
                continue
            if budget == Budget() or within(
                Rung(model, candidate.error, costs.measure(model, _board(self.board))), budget
            ):
                found.append((constant_bytes(model), len(found), model, columns))
                enough = min(enough, as_good_as(candidate.error * scale, dataset) / scale)
        if not found:
            raise failure or UsageError(
                f"none of {len(self.candidates_)} candidates fits the budget: "
                "raise max_flash, max_ram or max_cycles"
            )
        return min(found)[2:]

    def _lowered(
        self, dataset: Dataset, candidate: Candidate, limit: int | None
    ) -> tuple[Model, tuple[int, ...]]:
        rows, family = dataset.training, FAMILIES[candidate.family]
        fitted = family.fit_all(rows, [candidate.config], dataset.split.seed)[0]
        facts = {
            "rows_train": len(rows.y),
            "seed": dataset.split.seed,
            "config": plain_config(candidate.config),
        }
        return Model(
            self.name,
            candidate.family,
            tuple(dataset.inputs[c] for c in fitted.columns),
            dataset.target,
            family.lower(fitted, rows),
            limit,
            dataset.labels,
            facts,
        ), tuple(fitted.columns)


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


def _board(board: str):
    if board not in BOARDS:
        raise UsageError(f"board '{board}' is unknown: use {', '.join(BOARDS)}")
    return BOARDS[board]


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


def _ranked(dataset: Dataset, family: str) -> list[Candidate]:
    """Candidates, the best first by cross-validation; with too few rows for folds, in the order of
    their families.
    """
    kinds = families(family, dataset)
    if len(dataset.y) >= 2 * FOLDS:
        return preferred(cross_validate(dataset, kinds), dataset)
    simple = [kind for kind in kinds if kind.name in ("ridge", "logistic")] or kinds
    return [
        Candidate(kind.name, config, (0.0,))
        for kind in simple
        for config in kind.candidates(dataset.training)
    ]
