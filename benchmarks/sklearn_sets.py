"""scikit-learn's diabetes, wine, breast cancer and digits: what `tinygen` finds with default
settings, beside the usual models.

    python benchmarks/sklearn_sets.py [--sets wine,digits] [--seeds 5] [--json FILE] [--text FILE]

Every set is written as CSV text and goes the whole way: read, split (80/20, seeded), searched
without a budget, compiled, simulated. Everything is chosen on training rows. The usual models are
fitted in float to the same training rows and judged on the same test rows: a random forest of 100
trees, histogram gradient boosting, and logistic regression (ridge regression for the quantity).
Takes ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from chips import differing_rows
from result_files import write_results
from sklearn import datasets as sklearn_datasets

from tinygen.common.arithmetic import pin
from tinygen.common.boards import BOARDS
from tinygen.common.tables import table
from tinygen.data import Dataset, Table, prepare, read_table
from tinygen.search.comparators import compare
from tinygen.search.finalists import SearchRequest
from tinygen.search.ladder import Ladder, Rung
from tinygen.search.model_search import find_ladder

SETS = ("diabetes", "wine", "breast_cancer", "digits")
TARGET = "target"
UNO = BOARDS["uno"]
BOARDS_COMPARED = (UNO, BOARDS["megaatmega2560"])
USUAL = ("random forest, 100 trees", "gradient boosting", "logistic regression", "ridge")
# percentage points of the best usual model's error rate, per cent of its mean absolute error
WITHIN = 2.0


@dataclass(frozen=True)
class Found:
    """One search on one split, the chosen model judged on that split's test rows."""

    seed: int
    family: str
    error: float  # integer model as compiled: error rate, or mean absolute error
    float_error: float
    usual: dict[str, float]  # the same figure of the usual models
    rows: int
    differing: (
        int  # of them, answered differently by the host's C or a simulated chip than by the twin
    )
    flash_bytes: int
    ram_bytes: int  # with stack
    cycles: int  # worst
    others: dict[
        str, tuple[float, int]
    ]  # family -> test error and flash bytes of its best rung by cross-validation


@dataclass(frozen=True)
class Result:
    """A set and what was found for it, seed by seed."""

    name: str
    classes: int  # 0: a quantity
    found: tuple[Found, ...]

    @property
    def error(self) -> float:
        return float(np.mean([f.error for f in self.found]))

    @property
    def usual(self) -> dict[str, float]:
        """Mean error of each usual model."""
        return {
            name: float(np.mean([f.usual[name] for f in self.found]))
            for name in self.found[0].usual
        }

    @property
    def gap(self) -> float:
        """What the best usual model is better by: percentage points for classes, per cent for a
        quantity.
        """
        best = min(self.usual.values())
        return 100 * (self.error - best) if self.classes else 100 * (self.error / best - 1)

    def most(self, name: str) -> int:
        """The largest value of a figure over the seeds."""
        return max(getattr(f, name) for f in self.found)

    def families(self) -> dict[str, tuple[float, int]]:
        """Mean test error and largest flash of each family that every seed's ladder has."""
        names = set.intersection(*(set(f.others) for f in self.found))
        return {
            name: (
                float(np.mean([f.others[name][0] for f in self.found])),
                max(f.others[name][1] for f in self.found),
            )
            for name in sorted(names)
        }


def csv_table(name: str) -> Table:
    """One of scikit-learn's sets as a tinygen table, the last column its target: class labels or a
    number.
    """
    bunch = getattr(sklearn_datasets, f"load_{name}")()
    classes = list(map(str, getattr(bunch, "target_names", [])))
    lines = [",".join([*(str(n).replace(",", " ") for n in bunch.feature_names), TARGET])]
    for row, target in zip(bunch.data.tolist(), bunch.target.tolist()):
        # a digit's name is a number: "is 7" makes it a label
        lines.append(
            ",".join([*map(repr, row), f"is {classes[target]}" if classes else repr(target)])
        )
    return read_table(io.BytesIO("\n".join(lines).encode()), f"{name}.csv")


def run(names: list[str], seeds: int, say=print) -> list[Result]:
    """A result for each set."""
    results = []
    for name in names:
        data, found = csv_table(name), []
        for seed in range(seeds):
            say(f"{name}, seed {seed}")
            dataset = prepare(data, TARGET, seed=seed)
            found.append(_found(dataset, find_ladder(dataset, SearchRequest("model_1", UNO))))
        results.append(Result(name, len(dataset.labels), tuple(found)))
    return results


def _found(dataset: Dataset, ladder: Ladder) -> Found:
    chosen, metrics = ladder.rungs[ladder.chosen], ladder.model.training["metrics"]
    rows = dataset.x[dataset.test][:, dataset.columns_of(ladder.model.inputs)]
    differing = sum(differing_rows(ladder.model, rows, board) for board in BOARDS_COMPARED)
    usual = {b.name: b.error for b in compare(dataset) if b.name in USUAL}
    best: dict[str, Rung] = {}
    for rung in ladder.rungs:
        best[rung.model.family] = min(
            rung, best.get(rung.model.family, rung), key=lambda r: r.error
        )
    return Found(
        dataset.split.seed,
        ladder.model.family,
        _error(ladder.model),
        metrics["float_error_rate" if dataset.labels else "float_mae"],
        usual,
        len(rows),
        differing,
        chosen.cost.flash_bytes,
        chosen.ram_bytes,
        chosen.cost.cycles_max,
        {family: (_error(rung.model), rung.cost.flash_bytes) for family, rung in best.items()},
    )


def _error(model) -> float:
    return model.training["metrics"]["error_rate" if model.labels else "mae"]


# ---- text and JSON ----


def as_text(results: list[Result]) -> str:
    """The table, what is missed and what would reach it, the families and the seeds one by one."""
    headers = [
        "set",
        "tinygen",
        "float",
        "RF100",
        "HGB",
        "linear",
        "gap",
        "flash B",
        "RAM B",
        "cycles",
        "chip=twin",
        "within 2 %",
    ]
    body = [
        [
            r.name,
            _show(r, r.error),
            _show(r, np.mean([f.float_error for f in r.found])),
            *(_show(r, r.usual[name]) for name in USUAL if name in r.usual),
            f"{r.gap:+.2f} {'points' if r.classes else '%'}",
            r.most("flash_bytes"),
            r.most("ram_bytes"),
            r.most("cycles"),
            f"{sum(f.rows - f.differing for f in r.found):,}/{sum(f.rows for f in r.found):,}",
            "yes" if r.gap <= WITHIN else "no",
        ]
        for r in results
    ]
    lines = [
        table(headers, body),
        "",
        "Error: part of the test rows named wrongly, for diabetes the mean absolute error; mean "
        "over the seeds. "
        "Linear: logistic or",
        "ridge regression. Gap: to the best of the three. Flash, RAM (with stack) and cycles: "
        "the worst seed, on the Uno.",
        "",
    ]
    for r in results:
        if r.gap > WITHIN:
            better = {n: f for n, f in r.families().items() if f[0] < r.error}
            lines.append(
                f"missed  {r.name}: "
                + (
                    ", ".join(
                        f"{n} reaches {_show(r, e)} in {b:,} bytes" for n, (e, b) in better.items()
                    )
                    or "no other family is better"
                )
            )
    kinds = [
        [r.name, family, _show(r, error), flash]
        for r in results
        for family, (error, flash) in r.families().items()
    ]
    seeds = [
        [
            r.name,
            f.seed,
            f.family,
            _show(r, f.error),
            _show(r, f.float_error),
            _show(r, min(f.usual.values())),
            f.flash_bytes,
            f.ram_bytes,
            f.cycles,
        ]
        for r in results
        for f in r.found
    ]
    return (
        "\n".join(
            [
                *lines,
                "",
                table(["set", "family", "error", "flash B"], kinds),
                "",
                table(
                    [
                        "set",
                        "seed",
                        "family",
                        "tinygen",
                        "float",
                        "best usual",
                        "flash B",
                        "RAM B",
                        "cycles",
                    ],
                    seeds,
                ),
            ]
        )
        + "\n"
    )


def _show(result: Result, error: float) -> str:
    return f"{100 * error:.2f} %" if result.classes else f"{error:.4g}"


def as_json(results: list[Result]) -> str:
    """Everything that was measured, one result a line."""
    plain = [
        {
            "set": r.name,
            "classes": r.classes,
            "error": round(r.error, 6),
            "usual": {n: round(e, 6) for n, e in r.usual.items()},
            "gap": round(r.gap, 3),
            "within_2_percent": r.gap <= WITHIN,
            "seeds": [asdict(f) for f in r.found],
        }
        for r in results
    ]
    return "[\n" + ",\n".join(json.dumps(result) for result in plain) + "\n]\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="scikit-learn's four small sets, on the simulated Uno."
    )
    parser.add_argument(
        "--sets", default=",".join(SETS), help=f"comma-separated, of {', '.join(SETS)}"
    )
    parser.add_argument("--seeds", type=int, default=5, help="random splits per set")
    parser.add_argument("--json", type=Path, help="write the results as JSON")
    parser.add_argument("--text", type=Path, help="write the table as text")
    asked = parser.parse_args(arguments)
    names = [name for name in SETS if name in asked.sets.split(",")]
    if not names or asked.seeds < 1:
        parser.error(f"nothing asked for: use --sets {','.join(SETS)} and --seeds 1 or more")
    results = run(names, asked.seeds, lambda text: print(text, file=sys.stderr))
    write_results(as_text(results), as_json(results), asked.text, asked.json)
    return 0


if __name__ == "__main__":
    pin()
    sys.exit(main())
