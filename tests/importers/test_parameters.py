"""Parameters of scikit-learn's estimators that change what predict answers: held to, or refused by
their names.
"""

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import HuberRegressor, LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import tinygen
from tinygen.common.errors import QuantizeError
from tinygen.importers.readers import float_model, labels_of, read
from tinygen.importers.readers.sklearn_columns import NO_VALUE

RNG = np.random.default_rng(3)
X = np.round(RNG.uniform(0.5, 9, (200, 3)), 1)
Y = np.round(X @ [1.0, 2.0, 0.5] + X[:, 1] ** 2, 2)
THREE, TWO = np.digitize(Y, [15, 50]), (Y > 30).astype(int)
GAPS = np.where(RNG.random(X.shape) < 0.1, np.nan, X)


def shrunk(*transformers):
    """A penalty, to which the size of its columns is not the same."""
    return make_pipeline(*transformers, Ridge(50.0))


SCALED = ("a", StandardScaler()), ("b", "passthrough"), ("c", "drop")
RARE = SCALED[0] + ([0],), SCALED[1] + ([1],), ("d", "drop", [2])


@pytest.mark.parametrize(
    "make",
    [
        lambda: shrunk(
            FeatureUnion([SCALED[0], ("b", MinMaxScaler())], transformer_weights={"a": 9})
        ),
        lambda: shrunk(FeatureUnion(SCALED, transformer_weights={"b": 3.0})),
        lambda: shrunk(FeatureUnion(SCALED)),
        lambda: shrunk(ColumnTransformer(RARE, transformer_weights={"a": 10, "b": 0.1})),
        lambda: shrunk(
            ColumnTransformer(
                RARE[:1], remainder="passthrough", transformer_weights={"remainder": 0.1}
            )
        ),
        lambda: VotingRegressor(
            [("a", Ridge(99.0)), ("b", "drop"), ("c", HuberRegressor())], weights=[1, 50, 3]
        ),
    ],
)
def test_weights_count_where_they_stand(make):
    model = make().fit(X, Y)
    assert np.allclose(float_model(model).predict(X), model.predict(X), rtol=1e-9)
    tinygen.convert(model, X)


@pytest.mark.parametrize(
    ("voting", "member"),
    [("soft", LogisticRegression(C=1e-3)), ("hard", DecisionTreeClassifier(max_depth=2))],
)
def test_a_dropped_member_takes_its_weight_along(voting, member):
    members = [("a", member), ("b", "drop"), ("c", type(member)(random_state=1))]
    model = VotingClassifier(members, voting=voting, weights=[3, 9, 1]).fit(X, TWO)
    assert np.array_equal(float_model(model).predict(X), model.predict(X))


@pytest.mark.parametrize(
    ("voting", "kind", "targets"),
    [("soft", LogisticRegression, TWO), ("hard", LogisticRegression, TWO)],
)
def test_votes_keep_the_notes_of_their_members(voting, kind, targets):
    members = [("a", kind()), ("b", make_pipeline(SimpleImputer(), kind()))]
    model = VotingClassifier(members, voting=voting).fit(X, targets)
    assert NO_VALUE in float_model(model).notes


@pytest.mark.parametrize(
    ("make", "targets", "words"),
    [
        (
            lambda: make_pipeline(SimpleImputer(missing_values=-200), Ridge()),
            Y,
            r"SimpleImputer\(missing_values=-200\) takes -200 for a missing value",
        ),
        (
            lambda: make_pipeline(
                SimpleImputer(missing_values=np.float64(0.0), add_indicator=True), Ridge()
            ),
            Y,
            r"SimpleImputer\(missing_values=0.0\) takes 0.0",
        ),
        (
            lambda: TransformedTargetRegressor(
                Ridge(),
                transformer=FunctionTransformer(
                    np.square, np.sqrt, inv_kw_args={"casting": "same_kind"}, check_inverse=False
                ),
            ),
            Y,
            "with inv_kw_args cannot",
        ),
        (lambda: SVC(break_ties=True), THREE, r"SVC\(break_ties=True\) cannot"),
        (
            lambda: HistGradientBoostingRegressor(categorical_features=[2]),
            Y,
            r"HistGradientBoostingRegressor\(categorical_features=...\) cannot",
        ),
        (
            lambda: HistGradientBoostingClassifier(categorical_features=[0]),
            THREE,
            r"HistGradientBoostingClassifier\(categorical_features=...\) cannot",
        ),
    ],
)
def test_what_changes_an_answer_is_refused_by_its_name(make, targets, words):
    rows = np.column_stack([X[:, :2], X[:, 2] // 3])
    rows[:, 0] //= 3
    model = make().fit(rows, targets)
    with pytest.raises(QuantizeError, match=words) as told:
        tinygen.convert(model, rows)
    assert "\n" not in str(told.value)


def test_a_union_that_keeps_nothing_is_refused():
    with pytest.raises(QuantizeError, match="FeatureUnion keeps no column"):
        read(FeatureUnion([("a", "drop")]).fit(X), ("x0", "x1", "x2"))


def test_an_imputer_of_nan_is_read():
    model = make_pipeline(SimpleImputer(missing_values=np.nan), LinearRegression()).fit(GAPS, Y)
    assert np.allclose(float_model(model).predict(X), model.predict(X))


@pytest.mark.parametrize(("rows", "notes"), [(X, ()), (GAPS, (NO_VALUE,))])
def test_boosted_trees_tell_whether_they_saw_missing_values(rows, notes):
    assert float_model(HistGradientBoostingRegressor(max_iter=20).fit(rows, Y)).notes == notes
    assert float_model(HistGradientBoostingClassifier(max_iter=20).fit(rows, TWO)).notes == notes


def test_the_name_that_two_classes_have_is_named():
    with pytest.raises(QuantizeError, match="two classes are called '1'"):
        labels_of(np.array(["a", 1, "1"], dtype=object))
