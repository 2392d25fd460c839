"""The emitted sketch of a model of signals on the virtual Uno, and what its pins carried."""

from dataclasses import dataclass

import numpy as np
from signal_board_model import RATE, course
from tinygen.host.virtual.libsimavr import SLEEPING
from tinygen.host.virtual.sensors.analog import millivolts
from tinygen.host.virtual.simavr import SimBoard

from tinygen.codegen.emit import emit_library, emit_project
from tinygen.common.boards import BOARDS

UNO = BOARDS["uno"]
STEP = 9973  # cycles between two looks at whether the chip sleeps


def priced(model, **facts):
    """The model with a cost that it does not have."""
    cost = {"cycles_sample": 900, "cycles_window": 3000, "ram_bytes": 80, "stack_bytes": 60}
    return model.with_facts(signals={**cost, **facts})


def sketch_program(firmware_elf, model, folder, edits=()):
    """The linked sketch; edits: (before, after) in its text."""
    project = emit_project(model, folder, [UNO])
    emit_library(model, folder / "library")
    name = f"{model.name}_sampler"
    sketch = (folder / "library" / "examples" / name / f"{name}.ino").read_text()
    for before, after in edits:
        assert sketch.count(before) == 1, before
        sketch = sketch.replace(before, after)
    for path in (folder / "library").glob("*.h"):
        (folder / "include" / path.name).write_text(path.read_text())
    (folder / "src" / "main.cpp").write_text("#include <Arduino.h>\n" + sketch)
    return firmware_elf(project, UNO)


@dataclass
class Sampled:
    """What a sketch did of two analog pins."""

    raw: np.ndarray  # (n, 2) counts at the moments of conversion
    moments: np.ndarray  # (n,) cycles of the first pin's conversions
    lights: list  # of the three LEDs, at the end
    printed: list  # lines
    asleep: float  # part of the time
    changes: list  # of pins


def sampled(elf, seconds, rate=RATE, pins=(0, 1)):
    """A run of the sketch on `course`."""
    codes = course(2000)
    slept, looks = 0, round(seconds * UNO.f_cpu_hz / STEP)
    with SimBoard(UNO, elf) as board:

        def feed(pin, cycle):
            place = cycle * rate // UNO.f_cpu_hz
            column = pins.index(pin) if pin in pins else 0
            return millivolts(int(codes[place % len(codes)][column]))

        board.analog.feed = feed
        board.baud = 115_200
        for _ in range(looks):
            board.run(STEP)
            slept += board._core._state.value == SLEEPING
        cycles = np.array(board.analog.cycles, dtype=np.int64)
        inputs = np.array(board.analog.inputs)
        lights = [board.pin(port) for port in UNO.led_ports[:3]]
        printed = board.read().decode().splitlines()
        changes = list(board.changes)
    whole = len(inputs) // 2 * 2
    assert (inputs[:whole].reshape(-1, 2) == pins).all()
    places = cycles[:whole].reshape(-1, 2) * rate // UNO.f_cpu_hz % len(codes)
    raw = np.column_stack([codes[places[:, 0], 0], codes[places[:, 1], 1]])
    return Sampled(raw, cycles[:whole:2], lights, printed, slept / looks, changes)
