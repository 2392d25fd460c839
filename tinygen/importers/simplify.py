"""Neighbouring steps become one: scalers fold into what follows, sums of sums into one sum; and
branches that read the same inputs become one chain.

What is left is what the integer model has operations for. The folded form equals the original but
for the last bits of a float; curves in front of trees are kept as they are, for those must branch
exactly as the original.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.linalg import block_diag

from ..common.errors import QuantizeError
from .graph import (
    LARGEST_DEGREE,
    RELU,
    SAME,
    Affine,
    Columns,
    Curve,
    Floats,
    Neighbours,
    Products,
    Step,
    TreeMedian,
    TreeSum,
    pick,
)

MOST_TERMS = 255
ROUNDING = 1 / 256  # of a range of 8 bits: so far beyond it rounding to them alone brings a row


def simplified(steps: Sequence[Step], width: int) -> tuple[Step, ...]:
    """The same function of `width` inputs in as few steps as may be."""
    done: list[Step] = []
    for step in _with_sums(steps):
        done.append(step)
        while len(done) > 1 and (one := _joined(done[-2], done[-1], width_of(done[:-2], width))):
            done[-2:] = one
    return tuple(done)


def width_of(steps: Sequence[Step], width: int) -> int:
    """Elements behind the steps."""
    last = steps[-1] if steps else None
    if isinstance(last, Affine):
        return len(last.offset)
    if isinstance(last, TreeSum):
        return len(last.base)
    if isinstance(last, TreeMedian):
        return 1
    if isinstance(last, Neighbours):
        return last.targets.shape[1]
    if isinstance(last, Columns):
        return len(last.sources)
    return len(last.terms) if isinstance(last, Products) else width


def _with_sums(steps: Sequence[Step]) -> list[Step]:
    """The steps, products followed by sums everywhere."""
    found: list[Step] = []
    for step, after in zip(steps, (*steps[1:], None)):
        found.append(step)
        if isinstance(step, Products) and not isinstance(after, Affine):
            found.append(Affine(np.eye(len(step.terms)), np.zeros(len(step.terms))))
    return found


def _joined(one: Step, two: Step, width: int) -> list[Step] | None:
    """The steps that do what two neighbours do, fewer or simpler ones; None where they stay."""
    if isinstance(one, Columns) and isinstance(two, Columns):
        curves = _behind([one.curves[s] for s in two.sources], two.curves)
        return [Columns(tuple(one.sources[s] for s in two.sources), curves)]
    first, second = as_affine(one, width), as_affine(two, width_of([one], width))
    if first and second and (isinstance(one, Affine) or isinstance(two, Affine)):
        return [Affine(second.matrix @ first.matrix, second.matrix @ first.offset + second.offset)]
    if isinstance(one, TreeSum) and second:
        trees = tuple(replace(t, values=t.values @ second.matrix.T) for t in one.trees)
        base = second.matrix @ one.base + second.offset
        return [replace(one, trees=trees, base=base)]
    if isinstance(one, Neighbours) and second:
        return [replace(one, targets=one.targets @ second.matrix.T + second.offset)]
    if isinstance(one, Products) and isinstance(two, Affine) and _degree(one) <= 1:
        return [_linear_terms(one, two, width)]
    if first and isinstance(two, Products):  # what follows is an Affine: see _with_sums
        return _expanded(first, two)
    return None


def _behind(first: Sequence[Curve], second: Sequence[Curve]) -> tuple[Curve, ...]:
    """Each first curve with the second one behind it; the same two make the same one."""
    made: dict[tuple[int, int], Curve] = {}
    for one, two in zip(first, second):
        if (id(one), id(two)) not in made:
            made[id(one), id(two)] = one.then(two)
    return tuple(made[id(one), id(two)] for one, two in zip(first, second))


def as_affine(step: Step, width: int) -> Affine | None:
    """The step as sums of its `width` inputs, where it is one."""
    if isinstance(step, Affine):
        return step
    if isinstance(step, Columns) and (lines := step.lines):
        matrix = np.zeros((len(step.sources), width))
        matrix[np.arange(len(step.sources)), list(step.sources)] = lines[0]
        return Affine(matrix, lines[1])
    return None


def _degree(step: Products) -> int:
    return max(map(len, step.terms))


def _linear_terms(products: Products, sums: Affine, width: int) -> Affine:
    matrix, offset = np.zeros((len(sums.offset), width)), sums.offset.copy()
    for k, term in enumerate(products.terms):
        if term:
            matrix[:, term[0]] += sums.matrix[:, k]
        else:
            offset += sums.matrix[:, k]
    return Affine(matrix, offset)


def _expanded(first: Affine, products: Products) -> list[Step] | None:
    """Products of sums as sums of products of the inputs."""
    if _degree(products) > LARGEST_DEGREE:
        raise QuantizeError(
            f"a product of {_degree(products)} inputs is beyond the {LARGEST_DEGREE} that the "
            "integer model has: use PolynomialFeatures of a lower degree"
        )
    terms, matrix = expand(products.terms, first.matrix, first.offset)
    if len(terms) > MOST_TERMS:
        return None
    return [Products(terms), Affine(matrix, np.zeros(len(matrix)))]


def expand(
    terms: Sequence[tuple[int, ...]], matrix: Floats, offset: Floats
) -> tuple[tuple[tuple[int, ...], ...], Floats]:
    """The products `terms` of `matrix . u + offset` as products of u, and the coefficient of each
    in every one of them, (terms, new terms).
    """
    place: dict[tuple[int, ...], int] = {}
    found: list[dict[int, float]] = []
    for term in terms:
        row: dict[int, float] = {}
        for factors in product(*(_parts(matrix[k], offset[k]) for k in term)):
            key = tuple(sorted(k for k, _ in factors if k >= 0))
            value = float(np.prod([v for _, v in factors])) if factors else 1.0
            at = place.setdefault(key, len(place))
            row[at] = row.get(at, 0.0) + value
        found.append(row)
    order = sorted(place, key=lambda key: (len(key), key))
    coefficients = np.zeros((len(terms), len(order)))
    column = {place[key]: k for k, key in enumerate(order)}
    for k, row in enumerate(found):
        for at, value in row.items():
            coefficients[k, column[at]] = value
    return tuple(order), coefficients


def _parts(row: Floats, offset: float) -> list[tuple[int, float]]:
    """(input, factor) of what a sum adds up, input -1 for its constant."""
    parts = [(int(k), float(row[k])) for k in np.flatnonzero(row)]
    return [*parts, (-1, float(offset))] if offset or not parts else parts


def loosened(steps: Sequence[Step], values: Floats) -> tuple[Step, ...]:
    """The steps without the limits that no row reaches, `values` (n, inputs) being the rows: a
    quantized graph holds every number within a range. A lower limit of 0 behind a layer is its
    ReLU and stays.
    """
    found: list[Step] = []
    for step in steps:
        if isinstance(step, Columns) and len({len(c.parts) for c in step.curves}) == 1:
            curves = _loose(step, values[:, list(step.sources)], bool(found))
            step = Columns(step.sources, curves)
        found.append(step)
        values = step.apply(values)
    return tuple(found)


def _loose(step: Columns, values: Floats, behind: bool) -> tuple[Curve, ...]:
    """The step's curves; values: what they read, (n, outputs). behind: they do of a layer."""
    curves: tuple[Curve, ...] = (SAME,) * len(step.curves)
    for place, parts in enumerate(zip(*(c.parts for c in step.curves))):
        first = parts[0]
        low, high = first.held or (0.0, 0.0)
        slack = (high - low) * ROUNDING
        if first.held and all(p is first for p in parts) and values.max() <= high + slack:
            reached = values.min() < low - slack or (low == 0 and behind and not place)
            kept = first if low else RELU
            parts = ((kept if reached else SAME),) * len(parts)
        curves = _behind(curves, parts)
        values = np.stack([p.function(v) for p, v in zip(parts, values.T)], axis=1)
    return curves


def used_inputs(steps: Sequence[Step], width: int) -> tuple[int, ...]:
    """The inputs that an answer can depend on; the first one where there is none."""
    first = steps[0] if steps else None
    if isinstance(first, Affine):
        seen = np.flatnonzero((first.matrix != 0).any(axis=0)).tolist()
    elif isinstance(first, Columns):
        outputs = range(len(first.sources))
        behind = used_inputs(steps[1:], len(outputs)) if len(steps) > 1 else outputs
        seen = [first.sources[k] for k in behind if (first.curves[k].line or (1,))[0] != 0]
    elif isinstance(first, TreeSum | TreeMedian):
        seen = np.concatenate([t.column for t in first.trees]).astype(int).tolist()
    elif isinstance(first, Products):
        matter = used_inputs(steps[1:], len(first.terms)) if len(steps) > 1 else ()
        seen = [s for k in matter for s in first.terms[k]]
    else:
        seen = list(range(width))
    return tuple(sorted(set(map(int, seen)))) or (0,)


def restricted(steps: Sequence[Step], kept: Sequence[int], width: int) -> tuple[Step, ...]:
    """The same function of the inputs `kept` alone."""
    back = np.zeros(width, dtype=int)  # those left out are not looked at: any input serves
    back[list(kept)] = np.arange(len(kept))
    return simplified((pick(back.tolist()), *steps), len(kept))


# ---- branches side by side ----


@dataclass(frozen=True)
class _Branch:
    """Where a branch's elements stand in the common vector, and what is left of it."""

    start: int
    width: int
    steps: tuple[Step, ...]


def beside(branches: Sequence[Sequence[Step]], width: int) -> tuple[tuple[Step, ...], list[slice]]:
    """One chain over `width` inputs, and where each branch's values stand in what it gives.

    A branch whose next step is of another kind waits: its elements pass. Trees cannot wait, so all
    branches must come to their trees at once.
    """
    left = [_Branch(0, width, simplified(b, width)) for b in branches]
    common: list[Step] = []
    while any(b.steps for b in left):
        kinds = {type(b.steps[0]) for b in left if b.steps}
        kind = next((k for k in (Columns, Products, Affine, TreeSum) if k in kinds), None)
        if kind is None:
            raise QuantizeError(
                f"{kinds.pop().kind} cannot stand beside another model in integers: convert the "
                "models one by one"
            )
        before = width_of(common, width)
        if kind is TreeSum:
            _require_trees_alone(left)
        common.append(_JOIN[kind]([_now(b, kind) for b in left], before))
        left = _moved(left, kind)
    if not common:  # every branch passes its inputs on
        common.append(_columns([_now(b, Columns) for b in left], width))
        left = _moved(left, Columns)
    return tuple(common), [slice(b.start, b.start + b.width) for b in left]


def _now(branch: _Branch, kind: type[Step]) -> tuple[_Branch, Step | None]:
    """The branch and its step of this kind; None where it waits."""
    step = branch.steps[0] if branch.steps and type(branch.steps[0]) is kind else None
    return branch, step


def _moved(left: list[_Branch], kind: type[Step]) -> list[_Branch]:
    found, start = [], 0
    for branch, step in (_now(b, kind) for b in left):
        width = width_of([step], branch.width) if step else branch.width
        found.append(_Branch(start, width, branch.steps[1:] if step else branch.steps))
        start += width
    return found


def _require_trees_alone(left: list[_Branch]) -> None:
    trees = [b.steps[0] for b in left if b.steps and isinstance(b.steps[0], TreeSum)]
    alike = {(t.single, t.strict) for t in trees}
    if len(trees) < len(left) or len(alike) > 1:
        raise QuantizeError(
            "trees beside another kind of model, or of another library, cannot be added up in "
            "integers: convert them one by one"
        )


def _columns(now: list[tuple[_Branch, Step | None]], width: int) -> Step:
    sources: list[int] = []
    curves: list[Curve] = []
    for branch, step in now:
        if isinstance(step, Columns):
            sources += [branch.start + s for s in step.sources]
            curves += step.curves
        else:
            sources += range(branch.start, branch.start + branch.width)
            curves += [SAME] * branch.width
    return Columns(tuple(sources), tuple(curves))


def _products(now: list[tuple[_Branch, Step | None]], width: int) -> Step:
    terms: list[tuple[int, ...]] = []
    for branch, step in now:
        own = step.terms if isinstance(step, Products) else [(k,) for k in range(branch.width)]
        terms += [tuple(branch.start + k for k in term) for term in own]
    return Products(tuple(terms))


def _sums(now: list[tuple[_Branch, Step | None]], width: int) -> Step:
    rows, offsets = [], []
    for branch, step in now:
        own = step.matrix if isinstance(step, Affine) else np.eye(branch.width)
        matrix = np.zeros((len(own), width))
        matrix[:, branch.start : branch.start + branch.width] = own
        rows.append(matrix)
        offsets.append(step.offset if isinstance(step, Affine) else np.zeros(branch.width))
    return Affine(np.vstack(rows), np.concatenate(offsets))


def _trees(now: list[tuple[_Branch, Step | None]], width: int) -> Step:
    sums = [(b, s) for b, s in now if isinstance(s, TreeSum)]
    outputs = [len(s.base) for _, s in sums]
    trees = []
    for k, (branch, step) in enumerate(sums):
        place = block_diag(*(np.eye(n) * (j == k) for j, n in enumerate(outputs)))
        rows = place[sum(outputs[:k]) : sum(outputs[: k + 1])]
        trees += [
            replace(t, column=t.column + branch.start, values=t.values @ rows) for t in step.trees
        ]
    first = sums[0][1]
    return TreeSum(
        tuple(trees), np.concatenate([s.base for _, s in sums]), first.single, first.strict
    )


_JOIN = {Columns: _columns, Products: _products, Affine: _sums, TreeSum: _trees}
