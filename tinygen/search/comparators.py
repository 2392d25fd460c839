"""What else could predict the target: the figures that stand beside the ladder.

Every comparator is fitted on the training rows and judged on the test rows, its answers rounded to
the output's step like the model's own. They run in float on a PC; `bytes` is what their constants
would take in an honest float export, without any code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..data import Dataset, Rows
from ..fitting.least_squares import Root
from ..fitting.weighted import Counts, mean, median, total
from ..model.alarm_threshold import NO_ALARM, AlarmBand
from .workers import one_thread

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

# at most this many training rows, seeded, for the forest: it takes seconds, not minutes
FOREST_ROWS = 20_000
FLOAT_BYTES = 4
SPLIT_BYTES = 9  # a split's column (1), float threshold (4) and two places (2 each)
RIDGE = 1e-4  # penalty per training row on standardised inputs


MEDIAN, COMMONEST = "median", "most frequent class"  # of the training rows, answered to all


@dataclass(frozen=True)
class Comparator:
    """One of them on the test rows."""

    name: str
    # mean absolute, in the output's unit; for classes the part of rows answered wrongly
    error: float
    false_alarms: int | None  # None without a threshold
    missed_alarms: int | None
    bytes: int | None  # of float constants; None for one that no device can run alone
    needs: str = ""  # what it needs beyond the inputs

    @property
    def constant(self) -> bool:
        """True for one that answers the same to every row."""
        return self.name in (MEDIAN, COMMONEST)


@dataclass(frozen=True)
class _Guess:
    """A comparator's raw answers to the test rows."""

    name: str
    answers: np.ndarray
    bytes: int | None
    needs: str = ""


def compare(dataset: Dataset, levels: AlarmBand = NO_ALARM) -> tuple[Comparator, ...]:
    """The comparators of a data set, simple ones first. levels: raw ones, of the alarm."""
    guesses = _classifiers(dataset) if dataset.labels else _regressors(dataset)
    with one_thread():  # of OpenMP: more of them spin for minutes beside other work
        return tuple(_judged(guess, dataset, levels) for guess in guesses)


def constant_answer(dataset: Dataset) -> Comparator:
    """The first of them alone: the training rows' median or commonest class, for every row."""
    guesses = _classifiers(dataset) if dataset.labels else _regressors(dataset)
    return _judged(next(guesses), dataset, NO_ALARM)


def _judged(guess: _Guess, dataset: Dataset, levels: AlarmBand) -> Comparator:
    test = dataset.rows.take(dataset.test)
    y, answers = test.y, np.floor(guess.answers + 0.5)
    error = test.error(answers) * (1.0 if dataset.labels else dataset.target.scale)
    if not levels:
        return Comparator(guess.name, float(error), None, None, guess.bytes, guess.needs)
    alarm, truth = levels.left_by(answers), levels.left_by(y)
    return Comparator(
        guess.name,
        float(error),
        int((alarm & ~truth).sum()),
        int((~alarm & truth).sum()),
        guess.bytes,
        guess.needs,
    )


# ---- numbers ----


def _regressors(dataset: Dataset) -> Iterator[_Guess]:
    from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor

    x, y, test = (
        dataset.x[dataset.train].astype(float),
        dataset.y[dataset.train].astype(float),
        dataset.x[dataset.test].astype(float),
    )
    inputs = x.shape[1]
    counts = dataset.training.weights
    yield _Guess(MEDIAN, np.full(len(test), median(y, counts)), FLOAT_BYTES)
    column, answers = best_line(x, y, test, counts)
    yield _Guess(f"line on {dataset.inputs[column].name}", answers, 2 * FLOAT_BYTES)
    yield _Guess("ridge", ridge(x, y, test, 1, counts), (inputs + 1) * FLOAT_BYTES)
    if y.min() >= 0:
        yield _Guess("ridge on the root", ridge(x, y, test, 2, counts), (inputs + 1) * FLOAT_BYTES)
    if (
        dataset.provenance.time is not None
        and (np.diff(dataset.provenance.time).astype(np.int64) >= 0).all()
    ):
        yield _Guess(
            "persistence", _readings_before(dataset), None, "the reference's previous reading"
        )
    few = _few(dataset)
    forest = RandomForestRegressor(100, random_state=0, n_jobs=1).fit(few.x, few.y, few.weights)
    yield _Guess("random forest, 100 trees", forest.predict(test), forest_bytes(forest, 1))
    boosted = HistGradientBoostingRegressor(random_state=0).fit(x, y, counts)
    yield _Guess("gradient boosting", boosted.predict(test), boosting_bytes(boosted, 1))


def best_line(
    x: np.ndarray, y: np.ndarray, test: np.ndarray, counts: Counts = None
) -> tuple[int, np.ndarray]:
    """The column through which a straight line has the least mean absolute training error, and that
    line's test answers.
    """
    roots = None if counts is None else np.sqrt(counts)  # polyfit squares them
    lines = [
        np.polyfit(column, y, 1, w=roots) if np.ptp(column) else np.array([0.0, mean(y, counts)])
        for column in x.T
    ]
    errors = [
        mean(np.abs(np.polyval(line, column) - y), counts) for line, column in zip(lines, x.T)
    ]
    best = int(np.argmin(errors))
    return best, np.polyval(lines[best], test[:, best])


def ridge(
    x: np.ndarray, y: np.ndarray, test: np.ndarray, degree: int, counts: Counts = None
) -> np.ndarray:
    """Test answers of ridge regression on the target's root of that degree, 1 for the target
    itself.
    """
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    root = Root(degree)
    estimator = make_pipeline(StandardScaler(), Ridge(RIDGE * total(len(y), counts)))
    estimator.fit(x, root.forward(y), **_in_pipeline(estimator, counts))
    return root.backward(estimator.predict(test))


def _in_pipeline(estimator: Pipeline, counts: Counts) -> dict[str, np.ndarray]:
    """The weights as arguments of a Pipeline's `fit`; none without weights."""
    return (
        {} if counts is None else {f"{name}__sample_weight": counts for name, _ in estimator.steps}
    )


def _readings_before(dataset: Dataset) -> np.ndarray:
    """For each test row the target of the complete row before it in the file; the very first row
    gets the training median.
    """
    first = median(dataset.training.y, dataset.training.weights)
    return np.concatenate([[first], dataset.y[:-1]])[dataset.test]


# ---- classes ----


def _classifiers(dataset: Dataset) -> Iterator[_Guess]:
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y, test = (
        dataset.x[dataset.train].astype(float),
        dataset.y[dataset.train],
        dataset.x[dataset.test].astype(float),
    )
    scores = len(dataset.labels) if len(dataset.labels) > 2 else 1
    counts = dataset.training.weights
    yield _Guess(COMMONEST, np.full(len(test), np.bincount(y, counts).argmax()), 1)
    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    logistic.fit(x, y, **_in_pipeline(logistic, counts))
    yield _Guess(
        "logistic regression", logistic.predict(test), (x.shape[1] + 1) * scores * FLOAT_BYTES
    )
    few = _few(dataset)
    forest = RandomForestClassifier(100, random_state=0, n_jobs=1).fit(few.x, few.y, few.weights)
    yield _Guess(
        "random forest, 100 trees", forest.predict(test), forest_bytes(forest, len(dataset.labels))
    )
    boosted = HistGradientBoostingClassifier(random_state=0).fit(x, y, counts)
    yield _Guess("gradient boosting", boosted.predict(test), boosting_bytes(boosted, scores))


# ---- sizes ----


def _few(dataset: Dataset) -> Rows:
    """The training rows, or a seeded choice of FOREST_ROWS of them."""
    if len(dataset.train) <= FOREST_ROWS:
        return dataset.training
    chosen = np.random.default_rng(0).choice(dataset.train, FOREST_ROWS, replace=False)
    return dataset.rows.take(np.sort(chosen))


def forest_bytes(forest, outputs: int) -> int:
    """Float constants of a scikit-learn forest: its splits, and a value per leaf and output."""
    trees = [tree.tree_ for tree in forest.estimators_]
    leaves = sum(int(tree.n_leaves) for tree in trees)
    return (
        sum(int(tree.node_count) for tree in trees) - leaves
    ) * SPLIT_BYTES + leaves * outputs * FLOAT_BYTES


def boosting_bytes(boosted, scores: int) -> int:
    """Float constants of histogram gradient boosting, at most: every tree with all its leaves."""
    leaves = boosted.n_iter_ * scores * boosted.max_leaf_nodes
    return leaves * (SPLIT_BYTES + FLOAT_BYTES)
