"""The firmware of a build, made anew: its texts by the exporter, its hex file by the compiler."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from ...codegen.emit import headers, write_all
from ...codegen.exporters.firmware import project
from ...codegen.projects.together import project as project_of_several
from ...codegen.projects.together import require_together
from ...common.boards import Board
from ...common.errors import UsageError
from ...common.progress import Progress, silent
from ...model.signals.any_model import AnyModel
from ..avr_gcc import compile_c, compile_project, to_hex
from ..selftest import SOURCE, selftest_files
from ..toolchain import ensure
from .folder import Folder, sum_of
from .schema import Firmware
from .versions import compiler_versions

MODELS = "models"  # the folder of a build that keeps its models
COMPILED = ("src", "include", "lib", "boards")  # whose files PlatformIO takes, whatever they are


@dataclass(frozen=True)
class Program:
    """The texts of a firmware, and where its hex file is."""

    board: Board
    headers: dict[str, str]  # made of the models, by path in the folder
    sources: dict[str, str]  # the other files that are compiled
    hex: str

    def compile(self, progress: Progress = silent) -> bytes:
        """The hex file, compiled from these texts alone in a folder of its own."""
        with tempfile.TemporaryDirectory(prefix="tinygen-") as name:
            folder = Path(name)
            write_all({**self.headers, **self.sources}, folder)
            if self.board.has_firmware:
                compile_project(folder, self.board, ensure(install=False), progress, twins=("",))
            else:
                progress(f"compiling for {self.board.title}")
                to_hex(compile_c(folder / SOURCE, self.board, "the self-test"), self.board)
            return (folder / self.hex).read_bytes()


def program_of(models: Sequence[AnyModel], board: Board) -> Program:
    """What `tinygen build` writes for these models and this board."""
    if not board.has_firmware:
        if len(models) > 1:
            raise UsageError(f"the self-test of a {board.title} is of one model")
        (model,) = models
        texts, place, image = (
            selftest_files(model, board),
            "",
            Path(SOURCE).with_suffix(".hex").name,
        )
    elif len(models) > 1:
        texts, place = project_of_several(require_together(models), [board]), "include/"
        image = _built(board)
    else:
        texts, place = project(models[0], [board]), "include/"
        image = _built(board)
    generated = {f"{place}{name}" for model in models for name in headers(model)}
    generated |= {"include/tinygen_model.h"} & {*texts}
    return Program(
        board,
        {name: texts[name] for name in sorted(texts) if name in generated},
        {name: texts[name] for name in sorted(texts) if name not in generated},
        image,
    )


def _built(board: Board) -> str:
    return f".pio/build/{board.pio_id}/firmware.hex"


def firmware_of(program: Program, folder: Path, asked: Firmware) -> Firmware:
    """`asked`, with the compiler and the sums of a program that was built in a folder."""
    return structs.replace(
        asked,
        compiler=compiler_versions(ensure(install=False)),
        headers={name: sum_of(text) for name, text in program.headers.items()},
        sources={name: sum_of(text) for name, text in program.sources.items()},
        hex={program.hex: sum_of(Folder(folder).read("hex", program.hex))},
    )
