"""Ours beside the best peers, one plain verdict a line.

The peers' configurations are a grid: the best of them at an error is chosen by the test rows, in
their favour, and the smallest and the quickest may be two. Ours at that error is one model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .measure import Point

CONVERTED_FLASH, CONVERTED_CYCLES = 1 / 2, 1 / 3  # of the best peer's: this project's goal
CHOSEN, LEVEL = "chosen by train", "at a peer's error"


@dataclass(frozen=True)
class Line:
    """One comparison."""

    task: str
    what: str  # CHOSEN, LEVEL, or the estimator that all converted
    error: float  # that each has, or less
    ours: Point | None
    small: Point | None  # the smallest peer of that error
    quick: Point | None  # the quickest
    flash_goal: float
    cycles_goal: float
    reached: bool = True  # False: no peer has that error, these have their lowest one
    best: float = 0.0  # where `ours` is None: our lowest error
    instead: str = ""  # a form of ours that keeps both goals, where the chosen one does not

    @property
    def flash(self) -> float | None:
        """Ours as a part of the smallest peer's; None where one is missing."""
        if not (self.ours and self.small):
            return None
        return self.ours.flash_bytes / self.small.flash_bytes

    @property
    def cycles(self) -> float | None:
        """The same of worst cycles and the quickest peer."""
        if not (self.ours and self.quick):
            return None
        return self.ours.cycles_max / self.quick.cycles_max

    @property
    def holds(self) -> bool | None:
        """None where no peer answers right: nothing is compared."""
        if not (self.small and self.quick):
            return None
        if not self.ours:
            return False
        return not self._misses()

    @property
    def why(self) -> str:
        """What misses, beside which peer; "" where the line holds."""
        if self.holds is None:
            return "no peer answers right"
        if self.ours is None:
            return f"no model of ours has this error, the best has {self.best:.4g}"
        told = [f"{self.instead} would hold"] if self.instead and not self.holds else []
        return "; ".join(self._misses() + told)

    def _misses(self) -> list[str]:
        assert self.ours and self.small and self.quick
        if self.ours.message or (self.ours.fitted and not self.ours.right):
            return [self.ours.message or f"ours {self.ours.otherwise}"]
        found = []
        for word, ratio, goal, peer in (
            ("flash", self.flash, self.flash_goal, self.small),
            ("cycles", self.cycles, self.cycles_goal, self.quick),
        ):
            assert ratio is not None
            if ratio > goal:
                ours = "" if self.ours.fitted else f", ours {self.ours.model.split(',')[0]}"
                where = "" if peer.board == self.ours.board else f" on the {peer.board}"
                theirs = f"{peer.package}'s {peer.model}{where}"
                found.append(f"{word} {ratio:.2f} over {goal:.2f} of {theirs}{ours}")
        return found

    def plain(self) -> dict:
        """As the JSON file keeps it."""
        told: dict = {"task": self.task, "what": self.what, "error": self.error}
        for name, point in (("ours", self.ours), ("small", self.small), ("quick", self.quick)):
            told[name] = point and f"{point.package}: {point.model}: {point.way}"
        ratios = {"flash": self.flash, "cycles": self.cycles}
        told |= {name: None if r is None else round(r, 4) for name, r in ratios.items()}
        goals = {"flash_goal": round(self.flash_goal, 4), "cycles_goal": round(self.cycles_goal, 4)}
        return told | goals | {"reached": self.reached, "holds": self.holds, "why": self.why}


def measured_only(points: Iterable[Point]) -> list[Point]:
    return [p for p in points if not p.message]


def front(points: Iterable[Point]) -> list[Point]:
    """Those that no other beats in error, flash and worst cycles at once, by error."""
    kept: list[Point] = []
    for p in sorted(measured_only(points), key=_figures):
        if not any(all(a <= b for a, b in zip(_figures(k), _figures(p))) for k in kept):
            kept.append(p)
    return kept


def _figures(p: Point) -> tuple[float, int, int]:
    return p.error, p.flash_bytes, p.cycles_max


def peers_of(points: Iterable[Point]) -> list[Point]:
    """The grid through the peers, whether they answer as their model does or not: the error is that
    of the chip.
    """
    return measured_only(p for p in points if not p.ours and p.fitted)


def found_lines(
    task: str, points: Sequence[Point], flash_goal: float, cycles_goal: float
) -> list[Line]:
    """Models found in the rows: the chosen one, then one line for each error of the peers' front;
    [] where one of the two sides is not measured.
    """
    mine = measured_only(p for p in points if p.ours and not p.fitted)
    peers = peers_of(points)
    if not mine or not peers:
        return []
    goals = flash_goal, cycles_goal
    lines = []
    for chosen in (p for p in mine if p.chosen):
        level = max(chosen.error, min(p.error for p in peers))
        reached = level == chosen.error
        told = Line(task, CHOSEN, chosen.error, chosen, *_best(peers, level), *goals, reached)
        lines.append(told)
    for level in dict.fromkeys(p.error for p in front(peers)):
        best = _best(peers, level)
        ours = _cheapest([p for p in mine if p.error <= level], best, goals)
        lowest = min(p.error for p in mine)
        lines.append(Line(task, LEVEL, level, ours, *best, *goals, best=lowest))
    return lines


def _best(peers: Sequence[Point], error: float) -> tuple[Point, Point]:
    able = [p for p in peers if p.error <= error]
    return min(able, key=lambda p: p.flash_bytes), min(able, key=lambda p: p.cycles_max)


def _cheapest(
    mine: list[Point], best: tuple[Point, Point], goals: tuple[float, float]
) -> Point | None:
    """The one that is farthest within both goals, or beyond them by least."""
    small, quick = best

    def beyond(p: Point) -> float:
        flash = p.flash_bytes / small.flash_bytes / goals[0]
        return max(flash, p.cycles_max / quick.cycles_max / goals[1])

    return min(mine, key=beyond, default=None)


def converted_lines(task: str, points: Sequence[Point]) -> list[Line]:
    """The peers' own estimators: what `convert` writes unasked, beside what answers right; none of
    one that either side has not been measured on.
    """
    lines = []
    for model in dict.fromkeys(p.model for p in points if p.fitted):
        group = [p for p in points if p.fitted and p.model == model]
        ours = next((p for p in group if p.ours and p.chosen), None)
        if ours is None or all(p.ours for p in group):
            continue
        right = [p for p in group if p.right and not p.ours]
        small = min(right, key=lambda p: p.flash_bytes, default=None)
        quick = min(right, key=lambda p: p.cycles_max, default=None)
        goals = CONVERTED_FLASH, CONVERTED_CYCLES
        line = Line(task, model, ours.error, ours, small, quick, *goals)
        forms = (replace(line, ours=p) for p in group if p.ours)
        holding = next((form.ours.way for form in forms if form.ours and form.holds), "")
        lines.append(replace(line, instead=holding))
    return lines
