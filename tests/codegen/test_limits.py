"""Models up to the proof's own limits: what the proof accepts, the C computes as the twin does."""

import pytest
from host_c import LANGUAGES, compile_header, run_rows
from limit_models import limit_model

from tinygen.common.boards import BOARDS
from tinygen.common.errors import DoesNotFit
from tinygen.target.bare import BareChip

COMMIT = {"host": range(20), "chip": range(6)}
RELEASE = {"host": range(400), "chip": range(150)}
ROWS = {"host": 2000, "chip": 64}


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        release = metafunc.config.getoption("--level") == "release"
        place = "chip" if "chip" in metafunc.function.__name__ else "host"
        metafunc.parametrize("seed", (RELEASE if release else COMMIT)[place])


def test_the_host_answers_what_the_twin_answers(seed, tmp_path):
    model = limit_model(seed)
    rows = model.sample_rows(ROWS["host"], seed)
    language = sorted(LANGUAGES)[seed % 2]
    answers = run_rows(compile_header(model, tmp_path, language), rows)
    assert (answers == model.predict(rows)).all()


def test_the_chip_answers_what_the_twin_answers(seed, toolchain):
    model = limit_model(seed)
    rows = model.sample_rows(ROWS["chip"], seed)
    try:
        with BareChip(model, BOARDS["megaatmega2560"]) as chip:
            assert (chip.predict(rows) == model.predict(rows)).all()
    except DoesNotFit:
        pytest.skip("larger than the largest board")
