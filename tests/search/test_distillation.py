"""Distillation: labels come from a teacher that did not see the row, real rows judge, and the
student is kept only where it is better.
"""

from dataclasses import replace
from threading import Lock

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

import tinygen
from tinygen.common.boards import BOARDS
from tinygen.common.errors import DataError, UsageError
from tinygen.data import Dataset, Provenance, Rows, Split
from tinygen.model.fixedpoint import Quantity
from tinygen.search import workers
from tinygen.search.cross_validation import fold_cuts
from tinygen.search.distillation import Teacher, distilled, own_teacher, student
from tinygen.search.distillation.neighbours import rows_between
from tinygen.search.finalists import SearchRequest

REQUEST = SearchRequest("student", BOARDS["uno"], "tree", choice_only=True)


def dataset(x: np.ndarray, y: np.ndarray, labels: tuple[str, ...] = ()) -> Dataset:
    """Raw rows, the last quarter of which test."""
    inputs = tuple(
        Quantity(f"x{k}", "", 0.01, c.min() * 0.01, c.max() * 0.01) for k, c in enumerate(x.T)
    )
    output = Quantity("y", "V", 0.01, y.min() * 0.01, y.max() * 0.01)
    if labels:
        output = Quantity("class", "", 1.0, 0.0, len(labels) - 1.0)
    places, cut = np.arange(len(x)), len(x) * 3 // 4
    return Dataset(
        Rows(x, y, inputs, output, labels), Split(places[:cut], places[cut:]), Provenance("made")
    )


@pytest.fixture(scope="module")
def noisy() -> Dataset:
    """A plane under noise: a linear teacher knows more of it than a small tree can find."""
    rng = np.random.default_rng(0)
    x = rng.integers(-100, 101, size=(120, 2))
    y = 3 * x[:, 0] - 2 * x[:, 1] + rng.normal(0, 100, size=len(x)).astype(np.int64)
    return dataset(x, y)


@pytest.fixture(scope="module")
def taught(noisy):
    return distilled(noisy, Teacher("plane", LinearRegression()), REQUEST, draws=4)


# ---- the rows ----


def test_drawn_rows_lie_near_the_data_on_the_sensors_own_steps():
    rng = np.random.default_rng(1)
    level = rng.integers(0, 1000, 200)
    x = np.column_stack([level, level + rng.integers(-3, 4, 200), rng.integers(0, 2, 200) * 50])
    drawn = rows_between(x, 3, seed=4)
    assert drawn.shape == (600, 3) and drawn.dtype == np.int64
    assert np.abs(drawn[:, 0] - drawn[:, 1]).max() <= 3 + 3  # the sensors move together, as before
    assert set(np.unique(drawn[:, 2])) == {0, 50}  # a switch has nothing between
    assert (drawn >= x.min(axis=0)).all() and (drawn <= x.max(axis=0)).all()
    assert len(np.unique(drawn[:, 0])) > 150 and (drawn[:200] != x).any()
    assert (drawn == rows_between(x, 3, seed=4)).all()
    assert (drawn != rows_between(x, 3, seed=5)).any()
    assert (rows_between(x[:1], 2, 0) == x[:1]).all()


class Watched(Teacher):
    """A teacher that keeps what it learned from and what it was asked, row by row."""

    def taught(self, rows):
        answers, known = super().taught(rows), set(map(tuple, rows.x.tolist()))

        def asked(x):
            seen.append((known, set(map(tuple, x.tolist()))))
            return answers(x)

        return asked


class Careless(Watched):
    """The same, but it learns from all training rows."""

    def __init__(self, name, estimator, rows):
        super().__init__(name, estimator)
        object.__setattr__(self, "rows", rows.training)

    def taught(self, rows):
        return super().taught(self.rows)


seen: list[tuple[set, set]] = []


def label_leaks(rows: Dataset, teacher: Teacher) -> int:
    """How many of the data's own rows were answered by a teacher that had learned from them."""
    seen.clear()
    student.student_rows(rows, teacher, 1)
    own = set(map(tuple, rows.x.tolist()))
    return sum(len(known & asked & own) for known, asked in seen)


def test_no_label_comes_from_a_teacher_that_saw_the_row(noisy, monkeypatch):
    apart = dataset(np.unique(noisy.x, axis=0), noisy.y[: len(np.unique(noisy.x, axis=0))])
    # drawn rows apart from all data: only own rows are counted
    monkeypatch.setattr(student, "rows_between", lambda x, times, seed: x + 100_000)
    assert label_leaks(apart, Watched("watched", LinearRegression())) == 0
    careless = Careless("careless", LinearRegression(), apart)
    assert label_leaks(apart, careless) == 4 * 90 + 90  # each in four folds and at the end: seen


def test_a_fold_knows_nothing_of_the_rows_that_judge_it(noisy):
    """Other targets of a fold's validation rows, and of the test rows, change no row of it."""
    rows = student.student_rows(noisy, Teacher("plane", LinearRegression()), 1)
    cuts, plain = fold_cuts(rows), fold_cuts(noisy)
    for k, ((fit, validate), (_, real)) in enumerate(zip(cuts, plain)):
        assert (validate == real).all() and fit.min() >= len(noisy.y)
        assert (rows.y[validate] == noisy.y[real]).all()
        y = noisy.y.copy()
        y[real] += 1000 * (1 + np.arange(len(real)) % 3)
        y[noisy.test] -= 7
        other = student.student_rows(noisy.with_rows(y=y), Teacher("plane", LinearRegression()), 1)
        assert (other.y[fit] == rows.y[fit]).all() and (other.x == rows.x).all()
        assert k or (other.y[rows.train] != rows.y[rows.train]).any()  # the final rows do know them
    assert len(rows.train) == 3 * len(noisy.train)


def test_a_drawn_row_counts_as_much_as_its_own(noisy):
    weights = np.arange(1.0, len(noisy.y) + 1)
    rows = student.student_rows(
        noisy.with_rows(weights=weights), Teacher("plane", LinearRegression()), 2
    )
    assert len(rows.rows.weights) == len(rows.y)
    assert rows.training.weights.sum() == 4 * weights[noisy.train].sum()


# ---- the choice ----


def test_the_better_one_is_kept_and_tells_of_the_real_rows(noisy, taught):
    told = taught.facts()
    assert taught.kept == "student" and taught.model is taught.student.model
    assert told["student"]["error_in_folds"] < told["plain"]["error_in_folds"]
    training = taught.model.training
    assert training["distilled"] == told and training["rows_train"] == len(noisy.train)
    assert training["rows_student"] == 6 * len(noisy.train)
    mine, plain = (ladder.model.training["baseline"] for ladder in (taught.student, taught.plain))
    assert mine["rows"] == len(noisy.train)
    assert mine["sketches"][:-1] == plain["sketches"][:-1]  # of the inputs; the last one answers
    answers = taught.model.answer(noisy.x[noisy.test][:, _columns(taught, noisy)])
    error = np.abs(answers - noisy.y[noisy.test]).mean() * 0.01
    assert training["metrics"]["mae"] == pytest.approx(error, rel=1e-5)


def _columns(found, rows: Dataset) -> list[int]:
    return [[q.name for q in rows.inputs].index(q.name) for q in found.model.inputs]


def test_a_student_that_is_no_better_is_not_kept(noisy):
    silly = Teacher("median", KNeighborsRegressor(45))
    found = distilled(noisy, silly, replace(REQUEST, family="ridge"))
    assert found.kept == "plain" and found.model.training["distilled"]["kept"] == "plain"
    assert "rows_student" not in found.model.training


def test_test_rows_choose_nothing(noisy, taught):
    y = noisy.y.copy()
    y[noisy.test] = y[noisy.test][::-1] // 2
    again = distilled(noisy.with_rows(y=y), Teacher("plane", LinearRegression()), REQUEST, draws=4)
    assert again.kept == taught.kept and again.model.nodes == taught.model.nodes
    assert again.facts()["student"]["error"] != taught.facts()["student"]["error"]


def test_the_trap_of_rows_that_are_not_the_datas(monkeypatch):
    """Two sensors that move together, and a target made of both and their difference. A student of
    uniform rows agrees with its teacher there and is worse than the median on real rows; scored on
    those, it is not kept.
    """
    rng = np.random.default_rng(3)
    level = rng.integers(-1000, 1001, 160)
    x = np.column_stack([level, level + rng.integers(-20, 21, 160)])
    rows = dataset(x, 5 * (x[:, 0] - x[:, 1]) + level // 2 + rng.integers(-3, 4, 160))
    teacher = Teacher("difference", LinearRegression())

    def uniform(x, times, seed):
        low, high = x.min(axis=0), x.max(axis=0)
        return np.random.default_rng(seed).integers(
            low, high + 1, size=(times * len(x), x.shape[1])
        )

    # uniform rows alone, as the peer does
    answers, other = teacher.taught(rows.training), uniform(rows.x, 10, 0)
    unheld = LinearRegression().fit(x[rows.train], rows.y[rows.train]).predict
    peer = DecisionTreeRegressor(max_leaf_nodes=32, random_state=0).fit(other, unheld(other))
    fresh, tests = uniform(rows.x, 10, 1), rows.rows.take(rows.test)
    assert r2_score(unheld(fresh), peer.predict(fresh)) > 0.9  # "fidelity"
    median = np.full(len(tests.y), np.median(rows.y[rows.train]))
    assert tests.error(peer.predict(tests.x)) > 1.5 * tests.error(median)
    assert tests.error(answers(tests.x)) < 0.1 * tests.error(median)  # the teacher is good

    ours = distilled(rows, teacher, REQUEST)
    assert ours.facts()[ours.kept]["error"] < 0.5 * tests.error(median) * 0.01
    monkeypatch.setattr(student, "rows_between", uniform)
    assert distilled(rows, teacher, REQUEST, draws=10).kept == "plain"


# ---- the library's door ----


def test_arrays_and_classes():
    rng = np.random.default_rng(1)
    X = np.round(rng.uniform(-1, 1, size=(90, 2)), 2)
    y = np.where(3 * X[:, 0] - 2 * X[:, 1] + rng.normal(size=90) > 0, "wet", "dry")
    found = tinygen.distil(LogisticRegression(), X, y, family="tree", name="rain")
    assert found.model.labels == ("dry", "wet") and found.model.name == "rain"
    assert found.teacher_error is None and set(found.model.training["distilled"]) >= {"kept"}


class Oracle:
    """Only answers; each with what it is made with."""

    def __init__(self, answer=lambda x: 3 * x[:, 0] - 2 * x[:, 1]):
        self.answer = answer

    def predict(self, x):
        return self.answer(x)


def test_a_teacher_that_only_answers_must_not_have_seen_the_rows(noisy):
    with pytest.raises(UsageError, match=r"cannot be fitted anew.*--as-fitted"):
        distilled(noisy, Teacher("oracle", Oracle()), REQUEST)
    found = distilled(noisy, Teacher("oracle", Oracle(), as_fitted=True), REQUEST)
    assert found.teacher_error < found.facts()["plain"]["error"]


@pytest.mark.parametrize(
    "answer, words",
    [
        (lambda x: np.full(len(x), np.nan), "rows with no number"),
        (lambda x: np.array(["a"] * len(x)), "answers 'a', the target is a number"),
        (lambda x: np.zeros((len(x), 2)), "answers to"),
        (lambda x: x @ np.zeros(3), "cannot answer rows of 2 inputs"),
    ],
)
def test_what_is_no_teacher_is_one_line(noisy, answer, words):
    with pytest.raises((DataError, UsageError), match=words) as error:
        student.student_rows(noisy, Teacher("oracle", Oracle(answer), as_fitted=True), 0)
    assert "\n" not in str(error.value)


def test_a_teacher_need_not_go_to_another_process(noisy, monkeypatch):
    """It may hold a session, a file or a lock."""
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "2")
    monkeypatch.setattr(workers, "START_SECONDS", 0.0)
    oracle = Oracle(lambda x: x[:, 0])
    oracle.lock = Lock()
    made = student.student_rows(noisy, Teacher("oracle", oracle, as_fitted=True), 0)
    assert len(made.y) > len(noisy.y)


def test_columns_of_a_teacher_that_knows_names_are_found_by_them(noisy):
    fitted = LinearRegression().fit([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [0.0, -2.0, 3.0])
    fitted.feature_names_in_ = np.array(["x1", "x0"], dtype=object)
    answers = Teacher("plane", fitted, as_fitted=True).taught(noisy.training)
    wanted = noisy.target.to_raw(noisy.x[:5] @ [0.03, -0.02])
    assert (answers(noisy.x[:5]) == np.clip(wanted, noisy.y.min(), noisy.y.max())).all()
    fitted.feature_names_in_ = np.array(["x1", "x7"], dtype=object)
    with pytest.raises(DataError, match="reads column 'x7', the inputs are 'x0', 'x1'"):
        Teacher("plane", fitted, as_fitted=True).taught(noisy.training)(noisy.x)


def test_a_class_that_the_data_lacks_is_refused(noisy):
    rows = dataset(noisy.x, (noisy.y > 0).astype(np.int64), ("no", "yes"))
    strange = Teacher("oracle", Oracle(lambda x: np.array(["maybe"] * len(x))), as_fitted=True)
    with pytest.raises(DataError, match="'maybe', which is no class"):
        student.student_rows(rows, strange, 0)
    with pytest.raises(UsageError, match="use forest or boosting"):
        own_teacher("tree", True, 0)
    with pytest.raises(UsageError, match="use 0 to 20"):
        distilled(rows, own_teacher("boosting", True, 0), REQUEST, draws=21)
