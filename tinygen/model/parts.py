"""Parts of a model and their plain JSON: name, quantities, and outputs behind the first."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from ..common.errors import ModelError
from .fixedpoint import Derivation, Quantity
from .nodes import Node, from_dict, to_dict

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,30}")


@dataclass(frozen=True)
class Output:
    """One more output of a model, with a chain of its own."""

    family: str
    quantity: Quantity
    reads: tuple[int, ...]  # places of its inputs among the model's, as its chain takes them
    nodes: tuple[Node, ...]
    training: dict[str, Any] = field(default_factory=dict)  # facts and figures, plain JSON


class Recalibrated(TypedDict, total=False):
    """What the training facts tell of a recalibration; errors are mean absolute, in the output's
    unit.
    """

    rows: int
    days: float  # from the first reading to the last
    error: float  # of the readings before
    error_left_out: float  # of blocks of them, by what the others ask for
    layer: Node  # the last one, before it was fitted again


def check_places(places: Sequence[tuple[int, ...]], inputs: int) -> None:
    """ModelError unless the places that each output reads are among `inputs`, and cover them."""
    for reads in places:
        if not reads or len(set(reads)) < len(reads):
            raise ModelError("an output reads no input, or one twice")
        if min(reads) < 0 or max(reads) >= inputs:
            raise ModelError(f"an output reads an input beyond the {inputs} there are")
    if len(set().union(*places)) < inputs:
        raise ModelError("an input that no output reads")


def plain_output(output: Output) -> dict[str, Any]:
    """Plain JSON values of one more output."""
    return {
        "family": output.family,
        "quantity": output.quantity.plain(),
        "reads": list(output.reads),
        "nodes": [to_dict(node) for node in output.nodes],
        **({"training": output.training} if output.training else {}),
    }


def output_of(plain: dict[str, Any]) -> Output:
    """The output that `plain_output` told; ModelError where it cannot be."""
    return Output(
        plain["family"],
        quantity_of(plain["quantity"]),
        tuple(plain["reads"]),
        tuple(map(from_dict, plain["nodes"])),
        plain.get("training", {}),
    )


def quantity_of(plain: dict[str, Any]) -> Quantity:
    """The quantity that `Quantity.plain` told; ModelError where it cannot be."""
    made = plain.get("derivation")
    quantity = Quantity(**{**plain, "derivation": made and _derivation(made)})
    numbers = (quantity.scale, quantity.minimum, quantity.maximum, quantity.offset)
    if (
        not all(isinstance(v, (int, float)) and math.isfinite(v) for v in numbers)
        or not quantity.scale > 0
    ):
        raise ModelError(
            f"quantity {str(quantity.name)[:40]!r} has a scale or range that is no number"
        )
    if not isinstance(quantity.name, str) or not isinstance(quantity.unit, str):
        raise ModelError("a quantity's name and unit are text")
    if not quantity.minimum <= quantity.maximum:
        raise ModelError(
            f"quantity {quantity.name!r} has minimum {quantity.minimum} "
            f"above maximum {quantity.maximum}"
        )
    return quantity


def _derivation(plain: dict[str, Any]) -> Derivation:
    """The derivation that `Quantity.plain` told."""
    lists = {name: tuple(plain.get(name, ())) for name in ("columns", "labels")}
    return Derivation(**{**plain, **lists})


def check_name(name: str) -> str:
    """`name` if it can prefix C identifiers; ModelError otherwise."""
    if not isinstance(name, str) or not NAME.fullmatch(name) or name.startswith("__"):
        raise ModelError(
            f"model name {str(name)[:40]!r} is not a C identifier of at most 31 letters, "
            "digits and _: "
            "give one with --name"
        )
    return name
