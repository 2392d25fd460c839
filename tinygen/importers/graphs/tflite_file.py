"""TFLite files: read with the schema that ai-edge-litert brings, answered by its interpreter.

The file's offsets are followed one by one and held to limits; nothing is trusted for its length.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ...common.errors import ModelError, QuantizeError
from ...common.packages import needed
from ..graph import FloatModel
from .flow import text_of

MOST_TFLITE = 4_000_000  # bytes
MOST_OPERATORS, MOST_TENSORS, MOST_INPUTS, MOST_RANK = 500, 2000, 16, 5
INT8 = 9
TYPES = {0: np.float32, 2: np.int32, 4: np.int64, 9: np.int8}
BROKEN = (
    *(struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError),
    *(KeyError, UnicodeDecodeError, AssertionError, MemoryError),
)
Predict = Callable[[np.ndarray], np.ndarray]


def is_tflite(head: bytes) -> bool:
    return head[4:8] == b"TFL3"


@dataclass(frozen=True)
class Tensor:
    """A tensor of the file."""

    name: str
    shape: tuple[int, ...]
    kind: int  # the schema's number of its type
    value: np.ndarray | None  # of a constant
    scale: tuple[float, ...] = ()  # () where it is not quantized
    zero: tuple[int, ...] = ()
    axis: int = 0  # that several scales are for

    @property
    def row(self) -> tuple[int, ...]:
        """The shape without the axis of the rows."""
        return self.shape[1:]

    @cached_property
    def numbers(self) -> np.ndarray:
        """A constant's float values."""
        if self.value is None:
            raise QuantizeError(f"its input '{self.name}' changes from row to row")
        if not self.scale:
            return self.value.astype(np.float64)
        axis = max(self.axis, 0)
        shape = [-1 if k == axis else 1 for k in range(self.value.ndim)]
        scale, zero = (np.array(v, dtype=np.float64) for v in (self.scale, self.zero))
        if len(scale) > 1:
            scale, zero = scale.reshape(shape), zero.reshape(shape)
        return (self.value - zero) * scale


@dataclass(frozen=True)
class Operation:
    """An operator of the file: places of what it reads (-1: left out) and makes."""

    name: str  # as the schema has it: "FULLY_CONNECTED"
    takes: tuple[int, ...]
    gives: tuple[int, ...]
    options: Any  # the schema's table; None where there is none


@dataclass(frozen=True)
class File:
    """What a file holds: its only graph."""

    tensors: tuple[Tensor, ...]
    operations: tuple[Operation, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def wide(self, place: int) -> int:
        """Values of a row of a tensor."""
        return int(np.prod(self.tensors[place].row, dtype=np.int64))


def open_tflite(path: Path) -> tuple[FloatModel, Predict, str, bool]:
    """The float model of a file, what the interpreter answers, its version, and that its inputs
    have no names of columns. ModelError where the file is broken or beyond a limit.
    """
    from importlib.metadata import version

    from .tflite_graph import float_model_of
    from .tflite_integers import Otherwise, integers_of

    schema = needed("ai_edge_litert.schema_py_generated", "tflite", "a TFLite file")
    data = path.read_bytes()
    try:
        if len(data) > MOST_TFLITE:
            raise ModelError(f"it has {len(data):,} bytes, at most {MOST_TFLITE:,} are read")
        file = _file(schema, data)
    except ModelError as error:
        raise ModelError(f"model file '{path}' cannot be read: {error}") from None
    except BROKEN as error:
        told = " ".join(str(error).split())[:100]
        raise ModelError(f"model file '{path}' is broken ({told}): export it anew") from None
    floats = float_model_of(file)
    if any(t.kind == INT8 and t.value is None for t in file.tensors):
        floats = replace(floats, rounded=True)
        try:
            floats = replace(floats, integers=integers_of(file))
        except Otherwise as error:
            note = f"the graph's own integers are not kept, since {error}: it is quantized anew"
            floats = replace(floats, notes=(*floats.notes, note))
    library = f"ai-edge-litert {version('ai-edge-litert')}"
    return floats, _predict(data, file, floats), library, False


# ---- what a file holds ----


def _few(count: int, most: int, what: str) -> int:
    if not 0 <= count <= most:
        raise ModelError(f"it has {count:,} {what}, at most {most:,} are read")
    return count


def _file(schema: Any, data: bytes) -> File:
    model = schema.Model.GetRootAs(data, 0)
    if model.SubgraphsLength() != 1:
        raise ModelError(f"it has {model.SubgraphsLength():,} graphs, one is read")
    graph = model.Subgraphs(0)
    _few(graph.TensorsLength(), MOST_TENSORS, "tensors")
    _few(model.BuffersLength(), MOST_TENSORS, "buffers")
    tensors = tuple(_tensor(model, graph.Tensors(k)) for k in range(graph.TensorsLength()))
    _few(graph.OperatorsLength(), MOST_OPERATORS, "operators")
    names = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    operations = tuple(
        _operation(schema, model, graph.Operators(k), names) for k in range(graph.OperatorsLength())
    )
    inputs = _places(graph.InputsLength, graph.Inputs, len(tensors))
    outputs = _places(graph.OutputsLength, graph.Outputs, len(tensors))
    for op in operations:
        if max(*op.takes, *op.gives, -1) >= len(tensors):
            raise ModelError("an operator reads a tensor that is none")
    return File(tensors, operations, inputs, outputs)


def _places(length: Any, get: Any, count: int) -> tuple[int, ...]:
    found = tuple(int(get(k)) for k in range(_few(length(), MOST_INPUTS, "inputs or outputs")))
    if not found or not all(0 <= place < count for place in found):
        raise ModelError("its inputs or outputs are no tensors")
    return found


def _tensor(model: Any, tensor: Any) -> Tensor:
    rank = _few(tensor.ShapeLength(), MOST_RANK, "axes in a tensor")
    shape = tuple(int(tensor.Shape(k)) for k in range(rank))
    name = text_of(tensor.Name() or "")
    value, kind = None, int(tensor.Type())
    buffer = model.Buffers(_few(int(tensor.Buffer()), model.BuffersLength() - 1, "buffers"))
    if buffer is not None and buffer.DataLength():
        if kind not in TYPES or min(shape, default=1) < 1:
            raise ModelError(f"its constant '{name}' is no array of a type that is read")
        value = np.frombuffer(buffer.DataAsNumpy().tobytes(), TYPES[kind]).reshape(shape)
    if tensor.Sparsity() is not None or tensor.IsVariable():
        raise ModelError(f"its tensor '{name}' is sparse or keeps a state")
    return Tensor(name, shape, kind, value, *_quantization(tensor.Quantization()))


def _quantization(q: Any) -> tuple[tuple[float, ...], tuple[int, ...], int]:
    if q is None or not q.ScaleLength():
        return (), (), 0
    _few(q.ScaleLength(), MOST_TENSORS, "scales in a tensor")
    scale = tuple(float(v) for v in q.ScaleAsNumpy())
    zero = tuple(int(v) for v in q.ZeroPointAsNumpy()) if q.ZeroPointLength() else (0,)
    zero = zero if len(zero) == len(scale) else zero[:1] * len(scale)
    if not all(np.isfinite(s) and s > 0 for s in scale):
        raise ModelError("a tensor has a scale that is none")
    return scale, zero, int(q.QuantizedDimension())


def _operation(schema: Any, model: Any, op: Any, names: dict[int, str]) -> Operation:
    code = model.OperatorCodes(
        _few(int(op.OpcodeIndex()), model.OperatorCodesLength() - 1, "operator codes")
    )
    number = max(int(code.BuiltinCode()), int(code.DeprecatedBuiltinCode()))
    name = names.get(number, str(number))
    if name == "CUSTOM":
        name = text_of(code.CustomCode() or name)
    sides = []
    for length, get in ((op.InputsLength, op.Inputs), (op.OutputsLength, op.Outputs)):
        count = _few(length(), MOST_INPUTS, "inputs of an operator")
        sides.append(tuple(int(get(k)) for k in range(count)))
    table, options = op.BuiltinOptions(), None
    kinds = {v: k for k, v in vars(schema.BuiltinOptions).items() if isinstance(v, int)}
    kind = kinds.get(int(op.BuiltinOptionsType()), "NONE")
    if table is not None and kind != "NONE":
        options = getattr(schema, kind)()
        options.Init(table.Bytes, table.Pos)
    return Operation(name, sides[0], sides[1], options)


# ---- what the interpreter answers ----


def _predict(data: bytes, file: File, floats: FloatModel) -> Predict:
    """Answers of the reference kernels to physical rows: numbers, or labels."""
    started: list[Any] = []

    def predict(x: np.ndarray) -> np.ndarray:
        if not started:
            started.append(_interpreter(data))
        try:
            found = np.stack([_answer(started[0], file, row) for row in x])
        except (RuntimeError, *BROKEN) as error:
            told = " ".join(str(error).split())[:100]
            raise ModelError(f"the interpreter of TFLite does not answer: {told}") from None
        if not floats.head.labels:
            return found[:, 0] if found.shape[1] == 1 else found
        best = found[:, 0].astype(int) if found.shape[1] == 1 else found.argmax(axis=1)
        return np.array(floats.head.labels)[best]

    return predict


def _interpreter(data: bytes) -> Any:
    """The reference kernels, or the plain ones where an operator has no reference."""
    runtime = needed("ai_edge_litert.interpreter", "tflite", "a TFLite file")
    kinds = runtime.OpResolverType
    told = ""
    for kind in (kinds.BUILTIN_REF, kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES):
        try:
            found = runtime.Interpreter(
                model_content=data, num_threads=1, experimental_op_resolver_type=kind
            )
            found.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            told = told or " ".join(str(error).split())[:120]
            continue
        return found
    raise ModelError(f"the interpreter of TFLite does not take the model: {told}")


def _answer(interpreter: Any, file: File, row: np.ndarray) -> np.ndarray:
    """The only output for one physical row, in float."""
    start = 0
    for detail, place in zip(interpreter.get_input_details(), file.inputs):
        wide = file.wide(place)
        part = row[start : start + wide].reshape(1, *file.tensors[place].row)
        start += wide
        interpreter.set_tensor(detail["index"], quantized(part, file.tensors[place]))
    interpreter.invoke()
    out = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    tensor = file.tensors[file.outputs[0]]
    if tensor.scale:
        out = (out.astype(np.float64) - tensor.zero[0]) * tensor.scale[0]
    return np.asarray(out, dtype=np.float64).ravel()


def quantized(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Floats as an input of the graph: float32, or int8 as TFLite's QUANTIZE rounds."""
    values = values.astype(np.float32)
    if not tensor.scale:
        return values
    steps = values / np.float32(tensor.scale[0])
    steps = np.trunc(steps + np.copysign(np.float32(0.5), steps))  # half away from 0
    return np.clip(steps + tensor.zero[0], -128, 127).astype(np.int8)
