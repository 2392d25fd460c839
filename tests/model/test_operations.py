"""One place to add an operation, one to add an exporter: each test adds one in a folder of its own
and sends it all the way.
"""

import sys
from dataclasses import fields, is_dataclass

import numpy as np
import pytest
from click.testing import CliRunner
from host_c import compile_header, run_rows
from random_models import OUTPUT, inputs, random_models

from tinygen import templates
from tinygen.cli import main
from tinygen.codegen import exporters
from tinygen.codegen.chain import chain_views, constant_bytes, float_views
from tinygen.codegen.emit import EXPORTERS, export, render_header
from tinygen.codegen.float_model import render_float
from tinygen.common.boards import BOARDS
from tinygen.common.errors import EmitError, ModelError
from tinygen.common.jinja import environment
from tinygen.model import operations
from tinygen.model.model import Model, from_json
from tinygen.model.nodes import NODES, operation
from tinygen.model.operations.argmax import Argmax
from tinygen.target.bare import BareChip

MODELS = random_models()
SPREAD = '''
"""How far the readings lie apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinygen.model.nodes import Node, clamped, need, operation
from tinygen.model.views import FloatSumView, SumView


@operation
@dataclass(frozen=True)
class Spread(Node):
    """Largest minus smallest input, at most `high`."""

    op: ClassVar[str] = "spread"
    letter: ClassVar[str] = "d"
    takes_any_int16: ClassVar[bool] = True
    high: int

    def apply(self, values):
        return (values.max(axis=1) - values.min(axis=1)).clip(0, self.high)[:, None]

    def bounds(self, inside):
        need(len(inside.low) >= 2, "spread: two inputs or more")
        return clamped((0, self.high), 1, (0, max(inside.high) - min(inside.low)), self.op)

    def view(self, step):
        return SpreadView(step, (0, self.high), 0)

    def float_view(self, step):
        return SpreadFloatView(step, (0, self.high), 0)


@dataclass(frozen=True)
class SpreadView(SumView):
    template: ClassVar[str] = "spread"
    macros: ClassVar[str] = "spread"

    @property
    def inputs(self):
        return len(self.step.before.low) if self.step.before else len(self.step.input_names)


@dataclass(frozen=True)
class SpreadFloatView(FloatSumView):
    template: ClassVar[str] = "spread"
'''
TEMPLATE = """
{%- import "macros.h.j2" as m %}
{% macro spread_tables(n) %}
{% endmacro %}
{% macro spread_body(n) %}
    /* {{ n.number }}. How far the inputs lie apart: {{ n.out }} within {{ n.range }}. */
    {{ n.type }} {{ n.out }}[1];
    {
        int16_t low = {{ n.source }}[0];
        int16_t high = {{ n.source }}[0];
        for (uint8_t i = 1; i < {{ n.inputs }}; ++i) {
            low = {{ n.source }}[i] < low ? {{ n.source }}[i] : low;
            high = {{ n.source }}[i] > high ? {{ n.source }}[i] : high;
        }
        {{ n.acc_type }} acc = ({{ n.acc_type }})(({{ n.acc_type }})high - low);
{{ m.store(n, n.out ~ "[0]", "        ") -}}
{{ "    }" }}
{% endmacro %}
{% macro float_tables(n) %}
{% endmacro %}
{% macro float_body(n) %}
    float {{ n.out }}[1];
    {
        int16_t low = {{ n.source }}[0];
        int16_t high = {{ n.source }}[0];
        for (uint8_t i = 1; i < {{ n.columns }}; ++i) {
            low = {{ n.source }}[i] < low ? {{ n.source }}[i] : low;
            high = {{ n.source }}[i] > high ? {{ n.source }}[i] : high;
        }
        {{ n.out }}[0] = (float)high - (float)low;
{{ m.float_clamp(n, n.out ~ "[0]", "        ") -}}
{{ "    }" }}
{% endmacro %}
"""
EXPORTER = '''
"""A table for people."""


def export(model):
    return {f"{model.name}.txt": "".join(f"{q.name}\\n" for q in model.inputs)}
'''


@pytest.fixture
def added(tmp_path, monkeypatch):
    """`added(package, name, text)` puts a module into a package, as a file in its folder would."""
    made = []

    def add(package, name: str, text: str) -> None:
        folder = tmp_path / package.__name__
        folder.mkdir()
        (folder / f"{name}.py").write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
        made.append(f"{package.__name__}.{name}")

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield add
    for name in made:
        sys.modules.pop(name, None)


@pytest.fixture
def spread(added, tmp_path, monkeypatch):
    """A model of an operation that stands in two files of a temporary folder."""
    added(operations, "spread", SPREAD)
    (tmp_path / "operations").mkdir()
    (tmp_path / "operations" / "spread.h.j2").write_text(TEMPLATE)
    monkeypatch.setattr(templates, "__path__", [*templates.__path__, str(tmp_path)])
    operations.discover()
    yield Model("apart", "spread", inputs(3), OUTPUT, (NODES["spread"](30000),), 150)
    del NODES["spread"]


def test_a_new_operation_is_two_files(spread, tmp_path):
    rows = spread.sample_rows(2000, seed=2)
    assert (spread.predict(rows) == np.clip(np.ptp(rows, axis=1), 0, 30000)).all()
    assert spread.bounds[0].acc_bits == 24  # two int16 may lie 65,535 apart
    assert from_json(spread.to_json()) == spread
    header = render_header(spread)
    assert "1. How far the inputs lie apart: d1 within 0 .. 30000." in header
    for language in ("c99", "c++11"):
        program = compile_header(spread, tmp_path / language, language)
        assert (run_rows(program, rows) == spread.predict(rows)).all()
    as_float = compile_header(spread, tmp_path / "float", header=render_float(spread))
    assert (run_rows(as_float, rows) == spread.predict(rows)).all()


def test_and_runs_on_the_chip(spread, simavr):
    rows = spread.sample_rows(100, seed=2)
    with BareChip(spread, BOARDS["uno"]) as chip:
        assert (chip.predict(rows) == spread.predict(rows)).all()


def test_its_proof_counts(spread):
    with pytest.raises(ModelError, match="two inputs or more"):
        Model("apart", "spread", inputs(1), OUTPUT, spread.nodes)


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="'argmax'"):
        operation(Argmax)


def test_a_new_exporter_is_one_file(added, tmp_path, monkeypatch):
    added(exporters, "list", EXPORTER)
    found = exporters.discover()
    assert set(found) == {*EXPORTERS, "list"}
    monkeypatch.setitem(EXPORTERS, "list", found["list"])
    model = MODELS["mlp"]
    (path,) = export(model, tmp_path / "new", "list")
    assert path.name == "mlp.txt" and path.read_text().splitlines() == [
        f"sensor {i}" for i in range(7)
    ]


def test_the_command_knows_every_exporter(tmp_path):
    MODELS["mlp"].save(tmp_path / "m.json")
    run = CliRunner().invoke
    emit = ["export", str(tmp_path / "m.json"), "--as"]
    for name in EXPORTERS:
        done = run(main, [*emit, name, "-o", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
        written = {str(p.relative_to(tmp_path / name)) for p in (tmp_path / name).rglob("*")}
        assert set(EXPORTERS[name](MODELS["mlp"])) <= written
    done = run(main, [*emit, "cobol", "-o", str(tmp_path / "cobol")])
    assert done.exit_code == 2 and "arduino" in done.output
    with pytest.raises(EmitError, match="'cobol'"):
        export(MODELS["mlp"], tmp_path / "cobol", "cobol")


@pytest.mark.parametrize("name", MODELS)
def test_views_are_typed_and_say_what_a_step_costs(name):
    model = MODELS[name]
    views = chain_views(model, [q.name for q in model.inputs])
    assert sum(view.rom_bytes for view in views) == constant_bytes(model)
    assert [view.number for view in views] == sorted({view.number for view in views})
    for view in (*views, *float_views(model)):
        assert is_dataclass(view) and not any(f.type in ("dict", "Any") for f in fields(view))


def test_only_integers_and_ascii_reach_program_text():
    text = environment("c").from_string("{{ value }}")
    assert text.render(value=3) == "3" and text.render(value="x_1") == "x_1"
    for value in (0.5, "\u00fc"):
        with pytest.raises(EmitError):
            text.render(value=value)


def test_pages_and_cards_escape():
    assert environment("html").from_string("{{ x }}").render(x="<b>") == "&lt;b&gt;"
    assert environment("markdown").from_string("{{ x }}").render(x="a|b\nc") == r"a\|b c"
