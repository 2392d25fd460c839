"""What a model alone costs on a chip, and what it answers there: compiled and simulated, without
Arduino.

A bare program is built twice, with the model and with an empty predictor; the difference in flash,
static RAM and stack is the model's. `build` measures the same on the whole firmware. What an answer
takes at most, in cycles and stack, is read off the linked code (bound/), where it can be.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..codegen.emit import bare_main, render_bare, runtime
from ..common.boards import Board
from ..common.errors import BuildError, CheckError, DoesNotFit, LinkError
from ..host.virtual.image import symbols_of
from ..model.signals import SignalModel
from ..model.signals.any_model import AnyModel
from .avr_gcc import Size, compile_c, read_size
from .bound import CycleBound, Unbounded, cycle_bound
from .chips import SIMULATORS, Simulator, simulator_for

RAM_FOR_ROWS = 0.4  # part of the chip's RAM that waiting rows may take
RAM_FOR_STACK = 0.25  # the same that they must leave for the stack
START_CYCLES = 100_000  # the C start-up code clears at most 8 KB of variables in this time
CYCLES_PER_ROW = 8_000_000  # a model slower than this counts as hung: 255 trees of 255 sums
EMPTY_MODEL = """#include <stdint.h>
#define MODEL_INPUTS {inputs}
#define model_predict(x) ((x)[0])
"""  # stands in for tinygen_model.h


@dataclass(frozen=True)
class ModelCost:
    """The model alone on one chip."""

    flash_bytes: int
    ram_bytes: int  # static
    stack_bytes: int  # of the call, on top of the caller's
    cycles_median: int  # per inference
    # no answer takes more; where no bound is known the most that was seen
    cycles_max: int
    cycles_seen: int | None = None  # most in the simulator; None: `cycles_max` is that, no bound

    @property
    def ram_with_stack(self) -> int:
        """Bytes of RAM, static and stack."""
        return self.ram_bytes + self.stack_bytes

    @property
    def words(self) -> str:
        """What it takes, for people."""
        return (
            f"{self.flash_bytes:,} bytes of flash, {self.ram_with_stack:,} of RAM with stack, "
            f"{self.most_cycles}"
        )

    def plain(self) -> dict[str, int]:
        """As a file keeps it."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @property
    def most_cycles(self) -> str:
        """Cycles of the worst case, for people."""
        seen = " seen" if self.cycles_seen is None else ""
        return f"{self.cycles_max:,} cycles at most{seen}"


class BareChip:
    """A simulated chip that runs the model alone. A context manager.

    timed: False where only answers are wanted: no cycles are counted, and a row of a small model
    takes half of the time. options: of the compiler, on top of its own. simulator: another one than
    the chip's own.
    """

    def __init__(
        self,
        model: AnyModel,
        board: Board,
        header: str | None = None,
        timed: bool = True,
        options: Sequence[str] = (),
        simulator: type[Simulator] | None = None,
    ) -> None:
        self.model, self.board = model, board
        self._simulator = simulator or simulator_for(board)
        self._folder = Path(tempfile.mkdtemp(prefix="tinygen-"))
        self.block = _block(board, len(model.inputs))
        try:
            self.elf = self._compiled(header, options)
            self._symbols = symbols(self.elf)
            self._sim = self._simulator(board, self.elf, watch_marks=timed)
            self._sim.run(START_CYCLES)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def _compiled(self, header: str | None, options: Sequence[str]) -> Path:
        """The program; where the rows leave the model no room, with one row at a time."""
        with suppress(DoesNotFit):
            elf = compile_bare(self.model, self.board, self._folder, self.block, header, *options)
            if read_size(elf).ram_bytes <= (1 - RAM_FOR_STACK) * self.board.ram_bytes:
                return elf
        self.block = 1
        return compile_bare(self.model, self.board, self._folder, 1, header, *options)

    def predict(self, raw: np.ndarray) -> np.ndarray:
        """The chip's raw answers, int64 (n,), to raw rows of shape (n, inputs). DoesNotFit where
        the stack needs RAM that the variables have.
        """
        raw = np.asarray(raw, dtype="<i2").reshape(-1, len(self.model.inputs))
        found = [self._run(raw[k : k + self.block]) for k in range(0, len(raw), self.block)]
        self._require_room()
        return np.concatenate(found or [np.zeros(0, int)])

    def _require_room(self) -> None:
        """DoesNotFit where the stack has run into the variables: no answer can be relied on."""
        if self._sim.stack_full:
            raise DoesNotFit(
                f"model '{self.model.name}' alone, its stack included, needs more than the "
                f"{self.board.ram_bytes} bytes of RAM of {self.board.title}: "
                "choose a smaller model or a larger board"
            )

    def _run(self, rows: np.ndarray) -> np.ndarray:
        flag = self._symbols["bare_rows"]
        self._sim.write_memory(self._symbols["bare_x"], rows.tobytes())
        self._sim.write_memory(flag, bytes([len(rows)]))
        try:
            done = self._sim.run_until(
                lambda sim: sim.read_memory(flag, 1) == b"\0", CYCLES_PER_ROW * len(rows), 4000
            )
        except LinkError:  # a return address may have been written over
            self._require_room()
            raise
        if not done:
            self._require_room()
            raise BuildError(
                f"model '{self.model.name}' did not answer within {CYCLES_PER_ROW} cycles on "
                f"{self.board.title}"
            )
        return np.frombuffer(
            self._sim.read_memory(self._symbols["bare_y"], 2 * len(rows)), dtype="<i2"
        ).astype(np.int64)

    @property
    def cycles(self) -> np.ndarray:
        """Cycles of every inference so far."""
        return np.array([inference.cycles for inference in self._sim.inferences])

    @property
    def stack_bytes(self) -> int:
        return self._sim.stack_bytes

    def bound(self) -> CycleBound | None:
        """What no inference exceeds; None where it has no bound. CheckError where one cannot be
        found, or where the simulator has seen more.
        """
        if not has_bound(self.model, self.board):
            return None
        return bounded(
            self.elf, self.board, f"model '{self.model.name}'", int(self.cycles.max(initial=0))
        )

    def model_bytes(self) -> tuple[int, int, int]:
        """(flash, static RAM, stack) of the model: what the same program without one takes less."""
        empty, empty_stack = _empty(
            self.board, len(self.model.inputs), self.block, self._simulator.name
        )
        size = read_size(self.elf)
        return (
            max(size.flash_bytes - empty.flash_bytes, 0),  # a constant reads no input
            size.ram_bytes - empty.ram_bytes,
            self.stack_bytes - empty_stack,
        )

    def __enter__(self) -> BareChip:
        return self

    def __exit__(self, *error) -> None:
        self._sim.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def measure_size(model: AnyModel, board: Board) -> Size:
    """Flash and static RAM of `model` on `board`'s chip, which nothing runs."""
    with tempfile.TemporaryDirectory(prefix="tinygen-") as folder:
        size = read_size(compile_bare(model, board, Path(folder), 1))
    with tempfile.TemporaryDirectory(prefix="tinygen-") as folder:
        empty = read_size(_compile_empty(board, Path(folder), len(model.inputs), 1))
    return Size(
        max(size.flash_bytes - empty.flash_bytes, 0),  # a constant reads no input
        size.ram_bytes - empty.ram_bytes,
    )


def measure_cost(
    model: AnyModel,
    board: Board,
    rows: np.ndarray | None = None,
    header: str | None = None,
    options: Sequence[str] = (),
    simulator: type[Simulator] | None = None,
) -> ModelCost:
    """Cost of `model` on `board`'s chip; cycles over `rows`, by default seeded ones with corners.

    header: C text of another predictor with the same names and inputs, measured in the model's
    place and not bounded; options: of the compiler, on top of its own; simulator: another one than
    the chip's own.
    """
    rows = model.sample_rows(64) if rows is None else rows
    with BareChip(model, board, header, options=options, simulator=simulator) as chip:
        chip.predict(rows)
        flash, ram, stack = chip.model_bytes()
        median, seen = int(np.median(chip.cycles)), int(chip.cycles.max())
        bound = None if header else chip.bound()
        if bound is None:
            return ModelCost(flash, ram, stack, median, seen)
        return ModelCost(flash, ram, bound.stack_bytes, median, bound.cycles, seen)


def has_bound(model: AnyModel, board: Board) -> bool:
    """False on a chip that is no classic AVR, and of a model of signals, whose memory the bound
    knows nothing of.
    """
    return not board.modern and not isinstance(model, SignalModel)


def bounded(elf: Path, board: Board, what: str, seen: int, through: str = "") -> CycleBound:
    """The bound of a linked program for a classic AVR; CheckError where there is none, or where it
    is below the most cycles that a simulator has seen. through: as in cycle_bound.
    """
    try:
        found = cycle_bound(elf, board.mcu, through)
    except Unbounded as error:
        raise CheckError(f"{what} has no bound of its cycles on {board.title}: {error}") from None
    if found.cycles < seen:
        raise CheckError(
            f"{what} took {seen} cycles on the simulated {board.title}, its bound is "
            f"{found.cycles}: this is an internal error, please report it"
        )
    return found


@lru_cache(maxsize=64)
def _empty(board: Board, inputs: int, block: int, simulator: str) -> tuple[Size, int]:
    """Size and stack bytes of the bare program without a model: the same for every model of so many
    inputs, `block` rows at a time.
    """
    with tempfile.TemporaryDirectory() as folder:
        elf = _compile_empty(board, Path(folder), inputs, block)
        with SIMULATORS[simulator](board, elf) as chip:
            chip.run(START_CYCLES)
            chip.write_memory(symbols(elf)["bare_rows"], b"\1")
            chip.run(4000)
            return read_size(elf), chip.stack_bytes


def _compile_empty(board: Board, folder: Path, inputs: int, block: int) -> Path:
    """Path of the bare program without a model."""
    texts = {"bare.c": bare_main(block), "tinygen_model.h": EMPTY_MODEL.format(inputs=inputs)}
    return _compile(texts, board, folder, "the program without a model")


def _block(board: Board, inputs: int) -> int:
    """Rows that wait on the chip at a time."""
    return int(np.clip(board.ram_bytes * RAM_FOR_ROWS // (2 * inputs + 2), 1, 64))


def compile_bare(
    model: AnyModel,
    board: Board,
    folder: Path,
    rows: int,
    header: str | None = None,
    *options: str,
) -> Path:
    """Path of the linked bare program; DoesNotFit if the chip is too small, BuildError with the
    compiler's first error.
    """
    texts = {
        **render_bare(model, rows),
        **({f"{model.name}.h": header} if header else {}),
        **runtime(model),
    }
    return _compile(texts, board, folder, f"model '{model.name}' alone", *options)


def _compile(texts: dict[str, str], board: Board, folder: Path, what: str, *options: str) -> Path:
    """Links the texts, one of them bare.c; DoesNotFit and BuildError as above."""
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="ascii")
    return compile_c(folder / "bare.c", board, what, "-Werror", *options)


def symbols(elf: Path) -> dict[str, int]:
    """Data addresses of the program's symbols."""
    return {s.name: s.value & 0xFFFF for s in symbols_of(elf) if s.name.startswith("bare_")}
