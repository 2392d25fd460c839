"""A small model of signals for whole boards: classes by two features, and a vote of three."""

import numpy as np

from tinygen.data import Rows
from tinygen.families import FAMILIES
from tinygen.model.fixedpoint import MISSING, Quantity
from tinygen.model.model import Model
from tinygen.model.signals import FrontEnd, SignalModel
from tinygen.model.signals.features import Mean, Range

RATE = 200
CHANNELS = (Quantity("a", "", 1.0, 100.0, 900.0), Quantity("b", "", 1.0, 0.0, 1000.0))
LABELS = ("still", "high", "moving")
# what training tells of a cost
COST = {
    "board": "uno",
    "f_cpu_hz": 16_000_000,
    "flash_bytes": 1234,
    "ram_bytes": 100,
    "stack_bytes": 23,
    "cycles_sample": 700,
    "cycles_window": 3000,
    "load": 0.0123,
}


def made(pane: int = 10) -> SignalModel:
    """Classes by the mean of a and the range of b in windows of two panes, and a vote of three."""
    features = np.array([[m, r] for m in range(100, 900, 50) for r in range(0, 1000, 100)])
    classes = np.where(features[:, 1] > 400, 2, (features[:, 0] > 500).astype(int))
    inputs = (Quantity("mean of a", "", 1.0, 0.0, 1023.0), Quantity("range", "", 1.0, 0.0, 1023.0))
    output = Quantity("state", "", 1.0, 0.0, 2.0)
    rows = Rows(features, classes, inputs, output, LABELS)
    tree = FAMILIES["tree"]
    nodes = tree.lower(tree.fit(rows, tree.candidates(rows)[1], 0), rows)
    window = Model("state_window", "tree", inputs, output, nodes, labels=LABELS)
    limits = tuple(q.limits for q in CHANNELS)
    front = FrontEnd(limits, pane, 2, 1, (), (Mean(0), Range(1)))
    return SignalModel("state", CHANNELS, float(RATE), front, window, 3)


MODEL = made()


def course(samples: int) -> np.ndarray:
    """Still, high, moving, in turn."""
    at = np.arange(samples)
    a = np.where(at // 60 % 3 == 1, 800, 200)
    b = np.where(at // 60 % 3 == 2, 100 + at * 397 % 700, 500)
    return np.column_stack([a, b])


def samples() -> np.ndarray:
    """Two recordings, and a last sample out of range."""
    raw = course(260)
    lost = np.full((1, 2), MISSING)
    return np.concatenate([lost, raw[:200], lost, raw[150:], [[1023, -5]]])
