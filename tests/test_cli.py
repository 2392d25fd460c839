"""The commands as a user meets them: what they print, what --json holds, and every mistake as one
line.
"""

import csv
import fcntl
import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from tinygen.host.link import open_link
from tinygen.host.stream import TRIES
from tinygen.host.virtual.protocol_avr import avr_url

from tinygen import cli
from tinygen.codegen.emit import Project, render_header
from tinygen.commands import pipeline
from tinygen.common.boards import BOARDS
from tinygen.families import FAMILIES
from tinygen.model.model import load
from tinygen.model.nodes import Dense
from tinygen.target import build as building

COMMANDS = sorted(cli.main.commands)
TRAIN = "train rows.csv --target gas"
QUICK = f"{TRAIN} --family ridge --threshold 20"


def table(header="heat [degC],damp,gas", rows=160, change=lambda i, cells: cells) -> str:
    """A CSV text; `change` may alter the cells of row i, counted from 1."""
    rng = np.random.default_rng(5)
    heat, damp = np.round(rng.uniform(10, 50, rows), 1), rng.integers(100, 900, rows)
    gas = np.round(0.3 * heat + 0.02 * damp + rng.normal(0, 0.2, rows), 1)
    cells = (
        change(i, [str(h), str(d), str(g)])
        for i, (h, d, g) in enumerate(zip(heat, damp, gas), start=1)
    )
    return "\n".join([header, *map(",".join, cells)]) + "\n"


def column(k: int, value: str, rows=range(1, 1000)):
    """A change that puts `value` into column k of some rows."""
    return lambda i, cells: [*cells[:k], value, *cells[k + 1 :]] if i in rows else cells


FILES = {
    "rows.csv": table(),
    "text.csv": table(change=column(1, "wet?", [41])),
    "constant.csv": table(change=column(1, "5")),
    "dull.csv": table(change=column(2, "5")),
    "gone.csv": table(change=column(1, "-200")),
    "lost.csv": table(change=column(2, "-200")),
    "inf.csv": table(change=column(1, "inf", [7])),
    "nan.csv": table(change=column(1, "NaN", [7])),
    "few.csv": table(rows=9),
    "empty.csv": "",
    "header.csv": "heat,damp,gas\n",
    "no.json": "{}",
    "half.json": '{"schema": 1, "name": "x"',
}


@pytest.fixture
def run(capsys, monkeypatch):
    """`run("train rows.csv ...")`: exit code, stdout and stderr of a command."""
    monkeypatch.delenv("TINYGEN_TRACEBACK", raising=False)

    def command(line: str) -> SimpleNamespace:
        with pytest.raises(SystemExit) as end:
            cli.main(shlex.split(line))
        out, err = capsys.readouterr()
        assert (
            "\x1b" not in out + err and "\r" not in out + err
        )  # no terminal, no colours, no moving lines
        return SimpleNamespace(code=end.value.code, out=out, err=err)

    return command


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder with a few tables in it."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "a folder").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def trained(simavr, tmp_path_factory):
    """Folder of a model and its firmware for the Uno, made once by the command line."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "rows.csv").write_text(table())
    commands = [f"{QUICK} -o gas.json", "build gas.json --board uno -o firmware"]
    for line in commands:
        subprocess.run(
            [sys.executable, "-m", "tinygen.cli", *shlex.split(line)],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=300,
        )
    return SimpleNamespace(
        folder=folder,
        model=load(folder / "gas.json"),
        elf=folder / "firmware/.pio/build/uno/firmware.elf",
    )


@pytest.fixture
def there(here, trained):
    """`here`, with the trained model as gas.json."""
    for name in ("gas.json", "gas.search.json"):
        (here / name).write_bytes((trained.folder / name).read_bytes())
    return here


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every path in a folder and what it holds."""
    return {
        str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None
        for p in folder.rglob("*")
    }


# ---- help ----


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command, run):
    done = run(f"{command} --help")
    assert (done.code, done.err) == (0, "")
    assert "Example:" in done.out and f"    tinygen {command}" in done.out
    assert "--json" in done.out or command == "completion"  # a script for the shell, nothing else


LIGHT = """
import sys
sys.argv = ["tinygen", *{words!r}]
from tinygen.cli import main
try:
    main()
except SystemExit:
    pass
print(sorted({{name.split(".")[0] for name in sys.modules}} & {{"sklearn", "numpy", "scipy", "rich", "jinja2", "matplotlib"}}), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "words", [["--help"], ["train", "--help"], ["--version"], ["completion", "bash"]], ids=" ".join
)
def test_help_waits_for_no_library(words):
    done = subprocess.run(
        [sys.executable, "-c", LIGHT.format(words=words)], capture_output=True, text=True
    )
    assert done.stderr.strip() == "[]" and done.stdout


@pytest.mark.parametrize(
    "line, wanted",
    [
        ("tinygen tr", ["train"]),
        ("tinygen train x.csv --bal", ["--balance"]),
        ("tinygen train x.csv --family r", ["ridge"]),
        ("tinygen build m.json --board mega", ["megaatmega2560"]),
        ("tinygen train x.csv --optimize s", ["size", "speed"]),
    ],
)
def test_completion_knows_commands_options_and_words_and_waits_for_no_library(line, wanted):
    environment = {
        **os.environ,
        "_TINYGEN_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", LIGHT.format(words=[])],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert [
        row.split(",")[1] for row in done.stdout.split()
    ] == wanted and done.stderr.strip() == "[]"


def on_a_terminal(line, folder):
    """What a command writes to a terminal: stderr is a pty, stdout a pipe."""
    far, near = os.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "tinygen.cli", *shlex.split(line)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=near,
        text=True,
    )
    os.close(near)
    seen = b""
    while True:
        try:
            seen += os.read(far, 10_000)
        except OSError:  # the program is gone
            break
    os.close(far)
    return done.communicate()[0], seen.decode(errors="replace")


@pytest.mark.parametrize(
    "line, words",
    [
        ("explain gas.json rows.csv", "explaining rows"),
        ("predict gas.json rows.csv", "predicting the rows"),
        ("monitor gas.json rows.csv", "comparing rows.csv"),
        ("data rows.csv --target gas", "looking for"),
    ],
)
def test_progress_is_a_bar_on_a_terminal_and_nothing_in_the_result(there, run, line, words):
    out, seen = on_a_terminal(line, there)
    assert words in seen and "\x1b" in seen and "\x1b" not in out and out
    quiet = run(line)
    assert quiet.out == out and (words not in quiet.err or line.startswith("data"))


def test_help_names_what_the_library_knows():
    assert sorted(FAMILIES) == cli.FAMILIES
    assert f"default: {TRIES}." in next(
        option.help for option in cli.main.commands["stream"].params if option.name == "tries"
    )


def test_help_lists_every_command_in_full(run):
    done = run("--help")
    assert done.code == 0 and "..." not in done.out.split("Commands:")[1]
    assert {line.split()[0] for line in done.out.split("Commands:")[1].splitlines() if line} == set(
        COMMANDS
    )
    assert {"demo", "train", "predict", "emit", "build", "stream", "boards"} <= set(COMMANDS)
    bare = run("")
    assert bare.code == 2 and bare.out == done.out


def test_examples_name_options_that_exist():
    for name, command in cli.main.commands.items():
        known = {o for p in command.params for o in p.opts}
        for line in command.help.splitlines():
            if line.strip().startswith(f"tinygen {name}"):
                assert {word for word in shlex.split(line) if word.startswith("-")} <= known


# ---- the way through ----


def test_train(here, simavr, run):
    done = run(f"{QUICK} --name nose -o gas.json --json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert {"model", "family", "rows_train", "rows_test", "metrics", "alarm"} <= set(found)
    assert set(found["metrics"]) == {"mae", "float_mae", "rmse", "r2"} and set(found["alarm"]) == {
        "false",
        "missed",
    }
    assert (found["model"], found["family"], found["rows_train"], found["rows_test"]) == (
        "gas.json",
        "ridge",
        128,
        32,
    )
    model = load(here / "gas.json")
    assert (model.name, model.threshold, model.inputs[0].unit) == ("nose", 200, "degC")
    assert model.training["metrics"] == found["metrics"]


def test_train_tells_people_the_same(here, simavr, run):
    found = json.loads(run(f"{QUICK} -o gas.json --json").out)
    done = run(f"{QUICK} -o gas.json")
    assert (
        "128 train, 32 test" in done.out
        and f"{found['metrics']['mae']:.4g} mean absolute on the test rows" in done.out
    )
    assert "Warning" not in done.err


def test_a_row_with_nan_is_left_out_and_counted(here, simavr, run):
    done = run("train nan.csv --target gas --family ridge -o gas.json")
    assert done.code == 0 and "of 160 read 1 lack a value" in done.out


def test_a_constant_column_is_left_out_and_named(here, simavr, run):
    done = run("train constant.csv --target gas --family ridge -o gas.json")
    assert done.code == 0 and "note: column 'damp' left out: it is constant" in done.out
    assert [q.name for q in load(here / "gas.json").inputs] == ["heat"]


def test_training_twice_gives_the_same_bytes(here, simavr):
    """In processes with different hash seeds, as two users have them."""
    made = []
    for seed in ("1", "2"):
        folder = here / seed
        folder.mkdir()
        (folder / "rows.csv").write_text(FILES["rows.csv"])
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "tinygen.cli",
                *shlex.split(f"{TRAIN} --threshold 20 -o gas.json"),
            ],
            cwd=folder,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        made.append(contents(folder))
    assert made[0] == made[1] and {"gas.json", "gas.search.json"} <= set(made[0])


def test_predict_is_the_twin(there, trained, run):
    done = run("predict gas.json rows.csv -o answers.csv --json")
    assert done.code == 0
    found = json.loads(done.out)
    rows = np.loadtxt(FILES["rows.csv"].splitlines()[1:], delimiter=",")[:, :2]
    raw = np.column_stack([q.to_raw(values) for q, values in zip(trained.model.inputs, rows.T)])
    assert found["raw"] == trained.model.answer(raw).tolist() and found["rows"] == 160
    assert found["physical"][0] == found["raw"][0] / 10
    written = list(csv.reader((there / "answers.csv").read_text().splitlines()))
    assert (
        written[0] == ["raw", "gas", "flag"]
        and [int(line[0]) for line in written[1:]] == found["raw"]
    )


def test_predict_marks_what_is_missing(there, run):
    done = run("predict gas.json nan.csv -o answers.csv")
    assert done.code == 0 and "159 predicted" in done.out and "1 with a missing value" in done.out
    assert (there / "answers.csv").read_text().splitlines()[7] == ",,MISSING"


def test_emit(there, run):
    done = run("emit gas.json -o library --json")
    assert done.code == 0 and done.err == ""
    names = json.loads(done.out)["files"]
    assert {"library/gas.h", "library/tinygen_fixed.h", "library/gas_vectors.h"} <= set(names)
    assert all((there / name).is_file() for name in names)
    before = contents(there / "library")
    assert (
        run("emit gas.json -o library").out.splitlines() == names
        and contents(there / "library") == before
    )


def test_build(there, simavr, run):
    done = run("build gas.json --board uno -o 'my firmware' --json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert {
        "board",
        "elf",
        "hex",
        "flash_bytes",
        "ram_bytes",
        "model_flash_bytes",
        "model_ram_bytes",
        "stack_bytes",
        "cycles_median",
        "cycles_max",
    } <= set(found)
    assert found["board"] == "uno" and all((there / found[key]).is_file() for key in ("elf", "hex"))
    assert (
        0 < found["model_flash_bytes"] < found["flash_bytes"] <= 32_256
        and 0 < found["cycles_median"] <= found["cycles_max"]
    )


def test_stream(there, trained, run):
    done = run(
        f"stream gas.json nan.csv --port {shlex.quote(avr_url('uno', trained.elf))} -o rows_out.csv "
        "--junit result.xml --json"
    )
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert {"rows", "wrong", "lost", "retries", "led_wrong", "rows_per_s"} <= set(found)
    assert (found["rows"], found["wrong"], found["lost"], found["led_wrong"], found["missing"]) == (
        160,
        0,
        0,
        0,
        1,
    )
    written = list(csv.DictReader((there / "rows_out.csv").read_text().splitlines()))
    assert len(written) == 160 and {line["verdict"] for line in written} == {"OK"}
    assert [line["flags"] for line in written].count("MISSING") == 1
    suite = ElementTree.parse(there / "result.xml").getroot()
    assert (
        suite.get("failures") == "0"
        and int(suite.get("tests")) == len(suite.findall("testcase")) >= 3
    )


def test_stream_builds_the_board_it_simulates(there, simavr, run):
    done = run("stream gas.json rows.csv --port sim --board uno")
    assert done.code == 0, done.err
    assert "160 rows, 0 wrong, 0 lost, 0 LED errors" in done.out and done.out.rstrip().splitlines()[
        -1
    ].startswith("PASS")


def test_a_board_with_a_wrong_coefficient_fails_the_check(there, trained, simavr, run, tmp_path):
    """Negative control of the whole way: same model id, one coefficient one off; exit code 1 and a
    failure in the XML.
    """
    place = next(k for k, node in enumerate(trained.model.nodes) if isinstance(node, Dense))
    node = trained.model.nodes[place]
    row = (node.weights[0][0] - 1, *node.weights[0][1:])
    off = replace(
        trained.model,
        nodes=(
            *trained.model.nodes[:place],
            replace(node, weights=(row,)),
            *trained.model.nodes[place + 1 :],
        ),
    )
    header = render_header(off).replace(f"{off.model_id:08X}", f"{trained.model.model_id:08X}")
    run("build gas.json --board uno -o firmware")
    (there / "firmware/include/gas.h").write_text(header)
    elf = building.build(Project(there / "firmware", trained.model), BOARDS["uno"]).elf
    done = run(
        f"stream gas.json rows.csv --port {shlex.quote(avr_url('uno', elf))} --junit result.xml -o rows_out.csv"
    )
    assert done.code == 1 and done.out.rstrip().splitlines()[-1].startswith("FAIL")
    assert "first difference: row" in done.out and "the twin says" in done.out
    assert ElementTree.parse(there / "result.xml").getroot().get("failures") != "0"
    assert "WRONG" in (there / "rows_out.csv").read_text()


def test_boards(run):
    done = run("boards --json")
    assert (done.code, done.err) == (0, "")
    assert [board["pio_id"] for board in json.loads(done.out)["boards"]] == list(BOARDS)
    listed = run("boards").out
    assert all(board.pio_id in listed and board.title in listed for board in BOARDS.values())


def test_a_reader_that_goes_away_is_no_error():
    """`tinygen boards | head -0`"""
    child = subprocess.Popen(
        [sys.executable, "-m", "tinygen.cli", "boards"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    child.stdout.close()
    assert child.stderr.read() == "" and child.wait(60) == 0


# ---- mistakes ----

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
    (f"{TRAIN} --alarm-cost 5:1 -o fresh.json", 2, ["--alarm-cost", "--threshold"]),
    (f"{TRAIN} --threshold 20 --alarm-cost five -o fresh.json", 2, ["--alarm-cost 'five'", "5:1"]),
    (f"{TRAIN} --max-flash many -o fresh.json", 2, ["'many'", "--max-flash"]),
    (f"{TRAIN} --name 'two words' -o fresh.json", 2, ["'two words'", "--name"]),
    (f"{TRAIN} --name int -o fresh.json", 2, ["'int'", "reserved", "--name"]),
    (f"{TRAIN} -o int.json", 2, ["'int'", "reserved", "--name"]),
    (f"{TRAIN} -o nowhere/fresh.json", 2, ["nowhere", "folder"]),
    (f"{TRAIN} --name fresh -o 'a folder'", 2, ["'a folder' is a folder"]),
    (f"{TRAIN} --name fresh -o rows.csv/fresh.json", 2, ["rows.csv"]),
    (f"{TRAIN} --name fresh -o /dev/null", 2, ["/dev/null", "device"]),
    (TRAIN, 2, ["'--out'", "tinygen train --help"]),
    ("train", 2, ["'CSV'", "tinygen train --help"]),
    ("trian", 2, ["'trian'", "'train'"]),
    ("train --inptus", 2, ["--inptus", "--inputs"]),
    ("predict absent.json rows.csv", 2, ["absent.json", "tinygen train"]),
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
    ("pick gas.search.json 99 -o fresh.json", 2, ["99"]),
    ("pick gas.json 1 -o fresh.json", 2, ["gas.json"]),
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


def test_over_budget_by_how_much(there, simavr, run):
    done = run("build gas.json --board uno -o firmware --max-flash 20 --json")
    last = done.err.splitlines()[-1]
    assert (done.code, done.out) == (1, "") and "the budget is 20" in last and "too many" in last


def test_a_budget_that_nothing_fits(here, simavr, run):
    before = contents(here)
    done = run(f"{QUICK} --max-cycles 3 -o fresh.json")
    last = done.err.splitlines()[-1]
    assert (
        (done.code, done.out) == (2, "")
        and last.startswith("tinygen: none of")
        and "--max-cycles" in last
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
    monkeypatch.setattr(pipeline, "open_link", partial(open_link, timeout=0.8))
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

    monkeypatch.setattr(pipeline, "list_boards", broken)
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

    monkeypatch.setattr(pipeline, "list_boards", stopped)
    done = run("boards")
    assert done.code == 130 and done.err.strip() == "tinygen: stopped by the user"
