"""ONNX operators that only move values: shapes, slices, joints, types; and those of constants."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ...common.errors import QuantizeError, show
from ..graph import Columns, Head, straight
from ..readers import labels_of
from .flow import MOST_WIDE, Flow, Label, named, text_of, together
from .onnx_graph import Call, of_constants, operator

MOST_CONSTANT = 1_000_000  # numbers that are computed from constants at a time


def row_axis(axis: Any, flow: Flow, more: int = 0) -> int:
    """An axis of the tensor as one of a row; QuantizeError for the axis of the rows themselves."""
    rank = len(flow.shape) + 1 + more
    axis = int(axis) + rank if int(axis) < 0 else int(axis)
    if not 0 < axis < rank:
        raise QuantizeError("it works along the rows, which a board sees one by one: leave it out")
    return axis - 1


def axes_of(call: Call, at: int = 1) -> list[int] | None:
    """Axes, which older files have as an attribute and newer ones as an input; None: all."""
    if call.given(at):
        return call.constant(at).astype(int).ravel().tolist()
    return None if call["axes"] is None else [int(a) for a in call["axes"]]


@operator("Identity", "Dropout", "ZipMap")
def identity(call: Call) -> Any:
    value = call.inputs[0]
    return (value,) * max(call.outputs, 1)


@operator("Cast")
def cast(call: Call) -> Any:
    from onnx import TensorProto, helper

    value, kind = call.inputs[0], int(call.attributes["to"])
    if kind == TensorProto.STRING or isinstance(value, Label):
        return value
    if not np.issubdtype(helper.tensor_dtype_to_np_dtype(kind), np.floating):
        raise QuantizeError("it cuts numbers off to whole ones: leave it out")
    return value


@operator("Reshape")
def reshape(call: Call) -> Any:
    value, wanted = call.inputs[0], call.constant(1).astype(int).ravel().tolist()
    if isinstance(value, Label):
        return value
    return value.reshaped(_row_shape(value, wanted))


def _row_shape(flow: Flow, wanted: list[int]) -> tuple[int, ...]:
    """The shape of a row behind a Reshape, whose first axis is that of the rows."""
    if wanted and wanted[0] in (0, -1, 1):
        shape = [
            flow.shape[k] if n == 0 and k < len(flow.shape) else n for k, n in enumerate(wanted[1:])
        ]
        known = prod(n for n in shape if n != -1)
        if shape.count(-1) == 1 and known and flow.width % known == 0:
            shape[shape.index(-1)] = flow.width // known
        if prod(shape) == flow.width and min(shape, default=1) > 0:
            return tuple(shape)
    raise QuantizeError(f"the shape {wanted} mixes rows: keep the first axis for the rows")


@operator("Flatten")
def flatten(call: Call) -> Flow:
    flow = call.flow()
    if int(call.attributes.get("axis", 1)) != 1:
        raise QuantizeError("it mixes rows: flatten from axis 1")
    return flow.reshaped((flow.width,))


@operator("Squeeze")
def squeeze(call: Call) -> Any:
    value, axes = call.inputs[0], axes_of(call)
    if isinstance(value, Label):
        return value
    if axes is None:
        return value.reshaped([n for n in value.shape if n != 1])
    gone = {row_axis(a, value) for a in axes}
    if any(value.shape[a] != 1 for a in gone):
        raise QuantizeError("it takes away an axis that has more than one place")
    return value.reshaped([n for k, n in enumerate(value.shape) if k not in gone])


@operator("Unsqueeze")
def unsqueeze(call: Call) -> Any:
    value, axes = call.inputs[0], axes_of(call) or []
    if isinstance(value, Label):
        return value
    shape = list(value.shape)
    for axis in sorted(row_axis(a, value, len(axes)) for a in axes):
        shape.insert(axis, 1)
    return value.reshaped(shape)


@operator("Transpose")
def transpose(call: Call) -> Flow:
    flow = call.flow()
    order = call["perm"] or list(range(len(flow.shape) + 1))[::-1]
    if order[0] != 0:
        raise QuantizeError("it swaps rows and columns: keep the first axis for the rows")
    return flow.picked(flow.places.transpose([int(a) - 1 for a in order[1:]]))


@operator("Concat")
def concat(call: Call) -> Flow:
    flows = [v for v in call.inputs if isinstance(v, Flow)]
    if len(flows) + sum(isinstance(v, np.ndarray) for v in call.inputs) < len(call.inputs):
        raise QuantizeError("it joins what are no numbers: leave it out")
    if any(f.order for f in flows):
        raise QuantizeError("it stands behind a Softmax: end the graph in the Softmax")
    if sum(f.width for f in flows) > MOST_WIDE:
        raise QuantizeError(f"it makes more than {MOST_WIDE:,} values of a row: use fewer")
    axis = row_axis(call.attributes["axis"], flows[0])
    return joined(list(call.inputs), axis)


def joined(values: list[Any], axis: int) -> Flow:
    """Flows and constants side by side along an axis of a row."""
    flows = [v for v in values if isinstance(v, Flow)]
    wide, slices = together(flows)
    starts = iter(s.start for s in slices)
    parts, numbers = [], np.zeros(wide.width)
    for value in values:
        if isinstance(value, Flow):
            parts.append(value.places + next(starts))
        else:
            flat = np.asarray(value[0], dtype=np.float64)
            parts.append(np.arange(flat.size).reshape(flat.shape) + len(numbers))
            numbers = np.concatenate([numbers, flat.ravel()])
    if len(numbers) > wide.width:  # constants stand behind the flows' values
        wide = wide.sums(np.eye(len(numbers), wide.width), numbers, (len(numbers),))
    return wide.picked(np.concatenate(parts, axis=axis))


@operator("Slice")
def slice_(call: Call) -> Flow:
    flow = call.flow()
    if call.given(1):
        starts, ends = (call.constant(k).ravel().tolist() for k in (1, 2))
        steps = call.constant(4, np.ones(len(starts))).ravel().tolist()
        axes = call.constant(3, np.arange(len(starts))).ravel().tolist()
    else:
        starts, ends = list(call["starts"]), list(call["ends"])
        axes, steps = list(call["axes"] or range(len(starts))), [1] * len(starts)
    places = flow.places
    for start, end, axis, step in zip(starts, ends, axes, steps):
        cut = [slice(None)] * len(flow.shape)
        low = None if int(step) < 0 and end < -len(flow.places) - 1 else int(end)
        cut[row_axis(axis, flow)] = slice(int(start), low, int(step))
        places = places[tuple(cut)]
    return flow.picked(places)


@operator("Gather")
def gather(call: Call) -> Any:
    if isinstance(call.inputs[1], Label):
        return renamed(call.constant(0), call.inputs[1])
    flow, at = call.flow(), call.constant(1)
    return flow.picked(
        np.take(flow.places, at, axis=row_axis(call.attributes.get("axis", 0), flow))
    )


@operator("ArrayFeatureExtractor")
def extract(call: Call) -> Any:
    if isinstance(call.inputs[1], Label):
        return renamed(call.constant(0), call.inputs[1])
    flow = call.flow()
    return flow.picked(flow.places[..., call.constant(1).astype(int).ravel()])


def renamed(names: np.ndarray, label: Label) -> Label:
    """The class whose place in `names` the label is."""
    flat = names.ravel().tolist()
    found = [flat[int(name)] for name in label.head.labels]
    head = Head(label.head.kind, labels_of([text_of(f) for f in found]))
    return Label(label.inputs, label.steps, head)


@operator("Split")
def split(call: Call) -> Any:
    flow = call.flow()
    axis = row_axis(call.attributes.get("axis", 0), flow)
    sizes = call.constant(1).astype(int).tolist() if call.given(1) else call["split"]
    size = -(-flow.shape[axis] // call.outputs)
    sizes = sizes or [size] * (call.outputs - 1) + [flow.shape[axis] - size * (call.outputs - 1)]
    if sum(sizes) != flow.shape[axis] or len(sizes) != call.outputs or min(sizes) < 1:
        raise QuantizeError(f"it splits {flow.shape[axis]} places into {sizes}")
    parts = np.split(flow.places, np.cumsum(sizes)[:-1], axis=axis)
    return tuple(flow.picked(part) for part in parts)


@operator("Pad")
def pad(call: Call) -> Flow:
    flow, pads = call.flow(), axes_of(call) or [int(p) for p in call["pads"] or ()]
    rank = len(flow.shape) + 1
    if call.text("mode", "constant") != "constant" or call.given(3) or len(pads) != 2 * rank:
        raise QuantizeError("only padding with a constant on all axes is read")
    if pads[0] or pads[rank] or min(pads) < 0 or max(pads) > MOST_WIDE:
        raise QuantizeError("it pads the rows or by less than 0")
    value = float(call.constant(2, call["value"] or 0.0).ravel()[0])
    wide = np.pad(flow.places, list(zip(pads[1:rank], pads[rank + 1 :])), constant_values=-1)
    if wide.size > MOST_WIDE:
        raise QuantizeError(f"it makes more than {MOST_WIDE:,} values of a row: pad less")
    at = wide.ravel()
    matrix = np.where(at[:, None] == np.arange(flow.width), 1.0, 0.0)
    return flow.sums(matrix, np.where(wide < 0, value, 0.0), wide.shape)


@operator("Shape")
def shape(call: Call) -> np.ndarray:
    """The rows' axis as -1: what a Reshape takes for 'as many as there are'."""
    value = call.inputs[0]
    own = value.shape if isinstance(value, Flow) else ()
    return np.array([-1, *own])[int(call.attributes.get("start", 0)) :]


@operator("ArgMax", "ArgMin")
def arg_max(call: Call) -> Label:
    flow = call.inputs[0]
    if call.op == "ArgMin":
        flow = call.flow()
        while flow.steps and isinstance(flow.steps[-1], Columns) and _rises(flow.steps[-1]):
            flow = Flow(flow.inputs, flow.steps[:-1], flow.shape)
        flow = flow.curves([straight(-1.0, 0.0)] * flow.width)
    if not isinstance(flow, Flow) or call["select_last_index"]:
        raise QuantizeError("it does not take the first of the largest numbers")
    if row_axis(call.attributes.get("axis", 0), flow) != len(flow.shape) - 1:
        raise QuantizeError("it does not work along the last axis: end the graph in that")
    return named(flow, np.arange(flow.width))


def _rises(step: Columns) -> bool:
    """True for one curve that all values pass and that keeps their order."""
    return step.shared is not None and step.shared.name in ("sqrt", "exp", "logistic", "tanh")


# ---- of constants alone ----


@of_constants("Constant")
def constant(call: Call) -> np.ndarray:
    for name in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        if call[name] is not None:
            return np.asarray(call[name])
    for name in ("value_string", "value_strings"):
        if call[name] is not None:
            return np.asarray(call[name], dtype=object)
    raise QuantizeError("it holds no value that is read: keep it among the initializers")


@of_constants("Identity")
def same(call: Call) -> np.ndarray:
    return call.constant(0)


@of_constants("Cast")
def cast_constant(call: Call) -> np.ndarray:
    from onnx import helper

    value = call.constant(0)
    if value.dtype == object:
        return value
    return value.astype(helper.tensor_dtype_to_np_dtype(int(call.attributes["to"])))


@of_constants("Reshape")
def reshape_constant(call: Call) -> np.ndarray:
    wanted = call.constant(1).astype(int).ravel().tolist()
    value = call.constant(0)
    return value.reshape([value.shape[k] if n == 0 else n for k, n in enumerate(wanted)])


@of_constants("Squeeze")
def squeeze_constant(call: Call) -> np.ndarray:
    axes = axes_of(call)
    return np.squeeze(call.constant(0), None if axes is None else tuple(axes))


@of_constants("Unsqueeze")
def unsqueeze_constant(call: Call) -> np.ndarray:
    return np.expand_dims(call.constant(0), tuple(axes_of(call) or ()))


@of_constants("Transpose")
def transpose_constant(call: Call) -> np.ndarray:
    return np.transpose(call.constant(0), call["perm"])


@of_constants("Concat")
def concat_constant(call: Call) -> np.ndarray:
    parts = [call.constant(k) for k in range(len(call.inputs))]
    _require_few(sum(p.size for p in parts))
    return np.concatenate(parts, axis=int(call.attributes["axis"]))


@of_constants("Gather")
def gather_constant(call: Call) -> np.ndarray:
    value, at = call.constant(0), call.constant(1).astype(int)
    axis = int(call.attributes.get("axis", 0))
    _require_few(at.size * value.size // max(value.shape[axis], 1))
    return np.take(value, at, axis=axis)


@of_constants("Add", "Sub", "Mul", "Div", "Pow")
def arithmetic(call: Call) -> np.ndarray:
    one, two = call.constant(0), call.constant(1)
    _require_few(prod(np.broadcast_shapes(one.shape, two.shape)))
    if call.op == "Div" and one.dtype.kind in "iu":
        return one // two
    functions = {
        "Add": np.add,
        "Sub": np.subtract,
        "Mul": np.multiply,
        "Div": np.divide,
        "Pow": np.power,
    }
    with np.errstate(all="ignore"):
        return np.asarray(functions[call.op](one, two))


@of_constants("Abs", "Exp", "Log", "Neg", "Sqrt")
def function(call: Call) -> np.ndarray:
    functions = {"Abs": np.abs, "Exp": np.exp, "Log": np.log, "Neg": np.negative, "Sqrt": np.sqrt}
    with np.errstate(all="ignore"):
        return np.asarray(functions[call.op](call.constant(0)))


@of_constants("ReduceSum")
def sum_of_constants(call: Call) -> np.ndarray:
    axes = axes_of(call)
    keep = bool(call.attributes.get("keepdims", 1))
    return np.sum(call.constant(0), None if axes is None else tuple(axes), keepdims=keep)


def _require_few(count: int) -> None:
    if count > MOST_CONSTANT:
        raise QuantizeError(
            f"it computes {count:,} constants, at most {MOST_CONSTANT:,} are: {show('Constant')}"
        )
