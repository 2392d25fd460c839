"""scikit-learn's transformers of columns: scalers, curves, bins, splines, products, selections."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import numpy as np

from ...common.errors import QuantizeError, show
from ..graph import (
    LARGEST_DEGREE,
    SAME,
    Affine,
    Columns,
    Curve,
    Floats,
    Products,
    constant,
    each,
    pick,
    straight,
)
from . import Part, reader

FUNCTIONS = ("log", "log1p", "log2", "log10", "sqrt", "cbrt", "square", "exp", "expm1", "abs")
BEYOND = 1e-7  # of the range: values this close to an end of a quantile map count as the end
NO_VALUE = (
    "a row with a missing value is answered with 'no value' by the board, not with what the "
    "model makes of a missing one"
)


def _line(centre: float, spread: float) -> Curve:
    """`(x - centre) / spread`, in this order."""
    line = 1.0 / spread, -centre / spread
    return Curve("line", lambda x: (x - centre) / spread, (float(line[0]), float(line[1])))


def _lines(centre: Any, spread: Any, width: int) -> Part:
    centres = np.zeros(width) if centre is None else np.asarray(centre, dtype=np.float64)
    spreads = np.ones(width) if spread is None else np.asarray(spread, dtype=np.float64)
    curves = tuple(_line(float(c), float(s)) for c, s in zip(centres, spreads))
    return Part((Columns(tuple(range(width)), curves),))


@reader("StandardScaler")
def standard(e: Any, columns: tuple[str, ...]) -> Part:
    return _lines(e.mean_ if e.with_mean else None, e.scale_ if e.with_std else None, len(columns))


@reader("RobustScaler")
def robust(e: Any, columns: tuple[str, ...]) -> Part:
    centre = e.center_ if e.with_centering else None
    return _lines(centre, e.scale_ if e.with_scaling else None, len(columns))


@reader("MaxAbsScaler")
def max_abs(e: Any, columns: tuple[str, ...]) -> Part:
    part = _lines(None, e.scale_, len(columns))
    return _clipped(part, -1.0, 1.0) if getattr(e, "clip", False) else part


@reader("MinMaxScaler")
def min_max(e: Any, columns: tuple[str, ...]) -> Part:
    curves = tuple(straight(a, b) for a, b in zip(e.scale_.tolist(), e.min_.tolist()))
    part = Part((Columns(tuple(range(len(columns))), curves),))
    return _clipped(part, *map(float, e.feature_range)) if e.clip else part


def _clipped(part: Part, low: float, high: float) -> Part:
    (lines,) = part.steps
    assert isinstance(lines, Columns)
    held = Curve("clip", lambda x: np.clip(x, low, high))
    return Part((Columns(lines.sources, tuple(c.then(held) for c in lines.curves)),))


@reader("QuantileTransformer")
def quantile(e: Any, columns: tuple[str, ...]) -> Part:
    normal = e.output_distribution == "normal"
    curves = tuple(_quantile_map(q, e.references_, normal) for q in e.quantiles_.T)
    return Part((Columns(tuple(range(len(columns))), curves),))


def _quantile_map(quantiles: Floats, references: Floats, normal: bool) -> Curve:
    low, high = quantiles[0], quantiles[-1]

    def function(x: Floats) -> Floats:
        from scipy.stats import norm

        x = np.asarray(x, dtype=np.float64)
        up = np.interp(x, quantiles, references)
        down = np.interp(-x, -quantiles[::-1], -references[::-1])
        found = 0.5 * (up - down)
        slack = BEYOND if normal else 0.0
        found = np.where(x + slack > high if normal else x == high, 1.0, found)
        found = np.where(x - slack < low if normal else x == low, 0.0, found)
        if normal:
            end = norm.ppf(BEYOND - np.spacing(1))
            found = np.clip(norm.ppf(found), end, norm.ppf(1 - (BEYOND - np.spacing(1))))
        return found

    return Curve("quantile map", function)


@reader("PowerTransformer")
def power(e: Any, columns: tuple[str, ...]) -> Part:
    curves = tuple(_power_curve(e.method, float(k)) for k in e.lambdas_)
    steps = (Columns(tuple(range(len(columns))), curves),)
    if not e.standardize:
        return Part(steps)
    return standard(e._scaler, columns).after(steps)


def _power_curve(method: str, exponent: float) -> Curve:
    def function(x: Floats) -> Floats:
        from scipy.special import boxcox
        from scipy.stats import yeojohnson

        x = np.asarray(x, dtype=np.float64)
        return boxcox(x, exponent) if method == "box-cox" else yeojohnson(x, lmbda=exponent)

    return Curve(f"{method} power", function)


@reader("FunctionTransformer")
def function(e: Any, columns: tuple[str, ...]) -> Part:
    name = getattr(e.func, "__name__", "")
    ufunc = getattr(np, {"abs": "absolute"}.get(name, name), None)
    if e.func is None:
        return Part((each(len(columns), SAME),))
    if ufunc is None or name not in (*FUNCTIONS, "absolute") or e.func is not ufunc or e.kw_args:
        raise QuantizeError(
            f"FunctionTransformer of {show(name or repr(e.func))} cannot be converted: use one of "
            f"numpy's {', '.join(FUNCTIONS)}"
        )
    return Part((each(len(columns), Curve(name, e.func)),))


@reader("KBinsDiscretizer")
def bins(e: Any, columns: tuple[str, ...]) -> Part:
    sources, curves = [], []
    for k, edges in enumerate(e.bin_edges_):
        inner = np.asarray(edges[1:-1], dtype=np.float64)
        if e.encode == "ordinal":
            sources.append(k)
            curves.append(Curve("bins", partial(_bin, inner)))
            continue
        for b in range(int(e.n_bins_[k])):
            sources.append(k)
            curves.append(Curve("bin", partial(_in_bin, inner, b)))
    return Part((Columns(tuple(sources), tuple(curves)),))


def _bin(inner: Floats, x: Floats) -> Floats:
    return np.searchsorted(inner, x, side="right").astype(np.float64)


def _in_bin(inner: Floats, place: int, x: Floats) -> Floats:
    return (_bin(inner, x) == place).astype(np.float64)


@reader("SplineTransformer")
def spline(e: Any, columns: tuple[str, ...]) -> Part:
    if e.extrapolation == "error":
        raise QuantizeError(
            "SplineTransformer(extrapolation='error') has no answer beyond its knots, a board "
            "needs one: use extrapolation='constant'"
        )
    each_column = e.n_features_out_ // len(columns)
    sources, curves = [], []
    for k in range(len(columns)):
        one = copy.copy(e)  # the same splines on one column
        one.bsplines_, one.n_features_in_ = [e.bsplines_[k]], 1
        one.n_features_out_ = each_column
        if hasattr(one, "feature_names_in_"):
            del one.feature_names_in_
        for j in range(each_column):
            sources.append(k)
            curves.append(Curve("spline", partial(_spline, one, j)))
    return Part((Columns(tuple(sources), tuple(curves)),))


def _spline(one: Any, place: int, x: Floats) -> Floats:
    found = one.transform(np.asarray(x, dtype=np.float64)[:, None])
    found = found.toarray() if hasattr(found, "toarray") else found
    return np.asarray(found, dtype=np.float64)[:, place]


@reader("PolynomialFeatures")
def polynomial(e: Any, columns: tuple[str, ...]) -> Part:
    degree = max(int(np.max(e.degree)), int(e._max_degree))  # before powers_ lists its terms
    if degree > LARGEST_DEGREE:
        raise QuantizeError(
            f"PolynomialFeatures(degree={degree}) is beyond the products of "
            f"{LARGEST_DEGREE} inputs that the chip forms: use degree={LARGEST_DEGREE} or less"
        )
    terms = [
        tuple(k for k, power in enumerate(powers) for _ in range(power))
        for powers in e.powers_.tolist()
    ]
    return Part((Products(tuple(terms)),))


@reader("SimpleImputer")
def imputer(e: Any, columns: tuple[str, ...]) -> Part:
    _require_no_code(e)
    kept = [
        k
        for k, value in enumerate(e.statistics_)
        if value == value or e.keep_empty_features or e.strategy == "constant"
    ]
    sources, curves = list(kept), [SAME] * len(kept)
    if e.add_indicator:  # of complete rows no value is missing
        flags = len(e.indicator_.features_)
        sources, curves = sources + [0] * flags, curves + [constant(0.0)] * flags
    return Part((Columns(tuple(sources), tuple(curves)),), notes=(NO_VALUE,))


def _require_no_code(e: Any) -> None:
    """QuantizeError where a number or a word stands for a missing value."""
    code = e.missing_values
    # NaN is not itself; pandas' NA is neither a number nor a word
    if isinstance(code, str) or (isinstance(code, int | float | np.number) and code == code):
        raise QuantizeError(
            f"SimpleImputer(missing_values={plain_code(code)}) takes {plain_code(code)} for a "
            "missing value: fit it with NaN in its place, and leave such rows out here"
        )


def plain_code(code: Any) -> str:
    """A code for missing values as Python writes it."""
    return repr(code.item() if isinstance(code, np.generic) else code)


@reader(
    *("SelectKBest", "SelectPercentile", "SelectFpr", "SelectFdr", "SelectFwe"),
    *("GenericUnivariateSelect", "VarianceThreshold", "SelectFromModel", "RFE", "RFECV"),
    "SequentialFeatureSelector",
)
def selection(e: Any, columns: tuple[str, ...]) -> Part:
    kept = e.get_support(indices=True)
    if not len(kept):
        raise QuantizeError(f"{type(e).__name__} keeps no column: nothing is left to decide from")
    return Part((pick(kept),))


@reader("PCA", "IncrementalPCA")
def pca(e: Any, columns: tuple[str, ...]) -> Part:
    matrix = e.components_
    if e.whiten:
        floor = np.finfo(np.float64).eps
        matrix = matrix / np.maximum(np.sqrt(e.explained_variance_), floor)[:, None]
    mean = np.zeros(len(columns)) if e.mean_ is None else e.mean_
    return Part((Affine(matrix, -matrix @ mean),))


@reader("TruncatedSVD")
def svd(e: Any, columns: tuple[str, ...]) -> Part:
    return Part((Affine(e.components_, np.zeros(len(e.components_))),))
