"""The program for a chip without a serial port: the model, rows and their right answers; a green
LED where all agree.

Written, compiled with the bare compiler (no Arduino) and run on the simulated chip before it is
handed on.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from .. import __version__
from ..codegen.emit import (
    SAMPLES,
    check_prefix,
    firmware_text,
    render_header,
    vectors,
    write_all,
)
from ..common.boards import Board
from ..common.errors import BuildError, CheckError, DoesNotFit
from ..common.jinja import environment
from ..common.process import Progress
from ..host.virtual.simavr import SimBoard
from ..model.model import Model
from .avr_gcc import Size, compiler_error, read_size
from .bare import TOO_LARGE, measure
from .build import Budget, Cost, Firmware, check_budget
from .toolchain import ensure, was_set_up

FLAGS = (
    "-Os",
    "-std=gnu99",
    "-Wall",
    "-Wextra",
    "-ffunction-sections",
    "-fdata-sections",
    "-Wl,--gc-sections",
)
COMPILE_SECONDS = 60
RUN_CYCLES = 2_000_000  # for each row: a model slower than this counts as hung
DONE = 2  # in GPIOR0


def build_selftest(
    model: Model,
    board: Board,
    out_dir: Path,
    budget: Budget = Budget(),
    progress: Progress = lambda text: None,
) -> Firmware:
    """The self-test of `model` for `board` in `out_dir`, passed on the simulated chip; its sizes,
    and the model's alone.

    DoesNotFit where the chip is too small, BuildError where it does not compile, CheckError where
    an answer is wrong or the model is over `budget`.
    """
    tools = ensure(progress, install=not was_set_up())
    directory = Path(out_dir)
    progress(f"compiling for {board.title}")
    elf = _compile(_write(model, board, directory), board, tools.avr_gcc)
    progress(f"running the self-test on the simulated {board.title}")
    wrong_or_hung = run_selftest(elf, board)
    if wrong_or_hung:
        raise CheckError(
            f"model '{model.name}' {wrong_or_hung} on the simulated {board.title}: "
            "this is a defect of tinygen, please report it"
        )
    progress(f"self-test passed: {SAMPLES} rows, green LED at {board.green_port}")
    alone = measure(model, board)
    check_budget(
        Size(alone.flash_bytes, alone.ram_bytes),
        Cost(None, alone.cycles_median, alone.cycles_max),
        budget,
    )
    whole = read_size(elf)
    return Firmware(
        board,
        elf,
        elf.with_suffix(".hex"),
        whole.flash_bytes,
        whole.ram_bytes,
        alone.flash_bytes,
        alone.ram_bytes,
        None,
        alone.cycles_median,
        alone.cycles_max,
    )


def run_selftest(elf: Path, board: Board) -> str:
    """Runs the program on the simulated chip; "" where the green LED alone is lit at its end, else
    what went wrong, as a predicate.
    """
    with SimBoard(board, elf) as chip:
        if not chip.run_until(
            lambda sim: any(value == DONE for _, value in sim.marks), RUN_CYCLES * SAMPLES, 10_000
        ):
            return f"gives no {SAMPLES} answers within {RUN_CYCLES * SAMPLES:,} cycles"
        chip.run(10)
        return (
            ""
            if chip.leds() == (0, 1)
            else f"fails its self-test (LEDs {chip.leds()}, red and green)"
        )


def _write(model: Model, board: Board, directory: Path) -> Path:
    """Writes the program's files; returns the C source."""
    name = check_prefix(model.name)
    text = (
        environment("c")
        .get_template("selftest.c.j2")
        .render(
            version=__version__,
            title=board.title,
            name=name,
            mcu=board.mcu,
            flags=" ".join(FLAGS),
            red=_led(board.red_port),
            green=_led(board.green_port),
        )
    )
    write_all(
        {
            "selftest.c": text,
            f"{name}.h": render_header(model),
            "tinygen_fixed.h": firmware_text("include/tinygen_fixed.h"),
            **vectors(model),
        },
        directory,
    )
    return directory / "selftest.c"


def _led(port: str) -> dict[str, str]:
    """ "PB4" in parts."""
    return {"name": port, "port": port[1], "bit": port[2:]}


def _compile(source: Path, board: Board, avr_gcc: Path) -> Path:
    """The linked program; its Intel HEX stands beside it."""
    elf = source.with_suffix(".elf")
    objcopy = avr_gcc.with_name(avr_gcc.name.replace("avr-gcc", "avr-objcopy"))
    _run([avr_gcc, f"-mmcu={board.mcu}", *FLAGS, source.name, "-o", elf.name], source.parent, board)
    size = read_size(elf)
    if size.flash_bytes > board.flash_bytes or size.ram_bytes > board.ram_bytes:
        raise _does_not_fit(board)
    _run(
        [objcopy, "-O", "ihex", "-R", ".eeprom", elf.name, elf.with_suffix(".hex").name],
        source.parent,
        board,
    )
    return elf


def _run(command: list, directory: Path, board: Board) -> None:
    try:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=COMPILE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(
            f"{Path(command[0]).name} does not run ({type(error).__name__}): run `tinygen setup`"
        ) from error
    if done.returncode and TOO_LARGE.search(done.stderr):
        raise _does_not_fit(board)
    if done.returncode:
        raise BuildError(f"{compiler_error(done.stderr)} (building for {board.title})")


def _does_not_fit(board: Board) -> DoesNotFit:
    return DoesNotFit(
        f"the model with its {SAMPLES} test rows needs more than the {board.flash_bytes} bytes of flash and "
        f"{board.ram_bytes} of RAM of {board.title}: choose a smaller model, "
        "or `tinygen emit` for the header alone"
    )
