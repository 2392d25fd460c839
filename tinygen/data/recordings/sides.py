"""Which recordings train and which test, and the folds of the training ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from ...common.errors import DataError, show

EACH = 3  # every third group or recording tests


def natural(text: str) -> tuple:
    """A key that sorts numbers within texts by size: "run-2" before "run-10"."""
    pieces = re.split(r"(\d+(?:\.\d+)?)", text.casefold())
    return tuple((float(p), "") if k % 2 else (-1.0, p) for k, p in enumerate(pieces)), text


def sides_by_group(groups: Sequence[str], seed: int) -> np.ndarray:
    """bool (n,), True for test: every third group in sorted order, beginning with the third; a
    seed moves the beginning.
    """
    order = sorted(set(groups), key=natural)
    first = (EACH - 1 + seed) % EACH
    if len(order) < EACH:  # two groups: one of them tests
        first = min(first, len(order) - 1)
    tests = set(order[first::EACH])
    return np.array([group in tests for group in groups])


def sides_by_class(labels: Sequence[str], seed: int) -> np.ndarray:
    """bool (n,), True for test: every third recording of each class in a seeded order, at least one
    where the class has two.
    """
    test = np.zeros(len(labels), dtype=bool)
    rng = np.random.default_rng(seed)
    for label in sorted(set(labels)):
        members = np.flatnonzero([other == label for other in labels])
        order = rng.permutation(members)
        chosen = order[EACH - 1 :: EACH]
        test[chosen if len(chosen) else order[1:2]] = True
    return test


def require_sides(
    labels: Sequence[str], train: Sequence[int], test: Sequence[int], by: str, why: str
) -> None:
    """DataError where a class is on one side only. `by`: what chose the sides, "--group part";
    `why`: the option that would choose otherwise.
    """
    for words, side in (("training", train), ("test", test)):
        if not side:
            raise DataError(f"no {words} recording is left {by}: {why}")
        there = {labels[k] for k in side}
        for label, count in Counter(labels).items():
            if label not in there:
                raise DataError(
                    f"class {show(label)} has no {words} recording {by} "
                    f"({count} of it in all): {why}"
                )


def parts_of(labels: Sequence[str], groups: Sequence[str], k: int) -> list[tuple[int, ...]]:
    """At most k parts of the positions in `labels`, each group whole in one of them: a group goes
    where its classes are rarest, the largest groups first.
    """
    counts: dict[str, Counter[str]] = {}
    for label, group in zip(labels, groups):
        counts.setdefault(group, Counter())[label] += 1
    order = sorted(counts, key=lambda g: (-sum(counts[g].values()), min(counts[g]), natural(g)))
    held: list[Counter[str]] = [Counter() for _ in range(min(k, len(order)))]
    place = {}
    for group in order:

        def crowd(p: int, own: Counter[str] = counts[group]) -> tuple[int, int, int]:
            alike = sum(held[p][label] * count for label, count in own.items())
            return alike, sum(held[p].values()), p

        place[group] = min(range(len(held)), key=crowd)
        held[place[group]] += counts[group]
    parts = [tuple(i for i, g in enumerate(groups) if place[g] == p) for p in range(len(held))]
    return [part for part in parts if part]
