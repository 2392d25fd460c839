"""The ladder: measured models from the smallest to the largest, the chosen one, and their file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..common.errors import ModelError, UsageError
from ..common.files import json_of, ladder_path, write_whole
from ..common.tables import counted
from ..data import Dataset
from ..fitting.weighted import above_zero
from ..model.model import Model, from_json
from ..target.bare import ModelCost
from ..target.build import NO_LIMITS, Budget
from .comparators import Comparator
from .cross_validation import as_good_as

SCHEMA = 1
OPTION = "--max-{}"  # what a command calls a limit of a budget

Read = TypeVar("Read")


@dataclass(frozen=True)
class Rung:
    """One finalist: its integer model, its error in cross-validation, and its measured cost."""

    model: Model
    # over the folds: mean absolute in the output's unit, or the error rate; with what rounding cost
    error: float
    cost: ModelCost
    folds: tuple[float, ...] = ()  # the float model's error in each fold
    # the float model's raw answers to the test rows
    floats: tuple[float, ...] = field(default=(), compare=False, repr=False)
    # of the integer model, in the unit of `error`
    training_error: float = field(default=0.0, compare=False)
    # of each row of the folds, as `row_losses`, with what rounding cost; None without folds
    row_losses: np.ndarray | None = field(default=None, compare=False, repr=False)

    @property
    def ram_bytes(self) -> int:
        """Static RAM and the call's stack."""
        return self.cost.ram_with_stack

    def cheaper(self, other: Rung) -> bool:
        """True if it takes less flash, or fewer cycles at worst."""
        return (
            self.cost.flash_bytes < other.cost.flash_bytes
            or self.cost.cycles_max < other.cost.cycles_max
        )

    def within(self, budget: Budget) -> bool:
        """True if the rung fits: flash, static RAM and stack, worst cycles."""
        pairs = (
            (self.cost.flash_bytes, budget.flash_bytes),
            (self.ram_bytes, budget.ram_bytes),
            (self.cost.cycles_max, budget.cycles),
        )
        return not any(above(used, limit) for used, limit in pairs)


@dataclass(frozen=True)
class Ladder:
    """The finalists worth showing, from the smallest to the largest, and which one is chosen."""

    rungs: tuple[Rung, ...]
    chosen: int
    board: str  # the costs' board id
    # input of the chosen model -> part by which the error grows without it
    sensors: tuple[tuple[str, float], ...] = ()
    budget: Budget = NO_LIMITS  # that the choice had to keep
    comparators: tuple[Comparator, ...] = ()  # on the same test rows

    @property
    def model(self) -> Model:
        return self.rungs[self.chosen].model

    def with_facts(self, **facts) -> Ladder:
        """The ladder with more training facts in the chosen model."""
        rung = self.rungs[self.chosen]
        told = replace(rung, model=replace(rung.model, training={**rung.model.training, **facts}))
        return replace(
            self, rungs=(*self.rungs[: self.chosen], told, *self.rungs[self.chosen + 1 :])
        )


def above(used: int, limit: int | None) -> bool:
    """True if more is used than a limit allows; None is no limit."""
    return limit is not None and used > limit


def choose(rungs: list[Rung], budget: Budget, dataset: Dataset, option: str = OPTION) -> Rung:
    """The best affordable rung; where no budget is given, the smallest one that is as good, or
    worse by no more than chance explains.

    `rungs` come in order of preference. Under a split by time that order decides which one is best;
    else the error does, because it knows what rounding cost. Folds judge a configuration: among
    affordable models whose configurations are as good as the best one, the one that fits the
    training rows best was the luckiest fit. option: what the user calls a limit.
    """
    good = [rung for rung in rungs if rung.within(budget)]
    if not good:
        least = min(rungs, key=lambda r: r.cost.flash_bytes)
        raise UsageError(
            f"none of {counted(len(rungs), 'finalist')} fits the budget of "
            f"{limits_in_words(budget)}: "
            f"the smallest of them needs {least.cost.flash_bytes} bytes of flash, "
            f"{least.ram_bytes} of RAM and {least.cost.cycles_max} cycles; "
            f"raise {' or '.join(options_of(budget, option))}"
        )
    best = good[0] if dataset.split.by_time else min(good, key=lambda r: r.error)
    if dataset.split.by_time and budget != NO_LIMITS:
        return best
    enough = as_good_as(best.error, dataset)
    alike = [rung for rung in good if rung.error <= enough]
    if (
        budget != NO_LIMITS
    ):  # a budget says what may be spent; without one, no byte is spent in vain
        return min(alike, key=lambda r: (r.training_error, r.error))
    alike += [r for r in _unbeaten(good) if r not in alike and _by_chance(r, best)]
    return min(alike, key=lambda r: (r.cost.flash_bytes, r.error))


def _unbeaten(rungs: list[Rung]) -> list[Rung]:
    """The rungs without another that is no larger and better."""
    return [
        r
        for r in rungs
        if not any(o.cost.flash_bytes <= r.cost.flash_bytes and o.error < r.error for o in rungs)
    ]


def worth_showing(rungs: list[Rung], best: Rung, budget: Budget, dataset: Dataset) -> list[Rung]:
    """The rungs for a reader, from the smallest to the largest: `best`, the cheapest of the best of
    each family, which tells what the family had to give, and every other one that is not replaced
    by a rung which is shown. RAM counts with a budget only: a few bytes of stack tell models apart
    that are the same to their user.
    """
    shown = [best]
    for family in dict.fromkeys(rung.model.family for rung in rungs):
        members = [rung for rung in rungs if rung.model.family == family]
        enough = as_good_as(min(rung.error for rung in members), dataset)
        told = min((rung for rung in members if rung.error <= enough), key=_price)
        shown += [told] if told is not best else []
    for rung in sorted(rungs, key=_price):
        if not any(rung is other or _replaces(other, rung, budget, dataset) for other in shown):
            shown.append(rung)
    return sorted(shown, key=lambda r: (r.cost.flash_bytes, r.error))


def _replaces(one: Rung, other: Rung, budget: Budget, dataset: Dataset) -> bool:
    """True if a rung takes no more flash, cycles and inputs than another one, errs as little or
    less, and is within the budget if that one is.
    """
    cheap = all(a <= b for a, b in zip(_price(one), _price(other)))
    allowed = one.within(budget) or not other.within(budget)
    return cheap and allowed and one.error <= as_good_as(other.error, dataset)


def _price(rung: Rung) -> tuple[int, int, int]:
    return rung.cost.flash_bytes, rung.cost.cycles_max, len(rung.model.inputs)


def _by_chance(rung: Rung, best: Rung) -> bool:
    """True where the rows of the folds do not tell that a rung is worse than the best one."""
    if rung.row_losses is None or best.row_losses is None:
        return False
    return not above_zero(rung.row_losses - best.row_losses)


def limits_in_words(budget: Budget, form: str = "") -> str:
    """What a budget allows, in words, numbers in this format; what it does not limit is left
    out.
    """
    limits = {
        "bytes of flash": budget.flash_bytes,
        "bytes of RAM": budget.ram_bytes,
        "cycles": budget.cycles,
    }
    return ", ".join(
        f"{limit:{form}} {what}" for what, limit in limits.items() if limit is not None
    )


def options_of(budget: Budget, option: str = OPTION) -> list[str]:
    """The options that set the limits of a budget, which are what can be raised."""
    limits = vars(budget).items()
    return [
        option.format(name.removesuffix("_bytes")) for name, limit in limits if limit is not None
    ]


# ---- the file ----


def save_ladders(ladders: Sequence[Ladder], path: Path) -> None:
    """Writes whole ladders, models included, so that another rung can be picked later: of one
    output its ladder, of several a list of them.
    """
    each = [_plain(ladder) for ladder in ladders]
    plain = each[0] if len(each) == 1 else {"schema": SCHEMA, "outputs": each}
    write_whole(path, json.dumps(plain, indent=1) + "\n")


def _plain(ladder: Ladder) -> dict[str, Any]:
    rungs = [
        {
            "error": r.error,
            "folds": r.folds,
            "cost": r.cost.plain(),
            "model": json.loads(r.model.to_json()),
        }
        for r in ladder.rungs
    ]
    return {
        "schema": SCHEMA,
        "board": ladder.board,
        "chosen": ladder.chosen,
        "sensors": ladder.sensors,
        "budget": asdict(ladder.budget),
        "baselines": [asdict(c) for c in ladder.comparators],
        "rungs": rungs,
    }


def load_ladders(path: Path) -> tuple[Ladder, ...]:
    """The ladders that `save_ladders` wrote; ModelError if the file is missing or not one."""
    return search_file(path, _ladders_of)


def search_file(path: Path, read: Callable[[dict[str, Any]], Read]) -> Read:
    """What `read` makes of a file of ladders; ModelError if it is missing or not one."""
    if not Path(path).is_file():
        raise ModelError(
            f"search file '{path}' does not exist: `tinygen train` writes one beside the model"
        )
    try:
        plain = json_of(Path(path).read_text(encoding="ascii"))
        if "rungs" not in plain and ("nodes" in plain or "window_model" in plain):
            raise ModelError(f"'{path}' is a model file: give {ladder_path(Path(path))}")
        return read(plain)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"search file '{path}' is not as `tinygen train` writes it "
            f"({type(error).__name__}): train again"
        ) from None


def _ladders_of(plain: dict[str, Any]) -> tuple[Ladder, ...]:
    found = tuple(map(_ladder_of, plain.get("outputs") or [plain]))
    if len({ladder.board for ladder in found}) > 1:
        raise ValueError("outputs were measured on different boards")
    return found


def _ladder_of(plain: dict[str, Any]) -> Ladder:
    rungs = tuple(
        Rung(
            from_json(json.dumps(r["model"])),
            float(r["error"]),
            ModelCost(**r["cost"]),
            tuple(map(float, r["folds"])),
        )
        for r in plain["rungs"]
    )
    return Ladder(
        rungs,
        int(plain["chosen"]),
        str(plain["board"]),
        tuple((str(n), float(g)) for n, g in plain["sensors"]),
        Budget(**plain["budget"]),
        tuple(Comparator(**c) for c in plain["baselines"]),
    )


def pick_rung(ladder: Ladder, number: int) -> Model:
    """The model of rung `number`, counted from 1 as the ladder is printed."""
    require_rung(number, len(ladder.rungs))
    return ladder.rungs[number - 1].model


def require_rung(number: int, rungs: int) -> None:
    """UsageError unless there is a rung of this number, counted from 1."""
    if not 1 <= number <= rungs:
        raise UsageError(f"rung {number} does not exist: choose 1 to {rungs}")
