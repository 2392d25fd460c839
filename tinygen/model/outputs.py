"""Outputs of a model: several of them side by side, or one with a gain and an offset of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..common.errors import ModelError, UsageError
from .fixedpoint import Quantity
from .model import Model
from .nodes import Node, from_dict
from .operations.argmax import Argmax
from .operations.exp2 import Exp2
from .operations.power import Power
from .operations.scale import Calibrate
from .parts import Output

if TYPE_CHECKING:
    from .signals.any_model import AnyModel

UNSEEN = "unseen_spread"  # the training fact that tells how far unseen rows were off
RECALIBRATED = "recalibrated"  # the training fact that tells of a recalibration
PROOF = "proof"  # the one that tells how its answers were proven, of this very model


def side_by_side(models: Sequence[Model], inputs: Sequence[Quantity]) -> Model:
    """The model that answers what each of `models` answers, in their order; their inputs are among
    `inputs`, whose order it keeps. Name and alarm are the first one's, each keeps its own facts.
    """
    first = models[0]
    if any(model.labels or model.more or model.band for model in models[1:]) or first.labels:
        raise ModelError("several outputs are numbers, and only the first has an alarm")
    if any(model.bars for model in models):
        raise ModelError("error bars are for a model whose answer is one number")
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


# ---- recalibration ----


def place_of(model: Model) -> int:
    """Where in the chain gain and offset act: before the nodes that undo a root or a logarithm."""
    return _place(model.nodes)


def _place(nodes: tuple[Node, ...]) -> int:
    place = len(nodes)
    while isinstance(nodes[place - 1], (Power, Exp2)):
        place -= 1
    return place


def without_calibration(model: Model) -> Model:
    """The model as it was before any recalibration; itself where there was none."""
    kept = tuple(node for node in model.nodes if not isinstance(node, Calibrate))
    told = model.training.get(RECALIBRATED, {})
    layer = told.get("layer")  # that was fitted again
    if layer:
        place = _place(kept) - 1
        kept = (*kept[:place], from_dict(layer), *kept[place + 1 :])
    if kept == model.nodes:
        return model
    facts = {name: fact for name, fact in model.training.items() if name != RECALIBRATED}
    facts |= {name: told[name] for name in (PROOF,) if name in told}
    return replace(model, nodes=kept, training=facts)


def calibrated(model: Model, gain: int, offset: int, live: bool = False) -> Model:
    """The model with this gain and offset, in place of others; its answers stay within the interval
    that was proven without. `live`: a program's variables, which do not change the model's id.
    """
    require_numbers(model)
    base = without_calibration(model)
    place = place_of(base)
    inside = base.bounds[place - 1]
    node = Calibrate(gain, offset, inside.low[0], inside.high[0], int(live))
    return replace(base, nodes=(*base.nodes[:place], node, *base.nodes[place:]))


def adjustable(model: Model) -> Model:
    """The same model with a gain and an offset that a board can be told later; UsageError where it
    has a recalibration of its own.
    """
    if without_calibration(model) is not model:
        raise UsageError(
            f"model '{model.name}' is recalibrated already: take that back with `tinygen "
            "recalibrate MODEL.json --undo -o BASE.json`, and use BASE.json for the board"
        )
    return calibrated(model, Calibrate.unit, 0, live=True)


def live_calibration(model: AnyModel) -> Calibrate | None:
    """The gain and offset that a board can be told; None where there are none."""
    live = [n for n in getattr(model, "nodes", ()) if isinstance(n, Calibrate) and n.live]
    return live[0] if live else None


def require_numbers(model: Model) -> None:
    """UsageError where the model has no single number to put a gain on."""
    what = ""
    if model.more:
        what = f"has {len(model.outputs)} outputs"
    elif model.labels or isinstance(model.nodes[-1], Argmax):
        what = "names classes"
    elif "alarms" in model.training:
        what = "is a guard, which has no reference"
    if what:
        raise UsageError(f"model '{model.name}' {what}: recalibrate is for one output of numbers")
