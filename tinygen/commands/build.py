"""`tinygen build`: a model file as firmware for a board."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.boards import BOARDS, Board, at_baud, find_board, with_pins
from ..common.errors import CheckError, DoesNotFit, UsageError
from ..common.files import require_folder_place
from ..common.progress import Progress, silent
from ._limits import BAUD, budgeted, pinned
from ._options import FILE, MODEL, Files, board_option
from ._show import progress, shows
from ._spec import FromSpec

if TYPE_CHECKING:
    from ..model.model import Model
    from ..model.signals.any_model import AnyModel
    from ..target.build import Budget, Firmware
    from ..target.together import Part, SharedFirmware


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
            of = (
                "the model alone on the simulated chip"
                + (", by the cycles of a classic AVR" if board.modern else "")
                if firmware.stack_bytes is None
                else "the model and the firmware's call of it; whole firmware's stack "
                f"{firmware.stack_bytes:,} bytes"
            )
            lines.append(f"inference    {_cycles(firmware, board)}: {of}")
        elif self.not_run:
            lines.append(f"not run      {self.not_run}")
        return "\n".join(lines)

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        values = {f.name: getattr(self.firmware, f.name) for f in fields(self.firmware)}
        return {name: _plain(value) for name, value in values.items()}


@dataclass(frozen=True)
class BuiltTogether:
    """Firmware of several models, just compiled, run and measured."""

    firmware: SharedFirmware
    leds: int = 2  # that one of the models lights

    def text(self) -> str:
        """What the program, each model, and what they share cost."""
        firmware, board = self.firmware, self.firmware.board
        lines = [
            f"{board.title}: {firmware.elf}",
            f"firmware     flash {firmware.flash_bytes:,} of {board.flash_bytes:,} bytes, "
            f"RAM {firmware.ram_bytes:,} of {board.ram_bytes:,} bytes",
        ]
        for part in firmware.parts:
            cycles = f"; called by the firmware {told}" if (told := _cycles(part, board)) else ""
            lines.append(
                f"model {part.number}      {part.name}: flash {part.flash_bytes:,} bytes, "
                f"RAM {part.ram_bytes:,} bytes alone{cycles}"
            )
        lines += [
            f"together     flash {firmware.models_flash_bytes:,} bytes, "
            f"RAM {firmware.models_ram_bytes:,} bytes{_in_common(firmware)}",
            f"without them flash {firmware.flash_bytes - firmware.models_flash_bytes:,} bytes, "
            f"RAM {firmware.ram_bytes - firmware.models_ram_bytes:,} bytes: "
            "the firmware, which all share",
        ]
        if board.leds != BOARDS[board.pio_id].leds:
            lines.append(f"LEDs         {pins_in_words(board, self.leds)}")
        if firmware.stack_bytes is not None:
            lines.append(
                f"stack        {firmware.stack_bytes:,} bytes of the whole firmware; rows of all "
                "models in turn were answered right"
            )
        return "\n".join(lines)

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        values = {f.name: getattr(self.firmware, f.name) for f in fields(self.firmware)}
        shared = {
            "shared_flash_bytes": self.firmware.shared_flash_bytes,
            "shared_ram_bytes": self.firmware.shared_ram_bytes,
        }
        plain = {name: _plain(value) for name, value in values.items() if name != "parts"}
        return {**plain, **shared, "models": [asdict(part) for part in self.firmware.parts]}


def _in_common(firmware: SharedFirmware) -> str:
    """What the models save by sharing; "" where they share nothing."""
    saved = [
        f"{less:,} bytes of {what}"
        for less, what in (
            (firmware.shared_flash_bytes, "flash"),
            (firmware.shared_ram_bytes, "RAM"),
        )
        if less
    ]
    return f"; {' and '.join(saved)} saved by what they share" if saved else ""


def _cycles(cost: Firmware | Part, board: Board) -> str:
    """The median, the most that is possible and the most that was seen; where no bound is known,
    the most that was seen. "" where nothing was run.
    """
    if cost.cycles_median is None or cost.cycles_max is None:
        return ""
    microseconds = cost.cycles_max / board.f_cpu_hz * 1e6
    bounded = cost.cycles_seen is not None
    return (
        f"median {cost.cycles_median:,} cycles, at most {cost.cycles_max:,}"
        + ("" if bounded else " seen")
        + f" ({microseconds:.1f} us at {board.f_cpu_hz / 1e6:g} MHz)"
        + (f", the most seen {cost.cycles_seen:,}" if bounded else "")
    )


def pins_in_words(board: Board, leds: int) -> str:
    """The pins of the first LEDs: "red at pin 7, green at pin 8"."""
    return ", ".join(f"{role} at pin {pin}" for role, pin in [*board.leds.items()][:leds])


def _plain(value: object) -> object:
    if isinstance(value, Board):
        return value.pio_id
    return str(value) if isinstance(value, Path) else value


def build(
    model: Files,
    board: str,
    out: Path,
    budget: Budget | None = None,
    upload: bool = False,
    port: str | None = None,
    baud: int | None = None,
    pins: Mapping[str, int] | None = None,
    recalibrate: bool = False,
    progress: Progress = silent,
) -> Built | BuiltTogether:
    """The compiled firmware of a model file, or of several, in a PlatformIO project at `out`; for a
    chip without a serial port its self-test. `baud`: the rate of its rows in bit/s; `pins`: of its
    LEDs, by role. `recalibrate`: it takes a gain and an offset later, and keeps them.
    """
    files = [model] if isinstance(model, Path) else list(model)
    plan = _Plan(find_board(board), out, budget, upload, port, baud, pins)
    if len(files) == 1:
        return _build_one(files[0], plan, recalibrate, progress)
    if recalibrate:
        raise UsageError("--recalibrate is for the firmware of one model: leave it out")
    return _build_together(files, plan, progress)


@dataclass(frozen=True)
class _Plan:
    """What is asked for, whatever the models."""

    board: Board
    out: Path
    budget: Budget | None
    upload: bool
    port: str | None
    baud: int | None
    pins: Mapping[str, int] | None

    def check(self) -> None:
        """UsageError where --upload and --port do not go together, or not with the board, or where
        the board cannot do the rate; PortError where there is no such port.
        """
        from ..host.port import require_port

        chip, port = self.board, self.port
        if self.upload and not port:
            raise UsageError(
                "--upload needs --port: see `tinygen boards` for the ports with a board"
            )
        if port and not self.upload:
            raise UsageError(f"--port {port} is of no use without --upload: give both, or neither")
        if self.upload and not chip.has_firmware:
            raise UsageError(
                f"board '{chip.pio_id}' has no bootloader to --upload to: build it, "
                "then load the .hex with a programmer"
            )
        if port:
            require_port(port)
        at_baud(chip, self.baud)

    def chip(self, leds: int) -> Board:
        """The board at the rate and with the pins that are asked for."""
        return at_baud(with_pins(self.board, self.pins or {}, leds), self.baud)

    def save_manifest(
        self, files: Sequence[Path], twins: Sequence[AnyModel], chip: Board, live: bool = False
    ) -> None:
        """The build's manifest; chip: as `chip()` gives it, live: as --recalibrate."""
        from ._made import save_build

        pins = dict(sorted((self.pins or {}).items()))
        asked = {"board": chip.pio_id, "baud": self.baud, "pins": pins, "recalibrate": live}
        save_build(self.out, files, twins, chip, asked)


def _build_one(model: Path, plan: _Plan, recalibrate: bool, progress: Progress) -> Built:
    """The firmware of one model."""
    from ..codegen.emit import emit_project
    from ..common.locks import Lock
    from ..model.signals.any_model import load_any
    from ..target import build as compiling
    from ..target.chips import why_not_simulated
    from ..target.selftest import build_selftest

    twin, limit = load_any(model), plan.budget or compiling.Budget()
    plan.check()
    if recalibrate:
        twin = adjustable_at(twin, plan.board)
    require_folder_place(plan.out)
    leds = max(2, twin.class_leds)
    chip = plan.chip(leds)
    # another build would change the sources under the compiler
    with Lock(str(plan.out)), _nothing_left(plan.out):
        if not chip.has_firmware:
            made = build_selftest(twin, chip, plan.out, limit, progress)
            plan.save_manifest([model], [twin], chip, recalibrate)
            return Built(made, not_run=why_not_simulated(chip))
        project = emit_project(twin, plan.out, [chip], {MODEL: model})
        firmware = compiling.build_firmware(project, chip, limit, progress)
        plan.save_manifest([model], [twin], chip, recalibrate)
        if plan.port:  # which goes with --upload only
            compiling.load_firmware(project, chip, plan.port, progress)
    return Built(firmware, leds)


def _build_together(files: Sequence[Path], plan: _Plan, progress: Progress) -> BuiltTogether:
    """The firmware of several models."""
    from ..codegen.projects.together import emit_together, require_together
    from ..common.locks import Lock
    from ..model.signals.any_model import load_any
    from ..target.build import load_project
    from ..target.together import build_together

    if not plan.board.has_firmware:
        raise UsageError(
            f"board '{plan.board.pio_id}' {plan.board.alone_because}: its self-test is of one "
            "model, build them one by one"
        )
    twins = require_together([load_any(file) for file in files])
    plan.check()
    require_folder_place(plan.out)
    leds = max(2, *(twin.class_leds for twin in twins))
    chip = plan.chip(leds)
    with Lock(str(plan.out)), _nothing_left(plan.out):
        project = emit_together(twins, plan.out, [chip], {MODEL: files})
        firmware = build_together(project, chip, plan.budget, progress)
        plan.save_manifest(files, twins, chip)
        if plan.port:
            load_project(project.directory, chip, plan.port, progress)
    return BuiltTogether(firmware, leds)


@contextmanager
def _nothing_left(folder: Path) -> Iterator[None]:
    """Takes a folder away that was not there, where the model does not keep a limit."""
    absent = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        yield
    except (CheckError, DoesNotFit):
        for place in absent[-1:]:  # the outermost one
            shutil.rmtree(place, ignore_errors=True)
        raise


def chip_of(
    board: str, baud: int | None, pins: Mapping[str, int], models: Sequence[AnyModel]
) -> Board:
    """The board as a build of these models has it; UsageError for pins that it lacks."""
    plan = _Plan(find_board(board), Path(), None, False, None, baud, pins)
    return plan.chip(max(2, *(model.class_leds for model in models), 0))


def adjustable_at(model: AnyModel, chip: Board) -> Model:
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
@click.argument("model", type=FILE, nargs=-1, required=True, metavar=f"{MODEL}...")
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

    With several models the firmware answers rows of each; the LEDs show the last answer. It says
    what each model costs alone, and what they share.

    \b
    Example:
      tinygen build benzene.json --board uno -o firmware/
      tinygen build benzene.json traffic.json --board uno -o firmware/
      tinygen build benzene.json --board uno -o firmware/ --upload --port /dev/ttyACM0
    """
    with progress() as say:
        return build(model, progress=say, **options)
