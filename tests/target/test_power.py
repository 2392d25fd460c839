"""What a sleeping chip draws: the arithmetic by hand, and the sketch that sleeps."""

from dataclasses import replace

import numpy as np
import pytest
from random_models import random_models
from tinygen.host.virtual.simavr import SimBoard

from tinygen.codegen.emit import emit_library, emit_project
from tinygen.common.boards import BOARDS
from tinygen.target.bare import measure_cost
from tinygen.target.power import (
    CURRENTS,
    START_UP_CYCLES,
    SUPPLIES,
    Supply,
    awake_cycles,
    battery,
    sampling_ma,
)

UNO = BOARDS["uno"]
STEP = 400  # cycles between two looks at the chip


def test_a_figure_by_hand():
    """16,384 + 1,536 + 4 * 2,664 + 3,424 cycles are 32,000, 2 ms at 16 MHz; 5.2 mA at 8 MHz are
    0.65 nC a cycle.
    """
    awake = awake_cycles(3_424, 4)
    found = battery("atmega328p", awake, 1.0, SUPPLIES[0])
    assert awake == 32_000 and found.awake_s == found.duty == 0.002
    assert found.charge_uc == pytest.approx(20.8) and found.mean_ua == pytest.approx(25.0)
    assert found.days == pytest.approx(2_000_000 / 25 / 24)
    assert awake_cycles(768, 0) == START_UP_CYCLES + 768


@pytest.mark.parametrize("mcu", CURRENTS)
def test_the_data_sheets_own_points(mcu):
    """The line between the two points goes through them."""
    slow, fast = CURRENTS[mcu].active_ma
    assert CURRENTS[mcu].charge_nc(3.0) * 4 == pytest.approx(slow)
    assert CURRENTS[mcu].charge_nc(5.0) * 8 == pytest.approx(fast)
    low = battery(mcu, 10_000, 60.0, Supply(3.3, 8_000_000))
    high = battery(mcu, 10_000, 60.0, Supply(5.0, 16_000_000))
    assert low.charge_uc < high.charge_uc and low.awake_s == 2 * high.awake_s
    assert low.mean_ua > CURRENTS[mcu].power_down_ua and low.days > high.days
    assert CURRENTS[mcu].idle_nc(5.0) < CURRENTS[mcu].charge_nc(5.0)
    at_eight = Supply(5.0, 8_000_000)
    assert sampling_ma(mcu, 1.0, at_eight) == pytest.approx(fast)
    assert sampling_ma(mcu, 0.0, at_eight) == pytest.approx(CURRENTS[mcu].idle_ma[1])


def test_the_sketch_sleeps_as_the_estimate_says(simavr, firmware_elf, tmp_path):
    """Awake for readings and model. The simulator starts at once, and its timers run on in
    power-down, which wakes the chip for some cycles every millisecond: these are not counted.
    """
    model = random_models()["linear8"]
    model = replace(model, threshold=int(np.median(model.predict(model.sample_rows(401, 3)))))
    project = emit_project(model, tmp_path / "project", [UNO])
    emit_library(model, tmp_path / "library")
    name = f"{model.name}_analog"
    sketch = (tmp_path / "library" / "examples" / name / f"{name}.ino").read_text()
    (project.directory / "src" / "main.cpp").write_text("#include <Arduino.h>\n" + sketch)
    with SimBoard(UNO, firmware_elf(project, UNO)) as board:
        board.run(UNO.f_cpu_hz // 50)
        sleeping = []
        for _ in range(UNO.f_cpu_hz // STEP):
            board.run(STEP)
            sleeping.append(board.sleeping)
    edges = np.flatnonzero(np.diff([True, *sleeping, True]))
    stretches = np.diff(edges)[1 - sleeping[0] :: 2] * STEP  # of being awake
    turns = stretches[stretches > 5_000]
    assert 8 <= len(turns) <= 12  # TINYGEN_EVERY_MS is 100, in steps of the watchdog
    cycles = measure_cost(model, UNO).cycles_max
    assert turns.mean() == pytest.approx(awake_cycles(cycles, 6) - START_UP_CYCLES, rel=0.2)
    assert np.mean(sleeping) > 0.97
