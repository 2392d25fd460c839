"""Class scores and the answer "not sure": the twin and C, the proof, the model file, the limit."""

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from family_models import fitted_model, rows_of, street, street_model
from host_c import compile_header, run_rows
from sealed import sealed

from tinygen.common.errors import ModelError
from tinygen.fitting.class_scores import score_chain
from tinygen.fitting.lowering import apply_all
from tinygen.model.confidence.not_sure import Answered, leads_of, least_lead
from tinygen.model.fixedpoint import MISSING, NOT_SURE
from tinygen.model.model import from_json
from tinygen.model.operations.dense import Dense
from tinygen.model.operations.scale import Scale

PLAIN = street_model("forest", "classification")
SCORES = replace(PLAIN, scores=True)
SURE = replace(SCORES, sure_margin=60)


def two_classes():
    rows = street("classification")
    return rows_of(rows.x, (rows.y > 0).astype(int), ("clean", "foul"))


def test_answers_are_the_class_and_its_scores():
    rows = PLAIN.sample_rows(500)
    values = SURE.values(rows)
    assert values.shape == (500, 4) and SURE.values_per_row == 4 and PLAIN.values_per_row == 1
    lead = leads_of(values[:, 1:])
    assert (SCORES.predict(rows) == PLAIN.predict(rows)).all()
    assert ((values[:, 0] == NOT_SURE) == (lead < 60)).all()
    sure = lead >= 60
    assert 0 < sure.sum() < 500 and (values[sure, 0] == PLAIN.predict(rows[sure])).all()
    assert (SURE.decided.predict(rows) == PLAIN.predict(rows)).all()
    rows[3, 1] = MISSING
    assert (SURE.answers(rows)[3] == MISSING).all() and SURE.answer(rows)[3] == MISSING


def test_c_gives_every_number(tmp_path):
    rows = SURE.sample_rows(3000)
    program = compile_header(SURE, tmp_path, "c++11")
    assert np.array_equal(run_rows(program, rows, SURE.values_per_row), SURE.values(rows))


@pytest.mark.parametrize("family", ["logistic", "forest"])
def test_two_classes_get_scores_that_give_the_same_answers(family):
    model = fitted_model(family, two_classes())
    chain = score_chain(model.nodes, [q.limits for q in model.inputs])
    scored = replace(model, nodes=chain, scores=True)
    rows = model.sample_rows(20_000)
    assert (scored.predict(rows) == model.predict(rows)).all()
    assert set(model.predict(rows)) == {0, 1}


@pytest.mark.parametrize("bias", range(-4, 5))
def test_a_sum_is_above_zero_before_and_after_it_is_brought_to_16_bits(bias):
    """Sums of 19 bits around 0, one by one."""
    scale = Scale((0, 0, 0), (65535,) * 3, 16, 4095, 2048)
    one = Dense(((30000, 0, 0),), (bias,), 0, 0, 1)
    chain = score_chain((scale, one), [(-32767, 32767)] * 3)
    assert chain[-3].shift > 0
    values = np.zeros((3, 3), dtype=np.int64)
    values[:, 0] = (-1, 0, 1)
    assert ((chain[-3].apply(values) > 0) == (one.apply(values) > 0)).all()


def test_a_tree_has_no_scores():
    model = fitted_model("tree", two_classes())
    assert score_chain(model.nodes, [q.limits for q in model.inputs]) is None


def test_switches_have_scores_as_fine_as_their_sums(tmp_path):
    """Six inputs of 0 or 1: sums of a few hundred steps are not brought down as if each input had
    16 bits, of which they had two scores.
    """
    rng = np.random.default_rng(2)
    x = rng.integers(0, 2, (600, 6))
    y = (x @ (3, -2, 1.5, 1, -1, 0.5) + rng.normal(0, 1, 600) > 1.5).astype(int)
    model = fitted_model("logistic", rows_of(x, y, ("no", "yes")))
    chain = score_chain(model.nodes, [q.limits for q in model.inputs])
    scored = replace(model, nodes=chain, scores=True)
    every = np.array(list(product((0, 1), repeat=6)))
    assert (scored.predict(every) == model.predict(every)).all()
    scores = apply_all(chain[:-1], every)[:, 1]
    assert len(set(scores.tolist())) > 40
    # beyond the inputs' limits the score is clamped, and of the same class
    wild = model.sample_rows(3000)
    assert (scored.predict(wild) == model.predict(wild)).all()
    program = compile_header(scored, tmp_path)
    assert np.array_equal(run_rows(program, wild, scored.values_per_row), scored.values(wild))


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"scores": False}, "sure_margin is for a model with scores"),
        ({"sure_margin": 0}, "sure_margin 0 is not within 1 .."),
        ({"sure_margin": 70000}, "sure_margin 70000 is not within 1 .."),
        ({"labels": ("clean", "foul")}, "3 scores for 2 classes"),
        ({"labels": ()}, "scores are for classes"),
        ({"nodes": PLAIN.nodes[:1]}, "a chain that ends in the largest of them"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(ModelError, match=said):
        replace(SURE, **changes)


def test_every_score_lies_within_int16():
    """Negative control of the proof: one score that can reach 40,000."""
    wide = Dense(((0,) * 3, (200,) * 3, (0,) * 3), (0, 0, 0), 0, 0, 60000)
    with pytest.raises(ModelError, match="every score of a class lies within int16"):
        replace(SCORES, nodes=(SCORES.nodes[0], wide, SCORES.nodes[1]))


def test_the_file_keeps_it_and_the_id_covers_it():
    assert from_json(SURE.to_json()) == SURE and from_json(PLAIN.to_json()) == PLAIN
    assert "scores" not in json.loads(PLAIN.to_json())
    ids = {m.model_id for m in (PLAIN, SCORES, SURE, replace(SURE, sure_margin=61))}
    assert len(ids) == 4


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("sure_margin", "60", 'sure_margin is "60"'),
        ("sure_margin", True, "sure_margin is true"),
        ("sure_margin", -3, "sure_margin -3 is not within"),
        ("scores", 1, "scores is 1, not true or false"),
        ("scores", False, "sure_margin is for a model with scores"),
    ],
)
def test_a_changed_file_is_refused_in_one_line(name, value, said):
    with pytest.raises(ModelError, match=said) as refused:
        from_json(sealed({**json.loads(SURE.to_json()), name: value}))
    assert "\n" not in str(refused.value)


def test_the_limit_counts_one_more_wrong_row():
    leads = np.array([9.0, 8, 7, 7, 6, 5, 4, 3, 2, 1])
    wrong = np.array([0, 0, 0, 0, 0, 0, 0, 1, 0, 1], dtype=bool)
    # 9 rows of which 1 is wrong: 2 / 10
    assert least_lead(leads, wrong, 0.2) == 2.0
    assert least_lead(leads, wrong, 0.15) == 4.0
    assert least_lead(leads, wrong, 0.01) is None  # ten rows cannot prove so little
    # equal leads are answered together or not at all
    assert least_lead(np.ones(40), np.arange(40) < 4, 0.1) is None


def test_answered_counts():
    found = Answered.of(np.array([0, NOT_SURE, 2, 1]), np.array([0, 1, 1, 1]))
    assert found == Answered(4, 3, 1)
    assert found.words == "answers 3 of 4 rows, 33.33% of them wrongly"
    assert Answered(4, 0, 0).words == "answers none of 4 rows"
