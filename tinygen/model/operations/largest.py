"""The place of the largest of several sums; no array of scores is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..nodes import fused
from ..trees.views import ClassView, TreesView
from ..views import Step, View
from .argmax import Argmax
from .dense import Dense, DenseView
from .forest import Forest
from .quantized import QuantizedConv, QuantizedDense, QuantizedDenseView

# of a sum; of the other types it is 0. A literal of -32768 would be a long
LEAST = {"int8_t": "-128", "int16_t": "-32767 - 1"}


@fused(Dense, Argmax)
def _of_rows(step: Step) -> LargestRowView | None:
    """Not of one sum, nor where a kernel computes all of them at once."""
    layer = step.nodes[0].view(step.front(1))
    if step.scores or not isinstance(layer, DenseView) or layer.rows == 1 or layer.has_kernel:
        return None
    return LargestRowView(step, layer)


@fused(QuantizedDense, Argmax)
@fused(QuantizedConv, Argmax)
def _of_quantized(step: Step) -> LargestQuantizedView | None:
    layer = step.nodes[0].view(step.front(1))
    assert isinstance(layer, QuantizedDenseView)
    return None if step.scores or layer.rows == 1 else LargestQuantizedView(step, layer)


@fused(Forest, Argmax)
def _of_trees(step: Step) -> ClassView | LargestTreesView | None:
    forest = step.nodes[0]
    assert isinstance(forest, Forest)
    if step.scores or len(forest.bias) == 1:
        return None
    if straight := forest.class_view(step):
        return straight
    layer = forest.view(step.front(1))
    assert isinstance(layer, TreesView)
    return LargestTreesView(step, layer)


@dataclass(frozen=True)
class LargestView(View):
    """What computes the sums, and the loop over them."""

    macros: ClassVar[str] = "largest"
    layer: DenseView | TreesView | QuantizedDenseView

    @property
    def type(self) -> str:
        return "uint8_t"

    @property
    def least(self) -> str:
        """What no sum is below."""
        return LEAST.get(self.layer.type, "0")

    @property
    def slow(self) -> str:
        return self.layer.slow

    @property
    def rom_bytes(self) -> int:
        return self.layer.rom_bytes


@dataclass(frozen=True)
class LargestRowView(LargestView):
    """Of rows of weights, each as it is computed."""

    template: ClassVar[str] = "dense"


@dataclass(frozen=True)
class LargestQuantizedView(LargestView):
    """The same of TFLite's arithmetic."""

    template: ClassVar[str] = "dense"
    macros: ClassVar[str] = "largest_quantized"


@dataclass(frozen=True)
class LargestTreesView(LargestView):
    """Of trees in any form but straight code."""

    template: ClassVar[str] = "forest"
