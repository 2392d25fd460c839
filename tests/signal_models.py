"""Models of signals that together hold every kind of stream and of feature, on channels of every
sort of range; and recordings that drive them to their corners.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from tinygen.model.fixedpoint import MISSING, Quantity
from tinygen.model.model import Model
from tinygen.model.operations.argmax import Argmax
from tinygen.model.operations.forest import Forest
from tinygen.model.signals import FEATURES, STREAMS, FrontEnd, SignalModel
from tinygen.model.signals.features import shift_for
from tinygen.model.signals.filters import Band, design_band

RATE_HZ = 100.0
RANGES = {
    "narrow": (-40, 60),
    "wide": (-32767, 32767),
    "one_sided": (200, 1000),
    "offset": (30000, 30100),  # far from 0: a band takes a shift of it
    "negative": (-20000, -5000),
    "tracked": (-28000, 28000),  # leaves the robust level its room
}


def quantity(name: str, ends: tuple[int, int]) -> Quantity:
    return Quantity(name, "", 1.0, *map(float, ends))


def span_shift(inside) -> int:
    return int(inside[1] - inside[0] > 32767)


def middle(inside) -> int:
    return (inside[0] + inside[1]) // 2


def bands(source, inside):
    """One as designed, one that swings without end, one that flips with every sample, and one that
    has a half to round with every second one.
    """
    found = design_band(source, 8.0, 15.0, RATE_HZ, inside)
    yield found
    yield Band(source, 16384, 32767, 16384, found.gain, (1, 2))
    yield Band(source, 16384, -32767, 16384, found.gain, (2, 3))
    yield Band(source, 8192, 0, 16384, min(found.gain, 0), (3, 4))


def trackers(source, inside):
    room = min(inside[0] + 32767, 32767 - inside[1])
    return [STREAMS["tracker"](source, step) for step in (1, 7, 1024) if step <= room]


# kind -> the streams of a source within an interval
OF_A_SOURCE = {
    "coarse": lambda s, i: [STREAMS["coarse"](s, k) for k in (1, 15)],
    "change": lambda s, i: [STREAMS["change"](s, span_shift(i))],
    "size": lambda s, i: [STREAMS["size"](s)],
    "delay": lambda s, i: [STREAMS["delay"](s, k) for k in (1, 2, 64)],
    "crossing": lambda s, i: [STREAMS["crossing"](s, middle(i))],
    "above": lambda s, i: [STREAMS["above"](s, k) for k in (i[0], middle(i))],
    "turn": lambda s, i: [STREAMS["turn"](s)],
    "level": lambda s, i: [STREAMS["level"](s, k) for k in (1, 4, 15)],
    "ripple": lambda s, i: [STREAMS["ripple"](s, k, span_shift(i)) for k in (1, 6)],
    "tracker": trackers,
    "band": bands,
}


def magnitudes(inside):
    """Of two and of three axes."""
    for axes in ((0, 1), (0, 1, 2)):
        shift = int(sum(max(map(abs, inside[a])) ** 2 for a in axes) > 32767**2)
        yield STREAMS["magnitude"](axes, shift)


@dataclass
class Front:
    """A front end that grows."""

    limits: list
    streams: list
    inside: list

    def add(self, stream) -> int:
        """Its place, also where it is there already."""
        if stream not in self.streams:
            self.streams.append(stream)
            self.inside.append(stream.bounds([self.inside[s] for s in stream.sources]))
        return len(self.limits) + self.streams.index(stream)

    def for_feature(self, kind, places, samples) -> tuple[int, ...]:
        """Places of the same streams, coarse enough for a feature."""
        shift = shift_for(kind, [self.inside[p] for p in places], samples)
        if not shift:
            return places
        return tuple(self.add(STREAMS["coarse"](p, shift)) for p in places)


def of_one(name) -> bool:
    return "source" in FEATURES[name].__dataclass_fields__


def every_feature(front: Front, places, samples: int, panes: int, most: int) -> list:
    """Features of every kind: of one stream for each place in turn, of two for neighbours."""
    kinds = [k for k in FEATURES if k != "trend" or panes % 2 == 0]
    found: list = []
    for turn, place in enumerate(places):
        for name in kinds[turn % 2 :: 2] if len(places) > most else kinds:
            if name == "total" and samples * max(map(abs, front.inside[place])) > 32767:
                continue
            pair = (place,) if of_one(name) else (places[turn - 1], place)
            if name in ("strongest", "centroid"):  # of as many bands as there can be
                pair = tuple(dict.fromkeys((places * 8)[turn : turn + 8]))
            found.append(FEATURES[name].of(*front.for_feature(FEATURES[name], pair, samples)))
    return list(dict.fromkeys(found))


def front_end(ranges, pane: int, panes: int, stride: int, most: int = 24) -> FrontEnd:
    """A front end of three channels; every kind of stream stands on the first."""
    limits = [quantity("x", RANGES[name]).limits for name in ranges]
    front = Front(limits, [], list(limits))
    places = list(range(len(limits)))
    for make in OF_A_SOURCE.values():
        places += [front.add(s) for s in make(0, limits[0])]
    if len(limits) > 2:
        places += [front.add(s) for s in magnitudes(limits)]
    for name in ("crossing", "turn", "level", "change"):  # streams of a stream
        place = places[len(places) // 2]
        places += [front.add(OF_A_SOURCE[name](place, front.inside[place])[0])]
    features = every_feature(front, places, pane * panes, panes, most)
    return FrontEnd(tuple(limits), pane, panes, stride, tuple(front.streams), tuple(features[:255]))


def signal_model(name, ranges, pane, panes, stride, votes, classes, lead=1) -> SignalModel:
    """A model of every kind of stream and feature."""
    return model_of(name, ranges, front_end(ranges, pane, panes, stride), votes, classes, lead=lead)


def model_of(name, ranges, front: FrontEnd, votes, classes, seed=0, lead=1) -> SignalModel:
    """A model whose decisions depend on many of the features; classes 0: a number."""
    channels = tuple(quantity(f"c{k}", RANGES[r]) for k, r in enumerate(ranges))
    rng, some = np.random.default_rng(seed), front.window < 1000
    rows = (
        front.run([recording(front, 30, seed + 1)])[0].features
        if some
        else rng.integers(*np.array(front.bounds).T, size=(50, len(front.features)), endpoint=True)
    )
    window = window_model(f"{name}_window", front, rows, classes, seed)
    return SignalModel(name, channels, RATE_HZ, front, window, votes, lead)


def window_model(name, front: FrontEnd, rows, classes, seed=0) -> Model:
    """A forest with random splits among these rows of features; classes 0: a number."""
    inputs = tuple(
        quantity(f"f{k}", (low, max(high, low + 1))) for k, (low, high) in enumerate(front.bounds)
    )
    nodes: tuple = (forest(rows, max(classes, 1), seed),)
    return Model(
        name,
        "forest",
        inputs,
        quantity("answer", (0, max(classes - 1, 1)) if classes else (-9000, 9000)),
        (*nodes, Argmax()) if classes else nodes,
        labels=tuple(f"class {k}" for k in range(classes)),
    )


def forest(rows: np.ndarray, outputs: int, seed: int) -> Forest:
    """Trees of depth 3 whose thresholds some of these rows hit."""
    rng = np.random.default_rng(seed)
    splits, leaves, roots = [], [], []
    for _ in range(12):
        base, first = len(splits), len(leaves)
        roots.append(base)
        for k in range(7):
            column = int(rng.integers(rows.shape[1]))
            children = [base + c if c < 7 else -1 - (first + c - 7) for c in (2 * k + 1, 2 * k + 2)]
            splits.append((column, int(rng.choice(rows[:, column])), *children))
        leaves += rng.integers(-900, 900, (8, outputs)).tolist()
    return Forest(
        tuple(splits), tuple(map(tuple, leaves)), tuple(roots), (0,) * outputs, -32767, 32767
    )


def shapes(limits, n: int, rng) -> dict[str, np.ndarray]:
    """Name -> samples (n, channels): what drives a filter or a sum to its corners."""
    low, high = np.array(limits).T
    at, size = np.arange(n)[:, None], (n, len(limits))
    still = np.broadcast_to((low + high) // 2, size)
    impulse = np.where(at == n // 2, rng.choice([low, high]), still)
    square = {f"square of {p}": np.where(at // p % 2, low, high) for p in (1, 2, 3, 5, 8, 16, 50)}
    apart = np.where((at + np.arange(len(limits))) // 4 % 2, low, high)
    return {
        "noise": rng.integers(low, high + 1, size=size),
        "walk": np.clip(still + np.cumsum(rng.integers(-3, 4, size), axis=0), low, high),
        **square,
        "square apart": apart,
        "low rail": np.broadcast_to(low, size),
        "high rail": np.broadcast_to(high, size),
        "silence": still,
        "zero": np.zeros(size, np.int64),
        "impulse": impulse,
        "ramp": low + at * (high - low) // max(n - 1, 1),
        "saw": low + at * 7919 % (high - low + 1),
        "drift": still + at // 9 % 5,
        "full scale": np.broadcast_to(np.where(at % 2, -32767, 32767), size),
        "beyond": rng.choice([-32767, 32767, 0, 1, -1], size=size),
        "sine": still + ((high - low) / 2.1 * np.sin(at * rng.uniform(0.05, 1.5))).astype(int),
    }


def recording(front: FrontEnd, windows: int, seed: int, lost: float = 0.3) -> np.ndarray:
    """Samples of every shape, one after the other for about so many windows each; now and then a
    sample is lost between them, or within.
    """
    rng = np.random.default_rng(seed)
    parts = []
    n = front.window + (windows * front.hop) // 20
    for turn in range(2):
        made = list(shapes(front.limits, n, rng).values())
        for k in rng.permutation(len(made)):
            part = np.array(made[k])
            if rng.random() < lost:
                part[rng.integers(n) if turn else 0, rng.integers(part.shape[1])] = MISSING
            parts.append(part)
    return np.concatenate(parts)


# name -> ranges, pane, panes, stride, votes, classes, lead
PLANS = {
    "narrow": (("narrow", "one_sided", "wide"), 25, 4, 1, 3, 4, 2),
    "wide": (("wide", "wide", "wide"), 16, 1, 1, 1, 3),
    "wide_slow": (("wide", "wide", "narrow"), 8, 4, 2, 5, 0),
    "one_sided": (("one_sided", "wide", "negative"), 10, 4, 2, 5, 4),
    "offset": (("offset", "narrow", "wide"), 9, 2, 1, 3, 0),
    "negative": (("negative", "negative", "negative"), 5, 2, 2, 1, 0),
    "tracked": (("tracked", "offset", "tracked"), 50, 4, 1, 15, 5, 4),
    "least_window": (("wide", "narrow"), 1, 2, 1, 3, 2),
}
LONGEST = (("wide", "offset", "tracked"), 8191, 4, 1, 3, 3)  # samples of a window: the most


@cache
def signal_models() -> dict[str, SignalModel]:
    """Name -> model; together they hold every kind of stream and of feature."""
    return {name: signal_model(name, *plan) for name, plan in PLANS.items()}


def small_models(name: str, ram_bytes: int) -> list[SignalModel]:
    """Models of one plan that share its features among them, each of them small enough."""
    ranges, _, _, _, votes, classes, *lead = PLANS[name]
    return [
        model_of(f"{name}_{k}", ranges, front, votes, classes, 0, *lead)
        for k, front in enumerate(small_fronts(signal_models()[name].front, ram_bytes))
    ]


def small_fronts(front: FrontEnd, ram_bytes: int) -> list[FrontEnd]:
    """Front ends that share the features among them, each of them small enough."""
    parts: list[list[int]] = [[]]
    for k in range(len(front.features)):
        if ram_of(front.only([*parts[-1], k])) > ram_bytes:
            parts.append([])
        parts[-1].append(k)
    return [front.only(part) for part in parts]


def ram_of(front: FrontEnd) -> int:
    """Bytes on the chip, nearly: memory, and the pane and the values on the stack."""
    pane = sum(4 if kept.adds else 2 for kept in front.accumulators)
    delays = sum(2 * s.lag for s in front.streams if s.kind == "delay")
    return (front.panes + 1) * pane + 10 * len(front.inside) + delays + 2 * len(front.features)
