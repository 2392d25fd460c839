"""XGBoost and LightGBM: the rounds and the columns that their own predict uses, in files and in
estimators, and what changes an answer and is refused by its name.
"""

import io
import json
import pickle

import needs
import numpy as np
import pytest
import skops.io

import tinygen
from tinygen.common.errors import ModelError, QuantizeError, TinygenError
from tinygen.importers.files import open_model
from tinygen.importers.readers import float_model
from tinygen.importers.readers.ubjson import ubjson_of

try:
    import lightgbm
    import pandas
    import treelite  # noqa: F401
    import xgboost
except ImportError:
    needs.unavailable("xgboost, lightgbm or treelite is missing: pip install 'tinygen[test]'")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 3)).round(2)
Y = 3 * X[:, 0] + RNG.normal(size=400) * 3
CLASSES = np.digitize(Y, [-2, 2])
FEW = {"n_jobs": 1, "max_depth": 3}


def stopped(kind, targets, **more):
    """A model whose last rounds made it worse."""
    model = kind(n_estimators=60, early_stopping_rounds=5, **FEW, **more)
    return model.fit(X[:300], targets[:300], eval_set=[(X[300:], targets[300:])], verbose=False)


EARLY = {
    "numbers": stopped(xgboost.XGBRegressor, Y),
    "classes": stopped(xgboost.XGBClassifier, CLASSES),
    "parallel": stopped(xgboost.XGBRegressor, Y, num_parallel_tree=3, subsample=0.5),
    "dart": stopped(xgboost.XGBRegressor, Y, booster="dart", rate_drop=0.1),
}


def told_by(model):
    return np.asarray(model.predict(X), dtype=np.float64)


def is_the_original(opened, model):
    mine, told = opened.floats.predict(X).astype(np.float64), told_by(model)
    assert np.allclose(mine, told, atol=1e-4)
    assert np.allclose(np.asarray(opened.predict(X), dtype=np.float64), told, atol=1e-4)


@pytest.mark.parametrize("form", ["json", "ubj", "skops", "pickle"])
@pytest.mark.parametrize("kind", EARLY)
def test_a_file_has_the_rounds_that_predict_uses(kind, form, tmp_path):
    model, path = EARLY[kind], tmp_path / f"early.{form}"
    rounds = model.get_booster().num_boosted_rounds()
    assert model.best_iteration + 1 < rounds
    if form == "skops":
        skops.io.dump(model, path)
    elif form == "pickle":
        path.write_bytes(pickle.dumps(model))
    else:
        model.save_model(path)
    opened = open_model(path, trust_pickle=form == "pickle")
    is_the_original(opened, model)
    assert f"the first {model.best_iteration + 1} of {rounds} rounds" in " ".join(
        opened.floats.notes
    )


@pytest.mark.parametrize("kind", ["numbers", "classes"])
def test_an_estimator_has_the_rounds_that_its_predict_uses(kind):
    model = EARLY[kind]
    assert np.allclose(float_model(model).predict(X), told_by(model), atol=1e-4)
    found = tinygen.convert(model, X)
    assert "training stopped early" in " ".join(found.training["converted"]["notes"])


@pytest.mark.parametrize("form", ["json", "ubj"])
def test_a_booster_answers_with_all_its_rounds(form, tmp_path):
    """As `Booster.predict` does."""
    rows = xgboost.DMatrix(X[:300], Y[:300]), xgboost.DMatrix(X[300:], Y[300:])
    settings = {"max_depth": 3, "nthread": 1}
    booster = xgboost.train(
        settings, rows[0], 60, evals=[(rows[1], "v")], early_stopping_rounds=5, verbose_eval=False
    )
    path = tmp_path / f"booster.{form}"
    booster.save_model(path)
    opened = open_model(path)
    assert np.allclose(opened.floats.predict(X), booster.predict(xgboost.DMatrix(X)), atol=1e-4)
    assert f"save booster[:{booster.best_iteration + 1}]" in " ".join(opened.floats.notes)


@pytest.mark.parametrize("best", ["-3", "many"])
def test_a_best_round_that_is_none_is_refused(best, tmp_path):
    path = tmp_path / "early.json"
    EARLY["numbers"].save_model(path)
    content = json.loads(path.read_text())
    content["learner"]["attributes"]["best_iteration"] = best
    path.write_text(json.dumps(content))
    with pytest.raises(ModelError, match="its rounds are none"):
        open_model(path)


def test_lightgbm_writes_the_rounds_that_its_predict_uses(tmp_path):
    stop = [lightgbm.early_stopping(5, verbose=False)]
    model = lightgbm.LGBMRegressor(n_estimators=200, verbose=-1, n_jobs=1)
    model.fit(X[:300], Y[:300], eval_set=[(X[300:], Y[300:])], callbacks=stop)
    assert 0 < model.best_iteration_ < 200
    model.booster_.save_model(tmp_path / "early.txt")
    is_the_original(open_model(tmp_path / "early.txt"), model)
    assert np.allclose(float_model(model).predict(X), told_by(model), atol=1e-4)


# ---- columns ----


@pytest.mark.parametrize("form", ["json", "ubj"])
def test_a_file_keeps_the_names_of_its_columns(form, tmp_path):
    named = pandas.DataFrame(X, columns=["gas", "temp", "level (%)"])
    model = xgboost.XGBRegressor(n_estimators=4, **FEW).fit(named, Y)
    model.save_model(tmp_path / f"forest.{form}")
    opened = open_model(tmp_path / f"forest.{form}")
    assert opened.named and opened.floats.inputs == ("gas", "temp", "level (%)")


@pytest.mark.parametrize("names", [5, "abc", {"a": 1}])
def test_names_that_are_no_list_are_refused(names, tmp_path):
    path, booster = tmp_path / "forest.json", EARLY["numbers"].get_booster()
    content = json.load(io.BytesIO(booster.save_raw("json")))
    content["learner"]["feature_names"] = names
    path.write_text(json.dumps(content))
    with pytest.raises(ModelError, match="cannot be read: its feature_names are no list"):
        open_model(path)


def test_ubjson_says_what_json_says(tmp_path):
    for form in ("json", "ubj"):
        EARLY["classes"].save_model(tmp_path / f"forest.{form}")
    plain = json.loads((tmp_path / "forest.json").read_text())
    binary = ubjson_of((tmp_path / "forest.ubj").read_bytes())
    assert plain["learner"]["attributes"] == binary["learner"]["attributes"]
    one, other = (c["learner"]["gradient_booster"]["model"]["trees"][7] for c in (plain, binary))
    assert one.keys() == other.keys() and one["left_children"] == other["left_children"]
    assert np.allclose(one["split_conditions"], other["split_conditions"], rtol=1e-6)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"Z", None),
        (b"SU\x02ab", "ab"),
        (b"[TFCxl\xff\xff\xff\xfe]", [True, False, "x", -2]),
        (b"[$I#U\x02\x00\x01\xff\xff", [1, -1]),
        (b"{i\x01a[#i\x01D\x3f\xf0\0\0\0\0\0\0}", {"a": [1.0]}),
    ],
)
def test_ubjson_values(data, value):
    assert ubjson_of(data) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[",
        b"[" * 9999,
        b"?",
        b"SU\x09ab",
        b"Si\xff",
        b"{Z",
        b"[$T#U\x01",
        b"[#L\x7f" + b"\0" * 7,
    ],
)
def test_what_is_no_ubjson_is_refused(data):
    with pytest.raises(ValueError):
        ubjson_of(data)


def test_a_ubjson_file_that_was_cut_is_refused(tmp_path):
    path = tmp_path / "forest.ubj"
    EARLY["numbers"].save_model(path)
    data = path.read_bytes()
    for end in (80, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:end])
        with pytest.raises(TinygenError) as told:
            open_model(path)
        assert "\n" not in str(told.value)


# ---- what changes an answer ----


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: xgboost.XGBRegressor(booster="gblinear", n_jobs=1), "booster='gblinear' cannot"),
        (lambda: lightgbm.LGBMRegressor(linear_tree=True, n_jobs=1, verbose=-1), "linear_tree"),
        (lambda: lightgbm.LGBMRegressor(zero_as_missing=True, n_jobs=1, verbose=-1), "zero_as_mis"),
        (lambda: xgboost.XGBRegressor(missing=-7.0, n_jobs=1), r"missing=-7.0\) takes -7.0 for"),
        (lambda: xgboost.XGBRFClassifier(missing=0, n_jobs=1), r"missing=0\) takes 0 for"),
        (
            lambda: lightgbm.LGBMClassifier(pred_early_stop=True, n_jobs=1, verbose=-1),
            "pred_early_stop=True. leaves out trees",
        ),
        (
            lambda: xgboost.XGBClassifier(objective="binary:logitraw", n_jobs=1),
            "XGBClassifier with the objective 'binary:logitraw' cannot",
        ),
    ],
)
def test_what_changes_an_answer_is_refused_by_its_name(make, words, capfd):
    model = make().set_params(n_estimators=4)
    model.fit(X, CLASSES > 0 if hasattr(model, "predict_proba") else Y)
    with pytest.raises(QuantizeError, match=words) as told:
        tinygen.convert(model, X)
    assert "\n" not in str(told.value) and capfd.readouterr().out == ""


@pytest.mark.parametrize("objective", ["cross_entropy", "binary"])
def test_a_regressor_of_shares_answers_numbers(objective):
    model = lightgbm.LGBMRegressor(n_estimators=4, objective=objective, n_jobs=1, verbose=-1)
    model.fit(X, (Y > 0).astype(float))
    assert np.allclose(float_model(model).predict(X), model.predict(X), atol=1e-6)


@pytest.mark.parametrize("name", ["gblinear.json", "gblinear.ubj", "linear_tree.txt"])
def test_a_file_of_no_trees_of_numbers_is_refused_by_its_name(name, tmp_path, capfd):
    path = tmp_path / name
    if name.startswith("gblinear"):
        xgboost.XGBRegressor(booster="gblinear", n_jobs=1).fit(X, Y).save_model(path)
    else:
        model = lightgbm.LGBMRegressor(linear_tree=True, n_jobs=1, verbose=-1).fit(X, Y)
        model.booster_.save_model(path)
    capfd.readouterr()
    with pytest.raises(TinygenError, match=name.partition(".")[0]) as told:
        open_model(path)
    assert "save it anew" not in str(told.value) and capfd.readouterr().out == ""


def test_a_key_that_treelite_does_not_know_is_one_line(tmp_path, capfd):
    path, booster = tmp_path / "forest.json", EARLY["numbers"].get_booster()
    content = json.load(io.BytesIO(booster.save_raw("json")))
    content["learner"]["gradient_booster"]["model"]["of_later_versions"] = [1]
    path.write_text(json.dumps(content))
    with pytest.raises(ModelError, match="cannot be read"):
        open_model(path)
    assert capfd.readouterr().out == ""
