"""What users do to models, in every library: right, or refused in one line."""

import warnings
from functools import cache

import numpy as np
import onnx_cases
import pandas
import pytest
from many_headers import answers_in_c
from onnx_cases import model, node
from scipy.sparse import csr_matrix
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import tinygen
from tinygen.common.errors import QuantizeError, UsageError
from tinygen.importers.calibration import dataset_of
from tinygen.importers.convert import converted
from tinygen.importers.files import open_model

lightgbm, xgboost = pytest.importorskip("lightgbm"), pytest.importorskip("xgboost")
RNG = np.random.default_rng(11)
X = np.round(RNG.uniform(0, 9, (90, 3)), 1)
Y = np.round(X @ [1.0, -2.0, 0.5], 2)
THREE = np.digitize(Y, [-6, -2])
SMALL = {"n_estimators": 4, "max_depth": 3, "n_jobs": 1}
LIGHT = {**SMALL, "verbose": -1, "min_child_samples": 2}
REGRESSORS = {
    "ridge": lambda: make_pipeline(StandardScaler(), Ridge()),
    "tree": lambda: DecisionTreeRegressor(max_depth=4, random_state=0),
    "xgboost": lambda: xgboost.XGBRegressor(**SMALL),
    "lightgbm": lambda: lightgbm.LGBMRegressor(**LIGHT),
}
CLASSIFIERS = {
    "logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "tree": lambda: DecisionTreeClassifier(max_depth=4, random_state=0),
    "xgboost": lambda: xgboost.XGBClassifier(**SMALL),
    "lightgbm": lambda: lightgbm.LGBMClassifier(**LIGHT),
}
each_regressor = pytest.mark.parametrize("library", REGRESSORS)
each_classifier = pytest.mark.parametrize("library", CLASSIFIERS)


def fit(estimator, x, y, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(x, y, **more)


def raw_of(found, x):
    return np.column_stack([q.to_raw(x[:, int(q.name[1:])]) for q in found.inputs])


def assert_right(estimator, x, y=None):
    """The integers answer as the estimator, numbers within the bound and half a step."""
    found = tinygen.convert(estimator, x, y)
    raw, told = raw_of(found, x), estimator.predict(x)
    answers = found.answer(raw)
    if found.labels:
        assert (np.array(found.labels)[answers] == np.array([str(t) for t in told])).all()
        return found
    gap = np.abs(found.output.to_physical(answers) - told)
    assert gap.max() <= found.training["converted"]["bound"] * (1 + 1e-5) + 1e-6 * np.ptp(told)
    return found


# ---- rows ----


@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "hist"])
def test_a_branch_for_missing_values_is_told(library):
    """Rows without a missing value take the float trees' branches; the board answers the others
    with 'no value', whichever way the model was trained to send them.
    """
    holes = X.copy()
    holes[::7, 0] = np.nan
    makers = {**REGRESSORS, "hist": lambda: HistGradientBoostingRegressor(max_iter=4)}
    found = assert_right(fit(makers[library](), holes, Y), X)
    assert any("missing value" in note for note in found.training["converted"]["notes"])
    with pytest.raises(UsageError, match="NaN or infinite"):
        tinygen.convert(fit(makers[library](), holes, Y), holes)


@each_regressor
def test_an_input_that_never_moves(library):
    still = X.copy()
    still[:, 1] = 4.2
    assert_right(fit(REGRESSORS[library](), still, Y), still)


@each_regressor
def test_one_input(library):
    assert_right(fit(REGRESSORS[library](), X[:, :1], Y), X[:, :1])


@pytest.mark.parametrize("library", ["ridge", "machine", "xgboost", "lightgbm"])
def test_a_model_of_sparse_rows(library):
    rows = np.where(X > 4, X, 0.0)
    makers = {**REGRESSORS, "ridge": Ridge, "machine": lambda: SVR(kernel="linear")}
    assert_right(fit(makers[library](), csr_matrix(rows), Y), rows)


def test_sparse_coefficients():
    assert_right(LogisticRegression().fit(X, Y > -3).sparsify(), X)


@each_classifier
def test_weights_of_rows(library):
    weights = RNG.uniform(0, 2, len(X))
    weights[:9] = 0
    name = {"logistic": "logisticregression__sample_weight"}.get(library, "sample_weight")
    assert_right(fit(CLASSIFIERS[library](), X, THREE, **{name: weights}), X)


# ---- names ----


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("names", [("T in C", "Größe", "λ"), ("*/ int evil;", "a b", "%s")])
def test_names_of_columns(library, names, tmp_path):
    frame = pandas.DataFrame(X, columns=list(names))
    estimator = fit(REGRESSORS[library](), frame, Y)
    found = tinygen.convert(estimator, frame[list(names)[::-1]])  # they are found by name
    assert [q.name for q in found.inputs] == list(names)
    raw = np.column_stack([q.to_raw(c) for q, c in zip(found.inputs, X.T)])
    gap = np.abs(found.output.to_physical(found.answer(raw)) - estimator.predict(frame))
    assert gap.max() <= found.training["converted"]["bound"] + 1e-5
    with pytest.raises(UsageError, match=r"X has no column .*, which the model was fitted on"):
        tinygen.convert(estimator, frame[list(names)[1:]])
    rows = found.sample_rows(20)
    assert np.array_equal(answers_in_c([found], [rows], tmp_path)[0], found.predict(rows))


# ---- sizes ----


@pytest.mark.parametrize("size", [1e-9, 1e9])
@pytest.mark.parametrize("library", ["tree", "xgboost", "lightgbm"])
def test_answers_of_any_size(library, size):
    estimator = fit(REGRESSORS[library](), X, size * Y)
    found = tinygen.convert(estimator, X)
    gap = np.abs(found.output.to_physical(found.answer(raw_of(found, X))) - estimator.predict(X))
    assert gap.max() <= 0.001 * size * np.ptp(Y)


def test_coefficients_that_differ_in_size():
    """One input decides almost nothing, beside one that decides all."""
    assert_right(LinearRegression().fit(X, X @ [1e6, 1e-6, 1.0]), X)


@pytest.mark.parametrize("value", [0.0, 1 / 3, -2e-20 / 3, 1e12 / 7, 123456.789])
def test_one_answer_to_everything(value):
    found = tinygen.convert(DecisionTreeRegressor().fit(X, np.full(len(X), value)), X)
    told = found.output.to_physical(found.answer(raw_of(found, X)))
    assert np.allclose(told, value, rtol=1e-4, atol=0)


# ---- classes ----


@pytest.mark.parametrize("kind", ["text", "truth", "whole", "negative", "object"])
@each_classifier
def test_labels(library, kind):
    names = {
        "text": THREE.astype(str),
        "truth": THREE > 0,
        "whole": THREE * 10,
        "negative": THREE - 5,
        "object": np.array(["low", "mid", "high"], dtype=object)[THREE],
    }[kind]
    if library == "xgboost" and kind != "truth":
        names = THREE  # it takes 0, 1, 2 .. alone
    found = assert_right(fit(CLASSIFIERS[library](), X, names), X, names)
    assert found.training["converted"]["own_answers"] is False


@each_classifier
def test_a_class_that_the_model_does_not_know_is_named(library):
    estimator = fit(CLASSIFIERS[library](), X, THREE)
    with pytest.raises(UsageError, match="class '7', which the model does not know"):
        tinygen.convert(estimator, X, np.where(THREE == 2, 7, THREE))


@each_classifier
def test_twenty_six_classes_of_one_input(library):
    x, classes = np.arange(260.0)[:, None], np.arange(260) // 10
    if library != "xgboost":
        classes = np.array(list("abcdefghijklmnopqrstuvwxyz"))[classes]
    estimator = fit(CLASSIFIERS[library](), x, classes)
    found = tinygen.convert(estimator, x, classes)
    told = np.array(found.labels)[found.answer(raw_of(found, x))]
    assert len(found.labels) == 26
    assert (told == estimator.predict(x).astype(str)).mean() >= 0.995


@pytest.mark.parametrize("library", ["tree", "xgboost", "lightgbm"])
def test_one_class_is_refused(library):
    with pytest.raises(QuantizeError, match="knows the class '0' only"):
        tinygen.convert(fit(CLASSIFIERS[library](), X, np.zeros(len(X), int)), X)


@each_regressor
def test_a_model_that_is_not_fitted_is_refused(library):
    with pytest.raises(UsageError, match=r"is not fitted: call its fit first"):
        tinygen.convert(REGRESSORS[library](), X)


# ---- the same in ONNX ----

MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT")


def read(proto, rows, folder):
    """(opened, Converted) of a graph."""
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    opened = open_model(path)
    dataset = dataset_of(rows, opened.floats.inputs, None)
    return opened, converted(opened.floats, dataset, "case", reference=opened.predict)


def split(mode="BRANCH_LEQ", **more):
    """One question of input 0, at 0.3."""
    return node(
        "TreeEnsembleRegressor",
        "x",
        "y",
        n_targets=1,
        nodes_treeids=[0] * 3,
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[0] * 3,
        nodes_modes=[mode, "LEAF", "LEAF"],
        nodes_values=[0.3, 0.0, 0.0],
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        target_treeids=[0, 0],
        target_nodeids=[1, 2],
        target_ids=[0, 0],
        target_weights=[1.0, 2.0],
        **more,
    )


@cache
def tenths():
    """0.0, 0.1 .. 1.0 in the first of six columns."""
    return np.column_stack([np.arange(11) / 10, *[np.ones(11)] * 5])


@pytest.mark.parametrize("mode", MODES)
def test_onnx_at_a_threshold(mode, tmp_path):
    opened, found = read(model([split(mode)]), tenths(), tmp_path)
    told = opened.predict(tenths())
    answers = found.model.output.to_physical(found.model.answer(found.dataset.x[:, :1]))
    assert np.array_equal(answers, told) and set(told) == {1.0, 2.0}


def test_onnx_tells_of_a_branch_for_missing_values(tmp_path):
    graph = model([split(nodes_missing_value_tracks_true=[1, 0, 0])])
    _, found = read(graph, tenths(), tmp_path)
    assert any("missing value" in note for note in found.notes)


@pytest.mark.parametrize("size", [1e-20, 1e20])
def test_onnx_coefficients_of_any_size(size, tmp_path):
    weights = (size * onnx_cases.numbers(6, 1)).astype(np.float32)
    opened, found = read(
        model([node("MatMul", "x w", "y")], {"w": weights}), onnx_cases.ROWS, tmp_path
    )
    told = opened.predict(onnx_cases.ROWS)
    gap = np.abs(found.model.output.to_physical(found.model.answer(found.dataset.x)) - told)
    assert gap.max() <= 0.001 * np.ptp(told)


def linear_classes(labels, weights):
    """Scores of a row for each label."""
    kind = "classlabels_strings" if isinstance(labels[0], str) else "classlabels_ints"
    step = node(
        "LinearClassifier",
        "x",
        "y p",
        coefficients=np.ravel(weights).tolist(),
        intercepts=[0.0] * len(labels),
        **{kind: labels},
    )
    graph = model([step], label=True)
    if isinstance(labels[0], str):
        graph.graph.output[0].type.tensor_type.elem_type = 8
    return graph


@pytest.mark.parametrize("labels", [("a b", "ü", "*/"), (-7, 0, 9), (0, 1, 2)])
def test_onnx_labels(labels, tmp_path):
    opened, found = read(
        linear_classes(labels, onnx_cases.numbers(3, 6)), onnx_cases.ROWS, tmp_path
    )
    told = np.array(found.model.labels)[found.model.answer(found.dataset.x)]
    assert found.model.labels == tuple(map(str, labels))
    assert np.array_equal(told, opened.predict(onnx_cases.ROWS).astype(str))


def test_onnx_of_twenty_six_classes(tmp_path):
    labels = list("abcdefghijklmnopqrstuvwxyz")
    opened, found = read(
        linear_classes(labels, onnx_cases.numbers(26, 6)), onnx_cases.ROWS, tmp_path
    )
    told = np.array(found.model.labels)[found.model.answer(found.dataset.x)]
    assert (told == opened.predict(onnx_cases.ROWS)).mean() >= 0.995


def test_onnx_of_one_class_is_refused(tmp_path):
    with pytest.raises(QuantizeError, match="knows the class 'a' only"):
        read(linear_classes(["a"], onnx_cases.numbers(1, 6)), onnx_cases.ROWS, tmp_path)


@pytest.mark.parametrize("names", [("T in C", "Größe"), ("*/ int evil;", 'a"b\n')])
def test_onnx_names_of_inputs(names, tmp_path):
    step = [node("Concat", "p q", "h", axis=1), node("MatMul", "h w", "y")]
    graph = model(step, {"w": onnx_cases.numbers(2, 1)}, inputs={n: ["rows", 1] for n in names})
    graph.graph.node[0].input[:] = names
    rows = onnx_cases.ROWS[:, :2]
    _, found = read(graph, rows, tmp_path)
    assert tuple(q.name for q in found.model.inputs) == names
    raw = found.model.sample_rows(20)
    assert np.array_equal(answers_in_c([found.model], [raw], tmp_path)[0], found.model.predict(raw))
