"""What a header says of its constants is what its tables hold."""

import re
from dataclasses import replace
from math import prod

import pytest
from random_models import random_models

from tinygen.codegen.emit import render_header
from tinygen.common.choices import OPTIMIZE
from tinygen.model.operations.scale import Calibrate
from tinygen.model.views import FloatStep

BYTES = {"int8_t": 1, "uint8_t": 1, "int16_t": 2, "uint16_t": 2, "int32_t": 4}
TABLE = re.compile(r"TINYGEN_TABLE const (\w+) \w+?((?:\[\d+\])+) TINYGEN_ROM")


def bytes_of_tables(header: str) -> int:
    """All but the accepted range, whose size is a macro."""
    return sum(
        BYTES[kind] * prod(map(int, re.findall(r"\d+", dims)))
        for kind, dims in TABLE.findall(header)
    )


@pytest.mark.parametrize("goal", OPTIMIZE)
def test_bytes_of_constants_are_those_of_the_tables(goal, level):
    if level == "commit" and goal != "balanced":
        pytest.skip("each goal's tables: --level release")
    for name, model in random_models().items():
        header = render_header(replace(model, optimize=goal))
        told = int(re.search(r"(\d+) bytes? of constants", header)[1])
        assert told == bytes_of_tables(header), name


def test_a_table_of_another_size_is_seen():
    header = render_header(random_models()["mlp_layer16"])
    shorter = re.sub(r"_units\[(\d+)\]", lambda m: f"_units[{int(m[1]) - 1}]", header, count=1)
    assert bytes_of_tables(shorter) == bytes_of_tables(header) - 1


def test_a_calibration_counts_in_parts_of_4096():
    assert Calibrate.unit == 4096 and Calibrate.gains == (2048, 8192)
    step = FloatStep.__new__(FloatStep)
    view = Calibrate(4506, -8192, 0, 100).float_view(step)
    assert (view.gain, view.offset) == (4506 / 4096, -2.0)
