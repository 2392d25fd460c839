"""Models up to the proof's own limits: what the proof accepts, the C computes as the twin does."""

import pytest
from host_c import LANGUAGES, compile_header, run_rows
from limit_models import OUTPUT, limit_model

from tinygen.common.boards import BOARDS
from tinygen.common.errors import DoesNotFit
from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import Model
from tinygen.model.nodes import MAX_WIDTH, NODES
from tinygen.model.operations import lookup
from tinygen.model.operations.forest import Forest
from tinygen.model.operations.lookup import LARGEST_TABLE, Curve, Lookup
from tinygen.target.bare import BareChip

# beside the first: splits that an 8-bit value decides, two steps of tables, leaves of 510 bytes
COMMIT = {"host": (*range(20), 55, 385), "chip": (*range(6), 98)}
RELEASE = {"host": range(400), "chip": range(150)}
ROWS = {"host": 2000, "chip": 64}


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        release = metafunc.config.getoption("--level") == "release"
        place = "chip" if "chip" in metafunc.function.__name__ else "host"
        metafunc.parametrize("seed", (RELEASE if release else COMMIT)[place])


def test_the_host_answers_what_the_twin_answers(seed, tmp_path):
    model = limit_model(seed)
    rows = model.sample_rows(ROWS["host"], seed)
    language = sorted(LANGUAGES)[seed % 2]
    answers = run_rows(compile_header(model, tmp_path, language), rows)
    assert (answers == model.predict(rows)).all()


def test_the_chip_answers_what_the_twin_answers(seed, toolchain):
    model = limit_model(seed)
    rows = model.sample_rows(ROWS["chip"], seed)
    try:
        with BareChip(model, BOARDS["megaatmega2560"]) as chip:
            assert (chip.predict(rows) == model.predict(rows)).all()
    except DoesNotFit:
        pytest.skip("larger than the largest board")


def test_the_draws_reach_the_limits():
    models = [limit_model(seed) for seed in range(120)]
    nodes = [node for model in models for node in model.nodes]
    assert {node.op for node in nodes} == set(NODES)
    assert max(len(model.inputs) for model in models) == MAX_WIDTH
    assert max(len(bounds.low) for model in models for bounds in model.bounds) == MAX_WIDTH
    assert max(len(n.roots) for n in nodes if isinstance(n, Forest)) == MAX_WIDTH
    curves = [n.curves for n in nodes if isinstance(n, Lookup)]
    assert max(map(len, curves)) == MAX_WIDTH
    assert max(len(curve.table) for several in curves for curve in several) == LARGEST_TABLE


def test_beyond_a_limit_the_host_answers_otherwise(monkeypatch, tmp_path):
    """One node more than the proof allows, its rule deleted: the place on the grid wraps."""
    monkeypatch.setattr(lookup, "LARGEST_TABLE", LARGEST_TABLE + 1)
    curve = Curve(0, 0, 7, tuple(range(0, 100 * (LARGEST_TABLE + 1), 100)))
    reading = Quantity("s", "", 1.0, 0.0, 32767.0)
    model = Model("limit", "x", (reading,), OUTPUT, (Lookup((curve,), True),), 150)
    rows = model.sample_rows(ROWS["host"])
    answers = run_rows(compile_header(model, tmp_path, flags=("-O1", "-w")), rows)
    assert (answers != model.predict(rows)).any()
