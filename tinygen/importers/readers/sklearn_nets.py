"""scikit-learn's nets of layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import LOGISTIC, RELU, SAME, TANH, Affine, Head, Step, each
from . import Part, classifier, reader

ACTIVATIONS = {"relu": RELU, "identity": SAME, "tanh": TANH, "logistic": LOGISTIC}


def _layers(e: Any) -> tuple[tuple[Step, ...], int]:
    """Sums and curves in turn, the last sums without one; and the number of outputs."""
    steps: list[Step] = []
    for weights, bias in zip(e.coefs_, e.intercepts_):
        steps.append(Affine(np.asarray(weights, np.float64).T, np.asarray(bias, np.float64)))
        steps.append(each(len(bias), ACTIVATIONS[e.activation]))
    return tuple(steps[:-1]), len(e.intercepts_[-1])


@reader("MLPRegressor")
def net(e: Any, columns: tuple[str, ...]) -> Part:
    from ..graph import EXP

    steps, outputs = _layers(e)
    if e.out_activation_ not in ("identity",):
        steps = (*steps, each(outputs, EXP))
    return Part(steps, Head())


@reader("MLPClassifier")
def net_classifier(e: Any, columns: tuple[str, ...]) -> Part:
    steps, outputs = _layers(e)
    return classifier(steps, e.classes_, outputs, "logistic" if outputs == 1 else "softmax")
