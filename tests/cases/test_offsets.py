"""Readings whose own steps do not fit int16: an offset, a free step, and outliers clipped and
told.
"""

from dataclasses import replace

import numpy as np
import pytest
from learned import learned, true_error
from tables import parse

from tinygen.codegen.emit import render_header
from tinygen.data import prepare, rows_for
from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import from_json


def scale_pan(rows=800):
    """A load cell on an HX711: counts around 8.4 million, 41.7 of them a gram."""
    rng, lines = np.random.default_rng(6), ["raw,temp [degC],mass [g]"]
    for _ in range(rows):
        g, t = rng.uniform(0, 500), rng.uniform(15, 30)
        raw = int(8412345 + g * 41.7 + (t - 20) * 90 + rng.normal(0, 15))
        lines.append(f"{raw},{t:.1f},{g:.1f}")
    return "\n".join(lines) + "\n"


def echo(rows=700, glitch=333):
    """An ultrasonic level; one echo is 4294967295."""
    rng, lines = np.random.default_rng(8), ["echo_us,temp [degC],level [cm]"]
    for i in range(rows):
        level, t = rng.uniform(5, 180), rng.uniform(5, 30)
        e = 4294967295 if i == glitch else int(2 * level / (0.03313 + 0.0000606 * t))
        lines.append(f"{e},{t:.1f},{level:.1f}")
    return "\n".join(lines) + "\n"


def test_a_load_cell_is_weighed_on_full_counts():
    """A line on the full counts is 0.29 g wrong; in steps of 1000 it was many grams."""
    text = scale_pan()
    model, dataset = learned(text, "mass", "ridge")
    q = dataset.inputs[0]
    assert (q.scale, q.raw_minimum) == (1.0, 0) or q.scale == 1.0
    assert true_error(model, text, "mass") < 0.32


def test_one_glitch_does_not_set_the_step():
    """0.13 cm without the glitch; with it the step was a million and the error 39 cm."""
    dataset = prepare(parse(echo()), "level")
    assert dataset.inputs[0].scale == 1.0 and dataset.inputs[0].maximum < 12000
    assert any("rows 335" in note and "clipped" in note for note in dataset.notes)
    model, _ = learned(echo(), "level", "ridge")
    assert true_error(model, echo(glitch=-1), "level") < 0.5
    raw, _ = rows_for(dataset.inputs, parse(echo()))
    low, high = dataset.inputs[0].limits
    assert not low <= raw[333, 0] <= high  # the board saturates it and sets the flag
    assert (raw[:333, 0] <= high).all()


def test_a_free_step_where_no_decimal_one_fits():
    rng = np.random.default_rng(7)
    values = np.exp(rng.uniform(np.log(0.05), np.log(98000), 900))
    text = "lux,y\n" + "".join(f"{v:.2f},{i}\n" for i, v in enumerate(values))
    q = prepare(parse(text), "y").inputs[0]
    assert 1.4 < q.scale < 1.6
    back = q.to_physical(q.to_raw(values))
    assert np.abs(back - values.round(2)).max() <= q.scale


@pytest.mark.parametrize(
    "values", [np.arange(100) / 10, np.arange(0, 3000, 7), np.arange(100) / 1000 - 5]
)
def test_what_fits_has_no_offset(values):
    text = "a,y\n" + "".join(f"{v:g},{i}\n" for i, v in enumerate(values))
    q = prepare(parse(text), "y").inputs[0]
    assert q.offset == 0 and "offset" not in q.plain()


def test_offsets_go_both_ways_and_into_the_file():
    q = Quantity("p", "Pa", 0.1, 101300.0, 101330.0, 101300.0)
    assert q.to_raw([101300.0, 101313.6, 101299.9]).tolist() == [0, 136, -1]
    assert q.to_physical([0, 136, -1]).tolist() == [101300.0, 101313.6, 101299.9]
    model, _ = learned(scale_pan(200), "mass", "ridge")
    again = from_json(model.to_json())
    assert again == model and again.inputs[0].offset == model.inputs[0].offset != 0
    damaged = replace(model.inputs[0], offset=float("nan"))
    with pytest.raises((ValueError, Exception)):
        from_json(replace(model, inputs=(damaged, *model.inputs[1:])).to_json())


def test_the_header_tells_the_offset():
    model, _ = learned(scale_pan(200), "mass", "ridge")
    header, offset = render_header(model), model.inputs[0].offset
    assert "raw = (physical - from) / step" in header and f"1 from {offset:.0f}" in header
    assert f"tinygen_raw((reading) - ({offset:.0f}L), 1L, 1L)" in header
    assert f"({offset:.0f}L + tinygen_physical((raw), 1L, 1L))" in header
