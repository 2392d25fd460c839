"""The page on ONNX and TFLite: its table is the code's, its commands run."""

import csv
import re
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

import needs
import pytest
import test_tflite
from sklearn.datasets import load_iris

from tinygen.importers.graphs import (
    onnx_file,  # noqa: F401 (registers the operators)
    onnx_graph,
    tflite_graph,
)

PAGE = Path(__file__).parents[2] / "docs" / "onnx-and-tflite.md"
START, END = "<!-- operators", "<!-- end -->"


def operators() -> str:
    """The lists of operators as the page has them."""
    parts = []
    for name, names in (("ONNX", onnx_graph.supported()), ("TFLite", tflite_graph.supported())):
        line = f"**{name}** ({len(names)}): " + ", ".join(f"`{n}`" for n in names) + "."
        parts.append(textwrap.fill(line, 128, break_long_words=False, break_on_hyphens=False))
    return "\n\n".join(parts)


def test_the_table_is_made_from_the_code(request):
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(START)
    comment, rest = rest.split("\n", 1)
    told, after = rest.split(END)
    if request.config.getoption("--update-golden"):
        whole = f"{before}{START}{comment}\n{operators()}\n{END}{after}"
        PAGE.write_text(whole, encoding="utf-8", newline="\n")
        return
    assert told.strip() == operators(), "run pytest --update-golden and review the diff"


def test_the_page_runs_as_it_is_written(tmp_path, simavr, level):
    if level == "commit":
        pytest.skip("two builds on the simulated chip: --level release")
    if find_spec("skl2onnx") is None or test_tflite.tflite_cases.schema is None:
        needs.unavailable("skl2onnx or ai-edge-litert is missing: pip install 'tinygen[test]'")
    text = PAGE.read_text(encoding="utf-8")
    iris = load_iris()
    with (tmp_path / "iris.csv").open("w", newline="") as file:
        rows = [[*row, iris.target_names[k]] for row, k in zip(iris.data, iris.target)]
        csv.writer(file).writerows([[*"abcd", "species"], *rows])
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([list("abcdef"), *test_tflite.ROWS.tolist()])
    (tmp_path / "net.tflite").write_bytes(test_tflite.int8_net("dense"))
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=120)
    told = []
    for command in re.findall(r"```sh\n(.*?)\n```", text, re.DOTALL):
        run = [Path(sys.executable).parent / "tinygen", *command.split()[1:]]
        told.append(subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=300))
    assert [t.returncode for t in told] == [0, 0], [t.stderr for t in told]
    assert "take the float trees' branches on every accepted row" in told[0].stdout
    assert "bit-equal to TFLite's reference kernels on 120 of 120 rows" in told[1].stdout
