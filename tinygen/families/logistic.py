"""Logistic regression (softmax): a row of coefficients per class, one row for two classes; int8
where that decides the rows as well as the float model does, else int16.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..data import Rows
from ..fitting import class_scores as scores
from ..fitting.class_scores import Frame, Scores
from ..fitting.lowering import ACC_ROOM, apply_all, scalings
from ..model.fixedpoint import INT8_MAX, INT16_MAX
from ..model.nodes import any_int16, bounds_behind
from ..model.operations.scale import Scale
from . import Family

STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


@dataclass(frozen=True)
class Config:
    c: float  # inverse strength of the penalty on squared coefficients


@dataclass(frozen=True)
class Logistic:
    """Linear class scores on standardised inputs."""

    columns: tuple[int, ...]
    frame: Frame
    scores: Scores

    def predict(self, x):
        return self.scores.classes(self.frame.z(x))

    def class_scores(self, x):
        return self.scores.of(self.frame.z(x))


def candidates(rows: Rows) -> list[Config]:
    return [Config(c) for c in STRENGTHS]


def fit(rows: Rows, config: Config, seed: int = 0) -> Logistic:
    from sklearn.linear_model import LogisticRegression

    frame = Frame.of(rows)
    found = scores.fitted_scores(
        LogisticRegression(C=config.c, max_iter=2000),
        frame.z(rows.x),
        rows.y,
        len(rows.labels),
        rows.weights,
    )
    return Logistic(tuple(range(rows.x.shape[1])), frame, found)


def lower(fitted: Logistic, rows: Rows):
    loss = fitted.scores.loss(fitted.frame.z(rows.x), rows.y, rows.weights)
    return scores.as_decided(_chains(fitted, rows), rows, rows.error(fitted.predict(rows.x)), loss)


def _chains(fitted: Logistic, rows: Rows):
    """(chain, loss): one sum of the inputs as they are; with int8 coefficients of scaled inputs,
    then int16.
    """
    frame = fitted.frame
    if len(fitted.scores.coef) == 1:
        seen = fitted.scores.seen_through(1 / frame.spread, -frame.mean / frame.spread)
        size = np.abs(seen.coef)
        room = ACC_ROOM / (INT16_MAX + 1) * size.max() / max(size.sum(), 1e-300)
        for limit in (INT8_MAX, int(np.clip(room, INT8_MAX, INT16_MAX))):
            yield from _rounded(seen, (), limit, rows)
    for limit in (INT8_MAX, INT16_MAX):
        for scale in scalings(rows):
            seen = fitted.scores.seen_through(*frame.through(scale))
            yield from _rounded(seen, (scale,), limit, rows)


def _rounded(seen: Scores, front: tuple[Scale, ...], limit: int, rows: Rows):
    """(chain, loss) of scores of what `front` gives, with coefficients within +-limit."""
    values = apply_all(front, rows.x)
    inside = bounds_behind(front, any_int16(values.shape[1]))
    for whole, adapted in scores.rounded_scores(seen, values, rows.y, limit, rows.weights):
        loss = adapted.loss(values, rows.y, rows.weights)
        yield (*front, *scores.decision_nodes(whole, inside)), loss


FAMILY = Family(
    "logistic",
    "logistic regression",
    candidates,
    fit,
    lower,
    size=lambda config: None,
    loads_sklearn=True,
    tasks=("classification",),
    roles={
        "few rows": lambda rows: Config(STRENGTHS[0]),
        "judge inputs": lambda rows: Config(STRENGTHS[-1]),
    },
)
