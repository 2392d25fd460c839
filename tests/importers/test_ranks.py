"""What an order decides: medians of trees, neighbours and their ties."""

from dataclasses import replace

import numpy as np
import pytest
from many_headers import answers_in_c
from sklearn.ensemble import AdaBoostRegressor, VotingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tinygen
from tinygen.common.errors import QuantizeError
from tinygen.importers.budget import cut
from tinygen.importers.graph import Neighbours, Tree, TreeMedian
from tinygen.importers.ranks import _whole_weights
from tinygen.importers.readers import float_model
from tinygen.model.operations.argmax import Median
from tinygen.model.operations.argmax import Neighbours as Nearest

RNG = np.random.default_rng(4)
X = np.round(RNG.uniform(0, 9, (120, 3)), 1)
Y = np.round(X @ [3.0, -1.0, 0.5] + RNG.normal(size=120), 1)
BOOSTED = AdaBoostRegressor(n_estimators=9, random_state=0).fit(X, Y)


@pytest.mark.parametrize(
    ("weights", "row", "median"),
    [
        ((1, 1), (9, 3), 3),  # half is enough
        ((1, 1, 1), (9, 3, 5), 5),
        ((1, 1, 3), (2, 3, 8), 8),
        ((2, 1, 3), (2, 3, 8), 3),
        ((5, 1, 1), (7, 7, 1), 7),
    ],
)
def test_the_median_is_the_first_that_half_of_the_weights_do_not_exceed(weights, row, median):
    rows = np.array([row])
    assert Median(weights).apply(rows)[0, 0] == median
    leaf = np.zeros(0, dtype=int)
    trees = tuple(Tree(leaf, leaf * 1.0, leaf, leaf, np.array([[float(v)]])) for v in row)
    assert TreeMedian(trees, np.array(weights, float)).apply(np.zeros((1, 1)))[0, 0] == median


def test_of_equal_sums_the_first_are_the_neighbours():
    rows = np.array([[4], [0]])
    weights, values = ((1,), (2,), (1,), (2,)), ((1,), (10,), (100,), (1000,))
    for count, told in ((1, (10, 1)), (2, (1010, 11)), (3, (1011, 111)), (4, (1111, 1111))):
        assert Nearest(weights, (0,) * 4, count, values).apply(rows)[:, 0].tolist() == list(told)
    sums = rows @ np.array(weights).T
    near = Neighbours(2, np.array(values, float)).apply(sums.astype(float))
    assert near[:, 0].tolist() == [505, 5.5]


def test_weights_in_whole_proportion_stay_exact():
    assert _whole_weights(np.array([0.3, 0.1, 0.1])) == (3, 1, 1)
    assert _whole_weights(np.array([1.0, np.pi])) == (20860, 65535)


def test_a_median_of_trees_is_exact_but_for_its_last_step():
    model = tinygen.convert(BOOSTED, X)
    raw = np.column_stack([q.to_raw(X[:, int(q.name[1:])]) for q in model.inputs])
    gap = np.abs(model.output.to_physical(model.answer(raw)) - BOOSTED.predict(X))
    assert gap.max() <= model.output.scale / 2 * (1 + 1e-6)
    assert model.training["converted"]["same_leaves"]


def test_some_of_the_trees_are_a_median_too():
    """What is said of a model beyond its budget."""
    some = AdaBoostRegressor(n_estimators=4, random_state=0).fit(X, Y)
    assert np.array_equal(cut(float_model(BOOSTED), 4).predict(X), some.predict(X))


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize("kind", [KNeighborsClassifier, KNeighborsRegressor])
def test_any_number_of_neighbours(kind, count):
    told = np.where(Y > 9, "high", "low") if kind is KNeighborsClassifier else Y
    near = make_pipeline(StandardScaler(), kind(count)).fit(X, told)
    model, new = tinygen.convert(near, X), X + 0.05
    raw = np.column_stack([q.to_raw(new[:, int(q.name[1:])]) for q in model.inputs])
    answers, grid = model.answer(raw), new.copy()
    for q, column in zip(model.inputs, raw.T):
        grid[:, int(q.name[1:])] = q.to_physical(column)
    if kind is KNeighborsClassifier:
        same = np.array(model.labels)[answers] == near.predict(grid)
    else:
        same = np.abs(model.output.to_physical(answers) - near.predict(grid)) < 1.1 * 0.01
    assert same.mean() > 0.97  # rows that are as far from two


def test_a_wrong_value_is_seen_in_c(tmp_path):
    """The control of the comparison with C: one neighbour stands for another value."""
    model = tinygen.convert(KNeighborsRegressor(3).fit(X[:20], Y[:20]), X)
    near = next(n for n in model.nodes if n.op == "neighbours")
    other = replace(near, values=((near.values[0][0] + 900,), *near.values[1:]))
    wrong = replace(model, nodes=tuple(other if n is near else n for n in model.nodes))
    rows = model.sample_rows(200)
    right, told = answers_in_c([model, wrong], [rows, rows], tmp_path)
    assert np.array_equal(right, model.predict(rows)) and not np.array_equal(told, right)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: KNeighborsRegressor(3, weights="distance"), "divides by distances.*'uniform'"),
        (lambda: KNeighborsClassifier(3, p=1), "manhattan distance.*metric='euclidean'"),
        (
            lambda: AdaBoostRegressor(LinearRegression(), n_estimators=2),
            "AdaBoostRegressor of LinearRegression cannot be converted: boost decision trees",
        ),
        (
            lambda: VotingRegressor([("a", KNeighborsRegressor()), ("b", LinearRegression())]),
            "neighbours cannot stand beside another model",
        ),
        (
            lambda: VotingRegressor([("a", BOOSTED), ("b", LinearRegression())]),
            "a median of trees cannot stand beside another model",
        ),
    ],
)
def test_what_has_no_integer_form_is_named(make, words):
    with pytest.raises(QuantizeError, match=words):
        tinygen.convert(make().fit(X, Y > 5 if "Classifier" in str(make()) else Y), X)


def test_more_neighbours_than_a_chip_keeps_are_refused():
    x = np.tile(X, (3, 1))
    with pytest.raises(QuantizeError, match="360 rows are kept as neighbours, at most 255"):
        tinygen.convert(KNeighborsRegressor(3).fit(x, np.tile(Y, 3)), x)
