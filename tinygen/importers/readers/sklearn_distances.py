"""scikit-learn's models of distances: centres, Gaussians, kernels, neighbours.

What all classes have in common, such as |x|^2, decides nothing and is left out: nearest centres are
weighted sums, Gaussians are sums of squares and products.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from ...common.errors import QuantizeError, show
from ..graph import EXP, STEP, TANH, Affine, Floats, Head, Neighbours, Products, Step, each
from . import Part, classifier, labels_of, reader
from .sklearn_linear import sums
from .sklearn_trees import OUTLIER

MOST_PROTOTYPES = 255  # vectors that a model keeps


def nearest(centres: Any) -> Affine:
    """Sums whose largest one is that of the nearest centre."""
    points = np.asarray(centres, dtype=np.float64)
    return Affine(2 * points, -(points**2).sum(axis=1))


def _require_few(count: int, what: str, step: str) -> None:
    if count > MOST_PROTOTYPES:
        raise QuantizeError(f"{count} {what}, at most {MOST_PROTOTYPES} are kept on a chip: {step}")


@reader("KMeans", "MiniBatchKMeans")
def k_means(e: Any, columns: tuple[str, ...]) -> Part:
    step = nearest(e.cluster_centers_)
    _require_few(len(step.offset), "clusters", "use fewer")
    return Part((step,), Head("largest", labels_of(np.arange(len(step.offset)))))


@reader("NearestCentroid")
def centroid(e: Any, columns: tuple[str, ...]) -> Part:
    if e.metric != "euclidean":
        raise QuantizeError(
            f"NearestCentroid(metric={show(e.metric)}) cannot be converted: use 'euclidean'"
        )
    if np.isclose(e.class_prior_, 1 / len(e.classes_)).all():
        return classifier((nearest(e.centroids_),), e.classes_, len(e.classes_))
    # scikit-learn's own scores, for priors that differ: of centroids in standard deviations
    spread = e.within_class_std_dev_
    kept = spread != 0
    scale = np.where(kept, 1 / np.where(kept, spread, 1.0), 0.0)
    centres = np.asarray(e.centroids_) * scale
    offset = -(centres**2).sum(axis=1) + 2 * np.log(e.class_prior_)
    return classifier((Affine(2 * centres * scale, offset),), e.classes_, len(e.classes_))


@reader("KNeighborsClassifier")
def neighbours(e: Any, columns: tuple[str, ...]) -> Part:
    """The class of most neighbours, the first of equals."""
    near, labels = _near(e), labels_of(e.classes_)
    place = np.ravel(e._y).astype(int)
    if e.n_neighbors == 1:
        return Part((near,), Head("largest", labels, tuple(place.tolist())))
    votes = np.eye(len(labels))[place]
    return Part((near, Neighbours(int(e.n_neighbors), votes)), Head("largest", labels))


@reader("KNeighborsRegressor")
def neighbour_mean(e: Any, columns: tuple[str, ...]) -> Part:
    """The mean of the neighbours' targets."""
    targets = np.asarray(e._y, dtype=np.float64).reshape(e._fit_X.shape[0], -1)
    return Part((_near(e), Neighbours(int(e.n_neighbors), targets)), Head())


def _near(e: Any) -> Affine:
    """Sums that are the larger the nearer a row is to each one that was fitted."""
    kind = type(e).__name__
    if e.effective_metric_ != "euclidean":
        raise QuantizeError(
            f"{kind} by {e.effective_metric_} distance cannot be converted: use metric='euclidean'"
        )
    if e.weights not in ("uniform", None) and e.n_neighbors > 1:
        raise QuantizeError(
            f"{kind}(weights={show(e.weights)}) cannot be converted, it divides by distances: use "
            "weights='uniform'"
        )
    _require_few(
        e._fit_X.shape[0],
        "rows are kept as neighbours",
        "fit it on a few typical rows (KMeans finds some), or use ExtraTrees",
    )
    return nearest(e._fit_X.toarray() if hasattr(e._fit_X, "toarray") else e._fit_X)


# ---- Gaussians ----


def _squares(width: int) -> Products:
    """Every input and its square."""
    return Products((*((k,) for k in range(width)), *((k, k) for k in range(width))))


@reader("GaussianNB")
def naive_bayes(e: Any, columns: tuple[str, ...]) -> Part:
    mean, variance = np.asarray(e.theta_), np.asarray(e.var_)
    matrix = np.hstack([mean / variance, -0.5 / variance])
    offset = np.log(e.class_prior_) - 0.5 * (np.log(2 * np.pi * variance)).sum(axis=1)
    offset = offset - 0.5 * (mean**2 / variance).sum(axis=1)
    return _two_or_more((_squares(len(columns)), Affine(matrix, offset)), e.classes_)


def _two_or_more(steps: tuple[Step, ...], classes: Any) -> Part:
    """A score for each class; of two classes the second's less the first's."""
    *front, last = steps
    assert isinstance(last, Affine)
    if len(classes) != 2:
        return classifier(steps, classes, len(last.offset), "softmax")
    one = Affine(last.matrix[1:] - last.matrix[:1], last.offset[1:] - last.offset[:1])
    return classifier((*front, one), classes, 1, "logistic")


def _pairs(width: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(width) for j in range(i, width)]


def _quadratic(precision: Floats, centre: Floats) -> tuple[Floats, float]:
    """Coefficients of `(x - centre)' precision (x - centre)`: of inputs, then of products of two;
    and the constant.
    """
    linear = -(precision + precision.T) @ centre
    pairs = [precision[i, j] + (precision[j, i] if i != j else 0.0) for i, j in _pairs(len(centre))]
    return np.concatenate([linear, pairs]), float(centre @ precision @ centre)


def _quadratic_terms(width: int) -> Products:
    return Products((*((k,) for k in range(width)), *_pairs(width)))


@reader("QuadraticDiscriminantAnalysis")
def quadratic(e: Any, columns: tuple[str, ...]) -> Part:
    rows, offsets = [], []
    for rotation, scaling, mean, prior in zip(e.rotations_, e.scalings_, e.means_, e.priors_):
        row, constant = _quadratic((rotation / scaling) @ rotation.T, np.asarray(mean))
        rows.append(-0.5 * row)
        offsets.append(-0.5 * (constant + np.log(scaling).sum()) + np.log(prior))
    last = Affine(np.array(rows), np.array(offsets))
    return _two_or_more((_quadratic_terms(len(columns)), last), e.classes_)


@reader("EllipticEnvelope")
def envelope(e: Any, columns: tuple[str, ...]) -> Part:
    """An outlier is farther from the centre than the offset allows."""
    row, constant = _quadratic(np.asarray(e.precision_), np.asarray(e.location_))
    last = Affine(row[None, :], np.array([constant + float(e.offset_)]))
    return Part((_quadratic_terms(len(columns)), last), Head("sign", OUTLIER))


# ---- kernels ----


def _kernel(e: Any, vectors: Any, width: int) -> tuple[Step, ...]:
    """The kernel of a row with every vector."""
    points = np.asarray(vectors.toarray() if hasattr(vectors, "toarray") else vectors, np.float64)
    _require_few(len(points), "support vectors", "fit with a larger epsilon or smaller C")
    gamma = float(getattr(e, "_gamma", 1.0))
    if e.kernel == "rbf":
        squares = np.hstack([2 * points, -np.ones_like(points)])
        distance = Affine(gamma * squares, -gamma * (points**2).sum(axis=1))
        return _squares(width), distance, each(len(points), EXP)
    inner = Affine(gamma * points, np.full(len(points), float(e.coef0)))
    if e.kernel == "poly":
        powers = tuple((k,) * e.degree for k in range(len(points)))
        return inner, Products(powers)
    if e.kernel == "sigmoid":
        return inner, each(len(points), TANH)
    raise QuantizeError(
        f"{type(e).__name__} with kernel {show(str(e.kernel))} cannot be converted: use 'linear', "
        "'rbf', 'poly' or 'sigmoid'"
    )


@reader("SVR", "NuSVR")
def support_regressor(e: Any, columns: tuple[str, ...]) -> Part:
    if e.kernel == "linear":
        return Part((sums(e.coef_, e.intercept_),), Head())
    if not len(e.support_vectors_):
        return Part((sums(np.zeros((1, len(columns))), e.intercept_),), Head())
    kernel = _kernel(e, e.support_vectors_, len(columns))
    return Part((*kernel, sums(e.dual_coef_, e.intercept_)), Head())


@reader("SVC", "NuSVC")
def support_classifier(e: Any, columns: tuple[str, ...]) -> Part:
    """Two classes by the sign of one sum; more by the votes of every pair of them."""
    count = len(e.classes_)
    ties = getattr(e, "break_ties", False)  # of a graph's support vectors nothing is said
    if ties and count > 2 and e.decision_function_shape == "ovr":
        raise QuantizeError(
            f"{type(e).__name__}(break_ties=True) cannot be converted: fit it with break_ties=False"
        )
    pairs = list(combinations(range(count), 2))
    if e.kernel == "linear":
        front: tuple[Step, ...] = ()
        matrix = e.coef_
    else:
        front = _kernel(e, e.support_vectors_, len(columns))
        matrix = _pair_coefficients(e, pairs)
    step = sums(matrix, e.intercept_)
    if count == 2:
        return classifier((*front, step), e.classes_, 1)
    # sums above 0 vote for the first of a pair; the first of equal votes wins, as in libsvm
    votes = np.zeros((count, len(pairs)))
    start = np.zeros(count)
    for k, (one, other) in enumerate(pairs):
        votes[one, k], votes[other, k] = 1.0, -1.0
        start[other] += 1.0
    return classifier(
        (*front, step, each(len(pairs), STEP), Affine(votes, start)), e.classes_, count
    )


def _pair_coefficients(e: Any, pairs: list[tuple[int, int]]) -> Floats:
    """Coefficient of every support vector in the sum of each pair of classes (libsvm's layout)."""
    dual = e.dual_coef_.toarray() if hasattr(e.dual_coef_, "toarray") else e.dual_coef_
    if len(e.classes_) == 2:
        return np.asarray(dual, dtype=np.float64)
    ends = np.cumsum([0, *e.n_support_])
    rows = np.zeros((len(pairs), dual.shape[1]))
    for k, (one, other) in enumerate(pairs):
        first, second = slice(ends[one], ends[one + 1]), slice(ends[other], ends[other + 1])
        rows[k, first] = dual[other - 1, first]
        rows[k, second] = dual[one, second]
    return rows
