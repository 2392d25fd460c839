"""`tinygen demo` on the real file: the figures that are promised.

A commit's search tries the families FEW, those that win and lose most clearly; `--level release`
tries all of them by default settings, in a process as a user has it.
"""

import pytest
from cli_process import answer, answer_of_few

BOARDS = ("uno", "megaatmega2560")
FEW = ("lookup", "ridge")


@pytest.fixture(scope="module")
def demo(simavr, air_quality, tmp_path_factory, level):
    """What the demo reports, both boards, and the folder it filled."""
    folder = tmp_path_factory.mktemp("a demo")
    made = folder / "made"
    boards = [word for board in BOARDS for word in ("--board", board)]
    words = ["demo", *boards, "--data", str(air_quality), "-o", str(made)]
    found = answer_of_few(FEW, *words) if level == "commit" else answer(*words, cwd=folder)
    return found | {"folder": made}


def test_the_article_task_is_learnt(demo):
    trained = demo["train"]
    assert "UCI air-quality file" in demo["source"]
    assert (trained["rows_train"], trained["rows_test"], trained["split"]) == (5875, 1469, "random")
    assert trained["metrics"]["mae"] <= 0.030  # ug/m3
    assert trained["alarm"]["missed"] == 0


@pytest.mark.parametrize("board", BOARDS)
def test_every_test_row_is_right_on_the_board(demo, board):
    run = next(run for run in demo["boards"] if run["board"] == board)
    assert (run["rows"], run["wrong"], run["lost"], run["led_wrong"]) == (1469, 0, 0, 0)
    assert run["passed"] and run["pins_right"] and run["first_difference"] is None
    assert 200 < run["red"] < 400  # about 22 % of the hours are above 15 ug/m3


@pytest.mark.parametrize("board", BOARDS)
def test_the_model_alone_is_tiny(demo, board):
    run = next(run for run in demo["boards"] if run["board"] == board)
    assert run["model_flash_bytes"] <= 200 and run["model_ram_bytes"] == 0
    assert run["cycles_median"] <= run["cycles_max"] <= 250  # without interrupts


def test_two_ways_to_measure_the_model_agree(demo):
    """Firmware minus empty firmware, and a program with nothing but the model: no side effect of
    the rest is counted.
    """
    ladder = demo["train"]["ladder"]
    alone = ladder["rungs"][ladder["chosen"] - 1]
    run = next(run for run in demo["boards"] if run["board"] == ladder["board"])
    assert (
        abs(run["model_flash_bytes"] - alone["flash_bytes"]) <= 4
        and abs(run["cycles_max"] - alone["cycles_max"]) <= 4
    )


def test_the_demo_leaves_what_a_user_needs(demo):
    for name in (
        "benzene.json",
        "benzene/benzene.h",
        "benzene/tinygen_fixed.h",
        "benzene/examples/benzene_serial/benzene_serial.ino",
        "platformio.ini",
        "src/main.cpp",
        "include/benzene.h",
    ):
        assert (demo["folder"] / name).is_file(), name
    assert not [path for path in demo["folder"].iterdir() if path.name.startswith(".tinygen-")]
