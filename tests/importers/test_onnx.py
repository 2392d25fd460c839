"""ONNX: every operator that is read, files of skl2onnx, and nets as exporters write them."""

import warnings
from functools import cache

import needs
import numpy as np
import onnx_cases
import onnx_quantized  # noqa: F401 (its cases)
import pytest
from graph_files import assert_c_answers, convert_once
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC, SVR

from tinygen.common.errors import TinygenError
from tinygen.importers.calibration import dataset_of
from tinygen.importers.convert import converted, margins
from tinygen.importers.files import open_model
from tinygen.importers.graphs import onnx_file  # noqa: F401 (registers the operators)
from tinygen.importers.graphs.onnx_graph import supported

try:
    import onnxruntime  # noqa: F401
    import skl2onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError:
    needs.unavailable("onnx, onnxruntime or skl2onnx is missing: pip install 'tinygen[test]'")

AGREE, TIED = 0.995, 1e-6  # of float32 scores
CLOSE = 0.01  # part of the answers' spread that a model without a bound may be off on average
ROUNDED = 0.03  # the same, where the graph itself rounds between its layers
LONG = {
    *("Elu", "Selu", "Softplus", "Softsign", "HardSigmoid", "HardSwish", "Gelu", "Exp", "Abs"),
    *("Identity", "Dropout", "Neg", "Mean", "Min", "GlobalMaxPool", "ReduceMax", "LeakyRelu"),
}
FOUND: dict[str, tuple] = {}  # integer models and raw rows of the tests below, for one C program


def _converted(name, data, rows, folder):
    return convert_once(FOUND, f"{name}.onnx", data, rows, folder)


def _compare(opened, found, grid):
    """The integer model against onnxruntime."""
    model, facts = found.model, found.model.training["converted"]
    told = opened.predict(grid)
    answers = model.answer(found.dataset.x[:, list(found.columns)])
    if model.labels:
        same = np.array([model.labels[a] == str(t) for a, t in zip(answers, told.tolist())])
        untied = margins(opened.floats, opened.floats.values(grid)) > TIED
        assert len(set(told.tolist())) > 1
        assert same[untied].mean() >= (AGREE if not opened.floats.rounded else 1 - ROUNDED)
        return
    difference = np.abs(model.output.to_physical(answers) - told)
    assert told.std() > 0.01
    if facts["bound"] is not None:  # of the float steps, which float32 may miss at its last bits
        assert difference.max() <= facts["bound"] + 1e-5 * max(np.ptp(told), np.abs(told).max())
    else:
        assert difference.mean() <= (ROUNDED if opened.floats.rounded else CLOSE) * told.std()


def test_every_operator_has_a_case():
    assert sorted(onnx_cases.CASES) == list(supported())


@pytest.mark.parametrize("name", sorted(onnx_cases.CASES))
def test_an_operator(name, tmp_path, level):
    if level == "commit" and name in LONG:
        pytest.skip("a curve like others: --level release")
    _compare(*_converted(name, onnx_cases.written(name), onnx_cases.ROWS, tmp_path))


# ---- skl2onnx ----


@cache
def tables():
    iris, (x, y) = load_iris(), load_diabetes(return_X_y=True, scaled=False)
    x = np.round(x[:200, [2, 3, 4, 7]], 1)
    return {
        "numbers": (x, y[:200]),
        "three": (iris.data, iris.target_names[iris.target]),
        "two": (x, np.where(y[:200] > 140, 1, -1)),
    }


SMALL = {"n_estimators": 6, "max_depth": 4, "random_state": 0}
REGRESSORS = {
    "LinearRegression": LinearRegression(),
    "RandomForestRegressor": RandomForestRegressor(**SMALL),
    "GradientBoostingRegressor": GradientBoostingRegressor(**SMALL),
    "ScaledForest": make_pipeline(MinMaxScaler(), RandomForestRegressor(**SMALL)),
    "SVR": make_pipeline(StandardScaler(), SVR(C=50, epsilon=40, gamma=0.3)),
}
CLASSIFIERS = {
    "LogisticRegression": make_pipeline(StandardScaler(), LogisticRegression()),
    "RandomForestClassifier": RandomForestClassifier(**SMALL),
    "GradientBoostingClassifier": GradientBoostingClassifier(**SMALL),
    "MLPClassifier": make_pipeline(
        StandardScaler(), MLPClassifier((6,), max_iter=120, random_state=0)
    ),
    "SVC": make_pipeline(StandardScaler(), SVC(gamma=0.3)),
}
WAYS = [
    *((n, "numbers") for n in REGRESSORS),
    *((n, data) for n in CLASSIFIERS for data in ("three", "two") if (n, data) != ("SVC", "two")),
]


@pytest.mark.parametrize(("name", "data"), WAYS)
def test_a_file_of_skl2onnx(name, data, tmp_path, level):
    if level == "commit" and (name, data) == ("SVR", "numbers"):
        pytest.skip("200 support vectors: --level release")
    x, y = tables()[data]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator = {**REGRESSORS, **CLASSIFIERS}[name].fit(x, y)
        written = skl2onnx.to_onnx(estimator, x[:1].astype(np.float32)).SerializeToString()
    opened, found, grid = _converted(f"{name}-{data}", written, x, tmp_path)
    _compare(opened, found, grid)
    if "Forest" in name or "Boosting" in name:
        assert found.lowered.same_leaves
    told = estimator.predict(grid.astype(np.float32))
    if data == "numbers":
        assert np.allclose(opened.predict(grid), told, rtol=1e-4)
    else:
        assert (opened.predict(grid).astype(str) == told.astype(str)).mean() >= AGREE


def test_columns_with_names_are_found_by_them(tmp_path):
    graph = helper.make_graph(
        [
            helper.make_node("Concat", ["b c", "a"], ["h"], axis=1),
            helper.make_node("MatMul", ["h", "w"], ["y"]),
        ],
        "named",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, 1]) for n in ("b c", "a")],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.array([[1.0], [2.0]], np.float32), "w")],
    )
    path = tmp_path / "named.onnx"
    path.write_bytes(helper.make_model(graph, ir_version=9).SerializeToString())
    opened = open_model(path)
    assert opened.named and opened.floats.inputs == ("b c", "a")
    assert opened.floats.predict(np.array([[3.0, 5.0]]))[0] == 13


# ---- nets as exporters write them ----


def _net(end):
    """Dense layers with a batch of 1, a dynamic reshape as PyTorch writes it, and an end."""
    k = onnx_cases.numbers
    constants = {"w": k(6, 8), "b": k(8), "v": k(8, 3), "zero": np.array(0), "m": np.array([-1])}
    constants["ax"] = np.array([0])
    n = onnx_cases.node
    nodes = [
        n("Shape", "x", "s"),
        n("Gather", "s zero", "r", axis=0),
        n("Unsqueeze", "r ax", "u"),
        n("Concat", "u m", "t", axis=0),
        n("Reshape", "x t", "f"),
        n("Gemm", "f w b", "h1"),
        n("Relu", "h1", "h2"),
        n("MatMul", "h2 v", "h3"),
        *end,
    ]
    return onnx_cases.model(nodes, constants, inputs={"x": [1, 2, 3]})


def test_a_window_of_a_batch_of_one_ends_in_classes(tmp_path):
    data = _net([onnx_cases.node("Softmax", "h3", "y")]).SerializeToString()
    opened, found, grid = _converted("window", data, onnx_cases.ROWS, tmp_path)
    _compare(opened, found, grid)
    assert found.model.labels == ("0", "1", "2") and len(found.model.inputs) == 6


def test_a_mark_of_a_missing_value_is_found_as_float32(tmp_path):
    """A graph stores 2.3 as 2.29999995, which no reading is."""
    path, rows = tmp_path / "imputer.onnx", onnx_cases.ROWS.copy()
    rows[0, 0] = 2.3
    marked = onnx_cases.node(
        "Imputer", "x", "i", imputed_value_floats=[50.0], replaced_value_float=2.3
    )
    last = onnx_cases.node("MatMul", "i w", "y")
    found = onnx_cases.model([marked, last], {"w": onnx_cases.numbers(6, 1)})
    path.write_bytes(found.SerializeToString())
    opened = open_model(path)
    told = np.asarray(opened.predict(rows), dtype=np.float64).ravel()
    assert np.allclose(opened.floats.predict(rows).ravel(), told, atol=1e-4)


def test_a_number_behind_a_logistic_function_is_a_share(tmp_path):
    end = [
        onnx_cases.node("ReduceSum", "h3", "z", keepdims=1, noop_with_empty_axes=0),
        onnx_cases.node("Sigmoid", "z", "y"),
    ]
    end[0].input.append("ax1")
    proto = _net(end)
    proto.graph.initializer.append(numpy_helper.from_array(np.array([1]), "ax1"))
    opened, found, grid = _converted("share", proto.SerializeToString(), onnx_cases.ROWS, tmp_path)
    _compare(opened, found, grid)
    assert opened.predict(grid).min() >= 0 and opened.predict(grid).max() <= 1


class Reader:
    """What onnxruntime calibrates on."""

    def __init__(self):
        self.left = [{"x": onnx_cases.ROWS.astype(np.float32)}]

    def get_next(self):
        return self.left.pop() if self.left else None


def _quantized(way, folder):
    """A net of two layers as onnxruntime's own tool quantizes it."""
    from onnxruntime import quantization

    k, n = onnx_cases.numbers, onnx_cases.node
    nodes = [n("Gemm", "x w b", "h1"), n("Relu", "h1", "h2"), n("Gemm", "h2 v c", "h3")]
    level = np.maximum(onnx_cases.ROWS @ k(6, 8) + k(8), 0).mean(axis=0) @ k(8, 3)
    proto = onnx_cases.model(
        [*nodes, n("Softmax", "h3", "y")],
        {"w": k(6, 8), "b": k(8), "v": k(8, 3), "c": np.float32(-level)},
    )
    (folder / "float.onnx").write_bytes(proto.SerializeToString())
    ends = folder / "float.onnx", folder / "small.onnx"
    if way == "dynamic":
        quantization.quantize_dynamic(*ends)
    else:
        kind = getattr(quantization.QuantFormat, way)
        quantization.quantize_static(*ends, Reader(), kind, per_channel=True)
    return ends[1].read_bytes()


@pytest.mark.parametrize("way", ["QDQ", "QOperator"])
def test_a_quantized_graph_is_quantized_anew(way, tmp_path):
    opened, found, grid = _converted(way, _quantized(way, tmp_path), onnx_cases.ROWS, tmp_path)
    _compare(opened, found, grid)
    assert "quantized anew" in opened.floats.notes[0] and opened.floats.rounded
    assert [node.op for node in found.model.nodes] == ["scale", "dense", "dense", "argmax"]


def test_a_number_that_a_graph_rounds_has_no_proven_bound(tmp_path):
    """A bound would be one to the float steps, which are near the graph only."""
    data = onnx_cases.written("QLinearMatMul")
    _, found, _ = _converted("QLinearMatMul", data, onnx_cases.ROWS, tmp_path)
    facts = found.model.training["converted"]
    assert facts["bound"] is None and facts["reference"]["largest_difference"] > 0.01


def test_a_scale_that_changes_from_row_to_row_is_refused(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(_quantized("dynamic", tmp_path))
    with pytest.raises(TinygenError, match=r"DynamicQuantizeLinear.*same for every row .static."):
        open_model(path)


def test_c_answers_as_the_twin(request, level, tmp_path):
    """Every model of the tests above, on all its rows and on corners of its ranges."""
    if level == "release":
        request.getfixturevalue("simavr")
    assert_c_answers(FOUND, tmp_path, level)


def test_a_misread_operator_is_found(tmp_path, monkeypatch):
    """The control of the comparison with onnxruntime."""
    from tinygen.importers.graphs import onnx_graph

    monkeypatch.setitem(onnx_graph.OPERATORS, "Neg", lambda call: call.flow())
    path = tmp_path / "wrong.onnx"
    path.write_bytes(onnx_cases.written("Neg"))
    opened = open_model(path)
    with pytest.raises(TinygenError, match="differ from its own predict"):
        converted(
            opened.floats,
            dataset_of(onnx_cases.ROWS, opened.floats.inputs, None),
            "case",
            reference=opened.predict,
        )
