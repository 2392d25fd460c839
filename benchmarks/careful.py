"""What `train --robust`, `--balance` and `--alarm-cost` do on the air-quality data: the figures of
docs/training.md.

    TINYGEN_DATA=FOLDER python benchmarks/careful.py [--json FILE] [--text FILE]

A random split with seed 0. The test rows are clean, and judge only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
from goals import TASKS, UNO, find_data
from result_files import run_page

from tinygen.common.tables import six_digits, table
from tinygen.data import Dataset, load_table, prepare
from tinygen.families import FAMILIES
from tinygen.families.mlp import Config
from tinygen.model.alarm_threshold import AlarmCost
from tinygen.model.model import Model
from tinygen.search.finalists import SearchRequest
from tinygen.search.model_search import find_ladder
from tinygen.search.sample_weights import weighed

FAULTY, RUN = 0.1, 20  # part of the training references, and rows for which one hangs
STOPS = (0.02, 0.98, 0.98)  # quantiles of the target at which it hangs
FAMILIES_SHOWN = ("lookup", "polynomial", "tree")
# of the nets: rows that each is fitted to, and how many their mean is of
UNITS, NET_ROWS, SEEDS = 16, 3000, 5
LEVEL, COST = 15.0, "5:1"


@dataclass(frozen=True)
class Errors:
    """Mean absolute errors on the clean test rows, in ug/m3, by what the training rows were."""

    what: str
    clean: float
    faulty: float
    faulty_robust: float
    clean_robust: float


@dataclass(frozen=True)
class Alarms:
    """Of the test rows, with the red LED above `threshold`."""

    threshold: float  # ug/m3
    missed: int
    false: int
    cost: float


def with_faults(dataset: Dataset, seed: int = 0) -> Dataset:
    """The data set with FAULTY of its training references wrong: half hang for RUN rows, half
    belong to other rows.
    """
    rng, train = np.random.default_rng(seed), dataset.train
    y, half = dataset.y.copy(), int(FAULTY * len(train)) // 2
    for start in rng.choice(len(train) // RUN, half // RUN, replace=False) * RUN:
        y[train[start : start + RUN]] = np.quantile(dataset.y[train], rng.choice(STOPS))
    swapped = rng.choice(train, half, replace=False)
    y[swapped] = rng.permutation(dataset.y[swapped])
    return dataset.with_rows(y=y)


def four(dataset: Dataset) -> tuple[Dataset, Dataset, Dataset, Dataset]:
    """Clean, faulty, faulty with --robust, clean with it."""
    faulty = with_faults(dataset)
    return dataset, faulty, weighed(faulty, robust=True), weighed(dataset, robust=True)


def found(dataset: Dataset, family: str, **asked) -> tuple[Model, np.ndarray]:
    """The model that a search chooses, and its raw answers to the test rows."""
    request = SearchRequest("model_1", UNO, family, choice_only=True, **asked)
    model = find_ladder(dataset, request).model
    columns = dataset.columns_of(model.inputs)
    return model, model.answer(dataset.x[dataset.test][:, columns])


def error(dataset: Dataset, answers: np.ndarray, places: np.ndarray | slice = slice(None)) -> float:
    wrong = np.abs(answers - dataset.y[dataset.test])[places]
    return six_digits(float(wrong.mean() * dataset.target.scale))


def robust(dataset: Dataset) -> list[Errors]:
    """Of each family, with all columns."""
    every = four(dataset)
    return [
        Errors(family, *(error(dataset, found(rows, family)[1]) for rows in every))
        for family in FAMILIES_SHOWN
    ]


def nets(dataset: Dataset) -> Errors:
    """Of nets in float, without the column that gives benzene away; the mean of the seeds."""
    thinned = np.sort(np.random.default_rng(0).choice(dataset.train, NET_ROWS, replace=False))
    few = replace(dataset, split=replace(dataset.split, train=thinned))
    told = []
    for rows in four(few):
        answers = [
            FAMILIES["mlp"]
            .fit(rows.training, Config((UNITS,), 1), seed)
            .predict(dataset.x[dataset.test])
            for seed in range(SEEDS)
        ]
        told.append(float(np.mean([error(dataset, a) for a in answers])))
    return Errors(f"net, {UNITS} units", *map(six_digits, told))


def balanced(dataset: Dataset) -> dict[str, list[float]]:
    """Errors of a linear model without and with --balance: highest tenth of the test rows, all."""
    truth = dataset.y[dataset.test]
    high = truth >= np.quantile(truth, 0.9)
    answers = [found(rows, "ridge")[1] for rows in (dataset, weighed(dataset, balance=True))]
    return {
        "highest tenth": [error(dataset, a, high) for a in answers],
        "all": [error(dataset, a) for a in answers],
    }


def alarms(dataset: Dataset) -> list[Alarms]:
    """Of a polynomial: at the level, and at the threshold that --alarm-cost learned."""
    cost = AlarmCost.parse(COST)
    model, answers = found(dataset, "polynomial", threshold=LEVEL, alarm_cost=cost)
    truth, scale = dataset.y[dataset.test] * dataset.target.scale > LEVEL, dataset.target.scale
    told = []
    for raw in (round(LEVEL / scale), model.threshold):
        red = answers > raw
        missed, false = int((truth & ~red).sum()), int((red & ~truth).sum())
        price = cost.miss * missed + cost.false * false
        told.append(Alarms(six_digits(raw * scale), missed, false, price))
    return told


def as_text(plain: dict) -> str:
    """Everything, for people."""
    heads = ["model", "clean rows", "faulty, without", "faulty, with --robust"]
    rows = [[e["what"], *(f"{v:.3f}" for v in list(e.values())[1:])] for e in plain["robust"]]
    tables = [table([*heads, "clean, with --robust"], rows)]
    rows = [[name, *(f"{v:.2f}" for v in pair)] for name, pair in plain["balance"].items()]
    tables.append(table(["linear model, test rows", "without", "with --balance"], rows))
    rows = [[f"{a['threshold']:g}", a["missed"], a["false"], a["cost"]] for a in plain["alarms"]]
    tables.append(table(["red LED above", "missed", "false", f"cost {COST}"], rows))
    return "\n\n".join(tables) + "\n"


def figures() -> dict:
    """All of them, as the JSON file has them."""
    data = load_table(find_data())
    whole, hard = (prepare(data, TASKS[t][1], inputs=TASKS[t][0], seed=0) for t in "AB")
    return {
        "robust": [asdict(e) for e in (*robust(whole), nets(hard))],
        "balance": balanced(hard),
        "alarms": [asdict(a) for a in alarms(hard)],
    }


if __name__ == "__main__":
    run_page(__doc__, figures, as_text)
