"""The monitor: what it calls drift, what it leaves alone, and the files it writes."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from quick import HARD_INPUTS, quick_model, seen_by
from tables import parse

from tinygen import data
from tinygen.cli import main
from tinygen.common.errors import DataError, ModelError, UsageError
from tinygen.data import reference
from tinygen.data.reference import longest_run, own_lengths, read, sketch
from tinygen.model.fixedpoint import MISSING
from tinygen.report.drift import default_window, monitor
from tinygen.report.monitor_files import lines, markdown, prometheus_text

WINDOWS = 200


@pytest.fixture(scope="module")
def made():
    """A model on two slow waves with noise, and its rows."""
    rng = np.random.default_rng(5)
    wave = np.sin(np.arange(2000) / 15)
    a, b = 100 + 50 * wave + rng.normal(0, 3, 2000), 200 + rng.normal(0, 20, 2000)
    rows = "\n".join(
        f"{x:.1f},{y:.1f},{x + y + z:.1f}" for x, y, z in zip(a, b, rng.normal(0, 2, 2000))
    )
    dataset = data.prepare(parse(f"a,b,y\n{rows}\n"), "y", split="time")
    return quick_model(dataset, threshold=300.0), dataset


def found(result):
    return {f"{f.check} {f.quantity}" for window in result.windows for f in window.violations}


def test_rows_of_the_same_kind_pass(made):
    model, dataset = made
    result = monitor(model, seen_by(model, dataset, dataset.test))
    assert (
        result.good
        and len(result.windows) == 5
        and sum(w.rows for w in result.windows) == len(dataset.test)
    )
    assert "PASS" in result.text() and result.plain()["passed"]


@pytest.mark.parametrize(
    "fault,named",
    [
        (lambda x: x + [[0, 300]], {"ks b", "psi b"}),
        (lambda x: x * [[1, 3]], {"range b", "ks b"}),
        (lambda x: np.where(np.arange(len(x))[:, None] % 3 == [[0, 9]], MISSING, x), {"missing a"}),
        (lambda x: np.where(np.arange(len(x))[:, None] < [[40, 0]], x[:1], x), {"stuck a"}),
        (lambda x: x + [[400, 400]], {"alarm y"}),
    ],
)
def test_each_fault_is_named(made, fault, named):
    model, dataset = made
    result = monitor(model, fault(seen_by(model, dataset, dataset.test)))
    assert named <= found(result) and not result.good and "DRIFT" in result.text()


def test_a_column_of_few_values_has_bins_of_its_own_size():
    values = np.repeat([0, 1], [900, 100])[np.random.default_rng(0).permutation(1000)]
    known = sketch(["switch"], values[:, None], None, 0.0).sketches[0]
    assert (known.knots, known.share) == ((0,), (0.9,))
    assert known.distances(known.counts(values))[0] == 0
    assert known.distances(known.counts(1 - values))[0] == pytest.approx(0.8)


def test_the_population_stability_index_is_the_textbook_one():
    known = sketch(["v"], np.arange(1000)[:, None], None, 0.0).sketches[0]
    seen = np.array([0.19, 0.01, *[0.1] * 8])
    ks, psi = known.distances(seen * 1000)
    assert psi == pytest.approx(
        float(np.sum((seen - 0.1) * np.log(seen / 0.1))), rel=1e-6
    ) and ks == pytest.approx(0.09)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("window", [16, 20, 40, 64, 100])
def test_the_log_that_a_model_was_trained_on_looks_like_it(seed, window):
    """One row in five is for testing, and each window of the log has all of its rows: 64 rows that
    trained span 80 of the log, and vary less than 64 do.
    """
    rng, count = np.random.default_rng(seed), 902  # the last window is a short one
    slow, level = np.cumsum(rng.normal(0, 3, count)) + 300, np.arange(count) // 60 % 3
    lines = [
        f"{a:.1f},{b},{0.2 * a + 4 * b + e:.2f}"
        for a, b, e in zip(slow, level, rng.normal(0, 0.3, count))
    ]
    dataset = data.prepare(parse("\n".join(["a,b,y", *lines, ""])), "y")
    model = quick_model(dataset)
    result = monitor(model, seen_by(model, dataset, np.arange(count)), window=window)
    assert result.good, result.text()


def test_windows_of_training_rows_cover_the_rows_between_them():
    places = np.flatnonzero(np.arange(1000) % 5 != 3)
    windows = reference._windows(places, 100)
    assert windows[0].tolist() == [0, 80] and windows[-1][1] == 800
    assert longest_run(np.array([1, 1, 2, 2]), np.array([0, 4, 5, 7])) == 5
    values = np.random.default_rng(0).integers(0, 50, 800)
    thin = sketch(["v"], values[:, None], values > 40, 0.0, places)
    whole = sketch(["v"], values[:, None], values > 40, 0.0, np.arange(800))
    assert whole == sketch(["v"], values[:, None], values > 40, 0.0)
    assert thin.lengths == whole.lengths and len(thin.alarm_own) == len(thin.lengths)
    assert thin.sketches[0].share == whole.sketches[0].share


def test_runs_and_lengths():
    assert [longest_run(np.array(v)) for v in ([], [3], [1, 2, 2, 2, 3, 3], [7, 7])] == [0, 1, 3, 2]
    assert own_lengths(100) == () and own_lengths(128) == (16,) and own_lengths(6294)[-1] == 512


def test_the_baseline_survives_the_model_file(made):
    model, _ = made
    known = read(json.loads(model.to_json())["training"]["baseline"])
    assert read(known.plain()) == known and [s.name for s in known.sketches] == ["a", "b", "y"]
    assert len(json.dumps(known.plain())) < 350 * len(known.sketches)
    assert default_window(known) == 128


@pytest.mark.parametrize(
    "damaged", [None, {}, {"rows": 3}, {"sketches": [3], "lengths": [], "alarm_own": []}, []]
)
def test_a_model_without_baseline_is_refused(made, damaged):
    model, dataset = made
    with pytest.raises(ModelError, match="keeps no baseline"):
        monitor(replace(model, training={"baseline": damaged}), dataset.x)


def test_too_few_rows_are_refused(made):
    model, dataset = made
    with pytest.raises(UsageError, match="window of 3 rows"):
        monitor(model, dataset.x, 3)
    with pytest.raises(DataError, match="has 9 rows"):
        monitor(model, dataset.x[:9])


def test_the_rows_of_the_only_window_are_those_that_came(made):
    model, dataset = made
    assert "1 window of 20 rows" in monitor(model, dataset.x[:20], 64).text()
    assert "2 windows of 64 rows" in monitor(model, dataset.x[:128], 64).text()


def test_all_values_missing_is_a_violation_and_no_crash(made):
    model, _dataset = made
    assert found(monitor(model, np.full((50, 2), MISSING))) == {"missing a", "missing b"}


def test_the_files_it_writes(made):
    model, dataset = made
    result = monitor(model, seen_by(model, dataset, dataset.test) + [[0, 300]], 200)
    assert [json.loads(line)["rows"] for line in lines(result).splitlines()] == [200, 200, 200]
    assert all("ks b" in json.loads(line)["violations"] for line in lines(result).splitlines())
    assert "**DRIFT" in markdown(result) and markdown(result).count("b ks") == 3
    exposition = prometheus_text(replace(result, model=replace(model, name="m")))
    assert 'tinygen_monitor_windows_violated{model="m"} 3' in exposition
    parser = pytest.importorskip("prometheus_client.parser")
    families = {family.name: family for family in parser.text_string_to_metric_families(exposition)}
    value = next(
        s
        for s in families["tinygen_monitor_value"].samples
        if s.labels["check"] == "ks" and s.labels["quantity"] == "b"
    )
    assert (
        value.value
        == next(f for f in result.windows[-1].figures if (f.check, f.quantity) == ("ks", "b")).value
    )


def test_the_command_says_drift_by_its_exit_code(made, tmp_path):
    model, dataset = made
    model.save(tmp_path / "m.json")
    for name, shift, code in (("same", 0, 0), ("other", 30, 1)):
        rows = [f"{a / 10},{b / 10 + shift}" for a, b in dataset.x[dataset.test]]
        (tmp_path / "log.csv").write_text("\n".join(["a,b", *rows]) + "\n")
        done = CliRunner().invoke(
            main,
            [
                "monitor",
                str(tmp_path / "m.json"),
                str(tmp_path / "log.csv"),
                "--json",
                "--markdown",
                str(tmp_path / f"{name}.md"),
                "--prometheus",
                str(tmp_path / "m.prom"),
                "--json-lines",
                str(tmp_path / "m.jsonl"),
            ],
        )
        assert done.exit_code == code and json.loads(done.stdout)["passed"] == (code == 0)
        assert (
            (tmp_path / f"{name}.md").is_file()
            and (tmp_path / "m.prom").is_file()
            and (tmp_path / "m.jsonl").is_file()
        )


# ---- the real file ----


def raised(model, dataset, rows, together: bool) -> float:
    """Share of resampled windows of the default length with a violation: neighbouring rows, or
    random ones.
    """
    rng, length = np.random.default_rng(0), default_window(read(model.training["baseline"]))
    starts = rng.integers(0, len(rows) - length + 1, WINDOWS)
    picks = [
        rows[s : s + length] if together else np.sort(rng.choice(rows, length, replace=False))
        for s in starts
    ]
    return float(
        np.mean([not monitor(model, seen_by(model, dataset, pick), length).good for pick in picks])
    )


def test_drift_is_raised_on_the_last_months_and_not_on_a_random_split(air_quality):
    rates = {}
    for split in ("time", "random"):
        dataset = data.prepare(data.load_table(air_quality), "C6H6(GT)", HARD_INPUTS, split=split)
        model = quick_model(dataset, threshold=15.0)
        rates |= {
            (split, kind): raised(model, dataset, dataset.test, kind == "neighbours")
            for kind in ("random rows", "neighbours")
        }
        assert monitor(model, seen_by(model, dataset, dataset.test)).good == (split == "random")
    for (split, kind), rate in rates.items():
        print(f"{split} split, {WINDOWS} windows of test rows, {kind}: drift raised in {rate:.1%}")
    assert min(rates["time", "random rows"], rates["time", "neighbours"]) >= 0.95
    assert max(rates["random", "random rows"], rates["random", "neighbours"]) <= 0.02
