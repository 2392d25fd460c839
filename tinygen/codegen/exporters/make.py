"""A program for avr-gcc and make, without Arduino."""

from __future__ import annotations

from ...common.boards import BOARDS, Board
from ...model.signals.any_model import AnyModel
from ..exports import checked, fill
from ..parts import selftest_text


def export(model: AnyModel, board: Board | None = None) -> dict[str, str]:
    """Makefile, main.c for the board's chip, and check.c for this computer."""
    chip = board or BOARDS["uno"]
    main = selftest_text(model, chip, ["-Os", "-std=gnu99"])
    return {
        **checked(model),
        "main.c": main.replace("selftest.c", "main.c").replace("selftest.elf", "main.elf"),
        "check.c": fill("check.c.j2", model),
        "Makefile": fill("Makefile.j2", model, chip),
    }
