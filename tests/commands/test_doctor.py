"""The doctor finds what is there, says what to type for what is not, and completion is click's
own.
"""

import json
import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from serial.tools import list_ports
from tinygen.host import discover

from tinygen.cli import main
from tinygen.commands import doctor
from tinygen.commands.doctor import Health, Thing, examine
from tinygen.target import toolchain


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A machine with nothing on it, and a cache folder that can be written."""
    monkeypatch.setenv("TINYGEN_CACHE", str(tmp_path / "cache"))
    for name in ("find_gcc", "find_core", "find_simavr"):
        monkeypatch.setattr(toolchain, name, lambda: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(list_ports, "comports", list)
    monkeypatch.setattr(discover, "plugged_in", dict)
    return tmp_path


def things(result=None):
    return {thing.name: thing for thing in (result or examine()).things}


def test_each_missing_piece_says_what_to_type(bare):
    found = things()
    missing = {name for name, thing in found.items() if not thing.there and thing.needed}
    assert missing == {"AVR compiler", "Arduino core", "simulator"}
    assert all(found[name].advice.startswith("tinygen setup") for name in missing)
    assert not found["avrdude"].there and not found["board"].there and not found["avrdude"].needed


def test_something_missing_is_exit_code_3(bare):
    done = CliRunner().invoke(main, ["doctor"])
    assert (
        done.exit_code == 3
        and "MISSING   simulator" in done.stdout
        and "missing: AVR compiler, Arduino core, simulator" in done.stdout
    )
    assert len(done.stdout.splitlines()) == 10


def test_all_there_is_exit_code_0(bare, monkeypatch):
    for name in ("find_gcc", "find_core"):
        monkeypatch.setattr(toolchain, name, lambda: bare)
    monkeypatch.setattr(toolchain, "find_simavr", lambda: "libsimavr.so.2")
    done = CliRunner().invoke(main, ["doctor", "--json"])
    assert done.exit_code == 0 and json.loads(done.stdout)["passed"]


def test_optional_things_do_not_fail_it():
    assert Health((Thing("a", True, True, "x", ""), Thing("b", False, False, "", "y"))).good
    assert not Health((Thing("a", False, True, "", "y"),)).good
    assert "optional  b  y" in Health((Thing("b", False, False, "", "y"),)).text()


def test_a_cache_that_cannot_be_written_is_found(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TINYGEN_CACHE", str(tmp_path / "file"))
    cache = things()["cache folder"]
    assert not cache.there and cache.advice.startswith("export TINYGEN_CACHE=")


def test_a_port_without_permission_names_its_group(bare, monkeypatch):
    port = bare / "ttyACM0"
    port.write_text("")
    monkeypatch.setattr(list_ports, "comports", lambda: [SimpleNamespace(device=str(port))])
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(port))
    permission = things()["port permission"]
    assert (
        not permission.there
        and f"usermod -a -G {port.group()}" in permission.advice
        and str(port) in permission.advice
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="groups are a matter of Linux")
def test_the_group_counts_where_no_port_is_there(bare, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getgroups", lambda: [4_000_000])
    assert "dialout" in things()["port permission"].advice
    monkeypatch.setattr(doctor, "_may_open_ports", lambda: True)
    assert things()["port permission"].there


def test_this_machine_builds(toolchain):
    found = things()
    assert (
        found["AVR compiler"].there
        and found["Arduino core"].there
        and found["Python"].there
        and found["PlatformIO"].there
    )


@pytest.mark.parametrize(
    "shell,word",
    [("bash", "complete -o"), ("zsh", "#compdef tinygen"), ("fish", "complete --no-files")],
)
def test_completion_scripts(shell, word):
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == 0 and word in done.stdout and "_TINYGEN_COMPLETE" in done.stdout
    assert CliRunner().invoke(main, ["completion", "tcsh"]).exit_code == 2


def test_the_shell_gets_words():
    done = subprocess.run(
        [sys.executable, "-c", "from tinygen.cli import main; main(prog_name='tinygen')"],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "_TINYGEN_COMPLETE": "bash_complete",
            "COMP_WORDS": "tinygen mo",
            "COMP_CWORD": "1",
        },
        timeout=120,
    )
    assert done.stdout.split() == ["plain,monitor"]
