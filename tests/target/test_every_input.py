"""What is proven of a model's answers: all inputs where there is one, else the kernels."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from family_models import fitted_model, street

from tinygen.codegen.emit import render_header
from tinygen.common.boards import BOARDS
from tinygen.common.errors import BuildError
from tinygen.fitting import recalibration
from tinygen.model.outputs import PROOF, RECALIBRATED, without_calibration
from tinygen.target import proof

UNO = BOARDS["uno"]


@pytest.fixture(scope="module")
def one_input():
    """A table of one input; the simplest model there is to run over all of it."""
    return fitted_model("lookup", street("regression"), 0.0)


def test_a_model_of_one_input_answers_all_of_them(one_input, simavr):
    assert len(one_input.inputs) == 1
    assert proof.prove_answers(one_input, UNO) == proof.EXHAUSTIVE


def test_one_wrong_input_is_seen(one_input, simavr, monkeypatch):
    """The chip's table differs by one in its last value."""
    (node,) = one_input.nodes
    (curve,) = node.curves
    changed = replace(curve, table=(*curve.table[:-1], curve.table[-1] - 1))
    header = render_header(replace(one_input, nodes=(replace(node, curves=(changed,)),)))
    monkeypatch.setattr(proof, "BareChip", partial(proof.BareChip, header=header))
    with pytest.raises(BuildError, match=r"internal error: the chip answers \d+ of 65,536 inputs"):
        proof.prove_answers(one_input, UNO)


def test_more_inputs_rest_on_the_kernels():
    assert proof.prove_answers(fitted_model("ridge", street("regression"), 0.0), UNO) == (
        proof.BY_KERNELS
    )
    assert not proof.proof_lines(proof.BY_KERNELS, UNO)


def test_a_recalibrated_model_has_the_proof_of_the_one_before_and_gives_it_back(one_input):
    proven = replace(one_input, training={**one_input.training, PROOF: proof.EXHAUSTIVE})
    x = one_input.sample_rows(60)
    hours = 24.0 * np.arange(len(x))
    found = recalibration.recalibrate(proven, x, one_input.predict(x) + 40, hours)
    told = recalibration.with_facts(found)
    assert PROOF not in told.training and told.training[RECALIBRATED][PROOF] == proof.EXHAUSTIVE
    assert without_calibration(told).to_json() == proven.to_json()
