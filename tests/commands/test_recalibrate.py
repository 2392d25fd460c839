"""`tinygen recalibrate` by a file: what it finds, what it refuses, and that it does not mistake
weather for drift.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
from host_c import compile_header, run_rows
from random_models import random_models
from sealed import sealed

from tinygen.codegen.emit import render_header
from tinygen.common.errors import DataError, ModelError
from tinygen.common.tables import six_digits
from tinygen.fitting import recalibration
from tinygen.fitting.last_layer import coefficients, layer_of, with_layer
from tinygen.fitting.least_squares import Root
from tinygen.fitting.recalibration import (
    independent_readings,
    recalibrate,
    root_of,
    unseen_spread,
    with_facts,
)
from tinygen.model.confidence.error_bars import ErrorBars
from tinygen.model.fixedpoint import RAW_MAX, RAW_MIN
from tinygen.model.model import from_json, load
from tinygen.model.operations.scale import Calibrate
from tinygen.model.outputs import calibrated, place_of, without_calibration
from tinygen.report.words import promise, recalibrated

# of a value that grows with its input, so that nothing is clamped
LINEAR = random_models()["linear8"]
MODEL = replace(LINEAR, name="air", threshold=None)
LINE = random_models()["linear_narrow"]  # without a root
DAYS, HOURS = np.arange(24) * 24.0, np.arange(24) * 1.0
REPEATS = 200


def middle_rows(n: int, seed: int) -> np.ndarray:
    """Raw rows whose answers are neither 0 nor at the upper end."""
    raw = MODEL.sample_rows(40 * n, seed)[10 * n :]
    answers = MODEL.predict(raw)
    low, high = np.percentile(answers[answers > 0], [10, 75])
    return raw[(answers >= low) & (answers <= high)][:n]


def noise(hours: np.ndarray, seed: int) -> np.ndarray:
    """Residuals in the domain of the fit, correlated as the rule takes them to be; variance 1."""
    rng = np.random.default_rng(seed)
    apart = np.abs(hours[:, None] - hours[None, :])
    both = 0.5 * np.exp(-apart / 6) + 0.5 * np.exp(-apart / 336)
    return np.linalg.cholesky(both + 1e-9 * np.eye(len(hours))) @ rng.standard_normal(len(hours))


def references(raw, drift: float, seed: int, hours: np.ndarray, size: float = 150.0) -> np.ndarray:
    """What an instrument reads: the answers, `drift` off before the square, and noise there."""
    values = raw
    for node in MODEL.nodes[:-1]:
        values = node.apply(values)
    v = np.clip(values[:, 0] + drift + size * noise(hours, seed), 0, 46340)
    return np.clip(np.floor(v * v / 65536 + 0.5), 0, RAW_MAX).astype(np.int64)


def found(drift: float, seed: int, hours: np.ndarray):
    raw = middle_rows(len(hours), seed)
    return recalibrate(MODEL, raw, references(raw, drift, seed, hours), hours)


# ---- what is found ----


def test_a_drift_is_found_and_its_model_answers_better():
    one = found(900.0, 1, DAYS)
    assert one.accepted and one.left_out_after < 0.6 * one.error_before
    assert one.model.bounds[-1].c_type == MODEL.bounds[-1].c_type
    assert one.model.model_id != MODEL.model_id
    rows = middle_rows(500, 99)
    truth = references(rows, 900.0, 2, np.arange(500) * 24.0)
    before, after = (np.abs(m.answer(rows) - truth).mean() for m in (MODEL, one.model))
    assert after < 0.5 * before


def test_gain_and_offset_act_before_the_root_is_undone():
    kinds = [node.op for node in calibrated(MODEL, 4200, 0).nodes]
    assert kinds == ["scale", "dense", "calibrate", "power"]
    for name, place in (("logarithms", -2), ("lookup_fine", -1), ("forest", -1)):
        model = calibrated(random_models()[name], 4200, 0)
        assert isinstance(model.nodes[place], Calibrate), name
        assert place_of(without_calibration(model)) == len(model.nodes) + place


def test_answers_stay_within_the_interval_that_was_proven():
    rng = np.random.default_rng(3)
    for name in ("linear8", "lookup_fine", "additive", "forest", "logarithms"):
        base = random_models()[name]
        for gain in (2048, 4096, 8192):
            offset = int(rng.integers(-Calibrate.most_offset, Calibrate.most_offset))
            model = calibrated(base, gain, offset)
            assert base.bounds[-1].low <= model.bounds[-1].low
            assert model.bounds[-1].high <= base.bounds[-1].high
            answers = model.predict(model.sample_rows(500))
            assert base.bounds[-1].low[0] <= answers.min() <= answers.max()
            assert answers.max() <= base.bounds[-1].high[0]


def test_no_change_is_no_change_for_every_model_of_numbers():
    for name, base in random_models().items():
        if {node.op for node in base.nodes} & {"argmax", "calibrate"}:
            continue
        rows = base.sample_rows(300)
        assert (calibrated(base, 4096, 0).predict(rows) == base.predict(rows)).all(), name


def test_what_is_barely_beyond_chance_is_barely_changed():
    changes = [found(drift, 11, DAYS) for drift in range(0, 500, 20)]
    levels = {one.drift.evidence: one.drift.level for one in changes if one.drift.beyond_chance}
    least, most = min(levels), max(levels)
    assert least < 1.4 and most > 2
    assert abs(levels[least]) < 0.3 * 150 and abs(levels[most]) > 150


# ---- chance ----


def without_drift(hours: np.ndarray, model=LINE) -> tuple[float, float]:
    """The part of the readings that is taken for a drift, and how much larger the error of the 60
    days behind them becomes.
    """
    whole = np.concatenate([hours, hours[-1] + 24.0 * np.arange(1, 61)])
    raw = model.sample_rows(len(whole) + 80, 5)[80:]
    answers, taken, before, after = model.answer(raw), 0, 0.0, 0.0
    for seed in range(REPEATS):
        truth = answers + np.round(300 * noise(whole, seed)).astype(np.int64)
        one = recalibrate(model, raw[:24], truth[:24], hours)
        taken += one.accepted
        before += np.abs(answers[24:] - truth[24:]).mean()
        after += np.abs(one.model.answer(raw[24:]) - truth[24:]).mean()
    return taken / REPEATS, after / before


@pytest.mark.parametrize("hours", [HOURS, DAYS], ids=["in a row", "one a day"])
def test_without_a_drift_it_mostly_refuses_and_costs_at_most_two_per_cent(hours):
    taken, cost = without_drift(hours)
    assert 0 < taken < 0.32 and cost < 1.02
    told = replace(LINE, training={"unseen_spread": 300.0})
    fewer, less = without_drift(hours, told)
    assert 0 < fewer < min(taken, 0.25) and less < cost


def test_a_plain_fit_costs_more(monkeypatch):
    """Negative control."""
    monkeypatch.setattr(recalibration, "BEYOND_CHANCE", 0.0)
    monkeypatch.setattr(recalibration, "LEVEL_VARIANCE", 1e9)
    assert without_drift(HOURS)[1] > 1.05


def test_residuals_vary_at_least_as_those_of_rows_that_a_fit_had_not_seen():
    """Readings that agree with each other, by less than the model is off elsewhere: as at one hour
    of each day. A file without that figure, of an older version, is read as before.
    """
    raw = middle_rows(24, 1)
    truth = references(raw, 300.0, 1, DAYS, size=20.0)
    plain, same, wide = (
        recalibrate(replace(MODEL, training=told), raw, truth, DAYS)
        for told in ({}, {"unseen_spread": 1.0}, {"unseen_spread": 1000.0})
    )
    assert plain.accepted and plain.drift == same.drift and plain.drift.evidence > 10
    assert not wide.accepted and "chance explains" in wide.reason
    assert wide.drift.evidence == pytest.approx(300 / 1000 * wide.drift.independent**0.5, rel=0.15)
    endless = replace(MODEL, training={"unseen_spread": 1e200})
    assert not recalibrate(endless, raw, truth, DAYS).accepted


@pytest.mark.parametrize("name", ["linear_narrow", "linear8", "additive", "logarithms"])
def test_answers_beyond_the_boards_range_count_as_it_gives_them(name):
    """A fold's float answers are not clamped, and a wild one would make a figure that says nothing,
    or a file that cannot be read.
    """
    model = random_models()[name]
    y = np.array([RAW_MIN, 1, 200, RAW_MAX])
    wild = np.array([1e30, -1e30, 1e300, -5.0])
    found = unseen_spread(model, wild, y)
    assert found == unseen_spread(model, np.array([RAW_MAX, RAW_MIN, RAW_MAX, -5]), y)
    assert 100 < found < 2**16
    told = replace(model, training={"unseen_spread": six_digits(found)})
    assert from_json(told.to_json()) == told


def test_a_recalibrated_model_keeps_the_figure_that_it_is_judged_by():
    raw = middle_rows(24, 1)
    truth = references(raw, 900.0, 1, DAYS)
    known = replace(MODEL, training={"unseen_spread": 400.0})
    once = recalibrate(known, raw, truth, DAYS)
    again = recalibrate(from_json(with_facts(once).to_json()), raw, truth, DAYS)
    assert once.accepted and again.drift == once.drift
    assert once.drift.evidence < recalibrate(MODEL, raw, truth, DAYS).drift.evidence


def test_neighbouring_hours_tell_less_than_days():
    """The same readings, an hour or a day apart."""
    assert independent_readings(HOURS) < 2 < 3 < independent_readings(DAYS)
    taken = {"hours": 0, "days": 0}
    for seed in range(60):
        raw = middle_rows(24, seed % 20)
        rng = np.random.default_rng(seed)
        values = raw
        for node in MODEL.nodes[:-1]:
            values = node.apply(values)
        v = values[:, 0] + 110 + 250 * rng.standard_normal(24)
        truth = np.floor(np.clip(v, 0, 46340) ** 2 / 65536 + 0.5).astype(np.int64)
        for way, hours in (("hours", HOURS), ("days", DAYS)):
            taken[way] += recalibrate(MODEL, raw, truth, hours).drift.beyond_chance
    assert taken["hours"] < taken["days"]


def test_days_needed_are_those_that_would_decide():
    one = next(r for r in (found(drift, 4, HOURS) for drift in range(60, 400, 10)) if r.days_needed)
    drift, needed = one.drift, one.days_needed
    scale = recalibration.BEYOND_CHANCE / drift.evidence * np.sqrt(drift.independent)
    by_day = [np.sqrt(independent_readings(np.arange(0.0, 24.0 * n, 24.0))) for n in range(1, 61)]
    assert by_day[needed - 1] > scale and (needed == 8 or by_day[needed - 2] <= scale)


def test_blocks_that_disagree_are_refused(monkeypatch):
    """Beyond chance, and yet of no use to what was left out."""
    monkeypatch.setattr(recalibration._Readings, "left_out", lambda self, refit: 1e9)
    one = found(900.0, 1, DAYS)
    assert one.drift.beyond_chance and not one.accepted and "left out" in one.reason
    assert one.model is one.base


def test_too_few_readings_and_a_reading_at_one_time():
    raw = middle_rows(7, 1)
    with pytest.raises(DataError, match="7 complete readings: at least 8"):
        recalibrate(MODEL, raw, MODEL.predict(raw), DAYS[:7])
    raw = middle_rows(12, 1)
    same = recalibrate(MODEL, raw, references(raw, 900.0, 1, DAYS[:12]), np.zeros(12))
    assert same.drift.independent < 1.1 and same.days == 0


def test_answers_without_any_error_ask_for_nothing():
    raw = middle_rows(24, 1)
    exact = recalibrate(MODEL, raw, MODEL.predict(raw), DAYS)
    assert not exact.accepted or exact.left_out_after == 0


def test_of_many_readings_evenly_spaced_ones_are_fitted(monkeypatch):
    monkeypatch.setattr(recalibration, "MOST_ROWS", 30)
    raw = np.vstack([middle_rows(100, k) for k in range(3)])
    hours = np.arange(len(raw)) * 24.0
    one = recalibrate(MODEL, raw, references(raw, 900.0, 1, hours), hours)
    assert one.rows == 30 and one.days == len(raw) - 1 and one.accepted


# ---- the last layer ----

OFTEN = np.arange(144) * 4.0  # every four hours for 24 days


def one_sensor_ages(seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a model without a root, and what the reference said: one sensor lost its say."""
    raw = LINE.sample_rows(len(OFTEN) + 80, seed)[80:]
    scale, dense = LINE.nodes
    ((_, *others),) = dense.weights
    aged = replace(LINE, nodes=(scale, replace(dense, weights=((0, *others),), bias=(9000,))))
    return raw, aged.predict(raw) + np.round(60 * noise(OFTEN, seed)).astype(np.int64)


def test_one_sensor_that_ages_is_found_by_fitting_the_last_layer_again(tmp_path):
    raw, truth = one_sensor_ages()
    one, plain = (recalibrate(LINE, raw, truth, OFTEN, refit=refit) for refit in (True, False))
    assert one.accepted and len(one.drift.weights) == 3 and not plain.drift.weights
    assert one.left_out_after < 0.7 * plain.left_out_after < one.error_before
    new = with_facts(one)
    assert new.bounds[-1].acc_bits <= 32 and [n.op for n in new.nodes] == ["scale", "dense"]
    rows = new.sample_rows(2000)
    assert (run_rows(compile_header(new, tmp_path), rows) == new.predict(rows)).all()
    stored = from_json(new.to_json())
    assert stored.to_json() == new.to_json()
    assert without_calibration(stored).to_json() == LINE.to_json()
    again = recalibrate(stored, raw, truth, OFTEN)  # from the base, not on top
    assert with_facts(again).to_json() == new.to_json()


@pytest.mark.parametrize("name", ["linear8", "additive", "forest", "mlp_sqrt", "linear16"])
def test_a_last_layer_is_put_back_as_it_was(name):
    base = random_models().get(name)
    if base is None or not (layer := layer_of(base)):
        assert name in ("additive", "forest", "mlp_sqrt")  # no sum, or no such model
        return
    weights, bias = coefficients(layer)
    same = with_layer(base, weights, bias)
    rows = base.sample_rows(500)
    assert (same.predict(rows) == base.predict(rows)).all()
    larger = with_layer(base, 3.7 * weights, bias)
    assert (larger.predict(rows) != base.predict(rows)).any()
    with pytest.raises(ModelError, match="too large for 16 bits"):
        with_layer(base, 1e9 * weights, bias)


def test_few_readings_or_days_do_not_fit_a_layer(monkeypatch):
    raw, truth = one_sensor_ages()
    assert not recalibrate(LINE, raw[:99], truth[:99], OFTEN[:99]).drift.weights
    assert not recalibrate(LINE, raw, truth, OFTEN / 4).drift.weights
    monkeypatch.setattr(recalibration, "REFIT_ROWS", 90)
    assert recalibrate(LINE, raw[:99], truth[:99], OFTEN[:99]).drift.weights


def test_a_layer_in_the_file_that_is_none_is_refused():
    raw, truth = one_sensor_ages()
    plain = json.loads(with_facts(recalibrate(LINE, raw, truth, OFTEN)).to_json())
    for layer in ({"op": "nothing"}, {"op": "dense"}, 7):
        plain["training"]["recalibrated"]["layer"] = layer
        with pytest.raises(ModelError, match="layer"):
            from_json(sealed(plain))


# ---- the command ----


@pytest.fixture
def files(here):
    """air.json, and rows with a reference: drifted by days, by hours, and not at all."""
    MODEL.save(here / "air.json")
    for name, drift, hours in (("days", 900.0, DAYS), ("hours", 110.0, HOURS), ("none", 0.0, DAYS)):
        raw = middle_rows(24, 1)
        truth = references(raw, drift, 1 if drift > 500 else 4, hours)
        moments = np.datetime64("2025-03-01T00:00:00") + hours.astype("timedelta64[h]")
        header = ["time", *(q.name for q in MODEL.inputs), MODEL.output.name]
        lines = [
            f"{moment},{','.join(map(str, row))},{answer / 10:g}"
            for moment, row, answer in zip(moments.astype(str), raw.tolist(), truth.tolist())
        ]
        (here / f"{name}.csv").write_text("\n".join([",".join(header), *lines]) + "\n")
    return here


def test_a_file_becomes_a_new_model_file_and_back(run, files):
    done = run("recalibrate air.json days.csv -o new.json")
    assert done.code == 0 and "24 rows over 23.0 days" in done.out and "new.json" in done.out
    new = load(files / "new.json")
    assert new.training["recalibrated"]["rows"] == 24
    assert "Recalibrated on 24 readings over 23.0 days" in render_header(new)
    assert run("recalibrate new.json --undo -o back.json").code == 0
    assert (files / "back.json").read_bytes() == (files / "air.json").read_bytes()
    again = run("recalibrate new.json days.csv -o again.json")  # from the base, not on top
    assert again.code == 0
    assert (files / "again.json").read_bytes() == (files / "new.json").read_bytes()
    assert run("predict new.json days.csv").code == 0


def test_error_bars_stay_as_they_were_and_that_is_said(run, files):
    bars = ErrorBars.of(90, [40] * 9)
    replace(MODEL, bars=bars).save(files / "bars.json")
    done = run("recalibrate bars.json days.csv -o new.json")
    assert done.code == 0 and "half-width is older than this change" in done.out
    assert load(files / "new.json").bars == bars
    assert "half-width" not in run("recalibrate air.json days.csv -o plain.json").out


def test_without_o_nothing_is_written(run, files):
    before = sorted(files.iterdir())
    done = run("recalibrate air.json days.csv")
    assert done.code == 0 and "nothing is written" in done.out
    assert sorted(files.iterdir()) == before


@pytest.mark.parametrize("rows", ["none", "hours"])
def test_what_chance_explains_is_refused_in_one_line(run, files, rows):
    done = run(f"recalibrate air.json {rows}.csv -o new.json")
    assert done.code == 1 and done.out.startswith("refused: chance") and done.out.count("\n") == 1
    assert done.err == "" and not (files / "new.json").exists()


@pytest.mark.parametrize("rows", ["none", "days"])
def test_an_hour_that_is_assumed_is_said_whether_or_not_it_is_refused(run, files, rows):
    """An hour apart, readings tell less than the days that they may stand for: a reason to be
    refused.
    """
    lines = (files / f"{rows}.csv").read_text().splitlines()
    (files / "bare.csv").write_text("\n".join(line.split(",", 1)[1] for line in lines) + "\n")
    done, told = (run(f"recalibrate air.json bare.csv{more}") for more in ("", " --hours-apart 24"))
    note, after = done.out.split("\n", 1)
    assert note == ("note: no column of times: readings are taken to be 1 h apart (--hours-apart)")
    assert after.startswith("refused: " if rows == "none" else "readings ")
    assert "note" not in told.out


def test_json_tells_the_same(run, files):
    done = run("recalibrate air.json days.csv -o new.json --json")
    told = json.loads(done.out)
    assert told["accepted"] and told["written"] == ["new.json"] and told["days"] == 23
    assert told["error_left_out"] < told["error"] and told["unit"] == "ug/m3"
    node = next(n for n in load(files / "new.json").nodes if n.op == "calibrate")
    assert (node.gain, node.offset) == (told["gain"], told["offset"])
    refused = json.loads(run("recalibrate air.json none.csv --json").out)
    assert not refused["accepted"] and refused["reason"] and refused["written"] == []


def test_rows_without_a_time_are_an_hour_apart_unless_said(run, files):
    lines = (files / "days.csv").read_text().splitlines()
    (files / "bare.csv").write_text("\n".join(line.split(",", 1)[1] for line in lines) + "\n")
    assert json.loads(run("recalibrate air.json bare.csv --json").out)["days"] == pytest.approx(
        23 / 24, abs=1e-3
    )
    said = run("recalibrate air.json bare.csv --hours-apart 24 --json")
    timed = run("recalibrate air.json days.csv --json")
    plain = [json.loads(done.out) for done in (said, timed)]
    assert [p["gain"] for p in plain] == [plain[0]["gain"]] * 2 and plain[0]["days"] == 23


def test_the_order_of_the_rows_does_not_matter(run, files):
    head, *lines = (files / "days.csv").read_text().splitlines()
    (files / "back.csv").write_text("\n".join([head, *reversed(lines)]) + "\n")
    assert run("recalibrate air.json back.csv").out == run("recalibrate air.json days.csv").out


@pytest.mark.parametrize(
    "line, words",
    [
        ("air.json", "name the file of reference readings"),
        ("air.json days.csv --undo -o n.json", "--undo takes a model"),
        ("air.json --undo", "--undo takes a model"),
        ("air.json --undo -o n.json", "no recalibration to undo"),
        ("air.json days.csv --port sim", "a virtual board forgets"),
        ("votes.json days.csv", "names classes"),
        ("air.json few.csv", "at least 8 are needed"),
        ("air.json other.csv", "'y'"),
        ("air.json gap.csv", "--hours-apart"),
        ("new.json days.csv --port /dev/null", "a board's model is not"),
    ],
)
def test_mistakes_are_one_line(run, files, line, words):

    labels = tuple("abcd")
    if "votes" in line:
        replace(random_models()["votes"], labels=labels, threshold=None).save(files / "votes.json")
    calibrated(MODEL, 4200, 0).save(files / "new.json")
    head, *rows = (files / "days.csv").read_text().splitlines()
    (files / "few.csv").write_text("\n".join([head, *rows[:5]]) + "\n")
    (files / "other.csv").write_text("\n".join([head.removesuffix("y") + "z", *rows]) + "\n")
    gap = [rows[0].split(",", 1)[1], *rows[1:]]
    (files / "gap.csv").write_text("\n".join([head, "," + gap[0], *gap[1:]]) + "\n")
    done = run(f"recalibrate {line}")
    assert done.code in (2, 3) and done.out == "" and done.err.count("\n") == 1, done
    assert words in done.err


def test_build_refuses_what_cannot_be_told(run, files):
    calibrated(MODEL, 4200, 0).save(files / "new.json")
    done = run("build new.json --recalibrate -o out")
    assert done.code == 2 and "recalibrated already" in done.err
    done = run("build air.json --recalibrate --board attiny85 -o out")
    assert done.code == 2 and "no serial port" in done.err and not (files / "out").exists()


def test_a_report_tells_what_came_before_the_recalibration():
    facts = {"rows": 24, "days": 23.0, "error": 3.5, "error_left_out": 1.25}
    told = replace(MODEL, training={"recalibrated": facts})
    assert promise(MODEL, "3 ug/m3") == "Predicts y to within 3 ug/m3 on average"
    assert promise(told, "3 ug/m3").endswith("on average before recalibration")
    assert recalibrated(MODEL) == ""
    assert recalibrated(told) == (
        "gain and offset, by 24 readings over 23.0 days; their error was 3.5 ug/m3, and 1.25 ug/m3 "
        "where they were left out"
    )


# ---- readings that are none of the model's ----


@pytest.mark.parametrize(
    "change, words",
    [
        # the reference in another unit that its header tells, or does not tell
        (lambda head, rows: (head.replace("y [ug/m3]", "y [mg/m3]"), rows), "is in 'mg/m3'"),
        (lambda head, rows: (head, _scaled(rows, -1, 1000)), "24 of 24 readings lie beyond"),
        # an input in another unit, or under another one's header
        (lambda head, rows: (head, _scaled(rows, 1, 1000)), "column 'sensor 0': 24 of 24 readings"),
    ],
)
def test_readings_in_other_units_are_refused(run, files, change, words):
    head, *rows = (files / "days.csv").read_text().splitlines()
    head = head.removesuffix("y") + "y [ug/m3]"
    (files / "same.csv").write_text("\n".join([head, *rows]) + "\n")
    assert run("recalibrate air.json same.csv").code == 0
    head, rows = change(head, rows)
    (files / "other.csv").write_text("\n".join([head, *rows]) + "\n")
    done = run("recalibrate air.json other.csv -o new.json")
    assert done.code == 2 and done.out == "" and done.err.count("\n") == 1, done
    assert words in done.err and not (files / "new.json").exists()


def test_an_input_whose_header_tells_another_unit_is_refused(run, files):
    first, *others = MODEL.inputs
    replace(MODEL, inputs=(replace(first, unit="degC"), *others)).save(files / "warm.json")
    text = (files / "days.csv").read_text()
    (files / "kelvin.csv").write_text(text.replace(first.name, f"{first.name} [K]", 1))
    done = run("recalibrate warm.json kelvin.csv -o new.json")
    assert done.code == 2 and "is in 'K', the model was trained in 'degC'" in done.err, done
    assert run("recalibrate warm.json days.csv").code == 0  # no unit: nothing against it


def _scaled(rows: list[str], place: int, factor: float) -> list[str]:
    cells = [row.split(",") for row in rows]
    for row in cells:
        row[place] = f"{float(row[place]) * factor:g}"
    return [",".join(row) for row in cells]


def test_some_rows_beyond_the_accepted_range_are_counted(run, files):
    head, *rows = (files / "days.csv").read_text().splitlines()
    (files / "some.csv").write_text(
        "\n".join([head, *_scaled(rows[:3], 1, 1000), *rows[3:]]) + "\n"
    )
    assert json.loads(run("recalibrate air.json some.csv --json").out)["beyond"] == 3
    assert json.loads(run("recalibrate air.json days.csv --json").out)["beyond"] == 0


def test_a_gain_that_no_model_can_have_is_refused():
    drift = recalibration.Drift(0.0, 1.5, 1000.0, 9.0, 3.0)
    assert drift.gain == Calibrate.gains[1] and not drift.possible
    asked = recalibration.Recalibration(MODEL, drift, 24, 23.0, 3.0, 2.0, None)
    assert (
        not asked.accepted and asked.model is MODEL and "gain of 2.5, and 0.5 to 2" in asked.reason
    )
    assert replace(asked, drift=replace(drift, slope=0.5)).accepted
    assert replace(drift, weights=(1.0,)).possible


@pytest.mark.parametrize(
    "name, root",
    [("linear8", Root(2)), ("fine_square", Root(2, fine=True)), ("additive", Root(3))],
)
def test_the_root_is_that_of_the_last_node(name, root):
    """Reference readings are compared in its steps."""
    assert root_of(random_models()[name]) == root
