"""What `tinygen recalibrate` does with 24 reference readings on the air-quality data.

    TINYGEN_DATA=FOLDER python benchmarks/recalibrate.py [--tasks B,C,E] [--starts 200]
        [--json FILE] [--text FILE]

A model is found on the first part of the rows by time, within the budget that goals.py gives to the
task. From a random start point of the rest, 24 readings with a reference, in a row or one a day,
recalibrate it; all rows after the last of them judge it. `year` is the time split of goals.py.
`0.3`, `0.4` and `0.5` are the same game inside of its training rows, of which that part is kept
back: the rule's constants were chosen on these. The whole table takes two minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import goals
import numpy as np
from result_files import run_main, write_results

from tinygen.common.tables import six_digits, table
from tinygen.data import Dataset, load_table, prepare
from tinygen.fitting.lowering import apply_all
from tinygen.fitting.recalibration import recalibrate, root_of
from tinygen.model.model import Model
from tinygen.model.operations.scale import Calibrate
from tinygen.model.outputs import calibrated, place_of

READINGS = 24
REST_DAYS = 7  # at least, that judge the last start point
WAYS = ("in a row", "one a day")
BUDGETS = {goal.task: goal.budget for goal in goals.GOALS if goal.split == "time"}
PARTS = ("year", "0.3", "0.4", "0.5")
MOST_WORSE = 2.0  # per cent, of any task of the year
LEAST_BETTER = {"C": 10.0}
T = TypeVar("T")  # what a game gives


@dataclass(frozen=True)
class Game:
    """One model, one way of reading, many start points; errors are means over these."""

    task: str
    part: str
    way: str
    starts: int
    rows: int  # that are kept back
    error: float  # mean absolute of the rows behind the readings, as the model is
    recalibrated: float  # with what the readings ask for, also where that is nothing
    plain: float  # with an offset and a gain by plain least squares
    refused: int  # start points
    worst: float  # of the start points, per cent

    @property
    def change(self) -> float:
        """Per cent; below 0 is better."""
        return 100 * (self.recalibrated / self.error - 1)

    def misses(self) -> list[str]:
        """What must hold for the year and does not."""
        if self.part != "year":
            return []
        least = LEAST_BETTER.get(self.task)
        if self.change > MOST_WORSE:
            return [f"worse by {self.change:.1f} %, at most {MOST_WORSE:g} %"]
        if least is not None and self.change > -least:
            return [f"better by {-self.change:.1f} %, at least {least:g} %"]
        return []


@dataclass(frozen=True)
class Held:
    """The rows that a model was not found on, in the order of time."""

    model: Model
    x: np.ndarray
    y: np.ndarray
    time: np.ndarray  # datetime64[s]

    @classmethod
    def of(cls, dataset: Dataset, model: Model) -> Held:
        columns = dataset.columns_of(model.inputs)
        test = dataset.test
        return cls(
            model, dataset.x[test][:, columns], dataset.y[test], dataset.provenance.time[test]
        )

    @classmethod
    def found(cls, dataset: Dataset, task: str) -> Held:
        """With the model that the search finds for the task."""
        return cls.of(dataset, goals._chosen(dataset, goals.TASKS[task][2], BUDGETS[task]).model)

    def start_points(self, count: int) -> np.ndarray:
        """Seeded positions of rows behind which 24 days of readings and REST_DAYS remain."""
        last = self.time[-1] - np.timedelta64((READINGS + REST_DAYS) * 24, "h")
        able = np.flatnonzero(self.time <= last)
        return np.random.default_rng(0).choice(able, count, replace=len(able) < count)

    def readings(self, start: int, way: str) -> np.ndarray:
        """Positions of 24 rows from `start` on; of one a day the first one 24 hours or more after
        the one before.
        """
        if way == WAYS[0]:
            return np.arange(start, start + READINGS)
        wanted = self.time[start] + np.arange(READINGS) * np.timedelta64(24, "h")
        return np.unique(np.searchsorted(self.time, wanted))

    def play(self, task: str, part: str, way: str, count: int) -> Game:
        before = np.abs(self.model.answer(self.x) - self.y)
        means, refused = [], 0
        for start in self.start_points(count):
            at = self.readings(start, way)
            rest = np.arange(at[-1] + 1, len(self.y))
            hours = (self.time[at] - self.time[at[0]]).astype(np.int64) / 3600
            found = recalibrate(self.model, self.x[at], self.y[at], hours)
            refused += not found.accepted
            changed = (found.model, self.plainly(at))
            errors = [np.abs(m.answer(self.x[rest]) - self.y[rest]).mean() for m in changed]
            means.append([before[rest].mean(), *errors])
        each = np.array(means) * self.model.output.scale
        worst = 100 * float((each[:, 1] / each[:, 0]).max() - 1)
        error, recalibrated, plain = map(six_digits, each.mean(axis=0))
        return Game(
            task,
            part,
            way,
            count,
            len(self.y),
            error,
            recalibrated,
            plain,
            refused,
            six_digits(worst),
        )

    def plainly(self, at: np.ndarray) -> Model:
        """The model with the offset and gain of plain least squares, in the same domain."""
        model = self.model
        rows = model.saturate(self.x[at])[0]
        v = apply_all(model.nodes[: place_of(model)], rows)[:, 0].astype(float)
        slope, level = np.polyfit(v, root_of(model).forward(self.y[at]), 1)
        gain = int(np.clip(round(slope * Calibrate.unit), *Calibrate.gains))
        return calibrated(model, gain, round(level * Calibrate.unit))


def datasets(task: str, parts: Sequence[str]) -> Iterator[tuple[str, Dataset]]:
    """The year of a task, and parts of its training rows, in the order of `parts`."""
    path = goals.find_data()
    inputs, target, _ = goals.TASKS[task]
    year = prepare(load_table(path), target, inputs=inputs, split="time")
    lines = path.read_bytes().split(b"\n")
    with tempfile.TemporaryDirectory() as folder:
        early = Path(folder) / "early.csv"  # the training rows alone
        early.write_bytes(b"\n".join(lines[: year.provenance.lines[year.test[0]] - 1]) + b"\n")
        inside = load_table(early)
    for part in parts:
        if part == "year":
            yield part, year
        else:
            fraction = float(part)
            yield (
                part,
                prepare(inside, target, inputs=inputs, split="time", test_fraction=fraction),
            )


def run(tasks: list[str], starts: int, say=print) -> list[Game]:
    """All games, the year's first of each task."""
    games = []
    for task in tasks:
        for part, dataset in datasets(task, PARTS):
            say(f"task {task}, {part}")
            held = Held.found(dataset, task)
            games += [held.play(task, part, way, starts) for way in WAYS]
    return games


def as_text(games: list[Game]) -> str:
    """The table, and what is missed."""
    headers = [
        "task",
        "part",
        "readings",
        "rows",
        "error",
        "recalibrated",
        "change %",
        "refused %",
        "worst %",
        "plain",
    ]
    body = [
        [
            g.task,
            g.part,
            g.way,
            f"{g.rows:,}",
            f"{g.error:.4g}",
            f"{g.recalibrated:.4g}",
            f"{g.change:+.1f}",
            f"{100 * g.refused / g.starts:.0f}",
            f"{g.worst:+.1f}",
            f"{g.plain:.4g}",
        ]
        for g in games
    ]
    lines = [
        table(headers, body),
        "",
        f"Mean absolute errors of all rows behind {READINGS} readings, means over "
        f"{games[0].starts} start points; plain: offset and gain by",
        "least squares. The constants of the rule were chosen on the parts 0.3, 0.4, 0.5 of the "
        "training rows;",
        "benchmarks/README.md tells how often the year was looked at.",
        "",
    ]
    lines += [f"missed  {g.task} {g.part} {g.way}: {miss}" for g in games for miss in g.misses()]
    return "\n".join(lines).rstrip("\n") + "\n"


def as_json(games: list[Game]) -> str:
    """One game a line."""
    plain = [{**asdict(g), "change": six_digits(g.change), "misses": g.misses()} for g in games]
    return "[\n" + ",\n".join(map(json.dumps, plain)) + "\n]\n"


def command(
    description: str,
    run: Callable[[list[str], int, Callable[[str], None]], list[T]],
    as_text: Callable[[list[T]], str],
    as_json: Callable[[list[T]], str],
    arguments: list[str] | None = None,
) -> int:
    """The command line of a game of 24 readings; its exit code."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--tasks", default="B,C,E", help="comma-separated, of B, C, E")
    parser.add_argument("--starts", type=int, default=200, help="start points")
    parser.add_argument("--json", type=Path, help="write the results as JSON")
    parser.add_argument("--text", type=Path, help="write the table as text")
    asked = parser.parse_args(arguments)
    tasks = [task for task in "BCE" if task in asked.tasks.split(",")]
    if not tasks or asked.starts < 1:
        parser.error("no game asked for: use --tasks B,C,E and --starts 1 or more")
    found = run(tasks, asked.starts, lambda text: print(text, file=sys.stderr))
    write_results(as_text(found), as_json(found), asked.text, asked.json)
    return 0


def main(arguments: list[str] | None = None) -> int:
    return command("24 reference readings, recalibrated.", run, as_text, as_json, arguments)


if __name__ == "__main__":
    run_main(main)
