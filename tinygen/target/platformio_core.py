"""PlatformIO's private core folder: what `pio run` finds instead of its registry.

Made of links to the compiler and the Arduino core of this machine, of our stand-in for the platform
`atmelavr`, and of a few small descriptions; or, where its registry answers, filled by PlatformIO
itself. The user's own ~/.platformio is never read or written.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
from importlib.resources import files
from pathlib import Path

from ..common.boards import BOARDS, core_properties, pio_board_file, render_platformio_ini
from ..common.errors import UsageError
from ..common.files import write_whole
from ..common.process import Progress, run

PLATFORM_VERSION = "5.2.0"  # of platform-atmelavr, whose place our stand-in takes
TOOL_VERSIONS = {  # versions that platform asks for; PlatformIO checks the numbers
    "toolchain-atmelavr": "1.70300.0",
    "framework-arduino-avr": "5.3.0",
    "tool-avrdude": "1.60300.0",
}
AVRDUDE_CONF = Path("/etc/avrdude.conf")
DEBIAN_LIBC = Path("/usr/lib/avr/include/avr/version.h")
UNUSED_SECONDS = 30 * 24 * 3600  # after which a compiled file is deleted
LOCK_SECONDS = 60  # SCons holds its lock for milliseconds
PREFIX_LENGTH = 2  # hex digits of a file's key that name its folder, SCons's own choice
REGISTRY_SECONDS = 1200  # time-out; 60 MB on a slow line


def local_core_dir(avr_core: Path, gcc: Path, cache: Path) -> Path:
    """The core folder for an Arduino core and a compiler of this machine, below `cache`; made
    once.
    """
    content = _content(avr_core)
    key = hashlib.sha256(
        json.dumps([str(gcc), str(avr_core), content], sort_keys=True).encode()
    ).hexdigest()
    core_dir = cache / f"platformio-{key[:12]}"
    if not core_dir.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix="platformio-new-") as fresh:
            _write(Path(fresh) / "core", avr_core, gcc, content)
            move_into_place(Path(fresh) / "core", core_dir)
    return core_dir


def registry_core_dir(cache: Path, progress: Progress, install: bool) -> Path | None:
    """The core folder with PlatformIO's own packages; None when they are not there and cannot be
    had.
    """
    core_dir = cache / "platformio-registry"
    complete = core_dir / ".complete"
    if not complete.is_file():
        if not (install and registry_answers()) or not _install_from_registry(core_dir, progress):
            return None
        complete.write_text(PLATFORM_VERSION, encoding="utf-8")
    return core_dir


def pio_environment(core_dir: Path, build_cache: Path | None = None) -> dict[str, str]:
    """Environment variables of a PlatformIO run that depends on nothing but the project and
    `core_dir`; compiled files are kept in `build_cache` and taken from there.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PLATFORMIO_")}
    if build_cache:
        kept["PLATFORMIO_BUILD_CACHE_DIR"] = str(build_cache)
    return kept | {
        "PLATFORMIO_CORE_DIR": str(core_dir),
        "PLATFORMIO_DISABLE_UPGRADE_CHECK": "true",
        "PLATFORMIO_SETTING_CHECK_PLATFORMIO_INTERVAL": "9999",
        "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no",
        "PLATFORMIO_NO_ANSI": "1",
        "PYTHONSAFEPATH": "1",  # no module from the folder that one stands in
        "PYTHONHASHSEED": "0",  # one order of sources and libraries, one binary
        "PYTHONUTF8": "1",
        "LC_ALL": "C",  # the compiler's messages in plain English
        "CI": "true",
    }


def build_cache(core_dir: Path, avr_gcc: Path, directory: Path) -> Path | None:
    """The folder of compiled files that builds of the project in `directory` may share.

    SCons finds a file in it by the content of all sources and the command lines, writes it whole
    under another name first, and renames it: builds may run side by side. What SCons does not see
    is part of the folder's name: the compiler and its library, and the scripts that work on a
    linked program. None where the folder cannot be written. Files unused for a month are deleted.
    """
    libc = avr_gcc.parent.parent / "avr" / "include" / "avr" / "version.h"
    seen = [
        core_dir.name,
        *((str(path), _stamp(path)) for path in (avr_gcc, libc, DEBIAN_LIBC)),
        *((path.name, path.read_text("utf-8")) for path in sorted(directory.rglob("src/*.py"))),
    ]
    root = core_dir.parent / "compiled"
    folder = root / hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:12]
    try:
        _prepare(folder)
    except (OSError, UsageError):
        return None
    _delete_unused(root)
    return folder if os.access(folder, os.W_OK) else None


def move_into_place(made: Path, target: Path) -> None:
    """Rename a finished folder; another process that was faster wins."""
    try:
        made.rename(target)
    except OSError:
        if not target.is_dir():
            raise


# ---- compiled files ----


def _prepare(folder: Path) -> None:
    """The folder with SCons's settings in it. Of two builds that start with an empty folder, or
    with none, one would fail: PlatformIO makes the folder and SCons 4.11 the settings
    (`CacheDir._add_config`) only where they are new.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "config"
    if not settings.is_file():
        write_whole(settings, json.dumps({"prefix_len": PREFIX_LENGTH}))


def _stamp(path: Path) -> list[int]:
    """Size and time of a file; nothing where there is none."""
    try:
        found = path.stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns]


def _delete_unused(root: Path) -> None:
    """SCons renews the time of a file that it takes; its locks outlive a process that is killed."""
    now = time.time()
    for folder, _, names in os.walk(root):
        for name in set(names) - {"config", "CACHEDIR.TAG"}:
            path = Path(folder, name)
            limit_s = LOCK_SECONDS if name == "config.lock" else UNUSED_SECONDS
            with contextlib.suppress(OSError):  # another build's, renamed or deleted by it
                if now - path.stat().st_mtime > limit_s:
                    path.unlink()


# ---- local pieces ----


def _content(avr_core: Path) -> dict[str, str]:
    """Every regular file of the core folder: relative path -> text."""
    versions = {"tool-scons": _scons_version(), **TOOL_VERSIONS}
    content = {"packages/tool-scons/scons.py": "from SCons.Script import main\n\nmain()\n"}
    for name, version in versions.items():
        content[f"packages/{name}/package.json"] = json.dumps({"name": name, "version": version})
        content[f"packages/{name}/.piopm"] = _piopm("tool", name, version)
    shim = files("tinygen.firmware") / "platform" / "atmelavr"
    for path in ("platform.json", "builder/main.py", "builder/arduino.py"):
        content[f"platforms/atmelavr/{path}"] = shim.joinpath(path).read_text(encoding="utf-8")
    content["platforms/atmelavr/.piopm"] = _piopm("platform", "atmelavr", PLATFORM_VERSION)
    boards_txt = (avr_core / "boards.txt").read_text(encoding="utf-8", errors="replace")
    for board in BOARDS.values():
        if board.has_firmware and core_properties(boards_txt, board.fqbn):
            content[f"platforms/atmelavr/boards/{board.pio_id}.json"] = json.dumps(
                pio_board_file(board, boards_txt), indent=2
            )
    return content


def _write(folder: Path, avr_core: Path, gcc: Path, content: dict[str, str]) -> None:
    for path, text in content.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    for name in ("bin", "avr", "lib", "libexec"):
        # PATH's compiler (/usr/bin/avr-gcc) finds its own parts; linking all of /usr/bin would
        # shadow
        if gcc != Path("/usr"):
            _link(folder / "packages" / "toolchain-atmelavr" / name, gcc / name)
    for name in ("cores", "variants", "libraries", "bootloaders"):
        _link(folder / "packages" / "framework-arduino-avr" / name, avr_core / name)
    _link(folder / "packages" / "tool-avrdude" / "avrdude.conf", AVRDUDE_CONF)


def _link(link: Path, target: Path) -> None:
    if target.exists():
        link.symlink_to(target, target_is_directory=target.is_dir())


def _piopm(kind: str, name: str, version: str) -> str:
    """PlatformIO's note of where a package came from; without it a package is fetched again."""
    spec = {"owner": "platformio", "id": None, "name": name, "requirements": None, "uri": None}
    return json.dumps({"type": kind, "name": name, "version": version, "spec": spec})


def _scons_version() -> str:
    from platformio.dependencies import get_core_dependencies

    return get_core_dependencies()["tool-scons"].lstrip("~^")


# ---- PlatformIO's registry ----


def registry_answers(url: str | None = None, timeout_s: float = 4.0) -> bool:
    """Whether PlatformIO's registry can be reached; asked once, since PlatformIO itself tries for a
    minute.
    """
    from platformio import __registry_mirror_hosts__ as hosts

    try:
        with urllib.request.urlopen(
            url or f"https://api.{hosts[0]}/v3/search?query=atmelavr", timeout=timeout_s
        ):
            return True
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return False
    except (OSError, ValueError):
        return False


def _install_from_registry(core_dir: Path, progress: Progress) -> bool:
    core_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as project:
        # not any later one that a project would do with
        text = render_platformio_ini(BOARDS.values()).replace("@^5", f"@{PLATFORM_VERSION}")
        (Path(project) / "platformio.ini").write_text(text, encoding="utf-8")
        done = run(
            [sys.executable, "-m", "platformio", "pkg", "install", "-d", project],
            "installing PlatformIO's AVR packages",
            progress,
            REGISTRY_SECONDS,
            pio_environment(core_dir),
        )
    return done.code == 0
