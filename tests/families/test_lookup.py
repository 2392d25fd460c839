"""Lookup tables where next to nothing is noise, and elsewhere."""

import numpy as np
import pytest
from family_models import rows_of

from tinygen.families import lookup
from tinygen.fitting.least_squares import Root
from tinygen.model.operations.power import Power


def curve(noise: float, largest: float = 600.0):
    """A sensor's smooth curve, its answers in whole steps."""
    rng = np.random.default_rng(4)
    x = rng.integers(300, 2200, (3000, 1))
    part = (x[:, 0] - 200) / 2000
    y = largest * (0.2 * part + 0.8 * part**2) + noise * rng.normal(size=len(x))
    return rows_of(x, np.maximum(np.floor(y + 0.5), 0))


def fitted(rows, root: int = 2):
    return lookup.fit(rows, lookup.Config(0, 7, root))


@pytest.mark.parametrize("noise, fine", [(0.0, True), (0.05, True), (2.0, False), (30.0, False)])
def test_a_root_is_fine_where_most_answers_are_exact(noise, fine):
    rows = curve(noise)
    table = fitted(rows)
    assert table.root == Root(2, fine)
    assert lookup.lower(table, rows)[-1] == Power(2, fine)


def test_a_fine_root_makes_fewer_answers_wrong(monkeypatch):
    rows = curve(0.0)
    errors = []
    for limit in (lookup.EXACT, 0.0):
        monkeypatch.setattr(lookup, "EXACT", limit)
        table = fitted(rows)
        values = np.floor(table.values + 0.5)
        whole = lookup.hats(rows.x[:, 0], table.origin, 7, len(values)) @ values
        answers = np.floor(table.root.backward(np.floor(whole + 0.5)) + 0.5)
        errors.append(rows.error(answers))
    assert errors[0] < 0.9 * errors[1]


@pytest.mark.parametrize("rows, smooth", [(159, lookup.SMOOTH), (160, lookup.LESS_SMOOTH)])
def test_few_rows_are_smoothed_as_if_they_were_noise(rows, smooth, monkeypatch):
    """Sixteen nodes."""
    asked = []
    fit_linear = lookup.fit_linear
    monkeypatch.setattr(
        lookup, "fit_linear", lambda *a, **k: asked.append(a[4]) or fit_linear(*a, **k)
    )
    all_rows = curve(0.0)
    table = fitted(all_rows.take(np.arange(rows)))
    nodes = len(table.values)
    assert asked[-1].max() == pytest.approx(smooth * nodes**4 * 6)
    assert nodes == 16


def test_a_table_keeps_to_int16():
    """The root of 30,000 is at 88,681 steps of half the size."""
    rows = curve(0.0, largest=30000.0)
    assert fitted(rows).root == Root(2)


def test_a_plain_table_has_no_root():
    assert fitted(curve(0.0), root=1).root == Root(1)
