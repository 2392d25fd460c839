"""One fitted estimator of every class that can be read, on two data sets each."""

import warnings
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from sklearn import (
    calibration,
    cluster,
    compose,
    covariance,
    cross_decomposition,
    decomposition,
    discriminant_analysis,
    ensemble,
    feature_selection,
    frozen,
    impute,
    linear_model,
    model_selection,
    multiclass,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 (its classes)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROOMS = (
    *(calibration, cluster, compose, covariance, cross_decomposition, decomposition),
    *(discriminant_analysis, ensemble, feature_selection, frozen, impute, linear_model),
    *(model_selection, multiclass, multioutput, naive_bayes, neighbors, neural_network, pipeline),
    *(preprocessing, svm, tree),
)
FEW_TREES = {"n_estimators": 8, "random_state": 0}
SMALL = {"max_depth": 4, "random_state": 0}
NET = {"hidden_layer_sizes": (6,), "max_iter": 150, "random_state": 0}
SETTINGS = {  # of classes whose own defaults are large, slow or random
    "AdaBoostClassifier": FEW_TREES,
    "AdaBoostRegressor": FEW_TREES,
    "BaggingClassifier": {"estimator": tree.DecisionTreeClassifier(max_depth=4), **FEW_TREES},
    "BaggingRegressor": {"estimator": tree.DecisionTreeRegressor(max_depth=4), **FEW_TREES},
    "CalibratedClassifierCV": {"estimator": LogisticRegression(), "ensemble": False, "cv": 3},
    "DecisionTreeClassifier": SMALL,
    "DecisionTreeRegressor": SMALL,
    "EllipticEnvelope": {"random_state": 0},
    "ExtraTreeClassifier": SMALL,
    "ExtraTreeRegressor": SMALL,
    "ExtraTreesClassifier": {**FEW_TREES, "max_depth": 4},
    "ExtraTreesRegressor": {**FEW_TREES, "max_depth": 4},
    "FrozenEstimator": {"estimator": "predictor"},
    "GradientBoostingClassifier": FEW_TREES,
    "GradientBoostingRegressor": FEW_TREES,
    "HistGradientBoostingClassifier": {"max_iter": 8, "max_leaf_nodes": 8},
    "HistGradientBoostingRegressor": {"max_iter": 8, "max_leaf_nodes": 8},
    "IsolationForest": {**FEW_TREES, "contamination": 0.1},
    "KMeans": {"n_clusters": 3, "n_init": 1, "random_state": 0},
    "MLPClassifier": NET,
    "MLPRegressor": NET,
    "MiniBatchKMeans": {"n_clusters": 3, "n_init": 1, "random_state": 0},
    "MultiOutputRegressor": {"estimator": Ridge()},
    "NuSVC": {"nu": 0.5, "gamma": 0.3},
    "NuSVR": {"nu": 0.1, "C": 10.0, "gamma": 0.3},
    "OneVsRestClassifier": {"estimator": LogisticRegression()},
    "RANSACRegressor": {"random_state": 0},
    "RandomForestClassifier": {**FEW_TREES, "max_depth": 4},
    "RandomForestRegressor": {**FEW_TREES, "max_depth": 4},
    "SVC": {"gamma": 0.3},
    "SVR": {"C": 50.0, "epsilon": 20.0, "gamma": 0.3},
    "TransformedTargetRegressor": {
        "regressor": Ridge(),
        "func": np.sqrt,
        "inverse_func": np.square,
    },
    "TweedieRegressor": {"power": 1.5, "alpha": 0.1},
    "VotingClassifier": {
        "estimators": [
            ("a", LogisticRegression()),
            ("b", linear_model.SGDClassifier(loss="log_loss", random_state=0)),
        ],
        "voting": "soft",
    },
    "VotingRegressor": {"estimators": [("a", Ridge()), ("b", linear_model.HuberRegressor())]},
    # transformers, each with a model behind it
    "ColumnTransformer": {
        "transformers": [
            ("one", StandardScaler(), [0, 2]),
            ("other", preprocessing.PowerTransformer(), [1]),
        ],
        "remainder": "passthrough",
    },
    "FeatureUnion": {
        "transformer_list": [
            ("one", StandardScaler()),
            ("other", decomposition.PCA(2)),
        ]
    },
    "FunctionTransformer": {"func": np.log1p},
    "GenericUnivariateSelect": {"mode": "k_best", "param": 2},
    "IncrementalPCA": {"n_components": 2},
    "KBinsDiscretizer": {"n_bins": 4, "quantile_method": "averaged_inverted_cdf"},
    "PCA": {"n_components": 2, "whiten": True},
    "PolynomialFeatures": {"degree": 2},
    "QuantileTransformer": {"n_quantiles": 20},
    "RFE": {"estimator": Ridge()},
    "RFECV": {"estimator": Ridge()},
    "SelectFdr": {"alpha": 0.9},
    "SelectFpr": {"alpha": 0.9},
    "SelectFwe": {"alpha": 0.9},
    "SelectFromModel": {"estimator": Ridge()},
    "SelectKBest": {"k": 2},
    "SelectPercentile": {"percentile": 60},
    "SequentialFeatureSelector": {"estimator": Ridge(), "n_features_to_select": 2},
    "SplineTransformer": {"n_knots": 4},
    "TruncatedSVD": {"n_components": 2},
}
PREFIXES = {"xgboost": "XGB", "lightgbm": "LGBM"}
QUICK = {"n_estimators": 8, "max_depth": 4, "n_jobs": 1}
SETTINGS |= {f"XGB{kind}": QUICK for kind in ("Regressor", "RFRegressor")}
SETTINGS |= {f"LGBM{kind}": {**QUICK, "verbose": -1} for kind in ("Regressor", "Classifier")}
TWO_CLASSES = {"VotingClassifier"}  # on both data sets
RAW = {"KBinsDiscretizer", "FunctionTransformer", "MaxAbsScaler"}  # with no scaler in front


@dataclass(frozen=True)
class Rows:
    """A small data set: positive inputs of different sizes, and what is to be told from them."""

    x: np.ndarray
    y: np.ndarray  # a quantity above 0
    classes: np.ndarray


@cache
def data_sets() -> dict[str, Rows]:
    """Two of them: three classes named by words, and two that are -1 and 1."""
    iris = load_iris()
    x, y = load_diabetes(return_X_y=True, scaled=False)
    x = x[:200, [2, 3, 4, 7]]  # body mass, pressure, cholesterol, a ratio
    return {
        "iris": Rows(iris.data, iris.data[:, 0] * 10 + iris.target, iris.target_names[iris.target]),
        "diabetes": Rows(np.round(x, 1), y[:200], np.where(y[:200] > 140, 1, -1)),
    }


def find(name: str):
    """The class of scikit-learn that is called so; None where this version has none."""
    for package in ("xgboost", "lightgbm"):
        if name.startswith(PREFIXES[package]):
            return getattr(pytest.importorskip(package), name)
    return next((getattr(room, name) for room in ROOMS if hasattr(room, name)), None)


def _seeded(estimator):
    """The same estimator with a fixed seed, where it takes one."""
    if "random_state" not in estimator.get_params(deep=False):
        return estimator
    return estimator.set_params(random_state=0)


def fitted(name: str, data: str):
    """A fitted estimator that holds the class; transformers have a ridge regression behind them."""
    rows, kind = data_sets()[data], find(name)
    if name.endswith("SearchCV"):
        grid = {"alpha": [0.1, 1.0]}
        return _fit(_seeded(kind(Ridge(), grid, cv=3)), rows.x, rows.y)
    settings = dict(SETTINGS.get(name, {}))
    if settings.get("estimator") == "predictor":
        settings["estimator"] = Ridge().fit(rows.x, rows.y)
    if name == "MultiOutputRegressor":  # test_several_numbers.py has more outputs
        one = make_pipeline(StandardScaler(), kind(**settings))
        return _fit(one, rows.x, rows.y[:, None])
    if name == "Pipeline":
        return _fit(make_pipeline(StandardScaler(), Ridge()), rows.x, rows.y)
    one = _seeded(kind(**settings))
    if (hasattr(one, "transform") and not hasattr(one, "predict")) or name in ("RFE", "RFECV"):
        return _fit(make_pipeline(one, Ridge()), rows.x, rows.y)
    if name.startswith("XGB") and name.endswith("Classifier"):
        one = kind(**QUICK)  # of numbered classes
        return one.fit(rows.x, np.unique(rows.classes, return_inverse=True)[1])
    target = rows.y
    if hasattr(kind, "_estimator_type") or hasattr(one, "__sklearn_tags__"):
        kinds = one.__sklearn_tags__().estimator_type
        target = rows.classes if kinds == "classifier" else rows.y
    if name == "LogisticRegressionCV":
        one.set_params(Cs=2, cv=2, use_legacy_attributes=False, l1_ratios=(0,))
    if name in TWO_CLASSES:
        target = rows.classes == rows.classes[0]
    if name in ("SGDRegressor", "PoissonRegressor", "GammaRegressor", "TweedieRegressor"):
        return _fit(make_pipeline(StandardScaler(), one), rows.x, target)
    scaled = make_pipeline(StandardScaler(), one)
    return _fit(scaled if name not in RAW else one, rows.x, target)


def _fit(estimator, x, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", UserWarning)
        return estimator.fit(x, y)
