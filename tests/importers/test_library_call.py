"""The door `tinygen.convert`: what it gives back, and what it refuses in one line."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression, MultiTaskLasso, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.tree import DecisionTreeRegressor

import tinygen
from tinygen.codegen.emit import render_header
from tinygen.common.errors import QuantizeError, TinygenError, UsageError
from tinygen.importers.readers import float_model
from tinygen.report.dossier.gather import gather

X, Y = load_diabetes(return_X_y=True, scaled=False)
RIDGE = make_pipeline(StandardScaler(), Ridge()).fit(X, Y)


def with_coefficients(factor):
    """A fitted model as a broken file may have it."""
    broken = LinearRegression().fit(X, Y)
    broken.coef_ = broken.coef_ * factor
    return broken


def with_columns(count):
    broken = LinearRegression().fit(X, Y)
    broken.n_features_in_ = count
    return broken


def raw_rows(model, x):
    """Raw rows of the model's inputs, which are called x0, x1 .."""
    return np.column_stack([q.to_raw(x[:, int(q.name[1:])]) for q in model.inputs])


def test_the_model_is_one_of_ours_and_answers_within_its_bound():
    model = tinygen.convert(RIDGE, X, name="sugar")
    raw = raw_rows(model, X)
    physical = np.column_stack([q.to_physical(r) for q, r in zip(model.inputs, raw.T)])
    difference = np.abs(model.output.to_physical(model.answer(raw)) - RIDGE.predict(physical))
    bound = model.training["converted"]["bound"]
    assert model.name == "sugar" and model.family == "ridge"
    assert 0 < difference.max() <= bound < 0.01 * np.ptp(Y)


def test_a_scaler_folds_into_what_follows():
    plain = tinygen.convert(LinearRegression().fit(X, Y), X)
    scaled = tinygen.convert(make_pipeline(StandardScaler(), LinearRegression()).fit(X, Y), X)
    assert [n.op for n in scaled.nodes] == [n.op for n in plain.nodes] == ["scale", "dense"]


def test_inputs_that_decide_nothing_are_left_out():
    tree = DecisionTreeRegressor(max_leaf_nodes=3, random_state=0).fit(X, Y)
    model = tinygen.convert(tree, X)
    assert {q.name for q in model.inputs} == {f"x{c}" for c in set(tree.tree_.feature) - {-2}}


def test_the_float_steps_are_the_estimator():
    assert np.allclose(float_model(RIDGE).predict(X), RIDGE.predict(X), rtol=1e-12)


def test_a_wrong_reader_is_found():
    """The control of the comparison with the estimator's own answers."""
    other = make_pipeline(StandardScaler(), Ridge()).fit(X, Y)
    other.predict = lambda rows: RIDGE.predict(rows) + 1.0
    with pytest.raises(QuantizeError, match="differ from its own predict by 1"):
        tinygen.convert(other, X)


@pytest.mark.parametrize(
    ("make", "rows", "words"),
    [
        (lambda: Ridge(), X, "Ridge is not fitted: call its fit first"),
        (lambda: Ridge, X, "'Ridge' is a class"),
        (lambda: StandardScaler().fit(X), X, "StandardScaler only transforms"),
        (lambda: RIDGE, X[:, :3], "reads 10 columns: give rows"),
        (lambda: RIDGE, X[:1], "has 1 rows"),
        (lambda: RIDGE, np.full_like(X, np.nan), "NaN or infinite"),
        (lambda: RIDGE, [["a"] * 10] * 3, "no number: give rows of numbers"),
        (lambda: object(), X, "none of the"),
        (lambda: with_coefficients(1e300), X, "or one beyond 1e.36"),
        (lambda: with_coefficients(1 + 1j), X, "LinearRegression holds complex numbers"),
        (lambda: with_columns(10**9), X, "reads 1,000,000,000 columns, at most 50,000"),
        (
            lambda: make_pipeline(Normalizer(), Ridge()).fit(X, Y),
            X,
            "'sklearn.Normalizer' cannot be converted.*nearest is StandardScaler",
        ),
        (
            lambda: RandomForestRegressor(300, max_depth=2, random_state=0).fit(X, Y),
            X,
            "300 trees, the integer model adds up at most 255",
        ),
    ],
)
def test_what_cannot_be_converted_is_named(make, rows, words):
    with pytest.raises(TinygenError, match=words) as told:
        tinygen.convert(make(), rows)
    assert "\n" not in str(told.value)


class Trimmed(Ridge):
    """A class of the user's own."""


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (DummyRegressor, r"are read: use one of the list in the documentation$"),
        (IsotonicRegression, r"are read: use one of the list in the documentation$"),
        (MultiTaskLasso, r"the nearest is Lasso$"),
        (Trimmed, r"the nearest is Ridge$"),
    ],
)
def test_the_nearest_class_is_near_by_what_it_does(kind, words):
    """Not by its spelling: DummyRegressor is no GammaRegressor."""
    with pytest.raises(QuantizeError, match=words):
        float_model(kind())


def test_numbers_that_are_none_are_refused():
    broken = LinearRegression().fit(X, Y)
    broken.coef_[2] = np.nan
    with pytest.raises(QuantizeError, match="NaN or infinite"):
        tinygen.convert(broken, X)


def test_sparse_rows_are_refused():
    from scipy.sparse import csr_matrix

    with pytest.raises(UsageError, match="sparse"):
        tinygen.convert(RIDGE, csr_matrix(X))


@pytest.mark.parametrize("kind", [str, bool, int, "negative"])
def test_labels_of_every_type(kind):
    wine, classes = load_wine(return_X_y=True)
    names = classes - 5 if kind == "negative" else (classes > 0 if kind is bool else classes)
    names = names.astype(str) if kind is str else names
    found = make_pipeline(StandardScaler(), LogisticRegression()).fit(wine, names)
    model = tinygen.convert(found, wine, names)
    assert model.labels == tuple(map(str, np.unique(names)))
    assert model.training["converted"]["own_answers"] is False


def test_a_frame_gives_names_and_units_and_a_header_says_what_it_was_made_from(tmp_path):
    """The same inputs and the same answer as `tinygen convert` makes of the file."""
    pandas = pytest.importorskip("pandas")
    x = pandas.DataFrame({"bmi [kg/m2]": X[:, 2], "pressure": X[:, 3]})
    y = pandas.Series(Y, name="progress [points]")
    model = tinygen.convert(Ridge().fit(x, y), x, y, name="sugar")
    assert [(q.name, q.unit) for q in (*model.inputs, model.output)] == [
        ("bmi", "kg/m2"),
        ("pressure", ""),
        ("progress", "points"),
    ]
    header = render_header(model)
    assert "Made from a fitted Ridge: differs from it by" in header
    assert "on the 442 rows that it was calibrated on" in header and "trained on" not in header
    model.save(tmp_path / "sugar.json")
    with pytest.raises(UsageError, match="as it was converted from Python"):
        gather(tmp_path / "sugar.json")


def test_names_that_are_one_without_their_units_keep_them():
    pandas = pytest.importorskip("pandas")
    x = pandas.DataFrame({"t [degC]": X[:, 2], "t [degF]": X[:, 3]})
    model = tinygen.convert(Ridge().fit(x, Y), x, Y)
    assert [q.name for q in model.inputs] == ["t [degC]", "t [degF]"]
    assert model.output.name == "y"


def test_targets_that_are_no_numbers_are_refused():
    for y in (np.where(Y > 300, np.nan, Y), ["many"] * len(X)):
        with pytest.raises(UsageError, match="y holds a value that is no number"):
            tinygen.convert(RIDGE, X, y)


def test_targets_of_every_output_are_looked_at():
    two = np.column_stack([Y, Y])
    model = LinearRegression().fit(X, two)
    for bad in (np.nan, "many"):
        y = two.astype(object)
        y[7, 1] = bad
        with pytest.raises(UsageError, match="y holds a value that is no number"):
            tinygen.convert(model, X, y)
    found = tinygen.convert(model, X, two.astype(str))  # numbers that are written
    assert [q.scale for q in found.outputs] == [
        q.scale for q in tinygen.convert(model, X, two).outputs
    ]


def test_steps_by_name_with_and_without_the_unit():
    pandas = pytest.importorskip("pandas")
    x = pandas.DataFrame({"bmi [kg/m2]": X[:, 2], "pressure": X[:, 3]})
    model = Ridge().fit(x, Y)
    for name in ("bmi", "bmi [kg/m2]"):
        found = tinygen.convert(model, x, input_scales={name: 0.5, "pressure": None})
        assert [q.scale for q in found.inputs] == [0.5, 0.01]
