"""`tinygen emit`: a model file as a C library."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.choices import OPTIMIZE
from ..common.files import require_folder_place
from ._options import FILE, MODEL, members, model_argument
from ._show import shows
from ._spec import FromSpec

if TYPE_CHECKING:
    from ..model.model import Model

FORMATS = members("codegen/exporters")


@dataclass(frozen=True)
class Emitted:
    """Files written for a model."""

    model: Model
    paths: tuple[Path, ...]

    def text(self) -> str:
        """One path a line."""
        return "\n".join(map(str, self.paths))

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"files": [str(path) for path in self.paths]}


def emit(model: Path, out: Path, form: str = "arduino", optimize: str | None = None) -> Emitted:
    """What the exporter `form` makes of a model file, its C written for `optimize` if given."""
    from ..codegen.emit import export
    from ..model.model import load

    twin = load(model)
    twin = replace(twin, optimize=optimize) if optimize else twin
    require_folder_place(out)
    return Emitted(twin, tuple(export(twin, out, form, {MODEL: model})))


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
@shows
def command(model, out, form, optimize):
    """Write the C header and an example sketch into DIR.

    With the runtime header and test vectors, DIR is a library for the Arduino IDE and for
    PlatformIO.

    \b
    Example:
      tinygen emit benzene.json -o benzene/
    """
    return emit(model, out, form, optimize)
