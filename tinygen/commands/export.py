"""`tinygen export`: a model file as what another tool takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

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
from .emit import Emitted

FORMATS = [name.replace("_", "-") for name in members("codegen/exporters")]


def export(
    model: Path,
    form: str,
    out: Path,
    optimize: str | None = None,
    board: str | None = None,
    pins: Mapping[str, int] | None = None,
) -> Emitted:
    """What the exporter `form` makes of a model file, its C written for `optimize` if given, for
    one board with its LEDs at `pins`, by role, or for any.
    """
    from ..codegen.emit import export as written
    from ..model.signals.any_model import load_any

    twin = load_any(model)
    twin = twin.optimized_for(optimize) if optimize else twin
    if pins and not board:
        raise UsageError("LED pins are those of a board: name it with --board")
    chip = wired(find_board(board), twin, pins) if board else None
    if chip and form == "firmware" and not chip.has_firmware:
        raise UsageError(
            f"board '{chip.pio_id}' {chip.alone_because} and gets no firmware: leave --board out, "
            "or take another format"
        )
    require_folder_place(out)
    return Emitted(twin, tuple(written(twin, out, form, {MODEL: model}, chip)))


@click.command("export", cls=FromSpec)
@model_argument
@click.option("--as", "form", type=click.Choice(FORMATS), required=True, help="What to write.")
@click.option(
    "-o",
    "--out",
    type=FILE,
    required=True,
    metavar="DIR",
    help="Folder to write; of the files in it only those are replaced that an export has written.",
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
    help="Whose chip and LED pins are meant; default: the Uno's, of firmware all.",
)
@pinned
@shows
def command(model, **options):
    """Write the model for another tool into DIR.

    Every format but library and firmware holds a check: rows, their right answers, and a program
    that compares.

    \b
    header        one C header that needs no other file
    arduino       library by the rules of the Arduino Library Manager
    platformio    library for PlatformIO
    cmake         target and test
    make          program for avr-gcc, without Arduino
    zephyr        module
    wokwi         simulator project with sliders and LEDs
    micropython   one Python file of the same integers
    json-vectors  rows and answers for a port of your own
    library       what `tinygen emit` writes: header and runtime in files
    firmware      PlatformIO project that streams rows

    \b
    Example:
      tinygen export benzene.json --as header -o benzene/
    """
    return export(model, **options)
