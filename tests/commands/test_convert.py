"""`tinygen convert`: a model file and rows in, a model file that every command reads out."""

import json

import numpy as np
import pytest
import skops.io
from click.testing import CliRunner
from servo_rows import servo
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from tinygen.cli import main
from tinygen.codegen.emit import render_header
from tinygen.commands import convert
from tinygen.data import load_table, rows_for
from tinygen.model.model import load


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """A file of 300 rows: two inputs, a quantity, a class; and the columns as arrays."""
    rng = np.random.default_rng(5)
    x = np.column_stack([rng.integers(0, 500, 300) / 10, rng.integers(200, 900, 300)])
    y = np.round(0.4 * x[:, 0] + 0.01 * x[:, 1] + rng.normal(size=300) / 5, 1)
    kind = np.where(y > 14, "high", "low")
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    lines = [f"{a:.1f},{b:.0f},{c:.1f},{d}" for (a, b), c, d in zip(x, y, kind)]
    path.write_text("\n".join(["T [degC],P,gas [ppm],kind", *lines]) + "\n")
    return path, x, y, kind


def save(estimator, folder, name="model.skops"):
    skops.io.dump(estimator, folder / name)
    return str(folder / name)


def run(*words):
    return CliRunner().invoke(main, ["convert", *map(str, words)], catch_exceptions=False)


@pytest.mark.parametrize("target", [True, False])
def test_a_pipeline_becomes_a_model_file(rows, target, tmp_path, simavr):
    path, x, y, _ = rows
    model = make_pipeline(StandardScaler(), Ridge()).fit(x, y)
    words = ["--target", "gas"] if target else []
    out = tmp_path / "gas.json"
    done = run(save(model, tmp_path), "--data", path, *words, "--inputs", "T,P", "-o", out)
    assert done.exit_code == 0, done.output
    made = load(out)
    told = made.answer(rows_for(made.inputs, load_table(path))[0])
    assert (
        np.abs(made.output.to_physical(told) - model.predict(x)).max()
        <= (made.training["converted"]["bound"])
    )
    assert made.name == "gas" and [q.unit for q in made.inputs] == ["degC", ""]
    assert made.output.unit == ("ppm" if target else "")
    assert "convert it." in done.output
    assert ("against the float model's own answers" in done.output) is not target
    assert made.training["converted"]["own_answers"] is not target
    _says_only_what_is_known(out, target, done.output)


def _says_only_what_is_known(model, target, told):
    """Nobody here knows which rows the original was fitted on, and its answers are no truth."""
    card = model.with_suffix(".md")
    written = CliRunner().invoke(main, ["card", str(model), "-o", str(card)])
    assert written.exit_code == 0, written.output
    header, text = render_header(load(model)), card.read_text()
    assert "never seen" not in text + told and "tinygen convert with seed 0" in text
    assert "which the original may have been fitted on" in told
    assert "but the original may have been fitted on" in text
    if target:
        assert "Predicts gas to within" in text and "may have been fitted on these rows" in header
    else:
        assert "Answers as the original Ridge does to within" in text
        assert "Made from a fitted Ridge: differs from it by" in header


def test_the_json_has_the_verdict_and_the_bound(rows, tmp_path, simavr):
    path, x, _, kind = rows
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, kind)
    done = run(
        save(model, tmp_path), "--data", path, "--inputs", "T,P", "--target", "kind", "--json",
        "-o", tmp_path / "kind.json",
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert told["verdict"]["imported"] and told["library"].startswith("scikit-learn")
    assert told["converted"]["reference"]["differing"] == 0
    assert load(tmp_path / "kind.json").labels == ("high", "low")


def test_classes_have_no_distance(rows, tmp_path, simavr):
    path, x, _, kind = rows
    model = save(DecisionTreeClassifier(max_depth=3).fit(x, kind), tmp_path)
    words = ["--inputs", "T,P", "--target", "kind", "-o", tmp_path / "kind.json"]
    told = run(model, "--data", path, *words).output
    assert "every class is the float model's" in told and "no answer is farther" not in told


def test_over_the_budget_it_says_how_many_trees_would_fit(rows, tmp_path, simavr):
    path, x, y, _ = rows
    model = GradientBoostingRegressor(n_estimators=40, random_state=0).fit(x, y)
    out = tmp_path / "gas.json"
    done = run(
        save(model, tmp_path), "--data", path, "--inputs", "T,P", "--target", "gas", "--max-flash",
        900, "-o", out,
    )  # fmt: skip
    assert done.exit_code == 2 and not out.exists()
    assert "of its 40 trees would fit, with" in done.stderr
    assert "ppm on the test rows where all have" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--inputs", "T"], "the model reads 2 columns, rows.csv gives 1 (T): name them"),
        (["--inputs", "T,P", "--target", "kind"], "column 'kind'"),
        (["--inputs", "T,P", "--threshold", "nan"], "threshold nan is not a number"),
        (["--inputs", "T,P", "--board", "none"], "none"),
    ],
)
def test_mistakes_are_told_in_one_line(rows, words, told, tmp_path):
    path, x, y, _ = rows
    model = save(Ridge().fit(x, y), tmp_path)
    done = run(model, "--data", path, *words, "-o", tmp_path / "gas.json")
    assert done.exit_code == 2 and told in done.stderr
    assert done.stderr.strip().count("\n") == done.stderr.count("converting to integers\n")
    assert not (tmp_path / "gas.json").exists()


def test_several_targets_by_one_command(tmp_path):
    """The outputs in the model's order; one target for each, or none."""
    (tmp_path / "rows.csv").write_text(servo())
    table = load_table(tmp_path / "rows.csv")
    x = np.column_stack([table.columns[name] for name in ("left", "right", "top", "temp")])
    y = np.column_stack([table.columns[name] for name in ("pan", "tilt")])
    source = save(Ridge().fit(x, y), tmp_path)
    asked = [source, "--data", tmp_path / "rows.csv", "--inputs", "left,right,top,temp"]
    out = ["-o", tmp_path / "head.json"]
    done = run(*asked, "--target", "pan", "--target", "tilt", *out, "--json")
    told = json.loads(done.stdout)
    model = load(tmp_path / "head.json")
    assert [one["name"] for one in told["outputs"]] == ["pan", "tilt"] == [*model.value_names]
    assert told["together"] == model.training["together"]
    raw = rows_for(model.inputs, table)[0]
    for one, answers, known in zip(model.singles, model.answer(raw).T, y.T):
        assert one.training["metrics"]["mae"] < 0.2 * known.std()
        gap = np.abs(one.output.to_physical(answers) - known).mean()
        assert gap < 0.2 * known.std()
    assert "Made from a fitted Ridge, which may have been fitted on" in render_header(model)
    (tmp_path / "head.json").unlink()
    for targets, said in (
        (["pan"], "the model answers with 2 numbers, 1 --target are given"),
        (["pan", "pan"], "column 'pan' is named twice as a target"),
        (["pan", "tilt", "top"], "3 --target are given"),
    ):
        words = [word for name in targets for word in ("--target", name)]
        refused = run(*asked, *words, *out)
        assert refused.exit_code == 2 and said in refused.output
    assert not (tmp_path / "head.json").exists()


def test_inputs_in_another_order_than_the_file_do_not_pass_quietly(tmp_path, simavr):
    """Fitted on an array whose columns stand otherwise than in the file: the note says which order
    was taken, and the verdict that the answers are of no use; an alarm that no row is, as well.
    """
    rng = np.random.default_rng(3)
    x = np.column_stack([rng.integers(0, 500, 300) / 10, rng.integers(200, 900, 300)])
    y = np.round(2 * x[:, 0] + 0.01 * x[:, 1], 1)
    lines = [f"{a:.1f},{b:.0f},{c:.1f}" for (a, b), c in zip(x, y)]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["T [degC],P,gas [ppm]", *lines]) + "\n")
    model = save(Ridge().fit(x[:, ::-1], y), tmp_path)
    words = model, "--data", path, "--target", "gas", "-o", tmp_path / "gas.json"
    done = run(*words, "--threshold", 900)
    assert done.exit_code == 0, done.output
    assert "the model does not name its inputs: it reads T, P, in the order of the file" in (
        done.output
    )
    assert "but        no better than always answering the median (error " in done.output
    assert "note: alarm: no training row is one, its 'gas' is" in done.output
    done = run(*words, "--inputs", "P,T", "--threshold", 50)
    assert done.exit_code == 0 and "but  " not in done.output and "note" not in done.output


@pytest.mark.parametrize("level", [-1, 1, 7])
def test_an_alarm_of_a_class_that_is_none_writes_nothing(rows, level, tmp_path):
    path, x, _, kind = rows
    model = save(LogisticRegression().fit(x, kind), tmp_path)
    words = model, "--data", path, "--inputs", "T,P", "--target", "kind", "-o", tmp_path / "k.json"
    done = run(*words, "--threshold", level)
    assert done.exit_code == 2 and not (tmp_path / "k.json").exists()
    assert f"threshold {level} is no class with another above it" in done.stderr
    assert "the classes are 0 high, 1 low; use 0 .. 0" in done.stderr


@pytest.mark.parametrize(
    ("differing", "words"), [(0, "in all 400 rows"), (3, "in all but 3 of 400 rows")]
)
def test_rows_that_get_another_class_are_counted_where_there_are_some(differing, words):
    told = convert._reference({"differing": differing, "rows": 400})
    assert told == f"the float steps name the original's class {words}"
