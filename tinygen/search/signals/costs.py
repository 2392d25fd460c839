"""What a model of signals takes on the chip: per sample, and where a window ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...common.boards import Board
from ...common.tables import six_digits
from ...model.signals import SignalModel
from ...target.bare import BareChip

WINDOWS_MEASURED = 4
MOST_SAMPLES = 12_000


@dataclass(frozen=True)
class SignalCost:
    """Front end, model of a window and vote, measured in the simulator."""

    flash_bytes: int
    ram_bytes: int  # static: panes and filters
    stack_bytes: int
    cycles_sample: int  # median of the samples that end no window
    cycles_window: int  # most that a sample took: the last one of a window
    load: float  # part of the processor's time at the model's rate, mean

    @property
    def ram_with_stack(self) -> int:
        return self.ram_bytes + self.stack_bytes

    @property
    def words(self) -> str:
        """What it takes, for people."""
        return (
            f"{self.flash_bytes:,} bytes of flash, {self.ram_with_stack:,} of RAM with stack, "
            f"{self.cycles_sample:,} cycles a sample, {self.cycles_window:,} where a window ends, "
            f"{self.load:.1%} of the processor"
        )

    def facts(self, board: Board) -> dict[str, Any]:
        """What a model keeps of it, and of the board it was measured on: plain JSON."""
        return {
            "board": board.pio_id,
            "f_cpu_hz": board.f_cpu_hz,
            "flash_bytes": self.flash_bytes,
            "ram_bytes": self.ram_bytes,
            "stack_bytes": self.stack_bytes,
            "cycles_sample": self.cycles_sample,
            "cycles_window": self.cycles_window,
            "load": six_digits(self.load),
        }


def measure_signals(model: SignalModel, board: Board) -> SignalCost:
    """The cost on a board's chip, over samples that reach the corners."""
    front = model.front
    samples = min(front.window + WINDOWS_MEASURED * front.hop, MOST_SAMPLES)
    samples = max(samples, front.window + front.hop)
    with BareChip(model, board) as chip:
        chip.predict(model.sample_rows(samples))
        cycles = chip.cycles
        return SignalCost(
            *chip.model_bytes(),
            int(np.median(cycles)),
            int(cycles.max()),
            float(cycles.mean()) * model.rate_hz / board.f_cpu_hz,
        )
