"""Neighbouring steps become one: scalers fold into what follows, sums of sums into one sum.

What is left is what the integer model has operations for. The folded form equals the original but
for the last bits of a float; curves in front of trees are kept as they are, for those must branch
exactly as the original.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from ..common.errors import QuantizeError
from .graph import (
    LARGEST_DEGREE,
    Affine,
    Columns,
    Floats,
    Products,
    Step,
    TreeSum,
    pick,
)

MOST_TERMS = 255


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
        curves = tuple(one.curves[s].then(c) for s, c in zip(two.sources, two.curves))
        return [Columns(tuple(one.sources[s] for s in two.sources), curves)]
    first, second = as_affine(one, width), as_affine(two, width_of([one], width))
    if first and second and (isinstance(one, Affine) or isinstance(two, Affine)):
        return [Affine(second.matrix @ first.matrix, second.matrix @ first.offset + second.offset)]
    if isinstance(one, TreeSum) and second:
        trees = tuple(replace(t, values=t.values @ second.matrix.T) for t in one.trees)
        base = second.matrix @ one.base + second.offset
        return [replace(one, trees=trees, base=base)]
    if isinstance(one, Products) and isinstance(two, Affine) and _degree(one) <= 1:
        return [_linear_terms(one, two, width)]
    if first and isinstance(two, Products):  # what follows is an Affine: see _with_sums
        return _expanded(first, two)
    return None


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


def used_inputs(steps: Sequence[Step], width: int) -> tuple[int, ...]:
    """The inputs that an answer can depend on; the first one where there is none."""
    first = steps[0] if steps else None
    if isinstance(first, Affine):
        seen = np.flatnonzero((first.matrix != 0).any(axis=0)).tolist()
    elif isinstance(first, Columns):
        outputs = range(len(first.sources))
        behind = used_inputs(steps[1:], len(outputs)) if len(steps) > 1 else outputs
        seen = [first.sources[k] for k in behind if (first.curves[k].line or (1,))[0] != 0]
    elif isinstance(first, TreeSum):
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
