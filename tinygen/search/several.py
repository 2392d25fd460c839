"""One search for each of several targets, under one budget for all of them.

Outputs run one after the other: their flash and their cycles add up, the stack they share. So each
target in turn may have an equal part of what is left: of two targets the first has half of the
budget, the second all that the first did not use. Where nothing is so small, the smallest model is
taken that fits what is left. What the outputs take together is measured at the end. Where that is
over the budget, for calling them takes some bytes as well, the choice is made again within so much
less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_array

from ..common.boards import Board, find_board
from ..common.errors import UsageError, show
from ..data import Dataset, Table
from ..data.columns import is_classification
from ..data.table import require_column
from ..model.model import MAX_VALUES, Model
from ..model.outputs import side_by_side
from ..target.bare import ModelCost, measure_cost
from ..target.build import NO_LIMITS, Budget
from .finalists import SearchRequest
from .ladder import Ladder, Rung, choose, limits_in_words
from .model_search import Progress, Searched, searched

ROUNDS = 4  # of choosing again where the outputs together are over the budget
Made = TypeVar("Made")


@dataclass(frozen=True)
class Joined:
    """A ladder for each target, and what their chosen models take as one."""

    ladders: tuple[Ladder, ...]
    cost: ModelCost  # of the model of all outputs, on the ladders' board

    @cached_property
    def model(self) -> Model:
        """The model of all outputs; `together` among its facts is its cost."""
        model = joined_model([ladder.model for ladder in self.ladders])
        together = cost_facts(self.ladders[0].board, model.optimize, self.cost)
        return replace(model, training={**model.training, "together": together})

    @staticmethod
    def of(ladders: tuple[Ladder, ...]) -> Joined:
        """The chosen models of ladders, compiled and simulated as one."""
        model = joined_model([ladder.model for ladder in ladders])
        return Joined(ladders, measure_cost(model, find_board(ladders[0].board)))


def find_ladders(
    datasets: Sequence[Dataset],
    request: SearchRequest,
    progress: Progress | None = None,
    dask: str | None = None,
) -> Joined:
    """The ladders of data sets that differ in their target alone. The alarm of the request is that
    of the first. UsageError where nothing fits what is left of the budget.
    """
    say, found = progress or (lambda text: None), []
    chosen: list[Rung] = []
    for k, dataset in enumerate(datasets):
        part = share(request.budget, [one.cost for one in chosen], len(datasets) - k)
        asked = replace(request, budget=part)
        if k:
            asked = replace(asked, threshold=None, alarm_below=None, alarm_cost=None)
        found.append(searched(dataset, asked, _about(dataset, say), dask))
        chosen = _chosen(found, request.budget, len(datasets))

    def make(budget: Budget) -> tuple[list[Rung], Model]:
        best = _chosen(found, budget, len(found))
        return best, joined_model([rung.model for rung in best])

    say("compiling and simulating all outputs together")
    chosen, _, cost = within(request.budget, request.board, make)
    ladders = []
    for k, (one, best) in enumerate(zip(found, chosen)):
        spent = [rung.cost for rung in chosen[:k]]
        part = share(request.budget, spent, len(found) - k)
        if not best.within(part):
            part = share(request.budget, spent, 1)
        ladder = one.ladder(best, _about(one.dataset, say))
        ladders.append(replace(ladder, budget=part))
    return Joined(tuple(ladders), cost)


def require_numbers_each(
    table: Table, targets: Sequence[str], task: str, categories: Sequence[str]
) -> list[str]:
    """The columns of several targets by their full names; UsageError where two are one column, or
    one holds classes or is a category.
    """
    names = [require_column(table, name) for name in targets]
    codes = {require_column(table, name) for name in categories}
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"column {show(name)} is named twice as a target: name it once")
        if name in codes:
            raise UsageError(f"column {show(name)} is a target: leave it out of --categories")
        if is_classification(table, name, task):
            raise UsageError(
                f"target {show(name)} holds classes, of several targets each is a number: train "
                "a model for it alone, or give --task regression where its codes are numbers"
            )
    return names


def _about(dataset: Dataset, say: Progress) -> Progress:
    return lambda text: say(f"{dataset.target.name}, {text}")


def _chosen(found: Sequence[Searched], budget: Budget, outputs: int) -> list[Rung]:
    """What each search chooses of a budget for so many outputs: the best within its part, or else
    the smallest within all that is left.
    """
    chosen: list[Rung] = []
    for k, one in enumerate(found):
        spent = [rung.cost for rung in chosen]
        try:
            chosen.append(choose(one.rungs, share(budget, spent, outputs - k), one.dataset))
        except UsageError:
            chosen.append(_smallest(one, share(budget, spent, 1), k))
    return chosen


def _smallest(one: Searched, rest: Budget, before: int) -> Rung:
    """The smallest rung within what is left of a budget; UsageError where none is."""
    good = [rung for rung in one.rungs if rung.within(rest)]
    if good:
        return min(good, key=lambda r: (r.cost.flash_bytes, r.cost.cycles_max, r.error))
    try:
        return choose(one.rungs, rest, one.dataset)
    except UsageError as error:
        left = ", behind the targets before it" if before else ""
        raise UsageError(f"target '{one.dataset.target.name}'{left}: {error}") from None


def share(budget: Budget, spent: Sequence[ModelCost], left: int) -> Budget:
    """What the next one of `left` outputs may cost behind those that cost `spent`."""

    def rest(limit: int | None, used: int, parts: int) -> int | None:
        return None if limit is None else max(0, limit - used) // parts

    return Budget(
        rest(budget.flash_bytes, sum(c.flash_bytes for c in spent), left),
        rest(budget.ram_bytes, sum(c.ram_bytes for c in spent), 1),
        rest(budget.cycles, sum(c.cycles_max for c in spent), left),
    )


def within(
    budget: Budget, board: Board, make: Callable[[Budget], tuple[Made, Model]]
) -> tuple[Made, Model, ModelCost]:
    """What `make` gives for a budget, its model of several outputs, and what that costs. Where all
    outputs together cost too much, `make` is asked again for so much less; UsageError where that
    does not help.
    """
    left, cost = budget, None
    for _ in range(ROUNDS):
        try:
            found, model = make(left)
        except UsageError:
            if cost is None:
                raise
            break
        cost = measure_cost(model, board)
        over = _excess(cost, budget)
        if not any(over):
            return found, model, cost
        left = Budget(*(limit and max(0, limit - o) for limit, o in zip(_limits(left), over)))
    assert cost is not None, "the first round has measured one"
    raise _over(model, cost, budget)


def _over(model: Model, cost: ModelCost, budget: Budget) -> UsageError:
    """What to say where all outputs together are over a budget."""
    names = ", ".join(q.name for q in model.outputs)
    return UsageError(
        f"{names} together need {cost.flash_bytes} bytes of flash, "
        f"{cost.ram_with_stack} of RAM and {cost.cycles_max} cycles, the budget is "
        f"{limits_in_words(budget)}: raise it"
    )


def _limits(budget: Budget) -> tuple[int | None, ...]:
    return budget.flash_bytes, budget.ram_bytes, budget.cycles


def _excess(cost: ModelCost, budget: Budget) -> list[int]:
    """By how much a cost is over each limit of a budget."""
    used = cost.flash_bytes, cost.ram_with_stack, cost.cycles_max
    return [0 if limit is None else max(0, u - limit) for u, limit in zip(used, _limits(budget))]


def cost_facts(board: str, optimize: str, cost: ModelCost) -> dict[str, Any]:
    """What a model of several outputs costs as one: plain JSON values, as its file keeps them."""
    return {"board": board, "optimize": optimize, **cost.plain()}


def together_facts(model: Model, cost: ModelCost, board: Board, budget: Budget) -> dict[str, Any]:
    """The same; UsageError where it is over the budget."""
    if any(_excess(cost, budget)):
        raise _over(model, cost, budget)
    return cost_facts(board.pio_id, model.optimize, cost)


def joined_model(models: Sequence[Model]) -> Model:
    """The model of all outputs, its inputs in the order in which the rows offered them; of one
    output that model itself.
    """
    if len(models) == 1:
        return models[0]
    known = {q.name: q for model in models for q in model.inputs}
    offered = models[0].training["candidate_inputs"]
    return side_by_side(models, [known[name] for name in offered if name in known])


# ---- estimators ----


def fit_each(estimator: Any, X: Any, Y: Any, sample_weight: Any) -> tuple[list[Any], Model]:
    """A fitted copy of the estimator for each column of Y (n, k), and the model of all of them. The
    budget is shared as above; the alarm is the first one's.
    """
    names = [str(name) for name in getattr(Y, "columns", ())]
    Y = check_array(Y, dtype=np.float64)
    names = names or [f"y{k}" for k in range(Y.shape[1])]
    if len(names) > MAX_VALUES:
        raise UsageError(f"{len(names)} targets: at most {MAX_VALUES} fit one answer")
    budget = Budget(estimator.max_flash, estimator.max_ram, estimator.max_cycles)

    def make(limits: Budget) -> tuple[list[Any], Model]:
        fits: list[Any] = []
        for k, (name, column) in enumerate(zip(names, Y.T)):
            spent = [one._spent for one in fits]
            flash, ram, cycles = _limits(share(limits, spent, len(names) - k))
            one = clone(estimator).set_params(max_flash=flash, max_ram=ram, max_cycles=cycles)
            if k:
                one.set_params(threshold=None, alarm_below=None)
            one.fit(X, column, sample_weight)
            one.model_ = replace(one.model_, output=replace(one.model_.output, name=name))
            fits.append(one)
        return fits, joined_model([one.model_ for one in fits])

    if budget == NO_LIMITS:
        return make(budget)
    return within(budget, find_board(estimator.board), make)[:2]
