"""What views tell of nodes that have rows of weights, and how kernels spell what they read."""

from __future__ import annotations

from typing import Any

from ...common.errors import ModelError
from ..views import Step

SHORT = {"int8_t": "s8", "uint8_t": "u8", "int16_t": "s16"}  # types in the kernels' names


def short_type(step: Step) -> str:
    """How the kernels' names spell the type of a step's inputs."""
    short = SHORT.get(step.source_type)
    if short is None:
        assert step.before is not None  # raw inputs are int16_t
        low, high = min(step.before.low), max(step.before.high)
        raise ModelError(f"dense: its inputs reach {low} .. {high}, beyond int16")
    return short


class WeightRows:
    """What a view tells of a node with rows of weights, one row an output."""

    node: Any

    @property
    def weight_bits(self) -> int:
        return int(self.node.weight_bits)

    @property
    def rows(self) -> int:
        return len(self.node.bias)

    @property
    def columns(self) -> int:
        return len(self.node.weights[0])

    @property
    def weight_rows(self) -> list[str]:
        return ["{ " + ", ".join(f"{w:4d}" for w in row) + " }," for row in self.node.weights]

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights in flash."""
        return self.rows * self.columns * self.weight_bits // 8


class WideRows(WeightRows):
    """The same of rows that are summed in 32 bits."""

    step: Any

    @property
    def dot(self) -> str:
        """The function of one sum."""
        return f"tinygen_dot_{short_type(self.step)}_w{self.weight_bits}_32"
