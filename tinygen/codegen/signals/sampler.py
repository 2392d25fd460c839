"""The sketch that samples its own analog pins, and decides without a host."""

from __future__ import annotations

import math

from ... import __version__
from ...common.boards import BOARDS, Board
from ...common.errors import EmitError
from ...common.jinja import environment
from ...common.text import comment
from ...model.signals import SignalModel
from ..header import alarm_view, quantity_view
from ..units import class_names, input_units

LEAST_RING, MOST_RING = 4, 64  # samples
CONVERSION_CYCLES = 13.5 * 128  # of the converter, at 125 kHz
INPUTS = 8  # of the converter, A0 to A7


def sampler(model: SignalModel, board: Board | None = None) -> str:
    """Text of the sketch; its ring holds the samples that come while a window ends.

    EmitError where the samples come faster than a board of 16 MHz converts and computes them.
    """
    chip = board or BOARDS["uno"]
    wait = _waiting(model, chip)
    pins = (chip.red_pin, chip.green_pin, *chip.more_pins)
    return (
        environment("c")
        .get_template("signals/sampler.ino.j2")
        .render(
            version=__version__,
            name=model.name,
            upper=model.name.upper(),
            window_name=model.window_model.name,
            rate=f"{model.rate_hz:.6g}",
            channels=[quantity_view(q) for q in model.channels],
            counts=all(unit.is_counts for unit in input_units(model)),
            classes=class_names(model),
            leds=[
                {"pin": pin, "text": f"{pin} {comment(label)}"}
                for pin, label in zip(pins, model.labels[: model.class_leds])
            ],
            alarm=alarm_view(model),
            red_pin=chip.red_pin,
            green_pin=chip.green_pin,
            wait=wait,
            ring=min(max(wait + 2, LEAST_RING), MOST_RING),
        )
    )


def _waiting(model: SignalModel, board: Board) -> int:
    """Samples that come while the last one of a window is worked on."""
    facts = model.training.get("signals", {})
    period = board.f_cpu_hz / model.rate_hz
    if len(model.channels) > INPUTS:
        raise EmitError(
            f"{len(model.channels)} channels, a sketch samples {INPUTS} analog pins at most: emit "
            "--format platformio, or feed the samples of another sensor to the header"
        )
    busy = len(model.channels) * CONVERSION_CYCLES + facts.get("cycles_sample", 0)
    if busy >= period:
        raise EmitError(
            f"a sample of {len(model.channels)} analog pins takes {busy:,.0f} cycles, "
            f"{board.title} has {period:,.0f} at {model.rate_hz:g} Hz: take a lower rate or fewer "
            "channels"
        )
    return math.ceil(facts.get("cycles_window", 0) / (period - busy))
