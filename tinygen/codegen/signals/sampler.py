"""The sketch that samples its own pins or sensor, and decides without a host."""

from __future__ import annotations

import math
import re
from typing import Any

from ... import __version__
from ...common.boards import BOARDS, Board
from ...common.errors import EmitError
from ...common.jinja import environment
from ...common.sensors import SENSORS, Sensor
from ...common.text import c_string, comment
from ...model.fixedpoint import Quantity
from ...model.signals import SignalModel
from ..header import alarm_view
from ..units import COUNTS, class_names, input_units, steps_of_a_pin

LEAST_RING, MOST_RING = 4, 64  # samples
CONVERSION_CYCLES = 13.5 * 128  # of the converter, at 125 kHz
LOOP_CYCLES = 700  # of a sample: interrupt, ring, loop
SHOW_CYCLES = 4_000  # of a decision: LEDs and what is printed
SKETCH_RAM = 400  # bytes of the Arduino core, the sketch, and their stack
INPUTS = 6  # of the converter, where the board does not say
SLOWEST_CYCLES = 1024 * 65_536  # that timer 1 counts
PIN = re.compile(r"A(\d\d?)")
INSTEAD = "take `tinygen export --as firmware`"
PIN_MV = 5000.0  # what a placeholder takes for full scale


def sampler(model: SignalModel, board: Board | None = None) -> str:
    """Text of the sketch; its ring holds the samples that come while a window ends. Channels of a
    recorded sensor are read by its driver (`drivers`), others from analog pins.

    EmitError where the board is too slow or too small for it, or the model does not tell its cost.
    """
    chip = board or BOARDS["uno"]
    sensor = sensor_of(model)
    channels = [] if sensor else _pins(model, chip)
    wait = _waiting(model, chip, sensor)
    leds = (chip.red_pin, chip.green_pin, *chip.more_pins)
    return (
        environment("c")
        .get_template("signals/sampler.ino.j2")
        .render(
            version=__version__,
            name=model.name,
            upper=model.name.upper(),
            window_name=model.window_model.name,
            rate=f"{model.rate_hz:.6g}",
            rate_literal=repr(float(model.rate_hz)),
            sensor=_sensor_view(model, sensor) if sensor else None,
            channels=channels,
            laws=[channel for channel in channels if not channel["counts"]],
            classes=class_names(model),
            leds=[
                {"pin": pin, "text": f"{pin} {comment(label)}"}
                for pin, label in zip(leds, model.labels[: model.class_leds])
            ],
            alarm=alarm_view(model),
            red_pin=chip.red_pin,
            green_pin=chip.green_pin,
            wait=wait,
            ring=_ring(model, chip, wait),
        )
    )


def sensor_of(model: SignalModel) -> Sensor | None:
    """The sensor whose channels, as `tinygen record` names them, the model has; None for pins."""
    names = [(q.name, q.unit, q.scale, q.offset) for q in model.channels]
    for sensor in SENSORS.values():
        if set(names) <= {(c.name, c.unit, 1.0, 0.0) for c in sensor.channels}:
            return sensor
    return None


def sampled_pins(model: SignalModel, board: Board) -> list[str]:
    """The analog pin of each channel, "A0"; EmitError where the board has none."""
    return [str(channel["pin"]) for channel in _pins(model, board)]


def driver_files(model: SignalModel) -> tuple[str, ...]:
    """Names of the firmware's files that the sketch needs for its sensor."""
    sensor = sensor_of(model)
    return ("tinygen_twi.h", f"tinygen_{sensor.name}.h") if sensor else ()


def _sensor_view(model: SignalModel, sensor: Sensor) -> dict[str, Any]:
    known = [channel.name for channel in sensor.channels]
    return {
        "name": sensor.name,
        "title": sensor.title,
        "names": [q.name for q in model.channels],
        "places": [known.index(q.name) for q in model.channels],
    }


def _pins(model: SignalModel, board: Board) -> list[dict[str, Any]]:
    """Each channel's pin, and how its counts become raw values."""
    inputs = board.analog_pins or INPUTS
    named = [PIN.fullmatch(q.name) for q in model.channels]
    pins = [int(name[1]) for name in named if name]
    if len(set(pins)) < len(model.channels):
        pins = list(range(len(model.channels)))
    if max(pins) >= inputs:
        raise EmitError(
            f"{len(pins)} channels up to pin A{max(pins)}, {board.title} has A0 to A{inputs - 1}: "
            f"name another --board, or {INSTEAD} and feed the samples to the header"
        )
    return [
        {
            "pin": f"A{pin}",
            "counts": _is_counts(q, bool(name)),
            "macro": f"{model.name.upper()}_{unit.name}",
            "what": unit.what,
            "told": c_string(unit.what),
            "step": repr(float(q.scale)),
            "origin": repr(float(q.offset)),
            **_law(q),
        }
        for q, unit, pin, name in zip(model.channels, input_units(model), pins, named)
    ]


def _is_counts(q: Quantity, named: bool) -> bool:
    """True for what a pin reads, as it is. A guard accepts more than a pin can read, so that the
    range tells only of a channel that is not named as one.
    """
    fits = named or (q.raw_minimum >= 0 and q.raw_maximum <= COUNTS)
    return fits and steps_of_a_pin(q)


def _law(q: Quantity) -> dict[str, str]:
    """Placeholders: 0 .. 5 V for the accepted range."""
    low, high = (float(q.to_physical(end)) for end in q.limits)
    unit_mv = PIN_MV / ((high - low) or q.scale)
    return {"zero_mv": f"{-low * unit_mv:.1f}", "unit_mv": f"{unit_mv:.6g}"}


def _waiting(model: SignalModel, board: Board, sensor: Sensor | None) -> int:
    """Samples that come while the last one of a window is worked on."""
    period = board.f_cpu_hz / model.rate_hz
    if period > SLOWEST_CYCLES:
        raise EmitError(
            f"{model.rate_hz:g} Hz is slower than the timer of {board.title} counts "
            f"({board.f_cpu_hz / SLOWEST_CYCLES:.3g} Hz): {INSTEAD}, or feed the samples to the "
            "header"
        )
    taken = (
        sensor.read_us * board.f_cpu_hz / 1e6 if sensor else len(model.channels) * CONVERSION_CYCLES
    )
    what = f"the {sensor.title}" if sensor else f"{len(model.channels)} analog pins"
    busy = taken + LOOP_CYCLES + _cost(model, "cycles_sample")
    if busy >= period:
        raise EmitError(
            f"a sample of {what} takes {busy:,.0f} cycles, {board.title} has {period:,.0f} at "
            f"{model.rate_hz:g} Hz: take a lower rate or fewer channels"
        )
    wait = math.ceil((_cost(model, "cycles_window") + SHOW_CYCLES) / (period - busy))
    if wait > model.front.hop:
        raise EmitError(
            f"{wait} samples come while a window ends, which is every {model.front.hop}: "
            f"{board.title} falls behind; take a longer --hop or a lower rate"
        )
    return wait


def _ring(model: SignalModel, board: Board, wait: int) -> int:
    """Places of the ring: for those that wait, a quarter more, and two."""
    ring = max(wait + wait // 4 + 2, LEAST_RING)
    if ring > MOST_RING:
        raise EmitError(
            f"{wait} samples come while a window ends, a sketch keeps {MOST_RING} with room to "
            "spare: take a lower rate, or --max-cycles for a smaller model"
        )
    own = _cost(model, "ram_bytes") + _cost(model, "stack_bytes")
    needed = 2 * ring * len(model.channels) + own + SKETCH_RAM
    if needed > board.ram_bytes:
        raise EmitError(
            f"a sketch with {ring} samples that wait needs {needed:,} bytes of RAM, {board.title} "
            f"has {board.ram_bytes:,}: take a smaller model (--max-ram) or another --board"
        )
    return ring


def _cost(model: SignalModel, name: str) -> int:
    """What training has measured of a model; EmitError where it has not."""
    facts = model.training.get("signals")
    found = facts.get(name) if isinstance(facts, dict) else None
    if not isinstance(found, int) or found < 0:
        raise EmitError(
            f"model '{model.name}' does not tell what it costs, which a sketch's ring follows "
            f"from: train it again, or {INSTEAD}"
        )
    return found
