"""Compile a generated project for one board, and say what it and its model cost.

Two programs are built in one PlatformIO run: the firmware, and the same firmware with an empty
predictor. Their difference is what the model alone costs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median_high
from typing import TYPE_CHECKING, Any, TypeVar

from ..codegen.emit import write_all
from ..codegen.projects.recorder import recorder_project
from ..common.boards import Board
from ..common.errors import BuildError, CheckError, UsageError
from ..common.process import Progress
from ..common.progress import silent
from ..common.sensors import ChannelSet
from ..model.nodes import Integers
from ..model.signals import SignalModel
from ..model.signals.any_model import AnyModel
from .avr_gcc import (
    Size,
    check_board,
    compile_project,
    compiler_error,
    keep_log,
    read_size,
    run_pio,
)
from .toolchain import Toolchain, ensure, need_avrdude, was_set_up

if TYPE_CHECKING:
    from ..host import protocol

UPLOAD_SECONDS = 120  # time-out; loading 250 KB at 115200 baud takes 40 s
UPLOAD_TRIES = 3  # where the bootloader did not answer; a verify that fails is never tried again
MEASURED_ROWS = 256  # seeded, corners of the ranges among them; of signals two windows and more
ANSWER_SECONDS = 2  # of simulated time
Said = TypeVar("Said", "protocol.Info", "protocol.Result")


@dataclass(frozen=True)
class Budget:
    """What a model alone may cost; None means no limit."""

    flash_bytes: int | None = None
    ram_bytes: int | None = None
    cycles: int | None = None  # per inference, worst case


NO_LIMITS = Budget()


# bytes that suffice for all of a firmware but its model, by the board's kind of serial port
FIRMWARE_FLASH = {"uart": 4_500, "usb": 6_500}


@dataclass(frozen=True)
class Cost:
    """What running the model takes: measured on the virtual board, the most by a bound."""

    # deepest the stack went; None where the whole firmware cannot be simulated
    stack_bytes: int | None
    cycles_median: int  # per inference, without interrupts
    # no inference takes more; where no bound is known the most that was seen
    cycles_max: int
    cycles_seen: int | None = None  # most on the board; None: `cycles_max` is that, no bound


@dataclass(frozen=True)
class Recorder:
    """The recording firmware, ready to be loaded."""

    directory: Path
    elf: Path


@dataclass(frozen=True)
class Firmware:
    """A program ready to be loaded, and what it costs."""

    board: Board
    elf: Path
    hex: Path
    flash_bytes: int  # the whole program
    ram_bytes: int
    model_flash_bytes: int  # the model alone: program minus the same one with an empty predictor
    model_ram_bytes: int
    stack_bytes: int | None  # None where the virtual board cannot run the whole program
    cycles_median: int | None  # None where there is no simulator
    cycles_max: int | None  # as in Cost
    cycles_seen: int | None = None


def build_firmware(
    project, board: Board, budget: Budget | None = None, progress: Progress | None = None
) -> Firmware:
    """The firmware of `project` (as emit_project returns it) for `board`.

    Raises BuildError when the compiler fails or is missing, CheckError when the program is over
    the board's memory or the model over `budget`; the message says by how much.
    """
    if not board.has_firmware:
        raise UsageError(
            f"board '{board.pio_id}' {board.alone_because} and gets no firmware: `tinygen emit` "
            "writes the header for a program of your own"
        )
    progress = progress or (lambda text: None)
    tools = ensure(progress, install=not was_set_up())
    elf, empty = compile_project(Path(project.directory), board, tools, progress)
    whole, bare = read_size(elf), read_size(empty)
    model_size = Size(whole.flash_bytes - bare.flash_bytes, whole.ram_bytes - bare.ram_bytes)
    check_board(whole, board)
    cost = measure_firmware(project, board, elf, tools, progress)
    check_budget(model_size, cost, budget or NO_LIMITS)
    return Firmware(
        board,
        elf,
        elf.with_suffix(".hex"),
        whole.flash_bytes,
        whole.ram_bytes,
        model_size.flash_bytes,
        model_size.ram_bytes,
        *(astuple(cost) if cost else (None,) * 4),
    )


def build_program(directory: Path, board: Board, progress: Progress = silent) -> Path:
    """The linked program of the project in `directory`, to be run: what its model costs is not
    asked, which takes half of the time. Errors as in `build_firmware`.
    """
    tools = ensure(progress, install=not was_set_up())
    (elf,) = compile_project(directory, board, tools, progress, twins=("",))
    check_board(read_size(elf), board)
    return elf


def build_recorder(
    channels: ChannelSet, board: Board, folder: Path, progress: Progress = silent
) -> Recorder:
    """The recording firmware for `channels`, made in `folder`; errors as in `build_firmware`."""
    write_all(recorder_project(channels, board), folder)
    return Recorder(folder, build_program(folder, board, progress))


def load_firmware(project, board: Board, port: str, progress: Progress | None = None) -> None:
    """Load the firmware of `project` into the board at `port` and have it read back; BuildError
    when that fails.
    """
    load_project(Path(project.directory), board, port, progress)


def load_project(
    directory: Path, board: Board, port: str, progress: Progress | None = None
) -> None:
    """The same for the project in a folder. What PlatformIO and avrdude said is kept in it, in
    upload-BOARD.log.
    """
    tools = ensure(progress, install=not was_set_up())
    need_avrdude(tools)
    for _ in range(UPLOAD_TRIES):
        done = run_pio(
            ["-e", board.pio_id, "-t", "upload", "--upload-port", port],
            directory,
            tools,
            f"loading {board.title} at {port}",
            progress,
            UPLOAD_SECONDS,
        )
        if done.code == 0 or not NO_BOOTLOADER.search(done.text):
            break
    log = keep_log(directory / f"upload-{board.pio_id}.log", done)
    if done.code != 0:
        reason = (
            f"no answer in {UPLOAD_SECONDS} s" if done.code is None else _uploader_error(done.text)
        )
        raise BuildError(f"{board.title} at {port} was not loaded: {reason} (log: {log})")


NO_BOOTLOADER = re.compile(
    r"not in sync|timeout communicating with programmer|_getsync\(\)|protocol error", re.IGNORECASE
)


def _uploader_error(text: str) -> str:
    found = re.search(
        r"^avrdude(?: error)?: (?:error: )?"
        r"(.*(?:can't|cannot|unable|not in sync|No such|fail|denied|busy|mismatch).*)$",
        text,
        re.MULTILINE | re.IGNORECASE,
    )
    return found.group(1).strip() if found else compiler_error(text)


# ---- budgets ----


def check_budget(size: Size, cost: Cost | None, budget: Budget) -> None:
    if budget.cycles is not None and cost is None:
        raise BuildError(
            f"a budget of {budget.cycles} cycles needs the virtual board to measure on; "
            "run `tinygen setup` or leave out --max-cycles"
        )
    used = {
        "flash_bytes": size.flash_bytes,
        "ram_bytes": size.ram_bytes,
        "cycles": cost.cycles_max if cost else 0,
    }
    for name, limit in vars(budget).items():
        if limit is not None and used[name] > limit:
            thing = name.removesuffix("_bytes")
            unit = "cycles" if name == "cycles" else f"bytes of {thing}"
            raise CheckError(
                f"model needs {used[name]} {unit}, the budget is {limit}: "
                f"{used[name] - limit} too many; raise --max-{thing} or take a smaller family"
            )


# ---- measure ----


def measure_firmware(
    project, board: Board, elf: Path, tools: Toolchain, progress: Progress
) -> Cost | None:
    """Stack and cycles of `elf` on the virtual board, over seeded rows; None where there is no
    simulator.
    """
    if tools.simavr_library is None:
        return None
    from ..host.virtual.simavr import SimBoard

    progress(f"measuring on the virtual {board.title}")
    if not board.streams_simulated:
        return measure_model(project.model, board)
    with SimBoard(board, elf) as simulated:
        _answer_rows(simulated, project.model, board)
        runs, stack = simulated.inferences, simulated.stack_bytes
    return cost_of_runs(runs, stack, project.model, board, elf)


def cost_of_runs(
    runs: Sequence[Any],
    stack_bytes: int,
    model: AnyModel,
    board: Board,
    elf: Path,
    through: str = "",
) -> Cost:
    """What running a model takes, from its inferences on the virtual board. through: as in
    `bounded`.

    An interrupt (the clock's comes every 16,384 cycles) would count as part of an inference it
    hits; such inferences are left out, unless the model is so slow that all of them are hit.
    """
    from .bare import bounded, has_bound

    exact = [run.cycles for run in runs if not run.interrupted]
    cycles = exact or [run.cycles for run in runs]
    median, seen = int(median_high(cycles)), max(cycles)
    if not exact or not has_bound(model, board):
        return Cost(stack_bytes, median, seen)
    most = bounded(elf, board, f"model '{model.name}'", seen, through).cycles
    return Cost(stack_bytes, median, most, seen)


def _measured_rows(model: AnyModel) -> Integers:
    """The rows that cost is measured on: of a model of signals so many that windows end in them."""
    count = MEASURED_ROWS
    if isinstance(model, SignalModel):
        count = max(count, model.front.window + 2 * model.front.hop)
    return model.sample_rows(count, seed=0)


def measure_model(model: AnyModel, board: Board) -> Cost:
    """Cycles of the model alone on the board's chip."""
    from .bare import BareChip

    with BareChip(model, board) as chip:
        chip.predict(_measured_rows(model))
        median, seen = int(median_high(chip.cycles.tolist())), int(chip.cycles.max())
        bound = chip.bound()
    return Cost(None, median, bound.cycles, seen) if bound else Cost(None, median, seen)


def _answer_rows(simulated, model: AnyModel, board: Board) -> None:
    """Send rows to a virtual board, one after the other, until it has answered each."""
    from ..host import protocol

    seed = protocol.model_seed(model.model_id)
    version = protocol.version_for(model.values_per_row, model.remembers)
    decoder = protocol.Decoder(seed, version=version)
    session = next_reply(simulated, decoder, board, protocol.Info, version).session
    for seq, row in enumerate(_measured_rows(model).tolist()):
        simulated.write(protocol.encode_row(session, seq & 0xFF, row, seed, version))
        next_reply(simulated, decoder, board, protocol.Result, version)


def next_reply(
    simulated, decoder: protocol.Decoder, board: Board, wanted: type[Said], version: int
) -> Said:
    """What the virtual board says next of the wanted kind; BuildError where it does not."""
    from ..host import protocol

    deadline = simulated.cycle + ANSWER_SECONDS * board.f_cpu_hz
    while simulated.cycle < deadline:
        for event in decoder.process(simulated.read(1, board.f_cpu_hz // 1000)):
            if isinstance(event, protocol.Frame):
                said = protocol.parse(event, version)
                if isinstance(said, wanted):
                    return said
    raise BuildError(
        f"the firmware for {board.title} gave no {wanted.__name__.upper()} within "
        f"{ANSWER_SECONDS} s on the virtual board: emit the project anew with this version of "
        "tinygen"
    )
