"""ONNX files: held to limits before they are parsed, answered by onnxruntime.

Nothing outside the file is read: tensors that are kept in other files are refused. A message of a
few megabytes can stand for gigabytes of objects, so that its fields are counted from its bytes
before anything is built.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ...common.errors import ModelError, QuantizeError, UsageError, show
from ...common.packages import needed
from ..graph import FloatModel
from . import (  # noqa: F401 (their operators)
    onnx_integers,
    onnx_models,
    onnx_shapes,
    onnx_sums,
    onnx_trees,
)
from .onnx_graph import MOST_NODES, Graph, answer_of, float_model_of

EXTERNAL = 1
MOST_ONNX = 24_000_000  # bytes of a file
START = (b"\x08", b"\x3a", b"\x12", b"\x42")  # of the fields that a file may begin with
GRAPH = 7  # the number of the graph's field
MOST_MESSAGES = 60_000
MOST_FIELDS = 3_000_000
MOST_DEEP = 16
MOST_RUN = 1000  # numbers in one match, which keeps a state for each
MESSAGE = 11  # protobuf's code of a field that holds a message
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


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


# ---- how large a message gets in memory ----


class Broken(ValueError):
    """The bytes are no message."""


class Counter:
    """Counts messages and fields of one file."""

    def __init__(self, data: bytes) -> None:
        self.data, self.messages, self.fields = data, 0, 0

    def walk(self, kind: Any, at: int, end: int, deep: int) -> None:
        """One message of `kind` (a protobuf descriptor); ModelError beyond a limit."""
        self.messages += 1
        if self.messages > MOST_MESSAGES or deep > MOST_DEEP:
            raise ModelError(
                f"the file holds more than {MOST_MESSAGES:,} messages, or deeper ones than "
                f"{MOST_DEEP}: it is no model for a small board"
            )
        inner = _messages_of(kind)
        while at < end:
            tag, start = self.number(at)
            number, wire = tag >> 3, tag & 7
            if wire == BYTES:
                length, start = self.number(start)
                if start + length > end:
                    raise Broken("a field is longer than the file")
                if number in inner:
                    self.walk(inner[number], start, start + length, deep + 1)
                self._count(1)
                at = start + length
            elif wire in (VARINT, FIXED64, FIXED32):
                run = _run_of(self.data[at:start], wire).match(self.data, at, end)
                if run is None:
                    raise Broken("a number is cut off")
                self._count((run.end() - at) // (2 if wire == VARINT else 5))
                at = run.end()
            else:
                raise Broken(f"a field has the wire type {wire}")

    def _count(self, more: int) -> None:
        self.fields += more
        if self.fields > MOST_FIELDS:
            raise ModelError(
                f"the file holds more than {MOST_FIELDS:,} numbers outside its tensors: it is no "
                "model for a small board"
            )

    def number(self, at: int) -> tuple[int, int]:
        """A varint, and where it ends."""
        value = shift = 0
        for place in range(at, min(at + 10, len(self.data))):
            byte = self.data[place]
            value |= (byte & 127) << shift
            if byte < 128:
                return value, place + 1
            shift += 7
        raise Broken("a number is cut off")


@cache
def _messages_of(kind: Any) -> dict[int, Any]:
    return {f.number: f.message_type for f in kind.fields if f.type == MESSAGE}


@cache
def _run_of(tag: bytes, wire: int) -> re.Pattern[bytes]:
    """Numbers under the same tag, one behind the other: lists of a tree's nodes are such."""
    value = {
        VARINT: rb"[\x80-\xff]{0,9}[\x00-\x7f]",
        FIXED64: rb"[\x00-\xff]{8}",
        FIXED32: rb"[\x00-\xff]{4}",
    }[wire]
    return re.compile(b"(?:" + re.escape(tag) + value + b"){1,%d}" % MOST_RUN, re.DOTALL)


def require_small(data: bytes, kind: Any) -> None:
    """ModelError where the bytes are no message of `kind` or too many of them."""
    try:
        Counter(data).walk(kind, 0, len(data), 0)
    except Broken as error:
        raise ModelError(f"it is no protobuf message ({error})") from None


def is_onnx(head: bytes, path: Path) -> bool:
    """True for a protobuf message that has a graph where ONNX has it."""
    if not head.startswith(START):
        return False
    with path.open("rb") as stream:
        data = stream.read(MOST_ONNX + 1)
    counter, at = Counter(data), 0
    try:
        while at < len(data):
            tag, at = counter.number(at)
            if tag == GRAPH << 3 | 2:
                return True
            if tag & 7 == 2:
                length, at = counter.number(at)
                at += length
            elif tag & 7 == 0:
                _, at = counter.number(at)
            else:
                return False
    except Broken:
        return False
    return False
