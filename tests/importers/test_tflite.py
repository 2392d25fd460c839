"""TFLite: every operator that is read, in float, against the interpreter's reference kernels."""

from dataclasses import fields, replace

import needs
import numpy as np
import pytest
import tflite_cases
from graph_files import assert_c_answers, convert_once
from tflite_cases import Tensor, built, constant, options

from tinygen.common.errors import TinygenError
from tinygen.importers.calibration import dataset_of
from tinygen.importers.convert import converted, margins
from tinygen.importers.files import open_model
from tinygen.importers.graphs.tflite_graph import supported
from tinygen.model.operations.quantized import QuantizedConv, QuantizedDense

if tflite_cases.schema is None:
    needs.unavailable("ai-edge-litert is missing: pip install 'tinygen[test]'")

WIDTH = 6
ROWS = np.round(np.random.default_rng(5).uniform(0.5, 6.0, (120, WIDTH)), 1)
AGREE, TIED, CLOSE = 0.995, 1e-6, 0.01
LONG = {"ABS", "ELU", "EXP", "HARD_SWISH", "RELU_N1_TO_1", "TANH", "LOG_SOFTMAX", "REDUCE_MAX"}
FOUND: dict[str, tuple] = {}
SLOPE = 0.1


def numbers(*shape):
    return np.random.default_rng(sum(shape)).uniform(-1, 1, shape).astype(np.float32)


def _whole(*values):
    return constant(np.array(values, np.int32))


DENSE = "FullyConnectedOptions"
POOL = {"padding": 1, "strideH": 1, "strideW": 1, "filterHeight": 1, "filterWidth": 2}


def graph(op):
    """A layer of four sums where a curve follows, the operator, and the sum of what it makes."""
    tensors = [Tensor((1, WIDTH))]
    steps = []

    def add(name, takes, shape, kind=None, kinds="float32", **values):
        tensors.append(Tensor(shape, kinds))
        steps.append((name, takes, [len(tensors) - 1], options(kind, **values) if kind else None))
        return len(tensors) - 1

    def keep(tensor):
        tensors.append(tensor)
        return len(tensors) - 1

    def dense(source, inputs, outputs, **more):
        at = keep(constant(numbers(outputs, inputs) / 2)), keep(constant(numbers(outputs)))
        return add("FULLY_CONNECTED", [source, *at], (1, outputs), DENSE, **more)

    if op in ("SOFTMAX", "LOG_SOFTMAX", "ARG_MAX"):
        h = dense(0, WIDTH, 3)
        if op == "ARG_MAX":
            tensors.append(Tensor((1,), "int64"))
            axis = keep(_whole(1))
            steps.append((op, [h, axis], [axis - 1], options("ArgMaxOptions", outputType=4)))
            return built(tensors, steps, [0], [axis - 1])
        more = {"beta": 1.0} if op == "SOFTMAX" else {}
        kind = "SoftmaxOptions" if op == "SOFTMAX" else "LogSoftmaxOptions"
        last = add(op, [h], (1, 3), kind, **more)
        return built(tensors, steps, [0], [last])
    if op in (
        "RELU",
        "RELU6",
        "RELU_N1_TO_1",
        "LOGISTIC",
        "TANH",
        "EXP",
        "ABS",
        "ELU",
        "HARD_SWISH",
    ):
        found, wide = add(op, [dense(0, WIDTH, 4)], (1, 4)), 4
    elif op == "LEAKY_RELU":
        found = add(op, [dense(0, WIDTH, 4)], (1, 4), "LeakyReluOptions", alpha=SLOPE)
        wide = 4
    elif op == "FULLY_CONNECTED":
        found, wide = dense(0, WIDTH, 4, fusedActivationFunction=1), 4
    elif op in ("ADD", "SUB", "MUL"):
        kind = op.capitalize() + "Options"
        h = add(op, [0, keep(constant(numbers(1, WIDTH)))], (1, WIDTH), kind)
        found, wide = add(op, [h, dense(0, WIDTH, WIDTH)], (1, WIDTH), kind), WIDTH
    elif op == "CONCATENATION":
        h = dense(0, WIDTH, 4)
        found, wide = add(op, [h, 0], (1, 10), "ConcatenationOptions", axis=1), 10
    elif op in ("QUANTIZE", "DEQUANTIZE"):
        return quantized_front()
    else:
        shaped = add("RESHAPE", [0, keep(_whole(1, 1, 3, 2))], (1, 1, 3, 2))
        found, wide = windows(op, shaped, add, keep)
        if len(tensors[found].shape) != 2:
            flat = keep(_whole(1, wide))
            found = add("RESHAPE", [found, flat], (1, wide))
    return built(tensors, steps, [0], [dense(found, wide, 1)])


def windows(op, shaped, add, keep):
    """The operator behind a window of three places with two channels."""
    if op == "CONV_2D":
        at = keep(constant(numbers(3, 1, 2, 2))), keep(constant(numbers(3)))
        more = {"strideH": 1, "strideW": 1, "fusedActivationFunction": 1}
        return add(op, [shaped, *at], (1, 1, 3, 3), "Conv2DOptions", padding=0, **more), 9
    if op == "DEPTHWISE_CONV_2D":
        at = keep(constant(numbers(1, 1, 2, 2))), keep(constant(numbers(2)))
        more = {"strideH": 1, "strideW": 1, "depthMultiplier": 1}
        kind = "DepthwiseConv2DOptions"
        return add(op, [shaped, *at], (1, 1, 2, 2), kind, padding=1, **more), 4
    if op.endswith("POOL_2D"):
        return add(op, [shaped], (1, 1, 2, 2), "Pool2DOptions", **POOL), 4
    if op in ("MEAN", "SUM", "REDUCE_MAX"):
        return add(op, [shaped, keep(_whole(1, 2))], (1, 2), "ReducerOptions"), 2
    if op == "TRANSPOSE":
        return add(op, [shaped, keep(_whole(0, 1, 3, 2))], (1, 1, 2, 3), "TransposeOptions"), 6
    if op == "SQUEEZE":
        return add(op, [shaped], (1, 3, 2), "SqueezeOptions", squeezeDims=[1]), 6
    if op == "EXPAND_DIMS":
        return add(op, [shaped, keep(_whole(1))], (1, 1, 1, 3, 2), "ExpandDimsOptions"), 6
    assert op == "RESHAPE"
    return shaped, 6


def quantized_front():
    """Float in and out, int8 within: what a converter writes by default."""
    w = np.random.default_rng(1).integers(-127, 128, (1, WIDTH)).astype(np.int8)
    q = Tensor((1, WIDTH), "int8", scale=0.03, zero=-100)
    tensors = [Tensor((1, WIDTH)), q, constant(w, scale=0.01, zero=0)]
    tensors += [constant(np.array([100], np.int32), scale=0.0003)]
    tensors += [Tensor((1, 1), "int8", scale=0.1, zero=5), Tensor((1, 1))]
    steps = [
        ("QUANTIZE", [0], [1], options("QuantizeOptions")),
        ("FULLY_CONNECTED", [1, 2, 3], [4], options(DENSE)),
        ("DEQUANTIZE", [4], [5], options("DequantizeOptions")),
    ]
    return built(tensors, steps, [0], [5])


def _converted(name, data, rows, folder):
    return convert_once(FOUND, f"{name}.tflite", data, rows, folder)


@pytest.mark.parametrize("name", [n for n in supported() if not n.endswith("QUANTIZE")])
def test_an_operator_in_float(name, tmp_path, level):
    if level == "commit" and name in LONG:
        pytest.skip("a curve like others: --level release")
    opened, found, grid = _converted(name, graph(name), ROWS, tmp_path)
    model, told = found.model, opened.predict(grid)
    answers = model.answer(found.dataset.x[:, list(found.columns)])
    if model.labels:
        same = np.array([model.labels[a] == str(t) for a, t in zip(answers, told.tolist())])
        assert len(set(told.tolist())) > 1
        assert same[margins(opened.floats, opened.floats.values(grid)) > TIED].mean() >= AGREE
        return
    difference = np.abs(model.output.to_physical(answers) - told)
    assert told.std() > 0.01 and difference.mean() <= CLOSE * told.std()


def test_c_answers_as_the_twin(request, level, tmp_path):
    """Every model of the tests above, on all its rows and on corners of its ranges."""
    if level == "release":
        request.getfixturevalue("simavr")
    assert_c_answers(FOUND, tmp_path, level)


def test_cut_and_changed_files_give_one_line(tmp_path):
    """Bytes of a small file changed, and lengths: read, or refused as one of ours."""
    data, path = graph("CONV_2D"), tmp_path / "model.tflite"
    rng = np.random.default_rng(3)
    refused = 0
    for k in range(8, len(data), 4):
        changed = bytearray(data)
        changed[k] = int(rng.integers(256))
        path.write_bytes(bytes(changed[: k if k % 5 == 0 else None]))
        try:
            open_model(path)
        except TinygenError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 100


# ---- int8 ----


def int8_net(kind, per_channel=False, fused=1, ends="number", seed=0):
    """Layers in int8 behind float inputs or int8 ones, as converters write them."""
    rng = np.random.default_rng(seed)
    tensors, steps = [Tensor((1, WIDTH))], []
    at = 0
    if kind != "int8 inputs":
        tensors.append(Tensor((1, WIDTH), "int8", scale=0.0274, zero=-111))
        steps.append(("QUANTIZE", [0], [1], options("QuantizeOptions")))
        at = 1
    else:
        tensors[0] = Tensor((1, WIDTH), "int8", scale=0.0274, zero=-111)
    if kind in ("conv", "depthwise", "pool"):
        tensors += [constant(np.array([1, 1, 3, 2], np.int32)), _int8((1, 1, 3, 2), 0.0274, -111)]
        steps.append(("RESHAPE", [at, len(tensors) - 2], [len(tensors) - 1], None))
        at, width = _window(tensors, steps, len(tensors) - 1, kind, rng, fused)
        tensors += [constant(np.array([1, width], np.int32)), _int8((1, width), 0.061, -27)]
        tensors[-1].scale, tensors[-1].zero = tensors[at].scale, tensors[at].zero
        steps.append(("RESHAPE", [at, len(tensors) - 2], [len(tensors) - 1], None))
        at = len(tensors) - 1
    else:
        w = rng.integers(-127, 128, (8, WIDTH)).astype(np.int8)
        at = _layer(tensors, steps, at, w, (1, 8), 0.061, -27, rng, fused, per_channel)
        width = 8
    last = 3 if ends == "classes" else 1
    w = rng.integers(-127, 128, (last, width)).astype(np.int8)
    at = _layer(tensors, steps, at, w, (1, last), 0.0913, 9, rng, 0)
    if ends == "classes":
        tensors.append(_int8((1, last), 1 / 256, -128))
        steps.append(("SOFTMAX", [at], [len(tensors) - 1], options("SoftmaxOptions", beta=1.0)))
        at = len(tensors) - 1
    if kind != "int8 inputs":
        tensors.append(Tensor((1, last)))
        steps.append(("DEQUANTIZE", [at], [len(tensors) - 1], options("DequantizeOptions")))
        at = len(tensors) - 1
    return built(tensors, steps, [0], [at])


def _window(tensors, steps, source, kind, rng, fused):
    """The layer over three places of two channels, and the number of its values."""
    if kind == "pool":
        tensors.append(_int8((1, 1, 2, 2), 0.0274, -111))
        steps.append(
            ("AVERAGE_POOL_2D", [source], [len(tensors) - 1], options("Pool2DOptions", **POOL))
        )
        return len(tensors) - 1, 4
    shape = (4, 1, 2, 2) if kind == "conv" else (1, 1, 2, 4)  # two filters a channel
    w = rng.integers(-127, 128, shape).astype(np.int8)
    return _layer(tensors, steps, source, w, (1, 1, 3, 4), 0.061, -27, rng, fused), 12


def _int8(shape, scale, zero):
    return Tensor(shape, "int8", scale=scale, zero=zero)


def _layer(tensors, steps, source, w, shape, scale, zero, rng, fused, per_channel=False):
    many, axis = per_channel or w.ndim == 4, 3 if len(w) < w.shape[-1] and w.ndim == 4 else 0
    rows = np.moveaxis(w, axis, 0)
    scales = rng.uniform(0.004, 0.009, len(rows)) if many else np.array([0.0057])
    inside = float(np.float32(tensors[source].scale))
    tensors.append(constant(w, scale=scales, zero=0, axis=axis))
    b = -(rows.reshape(len(rows), -1).astype(np.int64).sum(axis=1) * 40).astype(np.int32)
    b += rng.integers(-900, 900, len(rows)).astype(np.int32)
    tensors.append(constant(b, scale=scales * inside, zero=0))
    tensors.append(_int8(shape, scale, zero))
    takes, gives = [source, len(tensors) - 3, len(tensors) - 2], [len(tensors) - 1]
    if w.ndim == 4:
        kind = "DepthwiseConv2DOptions" if axis else "Conv2DOptions"
        more = options(kind, padding=0, strideH=1, strideW=1, fusedActivationFunction=fused)
        if axis:
            more.depthMultiplier = 2
        steps.append(("DEPTHWISE_CONV_2D" if axis else "CONV_2D", takes, gives, more))
    else:
        steps.append(
            ("FULLY_CONNECTED", takes, gives, options(DENSE, fusedActivationFunction=fused))
        )
    return gives[0]


WAYS = {
    "dense": {"kind": "dense"},
    "int8 inputs": {"kind": "int8 inputs"},
    "per channel": {"kind": "dense", "per_channel": True},
    "relu6": {"kind": "dense", "fused": 3},
    "classes": {"kind": "dense", "ends": "classes"},
    "window": {"kind": "conv"},
    "window of each channel": {"kind": "depthwise", "fused": 0},
}


@pytest.mark.parametrize("way", WAYS)
def test_an_int8_graph_keeps_its_integers(way, tmp_path):
    opened, found, grid = _converted(f"int8-{way}", int8_net(**WAYS[way]), ROWS, tmp_path)
    facts = found.model.training["converted"]["reference"]
    assert found.model.nodes[0].op == "quantized_dense" and not found.notes
    told = opened.predict(grid)
    assert len(set(told.tolist())) > (1 if way == "classes" else 10)
    if way == "classes":  # a softmax in int8 gives equal shares to scores that are not: its first
        assert facts["bit_equal"] >= AGREE * len(ROWS)
    else:
        assert facts["bit_equal"] == facts["rows"] == len(ROWS)
        measured = found.model.training["converted"]["measured"]  # float32 writes its last bits
        assert max(measured.values()) < 1e-6
        raw = found.model.answer(found.dataset.x)
        assert np.allclose(found.model.output.to_physical(raw), told, rtol=0, atol=1e-6)


def test_a_pool_in_int8_is_quantized_anew(tmp_path):
    """It rounds what it divides by the places in its window; the difference is measured."""
    opened, found, grid = _converted("int8-pool", int8_net(kind="pool"), ROWS, tmp_path)
    assert "'AVERAGE_POOL_2D' has no form in the same integers" in found.notes[0]
    told = opened.predict(grid)
    answers = found.model.output.to_physical(found.model.answer(found.dataset.x))
    facts = found.model.training["converted"]["reference"]
    assert np.abs(answers - told).mean() < 0.05 * np.ptp(told)
    assert facts["largest_difference"] == pytest.approx(
        np.abs(opened.floats.predict(grid) - told).max(), rel=0.01
    )


@pytest.mark.parametrize("kind", ["conv", "depthwise"])
def test_windows_round_twice(kind, tmp_path):
    """Bit-equal for other weights too; the control: rounded once, some answers differ."""
    wrong = 0
    for seed in range(1, 5):
        path = tmp_path / f"{seed}.tflite"
        path.write_bytes(int8_net(kind=kind, fused=0, seed=seed))
        opened = open_model(path)
        model = converted(opened.floats, dataset_of(ROWS, opened.floats.inputs, None), "case").model
        assert [n.op for n in model.nodes] == [
            "quantized_dense",
            "quantized_conv",
            "quantized_dense",
        ]
        once = tuple(
            QuantizedDense(*(getattr(n, f.name) for f in fields(n)))
            if isinstance(n, QuantizedConv)
            else n
            for n in model.nodes
        )
        raw = np.column_stack([q.to_raw(c) for q, c in zip(model.inputs, ROWS.T)])
        told = opened.predict(ROWS)
        assert np.allclose(model.output.to_physical(model.answer(raw)), told, rtol=0, atol=1e-6)
        other = replace(model, nodes=once)
        wrong += int((other.answer(raw) != model.answer(raw)).sum())
    assert wrong


def test_a_graph_whose_integers_cannot_be_kept_says_why(tmp_path):
    """Input steps that are halfway between those of the graph, and a factor above a quarter."""
    tensors = [Tensor((1, WIDTH)), _int8((1, WIDTH), 0.03, 0)]
    steps = [("QUANTIZE", [0], [1], options("QuantizeOptions"))]
    rng = np.random.default_rng(2)
    w = rng.integers(-127, 128, (1, WIDTH)).astype(np.int8)
    at = _layer(tensors, steps, 1, w, (1, 1), 0.0001, 0, rng, 0)
    tensors.append(Tensor((1, 1)))
    steps.append(("DEQUANTIZE", [at], [len(tensors) - 1], options("DequantizeOptions")))
    path = tmp_path / "model.tflite"
    path.write_bytes(built(tensors, steps, [0], [len(tensors) - 1]))
    opened = open_model(path)
    assert opened.floats.integers is None
    assert "factor of a quarter or more: it is quantized anew" in opened.floats.notes[0]


def test_a_wrong_rounding_is_seen(tmp_path, monkeypatch):
    """The control of the bit equality: a multiplier that is off by one part in 2^20."""
    from tinygen.importers.graphs import tflite_integers

    exact = tflite_integers._multiplier
    monkeypatch.setattr(tflite_integers, "_multiplier", lambda f: exact(f * (1 + 2.0**-7)))
    path = tmp_path / "model.tflite"
    path.write_bytes(int8_net("int8 inputs"))
    opened = open_model(path)
    dataset = dataset_of(ROWS, opened.floats.inputs, None)
    monkeypatch.setattr(tflite_integers, "_multiplier", exact)
    found = converted(opened.floats, dataset, "case", reference=opened.predict)
    assert found.model.training["converted"]["reference"]["bit_equal"] < 120
