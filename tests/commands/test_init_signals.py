"""`tinygen init --signals`: the project works as it is made."""

import pytest
from click.testing import CliRunner
from test_init import run_pytest

from tinygen.cli import main
from tinygen.commands import init as scaffold
from tinygen.model.files import load_any
from tinygen.model.signals import SignalModel


@pytest.fixture(scope="module")
def made(simavr, tmp_path_factory):
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
    before = (made.directory / "model.json").read_bytes()
    for line, told in (
        ("train", "0 of 3 recordings wrong"),
        ("guard", "unbalanced: 4 of 4 recordings set it off"),
        ("emit", "motor_sampler.ino"),
        ("predict", "normal"),
    ):
        done = CliRunner().invoke(main, line.split())
        assert done.exit_code == 0 and told in done.output, done.output
    assert (
        made.directory / "model.json"
    ).read_bytes() == before  # the same command, the same bytes
