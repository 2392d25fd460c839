"""Baselines: known answers on small made-up rows; no choice looks at a test row."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tinygen.data import Dataset, Provenance, Rows, Split
from tinygen.model.alarm_threshold import AlarmBand
from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import load
from tinygen.report.words import beaten
from tinygen.report.words import test_error as error_of
from tinygen.search.comparators import (
    COMMONEST,
    MEDIAN,
    Comparator,
    best_line,
    boosting_bytes,
    compare,
    forest_bytes,
    ridge,
)

ROWS = 200
HOUSE = Path(__file__).parent.parent / "golden" / "house"


def made_up(y=None, x=None, labels=(), split="random", time=None, seed=0) -> Dataset:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 1000, size=(ROWS, 3)) if x is None else x
    y = 2 * x[:, 1] + 100 if y is None else y
    order = np.arange(ROWS) if split == "time" else rng.permutation(ROWS)
    quantities = tuple(
        Quantity(f"s{k}", "", 1.0, float(x[:, k].min()), float(x[:, k].max()))
        for k in range(x.shape[1])
    )
    target = Quantity("y", "ppb", 0.1, float(y.min()) / 10, float(y.max()) / 10)
    return Dataset(
        Rows(x, y, quantities, target, labels),
        Split(np.sort(order[:150]), np.sort(order[150:]), split, seed),
        Provenance("rows.csv", "0" * 64, ROWS, lines=np.arange(2, ROWS + 2), time=time),
    )


def by_name(found) -> dict:
    return {b.name: b for b in found}


def test_median_and_line_have_the_errors_that_can_be_worked_out_by_hand():
    dataset = made_up()
    found = by_name(compare(dataset, AlarmBand(high=1500)))
    y, middle = dataset.y[dataset.test], np.floor(np.median(dataset.y[dataset.train]) + 0.5)
    assert found["median"].error == pytest.approx(np.abs(y - middle).mean() * 0.1)
    assert (found["median"].false_alarms, found["median"].missed_alarms) == (
        0,
        int((y > 1500).sum()),
    )
    line = found["line on s1"]
    assert (line.error, line.false_alarms, line.missed_alarms, line.bytes) == (0, 0, 0, 8)
    assert found["ridge"].error < 0.05 and found["ridge"].bytes == 16


def test_without_a_threshold_nothing_is_said_of_alarms():
    assert all((b.false_alarms, b.missed_alarms) == (None, None) for b in compare(made_up()))


def test_the_best_column_is_chosen_on_training_rows_only():
    dataset = made_up()
    spoilt = dataset.y.copy()
    spoilt[dataset.test] = dataset.x[dataset.test, 0]
    assert "line on s1" in by_name(compare(dataset.with_rows(y=spoilt)))
    x, y = np.array([[0, 9], [1, 4], [2, 7]]), np.array([5, 6, 7])
    column, answers = best_line(x, y, np.array([[10, 0]]))
    assert column == 0 and answers == pytest.approx([15])
    still = np.column_stack([np.full(3, 8), x[:, 0]])  # a column that never moves, in silence
    assert best_line(still, y, np.array([[8, 10]]))[1] == pytest.approx([15])
    assert best_line(still[:, :1], y, np.array([[1000]]))[1] == pytest.approx([6])


def test_ridge_on_the_root_fits_a_square_and_is_left_out_below_zero():
    dataset = made_up()
    x = dataset.x.astype(float)
    square = (0.01 * x[:, 0] + 0.02 * x[:, 2]) ** 2
    assert (
        np.abs(ridge(x, square, x, 2) - square).max()
        < 1
        < np.abs(ridge(x, square, x, 1) - square).max()
    )
    assert "ridge on the root" in by_name(compare(dataset))
    assert "ridge on the root" not in by_name(compare(dataset.with_rows(y=dataset.y - 500)))


def test_persistence_is_the_reading_before_and_needs_time_in_order():
    y = np.arange(ROWS) * 3
    hours = np.datetime64("2004-03-10T18:00:00") + np.arange(ROWS) * np.timedelta64(3600, "s")
    persistence = by_name(compare(made_up(y=y, split="time", time=hours)))["persistence"]
    assert (
        persistence.error == pytest.approx(0.3)
        and persistence.bytes is None
        and "reference" in persistence.needs
    )
    assert "persistence" not in by_name(compare(made_up(y=y, split="time", time=hours[::-1])))
    assert "persistence" not in by_name(compare(made_up(y=y, split="time")))


def test_classes_are_judged_by_their_error_rate():
    rng = np.random.default_rng(1)
    x = rng.integers(0, 1000, size=(ROWS, 3))
    found = compare(
        made_up(
            y=(x[:, 0] > 300).astype(int) + (x[:, 0] > 600), x=x, labels=("low", "middle", "high")
        )
    )
    assert [b.name for b in found] == [
        "most frequent class",
        "logistic regression",
        "random forest, 100 trees",
        "gradient boosting",
    ]
    assert found[0].error > 0.4 and all(b.error < 0.1 for b in found[2:])
    assert all(b.false_alarms is None for b in found)


def test_two_runs_are_equal():
    assert compare(made_up(), AlarmBand(high=1100)) == compare(made_up(), AlarmBand(high=1100))


def test_sizes_count_every_split_and_leaf():
    class Tree:
        n_leaves, node_count = 5, 9

    class Forest:
        estimators_ = [type("Member", (), {"tree_": Tree})] * 3

    assert forest_bytes(Forest, 1) == 3 * (4 * 9 + 5 * 4)
    assert forest_bytes(Forest, 3) == 3 * (4 * 9 + 15 * 4)
    assert (
        boosting_bytes(type("Boosted", (), {"n_iter_": 10, "max_leaf_nodes": 31}), 2)
        == 10 * 2 * 31 * 13
    )


@pytest.mark.parametrize("project, constant", [("numbers", MEDIAN), ("classes", COMMONEST)])
def test_a_model_that_is_beaten_says_so(project, constant):
    model = load(HOUSE / project / "station.json")
    model = replace(model, training={**model.training, "rows_test": 20_000})
    own = error_of(model)
    beside = lambda name, error, size: Comparator(name, error, None, None, size)
    worse, better = beside(constant, 1.5 * own, 4), beside("ridge", 0.5 * own, 20)
    assert beaten(model, 100, [worse, replace(better, bytes=101)]) == []  # larger
    assert beaten(model, 100, [worse, replace(better, bytes=None)]) == []  # not on the board alone
    (words,) = beaten(model, 100, [worse, better])
    assert words.startswith("ridge does better on the test rows, ")
    (words,) = beaten(model, 100, [beside(constant, own, 4), better])
    assert words.startswith(f"no better than always answering the {constant} (error ")
    # a model file keeps six digits: the same error is neither better nor worse
    assert beaten(model, 100, [beside("ridge", own * (1 - 1e-8), 20)]) == []
    (words,) = beaten(model, 100, [beside(constant, own * (1 + 1e-8), 4)])
    assert words.startswith("no better than always answering")


@pytest.mark.parametrize("project, chance", [("numbers", 0.197), ("classes", 5 / 202)])
def test_a_difference_that_is_chance_is_no_objection(project, chance):
    """Of 202 rows: less than the standard error of the model's own error; five rows of a class."""
    model = load(HOUSE / project / "station.json")
    metrics = {**model.training["metrics"], "error_rate": 10 / 202}
    model = replace(model, training={**model.training, "metrics": metrics})
    said = lambda less: beaten(model, 100, [Comparator("ridge", own - less, None, None, 20)])
    own = error_of(model)
    assert not said(0.9 * chance) and said(1.3 * chance)


def test_an_error_that_reads_the_same_is_no_objection():
    model = load(HOUSE / "numbers" / "station.json")
    metrics = {**model.training["metrics"], "rmse": model.training["metrics"]["mae"]}  # no spread
    model = replace(model, training={**model.training, "metrics": metrics})
    own = error_of(model)
    assert beaten(model, 100, [Comparator("ridge", own - 1e-5, None, None, 20)]) == []
    assert beaten(model, 100, [Comparator("ridge", own - 1e-2, None, None, 20)])


def test_the_constant_ones_are_known():
    for labels in ((), ("low", "high")):
        dataset = made_up(y=np.arange(ROWS) % 2 if labels else None, labels=labels)
        assert [b.name for b in compare(dataset) if b.constant] == [COMMONEST if labels else MEDIAN]
