"""One header that needs no other file, and a program that checks it."""

from __future__ import annotations

from ...common.boards import Board
from ...model.signals.any_model import AnyModel
from ..exports import checked, fill


def export(model: AnyModel, board: Board | None = None) -> dict[str, str]:
    """NAME.h with the runtime inside; in `example`, check.c and its rows."""
    texts = checked(model)
    name = f"{model.name}.h"
    rows = {f"example/{path}": text for path, text in texts.items() if path != name}
    return {name: texts[name], **rows, "example/check.c": fill("check.c.j2", model)}
