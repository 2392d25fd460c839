"""Model files that were edited and sealed again: refused in one line, whatever they hold."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from json_edits import GONE, VALUES, edited, places
from sealed import sealed

from tinygen.codegen.emit import render_header
from tinygen.common.errors import ModelError, TinygenError
from tinygen.data import reference
from tinygen.data.dataset import findings_in
from tinygen.model.model import from_json
from tinygen.search import conversion

HOUSE = Path(__file__).parent.parent / "golden" / "house"
FILES = [*sorted(HOUSE.glob("*.json")), *sorted(HOUSE.glob("*/station.json"))]
FILES = [path for path in FILES if path.name != "programs.json"]
STATION = json.loads((HOUSE / "numbers" / "station.json").read_text())
EDITS = 150  # of each file


def use(text: str) -> None:
    """Everything that reads a model file's facts."""
    model = from_json(text)
    model.answer(model.sample_rows(8))
    render_header(model)
    conversion.read_conversion(model)
    if "baseline" in model.training:
        reference.read(model.training["baseline"])


def test_a_finding_has_a_severity_that_the_report_knows():
    found = {"severity": "grave", "kind": "", "columns": [], "what": "", "effect": "", "advice": ""}
    with pytest.raises(ModelError, match="severity 'grave'"):
        findings_in({"findings": [found]})


def test_sealed_is_what_a_model_writes():
    assert from_json(sealed(STATION)).to_json() == json.dumps(STATION, indent=1) + "\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_edited_file_is_refused_or_works(path):
    """No edit is an internal error."""
    plain, rng = json.loads(path.read_text()), random.Random(1)
    everywhere = [(place, value) for place in places(plain, of_a_list=2) for value in VALUES]
    refused = 0
    for place, value in rng.sample(everywhere, min(EDITS, len(everywhere))):
        try:
            use(sealed(edited(plain, place, value)))
        except TinygenError as error:
            assert "\n" not in str(error) and len(str(error)) < 400
            refused += 1
    assert refused > EDITS / 2


@pytest.mark.parametrize(
    "place, value, words",
    [
        (("threshold",), True, "threshold is true, not an integer"),
        (("threshold",), 150.5, "threshold is 150.5, not an integer"),
        (("family",), "<script>", 'family is "<script>", not a word'),
        (("labels",), ["a", "a"], 'labels has "a" twice'),
        (("labels",), ["dry"], 'labels has only "dry": name two or more, or none'),
        (("labels",), ["a", "b"], "its answers can be .* and it has 2 labels"),
        (("labels",), [1, 2], r"labels\[0\] is 1, not text"),
        (("inputs", 0, "scale"), 1e-320, "not within 1e-12 .. 1e"),
        (("inputs", 0, "minimum"), -1e300, "steps of"),
        (("inputs", 0, "name"), "damp", 'inputs has "damp" twice'),
        (("inputs", 0, "colour"), "red", r'inputs\[0\] has an unknown part "colour"'),
        (("nodes", 0, "op"), "sum", r'nodes\[0\].op is "sum", not one of'),
        (("nodes", 0), [], r"nodes\[0\] is a list of 0, not an object"),
        (("training",), [], "training is a list of 0, not an object"),
        (("training", "missing"), 5, "training.missing is 5, not a list"),
        (("training", "metrics", "mae"), "x", 'training.metrics.mae is "x", not a number'),
        (("training", "repeated"), [], r"training.repeated is a list of 0, not an integer"),
        (("training", "verdict", "rows"), GONE, "does not tell 'rows'"),
        (("training", "verdict", "margin"), [1], r"training.verdict.margin is a list of 1, not a"),
        (("training", "findings"), [{"severity": []}], r"findings\[0\].severity is a list of 0"),
        (("training", "findings"), [{"kind": {}}], r"findings\[0\].kind is an object, not text"),
        (("training", "verdict", "worst"), {"line": 1}, "does not tell 'inputs'"),
        (
            ("training", "unseen_spread"),
            -1,
            "training.unseen_spread is -1, not within 0 .. 4294967296",
        ),
        (("training", "unseen_spread"), 1e300, "training.unseen_spread is 1e.300, not within"),
        (("optimize",), GONE, "has no 'optimize'"),
        (("schema",), 2, "schema 2 is not 1: train it again"),
    ],
)
def test_what_the_line_says(place, value, words):
    with pytest.raises(ModelError, match=words):
        use(sealed(edited(STATION, place, value)))


@pytest.mark.parametrize(
    "text, words",
    [
        ("[]", "the file is a list of 0, not an object"),
        ("{", "not a tinygen model"),
        ("{}", "not a tinygen model"),
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": 1e999}', "1e999 is no number"),
        ('{"a": ' + "9" * 5000 + "}", "has more than 19 digits"),
        ('{"a": 1, "a": 2}', '"a" stands twice'),
        ("[" * 100_000, "lists within lists"),
    ],
    ids=["list", "cut", "empty", "nan", "infinite", "long", "twice", "deep"],
)
def test_strict_json(text, words):
    with pytest.raises(ModelError, match=words):
        from_json(text)


def test_what_could_not_be_read_is_not_written(tmp_path):
    model, path = from_json(sealed(STATION)), tmp_path / "model.json"
    model.save(path)
    kept = path.read_bytes()
    far = replace(model, output=replace(model.output, scale=1e-14))
    with pytest.raises(ModelError, match=r"output\.scale is 1e-14, not within 1e-12"):
        far.save(path)
    assert path.read_bytes() == kept
