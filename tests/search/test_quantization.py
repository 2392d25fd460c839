"""The integer model of a trained one: its figures, what it refuses, scores and error bars."""

from dataclasses import replace

import numpy as np
import pytest
from quick import quick_model
from search_rows import made_up

from tinygen.common.errors import QuantizeError, UsageError
from tinygen.data import Dataset, Rows
from tinygen.families import FAMILIES
from tinygen.fitting.error_bars import held_out
from tinygen.model.alarm_threshold import AlarmBand
from tinygen.model.fixedpoint import TIME_PARTS, Derivation, Quantity, bits_for, round_shift
from tinygen.model.model import Model
from tinygen.search import quantization
from tinygen.search.cross_validation import Trained
from tinygen.search.quantization import (
    alarm_notes,
    class_metrics,
    class_scores,
    held_out_errors,
    input_sketches,
    metrics,
    quantize,
    raw_band,
    require_bars,
    require_scores,
    with_reject,
)

NUMBERS = made_up()


def of_classes(labels=("low", "middle", "high")) -> Dataset:
    """The same rows; y names a third of its range, or a half."""
    cuts = np.quantile(NUMBERS.y, np.arange(1, len(labels)) / len(labels))
    y = np.digitize(NUMBERS.y, cuts)
    target = Quantity("kind", "", 1.0, 0.0, len(labels) - 1.0)
    return replace(NUMBERS, rows=Rows(NUMBERS.x, y, NUMBERS.inputs, target, labels))


CLASSES = of_classes()


def trained_on(dataset: Dataset, kind: str, place: int = 0) -> Trained:
    family, rows = FAMILIES[kind], dataset.training
    config = family.candidates(rows)[place]
    return Trained(family, config, family.fit_all(rows, [config], 0)[0])


# --- figures -------------------------------------------------------------------------------------


def test_errors_are_in_the_unit_of_the_output():
    answer, floats, y = np.array([3, 5, 10]), np.array([2.5, 5.0, 9.0]), np.array([2, 5, 7])
    told = metrics(answer, floats, y, 0.1)
    assert told["mae"] == pytest.approx(4 / 3 * 0.1, rel=1e-5)
    assert told["float_mae"] == pytest.approx(2.5 / 3 * 0.1, rel=1e-5)
    assert told["rmse"] == pytest.approx(np.sqrt(10 / 3) * 0.1, rel=1e-5)
    assert told["r2"] == pytest.approx(1 - 10 / (y.var() * 3), rel=1e-5)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_r2_does_not_hang_on_the_unit(scale):
    y, answer = np.array([1, 2, 3, 6]), np.array([3, 3, 3, 3])
    told = metrics(answer, answer.astype(float), y, scale)
    assert told["r2"] == 0.0 and told["rmse"] == pytest.approx(np.sqrt(3.5) * scale)


def test_r2_of_a_constant_output_is_a_number():
    told = metrics(np.array([5, 5]), np.array([5.0, 5.0]), np.array([5, 5]), 1.0)
    assert told["r2"] == 1.0 and told["mae"] == 0.0


def test_classes_are_counted_by_their_true_class():
    answer, y = np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0])
    told = class_metrics(answer, np.array([0, 0, 0, 0]), y, ("a", "b", "c"))
    assert told["confusion"] == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert told["recall"] == {"a": 0.666667, "b": 1.0, "c": None}
    assert (told["accuracy"], told["error_rate"], told["float_error_rate"]) == (0.75, 0.25, 0.25)
    below = class_metrics(y - (y > 0), answer, np.array([1, 2, 0, 2]), ("a", "b", "c"))
    assert (below["accuracy"], below["error_rate"], below["float_error_rate"]) == (0.25, 0.75, 1)


def test_facts_of_a_number():
    model = quick_model(NUMBERS, threshold=30.0)
    told, test = model.training, NUMBERS.test
    columns = [NUMBERS.inputs.index(q) for q in model.inputs]
    answer, y = model.answer(NUMBERS.x[test][:, columns]), NUMBERS.y[test]
    assert told["rows_train"] == len(NUMBERS.train) == 320
    assert told["candidate_inputs"] == ["a", "b", "c"]
    assert told["metrics"]["mae"] == pytest.approx(np.abs(answer - y).mean() * 0.1, rel=1e-5)
    assert told["metrics"]["mae"] != told["metrics"]["float_mae"]
    false = int(((answer > 300) & (y <= 300)).sum())
    missed = int(((answer <= 300) & (y > 300)).sum())
    assert told["alarm"] == {"false": false, "missed": missed} and false + missed > 0
    assert "weighting" not in told and "learned_alarm" not in told
    shape = told["baseline"]
    assert [one["name"] for one in shape["sketches"]] == [*(q.name for q in model.inputs), "y"]
    trained = model.answer(NUMBERS.x[NUMBERS.train][:, columns])
    assert shape["alarm"] == pytest.approx((trained > 300).mean(), abs=1e-3)
    assert shape["rows"] == 320 and shape["missing"] == 0


def test_the_baseline_tells_the_rows_that_were_dropped():
    read = replace(NUMBERS.provenance, rows_read=400, rows_dropped=100)
    told = quick_model(replace(NUMBERS, provenance=read)).training["baseline"]
    assert told["missing"] == 0.25 and told.get("alarm") is None


@pytest.mark.parametrize("split", ["random", "time"])
@pytest.mark.parametrize("kind, column", [("ridge", 0), ("lookup", 0), ("lookup", 1)])
def test_the_baseline_of_inputs_is_that_of_all_models(split, kind, column):
    """Of the inputs that a model reads, wherever they stand among all."""
    dataset = made_up(split)
    configs = FAMILIES[kind].candidates(dataset.training)
    place = next(k for k, config in enumerate(configs) if getattr(config, "column", 0) == column)
    trained = trained_on(dataset, kind, place)
    assert trained.fitted.columns[0] == column
    known = input_sketches(dataset)
    assert [one.name for one in known] == [q.name for q in dataset.inputs]
    alone, shared = (quantize(trained, dataset, sketches=s) for s in (None, known))
    assert alone == shared and alone.training["baseline"] == shared.training["baseline"]
    wrong = quantize(trained, dataset, sketches=(*known[1:], known[0])).training["baseline"]
    assert wrong != alone.training["baseline"]


def test_facts_without_test_rows_have_no_figures():
    split = replace(NUMBERS.split, test=NUMBERS.test[:0])
    told = quick_model(replace(NUMBERS, split=split)).training
    assert "metrics" not in told and "alarm" not in told and told["rows_train"] == 320


def test_facts_of_classes():
    told = quick_model(CLASSES, "tree").training
    rows = np.array(told["metrics"]["confusion"]).sum()
    assert rows == len(CLASSES.test) and told["metrics"]["accuracy"] > 0.5
    assert told["alarm"] == {"false": 0, "missed": 0}


# --- levels --------------------------------------------------------------------------------------


def test_a_level_between_two_steps_is_the_same_alarm():
    target = NUMBERS.target
    assert raw_band(target, 15.04) == raw_band(target, 15.0) == AlarmBand(high=150)
    assert raw_band(target, alarm_below=15.04) == raw_band(target, alarm_below=15.1)
    assert raw_band(target, alarm_below=15.1) == AlarmBand(low=151)
    assert raw_band(replace(target, offset=10.0), 15.0) == AlarmBand(high=50)


@pytest.mark.parametrize(
    "arguments, said",
    [
        ((float("nan"),), "threshold nan is not a number"),
        ((3276.8,), "threshold 3276.8 ug/m3 is raw 32768, beyond int16: use one within +-3276.7"),
        ((-3276.8,), "threshold -3276.8 ug/m3 is raw -32768, beyond"),
        ((10.0, 10.0), "leaves no band between: the level below must be the smaller one"),
        ((10.04, 10.03), "leaves a band too narrow for steps of 0.1 ug/m3: move them apart"),
    ],
)
def test_a_level_that_cannot_be_is_refused(arguments, said):
    with pytest.raises(QuantizeError, match=said.replace("+", r"\+")):
        raw_band(NUMBERS.target, *arguments)
    assert raw_band(NUMBERS.target, 3276.7) == AlarmBand(high=32767)
    assert raw_band(NUMBERS.target, -3276.7) == AlarmBand(high=-32767)


def test_ends_of_a_target_with_an_offset():
    with pytest.raises(QuantizeError, match=r"use one within -3266.7 \.\. 3286.7"):
        raw_band(replace(NUMBERS.target, offset=10.0), 9999.0)


def test_a_level_that_no_row_or_every_row_crosses_is_told():
    y = NUMBERS.y[NUMBERS.train]
    ends = f"{y.min() / 10:.6g} .. {y.max() / 10:.6g} ug/m3"
    (none,) = alarm_notes(NUMBERS, AlarmBand(high=int(y.max())))
    (every,) = alarm_notes(NUMBERS, AlarmBand(high=int(y.min()) - 1))
    assert none.startswith("alarm: no training row is one, its 'y' is ") and ends in none
    assert every.startswith("alarm: every training row is one")
    assert alarm_notes(NUMBERS, AlarmBand(high=int(y.max()) - 1)) == ()
    assert alarm_notes(NUMBERS, AlarmBand(high=int(y.min()))) == ()
    assert alarm_notes(NUMBERS, AlarmBand()) == ()
    assert alarm_notes(CLASSES, AlarmBand(high=2)) == ()


# --- scores --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dataset, scores, rate, said",
    [
        (NUMBERS, True, None, "--scores is for classes, the target 'y' is a number"),
        (CLASSES, False, 0.0, "reject 0 is no part"),
        (CLASSES, False, 1.0, "reject 1 is no part"),
        (NUMBERS, False, 0.1, "reject is for classes, the target 'y' is a number"),
        (
            replace(CLASSES, split=replace(CLASSES.split, train=CLASSES.train[:9])),
            True,
            0.1,
            "reject needs 10 training rows or more, there are 9",
        ),
    ],
)
def test_scores_that_make_no_sense_are_refused(dataset, scores, rate, said):
    with pytest.raises(UsageError, match=said):
        require_scores(dataset, scores, rate)


def test_scores_that_make_sense_are_not():
    few = replace(CLASSES, split=replace(CLASSES.split, train=CLASSES.train[:10]))
    for dataset, scores, rate in ((NUMBERS, False, None), (CLASSES, True, None), (few, True, 0.5)):
        require_scores(dataset, scores, rate)


def test_a_tree_has_no_scores():
    with pytest.raises(QuantizeError, match="family 'tree' names a class without scores"):
        quantize(trained_on(CLASSES, "tree"), CLASSES, scores=True)


def test_what_names_a_class_is_its_score():
    model = quick_model(CLASSES, "logistic")
    raw = CLASSES.x[:, [CLASSES.inputs.index(q) for q in model.inputs]]
    found = class_scores(model, raw)
    assert found.shape == (len(raw), 3) and (found.argmax(axis=1) == model.predict(raw)).all()
    tree = quick_model(CLASSES, "tree")
    assert class_scores(tree, raw[:9, : len(tree.inputs)]) is None


def test_of_two_classes_a_sum_of_nothing_speaks_for_the_first():
    halves = of_classes(("no", "yes"))
    model = quick_model(halves, "logistic")
    raw = halves.x[:, [halves.inputs.index(q) for q in model.inputs]]
    found = class_scores(model, raw)
    assert (found[:, 0] == 0).all() and (found[:, 1] % 1 == 0.5).all()
    assert (found.argmax(axis=1) == model.predict(raw)).all()
    assert found[:, 1].min() < -100 and found[:, 1].max() > 100  # sums, clipped nowhere
    tree = quick_model(halves, "tree")  # whose leaves are the classes
    assert class_scores(tree, halves.x[:, : len(tree.inputs)]) is None


@pytest.mark.parametrize("steps, margin", [(0.0, 1), (1.5, 2), (3.0, 3), (1e9, None)])
def test_the_margin_is_the_limit_in_whole_scores(steps, margin, monkeypatch):
    """`steps`: what least_lead finds, in integer scores."""
    trained = trained_on(CLASSES, "logistic")
    model = quantize(trained, CLASSES, scores=True)
    x = CLASSES.x[CLASSES.train]
    floats = np.sort(trained.fitted.class_scores(x))
    exact = floats[:, -1] - floats[:, -2]
    scores = np.sort(model.values(x[:, list(trained.fitted.columns)])[:, 1:])
    whole = scores[:, -1] - scores[:, -2]
    limit = steps * (exact @ exact) / (exact @ whole)
    monkeypatch.setattr(quantization, "least_lead", lambda *arguments: limit)
    most = max(model.bounds[-2].high) - min(model.bounds[-2].low)
    assert with_reject(model, trained, CLASSES, 0.1).sure_margin == (margin or most)


def test_a_rate_of_wrong_answers_sets_the_margin():
    noisy = replace(CLASSES, rows=replace(CLASSES.rows, y=np.roll(CLASSES.y, 3)))
    mixed = np.where(np.arange(400) % 5 == 0, noisy.y, CLASSES.y)
    dataset = replace(CLASSES, rows=replace(CLASSES.rows, y=mixed))
    trained = trained_on(dataset, "logistic")
    model = quantize(trained, dataset, scores=True)
    sure = with_reject(model, trained, dataset, 0.08)
    told = sure.training["reject"]
    assert sure.sure_margin >= 1 and told["rate"] == 0.08
    assert sum(told["test"].values()) >= len(dataset.test)
    raw = dataset.x[dataset.test][:, [dataset.inputs.index(q) for q in model.inputs]]
    answers = sure.predict(raw)
    assert 0 < (answers < 0).mean() < 0.9
    named = answers >= 0
    assert (answers[named] == model.predict(raw)[named]).all()
    with pytest.raises(QuantizeError, match="no lead of the best class keeps wrong answers within"):
        with_reject(model, trained, dataset, 1e-6)


# --- error bars ----------------------------------------------------------------------------------


def test_error_bars_want_numbers_and_rows():
    assert require_bars(NUMBERS, None) is None and require_bars(NUMBERS, 0.9) == 90
    with pytest.raises(UsageError, match="error bars are for a number, the target 'kind' has"):
        require_bars(CLASSES, 0.9)
    few = replace(NUMBERS, split=replace(NUMBERS.split, train=NUMBERS.train[:50]))
    with pytest.raises(UsageError, match=r"error bars of 0.99 need 99 training rows .* are \d+:"):
        require_bars(few, 0.99)


def test_errors_are_distances_from_the_answer(monkeypatch):
    monkeypatch.setattr(Model, "answer", lambda self, rows: np.full(len(rows), 137))
    family = FAMILIES["ridge"]
    config = family.candidates(NUMBERS.training)[0]
    cuts = held_out(NUMBERS)
    partial = [family.fit_all(NUMBERS.rows.take(fit_on), [config], 0)[0] for fit_on, _ in cuts]
    errors = held_out_errors(trained_on(NUMBERS, "ridge"), partial, NUMBERS)
    truth = NUMBERS.y[np.concatenate([unseen for _, unseen in cuts])]
    assert errors.tolist() == [abs(137 - int(y)) for y in truth]
    assert (truth < 137).any() and (truth > 137).any()


def test_errors_are_those_of_rows_that_no_fit_has_seen():
    family = FAMILIES["ridge"]
    config = family.candidates(NUMBERS.training)[0]
    parts = [NUMBERS.rows.take(fit_on) for fit_on, _ in held_out(NUMBERS)]
    partial = [family.fit_all(rows, [config], 0)[0] for rows in parts]
    errors = held_out_errors(trained_on(NUMBERS, "ridge"), partial, NUMBERS)
    assert len(errors) == sum(len(unseen) for _, unseen in held_out(NUMBERS))
    assert errors.min() >= 0 and 5 < np.median(errors) < 60


# --- numbers -------------------------------------------------------------------------------------


def test_steps_and_their_ends():
    fine = Quantity("p", "hPa", 0.01, 950.0, 1050.0, offset=1000.0)
    assert fine.to_raw([950.0, 1050.0, np.nan, 9999.0, -9999.0]).tolist() == [
        *(-5000, 5000, -32768, 32767, -32767),
    ]
    assert fine.to_physical(123) == 1001.23 and fine.difference(123) == 1.23
    assert (fine.words(1001.2), Quantity("a", "", 0.1, 0, 1).words(1 / 3)) == (
        "1001.20",
        "0.333333",
    )
    coarse, finest = replace(fine, scale=100.0), replace(fine, scale=1e-10)
    assert (coarse.words(1200.0), finest.words(1 / 3)) == ("1200", "0.333333333")
    assert fine.limits == (-6250, 6250)
    assert Quantity("a", "", 1.0, -32000, 32000).limits == (-32767, 32767)
    assert Quantity("a", "", 1.0, 0.0, 9.0).limits == (-2, 11)
    hour = Quantity("h", "", 1.0, 0.0, 23.0, derivation=Derivation(("t",), "hour"))
    assert hour.limits == (0, 23)
    assert TIME_PARTS == {"hour": (0, 23), "weekday": (0, 6), "month": (1, 12)}
    assert Quantity("a", "", 0.1, 0, 1).to_raw([0.15, 0.25, -0.15]).tolist() == [2, 3, -1]
    assert Quantity("a", "", 0.1, 0, 1).to_physical(3) == 0.3
    assert Quantity("a", "", 5.0, 0, 1).to_physical(3) == 15.0
    assert Quantity("a", "", 0.1, 0, 1, offset=1e5).to_raw(100_000.15) == 2  # off by 6e-11


@pytest.mark.parametrize(
    "low, high, bits",
    [
        (-32768, 32767, 16),
        (-32769, 0, 24),
        (0, 32768, 24),
        (-(2**23), 2**23 - 1, 24),
        (-(2**23) - 1, 0, 32),
        (0, 2**23, 32),
        (-(2**31), 2**31 - 1, 32),
        (0, 2**31, 0),
        (-(2**31) - 1, 0, 0),
    ],
)
def test_the_narrowest_accumulator(low, high, bits):
    assert bits_for(low, high) == bits


def test_halves_are_rounded_up():
    assert [round_shift(v, 1) for v in (-3, -1, 0, 1, 3)] == [-1, 0, 0, 1, 2]
    assert (round_shift(7, 0), round_shift(7, 3), round_shift(-5, 3)) == (7, 1, -1)
