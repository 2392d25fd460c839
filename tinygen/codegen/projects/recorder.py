"""The recording firmware as a PlatformIO project: hand-written but for the list of channels."""

from __future__ import annotations

from ... import __version__
from ...common.boards import Board, render_platformio_ini
from ...common.jinja import environment
from ...common.sensors import ChannelSet
from ..parts import firmware_text

SOURCES = ("main.cpp", "tinygen_pins.h", "tinygen_ring.h", "tinygen_sensor.h")
HEADERS = ("tinygen_chip.h", "tinygen_flash.h", "tinygen_protocol.h")


def recorder_project(channels: ChannelSet, board: Board) -> dict[str, str]:
    """Every file of the project: path -> text."""
    sensor = channels.sensor
    template = environment("c").get_template("tinygen_channels.h.j2")
    texts = {
        "platformio.ini": render_platformio_ini([board], models=0),
        "include/tinygen_channels.h": template.render(version=__version__, set=channels),
        "src/seal.py": firmware_text("src/seal.py"),
    }
    texts |= {f"src/{name}": firmware_text(f"recorder/{name}") for name in SOURCES}
    texts |= {f"include/{name}": firmware_text(f"include/{name}") for name in HEADERS}
    if sensor:
        for name in ("tinygen_twi.h", f"tinygen_{sensor.name}.h"):
            texts[f"include/{name}"] = firmware_text(f"sensors/{name}")
    return texts
