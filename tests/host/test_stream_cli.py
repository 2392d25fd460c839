"""`tinygen stream` as a user has it: its options, a cable that is pulled, Ctrl-C; through a
pseudo-terminal to the real firmware.
"""

import csv
import json
import random
import shlex
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from native_rows import MODEL, firmware  # noqa: F401 - a fixture
from pty_native import PtyNative
from tinygen.host import opening, stream
from tinygen.host.protocol import Decoder, Frame, Kind, model_seed
from tinygen.host.record import HEADER

from tinygen import cli

ROWS = 400
STOPPED = 130
ROW_BYTES, RESULT_BYTES = 23, 19  # a row of seven values and its answer on the wire


@pytest.fixture
def here(firmware, tmp_path, monkeypatch):  # noqa: F811
    """A folder with model.json and rows.csv, and a board at ./board."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(opening, "QUIET_SECONDS", 0.02)  # a pty has no bootloader behind it
    MODEL.save(tmp_path / "model.json")
    rows = [[str(value) for value in row] for row in MODEL.sample_rows(ROWS, 1).tolist()]
    rows[7][2] = ""
    (tmp_path / "rows.csv").write_text(
        "\n".join(map(",".join, [[q.name for q in MODEL.inputs], *rows])) + "\n"
    )
    with PtyNative(firmware, tmp_path / "board") as board:
        yield SimpleNamespace(folder=tmp_path, board=board, model=MODEL)


@pytest.fixture
def run(capsys):
    """`run("...")`: `tinygen stream model.json rows.csv --port board ...` in this process."""

    def command(options: str, rows: str = "rows.csv") -> SimpleNamespace:
        with pytest.raises(SystemExit) as end:
            cli.main(["stream", "model.json", rows, "--port", "board", *shlex.split(options)])
        out, err = capsys.readouterr()
        return SimpleNamespace(code=end.value.code, out=out, err=err)

    return command


@pytest.fixture
def patient(monkeypatch):
    """A busy computer is no reason to send a row again."""
    monkeypatch.setattr(stream, "SLACK_SECONDS", 10.0)


def lines_of(path) -> list[dict]:
    """The rows of a results file; each line must be whole, in order, and right."""
    text = path.read_text()
    lines = (
        [json.loads(line) for line in text.splitlines()]
        if path.suffix == ".jsonl"
        else list(csv.DictReader(text.splitlines()))
    )
    assert text.endswith("\n") and [int(line["row"]) for line in lines] == list(range(len(lines)))
    assert all(tuple(line) == HEADER and line["verdict"] == "OK" for line in lines)
    return lines


def test_link_arithmetic_is_told(here, run):
    done = run("")
    assert done.code == 0, done.err
    assert (
        f"a row takes {ROW_BYTES} bytes to the board and {RESULT_BYTES} back" in done.out + done.err
    )
    assert f"{ROWS} rows, 0 wrong, 0 lost" in done.out and done.out.rstrip().splitlines()[
        -1
    ].startswith("PASS")


def test_window(here, run):
    one, most, too_many = (run(f"--window {window} --json") for window in (1, 5, 6))
    assert (one.code, most.code, too_many.code) == (0, 0, 2)
    assert "window 6 is not within 1 .. 5" in too_many.err and len(too_many.err.splitlines()) == 1
    assert json.loads(one.out)["wrong"] == json.loads(most.out)["wrong"] == 0


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_results_file(here, patient, run, name):
    assert run(f"-o {name}").code == 0
    lines = lines_of(here.folder / name)
    assert len(lines) == ROWS and lines[7]["flags"] == "MISSING" and lines[7]["raw"] in ("", None)
    assert {int(line["tries"]) for line in lines} == {1}


def test_log_holds_both_directions(here, patient, run):
    assert run("--log raw.log").code == 0
    decoders = {"<": Decoder(model_seed(MODEL.model_id)), ">": Decoder(model_seed(MODEL.model_id))}
    kinds = {"<": [], ">": []}
    times = []
    for line in (here.folder / "raw.log").read_text().splitlines():
        seconds, direction, data = line.split(" ", 2)
        times.append(float(seconds))
        kinds[direction] += [
            event.kind
            for event in decoders[direction].process(bytes.fromhex(data))
            if isinstance(event, Frame)
        ]
    assert times == sorted(times)
    assert (
        kinds[">"].count(Kind.ROW) == kinds["<"].count(Kind.RESULT) == ROWS
        and kinds["<"][0] == Kind.INFO
    )


def test_pace(here, run):
    (here.folder / "few.csv").write_text(
        "".join((here.folder / "rows.csv").read_text().splitlines(keepends=True)[:21])
    )
    begun = time.monotonic()
    done = run("--pace 0.02 --json", "few.csv")
    assert done.code == 0 and time.monotonic() - begun > 19 * 0.02
    assert json.loads(done.out)["rows"] == 20


@pytest.mark.parametrize(
    "options, words",
    [
        ("--window 0", "window"),
        ("--tries 0", "tries"),
        ("--pace -1", "pace"),
        ("--reconnect x", "reconnect"),
        ("--baud 1", "baud"),
        ("-o no/such/folder/out.csv", "out.csv"),
        ("--log .", "."),
        ("--board nosuch", "nosuch"),
    ],
)
def test_a_wrong_option_is_one_line_and_writes_nothing(here, run, options, words):
    before = sorted(path.name for path in here.folder.iterdir())
    done = run(options)
    assert done.code == 2 and words in done.err and done.out == ""
    assert sorted(path.name for path in here.folder.iterdir()) == before


def pull_when_written(here, path, lines: int, back_after: float | None) -> threading.Thread:
    """Pulls the cable once `path` has so many lines; plugs it in again after some seconds, or
    never.
    """

    def work() -> None:
        while not path.exists() or path.read_bytes().count(b"\n") < lines:
            time.sleep(0.001)
        here.board.unplug()
        if back_after is not None:
            time.sleep(back_after)
            here.board.plug()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_a_pulled_cable(here, run):
    """Without --reconnect: exit code 3, one line, the rows so far in the file, whole."""
    pull_when_written(here, here.folder / "out.csv", 50, None)
    done = run("-o out.csv --junit result.xml")
    assert (
        done.code == 3
        and len(done.err.strip().splitlines()[-1:]) == 1
        and "plug it in and stream again" in done.err
    )
    assert "Traceback" not in done.err and 49 <= len(lines_of(here.folder / "out.csv")) < ROWS
    assert not (here.folder / "result.xml").exists()


def test_reconnect(here, run):
    """With it the same stream goes on: every row, once."""
    pull_when_written(here, here.folder / "out.csv", 50, 0.3)
    done = run("-o out.csv --reconnect 20")
    assert done.code == 0, done.err
    assert len(lines_of(here.folder / "out.csv")) == ROWS


def test_reconnect_ends_as_well(here, run):
    pull_when_written(here, here.folder / "out.csv", 50, None)
    begun = time.monotonic()
    done = run("-o out.csv --reconnect 0.5")
    assert (
        done.code == 3
        and "did not come back within 0.5 s" in done.err
        and time.monotonic() - begun < 20
    )
    assert 49 <= len(lines_of(here.folder / "out.csv")) < ROWS


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_ctrl_c(here, name, figures):
    """SIGINT at random moments: exit code 130, one line, whole lines in the file, and the port is
    free for the next.
    """
    rng, out, counts = random.Random(5), here.folder / name, []
    command = [
        sys.executable,
        "-m",
        "tinygen.cli",
        "stream",
        "model.json",
        "rows.csv",
        "--port",
        "board",
        "-o",
        name,
        "--pace",
        "0.002",
    ]
    for _ in range(2):
        program = subprocess.Popen(
            command, cwd=here.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 60
        while not out.exists() or out.read_bytes().count(b"\n") < 5:
            assert program.poll() is None and time.monotonic() < deadline
            time.sleep(0.002)
        time.sleep(rng.random() * 0.3)
        program.send_signal(signal.SIGINT)
        _said, complaint = program.communicate(timeout=30)
        assert program.returncode == STOPPED and "Traceback" not in complaint
        assert complaint.strip().splitlines()[-1] == "tinygen: stopped by the user"
        counts.append(len(lines_of(out)))
        assert 4 <= counts[-1] < ROWS
        out.unlink()
    figures(
        f"Ctrl-C, {name}",
        f"{len(counts)} times, {' and '.join(map(str, counts))} whole lines of {ROWS} in the file, "
        f"exit code {STOPPED}",
    )


def test_a_results_file_with_a_torn_line_is_seen(here, run):
    """Negative control of `lines_of`."""
    assert run("-o out.csv").code == 0
    path = here.folder / "out.csv"
    text = path.read_text()
    for torn in (
        text[:-3],
        text.replace("\n5,", "\n6,", 1),
        text.replace(",OK", ",WRONG"),
        text.replace("\n9,", "\n", 1),
    ):
        path.write_text(torn)
        with pytest.raises(AssertionError):
            lines_of(path)
