"""Budgets, and what the real firmware measures on the virtual board."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from random_models import random_models
from signal_board_model import made
from sketch_project import EVERY_BOARD, MEGA, SKETCH, UNO, skip_its_chips_others

from tinygen.common.boards import BOARDS
from tinygen.common.errors import BuildError, CheckError, UsageError
from tinygen.model.operations.forest import Forest
from tinygen.target import build as b
from tinygen.target.bare import BareChip, measure_cost

# ---- budgets ----


def test_program_over_the_boards_flash_says_by_how_much(make_project, toolchain):
    project = make_project(table_bytes=32_256)
    sketch = project.directory / "src" / "main.cpp"
    sketch.write_text(SKETCH.replace("x & 63", "(uint16_t)x % sizeof table"))
    with pytest.raises(CheckError, match="bytes of flash, Arduino Uno has 32256") as raised:
        b.build_firmware(project, UNO)
    elf = project.directory / ".pio" / "build" / "uno" / "firmware.elf"
    assert f"{b.read_size(elf).flash_bytes - 32_256} too many" in str(raised.value)
    assert b.build_firmware(project, MEGA).model_flash_bytes > 32_256  # the Mega has room


def test_program_over_the_boards_ram_says_by_how_much(make_project, toolchain):
    greedy = "static volatile uint8_t buffer[2048];\n" + SKETCH.replace(
        "{ Serial.begin", "{ buffer[7] = 1; Serial.begin"
    )
    with pytest.raises(
        CheckError, match=r"program needs \d+ bytes of RAM, Arduino Uno has 2048: \d+ too many"
    ):
        b.build_firmware(make_project(sketch="#include <stdint.h>\n" + greedy), UNO)


def test_program_that_does_not_even_link_is_over_the_budget(make_project, toolchain):
    """More than the linker's 128 KB region of this chip family."""
    many = "".join(f"static const uint8_t t{n}[32000] PROGMEM = {{ {n} }};\n" for n in range(1, 6))
    use = "+".join(f"pgm_read_byte(&t{n}[x])" for n in range(1, 6))
    sketch = SKETCH.replace("#ifdef", many + "#ifdef", 1).replace(
        "pgm_read_byte(&table[x & 63])", use
    )
    with pytest.raises(CheckError, match=r"does not fit Arduino Uno: .* overflows by \d+ bytes"):
        b.build_firmware(make_project(sketch=sketch), UNO)


COST = b.Cost(stack_bytes=50, cycles_median=200, cycles_max=240)


@pytest.mark.parametrize(
    "budget, message",
    [
        (
            b.Budget(flash_bytes=199),
            "model needs 200 bytes of flash, the budget is 199: 1 too many; raise --max-flash",
        ),
        (
            b.Budget(ram_bytes=4),
            "model needs 6 bytes of ram, the budget is 4: 2 too many; raise --max-ram",
        ),
        (
            b.Budget(cycles=100),
            "model needs 240 cycles, the budget is 100: 140 too many; raise --max-cycles",
        ),
    ],
)
def test_model_over_the_users_budget(budget, message):
    with pytest.raises(CheckError, match=message):
        b.check_budget(b.Size(200, 6), COST, budget)
    b.check_budget(b.Size(200, 6), COST, b.Budget(flash_bytes=200, ram_bytes=6, cycles=240))
    b.check_budget(b.Size(200, 6), COST, b.Budget())


def test_cycle_budget_without_a_simulator_is_no_pass():
    with pytest.raises(BuildError, match="needs the virtual board"):
        b.check_budget(b.Size(1, 0), None, b.Budget(cycles=10))


def test_budget_reaches_the_build(make_project, toolchain):
    project = make_project()
    with pytest.raises(CheckError, match=r"model needs \d+ bytes of flash, the budget is 10"):
        b.build_firmware(project, UNO, b.Budget(flash_bytes=10))
    assert b.build_firmware(project, UNO, b.Budget(flash_bytes=200)).model_flash_bytes <= 200


# ---- the real firmware ----


@EVERY_BOARD
def test_real_firmware_is_measured_on_the_virtual_board(real, board, simavr, level):
    skip_its_chips_others(board, level)
    firmware = b.build_firmware(real, board)
    assert 0 < firmware.model_flash_bytes < firmware.flash_bytes <= board.flash_bytes
    beside = firmware.flash_bytes - firmware.model_flash_bytes
    assert b.FIRMWARE_FLASH[board.serial] / 2 < beside <= b.FIRMWARE_FLASH[board.serial]
    assert (
        firmware.stack_bytes is None
        or 0 < firmware.stack_bytes < board.ram_bytes - firmware.ram_bytes
    )
    assert (firmware.stack_bytes is not None) == board.streams_simulated
    assert (
        7 * 10 < firmware.cycles_median <= firmware.cycles_max < 16_384
    )  # 7 products, no float, no clock tick
    again = b.measure_firmware(real, board, firmware.elf, simavr, lambda text: None)
    assert again == b.Cost(
        firmware.stack_bytes, firmware.cycles_median, firmware.cycles_max, firmware.cycles_seen
    )
    assert (firmware.cycles_seen is None) == board.modern
    assert (
        board.modern or firmware.cycles_seen <= firmware.cycles_max <= 1.02 * firmware.cycles_seen
    )
    if board.streams_simulated:
        empty = firmware.elf.parents[1] / f"{board.pio_id}_empty" / "firmware.elf"
        bare = b.measure_firmware(real, board, empty, simavr, lambda text: None)
        assert bare.cycles_max < 30  # a call and a return


def test_the_model_costs_the_same_cycles_with_and_without_the_firmware(real, simavr):
    """What a board whose firmware cannot be simulated is told, against one where both can."""
    with_firmware = b.build_firmware(real, UNO)
    alone = b.measure_model(real.model, UNO)
    assert (
        abs(with_firmware.cycles_median - alone.cycles_median) <= 4
    )  # another register allocation around the call
    assert abs(with_firmware.cycles_max - alone.cycles_max) <= 4 and alone.stack_bytes is None


def test_the_ends_of_long_windows_are_measured(simavr):
    """Most of the work is there: 256 samples of a window of 400 would not show it."""
    model = made(pane=200)
    measured = b.measure_model(model, UNO)
    with BareChip(model, UNO) as chip:
        chip.predict(model.sample_rows(2000, seed=3))
        assert measured.cycles_max > 0.98 * chip.cycles.max()
    with BareChip(model, UNO) as chip:
        chip.predict(model.sample_rows(b.MEASURED_ROWS, seed=0))
        assert chip.cycles.max() < 0.5 * measured.cycles_max


def test_a_chip_without_a_serial_port_gets_no_firmware(tmp_path):
    with pytest.raises(
        UsageError, match="board 'attiny85' has no serial port and gets no firmware: `tinygen emit`"
    ):
        b.build_firmware(SimpleNamespace(directory=tmp_path, model=None), BOARDS["attiny85"])


def test_firmware_that_does_not_speak_is_an_error(make_project, simavr, monkeypatch):
    project = make_project(sketch="#include <Arduino.h>\nvoid setup() {}\nvoid loop() {}\n")
    project.model = random_models()["linear8"]
    elf = b.build_firmware(project, UNO).elf
    monkeypatch.undo()  # the stand-in of `measure`
    with pytest.raises(BuildError, match="the firmware for Arduino Uno gave no INFO within 2 s"):
        b.measure_firmware(project, UNO, elf, simavr, lambda text: None)


def test_without_a_simulator_nothing_is_measured(real, toolchain):
    assert (
        b.measure_firmware(
            real, UNO, Path("no.elf"), replace(toolchain, simavr_library=None), print
        )
        is None
    )


def test_a_model_of_one_answer_takes_no_less_than_nothing(simavr):
    """It is smaller than the program without a model, which hands an input on."""
    one = Forest((), ((5,),), (-1,), (0,), 0, 100)
    model = replace(random_models()["lookup_fine"], nodes=(one,), threshold=None)
    cost = measure_cost(model, UNO)
    assert 0 <= cost.flash_bytes <= 8 and cost.ram_bytes == 0
