"""Families that name classes, and the trees: integers decide as floats do, on the chip's terms."""

from dataclasses import replace

import numpy as np
import pytest
from host_c import compile_header, run_rows
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestRegressor
from sklearn.tree import DecisionTreeRegressor

from tinygen.common.errors import ModelError
from tinygen.data import Rows
from tinygen.families import FAMILIES, mlp_classifier
from tinygen.fitting import class_scores as scores
from tinygen.fitting.class_scores import Frame, Scores
from tinygen.fitting.lowering import scalings
from tinygen.fitting.trees import from_sklearn
from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import Model, from_json
from tinygen.model.nodes import Bounds
from tinygen.model.operations.argmax import Argmax
from tinygen.model.operations.dense import Dense
from tinygen.model.operations.forest import Forest
from tinygen.search.quantization import class_metrics

CLASSIFIERS = [f for f in FAMILIES.values() if "classification" in f.tasks]
REGRESSORS = [FAMILIES["tree"], FAMILIES["forest"]]


def rows_of(
    classes: int, n: int = 400, inputs: int = 5, seed: int = 0, steps: float = 100.0
) -> Rows:
    """Gaussian clusters in raw steps; with 0 classes a quantity that depends on two inputs."""
    x, y = make_classification(
        n,
        inputs,
        n_informative=inputs - 1,
        n_redundant=0,
        n_classes=max(classes, 2),
        n_clusters_per_class=1,
        class_sep=1.5,
        random_state=seed,
    )
    raw = np.floor(x * steps * np.arange(1, inputs + 1) + 0.5).astype(np.int64)
    quantities = tuple(
        Quantity(f"x{k}", "", 1.0, float(c.min()), float(c.max())) for k, c in enumerate(raw.T)
    )
    if not classes:
        y = np.abs(raw[:, 0]) + np.where(raw[:, 1] > 0, 300, 0)
        return Rows(raw, y, quantities, Quantity("y", "", 1.0, float(y.min()), float(y.max())))
    return Rows(
        raw,
        y.astype(np.int64),
        quantities,
        Quantity("kind", "", 1.0, 0.0, classes - 1.0),
        tuple(f"k{k}" for k in range(classes)),
    )


def lowered(family, rows: Rows, config=None):
    """Float model and integer model of a family's middle candidate."""
    candidates = family.candidates(rows)
    fitted = family.fit_all(rows, [config or candidates[len(candidates) // 2]], 0)[0]
    inputs = tuple(rows.inputs[c] for c in fitted.columns)
    return fitted, Model(
        "m", family.name, inputs, rows.output, family.lower(fitted, rows), labels=rows.labels
    )


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("family", CLASSIFIERS, ids=lambda f: f.name)
def test_integers_decide_as_floats_do(family, classes):
    rows, fresh = rows_of(classes).take(slice(0, 300)), rows_of(classes).take(slice(300, 400))
    fitted, model = lowered(family, rows)
    for part in (rows, fresh):
        whole, exact = model.answer(part.x[:, list(fitted.columns)]), fitted.predict(part.x)
        assert (whole != exact).mean() <= 0.03 and part.error(whole) <= part.error(exact) + 0.02
    assert rows.error(fitted.predict(rows.x)) < 0.2 < 1 - 1 / classes  # it has learned something
    assert from_json(model.to_json()) == model and model.labels == rows.labels


@pytest.mark.parametrize("family", CLASSIFIERS, ids=lambda f: f.name)
def test_the_comparison_can_fail(family):
    """A model for other labels does not agree."""
    rows = rows_of(3)
    other = replace(rows, y=(rows.y + 1) % 3)
    fitted, model = lowered(family, other)
    assert rows.error(model.answer(rows.x[:, list(fitted.columns)])) > 0.6


@pytest.mark.parametrize("family", CLASSIFIERS, ids=lambda f: f.name)
def test_the_same_seed_gives_the_same_model(family):
    rows = rows_of(3)
    assert lowered(family, rows)[1] == lowered(family, rows)[1]


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("family", CLASSIFIERS, ids=lambda f: f.name)
def test_host_c_equals_the_twin(family, classes, tmp_path):
    _, model = lowered(family, rows_of(classes))
    rows = model.sample_rows(20_000)
    assert (run_rows(compile_header(model, tmp_path), rows) == model.predict(rows)).all()


@pytest.mark.parametrize("family", REGRESSORS, ids=lambda f: f.name)
def test_trees_of_quantities_in_host_c_and_near_the_float_model(family, tmp_path):
    rows = rows_of(0)
    fitted, model = lowered(family, rows)
    exact, whole = fitted.predict(rows.x), model.answer(rows.x[:, list(fitted.columns)])
    assert rows.error(whole) <= rows.error(exact) * 1.005 + 0.5
    assert rows.error(whole) < 0.5 * np.abs(rows.y - np.median(rows.y)).mean()
    sample = model.sample_rows(20_000)
    assert (run_rows(compile_header(model, tmp_path), sample) == model.predict(sample)).all()


@pytest.mark.parametrize("seen", [(0,), (1,), (0, 2), (1, 2)])
@pytest.mark.parametrize("family", CLASSIFIERS, ids=lambda f: f.name)
def test_a_class_that_a_fold_lacks_is_never_answered(family, seen):
    rows = rows_of(3)
    part = rows.take(np.isin(rows.y, seen))
    fitted, model = lowered(family, part)
    assert set(fitted.predict(rows.x).tolist()) <= set(seen)
    assert set(model.answer(rows.x[:, list(fitted.columns)]).tolist()) <= set(seen)


@pytest.mark.parametrize("seen", [0, 1])
@pytest.mark.parametrize("family", CLASSIFIERS, ids=lambda f: f.name)
def test_one_class_of_two(family, seen):
    rows = rows_of(2)
    fitted, model = lowered(family, rows.take(rows.y == seen))
    assert (fitted.predict(rows.x) == seen).all() and (
        model.answer(rows.x[:, list(fitted.columns)]) == seen
    ).all()


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_a_sensor_that_never_moves_does_no_harm(classes):
    """Every family, every candidate: floats are fitted and integers still follow them."""
    rows = rows_of(classes, n=150)
    rows = replace(
        rows,
        x=np.insert(rows.x, 1, 7, axis=1),
        inputs=(rows.inputs[0], Quantity("stuck", "", 1.0, 7.0, 7.0), *rows.inputs[1:]),
    )
    for family in (f for f in FAMILIES.values() if rows.task in f.tasks):
        for config in family.candidates(rows)[::4]:
            fitted, model = lowered(family, rows, config)
            exact, whole = fitted.predict(rows.x), model.answer(rows.x[:, list(fitted.columns)])
            assert np.isfinite(exact).all() and rows.error(whole) <= 1.5 * rows.error(exact) + (
                0.02 if classes else 1.0
            ), (family.name, config)


def test_two_classes_need_one_row():
    dense = lowered(FAMILIES["logistic"], rows_of(2))[1].nodes[-1]
    assert (
        isinstance(dense, Dense) and len(dense.weights) == 1 and (dense.low, dense.high) == (0, 1)
    )
    chain = lowered(FAMILIES["logistic"], rows_of(3))[1].nodes
    assert isinstance(chain[-1], Argmax) and len(chain[-2].weights) == 3


@pytest.mark.parametrize("classes", [2, 3])
def test_a_class_net_has_no_idle_units(classes, monkeypatch):
    """More units than the rows need: those that do nothing are gone, and what is answered stays."""
    rows = rows_of(classes, n=200)
    config = mlp_classifier.Config(24, 3.0)
    lean = mlp_classifier.fit(rows, config)
    monkeypatch.setattr(mlp_classifier, "IDLE", 0.0)
    whole = mlp_classifier.fit(rows, config)
    assert len(lean.bias) < len(whole.bias) == 24
    difference = lean.class_scores(rows.x) - whole.class_scores(rows.x)
    apart = difference - difference.mean(axis=1, keepdims=True)
    assert np.abs(apart).max() < 1.0 and (lean.predict(rows.x) != whole.predict(rows.x)).sum() <= 1


# ---- scores ----


def test_scores_are_shifted_just_enough_for_16_bits():
    inside = Bounds((-128,) * 40, (127,) * 40)
    for size in (1, 20, 127):
        whole = Scores(np.full((3, 40), size), np.array([0, 5, -5]))
        dense, _ = scores.decision_nodes(whole, inside)
        proven = dense.bounds(inside)
        assert min(proven.low) >= -32768 and max(proven.high) <= 32767
        least, most = proven.acc_low >> dense.shift, proven.acc_high >> dense.shift
        assert dense.low <= least and most <= dense.high  # no clamp is ever reached
        assert (
            dense.shift == 0
            or proven.acc_high >> (dense.shift - 1) > 32767
            or proven.acc_low >> (dense.shift - 1) < -32768
        )


@pytest.mark.parametrize("limit", [3, 7])
def test_joint_rounding_loses_less_than_plain_rounding(limit):
    """With 3 and 4 bits of coefficient rounding costs enough to be told apart."""
    for seed in range(4):
        rows = rows_of(4, seed=seed, inputs=8)
        fitted = FAMILIES["logistic"].fit(rows, FAMILIES["logistic"].candidates(rows)[-1], 0)
        scale = scalings(rows)[0]
        values, exact = (
            scale.apply(rows.x),
            fitted.scores.seen_through(*fitted.frame.through(scale)),
        )
        plain, joint = (
            adapted.loss(values, rows.y)
            for _, adapted in scores.rounded_scores(exact, values, rows.y, limit)
        )
        assert exact.loss(values, rows.y) < joint < plain


def test_frame_and_integers_stand_for_the_same_inputs():
    rows = rows_of(2, steps=1000.0)
    frame = Frame.of(rows)
    for scale in scalings(rows):
        gain, offset = frame.through(scale)
        step = 2.0**scale.shift / np.array(scale.multiplier) / frame.spread
        assert (
            np.abs(gain * scale.apply(rows.x) + offset - frame.z(rows.x)) <= step * 0.501 + 1e-9
        ).all()


def test_one_scaling_for_all_inputs_only_where_it_loses_nothing():
    def shared(*ranges):
        quantities = tuple(Quantity(f"x{k}", "", 1.0, a, b) for k, (a, b) in enumerate(ranges))
        x = np.zeros((4, len(ranges)), dtype=np.int64)
        scale = scalings(Rows(x, x[:, 0], quantities, quantities[0], ("a", "b")))[0]
        return len(set(zip(scale.low, scale.multiplier))) == 1

    assert shared((0, 16), (0, 3), (2, 12))  # small integers stay what they are
    assert shared((0, 1000), (100, 900))
    assert not shared((0, 1000), (0, 10)) and not shared((0, 500), (5000, 5500))


def test_a_chain_is_accepted_by_its_decisions_and_its_loss():
    rows = rows_of(2)
    bad, good = ((Forest((), ((value,),), (-1,), (0,), 0, 1),) for value in (0, 1))
    half = replace(rows, y=np.ones_like(rows.y))  # the second chain answers all right
    assert scores.as_decided([(bad, 0.1), (good, 0.1)], half, 0.0, 0.1) == good
    assert scores.as_decided([(good, 0.5), (bad, 0.1)], half, 0.0, 0.1) == good
    twin = (replace(good[0], leaves=((2,),)),)  # clamped to 1: the same answers
    assert scores.as_decided([(good, 0.5), (twin, 0.1)], half, 0.0, 0.1) == twin
    assert scores.as_decided([(good, 0.1), (twin, 0.05)], half, 0.0, 0.1) == good
    # a float loss of 0.01, and 0.002 on top that does not count
    assert scores.as_decided([(good, 0.0121), (twin, 0.01)], half, 0.0, 0.01) == good
    assert scores.as_decided([(good, 0.0123), (twin, 0.01)], half, 0.0, 0.01) == twin
    # a better one that no type is wide enough for is chosen only where it is the only one
    wide = (Dense(((32767,) * 3,), (2**31 - 1,), 0, 0, 1),)
    assert scores.as_decided([(wide, 0.0), (good, 0.5)], half, 0.0, 0.01) == good
    assert scores.as_decided([(wide, 0.0)], half, 0.0, 0.01) == wide


def test_a_coarser_chain_stands_in_front_of_the_one_that_is_taken():
    """Within a quarter of the float model's error and loss."""
    rows = rows_of(2)
    bad, good = ((Forest((), ((value,),), (-1,), (0,), 0, 1),) for value in (0, 1))
    half = replace(rows, y=np.ones_like(rows.y))  # the second chain answers all right
    twin = (replace(good[0], leaves=((2,),)),)  # clamped to 1: the same answers

    def found(*choices):
        return scores.coarser_than_decided(choices, half, 0.0, 0.1)

    assert found((good, 0.12), (twin, 0.1)) == good
    assert found((good, 0.1), (twin, 0.12)) == ()  # the first one is taken as it is
    assert found((good, 0.128), (twin, 0.1)) == () == found((bad, 0.1), (twin, 0.1))
    assert found((bad, 0.1), (good, 0.12), (twin, 0.1)) == good
    wide = (Dense(((32767,) * 3,), (2**31 - 1,), 0, 0, 1),)
    assert found((wide, 0.12), (good, 0.1)) == ()  # no type is wide enough
    some = replace(rows, y=(np.arange(len(rows.y)) % 10 < 6).astype(np.int64))  # `bad` errs 0.6
    for error, expected in ((0.47, ()), (0.49, bad)):
        assert scores.coarser_than_decided([(bad, 0.1)], some, error, 0.1) == expected


def test_decay_weighs_as_much_on_some_of_the_rows(monkeypatch):
    found, loss = [], mlp_classifier._loss
    monkeypatch.setattr(mlp_classifier, "TRIED_ROWS", 100)
    monkeypatch.setattr(mlp_classifier, "_loss", lambda *given: found.append(given) or loss(*given))
    mlp_classifier.fit(rows_of(2), mlp_classifier.Config(2, 3.0))
    assert [(len(z), decay) for z, _, _, decay, _ in found] == [(100, 0.75), (400, 3.0)]


@pytest.mark.parametrize("tried", [400, 100])
def test_the_best_of_several_nets_goes_on(tried, monkeypatch):
    """Four quarters of a square, two of each class: a single net often finds a part of them. A part
    of the rows is enough to tell.
    """
    monkeypatch.setattr(mlp_classifier, "TRIED_ROWS", tried)
    x = np.random.default_rng(0).integers(-1000, 1000, (400, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    quantity = Quantity("x", "", 1.0, -1000.0, 1000.0)
    made = Rows(x, y, (quantity,) * 2, Quantity("kind", "", 1.0, 0.0, 1.0), ("apart", "alike"))

    def worst() -> float:
        nets = [mlp_classifier.fit(made, mlp_classifier.Config(4, 1.0), k) for k in range(6)]
        return max(made.error(net.predict(made.x)) for net in nets)

    several = worst()
    monkeypatch.setattr(mlp_classifier, "STARTS", 1)
    assert several < 0.05 and worst() > 0.15


# ---- trees ----


@pytest.mark.parametrize("leaves", [2, 7, 40])
def test_trees_go_where_sklearns_trees_go(leaves):
    rows = rows_of(0, seed=leaves)
    forest = RandomForestRegressor(4, max_leaf_nodes=leaves, random_state=0).fit(rows.x, rows.y)
    trees, values = from_sklearn(forest.estimators_)
    ours = values[:, 0][trees.leaf_of(rows.x)]
    assert np.allclose(ours, np.column_stack([tree.predict(rows.x) for tree in forest.estimators_]))
    assert trees.shares(rows.x) @ values[:, 0] == pytest.approx(ours.sum(axis=1))
    node = trees.node(np.arange(trees.leaves)[:, None], (7,), -30000, 30000)
    x = rows.x[:, list(trees.columns)]
    assert (node.apply(x)[:, 0] == trees.leaf_of(rows.x).sum(axis=1) + 7).all()


def test_the_limit_itself_goes_left_as_in_sklearn():
    tree = DecisionTreeRegressor(max_leaf_nodes=2).fit([[10], [11], [13], [14]], [0, 0, 9, 9])
    trees, values = from_sklearn([tree])
    assert trees.trees == (((0, 12, -1, -2),),)
    assert values[trees.leaf_of(np.array([[12], [13]]))[:, 0], 0].tolist() == [0, 9]


def test_equal_leaves_are_stored_once():
    rows = rows_of(3)
    _, model = lowered(FAMILIES["forest"], rows)
    forest = model.nodes[0]
    assert len(set(forest.leaves)) == len(forest.leaves) < len(forest.splits) + len(forest.roots)


def test_a_tree_without_splits_is_a_constant():
    rows = rows_of(0)
    flat = replace(rows, y=np.full_like(rows.y, 42))
    fitted, model = lowered(FAMILIES["tree"], flat)
    assert fitted.columns == (0,) and (model.answer(rows.x[:, :1]) == 42).all()


def test_a_forest_whose_places_run_in_a_circle_is_refused():
    with pytest.raises(ModelError, match="a child stands after its parent"):
        Forest(((0, 1, 0, -1),), ((1,),), (0,), (0,), 0, 9).bounds(Bounds((-9,), (9,)))
    with pytest.raises(
        ModelError, match="every tree is a tree"
    ):  # a place shared by two parents, many times over
        Forest(
            tuple(
                (0, 1, min(k + 1, 9), min(k + 1, 9)) if k < 9 else (0, 1, -1, -1) for k in range(10)
            ),
            ((1,),),
            (0,),
            (0,),
            0,
            9,
        ).bounds(Bounds((-9,), (9,)))


# ---- figures ----


def test_figures_of_classes_by_hand():
    truth, answer, floats = (
        np.array([0, 0, 0, 1, 1, 2]),
        np.array([0, 0, 1, 1, 0, 2]),
        np.array([0, 0, 0, 1, 0, 2]),
    )
    figures = class_metrics(answer, floats, truth, ("a", "b", "c", "d"))
    assert figures["accuracy"] == pytest.approx(4 / 6, abs=1e-6) and figures[
        "error_rate"
    ] == pytest.approx(2 / 6, abs=1e-6)
    assert figures["float_error_rate"] == pytest.approx(1 / 6, abs=1e-6)
    assert figures["confusion"] == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert figures["recall"] == {"a": pytest.approx(2 / 3, abs=1e-6), "b": 0.5, "c": 1.0, "d": None}


def test_error_of_rows_is_the_rate_for_classes_and_the_size_for_quantities():
    rows = rows_of(2, n=50)
    assert rows.error(1 - rows.y) == 1.0 and rows.error(rows.y) == 0.0
    assert replace(rows, labels=()).error(rows.y + 3) == 3.0
