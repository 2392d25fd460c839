"""A cable that is pulled, a program that is killed, a disk that fills: through a real
pseudo-terminal, at random moments.
"""

import csv
import json
import mmap
import multiprocessing
import random
import signal
import threading
import time
from pathlib import Path

import pytest
import stream_program
from native_rows import MODEL, firmware, rows_of  # noqa: F401 - a fixture
from pty_native import PtyNative
from tinygen.host import link as link_module
from tinygen.host import opening
from tinygen.host.check import check, expect
from tinygen.host.link import LinkLost, open_link
from tinygen.host.record import HEADER, RawLog, RowFile
from tinygen.host.stream import stream

from tinygen.common.errors import UsageError

TRIALS = {"commit": 15, "release": 500}
KILLS = {"commit": 15, "release": 200}


@pytest.fixture(autouse=True)
def quick_to_ask(monkeypatch):
    """A pty has no bootloader behind it that would have to be waited for."""
    monkeypatch.setattr(opening, "QUIET_SECONDS", 0.02)


@pytest.fixture
def quick_to_look(monkeypatch):
    """A cable is back within 50 ms."""
    monkeypatch.setattr(link_module, "REOPEN_EVERY_SECONDS", 0.02)


@pytest.mark.usefixtures("quick_to_look")
def test_unplugged_and_plugged_in_again(firmware, tmp_path, figures, level):  # noqa: F811
    """With `reconnect` the stream goes on under the port's new name: nothing lost, nothing wrong,
    nothing twice.
    """
    rng, rows, retries = random.Random(1), rows_of(300), 0
    expected = expect(MODEL, rows)
    with PtyNative(firmware, tmp_path / "board") as board:
        for _ in range(TRIALS[level]):
            pull, seen = rng.randrange(290), []
            with open_link(str(board.link), MODEL) as link:
                for reply in stream(link, rows.tolist(), reconnect=20):
                    seen.append(reply)
                    if reply.index == pull:
                        time.sleep(rng.random() * 0.002)
                        board.unplug()
                        threading.Timer(rng.random() * 0.05, board.plug).start()
            verdict = check(seen, expected)
            assert verdict.passed and [reply.index for reply in seen] == list(range(300)), verdict
            retries += verdict.retries
    figures(
        "unplugged, --reconnect",
        f"{TRIALS[level]} times in 300 rows each: 0 wrong, 0 lost, {retries} rows sent again",
    )


def test_unplugged_for_good(firmware, tmp_path, figures, level):  # noqa: F811
    """Without `reconnect` one clear line, soon; the rows before it are right."""
    rng, rows = random.Random(2), rows_of(300)
    expected, slowest = expect(MODEL, rows), 0.0
    with PtyNative(firmware, tmp_path / "board") as board:
        for _ in range(TRIALS[level]):
            pull, seen = rng.randrange(290), []
            with (
                open_link(str(board.link), MODEL) as link,
                pytest.raises(LinkLost, match="plug it in and stream again"),
            ):
                for reply in stream(link, rows.tolist()):
                    seen.append(reply)
                    if reply.index == pull:
                        board.unplug()
                        pulled = time.monotonic()
            slowest = max(slowest, time.monotonic() - pulled)
            verdict = check(seen, expected)
            assert (verdict.wrong, verdict.led_wrong) == (0, 0) and len(seen) >= pull + 1
            board.plug()
    assert slowest < 2
    figures(
        "unplugged for good",
        f"{TRIALS[level]} times: one line at most {slowest:.2f} s later, 0 wrong",
    )


def test_a_cable_that_never_comes_back(firmware, tmp_path):  # noqa: F811
    with (
        PtyNative(firmware, tmp_path / "board") as board,
        open_link(str(board.link), MODEL) as link,
    ):
        begun, worked = time.monotonic(), time.thread_time()
        with pytest.raises(LinkLost, match=r"did not come back within 0.5 s"):
            for reply in stream(link, rows_of(50).tolist(), reconnect=0.5):
                if reply.index == 20:
                    board.unplug()
        assert (
            time.monotonic() - begun < 5 and time.thread_time() - worked < 0.25
        )  # it waits, it does not spin


@pytest.fixture
def streaming(tmp_path, monkeypatch):
    """`streaming(rows, port, out)`: a new process that streams; forked from one that has imported
    everything.
    """
    # Python 3.11 tells the server of no other path, and then it imports nothing, without a word
    monkeypatch.setenv("PYTHONPATH", str(Path(stream_program.__file__).parent))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["stream_program"])
    MODEL.save(tmp_path / "model.json")

    def start(rows, port: Path, out: Path):
        process = context.Process(
            target=stream_program.run, args=(tmp_path / "model.json", rows, str(port), out)
        )
        process.start()
        return process

    return start


def test_killed_and_started_again(firmware, streaming, tmp_path, figures, level):  # noqa: F811
    """SIGKILL at random moments: whole lines in the file, the port free, the next answers right."""
    rng, rows, out = random.Random(3), rows_of(5000), tmp_path / "out.csv"
    expected, written, fewest = expect(MODEL, rows[:20]), 0, 5000
    with PtyNative(firmware, tmp_path / "board") as board:
        for _ in range(KILLS[level]):
            running = streaming(rows, board.link, out)
            deadline = time.monotonic() + 60
            while not (out.exists() and out.stat().st_size > 200):
                assert running.is_alive() and time.monotonic() < deadline
                time.sleep(0.002)
            time.sleep(rng.random() * 0.1)
            running.kill()
            running.join()
            assert running.exitcode == -signal.SIGKILL
            lines = rows_in(out)
            written, fewest = written + lines, min(fewest, lines)
            out.unlink()
            with open_link(str(board.link), MODEL) as link:
                assert check(stream(link, rows[:20].tolist()), expected).passed
    figures(
        "SIGKILL",
        f"{KILLS[level]} times: {written:,} whole lines written, at least {fewest} each time, "
        "the port free, "
        "the next answers right",
    )


def test_a_torn_line_is_seen(tmp_path):
    """Negative control: a results file as a program would leave it that writes lines in pieces."""
    whole = ",".join(HEADER) + "\n0,5,5.0,OK,0,1,100,1,5,OK\n"
    (tmp_path / "out.csv").write_text(whole)
    assert rows_in(tmp_path / "out.csv") == 1
    for torn in (
        whole[:-1],
        whole + "1,5",
        whole.replace("OK\n", "WRONG\n"),
        whole + whole.splitlines()[1].replace("0,5", "2,5", 1) + "\n",
    ):
        (tmp_path / "out.csv").write_text(torn)
        with pytest.raises(AssertionError):
            rows_in(tmp_path / "out.csv")
    page = whole + "2,5,".ljust(mmap.PAGESIZE - len(whole), "1")
    (tmp_path / "out.csv").write_text(page)
    assert rows_in(tmp_path / "out.csv") == whole.count("\n") - 1
    (tmp_path / "out.csv").write_text(page[:-1])
    with pytest.raises(AssertionError):
        rows_in(tmp_path / "out.csv")


def rows_in(path: Path) -> int:
    """Lines of a results file; each must be whole, in order and right, but for one that SIGKILL has
    torn at the end of a page.
    """
    text = path.read_text()
    if text and len(text.encode()) % mmap.PAGESIZE == 0:
        text = text[: text.rfind("\n") + 1]
    lines = list(csv.DictReader(text.splitlines()))
    assert text.endswith("\n") and [int(line["row"]) for line in lines] == list(range(len(lines)))
    assert tuple(lines[0]) == HEADER and {line["verdict"] for line in lines} == {"OK"}
    return len(lines)


# ---- what is written ----


def test_rows_are_written_as_they_come(firmware, tmp_path):  # noqa: F811
    rows = rows_of(60)
    expected = expect(MODEL, rows)
    with (
        PtyNative(firmware, tmp_path / "board") as board,
        open_link(str(board.link), MODEL) as link,
    ):
        with (
            RowFile(tmp_path / "rows.jsonl", float) as file,
            RawLog(tmp_path / "raw.log") as log,
        ):
            link.tap = log
            for reply in stream(link, rows.tolist()):
                file.row(reply, "", expected)
                lines = [
                    json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()
                ]
                assert len(lines) == reply.index + 1 and lines[-1]["row"] == reply.index
    assert (
        lines[57]["raw"] is None
        and lines[57]["flags"] == "MISSING"
        and (lines[57]["red"], lines[57]["green"]) == (0, 0)
    )
    assert lines[58]["raw"] == expected.prediction[58] and set(lines[0]) == set(HEADER)
    logged = (tmp_path / "raw.log").read_text().splitlines()
    sent = [line.split(" ", 2) for line in logged if line.split(" ")[1] == ">"]
    assert len(sent) == 60 and all(bytes.fromhex(data)[0] == 0 for _, _, data in sent)
    assert float(sent[0][0]) <= float(sent[-1][0])


def test_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(UsageError, match="cannot be written"):
        RowFile(tmp_path / "no" / "rows.csv", float)


def test_pace(firmware, tmp_path):  # noqa: F811
    """Twenty rows, none of which is sent before its time: a computer that is busy may send the ones
    that it owes at once.
    """
    with (
        PtyNative(firmware, tmp_path / "board") as board,
        open_link(str(board.link), MODEL) as link,
    ):
        replies = list(stream(link, rows_of(20).tolist(), pace=0.02))
    at = [reply.at_s for reply in replies]
    assert (
        all(0 < reply.latency_s <= reply.at_s for reply in replies)
        and sorted(reply.latency_s for reply in replies)[10] < 0.1
    )
    sent = [reply.at_s - reply.latency_s for reply in replies]
    assert 0.38 <= at[-1] < 1.0
    assert all(0.02 * k <= when + 1e-9 for k, when in enumerate(sent))
