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


DEEP = """
static int16_t __attribute__((noinline)) deep(int16_t x, uint8_t levels)
{
    volatile int16_t room[16];
    for (uint8_t k = 0; k < 16; k++)
        room[k] = x;
    return (int16_t)((levels ? deep(x, levels - 1) : 0) + room[x & 7] - room[x & 3]);
}
"""


def deep_header(words: int, levels: int) -> str:
    """`words` of variables, and about 40 bytes of stack a level."""
    head, rest = header(words).split("static inline")
    return head + DEEP + "static inline" + rest.replace("return ", f"return deep(0, {levels}) + ")


@pytest.mark.parametrize("levels", [14, 20, 40])
def test_a_stack_that_reaches_the_variables_is_noticed(levels, simavr):
    """Row by row nothing was left for the stack; an answer may be right even so."""
    x = np.arange(70)[:, None]
    with (
        BareChip(MODEL, UNO, deep_header(800, levels)) as chip,
        pytest.raises(DoesNotFit, match=r"stack included.*2048 bytes of RAM"),
    ):
        assert chip.block == 1
        chip.predict(x)
    with BareChip(MODEL, UNO, deep_header(800, 2)) as chip:
        assert chip.block == 1 and chip.predict(x).tolist() == list(range(70))


def test_options_reach_the_compiler(simavr):
    with pytest.raises(BuildError, match="does not compile"):
        BareChip(MODEL, UNO, header(50), options=("-D_predict=", "-include", "no_such_file.h"))
