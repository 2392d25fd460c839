"""Every mistake is one line with the right exit code, and changes nothing."""

import fcntl
import os
import shlex
import sys
from functools import partial
from types import ModuleType

import pytest
from cli_files import QUICK, TRAIN, contents
from tinygen.host import link
from tinygen.host.link import open_link
from tinygen.host.virtual.protocol_avr import avr_url

from tinygen import cli
from tinygen.commands import boards
from tinygen.common import arithmetic

# command, exit code, what the one line says
MISTAKES = [
    ("train absent.csv --target gas -o fresh.json", 2, ["absent.csv does not exist"]),
    (
        "train row.csv --target gas -o fresh.json",
        2,
        ["row.csv does not exist", "'rows.csv' beside it"],
    ),
    ("train 'a folder' --target gas -o fresh.json", 2, ["a folder is a folder"]),
    ("train empty.csv --target gas -o fresh.json", 2, ["empty.csv is empty"]),
    ("train header.csv --target gas -o fresh.json", 2, ["no rows below it"]),
    ("train rows.csv --target gass -o fresh.json", 2, ["no column 'gass'", "nearest", "'gas'"]),
    (f"{TRAIN} --inputs heat,dump -o fresh.json", 2, ["no column 'dump'", "'damp'"]),
    (f"{TRAIN} --drop dump -o fresh.json", 2, ["no column 'dump'", "'damp'"]),
    ("train text.csv --target gas -o fresh.json", 2, ["row 42", "'damp'", "'wet?'"]),
    (
        "train gone.csv --target gas --inputs heat,damp -o fresh.json",
        2,
        ["'damp'", "missing", "at least 20"],
    ),
    ("train lost.csv --target gas -o fresh.json", 2, ["'gas'", "missing", "at least 20"]),
    ("train constant.csv --target gas --inputs heat,damp -o fresh.json", 2, ["'damp'", "constant"]),
    ("train dull.csv --target gas -o fresh.json", 2, ["'gas'", "constant"]),
    ("train inf.csv --target gas -o fresh.json", 2, ["row 8", "'damp'", "infinite"]),
    (f"{TRAIN} --inputs heat,gas -o fresh.json", 2, ["'gas'", "target", "input"]),
    (f"{TRAIN} --inputs heat --drop damp -o fresh.json", 2, ["--inputs and --drop"]),
    ("train few.csv --target gas -o fresh.json", 2, ["few.csv has 9 rows: at least 20"]),
    (f"{TRAIN} --board mega -o fresh.json", 2, ["board 'mega'", "'megaatmega2560'"]),
    (f"{TRAIN} --family forrest -o fresh.json", 2, ["family 'forrest'", "ridge"]),
    (f"{TRAIN} --split week -o fresh.json", 2, ["'week'", "random", "time"]),
    (f"{TRAIN} --seed -1 -o fresh.json", 2, ["seed -1"]),
    (f"{TRAIN} --unit gas -o fresh.json", 2, ["--unit 'gas'", "T=degC"]),
    (f"{TRAIN} --threshold nan -o fresh.json", 2, ["threshold nan"]),
    (f"{TRAIN} --threshold 1e9 -o fresh.json", 2, ["threshold 1e+09", "3276.7"]),
    (
        f"{TRAIN} --alarm-cost 5:1 -o fresh.json",
        2,
        ["--alarm-cost", "--threshold", "--alarm-below"],
    ),
    (f"{TRAIN} --alarm-below nan -o fresh.json", 2, ["alarm_below nan"]),
    (f"{TRAIN} --alarm-below -1e9 -o fresh.json", 2, ["alarm_below -1e+09", "3276.7"]),
    (
        f"{TRAIN} --threshold 5 --alarm-below 9 -o fresh.json",
        2,
        ["alarm below 9 and above 5", "no band", "smaller"],
    ),
    (
        f"{TRAIN} --threshold 5.06 --alarm-below 5.04 -o fresh.json",
        2,
        ["below 5.04 and above 5.06", "too narrow", "0.1"],
    ),
    (f"{TRAIN} --threshold 20 --alarm-cost five -o fresh.json", 2, ["--alarm-cost 'five'", "5:1"]),
    (f"{TRAIN} --max-flash many -o fresh.json", 2, ["'many'", "--max-flash"]),
    (f"{TRAIN} --name 'two words' -o fresh.json", 2, ["'two words'", "--name"]),
    (f"{TRAIN} --name int -o fresh.json", 2, ["'int'", "a word of C", "--name"]),
    (f"{TRAIN} --name servo -o fresh.json", 2, ["'servo'", "the Arduino core", "--name"]),
    ("train rows.csv rows.csv --target gas -o fresh.json", 2, ["rows.csv is given twice"]),
    (f"{TRAIN} --categories heat -o fresh.json", 2, ["'heat' is no category", "--categories"]),
    (f"{TRAIN} --categories gas -o fresh.json", 2, ["'gas' is the target"]),
    (f"{TRAIN} --time-inputs year -o fresh.json", 2, ["'year'", "hour, weekday, month"]),
    (f"{TRAIN} --time-inputs hour -o fresh.json", 2, ["rows.csv", "no column with the rows' time"]),
    (f"{TRAIN} -o ''", 2, ["folder"]),
    (f"{TRAIN} -o nowhere/fresh.json", 2, ["nowhere", "folder"]),
    ("init rows.csv", 2, ["'rows.csv' is a file", "as DIR"]),
    (f"{TRAIN} --name fresh -o 'a folder'", 2, ["'a folder' is a folder"]),
    (f"{TRAIN} --name fresh -o rows.csv/fresh.json", 2, ["rows.csv"]),
    (f"{TRAIN} --name fresh -o /dev/null", 2, ["/dev/null", "device"]),
    (TRAIN, 2, ["'--out'", "tinygen train --help"]),
    ("train", 2, ["'CSV...'", "tinygen train --help"]),
    ("trian", 2, ["'trian'", "'train'"]),
    ("train --inptus", 2, ["--inptus", "--inputs"]),
    ("predict absent.json rows.csv", 2, ["absent.json", "tinygen train"]),
    ("predict . rows.csv", 2, ["'.' is a folder", "-o MODEL.json"]),
    ("predict /dev/null rows.csv", 2, ["/dev/null' is not a regular file", "-o MODEL.json"]),
    ("predict no.json rows.csv", 2, ["no.json", "not a tinygen model"]),
    ("predict half.json rows.csv", 2, ["half.json", "not a tinygen model"]),
    ("predict rows.csv gas.json", 2, ["rows.csv", "not a tinygen model"]),
    ("predict gas.json absent.csv", 2, ["absent.csv does not exist"]),
    ("predict gas.json text.csv", 2, ["row 42", "'damp'"]),
    ("predict gas.json rows.csv -o nowhere/a.csv", 2, ["nowhere"]),
    ("predict gas.json rows.csv -o 'a folder'", 2, ["'a folder'"]),
    ("emit absent.json -o new", 2, ["absent.json"]),
    ("emit gas.json -o rows.csv", 2, ["rows.csv"]),
    ("emit gas.json -o rows.csv/new", 2, ["rows.csv"]),
    ("emit gas.json -o /proc/new", 2, ["/proc/new"]),
    ("build gas.json --board nano -o new", 2, ["board 'nano'", "tinygen boards"]),
    ("build absent.json --board uno -o new", 2, ["absent.json"]),
    ("build gas.json --board uno -o rows.csv", 2, ["rows.csv"]),
    ("build gas.json --board uno -o new --upload", 2, ["--upload needs --port"]),
    ("build gas.json --board uno -o new --port COM3", 2, ["COM3", "--upload"]),
    ("build gas.json --board uno -o new --upload --port /dev/none", 3, ["/dev/none", "not exist"]),
    ("build gas.json --board uno -o new --baud 1500000", 2, ["--baud 1500000", "makes 2,000,000"]),
    ("build gas.json --board uno -o new --baud 1999999", 2, ["keeps up with 1,000,000 at most"]),
    ("build gas.json --board uno -o new --baud 300", 2, ["makes 488 of it"]),
    ("pick gas.search.json 99 -o fresh.json", 2, ["99"]),
    ("pick gas.json 1 -o fresh.json", 2, ["gas.json", "give gas.search.json"]),
    ("pick deep.json 1 -o fresh.json", 2, ["deep.json", "not as `tinygen train` writes it"]),
    ("report gas.json --run deep.jsonl --no-board -o new.html", 2, ["deep.jsonl", "stream again"]),
    ("predict gas.search.json rows.csv", 2, ["a ladder of models", "tinygen pick"]),
    ("predict 'a folder' rows.csv", 2, ["'a folder' is a folder"]),
    ("distil x.skops rows.csv --teacher forest --target gas -o fresh.json", 2, ["two teachers"]),
    ("distil rows.csv --teacher forest --as-fitted --target gas -o n.json", 2, ["--as-fitted"]),
    *(
        (f"monitor gas.json rows.csv {option}", 2, [option.split()[0], "live"])
        for option in ("--rows 5", "--seconds 5", "--pace 5", "--reconnect 5", "--baud 300")
    ),
    ("stream gas.json rows.csv --port sim --pace nan", 2, ["--pace", "nan is no finite number"]),
    ("stream gas.json rows.csv", 2, ["'--port'"]),
    ("stream gas.json rows.csv --port sim --board due", 2, ["board 'due'"]),
    ("stream gas.json absent.csv --port sim", 2, ["absent.csv"]),
    ("stream gas.json rows.csv --port sim --junit nowhere/x.xml", 2, ["nowhere"]),
    ("stream gas.json rows.csv --port sim -o 'a folder'", 2, ["'a folder'"]),
    (
        "stream gas.json rows.csv --port /dev/ttyNONE7 --junit new.xml -o new.csv",
        3,
        ["/dev/ttyNONE7", "does not exist"],
    ),
    ("stream gas.json rows.csv --port nothing://x", 3, ["'nothing://x'", "avr://"]),
    ("stream gas.json rows.csv --port avr://uno/absent.elf", 3, ["absent.elf"]),
    ("stream gas.json rows.csv --port socket://127.0.0.1:1", 3, ["127.0.0.1:1"]),
    ("demo --data absent.csv -o new", 2, ["absent.csv"]),
    ("demo --data rows.csv -o new", 2, ["'C6H6(GT)'"]),
    ("demo --board nano -o new", 2, ["board 'nano'"]),
    ("demo --data rows.csv -o rows.csv", 2, ["rows.csv"]),
]


@pytest.mark.parametrize("extra", ["", " --json"], ids=["", "json"])
@pytest.mark.parametrize("line, code, words", MISTAKES, ids=[line for line, _, _ in MISTAKES])
def test_a_mistake_is_one_line_and_changes_nothing(line, code, words, extra, there, run):
    before = contents(there)
    done = run(line + extra)
    assert (done.code, done.out) == (code, "")
    lines = done.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("tinygen: ") and len(lines[0]) < 300, done.err
    for word in words:
        assert word in lines[0]
    assert not any(slip in lines[0] for slip in (".:", "None", "Errno", "Traceback"))
    assert contents(there) == before


def test_a_failed_training_keeps_the_model_that_was_there(there, run):
    before = contents(there)
    assert run("train text.csv --target gas -o gas.json").code == 2
    assert contents(there) == before


def test_a_folder_in_the_place_of_the_ladder_is_seen_before_training(here, run):
    (here / "fresh.search.json").mkdir()
    before = contents(here)
    done = run(f"{TRAIN} -o fresh.json")
    assert done.code == 2 and "fresh.search.json" in done.err and contents(here) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_seen_before_training(here, run):
    (here / "a folder").chmod(0o500)
    done = run(f"{TRAIN} --name fresh -o 'a folder/fresh.json'")
    assert done.code == 2 and "read-only" in done.err


def test_a_card_and_a_report_are_called_by_their_names(here, run):
    assert run("guard rows.csv --drop gas -o guard.json").code == 0
    for name in ("card", "report"):
        done = run(f"{name} guard.json -o out.file")
        assert done.code == 2 and f"a {name} is for models" in done.err, done.err


def test_over_budget_by_how_much(there, simavr, run):
    done = run("build gas.json --board uno -o firmware --max-flash 20 --json")
    last = done.err.splitlines()[-1]
    assert (done.code, done.out) == (1, "") and "the budget is 20" in last and "too many" in last
    assert not (there / "firmware").exists()


def test_over_budget_a_folder_that_was_there_stays(there, simavr, run):
    (there / "mine").mkdir()
    (there / "mine/keep.txt").write_text("mine")
    for folder in ("mine", "new/deep"):
        assert run(f"build gas.json --board uno -o {folder} --max-flash 20").code == 1
    assert (there / "mine/keep.txt").read_text() == "mine" and not (there / "new").exists()


def test_a_budget_that_nothing_fits(here, simavr, run):
    before = contents(here)
    done = run(f"{QUICK} --max-cycles 3 -o fresh.json")
    last = done.err.splitlines()[-1]
    assert (
        (done.code, done.out) == (2, "")
        and last.startswith("tinygen: none of")
        and last.endswith("; raise --max-cycles")
    )
    assert contents(here) == before


def test_a_model_file_changed_by_hand_is_refused(there, run):
    text = (there / "gas.json").read_text()
    (there / "gas.json").write_text(text.replace('"threshold": 200', '"threshold": 201'))
    done = run("emit gas.json -o new")
    assert done.code == 2 and "changed after training" in done.err and not (there / "new").exists()


@pytest.fixture
def pty():
    """A pseudo-terminal: (path of its port, file descriptor of its far end, of its near end)."""
    far, near = os.openpty()
    yield os.ttyname(near), far, near
    os.close(far)
    os.close(near)


def test_a_port_that_is_taken(there, run, pty):
    port, _, near = pty
    fcntl.flock(near, fcntl.LOCK_EX | fcntl.LOCK_NB)
    done = run(f"stream gas.json rows.csv --port {port} --junit new.xml")
    assert done.code == 3 and done.err == (
        f"tinygen: port {port} is taken by another program: "
        "close it (a serial monitor?) and try again\n"
    )
    assert not (there / "new.xml").exists()


def test_a_board_that_never_answers(there, run, pty, monkeypatch):
    monkeypatch.setattr(link, "open_link", partial(open_link, timeout=0.8))
    before = contents(there)
    done = run(f"stream gas.json rows.csv --port {pty[0]} -o new.csv")
    assert (
        done.code == 3
        and len(done.err.splitlines()) == 1
        and f"no answer from {pty[0]} within 0.8 s" in done.err
    )
    assert contents(there) == before


def test_a_board_with_another_model(there, trained, simavr, run):
    run(f"{TRAIN} --family ridge -o other.json")
    done = run(f"stream other.json rows.csv --port {shlex.quote(avr_url('uno', trained.elf))}")
    assert done.code == 3 and "runs model 'gas'" in done.err and "not 'other'" in done.err


def test_a_defect_of_ours_is_one_line_too(run, monkeypatch):
    def broken():
        raise ZeroDivisionError("first\nsecond")

    monkeypatch.setattr(boards, "list_boards", broken)
    done = run("boards")
    assert (
        done.code == 3
        and len(done.err.splitlines()) == 1
        and "ZeroDivisionError: first second" in done.err
    )
    monkeypatch.setenv("TINYGEN_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        cli.main(["boards"])


def test_the_user_may_stop(run, monkeypatch):
    def stopped():
        raise KeyboardInterrupt

    monkeypatch.setattr(boards, "list_boards", stopped)
    done = run("boards")
    assert done.code == 130 and done.err.strip() == "tinygen: stopped by the user"


def test_the_user_may_stop_while_the_program_is_imported(monkeypatch, capsys):
    class Slow(ModuleType):
        def __getattr__(self, name):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "tinygen.cli", Slow("tinygen.cli"))
    monkeypatch.setattr(sys, "argv", ["tinygen", "boards"])
    with pytest.raises(SystemExit) as end:
        arithmetic.main()
    assert end.value.code == 130 and capsys.readouterr().err == "tinygen: stopped by the user\n"
