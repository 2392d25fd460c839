"""The page on ONNX and TFLite: its table is the code's, its commands run."""

import csv
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import needs
import onnx_cases
import pytest
import test_tflite
from page_lists import assert_page_has, listed
from sklearn.datasets import load_iris

from tinygen.common.errors import QuantizeError
from tinygen.importers.graphs import onnx_file, onnx_graph, tflite_graph

PAGE = Path(__file__).parents[2] / "docs" / "onnx-and-tflite.md"
START = "<!-- operators"


def operators() -> str:
    """The lists of operators as the page has them."""
    rooms = {"ONNX": onnx_graph, "TFLite": tflite_graph}
    return "\n\n".join(listed(name, room.supported()) for name, room in rooms.items())


def test_the_table_is_made_from_the_code(request):
    assert_page_has(PAGE, START, operators(), request.config)


def test_the_message_of_the_page_is_that_of_the_program(tmp_path):
    node, path = onnx_cases.node("Scan", "x", "y"), tmp_path / "scan.onnx"
    node.name = "Sc_Scan"
    path.write_bytes(onnx_cases.model([node]).SerializeToString())
    with pytest.raises(QuantizeError) as told:
        onnx_file.open_onnx(path)
    assert f"```text\n{told.value}\n```" in PAGE.read_text(encoding="utf-8")


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
