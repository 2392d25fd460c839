"""The class with the largest sum, of which none is stored: the twin, C and the chip agree on rows
where several sums are equal.
"""

import re
from dataclasses import replace

import numpy as np
import pytest
from host_c import compile_header, run_rows
from random_models import dense, forest, inputs, quantized, scale

from tinygen.codegen.chain import chain_views
from tinygen.codegen.emit import render_header
from tinygen.common.boards import BOARDS
from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import Model
from tinygen.model.operations.argmax import Argmax
from tinygen.model.operations.forest import Forest
from tinygen.target.bare import BareChip

LABELS = tuple("abcde")
LEAST = {"int8_t": "-128", "int16_t": "-32767 - 1", "uint8_t": "0"}
READINGS = inputs(3)
RNG = np.random.default_rng(7)


def model(*nodes, goal: str = "balanced") -> Model:
    output = Quantity("kind", "", 1.0, 0.0, len(LABELS) - 1.0)
    return Model("kinds", "x", READINGS, output, (*nodes, Argmax()), optimize=goal, labels=LABELS)


def of_rows(shift: int, low: int, high: int, limit: int = 127, bias=None) -> Model:
    rows = dense(RNG, 5, 3, shift, low, high, limit)
    kept = rows if bias is None else replace(rows, bias=(bias,) * 5)
    return model(scale(READINGS, 255, 128), kept)


def of_trees(low: int, high: int, size: int, goal: str = "balanced") -> Model:
    return model(summed(9, low, high, size), goal=goal)


def summed(trees: int, low: int, high: int, size: int) -> Forest:
    return replace(forest(RNG, 3, trees, 3, 5, size), low=low, high=high, bias=(0,) * 5)


def of_bytes(trees: Forest) -> Forest:
    """The same with limits of scaled inputs."""
    splits = ((k, limit % 256 - 128, *sides) for k, limit, *sides in trees.splits)
    return replace(trees, splits=tuple(splits))


CASES = {  # and the type of a score, and what computes the sums
    "few scores": (of_rows(12, -32000, 32000), "int8_t", "dense"),
    "scores of 16 bits": (of_rows(3, -300, 400), "int16_t", "dense"),
    "clamped": (of_rows(6, -20, 30), "int8_t", "dense"),
    "clamped above 0": (of_rows(6, 3, 200), "uint8_t", "dense"),
    "at the least of 8 bits": (of_rows(0, -128, -127, bias=-127), "int8_t", "dense"),
    "at the least of 16 bits": (
        of_rows(0, -32768, -32767, bias=-32767),
        "int16_t",
        "dense",
    ),
    "weights of 16 bits": (of_rows(18, -32000, 32000, 32000), "int8_t", "dense"),
    "quantized": (
        model(scale(READINGS, 255, 128), quantized(RNG, 5, 3, 8, 3)),
        "int8_t",
        "quantized",
    ),
    "rows of leaves": (of_trees(-30000, 30000, 2, "speed"), "int8_t", "rows"),
    "clamped rows of leaves": (of_trees(-3, 4, 9, "speed"), "int8_t", "rows"),
    "streams": (of_trees(-30000, 30000, 2, "size"), "int8_t", "streams"),
    "streams of 16 bits": (of_trees(-300, 500, 400, "size"), "int16_t", "streams"),
    "arrays": (
        model(scale(READINGS, 255, 128), of_bytes(summed(4, 0, 3, 2)), goal="size"),
        "int8_t",
        "forest",
    ),
}


def several_largest(made: Model, rows: np.ndarray) -> int:
    """Rows that have no single largest score."""
    values = rows
    for node in made.nodes[:-1]:
        values = node.apply(values)
    return int(((values == values.max(axis=1, keepdims=True)).sum(axis=1) > 1).sum())


@pytest.mark.parametrize("case", CASES)
def test_the_first_of_equals(case, tmp_path, simavr):
    made, score, layer = CASES[case]
    rows = made.sample_rows(500, 3)
    answers, header = made.predict(rows), render_header(made)
    view = chain_views(made, [q.name for q in READINGS])[-1]
    assert view.layer.macros == layer
    assert (view.rom_bytes, view.slow) == (view.layer.rom_bytes, view.layer.slow)
    assert f"{score} most = {LEAST[score]};" in header and len(set(answers.tolist())) > 1
    assert several_largest(made, rows) > (0 if case == "weights of 16 bits" else 20)
    assert np.array_equal(run_rows(compile_header(made, tmp_path), rows), answers)
    with BareChip(made, BOARDS["uno"], timed=False) as chip:
        assert np.array_equal(chip.predict(rows), answers)


@pytest.mark.parametrize("case", ["clamped", "streams", "at the least of 8 bits"])
def test_the_last_of_equals_is_noticed(case, tmp_path):
    made = CASES[case][0]
    rows = made.sample_rows(500, 3)
    header = render_header(made).replace("(score > most)", "(score >= most)")
    program = compile_header(made, tmp_path, header=header)
    assert (run_rows(program, rows) != made.predict(rows)).any()


@pytest.mark.parametrize("case", ["few scores", "quantized", "rows of leaves", "streams"])
def test_scores_that_are_asked_for_are_stored(case, tmp_path):
    made = replace(CASES[case][0], scores=True)
    header, rows = render_header(made), made.sample_rows(50, 3)
    assert "most = " not in header and re.search(r"_t [qs]\d\[5\];", header)
    answers = run_rows(compile_header(made, tmp_path), rows).reshape(len(rows), -1)
    assert np.array_equal(answers[:, 0], made.predict(rows)) and answers.shape[1] == 1 + 5
