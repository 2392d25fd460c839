"""What every family keeps, also the next one: it is tested the moment it is registered."""

import numpy as np
import pytest
from family_models import TASKS, configs_of, fitted_model, rows_of, street, street_model

from tinygen.common.errors import TinygenError
from tinygen.families import FAMILIES
from tinygen.fitting.least_squares import Root
from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import Model, from_json

RNG = np.random.default_rng(3)
WAVE = np.arange(60)
# What real files hold sooner or later: name -> (x, y), raw.
AWKWARD = {
    "one input": (WAVE[:, None] * 7, WAVE**2 // 9),
    "twenty rows": (RNG.integers(0, 1000, (20, 3)), RNG.integers(0, 300, 20)),
    "fewer rows than inputs": (RNG.integers(0, 1000, (12, 15)), RNG.integers(0, 300, 12)),
    "target below zero": (np.column_stack([WAVE, WAVE[::-1] % 7]), 3 * WAVE - 90),
    "target around zero": (np.column_stack([WAVE, WAVE % 11]), (WAVE % 3) - 1),
    "two values": (np.column_stack([WAVE % 2, WAVE % 3]), 40 * (WAVE % 2)),
    "an input that is the target": (np.column_stack([WAVE, WAVE * 3]), WAVE),
    "the same input twice": (np.column_stack([WAVE, WAVE]), 5 * WAVE),
    "all of int16": (
        np.column_stack([(WAVE - 30) * 1092, -(WAVE - 30) * 1000]),
        (WAVE - 30) * 1092,
    ),
    "far from zero": (np.column_stack([32000 + WAVE, -32000 - WAVE % 13]), 32000 + WAVE),
    "one step among many": (
        np.column_stack([1000 + (WAVE > 57), WAVE]),
        30 * (WAVE > 57) + WAVE % 5,
    ),
    "an outlier": (
        np.column_stack([np.where(WAVE == 59, 32767, WAVE), WAVE % 17]),
        np.where(WAVE == 59, 32767, WAVE),
    ),
    "noise": (RNG.integers(-500, 500, (80, 4)), RNG.integers(-2000, 2000, 80)),
}


def error(model, rows) -> float:
    """Mean absolute raw error, or error rate, of the integer model on the rows it was fitted to."""
    columns = [rows.inputs.index(quantity) for quantity in model.inputs]
    return rows.error(model.predict(rows.x[:, columns]))


def error_of_no_model(rows) -> float:
    """The error of the best constant answer."""
    return rows.error(
        np.full(len(rows.y), np.bincount(rows.y).argmax() if rows.labels else np.median(rows.y))
    )


@pytest.mark.parametrize("family, task", TASKS)
def test_candidates_are_there_and_stay_the_same(family, task):
    kind = FAMILIES[family]
    assert kind.name == family and kind.title and kind.title.isascii()
    assert kind.candidates(street(task)) and kind.candidates(street(task)) == kind.candidates(
        street(task)
    )


@pytest.mark.parametrize("family, task", TASKS)
def test_integers_lose_little(family, task):
    """The integer model against its own float model, on the rows both were fitted to."""
    rows, kind = street(task), FAMILIES[family]
    fitted = kind.fit(rows, configs_of(kind, rows, 0.5), 0)
    floats = rows.error(np.floor(fitted.predict(rows.x) + 0.5))
    assert error(street_model(family, task), rows) <= floats + 0.03 * error_of_no_model(rows)


@pytest.mark.parametrize("family", [family for family, task in TASKS if task == "regression"])
def test_inputs_of_few_steps_lose_little(family):
    """A gas sensor in steps of a thousandth beside degrees and per cent in steps of a fiftieth of
    their range.
    """
    rng = np.random.default_rng(5)
    x = np.column_stack(
        [rng.integers(200, 3000, 600), rng.integers(190, 235, 600), rng.integers(32, 52, 600)]
    )
    gas, warm, damp = ((x - x.min(axis=0)) / np.ptp(x, axis=0)).T
    y = np.floor(
        400 + 1000 * gas**1.5 * (1.2 - 0.4 * warm) + 150 * damp + rng.normal(0, 6, 600)
    ).astype(int)
    rows, kind = rows_of(x, y), FAMILIES[family]
    # of nets the largest of one layer: with two layers chance decides what rounding costs
    pick = 10 / 25 if family == "mlp" else 0.5
    if family == "mlp":
        assert configs_of(kind, rows, pick).hidden == (24,)
    fitted = kind.fit(rows, configs_of(kind, rows, pick), 0)
    floats = rows.error(np.floor(fitted.predict(rows.x) + 0.5))
    assert error(fitted_model(family, rows, pick), rows) <= 1.02 * floats


# a guard has no target
@pytest.mark.parametrize(
    "family, task", [(family, task) for family, task in TASKS if task != "guard"]
)
def test_a_model_is_better_than_no_model(family, task):
    rows = street(task)
    assert error(street_model(family, task), rows) < 0.9 * error_of_no_model(rows)


@pytest.mark.parametrize("family, task", TASKS)
def test_the_same_rows_give_the_same_model(family, task):
    again = fitted_model(family, street(task))
    assert again.to_json() == street_model(family, task).to_json()
    assert from_json(again.to_json()) == again


@pytest.mark.parametrize("rows", AWKWARD)
def test_awkward_rows_give_a_proven_model_or_a_plain_refusal(rows):
    """Making a Model is the proof that nothing overflows. A family may refuse rows, not all
    families may.
    """
    table, good = rows_of(*AWKWARD[rows]), 0
    for family, pick in [
        (name, pick) for name, task in TASKS if task == "regression" for pick in (0, 0.5)
    ]:
        if not FAMILIES[family].candidates(table):
            continue
        try:
            model = fitted_model(family, table, pick)
        except TinygenError as refusal:
            assert "\n" not in str(refusal)
            continue
        answers = model.predict(model.sample_rows(200))
        assert (
            model.bounds[-1].low[0] <= answers.min() and answers.max() <= model.bounds[-1].high[0]
        )
        assert error(model, table) <= 1.5 * error_of_no_model(table) + 1, family
        good += 1
    assert good


@pytest.mark.parametrize("degree", [0, 2, 3])
def test_outputs_up_to_the_end_of_int16(degree):
    """The largest output of a root or a logarithm is rounded up: that must not end at 32768."""
    for high in (32767, 29126, 30000, 100):
        output = Quantity("y", "", 1.0, 1.0, float(high))
        root = Root(degree)
        reached = int(root.nodes[0].apply(np.array([[root.limits(output)[1]]]))[0, 0])
        assert min(output.limits[1], 32700) <= reached <= 32767


@pytest.mark.parametrize("family", ["ridge", "power", "polynomial"])
def test_a_target_that_fills_int16(family):
    rows = street("regression")
    high = rows_of(rows.x, rows.y * (32000 // rows.y.max()))
    for config in FAMILIES[family].candidates(high):
        fitted = FAMILIES[family].fit(high, config, 0)
        nodes = FAMILIES[family].lower(fitted, high)
        inputs = tuple(high.inputs[c] for c in fitted.columns)
        assert Model("m", family, inputs, high.output, nodes).bounds


def test_the_first_trees_of_a_larger_forest_are_a_smaller_one():
    """So that forests of equal leaves need one boosting only."""
    kind, rows = FAMILIES["forest"], street("regression")
    configs = kind.candidates(rows)
    for config, shared in zip(configs, kind.fit_all(rows, configs, 3)):
        alone = kind.fit(rows, config, 3)
        assert alone.trees == shared.trees and (alone.values == shared.values).all()
        assert (alone.intercept == shared.intercept).all()


def test_a_net_has_a_parameter_for_two_rows_at_most():
    """Or is the smallest one: 9 inputs and 2 units have 23 parameters, 4 have 45."""
    rng = np.random.default_rng(0)
    few, more = (
        FAMILIES["mlp"].candidates(rows_of(rng.integers(0, 9, (n, 9)), rng.integers(0, 9, n)))
        for n in (60, 180)
    )
    assert [c.hidden for c in few] == [(2,)]
    assert [c.hidden for c in more] == [(2,), (3,), (4,), (6,), (8,)]


GOING_ON = [(name, task) for name, task in TASKS if FAMILIES[name].without]


@pytest.mark.parametrize("family, task", GOING_ON)
def test_a_draft_that_goes_on_without_an_input_is_as_good_as_one_that_starts_anew(family, task):
    """Without the sensor that tells most both are far worse than without one that tells little."""
    kind, rows = FAMILIES[family], street(task)
    config = configs_of(kind, rows, 0.5)
    (whole,) = kind.fit_all(rows, [config], 1, draft=True)
    errors = []
    for kept in ((1, 2), (0, 1)):
        left = rows.only(kept)
        (anew,) = kind.fit_all(left, [config], 1, draft=True)
        goes_on = kind.without(whole, left, kept, 1)
        errors.append(left.error(goes_on.predict(left.x)))
        assert errors[-1] <= 1.1 * left.error(anew.predict(left.x)) + 0.02
    assert errors[0] > 2 * errors[1]


@pytest.mark.parametrize("family, task", GOING_ON)
@pytest.mark.parametrize("rows", AWKWARD)
def test_a_draft_goes_on_with_awkward_rows(family, task, rows):
    x, y = AWKWARD[rows]
    if x.shape[1] == 1:
        return
    kind, labels = FAMILIES[family], ("low", "mid", "high")
    y = np.digitize(y, np.quantile(y, (0.3, 0.6))) if task == "classification" else y
    made = rows_of(x, y, labels if task == "classification" else ())
    config = kind.candidates(made)[0]
    (whole,) = kind.fit_all(made, [config], 1, draft=True)
    left = made.only((1,))
    assert np.isfinite(kind.without(whole, left, (1,), 1).predict(left.x)).all()


def test_a_polynomial_of_rows_that_the_root_weighs_alike():
    """Where the target is 0 the root has no slope: what is left are rows of one reading."""
    x = np.repeat([[0], [1]], 20, axis=0)
    rows = rows_of(x, 100 * x[:, 0])
    for config in FAMILIES["polynomial"].candidates(rows):
        fitted = FAMILIES["polynomial"].fit(rows, config, 0)
        assert np.isfinite(fitted.predict(rows.x)).all()
