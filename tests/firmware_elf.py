"""The linked firmware of a project, for tests that run it and do not ask what its model costs.

PlatformIO builds it without its empty twin, and each program once a run, whichever worker asks for
it first: a program is found by its sources, its board and its compiler.
"""

import hashlib
import os
import shutil
from pathlib import Path

from tinygen.common.boards import Board
from tinygen.target.avr_gcc import BUILD_SECONDS, run_pio
from tinygen.target.toolchain import Toolchain

READ_BY_A_BUILD = ("platformio.ini", "src/**/*", "include/**/*")


def built_once(directory: Path, board: Board, tools: Toolchain, kept: Path) -> Path:
    """The program of the project in `directory`, in the folder `kept` of this run."""
    elf = kept / f"{board.pio_id}-{fingerprint(directory, tools)}.elf"
    if not elf.is_file():
        done = run_pio(["-e", board.pio_id], directory, tools, "compiling", None, BUILD_SECONDS)
        assert done.code == 0, done.text
        fresh = kept / f"{elf.name}-{os.getpid()}"  # whole before it has its name: workers share
        shutil.copy(directory / ".pio" / "build" / board.pio_id / "firmware.elf", fresh)
        fresh.replace(elf)
    return elf


def fingerprint(directory: Path, tools: Toolchain) -> str:
    """Of all that a build reads: names and bytes of the project's files, compiler and core."""
    seen = hashlib.sha256(f"{tools.core_dir} {tools.avr_gcc}".encode())
    for path in sorted(p for pattern in READ_BY_A_BUILD for p in directory.glob(pattern)):
        if path.is_file():
            content = path.read_bytes()
            seen.update(f"{path.relative_to(directory)} {len(content)}\n".encode() + content)
    return seen.hexdigest()[:16]
