"""Files that go with a header: test vectors, sketches, the runtime."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from .. import __version__
from ..common.boards import BOARDS, Board
from ..common.jinja import environment
from ..model.nodes import Integers
from ..model.outputs import live_calibration
from ..model.signals import SignalModel
from ..model.signals.any_model import AnyModel
from .header import alarm_view, quantity_view, render_header
from .names import check_prefix
from .signals.header import signal_headers
from .signals.vectors import run_length, signal_vectors, vectors_csv
from .units import categories, class_names, input_units, unit_of

SAMPLES = 32  # rows in the emitted test vectors
# What every generated header needs beside it: the only list of these files.
RUNTIME = (
    "tinygen_fixed.h",
    "tinygen_sums.h",
    "tinygen_layers.h",
    "tinygen_flash.h",
    "tinygen_avr.h",
    "tinygen_avr_sums.h",
    "tinygen_avr_layers.h",
    "tinygen_trees.h",
    "tinygen_straight.h",
    "tinygen_units.h",
)


SIGNAL_RUNTIME = (*RUNTIME, "tinygen_signal.h")


def firmware_text(path: str) -> str:
    """A hand-written firmware file that ships with tinygen."""
    return files("tinygen.firmware").joinpath(path).read_text(encoding="ascii")


def runtime(model: AnyModel | None = None) -> dict[str, str]:
    """The hand-written headers that a generated header needs: file name -> text."""
    names = SIGNAL_RUNTIME if isinstance(model, SignalModel) else RUNTIME
    return {name: firmware_text(f"include/{name}") for name in names}


def headers(model: AnyModel) -> dict[str, str]:
    """The generated headers that a model is, NAME.h first: file name -> text."""
    if isinstance(model, SignalModel):
        return signal_headers(model)
    return {f"{check_prefix(model.name)}.h": render_header(model)}


def render(template: str, model: AnyModel, board: Board | None = None) -> str:
    """A template that knows the model's name, inputs, output and kind of alarm, and the pins of a
    board's LEDs.
    """
    leds = board or BOARDS["uno"]
    return (
        environment("c")
        .get_template(template)
        .render(
            version=__version__,
            name=model.name,
            upper=model.name.upper(),
            alarm=alarm_view(model),
            model_id=model.model_id,
            inputs=[quantity_view(q) for q in model.inputs],
            output=quantity_view(model.output),
            units=input_units(model),
            answer=unit_of(model.output, "OUTPUT"),
            classes=class_names(model),
            categories=categories(model),
            first=model.sample_rows(1)[0].tolist(),
            scores=model.scores,
            several=bool(model.more),
            signals=isinstance(model, SignalModel),
            calibrate=live_calibration(model),
            sure_margin=model.sure_margin,
            bars=model.bars,
            values=model.values_per_row,
            class_leds=model.class_leds,
            red_pin=leds.red_pin,
            green_pin=leds.green_pin,
        )
    )


def test_rows(model: AnyModel) -> int:
    """How many rows or samples `vectors` holds."""
    return run_length(model) if isinstance(model, SignalModel) else SAMPLES


def vectors(model: AnyModel, rows: Integers | None = None) -> dict[str, str]:
    """Rows, by default seeded ones, and the answers of the twin, as a CSV file and as a header with
    a self-test.
    """
    if isinstance(model, SignalModel):
        return signal_vectors(model)
    rows = model.sample_rows(SAMPLES, seed=1) if rows is None else rows
    answers = model.values(rows)[:, : len(model.outputs)]
    names = ["raw", *(f"raw{k}" for k in range(2, 1 + len(model.outputs)))]
    template = environment("c").get_template("vectors.h.j2")
    return {
        f"{model.name}_vectors.csv": vectors_csv(rows, answers, names),
        f"{model.name}_vectors.h": template.render(
            name=model.name,
            upper=model.name.upper(),
            version=__version__,
            rows=rows.tolist(),
            answers=answers.tolist() if model.more else answers[:, 0].tolist(),
            several=bool(model.more),
        ),
    }


def selftest_text(model: AnyModel, board: Board, options: Sequence[str]) -> str:
    """Text of a program that answers every row of NAME_vectors.h on a board's chip and lights the
    green LED where all are right, the red one where not. options: of its compiler, for a comment.
    """
    led = lambda port: {"name": port, "port": port[1], "bit": port[2:]}  # of "PB4"
    return (
        environment("c")
        .get_template("selftest.c.j2")
        .render(
            version=__version__,
            title=board.title,
            name=check_prefix(model.name),
            mcu=board.mcu,
            flags=" ".join(options),
            modern=board.modern,
            red=led(board.red_port),
            green=led(board.green_port),
        )
    )
