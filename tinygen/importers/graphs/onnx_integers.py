"""ONNX operators of quantized graphs: the numbers that their small integers stand for.

onnxruntime multiplies in integers and rounds to a scale behind every layer, by float factors. What
these graphs compute is read as floats, rounding left out, and quantized anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...common.errors import QuantizeError
from ..graph import RELU, Columns, Floats, hold, straight
from .flow import Flow, Quantized
from .onnx_graph import NOTE, Call, of_constants, operator
from .onnx_sums import arithmetic, conv, gemm, mat_mul, plain_curve, softmax

MOST_BITS = 16  # of the integers


def _one(values: np.ndarray) -> float:
    """The only scale or zero point of a tensor that changes from row to row."""
    if values.size != 1:
        raise QuantizeError("it has a scale for each of several channels: use one for the tensor")
    return float(values.ravel()[0])


def _limits(kind: Any) -> tuple[int, int]:
    """Lowest and highest integer of a type."""
    kind = np.dtype(kind)
    if kind.kind not in "iu" or 8 * kind.itemsize > MOST_BITS:
        raise QuantizeError(f"its integers are of the type {kind}: use int8 or uint8")
    return int(np.iinfo(kind).min), int(np.iinfo(kind).max)


def _quantized(call: Call, flow: Flow, scale: np.ndarray, zero: np.ndarray) -> Quantized:
    """The numbers, held within what the integers can stand for."""
    call.attributes["notes"] = (NOTE,)
    step, start = _one(scale), int(_one(zero))
    if not step > 0 or not np.isfinite(step):
        raise QuantizeError(f"its scale is {step:g}: export it anew")
    low, high = ((end - start) * step for end in _limits(zero.dtype))
    last = flow.steps[-1] if flow.steps else None
    if isinstance(last, Columns) and last.shared is RELU:
        flow, low = replace(flow, steps=flow.steps[:-1]), max(low, 0.0)
    return Quantized(flow.curve(hold(low, high)), step, start)


@operator("QuantizeLinear")
def quantize(call: Call) -> Quantized:
    zero, value = call.constant(2, np.uint8(0)), call.inputs[0]
    if isinstance(value, Flow) and value.order:  # shares of classes
        call.attributes["notes"] = (NOTE,)
        return Quantized(value, _one(call.constant(1)), int(_one(zero)))
    return _quantized(call, call.flow(), call.constant(1), zero)


@operator("DequantizeLinear")
def dequantize(call: Call) -> Flow:
    """The numbers; of another scale than the integers were made with, other numbers."""
    own, scale = call.quantized(), _one(call.constant(1))
    zero = _one(call.constant(2, np.uint8(0)))
    if (scale, zero) == (own.scale, own.zero):
        return own.flow
    return own.less(zero).curves([straight(scale, 0.0)] * own.flow.width)


def _spread(values: np.ndarray, call: Call, rank: int) -> np.ndarray:
    """Scales or zero points along the axis that they are for."""
    if values.size == 1:
        return values.reshape(())
    if call["block_size"]:
        raise QuantizeError("it has a scale for each block of weights: use one for each channel")
    axis = int(call.attributes.get("axis", 1)) % rank
    return values.reshape([-1 if k == axis else 1 for k in range(rank)])


@of_constants("DequantizeLinear")
def dequantized_weights(call: Call) -> np.ndarray:
    whole, scale = call.constant(0), call.constant(1)
    zero = call.constant(2, whole.dtype.type(0))
    parts = (_spread(v.astype(np.float64), call, max(whole.ndim, 1)) for v in (zero, scale))
    start, step = parts
    return ((whole.astype(np.float64) - start) * step).astype(scale.dtype)


@of_constants("QuantizeLinear")
def quantized_weights(call: Call) -> np.ndarray:
    values, scale = call.constant(0), call.constant(1)
    zero = call.constant(2, np.uint8(0))
    low, high = _limits(zero.dtype)
    step, start = (_spread(v, call, max(values.ndim, 1)) for v in (scale, zero))
    return np.clip(np.rint(values / step) + start, low, high).astype(zero.dtype)


# ---- layers ----


def _weights(call: Call, k: int, axis: int) -> Floats:
    """Weights at input k with their scales and zero points behind them, as numbers; several are
    along `axis`.
    """
    whole, scale, zero = (call.constant(j).astype(np.float64) for j in (k, k + 1, k + 2))
    shape = [-1 if j == axis % whole.ndim else 1 for j in range(whole.ndim)]
    parts = (v.reshape(()) if v.size == 1 else v.reshape(shape) for v in (zero, scale))
    start, step = parts
    return (whole - start) * step


def _read(call: Call) -> Flow:
    """The numbers of input 0, whose scale and zero point stand behind it."""
    return dequantize(Call("DequantizeLinear", call.inputs[:3]))


@operator("QLinearMatMul")
def q_mat_mul(call: Call) -> Quantized:
    found = mat_mul(Call("MatMul", (_read(call), _weights(call, 3, -1))))
    return _quantized(call, found, call.constant(6), call.constant(7))


@operator("QLinearConv")
def q_conv(call: Call) -> Quantized:
    weights, bias = _weights(call, 3, 0), call.constant(8, 0.0).astype(np.float64)
    steps = _one(call.constant(1)) * call.constant(4).astype(np.float64).ravel()
    offsets = np.broadcast_to(bias * steps, (len(weights),))
    found = conv(replace(call, op="Conv", inputs=(_read(call), weights, offsets)))
    return _quantized(call, found, call.constant(6), call.constant(7))


@operator("QGemm")
def q_gemm(call: Call) -> Any:
    """A, B and the int32 bias C; a float where no scale of the result is given."""
    weights = _weights(call, 3, 0 if call["transB"] else -1)
    steps = _one(call.constant(1)) * call.constant(4).astype(np.float64).ravel()
    inputs: tuple[Any, ...] = (_read(call), weights)
    if call.given(6):  # in steps of the product, alpha included
        alpha = float(call.attributes.get("alpha", 1.0))
        inputs = (*inputs, call.constant(6).astype(np.float64) * steps * alpha)
    found = gemm(replace(call, op="Gemm", inputs=inputs))
    call.attributes["notes"] = (NOTE,)
    if not call.given(7):
        return found
    return _quantized(call, found, call.constant(7), call.constant(8, np.uint8(0)))


@operator("QLinearAdd", "QLinearMul")
def q_arithmetic(call: Call) -> Quantized:
    """Of two tensors of the row, or of one and a constant."""
    sides: list[Any] = []
    for k in (0, 3):
        side = Call("DequantizeLinear", call.inputs[k : k + 3])
        constant = isinstance(side.inputs[0], np.ndarray)
        sides.append(dequantized_weights(side) if constant else dequantize(side))
    found = arithmetic(Call(call.op.removeprefix("QLinear"), tuple(sides)))
    return _quantized(call, found, call.constant(6), call.constant(7, np.uint8(0)))


@operator("QLinearSigmoid", "QLinearSoftmax")
def q_curve(call: Call) -> Quantized:
    attributes = {**call.attributes, "axis": call.attributes.get("axis", -1)}
    if call.op == "QLinearSoftmax":
        found = softmax(Call("Softmax", (_read(call),), attributes))
        return Quantized(found, _one(call.constant(3)), int(_one(call.constant(4, np.uint8(0)))))
    found = plain_curve(Call("Sigmoid", (_read(call),)))
    return _quantized(call, found, call.constant(3), call.constant(4, np.uint8(0)))


@operator("MatMulInteger", "ConvInteger")
def integer_sums(call: Call) -> Flow:
    """Whole sums, both sides less their zero points; a Cast and a Mul follow."""
    call.attributes["notes"] = (NOTE,)
    zero = _one(call.constant(2, 0.0))
    weights = call.constant(1).astype(np.float64)
    less = call.constant(3, 0.0).astype(np.float64)
    if less.size > 1 and call.op == "ConvInteger":
        less = less.reshape(-1, *(1,) * (weights.ndim - 1))
    inputs = (call.quantized().less(zero), weights - less)
    return (mat_mul if call.op == "MatMulInteger" else conv)(replace(call, inputs=inputs))
