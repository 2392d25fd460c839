"""What is known of a model's answers beyond the rows that were tried.

A model of one input is run over all that its input can be, on the simulated chip, with the code as
it is linked. A model of more inputs rests on its kernels: each one in assembly was compared with
the same kernel in C for all of its operands, when tinygen was tested (docs/checks.md).
"""

from __future__ import annotations

import numpy as np

from ..common.boards import Board
from ..common.errors import BuildError
from ..model.fixedpoint import INT16_MAX
from ..model.model import Model
from .bare import BareChip

EXHAUSTIVE, BY_KERNELS = "exhaustive", "by kernels"
EVERY = 1 << 16  # values of an input


def prove_answers(model: Model, board: Board) -> str:
    """EXHAUSTIVE where the simulated chip has answered all inputs as the model does, else
    BY_KERNELS. BuildError where an answer differs, which is a defect of ours.
    """
    decided = model.decided
    if len(decided.inputs) > 1 or decided.more:
        return BY_KERNELS
    every = np.arange(-INT16_MAX - 1, INT16_MAX + 1)[:, None]
    with BareChip(decided, board, timed=False) as chip:
        wrong = every[chip.predict(every) != decided.predict(every), 0]
    if len(wrong):
        raise BuildError(
            f"internal error: the chip answers {len(wrong)} of {EVERY:,} inputs otherwise than "
            f"the model, the raw input {wrong[0]} first: report it with the model file"
        )
    return EXHAUSTIVE


def proof_lines(proof: str, board: Board) -> list[str]:
    """The same for people: a line where everything was tried."""
    if proof != EXHAUSTIVE:
        return []
    return [f"proof      all {EVERY:,} inputs tried on the simulated {board.title}: none differs"]
