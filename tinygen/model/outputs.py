"""Models of one output each become one model of several outputs."""

from __future__ import annotations

from collections.abc import Sequence

from ..common.errors import ModelError, UsageError
from .fixedpoint import Quantity
from .model import Model
from .parts import Output


def side_by_side(models: Sequence[Model], inputs: Sequence[Quantity]) -> Model:
    """The model that answers what each of `models` answers, in their order; their inputs are among
    `inputs`, whose order it keeps. Name and alarm are the first one's, each keeps its own facts.
    """
    first = models[0]
    if any(model.labels or model.more or model.band for model in models[1:]) or first.labels:
        raise ModelError("several outputs are numbers, and only the first has an alarm")
    used = tuple(q for q in inputs if any(q in model.inputs for model in models))
    places = [tuple(used.index(q) for q in model.inputs) for model in models]
    return Model(
        first.name,
        first.family,
        used,
        first.output,
        first.nodes,
        first.threshold,
        (),
        first.training,
        first.optimize,
        first.alarm_below,
        reads=places[0],
        more=tuple(
            Output(model.family, model.output, reads, model.nodes, model.training)
            for model, reads in zip(models[1:], places[1:])
        ),
    )


def require_one_output(model: Model, what: str) -> Model:
    """The model; UsageError where it has several outputs, which `what` does not know."""
    if model.more:
        names = ", ".join(q.name for q in model.outputs)
        raise UsageError(
            f"{what} is for models of one output, '{model.name}' has {len(model.outputs)} "
            f"({names}): train one for a single target"
        )
    return model
