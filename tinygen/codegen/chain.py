"""A model's chain of nodes as the numbered steps of its header."""

from __future__ import annotations

from dataclasses import dataclass

from ..common.jinja import environment
from ..model.model import Model
from ..model.nodes import FUSED
from ..model.views import FloatStep, FloatView, Step, View


@dataclass(frozen=True)
class Printed:
    """C text of one step: its tables, and its part of the function."""

    tables: str
    body: str


def printed(view: View | FloatView, macros: str) -> Printed:
    """A view through the macros `MACROS_tables` and `MACROS_body` of its template."""
    template = environment("c").get_template(f"operations/{view.template}.h.j2").module
    tables, body = (getattr(template, f"{macros}_{part}") for part in ("tables", "body"))
    return Printed(str(tables(view)), str(body(view)))


def chain_views(model: Model, input_names: list[str], alone: bool = True) -> list[View]:
    """One view per step of the header, in order; neighbours that share a kernel are one step.

    alone: False for an output of several, whose static arrays would all be there at a time.
    """
    views: list[View] = []
    static = alone and _static_arrays(model)
    at, number, source, source_type = 0, 1, "x", "int16_t"
    while at < len(model.nodes):
        rest = Step(
            model.nodes[at:],
            model.bounds[at:],
            model.bounds[at - 1] if at else None,
            model.name,
            number,
            source,
            source_type,
            tuple(input_names),
            model.optimize,
            static,
            scores=model.scores,
        )
        view = _first_view(rest)
        views.append(view)
        number, source, source_type = view.number + 1, view.out, view.type
        at += len(view.step.nodes)
    return views


def _static_arrays(model: Model) -> bool:
    """True where arrays between steps are static: without a stack frame the code is smaller. Not
    where scores are asked for: the compiler may write out the loops over a few of them, whose
    places in a frame are shorter.
    """
    return model.optimize == "size" and not model.scores


def _first_view(rest: Step) -> View:
    """The longest step at the front of a chain that one kernel computes, else the first node's."""
    for kinds, make in FUSED:
        step = rest.front(len(kinds))
        if tuple(map(type, step.nodes)) == kinds and (view := make(step)) is not None:
            return view
    return rest.nodes[0].view(rest.front(1))


def slow_steps(model: Model) -> list[str]:
    """Why steps of the model are computed without a quick kernel; empty where none is."""
    chains = (chain_views(one, [""] * len(one.inputs)) for one in model.singles)
    return list(dict.fromkeys(view.slow for chain in chains for view in chain if view.slow))


def constant_bytes(model: Model) -> int:
    """Bytes of tables the model puts into flash, without its range table and code."""
    return sum(
        view.rom_bytes for one in model.singles for view in chain_views(one, [""] * len(one.inputs))
    )


def float_views(model: Model) -> list[FloatView]:
    """One view per node, in float arithmetic."""
    chain, views = (None, *model.nodes, None), []
    source, columns = "x", len(model.inputs)
    for k, (node, proven) in enumerate(zip(model.nodes, model.bounds)):
        step = FloatStep(proven, chain[k], chain[k + 2], model.name, k + 1, source, columns)
        views.append(node.float_view(step))
        source, columns = views[-1].out, len(proven.low)
    return views
