"""Rows per second: what is committed under benchmarks/results is what this firmware does, and the
goal is met.
"""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
BAUD, SHARE = 500_000, 0.9  # on the Uno, with its own window


@pytest.fixture(scope="module")
def throughput():
    spec = importlib.util.spec_from_file_location(
        "benchmark_throughput", BENCHMARKS / "throughput.py"
    )
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def committed() -> list[dict]:
    return json.loads((BENCHMARKS / "results" / "throughput.json").read_text())


def test_the_committed_figures(throughput, simavr, tmp_path, figures):
    """Simulated time: the same on every machine, and at least 90 % of what the busier direction of
    the wire allows.
    """
    (now,) = throughput.measure(throughput.eight_inputs(), "uno", BAUD, (None,), 1000, tmp_path)
    (written,) = (
        m for m in committed() if (m["board"], m["baud"]) == ("uno", BAUD) and m["window"] > 1
    )
    assert now.right and now.share >= SHARE
    assert written["rows_per_s"] == pytest.approx(now.rows_per_s, rel=0.005), (
        "run benchmarks/throughput.py anew"
    )
    figures(
        "throughput",
        f"{now.rows_per_s:,.0f} rows/s on the Uno at {BAUD:,} baud, {now.share:.1%} of what the "
        "wire allows",
    )


def test_every_baud_rate_of_both_boards_is_there(throughput):
    found = {(m["board"], m["baud"], m["window"] > 1) for m in committed()}
    assert found == {
        (board, baud, many)
        for board in ("uno", "megaatmega2560")
        for baud in throughput.BAUDS
        for many in (False, True)
    }
    assert all(m["right"] and 0 < m["rows_per_s"] < m["limit"] for m in committed())
