"""What part of the references the error bars of `train --error-bars 0.9` cover: rows at random, and
in time order with and without a reference reading a day.

    TINYGEN_DATA=FOLDER python benchmarks/error_bars.py [--seeds 3] [--json FILE] [--text
    FILE] [--choose]

By time the model is what `train` chooses; at random it is a polynomial, whose search takes seconds.
--choose: inside of the training rows alone, what the rule's steps do, from which STEPS was chosen.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from goals import SENSORS, TASKS, UNO, WEATHER, find_data
from result_files import run_main, write_results
from sklearn.datasets import load_diabetes

from tinygen.common.tables import table
from tinygen.data import Dataset, Table, load_table, prepare
from tinygen.fitting.error_bars import covered, one_a_day
from tinygen.model.confidence.error_bars import STEPS, Covered, ErrorBars
from tinygen.model.model import Model
from tinygen.search.estimators import TinyRegressor
from tinygen.search.finalists import SearchRequest
from tinygen.search.model_search import find_ladder

LEVEL = 90
DRAWS = 200  # of the hour at which a day's reference is read
WANTED = 0.88, 0.92
TRIED = (0.1, 0.2, 0.3, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0)
EXAMPLES = {
    **{f"{task}: {TASKS[task][1]}": TASKS[task][:2] for task in ("B", "C", "E")},
    "CO(GT)": ((*SENSORS, *WEATHER), "CO(GT)"),
    "PT08.S5(O3)": ((*SENSORS[:4], *WEATHER), SENSORS[4]),
}


@dataclass(frozen=True)
class Found:
    """One example: a model, and what its bars cover of its test rows."""

    name: str
    split: str
    family: str
    half_width: str  # with its unit
    alone: Covered
    told: tuple[Covered, ...] = ()  # one for each draw of the hours

    def plain(self) -> dict:
        """Plain JSON values; of the draws what part is within."""
        return {**asdict(self), "told": [round(f.share, 4) for f in self.told]}

    @property
    def share(self) -> float:
        """The part that is within as the bars are used: told references where rows are in time."""
        return float(np.mean([f.share for f in self.told])) if self.told else self.alone.share


def model_of(dataset: Dataset, family: str) -> tuple[Model, np.ndarray]:
    """What a search chooses, with bars, and its answers to the test rows."""
    request = SearchRequest("model_1", UNO, family, choice_only=True, error_bars=LEVEL)
    model = find_ladder(dataset, request).model
    columns = dataset.columns_of(model.inputs)
    return model, model.answer(dataset.x[dataset.test][:, columns])


def told(model: Model, answers: np.ndarray, dataset: Dataset) -> tuple[Covered, ...]:
    """What the bars cover with a reference a day, for each draw of the hours. Single draws differ
    by 0.02: of 200 the mean is known to 0.002.
    """
    y, time = dataset.y[dataset.test], dataset.provenance.time[dataset.test]
    return tuple(covered(model, answers, y, one_a_day(time, k)) for k in range(DRAWS))


def by_time(data: Table, name: str) -> Found:
    """An example in time order."""
    inputs, target = EXAMPLES[name]
    dataset = prepare(data, target, inputs=inputs, split="time")
    model, answers = model_of(dataset, "auto")
    alone = covered(model, answers, dataset.y[dataset.test])
    return found_of(name, "time", model, alone, told(model, answers, dataset))


def at_random(data: Table, name: str, seeds: int) -> list[Found]:
    """An example with rows drawn at random, a split for each seed."""
    inputs, target = EXAMPLES[name]
    found = []
    for seed in range(seeds):
        dataset = prepare(data, target, inputs=inputs, seed=seed)
        model, answers = model_of(dataset, "polynomial")
        alone = covered(model, answers, dataset.y[dataset.test])
        found.append(found_of(name, "random", model, alone))
    return found


def diabetes(seeds: int) -> list[Found]:
    """442 patients: few rows, each held out once."""
    x, y = load_diabetes(return_X_y=True, scaled=False)
    found = []
    for seed in range(seeds):
        places = np.random.default_rng(seed).permutation(len(y))
        rows = TinyRegressor(random_state=seed)._rows(x, y, None)
        split = replace(rows.split, train=np.sort(places[88:]), test=np.sort(places[:88]))
        dataset = replace(rows, split=split)
        model, answers = model_of(dataset, "ridge")
        alone = covered(model, answers, dataset.y[dataset.test])
        found.append(found_of("diabetes (scikit-learn)", "random", model, alone))
    return found


def found_of(
    name: str, split: str, model: Model, alone: Covered, followed: tuple[Covered, ...] = ()
) -> Found:
    half = f"{model.output.difference(model.bars.half_width):.4g} {model.output.unit}".rstrip()
    return Found(name, split, model.family, half, alone, followed)


def as_text(found: list[list[Found]]) -> str:
    """A row for each example; of several seeds the mean."""
    rows = []
    for seeds in found:
        one = seeds[0]
        shares = [f.alone.share for f in seeds]
        row = [one.name, one.split, one.family, one.half_width, sum(f.alone.rows for f in seeds)]
        row.append(f"{np.mean(shares):.3f}")
        if one.told:
            each = [f.share for f in one.told]
            width = [f.narrowest for f in one.told] + [f.widest for f in one.told]
            row += [f"{one.share:.3f}", f"{min(each):.3f} .. {max(each):.3f}"]
            row.append(f"{min(width)} .. {max(width)}")
        else:
            row += ["-", "-", "-"]
        share = float(np.mean([f.share for f in seeds]))
        row.append("yes" if WANTED[0] <= share <= WANTED[1] else "no")
        rows.append(row)
    heads = ["target", "split", "family", "half-width", "test rows", "within"]
    heads += ["told one a day", f"{DRAWS} draws of the hour", "half-width, raw", "0.88 .. 0.92"]
    return table(heads, rows)


def choose(data: Table) -> str:
    """Coverage and mean largest half-width inside of the training rows, for each size of step."""
    rows = []
    inner = {}
    for name, (inputs, target) in EXAMPLES.items():
        dataset = prepare(data, target, inputs=inputs, split="time")
        order = dataset.train
        cut = len(order) - round(0.3 * len(order))
        split = replace(dataset.split, train=order[:cut], test=order[cut:])
        inner[name] = replace(dataset, split=split)
    fits = {name: model_of(dataset, "auto") for name, dataset in inner.items()}
    for steps in TRIED:
        row, off = [f"{steps:g}{' *' if steps == STEPS else ''}"], []
        for name, (model, answers) in fits.items():
            bars = ErrorBars.of(LEVEL, [model.bars.half_width] * 99, steps)
            each = told(replace(model, bars=bars), answers, inner[name])
            share = np.mean([f.share for f in each])
            off.append(abs(share - LEVEL / 100))
            widest = np.mean([f.widest for f in each]) / max(model.bars.half_width, 1)
            row.append(f"{share:.3f} ({widest:.1f}x)")
        rows.append([*row, f"{np.mean(off):.4f}"])
    alone = [
        f"{covered(model, answers, inner[name].y[inner[name].test]).share:.3f}"
        for name, (model, answers) in fits.items()
    ]
    rows.append(["none", *alone, ""])
    midnight = []
    for name, (model, answers) in fits.items():
        time, y = inner[name].provenance.time[inner[name].test], inner[name].y[inner[name].test]
        first = np.append(True, np.diff(time.astype("datetime64[D]")).astype(int) > 0)
        midnight.append(f"{covered(model, answers, y, first).share:.3f}")
    rows.append([f"{STEPS:g}, the first row of each day", *midnight, ""])
    return table(["steps", *EXAMPLES, "mean distance from 0.9"], rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--choose", action="store_true")
    given = parser.parse_args()
    data = load_table(find_data())
    if given.choose:
        print(choose(data))
        return 0
    found = [[by_time(data, name)] for name in EXAMPLES]
    found += [at_random(data, name, given.seeds) for name in EXAMPLES]
    found.append(diabetes(given.seeds))
    lines = ",\n".join(json.dumps(one.plain()) for seeds in found for one in seeds)
    write_results(as_text(found) + "\n", f"[\n{lines}\n]\n", given.text, given.json)
    return 0


if __name__ == "__main__":
    run_main(main)
