"""Accumulators: what is kept of a pane of samples, so that a window needs no buffer of samples.

Sums are kept modulo 2**32, as the chip keeps them. What is worked out from them is exact wherever
the true result fits, and that is proven where it is used (features.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..nodes import Integers, integers
from .streams import Interval

MODULUS = 2**32


@dataclass(frozen=True, order=True)
class Accumulator:
    """One number of a pane. `kind`: "sum", "squares", "product", "least" or "greatest"."""

    kind: str
    sources: tuple[int, ...]  # places of streams: two for a product, else one

    @property
    def adds(self) -> bool:
        """True where panes are added up; False where the least or greatest of them counts."""
        return self.kind in ("sum", "squares", "product")

    def of_panes(self, values: Sequence[Integers], pane: int) -> Integers:
        """int64 (panes, recordings): its value at the end of each whole pane of the streams, which
        are int64 (samples, recordings).
        """
        first = values[self.sources[0]]
        if self.kind == "product":
            first = first * values[self.sources[1]]
        if self.kind == "squares":
            first = first * first
        blocks = _blocks(first, pane)
        if self.kind == "least":
            return integers(blocks.min(axis=1))
        return integers(
            blocks.max(axis=1) if self.kind == "greatest" else blocks.sum(axis=1) % MODULUS
        )

    def of_windows(self, panes: Integers, count: int) -> Integers:
        """int64 (windows, recordings): of every `count` neighbouring panes."""
        views = np.lib.stride_tricks.sliding_window_view(panes, count, axis=0)
        if self.kind == "least":
            return integers(views.min(axis=-1))
        return integers(
            views.max(axis=-1) if self.kind == "greatest" else views.sum(axis=-1) % MODULUS
        )


def _blocks(values: Integers, pane: int) -> Integers:
    """(panes, pane, recordings): what is left of the last whole pane is not counted."""
    whole = len(values) // pane
    return values[: whole * pane].reshape(whole, pane, -1)


def signed(total: Integers) -> Integers:
    """A sum modulo 2**32 as the int32 that it stands for."""
    return (total + MODULUS // 2) % MODULUS - MODULUS // 2


def towards_zero(numerator: Integers, divisor: int | Integers) -> Integers:
    """Quotient as C gives it."""
    return integers(np.sign(numerator) * (np.abs(numerator) // divisor))


def deviation_squares(squares: Integers, total: Integers, samples: int) -> Integers:
    """Sum of the squared distances from the mean, rounded up, of sums modulo 2**32.

    With total = samples * mean + rest it is squares - samples * mean**2 - 2 * mean * rest - rest**2
    / samples: true modulo 2**32, and so true wherever the result fits.
    """
    total = signed(total)
    mean = towards_zero(total, samples)
    rest = total - mean * samples
    found = squares - samples * mean * mean - 2 * mean * rest - rest * rest // samples
    return integers(found % MODULUS)


def joint_deviation(product: Integers, totals: tuple[Integers, Integers], samples: int) -> Integers:
    """The same of two streams: sum of the products of their distances from their means."""
    a, b = signed(totals[0]), signed(totals[1])
    mean_a, mean_b = towards_zero(a, samples), towards_zero(b, samples)
    rest_a, rest_b = a - mean_a * samples, b - mean_b * samples
    found = product - samples * mean_a * mean_b - mean_a * rest_b - mean_b * rest_a
    return signed((found - towards_zero(rest_a * rest_b, samples)) % MODULUS)


def largest_squares(inside: Interval, samples: int) -> int:
    """Largest sum of squares of `samples` values within an interval."""
    return samples * max(inside[0] ** 2, inside[1] ** 2)


def largest_deviation(inside: Interval, samples: int) -> int:
    """Largest sum of squared distances from the mean, half of the values at each end; one more
    for the part that is rounded up.
    """
    return samples * (inside[1] - inside[0]) ** 2 // 4 + 1
