"""Does the integer model fit the board and the budget? Of trees, how many would?"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np

from ..codegen.emit import render_header
from ..common.boards import Board
from ..common.errors import DoesNotFit, QuantizeError, UsageError
from ..model.model import Model
from ..search.ladder import Rung, limits_in_words, options_of
from ..target.bare import ModelCost, measure_cost
from ..target.build import FIRMWARE_FLASH, NO_LIMITS, Budget
from .convert import Converted, converted
from .graph import FloatModel, TreeMedian, TreeSum

TREES = TreeSum | TreeMedian

MORE_FLASH = 1.25  # times the balanced form's that a quicker one may take unasked
PAYS = 0.9  # part of flash times cycles that it must come down to


def affordable(
    found: Converted, board: Board, budget: Budget | None = None
) -> tuple[Converted, ModelCost]:
    """The model, its C written as board and budget ask for, and its cost; UsageError where it is
    beyond them. Of trees the message says how many would fit, and with what error.
    """
    budget = budget or NO_LIMITS
    try:
        model, cost = written(found.model, board, budget)
    except DoesNotFit as error:
        raise UsageError(f"{error}{_fewer(found, board, budget)}") from None
    if not Rung(model, 0.0, cost).within(budget):
        raise UsageError(
            f"the model needs {cost.flash_bytes} bytes of flash, "
            f"{cost.ram_with_stack} of RAM and {cost.cycles_max} cycles, beyond the "
            f"budget of {limits_in_words(budget)}: raise {' or '.join(options_of(budget))}"
            f"{_fewer(found, board, budget)}"
        )
    notes = (*found.notes, *_beside_firmware(found, board, cost))
    return replace(found, model=model, notes=notes), cost


def _beside_firmware(found: Converted, board: Board, cost: ModelCost) -> tuple[str, ...]:
    """A note where the model fits the board, but hardly beside the firmware of `tinygen build`."""
    beside = FIRMWARE_FLASH.get(board.serial, 0)
    room = board.flash_bytes - beside
    if not board.has_firmware or cost.flash_bytes <= room:
        return ()
    return (
        f"the model takes {cost.flash_bytes:,} of the {board.flash_bytes:,} bytes of flash, which "
        f"may be too much beside the firmware of `tinygen build`: `--max-flash {room}` keeps "
        f"{beside:,} for that{_fewer(found, board, Budget(flash_bytes=room))}",
    )


def written(model: Model, board: Board, budget: Budget = NO_LIMITS) -> tuple[Model, ModelCost]:
    """The model with balanced C, or with C for speed where that takes at most a quarter more flash
    and flash times cycles falls by a tenth, or with what alone fits the budget; and its cost.
    DoesNotFit if the balanced form is too large for the board.
    """
    first, text = Rung(model, 0.0, measure_cost(model, board)), render_header(model)
    forms = [first]
    for goal in ("speed", "size"):
        other = replace(model, optimize=goal)
        if render_header(other) != text:
            with suppress(DoesNotFit):
                forms.append(Rung(other, 0.0, measure_cost(other, board)))
    fit = [rung for rung in forms if rung.within(budget)]
    worth = [rung for rung in fit if rung is first or first not in fit or _pays(rung, first)]
    best = min(worth or forms[:1], key=_product)
    return best.model, best.cost


def _pays(rung: Rung, first: Rung) -> bool:
    return rung.cost.flash_bytes <= MORE_FLASH * first.cost.flash_bytes and _product(
        rung
    ) <= PAYS * _product(first)


def _product(rung: Rung) -> float:
    return float(rung.cost.flash_bytes) * rung.cost.cycles_max


def _fewer(found: Converted, board: Board, budget: Budget) -> str:
    """Words on how many of the trees fit; "" for another kind of model."""
    count = max((len(s.trees) for s in found.floats.steps if isinstance(s, TREES)), default=0)
    fits, beyond = 0, count
    best: Model | None = None
    while beyond - fits > 1:
        some = (fits + beyond) // 2
        model = _cut(found, some)
        if model is not None and _within(model, board, budget):
            fits, best = some, model
        else:
            beyond = some
    if best is None:
        return f"; not one of its {count} trees would fit" if count > 1 else ""
    return (
        f"; {fits} of its {count} trees would fit, with {_error(best, found)} on the test rows "
        f"where all have {_error(found.model, found)}"
    )


def _within(model: Model, board: Board, budget: Budget) -> bool:
    try:
        return Rung(model, 0.0, measure_cost(model, board)).within(budget)
    except DoesNotFit:
        return False


def _cut(found: Converted, count: int) -> Model | None:
    """The model of the first trees; None where they cannot be told apart in integers."""
    try:
        return converted(cut(found.floats, count), found.dataset, found.model.name).model
    except QuantizeError:
        return None


def cut(floats: FloatModel, count: int) -> FloatModel:
    """The float model with its first trees alone."""
    steps = tuple(s.first(count) if isinstance(s, TREES) else s for s in floats.steps)
    return replace(floats, steps=steps)


def _error(model: Model, found: Converted) -> str:
    """Mean absolute error, or part of rows that are wrong, against the targets of the test rows."""
    dataset = found.dataset
    x = dataset.x[dataset.test][:, dataset.columns_of(model.inputs)]
    y, answers = dataset.y[dataset.test], model.answer(x)
    if model.labels:
        return f"{float((answers != y).mean()):.2%} wrong"
    told = model.output.to_physical(answers) - found.model.output.to_physical(y)
    return f"{float(np.abs(told).mean()):.4g} {model.output.unit}".rstrip()
