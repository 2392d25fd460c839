"""The one table of tasks: rows, a split, and how much smaller and quicker we claim to be there."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import goals
import numpy as np
from sklearn_sets import TARGET, csv_table

from tinygen.common.boards import BOARDS
from tinygen.data import Dataset, Provenance, Rows, Split, load_table, prepare
from tinygen.data.recordings.sides import parts_of
from tinygen.model.fixedpoint import Quantity

BOARDS_TRIED = (BOARDS["uno"], BOARDS["megaatmega2560"])  # the second where the first is too small
WINDOW = {"fan_accelerometer.csv": 50, "basic_motions.csv": 100}  # samples: 1 s and 10 s
MILLI = 0.001  # step of the features of windows
FOLDS = 5  # of recordings


@dataclass(frozen=True)
class Task:
    """What every model of it is trained on, and judged by."""

    name: str
    title: str
    load: Callable[[], Dataset]
    flash: float = 1 / 6  # of the best peer's at our error or worse: this project's goal
    cycles: float = 1 / 10
    threshold: float | None = None  # alarm level, in the target's unit

    @cached_property
    def dataset(self) -> Dataset:
        return self.load()


def air_quality(task: str, split: str) -> Dataset:
    """The rows of a task of goals.py; a random split has seed 0."""
    inputs, target, _ = goals.TASKS[task]
    return prepare(load_table(goals.find_data()), target, inputs=inputs, split=split, seed=0)


def sklearn_set(name: str) -> Dataset:
    return prepare(csv_table(name), TARGET, seed=0)


def windows(
    file: str, channels: tuple[str, ...], label: str, recording: tuple[str, ...]
) -> Dataset:
    """Recordings as a table: a row is the mean, the deviation and the range of each channel in a
    window. Every third speed of the fan tests, of the motions the official half; the folds hold out
    whole speeds and recordings as well. The last column of `recording` names these.
    """
    rows, labels, tests, groups = [], [], [], []
    for samples in _recordings(goals.find_data().parent / file, recording):
        wave = np.array([[float(s[c]) for c in channels] for s in samples])
        size = WINDOW[file]
        for start in range(0, len(wave) - size + 1, size):
            part = wave[start : start + size]
            rows.append(np.concatenate([part.mean(0), part.std(0), np.ptp(part, axis=0)]))
            labels.append(samples[0][label])
            tests.append(_tests(samples[0]))
            groups.append(samples[0][recording[-1]])
    x = np.rint(np.array(rows) / MILLI).astype(np.int64)
    names = [f"{kind} {c}" for kind in ("mean", "deviation", "range") for c in channels]
    tested = np.array(tests)
    split = _of_whole_groups(labels, groups, tested)
    return _classified(np.clip(x, -32767, 32767), names, labels, split, file)


def _of_whole_groups(labels: list[str], groups: list[str], tested: np.ndarray) -> Split:
    """The split, with folds that have no group on both sides."""
    train, test = np.flatnonzero(~tested), np.flatnonzero(tested)
    parts = parts_of([labels[k] for k in train], [groups[k] for k in train], FOLDS)
    held_out = [train[list(part)] for part in parts]
    cuts = tuple((np.setdiff1d(train, rows), rows) for rows in held_out)
    return Split(train, test, together=False, cuts=cuts)


def _recordings(path: Path, key: tuple[str, ...]) -> Iterator[list[dict]]:
    found: dict[tuple, list[dict]] = {}
    with path.open(encoding="ascii") as stream:
        for row in csv.DictReader(stream):
            found.setdefault(tuple(row[k] for k in key), []).append(row)
    yield from found.values()


def _tests(sample: dict) -> bool:
    if "part" in sample:
        return sample["part"] == "test"
    return int(sample["Rotation Speed Percentage"]) // 5 % 3 == 0


def _classified(
    x: np.ndarray, names: list[str], labels: list[str], split: Split, file: str
) -> Dataset:
    """Integer rows with class labels and a given split, as a data set."""
    classes = tuple(sorted(set(labels)))
    y = np.array([classes.index(v) for v in labels], dtype=np.int64)
    limits = x[split.train].min(0) * MILLI, x[split.train].max(0) * MILLI
    inputs = tuple(
        Quantity(name, "", MILLI, float(low), float(high))
        for name, low, high in zip(names, *limits)
    )
    output = Quantity("class", "", 1.0, 0.0, float(len(classes) - 1))
    return Dataset(Rows(x, y, inputs, output, classes), split, Provenance(file))


def _air(task: str, split: str, title: str) -> Task:
    alone = {"flash": 1 / 20, "cycles": 1 / 30} if task == "A" else {}
    level = goals.TASKS[task][2]
    name = f"{task} {split}"
    return Task(name, title, partial(air_quality, task, split), threshold=level, **alone)


FAN = ("x", "y", "z"), "Sensor Configuration", ("Sensor Configuration", "Rotation Speed Percentage")
MOTIONS = ("ax", "ay", "az", "gx", "gy", "gz"), "activity", ("recording",)
AIR = {
    "A": "benzene, all columns",
    "B": "benzene without the column that gives it away",
    "C": "NO2",
    "E": "NOx",
}
# the most important first: a run that is cut off has these
TASKS = {
    task.name: task
    for task in (
        *(_air(task, "random", title) for task, title in AIR.items()),
        *(_air(task, "time", title) for task, title in AIR.items()),
        *(
            Task(name, f"scikit-learn's {name.replace('_', ' ')}", partial(sklearn_set, name))
            for name in ("diabetes", "wine", "breast_cancer", "digits")
        ),
        Task("fan", "which weights a fan has", partial(windows, "fan_accelerometer.csv", *FAN)),
        Task("motions", "what a person does", partial(windows, "basic_motions.csv", *MOTIONS)),
    )
}
