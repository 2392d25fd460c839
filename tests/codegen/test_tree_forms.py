"""Trees that are too long for one byte stream or have to be quick: branches before streams.

All of them ask an input that trees as code do not reach; those are in test_tree_code.py.
"""

from dataclasses import replace

import numpy as np
import pytest
from host_c import compile_header, run_rows
from random_models import forest, inputs

from tinygen.codegen.emit import render_header
from tinygen.common.boards import BOARDS
from tinygen.model.fixedpoint import INT16_MAX, Quantity
from tinygen.model.model import Model
from tinygen.model.operations.forest import BRANCHES, TREE_BRANCHES, Forest
from tinygen.model.tree_code import MAX_INPUT
from tinygen.model.trees import MAX_SKIP, Leaf, Split
from tinygen.target.bare import BareChip

WIDE = Quantity("y", "", 1.0, -30000.0, 30000.0)


def model(trees: int, depth: int, goal: str, size: int = 3000) -> Model:
    """Complete trees, but that the last one asks its last question where others go on."""
    node = forest(np.random.default_rng(depth), 3, trees, depth, 1, size)
    source, limit, left, _ = node.splits[node.roots[-1]]
    at = node.roots[-1]
    splits = (*node.splits[:at], (source, limit, left, -1), *node.splits[at + 1 :])
    last = MAX_INPUT + 1
    node = replace(node, splits=tuple((last if s[0] == 2 else s[0], *s[1:]) for s in splits))
    return Model("trees", "forest", inputs(last + 1), WIDE, (node,), optimize=goal)


def rows_of(made: Model) -> np.ndarray:
    """Random rows, and of each split rows on its threshold and just above it."""
    splits = np.array(made.nodes[0].splits)
    found = made.sample_rows(2 * len(splits))
    at = np.arange(len(found)) // 2
    found[np.arange(len(found)), splits[at, 0]] = splits[at, 1] + np.arange(len(found)) % 2
    return np.concatenate([made.sample_rows(500), found])


def form(made: Model) -> tuple[int, bool]:
    """Splits that its header prints as branches, and whether streams are behind them."""
    text = render_header(made)
    return text.count("if (x["), "tinygen_leaf(" in text


@pytest.mark.parametrize(
    ("trees", "depth", "goal", "branches", "streams"),
    [
        (1, 6, "speed", 32, False),  # a tree of up to 64 splits is printed
        (1, 8, "speed", 32, True),  # of a larger one the first six levels
        (1, 6, "balanced", 0, True),  # a stream holds it
        (1, 7, "balanced", 1, True),  # streams hold what is behind the first level
        (2, 8, "size", 5, True),  # or behind the second
        (9, 5, "speed", 264, False),  # small trees of one forest
        (40, 5, "speed", 0, True),  # but not a thousand splits and more
        (2, 8, "speed", 95, True),  # a few large trees
        (17, 8, "speed", 50, True),  # of many as few levels as streams ask for
    ],
)
def test_what_is_printed_as_branches(trees, depth, goal, branches, streams):
    assert form(model(trees, depth, goal)) == (branches, streams)


def test_the_limits_are_those_of_the_cases_above():
    assert TREE_BRANCHES == 64 and 9 * 31 < BRANCHES["speed"] < 40 * 31 and MAX_SKIP == 255


@pytest.mark.parametrize(("trees", "goal"), [(1, "speed"), (2, "balanced")])
def test_the_same_leaves_on_this_computer(trees, goal, tmp_path):
    made = model(trees, 8, goal)
    rows = rows_of(made)
    assert form(made)[1] and np.array_equal(
        run_rows(compile_header(made, tmp_path), rows), made.predict(rows)
    )


def test_the_same_leaves_on_the_chip_and_sooner(simavr):
    cycles = {}
    for goal in ("speed", "balanced"):
        made = model(1, 8, goal)
        rows = rows_of(made)
        with BareChip(made, BOARDS["uno"]) as chip:
            assert np.array_equal(chip.predict(rows), made.predict(rows))
            cycles[goal] = chip.cycles.max()
    assert cycles["speed"] < 0.6 * cycles["balanced"]


def test_another_leaf_is_noticed(tmp_path):
    made = model(1, 8, "speed")
    header, rows = render_header(made), rows_of(made)
    changed = header.replace("] <= ", "] <= 1 + ", 1)
    program = compile_header(made, tmp_path, header=changed)
    assert not np.array_equal(run_rows(program, rows), made.predict(rows))


def test_a_leaf_in_front_of_the_cut_becomes_a_split_with_equal_sides():
    leaf, places = Leaf((7,)), {}
    tree = Split(0, 5, leaf, Split(1, 6, leaf, Leaf((9,))))
    top = tree.top(2, 8, places)
    assert top.splits == 2 and len(places) == 2  # equal parts are stored once
    assert f"TINYGEN_BYTES({INT16_MAX})" in next(iter(places)).rows[0]
    assert isinstance(model(1, 8, "speed").nodes[0], Forest)
