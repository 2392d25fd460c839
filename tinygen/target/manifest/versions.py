"""What made the bytes beside the data: tinygen, its libraries, the compiler and what it compiles.

Versions explain a difference, they are none: other ones that give the same bytes are as good.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from ... import __version__
from ..avr_gcc import OPTIONS
from ..platformio_core import DEBIAN_LIBC
from ..toolchain import Toolchain

if TYPE_CHECKING:
    from importlib.abc import Traversable

LIBRARIES = ("numpy", "scikit-learn", "scipy", "jinja2", "platformio")
ROOMS = ("tinygen", "tinygen.templates", "tinygen.host", "tinygen.firmware")
TEXTS = (".py", ".j2", ".h", ".c", ".cpp", ".txt", ".json", ".css", ".js")


def versions() -> dict[str, str]:
    """Of tinygen, of Python and of the libraries; "wheel" where tinygen came from a wheel file."""
    found = {"tinygen": __version__, "tinygen files": _sum_of_package()}
    if wheel := _wheel():
        found["wheel"] = wheel
    found["python"] = platform.python_version()
    return found | {name: _version(name) for name in LIBRARIES}


def compiler_versions(tools: Toolchain) -> dict[str, str]:
    """Of the AVR compiler, its library, the Arduino core, and how they are called."""
    builder = files("tinygen.firmware") / "platform" / "atmelavr" / "builder"
    scripts = {one.name: one.read_bytes() for one in builder.iterdir() if one.name.endswith(".py")}
    libc = tools.avr_gcc.parent.parent / "avr" / "include" / "avr" / "version.h"
    core = tools.avr_core
    sources = {
        path.relative_to(core).as_posix(): path.read_bytes()
        for folder in ("cores", "variants")
        for path in (core / folder).rglob("*")
        if path.is_file()
    }
    return {
        "avr-gcc": tools.gcc_version,
        "avr-libc": _named(
            libc if libc.is_file() else DEBIAN_LIBC, r'__AVR_LIBC_VERSION_STRING__\s+"([^"]+)"'
        ),
        "arduino-core": _named(core / "platform.txt", r"^version=(\S+)"),
        "arduino-core files": _sum_of(sources),
        "packages": tools.source,
        "compiler options": _sum_of({**scripts, "alone": " ".join(OPTIONS).encode()}),
    }


def changed_versions(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """ "numpy 2.3.0 then, 2.4.6 now" for each that is another; of sums only that they are."""
    told = []
    for name in dict.fromkeys([*then, *now]):
        one, other = then.get(name, "none"), now.get(name, "none")
        if one != other:
            are_sums = max(len(one), len(other)) == 64
            told.append(f"other {name}" if are_sums else f"{name} {one} then, {other} now")
    return told


@cache
def _sum_of_package() -> str:
    """Of all texts of tinygen: a template that was changed is told by it."""
    content: dict[str, bytes] = {}
    for room in ROOMS:
        _collect(files(room), room, content)
    return _sum_of(content)


def _collect(folder: Traversable, name: str, content: dict[str, bytes]) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            # a wheel has the rooms in one folder, a checkout beside each other
            apart = f"{name}.{entry.name}" in ROOMS
            if not apart and not entry.name.startswith((".", "__")):
                _collect(entry, f"{name}/{entry.name}", content)
        elif entry.name.endswith(TEXTS):
            content[f"{name}/{entry.name}"] = entry.read_bytes()


def _sum_of(content: Mapping[str, bytes]) -> str:
    listed = [[name, hashlib.sha256(content[name]).hexdigest()] for name in sorted(content)]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def _wheel() -> str:
    """The sum of the wheel file that pip installed tinygen from, as pip noted it; "" without one,
    as from an index or a checkout.
    """
    try:
        noted = distribution("tinygen").read_text("direct_url.json")
        archive = json.loads(noted or "{}").get("archive_info", {})
        return str(archive.get("hashes", {}).get("sha256", ""))
    except (PackageNotFoundError, ValueError, AttributeError):
        return ""


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _named(path: Path, pattern: str) -> str:
    """What a pattern finds in a file; "unknown" where the file or the pattern is not there."""
    try:
        found = re.search(pattern, path.read_text("utf-8", "replace"), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else "unknown"
