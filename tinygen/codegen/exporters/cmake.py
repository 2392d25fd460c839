"""A CMake target, and a test for ctest."""

from __future__ import annotations

from ...common.boards import Board
from ...model.signals.any_model import AnyModel
from ..exports import checked, fill


def export(model: AnyModel, board: Board | None = None) -> dict[str, str]:
    """CMakeLists.txt, include/NAME.h, and the check in `test`."""
    texts = checked(model)
    return {
        "CMakeLists.txt": fill("CMakeLists.txt.j2", model),
        f"include/{model.name}.h": texts[f"{model.name}.h"],
        f"test/{model.name}_vectors.h": texts[f"{model.name}_vectors.h"],
        "test/check.c": fill("check.c.j2", model),
    }
