"""`--scores` and `--reject`: what is trained, told, predicted and refused."""

import csv
import json

import numpy as np
import pytest
from family_models import KINDS, street

from tinygen.commands._options import Selection
from tinygen.commands.predict import predict
from tinygen.commands.train import TrainRequest, train
from tinygen.common.errors import QuantizeError, UsageError
from tinygen.model.fixedpoint import NOT_SURE
from tinygen.model.model import load
from tinygen.search.estimators import TinyClassifier


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """The street's rows as a CSV file, with the class and a number."""
    path, made = tmp_path_factory.mktemp("reject") / "rows.csv", street("classification")
    lines = [
        f"{','.join(map(str, x))},{KINDS[y]},{x[0] * 2 + x[1]}"
        for x, y in zip(made.x.tolist(), made.y)
    ]
    path.write_text("\n".join(["sensor,heat,damp,kind,number", *lines, ""]))
    return path


def asked(rows, family="forest", target="kind", **options) -> TrainRequest:
    selection = Selection(rows, target, inputs=("sensor", "heat", "damp"))
    return TrainRequest(selection, rows.parent / "kind.json", family=family, **options)


def test_a_rate_of_errors_is_kept(rows, simavr):
    found = train(asked(rows, reject=0.03))
    told = found.model.training["reject"]
    unseen = told["unseen"]
    assert unseen["wrong"] + 1 <= 0.03 * (unseen["answered"] + 1)
    assert 0 < unseen["answered"] < unseen["rows"] == found.model.training["rows_train"]
    assert "not sure where the best class leads by less than" in found.text()
    assert found.plain()["reject"] == told
    out = rows.parent / "out.csv"
    said = predict(rows.parent / "kind.json", rows, out)
    with out.open() as file:
        lines = list(csv.DictReader(file))
    names = [f"score of {kind}" for kind in KINDS]
    assert list(lines[0]) == ["raw", "kind", "flag", *names]
    unsure = [line["kind"] == "not sure" for line in lines]
    assert unsure == (said.raw == NOT_SURE).tolist() and 0 < sum(unsure) < len(lines)
    assert f"{sum(unsure):,} not sure" in said.text()
    assert ["NOT_SURE" in line["flag"].split("+") for line in lines] == unsure
    scores = np.array([[int(line[name]) for name in names] for line in lines])
    lead = np.diff(np.sort(scores, axis=1)[:, -2:], axis=1)[:, 0]
    assert ((lead < found.model.sure_margin) == unsure).all()
    plain = json.loads(json.dumps(said.plain()))
    assert [label is None for label in plain["label"]] == unsure and list(plain["more"]) == names
    # the test rows' errors are those of the best class, and the rungs keep limits of their own
    assert len(found.model.training["metrics"]["confusion"]) == 3
    assert load(rows.parent / "kind.json") == found.model


@pytest.mark.parametrize(
    "options, said",
    [
        ({"reject": 0.0}, "reject 0 is no part of the answers"),
        ({"reject": 1.0}, "reject 1 is no part of the answers"),
        ({"reject": float("nan")}, "reject nan is no part of the answers"),
        ({"reject": 0.1, "target": "number"}, "reject is for classes, the target 'number'"),
        ({"scores": True, "target": "number"}, "--scores is for classes, the target 'number'"),
        ({"scores": True, "family": "tree"}, "compares scores, a tree does not: use logistic"),
        ({"reject": 1e-4}, "at most 0.01% of the answers are wrong: use a larger rate"),
    ],
)
def test_what_makes_no_sense_is_refused(rows, simavr, options, said):
    with pytest.raises((UsageError, QuantizeError), match=said) as refused:
        train(asked(rows, **options))
    assert "\n" not in str(refused.value)


def test_the_estimator_says_where_it_is_sure(tmp_path):
    x, y = street("classification").x, np.array(KINDS)[street("classification").y]
    plain = TinyClassifier(family="logistic").fit(x, y)
    kind = TinyClassifier(family="logistic", reject=0.02).fit(x, y)
    assert (plain.predict(x) == kind.predict(x)).all() and plain.sure(x).all()
    assert np.array_equal(kind.sure(x), kind.model_.answer(x) != NOT_SURE)
    scores = kind.decision_function(x)
    assert np.array_equal(scores, kind.model_.values(x)[:, 1:])
    assert (kind.classes_[scores.argmax(axis=1)] == kind.predict(x)).all()
    assert np.array_equal(kind.predict_proba(x).argmax(axis=1), scores.argmax(axis=1))
    kind.save(tmp_path / "kind.json")
    again = TinyClassifier.load(tmp_path / "kind.json")
    assert np.array_equal(again.sure(x), kind.sure(x)) and again.reject == 0.02
    two = TinyClassifier(family="logistic").fit(x, y == "clean")
    assert ((two.decision_function(x) > 0) == two.predict(x)).all()
    with pytest.raises(UsageError, match="reject 3 is no part"):
        TinyClassifier(reject=3).fit(x, y)
