"""ONNX files: held to limits before they are parsed, answered by onnxruntime.

Nothing outside the file is read: tensors that are kept in other files are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...common.errors import ModelError, QuantizeError, UsageError, show
from ...common.packages import needed
from ..graph import FloatModel
from . import onnx_models, onnx_shapes, onnx_sums, onnx_trees  # noqa: F401 (their operators)
from .onnx_graph import MOST_NODES, Graph, answer_of, float_model_of
from .onnx_wire import MOST_ONNX, require_small

EXTERNAL = 1


def open_onnx(path: Path) -> tuple[FloatModel, Callable[[np.ndarray], np.ndarray], str, bool]:
    """The float model of a file, what onnxruntime answers, its version, and whether the inputs have
    names of their own. ModelError where the file is broken or beyond a limit.
    """
    onnx = needed("onnx", "onnx", "an ONNX file")
    runtime = needed("onnxruntime", "onnx", "an ONNX file")
    data = path.read_bytes()
    try:
        if len(data) > MOST_ONNX:
            raise ModelError(f"it has {len(data):,} bytes, at most {MOST_ONNX:,} are read")
        require_small(data, onnx.ModelProto.DESCRIPTOR)
        proto = onnx.ModelProto.FromString(data)
        graph = _graph(proto.graph)
    except ModelError as error:
        raise ModelError(f"model file '{path}' cannot be read: {error}") from None
    except Exception as error:
        raise ModelError(
            f"model file '{path}' cannot be read ({type(error).__name__}: {_line(error)}): export "
            "it anew"
        ) from None
    columns, own = _columns(graph)
    floats = float_model_of(graph, columns)
    return floats, _predict(runtime, data, graph, proto.graph, floats), _library(runtime), own


def _library(runtime: Any) -> str:
    return f"onnxruntime {runtime.__version__}"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120]


# ---- what a file holds ----


def _graph(graph: Any) -> Graph:
    if len(graph.node) > MOST_NODES:
        raise ModelError(f"it has {len(graph.node):,} nodes, at most {MOST_NODES:,} are read")
    if graph.sparse_initializer:
        raise ModelError("it holds sparse tensors: export it with dense ones")
    constants = {t.name: _tensor(t) for t in graph.initializer}
    inputs = {v.name: _row_shape(v) for v in graph.input if v.name not in constants}
    if not inputs:
        raise ModelError("it has no input")
    outputs = {v.name: _is_label(v) for v in graph.output}
    if not outputs:
        raise ModelError("it has no output")
    return Graph(tuple(graph.node), constants, inputs, outputs, _attributes)


def _tensor(tensor: Any) -> np.ndarray:
    from onnx import numpy_helper

    if tensor.data_location == EXTERNAL or tensor.external_data:
        raise ModelError(
            f"the tensor {show(tensor.name)} is kept in another file: save the model as one file"
        )
    return numpy_helper.to_array(tensor)


def _attributes(node: Any) -> dict[str, Any]:
    """Plain Python values of a node's attributes; graphs are left out."""
    from onnx import AttributeProto, helper

    found: dict[str, Any] = {}
    for a in node.attribute:
        if a.type == AttributeProto.TENSOR:
            found[a.name] = _tensor(a.t)
        elif a.type in (AttributeProto.FLOAT, AttributeProto.INT, AttributeProto.STRING):
            found[a.name] = helper.get_attribute_value(a)
        elif a.type in (AttributeProto.FLOATS, AttributeProto.INTS, AttributeProto.STRINGS):
            found[a.name] = list(helper.get_attribute_value(a))
    return found


def _row_shape(value: Any) -> tuple[int, ...]:
    """The shape of a row of an input; ModelError where it is none that a board can have."""
    from onnx import TensorProto

    kind = value.type.tensor_type
    numbers = (
        *(TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16),
        *(TensorProto.INT64, TensorProto.INT32),
    )
    if not value.type.HasField("tensor_type") or kind.elem_type not in numbers:
        raise ModelError(f"its input {show(value.name)} is no tensor of numbers")
    dims = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
    if len(dims) < 2 or dims[0] not in (None, 0, 1) or any((d or 0) < 1 for d in dims[1:]):
        told = ", ".join("?" if d is None else str(d) for d in dims)
        raise ModelError(
            f"its input {show(value.name)} has the shape ({told}), not (rows, columns): export it "
            "with the number of columns"
        )
    return tuple(int(d or 0) for d in dims[1:])


def _is_label(value: Any) -> bool:
    """True for an output of whole numbers or texts: the name of a class."""
    from onnx import TensorProto

    kinds = (TensorProto.INT64, TensorProto.INT32, TensorProto.STRING, TensorProto.BOOL)
    return value.type.HasField("tensor_type") and value.type.tensor_type.elem_type in kinds


def _columns(graph: Graph) -> tuple[tuple[str, ...], bool]:
    """Names of the columns; those of the inputs where each is one column."""
    width = sum(int(np.prod(shape)) for shape in graph.inputs.values())
    if len(graph.inputs) == width > 1:
        return tuple(graph.inputs), True
    if width > 255:
        raise QuantizeError(f"it reads {width:,} values of a row, a board sends at most 255")
    return tuple(f"x{k}" for k in range(width)), False


# ---- what onnxruntime answers ----


def _predict(
    runtime: Any, data: bytes, graph: Graph, proto: Any, floats: FloatModel
) -> Callable[[np.ndarray], np.ndarray]:
    answer = answer_of(graph)
    kinds = {v.name: v.type.tensor_type.elem_type for v in proto.input}
    one = any(v.type.tensor_type.shape.dim[0].dim_value == 1 for v in proto.input)
    started: list[Any] = []

    def predict(x: np.ndarray) -> np.ndarray:
        if not started:
            started.append(_session(runtime, data))
        parts = [slice(k, k + 1) for k in range(len(x))] if one else [slice(0, len(x))]
        told = [_run(started[0], answer, _fed(graph, kinds, x[part])) for part in parts]
        found = np.concatenate(
            [np.asarray(t).reshape(p.stop - p.start, -1) for t, p in zip(told, parts)]
        )
        if found.shape[1] > 1 and floats.head.labels:
            return np.array(floats.head.labels)[found.argmax(axis=1)]
        return found[:, 0] if found.shape[1] == 1 else found

    return predict


def _run(session: Any, answer: str, fed: dict[str, np.ndarray]) -> np.ndarray:
    try:
        return np.asarray(session.run([answer], fed)[0])
    except Exception as error:
        raise ModelError(f"onnxruntime does not answer: {_line(error)}") from None


def _session(runtime: Any, data: bytes) -> Any:
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"onnxruntime does not take the model: {_line(error)}") from None


def _fed(graph: Graph, kinds: dict[str, int], x: np.ndarray) -> dict[str, np.ndarray]:
    """Physical rows as the graph's inputs."""
    from onnx import helper

    found, start = {}, 0
    for name, shape in graph.inputs.items():
        part = x[:, start : start + int(np.prod(shape))]
        start += part.shape[1]
        kind = helper.tensor_dtype_to_np_dtype(kinds[name])
        if kind.kind == "i" and (part != np.round(part)).any():
            raise UsageError(
                f"the model's input {show(name)} takes whole numbers, the rows have others: export "
                "it with float inputs"
            )
        found[name] = part.astype(kind).reshape(len(x), *shape)
    return found
