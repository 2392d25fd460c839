"""An ONNX graph becomes a float model: a small function for each operator, found by its name.

Only the nodes that the answer needs are looked at. What operators compute from constants alone is
computed once; what they make of a row becomes a `Flow`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...common.errors import ModelError, QuantizeError, TinygenError, show
from ..graph import FloatModel
from ..readers import registers
from .flow import MOST_NUMBERS, Flow, Label, Quantized, finished, numbers_of, text_of

MOST_NODES = 3000
DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
NEAREST = {  # what an operator without a function comes closest to
    "LSTM": "Conv over a window",
    "GRU": "Conv over a window",
    "RNN": "Conv over a window",
    "ConvTranspose": "Conv",
    "OneHotEncoder": "columns of 0 and 1",
    "LabelEncoder": "columns of numbers",
    "TfIdfVectorizer": "columns of numbers",
    "LayerNormalization": "BatchNormalization",
    "InstanceNormalization": "BatchNormalization",
    "DynamicQuantizeLinear": "QuantizeLinear, whose scale is the same for every row (static)",
    "DynamicQuantizeMatMul": "QLinearMatMul, whose scales are the same for every row (static)",
    "TopK": "ArgMax",
    "LpPool": "AveragePool",
    "If": "a graph without branches",
    "Loop": "a graph without loops",
    "Scan": "a graph without loops",
}
CONTRIBUTED = "com.microsoft"  # the domain of onnxruntime's own operators
OF_ONNXRUNTIME = (
    *("QGemm", "QLinearAdd", "QLinearMul", "QLinearSigmoid", "QLinearSoftmax"),
    *("QuantizeLinear", "DequantizeLinear"),
)
MOVING = {  # operators that do with small integers what they do with numbers
    *("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity", "Slice", "Gather"),
    *("Split", "MaxPool", "GlobalMaxPool"),
}
NOTE = (
    "the graph rounds to small integers between its layers; those are not kept: its weights are "
    "quantized anew, and numbers beyond its ranges are held only where the rows have some"
)
Value = Any  # Flow, Quantized, Label, or a constant numpy array


@dataclass(frozen=True)
class Call:
    """A node of the graph with what it reads."""

    op: str
    inputs: tuple[Value, ...]  # None where an input is left out
    attributes: dict[str, Any] = field(default_factory=dict)
    outputs: int = 1

    def __getitem__(self, name: str) -> Any:
        return self.attributes.get(name)

    def given(self, k: int) -> bool:
        return k < len(self.inputs) and self.inputs[k] is not None

    def flow(self, k: int = 0) -> Flow:
        """Input k, which must be values of the row."""
        value = self.inputs[k] if self.given(k) else None
        if not isinstance(value, Flow):
            raise QuantizeError("it reads what is no number of the row: leave it out")
        if value.order:
            raise QuantizeError("it stands behind a Softmax: end the graph in the Softmax")
        return value

    def quantized(self, k: int = 0) -> Quantized:
        """Input k, which must be small integers that stand for numbers of the row."""
        value = self.inputs[k] if self.given(k) else None
        if not isinstance(value, Quantized):
            raise QuantizeError("it reads what no QuantizeLinear made: quantize the whole graph")
        return value

    def constant(self, k: int, otherwise: Any = None) -> np.ndarray:
        """Input k, which must be the same for every row."""
        if not self.given(k):
            if otherwise is None:
                raise QuantizeError(f"its input {k} is missing")
            return np.asarray(otherwise)
        if not isinstance(self.inputs[k], np.ndarray):
            raise QuantizeError(f"its input {k} changes from row to row: make it a constant")
        return self.inputs[k]

    def numbers(self, name: str, otherwise: Any = None) -> np.ndarray:
        """An attribute of numbers as float64."""
        value = self.attributes.get(name, otherwise)
        if value is None:
            raise QuantizeError(f"its attribute {name} is missing")
        return np.asarray(value, dtype=np.float64).ravel()

    def text(self, name: str, otherwise: str = "") -> str:
        return text_of(self.attributes.get(name, otherwise))


Operator = Callable[[Call], Any]  # a value, or a tuple of one for each output
OPERATORS: dict[str, Operator] = {}
CONSTANTS: dict[str, Operator] = {}  # of what is the same for every row


def operator(*names: str) -> Callable[[Operator], Operator]:
    """Registers the function of operators that read rows."""
    return registers(OPERATORS, names)


def of_constants(*names: str) -> Callable[[Operator], Operator]:
    """Registers the function of operators where all that they read is constant."""
    return registers(CONSTANTS, names)


def supported() -> tuple[str, ...]:
    """The operators that can be read, sorted."""
    return tuple(sorted(OPERATORS))


@dataclass(frozen=True)
class Graph:
    """What is read of an ONNX file: `nodes` in the file's order, `constants` by name."""

    nodes: tuple[Any, ...]  # NodeProto
    constants: dict[str, np.ndarray]
    inputs: dict[str, tuple[int, ...]]  # shape of a row by name
    outputs: dict[str, bool]  # by name: a label
    attributes: Callable[[Any], dict[str, Any]]


def answer_of(graph: Graph) -> str:
    """The output that is read: the label, or the only one that there is."""
    labels = [name for name, label in graph.outputs.items() if label]
    if labels or len(graph.outputs) == 1:
        return (labels or list(graph.outputs))[0]
    raise QuantizeError(
        f"the graph has {len(graph.outputs)} outputs ({', '.join(map(show, graph.outputs))}), a "
        "model answers one number: keep one of them"
    )


def float_model_of(graph: Graph, columns: tuple[str, ...]) -> FloatModel:
    """The float form of the graph's answer."""
    values: dict[str, Value] = dict(graph.constants)
    start, width = 0, len(columns)
    for name, shape in graph.inputs.items():
        flow = Flow(width, (), shape)
        places = np.arange(start, start + flow.width).reshape(shape)
        values[name] = flow if width == flow.width else Flow(width, (), (width,)).picked(places)
        start += flow.width
    answer = answer_of(graph)
    notes: list[str] = []
    spent = 0
    for node in _needed(graph, answer):
        found = _value(graph, node, values, notes)
        for name, value in zip(node.output, found):
            values[name] = value
            spent += 0 if isinstance(value, np.ndarray) else numbers_of(value.steps[-2:])
        if spent > MOST_NUMBERS:
            raise QuantizeError(
                f"the graph has more than {MOST_NUMBERS:,} weights, which no board of ours holds: "
                "train a smaller model"
            )
    value = values[answer]
    value = value.less(0.0) if isinstance(value, Quantized) else value
    model = finished(None if isinstance(value, np.ndarray) else value, columns, "ONNX")
    return replace(model, notes=tuple(dict.fromkeys(notes)), rounded=NOTE in notes)


def _needed(graph: Graph, answer: str) -> list[Any]:
    """The nodes that the answer needs, in the file's order; ModelError where there is none such."""
    wanted, found = {answer}, []
    made = set(graph.constants) | set(graph.inputs)
    for node in graph.nodes:
        late = [name for name in node.input if name and name not in made]
        if late:
            raise ModelError(
                f"node {_called(node)} reads {show(late[0])}, which no node before it makes: the "
                "graph is cyclic, or its nodes are not in order"
            )
        made.update(node.output)
    for node in reversed(graph.nodes):
        if wanted & set(node.output):
            found.append(node)
            wanted |= set(node.input)
    if answer not in made:
        raise ModelError(f"no node makes the graph's output {show(answer)}: export it anew")
    return found[::-1]


def _called(node: Any) -> str:
    return f"{show(node.name or next(iter(node.output), '') or 'without a name')} ({node.op_type})"


def _value(graph: Graph, node: Any, values: dict[str, Value], notes: list[str]) -> tuple:
    try:
        known = node.domain in DOMAINS
        known |= node.domain == CONTRIBUTED and node.op_type in OF_ONNXRUNTIME
        inputs = tuple(values[name] if name else None for name in node.input)
        fixed = all(v is None or isinstance(v, np.ndarray) for v in inputs)
        function = (CONSTANTS if fixed else OPERATORS).get(node.op_type) if known else None
        if function is None:
            raise QuantizeError(_unknown(node, fixed and node.op_type in OPERATORS))
        call = Call(node.op_type, inputs, graph.attributes(node), len(node.output))
        found = _moved(function, call) if node.op_type in MOVING else function(call)
    except (ValueError, IndexError, TypeError, KeyError, OverflowError, AttributeError) as error:
        raise ModelError(
            f"node {_called(node)} is not as the standard has it ({str(error)[:100]}): export it "
            "anew"
        ) from None
    except TinygenError as error:
        raise type(error)(f"node {_called(node)} cannot be converted: {error}") from None
    notes += call.attributes.get("notes", ())
    found = found if isinstance(found, tuple) else (found,)
    return tuple(v if isinstance(v, Flow | Quantized | Label) else np.asarray(v) for v in found)


def _moved(function: Operator, call: Call) -> Any:
    """What an operator makes of small integers, which it does not change."""
    if not call.inputs or not isinstance(call.inputs[0], Quantized):
        return function(call)
    own = call.inputs[0]
    found = function(replace(call, inputs=(own.flow, *call.inputs[1:])))
    if isinstance(found, tuple):
        return tuple(replace(own, flow=f) for f in found)
    return replace(own, flow=found)


def _unknown(node: Any, fixed: bool) -> str:
    if fixed:
        return "it reads constants only, which is not computed here: simplify the graph"
    near = NEAREST.get(node.op_type, "the list of operators in the documentation")
    return f"it is none of the {len(OPERATORS)} operators that are read; the nearest is {near}"
