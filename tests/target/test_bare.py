"""The model alone on a chip: one that takes most of the RAM runs row by row."""

import numpy as np
import pytest
from random_models import random_models

from tinygen.common.boards import BOARDS
from tinygen.common.errors import BuildError, DoesNotFit
from tinygen.target.bare import BareChip, measure_cost

MODEL, UNO = random_models()["stump"], BOARDS["uno"]
HEADER = """#include <stdint.h>
#define STUMP_INPUTS 1
#define STUMP_MODEL_ID 0UL
static volatile int16_t room[{words}];
static inline int16_t {name}_predict(const int16_t x[1])
{{
    room[x[0] & 7] = x[0];
    return room[x[0] & 7];
}}
"""


def header(words: int) -> str:
    return HEADER.format(words=words, name=MODEL.name).replace("STUMP", MODEL.name.upper())


@pytest.mark.parametrize(("words", "rows"), [(600, 64), (700, 1), (1000, 1)])
def test_rows_make_room_for_a_model_that_needs_it(words, rows, simavr):
    x = np.arange(70)[:, None]
    with BareChip(MODEL, UNO, header(words)) as chip:
        assert chip.block == rows and chip.predict(x).tolist() == list(range(70))
    assert measure_cost(MODEL, UNO, x, header(words)).ram_bytes == 2 * words


def test_what_no_row_leaves_room_for_does_not_fit(simavr):
    with pytest.raises(DoesNotFit, match="2048 of RAM"):
        BareChip(MODEL, UNO, header(1030))


def test_options_reach_the_compiler(simavr):
    with pytest.raises(BuildError, match="does not compile"):
        BareChip(MODEL, UNO, header(50), options=("-D_predict=", "-include", "no_such_file.h"))
