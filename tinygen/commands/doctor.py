"""`tinygen doctor`: is everything here that tinygen needs? Nothing is installed."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click

from ..common.errors import COULD_NOT_RUN
from ..common.files import cache_dir
from ..common.progress import silent
from ._show import shows

OLDEST_PYTHON = (3, 10)
SETUP = "tinygen setup"


@dataclass(frozen=True)
class Thing:
    """One thing that is needed, or that some commands need."""

    name: str
    there: bool
    needed: bool  # False: only for a real board
    found: str  # what and where; "" if it is not there
    advice: str  # what to type where it is not there

    @property
    def mark(self) -> str:
        """The first word of its line."""
        return "good    " if self.there else "MISSING " if self.needed else "optional"


@dataclass(frozen=True)
class Health:
    """Everything that was looked for."""

    things: tuple[Thing, ...]

    @property
    def good(self) -> bool:
        return all(thing.there for thing in self.things if thing.needed)

    @property
    def exit_code(self) -> int:
        return 0 if self.good else COULD_NOT_RUN

    def text(self) -> str:
        """One line per thing, and the verdict."""
        width = max(len(thing.name) for thing in self.things)
        lines = [
            f"{t.mark}  {t.name:{width}}  {t.found if t.there else t.advice}" for t in self.things
        ]
        missing = [thing.name for thing in self.things if thing.needed and not thing.there]
        if missing:
            return "\n".join([*lines, f"missing: {', '.join(missing)}"])
        return "\n".join([*lines, "everything that is needed is here"])

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"things": [asdict(thing) for thing in self.things], "passed": self.good}


def examine() -> Health:
    """What this machine has, looked at now."""
    return Health(
        (
            _python(),
            _platformio(),
            _cache(),
            _compiler(),
            _core(),
            _simulator(),
            _avrdude(),
            _ports(),
            _permission(),
        )
    )


def _python() -> Thing:
    running = ".".join(map(str, sys.version_info[:3]))
    return Thing(
        "Python",
        sys.version_info >= OLDEST_PYTHON,
        True,
        f"{running}, {sys.executable}",
        "install Python 3.10 or later",
    )


def _platformio() -> Thing:
    try:
        return Thing("PlatformIO", True, True, version("platformio"), "")
    except PackageNotFoundError:
        return Thing("PlatformIO", False, True, "", "pip install platformio")


def _cache() -> Thing:
    """Whether a file can be written in the cache folder, or in the nearest folder above it that
    exists.
    """
    folder = cache_dir()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            return Thing("cache folder", True, True, str(folder), "")
    except OSError:
        return Thing(
            "cache folder",
            False,
            True,
            "",
            f"export TINYGEN_CACHE=FOLDER (nothing can be written at {folder})",
        )


def _compiler() -> Thing:
    from ..target import toolchain

    if (folder := toolchain.find_gcc()) is None:
        return _of_registry("AVR compiler", "toolchain-atmelavr")
    return Thing("AVR compiler", True, True, str(folder / "bin" / "avr-gcc"), "")


def _core() -> Thing:
    from ..target import toolchain

    if (folder := toolchain.find_core()) is None:
        return _of_registry("Arduino core", "framework-arduino-avr")
    return Thing("Arduino core", True, True, str(folder), "")


def _of_registry(name: str, package: str) -> Thing:
    """The piece as PlatformIO's own package, where an earlier set-up has fetched it."""
    from ..target import toolchain

    official = toolchain.registry_core_dir(cache_dir(), silent, install=False)
    folder = official / "packages" / package if official else None
    return Thing(name, folder is not None, True, str(folder or ""), SETUP)


def _simulator() -> Thing:
    from ..target import toolchain

    found = toolchain.find_simavr()
    return Thing(
        "simulator",
        found is not None,
        True,
        found or "",
        f"{SETUP}, or sudo apt-get install libsimavr2",
    )


def _avrdude() -> Thing:
    found = shutil.which("avrdude")
    return Thing(
        "avrdude",
        found is not None,
        False,
        found or "",
        f"{SETUP}, or sudo apt-get install avrdude (to load a real board)",
    )


def _ports() -> Thing:
    from ..host import discover

    known = [
        f"{port} ({board})" for board, ports in discover.plugged_in().items() for port in ports
    ]
    return Thing(
        "board",
        bool(known),
        False,
        ", ".join(known),
        "plug a board in by USB, or use the virtual one: --port sim",
    )


def _permission() -> Thing:
    """Whether the serial ports may be opened; where there is none, whether the user is in the group
    that may.
    """
    from serial.tools import list_ports

    closed = [
        port.device
        for port in list_ports.comports()
        if not os.access(port.device, os.R_OK | os.W_OK)
    ]
    if closed:
        return Thing(
            "port permission",
            False,
            False,
            "",
            f"{_join_group(Path(closed[0]))} ({', '.join(closed)} cannot be opened)",
        )
    if not sys.platform.startswith("linux") or _may_open_ports():
        return Thing("port permission", True, False, "serial ports may be opened", "")
    return Thing("port permission", False, False, "", _join_group(None))


def _may_open_ports() -> bool:
    import grp  # not on Windows

    mine = {grp.getgrgid(group).gr_name for group in os.getgroups() if _is_known(grp, group)}
    return os.geteuid() == 0 or bool(mine & {"dialout", "uucp"})


def _is_known(grp, group: int) -> bool:
    try:
        return bool(grp.getgrgid(group))
    except KeyError:
        return False


def _join_group(port: Path | None) -> str:
    group = port.group() if port else "dialout"
    return f"sudo usermod -a -G {group} $USER, then log in again"


@click.command("doctor")
@shows
def command():
    """Look whether everything needed is here; say what to type.

    Exit code 3 where something needed is missing; a real board and what loads it are optional.

    \b
    Example:
      tinygen doctor
    """
    return examine()
