"""The model alone on every chip of the table of boards, and on the one without MUL: the same
answers as the twin's.
"""

import subprocess
from dataclasses import replace

import numpy as np
import pytest
from random_models import forest, inputs, random_models
from tinygen.host.virtual.chips import CHIPS
from tinygen.host.virtual.simavr import SimBoard

from tinygen.common.boards import BOARDS
from tinygen.common.errors import BuildError, LinkError
from tinygen.target.bare import BareChip

ROWS = 150
ATTINY85 = BOARDS["attiny85"]
ONE_BOARD_PER_CHIP = {
    board.mcu: board for board in reversed(BOARDS.values()) if board.simulator == "simavr"
}  # the others: test_machines.py
MODELS = random_models()
SEVERAL = (
    "linear8",
    "forest",
    "mlp_layer",
    "additive",
)  # elsewhere; each chip with MUL takes the same path through them


def agrees(model, board) -> int:
    """Rows answered as the twin does, of ROWS with corners and values beyond the accepted range's
    ends brought to them.
    """
    rows = model.sample_rows(ROWS, 5)
    with BareChip(model, board, timed=False) as chip:
        return int((chip.predict(rows) == model.predict(rows)).sum())


@pytest.mark.parametrize("name", MODELS)
def test_without_mul_every_kind_of_model_is_right(name, simavr):
    assert agrees(MODELS[name], ATTINY85) == ROWS


@pytest.mark.parametrize("name", SEVERAL)
@pytest.mark.parametrize("board", ONE_BOARD_PER_CHIP.values(), ids=list(ONE_BOARD_PER_CHIP))
def test_every_chip_is_right(board, name, simavr):
    assert agrees(MODELS[name], board) == ROWS


@pytest.mark.parametrize("name", ["linear8", "mlp_layer"])
def test_one_weight_more_is_seen(name, simavr, monkeypatch):
    """The chip runs a model whose first weight is changed by one: the comparison must fail on rows
    of both.
    """
    model = MODELS[name]
    index = next(i for i, node in enumerate(model.nodes) if node.op == "dense")
    weights = [list(row) for row in model.nodes[index].weights]
    weights[0][0] += 1 if weights[0][0] < 127 else -1
    nodes = list(model.nodes)
    nodes[index] = replace(nodes[index], weights=tuple(map(tuple, weights)))
    rows = model.sample_rows(ROWS, 5)
    with BareChip(replace(model, nodes=tuple(nodes)), ATTINY85) as chip:
        assert (chip.predict(rows) != model.predict(rows)).any()


def test_a_model_too_big_for_the_chip_is_refused(simavr):
    rng = np.random.default_rng(0)
    big = replace(MODELS["stump"], inputs=inputs(3), nodes=(forest(rng, 3, 80, 5, 1, 50),))
    with pytest.raises((BuildError, LinkError)) as raised:
        BareChip(big, ATTINY85)
    assert "attiny85" in str(raised.value).lower() and "\n" not in str(raised.value)
    assert agrees(big, BOARDS["uno"]) == ROWS  # it is only too big


def test_a_chip_without_a_uart_says_so(simavr):
    for name in ("attiny85", "leonardo"):
        with (
            SimBoard(BOARDS[name]) as board,
            pytest.raises(LinkError, match=f"the virtual {name} has no UART"),
        ):
            board.write(b"x")


def disagreements(chip, avr_gcc, folder) -> int:
    """How many limits of a chip differ from the compiler's own header for it."""
    source = folder / "limits.c"
    wanted = {
        "FLASHEND + 1UL": chip.flash_bytes,
        "RAMSTART": chip.ram_start,
        "RAMEND": chip.ram_end,
        "_SFR_MEM_ADDR(GPIOR0)": chip.gpior0,
        **{f"_SFR_MEM_ADDR(PIN{port})": pin for port, pin in chip.ports.items()},
    }
    source.write_text(
        "#include <avr/io.h>\n"
        + "".join(
            f'_Static_assert({name} == {value}, "limit");\n' for name, value in wanted.items()
        )
    )
    done = subprocess.run(
        [avr_gcc, f"-mmcu={chip.name}", "-fsyntax-only", source], capture_output=True, text=True
    )
    return done.stderr.count("error: static assertion failed") + done.stderr.count("fatal error")


@pytest.mark.parametrize("chip", CHIPS.values(), ids=list(CHIPS))
def test_the_chips_limits_are_the_compilers(chip, simavr, tmp_path):
    assert disagreements(chip, simavr.avr_gcc, tmp_path) == 0
    wrong = replace(chip, ram_end=chip.ram_end + 1, gpior0=0x3D)
    assert disagreements(wrong, simavr.avr_gcc, tmp_path) == 2
