"""A project for the Wokwi simulator: the sketch, and a board with sliders and LEDs wired to it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ...common.boards import BOARDS, Board
from ...common.errors import EmitError
from ...model.signals import SignalModel
from ...model.signals.any_model import AnyModel
from ..exports import checked, fill, sketches
from ..parts import firmware_text
from ..signals.sampler import sampled_pins, sensor_of

# board -> Wokwi's part, names of its 5 V and ground pins, and analog pins that it has
PARTS = {
    "uno": ("wokwi-arduino-uno", "5V", "GND.1", 6),
    "nanoatmega328": ("wokwi-arduino-nano", "5V", "GND.1", 8),
    "megaatmega2560": ("wokwi-arduino-mega", "5V", "GND.1", 16),
}
COLORS = ("red", "green", "yellow", "blue")
OHM = "220"
Part = dict[str, object]
Wire = list[object]


def export(model: AnyModel, board: Board | None = None) -> dict[str, str]:
    """diagram.json, sketch.ino and its headers. board: by default the Uno, or the Mega for more
    inputs than the Uno has analog pins.
    """
    chip = board or BOARDS["uno" if len(model.inputs) <= PARTS["uno"][3] else "megaatmega2560"]
    if chip.pio_id not in PARTS:
        raise EmitError(
            f"no Wokwi diagram for board '{chip.pio_id}': take --board {', '.join(PARTS)}"
        )
    sketch = _sketch(model, chip)
    return {
        "diagram.json": json.dumps(diagram(model, chip), indent=1) + "\n",
        "sketch.ino": sketch,
        **checked(model, [sketch]),
        "tinygen_alarm.h": firmware_text("include/tinygen_alarm.h"),
    }


def _sketch(model: AnyModel, chip: Board) -> str:
    """The sketch that reads the pins; when it starts, it checks the model."""
    text = list(sketches(model, chip).values())[-1]
    for before, after in (
        (f'#include "{model.name}.h"\n', f'#include "{model.name}_vectors.h"\n'),
        ("void setup()\n{\n", fill("wokwi_setup.ino.j2", model)),
    ):
        first, second = text.split(before)
        text = first + after + second
    return text


def diagram(model: AnyModel, chip: Board) -> dict[str, object]:
    """The parts and their wires: a slider an input, as many as there are analog pins, and LEDs."""
    kind = PARTS[chip.pio_id][0]
    parts: list[Part] = [{"type": kind, "id": "board", "top": 0, "left": 0, "attrs": {}}]
    wires: list[Wire] = []
    for k, analog in enumerate(_analog_pins(model, chip)):
        parts.append(
            {
                "type": "wokwi-slide-potentiometer",
                "id": f"input{k}",
                "top": 240 + 70 * k,
                "left": 0,
                "attrs": {"travelLength": "30"},
            }
        )
        wires += _slider(chip, k, analog)
    pins = (chip.red_pin, chip.green_pin, *chip.more_pins)[: _leds(model)]
    for k, (color, pin) in enumerate(zip(COLORS, pins)):
        parts += _led(color, k)
        wires += _lit(chip, color, pin)
    return {
        "version": 1,
        "author": "tinygen",
        "editor": "wokwi",
        "parts": parts,
        "connections": wires,
    }


def _leds(model: AnyModel) -> int:
    return max(2, model.class_leds) if isinstance(model, SignalModel) else 2


def _analog_pins(model: AnyModel, chip: Board) -> list[str]:
    """The pin of each slider; EmitError for a model of a sensor that is not read by pins."""
    if not isinstance(model, SignalModel):
        return [f"A{k}" for k in range(min(len(model.inputs), PARTS[chip.pio_id][3]))]
    if sensor := sensor_of(model):
        raise EmitError(
            f"'{model.name}' reads the {sensor.title}, and a Wokwi diagram has sliders only: take "
            "--as arduino"
        )
    return sampled_pins(model, chip)


def _slider(chip: Board, k: int, pin: str) -> Iterator[Wire]:
    _, supply, ground, _ = PARTS[chip.pio_id]
    yield [f"input{k}:VCC", f"board:{supply}", "red", []]
    yield [f"input{k}:GND", f"board:{ground}", "black", []]
    yield [f"input{k}:SIG", f"board:{pin}", "green", []]


def _led(color: str, k: int) -> Iterator[Part]:
    place = {"top": -140, "left": 60 * k}
    yield {"type": "wokwi-led", "id": color, **place, "attrs": {"color": color}}
    yield {
        "type": "wokwi-resistor",
        "id": f"{color}_resistor",
        "top": -70,
        "left": 60 * k,
        "attrs": {"value": OHM},
    }


def _lit(chip: Board, color: str, pin: int) -> Iterator[Wire]:
    yield [f"board:{pin}", f"{color}_resistor:1", color, []]
    yield [f"{color}_resistor:2", f"{color}:A", color, []]
    yield [f"{color}:C", f"board:{PARTS[chip.pio_id][2]}", "black", []]
