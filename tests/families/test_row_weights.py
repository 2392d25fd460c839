"""A row of weight 2 is the row written twice, a row of weight 0 is no row: for every family, and
for what stands beside the ladder.
"""

import re
from dataclasses import replace

import numpy as np
import pytest
from family_models import TASKS, fitted_model, street
from threadpoolctl import threadpool_limits

from tinygen import TinyClassifier, TinyRegressor
from tinygen.data import Dataset, Provenance, Split
from tinygen.fitting.weighted import deviation, mean, median, total
from tinygen.search.comparators import compare
from tinygen.search.sample_weights import MOST_REPEATS, counted_rows

# what draws rows at random, or starts from them, draws other ones from repeats; a net's float32
# sums differ in their last bits
BY_CHANCE = {("mlp", "regression"), ("mlp_classifier", "classification")}
BY_CHANCE |= {("forest", "classification")}
WITH_A_TARGET = sorted(pair for pair in set(TASKS) - BY_CHANCE if pair[1] != "guard")
COUNTS = np.random.default_rng(5).integers(0, 4, 400)  # of each row of `street`
TWO = {"classification": ("clean", "foul")}


def three_ways(task: str, two: bool = False):
    """The street's rows repeated, weighed, and as they are."""
    rows = street(task)
    if two:
        rows = replace(rows, y=np.minimum(rows.y, 1), labels=TWO[task])
        rows = replace(rows, output=replace(rows.output, maximum=1.0))
    seen = np.flatnonzero(COUNTS)
    weighed = replace(rows.take(seen), weights=COUNTS[seen].astype(float))
    return rows.take(np.repeat(np.arange(400), COUNTS)), weighed, rows.take(seen)


@pytest.mark.parametrize("name, task", WITH_A_TARGET)
def test_weights_are_repeats_for_a_family(name, task):
    repeated, weighed, plain = (fitted_model(name, rows, 0.0).nodes for rows in three_ways(task))
    assert weighed == repeated != plain


def test_weights_are_repeats_for_boosted_classes():
    ways = three_ways("classification", two=True)
    repeated, weighed, plain = (fitted_model("forest", rows, 0.0).nodes for rows in ways)
    assert weighed == repeated != plain


@pytest.mark.parametrize("name, task", sorted(BY_CHANCE))
def test_weights_are_heard_where_chance_has_a_say(name, task):
    """The rows that count a hundred times are answered better than without their weights."""
    rows = street(task)
    heavy = np.arange(400) % 8 == 3
    noise = np.random.default_rng(1).permutation(rows.y)
    rows = replace(rows, y=np.where(heavy, rows.y, noise))  # the others tell nothing
    told = replace(rows, weights=np.where(heavy, 100.0, 1.0))
    judged = rows.take(heavy)
    errors = []
    for some in (told, rows):
        model = fitted_model(name, some, 0.0)
        columns = [some.inputs.index(q) for q in model.inputs]
        errors.append(judged.error(model.answer(judged.x[:, columns])))
    assert errors[0] < 0.7 * errors[1]


@pytest.mark.parametrize("kind, family", [(TinyRegressor, "ridge"), (TinyClassifier, "tree")])
def test_an_estimator_takes_whole_weights_as_repeats(kind, family):
    rows = street("regression" if kind is TinyRegressor else "classification")
    x, y, counts = rows.x[:120] / 10, rows.y[:120], COUNTS[:120]
    with threadpool_limits(1):
        weighed = kind(family).fit(x, y, sample_weight=counts).model_
        repeated = kind(family).fit(np.repeat(x, counts, 0), np.repeat(y, counts)).model_
        plain = kind(family).fit(x, y).model_
    assert weighed.to_json() == repeated.to_json() != plain.to_json()


@pytest.mark.parametrize("kind, family", [(TinyRegressor, "ridge"), (TinyClassifier, "logistic")])
def test_of_other_weights_the_ratios_count(kind, family):
    """Also in folds and errors; and a row that counts next to nothing leaves no trace."""
    rows = street("regression" if kind is TinyRegressor else "classification")
    x, y, weights = rows.x[:120] / 10, rows.y[:120], COUNTS[:120] + 0.5
    with threadpool_limits(1):
        first, scaled, plain = (
            kind(family).fit(x, y, sample_weight=w) for w in (weights, weights / 64, None)
        )
    assert first.model_.nodes == scaled.model_.nodes != plain.model_.nodes
    assert [c.losses for c in first.candidates_] != [c.losses for c in plain.candidates_]
    assert first.model_.training["weighting"]["sample_weight"]["most"] > 1
    assert "weighting" not in plain.model_.training


@pytest.mark.parametrize(
    "weights, words",
    [
        ([1, 1], "sample_weight has shape (2,), X has 3 rows: give one weight per row"),
        ([1, -2, 1], "sample_weight of row 1 is -2: give finite numbers of 0 or more"),
        ([1, 1, float("nan")], "sample_weight of row 2 is nan: give finite numbers of 0 or more"),
        ([0, 0, 0], "every sample weight is zero: give the rows that count more than 0"),
    ],
)
def test_weights_that_are_none(weights, words):
    x, y = np.array([[1.0], [2.0], [3.0]]), [1, 2, 1]
    for kind in (TinyRegressor, TinyClassifier):
        with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
            kind("tree").fit(x, y, sample_weight=weights)


def test_which_rows_count():
    places, weights = counted_rows([2, 0, 1], 3)
    assert places.tolist() == [0, 0, 2] and weights is None
    places, weights = counted_rows([0.5, 0, 1.5], 3)
    assert places.tolist() == [0, 2] and weights.tolist() == [0.5, 1.5]
    places, weights = counted_rows([3 * MOST_REPEATS, 1, 0], 3)  # too many to write them out
    assert places.tolist() == [0, 1] and weights.tolist() == [3 * MOST_REPEATS, 1]
    assert counted_rows(3, 2)[0].tolist() == [0, 0, 0, 1, 1, 1]


def test_figures_of_weighted_rows_are_those_of_repeats():
    rng = np.random.default_rng(3)
    for _ in range(40):
        values, counts = rng.integers(0, 9, 7).astype(float), rng.integers(0, 3, 7).astype(float)
        counts[0] += 1
        repeated = values.repeat(counts.astype(int))
        assert median(values, counts) == np.median(repeated)
        assert mean(values, counts) == pytest.approx(repeated.mean())
        assert deviation(values, counts) == pytest.approx(repeated.std())
        assert total(7, counts) == len(repeated)


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_comparators_hear_weights(task):
    def shuffled(rows):
        """Targets that the inputs do not tell: then the weights decide."""
        order = np.random.default_rng(2).permutation(400)
        place = {tuple(x): k for k, x in enumerate(street(task).x)}
        return replace(rows, y=street(task).y[order[[place[tuple(x)] for x in rows.x]]])

    def errors(rows):
        """Of comparators without trees, which count rows, on the same fifty rows of weight 1."""
        tests, n = street(task).take(np.arange(50)), len(rows.y)
        both = replace(
            rows,
            x=np.vstack([rows.x, tests.x]),
            y=np.append(rows.y, tests.y),
            weights=None if rows.weights is None else np.append(rows.weights, np.ones(50)),
        )
        split = Split(np.arange(n), np.arange(n, n + 50))
        found = compare(Dataset(both, split, Provenance("rows", rows_read=n + 50)))
        return {c.name: c.error for c in found if "forest" not in c.name and "boost" not in c.name}

    repeated, weighed, plain = map(errors, map(shuffled, three_ways(task)))
    assert weighed == pytest.approx(repeated) and len(weighed) >= 2
    assert plain != pytest.approx(repeated)
