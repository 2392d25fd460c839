"""The audit: every check finds its fault where it was planted, and is silent on good rows."""

import json
import time

import numpy as np
import pytest
from click.testing import CliRunner
from tables import parse, refused

from tinygen.cli import main
from tinygen.commands import data as data_command
from tinygen.commands._options import Selection
from tinygen.common.errors import UsageError
from tinygen.data.audit import CHECKS, SEVERITIES, audit, high_findings
from tinygen.data.audit.rows import CHANCE, _move, optimism
from tinygen.data.prepare import prepare

ROWS = 1000


def columns(seed=0):
    """Three independent sensors and a target that needs all of them."""
    rng = np.random.default_rng(seed)
    a, b, c = rng.uniform(10, 90, (3, ROWS)).round(1)
    return {
        "a [V]": a,
        "b [V]": b,
        "c [V]": c,
        "y [ppm]": (a + b + c + rng.normal(0, 8, ROWS)).round(1),
    }


def looked_at(values, hours=None, **options):
    hours = np.arange(ROWS) if hours is None else hours
    start = np.datetime64("2024-01-01T00:00:00")
    header = ["time", *values]
    lines = [
        ",".join([str(start + np.timedelta64(int(h), "h")), *(str(v[i]) for v in values.values())])
        for i, h in enumerate(hours)
    ]
    return audit(parse("\n".join([",".join(header), *lines]) + "\n"), "y", **options)


def kinds(result):
    return {(f.kind, *f.columns[:1]) for f in result.findings}


def test_the_progress_is_in_words():
    said = []
    looked_at(columns(), progress=said.append)
    assert len(said) == len(CHECKS) + 1 and "looking for stuck sensors" in said
    names = [check.__name__.replace("_", " ") for check in CHECKS]
    others = [line for line in said if line.removeprefix("looking for ") in names]
    assert others == ["looking for missing values", "looking for outliers"]


def test_good_rows_have_no_findings():
    result = looked_at(columns())
    assert result.findings == () and result.rows_usable == ROWS
    assert [c.name for c in result.columns] == ["a", "b", "c", "y"] and (
        "findings: 0 high"
    ) in result.text()


def test_advice_can_be_followed():
    """A target that drifts is no input to drop; dropping it is refused."""
    rising = spoil("y [ppm]", put(slice(700, ROWS), np.linspace(900, 990, 300).round(1)))
    advice = [f.advice for f in looked_at(rising).findings if f.kind == "drift"]
    assert advice == ["--split time, and collect rows until its whole range has come"]
    drifting_input = spoil("b [V]", put(slice(700, ROWS), np.linspace(80, 90, 300).round(1)))
    advice = [f.advice for f in looked_at(drifting_input).findings if f.kind == "drift"]
    assert advice == ['--split time, and --drop "b" if it gets worse']
    assert [c.name for c in looked_at(drifting_input, drop=["b"]).columns] == ["a", "c", "y"]
    refused(
        lambda: looked_at(rising, drop=["y"]),
        "'y' is the target: leave it out of --drop",
        error=UsageError,
    )
    hours = np.r_[np.zeros(700), np.full(300, 12)] + 24 * np.arange(ROWS)
    told = looked_at(columns(), hours, time_inputs=["hour"]).findings
    advice = [f.advice for f in told if f.columns == ("hour",) and f.kind == "drift"]
    assert advice == ["--split time, and leave hour out of --time-inputs if it gets worse"]


def spoil(name, change):
    values = columns()
    values[name] = change(values[name].copy())
    return values


def put(where, what):
    def change(v):
        v[where] = what
        return v

    return change


@pytest.mark.parametrize(
    "kind,severity,values",
    [
        (("code", "a"), "high", spoil("a [V]", put(slice(5, 60, 5), 999))),
        (("missing", "b"), "high", spoil("b [V]", put(slice(0, ROWS, 2), -200))),
        (("missing", "b"), "low", spoil("b [V]", put(slice(0, 20), -200))),
        (("stuck", "c"), "medium", spoil("c [V]", put(slice(300, 330), 50.0))),
        (("outlier", "a"), "low", spoil("a [V]", put(7, 1500.0))),
        (
            ("drift", "b"),
            "high",
            spoil("b [V]", put(slice(700, ROWS), np.linspace(80, 90, 300).round(1))),
        ),
        (("shortcut", "d"), "high", {**columns(), "d": (columns()["y [ppm]"] ** 2).round(0)}),
        (("reference", "CO(GT)"), "high", {**columns(), "CO(GT)": columns(3)["a [V]"]}),
        (("unit", "d"), "low", {**columns(), "d": columns(3)["a [V]"]}),
        (("balance", "y"), "medium", spoil("y [ppm]", put(slice(0, 3), 2000.0))),
        (("beyond", "b"), "high", spoil("b [V]", put(9, 1e308))),
        (("beyond", "b"), "high", spoil("b [V]", lambda v: v * 1e300)),
    ],
)
def test_each_fault_is_found(kind, severity, values):
    result = looked_at(values)
    found = {(f.kind, *f.columns[:1]): f for f in result.findings}
    assert kind in found and found[kind].severity == severity, result.text()
    assert all(f.what and f.effect and f.advice for f in result.findings)
    assert [SEVERITIES.index(f.severity) for f in result.findings] == sorted(
        SEVERITIES.index(f.severity) for f in result.findings
    )


def test_numbers_beyond_all_steps_are_named_by_column_row_and_value():
    """Where the user leaves the column out, or takes others, there is nothing to find."""
    values = spoil("b [V]", put(9, 1e308))
    (found,) = [f for f in looked_at(values).findings if f.kind == "beyond"]
    assert found.what.startswith("b is left out: it holds 1e+308 in row 11 (1 such cell)")
    assert found.advice.startswith("mend it, leave it empty")
    for options in ({"drop": ["b"]}, {"inputs": ["a", "c"]}):
        assert "beyond" not in {f.kind for f in looked_at(values, **options).findings}
    every = {name: v * 1e300 for name, v in columns().items()}
    refused(lambda: looked_at(every), "'y'", "up to ", "in row ", "another unit")
    inputs = {name: v if name[0] == "y" else v * 1e300 for name, v in columns().items()}
    refused(lambda: looked_at(inputs), "'a'", "in row ", "another unit")


def test_a_column_that_follows_from_two_others_is_named_with_them():
    values = columns()
    values["d [V]"] = (values["a [V]"] * values["b [V]"] / 10).round(1)
    group = [f for f in looked_at(values).findings if f.kind == "redundant"]
    assert len(group) == 1 and set(group[0].columns) == {"a", "b", "d"}


def test_gaps_and_steps_back_in_time():
    hours = np.arange(ROWS) + 50 * (np.arange(ROWS) > 400)
    assert [f.what for f in looked_at(columns(), hours).findings] == [
        "1 gap in a series of one row per 3600 s, the longest 183600 s"
    ]
    hours[600] = 0
    assert "goes back 1 time" in looked_at(columns(), hours).text()


def test_repeated_rows_are_counted():
    values = {name: np.append(v[:900], v[:100]) for name, v in columns().items()}
    found = [f for f in looked_at(values).findings if f.kind == "duplicates"]
    assert "100 rows repeat" in found[0].what and found[0].severity == "medium"


def test_later_rows_that_are_harder_are_found():
    rng = np.random.default_rng(4)
    values = columns()
    values["y [ppm]"] = (
        values["a [V]"] + np.where(np.arange(ROWS) < 700, 0.0, rng.uniform(-40, 40, ROWS)) + 60
    ).round(1)
    assert ("optimism",) in kinds(looked_at(values))


@pytest.mark.parametrize("classes", [False, True])
def test_rows_without_order_do_not_flatter(classes):
    """Rows drawn alike, in no order: a random split flatters beyond chance about as often as CHANCE
    allows, and nearly always where later rows follow another rule.
    """
    assert CHANCE == 0.01
    for changed, fewest, most in ((False, 0, 2), (True, 16, 20)):
        told = 0
        for seed in range(20):
            rng = np.random.default_rng(seed)
            a, b = rng.normal(size=(2, 200)).round(2)
            y = a + b + rng.normal(0, 1, 200)
            y[140:] += changed * (-6 * a[140:])
            y = np.where(y > 0, "up", "down") if classes else y.round(2)
            rows = parse("a,b,y\n" + "".join(f"{r[0]},{r[1]},{r[2]}\n" for r in zip(a, b, y)))
            dataset = prepare(rows, "y")
            told += any(optimism(dataset, lambda split, r=rows: prepare(r, "y", split=split)))
        assert fewest <= told <= most, (changed, told)


@pytest.mark.parametrize("code", [-127, 65535, -999, -999.9, -9999, -32768])
def test_a_code_in_one_column_is_told_before_training(code):
    """It is far from the readings, and one column alone is not enough to take it for no value."""
    values = spoil("a [V]", put(slice(5, 60, 5), code))
    rows = zip(*values.values())
    table = parse("\n".join([",".join(values), *(",".join(map(str, row)) for row in rows)]) + "\n")
    found = high_findings(table, prepare(table, "y"))
    told = [(f.columns, f.advice) for f in found if f.kind == "code"]
    assert told == [(("a",), f"--missing {code}")]
    around = spoil("a [V]", lambda v: v - 130)  # -127 between other readings is one of them
    assert not [f for f in looked_at(around).findings if f.kind == "code"]


def test_values_far_from_zero_are_told_apart():
    """1,000,001,341 and 1,000,001,517 are not both 1e+09; small values stay as they were."""
    lines = [f"{101400 + i}.5,{i / 10},{1000001300 + 3 * i}" for i in range(60)]
    text = audit(parse("\n".join(["p,temp,y", *lines]) + "\n"), "y").text()
    cells = {line.split()[0]: line.split()[3:6] for line in text.splitlines()[2:] if line}
    assert cells["y"] == ["1,000,001,300", "1,000,001,388", "1,000,001,477"]
    assert cells["p"] == ["101,400.5", "101,430.0", "101,459.5"]
    assert cells["temp"] == ["0", "2.95", "5.9"]


def test_one_reading_a_row_is_told():
    """Home Assistant's history: an entity and its state, to be pivoted."""
    rng = np.random.default_rng(2)
    lines = [
        f"sensor.{'power' if i % 2 else 'temp'},{rng.uniform(10, 30) + 100 * (i % 2):.1f},"
        f"2025-01-06T{i // 60:02}:{i % 60:02}:00.123Z"
        for i in range(120)
    ]
    table = parse("\n".join(["entity_id,state,last_changed", *lines]) + "\n")
    for options in ({}, {"time_inputs": ["hour"]}):
        result = audit(table, "state", **options)
        found = [f for f in result.findings if f.kind == "long"]
        assert found[0].severity == "high" and "one reading a row" in found[0].what
        assert "pivot it to one column per sensor" in found[0].advice
        assert not any("truth table" in note for note in result.notes)
        assert "long" in {f.kind for f in high_findings(table, prepare(table, "state", **options))}
    lines = [f"{'eco' if i % 2 else 'boost'},{i % 11},{i % 7 + i % 2}" for i in range(60)]
    for text in ("mode,temp,power", "sensor,temp,value"):
        wide = audit(parse("\n".join([text, *lines]) + "\n"), text.split(",")[-1])
        assert "long" not in {f.kind for f in wide.findings}


def test_rare_classes():
    rows = [
        "a,b,kind",
        *(f"{i},{i * i % 31},{'odd' if i % 100 == 7 else 'usual'}" for i in range(ROWS)),
    ]
    result = audit(parse("\n".join(rows) + "\n"), "kind")
    assert any(
        f.kind == "balance" and "class odd has 10 of 1000" in f.what for f in result.findings
    )


def test_the_command_speaks_json_and_text(tmp_path):
    values = columns()
    (tmp_path / "r.csv").write_text(
        "\n".join(
            [",".join(values), *(",".join(str(v[i]) for v in values.values()) for i in range(ROWS))]
        )
        + "\n"
    )
    done = CliRunner().invoke(main, ["data", str(tmp_path / "r.csv"), "--target", "y", "--json"])
    assert done.exit_code == 0 and [f["kind"] for f in json.loads(done.stdout)["findings"]] == [
        "time"
    ]
    assert (
        CliRunner().invoke(main, ["data", str(tmp_path / "r.csv"), "--target", "nope"]).exit_code
        == 2
    )


def test_the_real_file(air_quality):
    started = time.monotonic()
    result = data_command.audit(Selection(air_quality, "C6H6(GT)", drop=("NMHC(GT)",)))
    assert time.monotonic() - started < 60
    found = {(f.kind, *f.columns): f for f in result.findings}
    assert ("shortcut", "PT08.S2(NMHC)") in found and "99.9" in found[
        "shortcut", "PT08.S2(NMHC)"
    ].what
    assert any(
        f.kind == "redundant" and set(f.columns) == {"AH", "T", "RH"} for f in result.findings
    )
    assert {f.columns[0] for f in result.findings if f.kind == "reference"} == {
        "CO(GT)",
        "NOx(GT)",
        "NO2(GT)",
    }
    assert {f.columns[0] for f in result.findings if f.kind == "drift"} >= {"PT08.S4(NO2)", "T"}
    assert {f.kind for f in result.findings if f.columns and f.columns[0] == "PT08.S2(NMHC)"} >= {
        "shortcut"
    }
    assert not any(f.kind in ("code", "stuck") for f in result.findings)


def test_forgotten_missing_codes_of_the_real_file_are_found(air_quality):
    result = data_command.audit(Selection(air_quality, "C6H6(GT)", missing=()))
    codes = {f.columns[0]: f for f in result.findings if f.kind == "code"}
    assert {"C6H6(GT)", "PT08.S1(CO)", "T", "RH", "CO(GT)"} <= set(codes) and codes[
        "T"
    ].advice == "--missing -200"


def test_who_splits_by_time_is_not_told_to_split_by_time():
    values = columns()
    values["a [V]"] = np.round(values["a [V]"] + np.linspace(0, 200, ROWS), 1)
    hours = np.arange(ROWS)
    advice = [f.advice for f in looked_at(values, hours, split="random").findings]
    assert any("--split time" in words for words in advice)
    advice = [f.advice for f in looked_at(values, hours, split="time").findings]
    assert advice and not any("--split time" in words for words in advice)


def test_medians_that_differ_late_are_written_so_that_they_differ():
    assert _move(20250101000000.0, 20250103000000.0, "") == (
        "its median goes from 2.0250101e+13 to 2.0250103e+13"
    )
    assert _move(5.0, 6.5, "V") == "its median goes from 5 to 6.5 V"
    assert _move(5.0, 5.0, "V") == "its values spread otherwise around 5 V"
