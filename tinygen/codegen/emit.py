"""C text from a model: the door of the only room that writes C.

Templates own all the text; here numbers are formatted and names are made safe. A column name
reaches C only inside a comment, through `comment`; everything else is an integer or a
checked identifier.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..common.boards import BOARDS, Board
from ..common.errors import EmitError
from ..common.files import Paths, require_apart
from ..common.jinja import environment
from ..common.process import signals_held
from ..model.signals.any_model import AnyModel
from .exporters import EXPORTERS, firmware
from .header import render_header
from .names import check_prefix
from .note import NOTE, with_note
from .parts import (
    RUNTIME,
    SAMPLES,
    firmware_text,
    headers,
    render,
    runtime,
    selftest_text,
    test_rows,
    vectors,
)

__all__ = [
    "EXPORTERS",
    "RUNTIME",
    "SAMPLES",
    "Project",
    "bare_main",
    "check_prefix",
    "emit_library",
    "emit_project",
    "export",
    "firmware_text",
    "headers",
    "render_bare",
    "render_header",
    "runtime",
    "selftest_text",
    "test_rows",
    "vectors",
    "write_all",
]


NONE: Mapping[str, Path] = {}


@dataclass(frozen=True)
class Project:
    """A complete PlatformIO project for one model."""

    directory: Path
    model: AnyModel


def export(
    model: AnyModel,
    out_dir: Path,
    form: str,
    inputs: Mapping[str, Path] = NONE,
    board: Board | None = None,
) -> list[Path]:
    """Writes what the exporter `form` makes of a model; returns the paths. EmitError where a file
    is there that no export has written, or that was changed since. inputs: files that were read,
    by option, none of which may be written over. board: the one that it is for.
    """
    if form not in EXPORTERS:
        raise EmitError(f"there is no format '{form}': one of {', '.join(EXPORTERS)}")
    texts = EXPORTERS[form](model) if board is None else EXPORTERS[form](model, board)
    require_apart(inputs, {"in -o": [out_dir / relative for relative in texts]})
    return write_all({**texts, NOTE: with_note(texts, Path(out_dir))}, out_dir, inputs)[:-1]


def emit_library(
    model: AnyModel,
    out_dir: Path,
    inputs: Mapping[str, Path] = NONE,
    board: Board | None = None,
) -> list[Path]:
    """Writes the model as a library for Arduino and PlatformIO; returns its paths. inputs, board:
    as in `export`.
    """
    return write_all(EXPORTERS["library"](model, board), out_dir, inputs)


def emit_project(
    model: AnyModel, out_dir: Path, boards=None, inputs: Mapping[str, Path] = NONE
) -> Project:
    """Writes a self-contained PlatformIO project (firmware, headers, platformio.ini) into
    `out_dir`. inputs: as in `export`.
    """
    write_all(firmware.project(model, boards or BOARDS.values()), out_dir, inputs)
    return Project(Path(out_dir), model)


def render_bare(model: AnyModel, rows: int) -> dict[str, str]:
    """Files of a program that runs the model alone on a chip, up to `rows` rows at a time."""
    return {
        **headers(model),
        "tinygen_model.h": render("tinygen_model.h.j2", model),
        "bare.c": bare_main(rows),
    }


def bare_main(rows: int) -> str:
    """Text of bare.c: that program's main, around whatever predictor."""
    return environment("c").get_template("bare.c.j2").render(version=__version__, rows=rows)


def write_all(
    texts: dict[str, str], out_dir: Path, inputs: Mapping[str, Paths] = NONE
) -> list[Path]:
    """Writes every file or none, even where a signal comes; refuses to leave `out_dir`, to follow a
    link out of it, and to write over one of `inputs`.
    """
    out_dir = Path(out_dir)
    if out_dir.exists() and not out_dir.is_dir():
        raise EmitError(f"output '{out_dir}' is a file: name a folder with -o")
    require_apart(inputs, {"in -o": [out_dir / relative for relative in texts]})
    try:
        for relative in texts:
            _require_place(out_dir, relative)
        with signals_held():
            _put(texts, out_dir)
    except OSError as error:
        raise EmitError(
            f"cannot write into '{out_dir}': {error.strerror}: choose another folder with -o"
        ) from None
    return [out_dir / relative for relative in texts]


def _require_place(out_dir: Path, relative: str) -> None:
    """EmitError where a file of that name cannot be put into the folder."""
    target = out_dir / relative
    if target.is_symlink() or out_dir.resolve() not in target.resolve().parents:
        raise EmitError(f"'{target}' leads out of '{out_dir}': remove the link")
    if target.is_dir():
        raise EmitError(f"'{target}' is a folder, a file is to be written: remove it")
    there = next(place for place in target.parents if place.exists())
    if not there.is_dir():
        raise EmitError(f"'{there}' is a file, a folder is needed there: remove it")
    if not os.access(there, os.W_OK):
        raise EmitError(f"folder '{there}' is read-only: choose another one with -o")


def _put(texts: dict[str, str], out_dir: Path) -> None:
    """Writes all files beside the folder, then moves them into it."""
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(dir=out_dir.parent, prefix=".tinygen-"))
    try:
        for relative, text in texts.items():
            path = stage / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="ascii", newline="\n")
        for relative in texts:
            target = out_dir / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            # an unchanged file keeps its time, so that a second build has nothing to do
            if not target.is_file() or target.read_bytes() != (stage / relative).read_bytes():
                os.replace(stage / relative, target)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
