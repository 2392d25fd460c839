"""One run: the parts of every task, each saved as soon as it is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from peer_code import absent

from . import ours, theirs
from .grid import fit
from .measure import Point
from .parts import OURS, PARTS, PEERS, SAVED, SIDES, Part, read_saved, sources, titles, write_saved
from .peers import PACKAGES
from .tasks import Task

Say = Callable[[str], None]


def run(
    tasks: Iterable[Task],
    quick: bool,
    fresh: bool,
    say: Say,
    folder: Path = SAVED,
    sides: Sequence[str] = SIDES,
) -> None:
    """Measures what is not saved yet, one side of all tasks before the other; fresh: everything."""
    if PEERS in sides:
        _require_peers()
    lost: set[str] = set()  # tasks whose rows are not there
    for side, task in ((side, task) for side in sides for task in tasks):
        parts = read_saved(task.name, folder)
        done = {t for t, part in parts.items() if part.sources == sources(side) and not fresh}
        todo = [title for title in titles(side, quick) if title not in done]
        if task.name in lost or not todo:
            continue
        try:
            rows = len(task.dataset.y)
        except OSError as error:
            say(f"{task.name}: left out, {error.strerror}: {error.filename}")
            lost.add(task.name)
            continue
        for title in todo:
            say(f"{task.name}, {rows:,} rows: {title}")
            parts[title] = Part(sources(side), tuple(measured_part(task, title)))
            write_saved(task.name, parts, folder)


def _require_peers() -> None:
    """Ends the run where a generator is missing."""
    usual = np.geterr()
    missing = absent({p for p in PACKAGES if p != "float C"})
    np.seterr(**usual)  # emlearn makes an error of every underflow, of our search's as well
    if missing:
        raise SystemExit(f"not installed: {', '.join(missing)}: start this with `make bench`")


def measured_part(task: Task, title: str) -> list[Point]:
    """The search, or one estimator, fitted with a seed, through all ways of one side."""
    side, size = PARTS[title]
    if size is None:
        return ours.found_in_rows(task)
    fitted, rows = fit(task, size), task.dataset.x[task.dataset.test]
    reference = np.asarray(fitted.original.predict(rows.astype(float))).ravel()
    converted = ours.converted if side == OURS else theirs.converted
    return converted(task, fitted, size.title, reference)
