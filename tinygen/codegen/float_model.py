"""The same model in float arithmetic: what the integer model is compared with.

The chain of nodes is the integer model's own, without its roundings, written as C that a careful
programmer would write by hand. Where a choice exists, it is the one that is kinder to float: the
scaling of inputs is folded into the coefficients behind it, tables are indexed by integers, and
saturation that only the integers need is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import __version__
from ..model.fixedpoint import INT16_MAX
from ..model.model import Model
from ..model.nodes import (
    Argmax,
    Bounds,
    Dense,
    Exp2,
    Forest,
    Log2,
    Lookup,
    Monomials,
    Node,
    Outside,
    Power,
    Scale,
)
from .emit import check_prefix, environment


def render_float(model: Model) -> str:
    """Text of a NAME.h with the names and the inputs of the integer model's, in float: for
    measuring only.
    """
    name = check_prefix(model.name)
    macros, nodes, source = environment().get_template("float_nodes.h.j2").module, [], "x"
    for number in range(len(model.nodes)):
        view = _view(model, number, source)
        source = view["out"]
        nodes.append(
            {
                part: str(getattr(macros, f"{part}_{view['op']}")(view))
                for part in ("tables", "body")
            }
        )
    whole = isinstance(model.nodes[-1], (Argmax, Outside))
    return (
        environment()
        .get_template("float_model.h.j2")
        .render(
            version=__version__,
            name=name,
            upper=name.upper(),
            inputs=len(model.inputs),
            model_id=model.model_id,
            threshold=model.threshold,
            nodes=nodes,
            result=f"(int16_t){source}[0]" if whole else f"{name}_nearest({source}[0])",
        )
    )


def frame(node: Scale) -> tuple[np.ndarray, np.ndarray]:
    """Factor and offset of each input: `u = factor * x + offset`, without rounding."""
    factor = np.array(node.multiplier) / 2**node.shift
    return factor, -np.array(node.low) * factor - node.zero


def folded(node: Dense, previous: Node | None) -> tuple[np.ndarray, np.ndarray]:
    """Float weights and biases of a layer; behind a Scale they take its factors and offsets in."""
    weights = np.array(node.weights, dtype=np.float64) / 2**node.shift
    bias = np.array(node.bias, dtype=np.float64) * 2.0 ** (node.bias_shift - node.shift)
    if not isinstance(previous, Scale):
        return weights, bias
    factor, offset = frame(previous)
    return weights * factor, bias + weights @ offset


@dataclass(frozen=True)
class _Place:
    """A node where it stands in its chain."""

    proven: Bounds
    previous: Node | None
    following: Node | None
    name: str  # prefix of every C name
    source: str  # the C array that the node reads


def _view(model: Model, number: int, source: str) -> dict:
    """What a node's macros print."""
    node, chain = model.nodes[number], (None, *model.nodes, None)
    place = _Place(model.bounds[number], chain[number], chain[number + 2], model.name, source)
    out = f"v{number + 1}"
    return {
        "op": node.op,
        "out": out,
        "prefix": f"{model.name}_{out}",
        "source": source,
        "width": len(place.proven.low),
        "columns": len(model.bounds[number - 1].low) if number else len(model.inputs),
        **FLOAT_VIEWS[type(node)](node, place),
    }


def _scale(node: Scale, place: _Place) -> dict:
    # the first raw value whose scaled one is `top`: everything above it counts as that
    highest = [
        min(low - (-(node.top << node.shift) // m), INT16_MAX)
        for low, m in zip(node.low, node.multiplier)
    ]
    return {
        "value_type": "float" if place.previous else "int16_t",
        "limit_rows": _pairs(node.low, highest, str),
        "frame_rows": [] if isinstance(place.following, Dense) else _pairs(*frame(node)),
    }


def _dense(node: Dense, place: _Place) -> dict:
    weights, bias = folded(node, place.previous)
    relu = node.low == 0 and node.high == INT16_MAX and len(node.bias) > 1
    limits = (
        {"clamp_low": "0.0f", "clamp_high": None}
        if relu
        else _limits(node, place.proven, node.shift)
    )
    return {
        "weight_rows": [f"{{ {_listed(row)} }}," for row in weights],
        "bias_rows": [_listed(bias) + ","],
        **limits,
    }


def _lookup(node: Lookup, place: _Place) -> dict:
    def curve(c):
        element = f"{place.source}[{c.source}]"
        whole = f"{place.name}_nearest({element})" if place.previous else element
        return {
            "distance": f"{place.name}_distance({whole}, {c.origin}, {c.reach}u)",
            "length": len(c.table),
            "rows": [_listed(c.table) + ","],
            "step_bits": c.step_bits,
            "mask": (1 << c.step_bits) - 1,
            "per_step": _literal(2.0**-c.step_bits),
        }

    limits = (
        _limits(node, place.proven, 0) if node.total else {"clamp_low": None, "clamp_high": None}
    )
    return {
        "curves": [curve(c) for c in node.curves],
        "total": node.total,
        "bias": _literal(node.bias),
        **limits,
    }


def _monomials(node: Monomials, place: _Place) -> dict:
    def term(indices):
        factor = 2.0 ** {1: node.bits, 2: 0, 3: -node.bits}[len(indices)]
        product = " * ".join(f"{place.source}[{i}]" for i in indices)
        return product if factor == 1 else f"{product} * {_literal(factor)}"

    return {"terms": [term(indices) for indices in node.terms]}


def _power(node: Power, place: _Place) -> dict:
    product = " * ".join([f"{place.source}[0]"] * node.degree)
    return {"expression": f"{product} * {_literal(2.0 ** (-16 * (node.degree - 1)))}"}


def _log2(node: Log2, place: _Place) -> dict:
    return {
        "logarithms": [k in node.columns for k in range(len(place.proven.low))],
        "per_octave": _literal(node.octave / np.log(2)),
    }


def _exp2(node: Exp2, place: _Place) -> dict:
    return {"per_step": _literal(np.log(2) / node.octave)}


def _forest(node: Forest, place: _Place) -> dict:
    splits = node.splits or ((0, 0, 0, 0),)
    narrow = max(len(splits), len(node.leaves)) <= 127
    return {
        "splits": len(splits),
        "leaves": len(node.leaves),
        "trees": len(node.roots),
        "child_type": "int8_t" if narrow else "int16_t",
        "read_child": "TINYGEN_READ_I8" if narrow else "TINYGEN_READ_I16",
        "input_rows": [f"{s[0]}," for s in splits],
        "limit_rows": [f"{_literal(s[1])}," for s in splits],
        "child_rows": _pairs(*zip(*((s[2], s[3]) for s in splits)), str),
        "root_rows": [f"{root}," for root in node.roots],
        "leaf_rows": [f"{{ {_listed(row)} }}," for row in node.leaves],
        "bias": _listed(node.bias),
        **_limits(node, place.proven, 0),
    }


def _outside(node: Outside, place: _Place) -> dict:
    return {"interval_rows": _pairs(node.low, node.high)}


def _limits(node, proven: Bounds, shift: int) -> dict:
    """The node's limits as float literals, None where the interval proof shows them out of reach."""
    return {
        "clamp_low": _literal(node.low) if proven.acc_low >> shift < node.low else None,
        "clamp_high": _literal(node.high) if proven.acc_high >> shift > node.high else None,
    }


def _literal(value: float) -> str:
    """The nearest float as C text: nine digits tell all floats apart."""
    text = f"{float(np.float32(value)):.9g}"
    return f"{text}f" if any(c in text for c in ".e") else f"{text}.0f"


def _listed(values) -> str:
    return ", ".join(map(_literal, values))


def _pairs(first, second, text=_literal) -> list[str]:
    return [f"{{ {text(a)}, {text(b)} }}," for a, b in zip(first, second)]


FLOAT_VIEWS = {
    Scale: _scale,
    Dense: _dense,
    Lookup: _lookup,
    Monomials: _monomials,
    Power: _power,
    Log2: _log2,
    Exp2: _exp2,
    Forest: _forest,
    Argmax: lambda node, place: {},
    Outside: _outside,
}
