"""The page for people who come from other generators: its code runs, its figures are those of the
benchmark.
"""

import json
import re
import shlex
import shutil
from itertools import groupby
from pathlib import Path

import pytest
from click.testing import CliRunner
from page_lists import assert_page_has

from tinygen.cli import main

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/coming-from.md"
RESULTS = json.loads((ROOT / "benchmarks/results/converted.json").read_text(encoding="ascii"))
SETS = {
    "air_quality": "benzene without its shortcut",
    "diabetes": "diabetes",
    "iris": "iris",
    "wine": "wine",
    "breast_cancer": "breast cancer",
    "digits": "digits",
}


def figures() -> str:
    """Ours beside the smallest and the quickest peer that answers right."""
    rows = [
        "| rows | model | tinygen, flash | tinygen, cycles | smallest other | quickest other |",
        "|---|---|---|---|---|---|",
    ]
    for key, group in groupby(RESULTS["measured"], lambda m: (m["set"], m["kind"])):
        found = [m for m in group if not m["message"]]
        ours = next(m for m in found if m["package"] == "tinygen")
        peers = [m for m in found if m["right"] and m["package"] != "tinygen"]
        told = ["none answers right"] * 2
        if peers:
            told = [
                _best(peers, "flash_bytes", "B"),
                _best(peers, "cycles_max", "cycles"),
            ]
        rows.append(
            f"| {SETS[key[0]]} | {key[1]} | {ours['flash_bytes']:,} B | {ours['cycles_max']:,} "
            f"| {told[0]} | {told[1]} |"
        )
    return "\n".join(rows)


def _best(peers, figure: str, unit: str) -> str:
    best = min(peers, key=lambda m: m[figure])
    return f"{best['package']}: {best[figure]:,} {unit}"


def otherwise() -> str:
    """Every peer's code that runs and does not answer as the estimator does."""
    return "\n".join(
        f"- {m['package']}, {m['way']}: {SETS[m['set']]}, {m['kind']}: "
        f"{m['differing']} of {m['rows']} rows"
        for m in RESULTS["measured"]
        if not m["message"] and not m["right"] and m["package"] != "tinygen"
    )


@pytest.mark.parametrize("made", [figures, otherwise])
def test_the_figures_are_those_of_the_benchmark(made, request):
    assert_page_has(PAGE, f"<!-- {made.__name__}", made(), request.config)


def test_other_figures_are_noticed(request, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text(encoding="utf-8").replace(" B |", " KB |"), encoding="utf-8")
    if not request.config.getoption("--update-golden"):
        with pytest.raises(AssertionError, match="review the diff"):
            assert_page_has(page, "<!-- figures", figures(), request.config)


def test_the_page_runs_as_it_is_written(tmp_path, monkeypatch):
    pytest.importorskip("pandas")
    shutil.copy(ROOT / "docs/classroom.csv", tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (command,) = re.findall(r"^```console\n\$ tinygen (.*?)\n```", text, re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, PAGE.name, "exec"), {"__name__": "__main__"})
    done = CliRunner().invoke(main, shlex.split(command), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    header = (tmp_path / "room/room.h").read_text(encoding="ascii")
    sketch = text.split("\ntinygen:\n")[1].split("```")[1]
    names = set(re.findall(r"\b(?:ROOM_\w+|room_predict)\b", sketch))
    assert len(names) == 6 and all(re.search(rf"\b{n}\b", header) for n in names)
