"""How the C of a converted model is written: balanced, for speed where that pays, for size where
only that fits.
"""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from random_models import OUTPUT, forest, inputs

from tinygen.common.boards import BOARDS
from tinygen.common.errors import DoesNotFit
from tinygen.importers import budget
from tinygen.model.model import Model
from tinygen.model.trees.code import MAX_INPUT
from tinygen.target.bare import ModelCost
from tinygen.target.build import Budget

# a tree of so many inputs that it is bytes unasked
TREE = forest(np.random.default_rng(0), MAX_INPUT + 2, 1, 8, 1, 3000)
MODEL = Model("tree", "tree", inputs(MAX_INPUT + 2), OUTPUT, (TREE,))


@pytest.fixture
def costs(monkeypatch):
    """Costs by goal, in place of measured ones: flash bytes and cycles; None does not fit."""
    table = {}

    def cost(model, board):
        found = table[model.optimize]
        if found is None:
            raise DoesNotFit("the chip is too small")
        return ModelCost(found[0], 0, 0, found[1], found[1])

    monkeypatch.setattr(budget, "measure_cost", cost)
    monkeypatch.setattr(budget, "render_header", lambda model: model.optimize)
    return table


@pytest.mark.parametrize(
    ("speed", "limits", "goal"),
    [
        ((125, 72), Budget(), "speed"),
        ((126, 10), Budget(), "balanced"),  # more than a quarter more flash
        ((125, 73), Budget(), "balanced"),  # less than a tenth gained
        (None, Budget(), "balanced"),
        ((125, 40), Budget(flash_bytes=120), "balanced"),
        ((190, 40), Budget(flash_bytes=95), "size"),
        ((900, 40), Budget(cycles=60), "speed"),
        ((900, 40), Budget(cycles=30), "balanced"),  # nothing fits: the message is about this one
    ],
)
def test_the_goal_that_suits_model_and_budget(costs, speed, limits, goal):
    costs |= {"balanced": (100, 100), "speed": speed, "size": (90, 112)}
    model, cost = budget.written(MODEL, BOARDS["uno"], limits)
    assert model == replace(MODEL, optimize=goal)
    assert cost.flash_bytes == costs[goal][0]


def test_a_model_that_does_not_fit_the_board_is_said_to(costs):
    costs |= {"balanced": None}
    with pytest.raises(DoesNotFit):
        budget.written(MODEL, BOARDS["uno"])


@pytest.mark.parametrize(
    ("board", "flash", "room"),
    [("uno", 27_757, 27_756), ("uno", 27_756, None), ("leonardo", 22_173, 22_172)]
    + [("attiny85", 8_000, None)],
)
def test_a_model_that_leaves_the_firmware_no_room_gets_a_note(board, flash, room):
    found = SimpleNamespace(floats=SimpleNamespace(steps=()))
    notes = budget._beside_firmware(found, BOARDS[board], ModelCost(flash, 0, 0, 1, 1))
    assert len(notes) == (room is not None)
    assert not notes or f"`--max-flash {room}` keeps" in notes[0]


def test_a_lone_tree_is_quicker_for_speed_but_costs_too_much_flash(simavr):
    model, cost = budget.written(MODEL, BOARDS["uno"])
    quick = budget.measure_cost(replace(MODEL, optimize="speed"), BOARDS["uno"])
    assert model.optimize == "balanced"
    assert quick.cycles_max < cost.cycles_max
    assert quick.flash_bytes > budget.MORE_FLASH * cost.flash_bytes
