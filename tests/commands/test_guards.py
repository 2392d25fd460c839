"""Guards: trained on rows alone, alarm on rows unlike them."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from host_c import compile_header, run_rows
from tables import parse

from tinygen import data
from tinygen.cli import main
from tinygen.commands._options import Selection
from tinygen.commands.guard import GuardRequest
from tinygen.commands.guard import guard as guard_csv
from tinygen.common.errors import DataError, QuantizeError, UsageError
from tinygen.data import Rows
from tinygen.families import FAMILIES, guards
from tinygen.families.mahalanobis import PARTS, REACH
from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import load
from tinygen.report.drift import monitor
from tinygen.search.guard import guard

GUARDS = tuple(guards())
DEVIATIONS = np.array([3.0, 40.0, 1500.0, 0.4])


def usual(n: int = 2000, seed: int = 0) -> np.ndarray:
    """Raw rows of four sensors with very different spreads."""
    noise = np.random.default_rng(seed).normal(size=(n, 4))
    return np.floor(noise * DEVIATIONS + [20, -300, 9000, 7] + 0.5).astype(np.int64)


def quantities(x: np.ndarray) -> tuple[Quantity, ...]:
    return tuple(
        Quantity(f"sensor {k}", "", 1.0, float(c.min()), float(c.max())) for k, c in enumerate(x.T)
    )


@pytest.mark.parametrize("family", GUARDS)
@pytest.mark.parametrize("alarms", [0.0, 0.001, 0.05])
def test_few_usual_rows_and_all_broken_ones_set_it_off(family, alarms):
    x = usual()
    model = guard(x, quantities(x), family, alarms)
    assert model.alarm(model.answer(x)).mean() <= alarms
    fresh = usual(seed=1)
    assert model.alarm(model.answer(fresh)).mean() <= alarms + 0.02
    broken = fresh + np.array([40, -500, 15000, 9])
    assert model.alarm(model.answer(broken)).mean() > 0.99


@pytest.mark.parametrize("family", GUARDS)
def test_host_c_equals_the_twin(family, tmp_path):
    x = usual()
    model = guard(x, quantities(x), family)
    rows = np.vstack([model.sample_rows(20_000), x])
    assert (run_rows(compile_header(model, tmp_path), rows) == model.predict(rows)).all()


def test_distance_is_that_of_the_floats_in_sixteenths():
    x = usual()
    rows = Rows(x, x[:, 0], quantities(x), guards()["mahalanobis"].output)
    family = FAMILIES["mahalanobis"]
    fitted = family.fit(rows, family.candidates(rows)[0], 0)
    assert np.allclose(fitted.mean, x.mean(axis=0)) and np.allclose(
        fitted.deviation, np.maximum(x.std(axis=0), 1.0)
    )
    model = guard(x, rows.inputs)
    by_hand = (((x - fitted.mean) / fitted.deviation) ** 2).sum(axis=1)
    assert np.allclose(fitted.predict(x), PARTS * by_hand)
    difference = np.abs(model.answer(x) * model.output.scale - by_hand)
    assert np.median(difference) < 0.2 and np.median(by_hand) > 2
    far = (fitted.mean + REACH / 2 * fitted.deviation).astype(int)[None, :]
    assert model.answer(far)[0] * model.output.scale == pytest.approx(4 * (REACH / 2) ** 2, rel=0.1)


def test_rows_far_out_do_not_stretch_the_usual_range():
    x = usual()
    x[:10, 1] = 30000
    kept = guard(x, quantities(x), "mahalanobis", 0.01)
    assert kept.alarm(kept.answer(x))[:10].all()
    box = guard(x, quantities(x), "box", 0.05)
    assert box.answer(x)[:10].min() >= 1


@pytest.mark.parametrize("family", GUARDS)
@pytest.mark.parametrize("column, value", [(0, 200), (1, 32767), (2, -32767), (3, 60), (4, 15)])
def test_one_wild_reading_is_enough(family, column, value):
    """Also on a sensor that never moved: column 4 is always 5."""
    x = np.column_stack([usual(), np.full(2000, 5)])
    model = guard(x, quantities(x), family, 0.001)
    wild = np.column_stack([usual(50, seed=2), np.full(50, 5)])
    wild[:, column] = value
    assert model.alarm(model.answer(wild)).mean() > 0.9


def test_the_target_is_not_looked_at():
    x = usual(300)
    for name in GUARDS:
        family = FAMILIES[name]
        chains = [
            family.lower(family.fit(rows, family.candidates(rows)[0], 0), rows)
            for rows in (
                Rows(x, y, quantities(x), guards()[name].output) for y in (x[:, 0], -x[:, 1])
            )
        ]
        assert chains[0] == chains[1] and family.tasks == ("guard",)


def test_what_cannot_be_guarded():
    x = usual(300)
    with pytest.raises(UsageError, match="'ridge' is unknown: use box or mahalanobis"):
        guard(x, quantities(x), "ridge")
    with pytest.raises(UsageError, match=r"0 .. 0.5"):
        guard(x, quantities(x), alarms=0.6)
    low = x.copy()
    low[:, 2] = -32767 + np.abs(x[:, 2] - 9000) // 4
    with pytest.raises(
        QuantizeError, match="'sensor 2' lies within 3 standard deviations of raw -32767"
    ):
        guard(low, quantities(low))


# ---- from a file ----


def table_of(x: np.ndarray) -> str:
    return "\n".join(["a,b,c,d,kind", *(",".join([*map(str, row), "x"]) for row in x)]) + "\n"


def test_a_file_without_target_becomes_a_model_file(simavr, tmp_path):
    (tmp_path / "usual.csv").write_text(table_of(usual()))
    made = guard_csv(
        GuardRequest(Selection(tmp_path / "usual.csv", units={"a": "V"}), tmp_path / "g.json")
    )
    model = load(tmp_path / "g.json")
    facts = model.training
    assert (
        model == made.model
        and [q.name for q in model.inputs] == ["a", "b", "c", "d"]
        and model.inputs[0].unit == "V"
    )
    assert (
        facts["rows_train"] + facts["rows_test"] == 2000
        and facts["alarms_train"] <= 0.001 * 1600
        and facts["alarms_test"] <= 5
    )
    assert (
        "text" in made.notes[0]
        and made.cost.flash_bytes > 30
        and "set off by" in made.text()
        and made.plain()["threshold"] > 0
    )
    assert (
        not monitor(model, usual(512, seed=9) + [40, 0, 0, 0]).good
        and monitor(model, usual(512, seed=9)).good
    )


def test_held_out_rows_have_no_say():
    x = usual()
    first = data.readings(parse(table_of(x)))
    y = x.copy()
    y[first.test] += 3000
    other = data.readings(parse(table_of(y)))
    assert (first.train == other.train).all()
    assert guard(first.x[first.train], first.inputs) == guard(other.x[other.train], other.inputs)


def test_columns_of_readings():
    x = np.column_stack([usual(100), np.full(100, 5)])[:, [0, 4, 4, 4, 4]]
    rows = data.readings(
        parse("a,b,c,d,e\n" + "\n".join(",".join(map(str, row)) for row in x) + "\n"), ["a", "e"]
    )
    assert [q.name for q in rows.inputs] == [
        "a",
        "e",
    ] and not rows.y.any()  # a column that never moves stays
    one = data.readings(parse(table_of(usual(100))), ["b"], split="time")
    assert one.x.shape[1] == 1 and len(one.test) == round(0.3 * len(one.x))
    assert len(rows.x) == 100 and rows.provenance.repeated == 87
    with pytest.raises(DataError, match="leaves no input"):
        data.readings(parse(table_of(usual(100))), drop=["a", "b", "c", "d"])
    with pytest.raises(DataError, match="no column 'z'"):
        data.readings(parse(table_of(usual(100))), ["z"])


def test_the_command_and_a_stream_of_its_model(simavr, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = np.vstack([usual(300), usual(20, seed=3) + np.array([40, -500, 9000, 9])])
    (tmp_path / "usual.csv").write_text(table_of(usual()))
    (tmp_path / "rows.csv").write_text(table_of(rows))
    said = CliRunner().invoke(
        main, ["guard", "usual.csv", "--family", "box", "--name", "fence", "-o", "g.json", "--json"]
    )
    assert said.exit_code == 0 and json.loads(said.stdout)["name"] == "fence"
    done = CliRunner().invoke(main, ["stream", "g.json", "rows.csv", "--port", "sim", "--json"])
    told = json.loads(done.stdout)
    assert done.exit_code == 0 and told["passed"] and 20 <= told["red"] <= 25
    page = CliRunner().invoke(main, ["report", "g.json", "-o", "g.html"])
    assert (
        page.exit_code == 2
        and "a guard has none" in page.stderr
        and not (tmp_path / "g.html").exists()
    )
    told = CliRunner().invoke(main, ["explain", "g.json", "rows.csv", "--row", "302", "--json"])
    assert told.exit_code == 0 and json.loads(told.stdout)["row"]["answer"] >= 1
    refused = CliRunner().invoke(main, ["guard", "usual.csv", "--alarms", "0.7", "-o", "h.json"])
    assert refused.exit_code == 2 and not (tmp_path / "h.json").exists()


def test_a_constant_column_does_not_count_on(simavr, tmp_path):
    x = usual(200)
    x[:, 1], x[:, 2] = 7, np.arange(200)
    (tmp_path / "usual.csv").write_text(table_of(x))
    made = guard_csv(GuardRequest(Selection(tmp_path / "usual.csv"), tmp_path / "g.json"))
    found = [note.split(":")[0] for note in made.notes if "counts on" in note]
    assert found == ["c counts on from row to row"]
