"""Windows over one or more axes: convolutions and poolings as matrices and groups of places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from ...common.errors import QuantizeError
from ..graph import Floats
from .flow import MOST_WIDE

MOST_PLACES = 1_000_000


@dataclass(frozen=True)
class Window:
    """A kernel that moves over axes of the lengths `size`."""

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]  # padding at each axis' start
    after: tuple[int, ...]

    def __post_init__(self) -> None:
        parts = (self.kernel, self.strides, self.dilations, self.before, self.after)
        if any(len(p) != len(self.size) for p in parts) or not self.size:
            raise QuantizeError(f"its window does not fit a row of the shape {self.size}")
        if min(*self.kernel, *self.strides, *self.dilations) < 1 or min(self.before) < 0:
            raise QuantizeError("its window has a size, stride or padding that is none")
        if min(self.after) < 0 or max(*self.before, *self.after) > MOST_WIDE:
            raise QuantizeError(f"its padding is not within 0 .. {MOST_WIDE}")
        if min(self.out) < 1 or prod(self.out) * prod(self.kernel) > MOST_PLACES:
            raise QuantizeError(f"a window of {self.kernel} does not fit a row of {self.size}")

    @property
    def out(self) -> tuple[int, ...]:
        """Positions of the kernel along each axis."""
        reach = [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations)]
        room = [s + a + b for s, a, b in zip(self.size, self.before, self.after)]
        return tuple((r - n) // s + 1 for r, n, s in zip(room, reach, self.strides))

    def places(self) -> np.ndarray:
        """Flat places under the kernel, (positions, taps); -1 in the padding."""
        flat = np.zeros((1, 1), dtype=np.int64)
        good = np.ones((1, 1), dtype=bool)
        axes = zip(
            self.size, self.kernel, self.strides, self.dilations, self.before, self.out, strict=True
        )
        for size, kernel, stride, dilation, before, out in axes:
            at = np.arange(out)[:, None] * stride + np.arange(kernel) * dilation - before
            inside = (at >= 0) & (at < size)
            flat = flat[:, None, :, None] * size + at[None, :, None, :]
            good = good[:, None, :, None] & inside[None, :, None, :]
            shape = flat.shape[0] * flat.shape[1], flat.shape[2] * flat.shape[3]
            flat, good = flat.reshape(shape), good.reshape(shape)
        return np.where(good, flat, -1)


def same_padding(size: Sequence[int], kernel: Sequence[int], strides, dilations, upper: bool):
    """Padding before and after so that there are size / stride positions, rounded up."""
    total = [
        max((-(-s // t) - 1) * t + (k - 1) * d + 1 - s, 0)
        for s, k, t, d in zip(size, kernel, strides, dilations)
    ]
    less = [t // 2 for t in total]
    more = [t - n for t, n in zip(total, less)]
    return (tuple(less), tuple(more)) if upper else (tuple(more), tuple(less))


def convolution(window: Window, weights: Floats, groups: int) -> Floats:
    """The matrix of a convolution: rows (filters, positions), columns (channels, places).

    weights: (filters, channels of a group, *kernel).
    """
    filters, own = weights.shape[:2]
    places, size = window.places(), prod(window.size)
    if filters % groups or filters * len(places) > MOST_WIDE:
        raise QuantizeError(
            f"{filters} filters at {len(places)} positions are more than the {MOST_WIDE:,} values "
            "that are read: use fewer filters or a shorter window"
        )
    taps = weights.reshape(filters, own, -1)
    matrix = np.zeros((filters, len(places), groups * own, size))
    position, tap = np.nonzero(places >= 0)
    at = places[position, tap]
    for f in range(filters):
        first = f // (filters // groups) * own
        for c in range(own):
            matrix[f, position, first + c, at] = taps[f, c, tap]
    return matrix.reshape(filters * len(places), -1)


def pool_groups(window: Window, channels: int) -> np.ndarray:
    """Flat places (channels * positions, taps) of each pool; -1 in the padding."""
    places, size = window.places(), prod(window.size)
    if channels * places.size > MOST_PLACES or (places.max(axis=1) < 0).any():
        raise QuantizeError("a pool of padding alone has no value: use less padding")
    start = (np.arange(channels) * size)[:, None, None]
    return np.where(places < 0, -1, places + start).reshape(-1, places.shape[1])


def averages(groups: np.ndarray, width: int, padded: bool) -> Floats:
    """The matrix of the means of groups; padded: padding counts as 0."""
    matrix = np.zeros((len(groups), width))
    row, tap = np.nonzero(groups >= 0)
    matrix[row, groups[row, tap]] = 1.0
    count = groups.shape[1] if padded else matrix.sum(axis=1, keepdims=True)
    return matrix / count
