"""Products of two inputs as squares of sums, which a table gives finer than 8-bit factors do.

A quadratic form `x' P x + b x + c` is a sum of squares of as many weighted sums as there are inputs
(the eigenvectors of P); where no two different inputs are multiplied, of the inputs themselves.
"""

from __future__ import annotations

import numpy as np

from .calibration import Calibration
from .graph import SAME, Affine, Columns, Curve, Floats, Products, Step, each

SQUARE = Curve("square", lambda x: np.asarray(x) ** 2)
FLAT = 1e-9  # part of the largest eigenvalue that counts as none


def separate(products: Products, sums: Affine) -> tuple[Columns, Affine] | None:
    """Sums of powers of single inputs; None where different inputs are multiplied."""
    if any(len(set(term)) > 1 for term in products.terms):
        return None
    kept = [k for k, term in enumerate(products.terms) if term]
    constant = [k for k, term in enumerate(products.terms) if not term]
    sources = tuple(products.terms[k][0] for k in kept)
    curves = tuple(_power(len(products.terms[k])) for k in kept)
    offset = sums.offset + sums.matrix[:, constant].sum(axis=1)
    return Columns(sources, curves), Affine(sums.matrix[:, kept], offset)


def _power(degree: int) -> Curve:
    return SAME if degree == 1 else Curve(f"power {degree}", lambda x: np.asarray(x) ** degree)


def squared(products: Products, sums: Step, rows: Calibration) -> list[Step]:
    """The same sums of products without products; of a third degree, the products as they are."""
    assert isinstance(sums, Affine)
    if apart := separate(products, sums):
        return list(apart)
    if max(map(len, products.terms)) > 2:
        return [products, sums]
    x = rows.physical
    centre, spread = x.mean(axis=0), x.std(axis=0)
    still = spread <= FLAT * np.abs(centre)  # an input that never moves
    spread = np.where(still, np.where(centre != 0, np.abs(centre), 1.0), spread)
    forms: list[Floats] = []
    offsets: list[float] = []
    mixed, constants = [], []
    for row, offset in zip(sums.matrix, sums.offset):
        form = _moved(products, row, float(offset), centre, spread)
        vectors, starts, weights, constant = _squares_of(*form)
        mixed.append(np.concatenate([np.zeros(len(forms)), weights]))
        constants.append(constant)
        forms += list(vectors / spread)
        offsets += list(starts - (vectors / spread) @ centre)
    matrix = np.zeros((len(mixed), len(forms)))
    for k, row in enumerate(mixed):
        matrix[k, : len(row)] = row
    return [
        Affine(np.array(forms), np.array(offsets)),
        each(len(forms), SQUARE),
        Affine(matrix, np.array(constants)),
    ]


def _moved(
    products: Products, row: Floats, constant: float, centre: Floats, spread: Floats
) -> tuple[Floats, Floats, float]:
    """P, b and c of one sum of products, for z = (x - centre) / spread."""
    width = len(centre)
    square, linear = np.zeros((width, width)), np.zeros(width)
    for term, value in zip(products.terms, row):
        if not term:
            constant += value
        elif len(term) == 1:
            linear[term[0]] += value
        else:
            square[term] += value / 2
            square[term[::-1]] += value / 2
    constant += float(centre @ square @ centre + linear @ centre)
    linear = (linear + 2 * square @ centre) * spread
    return square * np.outer(spread, spread), linear, constant


def _squares_of(
    square: Floats, linear: Floats, constant: float
) -> tuple[Floats, Floats, Floats, float]:
    """Vectors v, starts s, weights w and constant c: the form is `w . (v z + s)**2 + c`."""
    values, vectors = np.linalg.eigh(square)
    along = vectors.T @ linear
    bent = np.abs(values) > FLAT * max(float(np.abs(values).max()), 1e-300)
    starts = np.where(bent, along / np.where(bent, 2 * values, 1.0), 0.0)
    constant -= float((values * starts**2)[bent].sum())
    found, weights = vectors.T[bent], values[bent]
    starts = starts[bent]
    rest = vectors[:, ~bent] @ along[~bent]  # what is linear: ((l + 1)^2 - (l - 1)^2) / 4
    size = float(np.linalg.norm(rest))
    if size > 1e-12:
        found = np.vstack([found, rest / size, rest / size])
        starts = np.concatenate([starts, [1.0, -1.0]])
        weights = np.concatenate([weights, [size / 4, -size / 4]])
    return found, starts, weights, constant
