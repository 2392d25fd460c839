"""Several models in one firmware: compiled, run on the virtual board, and what each of them costs.

A model's cost is the firmware with it alone, less the firmware without a model. All together cost
less than the sum of that, by what they share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..codegen.projects.together import Together
from ..common.boards import Board
from ..common.errors import BuildError, CheckError
from ..common.progress import Progress, silent
from ..host import protocol
from ..host.check import answer_difference, expect, led_difference
from ..model.model import Model
from .avr_gcc import Size, check_board, compile_project, read_size
from .build import (
    NO_LIMITS,
    Budget,
    Cost,
    check_budget,
    cost_of_runs,
    measure_model,
    next_reply,
)
from .toolchain import Toolchain, ensure, was_set_up

ROWS = 256  # of each model, seeded, corners of the ranges among them


@dataclass(frozen=True)
class Part:
    """What one of several models costs."""

    name: str
    number: int  # in the frames of its rows
    flash_bytes: int  # firmware with this model alone, less the firmware without a model
    ram_bytes: int
    cycles_median: int | None  # None where there is no simulator
    cycles_max: int | None  # as in build.Cost
    cycles_seen: int | None = None


@dataclass(frozen=True)
class SharedFirmware:
    """A program with several models, ready to be loaded, and what it costs."""

    board: Board
    elf: Path
    hex: Path
    flash_bytes: int  # the whole program
    ram_bytes: int
    parts: tuple[Part, ...]
    models_flash_bytes: int  # all models: program less the same one without a model
    models_ram_bytes: int
    stack_bytes: int | None  # None where the virtual board cannot run the whole program

    @property
    def shared_flash_bytes(self) -> int:
        """What the models take less than the sum of each alone."""
        return sum(part.flash_bytes for part in self.parts) - self.models_flash_bytes

    @property
    def shared_ram_bytes(self) -> int:
        return sum(part.ram_bytes for part in self.parts) - self.models_ram_bytes


def build_together(
    project: Together, board: Board, budget: Budget | None = None, progress: Progress = silent
) -> SharedFirmware:
    """The firmware of `project` for `board`, run on the virtual board with rows of all its models
    in turn. `budget`: flash and RAM of the models together, cycles of each.

    Raises BuildError when the compiler fails or is missing, CheckError when the program does not
    fit the board, a model is over the budget, or an answer is not the model's.
    """
    tools = ensure(progress, install=not was_set_up())
    alone = [f"_only_{number}" for number in range(len(project.models))]
    twins = ("", "_empty", *alone)
    try:
        elf, empty, *only = compile_project(project.directory, board, tools, progress, twins)
        check_board(read_size(elf), board)
    except CheckError as error:
        raise _with_figures(error, project, board, tools, progress) from None
    whole, bare = read_size(elf), read_size(empty)
    costs = run_in_turn(project.models, board, elf, tools, progress)
    models = _less(whole, bare)
    parts = []
    for number, (model, one, cost) in enumerate(zip(project.models, only, costs)):
        size = _less(read_size(one), bare)
        cycles = (cost.cycles_median, cost.cycles_max, cost.cycles_seen) if cost else (None, None)
        parts.append(Part(model.name, number, size.flash_bytes, size.ram_bytes, *cycles))
        check_budget(models, cost, budget or NO_LIMITS)
    return SharedFirmware(
        board,
        elf,
        elf.with_suffix(".hex"),
        whole.flash_bytes,
        whole.ram_bytes,
        tuple(parts),
        models.flash_bytes,
        models.ram_bytes,
        costs[0].stack_bytes if costs[0] else None,
    )


def _less(one: Size, other: Size) -> Size:
    return Size(one.flash_bytes - other.flash_bytes, one.ram_bytes - other.ram_bytes)


def _with_figures(
    error: CheckError, project: Together, board: Board, tools: Toolchain, progress: Progress
) -> CheckError:
    """The same error, with what firmware and models take; as it is where one alone is too large."""
    twins = ("_empty", *(f"_only_{number}" for number in range(len(project.models))))
    try:
        empty, *only = compile_project(project.directory, board, tools, progress, twins)
    except (BuildError, CheckError):
        return error
    bare = read_size(empty)
    sizes = [_less(read_size(one), bare) for one in only]
    each = ", ".join(
        f"'{model.name}' {size.flash_bytes:,} and {size.ram_bytes:,}"
        for model, size in zip(project.models, sizes)
    )
    return CheckError(
        f"{str(error).partition(';')[0]}; in bytes of flash and of RAM the firmware takes "
        f"{bare.flash_bytes:,} and {bare.ram_bytes:,}, {each}: leave one out or take a bigger board"
    )


# ---- run ----


def run_in_turn(
    models: Sequence[Model], board: Board, elf: Path, tools: Toolchain, progress: Progress
) -> list[Cost] | list[None]:
    """What running each model takes on the virtual board, over seeded rows of all in turn; None
    where there is no simulator. CheckError where an answer is not the model's.
    """
    if tools.simavr_library is None:
        return [None] * len(models)
    progress(f"running the models in turn on the virtual {board.title}")
    if not board.streams_simulated:
        return [measure_model(model, board) for model in models]
    from ..host.virtual.simavr import SimBoard

    rows = [model.sample_rows(ROWS, seed=0) for model in models]
    with SimBoard(board, elf) as simulated:
        wrong = next(_wrong_answers(simulated, models, rows, board), None)
        if wrong:
            raise CheckError(f"the firmware for {board.title} on the virtual board: {wrong}")
        runs, stack = simulated.inferences, simulated.stack_bytes
    return [
        cost_of_runs(runs[k :: len(models)], stack, model, board, elf, f"model_{k}_run")
        for k, model in enumerate(models)
    ]


def _wrong_answers(
    simulated, models: Sequence[Model], rows: Sequence[np.ndarray], board: Board
) -> Iterator[str]:
    """Sends a row of each model in turn; what is wrong with the answers, one line for each."""
    version = protocol.MODELS_VERSION
    seeds = {k: protocol.model_seed(model.model_id) for k, model in enumerate(models)}
    decoder = protocol.Decoder(version=version, seeds=seeds)
    expected = [expect(model, some) for model, some in zip(models, rows)]

    session = next_reply(simulated, decoder, board, protocol.Info, version).session
    for seq in range(ROWS * len(models)):
        place, number = divmod(seq, len(models))
        row = rows[number][place].tolist()
        asked = session, seq & 0xFF, row, seeds[number], version, number
        simulated.write(protocol.encode_row(*asked))
        told = next_reply(simulated, decoder, board, protocol.Result, version)
        right = expected[number]
        difference = answer_difference(told, right, place)
        if difference := difference or led_difference(told, {right.pins[place]}):
            yield f"'{models[number].name}', row {place}: {difference}"
