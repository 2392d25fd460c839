"""What no rule of `tinygen recalibrate` can do with the 24 readings of recalibrate.py.

    TINYGEN_DATA=FOLDER python benchmarks/hindsight.py [--tasks B,C,E] [--starts 200]
        [--json FILE] [--text FILE]

Two rules that know the rows behind the readings, which decides nothing and bounds what may be
hoped for. `share`: one part of the mean residual, the same at every start point, that is best for
the rows behind all of them. `fit`: at each start point the offset and gain that are best for the
rows behind it. Both only where the mean residual is beyond a level of chance, in its standard
errors: at 1.0 a third of the readings without any drift passes. Five minutes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
from recalibrate import PARTS, READINGS, WAYS, Held, command, datasets
from result_files import run_main

from tinygen.common.tables import six_digits, table
from tinygen.fitting.lowering import apply_all
from tinygen.fitting.recalibration import recalibrate, root_of
from tinygen.model.operations.scale import Calibrate
from tinygen.model.outputs import calibrated, place_of

SHARES = np.arange(0, 1.21, 0.05)
OFFSETS = np.linspace(-2, 2, 41)  # in standard deviations of all residuals
GAINS = np.linspace(0.5, 2, 31)
LEVELS = (0.0, 1.0)  # of chance


@dataclass(frozen=True)
class Bound:
    """One model, one way of reading, one level of chance; per cent of the error as it is."""

    task: str
    part: str
    way: str
    level: float
    refused: float  # start points, per cent
    best_share: float  # with hindsight
    by_share: float
    by_fit: float | None  # None where it is not looked for

    def cells(self) -> list[str]:
        fit = "" if self.by_fit is None else f"{self.by_fit:+.1f}"
        numbers = [f"{self.refused:.0f}", f"{self.best_share:.2f}", f"{self.by_share:+.1f}", fit]
        return [self.task, self.part, self.way, f"{self.level:g}", *numbers]


class Hindsight:
    """The rows behind each start point, answered with any offset before the root is undone."""

    def __init__(self, held: Held, way: str, starts: int) -> None:
        self.held, self.model = held, held.model
        place = place_of(self.model)
        self.place = place
        self.v = apply_all(self.model.nodes[:place], self.model.saturate(held.x)[0])
        residuals = root_of(self.model).forward(held.y) - self.v[:, 0]
        self.spread = float(residuals.std())
        points = held.start_points(starts)
        at = [held.readings(start, way) for start in points]
        self.rest = [places[-1] + 1 for places in at]
        self.means = np.array([residuals[places].mean() for places in at])
        self.evidence = np.array([self._evidence(places) for places in at])
        self.before = np.array([self.error(k, 0.0) for k in range(len(at))])

    def _evidence(self, at: np.ndarray) -> float:
        """The mean residual in its standard errors, as `recalibrate` takes it."""
        hours = (self.held.time[at] - self.held.time[at[0]]).astype(np.int64) / 3600
        return recalibrate(self.model, self.held.x[at], self.held.y[at], hours).drift.evidence

    def error(self, k: int, offset: float, gain: float = 1.0) -> float:
        """Mean absolute of the rows behind a start point; the gain is around their mean."""
        rest = slice(self.rest[k], None)
        moved = offset + (1 - gain) * float(self.v[rest].mean())
        parts = round(gain * Calibrate.unit), round(moved * Calibrate.unit)
        same = parts == (Calibrate.unit, 0)
        nodes = self.model.nodes if same else calibrated(self.model, *parts).nodes
        answers = apply_all(nodes[self.place :], self.v[rest])[:, 0]
        return float(np.abs(answers - self.held.y[rest]).mean())

    def least_error(self, k: int) -> float:
        """By the best offset and gain, one after the other and again."""
        offset, gain, least = 0.0, 1.0, self.before[k]
        for _ in range(2):
            offset = min(self.spread * OFFSETS, key=lambda o, g=gain: self.error(k, o, g))
            gain = min(GAINS, key=lambda g, o=offset: self.error(k, o, g))
            least = min(least, self.error(k, offset, gain))
        return float(least)

    def change(self, after: list[float]) -> float:
        return six_digits(100 * (np.sum(after) / self.before.sum() - 1))

    def bound(self, level: float, fits: bool) -> tuple[float, float, float, float | None]:
        """Refused, best share, and the changes by it and by the best fits."""
        passes = self.evidence > level
        changes = [self.change(self._by(passes, lambda k, s=s: s * self.means[k])) for s in SHARES]
        best = int(np.argmin(changes))
        found = None
        if fits:
            found = self.change(
                [self.least_error(k) if ok else self.before[k] for k, ok in enumerate(passes)]
            )
        refused = six_digits(100 * float(1 - passes.mean()))
        return refused, six_digits(float(SHARES[best])), changes[best], found

    def _by(self, passes: np.ndarray, offset) -> list[float]:
        return [
            self.error(k, offset(k)) if ok else float(self.before[k]) for k, ok in enumerate(passes)
        ]


def run(tasks: list[str], starts: int, say=print) -> list[Bound]:
    """All bounds: of the year at each level of chance, of the parts of its training rows the best
    share alone.
    """
    found = []
    for task in tasks:
        for part, dataset in datasets(task, PARTS):
            say(f"task {task}, {part}")
            held = Held.found(dataset, task)
            for way in WAYS:
                known = Hindsight(held, way, starts)
                for level in LEVELS if part == "year" else LEVELS[:1]:
                    bound = known.bound(level, part == "year")
                    found.append(Bound(task, part, way, level, *bound))
    return found


def as_text(bounds: list[Bound]) -> str:
    headers = ["task", "part", "readings", "level", "refused %", "best share", "share %", "fit %"]
    lines = [
        table(headers, [bound.cells() for bound in bounds]),
        "",
        f"With hindsight: changes of the mean absolute error of all rows behind {READINGS}",
        "readings, by the best share of the mean residual, and by the best offset and gain at each",
        "start point. Level: of chance, in standard errors of the mean residual.",
    ]
    return "\n".join(lines) + "\n"


def as_json(bounds: list[Bound]) -> str:
    """One bound a line."""
    return "[\n" + ",\n".join(json.dumps(asdict(bound)) for bound in bounds) + "\n]\n"


def main(arguments: list[str] | None = None) -> int:
    return command("What hindsight makes of 24 readings.", run, as_text, as_json, arguments)


if __name__ == "__main__":
    run_main(main)
