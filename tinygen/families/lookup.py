"""Lookup table: a piecewise-linear function of one input on a uniform grid.

The nodes are fitted by least squares on the hat functions of the grid; a small penalty on second
differences keeps nodes without data in line with their neighbours (P-splines, Eilers and Marx
1996).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..data import Rows
from ..fitting.least_squares import Root, fit_linear
from ..fitting.lowering import mean_error
from ..model.fixedpoint import INT16_MAX
from ..model.operations.lookup import Curve, Lookup
from . import Family

SMOOTH = 1e-7  # weight of squared second differences against the data
LESS_SMOOTH = 1e-8  # the same where there is next to no noise, and MANY_ROWS
MANY_ROWS = 10  # for each node
NODES = (4, 40)  # fewest and most nodes worth trying
INPUTS_TRIED = 2
SWEEPS = 4
EXACT = 0.5  # mean error in raw steps below which there is next to no noise: most answers are exact


@dataclass(frozen=True)
class Config:
    column: int  # which input
    step_bits: int  # a node every 2**step_bits raw steps
    root: int


@dataclass(frozen=True)
class Table:
    """Node values of `v` over one input; between nodes linear."""

    columns: tuple[int, ...]
    origin: int
    step_bits: int
    values: np.ndarray
    root: Root

    def predict(self, x):
        return self.root.backward(
            hats(x[:, self.columns[0]], self.origin, self.step_bits, len(self.values)) @ self.values
        )


def candidates(rows: Rows) -> list[Config]:
    roots = (1, 2) if rows.y.min() >= 0 else (1,)
    found = []
    for column in best_inputs(rows, INPUTS_TRIED):
        low, high = _span(rows, column)
        for step_bits in range(14, 1, -1):
            if NODES[0] <= grid_size(low, high, step_bits) <= NODES[1]:
                found += [Config(column, step_bits, root) for root in roots]
    return found


def best_inputs(rows: Rows, count: int, bins: int = 24) -> list[int]:
    """The inputs whose binned means explain most of the target, best first."""

    def left_over(column: int) -> float:
        order = np.argsort(rows.x[:, column], kind="stable")
        return sum(
            rows.take(part).spread() for part in np.array_split(order, min(bins, len(order)))
        )

    return sorted(range(rows.x.shape[1]), key=lambda c: (left_over(c), c))[:count]


def _span(rows: Rows, column: int) -> tuple[int, int]:
    """Raw interval the grid covers: the trained range; its last cell reaches a little further."""
    return rows.inputs[column].raw_minimum, rows.inputs[column].raw_maximum


def grid_size(low: int, high: int, step_bits: int) -> int:
    """Nodes that a grid from `low` needs to reach `high`."""
    return ((high - low) >> step_bits) + 2


def hats(x, origin: int, step_bits: int, nodes: int) -> np.ndarray:
    """Share of every node in every row, (n, nodes); rows sum to one. Flat beyond the grid."""
    place = np.clip(
        (np.asarray(x, dtype=np.float64) - origin) / (1 << step_bits), 0, nodes - 1 - 1e-9
    )
    cell = place.astype(int)
    shares = np.zeros((len(place), nodes))
    rows = np.arange(len(place))
    shares[rows, cell] = 1 - (place - cell)
    shares[rows, cell + 1] = place - cell
    return shares


def fit(rows: Rows, config: Config, seed: int = 0) -> Table:
    low, high = _span(rows, config.column)
    nodes = grid_size(low, high, config.step_bits)
    shares = hats(rows.x[:, config.column], low, config.step_bits, nodes)
    second = np.diff(np.eye(nodes), n=2, axis=0)

    def with_root(root: Root, smooth: float) -> Table:
        penalty = smooth * nodes**4 * second.T @ second
        fitted = fit_linear(shares, rows.y, root, 1e-9, penalty, counts=rows.weights)
        return Table((config.column,), low, config.step_bits, fitted.coef + fitted.intercept, root)

    table, fine = with_root(Root(config.root), SMOOTH), Root(2, fine=True)
    if rows.error(np.floor(table.predict(rows.x) + 0.5)) >= EXACT:
        return table
    finer = config.root == 2 and fine.limits(rows.output)[1] <= INT16_MAX  # that a table holds
    many = len(rows.y) >= MANY_ROWS * nodes  # of fewer, each node follows its few rows' rounding
    return with_root(fine if finer else table.root, LESS_SMOOTH if many else SMOOTH)


def lower(fitted: Table, rows: Rows):
    low, high = fitted.root.limits(rows.output)
    # nodes within the limits make the C code's clamps unnecessary
    values = np.clip(np.floor(fitted.values + 0.5), low, high).astype(int)

    def chain(table) -> tuple:
        return (
            Lookup((Curve(0, fitted.origin, fitted.step_bits, tuple(table)),), True, 0, low, high),
            *fitted.root.nodes,
        )

    return chain(
        _refined(values.tolist(), chain, low, high, rows.x[:, fitted.columns], rows.y, rows.weights)
    )


def _refined(table: list[int], chain, low: int, high: int, x, y, counts) -> list[int]:
    """Node values moved one at a time by a step or two while the integer model's own error falls.

    Where a table is at the noise floor, what is left of the error is which way answers round.
    """
    best = mean_error(chain(table), x, y, counts)
    for _ in range(SWEEPS):
        before = best
        for k in range(len(table)):
            for step in (-2, -1, 1, 2):
                moved = [*table[:k], min(max(table[k] + step, low), high), *table[k + 1 :]]
                error = mean_error(chain(moved), x, y, counts)
                if error < best:
                    table, best = moved, error
        if best == before:
            break
    return table


FAMILY = Family(
    "lookup",
    "lookup table with linear interpolation",
    candidates,
    fit,
    lower,
    size=lambda config: (config.column, config.step_bits),
    any_inputs=False,
)
