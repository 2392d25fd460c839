"""A teacher: an estimator that is fitted to rows and then answers others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

from ...common.errors import DataError, UsageError, show
from ...data import Rows
from ...data.table import known_as

TREES = 200
KINDS = {  # one of TEACHERS -> (of numbers, of classes), made from a seed
    "forest": (
        lambda seed: ExtraTreesRegressor(TREES, min_samples_leaf=2, random_state=seed),
        lambda seed: ExtraTreesClassifier(TREES, min_samples_leaf=2, random_state=seed),
    ),
    "boosting": (
        lambda seed: HistGradientBoostingRegressor(random_state=seed),
        lambda seed: HistGradientBoostingClassifier(random_state=seed),
    ),
}
Answers = Callable[[np.ndarray], np.ndarray]  # raw rows (n, inputs) -> raw answers or classes (n,)


@dataclass(frozen=True)
class Teacher:
    """An estimator over physical rows, in the columns of the data set."""

    name: str
    estimator: Any  # has predict, and fit unless it stays as it is
    as_fitted: bool = False  # it never saw the rows: its answers are taken as they are

    def require_fit(self) -> None:
        """UsageError where it can only answer and may have learned from the rows."""
        if not self.as_fitted and not hasattr(self.estimator, "fit"):
            raise UsageError(
                f"teacher {self.name} cannot be fitted anew, and its answers to rows that it "
                "learned from are no labels: if it never saw these rows, say so with --as-fitted "
                "(as_fitted=True)"
            )

    def taught(self, rows: Rows) -> Answers:
        """The answers of the teacher after it learned from these rows, and from no others."""
        if self.as_fitted:
            return _answers(self, self.estimator, rows)
        targets = np.array(rows.labels)[rows.y] if rows.labels else rows.output.to_physical(rows.y)
        try:
            fitted = clone(self.estimator).fit(_physical(rows, rows.x, self.estimator), targets)
        except Exception as error:  # whatever somebody's estimator raises
            raise DataError(
                f"teacher {self.name} cannot be fitted to {len(rows.y)} rows of "
                f"{len(rows.inputs)} inputs ({' '.join(str(error).split())[:200]}): give another"
            ) from None
        return _answers(self, fitted, rows)


def own_teacher(kind: str, classes: bool, seed: int) -> Teacher:
    """A large model that is trained on the spot: "forest" or "boosting"."""
    if kind not in KINDS:
        raise UsageError(f"teacher {show(kind)} is unknown: use {' or '.join(KINDS)}, or a file")
    return Teacher(kind, KINDS[kind][classes](seed))


def _answers(teacher: Teacher, fitted: Any, rows: Rows) -> Answers:
    place = {label: k for k, label in enumerate(rows.labels)}
    limits = rows.output.to_raw([rows.output.minimum, rows.output.maximum])

    def answers(x: np.ndarray) -> np.ndarray:
        given = _physical(rows, x, fitted)
        try:
            found = np.asarray(fitted.predict(given)).ravel()
        except Exception as error:  # whatever somebody's estimator raises
            raise DataError(
                f"teacher {teacher.name} cannot answer rows of {len(rows.inputs)} inputs "
                f"({' '.join(str(error).split())[:200]}): give its columns"
            ) from None
        if len(found) != len(x):
            raise UsageError(
                f"teacher {teacher.name} gives {len(found)} answers to {len(x)} rows: one is needed"
            )
        if rows.labels:
            return _classes(teacher, [str(answer) for answer in found.tolist()], place)
        return np.clip(rows.output.to_raw(_numbers(teacher, found)), *limits)

    return answers


def _classes(teacher: Teacher, found: list[str], place: dict[str, int]) -> np.ndarray:
    strange = sorted(set(found) - set(place))
    if strange:
        raise DataError(
            f"teacher {teacher.name} answers {show(strange[0])}, which is no class of the target "
            f"({', '.join(map(show, list(place)[:8]))}): give a classifier of these"
        )
    return np.array([place[answer] for answer in found], dtype=np.int64)


def _numbers(teacher: Teacher, found: np.ndarray) -> np.ndarray:
    try:
        values = found.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError(
            f"teacher {teacher.name} answers {show(str(found[0]))}, the target is a number: give a "
            "regressor"
        ) from None
    if bad := int((~np.isfinite(values)).sum()):
        raise DataError(
            f"teacher {teacher.name} answers {bad} of {len(values)} rows with no number: give "
            "another"
        )
    return values


def _physical(rows: Rows, x: np.ndarray, estimator: Any) -> Any:
    """Physical rows; for an estimator that was fitted on named columns those, by their names."""
    values = np.column_stack([q.to_physical(column) for q, column in zip(rows.inputs, x.T)])
    if not hasattr(estimator, "feature_names_in_"):
        return values
    names, wanted = [q.name for q in rows.inputs], list(map(str, estimator.feature_names_in_))
    places = _places(wanted, names)
    values = values[:, places]
    try:
        from pandas import DataFrame
    except ImportError:
        return values
    return DataFrame(values, columns=wanted)


def _places(wanted: list[str], names: list[str]) -> list[int]:
    """Where each column that is wanted stands, by its name with or without its unit."""
    known = [known_as(name, names) for name in wanted]
    for k, (name, found) in enumerate(zip(wanted, known)):
        if found is None:
            raise DataError(
                f"the teacher reads column {show(name)}, the inputs are "
                f"{', '.join(map(show, names[:8]))}: name its columns with --inputs"
            )
        if found in known[:k]:
            raise DataError(
                f"the teacher reads {show(wanted[known.index(found)])} and {show(name)}, the table "
                f"has one column {show(found)} for both: give rows with each of them"
            )
    return [names.index(found) for found in known if found is not None]
