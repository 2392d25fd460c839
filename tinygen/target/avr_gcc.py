"""The one place that compiles for AVR: a C file by avr-gcc itself, a project by PlatformIO; with
the size of the linked program, or the first error of the log.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile

from ..common.boards import Board
from ..common.errors import BuildError, CheckError, DoesNotFit
from ..common.process import Finished, Progress, last_line, run
from ..host.virtual.image import symbols_of
from .platformio_core import build_cache, pio_environment
from .toolchain import Toolchain, find_compiler

OPTIONS = (
    "-Os",
    "-std=gnu99",
    "-Wall",
    "-Wextra",
    "-ffunction-sections",
    "-fdata-sections",
    "-Wl,--gc-sections",
)
COMPILE_SECONDS = 60  # time-out of one C file
BUILD_SECONDS = 300  # time-out of a project; it takes 2 s
REACH_BYTES = 65_536  # of flash, from its start: what the instruction LPM can read
TABLES_END = "__ctors_start"  # the linker's symbol behind all constant tables, its first code
# GCC on an array, the linker on a program
TOO_LARGE = re.compile(r"is too large|will not fit in region|overflowed by")
COMPILER_ERROR = re.compile(
    r"^(?P<where>[^:\n]+:\d+)(?::\d+)?: (?:fatal )?error: (?P<what>.+)$", re.MULTILINE
)
LINKER_ERROR = re.compile(r"(?:undefined reference to|multiple definition of) .+$", re.MULTILINE)
OTHER_ERROR = re.compile(r"^.*(?:[Ee]rror:|\*\*\* ).*$", re.MULTILINE)
SUMMARY = re.compile(
    r"^=+.*=+$|^Environment .*$|^-+.*-+$|^\S+ +(?:FAILED|SUCCESS) .*$", re.MULTILINE
)  # PlatformIO's


@dataclass(frozen=True)
class Size:
    """Memory a program takes."""

    flash_bytes: int  # .text + .data: what avr-size and PlatformIO report
    ram_bytes: int  # .data + .bss + .noinit: static, without the stack


def read_size(elf: Path) -> Size:
    """Flash and static RAM of a linked program, in bytes."""
    with open(elf, "rb") as stream:
        size = {section.name: section["sh_size"] for section in ELFFile(stream).iter_sections()}
    data = size.get(".data", 0)
    return Size(size.get(".text", 0) + data, data + size.get(".bss", 0) + size.get(".noinit", 0))


def _beyond_reach(elf: Path, board: Board) -> str:
    """What is wrong with a linked program whose tables are read from the wrong place; else "".

    Arduino's own tables, of its pins, are read by the same instruction: all must be in reach.
    """
    if board.flash_bytes <= REACH_BYTES:
        return ""
    end = max((s.value for s in symbols_of(elf) if s.name == TABLES_END), default=0)
    if end <= REACH_BYTES:
        return ""
    return (
        f"has constant tables up to byte {end} of flash, {board.title} reads them in the first "
        f"{REACH_BYTES} only: choose a smaller model"
    )


# ---- a C file, by avr-gcc ----


def compile_c(source: Path, board: Board, what: str, *options: str) -> Path:
    """The linked program of a C file and the headers beside it: source.elf.

    what: the program in messages. DoesNotFit if the chip is too small for it, BuildError with the
    compiler's first error.
    """
    avr_gcc, elf = find_compiler(), source.with_suffix(".elf")
    words = [f"-mmcu={board.mcu}", *OPTIONS, *options, "-pipe", source.name, "-o", elf.name, "-lm"]
    error = _run(avr_gcc, words, source.parent)
    if error and not TOO_LARGE.search(error):
        raise BuildError(f"{what} does not compile for {board.title}: {compiler_error(error)}")
    if error or not _fits(read_size(elf), board):
        raise DoesNotFit(
            f"{what} needs more than the {board.flash_bytes} bytes of flash and "
            f"{board.ram_bytes} of RAM of {board.title}: "
            "choose a smaller model or a larger board"
        )
    if beyond := _beyond_reach(elf, board):
        raise DoesNotFit(f"{what} {beyond}")
    return elf


def to_hex(elf: Path, board: Board) -> Path:
    """A linked program as a file to load, beside it: source.hex. BuildError if that fails."""
    avr_gcc, image = find_compiler(), elf.with_suffix(".hex")
    objcopy = avr_gcc.with_name(avr_gcc.name.replace("avr-gcc", "avr-objcopy"))
    error = _run(objcopy, ["-O", "ihex", "-R", ".eeprom", elf.name, image.name], elf.parent)
    if error:
        raise BuildError(f"{objcopy.name} failed for {board.title}: {last_line(error)}")
    return image


def _run(program: Path, words: list[str], directory: Path) -> str:
    """What a program said when it failed; "" when it did not."""
    try:
        done = subprocess.run(
            [str(program), *words],
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=COMPILE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(
            f"{program.name} does not run ({type(error).__name__}): run `tinygen setup`"
        ) from error
    return done.stderr or f"exit code {done.returncode}" if done.returncode else ""


def _fits(size: Size, board: Board) -> bool:
    return size.flash_bytes <= board.flash_bytes and size.ram_bytes <= board.ram_bytes


# ---- a project, by PlatformIO ----


def compile_project(
    directory: Path,
    board: Board,
    tools: Toolchain,
    progress: Progress,
    twins: Sequence[str] = ("", "_empty"),
) -> tuple[Path, ...]:
    """The linked firmware and its empty twin, or those of the environments BOARD + twin.

    BuildError with the first error of the compiler and the place of the whole log; CheckError where
    the program is too large.
    """
    if not (directory / "platformio.ini").is_file():
        raise BuildError(
            f"{directory} has no platformio.ini: make the project with `tinygen build MODEL.json "
            "-o DIR`"
        )
    names = [board.pio_id + twin for twin in twins]
    done = run_pio(
        [word for name in names for word in ("-e", name)],
        directory,
        tools,
        f"compiling for {board.title}",
        progress,
        BUILD_SECONDS,
    )
    elfs = tuple(directory / ".pio" / "build" / name / "firmware.elf" for name in names)
    if done.code != 0:
        log = keep_log(directory / f"build-{board.pio_id}.log", done)
        _raise_if_too_big(done.text, elfs[0], board)
        reason = (
            f"no end after {BUILD_SECONDS} s" if done.code is None else compiler_error(done.text)
        )
        raise BuildError(f"{reason} (building for {board.title}; whole log: {log})")
    if beyond := _beyond_reach(elfs[0], board):
        raise CheckError(f"program {beyond}")
    return elfs


def run_pio(
    arguments: list[str],
    directory: Path,
    tools: Toolchain,
    what: str,
    progress: Progress | None,
    timeout_s: float,
) -> Finished:
    command = [sys.executable, "-m", "platformio", "run", "-d", str(directory), *arguments]
    # only our own platform keeps a project's notes of what it built apart from the shared cache
    shared = tools.source == "local"
    cache = build_cache(tools.core_dir, tools.avr_gcc, directory) if shared else None
    environment = pio_environment(tools.core_dir, cache)
    return run(command, what, progress or (lambda text: None), timeout_s, environment)


def keep_log(path: Path, done: Finished) -> Path:
    path.write_text(done.text, encoding="utf-8")
    return path


def _raise_if_too_big(text: str, elf: Path, board: Board) -> None:
    """CheckError when a failed build failed because the program is too big."""
    if re.search(r"size \(\d+ bytes\) is greater than maximum allowed", text) and elf.is_file():
        check_board(read_size(elf), board)
    overflow = re.search(r"region [`'](\w+)' overflowed by (\d+) bytes", text)
    if overflow:
        raise CheckError(
            f"program does not fit {board.title}: the linker's region {overflow[1]} overflows by "
            f"{overflow[2]} bytes; choose a smaller model or a bigger board"
        )


def check_board(size: Size, board: Board) -> None:
    """CheckError that says by how much a program is larger than the board."""
    for name, used, limit in (
        ("flash", size.flash_bytes, board.flash_bytes),
        ("RAM", size.ram_bytes, board.ram_bytes),
    ):
        if used > limit:
            raise CheckError(
                f"program needs {used} bytes of {name}, {board.title} has {limit}: "
                f"{used - limit} too many; choose a smaller model or a bigger board"
            )


# ---- errors ----


def compiler_error(text: str) -> str:
    """The first error in a build log, as one line."""
    if found := COMPILER_ERROR.search(text):
        return f"{found['where']}: {found['what']}"
    found = LINKER_ERROR.search(text) or OTHER_ERROR.search(text)
    return found.group().strip() if found else last_line(SUMMARY.sub("", text))
