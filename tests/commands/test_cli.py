"""The commands as a user meets them: what they print, and what --json holds."""

import csv
import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
from cli_files import FILES, QUICK, TRAIN, contents
from tinygen.host.virtual.protocol_avr import avr_url

from tinygen.codegen.emit import emit_project, render_header
from tinygen.common.boards import BOARDS
from tinygen.model.model import load
from tinygen.model.operations.dense import Dense


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
    assert done.code == 0 and "160 read: 1 incomplete, 0 duplicates" in done.out


def test_a_constant_column_is_left_out_and_named(here, simavr, run):
    done = run("train constant.csv --target gas --family ridge -o gas.json")
    assert done.code == 0 and "note: column 'damp' left out: it is constant" in done.out
    assert [q.name for q in load(here / "gas.json").inputs] == ["heat"]


def test_training_twice_gives_the_same_bytes(here, simavr, run):
    """Here and in a process with another hash seed, as two users have them."""
    command = f"{TRAIN} --family tree --threshold 20 -o gas.json"
    other = here / "other"
    other.mkdir()
    (other / "rows.csv").write_text(FILES["rows.csv"])
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    done = subprocess.run(
        [sys.executable, "-m", "tinygen.cli", *shlex.split(command)],
        cwd=other,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    there = {name: text for name, text in contents(other).items() if name != "rows.csv"}
    before = contents(here)
    assert run(command).code == 0
    made = {name: text for name, text in contents(here).items() if name not in before}
    assert made == there and {"gas.json", "gas.search.json"} <= set(made)


def test_predict_is_the_twin(there, trained, run):
    done = run("predict gas.json rows.csv -o answers.csv --json")
    assert done.code == 0
    found = json.loads(done.out)
    rows = np.loadtxt(FILES["rows.csv"].splitlines()[1:], delimiter=",")[:, :2]
    raw = np.column_stack([q.to_raw(values) for q, values in zip(trained.model.inputs, rows.T)])
    assert found["raw"] == trained.model.answer(raw).tolist() and found["rows"] == 160
    assert found["physical"][0] == found["raw"][0] / 10
    written = list(csv.reader((there / "answers.csv").read_text().splitlines()))
    assert written[0] == ["raw", "gas", "flag", "alarm"]
    assert [int(line[0]) for line in written[1:]] == found["raw"]
    red = trained.model.alarm(trained.model.answer(raw)).tolist()
    assert [line[3] for line in written[1:]] == ["1" if alarm else "0" for alarm in red]
    assert {True, False} == set(red)


def test_predict_marks_what_is_missing(there, run):
    done = run("predict gas.json nan.csv -o answers.csv")
    assert done.code == 0 and "159 predicted" in done.out and "1 with a missing value" in done.out
    assert (there / "answers.csv").read_text().splitlines()[7] == ",,MISSING,"


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
        and 0 < found["cycles_median"] <= found["cycles_seen"] <= found["cycles_max"]
    )


def test_stream(there, trained, run):
    done = run(
        f"stream gas.json nan.csv --port {shlex.quote(avr_url('uno', trained.elf))} -o "
        "rows_out.csv "
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


def test_a_board_with_a_wrong_coefficient_fails_the_check(there, trained, firmware_elf, run):
    """Negative control of the whole way: same model id, one coefficient halved; exit code 1 and a
    failure in the XML.
    """
    place = next(k for k, node in enumerate(trained.model.nodes) if isinstance(node, Dense))
    node = trained.model.nodes[place]
    row = (node.weights[0][0] // 2, *node.weights[0][1:])
    off = replace(
        trained.model,
        nodes=(
            *trained.model.nodes[:place],
            replace(node, weights=(row,)),
            *trained.model.nodes[place + 1 :],
        ),
    )
    header = render_header(off).replace(f"{off.model_id:08X}", f"{trained.model.model_id:08X}")
    project = emit_project(trained.model, there / "wrong firmware")
    (project.directory / "include/gas.h").write_text(header)
    elf = firmware_elf(project, BOARDS["uno"])
    done = run(
        f"stream gas.json rows.csv --port {shlex.quote(avr_url('uno', elf))} --junit result.xml "
        "-o rows_out.csv"
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
