"""Trees in the words of tinygen_trees.h: the twin, the C of this computer and the chips agree."""

import re
from dataclasses import replace

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from host_c import compile_header, run_rows
from random_models import forest, inputs
from rows_at_splits import rows_at_splits

from tinygen.codegen.chain import chain_views
from tinygen.codegen.emit import render_header
from tinygen.common.boards import BOARDS
from tinygen.common.errors import BuildError
from tinygen.model.fixedpoint import INT16_MAX, Quantity
from tinygen.model.model import Model
from tinygen.model.operations.argmax import Argmax
from tinygen.model.operations.forest import Forest
from tinygen.model.trees import placed
from tinygen.model.trees.code import MAX_INPUT, REACH_BYTES, SLOTS, TreeCode
from tinygen.model.trees.placed import NEAR_BACK, NEAR_BYTES, Part
from tinygen.model.trees.tree import Leaf, Split, Tree
from tinygen.target import bare
from tinygen.target.bare import BareChip, measure_cost


@pytest.fixture(autouse=True)
def no_straight_code(monkeypatch):
    """Trees that may be straight code are, where they are more than one: test_straight_trees.py."""
    monkeypatch.setattr(Forest, "worth_straight", lambda self, step: False)


WIDE = Quantity("y", "", 1.0, -30000.0, 30000.0)


def model(node: Forest, width: int, goal: str = "balanced", labels=()) -> Model:
    output = Quantity("y", "", 1.0, 0.0, len(labels) - 1.0) if labels else WIDE
    nodes = (node, Argmax()) if len(node.bias) > 1 else (node,)
    return Model("trees", "forest", inputs(width), output, nodes, optimize=goal, labels=labels)


def grown(seed: int, width: int, trees: int, depth: int, size: int = 127) -> Forest:
    return forest(np.random.default_rng(seed), width, trees, depth, 1, size)


def planted(*trees: Tree) -> Forest:
    """The node that has these trees."""
    splits, leaves, roots = [], [], []

    def plant(tree: Tree) -> int:
        if isinstance(tree, Leaf):
            leaves.append(tree.values)
            return -len(leaves)
        place = len(splits)
        splits.append(None)
        splits[place] = (tree.source, tree.limit, plant(tree.left), plant(tree.right))
        return place

    roots = [plant(tree) for tree in trees]
    return Forest(tuple(splits), tuple(leaves), tuple(roots), (0,), -INT16_MAX, INT16_MAX)


def at_the_ends() -> Forest:
    """Trees whose limits are those of int16 and their neighbours, and a tree that asks nothing."""
    node = grown(3, 3, 6, 5)
    limits = (-INT16_MAX, 1 - INT16_MAX, -257, -256, -1, 0, 255, 256, INT16_MAX - 1, INT16_MAX)
    splits = tuple((s[0], limits[k % len(limits)], *s[2:]) for k, s in enumerate(node.splits))
    return replace(node, splits=splits, roots=(*node.roots, -1))


def many_thresholds() -> Forest:
    """One input that is compared with 381 limits."""
    node = grown(4, 1, 3, 7, 90)
    limits = np.random.default_rng(4).permutation(len(node.splits)).tolist()
    splits = tuple((0, 3 * limit - 300, *s[2:]) for limit, s in zip(limits, node.splits))
    return replace(node, splits=splits)


CASES = {
    "held and not": model(grown(1, 7, 12, 5), 7),
    "many inputs": model(grown(2, MAX_INPUT + 1, 20, 4), MAX_INPUT + 1),
    "ends": model(at_the_ends(), 3),
    "many thresholds": model(many_thresholds(), 1),
    "leaves of two bytes": model(grown(6, 7, 9, 5, 3000), 7),
    "rows": model(
        forest(np.random.default_rng(8), 9, 12, 4, 4, 127), 9, "speed", labels=("a", "b", "c", "d")
    ),
    "classes": model(replace(grown(5, 4, 15, 4), low=0, high=1), 4, labels=("no", "yes")),
}


def form(made: Model) -> str:
    """Which text its trees have."""
    return trees_of(made).macros


def trees_of(made: Model):
    """The view of its trees, behind that of the largest sum."""
    view = chain_views(made, [q.name for q in made.inputs])[0]
    return getattr(view, "layer", view)


def wrong_on_chip(made: Model, board: str = "uno", header: str | None = None) -> int:
    rows = rows_at_splits(made)
    with BareChip(made, BOARDS[board], header, timed=False) as chip:
        return int((chip.predict(rows) != made.predict(rows)).sum())


@pytest.mark.parametrize("case", CASES)
def test_the_same_answers_on_this_computer(case, tmp_path):
    made = CASES[case]
    assert form(made) == ("rows" if case == "rows" else "code")
    rows = rows_at_splits(made)
    assert np.array_equal(run_rows(compile_header(made, tmp_path), rows), made.predict(rows))


@pytest.mark.parametrize("case", CASES)
def test_the_same_answers_on_the_chip(case, simavr):
    assert wrong_on_chip(CASES[case]) == 0


@pytest.mark.parametrize(
    ("board", "case"),
    [
        ("megaatmega2560", "held and not"),  # return addresses of three bytes, ELPM
        ("megaatmega2560", "rows"),
        ("attiny85", "leaves of two bytes"),  # no MUL
    ],
)
def test_the_same_answers_on_other_chips(board, case, simavr):
    assert wrong_on_chip(CASES[case], board) == 0


PAD = """
void pad(void);
__attribute__((used)) void pad(void) { __asm__ __volatile__(".fill 33000,2,0"); }
"""


def wrong_beyond_64_kb() -> int:
    """The same of a Mega whose trees have other code of 66,000 bytes in front of them."""
    made = CASES["held and not"]
    rows, include = rows_at_splits(made), '#include "tinygen_units.h"\n'
    header = render_header(made).replace(include, include + PAD)
    options = ("-Wl,--undefined=pad",)
    with (
        BareChip(made, BOARDS["megaatmega2560"], header, timed=False, options=options) as chip,
        open(chip.elf, "rb") as stream,
    ):
        table = ELFFile(stream).get_section_by_name(".symtab")
        assert table.get_symbol_by_name("model_run")[0]["st_value"] > 0xFFFF
        return int((chip.predict(rows) != made.predict(rows)).sum())


def test_leaves_are_read_beyond_64_kb(simavr, monkeypatch):
    assert wrong_beyond_64_kb() == 0
    near = {name: text.replace('"elpm"', '"lpm"') for name, text in bare.runtime().items()}
    monkeypatch.setattr(bare, "runtime", lambda *_: near)
    assert wrong_beyond_64_kb() > 0


@pytest.mark.parametrize("case", ["held and not", "classes", "rows"])
def test_high_bytes_are_in_registers_that_are_left(case):
    """In those of slots that no input has, then, beside sums in registers, in some to be saved."""
    code = code_of(CASES[case])
    slots = set(range(18, 18 + len(code.held)))
    assert code.highs[0] == 1 and len(set(code.highs.values())) == len(code.highs)
    assert not slots & set(code.highs.values())
    assert (code.moved > 0) == (case != "rows")


def test_another_high_byte_is_noticed(simavr):
    made = CASES["classes"]
    header = render_header(made)
    for word in ("KEEP", "MOVE"):
        pattern = rf"(TINYGEN_{word}_HIGH\(\d+, )(-?\d+)"
        changed = re.sub(pattern, lambda m: f"{m[1]}{int(m[2]) + 1}", header)
        assert changed != header and wrong_on_chip(made, header=changed) > 0


def test_another_limit_is_noticed(simavr, tmp_path):
    made = CASES["held and not"]
    header, rows = render_header(made), rows_at_splits(made)
    source, limit = made.nodes[0].splits[0][:2]
    changed = header.replace(f" {source}, {limit},", f" {source}, {limit + 1},", 1)
    assert changed != header and wrong_on_chip(made, header=changed) > 0
    program = compile_header(made, tmp_path, header=changed)
    assert not np.array_equal(run_rows(program, rows), made.predict(rows))


# ---- what is chosen ----


@pytest.mark.parametrize(
    ("node", "width", "goal", "expected"),
    [
        (grown(1, 3, 10, 5), 3, "balanced", "code"),
        (grown(1, 3, 10, 5), 3, "size", "streams"),
        (grown(1, 3, 10, 5), 3, "speed", "branches"),
        (grown(1, 3, 3, 7), 3, "speed", "code"),  # more splits than are printed as branches
        (grown(1, 3, 10, 2), 3, "balanced", "branches"),  # few splits: more than doubled speed
        (grown(1, 3, 10, 5, 129), 3, "balanced", "code"),  # leaves more than 255 apart
        (grown(1, 40, 10, 5), 40, "balanced", "streams"),  # inputs beyond the reach of LDD
        (grown(1, 3, 20, 7), 3, "balanced", "streams"),  # trees beyond the reach of RCALL
    ],
)
def test_where_trees_are_code(node, width, goal, expected):
    assert form(model(node, width, goal)) == expected


def test_sums_of_more_than_16_bits_are_not_code():
    node = grown(1, 3, 10, 5)
    assert form(model(replace(node, bias=(40000,)), 3)) == "streams"


def test_code_is_quicker_than_streams_and_at_most_doubles_them(simavr):
    cost = {
        goal: measure_cost(model(grown(1, 7, 12, 5), 7, goal), BOARDS["uno"])
        for goal in ("balanced", "size")
    }
    assert cost["balanced"].cycles_max < 0.5 * cost["size"].cycles_max
    assert cost["balanced"].flash_bytes < 2 * cost["size"].flash_bytes


# ---- bytes, which jumps depend on ----


def stairs(words: str) -> Tree:
    """A tree of splits with a leaf (l, 14 bytes each) or two of them (s, 16) to the left."""
    tree: Tree = Split(0, 0, Leaf((0,)), Leaf((1,)))
    for k, word in enumerate(words, 1):
        ends: Tree = Leaf((2 * k,))
        if word == "s":
            ends = Split(1, 40 * k, ends, Leaf((2 * k + 1,)))
        tree = Split(0, 40 * k, ends, tree)
    return tree


def jump(words: str) -> Model:
    return model(planted(Split(1, 300, stairs(words), Leaf((90,)))), 3, "speed")


NEAREST, FARTHER = jump("llllssss"), jump("lllsssss")


def code_of(made: Model) -> TreeCode:
    return trees_of(made).code


@pytest.fixture
def no_branches(monkeypatch):
    monkeypatch.setattr(
        "tinygen.model.operations.forest.BRANCHES", dict.fromkeys(("balanced", "size", "speed"), 0)
    )


def test_a_jump_over_as_many_bytes_as_brge_reaches(simavr, monkeypatch, no_branches):
    for made, size in ((NEAREST, NEAR_BYTES), (FARTHER, NEAR_BYTES + 2)):
        part = code_of(made).parts[0]
        assert part.sides[0].size == size
        assert (size > NEAR_BYTES) == part.right_first
        assert wrong_on_chip(made) == 0
    monkeypatch.setattr(placed, "NEAR_BYTES", NEAR_BYTES + 2)
    with pytest.raises(BuildError, match="does not compile"):
        wrong_on_chip(FARTHER)


def jump_back(words: str) -> Model:
    """A tree whose left side is beyond the reach of BRGE, and whose right one has it to the left of
    a leaf.
    """
    right = Split(2, 500, stairs(words), Leaf((90,)))
    return model(planted(Split(1, 300, stairs(10 * "s"), right)), 3, "speed")


def back(part: Part) -> int:
    """Bytes from behind the first branch of a tree back to where its right side starts."""
    left, right = part.sides
    return right.behind + part.size - 2 * part.far - left.size - right.size


def test_a_jump_back_over_as_many_bytes_as_brge_reaches(simavr, monkeypatch, no_branches):
    near, farther = jump_back("lllllll"), jump_back("llllsss")
    part = code_of(near).parts[0]
    assert part.right_first and not part.far and back(part) == NEAR_BACK
    assert code_of(farther).parts[0].far
    for made in (near, farther):
        assert ("_FAR" in render_header(made)) == (made is farther)
        assert wrong_on_chip(made) == 0
    monkeypatch.setattr(placed, "NEAR_BACK", NEAR_BACK + 2)
    part = code_of(farther).parts[0]
    assert not part.far and back(part) == NEAR_BACK + 2
    with pytest.raises(BuildError, match="does not compile"):
        wrong_on_chip(farther)


def test_a_tree_of_64_leaves_has_no_long_branch(simavr, tmp_path):
    made = model(grown(6, 7, 5, 6), 7)
    header, rows = render_header(made), rows_at_splits(made)
    assert "TINYGEN_TREE_STARTS" in header and "_FAR" not in header
    assert wrong_on_chip(made) == 0
    assert np.array_equal(run_rows(compile_header(made, tmp_path), rows), made.predict(rows))


@pytest.mark.parametrize(("trees", "behind"), [(13, False), (25, True)])
def test_trees_stand_behind_the_calls_where_too_many_stand_in_front(trees, behind, simavr):
    made = model(grown(7, 20, trees, 5), 20)
    assert ("TINYGEN_TREES_BEHIND" in render_header(made)) == behind
    assert wrong_on_chip(made) == 0


def test_the_bytes_of_a_tree_are_those_of_the_program(simavr):
    first, more = (model(grown(6, 6, n, 6), 6) for n in (11, 12))
    flash = [measure_cost(m, BOARDS["uno"]).flash_bytes for m in (first, more)]
    less, code = code_of(first), code_of(more)
    assert set(less.held) == set(code.held) and len(code.held) == SLOTS and less.ends == code.ends
    call = 2
    assert flash[1] - flash[0] == code.parts[-1].size + call


def test_as_many_bytes_as_rcall_reaches(simavr):
    whole = grown(7, 20, 60, 5)
    fits = [n for n in range(1, 61) if TreeCode.of([whole.tree(r) for r in whole.roots[:n]])]
    most = model(replace(whole, roots=whole.roots[: fits[-1]]), 20)
    assert fits == list(range(1, fits[-1] + 1)) and fits[-1] < 60
    assert REACH_BYTES - 300 < max(code_of(most).bytes_around) <= REACH_BYTES
    assert wrong_on_chip(most) == 0
