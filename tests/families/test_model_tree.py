"""The model tree: it finds lines that change at a limit, and a smaller tree starts a larger one."""

from dataclasses import replace

import numpy as np

from tinygen.data import Rows
from tinygen.families.model_tree import LEAST_ROWS, Config, candidates, fit, fit_many, lower
from tinygen.model.fixedpoint import Quantity
from tinygen.model.nodes import prove
from tinygen.model.operations.leaf_lines import LeafLines
from tinygen.model.operations.scale import Scale

STEEP, FLAT = (3, -2), (-1, 1)


def bent(rows=2000, noise=0) -> Rows:
    """y is one line of two inputs up to 400, another one above, and up to `noise` off."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 1000, (rows, 2))
    low, high = (2000 + x @ line for line in (STEEP, FLAT))
    y = np.where(x[:, 0] <= 400, low, high) + rng.integers(-noise, noise + 1, rows)
    inputs = (Quantity("a", "", 1.0, 0.0, 999.0), Quantity("b", "", 1.0, 0.0, 999.0))
    return Rows(x, y, inputs, Quantity("y", "", 1.0, float(y.min()), float(y.max())))


def error_of(nodes, rows: Rows) -> float:
    x = rows.x
    for node in nodes:
        x = node.apply(x)
    return rows.error(x[:, 0])


def test_two_lines_are_found_with_their_limit():
    rows = bent()
    found = fit(rows, Config(4, 1))
    bins = np.sort(rows.x[:, 0])[len(rows.y) // 32]  # a limit is the end of a bin
    firsts = [split for split in found.tree.trees[0] if split[0] == 0]
    assert any(abs(split[1] - 400) <= bins for split in firsts)
    slopes = {tuple(np.round(line).astype(int)) for line in found.coef}
    assert {STEEP, FLAT} <= slopes
    assert rows.error(found.predict(rows.x)) < 0.05 * rows.error(
        np.full(len(rows.y), rows.y.mean())
    )


def test_integers_add_next_to_nothing_to_the_error():
    rows = bent(noise=200)
    found = fit(rows, Config(4, 1))
    (node,) = lower(found, rows)
    assert isinstance(node, LeafLines) and prove((node,), 2)
    assert error_of((node,), rows) <= 1.005 * rows.error(found.predict(rows.x))


def test_inputs_of_very_different_steps_are_brought_to_one_range():
    """A slope of one in a step of one input and a thousandth in that of another are no multiples of
    one step that 32 bits have room for.
    """
    rng = np.random.default_rng(1)
    x = np.column_stack([rng.integers(0, 2, 3000), rng.integers(-32000, 32000, 3000)])
    y = 30000 * x[:, 0] + x[:, 1] // 4000
    inputs = (Quantity("a", "", 1.0, 0.0, 1.0), Quantity("b", "", 1.0, -32000.0, 31999.0))
    rows = Rows(x, y, inputs, Quantity("y", "", 1.0, float(y.min()), float(y.max())))
    nodes = lower(fit(rows, Config(2, 1)), rows)
    assert [type(node) for node in nodes] == [Scale, LeafLines]
    assert error_of(nodes, rows) < 1


def test_a_smaller_tree_is_the_start_of_a_larger_one():
    rows = bent()
    both = fit_many(rows, [Config(2, 1), Config(6, 1)])
    alone = fit(rows, Config(2, 1))
    assert both[0].tree == alone.tree and (both[0].coef == alone.coef).all()
    start = [split[:2] for split in both[1].tree.trees[0]][:1]
    assert start == [split[:2] for split in alone.tree.trees[0]]


def test_a_leaf_has_so_many_rows_and_one_line_is_no_tree():
    few = bent(rows=2 * LEAST_ROWS - 1)
    assert candidates(few) == []
    straight = bent()
    straight = replace(straight, y=2000 + straight.x @ np.array(FLAT))
    found = fit(straight, Config(2, 1))
    assert straight.error(found.predict(straight.x)) < 0.5
    assert len(fit(few, Config(2, 1)).coef) == 1  # nothing can be parted
    (node,) = lower(fit(few, Config(2, 1)), few)
    assert len(node.splits) == 1 and prove((node,), 2)
