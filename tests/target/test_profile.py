"""Cycles by steps: the sum is what the same chip counts without looking, and the work is where it
must be.
"""

import pytest
from random_models import random_models

from tinygen.common.boards import BOARDS
from tinygen.report.dossier.profile import ROWS, header_steps, profile
from tinygen.target.bare import BareChip

MODELS, UNO = random_models(), BOARDS["uno"]


@pytest.mark.parametrize(
    "name",
    ["lookup_square", "linear16", "mlp", "mlp_layer", "squares", "branches", "polynomial", "votes"],
)
def test_the_steps_add_up_to_the_whole_inference(simavr, name):
    model = MODELS[name]
    with BareChip(model, UNO) as chip:
        chip.predict(model.sample_rows(ROWS))
        whole = chip.cycles.mean()
    parts = profile(model, UNO)
    assert sum(part.cycles for part in parts) == pytest.approx(whole, abs=len(parts) / 2)
    names = [step for _, step in header_steps(model)]
    assert [part.name for part in parts if part.name != "call and return"] == [
        n for n in names if n in {p.name for p in parts}
    ]
    assert sum(part.cycles for part in parts if part.name != "call and return") > 0.6 * whole


def test_the_hidden_units_are_the_work_of_a_net(simavr):
    by_name = {
        part.name.lstrip("0123456789 "): part.cycles for part in profile(MODELS["mlp_layer"], UNO)
    }
    assert by_name["hidden units"] > 0.5 * sum(by_name.values())
