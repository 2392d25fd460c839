"""ONNX operators of arithmetic: sums, products, curves, windows."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ...common.errors import QuantizeError
from ..graph import EXP, LOGISTIC, RELU, TANH, Curve, Floats, Products, straight
from .flow import Flow, maximum, of_pair
from .onnx_graph import Call, operator
from .onnx_shapes import axes_of, row_axis
from .windows import Window, averages, convolution, pool_groups, same_padding

# ---- of every value alone ----


@cache
def curve_of(op: str, *numbers: float) -> Curve:
    """The curve of an operator; the same object for the same numbers."""
    function = CURVES[op]
    return Curve(op.lower(), lambda x: function(np.asarray(x, dtype=np.float64), *numbers))


def _softplus(x: Floats) -> Floats:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def _elu(x: Floats, alpha: float) -> Floats:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def _hard_sigmoid(x: Floats, alpha: float, beta: float) -> Floats:
    return np.clip(alpha * x + beta, 0.0, 1.0)


def _gelu(x: Floats) -> Floats:
    from scipy.special import erf

    return 0.5 * x * (1.0 + erf(x / np.sqrt(2.0)))


CURVES: dict[str, Callable[..., Floats]] = {
    "Abs": np.abs,
    "Elu": _elu,
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda x: x * _hard_sigmoid(x, 1 / 6, 0.5),
    "LeakyRelu": lambda x, alpha: np.where(x >= 0, x, alpha * x),
    "Log": np.log,
    "Reciprocal": lambda x: 1.0 / x,
    "Selu": lambda x, alpha, gamma: gamma * _elu(x, alpha),
    "Softplus": _softplus,
    "Softsign": lambda x: x / (1.0 + np.abs(x)),
    "Sqrt": np.sqrt,
    "Clip": lambda x, low, high: np.clip(x, low, high),
    "Power": lambda x, exponent: x**exponent,
    "Above": lambda x, limit: (x > limit).astype(np.float64),
}
DEFAULTS: dict[str, tuple[tuple[str, float], ...]] = {  # attributes of the curves, as ONNX has them
    "Elu": (("alpha", 1.0),),
    "HardSigmoid": (("alpha", 0.2), ("beta", 0.5)),
    "LeakyRelu": (("alpha", 0.01),),
    "Selu": (("alpha", 1.67326319217681884765625), ("gamma", 1.05070102214813232421875)),
}


@operator("Relu", "Sigmoid", "Tanh", "Exp")
def plain_curve(call: Call) -> Flow:
    curves = {"Relu": RELU, "Sigmoid": LOGISTIC, "Tanh": TANH, "Exp": EXP}
    return call.flow().curve(curves[call.op])


@operator(
    *("Abs", "Elu", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Reciprocal", "Selu"),
    *("Softplus", "Softsign", "Sqrt"),
)
def curve(call: Call) -> Flow:
    if call.text("approximate", "none") != "none":
        raise QuantizeError("its approximation by tanh is not known: export it with 'none'")
    numbers = [float(call.attributes.get(n, v)) for n, v in DEFAULTS.get(call.op, ())]
    return call.flow().curve(curve_of(call.op, *numbers))


@operator("Clip")
def clip(call: Call) -> Flow:
    low, high = (
        float(call.constant(k, call.attributes.get(name, end)).ravel()[0])
        for k, name, end in ((1, "min", -np.inf), (2, "max", np.inf))
    )
    if low == 0 and high == np.inf:
        return call.flow().curve(RELU)
    return call.flow().curve(curve_of("Clip", low, high))


@operator("Neg")
def negative(call: Call) -> Flow:
    flow = call.flow()
    return flow.curves([straight(-1.0, 0.0)] * flow.width)


@operator("Pow")
def power(call: Call) -> Flow:
    flow, exponent = call.flow(), call.constant(1).ravel()
    if len(exponent) != 1:
        raise QuantizeError("its exponents differ from value to value: use one")
    if exponent[0] in (2, 3):
        degree = int(exponent[0])
        return flow.then(Products(tuple((k,) * degree for k in range(flow.width))))
    return flow.curve(curve_of("Power", float(exponent[0])))


@operator("Binarizer")
def binarizer(call: Call) -> Flow:
    return call.flow().curve(curve_of("Above", float(call.attributes.get("threshold", 0.0))))


@operator("PRelu")
def p_relu(call: Call) -> Flow:
    """relu(x) - slope * relu(-x)."""
    flow = call.flow()
    slope = np.broadcast_to(call.constant(1), (1, *flow.shape)).astype(np.float64).ravel()
    unit = np.eye(flow.width)
    both = flow.sums(np.vstack([unit, -unit]), 0.0, (2 * flow.width,)).curve(RELU)
    return both.sums(np.hstack([unit, -np.diag(slope)]), 0.0, flow.shape)


# ---- of two ----


@operator("Add", "Sub", "Mul", "Div")
def arithmetic(call: Call) -> Flow:
    one, two = call.inputs[:2]
    if isinstance(two, np.ndarray):
        return _with_constant(call.flow(0), two, call.op, False)
    if isinstance(one, np.ndarray):
        return _with_constant(call.flow(1), one, call.op, True)
    return _of_two(call.flow(0), call.flow(1), call.op)


def row_constant(value: np.ndarray, flow: Flow) -> tuple[Flow, np.ndarray]:
    """A constant and a flow, both in the shape that they have together."""
    shape = np.broadcast_shapes((1, *flow.shape), value.shape)
    if len(shape) != len(flow.shape) + 1 or shape[0] != 1:
        raise QuantizeError("its constant has a value for every row: keep the first axis free")
    spread = flow.picked(np.broadcast_to(flow.places, shape[1:]))
    return spread, np.broadcast_to(value, shape)[0].ravel()


def _with_constant(flow: Flow, value: np.ndarray, op: str, first: bool) -> Flow:
    flow, constants = row_constant(value, flow)
    return flow.curves([_line(op, c, first) for c in constants])


def _line(op: str, value: Any, first: bool) -> Curve:
    """The value's arithmetic in its own precision, in front of trees that is what counts."""
    kind, number = np.asarray(value).dtype.type, float(value)
    if kind not in (np.float32, np.float64):
        kind = np.float64
    own = kind(value)
    if op == "Div" and first:
        return Curve("reciprocal", lambda x: np.asarray(own / np.asarray(x, kind), np.float64))
    with np.errstate(divide="ignore"):
        gain, offset = {
            "Add": (1.0, number),
            "Sub": (-1.0, number) if first else (1.0, -number),
            "Mul": (number, 0.0),
            "Div": (float(np.float64(1.0) / number), 0.0),
        }[op]
    functions: dict[str, Callable[[Any], Any]] = {
        "Add": lambda x: x + own,
        "Sub": (lambda x: own - x) if first else (lambda x: x - own),
        "Mul": lambda x: x * own,
        "Div": lambda x: x / own,
    }
    function = functions[op]
    line = (gain, offset)
    return Curve("line", lambda x: np.asarray(function(np.asarray(x, kind)), np.float64), line)


def _of_two(one: Flow, two: Flow, op: str) -> Flow:
    if op == "Div":
        raise QuantizeError("it divides one value of the row by another: give their ratio as input")
    return of_pair(one, two, op.lower())


@operator("Sum", "Mean")
def sum_(call: Call) -> Flow:
    found = call.flow(0)
    for k in range(1, len(call.inputs)):
        found = arithmetic(Call("Add", (found, call.inputs[k])))
    scale = 1.0 if call.op == "Sum" else 1.0 / len(call.inputs)
    return found.curves([straight(scale, 0.0)] * found.width)


@operator("Max", "Min")
def extreme(call: Call) -> Flow:
    """max(x, 0) is a ReLU; of two values of the row, b + relu(a - b)."""
    if len(call.inputs) != 2:
        raise QuantizeError("it takes the extreme of more than two: chain them")
    sign = 1.0 if call.op == "Max" else -1.0
    fixed = [v for v in call.inputs if isinstance(v, np.ndarray)]
    if fixed and fixed[0].size == 1:
        flow, limit = call.flow(0 if fixed[0] is call.inputs[1] else 1), float(fixed[0].ravel()[0])
        return clip(Call("Clip", (flow,), {"min" if sign > 0 else "max": limit}))
    one, two = call.flow(0), call.flow(1)
    over = _of_two(*((one, two) if sign > 0 else (two, one)), "Sub").curve(RELU)
    return _of_two(two, over, "Add" if sign > 0 else "Sub")


# ---- layers of sums ----


@operator("MatMul")
def mat_mul(call: Call) -> Flow:
    flow, weights = call.flow(), call.constant(1).astype(np.float64)
    if weights.ndim == 1 and flow.shape == weights.shape:
        return flow.sums(weights[None, :], 0.0, ())
    if weights.ndim != 2 or not flow.shape or flow.shape[-1] != len(weights):
        raise QuantizeError(f"a row of the shape {flow.shape} meets weights of {weights.shape}")
    lead = int(np.prod(flow.shape[:-1]))
    shape = (*flow.shape[:-1], weights.shape[1])
    Flow(flow.inputs, (), shape)
    return flow.sums(np.kron(np.eye(lead), weights.T), 0.0, shape)


@operator("Gemm")
def gemm(call: Call) -> Flow:
    flow, weights = call.flow(), call.constant(1).astype(np.float64)
    weights = weights if call["transB"] else weights.T
    if call["transA"] or len(flow.shape) != 1 or weights.shape[1] != flow.width:
        raise QuantizeError(f"a row of the shape {flow.shape} meets weights of {weights.shape}")
    alpha, beta = (float(call.attributes.get(n, 1.0)) for n in ("alpha", "beta"))
    found = flow.sums(alpha * weights, 0.0, (len(weights),))
    if not call.given(2):
        return found
    other = call.inputs[2]
    if isinstance(other, np.ndarray):
        return found.sums(np.eye(found.width), beta * other.astype(np.float64).ravel(), found.shape)
    return _of_two(found, other.curves([straight(beta, 0.0)] * other.width), "Add")


@operator("BatchNormalization")
def batch_normalization(call: Call) -> Flow:
    flow = call.flow()
    scale, bias, mean, variance = (call.constant(k).astype(np.float64) for k in (1, 2, 3, 4))
    if call["training_mode"] or not flow.shape or len(scale) != flow.shape[0]:
        raise QuantizeError("it is in training, or has a scale for another number of channels")
    gain = scale / np.sqrt(variance + float(call.attributes.get("epsilon", 1e-5)))
    each = np.repeat(np.arange(flow.shape[0]), flow.width // flow.shape[0])
    lines = [straight(g, b - m * g) for g, b, m in zip(gain, bias, mean)]
    return flow.curves([lines[c] for c in each])


# ---- windows ----


def _window(call: Call, flow: Flow, kernel: tuple[int, ...]) -> Window:
    size, rank = flow.shape[1:], len(kernel)
    strides, dilations = (
        tuple(int(v) for v in call[name] or (1,) * rank) for name in ("strides", "dilations")
    )
    mode = call.text("auto_pad", "NOTSET")
    pads = [int(p) for p in call["pads"] or (0,) * (2 * rank)]
    if call["ceil_mode"]:
        raise QuantizeError("ceil_mode=1 is not read: pad the window instead")
    before, after = tuple(pads[:rank]), tuple(pads[rank:])
    if mode.startswith("SAME"):
        before, after = same_padding(size, kernel, strides, dilations, mode == "SAME_UPPER")
    elif mode == "VALID":
        before = after = (0,) * rank
    return Window(size, kernel, strides, dilations, before, after)


@operator("Conv")
def conv(call: Call) -> Flow:
    flow, weights = call.flow(), call.constant(1).astype(np.float64)
    groups = int(call.attributes.get("group", 1))
    if weights.ndim < 3 or groups < 1 or flow.shape[0] != groups * weights.shape[1]:
        raise QuantizeError(f"a row of the shape {flow.shape} meets weights of {weights.shape}")
    window = _window(call, flow, tuple(weights.shape[2:]))
    matrix = convolution(window, weights, groups)
    bias = call.constant(2, np.zeros(len(weights))).astype(np.float64)
    offset = np.repeat(bias, len(matrix) // len(weights))
    shape = (len(weights), *window.out)
    return flow.sums(matrix, offset.reshape(shape), shape)


def _pool(call: Call, flow: Flow) -> tuple[np.ndarray, tuple[int, ...]]:
    """The groups of a pool, and the shape of what it makes."""
    if len(flow.shape) < 2:
        raise QuantizeError(f"a row of the shape {flow.shape} has no channels and places")
    if call.op.startswith(("Global", "Reduce")):
        rest = flow.width // flow.shape[0]
        groups = np.arange(flow.width).reshape(flow.shape[0], rest)
        return groups, (flow.shape[0], *(1,) * (len(flow.shape) - 1))
    window = _window(call, flow, tuple(int(k) for k in call.attributes["kernel_shape"]))
    return pool_groups(window, flow.shape[0]), (flow.shape[0], *window.out)


@operator("MaxPool", "GlobalMaxPool")
def max_pool(call: Call) -> Flow:
    flow = call.flow()
    groups, shape = _pool(call, flow)
    if call.outputs > 1:
        raise QuantizeError("it gives the places of the maxima: leave that output out")
    return maximum(flow, groups).reshaped(shape)


@operator("AveragePool", "GlobalAveragePool")
def average_pool(call: Call) -> Flow:
    flow = call.flow()
    groups, shape = _pool(call, flow)
    return flow.sums(averages(groups, flow.width, bool(call["count_include_pad"])), 0.0, shape)


@operator("ReduceSum", "ReduceMean", "ReduceMax", "ReduceSumSquare")
def reduced(call: Call) -> Flow:
    flow, axes = call.flow(), axes_of(call)
    if axes is None:
        raise QuantizeError("it adds up the rows as well: name the axes of a row")
    gone = sorted({row_axis(a, flow) for a in axes})
    kept = [k for k in range(len(flow.shape)) if k not in gone]
    groups = flow.places.transpose([*kept, *gone]).reshape(
        int(np.prod([flow.shape[k] for k in kept])), -1
    )
    keep = bool(call.attributes.get("keepdims", 1))
    shape = [1 if k in gone else n for k, n in enumerate(flow.shape) if keep or k not in gone]
    if call.op == "ReduceMax":
        return maximum(flow, groups).reshaped(shape)
    if call.op == "ReduceSumSquare":
        flow = flow.then(Products(tuple((k, k) for k in range(flow.width))))
    scale = 1.0 if call.op == "ReduceMean" else float(groups.shape[1])
    return flow.sums(averages(groups, flow.width, False) * scale, 0.0, shape)


@operator("Softmax", "LogSoftmax")
def softmax(call: Call) -> Flow:
    flow = call.flow()
    axis = row_axis(call.attributes.get("axis", -1), flow)
    if axis != len(flow.shape) - 1:
        raise QuantizeError("it does not work along the last axis: end the graph in that")
    return flow.shares()
