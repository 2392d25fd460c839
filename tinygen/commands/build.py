"""`tinygen build`: a model file as firmware for a board."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.boards import BOARDS, Board, find_board, with_pins
from ..common.errors import UsageError
from ..common.files import require_folder_place
from ..common.progress import Progress, silent
from ._limits import BAUD, budgeted, pinned
from ._options import FILE, MODEL, board_option, model_argument
from ._show import progress, shows
from ._spec import FromSpec

if TYPE_CHECKING:
    from ..model.model import Model
    from ..model.signals.any_model import AnyModel
    from ..target.build import Budget, Firmware


@dataclass(frozen=True)
class Built:
    """Firmware just compiled, and measured."""

    firmware: Firmware
    leds: int = 2  # that the model lights
    not_run: str = ""  # why no simulator ran it

    def text(self) -> str:
        """What the program and the model alone cost."""
        firmware, board = self.firmware, self.firmware.board
        lines = [
            f"{board.title}: {firmware.elf}",
            f"firmware     flash {firmware.flash_bytes:,} of {board.flash_bytes:,} bytes, "
            f"RAM {firmware.ram_bytes:,} of {board.ram_bytes:,} bytes",
            f"model alone  flash {firmware.model_flash_bytes:,} bytes, "
            f"RAM {firmware.model_ram_bytes:,} bytes",
        ]
        if board.leds != BOARDS[board.pio_id].leds:
            lines.append(f"LEDs         {pins_in_words(board, self.leds)}")
        if firmware.cycles_median is not None and firmware.cycles_max is not None:
            stack = (
                "the model alone on the simulated chip"
                + (", by the cycles of a classic AVR" if board.modern else "")
                if firmware.stack_bytes is None
                else f"whole firmware's stack {firmware.stack_bytes:,} bytes"
            )
            microseconds = firmware.cycles_max / board.f_cpu_hz * 1e6
            seen = "" if firmware.cycles_seen is None else f", {firmware.cycles_seen:,} seen"
            lines.append(
                f"inference    {firmware.cycles_median:,} cycles, at most {firmware.cycles_max:,} "
                f"({microseconds:.1f} us at {board.f_cpu_hz / 1e6:g} MHz){seen}; {stack}"
            )
        elif self.not_run:
            lines.append(f"not run      {self.not_run}")
        return "\n".join(lines)

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        values = {f.name: getattr(self.firmware, f.name) for f in fields(self.firmware)}
        return {name: _plain(value) for name, value in values.items()}


def pins_in_words(board: Board, leds: int) -> str:
    """The pins of the first LEDs: "red at pin 7, green at pin 8"."""
    return ", ".join(f"{role} at pin {pin}" for role, pin in [*board.leds.items()][:leds])


def _plain(value: object) -> object:
    if isinstance(value, Board):
        return value.pio_id
    return str(value) if isinstance(value, Path) else value


def build(
    model: Path,
    board: str,
    out: Path,
    budget: Budget | None = None,
    upload: bool = False,
    port: str | None = None,
    baud: int | None = None,
    pins: Mapping[str, int] | None = None,
    recalibrate: bool = False,
    progress: Progress = silent,
) -> Built:
    """The compiled firmware of a model file, in a PlatformIO project at `out`; for a chip without a
    serial port its self-test. `baud`: the rate of its rows in bit/s; `pins`: of its LEDs, by role.
    `recalibrate`: it takes a gain and an offset later, and keeps them.
    """
    from ..codegen.emit import emit_project
    from ..common.locks import Lock
    from ..model.signals.any_model import load_any
    from ..target import build as compiling
    from ..target.chips import why_not_simulated
    from ..target.selftest import build_selftest

    chip, twin, limit = find_board(board), load_any(model), budget or compiling.Budget()
    _check_upload(chip, upload, port)
    if recalibrate:
        twin = _adjustable(twin, chip)
    require_folder_place(out)
    chip = replace(wired(chip, twin, pins), baud=baud or chip.baud)
    with Lock(str(out)):  # another build would change the sources under the compiler
        if not chip.has_firmware:
            made = build_selftest(twin, chip, out, limit, progress)
            return Built(made, not_run=why_not_simulated(chip))
        project = emit_project(twin, out, [chip], {MODEL: model})
        firmware = compiling.build_firmware(project, chip, limit, progress)
        if port:  # which goes with --upload only
            compiling.load_firmware(project, chip, port, progress)
    return Built(firmware, max(2, twin.class_leds))


def _check_upload(chip: Board, upload: bool, port: str | None) -> None:
    """UsageError where --upload and --port do not go together, or not with the board."""
    if upload and not port:
        raise UsageError("--upload needs --port: see `tinygen boards` for the ports with a board")
    if port and not upload:
        raise UsageError(f"--port {port} is of no use without --upload: give both, or neither")
    if upload and not chip.has_firmware:
        raise UsageError(
            f"board '{chip.pio_id}' has no bootloader to --upload to: build it, "
            "then load the .hex with a programmer"
        )


def _adjustable(model: AnyModel, chip: Board) -> Model:
    """The model with a gain and an offset that its board can be told."""
    from ..model.model import Model
    from ..model.outputs import adjustable

    if not chip.has_firmware:
        raise UsageError(
            f"board '{chip.pio_id}' {chip.alone_because} to --recalibrate it by: use `tinygen "
            "recalibrate MODEL.json ROWS.csv -o NEW.json`"
        )
    if not isinstance(model, Model):
        raise UsageError(f"--recalibrate is for models of rows, '{model.name}' is one of signals")
    return adjustable(model)


def wired(board: Board, model: AnyModel, pins: Mapping[str, int] | None) -> Board:
    """The board with the LEDs of a model at these pins."""
    return with_pins(board, pins or {}, max(2, model.class_leds))


@click.command("build", cls=FromSpec)
@model_argument
@board_option
@click.option(
    "-o", "--out", type=FILE, required=True, metavar="DIR", help="PlatformIO project to write."
)
@budgeted
@pinned
@click.option("--upload", is_flag=True, help="Load it into the board at --port.")
@click.option("--port", metavar="PORT", help="Serial port for --upload.")
@click.option(
    "--baud",
    type=BAUD,
    metavar="N",
    help="Bits per second of the rows; default: the board's. `stream` needs the same.",
)
@click.option(
    "--recalibrate",
    is_flag=True,
    help="It takes a gain and an offset from `tinygen recalibrate --port` and keeps them.",
)
@shows
def command(model, **options):
    """Compile the firmware for a board and show what it costs.

    The model alone is the firmware minus the same firmware with an empty predictor. A chip without
    a serial port (ATtiny85), and an Arduino Nano Every, gets a self-test instead: green LED where
    every answer is right.

    \b
    Example:
      tinygen build benzene.json --board uno -o firmware/
      tinygen build benzene.json --board uno -o firmware/ --upload --port /dev/ttyACM0
    """
    with progress() as say:
        return build(model, progress=say, **options)
