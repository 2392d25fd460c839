"""Choosing inputs: what is kept is what carries the target, found on training rows alone."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from search_rows import made_up

from tinygen.common.errors import UsageError
from tinygen.families import FAMILIES, mlp
from tinygen.report.ladder import growth
from tinygen.search.cross_validation import Candidate, plain_config
from tinygen.search.feature_selection import most_needed, sensor_worth


@pytest.mark.parametrize("split", ["random", "time"])
def test_the_input_that_says_nothing_goes_first(split):
    found = most_needed(made_up(split), 2)
    assert found.names == ("a", "b") and found.dropped == ("c",)
    assert found.after < 1.05 * found.before


def test_the_stronger_of_two_inputs_stays_last():
    found = most_needed(made_up(), 1)
    assert found.names == ("a",) and found.dropped == ("c", "b")
    assert found.after > 1.5 * found.before


def test_test_rows_do_not_matter():
    dataset = made_up()
    y = dataset.y.copy()
    y[dataset.test] = np.random.default_rng(1).permutation(y[dataset.test])
    assert most_needed(dataset.with_rows(y=y), 1) == most_needed(dataset, 1)


def test_classes_too():
    dataset = made_up()
    classes = dataset.with_rows(
        y=(dataset.y > np.median(dataset.y)).astype(np.int64), labels=("low", "high")
    )
    assert most_needed(classes, 2).names == ("a", "b")


@pytest.mark.parametrize("limit", [0, 3, 9])
def test_a_limit_that_limits_nothing_is_refused(limit):
    with pytest.raises(UsageError, match=f"{limit} inputs cannot be kept of 3: use 1 to 2"):
        most_needed(made_up(), limit)


def test_the_note_names_them():
    found = most_needed(made_up(), 1)
    assert found.note(made_up()).startswith(
        "2 inputs left out as least needed: c, b; without them a sparse polynomial has "
    )


def test_the_worth_of_a_sensor_is_held_against_the_same_net_that_goes_on(monkeypatch):
    """The net with all inputs goes on as well: training alone is no gain."""
    dataset, config, kept = made_up(), mlp.Config((4,), 2), []

    def spied(fitted, rows, columns, seed):
        kept.append(columns)
        return mlp.without(fitted, rows, columns, seed)

    monkeypatch.setitem(FAMILIES, "mlp", replace(mlp.FAMILY, without=spied))
    training = {"config": plain_config(config)}
    model = SimpleNamespace(family="mlp", training=training, inputs=dataset.inputs)
    worth = dict(sensor_worth(dataset, model, [Candidate("mlp", config, (0.0,))]))
    assert kept == [(0, 1, 2), (1, 2), (0, 2), (0, 1)]
    assert worth["a"] > worth["b"] > 0.5 and abs(worth["c"]) < 0.1


@pytest.mark.parametrize(
    "part, told", [(-0.004, "+0%"), (0.004, "+0%"), (0.126, "+13%"), (-0.02, "-2%")]
)
def test_a_growth_that_rounds_to_nothing_has_no_minus(part, told):
    assert growth(part) == told
