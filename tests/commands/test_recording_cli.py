"""`tinygen record` as a user types it, on the virtual board."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import answer

from tinygen.cli import main
from tinygen.commands.record import Wanted, record

WORDS = ("--port", "sim", "--channels", "A0,A1", "--rate", "50")
MOTOR = ("--simulate", "motor:off", "--seconds", "1")


def test_a_motor_is_recorded_and_played_again(simavr, tmp_path):
    words = ("record", *WORDS, "--simulate", "motor:unbalanced", "--label", "shaky")
    said = answer(*words, "--seconds", "1", "-o", "rec", cwd=tmp_path)
    assert (said["file"], said["samples"], said["lost"]) == ("rec/shaky-01.csv", 50, [])
    lines = (tmp_path / "rec/shaky-01.csv").read_text().splitlines()
    assert lines[0] == "t [s],A0,A1,label" and len(lines) == 51
    played = Wanted("sim", "A0,A1", 50, played=tmp_path / "rec/shaky-01.csv")
    again = record(played, tmp_path / "again")
    assert "50 samples of A0, A1 at 50 Hz, 1 s\n0 lost;" in again.text()
    assert again.path == tmp_path / "again/recording-01.csv"
    assert [f"{line},shaky" for line in again.path.read_text().splitlines()[1:]] == lines[1:]


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
def test_what_is_recorded_until_ctrl_c_is_kept(simavr, tmp_path, ended_by, level):
    if level == "commit" and ended_by == signal.SIGTERM:
        pytest.skip("the same handler: --level release")
    words = ("record", *WORDS[:-1], "200", "--simulate", "motor:normal", "--seconds", "600")
    running = subprocess.Popen(
        [sys.executable, "-m", "tinygen.cli", *words, "--label", "long", "-o", "rec"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    for line in running.stderr:
        if "recording" in line:  # it has begun
            break
    running.send_signal(ended_by)
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 0 and "stopped: what was recorded until then is kept" in out
    (path,) = (tmp_path / "rec").iterdir()
    assert path.name == "long-01.csv" and path.read_text().endswith(",long\n")


def refused(capsys, *words) -> tuple[int, str]:
    """Exit code and the one line of a command that fails."""
    with pytest.raises(SystemExit) as ended:
        main(["record", *words])
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return int(ended.value.code), said


PLAYED = "t [s],A0,A1\n0.00,1,2\n0.02,3,4\n"


@pytest.mark.parametrize(
    "words, code, message",
    [
        (("--rate", "9000"), 2, "9000 Hz is too fast for 2 channels of the Arduino Uno"),
        (("--channels", "A9"), 2, "the Arduino Uno has no channel 'A9': use A0 .. A5"),
        (("--label", "a/b"), 2, "label 'a/b' cannot be a file's name"),
        (("--board", "leonardo"), 2, "the Arduino Leonardo cannot record"),
        (("--port", "/dev/ttyNONE"), 2, "--from and --simulate are for --port sim"),
        (("--simulate", "pump:on"), 2, "there is no machine 'pump:on': use motor:normal"),
        (("--channels", ""), 2, "--channels is missing"),
        (("--plain",), 2, "--plain is for a sketch on a real board"),
        (("--from", "p.csv"), 2, "give --from FILE.csv or --simulate"),
        (("-o", "p.csv"), 2, "output 'p.csv' is no folder"),
    ],
)
def test_mistakes_are_one_line(simavr, capsys, tmp_path, monkeypatch, words, code, message):
    monkeypatch.chdir(tmp_path)
    Path("p.csv").write_text(PLAYED)
    got, said = refused(capsys, *WORDS, *MOTOR, "-o", "rec", *words)
    assert (got, message in said) == (code, True), said
    assert os.listdir() == ["p.csv"]


@pytest.mark.parametrize(
    "text, message",
    [
        (PLAYED.replace("3,4", "3,1024"), "column 'A1' of p.csv has 1024: a channel takes whole"),
        (
            PLAYED.replace("A1", "B1,B2").replace(",2", ",2,2").replace(",4", ",4,4"),
            "has no columns A0, A1",
        ),
        (PLAYED.replace("0.02", "0.00"), "column 't' of p.csv does not rise from row to row"),
    ],
)
def test_files_that_cannot_be_played(capsys, tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    Path("p.csv").write_text(text)
    code, said = refused(capsys, *WORDS, "--from", "p.csv", "-o", "rec")
    assert (code, message in said) == (2, True), said
    assert os.listdir() == ["p.csv"]


def test_a_port_that_is_not_there(capsys, tmp_path):
    words = ("--port", "/dev/ttyNONE", *WORDS[2:], "-o", str(tmp_path / "rec"))
    code, said = refused(capsys, *words)
    assert (code, "port /dev/ttyNONE does not exist" in said) == (3, True)
    assert list(tmp_path.iterdir()) == []
