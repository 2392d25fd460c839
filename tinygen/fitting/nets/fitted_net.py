"""A float net between scaled inputs and its output's root."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...data import Rows
from ...model.nodes import Node
from ...model.operations.scale import Scale
from ..least_squares import Root
from ..lowering import Logs, apply_all
from .gauss_newton import Net


@dataclass(frozen=True)
class FittedNet:
    """A float net on standardised scaled inputs."""

    columns: tuple[int, ...]
    scale: Scale
    mean: np.ndarray
    spread: np.ndarray
    net: Net
    root: Root
    logs: Logs
    # some rows and the integer form on them, where a choice between nets has asked for it
    rounded: tuple[Rows, tuple[Node, ...]] | None = field(default=None, compare=False, repr=False)

    def standardised(self, x: np.ndarray, scale: Scale | None = None) -> np.ndarray:
        """Net inputs (n, k) for raw rows; with `scale`, as the integer nodes round them."""
        if scale is None:
            distance = (self.logs.forward(x) - np.array(self.scale.low)) * (
                np.array(self.scale.multiplier) / 2**self.scale.shift
            )
            exact: np.ndarray = (np.clip(distance, 0, self.scale.top) - self.mean) / self.spread
            return exact
        gain, offset = self.frame(scale)
        rounded: np.ndarray = apply_all((*self.logs.nodes, scale), x) * gain + offset
        return rounded

    def frame(self, scale: Scale) -> tuple[np.ndarray, np.ndarray]:
        """gain and offset per input: net input = gain * (what the integer node `scale` gives) +
        offset.
        """
        steps = (
            np.array(scale.multiplier)
            / 2**scale.shift
            / (np.array(self.scale.multiplier) / 2**self.scale.shift)
        )
        return 1 / (steps * self.spread), (scale.zero / steps - self.mean) / self.spread

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Raw answers (n,) to raw rows of all inputs, not rounded."""
        return self.root.backward(self.net.output(self.standardised(x[:, self.columns])))
