"""The notebook on the estimators is the page, and its cells run as they stand."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from tinygen.model.model import load

DOCS = Path(__file__).parent.parent / "docs"
BOOK = DOCS / "python.ipynb"


def code_of(book: str) -> list[str]:
    """The code cells of a notebook."""
    cells = json.loads(book)["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def run(cells: list[str]) -> dict:
    """The names that the cells leave, run one after the other as a kernel does."""
    names: dict = {"__name__": "__main__"}
    for number, cell in enumerate(cells):
        exec(compile(cell, f"cell {number}", "exec"), names)
    return names


def test_every_cell_runs_and_says_what_the_page_says(tmp_path, monkeypatch, capsys):
    (tmp_path / "classroom.csv").write_text((DOCS / "classroom.csv").read_text())
    monkeypatch.chdir(tmp_path)
    left, said = run(code_of(BOOK.read_text())), capsys.readouterr().out.splitlines()
    meter, careful, X = left["meter"], left["careful"], left["X"]
    assert meter.score(X[left["test"]], left["co2"][left["test"]]) > 0.8
    assert (careful.predict(X) != meter.predict(X)).any()  # weights are heard
    assert np.allclose(left["judge"].predict_proba(X).sum(axis=1), 1)
    assert "the same answers: True" in said and load(tmp_path / "co2.json").name == "co2"
    assert (tmp_path / "co2_library/co2.h").is_file()
    assert {line.split(":")[0] for line in said} > {"equal", "weighted", "fresh", "stuffy", "used"}


def test_a_cell_that_fails_is_noticed():
    with pytest.raises(NameError):
        run(["a = 1", "b = a + meter_that_nobody_made"])


def test_the_notebook_is_the_page_without_outputs():
    made = runpy.run_path(str(DOCS / "make/generate.py"))["notebook"]()
    assert BOOK.read_text() == made, "run `python docs/make/generate.py quick`"
    cells = json.loads(made)["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells) > 10
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
