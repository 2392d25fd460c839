"""`tinygen init`: the project passes as it is made, its workflows ask for what exists, and nothing
of a user's is overwritten.
"""

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from plugin_option import PLUGIN
from random_models import random_models
from tinygen.host.check import expect

from tinygen.cli import main
from tinygen.commands import build, train
from tinygen.commands import init as scaffold
from tinygen.common.boards import BOARDS
from tinygen.common.errors import BuildError, UsageError
from tinygen.model.model import load
from tinygen.target.pytest_plugin import pytest_addoption

UNO, MEGA, LEONARDO = BOARDS["uno"], BOARDS["megaatmega2560"], BOARDS["leonardo"]
HARDWARE = {"test_a_thousand_rows_over_a_real_cable", "test_the_red_glass_is_lit"}
SECONDS = 300


@pytest.fixture(scope="module")
def made(simavr, tmp_path_factory):
    return scaffold.init(tmp_path_factory.mktemp("init") / "my sensor", ("uno",))


def run_pytest(folder: Path, *arguments: str) -> tuple[dict[str, str | None], str]:
    """({test: None, or the tag of what it was instead of passed}, all that pytest printed)."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *PLUGIN, "--junitxml", "results.xml", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    cases = ElementTree.parse(folder / "results.xml").iter("testcase")
    return {
        case.get("name"): next(
            (tag for tag in ("skipped", "failure", "error") if case.find(tag) is not None), None
        )
        for case in cases
    }, done.stdout + done.stderr


def test_it_is_green_and_the_hardware_tests_are_skipped_by_name(made):
    verdicts, text = run_pytest(made.directory)
    assert {name for name, verdict in verdicts.items() if verdict == "skipped"} == HARDWARE, text
    assert set(verdicts.values()) == {None, "skipped"} and len(verdicts) >= 9, text
    for name in HARDWARE:
        assert f"{name} needs a real board" in text


def test_its_tests_can_fail(made):
    """The LEDs swapped in one row of its test file: a test that expects red for the lowest answer
    fails.
    """
    tests = made.directory / "tests" / "test_model.py"
    text = tests.read_text()
    swapped = text.replace("np.argmax(answers)], Pin.RED", "np.argmin(answers)], Pin.RED")
    assert swapped != text
    tests.write_text(swapped)
    try:
        verdicts, _ = run_pytest(made.directory, "-k", "leds_follow")
    finally:
        tests.write_text(text)
    assert verdicts == {"test_the_leds_follow_the_threshold": "failure"}


def test_its_model_is_the_one_its_spec_asks_for(made, monkeypatch):
    """`make -n model` gives no options, the spec file has them all: the model was trained with the
    same ones, and both LEDs occur in its data.
    """
    dry = subprocess.run(
        ["make", "-n", "-C", str(made.directory), "model"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert re.findall("^tinygen .*", dry, re.MULTILINE) == ["tinygen train", "tinygen build"]
    monkeypatch.chdir(made.directory)
    asked = train.command.make_context("train", []).params
    wanted = {
        "csvs": (Path(scaffold.DATA),),
        "target": (scaffold.TARGET,),
        "inputs": scaffold.INPUTS,
        "threshold": scaffold.THRESHOLD,
        "seed": scaffold.SEED,
        "family": scaffold.FAMILY,
        "name": scaffold.NAME,
        "out": Path("model.json"),
        "board": "uno",
    }
    assert wanted == {name: asked[name] for name in wanted}
    assert build.command.make_context("build", []).params["out"] == Path("firmware")
    model = load(made.directory / "model.json")
    assert model == made.model and model.name == scaffold.NAME
    from tinygen.target.bench import csv_rows

    pins = set(expect(model, csv_rows(model, made.directory / scaffold.DATA)).pins)
    assert len(pins) == 3  # red, green, and dark where a value is missing


def test_commands_need_no_options(made, monkeypatch):
    """Those that the help of init names; the others need what is new each time."""
    monkeypatch.chdir(made.directory)
    free = free_commands()
    assert {"train", "stream", "report", "data"} <= free
    for name in free:
        command = main.commands[name]
        command.make_context(name, [])
    with pytest.raises(SystemExit) as end:
        main(["stream"])
    assert end.value.code == 0


def free_commands() -> set[str]:
    """The commands that need no options in a project, as the help of init says."""
    text = " ".join(scaffold.command.help.split("\b")[0].split())
    sentence = text.split("in DIR, ")[1].split(". ")[0]
    return {word.removeprefix("tinygen ") for word in re.findall("`([^`]*)`", sentence)}


def test_the_rows_say_that_they_are_simulated(made):
    assert (
        "simulated" in scaffold.DATA and "simulated" in (made.directory / "README.md").read_text()
    )
    assert 300 < len(scaffold.example_rows().splitlines()) < 500


@pytest.mark.parametrize(
    "name", [".github/workflows/simulated.yml", ".github/workflows/boards.yml", ".gitlab-ci.yml"]
)
def test_workflows_use_what_exists(name):
    """Every option of pytest in them is one of the plugin's or pytest's own; every board exists."""
    text = scaffold.render((UNO, MEGA))[name]
    commands = re.findall(r"pytest (--.*)", text)
    assert commands
    options = {word for command in commands for word in command.split() if word.startswith("--")}
    assert options <= our_options() | {"--junitxml"}
    assert (
        "sim:uno" in text and "sim:megaatmega2560" in text
    ) or "--board auto --require-board" in text
    assert "\t" not in text and "{{" not in text and "{%" not in text


def our_options() -> set[str]:
    """The options the plugin adds."""
    names = set()

    class Parser:
        addini = staticmethod(lambda *arguments, **options: None)
        addoption = staticmethod(lambda name, **options: names.add(name))

        def getgroup(self, *arguments):
            return self

    pytest_addoption(Parser())
    return names


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine").write_text("keep")
    with pytest.raises(UsageError, match="is not empty: name a new folder"):
        scaffold.init(tmp_path, ("uno",))
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_board_without_a_simulator_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UsageError, match="board 'leonardo' has no simulator to test on"):
        scaffold.init(tmp_path / "new", ("leonardo",))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, BuildError])
@pytest.mark.parametrize("place", ["new/deep/er", "there", "."])
def test_what_stops_leaves_nothing(stop, place, tmp_path, monkeypatch):
    def stopped(directory, board, progress):
        assert (directory / "tinygen.toml").exists()
        raise stop("no compiler")

    (tmp_path / "there").mkdir()
    monkeypatch.setattr(scaffold, "_model", stopped)
    monkeypatch.chdir(tmp_path / "there")
    place = Path(place if place == "." else tmp_path / place)
    with pytest.raises(stop):
        scaffold.init(place, ("uno", "uno"))
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")] == ["there"]


def test_a_board_that_is_named_twice_is_one(tmp_path, monkeypatch):
    model = replace(random_models()["linear8"], name="air")
    monkeypatch.setattr(scaffold, "_model", lambda *asked: model)
    made = scaffold.init(tmp_path / "new", ("uno", "megaatmega2560", "uno"))
    assert [board.pio_id for board in made.boards] == ["uno", "megaatmega2560"]
