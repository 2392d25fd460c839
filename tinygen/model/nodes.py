"""The integer operations a model is made of.

A model is a chain of nodes. A node maps a vector of integers to a vector of integers, and knows
two things about itself:

- `apply(values)`: what the C code computes, row by row, on int64 arrays of shape (rows, width);
- `bounds(inside)`: the interval of every output and of every intermediate, given the intervals
  of its inputs. `Bounds` is the proof that nothing overflows: `emit` takes each C type from it.

The first node of every chain saturates, so that *any* int16 is a safe input.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from ..common.errors import ModelError
from .fixedpoint import INT16_MAX, bits_for, round_shift

MAX_WIDTH = 255  # loop counters in C are uint8_t
UINT16_MAX = 65535


@dataclass(frozen=True)
class Bounds:
    """Intervals proven for one node: per output element, and over all its intermediates."""

    low: tuple[int, ...]
    high: tuple[int, ...]
    acc_low: int = 0
    acc_high: int = 0

    @property
    def acc_bits(self) -> int:
        """16, 24 or 32: the narrowest accumulator that holds every intermediate."""
        bits = bits_for(self.acc_low, self.acc_high)
        if not bits:
            raise ModelError(
                f"an intermediate can reach {self.acc_low} .. {self.acc_high}, beyond 32 bits: "
                "use smaller coefficients or narrower input ranges"
            )
        return bits

    @property
    def c_type(self) -> str:
        """Narrowest C type of the output vector."""
        low, high = min(self.low), max(self.high)
        for name, least, most in (
            ("int8_t", -128, 127),
            ("uint8_t", 0, 255),
            ("int16_t", -32768, INT16_MAX),
            ("uint16_t", 0, UINT16_MAX),
        ):
            if least <= low and high <= most:
                return name
        raise ModelError(f"a value can reach {low} .. {high}, beyond 16 bits: scale it down")


def _array(values) -> np.ndarray:
    return np.asarray(values, dtype=np.int64)


@dataclass(frozen=True)
class Scale:
    """Raw inputs to one common range: `u = min((x - low) * multiplier / 2**shift, top) - zero`.

    Rounded half up; x below `low` counts as `low`. Multipliers are 1..65535, top is at most 32767.
    Shift 16 only narrows a range; shift 8 widens one of few raw steps as well, and in 8 bits where
    all multipliers fit.
    """

    op: ClassVar[str] = "scale"
    low: tuple[int, ...]
    multiplier: tuple[int, ...]
    shift: int
    top: int
    zero: int

    @property
    def multiplier_bits(self) -> int:
        return 8 if self.shift == 8 and max(self.multiplier) <= 255 else 16

    def apply(self, values):
        distance = np.maximum(values - _array(self.low), 0)
        return (
            np.minimum(round_shift(distance * _array(self.multiplier), self.shift), self.top)
            - self.zero
        )

    def bounds(self, inside: Bounds) -> Bounds:
        _need(
            len(self.low) == len(self.multiplier) == len(inside.low),
            "scale: one low and multiplier per input",
        )
        _need(self.shift in (8, 16), "scale: shift 8 or 16")
        _need(
            all(1 <= m <= UINT16_MAX for m in self.multiplier),
            "scale: multiplier within 1 .. 65535",
        )
        _need(0 <= self.zero <= self.top <= INT16_MAX, "scale: 0 <= zero <= top <= 32767")
        _need(all(abs(low) <= INT16_MAX for low in self.low), "scale: low within int16")
        # products are unsigned in C, 24 or 32 bits wide: 65534 * 65535 + 2**15 < 2**32
        width = len(self.low)
        return Bounds((-self.zero,) * width, (self.top - self.zero,) * width)


@dataclass(frozen=True)
class Curve:
    """One piecewise-linear function on a uniform grid: node k stands at `origin + (k <<
    step_bits)`.

    The place between two nodes is an 8-bit fraction: one hardware multiplication, one rounding.
    """

    source: int
    origin: int
    step_bits: int
    table: tuple[int, ...]

    @property
    def reach(self) -> int:
        """Largest distance from the origin that is interpolated; beyond it the curve is flat."""
        return ((len(self.table) - 1) << self.step_bits) - 1

    def apply(self, x):
        distance = np.clip(x - self.origin, 0, self.reach)
        position = (
            distance << (8 - self.step_bits)
            if self.step_bits <= 8
            else distance >> (self.step_bits - 8)
        )
        cell, fraction = position >> 8, position & 255
        table = _array(self.table)
        return table[cell] + round_shift((table[cell + 1] - table[cell]) * fraction, 8)

    @property
    def steepest(self) -> int:
        """Largest step between neighbouring nodes, raw."""
        return max(abs(b - a) for a, b in zip(self.table, self.table[1:]))


@dataclass(frozen=True)
class Lookup:
    """Curves on single inputs; with `total` their sum plus `bias`, clamped to [low, high]."""

    op: ClassVar[str] = "lookup"
    curves: tuple[Curve, ...]
    total: bool
    bias: int = 0
    low: int = -INT16_MAX
    high: int = INT16_MAX

    def apply(self, values):
        parts = np.stack([curve.apply(values[:, curve.source]) for curve in self.curves], axis=1)
        if not self.total:
            return parts
        return np.clip(parts.sum(axis=1, keepdims=True) + self.bias, self.low, self.high)

    def bounds(self, inside: Bounds) -> Bounds:
        _need(max(inside.high) <= INT16_MAX, "lookup: inputs within int16")
        for curve in self.curves:
            _need(0 <= curve.source < len(inside.low), "lookup: source is an input")
            _need(
                0 <= curve.step_bits <= 14 and len(curve.table) >= 2,
                "lookup: two nodes or more, step_bits <= 14",
            )
            _need(curve.reach <= UINT16_MAX, "lookup: the grid spans at most 65536 raw steps")
            _need(abs(curve.origin) <= INT16_MAX, "lookup: origin within int16")
            _need(all(abs(v) <= INT16_MAX for v in curve.table), "lookup: table within int16")
            _need(curve.steepest <= INT16_MAX, "lookup: neighbouring nodes differ by at most 32767")
        low = [min(curve.table) for curve in self.curves]
        high = [max(curve.table) for curve in self.curves]
        # the product inside tinygen_interpolate is 24 bits wide: 32767 * 255 + 128 < 2**23
        if not self.total:
            return Bounds(tuple(low), tuple(high))
        return _clamped(self, 1, *prefix_bounds(self.bias, low, high))


@dataclass(frozen=True)
class Monomials:
    """Products of one to three scaled inputs, all brought to `2 * input_bits` fractional steps.

    With |u| <= 2**bits: degree 1 gives `u << bits`, degree 2 `u * v`, degree 3
    `round(u * v * w / 2**bits)`.
    """

    op: ClassVar[str] = "monomials"
    terms: tuple[tuple[int, ...], ...]
    bits: int

    def apply(self, values):
        return np.stack([self._term(values, term) for term in self.terms], axis=1)

    def _term(self, values, term):
        first = values[:, term[0]]
        if len(term) == 1:
            return first << self.bits
        product = first * values[:, term[1]]
        return product if len(term) == 2 else round_shift(product * values[:, term[2]], self.bits)

    def bounds(self, inside: Bounds) -> Bounds:
        _need(all(1 <= len(t) <= 3 for t in self.terms), "monomials: degree 1 to 3")
        _need(
            all(0 <= i < len(inside.low) for t in self.terms for i in t),
            "monomials: sources are inputs",
        )
        _need(1 <= self.bits <= 7, "monomials: bits in 1..7, so that a square fits int16")
        largest = 1 << self.bits
        _need(
            all(-largest <= a and b <= largest for a, b in zip(inside.low, inside.high)),
            "monomials: inputs within 2**bits",
        )
        low, high, widest = [], [], 0
        for term in self.terms:
            a, b = inside.low[term[0]], inside.high[term[0]]
            for k, index in enumerate(term[1:]):
                a, b = _product_interval(
                    a, b, inside.low[index], inside.high[index], square=index == term[0] and k == 0
                )
                widest = max(widest, abs(a), abs(b))
                if k:
                    widest += 1 << (self.bits - 1)
                    a, b = round_shift(a, self.bits), round_shift(b, self.bits)
            low.append(a << self.bits if len(term) == 1 else a)
            high.append(b << self.bits if len(term) == 1 else b)
        return Bounds(tuple(low), tuple(high), -widest, widest)


@dataclass(frozen=True)
class Dense:
    """`y = clamp(round((bias << bias_shift) + weights . x) / 2**shift, low, high)`; low = 0 is a
    ReLU.

    weights: rows of int8 (|w| <= 127) or int16 (|w| <= 32767) integers; bias int32 per row.
    """

    op: ClassVar[str] = "dense"
    weights: tuple[tuple[int, ...], ...]
    bias: tuple[int, ...]
    shift: int
    low: int
    high: int
    bias_shift: int = 0

    @property
    def weight_bits(self) -> int:
        return 8 if all(abs(w) <= 127 for row in self.weights for w in row) else 16

    @property
    def start(self) -> tuple[int, ...]:
        """What each accumulator starts from: the bias with the rounding constant added."""
        half = (1 << self.shift) >> 1
        return tuple((b << self.bias_shift) + half for b in self.bias)

    def apply(self, values):
        acc = values @ _array(self.weights).T + _array(self.start)
        return np.clip(acc >> self.shift, self.low, self.high)

    def bounds(self, inside: Bounds) -> Bounds:
        _need(len(self.weights) == len(self.bias), "dense: one bias per row")
        _need(
            all(len(row) == len(inside.low) for row in self.weights), "dense: one weight per input"
        )
        _need(
            len(inside.low) <= MAX_WIDTH and len(self.weights) <= MAX_WIDTH,
            f"dense: at most {MAX_WIDTH} rows and columns",
        )
        _need(
            all(abs(w) <= INT16_MAX for row in self.weights for w in row),
            "dense: weights within int16",
        )
        _need(
            0 <= self.shift <= 24 and 0 <= self.bias_shift <= 16,
            "dense: shift 0..24, bias_shift 0..16",
        )
        acc_low, acc_high = min(self.start), max(self.start)
        for row, start in zip(self.weights, self.start):
            ends = [sorted((w * a, w * b)) for w, a, b in zip(row, inside.low, inside.high)]
            low, high = prefix_bounds(start, [e[0] for e in ends], [e[1] for e in ends])
            acc_low, acc_high = min(acc_low, low), max(acc_high, high)
        return _clamped(self, len(self.bias), acc_low, acc_high, self.shift)


@dataclass(frozen=True)
class Power:
    """Undoes a root taken of the target: `round(v**2 / 2**16)` or `round((v**2 >> 16) * v /
    2**16)`.

    v is 0..65535. Degree 2 undoes `v = 256 * sqrt(y)`, degree 3 `v = 2**(32/3) * cbrt(y)`.
    """

    op: ClassVar[str] = "power"
    degree: int

    def apply(self, values):
        product = values * values
        if self.degree == 3:
            product = (product >> 16) * values
        return round_shift(product, 16)

    def bounds(self, inside: Bounds) -> Bounds:
        _need(self.degree in (2, 3), "power: degree 2 or 3")
        _need(min(inside.low) >= 0 and max(inside.high) <= UINT16_MAX, "power: input within uint16")
        high = tuple(int(self.apply(_array([[h]]))[0, 0]) for h in inside.high)
        # products are uint32_t in C: 65535**2 + 2**15 < 2**32
        return Bounds(tuple(int(self.apply(_array([[a]]))[0, 0]) for a in inside.low), high)


@dataclass(frozen=True)
class Log2:
    """Base-2 logarithm of some inputs, 2048 steps an octave; the other inputs pass. Values below 1
    count as 1.

    With x = 2**k * (1 + t), log2(1 + t) is t + t (1 - t) (216 - 80 t) / 512; the error stays within
    0.004.
    """

    op: ClassVar[str] = "log2"
    octave: ClassVar[int] = 2048  # steps of the result
    most: ClassVar[int] = 15 * octave  # above log2 of every int16
    columns: tuple[int, ...]

    def apply(self, values):
        values, columns = np.array(values), list(self.columns)
        values[:, columns] = self._log(np.maximum(values[:, columns], 1))
        return values

    @staticmethod
    def _log(x):
        octave = np.frexp(x.astype(np.float64))[1].astype(np.int64) - 1  # exact: x is below 2**53
        mantissa = x << (15 - octave)
        t = (mantissa >> 7) & 255
        bulge = t * (-t & 255) >> 7
        return (
            octave * Log2.octave
            + ((mantissa & 0x7FFF) >> 4)
            + (bulge * (216 - (t >> 2) - (t >> 4)) >> 7)
        )

    def bounds(self, inside: Bounds) -> Bounds:
        _need(all(0 <= c < len(inside.low) for c in self.columns), "log2: columns are inputs")
        _need(
            list(self.columns) == sorted(set(self.columns)) and bool(self.columns),
            "log2: columns ascend",
        )
        _need(max(inside.high) <= INT16_MAX, "log2: inputs within int16")
        kept = [k not in self.columns for k in range(len(inside.low))]
        return Bounds(
            tuple(a if passes else 0 for a, passes in zip(inside.low, kept)),
            tuple(b if passes else self.most for b, passes in zip(inside.high, kept)),
        )


@dataclass(frozen=True)
class Exp2:
    """Undoes a logarithm taken of the target: `round(2**(v / 4096))` for v in 0..61439.

    With v / 4096 = k + f, 2**f is 1 + f - f (1 - f) (0.305 + 0.077 f), 16 bits wide.
    """

    op: ClassVar[str] = "exp2"
    octave: ClassVar[int] = 4096  # steps of the input
    most: ClassVar[int] = 15 * octave - 1  # largest input

    def apply(self, values):
        f = (values & 4095) << 4
        bulge = f * (-f & 0xFFFF) >> 16
        mantissa = 32768 + (f >> 1) - (bulge * (20000 + (f * 5050 >> 16)) >> 17)
        return ((mantissa >> (14 - (values >> 12))) + 1) >> 1

    def bounds(self, inside: Bounds) -> Bounds:
        # ascending for every v, which the tests go through
        _need(
            min(inside.low) >= 0 and max(inside.high) <= self.most, "exp2: input within 0 .. 61439"
        )
        return Bounds(
            *(tuple(self.apply(_array(ends)).tolist()) for ends in (inside.low, inside.high))
        )


@dataclass(frozen=True)
class Forest:
    """Sum of decision trees per output: `y = clamp(bias + sum of leaf values, low, high)`.

    `split[k]` is (input, threshold, left, right): go left when x <= threshold. An index below 0
    is leaf `-1 - index` of `leaves`, whose row holds one int16 per output. `roots` starts each
    tree.
    """

    op: ClassVar[str] = "forest"
    splits: tuple[tuple[int, int, int, int], ...]
    leaves: tuple[tuple[int, ...], ...]
    roots: tuple[int, ...]
    bias: tuple[int, ...]
    low: int
    high: int

    def apply(self, values):
        leaves, splits = _array(self.leaves), _array(self.splits).reshape(-1, 4)
        total = np.tile(_array(self.bias), (len(values), 1))
        rows = np.arange(len(values))
        for root in self.roots:
            at = np.full(len(values), root)
            while (inner := at >= 0).any():
                split = splits[at[inner]]
                left = values[rows[inner], split[:, 0]] <= split[:, 1]
                at[inner] = np.where(left, split[:, 2], split[:, 3])
            total += leaves[-1 - at]
        return np.clip(total, self.low, self.high)

    def bounds(self, inside: Bounds) -> Bounds:
        outputs = len(self.bias)
        _need(max(inside.high) <= INT16_MAX, "forest: inputs within int16")
        _need(
            all(len(leaf) == outputs for leaf in self.leaves), "forest: one leaf value per output"
        )
        _need(
            all(abs(v) <= INT16_MAX for leaf in self.leaves for v in leaf),
            "forest: leaf values within int16",
        )
        _need(all(0 <= s[0] < len(inside.low) for s in self.splits), "forest: splits on inputs")
        _need(all(abs(s[1]) <= INT16_MAX for s in self.splits), "forest: thresholds within int16")
        acc_low, acc_high = min(self.bias), max(self.bias)
        spans = [self._leaf_span(root) for root in self.roots]
        for k, start in enumerate(self.bias):
            low, high = prefix_bounds(start, [s[0][k] for s in spans], [s[1][k] for s in spans])
            acc_low, acc_high = min(acc_low, low), max(acc_high, high)
        return _clamped(self, outputs, acc_low, acc_high)

    def _leaf_span(self, root: int):
        """Smallest and largest leaf value per output that a tree can end in; checks that it ends."""
        pending, found = [root], []
        for _ in range(2 * len(self.splits) + 2):  # leaves may be shared, splits not
            if not pending:
                break
            at = pending.pop()
            if at >= 0:
                _need(
                    at < len(self.splits) and all(c < 0 or c > at for c in self.splits[at][2:]),
                    "forest: a child stands after its parent",
                )
                pending += self.splits[at][2:]
            else:
                _need(-1 - at < len(self.leaves), "forest: a leaf exists")
                found.append(self.leaves[-1 - at])
        _need(not pending and bool(found), "forest: every tree is a tree")
        columns = list(zip(*found))
        return [min(c) for c in columns], [max(c) for c in columns]


@dataclass(frozen=True)
class Argmax:
    """Index of the largest element; the first one where several are equal."""

    op: ClassVar[str] = "argmax"

    def apply(self, values):
        return np.argmax(values, axis=1)[:, None]

    def bounds(self, inside: Bounds) -> Bounds:
        return Bounds((0,), (len(inside.low) - 1,))


@dataclass(frozen=True)
class Outside:
    """How many inputs lie outside their interval [low, high]."""

    op: ClassVar[str] = "outside"
    low: tuple[int, ...]
    high: tuple[int, ...]

    def apply(self, values):
        return ((values < _array(self.low)) | (values > _array(self.high))).sum(
            axis=1, keepdims=True
        )

    def bounds(self, inside: Bounds) -> Bounds:
        _need(len(self.low) == len(self.high) == len(inside.low), "outside: one interval per input")
        _need(
            all(-INT16_MAX <= a <= b <= INT16_MAX for a, b in zip(self.low, self.high)),
            "outside: low <= high, int16",
        )
        return Bounds((0,), (len(self.low),))


Node = Scale | Lookup | Monomials | Dense | Power | Log2 | Exp2 | Forest | Argmax | Outside
NODES = {
    kind.op: kind
    for kind in (Scale, Lookup, Monomials, Dense, Power, Log2, Exp2, Forest, Argmax, Outside)
}
SATURATING = (Scale, Log2, Lookup, Forest, Outside)  # kinds that accept any int16


def prove(nodes: tuple[Node, ...], inputs: int) -> tuple[Bounds, ...]:
    """Proven intervals of a chain for any int16 inputs, one `Bounds` per node; ModelError where the
    proof fails.
    """
    inside = Bounds((-INT16_MAX - 1,) * inputs, (INT16_MAX,) * inputs)
    proven = []
    for node in nodes:
        inside = node.bounds(inside)
        inside.acc_bits, inside.c_type  # raise where no type is wide enough
        proven.append(inside)
    return tuple(proven)


def prefix_bounds(start: int, low: list[int], high: list[int]) -> tuple[int, int]:
    """Interval that holds the running sum at every step, not only at the end."""
    least = most = a = b = start
    for down, up in zip(low, high):
        a, b = a + down, b + up
        least, most = min(least, a), max(most, b)
    return least, most


def to_dict(node: Node) -> dict:
    """Plain JSON values of one node, `op` first."""
    plain = {f.name: getattr(node, f.name) for f in fields(node)}
    if isinstance(node, Lookup):
        plain["curves"] = [{f.name: getattr(c, f.name) for f in fields(c)} for c in node.curves]
    return {"op": node.op, **plain}


def from_dict(plain: dict) -> Node:
    """The node that `to_dict` wrote; ModelError if a field is missing, unknown or not an integer."""
    kind = NODES.get(plain.get("op")) if isinstance(plain, dict) else None
    if kind is None:
        raise ModelError(f"unknown node {str(plain)[:40]!r}: one of {', '.join(NODES)}")
    values = {key: _frozen(value) for key, value in plain.items() if key not in ("op", "curves")}
    try:
        if kind is Lookup:
            values["curves"] = tuple(
                Curve(**{k: _frozen(v) for k, v in c.items()}) for c in plain["curves"]
            )
        return kind(**values)
    except (TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"node {plain['op']!r} is not as written by tinygen: {error}") from None


def _frozen(value):
    """Integers and nested tuples of integers; anything else is refused."""
    if isinstance(value, (list, tuple)):
        return tuple(_frozen(v) for v in value)
    if isinstance(value, (bool, int)):
        return value
    raise ModelError(f"a node holds {str(value)[:40]!r}: only integers are allowed")


def _product_interval(a: int, b: int, c: int, d: int, square: bool) -> tuple[int, int]:
    ends = (a * c, a * d, b * c, b * d)
    return (0 if square and a <= 0 <= b else min(ends)), max(ends)


def _clamped(node, width: int, acc_low: int, acc_high: int, shift: int = 0) -> Bounds:
    """Bounds after the accumulator's interval is shifted and clamped to the node's [low, high]."""
    _need(node.low <= node.high, f"{node.op}: low <= high")
    low = min(max(node.low, acc_low >> shift), node.high)
    high = max(min(node.high, acc_high >> shift), node.low)
    return Bounds((low,) * width, (high,) * width, acc_low, acc_high)


def _need(good: bool, rule: str) -> None:
    if not good:
        raise ModelError(f"the model breaks a rule of the integer model: {rule}")
