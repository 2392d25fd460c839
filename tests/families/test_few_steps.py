"""Inputs of 2 to 65,536 raw steps, one to 124 of them: what rounding adds stays within half a per
cent of the float model's error, and does not lean one way.

A whole step of an input of few steps is rounded the same way on every row, and that adds up over
the inputs. The target is a weighted sum with noise of a fifth of its spread.
"""

import numpy as np
import pytest
from family_models import configs_of, rows_of

from tinygen.families import FAMILIES
from tinygen.fitting.lowering import apply_all, narrowest, scale_inputs
from tinygen.model.nodes import prove

PART = 0.005  # of the float model's error
HALF_STEP = 0.5  # raw: what rounding an answer costs
STEPS = (2, 10, 100, 1000, 65536, (2, 65536), (10, 1000), (2, 300, 10000))
CHAINS = ("ridge", "power", "polynomial", "mlp")  # whose sums could lean; tables and leaves are
# fitted to the rows once more as integers
INPUTS = (1, 4, 16, 64, 124)
LINEAR = [
    (family, inputs, steps)
    for family in ("ridge", "logistic")
    for inputs in INPUTS
    for steps in STEPS
    if inputs > 1 or isinstance(steps, int)
]
OTHERS = [
    *(("polynomial", 4, steps) for steps in STEPS),
    *(("polynomial", inputs, steps) for inputs in (1, 16, 40) for steps in (2, 10, 1000)),
    *(("power", inputs, steps) for inputs in (1, 16, 124) for steps in (10, 100, 1000)),
    *((family, 4, steps) for family in ("tree", "forest") for steps in (2, 10, 65536)),
    *(("lookup", 1, steps) for steps in (20, 1000)),
    *(("mlp", inputs, (2, 300, 10000)) for inputs in (3, 9)),
    *(("mlp", 1, steps) for steps in (2, 10)),
    *(("mlp_classifier", 6, steps) for steps in (2, 10, (2, 300, 10000))),
]


def sums(inputs: int, steps, task: str, count: int = 600):
    """Rows whose inputs have so many equally frequent steps, in turn where several are given."""
    widths = np.resize(steps, inputs)
    rng = np.random.default_rng([inputs, *widths[:3].tolist()])
    low = np.where(widths > 32768, -32767, 1)
    x = np.minimum(rng.integers(0, widths, (count, inputs)) + low, 32767)
    total = ((x - low) / (widths - 1)) @ ((1 + np.arange(inputs) % 7) / 4)
    v = (total - total.mean()) / max(total.std(), 1e-9) + 0.2 * rng.normal(size=count)
    if task == "classification":
        return rows_of(x, np.digitize(v, (-0.6, 0.6)), ("low", "middle", "high"))
    return rows_of(x, np.floor(2000 + 500 * v + 0.5))


# A net's training goes on while its weights are rounded, and that moves the mean as well: this
# seed's has come to its end before.
SEED = 0


def answers(family: str, rows, pick: float = 0.5):
    """Float and integer answers on the rows, one of the family's configurations fitted to them."""
    kind = FAMILIES[family]
    fitted = kind.fit(rows, configs_of(kind, rows, pick), SEED)
    nodes = kind.lower(fitted, rows)
    prove(nodes, len(fitted.columns))
    return fitted.predict(rows.x), apply_all(nodes, rows.x[:, fitted.columns])[:, 0]


@pytest.mark.parametrize("family, inputs, steps", LINEAR + OTHERS)
def test_rounding_costs_little_and_leans_no_way(family, inputs, steps):
    task = FAMILIES[family].tasks[0]
    rows = sums(inputs, steps, task)
    floats, integers = answers(family, rows)
    error = rows.error(np.floor(floats + 0.5))
    one_row = 1 / len(rows.y) if rows.labels else 0.0
    assert rows.error(integers) <= (1 + PART) * error + one_row
    if family in CHAINS:
        assert abs((integers - floats).mean()) <= HALF_STEP + PART * error


@pytest.mark.parametrize("steps", [s for s in STEPS if np.max(s) < 65536])
@pytest.mark.parametrize("inputs", INPUTS)
def test_distances_of_few_steps(inputs, steps):
    """A guard's distance, whose mean was twice too large where inputs are switches."""
    floats, integers = answers("mahalanobis", sums(inputs, steps, "regression"), 0)
    assert abs((integers - floats).mean()) <= HALF_STEP + PART * floats.mean()


def test_a_constant_input_of_a_guard_is_unusual_once_it_moves():
    rows = rows_of(np.column_stack([np.full(60, 7), np.arange(60) % 2]), np.zeros(60))
    kind = FAMILIES["mahalanobis"]
    nodes = kind.lower(kind.fit(rows, configs_of(kind, rows, 0), 0), rows)
    usual, moved = apply_all(nodes, np.array([[7, 1], [8, 1]]))[:, 0]
    assert moved == pytest.approx(usual + 16, abs=1)  # one raw step is its deviation


@pytest.mark.parametrize("cells", (4, 8, 16, 32, 64))
def test_a_mat_of_cells_of_ten_steps(cells):
    """A pressure mat in kg with one decimal: 64 cells were 0.30 too high on all 300 rows."""
    x = np.random.default_rng(35).integers(0, 10, (300, cells))
    rows = rows_of(x, np.round((x * (1 + np.arange(cells) % 7)).sum(axis=1) / 5))
    floats, integers = answers("ridge", rows, 0)
    assert abs((integers - floats).mean()) <= 0.08  # raw steps of 0.1 kg: 0.008
    assert rows.error(integers) <= rows.error(np.floor(floats + 0.5)) + 3 / len(rows.y)


def test_the_grid_can_fail(monkeypatch):
    """Coefficients that are all rounded down, and a bias that knows nothing of it, lean."""
    from tinygen.families import ridge

    def down(coef, *_):
        yield np.floor(coef * 2.0).astype(np.int64), 1

    monkeypatch.setattr(ridge, "whole_sums", down)
    monkeypatch.setattr(ridge, "without_lean", lambda nodes, *_: nodes)
    monkeypatch.setattr(ridge, "narrowest", lambda chains, *rest: next(iter(chains)))
    monkeypatch.setattr(ridge.weighted, "mean", lambda values, _: np.zeros(values.shape[1]))
    floats, integers = answers("ridge", sums(64, 10, "regression"))
    assert abs((integers - floats).mean()) > 20
    assert ridge.narrowest is not narrowest


def test_an_input_of_few_steps_is_widened_by_a_whole_number():
    few, many = (0, 12), (0, 3000)
    scale = scale_inputs((few, many), 8, widen=True)
    assert scale.shift == 8 and scale.multiplier == (21 << 8, 21)
    assert scale_inputs((few, many), 8).multiplier == (255, 21)  # only where it is asked for
