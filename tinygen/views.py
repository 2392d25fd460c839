"""What a template needs to know of each node: names, C types from the interval proof, and rows of text."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, replace

from .errors import EmitError, ModelError
from .fixedpoint import INT16_MAX, bits_for
from .nodes import UINT16_MAX, Argmax, Bounds, Dense, Forest, Lookup, Monomials, Outside, Power, Scale

ACC_TYPES = {16: "int16_t", 24: "tinygen_int24", 32: "int32_t"}
MAX_PLACES = 255          # places in an array that a byte can name
OPTIMIZE = ("balanced", "size", "speed")
OUT_NAMES = {"scale": "u", "lookup": "f", "monomials": "t", "dense": "s", "power": "y", "forest": "s",
             "argmax": "best", "outside": "count"}


@dataclass(frozen=True)
class Step:
    """One or more neighbouring nodes that are printed as one numbered step of the header."""

    nodes: tuple
    bounds: tuple[Bounds, ...]
    before: Bounds | None        # of what the step reads; None for the model's raw inputs
    name: str                    # prefix of every C name
    number: int
    source: str                  # the C array that the step reads
    source_type: str             # and the type of its elements
    input_names: tuple[str, ...]
    optimize: str = "balanced"

    def common(self) -> dict:
        """What every template prints: names and types of the step's last node."""
        node, proven = self.nodes[-1], self.bounds[-1]
        relu = isinstance(node, Dense) and node.low == 0 and len(node.bias) > 1
        out = ("h" if relu else OUT_NAMES[node.op]) + str(self.number)
        return {"template": f"node_{node.op}.h.j2", "number": self.number, "out": out, "prefix": f"{self.name}_{out}",
                "source": self.source, "source_type": self.source_type, "type": proven.c_type,
                "width": len(proven.low), "range": f"{min(proven.low)} .. {max(proven.high)}",
                **_accumulator(proven)}


def chain_views(model, input_names: list[str], optimize: str = "balanced") -> list[dict]:
    """One view per step of the header, in order: everything its template prints, `template` first."""
    if optimize not in OPTIMIZE:
        raise EmitError(f"cannot optimize for '{optimize}': one of {', '.join(OPTIMIZE)}")
    views, at, source, source_type = [], 0, "x", "int16_t"
    while at < len(model.nodes):
        rest = Step(model.nodes[at:], model.bounds[at:], model.bounds[at - 1] if at else None, model.name,
                    views[-1]["number"] + 1 if views else 1, source, source_type, tuple(input_names), optimize)
        step, view = _first_view(rest)
        views.append(view)
        source, source_type, at = view["out"], view["type"], at + len(step.nodes)
    return views


def _first_view(rest: Step) -> tuple[Step, dict]:
    """The longest step at the front of a chain for which a fused kernel exists, else its first node."""
    for kinds, make in FUSED:
        step = replace(rest, nodes=rest.nodes[:len(kinds)], bounds=rest.bounds[:len(kinds)])
        if tuple(map(type, step.nodes)) == kinds and (view := make(step)) is not None:
            return step, {**step.common(), **view}
    step = replace(rest, nodes=rest.nodes[:1], bounds=rest.bounds[:1])
    common = step.common()
    return step, {**common, **VIEWS[type(step.nodes[0])](step.nodes[0], step.bounds[0], step.before, common, step.input_names)}


def _accumulator(proven: Bounds) -> dict:
    return {"acc_bits": proven.acc_bits, "acc_type": ACC_TYPES[proven.acc_bits],
            "acc_range": f"{proven.acc_low} .. {proven.acc_high}"}


def constant_bytes(model) -> int:
    """Bytes of tables the model puts into flash, without its range table and code."""
    return sum(_node_bytes(node, proven) for node, proven in zip(model.nodes, model.bounds))


def _scale(node, proven, before, common, input_names):
    kernel = SCALE_KERNELS.get((node.shift, node.top, node.zero))
    multiplier = "(int8_t){}" if node.shift == 8 else "TINYGEN_BYTES({})"
    return {"kernel": kernel, "slots": len(node.low),
            "rows": [f"TINYGEN_BYTES({low}), {multiplier.format(m)}, /* {n} */" for low, m, n in zip(node.low, node.multiplier, input_names)],
            "low_rows": [f"{v:6d}, /* {n} */" for v, n in zip(node.low, input_names)],
            "multiplier_rows": [f"{v:6d}, /* {n} */" for v, n in zip(node.multiplier, input_names)],
            "shift": node.shift, "top": node.top, "zero": node.zero}


def _lookup(node, proven, before, common, input_names):
    curves = [{"source": c.source, "origin": c.origin, "step": 1 << c.step_bits, "length": len(c.table),
               "what": input_names[c.source] if before is None else f"element {c.source}",
               "name": f"{common['prefix']}_{k}", "rows": _wrapped(c.table),
               "position": _position(c, common["source"], INT16_MAX if before is None else before.high[c.source])}
              for k, c in enumerate(node.curves)]
    return {"curves": curves, "total": node.total, "bias": node.bias, "square": False, **_clamps(node, proven, 0)}


def _lookup_square(step: Step) -> dict | None:
    """One table, then the square of its value, without a stop between."""
    lookup, power = step.nodes
    proven = step.bounds[0]
    if power.degree != 2 or not lookup.total or len(lookup.curves) != 1 or lookup.bias or (
            proven.acc_low < lookup.low or proven.acc_high > lookup.high):
        return None
    view = _lookup(lookup, proven, step.before, step.common(), step.input_names)
    return {"template": "node_lookup.h.j2", **view, "square": True, "inner": f"{proven.acc_low} .. {proven.acc_high}"}


def _terms(step: Step) -> dict | None:
    """A sparse polynomial up to degree 2: one loop over its terms, no product is ever stored."""
    scale, monomials, output = step.nodes
    if (SCALE_KERNELS.get((scale.shift, scale.top, scale.zero)) != "tinygen_scale_bytes" or len(output.bias) != 1
            or max(map(len, monomials.terms)) > 2 or len(scale.low) >= MAX_PLACES):
        return None
    front = replace(step, nodes=step.nodes[:1], bounds=step.bounds[:1])
    scale_view = {**front.common(), **_scale(scale, step.bounds[0], step.before, front.common(), step.input_names)}
    common = replace(step, nodes=step.nodes[1:], bounds=step.bounds[1:], number=step.number + 1, source=scale_view["out"],
                     source_type=scale_view["type"]).common()
    one, bits, proven = len(scale.low), 32 if output.weight_bits == 16 else max(step.bounds[2].acc_bits, 24), step.bounds[2]
    share = "TINYGEN_BYTES({})," if output.weight_bits == 16 else "{:4d},"
    rows = [f"{term[0]:2d}, {term[1] if len(term) == 2 else one:2d}, " + share.format(w if len(term) == 2 else -w)
            for term, w in zip(monomials.terms, output.weights[0])]
    return {**common, "template": "node_terms.h.j2", "scale": {**scale_view, "slots": one + 1}, "terms": len(rows), "rows": rows,
            "row_bytes": 2 + output.weight_bits // 8, "weight_bits": output.weight_bits, "one": one, "one_value": -(1 << monomials.bits),
            "shift": output.shift, "kernel": f"tinygen_terms_w{output.weight_bits}_{bits}", "acc_bits": bits, "acc_type": ACC_TYPES[bits],
            "start": _start(output, 1, "", "", ACC_TYPES[bits]), **_clamps(output, proven, output.shift)}


def _position(curve, source: str, most: int) -> str:
    """C expression of the place on a curve's grid, for a source that reaches `most`."""
    above = f"tinygen_above({source}[{curve.source}], {curve.origin})"
    left = max(8 - curve.step_bits, 0)
    if (most - curve.origin) << left > UINT16_MAX:      # the shift could overflow: clamp before it
        return f"(uint16_t)(tinygen_at_most({above}, {curve.reach}u) << {left})"
    shifted = f"(uint16_t)({above} << {left})" if left else f"(uint16_t)({above} >> {curve.step_bits - 8})" if curve.step_bits > 8 else above
    return f"tinygen_within({shifted}, {len(curve.table) - 2}, {(curve.reach << left) & 255})"


def _monomials(node, proven, before, common, input_names):
    return {"terms": [_product(term, common["source"], node.bits) for term in node.terms]}


def _product(term, u: str, bits: int) -> str:
    """C expression of one monomial; multiplication instead of << keeps negative values defined."""
    if len(term) == 1:
        return f"{u}[{term[0]}] * {1 << bits}"
    if len(term) == 2:
        return f"{u}[{term[0]}] * {u}[{term[1]}]"
    return f"((int32_t)({u}[{term[0]}] * {u}[{term[1]}]) * {u}[{term[2]}] + {1 << bits >> 1}) >> {bits}"


def _dense(node, proven, before, common, input_names):
    short = _short(common["source_type"], before)
    acc_bits = dot_bits(common["source_type"], node.weight_bits, proven.acc_bits)
    rows = len(node.bias)
    starts = node.start if not node.bias_shift else node.bias
    bias_type = "int16_t" if all(abs(b) <= INT16_MAX for b in starts) else "int32_t"
    relu_layer = is_relu_layer(node, proven)
    return {"relu_layer": relu_layer, "layer": f"tinygen_relu_layer_{short}", "layer_rows": [_unit(node, k) for k in range(rows)],
            "type": "int16_t" if relu_layer else common["type"], "weight_bits": node.weight_bits, "weight_type": f"int{node.weight_bits}_t", "rows": rows,
            "columns": len(node.weights[0]), "shift": node.shift, "bias_shift": node.bias_shift, "relu": node.low == 0 and rows > 1,
            "weight_rows": ["{ " + ", ".join(f"{w:4d}" for w in row) + " }," for row in node.weights],
            "bias_type": bias_type, "bias_rows": _wrapped(starts), "dot": f"tinygen_dot_{short}_w{node.weight_bits}_{acc_bits}",
            "acc_bits": acc_bits, "acc_type": ACC_TYPES[acc_bits],
            "start": _start(node, rows, bias_type, common["prefix"], ACC_TYPES[acc_bits]),
            **_clamps(node, proven, node.shift)}


def _short(source_type: str, before: Bounds) -> str:
    """How the kernels' names spell the type of their inputs."""
    short = {"int8_t": "s8", "uint8_t": "u8", "int16_t": "s16"}.get(source_type)
    if short is None:
        raise ModelError(f"dense: its inputs reach {min(before.low)} .. {max(before.high)}, beyond int16")
    return short


def is_relu_layer(node: Dense, proven: Bounds) -> bool:
    """True where the hand-written layer kernels compute this node, byte for byte."""
    return (len(node.bias) > 1 and node.low == 0 and node.high == INT16_MAX and node.shift == node.bias_shift == 8
            and node.weight_bits == 8 and proven.acc_bits <= 24 and all(-INT16_MAX <= b <= INT16_MAX for b in node.bias))


def _unit(node: Dense, row: int) -> str:
    """A unit's row in a kernel's table: its bias, then its weights."""
    return f"TINYGEN_BYTES({node.bias[row]})," + "".join(f" {w:4d}," for w in node.weights[row])


def _relu_net(step: Step) -> dict | None:
    """A hidden layer and the one output it feeds: no unit is ever stored."""
    layer, output = step.nodes
    if not is_relu_layer(layer, step.bounds[0]) or len(output.bias) != 1:
        return None
    proven = step.bounds[1]
    bits = 32 if output.weight_bits == 16 else max(proven.acc_bits, 24)
    share = "TINYGEN_BYTES({})," if output.weight_bits == 16 else "{:4d},"
    return {"template": "node_relu_net.h.j2", "units": len(layer.bias), "columns": len(layer.weights[0]),
            "row_bytes": len(layer.weights[0]) + 2 + output.weight_bits // 8,
            "rows": [_unit(layer, k) + "   " + share.format(v) for k, v in enumerate(output.weights[0])],
            "kernel": f"tinygen_relu_net_{_short(step.source_type, step.before)}_w{output.weight_bits}_{bits}",
            "hidden": f"h{step.number}", "weight_bits": output.weight_bits, "shift": output.shift, "acc_bits": bits, "acc_type": ACC_TYPES[bits],
            "hidden_range": f"{min(step.bounds[0].low)} .. {max(step.bounds[0].high)}",
            "hidden_sums": f"{step.bounds[0].acc_low} .. {step.bounds[0].acc_high}",
            "start": _start(output, 1, "", "", ACC_TYPES[bits]), **_clamps(output, proven, output.shift)}


def dot_bits(input_type: str, weight_bits: int, acc_bits: int) -> int:
    """Accumulator width of the narrowest kernel that exists for these operands."""
    if weight_bits == 16:
        return 32
    return max(acc_bits, 24) if input_type == "int16_t" else acc_bits


def _start(node, rows: int, bias_type: str, prefix: str, acc_type: str) -> str:
    if rows == 1:
        return f"({acc_type}){node.start[0]}" if abs(node.start[0]) <= INT16_MAX else f"({acc_type}){node.start[0]}L"
    read = f"TINYGEN_READ_{'I16' if bias_type == 'int16_t' else 'I32'}(&{prefix}_bias[i])"
    half = (1 << node.shift) >> 1
    if node.bias_shift:
        return f"({acc_type})(({acc_type}){read} * {1 << node.bias_shift}L + {half})"
    return f"({acc_type}){read}"


def _power(node, proven, before, common, input_names):
    return {"degree": node.degree}


def _forest(node, proven, before, common, input_names):
    child = "int8_t" if max(len(node.splits), len(node.leaves)) <= 127 else "int16_t"
    leaf = "int8_t" if all(abs(v) <= 127 for row in node.leaves for v in row) else "int16_t"
    return {"splits": max(len(node.splits), 1), "leaves": len(node.leaves), "trees": len(node.roots),
            "outputs": len(node.bias), "child_type": child, "leaf_type": leaf,
            "read_child": f"TINYGEN_READ_I{8 if child == 'int8_t' else 16}",
            "read_leaf": f"TINYGEN_READ_I{8 if leaf == 'int8_t' else 16}",
            "input_rows": _wrapped([s[0] for s in node.splits] or [0]), "limit_rows": _wrapped([s[1] for s in node.splits] or [0]),
            "child_rows": _wrapped([f"{{{s[2]},{s[3]}}}" for s in node.splits] or ["{0,0}"]),
            "leaf_rows": _wrapped(["{" + ",".join(map(str, row)) + "}" for row in node.leaves]),
            "root_rows": _wrapped(node.roots), "bias": ", ".join(map(str, node.bias)), **_clamps(node, proven, 0)}


def _argmax(node, proven, before, common, input_names):
    return {"scores": len(before.low)}


def _outside(node, proven, before, common, input_names):
    return {"interval_rows": [f"{{ {a:6d}, {b:6d} }}, /* {n} */" for a, b, n in zip(node.low, node.high, input_names)],
            "width": len(node.low)}


def _clamps(node, proven: Bounds, shift: int) -> dict:
    """The shifted accumulator, and the limits that it can really reach: None where the proof excludes them."""
    low, high = proven.acc_low >> shift, proven.acc_high >> shift
    kind = ACC_TYPES[bits_for(low, high)]
    return {"shifted_type": kind, "shifted": f"({kind})(acc >> {shift})" if shift else f"({kind})acc",
            "clamp_low": node.low if low < node.low else None, "clamp_high": _literal(node.high) if high > node.high else None}


def _literal(value: int) -> str:
    return f"{value}L" if abs(value) > INT16_MAX else str(value)


def _wrapped(values, width: int = 100) -> list[str]:
    return textwrap.wrap(" ".join(f"{v}," for v in values), width)


def _node_bytes(node, proven: Bounds) -> int:
    if isinstance(node, Scale):
        return (2 + node.shift // 8) * len(node.low)
    if isinstance(node, Lookup):
        return 2 * sum(len(curve.table) for curve in node.curves)
    if isinstance(node, Dense):
        starts = node.bias if node.bias_shift else node.start
        per_bias = 0 if len(starts) == 1 else 2 if all(abs(b) <= INT16_MAX for b in starts) else 4
        return sum(map(len, node.weights)) * node.weight_bits // 8 + per_bias * len(starts)
    if isinstance(node, Forest):
        child = 1 if max(len(node.splits), len(node.leaves)) <= 127 else 2
        leaf = 1 if all(abs(v) <= 127 for row in node.leaves for v in row) else 2
        return len(node.splits) * (3 + 2 * child) + leaf * len(node.leaves) * len(node.bias) + child * len(node.roots)
    return 4 * len(node.low) if isinstance(node, Outside) else 0


# (shift, top, zero) -> kernel with one table; other scalings print a loop
SCALE_KERNELS = {(8, 255, 128): "tinygen_scale_bytes", (16, 4095, 2048): "tinygen_scale_words"}
# chains of nodes that one kernel computes, the longest first; a maker may decline with None
FUSED = (((Scale, Monomials, Dense), _terms), ((Dense, Dense), _relu_net), ((Lookup, Power), _lookup_square))
VIEWS = {Scale: _scale, Lookup: _lookup, Monomials: _monomials, Dense: _dense, Power: _power, Forest: _forest,
         Argmax: _argmax, Outside: _outside}
