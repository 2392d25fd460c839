"""Simulators that run a program which reads rows and writes answers."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Timer
from typing import Protocol

from ...common.errors import BuildError
from ...host.virtual.image import symbols_of

SECONDS = 600  # time-out of a run: 10,000 rows of a large model, on a busy computer
POLL_SECONDS = 0.01


class Simulated(Protocol):
    """A way to run a program."""

    @property
    def name(self) -> str: ...
    @property
    def counts(self) -> bool:
        """True if it counts cycles."""

    def missing(self) -> str: ...
    def run(self, program: Path, content: bytes, expected: int) -> tuple[bytes, int | None]:
        """What the program answers to `content`, `expected` bytes of it, and the cycles that it
        took; BuildError where it does not answer.
        """


@dataclass(frozen=True)
class Tool:
    """A simulator that is a program of its own."""

    name: str  # as it is found on PATH
    package: str  # the Debian package that brings it
    words: tuple[str, ...] = ()  # of its command line
    counts: bool = False

    def missing(self) -> str:
        if shutil.which(self.name):
            return ""
        return f"{self.name} is missing: apt-get install {self.package}"

    def _too_few(self, found: bytes, expected: int) -> BuildError:
        return BuildError(f"{self.name} gave {len(found)} of {expected} bytes of answers")


class Native:
    """This computer itself."""

    name, counts = "this computer", False

    def missing(self) -> str:
        return ""

    def run(self, program: Path, content: bytes, expected: int) -> tuple[bytes, None]:
        return _by_files([str(program)], program, content, expected), None


@dataclass(frozen=True)
class Semihosted(Tool):
    """QEMU with files by semihosting."""

    def run(self, program: Path, content: bytes, expected: int) -> tuple[bytes, None]:
        quiet = ("-semihosting", "-nographic", "-monitor", "none", "-serial", "none")
        command = [self.name, *self.words, *quiet, "-kernel", str(program)]
        return _by_files(command, program, content, expected), None


class SimulatorFault(BuildError):
    """A program has what a simulator is known to run wrongly."""


@dataclass(frozen=True)
class Uart(Tool):
    """QEMU with the chip's serial port at standard input and output. It does not end by itself.

    Version 7.2 loses its way where RET, IJMP or ICALL is skipped, as the last lines of libgcc's
    __usmulhisi3 do (SBRS, RET): a program that has such a pair is refused.
    """

    def run(self, program: Path, content: bytes, expected: int) -> tuple[bytes, None]:
        quiet = ("-nographic", "-monitor", "none", "-serial", "stdio")
        if skipped := skipped_jumps(program):
            raise SimulatorFault(
                f"{self.name} cannot run the program: a jump is skipped at {skipped[0]:#x}"
            )
        rows = program.with_name("rows.bin")
        rows.write_bytes(content)
        command = [self.name, *self.words, *quiet, "-bios", str(program)]
        with rows.open("rb") as stream:
            running = subprocess.Popen(
                command, stdin=stream, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        assert running.stdout is not None  # a pipe
        late = Timer(SECONDS, running.kill)
        late.start()
        try:
            found = running.stdout.read(expected)
        finally:
            late.cancel()
            running.kill()
            running.wait()
            running.stdout.close()
        if len(found) != expected:
            raise self._too_few(found, expected)
        return found, None


SKIPS = ((0xFC00, 0xFC00), (0xFC00, 0x1000), (0xFD00, 0x9900))  # SBRC, SBRS; CPSE; SBIC, SBIS
JUMPS = {0x9508, 0x9518, 0x9409, 0x9509, 0x9419, 0x9519}  # RET, RETI, IJMP, ICALL, EIJMP, EICALL


def skipped_jumps(program: Path) -> list[int]:
    """Byte addresses in flash where an AVR program skips a jump without an address of its own."""
    from elftools.elf.elffile import ELFFile

    # avr-libc's own start has it
    (start,) = [s.value for s in symbols_of(program) if s.name == "__ctors_end"]
    with open(program, "rb") as stream:
        text = ELFFile(stream).get_section_by_name(".text")
        assert text  # of a linked program
        content = text.data()[start - text["sh_addr"] :]
    words = [int.from_bytes(content[k : k + 2], "little") for k in range(0, len(content) - 1, 2)]
    return [
        start + 2 * k
        for k, (word, after) in enumerate(pairwise(words))
        if after in JUMPS and any(word & mask == skip for mask, skip in SKIPS)
    ]


@dataclass(frozen=True)
class Ucsim(Tool):
    """uCsim, whose interface at one address reads and writes files. It ends when it is told to, so
    its answers are waited for.
    """

    interface: str = ""  # where: "rom[0x1200]"
    per_cycle: int = 1  # clocks that it counts for a cycle
    counts: bool = True

    def run(self, program: Path, content: bytes, expected: int) -> tuple[bytes, int | None]:
        rows, answers = program.with_name("rows.bin"), program.with_name("answers.bin")
        rows.write_bytes(content)
        answers.unlink(missing_ok=True)
        files = f"if={self.interface},in={rows.name},out={answers.name}"
        command = [self.name, *self.words, "-I", files, "-g", program.name]
        running = subprocess.Popen(
            command,
            cwd=program.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            _wait(lambda: answers.is_file() and answers.stat().st_size >= expected, running)
            said = running.communicate("state\nquit\n", timeout=10)[0]
        finally:
            running.kill()
            running.wait()
        found = answers.read_bytes() if answers.is_file() else b""
        if len(found) != expected:
            raise self._too_few(found, expected)
        clocks = re.search(r"Total time since last reset=.*\((\d+) clks\)", said)
        return found, int(clocks[1]) // self.per_cycle if clocks else None


def _wait(ready: Callable[[], bool], running: subprocess.Popen) -> None:
    """Until it is ready, or has ended, or the time is over."""
    end = time.monotonic() + SECONDS
    while not ready() and running.poll() is None and time.monotonic() < end:
        time.sleep(POLL_SECONDS)


def _by_files(command: list[str], program: Path, content: bytes, expected: int) -> bytes:
    """What a program writes into answers.bin that finds `content` in rows.bin."""
    program.with_name("rows.bin").write_bytes(content)
    answers = program.with_name("answers.bin")
    answers.unlink(missing_ok=True)
    try:
        subprocess.run(command, cwd=program.parent, capture_output=True, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{Path(command[0]).name} does not run: {type(error).__name__}") from error
    found = answers.read_bytes() if answers.is_file() else b""
    if len(found) != expected:
        raise BuildError(
            f"{Path(command[0]).name} gave {len(found)} of {expected} bytes of answers"
        )
    return found
