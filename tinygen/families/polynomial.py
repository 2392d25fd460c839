"""Sparse polynomial: a few products of scaled inputs, chosen one after another by what they
explain.

Forward selection is orthogonal matching pursuit (Pati, Rezaiifar, Krishnaprasad 1993) on the
weighted Gram matrix; the chosen terms are then fitted together in the target's unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from ..data import Rows
from ..fitting.least_squares import LinearFit, Root, fit_linear
from ..fitting.lowering import FEW_STEPS, apply_all, mean_error, narrowest, output_row, scale_inputs
from ..model.operations.monomials import Monomials
from ..model.operations.scale import Scale
from . import Family

BITS = 7  # scaled inputs are int8 in steps of 1/128: squares fit int16
RIDGE = 1e-5
WIDER = 0.98  # part of the error that widened inputs, which cost bytes, must leave at most
SIZES = (3, 4, 6, 8, 12, 16, 24)
JUDGE_TERMS = 12  # of the judge of inputs: enough for any pair that matters, and quick


@dataclass(frozen=True)
class Config:
    terms: int  # how many products
    root: int  # 1 identity, 2 square root of the target
    degree: int = 2


@dataclass(frozen=True)
class Polynomial:
    """`v = coef . products + intercept`; the products are formed from the scaled integers
    themselves.
    """

    columns: tuple[int, ...]
    scale: Scale
    monomials: Monomials
    linear: LinearFit
    root: Root

    def predict(self, x):
        terms = float_terms(self.scale, self.monomials.terms, x[:, self.columns])
        return self.root.backward(terms @ self.linear.coef + self.linear.intercept)


def candidates(rows: Rows) -> list[Config]:
    roots = (1, 2) if rows.y.min() >= 0 else (1,)
    return [Config(size, root) for size in SIZES for root in roots]


def judge(rows: Rows, terms: int) -> Config:
    """On the root of the target where that exists."""
    return Config(terms, 2 if rows.y.min() >= 0 else 1)


def fit(rows: Rows, config: Config, seed: int = 0) -> Polynomial:
    limits = [q.limits for q in rows.inputs]
    plain = _fitted(rows, config, scale_inputs(limits, 8))
    if min(high - low for low, high in limits) >= FEW_STEPS:
        return plain
    # the products of an input of few steps lie in a corner: around zero they may tell more
    wide = _fitted(rows, config, scale_inputs(limits, 8, widen=True))
    errors = [
        mean_error(lower(found, rows), rows.x[:, found.columns], rows.y, rows.weights)
        for found in (plain, wide)
    ]
    return wide if errors[1] < WIDER * errors[0] else plain


def _fitted(rows: Rows, config: Config, wide: Scale) -> Polynomial:
    root = Root(config.root)
    every = [
        term
        for degree in range(1, config.degree + 1)
        for term in combinations_with_replacement(range(len(rows.inputs)), degree)
    ]
    products = float_terms(wide, every, rows.x)
    v = root.forward(rows.y)
    weights = root.slope(v) if rows.weights is None else root.slope(v) * np.sqrt(rows.weights)
    best = matching_pursuit(products * weights[:, None], v * weights, weights, config.terms)
    # none where the root weighs rows of one reading alone: those of 0 count nothing
    chosen = [every[k] for k in best or [0]]
    columns = tuple(sorted({c for term in chosen for c in term}))
    place = {c: k for k, c in enumerate(columns)}
    terms = tuple(
        sorted((tuple(place[c] for c in term) for term in chosen), key=lambda t: (len(t), t))
    )
    scale = Scale(
        tuple(wide.low[c] for c in columns),
        tuple(wide.multiplier[c] for c in columns),
        wide.shift,
        wide.top,
        wide.zero,
    )
    linear = fit_linear(
        float_terms(scale, terms, rows.x[:, columns]), rows.y, root, RIDGE, counts=rows.weights
    )
    return Polynomial(columns, scale, Monomials(terms, BITS), linear, root)


def float_terms(scale: Scale, terms, x) -> np.ndarray:
    """The products in the units of `Monomials`, without any rounding. Shape (n, terms)."""
    u = (
        np.clip(
            (x - np.array(scale.low)) * (np.array(scale.multiplier) / 2**scale.shift), 0, scale.top
        )
        - scale.zero
    )
    one = float(1 << BITS)
    return np.column_stack(
        [np.prod(u[:, term], axis=1) * one ** (2 - len(term)) for term in map(list, terms)]
    )


def matching_pursuit(columns, target, intercept, size: int) -> list[int]:
    """Indices of the columns that, added one by one, reduce the squared residual most."""
    basis = [intercept / np.linalg.norm(intercept)]
    left = columns - np.outer(basis[0], basis[0] @ columns)
    residual = target - basis[0] * (basis[0] @ target)
    norms = np.maximum((columns**2).sum(axis=0), 1e-12)
    chosen: list[int] = []
    for _ in range(min(size, columns.shape[1])):
        length = (left**2).sum(axis=0)
        gain = np.where(
            length > 1e-9 * norms, (residual @ left) ** 2 / np.maximum(length, 1e-300), -1.0
        )
        gain[chosen] = -1.0
        # of columns that say the same, as u and u * u of an input of two values do, the first one
        best = int(np.argmax(gain >= (1 - 1e-9) * gain.max()))
        if gain[best] <= 0:
            break
        chosen.append(best)
        direction = left[:, best] / np.sqrt(length[best])
        left = left - np.outer(direction, direction @ left)
        residual = residual - direction * (direction @ residual)
    return chosen


def lower(fitted: Polynomial, rows: Rows):
    x = rows.x[:, fitted.columns]
    front = (fitted.scale, fitted.monomials)
    float_error = rows.error(fitted.predict(rows.x))
    # refit on the integer products: their rounding is then part of what the coefficients know
    linear = fit_linear(
        apply_all(front, x).astype(np.float64), rows.y, fitted.root, RIDGE, counts=rows.weights
    )
    chains = (
        (*front, output_row(linear, fitted.root, rows.output, bits), *fitted.root.nodes)
        for bits in (8, 16)
    )
    return narrowest(chains, x, rows.y, float_error, rows.weights)


FAMILY = Family(
    "polynomial",
    "sparse polynomial",
    candidates,
    fit,
    lower,
    size=lambda config: (config.terms, config.degree),
    least_bytes=lambda config, inputs: 120 + 2 * config.terms,
    # there may be fewer products than terms
    least_cycles=lambda config, inputs: 20 * min(config.terms, inputs * (inputs + 1) // 2),
    roles={
        "judge rows": lambda rows: judge(rows, SIZES[-1]),
        "judge inputs": lambda rows: judge(rows, JUDGE_TERMS),
    },
)
