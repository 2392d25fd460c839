"""Hidden layers of a ReLU net as integers: a scale for each unit, and weights rounded jointly on
the Gauss-Newton Hessian of the whole net while what follows them adapts.

A ReLU unit may be scaled freely, so no multiplier is needed to requantise it: each unit's scale is
chosen so that its largest weight is WEIGHT_MAX, and a shift of its sum gives its activation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...model.fixedpoint import INT16_MAX
from ...model.operations.dense import BYTE_SHIFT, INT8, Dense
from ...model.operations.scale import Scale
from ..least_squares import integer_descent, without_free
from ..lowering import bias_in_24_bits, steps_in_24_bits
from .gauss_newton import Net, Problem, curvature, train_net

WEIGHT_MAX = 127
UINT8_MAX = 255  # of scaled inputs before their zero is taken off
FEW_SHIFT, MANY_SHIFT = 1, 4  # of sums of few inputs of 8 bits, and of many
FEW_INPUTS, MOST_FINE = 8, 64
ROOM = 0.97  # part of the room for a sum that is used before its weights are rounded
USUAL_SHARE = 90  # the largest int8 share in an output, whose step is a power of two: 64 to 127
LEAST_STEPS = 0.3  # of a unit with a small share, per step of one with a large share
LEAST_BIAS = -(2**22)  # beside which no sum of so many products leaves 24 bits
MOST_BIAS = 2**19  # of units of bytes: no sum leaves the 22 bits that they have


@dataclass(frozen=True)
class Form:
    """How a hidden layer's sums become units: `unit = sum / 2**shift`.

    reach: how far from 0 an integer input can be; None where sums need not fit 24 bits.
    fine: of inputs of 8 bits, its bias in single steps of the sum, not in steps of 2**shift.
    low, high: limits of a unit; `low` stands for 0.
    """

    shift: int = 8
    reach: int | None = None
    fine: bool = False
    low: int = 0
    high: int = INT16_MAX

    @property
    def room(self) -> int:
        """The largest sum whose unit is within its limit, its rounding constant left out."""
        return ((self.high - self.low) << self.shift) + ((1 << self.shift) >> 1) - 1

    @property
    def saturates(self) -> bool:
        """True where the kernel clamps a unit to `high`; elsewhere no sum may reach so far."""
        return self.high < INT16_MAX

    def steps(self, weights: np.ndarray, bias: np.ndarray, largest: np.ndarray) -> np.ndarray:
        """Steps of the sum per unit of its float value, (units,), as fine as weights, units and
        sums allow.

        weights: (inputs, units), per step of an integer input; largest: activation of each unit.
        """
        steps: np.ndarray = np.minimum(
            WEIGHT_MAX / np.maximum(np.abs(weights).max(axis=0), 1e-12),
            ((self.high - self.low) << self.shift) / np.maximum(largest, 1e-9),
        )
        if self.saturates:
            return steps
        if self.fine:
            most = np.maximum(bias + self._most(weights), 1e-9)
            steps = np.minimum(steps, ROOM * self.room / most)
        elif self.reach is not None:
            steps = np.minimum(steps, steps_in_24_bits(weights, bias, self.reach))
        return steps

    def node(self, weights: np.ndarray, bias: np.ndarray) -> Dense:
        """The layer of integer weights (inputs, units); bias: (units,) in steps of the sum."""
        bias_shift = 0 if self.fine else self.shift
        most = np.full(len(bias), INT16_MAX)
        least = -most
        if self.saturates:
            least, most = np.full(len(bias), -MOST_BIAS), np.full(len(bias), MOST_BIAS)
        elif self.fine:
            least, most = np.full(len(bias), LEAST_BIAS), self.room - self._most(weights)
        elif self.reach is not None:
            most = np.minimum(most, bias_in_24_bits(weights, self.reach))
            least = -most
        whole = np.clip(np.floor(bias / 2**bias_shift + 0.5), least, most).astype(int)
        whole += self.low << (self.shift - bias_shift)
        rows = tuple(map(tuple, weights.T.tolist()))
        return Dense(rows, tuple(whole.tolist()), self.shift, self.low, self.high, bias_shift)

    def _most(self, weights: np.ndarray) -> np.ndarray:
        """What a fine layer's products can sum up to, (units,)."""
        assert self.reach is not None
        most: np.ndarray = np.abs(weights).sum(axis=0) * self.reach
        return most


def forms_behind(scale: Scale, layers: int, narrow: bool, words: bool = False) -> list[Form]:
    """The forms of so many layers behind scaled inputs; `narrow` keeps their sums in 24 bits.

    Behind inputs of 8 bits the units that a further layer reads have 8 bits as well, unless they
    are to be `words`: a weight of it takes 5 cycles less, for 0.1 % of accuracy (measured on the
    training rows of the air-quality data; where next to nothing is noise, it can be far more).
    """
    further = Form(reach=INT16_MAX if narrow else None)
    if scale.top > UINT8_MAX:
        return [Form(reach=scale.zero if narrow else None), *[further] * (layers - 1)]
    few = len(scale.low) <= FEW_INPUTS and layers == 1
    fine = Form(FEW_SHIFT if few else MANY_SHIFT, scale.zero, fine=True)
    if words:
        return [fine, *[further] * (layers - 1)]
    return [*[Form(BYTE_SHIFT, scale.zero, True, *INT8)] * (layers - 1), fine]


@dataclass(frozen=True)
class Frame:
    """How one hidden layer's floats become integers."""

    form: Form
    unit: np.ndarray  # (inputs, units): the float weight of one integer step
    steps: np.ndarray  # (units,): accumulator steps per unit of float sum
    offset: np.ndarray  # (inputs,): float input where the integer one is zero

    def node(self, net: Net, layer: int) -> Dense:
        weights = np.floor(net.weights[layer] / self.unit + 0.5).astype(int)
        bias = (net.biases[layer] + self.offset @ net.weights[layer]) * self.steps
        return self.form.node(weights, bias)


def frames_of(
    net: Net, problem: Problem, gain: np.ndarray, offset: np.ndarray, forms: list[Form]
) -> list[Frame]:
    """Integer frames of the hidden layers; gain, offset: net input = gain * integer + offset."""
    frames, activations = [], net.layers(problem.z)
    for layer, (weights, form) in enumerate(zip(net.weights[:-1], forms)):
        exact = weights * gain[:, None]
        bias = net.biases[layer] + offset @ weights
        units = activations[layer + 1]
        steps = form.steps(exact, bias, units.max(axis=0))
        if layer == len(forms) - 1:
            reach = float(np.sqrt((activations[layer] / gain).var(axis=0).sum())) / 2**form.shift
            shares = np.abs(net.weights[-1][:, 0])
            steps = steps * _for_shares(units * (steps / 2**form.shift), shares / steps, reach)
        frames.append(Frame(form, 1 / (gain[:, None] * steps[None, :]), steps, offset))
        gain = 2.0**form.shift / steps
        offset = -form.low * gain
    return frames


def _for_shares(units: np.ndarray, shares: np.ndarray, reach: float) -> np.ndarray:
    """What to multiply the steps of the last hidden units by, (units,), LEAST_STEPS to 1.

    The rounding of a unit's weights counts with its share in the output, that of its share with the
    unit itself: a small share is rounded as coarsely as a large one, so that a unit of fewer steps
    and a larger share is better. units: (n, units) integer activations; reach: the spread that the
    inputs give a sum of unit weights, in steps of a unit.
    """
    whole = shares * (USUAL_SHARE / max(float(shares.max()), 1e-300))
    from_weights = whole * reach * np.sqrt((units > 0).mean(axis=0))
    from_share = np.maximum(units.std(axis=0), 1e-9)
    steps: np.ndarray = np.clip(np.sqrt(from_weights / from_share), LEAST_STEPS, 1.0)
    return steps


def round_layer(net: Net, problem: Problem, layer: int, frame: Frame) -> Net:
    """The net with one hidden layer's weights on their integer grid, what follows it adapted."""
    first = sum(w.size + b.size for w, b in zip(net.weights[:layer], net.biases[:layer]))
    rounded = net.weights[layer].size  # what follows them is free
    gradient, hessian = curvature(net, problem, first)
    reduced = without_free(hessian, np.arange(len(hessian)) >= rounded)
    unit = frame.unit.ravel()
    whole = integer_descent(
        net.weights[layer].ravel() / unit,
        reduced * np.outer(unit, unit),
        WEIGHT_MAX,
        gradient[:rounded] * unit,
    )
    flat = net.flat()
    flat[first : first + rounded] = whole * unit
    return train_net(net.with_flat(flat), problem, 25, first + rounded)
