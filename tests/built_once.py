"""What tests compile for AVR, once a run, whichever worker asks for it first: a file is found by
all that a compiler reads for it.

Whole firmware is for tests that run it and do not ask what its model costs: PlatformIO builds it
without its empty twin.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from functools import wraps
from pathlib import Path

from tinygen.common.boards import Board
from tinygen.target.avr_gcc import BUILD_SECONDS, run_pio
from tinygen.target.toolchain import Toolchain

READ_BY_A_BUILD = ("platformio.ini", "src/**/*", "include/**/*")


def keep(made: Path, kept: Path) -> None:
    """Copies a file; it is whole before it has its name, since the other worker may take it."""
    fresh = kept.with_name(f"{kept.name}-{os.getpid()}")
    shutil.copy(made, fresh)
    fresh.replace(kept)


def fingerprint(directory: Path, words: object, patterns: tuple[str, ...] = ("*",)) -> str:
    """Of the words, and of names and bytes of the files in a folder."""
    seen = hashlib.sha256(repr(words).encode())
    for path in sorted(p for pattern in patterns for p in directory.glob(pattern)):
        if path.is_file():
            content = path.read_bytes()
            seen.update(f"{path.relative_to(directory)} {len(content)}\n".encode() + content)
    return seen.hexdigest()[:24]


def firmware(directory: Path, board: Board, tools: Toolchain, kept: Path) -> Path:
    """The linked program of the project in `directory`, in the folder `kept` of this run."""
    words = board.pio_id, tools.core_dir, tools.avr_gcc
    elf = kept / f"{fingerprint(directory, words, READ_BY_A_BUILD)}.elf"
    if not elf.is_file():
        done = run_pio(["-e", board.pio_id], directory, tools, "compiling", None, BUILD_SECONDS)
        assert done.code == 0, done.text
        keep(directory / ".pio" / "build" / board.pio_id / "firmware.elf", elf)
    return elf


Run = Callable[[Path, list[str], Path], str]


def compiler(run: Run, kept: Path) -> Run:
    """`run` of a program that makes one file of a folder's, named behind -o or last: a second run
    on the same files takes what the first has made. A failure is run again.
    """

    @wraps(run)
    def once(program: Path, words: list[str], directory: Path) -> str:
        made = directory / (words[words.index("-o") + 1] if "-o" in words else words[-1])
        before = kept / fingerprint(directory, (str(program), words))
        if before.is_file():
            shutil.copy(before, made)
            return ""
        error = run(program, words, directory)
        if not error:
            keep(made, before)
        return error

    return once
