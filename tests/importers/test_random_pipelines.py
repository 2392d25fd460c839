"""Seeded random pipelines: 20 in a commit, 200 with `--level release`."""

import warnings

import numpy as np
import pytest
from many_headers import answers_in_c
from on_chip import wrong_on_chip
from sklearn import discriminant_analysis, ensemble, linear_model, naive_bayes, preprocessing, tree
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_regression
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline

import tinygen
from tinygen.common.errors import QuantizeError
from tinygen.importers.convert import TIED, margins, predict_of
from tinygen.importers.readers import float_model

SCALERS = (
    *(preprocessing.StandardScaler, preprocessing.MinMaxScaler, preprocessing.MaxAbsScaler),
    *(preprocessing.RobustScaler, SimpleImputer, VarianceThreshold),
)
CURVES = (
    lambda: preprocessing.PowerTransformer(),
    lambda: preprocessing.QuantileTransformer(n_quantiles=10),
    lambda: preprocessing.SplineTransformer(n_knots=3, degree=2),
    lambda: preprocessing.KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"),
    lambda: preprocessing.PolynomialFeatures(2),
    lambda: PCA(2),
    lambda: SelectKBest(f_regression, k=2),
    lambda: preprocessing.FunctionTransformer(np.cbrt),
)
REGRESSORS = (
    lambda: linear_model.Ridge(),
    lambda: linear_model.Lasso(0.01),
    lambda: linear_model.HuberRegressor(max_iter=500),
    lambda: tree.DecisionTreeRegressor(max_depth=4),
    lambda: ensemble.RandomForestRegressor(5, max_depth=4),
    lambda: ensemble.GradientBoostingRegressor(n_estimators=6),
    lambda: ensemble.HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=5),
    lambda: MLPRegressor(hidden_layer_sizes=(5,), max_iter=100),
    lambda: MLPRegressor(hidden_layer_sizes=(4,), activation="tanh", max_iter=100),
)
CLASSIFIERS = (
    lambda: linear_model.LogisticRegression(),
    lambda: linear_model.RidgeClassifier(),
    lambda: discriminant_analysis.LinearDiscriminantAnalysis(),
    lambda: naive_bayes.GaussianNB(),
    lambda: tree.DecisionTreeClassifier(max_depth=4),
    lambda: ensemble.ExtraTreesClassifier(6, max_depth=4),
    lambda: ensemble.AdaBoostClassifier(n_estimators=6),
    lambda: MLPClassifier(hidden_layer_sizes=(5,), activation="logistic", max_iter=100),
)
NAMES = ("T [degC]", "PT08.S1(CO)", "*/ int evil;", "Größe\n", "", "λ" * 60)
REFUSED = 0.05  # largest part of the pipelines that may be refused or told to differ


def rows_of(rng):
    """Rows of columns that differ in size by eight orders of magnitude, one of them constant."""
    width = int(rng.integers(3, 6))
    size = 10.0 ** rng.integers(-3, 5, width)
    x = (
        np.round(rng.normal(size=(90, width)) * 300) / 300 * size
        + rng.integers(-2, 3, width) * size
    )
    if rng.integers(4) == 0:
        x[:, 0] = x[0, 0]
    told = (x / size) @ rng.normal(size=width) + 0.3 * rng.normal(size=len(x))
    return x, told


def random_pipeline(seed: int):
    """A fitted pipeline, and its rows."""
    rng = np.random.default_rng([12, seed])
    x, told = rows_of(rng)
    steps = [SCALERS[rng.integers(len(SCALERS))]()]
    if rng.integers(2):
        steps.append(CURVES[rng.integers(len(CURVES))]())
    kinds = (REGRESSORS, CLASSIFIERS)[int(rng.integers(2))]
    last = kinds[rng.integers(len(kinds))]()
    if "random_state" in last.get_params():
        last.set_params(random_state=seed)
    count = int(rng.integers(2, 5))
    labels = np.digitize(told, np.quantile(told, np.arange(1, count) / count)) - 2  # negative too
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make_pipeline(*steps, last).fit(x, told if kinds is REGRESSORS else labels), x


def seeds(level: str) -> range:
    return range(200 if level == "release" else 20)


def judged(seed):
    """(model, raw rows) of one pipeline; None where it is refused in one line, or told to differ
    from the float model in one.
    """
    estimator, x = random_pipeline(seed)
    try:
        model = tinygen.convert(estimator, x, name=f"p{seed}")
    except QuantizeError as refusal:
        assert "\n" not in str(refusal)
        return None
    if any("the integers change" in note for note in model.training["converted"]["notes"]):
        return None
    floats, on_grid, raw = float_model(estimator), x.copy(), []
    for q in model.inputs:
        k = int(q.name[1:])
        raw.append(q.to_raw(x[:, k]))
        on_grid[:, k] = q.to_physical(raw[-1])
    raw = np.column_stack(raw)
    told, answers, facts = predict_of(estimator)(on_grid), model.answer(raw), model.training
    if model.labels:
        untied = margins(floats, floats.values(on_grid)) > TIED
        same = np.array([model.labels[a] == str(t) for a, t in zip(answers, told)])
        assert same[untied].mean() >= 0.98, seed  # of 90 rows one may change
    elif facts["converted"]["bound"] is not None:
        gap = np.abs(model.output.to_physical(answers) - told)
        assert gap.max() <= facts["converted"]["bound"] * (1 + 1e-5) + 1e-9, seed
    else:
        gap = np.abs(model.output.to_physical(answers) - told)
        assert gap.mean() <= max(0.01 * told.std(), model.output.scale), seed
    return model, raw


def test_random_pipelines_answer_as_in_float_in_c_and_on_the_chip(level, request, tmp_path):
    """On the chip with `--level release`: each is a build."""
    found = [judged(seed) for seed in seeds(level)]
    kept = [pair for pair in found if pair]
    assert len(found) - len(kept) <= REFUSED * len(found)
    models = [model for model, _ in kept]
    rows = [np.vstack([raw, m.sample_rows(30)]) for m, raw in kept]
    for model, some, told in zip(models, rows, answers_in_c(models, rows, tmp_path)):
        assert np.array_equal(told, model.predict(some)), model.name
    if level == "release":
        request.getfixturevalue("simavr")
        assert wrong_on_chip(models, rows) == []


@pytest.mark.parametrize("first", NAMES)
def test_names_of_columns_stay_data(first, tmp_path):
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(3)
    frame = pandas.DataFrame(rng.normal(size=(40, 2)), columns=[first, "b"])
    ridge = linear_model.Ridge().fit(frame, frame[first] + frame["b"])
    model = tinygen.convert(ridge, frame[["b", first]])  # in another order: found by name
    rows = model.sample_rows(20)
    named = [f"{q.name} [{q.unit}]" if q.unit else q.name for q in model.inputs]
    assert named == [first, "b"]
    assert np.array_equal(answers_in_c([model], [rows], tmp_path)[0], model.predict(rows))


def test_twenty_six_classes_and_one_feature():
    x = np.arange(260.0)[:, None]
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))[(x[:, 0] // 10).astype(int)]
    model = tinygen.convert(tree.DecisionTreeClassifier().fit(x, letters), x)
    raw = model.inputs[0].to_raw(x[:, 0])[:, None]
    assert np.array_equal(np.array(model.labels)[model.answer(raw)], letters)


def test_one_class_is_refused():
    x = np.arange(20.0)[:, None]
    with pytest.raises(QuantizeError, match="knows the class 'only' only"):
        tinygen.convert(tree.DecisionTreeClassifier().fit(x, ["only"] * 20), x)


@pytest.mark.parametrize("size", [1e-30, 1e-6, 1e6, 1e30])
def test_coefficients_of_any_size(size):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(80, 3))
    ridge = linear_model.LinearRegression().fit(x, size * (x @ [3.0, -1.0, 0.01]))
    model = tinygen.convert(ridge, x)
    raw = np.column_stack([q.to_raw(x[:, int(q.name[1:])]) for q in model.inputs])
    gap = np.abs(model.output.to_physical(model.answer(raw)) - ridge.predict(x))
    assert gap.mean() < 0.01 * size
