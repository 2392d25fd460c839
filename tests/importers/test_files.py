"""Model files: read by their content, refused in one line, nothing in them is run."""

import io
import json
import pickle
import subprocess
import sys
import zipfile

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from tinygen.common.errors import ModelError, TinygenError, UsageError
from tinygen.importers import files
from tinygen.importers.files import open_model

X, Y = load_iris(return_X_y=True)
PIPELINE = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)


class Evil:
    """What a pickle can do when it is loaded."""

    def __reduce__(self):
        return (open, (str(Evil.place), "w"))


def test_a_skops_file_is_read_whatever_it_is_called(tmp_path):
    path = tmp_path / "model.dat"
    skops.io.dump(PIPELINE, path)
    opened = open_model(path)
    assert opened.library.startswith("scikit-learn") and not opened.named
    assert [str(v) for v in opened.predict(X)] == [
        opened.floats.head.labels[k] for k in opened.floats.predict(X)
    ]


@pytest.mark.parametrize("way", ["pickle", "joblib", "zlib", "gzip", "lzma"])
def test_a_pickle_is_refused_and_not_run(way, tmp_path):
    Evil.place = tmp_path / "run"
    path = tmp_path / "model.skops"  # renamed
    if way == "pickle":
        path.write_bytes(pickle.dumps(Evil()))
    else:
        compress = 0 if way == "joblib" else (way, 3)
        joblib.dump([Evil(), Ridge().fit(X, Y)], path, compress=compress)
    Evil.place.unlink(missing_ok=True)
    with pytest.raises(UsageError, match=r"is a pickle.*skops\.io\.dump.*--trust-pickle"):
        open_model(path)
    assert not Evil.place.exists()


def test_a_pickle_that_is_trusted_is_read(tmp_path):
    path = tmp_path / "model.joblib"
    joblib.dump(PIPELINE, path)
    assert open_model(path, trust_pickle=True).floats.kind == "LogisticRegression"


def test_a_skops_file_with_a_foreign_type_is_refused(tmp_path):
    """A file that names another function than scikit-learn's own."""
    path, plain = tmp_path / "model.skops", io.BytesIO(skops.io.dumps(PIPELINE))
    with zipfile.ZipFile(plain) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(parts["schema.json"])
    schema["__module__"], schema["__class__"] = "os", "system"
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in {**parts, "schema.json": json.dumps(schema).encode()}.items():
            archive.writestr(name, part)
    with pytest.raises(ModelError, match=r"os.system.*not among the types that are trusted"):
        open_model(path)


def broken_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", "{")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_text("a,b\n1,2\n"), "no model file that is known"),
        (lambda path: path.write_bytes(b""), "no model file that is known"),
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is no file"),
        (broken_zip, "cannot be read"),
        (lambda path: path.write_bytes(skops.io.dumps(Ridge())), "Ridge is not fitted"),
        (lambda path: path.write_bytes(skops.io.dumps({"a": 1})), "'builtins.dict' cannot be"),
        (lambda path: path.write_text('{"learner": {}}'), "cannot be read"),
        (lambda path: path.write_text("tree\nversion=v4\n"), "cannot be read"),
    ],
)
def test_a_file_that_is_no_model_is_refused_in_one_line(make, words, tmp_path):
    path = tmp_path / "model.skops"
    make(path)
    with pytest.raises(TinygenError, match=words) as told:
        open_model(path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("limit", "words"),
    [("MOST_UNPACKED", "unpacks to .* bytes, at most 99 are"), ("MOST_BYTES", "bytes, at most 99")],
)
def test_a_file_that_is_too_large_is_not_unpacked(limit, words, tmp_path, monkeypatch):
    path = tmp_path / "model.skops"
    skops.io.dump(PIPELINE, path)
    monkeypatch.setattr(files, limit, 99)
    monkeypatch.setattr(skops.io, "load", None)
    with pytest.raises(ModelError, match=words):
        open_model(path)


def spoilt(field, place, value):
    """A fitted tree with one number of its arrays changed, as a file may have it."""
    tree = DecisionTreeRegressor(max_depth=3).fit(X, Y)
    state = tree.tree_.__getstate__()
    state["nodes"][field][place] = value
    tree.tree_.__setstate__(state)
    return tree


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("left_child", 0, "a child stands before its parent"),
        ("right_child", 10_000, "cannot be read|a child stands before its parent"),
        ("feature", 10_000, "trees do not fit the 4 numbers in front of them"),
        ("feature", -5, "trees do not fit the 4 numbers in front of them"),
        ("threshold", np.nan, "a number that is none"),
    ],
)
def test_a_tree_that_is_none_is_refused_before_it_predicts(field, value, words, tmp_path):
    path = tmp_path / "model.skops"
    skops.io.dump(spoilt(field, 0, value), path)
    with pytest.raises(TinygenError, match=words):
        open_model(path)


def test_an_estimator_that_lacks_a_part_is_refused_in_one_line(tmp_path):
    path, ridge = tmp_path / "model.skops", Ridge().fit(X, Y)
    del ridge.intercept_
    skops.io.dump(ridge, path)
    with pytest.raises(ModelError, match=r"cannot be read .AttributeError.*save it anew"):
        open_model(path)


def test_without_skops_the_command_says_what_to_install(tmp_path, monkeypatch):
    path = tmp_path / "model.skops"
    skops.io.dump(PIPELINE, path)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    with pytest.raises(UsageError, match=r"needs the package 'skops': pip install 'tinygen\[skops"):
        open_model(path)


@pytest.mark.parametrize("kind", ["json", "ubj", "txt"])
def test_a_forest_file_is_read(kind, tmp_path):
    path = tmp_path / f"forest.{kind}"
    if kind == "txt":
        lightgbm = pytest.importorskip("lightgbm")
        forest = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1).fit(X, Y)
        forest.booster_.save_model(path)
    else:
        xgboost = pytest.importorskip("xgboost")
        forest = xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(X, Y)
        forest.save_model(path)
    opened = open_model(path)
    assert opened.floats.inputs == ("x0", "x1", "x2", "x3")
    assert np.array_equal(opened.predict(X), opened.floats.predict(X).astype(str))
    assert np.array_equal(opened.floats.predict(X), forest.predict(X))


def test_tinygen_itself_imports_nothing_of_it():
    program = (
        "import sys, tinygen, tinygen.cli\n"
        "print([m for m in ('tinygen.importers', 'skops', 'sklearn', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
