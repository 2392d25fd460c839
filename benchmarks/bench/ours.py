"""What tinygen makes of a task: models that it finds in the rows, and the peers' own, converted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from converted_models import Fitted, written_forms

import tinygen
from tinygen.codegen.float_model import render_float
from tinygen.common.boards import BOARDS
from tinygen.common.errors import TinygenError
from tinygen.model.model import Model
from tinygen.search.finalists import SearchRequest
from tinygen.search.ladder import Rung
from tinygen.search.model_search import find_ladder

from .limit import limit_of
from .measure import Point, judged, measured
from .tasks import Task

UNO = BOARDS["uno"]
VERSION = tinygen.__version__
IN_FLOAT = "the model that tinygen chose, in float"


def found_in_rows(task: Task) -> list[Point]:
    """Every rung of the ladder that `train` prints, and its chosen model in float. All of them are
    chosen on training rows; the test rows judge.
    """
    request = SearchRequest("model_1", UNO, threshold=task.threshold)
    ladder = find_ladder(task.dataset, request)
    points = [_rung(task, rung, k == ladder.chosen) for k, rung in enumerate(ladder.rungs)]
    return [*points, _in_float(task, ladder.rungs[ladder.chosen])]


def _rows(task: Task, model: Model) -> np.ndarray:
    """The test rows, raw, with the inputs that the model has, clamped as the firmware does."""
    data = task.dataset
    return model.saturate(data.x[data.test][:, data.columns_of(model.inputs)])[0]


def _rung(task: Task, rung: Rung, chosen: bool) -> Point:
    model, rows = rung.model, _rows(task, rung.model)
    title = f"{model.family}, {len(model.inputs)} of {len(task.dataset.inputs)} inputs"
    blank = Point("tinygen", VERSION, title, "train", fitted=False, chosen=chosen)
    told = measured(model, rows)
    _require_twin(model, rows, told.answers)
    floats = np.rint(rung.floats) if rung.floats else told.answers
    return _limited(
        replace(blank, **told.figures, **judged(task, told.answers, floats)), model, rows
    )


def _in_float(task: Task, rung: Rung) -> Point:
    """The chosen model as a careful programmer writes it in float: what the integers alone gain."""
    model, rows = rung.model, _rows(task, rung.model)
    blank = Point("float C", "by hand", f"{model.family}", IN_FLOAT, fitted=False)
    try:
        told = measured(model, rows, render_float(model))
    except TinygenError as error:
        return replace(blank, message=str(error))
    floats = np.rint(rung.floats) if rung.floats else told.answers
    return replace(blank, **told.figures, **judged(task, told.answers, floats))


def _require_twin(model: Model, rows: np.ndarray, answers: np.ndarray) -> None:
    if (answers != model.answer(rows)).any():
        raise SystemExit("the chip does not answer what the twin answers")


def _limited(point: Point, model: Model, rows: np.ndarray) -> Point:
    limit = limit_of(model, rows)
    return replace(
        point,
        weights=limit.weights,
        splits=round(limit.splits, 3),
        limit_loaded=round(limit.loaded, 1),
        limit_held=round(limit.held, 1),
    )


def converted(task: Task, fitted: Fitted, title: str, reference: np.ndarray) -> list[Point]:
    """As `tinygen convert` writes it, then in the forms that it did not take. reference: what the
    estimator answers to the test rows.
    """
    blank = Point("tinygen", VERSION, title, "convert", fitted=True)
    rows = fitted.training_rows
    try:
        model = tinygen.convert(
            fitted.original, rows, fitted.training_targets, input_scales=[1.0] * rows.shape[1]
        )
        forms = written_forms(model)
    except TinygenError as error:
        return [replace(blank, chosen=True, message=str(error))]
    asked = task.dataset.x[task.dataset.test][:, [int(q.name[1:]) for q in model.inputs]]
    asked = model.saturate(asked)[0]
    return [
        _form(task, replace(blank, way=way, chosen=unasked), form, asked, reference)
        for way, form, unasked in forms
    ]


def _form(task: Task, blank: Point, form: Model, rows: np.ndarray, reference: np.ndarray) -> Point:
    try:
        told = measured(form, rows)
    except TinygenError as error:
        return replace(blank, message=str(error))
    _require_twin(form, rows, told.answers)
    answers = told.answers if form.labels else form.output.to_physical(told.answers)
    return _limited(replace(blank, **told.figures, **judged(task, answers, reference)), form, rows)
