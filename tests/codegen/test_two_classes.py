"""Sums that answer 0 or 1 by their sign: they start so much lower that 0 is the least of 1."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from host_c import compile_header, run_rows
from random_models import forest, random_models
from rows_at_splits import rows_at_splits

from tinygen.codegen.chain import chain_views
from tinygen.codegen.emit import render_header
from tinygen.common.boards import BOARDS
from tinygen.model.fixedpoint import INT16_MAX
from tinygen.model.model import Model
from tinygen.model.nodes import INT32_MAX
from tinygen.model.operations.forest import Forest
from tinygen.target.bare import BareChip

SIGN = "TINYGEN_AT_LEAST_0"
ROWS = 300


def of_two(model: Model, bias: int) -> Model:
    """The model, its last sum clamped to 0 and 1 and from another bias."""
    told = {} if isinstance(model.nodes[-1], Forest) else {"bias_shift": 0}
    last = replace(model.nodes[-1], bias=(bias,), low=0, high=1, **told)
    return replace(model, nodes=(*model.nodes[:-1], last))


def view(model: Model):
    """What prints its last step."""
    return chain_views(model, [q.name for q in model.inputs])[-1]


def sums_of(model: Model) -> tuple[int, int]:
    """Interval of its last sum."""
    return model.bounds[-1].acc_low, model.bounds[-1].acc_high


@cache
def at_an_edge(name: str) -> tuple[Model, Model, np.ndarray]:
    """A model whose sum of the first row is just too small for 1, one whose sum is just large
    enough, and the rows.
    """
    model = random_models()[name]
    rows = model.sample_rows(ROWS, 5)
    rows = np.roll(rows[np.argsort(model.predict(rows))], -ROWS // 2, axis=0)
    above, below = INT32_MAX // 4, -INT32_MAX // 4
    if isinstance(model.nodes[-1], Forest):
        above, below = 16_000, -16_000
    while above - below > 1:
        middle = (above + below) // 2
        if of_two(model, middle).predict(rows[:1])[0]:
            above = middle
        else:
            below = middle
    return of_two(model, below), of_two(model, above), rows


CASES = [  # a model, what it is written for, and what prints its last sum
    ("linear_unsigned", "balanced", "dense 16"),
    ("linear_bytes_long", "balanced", "dense 24"),
    ("linear_wide", "balanced", "dense 32"),
    ("linear16_long", "balanced", "linear 24"),
    ("mlp_layer16", "balanced", "net 24"),
    ("mlp_wide", "balanced", "net 32"),
    ("squares", "balanced", "terms 24"),
    ("squares_wide", "balanced", "terms 32"),
    ("branches", "balanced", "branches 16"),
    ("tree_code", "balanced", "code 16"),
    ("tree_code", "size", "streams 16"),
    ("tree_code", "speed", "straight 16"),
    ("tree_bytes", "size", "forest 16"),
]


@pytest.mark.parametrize(("name", "goal", "form"), CASES)
def test_the_least_sum_of_1_and_the_largest_of_0(name, goal, form, tmp_path, simavr):
    for answer, made in enumerate(at_an_edge(name)[:2]):
        model, rows = replace(made, optimize=goal), at_an_edge(name)[2]
        last, answers = view(model), model.predict(rows)
        assert f"{last.macros} {last.acc_bits}" == form and SIGN in render_header(model)
        low, high = (end - last.lowered for end in sums_of(model))
        assert f"{low} .. {high}" in render_header(model)
        assert answers[0] == answer and 0 < answers.sum() < len(rows)
        assert np.array_equal(run_rows(compile_header(model, tmp_path / "c"), rows), answers)
        with BareChip(model, BOARDS["uno"], timed=False) as chip:
            assert np.array_equal(chip.predict(rows), answers)


@pytest.mark.parametrize(("name", "goal"), [case[:2] for case in CASES])
def test_a_start_that_is_one_off_is_noticed(name, goal, tmp_path):
    """A sum that is just too small for 1 is one more, or one that is just large enough one less."""
    for answer, by in enumerate((1, -1)):
        model, rows = replace(at_an_edge(name)[answer], optimize=goal), at_an_edge(name)[2][:1]
        header = render_header(model).replace(f"{SIGN}(acc,", f"{SIGN}((acc + {by}),")
        program = compile_header(model, tmp_path / f"{answer}", header=header)
        assert run_rows(program, rows)[0] != answer


@pytest.mark.parametrize("room", [0, 1])
def test_a_sum_starts_lower_only_where_its_bits_have_room(room, tmp_path):
    """Sums that go down to the least of 16 bits are clamped."""
    base = random_models()["branches"]
    trees = forest(np.random.default_rng(6), len(base.inputs), 5, 2, 1, 9000)
    wide = replace(base, nodes=(trees,))
    model = of_two(wide, room - INT16_MAX - 1 - of_two(wide, 0).bounds[0].acc_low)
    assert model.bounds[0].acc_low == room - INT16_MAX - 1
    header, rows = render_header(model), rows_at_splits(model)
    assert (SIGN in header, "sum < 0" in header) == (room > 0, room == 0)
    answers = run_rows(compile_header(model, tmp_path), rows)
    assert np.array_equal(answers, model.predict(rows)) and 0 < answers.sum() < len(rows)
