"""scikit-learn's linear models: weighted sums, some with a curve behind them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...common.errors import QuantizeError, show
from ..graph import EXP, SAME, Affine, Head, each
from . import Part, classifier, reader


def sums(coef: Any, intercept: Any) -> Affine:
    """`coef . x + intercept`; a row for each output. A model of sparse rows has sparse ones."""
    coef = coef.toarray() if hasattr(coef, "toarray") else coef
    matrix = np.atleast_2d(np.asarray(coef, dtype=np.float64))
    offset = np.asarray(intercept, dtype=np.float64)
    return Affine(matrix, np.broadcast_to(offset.ravel(), (len(matrix),)).astype(np.float64))


@reader(
    *("LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV"),
    *("HuberRegressor", "SGDRegressor", "LinearSVR", "Lars", "LarsCV", "LassoLars", "LassoLarsCV"),
    *("LassoLarsIC", "BayesianRidge", "ARDRegression", "TheilSenRegressor", "QuantileRegressor"),
    *("PassiveAggressiveRegressor", "OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV"),
)
def linear(e: Any, columns: tuple[str, ...]) -> Part:
    return Part((sums(e.coef_, e.intercept_),), Head())


@reader("RANSACRegressor")
def ransac(e: Any, columns: tuple[str, ...]) -> Part:
    from . import read

    return read(e.estimator_, columns)


@reader("PLSRegression")
def pls(e: Any, columns: tuple[str, ...]) -> Part:
    coef = np.atleast_2d(e.coef_)
    return Part((sums(coef, e.intercept_ - coef @ e._x_mean),), Head())


@reader("PoissonRegressor", "GammaRegressor", "TweedieRegressor")
def generalized(e: Any, columns: tuple[str, ...]) -> Part:
    link = type(e._base_loss.link).__name__
    if link not in ("LogLink", "IdentityLink"):
        raise QuantizeError(
            f"{type(e).__name__} with {show(link)} cannot be converted: use link='log' or "
            "'identity'"
        )
    curve = EXP if link == "LogLink" else SAME
    return Part((sums(e.coef_, e.intercept_), each(1, curve)), Head())


@reader("LogisticRegression", "LogisticRegressionCV")
def logistic(e: Any, columns: tuple[str, ...]) -> Part:
    step = sums(e.coef_, e.intercept_)
    link = "logistic" if len(step.offset) == 1 else "softmax"
    return classifier((step,), e.classes_, len(step.offset), link)


@reader("LinearDiscriminantAnalysis")
def discriminant(e: Any, columns: tuple[str, ...]) -> Part:
    return logistic(e, columns)


@reader(
    *("RidgeClassifier", "RidgeClassifierCV", "SGDClassifier", "Perceptron"),
    *("PassiveAggressiveClassifier", "LinearSVC"),
)
def linear_classifier(e: Any, columns: tuple[str, ...]) -> Part:
    step = sums(e.coef_, e.intercept_)
    link = "logistic" if getattr(e, "loss", "") == "log_loss" and len(step.offset) == 1 else ""
    return classifier((step,), e.classes_, len(step.offset), link)
