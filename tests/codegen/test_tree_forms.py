"""Trees as byte streams, and with branches before streams where they have to be quick.

Models of the first part ask an input that trees as code do not reach; test_tree_code.py has those
that are code.
"""

import re
from dataclasses import replace

import numpy as np
import pytest
from host_c import compile_header, run_rows
from random_models import forest, inputs

from tinygen.codegen.emit import render_header, runtime
from tinygen.common.boards import BOARDS
from tinygen.common.errors import BuildError
from tinygen.model.fixedpoint import INT16_MAX, Quantity
from tinygen.model.model import Model
from tinygen.model.operations.argmax import Argmax
from tinygen.model.operations.forest import BRANCHES, TREE_BRANCHES, Forest
from tinygen.model.trees.code import MAX_INPUT
from tinygen.model.trees.tree import MAX_SKIP, SPLITS, Form, Leaf, Split
from tinygen.target import bare
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
    return text.count("if (x["), "tinygen_leaf" in text


@pytest.mark.parametrize(
    ("trees", "depth", "goal", "branches", "streams"),
    [
        (1, 6, "speed", 32, False),  # a tree of up to 64 splits is printed
        (1, 8, "speed", 32, True),  # of a larger one the first six levels
        (1, 6, "balanced", 0, True),  # a stream holds it
        (1, 7, "balanced", 0, True),
        (2, 8, "size", 0, True),
        (9, 5, "speed", 264, False),  # small trees of one forest
        (40, 5, "speed", 0, True),  # but not a thousand splits and more
        (2, 8, "speed", 95, True),  # a few large trees
        (17, 8, "speed", 0, True),  # many large trees are streams alone
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


def leaning(columns: int, leaves: int, depth: int, values: int = 1, seed: int = 7) -> Model:
    """Trees whose sides are of all lengths: a leaf to the left or to the right, both, or none; one
    tree is a leaf, and one a single path of `depth` splits.
    """
    rng = np.random.default_rng(seed)
    splits: list[tuple[int, int, int, int]] = []
    rows: list[tuple[int, ...]] = []

    def grow(count: int) -> int:
        if count == 1:
            rows.append(tuple(rng.integers(-100, 100, values).tolist()))
            return -len(rows)
        at, left = len(splits), int(rng.integers(1, count))
        splits.append((0, 0, 0, 0))
        asked = int(rng.integers(columns)), int(rng.integers(-900, 900))
        splits[at] = (*asked, grow(left), grow(count - left))
        return at

    def path(length: int) -> int:
        at = len(splits)
        splits.append((0, 0, 0, 0))
        asked = at % columns, int(rng.integers(-900, 900))
        sides = [grow(1), path(length - 1) if length > 1 else grow(1)]
        splits[at] = (*asked, *(sides if rng.integers(2) else sides[::-1]))
        return at

    roots = (grow(leaves), grow(leaves), grow(1), path(depth))
    node = Forest(tuple(splits), tuple(rows), roots, (3,) * values, -30000, 30000)
    nodes = (node,) if values == 1 else (node, Argmax())
    return Model("trees", "forest", inputs(columns), WIDE, nodes, optimize="size")


KERNELS = {  # inputs, leaves of a tree, splits of the path, values of a leaf
    "tinygen_leaf": (3, 20, 60, 1),
    "tinygen_leaf_far": (32, 900, 20, 1),
    "tinygen_leaf_many": (200, 20, 60, 1),
    "tinygen_leaf_many_far": (200, 60, 20, 33),
}


@pytest.mark.parametrize("kernel", KERNELS)
def test_streams_of_every_kind_end_in_the_twins_leaf(kernel, simavr, tmp_path):
    made = leaning(*KERNELS[kernel])
    header, rows = render_header(made), rows_of(made)
    assert re.findall(r"tinygen_leaf\w*(?=\()", header) == [kernel]
    assert all(f"{word}(" in header for word in SPLITS.values())
    program = compile_header(made, tmp_path, header=header)
    assert np.array_equal(run_rows(program, rows), made.predict(rows))
    with BareChip(made, BOARDS["megaatmega2560"], timed=False) as chip:
        assert np.array_equal(chip.predict(rows), made.predict(rows))


@pytest.mark.parametrize(
    ("kernel", "right", "mistaken"),
    [
        ("tinygen_leaf", "subi %[kind],0x80", "nop"),
        ("tinygen_leaf", "cpc %[hi],%[b]", "nop"),
        ("tinygen_leaf", "sbrs %[kind],6\\n\\tlpm %[skip],Z+", "nop\\n\\tlpm %[skip],Z+"),
        ("tinygen_leaf", "andi %[a],0x1F", "andi %[a],0x3F"),
        ("tinygen_leaf_far", "adc r31,%B[skip]", "adc r31,r1"),
        ("tinygen_leaf_many_far", "lsl %[kind]", "nop"),
    ],
)
def test_one_wrong_instruction_of_the_walk_is_seen(kernel, right, mistaken, simavr, monkeypatch):
    changed = {name: text.replace(right, mistaken) for name, text in runtime().items()}
    assert changed != runtime()
    monkeypatch.setattr(bare, "runtime", lambda *_: changed)
    made = leaning(*KERNELS[kernel])
    rows = rows_of(made)
    with BareChip(made, BOARDS["megaatmega2560"], timed=False) as chip:
        try:
            assert not np.array_equal(chip.predict(rows), made.predict(rows))
        except BuildError as hung:
            assert "did not answer" in str(hung)


def test_another_leaf_is_noticed(tmp_path):
    made = model(1, 8, "speed")
    header, rows = render_header(made), rows_of(made)
    changed = header.replace("] <= ", "] <= 1 + ", 1)
    program = compile_header(made, tmp_path, header=changed)
    assert not np.array_equal(run_rows(program, rows), made.predict(rows))


def test_a_leaf_in_front_of_the_cut_becomes_a_split_with_equal_sides():
    leaf, places = Leaf((7,)), {}
    tree = Split(0, 5, leaf, Split(1, 6, leaf, Leaf((9,))))
    top = tree.top(2, Form(8), places)
    assert top.splits == 2 and len(places) == 2  # equal parts are stored once
    assert f"TINYGEN_BYTES({INT16_MAX})" in next(iter(places)).rows[0]
    assert isinstance(model(1, 8, "speed").nodes[0], Forest)
