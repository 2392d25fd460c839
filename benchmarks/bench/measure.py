"""The one function that measures: code on the simulated chip, every test row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinygen.common.errors import DoesNotFit
from tinygen.common.tables import six_digits
from tinygen.model.model import Model
from tinygen.target.bare import BareChip

from .tasks import BOARDS_TRIED, Task

MOST_LOSS = 0.5  # per cent: of error that an answer in C may lose, or of rows of another class


@dataclass(frozen=True)
class Point:
    """One generator's code of one model on one task, as the chip answers it."""

    package: str  # "tinygen", a peer, or "float C"
    version: str
    model: str
    way: str  # how the generator was called
    fitted: bool  # of the grid; False: found by tinygen's search
    chosen: bool = False  # what tinygen writes unasked
    message: str = ""  # why there are no figures; "" where there are
    board: str = ""
    error: float = 0.0  # of the chip's answers on the test rows
    model_error: float = 0.0  # of the model's own answers in float
    differing: int = 0  # rows: another class, or farther than a step of the target
    rows: int = 0
    flash_bytes: int = 0
    ram_bytes: int = 0  # static
    stack_bytes: int = 0
    cycles_median: int = 0
    cycles_max: int = 0  # ours: a bound of the linked code; a peer's: the most that was seen
    cycles_seen: int = 0
    weights: int = 0
    splits: float = 0.0  # that an answer asks, on average
    limit_loaded: float = 0.0  # cycles that the instruction set allows, see limit.py; ours alone
    limit_held: float = 0.0
    classes: bool = False

    @property
    def ours(self) -> bool:
        return self.package == "tinygen"

    @property
    def right(self) -> bool:
        """Answers as its model does: of classes all but 0.5 % of the rows, of numbers with an error
        that is at most 0.5 % larger.
        """
        if self.message:
            return False
        if self.classes:
            return 100 * self.differing <= MOST_LOSS * self.rows
        return self.error <= self.model_error * (1 + MOST_LOSS / 100)

    @property
    def otherwise(self) -> str:
        """How it answers otherwise than its model does."""
        if self.classes or not self.model_error:
            return f"answers {self.differing} rows otherwise"
        return f"errs {100 * (self.error / self.model_error - 1):.1f} % more than its model"


@dataclass(frozen=True)
class Told:
    """What a chip answers, and what that costs."""

    answers: np.ndarray  # int64 (n,), raw
    figures: dict  # those of a Point


def measured(
    model: Model, rows: np.ndarray, header: str | None = None, options: Sequence[str] = ()
) -> Told:
    """The code on the Uno's chip, on the Mega's where it does not fit. header: C text in place of
    the model's own, which has no bound then. DoesNotFit, BuildError with the compiler's message.
    """
    for board in BOARDS_TRIED:
        try:
            with BareChip(model, board, header, options=options) as chip:
                answers = chip.predict(rows)
                flash, ram, stack = chip.model_bytes()
                cycles, bound = chip.cycles, None if header else chip.bound()
        except DoesNotFit:
            if board is BOARDS_TRIED[-1]:
                raise
            continue
        break
    seen = int(cycles.max())
    figures = {
        "board": board.mcu,
        "flash_bytes": flash,
        "ram_bytes": ram,
        "stack_bytes": bound.stack_bytes if bound else stack,
        "cycles_median": int(np.median(cycles)),
        "cycles_max": bound.cycles if bound else seen,
        "cycles_seen": seen,
    }
    return Told(answers, figures)


def judged(task: Task, answers: np.ndarray, reference: np.ndarray) -> dict:
    """Errors on the test rows of the chip's answers and of the model's own, both in raw steps of
    the target, or classes.
    """
    data = task.dataset
    y, classes = data.y[data.test], bool(data.labels)

    def error(told: np.ndarray) -> float:
        if classes:
            return float((told != y).mean())
        return float(np.abs(told - y).mean() * data.target.scale)

    return {
        "error": six_digits(error(answers)),
        "model_error": six_digits(error(reference)),
        "differing": int((np.abs(answers - reference) > (0.5 if classes else 1.0)).sum()),
        "rows": len(y),
        "classes": classes,
    }
