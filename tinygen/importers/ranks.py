"""What the order of values decides: medians of trees, means over neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import chain

import numpy as np

from ..common.errors import QuantizeError
from ..model.fixedpoint import INT16_MAX
from ..model.nodes import MAX_WIDTH, UINT16_MAX, Node
from ..model.operations.argmax import Argmax, Median, Trees
from ..model.operations.argmax import Neighbours as Nearest
from ..model.operations.dense import Dense
from .calibration import Answer, Calibration, Lowered, first_close
from .graph import Affine, Columns, Floats, Neighbours, Step, TreeMedian
from .layers import (
    PRECISIONS,
    Precision,
    Wire,
    before_sums,
    choices,
    compared,
    lowered,
    whole_scores,
)
from .trees import forest, raw_trees

SUM_SHIFT = 14  # a raw answer times 2**14 fits 30 bits

# ---- the weighted median of trees ----


def lower_median(before: Columns | None, median: TreeMedian, rows: Calibration) -> Lowered:
    """Each tree's answer in steps of the answer, and the median of them. Rounding keeps their
    order; only the weights are not exact.
    """
    if len(median.trees) > MAX_WIDTH:
        raise QuantizeError(
            f"{len(median.trees)} trees, the integer model takes the median of at most "
            f"{MAX_WIDTH}: fit with fewer"
        )
    trees, answer = raw_trees(before, median.apart, rows), rows.answer
    whole = [answer.whole(answer.exact(t.values[:, 0]))[:, None] for t in trees]
    node = forest(trees, whole, (0,), -INT16_MAX, INT16_MAX)
    if len(trees) == 1:
        return Lowered((node,), same_leaves=True)
    apart = Trees(node.splits, tuple(v for (v,) in node.leaves), node.roots)
    return Lowered((apart, Median(_whole_weights(median.weights))), same_leaves=True)


def _whole_weights(weights: Floats) -> tuple[int, ...]:
    """Weights in 16 bits; of those that are in whole proportion, exactly."""
    least = weights / weights.min()
    if np.allclose(least, np.round(least), rtol=1e-12) and least.max() <= UINT16_MAX:
        return tuple(np.round(least).astype(int).tolist())
    whole = np.floor(weights * (UINT16_MAX / weights.max()) + 0.5)
    return tuple(np.maximum(whole, 1).astype(int).tolist())


# ---- neighbours, and classes whose scores are as close ----


def lower_neighbours(steps: Sequence[Step], rows: Calibration) -> Lowered:
    """Sums that are the larger the nearer a row is, and the targets of the largest of them."""
    return first_close(choices(steps, rows, _neighbours), rows)


def lower_scores(steps: Sequence[Step], rows: Calibration) -> Lowered:
    """A chain that ends in sums. Of class scores that 16 bits cannot tell apart the largest is
    found in 32 bits.
    """
    ways = choices(steps, rows, lowered)
    if rows.answer.head.kind == "largest":
        ways = chain(ways, [partial(_largest, steps, rows, PRECISIONS[-1])])
    return first_close(ways, rows)


def _largest(steps: Sequence[Step], rows: Calibration, precision: Precision) -> Lowered:
    wire, sums = before_sums(steps, rows, precision)
    owner = rows.answer.head.owner or range(len(sums.offset))
    nearest = _nearest(wire, sums, precision, 1, tuple((int(k),) for k in owner))
    return Lowered((*wire.nodes, nearest))


def _nearest(
    wire: Wire, sums: Affine, precision: Precision, count: int, values: tuple[tuple[int, ...], ...]
) -> Nearest:
    """What the largest of the sums stand for, added up."""
    whole = whole_scores(wire, compared(sums), precision.limit)
    weights, bias = tuple(map(tuple, whole.coef.tolist())), tuple(whole.intercept.tolist())
    return Nearest(weights, bias, count, values)


def _neighbours(steps: Sequence[Step], rows: Calibration, precision: Precision) -> Lowered:
    *front, near = steps
    assert isinstance(near, Neighbours)
    wire, sums = before_sums(front, rows, precision)
    targets, end = _ends(near, rows.answer)
    return Lowered((*wire.nodes, _nearest(wire, sums, precision, near.count, targets), end))


def _ends(near: Neighbours, answer: Answer) -> tuple[tuple[tuple[int, ...], ...], Node]:
    """What each neighbour stands for, and the node behind their sum: the class of most votes, or
    the mean.
    """
    if answer.head.labels:
        votes = near.targets.astype(int).tolist()
        return tuple(map(tuple, votes)), Argmax()
    targets = (near.targets[:, 0] - answer.offset) / answer.step  # one may lie beyond all means
    middle, reach = float(targets.max() + targets.min()) / 2, float(np.ptp(targets)) / 2
    unit = max(reach * near.count / (INT16_MAX - near.count), 1e-9)  # their sum fits 16 bits
    whole = np.floor((targets - middle) / unit + 0.5).astype(int)
    gain = unit / near.count
    shift = int(np.clip(np.floor(np.log2(INT16_MAX / gain)), 0, SUM_SHIFT))
    weight, bias = (int(np.floor(v * 2**shift + 0.5)) for v in (gain, middle))
    mean = Dense(((weight,),), (bias,), shift, answer.low, answer.high)
    return tuple((v,) for v in whole.tolist()), mean
