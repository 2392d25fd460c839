"""Compilers: the words of their command line, and how the size of a program is read."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...common.errors import BuildError
from ..avr_gcc import COMPILE_SECONDS, Size, compiler_error, read_size
from ..toolchain import find_compiler

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror")
GCC = (*STRICT, "-Os", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections")
# 110 and 126 tell that a comparison is decided when a table is short
SDCC_QUIET = ("--disable-warning", "110", "--disable-warning", "126")
SDCC_SECONDS = 1800  # a large forest, on a busy computer
SDCC = ("--std-c99", "--Werror", *SDCC_QUIET, "--opt-code-size", "--max-allocs-per-node", "200")


@dataclass(frozen=True)
class Compiler:
    """One compiler for one kind of chip."""

    program: str  # as it is found on PATH
    packages: str  # Debian packages that bring it
    options: tuple[str, ...]
    suffix: str = ".elf"
    drops_unused: bool = True  # a function that nothing calls takes no flash
    size: Callable[[Path], Size] = read_size
    seconds: int = 2 * COMPILE_SECONDS  # time-out

    @property
    def name(self) -> str:
        return self.program

    def missing(self) -> str:
        """A sentence that names it and the way to get it; "" where it is there."""
        if shutil.which(self.program):
            return ""
        return f"{self.program} is missing: apt-get install {self.packages}"

    def path(self) -> Path:
        """The program itself."""
        return Path(shutil.which(self.program) or self.program)

    def compile(self, source: Path, what: str, *options: str) -> Path:
        """The linked program beside the source; BuildError with the first error."""
        linked = source.with_suffix(self.suffix)
        words = [*self.options, *options, source.name, "-o", linked.name]
        try:
            done = subprocess.run(
                [str(self.path()), *words],
                cwd=source.parent,
                capture_output=True,
                text=True,
                timeout=self.seconds,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BuildError(f"{self.name} does not run: {type(error).__name__}") from error
        if done.returncode:
            raise BuildError(
                f"{what} does not compile with {self.name}: {compiler_error(done.stderr)}"
            )
        return linked


@dataclass(frozen=True)
class AvrGcc(Compiler):
    """The avr-gcc that builds firmware as well."""

    def missing(self) -> str:
        try:
            find_compiler()
        except BuildError as error:
            return str(error)
        return ""

    def path(self) -> Path:
        return find_compiler()


def stm8_size(program: Path) -> Size:
    """Flash and static RAM of a program for an STM8, from the areas of its map."""
    text = program.with_suffix(".map").read_text(encoding="ascii", errors="replace")
    found = re.findall(r"^ *([0-9A-F]+) +l_(\w+)", text, re.M)
    lengths = {name: int(size, 16) for size, name in found}
    flash = sum(lengths.get(area, 0) for area in ("HOME", "CODE", "CONST", "INITIALIZER", "GSINIT"))
    return Size(flash, lengths.get("DATA", 0) + lengths.get("INITIALIZED", 0))


def mcs51_size(program: Path) -> Size:
    """Flash and external RAM of a program for an 8051, from the linker's summary."""
    text = program.with_suffix(".mem").read_text(encoding="ascii", errors="replace")
    size = dict(
        re.findall(r"^ +(EXTERNAL RAM|ROM/EPROM/FLASH) +(?:0x\w+ +0x\w+ +)?(\d+)", text, re.M)
    )
    return Size(int(size["ROM/EPROM/FLASH"]), int(size["EXTERNAL RAM"]))


def gcc_size(program: Path) -> Size:
    """Flash and static RAM of a program whose constants have sections of their own."""
    from elftools.elf.elffile import ELFFile

    flash = ram = 0
    with open(program, "rb") as stream:
        for section in ELFFile(stream).iter_sections():
            kept, written = section["sh_flags"] & 2, section["sh_flags"] & 1
            inside = section["sh_type"] != "SHT_NOBITS"
            flash += section["sh_size"] * bool(kept and inside)
            ram += section["sh_size"] * bool(kept and written)
    return Size(flash, ram)


def avr(mcu: str) -> Compiler:
    """avr-gcc for one chip."""
    options = (f"-mmcu={mcu}", "-Os", "-std=gnu99", "-Wall", "-Wextra", "-Werror")
    return AvrGcc("avr-gcc", "gcc-avr avr-libc", options)


def native(program: str, package: str) -> Compiler:
    """A compiler for this computer."""
    return Compiler(program, package, (*STRICT, "-O2"), size=gcc_size)


def picolibc(program: str, packages: str, cpu: tuple[str, ...], flash: int, ram: int) -> Compiler:
    """GCC for a chip without an operating system, files by semihosting; memory as the simulated
    machine has it.
    """
    memory = {"flash": flash, "flash_size": 0x20000, "ram": ram, "ram_size": 0x4000}
    places = ",".join(f"--defsym=__{name}={value:#x}" for name, value in memory.items())
    library = ("--specs=picolibc.specs", "--oslib=semihost", "--crt0=hosted", f"-Wl,{places}")
    return Compiler(program, packages, (*GCC, *cpu, *library), size=gcc_size)


def sdcc(chip: str, size: Callable[[Path], Size], *options: str) -> Compiler:
    """SDCC for one kind of chip."""
    words = (f"-m{chip}", *SDCC, *options)
    return Compiler("sdcc", "sdcc", words, ".ihx", False, size, SDCC_SECONDS)
