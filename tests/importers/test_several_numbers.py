"""Estimators of several numbers: each answer is the estimator's, in one model; what is refused."""

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tinygen.common.errors import QuantizeError, UsageError
from tinygen.importers import convert
from tinygen.importers.graph import FloatModel
from tinygen.importers.readers import float_model

RNG = np.random.default_rng(0)
X = np.round(RNG.uniform(0, 50, (200, 3)), 1)
Y = np.column_stack([2 * X[:, 0] + X[:, 1], 40 + X[:, 1] ** 2 / 50 - X[:, 2]])
NET = MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", max_iter=300, random_state=0)
ESTIMATORS = {
    "sums": Ridge(),
    "net": make_pipeline(StandardScaler(), NET),
    "trees": ExtraTreesRegressor(5, max_depth=4, random_state=0),
    "each its own": MultiOutputRegressor(GradientBoostingRegressor(n_estimators=5)),
}


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_each_output_is_the_estimators(kind):
    estimator = ESTIMATORS[kind].fit(X, Y)
    model = convert(estimator, X, Y)
    assert model.value_names == ("y0", "y1") and len(model.singles) == 2
    places = [int(q.name[1:]) for q in model.inputs]
    raw = np.column_stack([q.to_raw(X[:, k]) for k, q in zip(places, model.inputs)])
    for one, answers, told in zip(model.singles, model.predict(raw).T, estimator.predict(X).T):
        gap = np.abs(one.output.to_physical(answers) - told)
        bound = one.training["converted"]["bound"]
        assert gap.max() <= (0.01 * np.ptp(told) if bound is None else bound + 1e-9)
        assert one.training["metrics"]["mae"] >= 0 if "metrics" in one.training else True


def test_an_output_alone_is_the_one_beside_others():
    both = Ridge().fit(X, Y)
    pair = convert(both, X, Y, threshold=60.0)
    for k, one in enumerate(pair.singles):
        alone = convert(Ridge().fit(X, Y[:, k]), X, Y[:, k])
        assert one.nodes == alone.nodes
    assert pair.threshold is not None and pair.singles[1].threshold is None


def test_trees_that_say_nothing_of_an_output_are_left_out():
    found = float_model(ESTIMATORS["each its own"].fit(X, Y))
    assert [len(one.steps[-1].trees) for one in found.singles] == [5, 5]
    values = found.values(X)
    for k, one in enumerate(found.singles):
        assert isinstance(one, FloatModel) and np.array_equal(one.values(X)[:, 0], values[:, k])


def test_what_is_no_row_of_targets_is_refused():
    with pytest.raises(UsageError, match="one for each and each of the 2 outputs"):
        convert(Ridge().fit(X, Y), X, Y[:, 0])
    with pytest.raises(UsageError, match="y has 400 values for 200 rows: give one for each"):
        convert(Ridge().fit(X, Y[:, 0]), X, Y)
    whole = TransformedTargetRegressor(Ridge(), transformer=StandardScaler()).fit(X, Y)
    with pytest.raises(QuantizeError, match="of several targets cannot be converted"):
        convert(whole, X)
