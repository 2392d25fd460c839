"""Explanations: exact sums, the axioms, agreement with the definition and with another library."""

import json
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from click.testing import CliRunner
from quick import HARD_INPUTS, quick_model, seen_by
from tables import grid, parse

from tinygen import data
from tinygen.cli import main
from tinygen.commands.explain import Explanation
from tinygen.commands.explain import explain as explain_csv
from tinygen.common.errors import DataError, UsageError
from tinygen.report.background import decile_rows
from tinygen.report.shapley import (
    MOST_INPUTS,
    explain,
    rounded_parts,
    sensitivities,
    shapley,
)


@pytest.fixture(scope="module", params=["ridge", "tree", "mlp"])
def made(request):
    """A model of y = 3 a + b * b / 20, a third input that says nothing, and rows."""
    rng = np.random.default_rng(1)
    x = rng.integers(0, 100, (400, 3))
    rows = "\n".join(f"{a},{b},{c},{3 * a + b * b / 20:.1f}" for a, b, c in x)
    dataset = data.prepare(parse(f"a,b,c,y\n{rows}\n"), "y")
    model = quick_model(dataset, request.param)
    return model, seen_by(model, dataset, dataset.test)


def answers(model, rows):
    return model.predict(model.saturate(rows)[0])


def test_the_parts_add_up_to_the_answer_exactly(made):
    model, rows = made
    for reading in rows[:10]:
        told = explain(model, reading, rows[20:40])
        assert (
            told.base + sum(c.value for c in told.contributions)
            == told.answer
            == answers(model, reading[None])[0]
        )


def test_it_is_the_mean_over_all_orders_of_joining(made):
    model, rows = made
    reading, background = rows[0], rows[20:30]
    gained = [Fraction(0)] * len(reading)
    orders = list(permutations(range(len(reading))))
    for order in orders:
        mixed = background.copy()
        for i in order:
            before = int(answers(model, mixed).sum())
            mixed[:, i] = reading[i]
            gained[i] += Fraction(
                int(answers(model, mixed).sum()) - before, len(orders) * len(background)
            )
    assert [c.value for c in explain(model, reading, background).contributions] == gained


def test_a_wrong_weight_would_be_seen():
    game = np.array([0, 6, 12, 18 + 6])  # 6 for a, 12 for b, 6 more together
    assert shapley(game, 2) == [9, 15]
    assert shapley(game, 2) != [6, 18]


def test_the_silent_sensor_has_little_part(made):
    model, rows = made
    shares = {s.name: s for s in sensitivities(model, rows)}
    assert min(shares[name].share for name in {"a", "b"} & set(shares)) > 0.25
    assert shares.get("c") is None or shares["c"].share < 0.1
    assert sum(s.share for s in shares.values()) == pytest.approx(1)
    assert all(0 <= s.low <= s.high <= 1 for s in shares.values())


def test_another_library_finds_the_same(made):
    shap = pytest.importorskip("shap", reason="pip install shap compares the contributions with it")
    model, rows = made
    other = shap.explainers.Exact(
        lambda x: answers(model, np.asarray(x, dtype=np.int64)), rows[20:40]
    )(rows[:5]).values
    ours = [
        [float(c.value) for c in explain(model, reading, rows[20:40]).contributions]
        for reading in rows[:5]
    ]
    assert np.allclose(other, ours, atol=1e-6)


def test_printed_parts_add_up_as_printed():
    rng = np.random.default_rng(2)
    for _ in range(200):
        parts = [Fraction(int(v), 7) for v in rng.integers(-500, 500, 5)]
        parts.append(
            Fraction(-sum(parts).numerator % sum(parts).denominator, sum(parts).denominator)
        )
        shown = rounded_parts(parts)
        assert sum(shown) == 10 * sum(parts) and all(
            abs(s - 10 * p) < 1 for s, p in zip(shown, parts)
        )


def test_the_row_is_told_in_the_unit(made, tmp_path):
    model, rows = made
    model.save(tmp_path / "m.json")
    names = [q.name for q in model.inputs]
    (tmp_path / "rows.csv").write_text(
        "\n".join([",".join(names), *(",".join(map(str, row)) for row in rows.tolist())]) + "\n"
    )
    done = CliRunner().invoke(
        main, ["explain", str(tmp_path / "m.json"), str(tmp_path / "rows.csv"), "--row", "5"]
    )
    assert done.exit_code == 0, done.output
    cells = [line.split()[-1] for line in done.stdout.splitlines()[2 : 4 + len(names)]]
    assert float(cells[-1]) == pytest.approx(answers(model, rows[3:4])[0] / 10)
    assert sum(round(float(c) * 100) for c in cells[:-1]) == round(float(cells[-1]) * 100)
    assert "not what causes what" in done.stdout
    plain = json.loads(
        CliRunner()
        .invoke(
            main,
            [
                "explain",
                str(tmp_path / "m.json"),
                str(tmp_path / "rows.csv"),
                "--row",
                "5",
                "--json",
            ],
        )
        .stdout
    )
    row = plain["row"]
    assert (
        Fraction(row["base_raw"]) + sum(Fraction(c["raw"]) for c in row["contributions"])
        == answers(model, rows[3:4])[0]
    )


def test_without_rows_the_deciles_serve(made, tmp_path):
    model, _ = made
    model.save(tmp_path / "m.json")
    told = explain_csv(tmp_path / "m.json")
    assert (
        "deciles" in told.background
        and told.row is None
        and told == explain_csv(tmp_path / "m.json")
    )
    assert decile_rows(model).shape[1] == len(model.inputs) and "deciles" in told.text()


def test_what_cannot_be_explained_is_refused(made, tmp_path):
    model, _rows = made
    model.save(tmp_path / "m.json")
    with pytest.raises(UsageError, match="needs a file"):
        explain_csv(tmp_path / "m.json", None, 3)
    (tmp_path / "rows.csv").write_text("a,b,c\n1,2,3\n4,,6\n,,5\n7,8,9\n")
    with pytest.raises(UsageError, match="lines 2 to 5"):
        explain_csv(tmp_path / "m.json", tmp_path / "rows.csv", 1)
    with pytest.raises(DataError, match="row 4 lacks a value"):
        explain_csv(tmp_path / "m.json", tmp_path / "rows.csv", 4)
    (tmp_path / "rows.csv").write_text("a,b,c\n1,2,3\n,,5\n")
    with pytest.raises(DataError, match="has 1 row without"):
        explain_csv(tmp_path / "m.json", tmp_path / "rows.csv")


def test_too_many_sensors_are_refused():
    header = ",".join(f"s{i}" for i in range(MOST_INPUTS + 2))
    rng = np.random.default_rng(3)
    dataset = data.prepare(
        parse(
            grid(100, header, lambda i: ",".join(map(str, rng.integers(0, 99, MOST_INPUTS + 2))))
        ),
        "s0",
    )
    model = quick_model(dataset)
    with pytest.raises(UsageError, match=f"at most {MOST_INPUTS} can be explained"):
        explain(model, dataset.x[0], dataset.x[:5])


def test_classes_are_told_as_the_part_of_rows_with_that_label():
    rows = parse(
        grid(
            200,
            "a,b,kind",
            lambda i: f"{i * 37 % 100},{i % 7},{'wet' if i * 37 % 100 > 60 else 'dry'}",
        )
    )
    dataset = data.prepare(rows, "kind")
    model = quick_model(dataset, "tree", place=2)
    reading = seen_by(model, dataset, dataset.test)[0]
    told = explain(model, reading, seen_by(model, dataset, dataset.train)[:50])
    assert told.label == dataset.labels[model.predict(reading[None])[0]]
    assert told.base + sum(c.value for c in told.contributions) == 1 and 0 < told.base < 1
    head = f"answered '{told.label}': from the part of the background rows with this answer to 1\n"
    assert head in Explanation(model, "rows", (), told).text()


def test_a_reading_beyond_the_range_is_said_to_be_saturated(made):
    model, rows = made
    told = explain(model, np.full_like(rows[0], 30000), rows[:20])
    assert told.clamped and "saturated" in Explanation(model, "rows", (), told).text()


def test_it_takes_seconds_on_the_real_file(air_quality):
    dataset = data.prepare(data.load_table(air_quality), "C6H6(GT)", HARD_INPUTS)
    model = quick_model(dataset, threshold=15.0)
    shares = sensitivities(model, seen_by(model, dataset, dataset.test))
    assert {s.name for s in shares} == set(HARD_INPUTS) and sum(
        s.share for s in shares
    ) == pytest.approx(1)
