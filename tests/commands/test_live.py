"""Live monitoring: rows from a pipe or a file, answered by a board; drift, wrong answers, and how
it ends.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from click.testing import CliRunner
from heating_rows import heating, with_strangers
from native_board import compile_board
from pty_native import PtyNative
from quick import quick_model, seen_by
from tables import parse, refused
from tinygen.host import opening

from tinygen import data
from tinygen.cli import main
from tinygen.commands import _live as live
from tinygen.commands._live import Answered, Plan, monitor_live, until, windows
from tinygen.commands._live_rows import text_rows
from tinygen.common.errors import DataError
from tinygen.model.fixedpoint import MISSING, Quantity
from tinygen.report.drift import Monitoring
from tinygen.report.monitor_files import html


@pytest.fixture(scope="module")
def made():
    """A model of two sensors, and usual rows of them as physical values."""
    rng = np.random.default_rng(5)
    a, b = (
        100 + 50 * np.sin(np.arange(1600) / 15) + rng.normal(0, 3, 1600),
        200 + rng.normal(0, 20, 1600),
    )
    rows = "\n".join(f"{x:.1f},{y:.1f},{x + y:.1f}" for x, y in zip(a, b))
    dataset = data.prepare(parse(f"a,b,y\n{rows}\n"), "y", split="time")
    model = quick_model(dataset, threshold=300.0)
    return model, seen_by(model, dataset, dataset.test) / 10


@pytest.fixture(scope="module")
def board(made, tmp_path_factory):
    """The real firmware with the model in it, behind a pseudo-terminal."""
    folder = tmp_path_factory.mktemp("live")
    with PtyNative(compile_board(made[0], folder), folder / "board") as native:
        yield str(native.link)


@pytest.fixture(autouse=True)
def quick_to_ask(monkeypatch):
    monkeypatch.setattr(opening, "QUIET_SECONDS", 0.02)


def log(path, values, shift=0.0):
    path.write_text(
        "\n".join(["b [V];a", *(f"{b + shift:.1f};{a:.1f}".replace(".", ",") for a, b in values)])
        + "\n"
    )
    return path


def saved(made, folder):
    made[0].save(folder / "m.json")
    return folder / "m.json"


def test_a_board_on_usual_rows_and_on_drifted_ones(made, board, tmp_path):
    said = []
    files = {
        "json_lines": tmp_path / "m.jsonl",
        "prometheus": tmp_path / "m.prom",
        "html": tmp_path / "m.html",
        "markdown": tmp_path / "m.md",
    }
    for shift, good in ((0.0, True), (40.0, False)):
        result = monitor_live(
            saved(made, tmp_path),
            log(tmp_path / "log.csv", made[1], shift),
            board,
            window=160,
            files=files,
            progress=said.append,
        )
        assert result.good == good and [w.rows for w in result.windows] == [160, 160, 160]
        assert all(
            next(f for f in w.figures if f.check == "board").value == 0 for w in result.windows
        )
    assert any(line.startswith("rows 161 to 320: b ks") for line in said) and any(
        "watching the Arduino Uno" in line for line in said
    )
    assert (
        len((tmp_path / "m.jsonl").read_text().splitlines()) == 3
        and 'check="board"' in (tmp_path / "m.prom").read_text()
    )
    assert (tmp_path / "m.html").is_file() and "**DRIFT" in (tmp_path / "m.md").read_text()


def test_a_board_that_answers_otherwise_is_named(made):
    model, values = made
    raw = np.round(values * 10).astype(np.int64)
    answers = model.answer(raw)
    start = Monitoring(model, "rows", 160, (), by_board=True)
    wrong = [Answered(row, int(a), k != 30) for k, (row, a) in enumerate(zip(raw[:160], answers))]
    *_, result = windows(start, wrong, lambda text: None)
    assert [f.check for f in result.windows[0].violations] == [
        "board"
    ] and "board 1 > 0" in result.windows[0].words()
    *_, result = windows(start, [replace(one, right=True) for one in wrong], lambda text: None)
    assert result.good


def test_number_and_time_end_it(made):
    rows = [np.array([k]) for k in range(50)]
    assert (
        len(list(until(iter(rows), Plan(rows=7)))) == 7
        and len(list(until(iter(rows), Plan()))) == 50
    )
    asked = []
    # not one more is waited for
    assert (
        len(list(until((asked.append(1) or row for row in rows), Plan(rows=7)))) == 7
        and len(asked) == 7
    )
    assert len(list(until((time.sleep(0.02) or row for row in rows), Plan(seconds=0.1)))) < 30


def test_too_few_rows_and_a_rest(made):
    model, values = made
    raw = np.round(values * 10).astype(np.int64)
    usual = [Answered(row, int(model.answer(row[None])[0]), True) for row in raw]
    with pytest.raises(DataError, match="9 rows came, at least 16"):
        list(windows(Monitoring(model, "rows", 64, ()), usual[:9], lambda text: None))
    *_, result = windows(Monitoring(model, "rows", 64, ()), usual[:70], lambda text: None)
    assert len(result.windows) == 1 and result.notes == ("the last 6 rows are too few to judge",)
    *_, result = windows(Monitoring(model, "rows", 64, ()), usual[:20], lambda text: None)
    assert [w.rows for w in result.windows] == [20]


def test_lines_as_they_come(made):
    model, _ = made
    read = list(
        text_rows(
            iter(["x;b;a", "1;20,5;3", ";;", "1;wet;7", "1;-200;nan", "", "2;1e9;4"]),
            model.inputs,
            (-200.0,),
        )
    )
    assert [row.tolist() for row in read] == [
        [30, 205],
        [MISSING] * 2,
        [70, MISSING],
        [MISSING] * 2,
        [40, 32767],
    ]
    assert [r.tolist() for r in text_rows(iter(['"a [V]","b"', '1.5,"2"']), model.inputs, ())] == [
        [15, 20]
    ]
    with pytest.raises(DataError, match="no column 'a'"):
        list(text_rows(iter(["b,c", "1,2"]), model.inputs, ()))
    with pytest.raises(DataError, match="no column 'a'"):
        list(text_rows(iter([]), model.inputs, ()))


def counted_rows(cells, quantity, delimiter=";"):
    lines = iter([f"n{delimiter}m", *(f"{cell}{delimiter}1" for cell in cells)])
    return [int(row[0]) for row in text_rows(lines, (quantity,), ())]


HUNDREDTHS = Quantity("n", "", 0.01, 0.5, 60.0)
WHOLE = Quantity("n", "", 1.0, 800.0, 9000.0)
WIDE = Quantity("n", "", 1.0, 0.0, 9000.0)


@pytest.mark.parametrize(
    "quantity, cells, wanted",
    [
        (HUNDREDTHS, ["7.563", "7,563"], [756, 756]),  # 7563 lies far beyond the training rows
        (WHOLE, ["955", "7.563", "1.002"], [955, 7563, 1002]),  # 7.563 does
        (WHOLE, ["955", "7,563"], [955, 7563]),
        (WIDE, ["7.5", "7.563"], [8, 8]),  # decimals were seen
        (WIDE, ["1.234.567", "7.563"], [32767, 7563]),  # groups were
        (WIDE, ["1.234,5", "7.563", "7,563"], [1235, 7563, 8]),
        (WIDE, ["0.563", "7.563"], [1, 8]),
    ],
)
def test_a_number_with_two_readings_is_settled_by_evidence(quantity, cells, wanted):
    assert counted_rows(cells, quantity) == wanted


@pytest.mark.parametrize(
    "quantity, cell, words",
    [
        (WIDE, "7.563", "'7.563' may be 7563 or 7.563, and the training rows (0 .. 9000 in"),
        (WIDE, '"-1,002"', "'-1,002' may be -1002 or -1.002"),
        (Quantity("n", "", 1.0, 0.0, 900.0), "7.563", "may be 7563 or 7.563"),
        (HUNDREDTHS, "99.563", "may be 99563 or 99.563"),
    ],
)
def test_or_refused_in_one_line_with_both(quantity, cell, words):
    refused(lambda: counted_rows([cell], quantity), "column 'n'", words)


TENTHS, COUNTS = Quantity("n", "", 0.1, 10.0, 30.0), Quantity("n", "", 1.0, 8000.0, 25000.0)
EITHER = Quantity("n", "", 1.0, 0.0, 40000.0)
GROUPED = 'n,m\n"19,334",43.7\n"21,627",17.2\n'
POINTS = "n;m\n19.334;44\n21.627;17\n"
FILED = "'19.334' is 19.334 by the rest of the file and 19334 by the training rows"


@pytest.mark.parametrize(
    "quantity, text, in_file, as_they_come",
    [
        (COUNTS, GROUPED, [19334, 21627], [19334, 21627]),
        (TENTHS, GROUPED, "is 19334 by the rest of the file and 19.334 by the", [193, 216]),
        (EITHER, GROUPED, [19334, 21627], "'19,334' may be 19334 or 19.334"),
        (TENTHS, POINTS, [193, 216], [193, 216]),
        (COUNTS, POINTS, FILED, [19334, 21627]),
        (EITHER, POINTS, "'19.334' may be 19334 or 19.334", "'19.334' may be 19334 or 19.334"),
        (COUNTS, "n;m\n7.5;1\n19.334;1\n", [8, 19], [8, 19]),  # the stream goes by what it saw
        (COUNTS, "n;m\n19.334;1\n7.5;1\n", [19, 8], "'7.5' contradicts how '19.334' before it"),
    ],
)
def test_no_cell_is_one_number_in_a_file_and_another_as_it_comes(
    quantity, text, in_file, as_they_come
):
    """The same bytes: the same numbers, or one of the two readers refuses them."""
    for read, wanted in (
        (lambda: data.rows_for((quantity,), parse(text))[0], in_file),
        (lambda: text_rows(iter(text.splitlines()), (quantity,), ()), as_they_come),
    ):
        if isinstance(wanted, str):
            refused(lambda read=read: list(read()), wanted)
        else:
            assert [int(row[0]) for row in read()] == wanted


def test_categories_and_times_as_they_come():
    """Each line becomes the row that it is in a file."""
    dataset = data.prepare(
        parse(heating()), "power", categories=["zone"], time_inputs=["hour", "weekday", "month"]
    )
    lines = heating(100, 18, with_strangers).splitlines()
    raw, _ = data.rows_for(dataset.inputs, parse("\n".join(lines) + "\n"))
    read = [row.tolist() for row in text_rows(iter(lines), dataset.inputs, (-200,))]
    assert read == raw.tolist() and [MISSING] * 3 in [row[1:4] for row in read]


def test_days_and_months_are_not_mixed_up():
    month = prepare_time("month")
    refused(
        lambda: list(text_rows(iter(["when", "03/04/2026 10:00"]), month, ())),
        "'03/04/2026 10:00' may be 2026-04-03 or 2026-03-04: write the year first",
    )
    told = ["when", "13/04/2026 10:00", "03/04/2026 10:00", "", "soon"]
    assert [r[0] for r in text_rows(iter(told), month, ())] == [4, 4, MISSING]
    hour = prepare_time("hour")
    assert [r[0] for r in text_rows(iter(["when", "03/04/2026 10:00"]), hour, ())] == [10]


def prepare_time(part):
    dataset = data.prepare(parse(heating()), "power", ["temp"], time_inputs=[part])
    return dataset.inputs[1:]


def piped(made, folder, *options):
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tinygen.cli",
            "monitor",
            str(saved(made, folder)),
            "-",
            "--window",
            "40",
            *options,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_rows_from_a_pipe_until_control_c(made, tmp_path):
    running = piped(made, tmp_path, "--json", "--json-lines", str(tmp_path / "w.jsonl"))
    running.stdin.write("a,b\n" + "".join(f"{a:.1f},{b + 60:.1f}\n" for a, b in made[1][:100]))
    running.stdin.flush()
    end = time.monotonic() + 20
    while time.monotonic() < end and (
        not (tmp_path / "w.jsonl").is_file()
        or len((tmp_path / "w.jsonl").read_text().splitlines()) < 2
    ):
        time.sleep(0.05)  # two full windows are on disk while it runs
    assert len((tmp_path / "w.jsonl").read_text().splitlines()) == 2
    time.sleep(0.5)  # the last 20 rows are on their way
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=20)
    told = json.loads(out)
    assert (
        running.returncode == 1
        and len(told["windows"]) == 3
        and told["notes"] == ["stopped by Ctrl-C"]
    ), err
    assert "rows 41 to 80: b ks" in err


def test_seconds_end_a_silent_pipe(made, tmp_path):
    running = piped(made, tmp_path, "--seconds", "1.5")
    running.stdin.write("a,b\n" + "".join(f"{a:.1f},{b:.1f}\n" for a, b in made[1][:160]))
    running.stdin.flush()
    threading.Timer(15, running.kill).start()
    assert "PASS" in running.stdout.read() and running.wait() == 0
    running.stdin.close()


def test_a_line_without_end_is_refused(monkeypatch):
    near, far = os.pipe()
    monkeypatch.setattr(live, "LONGEST_LINE", 100)
    os.write(far, b"x" * 300)
    with pytest.raises(live.UsageError, match="longer than 100 bytes"):
        list(live._lines(near, 1.0))
    os.close(far)
    os.close(near)


def test_a_simulated_board_is_built_and_watched(made, simavr, tmp_path):
    done = CliRunner().invoke(
        main,
        [
            "monitor",
            str(saved(made, tmp_path)),
            str(log(tmp_path / "log.csv", made[1])),
            "--port",
            "sim",
            "--rows",
            "64",
            "--window",
            "32",
        ],
    )
    assert (
        done.exit_code == 0
        and "board wrong" in done.output
        and "2 windows of 32 rows" in done.output
    )


class Tags(HTMLParser):
    """Checks that tags close in order, and collects what would be fetched."""

    def __init__(self):
        super().__init__()
        self.open, self.fetched = [], []

    def handle_starttag(self, tag, attrs):
        self.fetched += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "rect", "line", "!doctype"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in ("rect", "line"):
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_fetches_nothing(made):
    model, values = made
    raw = np.round((values + [[0, 60]]) * 10).astype(np.int64)
    usual = [Answered(row, int(model.answer(row[None])[0]), True) for row in raw]
    *_, result = windows(
        Monitoring(model, "<script>alert(1)</script>", 160, ()), usual, lambda text: None
    )
    page, tags = html(result), Tags()
    tags.feed(page)
    assert not tags.open and not tags.fetched and "http" not in page and "<script" not in page
    assert (
        "DRIFT" in page
        and page.count("<tr>") == 2 + 3 + 3
        and "b ks" in page
        and 'class="words bad"' in page
    )
