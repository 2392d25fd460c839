"""What fixed models cost on the Uno, so that none leaves a fast path unseen. Upper bounds are the
figures measured when the path was made; a change that lowers one lowers the bound.
"""

import re
from dataclasses import replace

import numpy as np
import pytest
from random_models import OUTPUT, dense, inputs, random_models, scale

from tinygen.codegen.chain import slow_steps
from tinygen.codegen.emit import render_header
from tinygen.common.boards import BOARDS
from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import OPTIMIZE, Model
from tinygen.model.operations.forest import Forest
from tinygen.model.operations.log2 import Log2
from tinygen.model.operations.power import Power
from tinygen.model.operations.scale import Scale
from tinygen.model.parts import Output
from tinygen.report.ladder import ladder_text
from tinygen.search.ladder import Ladder, Rung
from tinygen.target.bare import ModelCost, measure_cost

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


NET_COSTS = {"size": (584, 4595), "balanced": (728, 3959), "speed": (908, 3501)}


@pytest.mark.parametrize("goal", OPTIMIZE)
def test_a_net_of_20_units_stays_small_and_quick(goal, simavr):
    """By hand it takes 576 bytes (size), or 3,584 cycles (speed) on the rows of the simulator."""
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


@pytest.mark.parametrize("units", [2, 4])
def test_the_inputs_of_a_few_units_are_static(units):
    rng, readings = np.random.default_rng(20), inputs(3)
    hidden, output = dense(rng, units, 3, 1, 0, 32767), dense(rng, 1, units, 8, 0, 32767)
    model = Model("few", "mlp", readings, OUTPUT, (scale(readings, 255, 128), hidden, output))
    assert arrays(model, "size") == ["static "] and arrays(model, "balanced") == [""]


@pytest.mark.parametrize("name", ["softmax", "votes", "tree_code"])
def test_scores_are_not_stored(name):
    """Nor are they static where they are asked for."""
    model = random_models()[name]
    assert not re.search(r"int\d+_t s\d\[[2-9]", render_header(model))
    if name == "softmax":
        asked = replace(model, scores=True, labels=tuple("abcd"), threshold=None)
        assert set(arrays(asked, "size")) == {""}


def test_outputs_side_by_side_share_the_stack():
    """Static arrays of each would all be there at a time."""
    linear, output = random_models()["linear_narrow"], Quantity("z", "", 1.0, 0.0, 9.0)
    more = (Output("again", output, (0, 1, 2), linear.nodes),)
    several = replace(linear, threshold=None, reads=(0, 1, 2), more=more)
    assert set(arrays(linear, "size")) == {"static "}
    assert set(arrays(several, "size")) == {""}


TREE_COSTS = {"one": (484, 415), "one wide": (580, 419), "deep": (2172, 6745)}


def grown(rng, splits: list, leaves: list, count: int, size: int) -> int:
    """Place of a tree of so many leaves, whose sides are of all lengths."""
    if count == 1:
        leaves.append((int(rng.integers(-size, size + 1)),))
        return -len(leaves)
    at, left = len(splits), int(np.clip(round(count * rng.beta(2, 2)), 1, count - 1))
    splits.append(())
    asked = int(rng.integers(7)), int(rng.integers(-1000, 1000))
    sides = [grown(rng, splits, leaves, n, size) for n in (left, count - left)]
    splits[at] = (*asked, *sides)
    return at


def forest_of(counts, path: int, size: int) -> Model:
    """Trees of so many leaves, and one that is a single path of so many splits."""
    rng, splits, leaves = np.random.default_rng(5), [], []
    roots = [grown(rng, splits, leaves, count, size) for count in counts]
    if path:
        roots.append(len(splits))
    for k in range(path):
        leaves.append((int(rng.integers(-size, size + 1)),))
        leaf, more = -len(leaves), len(splits) + 1
        if k == path - 1:
            leaves.append((0,))
            more = -len(leaves)
        splits.append((k % 7, 60 * k - 900, *((leaf, more) if k % 2 else (more, leaf))))
    readings = tuple(Quantity(f"s{k}", "", 1.0, -1000.0, 1000.0) for k in range(7))
    node = Forest(tuple(splits), tuple(leaves), tuple(roots), (3,), -30000, 30000)
    return Model("trees", "forest", readings, Quantity("y", "", 1.0, 0.0, 9.0), (node,))


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("one", forest_of([96], 0, 100)),
        ("one wide", forest_of([96], 0, 3000)),
        ("deep", forest_of([20] * 23, 16, 100)),
    ],
)
def test_trees_for_size_stay_byte_streams(name, model, simavr):
    """By hand 96 leaves of two bytes take 574 bytes; one deep tree among 24 made arrays of all."""
    cost = measure_cost(replace(model, optimize="size"), UNO)
    flash, cycles = TREE_COSTS[name]
    assert cost.flash_bytes <= flash
    assert cost.cycles_max <= cycles


def test_one_deep_tree_leaves_a_forest_code(simavr):
    """1,567 cycles at most, where arrays took 9,142 on a row."""
    model = replace(forest_of([20] * 23, 16, 100), optimize="speed")
    assert "_trees(const int16_t *x)" in render_header(model)
    assert measure_cost(model, UNO).cycles_max <= 1567


def slow_net(bias: int) -> Model:
    """The net with one bias of a hidden unit changed."""
    made = net(20)
    hidden = replace(made.nodes[2], bias=(bias, *made.nodes[2].bias[1:]))
    return replace(made, nodes=(*made.nodes[:2], hidden, *made.nodes[3:]))


def test_a_model_without_a_quick_kernel_says_so():
    assert slow_steps(net(20)) == slow_steps(forest_of([20] * 23, 16, 100)) == []
    assert slow_steps(slow_net(32767)) == ["a hidden layer's sums take 32 bits"]
    bytes_of_inputs = random_models()["tree_bytes"]
    assert slow_steps(replace(bytes_of_inputs, optimize="size")) == ["its trees are arrays"]


def test_the_ladder_names_rungs_without_a_quick_kernel():
    facts = {"alarm": {"false": 0, "missed": 0}, "metrics": {"mae": 1.0, "float_mae": 1.0}}
    cost = ModelCost(700, 0, 20, 4000, 4100)
    models = [replace(net(20), training=facts), replace(slow_net(32767), training=facts)]
    found = Ladder(tuple(Rung(model, k + 1.0, cost) for k, model in enumerate(models)), 0, "uno")
    text = ladder_text(found)
    assert "no. 2 has no quick kernel: a hidden layer's sums take 32 bits" in text.splitlines()
    assert "no. 1 has" not in text
