"""When integers are close enough: on the rows, and of classes also between them."""

from dataclasses import replace

import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier
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
