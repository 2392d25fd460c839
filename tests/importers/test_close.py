"""When integers are close enough: on the rows, and of classes also between them."""

from dataclasses import replace

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LinearRegression, PoissonRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tinygen
from tinygen.importers.calibration import Answer, Calibration, Lowered, first_close
from tinygen.importers.graph import Head
from tinygen.model.fixedpoint import Quantity
from tinygen.model.operations.forest import Forest

X = (Quantity("x", "", 1.0, 0.0, 10.0),)


def above(limit: int) -> Lowered:
    """Class 1 above a limit."""
    return Lowered((Forest(((0, limit, -1, -2),), ((0,), (1,)), (0,), (0,), 0, 1),), "trees")


def rows_at(*places: int) -> Calibration:
    """Rows of a model that answers class 1 above 5."""
    x = np.array(places)[:, None]
    return Calibration(X, x, x - 5.5, Answer(Head("sign", ("a", "b")), 1.0, 0.0, 0, 1))


def test_classes_have_to_be_right_between_the_rows_too():
    ends, choices = rows_at(0, 10), [lambda: above(9), lambda: above(5)]
    assert first_close(choices, ends) == above(9)  # nothing between them is known
    assert first_close(choices, replace(ends, between=rows_at(2, 7))) == above(5)
    assert first_close(choices, replace(ends, between=rows_at(2, 3))) == above(9)
    # where none is close, the one that changes least
    assert first_close(
        [lambda: above(9), lambda: above(6)], replace(ends, between=rows_at(6, 8))
    ) == above(6)


def test_a_net_that_fits_its_rows_too_well_keeps_its_classes_on_others():
    """All its own rows are far from a tie: they would say that 8 bits are enough."""
    x, y = load_digits(return_X_y=True)
    net = MLPClassifier((16,), learning_rate_init=0.01, random_state=1)
    whole = make_pipeline(StandardScaler(), net).fit(x[:900], y[:900])
    model = tinygen.convert(whole, x[:900], input_scales=[1.0] * x.shape[1])
    used = [int(q.name[1:]) for q in model.inputs]
    changed = model.answer(x[900:, used].astype(int)) != whole.predict(x[900:])
    assert whole.score(x[:900], y[:900]) > 0.99
    assert changed.mean() <= 0.005  # in 8 bits it is 0.0145


def numbers(targets: list[float] | None) -> Calibration:
    """A model that answers 0, 100, ... 1900 to as many rows, and what they should be answered."""
    x = np.arange(20)[:, None]
    told = None if targets is None else np.array(targets)
    values = 100.0 * np.arange(20)[:, None]
    return Calibration(X, x, values, Answer(Head(), 1.0, 0.0, -9999, 9999), told)


def off_by(gap: int, every: int = 1) -> Lowered:
    """The same model, `gap` off in every so many rows, up and down in turn."""
    values = [100 * k + (gap if k % (2 * every) else -gap) * (k % every == 0) for k in range(20)]
    splits = tuple((0, k, -1 - k, k + 1 if k < 18 else -20) for k in range(19))
    return Lowered((Forest(splits, tuple((v,) for v in values), (0,), (0,), -9999, 9999),))


def test_rounding_may_hide_in_the_models_own_error():
    noisy = [100.0 * k + (300 if k % 4 > 1 else -300) for k in range(20)]
    exact, choices = [100.0 * k for k in range(20)], [lambda: off_by(5), lambda: off_by(0)]
    # 5 is 0.9 % of the spread, and 1.7 % of an error of 300
    assert first_close(choices, numbers(noisy)) == off_by(5)
    for told in (None, exact, [y / 4 + 75 * k for k, y in enumerate(noisy)]):
        assert first_close(choices, numbers(told)) == off_by(0)
    # a difference that is no noise: the error grows with it
    leaning = [100.0 * k - (300 if k % 2 else -300) for k in range(20)]
    assert first_close(choices, numbers(leaning)) == off_by(0)
    # 1.2 % of the spread is seen, however large the error
    wide = [100.0 * k + (3000 if k % 4 > 1 else -3000) for k in range(20)]
    assert first_close([lambda: off_by(7), lambda: off_by(0)], numbers(wide)) == off_by(0)


def test_the_classes_of_a_model_that_errs_may_change_more_often():
    places = np.arange(1000) % 11

    def rows(wrong: int, told: bool = True, moved: int = 3) -> Calibration:
        """Some rows lie where the limit is one too high; so many others have the other class."""
        x = np.where(np.arange(1000) < moved, 6, np.where(places == 6, 0, places))[:, None]
        targets = (x[:, 0] > 5).astype(float)
        targets[1:moved:2] = 0.0
        targets[-wrong:] = 1 - targets[-wrong:]
        head = Answer(Head("sign", ("a", "b")), 1.0, 0.0, 0, 1)
        return Calibration(X, x, x - 5.5, head, targets if told else None, rows_at(0, 10))

    choices = [lambda: above(6), lambda: above(5)]
    assert first_close(choices, rows(600, told=False)) == above(5)
    assert first_close(choices, rows(600)) == above(6)
    assert first_close(choices, rows(600, moved=5)) == above(5)
    assert first_close(choices, rows(40)) == above(5)  # 3 in 1,000 of an error of 4 %
    assert first_close(choices, replace(rows(600), between=rows_at(2, 6))) == above(5)


def test_before_a_curve_of_the_answer_targets_say_nothing():
    """A sum whose exponential is the answer: the targets are not in its steps."""
    rng = np.random.default_rng(0)
    x = np.round(rng.uniform(0, 100, (500, 3)), 1)
    y = np.round(5 * np.exp(x @ [0.01, -0.02, 0.03]) * rng.gamma(4, 0.25, 500) + 0.1, 2)
    whole = make_pipeline(StandardScaler(), PoissonRegressor(alpha=0.01)).fit(x, y)
    free, told = (tinygen.convert(whole, x, targets) for targets in (None, y))
    assert [node.op for node in told.nodes] == ["dense", "exp2"]
    assert told.nodes[0].weights == free.nodes[0].weights


def test_a_net_of_noisy_targets_takes_coarser_weights():
    rng = np.random.default_rng(5)
    x = np.round(rng.uniform(-20, 20, (800, 4)), 1)
    y = np.round(x[:, 0] * np.tanh(x[:, 1] / 9) + x[:, 2] + rng.normal(0, 4, 800), 1)
    net = MLPRegressor(
        hidden_layer_sizes=(8,), max_iter=2000, learning_rate_init=0.01, random_state=0
    )
    whole = make_pipeline(StandardScaler(), net).fit(x[:600], y[:600])
    free, told = (tinygen.convert(whole, x[:600], t) for t in (None, y[:600]))
    assert max(abs(w) for row in free.nodes[1].weights for w in row) > 127
    assert max(abs(w) for row in told.nodes[1].weights for w in row) <= 127

    def error(model):
        raw = np.column_stack([q.to_raw(x[600:, k]) for k, q in enumerate(model.inputs)])
        return np.abs(model.output.to_physical(model.answer(raw)) - y[600:]).mean()

    assert error(told) <= 1.01 * np.abs(whole.predict(x[600:]) - y[600:]).mean()


def test_a_line_through_exact_rows_stays_exact():
    """A quarter of a per cent of the spread would be 7 steps: no 8-bit coefficient will do."""
    x = np.arange(0.0, 3001, 7)[:, None]
    y = np.round(3.37 * x[:, 0])
    line = LinearRegression().fit(x, y)
    for targets in (None, y):
        model = tinygen.convert(line, x, targets)
        raw = model.inputs[0].to_raw(x)
        off = model.output.to_physical(model.answer(raw)) - line.predict(x)
        assert np.abs(off).max() <= 0.7 * max(model.output.scale, 1)
