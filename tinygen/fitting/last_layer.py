"""The last layer of a model, in floats and back: the sum that stands before a root is undone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..common.errors import ModelError
from ..model.fixedpoint import INT16_MAX
from ..model.model import Model
from ..model.nodes import Integers
from ..model.operations.dense import MAX_SHIFT, Dense
from ..model.outputs import place_of
from .least_squares import Floats
from .lowering import apply_all


def layer_of(model: Model) -> Dense | None:
    """The sum that is the model's answer, or the root of it; None where it ends otherwise."""
    last = model.nodes[place_of(model) - 1]
    return last if isinstance(last, Dense) else None


def terms_of(model: Model, x: Integers) -> Floats:
    """What the last layer weighs, (n, weights), of raw rows x (n, inputs)."""
    before = model.nodes[: place_of(model) - 1]
    found: Floats = apply_all(before, model.saturate(x)[0]).astype(np.float64)
    return found


def spans_of(model: Model) -> Floats:
    """How far each term can reach, (weights,)."""
    low, high = _ends(model)
    return np.maximum(high - low, 1.0)


def _ends(model: Model) -> tuple[Floats, Floats]:
    """Least and greatest value of each term, for inputs within their limits."""
    if place_of(model) > 1:
        inside = model.bounds[place_of(model) - 2]
        ends = list(zip(inside.low, inside.high))
    else:
        ends = [q.limits for q in model.inputs]
    low, high = np.array(ends, dtype=np.float64).T
    return low, high


def coefficients(layer: Dense) -> tuple[Floats, float]:
    """Weights and bias without the shift."""
    weights: Floats = np.array(layer.weights[0], dtype=np.float64) / 2**layer.shift
    return weights, (layer.bias[0] << layer.bias_shift) / 2**layer.shift


def with_layer(model: Model, weights: Floats, bias: float) -> Model:
    """The model with other weights in its last layer, of 16 bits and as fine as the proof allows.

    ModelError where no shift fits.
    """
    place, old = place_of(model) - 1, layer_of(model)
    assert old is not None, "asked for with a last layer"
    middle = sum(_ends(model)) / 2
    for shift in range(MAX_SHIFT, -1, -1):
        whole = np.floor(weights * 2**shift + 0.5).astype(np.int64)
        if np.abs(whole).max() > INT16_MAX:
            continue
        lost = weights - whole / 2.0**shift  # a reading may be far from 0
        bias_whole = int(np.floor((bias + lost @ middle) * 2**shift + 0.5))
        new = Dense((tuple(whole.tolist()),), (bias_whole,), shift, old.low, old.high)
        try:
            return replace(model, nodes=(*model.nodes[:place], new, *model.nodes[place + 1 :]))
        except ModelError:
            continue
    raise ModelError("the weights of the last layer are too large for 16 bits")
