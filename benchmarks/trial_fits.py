"""The kinds of models that tree_trials.py tries: each fits all its configurations to rows, and
tells what they answer to others and how many bytes they take at least.

Bytes are counted in favour of what is tried: the code around is what today's shortest of its kind
takes, or less where nothing like it exists, and every number has the fewest bytes it could do with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from trial_boosting import Boosting, Grown, Shape

from tinygen.data import Rows
from tinygen.fitting.least_squares import Root

ROUNDS = (3, 5, 10, 20, 40, 60)
RATE = 0.3  # learning rate
CLASS_ROUNDS = 10  # of more than two classes, each with a tree a round
SPLIT, TREE, AROUND = 4.4, 3, 210  # bytes of today's streams: code.py's STREAM_COST
ARGMAX = 40
OBLIVIOUS = 170  # code around oblivious trees: a loop over levels takes less than a walk
SHARED = 2.2  # bytes of a split that names one of the shared ones, with its leaf
PAIR = 3  # of a shared one: the input, the limit
CLOSE = 290  # less than around any net, but for its weights and a byte an input
LOG = 360  # less than around any power law, but for its weights
TERM = 6  # of a product of powers
REFIT_LEAVES = 320  # at most, of trees whose leaves are fitted once more
SEED = 0


@dataclass(frozen=True)
class Fit:
    """One configuration, fitted."""

    config: str
    answers: np.ndarray  # to the other rows, not yet rounded
    bytes: float


Kind = Callable[[Rows, np.ndarray], Iterator[Fit]]


def boosted(rows: Rows, other: np.ndarray) -> Iterator[Fit]:
    """Gradient boosting of scikit-learn, as `tinygen convert` lowers it: streams."""
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    kind = GradientBoostingClassifier if rows.labels else GradientBoostingRegressor
    loss = {} if rows.labels else {"loss": "huber"}
    for leaves in (3, 4, 8):
        for rate in (0.1, 0.3):
            most = CLASS_ROUNDS if len(rows.labels) > 2 else ROUNDS[-1]
            model = kind(
                n_estimators=most,
                max_leaf_nodes=leaves,
                max_depth=None,
                min_samples_leaf=5,
                learning_rate=rate,
                random_state=SEED,
                **loss,
            )
            model.fit(rows.x, rows.y)
            splits = np.cumsum([sum(t.tree_.n_leaves - 1 for t in r) for r in model.estimators_])
            for k, answers in enumerate(model.staged_predict(other), 1):
                if k in ROUNDS:
                    trees = k * model.estimators_.shape[1]
                    size = SPLIT * splits[k - 1] + TREE * trees + AROUND + _argmax(rows)
                    yield Fit(f"{k} of {leaves} leaves, rate {rate}", answers, size)


def _argmax(rows: Rows) -> int:
    return ARGMAX if len(rows.labels) > 2 else 0


def shared(rows: Rows, other: np.ndarray) -> Iterator[Fit]:
    """Trees whose new splits pay: a table of splits, named by one byte each."""
    shapes = [Shape(size, RATE, penalty=p) for size in (4, 8) for p in (0.0, 0.1, 0.4)]
    for config, trees, answers in _histograms(rows, other, shapes):
        splits = sum(len(t.splits) for t in trees)
        pairs = len({s for t in trees for s in t.splits})
        size = min(SHARED * splits + PAIR * pairs, SPLIT * splits) + 2 * len(trees) + AROUND
        yield Fit(config, answers, size + _argmax(rows))


def oblivious(rows: Rows, other: np.ndarray) -> Iterator[Fit]:
    """Trees with one split for each level: limits and inputs, 2**levels leaves."""
    shapes = [Shape(levels, RATE, True, p) for levels in (2, 3, 4, 5, 6) for p in (0.0, 0.2)]
    for config, trees, answers in _histograms(rows, other, shapes):
        splits = sum(len(t.splits) for t in trees)
        pairs = len({s for t in trees for s in t.splits})
        leaves = sum(len(t.values) for t in trees)
        size = min(PAIR * splits, splits + PAIR * pairs) + leaves + OBLIVIOUS
        yield Fit(config, answers, size + _argmax(rows))


def _histograms(
    rows: Rows, other: np.ndarray, shapes: list[Shape]
) -> Iterator[tuple[str, list[Grown], np.ndarray]]:
    """The first trees of each boosting after each of ROUNDS; of a number its leaves are fitted
    once more together, as today's forest does it.
    """
    boosting = Boosting(rows.x, rows.y, len(rows.labels), other)
    most = CLASS_ROUNDS if boosting.outputs > 1 else ROUNDS[-1]
    for shape in shapes:
        trees: list[Grown] = []
        sums = np.tile(boosting.start, (len(other), 1))
        for k, grown in enumerate(boosting.rounds(shape, most), 1):
            trees += grown
            sums += np.stack([t.values[t.other] for t in grown], axis=1)
            if k not in ROUNDS or k > most:
                continue
            if rows.labels:
                yield f"{k} of {shape.words}", list(trees), _class_of(sums)
            else:
                yield f"{k} of {shape.words}", list(trees), sums[:, 0]
                if k * len(trees[0].values) <= REFIT_LEAVES:
                    again = _refitted(boosting, trees, rows)
                    yield f"{k} of {shape.words}, refitted", list(trees), again


def _class_of(sums: np.ndarray) -> np.ndarray:
    return (sums[:, 0] > 0).astype(int) if sums.shape[1] == 1 else sums.argmax(axis=1)


def _refitted(boosting: Boosting, trees: list[Grown], rows: Rows) -> np.ndarray:
    """Answers with all leaf values fitted once more: least squares of what is left, held back."""
    first = np.cumsum([0, *(len(t.values) for t in trees)])
    width = int(first[-1])
    shares = np.zeros((len(rows.y), width))
    each = np.arange(len(rows.y))
    for t, start in zip(trees, first):
        shares[each, start + t.leaf] = 1.0
    left = rows.y - boosting.start[0] - sum(t.values[t.leaf] for t in trees)
    most = np.quantile(np.abs(left), 0.9)
    left = np.clip(left, -most, most)
    penalty = 50 * len(trees[0].values) * np.eye(width)
    change = np.linalg.solve(shares.T @ shares + penalty, shares.T @ left)
    answers = np.full(len(trees[0].other), boosting.start[0])
    for t, start in zip(trees, first):
        answers += (t.values + change[start : start + len(t.values)])[t.other]
    return answers


def _standardised(x: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    middle, spread = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
    return (x - middle) / spread, (other - middle) / spread


def prototypes(rows: Rows, other: np.ndarray) -> Iterator[Fit]:
    """A weighted sum of how close a row is to 4 to 16 prototypes: one byte a coordinate, and one a
    weight.
    """
    from sklearn.cluster import KMeans
    from sklearn.linear_model import LogisticRegression, Ridge

    x, z = _standardised(rows.x, other)
    outputs = max(1, len(rows.labels)) if len(rows.labels) != 2 else 1
    for count in (4, 6, 8, 12, 16):
        found = KMeans(count, n_init=2, random_state=SEED).fit(x).cluster_centers_
        spots = np.round(found * 32) / 32
        far, there = (((p[:, None] - spots) ** 2).mean(axis=2) for p in (x, z))
        for width in (0.5, 2.0):
            scale = width * np.median(far)
            close, asked = np.exp(-far / scale), np.exp(-there / scale)
            for strength in (1.0, 100.0):
                if rows.labels:
                    model = LogisticRegression(C=strength, max_iter=500).fit(close, rows.y)
                else:
                    model = Ridge(1 / strength).fit(close, rows.y)
                size = CLOSE + rows.x.shape[1] + count * (rows.x.shape[1] + outputs)
                yield Fit(f"{count}, width {width}, {strength}", model.predict(asked), size)


POWERS = (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0)
FEW = 6  # inputs that formulas are made of


def formula(rows: Rows, other: np.ndarray) -> Iterator[Fit]:
    """One to six products of powers of one or two inputs, added up: the next one is always that
    which explains most of what is left. Of numbers only, and of inputs above 0.
    """
    if rows.labels:
        return
    usable = [k for k in range(rows.x.shape[1]) if rows.x[:, k].min() > 0]
    near = [abs(np.corrcoef(rows.x[:, k], rows.y)[0, 1]) for k in usable]
    few = [usable[k] for k in np.argsort(near)[::-1][:FEW]]
    if not few:
        return
    logs, asked = (np.log(np.maximum(v, 1)) for v in (rows.x, other))
    terms = [((k, p),) for k in few for p in POWERS]
    terms += [((a, p), (b, q)) for a, b in combinations(few, 2) for p in POWERS for q in POWERS]
    tables = [np.exp(np.stack([sum(p * v[:, k] for k, p in t) for t in terms], axis=1))
              for v in (logs, asked)]  # fmt: skip
    middle, spread = tables[0].mean(axis=0), np.maximum(tables[0].std(axis=0), 1e-300)
    own, there = ((t - middle) / spread for t in tables)
    for root in (1, 2) if rows.y.min() >= 0 else (1,):
        y = Root(root).forward(rows.y)
        chosen: list[int] = []
        left = y - y.mean()
        for count in range(1, 7):
            chosen.append(int(np.abs(own.T @ left).argmax()))
            basis = own[:, chosen]
            normal = basis.T @ basis + 1e-4 * len(y) * np.eye(count)
            weights = np.linalg.solve(normal, basis.T @ (y - y.mean()))
            left = y - y.mean() - basis @ weights
            answers = Root(root).backward(there[:, chosen] @ weights + y.mean())
            yield Fit(f"{count} terms, root {root}", answers, LOG + TERM * count)


KINDS: dict[str, Kind] = {
    "boosted trees": boosted,
    "trees that share splits": shared,
    "oblivious trees": oblivious,
    "prototypes": prototypes,
    "formula": formula,
}
