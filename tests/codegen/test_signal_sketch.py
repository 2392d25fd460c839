"""The sketch of a model of signals compiles for every chip that has a converter and a bus, without
a word of the compiler.
"""

import subprocess
from dataclasses import replace

import pytest
from sampler_board import priced
from signal_board_model import MODEL

from tinygen.codegen.emit import export
from tinygen.common.boards import BOARDS
from tinygen.common.sensors import SENSORS
from tinygen.model.fixedpoint import Quantity

VARIANTS = {"uno": "standard", "megaatmega2560": "mega", "leonardo": "leonardo"}
STRANGE = '*/ "x\\ ??/'


def with_channels(*channels):
    limits = tuple(q.limits for q in channels)
    front = replace(MODEL.front, limits=limits)
    return priced(replace(MODEL, channels=channels, front=front))


def guard():
    """Red beyond a distance of 1."""
    output = Quantity("distance", "deviations", 1.0, 0.0, 2.0)
    window = replace(MODEL.window_model, labels=(), threshold=1, output=output)
    return priced(replace(MODEL, window_model=window))


SENSOR = SENSORS["mpu6050"].channels
KINDS = {
    "pins": priced(MODEL),
    "guard": guard(),
    "units": with_channels(
        Quantity(STRANGE, STRANGE, 0.001, -2.0, 2.0), Quantity("2nd", "V", 0.01, 0.0, 5.0, 1.0)
    ),
    "sensor": with_channels(
        *(Quantity(c.name, c.unit, 1.0, -9000.0, 9000.0) for c in (SENSOR[4], SENSOR[1]))
    ),
}


@pytest.mark.parametrize("board", VARIANTS)
@pytest.mark.parametrize("kind", KINDS)
def test_it_compiles_without_a_word(kind, board, toolchain, tmp_path):
    chip, core = BOARDS[board], toolchain.avr_core
    export(KINDS[kind], tmp_path, "library", board=chip)
    (sketch,) = tmp_path.glob("examples/*/*.ino")
    assert max(map(len, sketch.read_text().splitlines())) <= 120
    done = subprocess.run(
        [toolchain.avr_gcc.with_name("avr-g++"), f"-mmcu={chip.mcu}", "-Os", "-std=gnu++11"]
        + ["-DF_CPU=16000000L", "-DARDUINO=10819", "-DUSB_VID=1", "-DUSB_PID=1"]
        + ["-Wall", "-Wextra", "-fsyntax-only", "-I", core / "cores" / "arduino"]
        + ["-I", core / "variants" / VARIANTS[board], "-I", tmp_path]
        + ["-include", "Arduino.h", "-xc++", sketch],
        capture_output=True,
        text=True,
    )
    ours = [line for line in done.stderr.splitlines() if line.startswith(str(tmp_path))]
    assert done.returncode == 0 and not ours, done.stderr
    assert (tmp_path / "tinygen_mpu6050.h").is_file() == (kind == "sensor")
