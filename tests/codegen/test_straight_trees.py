"""Trees as straight code: the twin, the C of this computer and the chips agree, and what it takes
on a chip is known beforehand.
"""

import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
from host_c import compile_header, run_rows
from random_models import forest, inputs
from rows_at_splits import rows_at_splits

from tinygen.codegen.chain import chain_views
from tinygen.codegen.emit import render_header
from tinygen.common.boards import BOARDS
from tinygen.common.errors import BuildError
from tinygen.model.fixedpoint import INT16_MAX, Quantity
from tinygen.model.model import Model
from tinygen.model.operations import forest as forest_node
from tinygen.model.operations.argmax import Argmax
from tinygen.model.operations.forest import Forest
from tinygen.model.trees import layout
from tinygen.model.trees.code import MAX_INPUT, Cost
from tinygen.model.trees.gains import UNIT, Gain, Gains
from tinygen.model.trees.straight import straight_codes
from tinygen.model.trees.tree import Leaf, Split
from tinygen.target.bare import BareChip, measure_cost

WIDE = Quantity("y", "", 1.0, -30000.0, 30000.0)
UNO = BOARDS["uno"]


def model(node: Forest, width: int, goal: str = "balanced") -> Model:
    classes = len(node.bias) > 1
    output = Quantity("y", "", 1.0, 0.0, len(node.bias) - 1.0) if classes else WIDE
    labels = tuple("abcdefgh"[: len(node.bias)]) if classes else ()
    nodes = (node, Argmax()) if classes else (node,)
    return Model("trees", "forest", inputs(width), output, nodes, optimize=goal, labels=labels)


def grown(seed: int, width: int, trees: int, depth: int, outputs: int = 1) -> Forest:
    return forest(np.random.default_rng(seed), width, trees, depth, outputs, 127)


def few_values(seed: int, width: int, trees: int, depth: int) -> Forest:
    """With leaves of -2 to 2: many sums are 0."""
    node = grown(seed, width, trees, depth)
    return replace(node, leaves=tuple((v % 5 - 2,) for (v,) in node.leaves), bias=(0,))


def positive(seed: int, width: int, trees: int, depth: int) -> Forest:
    """With leaves of 1 to 127."""
    node = grown(seed, width, trees, depth)
    return replace(node, leaves=tuple((max(abs(v), 1),) for (v,) in node.leaves))


def limited(node: Forest, *ranges: tuple[int, int]) -> Forest:
    """With limits of input k within ranges[k]."""
    rng = np.random.default_rng(1)
    splits = [(s[0], int(rng.integers(*ranges[s[0]], endpoint=True)), *s[2:]) for s in node.splits]
    return replace(node, splits=tuple(splits))


def voting(seed: int, width: int, trees: int, depth: int, outputs: int) -> Forest:
    """Most leaves are for one class alone, some for none and some for several."""
    node, rng = grown(seed, width, trees, depth, outputs), np.random.default_rng(seed)
    pure = [tuple(row) for row in (np.eye(outputs, dtype=int) * UNIT).tolist()]
    mixed = [(42, 85, 0, 0)[:outputs], (64, 63, 0, 0)[:outputs], (0,) * outputs]
    kinds = rng.choice(4, len(node.leaves), p=(0.8, 0.1, 0.07, 0.03))
    leaves = [pure[rng.integers(outputs)] if k == 0 else mixed[k - 1] for k in kinds]
    return replace(node, leaves=tuple(leaves), bias=(0,) * outputs)


# limits of one byte from 0 on, of one byte that are not, of two; beside both ends of int16
SEATS = (256, 500), (900, 1150), (-3000, 5000)
AT_ENDS = (-INT16_MAX, -INT16_MAX + 200), (INT16_MAX - 230, INT16_MAX - 1), (-130, 120)

CASES = {
    "numbers": model(grown(1, 7, 12, 5), 7),
    "in registers": model(limited(grown(2, 3, 8, 4), *SEATS), 3),
    "at the ends": model(limited(grown(3, 3, 8, 4), *AT_ENDS), 3, "speed"),
    "many inputs": model(grown(4, MAX_INPUT + 1, 20, 4), MAX_INPUT + 1, "speed"),
    "one threshold": model(replace(grown(5, 4, 15, 4), low=0, high=1), 4),
    "two classes": model(limited(voting(6, 3, 9, 4, 2), *SEATS), 3, "speed"),
    "three classes": model(limited(voting(7, 3, 11, 4, 3), *SEATS), 3),
    "four classes": model(limited(voting(8, 3, 9, 4, 4), *AT_ENDS), 3, "speed"),
    "few values": model(replace(few_values(10, 4, 15, 4), low=0, high=1), 4),
    "a limit at one end": model(replace(few_values(10, 4, 15, 4), low=-3, high=1), 4),
    "one tree": model(grown(11, 4, 1, 6), 4),
    # whose sums are 129 to 255, and 0 to 127 without the bias; and 229 to 356
    "one tree in a high byte": model(replace(positive(11, 4, 1, 6), bias=(128,)), 4),
    "one tree over a high byte": model(replace(positive(11, 4, 1, 6), bias=(229,)), 4),
    "scores": model(grown(9, 5, 9, 4, 3), 5, "speed"),
}


SHOWS = {  # what its header has to have, to be the case that it is
    "few values": "TINYGEN_AT_LEAST_0(acc, 16)",
    "a limit at one end": "if (sum > 1) {",
}


def rows_of(made: Model) -> np.ndarray:
    """Those at its splits, and rows all of whose inputs are on a limit."""
    limits = np.array(made.nodes[0].splits)[:, 1]
    near = np.random.default_rng(3).choice(limits, (600, len(made.inputs)))
    return np.concatenate([rows_at_splits(made), near])


def view_of(made: Model):
    return chain_views(made, [q.name for q in made.inputs])[0]


def wrong_on_chip(made: Model, board: str = "uno", header: str | None = None) -> int:
    rows = rows_of(made)
    with BareChip(made, BOARDS[board], header, timed=False) as chip:
        return int((chip.predict(rows) != made.predict(rows)).sum())


def wrong_here(made: Model, folder, language: str = "c99", header: str | None = None) -> int:
    rows = rows_of(made)
    answers = run_rows(compile_header(made, folder, language, header), rows)
    return int((answers != made.predict(rows)).sum())


@pytest.mark.parametrize("case", CASES)
def test_the_same_answers_on_this_computer(case, level, tmp_path):
    made = CASES[case]
    assert view_of(made).macros == ("class" if made.labels else "straight")
    assert wrong_here(made, tmp_path) == 0
    if level == "release" or case == "three classes":
        assert wrong_here(made, tmp_path, "c++11") == 0


@pytest.mark.parametrize("case", CASES)
def test_the_same_answers_on_the_chip(case, simavr):
    """The limits and leaves that a case is for are all among its words."""
    text = render_header(CASES[case])
    if case in ("in registers", "three classes"):
        assert {"TINYGEN_SAME_HIGH(", "TINYGEN_CLAMP(", "TINYGEN_KEEP("} <= set(
            re.findall(r"TINYGEN_\w+\(", text)
        )
    if case in SHOWS:
        assert SHOWS[case] in text
    assert ("TINYGEN_GAIN_LOW(" in text) == (case == "one tree in a high byte")
    assert ("TINYGEN_VOTE(" in text) == (case in ("three classes", "four classes"))
    assert wrong_on_chip(CASES[case]) == 0


@pytest.mark.parametrize(
    ("board", "case"),
    [
        ("attiny85", "three classes"),  # no MUL
        ("attiny85", "in registers"),
        ("megaatmega2560", "four classes"),
    ],
)
def test_the_same_answers_on_other_chips(board, case, simavr):
    assert wrong_on_chip(CASES[case], board) == 0


# ---- what is changed is noticed ----

CHANGES = {
    "a limit in memory": ("many inputs", r"(TINYGEN_SEE\(\d+, )(-?\d+)"),
    "a limit in two registers": ("in registers", r"(TINYGEN_KEPT\(\d+, \d+, \d+, )(-?\d+)"),
    "a limit in one register": ("in registers", r"(TINYGEN_IN_BYTE\(\d+, )(\d+)"),
    "where a byte starts": ("three classes", r"(TINYGEN_CLAMP\(\d+, \d+, )(\d+)"),
    "a high byte": ("three classes", r"(TINYGEN_SAME_HIGH\(\d+, \d+, )(\d+)"),
    "what a leaf adds": ("numbers", r"(TINYGEN_GAIN\(1, )(-?\d+)"),
    "the little that it adds": ("numbers", r"(TINYGEN_GAIN_SMALL\()(\d+)"),
    "the little that it takes": ("numbers", r"(TINYGEN_LOSS_SMALL\()(\d+)"),
    "what the sum starts with": ("numbers", r"(TINYGEN_STRAIGHT_1\()(-?\d+)"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_one_more_is_noticed(change, simavr):
    case, pattern = CHANGES[change]
    header = render_header(CASES[case])
    changed = re.sub(pattern, lambda m: f"{m[1]}{int(m[2]) + 1}", header, count=1)
    assert changed != header and wrong_on_chip(CASES[case], header=changed) > 0


def test_a_vote_for_another_class_is_noticed(simavr, tmp_path):
    header = render_header(CASES["three classes"])
    changed = header.replace("TINYGEN_VOTE(1)", "TINYGEN_VOTE(2)")
    assert wrong_on_chip(CASES["three classes"], header=changed) > 0
    assert wrong_here(CASES["three classes"], tmp_path, header=changed) > 0


# ---- what it takes ----


@pytest.mark.parametrize("case", ["numbers", "in registers", "three classes"])
def test_bytes_and_cycles_are_known_beforehand(case, simavr):
    """To the byte and the cycle where the compiler adds nothing of its own."""
    made = CASES[case]
    cost, told = measure_cost(made, UNO), view_of(made).code.cost
    assert (cost.flash_bytes, cost.cycles_max) == (told.bytes, told.cycles)
    assert cost.cycles_seen <= cost.cycles_max and cost.ram_bytes == 0


@pytest.mark.parametrize(
    ("adds", "low", "words", "size", "cycles"),
    [
        ((63,), False, ["TINYGEN_GAIN_SMALL(63)"], 2, 2),
        ((-63,), False, ["TINYGEN_LOSS_SMALL(63)"], 2, 2),
        ((64,), False, ["TINYGEN_GAIN(1, 64)"], 4, 2),
        ((-64,), False, ["TINYGEN_GAIN(1, -64)"], 4, 2),
        ((64,), True, ["TINYGEN_GAIN_LOW(1, 64)"], 2, 1),
        ((1,), True, ["TINYGEN_GAIN_LOW(1, 1)"], 2, 1),
        ((1, 0, -1), False, ["TINYGEN_GAIN_SMALL(1)", "TINYGEN_GAIN(3, -1)"], 6, 4),
        ((0,), False, [], 0, 0),
    ],
)
def test_the_first_sum_takes_a_little_in_one_word(adds, low, words, size, cycles):
    """ADIW and SBIW have six bits, and none for the registers of the other sums."""
    gain = Gain(adds, low=low)
    assert [item.text for item in gain.words] == words
    assert (gain.bytes, gain.cycles) == (size, cycles)


def test_a_tree_starts_from_what_leaves_the_least_to_add():
    """Not from 0, its most frequent leaf: from there, all others are too far for one word."""
    tree = Leaf((0,))
    for value in (0, 90, 100, 110, 120, 130):
        tree = Split(0, value, tree, Leaf((value,)))
    gains = Gains.of_numbers((tree, tree), 5)
    assert gains.start == (5 + 2 * 90,)
    assert {row[0]: gain.adds for row, gain in gains.of[0].items()} == {
        value: (value - 90,) for value in (0, 90, 100, 110, 120, 130)
    }


def near_jumps(made: Model) -> list[int]:
    """Bytes from each short branch to its place."""
    code = view_of(made).code.layout
    kinds = [(item.kind, item.bytes) for item in code.items]
    return [far for k, far in code.distances(code.items) if kinds[k] == ("branch", 2)]


@pytest.mark.parametrize(("seed", "reached"), [(7, layout.FARTHEST), (8, layout.NEAREST)])
def test_branches_as_far_as_they_reach(seed, reached, simavr):
    made = model(grown(seed, 6, 3, 6), 6, "speed")
    assert reached in near_jumps(made) and "TINYGEN_IF_FAR(" in render_header(made)
    assert wrong_on_chip(made) == 0


@pytest.mark.parametrize("seed", range(1, 9))
def test_places_have_names_of_their_own(seed):
    """Those that branches go by way of among them, which are found in several rounds."""
    made = model(grown(seed, 6, 8, 6), 6, "speed")
    names = [i.target for i in view_of(made).code.layout.items if i.kind == "place"]
    assert len(set(names)) == len(names)
    assert any(layout.VIA in name for name in names)


def test_a_branch_that_is_too_short_does_not_compile(simavr, monkeypatch):
    made = model(grown(2, 6, 3, 6), 6, "speed")
    straight_codes.cache_clear()
    monkeypatch.setattr(layout, "FARTHEST", layout.FARTHEST + 6)
    assert max(near_jumps(made)) > 128
    with pytest.raises(BuildError, match="does not compile"):
        wrong_on_chip(made)
    straight_codes.cache_clear()


def test_every_input_of_each_seat(level, simavr):
    """All int16 of an input that is kept as one byte in either way, and in two registers."""
    made = CASES["in registers"]
    step = 1 if level == "release" else 16
    one = np.arange(-INT16_MAX - 1, INT16_MAX + 1, step)
    limits = np.unique([s[1] for s in made.nodes[0].splits])
    one = np.unique(np.concatenate([one, limits, limits + 1, np.arange(-300, 1500)]))
    rows = np.repeat(one[:, None], 3, axis=1)
    with BareChip(made, UNO, timed=False) as chip:
        assert np.array_equal(chip.predict(rows), made.predict(rows))


# ---- what is chosen ----


@dataclass(frozen=True)
class OfCost:
    """Straight code of which no more is known."""

    cost: Cost


@pytest.mark.parametrize(
    ("costs", "expected", "goal"),
    [
        ([(1000, 100), (1240, 80)], 1, "balanced"),  # a little more flash
        ([(1000, 100), (1260, 79)], 0, "balanced"),  # more of it, for as little
        ([(1000, 100), (1260, 71)], 1, "balanced"),  # for enough
        ([(1000, 100), (1740, 51.5), (1100, 89)], 2, "balanced"),  # beside the smallest alone
        ([(1740, 50), (1100, 92), (1000, 100)], 0, "balanced"),  # beside both
        ([(1000, 100), (1990, 99)], 1, "speed"),
    ],
)
def test_more_flash_must_be_earned_beside_every_smaller_form(costs, expected, goal, monkeypatch):
    codes = [OfCost(Cost(*cost)) for cost in costs]
    monkeypatch.setattr(forest_node, "straight_codes", lambda *_: codes)
    assert view_of(model(grown(1, 7, 12, 5), 7, goal)).code is codes[expected]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (model(grown(1, 3, 10, 5), 3, "size"), "streams"),
        (model(grown(1, 3, 10, 1), 3), "branches"),  # few splits
        (model(grown(1, 3, 1, 3), 3), "branches"),  # few splits of a tree alone
        (model(grown(1, 3, 1, 6), 3), "straight"),
        (model(grown(1, 40, 10, 5), 40), "streams"),  # inputs beyond the reach of LDD
        (model(replace(grown(1, 3, 10, 5), bias=(40000,)), 3), "streams"),  # wide sums
        (model(grown(1, 3, 9, 4, 5), 3, "speed"), "rows"),  # more sums than registers hold
        (replace(CASES["scores"], scores=True), "rows"),  # the sums are asked for
        (replace(CASES["scores"], optimize="size"), "streams"),
        (model(replace(grown(1, 3, 9, 4, 3), low=-50, high=60), 3, "speed"), "rows"),  # clamped
    ],
)
def test_where_trees_are_something_else(made, expected):
    view = view_of(made)
    assert getattr(view, "layer", view).macros == expected


def test_another_goal_takes_fewer_bytes_or_fewer_cycles(simavr):
    cost = {
        goal: measure_cost(replace(CASES["numbers"], optimize=goal), UNO)
        for goal in ("balanced", "size", "speed")
    }
    assert cost["size"].flash_bytes < cost["balanced"].flash_bytes
    assert cost["balanced"].flash_bytes <= 2 * cost["size"].flash_bytes
    assert cost["speed"].cycles_max <= cost["balanced"].cycles_max < cost["size"].cycles_max / 3


@pytest.mark.parametrize("goal", ["balanced", "size", "speed"])
@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_trees_that_ask_nothing_are_no_straight_code(outputs, goal, simavr, tmp_path):
    """All leaves are equal, as of a tree that always names the class of most rows."""
    node = grown(3, 3, 1, 5, outputs)
    equal = replace(node, leaves=((9,) * (outputs - 1) + (50,),) * len(node.leaves))
    asked = model(equal, 3, goal)
    rows = asked.sample_rows(50, seed=3)
    twin = asked.predict(rows)
    assert len(set(twin.tolist())) == 1
    assert (run_rows(compile_header(asked, tmp_path), rows) == twin).all()
    with BareChip(asked, UNO, timed=False) as chip:
        assert (chip.predict(rows) == twin).all()


def test_equal_parts_are_written_once_and_implied_splits_not_at_all():
    """The same sides behind two limits, and a split whose sides are equal."""
    part = [(1, 5, -1, -2), (1, 5, -1, -2)]
    node = Forest(
        (
            *((0, 3, 1, 2), part[0], (0, 9, 3, -3), part[1]),
            *((0, 3, 5, 6), (0, 9, -1, -3), (0, 2, -2, -3)),
            *((2, 7, 8, 9), *part),
        ),
        ((0,), (10,), (20,)),
        (0, 4, 7),
        (0,),
        0,
        99,
    )
    trees = tuple(node.tree(root) for root in node.roots)
    (code,) = straight_codes(trees, (0,), "speed")
    asked = [line for line in code.layout.lines if "TINYGEN_IF(" in line]
    assert [tree.splits for tree in code.trees] == [4, 1, 1]
    assert len(asked) == 5  # of the first tree x[0] twice, and x[1] once for both parts
