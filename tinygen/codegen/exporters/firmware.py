"""A PlatformIO project that streams rows through the model: the firmware and its headers."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files

from ...common.boards import BOARDS, Board, render_platformio_ini
from ...model.signals.any_model import AnyModel
from ..parts import headers, render

SOURCES = (".h", ".c", ".cpp", ".S")


def export(model: AnyModel, board: Board | None = None) -> dict[str, str]:
    """The whole project, for all boards with a firmware or the given one."""
    return project(model, BOARDS.values() if board is None else [board])


def project(model: AnyModel, boards: Iterable[Board]) -> dict[str, str]:
    """The same for these boards."""
    return {
        "platformio.ini": render_platformio_ini(tuple(boards)),
        **{f"include/{name}": text for name, text in headers(model).items()},
        "include/tinygen_model.h": render("tinygen_model.h.j2", model),
        **sources(),
    }


def sources() -> dict[str, str]:
    """The part of the firmware that is the same for every model."""
    return {
        f"{folder}/{entry.name}": entry.read_text(encoding="ascii")
        for folder in ("src", "include")
        for entry in files("tinygen.firmware").joinpath(folder).iterdir()
        if entry.name.endswith(SOURCES) or entry.name == "seal.py"
    }
