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
from ._options import FILE, MODEL, among, members, model_argument
from ._show import shows
from ._spec import FromSpec
from .build import wired

if TYPE_CHECKING:
    from ..model.signals.any_model import AnyModel

FORMATS = members("codegen/exporters")


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
    form: str = "arduino",
    optimize: str | None = None,
    board: str | None = None,
    pins: Mapping[str, int] | None = None,
) -> Emitted:
    """What the exporter `form` makes of a model file, its C written for `optimize` if given, for
    one board with its LEDs at `pins`, by role, or for any.
    """
    from ..codegen.emit import export
    from ..model.signals.any_model import load_any

    twin = load_any(model)
    twin = twin.optimized_for(optimize) if optimize else twin
    if pins and not board:
        raise UsageError("LED pins are those of a board: name it with --board")
    chip = wired(find_board(board), twin, pins) if board else None
    if chip and form == "platformio" and not chip.has_firmware:
        raise UsageError(
            f"board '{chip.pio_id}' has no serial port and gets no project: leave --board out, or "
            "emit a library"
        )
    require_folder_place(out)
    return Emitted(twin, tuple(export(twin, out, form, {MODEL: model}, chip)))


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
    "form",
    type=click.Choice(FORMATS),
    default="arduino",
    show_default=True,
    help="A library for Arduino and PlatformIO, or a PlatformIO project with the firmware.",
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
    help="The only board of a project, and whose pins are meant; default: all.",
)
@pinned
@shows
def command(model, **options):
    """Write the C header and an example sketch into DIR.

    With the runtime header and test vectors, DIR is a library for the Arduino IDE and for
    PlatformIO.

    \b
    Example:
      tinygen emit benzene.json -o benzene/
    """
    return emit(model, **options)
