"""The page on scikit-learn, XGBoost and LightGBM: its list is the code's, its code and command
run.
"""

import re
import shlex
import shutil
from itertools import groupby
from pathlib import Path

import pytest
from click.testing import CliRunner
from page_lists import assert_page_has, listed

from tinygen.cli import main
from tinygen.importers.readers import supported
from tinygen.model.model import load

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "from-scikit-learn.md"
START = "<!-- classes"
TITLES = {"lightgbm": "LightGBM", "sklearn": "scikit-learn", "xgboost": "XGBoost"}


def classes() -> str:
    """The lists of classes as the page has them."""
    names = [name.split(".", 1) for name in supported()]
    return "\n\n".join(
        listed(TITLES[library], [name for _, name in group])
        for library, group in groupby(names, lambda pair: pair[0])
    )


def test_the_list_is_made_from_the_code(request):
    assert_page_has(PAGE, START, classes(), request.config)


def test_the_page_runs_as_it_is_written(tmp_path, simavr, monkeypatch):
    for package in ("pandas", "skops"):
        pytest.importorskip(package)
    shutil.copy(DOCS / "classroom.csv", tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    code = "".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    monkeypatch.chdir(tmp_path)
    exec(compile(code, PAGE.name, "exec"), {"__name__": "__main__"})
    (command,) = re.findall(r"```console\n\$ tinygen (.*?)\n```", text, re.DOTALL)
    done = CliRunner().invoke(main, shlex.split(command), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert {"steps", "proof", "verdict"} <= {
        line.split(" ")[0] for line in done.stdout.splitlines()
    }
    assert [q.name for q in load(tmp_path / "room.json").inputs] == ["gas", "temp", "damp"]
    assert load(tmp_path / "same.json").family == load(tmp_path / "room.json").family
