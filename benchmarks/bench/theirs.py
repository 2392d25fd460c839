"""What the peers make of a task: a fitted estimator through every way of every generator."""

from __future__ import annotations

import importlib.metadata
from dataclasses import replace

import numpy as np
from converted_models import Fitted
from converted_ways import Way
from peer_code import elsewhere

import tinygen
from tinygen.codegen.emit import render_bare
from tinygen.common.errors import TinygenError
from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import Model
from tinygen.model.operations.outside import Outside

from .grid import counts
from .measure import Point, judged, measured
from .peers import offered
from .tasks import Task

HEADER = "peer.h"


def converted(task: Task, fitted: Fitted, title: str, reference: np.ndarray) -> list[Point]:
    """A point of each way. reference: what the estimator answers to the test rows."""
    weights, splits = counts(fitted, task.dataset.x[task.dataset.test])
    points = []
    for way in offered(fitted):
        blank = Point(way.package, version(way.package), title, way.title, fitted=True)
        blank = replace(blank, weights=weights, splits=round(splits, 3))
        points.append(point(task, blank, way, fitted, reference))
    return points


def point(task: Task, blank: Point, way: Way, fitted: Fitted, reference: np.ndarray) -> Point:
    """A peer's code on every test row; whatever it raises, and whatever the compiler says, is its
    message.
    """
    try:
        with elsewhere():
            code = way.write(fitted)
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        return replace(blank, message=f"{type(error).__name__}: {first}"[:160])
    data = task.dataset
    carrier = carrier_of(data.inputs, data.target)
    try:
        told = measured(carrier, data.x[data.test], code.header(len(data.inputs)), code.options)
    except TinygenError as error:
        return replace(blank, message=str(error).replace("model 'peer' alone ", ""))
    return replace(blank, **told.figures, **judged(task, told.answers, reference))


def carrier_of(inputs: tuple[Quantity, ...], target: Quantity) -> Model:
    """A model whose program a peer's code runs in: in place of its own header."""
    limits = Outside(*zip(*(q.limits for q in inputs)))
    return Model("peer", "peer", inputs, target, (limits,))


def program() -> str:
    """The C text around a peer's code, without tinygen's version."""
    one = Quantity("x", "", 1.0, 0.0, 1.0)
    texts = render_bare(carrier_of((one,), one), 1)
    return "".join(t for name, t in texts.items() if name != HEADER).replace(
        tinygen.__version__, ""
    )


def version(package: str) -> str:
    return "by hand" if package == "float C" else importlib.metadata.version(package)
