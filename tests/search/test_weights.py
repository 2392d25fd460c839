"""Robust and balanced training: what 10 % of faulty references do to a model, with and without row
weights.
"""

import dataclasses

import numpy as np
import pytest
from quick import HARD_INPUTS
from search_rows import made_up

from tinygen import data
from tinygen.commands.demo import ARTICLE_INPUTS
from tinygen.common.errors import UsageError
from tinygen.families import FAMILIES
from tinygen.fitting.weighted import median
from tinygen.search.sample_weights import (
    BINS,
    CUT,
    MOST_BALANCE,
    USUAL,
    balance_weights,
    biweight,
    trust_in_rows,
    usual_distance,
    weighed,
)

PART, RUN = 0.1, 20  # faulty training rows, and how long the reference hangs


def with_faults(dataset, seed=0):
    """The data set with PART of its training targets faulty: half hang for RUN rows, most of them
    at the stop; half belong to other rows.
    """
    rng, train = np.random.default_rng(seed), dataset.train
    y, wanted = dataset.y.copy(), int(PART * len(train))
    for start in rng.choice(len(train) // RUN, wanted // 2 // RUN, replace=False) * RUN:
        y[train[start : start + RUN]] = np.quantile(
            dataset.y[train], rng.choice([0.02, 0.98, 0.98])
        )
    swapped = rng.choice(train, wanted // 2, replace=False)
    y[swapped] = rng.permutation(dataset.y[swapped])
    return dataset.with_rows(y=y)


def errors(dataset, truth, kind, place):
    """Mean absolute error, raw, on the clean test rows, and on the tenth of them with the highest
    truth.
    """
    family, rows = FAMILIES[kind], dataset.training
    config = family.candidates(rows)[place]
    answers = np.floor(family.fit_all(rows, [config], 0)[0].predict(dataset.x[dataset.test]) + 0.5)
    wrong, right = np.abs(answers - truth[dataset.test]), truth[dataset.test]
    return wrong.mean(), wrong[right >= np.quantile(right, 0.9)].mean()


def four(dataset):
    """The data set with clean and with faulty training rows, each without and with --robust."""
    faulty = with_faults(dataset)
    return dataset, weighed(dataset, True), faulty, weighed(faulty, True)


@pytest.fixture(scope="module")
def simulated():
    return four(made_up(rows=1500))


@pytest.mark.parametrize(
    "kind, place, gain", [("ridge", 3, 1.3), ("polynomial", 3, 1.02), ("tree", 5, 1.05)]
)
def test_faulty_references_do_less_harm_to_a_robust_model(simulated, kind, place, gain):
    clean, clean_robust, faulty, robust = (
        errors(rows, simulated[0].y, kind, place)[0] for rows in simulated
    )
    print(
        f"{kind}: clean {clean:.2f}, clean robust {clean_robust:.2f}, faulty {faulty:.2f}, "
        f"faulty robust {robust:.2f} raw steps"
    )
    assert faulty > gain * robust
    assert robust < 1.1 * clean and abs(clean_robust - clean) < 0.03 * clean


def test_faulty_references_on_the_real_file(air_quality, level):
    if level == "commit":
        pytest.skip("the same on thousands of real rows: --level release")
    dataset = data.prepare(data.load_table(air_quality), "C6H6(GT)", ARTICLE_INPUTS)
    every = four(dataset)
    for kind, place, gain in (("lookup", 4, 1.5), ("polynomial", 7, 1.5), ("tree", 8, 1.3)):
        clean, clean_robust, faulty, robust = (
            errors(rows, dataset.y, kind, place)[0] for rows in every
        )
        print(
            f"air quality, {kind}: clean {clean:.3f}, clean robust {clean_robust:.3f}, faulty "
            f"{faulty:.3f}, "
            f"faulty robust {robust:.3f} raw steps"
        )
        assert faulty > gain * robust and robust < 1.1 * clean and clean_robust < 1.05 * clean


def test_the_rows_left_out_are_the_faulty_ones(simulated):
    dataset, clean, faulty, kept = simulated
    gone = np.setdiff1d(faulty.train, kept.train)
    moved = np.abs(faulty.y - dataset.y)
    assert (moved[gone] > 0).mean() > 0.95 and (
        moved[kept.train] > 60
    ).mean() < 0.005  # 60: 20 times the noise
    assert kept.provenance.weighting["robust"]["left_out"] == len(gone) and any(
        f"{len(gone)} of 1200" in note for note in kept.notes
    )
    assert len(clean.train) >= 1195


def test_test_rows_have_no_say(level):
    dataset = with_faults(made_up(rows=600 if level == "release" else 250))
    y = dataset.y.copy()
    y[dataset.test] = 9
    first, other = (weighed(rows, True, True) for rows in (dataset, dataset.with_rows(y=y)))
    assert (
        (first.rows.weights == other.rows.weights).all()
        and (first.train == other.train).all()
        and first.target == other.target
    )


def test_balancing_pays_in_the_top_decile():
    rng = np.random.default_rng(3)
    dataset = made_up(rows=1500)
    # few high values
    y = np.floor(
        np.exp(dataset.x[:, 0] / 200) * 6 + 0.05 * dataset.x[:, 1] + rng.normal(0, 3, 1500)
    ).astype(int)
    dataset = dataset.with_rows(
        y=y, output=dataclasses.replace(dataset.target, maximum=float(y.max()) / 10)
    )
    plain, balanced = (
        errors(dataset, y, "ridge", 0),
        errors(weighed(dataset, balance=True), y, "ridge", 0),
    )
    print(
        f"error in the top decile {plain[1]:.1f} without, {balanced[1]:.1f} with --balance; "
        f"over all {plain[0]:.1f} and {balanced[0]:.1f} raw steps"
    )
    assert balanced[1] < 0.8 * plain[1]


def test_balancing_on_the_real_file(air_quality):
    dataset = data.prepare(data.load_table(air_quality), "C6H6(GT)", HARD_INPUTS)
    plain, balanced = (
        errors(rows, dataset.y, "ridge", 0) for rows in (dataset, weighed(dataset, balance=True))
    )
    print(
        f"top decile {plain[1]:.1f} without, {balanced[1]:.1f} with --balance; "
        f"over all {plain[0]:.1f} and {balanced[0]:.1f} raw steps"
    )
    assert balanced[1] < 0.8 * plain[1] and balanced[0] < 1.2 * plain[0]


@pytest.mark.parametrize(
    "kind", [name for name, family in FAMILIES.items() if "regression" in family.tasks]
)
def test_every_family_counts_rows_as_if_they_were_there_more_often(kind):
    """Weights 1 and 3 give what the same rows give when three times there; the metric alone tells
    nothing about the fit.
    """
    dataset = made_up(rows=300)
    rows, family = dataset.training, FAMILIES[kind]
    often = np.where(np.arange(len(rows.y)) % 4 == 0, 3, 1)
    place = min(2, len(family.candidates(rows)) - 1)
    fits = [
        family.fit_all(given, [family.candidates(rows)[place]], 0)[0].predict(rows.x)
        for given in (
            rows,
            dataclasses.replace(rows, weights=often / often.mean()),
            rows.take(np.repeat(np.arange(len(rows.y)), often)),
        )
    ]
    plain, weighted, _repeated = (rows.error(fit) for fit in fits)
    assert np.abs(fits[0] - fits[1]).max() > 0  # the weights are looked at
    # a random start, and leaves of so many rows at least, see rows as such
    if kind not in ("mlp", "forest", "model_tree"):
        assert np.abs(fits[2] - fits[1]).max() <= 1e-3 * np.ptp(rows.y) + (kind == "tree")
    assert weighted < 1.5 * plain


def test_weighted_rows_are_judged_by_their_weights():
    rows = dataclasses.replace(made_up(rows=100).training, weights=np.arange(80.0))
    answers = rows.y + (np.arange(80) >= 79)
    assert rows.error(answers) == pytest.approx(79 / (79 * 80 / 2)) and rows.take(
        [78, 79]
    ).weights.tolist() == [78, 79]
    assert rows.take([0]).spread() == 0 and rows.take([70, 71]).spread() > 0


def test_the_median_of_weighted_rows():
    assert [
        median(np.array([5, 1, 9]), w) for w in (None, np.array([1, 5, 1.0]), np.array([1, 1, 5.0]))
    ] == [5, 1, 9]


def test_the_pieces():
    assert biweight(np.array([0, USUAL, (USUAL + CUT) / 2, CUT, 99])).tolist() == [
        1,
        1,
        0.5625,
        0,
        0,
    ]
    expected = np.arange(4000.0)
    distance = np.abs(np.random.default_rng(0).normal(size=4000)) * (10 + expected / 100)
    found = usual_distance(expected, distance)
    assert found[300] == pytest.approx(13, rel=0.15) and found[3700] == pytest.approx(47, rel=0.15)
    assert (
        usual_distance(expected, np.zeros(4000)).tolist() == [1.0] * 4000
    )  # never less than a step
    spread = balance_weights(np.append(np.zeros(1000, int), [BINS * 100]))
    assert spread.mean() == pytest.approx(1) and spread[-1] == pytest.approx(
        MOST_BALANCE * spread[0]
    )
    assert trust_in_rows(made_up(rows=60).training).min() >= 0 and CUT > USUAL >= 4


def test_it_tells_how_far_it_is():
    said = []
    weighed(made_up(rows=100), True, progress=said.append)
    assert (
        said[0].endswith("1 of 25 steps")
        and said[-1].endswith("25 of 25 steps")
        and len(said) == 25
    )


def test_classes_have_no_distance():
    dataset = made_up().with_rows(labels=("a", "b"))
    with pytest.raises(
        UsageError, match="--robust weighs rows by a quantity, the target 'y' holds classes"
    ):
        weighed(dataset, True)
    with pytest.raises(UsageError, match="--balance"):
        weighed(dataset, balance=True)
    assert weighed(dataset) is dataset
