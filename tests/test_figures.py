"""The guard of the figures (`make figures`): a figure that grows fails, one that shrinks is told.

A commit measures three of the stored models; continuous integration and `--level release` all.
"""

import json
from dataclasses import replace
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import pytest

from tinygen.common.boards import BOARDS
from tinygen.families import FAMILIES
from tinygen.model.signals.any_model import load_any
from tinygen.target.bare import measure_cost

ROOT = Path(__file__).parent.parent
guard = SimpleNamespace(**run_path(str(ROOT / "benchmarks" / "figures.py")))
SAMPLE = ("ridge-regression", "tree-classification", "mahalanobis-guard")


@pytest.fixture(scope="module")
def stored():
    return guard.stored()[0]


@pytest.fixture
def file(tmp_path):
    """A stored file of two figures; `judge(now, ...)` judges others against it."""
    path = tmp_path / "figures.json"
    guard.store({"a": {"flash_bytes": 100, "error": 0.5, guard.CPU: 10.0}}, "avr-gcc 7", {}, path)

    def judge(update=False, because="", made_by="avr-gcc 7", **changed):
        now = {"a": {"flash_bytes": 100, "error": 0.5, guard.CPU: 10.0} | changed}
        now["a"] = {name: value for name, value in now["a"].items() if value is not None}
        return guard.judged(now, made_by, update, because, path)

    return SimpleNamespace(path=path, judge=judge)


def test_the_stored_figures_are_of_everything(stored):
    models = [f"{name} on {board}" for name in guard.model_names() for board in guard.CHIPS]
    firmware = [f"firmware on {board}" for board in guard.CHIPS]
    assert [*stored] == [*models, *firmware, *(f"training {name}" for name in guard.TRAININGS)]
    assert {name.split("-")[0] for name in guard.model_names()} == {*FAMILIES} | {
        "box",
        "mahalanobis",
    }
    for what in models:
        assert {"flash_bytes", "ram_bytes", "stack_bytes", "cycles_max"} <= stored[what].keys()
    for family in guard.TRAININGS:
        assert {"error", "flash_bytes", "cycles_seen", guard.CPU} <= stored[
            f"training {family}"
        ].keys()


@pytest.mark.parametrize("name", SAMPLE)
def test_no_figure_of_a_model_grew(name, stored, simavr):
    what = f"{name} on uno"
    now = {what: guard.model_figures(name, "uno")}
    changes = guard.compare({what: stored[what]}, now)
    assert not [one for one in changes if one.fails], guard.figures_table(now, changes)


def test_all_figures(level, simavr, monkeypatch):
    if level != "release":
        pytest.skip("15 CPU seconds: --level release, and `make figures` in ci.yml")
    now = guard.measured()
    for what in now:  # arithmetic is not pinned here, and other tests take the processor's time
        if what.startswith("training"):
            now[what] = guard.stored()[0][what]
    text, code = guard.judged(now, guard.compiler(), False, "")
    assert code == 0, text


def test_a_model_that_was_made_worse_fails(stored, simavr):
    """Negative control, measured: the same model with its C written for size alone."""
    worse = replace(load_any(guard.MODELS / "mlp-regression.json"), optimize="size")
    found = dict(measure_cost(worse, BOARDS["uno"]).plain())
    what = "mlp-regression on uno"
    changes = guard.compare({what: stored[what]}, {what: found})
    told = {one.figure: one.verdict for one in changes}
    assert told["cycles_max"] == told["ram_bytes"] == "GREW" and told["flash_bytes"] == "smaller"
    grown = f"{found['cycles_max']:,} (was {stored[what]['cycles_max']:,}: GREW)"
    assert grown in guard.figures_table({what: found}, changes)


@pytest.mark.parametrize(
    "grown",
    [
        {"flash_bytes": 101},
        {"error": 0.500001},
        {guard.CPU: 10 * guard.FAIL + 0.01},
        {"error": None},
    ],
)
def test_a_figure_that_grows_by_one_or_is_gone_fails(grown, file):
    kept = file.path.read_bytes()
    for update in (False, True):
        text, code = file.judge(update, **grown)
        assert code == 1 and file.path.read_bytes() == kept
        assert "--because" in text and "(was " in text and next(iter(grown)) in text


def test_a_reason_explains_it_and_stays_in_the_file(file):
    assert file.judge(True, "an input more", flash_bytes=120)[1] == 0
    found = json.loads(file.path.read_text())
    assert found["because"] == {"flash_bytes of a": "an input more"}
    assert found["figures"]["a"]["flash_bytes"] == 120 and file.judge(flash_bytes=120)[1] == 0
    assert file.judge(flash_bytes=121)[1] == 1


def test_time_is_told_before_it_fails(file):
    text, code = file.judge(**{guard.CPU: 10 * guard.WARN + 0.01})
    assert code == 0 and "slower: cpu_ratio of a" in text and "store them" not in text
    text, code = file.judge(**{guard.CPU: 10 * guard.WARN - 0.01})
    assert code == 0 and "was" not in text


def test_small_steps_of_time_do_not_add_up(file):
    """It is stored as it was, unless it fell far or has been explained."""
    for ratio, stored in ((10 * guard.WARN + 1, 10.0), (9.0, 10.0), (2.0, 2.0)):
        assert file.judge(True, **{guard.CPU: ratio})[1] == 0
        assert json.loads(file.path.read_text())["figures"]["a"][guard.CPU] == stored
    assert file.judge(True, "a longer search", **{guard.CPU: 40.0})[1] == 0
    assert json.loads(file.path.read_text())["figures"]["a"][guard.CPU] == 40.0


def test_what_shrinks_is_told_and_stored(file):
    text, code = file.judge(flash_bytes=90)
    assert code == 0 and "smaller: flash_bytes of a, 100 before, 90 now" in text
    assert (
        "--update" in text
        and json.loads(file.path.read_text())["figures"]["a"]["flash_bytes"] == 100
    )
    assert file.judge(True, flash_bytes=90)[1] == 0
    assert file.judge()[1] == 1  # 100 again


def test_another_compiler_is_no_comparison(file):
    text, code = file.judge(made_by="avr-gcc 14")
    assert code == 3 and "avr-gcc 7" in text and "avr-gcc 14" in text
    assert file.judge(True, "another compiler", made_by="avr-gcc 14", flash_bytes=200)[1] == 0
