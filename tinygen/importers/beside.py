"""Branches that read the same inputs become one chain: their steps side by side in each layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import block_diag

from ..common.errors import QuantizeError
from .graph import SAME, Affine, Columns, Curve, Products, Step, TreeSum
from .simplify import simplified, width_of


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
        kind = next(k for k in (Columns, Products, Affine, TreeSum) if k in kinds)
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
