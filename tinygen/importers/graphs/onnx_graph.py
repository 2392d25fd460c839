"""An ONNX graph becomes a float model: a small function for each operator, found by its name.

Only the nodes that the answer needs are looked at. What operators compute from constants alone is
computed once; what they make of a row becomes a `Flow`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...common.errors import ModelError, QuantizeError, TinygenError, show
from ..graph import Columns, FloatModel, Head
from ..readers import labels_of, registers
from ..simplify import simplified
from .flow import MOST_NUMBERS, Flow, Label, evened, named, numbers_of, require_sound

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
    "QuantizeLinear": "the float graph, or TFLite in int8",
    "DequantizeLinear": "the float graph, or TFLite in int8",
    "MatMulInteger": "MatMul of the float graph, or TFLite in int8",
    "QLinearMatMul": "MatMul of the float graph, or TFLite in int8",
    "QLinearConv": "Conv of the float graph, or TFLite in int8",
    "TopK": "ArgMax",
    "LpPool": "AveragePool",
    "If": "a graph without branches",
    "Loop": "a graph without loops",
    "Scan": "a graph without loops",
}
Value = Any  # Flow, Label, or a constant numpy array


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
        value = self.attributes.get(name, otherwise)
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


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
    return _finished(values[answer], columns, tuple(dict.fromkeys(notes)))


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
        inputs = tuple(values[name] if name else None for name in node.input)
        fixed = all(v is None or isinstance(v, np.ndarray) for v in inputs)
        function = (CONSTANTS if fixed else OPERATORS).get(node.op_type) if known else None
        if function is None:
            raise QuantizeError(_unknown(node, fixed and node.op_type in OPERATORS))
        call = Call(node.op_type, inputs, graph.attributes(node), len(node.output))
        found = function(call)
    except (ValueError, IndexError, TypeError, KeyError, OverflowError, AttributeError) as error:
        raise ModelError(
            f"node {_called(node)} is not as the standard has it ({str(error)[:100]}): export it "
            "anew"
        ) from None
    except TinygenError as error:
        raise type(error)(f"node {_called(node)} cannot be converted: {error}") from None
    notes += call.attributes.get("notes", ())
    found = found if isinstance(found, tuple) else (found,)
    return tuple(v if isinstance(v, (Flow, Label)) else np.asarray(v) for v in found)


def _unknown(node: Any, fixed: bool) -> str:
    if fixed:
        return "it reads constants only, which is not computed here: simplify the graph"
    near = NEAREST.get(node.op_type, "the list of operators in the documentation")
    return f"it is none of the {len(OPERATORS)} operators that are read; the nearest is {near}"


def _finished(value: Value, columns: tuple[str, ...], notes: tuple[str, ...]) -> FloatModel:
    """The model whose answer is the value: a class, the largest of a softmax's shares, a number."""
    if isinstance(value, np.ndarray):
        raise QuantizeError("the graph answers the same for every row: there is nothing to convert")
    if isinstance(value, Flow) and value.order:
        value = named(value, labels_of(range(value.width)))
    head = value.head if isinstance(value, Label) else Head()
    steps = evened(simplified(value.steps, len(columns)), len(columns))
    require_sound(steps, len(columns))
    if any(isinstance(s, Columns) and len(s.sources) == 0 for s in steps):
        raise QuantizeError("the graph answers no number: export it anew")
    return FloatModel("ONNX", columns, steps, head, notes)
