"""ONNX files that are broken or hostile; test_hostile.py opens those of PROTOS and BYTES."""

import subprocess
import sys
from pathlib import Path

import needs
import numpy as np
import onnx_cases
import pytest
from onnx_cases import model, node

from tinygen.common.errors import TinygenError, UsageError
from tinygen.importers.calibration import dataset_of
from tinygen.importers.convert import converted
from tinygen.importers.files import open_model

try:
    import onnx
    import onnxruntime  # noqa: F401
    from onnx import TensorProto, helper
except ImportError:
    needs.unavailable("onnx or onnxruntime is missing: pip install 'tinygen[test]'")

MEGABYTES = 500


def _sums(weights=None, name="y"):
    weights = onnx_cases.numbers(6, 1) if weights is None else weights
    return model([node("MatMul", "x w", name)], {"w": weights})


def _changed(change):
    proto = _sums()
    change(proto)
    return proto


def _external(proto):
    tensor = proto.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    tensor.ClearField("raw_data")


def _large_header(proto):
    proto.graph.initializer[0].dims[:] = [2**31, 1]


def _doubling():
    nodes = [node("Concat", f"x{k} x{k}", f"x{k + 1}", axis=1) for k in range(40)]
    return model([node("Identity", "x", "x0"), *nodes, node("Neg", "x40", "y")])


def _doubling_constants():
    nodes = [node("Concat", f"c{k} c{k}", f"c{k + 1}", axis=0) for k in range(40)]
    return model([*nodes, node("Add", "x c40", "y")], {"c0": np.ones(6, np.float32)})


def _cyclic():
    return model([node("Add", "x h", "g"), node("Neg", "g", "h"), node("Neg", "h", "y")])


def _cyclic_trees():
    proto = onnx.ModelProto.FromString(onnx_cases.written("TreeEnsembleRegressor"))
    for a in proto.graph.node[0].attribute:
        if a.name == "nodes_truenodeids":
            a.ints[1] = 0
    return proto


def _branches():
    inner = helper.make_graph([], "g", [], [])
    return model([helper.make_node("If", ["x"], ["y"], "fork", then_branch=inner)])


def _nested():
    graph = helper.make_graph([], "g", [], [])
    for _ in range(30):
        graph = helper.make_graph(
            [helper.make_node("If", ["x"], ["y"], then_branch=graph)], "g", [], []
        )
    return _changed(lambda p: p.graph.node.extend(graph.node))


def _two_numbers():
    proto = _sums()
    proto.graph.output.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, None))
    return proto


def _of_shape(*dims):
    proto = _sums()
    shape = proto.graph.input[0].type.tensor_type.shape
    del shape.dim[:]
    for size in dims:
        shape.dim.add().dim_value = size
    return proto


def _foreign():
    return model([helper.make_node("Attention", ["x"], ["y"], "a", domain="com.example")])


def _rows_mixed():
    return model([node("Reshape", "x p", "y")], {"p": np.array([6, -1])})


PROTOS = {
    "weights that are NaN": (lambda: _sums(np.full((6, 1), np.nan, np.float32)), "NaN or infinite"),
    "weights in another file": (lambda: _changed(_external), "'w' is kept in another file"),
    "a header of 2 GB": (lambda: _changed(_large_header), "cannot be read"),
    "a cycle": (_cyclic, "reads 'h', which no node before it makes: the graph is cyclic"),
    "trees in a cycle": (_cyclic_trees, "two parents: the trees are cyclic"),
    "a row that doubles": (_doubling, "more than 1,024 values"),
    "constants that double": (_doubling_constants, "computes .* constants"),
    "a branch": (_branches, "node 'fork' .If. cannot be converted.*without branches"),
    "deep graphs": (_nested, "deeper ones than 16"),
    "two answers": (_two_numbers, "has 2 outputs .'y', 'x'.*keep one"),
    "no number of columns": (lambda: _of_shape(1, 0), r"shape .1, 0., not .rows, columns."),
    "a batch of five": (lambda: _of_shape(5, 6), "not .rows, columns."),
    "too many columns": (lambda: _of_shape(1, 4000), "at most 1,024|at most 255"),
    "an operator of somebody else": (_foreign, "'a' .Attention. cannot be converted"),
    "rows that are mixed": (_rows_mixed, "mixes rows: keep the first axis"),
    "an output that is none": (lambda: _sums(name="z"), "no node makes the graph's output 'y'"),
    "a constant answer": (
        lambda: model([node("Identity", "w", "y")], {"w": np.ones((1, 1), np.float32)}),
        "the same for every row",
    ),
}


def _empty_messages():
    return b"\x08\x09\x3a" + _varint(4 + 20_000_000) + b"\x12\x02gg" + b"\x0a\x00" * 10_000_000


def _many_numbers():
    ints = b"\x0a\x01a" + b"\x40\x01" * 10_000_000
    inner = b"\x2a" + _varint(len(ints)) + ints
    graph = b"\x0a" + _varint(len(inner)) + inner
    return b"\x08\x09\x3a" + _varint(len(graph)) + graph


def _varint(value):
    found = b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])


BYTES = {
    "empty messages": (_empty_messages, "more than 60,000 messages"),
    "numbers without end": (_many_numbers, "numbers outside its tensors"),
    "a field beyond the end": (lambda: b"\x08\x09\x3a" + _varint(2**31) + b"\x0a\x00", "longer"),
    "half a file": (lambda: onnx_cases.written("Conv")[:-40], "longer than the file|protobuf"),
    "nothing": (lambda: b"", "no model file that is known"),
    "text": (lambda: b"\x08 is where a file of ONNX starts", "no model file that is known"),
}


# a child begins with the memory of the process that forks it, so that a small one has to
PEAK = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def test_the_command_leaves_nothing_and_stays_small(level, tmp_path):
    if level == "commit":
        pytest.skip("test_hostile.py measures the same without the command: --level release")
    path, out = tmp_path / "model.onnx", tmp_path / "out.json"
    path.write_bytes(_empty_messages())
    rows = tmp_path / "rows.csv"
    rows.write_text("a,b\n1,2\n3,4\n")
    words = [Path(sys.executable).parent / "tinygen", "convert", path, "--data", rows, "-o", out]
    run = subprocess.run(
        [sys.executable, "-c", PEAK, *words], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 2 and "60,000 messages" in run.stderr, run.stderr
    assert len(run.stderr.strip().splitlines()) == 1 and not out.exists()
    assert int(run.stdout) < MEGABYTES * 1024


def test_cut_and_changed_files_give_one_line(tmp_path):
    """Every byte of a small file changed, and every length: read, or refused as one of ours."""
    data = onnx_cases.written("TreeEnsembleRegressor")
    path, rng = tmp_path / "model.onnx", np.random.default_rng(3)
    refused = 0
    for k in range(0, len(data), 3):
        changed = bytearray(data)
        changed[k] = int(rng.integers(256))
        path.write_bytes(bytes(changed[: k if k % 5 == 0 else None]))
        try:
            open_model(path).predict(onnx_cases.ROWS[:2])
        except TinygenError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 100


def test_whole_numbers_are_asked_for(tmp_path):
    proto = model(
        [node("Cast", "x", "h", to=1), node("MatMul", "h w", "y")],
        {"w": onnx_cases.numbers(6, 1)},
    )
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    path = tmp_path / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    opened = open_model(path)
    whole = onnx_cases.ROWS.round()
    assert np.allclose(opened.predict(whole), opened.floats.predict(whole), atol=1e-5)
    with pytest.raises(UsageError, match="takes whole numbers"):
        opened.predict(onnx_cases.ROWS)


def test_two_numbers_at_once_are_refused(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(_sums(onnx_cases.numbers(6, 2)).SerializeToString())
    opened = open_model(path)
    rows = dataset_of(onnx_cases.ROWS, opened.floats.inputs, None)
    with pytest.raises(TinygenError, match="2 numbers"):
        converted(opened.floats, rows, "case", reference=opened.predict)


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    path = tmp_path / "model.dat"
    path.write_bytes(onnx_cases.written("Gemm"))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UsageError, match=r"pip install 'tinygen\[onnx\]'"):
        open_model(path)
