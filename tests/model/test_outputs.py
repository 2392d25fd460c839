"""Models of several outputs: the twin and C, the file, the estimator, what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
from family_models import fitted_model, rows_of, street
from host_c import compile_header, run_rows
from sealed import sealed

from tinygen.codegen.emit import render_header
from tinygen.commands.predict import predict
from tinygen.common.errors import ModelError, UsageError
from tinygen.model.fixedpoint import MISSING, Quantity
from tinygen.model.model import from_json
from tinygen.model.outputs import require_one_output, side_by_side
from tinygen.search.estimators import TinyRegressor

ROWS = street()


def single(family: str, name: str, y, columns=(0, 1, 2)):
    """A model of a made-up target that reads some of the inputs, without an alarm."""
    rows = rows_of(ROWS.x[:, columns], y)
    model = fitted_model(family, rows)
    inputs = tuple(ROWS.inputs[columns[rows.inputs.index(q)]] for q in model.inputs)
    output = replace(model.output, name=name)
    return replace(model, inputs=inputs, output=output, threshold=None)


GAS = replace(single("ridge", "gas", ROWS.y), threshold=60)
DEW = single("ridge", "dew", ROWS.x[:, 1] - ROWS.x[:, 2])
TREE = single("tree", "tree", 3 * ROWS.x[:, 2] - ROWS.x[:, 1], (2, 1))
TWO = side_by_side([GAS, DEW], ROWS.inputs)
THREE = side_by_side([GAS, DEW, TREE], ROWS.inputs)


def each(models, rows):
    """What models that read some of the inputs answer, side by side."""
    names = [q.name for q in ROWS.inputs]
    return np.column_stack(
        [m.predict(rows[:, [names.index(q.name) for q in m.inputs]]) for m in models]
    )


def test_outputs_are_those_of_the_models():
    rows = THREE.sample_rows(2000)
    assert np.array_equal(THREE.predict(rows), each([GAS, DEW, TREE], rows))
    assert THREE.predict(rows).shape == (2000, 3) and GAS.predict(rows).shape == (2000,)
    assert THREE.value_names == ("gas", "dew", "tree") and THREE.values_per_row == 3
    assert THREE.band == GAS.band and THREE.class_leds == 0
    rows[3, 0] = MISSING
    assert (THREE.answer(rows)[3] == MISSING).all()


def test_the_header_names_every_output():
    header, alone = render_header(THREE), render_header(DEW)
    named = ", ".join(f"{name} [ug/m3]" for name in THREE.value_names)
    assert f"* Predicts {named} from 3 sensor readings." in header
    assert "* Family ridge, tree;" in header and "* Output 1: gas, raw " in header
    assert "* Predicts dew" in alone and "* Output: raw " in alone


@pytest.mark.parametrize("language", ["c99", "c++11"])
def test_c_gives_every_output(language, tmp_path):
    rows = THREE.sample_rows(3000)
    program = compile_header(THREE, tmp_path, language)
    assert np.array_equal(run_rows(program, rows, 3), THREE.values(rows))


def test_the_file_keeps_them_and_the_id_covers_them():
    for model in (TWO, THREE, GAS):
        assert from_json(model.to_json()) == model
    assert "more" not in json.loads(GAS.to_json())
    other = side_by_side([GAS, TREE, DEW], ROWS.inputs)
    assert len({m.model_id for m in (GAS, TWO, THREE, other)}) == 4


def changed(**parts):
    plain = json.loads(TWO.to_json())
    return sealed({**plain, **parts})


MORE = json.loads(TWO.to_json())["more"][0]


@pytest.mark.parametrize(
    "parts, said",
    [
        ({"reads": [0, 1, 3]}, "reads an input beyond the 3 there are"),
        ({"reads": [0, 1, -1]}, "reads an input beyond the 3 there are"),
        ({"reads": [0, 1, 1]}, "reads no input, or one twice"),
        ({"reads": []}, "reads no input, or one twice"),
        ({"more": []}, "reads is for a model of several outputs"),
        ({"more": {}}, "more is an object, not a list"),
        ({"more": [MORE, MORE]}, "two outputs have one name"),
        ({"more": [{**MORE, "nodes": []}]}, "a model needs inputs, and a first node"),
        ({"more": [{**MORE, "extra": 1}]}, 'unknown part "extra"'),
        ({"more": [{**MORE, "quantity": {**MORE["quantity"], "scale": 0}}]}, "scale is 0"),
        ({"labels": ["a", "b"]}, "several outputs are numbers"),
    ],
)
def test_a_changed_file_is_refused_in_one_line(parts, said):
    with pytest.raises(ModelError, match=said) as refused:
        from_json(changed(**parts))
    assert "\n" not in str(refused.value)


def test_every_output_lies_within_int16():
    """Negative control of the proof: the second output alone can reach 40,000."""
    wide = replace(DEW.nodes[-1], low=-40000, high=40000, weights=((30000, 30000, 30000),), shift=0)
    output = replace(TWO.more[0], nodes=(*DEW.nodes[:-1], wide))
    with pytest.raises(ModelError):
        replace(TWO, more=(output,))


def test_one_output_is_asked_for_in_one_line():
    assert require_one_output(GAS, "monitor") is GAS
    with pytest.raises(UsageError, match="monitor is for models of one output, 'm' has 2"):
        require_one_output(TWO, "monitor")


def test_the_estimator_predicts_every_target(tmp_path):
    x = ROWS.x.astype(float)
    y = np.column_stack([ROWS.y / 10, x[:, 1] - x[:, 2]])
    both = TinyRegressor(family="ridge", threshold=20, name="air").fit(x, y)
    alone = [TinyRegressor(family="ridge").fit(x, column) for column in y.T]
    assert np.array_equal(both.predict(x), np.column_stack([one.predict(x) for one in alone]))
    assert both.model_.value_names == ("y0", "y1") and both.model_.threshold is not None
    assert both.score(x, y) > 0.7 and len(both.candidates_) == 2
    both.save(tmp_path / "air.json")
    again = TinyRegressor.load(tmp_path / "air.json")
    assert np.array_equal(again.predict(x[:9]), both.predict(x[:9]))
    assert {p.name for p in both.export(tmp_path / "air")} >= {"air.h", "air_vectors.h"}
    single_column = TinyRegressor(family="ridge").fit(x, y[:, 0])
    assert single_column.predict(x).shape == (len(x),) and not single_column.model_.more


def test_a_budget_is_for_all_outputs(simavr):
    """Equal parts of what is left; what the outputs cost together is within the whole."""
    x = ROWS.x.astype(float)
    y = np.column_stack([ROWS.y / 10, x[:, 1] - x[:, 2]])
    both = TinyRegressor(family="ridge", max_flash=520, max_cycles=1000).fit(x, y)
    cost = both.cost("uno")
    assert 0 < cost.flash_bytes <= 520 and cost.cycles_max <= 1000
    with pytest.raises(
        UsageError, match=r"of 50 bytes of flash, 500 cycles.* max_flash or max_cycles$"
    ):
        TinyRegressor(family="ridge", max_flash=100, max_cycles=1000).fit(x, y)


def test_predict_writes_every_output(tmp_path):
    TWO.save(tmp_path / "two.json")
    rows = ROWS.x[:40]
    lines = [",".join(q.name for q in ROWS.inputs), *(",".join(map(str, row)) for row in rows)]
    (tmp_path / "rows.csv").write_text("\n".join([*lines, ""]))
    said = predict(tmp_path / "two.json", tmp_path / "rows.csv", tmp_path / "out.csv")
    header, *written = (tmp_path / "out.csv").read_text().splitlines()
    assert header == "raw,gas [ug/m3],flag,alarm,dew [ug/m3]"
    dew = [float(line.split(",")[-1]) for line in written]
    assert dew == pytest.approx((TWO.predict(rows)[:, 1] * 0.1).tolist(), abs=1e-9)
    assert said.plain()["outputs"]["dew"]["raw"] == TWO.predict(rows)[:, 1].tolist()


def test_models_that_cannot_stand_side_by_side():
    alarmed = replace(DEW, threshold=3)
    with pytest.raises(ModelError, match="only the first has an alarm"):
        side_by_side([GAS, alarmed], ROWS.inputs)
    with pytest.raises(ModelError, match="two outputs have one name"):
        side_by_side([GAS, replace(DEW, output=Quantity("gas", "", 1.0, 0, 1))], ROWS.inputs)
