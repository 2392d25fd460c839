"""SIGTERM and SIGHUP: exit code 128 + signal, one line, no child and no temporary folder left."""

import os
import signal
import subprocess
import sys
import time

import pytest

COMMAND = """
import sys, tempfile
from pathlib import Path
from tinygen.cli import OneLineErrors
from tinygen.common.files import write_whole
from tinygen.common.process import run

main = OneLineErrors()

@main.command()
def wait():
    with tempfile.TemporaryDirectory(dir=sys.argv[2]) as folder:
        shell = f"sleep 600 & echo $! > {folder}/child; wait"
        run(["sh", "-c", shell], "waiting", print, 600)

sys.exit(main(["wait"]))
"""


def alive(pid: int) -> bool:
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def waiting(tmp_path, hang_up=signal.SIG_DFL) -> tuple[subprocess.Popen, int]:
    """The command, and the process that its shell has started. hang_up: what SIGHUP does to it; by
    itself it would inherit that from the test run, which `nohup` may have started.
    """
    command = [sys.executable, "-c", COMMAND, "wait", str(tmp_path)]
    program = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, hang_up),
    )
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for note in tmp_path.glob("*/child"):
            if pid := note.read_text().strip():
                return program, int(pid)
        time.sleep(0.05)
    program.kill()
    raise AssertionError("the command did not start")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_ended_cleans_up(tmp_path, number):
    program, child = waiting(tmp_path)
    assert alive(child)
    program.send_signal(number)
    _, words = program.communicate(timeout=60)
    assert program.returncode == 128 + number
    assert words == f"tinygen: stopped by {number.name}\n"
    end = time.monotonic() + 10
    while alive(child) and time.monotonic() < end:  # a kill takes a moment on a busy machine
        time.sleep(0.01)
    assert not alive(child) and not list(tmp_path.iterdir())


def test_what_nohup_started_outlives_a_hang_up(tmp_path):
    program, child = waiting(tmp_path, signal.SIG_IGN)
    program.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        program.wait(timeout=1)
    assert alive(child)
    program.send_signal(signal.SIGTERM)
    _, words = program.communicate(timeout=60)
    assert (program.returncode, words) == (143, "tinygen: stopped by SIGTERM\n")


def test_sigkill_is_what_cannot_be_cleaned_up(tmp_path):
    """Negative control: the same look finds what is left behind."""
    program, child = waiting(tmp_path)
    program.kill()
    program.communicate(timeout=60)
    assert alive(child) and list(tmp_path.iterdir())
    os.kill(child, signal.SIGKILL)
