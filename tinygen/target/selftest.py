"""The program for a chip without a serial port: the model, rows and their right answers; a green
LED where all agree.

Written, compiled with the bare compiler (no Arduino) and run on the simulated chip before it is
handed on, where a simulator knows the chip.
"""

from __future__ import annotations

from pathlib import Path

from ..codegen.emit import (
    SAMPLES,
    headers,
    runtime,
    selftest_text,
    test_rows,
    vectors,
    write_all,
)
from ..common.boards import Board
from ..common.errors import CheckError
from ..common.progress import Progress
from ..model.signals.any_model import AnyModel
from .avr_gcc import OPTIONS, Size, compile_c, read_size, to_hex
from .bare import measure_cost, measure_size
from .build import NO_LIMITS, Budget, Cost, Firmware, check_budget
from .chips import simulator_for, why_not_simulated
from .toolchain import ensure, was_set_up

RUN_CYCLES = 2_000_000  # for each row: a model slower than this counts as hung
DONE = 2  # in GPIOR0
SOURCE = "selftest.c"


def build_selftest(
    model: AnyModel,
    board: Board,
    out_dir: Path,
    budget: Budget = NO_LIMITS,
    progress: Progress = lambda text: None,
) -> Firmware:
    """The self-test of `model` for `board` in `out_dir`, passed on the simulated chip; its sizes,
    and the model's alone. Where no simulator runs the chip it is built only, and has no cycles.

    DoesNotFit where the chip is too small, BuildError where it does not compile, CheckError where
    an answer is wrong or the model is over `budget`.
    """
    ensure(progress, install=not was_set_up())
    progress(f"compiling for {board.title}")
    source = write_all(selftest_files(model, board), Path(out_dir))[0]
    elf = compile_c(source, board, f"model '{model.name}' with its {test_rows(model)} test rows")
    if why := why_not_simulated(board):
        progress(f"not run: {why}")
        size, cost = measure_size(model, board), None
    else:
        _require_passed(elf, model, board, progress)
        alone = measure_cost(model, board)
        size = Size(alone.flash_bytes, alone.ram_bytes)
        cost = Cost(None, alone.cycles_median, alone.cycles_max, alone.cycles_seen)
    check_budget(size, cost, budget)
    whole = read_size(elf)
    return Firmware(
        board,
        elf,
        to_hex(elf, board),
        whole.flash_bytes,
        whole.ram_bytes,
        size.flash_bytes,
        size.ram_bytes,
        None,
        cost.cycles_median if cost else None,
        cost.cycles_max if cost else None,
        cost.cycles_seen if cost else None,
    )


def _require_passed(elf: Path, model: AnyModel, board: Board, progress: Progress) -> None:
    progress(f"running the self-test on the simulated {board.title}")
    if wrong_or_hung := run_selftest(elf, board, test_rows(model)):
        raise CheckError(
            f"model '{model.name}' {wrong_or_hung} on the simulated {board.title}: "
            "this is an internal error, please report it"
        )
    progress(f"self-test passed: {test_rows(model)} rows, green LED at {board.green_port}")


def run_selftest(elf: Path, board: Board, rows: int = SAMPLES) -> str:
    """Runs the program on the simulated chip; "" where the green LED alone is lit at its end, else
    what went wrong, as a predicate.
    """
    with simulator_for(board)(board, elf) as chip:
        if not chip.run_until(
            lambda sim: any(value == DONE for _, value in sim.marks), RUN_CYCLES * rows, 10_000
        ):
            return f"gives no {rows} answers within {RUN_CYCLES * rows:,} cycles"
        chip.run(10)
        return (
            ""
            if chip.leds() == (0, 1)
            else f"fails its self-test (LEDs {chip.leds()}, red and green)"
        )


def selftest_files(model: AnyModel, board: Board) -> dict[str, str]:
    """The texts of the program by file, the C source first."""
    return {
        SOURCE: selftest_text(model, board, OPTIONS),
        **headers(model),
        **runtime(model),
        **vectors(model),
    }
