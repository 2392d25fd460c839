"""Measured models of signals from the smallest to the largest, and the chosen one. A model that
another one beats in error and flash is left out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ...common.errors import UsageError
from ...common.files import write_whole
from ...common.tables import counted
from ...model.signals import SignalModel
from ...model.signals.signal_model import KIND
from ...target.build import Budget
from ..ladder import above, limits_in_words, options_of, require_rung, search_file
from .costs import SignalCost

SCHEMA = 1
AS_GOOD = 0.01  # part of the windows that a smaller model may get wrong on top


@dataclass(frozen=True)
class SignalRung:
    """A model of signals, its error on held-back training recordings, and its cost."""

    model: SignalModel
    error: float  # part of the windows whose decision is wrong, over the folds
    cost: SignalCost
    config: Any = None  # of the window's model: what it is fitted with
    places: tuple[int, ...] = ()  # of its features among the candidates'

    def beaten_by(self, other: SignalRung) -> bool:
        """True where another one is better in error or flash, and in neither worse."""
        own = self.error, self.cost.flash_bytes
        theirs = other.error, other.cost.flash_bytes
        return theirs != own and all(a <= b for a, b in zip(theirs, own))

    def misses(self, budget: Budget, load: float) -> bool:
        """True where it needs more than a budget, or a larger part of the processor's time."""
        cost = self.cost
        return (
            above(cost.flash_bytes, budget.flash_bytes)
            or above(cost.ram_with_stack, budget.ram_bytes)
            or above(cost.cycles_window, budget.cycles)
            or cost.load > load
        )


@dataclass(frozen=True)
class SignalLadder:
    """Rungs from the smallest to the largest, and which one is chosen."""

    rungs: tuple[SignalRung, ...]
    chosen: int
    board: str  # the costs' board id
    budget: Budget
    load: float  # most of the processor's time

    @property
    def rung(self) -> SignalRung:
        return self.rungs[self.chosen]

    @property
    def model(self) -> SignalModel:
        return self.rung.model

    def with_facts(self, each: Sequence[dict[str, Any]]) -> SignalLadder:
        """The ladder with more training facts in the model of each rung."""
        rungs = [
            replace(rung, model=rung.model.with_facts(**facts))
            for rung, facts in zip(self.rungs, each)
        ]
        return replace(self, rungs=tuple(rungs))

    def picked(self, number: int) -> SignalLadder:
        """The same with rung `number` chosen, counted from 1; UsageError where there is none."""
        require_rung(number, len(self.rungs))
        return replace(self, chosen=number - 1)


def ladder_of(rungs: list[SignalRung], board: str, budget: Budget, load: float) -> SignalLadder:
    """The ladder whose chosen rung is the smallest of those that are about as good as the best one
    within the budget. UsageError where none fits.
    """
    ordered = sorted(rungs, key=lambda rung: (rung.cost.flash_bytes, rung.error))
    good = [rung for rung in ordered if not rung.misses(budget, load)]
    if not good:
        raise UsageError(_none_fits(ordered, budget, load))
    enough = min(rung.error for rung in good) + AS_GOOD
    best = next(rung for rung in good if rung.error <= enough)
    shown = [rung for rung in ordered if rung is best or not any(map(rung.beaten_by, ordered))]
    return SignalLadder(tuple(shown), shown.index(best), board, budget, load)


def _none_fits(ordered: list[SignalRung], budget: Budget, load: float) -> str:
    limits = ", ".join(filter(None, [limits_in_words(budget), f"{load:.0%} of the processor"]))
    options = " or ".join([*options_of(budget), "--max-load"])
    return (
        f"none of {counted(len(ordered), 'model')} of signals fits {limits}: the smallest of them "
        f"needs {ordered[0].cost.words}; raise {options}, or take a longer hop or a lower rate"
    )


def save_signal_ladder(ladder: SignalLadder, path: Path) -> None:
    """Writes the whole ladder, models included."""
    plain = {
        "kind": KIND,
        "schema": SCHEMA,
        "board": ladder.board,
        "chosen": ladder.chosen,
        "budget": asdict(ladder.budget),
        "load": ladder.load,
        "rungs": [
            {
                "error": rung.error,
                "cost": asdict(rung.cost),
                "model": json.loads(rung.model.to_json()),
            }
            for rung in ladder.rungs
        ],
    }
    write_whole(path, json.dumps(plain, indent=1) + "\n")


def load_signal_ladder(path: Path) -> SignalLadder | None:
    """The ladder that `save_signal_ladder` wrote; None where the file is of models of rows.
    ModelError where it is neither.
    """
    return search_file(path, _ladder_of)


def _ladder_of(plain: dict[str, Any]) -> SignalLadder | None:
    if plain.get("kind") != KIND:
        return None
    rungs = tuple(
        SignalRung(
            SignalModel.from_plain(rung["model"]), float(rung["error"]), SignalCost(**rung["cost"])
        )
        for rung in plain["rungs"]
    )
    chosen, load = int(plain["chosen"]), float(plain["load"])
    return SignalLadder(rungs, chosen, str(plain["board"]), Budget(**plain["budget"]), load)
