"""Trees: the same branch as in float on every row of the accepted grid, thresholds on it or not."""

from functools import cache

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler

import tinygen
from tinygen.common.errors import QuantizeError
from tinygen.importers.calibration import Answer, Calibration, physical
from tinygen.importers.graph import SAME, Columns, Curve, Head, Tree, TreeSum, straight
from tinygen.importers.readers import float_model
from tinygen.importers.simplify import simplified
from tinygen.importers.trees import lower_trees, raw_trees
from tinygen.model.fixedpoint import Quantity

IRIS = load_iris()
X, Y = IRIS.data[:, 2:], IRIS.target  # two inputs: every row of their grid can be asked
TENTHS = tuple(Quantity(f"x{k}", "", 0.1, X[:, k].min(), X[:, k].max()) for k in range(2))


def every_row(inputs):
    """All raw rows that the model accepts."""
    axes = [np.arange(q.limits[0], q.limits[1] + 1) for q in inputs]
    return np.stack([a.ravel() for a in np.meshgrid(*axes)], axis=1)


def calibration(inputs, x):
    return Calibration(inputs, x, np.zeros((len(x), 1)), Answer(Head(), 1.0, 0.0, -9999, 9999))


def values_of(before, trees, inputs, x):
    """What each tree adds for raw rows: in integers, and in float."""
    raw = raw_trees(before, trees, calibration(inputs, x))
    ours = np.stack([t.values[t.leaf_of(x)] for t in raw], axis=1)
    seen = physical(inputs, x)
    seen = before.apply(seen) if before else seen
    leaves = trees.leaves_of(seen)
    return ours, np.stack([t.values[leaves[:, k]] for k, t in enumerate(trees.trees)], axis=1)


@cache
def forests():
    """Of several libraries, in front of a curve and behind none."""
    lightgbm, xgboost = pytest.importorskip("lightgbm"), pytest.importorskip("xgboost")
    quick = {"n_estimators": 30, "n_jobs": 1}
    return [
        RandomForestClassifier(20, random_state=0).fit(X, Y),
        HistGradientBoostingRegressor(max_iter=20, min_samples_leaf=2).fit(X, Y),
        make_pipeline(
            StandardScaler(), PowerTransformer(), RandomForestClassifier(9, random_state=0)
        ).fit(X, Y),
        xgboost.XGBRegressor(max_depth=5, **quick).fit(X, Y),
        xgboost.XGBClassifier(max_depth=3, **quick).fit(np.round(10 * X), Y),  # whole thresholds
        lightgbm.LGBMRegressor(min_child_samples=2, verbose=-1, **quick).fit(X, Y),
    ]


@pytest.mark.parametrize("place", range(6))
def test_every_accepted_row_ends_in_the_same_leaves(place):
    estimator = forests()[place]
    inputs = TENTHS
    if place == 4:
        inputs = tuple(Quantity(q.name, "", 1.0, 10 * q.minimum, 10 * q.maximum) for q in TENTHS)
    steps = simplified(float_model(estimator, ("x0", "x1")).steps, 2)
    *front, trees = steps
    ours, theirs = values_of(front[0] if front else None, trees, inputs, every_row(inputs))
    assert np.array_equal(ours, theirs)


def one_split(threshold, strict=False, single=False, values=((1.0,), (2.0,))):
    """A tree that asks one question of input 0."""
    at = np.array([0])
    tree = Tree(at, np.array([threshold]), at - 1, at - 2, np.array(values))
    return TreeSum((tree,), np.zeros(len(values[0])), single, strict)


@pytest.mark.parametrize(
    ("threshold", "strict", "single", "lefts"),
    [
        (0.3, False, False, 3),  # at most 0.3, compared as double: 0.3 goes left
        (0.3, False, True, 2),  # as float32 0.3 is larger than the double 0.3
        (0.3, True, False, 2),
        (float(np.float32(0.3)), False, True, 3),
        (float(np.float32(0.3)), True, True, 2),
        (0.35, False, False, 3),
        (0.35, True, True, 3),
    ],
)
def test_a_row_at_a_threshold_goes_where_the_float_tree_sends_it(threshold, strict, single, lefts):
    inputs = (Quantity("x", "", 0.1, 0.0, 1.0),)
    x = every_row(inputs)
    ours, theirs = values_of(None, one_split(threshold, strict, single), inputs, x)
    assert np.array_equal(ours, theirs)
    assert (ours[x[:, 0] >= 1, 0, 0] == 1).sum() == lefts


def test_a_curve_that_falls_swaps_the_sides():
    inputs = (Quantity("x", "", 0.1, 0.0, 1.0),)
    before = Columns((0,), (straight(-2.0, 1.0),))
    ours, theirs = values_of(before, one_split(0.4), inputs, every_row(inputs))
    assert np.array_equal(ours, theirs) and len(np.unique(ours)) == 2


@pytest.mark.parametrize("threshold", [0.2, 0.25, 2.0])
def test_a_curve_that_falls_and_rises_splits_twice(threshold):
    inputs = (Quantity("x", "", 0.1, -1.0, 1.0),)
    square = Columns((0,), (Curve("square", np.square),))
    ours, theirs = values_of(square, one_split(threshold), inputs, every_row(inputs))
    assert np.array_equal(ours, theirs)


def test_a_curve_that_rises_and_falls_often_is_refused():
    inputs = (Quantity("x", "", 0.1, -9.0, 9.0),)
    wave = Columns((0,), (Curve("sine", np.sin),))
    with pytest.raises(QuantizeError, match="sine of input 'x' rises and falls 7 times"):
        raw_trees(wave, one_split(0.4), calibration(inputs, every_row(inputs)))


def test_branches_that_no_accepted_row_takes_are_left_out():
    inputs = (Quantity("x", "", 0.1, 0.0, 1.0),)
    rows = calibration(inputs, every_row(inputs))
    for threshold, leaf in ((-5.0, 2.0), (5.0, 1.0)):
        (tree,) = raw_trees(None, one_split(threshold), rows)
        assert tree.splits == () and tree.values.tolist() == [[leaf]]
        assert lower_trees(Columns((0,), (SAME,)), one_split(threshold), rows).bound == 0.0


def test_a_tree_whose_child_stands_before_it_is_none():
    at = np.array([0])
    with pytest.raises(QuantizeError, match="a child stands before its parent"):
        Tree(at, np.array([0.5]), at, at - 1, np.ones((1, 1)))


def test_votes_that_are_equal_name_the_first_class():
    """Two trees that disagree: 1 against 1, in float and in integers."""
    a, b = one_split(0.5).trees[0], one_split(0.5).trees[0]
    trees = TreeSum(
        (
            Tree(a.column, a.threshold, a.left, a.right, np.array([[1.0], [-1.0]])),
            Tree(b.column, b.threshold, b.left, b.right, np.array([[-1.0], [1.0]])),
        ),
        np.zeros(1),
    )
    inputs = (Quantity("x", "", 0.1, 0.0, 1.0),)
    x = every_row(inputs)
    head = Head("sign", ("a", "b"))
    rows = Calibration(inputs, x, trees.apply(physical(inputs, x)), Answer(head, 1, 0, 0, 1))
    (node,) = lower_trees(None, trees, rows).nodes
    assert not node.apply(x).any()


def test_a_hundred_trees_keep_their_bound_and_their_leaves():
    xgboost = pytest.importorskip("xgboost")
    forest = xgboost.XGBRegressor(n_estimators=100, max_depth=4, n_jobs=1).fit(X, Y)
    model = tinygen.convert(forest, X)
    facts = model.training["converted"]
    raw = np.column_stack([q.to_raw(X[:, int(q.name[1:])]) for q in model.inputs])
    difference = np.abs(model.output.to_physical(model.answer(raw)) - forest.predict(X))
    assert facts["same_leaves"] and difference.max() <= facts["bound"]
