"""Kinds of models that were tried and left out: what they take at least, beside what tinygen has.

    TINYGEN_DATA=FOLDER python benchmarks/tree_trials.py [--sets B,wine] [--json FILE] [--text FILE]

Each kind is fitted in the folds of the training rows, in several sizes; no test row is looked at.
Its bytes are counted and not compiled, in its favour (trial_fits.py). Beside each configuration
stands the smallest model of today's families, compiled for the Uno for size, that is as good: whose
folds are not worse beyond chance, by the paired test with which `train` chooses. What is shown of a
kind is the configuration for which that comparison is best. Nets are judged by their drafts.

The second table is about the model tree, which was tried here as well, and kept: the error in the
folds of the best model within so many cycles, with it and without. Ten minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from goals import FILE, TASKS
from result_files import run_main, write_results
from sklearn_sets import TARGET, UNO, csv_table
from trial_fits import KINDS

from tinygen.common.errors import ModelError, QuantizeError
from tinygen.common.tables import six_digits, table
from tinygen.data import Dataset, load_table, prepare
from tinygen.families import FAMILIES
from tinygen.fitting.weighted import above_zero
from tinygen.search.cross_validation import (
    Candidate,
    Trained,
    error_scale,
    fold_cuts,
    rank,
    row_losses,
)
from tinygen.search.quantization import quantize
from tinygen.search.workers import one_thread
from tinygen.target.bare import ModelCost, measure_cost

SETS = ("B", "C", "E", "diabetes", "breast_cancer", "digits", "wine")
CLASSES = ("breast_cancer", "digits", "wine")  # their error is a part of the rows
TREES = ("tree", "forest")
KEPT = "model_tree"
CYCLES = (500, 750, 1000, 2000)
THIRD = 1 / 3  # of today's trees: what was asked of trees that share


@dataclass(frozen=True)
class Beside:
    """The smallest model of today that is as good as what was tried."""

    family: str
    error: float
    bytes: int


@dataclass(frozen=True)
class Tried:
    """A kind on a set: the configuration that compares best."""

    set: str
    kind: str
    config: str
    error: float  # in the folds
    bytes: int  # at least
    today: Beside | None  # None: nothing is as good
    trees: Beside | None  # the same of today's trees and forests

    def part(self, beside: Beside | None) -> float:
        """Its bytes as a part of the other's; 0 where there is no other."""
        return self.bytes / beside.bytes if beside else 0.0


@dataclass(frozen=True)
class Quick:
    """The least errors in the folds within so many cycles."""

    set: str
    cycles: int
    without: float | None  # the model tree; None: nothing is so quick
    error: float | None


def dataset_of(name: str, folder: Path) -> Dataset:
    """One of SETS, split at random with seed 0."""
    if name in TASKS:
        inputs, target, _ = TASKS[name]
        return prepare(load_table(folder / FILE), target, inputs=list(inputs), seed=0)
    return prepare(csv_table(name), TARGET, seed=0)


def known(dataset: Dataset) -> dict[Candidate, ModelCost]:
    """Today's candidates, the best of each size, and what they cost for size."""
    found: dict[Candidate, ModelCost] = {}
    best: dict[tuple, Candidate] = {}
    for candidate in rank(dataset, "auto"):
        kind = FAMILIES[candidate.family]
        best.setdefault((kind.name, kind.size(candidate.config)), candidate)
    for name in dict.fromkeys(c.family for c in best.values()):
        by_config = {c.config: c for c in best.values() if c.family == name}
        for configs in FAMILIES[name].fits_of(list(by_config)):
            fits = FAMILIES[name].fit_all(dataset.training, configs, 0, draft=True)
            for config, fit in zip(configs, fits):
                try:
                    model = quantize(Trained(FAMILIES[name], config, fit), dataset)
                except (ModelError, QuantizeError):
                    continue
                cost = measure_cost(replace(model, optimize="size"), UNO)
                found[by_config[config]] = cost
    return found


def tried(dataset: Dataset, kind: str) -> dict[Candidate, float]:
    """Every configuration of a kind that all folds have, and its bytes, mean over the folds."""
    answers: dict[str, list[np.ndarray]] = {}
    sizes: dict[str, list[float]] = {}
    cuts = fold_cuts(dataset)
    for fit_on, held in cuts:
        for fit in KINDS[kind](dataset.rows.take(fit_on), dataset.x[held].astype(float)):
            answers.setdefault(fit.config, []).append(np.floor(fit.answers + 0.5))
            sizes.setdefault(fit.config, []).append(fit.bytes)
    found = {}
    for config, each in answers.items():
        if len(each) == len(cuts):
            losses = (dataset.rows.take(h).error(a) for (_, h), a in zip(cuts, each))
            found[Candidate(kind, config, tuple(losses), np.concatenate(each))] = sizes[config]
    return {candidate: float(np.mean(each)) for candidate, each in found.items()}


def compared(
    name: str, dataset: Dataset, costs: dict[Candidate, ModelCost], kind: str
) -> list[Tried]:
    """The configuration of a kind that takes the least part of today's bytes; none where the kind
    has no model for such rows.
    """
    sizes, scale = tried(dataset, kind), error_scale(dataset)
    losses = row_losses([*costs, *sizes], dataset)
    smallest = sorted(costs, key=lambda c: (costs[c].flash_bytes, c.error))

    def beside(one: Candidate, families: tuple[str, ...]) -> Beside | None:
        for other in smallest:
            if other.family in families and not above_zero(losses[other] - losses[one]):
                error = six_digits(other.error * scale)
                return Beside(other.family, error, costs[other].flash_bytes)
        return None

    every = [
        Tried(
            name,
            kind,
            str(one.config),
            six_digits(one.error * scale),
            round(size),
            beside(one, tuple(FAMILIES)),
            beside(one, TREES),
        )
        for one, size in sizes.items()
    ]
    every.sort(key=lambda t: (t.part(t.today), t.part(t.trees), t.bytes))
    return every[:1]


def quick(name: str, dataset: Dataset, costs: dict[Candidate, ModelCost]) -> list[Quick]:
    """Of numbers: the least errors within each of CYCLES."""
    if dataset.labels:
        return []
    found = []
    for most in CYCLES:
        within = [c for c, cost in costs.items() if cost.cycles_max <= most]
        others = [c for c in within if c.family != KEPT]
        least = [
            six_digits(min(c.error for c in some) * error_scale(dataset)) if some else None
            for some in (others, within)
        ]
        found.append(Quick(name, most, *least))
    return found


def run(names: list[str], folder: Path, say=print) -> tuple[list[Tried], list[Quick]]:
    """What was tried on each set."""
    found, fast = [], []
    for name in names:
        dataset = dataset_of(name, folder)
        with one_thread():
            costs = known(dataset)
            fast += quick(name, dataset, costs)
            for kind in KINDS:
                say(f"{name}, {kind}")
                found += compared(name, dataset, costs, kind)
    return found, fast


# ---- text and JSON ----


def _percent(error: float | None, name: str) -> str:
    if error is None:
        return "-"
    return f"{error:.1%}" if name in CLASSES else f"{error:.4g}"


def cells(one: Tried) -> list[str]:
    """A row of the table."""

    def of(beside: Beside | None) -> list[str]:
        if beside is None:
            return ["none is as good", ""]
        told = f"{beside.family}, {_percent(beside.error, one.set)}, {beside.bytes:,}"
        return [told, f"{one.part(beside):.2f}"]

    own = [one.set, one.kind, one.config, _percent(one.error, one.set), f"{one.bytes:,}"]
    return [*own, *of(one.today), *of(one.trees)]


HEADERS = ["set", "kind", "configuration", "error", "bytes at least",
           "smallest today, error, bytes", "part", "smallest tree or forest", "part"]  # fmt: skip
MARK = "<!-- figures: benchmarks/tree_trials.py -->\n"  # before a table of a page
QUICK = ["set", "cycles", "without the model tree", "with it"]


def quick_cells(one: Quick) -> list[str]:
    """A row of the second table."""
    errors = (_percent(error, one.set) for error in (one.without, one.error))
    return [one.set, f"{one.cycles:,}", *errors]


def verdict(kind: str, found: list[Tried]) -> str:
    """On how many sets a kind is smaller than all of today, and by how much than trees."""
    own = [t for t in found if t.kind == kind]
    smaller = [t.set for t in own if t.part(t.today) < 1]
    third = [t.set for t in own if t.part(t.trees) <= THIRD]
    return (
        f"{kind}: smaller than all of today on {len(smaller)} of {len(own)} sets"
        f"{' (' + ', '.join(smaller) + ')' if smaller else ''}, a third of today's trees on "
        f"{len(third)}{' (' + ', '.join(third) + ')' if third else ''}"
    )


def as_text(found: list[Tried], fast: list[Quick]) -> str:
    """Both tables and a verdict for each kind."""
    kinds = dict.fromkeys(t.kind for t in found)
    return "\n".join(
        [
            table(HEADERS, [cells(t) for t in found]),
            "",
            *(verdict(kind, found) for kind in kinds),
            "",
            table(QUICK, [quick_cells(q) for q in fast]),
            "",
        ]
    )


def page_tables(found: list[Tried], fast: list[Quick]) -> str:
    """Both tables as README.md has them."""

    def page_table(headers: list[str], rows: list[list[str]]) -> str:
        return "".join(
            f"| {' | '.join(row)} |\n" for row in (headers, ["---"] * len(headers), *rows)
        )

    kinds = page_table(HEADERS, [cells(t) for t in found])
    return f"{MARK}{kinds}\n{MARK}{page_table(QUICK, [quick_cells(q) for q in fast])}"


def as_json(found: list[Tried], fast: list[Quick]) -> str:
    """Everything that the tables tell."""
    plain = {"tried": [asdict(t) for t in found], "quick": [asdict(q) for q in fast]}
    return json.dumps(plain, indent=1) + "\n"


def from_json(text: str) -> tuple[list[Tried], list[Quick]]:
    """What `as_json` wrote."""
    plain = json.loads(text)

    def beside(one: dict | None) -> Beside | None:
        return Beside(**one) if one else None

    found = [
        Tried(**{**t, "today": beside(t["today"]), "trees": beside(t["trees"])})
        for t in plain["tried"]
    ]
    return found, [Quick(**q) for q in plain["quick"]]


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sets", default=",".join(SETS), help=f"of {', '.join(SETS)}, by commas")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--text", type=Path)
    asked = parser.parse_args(arguments)
    names = [name for name in SETS if name in asked.sets.split(",")]
    if not names:
        parser.error(f"nothing asked for: use --sets {','.join(SETS)}")
    folder = Path(os.environ.get("TINYGEN_DATA", ".")).expanduser()
    found, fast = run(names, folder, lambda text: print(text, file=sys.stderr))
    write_results(as_text(found, fast), as_json(found, fast), asked.text, asked.json)
    return 0


if __name__ == "__main__":
    run_main(main)
