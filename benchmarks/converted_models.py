"""The fitted models of converted.py: scikit-learn's, seeded, on whole numbers; and the forms in
which tinygen writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from goals import TASKS, UNO, find_data
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn_sets import TARGET, csv_table

from tinygen.codegen.emit import render_header
from tinygen.data import Dataset, load_table, prepare
from tinygen.importers.budget import written
from tinygen.model.model import OPTIMIZE, Model

MOST_ROWS = 600  # of a set; of a larger one its test rows are asked, no more than this
KINDS = ("tree", "forest", "net", "linear")


@dataclass(frozen=True)
class Task:
    """A set of rows; whole numbers in, a whole number or a class out."""

    name: str
    classes: bool
    depth: int  # of the tree
    trees: tuple[int, int]  # of the forest: how many, and their depth
    units: int  # of the net

    @cached_property
    def dataset(self) -> Dataset:
        if self.name != "air_quality":
            return prepare(csv_table(self.name), TARGET, seed=0)
        inputs, target, _ = TASKS["B"]
        return prepare(load_table(find_data()), target, inputs=inputs, split="random", seed=0)


SETS = {
    t.name: t
    for t in (
        Task("air_quality", False, 8, (10, 6), 16),
        Task("diabetes", False, 5, (10, 4), 8),
        Task("iris", True, 5, (10, 4), 8),
        Task("wine", True, 5, (10, 4), 8),
        Task("breast_cancer", True, 5, (15, 4), 8),
        Task("digits", True, 8, (10, 6), 16),
    )
}


@dataclass(frozen=True)
class Fitted:
    """An estimator as somebody has it, and the same function without a scaler."""

    task: Task
    kind: str
    original: Any
    plain: Any  # of raw readings
    scaler: StandardScaler | None = None  # net: what stands in front of `unscaled`
    unscaled: Any = None
    gain: float = 1.0  # net: of a number behind `unscaled`
    offset: float = 0.0

    @cached_property
    def places(self) -> np.ndarray:
        """The rows that are asked."""
        data = self.task.dataset
        if len(data.y) <= MOST_ROWS:
            return np.arange(len(data.y))
        test = data.test
        if len(test) <= MOST_ROWS:
            return test
        return np.sort(np.random.default_rng(0).choice(test, MOST_ROWS, replace=False))

    @property
    def rows(self) -> np.ndarray:
        return self.task.dataset.x[self.places]

    @property
    def targets(self) -> np.ndarray:
        return self.task.dataset.y[self.places]

    @property
    def test(self) -> np.ndarray:
        """Which of the asked rows are test rows."""
        return np.isin(self.places, self.task.dataset.test)

    @cached_property
    def answers(self) -> np.ndarray:
        """What the estimator answers to the asked rows."""
        return np.asarray(self.original.predict(self.rows.astype(float))).ravel()

    @property
    def training_rows(self) -> np.ndarray:
        return self.task.dataset.x[self.task.dataset.train].astype(float)

    @property
    def training_targets(self) -> np.ndarray:
        return self.task.dataset.y[self.task.dataset.train]


def fitted_models(task: Task, kinds: Iterable[str]) -> Iterator[Fitted]:
    """One of each kind, fitted to the training rows."""
    x = task.dataset.x[task.dataset.train].astype(float)
    y = task.dataset.y[task.dataset.train]
    for kind in kinds:
        yield FIT[kind](task, x, y)


def _tree(task: Task, x, y) -> Fitted:
    kind = DecisionTreeClassifier if task.classes else DecisionTreeRegressor
    tree = kind(max_depth=task.depth, random_state=0).fit(x, y)
    return Fitted(task, "tree", tree, tree)


def _forest(task: Task, x, y) -> Fitted:
    kind = RandomForestClassifier if task.classes else RandomForestRegressor
    count, depth = task.trees
    forest = kind(count, max_depth=depth, random_state=0, n_jobs=1).fit(x, y)
    return Fitted(task, "forest", forest, forest)


def _linear(task: Task, x, y) -> Fitted:
    model = LogisticRegression(max_iter=1000) if task.classes else LinearRegression()
    pipeline = make_pipeline(StandardScaler(), model).fit(x, y)
    scaler, plain = pipeline[0], deepcopy(pipeline[1])
    plain.coef_ = plain.coef_ / scaler.scale_
    plain.intercept_ = plain.intercept_ - plain.coef_ @ scaler.mean_
    return Fitted(task, "linear", pipeline, plain)


def _net(task: Task, x, y) -> Fitted:
    kind = MLPClassifier if task.classes else MLPRegressor
    net = kind(
        hidden_layer_sizes=(task.units,), max_iter=600, random_state=0, early_stopping=len(y) > 2000
    )
    pipeline = make_pipeline(StandardScaler(), net)
    if task.classes:
        pipeline.fit(x, y)
        return Fitted(task, "net", pipeline, _folded(pipeline), pipeline[0], pipeline[1])
    whole = TransformedTargetRegressor(pipeline, transformer=StandardScaler()).fit(x, y)
    pipeline, target = whole.regressor_, whole.transformer_
    gain, offset = float(target.scale_[0]), float(target.mean_[0])
    plain = _folded(pipeline)
    plain.coefs_[-1] = plain.coefs_[-1] * gain
    plain.intercepts_[-1] = plain.intercepts_[-1] * gain + offset
    return Fitted(task, "net", whole, plain, pipeline[0], pipeline[1], gain, offset)


def _folded(pipeline) -> Any:
    """The net of raw readings: its first layer does what the scaler did."""
    scaler, net = pipeline[0], deepcopy(pipeline[1])
    net.coefs_[0] = net.coefs_[0] / scaler.scale_[:, None]
    net.intercepts_[0] = net.intercepts_[0] - scaler.mean_ @ net.coefs_[0]
    return net


FIT = {"tree": _tree, "forest": _forest, "net": _net, "linear": _linear}


def written_forms(model: Model) -> list[tuple[str, Model, bool]]:
    """(how, model, whether unasked): as `tinygen convert` writes it, then in the forms that it did
    not take and whose text is another one.
    """
    chosen, _ = written(model, UNO)
    found, headers = [], set()
    for goal in (chosen.optimize, *OPTIMIZE):
        form = replace(model, optimize=goal)
        if (header := render_header(form)) not in headers:
            headers.add(header)
            unasked = form == chosen
            way = f"convert: {goal}" if unasked else f"emit --optimize {goal}"
            found.append((way, form, unasked))
    return found
