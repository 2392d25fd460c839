"""The pytest plugin, as a user's project meets it: the same tests on the virtual board and on a
port, and nothing where it is not used.
"""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from native_board import edit
from plugin_option import PLUGIN
from random_models import random_models
from tinygen.host.discover import ask_each
from tinygen.host.virtual.pty_board import PtyBoard

from tinygen.codegen.emit import emit_project
from tinygen.codegen.projects.together import emit_together
from tinygen.common import locks
from tinygen.common.boards import BOARDS
from tinygen.common.errors import LinkError, UsageError
from tinygen.common.locks import Lock
from tinygen.target.bench import parse_target

MODEL = random_models()["linear8"]
MODEL = replace(MODEL, threshold=int(np.median(MODEL.predict(MODEL.sample_rows(401, 3)))))
UNO = BOARDS["uno"]
SECONDS = 180


TESTS = """
import pytest
from tinygen.host.protocol import Pin

def test_rows(stream, model):
    outcome = stream(model.sample_rows(150, seed=1))
    assert outcome.verdict.passed, outcome.verdict.first_difference

def test_leds(stream, leds, model):
    assert leds() == Pin(0)
    stream(model.sample_rows(5, seed=1))
    assert leds() in (Pin.RED, Pin.GREEN)

@pytest.mark.needs("led_history")
def test_history(stream, board, model):
    stream(model.sample_rows(50, seed=1))
    assert {Pin.RED, Pin.GREEN} <= set(board.led_history())

@pytest.mark.hil
def test_real(board):
    assert board.simulator is None

@pytest.mark.sim
def test_sim(board):
    assert board.simulator

@pytest.mark.needs("optical")
def test_glass(board):
    assert board.info.model
"""
FAKE_PORTS = """
import types, tinygen.host.discover as discover
def port(device, pid):
    return types.SimpleNamespace(
        device=device, vid=0x2341, pid=pid, serial_number=device[-1], location="1")
discover.list_ports.comports = lambda: [%s]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("a project")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers -ra\n")
    (folder / "test_model.py").write_text(TESTS)
    MODEL.save(folder / "model.json")
    return folder


def run(folder: Path, *arguments: str) -> tuple[dict[str, str], str]:
    """({test: "passed" | "skipped" | "failed" | "error"}, all that pytest printed)."""
    results = folder / "results.xml"
    results.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *PLUGIN, "--junitxml", results.name, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    if not results.is_file():
        return {}, done.stdout + done.stderr
    verdicts = {}
    for case in ElementTree.parse(results).iter("testcase"):
        found = next(
            (tag for tag in ("skipped", "failure", "error") if case.find(tag) is not None), "passed"
        )
        verdicts[case.get("name")] = "failed" if found == "failure" else found
    return verdicts, done.stdout + done.stderr


def properties(folder: Path, test: str | None = None) -> dict[str, str]:
    """The properties of a test, or those of the whole run."""
    suite = ElementTree.parse(folder / "results.xml").getroot()[0]
    place = (
        suite
        if test is None
        else next(case for case in suite.iter("testcase") if case.get("name") == test)
    )
    return {entry.get("name"): entry.get("value") for entry in place.find("properties")}


ON_SIM = {
    "test_rows": "passed",
    "test_leds": "passed",
    "test_history": "passed",
    "test_real": "skipped",
    "test_sim": "passed",
    "test_glass": "skipped",
}
ON_PORT = ON_SIM | {
    "test_history": "skipped",
    "test_real": "passed",
    "test_sim": "skipped",
    "test_glass": "passed",
}


def test_on_the_virtual_board(project, simavr):
    verdicts, text = run(project, "--artifacts", "out")
    assert verdicts == ON_SIM, text
    assert "test_real needs a real board: pytest --board auto (this is sim:uno)" in text
    seen = properties(project, "test_rows")
    assert (seen["board"], seen["rows"], seen["lost"], seen["wrong"]) == ("uno", "150", "0", "0")
    assert seen["model_id"] == f"{MODEL.model_id:08x}" and int(seen["baud"]) == UNO.baud
    assert int(properties(project)["sim:uno cycles_max"]) > 50
    made = project / "out" / "test_model.py-test_rows"
    assert (made / "leds.vcd").read_text().count("$var wire") == 2
    assert (made / "rows.csv").read_text().count("\n") == 151
    assert {line.split()[1] for line in (made / "wire.log").read_text().splitlines()} == {">", "<"}


def test_on_two_boards_and_with_a_required_one(project, simavr, level):
    """A commit runs tests/hil on both boards, and test_auto requires one."""
    if level == "commit":
        pytest.skip("firmware of two more boards: --level release")
    verdicts, text = run(
        project,
        "--board",
        "sim:uno",
        "--board",
        "sim:megaatmega2560",
        "-k",
        "rows or real",
        "--require-board",
    )
    assert verdicts == {
        f"test_{name}[sim:{board}]": verdict
        for board in ("uno", "megaatmega2560")
        for name, verdict in (("rows", "passed"), ("real", "error"))
    }, text


def test_a_real_port_is_loaded_once(project, simavr, avrdude, tmp_path):
    """A board with a bootloader and nothing else, then the same board again: the second run finds
    the model in it.
    """
    from bootloaders import STARTS, uno_bootloader

    with PtyBoard(
        UNO,
        uno_bootloader(simavr, tmp_path),
        start=STARTS["uno"],
        boot_seconds=0,
        link=tmp_path / "port",
    ) as virtual:
        spec = f"uno:{virtual.port}"
        verdicts, text = run(project, "--board", spec, "--board-has", "optical", "--require-board")
        assert verdicts == ON_PORT, text
        assert properties(project)[f"{spec} loaded"] == "True"
        verdicts, text = run(project, "--board", spec, "-k", "rows")
        assert verdicts["test_rows"] == "passed", text
        assert properties(project)[f"{spec} loaded"] == "False"


def test_a_wrong_firmware_fails(project, firmware_elf, tmp_path):
    """The board claims to run the model, and answers one more than it says."""
    made = emit_project(MODEL, tmp_path / "wrong", [UNO])
    edit(
        made.directory / "src" / "main.cpp",
        {"return model_predict(row);": "return (int16_t)(model_predict(row) + 1);"},
    )
    with PtyBoard(UNO, firmware_elf(made, UNO), link=tmp_path / "port") as virtual:
        verdicts, text = run(project, "--board", f"uno:{virtual.port}", "-k", "rows")
    assert verdicts == {"test_rows": "failed"} and "the twin says" in text


@pytest.mark.parametrize(
    "ports, options, verdict, words",
    [
        ("", [], "skipped", "exactly one known board plugged in, found none by its USB id"),
        ("", ["--require-board"], "error", "found none by its USB id"),
        (
            "port('/dev/a1', 0x43), port('/dev/b2', 0x42)",
            [],
            "error",
            "found /dev/a1 (uno, USB 2341:0043, serial number 1",
        ),
    ],
    ids=["none", "none, required", "two"],
)
def test_auto(tmp_path, ports, options, verdict, words):
    (tmp_path / "conftest.py").write_text(FAKE_PORTS % ports)
    (tmp_path / "test_a.py").write_text("def test_rows(stream):\n    pass\n")
    MODEL.save(tmp_path / "model.json")
    verdicts, text = run(tmp_path, "--board", "auto", *options, "-ra")
    assert verdicts == {"test_rows": verdict}, text
    assert words in (tmp_path / "results.xml").read_text()


# ---- several models on one board ----


FOREST = replace(random_models()["forest"], name="forest", threshold=None)
OF_SEVERAL = """
import pytest

def test_rows(stream, model, board):
    outcome = stream(model.sample_rows(60, seed=1))
    assert outcome.verdict.passed, outcome.verdict.first_difference
    assert (board.info.models, board.info.model) == (2, model.name)

@pytest.mark.of_model("forest")
def test_its_own(stream, model):
    assert stream(model.sample_rows(5, seed=1)).verdict.rows == 5 and model.name == "forest"
"""


@pytest.fixture
def two_models(tmp_path) -> Path:
    """A project whose board holds two models."""
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\naddopts = --strict-markers\ntinygen_model = linear8.json\n    forest.json\n"
    )
    (tmp_path / "test_models.py").write_text(OF_SEVERAL)
    MODEL.save(tmp_path / "linear8.json")
    FOREST.save(tmp_path / "forest.json")
    return tmp_path


def test_a_test_runs_for_each_model_of_one_firmware(two_models, simavr):
    verdicts, text = run(two_models)
    assert verdicts == {
        "test_rows[linear8]": "passed",
        "test_rows[forest]": "passed",
        "test_its_own[forest]": "passed",
    }, text
    assert properties(two_models, "test_rows[forest]")["model_id"] == f"{FOREST.model_id:08x}"
    whole = properties(two_models)
    assert whole["sim:uno model"] == "linear8 forest"
    assert int(whole["sim:uno models_flash_bytes"]) > 100 < int(whole["sim:uno forest cycles_max"])


def test_a_board_that_holds_the_models_is_not_loaded(two_models, simavr, firmware_elf, level):
    """Its models in the order of their numbers are what is asked for. A board with another build,
    whose second model is wrong, fails.
    """
    if level == "commit":
        pytest.skip("two firmwares on a port in real time: --level release")
    made = emit_together((MODEL, FOREST), two_models / "made", [UNO])
    link = two_models / "port"
    with PtyBoard(UNO, firmware_elf(made, UNO), link=link) as virtual:
        assert [info.model for info in ask_each(virtual.port)] == ["linear8", "forest"]
        verdicts, text = run(two_models, "--board", f"uno:{virtual.port}", "-k", "rows")
    assert set(verdicts.values()) == {"passed"} and len(verdicts) == 2, text
    assert properties(two_models)[f"uno:{link} loaded"] == "False"
    edit(
        made.directory / "include" / "tinygen_model.h",
        {"values[0] = forest_predict(x);": "values[0] = (int16_t)(forest_predict(x) + 1);"},
    )
    with PtyBoard(UNO, firmware_elf(made, UNO), link=link) as virtual:
        verdicts, text = run(two_models, "--board", f"uno:{virtual.port}", "-k", "rows")
    assert verdicts == {"test_rows[linear8]": "passed", "test_rows[forest]": "failed"}, text


@pytest.mark.parametrize(
    "options, words",
    [
        (["--model", "linear8.json", "--model", "linear8.json"], "the same model twice, 'linear8'"),
        (["--model", "linear8.json", "--model", "none.json"], "none.json"),
        (["--model", "linear8.json", "--model", "other.json"], "the board holds linear8, other"),
    ],
    ids=["twice", "absent", "a mark of another"],
)
def test_models_that_cannot_be_tested_together_end_in_one_line(two_models, options, words):
    replace(FOREST, name="other").save(two_models / "other.json")
    verdicts, text = run(two_models, *options)
    assert verdicts == {"test_models": "error"} and words in text and "Traceback" not in text, text


def test_a_project_that_does_not_use_it_pays_nothing(tmp_path):
    (tmp_path / "test_a.py").write_text(
        "import sys\ndef test_a():\n"
        "    loaded = sorted(m for m in sys.modules if m.split('.')[0] in ('tinygen', 'numpy', "
        "'serial'))\n"
        "    package = ['tinygen', 'tinygen.target', 'tinygen.target.pytest_plugin']\n"
        "    assert loaded == package\n"
    )
    verdicts, text = run(tmp_path)
    assert verdicts == {"test_a": "passed"}, text


def test_a_projects_own_options_and_fixtures_of_these_names_win(tmp_path):
    (tmp_path / "conftest.py").write_text(
        "import pytest\ndef pytest_addoption(parser):\n    parser.addoption('--board')\n    "
        "parser.addoption('--model')\n"
        "@pytest.fixture\ndef board(request):\n    return request.config.getoption('--board')\n"
    )
    (tmp_path / "test_a.py").write_text(
        "import pytest\ndef test_a(board):\n    assert board == 'mine'\n"
        "@pytest.mark.parametrize('model', [3])\ndef test_b(model):\n    assert model == 3\n"
    )
    verdicts, text = run(tmp_path, "--board", "mine")
    assert verdicts == {"test_a": "passed", "test_b[3]": "passed"}, text


def test_a_path_after_a_space_is_refused_in_one_line(tmp_path):
    verdicts, text = run(tmp_path, "--board", "/dev/null")
    assert (
        verdicts == {} and "write --board=/dev/null, with '='" in text and "Traceback" not in text
    )


# ---- pieces ----


def test_targets():
    assert (parse_target("sim:uno").board, parse_target("sim:uno").port) == (UNO, None)
    assert (parse_target("uno:COM3").board, parse_target("uno:COM3").port) == (UNO, "COM3")
    assert (parse_target("/dev/ttyACM0").board, parse_target("/dev/ttyACM0").port) == (
        None,
        "/dev/ttyACM0",
    )
    assert parse_target("socket://host:7000").port == "socket://host:7000"
    assert parse_target("auto").port is None and not parse_target("auto").simulated
    for wrong in ("sim:uni", "sim:leonardo", "sim:attiny85"):
        with pytest.raises(
            UsageError,
            match=f"board {wrong} cannot be simulated: write one of sim:uno, sim:megaatmega2560",
        ):
            parse_target(wrong)


def test_one_test_run_at_a_time_holds_a_port(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "LOCK_SECONDS", 0.3)
    with Lock("/dev/ttyX", tmp_path):
        with Lock("/dev/ttyY", tmp_path):
            pass
        with pytest.raises(
            LinkError, match=r"/dev/ttyX is held by another tinygen \(process \d+\) since 0.3 s"
        ):
            with Lock("/dev/ttyX", tmp_path):
                pass
    with Lock("/dev/ttyX", tmp_path):
        pass
