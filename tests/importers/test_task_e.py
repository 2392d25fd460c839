"""A forest of XGBoost on the air-quality file, by one command: its leaves, its cost, its budget."""

from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from tinygen.cli import main
from tinygen.common.boards import BOARDS
from tinygen.data import load_table, prepare
from tinygen.importers import budget
from tinygen.importers.calibration import Answer, Calibration
from tinygen.importers.files import open_model
from tinygen.importers.graph import Head
from tinygen.importers.trees import raw_trees
from tinygen.model.model import load
from tinygen.target.build import NO_LIMITS

SENSORS = ("PT08.S1(CO)", "PT08.S2(NMHC)", "PT08.S3(NOx)", "PT08.S4(NO2)", "PT08.S5(O3)")
INPUTS = (*SENSORS, "T", "RH", "AH")


@pytest.fixture(scope="module")
def forest(air_quality, request, tmp_path_factory):
    """The file of a forest, as somebody saves it, the forest, the rows and their file: all of
    them and a hundred trees before a release, else every fourth row and a few trees.
    """
    xgboost = pytest.importorskip("xgboost")
    whole = request.config.getoption("--level") == "release"
    count, depth, every = (100, 6, 1) if whole else (8, 3, 4)
    folder = tmp_path_factory.mktemp("forest")
    head, *lines = air_quality.read_bytes().splitlines(keepends=True)
    table = folder / "rows.csv"
    table.write_bytes(b"".join([head, *lines[::every]]))
    rows = prepare(load_table(table), "NOx(GT)", inputs=INPUTS, split="random", seed=0)
    x = np.stack([q.to_physical(rows.x[:, k]) for k, q in enumerate(rows.inputs)], axis=1)
    y = rows.target.to_physical(rows.y)
    made = xgboost.XGBRegressor(n_estimators=count, max_depth=depth, n_jobs=1, random_state=0)
    made.fit(x[rows.train], y[rows.train])
    made.save_model(folder / "nox.json")
    return folder / "nox.json", made, rows, x, table


def convert(forest, out, *more):
    words = [forest[0], "--data", forest[-1], "--target", "NOx(GT)", "-o", out]
    words += ["--inputs", ",".join(INPUTS), *more]
    return CliRunner().invoke(main, ["convert", *map(str, words)], catch_exceptions=False)


def test_the_integer_trees_take_the_leaves_of_the_float_trees_on_all_rows(forest, simavr, tmp_path):
    path, made, rows, x, _ = forest
    done = convert(forest, tmp_path / "model.json")
    assert done.exit_code == 0, done.stderr
    assert "the integer trees take the float trees' branches on every accepted row" in done.output
    assert "bytes of flash" in done.output and "cycles at most" in done.output
    model = load(tmp_path / "model.json")
    steps = open_model(path, False).floats.steps
    grid = Calibration(rows.inputs, rows.x, np.zeros((1, 1)), Answer(Head(), 1, 0, 0, 1))
    ours = np.stack([t.leaf_of(rows.x) for t in raw_trees(None, steps[-1], grid)], axis=1)
    assert same_leaves(ours, made.apply(x)) and len(x) > 1500
    used = [rows.inputs.index(q) for q in model.inputs]
    gap = model.output.to_physical(model.answer(rows.x[:, used])) - made.predict(x)
    within = (made.predict(x) > model.output.minimum) & (made.predict(x) < model.output.maximum)
    assert np.abs(gap[within]).max() <= model.training["converted"]["bound"]


def same_leaves(ours, theirs) -> bool:
    """Whether two numberings of the leaves part the rows alike, in every tree."""
    pairs = [len(np.unique(np.stack(c), axis=1).T) for c in zip(ours.T, theirs.T)]
    return all(
        len(np.unique(a)) == count == len(np.unique(b))
        for count, a, b in zip(pairs, ours.T, theirs.T)
    )


def test_one_row_in_another_leaf_is_noticed():
    leaves = np.array([[0, 1], [1, 1], [2, 0]])
    assert same_leaves(leaves, leaves + 7)
    moved = leaves.copy()
    moved[0, 0] = 1
    assert not same_leaves(leaves, moved) and not same_leaves(moved, leaves)


def test_over_the_budget_it_says_how_many_trees_fit_and_what_they_cost(forest, simavr, tmp_path):
    count = forest[1].n_estimators
    done = convert(forest, tmp_path / "model.json", "--max-flash", 35 * count)
    assert done.exit_code == 2 and not (tmp_path / "model.json").exists()
    assert f"beyond the budget of {35 * count} bytes of flash: raise --max-flash; " in done.stderr
    assert f"of its {count} trees would fit, with" in done.stderr
    assert "ppb on the test rows where all have" in done.stderr


def test_a_budget_for_no_tree_says_so(forest, monkeypatch):
    floats = open_model(forest[0], False).floats
    monkeypatch.setattr(budget, "_cut", lambda found, count: None)
    words = budget._fewer(SimpleNamespace(floats=floats), BOARDS["uno"], NO_LIMITS)
    assert words == f"; not one of its {forest[1].n_estimators} trees would fit"
