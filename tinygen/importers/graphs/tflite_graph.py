"""A TFLite graph becomes a float model: a small function for each operator, channels last.

Quantized constants are read as the floats that they stand for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...common.errors import ModelError, QuantizeError, TinygenError, show
from ..graph import EXP, LOGISTIC, RELU, TANH, Curve, FloatModel
from ..readers import registers
from .flow import MOST_NUMBERS, Flow, Label, finished, maximum, named, numbers_of, of_pair
from .onnx_sums import curve_of
from .tflite_file import BROKEN, File, Operation, Tensor
from .windows import Window, averages, convolution, pool_groups, same_padding

FUSED = {0: None, 1: RELU, 2: curve_of("Clip", -1.0, 1.0), 3: curve_of("Clip", 0.0, 6.0), 4: TANH}
NEAREST = {
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "CONV_2D over a window",
    "LSTM": "CONV_2D over a window",
    "WHILE": "a graph without loops (unroll=True)",
    "TRANSPOSE_CONV": "CONV_2D",
    "BATCH_MATMUL": "FULLY_CONNECTED",
    "DIV": "MUL by a constant",
}


@dataclass(frozen=True)
class Call:
    """An operator with what it reads."""

    operation: Operation
    tensors: tuple[Tensor | None, ...]
    values: tuple[Any, ...]  # Flow, Label, or None for a constant
    gives: Tensor

    def flow(self, k: int = 0) -> Flow:
        value = self.values[k] if k < len(self.values) else None
        if not isinstance(value, Flow):
            raise QuantizeError("it reads what is no number of the row: leave it out")
        if value.order:
            raise QuantizeError("it stands behind a SOFTMAX: end the graph in it")
        return value

    def constant(self, k: int) -> np.ndarray | None:
        """Input k as floats, or as the integers that it holds; None where it is left out."""
        tensor = self.tensors[k] if k < len(self.tensors) else None
        return None if tensor is None else tensor.numbers

    def given(self, k: int) -> np.ndarray:
        value = self.constant(k)
        if value is None:
            raise QuantizeError(f"its input {k} is missing")
        return value

    def option(self, name: str, otherwise: int = 0) -> int:
        options = self.operation.options
        return int(getattr(options, name)()) if hasattr(options, name) else otherwise

    def fused(self, flow: Flow) -> Flow:
        """The flow behind the activation that the operator brings."""
        number = self.option("FusedActivationFunction")
        if number not in FUSED:
            raise QuantizeError(f"its activation number {number} is not known: use RELU")
        curve = FUSED[number]
        return flow.curve(curve) if curve else flow


Operator = Callable[[Call], Any]
OPERATORS: dict[str, Operator] = {}


def operator(*names: str) -> Callable[[Operator], Operator]:
    """Registers the function of operators, by their names in the schema."""
    return registers(OPERATORS, names)


def supported() -> tuple[str, ...]:
    """The operators that can be read, sorted."""
    return tuple(sorted(OPERATORS))


def float_model_of(file: File) -> FloatModel:
    """The float form of the graph's only answer."""
    if len(file.outputs) != 1:
        raise QuantizeError(f"the graph has {len(file.outputs)} outputs, one is read: keep one")
    for place in file.inputs:
        tensor = file.tensors[place]
        if len(tensor.shape) < 2 or tensor.shape[0] != 1 or min(tensor.shape) < 1:
            raise ModelError(
                f"its input has the shape {tensor.shape}, not (1, columns): export it with a batch "
                "of 1"
            )
    width = sum(file.wide(place) for place in file.inputs)
    if width > 255:
        raise QuantizeError(f"it reads {width:,} values of a row, a board sends at most 255")
    columns = tuple(f"x{k}" for k in range(width))
    return finished(_walked(file, width), columns, "TFLite")


def _walked(file: File, width: int) -> Any:
    """What the graph's output holds."""
    values: dict[int, Any] = {}
    start = spent = 0
    for place in file.inputs:
        wide = file.wide(place)
        here = np.arange(start, start + wide).reshape(file.tensors[place].row)
        values[place] = Flow(width, (), (width,)).picked(here)
        start += wide
    for number, op in enumerate(file.operations):
        late = [t for t in op.takes if t >= 0 and t not in values and file.tensors[t].value is None]
        if late:
            raise ModelError(
                f"operator {number} ({op.name}) reads a tensor that none before it makes: the "
                "graph is cyclic, or not in order"
            )
        found = _value(file, number, op, values)
        values.update(zip(op.gives, found if isinstance(found, tuple) else (found,)))
        spent += numbers_of(getattr(values[op.gives[0]], "steps", ())[-2:])
        if spent > MOST_NUMBERS:
            raise QuantizeError(f"the graph has more than {MOST_NUMBERS:,} weights: train less")
    return values.get(file.outputs[0])


def _value(file: File, number: int, op: Operation, values: dict[int, Any]) -> Any:
    told = f"operator {number} ({show(op.name)})"
    if op.name not in OPERATORS:
        near = NEAREST.get(op.name, "the list of operators in the documentation")
        raise QuantizeError(
            f"{told} cannot be converted, it is none of the {len(OPERATORS)} that are read; the "
            f"nearest is {near}"
        )
    tensors = tuple(file.tensors[t] if t >= 0 else None for t in op.takes)
    inputs = tuple(values.get(t) for t in op.takes)
    try:
        return OPERATORS[op.name](Call(op, tensors, inputs, file.tensors[op.gives[0]]))
    except BROKEN as error:
        raise ModelError(f"{told} is not as the schema has it ({str(error)[:100]})") from None
    except TinygenError as error:
        raise type(error)(f"{told} cannot be converted: {error}") from None


# ---- operators ----


@operator("QUANTIZE", "DEQUANTIZE")
def same(call: Call) -> Any:
    return call.values[0]


@operator("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
def reshape(call: Call) -> Any:
    value = call.values[0]
    if not isinstance(value, Flow):
        return value
    shape = call.gives.row
    if int(np.prod(shape, dtype=np.int64)) != value.width or call.gives.shape[:1] not in ((1,), ()):
        raise QuantizeError(f"the shape {call.gives.shape} mixes rows: keep the first axis at 1")
    return value.reshaped(shape)


@operator("TRANSPOSE")
def transpose(call: Call) -> Flow:
    flow, order = call.flow(), call.given(1).astype(int).tolist()
    if order[0] != 0:
        raise QuantizeError("it swaps the rows' axis: keep the first axis first")
    return flow.picked(flow.places.transpose([k - 1 for k in order[1:]]))


@operator("FULLY_CONNECTED")
def fully_connected(call: Call) -> Flow:
    flow, weights = call.flow(), call.given(1)
    if weights.ndim != 2 or flow.width != weights.shape[1] or call.option("WeightsFormat"):
        raise QuantizeError(f"a row of {flow.width} values meets weights of {weights.shape}")
    bias = call.constant(2)
    shape = call.gives.row if call.option("KeepNumDims") else (len(weights),)
    bias = np.zeros(len(weights)) if bias is None else bias
    found = flow.sums(weights, bias, (len(weights),)).reshaped(shape)
    return call.fused(found)


def window_of(call: Call, shape: tuple[int, ...], kernel: tuple[int, int]) -> Window:
    """The window of a convolution or pool over a row of (height, width, channels)."""
    size = shape[:2]
    strides = call.option("StrideH", 1), call.option("StrideW", 1)
    dilations = call.option("DilationHFactor", 1), call.option("DilationWFactor", 1)
    before = after = (0, 0)
    if call.option("Padding") == 0:  # SAME
        before, after = same_padding(size, kernel, strides, dilations, True)
    return Window(size, kernel, strides, dilations, before, after)


def channels_first(flow: Flow) -> Flow:
    if len(flow.shape) != 3:
        raise QuantizeError(f"a row of the shape {flow.shape} is not (height, width, channels)")
    return flow.picked(flow.places.transpose(2, 0, 1))


def channels_last(flow: Flow) -> Flow:
    return flow.picked(flow.places.transpose(1, 2, 0))


def filters_of(call: Call, weights: np.ndarray) -> tuple[np.ndarray, int]:
    """Filters (filters, channels of a group, height, width) and the number of groups."""
    if call.operation.name == "CONV_2D":
        return weights.transpose(0, 3, 1, 2), 1
    channels = weights.shape[3] // max(call.option("DepthMultiplier", 1), 1)
    return weights.transpose(3, 0, 1, 2), channels


@operator("CONV_2D", "DEPTHWISE_CONV_2D")
def conv(call: Call) -> Flow:
    flow, (filters, groups) = call.flow(), filters_of(call, call.given(1))
    window = window_of(call, flow.shape, (int(filters.shape[2]), int(filters.shape[3])))
    if flow.shape[2] != groups * filters.shape[1]:
        raise QuantizeError(f"a row of the shape {flow.shape} meets filters of {filters.shape}")
    matrix = convolution(window, filters, groups)
    bias = call.constant(2)
    bias = np.zeros(len(filters)) if bias is None else bias
    offset = np.repeat(bias, len(matrix) // len(filters)).reshape(len(filters), *window.out)
    found = channels_first(flow).sums(matrix, offset, (len(filters), *window.out))
    return call.fused(channels_last(found))


@operator("MAX_POOL_2D", "AVERAGE_POOL_2D")
def pool(call: Call) -> Flow:
    flow = call.flow()
    window = window_of(
        call, flow.shape, (call.option("FilterHeight", 1), call.option("FilterWidth", 1))
    )
    groups, shape = pool_groups(window, flow.shape[2]), (flow.shape[2], *window.out)
    front = channels_first(flow)
    if call.operation.name == "MAX_POOL_2D":
        return call.fused(channels_last(maximum(front, groups).reshaped(shape)))
    found = front.sums(averages(groups, front.width, False), 0.0, shape)
    return call.fused(channels_last(found))


@operator("MEAN", "SUM", "REDUCE_MAX")
def reduced(call: Call) -> Flow:
    flow, axes = call.flow(), call.given(1).astype(int).ravel().tolist()
    gone = sorted({(a if a >= 0 else a + len(flow.shape) + 1) - 1 for a in axes})
    if not gone or gone[0] < 0 or gone[-1] >= len(flow.shape):
        raise QuantizeError("it works along the rows, which a board sees one by one")
    kept = [k for k in range(len(flow.shape)) if k not in gone]
    count = int(np.prod([flow.shape[k] for k in kept], dtype=np.int64))
    groups = flow.places.transpose([*kept, *gone]).reshape(count, -1)
    if call.operation.name == "REDUCE_MAX":
        return maximum(flow, groups).reshaped(call.gives.row)
    scale = 1.0 if call.operation.name == "MEAN" else float(groups.shape[1])
    return flow.sums(averages(groups, flow.width, False) * scale, 0.0, call.gives.row)


@operator("ADD", "SUB", "MUL")
def arithmetic(call: Call) -> Flow:
    name, (one, two) = call.operation.name, call.values[:2]
    if isinstance(one, Flow) and isinstance(two, Flow):
        return call.fused(of_pair(call.flow(0), call.flow(1), name.lower()))
    flow, other = (
        (call.flow(0), call.given(1)) if one is not None else (call.flow(1), call.given(0))
    )
    shape = np.broadcast_shapes((1, *flow.shape), other.shape)
    flow = flow.picked(np.broadcast_to(flow.places, shape[1:]))
    value, unit = np.broadcast_to(other, shape).ravel(), np.eye(flow.width)
    if name == "MUL":
        found = flow.sums(np.diag(value), 0.0, flow.shape)
    elif name == "SUB":
        sign = 1.0 if one is not None else -1.0
        found = flow.sums(sign * unit, (-sign * value).reshape(flow.shape), flow.shape)
    else:
        found = flow.sums(unit, value.reshape(flow.shape), flow.shape)
    return call.fused(found)


@operator("CONCATENATION")
def concatenation(call: Call) -> Flow:
    from .onnx_shapes import joined, row_axis

    values = [v if isinstance(v, Flow) else call.given(k) for k, v in enumerate(call.values)]
    flows = [v for v in values if isinstance(v, Flow)]
    return call.fused(joined(values, row_axis(call.option("Axis"), flows[0])))


@operator("RELU", "RELU6", "RELU_N1_TO_1", "LOGISTIC", "TANH", "EXP", "ABS", "ELU", "HARD_SWISH")
def curve(call: Call) -> Flow:
    curves: dict[str, Curve] = {
        "RELU": RELU,
        "RELU6": curve_of("Clip", 0.0, 6.0),
        "RELU_N1_TO_1": curve_of("Clip", -1.0, 1.0),
        "LOGISTIC": LOGISTIC,
        "TANH": TANH,
        "EXP": EXP,
        "ABS": curve_of("Abs"),
        "ELU": curve_of("Elu", 1.0),
        "HARD_SWISH": curve_of("HardSwish"),
    }
    return call.flow().curve(curves[call.operation.name])


@operator("LEAKY_RELU")
def leaky(call: Call) -> Flow:
    alpha = float(call.operation.options.Alpha())
    return call.flow().curve(curve_of("LeakyRelu", alpha))


@operator("SOFTMAX", "LOG_SOFTMAX")
def softmax(call: Call) -> Flow:
    return call.flow().shares()


@operator("ARG_MAX")
def arg_max(call: Call) -> Label:
    flow = call.values[0]
    if not isinstance(flow, Flow) or len(flow.shape) != 1:
        raise QuantizeError("it does not work over all values of a row")
    return named(flow, np.arange(flow.width))
