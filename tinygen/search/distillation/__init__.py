"""A large model teaches a small one, and the small one is kept only where that made it better.

A student is fitted to the training rows with their targets, to the same rows as a teacher answers
that did not see them, and to rows drawn around them with the teacher's answers (Hinton, Vinyals
and Dean 2015; Bucila, Caruana and Niculescu-Mizil 2006). Student and plainly trained model are
compared on the same real rows, those of the training folds; test rows are only reported.

    distilled(dataset, teacher, request) -> Distilled
    distil(estimator, X, y) -> Distilled          for arrays
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from ...common.errors import UsageError
from ...common.progress import Progress, silent
from ...common.tables import six_digits
from ...data import Dataset
from ...model.model import Model
from ..cross_validation import as_good_as, error_scale
from ..estimators import asked
from ..finalists import SearchRequest
from ..ladder import Ladder, Rung
from ..model_search import find_ladder
from ..quantization import raw_band, training_baseline
from .student import student_rows
from .teacher import Teacher, own_teacher

__all__ = ["Distilled", "Teacher", "distil", "distilled", "own_teacher"]

MOST_DRAWS = 20


@dataclass(frozen=True)
class Distilled:
    """A student and the plainly trained model beside it; errors are in the target's unit, or error
    rates.
    """

    teacher: str
    student: Ladder
    plain: Ladder
    kept: str  # "student" or "plain"
    teacher_error: float | None  # on the test rows; None without any
    draws: int  # rows drawn around each training row

    @property
    def ladder(self) -> Ladder:
        """Of the one that is kept."""
        return self.student if self.kept == "student" else self.plain

    @property
    def model(self) -> Model:
        return self.ladder.model

    def facts(self) -> dict[str, Any]:
        """Plain JSON values: who taught, and how both models compare."""
        return {
            "teacher": self.teacher,
            "kept": self.kept,
            "draws": self.draws,
            "teacher_error": self.teacher_error,
            **{
                name: {"error_in_folds": _rung(ladder).error, "error": test_error(ladder.model)}
                for name, ladder in (("student", self.student), ("plain", self.plain))
            },
        }


def distilled(
    dataset: Dataset,
    teacher: Teacher,
    request: SearchRequest,
    draws: int = 1,
    progress: Progress = silent,
    dask: str | None = None,
) -> Distilled:
    """A student of the teacher and a plainly trained model, from one search each, and which of the
    two is better on the real rows of the training folds.

    draws: rows drawn around each training row, 0 to MOST_DRAWS. UsageError where nothing fits the
    budget, DataError where the teacher does not fit the rows.
    """
    if not 0 <= draws <= MOST_DRAWS:
        raise UsageError(f"{draws} rows drawn around each: use 0 to {MOST_DRAWS}")
    teacher.require_fit()
    rows = student_rows(dataset, teacher, draws, progress)
    error = _teacher_error(dataset, teacher)
    student = find_ladder(rows, request, lambda text: progress(f"student: {text}"), dask)
    plain = find_ladder(dataset, request, lambda text: progress(f"plain: {text}"), dask)
    student = replace(student, rungs=tuple(_told(rung, dataset, rows) for rung in student.rungs))
    better = as_good_as(_rung(student).error, dataset) < _rung(plain).error
    kept = "student" if better else "plain"
    found = Distilled(teacher.name, student, plain, kept, error, draws)
    told = found.ladder.with_facts(distilled=found.facts())
    return replace(found, student=told) if better else replace(found, plain=told)


def distil(
    teacher: Any, X: Any, y: Any, *, draws: int = 1, as_fitted: bool = False, **parameters: Any
) -> Distilled:
    """A small integer model that a large one taught, where that made it better; else the plainly
    trained one: `.model`.

    teacher: "forest", "boosting", or an estimator, which is fitted anew to parts of the rows so
    that no label comes from a teacher that saw its row. as_fitted: it never saw these rows, and is
    not fitted again. X: rows (n, inputs) of physical values; y: their targets, numbers or labels. A
    classifier, or texts or truth values beside a word for the teacher, give a classifier. draws:
    rows drawn around each, 0 to MOST_DRAWS. parameters: those of TinyRegressor and TinyClassifier,
    such as family, max_flash, board, threshold, random_state and name.
    """
    known = isinstance(teacher, str)
    classes = np.asarray(y).dtype.kind in "bOSU" if known else is_classifier(teacher)
    dataset, request = asked(X, y, classes, parameters)
    raw_band(dataset.target, request.threshold, request.alarm_below)  # raises now, not later
    if known:
        chosen = own_teacher(teacher, classes, dataset.split.seed)
    else:
        chosen = Teacher(type(teacher).__name__, teacher, as_fitted)
    return distilled(dataset, chosen, request, draws)


def test_error(model: Model) -> float | None:
    """On the test rows, in the target's unit, or the error rate; None without any."""
    metrics = model.training.get("metrics")
    return None if metrics is None else metrics["error_rate" if model.labels else "mae"]


def _rung(ladder: Ladder) -> Rung:
    return ladder.rungs[ladder.chosen]


def _teacher_error(dataset: Dataset, teacher: Teacher) -> float | None:
    """Of the teacher after all training rows, on the test rows."""
    if not len(dataset.test):
        return None
    tests = dataset.rows.take(dataset.test)
    answers = teacher.taught(dataset.training)(tests.x)
    return six_digits(tests.error(answers) * error_scale(dataset))


def _told(rung: Rung, dataset: Dataset, rows: Dataset) -> Rung:
    """A student's rung whose model tells of the real training rows what models tell, and how many
    it was fitted to.
    """
    model, columns = rung.model, dataset.columns_of(rung.model.inputs)
    told = {
        **model.training,
        "rows_train": len(dataset.train),
        "rows_student": len(rows.train),
        "baseline": training_baseline(model, columns, dataset).plain(),
    }
    training = dataset.training
    error = training.error(model.predict(training.x[:, columns])) * error_scale(dataset)
    return replace(rung, model=replace(model, training=told), training_error=float(error))
