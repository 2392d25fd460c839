"""Readings whose own steps do not fit int16: an offset, a free step, and outliers clipped and
told.
"""

import subprocess
from dataclasses import replace

import numpy as np
import pytest
from learned import learned, true_error
from tables import parse, refused

from tinygen import TinyRegressor
from tinygen.codegen.emit import render_header, runtime
from tinygen.commands.predict import meaning
from tinygen.common.errors import QuantizeError
from tinygen.data import prepare, rows_for
from tinygen.data.steps import input_of
from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import from_json
from tinygen.report import words
from tinygen.search.quantization import raw_band


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
    assert true_error(model, text, "mass") < 0.295


def test_one_glitch_does_not_set_the_step():
    """0.13 cm without the glitch; with it the step was a million and the error 39 cm."""
    dataset = prepare(parse(echo()), "level")
    assert dataset.inputs[0].scale == 1.0 and dataset.inputs[0].maximum < 12000
    assert any("(row 335)" in note and "clipped" in note for note in dataset.notes)
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


# ---- outputs ----


def barometer(rows=600, level=101325.0, spread=50.0, seed=12):
    """Pressure in hundredths of a Pa around 101,325, from a bridge's counts and the temperature."""
    rng, lines = np.random.default_rng(seed), ["counts,temp [degC],pressure [Pa]"]
    for _ in range(rows):
        p, t = level + rng.uniform(-spread, spread), rng.uniform(10, 30)
        counts = 12000 + 4000 * (p - level) / spread + 30 * (t - 20) + rng.normal(0, 4)
        lines.append(f"{counts:.0f},{t:.1f},{p:.2f}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("level, spread", [(101325.0, 50.0), (8.4e6, 1000.0), (-2e6, 30.0)])
def test_an_output_far_from_zero_has_an_offset(level, spread):
    """In steps of 10 Pa the error was some Pa; a float line on the same rows says what is due."""
    text = barometer(level=level, spread=spread)
    model, dataset = learned(text, "pressure", "ridge")
    q = model.output
    low = min(float(line.split(",")[-1]) for line in text.splitlines()[1:])
    assert q.offset and abs(q.offset - low) <= max(q.scale, 2 * spread)
    assert q.raw_minimum >= -32767 and q.raw_maximum <= 32767 and q.scale <= spread / 1000
    assert true_error(model, text, "pressure") < 1.5 * float_error(text)
    assert from_json(model.to_json()).output == q
    assert not any("pressure" in note for note in dataset.notes) or q.scale > 0.01


def float_error(text):
    rows = np.array([line.split(",") for line in text.splitlines()[1:]], dtype=float)
    x = np.c_[rows[:, :2] - rows[:, :2].mean(axis=0), np.ones(len(rows))]
    y = rows[:, 2] - rows[:, 2].mean()
    return np.abs(x @ np.linalg.lstsq(x, y, rcond=None)[0] - y).mean()


def test_thresholds_and_words_know_the_offset(tmp_path):
    model, _ = learned(barometer(), "pressure", "ridge")
    q = model.output
    assert raw_band(q, 101330.25).high == round((101330.25 - q.offset) / q.scale)
    refused(lambda: raw_band(q, 250000), "use one within 1", error=QuantizeError)
    refused(lambda: raw_band(q, None, 0.0), "use one within 1", error=QuantizeError)
    alarmed = replace(model, threshold=raw_band(q, 101330.25).high)
    assert alarmed.beyond(q.to_raw([101330.25, 101330.26])).tolist() == [False, True]
    assert words.level(alarmed) == "101330.25 Pa" and meaning(model, 12) == q.words(q.offset + 0.12)
    assert float(q.difference(-150)) == -1.5
    header = render_header(alarmed)
    assert "_THRESHOLD" in header and "/* 101330.25 Pa: alarm" in header
    assert f"raw 0 is {q.offset:.12g}, one step is 0.01 Pa; trained on 1012" in header


@pytest.mark.parametrize("level, spread", [(101325.0, 50.0), (8.4e6, 1000.0)])
def test_the_headers_macros_go_both_ways(level, spread, tmp_path):
    """Each raw value becomes its reading and this the raw value again, in the float of an AVR."""
    model = replace(learned(barometer(level=level, spread=spread), "pressure")[0], name="baro")
    q, ends = model.output, (model.output.raw_minimum, model.output.raw_maximum)
    step = max(1, round(0.5 / q.scale) if level > 1e6 else 1)  # a float has 24 bits
    (tmp_path / "baro.h").write_text(render_header(model))
    for name, text in runtime().items():
        (tmp_path / name).write_text(text)
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "baro.h"\nint main(void) {\n'
        f"    for (int raw = {ends[0]}; raw <= {ends[1]}; raw += {step}) {{\n"
        "        float reading = BARO_PHYSICAL((int16_t)raw);\n"
        '        printf("%d %d %.9g\\n", raw, BARO_RAW(reading), (double)reading);\n'
        "    }\n    return 0;\n}\n"
    )
    subprocess.run(
        ["gcc", "-std=c99", "-O1", "main.c", "-o", "main"], cwd=tmp_path, check=True, timeout=60
    )
    said = subprocess.check_output(["./main"], cwd=tmp_path, text=True)
    raw, back, reading = np.loadtxt(said.splitlines()).T
    assert len(raw) > 1000 and (np.abs(back - raw) <= (step > 1) * step).all()
    assert np.abs(reading - q.to_physical(raw.astype(int))).max() <= np.spacing(np.float32(level))


def test_an_output_that_fits_keeps_its_zero():
    for line in (lambda i: f"{i},{i * i % 17},{3 * i}", lambda i: f"{i},{i * 7 % 19},{32767 - i}"):
        dataset = prepare(parse("a,b,y\n" + "\n".join(map(line, range(60))) + "\n"), "y")
        assert dataset.target.offset == 0 and "offset" not in dataset.target.plain()


def test_the_estimator_has_an_offset_too():
    rng = np.random.default_rng(3)
    x = rng.uniform(0, 100, (300, 2))
    y = 101325 + (x[:, 0] - 50) * 0.8 + x[:, 1] * 0.1
    counts = np.c_[np.round(8.4e6 + 41.7 * x[:, 0]), x[:, 1]]
    tiny = TinyRegressor(family="ridge").fit(counts, y)
    assert tiny.model_.output.offset > 101000 and tiny.model_.inputs[0].offset > 8e6
    assert np.abs(tiny.predict(counts) - y).mean() < 0.1


@pytest.mark.parametrize("readings", [["8373000"], ["8373000", "8374001"]])
def test_a_column_of_one_or_two_large_readings_is_read(readings):
    """Fewer values than there are outliers left out at each end: all of them count."""
    cells = [*readings, *[""] * 30]
    rows = parse("\n".join(["a,b,y", *(f"{c},{k},{3 * k}" for k, c in enumerate(cells))]) + "\n")
    quantity = input_of(rows, "a")
    assert (quantity.minimum, quantity.maximum) == (float(readings[0]), float(readings[-1]))
