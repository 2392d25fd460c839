"""The model file: exact, deterministic, and nothing damaged or hostile gets in."""

import dataclasses
import json

import numpy as np
import pytest
from random_models import OUTPUT, inputs, random_models

from tinygen.common.errors import ModelError
from tinygen.model.fixedpoint import MISSING
from tinygen.model.model import Model, from_json, load
from tinygen.model.operations.dense import Dense
from tinygen.model.operations.power import Power

MODELS = random_models()
MLP = MODELS["mlp"]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_survives_its_file(name, tmp_path):
    MODELS[name].save(tmp_path / "m.json")
    assert load(tmp_path / "m.json") == MODELS[name]
    assert [p.name for p in tmp_path.iterdir()] == ["m.json"]


def test_equal_models_give_equal_bytes():
    assert random_models()["mlp"].to_json() == MLP.to_json()


def test_any_changed_coefficient_changes_the_fingerprint():
    node = MLP.nodes[1]
    for row in range(len(node.weights)):
        weights = [list(r) for r in node.weights]
        weights[row][0] += 1 if weights[row][0] < 0 else -1
        changed = dataclasses.replace(node, weights=tuple(map(tuple, weights)))
        assert (
            dataclasses.replace(MLP, nodes=(MLP.nodes[0], changed, *MLP.nodes[2:])).model_id
            != MLP.model_id
        )


def test_training_facts_do_not_change_the_fingerprint():
    assert dataclasses.replace(MLP, training={"note": "x"}).model_id == MLP.model_id


def test_the_threshold_and_the_ranges_do():
    assert dataclasses.replace(MLP, threshold=151).model_id != MLP.model_id
    moved = (dataclasses.replace(MLP.inputs[0], maximum=901.0), *MLP.inputs[1:])
    assert dataclasses.replace(MLP, inputs=moved).model_id != MLP.model_id


def test_an_edited_file_is_refused():
    plain = json.loads(MLP.to_json())
    plain["nodes"][1]["weights"][0][0] += 1
    with pytest.raises(ModelError, match="changed after training"):
        from_json(json.dumps(plain))


@pytest.mark.parametrize("text", ["", "{}", "[]", "7", '{"schema": 1}', "[" * 5000])
def test_what_is_no_model_is_refused_in_one_line(text):
    with pytest.raises(ModelError) as error:
        from_json(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 99},
        {"name": "a b"},
        {"name": "x\n"},
        {"name": "__x"},
        {"name": "x" * 32},
        {"inputs": []},
        {"nodes": []},
        {"threshold": 99999},
        {"nodes": [{"op": "power", "degree": 2}]},
    ],
)
def test_a_model_that_breaks_a_rule_is_refused(change):
    plain = json.loads(MLP.to_json())
    with pytest.raises(ModelError):
        from_json(json.dumps({**plain, **change}))


def test_a_missing_file_says_what_to_type(tmp_path):
    with pytest.raises(ModelError, match="tinygen train"):
        load(tmp_path / "none.json")


def test_answers_saturate_flag_and_mark_missing_rows():
    model = MODELS["linear8"]
    low, high = model.inputs[0].limits
    middle = [sum(q.limits) // 2 for q in model.inputs]
    rows = np.array(
        [
            middle,
            [high + 1, *middle[1:]],
            [high, *middle[1:]],
            [MISSING, *middle[1:]],
            [low, *middle[1:]],
        ]
    )
    answers = model.answer(rows)
    assert model.saturate(rows)[1].tolist() == [False, True, False, True, False]
    assert answers[1] == answers[2] and answers[3] == MISSING


def test_exactly_at_the_threshold_is_no_alarm():
    assert MLP.alarm([149, 150, 151]).tolist() == [False, False, True]


def test_accepted_range_is_the_trained_one_and_an_eighth_of_its_span():
    quantity = inputs(1)[0]  # trained on -300 .. 900
    assert quantity.limits == (-450, 1050)


def test_a_chain_must_end_in_one_value_within_int16():
    wide = Dense(((1,), (1,)), (0, 0), 0, -100, 100)
    with pytest.raises(ModelError, match="one value"):
        Model("m", "f", inputs(1), OUTPUT, (MODELS["guard"].nodes[0].__class__((0,), (1,)), wide))


def test_a_chain_that_may_overflow_is_never_made():
    scale = MODELS["linear_wide"].nodes[0]
    huge = Dense(((32767,) * 7,), (0,), 8, 0, 65535)
    with pytest.raises(ModelError, match="beyond 32 bits"):
        Model("m", "f", inputs(7), OUTPUT, (scale, huge, Power(2)))


def test_sample_rows_are_seeded_and_reach_the_corners():
    rows = MLP.sample_rows(400)
    assert (rows == MLP.sample_rows(400)).all() and (rows != MLP.sample_rows(400, seed=1)).any()
    assert rows.min() == -32767 and rows.max() == 32767
    for k, quantity in enumerate(MLP.inputs):
        assert set(quantity.limits) <= set(rows[:, k].tolist())
