"""Splits and folds: no row on both sides, and the clock's order where it is asked for."""

import numpy as np
import pytest
from tables import grid, parse

from tinygen.common.errors import ModelError
from tinygen.data import Split, folds, prepare


def keys(dataset, index):
    return set(map(tuple, np.column_stack([dataset.x, dataset.y])[index].tolist()))


@pytest.mark.parametrize("kind", [np.int64, np.uint16])
def test_training_rows_out_of_order_are_refused(kind):
    """In time order they may be: the file need not be."""
    order, none = np.array([0, 2, 1], kind), np.array([], kind)
    with pytest.raises(ModelError, match="out of order: sort them"):
        Split(order, none)
    assert Split(order, none, "time").by_time and len(Split(np.sort(order), none).train) == 3


@pytest.mark.parametrize("split", ["random", "time"])
def test_train_and_test_share_no_row(split):
    text = grid(40) + grid(30).split("\n", 1)[1] + grid(50).split("\n", 1)[1]
    dataset = prepare(parse(text), "y", split=split)
    assert (
        dataset.provenance.rows_read,
        dataset.provenance.rows_dropped,
        dataset.provenance.repeated,
        len(dataset.x),
    ) == (120, 0, 70, 120)
    once = [
        *range(40),
        *range(110, 120),
    ]  # in file order a block that was written twice counts once
    assert sorted([*dataset.train, *dataset.test]) == (
        once if split == "time" else list(range(120))
    )
    assert not keys(dataset, dataset.train) & keys(dataset, dataset.test)
    assert len(dataset.test) >= 8 and dataset.provenance.lines.tolist() == list(range(2, 122))


def test_the_check_for_shared_rows_can_fail():
    dataset = prepare(parse(grid(40)), "y")
    doubled = dataset.with_rows(
        x=np.concatenate([dataset.x] * 2), y=np.concatenate([dataset.y] * 2)
    )
    assert keys(doubled, dataset.train) & keys(doubled, dataset.train + 40)


def test_equal_readings_with_another_target_are_no_duplicates():
    rows = parse(grid(40, "a,y", lambda i: f"{i // 2},{i}"))
    assert prepare(rows, "y").provenance.repeated == 0


def test_random_split_depends_on_the_seed_only():
    rows = parse(grid(100))
    one, again, other = (
        prepare(rows, "y", seed=3),
        prepare(rows, "y", seed=3),
        prepare(rows, "y", seed=4),
    )
    assert np.array_equal(one.test, again.test) and not np.array_equal(one.test, other.test)
    assert len(one.test) == 20 and (np.diff(one.test) > 0).all() and (np.diff(one.train) > 0).all()
    assert len(prepare(rows, "y", test_fraction=0.33).test) == 33


def shuffled_days(rows=90):
    """Rows of different days, not in their order in the file; column a counts the days."""
    order = np.random.default_rng(1).permutation(rows)
    return parse(
        grid(
            rows,
            "when,a,y",
            lambda i: f"{np.datetime64('2024-01-01') + order[i]},{order[i]},{3 * order[i]}",
        )
    )


def test_time_split_follows_the_clock_not_the_file():
    dataset = prepare(shuffled_days(), "y", split="time")
    assert dataset.x[dataset.train, 0].tolist() == list(range(63)) and dataset.x[
        dataset.test, 0
    ].tolist() == list(range(63, 90))
    assert (
        dataset.provenance.time[dataset.train].max() < dataset.provenance.time[dataset.test].min()
    )
    random = prepare(shuffled_days(), "y")
    assert (
        random.provenance.time[random.train].max() > random.provenance.time[random.test].min()
    )  # the check above can fail


def test_time_split_without_dates_follows_the_file_and_says_so():
    dataset = prepare(parse(grid(100)), "y", split="time")
    assert dataset.train.tolist() == list(range(70)) and dataset.test.tolist() == list(
        range(70, 100)
    )
    assert "order of rows" in dataset.notes[0]
    assert not prepare(shuffled_days(), "y", split="time").notes[1:]


def test_rows_of_one_moment_stay_on_one_side():
    rows = parse(grid(100, "when,a,y", lambda i: f"2024-01-{i // 8 + 1:02},{i},{3 * i}"))
    dataset = prepare(rows, "y", split="time")
    assert (len(dataset.train), len(dataset.test)) == (72, 28)


def test_random_folds_validate_each_training_row_once():
    dataset = prepare(parse(grid(103)), "y", seed=5)
    pairs = folds(dataset, 5)
    assert (
        len(pairs) == 5 and sorted(np.concatenate([v for _, v in pairs])) == dataset.train.tolist()
    )
    for fit_on, validate in pairs:
        assert not set(fit_on) & set(validate) and set(fit_on) | set(validate) == set(dataset.train)
        assert not set(validate) & set(dataset.test)
    assert [v.tolist() for _, v in pairs] == [v.tolist() for _, v in folds(dataset, 5)]
    assert all(
        validate[-1] - validate[0] > 50 for _, validate in pairs
    )  # shuffled, not blocks of about 20


def test_time_folds_roll_forward():
    dataset = prepare(shuffled_days(), "y", split="time")
    pairs = folds(dataset, 4)
    assert len(pairs) == 4
    for fit_on, validate in pairs:
        assert dataset.provenance.time[fit_on].max() < dataset.provenance.time[validate].min()
        assert set(fit_on) | set(validate) <= set(dataset.train)
    assert [len(fit_on) for fit_on, _ in pairs] == [13, 26, 39, 51] and sum(
        len(v) for _, v in pairs
    ) == 50
