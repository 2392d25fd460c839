"""One tree with parts as data: the twin, the C of this computer and the chips agree, and what it
takes on a chip is known beforehand.
"""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from host_c import compile_header, run_rows
from random_models import inputs

from tinygen.codegen.chain import chain_views
from tinygen.codegen.emit import render_header
from tinygen.common.boards import BOARDS
from tinygen.model.fixedpoint import INT16_MAX, Quantity
from tinygen.model.model import Model
from tinygen.model.operations.forest import Forest
from tinygen.model.trees.heaps import LEVEL_CYCLES, MAX_INPUT, MOST_LEVELS, plans
from tinygen.model.trees.layout import REACH
from tinygen.model.trees.straight import StraightCode, straight_codes
from tinygen.model.trees.tree import Heap, Leaf, Split
from tinygen.target import bare
from tinygen.target.bare import BareChip, measure_cost

WIDE = Quantity("y", "", 1.0, -30000.0, 30000.0)
UNO = BOARDS["uno"]


def model(node: Forest, width: int, goal: str = "balanced") -> Model:
    return Model("trees", "forest", inputs(width), WIDE, (node,), optimize=goal)


def grown(
    seed: int, width: int, depth: int, size: int, low=-900, high=3000, cut: float = 0.0
) -> Forest:
    """A tree all of whose splits are reached; cut: the part of them whose left side is a leaf."""
    rng = np.random.default_rng(seed)
    splits: list = []
    leaves: list = []

    def plant(level: int, ranges: dict[int, tuple[int, int]]) -> int:
        wide = [k for k, (least, most) in ranges.items() if least < most]
        if not level or not wide:
            leaves.append((int(rng.integers(-size, size + 1)),))
            return -len(leaves)
        place, source = len(splits), int(rng.choice(wide))
        least, most = ranges[source]
        limit = int(rng.integers(least, most))
        splits.append(None)
        left = plant(level - 1 if rng.random() >= cut else 0, {**ranges, source: (least, limit)})
        right = plant(level - 1, {**ranges, source: (limit + 1, most)})
        splits[place] = (source, limit, left, right)
        return place

    plant(depth, dict.fromkeys(range(width), (low, high)))
    return Forest(tuple(splits), tuple(leaves), (0,), (7,), -30000, 30000)


def rows_in_leaves(made: Model) -> np.ndarray:
    """Both corners of every leaf: each split at its limit and one above it."""
    node, width = made.nodes[0], len(made.inputs)
    found: list = []

    def visit(at: int, low: list[int], high: list[int]) -> None:
        if at < 0:
            found.extend((low, high))
            return
        source, limit, left, right = node.splits[at]
        visit(left, low, [min(v, limit) if k == source else v for k, v in enumerate(high)])
        visit(right, [max(v, limit + 1) if k == source else v for k, v in enumerate(low)], high)

    visit(0, [-INT16_MAX] * width, [INT16_MAX] * width)
    return np.array(found)


CASES = {
    "leaves of a byte": model(grown(1, 7, 8, 127), 7),
    "leaves of two": model(grown(2, 7, 8, 9000), 7),
    "filled up": model(grown(3, 5, 9, 9000, cut=0.2), 5),
    "at the ends": model(grown(4, 3, 7, 30000, -INT16_MAX, INT16_MAX), 3),
    "small limits": model(grown(5, 6, 7, 127, -1, 63), 6),
    "beyond the reach of a jump": model(grown(7, 7, 10, 9000, cut=0.06), 7),
}


def view_of(made: Model):
    return chain_views(made, [q.name for q in made.inputs])[0]


def wrong_on_chip(made: Model, board: str = "uno", header: str | None = None) -> int:
    rows = rows_in_leaves(made)
    with BareChip(made, BOARDS[board], header, timed=False) as chip:
        return int((chip.predict(rows) != made.predict(rows)).sum())


def wrong_here(made: Model, folder, language: str = "c99", header: str | None = None) -> int:
    rows = rows_in_leaves(made)
    answers = run_rows(compile_header(made, folder, language, header), rows)
    return int((answers != made.predict(rows)).sum())


@pytest.mark.parametrize("case", CASES)
def test_the_same_answers_on_this_computer(case, tmp_path):
    made = CASES[case]
    assert view_of(made).code.heap
    assert wrong_here(made, tmp_path) == 0
    assert wrong_here(made, tmp_path, "c++11") == 0


@pytest.mark.parametrize("case", CASES)
def test_the_same_answers_on_the_chip_and_a_cost_that_is_known_beforehand(case, simavr):
    made = CASES[case]
    assert wrong_on_chip(made) == 0
    cost, told = measure_cost(made, UNO), view_of(made).code.cost
    assert abs(cost.flash_bytes - told.bytes) <= 2 and cost.ram_bytes == 0
    assert cost.cycles_seen <= cost.cycles_max <= told.cycles + 2


@pytest.mark.parametrize("board", ["attiny85", "megaatmega2560"])
@pytest.mark.parametrize("case", ["leaves of a byte", "filled up"])
def test_the_same_answers_on_other_chips(board, case, simavr):
    made = CASES[case]
    assert wrong_on_chip(made, board) == 0
    cost = measure_cost(made, BOARDS[board])
    assert cost.cycles_seen <= cost.cycles_max


PAD = """
void pad(void);
__attribute__((used)) void pad(void) {{ __asm__ __volatile__(".fill {},2,0"); }}
"""


def wrong_around_64_kb(made: Model, words: int) -> tuple[int, int, int]:
    """The same of a Mega whose tree has other code of so many words in front of it; and its
    program's place in flash, and bytes.
    """
    include = '#include "tinygen_units.h"\n'
    header = render_header(made).replace(include, include + PAD.format(words))
    rows, options = rows_in_leaves(made), ("-Wl,--undefined=pad",)
    with (
        BareChip(made, BOARDS["megaatmega2560"], header, timed=False, options=options) as chip,
        open(chip.elf, "rb") as stream,
    ):
        table = ELFFile(stream).get_section_by_name(".symtab")
        found = table.get_symbol_by_name("model_run")[0]
        wrong = int((chip.predict(rows) != made.predict(rows)).sum())
        return wrong, found["st_value"], found["st_size"]


def test_parts_are_read_on_both_sides_of_64_kb(simavr, monkeypatch):
    made, words = CASES["leaves of two"], 33_000
    wrong, start, size = wrong_around_64_kb(made, words)
    assert wrong == 0 and start > 0xFFFF
    across = words - (start + 2 * size // 3 - 0x10000) // 2  # the end stands behind the walk
    places = range(across - 20, across + 20, 8)
    assert all(wrong_around_64_kb(made, k)[0] == 0 for k in places)
    near = {name: text.replace("inc %[t]", "nop") for name, text in bare.runtime().items()}
    monkeypatch.setattr(bare, "runtime", lambda *_: near)
    assert any(wrong_around_64_kb(made, k)[0] for k in places)


CHANGES = {
    "a limit of a part": ("leaves of two", r"(TINYGEN_FORK\(\d+, )(-?\d+)"),
    "a limit of its last level": ("leaves of two", r"(TINYGEN_TWO2\(\d+, )(-?\d+)"),
    "an input": ("leaves of a byte", r"(TINYGEN_TWO\()(\d+)"),
    "a left leaf": ("leaves of a byte", r"(TINYGEN_TWO\(\d+, -?\d+, )(\d+)"),
    "a right leaf": ("leaves of two", r"(TINYGEN_TWO2\(\d+, -?\d+, -?\d+, )(-?\d+)"),
    "a small limit": ("small limits", r"(TINYGEN_SEE_SMALL\(\d+, )(-?\d+)"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_one_more_is_noticed(change, simavr, tmp_path):
    case, pattern = CHANGES[change]
    header = render_header(CASES[case])
    changed = re.sub(pattern, lambda m: f"{m[1]}{int(m[2]) + 1}", header, count=1)
    assert changed != header and wrong_on_chip(CASES[case], header=changed) > 0
    assert wrong_here(CASES[case], tmp_path, header=changed) > 0


def test_a_jump_beyond_its_reach_goes_by_way_of_another():
    made = CASES["beyond the reach of a jump"]
    code = view_of(made).code
    assert code.layout.bytes > REACH and "TINYGEN_GO_ON(1_via" in render_header(made)
    assert all(abs(far) <= REACH for _, far in code.layout.distances(code.layout.items))


@pytest.mark.parametrize(("source", "parts"), [(MAX_INPUT, True), (MAX_INPUT + 1, False)])
def test_inputs_that_a_byte_tells(source, parts, simavr):
    """Of the parts; the splits above them are of the first input."""
    node = grown(7, 1, 6, 127)
    low = tuple((source, *s[1:]) if s[2] < 0 else s for s in node.splits)
    made = model(replace(node, splits=low), MAX_INPUT + 2)
    assert bool(straight_codes((made.nodes[0].tree(0),), (0,), "balanced")) == parts
    assert wrong_on_chip(made) == 0


def heaps_of(tree) -> list[Heap]:
    if isinstance(tree, Split):
        return heaps_of(tree.left) + heaps_of(tree.right)
    return [tree] if isinstance(tree, Heap) else []


def test_a_plan_of_more_cycles_takes_fewer_bytes():
    """From parts of one level to those of the most, a level of all ways at a time."""
    tree = grown(8, 4, 8, 9000).tree(0)
    found = [(part, StraightCode.of((part,), told, "balanced")) for part, told in plans(tree, 0)]
    assert [max(h.levels for h in heaps_of(part)) for part, _ in found] == [1, 2, 3, MOST_LEVELS]
    sizes = [code.cost.bytes for _, code in found]
    cycles = [code.cost.cycles for _, code in found]
    assert sizes == sorted(sizes, reverse=True) and cycles == sorted(cycles)
    assert all(b - a <= LEVEL_CYCLES for a, b in pairwise(cycles))


def test_a_leaf_alone_has_no_parts():
    node = Forest((), ((5,),), (-1,), (0,), 0, 9)
    assert isinstance(node.tree(-1), Leaf)
    assert all(not code.heap for code in straight_codes((node.tree(-1),), (0,), "balanced"))
