"""One file of Python with the integers of the model, for MicroPython and CPython."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import fields, is_dataclass

from ... import __version__
from ...common.boards import Board
from ...common.errors import EmitError
from ...common.jinja import environment, source
from ...model.fixedpoint import MISSING, NOT_SURE, Quantity
from ...model.model import Model
from ...model.nodes import Node
from ...model.signals.any_model import AnyModel
from ..exports import check_rows, refuse_signals
from ..names import check_prefix

WIDTH = 96
OPERATIONS = "exports/operations.py"


def export(model: AnyModel, board: Board | None = None) -> dict[str, str]:
    """NAME_model.py and NAME_check.py; EmitError for a model of signals."""
    one = refuse_signals(model, "micropython")
    rows = check_rows(one)
    jinja = environment("c")
    shared = {"version": __version__, "name": check_prefix(one.name)}
    return {
        f"{one.name}_model.py": jinja.get_template("exports/micropython.py.j2").render(
            **shared,
            first=one.sample_rows(1)[0].tolist(),
            several=bool(one.more),
            scores=one.scores,
            sure_margin=one.sure_margin,
            bars=one.bars,
            not_sure=NOT_SURE,
            missing=MISSING,
            model_id=one.model_id,
            inputs=[f"{_quantity(q)}, {q.limits[0]}, {q.limits[1]}" for q in one.inputs],
            outputs=[_quantity(q) for q in one.outputs],
            labels=[python_string(label) for label in one.labels],
            operations=operations({n.op for single in one.singles for n in _chain(single)}),
            chains=[[_step(node) for node in _chain(single)] for single in one.singles],
            reads=one.places if one.more else [],
        ),
        f"{one.name}_check.py": jinja.get_template("exports/micropython_check.py.j2").render(
            **shared,
            rows=len(rows),
            pairs=list(zip(rows.tolist(), one.values(rows).tolist())),
        ),
    }


def _chain(model: Model) -> tuple[Node, ...]:
    """The nodes; those before the largest is taken, where the scores are told as well."""
    return model.nodes[:-1] if model.scores else model.nodes


def _quantity(q: Quantity) -> str:
    numbers = f"{q.scale:.12g}", f"{q.offset:.12g}"
    return ", ".join([python_string(q.name), python_string(q.unit), *numbers])


def python_string(text: str) -> str:
    """The text as a literal of printable ASCII."""
    return ascii(text.encode("utf-8", "replace").decode("utf-8"))


def operations(names: Iterable[str]) -> str:
    """The functions of these operations and of what they call; EmitError for one without."""
    text = source(OPERATIONS)
    functions = {
        part.name: part for part in ast.parse(text).body if isinstance(part, ast.FunctionDef)
    }
    found, waiting = set(), sorted(names)
    while waiting:
        name = waiting.pop()
        if name not in functions:
            raise EmitError(
                f"operation '{name}' has no form for MicroPython yet: take --as header, or "
                "json-vectors for a port of your own"
            )
        found.add(name)
        called = {n.id for n in ast.walk(functions[name]) if isinstance(n, ast.Name)}
        waiting += sorted((called & set(functions)) - found)
    parts = [ast.get_source_segment(text, functions[n]) for n in functions if n in found]
    return "\n\n".join(f"\n{part}" for part in parts) + "\n"


def _step(node: Node) -> str:
    """A node as a tuple: its function, then its fields."""
    return "\n".join(_wrapped(f"    ({node.op}, {_literal(node)},),".replace(", ,", ",")))


def _literal(value: object) -> str:
    """Integers and tuples as Python text; the fields of a node or a curve in their order."""
    if is_dataclass(value):
        parts = [_literal(getattr(value, f.name)) for f in fields(value)]
        return ", ".join(parts) if isinstance(value, Node) else f"({', '.join(parts)})"
    if isinstance(value, tuple):
        return f"({', '.join(map(_literal, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def _wrapped(line: str) -> list[str]:
    lines, row = [], ""
    for word in line.lstrip().split(" "):
        if row and len(row) + len(word) >= WIDTH:
            lines.append(row)
            row = f"     {word}"
        else:
            row = f"{row} {word}" if row else f"    {word}"
    return [*lines, row]
