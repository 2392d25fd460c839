"""What fixed models cost on the Uno, so that none leaves a fast path unseen. Upper bounds are the
figures measured when the path was made; a change that lowers one lowers the bound.
"""

import re
from dataclasses import replace

import numpy as np
import pytest
from random_models import dense, random_models

from tinygen.codegen.emit import render_header
from tinygen.common.boards import BOARDS
from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import OPTIMIZE, Model
from tinygen.model.operations.log2 import Log2
from tinygen.model.operations.power import Power
from tinygen.model.operations.scale import Scale
from tinygen.model.parts import Output
from tinygen.target.bare import measure_cost

UNO = BOARDS["uno"]


def net(units: int, columns: int = 7) -> Model:
    """A net as the air-quality data give it: logarithms of all readings but one, 12-bit inputs."""
    rng = np.random.default_rng(20)
    logs = tuple(k for k in range(columns) if k != 4)
    scale = Scale(
        (18000,) * 4 + (-100,) + (11000,) * (columns - 5), (300,) * columns, 8, 4095, 2048
    )
    hidden = dense(rng, units, columns, 8, 0, 32767, bias=6000, bias_shift=8)
    output = dense(rng, 1, units, 4, 0, 6855, limit=60, bias=50000)
    readings = tuple(Quantity(f"s{k}", "", 1.0, 300.0, 3000.0) for k in range(columns))
    answer = Quantity("y", "", 0.1, 0.0, 60.0)
    return Model("net", "mlp", readings, answer, (Log2(logs), scale, hidden, output, Power(2)))


NET_COSTS = {"size": (600, 4582), "balanced": (718, 4117), "speed": (842, 3851)}


@pytest.mark.parametrize("goal", OPTIMIZE)
def test_a_net_of_20_units_stays_small_and_quick(goal, simavr):
    """By hand it takes 576 bytes (size) or 3,584 cycles (speed)."""
    cost = measure_cost(replace(net(20), optimize=goal), UNO)
    flash, cycles = NET_COSTS[goal]
    assert cost.flash_bytes <= flash
    assert cost.cycles_max <= cycles


def arrays(model: Model, goal: str) -> list[str]:
    """Storage of each array that stands between two steps."""
    header = render_header(replace(model, optimize=goal))
    found = re.findall(r"^    (static )?u?int\d+_t [a-z]\d+\[(\d+)\];", header, re.MULTILINE)
    return [storage for storage, size in found if size != "1"]


@pytest.mark.parametrize(
    "name", ["mlp_layer16", "logarithms_stored", "polynomial", "uniform_words"]
)
def test_for_size_alone_arrays_are_static(name):
    model = random_models()[name]
    assert set(arrays(model, "size")) == {"static "}
    assert set(arrays(model, "balanced")) == set(arrays(model, "speed")) == {""}
    warning = "Its arrays are static: no call may interrupt another one."
    assert warning in render_header(replace(model, optimize="size"))
    assert warning not in render_header(model)


def test_a_few_scores_stay_in_registers():
    assert set(arrays(random_models()["softmax"], "size")) == {""}


def test_outputs_side_by_side_share_the_stack():
    """Static arrays of each would all be there at a time."""
    linear, output = random_models()["linear_narrow"], Quantity("z", "", 1.0, 0.0, 9.0)
    more = (Output("again", output, (0, 1, 2), linear.nodes),)
    several = replace(linear, threshold=None, reads=(0, 1, 2), more=more)
    assert set(arrays(linear, "size")) == {"static "}
    assert set(arrays(several, "size")) == {""}
