"""What a template needs to know of each node: names, C types from the interval proof, and rows of
text.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, replace

from ..common.errors import ModelError
from ..model.fixedpoint import INT16_MAX, bits_for
from ..model.nodes import (
    UINT16_MAX,
    Argmax,
    Bounds,
    Dense,
    Exp2,
    Forest,
    Log2,
    Lookup,
    Monomials,
    Outside,
    Power,
    Scale,
)

ACC_TYPES = {16: "int16_t", 24: "tinygen_int24", 32: "int32_t"}
MAX_PLACES = 255  # places in an array that a byte can name
MAX_SPLIT_INPUT = 63  # inputs that a split of a stream can name
MAX_NODES = 127  # nodes of a curve in a list of curves
PAIRED = 8  # units of a net from which on pairs of them are worth their code
KERNELS = {1: "net", 2: "pairs", 4: "quads"}
KERNEL_CYCLES = {2: 16.5, 4: 14.75}  # per int16 input and unit
MAX_SKIP = 255  # bytes of a split's left side in a stream
MAX_DEPTH = 12  # levels of nested branches that fit a screen
CURVES = {"balanced": 5, "size": 4, "speed": 256}  # fewest curves that are worth a loop
BRANCHES = {"balanced": 16, "size": 12, "speed": 64}  # most splits that are printed as if and else
OUT_NAMES = {
    "scale": "u",
    "lookup": "f",
    "monomials": "t",
    "dense": "s",
    "power": "y",
    "log2": "l",
    "exp2": "y",
    "forest": "s",
    "argmax": "best",
    "outside": "count",
}


@dataclass(frozen=True)
class Step:
    """One or more neighbouring nodes that are printed as one numbered step of the header."""

    nodes: tuple
    bounds: tuple[Bounds, ...]
    before: Bounds | None  # of what the step reads; None for the model's raw inputs
    name: str  # prefix of every C name
    number: int
    source: str  # the C array that the step reads
    source_type: str  # and the type of its elements
    input_names: tuple[str, ...]
    optimize: str

    def common(self) -> dict:
        """What every template prints: names and types of the step's last node."""
        node, proven = self.nodes[-1], self.bounds[-1]
        relu = isinstance(node, Dense) and node.low == 0 and len(node.bias) > 1
        out = ("h" if relu else OUT_NAMES[node.op]) + str(self.number)
        return {
            "template": f"node_{node.op}.h.j2",
            "number": self.number,
            "out": out,
            "prefix": f"{self.name}_{out}",
            "source": self.source,
            "source_type": self.source_type,
            "type": proven.c_type,
            "width": len(proven.low),
            "range": f"{min(proven.low)} .. {max(proven.high)}",
            **_accumulator(proven),
        }


def chain_views(model, input_names: list[str]) -> list[dict]:
    """One view per step of the header, in order: everything its template prints, `template` first."""
    views, at, source, source_type = [], 0, "x", "int16_t"
    while at < len(model.nodes):
        rest = Step(
            model.nodes[at:],
            model.bounds[at:],
            model.bounds[at - 1] if at else None,
            model.name,
            views[-1]["number"] + 1 if views else 1,
            source,
            source_type,
            tuple(input_names),
            model.optimize,
        )
        step, view = _first_view(rest)
        views.append(view)
        source, source_type, at = view["out"], view["type"], at + len(step.nodes)
    return views


def _first_view(rest: Step) -> tuple[Step, dict]:
    """The longest step at the front of a chain for which a fused kernel exists, else its first
    node.
    """
    for kinds, make in FUSED:
        step = replace(rest, nodes=rest.nodes[: len(kinds)], bounds=rest.bounds[: len(kinds)])
        if tuple(map(type, step.nodes)) == kinds and (view := make(step)) is not None:
            return step, {**step.common(), **view}
    step = replace(rest, nodes=rest.nodes[:1], bounds=rest.bounds[:1])
    common = step.common()
    return step, {
        **common,
        **VIEWS[type(step.nodes[0])](
            step.nodes[0], step.bounds[0], step.before, common, step.input_names
        ),
    }


def _accumulator(proven: Bounds) -> dict:
    return {
        "acc_bits": proven.acc_bits,
        "acc_type": ACC_TYPES[proven.acc_bits],
        "acc_range": f"{proven.acc_low} .. {proven.acc_high}",
    }


def constant_bytes(model) -> int:
    """Bytes of tables the model puts into flash, without its range table and code."""
    return sum(view["rom_bytes"] for view in chain_views(model, [""] * len(model.inputs)))


def _scale(node, proven, before, common, input_names):
    bits = node.multiplier_bits
    multiplier = "(int8_t){}" if bits == 8 else "TINYGEN_BYTES({})"
    in_place = (
        before is not None and common["source_type"] == common["type"] == "int16_t"
    )  # nobody reads them unscaled
    return {
        "kernel": _scale_kernel(node),
        "in_place": in_place,
        "slots": len(node.low),
        "what": "raw value" if before is None else common["source"],
        "bits": bits,
        "function": f"tinygen_{'scale' if bits == node.shift else 'widen'}{bits}",
        "rom_bytes": (2 + bits // 8) * len(node.low),
        "rows": [
            f"TINYGEN_BYTES({low}), {multiplier.format(m)}, /* {n} */"
            for low, m, n in zip(node.low, node.multiplier, input_names)
        ],
        "low_rows": [f"{v:6d}, /* {n} */" for v, n in zip(node.low, input_names)],
        "multiplier_rows": [f"{v:6d}, /* {n} */" for v, n in zip(node.multiplier, input_names)],
        "shift": node.shift,
        "top": node.top,
        "zero": node.zero,
    }


def _scale_kernel(node: Scale) -> str | None:
    return SCALE_KERNELS.get((node.shift, node.multiplier_bits, node.top, node.zero))


def _lookup(node, proven, before, common, input_names):
    bias = node.bias if node.total else 0
    if bias and _fits(
        v + bias for v in node.curves[0].table
    ):  # a shifted table is the same curve, shifted
        first = replace(node.curves[0], table=tuple(v + bias for v in node.curves[0].table))
        node, bias = replace(node, curves=(first, *node.curves[1:])), 0
    curves = [
        {
            "source": c.source,
            "origin": c.origin,
            "step": 1 << c.step_bits,
            "length": len(c.table),
            "what": input_names[c.source] if before is None else f"element {c.source}",
            "name": f"{common['prefix']}_{k}",
            "rows": _wrapped(c.table),
            "position": _position(
                c, common["source"], INT16_MAX if before is None else before.high[c.source]
            ),
        }
        for k, c in enumerate(node.curves)
    ]
    return {
        "curves": curves,
        "total": node.total,
        "bias": bias,
        "square": False,
        "rom_bytes": 2 * sum(len(curve.table) for curve in node.curves),
        **_clamps(node, proven, 0),
    }


def _lookup_square(step: Step) -> dict | None:
    """One table, then the square of its value, without a stop between."""
    lookup, power = step.nodes
    proven = step.bounds[0]
    if (
        power.degree != 2
        or not lookup.total
        or len(lookup.curves) != 1
        or proven.acc_low < lookup.low
        or proven.acc_high > lookup.high
    ):
        return None
    view = _lookup(lookup, proven, step.before, step.common(), step.input_names)
    if view["bias"]:
        return None
    return {
        "template": "node_lookup.h.j2",
        **view,
        "square": True,
        "inner": f"{proven.acc_low} .. {proven.acc_high}",
    }


def _curves(step: Step) -> dict | None:
    """Several tables that are added: one loop over their descriptions."""
    (lookup,), (proven,) = step.nodes, step.bounds
    if (
        not lookup.total
        or len(lookup.curves) < CURVES[step.optimize]
        or step.source_type != "int16_t"
        or proven.acc_bits > 24
        or not all(c.step_bits >= 1 and len(c.table) <= MAX_NODES for c in lookup.curves)
    ):
        return None
    names = (
        step.input_names
        if step.before is None
        else [f"element {k}" for k in range(len(step.before.low))]
    )
    curves = [
        {
            "what": names[c.source],
            "origin": c.origin,
            "step": 1 << c.step_bits,
            "source": c.source,
            "head": f"TINYGEN_CURVE({c.source}, {c.step_bits}), {c.origin}, {_signed(c.reach, 16)}, {2 * len(c.table)},",
            "rows": _wrapped(c.table),
        }
        for c in lookup.curves
    ]
    words = sum(4 + len(c.table) for c in lookup.curves)
    return {
        "template": "node_curves.h.j2",
        "curves": curves,
        "words": words,
        "rom_bytes": 2 * words,
        "acc_bits": 24,
        "acc_type": ACC_TYPES[24],
        "bias": lookup.bias,
        **_clamps(lookup, proven, 0),
    }


def _signed(value: int, bits: int) -> int:
    """The signed number with the same bits."""
    return value - (1 << bits) if value >> (bits - 1) else value


def _terms(step: Step) -> dict | None:
    """A sparse polynomial up to degree 2: one loop over its terms, no product is ever stored."""
    scale, monomials, output = step.nodes
    if (
        step.optimize == "speed"
        or _scale_kernel(scale) != "tinygen_scale_bytes"
        or len(output.bias) != 1
        or max(map(len, monomials.terms)) > 2
        or len(scale.low) >= MAX_PLACES
    ):
        return None
    front = replace(step, nodes=step.nodes[:1], bounds=step.bounds[:1])
    scale_view = {
        **front.common(),
        **_scale(scale, step.bounds[0], step.before, front.common(), step.input_names),
    }
    common = replace(
        step,
        nodes=step.nodes[1:],
        bounds=step.bounds[1:],
        number=step.number + 1,
        source=scale_view["out"],
        source_type=scale_view["type"],
    ).common()
    one, bits, proven = (
        len(scale.low),
        32 if output.weight_bits == 16 else max(step.bounds[2].acc_bits, 24),
        step.bounds[2],
    )
    share = "TINYGEN_BYTES({})," if output.weight_bits == 16 else "{:4d},"
    rows = [
        f"{term[0]:2d}, {term[1] if len(term) == 2 else one:2d}, "
        + share.format(w if len(term) == 2 else -w)
        for term, w in zip(monomials.terms, output.weights[0])
    ]
    return {
        **common,
        "template": "node_terms.h.j2",
        "rom_bytes": scale_view["rom_bytes"] + len(rows) * (2 + output.weight_bits // 8),
        "scale": {**scale_view, "slots": one + 1},
        "terms": len(rows),
        "rows": rows,
        "row_bytes": 2 + output.weight_bits // 8,
        "weight_bits": output.weight_bits,
        "one": one,
        "one_value": -(1 << monomials.bits),
        "shift": output.shift,
        "kernel": f"tinygen_terms_w{output.weight_bits}_{bits}",
        "acc_bits": bits,
        "acc_type": ACC_TYPES[bits],
        "start": _start(output, 1, "", "", ACC_TYPES[bits]),
        **_clamps(output, proven, output.shift),
    }


def _linear(step: Step) -> dict | None:
    """Scaled inputs and the one row that weighs them: no scaled input is ever stored, and `zero`
    moves into the start.

    The proven interval holds for these sums too: both ways every share's interval holds 0, so that
    the partial sums lie between the same two ends.
    """
    scale, output = step.nodes
    if (
        _scale_kernel(scale) != "tinygen_scale_words"
        or len(output.bias) != 1
        or output.weight_bits != 8
    ):
        return None
    bits, (weights,) = max(step.bounds[1].acc_bits, 24), output.weights
    return {
        "template": "node_linear.h.j2",
        "inputs": len(weights),
        "rom_bytes": 5 * len(weights),
        "rows": [
            f"TINYGEN_BYTES({low:6d}), TINYGEN_BYTES({m:5d}), {w:4d}, /* {n} */"
            for low, m, w, n in zip(scale.low, scale.multiplier, weights, step.input_names)
        ],
        "scale_shift": scale.shift,
        "top": scale.top,
        "shift": output.shift,
        "kernel": f"tinygen_linear_w8_{bits}",
        "acc_bits": bits,
        "acc_type": ACC_TYPES[bits],
        "start": _number(output.start[0] - scale.zero * sum(weights), ACC_TYPES[bits]),
        **_clamps(output, step.bounds[1], output.shift),
    }


def _position(curve, source: str, most: int) -> str:
    """C expression of the place on a curve's grid, for a source that reaches `most`."""
    above = f"tinygen_above({source}[{curve.source}], {curve.origin})"
    left = max(8 - curve.step_bits, 0)
    if (most - curve.origin) << left > UINT16_MAX:  # the shift could overflow: clamp before it
        return f"(uint16_t)(tinygen_at_most({above}, {curve.reach}u) << {left})"
    shifted = (
        f"(uint16_t)({above} << {left})"
        if left
        else f"(uint16_t)({above} >> {curve.step_bits - 8})"
        if curve.step_bits > 8
        else above
    )
    return f"tinygen_within({shifted}, {len(curve.table) - 2}, {(curve.reach << left) & 255})"


def _monomials(node, proven, before, common, input_names):
    return {
        "rom_bytes": 0,
        "terms": [_product(term, common["source"], node.bits) for term in node.terms],
    }


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
    bias_type = "int16_t" if _fits(starts) else "int32_t"
    relu_layer = is_relu_layer(node, proven)
    per_bias = 0 if rows == 1 else 2 if bias_type == "int16_t" else 4
    return {
        "rom_bytes": sum(map(len, node.weights)) * node.weight_bits // 8 + per_bias * rows,
        "relu_layer": relu_layer,
        "layer": f"tinygen_relu_layer_{short}",
        "layer_rows": [_unit(node, k) for k in range(rows)],
        "type": "int16_t" if relu_layer else common["type"],
        "weight_bits": node.weight_bits,
        "weight_type": f"int{node.weight_bits}_t",
        "rows": rows,
        "columns": len(node.weights[0]),
        "shift": node.shift,
        "bias_shift": node.bias_shift,
        "relu": node.low == 0 and rows > 1,
        "weight_rows": ["{ " + ", ".join(f"{w:4d}" for w in row) + " }," for row in node.weights],
        "bias_type": bias_type,
        "bias_rows": _wrapped(starts),
        "dot": f"tinygen_dot_{short}_w{node.weight_bits}_{acc_bits}",
        "acc_bits": acc_bits,
        "acc_type": ACC_TYPES[acc_bits],
        "start": _start(node, rows, bias_type, common["prefix"], ACC_TYPES[acc_bits]),
        **_clamps(node, proven, node.shift),
    }


def _short(source_type: str, before: Bounds) -> str:
    """How the kernels' names spell the type of their inputs."""
    short = {"int8_t": "s8", "uint8_t": "u8", "int16_t": "s16"}.get(source_type)
    if short is None:
        raise ModelError(
            f"dense: its inputs reach {min(before.low)} .. {max(before.high)}, beyond int16"
        )
    return short


def is_relu_layer(node: Dense, proven: Bounds) -> bool:
    """True where the hand-written layer kernels compute this node, byte for byte."""
    return (
        len(node.bias) > 1
        and node.low == 0
        and node.high == INT16_MAX
        and node.shift == node.bias_shift == 8
        and node.weight_bits == 8
        and proven.acc_bits <= 24
        and all(-INT16_MAX <= b <= INT16_MAX for b in node.bias)
    )


def _unit(node: Dense, row: int) -> str:
    """A unit's row in a kernel's table: its bias, then its weights."""
    width = max(len(str(b)) for b in node.bias)
    return f"TINYGEN_BYTES({node.bias[row]:{width}d})," + "".join(
        f" {w:4d}," for w in node.weights[row]
    )


def _relu_net(step: Step) -> dict | None:
    """A hidden layer and the one output it feeds: no unit is ever stored."""
    layer, output = step.nodes
    if not is_relu_layer(layer, step.bounds[0]) or len(output.bias) != 1:
        return None
    proven = step.bounds[1]
    bits = 32 if output.weight_bits == 16 else max(proven.acc_bits, 24)
    columns, short, out = (
        len(layer.weights[0]),
        _short(step.source_type, step.before),
        f"w{output.weight_bits}_{bits}",
    )
    together = _together(len(layer.bias), step.optimize)
    groups = -(-len(layer.bias) // together)
    row_bytes = columns + 2 + output.weight_bits // 8
    share = "TINYGEN_BYTES({})," if output.weight_bits == 16 else "{:4d},"
    return {
        "template": "node_relu_net.h.j2",
        "units": len(layer.bias),
        "columns": columns,
        "rom_bytes": together * groups * row_bytes,
        "groups": groups,
        "together": {1: "", 2: "two", 4: "four"}[together],
        "rows": _groups(layer, output.weights[0], share, together)
        if together > 1
        else [_unit(layer, k) + "   " + share.format(v) for k, v in enumerate(output.weights[0])],
        "kernel": f"tinygen_relu_{KERNELS[together]}_{short}_{out}",
        "hidden": f"h{step.number}",
        "weight_bits": output.weight_bits,
        "shift": output.shift,
        "acc_bits": bits,
        "acc_type": ACC_TYPES[bits],
        "hidden_range": f"{min(step.bounds[0].low)} .. {max(step.bounds[0].high)}",
        "hidden_sums": f"{step.bounds[0].acc_low} .. {step.bounds[0].acc_high}",
        "start": _start(output, 1, "", "", ACC_TYPES[bits]),
        **_clamps(output, proven, output.shift),
    }


def _together(units: int, optimize: str) -> int:
    """How many units of a net are computed at a time: 1, 2 or 4. A group is filled up with units
    that do nothing.
    """
    if optimize == "speed":
        return min((4, 2), key=lambda size: -(-units // size) * size * KERNEL_CYCLES[size])
    return 2 if optimize == "balanced" and units >= PAIRED else 1


def _groups(layer: Dense, shares, share: str, together: int) -> list[str]:
    """Rows of a table of several units at a time; the last group is filled up with units that are
    always 0.
    """
    rows = []
    for at in range(0, len(shares), together):
        units = range(at, min(at + together, len(shares)))
        missing = together - len(units)
        columns = [
            [layer.weights[k][i] for k in units] + [0] * missing
            for i in range(len(layer.weights[0]))
        ]
        biases = [layer.bias[k] for k in units] + [0] * missing
        inputs = ["".join(f" {w:4d}," for w in column) for column in columns]
        rows += [
            f"/* units {', '.join(str(k + 1) for k in units)} */ "
            + " ".join(f"TINYGEN_BYTES({bias})," for bias in biases),
            *(
                "  ".join(inputs[k : k + 16 // together])
                for k in range(0, len(inputs), 16 // together)
            ),
            " "
            + " ".join(share.format(shares[k]) for k in units)
            + missing * (" " + share.format(0)),
        ]
    return rows


def dot_bits(input_type: str, weight_bits: int, acc_bits: int) -> int:
    """Accumulator width of the narrowest kernel that exists for these operands."""
    if weight_bits == 16:
        return 32
    return max(acc_bits, 24) if input_type == "int16_t" else acc_bits


def _start(node, rows: int, bias_type: str, prefix: str, acc_type: str) -> str:
    if rows == 1:
        return _number(node.start[0], acc_type)
    read = f"TINYGEN_READ_{'I16' if bias_type == 'int16_t' else 'I32'}(&{prefix}_bias[i])"
    half = (1 << node.shift) >> 1
    if node.bias_shift:
        return f"({acc_type})(({acc_type}){read} * {1 << node.bias_shift}L + {half})"
    return f"({acc_type}){read}"


def _number(value: int, c_type: str) -> str:
    return f"({c_type}){_literal(value)}"


def _power(node, proven, before, common, input_names):
    return {"rom_bytes": 0, "degree": node.degree}


def _log2(node, proven, before, common, input_names):
    return {
        "rom_bytes": 0,
        "logarithms": [k in node.columns for k in range(len(proven.low))],
        "names": ", ".join(
            input_names[k] if before is None else f"element {k}" for k in node.columns
        ),
    }


def _exp2(node, proven, before, common, input_names):
    return {"rom_bytes": 0}


def _forest(node, proven, before, common, input_names):
    child = "int8_t" if max(len(node.splits), len(node.leaves)) <= 127 else "int16_t"
    leaf = "int8_t" if all(abs(v) <= 127 for row in node.leaves for v in row) else "int16_t"
    size = {"int8_t": 1, "int16_t": 2}
    return {
        "rom_bytes": (3 + 2 * size[child]) * max(len(node.splits), 1)
        + size[leaf] * len(node.leaves) * len(node.bias)
        + size[child] * len(node.roots),
        "splits": max(len(node.splits), 1),
        "leaves": len(node.leaves),
        "trees": len(node.roots),
        "outputs": len(node.bias),
        "child_type": child,
        "leaf_type": leaf,
        "read_child": f"TINYGEN_READ_I{8 if child == 'int8_t' else 16}",
        "read_leaf": f"TINYGEN_READ_I{8 if leaf == 'int8_t' else 16}",
        "input_rows": _wrapped([s[0] for s in node.splits] or [0]),
        "limit_rows": _wrapped([s[1] for s in node.splits] or [0]),
        "child_rows": _wrapped([f"{{{s[2]},{s[3]}}}" for s in node.splits] or ["{0,0}"]),
        "leaf_rows": _wrapped(["{" + ",".join(map(str, row)) + "}" for row in node.leaves]),
        "root_rows": _wrapped(node.roots),
        "bias": node.bias,
        **_clamps(node, proven, 0),
    }


def _branches(step: Step) -> dict | None:
    """A few splits, printed as nested if and else."""
    (forest,), (proven,) = step.nodes, step.bounds
    trees = [_nested(forest, root) for root in forest.roots]
    if (
        len(forest.bias) != 1
        or len(forest.splits) > BRANCHES[step.optimize]
        or max(map(_depth, trees)) > MAX_DEPTH
    ):
        return None
    return {
        "template": "node_branches.h.j2",
        "rom_bytes": 0,
        "trees": trees,
        "bias": forest.bias[0],
        **_clamps(forest, proven, 0),
    }


def _nested(forest: Forest, at: int) -> dict:
    """The tree from place `at` on, as nested dicts."""
    if at < 0:
        return {"leaf": forest.leaves[-1 - at]}
    source, limit, left, right = forest.splits[at]
    return {
        "source": source,
        "limit": limit,
        "left": _nested(forest, left),
        "right": _nested(forest, right),
    }


def _depth(tree: dict) -> int:
    return 0 if "leaf" in tree else 1 + max(_depth(tree["left"]), _depth(tree["right"]))


def _trees(step: Step) -> dict | None:
    """Trees as the byte streams that tinygen_leaf walks."""
    (forest,), (proven,) = step.nodes, step.bounds
    if (
        step.source_type != "int16_t"
        or any(root < 0 for root in forest.roots)
        or any(s[0] > MAX_SPLIT_INPUT for s in forest.splits)
    ):
        return None
    leaf_bytes = 1 if all(abs(v) <= 127 for row in forest.leaves for v in row) else 2
    trees = [_nested(forest, root) for root in forest.roots]
    streams = [_stream(tree, leaf_bytes) for tree in trees]
    if not all(streams):
        return None
    sizes = [size for size, _ in streams]
    starts = [sum(sizes[:k]) for k in range(len(sizes))]
    small = starts[-1] <= 255
    return {
        "template": "node_trees.h.j2",
        "trees": len(trees),
        "outputs": len(forest.bias),
        "bytes": sum(sizes),
        "rom_bytes": sum(sizes) + len(sizes) * (1 if small else 2),
        "bias": forest.bias,
        "rows": [row for _, rows in streams for row in rows],
        "start_rows": _wrapped(starts),
        "start_type": "uint8_t" if small else "uint16_t",
        "read_start": "TINYGEN_READ_U8" if small else "TINYGEN_READ_U16",
        "leaf_bytes": leaf_bytes,
        "read_leaf": "TINYGEN_READ_I8" if leaf_bytes == 1 else "tinygen_word",
        **_clamps(forest, proven, 0),
    }


def _stream(tree: dict, leaf_bytes: int, indent: str = "") -> tuple[int, list[str]] | None:
    """Bytes and rows of a tree's stream; None where a left side is too long to skip."""
    if "leaf" in tree:
        values = [str(v) if leaf_bytes == 1 else f"TINYGEN_BYTES({v})" for v in tree["leaf"]]
        return leaf_bytes * len(values), [indent + ", ".join(values) + ","]
    sides = [_stream(tree[side], leaf_bytes, indent + "  ") for side in ("left", "right")]
    if None in sides or sides[0][0] > MAX_SKIP or len(indent) > 2 * MAX_DEPTH:
        return None
    (left, left_rows), (right, right_rows) = sides
    kind = {
        (False, False): "",
        (True, False): "_LEFT_LEAF",
        (False, True): "_RIGHT_LEAF",
        (True, True): "_LEAVES",
    }["leaf" in tree["left"], "leaf" in tree["right"]]
    head = f"{indent}TINYGEN_SPLIT{kind}({tree['source']}), TINYGEN_BYTES({tree['limit']}), {_signed(left, 8)},"
    return 4 + left + right, [head, *left_rows, *right_rows]


def _argmax(node, proven, before, common, input_names):
    return {"rom_bytes": 0, "scores": len(before.low)}


def _outside(node, proven, before, common, input_names):
    return {
        "rom_bytes": 4 * len(node.low),
        "interval_rows": [
            f"{{ {a:6d}, {b:6d} }}, /* {n} */" for a, b, n in zip(node.low, node.high, input_names)
        ],
        "width": len(node.low),
    }


def _clamps(node, proven: Bounds, shift: int) -> dict:
    """The shifted accumulator, and the limits that it can really reach: None where the proof
    excludes them.
    """
    low, high = proven.acc_low >> shift, proven.acc_high >> shift
    kind = ACC_TYPES[bits_for(low, high)]
    return {
        "shifted_type": kind,
        "shifted": f"({kind})(acc >> {shift})" if shift else f"({kind})acc",
        "clamp_low": node.low if low < node.low else None,
        "clamp_high": _literal(node.high) if high > node.high else None,
    }


def _fits(values) -> bool:
    """True where all values fit int16."""
    return all(abs(v) <= INT16_MAX for v in values)


def _literal(value: int) -> str:
    return f"{value}L" if abs(value) > INT16_MAX else str(value)


def _wrapped(values, width: int = 100) -> list[str]:
    return textwrap.wrap(" ".join(f"{v}," for v in values), width)


# (shift, bits of the multipliers, top, zero) -> kernel with one table; other scalings print a loop
SCALE_KERNELS = {
    (8, 8, 255, 128): "tinygen_scale_bytes",
    (16, 16, 4095, 2048): "tinygen_scale_words",
    (8, 16, 4095, 2048): "tinygen_widen_words",
}
# chains of nodes that one kernel computes, the longest first; a maker may decline with None
FUSED = (
    ((Scale, Monomials, Dense), _terms),
    ((Scale, Dense), _linear),
    ((Dense, Dense), _relu_net),
    ((Lookup, Power), _lookup_square),
    ((Lookup,), _curves),
    ((Forest,), _branches),
    ((Forest,), _trees),
)
VIEWS = {
    Scale: _scale,
    Lookup: _lookup,
    Monomials: _monomials,
    Dense: _dense,
    Power: _power,
    Log2: _log2,
    Exp2: _exp2,
    Forest: _forest,
    Argmax: _argmax,
    Outside: _outside,
}
