"""Row counters and clocks are no inputs unless they are named; what gives an answer away is
told.
"""

import json

import numpy as np
import pytest
from learned import learned, true_error
from tables import grid, parse

from tinygen.data import prepare, readings
from tinygen.data.audit import high_findings
from tinygen.data.dataset import findings_in


def flowers(rows, seed, shuffled=False):
    """Three kinds that overlap, and a counter that tells them apart as the file is sorted."""
    rng, lines = np.random.default_rng(seed), ["Id,length,width,kind"]
    kinds = rng.permutation(np.arange(rows) % 3) if shuffled else np.sort(np.arange(rows) % 3)
    for i, k in enumerate(kinds):
        length, width = 5 + 0.7 * k + rng.normal(0, 0.6), 2 + 0.5 * k + rng.normal(0, 0.5)
        lines.append(f"{i + 1},{length:.1f},{width:.1f},{('alpha', 'beta', 'gamma')[k]}")
    return "\n".join(lines) + "\n"


def test_a_counter_is_left_out_and_it_is_said():
    model, dataset = learned(flowers(180, 4), "kind")
    assert [q.name for q in dataset.inputs] == ["length", "width"]
    assert any("'Id' left out: it counts" in note for note in dataset.notes)
    told = model.training["metrics"]["error_rate"]
    assert abs(true_error(model, flowers(900, 5, shuffled=True), "kind") - told) < 0.2
    named = prepare(parse(flowers(180, 4)), "kind", ["Id", "length"])
    assert [q.name for q in named.inputs] == ["Id", "length"]


@pytest.mark.parametrize("name", ["t_ms", "index", "row_no", "uptime", "ts", "anything"])
def test_clocks_in_numbers(name):
    start = 1768369200 if name == "anything" else 0
    text = grid(60, f"{name},b,y", lambda i: f"{start + 20 * i},{i * i % 17},{3 * i % 50}")
    assert [q.name for q in prepare(parse(text), "y").inputs] == ["b"]


@pytest.mark.parametrize("unit, name", [(1, "ts"), (1000, "unix_ms"), (10**6, "stamp"), (0, "Id")])
def test_the_rows_may_be_shuffled(unit, name):
    """The clock then tells their order, and the counter nothing of a row to come."""
    places = np.random.default_rng(29).permutation(60).tolist()
    value = lambda i: (1768369200 + 1200 * places[i]) * unit if unit else 1 + places[i]
    table = parse(grid(60, f"{name},b,y", lambda i: f"{value(i)},{i * i % 17},{3 * i % 50}"))
    assert [q.name for q in prepare(table, "y").inputs] == ["b"]
    assert [q.name for q in readings(table, drop=["y"]).inputs] == ["b"]


def test_a_sensor_named_t_that_goes_up_and_down_stays():
    text = grid(60, "T,b,y", lambda i: f"{i * 7 % 40},{i * i % 17},{3 * i % 50}")
    assert [q.name for q in prepare(parse(text), "y").inputs] == ["T", "b"]


@pytest.mark.parametrize(
    "form",
    [
        "{m:02}/{d:02}/2026 {h12:02}:40:00 {half}",
        "{d}-{name}-2026 {h:02}:40",
        "{name} {d}, 2026 {h:02}:40",
        "{d} {name} 2026",
    ],
)
def test_times_of_day_in_halves_and_months_by_name(form):
    def cell(i):
        d, h = 14 + i // 24, i % 24
        half = "PM" if h > 11 else "AM"
        return form.format(m=1, d=d, h=h, h12=h % 12 or 12, half=half, name="Jan")

    table = parse("when;b;y\n" + "".join(f"{cell(i)};{i % 17};{i}\n" for i in range(96)))
    assert table.time_names == ("when",)
    hours = np.diff(table.time[[0, 23, 24, 95]]).astype(int) / 3600
    assert hours.tolist() == ([23, 1, 71] if "40" in form else [0, 24, 48])


def test_what_gives_the_answer_away_is_told():
    rng = np.random.default_rng(0)
    lines = [
        f"{v},{rng.integers(0, 99)},{i},{2 * v}" for i, v in enumerate(rng.integers(0, 999, 200))
    ]
    table = parse("\n".join(["a,b,c,y", *lines]) + "\n")
    kinds = {(f.kind, *f.columns) for f in high_findings(table, prepare(table, "y"))}
    assert {("shortcut", "a"), ("counter", "c")} <= kinds and ("shortcut", "b") not in kinds
    table = parse(flowers(180, 4))
    assert "sorted" in {f.kind for f in high_findings(table, prepare(table, "kind"))}
    table = parse(flowers(180, 4, shuffled=True))
    assert not high_findings(table, prepare(table, "kind"))


def season(rows: int = 400) -> str:
    """Rows of a sensor whose answer to the target changes by and by."""
    rng = np.random.default_rng(4)
    air, drift = rng.integers(100, 999, rows), np.linspace(0, 3, rows)
    wet = (50 + 40 * np.sin(np.arange(rows) / 9) + rng.normal(0, 3, rows)).astype(int)
    gas = (air * (1 + drift) + rng.normal(0, 9, rows)).astype(int)
    lines = [f"{g},{w},{a}" for g, w, a in zip(gas, wet, air)]
    return "\n".join(["gas,wet,air", *lines]) + "\n"


def test_random_rows_that_flatter_are_told():
    table = parse(season())
    assert "optimism" in {f.kind for f in high_findings(table, prepare(table, "air"))}
    late = prepare(table, "air", split="time")
    assert "optimism" not in {f.kind for f in high_findings(table, late)}  # it is asked for


def test_what_is_told_is_kept_in_the_model_file():
    table = parse(season())
    dataset = prepare(table, "air")
    found = high_findings(table, dataset)
    told = dataset.with_findings(found)
    assert found and told.notes[-len(found) :] == tuple(f.line for f in found)
    assert findings_in(json.loads(json.dumps(told.facts()))) == found
    assert "findings" not in dataset.facts() and findings_in(dataset.facts()) == ()


def test_a_guard_is_told_as_well():
    lines = [f"{i * i % 17},{400 + 3 * i}" for i in range(80)]
    table = parse("\n".join(["a,b", *lines]) + "\n")
    found = high_findings(table, readings(table))
    assert [(f.kind, f.columns) for f in found] == [("counter", ("b",))]
    assert "b counts on from row to row" in found[0].line and '--drop "b"' in found[0].line
