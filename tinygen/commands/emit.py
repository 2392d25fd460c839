"""`tinygen emit`: a model file as a C library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.boards import BOARDS, find_board
from ..common.choices import OPTIMIZE
from ..common.errors import UsageError
from ..common.files import require_folder_place
from ._limits import pinned
from ._options import FILE, MODEL, among, model_argument
from ._show import shows
from ._spec import FromSpec
from .build import wired

if TYPE_CHECKING:
    from ..model.signals.any_model import AnyModel


@dataclass(frozen=True)
class Emitted:
    """Files written for a model."""

    model: AnyModel
    paths: tuple[Path, ...]

    def text(self) -> str:
        """One path a line."""
        return "\n".join(map(str, self.paths))

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"files": [str(path) for path in self.paths]}


def emit(
    model: Path,
    out: Path,
    optimize: str | None = None,
    board: str | None = None,
    pins: Mapping[str, int] | None = None,
) -> Emitted:
    """The library of a model file, its C written for `optimize` if given; its sketches have the
    LEDs of one board at `pins`, by role.
    """
    from ..codegen.emit import emit_library
    from ..model.signals.any_model import load_any

    twin = load_any(model)
    twin = twin.optimized_for(optimize) if optimize else twin
    if pins and not board:
        raise UsageError("LED pins are those of a board: name it with --board")
    chip = wired(find_board(board), twin, pins) if board else None
    require_folder_place(out)
    return Emitted(twin, tuple(emit_library(twin, out, {MODEL: model}, chip)))


def _moved(value: str | None) -> None:
    """UsageError for --format, which was an option here."""
    if value:
        raise UsageError(
            "emit writes the library and has no --format: for a project with the firmware take "
            "`tinygen export MODEL.json --as firmware -o DIR`"
        )


@click.command("emit", cls=FromSpec)
@model_argument
@click.option(
    "-o",
    "--out",
    type=FILE,
    required=True,
    metavar="DIR",
    help="Folder to write.",
)
@click.option(
    "--format",
    hidden=True,
    expose_value=False,
    callback=lambda context, parameter, value: _moved(value),
)
@click.option(
    "--optimize",
    type=click.Choice(OPTIMIZE),
    help="What the C is written for; by default as it was trained.",
)
@click.option(
    "--board",
    shell_complete=among(BOARDS),
    metavar="ID",
    help="Whose LED pins the sketches have; default: the Uno's.",
)
@pinned
@shows
def command(model, **options):
    """Write the C header and an example sketch into DIR.

    With the runtime headers and test vectors, DIR is a library for the Arduino IDE and for
    PlatformIO. `tinygen export` writes other forms.

    \b
    Example:
      tinygen emit benzene.json -o benzene/
    """
    return emit(model, **options)
