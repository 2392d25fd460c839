"""No input leaves the proven bounds: samples that are searched for to get there, and an exact
reckoning with integers of any size, which knows no modulus.
"""

from fractions import Fraction
from math import ceil, isqrt, trunc

import numpy as np
import pytest
from signal_models import PLANS, shapes, signal_models

from tinygen.model.signals import FEATURES

GENERATIONS = {"commit": 6, "release": 100}
NAMES = {"commit": ("wide_slow", "offset"), "release": tuple(PLANS)}


def joint(a, b):
    """Sum of the products of the distances from the means, exact."""
    return Fraction(sum(x * y for x, y in zip(a, b))) - Fraction(sum(a) * sum(b), len(a))


def part(numerator: int, one: int) -> int:
    return max(-127, min(127, trunc(Fraction(numerator, one)))) if one else 0


def deviation_squares(a) -> int:
    return ceil(joint(a, a))


def correlation(a, b) -> int:
    roots = isqrt(deviation_squares(a)) * isqrt(deviation_squares(b))
    return part(rounded_joint(a, b), roots // 127)


def rounded_joint(a, b) -> int:
    """As documented: the part below the rests of the means is rounded towards 0."""
    n = len(a)
    rests = [sum(v) - n * trunc(Fraction(sum(v), n)) for v in (a, b)]
    found = joint(a, b) + Fraction(rests[0] * rests[1], n) - trunc(Fraction(rests[0] * rests[1], n))
    assert found.denominator == 1
    return int(found)


def likeness(a, b) -> int:
    return part(sum(x * y for x, y in zip(a, b)), sum(x * x for x in a) // 127)


# kind -> its definition, of the streams' values in a window
def strongest(*bands):
    power = [sum(x * x for x in band) for band in bands]
    return power.index(max(power))


def centroid(*bands):
    """The parts of a power that 21 bits do not hold are cut off."""
    power = [sum(x * x for x in band) for band in bands]
    power = [p >> max(max(power).bit_length() - 21, 0) for p in power]
    return 16 * sum(k * p for k, p in enumerate(power)) // sum(power) if sum(power) else 0


EXACT = {
    "mean": lambda a: trunc(Fraction(sum(a), len(a))),
    "total": sum,
    "rms": lambda a: isqrt(sum(x * x for x in a) // len(a)),
    "deviation": lambda a: isqrt(deviation_squares(a) // len(a)),
    "least": min,
    "greatest": max,
    "range": lambda a: max(a) - min(a),
    "trend": lambda a: trunc(
        Fraction(sum(a[len(a) // 2 :]) - sum(a[: len(a) // 2]), len(a) // 2)
    ),
    "correlation": correlation,
    "likeness": likeness,
    "strongest": strongest,
    "centroid": centroid,
}  # fmt: skip


def test_every_kind_has_a_definition():
    assert set(EXACT) == set(FEATURES)


@pytest.mark.parametrize("name", PLANS)
def test_features_are_what_exact_integers_give(name, level):
    """Sums modulo 2**32 lose nothing."""
    front = signal_models()[name].front
    rng = np.random.default_rng(4)
    every = 1 if level == "release" else 2
    for shape, samples in list(shapes(front.limits, front.window, rng).items())[::every]:
        (windows,) = front.run([samples])
        values = [v[:, 0].tolist() for v in front._streams([samples])]
        for k, one in enumerate(front.features):
            exact = EXACT[one.kind](*(values[place] for place in one.sources))
            assert windows.features[0, k] == exact, (shape, one)


class Search:
    """Pieces of samples that drive each stream and feature to its least and its greatest value."""

    def __init__(self, front, seed: int) -> None:
        self.front, self.rng = front, np.random.default_rng(seed)
        made = list(shapes(front.limits, 2 * front.window, self.rng).values())
        self.best = [made[k % len(made)] for k in range(2 * self.count)]
        self.least = np.full(self.count, 10**9)
        self.most = -self.least
        self.look([np.array(piece) for piece in made])

    @property
    def count(self) -> int:
        return len(self.front.inside) + len(self.front.features)

    @property
    def bounds(self) -> np.ndarray:
        return np.array([*self.front.inside, *self.front.bounds])

    def look(self, pieces) -> None:
        """Keeps what is further out than all before."""
        streams = self.front._streams(pieces)
        features = self.front._features(streams)
        low = np.concatenate([[v.min(axis=0) for v in streams], features.min(axis=0).T])
        high = np.concatenate([[v.max(axis=0) for v in streams], features.max(axis=0).T])
        for k in range(self.count):
            if low[k].min() < self.least[k]:
                self.least[k], self.best[2 * k] = low[k].min(), pieces[low[k].argmin()]
            if high[k].max() > self.most[k]:
                self.most[k], self.best[2 * k + 1] = high[k].max(), pieces[high[k].argmax()]

    def step(self) -> None:
        """A child of each: a stretch at one end of the range, or moved, or turned."""
        low, high = np.array(self.front.limits).T
        children = [np.array(piece) for piece in self.best]
        for child in children:
            a, b = sorted(self.rng.integers(len(child) + 1, size=2))
            choice = self.rng.integers(4)
            if choice < 2:
                child[a:b] = np.where(self.rng.random(len(low)) < 0.5, low, high)
            elif choice == 2:
                child[a:b] = (low + high) - child[a:b]
            else:
                child[:] = np.roll(child, int(self.rng.integers(len(child))), axis=0)
        self.look(children)


def test_nothing_that_is_searched_for_leaves_the_bounds(level, figures):
    for name in NAMES[level]:
        search = Search(signal_models()[name].front, 3)
        for _ in range(GENERATIONS[level]):
            search.step()
        low, high = search.bounds.T
        assert (search.least >= low).all() and (search.most <= high).all()
        reached = (search.least == low).sum() + (search.most == high).sum()
        figures(f"signals, bounds of {name}", f"{reached} of {2 * len(low)} reached, none passed")
        assert reached > len(low)  # bounds that are one tighter would be passed
