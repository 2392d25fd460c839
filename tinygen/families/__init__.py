"""Model families. Each file here declares `FAMILY`; that alone adds it everywhere.

A family fits floats and lowers them to nodes of the integer model:

- `candidates(rows)`: configurations worth trying, smallest first;
- `fit(rows, config, seed)`: a `Fitted` whose `predict` gives float raw outputs;
- `lower(fitted, rows)`: the chain of integer nodes.

`rows` are training rows only. `tasks` says what a family can do: "regression", "classification"
(rows with labels, `y` holds class indices) and "guard" (is a row unusual? `y` is not looked at).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..data import Rows
from ..fitting.fitted import Fitted
from ..model.nodes import Node


@dataclass(frozen=True)
class Family:
    """One way to fit a model and to lower it to integers."""

    name: str
    title: str  # for people: "lookup table with linear interpolation"
    candidates: Callable[[Rows], list[Any]]
    fit: Callable[[Rows, Any, int], Fitted]
    lower: Callable[[Fitted, Rows], tuple[Node, ...]]
    fit_many: Callable[[Rows, list[Any], int, bool], list[Fitted]] | None = (
        None  # where several sizes share their work
    )
    size: Callable[[Any], Any] = (
        repr  # what makes two configurations of one size; the better one goes on
    )
    under_drift: bool = True  # worth trying where the rows are split by time
    any_inputs: bool = True  # a configuration says nothing of particular inputs
    tasks: tuple[str, ...] = ("regression",)
    together: Callable[[Any], Any] = (
        repr  # what makes configurations come from one fit, where `fit_many` exists
    )
    least_bytes: Callable[[Any, int], int] = lambda config, inputs: (
        0
    )  # flash that no model of a configuration stays
    # below, for a number of inputs: calibrated on compiled ones

    def may_fit(self, config: Any, inputs: int, flash_bytes: int | None) -> bool:
        """False where a configuration is known to need more flash; True without a limit."""
        return flash_bytes is None or self.least_bytes(config, inputs) <= flash_bytes

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
