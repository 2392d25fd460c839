"""The class with the largest score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..nodes import Bounds, Integers, Node, integers, operation
from ..views import FloatStep, FloatView, Step, View


@operation
@dataclass(frozen=True)
class Argmax(Node):
    """Index of the largest element; the first one where several are equal."""

    op: ClassVar[str] = "argmax"
    letter: ClassVar[str] = "best"

    def apply(self, values: Integers) -> Integers:
        return integers(np.argmax(values, axis=1)[:, None])

    def bounds(self, inside: Bounds) -> Bounds:
        return Bounds((0,), (len(inside.low) - 1,))

    def view(self, step: Step) -> ArgmaxView:
        assert step.before is not None  # raw inputs have no scores
        return ArgmaxView(step, len(step.before.low))

    def float_view(self, step: FloatStep) -> ArgmaxFloatView:
        return ArgmaxFloatView(step)


@dataclass(frozen=True)
class ArgmaxView(View):
    template: ClassVar[str] = "argmax"
    macros: ClassVar[str] = "argmax"
    scores: int

    @property
    def type(self) -> str:
        return "uint8_t"


@dataclass(frozen=True)
class ArgmaxFloatView(FloatView):
    template: ClassVar[str] = "argmax"
    whole: ClassVar[bool] = True
