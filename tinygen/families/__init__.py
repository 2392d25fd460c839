"""Model families. Each file here declares `FAMILY`; that alone adds it everywhere.

A family fits floats and lowers them to nodes of the integer model:

- `candidates(rows)`: configurations worth trying, smallest first;
- `fit(rows, config, seed)`: a `Fitted` whose `predict` gives float raw outputs;
- `lower(fitted, rows)`: the chain of integer nodes.

`rows` are training rows only. `tasks` says what a family can do: "regression", "classification"
(rows with labels, `y` holds class indices) and "guard" (is a row unusual? `y` is not looked at).

`roles` says what else a family is used for, and with which configuration for given rows. No other
room names a family: it asks `with_role`.

- "safe": the plain model that under drift stays, unless another one is better in every fold;
- "few rows": the model where there are too few rows for folds;
- "judge rows": one of those that tell how far a row's target can be trusted;
- "judge inputs": the quick model that ranks inputs.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..data import Rows
from ..fitting.fitted import Fitted
from ..model.fixedpoint import Quantity
from ..model.nodes import Node

Run = Callable[[Callable[..., Any], list[tuple]], list[Any]]
ROLES = ("safe", "few rows", "judge rows", "judge inputs")


@dataclass(frozen=True)
class Guard:
    """How a family of the task "guard" becomes an alarm."""

    output: Quantity  # what its answer counts
    config: Callable[[float, int], Any]  # for a part of alarms among the rows, and inputs
    # raw threshold for the raw answers to the training rows and the part of them that may be above
    threshold: Callable[[np.ndarray, float], int]


@dataclass(frozen=True)
class Family:
    """One way to fit a model and to lower it to integers."""

    name: str
    title: str  # for people: "lookup table with linear interpolation"
    candidates: Callable[[Rows], list[Any]]
    fit: Callable[[Rows, Any, int], Fitted]
    lower: Callable[[Any, Rows], tuple[Node, ...]]  # takes what `fit` returns
    # where several sizes share their work; the last argument asks for drafts
    fit_many: Callable[[Rows, list[Any], int, bool], list[Any]] | None = None
    # a fit made better with an effort that only the chosen one is worth, and the rows that tell
    # whether it is; takes the errors in the folds of the family's configurations, and what calls a
    # picklable function for each tuple of arguments, where possible at once
    better: Callable[[Any, Rows, int, Mapping[Any, float], Run], tuple[Fitted, Rows]] | None = None
    # a draft that goes on without some inputs: of rows that hold the others, and their places
    without: Callable[[Any, Rows, tuple[int, ...], int], Fitted] | None = None
    # `lower` with coarser integers, for a rung of its own where it is smaller or quicker; the
    # chain may be empty
    coarser: Callable[[Any, Rows], tuple[Node, ...]] | None = None
    # what makes two configurations of one size; the better one goes on
    size: Callable[[Any], Any] = repr
    under_drift: bool = True  # worth trying where the rows are split by time
    loads_sklearn: bool = False  # its fits use scikit-learn, which takes 2 CPU seconds to load
    any_inputs: bool = True  # a configuration says nothing of particular inputs
    tasks: tuple[str, ...] = ("regression",)
    # what makes configurations come from one fit, where `fit_many` exists
    together: Callable[[Any], Any] = repr
    # flash that no model of a configuration stays below, for a number of inputs: calibrated on
    # compiled ones
    least_bytes: Callable[[Any, int], int] = lambda config, inputs: 0
    # the same for cycles
    least_cycles: Callable[[Any, int], int] = lambda config, inputs: 0
    # True of a configuration that is tried behind the others of its family; False of one of these
    # that the errors of those in the folds tell to be in vain
    waits: Callable[[Any], bool] = lambda config: False
    worth_trying: Callable[[Any, Mapping[Any, float]], bool] = lambda config, errors: True
    # True where the least error of each family tells that those that wait may err half as much
    may_gain: Callable[[Mapping[str, float]], bool] = lambda least: False
    # True of a configuration that the family's errors in the first fold tell to be in vain
    in_vain: Callable[[Any, Mapping[Any, float]], bool] | None = None
    # True of a configuration whose fit takes so long that only a budget of flash asks for it
    on_budget: Callable[[Any], bool] = lambda config: False
    most_rows: int | None = (
        None  # that a fit is searched on, before it is finished on all; None: all
    )
    roles: Mapping[str, Callable[[Rows], Any]] = field(default_factory=dict)
    guard: Guard | None = None  # of the task "guard"

    def may_fit(
        self, config: Any, inputs: int, flash_bytes: int | None, cycles: int | None = None
    ) -> bool:
        """False where a configuration is known to need more flash or cycles than a limit, or is
        tried on a budget only and there is none of flash.
        """
        if cycles is not None and self.least_cycles(config, inputs) > cycles:
            return False
        if flash_bytes is None:
            return not self.on_budget(config)
        return self.least_bytes(config, inputs) <= flash_bytes

    def fits_of(self, configs: list[Any]) -> list[list[Any]]:
        """The configurations by the fit they come from: what `fit_all` takes at once without doing
        work twice.
        """
        shared: dict[Any, list[Any]] = {}
        for config in configs:
            shared.setdefault(self.together(config), []).append(config)
        return list(shared.values())

    def fit_all(
        self, rows: Rows, configs: list[Any], seed: int, draft: bool = False
    ) -> list[Fitted]:
        """A fitted model per configuration; drafts are quick and serve to compare configurations
        only.
        """
        if self.fit_many:
            return self.fit_many(rows, configs, seed, draft)
        return [self.fit(rows, config, seed) for config in configs]


def _discover() -> dict[str, Family]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = (importlib.import_module(f"{__name__}.{name}") for name in names)
    return {m.FAMILY.name: m.FAMILY for m in modules if hasattr(m, "FAMILY")}


FAMILIES: dict[str, Family] = _discover()


def fit_all(
    name: str, rows: Rows, configs: list[Any], seed: int, draft: bool = False
) -> list[Fitted]:
    """`Family.fit_all` of a family by its name, which goes to another process where a family does
    not.
    """
    return FAMILIES[name].fit_all(rows, configs, seed, draft)


def with_role(role: str, task: str = "regression") -> list[Family]:
    """The families that have a role for a task; one at least, and only one where the role is that
    of a single model ("safe", "judge inputs").
    """
    return [f for f in FAMILIES.values() if task in f.tasks and role in f.roles]


def guards() -> dict[str, Guard]:
    """How each family of the task "guard" becomes an alarm, by name."""
    return {name: f.guard for name, f in FAMILIES.items() if f.guard}
