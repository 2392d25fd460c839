"""`tinygen distil`: who teaches and what, from files, a word or the spec file."""

import json
import pickle

import pytest
import skops.io
from cli_files import contents
from sklearn.linear_model import LinearRegression

from tinygen.model.model import load

ROWS = "--target gas --family ridge -o gas.json"


@pytest.fixture
def teacher(here):
    """`here` with a fitted teacher in a skops file and in a pickle."""
    fitted = LinearRegression().fit([[0.0, 1.0], [1.0, 0.0], [2.0, 5.0]], [1.0, 2.0, 3.0])
    skops.io.dump(fitted, here / "plane.skops")
    (here / "plane.pickle").write_bytes(pickle.dumps(fitted))
    return here


def test_a_teacher_from_a_file_is_fitted_anew_and_the_better_model_is_kept(teacher, run):
    done = run(f"distil plane.skops rows.csv {ROWS}")
    assert done.code == 0 and "plain model kept: the student is no better" in done.out
    for word in ("student", "plain (kept)", "teacher", "error in folds", "flash"):
        assert word in done.out
    told = load(teacher / "gas.json").training["distilled"]
    assert told["teacher"] == "plane.skops" and told["kept"] == "plain"
    assert told["teacher_error"] < 1  # as it was fitted it is off by more
    assert (teacher / "gas.search.json").is_file()


@pytest.mark.parametrize("names", [("heat [degC]", "damp"), ("damp [counts]", "heat")])
def test_a_teacher_is_asked_by_its_columns_with_or_without_their_units(here, run, names):
    pandas = pytest.importorskip("pandas")
    table = pandas.read_csv(here / "rows.csv").rename(columns={"heat [degC]": "heat"})
    rows = table[[name.partition(" [")[0] for name in names]].set_axis(names, axis=1)
    skops.io.dump(LinearRegression().fit(rows, table["gas"]), here / "plane.skops")
    done = run(f"distil plane.skops rows.csv --as-fitted {ROWS}")
    assert done.code == 0, done.err
    assert load(here / "gas.json").training["distilled"]["teacher_error"] < 0.3


def test_two_columns_of_a_teacher_are_not_one_of_the_table(here, run):
    pandas = pytest.importorskip("pandas")
    names = ["heat [degC]", "heat [degF]"]
    rows = pandas.DataFrame([[0.0, 1.0], [1.0, 0.0], [2.0, 5.0]], columns=names)
    skops.io.dump(LinearRegression().fit(rows, [1.0, 2.0, 3.0]), here / "plane.skops")
    done = run(f"distil plane.skops rows.csv --as-fitted {ROWS}")
    assert done.code == 2 and "has one column 'heat' for both" in done.err


def test_a_word_and_the_spec_file_do_as_well(teacher, run):
    (teacher / "tinygen.toml").write_text(
        'data = "rows.csv"\nmodel = "gas.json"\ntarget = "gas"\nfamily = "ridge"\n'
    )
    done = run("distil --teacher boosting --draws 0 --json")
    assert done.code == 0 and json.loads(done.out)["distilled"]["draws"] == 0
    other = run("distil few.csv --teacher boosting")
    assert other.code == 2 and "few.csv" in other.err  # the one file is that of the rows
    assert load(teacher / "gas.json").training["distilled"]["teacher"] == "boosting"


@pytest.mark.parametrize(
    "line, words",
    [
        (f"rows.csv {ROWS}", "name a teacher and the rows"),
        (f"plane.skops rows.csv --teacher forest {ROWS}", "plane.skops"),  # both are rows
        (f"--teacher forest {ROWS}", "name a teacher and the rows"),
        (f"plane.pickle rows.csv {ROWS}", "--trust-pickle"),
        (f"rows.csv rows.csv {ROWS}", "is no model file that is known"),
        (f"gone.skops rows.csv {ROWS}", "does not exist"),
        (f"plane.skops rows.csv {ROWS} --draws 21", "0<=x<=20"),
        (f"plane.skops rows.csv {ROWS} --inputs heat --as-fitted", "cannot answer rows of 1"),
    ],
)
def test_what_cannot_be_is_one_line_and_writes_nothing(teacher, run, line, words):
    before = contents(teacher)
    done = run(f"distil {line}")
    assert done.code == 2 and words in done.err, done.err
    assert done.err.strip().splitlines()[-1].startswith("tinygen: ") and contents(teacher) == before
