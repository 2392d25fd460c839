"""The factor that turns integer class scores into probabilities."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from .weighted import Counts, mean

LOG_TEMPERATURE = (-12.0, 3.0)  # natural logarithms of the factors tried


def temperature(scores: np.ndarray, y: np.ndarray, counts: Counts = None) -> float:
    """The factor on scores (n, classes) by which class indices y (n,) are likeliest (Guo et al.
    2017). A class counts as less than sure, the less the fewer rows it has (Platt 1999): else rows
    that are told apart without a mistake would ask for certainty.
    """
    width = scores.shape[1]
    known = np.bincount(y, counts, minlength=width)[y]
    sure = (known + 1) / (known + width)
    shares = np.repeat(((1 - sure) / (width - 1))[:, None], width, axis=1)
    shares[np.arange(len(y)), y] = sure

    def loss(log_factor: float) -> float:
        values = np.exp(log_factor) * scores
        return float(mean(logsumexp(values, axis=1) - (shares * values).sum(axis=1), counts))

    best = minimize_scalar(loss, bounds=LOG_TEMPERATURE, method="bounded")
    return float(np.exp(best.x))
