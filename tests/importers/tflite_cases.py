"""Small TFLite files, written with the schema that ai-edge-litert brings."""

from dataclasses import dataclass

import numpy as np

try:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema
except ImportError:  # the tests of this folder say so
    flatbuffers = schema = None

TYPES = {"float32": 0, "int32": 2, "int64": 4, "int8": 9}


@dataclass
class Tensor:
    """A tensor: its shape and type, or its constant value; scale and zero point where quantized."""

    shape: tuple = ()
    kind: str = "float32"
    value: np.ndarray | None = None
    scale: object = None
    zero: object = 0
    axis: int = 0


def constant(value, **more):
    value = np.asarray(value)
    return Tensor(value.shape, str(value.dtype), value, **more)


def built(tensors, operators, inputs, outputs):
    """The bytes of a model. operators: (name, inputs, outputs, options or None)."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs, model.operatorCodes = 3, [graph], []
    model.buffers, graph.tensors, graph.operators = [schema.BufferT()], [], []
    for k, t in enumerate(tensors):
        one = schema.TensorT()
        one.name, one.shape, one.type, one.buffer = f"t{k}", list(t.shape), TYPES[t.kind], 0
        if t.value is not None:
            one.buffer = len(model.buffers)
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(t.value.tobytes(), np.uint8)
            model.buffers.append(buffer)
        if t.scale is not None:
            q = schema.QuantizationParametersT()
            q.scale = np.atleast_1d(np.asarray(t.scale, np.float32))
            q.zeroPoint = np.broadcast_to(np.asarray(t.zero, np.int64), q.scale.shape)
            q.quantizedDimension = t.axis
            one.quantization = q
        graph.tensors.append(one)
    for name, takes, gives, options in operators:
        code, op = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), VERSIONS.get(name, 1)
        op.opcodeIndex = len(model.operatorCodes)
        model.operatorCodes.append(code)
        op.inputs, op.outputs = list(takes), list(gives)
        if options is not None:
            op.builtinOptions = options
            kind = type(options).__name__[:-1]
            op.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        graph.operators.append(op)
    graph.inputs, graph.outputs, graph.name = list(inputs), list(outputs), "main"
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


VERSIONS = {"FULLY_CONNECTED": 4, "QUANTIZE": 1, "DEQUANTIZE": 2, "CONV_2D": 3, "SOFTMAX": 2}


def options(kind, **values):
    found = getattr(schema, f"{kind}T")()
    for name, value in values.items():
        assert hasattr(found, name), name
        setattr(found, name, value)
    return found
