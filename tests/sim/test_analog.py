"""The emitted analog sketch on the virtual Uno: LEDs follow the voltages, with no host at all."""

from dataclasses import replace

import numpy as np
import pytest
from random_models import random_models
from tinygen.host.virtual.sensors.analog import STEPS, SUPPLY_MV
from tinygen.host.virtual.simavr import SimBoard

from tinygen.codegen.emit import emit_library, emit_project
from tinygen.common.boards import BOARDS

MODEL = random_models()["linear8"]
MODEL = replace(MODEL, threshold=int(np.median(MODEL.predict(MODEL.sample_rows(401, 3)))))
ANALOG_PINS, FULL_MV, COUNTS = 6, SUPPLY_MV, STEPS
UNO = BOARDS["uno"]


@pytest.fixture(scope="module")
def elf(firmware_elf, tmp_path_factory):
    folder = tmp_path_factory.mktemp("analog")
    project = emit_project(MODEL, folder, [UNO])
    emit_library(MODEL, folder / "library")
    sketch = (
        folder / "library" / "examples" / f"{MODEL.name}_analog" / f"{MODEL.name}_analog.ino"
    ).read_text()
    (folder / "src" / "main.cpp").write_text("#include <Arduino.h>\n" + sketch)
    return firmware_elf(project, UNO)


def row_of(counts: list[int]) -> list[int]:
    """The row that the sketch makes of what the converter says; inputs without a pin are in the
    middle.
    """
    every = counts + [512] * (len(MODEL.inputs) - len(counts))
    return [
        low + int((high - low) * count / COUNTS)
        for (low, high), count in zip((q.limits for q in MODEL.inputs), every)
    ]


def test_leds_follow_the_voltages(elf):
    rng, seen = np.random.default_rng(5), set()
    with SimBoard(UNO, elf) as board:
        for _ in range(12):
            millivolts = rng.integers(0, FULL_MV, ANALOG_PINS).tolist()
            for pin, value in enumerate(millivolts):
                board._core.raise_signal(board._core.module_irq("adc ", pin), value)
            board.run(UNO.f_cpu_hz // 4)
            answer = int(
                MODEL.predict(
                    np.array([row_of([value * COUNTS // FULL_MV for value in millivolts])])
                )[0]
            )
            assert board.leds() == ((1, 0) if answer > MODEL.threshold else (0, 1)), (
                millivolts,
                answer,
            )
            seen.add(board.leds())
    assert len(seen) == 2
