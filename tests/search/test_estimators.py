"""The scikit-learn face: its conventions, exact agreement with the chip's arithmetic, steps of
inputs.
"""

import doctest
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from host_c import compile_header, run_rows
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LinearRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

import tinygen
from tinygen import TinyClassifier, TinyRegressor
from tinygen.common.errors import ModelError, QuantizeError, UsageError
from tinygen.data.steps import LEAST_STEPS, decimal_scale
from tinygen.model.model import load

WINE, DIABETES = load_wine(), load_diabetes(scaled=False)
QUICK = {TinyRegressor: "ridge", TinyClassifier: "logistic"}


@pytest.mark.parametrize("kind", QUICK, ids=lambda kind: kind.__name__)
def test_scikit_learns_own_checks(kind, level):
    """A commit holds the classifier to what the regressor, of the same class, is not held to."""
    if level == "release" or kind is TinyRegressor:
        check_estimator(kind(family=QUICK[kind]))
        return
    shared = checks_of(TinyRegressor)
    own = [check for name, check in checks_of(kind).items() if name not in shared]
    assert len(own) >= 8
    for check in own:
        check(kind(family=QUICK[kind]))


def checks_of(kind) -> dict[str, partial]:
    """scikit-learn's checks of an estimator, by their names and options."""
    found = estimator_checks_generator(kind(family=QUICK[kind]))
    return {f"{check.func.__name__} {check.keywords}": check for _, check in found}


def test_scikit_learns_checks_can_fail():
    class Forgetful(TinyRegressor):
        def fit(self, X, y):
            super().fit(X, y)
            self.family = "tree"
            return self

    with pytest.raises(AssertionError, match="family"):
        check_estimator(Forgetful(family="ridge"))


def test_import_stays_light(level):
    """A release loads an estimator there as well; here they have been loaded."""
    code = "import sys, tinygen; assert not {'numpy', 'sklearn', 'jinja2'} & set(sys.modules)"
    code += "; tinygen.TinyRegressor" if level == "release" else ""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
    with pytest.raises(AttributeError, match="no attribute 'TinyThing'"):
        _ = tinygen.TinyThing


@pytest.mark.parametrize(
    "estimator, data",
    [
        (TinyClassifier(family="logistic", name="wine"), WINE),
        (TinyClassifier(family="tree", name="wine"), WINE),
        (TinyRegressor(family="ridge", name="sugar"), DIABETES),
        (TinyRegressor(family="forest", name="sugar"), DIABETES),
    ],
    ids=["logistic", "tree", "ridge", "forest"],
)
def test_predict_is_what_the_c_code_answers(estimator, data, tmp_path):
    estimator.fit(data.data, data.target)
    model = estimator.model_
    wild = np.vstack(
        [data.data, data.data * 10, -data.data]
    )  # far outside: saturates on both sides
    raw = np.column_stack([q.to_raw(wild[:, c]) for q, c in zip(model.inputs, estimator.columns_)])
    answers = run_rows(compile_header(model, tmp_path), model.saturate(raw)[0])
    expected = estimator.classes_[answers] if model.labels else model.output.to_physical(answers)
    assert (estimator.predict(wild) == expected).all()
    assert (estimator.predict(wild) == estimator.predict(wild[::-1])[::-1]).all()


def test_they_learn():
    halves = np.arange(len(WINE.data)) % 2 == 0
    classifier = TinyClassifier().fit(WINE.data[halves], WINE.target[halves])
    assert classifier.score(WINE.data[~halves], WINE.target[~halves]) > 0.93
    assert classifier.model_.labels == ("0", "1", "2") and classifier.candidates_[0].error < 0.06
    halves = np.arange(len(DIABETES.data)) % 2 == 0
    regressor = TinyRegressor(family="ridge").fit(DIABETES.data[halves], DIABETES.target[halves])
    assert regressor.score(DIABETES.data[~halves], DIABETES.target[~halves]) > 0.4


def test_labels_are_the_users_own():
    words = np.array(["barolo", "grignolino", "barbera"])[WINE.target]
    classifier = TinyClassifier(family="tree").fit(WINE.data, words)
    assert (
        classifier.model_.labels
        == ("barbera", "barolo", "grignolino")
        == tuple(classifier.classes_)
    )
    assert (
        set(classifier.predict(WINE.data)) == set(words)
        and classifier.score(WINE.data, words) > 0.9
    )


def test_in_a_pipeline_and_a_grid_search():
    pipeline = make_pipeline(
        FunctionTransformer(np.round, kw_args={"decimals": 1}), TinyClassifier(family="tree")
    )
    grid = GridSearchCV(pipeline, {"tinyclassifier__family": ["tree", "logistic"]}, cv=3).fit(
        WINE.data, WINE.target
    )
    assert grid.best_params_ == {"tinyclassifier__family": "logistic"} and grid.best_score_ > 0.93
    scaled = make_pipeline(StandardScaler(), TinyRegressor(family="ridge")).fit(
        DIABETES.data, DIABETES.target
    )
    assert scaled.score(DIABETES.data, DIABETES.target) > 0.45


def test_column_names_become_input_names():
    pandas = pytest.importorskip("pandas", reason="pandas is missing: pip install pandas")
    frame = pandas.DataFrame(DIABETES.data, columns=DIABETES.feature_names)
    regressor = TinyRegressor(family="ridge").fit(frame, DIABETES.target)
    assert [q.name for q in regressor.model_.inputs] == DIABETES.feature_names
    assert (
        regressor.predict(frame)
        == TinyRegressor(family="ridge").fit(DIABETES.data, DIABETES.target).predict(DIABETES.data)
    ).all()


def test_columns_without_names_are_numbered():
    assert [
        q.name
        for q in TinyRegressor(family="ridge")
        .fit(DIABETES.data[:, :2], DIABETES.target)
        .model_.inputs
    ] == ["x0", "x1"]


# ---- steps ----


@pytest.mark.parametrize(
    "values, scale",
    [
        ([1, 2, 300], 1.0),
        ([0.1, 13.6, -2.0], 0.1),
        ([0.25, 3.0], 0.01),
        ([1e5, 2e5], 10.0),
        ([32767, 0], 1.0),
        ([32768, 0], 10.0),
        ([1 / 3, 2 / 3, 5.0], 0.001),
        ([1e-7 / 3, 2e-7], 1e-11),
        ([7.0, 7.0], 1.0),
        ([1 / 3, 1 / 3], 1e-4),
        ([0.0, 0.0], 1.0),
        ([1e9 / 3, 5.0], 1e5),
        ([123456.7, 1.3], 10.0),
    ],
)
def test_steps_by_hand(values, scale):
    assert decimal_scale(np.array(values, dtype=float)) == pytest.approx(scale, rel=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_floats_fit_int16_with_twelve_bits_over_their_range(seed):
    rng = np.random.default_rng(seed)
    values = (rng.normal(size=200) + rng.uniform(-2, 2)) * 10.0 ** rng.uniform(-8, 8)
    steps = values / decimal_scale(values)
    finest = np.abs(steps).max() * 10 > 32767.5  # values far from zero may leave less
    assert (
        np.abs(steps).max() < 32767.5
        and (np.ptp(steps) >= LEAST_STEPS or finest)
        and np.ptp(steps) <= 10 * LEAST_STEPS * 1.001
    )


def test_steps_can_be_given():
    by_name = TinyRegressor(family="ridge", input_scales={"x1": 0.5}).fit(
        DIABETES.data, DIABETES.target
    )
    assert [q.scale for q in by_name.model_.inputs][:2] == [1.0, 0.5]
    in_order = TinyRegressor(family="ridge", input_scales=[2.0] * 10).fit(
        DIABETES.data, DIABETES.target
    )
    assert {q.scale for q in in_order.model_.inputs} == {2.0}


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([1.0], "sequence of 10 steps, got 1 steps"),
        (0.5, "sequence of 10 steps, got '0.5'"),
        ([0.1] * 9 + [-0.1], "gives 'x9' the step '-0.1': give a number from 1e-12 to"),
        ([0] * 10, "gives 'x0' the step '0'"),
        ({"x3": np.nan}, "gives 'x3' the step 'nan'"),
        ({"x3": "a"}, "gives 'x3' the step"),
        ({"x3": 1e300}, "gives 'x3' the step '1e.300'"),
        ({"x33": 1.0}, "names 'x33', the inputs are 'x0', 'x1'"),
    ],
)
@pytest.mark.parametrize("door", ["fit", "convert"])
def test_steps_that_are_none_are_refused(door, steps, words):
    x, y = DIABETES.data, DIABETES.target
    with pytest.raises(UsageError, match=words) as told:
        if door == "fit":
            TinyRegressor(family="ridge", input_scales=steps).fit(x, y)
        else:
            tinygen.convert(LinearRegression().fit(x, y), x, input_scales=steps)
    assert "\n" not in str(told.value)


# ---- use ----


def test_export_writes_a_library(tmp_path):
    classifier = TinyClassifier(family="tree", name="wine").fit(WINE.data, WINE.target)
    names = {path.name for path in classifier.export(tmp_path / "wine")}
    assert {"wine.h", "tinygen_fixed.h", "wine_vectors.h", "library.properties"} <= names


def test_threshold_is_in_the_targets_unit():
    model = TinyRegressor(family="ridge", threshold=150).fit(DIABETES.data, DIABETES.target).model_
    assert model.output.to_physical(model.threshold) == 150
    with pytest.raises(QuantizeError, match="beyond int16"):
        TinyRegressor(family="ridge", threshold=1e9).fit(DIABETES.data, DIABETES.target)


def test_an_alarm_outside_a_band(tmp_path):
    sugar = TinyRegressor(family="ridge", threshold=200, alarm_below=100)
    model = sugar.fit(DIABETES.data, DIABETES.target).model_
    assert model.output.to_physical([model.alarm_below, model.threshold]).tolist() == [100, 200]
    answers = sugar.predict(DIABETES.data)
    assert (model.alarm(model.output.to_raw(answers)) == (answers < 100) | (answers > 200)).all()
    sugar.save(tmp_path / "sugar.json")
    assert TinyRegressor.load(tmp_path / "sugar.json").get_params()["alarm_below"] == 100
    plain = TinyRegressor(family="ridge", threshold=200).fit(DIABETES.data, DIABETES.target)
    plain.save(tmp_path / "plain.json")
    assert "alarm_below" not in (tmp_path / "plain.json").read_text()
    assert TinyRegressor.load(tmp_path / "plain.json").get_params()["alarm_below"] is None
    with pytest.raises(QuantizeError, match="no band"):
        TinyRegressor(family="ridge", threshold=1, alarm_below=2).fit(
            DIABETES.data, DIABETES.target
        )
    with pytest.raises(UsageError, match="alarm_below is for TinyRegressor"):
        TinyClassifier(family="tree", alarm_below=1).fit(WINE.data, WINE.target)


def test_cost_and_budget_are_measured(simavr):
    roomy = TinyClassifier(family="logistic").fit(WINE.data, WINE.target)
    cost = roomy.cost("uno")
    assert 100 < cost.flash_bytes < 1000 and 100 < cost.cycles_max < 5000
    tight = TinyClassifier(family="tree", max_flash=cost.flash_bytes // 3).fit(
        WINE.data, WINE.target
    )
    assert tight.cost("uno").flash_bytes <= cost.flash_bytes // 3
    with pytest.raises(
        UsageError, match=r"fits the budget of 10 bytes of flash: .* raise max_flash$"
    ):
        TinyClassifier(family="tree", max_flash=10).fit(WINE.data, WINE.target)


def test_what_cannot_be_asked_for():
    with pytest.raises(UsageError, match="family 'svm' is unknown"):
        TinyClassifier(family="svm").fit(WINE.data, WINE.target)
    for tiny, rows, words in (
        (TinyRegressor("logistic"), DIABETES, "'logistic' learns classes, and .* holds numbers: "),
        (TinyClassifier("ridge"), WINE, "'ridge' learns numbers, and .* holds classes: use forest"),
        (TinyRegressor("box"), DIABETES, r"'box' learns what is usual, without .*`tinygen guard`"),
    ):
        with pytest.raises(UsageError, match=words + ".* or auto$"):
            tiny.fit(rows.data, rows.target)
    two = np.column_stack([DIABETES.target, DIABETES.target])
    with pytest.raises(UsageError, match="board 'due' is unknown"):
        TinyRegressor(family="ridge", board="due", max_flash=999).fit(DIABETES.data, two)
    with pytest.raises(UsageError, match="board 'due' is unknown"):
        TinyClassifier(family="tree").fit(WINE.data, WINE.target).cost("due")
    with pytest.raises(ValueError, match="one class only"):
        TinyClassifier().fit(WINE.data[:40], WINE.target[:40])


# ---- the front row ----


def test_they_are_listed():
    assert {"TinyRegressor", "TinyClassifier"} <= set(dir(tinygen))


@pytest.mark.parametrize("kind", QUICK, ids=lambda kind: kind.__name__)
def test_the_example_of_the_docstring_runs(kind):
    found = doctest.DocTestFinder(recurse=False).find(kind, globs={kind.__name__: kind})
    runner = doctest.DocTestRunner()
    assert sum(runner.run(test).attempted for test in found) >= 4 and not runner.failures


def test_what_is_saved_comes_back(tmp_path):
    words = np.array(["barolo", "grignolino", "barbera"])[WINE.target]
    for estimator, data, target in (
        (TinyClassifier(family="logistic", name="wine"), WINE.data, words),
        (TinyRegressor(family="ridge", random_state=3), DIABETES.data, DIABETES.target),
    ):
        estimator.fit(data, target).save(tmp_path / "kept.json")
        again = type(estimator).load(tmp_path / "kept.json")
        assert (again.predict(data) == estimator.predict(data)).all()
        assert again.get_params() == estimator.get_params()
        assert again.model_.model_id == load(tmp_path / "kept.json").model_id
    with pytest.raises(ModelError, match="not saved by a TinyClassifier"):
        TinyClassifier.load(tmp_path / "kept.json")


@pytest.mark.parametrize("family", ["logistic", "forest", "mlp_classifier"])
@pytest.mark.parametrize("data", [WINE, load_breast_cancer()], ids=["three", "two"])
def test_probabilities_speak_for_the_answer(family, data, level):
    if level == "commit" and family != "logistic" and (family == "forest") == (data is WINE):
        pytest.skip("each family with two and with three classes: --level release")
    halves = np.arange(len(data.data)) % 2 == 0
    found = TinyClassifier(family=family).fit(data.data[halves], data.target[halves])
    shares = found.predict_proba(data.data)
    assert shares.shape == (len(data.data), len(found.classes_))
    assert np.allclose(shares.sum(axis=1), 1) and shares.min() >= 0
    assert (found.classes_[shares.argmax(axis=1)] == found.predict(data.data)).all()
    rates = np.full(shares.shape[1], 1 / shares.shape[1])
    blind = log_loss(data.target[~halves], np.tile(rates, ((~halves).sum(), 1)))
    assert log_loss(data.target[~halves], shares[~halves]) < blind / 2


def test_a_tree_has_no_probabilities():
    found = TinyClassifier(family="tree").fit(WINE.data, WINE.target)
    assert not hasattr(found, "predict_proba")
    with pytest.raises(AttributeError, match="no attribute 'predict_proba'") as raised:
        found.predict_proba(WINE.data)
    assert "without scores" in str(raised.value.__cause__)


def test_a_pipelines_other_steps_are_not_lost_without_a_word(tmp_path):
    model = TinyClassifier(family="tree")
    make_pipeline(StandardScaler(), model).fit(WINE.data, WINE.target)
    with pytest.raises(UsageError, match=r"steps before this one \(standardscaler\)"):
        model.export(tmp_path / "wine")
    assert not (tmp_path / "wine").exists()
    make_pipeline("passthrough", model).fit(WINE.data, WINE.target)
    assert model.export(tmp_path / "wine")


@pytest.mark.parametrize("family", ["lookup", "power"])
def test_a_family_that_has_nothing_to_offer_says_so(family):
    """Inputs of two values have no table and span no octaves; that is no Ctrl-C."""
    x = np.array([[1.0, 1], [0, 0], [0, 1], [1, 1]] * 50)
    with pytest.raises(UsageError, match=f"'{family}' has no model for these 200 training rows"):
        TinyRegressor(family=family).fit(x, np.arange(200.0))
