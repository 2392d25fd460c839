"""`tinygen init --signals`: the project works as it is made."""

import runpy

import pytest
from click.testing import CliRunner
from test_docs import DOCS, assert_alike
from test_init import free_commands, run_pytest

from tinygen.cli import main
from tinygen.commands import _init_signals
from tinygen.commands import init as scaffold
from tinygen.model.signals import SignalModel
from tinygen.model.signals.any_model import load_any
from tinygen.report.signal_page import render_signals
from tinygen.search.signals import feature_choice


@pytest.fixture(scope="module")
def made(simavr, tmp_path_factory, level):
    """The project. A commit's has recordings of 6 s instead of 12, and a quarter of the trees that
    rank features.
    """
    with pytest.MonkeyPatch.context() as patch:
        if level == "commit":
            patch.setattr(_init_signals, "SECONDS", 6.0)
            patch.setattr(feature_choice, "TREES", 15)
        return scaffold.init(tmp_path_factory.mktemp("init") / "my motor", ("uno",), signals=True)


def test_its_tests_pass_and_nothing_is_skipped(made):
    verdicts, text = run_pytest(made.directory)
    assert set(verdicts.values()) == {None} and len(verdicts) == 3, text


def test_its_tests_can_fail(made):
    path = made.directory / "recordings" / "off-01.csv"
    good = path.read_text()
    path.write_text(good.replace("x [g]", "w [g]", 1))
    try:
        verdicts, _ = run_pytest(made.directory, "-k", "board_decides")
    finally:
        path.write_text(good)
    assert set(verdicts.values()) == {"failure"}


def test_commands_work_from_its_spec(made, monkeypatch):
    monkeypatch.chdir(made.directory)
    model = load_any(made.directory / "model.json")
    assert isinstance(model, SignalModel) and model.labels == ("normal", "off", "unbalanced")
    done = CliRunner().invoke(main, ["predict"])
    assert done.exit_code == 0 and "normal" in done.output, done.output
    for name in free_commands() - {"data"}:
        main.commands[name].make_context(name, [])
    done = CliRunner().invoke(main, ["stream"])
    assert done.exit_code == 0 and "PASS" in done.output, done.output
    done = CliRunner().invoke(main, ["card"])
    assert done.exit_code == 0 and (made.directory / "CARD.md").is_file(), done.output


def test_the_tutorial_runs_in_it_as_it_is_written(made, level):
    """docs/motor.md: every command ends well, and prints lines of the kinds that stand there. A
    commit reads its commands: tests/test_docs.py.
    """
    if level == "commit":
        pytest.skip("a search, a guard, a recording and a stream: --level release")
    generate = runpy.run_path(str(DOCS / "make/generate.py"))
    before = (made.directory / "model.json").read_bytes()
    fresh = generate["commands_of"](generate["with_output"]("motor.md", made.directory))
    assert_alike(fresh, generate["commands_of"]((DOCS / "motor.md").read_text()))
    printed = {command: "\n".join(lines) for command, lines in fresh}
    for command, told in (
        ("tinygen train", "0 of 3 recordings wrong"),
        ("tinygen guard", "normal: 0 of 1 recording set it off"),
        ("tinygen guard", "unbalanced: 4 of 4 recordings set it off"),
        ("tinygen emit", "motor_sampler.ino"),
    ):
        assert told in printed[command], printed[command]
    (recorded,) = (text for command, text in printed.items() if " record " in command)
    assert "\n0 lost;" in recorded and "lateness of a sample: 0 ticks" in recorded
    (streamed,) = (text for command, text in printed.items() if " stream " in command)
    assert "PASS: the board answers what the model answers" in streamed
    assert (
        made.directory / "model.json"
    ).read_bytes() == before  # the same command, the same bytes


def test_its_report_tells_of_every_recording_and_escapes_what_it_is_given(made, monkeypatch):
    monkeypatch.chdir(made.directory)
    model = load_any(made.directory / "model.json")
    pages = []
    for name in ("one.html", "two.html"):
        words = ["report", "--data", "recordings", "--no-board", "-o", name]
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0 and "unseen recordings are named right" in done.output
        pages.append((made.directory / name).read_text())
    assert pages[0] == pages[1] and "<script" not in pages[0]
    for one in model.training["signals"]["recordings"]:
        assert pages[0].count(one["name"]) >= 2  # in the table and under its drawing
    done = CliRunner().invoke(main, ["report", "--data", "recordings", "-o", "board.html"])
    page = (made.directory / "board.html").read_text()
    assert done.exit_code == 0 and "Try the board" in page and "<script" in page, done.output
    facts = {**model.training["signals"]}
    facts["recordings"] = [{**r, "name": "<img src=x>"} for r in facts["recordings"]]
    hostile = render_signals(model.with_facts(signals=facts), None, None)
    assert "<img src=x>" not in hostile and "&lt;img src=x&gt;" in hostile
    assert "Note: the recordings are not drawn: give them with --data" in hostile


def test_its_report_takes_channels_by_name_and_no_others(made, monkeypatch, tmp_path):
    monkeypatch.chdir(made.directory)
    pages = []
    for name, columns in (("same", (0, 1, 2, 3)), ("turned", (0, 3, 1, 2))):
        folder = tmp_path / name
        folder.mkdir()
        for path in sorted((made.directory / "recordings").glob("*.csv")):
            rows = [line.split(",") for line in path.read_text().splitlines()]
            text = "\n".join(",".join(row[c] for c in columns) for row in rows)
            (folder / path.name).write_text(text + "\n")
        words = ["report", "--data", str(folder), "--no-board", "-o", f"{name}.html"]
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.output
        pages.append((made.directory / f"{name}.html").read_text())
    assert pages[0] == pages[1]
    for path in folder.glob("*.csv"):
        path.write_text(path.read_text().replace("x [g]", "w [g]", 1))
    done = CliRunner().invoke(main, ["report", "--data", str(folder), "-o", "none.html"])
    assert done.exit_code == 2 or "'x'" in done.output
    assert not (made.directory / "none.html").exists()
    done = CliRunner().invoke(main, ["report", "--run", "x.csv", "-o", "none.html"])
    assert done.exit_code == 2 and "--run is for a model of rows" in done.output
