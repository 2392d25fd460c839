"""The integers of a quantized TFLite graph as they are: bit for bit what its reference kernels
compute.

A chain of layers becomes a chain of `QuantizedDense`, a window's as `QuantizedConv`, whose kernels
round twice; what stands in front quantizes the raw inputs, and is compared on every raw value that
is accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import frexp

import numpy as np

from ...common.errors import QuantizeError, show
from ...model.fixedpoint import Quantity
from ...model.nodes import MAX_WIDTH, Node
from ...model.operations.argmax import Argmax
from ...model.operations.quantized import QuantizedConv, QuantizedDense
from ..graph import Integers
from .flow import MOST_WIDE
from .tflite_file import INT8, File, Operation, Tensor, quantized
from .tflite_graph import Call, filters_of, window_of
from .windows import convolution

FRACTION = 14  # bits behind a raw value's point, in which its offset is rounded
NUDGES = (0, -1, 1, -2, 2)  # of that offset, where a threshold lies on a raw value
PASSING = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "QUANTIZE", "DEQUANTIZE")
LAYERS = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D")
ENDS = ("SOFTMAX", "ARG_MAX")


class Otherwise(QuantizeError):
    """The graph's own integers cannot be kept; the message says why."""


@dataclass(frozen=True)
class GraphIntegers(Integers):
    """Nodes of a graph over its quantized inputs."""

    tensors: tuple[Tensor, ...]  # the quantized input of each column
    nodes: tuple[Node, ...]
    answer: Tensor  # what the last node gives

    def chain(self, inputs: Sequence[Quantity]) -> tuple[Node, ...]:
        return (_front(inputs, self.tensors), *self.nodes)

    def output(self, target: Quantity) -> Quantity:
        step, zero = self.answer.scale[0], self.answer.zero[0]
        low, high = (-128 - zero) * step, (127 - zero) * step
        return Quantity(target.name or "y", target.unit, step, low, high, -zero * step)


def integers_of(file: File) -> GraphIntegers:
    """The graph's own integers; `Otherwise` where it is no chain of layers in int8."""
    if len(file.inputs) != 1:
        raise Otherwise("it has several inputs")
    at, nodes, ended = file.inputs[0], [], False
    first: Tensor | None = file.tensors[at] if file.tensors[at].kind == INT8 else None
    for op in file.operations:
        if op.takes[0] != at or len(op.gives) != 1:
            raise Otherwise("it is no chain")
        at = op.gives[0]
        if op.name in ENDS:
            ended = True
        elif op.name in LAYERS and not ended:
            nodes.append(_layer(file, op))
        elif op.name not in PASSING:
            raise Otherwise(f"{show(op.name)} has no form in the same integers")
        if op.name == "QUANTIZE":
            if first is not None or file.tensors[at].kind != INT8:
                raise Otherwise("it changes scales between its layers")
            first = file.tensors[at]
    if first is None or not nodes or at != file.outputs[0]:
        raise Otherwise("it is no chain of int8 layers from the input to the output")
    last = next(op for op in reversed(file.operations) if op.name in LAYERS)
    width = len(nodes[0].weights[0])
    end = (Argmax(),) if ended else ()
    return GraphIntegers((first,) * width, (*nodes, *end), file.tensors[last.gives[0]])


# ---- layers ----


def _layer(file: File, op: Operation) -> QuantizedDense:
    source, out = file.tensors[op.takes[0]], file.tensors[op.gives[0]]
    weights = file.tensors[op.takes[1]]
    bias = file.tensors[op.takes[2]] if len(op.takes) > 2 and op.takes[2] >= 0 else None
    if {source.kind, out.kind, weights.kind} != {INT8} or not (source.scale and out.scale):
        raise Otherwise("its layers are not in int8 throughout")
    if any(weights.zero) or weights.value is None or len(source.scale) + len(out.scale) != 2:
        raise Otherwise("its weights have a zero point")
    if len(weights.scale) > 1 and weights.axis != (3 if op.name == LAYERS[2] else 0):
        raise Otherwise("its weights have scales along another axis than that of the units")
    matrix, unit = _sums(file, op, weights.value.astype(np.int64))
    start = np.zeros(int(unit.max()) + 1, np.int64)
    if bias is not None and bias.value is not None:
        start = bias.value.astype(np.int64).ravel()
    if len(start) != unit.max() + 1 or len(weights.scale) not in (1, len(start)):
        raise Otherwise("its biases or scales are not one for each unit")
    start = start[unit] - source.zero[0] * matrix.sum(axis=1)
    factors = _factors(source, weights, out, op.name != LAYERS[0])
    pairs = [_multiplier(factors[k % len(factors)]) for k in unit.tolist()]
    if not all(1 <= shift <= 30 for _, shift in pairs):
        raise Otherwise("its scales ask for a factor of a quarter or more")
    kind = QuantizedDense if op.name == LAYERS[0] else QuantizedConv
    return kind(
        tuple(tuple(map(int, row)) for row in matrix),
        tuple(map(int, start)),
        tuple(m for m, _ in pairs),
        tuple(s for _, s in pairs),
        out.zero[0],
        *_limits(op, out),
    )


def _sums(file: File, op: Operation, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights of each sum over the flat values of a row, and the unit or filter that it is of."""
    if op.name == LAYERS[0]:
        return weights, np.arange(len(weights))
    tensors = tuple(file.tensors[t] if t >= 0 else None for t in op.takes)
    call, shape = Call(op, tensors, (), file.tensors[op.gives[0]]), file.tensors[op.takes[0]].row
    if len(shape) != 3:
        raise Otherwise(f"a window over a row of the shape {shape} is not read")
    filters, groups = filters_of(call, weights)
    window = window_of(call, shape, (int(filters.shape[2]), int(filters.shape[3])))
    if shape[2] != groups * filters.shape[1]:
        raise Otherwise(f"a row of the shape {shape} meets filters of {filters.shape}")
    matrix, count = convolution(window, filters, groups), len(filters)
    if len(matrix) > MAX_WIDTH:
        raise Otherwise(f"a layer has {len(matrix)} values, at most {MAX_WIDTH} are in one")
    apart = matrix.reshape(count, -1, shape[2], shape[0] * shape[1])
    last = apart.transpose(1, 0, 3, 2).reshape(len(matrix), -1)  # channels last
    return last.astype(np.int64), np.tile(np.arange(count), len(matrix) // count)


def _factors(source: Tensor, weights: Tensor, out: Tensor, windows: bool) -> list[float]:
    """The real factors of the units, or the one of all, in the order of rounding that TFLite has:
    its dense kernel multiplies the scales of a whole layer in float32.
    """
    step = float(np.float32(out.scale[0]))
    if len(weights.scale) == 1 and not windows:
        product = np.float32(source.scale[0]) * np.float32(weights.scale[0])
        return [float(product) / step]
    return [float(np.float32(source.scale[0])) * float(np.float32(s)) / step for s in weights.scale]


def _multiplier(factor: float) -> tuple[int, int]:
    """A factor as TFLite's QuantizeMultiplier has it: `multiplier / 2**(32 + shift)`."""
    part, exponent = frexp(factor)
    multiplier = int(np.floor(part * 2**31 + 0.5))
    if multiplier == 2**31:
        multiplier, exponent = multiplier // 2, exponent + 1
    return multiplier, -1 - exponent


def _limits(op: Operation, out: Tensor) -> tuple[int, int]:
    """What the activation clamps to."""
    number = int(op.options.FusedActivationFunction()) if op.options is not None else 0
    step, zero = np.float32(out.scale[0]), out.zero[0]
    at = lambda value: int(zero + np.floor(np.float32(value) / step + np.float32(0.5)))
    if number not in (0, 1, 2, 3):
        raise Otherwise("its activation has no form in the same integers")
    low = {0: -128, 1: zero, 2: 2 * zero - at(1.0), 3: zero}[number]
    high = {0: 127, 1: 127, 2: at(1.0), 3: at(6.0)}[number]
    return max(low, -128), min(high, 127)


# ---- inputs ----


def _front(inputs: Sequence[Quantity], tensors: Sequence[Tensor]) -> QuantizedDense:
    """Raw inputs as the graph quantizes them; `Otherwise` where one raw value is not the same."""
    if len(inputs) != len(tensors) or len(inputs) > MOST_WIDE:
        raise Otherwise(f"it reads {len(tensors)} columns, {len(inputs)} are there")
    found = [_quantizer(q, tensor) for q, tensor in zip(inputs, tensors)]
    return QuantizedDense(
        ((1 << FRACTION,),) * len(found),
        tuple(bias for bias, _, _ in found),
        tuple(multiplier for _, multiplier, _ in found),
        tuple(shift for _, _, shift in found),
        tensors[0].zero[0],
        -128,
        127,
    )


def _quantizer(quantity: Quantity, tensor: Tensor) -> tuple[int, int, int]:
    """Bias, multiplier and shift that give what the graph's QUANTIZE gives, on every raw value."""
    low, high = quantity.limits
    raw = np.arange(low, high + 1)
    wanted = quantized(quantity.to_physical(raw), tensor).astype(np.int64)
    step = float(np.float32(tensor.scale[0]))
    multiplier, shift = _multiplier(quantity.scale / step / 2**FRACTION)
    bias = int(np.floor(quantity.offset / quantity.scale * 2**FRACTION + 0.5))
    if not 1 <= shift <= 30 or abs(bias) > 2**30:
        raise Otherwise(f"the steps of input {show(quantity.name)} are too far from the graph's")
    for nudge in NUDGES:
        node = QuantizedDense(
            ((1 << FRACTION,),),
            (bias + nudge,),
            (multiplier,),
            (shift,),
            tensor.zero[0],
            -128,
            127,
        )
        if np.array_equal(node.apply(raw[:, None])[:, 0], wanted):
            return bias + nudge, multiplier, shift
    raise Otherwise(f"input {show(quantity.name)} lies between two steps of the graph")
