"""Model files with a right hash that the proof once accepted, and whose C answered otherwise than
the twin or never ended: an index or a counter of 8 bits, a sign, a shift of all bits.
"""

import subprocess
import sys

import numpy as np
import pytest
from limit_models import OUTPUT
from sealed import sealed

from tinygen.common.errors import ModelError
from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import Model, from_json
from tinygen.model.operations.outside import Outside

RNG = np.random.default_rng(11)


def lookup(nodes: int, step_bits: int, curves: int = 1) -> dict:
    shape = {"source": 0, "origin": -300, "step_bits": step_bits}
    tables = RNG.integers(0, 9000, (curves, nodes)).tolist()
    return {
        "op": "lookup",
        "curves": [{**shape, "table": table} for table in tables],
        "total": curves == 1,
        "bias": 0,
        "low": -32767,
        "high": 32767,
    }


def forest(trees: int, source: int = 0) -> dict:
    return {
        "op": "forest",
        "splits": [[source, int(RNG.integers(-99, 900)), -1, -2] for _ in range(trees)],
        "leaves": [[3], [-4]],
        "roots": list(range(trees)),
        "bias": [0],
        "low": -32767,
        "high": 32767,
    }


UINT16 = {**lookup(4, 7), "bias": 32767, "low": 0, "high": 65535}
SCALE = {"op": "scale", "low": [0], "multiplier": [30000], "shift": 16, "top": 32767, "zero": 100}
SUM = {
    "op": "dense",
    "weights": [[1]],
    "bias": [-(2**22)],
    "shift": 24,
    "low": -9,
    "high": 9,
    "bias_shift": 0,
}
GAPS = {
    "300 curves": (1, [lookup(4, 7, 300), {"op": "argmax"}], "300"),
    "lookup of 258 nodes": (1, [lookup(258, 7)], "2 .. 257, not 258"),
    "lookup of 300 nodes": (1, [lookup(300, 0)], "2 .. 257, not 300"),
    "uint16 into scale": (1, [UINT16, SCALE], "scale: inputs"),
    "forest of 256 trees": (1, [forest(256)], "1 .. 255, not 256"),
    "forest reading input 299": (300, [forest(1, 299)], "1 .. 255, not 300"),
    "guard of 256 inputs": (
        256,
        [{"op": "outside", "low": [0] * 256, "high": [9] * 256}],
        "1 .. 255, not 256",
    ),
    "shift of 24 on a sum of 24 bits": (1, [{**SCALE, "zero": 0}, SUM], "0 .. 23, not 24"),
}


def gap_file(inputs: int, nodes: list[dict]) -> str:
    """A sound guard's file with these inputs and nodes in place of its own."""
    quantities = tuple(Quantity(f"s{k}", "", 1.0, -300.0 - k, 900.0 + k) for k in range(inputs))
    plain = Model("gap", "x", quantities[:1], OUTPUT, (Outside((0,), (1,)),), 150)._plain()
    plain["inputs"] = [q.plain() for q in quantities]
    return sealed({**plain, "nodes": nodes})


@pytest.mark.parametrize("gap", GAPS)
def test_a_gap_is_refused_in_one_line(gap):
    inputs, nodes, said = GAPS[gap]
    with pytest.raises(ModelError) as refusal:
        from_json(gap_file(inputs, nodes))
    assert said in str(refusal.value) and "\n" not in str(refusal.value)


def test_the_command_says_so_with_exit_code_2(tmp_path):
    inputs, nodes, said = GAPS["lookup of 258 nodes"]
    (tmp_path / "gap.json").write_text(gap_file(inputs, nodes))
    done = subprocess.run(
        [sys.executable, "-m", "tinygen.cli", "emit", "gap.json", "-o", "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_the_largest_that_is_allowed_passes():
    """One less of each, so that a gap is refused for what its name says."""
    for inputs, nodes in (
        (1, [lookup(4, 7, 255), {"op": "argmax"}]),
        (1, [lookup(257, 7)]),
        (1, [lookup(257, 0)]),
        (1, [forest(255)]),
        (255, [forest(1, 254)]),
        (255, [{"op": "outside", "low": [0] * 255, "high": [9] * 255}]),
        (1, [{**SCALE, "zero": 0}, {**SUM, "bias": [0], "shift": 23}]),
    ):
        from_json(gap_file(inputs, nodes))
