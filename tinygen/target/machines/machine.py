"""What a machine is: a way to compile a header, and a way to have it answer rows."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ... import __version__
from ...codegen.emit import headers, runtime
from ...codegen.exports import checked
from ...codegen.parts import render
from ...common.boards import Board
from ...common.jinja import environment
from ...model.signals.any_model import AnyModel
from ..bare import BareChip, measure_cost
from ..chips import Simulator
from .compilers import Compiler
from .simulators import Simulated

FEW_ROWS = 12  # that cycles are measured over where only their sum is known
EMPTY = "-DTINYGEN_EMPTY_PREDICTOR"


@dataclass(frozen=True)
class MachineCost:
    """The model alone on one machine: what the same program without a model takes less."""

    flash_bytes: int
    ram_bytes: int  # static
    stack_bytes: int | None  # None where the simulator does not tell
    cycles: float | None  # median of an answer; None where the simulator does not count them
    cycles_max: int | None  # None where only their sum is known: then `cycles` is the mean


class Machine(Protocol):
    """A compiler and a simulator."""

    @property
    def name(self) -> str: ...
    @property
    def chip(self) -> str:
        """For people."""

    @property
    def compiler_name(self) -> str: ...
    @property
    def simulator_name(self) -> str: ...
    @property
    def rows(self) -> int:
        """That its simulator answers in reasonable time."""

    def missing(self) -> str:
        """What has to be installed for it, as a sentence; "" for nothing."""

    def answers(self, model: AnyModel, rows: np.ndarray) -> np.ndarray:
        """The values of its answers to raw rows, int64 (n, values_per_row); of an AVR whose memory
        is open the first one, (n, 1). BuildError where it does not compile or does not answer.
        """

    def cost(self, model: AnyModel) -> MachineCost | None:
        """Flash, RAM and cycles; None where another machine has the same program."""


@dataclass(frozen=True)
class StreamMachine:
    """Runs a program that reads rows and writes answers."""

    name: str
    chip: str
    compiler: Compiler
    port: str  # how bytes come and go: a template machines/port_NAME.h.j2
    simulator: Simulated
    rows: int
    measured: bool = True  # False where another machine has the same program

    @property
    def compiler_name(self) -> str:
        return self.compiler.name

    @property
    def simulator_name(self) -> str:
        return self.simulator.name

    def missing(self) -> str:
        return self.compiler.missing() or self.simulator.missing()

    def answers(self, model: AnyModel, rows: np.ndarray) -> np.ndarray:
        with tempfile.TemporaryDirectory(prefix="tinygen-") as name:
            program = self._program(model, Path(name))
            return self._run(program, model, rows)[0]

    def cost(self, model: AnyModel) -> MachineCost | None:
        if not self.measured:
            return None
        with tempfile.TemporaryDirectory(prefix="tinygen-") as name:
            folder = Path(name)
            once = self._program(model, folder)
            empty = self.compiler.size(self._program(model, folder / "empty", EMPTY))
            size = self.compiler.size(once)
            cycles = self._cycles(model, folder, once) if self.simulator.counts else None
        flash, ram = size.flash_bytes - empty.flash_bytes, size.ram_bytes - empty.ram_bytes
        return MachineCost(flash, ram, None, cycles, None)

    def _cycles(self, model: AnyModel, folder: Path, once: Path) -> float:
        """Mean cycles of an answer: what a program takes longer that works out each twice."""
        rows = model.sample_rows(FEW_ROWS)
        twice = self._program(model, folder / "twice", times=2)
        one, two = (self._run(program, model, rows)[1] for program in (once, twice))
        assert one is not None and two is not None  # the simulator counts
        return (two - one) / len(rows)

    def _run(
        self, program: Path, model: AnyModel, rows: np.ndarray
    ) -> tuple[np.ndarray, int | None]:
        values = model.values_per_row
        content = len(rows).to_bytes(2, "little") + rows.astype("<i2").tobytes()
        found, clocks = self.simulator.run(program, content, 2 * values * len(rows))
        return np.frombuffer(found, dtype="<i2").astype(np.int64).reshape(-1, values), clocks

    def _program(self, model: AnyModel, folder: Path, *options: str, times: int = 1) -> Path:
        """Path of the linked program; without its model where the options have EMPTY."""
        folder.mkdir(exist_ok=True)
        bench = environment("c").get_template("machines/bench.c.j2")
        port = environment("c").get_template(f"machines/port_{self.port}.h.j2")
        texts = {
            **(_no_header(model) if EMPTY in options else self._headers(model)),
            "tinygen_model.h": render("tinygen_model.h.j2", model),
            "bench_port.h": port.render(),
            "bench.c": bench.render(
                version=__version__, times=times, several=model.values_per_row > 1
            ),
        }
        for file, text in texts.items():
            (folder / file).write_text(text, encoding="ascii")
        return self.compiler.compile(folder / "bench.c", f"model '{model.name}'", *options)

    def _headers(self, model: AnyModel) -> dict[str, str]:
        """The model as `emit` writes it; as `export` does, with what it uses of the runtime inside,
        for a compiler that would link all of the runtime.
        """
        if self.compiler.drops_unused:
            return {**headers(model), **runtime(model)}
        return checked(model)


def _no_header(model: AnyModel) -> dict[str, str]:
    """What a program without a model includes in the place of its header."""
    upper = model.name.upper()
    numbers = f"#define {upper}_INPUTS {len(model.inputs)}\n#define {upper}_MODEL_ID 0\n"
    return {f"{model.name}.h": f"#include <stdint.h>\n{numbers}"}


@dataclass(frozen=True)
class AvrMachine:
    """An AVR whose memory the simulator opens: it runs the bare program."""

    board: Board  # a chip is enough: what its name, clock and memory are
    simulator: type[Simulator]
    rows: int = 10_000
    measured: bool = True

    @property
    def name(self) -> str:
        return f"{self.board.mcu}-{self.simulator.name}"

    @property
    def chip(self) -> str:
        return self.board.title

    @property
    def compiler_name(self) -> str:
        return "avr-gcc"

    @property
    def simulator_name(self) -> str:
        return self.simulator.name

    def missing(self) -> str:
        return self.simulator.missing()

    def answers(self, model: AnyModel, rows: np.ndarray) -> np.ndarray:
        with BareChip(model, self.board, timed=False, simulator=self.simulator) as chip:
            return chip.predict(rows)[:, None]

    def cost(self, model: AnyModel) -> MachineCost | None:
        if not self.measured:
            return None
        cost = measure_cost(model, self.board, simulator=self.simulator)
        timed = not self.board.modern  # yasimavr takes a classic chip's cycles for a newer one's
        cycles = (cost.cycles_median, cost.cycles_max) if timed else (None, None)
        return MachineCost(cost.flash_bytes, cost.ram_bytes, cost.stack_bytes, *cycles)
